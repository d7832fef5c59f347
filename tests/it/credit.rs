//! The ledger as officers and banks use it over HTTP: acts and their refusals, what stands behind a tier, what a repair
//! seals, the feed of changes, many units at once.

mod commands;
mod entering;
mod feed;
pub(crate) mod hooks;
mod lists;
mod noted;
mod process;
mod receipts;
mod refusals;
mod sheets;
mod sm2;
mod snapshots;
mod stamps;
mod tariffs;
mod wrong;

use serde_json::Value;
use serde_json::json;

use crate::register::post_json;
use crate::support::Daemon;
use crate::support::Site;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;

const UNIT: &str = "91999999MA1ABCDE8G";
const OTHER: &str = "91330100799655058B";
const BY: &str = "Li Na";

fn daemon() -> (tempfile::TempDir, Daemon) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = Daemon::start(&folder.path().join("data"), &[]);
    (folder, daemon)
}

fn act(site: &Site, unit: &str, path: &str, mut fields: Value) -> (u16, Value) {
    if fields.get("entered_by").is_none() {
        fields["entered_by"] = BY.into();
    }
    let url = format!("{}/v1/enterprises/{unit}/{path}", site.http);
    let reply = post_json(&url, &fields);
    (reply.status, reply.json())
}

fn done(site: &Site, path: &str, fields: Value) -> Value {
    let (status, answer) = act(site, UNIT, path, fields);
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn fine(id: &str, day: &str) -> Value {
    json!({"id": id, "code": "D03", "case": id, "doc_no": "example 7", "doc_date": day})
}

/// Score and tier on a day.
fn on(site: &Site, query: &str) -> String {
    let answer = site.json(&format!("/v1/enterprises/{UNIT}/tier?{query}"));
    let computed = &answer["computed"];
    format!(
        "{} {}",
        computed["score"],
        computed["tier"].as_str().expect("a tier")
    )
}

fn records(site: &Site, query: &str) -> Vec<Value> {
    let answer = site.json(&format!("/v1/enterprises/{UNIT}/records?{query}"));
    answer["records"].as_array().cloned().expect("a list")
}

fn state(site: &Site, id: &str, day: &str) -> String {
    let rows = records(site, &format!("on={day}"));
    let row = rows.iter().find(|row| row["entered"]["id"] == id);
    row.expect("the entry")["state"]
        .as_str()
        .expect("a state")
        .to_owned()
}

#[test]
fn a_record_is_entered_objected_to_and_revoked() {
    let (_folder, site) = daemon();
    let listed = done(&site, "listings", json!({"date": "2020-01-05"}));
    let by = &listed["entered"]["entered_by"];
    assert_eq!((&listed["seq"], by), (&json!(1), &json!(BY)));
    let digest = listed["after"]["rulebook_sha256"].as_str();
    assert_eq!(digest.map(str::len), Some(64));
    done(
        &site,
        "bonuses",
        json!({"id": "b1", "code": "B01", "date": "2020-01-20"}),
    );
    assert_eq!(on(&site, "on=2020-01-20"), "10 blue");
    let entered = done(&site, "records", fine("r1", "2020-05-06"));
    // The Saturday after Labour Day is worked: 7, 8, 9, 11, 12 May.
    let prompt = &entered["promptness"];
    assert_eq!(
        (&prompt["due"], &prompt["late"]),
        (&json!("2020-05-12"), &json!(true))
    );
    assert_eq!(on(&site, "on=2020-05-20"), "10 blue");
    assert_eq!(on(&site, "on=2020-05-21"), "7 blue");
    assert_eq!(state(&site, "r1", "2020-05-20"), "pending");
    assert_eq!(state(&site, "r1", "2020-05-21"), "active");
    let objection = json!({"id": "r1", "date": "2020-05-25", "reason": "the meter was wrong"});
    done(&site, "objections", objection);
    assert_eq!(state(&site, "r1", "2020-06-01"), "disputed");
    assert_eq!(on(&site, "on=2020-06-01"), "7 blue");
    done(
        &site,
        "settlements",
        json!({"id": "r1", "date": "2020-06-08", "upheld": true}),
    );
    assert_eq!(state(&site, "r1", "2020-06-08"), "active");
    done(
        &site,
        "revocations",
        json!({"id": "r1", "date": "2020-06-09"}),
    );
    assert_eq!(on(&site, "on=2020-06-09"), "10 blue");
    assert_eq!(state(&site, "r1", "2020-06-09"), "revoked");
    let rows = records(&site, "on=2021-07-01");
    assert_eq!(rows.len(), 2, "bonus and record");
    let clock = &rows[1]["objection"];
    let days = (&clock["filed"], &clock["decide_by"]);
    assert_eq!(days, (&json!("2020-05-25"), &json!("2020-06-15")));
    site.verify();
}

#[test]
fn overrides_halts_and_delistings_move_the_tier() {
    let (_folder, site) = daemon();
    let manual = json!({"id": "o1", "tier": "red", "from": "2020-07-01", "to": "2020-08-01",
        "reason": "emergency order", "legal_basis": "article 9", "approved_by": ["Li", "Wang"]});
    done(&site, "overrides", manual);
    done(&site, "halts", json!({"date": "2020-09-01"}));
    done(&site, "resumptions", json!({"date": "2021-04-01"}));
    done(&site, "delistings", json!({"date": "2021-06-01"}));
    done(&site, "listings", json!({"date": "2021-07-01"}));
    for (day, expected) in [
        ("2020-06-30", "9 blue"),
        ("2020-07-31", "9 red"),
        ("2020-08-01", "9 blue"),
        ("2021-02-28", "9 blue"),
        ("2021-03-01", "9 unrated"),
        ("2021-04-01", "9 blue"),
        ("2021-06-01", "9 unrated"),
        ("2021-07-01", "9 blue"),
    ] {
        assert_eq!(on(&site, &format!("on={day}")), expected, "{day}");
    }
    let official = json!({"tier": "green", "as_of": "2021-06-30", "source": "list 2021/2"});
    done(&site, "officials", official);
    let answer = site.json(&format!("/v1/enterprises/{UNIT}/tier?on=2021-07-01"));
    let sides = (&answer["official"]["tier"], &answer["agree"]);
    assert_eq!(sides, (&json!("green"), &json!(false)));
}

#[test]
fn what_was_known_stays_answered_when_later_entries_arrive() {
    let (_folder, site) = daemon();
    done(&site, "records", fine("r1", "2020-05-06"));
    let before = site.json(&format!("/v1/enterprises/{UNIT}/records"))["records"][0]["entered"]["captured_at"].clone();
    let known = before.as_str().expect("a time").replace('+', "%2B");
    let ask = |day: &str| {
        let path = format!("/v1/enterprises/{UNIT}/tier?on={day}&known_at={known}");
        let mut answer = site.json(&path);
        // The receipt signs when it was asked, and the ledger's head at that time.
        let receipt = answer.as_object_mut().expect("an object").remove("receipt");
        assert!(receipt.is_some_and(|receipt| receipt.is_string()));
        answer
    };
    let days = ["2020-05-20", "2020-06-30", "2020-11-21"];
    let first = days.map(ask);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    done(&site, "records", fine("r2", "2020-05-06"));
    done(
        &site,
        "revocations",
        json!({"id": "r1", "date": "2020-05-06", "void_ab_initio": true}),
    );
    done(&site, "halts", json!({"date": "2019-01-01"}));
    assert_eq!(days.map(ask), first);
    assert_eq!(on(&site, "on=2020-06-30"), "6 unrated");
}

#[test]
fn a_repair_seals_the_record_for_banks_and_not_for_the_bureau() {
    let (_folder, site) = daemon();
    done(&site, "records", fine("secret-1", "2020-05-06"));
    let path = format!("/v1/enterprises/{UNIT}");
    let open = site.json(&format!("{path}/tier?on=2020-06-30"));
    assert_eq!(open["computed"]["reasons"][0]["id"], "secret-1");
    done(
        &site,
        "objections",
        json!({"id": "secret-1", "date": "2020-05-25", "reason": "secret-1 again"}),
    );
    let first = site.json("/v1/changes?limit=1");
    assert_eq!(first["changes"][0]["entry"]["doc_no"], "example 7");
    assert!(
        first["changes"][0]["entry"].get("entered_by").is_none(),
        "{first}"
    );
    done(
        &site,
        "repairs",
        json!({"id": "secret-1", "approved": "2020-08-22"}),
    );
    let now = open["computed"]["known_at"].as_str().expect("a time");
    let now = now.replace('+', "%2B");
    for bank in [
        format!("{path}/tier?on=2020-06-30"),
        format!("{path}/tier?on=2020-06-30&known_at={now}"),
        format!("{path}/history"),
        "/v1/changes".to_owned(),
    ] {
        let text = site.fetch(&bank).text;
        for detail in ["secret-1", "example 7"] {
            assert!(!text.contains(detail), "{bank} shows {detail}: {text}");
        }
    }
    let sealed = site.json(&format!("{path}/tier?on=2020-06-30"));
    assert_eq!(sealed["computed"]["score"], open["computed"]["score"]);
    let reason = &sealed["computed"]["reasons"][0];
    assert_eq!(
        (&reason["sealed"], &reason["points"]),
        (&json!(true), &json!(-3))
    );
    let changes = site.json("/v1/changes");
    let rows = changes["changes"].as_array().expect("a list");
    let told: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{} {} {} {}",
                row["cursor"], row["op"], row["sealed"], row["seals"]
            )
            .replace('"', "")
        })
        .collect();
    assert_eq!(
        told,
        [
            "1 record true null",
            "2 objection true null",
            "3 sealed true 1"
        ]
    );
    assert_eq!(rows[0]["hash"], reason["hash"]);
    let bureau = records(&site, "on=2020-08-22");
    assert_eq!(
        (&bureau[0]["state"], &bureau[0]["entered"]["doc_no"]),
        (&json!("repaired"), &json!("example 7"))
    );
}

#[test]
fn a_repaired_record_is_sealed_on_the_page_as_well_but_not_before_its_time() {
    const SEEDED: &str = "91999999MA1X00076E";
    let ago = |days| (chrono::Utc::now() - chrono::Duration::days(days)).date_naive();
    // Files may hold a repair approved before the three months of its class are over.
    for (document, sealed) in [(200, true), (40, false)] {
        let (folder, data) = seeded(&["jiangyin"]);
        let lines = [
            json!({"op": "record", "id": "secret-1", "subject": SEEDED, "code": "D03", "doc_date": ago(document),
                "captured_at": format!("{}T09:00:00Z", ago(document - 1))}),
            json!({"op": "repair", "id": "secret-1", "approved": ago(2), "captured_at": format!("{}T09:00:00Z", ago(1))}),
        ];
        let file = folder.path().join("ledger.jsonl");
        let page = |line: &Value| {
            std::fs::write(&file, line.to_string()).expect("written");
            let said = run(&["credit", "load", "--data", text(&data), text(&file)]);
            let site = Daemon::start(&data, &[]);
            let feed = site.json("/v1/changes?limit=10000")["changes"].to_string();
            (
                said,
                site.fetch(&format!("/enterprises/{SEEDED}?lang=en")).text,
                feed,
            )
        };
        let ((_, before, _), (said, after, feed)) = (page(&lines[0]), page(&lines[1]));
        assert!(before.contains("secret-1"), "{before}");
        assert_eq!(after.contains("secret-1"), !sealed, "{document}: {after}");
        let told = after.contains("repaired, no longer shown");
        assert_eq!(told, sealed, "{document}: {after}");
        assert_eq!(feed.contains("secret-1"), !sealed, "{document}: {feed}");
        let early = format!("approved on {}, too early under JS2020+N2026", ago(2));
        assert_eq!(said.contains(&early), !sealed, "{document}: {said}");
    }
}

#[test]
fn changes_are_followed_by_a_cursor_without_gaps() {
    let (_folder, site) = daemon();
    let (mut seen, mut after) = (Vec::new(), 0);
    for at in 0..12 {
        done(&site, "records", fine(&format!("r{at}"), "2020-05-06"));
        if at % 3 == 0 {
            let page = site.json(&format!("/v1/changes?after={after}&limit=2"));
            seen.extend(page["changes"].as_array().cloned().expect("a list"));
            after = page["next"].as_u64().expect("a cursor");
        }
    }
    loop {
        let page = site.json(&format!("/v1/changes?after={after}&limit=2"));
        seen.extend(page["changes"].as_array().cloned().expect("a list"));
        after = page["next"].as_u64().expect("a cursor");
        if page["more"] == false {
            assert_eq!(page["head_hash"], seen.last().expect("a row")["hash"]);
            break;
        }
    }
    let cursors: Vec<u64> = seen
        .iter()
        .filter_map(|row| row["cursor"].as_u64())
        .collect();
    assert_eq!(cursors, (1..=12).collect::<Vec<_>>());
    let beyond = site.fetch("/v1/changes?after=13");
    assert_eq!(beyond.status, 400);
    assert!(
        beyond.text.contains("beyond the last change, 12"),
        "{}",
        beyond.text
    );
}

#[test]
fn history_tells_the_stretches_of_days() {
    let (_folder, site) = daemon();
    done(&site, "records", fine("r1", "2020-05-06"));
    done(
        &site,
        "records",
        json!({"id": "r2", "code": "D08", "case": "r1", "doc_date": "2020-05-06"}),
    );
    done(
        &site,
        "officials",
        json!({"tier": "yellow", "as_of": "2020-06-30", "source": "list"}),
    );
    let answer = site.json(&format!(
        "/v1/enterprises/{UNIT}/history?from=2020-05-01&to=2020-12-31"
    ));
    let runs: Vec<String> = answer["runs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|run| {
            format!(
                "{} {} {} {}",
                run["from"], run["to"], run["score"], run["tier"]
            )
            .replace('"', "")
        })
        .collect();
    assert_eq!(
        runs,
        [
            "2020-05-01 2020-05-20 9 blue",
            "2020-05-21 2020-11-20 1 red",
            "2020-11-21 2020-12-31 9 blue",
        ]
    );
    assert_eq!(answer["officials"][0]["tier"], "yellow");
    assert_eq!(answer["runs"][1]["reasons"][1]["code"], "D08");
    let reversed = site.fetch(&format!(
        "/v1/enterprises/{UNIT}/history?from=2020-05-01&to=2020-04-01"
    ));
    assert_eq!(reversed.status, 400);
}

#[test]
fn what_if_tells_without_entering() {
    let (_folder, site) = daemon();
    done(&site, "records", fine("r1", "2020-05-06"));
    let ask = |query: &str| {
        site.json(&format!(
            "/v1/enterprises/{UNIT}/what-if?on=2020-06-30&{query}"
        ))
    };
    let tier = |answer: &Value, side: &str| {
        let rating = &answer[side]["rating"];
        format!("{} {}", rating["score"], rating["tier"]).replace('"', "")
    };
    for (query, expected) in [
        ("code=D03&doc_date=2020-06-01", "3 yellow"),
        ("code=D08&doc_date=2020-05-06&case=r1", "1 red"),
        ("code=D15&doc_date=2020-06-29", "6 black"),
        ("revoke=r1&revoked=2020-06-01", "9 blue"),
        ("repair=r1&approved=2020-06-01", "6 blue"),
        ("code=D03&doc_date=2090-06-01", "6 blue"),
    ] {
        let answer = ask(query);
        assert_eq!(tier(&answer, "as_it_stands"), "6 blue", "{query}");
        assert_eq!(tier(&answer, "what_if"), expected, "{query}");
    }
    let ahead = ask("code=D09&doc_date=2020-07-01");
    let runs = ahead["what_if"]["runs"].as_array().expect("a list").iter();
    let runs: Vec<String> = runs
        .map(|run| format!("{} {}", run["from"], run["score"]).replace('"', ""))
        .collect();
    assert_eq!(
        runs,
        [
            "2020-06-30 6",
            "2020-07-16 0",
            "2020-11-21 3",
            "2021-07-16 9"
        ]
    );
    assert_eq!(site.json("/v1/changes")["head"], 1);
    for (query, status, hint) in [
        ("", 400, "one of code, repair and revoke"),
        ("code=fine", 400, "is no code"),
        ("code=D98", 409, "code D98 is not in rulebook"),
        ("repair=r9", 409, "repair of id"),
    ] {
        let reply = site.fetch(&format!("/v1/enterprises/{UNIT}/what-if?{query}"));
        assert_eq!(reply.status, status, "{query}: {}", reply.text);
        assert!(reply.text.contains(hint), "{query}: {}", reply.text);
    }
}

#[test]
fn a_fault_of_a_batch_says_in_which_item() {
    let (_folder, site) = daemon();
    let url = format!("{}/v1/tiers/lookup", site.http);
    for (field, value) in [
        ("on", "2026-02-30"),
        ("known_at", "soon"),
        ("client_ref", "a\nb"),
    ] {
        let mut asked = json!({"items": [{"subject": UNIT}, {"subject": UNIT}]});
        asked["items"][1][field] = value.into();
        let reply = post_json(&url, &asked);
        let placed = reply.text.contains(field) && reply.text.contains("; in items[1]");
        assert!(reply.status == 400 && placed, "{}", reply.text);
    }
}

#[test]
fn ten_thousand_units_are_answered_in_order_and_eleven_thousand_refused() {
    let (_folder, site) = daemon();
    done(&site, "records", fine("r1", "2020-05-06"));
    let url = format!("{}/v1/tiers/lookup", site.http);
    let long = "r".repeat(120);
    let item = |at: usize| match at % 3 {
        0 => json!({"subject": UNIT, "client_ref": format!("{at}-{long}")}),
        1 => json!({"subject": OTHER, "client_ref": null}),
        _ => json!({"subject": "91999999MA1ABCDE8H"}),
    };
    let body = json!({"on": "2020-06-30", "items": (0..10_000).map(item).collect::<Vec<_>>()});
    let answer = post_json(&url, &body).json();
    let items = answer["items"].as_array().expect("a list");
    assert_eq!(items.len(), 10_000);
    for (at, item) in items.iter().enumerate() {
        match at % 3 {
            0 => {
                assert_eq!(
                    (&item["computed"]["score"], &item["computed"]["tier"]),
                    (&json!(6), &json!("blue"))
                );
                assert_eq!(item["client_ref"], format!("{at}-{long}"));
            }
            1 => assert_eq!(item["error"], "not registered and not in the ledger"),
            _ => assert!(
                item["error"]
                    .as_str()
                    .is_some_and(|error| error.contains("GB 32100"))
            ),
        }
    }
    assert_eq!(answer["rulebook"], "JS2020");
    let own = json!({"on": "2020-06-30", "items": [
        {"subject": UNIT, "on": "2020-05-20"},
        {"subject": UNIT, "known_at": "2020-01-01T00:00:00+08:00"},
    ]});
    let own = post_json(&url, &own).json();
    let told = |at: usize| {
        let item = &own["items"][at];
        (item["on"].clone(), item["computed"]["score"].clone())
    };
    assert_eq!(told(0), (json!("2020-05-20"), json!(9)));
    // Nothing was known of it then, nor does a later entry change that.
    let unknown = &own["items"][1]["error"];
    assert_eq!(unknown, "not registered and not in the ledger");
    let body = json!({"items": (0..11_000).map(|_| json!({"subject": UNIT})).collect::<Vec<_>>()});
    let refused = post_json(&url, &body);
    assert_eq!(refused.status, 400);
    assert!(
        refused.text.contains("11000 items; at most 10000"),
        "{}",
        refused.text
    );
    let long = post_json(
        &url,
        &json!({"items": [{"subject": UNIT, "client_ref": "r".repeat(129)}]}),
    );
    assert_eq!(long.status, 400);
    let unknown = post_json(&url, &json!({"items": [], "purpose": "loan"}));
    assert_eq!(unknown.status, 400);
    let found = site.json(&format!("/v1/enterprises?q={}", &UNIT[8..]));
    assert_eq!(found["enterprises"][0]["subject"], UNIT);
}
