//! Who may do what: every path with every role by real requests, tokens from their making to their end, mandates.

mod attacks;
mod audit;
mod certified;
mod forms;
mod hooks;
mod office;
mod parts;
mod persons;
mod proxied;
mod secrets;
mod sessions;
mod times;
mod views;

use std::path::Path;

use skytier::adapters::http::guard::table::TABLE;
use skytier::adapters::http::guard::table::Who;
use skytier::domain::access::Role;

use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::Reply;
use crate::support::fails;
use crate::support::fetch;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;
use crate::support::wait_for;

/// A unit of the seeds, and another.
const UNIT: &str = "91999999MA1X00017B";
const OTHER: &str = "91999999MA1X000256";

/// Makes a token beside or without a daemon; its text.
pub(crate) fn token(data: &Path, name: &str, role: &str) -> String {
    let mut args = vec![
        "tokens",
        "add",
        "--data",
        text(data),
        "--name",
        name,
        "--role",
        role,
    ];
    if role == "enterprise" {
        args.extend(["--subject", UNIT]);
    }
    run(&args).trim_end().to_owned()
}

/// Asks with a token.
pub(crate) fn ask(site: &str, method: &str, path: &str, token: Option<&str>, body: &str) -> Reply {
    let url = format!("{site}{path}");
    let mut request = ureq::http::Request::builder().method(method).uri(&url);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if method != "GET" {
        request = request.header("content-type", "application/json");
    }
    let body = if method == "GET" { "" } else { body };
    let request = request.body(body.to_owned()).expect("a request");
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0);
    let agent: ureq::Agent = agent.build().into();
    let answered = agent
        .run(request)
        .unwrap_or_else(|fault| panic!("{url}: {fault}"));
    let kind = answered.headers().get("content-type");
    if kind.is_some_and(|kind| kind == "text/event-stream") {
        // It has no end.
        return Reply {
            status: answered.status().as_u16(),
            kind: "text/event-stream".to_owned(),
            text: String::new(),
        };
    }
    Reply::of(answered)
}

/// A path of the table with its parts filled in; what nobody has, where there is a choice, so that nothing is changed.
fn filled(template: &str) -> String {
    let parts = [
        ("{uscc}", UNIT),
        ("{id}", "0"),
        ("{table}", "none"),
        ("{file}", "none"),
        ("{period}", "none"),
        ("{act}", "none"),
    ];
    parts
        .iter()
        .fold(template.to_owned(), |path, (name, value)| {
            path.replace(name, value)
        })
}

#[test]
fn every_role_gets_what_the_table_says_and_nothing_else() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let tokens: Vec<(Role, String)> = Role::ALL
        .into_iter()
        .map(|role| (role, token(&data, role.key(), role.key())))
        .collect();
    let mandate = format!("mandates add --bank bank --document L1 --from 2026-01-01 {UNIT}");
    run(&words(&data, &mandate));
    let daemon = Daemon::start(&data, &[]);
    let mut asked = 0;
    for (method, template, who) in TABLE {
        let path = filled(template);
        let bare = ask(&daemon.http, method, &path, None, "{}").status;
        assert_eq!(
            bare == 401,
            *who != Who::Anyone,
            "{method} {path} without a token: {bare}"
        );
        for (role, token) in &tokens {
            let got = ask(&daemon.http, method, &path, Some(token), "{}");
            let refused = got.status == 403;
            assert_eq!(
                refused,
                !who.has(*role),
                "{method} {path} as {}: {}",
                role.key(),
                got.status
            );
            // A row of a path that the router has not would answer so.
            assert!(
                got.status != 405 && !got.text.contains("no such path"),
                "{method} {path}: {}",
                got.text
            );
            assert_ne!(got.status, 401, "{method} {path} as {}", role.key());
            asked += 1;
        }
    }
    assert!(asked >= 500, "{asked}");
    for path in ["/v1/nothing", "/v1/enterprises/x/tier/y"] {
        assert_eq!(fetch(&format!("{}{path}", daemon.http)).status, 404);
    }
}

/// What no change of the table may bring about.
#[test]
fn the_table_keeps_its_laws() {
    let outside = [Role::Public, Role::Station, Role::Bank];
    for (method, path, who) in TABLE {
        let roles = |roles: &[Role]| roles.iter().any(|role| who.has(*role));
        // Looking up, and having one's own look-up stamped, alter nothing that anybody is told.
        let asks = ["/v1/tiers/lookup", "/v1/lookups/{id}/timestamp"].contains(path);
        if *method != "GET" && !asks && *who != Who::Anyone {
            assert!(
                !roles(&outside) && (!roles(&[Role::Auditor]) || path.ends_with("/openings")),
                "{method} {path} changes something"
            );
        }
        let inner = [
            "what-if",
            "disagreements",
            "reviews",
            "dead-letters",
            "registry",
            "audit",
            "restatements",
        ];
        if inner.iter().any(|part| path.contains(part)) {
            assert!(!roles(&outside), "{method} {path} is for the inside");
        }
        if *who == Who::Anyone {
            assert!(
                *method == "GET" || path.starts_with("/log") || *path == "/setup",
                "{method} {path}"
            );
        }
    }
}

#[test]
fn a_token_lives_from_its_making_to_its_end() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let stations = |token: Option<&str>| ask(&daemon.http, "GET", "/v1/stations", token, "").status;
    assert_eq!(stations(None), 200, "open before anybody was given access");
    let own = token(&data, "Li Na", "bureau");
    wait_for("the daemon closes", PATIENCE, || {
        (stations(None) == 401).then_some(())
    });
    assert_eq!(stations(Some(&own)), 200);
    let id = own.split('_').nth(1).expect("an identifier").to_owned();
    for wrong in [
        "",
        "sky_",
        "x",
        &own[..own.len() - 1],
        &format!("{own}a"),
        &own.replace(&id, "000000000000"),
    ] {
        let got = ask(&daemon.http, "GET", "/v1/stations", Some(wrong), "");
        assert_eq!(got.status, 401, "{wrong}");
        assert!(
            got.text.contains("urn:skytier:problem:unauthorized"),
            "{}",
            got.text
        );
        assert!(
            !got.text.contains(&own) && !got.text.contains("revoked"),
            "{}",
            got.text
        );
    }
    assert_eq!(fetch(&format!("{}/healthz", daemon.http)).status, 200);
    let listed = || run(&["tokens", "list", "--data", text(&data), "--format", "json"]);
    let line: serde_json::Value = serde_json::from_str(listed().trim_end()).expect("a line");
    assert_eq!(
        (&line["id"], &line["state"]),
        (&id.as_str().into(), &"valid".into())
    );
    run(&["tokens", "revoke", "--data", text(&data), &id]);
    wait_for("it is worth nothing", PATIENCE, || {
        (stations(Some(&own)) == 401).then_some(())
    });
    assert!(run(&["tokens", "revoke", "--data", text(&data), &id]).contains("already"));
    assert_eq!(stations(None), 401, "a daemon that was closed stays so");
    assert!(!daemon.log().contains(&own), "the log holds no token");
    daemon.stop("TERM");
    assert!(listed().contains("\"last_used_at\":\"20"), "{}", listed());
    for file in std::fs::read_dir(&data).expect("a folder") {
        let path = file.expect("an entry").path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        let held = bytes.windows(own.len()).any(|part| part == own.as_bytes());
        assert!(!held, "{} holds a token", path.display());
    }
    let daemon = Daemon::start(&data, &[]);
    assert_eq!(fetch(&format!("{}/v1/stations", daemon.http)).status, 401);
}

#[test]
fn an_enterprise_asks_about_itself_alone() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let own = token(&data, "Example", "enterprise");
    let daemon = Daemon::start(&data, &[]);
    for (path, expected) in [
        (format!("/v1/enterprises/{UNIT}/tier"), 200),
        (format!("/v1/enterprises/{UNIT}/records"), 200),
        (format!("/enterprises/{UNIT}"), 200),
        (format!("/v1/enterprises/{OTHER}/tier"), 403),
        (format!("/v1/enterprises/{OTHER}/records"), 403),
        (format!("/enterprises/{OTHER}"), 403),
        (format!("/v1/enterprises/{UNIT}%2F..%2F{OTHER}/tier"), 403),
    ] {
        assert_eq!(
            ask(&daemon.http, "GET", &path, Some(&own), "").status,
            expected,
            "{path}"
        );
    }
}

/// A line of arguments over a data directory.
fn words<'a>(data: &'a Path, line: &'a str) -> Vec<&'a str> {
    let mut args: Vec<&str> = line.split_whitespace().collect();
    args.extend(["--data", text(data)]);
    args
}

#[test]
fn what_cannot_be_made_says_why() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    token(&data, "icbc", "bank");
    let of_unit = format!("tokens add --name x --role bank --subject {UNIT}");
    let backwards = "mandates add --bank icbc --document L1 --from 2026-02-01 --until 2026-01-01";
    let backwards = format!("{backwards} {UNIT}");
    let no_bank = format!("mandates add --bank li --document L1 --from 2026-02-01 {UNIT}");
    run(&words(&data, "tokens add --name li --role bureau"));
    for (line, said) in [
        ("tokens add --name x --role root", "there are public"),
        ("tokens add --name x --role enterprise", "needs its code"),
        (&of_unit, "only an enterprise has"),
        ("tokens add --name icbc --role bureau", "has the role bank"),
        ("tokens add --name x --role bank --days 0", "--days"),
        (
            "tokens add --name x\u{7} --role bank",
            "name: 1 to 64 printable",
        ),
        ("tokens revoke 0123", "no token 0123"),
        (&backwards, "before from"),
        (&no_bank, "has the role bureau"),
        ("mandates end 7 --on 2026-01-01", "no mandate 7"),
    ] {
        let (code, complaint) = fails(&words(&data, line));
        assert_eq!(code, 2, "{line}: {complaint}");
        assert!(complaint.contains(said), "{line}: {complaint}");
    }
    let listed = run(&words(&data, "mandates list --format json"));
    assert_eq!(listed, "", "nothing was entered");
}

#[test]
fn mandates_are_entered_listed_and_ended() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let line = "mandates add --bank icbc --document L1 --from 2026-01-01 --until 2026-02-01";
    let line = format!("{line} {UNIT} {OTHER}");
    assert_eq!(run(&words(&data, &line)), "1\n2\n");
    run(&words(&data, "mandates end 1 --on 2026-01-15"));
    let listed = run(&words(&data, "mandates list --bank icbc --format json"));
    let untils = ["2026-01-15", "2026-02-01"];
    for (line, until) in listed.lines().zip(untils) {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let told = (&line["until"], &line["document"]);
        assert_eq!(told, (&until.into(), &"L1".into()), "{listed}");
    }
    assert_eq!(listed.lines().count(), 2);
    let again = fails(&words(&data, "mandates end 1 --on 2026-01-20"));
    assert!(again.0 == 2 && again.1.contains("already"), "{}", again.1);
}

#[test]
fn a_daemon_without_access_control_listens_on_loopback_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let serve = || {
        let everywhere = ("SKYTIER__HTTP__LISTEN", "0.0.0.0:0");
        let plain = ("SKYTIER__HTTP__ALLOW_PLAIN", "true");
        let mut command = crate::support::serve(&data, &[everywhere, plain]);
        crate::support::failed(&command.output().expect("the program starts"))
    };
    let (code, complaint) = serve();
    assert_eq!(code, 2, "{complaint}");
    for said in ["http.listen", "skytier tokens add", "access.required"] {
        assert!(complaint.contains(said), "{said}: {complaint}");
    }
    let daemon = Daemon::start(&data, &[("SKYTIER__ACCESS__REQUIRED", "true")]);
    assert_eq!(fetch(&format!("{}/v1/stations", daemon.http)).status, 401);
    assert_eq!(fetch(&format!("{}/healthz", daemon.http)).status, 200);
}
