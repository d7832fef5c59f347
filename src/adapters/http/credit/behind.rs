//! What stands behind a tier: the entries, the stretches of days, what would be if, and the feed of changes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::Months;
use chrono::NaiveDate;
use serde_json::Value;
use serde_json::json;

use crate::adapters::credit_events::instant_text;
use crate::adapters::credit_events::views::Place;
use crate::adapters::credit_events::views::Seals;
use crate::adapters::credit_events::views::change_of;
use crate::adapters::credit_events::views::disagreement_json;
use crate::adapters::credit_events::views::hex;
use crate::adapters::credit_events::views::notice_json;
use crate::adapters::credit_events::views::official_json;
use crate::adapters::credit_events::views::only_that;
use crate::adapters::credit_events::views::rating_view;
use crate::adapters::credit_events::views::run_json;
use crate::adapters::credit_events::views::sealed_rows;
use crate::adapters::credit_events::views::standing_json;
use crate::adapters::http::credit::known_unit;
use crate::adapters::http::credit::seals;
use crate::adapters::http::credit::view;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::domain::access::Caller;
use crate::domain::access::Sight;
use crate::domain::credit::Code;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::Record;
use crate::domain::credit::Repair;
use crate::domain::credit::Revocation;
use crate::domain::credit::dossier;
use crate::domain::credit::tier::Outlook;
use crate::domain::credit::timeline::runs;
use crate::domain::credit::uscc::Uscc;
use crate::flow::tiering::TieringError;

/// Fields of an entry that nobody outside reads once it is sealed.
const DETAILS: [&str; 8] = [
    "entered",
    "promptness",
    "objection",
    "notice",
    "application",
    "repair",
    "start",
    "end",
];
/// Changes of one answer unless asked for fewer, and at most.
const CHANGES: usize = 1_000;
const CHANGES_MAX: usize = 10_000;
/// How far a forecast looks unless told.
const FORECAST_MONTHS: u32 = 24;
/// Identifier of a document that was only thought of.
const THOUGHT_OF: &str = "what-if";

fn folded(error: impl std::fmt::Display) -> Problem {
    TieringError::Entries(error.to_string()).into()
}

/// `GET /v1/enterprises/{uscc}/records`: every entry behind the tier, for the authority and the unit itself; for whoever else
/// may ask, sealed ones without what is in them.
///
/// # Errors
/// A problem document.
pub async fn records(
    State(state): State<WebState>,
    Path(code): Path<String>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let params = params.only(&["on", "known_at"])?;
    let subject = known_unit(&state, &code, &caller, params.known(state.zone)?)?;
    let today = state.zone.local(state.now()).date_naive();
    let on = params.on(state.zone)?.unwrap_or(today);
    let view = view(&state, params.known(state.zone)?).await?;
    let (book, known_at) = (view.book, Some(view.known_at));
    let events = book.ledger().events_of(&subject);
    let schedule = state.tiering.schedule()?;
    let outlook = Outlook::new(events, &schedule, known_at).map_err(folded)?;
    let rulebook = schedule.on(on);
    let places: BTreeMap<&str, Place> = book
        .rows_of(&subject)
        .filter_map(|row| {
            let (seq, hash) = (row.seq, row.hash);
            Some((row.event.own_id()?, Place { seq, hash }))
        })
        .collect();
    let entries = dossier::entries(events, &outlook, on, known_at);
    let hidden = match caller.sight(&subject, today) {
        Sight::Whole => BTreeSet::new(),
        _ => dossier::sealed(events, &schedule, today),
    };
    let rows = entries.iter().filter_map(|entry| {
        let place = places.get(entry.event.own_id()?)?;
        let promptness = dossier::promptness(entry.event, rulebook, &state.workdays);
        let clock = dossier::objection_clock(entry, rulebook, &state.workdays);
        let notice = notice_json(entry, &outlook, on);
        let mut row = standing_json(*place, entry, promptness, clock, notice);
        if entry.event.own_id().is_some_and(|id| hidden.contains(id)) {
            for field in DETAILS {
                row[field] = Value::Null;
            }
            row["sealed"] = true.into();
        }
        Some(row)
    });
    Ok(Json(json!({
        "subject": subject.as_str(),
        "on": on.to_string(),
        "known_at": known_at.map(instant_text),
        "rulebook": rulebook.id(),
        "rulebook_sha256": rulebook.sha256(),
        "records": rows.collect::<Vec<_>>(),
    })))
}

/// `GET /v1/enterprises/{uscc}/history`: stretches of days with one tier, for banks: sealed records without details.
///
/// # Errors
/// A problem document.
pub async fn history(
    State(state): State<WebState>,
    Path(code): Path<String>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let params = params.only(&["from", "to", "known_at"])?;
    let subject = known_unit(&state, &code, &caller, params.known(state.zone)?)?;
    let today = state.zone.local(state.now()).date_naive();
    let sight = caller.sight(&subject, today);
    if sight < Sight::Details {
        return Err(Problem::Forbidden(format!(
            "history shows details, and no mandate about {subject} holds today"
        )));
    }
    let view = view(&state, params.known(state.zone)?).await?;
    let (book, known_at) = (&view.book, Some(view.known_at));
    let whole = caller.sees_notices(&subject);
    let seen = state.tiering.seen(book, &subject, view.known_at, whole)?;
    let schedule = state.tiering.schedule()?;
    let outlook = Outlook::new(seen.unit().events, &schedule, known_at).map_err(folded)?;
    let to = params.date("to")?.unwrap_or(today);
    if to > today && !whole {
        // What is to come shows notices that do not act yet.
        return Err(Problem::bad("to", format!("{to} is after today, {today}")));
    }
    let first = outlook.on(to).1.first_day();
    let from = params.date("from")?;
    let from = from.unwrap_or_else(|| first.map_or(to, |first| first.min(to)));
    if from > to {
        return Err(Problem::bad("from", format!("{from} is after to, {to}")));
    }
    let seals = seals(&state, book, &subject)?;
    let runs: Vec<Value> = runs(&outlook, from, to)
        .iter()
        .map(|run| run_json(run, &seals))
        .collect();
    let mut officials: Vec<Value> = Vec::new();
    let (_, spans) = outlook.on(to);
    let mut days: Vec<NaiveDate> = spans.officials.iter().map(|(_, tier)| tier.as_of).collect();
    days.sort_unstable();
    days.dedup();
    for day in days.into_iter().filter(|day| *day <= to) {
        officials.push(official_json(outlook.official_on(day).as_ref()));
    }
    let rulebook = schedule.on(to);
    Ok(Json(json!({
        "subject": subject.as_str(),
        "from": from.to_string(),
        "to": to.to_string(),
        "known_at": known_at.map(instant_text),
        "rulebook": rulebook.id(),
        "rulebook_sha256": rulebook.sha256(),
        "runs": runs,
        "officials": officials,
    })))
}

/// `GET /v1/disagreements?on=&known_at=&after=&limit=`: units whose official tier is another than the computed one, paged by
/// code: a list to work through.
///
/// # Errors
/// A problem document.
pub async fn disagreements(
    State(state): State<WebState>,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let params = params.only(&["on", "known_at", "after", "limit"])?;
    let today = state.zone.local(state.now()).date_naive();
    let on = params.on(state.zone)?.unwrap_or(today);
    let view = view(&state, params.known(state.zone)?).await?;
    let (book, known_at) = (&view.book, Some(view.known_at));
    let limit = params.number("limit", 1, CHANGES)?.unwrap_or(CHANGES);
    let after = params.text("after").unwrap_or("").to_owned();
    let rulebook = state.tiering.schedule()?.on(on);
    let registry = state.directory.now();
    let listed = state.compute(|| {
        let mut rows = Vec::new();
        let later = book.ledger().subjects();
        for (subject, _) in later.filter(|(subject, _)| subject.as_str() > after.as_str()) {
            let differs = state.tiering.disagreement(book, subject, on, known_at)?;
            let Some(differs) = differs else { continue };
            if rows.len() == limit {
                return Ok((rows, true));
            }
            let enterprise = registry.enterprise(subject.as_str());
            rows.push(disagreement_json(
                subject, enterprise, on, &differs, rulebook,
            ));
        }
        Ok::<_, Problem>((rows, false))
    });
    let (rows, more) = listed.await?;
    let next = rows
        .last()
        .filter(|_| more)
        .map(|row| row["subject"].clone());
    Ok(Json(json!({
        "on": on.to_string(),
        "known_at": known_at.map(instant_text),
        "disagreements": rows,
        "next": next,
    })))
}

/// What is thought of: a document, a repair, a revocation.
pub(in crate::adapters::http) fn thoughts(
    params: &Params,
    subject: &Uscc,
    now: DateTime<FixedOffset>,
) -> Result<Vec<CreditEvent>, Problem> {
    let today = now.date_naive();
    let mut bodies = Vec::new();
    if let Some(text) = params.text("code") {
        let code = Code::new(text);
        let code =
            code.ok_or_else(|| Problem::bad("code", format!("{text:?} is no code, as D03 is")))?;
        let doc_date = params.date("doc_date")?.unwrap_or(today);
        bodies.push((
            doc_date,
            EventBody::Record(Record {
                id: THOUGHT_OF.to_owned(),
                subject: *subject,
                site: None,
                code,
                case: params.text("case").map(str::to_owned),
                doc_no: None,
                doc_date,
                served: None,
                authority: None,
                evidence_sha256: None,
            }),
        ));
    }
    if let Some(id) = params.text("repair") {
        let (id, approved) = (id.to_owned(), params.date("approved")?.unwrap_or(today));
        bodies.push((approved, EventBody::Repair(Repair { id, approved })));
    }
    if let Some(id) = params.text("revoke") {
        let (id, date) = (id.to_owned(), params.date("revoked")?.unwrap_or(today));
        let revocation = Revocation {
            id,
            date,
            void_ab_initio: params.yes_no("void_ab_initio")?.unwrap_or(false),
        };
        bodies.push((date, EventBody::Revoke(revocation)));
    }
    let entered = |(day, body): (NaiveDate, EventBody)| {
        let later = day
            .signed_duration_since(today)
            .max(chrono::TimeDelta::zero());
        CreditEvent {
            captured_at: now + later,
            body,
            entered_by: None,
        }
    };
    Ok(bodies.into_iter().map(entered).collect())
}

/// `GET /v1/enterprises/{uscc}/what-if`: the tier if a document stood, a repair were approved or an entry revoked, for the
/// authority and the unit itself. Nothing is entered.
///
/// # Errors
/// A problem document.
pub async fn what_if(
    State(state): State<WebState>,
    Path(code): Path<String>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let params = params.only(&[
        "on",
        "until",
        "code",
        "doc_date",
        "case",
        "repair",
        "approved",
        "revoke",
        "revoked",
        "void_ab_initio",
    ])?;
    let subject = known_unit(&state, &code, &caller, None)?;
    let now = state.zone.local(state.now());
    let on = params.on(state.zone)?.unwrap_or(now.date_naive());
    let ahead = on
        .checked_add_months(Months::new(FORECAST_MONTHS))
        .unwrap_or(on);
    let until = params.date("until")?.unwrap_or(ahead);
    if until < on {
        return Err(Problem::bad("until", format!("{until} is before on, {on}")));
    }
    let thoughts = thoughts(&params, &subject, now)?;
    if thoughts.is_empty() {
        return Err(Problem::bad(
            "code",
            "one of code, repair and revoke is expected",
        ));
    }
    let book = state.tiering.now();
    let tried = state.tiering.tried(&book, thoughts)?;
    let schedule = state.tiering.schedule()?;
    // What is sealed stays so for whoever may not read it without a reason.
    let hidden = match caller.sight(&subject, now.date_naive()) {
        Sight::Whole => Seals::new(),
        _ => seals(&state, &book, &subject)?,
    };
    let side = |ledger: &crate::domain::credit::ledger::Ledger| -> Result<Value, Problem> {
        let mut rating = state.tiering.rate(ledger, &subject, on, None)?;
        rating.known_at = Some(state.moment());
        let outlook = Outlook::new(ledger.events_of(&subject), &schedule, None).map_err(folded)?;
        let runs = runs(&outlook, on, until);
        let runs = runs.iter().map(|run| run_json(run, &hidden));
        Ok(json!({
            "rating": rating_view(&subject, &rating, &hidden),
            "runs": runs.collect::<Vec<_>>(),
        }))
    };
    Ok(Json(json!({
        "subject": subject.as_str(),
        "on": on.to_string(),
        "until": until.to_string(),
        "as_it_stands": side(book.ledger())?,
        "what_if": side(&tried)?,
    })))
}

/// `GET /v1/changes?after=`: what happened, in the order readers outside may know of it: a record as it begins to act, a repair as
/// `sealed`, from when on the record it repairs has no details. Of a unit whose details are not for whoever asks, only that something changed.
///
/// # Errors
/// A problem document.
pub async fn changes(
    State(state): State<WebState>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let params = params.only(&["after", "limit"])?;
    let after = params.number("after", 0, usize::MAX)?.unwrap_or(0) as u64;
    let limit = params.number("limit", 1, CHANGES_MAX)?.unwrap_or(CHANGES);
    let today = state.zone.local(state.now()).date_naive();
    let view = view(&state, None).await?;
    let told = state.tiering.told(&view.book, view.known_at)?;
    let head = told.count();
    if after > head {
        return Err(Problem::bad(
            "after",
            format!("{after} is beyond the last change, {head}"),
        ));
    }
    let mut records: BTreeMap<&Uscc, BTreeMap<&str, Option<u64>>> = BTreeMap::new();
    let mut changes = Vec::new();
    for change in told.after(after).take(limit) {
        let subject = change.row.subject;
        let sealed = records.entry(subject);
        let sealed = sealed.or_insert_with(|| sealed_rows(&told, subject, today));
        let mut shown = change_of(&change, sealed);
        if caller.sight(subject, today) < Sight::Details {
            only_that(&mut shown);
        }
        changes.push(shown);
    }
    let last = after + changes.len() as u64;
    let newest = told.change(head).map_or([0; 32], |change| change.row.hash);
    Ok(Json(json!({
        "changes": changes,
        "next": last,
        "more": last < head,
        "head": head,
        "head_hash": hex(&newest),
    })))
}
