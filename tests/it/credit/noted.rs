//! The record each look-up leaves: who asked, about whom, and what was answered, found again after a restart.

use serde_json::Value;
use serde_json::json;

use crate::credit::OTHER;
use crate::credit::UNIT;
use crate::credit::act;
use crate::credit::done;
use crate::credit::fine;
use crate::support::Daemon;
use crate::support::Site;
use crate::support::fails;
use crate::support::run;
use crate::support::text;

/// Asks, with a name in the head where one is given; status, the record's identifier, the answer.
fn ask(url: &str, client: Option<&str>, body: Option<&Value>) -> (u16, Option<String>, Value) {
    let name = client.unwrap_or("nobody");
    let head = if client.is_some() {
        "x-skytier-client"
    } else {
        "x-other"
    };
    let answered = match body {
        Some(body) => ureq::post(url)
            .config()
            .http_status_as_error(false)
            .build()
            .header(head, name)
            .content_type("application/json")
            .send(body.to_string()),
        None => ureq::get(url)
            .config()
            .http_status_as_error(false)
            .build()
            .header(head, name)
            .call(),
    };
    let mut answered = answered.expect("an answer");
    let id = answered.headers().get("skytier-lookup");
    let id = id.map(|id| id.to_str().expect("ASCII").to_owned());
    let status = answered.status().as_u16();
    let text = answered.body_mut().read_to_string().expect("text");
    (status, id, serde_json::from_str(&text).expect("JSON"))
}

#[test]
fn each_look_up_leaves_a_record_that_outlives_the_daemon() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let site = Daemon::start(&data, &[]);
    done(&site, "records", fine("r1", "2020-05-06"));
    let url = format!(
        "{}/v1/enterprises/{UNIT}/tier?on=2020-06-30&client_ref=loan-7",
        site.http
    );
    let (_, one, answer) = ask(&url, Some("bank 7"), None);
    let one = one.expect("a record");
    let batch = json!({"on": "2020-06-30", "items": [{"subject": UNIT}, {"subject": "x"}]});
    let url = format!("{}/v1/tiers/lookup", site.http);
    let (_, many, _) = ask(&url, None, Some(&batch));
    let many = many.expect("a record");
    let (refused, none, problem) = ask(&url, Some(&"n".repeat(129)), Some(&batch));
    assert_eq!((refused, none), (400, None), "{problem}");
    let (_, last, _) = ask(&url, Some(&"n".repeat(128)), Some(&batch));
    let last = format!("/v1/lookups/{}", last.expect("a record"));
    let found = site.json(&format!("/v1/lookups/{one}"));
    assert_eq!(
        (&found["receipt"], &found["items"]),
        (&answer["receipt"], &json!(1))
    );
    // A record has its number once it is on disk.
    while site.json(&last)["seq"].is_null() {
        std::thread::yield_now();
    }
    drop(site);
    let site = Daemon::start(&data, &[]);
    let found = site.json(&format!("/v1/lookups/{one}"));
    let told = (&found["seq"], &found["claimed_client"], &found["subject"]);
    assert_eq!(told, (&json!(1), &json!("bank 7"), &json!(UNIT)));
    let signed = &found["signed"];
    let told = (&signed["score"], &signed["tier"], &signed["client_ref"]);
    assert_eq!(told, (&json!(6), &json!("blue"), &json!("loan-7")));
    assert_eq!(found["asked_at"], signed["asked_at"]);
    let found = site.json(&format!("/v1/lookups/{many}"));
    let told = (
        &found["seq"],
        &found["claimed_client"],
        &found["subject"],
        &found["items"],
    );
    assert_eq!(told, (&json!(2), &Value::Null, &Value::Null, &json!(2)));
    let (status, _, problem) = ask(&format!("{}/v1/lookups/0f", site.http), None, None);
    assert_eq!(status, 404, "{problem}");
    found_again(&site, &one, &many);
    assert!(
        site.verify().contains("look-ups: 3 checked"),
        "{}",
        site.verify()
    );
}

/// The records of one unit's look-up and of a batch's, the first of three, in lists over HTTP and by command.
fn found_again(site: &Site, one: &str, many: &str) {
    let listed = site.json("/v1/lookups?limit=2");
    let rows = listed["lookups"].as_array().expect("a list");
    let ids: Vec<&str> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
    assert_eq!((ids, &listed["next"]), (vec![one, many], &json!(2)));
    let about = site.json(&format!("/v1/lookups?subject={UNIT}"));
    assert_eq!(
        about["lookups"].as_array().map(Vec::len),
        Some(1),
        "{about}"
    );
    let page = site.fetch("/lookups?lang=en").text;
    assert!(page.contains(one) && page.contains("bank 7"), "{page}");
    let data = text(&site.data);
    let listed = run(&["lookups", "list", "--data", data, "--format", "json"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(run(&["lookups", "list", "--data", data]).contains(many));
    let shown: Value =
        serde_json::from_str(&run(&["lookups", "show", one, "--data", data])).expect("JSON");
    assert_eq!(
        (&shown["signed"]["client_ref"], &shown["seq"]),
        (&json!("loan-7"), &json!(1))
    );
    let year = |text: &Value| text.as_str().and_then(|text| text[..4].parse::<i32>().ok());
    assert_eq!(
        year(&shown["kept_until"]),
        year(&shown["asked_at"]).map(|year| year + 10)
    );
    let (code, said) = fails(&["lookups", "show", "0f", "--data", data]);
    assert_eq!(
        (code, said.contains("no look-up \"0f\"")),
        (2, true),
        "{said}"
    );
}

#[test]
fn a_unit_of_nobody_is_not_known_at_a_time_before_its_first_entry() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let site = Daemon::start(&folder.path().join("data"), &[]);
    let (status, answer) = act(&site, OTHER, "records", fine("r1", "2020-05-06"));
    assert_eq!(status, 200, "{answer}");
    let known = site.json(&format!("/v1/enterprises/{OTHER}/tier"));
    let before = known["computed"]["known_at"].as_str().expect("a time");
    let before = before.replace('+', "%2B");
    done(&site, "records", fine("r2", "2020-05-06"));
    for (unit, expected) in [(OTHER, 200), (UNIT, 404)] {
        let path = format!("/v1/enterprises/{unit}/tier?known_at={before}");
        let (status, _, answer) = ask(&format!("{}{path}", site.http), None, None);
        assert_eq!(status, expected, "{unit}: {answer}");
    }
    let batch = json!({"known_at": before.replace("%2B", "+"), "items": [{"subject": UNIT}]});
    let url = format!("{}/v1/tiers/lookup", site.http);
    let (_, _, answer) = ask(&url, None, Some(&batch));
    assert_eq!(
        answer["items"][0]["error"],
        "not registered and not in the ledger"
    );
    let now = site.json(&format!("/v1/enterprises/{UNIT}/tier?on=2020-06-30"));
    assert_eq!(now["computed"]["score"], 6);
}

#[test]
fn a_ledger_that_contradicts_what_was_signed_over_it_is_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let site = Daemon::start(&data, &[]);
    done(&site, "records", fine("r1", "2020-05-06"));
    done(&site, "records", fine("r2", "2020-05-06"));
    let url = format!("{}/v1/enterprises/{UNIT}/tier", site.http);
    let (_, id, _) = ask(&url, None, None);
    let id = id.expect("a record");
    site.stop("TERM");
    run(&["verify", "--data", text(&data)]);
    let store = rusqlite::Connection::open(data.join("skytier.db")).expect("a database");
    let cut =
        "DROP TRIGGER ledger_keep; DROP TRIGGER ledger_hold; DELETE FROM ledger WHERE seq = 2;
               UPDATE tally SET rows = 1 WHERE what = 'ledger'";
    store.execute_batch(cut).expect("cut");
    drop(store);
    let (code, said) = fails(&["verify", "--data", text(&data)]);
    let expected = format!("row 2: not the one that look-up {id}");
    assert!(code == 1 && said.contains(&expected), "{code} {said}");
}
