//! The way of a record: entered, told to the unit, objected to, decided, corrected; the unit's own acts; who may do which.

use serde_json::Value;
use serde_json::json;

use crate::credit::UNIT;
use crate::credit::daemon;
use crate::credit::done;
use crate::credit::fine;
use crate::credit::records;
use crate::support::run;
use crate::support::text;

/// One field after the other of the only record on a day, by their pointers.
fn told(rows: &[Value], pointers: &[&str]) -> Vec<Value> {
    let at = |pointer: &&str| rows[0].pointer(pointer).cloned().unwrap_or(Value::Null);
    pointers.iter().map(at).collect()
}

#[test]
fn a_record_goes_its_way_with_its_clocks() {
    let (_folder, site) = daemon();
    let mut large = fine("r1", "2020-05-06");
    large["code"] = "D09".into();
    large["served"] = "2020-05-08".into();
    done(&site, "records", large);
    // 15 working days after Friday 8 May, the Saturday of which is worked.
    let file_by = ["/objection/file_by", "/notice/counts_from", "/notice/given"];
    assert_eq!(
        told(&records(&site, "on=2020-05-10"), &file_by),
        [json!("2020-05-28"), json!("2020-05-08"), Value::Null]
    );
    let drop = [
        "/notice/acts_from",
        "/notice/before/tier",
        "/notice/then/tier",
        "/notice/tier_drop",
        "/notice/late",
    ];
    assert_eq!(
        told(&records(&site, "on=2020-05-10"), &drop),
        [
            json!("2020-05-21"),
            json!("blue"),
            json!("yellow"),
            json!(true),
            json!(false)
        ]
    );
    let notice = json!({"id": "r1", "date": "2020-05-11", "how": "letter"});
    done(&site, "notifications", notice);
    assert_eq!(
        told(
            &records(&site, "on=2020-05-12"),
            &[file_by[0], file_by[1], "/notice/how"]
        ),
        [json!("2020-06-01"), json!("2020-05-11"), json!("letter")]
    );
    done(
        &site,
        "objections",
        json!({"id": "r1", "date": "2020-06-02", "reason": "the meter was wrong"}),
    );
    let objection = [
        "/objection/filed_late",
        "/objection/decide_by",
        "/objection/decide_by_if_complex",
        "/objection/correct_by",
        "/objection/corrected",
    ];
    assert_eq!(
        told(&records(&site, "on=2020-06-03"), &objection),
        [
            json!(true),
            json!("2020-06-23"),
            json!("2020-07-01"),
            Value::Null,
            Value::Null
        ]
    );
    done(
        &site,
        "settlements",
        json!({"id": "r1", "date": "2020-06-24", "upheld": true}),
    );
    done(
        &site,
        "revocations",
        json!({"id": "r1", "date": "2020-06-28"}),
    );
    // The Sunday after Dragon Boat Festival is worked.
    assert_eq!(
        told(&records(&site, "on=2020-06-28"), &objection)[3..],
        [json!("2020-06-28"), json!("2020-06-28")]
    );
    let feed = site.json("/v1/changes").to_string();
    for own in ["letter", "the meter was wrong"] {
        assert!(!feed.contains(own), "{feed}");
    }
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
