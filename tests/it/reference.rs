//! The program as a user runs it on the Beijing files, against results computed without it.
//!
//! Every row of every table is compared. Where the two sides differ by design, the expected value is derived
//! from the table here and the rule is named at that place: a mean is withheld when GB 3095 Table 4 asks for
//! more days, and a year is called incomplete when one of its months is short although the mean stands.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

use serde_json::Value;
use skytier::domain::units::Amount;

/// A table's row by column name.
type Row = BTreeMap<String, String>;

const STATIONS: [&str; 6] = [
    "Aotizhongxin",
    "Changping",
    "Dongsi",
    "Guanyuan",
    "Huairou",
    "Wanliu",
];
const VALUES: [&str; 6] = ["pm25", "pm10", "so2", "no2", "co", "o3_8h"];
const DAYS: [&str; 6] = ["--from", "2013-03-01", "--to", "2017-02-28", "--by", "day"];

/// One way of judging, as options of the command and as columns of the daily tables `(ours, theirs)`.
struct Profile {
    key: &'static str,
    edition: &'static str,
    round_first: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

const P2012U: Profile = Profile {
    key: "2012u",
    edition: "2012",
    round_first: "no",
    columns: &[
        ("iaqi_pm25", "iaqi_pm25"),
        ("iaqi_pm10", "iaqi_pm10"),
        ("iaqi_so2", "iaqi_so2"),
        ("iaqi_no2", "iaqi_no2"),
        ("iaqi_co", "iaqi_co"),
        ("iaqi_o3", "iaqi_o3_8h"),
        ("aqi", "aqi"),
        ("level", "level"),
        ("primary", "primary"),
    ],
};
const P2012R: Profile = Profile {
    key: "2012r",
    edition: "2012",
    round_first: "yes",
    columns: &[("aqi", "aqi_2012r"), ("primary", "primary_2012r")],
};
const P2026: Profile = Profile {
    key: "2026",
    edition: "2026",
    round_first: "yes",
    columns: &[
        ("iaqi_pm25", "iaqi26_pm25"),
        ("iaqi_pm10", "iaqi26_pm10"),
        ("aqi", "aqi_2026"),
        ("primary", "primary_2026"),
    ],
};

fn table(text: &[u8]) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(text);
    let rows = reader.deserialize().collect::<Result<_, _>>();
    rows.expect("CSV with a header")
}

fn reference(name: &str) -> Vec<Row> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("tests/it/data/reference").join(name);
    let file = fs::File::open(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(file)
        .read_to_end(&mut text)
        .expect("gzip");
    table(&text)
}

/// The recorded files of one station, or of all of them for `mean`.
fn inputs(area: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/beijing");
    let file = |station: &&str| root.join(format!("PRSA_Data_{station}_20130301-20170228.csv.gz"));
    let wanted = |station: &&&str| area == "mean" || area == **station;
    STATIONS.iter().filter(wanted).map(file).collect()
}

fn assess(area: &str, args: &[&str]) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skytier"));
    command.arg("assess").arg("--input").args(inputs(area));
    command.args(["--layout", "beijing-uci", "--o3-exception", "no", "--area"]);
    match area {
        "mean" => command.arg(area),
        station => command.arg(format!("station:{station}")),
    };
    let output = command.args(args).output().expect("skytier runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{area} {args:?}: {error}");
    output.stdout
}

/// Counts as the row's pollutants in report order: `(key, valid, needed)`, as the program words them.
fn counts(row: &Row, of_city: bool) -> String {
    let mut voids = Vec::new();
    for value in VALUES {
        let (what, column, need) = match (of_city, value) {
            (true, _) => ("stations", format!("ns_{value}"), 1),
            (false, "o3_8h") => ("windows", "n_o3_windows".to_owned(), 14),
            (false, _) => ("hours", format!("n_{value}"), 20),
        };
        let have: u32 = row[&column].parse().expect("a count");
        let key = value.trim_end_matches("_8h");
        if have < need {
            voids.push(format!("{key} {what} {have}/{need}"));
        }
    }
    voids.join("|")
}

fn check_days(profile: &Profile, area: &str, expected: &[&Row]) {
    let mut args = DAYS.to_vec();
    args.extend(["--edition", profile.edition]);
    args.extend(["--round-first", profile.round_first]);
    args.extend(["--min-stations", "1", "--format", "csv"]);
    let found = table(&assess(area, &args));
    assert_eq!(found.len(), expected.len(), "{area}: days");
    let mut differing = Vec::new();
    for (ours, theirs) in found.iter().zip(expected) {
        let voids = counts(theirs, area == "mean");
        let values = VALUES.iter().map(|column| (*column, *column));
        let mut pairs: Vec<(&str, &str)> = values.chain(profile.columns.iter().copied()).collect();
        pairs.push(("date", "date"));
        let same = |(own, other): &(&str, &str)| ours[*own] == theirs[*other];
        if !pairs.iter().all(same) || ours["void_reason"] != voids {
            differing.push(format!("{ours:?}\n  expected {theirs:?} {voids}"));
        }
    }
    let count = differing.len();
    differing.truncate(5);
    assert_eq!(count, 0, "{area} {}: {}", profile.key, differing.join("\n"));
}

fn check_station_days(profile: &Profile) {
    let rows = reference("daily_station.csv.gz");
    assert_eq!(rows.len(), 8_766, "6 stations, 1461 days");
    for station in STATIONS {
        let own = rows.iter().filter(|row| row["station"] == station);
        check_days(profile, station, &own.collect::<Vec<_>>());
    }
}

fn check_city_days(profile: &Profile) {
    let rows = reference("daily_city6.csv.gz");
    assert_eq!(rows.len(), 1_461, "days");
    check_days(profile, "mean", &rows.iter().collect::<Vec<_>>());
}

#[test]
fn station_days_of_2012_unrounded() {
    check_station_days(&P2012U);
}

#[test]
fn station_days_of_2012_rounded_first() {
    check_station_days(&P2012R);
}

#[test]
fn station_days_of_2026() {
    check_station_days(&P2026);
}

#[test]
fn city_days_of_2012_unrounded() {
    check_city_days(&P2012U);
}

#[test]
fn city_days_of_2012_rounded_first() {
    check_city_days(&P2012R);
}

#[test]
fn city_days_of_2026() {
    check_city_days(&P2026);
}

/// What one period command printed, by period label.
type Periods = BTreeMap<String, Value>;

/// Periods of an area. A command that was run before is not run again.
fn periods(profile: &Profile, area: &str, min_stations: &str, by: &str) -> Arc<Periods> {
    static RUNS: Mutex<BTreeMap<String, Arc<OnceLock<Arc<Periods>>>>> = Mutex::new(BTreeMap::new());
    let mut args = vec!["--from", "2013-01-01", "--to", "2017-12-31", "--by", by];
    args.extend(["--edition", profile.edition]);
    args.extend(["--round-first", profile.round_first]);
    args.extend(["--min-stations", min_stations, "--format", "json"]);
    let name = format!("{area} {}", args.join(" "));
    let run = Arc::clone(
        RUNS.lock()
            .expect("no test fails here")
            .entry(name)
            .or_default(),
    );
    let answer = run.get_or_init(|| {
        let text = String::from_utf8(assess(area, &args)).expect("UTF-8");
        let values = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let labelled = values.map(|value| {
            let label = value["period"].as_str().expect("a label").to_owned();
            (label, value)
        });
        Arc::new(labelled.collect())
    });
    Arc::clone(answer)
}

fn micros(text: &str) -> i64 {
    Amount::parse(text).expect(text).micros()
}

/// The rows of one area and profile by period label.
struct Expected<'a>(BTreeMap<&'a str, &'a Row>);

impl Expected<'_> {
    fn met(&self, label: &str) -> bool {
        // Half-years have no least number of days; their field is empty.
        self.0
            .get(label)
            .is_some_and(|row| row["pm25_min_met"] != "0")
    }

    /// Whether the period and each of its months has enough days.
    fn complete(&self, label: &str) -> bool {
        let months = match label.split_once('-') {
            None => 1..=12,
            Some((_, "H1")) => 1..=6,
            Some((_, "H2")) => 7..=12,
            Some(_) => return self.met(label),
        };
        let year = &label[..4];
        self.met(label)
            && months
                .into_iter()
                .all(|month| self.met(&format!("{year}-{month:02}")))
    }
}

fn year_before(label: &str) -> String {
    let year: i32 = label[..4].parse().expect("a year");
    format!("{}{}", year - 1, &label[4..])
}

/// Good days over valid days in per mille, half to even.
fn permille(good: i64, valid: i64) -> i64 {
    let (whole, rest) = (good * 1000 / valid, good * 1000 % valid);
    match (rest * 2).cmp(&valid) {
        std::cmp::Ordering::Less => whole,
        std::cmp::Ordering::Equal => whole + whole % 2,
        std::cmp::Ordering::Greater => whole + 1,
    }
}

fn figures_fit(expected: &Expected<'_>, row: &Row, ours: &Value) -> Result<(), String> {
    let fit = |what: &str, holds: bool| holds.then_some(()).ok_or_else(|| what.to_owned());
    let label = row["period"].as_str();
    let count = |column: &str| row[column].parse::<i64>().expect("a count");
    let (pm25, aqi) = (&ours["pm25"], &ours["aqi"]);
    fit("calendar", ours["calendar_days"] == count("calendar_days"))?;
    fit("PM2.5 days", pm25["valid_days"] == count("pm25_valid_days"))?;
    match &pm25["mean"] {
        Value::Null => fit("mean withheld", !expected.met(label))?,
        mean => {
            let off = micros(&mean.to_string()) - micros(&row["pm25_mean"]);
            fit("mean", expected.met(label) && off.abs() <= 50)?;
        }
    }
    fit("complete", pm25["complete"] == expected.complete(label))?;
    fit("AQI days", aqi["valid_days"] == count("aqi_valid_days"))?;
    fit("good days", aqi["good_days"] == count("good_days"))?;
    let void = count("calendar_days") - count("aqi_valid_days");
    fit("void days", aqi["void_days"] == void)?;
    match &aqi["good_day_ratio"] {
        Value::Null => fit("ratio withheld", count("aqi_valid_days") == 0),
        ratio => {
            let ratio = micros(&ratio.to_string()) / 100_000;
            let expected = permille(count("good_days"), count("aqi_valid_days"));
            fit("ratio", ratio == expected)
        }
    }
}

/// Ours is taken from published figures (one decimal), theirs from unrounded ones, so they agree within what
/// rounding both sides and the change itself can move.
fn changes_fit(expected: &Expected<'_>, row: &Row, ours: &Value) -> Result<(), String> {
    let label = row["period"].as_str();
    let before = year_before(label);
    let near = |what: &str, found: &Value, theirs: &str, given: bool, most: f64| {
        if found.is_null() || theirs.is_empty() || !given {
            let holds = found.is_null() && (theirs.is_empty() || !given);
            return holds.then_some(()).ok_or_else(|| what.to_owned());
        }
        let theirs: f64 = theirs.parse().expect("a number");
        let off = found.as_f64().expect("a number") - theirs;
        let holds = off.abs() <= most + 1e-4;
        holds
            .then_some(())
            .ok_or_else(|| format!("{what} {off} off"))
    };
    let yoy = &ours["yoy"];
    let given = expected.met(label) && expected.met(&before);
    let most = expected.0.get(before.as_str()).map_or(0.0, |earlier| {
        let mean = |row: &Row| row["pm25_mean"].parse::<f64>().expect("a mean");
        let (now, before) = (mean(row), mean(earlier));
        5.0 / before * (1.0 + now / before) * 1.01 + 0.05
    });
    near(
        "PM2.5 change",
        &yoy["pm25_pct"],
        &row["pm25_yoy_pct"],
        given,
        most,
    )?;
    let points = &yoy["good_day_ratio_pp"];
    near(
        "ratio change",
        points,
        &row["good_ratio_yoy_pp"],
        true,
        0.15,
    )?;
    let comparable = expected.complete(label) && expected.complete(&before);
    let stated = yoy.is_null() || yoy["comparable"] == comparable;
    stated.then_some(()).ok_or_else(|| "comparable".to_owned())
}

fn check_periods(profile: &Profile, area: &str, min_stations: &str, rows: &[&Row]) {
    let labelled = rows.iter().map(|row| (row["period"].as_str(), *row));
    let expected = Expected(labelled.collect());
    assert_eq!(expected.0.len(), 62, "48 months, 9 half-years, 5 years");
    let mut differing = Vec::new();
    for row in rows {
        let found = periods(profile, area, min_stations, &row["kind"]);
        let ours = &found[&row["period"]];
        let fits =
            figures_fit(&expected, row, ours).and_then(|()| changes_fit(&expected, row, ours));
        if let Err(what) = fits {
            differing.push(format!("{what}: {ours}\n  expected {row:?}"));
        }
    }
    let name = format!("{area} {} {min_stations}", profile.key);
    assert!(differing.is_empty(), "{name}: {}", differing.join("\n"));
}

fn check_city_periods(profile: &Profile, file: &str, min_stations: &str) {
    let rows = reference(file);
    assert_eq!(rows.len(), 186, "3 profiles");
    let own = rows.iter().filter(|row| row["profile"] == profile.key);
    check_periods(profile, "mean", min_stations, &own.collect::<Vec<_>>());
}

fn check_station_periods(profile: &Profile) {
    let rows = reference("period_station.csv.gz");
    assert_eq!(rows.len(), 1_116, "6 stations, 3 profiles");
    for station in STATIONS {
        let own = rows
            .iter()
            .filter(|row| row["profile"] == profile.key && row["id"] == station);
        check_periods(profile, station, "1", &own.collect::<Vec<_>>());
    }
}

#[test]
fn city_periods_of_2012_unrounded() {
    check_city_periods(&P2012U, "period_city6.csv.gz", "1");
}

#[test]
fn city_periods_of_2012_rounded_first() {
    check_city_periods(&P2012R, "period_city6.csv.gz", "1");
}

#[test]
fn city_periods_of_2026() {
    check_city_periods(&P2026, "period_city6.csv.gz", "1");
}

#[test]
fn city_periods_of_2012_unrounded_with_three_quarters_of_the_stations() {
    check_city_periods(&P2012U, "period_city6_min75.csv.gz", "75%");
}

#[test]
fn city_periods_of_2012_rounded_first_with_three_quarters_of_the_stations() {
    check_city_periods(&P2012R, "period_city6_min75.csv.gz", "75%");
}

#[test]
fn city_periods_of_2026_with_three_quarters_of_the_stations() {
    check_city_periods(&P2026, "period_city6_min75.csv.gz", "75%");
}

#[test]
fn station_periods_of_2012_unrounded() {
    check_station_periods(&P2012U);
}

#[test]
fn station_periods_of_2012_rounded_first() {
    check_station_periods(&P2012R);
}

#[test]
fn station_periods_of_2026() {
    check_station_periods(&P2026);
}

/// The figures everyone who uses these files knows: 2015 and 2016 of the six stations.
#[test]
fn the_two_years_everyone_checks() {
    let years = periods(&P2012U, "mean", "1", "year");
    let check = |year: &str, expected: &str| {
        let (pm25, aqi) = (&years[year]["pm25"], &years[year]["aqi"]);
        let mean = pm25["mean"].as_f64().expect("a mean");
        let (good, valid) = (&aqi["good_days"], &aqi["valid_days"]);
        let found = format!("PM2.5 {mean:.2}, good days {good} of {valid}");
        assert_eq!(found, expected, "{year}");
    };
    check("2014", "PM2.5 84.19, good days 170 of 360");
    check("2015", "PM2.5 78.66, good days 191 of 362");
    check("2016", "PM2.5 70.83, good days 198 of 363");
}
