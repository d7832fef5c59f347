//! Acts that are refused: each with what is wrong and what would be right, and nothing entered.

use serde_json::Value;
use serde_json::json;

use crate::credit::OTHER;
use crate::credit::UNIT;
use crate::credit::act;
use crate::credit::daemon;
use crate::credit::done;
use crate::support::post_as;

/// Unit, act, fields; status and what the detail says.
const REFUSED: &[(&str, &str, &str, u16, &str)] = &[
    (
        UNIT,
        "records",
        r#"{"id":"x","code":"D99","doc_date":"2020-05-06"}"#,
        409,
        "code D99 is not in rulebook JS2020; it has D01",
    ),
    (
        UNIT,
        "records",
        r#"{"id":"x","code":"V01","doc_date":"2020-05-06"}"#,
        409,
        "follows by itself from a record of D15",
    ),
    (
        "91999999MA1ABCDE8H",
        "records",
        r#"{"id":"x","code":"D03","doc_date":"2020-05-06"}"#,
        400,
        "ask for 'G' (GB 32100)",
    ),
    (
        UNIT,
        "records",
        r#"{"id":"x","code":"D03","doc_date":"2090-05-06"}"#,
        409,
        "field \"doc_date\": 2090-05-06 lies ahead of today",
    ),
    (
        UNIT,
        "bonuses",
        r#"{"id":"x","code":"B01","date":"2090-05-06"}"#,
        409,
        "lies ahead of today",
    ),
    (
        UNIT,
        "records",
        r#"{"id":"r1","code":"D03","doc_date":"2020-05-07"}"#,
        409,
        "id \"r1\" stands in two different entries",
    ),
    (
        OTHER,
        "records",
        r#"{"id":"r1","code":"D03","doc_date":"2020-05-06"}"#,
        409,
        "id \"r1\" stands in two different entries",
    ),
    (
        UNIT,
        "revocations",
        r#"{"id":"r1","date":"2020-06-10"}"#,
        409,
        "second revoke of id \"r1\"",
    ),
    (
        UNIT,
        "revocations",
        r#"{"id":"r9","date":"2020-06-10"}"#,
        409,
        "revoke of id \"r9\", which no record",
    ),
    (
        OTHER,
        "revocations",
        r#"{"id":"r1","date":"2020-06-09"}"#,
        409,
        "another unit's",
    ),
    (
        UNIT,
        "settlements",
        r#"{"id":"r1","date":"2020-06-10","upheld":false}"#,
        409,
        "no objection stands",
    ),
    (
        UNIT,
        "objections",
        r#"{"id":"o0","date":"2020-06-10","reason":"x"}"#,
        409,
        "which is no record",
    ),
    (
        UNIT,
        "repairs",
        r#"{"id":"r1","approved":"2020-05-01"}"#,
        409,
        "before the entry itself (2020-05-06)",
    ),
    (
        UNIT,
        "resumptions",
        r#"{"date":"2020-06-10"}"#,
        409,
        "without a halt before that day",
    ),
    (
        UNIT,
        "records",
        r#"{"id":"x","code":"D03"}"#,
        400,
        "field \"doc_date\" is missing; \"record\" needs it",
    ),
    (
        UNIT,
        "records",
        r#"{"id":"x","code":"D03","doc_date":"2020-05-06","captured_at":"2020-05-06T09:00:00+08:00"}"#,
        400,
        "field \"captured_at\" is not given with \"record\"",
    ),
    (
        UNIT,
        "records",
        r#"{"id":"x","code":"D03","doc_date":"2020-05-06","note":"x"}"#,
        400,
        "field \"note\" is unknown",
    ),
    (
        UNIT,
        "records",
        r#"{"id":"x","code":"D03","doc_date":"2020-05-06","entered_by":null}"#,
        409,
        "name the person who enters it",
    ),
    (
        UNIT,
        "gifts",
        r#"{}"#,
        404,
        "no act gifts; there are records, bonuses",
    ),
    (
        UNIT,
        "overrides",
        r#"{"id":"o1","tier":"red","from":"2020-07-01","to":"2020-08-01","reason":"order","legal_basis":"article 9","approved_by":["Li","Li"]}"#,
        409,
        "two different persons must approve",
    ),
    (
        UNIT,
        "overrides",
        r#"{"id":"o1","tier":"red","from":"2020-07-01","to":"2020-08-01","reason":"order","legal_basis":"article 9","approved_by":["Li"," Li "]}"#,
        409,
        "two different persons must approve",
    ),
    (
        UNIT,
        "overrides",
        r#"{"id":"o1","tier":"red","from":"2020-07-01","to":"2020-08-01","reason":"order","legal_basis":"article 9","approved_by":["Li Na","li  na"]}"#,
        409,
        "two different persons must approve",
    ),
    (
        UNIT,
        "overrides",
        r#"{"id":"o1","tier":"red","from":"2020-07-01","to":"2020-08-01","reason":"order","legal_basis":"article 9","approved_by":["Li Na","Ｌｉ\u3000ＮＡ"]}"#,
        409,
        "two different persons must approve",
    ),
    (
        UNIT,
        "overrides",
        r#"{"id":"o1","tier":"red","from":"2020-07-01","to":"2020-08-01","reason":"order","legal_basis":"article 9","approved_by":["Li Na","\u202eaN iL"]}"#,
        409,
        "field \"approved_by\": \"\\u{202e}aN iL\" holds characters that are not seen",
    ),
    (
        UNIT,
        "records",
        r#"{"id":"x","code":"D03","doc_date":"2020-05-06","entered_by":"\u200b"}"#,
        409,
        "holds characters that are not seen",
    ),
    (
        UNIT,
        "records",
        r#"{"id":"x\u200b","code":"D03","doc_date":"2020-05-06"}"#,
        409,
        "field \"id\": \"x\\u{200b}\" holds characters that are not seen",
    ),
    (
        UNIT,
        "records",
        r#"{"id":"x","code":"D03","doc_date":"2020-05-06","served":"2090-05-08"}"#,
        409,
        "field \"served\": 2090-05-08 lies ahead of today",
    ),
    (
        UNIT,
        "halts",
        r#"{"date":"2090-06-10"}"#,
        409,
        "field \"date\": 2090-06-10 lies ahead of today",
    ),
    (
        UNIT,
        "repairs",
        r#"{"id":"r1","approved":"2020-08-05"}"#,
        409,
        "approved on 2020-08-05; after a document of 2020-05-06 the earliest day under JS2020 is 2020-08-06",
    ),
    (
        UNIT,
        "overrides",
        r#"{"id":"o1","tier":"red","from":"2020-07-01","to":"2020-08-01","reason":"order","approved_by":["Li","Wang"]}"#,
        409,
        "\"legal_basis\" is missing",
    ),
    (
        UNIT,
        "overrides",
        r#"{"id":"o1","tier":"red","from":"2020-07-01","to":"2020-06-01","reason":"order","legal_basis":"article 9","approved_by":["Li","Wang"]}"#,
        409,
        "to must be later",
    ),
    (
        UNIT,
        "overrides",
        r#"{"id":"o1","tier":"red","from":"2020-07-01","to":"2021-07-02","reason":"order","legal_basis":"article 9","approved_by":["Li","Wang"]}"#,
        409,
        "the latest is 2021-07-01",
    ),
];

#[test]
fn a_wrong_act_is_refused_and_nothing_is_entered() {
    let (_folder, site) = daemon();
    let fine = json!({"id": "r1", "code": "D03", "case": "c", "doc_date": "2020-05-06"});
    done(&site, "records", fine);
    done(
        &site,
        "revocations",
        json!({"id": "r1", "date": "2020-06-09"}),
    );
    done(
        &site,
        "bonuses",
        json!({"id": "o0", "code": "B02", "date": "2020-01-01"}),
    );
    for (unit, path, fields, status, hint) in REFUSED {
        let fields: Value = serde_json::from_str(fields).expect(fields);
        let (found, answer) = act(&site, unit, path, fields);
        assert_eq!(found, *status, "{path}: {answer}");
        let detail = answer["detail"].as_str().unwrap_or_default();
        assert!(
            detail.contains(hint),
            "{path}: {hint:?} is not in {detail:?}"
        );
    }
    let url = format!("{}/v1/enterprises/{UNIT}/records", site.http);
    let twice = post_as(&url, "application/json", br#"{"id":"x","id":"y"}"#);
    assert!(twice.text.contains("is given twice"), "{}", twice.text);
    let form = post_as(&url, "text/plain", b"{}");
    assert_eq!(form.status, 415, "{}", form.text);
    assert_eq!(
        site.json("/v1/changes")["head"],
        3,
        "nothing of all that was entered"
    );
}
