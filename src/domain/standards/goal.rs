//! What another authority's profile asks of a year: a mean, a percentile, or few enough exceedances.
//!
//! WHO Global Air Quality Guidelines 2021 (guideline levels and interim targets); Directive (EU) 2024/2881,
//! Annex I (limit values with the times a year they may be exceeded).

use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::units::Amount;

/// Which figure of a year is compared with a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// The mean over the year.
    Mean,
    /// The mean over the six consecutive months in which it is highest.
    PeakSeason,
    /// This percentile of the days.
    Percentile(u32),
    /// How many days, or hours for a goal of one hour, lie above it; so many may.
    Exceedances(u32),
    /// The same, as a mean over three years.
    ExceedancesOf3Years(u32),
}

/// One value to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// `AQG`, `IT-1` to `IT-4`; `limit`, `target`, `long-term`.
    pub stage: String,
    /// Pollutant.
    pub pollutant: Pollutant,
    /// Averaging time.
    pub averaging: Averaging,
    /// Not to be exceeded.
    pub value: Amount,
    /// The figure compared.
    pub judged: Judged,
    /// The text that says so.
    pub clause: String,
    /// How sure we are of the number.
    pub confidence: String,
}
