//! Behind a reverse proxy: limits, waits and cookies are of whoever asks the proxy, and of callers by their names.

use crate::access::persons::Browser;
use crate::access::persons::PASSWORD;
use crate::access::persons::user;
use crate::access::token;
use crate::support::Daemon;
use crate::support::seeded;

/// A browser's request that came to the proxy from an address.
fn from(browser: &Browser<'_>, address: &str) -> (u16, bool, bool) {
    let head = [("x-forwarded-for", address)];
    let page = browser.ask("GET", "/healthz", &head, "");
    (page.status, page.wait.is_some(), page.marked)
}

#[test]
fn whoever_stands_behind_a_proxy_that_is_believed_is_held_to_limits_alone() {
    let (_folder, data) = seeded(&["jiangyin"]);
    user(&data, "li", "bureau");
    user(&data, "wu", "county");
    let daemon = Daemon::start(
        &data,
        &[
            ("SKYTIER__HTTP__TRUSTED_PROXIES", "127.0.0.1"),
            ("SKYTIER__HTTP__LIMITS__REQUESTS_PER_S", "1"),
        ],
    );
    let browser = Browser::new(&daemon.http);
    let told: Vec<_> = (0..30)
        .map(|_| from(&browser, "203.0.113.7"))
        .find(|(status, ..)| *status != 200)
        .into_iter()
        .collect();
    assert_eq!(
        told,
        [(429, true, true)],
        "with a time to come back, and marked as all answers are"
    );
    assert_eq!(from(&browser, "203.0.113.8").0, 200, "another address");
    // What a client wrote itself stands before what the proxy wrote.
    assert_eq!(from(&browser, "203.0.113.9, 203.0.113.7").0, 429);
    // Failures of one address make another's first visitor wait for nothing, and the address itself waits.
    let guess = |name: &str, address: &str, password: &str| {
        let head = [
            crate::access::persons::FORM,
            ("origin", daemon.http.as_str()),
            ("x-forwarded-for", address),
            ("x-forwarded-proto", "https"),
        ];
        let fields = [("name", name), ("password", password)];
        let body = crate::access::persons::encoded(&fields);
        browser.ask("POST", "/login", &head, &body)
    };
    let statuses: Vec<u16> = (0..8)
        .map(|at| guess(&format!("nobody{at}"), "203.0.113.20", "guess at it").status)
        .collect();
    assert!(statuses.contains(&429), "by address: {statuses:?}");
    let begun = guess("li", "203.0.113.21", PASSWORD);
    assert_eq!(begun.status, 303, "{}", begun.text);
    let cookie = begun.cookie.expect("a cookie");
    assert!(cookie.ends_with("; Secure"), "it came by TLS: {cookie}");
    daemon.stop("TERM");
    let access = skytier::adapters::access::Access::existing(&data)
        .expect("readable")
        .expect("there");
    let acts = access.acts(0).expect("readable");
    let failed = |address: &str| {
        let of = |act: &skytier::domain::access::Act| {
            act.what == "login.failed" && act.address.as_deref() == Some(address)
        };
        acts.iter().any(|(_, act)| of(act))
    };
    assert!(failed("203.0.113.20") && !failed("127.0.0.1"), "{acts:?}");
}

#[test]
fn nobody_else_is_believed() {
    let (_folder, data) = seeded(&["jiangyin"]);
    user(&data, "li", "bureau");
    let daemon = Daemon::start(
        &data,
        &[
            ("SKYTIER__HTTP__LIMITS__REQUESTS_PER_S", "1"),
            ("SKYTIER__HTTP__LIMITS__LOOPBACK", "true"),
        ],
    );
    let browser = Browser::new(&daemon.http);
    // Another address each time, if it were believed.
    let asked = (0..30).map(|at| from(&browser, &format!("203.0.113.{at}")).0);
    assert!(asked.into_iter().any(|status| status == 429));
}

#[test]
fn a_token_is_held_to_a_limit_of_its_own() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let (one, other) = (token(&data, "icbc", "bank"), token(&data, "abc", "bank"));
    let again = token(&data, "icbc", "bank");
    let daemon = Daemon::start(
        &data,
        &[("SKYTIER__HTTP__LIMITS__CALLER_REQUESTS_PER_S", "1")],
    );
    let browser = Browser::new(&daemon.http);
    let ask = |token: &str| {
        let bearer = format!("Bearer {token}");
        let head = [("authorization", bearer.as_str())];
        let page = browser.ask("GET", "/v1/whoami", &head, "");
        (page.status, page.wait.is_some(), page.marked)
    };
    let refused = (0..30)
        .map(|_| ask(&one))
        .find(|(status, ..)| *status != 200);
    assert_eq!(refused, Some((429, true, true)));
    assert_eq!(ask(&again).0, 429, "another token of the same name");
    assert_eq!(ask(&other).0, 200, "another name");
    assert_eq!(browser.get("/healthz").status, 200, "nobody in particular");
}
