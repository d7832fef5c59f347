//! Handlers of the pages over all enterprises, and of the certificate of one.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::Response;
use chrono::Datelike;
use chrono::Days;
use chrono::NaiveDate;
use serde_json::Value;

use crate::adapters::chart::palette::CreditTier;
use crate::adapters::http::credit;
use crate::adapters::http::credit_view;
use crate::adapters::http::credit_view::shown;
use crate::adapters::http::error::Problem;
use crate::adapters::http::page::certificate::CertificateView;
use crate::adapters::http::page::certificate::certificate as certificate_page;
use crate::adapters::http::page::standing;
use crate::adapters::http::page::standing::ChangesView;
use crate::adapters::http::page::standing::Made;
use crate::adapters::http::page::standing::SearchView;
use crate::adapters::http::page::standing::TierChange;
use crate::adapters::http::page::standing::Tile;
use crate::adapters::http::page::standing::WallTier;
use crate::adapters::http::page::standing::WallView;
use crate::adapters::http::page::view::OfficialTier;
use crate::adapters::http::pages::html;
use crate::adapters::http::pages::lang;
use crate::adapters::http::pages::shown as shown_page;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::lang::Lang;
use crate::adapters::names::folded;
use crate::adapters::words;
use crate::domain::access::Caller;
use crate::domain::credit::Tier;
use crate::domain::credit::official;
use crate::domain::credit::uscc::Uscc;
use crate::domain::registry::Enterprise;
use crate::flow::tiering::TieringError;
use crate::flow::tiering::book::Book;

/// Enterprises of one page of the search.
const FOUND_ROWS: usize = 50;
/// Enterprises of one tier on the wall; the search has all.
const WALL_TILES: usize = 60;
/// Changes of one kind on the page of a week; `/v1/changes` has all.
const WEEK_ROWS: usize = 300;
/// Days after a week's Monday to its Sunday.
const TO_SUNDAY: Days = Days::new(6);

/// Every unit of registry and ledger, in the order of codes.
fn units(state: &WebState, book: &Book) -> Vec<Enterprise> {
    let registry = state.directory.now();
    let registered = registry.enterprises.iter().cloned();
    let mut units: BTreeMap<String, Enterprise> =
        registered.map(|unit| (unit.uscc.clone(), unit)).collect();
    for (subject, _) in book.ledger().subjects() {
        let code = subject.as_str();
        if !units.contains_key(code) {
            units.insert(code.to_owned(), credit::unregistered(subject));
        }
    }
    units.into_values().collect()
}

fn tile(unit: &Enterprise, lang: Lang) -> Tile {
    Tile {
        uscc: unit.uscc.clone(),
        name: credit_view::named(unit, lang),
    }
}

/// The tiers of a unit on a day, without reasons: the official one, and the computed one.
fn tiers_of(
    state: &WebState,
    book: &Book,
    subject: &Uscc,
    on: NaiveDate,
) -> Result<(Option<Tier>, Tier), Problem> {
    let unit = book.unit(subject);
    let brief = unit.brief(&state.tiering.schedule()?, on, None);
    let brief = brief.map_err(|error| TieringError::Entries(error.to_string()))?;
    let official = official::current(unit.events, on, None);
    Ok((official.map(|official| official.tier), brief.now.tier))
}

fn today(state: &WebState) -> NaiveDate {
    state.zone.local(state.now()).date_naive()
}

fn code(text: &str) -> Result<Uscc, Problem> {
    Uscc::new(text).map_err(|fault| Problem::bad("uscc", fault))
}

/// A tier to look for.
fn wanted(params: &Params, name: &'static str) -> Result<Option<CreditTier>, Problem> {
    let Some(text) = params.text(name) else {
        return Ok(None);
    };
    let known = || CreditTier::ALL.map(CreditTier::key).join(", ");
    let tier = CreditTier::from_key(text);
    let tier = tier.ok_or_else(|| Problem::bad(name, format!("one of {} is expected", known())))?;
    Ok(Some(tier))
}

/// `GET /enterprises?q=&computed=&official=&after=`: enterprises by code or part of the name, and by tier.
///
/// # Errors
/// A problem document.
pub async fn search(State(state): State<WebState>, params: Params) -> Result<Response, Problem> {
    let params = params.only(&["q", "computed", "official", "after", "lang", "csv"])?;
    let lang = lang(&params)?;
    let wish = (wanted(&params, "computed")?, wanted(&params, "official")?);
    let text = params.text("q").unwrap_or("").trim().to_owned();
    let wanted = folded(&text);
    let after = params.text("after").unwrap_or("").to_owned();
    let book = state.tiering.now();
    let day = today(&state);
    let looked = state.compute(|| {
        let (mut rows, mut found, mut more) = (Vec::new(), 0, false);
        for unit in units(&state, &book) {
            let texts = [&unit.uscc, &unit.names.zh, &unit.names.en];
            if !texts.iter().any(|text| folded(text).contains(&wanted)) {
                continue;
            }
            let subject = code(&unit.uscc)?;
            if wish != (None, None) {
                let (official, computed) = tiers_of(&state, &book, &subject, day)?;
                let (wanted_computed, wanted_official) = wish;
                let other = wanted_computed.is_some_and(|tier| tier != shown(computed))
                    || wanted_official.is_some_and(|tier| official.map(shown) != Some(tier));
                if other {
                    continue;
                }
            }
            found += 1;
            if unit.uscc.as_str() <= after.as_str() {
                continue;
            }
            if rows.len() == FOUND_ROWS {
                more = true;
                continue;
            }
            let rating = state.tiering.rated(&book, &subject, day, None)?;
            rows.push(credit_view::row(&unit, &rating, lang));
        }
        let last = rows.last().map(|row| row.uscc.clone());
        Ok::<_, Problem>((rows, found, last.filter(|_| more)))
    });
    let (rows, found, next) = looked.await?;
    let page = standing::search(&SearchView {
        lang,
        wanted: text,
        computed: wish.0,
        official: wish.1,
        rows,
        found,
        next,
    });
    shown_page(page, params.text("csv"))
}

/// `GET /tiers?by=computed|official`: how all enterprises stand, tier by tier.
///
/// # Errors
/// A problem document.
pub async fn wall(State(state): State<WebState>, params: Params) -> Result<Response, Problem> {
    let params = params.only(&["by", "lang"])?;
    let lang = lang(&params)?;
    let official = match params.text("by") {
        None | Some("computed") => false,
        Some("official") => true,
        Some(_) => return Err(Problem::bad("by", "computed or official is expected")),
    };
    let book = state.tiering.now();
    let on = today(&state);
    let sorted = state.compute(|| {
        let (mut groups, mut unlisted) = (BTreeMap::<&str, (usize, Vec<Tile>)>::new(), 0);
        for unit in units(&state, &book) {
            let (listed, computed) = tiers_of(&state, &book, &code(&unit.uscc)?, on)?;
            let tier = if official { listed } else { Some(computed) };
            let Some(tier) = tier else {
                unlisted += 1;
                continue;
            };
            let (count, tiles) = groups.entry(tier.as_str()).or_default();
            *count += 1;
            if tiles.len() < WALL_TILES {
                tiles.push(tile(&unit, lang));
            }
        }
        Ok::<_, Problem>((groups, unlisted))
    });
    let (mut groups, unlisted) = sorted.await?;
    let tiers = CreditTier::ALL.map(|tier| {
        let (count, tiles) = groups.remove(tier.key()).unwrap_or_default();
        WallTier { tier, count, tiles }
    });
    let rulebook = state.tiering.rulebook(on);
    Ok(html(standing::wall(&WallView {
        lang,
        official,
        on,
        rulebook: rulebook
            .map(|book| book.id().to_owned())
            .unwrap_or_default(),
        tiers: tiers.into(),
        unlisted,
    })))
}

/// `GET /changes?week=DATE`: computed tiers that changed in the week of a day, and entries made in it.
///
/// # Errors
/// A problem document.
pub async fn changes(State(state): State<WebState>, params: Params) -> Result<Response, Problem> {
    let params = params.only(&["week", "lang", "csv"])?;
    let lang = lang(&params)?;
    let day = params.date("week")?.unwrap_or_else(|| today(&state));
    let monday = day - Days::new(u64::from(day.weekday().num_days_from_monday()));
    let sunday = monday + TO_SUNDAY;
    let book = state.tiering.now();
    let looked = state.compute(|| {
        let units = units(&state, &book);
        let named = |code: &str| units.binary_search_by(|unit| unit.uscc.as_str().cmp(code));
        let mut tiers = Vec::new();
        for unit in &units {
            tier_changes(&state, &book, unit, (monday, sunday), lang, &mut tiers)?;
        }
        tiers.sort_by(|a, b| (a.day, &a.tile.uscc).cmp(&(b.day, &b.tile.uscc)));
        let (mut made, mut made_more) = (Vec::new(), 0);
        let zone = state.zone.offset();
        for seq in (1..=book.head().0).rev() {
            let Some(row) = book.row(seq) else { break };
            let at = row.event.captured_at.with_timezone(&zone);
            if at.date_naive() < monday {
                break;
            }
            if at.date_naive() > sunday {
                continue;
            }
            if made.len() == WEEK_ROWS {
                made_more += 1;
                continue;
            }
            let unit = named(row.subject.as_str()).ok().map(|at| &units[at]);
            made.push(Made {
                at: at.format("%Y-%m-%d %H:%M").to_string(),
                tile: unit.map_or_else(
                    || Tile {
                        uscc: row.subject.to_string(),
                        name: row.subject.to_string(),
                    },
                    |unit| tile(unit, lang),
                ),
                seq,
                what: kind(row.event.op(), lang),
            });
        }
        Ok::<_, Problem>((tiers, made, made_more))
    });
    let (mut tiers, made, made_more) = looked.await?;
    let tiers_more = tiers.len().saturating_sub(WEEK_ROWS);
    tiers.truncate(WEEK_ROWS);
    let page = standing::changes(&ChangesView {
        lang,
        week: (monday, sunday),
        tiers,
        tiers_more,
        made,
        made_more,
    });
    shown_page(page, params.text("csv"))
}

/// The changes of a unit's computed tier within some days.
fn tier_changes(
    state: &WebState,
    book: &Book,
    unit: &Enterprise,
    (monday, sunday): (NaiveDate, NaiveDate),
    lang: Lang,
    changes: &mut Vec<TierChange>,
) -> Result<(), Problem> {
    let subject = code(&unit.uscc)?;
    let schedule = state.tiering.schedule()?;
    let mut day = monday.pred_opt().unwrap_or(monday);
    loop {
        let brief = book.unit(&subject).brief(&schedule, day, None);
        let brief = brief.map_err(|error| TieringError::Entries(error.to_string()))?;
        let Some(next) = brief.next_change.filter(|next| next.date <= sunday) else {
            return Ok(());
        };
        changes.push(TierChange {
            day: next.date,
            tile: tile(unit, lang),
            before: (brief.now.score, shown(brief.now.tier)),
            after: (next.score, shown(next.tier)),
        });
        day = next.date;
    }
}

/// A kind of entry in words.
fn kind(op: &str, lang: Lang) -> &'static str {
    match op {
        "record" => lang.pick("扣分记录", "record"),
        "bonus" => lang.pick("加分", "bonus"),
        "revoke" => lang.pick("撤销", "revocation"),
        "repair" => lang.pick("信用修复", "repair"),
        "override" => lang.pick("人工调整", "override"),
        "objection" => lang.pick("异议", "objection"),
        "settle" => lang.pick("异议处理", "decision on an objection"),
        "notify" => lang.pick("告知", "notice to the unit"),
        "apply" => lang.pick("修复申请", "application for a repair"),
        "list" => lang.pick("列入", "listing"),
        "delist" => lang.pick("移出", "delisting"),
        "halt" => lang.pick("停产", "halt"),
        "resume" => lang.pick("恢复生产", "resumption"),
        "official" => lang.pick("官方等级", "official tier"),
        _ => lang.pick("其他", "other"),
    }
}

/// `GET /v1/enterprises/{uscc}/certificate?on=&known_at=&client_ref=&lang=`: one sheet with both tiers and the receipt as a QR
/// code. It leaves a record as `tier` does.
///
/// # Errors
/// As `tier`.
pub async fn certificate(
    State(state): State<WebState>,
    Path(uscc): Path<String>,
    caller: Caller,
    head: HeaderMap,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["on", "known_at", "client_ref", "lang"])?;
    let lang = lang(&params)?;
    let answered = credit::answered(&state, &uscc, (&caller, &head), &params).await?;
    let noted = answered.noted;
    let answer: Value = serde_json::from_str(&answered.printed).map_err(|_| Problem::Internal)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let day = |value: &Value| value.as_str().and_then(|day| day.parse().ok());
    let tier = |value: &Value| value.as_str().and_then(CreditTier::from_key);
    let computed = &answer["computed"];
    let on = day(&computed["on"]).ok_or(Problem::Internal)?;
    let drawn = tier(&computed["tier"]).ok_or(Problem::Internal)?;
    let official = &answer["official"];
    let official = tier(&official["tier"])
        .zip(day(&official["as_of"]))
        .map(|(tier, as_of)| OfficialTier {
            tier,
            as_of,
            source: words::side(official["source"].as_str().unwrap_or_default(), lang),
            site: official["site"].as_str().map(str::to_owned),
        });
    let score = computed["score"]
        .as_i64()
        .and_then(|score| i32::try_from(score).ok());
    let asked = ["on", "known_at", "client_ref"].into_iter();
    let asked = asked.filter_map(|name| Some((name, params.text(name)?.to_owned())));
    let view = CertificateView {
        lang,
        uscc: text(&answer["subject"]),
        names: (text(&answer["name_zh"]), text(&answer["name_en"])),
        example: answer["example"] == true,
        on,
        known_at: text(&computed["known_at"]),
        official,
        computed: drawn,
        score: score.filter(|_| drawn != CreditTier::Unrated),
        confidence: text(&computed["confidence"]),
        rulebook: (
            text(&computed["rulebook"]),
            text(&computed["rulebook_sha256"]),
        ),
        receipt: answered.receipt,
        record: noted[0].1.clone(),
        asked: asked.collect(),
    };
    Ok((noted, html(certificate_page(&view))).into_response())
}
