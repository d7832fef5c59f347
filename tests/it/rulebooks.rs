//! Rulebooks as a user handles them: listed, shown, checked line by line, tried over a ledger.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::fails;
use crate::support::output;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;

const SUBJECT: &str = "91999999MA1ABCDE8G";

/// A copy of a shipped rulebook with one passage changed, as a file.
fn changed(folder: &tempfile::TempDir, from: &str, to: &str) -> PathBuf {
    let book = run(&["rulebook", "show", "JS2020", "--format", "toml"]);
    assert!(book.contains(from), "{from:?} is not in the file");
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, book.replacen(from, to, 1)).expect("written");
    path
}

fn ledger(folder: &tempfile::TempDir, lines: &[&str]) -> PathBuf {
    let path = folder.path().join("ledger.jsonl");
    std::fs::write(&path, lines.join("\n")).expect("written");
    path
}

fn fine(id: &str, code: &str) -> String {
    format!(
        r#"{{"op":"record","id":"{id}","subject":"{SUBJECT}","code":"{code}","doc_date":"2026-05-06","captured_at":"2026-05-06T09:00:00+08:00"}}"#
    )
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|fault| panic!("{fault}: {line}"))
}

#[test]
fn editions_are_listed_with_their_days_and_digests() {
    let listed = run(&["rulebook", "list", "--format", "json"]);
    let rows: Vec<Value> = listed.lines().map(json).collect();
    let days: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{} {} {}",
                row["id"], row["in_force_from"], row["in_force_until"]
            )
            .replace('"', "")
        })
        .collect();
    assert_eq!(
        days,
        [
            "JS2013 2013-01-01 2018-12-31",
            "JS2019 2019-01-01 2019-12-31",
            "JS2020 2020-01-01 2026-03-31",
            "JS2020+N2026 2026-04-01 null",
        ]
    );
    for row in &rows {
        assert_eq!(row["sha256"].as_str().map(str::len), Some(64), "{row}");
    }
    for (day, id) in [
        ("2018-12-31", "JS2013"),
        ("2019-01-01", "JS2019"),
        ("2026-03-31", "JS2020"),
        ("2026-04-01", "JS2020+N2026"),
    ] {
        let one = run(&["rulebook", "list", "--on", day, "--format", "json"]);
        assert_eq!(json(&one)["id"], id, "{day}");
    }
    assert_eq!(run(&["rulebook", "list", "--on", "2012-12-31"]), "");
    assert_eq!(run(&["rulebook", "list"]).lines().count(), 4);
}

#[test]
fn an_edition_is_shown_with_points_terms_and_marks() {
    let shown = run(&["rulebook", "show", "JS2020"]);
    for line in [
        "D03       -3       6  S     罚款（含并处责令改正） / fine, with or without a correction order",
        "D03a      -2       6  D     小额罚款 / small fine  (off)",
        "B03     >=11      12  D     领跑者 / leader",
        "V01    black       -  D     追究刑事责任期间 / criminal liability in force",
    ] {
        assert!(shown.lines().any(|found| found == line), "{line}: {shown}");
    }
    let interim = run(&["rulebook", "show", "JS2019"]);
    assert!(interim.contains("B04    +1/+2   12/24  S"), "{interim}");
    let sums: Vec<String> = ["95", "94", "80", "79", "65", "64", "41", "40"]
        .iter()
        .map(|score| {
            let answer = json(&run(&["rulebook", "show", "JS2013", "--score", score]));
            format!("{score} {}", answer["tier"].as_str().expect("a tier"))
        })
        .collect();
    let expected = [
        "95 green",
        "94 blue",
        "80 blue",
        "79 yellow",
        "65 yellow",
        "64 red",
        "41 red",
        "40 black",
    ];
    assert_eq!(sums, expected);
    let (code, said) = fails(&["rulebook", "show", "JS2013", "--score", "101"]);
    assert_eq!((code, said.contains("goes up to 100")), (2, true), "{said}");
    let (code, said) = fails(&["rulebook", "show", "JS1999"]);
    assert_eq!(
        (code, said.contains("use auto or one of JS2013")),
        (2, true),
        "{said}"
    );
}

#[test]
fn a_ledger_cannot_be_rated_by_a_rule_without_points() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = ledger(&folder, &[&fine("a", "D03")]);
    let (code, said) = fails(&["rate", "--events", text(&ledger), "--rulebook", "JS2013"]);
    assert_eq!(code, 2);
    assert!(
        said.contains("JS2013 is scored by the year") && said.contains("--score N"),
        "{said}"
    );
}

#[test]
fn the_interim_rule_gives_points_for_clean_years_under_a_commitment() {
    let folder = tempfile::tempdir().expect("a folder");
    let commitment = format!(
        r#"{{"op":"bonus","id":"b","subject":"{SUBJECT}","code":"B01","date":"2019-01-10","captured_at":"2019-01-10T09:00:00+08:00"}}"#
    );
    let fine = fine("a", "D01").replace("2026-05-06", "2020-03-01");
    let ledger = ledger(&folder, &[&commitment, &fine]);
    let days =
        "2019-01-10,2020-01-09,2020-01-10,2020-03-15,2020-03-16,2020-06-16,2021-01-09,2021-01-10";
    let args = [
        "rate",
        "--events",
        text(&ledger),
        "--rulebook",
        "JS2019",
        "--on",
        days,
    ];
    let scores: Vec<String> = run(&args)
        .lines()
        .map(|line| json(line)["score"].to_string())
        .collect();
    assert_eq!(scores, ["9", "9", "10", "10", "8", "9", "9", "9"]);
    let entered = commitment.replace("B01", "B04");
    let path = folder.path().join("b04.jsonl");
    std::fs::write(&path, entered).expect("written");
    let (code, said) = fails(&["rate", "--events", text(&path), "--rulebook", "JS2019"]);
    assert_eq!(code, 2);
    assert!(
        said.contains("B04 is never entered; it follows by itself from a record of B01"),
        "{said}"
    );
}

#[test]
fn a_surcharge_is_on_a_known_item_once() {
    let folder = tempfile::tempdir().expect("a folder");
    for (from, to, what) in [
        (
            "\"sewage\"",
            "\"sewge\"",
            "\"sewge\" is unknown; write electricity or sewage",
        ),
        (
            "\"sewage\"",
            "\"electricity\"",
            "\"electricity\" is given twice",
        ),
    ] {
        let path = changed(&folder, from, to);
        let ended = output(&["rulebook", "check", text(&path)]);
        let said = String::from_utf8(ended.stdout).expect("UTF-8");
        assert_eq!(
            (ended.status.code(), said.contains(what)),
            (Some(1), true),
            "{said}"
        );
        assert!(said.contains(": tariff: item "), "{said}");
    }
}

#[test]
fn two_clean_years_under_one_commitment_earn_two_points() {
    let folder = tempfile::tempdir().expect("a folder");
    let bonus = |id: &str, day: &str| {
        format!(
            r#"{{"op":"bonus","id":"{id}","subject":"{SUBJECT}","code":"B01","date":"{day}","captured_at":"{day}T09:00:00+08:00"}}"#
        )
    };
    let revoke = |day: &str| {
        format!(r#"{{"op":"revoke","id":"b","date":"{day}","captured_at":"{day}T09:00:00+08:00"}}"#)
    };
    let first = bonus("b", "2019-01-10");
    let fine = fine("a", "D01").replace("2026-05-06", "2022-03-01");
    let check = |lines: &[&str], expected: &str| {
        let ledger = ledger(&folder, lines);
        let (days, scores): (Vec<&str>, Vec<&str>) = expected
            .split(' ')
            .filter_map(|pair| pair.split_once('='))
            .unzip();
        let days = days.join(",");
        let events = text(&ledger);
        let said = run(&[
            "rate",
            "--events",
            events,
            "--rulebook",
            "JS2019",
            "--on",
            &days,
        ]);
        let found: Vec<String> = said
            .lines()
            .map(|line| json(line)["score"].to_string())
            .collect();
        assert_eq!(found, scores, "{lines:?}");
    };
    check(
        &[&first],
        "2020-01-09=9 2020-01-10=10 2021-01-09=10 2021-01-10=11 2024-05-01=11",
    );
    // While clean: the fine acts from 16 March to 15 June; the commitment had run out before.
    check(
        &[&first, &fine],
        "2022-03-15=11 2022-03-16=8 2022-06-15=8 2022-06-16=9 2023-06-16=9",
    );
    check(
        &[&first, &revoke("2020-12-01")],
        "2020-11-30=10 2020-12-01=9 2021-01-10=9",
    );
    // A second one after a gap counts anew, and adds nothing to what was kept.
    let (second, third) = (bonus("c", "2021-03-01"), bonus("d", "2020-12-01"));
    check(
        &[&first, &second],
        "2021-02-28=11 2022-03-01=11 2024-03-01=11",
    );
    check(
        &[&first, &revoke("2020-11-01"), &third],
        "2020-10-31=10 2020-11-01=9 2021-11-30=9 2021-12-01=10 2022-12-01=11",
    );
}

#[test]
fn a_check_tells_every_fault_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let right = changed(&folder, "id = \"JS2020\"", "id = \"MINE\"");
    let said = run(&["rulebook", "check", text(&right)]);
    assert!(
        said.contains("MINE in force from 2020-01-01, sha256 "),
        "{said}"
    );
    let check = |from: &str, to: &str, expected: &str| {
        let path = changed(&folder, from, to);
        let book = std::fs::read_to_string(&path).expect("readable");
        let line = book
            .lines()
            .position(|line| line.contains(to))
            .expect("the change")
            + 1;
        let ended = output(&["rulebook", "check", text(&path)]);
        assert_eq!(ended.status.code(), Some(1), "{to}");
        let said = String::from_utf8(ended.stdout).expect("UTF-8");
        let place = format!("{}:{line}: {expected}", path.display());
        assert!(said.contains(&place), "{place}: {said}");
    };
    check(
        "value = 9,",
        "value = 9.5,",
        "scale.initial.value: expected a whole number, found float",
    );
    check(
        "mark = \"V3\"",
        "mark = \"V1\"",
        "scale.max.mark: \"V1\" is no mark",
    );
    check(
        "case_cap = ",
        "case_cup = ",
        "stacking.case_cup: unknown key; known here: absorbed, case_cap, mode",
    );
    check(
        "code = \"D02\"",
        "code = \"D01\" # twice",
        "deduction.D01: the code is given twice",
    );
    check(
        "value = 5, mark",
        "value = 13, mark",
        "deduction.D06.points: 13 is outside 1 to 12",
    );
    check(
        "follows = [\"D15\"]",
        "follows = [\"D99\"]",
        "veto.V01.follows: D99 is no deduction",
    );
    check(
        "unit = \"working_days\"",
        "unit = \"weeks\"",
        "clock.entry_limit.unit: \"weeks\" is unknown",
    );
    let path = changed(&folder, "[scale]", "[scale");
    let (code, said) = fails(&["rulebook", "check", text(&path)]);
    assert_eq!(code, 1);
    assert!(said.contains("the rulebook is not TOML: line 14"), "{said}");
    let (code, said) = fails(&["rulebook", "check", "/nonexistent/book.toml"]);
    assert_eq!((code, said.contains("cannot be read")), (2, true), "{said}");
}

#[test]
fn a_dry_run_tells_who_would_change_colour() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = ledger(&folder, &[&fine("a", "D03"), &fine("b", "D08")]);
    let mine = changed(
        &folder,
        "{ value = 5, mark = \"I\"",
        "{ value = 2, mark = \"I\"",
    );
    let args = [
        "rulebook",
        "dry-run",
        text(&mine),
        "--events",
        text(&file),
        "--on",
        "2026-06-30",
        "--format",
        "json",
    ];
    let said = run(&args);
    let rows: Vec<Value> = said.lines().map(json).collect();
    assert_eq!(rows.len(), 2, "{said}");
    let sides = |row: &Value, side: &str| format!("{} {}", row[side]["score"], row[side]["tier"]);
    assert_eq!(
        (sides(&rows[0], "before"), sides(&rows[0], "after")),
        ("1 \"red\"".to_owned(), "4 \"yellow\"".to_owned())
    );
    assert_eq!(rows[0]["before"]["rulebook"], "JS2020+N2026");
    assert_ne!(
        rows[0]["before"]["rulebook_sha256"],
        rows[0]["after"]["rulebook_sha256"]
    );
    assert_eq!(rows[1]["moves"]["red -> yellow"], 1);
    let without = changed(&folder, "code = \"D08\"", "code = \"D98\"");
    let said = run(&[
        "rulebook",
        "dry-run",
        text(&without),
        "--events",
        text(&file),
        "--on",
        "2026-06-30",
    ]);
    assert!(
        said.contains("code D08 is not in rulebook JS2020"),
        "{said}"
    );
    let same = run(&[
        "rulebook",
        "dry-run",
        "JS2020",
        "--events",
        text(&file),
        "--on",
        "2026-06-30",
        "--all",
    ]);
    assert!(
        same.contains("1 red     ->    1 red") && same.contains("0 of 1 units"),
        "{same}"
    );
}

#[test]
fn a_dry_run_reads_a_data_directory() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let folder = tempfile::tempdir().expect("a folder");
    let harder = changed(&folder, "initial = { value = 9", "initial = { value = 5");
    let said = run(&[
        "rulebook",
        "dry-run",
        text(&harder),
        "--data",
        text(&data),
        "--format",
        "json",
    ]);
    let totals = json(said.lines().last().expect("totals"));
    let (units, changed) = (&totals["units"], &totals["changed"]);
    assert!(
        changed.as_u64() > Some(10) && changed.as_u64() <= units.as_u64(),
        "{totals}"
    );
}
