//! What makes entries of the ledger contradict each other or their rulebook.
//!
//! The checks look at the whole set at once, whatever the order and whatever "known at" a question names: a
//! ledger that revokes what it never held is wrong from the start, not from some day on.

use crate::domain::calendar::Zone;
use crate::domain::credit::Code;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::Override;
use crate::domain::credit::Record;
use crate::domain::credit::Tier;
use crate::domain::credit::rulebook::BonusEffect;
use crate::domain::credit::rulebook::BonusRow;
use crate::domain::credit::rulebook::DeductionRow;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::rulebook::VetoRow;
use crate::domain::credit::uscc::Uscc;
use crate::domain::names::is_unseen;
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A fault and the entry it stands in, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct LedgerFault {
    /// Position of the entry.
    pub index: usize,
    /// What is wrong.
    pub cause: LedgerError,
}

/// What is wrong with an entry, as a fragment that names the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Two different entries under one identifier.
    #[error(
        "id {id:?} stands in two different entries; give each record, bonus and override its own"
    )]
    DuplicateId {
        /// The identifier.
        id: String,
    },
    /// A revocation or repair of nothing.
    #[error("{op} of id {id:?}, which no record, bonus or override has")]
    UnknownId {
        /// `revoke` or `repair`.
        op: &'static str,
        /// The identifier.
        id: String,
    },
    /// A second, different revocation or repair of one entry.
    #[error("second {op} of id {id:?}; one entry is revoked, or repaired, once")]
    Again {
        /// `revoke` or `repair`.
        op: &'static str,
        /// The identifier.
        id: String,
    },
    /// A repair of something that takes no points.
    #[error("repair of id {id:?}, which takes no points; repair a D record, revoke anything else")]
    NotRepairable {
        /// The identifier.
        id: String,
    },
    /// An ending dated before what it ends.
    #[error(
        "{op} of id {id:?} is dated {date}, before the entry itself ({begun}); use that day or later"
    )]
    EndsBeforeBegin {
        /// `revoke` or `repair`.
        op: &'static str,
        /// The identifier.
        id: String,
        /// Day of the ending.
        date: NaiveDate,
        /// Day of the entry.
        begun: NaiveDate,
    },
    /// A code no row of the rulebook has.
    #[error("code {code} is not in rulebook {rulebook}; it has {known}")]
    UnknownCode {
        /// The code.
        code: Code,
        /// The rulebook.
        rulebook: String,
        /// What it has.
        known: String,
    },
    /// A row that exists but may not be used.
    #[error("code {code} is switched off in rulebook {rulebook}")]
    SwitchedOff {
        /// The code.
        code: Code,
        /// The rulebook.
        rulebook: String,
    },
    /// A forced tier entered by hand that follows from another record.
    #[error("code {code} is never entered; it follows by itself from a record of {follows}")]
    Follows {
        /// The code.
        code: Code,
        /// What brings it about.
        follows: String,
    },
    /// A document dated after it was captured.
    #[error(
        "doc_date {doc_date} lies after the day it was captured ({captured}); one of the two is wrong"
    )]
    FromTheFuture {
        /// Date of the document.
        doc_date: NaiveDate,
        /// Day of capture.
        captured: NaiveDate,
    },
    /// Served before it was written.
    #[error(
        "served {served} lies before doc_date {doc_date}; a document is served on its date or later"
    )]
    ServedEarly {
        /// Date of the document.
        doc_date: NaiveDate,
        /// Day of service.
        served: NaiveDate,
    },
    /// An override that never acts.
    #[error(
        "override {id:?} runs from {from} to {to}; it acts on from <= day < to, so to must be later"
    )]
    OverrideEmpty {
        /// The identifier.
        id: String,
        /// First day.
        from: NaiveDate,
        /// The day after the last.
        to: NaiveDate,
    },
    /// An override that runs too long.
    #[error("override {id:?} ends on {to}; from {from} the latest is {latest} ({months} months)")]
    OverrideLong {
        /// The identifier.
        id: String,
        /// First day.
        from: NaiveDate,
        /// The day after the last.
        to: NaiveDate,
        /// Latest allowed end.
        latest: NaiveDate,
        /// Longest duration in months.
        months: u32,
    },
    /// One person approved alone.
    #[error("override {id:?} is approved by {named}; two different persons must approve")]
    Approvers {
        /// The identifier.
        id: String,
        /// Who is named.
        named: String,
    },
    /// No reason given.
    #[error("override {id:?} gives no reason; state the reason and its legal basis")]
    NoReason {
        /// The identifier.
        id: String,
    },
    /// An override to "not rated".
    #[error("override {id:?} sets no colour; use green, blue, yellow, red or black")]
    NoColour {
        /// The identifier.
        id: String,
    },
    /// An objection to something that is no record.
    #[error("objection to id {id:?}, which is no record; a bonus or an override is revoked")]
    NotDisputable {
        /// The identifier.
        id: String,
    },
    /// A decision on an objection nobody filed.
    #[error("settle of id {id:?}, to which no objection stands; enter the objection first")]
    NotDisputed {
        /// The identifier.
        id: String,
    },
    /// Work taken up that had not stopped.
    #[error("resume of {subject} on {date} without a halt before that day")]
    ResumeWithoutHalt {
        /// The unit.
        subject: Uscc,
        /// Day of the resumption.
        date: NaiveDate,
    },
}

/// Every fault of the entries, in their order.
#[must_use]
pub fn find(events: &[CreditEvent], rulebooks: &[&Rulebook]) -> Vec<LedgerFault> {
    let mut faults = Vec::new();
    let mut report = |index, cause: Result<(), LedgerError>| {
        if let Err(cause) = cause {
            faults.push(LedgerFault { index, cause });
        }
    };
    let owners = owners(events);
    let objections = objections(events);
    let halts = first_halts(events);
    let mut endings: BTreeMap<(&str, &str), &CreditEvent> = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        report(index, check_id(event, &owners));
        report(index, check_ending(event, &owners, &mut endings));
        report(index, check_settlement(event, &objections));
        report(index, check_resume(event, &halts));
        for rulebook in rulebooks {
            let fits = check_rows(event, rulebook);
            let wrong = fits.is_err();
            report(index, fits);
            if wrong {
                break;
            }
        }
        match &event.body {
            EventBody::Record(record) => report(index, check_record(event, record)),
            EventBody::Override(manual) => report(index, check_override(manual)),
            _ => {}
        }
    }
    faults
}

/// The switched-on deduction row of a code.
pub(crate) fn deduction_row<'a>(
    code: &Code,
    rulebook: &'a Rulebook,
) -> Result<&'a DeductionRow, LedgerError> {
    if let Some(veto) = rulebook.veto(code) {
        let follows: Vec<&str> = veto.follows.iter().map(Code::as_str).collect();
        return Err(LedgerError::Follows {
            code: code.clone(),
            follows: follows.join(" or "),
        });
    }
    let parts = rulebook.parts();
    let row = rulebook.deduction(code).ok_or_else(|| {
        let listed = parts
            .vetoes
            .iter()
            .filter(|veto| veto.follows.is_empty())
            .map(|veto| &veto.code);
        let usable = parts
            .deductions
            .iter()
            .filter(|row| row.enabled)
            .map(|row| &row.code);
        unknown(code, rulebook, usable.chain(listed))
    })?;
    if row.enabled {
        Ok(row)
    } else {
        Err(switched_off(code, rulebook))
    }
}

/// The switched-on bonus row of a code.
pub(crate) fn bonus_row<'a>(
    code: &Code,
    rulebook: &'a Rulebook,
) -> Result<&'a BonusRow, LedgerError> {
    let usable = rulebook
        .parts()
        .bonuses
        .iter()
        .filter(|row| row.enabled)
        .map(|row| &row.code);
    let row = rulebook
        .bonus(code)
        .ok_or_else(|| unknown(code, rulebook, usable))?;
    if let BonusEffect::Clean { commitment, .. } = &row.effect
        && row.enabled
    {
        return Err(LedgerError::Follows {
            code: code.clone(),
            follows: commitment.to_string(),
        });
    }
    if row.enabled {
        Ok(row)
    } else {
        Err(switched_off(code, rulebook))
    }
}

/// The veto row of a code that is entered as a record, such as a national list.
pub(crate) fn listed_veto<'a>(code: &Code, rulebook: &'a Rulebook) -> Option<&'a VetoRow> {
    rulebook.veto(code).filter(|veto| veto.follows.is_empty())
}

fn unknown<'a>(
    code: &Code,
    rulebook: &Rulebook,
    known: impl Iterator<Item = &'a Code>,
) -> LedgerError {
    let known: Vec<&str> = known.map(Code::as_str).collect();
    let rulebook = rulebook.id().to_owned();
    LedgerError::UnknownCode {
        code: code.clone(),
        rulebook,
        known: known.join(" "),
    }
}

fn switched_off(code: &Code, rulebook: &Rulebook) -> LedgerError {
    LedgerError::SwitchedOff {
        code: code.clone(),
        rulebook: rulebook.id().to_owned(),
    }
}

/// The first entry under each identifier.
fn owners(events: &[CreditEvent]) -> BTreeMap<&str, &CreditEvent> {
    let mut owners = BTreeMap::new();
    for event in events {
        if let Some(id) = event.own_id() {
            owners.entry(id).or_insert(event);
        }
    }
    owners
}

fn first_halts(events: &[CreditEvent]) -> BTreeMap<&Uscc, NaiveDate> {
    let mut halts: BTreeMap<&Uscc, NaiveDate> = BTreeMap::new();
    for event in events {
        if let EventBody::Halt(at) = &event.body {
            let first = halts.entry(&at.subject).or_insert(at.date);
            *first = at.date.min(*first);
        }
    }
    halts
}

fn check_id(event: &CreditEvent, owners: &BTreeMap<&str, &CreditEvent>) -> Result<(), LedgerError> {
    let Some(id) = event.own_id() else {
        return Ok(());
    };
    if owners.get(id).is_some_and(|first| *first != event) {
        return Err(LedgerError::DuplicateId { id: id.to_owned() });
    }
    Ok(())
}

fn check_ending<'a>(
    event: &'a CreditEvent,
    owners: &BTreeMap<&str, &CreditEvent>,
    endings: &mut BTreeMap<(&'a str, &'a str), &'a CreditEvent>,
) -> Result<(), LedgerError> {
    let Some(id) = event.refers_to() else {
        return Ok(());
    };
    let op = event.op();
    let owned = || id.to_owned();
    let Some(owner) = owners.get(id) else {
        return Err(LedgerError::UnknownId { op, id: owned() });
    };
    let first = endings.entry((op, id)).or_insert(event);
    if *first != event {
        return Err(LedgerError::Again { op, id: owned() });
    }
    let begun = match &owner.body {
        EventBody::Record(record) => record.doc_date,
        EventBody::Bonus(bonus) => bonus.date,
        EventBody::Override(manual) => manual.from,
        _ => return Err(LedgerError::UnknownId { op, id: owned() }),
    };
    let (date, void) = match &event.body {
        EventBody::Revoke(revocation) => (revocation.date, revocation.void_ab_initio),
        EventBody::Repair(repair) => {
            if !takes_points(owner) {
                return Err(LedgerError::NotRepairable { id: owned() });
            }
            (repair.approved, false)
        }
        EventBody::Apply(application) => {
            if !takes_points(owner) {
                return Err(LedgerError::NotRepairable { id: owned() });
            }
            (application.date, false)
        }
        EventBody::Notify(notification) => {
            if !matches!(owner.body, EventBody::Record(_)) {
                return Err(LedgerError::NotDisputable { id: owned() });
            }
            (notification.date, false)
        }
        EventBody::Objection(objection) => {
            if !matches!(owner.body, EventBody::Record(_)) {
                return Err(LedgerError::NotDisputable { id: owned() });
            }
            (objection.date, false)
        }
        EventBody::Settle(settlement) => (settlement.date, false),
        _ => return Ok(()),
    };
    if date < begun && !void {
        return Err(LedgerError::EndsBeforeBegin {
            op,
            id: owned(),
            date,
            begun,
        });
    }
    Ok(())
}

/// Whether an entry is a record that takes points.
fn takes_points(owner: &CreditEvent) -> bool {
    matches!(&owner.body, EventBody::Record(record) if record.code.as_str().starts_with('D'))
}

/// The first objection to each entry.
fn objections(events: &[CreditEvent]) -> BTreeMap<&str, NaiveDate> {
    let mut objections = BTreeMap::new();
    for event in events {
        if let EventBody::Objection(objection) = &event.body {
            objections
                .entry(objection.id.as_str())
                .or_insert(objection.date);
        }
    }
    objections
}

fn check_settlement(
    event: &CreditEvent,
    objections: &BTreeMap<&str, NaiveDate>,
) -> Result<(), LedgerError> {
    let EventBody::Settle(settlement) = &event.body else {
        return Ok(());
    };
    let id = || settlement.id.clone();
    match objections.get(settlement.id.as_str()) {
        None => Err(LedgerError::NotDisputed { id: id() }),
        Some(begun) if settlement.date < *begun => Err(LedgerError::EndsBeforeBegin {
            op: "settle",
            id: id(),
            date: settlement.date,
            begun: *begun,
        }),
        Some(_) => Ok(()),
    }
}

fn check_resume(
    event: &CreditEvent,
    halts: &BTreeMap<&Uscc, NaiveDate>,
) -> Result<(), LedgerError> {
    let EventBody::Resume(at) = &event.body else {
        return Ok(());
    };
    if halts.get(&at.subject).is_none_or(|halt| at.date <= *halt) {
        return Err(LedgerError::ResumeWithoutHalt {
            subject: at.subject,
            date: at.date,
        });
    }
    Ok(())
}

fn check_record(event: &CreditEvent, record: &Record) -> Result<(), LedgerError> {
    let doc_date = record.doc_date;
    // An instant written in UTC may fall on the day before Beijing's; the later of the two days is meant.
    let here = event.captured_at.with_timezone(&Zone::beijing().offset());
    let captured = event.captured_at.date_naive().max(here.date_naive());
    if doc_date > captured {
        return Err(LedgerError::FromTheFuture { doc_date, captured });
    }
    match record.served {
        Some(served) if served < doc_date => Err(LedgerError::ServedEarly { doc_date, served }),
        _ => Ok(()),
    }
}

fn check_override(manual: &Override) -> Result<(), LedgerError> {
    let id = || manual.id.clone();
    let (from, to) = (manual.from, manual.to);
    if manual.tier == Tier::Unrated {
        return Err(LedgerError::NoColour { id: id() });
    }
    if to <= from {
        return Err(LedgerError::OverrideEmpty { id: id(), from, to });
    }
    if manual.reason.trim().is_empty() {
        return Err(LedgerError::NoReason { id: id() });
    }
    let persons: BTreeSet<String> = manual.approved_by.iter().map(|name| folded(name)).collect();
    let different = persons.iter().filter(|name| !name.is_empty()).count();
    if different < 2 {
        let named = match manual.approved_by.as_slice() {
            [] => "nobody".to_owned(),
            names => names.join(" and "),
        };
        return Err(LedgerError::Approvers { id: id(), named });
    }
    Ok(())
}

/// A name as it is compared: without blanks and marks that print nothing, capitals as small letters, full-width forms of
/// East Asian typing as plain ones. Two spellings of one person are one person.
pub(super) fn folded(name: &str) -> String {
    let plain = |letter: char| match u32::from(letter) {
        wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap_or(letter),
        _ => letter,
    };
    let unseen = |letter: char| is_unseen(letter) || letter.is_whitespace();
    let seen = name.chars().filter(|letter| !unseen(*letter));
    seen.map(plain).flat_map(char::to_lowercase).collect()
}

/// What depends on a rulebook: that the row exists, and how long an override may run.
fn check_rows(event: &CreditEvent, rulebook: &Rulebook) -> Result<(), LedgerError> {
    match &event.body {
        EventBody::Record(record) if listed_veto(&record.code, rulebook).is_some() => Ok(()),
        EventBody::Record(record) => deduction_row(&record.code, rulebook).map(|_| ()),
        EventBody::Bonus(bonus) => bonus_row(&bonus.code, rulebook).map(|_| ()),
        EventBody::Override(manual) => {
            let term = &rulebook.parts().manual.term;
            let (latest, _) = rulebook.end_of(manual.from, term);
            if manual.to <= latest {
                return Ok(());
            }
            Err(LedgerError::OverrideLong {
                id: manual.id.clone(),
                from: manual.from,
                to: manual.to,
                latest,
                months: term.months,
            })
        }
        _ => Ok(()),
    }
}
