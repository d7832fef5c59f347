//! Persons: the first administrator, logging in and out, what ends a session, and what guessers and other sites get.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::access::OTHER;
use crate::access::UNIT;
use crate::access::token;
use crate::access::words;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::run;
use crate::support::seeded;
use crate::support::serve;
use crate::support::skytier;
use crate::support::wait_for;

pub(super) const PASSWORD: &str = "rain over the Yangtze";

/// An answer with the parts of its head that matter here.
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) cookie: Option<String>,
    pub(super) location: String,
    pub(super) wait: Option<String>,
    pub(super) marked: bool,
    pub(super) text: String,
}

/// A browser that keeps one cookie and sends what browsers send.
pub(super) struct Browser<'a> {
    site: &'a str,
    cookie: Option<String>,
}

impl<'a> Browser<'a> {
    pub(super) fn new(site: &'a str) -> Self {
        Self { site, cookie: None }
    }

    /// One that has a cookie already.
    pub(super) fn with(site: &'a str, cookie: &str) -> Self {
        Self {
            site,
            cookie: Some(cookie.to_owned()),
        }
    }

    /// The cookie it sends.
    pub(super) fn shown(&self) -> String {
        self.cookie.clone().expect("a cookie")
    }

    pub(super) fn ask(&self, method: &str, path: &str, head: &[(&str, &str)], body: &str) -> Page {
        let url = format!("{}{path}", self.site);
        let mut request = ureq::http::Request::builder().method(method).uri(&url);
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", format!("a=1; {cookie}"));
        }
        for (name, value) in head {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_owned()).expect("a request");
        let agent = ureq::Agent::config_builder().http_status_as_error(false);
        let agent: ureq::Agent = agent.max_redirects(0).build().into();
        let mut answered = agent
            .run(request)
            .unwrap_or_else(|fault| panic!("{url}: {fault}"));
        let head = |name: &str| {
            let value = answered.headers().get(name)?;
            Some(value.to_str().expect("text").to_owned())
        };
        Page {
            status: answered.status().as_u16(),
            cookie: head("set-cookie"),
            location: head("location").unwrap_or_default(),
            wait: head("retry-after"),
            marked: head("x-content-type-options").is_some()
                && head("content-security-policy").is_some(),
            text: answered.body_mut().read_to_string().expect("text"),
        }
    }

    pub(super) fn form(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let own = [("origin", self.site), FORM];
        self.ask("POST", path, &own, &encoded(fields))
    }

    pub(super) fn get(&self, path: &str) -> Page {
        self.ask("GET", path, &[("accept", "text/html")], "")
    }

    /// Logs in and keeps the cookie; the answer.
    pub(super) fn log_in(&mut self, name: &str, password: &str) -> Page {
        let page = self.form("/login", &[("name", name), ("password", password)]);
        if let Some(cookie) = &page.cookie {
            self.cookie = cookie.split(';').next().map(str::to_owned);
        }
        page
    }

    pub(super) fn form_key(&self) -> String {
        let who: Value = serde_json::from_str(&self.get("/v1/whoami").text).expect("JSON");
        who["form_key"].as_str().expect("a key").to_owned()
    }
}

pub(super) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub(super) const JSON: (&str, &str) = ("content-type", "application/json");

pub(super) fn encoded(fields: &[(&str, &str)]) -> String {
    let safe = |text: &str| -> String {
        let bytes = text.bytes().map(|byte| format!("%{byte:02X}"));
        bytes.collect()
    };
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", safe(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Runs a command with a line on its standard input; its exit code and what it complained.
pub(super) fn told(data: &Path, line: &str, password: &str) -> (Option<i32>, String) {
    let mut child = skytier(&words(data, line))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("a pipe");
    // One that refuses its arguments reads nothing.
    drop(writeln!(input, "{password}"));
    drop(input);
    let ended = child.wait_with_output().expect("it ends");
    let complaint = String::from_utf8_lossy(&ended.stderr).into_owned();
    (ended.status.code(), complaint)
}

pub(super) fn user(data: &Path, name: &str, role: &str) {
    let line = format!("users add --name {name} --role {role}");
    let (code, complaint) = told(data, &line, PASSWORD);
    assert_eq!(code, Some(0), "{complaint}");
}

#[test]
fn the_first_administrator_is_made_by_the_code_that_was_printed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let printed = folder.path().join("printed");
    let mut command = serve(&data, &[("SKYTIER__ACCESS__REQUIRED", "true")]);
    command.stdout(std::fs::File::create(&printed).expect("a file"));
    let mut child = command.spawn().expect("the program starts");
    let said = wait_for("it says where it is", PATIENCE, || {
        let said = std::fs::read_to_string(&printed).expect("text");
        said.contains("Ctrl-C").then_some(said)
    });
    let line = said
        .lines()
        .find(|line| line.contains("/setup"))
        .expect("a code");
    let code = line.rsplit(' ').next().expect("a code").to_owned();
    let site = line
        .split(' ')
        .find(|word| word.starts_with("http://"))
        .expect("an address");
    let site = site.trim_end_matches("/setup").to_owned();
    let mut browser = Browser::new(&site);
    assert_eq!(browser.get("/").status, 401, "nobody is let in");
    assert!(
        browser
            .get("/setup?lang=en")
            .text
            .contains("First administrator")
    );
    let fields = |code: &str, password: &str| {
        let fields = [("code", code), ("name", "Wu Min"), ("password", password)];
        fields.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let send = |code: &str, password: &str| {
        let fields = fields(code, password);
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        browser.form("/setup", &fields)
    };
    assert_eq!(send("AAAAA-AAAAA-AAAAA-AAAAA", PASSWORD).status, 401);
    assert_eq!(send(&code, "short").status, 400);
    let made = send(&code, PASSWORD);
    assert_eq!(
        (made.status, made.location.as_str()),
        (303, "/"),
        "{}",
        made.text
    );
    assert_eq!(send(&code, PASSWORD).status, 404, "once");
    browser.cookie = made
        .cookie
        .and_then(|cookie| cookie.split(';').next().map(str::to_owned));
    assert_eq!(browser.get("/").status, 200);
    let who: Value = serde_json::from_str(&browser.get("/v1/whoami").text).expect("JSON");
    assert_eq!(
        (&who["name"], &who["role"]),
        (&"Wu Min".into(), &"administrator".into())
    );
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}

#[test]
fn a_session_begins_with_a_login_and_ends_with_what_ends_it() {
    let (_folder, data) = seeded(&["jiangyin"]);
    user(&data, "li", "bureau");
    let daemon = Daemon::start(&data, &[]);
    let mut browser = Browser::new(&daemon.http);
    let away = browser.get("/");
    assert_eq!((away.status, away.location.as_str()), (303, "/login"));
    // A session that somebody else made up or planted is never taken over.
    browser.cookie = Some("skytier_session=planted".to_owned());
    let wrong = browser.log_in("li", "wrong password");
    assert!(wrong.status == 401 && wrong.cookie.is_none() && wrong.text.contains("密码不对"));
    let begun = browser.log_in("li", PASSWORD);
    let cookie = begun.cookie.expect("a cookie");
    for part in [
        "skytier_session=",
        "HttpOnly",
        "SameSite=Lax",
        "Path=/",
        "Max-Age=",
    ] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    assert!(!cookie.contains("planted"));
    assert_eq!(browser.get("/").status, 200);
    let first = browser.cookie.clone();
    browser.log_in("li", PASSWORD);
    assert_ne!(browser.cookie, first, "each login begins a new one");
    let old = Browser {
        site: &daemon.http,
        cookie: first,
    };
    assert_eq!(old.get("/").status, 303, "and ends the one that was shown");
    let key = browser.form_key();
    assert_eq!(
        browser.form("/logout", &[]).status,
        403,
        "only from a page of the session"
    );
    assert_eq!(browser.form("/logout", &[("form_key", &key)]).status, 303);
    assert_eq!(browser.get("/").status, 303);
    browser.log_in("li", PASSWORD);
    assert_eq!(
        told(&data, "users passwd li", "snow over the Yangtze").0,
        Some(0)
    );
    wait_for("another password ends sessions", PATIENCE, || {
        (browser.get("/").status == 303).then_some(())
    });
    browser.log_in("li", "snow over the Yangtze");
    assert_eq!(browser.get("/").status, 200);
    run(&words(&data, "users disable li"));
    wait_for("so does disabling", PATIENCE, || {
        (browser.get("/").status == 303).then_some(())
    });
    assert_eq!(browser.log_in("li", "snow over the Yangtze").status, 401);
    let log = daemon.log();
    assert!(
        !log.contains(PASSWORD) && !log.contains("snow over"),
        "{log}"
    );
}

#[test]
fn pages_of_other_sites_change_nothing() {
    let (_folder, data) = seeded(&["jiangyin"]);
    user(&data, "li", "bureau");
    let daemon = Daemon::start(&data, &[]);
    let mut browser = Browser::new(&daemon.http);
    browser.log_in("li", PASSWORD);
    let key = browser.form_key();
    let path = format!("/v1/enterprises/{UNIT}/records");
    let body = r#"{"id": "x1", "code": "D03", "doc_date": "2026-05-06", "doc_no": "7"}"#;
    let own = ("origin", daemon.http.as_str());
    let with_key = ("x-skytier-form", key.as_str());
    for (head, expected) in [
        (vec![JSON, own], 403),
        (vec![JSON, own, ("x-skytier-form", "guessed")], 403),
        (vec![JSON, with_key, ("origin", "http://evil.example")], 403),
        (vec![JSON, with_key, ("origin", "null")], 403),
        (vec![JSON, with_key, ("sec-fetch-site", "cross-site")], 403),
        (vec![FORM, own], 415),
        (vec![("content-type", "text/plain"), own], 403),
        (vec![JSON, own, with_key], 200),
    ] {
        let got = browser.ask("POST", &path, &head, body);
        assert_eq!(got.status, expected, "{head:?}: {}", got.text);
    }
    let entered = browser.get(&format!("/v1/enterprises/{UNIT}/records"));
    assert!(
        entered.text.contains("\"entered_by\":\"li\""),
        "{}",
        entered.text
    );
}

#[test]
fn an_open_daemon_is_not_reached_through_a_name_of_another_site() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = Daemon::start(&folder.path().join("data"), &[]);
    let browser = Browser::new(&daemon.http);
    let port = daemon.http.rsplit(':').next().expect("a port");
    let evil = format!("evil.example:{port}");
    let origin = format!("http://{evil}");
    for (host, expected) in [(evil.as_str(), 403), ("localhost", 200), ("127.0.0.1", 200)] {
        assert_eq!(
            browser
                .ask("GET", "/v1/stations", &[("host", host)], "")
                .status,
            expected,
            "{host}"
        );
    }
    let head = [("host", evil.as_str()), ("origin", origin.as_str()), JSON];
    let path = format!("/v1/enterprises/{UNIT}/listings");
    assert_eq!(browser.ask("POST", &path, &head, "{}").status, 403);
    let head = [("origin", origin.as_str()), JSON];
    assert_eq!(browser.ask("POST", &path, &head, "{}").status, 403);
}

#[test]
fn guessing_waits_longer_and_longer_and_keeps_nobody_else_out() {
    let (_folder, data) = seeded(&["jiangyin"]);
    user(&data, "li", "bureau");
    user(&data, "zhou", "county");
    let bank = token(&data, "icbc", "bank");
    let daemon = Daemon::start(&data, &[]);
    let mut own = Browser::new(&daemon.http);
    assert_eq!(own.log_in("li", PASSWORD).status, 303);
    let guess = Browser::new(&daemon.http);
    let mut seen = Vec::new();
    // The waits grow to a quarter of an hour, so that one of these comes too soon on any machine.
    for name in [&["<b>wu</b>", "root"][..], &["nobody"; 15]].concat() {
        let got = guess.form("/login", &[("name", name), ("password", "guess at it")]);
        assert!(!got.text.contains("<b>wu"), "{}", got.text);
        assert_eq!(got.wait.is_some(), got.status == 429);
        seen.push(got.status);
        if got.status == 429 {
            break;
        }
    }
    assert!(
        seen.starts_with(&[401; 5]) && seen.contains(&429),
        "{seen:?}"
    );
    // Whoever was never here does not wait for others behind the same proxy of this machine.
    let mut newcomer = Browser::new(&daemon.http);
    assert_eq!(newcomer.log_in("zhou", PASSWORD).status, 303);
    // The owner of an account comes in from where he was before, and sessions and tokens go on.
    assert_eq!(own.log_in("li", PASSWORD).status, 303);
    assert_eq!(own.get("/").status, 200);
    let got = crate::access::ask(&daemon.http, "GET", "/v1/stations", Some(&bank), "");
    assert_eq!(got.status, 200);
    daemon.stop("TERM");
    let access = skytier::adapters::access::Access::existing(&data)
        .expect("readable")
        .expect("there");
    let acts: Vec<_> = access
        .acts(0)
        .expect("readable")
        .into_iter()
        .map(|(_, act)| act)
        .collect();
    let failed: u64 = acts
        .iter()
        .filter(|act| act.what == "login.failed")
        .map(|act| act.count)
        .sum();
    assert!(failed >= 3, "{acts:?}");
    assert!(
        acts.iter()
            .all(|act| !act.about.contains("wu") && !act.detail.contains("guess"))
    );
}

#[test]
fn users_that_cannot_be_made_say_why() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    token(&data, "icbc", "bank");
    user(&data, "li", "bureau");
    for (line, password, said) in [
        (
            "users add --name wu --role bureau",
            "short",
            "12 characters at least",
        ),
        (
            "users add --name wu --role root",
            PASSWORD,
            "there are public",
        ),
        ("users add --name li --role bureau", PASSWORD, "already"),
        (
            "users add --name icbc --role bureau",
            PASSWORD,
            "has the role bank",
        ),
        ("users add --name wu --role enterprise", PASSWORD, "subject"),
        ("users passwd wu", PASSWORD, "no user wu"),
        ("users disable wu", "", "no user wu"),
    ] {
        let (code, complaint) = told(&data, line, password);
        assert_eq!(code, Some(2), "{line}: {complaint}");
        assert!(complaint.contains(said), "{line}: {complaint}");
    }
    let listed = run(&words(&data, "users list --format json"));
    assert!(
        listed.lines().count() == 1 && !listed.contains("argon2"),
        "{listed}"
    );
}

/// A day's forms of one unit's page, with the key of a session.
struct Forms<'a> {
    key: String,
    today: &'a str,
}

impl Forms<'_> {
    fn send(&self, browser: &Browser<'_>, unit: &str, fields: &[(&str, &str)]) -> Page {
        let own = [
            ("form_key", &self.key[..]),
            ("lang", "en"),
            ("date", self.today),
        ];
        let path = format!("/enterprises/{unit}/acts");
        browser.form(&path, &[&own[..], fields].concat())
    }
}

/// What a unit sends itself bears the day it comes.
fn dates_nothing_back(browser: &Browser<'_>, act: &[(&str, &str)]) {
    let past = Forms {
        key: browser.form_key(),
        today: "2020-01-01",
    };
    let dated_back = past.send(browser, UNIT, act);
    assert!(
        dated_back.status == 400 && dated_back.text.contains("is not today"),
        "{} {}",
        dated_back.status,
        dated_back.text
    );
}

/// Today's date, and a directory in which the unit has a warning of today, a user of its own, and a town office.
fn warned() -> (tempfile::TempDir, std::path::PathBuf, String) {
    let (folder, data) = seeded(&["jiangyin"]);
    let today = chrono::Utc::now() + chrono::Duration::hours(8);
    let today = today.date_naive().to_string();
    let line =
        format!("credit act record --subject {UNIT} --by Li id=p1 code=D01 doc_date={today}");
    run(&words(&data, &line));
    let line = format!("users add --name wang --role enterprise --subject {UNIT}");
    assert_eq!(told(&data, &line, PASSWORD).0, Some(0));
    user(&data, "town", "town");
    (folder, data, today)
}

#[test]
fn a_unit_does_what_is_its_own_on_its_page() {
    let (_folder, data, today) = warned();
    let daemon = Daemon::start(&data, &[]);
    let mut unit = Browser::new(&daemon.http);
    unit.log_in("wang", PASSWORD);
    let page = unit.get(&format!("/enterprises/{UNIT}?lang=en")).text;
    for (offered, title) in [
        (true, "Object"),
        (true, "Apply for a repair"),
        (true, "Sign a commitment"),
        (false, "Tell the unit"),
    ] {
        let found = page.contains(&format!("<h3>{title}"));
        assert_eq!(found, offered, "{title}: {page}");
    }
    let forms = |key: String| Forms { key, today: &today };
    let (own, foreign) = (forms(unit.form_key()), forms("another".to_owned()));
    let objection = [
        ("act", "objections"),
        ("id", "p1"),
        ("reason", "it was wrong"),
    ];
    dates_nothing_back(&unit, &objection);
    let unknown = [("act", "objections"), ("id", "p9"), ("reason", "x")];
    let notice = [("act", "notifications"), ("id", "p1"), ("how", "letter")];
    for (unit_of, forms, fields, status) in [
        (UNIT, &foreign, &objection[..], 403),
        (OTHER, &own, &objection[..], 403),
        (UNIT, &own, &notice[..], 403),
        (UNIT, &own, &[("act", "revocations"), ("id", "p1")][..], 400),
        (
            UNIT,
            &own,
            &[("act", "bonuses"), ("id", "c2"), ("code", "B02")][..],
            403,
        ),
        (UNIT, &own, &unknown[..], 409),
        (UNIT, &own, &objection[..], 303),
        (
            UNIT,
            &own,
            &[("act", "bonuses"), ("id", "c1"), ("code", "B01")][..],
            303,
        ),
    ] {
        let answer = forms.send(&unit, unit_of, fields);
        assert_eq!(answer.status, status, "{fields:?}: {}", answer.text);
        let back = answer.location == format!("/enterprises/{UNIT}?lang=en#process");
        assert_eq!(back, status == 303, "{}", answer.location);
    }
    let mut office = Browser::new(&daemon.http);
    office.log_in("town", PASSWORD);
    let sent = forms(office.form_key()).send(&office, UNIT, &notice);
    assert_eq!(sent.status, 303, "{}", sent.text);
    let records = office.get(&format!("/v1/enterprises/{UNIT}/records")).text;
    entered_by_forms(&records, &today);
    drop(daemon);
    let log = run(&words(&data, "audit --format json --what objections"));
    assert!(
        log.contains("\"who\":\"wang\"") && log.contains("by a form"),
        "{log}"
    );
}

fn entered_by_forms(records: &str, today: &str) {
    let records: Value = serde_json::from_str(records).expect("JSON");
    let rows = records["records"].as_array().expect("a list");
    let row = |id: &str| rows.iter().find(|row| row["entered"]["id"] == id);
    let warning = row("p1").expect("the warning");
    let told = (&warning["notice"]["given"], &warning["objection"]["filed"]);
    assert_eq!(told, (&today.into(), &today.into()));
    assert_eq!(
        row("c1").expect("the commitment")["entered"]["entered_by"],
        "wang"
    );
}
