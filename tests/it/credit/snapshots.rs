//! All units' tiers in one signed file, for a nightly copy: the same by command and over HTTP, as lines and as Parquet.

use std::path::Path;

use serde_json::Value;
use serde_json::json;
use skytier::adapters::export::read_parquet;
use skytier::adapters::receipt::key::PublicKey;
use skytier::adapters::snapshot::COLUMNS;

use crate::credit::OTHER;
use crate::credit::UNIT;
use crate::credit::act;
use crate::credit::daemon;
use crate::credit::done;
use crate::credit::fine;
use crate::register::post_json;
use crate::support::Site;
use crate::support::fails;
use crate::support::output;
use crate::support::receipts;
use crate::support::run;
use crate::support::text;

const KNOWN: &str = "2026-01-01T00:00:00%2B08:00";

fn bytes(site: &Site, path: &str) -> Vec<u8> {
    let answer = ureq::get(format!("{}{path}", site.http)).call();
    let mut answer = answer.expect("an answer");
    answer.body_mut().read_to_vec().expect("a whole body")
}

/// Exit code and what was said of a file with this content.
fn check(folder: &Path, name: &str, content: &[u8], key: &str) -> (i32, String) {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("written");
    let ended = output(&["receipt", "verify", text(&path), "--key", key]);
    let said = [ended.stdout, ended.stderr].concat();
    (
        ended.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn key(site: &Site) -> String {
    let keys = site.json("/v1/receipts/keys");
    let key = keys["keys"][0]["public_key"].as_str();
    key.expect("a key").to_owned()
}

fn filled(site: &Site) {
    done(site, "records", fine("secret-1", "2020-05-06"));
    done(
        site,
        "repairs",
        json!({"id": "secret-1", "approved": "2020-08-22"}),
    );
    done(
        site,
        "officials",
        json!({"tier": "yellow", "as_of": "2020-06-30", "source": "list, \"2020\""}),
    );
    let (status, said) = act(site, OTHER, "records", fine("r2", "2020-05-06"));
    assert_eq!(status, 200, "{said}");
}

/// A row says what the answer of a look-up says.
fn agree(row: &Value, item: &Value) {
    for (own, theirs) in [
        ("/subject", "/subject"),
        ("/official_tier", "/official/tier"),
        ("/official_as_of", "/official/as_of"),
        ("/official_source", "/official/source"),
        ("/official_captured_at", "/official/captured_at"),
        ("/official_worst_of_sites", "/worst"),
        ("/computed_score", "/computed/score"),
        ("/computed_tier", "/computed/tier"),
        ("/computed_confidence", "/computed/confidence"),
        ("/next_change", "/computed/next_change/date"),
        ("/next_tier", "/computed/next_change/tier"),
        ("/tariff_tier", "/tariff_tier/tier"),
        ("/tariff_snapshot", "/tariff_tier/snapshot"),
    ] {
        let theirs = item.pointer(theirs).unwrap_or(&Value::Null);
        assert_eq!(row.pointer(own), Some(theirs), "{own}: {row} {item}");
    }
}

fn parsed(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn a_snapshot_says_what_a_look_up_says_and_proves_it() {
    let (folder, site) = daemon();
    filled(&site);
    let key = key(&site);
    let file = bytes(&site, "/v1/snapshots/2020-06-30.jsonl");
    let whole = String::from_utf8(file.clone()).expect("UTF-8");
    assert!(!whole.contains("secret-1"), "{whole}");
    let lines = parsed(&whole);
    assert_eq!(
        (lines.len(), &lines[0]["on"], &lines[0]["rulebook"]),
        (4, &json!("2020-06-30"), &json!("JS2020"))
    );
    let known_at = lines[0]["known_at"]
        .as_str()
        .expect("a time")
        .replace('+', "%2B");
    let asked = json!({"on": "2020-06-30", "known_at": lines[0]["known_at"], "items": [{"subject": UNIT}, {"subject": OTHER}]});
    let asked = post_json(&format!("{}/v1/tiers/lookup", site.http), &asked).json();
    let mut rows: Vec<&Value> = lines[1..3].iter().collect();
    assert!(rows[0]["subject"].as_str() < rows[1]["subject"].as_str());
    rows.sort_by_key(|row| row["subject"] != UNIT);
    for (row, item) in rows.iter().zip(asked["items"].as_array().expect("a list")) {
        agree(row, item);
    }
    let receipt = lines[3]["receipt"].as_str().expect("a receipt");
    assert!(receipt.len() <= 2_048);
    let noted = site.json(&format!("/v1/lookups/{}", receipts::record(receipt)));
    assert_eq!(
        (&noted["items"], &noted["signed"]["what"]),
        (&json!(2), &json!("snapshot"))
    );
    let (code, said) = check(folder.path(), "a.jsonl", &file, &key);
    assert_eq!(code, 0, "{said}");
    let signed: Value = serde_json::from_str(&said).expect("the payload");
    let parquet = bytes(
        &site,
        &format!("/v1/snapshots/2020-06-30.parquet?known_at={known_at}"),
    );
    let (code, said) = check(folder.path(), "a.parquet", &parquet, &key);
    assert_eq!(code, 0, "{said}");
    let other: Value = serde_json::from_str(&said).expect("the payload");
    assert_eq!(
        (&other["root"], &other["items"]),
        (&signed["root"], &json!(2))
    );
    // The command beside the daemon writes the same rows, by the same keys.
    let own = folder.path().join("own.jsonl");
    let moment = lines[0]["known_at"].as_str().expect("a time");
    let args = [
        "snapshot",
        "--data",
        text(&site.data),
        "--on",
        "2020-06-30",
        "--known-at",
        moment,
        "--out",
        text(&own),
    ];
    assert!(run(&args).starts_with("2 units on 2020-06-30"));
    let written = std::fs::read_to_string(&own).expect("a file");
    let body = |text: &str| text.lines().take(3).collect::<Vec<_>>().join("\n");
    assert_eq!(body(&written), body(&whole));
    assert_eq!(
        check(folder.path(), "own.jsonl", written.as_bytes(), &key).0,
        0
    );
}

/// A bit of each of 400 bytes over the whole file: a changed file proves nothing, or, where no reader looks, such as in the
/// statistics of a column, it proves the very same rows.
fn flipped(folder: &Path, whole: &[u8], key: &str) {
    let keys = [PublicKey::parse(key).expect("a key")];
    let proved = |content: &[u8]| {
        let mut rows = Vec::new();
        let path = folder.join("b.parquet");
        std::fs::write(&path, content).expect("written");
        let open = || std::fs::File::open(&path).expect("there");
        let payload = skytier::adapters::snapshot::verify_parquet(open(), &keys).ok()?;
        let read = read_parquet(open(), &COLUMNS, |cells| rows.push(cells.to_vec()));
        read.ok().map(|_| (payload, rows))
    };
    let sound = proved(whole).expect("it is sound");
    let mut refused = 0;
    for step in 0..400 {
        let (at, bit) = (step * whole.len() / 400, step % 8);
        let mut changed = whole.to_vec();
        changed[at] ^= 1 << bit;
        match proved(&changed) {
            None => refused += 1,
            Some(found) => assert_eq!(found, sound, "byte {at}, bit {bit}"),
        }
    }
    assert!(refused > 100, "{refused} of 400");
}

#[test]
fn a_changed_snapshot_proves_nothing() {
    let (folder, site) = daemon();
    filled(&site);
    let key = key(&site);
    let whole = site.fetch("/v1/snapshots/2020-06-30.jsonl").text;
    let lines: Vec<&str> = whole.lines().collect();
    let swapped = [lines[0], lines[2], lines[1], lines[3], ""].join("\n");
    let short = [lines[0], lines[1], lines[3], ""].join("\n");
    let (head, rows) = (lines[..1].join("\n"), lines[..3].join("\n"));
    for (content, expected) in [
        (swapped, "a row was changed or moved"),
        (short, "count and receipt, is missing or was changed"),
        (rows + "\n", "count and receipt, is missing or was changed"),
        (head + "\n", "the last line, with the receipt, is missing"),
        (whole.trim_end().to_owned(), "has no end"),
        (whole.replacen("yellow", "green", 1), "a row was changed"),
        (
            whole.replacen("2020-06-30", "2020-06-29", 1),
            "the first line was changed",
        ),
        (
            whole.replacen("\"rulebook\"", "\"extra\":1,\"rulebook\"", 1),
            "the first line was changed",
        ),
        (
            whole.replacen("{\"items\":2", "{\"items\":3", 1),
            "missing or was changed",
        ),
        (
            whole.replacen("{\"items\":2", "{\"items\":3,\"items\":2", 1),
            "given twice",
        ),
    ] {
        let (code, said) = check(folder.path(), "a.jsonl", content.as_bytes(), &key);
        assert_eq!(
            (code, said.contains(expected)),
            (1, true),
            "{expected}: {said}"
        );
    }
    let whole = bytes(&site, "/v1/snapshots/2020-06-30.parquet");
    flipped(folder.path(), &whole, &key);
    let mut green = whole.clone();
    let at = whole
        .windows(6)
        .position(|part| part == b"yellow")
        .expect("a tier");
    green[at..at + 6].copy_from_slice(b"greenn");
    assert_eq!(check(folder.path(), "a.parquet", &green, &key).0, 1);
}

#[test]
fn a_snapshot_of_no_day_is_refused() {
    let (folder, site) = daemon();
    done(&site, "records", fine("r1", "2020-05-06"));
    let early = site
        .fetch(&format!("/v1/snapshots/2020-06-30.jsonl?known_at={KNOWN}"))
        .text;
    assert!(early.contains("\"computed_score\":9"), "{early}");
    for (path, status, expected) in [
        ("2999-01-01.jsonl", 400, "lies ahead of today"),
        ("2020-06-30.csv", 404, "there are such as"),
        ("2020-6-30.jsonl", 404, "there are such as"),
        ("2020-06-30", 404, "there are such as"),
        (
            "2020-06-30.jsonl?known_at=2999-01-01T00:00:00Z",
            400,
            "lies ahead of now",
        ),
        ("2020-06-30.jsonl?on=2020-06-30", 400, "unknown"),
    ] {
        let reply = site.fetch(&format!("/v1/snapshots/{path}"));
        assert_eq!(reply.status, status, "{path}: {}", reply.text);
        assert!(reply.text.contains(expected), "{path}: {}", reply.text);
    }
    let out = folder.path().join("tiers.csv");
    let at = folder.path().join("tiers.jsonl");
    for (args, expected) in [
        (
            ["--on", "2020-06-30", "--out", text(&out)],
            "ends in .jsonl or .parquet",
        ),
        (
            ["--on", "2999-01-01", "--out", text(&at)],
            "lies ahead of today",
        ),
        (
            ["--known-at", "2999-01-01", "--out", text(&at)],
            "lies ahead of now",
        ),
    ] {
        let args = [&["snapshot", "--data", text(&site.data)], &args[..]].concat();
        let (code, said) = fails(&args);
        assert_eq!(
            (code, said.contains(expected)),
            (2, true),
            "{args:?}: {said}"
        );
        assert!(!at.exists() && !out.exists());
    }
}
