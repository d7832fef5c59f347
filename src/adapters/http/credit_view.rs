//! Fills the credit parts of the pages.

use chrono::NaiveDate;

use crate::adapters::chart::palette::CreditTier;
use crate::adapters::credit_events::views::is_sealed;
use crate::adapters::http::credit::forms::process;
use crate::adapters::http::credit::seals;
use crate::adapters::http::credit::unregistered;
use crate::adapters::http::desk::name;
use crate::adapters::http::error::Problem;
use crate::adapters::http::form::FormKey;
use crate::adapters::http::page::today::TierChange;
use crate::adapters::http::page::today::TierChanges;
use crate::adapters::http::page::view::ENTERPRISES_PER_PAGE;
use crate::adapters::http::page::view::EnterpriseRow;
use crate::adapters::http::page::view::EnterpriseView;
use crate::adapters::http::page::view::NextChange;
use crate::adapters::http::page::view::OfficialTier;
use crate::adapters::http::page::view::ReasonRow;
use crate::adapters::http::page::view::ReasonShown;
use crate::adapters::http::page::view::TierSpread;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::http::unit_view::Asked;
use crate::adapters::http::unit_view::unit;
use crate::adapters::lang::Lang;
use crate::adapters::words;
use crate::domain::access::Caller;
use crate::domain::credit::Code;
use crate::domain::credit::Tier;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::tier::CASE_CAP;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::tier::Reason;
use crate::domain::credit::tier::SCALE_MAX;
use crate::domain::credit::uscc::Uscc;
use crate::domain::registry::Enterprise;
use crate::domain::registry::Registry;

/// The spread over the tiers and one page of the list.
pub struct CreditList {
    /// How many enterprises stand where.
    pub spread: TierSpread,
    /// One page.
    pub rows: Vec<EnterpriseRow>,
    /// Where the next page begins.
    pub next: Option<String>,
}

pub(super) fn shown(tier: Tier) -> CreditTier {
    CreditTier::from_key(tier.as_str()).unwrap_or(CreditTier::Unrated)
}

fn today(state: &WebState) -> NaiveDate {
    state.zone.local(state.now()).date_naive()
}

fn rate(state: &WebState, enterprise: &Enterprise) -> Result<Rating, Problem> {
    let subject = Uscc::new(&enterprise.uscc).map_err(|fault| Problem::bad("uscc", fault))?;
    Ok(state
        .tiering
        .rate(state.tiering.now().ledger(), &subject, today(state), None)?)
}

/// Days behind and ahead of which tier changes are told.
const CHANGE_DAYS: i64 = 30;
/// Most enterprises whose tiers are compared for a page.
const COMPARED_MAX: usize = 5_000;

/// Computed tiers that changed lately or will soon.
///
/// # Errors
/// A ledger that cannot be folded.
pub fn tier_changes(state: &WebState, lang: Lang) -> Result<TierChanges, Problem> {
    let registry = state.directory.now();
    let on = today(state);
    let from = on - chrono::TimeDelta::days(CHANGE_DAYS);
    let ahead = on + chrono::TimeDelta::days(CHANGE_DAYS);
    let many = registry.enterprises.len() > COMPARED_MAX;
    let book = state.tiering.now();
    let mut rows = Vec::new();
    for enterprise in registry.enterprises.iter().filter(|_| !many) {
        let subject = Uscc::new(&enterprise.uscc).map_err(|fault| Problem::bad("uscc", fault))?;
        let now = state.tiering.rated(&book, &subject, on, None)?;
        let before = state.tiering.rated(&book, &subject, from, None)?;
        let change = |from: Tier, to: Tier, when| TierChange {
            uscc: enterprise.uscc.clone(),
            name: name(&enterprise.names, lang),
            from: shown(from),
            to: shown(to),
            when,
            example: enterprise.example,
        };
        if before.tier != now.tier {
            rows.push(change(before.tier, now.tier, None));
        }
        let soon = now.next_change.filter(|next| next.date <= ahead);
        if let Some(next) = soon.filter(|next| next.tier != now.tier) {
            rows.push(change(now.tier, next.tier, Some(next.date)));
        }
    }
    rows.sort_by(|a, b| (a.when, &a.uscc).cmp(&(b.when, &b.uscc)));
    Ok(TierChanges {
        from,
        on,
        rows,
        most: many.then_some(COMPARED_MAX),
    })
}

/// Every enterprise's tier at the end of a day, counted.
///
/// # Errors
/// A ledger that cannot be folded.
pub fn spread(state: &WebState, on: NaiveDate) -> Result<TierSpread, Problem> {
    let registry = state.directory.now();
    Ok(spread_of(state, on, &rated_on(state, &registry, on)?))
}

/// An enterprise's place in the list, itself, and its rating.
type Rated<'r> = (u8, &'r Enterprise, Rating);

fn rated_on<'r>(
    state: &WebState,
    registry: &'r Registry,
    on: NaiveDate,
) -> Result<Vec<Rated<'r>>, Problem> {
    let book = state.tiering.now();
    let mut rated = Vec::new();
    for enterprise in &registry.enterprises {
        let subject = Uscc::new(&enterprise.uscc).map_err(|fault| Problem::bad("uscc", fault))?;
        let rating = state.tiering.rate(book.ledger(), &subject, on, None)?;
        rated.push((order(rating.tier), enterprise, rating));
    }
    Ok(rated)
}

fn spread_of(state: &WebState, on: NaiveDate, rated: &[Rated<'_>]) -> TierSpread {
    let count = |tier: CreditTier| {
        let of_tier = rated
            .iter()
            .filter(|(.., rating)| shown(rating.tier) == tier);
        (tier, u32::try_from(of_tier.count()).unwrap_or(u32::MAX))
    };
    let rulebook = state.tiering.rulebook(on);
    TierSpread {
        counts: CreditTier::ALL.into_iter().map(count).collect(),
        on,
        rulebook: rulebook
            .map(|book| book.id().to_owned())
            .unwrap_or_default(),
        examples: rated.iter().any(|(_, enterprise, _)| enterprise.example),
    }
}

/// Every enterprise's tier today, counted; and the page of the list after a key, worst tier first.
///
/// # Errors
/// A ledger that cannot be folded.
pub fn list(state: &WebState, lang: Lang, after: Option<&str>) -> Result<CreditList, Problem> {
    let registry = state.directory.now();
    let mut rated = rated_on(state, &registry, today(state))?;
    rated.sort_by(|a, b| (a.0, &a.1.uscc).cmp(&(b.0, &b.1.uscc)));
    let spread = spread_of(state, today(state), &rated);
    let passed = after.and_then(|key| rated.iter().position(|(_, found, _)| found.uscc == key));
    let rest = &rated[passed.map_or(0, |at| at + 1)..];
    let page = &rest[..rest.len().min(ENTERPRISES_PER_PAGE)];
    let more = rest.len() > page.len();
    let next = page
        .last()
        .filter(|_| more)
        .map(|(_, enterprise, _)| enterprise.uscc.clone());
    let rows = page
        .iter()
        .map(|(_, enterprise, rating)| row(enterprise, rating, lang))
        .collect();
    Ok(CreditList { spread, rows, next })
}

/// Worst first, the unrated last.
fn order(tier: Tier) -> u8 {
    match tier {
        Tier::Black => 0,
        Tier::Red => 1,
        Tier::Yellow => 2,
        Tier::Green => 3,
        Tier::Blue => 4,
        Tier::Unrated => 5,
    }
}

pub(super) fn row(enterprise: &Enterprise, rating: &Rating, lang: Lang) -> EnterpriseRow {
    EnterpriseRow {
        uscc: enterprise.uscc.clone(),
        name: named(enterprise, lang),
        computed: shown(rating.tier),
        score: (rating.tier != Tier::Unrated).then_some(rating.score),
        next_change: rating.next_change.map(|change| NextChange {
            on: change.date,
            score: change.score,
            tier: shown(change.tier),
        }),
        official: rating.official.as_ref().map(|official| OfficialTier {
            tier: shown(official.tier),
            as_of: official.as_of,
            source: words::side(&official.source, lang),
            site: official.site.clone(),
        }),
        example: enterprise.example,
    }
}

/// The name in a language, or the code of a unit nobody registered.
pub(super) fn named(enterprise: &Enterprise, lang: Lang) -> String {
    let named = name(&enterprise.names, lang);
    if named.is_empty() {
        return enterprise.uscc.clone();
    }
    named
}

/// One enterprise with its reasons.
///
/// # Errors
/// A code that is none, or an enterprise nobody registered.
pub fn enterprise(
    state: &WebState,
    lang: Lang,
    code: &str,
    params: &Params,
    (caller, key): (&Caller, Option<FormKey>),
) -> Result<EnterpriseView, Problem> {
    let subject = Uscc::new(code).map_err(|fault| Problem::bad("uscc", fault))?;
    let registry = state.directory.now();
    let book = state.tiering.now();
    let entered = !book.ledger().events_of(&subject).is_empty();
    let found = registry.enterprise(code).cloned();
    let found = found.or_else(|| entered.then(|| unregistered(&subject)));
    let found = found.ok_or_else(|| {
        Problem::NotFound(format!(
            "no enterprise {code} is registered or in the ledger"
        ))
    })?;
    let rating = rate(state, &found)?;
    let rulebook = state.tiering.rulebook(rating.on);
    let seals = seals(state, &book, &subject)?;
    let sealed = |reason: &Reason| is_sealed(reason, &rating.reasons, &seals);
    let reasons = rating.reasons.iter().map(|reason| ReasonRow {
        shown: (!sealed(reason)).then(|| ReasonShown {
            id: reason.id.clone(),
            code: reason.code.clone(),
            meaning: rulebook
                .map(|book| meaning(book, &reason.code, lang))
                .unwrap_or_default(),
            start: reason.start,
            end: reason.end,
        }),
        points: reason.points,
        confidence: reason.confidence.as_str().to_owned(),
    });
    let asked = Asked {
        process: process(state, &subject, caller, key)?,
        subject,
        rating: &rating,
        example: found.example,
        book: &book,
        lang,
    };
    Ok(EnterpriseView {
        unit: unit(state, &asked, params)?,
        lang,
        row: row(&found, &rating, lang),
        industry: words::side(&found.industry, lang),
        town: found.town.clone(),
        on: rating.on,
        known_at: state.zone.text(state.now()),
        rulebook: rating.rulebook.clone(),
        confidence: rating.confidence.as_str().to_owned(),
        reasons: reasons.collect(),
    })
}

/// What a reason's code means, in the rulebook's words.
pub(super) fn meaning(rulebook: &Rulebook, code: &str, lang: Lang) -> String {
    let own = match code {
        CASE_CAP => Some(lang.pick("单案扣分封顶", "cap of one case")),
        SCALE_MAX => Some(lang.pick("总分封顶", "top of the scale")),
        _ => None,
    };
    let in_book = || {
        let code = Code::new(code)?;
        let deduction = rulebook.deduction(&code).map(|row| (&row.zh, &row.en));
        let bonus = rulebook.bonus(&code).map(|row| (&row.zh, &row.en));
        let veto = rulebook.veto(&code).map(|row| (&row.zh, &row.en));
        let (zh, en) = deduction.or(bonus).or(veto)?;
        Some(lang.pick(zh.as_str(), en.as_str()))
    };
    let special = || {
        let parts = rulebook.parts();
        let rows = [&parts.manual, &parts.halted];
        let row = rows.into_iter().find(|row| row.code.as_str() == code)?;
        Some(lang.pick(row.zh.as_str(), row.en.as_str()))
    };
    own.or_else(in_book)
        .or_else(special)
        .unwrap_or(code)
        .to_owned()
}
