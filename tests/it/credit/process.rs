//! The way of a record: entered, told to the unit, objected to, decided, corrected; the unit's own acts; who may do which.

use serde_json::Value;
use serde_json::json;

use crate::credit::UNIT;
use crate::credit::daemon;
use crate::credit::done;
use crate::credit::fine;
use crate::credit::records;
use crate::support::Site;
use crate::support::run;
use crate::support::text;

/// One field after the other of the only record on a day, by their pointers.
fn told(rows: &[Value], pointers: &[&str]) -> Vec<Value> {
    let at = |pointer: &&str| rows[0].pointer(pointer).cloned().unwrap_or(Value::Null);
    pointers.iter().map(at).collect()
}

/// A shutdown served on Friday 8 May 2020, the day after which is worked.
fn shut(site: &Site) {
    let mut record = fine("r1", "2020-05-06");
    record["code"] = "D09".into();
    record["served"] = "2020-05-08".into();
    done(site, "records", record);
}

#[test]
fn a_unit_is_told_what_a_record_will_do_and_until_when_it_may_object() {
    let (_folder, site) = daemon();
    shut(&site);
    let clock = ["/objection/file_by", "/notice/counts_from", "/notice/how"];
    let at = |on: &str, pointers: &[&str]| told(&records(&site, on), pointers);
    let before = [json!("2020-05-28"), json!("2020-05-08"), Value::Null];
    assert_eq!(at("on=2020-05-10", &clock), before);
    let drop = [
        "/notice/acts_from",
        "/notice/before/tier",
        "/notice/then/tier",
        "/notice/tier_drop",
        "/notice/late",
    ];
    let expected = json!(["2020-05-21", "blue", "yellow", true, false]);
    assert_eq!(json!(at("on=2020-05-10", &drop)), expected);
    let notice = json!({"id": "r1", "date": "2020-05-11", "how": "letter"});
    done(&site, "notifications", notice);
    let after = [json!("2020-06-01"), json!("2020-05-11"), json!("letter")];
    assert_eq!(at("on=2020-05-12", &clock), after);
    let feed = site.json("/v1/changes").to_string();
    assert!(!feed.contains("letter"), "{feed}");
}

#[test]
fn an_objection_is_decided_and_corrected_by_its_clocks() {
    let (_folder, site) = daemon();
    shut(&site);
    let objection = json!({"id": "r1", "date": "2020-05-29", "reason": "the meter was wrong"});
    done(&site, "objections", objection);
    let clock = [
        "/objection/filed_late",
        "/objection/decide_by",
        "/objection/decide_by_if_complex",
        "/objection/correct_by",
        "/objection/corrected",
    ];
    let at = |on: &str| json!(told(&records(&site, on), &clock));
    // 25 to 27 June are off, and Sunday 28 June is worked.
    let filed = json!([true, "2020-06-19", "2020-06-29", null, null]);
    assert_eq!(at("on=2020-06-03"), filed);
    let decision = json!({"id": "r1", "date": "2020-06-24", "upheld": true});
    done(&site, "settlements", decision);
    let correction = json!({"id": "r1", "date": "2020-06-28"});
    done(&site, "revocations", correction);
    let corrected = json!([true, "2020-06-19", "2020-06-29", "2020-06-28", "2020-06-28"]);
    assert_eq!(at("on=2020-06-28"), corrected);
    let feed = site.json("/v1/changes").to_string();
    assert!(!feed.contains("the meter was wrong"), "{feed}");
}

#[test]
fn a_unit_applies_and_the_authority_repairs() {
    let (_folder, site) = daemon();
    done(&site, "records", fine("r1", "2026-01-12"));
    let data = site.data.clone();
    let data = text(&data);
    drop(site);
    let act = |op: &str, fields: &[&str]| {
        let args = [
            "credit",
            "act",
            op,
            "--data",
            data,
            "--subject",
            UNIT,
            "--by",
            "Wang Wei",
        ];
        let refused = crate::support::output(&[&args[..], fields].concat());
        (
            refused.status.success(),
            String::from_utf8_lossy(&refused.stderr).into_owned(),
        )
    };
    let (done, said) = act(
        "apply",
        &["id=r1", "date=2026-04-01", "dossier=commitment 7"],
    );
    assert!(done, "{said}");
    let (done, said) = act("apply", &["id=r1", "date=2026-04-02", "dossier=again"]);
    assert!(!done && said.contains("r1"), "{said}");
    for (approved, fits) in [("2026-04-11", false), ("2026-04-12", true)] {
        let (done, said) = act("repair", &["id=r1", &format!("approved={approved}")]);
        assert_eq!(done, fits, "{approved}: {said}");
        assert!(fits || said.contains("the earliest day under"), "{said}");
    }
    let shown = run(&[
        "credit",
        "records",
        "--data",
        data,
        "--subject",
        UNIT,
        "--on",
        "2026-04-12",
    ]);
    let row: Value = serde_json::from_str(shown.lines().next().expect("a row")).expect("JSON");
    let filed = told(
        &[row],
        &[
            "/application/dossier",
            "/repair/acts_from",
            "/repair/early",
            "/state",
        ],
    );
    assert_eq!(
        filed,
        [
            json!("commitment 7"),
            json!("2026-04-12"),
            json!(false),
            json!("repaired")
        ]
    );
}
