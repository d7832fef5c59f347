//! The tables of a rulebook's file that say what a tier brings with it.

use crate::app::rulebooks::file::COLOURS;
use crate::app::rulebooks::file::mark;
use crate::app::rulebooks::reader::Reader;
use crate::domain::credit::rulebook::consequence::InForce;
use crate::domain::credit::rulebook::consequence::Policy;
use crate::domain::credit::rulebook::consequence::Tariff;
use crate::domain::credit::rulebook::consequence::Words;
use crate::domain::units::Amount;

const IN_FORCE: [(&str, InForce); 3] = [
    ("yes", InForce::Yes),
    ("no", InForce::No),
    ("unknown", InForce::Unknown),
];
/// Farthest an interest may lie from the usual one, in hundredths of a percent.
const RATE_BP_MAX: i64 = 10_000;

/// A surcharge.
pub(super) fn tariff(at: &Reader<'_>) -> Tariff {
    let tariff = Tariff {
        item: at.text("item"),
        name: Words {
            zh: at.text("zh"),
            en: at.text("en"),
        },
        unit: at.text("unit"),
        in_force: at.word("in_force", &IN_FORCE),
        red: rate(at, "red"),
        red_repeated: rate(at, "red_repeated"),
        black: rate(at, "black"),
        mark: mark(at),
        source: at.text("source"),
    };
    at.finish();
    tariff
}

/// A rate as text, so that no binary float comes near money.
fn rate(at: &Reader<'_>, key: &str) -> Amount {
    let text = at.text(key);
    Amount::parse(&text).unwrap_or_else(|fault| {
        at.fault(
            key,
            format!("{text:?}: {fault}; write a rate such as \"0.05\""),
        );
        Amount::default()
    })
}

/// How a tier is treated.
pub(super) fn policy(at: &Reader<'_>) -> Policy {
    let policy = Policy {
        tier: at.word("tier", &COLOURS),
        working_capital: words(at, "working_capital"),
        investment: words(at, "investment"),
        stock: words(at, "stock"),
        rate_bp: at.has("rate_bp").then(|| rate_bp(at)),
        inspections: words(at, "inspections"),
        approvals: words(at, "approvals"),
        subsidies: words(at, "subsidies"),
        mark: mark(at),
        source: at.text("source"),
    };
    at.finish();
    policy
}

fn rate_bp(at: &Reader<'_>) -> i32 {
    let rate = at.integer("rate_bp");
    if rate.abs() > RATE_BP_MAX {
        at.fault(
            "rate_bp",
            format!("{rate} is outside -{RATE_BP_MAX} to {RATE_BP_MAX}"),
        );
    }
    i32::try_from(rate).unwrap_or_default()
}

fn words(at: &Reader<'_>, key: &str) -> Words {
    let at = at.table(key);
    let words = Words {
        zh: at.text("zh"),
        en: at.text("en"),
    };
    at.finish();
    words
}
