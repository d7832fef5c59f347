//! The wire shape: what is refused and how, and that what is written reads back.

use crate::adapters::credit_events::APPROVERS_MAX;
use crate::adapters::credit_events::LINE_BYTES_MAX;
use crate::adapters::credit_events::LineFault;
use crate::adapters::credit_events::from_line;
use crate::adapters::credit_events::to_line;
use crate::domain::credit::Application;
use crate::domain::credit::Bonus;
use crate::domain::credit::Code;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::Notification;
use crate::domain::credit::Objection;
use crate::domain::credit::OfficialTier;
use crate::domain::credit::Override;
use crate::domain::credit::Record;
use crate::domain::credit::Repair;
use crate::domain::credit::Revocation;
use crate::domain::credit::Settlement;
use crate::domain::credit::SubjectDay;
use crate::domain::credit::Tier;
use crate::domain::credit::uscc::Uscc;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use chrono::TimeZone;
use proptest::option;
use proptest::prelude::*;

const LIST: &str = r#"{"op":"list","subject":"91999999MA1ABCDE8G","date":"2026-01-05","captured_at":"2026-01-05T09:00:00+08:00"}"#;

fn check(from: &str, to: &str, expected: &str) {
    assert!(LIST.contains(from), "{from}");
    let fault = from_line(&LIST.replace(from, to))
        .expect_err(to)
        .to_string();
    assert!(fault.contains(expected), "{to}: {fault}");
}

#[test]
fn a_fault_names_the_field_and_the_remedy() {
    check(
        "\"list\"",
        "\"lists\"",
        "field \"op\": \"lists\" is unknown; use one of list, record",
    );
    check(
        "\"op\":\"list\",",
        "",
        "field \"op\" is missing; \"every line\" needs it",
    );
    check(
        "\"date\"",
        "\"day\"",
        "field \"date\" is missing; \"list\" needs it",
    );
    check(
        "}",
        ",\"note\":1}",
        "field \"note\" is unknown; \"list\" has op, subject, date",
    );
    check("}", ",\"op\":\"list\"}", "field \"op\" is given twice");
    check(
        "2026-01-05\"",
        "2026-02-30\"",
        "field \"date\": \"2026-02-30\" is no date; write YYYY-MM-DD",
    );
    check("2026-01-05\"", "2026-1-5\"", "is no date");
    check(
        "\"2026-01-05\"",
        "20260105",
        "field \"date\": 20260105 is no text",
    );
    check(
        "\"2026-01-05\"",
        "\"1026-01-05\"",
        "lies outside 1980 to 2199",
    );
    check("\"2026-01-05\"", "null", "field \"date\" is missing");
    check(
        "+08:00",
        "",
        "field \"captured_at\": \"2026-01-05T09:00:00\" is no time; write RFC 3339",
    );
    check(
        "8G\"",
        "8H\"",
        "ends in 'H'; the 17 characters before it ask for 'G'",
    );
    check(
        "\"91999999MA1ABCDE8G\"",
        "\" \"",
        "field \"subject\": blank",
    );
    check("}", "", "not a JSON object: EOF");
    check("}", "}}", "not a JSON object: trailing characters");
    check("{", "[{", "not a JSON object");
    let deep = LIST.replace('}', &format!(",\"note\":{}}}", "[".repeat(10_000)));
    assert!(from_line(&deep).is_err());
}

#[test]
fn limits_hold_to_the_byte() {
    let padded = |length: usize| format!("{LIST}{}", " ".repeat(length - LIST.len()));
    assert!(from_line(&padded(LINE_BYTES_MAX)).is_ok());
    assert_eq!(
        from_line(&padded(LINE_BYTES_MAX + 1)),
        Err(LineFault::TooLong)
    );
    let manual = |names: usize| {
        let names = vec!["\"Li\""; names].join(",");
        let fields = r#""op":"override","id":"o1","subject":"91999999MA1ABCDE8G","tier":"red","from":"2026-01-05""#;
        let rest =
            r#""to":"2026-02-05","reason":"order","captured_at":"2026-01-05T09:00:00+08:00""#;
        from_line(&format!("{{{fields},{rest},\"approved_by\":[{names}]}}"))
    };
    assert!(manual(APPROVERS_MAX).is_ok());
    let fault = manual(APPROVERS_MAX + 1)
        .expect_err("one too many")
        .to_string();
    assert_eq!(fault, "field \"approved_by\": 17 names; at most 16");
}

#[test]
fn optional_fields_may_be_absent_or_null() {
    let short = r#"{"op":"record","id":"r1","subject":"91999999MA1ABCDE8G","code":"D03","doc_date":"2026-05-06","captured_at":"2026-05-06T09:00:00+08:00"}"#;
    let event = from_line(short).expect("all that is needed");
    assert_eq!(to_line(&event), short);
    let nulls = short.replace(
        "\"code\"",
        "\"site\":null,\"case\":null,\"served\":null,\"code\"",
    );
    assert_eq!(from_line(&nulls), Ok(event));
    for (from, to, expected) in [
        ("\"D03\"", "\"d03\"", "field \"code\": \"d03\" is no code"),
        (
            "\"code\"",
            "\"evidence_sha256\":\"ab\",\"code\"",
            "write 64 of the digits",
        ),
        (
            "\"code\"",
            "\"served\":\"soon\",\"code\"",
            "field \"served\": \"soon\" is no date",
        ),
    ] {
        let fault = from_line(&short.replace(from, to))
            .expect_err(to)
            .to_string();
        assert!(fault.contains(expected), "{to}: {fault}");
    }
    let long = short.replace("\"r1\"", &format!("\"{}\"", "r".repeat(129)));
    assert_eq!(
        from_line(&long).expect_err("long").to_string(),
        "field \"id\": 129 bytes; at most 128"
    );
}

fn text() -> impl Strategy<Value = String> {
    "[^\\p{Cc}\\s][^\\p{Cc}]{0,20}"
}

fn date() -> impl Strategy<Value = NaiveDate> {
    (0u64..60_000).prop_map(|days| {
        NaiveDate::from_ymd_opt(1990, 1, 1).expect("a day") + chrono::Days::new(days)
    })
}

fn subject() -> impl Strategy<Value = Uscc> {
    prop::sample::select(vec![
        "91999999MA1ABCDE8G",
        "91330100799655058B",
        "9144030071526726XG",
    ])
    .prop_map(|code| Uscc::new(code).expect("right"))
}

fn code() -> impl Strategy<Value = Code> {
    "[A-Z][0-9]{2}[a-z]?".prop_map(|code| Code::new(&code).expect("shaped"))
}

fn captured_at() -> impl Strategy<Value = DateTime<FixedOffset>> {
    let halves = -24i32..=28;
    (400_000_000i64..4_000_000_000, 0u32..1_000_000_000, halves).prop_map(|(second, nano, half)| {
        let offset = FixedOffset::east_opt(half * 1800).expect("an offset");
        offset
            .timestamp_opt(second, nano)
            .single()
            .expect("an instant")
    })
}

fn record() -> impl Strategy<Value = Record> {
    let who = (
        text(),
        subject(),
        option::of(text()),
        code(),
        option::of(text()),
    );
    let what = (
        option::of(text()),
        date(),
        option::of(date()),
        option::of(text()),
        option::of("[0-9a-f]{64}"),
    );
    (who, what).prop_map(|(who, what)| {
        let (id, subject, site, code, case) = who;
        let (doc_no, doc_date, served, authority, evidence_sha256) = what;
        Record {
            id,
            subject,
            site,
            code,
            case,
            doc_no,
            doc_date,
            served,
            authority,
            evidence_sha256,
        }
    })
}

/// What is said of a record.
fn process() -> impl Strategy<Value = EventBody> {
    prop_oneof![
        (text(), date(), text()).prop_map(|(id, date, reason)| EventBody::Objection(Objection {
            id,
            date,
            reason
        })),
        (text(), date(), any::<bool>())
            .prop_map(|(id, date, upheld)| EventBody::Settle(Settlement { id, date, upheld })),
        (text(), date(), text()).prop_map(|(id, date, how)| EventBody::Notify(Notification {
            id,
            date,
            how
        })),
        (text(), date(), text()).prop_map(|(id, date, dossier)| EventBody::Apply(Application {
            id,
            date,
            dossier
        })),
    ]
}

fn body() -> impl Strategy<Value = EventBody> {
    let at = || (subject(), date()).prop_map(|(subject, date)| SubjectDay { subject, date });
    let tier = || prop::sample::select(Tier::ALL.to_vec());
    prop_oneof![
        at().prop_map(EventBody::List),
        at().prop_map(EventBody::Halt),
        at().prop_map(EventBody::Resume),
        at().prop_map(EventBody::Delist),
        process(),
        record().prop_map(EventBody::Record),
        (text(), subject(), code(), date()).prop_map(|(id, subject, code, date)| EventBody::Bonus(
            Bonus {
                id,
                subject,
                code,
                date
            }
        )),
        (text(), date(), any::<bool>()).prop_map(|(id, date, void_ab_initio)| {
            EventBody::Revoke(Revocation {
                id,
                date,
                void_ab_initio,
            })
        }),
        (text(), date()).prop_map(|(id, approved)| EventBody::Repair(Repair { id, approved })),
        (
            text(),
            subject(),
            tier(),
            date(),
            date(),
            (text(), option::of(text())),
            prop::collection::vec(text(), 0..4)
        )
            .prop_map(
                |(id, subject, tier, from, to, (reason, legal_basis), approved_by)| {
                    EventBody::Override(Override {
                        id,
                        subject,
                        tier,
                        from,
                        to,
                        reason,
                        legal_basis,
                        approved_by,
                    })
                }
            ),
        (subject(), option::of(text()), tier(), date(), text()).prop_map(
            |(subject, site, tier, as_of, source)| {
                EventBody::Official(OfficialTier {
                    subject,
                    site,
                    tier,
                    as_of,
                    source,
                })
            }
        ),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back(captured_at in captured_at(), body in body(), by in option::of(text())) {
        let event = CreditEvent { captured_at, body, entered_by: by };
        let line = to_line(&event);
        prop_assert!(!line.contains('\n'));
        let again = from_line(&line);
        prop_assert_eq!(again.as_ref(), Ok(&event), "{}", line);
        let again = again.expect("equal");
        prop_assert_eq!(again.captured_at.offset(), event.captured_at.offset());
        prop_assert_eq!(to_line(&event), line);
    }

    #[test]
    fn any_line_is_answered(line in "\\PC*") {
        let _ = from_line(&line);
    }
}
