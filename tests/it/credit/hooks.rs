//! Subscribers to the ledger's changes: who is away gets everything once back, in order; who may not be spoken to.

pub(crate) mod receiver;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

use serde_json::Value;
use serde_json::json;
use skytier::adapters::credit_events::from_fields;
use skytier::adapters::store::Stores;
use skytier::adapters::webhooks::HookSecret;
use skytier::adapters::webhooks::files::Folder;
use skytier::adapters::webhooks::files::Hook;
use skytier::app::config::Settings;
use skytier::app::rulebooks;
use skytier::app::webhooks::deliver::Deliverer;
use skytier::domain::calendar::Instant;
use skytier::domain::calendar::Zone;
use skytier::domain::credit::uscc::Uscc;
use skytier::flow::health::Health;
use skytier::flow::tiering::Tiering;

use crate::credit::OTHER;
use crate::credit::UNIT;
use crate::credit::act;
use crate::credit::done;
use crate::credit::fine;
use crate::credit::hooks::receiver::Manner;
use crate::credit::hooks::receiver::Receiver;
use crate::credit::hooks::receiver::Taken;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::failed;
use crate::support::skytier;
use crate::support::text;
use crate::support::wait_for;

const ALLOWED: (&str, &str) = ("SKYTIER__WEBHOOKS__ALLOW_PRIVATE", "true");
/// 2026-07-01T00:00:00+08:00.
const BEGIN: i64 = 1_782_835_200;

/// A deliverer of the program itself over a ledger in memory, on a clock that the test moves.
struct World {
    _folder: tempfile::TempDir,
    folder: Folder,
    tiering: Arc<Tiering>,
    deliverer: Arc<Deliverer>,
    clock: &'static AtomicI64,
    read: fn() -> Instant,
}

impl World {
    async fn new(
        clock: &'static AtomicI64,
        read: fn() -> Instant,
        give_up_after_days: u32,
    ) -> World {
        clock.store(BEGIN, Ordering::SeqCst);
        let data = tempfile::tempdir().expect("a temporary folder");
        let mut settings = Settings {
            data_dir: data.path().to_owned(),
            ..Settings::default()
        };
        settings.webhooks.allow_private = true;
        settings.webhooks.give_up_after_days = give_up_after_days;
        let rulebooks = rulebooks::named("auto").expect("rulebooks");
        let tiering = Tiering::open(Stores::memory().ledger, rulebooks).await;
        let tiering = Arc::new(tiering.expect("an empty ledger"));
        // Of the bank's units, one is under a mandate.
        let sees = |bank: Option<&str>, unit: &Uscc, _| bank.is_none() || unit.as_str() == UNIT;
        let health = Arc::new(Health::default());
        let deliverer = Deliverer::new(&settings, Arc::clone(&tiering), health, Box::new(sees));
        World {
            folder: Folder::of(data.path()),
            _folder: data,
            tiering,
            deliverer: deliverer.expect("a client"),
            clock,
            read,
        }
    }

    /// Moves the clock and gives everybody a turn.
    async fn after(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
        self.deliverer.round(self.read).await;
    }

    async fn enter(&self, op: &str, unit: &str, mut fields: Value) {
        fields["entered_by"] = "Li Na".into();
        let subject = Uscc::new(unit).expect("a code");
        let now = Zone::beijing().local((self.read)());
        let event = from_fields(op, &fields.to_string(), &subject, now).expect("an entry");
        self.tiering.act(&subject, event).await.expect("entered");
    }

    fn subscribe(&self, name: &str, receiver: &Receiver, unit: Option<&str>) {
        let unit = unit.map(|unit| Uscc::new(unit).expect("a code"));
        let hook = Hook {
            name: name.to_owned(),
            url: receiver.url(),
            secret: receiver::secret(),
            created: "2026-07-01T00:00:00+08:00".to_owned(),
            after: 0,
            subjects: unit.map(|unit| [unit].into()),
            bank: (name == "bank").then(|| name.to_owned()),
        };
        self.folder.add(&hook).expect("entered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_down_for_an_hour_gets_every_change_in_order_each_once() {
    static CLOCK: AtomicI64 = AtomicI64::new(0);
    let world = World::new(
        &CLOCK,
        || Instant::from_unix(CLOCK.load(Ordering::SeqCst)),
        7,
    )
    .await;
    let (away, there) = (Receiver::start(Manner::Busy), Receiver::start(Manner::Well));
    world.subscribe("away", &away, None);
    world.subscribe("there", &there, Some(OTHER));
    for second in 0..3_600 {
        if second % 60 == 0 {
            let minute = second / 60;
            let (id, unit) = (format!("r{minute}"), [UNIT, OTHER][minute % 2]);
            world
                .enter(
                    "record",
                    unit,
                    json!({"id": id, "code": "D03", "doc_date": "2026-03-01"}),
                )
                .await;
        }
        if second == 1_800 {
            // Refuses no longer, but hangs up.
            away.behave(Manner::Away);
            world
                .enter(
                    "repair",
                    UNIT,
                    json!({"id": "r0", "approved": "2026-06-30"}),
                )
                .await;
        }
        world.after(1).await;
    }
    assert!(away.taken().is_empty());
    let tries = away.asked();
    assert!((10..=40).contains(&tries), "{tries} tries in an hour");
    away.behave(Manner::Well);
    for _ in 0..60 {
        world.after(10).await;
    }
    let taken = away.taken();
    let cursors: Vec<u64> = taken
        .iter()
        .filter_map(|taken| taken.body["cursor"].as_u64())
        .collect();
    assert_eq!(cursors, (1..=61).collect::<Vec<_>>());
    let mut ids: Vec<&str> = taken.iter().map(|taken| taken.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 61, "an identifier stands for two changes");
    // What was sealed meanwhile comes without its details.
    assert_eq!(
        (&taken[0].body["sealed"], &taken[0].body["entry"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(taken[1].body["entry"]["id"], "r1");
    assert!(
        taken
            .iter()
            .all(|taken| (taken.timestamp - BEGIN - 3_600).abs() <= 600)
    );
    assert_eq!(there.taken().len(), 30);
    let own = |taken: &Taken| taken.body["subject"] == OTHER;
    assert!(there.taken().iter().all(own));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_waits_for_an_operator() {
    static CLOCK: AtomicI64 = AtomicI64::new(0);
    let world = World::new(
        &CLOCK,
        || Instant::from_unix(CLOCK.load(Ordering::SeqCst)),
        1,
    )
    .await;
    let receiver = Receiver::start(Manner::Busy);
    world.subscribe("bank", &receiver, None);
    for id in ["r1", "r2"] {
        world
            .enter(
                "record",
                UNIT,
                json!({"id": id, "code": "D03", "doc_date": "2026-03-01"}),
            )
            .await;
    }
    for _ in 0..(86_400 + 1_000) / 100 {
        world.after(100).await;
    }
    let hook = world.folder.hook("bank").expect("a file").expect("a hook");
    let progress = || world.folder.progress(&hook).expect("a file");
    assert_eq!((progress().laid_aside, progress().done), (vec![1], 1));
    receiver.behave(Manner::Well);
    world.after(600).await;
    let cursors = || -> Vec<u64> {
        let taken = receiver.taken();
        taken
            .iter()
            .filter_map(|taken| taken.body["cursor"].as_u64())
            .collect()
    };
    assert_eq!(cursors(), [2]);
    world.folder.ask_retry("bank").expect("said");
    world.after(1).await;
    assert_eq!(cursors(), [2, 1]);
    assert_eq!((progress().laid_aside, progress().done), (vec![], 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_is_told_details_of_units_it_holds_a_mandate_for() {
    static CLOCK: AtomicI64 = AtomicI64::new(0);
    let world = World::new(
        &CLOCK,
        || Instant::from_unix(CLOCK.load(Ordering::SeqCst)),
        1,
    )
    .await;
    let receiver = Receiver::start(Manner::Well);
    world.subscribe("bank", &receiver, None);
    for (id, unit) in [("r1", UNIT), ("r2", OTHER)] {
        let fields = json!({"id": id, "code": "D03", "doc_date": "2026-03-01"});
        world.enter("record", unit, fields).await;
    }
    world.after(1).await;
    let taken = receiver.taken();
    let told = |at: usize| (&taken[at].body["op"], &taken[at].body["entry"]["id"]);
    assert_eq!(told(0), (&json!("record"), &json!("r1")));
    assert_eq!(told(1), (&json!("changed"), &Value::Null));
    assert_eq!(taken[1].body["subject"], OTHER);
}

/// Runs `skytier webhooks`, allowed to speak to this host.
fn hooks(data: &Path, args: &[&str]) -> (i32, String, String) {
    hooks_with(data, args, &[ALLOWED])
}

fn hooks_with(data: &Path, args: &[&str], settings: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = skytier(&["webhooks"]);
    command.args(args).args(["--data", text(data)]);
    let ended = command
        .envs(settings.iter().copied())
        .output()
        .expect("it starts");
    let (code, complaint) = failed(&ended);
    (
        code,
        String::from_utf8_lossy(&ended.stdout).into_owned(),
        complaint,
    )
}

#[test]
fn a_kill_in_the_midst_loses_nothing_and_keeps_the_order() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let receiver = Receiver::start(Manner::Slow);
    let mut daemon = Daemon::start(&data, &[ALLOWED]);
    let (code, said, complaint) = hooks(&data, &["add", &receiver.url(), "--name", "bank"]);
    assert_eq!(code, 0, "{complaint}");
    let said: Value = serde_json::from_str(&said).expect("JSON");
    receiver.trust(HookSecret::parse(said["secret"].as_str().expect("a secret")).expect("one"));
    for at in 0..40 {
        done(&daemon, "records", fine(&format!("r{at}"), "2020-05-06"));
    }
    for least in [5, 20] {
        wait_for("some messages", PATIENCE, || {
            (receiver.taken().len() >= least).then_some(())
        });
        daemon.kill9();
        daemon = Daemon::start(&data, &[ALLOWED]);
    }
    wait_for("every message", PATIENCE, || {
        let taken = receiver.taken();
        (taken.last()?.body["cursor"] == 40).then_some(())
    });
    let feed = daemon.json("/v1/changes");
    let feed = feed["changes"].as_array().expect("a list");
    let mut told = receiver.taken();
    told.dedup_by(|later, earlier| later.id == earlier.id);
    let told: Vec<Value> = told.into_iter().map(|taken| taken.body).collect();
    assert_eq!(
        &told, feed,
        "the feed itself, each entry once by its identifier"
    );
    let (code, listed, _) = hooks(&data, &["list"]);
    assert_eq!(code, 0);
    assert!(!listed.contains("whsec_"), "{listed}");
    wait_for("the last is noted", PATIENCE, || {
        let (_, listed, _) = hooks(&data, &["list"]);
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        (listed["cursor"] == 40 && listed["waiting"] == 0).then_some(())
    });
    let (code, _, complaint) = hooks(&data, &["remove", "bank"]);
    assert_eq!(code, 0, "{complaint}");
    let (status, _) = act(&daemon, UNIT, "records", fine("r99", "2020-05-06"));
    assert_eq!(status, 200);
    let before = receiver.asked();
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    assert_eq!(receiver.asked(), before, "who was removed is told no more");
}

#[test]
fn hooks_are_refused_with_what_would_be_right() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    drop(Daemon::start(&data, &[]));
    let codes = folder.path().join("codes.txt");
    std::fs::write(&codes, format!("{UNIT}\n\n{UNIT}X\n")).expect("written");
    let receiver = Receiver::start(Manner::Moved);
    let (url, codes) = (receiver.url(), text(&codes));
    let check = |allowed: bool, line: &str, code: i32, expected: &str| {
        let line = line.replace("URL", &url).replace("CODES", codes);
        let args: Vec<&str> = line.split(' ').collect();
        let settings: &[(&str, &str)] = if allowed { &[ALLOWED] } else { &[] };
        let (ended, said, complaint) = hooks_with(&data, &args, settings);
        let all = format!("{said}{complaint}");
        assert!(
            ended == code && all.contains(expected),
            "{line}: {ended}: {all}"
        );
    };
    let good = "add https://bank.example/hook --name";
    for (line, expected) in [
        (
            "add URL --name a".to_owned(),
            "an address with https:// is expected",
        ),
        (
            "add https://10.0.0.1/ --name a".to_owned(),
            "a private network; such are refused",
        ),
        (
            "add nowhere --name a".to_owned(),
            "no address such as https://",
        ),
        (format!("{good} Bank"), "\"Bank\" is no name"),
        (format!("{good} ../a"), "is no name"),
        (
            format!("{good} a --after 1"),
            "--after 1 is beyond the last change, 0",
        ),
        (format!("{good} a --subjects CODES"), "codes.txt:3: "),
        ("test a".to_owned(), "there is no hook \"a\""),
    ] {
        check(false, &line, 2, expected);
    }
    check(true, "add URL --name a", 0, "\"secret\":\"whsec_");
    check(
        false,
        &format!("{good} a"),
        2,
        "there is a hook \"a\" already",
    );
    check(true, "test a", 1, "redirects are not followed");
    check(false, "test a", 1, "https:// is expected");
    // A name that leads to this host is found out when it is connected to.
    check(false, "add https://localhost:1/ --name b", 0, "whsec_");
    check(
        false,
        "test b",
        1,
        "localhost leads to private addresses alone",
    );
    receiver.behave(Manner::Well);
    let (_, added, _) = hooks(&data, &["add", &url, "--name", "c"]);
    let added: Value = serde_json::from_str(&added).expect("JSON");
    receiver.trust(HookSecret::parse(added["secret"].as_str().expect("a secret")).expect("one"));
    check(true, "test c", 0, " arrived");
    assert_eq!(receiver.taken()[0].body["op"], "test");
    assert_eq!(receiver.asked(), 2, "the redirect was followed");
}
