//! Laws of the tier computation, over random ledgers.

use chrono::DateTime;
use chrono::Days;
use chrono::FixedOffset;
use chrono::NaiveDate;
use chrono::TimeZone;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::sample::select;
use skytier::app::rulebooks;
use skytier::domain::calendar::Zone;
use skytier::domain::credit::Bonus;
use skytier::domain::credit::Code;
use skytier::domain::credit::CreditEvent;
use skytier::domain::credit::EventBody;
use skytier::domain::credit::Override;
use skytier::domain::credit::Record;
use skytier::domain::credit::Repair;
use skytier::domain::credit::Revocation;
use skytier::domain::credit::SubjectDay;
use skytier::domain::credit::Tier;
use skytier::domain::credit::prepared::Prepared;
use skytier::domain::credit::prepared::Unit as Worked;
use skytier::domain::credit::rulebook::Rulebook;
use skytier::domain::credit::rulebook::Stacking;
use skytier::domain::credit::rulebook::Unit;
use skytier::domain::credit::tariff::tariff_tier;
use skytier::domain::credit::tier::Rating;
use skytier::domain::credit::tier::Schedule;
use skytier::domain::credit::tier::rate;
use skytier::domain::credit::uscc::Uscc;

pub(crate) const HORIZON: u64 = 1_600;

pub(crate) fn subject() -> Uscc {
    Uscc::new("91999999MA1ABCDE8G").expect("a right code")
}

pub(crate) fn day(offset: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 1, 1).expect("a day") + Days::new(offset)
}

pub(crate) fn noon(day: NaiveDate) -> DateTime<FixedOffset> {
    let noon = day.and_hms_opt(12, 0, 0).expect("noon");
    Zone::beijing()
        .offset()
        .from_local_datetime(&noon)
        .single()
        .expect("a fixed offset")
}

/// The rulebook of 2026, changed as asked.
fn rulebook(unit: Unit, stacking: Stacking) -> Rulebook {
    let mut parts = rulebooks::built_in("JS2020+N2026")
        .expect("compiled in")
        .parts()
        .clone();
    parts.unit.value = unit;
    parts.stacking.value = stacking;
    Rulebook::new(parts).expect("still right")
}

fn rating(events: &[CreditEvent], book: &Rulebook, on: NaiveDate) -> Rating {
    rate(events, &Schedule::single(book), on, None).expect("codes are known")
}

/// One entry to come: what, on which day, how many days until it is captured, and which earlier one it names.
#[derive(Debug, Clone)]
pub(crate) struct Seed {
    kind: u8,
    code: &'static str,
    day: u64,
    late: u64,
    case: u8,
    named: Index,
}

const DEDUCTIONS: [&str; 8] = ["D01", "D02", "D03", "D06", "D09", "D13", "D15", "D16"];

fn seed() -> impl Strategy<Value = Seed> {
    let which = (0u8..16, select(DEDUCTIONS.to_vec()), 0u64..900);
    (which, 0u64..200, 0u8..3, any::<Index>()).prop_map(|((kind, code, day), late, case, named)| {
        Seed {
            kind,
            code,
            day,
            late,
            case,
            named,
        }
    })
}

pub(crate) fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    prop::collection::vec(seed(), 1..12)
}

fn record(id: String, seed: &Seed) -> EventBody {
    let code = Code::new(seed.code).expect("a code");
    EventBody::Record(Record {
        id,
        subject: subject(),
        site: None,
        code,
        case: (seed.case > 0).then(|| format!("c{}", seed.case)),
        doc_no: None,
        doc_date: day(seed.day),
        served: None,
        authority: None,
        evidence_sha256: None,
    })
}

fn bonus(id: String, code: &str, date: NaiveDate) -> EventBody {
    EventBody::Bonus(Bonus {
        id,
        subject: subject(),
        code: Code::new(code).expect("a code"),
        date,
    })
}

fn event(at: usize, seed: &Seed, earlier: &[Seed]) -> CreditEvent {
    let (id, date) = (format!("e{at}"), day(seed.day));
    let plain = SubjectDay {
        subject: subject(),
        date,
    };
    let named = if earlier.is_empty() {
        0
    } else {
        seed.named.index(earlier.len())
    };
    let body = match seed.kind {
        0 => bonus(id, "B01", date),
        1 => bonus(id, "B02", date),
        2 => bonus(id, "B03", date),
        3 => EventBody::Halt(plain),
        4 => EventBody::Resume(plain),
        5 => EventBody::Override(Override {
            id,
            subject: subject(),
            tier: Tier::Red,
            from: date,
            to: date + Days::new(60),
            reason: "emergency order".to_owned(),
            legal_basis: None,
            approved_by: vec!["Li".to_owned(), "Wang".to_owned()],
        }),
        6 if !earlier.is_empty() => EventBody::Revoke(Revocation {
            id: format!("e{named}"),
            date: day(seed.day.max(earlier[named].day)),
            void_ab_initio: seed.case == 0,
        }),
        7 if !earlier.is_empty() => EventBody::Repair(Repair {
            id: format!("e{named}"),
            approved: day(seed.day.max(earlier[named].day)),
        }),
        _ => record(id, seed),
    };
    CreditEvent {
        captured_at: noon(day(seed.day + seed.late)),
        body,
        entered_by: None,
    }
}

/// A ledger in which every entry is revoked or repaired at most once.
pub(crate) fn ledger(seeds: &[Seed]) -> Vec<CreditEvent> {
    let mut ended = std::collections::BTreeSet::new();
    let events = seeds
        .iter()
        .enumerate()
        .map(|(at, seed)| event(at, seed, &seeds[..at]));
    events
        .filter(|event| {
            event
                .refers_to()
                .is_none_or(|id| ended.insert((event.op(), id.to_owned())))
        })
        .collect()
}

fn shifted(event: &CreditEvent, days: u64) -> CreditEvent {
    let by = Days::new(days);
    let mut event = event.clone();
    event.captured_at = event.captured_at + by;
    match &mut event.body {
        EventBody::List(at) | EventBody::Delist(at) => at.date = at.date + by,
        EventBody::Halt(at) | EventBody::Resume(at) => at.date = at.date + by,
        EventBody::Objection(objection) => objection.date = objection.date + by,
        EventBody::Settle(settlement) => settlement.date = settlement.date + by,
        EventBody::Notify(notification) => notification.date = notification.date + by,
        EventBody::Apply(application) => application.date = application.date + by,
        EventBody::Record(record) => record.doc_date = record.doc_date + by,
        EventBody::Bonus(bonus) => bonus.date = bonus.date + by,
        EventBody::Revoke(revocation) => revocation.date = revocation.date + by,
        EventBody::Repair(repair) => repair.approved = repair.approved + by,
        EventBody::Override(manual) => {
            manual.from = manual.from + by;
            manual.to = manual.to + by;
        }
        EventBody::Official(official) => official.as_of = official.as_of + by,
    }
    event
}

fn both_units() -> impl Strategy<Value = Unit> {
    select(vec![Unit::Months, Unit::Days])
}

fn both_stackings() -> impl Strategy<Value = Stacking> {
    select(vec![Stacking::AbsorbThenSum, Stacking::MaxOnly])
}

proptest! {
    #[test]
    fn reasons_add_up_to_a_score_within_the_scale(
        seeds in seeds(), unit in both_units(), stacking in both_stackings(), on in 0..HORIZON,
    ) {
        let book = rulebook(unit, stacking);
        let rating = rating(&ledger(&seeds), &book, day(on));
        let points: i32 = rating.reasons.iter().map(|reason| reason.points).sum();
        prop_assert!(rating.score <= 12);
        prop_assert_eq!(rating.score, 9 + points);
        for reason in &rating.reasons {
            prop_assert!(reason.start <= day(on) && reason.end.is_none_or(|end| day(on) < end));
            prop_assert!(rating.confidence >= reason.confidence);
        }
    }

    #[test]
    fn a_further_deduction_never_raises_a_day(
        seeds in seeds(), more in seed(), stacking in both_stackings(),
    ) {
        let book = rulebook(Unit::Months, stacking);
        let before = ledger(&seeds);
        let mut after = before.clone();
        let body = record("more".to_owned(), &more);
        after.push(CreditEvent { captured_at: noon(day(more.day)), body, entered_by: None });
        for on in (0..HORIZON).step_by(7) {
            let (before, after) = (rating(&before, &book, day(on)), rating(&after, &book, day(on)));
            prop_assert!(after.score <= before.score, "on {}", day(on));
            prop_assert!(after.tier >= before.tier, "on {}", day(on));
        }
    }

    #[test]
    fn the_order_of_entries_does_not_matter(
        seeds in seeds(), key in any::<u64>(), on in 0..HORIZON,
    ) {
        let book = rulebook(Unit::Months, Stacking::AbsorbThenSum);
        let events = ledger(&seeds);
        let mut mixed = events.clone();
        mixed.rotate_left(key as usize % events.len());
        if key % 2 == 0 {
            mixed.reverse();
        }
        prop_assert_eq!(rating(&events, &book, day(on)), rating(&mixed, &book, day(on)));
    }

    #[test]
    fn whole_days_shift_through_where_terms_are_days(
        seeds in seeds(), by in 0u64..800, on in 0..HORIZON,
    ) {
        let book = rulebook(Unit::Days, Stacking::AbsorbThenSum);
        let events = ledger(&seeds);
        let later: Vec<CreditEvent> = events.iter().map(|event| shifted(event, by)).collect();
        let (here, there) = (rating(&events, &book, day(on)), rating(&later, &book, day(on + by)));
        prop_assert_eq!((here.score, here.tier), (there.score, there.tier));
        let moved = here.next_change.map(|next| next.date + Days::new(by));
        prop_assert_eq!(moved, there.next_change.map(|next| next.date));
    }

    #[test]
    fn what_was_known_stays_answered(seeds in seeds(), on in 0..HORIZON, known in 0..HORIZON) {
        let books = rulebooks::named("auto").expect("compiled in");
        let schedule = Schedule::by_date(&books.iter().collect::<Vec<_>>()).expect("two");
        let known_at = noon(day(known));
        let all = ledger(&seeds);
        let early: Vec<CreditEvent> =
            all.iter().filter(|event| event.captured_at <= known_at).cloned().collect();
        let then = rate(&early, &schedule, day(on), Some(known_at)).expect("codes are known");
        let now = rate(&all, &schedule, day(on), Some(known_at)).expect("codes are known");
        prop_assert_eq!(then, now);
    }

    #[test]
    fn the_next_change_is_the_first_day_that_differs(seeds in seeds(), on in 0u64..1_000) {
        let book = rulebook(Unit::Months, Stacking::AbsorbThenSum);
        let events = ledger(&seeds);
        let now = rating(&events, &book, day(on));
        let days = (on + 1..on + 400).map(|then| rating(&events, &book, day(then)));
        let differs = days.into_iter().find(|then| (then.score, then.tier) != (now.score, now.tier));
        let found = now.next_change.filter(|next| next.date < day(on + 400));
        prop_assert_eq!(
            found.map(|next| (next.date, next.score, next.tier)),
            differs.map(|then| (then.on, then.score, then.tier))
        );
    }

    #[test]
    fn what_was_worked_out_before_is_what_is_worked_out_anew(
        seeds in seeds(), on in 0..HORIZON, known in proptest::option::of(0..HORIZON),
    ) {
        let books = rulebooks::named("auto").expect("compiled in");
        let schedule = Schedule::by_date(&books.iter().collect::<Vec<_>>()).expect("two");
        let events = ledger(&seeds);
        let prepared = Prepared::new(&events, &schedule).expect("codes are known");
        let before = Worked { events: &events, prepared: Some(&prepared) };
        let (on, known_at) = (day(on), known.map(|known| noon(day(known))));
        let anew = rate(&events, &schedule, on, known_at).expect("codes are known");
        let rated = before.rate(&schedule, on, known_at).expect("codes are known");
        prop_assert_eq!(&rated, &anew);
        let brief = before.brief(&schedule, on, known_at).expect("codes are known");
        let told = (brief.now.score, brief.now.tier, brief.now.confidence, brief.next_change);
        prop_assert_eq!(told, (anew.score, anew.tier, anew.confidence, anew.next_change));
        let tariff = |unit| tariff_tier(unit, &schedule, on, known_at).expect("codes are known");
        prop_assert_eq!(tariff(before), tariff(Worked::of(&events)));
    }
}
