//! Tiers for banks and the bureau. The official tier is the province's; ours stands beside it, never for it.

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use serde_json::Value;
use serde_json::json;

use crate::adapters::credit_events::instant_text;
use crate::adapters::credit_events::rating_json;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::uscc::Uscc;
use crate::domain::registry::Enterprise;

/// Enterprises of one answer unless asked for fewer.
const PAGE_ROWS: usize = 100;
/// Most enterprises of one answer.
const PAGE_ROWS_MAX: usize = 1_000;
/// Longest reference a client may have signed, in bytes.
const CLIENT_REF_BYTES_MAX: usize = 128;

fn uscc(text: &str) -> Result<Uscc, Problem> {
    Uscc::new(text).map_err(|fault| Problem::bad("uscc", fault))
}

fn official_json(rating: &Rating) -> Value {
    rating.official.as_ref().map_or(Value::Null, |official| {
        json!({
            "tier": official.tier.as_str(),
            "as_of": official.as_of.to_string(),
            "source": official.source,
            "captured_at": instant_text(official.captured_at),
        })
    })
}

/// `GET /v1/enterprises/{uscc}/tier`: the official tier, the computed one with its reasons, and whether they
/// agree.
///
/// # Errors
/// A problem document; 404 for a unit that is neither registered nor in the ledger.
pub async fn tier(
    State(state): State<WebState>,
    Path(code): Path<String>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let params = params.only(&["on", "known_at", "client_ref"])?;
    let subject = uscc(&code)?;
    let registry = state.directory.now();
    let enterprise = registry.enterprise(subject.as_str());
    let ledger = state.tiering.now();
    if enterprise.is_none() && ledger.events_of(&subject).is_empty() {
        return Err(Problem::NotFound(format!(
            "no enterprise {code} is registered"
        )));
    }
    let client_ref = params.text("client_ref");
    if client_ref.is_some_and(|text| text.len() > CLIENT_REF_BYTES_MAX) {
        let limit = format!("at most {CLIENT_REF_BYTES_MAX} bytes");
        return Err(Problem::bad("client_ref", limit));
    }
    let today = state.zone.local(state.now()).date_naive();
    let on = params.date("on")?.unwrap_or(today);
    let rating = state
        .tiering
        .rate(&ledger, &subject, on, params.time("known_at")?)?;
    let agree = rating
        .official
        .as_ref()
        .map(|official| official.tier == rating.tier);
    Ok(Json(json!({
        "subject": subject.as_str(),
        "name_zh": enterprise.map(|enterprise| &enterprise.names.zh),
        "name_en": enterprise.map(|enterprise| &enterprise.names.en),
        "example": enterprise.is_some_and(|enterprise| enterprise.example),
        "official": official_json(&rating),
        "computed": rating_json(&subject, &rating),
        "agree": agree,
        "client_ref": client_ref,
    })))
}

/// `GET /v1/enterprises?q=`: by code or by part of the name, paged by code.
///
/// # Errors
/// A problem document.
pub async fn list(State(state): State<WebState>, params: Params) -> Result<Json<Value>, Problem> {
    let params = params.only(&["q", "after", "limit"])?;
    let limit = params
        .number("limit", 1, PAGE_ROWS_MAX)?
        .unwrap_or(PAGE_ROWS);
    let after = params.text("after").unwrap_or("");
    let wanted = params.text("q").unwrap_or("").to_lowercase();
    let registry = state.directory.now();
    let fits = |enterprise: &&Enterprise| {
        let texts = [&enterprise.uscc, &enterprise.names.zh, &enterprise.names.en];
        enterprise.uscc.as_str() > after
            && texts
                .iter()
                .any(|text| text.to_lowercase().contains(&wanted))
    };
    let mut found: Vec<&Enterprise> = registry.enterprises.iter().filter(fits).collect();
    found.sort_by(|a, b| a.uscc.cmp(&b.uscc));
    let next = (found.len() > limit).then(|| found[limit - 1].uscc.clone());
    let ledger = state.tiering.now();
    let today = state.zone.local(state.now()).date_naive();
    let mut rows = Vec::new();
    for enterprise in found.into_iter().take(limit) {
        let rating = state
            .tiering
            .rate(&ledger, &uscc(&enterprise.uscc)?, today, None)?;
        rows.push(json!({
            "subject": enterprise.uscc,
            "name_zh": enterprise.names.zh,
            "name_en": enterprise.names.en,
            "industry": enterprise.industry,
            "town": enterprise.town,
            "example": enterprise.example,
            "computed": {"tier": rating.tier.as_str(), "score": rating.score},
            "official": rating.official.as_ref().map(|official| official.tier.as_str()),
        }));
    }
    Ok(Json(
        json!({"on": today.to_string(), "enterprises": rows, "next": next}),
    ))
}
