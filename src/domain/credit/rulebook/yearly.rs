//! Editions that are scored by the year. Their tables of points are unpublished; the bands are known.

use crate::domain::credit::Confidence;
use crate::domain::credit::Tier;
use crate::domain::credit::rulebook::Figure;
use crate::domain::credit::rulebook::RulebookFault;
use crate::domain::credit::rulebook::band_of;
use crate::domain::credit::rulebook::check::check_bands;
use chrono::NaiveDate;

/// An edition that is scored by the year, unchecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YearlyParts {
    /// Identifier.
    pub id: String,
    /// Title in Chinese.
    pub title_zh: String,
    /// Title in English.
    pub title_en: String,
    /// Where it applied.
    pub jurisdiction: String,
    /// First day in force.
    pub in_force_from: NaiveDate,
    /// Digest of the file's bytes.
    pub sha256: String,
    /// Highest score.
    pub scale_max: Figure<i32>,
    /// Least score of each colour, best first; below the last it is black.
    pub bands: Vec<(Tier, Figure<i32>)>,
}

/// An edition of which the bands alone are known: the authority gives each year a score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YearlyBook(YearlyParts);

impl YearlyBook {
    /// Checks the bands.
    ///
    /// # Errors
    ///
    /// Every fault found.
    pub fn new(parts: YearlyParts) -> Result<YearlyBook, Vec<RulebookFault>> {
        let mut faults = Vec::new();
        check_bands(&parts.bands, parts.scale_max.value, &mut faults);
        if faults.is_empty() {
            Ok(YearlyBook(parts))
        } else {
            Err(faults)
        }
    }

    /// The checked parts.
    #[must_use]
    pub fn parts(&self) -> &YearlyParts {
        &self.0
    }

    /// The colour of a year's score, with the mark of the band edge it rests on.
    #[must_use]
    pub fn band(&self, score: i32) -> (Tier, Confidence) {
        band_of(&self.0.bands, score)
    }
}
