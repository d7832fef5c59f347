//! A second model of the tier, as simple as the published text, against the program's over many random histories.
//!
//! It is written from the restated rule (score on a day = initial + bonuses in force - what each case takes; floor; band;
//! the worse of that and a forced tier; not rated wins), asks day by day, keeps no spans, and shares no code or table with
//! the program. Its own table repeats the rule's rows, so a slip in a rulebook's file shows here as well.

use chrono::DateTime;
use chrono::Days;
use chrono::FixedOffset;
use chrono::Months;
use chrono::NaiveDate;
use chrono::TimeZone;
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
use skytier::domain::credit::tier::Schedule;
use skytier::domain::credit::tier::rate;
use skytier::domain::credit::uscc::Uscc;

/// Code, points, months, months until a repair may end it.
const TABLE: [(&str, i32, u32, u32); 26] = [
    ("D01", 1, 3, 0),
    ("D02", 1, 3, 0),
    ("D03", 3, 6, 3),
    ("D04", 3, 6, 3),
    ("D05", 6, 12, 3),
    ("D06", 5, 6, 3),
    ("D07", 5, 6, 3),
    ("D08", 5, 6, 3),
    ("D09", 6, 12, 3),
    ("D10", 6, 12, 3),
    ("D11", 6, 12, 3),
    ("D12", 12, 24, 12),
    ("D13", 9, 12, 12),
    ("D14", 9, 12, 12),
    ("D15", 12, 24, 12),
    ("D16", 12, 24, 12),
    ("D17", 3, 6, 3),
    ("D18", 6, 12, 3),
    ("D19", 12, 24, 12),
    ("D20", 3, 6, 3),
    ("D21", 6, 12, 3),
    ("D22", 5, 6, 3),
    ("D23", 1, 3, 0),
    ("D24", 1, 6, 0),
    ("D25", 6, 12, 3),
    ("D26", 1, 3, 0),
];

#[derive(Clone, Copy, PartialEq)]
enum Rule {
    Js2019,
    Js2020,
    Js2020N2026,
}

#[derive(Clone, Debug)]
enum Act {
    Record { code: &'static str, case: u64 },
    Bonus { code: &'static str },
    Revoke { of: usize, void: bool },
    Repair { of: usize },
    Override { tier: Tier, months: u32 },
    Halt,
    Resume,
}

#[derive(Clone, Debug)]
struct Entry {
    act: Act,
    date: NaiveDate,
    captured: NaiveDate,
}

/// What is known of a ledger: entries not yet captured are gone, the others keep their numbers.
type Known<'a> = Vec<Option<&'a Entry>>;

fn months_after(day: NaiveDate, months: u32) -> NaiveDate {
    day.checked_add_months(Months::new(months))
        .expect("within the calendar")
}

/// Whether a revocation lets entry `at` count on a day.
fn stands(known: &Known<'_>, at: usize, day: NaiveDate) -> bool {
    known.iter().flatten().all(|entry| match entry.act {
        Act::Revoke { of, void } if of == at => !void && day < entry.date,
        _ => true,
    })
}

/// First day and the day after the last of a record, as its document, term and repair have it.
fn acts(known: &Known<'_>, at: usize, rule: Rule) -> (NaiveDate, NaiveDate) {
    let entry = known[at].expect("known");
    let Act::Record { code, .. } = entry.act else {
        panic!("no record")
    };
    let (_, _, months, least) = TABLE.into_iter().find(|row| row.0 == code).expect("a row");
    let start = entry.date + Days::new(15);
    let mut end = months_after(start, months);
    for repair in known.iter().flatten() {
        if rule == Rule::Js2020N2026 && matches!(repair.act, Act::Repair { of } if of == at) {
            end = end.min(repair.date.max(months_after(entry.date, least)));
        }
    }
    (start, end)
}

/// Numbers of the deductions that count on a day.
fn deductions(known: &Known<'_>, day: NaiveDate, rule: Rule) -> Vec<usize> {
    let counts = |at: &usize| {
        let record = |entry: &Entry| matches!(entry.act, Act::Record { code, .. } if code != "V03");
        known[*at].is_some_and(record) && {
            let (start, end) = acts(known, *at, rule);
            start <= day && day < end && stands(known, *at, day)
        }
    };
    (0..known.len()).filter(counts).collect()
}

fn taken(known: &Known<'_>, day: NaiveDate, rule: Rule) -> i32 {
    let mut cases: Vec<(u64, Vec<(&str, i32)>)> = Vec::new();
    for at in deductions(known, day, rule) {
        let Act::Record { code, case } = known[at].expect("known").act else {
            panic!("no record")
        };
        // Case 0 stands for none: such a record is its own case.
        let case = if case == 0 { 1_000 + at as u64 } else { case };
        let points = TABLE
            .into_iter()
            .find(|row| row.0 == code)
            .expect("a row")
            .1;
        match cases.iter_mut().find(|(other, _)| *other == case) {
            Some((_, rows)) => rows.push((code, points)),
            None => cases.push((case, vec![(code, points)])),
        }
    }
    let orders = |code: &str| code == "D01" || code == "D02";
    let of_case = |(_, rows): (u64, Vec<(&str, i32)>)| {
        let heavier = rows.iter().any(|(code, _)| !orders(code));
        let rows = rows.iter().filter(|(code, _)| !(heavier && orders(code)));
        rows.map(|(_, points)| points).sum::<i32>().min(12)
    };
    cases.into_iter().map(of_case).sum()
}

fn bonus_stands(known: &Known<'_>, wanted: &str, months: u32, day: NaiveDate) -> Option<NaiveDate> {
    let of = |at: usize| {
        let entry = known[at]?;
        let right = matches!(entry.act, Act::Bonus { code } if code == wanted);
        let within = entry.date <= day && day < months_after(entry.date, months);
        (right && within && stands(known, at, day)).then_some(entry.date)
    };
    (0..known.len()).filter_map(of).max()
}

/// Points for the commitment: one, or in 2019 one a clean year up to two, for as long as the unit is clean.
fn commitment(known: &Known<'_>, day: NaiveDate, rule: Rule) -> i32 {
    let stood = |day: NaiveDate| bonus_stands(known, "B01", 24, day).is_some();
    if rule != Rule::Js2019 {
        return i32::from(stood(day));
    }
    let clean = |day: NaiveDate| deductions(known, day, rule).is_empty();
    let given = |entry: &&&Entry| matches!(entry.act, Act::Bonus { code: "B01" });
    let given: Vec<NaiveDate> = known
        .iter()
        .flatten()
        .filter(given)
        .map(|entry| entry.date)
        .collect();
    let Some(first) = given.iter().min().filter(|first| **first <= day) else {
        return 0;
    };
    if !clean(day) {
        return 0;
    }
    let mut begun = day;
    while begun > *first && clean(begun.pred_opt().expect("a day")) {
        begun = begun.pred_opt().expect("a day");
    }
    let years = |since: NaiveDate, until: NaiveDate| {
        let year = |months| i32::from(until >= months_after(since, months));
        year(12) + year(24)
    };
    let ran_out = |day: NaiveDate| {
        (0..known.len()).any(|at| {
            let ours = |entry: &Entry| {
                matches!(entry.act, Act::Bonus { code: "B01" })
                    && months_after(entry.date, 24) == day
            };
            known[at].is_some_and(ours) && stands(known, at, day.pred_opt().expect("a day"))
        })
    };
    let (mut since, mut kept) = (None, 0);
    for then in begun.iter_days().take_while(|then| *then <= day) {
        match (stood(then), since) {
            (true, None) => since = Some(then),
            (false, Some(start)) => {
                if ran_out(then) {
                    kept = kept.max(years(start, then));
                }
                since = None;
            }
            _ => {}
        }
    }
    since.map_or(kept, |start| kept.max(years(start, day)))
}

/// Whether a leader award lifts the unit on a day: no deduction was in force since.
fn leads(known: &Known<'_>, day: NaiveDate, rule: Rule) -> bool {
    let leader = |at: usize| {
        let Some(entry) = known[at] else { return false };
        let right = matches!(entry.act, Act::Bonus { code: "B03" });
        let within = entry.date <= day && day < months_after(entry.date, 12);
        let mut days = entry.date.iter_days().take_while(|then| *then <= day);
        right
            && within
            && stands(known, at, day)
            && days.all(|then| deductions(known, then, rule).is_empty())
    };
    (0..known.len()).any(leader)
}

fn forced(known: &Known<'_>, day: NaiveDate, rule: Rule) -> Vec<Tier> {
    let of = |at: usize| {
        let entry = known[at]?;
        let (tier, end) = match &entry.act {
            Act::Record { code: "V03", .. } => (Tier::Black, NaiveDate::MAX),
            Act::Record {
                code: "D15" | "D16",
                ..
            } => (Tier::Black, acts(known, at, rule).1),
            Act::Override { tier, months } => (*tier, months_after(entry.date, *months)),
            _ => return None,
        };
        (entry.date <= day && day < end && stands(known, at, day)).then_some(tier)
    };
    (0..known.len()).filter_map(of).collect()
}

fn halted_half_a_year(known: &Known<'_>, day: NaiveDate) -> bool {
    let mut since = None;
    let first = known.iter().flatten().map(|entry| entry.date).min();
    for then in first.into_iter().flat_map(|first| first.iter_days()) {
        if then > day {
            break;
        }
        let on = |act: fn(&Act) -> bool| {
            let mut there = known.iter().flatten();
            there.any(|entry| entry.date == then && act(&entry.act))
        };
        if on(|act| matches!(act, Act::Resume)) {
            since = None;
        }
        if since.is_none() && on(|act| matches!(act, Act::Halt)) {
            since = Some(then);
        }
    }
    since.is_some_and(|since| day >= months_after(since, 6))
}

/// Score and tier at the end of a day, as known at the end of another.
fn model(entries: &[Entry], day: NaiveDate, known: NaiveDate, rule: Rule) -> (i32, Tier) {
    let known: Known<'_> = entries
        .iter()
        .map(|entry| (entry.captured <= known).then_some(entry))
        .collect();
    let praised = i32::from(bonus_stands(&known, "B02", 12, day).is_some());
    let score = 9 + commitment(&known, day, rule) + praised - taken(&known, day, rule);
    let mut score = score.min(12);
    if leads(&known, day, rule) {
        score = score.max(11);
    }
    let colour = match score {
        11.. => Tier::Green,
        6..=10 => Tier::Blue,
        3..=5 => Tier::Yellow,
        1..=2 => Tier::Red,
        _ => Tier::Black,
    };
    let forced = forced(&known, day, rule).into_iter();
    let worst = forced.fold(colour, Tier::max);
    let halts = entries.iter().any(|entry| matches!(entry.act, Act::Halt));
    if halts && halted_half_a_year(&known, day) {
        return (score, Tier::Unrated);
    }
    (score, worst)
}

/// SplitMix64: the same histories on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

fn day(offset: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 1, 1).expect("a day") + Days::new(offset)
}

fn history(dice: &mut Dice) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for _ in 0..1 + dice.below(9) {
        let mut date = day(dice.below(700));
        let named = |dice: &mut Dice, wanted: fn(&Act) -> bool| {
            let able = (0..entries.len()).filter(|at| wanted(&entries[*at].act));
            let free = |at: &usize| {
                !entries.iter().any(
                    |entry| matches!(entry.act, Act::Revoke { of, .. } | Act::Repair { of } if of == *at),
                )
            };
            let able: Vec<usize> = able.filter(free).collect();
            (!able.is_empty()).then(|| able[dice.below(able.len() as u64) as usize])
        };
        let act = match dice.below(20) {
            0..=8 => Act::Record {
                code: TABLE[dice.below(26) as usize].0,
                case: dice.below(4),
            },
            9 => Act::Record {
                code: "V03",
                case: 0,
            },
            kind @ 10..=13 => Act::Bonus {
                code: ["B01", "B01", "B02", "B03"][kind as usize - 10],
            },
            14 => Act::Halt,
            15 => Act::Resume,
            16 => Act::Override {
                tier: Tier::ALL[dice.below(5) as usize],
                months: 1 + dice.below(12) as u32,
            },
            17 | 18 => match named(dice, |act| {
                matches!(
                    act,
                    Act::Record { .. } | Act::Bonus { .. } | Act::Override { .. }
                )
            }) {
                Some(of) => {
                    date = entries[of].date + Days::new(dice.below(300));
                    let void = dice.below(2) == 0;
                    Act::Revoke { of, void }
                }
                None => Act::Halt,
            },
            _ => match named(
                dice,
                |act| matches!(act, Act::Record { code, .. } if *code != "V03"),
            ) {
                Some(of) => {
                    date = entries[of].date + Days::new(dice.below(500));
                    Act::Repair { of }
                }
                None => Act::Resume,
            },
        };
        entries.push(Entry {
            act,
            date,
            captured: date + Days::new(dice.below(60)),
        });
    }
    entries
}

fn subject() -> Uscc {
    Uscc::new("91999999MA1ABCDE8G").expect("a right code")
}

fn evening(day: NaiveDate) -> DateTime<FixedOffset> {
    let time = day.and_hms_opt(20, 0, 0).expect("a time");
    let zone = Zone::beijing().offset();
    zone.from_local_datetime(&time).single().expect("no gaps")
}

/// The same entry for the program.
fn event(at: usize, entry: &Entry) -> CreditEvent {
    let (id, subject, date) = (format!("e{at}"), subject(), entry.date);
    let code = |code: &str| Code::new(code).expect("a code");
    let body = match &entry.act {
        Act::Record { code: row, case } => EventBody::Record(Record {
            id,
            subject,
            site: None,
            code: code(row),
            case: (*case > 0).then(|| format!("c{case}")),
            doc_no: None,
            doc_date: date,
            served: None,
            authority: None,
            evidence_sha256: None,
        }),
        Act::Bonus { code: row } => EventBody::Bonus(Bonus {
            id,
            subject,
            code: code(row),
            date,
        }),
        Act::Revoke { of, void } => EventBody::Revoke(Revocation {
            id: format!("e{of}"),
            date,
            void_ab_initio: *void,
        }),
        Act::Repair { of } => EventBody::Repair(Repair {
            id: format!("e{of}"),
            approved: date,
        }),
        Act::Override { tier, months } => EventBody::Override(Override {
            id,
            subject,
            tier: *tier,
            from: date,
            to: months_after(date, *months),
            reason: "emergency order".to_owned(),
            legal_basis: None,
            approved_by: vec!["Li".to_owned(), "Wang".to_owned()],
        }),
        Act::Halt => EventBody::Halt(SubjectDay { subject, date }),
        Act::Resume => EventBody::Resume(SubjectDay { subject, date }),
    };
    CreditEvent {
        captured_at: evening(entry.captured),
        body,
        entered_by: None,
    }
}

fn check(rule: Rule, id: &str, histories: u64) {
    let book = rulebooks::built_in(id).expect("compiled in");
    let schedule = Schedule::single(&book);
    let mut colours = [0u64; 6];
    for number in 0..histories {
        let mut dice = Dice(number.wrapping_mul(0x5851_f42d_4c95_7f2d) ^ histories);
        let entries = history(&mut dice);
        let (on, known) = (day(dice.below(1_500)), day(dice.below(1_500)));
        let events: Vec<CreditEvent> = entries
            .iter()
            .enumerate()
            .map(|(at, entry)| event(at, entry))
            .collect();
        let rating = rate(&events, &schedule, on, Some(evening(known))).expect("codes are known");
        let expected = model(&entries, on, known, rule);
        assert_eq!(
            (rating.score, rating.tier),
            expected,
            "{id}, history {number}, on {on}, known {known}: {entries:#?}"
        );
        colours[Tier::ALL
            .iter()
            .position(|tier| *tier == expected.1)
            .expect("a tier")] += 1;
    }
    // Were one outcome never reached, the agreement would say little.
    assert!(
        colours.iter().all(|count| *count > histories / 200),
        "{colours:?}"
    );
}

#[test]
fn the_rule_of_2020_agrees_with_the_second_model() {
    check(Rule::Js2020, "JS2020", 50_000);
}

#[test]
fn the_rule_with_early_repair_agrees_with_the_second_model() {
    check(Rule::Js2020N2026, "JS2020+N2026", 50_000);
}

#[test]
fn the_interim_rule_agrees_with_the_second_model() {
    check(Rule::Js2019, "JS2019", 10_000);
}
