//! The pages of whoever gives access, as an administrator and an auditor use them, without scripts.

use serde_json::Value;

use crate::access::UNIT;
use crate::access::ask;
use crate::access::persons::Browser;
use crate::access::persons::PASSWORD;
use crate::access::persons::Page;
use crate::access::persons::user;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::seeded;
use crate::support::wait_for;

/// A secret that a page shows once.
pub(super) fn secret(page: &Page) -> String {
    assert_eq!(page.status, 200, "{}", page.text);
    let (_, rest) = page.text.split_once("<code>").expect("a secret");
    let (secret, _) = rest.split_once("</code>").expect("its end");
    secret.to_owned()
}

/// A daemon with a user of each of these roles, who is called as the role.
fn daemon(roles: &[&str]) -> (tempfile::TempDir, Daemon) {
    let (folder, data) = seeded(&["jiangyin"]);
    for role in roles {
        user(&data, role, role);
    }
    let daemon = Daemon::start(&data, &[]);
    (folder, daemon)
}

pub(super) fn inside<'a>(site: &'a str, name: &str) -> Browser<'a> {
    let mut browser = Browser::new(site);
    assert_eq!(browser.log_in(name, PASSWORD).status, 303, "{name}");
    browser
}

/// Sends a form of a page with the key of the session.
pub(super) fn send(browser: &Browser<'_>, path: &str, fields: &[(&str, &str)]) -> Page {
    let key = browser.form_key();
    let all = [fields, &[("form_key", key.as_str())]].concat();
    browser.form(path, &all)
}

/// A token: shown once, good at once, revoked for good.
fn gives_a_token(site: &str, admin: &Browser<'_>) {
    let add = [
        ("do", "add"),
        ("name", "icbc"),
        ("role", "bank"),
        ("days", "90"),
        ("subject", ""),
    ];
    let token = secret(&send(admin, "/tokens", &add));
    let whoami = |token: &str| ask(site, "GET", "/v1/whoami", Some(token), "");
    assert_eq!(whoami(&token).json()["name"], "icbc");
    let listed = admin.get("/tokens?lang=en").text;
    assert!(
        !listed.contains(&token) && listed.contains("icbc"),
        "{listed}"
    );
    let id = token.split('_').nth(1).expect("an identifier");
    assert_eq!(
        send(admin, "/tokens", &[("do", "revoke"), ("id", id)]).status,
        303
    );
    assert_eq!(whoami(&token).status, 401);
    assert!(admin.get("/tokens?lang=en").text.contains("revoked"));
}

/// A user, who can log in until disabled.
fn gives_a_user(site: &str, admin: &Browser<'_>) {
    let add = [
        ("do", "add"),
        ("name", "Zhou"),
        ("role", "county"),
        ("password", PASSWORD),
    ];
    assert_eq!(send(admin, "/users", &add).status, 303);
    let zhou = inside(site, "Zhou");
    assert_eq!(zhou.get("/tokens").status, 403);
    assert_eq!(
        send(admin, "/users", &[("do", "disable"), ("id", "Zhou")]).status,
        303
    );
    assert_eq!(zhou.get("/").status, 303, "the session is over");
    let password = [
        ("do", "password"),
        ("id", "Zhou"),
        ("password", "snow over the Yangtze"),
    ];
    assert_eq!(send(admin, "/users", &password).status, 303);
    assert_eq!(
        send(admin, "/users", &[("do", "enable"), ("id", "Zhou")]).status,
        303
    );
    let mut again = Browser::new(site);
    assert_eq!(again.log_in("Zhou", "snow over the Yangtze").status, 303);
}

/// A device, whose password is shown once, and a mandate.
fn gives_a_device_and_a_mandate(admin: &Browser<'_>) {
    let add = [
        ("do", "add"),
        ("id", "gate"),
        ("stations", "1999A 2000A"),
        ("loggers", ""),
    ];
    assert_eq!(secret(&send(admin, "/devices", &add)).len(), 26);
    assert_eq!(
        send(admin, "/devices", &[("do", "disable"), ("id", "gate")]).status,
        303
    );
    let shown = admin.get("/devices?lang=en").text;
    assert!(
        shown.contains("stations/1999A") && shown.contains("disabled"),
        "{shown}"
    );
    let add = [
        ("do", "add"),
        ("bank", "icbc"),
        ("subjects", UNIT),
        ("document", "Letter 7"),
        ("from", "2026-01-05"),
        ("until", ""),
    ];
    assert_eq!(send(admin, "/mandates", &add).status, 303);
    assert_eq!(
        send(
            admin,
            "/mandates",
            &[("do", "end"), ("id", "1"), ("on", "2026-02-01")]
        )
        .status,
        303
    );
    assert!(admin.get("/mandates").text.contains("2026-02-01"));
}

/// What is refused says why, and nothing is done.
fn refuses(admin: &Browser<'_>) {
    for (path, fields, said) in [
        (
            "/tokens",
            &[
                ("do", "add"),
                ("name", "x"),
                ("role", "root"),
                ("days", "9"),
            ][..],
            "there are public",
        ),
        (
            "/tokens",
            &[
                ("do", "add"),
                ("name", "x"),
                ("role", "bank"),
                ("days", "0"),
            ],
            "days:",
        ),
        (
            "/tokens",
            &[("do", "revoke"), ("id", "0123")],
            "no token 0123",
        ),
        ("/tokens", &[("do", "grant")], "none of this page"),
        (
            "/users",
            &[("do", "disable"), ("id", "administrator")],
            "nobody disables himself",
        ),
        (
            "/users",
            &[
                ("do", "add"),
                ("name", "x"),
                ("role", "county"),
                ("password", "short"),
            ],
            "12 characters",
        ),
        (
            "/devices",
            &[("do", "add"), ("id", "x"), ("stations", "a/b")],
            "stations:",
        ),
        (
            "/mandates",
            &[("do", "end"), ("id", "1"), ("on", "soon")],
            "a date such as",
        ),
    ] {
        let got = send(admin, path, fields);
        assert_eq!(got.status, 400, "{path} {fields:?}");
        assert!(got.text.contains(said), "{said}: {}", got.text);
    }
}

#[test]
fn an_administrator_gives_access_by_forms_and_an_auditor_reads_what_was_given() {
    let (_folder, daemon) = daemon(&["administrator", "auditor"]);
    let site = daemon.http.as_str();
    let admin = inside(site, "administrator");
    gives_a_token(site, &admin);
    gives_a_user(site, &admin);
    gives_a_device_and_a_mandate(&admin);
    refuses(&admin);
    // An auditor reads all of it and finds no form; the log has each act once, by the name.
    let auditor = inside(site, "auditor");
    for path in ["/tokens", "/users", "/devices", "/mandates"] {
        let page = auditor.get(path);
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.text.contains("name=\"do\""), "{path} has a form");
        assert_eq!(send(&auditor, path, &[("do", "add")]).status, 403, "{path}");
    }
    let log: Value =
        serde_json::from_str(&auditor.get("/v1/audit?who=administrator").text).expect("JSON");
    let acts: Vec<&str> = log["acts"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|act| act["what"].as_str())
        .collect();
    let expected = [
        "login",
        "token.add",
        "token.revoke",
        "user.add",
        "user.disable",
        "user.password",
        "user.enable",
        "device.add",
        "device.disable",
        "mandate.add",
        "mandate.end",
    ];
    assert_eq!(acts, expected);
    let page = auditor.get("/audit?lang=en&what=token.&verify=yes").text;
    assert!(
        page.contains("the chain is whole") && page.contains("token.revoke"),
        "{page}"
    );
    assert!(!page.contains("mandate.end"), "only what was searched for");
    let newest = auditor.get("/audit?what=token.").text;
    let (revoked, added) = (newest.find("token.revoke"), newest.find("token.add"));
    assert!(revoked < added, "newest first");
}

#[test]
fn every_page_says_who_is_signed_in_and_leads_where_that_one_may_go() {
    let (_folder, daemon) = daemon(&["administrator", "bureau"]);
    let site = daemon.http.as_str();
    for (name, office) in [("administrator", true), ("bureau", false)] {
        let browser = inside(site, name);
        for path in [
            "/",
            "/calendar",
            "/stations",
            "/data",
            "/enterprises",
            "/tiers",
            "/changes",
            "/login",
        ] {
            for (lang, leave) in [("zh", "退出登录"), ("en", "Log out")] {
                let page = browser.get(&format!("{path}?lang={lang}"));
                assert_eq!(page.status, 200, "{path}");
                assert!(
                    page.text.contains(&format!("class=\"name\">{name}")),
                    "{path}: {name}"
                );
                assert!(page.text.contains(leave), "{path} {lang}");
                let links = page.text.contains("href=\"/tokens?lang=");
                assert_eq!(links, office, "{path} as {name}");
                assert!(!page.text.contains("<!--who-->"), "{path}");
            }
        }
        // The button on a page logs out.
        assert_eq!(send(&browser, "/logout", &[]).status, 303);
        assert_eq!(browser.get("/").status, 303);
        assert!(
            browser
                .get("/login?lang=en")
                .text
                .contains("href=\"/login?lang=en\"")
        );
    }
}

#[test]
fn before_anybody_was_given_access_no_form_gives_it() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let browser = Browser::new(&daemon.http);
    let page = browser.get("/users");
    assert!(
        page.status == 200 && !page.text.contains("name=\"do\""),
        "{}",
        page.text
    );
    assert!(!page.text.contains("/logout"), "nobody is signed in");
    let add = [
        ("do", "add"),
        ("name", "x"),
        ("role", "administrator"),
        ("password", PASSWORD),
    ];
    let got = browser.form("/users", &add);
    assert_eq!(got.status, 403, "{}", got.text);
    wait_for("it is open still", PATIENCE, || {
        (browser.get("/v1/stations").status == 200).then_some(())
    });
}
