//! From when a unit is rated, and what a time asked for stands for.

use serde_json::Value;
use serde_json::json;

use crate::tiers::SUBJECT;
use crate::tiers::answers;
use crate::tiers::check;
use crate::tiers::lines;

#[test]
fn a_unit_is_not_rated_before_it_is_listed() {
    check("list 2026-01-05", "2026-01-04 9 unrated; 2026-01-05 9 blue");
    check(
        "list 2026-01-05; D03 2025-12-01 c",
        "2026-01-04 6 unrated; 2026-01-05 6 blue",
    );
    check("D03 2026-05-06 c", "2026-01-01 9 blue; 2026-05-21 6 blue");
}

/// Entries of one unit, captured in the order written, a minute apart.
fn told(entries: &[(&str, &str, Value)]) -> String {
    let line = |(at, (op, day, more)): (usize, &(&str, &str, Value))| {
        let mut entry = json!({"op": op, "subject": SUBJECT, "captured_at": format!("{day}T09:{at:02}:00+08:00")});
        let key = match *op {
            "official" => "as_of",
            "record" => "doc_date",
            _ => "date",
        };
        entry[key] = json!(day);
        for (key, value) in more.as_object().expect("an object") {
            entry[key] = value.clone();
        }
        format!("{entry}\n")
    };
    entries.iter().enumerate().map(line).collect()
}

fn tiers(entries: &[(&str, &str)], on: &[&str]) -> Vec<String> {
    let bare: Vec<_> = entries
        .iter()
        .map(|(op, day)| (*op, *day, json!({})))
        .collect();
    let args: Vec<&str> = on.iter().flat_map(|day| ["--on", day]).collect();
    let answers = answers(&told(&bare), &args);
    let tier = |answer: &Value| answer["tier"].as_str().expect("a tier").to_owned();
    answers.iter().map(tier).collect()
}

#[test]
fn of_a_listing_and_a_removal_on_one_day_the_later_entry_stands() {
    let days = ["2026-01-04", "2026-05-04", "2026-05-05", "2026-05-06"];
    for (entries, expected) in [
        (
            [
                ("list", "2026-01-05"),
                ("delist", "2026-05-05"),
                ("list", "2026-05-05"),
            ],
            ["unrated", "blue", "blue", "blue"],
        ),
        (
            [
                ("list", "2026-01-05"),
                ("list", "2026-05-05"),
                ("delist", "2026-05-05"),
            ],
            ["unrated", "blue", "unrated", "unrated"],
        ),
        (
            [
                ("list", "2026-05-05"),
                ("delist", "2026-05-05"),
                ("list", "2026-05-06"),
            ],
            ["unrated", "unrated", "unrated", "blue"],
        ),
    ] {
        assert_eq!(tiers(&entries, &days), expected, "{entries:?}");
    }
}

/// The official tier on a day that rows `(site, tier, day)` make.
fn official(rows: &[(Option<&str>, &str, &str)], on: &str) -> String {
    let entries: Vec<_> = rows
        .iter()
        .map(|(site, tier, day)| {
            (
                "official",
                *day,
                json!({"site": site, "tier": tier, "source": "list 9"}),
            )
        })
        .collect();
    let answer = answers(&told(&entries), &["--on", on]).remove(0);
    answer["official"]["tier"]
        .as_str()
        .expect("a tier")
        .to_owned()
}

#[test]
fn no_sites_good_colour_covers_anothers_bad_one() {
    let whole = (None, "blue", "2026-01-24");
    let (one, two) = (
        (Some("一厂"), "black", "2026-02-01"),
        (Some("二厂"), "green", "2026-02-02"),
    );
    let again = (Some("一厂"), "yellow", "2026-02-03");
    let anew = (None, "green", "2026-03-01");
    for (rows, on, expected) in [
        (vec![whole, two], "2026-02-28", "blue"),
        (vec![whole, one, two], "2026-02-28", "black"),
        (vec![whole, one, two], "2026-01-31", "blue"),
        (vec![one, two], "2026-02-28", "black"),
        (vec![whole, one, two, again], "2026-02-28", "yellow"),
        (vec![whole, one, two, anew], "2026-03-01", "green"),
        (
            vec![(Some("一厂"), "green", "2026-02-02"), two],
            "2026-02-28",
            "green",
        ),
    ] {
        assert_eq!(official(&rows, on), expected, "{rows:?} {on}");
    }
}

#[test]
fn two_spellings_of_a_case_are_one_case() {
    let fine = |id: &str, code: &str, case: &str| {
        (
            "record",
            "2026-05-06",
            json!({"id": id, "code": code, "case": case}),
        )
    };
    for other in [
        "苏环罚（2026）1号",
        " 苏环罚(2026) 1号 ",
        "苏环罚(2026)1号\u{200b}",
    ] {
        let text = told(&[
            fine("r1", "D03", "苏环罚(2026)1号"),
            fine("r2", "D02", other),
        ]);
        let answer = answers(&text, &["--on", "2026-06-01"]).remove(0);
        assert_eq!(answer["score"], 6, "{other}");
    }
}

#[test]
fn a_time_stands_for_the_day_it_lies_in() {
    let history = lines("D03 2026-05-06 c");
    for (on, day, score) in [
        ("2026-05-21T00:00:00+08:00", "2026-05-20", 9),
        ("2026-05-21T00:00:01+08:00", "2026-05-21", 6),
        ("2026-05-20T16:30:00Z", "2026-05-21", 6),
    ] {
        let answer = answers(&history, &["--on", on]).remove(0);
        assert_eq!(
            (&answer["on"], &answer["score"]),
            (&json!(day), &json!(score)),
            "{on}"
        );
    }
}
