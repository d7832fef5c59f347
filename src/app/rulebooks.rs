//! Rulebook files: TOML text to a checked [`Rulebook`], and the editions compiled in.
//!
//! Reading is strict and tells everything at once: a key that is unknown, missing or of the wrong kind is a
//! fault with its path, and all faults of a file come back together. The digest of the exact bytes goes with
//! the rulebook into every answer.

pub mod reader;

use crate::app::rulebooks::reader::Reader;
use crate::domain::credit::Code;
use crate::domain::credit::Confidence;
use crate::domain::credit::Tier;
use crate::domain::credit::rulebook::BonusEffect;
use crate::domain::credit::rulebook::BonusRow;
use crate::domain::credit::rulebook::DeductionRow;
use crate::domain::credit::rulebook::Figure;
use crate::domain::credit::rulebook::PenaltyClass;
use crate::domain::credit::rulebook::RepairPolicy;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::rulebook::RulebookFault;
use crate::domain::credit::rulebook::RulebookParts;
use crate::domain::credit::rulebook::SpecialRow;
use crate::domain::credit::rulebook::Stacking;
use crate::domain::credit::rulebook::Term;
use crate::domain::credit::rulebook::Unit;
use crate::domain::credit::rulebook::VetoRow;
use sha2::Digest;
use sha2::Sha256;
use std::fmt::Write;

/// The format this reader knows.
const FORMAT: i64 = 1;

/// The files compiled in: identifier and text.
const BUILT_IN: [(&str, &str); 2] = [
    ("JS2020", include_str!("../../config/rulebooks/JS2020.toml")),
    (
        "JS2020+N2026",
        include_str!("../../config/rulebooks/JS2020+N2026.toml"),
    ),
];

/// What is wrong with a rulebook, or with asking for one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulebookError {
    /// No such edition.
    #[error("rulebook {id:?} is not known; use auto or one of {known}")]
    Unknown {
        /// What was asked for.
        id: String,
        /// What there is.
        known: String,
    },
    /// The text is not TOML.
    #[error("the rulebook is not TOML: {0}")]
    Syntax(String),
    /// Faults with their keys, all of them.
    #[error("the rulebook is wrong: {}", joined(.0))]
    Faults(Vec<RulebookFault>),
}

fn joined(faults: &[RulebookFault]) -> String {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    faults.join("; ")
}

/// Identifiers of the editions compiled in, oldest first.
#[must_use]
pub fn ids() -> Vec<&'static str> {
    BUILT_IN.iter().map(|(id, _)| *id).collect()
}

/// An edition compiled in.
///
/// # Errors
///
/// An identifier nobody knows. The files themselves are checked by tests.
pub fn built_in(id: &str) -> Result<Rulebook, RulebookError> {
    let found = BUILT_IN.iter().find(|(known, _)| *known == id);
    let unknown = || RulebookError::Unknown {
        id: id.to_owned(),
        known: ids().join(", "),
    };
    let (_, text) = found.ok_or_else(unknown)?;
    parse(text)
}

/// The editions named by `rulebook`: one by its identifier, or with `auto` all of them, to be taken by date.
///
/// # Errors
///
/// An identifier nobody knows.
pub fn named(rulebook: &str) -> Result<Vec<Rulebook>, RulebookError> {
    if rulebook == "auto" {
        return ids().into_iter().map(built_in).collect();
    }
    Ok(vec![built_in(rulebook)?])
}

/// Reads a rulebook from its text.
///
/// # Errors
///
/// Text that is not TOML, or every fault with its key.
pub fn parse(text: &str) -> Result<Rulebook, RulebookError> {
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| RulebookError::Syntax(one_line(&error)))?;
    let faults = std::cell::RefCell::new(Vec::new());
    let root = Reader::root(&table, &faults);
    let parts = parts(&root, sha256(text));
    root.finish();
    let faults = faults.into_inner();
    if faults.is_empty() {
        Rulebook::new(parts).map_err(RulebookError::Faults)
    } else {
        Err(RulebookError::Faults(faults))
    }
}

fn one_line(error: &toml::de::Error) -> String {
    error
        .to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

fn parts(root: &Reader<'_>, sha256: String) -> RulebookParts {
    if root.integer("format") != FORMAT {
        root.fault("format", format!("this program reads format {FORMAT}"));
    }
    let scale = root.table("scale");
    let clock = root.table("clock");
    let stacking = root.table("stacking");
    let parts = RulebookParts {
        id: root.text("id"),
        title_zh: root.text("title_zh"),
        title_en: root.text("title_en"),
        jurisdiction: root.text("jurisdiction"),
        in_force_from: root.date("in_force_from"),
        sha256,
        scale_max: points(&scale, "max"),
        initial: points(&scale, "initial"),
        record_min: points(&scale, "record_min"),
        record_max: points(&scale, "record_max"),
        bands: root.list("band").iter().map(band).collect(),
        offset_days: count(&clock, "offset_days"),
        unit: figure(&clock, "unit", |at| at.word("value", &UNITS)),
        clamping: clamping(&clock),
        stacking: figure(&stacking, "mode", |at| at.word("value", &STACKINGS)),
        absorbed: codes(&stacking, "absorbed"),
        case_cap: points(&stacking, "case_cap"),
        deductions: root.list("deduction").iter().map(deduction).collect(),
        bonuses: root.list("bonus").iter().map(bonus).collect(),
        vetoes: root.list("veto").iter().map(veto).collect(),
        manual: special(&root.table("override")),
        halted: special(&root.table("halted")),
        repair: repair(&root.table("repair")),
    };
    scale.finish();
    clock.finish();
    stacking.finish();
    parts
}

const UNITS: [(&str, Unit); 2] = [("months", Unit::Months), ("days", Unit::Days)];
const STACKINGS: [(&str, Stacking); 2] = [
    ("absorb_then_sum", Stacking::AbsorbThenSum),
    ("max_only", Stacking::MaxOnly),
];
const CLAMPINGS: [(&str, ()); 1] = [("last_day_of_month", ())];
const CLASSES: [(&str, PenaltyClass); 3] = [
    ("minor", PenaltyClass::Minor),
    ("general", PenaltyClass::General),
    ("severe", PenaltyClass::Severe),
];
const COLOURS: [(&str, Tier); 5] = [
    ("green", Tier::Green),
    ("blue", Tier::Blue),
    ("yellow", Tier::Yellow),
    ("red", Tier::Red),
    ("black", Tier::Black),
];

/// `{ value, mark, source }`.
fn figure<T>(at: &Reader<'_>, key: &str, value: impl Fn(&Reader<'_>) -> T) -> Figure<T> {
    let at = at.table(key);
    let figure = Figure {
        value: value(&at),
        mark: mark(&at),
        source: at.text("source"),
    };
    at.finish();
    figure
}

fn points(at: &Reader<'_>, key: &str) -> Figure<i32> {
    figure(at, key, |at| i32::from(at.number("value")))
}

fn count(at: &Reader<'_>, key: &str) -> Figure<u32> {
    figure(at, key, |at| at.number("value").unsigned_abs().into())
}

fn clamping(clock: &Reader<'_>) -> Confidence {
    figure(clock, "clamping", |at| at.word("value", &CLAMPINGS)).mark
}

fn mark(at: &Reader<'_>) -> Confidence {
    let word = at.text("mark");
    Confidence::from_mark(&word).unwrap_or_else(|| {
        at.fault(
            "mark",
            format!("{word:?} is no mark; use V2, V3, .., S, S-law, I, D or U"),
        );
        Confidence::U
    })
}

fn term(at: &Reader<'_>, key: &str) -> Term {
    let at = at.table(key);
    let term = Term {
        months: at.number("months").unsigned_abs().into(),
        days: at.number("days").unsigned_abs().into(),
        mark: mark(&at),
        source: at.text("source"),
    };
    at.finish();
    term
}

fn code(at: &Reader<'_>, key: &str) -> Code {
    read_code(at, key, &at.text(key))
}

fn codes(at: &Reader<'_>, key: &str) -> Vec<Code> {
    at.texts(key)
        .iter()
        .map(|text| read_code(at, key, text))
        .collect()
}

fn read_code(at: &Reader<'_>, key: &str, text: &str) -> Code {
    Code::new(text).unwrap_or_else(|| {
        at.fault(
            key,
            format!("{text:?} is no code; write a capital and two digits, as D03"),
        );
        Code::new("X00").expect("a capital and two digits")
    })
}

fn band(at: &Reader<'_>) -> (Tier, Figure<i32>) {
    let band = (at.word("tier", &COLOURS), points(at, "least"));
    at.finish();
    band
}

fn deduction(at: &Reader<'_>) -> DeductionRow {
    let row = DeductionRow {
        code: code(at, "code"),
        zh: at.text("zh"),
        en: at.text("en"),
        document: at.text("document"),
        class: at.word("class", &CLASSES),
        points: points(at, "points"),
        term: term(at, "term"),
        includes: if at.has("includes") {
            codes(at, "includes")
        } else {
            Vec::new()
        },
        enabled: !at.has("enabled") || at.flag("enabled"),
    };
    at.finish();
    row
}

fn bonus(at: &Reader<'_>) -> BonusRow {
    let effect = if at.has("floor") {
        BonusEffect::Floor(points(at, "floor"))
    } else {
        BonusEffect::Points(points(at, "points"))
    };
    let row = BonusRow {
        code: code(at, "code"),
        zh: at.text("zh"),
        en: at.text("en"),
        effect,
        term: term(at, "term"),
        max_active: count(at, "max_active"),
        enabled: !at.has("enabled") || at.flag("enabled"),
    };
    at.finish();
    row
}

fn veto(at: &Reader<'_>) -> VetoRow {
    let row = VetoRow {
        code: code(at, "code"),
        zh: at.text("zh"),
        en: at.text("en"),
        tier: at.word("tier", &COLOURS),
        follows: codes(at, "follows"),
        mark: mark(at),
        source: at.text("source"),
    };
    at.finish();
    row
}

fn special(at: &Reader<'_>) -> SpecialRow {
    let row = SpecialRow {
        code: code(at, "code"),
        zh: at.text("zh"),
        en: at.text("en"),
        term: term(at, "term"),
    };
    at.finish();
    row
}

fn repair(at: &Reader<'_>) -> RepairPolicy {
    let policy = RepairPolicy {
        early: figure(at, "early", |at| at.flag("value")),
        minor: term(at, "minor"),
        general: term(at, "general"),
        severe: term(at, "severe"),
    };
    at.finish();
    policy
}

#[cfg(test)]
mod tests {
    use crate::app::rulebooks;
    use crate::domain::credit::Code;
    use crate::domain::credit::Confidence;
    use crate::domain::credit::Tier;
    use crate::domain::credit::rulebook::Rulebook;

    const TEXT: &str = include_str!("../../config/rulebooks/JS2020.toml");

    fn js2020() -> Rulebook {
        rulebooks::built_in("JS2020").expect("the file is right")
    }

    #[test]
    fn every_edition_reads_under_its_own_name() {
        for id in rulebooks::ids() {
            assert_eq!(rulebooks::built_in(id).expect(id).id(), id);
        }
        assert_eq!(
            rulebooks::named("auto").expect("all").len(),
            rulebooks::ids().len()
        );
        let error = rulebooks::named("JS1999").expect_err("unknown").to_string();
        assert_eq!(
            error,
            "rulebook \"JS1999\" is not known; use auto or one of JS2020, JS2020+N2026"
        );
    }

    #[test]
    fn band_edges_fall_where_the_rule_puts_them() {
        let rulebook = js2020();
        let edges = [
            (12, Tier::Green),
            (11, Tier::Green),
            (10, Tier::Blue),
            (6, Tier::Blue),
            (5, Tier::Yellow),
            (3, Tier::Yellow),
            (2, Tier::Red),
            (1, Tier::Red),
            (0, Tier::Black),
            (-1, Tier::Black),
        ];
        for (score, tier) in edges {
            assert_eq!(rulebook.band(score), (tier, Confidence::S), "{score}");
        }
    }

    #[test]
    fn the_table_is_whole() {
        let rulebook = js2020();
        let parts = rulebook.parts();
        assert_eq!(
            (
                parts.deductions.len(),
                parts.bonuses.len(),
                parts.vetoes.len()
            ),
            (27, 4, 3)
        );
        let off: Vec<&str> = parts
            .deductions
            .iter()
            .filter(|row| !row.enabled)
            .map(|row| row.code.as_str())
            .chain(
                parts
                    .bonuses
                    .iter()
                    .filter(|row| !row.enabled)
                    .map(|row| row.code.as_str()),
            )
            .collect();
        assert_eq!(off, ["D03a", "B04"]);
        let fine = rulebook
            .deduction(&Code::new("D03").expect("a code"))
            .expect("the fine");
        assert_eq!((fine.points.value, fine.term.months), (3, 6));
        assert_eq!(
            (fine.points.mark, fine.term.mark),
            (Confidence::S, Confidence::V)
        );
    }

    #[test]
    fn the_digest_is_that_of_the_bytes() {
        let rulebook = js2020();
        assert_eq!(rulebook.sha256().len(), 64);
        let other = rulebooks::parse(&format!("{TEXT}\n")).expect("a line more is still right");
        assert_ne!(rulebook.sha256(), other.sha256());
    }

    fn check(from: &str, to: &str, expected: &[&str]) {
        assert!(TEXT.contains(from), "{from} is not in the file");
        let error = rulebooks::parse(&TEXT.replacen(from, to, 1))
            .expect_err(to)
            .to_string();
        for part in expected {
            assert!(error.contains(part), "{to}: {error}");
        }
    }

    #[test]
    fn faults_name_their_key_and_come_together() {
        check("id = ", "ident = ", &["id: missing", "ident: unknown key"]);
        check(
            "format = 1",
            "format = 2",
            &["format: this program reads format 1"],
        );
        check(
            "\"2020-01-01\"",
            "\"2020-13-01\"",
            &["in_force_from: \"2020-13-01\" is no date"],
        );
        check(
            "mark = \"V3\"",
            "mark = \"V1\"",
            &["scale.max.mark: \"V1\" is no mark"],
        );
        check(
            "value = 9,",
            "value = 9.5,",
            &["scale.initial.value: expected a whole number"],
        );
        check(
            "value = 9,",
            "value = 90,",
            &["scale.initial: 90 is above scale.max"],
        );
        check(
            "tier = \"red\"",
            "tier = \"pink\"",
            &["band[3].tier: \"pink\"", "green, blue, yellow"],
        );
        check(
            "code = \"D02\"",
            "code = \"D01\"",
            &["deduction.D01: the code is given twice"],
        );
        check(
            "code = \"D26\"",
            "code = \"26\"",
            &["deduction[25].code: \"26\" is no code"],
        );
        check(
            "value = 5,",
            "value = 13,",
            &["deduction.D06.points: 13 is outside 1 to 12"],
        );
        check(
            "months = 6, days = 180, mark = \"V2\"",
            "months = 0, days = 180, mark = \"V2\"",
            &["deduction.D03.term: must last"],
        );
        check(
            "follows = [\"D15\"]",
            "follows = [\"D99\"]",
            &["veto.V01.follows: D99 is no deduction"],
        );
        check("[scale]", "[scale", &["the rulebook is not TOML"]);
    }
}
