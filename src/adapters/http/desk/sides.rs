//! Both sides of exclusions on the dashboard: which one a card shows, and what the other one says.

use crate::adapters::http::desk::Desk;
use crate::adapters::http::desk::signed;
use crate::adapters::words;
use crate::domain::assessment::change::Percent;
use crate::domain::assessment::change::Points;
use crate::domain::exclusion::Purpose;
use crate::domain::exclusion::Statistic;
use crate::domain::units::Decimal;
use crate::flow::assess::PeriodReport;
use crate::flow::beside::Applied;
use crate::flow::beside::BothSides;
use crate::flow::pacing::Paces;

/// The figure of a card.
#[derive(Clone, Copy)]
pub(super) enum Shown {
    Pm25,
    Ratio,
}

impl Shown {
    /// The statistic whose exclusions it goes by.
    fn statistic(self) -> Statistic {
        match self {
            Self::Pm25 => Statistic::Mean,
            Self::Ratio => Statistic::GoodDays,
        }
    }

    /// Value and change against the year before, both as published.
    fn of(self, (now, yoy): &BothSides) -> (Option<Decimal>, Option<Decimal>) {
        let yoy = yoy.as_ref();
        match self {
            Self::Pm25 => {
                let change = yoy.and_then(|yoy| yoy.pm25_pct);
                (now.pm25.published, change.map(Percent::number))
            }
            Self::Ratio => {
                let change = yoy.and_then(|yoy| yoy.good_day_ratio_pp);
                (now.days.ratio(), change.map(Points::number))
            }
        }
    }
}

impl Desk<'_> {
    /// Which side the card's figure is, by which decisions, and the other side's figure; nothing when no decision is
    /// about the figure.
    pub(super) fn excluded(&self, report: &PeriodReport, shown: Shown) -> Vec<String> {
        let Some(excluded) = report.beside.excluded.as_deref() else {
            return Vec::new();
        };
        let lang = self.lang;
        let (unit, change_unit) = match shown {
            Shown::Pm25 => (" µg/m³", " %"),
            Shown::Ratio => ("%", lang.pick(" 个百分点", " percentage points")),
        };
        let (own, other, sides) = match report.beside.deducted {
            true => (
                lang.pick("已扣除例外日", "excluded days left out"),
                lang.pick("未扣除：", "as measured: "),
                &excluded.before,
            ),
            false => (
                lang.pick("未扣除例外日", "every day as measured"),
                lang.pick("扣除后：", "excluded days left out: "),
                &excluded.after,
            ),
        };
        let (value, change) = shown.of(sides);
        let none = lang.pick("无效", "void");
        let value = value.map_or_else(|| none.to_owned(), |value| format!("{value}{unit}"));
        let change = change.map(|change| {
            let year = lang.pick("，同比 ", ", year on year ");
            format!("{year}{}{change_unit}", signed(change))
        });
        let about = |entry: &&Applied| entry.exclusion.concerns(Purpose::Report, shown.statistic());
        let entries: Vec<String> = excluded
            .entries
            .iter()
            .filter(about)
            .map(|entry| words::exclusion(&entry.exclusion, &entry.days, lang))
            .collect();
        if entries.is_empty() {
            return Vec::new();
        }
        let first = format!("{own}{}{other}{value}", lang.pick("；", "; "));
        std::iter::once(first + &change.unwrap_or_default())
            .chain(entries)
            .collect()
    }

    /// How the targets stand by the other side of the exclusions.
    pub(super) fn other_paces(&self) -> Option<Paces> {
        if self.assessor.registry.exclusions.is_empty() {
            return None;
        }
        let pacing = self.assessor.pacing(&self.area, self.span.to, self.choices);
        let beside = *pacing.excluded?;
        Some(match pacing.deducted {
            true => beside.before,
            false => beside.after,
        })
    }
}
