//! What other sites can do with somebody's session: nothing, on every path of the table that changes something; and where
//! answers lead.

use skytier::adapters::access::Access;
use skytier::adapters::http::guard::table::TABLE;
use skytier::adapters::http::guard::table::Who;
use skytier::domain::access::Role;

use crate::access::filled;
use crate::access::persons::Browser;
use crate::access::persons::FORM;
use crate::access::persons::JSON;
use crate::access::persons::PASSWORD;
use crate::access::persons::user;
use crate::support::Daemon;
use crate::support::seeded;

/// Roles that together may use every path there is.
const ROLES: [Role; 6] = [
    Role::Bureau,
    Role::County,
    Role::Administrator,
    Role::Auditor,
    Role::Operator,
    Role::Bank,
];

/// What a request of somebody's session has not, or has from elsewhere.
fn forgeries<'a>(own: (&'a str, &'a str), key: &'a str) -> Vec<Vec<(&'a str, &'a str)>> {
    let with_key = ("x-skytier-form", key);
    vec![
        vec![JSON, own],
        vec![JSON],
        vec![JSON, own, ("x-skytier-form", "guessed")],
        vec![JSON, own, ("x-skytier-form", "")],
        vec![JSON, with_key, ("origin", "http://evil.example")],
        vec![JSON, with_key, ("origin", "null")],
        vec![JSON, own, with_key, ("sec-fetch-site", "cross-site")],
        vec![FORM, own],
        vec![FORM],
        vec![FORM, with_key, ("origin", "http://evil.example")],
        vec![("content-type", "text/plain"), own],
        vec![("content-type", "multipart/form-data; boundary=x"), own],
    ]
}

/// A session of each role with the key of its forms.
fn sessions(site: &str) -> Vec<(Role, Browser<'_>, String)> {
    let begun = ROLES.into_iter().map(|role| {
        let mut browser = Browser::new(site);
        assert_eq!(browser.log_in(role.key(), PASSWORD).status, 303);
        let key = browser.form_key();
        (role, browser, key)
    });
    begun.collect()
}

#[test]
fn no_other_site_changes_anything_by_a_session() {
    let (_folder, data) = seeded(&["jiangyin"]);
    for role in ROLES {
        user(&data, role.key(), role.key());
    }
    let daemon = Daemon::start(&data, &[]);
    let site = daemon.http.as_str();
    let sessions = sessions(site);
    let own = ("origin", site);
    let mut asked = 0;
    for (method, template, who) in TABLE {
        // A login and the first code are of no session; what they are is another test's.
        // The last row answers that there is no such act.
        if *method == "GET"
            || ["/login", "/setup"].contains(template)
            || template.ends_with("{act}")
        {
            continue;
        }
        let path = filled(template);
        let fits = |(role, ..): &&(Role, Browser<'_>, String)| who.has(*role);
        let (_, browser, key) = sessions
            .iter()
            .find(fits)
            .unwrap_or_else(|| panic!("{path}: nobody may"));
        for head in forgeries(own, key) {
            let body = if head.contains(&FORM) {
                "do=add&form_key=guessed"
            } else {
                "{}"
            };
            let got = browser.ask(method, &path, &head, body);
            assert!(
                [403, 415].contains(&got.status),
                "{path} {head:?}: {} {}",
                got.status,
                got.text
            );
            asked += 1;
        }
    }
    assert!(asked >= 300, "{asked}");
    assert!(
        TABLE
            .iter()
            .any(|(_, path, who)| *path == "/logout" && *who == Who::Anyone)
    );
    for (role, browser, _) in &sessions {
        assert_eq!(
            browser.get("/v1/whoami").status,
            200,
            "{} was not logged out",
            role.key()
        );
    }
    daemon.stop("TERM");
    let access = Access::existing(&data).expect("readable").expect("there");
    let acts = access.acts(0).expect("readable");
    let done: Vec<&str> = acts
        .iter()
        .map(|(_, act)| act.what.as_str())
        .filter(|what| !["login", "user.add"].contains(what))
        .collect();
    assert!(done.is_empty(), "nothing was done: {done:?}");
}

#[test]
fn no_answer_leads_to_another_site() {
    let (_folder, data) = seeded(&["jiangyin"]);
    user(&data, "administrator", "administrator");
    let daemon = Daemon::start(&data, &[]);
    let site = daemon.http.as_str();
    let mut browser = Browser::new(site);
    let evil = "http%3A%2F%2Fevil.example";
    let fields = [
        ("name", "administrator"),
        ("password", PASSWORD),
        ("next", "http://evil.example"),
        ("lang", "//evil.example"),
    ];
    let begun = browser.form("/login", &fields);
    assert_eq!((begun.status, begun.location.as_str()), (303, "/"));
    for path in [
        format!("/login?next={evil}"),
        format!("/login?lang={evil}"),
        "//evil.example/..".to_owned(),
        "/%2F%2Fevil.example".to_owned(),
        "/\\evil.example".to_owned(),
        format!("/?year=2020&lang={evil}"),
        "/?year=2020&area=%0d%0alocation:%20http://evil.example".to_owned(),
        "//evil.example/%2e%2e?year=2020".to_owned(),
    ] {
        let got = browser.get(&path);
        let own = got.location.is_empty()
            || got.location.starts_with('/') && !got.location.starts_with("//");
        assert!(
            own && !got.location.contains(['\r', '\n', '\\']),
            "{path}: {}",
            got.location
        );
    }
    assert_eq!(browser.log_in("administrator", PASSWORD).status, 303);
    let key = browser.form_key();
    let fields = [
        ("do", "add"),
        ("bank", "icbc"),
        ("subjects", crate::access::UNIT),
        ("document", "L1"),
        ("from", "2026-01-05"),
        ("lang", "en\r\nlocation: http://evil.example"),
        ("form_key", key.as_str()),
    ];
    let got = browser.form("/mandates", &fields);
    assert_eq!(
        (got.status, got.location.as_str()),
        (303, "/mandates?lang=zh")
    );
    // Names of files of downloads are made of what was asked for, which is looked at first.
    for file in [
        "2020-06-30.jsonl%0d%0aset-cookie:%20x=1",
        "2020-06-30.jsonl%22;x=%22",
        "..%2f2020-06-30.jsonl",
        "2020-06-30.exe",
    ] {
        let got = browser.get(&format!("/v1/snapshots/{file}"));
        assert!(
            (400..500).contains(&got.status) && got.cookie.is_none(),
            "{file}: {}",
            got.status
        );
    }
}
