//! What readers outside the authority may know of a unit, and from when: an entry from the day it acts.
//!
//! A record acts some days after its document; until then it is a notice to the unit, which may object, and no bank is told
//! of it (contract section 3). So a reader outside sees at an instant the entries that had been captured by then and act
//! by that day, with what was said of these; nothing else, whatever day the question is about. What never came to act,
//! since it was revoked before, is never seen.
//!
//! A repair acts from the day it was approved, and not before the shortest time of the record's class of penalty is over
//! (section 5.4 of the source): that day ends publication, whatever day the approval itself names.

use std::borrow::Cow;

use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;

use crate::domain::calendar::Zone;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::Record;
use crate::domain::credit::Repair;
use crate::domain::credit::ledger::History;
use crate::domain::credit::ledger::fault::listed_veto;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::tier::Schedule;

/// The day an instant lies in, where the rules hold.
fn day_of(at: DateTime<FixedOffset>) -> NaiveDate {
    at.with_timezone(&Zone::beijing().offset()).date_naive()
}

/// The record an identifier names, among the entries of its unit.
fn record<'a>(events: &'a [CreditEvent], id: &str) -> Option<&'a Record> {
    events.iter().find_map(|event| match &event.body {
        EventBody::Record(record) if record.id == id => Some(record),
        _ => None,
    })
}

/// The first day on which a record does something under one rulebook.
fn acts_under(record: &Record, rulebook: &Rulebook) -> NaiveDate {
    let vetoes = &rulebook.parts().vetoes;
    let forces = |code| vetoes.iter().any(|veto| veto.follows.contains(code));
    if listed_veto(&record.code, rulebook).is_some() || forces(&record.code) {
        return record.doc_date;
    }
    rulebook.start_of(record.doc_date).0
}

/// The first day on which a record does something, under the rulebook that holds then.
fn acts(record: &Record, schedule: &Schedule<'_>) -> NaiveDate {
    let first = acts_under(record, schedule.on(record.doc_date));
    // A rulebook that holds by then may say otherwise, and from its own first day only.
    let later = schedule.on(first);
    acts_under(record, later).max(first.min(later.parts().in_force_from))
}

/// The day from which a repair ends what it repairs; never before the shortest time of the class is over.
#[must_use]
pub fn repair_acts(repair: &Repair, events: &[CreditEvent], schedule: &Schedule<'_>) -> NaiveDate {
    let rulebook = schedule.on(repair.approved);
    let record = record(events, &repair.id);
    let row = record.and_then(|record| Some((record, rulebook.deduction(&record.code)?)));
    let earliest = row.map(|(record, row)| {
        let minimum = rulebook.repair_minimum(row.class);
        rulebook.end_of(record.doc_date, minimum).0
    });
    earliest.map_or(repair.approved, |earliest| earliest.max(repair.approved))
}

/// The first day on which an entry of a unit does something by itself; `None` for one that acts as soon as it is captured.
#[must_use]
pub fn first_day(
    event: &CreditEvent,
    events: &[CreditEvent],
    schedule: &Schedule<'_>,
) -> Option<NaiveDate> {
    match &event.body {
        EventBody::Record(record) => Some(acts(record, schedule)),
        EventBody::Bonus(bonus) => Some(bonus.date),
        EventBody::Override(manual) => Some(manual.from),
        EventBody::Repair(repair) => Some(repair_acts(repair, events, schedule)),
        EventBody::Revoke(revocation) => (!revocation.void_ab_initio).then_some(revocation.date),
        EventBody::List(at)
        | EventBody::Delist(at)
        | EventBody::Halt(at)
        | EventBody::Resume(at) => Some(at.date),
        EventBody::Official(official) => Some(official.as_of),
        EventBody::Objection(_)
        | EventBody::Settle(_)
        | EventBody::Notify(_)
        | EventBody::Apply(_) => None,
    }
}

/// The entry that another speaks of, among those of its unit.
fn spoken_of<'a>(event: &CreditEvent, events: &'a [CreditEvent]) -> Option<&'a CreditEvent> {
    let id = event.refers_to()?;
    events.iter().find(|other| other.own_id() == Some(id))
}

/// The day from which readers outside may know of an entry, also one that was captured later; what is said of an entry is
/// not known before the entry itself.
#[must_use]
pub fn open_from(
    event: &CreditEvent,
    events: &[CreditEvent],
    schedule: &Schedule<'_>,
) -> Option<NaiveDate> {
    let about = spoken_of(event, events);
    let about = about.and_then(|about| first_day(about, events, schedule));
    first_day(event, events, schedule).max(about)
}

/// The entries of a unit that readers outside may know of at an instant.
#[must_use]
pub fn in_the_open<'a>(
    events: &'a [CreditEvent],
    schedule: &Schedule<'_>,
    known_at: DateTime<FixedOffset>,
) -> Cow<'a, [CreditEvent]> {
    let day = day_of(known_at);
    let open = |event: &CreditEvent| {
        event.captured_at <= known_at
            && open_from(event, events, schedule).is_none_or(|from| from <= day)
    };
    if events.iter().all(open) {
        return Cow::Borrowed(events);
    }
    events.iter().filter(|event| open(event)).cloned().collect()
}

/// When readers outside are told of an entry: at once, or as the day begins from which they may know; `None` when it never
/// comes to that, as it was taken back before.
#[must_use]
pub fn told_at(
    event: &CreditEvent,
    events: &[CreditEvent],
    schedule: &Schedule<'_>,
) -> Option<DateTime<FixedOffset>> {
    let at = due_at(event, events, schedule);
    let subject = spoken_of(event, events).unwrap_or(event);
    let begins = due_at(subject, events, schedule);
    let at_once = begins == subject.captured_at;
    (at_once || stands(subject, events, schedule, begins)).then_some(at)
}

/// When an entry is due to be told, if it stands by then.
#[must_use]
pub fn due_at(
    event: &CreditEvent,
    events: &[CreditEvent],
    schedule: &Schedule<'_>,
) -> DateTime<FixedOffset> {
    let zone = Zone::beijing();
    let open = open_from(event, events, schedule).map(|day| zone.local(zone.day_start(day)));
    open.map_or(event.captured_at, |open| open.max(event.captured_at))
}

/// Whether an entry still does something as the day begins on which it is to act.
fn stands(
    event: &CreditEvent,
    events: &[CreditEvent],
    schedule: &Schedule<'_>,
    at: DateTime<FixedOffset>,
) -> bool {
    let Some(id) = event.own_id() else {
        return true;
    };
    let ends = |other: &CreditEvent| {
        matches!(other.body, EventBody::Revoke(_) | EventBody::Repair(_))
            && other.refers_to() == Some(id)
    };
    if !events.iter().any(ends) {
        return true;
    }
    let folded = History::fold(events, schedule.on(day_of(at)), Some(at));
    folded.is_ok_and(|history| history.spans().any(|span| span.id == id))
}
