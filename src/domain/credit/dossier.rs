//! The entries behind a unit's tier, each with how it stands on a day.

use crate::domain::calendar::Zone;
use crate::domain::credit::Application;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::Notification;
use crate::domain::credit::Settlement;
use crate::domain::credit::Tier;
use crate::domain::credit::disclosure::repair_acts;
use crate::domain::credit::ledger::Span;
use crate::domain::credit::rulebook::EntryLimit;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::tier::Bare;
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
    /// The notice to the unit, if it was entered.
    pub notified: Option<&'a Notification>,
    /// The unit's application for a repair.
    pub applied: Option<&'a Application>,
    /// The day from which it was taken back.
    pub revoked: Option<NaiveDate>,
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
            let mut entry = Entry {
                event,
                state: State::Pending,
                // The entry's own span comes before those that follow from it.
                span: history.spans().find(|span| span.id == id).cloned(),
                objection: None,
                settled: None,
                notified: None,
                applied: None,
                revoked: None,
                repair: None,
            };
            for remark in known.iter().filter(|event| event.refers_to() == Some(id)) {
                entry.remark(remark, events, outlook);
            }
            let disputed = entry.objection.is_some() && entry.settled.is_none();
            let repaired = entry.repair.is_some_and(|repair| repair.acts_from <= on);
            entry.state = match state(id, &known, entry.span.as_ref(), disputed, on) {
                State::Revoked => State::Revoked,
                _ if repaired => State::Repaired,
                other => other,
            };
            entry
        })
        .collect()
}

impl<'a> Entry<'a> {
    /// Takes in what another entry of the unit says of this one; of several of one kind the first counts.
    fn remark(&mut self, remark: &'a CreditEvent, events: &[CreditEvent], outlook: &Outlook<'_>) {
        match &remark.body {
            EventBody::Objection(objection) => {
                self.objection.get_or_insert(objection.date);
            }
            EventBody::Settle(settlement) => {
                self.settled.get_or_insert(settlement);
            }
            EventBody::Notify(notification) => {
                self.notified.get_or_insert(notification);
            }
            EventBody::Apply(application) => {
                self.applied.get_or_insert(application);
            }
            EventBody::Revoke(revocation) => {
                self.revoked.get_or_insert(revocation.date);
            }
            EventBody::Repair(repair) => {
                let (rulebook, _) = outlook.on(repair.approved);
                self.repair.get_or_insert_with(|| Repaired {
                    approved: repair.approved,
                    acts_from: repair_acts(repair, events, &Schedule::single(rulebook)),
                });
            }
            _ => {}
        }
    }
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

/// When the unit was told that a record is going to be scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoticeClock<'a> {
    /// The day on which it had to be told: that of the entry.
    pub due: NaiveDate,
    /// When and how it was, if that was entered.
    pub given: Option<&'a Notification>,
    /// The day from which it may object: that of the notice, else of the document's service, else of the entry.
    pub counts_from: NaiveDate,
}

impl NoticeClock<'_> {
    /// Whether the notice came late, or is still missing after its day.
    #[must_use]
    pub fn is_late(&self, on: NaiveDate) -> bool {
        self.given.map_or(on, |given| given.date) > self.due
    }
}

/// When the unit was to be told of a record, and was; `None` for an entry that is no document.
#[must_use]
pub fn notice_clock<'a>(entry: &Entry<'a>) -> Option<NoticeClock<'a>> {
    let EventBody::Record(record) = &entry.event.body else {
        return None;
    };
    let zone = Zone::beijing().offset();
    let due = entry.event.captured_at.with_timezone(&zone).date_naive();
    let given = entry.notified;
    let told = given.map(|given| given.date).or(record.served);
    Some(NoticeClock {
        due,
        given,
        counts_from: told.unwrap_or(due),
    })
}

/// The last days for an objection to be filed, for the decision on one, and for the correction that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectionClock {
    /// Last day to object.
    pub file_by: Option<NaiveDate>,
    /// Whether it was filed after that day; `None` without an objection, or where the calendar does not reach.
    pub filed_late: Option<bool>,
    /// Last day to decide, once an objection was filed.
    pub decide_by: Option<NaiveDate>,
    /// The same for a complex one.
    pub decide_by_if_complex: Option<NaiveDate>,
    /// Last day to correct the record, once it was decided that the unit is right.
    pub correct_by: Option<NaiveDate>,
    /// The day from which it was corrected.
    pub corrected: Option<NaiveDate>,
}

/// The clocks of an objection to a record; `None` for an entry that is no document.
#[must_use]
pub fn objection_clock(
    entry: &Entry<'_>,
    rulebook: &Rulebook,
    workdays: &Workdays,
) -> Option<ObjectionClock> {
    let told = notice_clock(entry)?.counts_from;
    let (parts, filed) = (rulebook.parts(), entry.objection);
    let after = |day: Option<NaiveDate>, count: u32| workdays.after(day?, count);
    let (decide, complex) = (parts.objection_decide.value, parts.objection_complex.value);
    let file_by = workdays.after(told, parts.objection_file.value);
    let upheld = entry.settled.filter(|settled| settled.upheld);
    Some(ObjectionClock {
        file_by,
        filed_late: filed.zip(file_by).map(|(filed, by)| filed > by),
        decide_by: after(filed, decide),
        decide_by_if_complex: after(filed, decide + complex),
        correct_by: after(
            upheld.map(|settled| settled.date),
            parts.objection_correct.value,
        ),
        corrected: entry.revoked.filter(|_| upheld.is_some()),
    })
}

/// What a record that is going to act will do, for the notice that tells the unit of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drop {
    /// The first day.
    pub from: NaiveDate,
    /// How the unit stands the day before, all it knows of being counted.
    pub before: Bare,
    /// And then.
    pub then: Bare,
}

impl Drop {
    /// Whether a notice of its own is due: the tier becomes worse, and is yellow or worse.
    #[must_use]
    pub fn is_tier_drop(&self) -> bool {
        self.then.tier > self.before.tier && self.then.tier >= Tier::Yellow
    }
}

/// What a record does on its first day; `None` for an entry that is none, or never acts.
#[must_use]
pub fn drop_of(entry: &Entry<'_>, outlook: &Outlook<'_>) -> Option<Drop> {
    let span = entry.span.as_ref();
    let from = span
        .filter(|_| matches!(entry.event.body, EventBody::Record(_)))?
        .start;
    Some(Drop {
        from,
        before: outlook.bare_on(from.pred_opt()?),
        then: outlook.bare_on(from),
    })
}
