//! What a tier costs and allows, as interfaces print it.

use crate::adapters::credit_events::instant_text;
use crate::domain::credit::Tier;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::rulebook::consequence;
use crate::domain::credit::rulebook::consequence::InForce;
use crate::domain::credit::rulebook::consequence::Tariff;
use crate::domain::credit::rulebook::consequence::Words;
use crate::domain::credit::tariff::TariffTier;
use crate::domain::units::Amount;
use crate::domain::units::Exact;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use serde::Serialize;

/// Decimal places of a sum in yuan.
const FEN_DECIMALS: u32 = 2;

/// Quantities of one month, or any other stretch, to compute surcharges for: item and amount.
pub type Quantities<'a> = &'a [(&'static str, Amount)];

/// Items surcharges are on, with the parameter that gives their quantity.
pub const ITEMS: [(&str, &str); 2] = [
    (consequence::ITEMS[0], "kwh"),
    (consequence::ITEMS[1], "m3"),
];

/// The tier of the tariffs, as known at a time, and the surcharges that follow from it.
#[derive(Serialize)]
pub struct TariffView<'a> {
    snapshot: NaiveDate,
    known_at: String,
    from: NaiveDate,
    to: NaiveDate,
    score: i32,
    tier: &'static str,
    forecast: bool,
    confidence: &'static str,
    rulebook: &'a str,
    rulebook_sha256: &'a str,
    red_repeated: bool,
    surcharges: Vec<Surcharge<'a>>,
}

#[derive(Serialize)]
struct Surcharge<'a> {
    item: &'a str,
    name_zh: &'a str,
    name_en: &'a str,
    unit: &'a str,
    rate: String,
    in_force: &'static str,
    quantity: Option<String>,
    amount_yuan: Option<String>,
    void_reason: Option<&'static str>,
    confidence: &'static str,
}

/// A text in both languages.
#[derive(Serialize)]
struct WordsView<'a> {
    zh: &'a str,
    en: &'a str,
}

/// How a tier is treated.
#[derive(Serialize)]
pub struct PolicyView<'a> {
    tier: &'static str,
    working_capital: WordsView<'a>,
    investment: WordsView<'a>,
    stock: WordsView<'a>,
    rate_bp: Option<i32>,
    inspections: WordsView<'a>,
    approvals: WordsView<'a>,
    subsidies: WordsView<'a>,
    confidence: &'static str,
}

/// The tier of the tariffs as a reader sees it.
#[must_use]
pub fn tariff_view<'a>(
    tariff: &TariffTier<'a>,
    quantities: Quantities<'_>,
    known_at: DateTime<FixedOffset>,
) -> TariffView<'a> {
    let (rulebook, stood) = (tariff.rulebook, tariff.stood);
    let surcharges = rulebook.parts().tariffs.iter();
    TariffView {
        snapshot: tariff.snapshot,
        known_at: instant_text(tariff.known_at),
        from: tariff.from,
        to: tariff.to,
        score: stood.score,
        tier: stood.tier.as_str(),
        forecast: tariff.is_forecast(known_at),
        confidence: stood.confidence.as_str(),
        rulebook: rulebook.id(),
        rulebook_sha256: rulebook.sha256(),
        red_repeated: tariff.red_repeated,
        surcharges: surcharges
            .map(|row| surcharge(row, tariff, quantities))
            .collect(),
    }
}

fn surcharge<'a>(
    row: &'a Tariff,
    tariff: &TariffTier<'_>,
    quantities: Quantities<'_>,
) -> Surcharge<'a> {
    let rate = row.rate(tariff.stood.tier, tariff.red_repeated);
    let quantity = quantities.iter().find(|(item, _)| *item == row.item);
    let sum = |quantity: Amount| {
        let sum = Exact::amount(rate).times(&Exact::amount(quantity));
        sum.round(FEN_DECIMALS).to_string()
    };
    let (amount_yuan, void_reason) = match (row.in_force, quantity) {
        (InForce::Unknown, _) => (None, Some("whether this surcharge is in force is unknown")),
        (InForce::No, _) => (None, Some("this surcharge is not in force")),
        (InForce::Yes, None) => (None, Some("no quantity was given")),
        (InForce::Yes, Some((_, quantity))) => (Some(sum(*quantity)), None),
    };
    Surcharge {
        item: &row.item,
        name_zh: &row.name.zh,
        name_en: &row.name.en,
        unit: &row.unit,
        rate: rate.to_string(),
        in_force: row.in_force.as_str(),
        quantity: quantity.map(|(_, quantity)| quantity.to_string()),
        amount_yuan,
        void_reason,
        confidence: row.mark.as_str(),
    }
}

fn words(words: &Words) -> WordsView<'_> {
    WordsView {
        zh: &words.zh,
        en: &words.en,
    }
}

/// How a tier is treated; `None` for a unit that is not rated.
#[must_use]
pub fn policy_view(rulebook: &Rulebook, tier: Tier) -> Option<PolicyView<'_>> {
    let policy = rulebook.policy(tier)?;
    Some(PolicyView {
        tier: tier.as_str(),
        working_capital: words(&policy.working_capital),
        investment: words(&policy.investment),
        stock: words(&policy.stock),
        rate_bp: policy.rate_bp,
        inspections: words(&policy.inspections),
        approvals: words(&policy.approvals),
        subsidies: words(&policy.subsidies),
        confidence: policy.mark.as_str(),
    })
}
