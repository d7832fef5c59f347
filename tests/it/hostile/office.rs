//! Names of those who have access, of their devices, mandates and look-ups: on the pages of whoever gives access, signed in
//! and by a token, they stay text.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::access::ask;
use crate::access::token;
use crate::hostile::ATTRIBUTE;
use crate::hostile::ELEMENT;
use crate::hostile::UNIT;
use crate::hostile::found;
use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::run;
use crate::support::seeded;
use crate::support::skytier;
use crate::support::text;
use crate::support::wait_for;

/// A command over a data directory, each word as it stands.
fn command(data: &Path, line: &[&str]) -> String {
    run(&[line, &["--data", text(data)]].concat())
        .trim_end()
        .to_owned()
}

fn user(data: &Path, name: &str) {
    let line = ["users", "add", "--name", name, "--role", "county"];
    let mut child = skytier(&[&line[..], &["--data", text(data)]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("a pipe");
    writeln!(input, "rain over the Yangtze").expect("it reads");
    drop(input);
    assert!(child.wait().expect("it ends").success(), "{name}");
}

/// Everything that has a name, with hostile ones; the token of the bank of that name.
fn named(data: &Path) -> String {
    let bank = ["tokens", "add", "--name", ELEMENT, "--role", "bank"];
    let bank = command(data, &[&bank[..], &["--by", ATTRIBUTE]].concat());
    let certified = ["tokens", "add", "--name", ATTRIBUTE, "--role", "operator"];
    command(
        data,
        &[&certified[..], &["--certificate", ELEMENT]].concat(),
    );
    for name in ["<xssmark>li", "\"onxssmark=1 x"] {
        user(data, name);
    }
    let device = ["devices", "add", "gate", "--station", "1999A"];
    command(data, &[&device[..], &["--cert-name", ELEMENT]].concat());
    let term = ["--from", "2026-01-05", UNIT];
    let mandate = ["mandates", "add", "--bank", ELEMENT];
    let document = ["--document", ATTRIBUTE, "--by", ELEMENT];
    command(data, &[&mandate[..], &document, &term].concat());
    bank
}

#[test]
fn no_name_of_anybody_becomes_an_element_or_an_attribute() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let bank = named(&data);
    let administrator = token(&data, "administrator", "administrator");
    let daemon = Daemon::start(&data, &[]);
    // What it looks up stands in the list of look-ups under its name.
    let body = format!("{{\"items\":[{{\"subject\":\"{UNIT}\",\"client_ref\":{ATTRIBUTE:?}}}]}}");
    let looked = ask(&daemon.http, "POST", "/v1/tiers/lookup", Some(&bank), &body);
    assert_eq!(looked.status, 200, "{}", looked.text);
    // The log's rows about look-ups are written once a minute, or at the end.
    daemon.stop("TERM");
    let daemon = Daemon::start(&data, &[]);
    for path in [
        "/tokens",
        "/users",
        "/devices",
        "/mandates",
        "/audit",
        "/lookups",
    ] {
        for query in ["?lang=zh", "?lang=en", ""] {
            let url = format!("{path}{query}");
            let got = wait_for("it is let in", PATIENCE, || {
                let got = ask(&daemon.http, "GET", &url, Some(&administrator), "");
                (got.status != 401).then_some(got)
            });
            assert_eq!(got.status, 200, "{url}: {}", got.text);
            let strange = found(&got.text);
            assert!(strange.is_empty(), "{url}: {strange:?}");
            assert!(got.text.contains("xssmark"), "{url} shows no name");
        }
    }
    let sought = "/audit?who=%3Cxssmark%3E&what=%22onxssmark%3D1&lang=en";
    let got = ask(&daemon.http, "GET", sought, Some(&administrator), "");
    assert_eq!(found(&got.text), Vec::<String>::new(), "what was sought");
    // The same rows as a table for a spreadsheet: no cell is a formula.
    let csv = command(&data, &["audit", "--format", "csv"]);
    assert!(csv.contains("xssmark"), "{csv}");
    for row in csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(csv.as_bytes())
        .records()
    {
        for cell in &row.expect("a row") {
            assert!(!cell.starts_with(['=', '@', '\t', '\r']), "{cell}");
        }
    }
    daemon.stop("TERM");
}
