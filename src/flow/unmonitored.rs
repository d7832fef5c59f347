//! Pollutants that an area does not monitor by plan, and whether its AQI may be published all the same.
//!
//! HJ 633-2026 5.3.2: if three years of past data show that the pollutant never was the primary pollutant of a
//! polluted day, the AQI of the others is published normally, else by the rule on missing pollutants. The three
//! years are those before the plan's first day, each with the days the edition asks of a year; with fewer, nothing
//! is shown. An area has such a pollutant when the plans of all its stations say so. Where some of them monitor it,
//! the area does too, and the others miss nothing: the least share of stations is one of those that monitor it.
//! Hours go by the same rule, which speaks of the AQI at large, and by the same days: the primary pollutant of a
//! polluted **day** is what the past is asked for.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use chrono::Months;
use chrono::NaiveDate;

use crate::domain::aqi::GOOD_MAX;
use crate::domain::area::AreaDay;
use crate::domain::calendar::Span;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::registry::Registry;
use crate::domain::registry::Unmonitored;
use crate::domain::standards::Edition;

/// Years of past data the rule asks for.
const PAST_YEARS: u32 = 3;
/// Months in a year.
const YEAR_MONTHS: u32 = 12;

/// What is known of an area's plans, filled as days ask.
pub(super) struct Plans<'a> {
    registry: &'a Registry,
    /// By pollutant, the plan's first day and the edition: whether the past shows it may be left out.
    shown: BTreeMap<(usize, NaiveDate, String), bool>,
}

impl<'a> Plans<'a> {
    pub(super) fn of(registry: &'a Registry) -> Self {
        Self {
            registry,
            shown: BTreeMap::new(),
        }
    }

    /// How many of the stations do not monitor a pollutant on the day.
    pub(super) fn unplanned(&self, members: &[SourceId], day: NaiveDate) -> [u32; 6] {
        let mut counts = [0; 6];
        for station in members {
            let plans = self.registry.unmonitored.iter();
            let own = plans.filter(|plan| plan.station == *station && covers(plan, day));
            let own: BTreeSet<usize> = own.map(|plan| plan.pollutant.index()).collect();
            own.into_iter().for_each(|index| counts[index] += 1);
        }
        counts
    }

    /// The pollutants none of the stations monitors on the day, each with the first day of that.
    fn absent(&self, members: &[SourceId], day: NaiveDate) -> Vec<(Pollutant, NaiveDate)> {
        let plans = &self.registry.unmonitored;
        if plans.is_empty() || members.is_empty() {
            return Vec::new();
        }
        let covers = |plan: &&Unmonitored, station: &SourceId, pollutant: Pollutant| {
            plan.station == *station && plan.pollutant == pollutant && covers(plan, day)
        };
        let first = |pollutant: Pollutant| {
            let own = members.iter().map(|station| {
                let mut found = plans.iter().filter(|plan| covers(plan, station, pollutant));
                found.next().map(|plan| plan.from)
            });
            let days: Option<Vec<NaiveDate>> = own.collect();
            Some((pollutant, days?.into_iter().max()?))
        };
        Pollutant::ALL.into_iter().filter_map(first).collect()
    }

    /// Which pollutants the stations do not monitor on the day, and of these which do not count as missing.
    /// `days` gives the area's days of a span under the edition.
    pub(super) fn on(
        &mut self,
        edition: &Edition,
        members: &[SourceId],
        day: NaiveDate,
        days: impl Fn(Span) -> Vec<AreaDay>,
    ) -> Vec<(Pollutant, bool)> {
        let mut found = Vec::new();
        for (pollutant, from) in self.absent(members, day) {
            let key = (pollutant.index(), from, edition.id.clone());
            let shown = self.shown.entry(key).or_insert_with(|| {
                (0..PAST_YEARS).all(|back| shows(edition, pollutant, from, back, &days))
            });
            found.push((pollutant, *shown));
        }
        found
    }
}

/// Whether the plan holds on the day.
fn covers(plan: &Unmonitored, day: NaiveDate) -> bool {
    plan.from <= day && plan.to.is_none_or(|to| day <= to)
}

/// Whether the year that ended `back` years before the day has enough days, none of them polluted by it.
fn shows(
    edition: &Edition,
    pollutant: Pollutant,
    from: NaiveDate,
    back: u32,
    days: &impl Fn(Span) -> Vec<AreaDay>,
) -> bool {
    let before = |years: u32| from.checked_sub_months(Months::new(years * YEAR_MONTHS));
    let ends = before(back).and_then(|day| day.pred_opt());
    let Some((from, to)) = before(back + 1).zip(ends) else {
        return false;
    };
    let days = days(Span { from, to });
    let valid = days.iter().filter(|day| day.index.aqi.is_some());
    let polluted = |day: &AreaDay| {
        day.index.aqi.is_some_and(|aqi| aqi > GOOD_MAX) && day.index.primary.contains(&pollutant)
    };
    let enough = edition.validity.year_days_min as usize;
    valid.count() >= enough && !days.iter().any(polluted)
}
