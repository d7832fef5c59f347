//! The page of subscribers to changes, as an administrator uses it without scripts: one is entered, held up, tried again, told of
//! everything, and removed.

use serde_json::Value;
use skytier::adapters::webhooks::HookSecret;

use crate::access::office::inside;
use crate::access::office::secret;
use crate::access::office::send;
use crate::access::persons::Browser;
use crate::access::persons::user;
use crate::credit::hooks::receiver::Manner;
use crate::credit::hooks::receiver::Receiver;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;
use crate::support::wait_for;

const PATH: &str = "/webhooks";

/// The page in English, once it says something.
fn once(browser: &Browser<'_>, said: &str) -> String {
    wait_for(said, PATIENCE, || {
        let page = browser.get("/webhooks?lang=en").text;
        page.contains(said).then_some(page)
    })
}

/// What cannot be is told, and nothing is entered.
fn refuses(admin: &Browser<'_>) {
    let add = [
        ("do", "add"),
        ("name", "other"),
        ("url", "https://bank.example/h"),
    ];
    let with = |name: &'static str, value: &'static str| {
        let mut fields: Vec<_> = add.into_iter().filter(|(own, _)| *own != name).collect();
        fields.push((name, value));
        fields
    };
    for (fields, said) in [
        (with("name", "Bank 7"), "is no name"),
        (with("name", "bank-7"), "there is a hook"),
        (
            with("url", "ftp://bank.example"),
            "an address with https:// is expected",
        ),
        (with("subjects", "91999999MA1ABCDE8H"), "GB 32100"),
        (with("after", "999999"), "a number from 0 to"),
        (with("do", "grant"), "none of this page"),
        (vec![("do", "retry"), ("id", "nobody")], "there is no hook"),
        (vec![("do", "remove"), ("id", "../x")], "is no name"),
    ] {
        let got = send(admin, PATH, &fields);
        assert_eq!(got.status, 400, "{fields:?}");
        assert!(got.text.contains(said), "{said}: {}", got.text);
    }
    assert!(!admin.get(PATH).text.contains("other"));
}

#[test]
fn a_subscriber_is_entered_followed_and_removed_on_its_page() {
    let (_folder, data) = seeded(&["jiangyin"]);
    for role in ["administrator", "auditor", "bureau"] {
        user(&data, role, role);
    }
    let daemon = Daemon::start(&data, &[("SKYTIER__WEBHOOKS__ALLOW_PRIVATE", "true")]);
    let site = daemon.http.as_str();
    let admin = inside(site, "administrator");
    let receiver = Receiver::start(Manner::Busy);
    let url = receiver.url();
    let add = [
        ("do", "add"),
        ("name", "bank-7"),
        ("url", &url),
        ("after", "0"),
    ];
    let made = secret(&send(&admin, PATH, &add));
    receiver.trust(HookSecret::parse(&made).expect("a secret"));
    let page = once(&admin, "HTTP 503");
    assert!(
        page.contains("held up") && page.contains("bank-7"),
        "{page}"
    );
    assert!(
        !page.contains(&made) && !page.contains("key=1"),
        "nothing secret"
    );
    refuses(&admin);
    receiver.behave(Manner::Well);
    assert_eq!(
        send(&admin, PATH, &[("do", "retry"), ("id", "bank-7")]).status,
        303
    );
    let changes: Value =
        serde_json::from_str(&admin.get("/v1/changes?limit=1").text).expect("JSON");
    let head = changes["head"].as_u64().expect("a number");
    let page = once(&admin, &format!("#{head}"));
    assert_eq!(receiver.taken().len() as u64, head, "each once");
    assert!(
        page.contains("✓ well") && page.contains("\"Last delivered\">20"),
        "{page}"
    );
    let listed = run(&["webhooks", "list", "--data", text(&data)]);
    assert!(
        listed.contains("\"waiting\":0") && listed.contains("\"arrived_at\":\"20"),
        "{listed}"
    );
    others_do_not(site);
    assert_eq!(
        send(&admin, PATH, &[("do", "remove"), ("id", "bank-7")]).status,
        303
    );
    assert!(!admin.get(PATH).text.contains("bank-7"));
    let log = admin.get("/v1/audit?who=administrator").text;
    let log: Value = serde_json::from_str(&log).expect("JSON");
    let acts = log["acts"].as_array().expect("a list").iter();
    let acts = acts.filter_map(|act| act["what"].as_str());
    let mut acts: Vec<&str> = acts.filter(|act| act.starts_with("webhooks")).collect();
    acts.sort_unstable();
    assert_eq!(acts, ["webhooks add", "webhooks remove", "webhooks retry"]);
}

/// An auditor reads it and finds no form; an officer of the bureau has nothing to do with it.
fn others_do_not(site: &str) {
    let auditor = inside(site, "auditor");
    let read = auditor.get("/webhooks?lang=zh").text;
    assert!(
        read.contains("bank-7") && !read.contains("name=\"do\""),
        "{read}"
    );
    let remove = [("do", "remove"), ("id", "bank-7")];
    assert_eq!(send(&auditor, PATH, &remove).status, 403);
    assert!(auditor.get("/").text.contains("href=\"/webhooks"), "a link");
    let officer = inside(site, "bureau");
    assert_eq!(officer.get(PATH).status, 403);
    assert!(
        !officer.get("/").text.contains("href=\"/webhooks"),
        "no link"
    );
}
