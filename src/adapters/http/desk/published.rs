//! Figures the city published itself, beside ours of the same period.

use crate::adapters::http::desk::Desk;
use crate::adapters::http::desk::unit;
use crate::adapters::http::page::view::PublishedRow;
use crate::adapters::words;
use crate::domain::assessment::Assessment;
use crate::domain::calendar::Period;
use crate::domain::calendar::PeriodKind;
use crate::domain::registry::Item;
use crate::domain::registry::PublishedFigure;
use crate::domain::standards::Edition;
use crate::domain::target::judged;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;
use crate::flow::area::Area;
use crate::flow::assess::EditionChoice;

impl Desk<'_> {
    pub(super) fn published(&self) -> Vec<PublishedRow> {
        let Area::Group(group) = &self.area else {
            return Vec::new();
        };
        let figures = self.assessor.registry.published.iter();
        figures
            .filter(|figure| figure.group == *group)
            .map(|figure| self.published_row(figure))
            .collect()
    }

    fn published_row(&self, figure: &PublishedFigure) -> PublishedRow {
        let unit = unit(figure.item, self.lang);
        let with_unit = |value: String| format!("{value} {unit}").trim_end().to_owned();
        let ours = Period::parse(&figure.period).and_then(|period| {
            let auto = EditionChoice::Auto;
            let span = period.span;
            let report = self
                .assessor
                .periods(&self.area, span, PeriodKind::Whole, &auto, self.choices)
                .pop()?;
            let edition = self.edition(&report.assessment.edition);
            published_value(figure.item, edition, &report.assessment)
        });
        let printed = Exact::amount(figure.value);
        let change_unit = match figure.item {
            Item::GoodDayRatio => self.lang.pick("个百分点", "percentage points"),
            Item::GoodDays | Item::HeavyDays => unit.as_str(),
            _ => "%",
        };
        PublishedRow {
            period: figure.period.clone(),
            item: figure.item,
            published: with_unit(figure.value.to_string()),
            published_yoy: figure.change.map(|change| {
                let sign = if change.micros() > 0 { "+" } else { "" };
                format!("{sign}{change} {change_unit}")
            }),
            ours: ours.map(|value| with_unit(value.to_string())),
            matches: ours.map(|value| value.exact() == printed),
            source: words::side(&figure.source, self.lang),
        }
    }
}

/// A figure as published; `None` when there are no data for it.
fn published_value(item: Item, edition: &Edition, assessment: &Assessment) -> Option<Decimal> {
    match item {
        Item::Pm25Mean => assessment.pm25.published,
        other => judged(other, edition, assessment),
    }
}
