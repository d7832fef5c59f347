//! Messages that could not be used when they came: listed, shown whole, tried again.

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::adapters::http::body::Body;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::report::letters;
use crate::domain::names::Source;
use crate::flow::ingest::Choice;
use crate::ports::LetterQuery;
use crate::ports::LetterState;

/// Messages of one answer unless asked for fewer.
const PAGE_LETTERS: usize = 100;
/// Most messages of one answer.
const PAGE_LETTERS_MAX: usize = 1_000;
/// Most numbers of one request to try again.
const NUMBERS_MAX: usize = 1_000;

/// What is to be tried again: messages by number, those of one source, or with neither all dead letters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    #[serde(default)]
    ids: Option<Vec<u64>>,
    #[serde(default)]
    source: Option<String>,
}

fn source(text: &str) -> Result<Source, Problem> {
    Source::parse(text).map_err(|fault| Problem::bad("source", fault))
}

/// `GET /v1/dead-letters`: kept messages without their payloads, oldest first, paged by number.
///
/// # Errors
/// A problem document.
pub async fn list(State(state): State<WebState>, params: Params) -> Result<Json<Value>, Problem> {
    let params = params.only(&["after", "limit", "state", "source"])?;
    let limit = params.number("limit", 1, PAGE_LETTERS_MAX)?;
    let limit = limit.unwrap_or(PAGE_LETTERS);
    let of_state =
        match params.text("state") {
            None => None,
            Some(key) => Some(LetterState::from_key(key).ok_or_else(|| {
                Problem::bad("state", "quarantined, dead or admitted is expected")
            })?),
        };
    let query = LetterQuery {
        after: params.number("after", 0, usize::MAX)?.unwrap_or(0) as u64,
        limit: limit + 1,
        state: of_state,
        source: params.text("source").map(source).transpose()?,
    };
    let found = state.letters.letters(query).await?;
    let shown = &found[..found.len().min(limit)];
    let next = (found.len() > limit).then(|| shown.last().map(|last| last.id));
    let counts = state.letters.letter_counts().await?;
    let total = |wanted: LetterState| -> u64 {
        let own = counts.iter().filter(|(_, state, _)| *state == wanted);
        own.map(|(_, _, count)| count).sum()
    };
    Ok(Json(json!({
        "letters": shown.iter().map(|kept| letters::head(state.zone, kept)).collect::<Vec<_>>(),
        "next_after": next,
        "counts": {
            "quarantined": total(LetterState::Quarantined),
            "dead": total(LetterState::Dead),
            "admitted": total(LetterState::Admitted),
        },
    })))
}

/// `GET /v1/dead-letters/{id}`: one kept message, whole.
///
/// # Errors
/// A problem document.
pub async fn one(
    State(state): State<WebState>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let number: u64 = id
        .parse()
        .map_err(|_| Problem::bad("id", "a number from the list is expected"))?;
    let query = LetterQuery {
        after: number.saturating_sub(1),
        limit: 1,
        ..LetterQuery::default()
    };
    let found = state.letters.letters(query).await?;
    match found.first().filter(|kept| kept.id == number) {
        Some(kept) => Ok(Json(letters::whole(state.zone, kept))),
        None => Err(Problem::NotFound(format!(
            "no kept message {number}; GET /v1/dead-letters lists them"
        ))),
    }
}

/// `POST /v1/dead-letters/retry`: reads dead letters again and stores what can be used now.
///
/// # Errors
/// A problem document.
pub async fn retry(
    State(state): State<WebState>,
    Body(asked): Body<Asked>,
) -> Result<Json<Value>, Problem> {
    let choice = match (asked.ids, asked.source) {
        (Some(_), Some(_)) => {
            return Err(Problem::bad("body", "give ids or source, not both"));
        }
        (Some(ids), None) if ids.len() > NUMBERS_MAX => {
            let most = format!("at most {NUMBERS_MAX} at once");
            return Err(Problem::bad("ids", most));
        }
        (Some(ids), None) => Choice::Numbers(ids),
        (None, text) => Choice::All(text.as_deref().map(source).transpose()?),
    };
    let tried = state.ingest.retry(&choice, state.clock).await?;
    Ok(Json(json!({
        "tried": tried.tried,
        "admitted": tried.admitted,
        "quarantined": tried.quarantined,
        "dead": tried.dead,
        "passed_over": tried.passed_over,
    })))
}
