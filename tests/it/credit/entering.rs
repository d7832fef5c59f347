//! What a moment's answer is worth: entries that break off half way, requests whose sender hangs up, and that nothing
//! entered later changes what was answered.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use chrono::TimeDelta;
use futures_util::FutureExt;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;
use skytier::adapters::credit_events::from_line;
use skytier::adapters::store::memory::Memory;
use skytier::app::open;
use skytier::app::rulebooks;
use skytier::domain::credit::CreditEvent;
use skytier::domain::credit::tier::Rating;
use skytier::domain::credit::uscc::Uscc;
use skytier::flow::tiering::Tiering;
use skytier::flow::tiering::TieringError;
use skytier::flow::tiering::View;
use skytier::ports::Answer;
use skytier::ports::Ledger;
use skytier::ports::LedgerRow;
use skytier::ports::StoreError;

use crate::credit::BY;
use crate::credit::UNIT;
use crate::credit::act;
use crate::credit::daemon;
use crate::credit::done;
use crate::credit::fine;
use crate::register::post_json;
use crate::support::Daemon;
use crate::support::fails;
use crate::support::run;
use crate::support::text;

/// A ledger that, when told so, keeps what it is given and never says that it did.
#[derive(Default)]
struct Silent {
    kept: Memory,
    silent: AtomicBool,
    full: AtomicBool,
}

impl Ledger for Silent {
    fn append_events(&self, events: Vec<CreditEvent>) -> Answer<'_, u64> {
        Box::pin(async move {
            if self.full.load(Ordering::SeqCst) {
                let (place, cause) = ("ledger".to_owned(), "no room".to_owned());
                return Err(StoreError::Poisoned { place, cause });
            }
            let count = self.kept.append_events(events).await;
            if self.silent.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            count
        })
    }

    fn events(&self) -> Answer<'_, Vec<CreditEvent>> {
        self.kept.events()
    }

    fn rows(&self, after: u64) -> Answer<'_, Vec<LedgerRow>> {
        self.kept.rows(after)
    }
}

fn time(text: &str) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(text).expect("a time")
}

fn noon() -> DateTime<FixedOffset> {
    time("2026-05-20T12:00:00+08:00")
}

/// A fine of 6 May, entered at a time.
fn fined(id: &str, at: DateTime<FixedOffset>) -> CreditEvent {
    let line = json!({"op": "record", "id": id, "subject": UNIT, "code": "D03", "doc_date": "2026-05-06",
        "captured_at": at.to_rfc3339(), "entered_by": BY});
    from_line(&line.to_string()).expect("an entry")
}

fn open_ledger(port: &Arc<Silent>) -> Tiering {
    let port: Arc<dyn Ledger> = Arc::clone(port) as Arc<dyn Ledger>;
    let opened = Tiering::open(port, rulebooks::named("auto").expect("compiled in"));
    now(opened).expect("a sound ledger")
}

/// The result of work that has nothing to wait for.
fn now<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().expect("nothing to wait for")
}

fn unit() -> Uscc {
    Uscc::new(UNIT).expect("a code")
}

fn rated(tiering: &Tiering, view: &View) -> Rating {
    let day = NaiveDate::from_ymd_opt(2026, 6, 30).expect("a day");
    let rating = tiering.rate(view.book.ledger(), &unit(), day, Some(view.known_at));
    rating.expect("a rating")
}

#[test]
fn an_entry_that_broke_off_is_known_to_the_next() {
    let port = Arc::new(Silent::default());
    let tiering = open_ledger(&port);
    port.silent.store(true, Ordering::SeqCst);
    let broken = tiering.enter_now(vec![fined("a", noon())]);
    assert!(broken.now_or_never().is_none(), "it waits, and is dropped");
    port.silent.store(false, Ordering::SeqCst);
    let again = now(tiering.enter_now(vec![fined("a", noon() + TimeDelta::seconds(1))]));
    let said = again
        .map(|_| ())
        .expect_err("it stands already")
        .to_string();
    assert!(said.contains("\"a\" stands in two different"), "{said}");
    let book = now(tiering.enter_now(vec![fined("b", noon())])).expect("another one");
    assert_eq!(book.head().0, 2);
    assert_eq!(
        open_ledger(&port).now().head(),
        book.head(),
        "it opens again"
    );
}

#[test]
fn an_answer_waits_for_the_entry_that_belongs_into_it() {
    let port = Arc::new(Silent::default());
    let tiering = open_ledger(&port);
    port.silent.store(true, Ordering::SeqCst);
    let mut entering = Box::pin(tiering.enter_now(vec![fined("a", noon())]));
    assert!(entering.as_mut().now_or_never().is_none());
    let later = noon() + TimeDelta::seconds(5);
    let before = now(tiering.known(None, later)).expect("an answer without it");
    assert!(before.known_at < noon(), "{}", before.known_at);
    assert_eq!(rated(&tiering, &before).score, 9);
    let asked = tiering.known(Some(later), later);
    assert!(asked.now_or_never().is_none(), "it may yet be entered");
    drop(entering);
    let after = now(tiering.known(Some(later), later)).expect("an answer with it");
    assert_eq!(rated(&tiering, &after).score, 6);
    let early = now(tiering.known(Some(before.known_at), later)).expect("the first again");
    assert_eq!(rated(&tiering, &early), rated(&tiering, &before));
}

#[test]
fn an_entry_the_store_refuses_holds_nothing_up() {
    let port = Arc::new(Silent::default());
    let tiering = open_ledger(&port);
    port.full.store(true, Ordering::SeqCst);
    let refused = now(tiering.act(&unit(), fined("a", noon())));
    assert!(matches!(refused, Err(TieringError::Store(_))));
    let later = noon() + TimeDelta::seconds(5);
    let view = now(tiering.known(None, later)).expect("an answer");
    assert_eq!((view.known_at, view.book.head().0), (later, 0));
}

#[test]
fn what_is_sent_again_stands_once() {
    let tiering = open_ledger(&Arc::default());
    let first = now(tiering.act(&unit(), fined("a", noon()))).expect("entered");
    let later = noon() + TimeDelta::seconds(9);
    let again = now(tiering.act(&unit(), fined("a", later))).expect("the same");
    assert_eq!((first.seq, first.stood_already), (1, false));
    assert_eq!((again.seq, again.stood_already), (1, true));
    let mut other = fined("a", later);
    other.entered_by = Some("Wang".to_owned());
    let refused = now(tiering.act(&unit(), other));
    assert!(matches!(refused, Err(TieringError::Refused(_))));
    assert_eq!(tiering.now().head().0, 1);
}

#[test]
fn nobody_is_told_what_will_be_known() {
    let tiering = open_ledger(&Arc::default());
    let ahead = noon() + TimeDelta::microseconds(1);
    let refused = now(tiering.known(Some(ahead), noon()));
    assert!(matches!(refused, Err(TieringError::Ahead { .. })));
    assert!(now(tiering.known(Some(noon()), noon())).is_ok());
}

/// One thing that happens at a time.
#[derive(Clone, Debug)]
enum Step {
    Enter,
    Ask,
    /// As known some microseconds ago.
    AskEarlier(i64),
    /// The clock goes on by some seconds, often none.
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Enter),
        Just(Step::Ask),
        (0i64..3_000_000).prop_map(Step::AskEarlier),
        (0i64..2).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Even by a clock that stands still for seconds.
    #[test]
    fn no_entry_changes_what_was_answered(steps in prop::collection::vec(step(), 1..40)) {
        let tiering = open_ledger(&Arc::default());
        let mut clock = noon();
        let mut answered: Vec<(DateTime<FixedOffset>, Rating)> = Vec::new();
        for (at, step) in steps.into_iter().enumerate() {
            let asked = match step {
                Step::Enter => {
                    let event = fined(&at.to_string(), clock);
                    let book = now(tiering.act(&unit(), event)).expect("entered").book;
                    prop_assert_eq!(book.latest(), book.row(book.head().0).map(|row| row.event.captured_at));
                    continue;
                }
                Step::Pass(seconds) => {
                    clock += TimeDelta::seconds(seconds);
                    continue;
                }
                Step::Ask => None,
                Step::AskEarlier(ago) => Some(clock - TimeDelta::microseconds(ago)),
            };
            let view = now(tiering.known(asked, clock)).expect("an answer");
            if asked.is_none() {
                let newest = view.book.latest();
                prop_assert!(newest.is_none_or(|newest| newest <= view.known_at), "all that stands is known");
            }
            answered.push((view.known_at, rated(&tiering, &view)));
        }
        let later = clock + TimeDelta::seconds(60);
        for (known_at, rating) in answered {
            let again = now(tiering.known(Some(known_at), later)).expect("an answer");
            prop_assert_eq!(rated(&tiering, &again), rating);
        }
    }
}

/// Sends a request and hangs up without reading the answer.
fn hang_up(site: &Daemon, path: &str, fields: &Value) {
    let host = site.http.trim_start_matches("http://");
    let body = fields.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut socket = TcpStream::connect(host).expect("a connection");
    socket.write_all(request.as_bytes()).expect("sent");
}

#[test]
fn a_sender_that_hangs_up_and_tries_again_harms_nothing() {
    let (_folder, site) = daemon();
    for at in 0..20 {
        let mut record = fine(&format!("r{at}"), "2020-05-06");
        record["entered_by"] = BY.into();
        hang_up(&site, &format!("/v1/enterprises/{UNIT}/records"), &record);
        std::thread::sleep(std::time::Duration::from_millis(at % 4 * 5));
        let (status, answer) = act(&site, UNIT, "records", record);
        assert_eq!(status, 200, "{answer}");
        let rows = crate::credit::records(&site, "on=2020-06-30");
        assert_eq!(rows.len() as u64, at + 1, "what stands is shown");
    }
    assert_eq!(site.json("/v1/changes")["head"], 20);
    site.verify();
    let data = site.data.clone();
    site.kill9();
    let site = Daemon::start(&data, &[]);
    assert_eq!(site.json("/v1/changes")["head"], 20);
}

#[test]
fn a_ledger_that_contradicts_itself_is_found_by_verify() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    run(&[
        "credit",
        "act",
        "list",
        "--data",
        text(&data),
        "--subject",
        UNIT,
        "--by",
        BY,
        "date=2020-01-05",
    ]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let stores = open::for_writing(&data).expect("a store");
        let both = vec![
            fined("a", noon()),
            fined("a", noon() + TimeDelta::seconds(1)),
        ];
        stores.ledger.append_events(both).await.expect("appended");
    });
    drop(runtime);
    let (code, said) = fails(&["verify", "--data", text(&data)]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("table ledger: id \"a\" stands in two different entries"),
        "{said}"
    );
}

/// The answer without its receipt, and the receipt's payload as `receipt verify` prints it.
fn signed(site: &Daemon, path: &str) -> (Value, Value) {
    let mut answer = site.json(path);
    let fields = answer.as_object_mut().expect("an object");
    let receipt = fields.remove("receipt").expect("a receipt");
    let file = site.data.with_extension("receipt");
    std::fs::write(&file, receipt.as_str().expect("a text")).expect("written");
    let keys = site.json("/v1/receipts/keys");
    let key = keys["keys"][0]["public_key"].as_str().expect("a key");
    let payload = run(&["receipt", "verify", text(&file), "--key", key]);
    (answer, serde_json::from_str(&payload).expect("JSON"))
}

#[test]
fn an_answer_says_as_of_when_it_is_known_and_stays() {
    let (_folder, site) = daemon();
    done(&site, "records", fine("r0", "2020-05-06"));
    let path = format!("/v1/enterprises/{UNIT}/tier?on=2020-06-30");
    for at in 1..6 {
        let (answer, payload) = signed(&site, &path);
        done(&site, "records", fine(&format!("r{at}"), "2020-05-06"));
        let known_at = payload["known_at"].as_str().expect("a time");
        assert_eq!(answer["computed"]["known_at"], known_at);
        assert_eq!(payload["asked_at"], known_at);
        let query = known_at.replace('+', "%2B");
        let (again, _) = signed(&site, &format!("{path}&known_at={query}"));
        assert_eq!(again, answer);
        let asked = json!({"on": "2020-06-30", "known_at": known_at, "items": [{"subject": UNIT}]});
        let batch = post_json(&format!("{}/v1/tiers/lookup", site.http), &asked).json();
        assert_eq!(
            batch["items"][0]["computed"]["score"],
            answer["computed"]["score"]
        );
        assert_eq!(batch["known_at"], known_at);
    }
}

#[test]
fn what_will_be_known_is_refused_everywhere() {
    let (_folder, site) = daemon();
    done(&site, "records", fine("r0", "2020-05-06"));
    for path in ["tier", "history", "records"] {
        let reply = site.fetch(&format!(
            "/v1/enterprises/{UNIT}/{path}?known_at=2090-01-01T00:00:00Z"
        ));
        assert_eq!(reply.status, 400, "{path}: {}", reply.text);
        assert!(reply.text.contains("lies ahead of now"), "{}", reply.text);
    }
    let asked = json!({"known_at": "2090-01-01T00:00:00Z", "items": [{"subject": UNIT}]});
    let reply = post_json(&format!("{}/v1/tiers/lookup", site.http), &asked);
    assert_eq!(reply.status, 400, "{}", reply.text);
    let data = text(&site.data);
    for args in [
        vec!["credit", "records", "--subject", UNIT],
        vec!["credit", "history", "--subject", UNIT],
        vec!["credit", "tariff"],
    ] {
        let mut args = args;
        args.extend(["--data", data, "--known-at", "2090-01-01"]);
        let (code, said) = fails(&args);
        assert_eq!(
            (code, said.contains("lies ahead of now")),
            (2, true),
            "{said}"
        );
    }
}

#[test]
fn a_snapshot_still_to_come_is_a_forecast() {
    let (_folder, site) = daemon();
    done(&site, "records", fine("r0", "2020-05-06"));
    let path = format!("/v1/enterprises/{UNIT}/tier");
    for (day, forecast) in [("2020-07-15", false), ("2090-07-15", true)] {
        let (answer, payload) = signed(&site, &format!("{path}?on={day}"));
        let tariff = &answer["tariff_tier"];
        assert_eq!(tariff["forecast"], forecast, "{day}");
        let known_at = tariff["known_at"].as_str().map(time).expect("a time");
        assert!(
            known_at
                <= answer["computed"]["known_at"]
                    .as_str()
                    .map(time)
                    .expect("a time")
        );
        let tier = if forecast {
            Value::Null
        } else {
            tariff["tier"].clone()
        };
        assert_eq!(payload["tariff_tier"], tier, "{day}");
        let data = text(&site.data);
        let said = run(&["credit", "tariff", "--data", data, "--on", day]);
        let line: Value = serde_json::from_str(&said).expect("JSON");
        let told = line["known_at"].as_str().map(time).expect("a time");
        assert_eq!(
            (&line["forecast"], told <= chrono::Utc::now()),
            (&json!(forecast), true)
        );
        let asked = json!({"on": day, "items": [{"subject": UNIT}]});
        let batch = post_json(&format!("{}/v1/tiers/lookup", site.http), &asked).json();
        assert_eq!(
            batch["items"][0]["tariff_tier"]["forecast"], forecast,
            "{day}"
        );
    }
}
