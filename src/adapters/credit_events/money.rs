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
use serde_json::Value;
use serde_json::json;

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
#[must_use]
pub fn tariff_json(
    tariff: &TariffTier<'_>,
    quantities: Quantities<'_>,
    known_at: DateTime<FixedOffset>,
) -> Value {
    let (rulebook, stood) = (tariff.rulebook, tariff.stood);
    let surcharges = rulebook.parts().tariffs.iter();
    json!({
        "snapshot": tariff.snapshot.to_string(),
        "known_at": instant_text(tariff.known_at),
        "from": tariff.from.to_string(),
        "to": tariff.to.to_string(),
        "score": stood.score,
        "tier": stood.tier.as_str(),
        "forecast": tariff.is_forecast(known_at),
        "confidence": stood.confidence.as_str(),
        "rulebook": rulebook.id(),
        "rulebook_sha256": rulebook.sha256(),
        "red_repeated": tariff.red_repeated,
        "surcharges": surcharges
            .map(|row| surcharge_json(row, tariff, quantities))
            .collect::<Vec<_>>(),
    })
}

fn surcharge_json(row: &Tariff, tariff: &TariffTier<'_>, quantities: Quantities<'_>) -> Value {
    let rate = row.rate(tariff.stood.tier, tariff.red_repeated);
    let quantity = quantities.iter().find(|(item, _)| *item == row.item);
    let sum = |quantity: Amount| {
        let sum = Exact::amount(rate).times(&Exact::amount(quantity));
        sum.round(FEN_DECIMALS).to_string()
    };
    let (amount, void_reason) = match (row.in_force, quantity) {
        (InForce::Unknown, _) => (None, Some("whether this surcharge is in force is unknown")),
        (InForce::No, _) => (None, Some("this surcharge is not in force")),
        (InForce::Yes, None) => (None, Some("no quantity was given")),
        (InForce::Yes, Some((_, quantity))) => (Some(sum(*quantity)), None),
    };
    json!({
        "item": row.item,
        "name_zh": row.name.zh,
        "name_en": row.name.en,
        "unit": row.unit,
        "rate": rate.to_string(),
        "in_force": row.in_force.as_str(),
        "quantity": quantity.map(|(_, quantity)| quantity.to_string()),
        "amount_yuan": amount,
        "void_reason": void_reason,
        "confidence": row.mark.as_str(),
    })
}

fn words(words: &Words) -> Value {
    json!({"zh": words.zh, "en": words.en})
}

/// How a tier is treated; null for a unit that is not rated.
#[must_use]
pub fn policy_json(rulebook: &Rulebook, tier: Tier) -> Value {
    rulebook.policy(tier).map_or(Value::Null, |policy| {
        json!({
            "tier": tier.as_str(),
            "working_capital": words(&policy.working_capital),
            "investment": words(&policy.investment),
            "stock": words(&policy.stock),
            "rate_bp": policy.rate_bp,
            "inspections": words(&policy.inspections),
            "approvals": words(&policy.approvals),
            "subsidies": words(&policy.subsidies),
            "confidence": policy.mark.as_str(),
        })
    })
}
