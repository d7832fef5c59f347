//! Tiers over HTTP, from the seeded ledger.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::route::list;
use crate::support::full::full;

/// Every enterprise of the seed, over all pages.
fn enterprises() -> Vec<Value> {
    let site = &full().site;
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = site.json(&format!("/v1/enterprises?limit=40&after={after}"));
        all.extend_from_slice(list(&page["enterprises"]));
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return all,
        }
    }
}

fn computed(row: &Value) -> &str {
    row["computed"]["tier"].as_str().expect("a tier")
}

#[test]
fn all_five_colours_are_there_and_nearly_all_are_blue() {
    let all = enterprises();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &all {
        *counts.entry(computed(row)).or_default() += 1;
        assert_eq!(row["example"], true, "{row}");
    }
    for tier in ["green", "blue", "yellow", "red", "black"] {
        assert!(counts.contains_key(tier), "{tier}: {counts:?}");
    }
    assert!(counts["blue"] * 10 >= all.len() * 7, "{counts:?}");
    let codes: Vec<&str> = all
        .iter()
        .filter_map(|row| row["subject"].as_str())
        .collect();
    assert!(codes.is_sorted() && codes.len() == all.len());
}

#[test]
fn the_official_tier_stands_beside_the_computed_one() {
    let site = &full().site;
    for row in enterprises() {
        let code = row["subject"].as_str().expect("a code");
        let answer = site.json(&format!("/v1/enterprises/{code}/tier?client_ref=loan-7"));
        assert_eq!(answer["subject"], code);
        assert_eq!(answer["client_ref"], "loan-7");
        assert_eq!(answer["computed"]["tier"], row["computed"]["tier"]);
        let (official, agree) = (&answer["official"], &answer["agree"]);
        if official.is_null() {
            assert!(agree.is_null() && row["official"].is_null(), "{answer}");
        } else {
            for field in ["tier", "as_of", "source", "captured_at"] {
                assert!(official[field].is_string(), "{field}: {answer}");
            }
            assert_eq!(official["tier"], row["official"]);
            assert_eq!(*agree, official["tier"] == answer["computed"]["tier"]);
        }
        for field in ["score", "rulebook", "rulebook_sha256", "reasons"] {
            assert!(!answer["computed"][field].is_null(), "{field}: {answer}");
        }
    }
}

#[test]
fn a_code_that_nobody_has_or_that_is_none_gets_a_problem_document() {
    let site = &full().site;
    let check = |code: &str, status: u16, kind: &str, hint: &str| {
        let reply = site.fetch(&format!("/v1/enterprises/{code}/tier"));
        assert_eq!(reply.status, status, "{code}: {}", reply.text);
        assert_eq!(reply.kind, "application/problem+json");
        let problem = reply.json();
        assert_eq!(problem["type"], format!("urn:skytier:problem:{kind}"));
        assert_eq!(problem["status"], status);
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.contains(hint), "{code}: {detail}");
    };
    check("91999999MA1ABCDE8G", 404, "not-found", "91999999MA1ABCDE8G");
    check("91999999MA1X00017A", 400, "bad-parameter", "ask for 'B'");
    check("91999999MA1X00017", 400, "bad-parameter", "18");
}

#[test]
fn a_tier_can_be_asked_for_another_day_and_as_known_earlier() {
    let site = &full().site;
    let all = enterprises();
    let worse = |row: &&Value| ["yellow", "red", "black"].contains(&computed(row));
    let row = all.iter().find(worse).expect("one that is not blue");
    let path = format!(
        "/v1/enterprises/{}/tier",
        row["subject"].as_str().expect("a code")
    );
    let now = site.json(&path);
    let reasons = list(&now["computed"]["reasons"]);
    let counted = |reason: &&Value| reason["points"].as_i64().is_some_and(|points| points != 0);
    let starts = reasons
        .iter()
        .filter(counted)
        .map(|reason| &reason["start"]);
    let first = starts.filter_map(Value::as_str).min().expect("a reason");
    let day: chrono::NaiveDate = first.parse().expect("a date");
    let before = day.pred_opt().expect("a day");
    let earlier = site.json(&format!("{path}?on={before}"));
    assert_eq!(earlier["computed"]["on"], before.to_string());
    assert!(
        list(&earlier["computed"]["reasons"]).len() < reasons.len(),
        "{earlier}"
    );
    let unknown = site.json(&format!("{path}?known_at=2001-01-01T00:00:00%2B08:00"));
    assert!(
        list(&unknown["computed"]["reasons"]).is_empty(),
        "{unknown}"
    );
    assert!(unknown["official"].is_null(), "{unknown}");
    assert_eq!(site.fetch(&format!("{path}?on=yesterday")).status, 400);
}
