//! What the program is built from: every dependency's licence is one we may ship under, every direct one has its reason,
//! and there is no `unsafe` of ours.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Licences, each by itself enough, under which we may pass the program on.
const LICENCES: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates without a licence in their manifest, with what was read instead.
const READ_BY_HAND: [(&str, &str); 0] = [];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Everything cargo knows of what is built here, from the lock file, without asking anybody.
fn metadata() -> Value {
    let host = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc runs");
    let host = String::from_utf8(host.stdout).expect("UTF-8");
    let host = host.lines().find_map(|line| line.strip_prefix("host: "));
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--offline"]);
    cargo.args(["--all-features", "--filter-platform", host.expect("a host")]);
    let said = cargo.current_dir(root()).output().expect("cargo runs");
    let complaint = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{complaint}");
    serde_json::from_slice(&said.stdout).expect("JSON")
}

/// Whether an expression leaves us a choice that we may take. `/` is what `OR` was before.
fn allowed(expression: &str) -> bool {
    let text = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut rest = words.as_slice();
    let found = any(&mut rest);
    found && rest.is_empty()
}

fn any(rest: &mut &[&str]) -> bool {
    let mut found = all(rest);
    while let ["OR", after @ ..] = rest {
        *rest = after;
        found |= all(rest);
    }
    found
}

fn all(rest: &mut &[&str]) -> bool {
    let mut found = one(rest);
    while let ["AND", after @ ..] = rest {
        *rest = after;
        found &= one(rest);
    }
    found
}

fn one(rest: &mut &[&str]) -> bool {
    match *rest {
        ["(", after @ ..] => {
            *rest = after;
            let found = any(rest);
            match rest {
                [")", after @ ..] => {
                    *rest = after;
                    found
                }
                _ => false,
            }
        }
        [name, "WITH", exception, after @ ..] => {
            *rest = after;
            LICENCES.contains(&format!("{name} WITH {exception}").as_str())
        }
        [name, after @ ..] => {
            *rest = after;
            LICENCES.contains(name)
        }
        [] => false,
    }
}

#[test]
fn an_expression_is_allowed_if_we_may_choose_or_meet_it() {
    let check = |expression: &str, expected: bool| {
        assert_eq!(allowed(expression), expected, "{expression}");
    };
    check("MIT", true);
    check("MIT/Apache-2.0", true);
    check("GPL-3.0-only", false);
    check("GPL-3.0-only OR MIT", true);
    check("GPL-3.0-only AND MIT", false);
    check("(MIT OR GPL-3.0-only) AND Unicode-3.0", true);
    check("MIT AND (GPL-3.0-only OR AGPL-3.0)", false);
    check("Apache-2.0 WITH LLVM-exception OR GPL-2.0", true);
    check("MIT AND BSD-3-Clause OR GPL-2.0", true);
    check("Apache-2.0 WITH another-exception", false);
    check("(MIT", false);
    check("MIT Apache-2.0", false);
    check("", false);
}

#[test]
fn every_dependency_may_be_passed_on() {
    let metadata = metadata();
    let list = |at: &Value| at.as_array().cloned().expect("a list");
    let used: BTreeSet<String> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| node["id"].as_str().expect("an id").to_owned())
        .collect();
    let (mut faults, mut looked_at) = (Vec::new(), 0);
    for package in list(&metadata["packages"]) {
        let (id, name) = (&package["id"], package["name"].as_str().expect("a name"));
        if !used.contains(id.as_str().expect("an id")) {
            continue;
        }
        looked_at += 1;
        let by_hand = READ_BY_HAND.iter().find(|(known, _)| *known == name);
        let licence = package["license"]
            .as_str()
            .or(by_hand.map(|(_, licence)| *licence));
        if !licence.is_some_and(allowed) {
            faults.push(format!("{name}: {licence:?} is not on the list"));
        }
        // Nothing from a place that the lock file has no checksum for.
        let from = package["source"].as_str();
        if name != "skytier" && !from.is_some_and(|from| from.starts_with("registry+")) {
            faults.push(format!("{name}: comes from {from:?}"));
        }
    }
    assert!(looked_at > 250, "{looked_at} packages");
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Every crate the program itself uses is in the table of reasons.
#[test]
fn every_direct_dependency_has_its_reason() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("a list");
    let own = packages.iter().find(|package| package["name"] == "skytier");
    let direct = own.expect("ours")["dependencies"]
        .as_array()
        .expect("a list");
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    let table: String = text.lines().filter(|line| line.starts_with('|')).collect();
    let words: BTreeSet<&str> = table
        .split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_')
        .collect();
    let missing: Vec<&str> = direct
        .iter()
        .filter(|one| one["kind"].is_null())
        .map(|one| one["name"].as_str().expect("a name"))
        .filter(|name| !words.contains(name))
        .collect();
    assert!(
        missing.is_empty(),
        "without a reason in ARCHITECTURE.md: {missing:?}"
    );
}

/// The compiler forbids it, and nobody may relax that.
#[test]
fn unsafe_is_forbidden() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("it is there");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let level = &manifest["lints"]["rust"]["unsafe_code"];
    assert_eq!(level.as_str(), Some("forbid"));
    assert_eq!(manifest["package"]["publish"].as_bool(), Some(false));
}

/// `make audit` says so where it has nothing to look advisories up in, and fails by what is found where it has.
#[test]
fn the_dependency_audit_is_told_of_when_it_is_left_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = folder.path().join("database");
    let programs = folder.path().join("bin");
    std::fs::create_dir_all(&programs).expect("a folder");
    let make = || {
        let path = std::env::var("PATH").unwrap_or_default();
        let ended = std::process::Command::new("make")
            .args([
                "-C",
                env!("CARGO_MANIFEST_DIR"),
                "--no-print-directory",
                "audit",
            ])
            .arg(format!("ADVISORIES={}", database.display()))
            .env("PATH", format!("{}:{path}", programs.display()))
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .output()
            .expect("make runs");
        (
            ended.status.success(),
            String::from_utf8_lossy(&ended.stdout).into_owned(),
        )
    };
    let (well, said) = make();
    assert!(
        well && said.contains("NOT RUN: the dependency audit"),
        "{said}"
    );
    // With both at hand it is run, and what it finds counts.
    std::fs::create_dir_all(database.join("crates")).expect("a folder");
    let script = "#!/bin/sh\necho looked at \"$@\"\nexit 1\n";
    let audit = programs.join("cargo-audit");
    std::fs::write(&audit, script).expect("written");
    let runs = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&audit, runs).expect("set");
    let (well, said) = make();
    assert!(
        !well && said.contains("looked at audit --no-fetch"),
        "{said}"
    );
}

/// The locked TLS of rustls is none with the advisories that `SECURITY.md` names.
#[test]
fn what_has_advisories_is_not_built_in() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("a list");
    let used: BTreeSet<&str> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|node| node["id"].as_str())
        .collect();
    let built = |name: &str| -> Vec<String> {
        let own = packages.iter().filter(|package| {
            package["name"] == name && package["id"].as_str().is_some_and(|id| used.contains(id))
        });
        own.filter_map(|package| package["version"].as_str().map(str::to_owned))
            .collect()
    };
    // 0.101 and before accept certificates they should not, and can be made to panic.
    let old = |version: &String| version.starts_with("0.101.") || version.starts_with("0.100.");
    let webpki = built("rustls-webpki");
    assert!(!webpki.iter().any(old), "rustls-webpki {webpki:?}");
    let rustls = built("rustls");
    let old = |version: &String| {
        ["0.20.", "0.21.", "0.22."]
            .iter()
            .any(|old| version.starts_with(old))
    };
    assert!(!rustls.iter().any(old), "rustls {rustls:?}");
    assert!(built("atty").is_empty() && built("openssl").len() == 1);
}
