//! The description of the interface against the running program: every parameter it names is taken and every other is
//! refused, and the document is sound by OpenAPI's own schema.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use skytier::adapters::http::openapi::document;
use skytier::adapters::http::openapi::operations;

use crate::support::Daemon;
use crate::support::Reply;
use crate::support::fetch;
use crate::support::post_as;
use crate::support::require;
use crate::support::seeded;

/// A path with its parts filled in by something there is.
fn filled(path: &str) -> String {
    let charted = path.starts_with("/v1/charts");
    let parts = [
        ("{uscc}", "91999999MA1ABCDE8G"),
        ("{chart}", "hours"),
        ("{date}", "2020-07-01"),
        (
            "{file}",
            if charted {
                "months.svg"
            } else {
                "2026-01-01.jsonl"
            },
        ),
        ("{id}", "sim-1999A"),
        ("{period}", "2020-07"),
        ("{table}", "stations"),
    ];
    let path = path.to_owned();
    parts
        .into_iter()
        .fold(path, |path, (part, value)| path.replace(part, value))
}

#[test]
fn described_parameters_are_those_that_are_taken() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let mut compared = 0;
    for own in operations()
        .iter()
        .filter(|own| own.method == "GET" && own.path != "/live")
    {
        let reply = fetch(&format!("{}{}?surprise=1", daemon.http, filled(&own.path)));
        let place = format!("{} {}", own.method, own.path);
        let known = reply.text.split_once("; there are ");
        let Some((_, known)) = known.filter(|_| reply.text.contains("surprise")) else {
            assert!(
                own.query.is_empty(),
                "{place} takes {:?}: {}",
                own.query,
                reply.text
            );
            continue;
        };
        let (known, _) = known.split_once('"').expect("the detail ends");
        let known: BTreeSet<&str> = known.split(", ").collect();
        let described: BTreeSet<&str> = own.query.iter().map(String::as_str).collect();
        assert_eq!(
            described, known,
            "{place}: src/adapters/http/openapi/paths.csv"
        );
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
    let served: Value = daemon.json("/openapi.json");
    assert_eq!(served, document());
    for (lang, title) in [("zh", "接口说明"), ("en", "The interface")] {
        let page = daemon.fetch(&format!("/docs?lang={lang}"));
        assert_eq!(page.status, 200);
        assert!(
            page.text.contains(title) && page.text.contains("/v1/air/rose"),
            "{lang}"
        );
        assert!(!page.text.contains("<script"), "{lang}");
    }
    daemon.stop("INT");
}

/// Asks for an address as whoever takes such media types.
fn asked(url: &str, accept: &str) -> Reply {
    let request = ureq::get(url).header("accept", accept);
    let request = request.config().http_status_as_error(false).build();
    Reply::of(
        request
            .call()
            .unwrap_or_else(|fault| panic!("{url}: {fault}")),
    )
}

/// The media types an operation is described with: of an answer, or of a fault.
fn kinds(document: &Value, method: &str, path: &str, status: u16) -> Vec<String> {
    let responses = &document["paths"][path][method]["responses"];
    let told = match status {
        200 => &responses["200"],
        _ => &responses["default"],
    };
    let told = match told["$ref"].as_str() {
        Some(place) => document.pointer(place.trim_start_matches('#')),
        None => Some(told),
    };
    let content = told.and_then(|told| told["content"].as_object());
    let content = content.unwrap_or_else(|| panic!("{method} {path} {status}"));
    content.keys().cloned().collect()
}

#[test]
fn answers_are_of_the_kinds_that_are_described() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let document = document();
    let (mut well, mut ill) = (0, 0);
    for own in operations() {
        let path = filled(&own.path);
        let url = format!("{}{path}", daemon.http);
        let replies = match own.method.as_str() {
            "GET" if own.path == "/live" => continue,
            // As a browser asks, and as a program does, for what there is and with what nobody takes.
            "GET" => vec![
                asked(&url, "text/html"),
                asked(&url, "*/*"),
                asked(&format!("{url}?surprise=1"), "text/html"),
                asked(&format!("{url}?surprise=1"), "*/*"),
            ],
            _ => vec![post_as(&url, "application/x-www-form-urlencoded", b"")],
        };
        let method = own.method.to_lowercase();
        for reply in replies {
            let kinds = kinds(&document, &method, &own.path, reply.status);
            let kind = reply.kind.split(';').next().unwrap_or_default();
            assert!(
                kinds.iter().any(|own| own == kind),
                "{method} {path} {}: {kind} is none of {kinds:?}",
                reply.status
            );
            match reply.status {
                200 => well += 1,
                _ => ill += 1,
            }
        }
    }
    assert!(well > 60 && ill > 100, "{well} {ill}");
    daemon.stop("INT");
}

/// By the schema of the OpenAPI Initiative, which lies beside this file.
#[test]
fn the_document_is_sound() {
    require("/usr/lib/python3/dist-packages/jsonschema/__init__.py");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let check = |document: &Value| {
        let file = folder.path().join("openapi.json");
        std::fs::write(&file, document.to_string()).expect("room on the disk");
        let mut command = Command::new("/usr/bin/python3");
        let schema = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/it/openapi/schema-3.1.json"
        );
        let code = "import json, sys, jsonschema\n\
             schema, document = (json.load(open(path)) for path in sys.argv[1:])\n\
             jsonschema.Draft202012Validator(schema).validate(document)";
        let ended = command.args(["-c", code, schema]).arg(&file).output();
        let ended = ended.expect("python3 runs");
        (
            ended.status.success(),
            String::from_utf8_lossy(&ended.stderr).into_owned(),
        )
    };
    let mut document = document();
    let (sound, said) = check(&document);
    assert!(sound, "{said}");
    document["paths"]["/healthz"]["get"]["parameters"] = Value::from("none");
    assert!(!check(&document).0, "the check sees a fault");
}
