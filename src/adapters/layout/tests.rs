//! Rows and faults of both layouts.

use std::io::Cursor;
use std::io::Write;

use crate::adapters::layout::Layout;
use crate::adapters::layout::LayoutFault;
use crate::adapters::layout::Row;
use crate::adapters::layout::Rows;
use crate::adapters::layout::lines::Lines;
use crate::adapters::layout::open;
use crate::adapters::layout::write_canonical;
use crate::domain::calendar::Zone;

const UCI: &str = "\"No\",\"year\",\"month\",\"day\",\"hour\",\"PM2.5\",\"PM10\",\"SO2\",\"NO2\",\"CO\",\"O3\",\"TEMP\",\"wd\",\"station\"\n";
const OWN: &str = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n";

fn rows(layout: Layout, text: &str) -> Result<Vec<Row>, LayoutFault> {
    let source = Box::new(Cursor::new(text.to_owned()));
    Rows::new(Lines::new("f.csv".to_owned(), source), layout)?.collect()
}

fn check(layout: Layout, text: &str, expected: &[&str]) {
    let rows = rows(layout, text).expect("a sound file");
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let values = row
                .values
                .map(|value| value.map_or("-".to_owned(), |value| value.to_string()));
            let time = Zone::beijing().text(row.time);
            format!(
                "{} {time} {} {}",
                row.station,
                row.interval_s,
                values.join(" ")
            )
        })
        .collect();
    assert_eq!(lines, expected);
}

fn check_fault(layout: Layout, text: &str, expected: &str) {
    let fault = rows(layout, text).expect_err("a faulty file").to_string();
    assert!(fault.contains(expected), "{fault}");
}

#[test]
fn beijing_hours_are_labelled_by_their_start() {
    check(
        Layout::BeijingUci,
        &format!(
            "{UCI}1,2013,3,1,0,9,9,3,17,300,89.0606,-0.5,\"NNW\",\"Dongsi\"\n24,2013,12,31,23,4,NA,,16,NA,88,NA,NA,\"Dongsi\"\n"
        ),
        &[
            "Dongsi 2013-03-01T01:00:00+08:00 3600 9 9 3 17 0.3 89.0606",
            "Dongsi 2014-01-01T00:00:00+08:00 3600 4 - - 16 - 88",
        ],
    );
}

/// Directions are where the wind comes from; what a column of its own lacks is missing, as a pollutant is.
#[test]
fn wind_of_the_beijing_files_is_read_where_both_columns_are() {
    let header = UCI.replace("\"station\"", "\"WSPM\",\"station\"");
    let measured = |text: &str| -> Vec<String> {
        let rows = rows(Layout::BeijingUci, text).expect("a sound file");
        let tell = |row: &Row| {
            let wind = row.measured().skip(6);
            let wind = wind.map(|(factor, value)| {
                let value = value.map_or("-".to_owned(), |value| value.to_string());
                format!("{factor}={value}")
            });
            wind.collect::<Vec<_>>().join(" ")
        };
        rows.iter().map(tell).collect()
    };
    let row = |wd: &str, speed: &str| {
        format!("{header}1,2013,3,1,0,9,9,3,17,300,89,-0.5,{wd},{speed},\"Dongsi\"\n")
    };
    for (wd, speed, expected) in [
        ("\"NNW\"", "5.7", "a01007=5.7 a01008=337.5"),
        ("\"N\"", "0", "a01007=0 a01008=0"),
        ("\"SSE\"", "1.25", "a01007=1.25 a01008=157.5"),
        ("NA", "1.1", "a01007=1.1 a01008=-"),
        ("\"E\"", "NA", "a01007=- a01008=90"),
    ] {
        assert_eq!(measured(&row(wd, speed)), [expected], "{wd} {speed}");
    }
    let without = format!("{UCI}1,2013,3,1,0,9,9,3,17,300,89,-0.5,\"NNW\",\"Dongsi\"\n");
    assert_eq!(measured(&without), [""]);
    check_fault(
        Layout::BeijingUci,
        &row("\"North\"", "5.7"),
        "f.csv:2: wd \"North\"; give one of sixteen directions, such as N or WSW",
    );
    check_fault(
        Layout::BeijingUci,
        &row("\"N\"", "strong"),
        "f.csv:2: WSPM \"strong\"; give a decimal number",
    );
}

#[test]
fn canonical_rows_come_back_as_they_were_written() {
    let text = format!(
        "{OWN}虹桥邮政,2020-01-01T00:00:00+08:00,3600,1.5,,3,4,0.6,-1\nb,2020-01-01T00:01:00+08:00,60,,,,,,\n"
    );
    let read = rows(Layout::Canonical, &text).expect("a sound file");
    let mut written = Vec::new();
    let count = write_canonical(&mut written, read, Zone::beijing()).expect("a vector takes all");
    assert_eq!((count, String::from_utf8(written)), (2, Ok(text)));
    // In any order of columns.
    check(
        Layout::Canonical,
        "\u{feff}o3,co,no2,so2,pm10,pm25,interval_s,time,station\r\n6, 5 ,4,3,2,1,0,2020-01-01T00:00:00Z,s\n",
        &["s 2020-01-01T08:00:00+08:00 0 1 2 3 4 5 6"],
    );
}

#[test]
fn packed_files_are_read_and_their_damage_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.csv.gz");
    let file = std::fs::File::create(&path).expect("a new file");
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    let line = "s,2020-01-01T00:00:00Z,3600,1,2,3,4,5,6\n";
    write!(packed, "{OWN}{}", line.repeat(1_000)).expect("room on the disk");
    packed.finish().expect("room on the disk");
    let all: Result<Vec<Row>, LayoutFault> =
        open(&path, Layout::Canonical).expect("a header").collect();
    assert_eq!(all.map(|rows| rows.len()).ok(), Some(1_000));
    let bytes = std::fs::read(&path).expect("the file");
    std::fs::write(&path, &bytes[..bytes.len() - 12]).expect("room on the disk");
    let fault = open(&path, Layout::Canonical).and_then(Iterator::collect::<Result<Vec<Row>, _>>);
    let fault = fault.expect_err("a file cut short").to_string();
    assert!(fault.contains("a.csv.gz"), "{fault}");
    let missing = open(&folder.path().join("none.csv"), Layout::Canonical).err();
    assert!(missing.is_some_and(|fault| fault.to_string().contains("none.csv: No such file")));
}

#[test]
fn a_stamp_is_one_that_every_zone_can_write() {
    check_fault(
        Layout::Canonical,
        &format!("{OWN}s,9999-12-31T23:59:59Z,3600,1,2,3,4,5,6\n"),
        "f.csv:2: time \"9999-12-31T23:59:59Z\"; give a time whose year stays within 0 to 9999",
    );
    check_fault(
        Layout::BeijingUci,
        &format!("{UCI}1,12013,3,1,0,9,9,3,17,300,89,NA,NA,\"Dongsi\"\n"),
        "f.csv:2: year \"12013\"; give a time whose year stays within 0 to 9999",
    );
}

#[test]
fn faults_name_line_and_field() {
    use Layout::BeijingUci;
    use Layout::Canonical;
    check_fault(Canonical, "", "f.csv:1: no column \"station\"");
    check_fault(
        Canonical,
        "station,time\n",
        "f.csv:1: no column \"interval_s\"",
    );
    check_fault(
        Canonical,
        &OWN.replace("o3", "ozone"),
        "f.csv:1: column \"ozone\" is unknown",
    );
    check_fault(
        Canonical,
        &OWN.replace("o3", "co"),
        "f.csv:1: column \"co\" is unknown or given twice",
    );
    check_fault(
        BeijingUci,
        &UCI.replace("\"CO\",", ""),
        "f.csv:1: no column \"CO\"; layout beijing-uci has year,",
    );
    let own = |line: &str| format!("{OWN}s,2020-01-01T00:00:00Z,3600,1,2,3,4,5,6\n{line}\n");
    check_fault(
        Canonical,
        &own("s,yesterday,3600,1,2,3,4,5,6"),
        "f.csv:3: time \"yesterday\"; give RFC 3339",
    );
    check_fault(
        Canonical,
        &own("s,2020-01-01T00:00:00,3600,1,2,3,4,5,6"),
        "f.csv:3: time",
    );
    check_fault(
        Canonical,
        &own("s,2020-01-01T00:00:00Z,1h,1,2,3,4,5,6"),
        "f.csv:3: interval_s \"1h\"; give whole seconds",
    );
    check_fault(
        Canonical,
        &own("s,2020-01-01T00:00:00Z,86401,1,2,3,4,5,6"),
        "f.csv:3: interval_s \"86401\"; give whole seconds up to a day",
    );
    check_fault(
        Canonical,
        &own("s,2020-01-01T00:00:00Z,60,NA,2,3,4,5,6"),
        "f.csv:3: pm25 \"NA\"",
    );
    check_fault(
        Canonical,
        &own("s,2020-01-01T00:00:00Z,60,1,x,3,4,5,6"),
        "f.csv:3: pm10 \"x\"; give a decimal number",
    );
    check_fault(
        Canonical,
        &own("a b,2020-01-01T00:00:00Z,60,1,1,3,4,5,6"),
        "f.csv:3: station \"a b\"",
    );
    check_fault(
        Canonical,
        &own("s,2020-01-01T00:00:00Z,60,1"),
        "f.csv:3: 4 fields; give 9",
    );
}

#[test]
fn faults_of_the_beijing_files_name_line_and_field() {
    use Layout::BeijingUci;
    let uci = |line: &str| format!("{UCI}{line}\n");
    check_fault(
        BeijingUci,
        &uci("1,2013,2,29,0,9,9,3,17,300,89,1,N,s"),
        "f.csv:2: day \"29\"; give a day of that month",
    );
    check_fault(
        BeijingUci,
        &uci("1,2013,2,28,24,9,9,3,17,300,89,1,N,s"),
        "f.csv:2: hour \"24\"; give an hour, 0 to 23",
    );
    check_fault(
        BeijingUci,
        &uci("1,2013,2,28,23,9,9,3,17,0.0001,89,1,N,s"),
        "f.csv:2: CO \"0.0001\"; give a number of at most three",
    );
    assert!("uci".parse::<Layout>().is_err());
    assert_eq!("beijing-uci".parse(), Ok(BeijingUci));
}

#[test]
fn a_line_number_is_right_after_lines_that_end_in_a_quotation_mark() {
    let row = |year: &str| format!("1,{year},3,1,0,9,9,3,17,300,89,-0.5,\"NNW\",\"Dongsi\"\n");
    for line in 2..8 {
        let years = (2..8).map(|at| if at == line { "2O13" } else { "2013" });
        let text: String = std::iter::once(UCI.to_owned())
            .chain(years.map(row))
            .collect();
        let fault = rows(Layout::BeijingUci, &text).expect_err("a faulty year");
        assert!(
            fault
                .to_string()
                .starts_with(&format!("f.csv:{line}: year")),
            "{fault}"
        );
    }
    let short = format!("{UCI}{}1,2013\n", row("2013"));
    let fault = rows(Layout::BeijingUci, &short).expect_err("a short row");
    assert!(fault.to_string().starts_with("f.csv:3: "), "{fault}");
}
