//! An edition of the national air-quality standard: its limits, breakpoints, validity and rounding.
//!
//! The numbers live in `config/standards/`, one edition a file, each with its clause and how sure we are of
//! it. Here are their types and what must hold between them. An edition is in force between two dates;
//! [`Editions::on`] finds the one of a day.

use std::fmt;

use chrono::Datelike;
use chrono::NaiveDate;

use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::units::Amount;

/// What becomes of a concentration above the last breakpoint of a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Above {
    /// The index stays at this number.
    Index(i64),
    /// No index at this averaging time; the one of the other averaging time is reported instead.
    Other(Averaging),
}

/// Breakpoints of one pollutant and averaging time, against [`Edition::levels`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Pollutant.
    pub pollutant: Pollutant,
    /// Averaging time.
    pub averaging: Averaging,
    /// Concentrations, strictly rising from zero; as many as levels or fewer.
    pub breakpoints: Vec<Amount>,
    /// Beyond the last one.
    pub above: Above,
}

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

/// What to do with a day on which a pollutant is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The day has no index (HJ 633-2012).
    Void,
    /// The index of the others is published if it is above 100 (HJ 633-2026 5.3.1).
    PublishAbove100,
}

/// Weight and rounding of the composite index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composite {
    /// Decimals each single index is rounded to before summing.
    pub decimals: u32,
    /// Weight by pollutant.
    pub weights: [i64; 6],
}

/// One edition of the standard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// `2012`, `2026`, `2031`.
    pub id: String,
    /// The documents' numbers.
    pub title: String,
    /// First day in force.
    pub from: NaiveDate,
    /// Last day in force; open when `None`.
    pub to: Option<NaiveDate>,
    /// Least data.
    pub validity: Validity,
    /// Whether an ozone day of too few windows counts when it exceeds the limit anyway.
    pub o3_exception: bool,
    /// The limit that exception speaks of.
    pub o3_exception_limit: Amount,
    /// Least share of stations.
    pub stations: StationShare,
    /// Whether concentrations are rounded before the index.
    pub round_first: bool,
    /// Decimals by pollutant, for rounding before the index and for judging.
    pub decimals: [u32; 6],
    /// Index values of the breakpoints.
    pub levels: Vec<i64>,
    /// Rule for days with a missing pollutant.
    pub missing: Missing,
    /// Whether the daily report has the ozone one-hour maximum as a seventh item.
    pub o3_1h_item: bool,
    /// Breakpoint scales.
    pub scales: Vec<Scale>,
    /// Limits.
    pub limits: Vec<Limit>,
    /// Percentile assessed, by pollutant.
    pub percentiles: [u32; 6],
    /// Composite index.
    pub composite: Composite,
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

    /// The class II limit of a pollutant and averaging time.
    pub fn class_2(&self, pollutant: Pollutant, averaging: Averaging) -> Option<Amount> {
        let matches = |limit: &&Limit| limit.pollutant == pollutant && limit.averaging == averaging;
        self.limits.iter().find(matches).map(|limit| limit.class_2)
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
        if self.levels.first() != Some(&0) || !rises(&self.levels) {
            faults.push("index.levels must rise from 0".to_owned());
        }
        for scale in &self.scales {
            let name = format!("scale {} {}", scale.pollutant.key(), scale.averaging.key());
            let count = scale.breakpoints.len();
            if count < 2 || count > self.levels.len() {
                faults.push(format!(
                    "{name}: {count} breakpoints for {} levels",
                    self.levels.len()
                ));
            }
            if scale.breakpoints.first() != Some(&Amount::from_units(0))
                || !rises(&scale.breakpoints)
            {
                faults.push(format!("{name}: breakpoints must rise from 0"));
            }
        }
        for pollutant in Pollutant::ALL {
            let averaging = daily_averaging(pollutant);
            let key = pollutant.key();
            if self.scale(pollutant, averaging).is_none() {
                faults.push(format!("no scale for {key} {}", averaging.key()));
            }
            if self.class_2(pollutant, averaging).is_none() {
                faults.push(format!("no limit for {key} {}", averaging.key()));
            }
            if !(1..=100).contains(&self.percentiles[pollutant.index()]) {
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

fn rises<T: PartialOrd>(values: &[T]) -> bool {
    values.windows(2).all(|pair| pair[0] < pair[1])
}

/// The averaging time of a pollutant's daily value: eight hours for ozone, the day for the others.
pub const fn daily_averaging(pollutant: Pollutant) -> Averaging {
    match pollutant {
        Pollutant::O3 => Averaging::Hour8,
        _ => Averaging::Hour24,
    }
}

/// All editions, in order of their dates.
#[derive(Clone, Debug)]
pub struct Editions(Vec<Edition>);

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
    /// Checks each edition and that their dates follow one another without gap or overlap.
    ///
    /// # Errors
    /// Every fault found.
    pub fn new(mut editions: Vec<Edition>) -> Result<Self, EditionsFault> {
        editions.sort_by_key(|edition| edition.from);
        let mut faults = Vec::new();
        for edition in &editions {
            let named = |fault: String| format!("edition {}: {fault}", edition.id);
            faults.extend(edition.check().err().into_iter().flatten().map(named));
        }
        for pair in editions.windows(2) {
            if pair[0].to.and_then(|to| to.succ_opt()) != Some(pair[1].from) {
                let (before, after) = (&pair[0].id, &pair[1].id);
                faults.push(format!(
                    "edition {after} does not begin the day after {before} ends"
                ));
            }
        }
        if editions.is_empty() {
            faults.push("no edition at all".to_owned());
        }
        if faults.is_empty() {
            Ok(Self(editions))
        } else {
            Err(EditionsFault(faults))
        }
    }

    /// The edition in force on the day; days before the first edition are judged by it.
    pub fn on(&self, day: NaiveDate) -> &Edition {
        let in_force = |edition: &&Edition| edition.from <= day;
        self.0.iter().rev().find(in_force).unwrap_or(&self.0[0])
    }

    /// The edition of that id.
    pub fn by_id(&self, id: &str) -> Option<&Edition> {
        self.0.iter().find(|edition| edition.id == id)
    }

    /// All of them, oldest first.
    pub fn all(&self) -> &[Edition] {
        &self.0
    }
}
