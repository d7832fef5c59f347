//! What is asked of an entry a person makes now, over and above what the ledger holds of old entries: who makes it, that
//! nothing in it lies ahead, and for a tier set by hand the provision that allows it.

use crate::domain::calendar::Zone;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::Repair;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::names::is_unseen;
use chrono::NaiveDate;

/// Why an act is not taken, as a fragment that names the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// Nobody signs.
    #[error("field \"entered_by\" is missing; name the person who enters it")]
    NoName,
    /// A name or identifier with characters that nobody sees.
    #[error("{field} {text:?} holds characters that are not seen; write it again without them")]
    Unseen {
        /// Whose text it is.
        field: &'static str,
        /// The text.
        text: String,
    },
    /// A date to come.
    #[error("field {field:?}: {date} lies ahead of today, {today}; enter it when it has happened")]
    Ahead {
        /// The field.
        field: &'static str,
        /// What it says.
        date: NaiveDate,
        /// The day of the entry.
        today: NaiveDate,
    },
    /// A repair approved before the class of its penalty allows one.
    #[error(
        "repair of id {id:?} is approved on {approved}; after a document of {doc_date} the earliest day under {rulebook} is {earliest}"
    )]
    TooEarly {
        /// The record.
        id: String,
        /// Day of approval.
        approved: NaiveDate,
        /// Date of its document.
        doc_date: NaiveDate,
        /// The first day on which it can be approved.
        earliest: NaiveDate,
        /// The rulebook that says so.
        rulebook: String,
    },
    /// A tier set by hand without a provision.
    #[error(
        "field \"legal_basis\" is missing; name the provision that allows a tier to be set by hand"
    )]
    NoLegalBasis,
}

/// Checks one act; its day of capture is today.
///
/// # Errors
///
/// The first fault.
pub fn check(event: &CreditEvent) -> Result<(), ActError> {
    if event.entered_by.is_none() {
        return Err(ActError::NoName);
    }
    if let Some((field, text)) = signed(event).find(|(_, text)| text.chars().any(is_unseen)) {
        let text = text.to_owned();
        return Err(ActError::Unseen { field, text });
    }
    let here = event.captured_at.with_timezone(&Zone::beijing().offset());
    let today = here.date_naive();
    let ahead = done(&event.body).find(|(_, date)| *date > today);
    match (ahead, &event.body) {
        (Some((field, date)), _) => Err(ActError::Ahead { field, date, today }),
        (_, EventBody::Override(manual)) if manual.legal_basis.is_none() => {
            Err(ActError::NoLegalBasis)
        }
        _ => Ok(()),
    }
}

/// Checks a repair against the record it is about, one of the unit's entries: its class of penalty has a shortest time.
/// Whether there is such a record at all is the ledger's matter.
///
/// # Errors
///
/// [`ActError::TooEarly`].
pub fn check_repair(
    repair: &Repair,
    events: &[CreditEvent],
    rulebook: &Rulebook,
) -> Result<(), ActError> {
    let record = events.iter().find_map(|event| match &event.body {
        EventBody::Record(record) if record.id == repair.id => Some(record),
        _ => None,
    });
    let row = record.and_then(|record| Some((record, rulebook.deduction(&record.code)?)));
    let Some((record, row)) = row else {
        return Ok(());
    };
    let (doc_date, approved) = (record.doc_date, repair.approved);
    let (earliest, _) = rulebook.end_of(doc_date, rulebook.repair_minimum(row.class));
    if (doc_date..earliest).contains(&approved) {
        return Err(ActError::TooEarly {
            id: repair.id.clone(),
            approved,
            doc_date,
            earliest,
            rulebook: rulebook.id().to_owned(),
        });
    }
    Ok(())
}

/// What a person and an entry are told apart by.
fn signed(event: &CreditEvent) -> impl Iterator<Item = (&'static str, &str)> {
    let approvers = match &event.body {
        EventBody::Override(manual) => manual.approved_by.as_slice(),
        _ => &[],
    };
    let person = event
        .entered_by
        .as_deref()
        .map(|name| ("field \"entered_by\":", name));
    let id = event.own_id().map(|id| ("field \"id\":", id));
    let approvers = approvers
        .iter()
        .map(|name| ("field \"approved_by\":", name.as_str()));
    person.into_iter().chain(id).chain(approvers)
}

/// The fields that say when something was done. When a tier set by hand begins and ends is a decision, not a deed.
fn done(body: &EventBody) -> impl Iterator<Item = (&'static str, NaiveDate)> {
    let (first, second) = match body {
        EventBody::Record(record) => {
            let served = record.served.map(|served| ("served", served));
            (Some(("doc_date", record.doc_date)), served)
        }
        EventBody::Bonus(bonus) => (Some(("date", bonus.date)), None),
        EventBody::Revoke(revocation) => (Some(("date", revocation.date)), None),
        EventBody::Repair(repair) => (Some(("approved", repair.approved)), None),
        EventBody::Objection(objection) => (Some(("date", objection.date)), None),
        EventBody::Settle(settlement) => (Some(("date", settlement.date)), None),
        EventBody::Notify(notification) => (Some(("date", notification.date)), None),
        EventBody::Apply(application) => (Some(("date", application.date)), None),
        EventBody::Official(official) => (Some(("as_of", official.as_of)), None),
        EventBody::List(at)
        | EventBody::Delist(at)
        | EventBody::Halt(at)
        | EventBody::Resume(at) => (Some(("date", at.date)), None),
        EventBody::Override(_) => (None, None),
    };
    first.into_iter().chain(second)
}
