//! The interface described: `/openapi.json`, an OpenAPI 3.1 document, and `/docs`, the same to read.
//!
//! What a path is for, its parameters and what it answers with stand in `openapi/paths.csv`, who may ask in the guard's
//! table, and a test holds both against one another and against what the running program takes. A path without a
//! description therefore fails a test. Shapes of answers are described by their media types alone.

use std::sync::LazyLock;

use axum::Json;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::adapters::http::error::Problem;
use crate::adapters::http::guard::table::TABLE;
use crate::adapters::http::guard::table::Who;
use crate::adapters::http::login::COOKIE;
use crate::adapters::http::page::docs::docs as docs_page;
use crate::adapters::http::pages;
use crate::adapters::http::params::Params;
use crate::domain::access::Role;

const PATHS: &str = include_str!("openapi/paths.csv");
const PARAMETERS: &str = include_str!("openapi/parameters.csv");
/// Names of the tags, in the order of `/docs`.
pub(super) const GROUPS: [(&str, &str, &str); 6] = [
    ("air", "空气质量", "Air"),
    ("credit", "信用等级", "Credit tiers"),
    ("registry", "登记与数据", "Registry and data"),
    ("access", "访问", "Access"),
    ("operation", "运行", "Operation"),
    ("pages", "页面", "Pages"),
];

/// One method of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// `GET` or `POST`.
    pub method: String,
    /// As the router has it.
    pub path: String,
    /// Its group.
    pub group: String,
    /// What it is for, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
    /// Names of its query parameters.
    pub query: Vec<String>,
    /// What it answers with, by short names of media types.
    pub answers: Vec<String>,
}

/// A parameter, of the query or, with braces, of a path.
pub(super) struct Parameter {
    /// Its name.
    pub(super) name: String,
    /// `string`, `date`, `time`, `integer` or the texts it takes, divided by bars.
    pub(super) form: String,
    /// What it is, in Chinese.
    pub(super) zh: String,
    /// The same in English.
    pub(super) en: String,
}

/// The rows of a table compiled in.
fn rows<const N: usize>(text: &str) -> Vec<[String; N]> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let cells = |row: csv::StringRecord| {
        assert_eq!(row.len(), N, "{row:?}");
        std::array::from_fn(|at| row[at].to_owned())
    };
    let rows = reader.records();
    rows.map(|row| cells(row.expect("the table is sound")))
        .collect()
}

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let words = |text: &str| {
        text.split(' ')
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let rows = rows::<7>(PATHS).into_iter();
    rows.map(|[method, path, group, zh, en, query, answers]| Operation {
        method,
        path,
        group,
        zh,
        en,
        query: words(&query),
        answers: words(&answers),
    })
    .collect()
});

pub(super) static KNOWN: LazyLock<Vec<Parameter>> = LazyLock::new(|| {
    let rows = rows::<4>(PARAMETERS).into_iter();
    rows.map(|[name, form, zh, en]| Parameter { name, form, zh, en })
        .collect()
});

/// Every method of every path, assets left out.
pub fn operations() -> &'static [Operation] {
    &OPERATIONS
}

/// The media type behind a short name.
fn media(answer: &str) -> &'static str {
    match answer {
        "json" => "application/json",
        "csv" => "text/csv",
        "html" => "text/html",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "events" => "text/event-stream",
        "jsonl" => "application/x-ndjson",
        "tsr" => "application/timestamp-reply",
        "parquet" => "application/vnd.apache.parquet",
        _ => "text/plain",
    }
}

fn known(name: &str) -> &'static Parameter {
    let found = KNOWN.iter().find(|own| own.name == name);
    found.unwrap_or_else(|| panic!("{name} has no row in parameters.csv, which a test would show"))
}

/// Names in braces of a path.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| part.starts_with('{'))
}

/// Who may ask; `None` is anyone.
pub(super) fn roles(own: &Operation) -> Option<Vec<&'static str>> {
    let row = TABLE
        .iter()
        .find(|(method, path, _)| *method == own.method && *path == own.path);
    match row.map(|(.., who)| *who) {
        Some(who @ Who::Roles(_)) => {
            let all = Role::ALL.into_iter().filter(|role| who.has(*role));
            Some(all.map(Role::key).collect())
        }
        _ => None,
    }
}

fn schema(form: &str) -> Value {
    match form {
        "string" => json!({"type": "string"}),
        "integer" => json!({"type": "integer"}),
        "date" => json!({"type": "string", "format": "date"}),
        "time" => json!({"type": "string", "format": "date-time"}),
        "date|time" => json!({"anyOf": [schema("date"), schema("time")]}),
        some => json!({"enum": some.split('|').collect::<Vec<_>>()}),
    }
}

fn parameter(name: &str) -> Value {
    let own = known(name);
    let plain = name.trim_matches(['{', '}']);
    let (place, required) = match plain == name {
        true => ("query", false),
        false => ("path", true),
    };
    json!({
        "name": plain,
        "in": place,
        "required": required,
        "description": own.en,
        "schema": schema(&own.form),
    })
}

fn operation(own: &Operation) -> Value {
    let named = parts(&own.path).chain(own.query.iter().map(String::as_str));
    let content: Map<String, Value> = own
        .answers
        .iter()
        .map(|answer| (media(answer).to_owned(), json!({})))
        .collect();
    // Whoever is shown pages is told of faults by one.
    let fault = match own.answers.iter().any(|answer| answer == "html") {
        true => "#/components/responses/ProblemOrPage",
        false => "#/components/responses/Problem",
    };
    let mut told = json!({
        "operationId": id(own),
        "tags": [own.group],
        "summary": own.en,
        "parameters": named.map(parameter).collect::<Vec<_>>(),
        "responses": {
            "200": {"description": "as asked", "content": content},
            "default": {"$ref": fault},
        },
    });
    if own.method == "POST" {
        let form = json!({"schema": {"type": "object"}});
        let kind = match own.group.as_str() {
            "access" => "application/x-www-form-urlencoded",
            _ => "application/json",
        };
        told["requestBody"] = json!({"content": {kind: form}});
    }
    match roles(own) {
        None => told["security"] = json!([]),
        Some(roles) => told["x-roles"] = json!(roles),
    }
    told
}

/// A name of the operation that no other has.
fn id(own: &Operation) -> String {
    let path = own.path.replace(['{', '}'], "");
    let words = path.split(['/', '-', '.']).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    format!("{}_{}", own.method.to_lowercase(), words.join("_"))
}

/// The whole document.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for own in operations() {
        let path = paths.entry(own.path.clone()).or_insert_with(|| json!({}));
        path[own.method.to_lowercase()] = operation(own);
    }
    let kinds: Vec<String> = Problem::KINDS
        .iter()
        .map(|kind| Problem::urn(kind))
        .collect();
    let problem = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "skytier",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": env!("CARGO_PKG_DESCRIPTION"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": GROUPS.iter().map(|(name, _, en)| json!({"name": name, "description": en})).collect::<Vec<_>>(),
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
            "schemas": {"Problem": {
                "type": "object",
                "description": "RFC 9457",
                "required": ["type", "title", "status"],
                "properties": {
                    "type": {"type": "string", "enum": kinds},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": ["string", "null"]},
                },
            }},
            "responses": {
                "Problem": {
                    "description": "Why it is not answered",
                    "content": {"application/problem+json": problem},
                },
                "ProblemOrPage": {
                    "description": "Why it is not answered",
                    "content": {"application/problem+json": problem, "text/html": {}},
                },
            },
        },
    })
}

/// `GET /openapi.json`.
pub async fn json() -> Response {
    static TEXT: LazyLock<Value> = LazyLock::new(document);
    let kept = [(header::CACHE_CONTROL, "no-cache")];
    (kept, Json(&*TEXT)).into_response()
}

/// `GET /docs`.
///
/// # Errors
/// A problem document.
pub async fn docs(params: Params) -> Result<Response, Problem> {
    let params = params.only(&["lang"])?;
    Ok(pages::html(docs_page(pages::lang(&params)?)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::document;
    use super::id;
    use super::known;
    use super::operations;
    use super::parts;
    use crate::adapters::http::guard::table::TABLE;

    #[test]
    fn every_path_of_the_guard_is_described_and_no_other() {
        let asset = |path: &str| path.starts_with("/assets/") || path == "/favicon.ico";
        // Only there to say that there is no such act.
        let none = |path: &str| path.ends_with("/{act}");
        let guarded = TABLE
            .iter()
            .filter(|(_, path, _)| !asset(path) && !none(path));
        let guarded: BTreeSet<(&str, &str)> =
            guarded.map(|(method, path, _)| (*method, *path)).collect();
        let described: BTreeSet<(&str, &str)> = operations()
            .iter()
            .map(|own| (own.method.as_str(), own.path.as_str()))
            .collect();
        let missing: Vec<_> = guarded.difference(&described).collect();
        assert!(
            missing.is_empty(),
            "without a row in src/adapters/http/openapi/paths.csv: {missing:?}"
        );
        let gone: Vec<_> = described.difference(&guarded).collect();
        assert!(
            gone.is_empty(),
            "described in paths.csv, but not served: {gone:?}"
        );
        assert_eq!(described.len(), operations().len(), "no row stands twice");
    }

    #[test]
    fn every_parameter_is_known_and_every_operation_has_a_name_of_its_own() {
        let mut ids = BTreeSet::new();
        for own in operations() {
            for name in parts(&own.path).chain(own.query.iter().map(String::as_str)) {
                assert!(!known(name).zh.is_empty(), "{name}");
            }
            assert!(ids.insert(id(own)), "{own:?}");
            assert!(
                super::GROUPS.iter().any(|(group, ..)| *group == own.group),
                "{own:?}"
            );
        }
        assert_eq!(document()["openapi"], "3.1.0");
    }
}
