//! The shape of a rulebook's file, table by table.

mod consequence;

use crate::app::rulebooks::reader::Reader;
use crate::domain::credit::Code;
use crate::domain::credit::Confidence;
use crate::domain::credit::Tier;
use crate::domain::credit::rulebook::BonusEffect;
use crate::domain::credit::rulebook::BonusRow;
use crate::domain::credit::rulebook::CleanStep;
use crate::domain::credit::rulebook::DeductionRow;
use crate::domain::credit::rulebook::EntryLimit;
use crate::domain::credit::rulebook::Figure;
use crate::domain::credit::rulebook::PenaltyClass;
use crate::domain::credit::rulebook::RepairPolicy;
use crate::domain::credit::rulebook::RulebookParts;
use crate::domain::credit::rulebook::SpecialRow;
use crate::domain::credit::rulebook::Stacking;
use crate::domain::credit::rulebook::Term;
use crate::domain::credit::rulebook::Unit;
use crate::domain::credit::rulebook::VetoRow;
use crate::domain::credit::rulebook::consequence::RedRepeat;
use crate::domain::credit::rulebook::yearly::YearlyParts;

/// The format this reader knows.
const FORMAT: i64 = 1;
/// How an edition comes to its tier.
const MODELS: [(&str, Model); 2] = [("points", Model::Points), ("yearly", Model::Yearly)];

/// How an edition comes to its tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    /// Entries of the ledger give and take points, day by day.
    Points,
    /// The authority scores a year; only the bands are known.
    Yearly,
}

/// The model of a file; one that names none counts points.
pub(super) fn model(root: &Reader<'_>) -> Model {
    if root.integer("format") != FORMAT {
        root.fault("format", format!("this program reads format {FORMAT}"));
    }
    if root.has("model") {
        root.word("model", &MODELS)
    } else {
        Model::Points
    }
}

/// The parts of an edition that is scored by the year.
pub(super) fn yearly(root: &Reader<'_>, sha256: String) -> YearlyParts {
    let scale = root.table("scale");
    let parts = YearlyParts {
        id: root.text("id"),
        title_zh: root.text("title_zh"),
        title_en: root.text("title_en"),
        jurisdiction: root.text("jurisdiction"),
        in_force_from: root.date("in_force_from"),
        sha256,
        scale_max: points(&scale, "max"),
        bands: root.list("band").iter().map(band).collect(),
    };
    scale.finish();
    parts
}

/// The parts of an edition that counts points.
pub(super) fn parts(root: &Reader<'_>, sha256: String) -> RulebookParts {
    let scale = root.table("scale");
    let clock = root.table("clock");
    let stacking = root.table("stacking");
    let objection = root.table("objection");
    let tariffs = root.table("tariffs");
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
        entry_limit: figure(&clock, "entry_limit", entry_limit),
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
        objection_file: count(&objection, "file_working_days"),
        objection_decide: count(&objection, "decide_working_days"),
        objection_complex: count(&objection, "complex_working_days"),
        objection_correct: count(&objection, "correct_working_days"),
        red_repeat: figure(&tariffs, "red_repeat", |at| at.word("value", &RED_REPEATS)),
        tariffs: root
            .list("tariff")
            .iter()
            .map(consequence::tariff)
            .collect(),
        policies: root
            .list("policy")
            .iter()
            .map(consequence::policy)
            .collect(),
    };
    objection.finish();
    tariffs.finish();
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
/// What the time for entering a document is counted in.
#[derive(Clone, Copy)]
enum EntryUnit {
    WorkingDays,
    Days,
}

const ENTRY_UNITS: [(&str, EntryUnit); 2] = [
    ("working_days", EntryUnit::WorkingDays),
    ("days", EntryUnit::Days),
];
const RED_REPEATS: [(&str, RedRepeat); 2] = [
    ("half_years", RedRepeat::HalfYears),
    ("years", RedRepeat::Years),
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

fn entry_limit(at: &Reader<'_>) -> EntryLimit {
    let days = at.number("value").unsigned_abs().into();
    match at.word("unit", &ENTRY_UNITS) {
        EntryUnit::WorkingDays => EntryLimit::WorkingDays(days),
        EntryUnit::Days => EntryLimit::Days(days),
    }
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
    } else if at.has("commitment") {
        let stands = at.table("commitment");
        let mark = mark(&stands);
        stands.finish();
        BonusEffect::Commitment(mark)
    } else if at.has("clean") {
        clean(at)
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
        by_unit: at.has("by_unit") && at.flag("by_unit"),
    };
    at.finish();
    row
}

/// Points for clean months under a commitment, step by step.
fn clean(at: &Reader<'_>) -> BonusEffect {
    let step = |at: &Reader<'_>| {
        let step = CleanStep {
            months: at.number("months").unsigned_abs().into(),
            points: Figure {
                value: at.number("points").into(),
                mark: mark(at),
                source: at.text("source"),
            },
        };
        at.finish();
        step
    };
    BonusEffect::Clean {
        commitment: code(at, "under"),
        steps: at.list("clean").iter().map(step).collect(),
    }
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
