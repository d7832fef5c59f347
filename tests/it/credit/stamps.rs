//! Time stamps of receipts by an authority that Debian's openssl plays: what it vouches for is what it accepts again, and an
//! authority that is away, or answers something else, keeps no answer from a bank.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;

use serde_json::Value;
use serde_json::json;

use crate::credit::UNIT;
use crate::credit::done;
use crate::credit::fine;
use crate::register::post_json;
use crate::support::Daemon;
use crate::support::fails;
use crate::support::papers::OPENSSL;
use crate::support::require;
use crate::support::run;
use crate::support::text;

/// What openssl stamps by.
const SETTINGS: &str = "[tsa]\ndefault_tsa = own\n[own]\nserial = SERIAL\nsigner_digest = sha256\n\
    default_policy = 1.2.3.4.1\ndigests = sha256\naccuracy = secs:1\nordering = no\ntsa_name = no\ness_cert_id_chain = no\n\
    ess_cert_id_alg = sha256\n";

/// What an authority does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Stamps,
    /// Stamps another receipt, with the same nonce.
    Swaps,
    /// Gives the first stamp again.
    Repeats,
    Refuses,
    Talks,
    Hangs,
}

struct Authority {
    folder: tempfile::TempDir,
    url: String,
    mood: Arc<Mutex<Mood>>,
}

fn openssl(folder: &Path, args: &[&str]) -> (bool, String) {
    require(OPENSSL);
    let ended = Command::new(OPENSSL)
        .current_dir(folder)
        .args(args)
        .output();
    let ended = ended.expect("openssl runs");
    let said = [ended.stdout, ended.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (ended.status.success(), said)
}

/// A request's body, and the address of what was asked of.
fn asked(stream: &mut TcpStream) -> Vec<u8> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4_096]);
    loop {
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            assert!(
                head.contains("content-type: application/timestamp-query"),
                "{head}"
            );
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.expect("a length").parse().expect("a number");
            if bytes.len() >= end + 4 + length {
                return bytes[end + 4..].to_vec();
            }
        }
        let count = stream.read(&mut part).expect("a request");
        assert!(count > 0, "the request ends early");
        bytes.extend_from_slice(&part[..count]);
    }
}

fn reply(folder: &Path, query: &[u8]) -> Vec<u8> {
    std::fs::write(folder.join("query"), query).expect("written");
    let args =
        "ts -reply -config tsa.cnf -queryfile query -signer tsa.crt -inkey tsa.key -out reply";
    let (well, said) = openssl(folder, &args.split(' ').collect::<Vec<_>>());
    assert!(well, "{said}");
    std::fs::read(folder.join("reply")).expect("a reply")
}

impl Authority {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("tsa.cnf"), SETTINGS).expect("written");
        std::fs::write(folder.path().join("SERIAL"), "01\n").expect("written");
        let make = "req -x509 -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.crt -days 30 -subj /CN=tsa \
            -addext extendedKeyUsage=critical,timeStamping";
        let make: Vec<&str> = make.split_whitespace().collect();
        let (well, said) = openssl(folder.path(), &make);
        assert!(well, "{said}");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("an address");
        let mood = Arc::new(Mutex::new(Mood::Stamps));
        let (place, now) = (folder.path().to_owned(), Arc::clone(&mood));
        std::thread::spawn(move || serve(&listener, &place, &now));
        Self {
            folder,
            url: format!("http://{at}/stamps"),
            mood,
        }
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().expect("no panic") = mood;
    }

    /// Whether openssl takes what was kept as this authority's stamp of the receipt.
    fn vouches(&self, receipt: &[u8], stamp: &[u8]) -> bool {
        let place = self.folder.path();
        std::fs::write(place.join("data"), receipt).expect("written");
        std::fs::write(place.join("kept"), stamp).expect("written");
        let args = "ts -verify -data data -in kept -CAfile tsa.crt";
        let (well, said) = openssl(place, &args.split(' ').collect::<Vec<_>>());
        assert_eq!(well, said.contains("Verification: OK"), "{said}");
        well
    }
}

fn serve(listener: &TcpListener, folder: &Path, mood: &Mutex<Mood>) {
    let mut first = Vec::new();
    let mut hanging = Vec::new();
    for stream in listener.incoming() {
        let mut stream = stream.expect("a connection");
        let mut query = asked(&mut stream);
        let mood = *mood.lock().expect("no panic");
        let (status, body) = match mood {
            Mood::Hangs => {
                hanging.push(stream);
                continue;
            }
            Mood::Refuses => ("503 Service Unavailable", Vec::new()),
            Mood::Talks => (
                "200 OK",
                b"<html>stamps are sold at the counter</html>".to_vec(),
            ),
            Mood::Repeats => ("200 OK", first.clone()),
            Mood::Swaps => {
                // The imprint's last byte, before the nonce.
                query[55] ^= 1;
                ("200 OK", reply(folder, &query))
            }
            Mood::Stamps => ("200 OK", reply(folder, &query)),
        };
        if first.is_empty() {
            first.clone_from(&body);
        }
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let sent = stream.write_all(&[head.as_bytes(), &body].concat());
        sent.expect("an open connection");
    }
}

/// An answer that asks for a stamp: its heads `skytier-lookup` and `skytier-timestamp`, and its receipt.
fn look(site: &Daemon, query: &str) -> (String, Option<String>, String) {
    let url = format!(
        "{}/v1/enterprises/{UNIT}/tier?on=2020-06-30{query}",
        site.http
    );
    let mut answer = ureq::get(&url).call().expect("an answer");
    let head = |name: &str| {
        let head = answer.headers().get(name);
        head.map(|head| head.to_str().expect("a text").to_owned())
    };
    let (id, stamp) = (
        head("skytier-lookup").expect("a record"),
        head("skytier-timestamp"),
    );
    let answer: Value = answer.body_mut().read_json().expect("JSON");
    (
        id,
        stamp,
        answer["receipt"].as_str().expect("a receipt").to_owned(),
    )
}

fn bytes(url: &str) -> Vec<u8> {
    let mut answer = ureq::get(url).call().expect("an answer");
    let kind = answer.headers().get("content-type").expect("a kind");
    assert_eq!(kind, "application/timestamp-reply");
    answer.body_mut().read_to_vec().expect("a body")
}

#[test]
fn what_an_authority_stamps_openssl_accepts() {
    let authority = Authority::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let settings = [("SKYTIER__RECEIPTS__TIMESTAMP__URL", authority.url.as_str())];
    let site = Daemon::start(&data, &settings);
    done(&site, "records", fine("r1", "2020-05-06"));
    let (plain, none, _) = look(&site, "");
    assert_eq!(none, None, "nobody asked for a stamp");
    let (id, at, receipt) = look(&site, "&timestamp=yes");
    let at = at.expect("a stamp");
    assert!(at.ends_with("+00:00"), "{at}");
    let path = format!("{}/v1/lookups/{id}/timestamp", site.http);
    let kept = bytes(&path);
    assert!(authority.vouches(receipt.as_bytes(), &kept));
    assert!(!authority.vouches(&receipt.as_bytes()[1..], &kept));
    let shown = &site.json(&format!("/v1/lookups/{id}"))["timestamp"];
    assert_eq!(
        (&shown["at"], &shown["authority"]),
        (&json!(at), &json!(authority.url))
    );
    // One without a stamp gets one when asked, once, whatever the authority would say then.
    let later = format!("{}/v1/lookups/{plain}/timestamp", site.http);
    assert_eq!(crate::support::fetch(&later).status, 404);
    let given = post_json(&later, &json!({}));
    assert_eq!(given.status, 200, "{}", given.text);
    authority.is(Mood::Refuses);
    assert_eq!(post_json(&later, &json!({})).json(), given.json());
    // A batch has one over its one receipt.
    authority.is(Mood::Stamps);
    let body = json!({"on": "2020-06-30", "items": [{"subject": UNIT}], "timestamp": true});
    let url = format!("{}/v1/tiers/lookup", site.http);
    let mut batch = ureq::post(&url).send_json(&body).expect("an answer");
    let head = batch.headers().get("skytier-lookup").expect("a record");
    let own = format!(
        "{}/v1/lookups/{}/timestamp",
        site.http,
        head.to_str().expect("a text")
    );
    let batch: Value = batch.body_mut().read_json().expect("JSON");
    let signed = batch["receipt"].as_str().expect("a receipt");
    assert!(authority.vouches(signed.as_bytes(), &bytes(&own)));
    // It outlives the daemon, and the command hands both out.
    site.stop("TERM");
    let out = folder.path().join("stamp");
    run(&[
        "lookups",
        "timestamp",
        &id,
        "--data",
        text(&data),
        "--out",
        text(&out),
    ]);
    let file = |end: &str| std::fs::read(out.with_extension(end)).expect("a file");
    assert!(authority.vouches(&file("receipt"), &file("tsr")));
    let verified = run(&["verify", "--data", text(&data)]);
    assert!(verified.contains("time stamps: 3 checked"), "{verified}");
}

#[test]
fn an_authority_that_fails_keeps_no_answer_back() {
    let authority = Authority::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = [
        ("SKYTIER__RECEIPTS__TIMESTAMP__URL", authority.url.as_str()),
        ("SKYTIER__RECEIPTS__TIMESTAMP__TIMEOUT_S", "1"),
    ];
    let data = folder.path().join("data");
    let site = Daemon::start(&data, &settings);
    done(&site, "records", fine("r1", "2020-05-06"));
    look(&site, "&timestamp=yes");
    let mut last = String::new();
    for (mood, said) in [
        (Mood::Swaps, "its imprint is not the receipt's"),
        (Mood::Repeats, "its imprint is not the receipt's"),
        (Mood::Refuses, "HTTP 503"),
        (Mood::Talks, "no time stamp of RFC 3161"),
        (Mood::Hangs, "no answer in time"),
    ] {
        authority.is(mood);
        let (id, told, receipt) = look(&site, "&timestamp=yes");
        let told = told.expect("a word");
        assert!(
            told.starts_with("missing: ") && told.contains(said),
            "{told}"
        );
        assert!(receipt.starts_with("skr1."), "answered all the same");
        let shown = site.json(&format!("/v1/lookups/{id}"));
        assert_eq!(shown["timestamp"], Value::Null);
        last = id;
    }
    let asked = post_json(
        &format!("{}/v1/lookups/{last}/timestamp", site.http),
        &json!({}),
    );
    let told = asked.text.contains("no-stamp") && asked.text.contains("no answer in time");
    assert!(asked.status == 502 && told, "{}", asked.text);
    drop(site);
    let out = folder.path().join("stamp");
    let (code, said) = fails(&[
        "lookups",
        "timestamp",
        &last,
        "--data",
        text(&data),
        "--out",
        text(&out),
    ]);
    // The record waits for the next commit; a kill may come before.
    assert!(
        code == 1 && said.contains("has no time stamp") || code == 2,
        "{code}: {said}"
    );
}

#[test]
fn without_an_authority_a_wish_for_a_stamp_is_refused() {
    let (folder, site) = crate::credit::daemon();
    let path = format!("/v1/enterprises/{UNIT}/tier?timestamp=yes");
    let (status, problem) = site.get(&path);
    let said = problem["detail"].as_str().unwrap_or_default();
    assert!(
        status == 400 && said.contains("receipts.timestamp.url"),
        "{problem}"
    );
    let config = folder.path().join("skytier.toml");
    std::fs::write(&config, "[receipts.timestamp]\nurl = \"ftp://tsa\"\n").expect("written");
    let (code, said) = fails(&["serve", "--config", text(&config)]);
    let told = said.contains("receipts.timestamp.url") && said.contains("http:// or https://");
    assert!(code == 2 && told, "{said}");
}
