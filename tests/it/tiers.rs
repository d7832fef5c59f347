//! Credit tiers as a user computes them: lines in a file, `skytier rate`, lines out.
//!
//! A history is written the way an officer would tell it, one entry a piece, separated by semicolons:
//! `D03 2026-05-06 p` is a record of code D03 in case p (its identifier is e1, e2, .. by position), `B01 2026-01-20`
//! a bonus, then `list`, `halt`, `resume`, `revoke e1 2026-03-10`, `void e1 2026-03-10`, `repair e1 2026-07-22`.
//! Each entry is captured at nine in the morning of its own day.

mod hard;
mod listing;

use serde_json::Value;
use serde_json::json;
use std::fs;
use std::process::Command;
use std::process::Output;
use tempfile::TempDir;

const SUBJECT: &str = "91999999MA1ABCDE8G";

fn captured(day: &str) -> String {
    format!("{day}T09:00:00+08:00")
}

fn entry(at: usize, piece: &str) -> Value {
    let words: Vec<&str> = piece.split_whitespace().collect();
    let id = format!("e{}", at + 1);
    match words.as_slice() {
        ["revoke", id, day] => {
            json!({"op": "revoke", "id": id, "date": day, "captured_at": captured(day)})
        }
        ["void", id, day] => {
            json!({"op": "revoke", "id": id, "date": day, "void_ab_initio": true, "captured_at": captured(day)})
        }
        ["repair", id, day] => {
            json!({"op": "repair", "id": id, "approved": day, "captured_at": captured(day)})
        }
        ["override", tier, from, to] => {
            json!({"op": "override", "id": id, "subject": SUBJECT, "tier": tier, "from": from, "to": to,
                "reason": "emergency order", "approved_by": ["Li", "Wang"], "captured_at": captured(from)})
        }
        ["official", tier, day] => {
            json!({"op": "official", "subject": SUBJECT, "tier": tier, "as_of": day, "source": "example list",
                "captured_at": captured(day)})
        }
        [op @ ("list" | "halt" | "resume" | "delist"), day] => {
            json!({"op": op, "subject": SUBJECT, "date": day, "captured_at": captured(day)})
        }
        [code, day] if code.starts_with('B') => {
            json!({"op": "bonus", "id": id, "subject": SUBJECT, "code": code, "date": day,
                "captured_at": captured(day)})
        }
        [code, day, case @ ..] => {
            json!({"op": "record", "id": id, "subject": SUBJECT, "code": code, "case": case.first(),
                "doc_date": day, "captured_at": captured(day)})
        }
        other => panic!("no such entry: {other:?}"),
    }
}

fn lines(history: &str) -> String {
    let pieces = history
        .split(';')
        .map(str::trim)
        .filter(|piece| !piece.is_empty());
    pieces
        .enumerate()
        .map(|(at, piece)| format!("{}\n", entry(at, piece)))
        .collect()
}

fn skytier(text: &str, args: &[&str]) -> Output {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("ledger.jsonl");
    fs::write(&path, text).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_skytier"));
    command.arg("rate").arg("--events").arg(&path).args(args);
    command.output().expect("skytier runs")
}

fn answers(text: &str, args: &[&str]) -> Vec<Value> {
    let output = skytier(text, args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}");
    let answer = String::from_utf8(output.stdout).expect("UTF-8");
    answer
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// `expected` reads `2026-01-05 9 blue; 2026-12-31 9 blue`.
fn check_with(options: &[&str], history: &str, expected: &str) {
    let rows: Vec<&str> = expected.split(';').map(str::trim).collect();
    let mut args = options.to_vec();
    for row in &rows {
        args.extend(["--on", row.split(' ').next().expect("a day")]);
    }
    let found: Vec<String> = answers(&lines(history), &args)
        .iter()
        .map(|answer| {
            let word = |key: &str| answer[key].as_str().expect("a text").to_owned();
            format!("{} {} {}", word("on"), answer["score"], word("tier"))
        })
        .collect();
    assert_eq!(found, rows, "{options:?} {history}");
}

fn check(history: &str, expected: &str) {
    check_with(&["--rulebook", "JS2020"], history, expected);
}

#[test]
fn e1_a_newcomer_is_blue() {
    check("list 2026-01-05", "2026-01-05 9 blue; 2026-12-31 9 blue");
}

#[test]
fn e2_commitment_and_commendation_make_green() {
    check(
        "list 2026-01-05; B01 2026-01-20; B02 2026-03-01",
        "2026-01-19 9 blue; 2026-01-20 10 blue; 2026-03-01 11 green; 2027-02-28 11 green;
         2027-03-01 10 blue; 2028-01-19 10 blue; 2028-01-20 9 blue",
    );
}

#[test]
fn e3_the_order_is_absorbed_by_the_fine() {
    check(
        "D02 2019-03-10 c; D03 2019-03-10 c",
        "2019-03-24 9 blue; 2019-03-25 6 blue; 2019-06-30 6 blue; 2019-09-24 6 blue; 2019-09-25 9 blue",
    );
}

#[test]
fn e4_a_daily_fine_in_the_same_case() {
    check(
        "D02 2019-03-10 c; D03 2019-03-10 c; D05 2019-05-01 c",
        "2019-03-25 6 blue; 2019-05-15 6 blue; 2019-05-16 0 black; 2019-06-30 0 black; 2019-09-24 0 black;
         2019-09-25 3 yellow; 2019-12-31 3 yellow; 2020-05-15 3 yellow; 2020-05-16 9 blue",
    );
}

#[test]
fn e5_fine_and_stop_order_make_red() {
    check(
        "D03 2026-05-06 c; D08 2026-05-06 c",
        "2026-05-20 9 blue; 2026-05-21 1 red; 2026-06-30 1 red; 2026-11-20 1 red; 2026-11-21 9 blue;
         2026-12-31 9 blue",
    );
}

#[test]
fn e6_fine_and_shutdown_make_black() {
    check(
        "D03 2026-03-12 c; D09 2026-03-12 c",
        "2026-03-26 9 blue; 2026-03-27 0 black; 2026-06-30 0 black; 2026-09-26 0 black;
         2026-09-27 3 yellow; 2026-12-31 3 yellow; 2027-03-26 3 yellow; 2027-03-27 9 blue",
    );
}

#[test]
fn e7_and_e8_a_commitment_decides_red_or_black() {
    let fines = "D03 2026-03-03 a; D03 2026-03-17 b; D03 2026-04-14 c";
    check(
        &format!("B01 2025-10-01; {fines}"),
        "2026-03-17 10 blue; 2026-03-18 7 blue; 2026-04-01 4 yellow; 2026-04-28 4 yellow; 2026-04-29 1 red;
         2026-06-30 1 red; 2026-09-18 4 yellow; 2026-10-01 7 blue; 2026-10-29 10 blue",
    );
    check(
        fines,
        "2026-03-18 6 blue; 2026-04-01 3 yellow; 2026-04-29 0 black; 2026-09-18 3 yellow;
         2026-10-01 6 blue; 2026-10-29 9 blue",
    );
}

#[test]
fn e9_a_warning_costs_a_point_for_three_months() {
    check(
        "D01 2026-02-10 c",
        "2026-02-24 9 blue; 2026-02-25 8 blue; 2026-05-24 8 blue; 2026-05-25 9 blue",
    );
}

#[test]
fn e10_a_judgment_forces_black_at_once() {
    check(
        "B01 2025-12-01; D15 2026-01-15 c",
        "2026-01-14 10 blue; 2026-01-15 10 black; 2026-01-20 10 black; 2026-01-29 10 black;
         2026-01-30 -2 black; 2027-11-30 -2 black; 2027-12-01 -3 black; 2028-01-29 -3 black;
         2028-01-30 9 blue",
    );
}

#[test]
fn e11_a_revoked_decision_and_what_was_known_when() {
    let from = "D03 2026-02-02 c; revoke e1 2026-03-10";
    let void = "D03 2026-02-02 c; void e1 2026-03-10";
    check(
        from,
        "2026-02-16 9 blue; 2026-02-17 6 blue; 2026-03-09 6 blue; 2026-03-10 9 blue",
    );
    for (known, history, expected) in [
        ("2026-02-20", from, "2026-02-20 6 blue"),
        ("2026-02-20", void, "2026-02-20 6 blue"),
        ("2026-03-11", from, "2026-02-20 6 blue"),
        ("2026-03-11", void, "2026-02-20 9 blue"),
        ("2026-03-10T08:59:59+08:00", void, "2026-02-20 6 blue"),
        ("2026-03-10T01:00:00Z", void, "2026-02-20 9 blue"),
        ("2026-02-01", void, "2026-02-20 9 blue"),
    ] {
        check_with(
            &["--rulebook", "JS2020", "--known-at", known],
            history,
            expected,
        );
    }
}

#[test]
fn e12_repair_returns_points_only_since_the_national_order() {
    let history = "D03 2026-04-10 c; repair e1 2026-07-22";
    check(
        history,
        "2026-04-25 6 blue; 2026-07-22 6 blue; 2026-10-24 6 blue; 2026-10-25 9 blue",
    );
    for rulebook in ["JS2020+N2026", "auto"] {
        let options = ["--rulebook", rulebook];
        check_with(
            &options,
            history,
            "2026-04-25 6 blue; 2026-07-21 6 blue; 2026-07-22 9 blue",
        );
        let early = "D03 2026-04-10 c; repair e1 2026-05-20";
        check_with(&options, early, "2026-07-09 6 blue; 2026-07-10 9 blue");
    }
    let across = "D03 2025-12-20 c; repair e1 2026-03-25";
    let days = "2026-03-25 6 blue; 2026-03-31 6 blue; 2026-04-01 9 blue";
    check_with(&["--rulebook", "auto"], across, days);
}

#[test]
fn e13_a_leader_loses_the_floor_with_the_first_deduction() {
    check(
        "B01 2025-02-01; B03 2026-05-20; D03 2026-08-03 c",
        "2026-05-19 10 blue; 2026-05-20 11 green; 2026-08-17 11 green; 2026-08-18 7 blue;
         2027-01-31 7 blue; 2027-02-01 6 blue; 2027-02-17 6 blue; 2027-02-18 9 blue",
    );
}

#[test]
fn e14_seizure_then_court_enforcement() {
    check(
        "D03 2026-01-12 c; D06 2026-01-12 c; D10 2026-08-10 c",
        "2026-01-26 9 blue; 2026-01-27 1 red; 2026-06-30 1 red; 2026-07-26 1 red; 2026-07-27 9 blue;
         2026-08-24 9 blue; 2026-08-25 3 yellow; 2026-12-31 3 yellow; 2027-08-24 3 yellow; 2027-08-25 9 blue",
    );
}

#[test]
fn e16_fabrication_is_black_at_once_and_one_case_is_capped() {
    check(
        "D03 2026-09-01 c; D16 2026-09-01 c; D13 2026-09-05 c",
        "2026-08-31 9 blue; 2026-09-01 9 black; 2026-09-15 9 black; 2026-09-16 -3 black;
         2026-09-20 -3 black; 2027-09-20 -3 black; 2028-09-15 -3 black; 2028-09-16 9 blue",
    );
}

#[test]
fn e17_a_month_without_the_day_ends_on_its_last() {
    check(
        "D03 2025-08-16 c",
        "2025-08-30 9 blue; 2025-08-31 6 blue; 2026-02-27 6 blue; 2026-02-28 9 blue",
    );
}

#[test]
fn e18_two_cases_add_up_below_zero() {
    check(
        "D03 2026-05-06 p; D08 2026-05-06 p; D03 2026-10-20 q; D08 2026-10-20 q",
        "2026-06-30 1 red; 2026-11-03 1 red; 2026-11-04 -7 black; 2026-11-20 -7 black; 2026-11-21 1 red;
         2026-12-31 1 red; 2027-05-03 1 red; 2027-05-04 9 blue",
    );
}

#[test]
fn e19_half_a_year_of_halt_is_not_rated() {
    check(
        "halt 2026-02-01; resume 2026-10-01; D03 2026-01-20 c",
        "2026-02-03 9 blue; 2026-02-04 6 blue; 2026-07-31 6 blue; 2026-08-01 6 unrated;
         2026-08-04 9 unrated; 2026-09-30 9 unrated; 2026-10-01 9 blue",
    );
}

#[test]
fn scores_fall_into_their_bands() {
    check("B01 2026-01-01; B02 2026-01-01", "2026-02-01 11 green");
    check("B01 2026-01-01", "2026-02-01 10 blue");
    for (codes, expected) in [
        ("D03", "6 blue"),
        ("D03 D01", "5 yellow"),
        ("D09", "3 yellow"),
        ("D09 D01", "2 red"),
        ("D03 D06", "1 red"),
        ("D09 D03", "0 black"),
        ("D06 D06", "-1 black"),
    ] {
        let cases = codes.split(' ').enumerate();
        let history: Vec<String> = cases
            .map(|(at, code)| format!("{code} 2026-01-01 c{at}"))
            .collect();
        check(&history.join(";"), &format!("2026-02-01 {expected}"));
    }
}

#[test]
fn bonuses_of_one_kind_do_not_add_up() {
    check(
        "B02 2026-01-01; B02 2026-06-01",
        "2026-07-01 10 blue; 2027-05-31 10 blue; 2027-06-01 9 blue",
    );
    check(
        "B01 2026-01-01; B01 2027-12-01",
        "2027-12-15 10 blue; 2029-11-30 10 blue; 2029-12-01 9 blue",
    );
}

#[test]
fn an_override_or_a_national_list_only_worsens() {
    check(
        "override red 2026-03-01 2026-06-01",
        "2026-02-28 9 blue; 2026-03-01 9 red; 2026-05-31 9 red; 2026-06-01 9 blue",
    );
    check("override green 2026-03-01 2026-06-01", "2026-03-01 9 blue");
    check(
        "override red 2026-03-01 2027-03-01; revoke e1 2026-04-01",
        "2026-03-31 9 red; 2026-04-01 9 blue",
    );
    check(
        "V03 2026-03-01; revoke e1 2026-09-01",
        "2026-02-28 9 blue; 2026-03-01 9 black; 2026-09-01 9 blue",
    );
}

#[test]
fn the_answer_has_the_whole_shape() {
    let history =
        "official yellow 2026-06-30; D03 2026-05-06 c; D08 2026-05-06 c; official blue 2026-12-31";
    let answer = answers(
        &lines(history),
        &["--rulebook", "JS2020", "--on", "2026-06-30"],
    )
    .remove(0);
    let sha256 = answer["rulebook_sha256"]
        .as_str()
        .expect("a digest")
        .to_owned();
    assert_eq!(sha256.len(), 64);
    // As of when the last entry of the file was captured.
    let captured = lines(history);
    let captured = captured
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let latest = captured.filter_map(|line| Some(line["captured_at"].as_str()?.to_owned()));
    let latest = latest.max().expect("an entry");
    let reason = |id: &str, code: &str, points: i32, confidence: &str| {
        json!({"id": id, "code": code, "points": points, "start": "2026-05-21", "end": "2026-11-21",
            "confidence": confidence})
    };
    let expected = json!({
        "subject": SUBJECT, "on": "2026-06-30", "known_at": latest, "rulebook": "JS2020",
        "rulebook_sha256": sha256, "score": 1, "tier": "red", "confidence": "D",
        "official": {"tier": "yellow", "as_of": "2026-06-30", "source": "example list"},
        "reasons": [reason("e2", "D03", -3, "S"), reason("e3", "D08", -5, "D")],
        "next_change": {"date": "2026-11-21", "score": 9, "tier": "blue"},
    });
    assert_eq!(answer, expected);
}

#[test]
fn the_mark_is_the_weakest_the_answer_rests_on() {
    for (history, on, mark) in [
        ("list 2026-01-05", "2026-01-05", "S"),
        ("D03 2026-05-06 c", "2026-06-30", "S"),
        ("D02 2026-05-06 c; D03 2026-05-06 c", "2026-06-30", "S"),
        ("D01 2026-05-06 c; D03 2026-05-06 c", "2026-06-30", "D"),
        ("D09 2026-05-06 c", "2026-06-30", "I"),
        ("D01 2026-05-06 c", "2026-06-30", "D"),
        ("D03 2025-08-16 c", "2025-09-30", "D"),
        ("B01 2026-05-06", "2026-06-30", "D"),
    ] {
        let answer = answers(&lines(history), &["--rulebook", "JS2020", "--on", on]).remove(0);
        assert_eq!(answer["confidence"], mark, "{history}");
    }
}

#[test]
fn auto_takes_the_rulebook_in_force() {
    let text = lines("list 2026-01-05");
    let found = answers(
        &text,
        &["--on", "2019-06-30,2026-03-31", "--on", "2026-04-01"],
    );
    let books: Vec<&str> = found
        .iter()
        .map(|answer| answer["rulebook"].as_str().expect("a text"))
        .collect();
    assert_eq!(books, ["JS2020", "JS2020", "JS2020+N2026"]);
    assert_ne!(found[1]["rulebook_sha256"], found[2]["rulebook_sha256"]);
}

#[test]
fn units_come_sorted_and_the_table_reads() {
    let other = "91330100799655058B";
    let text = format!(
        "{}\n\n{}",
        lines("D03 2026-05-06 c"),
        lines("list 2026-05-06").replace(SUBJECT, other)
    );
    let found = answers(&text, &["--on", "2026-06-30"]);
    let subjects: Vec<&str> = found
        .iter()
        .map(|answer| answer["subject"].as_str().expect("a text"))
        .collect();
    assert_eq!(subjects, [other, SUBJECT]);
    let output = skytier(&text, &["--on", "2026-06-30", "--format", "table"]);
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    let row = "91999999MA1ABCDE8G  2026-06-30      6  blue     S     -         2026-11-21 9 blue             \
               D03 -3 e1 until 2026-11-21";
    assert_eq!(table.lines().nth(2), Some(row), "{table}");
}

/// The one line on standard error, after the path.
fn refusal(text: &str, args: &[&str]) -> String {
    let output = skytier(text, args);
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(output.stdout.is_empty(), "an answer beside an error");
    error
}

fn check_refused(text: &str, expected: &str) {
    let error = refusal(text, &["--rulebook", "JS2020", "--on", "2026-06-30"]);
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains(expected), "{error}");
}

#[test]
fn bad_entries_are_refused_with_line_and_remedy() {
    let refuse = |history: &str, expected: &str| check_refused(&lines(history), expected);
    refuse(
        "D03 2026-05-06 c; D99 2026-05-06 c",
        "ledger.jsonl:2: code D99 is not in rulebook JS2020; it has D01 ",
    );
    refuse(
        "D03a 2026-05-06 c",
        ":1: code D03a is switched off in rulebook JS2020",
    );
    refuse("B04 2026-05-06", ":1: code B04 is switched off");
    refuse(
        "V01 2026-05-06 c",
        ":1: code V01 is never entered; it follows by itself from a record of D15",
    );
    refuse(
        "revoke e9 2026-05-06",
        ":1: revoke of id \"e9\", which no record, bonus or override has",
    );
    refuse(
        "D03 2026-05-06 c; revoke e1 2026-06-01; revoke e1 2026-06-02",
        ":3: second revoke of id \"e1\"",
    );
    refuse(
        "D03 2026-05-06 c; repair e1 2026-06-01; repair e1 2026-06-02",
        ":3: second repair of id \"e1\"",
    );
    refuse(
        "B01 2026-05-06; repair e1 2026-06-01",
        ":2: repair of id \"e1\", which takes no points",
    );
    refuse(
        "D03 2026-05-06 c; revoke e1 2026-05-05",
        "before the entry itself (2026-05-06)",
    );
    refuse(
        "override red 2026-03-01 2027-03-02",
        "from 2026-03-01 the latest is 2027-03-01 (12 months)",
    );
    refuse("override red 2026-03-01 2026-03-01", "to must be later");
    refuse("override unrated 2026-03-01 2026-04-01", "sets no colour");
    refuse(
        "resume 2026-03-01; halt 2026-03-01",
        ":1: resume of 91999999MA1ABCDE8G on 2026-03-01 without a halt",
    );
}

#[test]
fn bad_lines_are_refused_with_line_and_field() {
    let good = lines("D03 2026-05-06 c");
    let twice = format!("{good}\n{}", good.replace("\"c\"", "\"d\""));
    check_refused(
        &twice,
        "ledger.jsonl:3: id \"e1\" stands in two different entries",
    );
    for (from, to, expected) in [
        (
            "DE8G",
            "DE8H",
            "ends in 'H'; the 17 characters before it ask for 'G' (GB 32100)",
        ),
        (
            "DE8G",
            "DE7G",
            "place 17; the organisation code before it asks for '8' (GB 11714)",
        ),
        (
            "\"2026-05-06\"",
            "\"2026-05-07\"",
            "doc_date 2026-05-07 lies after the day it was captured (2026-05-06)",
        ),
        (
            "\"2026-05-06\"",
            "\"2026-05-32\"",
            "field \"doc_date\": \"2026-05-32\" is no date",
        ),
        (
            "\"record\"",
            "\"rekord\"",
            "field \"op\": \"rekord\" is unknown; use one of list, record",
        ),
        (
            "\"id\"",
            "\"ident\"",
            "field \"id\" is missing; \"record\" needs it",
        ),
        (
            "{",
            "{\"colour\":1,",
            "field \"colour\" is unknown; \"record\" has op, id, subject",
        ),
        (
            "{",
            "{\"served\":\"2026-05-01\",",
            "served 2026-05-01 lies before doc_date 2026-05-06",
        ),
    ] {
        let wrong = good.replace(from, to);
        assert_ne!(wrong, good, "{from}");
        check_refused(&format!("\n{wrong}"), "ledger.jsonl:2: ");
        check_refused(&format!("\n{wrong}"), expected);
    }
    let alone = lines("override red 2026-03-01 2026-04-01").replace("Wang", "Li");
    check_refused(
        &alone,
        "is approved by Li and Li; two different persons must approve",
    );
    check_refused(
        "{}\n[]\nnull\n",
        ":1: field \"op\" is missing; \"every line\" needs it (also wrong: line 2, 3)",
    );
}

#[test]
fn bad_usage_is_refused() {
    let text = lines("list 2026-01-05");
    for (args, expected) in [
        (
            ["--rulebook", "JS1999"],
            "use auto or one of JS2013, JS2019, JS2020, JS2020+N2026",
        ),
        (["--on", "2026-02-30"], "no such date; write YYYY-MM-DD"),
        (["--known-at", "yesterday"], "write a time such as"),
    ] {
        let error = refusal(&text, &args);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn an_endless_line_is_refused_and_the_next_still_read() {
    let long = format!("{{\"op\":\"{}\"}}\n", "x".repeat(200_000));
    let text = format!(
        "{}{long}{long}{}",
        lines("list 2026-01-05"),
        lines("halt 2026-02-30")
    );
    check_refused(
        &text,
        ":2: the line is too long; at most 65536 bytes are read (also wrong: line 3, 4)",
    );
}

#[test]
fn an_entry_delivered_twice_counts_once() {
    let text = lines("D03 2026-05-06 c; revoke e1 2026-08-01; halt 2026-05-06").repeat(2);
    let args = ["--rulebook", "JS2020", "--on", "2026-06-30"];
    assert_eq!(answers(&text, &args)[0]["score"], 6);
    assert_eq!(
        answers(&format!("\u{feff}{}", text.replace('\n', "\r\n")), &args)[0]["score"],
        6
    );
}
