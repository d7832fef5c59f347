//! Sessions and tokens in the hands of others: one that was planted is worth nothing, one that ended ended for every browser,
//! and what is wrong with a token cannot be told from its refusal.

use std::collections::BTreeMap;

use crate::access::UNIT;
use crate::access::persons::Browser;
use crate::access::persons::PASSWORD;
use crate::access::persons::told;
use crate::access::persons::user;
use crate::access::token;
use crate::access::words;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::run;
use crate::support::seeded;
use crate::support::wait_for;

/// Whether a cookie is somebody's session.
fn stands(site: &str, cookie: &str) -> bool {
    Browser::with(site, cookie).get("/v1/whoami").status == 200
}

#[test]
fn a_cookie_of_before_the_login_is_worth_nothing_after_it() {
    let (_folder, data) = seeded(&["jiangyin"]);
    user(&data, "li", "bureau");
    user(&data, "mallory", "public");
    let daemon = Daemon::start(&data, &[]);
    let site = daemon.http.as_str();
    let mut attacker = Browser::new(site);
    assert_eq!(attacker.log_in("mallory", PASSWORD).status, 303);
    let own = attacker.shown();
    // Made up, and a true one of somebody else: neither becomes the victim's.
    for planted in ["skytier_session=planted".to_owned(), own.clone()] {
        let mut victim = Browser::with(site, &planted);
        assert_eq!(victim.log_in("li", PASSWORD).status, 303);
        assert_ne!(victim.shown(), planted);
        assert!(stands(site, &victim.shown()));
        assert!(!stands(site, &planted), "{planted}");
    }
    // Two of one name in one head: the planted one does not win over a refusal.
    let twice = format!("skytier_session=planted; {own}");
    assert!(!stands(site, &twice));
    daemon.stop("TERM");
}

#[test]
fn what_ends_a_session_ends_it_at_the_daemon_and_no_other_persons() {
    let (_folder, data) = seeded(&["jiangyin"]);
    for name in ["li", "zhou"] {
        user(&data, name, "bureau");
    }
    let daemon = Daemon::start(&data, &[]);
    let site = daemon.http.as_str();
    let begin = |name: &str| {
        let mut browser = Browser::new(site);
        assert_eq!(browser.log_in(name, PASSWORD).status, 303);
        browser
    };
    let (desk, home, other) = (begin("li"), begin("li"), begin("zhou"));
    let copied = desk.shown();
    // The cookie that somebody copied before is worth nothing after its owner left.
    let key = desk.form_key();
    assert_eq!(desk.form("/logout", &[("form_key", &key)]).status, 303);
    assert!(!stands(site, &copied));
    assert!(stands(site, &home.shown()), "another browser's stays");
    let again = begin("li");
    let passwd = told(&data, "users passwd li", "snow over the Yangtze");
    assert_eq!(passwd.0, Some(0));
    for browser in [&home, &again] {
        wait_for("another password ends all of them", PATIENCE, || {
            (!stands(site, &browser.shown())).then_some(())
        });
    }
    assert!(stands(site, &other.shown()), "and nobody else's");
    assert_eq!(Browser::new(site).log_in("li", PASSWORD).status, 401);
    daemon.stop("TERM");
}

/// All of an answer but what is another one each time.
fn refusal(site: &str, shown: &str) -> (u16, BTreeMap<String, String>, String) {
    let request = ureq::get(format!("{site}/v1/enterprises/{UNIT}/tier"));
    let request = request.header("authorization", format!("Bearer {shown}"));
    let asked = request.config().http_status_as_error(false).build().call();
    let mut answer = asked.expect("an answer");
    let heads = answer.headers().iter();
    let heads = heads.filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
    let heads = heads.map(|(name, value)| {
        let value = value.to_str().expect("text");
        (name.to_string(), value.to_owned())
    });
    let heads = heads.collect();
    let text = answer.body_mut().read_to_string().expect("text");
    (answer.status().as_u16(), heads, text)
}

/// Whoever guesses learns nothing from one refusal that another does not say: not that the first part of a token is somebody's,
/// not that it once stood. The rest is a digest compared in constant time, after the same work for a part that is nobody's.
#[test]
fn no_wrong_token_is_answered_otherwise_than_another() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let own = token(&data, "icbc", "bank");
    let gone = token(&data, "old", "bank");
    let gone_id = gone.split('_').nth(1).expect("an identifier").to_owned();
    run(&words(&data, &format!("tokens revoke {gone_id}")));
    let daemon = Daemon::start(&data, &[]);
    let site = daemon.http.as_str();
    assert_eq!(refusal(site, &own).0, 200);
    let (id, secret) = own["sky_".len()..].split_once('_').expect("two parts");
    let first = if secret.starts_with('A') { 'B' } else { 'A' };
    let last = if secret.ends_with('A') { 'E' } else { 'A' };
    let (rest, but_last) = (&secret[1..], &secret[..secret.len() - 1]);
    let expected = refusal(site, "");
    assert_eq!(expected.0, 401);
    for (what, shown) in [
        ("no token", "x".to_owned()),
        ("nobody's identifier", format!("sky_000000000000_{secret}")),
        ("a wrong first letter", format!("sky_{id}_{first}{rest}")),
        ("a wrong last letter", format!("sky_{id}_{but_last}{last}")),
        ("too short", format!("sky_{id}_{but_last}")),
        ("too long", format!("{own}A")),
        ("nothing behind it", format!("sky_{id}_")),
        ("another's secret", format!("sky_{gone_id}_{secret}")),
        ("revoked", gone.clone()),
        ("another beginning", format!("SKY_{id}_{secret}")),
        ("very long", "sky_".repeat(1_000)),
    ] {
        assert_eq!(refusal(site, &shown), expected, "{what}");
    }
    assert_eq!(refusal(site, &own).0, 200, "its owner goes on");
    daemon.stop("TERM");
    // What happened is in the log, with neither of them.
    let log = run(&words(&data, "audit --what token.refused --format json"));
    assert!(log.contains("token.refused"), "{log}");
    assert!(!log.contains(secret) && !log.contains(&gone), "{log}");
}
