//! The tier that decides tariffs, and what it costs.

use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;

use crate::credit::UNIT;
use crate::credit::daemon;
use crate::credit::done;
use crate::support::run;
use crate::support::text;

/// Records `CODE DATE CASE`, each captured at nine of its day, as a file.
fn ledger(folder: &tempfile::TempDir, records: &[&str]) -> PathBuf {
    let line = |(at, record): (usize, &&str)| {
        let words: Vec<&str> = record.split(' ').collect();
        let entry = json!({"op": "record", "id": format!("r{at}"), "subject": UNIT, "code": words[0],
            "doc_date": words[1], "case": words[2], "captured_at": format!("{}T09:00:00+08:00", words[1])});
        format!("{entry}\n")
    };
    let lines: String = records.iter().enumerate().map(line).collect();
    let path = folder.path().join("ledger.jsonl");
    std::fs::write(&path, lines).expect("written");
    path
}

/// JS2020 with both surcharges said to be in force.
fn in_force(folder: &tempfile::TempDir) -> PathBuf {
    let book = run(&["rulebook", "show", "JS2020", "--format", "toml"]);
    let path = folder.path().join("here.toml");
    let book = book.replace("in_force = \"unknown\"", "in_force = \"yes\"");
    std::fs::write(&path, book).expect("written");
    path
}

fn ask(ledger: &Path, rulebook: &str, on: &str) -> Value {
    let said = run(&[
        "credit",
        "tariff",
        "--events",
        text(ledger),
        "--rulebook",
        rulebook,
        "--on",
        on,
        "--kwh",
        "140000",
        "--m3",
        "600",
    ]);
    serde_json::from_str(said.trim_end()).expect("JSON")
}

/// Snapshot, tier and the two amounts.
fn bill(answer: &Value) -> String {
    let amounts = answer["surcharges"].as_array().expect("a list").iter();
    let amounts: Vec<String> = amounts.map(|row| row["amount_yuan"].to_string()).collect();
    let (snapshot, tier) = (&answer["snapshot"], &answer["tier"]);
    format!("{snapshot} {tier} {}", amounts.join(" ")).replace('"', "")
}

#[test]
fn a_half_year_is_billed_by_the_snapshot_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let book = in_force(&folder);
    let check = |records: &[&str], on: &str, expected: &str| {
        let ledger = ledger(&folder, records);
        assert_eq!(
            bill(&ask(&ledger, text(&book), on)),
            expected,
            "{records:?} {on}"
        );
    };
    // E5: 6 x (7,000 + 360) = 44,160 yuan for the second half of 2026.
    let e5 = ["D03 2026-05-06 c", "D08 2026-05-06 c"];
    check(&e5, "2026-06-30", "2025-12-31 blue 0.00 0.00");
    check(&e5, "2026-07-01", "2026-06-30 red 7000.00 360.00");
    check(&e5, "2026-12-31", "2026-06-30 red 7000.00 360.00");
    check(&e5, "2027-01-01", "2026-12-31 blue 0.00 0.00");
    // E6: black pays 14,000 and 600 a month.
    let e6 = ["D03 2026-03-12 c", "D09 2026-03-12 c"];
    check(&e6, "2026-07-15", "2026-06-30 black 14000.00 600.00");
    check(&e6, "2027-02-15", "2026-12-31 yellow 0.00 0.00");
    // E18: red at two snapshots running pays 1.0 for sewage and 0.05 for electricity.
    let e18 = [
        "D03 2026-05-06 p",
        "D08 2026-05-06 p",
        "D03 2026-10-20 q",
        "D08 2026-10-20 q",
    ];
    check(&e18, "2026-07-15", "2026-06-30 red 7000.00 360.00");
    check(&e18, "2027-01-15", "2026-12-31 red 7000.00 600.00");
}

#[test]
fn without_a_word_on_its_force_a_tariff_has_no_amount() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = ledger(&folder, &["D03 2026-05-06 c", "D08 2026-05-06 c"]);
    let answer = ask(&ledger, "auto", "2026-07-15");
    let row = &answer["surcharges"][0];
    assert_eq!(
        (&row["rate"], &row["in_force"]),
        (&json!("0.05"), &json!("unknown"))
    );
    assert_eq!(row["amount_yuan"], Value::Null);
    assert_eq!(
        row["void_reason"],
        "whether this surcharge is in force is unknown"
    );
}

#[test]
fn what_is_entered_after_the_snapshot_never_alters_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = ledger(&folder, &["D03 2026-05-06 c"]);
    let late = r#"{"op":"record","id":"late","subject":"91999999MA1ABCDE8G","code":"D09","case":"c","doc_date":"2026-05-06","captured_at":"2026-07-01T00:00:01+08:00"}"#;
    let last = late.replace("2026-07-01T00:00:01", "2026-07-01T00:00:00");
    let mut lines = std::fs::read_to_string(&file).expect("readable");
    let before = lines.clone();
    lines.push_str(late);
    std::fs::write(&file, &lines).expect("written");
    assert_eq!(ask(&file, "auto", "2026-07-15")["tier"], "blue");
    let rated = run(&["rate", "--events", text(&file), "--on", "2026-06-30"]);
    assert!(
        rated.contains("\"tier\":\"black\""),
        "the live tier does change: {rated}"
    );
    std::fs::write(&file, before + &last).expect("written");
    assert_eq!(ask(&file, "auto", "2026-07-15")["tier"], "black");
}

#[test]
fn live_and_tariff_tier_stand_together_with_the_policies() {
    let (_folder, site) = daemon();
    done(
        &site,
        "records",
        json!({"id": "r1", "code": "D09", "doc_date": "2020-05-06"}),
    );
    done(
        &site,
        "officials",
        json!({"tier": "red", "as_of": "2020-06-30", "source": "list"}),
    );
    let path = format!("/v1/enterprises/{UNIT}/tier?on=2020-07-15");
    let answer = site.json(&format!("{path}&kwh=1000&m3=2.5"));
    assert_eq!(answer["computed"]["tier"], "yellow");
    let tariff = &answer["tariff_tier"];
    // It was entered long after the snapshot, which therefore does not know it.
    assert_eq!(
        (&tariff["tier"], &tariff["snapshot"]),
        (&json!("blue"), &json!("2020-06-30"))
    );
    assert_eq!(tariff["surcharges"][1]["quantity"], "2.5");
    let policy = &answer["policy"];
    assert_eq!(
        policy["computed"]["working_capital"]["zh"],
        "总量控制，适度增加"
    );
    assert_eq!(
        (&policy["official"]["tier"], &policy["official"]["rate_bp"]),
        (&json!("red"), &json!(60))
    );
    let without = site.json(&format!("/v1/enterprises/{UNIT}/tier?on=2020-06-15"));
    assert_eq!(without["policy"]["official"], Value::Null);
    assert_eq!(site.fetch(&format!("{path}&kwh=-1")).status, 400);
    assert_eq!(site.fetch(&format!("{path}&m3=many")).status, 400);
}
