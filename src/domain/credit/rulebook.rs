//! A rulebook: every figure of one edition of the credit rule, with the mark of how firmly it is known.
//!
//! The Jiangsu rule in force since 2020-01-01 (苏环规〔2019〕5号) is published without its point table, so rows
//! are data with a mark each, and none is written into code. This module knows the shape a rulebook must have
//! and refuses one that contradicts itself; reading the file is an adapter's work.

mod check;

pub mod consequence;

pub mod yearly;

use crate::domain::credit::Code;
use crate::domain::credit::Confidence;
use crate::domain::credit::Tier;
use crate::domain::credit::rulebook::check::check_bands;
use crate::domain::credit::rulebook::check::check_codes;
use crate::domain::credit::rulebook::check::check_initial;
use crate::domain::credit::rulebook::check::check_points;
use crate::domain::credit::rulebook::check::check_policies;
use crate::domain::credit::rulebook::consequence::Policy;
use crate::domain::credit::rulebook::consequence::RedRepeat;
use crate::domain::credit::rulebook::consequence::Tariff;
use chrono::Days;
use chrono::Months;
use chrono::NaiveDate;

/// A figure and how firmly it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure<T> {
    /// The figure.
    pub value: T,
    /// How firmly it is known.
    pub mark: Confidence,
    /// Where it comes from, in a few words.
    pub source: String,
}

/// A length of time, in calendar months and, for rulebooks that count days, in days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Calendar months.
    pub months: u32,
    /// Days, used when the rulebook's unit is [`Unit::Days`].
    pub days: u32,
    /// How firmly it is known.
    pub mark: Confidence,
    /// Where it comes from.
    pub source: String,
}

/// What a rulebook counts terms in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Calendar months; a month without the day uses its last.
    Months,
    /// Days.
    Days,
}

/// How the deductions of one case add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stacking {
    /// Orders and warnings vanish beside a heavier document; the rest is summed up to the cap.
    AbsorbThenSum,
    /// Only the heaviest document counts.
    MaxOnly,
}

/// How grave a penalty is for the national repair order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PenaltyClass {
    /// Minor (轻微).
    Minor,
    /// General (一般).
    General,
    /// Severe (严重).
    Severe,
}

/// A row that takes points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeductionRow {
    /// Code.
    pub code: Code,
    /// Name in Chinese.
    pub zh: String,
    /// Name in English.
    pub en: String,
    /// The document that must exist.
    pub document: String,
    /// Gravity for repair.
    pub class: PenaltyClass,
    /// Points taken, positive.
    pub points: Figure<i32>,
    /// How long they are taken.
    pub term: Term,
    /// Rows whose document this one already contains, so that leaving them out is no guess about stacking.
    pub includes: Vec<Code>,
    /// Whether records may use it.
    pub enabled: bool,
}

/// How long the authority has to enter a document, from its date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryLimit {
    /// Working days of the State Council's calendar.
    WorkingDays(u32),
    /// Days.
    Days(u32),
}

/// Points after so many clean months.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanStep {
    /// Calendar months without any deduction in force.
    pub months: u32,
    /// Points from then on, in place of those of the step before.
    pub points: Figure<i32>,
}

/// What a bonus row gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BonusEffect {
    /// Nothing by itself; clean months are counted while it stands.
    Commitment(Confidence),
    /// Points for clean months under a commitment. Never entered: it follows by itself.
    Clean {
        /// The row of the commitment.
        commitment: Code,
        /// The steps, shortest first.
        steps: Vec<CleanStep>,
    },
    /// Points on top.
    Points(Figure<i32>),
    /// A score the unit does not fall below until a deduction starts.
    Floor(Figure<i32>),
}

/// A row that gives points or a floor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BonusRow {
    /// Code.
    pub code: Code,
    /// Name in Chinese.
    pub zh: String,
    /// Name in English.
    pub en: String,
    /// What it gives.
    pub effect: BonusEffect,
    /// For how long.
    pub term: Term,
    /// How many count at once.
    pub max_active: Figure<u32>,
    /// Whether events may use it.
    pub enabled: bool,
    /// Whether the unit enters it itself.
    pub by_unit: bool,
}

/// A row that forces a tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VetoRow {
    /// Code.
    pub code: Code,
    /// Name in Chinese.
    pub zh: String,
    /// Name in English.
    pub en: String,
    /// The tier forced.
    pub tier: Tier,
    /// The deduction rows that bring it about. Empty: it is entered as a record itself and lasts until revoked.
    pub follows: Vec<Code>,
    /// How firmly it is known.
    pub mark: Confidence,
    /// Where it comes from.
    pub source: String,
}

/// What the rule says about tiers set by hand and about units that stand still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialRow {
    /// Code shown in reasons.
    pub code: Code,
    /// Name in Chinese.
    pub zh: String,
    /// Name in English.
    pub en: String,
    /// For an override its longest duration; for a halt the time after which the unit is not rated.
    pub term: Term,
}

/// What repair does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairPolicy {
    /// Whether an approved repair ends a deduction before its term.
    pub early: Figure<bool>,
    /// Shortest time from the document to the repair, minor class.
    pub minor: Term,
    /// The same, general class.
    pub general: Term,
    /// The same, severe class.
    pub severe: Term,
}

/// All of a rulebook, unchecked; [`Rulebook::new`] checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulebookParts {
    /// Identifier, as `--rulebook` takes it.
    pub id: String,
    /// Title in Chinese.
    pub title_zh: String,
    /// Title in English.
    pub title_en: String,
    /// Where it applies.
    pub jurisdiction: String,
    /// First day in force.
    pub in_force_from: NaiveDate,
    /// Digest of the file's bytes, 64 hexadecimal digits.
    pub sha256: String,
    /// Highest score.
    pub scale_max: Figure<i32>,
    /// Score of a unit newly listed.
    pub initial: Figure<i32>,
    /// Fewest points one record takes.
    pub record_min: Figure<i32>,
    /// Most points one record takes.
    pub record_max: Figure<i32>,
    /// Least score of each colour, best first; below the last it is black.
    pub bands: Vec<(Tier, Figure<i32>)>,
    /// Days from the record date to the start of a deduction.
    pub offset_days: Figure<u32>,
    /// How long the authority has to enter a document.
    pub entry_limit: Figure<EntryLimit>,
    /// What terms are counted in.
    pub unit: Figure<Unit>,
    /// How a day missing from a month is treated: the mark of using its last day.
    pub clamping: Confidence,
    /// How one case adds up.
    pub stacking: Figure<Stacking>,
    /// Rows that vanish beside any other row of the case.
    pub absorbed: Vec<Code>,
    /// Most points one case takes.
    pub case_cap: Figure<i32>,
    /// Rows that take points.
    pub deductions: Vec<DeductionRow>,
    /// Rows that give.
    pub bonuses: Vec<BonusRow>,
    /// Rows that force a tier.
    pub vetoes: Vec<VetoRow>,
    /// Tiers set by hand.
    pub manual: SpecialRow,
    /// Units that stand still.
    pub halted: SpecialRow,
    /// What repair does.
    pub repair: RepairPolicy,
    /// Working days a unit has to object, from the service of the document or, where that is not known, its entry.
    pub objection_file: Figure<u32>,
    /// Working days the authority has to decide on an objection.
    pub objection_decide: Figure<u32>,
    /// Working days it has on top of these for a complex one.
    pub objection_complex: Figure<u32>,
    /// Working days from a decision that upholds an objection to the correction of the record.
    pub objection_correct: Figure<u32>,
    /// Which earlier snapshot makes a red one a repeated one.
    pub red_repeat: Figure<RedRepeat>,
    /// Surcharges.
    pub tariffs: Vec<Tariff>,
    /// How each colour is treated, best first.
    pub policies: Vec<Policy>,
}

/// A contradiction in a rulebook, with the key to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}")]
pub struct RulebookFault {
    /// Key path in the file.
    pub key: String,
    /// What is wrong and what would be right.
    pub what: String,
}

/// A rulebook without contradictions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rulebook(RulebookParts);

impl Rulebook {
    /// Checks the parts against each other.
    ///
    /// # Errors
    ///
    /// Every fault found, not only the first.
    pub fn new(parts: RulebookParts) -> Result<Rulebook, Vec<RulebookFault>> {
        let mut faults = Vec::new();
        check_bands(&parts.bands, parts.scale_max.value, &mut faults);
        check_initial(&parts, &mut faults);
        check_codes(&parts, &mut faults);
        check_points(&parts, &mut faults);
        check_policies(&parts, &mut faults);
        if faults.is_empty() {
            Ok(Rulebook(parts))
        } else {
            Err(faults)
        }
    }

    /// The checked parts.
    #[must_use]
    pub fn parts(&self) -> &RulebookParts {
        &self.0
    }

    /// Identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Digest of the file.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.0.sha256
    }

    /// The deduction row of a code, whether switched on or not.
    #[must_use]
    pub fn deduction(&self, code: &Code) -> Option<&DeductionRow> {
        self.0.deductions.iter().find(|row| row.code == *code)
    }

    /// The bonus row of a code, whether switched on or not.
    #[must_use]
    pub fn bonus(&self, code: &Code) -> Option<&BonusRow> {
        self.0.bonuses.iter().find(|row| row.code == *code)
    }

    /// How a tier is treated; `None` for a unit that is not rated.
    #[must_use]
    pub fn policy(&self, tier: Tier) -> Option<&Policy> {
        self.0.policies.iter().find(|policy| policy.tier == tier)
    }

    /// The veto row of a code.
    #[must_use]
    pub fn veto(&self, code: &Code) -> Option<&VetoRow> {
        self.0.vetoes.iter().find(|row| row.code == *code)
    }

    /// The colour of a score, with the mark of the band edge it rests on.
    #[must_use]
    pub fn band(&self, score: i32) -> (Tier, Confidence) {
        band_of(&self.0.bands, score)
    }

    /// The day a term ends that begins on `start`, and the mark of that step: a month without the day
    /// ends on its last, which is weaker ground than counting months.
    #[must_use]
    pub fn end_of(&self, start: NaiveDate, term: &Term) -> (NaiveDate, Confidence) {
        let unit = &self.0.unit;
        let mark = term.mark.weaker(unit.mark);
        match unit.value {
            Unit::Days => (plus_days(start, term.days), mark),
            Unit::Months => {
                let end = start.checked_add_months(Months::new(term.months));
                let end = end.unwrap_or(NaiveDate::MAX);
                let clamped = chrono::Datelike::day(&end) != chrono::Datelike::day(&start);
                (
                    end,
                    if clamped {
                        mark.weaker(self.0.clamping)
                    } else {
                        mark
                    },
                )
            }
        }
    }

    /// The day a deduction starts whose document is dated `record_date`.
    #[must_use]
    pub fn start_of(&self, record_date: NaiveDate) -> (NaiveDate, Confidence) {
        (
            plus_days(record_date, self.0.offset_days.value),
            self.0.offset_days.mark,
        )
    }

    /// Shortest time from a document to its repair.
    #[must_use]
    pub fn repair_minimum(&self, class: PenaltyClass) -> &Term {
        match class {
            PenaltyClass::Minor => &self.0.repair.minor,
            PenaltyClass::General => &self.0.repair.general,
            PenaltyClass::Severe => &self.0.repair.severe,
        }
    }
}

/// The colour of a score, and the mark of the edge it rests on.
fn band_of(bands: &[(Tier, Figure<i32>)], score: i32) -> (Tier, Confidence) {
    let reached = bands.iter().find(|(_, least)| score >= least.value);
    let lowest = bands.last().map_or(Confidence::U, |(_, least)| least.mark);
    reached.map_or((Tier::Black, lowest), |(tier, least)| (*tier, least.mark))
}

fn plus_days(start: NaiveDate, days: u32) -> NaiveDate {
    start
        .checked_add_days(Days::new(u64::from(days)))
        .unwrap_or(NaiveDate::MAX)
}
