//! How a year stands against the goals of another authority's profile.
//!
//! WHO Global Air Quality Guidelines 2021: annual means, the 99th percentile of the days, the peak season of
//! ozone. Directive (EU) 2024/2881, Annex I: limit values with the days or hours a year that may exceed them. A
//! figure is rounded by the profile and compared; equal is kept. A goal of a year is judged over that calendar
//! year alone. Where there are too few days the answer is open, unless the exceedances there are decide it.

use chrono::Datelike;

use crate::domain::area::AreaDay;
use crate::domain::assessment::percentile;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::pollutant::Averaging;
use crate::domain::standards::Edition;
use crate::domain::standards::goal::Goal;
use crate::domain::standards::goal::Judged;
use crate::domain::units::Exact;

/// Months of the peak season of ozone.
const SEASON_MONTHS: usize = 6;
/// Years over which some exceedances are averaged.
const YEARS: i32 = 3;

/// How a span of days stands against one goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoalStanding {
    /// The goal.
    pub goal: Goal,
    /// The figure compared; `None` when it is a count or has too few days.
    pub figure: Option<Exact>,
    /// Days above the goal's value; for a goal of one hour, days with an hour above it.
    pub exceedance_days: u32,
    /// Days with a value.
    pub valid_days: u32,
    /// Whether the goal is kept; `None` when that is open.
    pub attained: Option<bool>,
    /// Why it is open.
    pub void_reason: Option<String>,
}

/// The profile's goals over the span, from its days; none when the edition has no goals.
///
/// # Panics
/// When a day stands under another edition: editions never mix within one figure.
pub fn goal_standings(edition: &Edition, span: Span, days: &[AreaDay]) -> Vec<GoalStanding> {
    let within: Vec<&AreaDay> = days.iter().filter(|day| span.contains(day.day)).collect();
    let same = |day: &&AreaDay| day.edition == edition.id;
    assert!(within.iter().all(same), "one figure, one edition");
    let of = |goal: &Goal| standing(edition, span, &within, goal);
    edition.goals.iter().map(of).collect()
}

fn standing(edition: &Edition, span: Span, days: &[&AreaDay], goal: &Goal) -> GoalStanding {
    let values: Vec<(&AreaDay, &Exact)> = days
        .iter()
        .filter_map(|day| Some((*day, value(day, goal)?)))
        .collect();
    let limit = Exact::amount(goal.value);
    let rounded = |value: &Exact| {
        value
            .round(edition.decimals[goal.pollutant.index()])
            .exact()
    };
    let exceeding = values.iter().filter(|(_, value)| rounded(value) > limit);
    let mut standing = GoalStanding {
        goal: goal.clone(),
        figure: None,
        exceedance_days: count(exceeding.count()),
        valid_days: count(values.len()),
        attained: None,
        void_reason: None,
    };
    let years = if matches!(goal.judged, Judged::ExceedancesOf3Years(_)) {
        YEARS
    } else {
        1
    };
    let need = edition.validity.year_days_min * years.unsigned_abs();
    let short =
        (standing.valid_days < need).then(|| format!("{} of {need} days", standing.valid_days));
    if !covers_years(span, years) {
        standing.void_reason = Some(match years {
            1 => "judged over a calendar year".to_owned(),
            more => format!("judged over {more} calendar years"),
        });
        return standing;
    }
    let only = values.iter().map(|(_, value)| *value);
    let figure = match goal.judged {
        Judged::Mean => Exact::mean(only),
        Judged::Percentile(percent) => percentile(only.collect(), percent),
        Judged::PeakSeason => peak_season(&values),
        Judged::Exceedances(allowed) | Judged::ExceedancesOf3Years(allowed) => {
            let most = allowed * years.unsigned_abs();
            exceedances(
                &mut standing,
                most,
                goal.averaging == Averaging::Hour1,
                days,
                short,
            );
            return standing;
        }
    };
    standing.figure = figure.filter(|_| short.is_none());
    standing.attained = standing
        .figure
        .as_ref()
        .map(|figure| rounded(figure) <= limit);
    standing.void_reason = short;
    standing
}

/// Counts decide against a goal however few days there are, and for it only with enough of them.
fn exceedances(
    standing: &mut GoalStanding,
    allowed: u32,
    of_hours: bool,
    days: &[&AreaDay],
    short: Option<String>,
) {
    let found = standing.exceedance_days;
    // Of hours only the largest one of a day is known here, and of several stations the mean of those.
    let alone = days.iter().all(|day| day.stations <= 1);
    if found > allowed && (!of_hours || alone) {
        standing.attained = Some(false);
    } else if short.is_some() {
        standing.void_reason = short;
    } else if !of_hours || found == 0 {
        standing.attained = Some(true);
    } else {
        let reason = format!("hours above it on {found} days; their number is not kept");
        standing.void_reason = Some(reason);
    }
}

fn value<'d>(day: &'d AreaDay, goal: &Goal) -> Option<&'d Exact> {
    let averaging = match goal.averaging {
        Averaging::Annual => Averaging::Hour24,
        other => other,
    };
    day.values.of(goal.pollutant, averaging)
}

/// The largest mean over six consecutive months of the span, each with a value.
fn peak_season(values: &[(&AreaDay, &Exact)]) -> Option<Exact> {
    let month = |day: &AreaDay| (day.day.year(), day.day.month());
    let months: Vec<&[(&AreaDay, &Exact)]> =
        values.chunk_by(|a, b| month(a.0) == month(b.0)).collect();
    let index = |part: &&[(&AreaDay, &Exact)]| {
        let (year, month) = month(part[0].0);
        i64::from(year) * 12 + i64::from(month)
    };
    let last = i64::try_from(SEASON_MONTHS - 1).expect("six");
    let season = |window: &[&[(&AreaDay, &Exact)]]| {
        let consecutive = index(&window[SEASON_MONTHS - 1]) - index(&window[0]) == last;
        let days = window
            .iter()
            .flat_map(|month| month.iter().map(|(_, value)| *value));
        Exact::mean(days).filter(|_| consecutive)
    };
    months.windows(SEASON_MONTHS).filter_map(season).max()
}

/// Whether the span is so many whole calendar years.
fn covers_years(span: Span, years: i32) -> bool {
    let (first, last) = (
        PeriodKind::Year.containing(span.from).span,
        PeriodKind::Year.containing(span.to).span,
    );
    first.from == span.from && last.to == span.to && span.to.year() - span.from.year() + 1 == years
}

fn count(length: usize) -> u32 {
    u32::try_from(length).expect("a century of days")
}
