//! Input that is wrong, case by case, over HTTP and from the command line alike: a precise answer each time, and the ledger ends with the
//! row it ended with before.

use std::path::Path;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::credit::UNIT;
use crate::credit::act;
use crate::register::post_json;
use crate::support::Daemon;
use crate::support::fails;
use crate::support::run;
use crate::support::text;

/// What is wrong with it; the act over HTTP and as a command; its unit and fields; what both say.
type Case = (
    &'static str,
    [&'static str; 2],
    &'static str,
    &'static [&'static str],
    &'static str,
);

/// The unit with another check character.
const MISSPELT: &str = "91999999MA1ABCDE8H";
const RECORD: [&str; 2] = ["records", "record"];
const REVOKE: [&str; 2] = ["revocations", "revoke"];
const OVERRIDE: [&str; 2] = ["overrides", "override"];
const REPAIR: [&str; 2] = ["repairs", "repair"];

const CASES: &[Case] = &[
    (
        "a wrong check character",
        RECORD,
        MISSPELT,
        &["id=x", "code=D03", "doc_date=2020-05-06"],
        "ask for 'G' (GB 32100)",
    ),
    (
        "a code that is too short",
        RECORD,
        "91999999MA1ABCDE8",
        &["id=x", "code=D03", "doc_date=2020-05-06"],
        "has 17 characters",
    ),
    (
        "a deed no rulebook knows",
        RECORD,
        UNIT,
        &["id=x", "code=D99", "doc_date=2020-05-06"],
        "code D99 is not in rulebook JS2020; it has D01",
    ),
    (
        "a document of the future",
        RECORD,
        UNIT,
        &["id=x", "code=D03", "doc_date=2090-05-06"],
        "field \"doc_date\": 2090-05-06 lies ahead of today",
    ),
    (
        "a day that is none",
        RECORD,
        UNIT,
        &["id=x", "code=D03", "doc_date=2020-02-30"],
        "doc_date",
    ),
    (
        "a clock of the sender's own",
        RECORD,
        UNIT,
        &[
            "id=x",
            "code=D03",
            "doc_date=2020-05-06",
            "captured_at=2090-05-06T09:00:00+08:00",
        ],
        "field \"captured_at\" is not given with \"record\"",
    ),
    (
        "a second revocation",
        REVOKE,
        UNIT,
        &["id=r1", "date=2020-06-10"],
        "second revoke of id \"r1\"",
    ),
    (
        "a revocation of nothing",
        REVOKE,
        UNIT,
        &["id=r9", "date=2020-06-10"],
        "revoke of id \"r9\", which no record",
    ),
    (
        "an identifier that is taken",
        RECORD,
        UNIT,
        &["id=r1", "code=D05", "doc_date=2020-05-06"],
        "id \"r1\" stands in two different entries",
    ),
    (
        "an override by one person twice",
        OVERRIDE,
        UNIT,
        &[
            "id=o1",
            "tier=red",
            "from=2020-07-01",
            "to=2020-08-01",
            "reason=order",
            "legal_basis=article 9",
            "approved_by=Li Na,li  na",
        ],
        "two different persons must approve",
    ),
    (
        "an override by one person alone",
        OVERRIDE,
        UNIT,
        &[
            "id=o1",
            "tier=red",
            "from=2020-07-01",
            "to=2020-08-01",
            "reason=order",
            "legal_basis=article 9",
            "approved_by=Li Na",
        ],
        "two different persons must approve",
    ),
    (
        "a repair before its time",
        REPAIR,
        UNIT,
        &["id=r2", "approved=2020-08-05"],
        "the earliest day under JS2020 is 2020-08-06",
    ),
];

/// The fields of a command as the body of a request.
fn body(fields: &[&str]) -> Value {
    let field = |field: &&str| {
        let (name, value) = field.split_once('=').expect("FIELD=VALUE");
        let value = match name {
            "approved_by" => value.split(',').collect(),
            _ => Value::from(value),
        };
        (name.to_owned(), value)
    };
    Value::Object(fields.iter().map(field).collect::<Map<_, _>>())
}

fn command<'a>(
    data: &'a Path,
    (name, unit): (&'a str, &'a str),
    fields: &[&'a str],
) -> Vec<&'a str> {
    let act = ["credit", "act", name, "--data", text(data)];
    let whom = ["--subject", unit, "--by", "Li Na"];
    [&act, &whom[..], fields].concat()
}

fn head(data: &Path) -> String {
    run(&["credit", "head", "--data", text(data)])
}

#[test]
fn wrong_input_is_told_precisely_either_way_and_enters_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (served, alone) = (folder.path().join("served"), folder.path().join("alone"));
    let site = Daemon::start(&served, &[]);
    for (paths, fields) in [
        (RECORD, &["id=r1", "code=D03", "doc_date=2020-05-06"][..]),
        (RECORD, &["id=r2", "code=D03", "doc_date=2020-05-06"]),
        (REVOKE, &["id=r1", "date=2020-06-09"]),
    ] {
        let (status, answer) = act(&site, UNIT, paths[0], body(fields));
        assert_eq!(status, 200, "{answer}");
        run(&command(&alone, (paths[1], UNIT), fields));
    }
    let before = (head(&served), head(&alone));
    for (what, [path, name], unit, fields, hint) in CASES {
        let (status, answer) = act(&site, unit, path, body(fields));
        let detail = answer["detail"].as_str().unwrap_or_default();
        assert!([400, 409].contains(&status), "{what}: {status} {answer}");
        assert!(
            detail.contains(hint),
            "{what}, HTTP: {hint:?} is not in {detail:?}"
        );
        let (code, said) = fails(&command(&alone, (name, unit), fields));
        assert_eq!(code, 2, "{what}: {said}");
        assert!(
            said.contains(hint),
            "{what}, command: {hint:?} is not in {said:?}"
        );
        assert_eq!(
            (head(&served), head(&alone)),
            before,
            "{what}: nothing is entered"
        );
    }
    of_many(&site);
    drop(site);
    of_files(folder.path(), &alone);
    assert_eq!((head(&served), head(&alone)), before);
}

/// Too many units at once, and times that nobody can know of yet.
fn of_many(site: &Daemon) {
    let url = format!("{}/v1/tiers/lookup", site.http);
    let items = vec![json!({"subject": UNIT}); 11_000];
    let many = post_json(&url, &json!({"items": items}));
    assert_eq!(many.status, 400, "{}", many.text);
    assert!(
        many.text.contains("11000 items; at most 10000"),
        "{}",
        many.text
    );
    let one = format!("/v1/enterprises/{UNIT}/tier");
    for (query, hint) in [
        ("known_at=2090-01-01T00:00:00%2B08:00", "lies ahead"),
        ("known_at=2090-01-01", "lies ahead"),
        ("known_at=yesterday", "2020-06-30"),
        ("on=2020-13-01", "2020-06-30"),
    ] {
        let (status, problem) = site.get(&format!("{one}?{query}"));
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(status == 400 && detail.contains(hint), "{query}: {problem}");
    }
    let (status, _) = site.get(&format!("/v1/enterprises/{MISSPELT}/tier"));
    assert_eq!(status, 400);
    let (status, _) = site.get("/v1/enterprises/91330100799655058B/tier");
    assert_eq!(status, 404, "well written, and nobody's");
}

/// Files with a fault in the midst, from a clock ahead of ours, or too long.
fn of_files(folder: &Path, data: &Path) {
    let entry = |id: &str, captured: &str| {
        json!({"op": "record", "id": id, "subject": UNIT, "code": "D03", "doc_date": "2020-05-06",
            "captured_at": format!("{captured}T09:00:00+08:00")})
    };
    let ahead = format!(
        "{}\n{}\n",
        entry("y", "2020-05-07"),
        entry("z", "2090-05-07")
    );
    let long = format!("{{\"op\":\"{}\"}}\n", "x".repeat(70_000));
    for (content, hint) in [
        (ahead.as_str(), "captured_at lies ahead of now"),
        (long.as_str(), "the line is too long"),
    ] {
        let path = folder.join("entries.jsonl");
        std::fs::write(&path, content).expect("written");
        let (code, said) = fails(&["credit", "load", "--data", text(data), text(&path)]);
        assert!(code == 2 && said.contains(hint), "{hint}: {said}");
    }
    let heading = "统一社会信用代码,信用等级\n";
    let row = format!("{UNIT},蓝\n");
    let misspelt = format!("{heading}{row}{MISSPELT},蓝\n");
    let oversized = format!("{heading}{}", row.repeat(100_011));
    for (content, hint) in [
        (&misspelt, "ask for 'G'"),
        (&oversized, "more than 100000 rows; split the list"),
    ] {
        let path = folder.join("list.csv");
        std::fs::write(&path, content).expect("written");
        let list = ["credit", "official", "--data", text(data), text(&path)];
        let named = ["--as-of", "2020-06-30", "--source", "list", "--by", "Li Na"];
        let (code, said) = fails(&[&list[..], &named].concat());
        assert!(code == 2 && said.contains(hint), "{hint}: {said}");
    }
}

/// An act is stored with more than its sender gave; what is taken can be read back with all of it.
#[test]
fn an_act_too_long_to_be_read_back_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let daemon = Daemon::start(&data, &[]);
    let record = json!({"id": "r1", "code": "D03", "doc_date": "2020-05-06"});
    assert_eq!(act(&daemon, UNIT, "records", record).0, 200);
    for (length, status) in [(32_000, 200), (33_000, 400), (65_450, 400), (70_000, 400)] {
        let id = format!("long-{length}");
        let record = json!({"id": id, "code": "D03", "doc_date": "2020-05-06", "doc_no": "x".repeat(length)});
        let (found, answer) = act(&daemon, UNIT, "records", record);
        assert_eq!(found, status, "{length}: {answer}");
        if status == 400 {
            assert!(
                answer["detail"].to_string().contains("too long"),
                "{answer}"
            );
        }
    }
    let record = json!({"id": "r2", "code": "D03", "doc_date": "2020-05-07"});
    assert_eq!(act(&daemon, UNIT, "records", record).0, 200);
    daemon.stop("TERM");
    crate::support::verify(&data);
    // A line that is as long as can be read gets a later time here, which makes it longer.
    let line = |pad: usize| {
        let id = "x".repeat(pad);
        format!(
            r#"{{"op":"record","id":"r3","subject":"{UNIT}","code":"D03","doc_no":"{id}","doc_date":"2020-05-06","captured_at":"2020-05-06T09:00:00+08:00"}}"#
        )
    };
    let file = folder.path().join("long.jsonl");
    let longest = line(65_536 - line(0).len());
    assert_eq!(longest.len(), 65_536);
    std::fs::write(&file, longest + "\n").expect("room on the disk");
    let (code, said) = fails(&["credit", "load", "--data", text(&data), text(&file)]);
    assert!(
        code == 2 && said.contains("nothing was entered"),
        "{code} {said}"
    );
    run(&["credit", "head", "--data", text(&data)]);
    crate::support::verify(&data);
}
