//! Enterprise credit: what a legal document does to a unit's score, and the colour that follows.
//!
//! The walk is short. A person enters an event ([`CreditEvent`]); [`ledger`] folds the events known at some
//! instant into spans of days; [`tier`] reads those spans for one day under one [`rulebook`] and answers with
//! a score, a colour and the reasons. Nothing here reads telemetry: only a document moves a score, as the
//! five-colour rule of Jiangsu (苏环规〔2019〕5号) has it.
//!
//! Two times run side by side. The *valid* day is the one a question is about; the *known* instant says
//! which events had been captured by then. An answer for a fixed pair never changes when entries arrive later.
//!
//! What this module refuses: clocks, files, text formats, and any figure of a rule. Figures come in with the
//! [`rulebook::Rulebook`].

pub mod uscc;

pub mod workdays;

pub mod rulebook;

pub mod ledger;

pub mod official;

pub mod tier;

pub mod sites;

pub mod timeline;

pub mod disclosure;

pub mod dossier;

pub mod snapshot;

pub mod prepared;

pub mod tariff;

pub mod lookup;

pub mod hook;

use crate::domain::credit::uscc::Uscc;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use std::fmt;

/// A credit colour, or the statement that a unit is not rated. Ordered from best to worst; `Unrated` is last
/// because it wins over every colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Exemplary (绿).
    Green,
    /// Ordinary good standing (蓝); a newcomer's colour.
    Blue,
    /// Minor breach of trust (黄).
    Yellow,
    /// Considerable breach of trust (红).
    Red,
    /// Severe breach of trust (黑).
    Black,
    /// Not rated at present (不评级).
    Unrated,
}

impl Tier {
    /// All values, best first.
    pub const ALL: [Tier; 6] = [
        Tier::Green,
        Tier::Blue,
        Tier::Yellow,
        Tier::Red,
        Tier::Black,
        Tier::Unrated,
    ];

    /// The word used on every interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::Green => "green",
            Tier::Blue => "blue",
            Tier::Yellow => "yellow",
            Tier::Red => "red",
            Tier::Black => "black",
            Tier::Unrated => "unrated",
        }
    }

    /// Reads the word of [`Tier::as_str`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Tier> {
        Tier::ALL.into_iter().find(|tier| tier.as_str() == word)
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How firmly a figure is known, strongest first, so that the weakest of several is their maximum.
///
/// `I` stands before `D` because a calibrated figure at least reproduces a published case, where a default is
/// only our proposal. `U` is last: a default says openly that it was chosen, while an unverified claim pretends
/// to be a fact nobody has traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// Verified: several independent origins agree.
    V,
    /// One source, or one copy of a statute.
    S,
    /// Inferred from published cases.
    I,
    /// A default of this project, configurable.
    D,
    /// Unverified.
    U,
}

impl Confidence {
    /// The letter used on every interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Confidence::V => "V",
            Confidence::S => "S",
            Confidence::I => "I",
            Confidence::D => "D",
            Confidence::U => "U",
        }
    }

    /// Reads a mark as the rulebooks write it: `V2`, `V3`, `S`, `S-law`, `I`, `D`, `U`. The number behind `V`
    /// counts the origins and is not kept.
    #[must_use]
    pub fn from_mark(mark: &str) -> Option<Confidence> {
        match mark {
            "S" | "S-law" => Some(Confidence::S),
            "I" => Some(Confidence::I),
            "D" => Some(Confidence::D),
            "U" => Some(Confidence::U),
            _ => {
                let origins: u8 = mark.strip_prefix('V')?.parse().ok()?;
                (origins >= 2).then_some(Confidence::V)
            }
        }
    }

    /// The weaker of two marks.
    #[must_use]
    pub fn weaker(self, other: Confidence) -> Confidence {
        self.max(other)
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The code of a row in a rulebook: a capital letter, two digits, at times a small letter (`D03`, `B01`, `D03a`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    /// Filled up with zeros, which stand before every letter.
    bytes: [u8; CODE_BYTES_MAX],
    length: u8,
}

/// Characters of the longest code.
const CODE_BYTES_MAX: usize = 4;

impl Code {
    /// Checks the shape; whether the row exists is the rulebook's matter.
    #[must_use]
    pub fn new(text: &str) -> Option<Code> {
        let bytes = text.as_bytes();
        let shaped = matches!(bytes.len(), 3 | 4)
            && bytes[0].is_ascii_uppercase()
            && bytes[1].is_ascii_digit()
            && bytes[2].is_ascii_digit()
            && bytes.get(3).is_none_or(u8::is_ascii_lowercase);
        let length = u8::try_from(bytes.len()).ok().filter(|_| shaped)?;
        let mut filled = [0; CODE_BYTES_MAX];
        filled[..bytes.len()].copy_from_slice(bytes);
        Some(Code {
            bytes: filled,
            length,
        })
    }

    /// The code as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = &self.bytes[..usize::from(self.length)];
        std::str::from_utf8(bytes).expect("a code is written in ASCII")
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Code").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One entry of the ledger: what was entered, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditEvent {
    /// When the entry was captured; decides whether a question "as known at" sees it.
    pub captured_at: DateTime<FixedOffset>,
    /// What was entered.
    pub body: EventBody,
    /// Who entered it; entries made before names were asked for have none.
    pub entered_by: Option<String>,
}

/// The kinds of entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventBody {
    /// The unit enters the list of rated subjects.
    List(SubjectDay),
    /// A legal document that takes points, or an entry on a national list.
    Record(Record),
    /// A commitment, commendation or leader award.
    Bonus(Bonus),
    /// An earlier entry is taken back.
    Revoke(Revocation),
    /// The repair of a record is approved.
    Repair(Repair),
    /// Two persons set a tier by hand for a limited time.
    Override(Override),
    /// The unit stops operating.
    Halt(SubjectDay),
    /// The unit operates again.
    Resume(SubjectDay),
    /// The unit leaves the list of rated subjects.
    Delist(SubjectDay),
    /// The unit objects to a record; it counts on until it is revoked.
    Objection(Objection),
    /// The authority decides on an objection.
    Settle(Settlement),
    /// The unit was told that a record is going to be scored.
    Notify(Notification),
    /// The unit applies for the repair of a record.
    Apply(Application),
    /// The authority's own published tier; kept beside the computed one, never mixed with it.
    Official(OfficialTier),
}

/// A subject and the day something happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectDay {
    /// The unit.
    pub subject: Uscc,
    /// The day.
    pub date: NaiveDate,
}

/// A legal document as entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Identifier, unique over records, bonuses and overrides.
    pub id: String,
    /// The unit.
    pub subject: Uscc,
    /// The site, where a unit has several.
    pub site: Option<String>,
    /// The row of the rulebook.
    pub code: Code,
    /// The case that ties documents about one breach together; a record without one is its own case.
    pub case: Option<String>,
    /// Number of the document.
    pub doc_no: Option<String>,
    /// Date of the document; the record date of the rule.
    pub doc_date: NaiveDate,
    /// Day of service on the unit.
    pub served: Option<NaiveDate>,
    /// Who issued it.
    pub authority: Option<String>,
    /// Digest of the evidence file, 64 hexadecimal digits.
    pub evidence_sha256: Option<String>,
}

/// Something that earns points or a floor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bonus {
    /// Identifier, unique over records, bonuses and overrides.
    pub id: String,
    /// The unit.
    pub subject: Uscc,
    /// The row of the rulebook.
    pub code: Code,
    /// First day it counts.
    pub date: NaiveDate,
}

/// Taking back an earlier record, bonus or override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// What is taken back.
    pub id: String,
    /// First day it no longer counts.
    pub date: NaiveDate,
    /// Whether it is taken as never having counted.
    pub void_ab_initio: bool,
}

/// A unit's objection to a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// The record.
    pub id: String,
    /// Day it was filed.
    pub date: NaiveDate,
    /// What the unit says.
    pub reason: String,
}

/// The decision on an objection. One that is upheld goes with a revocation, entered by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The record.
    pub id: String,
    /// Day of the decision.
    pub date: NaiveDate,
    /// Whether the unit was right.
    pub upheld: bool,
}

/// That the unit was told of a record that is going to be scored, and of what it may do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The record.
    pub id: String,
    /// Day it was told.
    pub date: NaiveDate,
    /// By which way, such as the system, a message, a letter.
    pub how: String,
}

/// A unit's application for a repair; what comes of it is a [`Repair`], or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The record.
    pub id: String,
    /// Day it was filed.
    pub date: NaiveDate,
    /// What was handed in: commitment, proof of performance and so on.
    pub dossier: String,
}

/// An approved repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The repaired record.
    pub id: String,
    /// Day of approval.
    pub approved: NaiveDate,
}

/// A tier set by hand, acting on `from <= day < to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Identifier, unique over records, bonuses and overrides.
    pub id: String,
    /// The unit.
    pub subject: Uscc,
    /// The colour; the worse of this and the computed one holds.
    pub tier: Tier,
    /// First day.
    pub from: NaiveDate,
    /// The day after the last.
    pub to: NaiveDate,
    /// Why.
    pub reason: String,
    /// The provision that allows it; entries made before it was asked for have it in the reason.
    pub legal_basis: Option<String>,
    /// Who approved; two different persons at least.
    pub approved_by: Vec<String>,
}

/// The authority's published tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfficialTier {
    /// The unit.
    pub subject: Uscc,
    /// The site, where the list names one.
    pub site: Option<String>,
    /// What was published.
    pub tier: Tier,
    /// The day the published list speaks of.
    pub as_of: NaiveDate,
    /// Where it was published.
    pub source: String,
}

impl CreditEvent {
    /// The word for the kind of entry.
    #[must_use]
    pub fn op(&self) -> &'static str {
        match &self.body {
            EventBody::List(_) => "list",
            EventBody::Record(_) => "record",
            EventBody::Bonus(_) => "bonus",
            EventBody::Revoke(_) => "revoke",
            EventBody::Repair(_) => "repair",
            EventBody::Override(_) => "override",
            EventBody::Halt(_) => "halt",
            EventBody::Resume(_) => "resume",
            EventBody::Delist(_) => "delist",
            EventBody::Objection(_) => "objection",
            EventBody::Settle(_) => "settle",
            EventBody::Notify(_) => "notify",
            EventBody::Apply(_) => "apply",
            EventBody::Official(_) => "official",
        }
    }

    /// The unit named by the entry; `None` for those that name an earlier entry instead.
    #[must_use]
    pub fn subject(&self) -> Option<&Uscc> {
        match &self.body {
            EventBody::List(at)
            | EventBody::Delist(at)
            | EventBody::Halt(at)
            | EventBody::Resume(at) => Some(&at.subject),
            EventBody::Record(record) => Some(&record.subject),
            EventBody::Bonus(bonus) => Some(&bonus.subject),
            EventBody::Override(manual) => Some(&manual.subject),
            EventBody::Official(official) => Some(&official.subject),
            EventBody::Revoke(_)
            | EventBody::Repair(_)
            | EventBody::Objection(_)
            | EventBody::Settle(_)
            | EventBody::Notify(_)
            | EventBody::Apply(_) => None,
        }
    }

    /// The identifier this entry brings into the ledger, if it brings one.
    #[must_use]
    pub fn own_id(&self) -> Option<&str> {
        match &self.body {
            EventBody::Record(record) => Some(&record.id),
            EventBody::Bonus(bonus) => Some(&bonus.id),
            EventBody::Override(manual) => Some(&manual.id),
            _ => None,
        }
    }

    /// The identifier of an earlier entry this one speaks of.
    #[must_use]
    pub fn refers_to(&self) -> Option<&str> {
        match &self.body {
            EventBody::Revoke(revocation) => Some(&revocation.id),
            EventBody::Repair(repair) => Some(&repair.id),
            EventBody::Objection(objection) => Some(&objection.id),
            EventBody::Settle(settlement) => Some(&settlement.id),
            EventBody::Notify(notification) => Some(&notification.id),
            EventBody::Apply(application) => Some(&application.id),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::credit::Code;
    use crate::domain::credit::Confidence;
    use crate::domain::credit::Tier;

    #[test]
    fn marks_are_ordered_by_what_they_rest_on() {
        let read = |mark| Confidence::from_mark(mark).expect("a mark");
        assert_eq!(read("V2").weaker(read("S-law")), Confidence::S);
        assert_eq!(read("I").weaker(read("S")), Confidence::I);
        assert_eq!(read("I").weaker(read("D")), Confidence::D);
        assert_eq!(read("D").weaker(read("U")), Confidence::U);
        for wrong in ["", "V", "V1", "X", "s", "V-law"] {
            assert_eq!(Confidence::from_mark(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn tiers_run_from_best_to_worst() {
        assert!(Tier::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        for tier in Tier::ALL {
            assert_eq!(Tier::from_word(tier.as_str()), Some(tier));
        }
        assert_eq!(Tier::from_word("Green"), None);
    }

    #[test]
    fn codes_have_one_shape() {
        for good in ["D03", "B01", "D03a", "V02"] {
            assert_eq!(Code::new(good).expect("a code").as_str(), good);
        }
        for wrong in ["", "D3", "d03", "D03A", "D031", "D03ab", "三03"] {
            assert_eq!(Code::new(wrong), None, "{wrong}");
        }
    }
}
