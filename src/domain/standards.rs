//! An edition of the national air-quality standard, or another authority's profile to compare with: limits,
//! breakpoints, validity and rounding.
//!
//! The numbers live in `config/standards/`, one edition a file, each with its clause and how sure we are of
//! it. Here are their types and what must hold between them. A national edition is in force between two dates
//! and [`Editions::on`] finds the one of a day; a comparison profile is never found by date.

pub mod goal;
pub mod scale;

use std::fmt;

use chrono::Datelike;
use chrono::NaiveDate;

use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::goal::Goal;
use crate::domain::standards::scale::Above;
use crate::domain::standards::scale::Scale;
use crate::domain::standards::scale::Whole;
use crate::domain::units::Amount;

/// A limit of GB 3095.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Pollutant.
    pub pollutant: Pollutant,
    /// Averaging time.
    pub averaging: Averaging,
    /// Class I areas.
    pub class_1: Amount,
    /// Class II areas.
    pub class_2: Amount,
}

/// Least data a statistic needs (GB 3095 Table 4, HJ 663).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Minutes of sampling in an hour.
    pub hour_minutes_min: u32,
    /// Hours in a day.
    pub day_hours_min: u32,
    /// Hours in an eight-hour window.
    pub window_hours_min: u32,
    /// Windows in a day.
    pub windows_min: u32,
    /// Days in a month.
    pub month_days_min: u32,
    /// Days in a February.
    pub february_days_min: u32,
    /// Days in a year.
    pub year_days_min: u32,
}

impl Validity {
    /// Days the month of `day` needs.
    pub fn days_min_of_month(&self, day: NaiveDate) -> u32 {
        if day.month() == 2 {
            self.february_days_min
        } else {
            self.month_days_min
        }
    }
}

/// What share of its stations an area's day needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StationShare {
    /// Percent, for areas of many stations.
    pub share_pct_min: u32,
    /// Below this many stations the other share holds.
    pub few_stations: u32,
    /// Percent, for areas of few stations.
    pub few_share_pct_min: u32,
}

/// Which value of its stations an area's index is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AreaRule {
    /// Their mean (HJ 663 Table A.2).
    Mean,
    /// The highest one (US EPA).
    Highest,
}

/// What to do with a day or an hour in which a pollutant is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// There is no index.
    Void,
    /// The index of the others is published if it is above 100 (HJ 633-2026 5.3.1).
    PublishAbove100,
    /// The index of the others is published if a particle fraction is among them, as the national hourly feed
    /// does.
    PublishWithParticles,
    /// The index of the others is published.
    Publish,
}

impl Missing {
    const ALL: [Self; 4] = [
        Self::Void,
        Self::PublishAbove100,
        Self::PublishWithParticles,
        Self::Publish,
    ];

    /// The text used on every interface and in configuration.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Void => "void",
            Self::PublishAbove100 => "publish-above-100",
            Self::PublishWithParticles => "publish-with-particles",
            Self::Publish => "publish",
        }
    }

    /// From that text.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|missing| missing.key() == key)
    }
}

/// What the hourly index is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Realtime {
    /// HJ 633-2012 clause 5: hourly SO2, NO2, CO and O3, the moving eight hours of O3, the moving day of PM.
    Standard,
    /// Hourly means of all six, PM on the daily scale: HJ 633-2026 4.2.3, and what city sites and the national
    /// feed showed before it.
    HourlyPm,
    /// The US EPA's: NowCast of PM, moving eight hours of O3 and CO, hourly SO2, NO2 and O3.
    Nowcast,
}

impl Realtime {
    const ALL: [Self; 3] = [Self::Standard, Self::HourlyPm, Self::Nowcast];

    /// The text used on every interface and in configuration.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::HourlyPm => "hourly-pm",
            Self::Nowcast => "nowcast",
        }
    }

    /// From that text.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|realtime| realtime.key() == key)
    }
}

/// Class of an area by GB 3095 4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AreaClass {
    /// Nature reserves, scenic areas, national parks.
    One,
    /// Where people live and work, farmland.
    Two,
}

impl AreaClass {
    /// The number used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
        }
    }

    /// From that number.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::One, Self::Two]
            .into_iter()
            .find(|class| class.key() == key)
    }
}

/// At which temperature and pressure concentrations are stated over a span of dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceState {
    /// First day.
    pub from: NaiveDate,
    /// Last day; open when `None`.
    pub to: Option<NaiveDate>,
    /// Of gases.
    pub gases: String,
    /// Of particles.
    pub particles: String,
    /// The text that says so.
    pub clause: String,
}

/// Weight and rounding of a composite index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighting {
    /// Decimals of each single index and of their sum.
    pub decimals: u32,
    /// Weight by pollutant.
    pub weights: [i64; 6],
}

/// The composite index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composite {
    /// As the ranking rules have it.
    pub equal: Weighting,
    /// The "new algorithm", where the edition has one.
    pub weighted: Option<Weighting>,
}

/// One edition of the standard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// `2012`, `2026`, `2031`; `epa-2024`, `who-2021`, `eu-2024`.
    pub id: String,
    /// The documents' numbers.
    pub title: String,
    /// Whether it is another authority's, chosen by name and never by date.
    pub comparison: bool,
    /// First day in force.
    pub from: NaiveDate,
    /// Last day in force; open when `None`.
    pub to: Option<NaiveDate>,
    /// States concentrations are given at, by date.
    pub reference_states: Vec<ReferenceState>,
    /// Least data.
    pub validity: Validity,
    /// Whether an ozone day of too few windows counts when it exceeds the limit anyway.
    pub o3_exception: bool,
    /// Least share of stations.
    pub stations: StationShare,
    /// Which value of its stations an area's index is made of.
    pub area_rule: AreaRule,
    /// Whether concentrations are rounded before the index.
    pub round_first: bool,
    /// Decimals by pollutant, for rounding before the index and for judging.
    pub decimals: [u32; 6],
    /// How an index becomes a whole number.
    pub whole: Whole,
    /// Averaging time of each pollutant in the daily report.
    pub daily: [Averaging; 6],
    /// Further averaging times of the daily report; the larger sub-index of the pollutant counts.
    pub larger: Vec<(Pollutant, Averaging)>,
    /// Rule for days with a missing pollutant.
    pub missing: Missing,
    /// Definitions of the hourly index the edition allows; the first is its own.
    pub realtime: Vec<Realtime>,
    /// Rule for hours with a missing pollutant.
    pub hour_missing: Missing,
    /// Whether the daily report has the ozone one-hour maximum as a seventh item.
    pub o3_1h_item: bool,
    /// Breakpoint scales; none when the document has no index.
    pub scales: Vec<Scale>,
    /// Limits.
    pub limits: Vec<Limit>,
    /// Percentile assessed, by pollutant.
    pub percentiles: [Option<u32>; 6],
    /// Composite index, where the document has one.
    pub composite: Option<Composite>,
    /// What a comparison profile asks of a year.
    pub goals: Vec<Goal>,
    /// Every number's source and how sure we are of it: `(what, clause, confidence)`.
    pub citations: Vec<(String, String, String)>,
}

impl Edition {
    /// The scale of a pollutant and averaging time.
    pub fn scale(&self, pollutant: Pollutant, averaging: Averaging) -> Option<&Scale> {
        self.scales
            .iter()
            .find(|scale| scale.pollutant == pollutant && scale.averaging == averaging)
    }

    /// Whether the document has an index at all.
    pub fn has_index(&self) -> bool {
        !self.scales.is_empty()
    }

    /// The limit of a pollutant and averaging time in an area of the class.
    pub fn limit(
        &self,
        pollutant: Pollutant,
        averaging: Averaging,
        class: AreaClass,
    ) -> Option<Amount> {
        let matches = |limit: &&Limit| limit.pollutant == pollutant && limit.averaging == averaging;
        self.limits.iter().find(matches).map(|limit| match class {
            AreaClass::One => limit.class_1,
            AreaClass::Two => limit.class_2,
        })
    }

    /// The class II limit of a pollutant and averaging time.
    pub fn class_2(&self, pollutant: Pollutant, averaging: Averaging) -> Option<Amount> {
        self.limit(pollutant, averaging, AreaClass::Two)
    }

    /// Checks what must hold between the numbers.
    ///
    /// # Errors
    /// Every fault found, in words.
    pub fn check(&self) -> Result<(), Vec<String>> {
        let mut faults = Vec::new();
        if self.to.is_some_and(|to| to < self.from) {
            faults.push("`to` is before `from`".to_owned());
        }
        faults.extend(self.scales.iter().flat_map(Scale::faults));
        let items = Pollutant::ALL.map(|pollutant| (pollutant, self.daily[pollutant.index()]));
        for (pollutant, averaging) in items.into_iter().chain(self.larger.iter().copied()) {
            if self.has_index() && self.scale(pollutant, averaging).is_none() {
                faults.push(no_scale(pollutant, averaging));
            }
        }
        for scale in &self.scales {
            if let Above::Other(averaging) = scale.above
                && self.scale(scale.pollutant, averaging).is_none()
            {
                faults.push(no_scale(scale.pollutant, averaging));
            }
        }
        if self.has_index() && self.realtime.is_empty() {
            faults.push("index.realtime names no definition".to_owned());
        }
        for pollutant in Pollutant::ALL {
            let averaging = daily_averaging(pollutant);
            let key = pollutant.key();
            if !self.comparison && self.class_2(pollutant, averaging).is_none() {
                faults.push(format!("no limit for {key} {}", averaging.key()));
            }
            let percentile = self.percentiles[pollutant.index()];
            if percentile.is_some_and(|percent| !(1..=100).contains(&percent)) {
                faults.push(format!("percentiles.{key} must be 1 to 100"));
            }
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }
}

fn no_scale(pollutant: Pollutant, averaging: Averaging) -> String {
    format!("no scale for {} {}", pollutant.key(), averaging.key())
}

/// The averaging time of a pollutant's daily value: eight hours for ozone, the day for the others.
pub const fn daily_averaging(pollutant: Pollutant) -> Averaging {
    match pollutant {
        Pollutant::O3 => Averaging::Hour8,
        _ => Averaging::Hour24,
    }
}

/// All editions: those in force, in order of their dates, and the comparison profiles.
#[derive(Clone, Debug)]
pub struct Editions {
    in_force: Vec<Edition>,
    comparisons: Vec<Edition>,
}

/// Why a set of editions cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditionsFault(pub Vec<String>);

impl fmt::Display for EditionsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for EditionsFault {}

impl Editions {
    /// Checks each edition, and that the dates of those in force follow one another without gap or overlap.
    ///
    /// # Errors
    /// Every fault found.
    pub fn new(editions: Vec<Edition>) -> Result<Self, EditionsFault> {
        let mut faults = Vec::new();
        for edition in &editions {
            let named = |fault: String| format!("edition {}: {fault}", edition.id);
            faults.extend(edition.check().err().into_iter().flatten().map(named));
        }
        let (comparisons, mut in_force): (Vec<_>, Vec<_>) =
            editions.into_iter().partition(|edition| edition.comparison);
        in_force.sort_by_key(|edition| edition.from);
        for pair in in_force.windows(2) {
            if pair[0].to.and_then(|to| to.succ_opt()) != Some(pair[1].from) {
                let (before, after) = (&pair[0].id, &pair[1].id);
                faults.push(format!(
                    "edition {after} does not begin the day after {before} ends"
                ));
            }
        }
        if in_force.is_empty() {
            faults.push("no edition in force at all".to_owned());
        }
        if faults.is_empty() {
            Ok(Self {
                in_force,
                comparisons,
            })
        } else {
            Err(EditionsFault(faults))
        }
    }

    /// The edition in force on the day; days before the first edition are judged by it.
    pub fn on(&self, day: NaiveDate) -> &Edition {
        let by_then = |edition: &&Edition| edition.from <= day;
        let found = self.in_force.iter().rev().find(by_then);
        found.unwrap_or(&self.in_force[0])
    }

    /// The edition of that id, in force or for comparison.
    pub fn by_id(&self, id: &str) -> Option<&Edition> {
        self.named().find(|edition| edition.id == id)
    }

    /// Those in force at some time, oldest first.
    pub fn all(&self) -> &[Edition] {
        &self.in_force
    }

    /// Every one that can be asked for by name: those in force, oldest first, then the comparison profiles.
    pub fn named(&self) -> impl Iterator<Item = &Edition> {
        self.in_force.iter().chain(&self.comparisons)
    }
}
