//! Client certificates over HTTPS: one stands for its token by any of its names, and one of nobody says nothing.

use serde_json::Value;
use skytier::adapters::access::Access;

use crate::access::persons::PASSWORD;
use crate::access::persons::encoded;
use crate::access::persons::user;
use crate::access::token;
use crate::access::words;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::papers::Papers;
use crate::support::run;
use crate::support::seeded;
use crate::support::text;
use crate::support::wait_for;

/// A daemon by TLS whose certificate ends in a week, and what asks it.
struct Secured {
    _folder: tempfile::TempDir,
    papers: Papers,
    daemon: Daemon,
    runtime: tokio::runtime::Runtime,
}

impl Secured {
    fn new() -> Self {
        let papers = Papers::new();
        papers.sign("ca", "server", 7);
        let (folder, data) = seeded(&["jiangyin"]);
        user(&data, "li", "bureau");
        let file = |name: &str| text(&papers.path(name)).to_owned();
        let daemon = Daemon::start(
            &data,
            &[
                ("SKYTIER__HTTP__TLS__LISTEN", "127.0.0.1:0"),
                ("SKYTIER__HTTP__TLS__CERT", &file("server.crt")),
                ("SKYTIER__HTTP__TLS__KEY", &file("server.key")),
                ("SKYTIER__HTTP__TLS__CLIENT_CA", &file("ca.pem")),
            ],
        );
        Self {
            _folder: folder,
            papers,
            daemon,
            runtime: tokio::runtime::Runtime::new().expect("a runtime"),
        }
    }

    /// The whole answer to a request of whoever shows that certificate.
    fn ask(&self, client: Option<&str>, start: &str, head: &str, body: &str) -> String {
        let port = self.daemon.https;
        let length = body.len();
        let request = format!(
            "{start} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n{head}content-length: {length}\r\n\r\n{body}"
        );
        self.runtime.block_on(async {
            let mut stream = self.papers.connect_as(port, client).await;
            Papers::whole(&mut stream, request.as_bytes()).await
        })
    }

    fn get(&self, client: Option<&str>, path: &str, head: &str) -> String {
        self.ask(client, &format!("GET {path}"), head, "")
    }

    fn who(&self, client: Option<&str>, head: &str) -> Value {
        let answer = self.get(client, "/v1/whoami", head);
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).unwrap_or_else(|fault| panic!("{fault}: {answer}"))
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).expect("a status")
}

/// A person logs in with such a certificate; the cookie, which is for TLS alone.
fn log_in(secured: &Secured, client: Option<&str>) -> String {
    let port = secured.daemon.https;
    let form = format!(
        "content-type: application/x-www-form-urlencoded\r\norigin: https://localhost:{port}\r\n"
    );
    let fields = encoded(&[("name", "li"), ("password", PASSWORD)]);
    let begun = secured.ask(client, "POST /login", &form, &fields);
    assert_eq!(status(&begun), "303", "{begun}");
    let cookie = begun
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .expect("a cookie");
    for part in ["; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    assert!(
        begun.contains("strict-transport-security: max-age="),
        "{begun}"
    );
    let pair = cookie.split(';').next().expect("a pair");
    format!("cookie: {pair}\r\n")
}

#[test]
fn a_certificate_stands_for_a_token_or_for_nobody() {
    let secured = Secured::new();
    let data = &secured.daemon.data;
    let client = Some("client");
    // Of nobody: as whoever shows none.
    let html = "accept: text/html\r\n";
    for (path, head, expected) in [
        ("/healthz", "", "200"),
        ("/readyz", "", "200"),
        ("/login", html, "200"),
        ("/assets/skytier.css", "", "200"),
        ("/", html, "303"),
        ("/v1/stations", "", "401"),
    ] {
        for shown in [client, None] {
            let answer = secured.get(shown, path, head);
            assert_eq!(status(&answer), expected, "{path} {shown:?}: {answer}");
        }
    }
    let session = log_in(&secured, client);
    let who = secured.who(client, &session);
    assert_eq!(
        (&who["name"], &who["via"]),
        (&"li".into(), &"session".into())
    );
    // Its second name is a token's.
    let line = "tokens add --name icbc --role bank --certificate localhost";
    run(&words(data, line));
    let who = wait_for("the daemon knows it", PATIENCE, || {
        let who = secured.who(client, "");
        (who["via"] == "certificate").then_some(who)
    });
    assert_eq!(
        (&who["name"], &who["role"]),
        (&"icbc".into(), &"bank".into())
    );
    let listed = run(&words(data, "tokens list --format json"));
    let listed: Value = serde_json::from_str(listed.trim()).expect("a line");
    let revoke = format!("tokens revoke {}", listed["id"].as_str().expect("an id"));
    run(&words(data, &revoke));
    wait_for("it stands for nobody again", PATIENCE, || {
        let answer = secured.get(client, "/v1/stations", "");
        (status(&answer) == "401").then_some(())
    });
    assert_eq!(status(&secured.get(client, "/healthz", "")), "200");
    let data = data.clone();
    secured.daemon.stop("TERM");
    let access = Access::existing(&data).expect("readable").expect("there");
    let acts = access.acts(0).expect("readable");
    let refused = acts.iter().find(|(_, act)| act.what == "token.refused");
    assert!(refused.is_none(), "nothing was guessed: {refused:?}");
}

#[test]
fn readiness_tells_nobody_in_particular_no_more_than_the_part() {
    let secured = Secured::new();
    let data = &secured.daemon.data;
    let (operator, bank) = (token(data, "op", "operator"), token(data, "icbc", "bank"));
    let notes = |token: Option<&str>| {
        let head = token.map_or_else(String::new, |token| {
            format!("authorization: Bearer {token}\r\n")
        });
        let answer = secured.get(None, "/readyz", &head);
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let said: Value =
            serde_json::from_str(body).unwrap_or_else(|fault| panic!("{fault}: {answer}"));
        assert_eq!(said["ready"], true, "{said}");
        said["notes"].clone()
    };
    wait_for("the operator is known", PATIENCE, || {
        secured.who(None, &format!("authorization: Bearer {operator}\r\n"))["name"]
            .is_string()
            .then_some(())
    });
    let part = serde_json::json!([{"part": "http.tls"}]);
    wait_for("the certificate was looked at", PATIENCE, || {
        (!notes(None).is_null()).then_some(())
    });
    assert_eq!(notes(None), part);
    assert_eq!(notes(Some(&bank)), part);
    let told = notes(Some(&operator));
    assert!(told[0]["note"].to_string().contains("expires in"), "{told}");
}
