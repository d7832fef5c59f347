//! Every part of every path and every parameter of every query, by the tables they stand in, filled with what leads elsewhere:
//! each is refused by a problem document, no file is served, no header is added, and the service goes on.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;

use skytier::adapters::http::guard::table::TABLE;
use skytier::adapters::http::openapi::operations;

use crate::access::filled;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::seeded;

/// What stands in files that nobody may be served.
const SECRET: &str = "stands-in-a-file-beside";
/// Endings by which a path says what form it wants.
const ENDINGS: [&str; 4] = ["", ".svg", ".png", ".jsonl"];
/// Fillings that name what is elsewhere, as requests may have them.
const FILLINGS: [&str; 20] = [
    "..",
    "%2e%2e",
    "..%2fcanary",
    "..%2f..%2fcanary",
    "%2e%2e%2f%2e%2e%2fcanary",
    "%2e%2e/%2e%2e/canary",
    "..%5c..%5ccanary",
    "..;%2fcanary",
    "....%2f%2fcanary",
    "%252e%252e%252fcanary",
    "%c0%ae%c0%ae%c0%afcanary",
    "%e0%80%ae%e0%80%ae%e0%80%afcanary",
    "canary%00",
    "%00",
    "%0d%0aset-cookie:%20evil=1",
    "file:%2f%2f%2fetc%2fpasswd",
    "%ff%fe",
    "%",
    "%zz",
    "%F0%9F%98%80%E2%80%AE%EF%BF%BE",
];
/// Fillings that are no part of a request's first line at all: not even a handler is asked.
const BROKEN: [&[u8]; 3] = [b"..\\..\\canary", b"\xff\xfe", b"a\x00b"];

/// Status, head and body of the answer to one request, which is sent as it stands.
fn answered(port: u16, method: &str, path: &[u8]) -> (u16, String, String) {
    let stream = TcpStream::connect(("127.0.0.1", port));
    let mut stream = stream.expect("a listener");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a socket option");
    let body = if method == "GET" { "" } else { "{}" };
    let mut request = format!("{method} ").into_bytes();
    request.extend_from_slice(path);
    let head = format!(
        " HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    request.extend_from_slice(head.as_bytes());
    stream.write_all(&request).expect("an open connection");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
    (
        status.expect("a status"),
        head.to_ascii_lowercase(),
        body.to_owned(),
    )
}

fn port(daemon: &Daemon) -> u16 {
    let port = daemon.http.rsplit(':').next();
    port.and_then(|port| port.parse().ok()).expect("a port")
}

/// A daemon with files in and beside its directory that are nobody's business.
fn beside() -> (tempfile::TempDir, Daemon) {
    let (folder, data) = seeded(&["jiangyin"]);
    for place in [folder.path(), &data, &data.join("webhooks")] {
        std::fs::create_dir_all(place).expect("a folder");
        for ending in ENDINGS {
            let file = place.join(format!("canary{ending}"));
            std::fs::write(file, SECRET).expect("room on the disk");
        }
    }
    let daemon = Daemon::start(&data, &[]);
    (folder, daemon)
}

/// Nothing of a file, of a header or of our own insides is in an answer.
fn nothing_leaks(place: &str, data: &Path, head: &str, body: &str) {
    for said in [SECRET, "SQLite format", "root:x:0", "panicked"] {
        assert!(!body.contains(said), "{place}: {body}");
    }
    assert!(!body.contains(data.to_str().expect("text")), "{place}");
    for line in head.lines() {
        let own = line.starts_with("location: /") && !line.starts_with("location: //");
        assert!(own || !line.contains("evil"), "{place}: {line}");
    }
}

/// Parts of a path that stand in braces.
fn parts(template: &str) -> Vec<&str> {
    template
        .split('/')
        .filter(|part| part.starts_with('{'))
        .collect()
}

#[test]
fn no_part_of_any_path_leads_elsewhere() {
    let (_folder, daemon) = beside();
    let port = port(&daemon);
    let long = "x".repeat(4_000);
    let mut asked = 0;
    let rows = TABLE.iter().map(|(method, path, _)| (*method, *path));
    let strange = ["/assets/{file}", "/v1/{file}", "/{file}", "/tls/{file}"];
    let strange = strange.into_iter().map(|path| ("GET", path));
    for (method, template) in rows.chain(strange) {
        for part in parts(template) {
            let ask = |with: &[u8], ending: &str| {
                let (before, after) = template.split_once(part).expect("the part");
                let (before, after) = (filled(before), filled(after));
                let path = [before.as_bytes(), with, ending.as_bytes(), after.as_bytes()].concat();
                let place = format!("{method} {}", String::from_utf8_lossy(&path));
                let (status, head, body) = answered(port, method, &path);
                assert!((400..500).contains(&status), "{place}: {status} {body}");
                nothing_leaks(&place, &daemon.data, &head, &body);
                (place, head, body)
            };
            // Files alone have endings.
            let endings = if part == "{file}" {
                &ENDINGS[..]
            } else {
                &[""]
            };
            for with in FILLINGS.into_iter().chain([long.as_str()]) {
                for ending in endings {
                    let (place, head, body) = ask(with.as_bytes(), ending);
                    assert!(
                        head.contains("application/problem+json")
                            && body.contains("urn:skytier:problem:"),
                        "{place}: {head} {body}"
                    );
                    asked += 1;
                }
            }
            for with in BROKEN {
                ask(with, "");
            }
        }
    }
    assert!(asked >= 1_000, "{asked}");
    assert_eq!(daemon.fetch("/v1/stations").status, 200, "and it goes on");
    daemon.stop("TERM");
}

#[test]
fn no_parameter_of_any_query_leads_elsewhere() {
    let (_folder, daemon) = beside();
    let port = port(&daemon);
    let long = "x".repeat(3_000);
    let mut asked = 0;
    let gets = operations().iter();
    for own in gets.filter(|own| own.method == "GET" && own.path != "/live") {
        for name in &own.query {
            for value in [
                "..%2f..%2fcanary",
                "%00",
                "%ff%fe",
                "%0d%0aset-cookie:%20evil=1",
                &long,
            ] {
                let path = format!("{}?{name}={value}", filled(&own.path));
                let (status, head, body) = answered(port, "GET", path.as_bytes());
                assert!(status < 500, "{path}: {status} {body}");
                nothing_leaks(&path, &daemon.data, &head, &body);
                asked += 1;
            }
        }
    }
    assert!(asked >= 500, "{asked}");
    let (status, ..) = answered(port, "GET", b"/v1/stations");
    assert_eq!(status, 200, "and it goes on");
    daemon.stop("TERM");
}
