//! What is asked of an entry a person makes now, over and above what the ledger holds of old entries: who makes it, that
//! nothing in it lies ahead, and for a tier set by hand the provision that allows it.

use crate::domain::calendar::Zone;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use chrono::NaiveDate;

/// Why an act is not taken, as a fragment that names the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// Nobody signs.
    #[error("field \"entered_by\" is missing; name the person who enters it")]
    NoName,
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
    let here = event.captured_at.with_timezone(&Zone::beijing().offset());
    let today = here.date_naive();
    let dated = match &event.body {
        EventBody::Record(record) => Some(("doc_date", record.doc_date)),
        EventBody::Bonus(bonus) => Some(("date", bonus.date)),
        EventBody::Revoke(revocation) => Some(("date", revocation.date)),
        EventBody::Repair(repair) => Some(("approved", repair.approved)),
        EventBody::Objection(objection) => Some(("date", objection.date)),
        EventBody::Settle(settlement) => Some(("date", settlement.date)),
        EventBody::Official(official) => Some(("as_of", official.as_of)),
        EventBody::List(_) | EventBody::Delist(_) | EventBody::Halt(_) => None,
        EventBody::Resume(_) | EventBody::Override(_) => None,
    };
    match (dated, &event.body) {
        (Some((field, date)), _) if date > today => Err(ActError::Ahead { field, date, today }),
        (_, EventBody::Override(manual)) if manual.legal_basis.is_none() => {
            Err(ActError::NoLegalBasis)
        }
        _ => Ok(()),
    }
}
