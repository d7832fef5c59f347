//! `skytier index`: what it makes of concentrations, against the published tables and by hand.

use serde_json::Value;

use crate::route::lines;
use crate::support::fails;
use crate::support::run;
use crate::support::text;

const VECTORS: &str = include_str!("data/standards/aqi_vectors.csv");

/// A vector's key, concentration and index, if it is of the table and the kind of period.
fn vector(line: &str, standard: &str, hourly: bool) -> Option<(usize, String, String)> {
    let fields: Vec<&str> = line.split(',').collect();
    if fields[0] != standard || (fields[1] == "1h") != hourly {
        return None;
    }
    let labels = ["PM2.5", "PM10", "SO2", "NO2", "CO", "O3"];
    let keys = ["pm25", "pm10", "so2", "no2", "co", "o3"];
    let at = labels.iter().position(|label| *label == fields[2]);
    let at = at.expect("a pollutant");
    let kind = if fields[1] == "8h" { "_8h" } else { "" };
    let expected = fields[5].trim_start_matches("NA").to_owned();
    Some((at, format!("{}{kind}={}", keys[at], fields[3]), expected))
}

/// Every vector of a table in one run for days and one for hours; gives how many there were.
fn check_vectors(standard: &str, edition: &str) -> usize {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("given.txt");
    let mut compared = 0;
    for (by, hourly) in [("day", false), ("hour", true)] {
        let vectors = VECTORS
            .lines()
            .filter_map(|line| vector(line, standard, hourly));
        let vectors: Vec<_> = vectors.collect();
        let given: Vec<&str> = vectors.iter().map(|(_, given, _)| given.as_str()).collect();
        let all = format!("# a comment\n\n{}\n", given.join("\n"));
        std::fs::write(&input, all).expect("room on the disk");
        let mut args = vec!["index", "--edition", edition, "--by", by, "--format", "csv"];
        args.extend(["--missing", "publish", "--input", text(&input)]);
        if hourly {
            args.extend(["--realtime", "hourly-pm"]);
        }
        let printed = run(&args);
        let rows: Vec<&str> = printed.lines().skip(1).collect();
        assert_eq!(rows.len(), vectors.len(), "{standard} {by}");
        for (row, (at, given, expected)) in rows.iter().zip(&vectors) {
            let fields: Vec<&str> = row.split(',').collect();
            assert_eq!(fields[1 + at], expected, "{standard} {given}: {row}");
            let key = |pair: &str| pair.split('=').next().map(str::to_owned);
            assert_eq!(key(fields[11]), key(given), "{row}");
        }
        compared += rows.len();
    }
    compared
}

#[test]
fn the_tables_come_out() {
    assert_eq!(check_vectors("HJ633-2012", "2012"), 333);
    assert_eq!(check_vectors("HJ633-2026", "2026"), 441);
}

/// The answer for a set, as `aqi level primary; missing`.
fn check(args: &str, expected: &str) {
    let mut all = vec!["index", "--format", "json"];
    all.extend(args.split(' '));
    let found = lines(&run(&all))[0].clone();
    let list = |key: &str| {
        let list = found[key].as_array().expect("a list").iter();
        let list: Vec<&str> = list.filter_map(Value::as_str).collect();
        list.join("|")
    };
    let (aqi, level) = (&found["aqi"], &found["level"]);
    let told = format!("{aqi} {level} {}; {}", list("primary"), list("missing"));
    assert_eq!(told, expected, "{args}");
}

#[test]
fn aqi_level_and_primary_pollutants_follow_the_edition() {
    let six = "pm25=35.5 pm10=80 so2=10 no2=40 co=0.8 o3_8h=120";
    // PM10: 50 + 30 / 70 * 50 = 71.4 under 2026, 50 + 30 / 100 * 50 = 65 under 2012; O3 is 66.7 under both.
    check(&format!("--edition 2026 {six}"), "72 2 PM10; ");
    check(&format!("--edition 2012 {six}"), "67 2 O3; ");
    let without_co = "pm25=35.5 pm10=80 so2=10 no2=40 o3_8h=120";
    check(
        &format!("--edition 2012 {without_co}"),
        "null null ; co 24h",
    );
    check(
        &format!("--edition 2026 {without_co}"),
        "null null ; co 24h",
    );
    let bad = without_co.replace("35.5", "60.6");
    check(&format!("--edition 2026 {bad}"), "101 3 PM2.5; co 24h");
    check(
        &format!("--edition 2026 --missing publish {without_co}"),
        "72 2 PM10; co 24h",
    );
    check(
        "--edition 2026 --missing publish pm25=0",
        "0 1 ; pm10 24h|so2 24h|no2 24h|co 24h|o3 8h",
    );
    check(
        "--edition 2026 --missing publish --lift-zero yes pm25=0",
        "1 1 ; pm10 24h|so2 24h|no2 24h|co 24h|o3 8h",
    );
    // Ties are all listed; the seventh item of 2012 counts in the AQI alone.
    check(
        "--edition 2012 pm25=75 pm10=150 so2=0 no2=0 co=0 o3_8h=0",
        "100 2 PM2.5|PM10; ",
    );
    check(
        "--edition 2012 --o3-1h-item yes pm25=75 pm10=9 so2=0 no2=0 co=0 o3_8h=99 o3_1h=300",
        "150 3 O3; ",
    );
    let hour = "--by hour pm25=12 pm10=21 so2=7 no2=19 co=0.7 o3=71";
    check(
        &format!("--edition 2012 --realtime hourly-pm {hour}"),
        "23 1 ; ",
    );
    check(&format!("--edition 2026 {hour}"), "23 1 ; ");
    check(
        &format!("--edition 2012 {hour}"),
        "null null ; pm25 24h|pm10 24h|o3 8h",
    );
}

#[test]
fn what_cannot_be_judged_says_why() {
    for (args, expected) in [
        ("--edition 2026 pm25", "\"pm25\" is not KEY=VALUE"),
        ("--edition 2026 pm25=a", "\"pm25=a\" is not KEY=VALUE"),
        ("--edition 2026 pm25=-1", "a concentration is not negative"),
        ("--edition 2026 pm25=1 pm25=2", "pm25 is given twice"),
        ("--edition 2026 o3=1", "\"o3\" is none of pm25 pm10"),
        (
            "--edition 2026 --by hour o3_annual=1",
            "\"o3_annual\" is none of",
        ),
        (
            "--edition who-2021 pm25=1",
            "--edition \"who-2021\" is not one of 2012, 2026, 2031, epa-2024",
        ),
        (
            "--edition 2026 --realtime hourly-pm pm25=1",
            "--realtime goes with --by hour",
        ),
        (
            "--edition 2026 --by hour --realtime nowcast pm25=1",
            "--realtime nowcast: edition 2026 has none",
        ),
        ("--edition 2026", "KEY=VALUE"),
    ] {
        let mut all = vec!["index"];
        all.extend(args.split(' '));
        let (code, said) = fails(&all);
        assert!(
            code == 2 && said.contains(expected),
            "{args}: {code} {said}"
        );
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("given.txt");
    std::fs::write(&input, "pm25=1\n\nco\n").expect("room on the disk");
    let (code, said) = fails(&["index", "--edition", "2026", "--input", text(&input)]);
    assert!(
        code == 2 && said.contains("given.txt:3: \"co\" is not"),
        "{said}"
    );
}

#[test]
fn people_read_it_in_two_languages() {
    let six = [
        "pm25=35.5",
        "pm10=80",
        "so2=10",
        "no2=40",
        "co=0.8",
        "o3_8h=120",
    ];
    let table = |more: &[&str]| run(&[&["index", "--edition", "2026"], more, &six].concat());
    let zh = table(&[]);
    assert!(zh.contains("首要污染物") && zh.contains("二级 良"), "{zh}");
    let en = table(&["--lang", "en"]);
    let rows: Vec<Vec<&str>> = en
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[1],
        [
            "52", "72", "10", "50", "20", "67", "72", "2", "good", "PM10", "-"
        ]
    );
}
