//! Files for other programs: readings, hours, days and tiers, the same as CSV, as Parquet and as a workbook, whole or not at all.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use calamine::Reader;
use parquet::file::reader::FileReader;
use parquet::file::reader::SerializedFileReader;
use parquet::record::Field;
use skytier::adapters::export::Column;
use skytier::adapters::export::Form;
use skytier::adapters::export::Kind;
use skytier::adapters::export::Sheet;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::domain::calendar::Instant;
use skytier::domain::reading::Observation;
use skytier::ports::Batch;
use skytier::ports::Range;

use crate::support::Daemon;
use crate::support::fails;
use crate::support::run;
use crate::support::seeded;
use crate::support::station::Station;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;

const HEADER: &str = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n";

/// The seeds, with three days of one station: hours, and minutes of the first of them.
fn prepared() -> (tempfile::TempDir, PathBuf) {
    let (folder, data) = seeded(&["jiangyin"]);
    let mut rows = String::from(HEADER);
    for hour in 0..72 {
        let time = format!("2020-07-{}T{:02}:00:00+08:00", 27 + hour / 24, hour % 24);
        rows.push_str(&format!(
            "1999A,{time},3600,{}.25,60,5.5,4,0.7,{}\n",
            hour + 1,
            40 + hour
        ));
    }
    for minute in 1..60 {
        rows.push_str(&format!(
            "1999A,2020-07-27T00:{minute:02}:00+08:00,60,0.000001,,,,,\n"
        ));
    }
    let file = folder.path().join("rows.csv");
    std::fs::write(&file, rows).expect("room on the disk");
    let args = [
        "import",
        "--layout",
        "canonical",
        "--data",
        text(&data),
        "--input",
    ];
    run(&[&args[..], &[text(&file)]].concat());
    (folder, data)
}

fn export(data: &Path, more: &[&str]) -> String {
    run(&[&["export", "--data", text(data), "--out", "-"][..], more].concat())
}

/// A field as the CSV has it.
fn printed(name: &str, field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Int(number) => number.to_string(),
        Field::Date(days) => {
            let day = chrono::NaiveDate::default() + chrono::Duration::days(i64::from(*days));
            day.to_string()
        }
        Field::TimestampMillis(millis) => {
            let zone = chrono::FixedOffset::east_opt(8 * 3_600).expect("an offset");
            let time = chrono::DateTime::from_timestamp_millis(*millis).expect("a time");
            time.with_timezone(&zone).to_rfc3339()
        }
        Field::Decimal(decimal) => {
            let bytes: [u8; 8] = decimal.data().try_into().expect("64 bits");
            let micros = i64::from_be_bytes(bytes);
            assert_eq!(decimal.scale(), 6, "{name}");
            skytier::domain::units::Amount::from_micros(micros).to_string()
        }
        other => panic!("{name}: {other:?}"),
    }
}

/// A Parquet file as CSV text.
fn as_csv(file: &Path) -> String {
    let reader = SerializedFileReader::new(std::fs::File::open(file).expect("a file"));
    let reader = reader.expect("Parquet");
    let schema = reader.metadata().file_metadata().schema_descr();
    let names: Vec<String> = (0..schema.num_columns())
        .map(|at| schema.column(at).name().to_owned())
        .collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&names).expect("memory");
    for row in reader.get_row_iter(None).expect("rows") {
        let row = row.expect("a row");
        let cells = row
            .get_column_iter()
            .map(|(name, field)| printed(name, field));
        writer.write_record(cells).expect("memory");
    }
    String::from_utf8(writer.into_inner().expect("memory")).expect("UTF-8")
}

#[test]
fn parquet_holds_what_csv_holds() {
    let (folder, data) = prepared();
    for (what, more, least) in [
        ("readings", &[][..], 150_000),
        (
            "readings",
            &[
                "--from",
                "2020-07-27",
                "--to",
                "2020-07-27",
                "--review",
                "reviewed",
            ],
            400,
        ),
        ("hours", &["--area", "station:1999A"], 70),
        ("days", &[], 3),
        (
            "days",
            &[
                "--area",
                "station:1999A",
                "--edition",
                "2026",
                "--review",
                "reviewed",
            ],
            4,
        ),
        ("tiers", &["--on", "2026-06-30"], 20),
    ] {
        let args = [&["--what", what][..], more].concat();
        let csv = export(&data, &args);
        assert!(
            csv.lines().count() > least,
            "{what}: {}",
            csv.lines().count()
        );
        let file = folder.path().join(format!("{what}.parquet"));
        let to = [
            "export",
            "--data",
            text(&data),
            "--format",
            "parquet",
            "--out",
            text(&file),
        ];
        assert_eq!(run(&[&to[..], &args].concat()), "");
        assert!(as_csv(&file) == csv, "{args:?}: differs");
    }
}

#[test]
fn readings_of_several_intervals_stand_in_the_order_of_time() {
    let (_folder, data) = prepared();
    let day = [
        "--what",
        "readings",
        "--from",
        "2020-07-26",
        "--to",
        "2020-07-27",
    ];
    let csv = export(&data, &day);
    let own = csv
        .lines()
        .filter(|line| line.starts_with("1999A,pm25,avg"));
    let told: Vec<(&str, u32)> = own
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            (cells[3], cells[4].parse().expect("an interval"))
        })
        .collect();
    assert_eq!(
        told.len(),
        59 + 25,
        "the hours 00:00 to 24:00 and the minutes"
    );
    assert!(told.is_sorted(), "{told:?}");
}

#[test]
fn days_and_hours_are_those_of_assess() {
    let (_folder, data) = prepared();
    let of = [
        "--area",
        "station:1999A",
        "--from",
        "2020-07-27",
        "--to",
        "2020-07-28",
    ];
    for (what, by) in [("days", "day"), ("hours", "hour")] {
        let args = [
            "assess",
            "--data",
            text(&data),
            "--by",
            by,
            "--format",
            "csv",
        ];
        let assessed = run(&[&args[..], &of].concat());
        let exported = export(&data, &[&["--what", what][..], &of].concat());
        let bare: Vec<&str> = exported
            .lines()
            .map(|line| {
                let ends = line.strip_suffix(",review").or(line.strip_suffix(",raw"));
                ends.unwrap_or_else(|| panic!("no review state: {line}"))
            })
            .collect();
        assert_eq!(bare, assessed.lines().collect::<Vec<_>>(), "{what}");
    }
}

/// As `head` does.
#[test]
fn whoever_has_read_enough_of_an_export_makes_no_fault() {
    let (_folder, data) = prepared();
    for format in ["csv", "parquet", "xlsx"] {
        let data = text(&data);
        let words = [
            "export", "--data", data, "--what", "readings", "--format", format, "--out", "-",
        ];
        let mut child = Command::new(env!("CARGO_BIN_EXE_skytier"))
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr);
        let quiet = ended.status.success() && !said.contains("skytier:");
        assert!(quiet, "{format}: {:?} {said}", ended.status);
    }
}

#[test]
fn a_file_is_whole_or_as_it_was() {
    let (folder, data) = prepared();
    let file = folder.path().join("days.csv");
    std::fs::write(&file, "kept").expect("room on the disk");
    let to = |more: &[&str]| {
        let args = [
            "export",
            "--data",
            text(&data),
            "--out",
            text(&file),
            "--what",
        ];
        fails(&[&args[..], more].concat())
    };
    for (more, expected) in [
        (&["days", "--area", "station:nobody"][..], "nobody"),
        (&["days", "--edition", "1996"], "--edition"),
        (&["days", "--on", "2020-01-01"], "--on: is for tiers only"),
        (
            &["tiers", "--from", "2020-01-01"],
            "--from: is for readings, hours and days only",
        ),
        (
            &["readings", "--area", "city"],
            "--area: is for hours and days only",
        ),
        (
            &["readings", "--from", "2020-01-02", "--to", "2020-01-01"],
            "--from: is after --to",
        ),
    ] {
        let (code, said) = to(more);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "kept");
    let days_to = |place: &Path| {
        [
            "export",
            "--data",
            text(&data),
            "--what",
            "days",
            "--out",
            text(place),
        ]
        .map(str::to_owned)
    };
    let nowhere = days_to(&folder.path().join("nowhere").join("days.csv"));
    assert_eq!(fails(&nowhere.each_ref().map(String::as_str)).0, 3);
    assert_eq!(
        fails(&days_to(folder.path()).each_ref().map(String::as_str)).0,
        2
    );
    run(&days_to(&file).each_ref().map(String::as_str));
    let days = std::fs::read_to_string(&file).expect("a file");
    assert_eq!(days, export(&data, &["--what", "days"]));
    let drafts = std::fs::read_dir(folder.path()).expect("a folder");
    let left = drafts.filter(|entry| {
        let name = entry.as_ref().expect("an entry").file_name();
        name.to_string_lossy().starts_with('.')
    });
    assert_eq!(left.count(), 0, "no draft is left behind");
}

/// Stores a reading stamped 9999-12-31T23:59:59Z, as programs before the check of years did.
async fn stamped_too_far(data: &Path) {
    let store = Embedded::open(data, Access::Write).expect("opened for writing");
    let stores = Stores::embedded(store);
    let keys = stores.series.keys().await.expect("keys");
    let key = keys.into_iter().next().expect("a column");
    let column = stores.series.column(&key, Range::ALL).await;
    let mut reading = column.expect("a column").pop().expect("a reading");
    reading.time = Instant::from_unix(253_402_300_799);
    let mut batch = Batch::new(Instant::from_unix(1_700_000_000));
    batch.observations.push(Observation { key, reading });
    stores.series.append(batch).await.expect("kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stamp_that_not_every_zone_can_write_breaks_no_export() {
    let (folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mut station = Station::connect(&daemon, "station").await;
    let topic = readings_topic("1999A");
    let before = daemon.export();
    for time in ["9999-12-31T23:59:59+00:00", "0000-01-01T00:00:00+08:00"] {
        station.send(&topic, &hourly(time, "1")).await;
    }
    assert_eq!(daemon.metric("skytier_dead_letters_total"), 2);
    assert_eq!(daemon.export(), before);
    daemon.stop("TERM");
    let letters = run(&["dead-letters", "list", "--data", text(&data)]);
    assert!(letters.contains("its year leaves 0 to 9999"), "{letters}");
    stamped_too_far(&data).await;
    let file = folder.path().join("readings.parquet");
    let args = ["export", "--data", text(&data), "--what", "readings"];
    let parquet = ["--format", "parquet", "--out", text(&file)];
    run(&[&args[..], &parquet].concat());
    assert_eq!(
        as_csv(&file).lines().count(),
        before.lines().count() + 1,
        "what is there already is written too"
    );
}

/// A workbook's sheet as CSV text, its dates as dates.
fn sheet_csv(file: &Path) -> String {
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(file).expect("a workbook");
    let range = book.worksheet_range("skytier").expect("a sheet");
    let cell = |cell: &calamine::Data| match cell {
        calamine::Data::Empty => String::new(),
        calamine::Data::String(text) => text.clone(),
        calamine::Data::Float(number) => number.to_string(),
        calamine::Data::DateTime(day) => {
            let days = chrono::Duration::days(day.as_f64() as i64);
            let zero = chrono::NaiveDate::from_ymd_opt(1899, 12, 30).expect("a day");
            (zero + days).to_string()
        }
        other => panic!("{other:?}"),
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in range.rows() {
        writer.write_record(row.iter().map(cell)).expect("memory");
    }
    String::from_utf8(writer.into_inner().expect("memory")).expect("UTF-8")
}

#[test]
fn a_workbook_holds_what_csv_holds() {
    let (folder, data) = prepared();
    let file = folder.path().join("book.xlsx");
    for (what, more, least) in [
        (
            "readings",
            &["--from", "2020-07-27", "--to", "2020-07-27"][..],
            450,
        ),
        ("hours", &["--area", "station:1999A"], 70),
        (
            "days",
            &[
                "--area",
                "city",
                "--from",
                "2020-01-01",
                "--to",
                "2020-03-31",
            ],
            91,
        ),
        ("tiers", &["--on", "2026-06-30"], 5),
    ] {
        let csv = export(&data, &[&["--what", what], more].concat());
        let args = [
            "export",
            "--data",
            text(&data),
            "--out",
            text(&file),
            "--format",
            "xlsx",
            "--what",
            what,
        ];
        run(&[&args[..], more].concat());
        assert!(
            csv.lines().count() > least,
            "{what}: {}",
            csv.lines().count()
        );
        assert_eq!(sheet_csv(&file), csv, "{what}");
    }
}

/// What begins as a formula would is a text like any other.
#[test]
fn no_text_of_a_workbook_is_a_formula() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("book.xlsx");
    let column = |kind| Column { name: "a", kind };
    let columns = [Kind::Text, Kind::Decimal, Kind::Date].map(column);
    let out = std::fs::File::create(&file).expect("a file");
    let mut sheet = Sheet::begin(Form::Xlsx, &columns, out).expect("begun");
    sheet.row(&["=1+1", "=2", "@x"]).expect("written");
    sheet.finish().expect("written");
    assert_eq!(sheet_csv(&file), "a,a,a\n=1+1,=2,@x\n");
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(&file).expect("a workbook");
    let formulas = book.worksheet_formula("skytier").expect("a sheet");
    assert!(formulas.used_cells().next().is_none());
}
