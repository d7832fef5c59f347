//! The rules of removal as tables, and the law that a removal changes no hour.

use proptest::prelude::*;

use super::*;
use crate::domain::names::Factor;
use crate::domain::names::Flag;
use crate::domain::names::SourceId;
use crate::domain::reading::Qc;
use crate::domain::reading::Review;
use crate::domain::units::Amount;

fn key(text: &str) -> SeriesKey {
    let words: Vec<&str> = text.split_whitespace().collect();
    SeriesKey {
        source: SourceId::new("a").expect("a source"),
        factor: Factor::new(words[0]).expect(text),
        stat: Stat::new(words[1]).expect(text),
        interval_s: words[2].parse().expect(text),
    }
}

#[test]
fn kinds_by_what_rests_on_a_column() {
    let check = |text: &str, expected: Option<&str>, hours: Option<&str>| {
        assert_eq!(kind_of(&key(text)).map(Kind::key), expected, "{text}");
        assert_eq!(hours_of(&key(text)), hours.map(key), "{text}");
    };
    check("pm25 avg 60", Some("fine"), Some("pm25 avg 3600"));
    check("pm25 max 60", Some("fine"), Some("pm25 avg 3600"));
    check("a34004 avg 600", Some("fine"), Some("a34004 avg 3600"));
    check("pm25 avg 3599", Some("fine"), Some("pm25 avg 3600"));
    check("pm25 rtd 0", Some("fine"), None);
    check("pm25 avg 3600", None, None);
    check("pm25 max 3600", Some("hourly"), None);
    check("a21026 avg 3600", Some("hourly"), None);
    check("pm25 avg 86400", Some("hourly"), None);
}

#[test]
fn a_cut_never_reaches_last_year() {
    let zone = Zone::beijing();
    let at = |text: &str| {
        let time = chrono::DateTime::parse_from_rfc3339(text).expect(text);
        Instant::from_unix(time.timestamp())
    };
    let check = |days: u32, now: &str, expected: &str| {
        let policy = Policy::default().with(Kind::Fine, Some(days));
        let cut = policy
            .cut(Kind::Fine, at(now), zone)
            .map(|cut| zone.text(cut));
        assert_eq!(cut.as_deref(), Some(expected), "{days} {now}");
        assert_eq!(policy.cut(Kind::Hourly, at(now), zone), None);
    };
    check(1, "2026-07-01T00:00:00+08:00", "2025-01-01T00:00:00+08:00");
    check(1, "2026-01-01T00:00:00+08:00", "2025-01-01T00:00:00+08:00");
    check(1, "2025-12-31T23:59:59+08:00", "2024-01-01T00:00:00+08:00");
    check(
        3_650,
        "2026-07-01T00:00:00+08:00",
        "2016-07-03T00:00:00+08:00",
    );
    assert!(!Policy::default().removes());
    assert!(Policy::default().with(Kind::Revisions, Some(9)).removes());
}

fn reading(time: i64, flag: &str) -> Reading {
    Reading {
        time: Instant::from_unix(time),
        value: Some(Amount::from_micros(1)),
        flag: Flag::new(flag).expect("a flag"),
        qc: Qc::Passed,
        review: Review::Raw,
    }
}

/// Readings as `time@received`, a letter behind them a flag.
fn readings(text: &str) -> Vec<(Instant, Reading)> {
    let one = |word: &str| {
        let flag = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '@');
        let (time, received) = word.trim_end_matches(flag).split_once('@').expect(word);
        let number = |text: &str| text.parse::<i64>().expect(text);
        let flag = if flag.is_empty() { "N" } else { flag };
        (
            Instant::from_unix(number(received)),
            reading(number(time), flag),
        )
    };
    text.split_whitespace().map(one).collect()
}

#[test]
fn finer_readings_may_go_when_their_hours_stand_elsewhere() {
    let zone = Zone::beijing();
    let check = |hourly: &str, finer: &str, expected: bool| {
        let hours = hours(zone, &readings(hourly));
        assert_eq!(
            do_without(zone, &hours, &readings(finer)),
            expected,
            "{hourly} | {finer}"
        );
    };
    check("", "", true);
    check("3600@3610", "60@61 3600@3601", true);
    // The end of an hour belongs to it, the second after does not.
    check("3600@3610", "3601@3602", false);
    check("3600@3610 7200@7210", "3601@3602", true);
    // A flagged hour is none; a flagged minute makes none.
    check("3600@3610M", "60@61", false);
    check("", "60@61M", true);
    // Later than an hour after the last that it is made of, figures of the time between would be lost.
    check("3600@7200", "60@61", true);
    check("3600@7201", "60@61", false);
    check("3600@90001", "60@86401 120@86402", true);
    check("3600@90003", "60@86401 120@86402", false);
    // The first minute came long before: what was known then must not change.
    check("3600@90001", "60@61 120@86402", false);
    // A stamp within the hour is that hour's.
    check("3599@3610", "60@61", true);
}

proptest! {
    #[test]
    fn an_hour_ends_on_the_clock_and_holds_its_own(seconds in -100_000_000i64..4_000_000_000, offset in 0i64..57) {
        let text = format!("+{:02}:{:02}", offset / 4, offset % 4 * 15);
        let zone = Zone::parse(&text).expect("an offset");
        let ending = Instant::from_unix(seconds);
        let end = hour_end(zone, ending);
        prop_assert!(ending <= end && end.unix() - seconds < HOUR_S);
        prop_assert_eq!(hour_end(zone, end), end);
        prop_assert_eq!(zone.hour_of_ending(end), zone.hour_of_ending(ending));
        prop_assert_eq!(zone.day_of_ending(end), zone.day_of_ending(ending));
    }
}
