//! Notices that do not act yet: readers outside see a unit as if they had not been entered, until they act. As a law over random
//! ledgers, for the feed of changes, and over HTTP.

use chrono::DateTime;
use chrono::Days;
use chrono::FixedOffset;
use chrono::NaiveDate;
use chrono::TimeDelta;
use proptest::prelude::*;
use skytier::app::rulebooks;
use skytier::domain::credit::Code;
use skytier::domain::credit::CreditEvent;
use skytier::domain::credit::EventBody;
use skytier::domain::credit::Objection;
use skytier::domain::credit::Record;
use skytier::domain::credit::Repair;
use skytier::domain::credit::Revocation;
use skytier::domain::credit::dossier::sealed;
use skytier::domain::credit::prepared::Prepared;
use skytier::domain::credit::prepared::Unit;
use skytier::domain::credit::rulebook::Rulebook;
use skytier::domain::credit::tariff::tariff_tier;
use skytier::domain::credit::tier::Schedule;
use skytier::domain::credit::tier::rate;
use skytier::flow::tiering::book::Book;
use skytier::flow::tiering::told::Told;
use skytier::ports::LedgerRow;

use crate::tier_laws::HORIZON;
use crate::tier_laws::day;
use crate::tier_laws::ledger;
use crate::tier_laws::noon;
use crate::tier_laws::seeds;
use crate::tier_laws::subject;

/// Days from a document to the first day it takes points, in every rulebook of the schedule.
const OFFSET: Days = Days::new(15);

fn books() -> Vec<Rulebook> {
    rulebooks::named("auto").expect("compiled in")
}

fn schedule(books: &[Rulebook]) -> Schedule<'_> {
    Schedule::by_date(&books.iter().collect::<Vec<_>>()).expect("two")
}

/// A fine with that identifier.
fn fine(id: &str, date: NaiveDate) -> EventBody {
    EventBody::Record(Record {
        id: id.to_owned(),
        subject: subject(),
        site: None,
        code: Code::new("D03").expect("a code"),
        case: None,
        doc_no: None,
        doc_date: date,
        served: None,
        authority: None,
        evidence_sha256: None,
    })
}

fn entered(at: DateTime<FixedOffset>, body: EventBody) -> CreditEvent {
    CreditEvent {
        captured_at: at,
        body,
        entered_by: None,
    }
}

/// What a reader outside is told of a unit at an instant about a day: the whole rating, in brief, and the tariff's tier.
fn outside(
    events: &[CreditEvent],
    on: NaiveDate,
    at: DateTime<FixedOffset>,
    worked_out: bool,
) -> impl PartialEq + std::fmt::Debug + use<> {
    let books = books();
    let schedule = schedule(&books);
    let prepared = Prepared::new(events, &schedule).expect("codes are known");
    let prepared = Some(&prepared).filter(|_| worked_out);
    let unit = Unit { events, prepared };
    let seen = unit.seen_outside(&schedule, at);
    let unit = seen.unit();
    let rated = unit.rate(&schedule, on, Some(at)).expect("codes are known");
    let brief = unit
        .brief(&schedule, on, Some(at))
        .expect("codes are known");
    let tariff = tariff_tier(unit, &schedule, on, Some(at)).expect("codes are known");
    let tariff = (tariff.snapshot, tariff.stood, tariff.red_repeated);
    (rated, brief.now, brief.next_change, tariff)
}

/// What is said of a notice before it acts: nothing, an objection, that it is taken back, that it is repaired.
fn said(what: u8, id: &str, date: NaiveDate) -> Option<EventBody> {
    let id = id.to_owned();
    match what {
        0 => None,
        1 => Some(EventBody::Objection(Objection {
            id,
            date,
            reason: "the meter was wrong".to_owned(),
        })),
        2 => Some(EventBody::Revoke(Revocation {
            id,
            date,
            void_ab_initio: true,
        })),
        3 => Some(EventBody::Revoke(Revocation {
            id,
            date,
            void_ab_initio: false,
        })),
        _ => Some(EventBody::Repair(Repair { id, approved: date })),
    }
}

proptest! {
    /// Whatever the ledger and the day asked about, a notice changes no answer to a bank before the day it acts.
    #[test]
    fn a_notice_that_does_not_act_changes_no_banks_view(
        seeds in seeds(), known in 100..HORIZON, ago in 0u64..15, on_ago in 0u64..400, what in 0u8..5, worked in any::<bool>(),
    ) {
        let at = noon(day(known));
        let doc_date = day(known - ago);
        prop_assert!(doc_date + OFFSET > day(known));
        let without = ledger(&seeds);
        let mut with = without.clone();
        with.push(entered(at - TimeDelta::hours(2), fine("notice", doc_date)));
        let remark = said(what, "notice", day(known));
        with.extend(remark.map(|body| entered(at - TimeDelta::hours(1), body)));
        let on = day(known.saturating_sub(on_ago));
        prop_assert_eq!(outside(&with, on, at, worked), outside(&without, on, at, worked));
    }

    /// A bank sees what all see without the entries that do not act yet, worked out by a second, plain rule.
    #[test]
    fn a_bank_sees_what_acts(seeds in seeds(), known in 0..HORIZON, on_ago in 0u64..400) {
        let (at, today) = (noon(day(known)), day(known));
        let all = ledger(&seeds);
        let grave = ["D15", "D16"];
        let waits = |event: &CreditEvent| match &event.body {
            EventBody::Record(record) if grave.contains(&record.code.as_str()) => record.doc_date > today,
            EventBody::Record(record) => record.doc_date + OFFSET > today,
            EventBody::Bonus(bonus) => bonus.date > today,
            EventBody::Override(manual) => manual.from > today,
            _ => false,
        };
        let waiting: Vec<&str> =
            all.iter().filter(|event| waits(event)).filter_map(CreditEvent::own_id).collect();
        let kept = |event: &&CreditEvent| {
            let own = event.own_id().or(event.refers_to());
            own.is_none_or(|id| !waiting.contains(&id)) && match &event.body {
                EventBody::Revoke(revocation) => revocation.void_ab_initio || revocation.date <= today,
                EventBody::Halt(at) | EventBody::Resume(at) => at.date <= today,
                EventBody::Repair(repair) => {
                    let books = books();
                    sealed(&all, &schedule(&books), today).contains(repair.id.as_str())
                }
                _ => true,
            }
        };
        let plain: Vec<CreditEvent> = all.iter().filter(kept).cloned().collect();
        let (books, on) = (books(), day(known.saturating_sub(on_ago)));
        let expected = rate(&plain, &schedule(&books), on, Some(at)).expect("codes are known");
        let whole = Unit::of(&all);
        let seen = whole.seen_outside(&schedule(&books), at);
        let found = seen.unit().rate(&schedule(&books), on, Some(at)).expect("codes are known");
        prop_assert_eq!(found, expected);
    }

    /// However a ledger grows and whenever somebody looks: what was told stays in its place, each change is told once, a record not
    /// before it acts and not at all when it was taken back before.
    #[test]
    fn the_feed_only_grows_and_tells_a_record_when_it_acts(
        steps in prop::collection::vec((0u64..9, 0u64..20, 0u8..6, any::<prop::sample::Index>()), 1..30),
    ) {
        let (books, mut at, mut now) = (books(), noon(day(700)), 700);
        let refs: Vec<&Rulebook> = books.iter().collect();
        let (mut book, mut fines, mut told) = (Book::default(), Vec::new(), Vec::new());
        for (wait, ago, what, which) in steps {
            now += wait;
            at = (at + TimeDelta::seconds(1)).max(noon(day(now)));
            let (id, doc_date) = (format!("r{}", fines.len()), day(now - ago));
            let body = if what < 3 || fines.is_empty() {
                fines.push((id.clone(), doc_date + OFFSET, None));
                fine(&id, doc_date)
            } else {
                let at_fine = which.index(fines.len());
                let (id, _, ended) = &mut fines[at_fine];
                if ended.is_some() {
                    continue;
                }
                *ended = Some(day(now));
                said(2 + what % 2, id, day(now)).expect("a revocation")
            };
            let row = LedgerRow { seq: book.head().0 + 1, hash: [now as u8; 32], event: entered(at, body) };
            book = book.grown(vec![row], &refs).expect("they agree");
            let seen = Told::by(&book, schedule(&books), at);
            let rows: Vec<u64> = seen.after(0).map(|change| change.row.seq).collect();
            prop_assert_eq!(seen.count(), rows.len() as u64);
            prop_assert_eq!(rows.get(..told.len()), Some(&told[..]), "what was told stays");
            for change in seen.after(0) {
                prop_assert_eq!(seen.place_of(&change.row), Some(change.cursor));
            }
            told = rows;
            let named: Vec<&str> = seen.after(0).filter_map(|change| change.row.event.own_id()).collect();
            for (id, acts, ended) in &fines {
                let stood = ended.is_none_or(|ended| ended >= *acts);
                let times = named.iter().filter(|named| *named == id).count();
                prop_assert_eq!(times, usize::from(*acts <= day(now) && stood), "{} on {}", id, day(now));
            }
        }
    }
}

#[test]
fn a_repair_before_its_time_seals_nothing_until_then() {
    let books = books();
    let schedule = schedule(&books);
    let date = |text: &str| text.parse::<NaiveDate>().expect("a date");
    // A fine is of the general class: three months from its document.
    let (document, at) = (date("2026-05-06"), noon(date("2026-05-08")));
    for (approved, day, expected) in [
        ("2026-06-01", "2026-06-01", false),
        ("2026-06-01", "2026-08-05", false),
        ("2026-06-01", "2026-08-06", true),
        ("2026-08-06", "2026-08-06", true),
        ("2026-09-01", "2026-08-31", false),
        ("2026-09-01", "2026-09-01", true),
    ] {
        let approved = date(approved);
        let repair = EventBody::Repair(Repair {
            id: "r1".to_owned(),
            approved,
        });
        let events = [
            entered(at, fine("r1", document)),
            entered(noon(approved), repair),
        ];
        let found = sealed(&events, &schedule, date(day)).contains("r1");
        assert_eq!(found, expected, "approved {approved}, on {day}");
    }
}
