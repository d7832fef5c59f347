//! What the area's figures are measured against: its targets, with what the rest of the year must be.

use chrono::Datelike;

use crate::adapters::http::desk::Desk;
use crate::adapters::http::desk::station_tables::printed;
use crate::adapters::http::page::view::Against;
use crate::adapters::http::page::view::AgainstKind;
use crate::adapters::words;
use crate::domain::registry::Item;
use crate::domain::registry::Target;
use crate::flow::area::Area;
use crate::flow::assess::PeriodReport;
use crate::flow::pacing::Paces;

impl Desk<'_> {
    /// The targets of an item, of whatever year; only those of the year shown are judged.
    pub(super) fn targets(
        &self,
        item: Item,
        report: &PeriodReport,
        other: Option<&Paces>,
    ) -> Vec<Against> {
        let Area::Group(group) = &self.area else {
            return Vec::new();
        };
        let today = self.state.zone.local(self.state.now()).date_naive();
        let own = self.assessor.registry.targets.iter();
        let own = own.filter(|target| target.group == *group && target.item == item);
        let against = |target: &Target| {
            let standing = report.standings.iter().find(|found| found.id == target.id);
            let pacing = standing.map(|standing| words::pacing(standing, self.lang));
            let mut pacing = pacing.unwrap_or_default();
            let other = other.and_then(|other| {
                let mut standings = other.standings.iter();
                standings.find(|found| found.id == target.id)
            });
            if let Some(other) = other.filter(|_| standing.is_some()) {
                let side = match report.beside.deducted {
                    true => self
                        .lang
                        .pick("未扣除例外日时：", "every day as measured: "),
                    false => self.lang.pick("扣除例外日后：", "excluded days left out: "),
                };
                let lines = words::pacing(other, self.lang);
                if lines != pacing && !lines.is_empty() {
                    pacing.push(format!("{side}{}", lines.join(self.lang.pick("；", "; "))));
                }
            }
            Against {
                value: target.limit.to_string(),
                met: standing.and_then(|standing| standing.met),
                kind: AgainstKind::Target {
                    id: target.id.clone(),
                    year: target.year,
                    expired: target.year < today.year(),
                    issuer: words::side(&target.issuer, self.lang),
                    document: words::side(&target.document, self.lang),
                    pacing: pacing.iter().map(|line| printed(line)).collect(),
                },
            }
        };
        own.map(against).collect()
    }
}
