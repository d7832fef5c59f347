//! Tiers of many units in one request, answered in their order.
//!
//! Each item is written once as text: that text is what is sent, and what the tree of the receipt is made over.

use std::thread;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use serde::Deserialize;
use serde::Serialize;

use crate::adapters::credit_events::instant_text;
use crate::adapters::http::body::Body;
use crate::adapters::http::credit::client_ref;
use crate::adapters::http::credit::is_known;
use crate::adapters::http::credit::lookups;
use crate::adapters::http::credit::past;
use crate::adapters::http::credit::receipts::BatchHead;
use crate::adapters::http::credit::receipts::sign_batch;
use crate::adapters::http::credit::stamps;
use crate::adapters::http::credit::view;
use crate::adapters::http::error::Problem;
use crate::adapters::http::state::WebState;
use crate::adapters::receipt::merkle::Leaf;
use crate::domain::access::Caller;
use crate::domain::calendar::YEARS;
use crate::domain::calendar::Zone;
use crate::domain::credit::Tier;
use crate::domain::credit::official;
use crate::domain::credit::official::Official;
use crate::domain::credit::prepared::Seen;
use crate::domain::credit::sites::sites;
use crate::domain::credit::sites::worst;
use crate::domain::credit::tier::Schedule;
use crate::domain::credit::uscc::Uscc;
use crate::flow::tiering::TieringError;
use crate::flow::tiering::book::Book;

/// Most units of one request.
const ITEMS_MAX: usize = 10_000;
/// Units that one thread answers at least.
const ITEMS_OF_THREAD_MIN: usize = 256;

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    on: Option<Day>,
    known_at: Option<Known>,
    proofs: Option<bool>,
    timestamp: Option<bool>,
    items: Vec<Item>,
}

/// One unit asked for; day and knowledge of its own go before those of the request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    subject: String,
    client_ref: Option<String>,
    on: Option<Day>,
    known_at: Option<Known>,
}

/// A day, or a time that stands for the day it lies in.
#[derive(Deserialize)]
#[serde(transparent)]
struct Day(String);

impl Day {
    fn in_zone(&self, zone: Zone) -> Result<NaiveDate, Problem> {
        let day = zone.day_asked(&self.0);
        let day = day.filter(|day| YEARS.contains(&chrono::Datelike::year(day)));
        day.ok_or_else(|| {
            Problem::bad(
                "on",
                "a date such as 2020-06-30, or a time such as 2020-06-30T09:00:00+08:00, is expected",
            )
        })
    }
}

/// What may be known: up to a time, or to the end of a date.
#[derive(Deserialize)]
#[serde(transparent)]
struct Known(String);

impl Known {
    fn in_zone(&self, zone: Zone) -> Result<DateTime<FixedOffset>, Problem> {
        let right = "a time such as 2020-06-30T09:00:00+08:00, or a date for its end, is expected";
        zone.time_asked(&self.0)
            .ok_or_else(|| Problem::bad("known_at", right))
    }
}

/// An item that cannot be answered.
#[derive(Serialize)]
struct Failed<'a> {
    subject: &'a str,
    client_ref: Option<&'a str>,
    error: String,
}

/// An item's answer, fields in the order of the interface.
#[derive(Serialize)]
struct Answered<'a> {
    subject: &'a str,
    client_ref: Option<&'a str>,
    #[serde(flatten)]
    own: Option<Own<'a>>,
    official: Option<OfficialWire<'a>>,
    /// The worst official tier of its sites.
    worst: Option<&'static str>,
    computed: Computed,
    tariff_tier: Tariff,
    agree: Option<bool>,
}

/// What an item that asks for a day or knowledge of its own was answered for.
#[derive(Serialize)]
struct Own<'a> {
    on: String,
    known_at: String,
    rulebook: &'a str,
    rulebook_sha256: &'a str,
}

#[derive(Serialize)]
struct OfficialWire<'a> {
    site: Option<&'a str>,
    tier: &'static str,
    as_of: String,
    source: &'a str,
    captured_at: String,
}

#[derive(Serialize)]
struct Computed {
    score: i32,
    tier: &'static str,
    confidence: &'static str,
    next_change: Option<Next>,
}

#[derive(Serialize)]
struct Next {
    date: String,
    score: i32,
    tier: &'static str,
}

#[derive(Serialize)]
struct Tariff {
    snapshot: String,
    from: String,
    to: String,
    tier: &'static str,
    forecast: bool,
    red_repeated: bool,
}

/// An item with the day and the knowledge of its own.
type OnDay<'a> = (&'a Item, (Option<NaiveDate>, Option<DateTime<FixedOffset>>));

/// What every item of a request is answered with.
struct Desk<'a> {
    state: &'a WebState,
    caller: &'a Caller,
    book: &'a Book,
    schedule: Schedule<'a>,
    on: NaiveDate,
    known_at: DateTime<FixedOffset>,
}

/// `POST /v1/tiers/lookup`: up to 10,000 units; one that cannot be answered has an `error` in its place.
///
/// # Errors
/// A problem document.
pub async fn lookup(
    State(state): State<WebState>,
    caller: Caller,
    head: HeaderMap,
    Body(asked): Body<Asked>,
) -> Result<Response, Problem> {
    if asked.items.len() > ITEMS_MAX {
        let said = format!(
            "{} items; at most {ITEMS_MAX} in one request, send the rest in another",
            asked.items.len()
        );
        return Err(Problem::bad("items", said));
    }
    let stamp = stamps::possible(&state, &caller, asked.timestamp.unwrap_or(false))?;
    let client = lookups::client(&caller, &head)?;
    let today = state.zone.local(state.now()).date_naive();
    let day = |day: &Option<Day>| day.as_ref().map(|day| day.in_zone(state.zone)).transpose();
    let known = |known: &Option<Known>| {
        let known = known.as_ref().map(|known| known.in_zone(state.zone));
        known.transpose()
    };
    let (on, asked_known) = (day(&asked.on)?.unwrap_or(today), known(&asked.known_at)?);
    let mut days = Vec::with_capacity(asked.items.len());
    for (number, item) in asked.items.iter().enumerate() {
        let of_item = |problem: Problem| problem.within(&format!("items[{number}]"));
        client_ref(item.client_ref.as_deref()).map_err(of_item)?;
        let own = day(&item.on).map_err(of_item)?;
        if let Ok(subject) = Uscc::new(&item.subject) {
            past(&caller, &subject, own.unwrap_or(on), today).map_err(of_item)?;
        }
        days.push((own, known(&item.known_at).map_err(of_item)?));
    }
    // Every item's knowledge must have come to pass, and stays as it is from now on. Without one it is now's, the latest.
    let own = days.iter().filter_map(|(_, known_at)| *known_at);
    let latest = own.clone().chain(asked_known).max();
    let now = asked_known.is_none() && own.count() < asked.items.len();
    if now && latest.is_some() {
        view(&state, latest).await?;
    }
    let view = view(&state, latest.filter(|_| !now)).await?;
    let known_at = asked_known.unwrap_or(view.known_at);
    let answered = state.compute(|| {
        let desk = Desk {
            state: &state,
            caller: &caller,
            book: &view.book,
            schedule: state.tiering.schedule()?,
            on,
            known_at,
        };
        let rulebook = desk.schedule.on(on);
        let head = BatchHead {
            on: on.to_string(),
            known_at: instant_text(known_at),
            rulebook: rulebook.id(),
            rulebook_sha256: rulebook.sha256(),
        };
        let asked_for: Vec<_> = asked.items.iter().zip(days).collect();
        let leaves = desk.answers(&asked_for)?;
        let proofs = asked.proofs.unwrap_or(false);
        Ok::<_, Problem>(sign_batch(&state, &view, &head, leaves, proofs))
    });
    let (text, receipt) = answered.await?;
    let noted = lookups::note(&state, client, &view, None, asked.items.len(), &receipt).await?;
    let stamped = stamps::beside(&state, stamp, &noted, &receipt).await;
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((kind, noted, stamped, text).into_response())
}

impl Desk<'_> {
    /// The answers in the order of the items, on all cores when they are many.
    fn answers(&self, items: &[OnDay<'_>]) -> Result<Vec<Leaf>, Problem> {
        let answers = |items: &[OnDay<'_>]| -> Result<Vec<Leaf>, Problem> {
            let texts = items.iter().map(|item| self.answer(*item));
            texts.map(|text| Ok(Leaf::new(text?))).collect()
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let share = items.len().div_ceil(cores).max(ITEMS_OF_THREAD_MIN);
        if items.len() <= share {
            return answers(items);
        }
        let parts: Vec<Result<Vec<Leaf>, Problem>> = thread::scope(|scope| {
            let parts = items.chunks(share);
            let running: Vec<_> = parts
                .map(|part| scope.spawn(move || answers(part)))
                .collect();
            let done = running.into_iter();
            done.map(|part| part.join().expect("an item is answered without panic"))
                .collect()
        });
        let mut all = Vec::with_capacity(items.len());
        for part in parts {
            all.extend(part?);
        }
        Ok(all)
    }

    fn answer(&self, (item, (day, known)): OnDay<'_>) -> Result<String, Problem> {
        let client_ref = item.client_ref.as_deref();
        let failed = |error: String| {
            Ok(text(&Failed {
                subject: &item.subject,
                client_ref,
                error,
            }))
        };
        let subject = match Uscc::new(&item.subject) {
            Ok(subject) => subject,
            Err(fault) => return failed(fault.to_string()),
        };
        let on = day.unwrap_or(self.on);
        let at = known.unwrap_or(self.known_at);
        if !is_known(self.state, self.book, self.caller, (&subject, at))? {
            return failed("not registered and not in the ledger".to_owned());
        }
        let known_at = Some(at);
        let unit = self.book.unit(&subject);
        let seen = match self.caller.sees_notices(&subject) {
            true => Seen::whole(unit),
            false => unit.seen_outside(&self.schedule, at),
        };
        let unit = seen.unit();
        let folded = |error: &dyn std::fmt::Display| TieringError::Entries(error.to_string());
        let brief = unit.brief(&self.schedule, on, known_at);
        let brief = brief.map_err(|error| folded(&error))?;
        let official = official::current(unit.events, on, known_at);
        let tariff = self.state.tiering.tariff_as_seen(unit, on, known_at)?;
        let own = (day.is_some() || known.is_some()).then(|| {
            let rulebook = self.schedule.on(on);
            Own {
                on: on.to_string(),
                known_at: instant_text(at),
                rulebook: rulebook.id(),
                rulebook_sha256: rulebook.sha256(),
            }
        });
        Ok(text(&Answered {
            subject: &item.subject,
            client_ref,
            own,
            official: official.as_ref().map(official_wire),
            worst: worst(&sites(unit.events, on, known_at)).map(Tier::as_str),
            computed: Computed {
                score: brief.now.score,
                tier: brief.now.tier.as_str(),
                confidence: brief.now.confidence.as_str(),
                next_change: brief.next_change.map(|next| Next {
                    date: next.date.to_string(),
                    score: next.score,
                    tier: next.tier.as_str(),
                }),
            },
            tariff_tier: Tariff {
                snapshot: tariff.snapshot.to_string(),
                from: tariff.from.to_string(),
                to: tariff.to.to_string(),
                tier: tariff.stood.tier.as_str(),
                forecast: tariff.is_forecast(at),
                red_repeated: tariff.red_repeated,
            },
            agree: official
                .as_ref()
                .map(|official| official.tier == brief.now.tier),
        }))
    }
}

fn official_wire(official: &Official) -> OfficialWire<'_> {
    OfficialWire {
        site: official.site.as_deref(),
        tier: official.tier.as_str(),
        as_of: official.as_of.to_string(),
        source: &official.source,
        captured_at: instant_text(official.captured_at),
    }
}

fn text(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).expect("plain data is always JSON")
}
