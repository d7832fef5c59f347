//! The entries behind a unit's tier, each with how it stands on a day.

use crate::domain::calendar::Zone;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::Settlement;
use crate::domain::credit::disclosure::repair_acts;
use crate::domain::credit::ledger::Span;
use crate::domain::credit::rulebook::EntryLimit;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::tier::Outlook;
use crate::domain::credit::tier::Schedule;
use crate::domain::credit::workdays::Workdays;
use chrono::DateTime;
use chrono::Days;
use chrono::FixedOffset;
use chrono::NaiveDate;
use std::collections::BTreeSet;

/// How an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It does not act yet.
    Pending,
    /// It acts.
    Active,
    /// The unit has objected and nothing is decided; it acts all the same.
    Disputed,
    /// Its term is over.
    Expired,
    /// It was taken back.
    Revoked,
    /// Its repair was approved.
    Repaired,
}

impl State {
    /// The word used on every interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Active => "active",
            State::Disputed => "disputed",
            State::Expired => "expired",
            State::Revoked => "revoked",
            State::Repaired => "repaired",
        }
    }
}

/// One record, bonus or override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// As entered.
    pub event: &'a CreditEvent,
    /// How it stands.
    pub state: State,
    /// Days and points; `None` for one that never acts, as a record revoked from the beginning.
    pub span: Option<Span>,
    /// The objection to it, if one was filed.
    pub objection: Option<NaiveDate>,
    /// The decision on the objection.
    pub settled: Option<&'a Settlement>,
    /// Its repair, if one was approved.
    pub repair: Option<Repaired>,
}

/// A repair of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repaired {
    /// The day of approval.
    pub approved: NaiveDate,
    /// The day from which it acts: the same, unless it was approved before the shortest time of its class.
    pub acts_from: NaiveDate,
}

/// What was known of a unit at an instant, as its entries stand on a day.
#[must_use]
pub fn entries<'a>(
    events: &'a [CreditEvent],
    outlook: &Outlook<'_>,
    on: NaiveDate,
    known_at: Option<DateTime<FixedOffset>>,
) -> Vec<Entry<'a>> {
    let known: Vec<&CreditEvent> = events
        .iter()
        .filter(|event| known_at.is_none_or(|known_at| event.captured_at <= known_at))
        .collect();
    let (_, history) = outlook.on(on);
    let mut seen = BTreeSet::new();
    let own = known
        .iter()
        .filter_map(|event| Some((event.own_id()?, *event)));
    own.filter(|(id, _)| seen.insert(*id))
        .map(|(id, event)| {
            // The entry's own span comes before those that follow from it.
            let span = history.spans().find(|span| span.id == id).cloned();
            let objection = known.iter().find_map(|event| match &event.body {
                EventBody::Objection(objection) if objection.id == id => Some(objection.date),
                _ => None,
            });
            let settled = known.iter().find_map(|event| match &event.body {
                EventBody::Settle(settlement) if settlement.id == id => Some(settlement),
                _ => None,
            });
            let disputed = objection.is_some() && settled.is_none();
            let repair = known.iter().find_map(|event| match &event.body {
                EventBody::Repair(repair) if repair.id == id => {
                    let (rulebook, _) = outlook.on(repair.approved);
                    Some(Repaired {
                        approved: repair.approved,
                        acts_from: repair_acts(repair, events, &Schedule::single(rulebook)),
                    })
                }
                _ => None,
            });
            let repaired = repair.is_some_and(|repair| repair.acts_from <= on);
            let state = match state(id, &known, span.as_ref(), disputed, on) {
                State::Revoked => State::Revoked,
                _ if repaired => State::Repaired,
                other => other,
            };
            Entry {
                event,
                state,
                span,
                objection,
                settled,
                repair,
            }
        })
        .collect()
}

fn state(
    id: &str,
    known: &[&CreditEvent],
    span: Option<&Span>,
    disputed: bool,
    on: NaiveDate,
) -> State {
    let revoked = known.iter().any(|event| match &event.body {
        EventBody::Revoke(revocation) if revocation.id == id => {
            revocation.void_ab_initio || revocation.date <= on
        }
        _ => false,
    });
    if revoked {
        return State::Revoked;
    }
    match span {
        Some(span) if span.end.is_some_and(|end| end <= on) => State::Expired,
        _ if disputed => State::Disputed,
        Some(span) if span.start <= on => State::Active,
        Some(_) => State::Pending,
        None => State::Expired,
    }
}

/// Identifiers of the records whose repair is known and acts by a day: their details are sealed for everybody but the
/// authority and the unit. One approved before its time seals nothing until that time is over.
#[must_use]
pub fn sealed<'a>(
    events: &'a [CreditEvent],
    schedule: &Schedule<'_>,
    today: NaiveDate,
) -> BTreeSet<&'a str> {
    let repaired = events.iter().filter_map(|event| match &event.body {
        EventBody::Repair(repair) => Some(repair),
        _ => None,
    });
    let acts = repaired.filter(|repair| repair_acts(repair, events, schedule) <= today);
    acts.map(|repair| repair.id.as_str()).collect()
}

/// Until when a document must have been entered, and when it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promptness {
    /// The last day in time; `None` when the calendar of working days does not reach that far.
    pub due: Option<NaiveDate>,
    /// Working days from the document to its entry; `None` as above.
    pub working_days: Option<u32>,
    /// Whether it was entered after the last day; `None` as above.
    pub late: Option<bool>,
}

/// How promptly a record was entered; `None` for an entry that is no document.
#[must_use]
pub fn promptness(
    event: &CreditEvent,
    rulebook: &Rulebook,
    workdays: &Workdays,
) -> Option<Promptness> {
    let EventBody::Record(record) = &event.body else {
        return None;
    };
    let here = event.captured_at.with_timezone(&Zone::beijing().offset());
    let entered = here.date_naive();
    let due = match rulebook.parts().entry_limit.value {
        EntryLimit::WorkingDays(days) => workdays.after(record.doc_date, days),
        EntryLimit::Days(days) => record.doc_date.checked_add_days(Days::new(days.into())),
    };
    Some(Promptness {
        due,
        working_days: workdays.between(record.doc_date, entered),
        late: due.map(|due| entered > due),
    })
}

/// The last days for an objection to be filed and for the decision on one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectionClock {
    /// Last day to object.
    pub file_by: Option<NaiveDate>,
    /// Last day to decide, once an objection was filed.
    pub decide_by: Option<NaiveDate>,
}

/// The clocks of an objection to a record; `None` for an entry that is no document.
#[must_use]
pub fn objection_clock(
    entry: &Entry<'_>,
    rulebook: &Rulebook,
    workdays: &Workdays,
) -> Option<ObjectionClock> {
    let EventBody::Record(record) = &entry.event.body else {
        return None;
    };
    let zone = Zone::beijing().offset();
    let entered = entry.event.captured_at.with_timezone(&zone).date_naive();
    let told = record.served.unwrap_or(entered);
    let parts = rulebook.parts();
    Some(ObjectionClock {
        file_by: workdays.after(told, parts.objection_file.value),
        decide_by: entry
            .objection
            .and_then(|filed| workdays.after(filed, parts.objection_decide.value)),
    })
}
