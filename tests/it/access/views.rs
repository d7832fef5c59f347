//! What is shown to whom: details by mandate, sealed records, look-ups of others, and that acts are by whoever asks.

use serde_json::Value;
use serde_json::json;
use skytier::adapters::access::Access;
use skytier::domain::access::Act;

use crate::access::OTHER;
use crate::access::UNIT;
use crate::access::ask;
use crate::access::token;
use crate::access::words;
use crate::support::Daemon;
use crate::support::receipts;
use crate::support::run;
use crate::support::seeded;

/// A daemon with a token for each name, which is its role too; a name of `bank-` is a bank's.
struct Town {
    _folder: tempfile::TempDir,
    daemon: Daemon,
    tokens: Vec<(&'static str, String)>,
}

impl Town {
    fn new(names: &[&'static str], before: impl Fn(&std::path::Path)) -> Self {
        let (folder, data) = seeded(&["jiangyin"]);
        let role = |name: &'static str| name.split('-').next().expect("a role");
        let made = names
            .iter()
            .map(|name| (*name, token(&data, name, role(name))));
        let tokens = made.collect();
        before(&data);
        Self {
            daemon: Daemon::start(&data, &[]),
            _folder: folder,
            tokens,
        }
    }

    fn call(&self, who: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let own = self.tokens.iter().find(|(name, _)| *name == who);
        let token = own.map(|(_, token)| token.as_str());
        let got = ask(&self.daemon.http, method, path, token, &body.to_string());
        (got.status, got.json())
    }

    fn get(&self, who: &str, path: &str) -> (u16, Value) {
        self.call(who, "GET", path, Value::Null)
    }

    fn good(&self, who: &str, path: &str) -> Value {
        let (status, answer) = self.get(who, path);
        assert_eq!(status, 200, "{who} {path}: {answer}");
        answer
    }

    /// Stops the daemon; what the audit log holds, which must be sound.
    fn audit(self) -> Vec<Act> {
        let data = self.daemon.data.clone();
        self.daemon.stop("TERM");
        let access = Access::existing(&data).expect("readable").expect("there");
        let (count, fault) = access.verify().expect("readable");
        assert_eq!(fault, None);
        let acts = access.acts(0).expect("readable");
        assert_eq!(acts.len() as u64, count);
        acts.into_iter().map(|(_, act)| act).collect()
    }
}

/// The part of an answer's receipt that is signed.
fn signed(answer: &Value) -> Value {
    receipts::signed(answer["receipt"].as_str().expect("a receipt"))
}

/// Who may not fetch a stamp is refused one; whoever may is told that nobody gives any here.
#[test]
fn a_stamp_is_for_those_who_may_fetch_it() {
    let town = Town::new(&["bank", "bureau", "public", "enterprise"], |_| {});
    for (who, expected) in [
        ("bank", 400),
        ("bureau", 400),
        ("public", 403),
        ("enterprise", 403),
    ] {
        let (status, said) = town.get(who, &format!("/v1/enterprises/{UNIT}/tier?timestamp=yes"));
        assert_eq!(status, expected, "{who}: {said}");
        let detail = said["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("timestamp"), "{who}: {said}");
    }
}

#[test]
fn a_bank_sees_details_where_it_has_a_mandate() {
    let town = Town::new(&["bank-1", "bank-2", "public", "bureau"], |data| {
        let given = format!("mandates add --bank bank-1 --document L1 --from 2026-01-01 {UNIT}");
        run(&words(data, &given));
        let over = "mandates add --bank bank-2 --document L2 --from 2025-01-01 --until 2025-12-31";
        run(&words(data, &format!("{over} {UNIT}")));
    });
    for (who, unit, details) in [
        ("bank-1", UNIT, true),
        ("bank-1", OTHER, false),
        ("bank-2", UNIT, false),
        ("public", UNIT, false),
        ("bureau", OTHER, true),
    ] {
        let answer = town.good(who, &format!("/v1/enterprises/{unit}/tier"));
        assert_eq!(answer["details"], details, "{who} {unit}");
        assert_eq!(
            answer["computed"]["reasons"].is_array(),
            details,
            "{who} {unit}"
        );
        assert!(answer["computed"]["tier"].is_string(), "{answer}");
        let signed = signed(&answer);
        assert_eq!(signed["rows"].is_u64(), details, "{signed}");
        assert_eq!(signed["row_hashes"].is_array(), details, "{signed}");
        assert_eq!(signed["rows_root"].is_string(), !details, "{signed}");
        if who != "public" {
            let (status, history) = town.get(who, &format!("/v1/enterprises/{unit}/history"));
            assert_eq!(status == 200, details, "{who} {unit}: {history}");
        }
    }
    let ahead = format!("/v1/enterprises/{UNIT}/history?to=2199-01-01");
    assert_eq!(
        town.get("bank-1", &ahead).0,
        400,
        "what is to come is not shown"
    );
    assert_eq!(town.get("bureau", &ahead).0, 200);
    // Nor is it by asking for a tier of a day ahead, with a mandate or without, singly or by the batch.
    let ahead = format!("/v1/enterprises/{UNIT}/tier?on=2099-01-01");
    let items = json!({"items": [{"subject": UNIT, "on": "2099-01-01"}]});
    let all = json!({"on": "2099-01-01", "items": [{"subject": UNIT}]});
    for (who, expected) in [("bank-1", 400), ("bank-2", 400), ("bureau", 200)] {
        assert_eq!(town.get(who, &ahead).0, expected, "{who}");
        for body in [&items, &all] {
            let (status, answer) = town.call(who, "POST", "/v1/tiers/lookup", body.clone());
            assert_eq!(status, expected, "{who}: {answer}");
        }
    }
    let feed = |who| town.good(who, "/v1/changes?limit=10000")["changes"].clone();
    let (banks, bureaus) = (feed("bank-1"), feed("bureau"));
    let banks = banks.as_array().expect("a list");
    assert_eq!(
        banks.len(),
        bureaus.as_array().expect("a list").len(),
        "no gaps"
    );
    assert!(
        banks
            .iter()
            .any(|change| change["subject"] == UNIT && change["entry"].is_object())
    );
    for change in banks.iter().filter(|change| change["subject"] != UNIT) {
        let told = (&change["op"], &change["entry"], &change["sealed"]);
        assert_eq!(told, (&json!("changed"), &Value::Null, &Value::Null));
    }
}

/// An answer without what names the moment it was given at, at any depth.
fn timeless(mut answer: Value) -> Value {
    match &mut answer {
        Value::Object(fields) => {
            fields.retain(|field, _| !["receipt", "known_at"].contains(&field.as_str()));
            for value in fields.values_mut() {
                *value = timeless(value.take());
            }
        }
        Value::Array(values) => {
            for value in values {
                *value = timeless(value.take());
            }
        }
        _ => (),
    }
    answer
}

/// A unit that nobody registered.
const FRESH: &str = "91999999MA1ABCDE8G";

/// All that somebody outside is shown of the unit on a day, without what names the moment.
fn outside(town: &Town, who: &str, today: &str) -> Vec<Value> {
    let tier = timeless(town.good(who, &format!("/v1/enterprises/{UNIT}/tier")));
    if who == "public" {
        return vec![tier];
    }
    let asked = [
        json!({"subject": UNIT}),
        json!({"subject": FRESH}),
        json!({"subject": UNIT, "on": "2026-01-01"}),
    ];
    let (status, batch) = town.call(who, "POST", "/v1/tiers/lookup", json!({"items": asked}));
    assert_eq!(status, 200, "{batch}");
    let token = town.tokens.iter().find(|(name, _)| *name == who);
    let token = token.map(|(_, token)| token.as_str());
    let path = format!("/v1/snapshots/{today}.jsonl");
    let file = ask(&town.daemon.http, "GET", &path, token, "");
    assert_eq!(file.status, 200, "{}", file.text);
    let lines: Vec<&str> = file.text.lines().collect();
    let (status, history) = town.get(who, &format!("/v1/enterprises/{UNIT}/history"));
    let fresh = town.get(who, &format!("/v1/enterprises/{FRESH}/tier"));
    assert_eq!(fresh.0, 404, "{}", fresh.1);
    vec![
        tier,
        timeless(batch),
        if status == 200 {
            timeless(history)
        } else {
            Value::Null
        },
        json!(lines[1..lines.len() - 1]),
        town.good(who, "/v1/enterprises?limit=1000"),
        town.good(who, "/v1/changes?limit=10000"),
    ]
}

#[test]
fn a_notice_that_does_not_act_is_shown_to_no_bank() {
    const BANKS: [&str; 3] = ["bank-1", "bank-2", "public"];
    let town = Town::new(&["bank-1", "bank-2", "public", "county"], |data| {
        let given = format!("mandates add --bank bank-1 --document L1 --from 2026-01-01 {UNIT}");
        run(&words(data, &given));
    });
    let today = chrono::Utc::now() + chrono::Duration::hours(8);
    let today = today.date_naive().to_string();
    let before = BANKS.map(|who| outside(&town, who, &today));
    let act = |unit: &str, path: &str, fields: Value| {
        let path = format!("/v1/enterprises/{unit}/{path}");
        let (status, answer) = town.call("county", "POST", &path, fields);
        assert_eq!(status, 200, "{answer}");
    };
    for (unit, id) in [(UNIT, "notice-1"), (FRESH, "notice-2")] {
        let record = json!({"id": id, "code": "D09", "doc_date": today});
        act(unit, "records", record);
    }
    let objection = json!({"id": "notice-1", "date": today, "reason": "the meter was wrong"});
    act(UNIT, "objections", objection);
    for (who, before) in BANKS.into_iter().zip(before) {
        let after = outside(&town, who, &today);
        for (at, (after, before)) in after.into_iter().zip(before).enumerate() {
            assert_eq!(after, before, "{who}, view {at}");
        }
    }
    // Whoever enters it sees it.
    let own = town.good("county", &format!("/v1/enterprises/{UNIT}/records"));
    assert!(own.to_string().contains("notice-1"), "{own}");
    let fresh = town.good("county", &format!("/v1/enterprises/{FRESH}/tier"));
    assert_eq!(fresh["computed"]["next_change"]["score"], 3, "{fresh}");
    let void = json!({"id": "notice-1", "date": today, "void_ab_initio": true});
    act(UNIT, "revocations", void);
    let feed = town.good("bank-1", "/v1/changes?limit=10000").to_string();
    assert!(!feed.contains("notice-1"), "{feed}");
}

#[test]
fn a_bank_finds_its_own_look_ups_and_the_log_refers_to_them() {
    let town = Town::new(&["bank-1", "bank-2", "auditor"], |_| ());
    let batch = json!({"items": [{"subject": UNIT}]});
    let (status, answer) = town.call("bank-1", "POST", "/v1/tiers/lookup", batch.clone());
    assert_eq!(status, 200, "{answer}");
    town.good("bank-1", &format!("/v1/enterprises/{UNIT}/tier"));
    let receipt = answer["receipt"].as_str().expect("a receipt");
    let id = receipts::record(receipt);
    for (who, expected) in [("bank-1", 200), ("bank-2", 404), ("auditor", 200)] {
        let (status, found) = town.get(who, &format!("/v1/lookups/{id}"));
        assert_eq!(status, expected, "{who}: {found}");
        if status == 200 {
            let told = (&found["client"], &found["claimed_client"]);
            assert_eq!(told, (&json!("bank-1"), &Value::Null));
        }
    }
    let acts = town.audit();
    let row = acts.iter().find(|act| act.what == "lookup").expect("a row");
    assert_eq!((row.who.as_deref(), row.count), (Some("bank-1"), 2));
    assert!(row.detail.starts_with(&id), "{row:?}");
}

#[test]
fn an_act_is_by_whoever_asks_and_stands_in_the_log() {
    let town = Town::new(&["bureau", "county", "bank-1"], |_| ());
    let fine = |id: &str, by: Option<&str>| json!({"id": id, "code": "D03", "doc_date": "2026-05-06", "doc_no": "7", "entered_by": by});
    let records = format!("/v1/enterprises/{UNIT}/records");
    for (who, body, expected) in [
        ("county", fine("a1", None), 200),
        ("county", fine("a2", Some("county")), 200),
        ("county", fine("a3", Some("bureau")), 400),
        ("bank-1", fine("a4", None), 403),
    ] {
        let (status, answer) = town.call(who, "POST", &records, body);
        assert_eq!(status, expected, "{who}: {answer}");
        if status == 200 {
            assert_eq!(answer["entered"]["entered_by"], "county", "{answer}");
        }
    }
    let order = json!({"source": "sim-1999A", "from": "2026-01-01T00:00:00+08:00", "to": "2026-01-02T00:00:00+08:00",
        "reason": "bench test under this name", "by": "somebody else"});
    let (status, answer) = town.call("bureau", "POST", "/v1/deletions", order);
    assert!(
        status == 400 && answer["detail"].to_string().contains("not who asks"),
        "{answer}"
    );
    let acts = town.audit();
    let entered = |act: &&Act| act.what == "POST /v1/enterprises/{uscc}/records";
    let entered: Vec<&Act> = acts.iter().filter(entered).collect();
    assert_eq!(entered.len(), 2, "{acts:?}");
    for act in entered {
        let told = (act.who.as_deref(), act.via.as_str(), act.about.as_str());
        assert_eq!(told, (Some("county"), "token", records.as_str()));
        assert!(act.request_id.is_some());
    }
    let made = acts.iter().filter(|act| act.what == "token.add").count();
    assert_eq!(made, 3);
}

#[test]
fn a_tier_set_by_hand_takes_two_persons() {
    let town = Town::new(&["bureau-1", "bureau-2", "county", "auditor"], |_| ());
    let path = format!("/v1/enterprises/{UNIT}/overrides");
    let black = |id: &str| {
        json!({"id": id, "tier": "black", "from": "2026-01-01", "to": "2026-06-01", "reason": "public welfare",
            "legal_basis": "article 12"})
    };
    let mut both = black("o0");
    both["approved_by"] = json!(["a", "b"]);
    assert_eq!(town.call("bureau-1", "POST", &path, both).0, 400);
    assert_eq!(town.call("county", "POST", &path, black("o1")).0, 403);
    let (status, answer) = town.call("bureau-1", "POST", &path, black("o1"));
    assert_eq!(status, 202, "{answer}");
    let confirm = answer["confirm"].as_str().expect("a path").to_owned();
    let waiting = town.good("auditor", "/v1/pending");
    assert_eq!(waiting["pending"][0]["entered_by"], "bureau-1", "{waiting}");
    for (who, expected) in [("county", 403), ("auditor", 403), ("bureau-1", 409)] {
        let (status, answer) = town.call(who, "POST", &confirm, json!({}));
        assert_eq!(status, expected, "{who}: {answer}");
    }
    let records = format!("/v1/enterprises/{UNIT}/records");
    assert!(
        !town
            .good("bureau-1", &records)
            .to_string()
            .contains("\"o1\"")
    );
    let (status, entered) = town.call("bureau-2", "POST", &confirm, json!({}));
    assert_eq!(status, 200, "{entered}");
    let told = &entered["entered"];
    assert_eq!(told["approved_by"], json!(["bureau-1", "bureau-2"]));
    assert_eq!(told["entered_by"], "bureau-1");
    assert_eq!(
        town.call("bureau-2", "POST", &confirm, json!({})).0,
        404,
        "once"
    );
    let (status, answer) = town.call("bureau-1", "POST", &path, black("o2"));
    assert_eq!(status, 202, "{answer}");
    let reject = answer["confirm"]
        .as_str()
        .expect("a path")
        .replace("confirm", "reject");
    assert_eq!(town.call("bureau-1", "POST", &reject, json!({})).0, 200);
    assert_eq!(town.good("auditor", "/v1/pending")["pending"], json!([]));
    let acts = town.audit();
    let steps = acts.iter().filter(|act| act.what.starts_with("override."));
    let steps: Vec<_> = steps
        .map(|act| (act.what.as_str(), act.who.as_deref()))
        .collect();
    let expected = [
        ("override.enter", Some("bureau-1")),
        ("override.confirm", Some("bureau-2")),
        ("override.enter", Some("bureau-1")),
        ("override.reject", Some("bureau-1")),
    ];
    assert_eq!(steps, expected);
}

#[test]
fn an_auditor_opens_a_sealed_record_for_a_reason() {
    let town = Town::new(&["bureau", "auditor", "administrator"], |_| ());
    let unit = format!("/v1/enterprises/{OTHER}");
    let post = |who: &str, path: &str, body: Value| {
        town.call(who, "POST", &format!("{unit}/{path}"), body)
    };
    let fine = json!({"id": "s1", "code": "D03", "doc_date": "2020-05-06", "doc_no": "secret 7"});
    assert_eq!(post("bureau", "records", fine).0, 200);
    let open = json!({"id": "s1", "reason": "complaint 12"});
    assert_eq!(
        post("auditor", "openings", open.clone()).0,
        404,
        "not sealed yet"
    );
    let (status, answer) = post(
        "bureau",
        "repairs",
        json!({"id": "s1", "approved": "2022-05-06"}),
    );
    assert_eq!(status, 200, "{answer}");
    for (who, whole) in [
        ("bureau", true),
        ("auditor", false),
        ("administrator", false),
    ] {
        let shown = town.good(who, &format!("{unit}/records"));
        assert_eq!(shown.to_string().contains("secret 7"), whole, "{who}");
        let rows = shown["records"].as_array().expect("a list");
        assert_eq!(
            rows.iter().any(|row| row["sealed"] == true),
            !whole,
            "{who}"
        );
        // Thinking of another document on a day when it counted names it no more than that.
        let tried = format!("{unit}/what-if?on=2020-09-01&code=D03&doc_date=2020-08-01");
        let tried = town.good(who, &tried).to_string();
        assert_eq!(tried.contains("\"s1\""), whole, "{who}: {tried}");
    }
    assert_eq!(post("administrator", "openings", open.clone()).0, 403);
    assert_eq!(
        post("auditor", "openings", json!({"id": "s1", "reason": " "})).0,
        400
    );
    let (status, opened) = post("auditor", "openings", open);
    assert_eq!(status, 200, "{opened}");
    assert_eq!(opened["entered"]["doc_no"], "secret 7");
    let acts = town.audit();
    let rows: Vec<&Act> = acts
        .iter()
        .filter(|act| act.what.contains("open"))
        .collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0].who.as_deref(), Some("auditor"));
    assert_eq!(rows[0].about, format!("{OTHER} s1"));
    assert_eq!(rows[0].detail, "complaint 12");
}
