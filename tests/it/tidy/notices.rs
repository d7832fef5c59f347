//! Each rule is shown a file that breaks it, and one that does not.

use super::Rule;
use super::Source;
use super::adapters;
use super::clocks;
use super::core;
use super::functions;
use super::homes;
use super::layers;
use super::shape;
use super::traces;
use super::words;

fn check(rule: Rule, path: &str, text: &str, expected: &str) {
    let source = Source {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let found: Vec<String> = rule(&source)
        .into_iter()
        .map(|(line, fault)| format!("{line}: {fault}"))
        .collect();
    assert_eq!(found.join("; "), expected, "{path}: {text}");
}

#[test]
fn an_upward_use_is_noticed() {
    check(
        layers,
        "src/domain/aqi.rs",
        "use crate::flow::assess;",
        "1: domain uses flow",
    );
    check(
        layers,
        "src/ports.rs",
        "\n    crate::app::cli::now()",
        "2: ports uses app",
    );
    check(
        layers,
        "src/flow/a.rs",
        "use crate::ports::Range; // crate::app",
        "",
    );
}

#[test]
fn one_adapter_using_another_is_noticed() {
    check(
        adapters,
        "src/adapters/store/memory.rs",
        "use crate::adapters::http;",
        "1: adapter store uses http",
    );
    check(
        adapters,
        "src/adapters/http/air.rs",
        "use crate::adapters::report;",
        "",
    );
}

#[test]
fn an_impure_core_is_noticed() {
    check(
        core,
        "src/domain/means.rs",
        "use crate::domain::credit::Tier;",
        "1: means uses credit, which comes after it",
    );
    check(
        core,
        "src/domain/means.rs",
        "use serde::Serialize;",
        "1: the core uses crate serde",
    );
    check(
        core,
        "src/domain/means.rs",
        "let t = std::fs::read(p);",
        "1: std::fs: not in the core",
    );
}

#[test]
fn a_crate_away_from_home_is_noticed() {
    check(
        homes,
        "src/flow/a.rs",
        "use rusqlite::Row;",
        "1: rusqlite lives in src/adapters/access, src/adapters/store",
    );
    check(homes, "src/flow/a.rs", "use crate::adapters::clap::x;", "");
}

#[test]
fn a_clock_is_noticed() {
    check(
        clocks,
        "src/adapters/store/a.rs",
        "let n = Instant::now();",
        "1: reads a clock outside app",
    );
    check(
        clocks,
        "src/adapters/mqtt/a.rs",
        "Instant::now(); Utc::now()",
        "1: reads a clock outside app",
    );
    check(clocks, "src/app/a.rs", "Utc::now()", "");
}

#[test]
fn a_bad_shape_is_noticed() {
    let doc = "//! A module.\n";
    let grouped = concat!("use cr", "ate::{");
    check(
        shape,
        "src/a.rs",
        "fn a() {}",
        "1: begins without a module comment",
    );
    check(
        shape,
        "src/a.rs",
        &format!("{doc}a.unwrap()\n#[cfg(test)]\nmod tests {{ b.unwrap() }}"),
        "2: unwrap outside tests",
    );
    check(
        shape,
        "src/a.rs",
        &format!("{doc}pub trait A {{}}"),
        "2: a trait outside ports.rs",
    );
    check(
        shape,
        "src/a.rs",
        &format!("{doc}{grouped}a, b}};"),
        &format!("2: {grouped}: one module a line, by its full path"),
    );
    check(
        shape,
        "src/a.rs",
        &format!("{doc}{}\n", "\n".repeat(600)),
        "602: 602 lines, at most 600",
    );
}

#[test]
fn a_long_function_is_noticed() {
    let long = |lines: usize| format!("    pub fn a(\n{}    }}\n", "        b\n".repeat(lines));
    check(functions, "src/a.rs", &long(68), "");
    check(functions, "src/a.rs", &long(69), "1: 71 lines, at most 70");
}

#[test]
fn a_wrong_word_is_noticed() {
    check(
        words,
        "src/a.rs",
        concat!("TO", "DO: more"),
        "1: a marker left over",
    );
    check(
        words,
        "src/a.rs",
        "a Violation",
        "1: \"violation\" is not our word",
    );
}

#[test]
fn a_trace_is_noticed() {
    check(
        traces,
        "a.md",
        concat!("see /", "root/a"),
        "1: a trace of one machine",
    );
    check(traces, "a.md", "see https://a.b/c and a/worked/b", "");
}
