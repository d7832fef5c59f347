//! The same ledger from the command line, without a daemon.

use std::path::Path;

use serde_json::Value;

use crate::credit::UNIT;
use crate::support::fails;
use crate::support::run;
use crate::support::text;
use crate::support::verify;

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|fault| panic!("{fault}: {line}"))
}

fn args<'a>(data: &'a Path, act: &'a str, fields: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec![
        "credit",
        "act",
        act,
        "--data",
        text(data),
        "--subject",
        UNIT,
        "--by",
        "Li Na",
    ];
    args.extend(fields);
    args
}

#[test]
fn acts_are_entered_and_told_from_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let enter = |act: &str, fields: &[&str]| json(&run(&args(&data, act, fields)));
    let first = enter(
        "record",
        &["id=r1", "code=D03", "case=c", "doc_date=2020-05-06"],
    );
    assert_eq!(
        (&first["seq"], &first["promptness"]["late"]),
        (&1.into(), &true.into())
    );
    enter(
        "override",
        &[
            "id=o1",
            "tier=red",
            "from=2020-07-01",
            "to=2020-08-01",
            "reason=emergency",
            "legal_basis=article 9",
            "approved_by=Li,Wang",
        ],
    );
    enter(
        "revoke",
        &["id=r1", "date=2020-06-10", "void_ab_initio=true"],
    );
    let head = json(&run(&["credit", "head", "--data", text(&data)]));
    assert_eq!(head["rows"], 3);
    let rows = run(&[
        "credit",
        "records",
        "--data",
        text(&data),
        "--subject",
        UNIT,
        "--on",
        "2020-07-15",
    ]);
    let states: Vec<String> = rows
        .lines()
        .map(|line| {
            let row = json(line);
            format!("{} {}", row["entered"]["id"], row["state"]).replace('"', "")
        })
        .collect();
    assert_eq!(states, ["r1 revoked", "o1 active"]);
    let history = run(&[
        "credit",
        "history",
        "--data",
        text(&data),
        "--subject",
        UNIT,
        "--from",
        "2020-06-01",
        "--on",
        "2020-12-31",
    ]);
    let tiers: Vec<String> = history
        .lines()
        .map(|line| format!("{} {}", json(line)["from"], json(line)["tier"]).replace('"', ""))
        .collect();
    assert_eq!(
        tiers,
        ["2020-06-01 blue", "2020-07-01 red", "2020-08-01 blue"]
    );
    verify(&data);
}

#[test]
fn a_wrong_act_is_refused_on_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    run(&args(
        &data,
        "record",
        &["id=r1", "code=D03", "doc_date=2020-05-06"],
    ));
    run(&args(&data, "revoke", &["id=r1", "date=2020-06-10"]));
    let refused = |act: &str, fields: &[&str], hint: &str| {
        let (code, said) = fails(&args(&data, act, fields));
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(hint), "{hint}: {said}");
    };
    refused(
        "revoke",
        &["id=r1", "date=2020-06-11"],
        "second revoke of id \"r1\"",
    );
    refused(
        "record",
        &["id=r2", "code=D03"],
        "field \"doc_date\" is missing",
    );
    refused("record", &["id"], "write FIELD=VALUE");
    refused("record", &["id=a", "id=b"], "is given twice");
    refused("record", &["id=a", "entered_by=b"], "given by --by");
    let head = json(&run(&["credit", "head", "--data", text(&data)]));
    assert_eq!(head["rows"], 2);
}

#[test]
fn a_file_is_loaded_whole_once_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let line = |id: &str, code: &str, captured: &str| {
        format!(
            r#"{{"op":"record","id":"{id}","subject":"{UNIT}","code":"{code}","doc_date":"2020-05-06","captured_at":"{captured}"}}"#
        )
    };
    let write = |lines: &[String; 2]| {
        let path = folder.path().join("ledger.jsonl");
        std::fs::write(&path, lines.join("\n")).expect("written");
        path
    };
    let soon = "2020-05-07T09:00:00+08:00";
    let right = write(&[line("a", "D03", soon), line("b", "D01", soon)]);
    let load = |path: &Path| run(&["credit", "load", "--data", text(&data), text(path)]);
    assert_eq!(load(&right), "2 entries entered, 0 stood already\n");
    assert_eq!(load(&right), "0 entries entered, 2 stood already\n");
    for (lines, hint) in [
        (
            [line("c", "D03", soon), line("a", "D05", soon)],
            "id \"a\" stands in two different entries",
        ),
        (
            [line("c", "D03", soon), line("d", "D77", soon)],
            "code D77 is not in rulebook",
        ),
        (
            [
                line("c", "D03", soon),
                line("d", "D03", "2090-01-01T09:00:00+08:00"),
            ],
            "captured_at lies ahead of now",
        ),
    ] {
        let path = write(&lines);
        let (code, said) = fails(&["credit", "load", "--data", text(&data), text(&path)]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(hint), "{hint}: {said}");
    }
    let head = json(&run(&["credit", "head", "--data", text(&data)]));
    assert_eq!(head["rows"], 2, "nothing half-entered");
}

/// The only unit whose official tier of the middle of 2020 is not the computed one.
fn disagreements(data: &Path) -> Value {
    let work = run(&[
        "credit",
        "disagreements",
        "--data",
        text(data),
        "--on",
        "2020-06-30",
    ]);
    assert_eq!(work.lines().count(), 1, "{work}");
    json(&work)
}

#[test]
fn the_official_list_is_previewed_entered_and_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    run(&args(
        &data,
        "record",
        &["id=r1", "code=D09", "doc_date=2020-05-06"],
    ));
    let write = |rows: &str| {
        let path = folder.path().join("list.csv");
        let heading = "评价结果公示,,\n统一社会信用代码,企业名称,信用等级\n";
        std::fs::write(&path, format!("{heading}{rows}")).expect("written");
        path
    };
    let list = |path: &Path, more: &[&str]| {
        let mut args = vec!["credit", "official", "--data", text(&data), text(path)];
        args.extend([
            "--as-of",
            "2020-06-30",
            "--source",
            "list 2020/1",
            "--by",
            "Li Na",
        ]);
        args.extend(more);
        crate::support::output(&args)
    };
    let said = |ended: std::process::Output| String::from_utf8(ended.stdout).expect("UTF-8");
    let right = write("91999999MA1ABCDE8G,示例一厂,蓝色\n91330100799655058B,示例二厂,蓝\n");
    let preview = said(list(&right, &["--preview"]));
    let first = json(preview.lines().next().expect("a row"));
    assert_eq!(
        (&first["tier"], &first["computed"]["tier"]),
        (&"blue".into(), &"yellow".into())
    );
    let totals =
        "2 official tiers would be entered, 0 stood already, 1 differ from the computed ones";
    assert!(preview.lines().any(|line| line == totals), "{preview}");
    let head = || json(&run(&["credit", "head", "--data", text(&data)]))["rows"].clone();
    assert_eq!(head(), 1, "a preview enters nothing");
    assert!(said(list(&right, &[])).starts_with("2 official tiers entered, 0 stood"));
    assert!(said(list(&right, &[])).starts_with("0 official tiers entered, 2 stood"));
    assert_eq!(head(), 3);
    let work = disagreements(&data);
    let sides = (&work["official"]["tier"], &work["computed"]["tier"]);
    assert_eq!(sides, (&"blue".into(), &"yellow".into()));
    let wrong = write("91999999MA1ABCDE8H,示例一厂,蓝\n91330100799655058B,示例二厂,紫\n");
    let refused = list(&wrong, &[]);
    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{complaint}");
    for hint in [
        "list.csv: line 3: ",
        "(GB 32100)",
        "line 4: \"紫\" is no tier",
    ] {
        assert!(complaint.contains(hint), "{hint}: {complaint}");
    }
    assert_eq!(head(), 3, "nothing half-entered");
}

#[test]
fn a_later_file_changes_nothing_that_was_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let line = |op: &str, captured: &str| {
        format!(r#"{{{op},"subject":"{UNIT}","captured_at":"{captured}T09:00:00+08:00"}}"#)
    };
    let official = |tier: &str| {
        format!(r#""op":"official","tier":"{tier}","as_of":"2020-06-30","source":"list""#)
    };
    let record = |id: &str, code: &str| {
        format!(r#""op":"record","id":"{id}","code":"{code}","doc_date":"2020-01-05""#)
    };
    let load = |lines: &[String]| {
        let path = folder.path().join("ledger.jsonl");
        std::fs::write(&path, lines.join("\n")).expect("written");
        run(&["credit", "load", "--data", text(&data), text(&path)])
    };
    let tariff = || {
        let asked = [
            "credit",
            "tariff",
            "--data",
            text(&data),
            "--on",
            "2020-07-01",
        ];
        json(&run(&[
            &asked[..],
            &["--known-at", "2020-07-01T12:00:00+08:00"],
        ]
        .concat()))
    };
    let mut lines = vec![line(&record("a", "D03"), "2020-01-06")];
    assert_eq!(load(&lines), "1 entries entered, 0 stood already\n");
    let before = tariff();
    assert_eq!(before["tier"], "blue");
    // It says that it was captured before the last entry, and one that it was after; nobody knew of either.
    lines.push(line(&record("b", "D15"), "2020-01-05"));
    lines.push(line(&record("c", "D09"), "2020-01-07"));
    // Out of their order, and one of them twice.
    lines.push(line(&official("blue"), "2020-07-03"));
    lines.push(line(&official("blue"), "2020-07-01"));
    lines.push(line(&official("yellow"), "2020-07-02"));
    assert_eq!(
        load(&lines),
        "5 entries entered as captured now, 1 stood already\n"
    );
    assert_eq!(load(&lines), "0 entries entered, 6 stood already\n");
    assert_eq!(tariff(), before);
    lines.push(line(&official("yellow"), "2020-07-04"));
    assert_eq!(
        load(&lines),
        "1 entries entered as captured now, 6 stood already\n"
    );
    let work = disagreements(&data);
    let sides = (&work["official"]["tier"], &work["computed"]["tier"]);
    assert_eq!(
        sides,
        (&"yellow".into(), &"black".into()),
        "the live tier does change"
    );
    verify(&data);
}

#[test]
fn a_list_is_corrected_and_the_correction_taken_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let list = |tier: &str, more: &[&str]| {
        let path = folder.path().join("list.csv");
        let rows = format!("统一社会信用代码,信用等级\n{UNIT},{tier}\n91330100799655058B,蓝\n");
        std::fs::write(&path, rows).expect("written");
        let mut args = vec!["credit", "official", "--data", text(&data), text(&path)];
        args.extend(["--as-of", "2020-06-30", "--source", "list", "--by", "Li Na"]);
        args.extend(more);
        run(&args)
    };
    let official = || {
        let asked = ["credit", "disagreements", "--data", text(&data)];
        let rows = run(&[&asked[..], &["--on", "2020-06-30"]].concat());
        rows.lines()
            .next()
            .map(|row| json(row)["official"]["tier"].clone())
    };
    run(&args(&data, "list", &["date=2020-01-05"]));
    assert!(list("黄", &[]).starts_with("2 official tiers entered, 0 stood"));
    assert_eq!(official(), Some("yellow".into()));
    assert!(list("红牌", &[]).starts_with("1 official tiers entered, 1 stood"));
    assert_eq!(official(), Some("red".into()));
    assert!(list("黄", &["--preview"]).contains("1 official tiers would be entered, 1 stood"));
    assert!(list("黄", &[]).starts_with("1 official tiers entered, 1 stood"));
    assert_eq!(official(), Some("yellow".into()));
    assert!(list("黄", &[]).starts_with("0 official tiers entered, 2 stood"));
    let head = json(&run(&["credit", "head", "--data", text(&data)]));
    assert_eq!(head["rows"], 5);
}
