//! The house rules as tests: who may use whom, shape and size, words. Every fault is printed as `file:line`.
//!
//! A rule looks at the text of one file, nothing more; the sources are formatted, so that is enough.

mod homes;
mod notices;

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::tidy::homes::HOMES;

/// Lines of a file and of a function at most.
const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
/// Functions that are longer still, by file and length. The list may only shrink.
const LONG_FUNCTIONS: [(&str, usize); 0] = [];
/// Bytes of a tracked file at most, and the files that may have more.
const BLOB_BYTES_MAX: u64 = 2_000_000;
const LARGE_FILES: [&str; 0] = [];

/// From the core outwards; a layer uses those before it.
const LAYERS: [&str; 6] = ["domain", "ports", "flow", "adapters", "app", "main"];

/// Which adapter may use which other one.
const ADAPTER_PAIRS: &[(&str, &str)] = &[
    // Names of levels, and the typeface.
    ("bulletin", "chart"),
    ("bulletin", "lang"),
    ("bulletin", "words"),
    ("chart", "lang"),
    ("access", "hex"),
    ("access", "password"),
    ("bulletin", "hex"),
    ("access", "store"),
    ("http", "access"),
    // The counts that metrics show.
    ("http", "hj212"),
    ("hj212", "inbound"),
    ("hj212", "limits"),
    // Who may send.
    ("hj212", "mqtt"),
    ("hj212", "payload"),
    ("export", "cells"),
    ("http", "bulletin"),
    ("http", "cells"),
    ("http", "chart"),
    ("http", "credit_events"),
    ("http", "deletions"),
    ("http", "imports"),
    // How much waits in it.
    ("http", "inbound"),
    ("http", "lang"),
    ("http", "names"),
    ("http", "limits"),
    // Only the settings and counters that the health page shows.
    ("http", "mqtt"),
    ("http", "publications"),
    ("http", "receipt"),
    ("http", "report"),
    ("http", "reviews"),
    ("http", "tables"),
    ("http", "timestamps"),
    ("http", "webhooks"),
    ("http", "tls"),
    ("http", "words"),
    ("layout", "cells"),
    // The columns of exported readings.
    ("layout", "report"),
    // The shape of JSON, and its limits.
    ("mapping", "payload"),
    ("mqtt", "inbound"),
    ("mqtt", "limits"),
    ("mqtt", "payload"),
    ("mqtt", "tls"),
    ("publications", "cells"),
    ("publications", "lang"),
    ("publications", "report"),
    ("credit_events", "hex"),
    ("credit_events", "names"),
    ("receipt", "credit_events"),
    ("report", "cells"),
    ("report", "hex"),
    ("report", "lang"),
    ("report", "words"),
    ("reviews", "report"),
    ("http", "snapshot"),
    ("snapshot", "credit_events"),
    ("snapshot", "export"),
    ("snapshot", "receipt"),
    ("store", "credit_events"),
    ("tables", "cells"),
    ("store", "deletions"),
    ("webhooks", "credit_events"),
    ("words", "lang"),
    ("store", "publications"),
    ("store", "removals"),
    ("store", "reviews"),
    ("store", "unreached"),
    ("timestamps", "unreached"),
    ("webhooks", "unreached"),
];

/// All that the core uses beside itself.
const CORE_CRATES: [&str; 7] = [
    "std",
    "chrono",
    "num_bigint",
    "num_integer",
    "num_rational",
    "num_traits",
    "thiserror",
];

/// What the core never asks the system for.
const CORE_FORBIDS: [&str; 8] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::io",
    "std::time",
    "std::thread",
    "std::process",
    "async fn",
];

/// Words that the field does not use for what we mean, as in `clue` and `exceedance`.
const BANNED_WORDS: [&str; 4] = ["violation", "good rate", "data point", "air quality score"];

/// A source file by its path in the tree.
struct Source {
    path: String,
    text: String,
}

type Rule = fn(&Source) -> Vec<(usize, String)>;

impl Source {
    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.ends_with("/tests.rs")
    }

    /// Numbered lines without their comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = (1..).zip(self.text.lines());
        lines.map(|(number, line)| (number, line.split("//").next().unwrap_or_default()))
    }

    /// The same without the tests, which end a file.
    fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.is_test();
        self.code()
            .take_while(move |(_, line)| !tests && !line.trim().starts_with("#[cfg(test)]"))
    }

    /// The name of its module right under `folder`.
    fn within(&self, folder: &str) -> Option<&str> {
        let rest = self.path.strip_prefix(folder)?.strip_prefix('/')?;
        rest.split(['/', '.']).next()
    }

    fn layer(&self) -> Option<usize> {
        let layer = self.within("src")?;
        LAYERS.iter().position(|name| *name == layer)
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words that stand right after `lead` anywhere in the line.
fn after<'a>(line: &'a str, lead: &'a str) -> impl Iterator<Item = &'a str> {
    let rests = line
        .match_indices(lead)
        .map(move |(at, _)| (&line[..at], &line[at + lead.len()..]));
    rests
        .filter(|(before, _)| !before.ends_with(is_word))
        .map(|(_, rest)| rest.split(|c| !is_word(c)).next().unwrap_or_default())
}

/// Whether the line uses the crate: `name::` or `name!`, not as a part of another path.
fn uses(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let (before, rest) = (&line[..at], &line[at + name.len()..]);
        let whole = !before.ends_with(is_word) && !before.ends_with("::");
        whole && rest.starts_with("::")
    })
}

fn with_text(source: &Source, texts: &[&str], say: &str) -> Vec<(usize, String)> {
    let hit = |line: &str| texts.iter().find(|text| line.contains(**text)).copied();
    source
        .code()
        .filter_map(|(number, line)| hit(line).map(|text| (number, format!("{text}: {say}"))))
        .collect()
}

fn layers(source: &Source) -> Vec<(usize, String)> {
    let Some(own) = source.layer() else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    for (number, line) in source.code() {
        for name in after(line, "crate::") {
            let used = LAYERS.iter().position(|layer| *layer == name);
            if used.is_some_and(|used| used > own) {
                faults.push((number, format!("{} uses {name}", LAYERS[own])));
            }
        }
    }
    faults
}

fn adapters(source: &Source) -> Vec<(usize, String)> {
    let Some(own) = source.within("src/adapters") else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    for (number, line) in source.code() {
        for name in after(line, "crate::adapters::") {
            if name != own && !ADAPTER_PAIRS.contains(&(own, name)) {
                faults.push((number, format!("adapter {own} uses {name}")));
            }
        }
    }
    faults
}

/// The core's modules in the order of `src/domain.rs`.
fn core_order() -> Vec<String> {
    let list = fs::read_to_string(root().join("src/domain.rs")).expect("the core's list");
    let name = |line: &str| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned());
    list.lines().filter_map(name).collect()
}

fn core(source: &Source) -> Vec<(usize, String)> {
    let Some(own) = source.within("src/domain") else {
        return Vec::new();
    };
    let order = core_order();
    let place = |name: &str| order.iter().position(|module| module == name);
    let mut faults = with_text(source, &CORE_FORBIDS, "not in the core");
    for (number, line) in source.shipped() {
        for name in after(line, "crate::domain::") {
            if place(name) > place(own) {
                faults.push((number, format!("{own} uses {name}, which comes after it")));
            }
        }
        let import = line
            .trim_start()
            .trim_start_matches("pub ")
            .strip_prefix("use ");
        let Some(name) = import.and_then(|path| path.split("::").next()) else {
            continue;
        };
        if !["crate", "super", "self"].contains(&name) && !CORE_CRATES.contains(&name) {
            faults.push((number, format!("the core uses crate {name}")));
        }
    }
    faults
}

fn homes(source: &Source) -> Vec<(usize, String)> {
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    let away =
        |(_, homes): &&(&str, &[&str])| !homes.iter().any(|home| source.path.starts_with(home));
    let mut faults = Vec::new();
    for (name, homes) in HOMES.iter().filter(away) {
        let lines = source.code().filter(|(_, line)| uses(line, name));
        faults.extend(
            lines.map(|(number, _)| (number, format!("{name} lives in {}", homes.join(", ")))),
        );
    }
    faults
}

/// Only the outermost layer asks for the time. The sessions of MQTT and of HJ 212 may measure how long a peer was silent, the limits how
/// fast it goes, and a snapshot that is written while it is read how long its reader takes.
fn clocks(source: &Source) -> Vec<(usize, String)> {
    let outside = source.layer().is_none_or(|layer| layer >= 4);
    let lines = source.shipped().filter(|_| !outside);
    let measures = [
        "src/adapters/mqtt",
        "src/adapters/hj212",
        "src/adapters/limits",
        "src/adapters/http/credit/snapshots",
    ];
    let elapsed = measures.iter().any(|path| source.path.starts_with(path));
    let clock = |line: &str| {
        let wall = ["Utc::now", "Local::now", "SystemTime"];
        wall.iter().any(|text| line.contains(text)) || (line.contains("Instant::now") && !elapsed)
    };
    lines
        .filter(|(_, line)| clock(line))
        .map(|(number, _)| (number, "reads a clock outside app".to_owned()))
        .collect()
}

fn shape(source: &Source) -> Vec<(usize, String)> {
    let mut faults = with_text(
        source,
        &[
            concat!("use cr", "ate::{"),
            concat!("use sky", "tier::{"),
            concat!("super::", "super"),
        ],
        "one module a line, by its full path",
    );
    let allow = concat!("[all", "ow(");
    faults.extend(with_text(source, &[allow], "use expect with a reason"));
    faults.extend(with_text(
        source,
        &[concat!("macro_", "rules!")],
        "no macros",
    ));
    if !source.text.starts_with("//! ") {
        faults.push((1, "begins without a module comment".to_owned()));
    }
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        faults.push((lines, format!("{lines} lines, at most {FILE_LINES_MAX}")));
    }
    let unwraps = source
        .shipped()
        .filter(|(_, line)| line.contains(".unwrap()"));
    faults.extend(unwraps.map(|(number, _)| (number, "unwrap outside tests".to_owned())));
    let trait_words = [
        "trait ",
        "pub trait ",
        "pub(crate) trait ",
        "pub(super) trait ",
    ];
    let is_trait = |line: &str| {
        trait_words
            .iter()
            .any(|word| line.trim_start().starts_with(word))
    };
    let traits = source
        .code()
        .filter(|(_, line)| source.path != "src/ports.rs" && is_trait(line));
    faults.extend(traits.map(|(number, _)| (number, "a trait outside ports.rs".to_owned())));
    let inner = source.code().zip(source.text.lines().skip(1));
    let tests_first = inner.filter(|((_, line), next)| {
        line.starts_with("#[cfg(test)]") && !next.starts_with("mod tests")
    });
    faults.extend(tests_first.map(|((number, _), _)| (number, "tests end a file".to_owned())));
    faults
}

/// Counts from the line of the signature's `fn` to the closing brace at the same indentation.
fn functions(source: &Source) -> Vec<(usize, String)> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut faults = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let before = code.split("fn ").next().unwrap_or_default();
        let marks = ["pub", "async", "const", "pub(super)", "pub(crate)"];
        let signature =
            code.contains("fn ") && before.split_whitespace().all(|word| marks.contains(&word));
        if !signature || line.ends_with(';') || line.ends_with('}') {
            continue;
        }
        let closing = format!("{}}}", &line[..line.len() - code.len()]);
        let length = lines[at..]
            .iter()
            .position(|line| *line == closing)
            .map_or(0, |end| end + 1);
        let listed = LONG_FUNCTIONS.contains(&(source.path.as_str(), length));
        if length > FUNCTION_LINES_MAX && !listed {
            faults.push((
                at + 1,
                format!("{length} lines, at most {FUNCTION_LINES_MAX}"),
            ));
        }
    }
    faults
}

fn words(source: &Source) -> Vec<(usize, String)> {
    let markers = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX"),
        concat!("HA", "CK"),
    ];
    let marked = |line: &str| {
        let mut words = line.split(|c| !is_word(c));
        words.any(|word| markers.contains(&word))
    };
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(source.text.lines()) {
        if marked(line) {
            faults.push((number, "a marker left over".to_owned()));
        }
        let lower = line.to_lowercase();
        let listed = source.path.starts_with("tests/it/tidy");
        let banned = BANNED_WORDS
            .iter()
            .filter(|word| !listed && lower.contains(**word));
        faults.extend(banned.map(|word| (number, format!("{word:?} is not our word"))));
    }
    faults
}

/// Traces of one machine or of how the work was done.
fn traces(source: &Source) -> Vec<(usize, String)> {
    let folders = ["work", "farm", "root"].map(|folder| format!("/{folder}/"));
    let hosts = [
        ("crates", "io"),
        ("pypi", "org"),
        ("npmjs", "org"),
        ("debian", "org"),
    ];
    let hosts = hosts.map(|(name, end)| format!("{name}.{end}"));
    let talk = ["AI", "LLM"]
        .map(|who| ["generated", "assisted", "agent"].map(|what| format!("{who}-{what}")));
    let rooted = |line: &str, folder: &String| {
        let mut found = line.match_indices(folder);
        found.any(|(at, _)| !line[..at].ends_with(|c| is_word(c) || c == '.'))
    };
    let trace = |line: &str| {
        folders.iter().any(|folder| rooted(line, folder))
            || hosts
                .iter()
                .chain(talk.iter().flatten())
                .any(|text| line.contains(text))
            || line.contains(concat!("coding", " agent"))
    };
    let lines = (1..)
        .zip(source.text.lines())
        .filter(|(_, line)| trace(line));
    lines
        .map(|(number, _)| (number, "a trace of one machine".to_owned()))
        .collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Tracked files and those that would be added; without git, all but the build's.
fn files() -> Vec<String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let listed = git.current_dir(root()).output();
    if let Some(output) = listed.ok().filter(|output| output.status.success()) {
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let existing = text.lines().filter(|path| root().join(path).is_file());
        return existing.map(str::to_owned).collect();
    }
    let mut folders = vec![root().to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path: PathBuf = entry.expect("an entry").path();
            let relative = path.strip_prefix(root()).expect("inside").to_owned();
            let name = relative.display().to_string();
            if path.is_file() {
                files.push(name);
            } else if !["target", "var", ".git"].contains(&name.as_str()) {
                folders.push(path);
            }
        }
    }
    files
}

fn sources(wanted: impl Fn(&str) -> bool) -> Vec<Source> {
    let read = |path: String| {
        let text = fs::read_to_string(root().join(&path)).ok()?;
        Some(Source { path, text })
    };
    let wanted = files().into_iter().filter(|path| wanted(path));
    wanted.filter_map(read).collect()
}

fn is_code(path: &str) -> bool {
    path.ends_with(".rs") && (path.starts_with("src/") || path.starts_with("tests/"))
}

fn check(rule: Rule, sources: &[Source]) {
    assert!(sources.len() > 50, "the tree was not found");
    let mut faults = Vec::new();
    for source in sources {
        let found = rule(source).into_iter();
        faults.extend(found.map(|(line, fault)| format!("{}:{line}: {fault}", source.path)));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_layer_uses_only_those_before_it() {
    check(layers, &sources(is_code));
}

#[test]
fn adapters_do_not_use_one_another() {
    check(adapters, &sources(is_code));
}

#[test]
fn the_core_is_pure_and_reads_downwards() {
    check(core, &sources(is_code));
}

#[test]
fn every_foreign_crate_has_one_home() {
    check(homes, &sources(is_code));
}

#[test]
fn only_the_app_reads_clocks() {
    check(clocks, &sources(is_code));
}

#[test]
fn files_have_their_shape() {
    check(shape, &sources(is_code));
}

#[test]
fn functions_are_short() {
    check(functions, &sources(is_code));
}

#[test]
fn words_are_ours() {
    check(words, &sources(is_code));
}

#[test]
fn nothing_tells_of_one_machine() {
    check(traces, &sources(|path| path != "Cargo.lock"));
}

#[test]
fn no_file_is_oversized() {
    let bytes = |path: &String| fs::metadata(root().join(path)).map_or(0, |data| data.len());
    let listed = |path: &String| LARGE_FILES.contains(&path.as_str());
    let large = |path: &String| bytes(path) > BLOB_BYTES_MAX && !listed(path);
    let large: Vec<String> = files().into_iter().filter(large).collect();
    assert!(
        large.is_empty(),
        "more than {BLOB_BYTES_MAX} bytes: {large:?}"
    );
}

/// Paths in backquotes, from the root of the tree or from `src`.
#[test]
fn files_named_in_the_architecture_exist() {
    let Ok(text) = fs::read_to_string(root().join("ARCHITECTURE.md")) else {
        return;
    };
    let named = text.split('`').skip(1).step_by(2);
    let ends = [".rs", ".toml", ".md", ".csv", ".sql", ".svg"];
    let is_path = |name: &&str| {
        let plain = name.chars().all(|c| is_word(c) || "/.-+".contains(c));
        plain
            && ends
                .iter()
                .any(|end| name.ends_with(end) && name.len() > end.len())
    };
    let exists = |name: &str| root().join(name).exists() || root().join("src").join(name).exists();
    let missing: Vec<&str> = named.filter(is_path).filter(|name| !exists(name)).collect();
    assert!(missing.is_empty(), "named, but not there: {missing:?}");
}
