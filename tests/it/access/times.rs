//! What is given for a time ends with it, to the second: tokens, certificates, sessions; and how many sessions one may have.

use skytier::adapters::access::Access;
use skytier::adapters::access::persons::NewPerson;
use skytier::adapters::access::sessions::IDLE_S;
use skytier::adapters::access::sessions::WHOLE_S;
use skytier::adapters::access::tokens::NewToken;
use skytier::adapters::access::tokens::Worthless;
use skytier::domain::access::Act;
use skytier::domain::access::Role;
use skytier::domain::calendar::Instant;

use crate::access::persons::PASSWORD;

/// 2026-12-31T23:59:59+08:00: the last second of a year.
const BEGIN: Instant = Instant::from_unix(1_798_732_799);
const TERM_S: i64 = 86_400;

fn act(what: &str) -> Act {
    Act::at_machine(None, BEGIN, what, "")
}

fn token(name: &str, certificate: Option<&str>) -> NewToken {
    NewToken {
        name: name.to_owned(),
        role: Role::Bank,
        subject: None,
        certificate: certificate.map(str::to_owned),
        expires_at: BEGIN.plus_s(TERM_S),
    }
}

#[test]
fn a_token_and_a_certificate_end_with_their_term_or_when_taken_back() {
    let access = Access::in_memory(true).expect("memory");
    let add = |new| access.add_token(new, BEGIN, |_, _| act("token.add"));
    let (text, _) = add(token("icbc", None)).expect("made");
    let text = text.expect("a text");
    add(token("abc", Some("bank.example"))).expect("made");
    for (after_s, expected) in [
        (0, None),
        (TERM_S - 1, None),
        (TERM_S, Some(Worthless::Expired)),
        (10 * TERM_S, Some(Worthless::Expired)),
        // A clock that was put back makes it stand again, and lets nobody else in.
        (-TERM_S, None),
    ] {
        let now = BEGIN.plus_s(after_s);
        let shown = access.by_token(&text, now, "").err();
        assert_eq!(shown, expected, "{after_s} s");
        let held = access.by_certificate("bank.example", now, "").err();
        assert_eq!(held, expected, "{after_s} s");
    }
    // To the minute, the last use is written down.
    access.keep_uses().expect("kept");
    let listed = access.tokens().expect("listed");
    let used = listed.iter().map(|token| token.last_used_at);
    assert!(used.clone().all(|at| at.is_some()), "{listed:?}");
    let id = text.split('_').nth(1).expect("an identifier");
    let taken = access.revoke_token(id, BEGIN, act("token.revoke"));
    assert!(taken.expect("taken back"));
    let refused = access.by_token(&text, BEGIN, "").err();
    assert_eq!(refused, Some(Worthless::Revoked));
}

fn person(access: &Access) {
    let new = NewPerson {
        name: "li".to_owned(),
        role: Role::Bureau,
        subject: None,
    };
    let added = access.add_person(&new, PASSWORD, BEGIN, act("user.add"));
    added.expect("added");
}

fn session(access: &Access, at: Instant) -> String {
    let begun = access.begin_session("li", None, at, act("login"));
    begun.expect("begun").cookie
}

#[test]
fn a_session_ends_when_nobody_uses_it_and_after_its_whole_time() {
    let access = Access::in_memory(true).expect("memory");
    person(&access);
    let stands = |cookie: &str, after_s: i64| {
        let found = access.by_cookie(cookie, BEGIN.plus_s(after_s), "");
        found.is_some()
    };
    let (used, idle) = (session(&access, BEGIN), session(&access, BEGIN));
    // Each use lets it stand on, up to the whole time.
    let mut after_s = 0;
    while after_s + IDLE_S - 1 < WHOLE_S {
        after_s += IDLE_S - 1;
        assert!(stands(&used, after_s), "{after_s} s");
        assert!(!stands(&idle, after_s + 1), "{after_s} s");
    }
    assert!(!stands(&used, WHOLE_S));
    // What was seen is kept over a restart, and is no further life.
    access.keep_seen().expect("kept");
    assert!(stands(&used, WHOLE_S - 1));
    assert!(!stands(&used, WHOLE_S));
}

#[test]
fn one_person_has_so_many_sessions_and_the_oldest_goes() {
    let access = Access::in_memory(true).expect("memory");
    person(&access);
    let cookies: Vec<String> = (0..22)
        .map(|number| session(&access, BEGIN.plus_s(number)))
        .collect();
    let stand = |cookie: &String| access.by_cookie(cookie, BEGIN.plus_s(60), "").is_some();
    let standing: Vec<bool> = cookies.iter().map(stand).collect();
    assert_eq!(standing.iter().filter(|stands| **stands).count(), 20);
    assert!(
        !standing[0] && !standing[1],
        "the oldest went: {standing:?}"
    );
}
