//! Readings that were exported come back by `skytier import --layout readings`: all of them, as they were, into another
//! directory, also when the import is killed and begun again.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::beijing;
use crate::support::export;
use crate::support::fails;
use crate::support::run;
use crate::support::seeded;
use crate::support::skytier;
use crate::support::text;
use crate::support::verify;

const HEADER: &str = "source,factor,stat,time,interval_s,value,flag,review";

/// Of a station and a logger, in the order of an export: flags, gaps, values below zero, momentary ones, several statistics
/// and intervals, and stamps to the second.
const ROWS: &str = "\
1999A,a01001,avg,2014-01-05T08:00:00+08:00,3600,-3.25,N,raw
1999A,pm25,avg,2014-01-05T07:59:00+08:00,60,0.000001,N,raw
1999A,pm25,avg,2014-01-05T08:00:00+08:00,60,61,N,raw
1999A,pm25,avg,2014-01-05T08:00:00+08:00,3600,58.5,N,raw
1999A,pm25,avg,2014-01-05T09:00:00+08:00,3600,58.5,HSp,raw
1999A,pm25,avg,2014-01-05T10:00:00+08:00,3600,,N,raw
1999A,pm25,avg,2014-01-05T11:00:00+08:00,3600,,B,raw
1999A,pm25,rtd,2014-01-05T08:00:07+08:00,0,1999.999999,N,raw
MN01,a21026,avg,2014-01-05T08:00:00+08:00,3600,12.1,N,raw
MN01,a21026,max,2014-01-05T08:00:00+08:00,3600,31,T,raw
MN01,a21026,zs_avg,2014-01-05T08:00:00+08:00,3600,14,N,raw
";

/// A directory that knows the station and the logger, and has none of their readings of 2014.
fn knowing() -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, data) = seeded(&["jiangyin"]);
    let loggers = folder.path().join("loggers.csv");
    let row = "mn,uscc,outlets,source,zone,interval_s\nMN01,91999999MA1X00017B,DA001,test,,3600\n";
    std::fs::write(&loggers, row).expect("room on the disk");
    run(&["register", "--data", text(&data), text(&loggers)]);
    (folder, data)
}

fn import(data: &Path, file: &Path) -> String {
    let layout = ["import", "--layout", "readings", "--data", text(data)];
    run(&[&layout[..], &["--input", text(file)]].concat())
}

#[test]
fn every_kind_of_reading_comes_back_as_it_was() {
    let (folder, data) = knowing();
    let file = folder.path().join("readings.csv");
    std::fs::write(&file, format!("{HEADER}\n{ROWS}")).expect("room on the disk");
    let first = import(&data, &file);
    assert_eq!(
        first,
        "11 rows: 11 readings new, 0 known already, 0 corrected\n"
    );
    let of_2014 = |data: &Path| {
        let args = [
            "export",
            "--data",
            text(data),
            "--what",
            "readings",
            "--out",
            "-",
        ];
        run(&[&args[..], &["--from", "2014-01-01", "--to", "2014-12-31"]].concat())
    };
    assert_eq!(of_2014(&data), format!("{HEADER}\n{ROWS}"));
    let again = import(&data, &file);
    assert_eq!(
        again,
        "11 rows: 0 readings new, 11 known already, 0 corrected\n"
    );
    // Columns in another order, packed, with a byte-order mark; one row that a reviewer decided about.
    let mut other =
        String::from("\u{feff}review,flag,value,interval_s,time,stat,factor,source\r\n");
    for row in ROWS.replacen("58.5,N,raw", "59,N,reviewed", 1).lines() {
        let cells: Vec<&str> = row.rsplit(',').collect();
        other.push_str(&format!("{}\r\n", cells.join(",")));
    }
    let packed = folder.path().join("other.csv.gz");
    let file = File::create(&packed).expect("room on the disk");
    let mut writer = GzEncoder::new(file, Compression::fast());
    writer.write_all(other.as_bytes()).expect("room");
    writer.finish().expect("room");
    let told = import(&data, &packed);
    assert!(
        told.starts_with("11 rows: 0 readings new, 10 known already, 1 corrected\n1 rows are marked as reviewed; "),
        "{told}"
    );
    let expected = ROWS.replacen("58.5,N", "59,N", 1);
    assert_eq!(of_2014(&data), format!("{HEADER}\n{expected}"));
    verify(&data);
}

#[test]
fn a_row_that_is_none_stops_it_with_nothing_kept() {
    let (folder, data) = knowing();
    let before = export(&data);
    let file = folder.path().join("faulty.csv");
    let row = |bad: &str| format!("{HEADER}\n{ROWS}{bad}\n");
    for (content, expected) in [
        (
            row("1999A,pm25,avg,2014-01-05T12:00:00+08:00,3600,x,N,raw"),
            "faulty.csv:13: value \"x\"",
        ),
        (
            row("1999A,PM2.5,avg,2014-01-05T12:00:00+08:00,3600,1,N,raw"),
            "factor \"PM2.5\"",
        ),
        (
            row("1999A,pm25,Avg,2014-01-05T12:00:00+08:00,3600,1,N,raw"),
            "stat \"Avg\"",
        ),
        (
            row("1999A,pm25,avg,2014-01-05T12:00:00,3600,1,N,raw"),
            "time \"2014-01-05T12:00:00\"; give RFC 3339",
        ),
        (
            row("1999A,pm25,avg,2014-01-05T12:00:00+08:00,86401,1,N,raw"),
            "interval_s \"86401\"",
        ),
        (
            row("1999A,pm25,avg,2014-01-05T12:00:00+08:00,3600,1,,raw"),
            "flag \"\"",
        ),
        (
            row("1999A,pm25,avg,2014-01-05T12:00:00+08:00,3600,1,N,seen"),
            "review \"seen\"; give `raw` or `reviewed`",
        ),
        (
            row("1999A,pm25,avg,2014-01-05T12:00:00+08:00,3600,1,N"),
            "7 fields; give 8",
        ),
        (
            row("nobody,pm25,avg,2014-01-05T12:00:00+08:00,3600,1,N,raw"),
            "1 stations are not registered (nobody)",
        ),
        (
            format!("{HEADER},more\n"),
            "column \"more\" is unknown or given twice",
        ),
        (
            "source,factor,stat,time,interval_s,value,flag\n".to_owned(),
            "no column \"review\"; layout readings has source,",
        ),
    ] {
        std::fs::write(&file, content).expect("room on the disk");
        let layout = ["import", "--layout", "readings", "--data", text(&data)];
        let (code, said) = fails(&[&layout[..], &["--input", text(&file)]].concat());
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(export(&data) == before, "nothing was kept");
}

/// Waits for so many changes of the sizes of files; false when the program ends before.
fn changed(child: &mut Child, data: &Path, changes: usize) -> bool {
    let sizes = || {
        ["skytier.db", "skytier.db-wal"].map(|name| {
            let file = std::fs::metadata(data.join(name));
            file.map_or(0, |file| file.len())
        })
    };
    let (mut last, mut seen) = (sizes(), 0);
    while seen < changes {
        if child.try_wait().expect("a child").is_some() {
            return false;
        }
        let now = sizes();
        seen += usize::from(now != last);
        last = now;
    }
    true
}

#[test]
fn an_import_that_is_killed_is_begun_again_and_loses_nothing() {
    let (_from, whole) = seeded(&["beijing"]);
    let source = beijing("Dongsi");
    let uci = [
        "import",
        "--layout",
        "beijing-uci",
        "--input",
        text(&source),
    ];
    run(&[&uci[..], &["--data", text(&whole)]].concat());
    let expected = export(&whole);
    assert!(expected.lines().count() > 200_000);
    let (folder, data) = seeded(&["beijing"]);
    let file = folder.path().join("readings.csv");
    std::fs::write(&file, &expected).expect("room on the disk");
    let args = ["import", "--layout", "readings", "--data", text(&data)];
    let args = [&args[..], &["--input", text(&file)]].concat();
    let known = |export: &str| -> BTreeSet<String> { export.lines().map(str::to_owned).collect() };
    let (all, mut kept) = (known(&expected), known(&export(&data)));
    let mut halfway = 0;
    // Killed ever later, by how often what is on disk has changed, until it ends before that.
    for changes in (2..).step_by(12) {
        let mut child = skytier(&args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        if !changed(&mut child, &data, changes) {
            break;
        }
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        verify(&data);
        let now = known(&export(&data));
        assert!(now.is_subset(&all), "no reading but those of the file");
        assert!(now.is_superset(&kept), "what was kept stays");
        halfway += usize::from(now.len() > 1 && now.len() < all.len());
        kept = now;
    }
    assert!(halfway > 0, "it was never met at work");
    run(&args);
    assert!(export(&data) == expected, "all of it is there");
    verify(&data);
}
