//! Tiers for banks and the bureau. The official tier is the province's; ours stands beside it, never for it.

pub mod acts;

pub mod behind;

pub mod forms;

pub mod lookup;

pub mod lookups;

pub mod openings;

pub mod receipts;

pub mod second;

pub mod snapshots;

pub mod stamps;

use axum::Json;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::adapters::credit_events::money::ITEMS;
use crate::adapters::credit_events::money::PolicyView;
use crate::adapters::credit_events::money::TariffView;
use crate::adapters::credit_events::money::policy_view;
use crate::adapters::credit_events::money::tariff_view;
use crate::adapters::credit_events::rating::RatingWire;
use crate::adapters::credit_events::views::OfficialView;
use crate::adapters::credit_events::views::Seals;
use crate::adapters::credit_events::views::official_view;
use crate::adapters::credit_events::views::reasons_view;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::names::folded;
use crate::domain::access::Caller;
use crate::domain::access::Sight;
use crate::domain::credit::Tier;
use crate::domain::credit::dossier;
use crate::domain::credit::sites::sites;
use crate::domain::credit::sites::worst;
use crate::domain::credit::uscc::Uscc;
use crate::domain::registry::Enterprise;
use crate::domain::registry::Names;
use crate::domain::units::Amount;
use crate::flow::tiering::View;
use crate::flow::tiering::book::Book;

/// Enterprises of one answer unless asked for fewer.
const PAGE_ROWS: usize = 100;
/// Most enterprises of one answer.
const PAGE_ROWS_MAX: usize = 1_000;
/// Longest reference a client may have signed, in bytes.
const CLIENT_REF_BYTES_MAX: usize = 128;

/// A code of the path.
fn uscc(text: &str) -> Result<Uscc, Problem> {
    Uscc::new(text).map_err(|fault| Problem::bad("uscc", fault))
}

/// A code of the path that is registered, or in the ledger as whoever asks sees it, as known at a time or now.
fn known_unit(
    state: &WebState,
    code: &str,
    caller: &Caller,
    known_at: Option<DateTime<FixedOffset>>,
) -> Result<Uscc, Problem> {
    let subject = uscc(code)?;
    let book = state.tiering.now();
    // An entry is captured later than all before it, be that a little ahead of the clock.
    let newest = || {
        book.latest()
            .map_or(state.moment(), |latest| latest.max(state.moment()))
    };
    let known_at = known_at.unwrap_or_else(newest);
    if is_known(state, &book, caller, (&subject, known_at))? {
        return Ok(subject);
    }
    let said = format!("no enterprise {code} is registered or in the ledger");
    Err(Problem::NotFound(said))
}

/// The ledger as known at a time asked for, or now.
async fn view(state: &WebState, known_at: Option<DateTime<FixedOffset>>) -> Result<View, Problem> {
    Ok(state.tiering.known(known_at, state.moment()).await?)
}

/// Whether a unit is registered, or had an entry that the caller may see by a time: what came later changes no answer.
fn is_known(
    state: &WebState,
    book: &Book,
    caller: &Caller,
    (subject, known_at): (&Uscc, DateTime<FixedOffset>),
) -> Result<bool, Problem> {
    if state.directory.now().enterprise(subject.as_str()).is_some() {
        return Ok(true);
    }
    let whole = caller.sees_notices(subject);
    let seen = state.tiering.seen(book, subject, known_at, whole)?;
    let mut events = seen.unit().events.iter();
    Ok(events.any(|event| event.captured_at <= known_at))
}

/// The sealed records of a unit with the hashes of their rows.
pub(super) fn seals(state: &WebState, book: &Book, subject: &Uscc) -> Result<Seals, Problem> {
    let today = state.zone.local(state.now()).date_naive();
    let events = book.ledger().events_of(subject);
    let sealed = dossier::sealed(events, &state.tiering.schedule()?, today);
    if sealed.is_empty() {
        return Ok(Seals::new());
    }
    let own = book.rows_of(subject);
    let own = own.filter_map(|row| Some((row.event.own_id()?, row.hash)));
    let own = own.filter(|(id, _)| sealed.contains(id));
    Ok(own.map(|(id, hash)| (id.to_owned(), hash)).collect())
}

fn client_ref(text: Option<&str>) -> Result<Option<&str>, Problem> {
    if text.is_some_and(|text| text.len() > CLIENT_REF_BYTES_MAX) {
        let limit = format!("at most {CLIENT_REF_BYTES_MAX} bytes");
        return Err(Problem::bad("client_ref", limit));
    }
    if text.is_some_and(|text| text.chars().any(char::is_control)) {
        return Err(Problem::bad(
            "client_ref",
            "no control characters are taken",
        ));
    }
    Ok(text)
}

/// Quantities that surcharges are computed for, as the parameters give them.
fn quantities(params: &Params) -> Result<Vec<(&'static str, Amount)>, Problem> {
    let mut quantities = Vec::new();
    for (item, name) in ITEMS {
        if let Some(text) = params.text(name) {
            let quantity = Amount::parse(text).map_err(|fault| Problem::bad(name, fault))?;
            if quantity.is_negative() {
                return Err(Problem::bad(name, "a quantity of 0 or more is expected"));
            }
            quantities.push((item, quantity));
        }
    }
    Ok(quantities)
}

/// `GET /v1/enterprises/{uscc}/tier`: the official tier, the computed one with its reasons, and whether they
/// agree.
///
/// # Errors
/// A problem document; 404 for a unit that is neither registered nor in the ledger.
pub async fn tier(
    State(state): State<WebState>,
    Path(code): Path<String>,
    caller: Caller,
    head: HeaderMap,
    params: Params,
) -> Result<Response, Problem> {
    let known = ["on", "known_at", "client_ref", "kwh", "m3", "timestamp"];
    let params = params.only(&known)?;
    let stamp = params.yes_no("timestamp")?.unwrap_or(false);
    let stamp = stamps::possible(&state, &caller, stamp)?;
    let answered = answered(&state, &code, (&caller, &head), &params).await?;
    let stamped = stamps::beside(&state, stamp, &answered.noted, &answered.receipt).await;
    let (noted, text) = answered.sent();
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((noted, stamped, kind, text).into_response())
}

/// An answer about one unit, and the record it leaves.
pub(super) struct Answered {
    /// Names the record.
    pub(super) noted: lookups::Noted,
    /// What is answered as it is printed, which is what the receipt signs.
    pub(super) printed: String,
    /// The receipt.
    pub(super) receipt: String,
}

impl Answered {
    /// The answer as it is sent, with its receipt as the last field.
    fn sent(self) -> (lookups::Noted, String) {
        let mut text = self.printed;
        text.pop();
        text.push_str(",\"receipt\":\"");
        text.push_str(&self.receipt);
        text.push_str("\"}");
        (self.noted, text)
    }
}

/// What is answered about one unit, fields in the order of the interface. All of it is borrowed: at thousands of look-ups a
/// second, making a tree of values of it cost more than all else.
#[derive(Serialize)]
struct TierView<'a> {
    subject: &'a str,
    name_zh: Option<&'a str>,
    name_en: Option<&'a str>,
    example: bool,
    official: Option<OfficialView<'a>>,
    sites: Vec<OfficialView<'a>>,
    worst: Option<&'static str>,
    computed: RatingWire<'a>,
    agree: Option<bool>,
    tariff_tier: TariffView<'a>,
    policy: Policies<'a>,
    details: bool,
    client_ref: Option<&'a str>,
}

/// How the unit is treated by either tier.
#[derive(Serialize)]
struct Policies<'a> {
    official: Option<PolicyView<'a>>,
    computed: Option<PolicyView<'a>>,
}

/// Who asks for what.
struct Question<'a> {
    caller: &'a Caller,
    subject: Uscc,
    params: &'a Params,
    client_ref: Option<&'a str>,
}

/// The answer of [`tier`] with its receipt, and the record it leaves.
pub(super) async fn answered(
    state: &WebState,
    code: &str,
    (caller, head): (&Caller, &HeaderMap),
    params: &Params,
) -> Result<Answered, Problem> {
    let client = lookups::client(caller, head)?;
    let subject = known_unit(state, code, caller, params.known(state.zone)?)?;
    let question = Question {
        caller,
        subject,
        params,
        client_ref: client_ref(params.text("client_ref"))?,
    };
    let view = view(state, params.known(state.zone)?).await?;
    let (printed, receipt) = told(state, &view, &question)?;
    let noted = lookups::note(state, client, &view, Some(subject), 1, &receipt).await?;
    Ok(Answered {
        noted,
        printed,
        receipt,
    })
}

/// The answer as it is printed, and its receipt.
fn told(
    state: &WebState,
    view: &View,
    question: &Question<'_>,
) -> Result<(String, String), Problem> {
    let (subject, params) = (&question.subject, question.params);
    let registry = state.directory.now();
    let enterprise = registry.enterprise(subject.as_str());
    let (book, known_at) = (&view.book, Some(view.known_at));
    let today = state.zone.local(state.now()).date_naive();
    let on = params.on(state.zone)?.unwrap_or(today);
    past(question.caller, subject, on, today)?;
    let whole = question.caller.sees_notices(subject);
    let seen = state.tiering.seen(book, subject, view.known_at, whole)?;
    let unit = seen.unit();
    let rating = state.tiering.rated_as_seen(unit, on, known_at)?;
    let official = rating.official.as_ref();
    let tariff = state.tiering.tariff_as_seen(unit, on, known_at)?;
    let quantities = quantities(params)?;
    let sites = sites(unit.events, on, known_at);
    let rulebook = state.tiering.rulebook(on);
    let policy = |tier: Tier| policy_view(rulebook?, tier);
    let details = question.caller.sight(subject, today) >= Sight::Details;
    let seals = seals(state, book, subject)?;
    let reasons = details.then(|| reasons_view(&rating.reasons, &seals));
    let told = TierView {
        subject: subject.as_str(),
        name_zh: enterprise.map(|enterprise| enterprise.names.zh.as_str()),
        name_en: enterprise.map(|enterprise| enterprise.names.en.as_str()),
        example: enterprise.is_some_and(|enterprise| enterprise.example),
        official: official.map(official_view),
        sites: sites.iter().map(official_view).collect(),
        worst: worst(&sites).map(Tier::as_str),
        computed: RatingWire::new(subject, &rating, reasons),
        agree: official.map(|official| official.tier == rating.tier),
        tariff_tier: tariff_view(&tariff, &quantities, view.known_at),
        policy: Policies {
            official: official.and_then(|official| policy(official.tier)),
            computed: policy(rating.tier),
        },
        details,
        client_ref: question.client_ref,
    };
    let printed = serde_json::to_string(&told).expect("plain data is always JSON");
    // What a snapshot still to come will show is no fact to sign.
    let snapped = (!tariff.is_forecast(view.known_at)).then_some(tariff.stood.tier);
    let signed = receipts::Signed {
        subject,
        rating: &rating,
        tariff_tier: snapped,
        client_ref: question.client_ref,
        details,
        printed: &printed,
    };
    let receipt = receipts::sign(state, view, &signed);
    Ok((printed, receipt))
}

/// Refuses a day to come to whoever may not see notices that do not act yet: a tier of that day tells of them.
///
/// # Errors
/// The day, where it may not be asked for.
pub(super) fn past(
    caller: &Caller,
    subject: &Uscc,
    on: NaiveDate,
    today: NaiveDate,
) -> Result<(), Problem> {
    if on > today && !caller.sees_notices(subject) {
        return Err(Problem::bad("on", format!("{on} is after today, {today}")));
    }
    Ok(())
}

/// A unit the ledger holds and the registry does not, by its code alone.
pub(super) fn unregistered(subject: &Uscc) -> Enterprise {
    Enterprise {
        uscc: subject.as_str().to_owned(),
        names: Names {
            zh: String::new(),
            en: String::new(),
        },
        industry: String::new(),
        town: String::new(),
        example: false,
    }
}

/// `GET /v1/enterprises?q=`: by code or by part of the name, paged by code. Units of the ledger that nobody registered
/// are found by their codes.
///
/// # Errors
/// A problem document.
pub async fn list(
    State(state): State<WebState>,
    caller: Caller,
    params: Params,
) -> Result<Json<Value>, Problem> {
    let params = params.only(&["q", "after", "limit"])?;
    let limit = params
        .number("limit", 1, PAGE_ROWS_MAX)?
        .unwrap_or(PAGE_ROWS);
    let after = params.text("after").unwrap_or("");
    let wanted = folded(params.text("q").unwrap_or(""));
    let registry = state.directory.now();
    let book = state.tiering.now();
    let others = book.ledger().subjects().map(|(subject, _)| subject);
    let others = others.filter(|subject| registry.enterprise(subject.as_str()).is_none());
    let (schedule, now) = (state.tiering.schedule()?, state.moment());
    let seen = |subject: &Uscc| {
        caller.sees_notices(subject) || {
            let seen = book.unit(subject).seen_outside(&schedule, now);
            !seen.unit().events.is_empty()
        }
    };
    let others = others.filter(|subject| seen(subject));
    let others: Vec<Enterprise> = others.map(unregistered).collect();
    let fits = |enterprise: &&Enterprise| {
        let texts = [&enterprise.uscc, &enterprise.names.zh, &enterprise.names.en];
        enterprise.uscc.as_str() > after && texts.iter().any(|text| folded(text).contains(&wanted))
    };
    let all = registry.enterprises.iter().chain(&others);
    let mut found: Vec<&Enterprise> = all.filter(fits).collect();
    found.sort_by(|a, b| a.uscc.cmp(&b.uscc));
    let next = (found.len() > limit).then(|| found[limit - 1].uscc.clone());
    let today = state.zone.local(state.now()).date_naive();
    let mut rows = Vec::new();
    for enterprise in found.into_iter().take(limit) {
        let subject = uscc(&enterprise.uscc)?;
        let rating = state.tiering.rated(&book, &subject, today, None)?;
        let named = |text: &String| (!text.is_empty()).then(|| text.clone());
        rows.push(json!({
            "subject": enterprise.uscc,
            "name_zh": named(&enterprise.names.zh),
            "name_en": named(&enterprise.names.en),
            "industry": named(&enterprise.industry),
            "town": named(&enterprise.town),
            "example": enterprise.example,
            "computed": {"tier": rating.tier.as_str(), "score": rating.score},
            "official": rating.official.as_ref().map(|official| official.tier.as_str()),
        }));
    }
    Ok(Json(
        json!({"on": today.to_string(), "enterprises": rows, "next": next}),
    ))
}
