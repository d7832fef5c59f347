//! Fills what the page of one enterprise tells beside its tiers.

use chrono::DateTime;
use chrono::FixedOffset;
use chrono::Months;
use chrono::NaiveDate;

use crate::adapters::chart::timeline::Stretch;
use crate::adapters::chart::timeline::TimelineChart;
use crate::adapters::http::credit::behind::thoughts;
use crate::adapters::http::credit_view::meaning;
use crate::adapters::http::credit_view::shown;
use crate::adapters::http::error::Problem;
use crate::adapters::http::page::process::Process;
use crate::adapters::http::page::unit::Ahead;
use crate::adapters::http::page::unit::EntryRow;
use crate::adapters::http::page::unit::EntryShown;
use crate::adapters::http::page::unit::Surcharge;
use crate::adapters::http::page::unit::Tariff;
use crate::adapters::http::page::unit::Thought;
use crate::adapters::http::page::unit::Treatment;
use crate::adapters::http::page::unit::UnitView;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::lang::Lang;
use crate::adapters::words;
use crate::domain::credit::EventBody;
use crate::domain::credit::Tier;
use crate::domain::credit::dossier;
use crate::domain::credit::dossier::Entry;
use crate::domain::credit::dossier::Promptness;
use crate::domain::credit::dossier::State;
use crate::domain::credit::ledger::Ledger;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::rulebook::consequence::InForce;
use crate::domain::credit::rulebook::consequence::Words;
use crate::domain::credit::tier::Outlook;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::timeline::Run;
use crate::domain::credit::timeline::runs;
use crate::domain::credit::uscc::Uscc;
use crate::flow::tiering::TieringError;
use crate::flow::tiering::book::Book;

/// Months drawn before today, and after.
const MONTHS_BEHIND: u32 = 24;
const MONTHS_AHEAD: u32 = 15;
/// How far a forecast looks.
const FORECAST_MONTHS: u32 = 24;

fn folded(error: impl std::fmt::Display) -> Problem {
    TieringError::Entries(error.to_string()).into()
}

/// The unit whose page it is, and how it stands.
pub(super) struct Asked<'a> {
    /// What whoever reads the page may do.
    pub(super) process: Process,
    /// The unit.
    pub(super) subject: Uscc,
    /// How it stands today.
    pub(super) rating: &'a Rating,
    /// Whether it is an invented example.
    pub(super) example: bool,
    /// The ledger.
    pub(super) book: &'a Book,
    /// Language of the page.
    pub(super) lang: Lang,
}

/// Everything under the two tiers, with what `params` think of.
///
/// # Errors
/// A parameter that is none, or a ledger that cannot be folded.
pub(super) fn unit(
    state: &WebState,
    asked: &Asked<'_>,
    params: &Params,
) -> Result<UnitView, Problem> {
    let (lang, today) = (asked.lang, asked.rating.on);
    let events = asked.book.ledger().events_of(&asked.subject);
    let schedule = state.tiering.schedule()?;
    let outlook = Outlook::new(events, &schedule, None).map_err(folded)?;
    let rulebook = schedule.on(today);
    let entries = dossier::entries(events, &outlook, today, None);
    let sealed = dossier::sealed(events, &schedule, today);
    let rows = entries.iter().map(|entry| {
        let row = asked
            .book
            .rows_of(&asked.subject)
            .find(|row| row.event == entry.event);
        let promptness = dossier::promptness(entry.event, rulebook, &state.workdays);
        let hidden = entry.event.own_id().is_some_and(|id| sealed.contains(id));
        let seq = row.map_or(0, |row| row.seq);
        entry_row(entry, (seq, hidden), promptness, rulebook, lang)
    });
    let active = entries.iter().filter(|entry| {
        let is_record = matches!(entry.event.body, EventBody::Record(_));
        is_record && [State::Active, State::Disputed, State::Pending].contains(&entry.state)
    });
    let repairable = active.filter_map(|entry| Some(entry.event.own_id()?.to_owned()));
    let codes = rulebook.parts().deductions.iter().filter(|row| row.enabled);
    let (thought, refused) = match thought(state, asked, params) {
        Ok(thought) => (thought, None),
        Err(Problem::Refused(said)) => (None, Some(said)),
        Err(other) => return Err(other),
    };
    Ok(UnitView {
        timeline: timeline(asked, &outlook),
        ahead: aheads(&outlook, today),
        tariff: tariff(state, asked)?,
        treatments: treatments(rulebook, asked.rating, lang),
        entries: rows.collect(),
        codes: codes
            .map(|row| {
                (
                    row.code.as_str().to_owned(),
                    lang.pick(&row.zh, &row.en).to_owned(),
                )
            })
            .collect(),
        repairable: repairable.collect(),
        today,
        thought,
        refused,
        process: asked.process.clone(),
    })
}

fn later(day: NaiveDate, months: u32) -> NaiveDate {
    day.checked_add_months(Months::new(months)).unwrap_or(day)
}

fn stretch(run: &Run, lang: Lang) -> Stretch {
    let tier = shown(run.tier);
    Stretch {
        from: run.from,
        to: run.to,
        tier,
        note: format!(
            "{} – {} {} {}",
            run.from,
            run.to,
            run.score,
            tier.name(lang)
        ),
    }
}

fn timeline(asked: &Asked<'_>, outlook: &Outlook<'_>) -> TimelineChart {
    let (lang, today) = (asked.lang, asked.rating.on);
    let first = today.checked_sub_months(Months::new(MONTHS_BEHIND));
    let (from, to) = (first.unwrap_or(today), later(today, MONTHS_AHEAD));
    let tomorrow = today.succ_opt().unwrap_or(today);
    let past = runs(outlook, from, today);
    let ahead = runs(outlook, tomorrow, to);
    let computed = past.iter().chain(&ahead).map(|run| stretch(run, lang));
    let (_, spans) = outlook.on(today);
    let mut days: Vec<NaiveDate> = spans.officials.iter().map(|(_, tier)| tier.as_of).collect();
    days.sort_unstable();
    days.dedup();
    days.retain(|day| *day <= today);
    let until = |at: usize| {
        let next: Option<&NaiveDate> = days.get(at + 1);
        next.and_then(|next| next.pred_opt()).unwrap_or(today)
    };
    let official = days.iter().enumerate().filter_map(|(at, day)| {
        let official = outlook.official_on(*day)?;
        let tier = shown(official.tier);
        let until = until(at);
        (until >= from).then(|| Stretch {
            from: (*day).max(from),
            to: until,
            tier,
            note: format!(
                "{day} {} {}",
                tier.name(lang),
                words::side(&official.source, lang)
            ),
        })
    });
    TimelineChart {
        title: lang.pick("等级变化", "Course of the tiers").to_owned(),
        summary: format!("{from} – {to}"),
        from,
        to,
        today,
        official: official.collect(),
        computed: computed.collect(),
        watermark: asked
            .example
            .then(|| lang.pick("示例", "Example").to_owned()),
        lang,
    }
}

/// Today and what changes from then on.
fn aheads(outlook: &Outlook<'_>, today: NaiveDate) -> Vec<Ahead> {
    let runs = runs(outlook, today, later(today, FORECAST_MONTHS));
    let ahead = |run: &Run| Ahead {
        from: run.from,
        score: (run.tier != Tier::Unrated).then_some(run.score),
        tier: shown(run.tier),
    };
    runs.iter().map(ahead).collect()
}

fn tariff(state: &WebState, asked: &Asked<'_>) -> Result<Option<Tariff>, Problem> {
    let lang = asked.lang;
    let tariff = state
        .tiering
        .tariff(asked.book, &asked.subject, asked.rating.on, None)?;
    let tier = tariff.stood.tier;
    let surcharges = tariff.rulebook.parts().tariffs.iter();
    let surcharges = surcharges.map(|row| Surcharge {
        name: lang.pick(&row.name.zh, &row.name.en).to_owned(),
        rate: format!("{} {}", row.rate(tier, tariff.red_repeated), row.unit),
        in_force: match row.in_force {
            InForce::Yes => lang.pick("施行", "yes"),
            InForce::No => lang.pick("不施行", "no"),
            InForce::Unknown => lang.pick("不详，不计金额", "unknown, so no amount"),
        },
    });
    Ok(Some(Tariff {
        tier: shown(tier),
        snapshot: tariff.snapshot,
        days: (tariff.from, tariff.to),
        forecast: tariff.is_forecast(state.moment()),
        surcharges: surcharges.collect(),
    }))
}

fn treatments(rulebook: &Rulebook, rating: &Rating, lang: Lang) -> Vec<Treatment> {
    type Part = fn(&crate::domain::credit::rulebook::consequence::Policy) -> &Words;
    let matters: [(&'static str, Part); 6] = [
        (
            lang.pick("流动资金贷款", "New working capital"),
            |policy| &policy.working_capital,
        ),
        (
            lang.pick("治理与设备贷款", "Money for abatement"),
            |policy| &policy.investment,
        ),
        (lang.pick("存量贷款", "Loans that stand"), |policy| {
            &policy.stock
        }),
        (lang.pick("检查", "Inspections"), |policy| {
            &policy.inspections
        }),
        (lang.pick("审批", "Approvals"), |policy| &policy.approvals),
        (
            lang.pick("补助与评优", "Subsidies and awards"),
            |policy| &policy.subsidies,
        ),
    ];
    let words = |tier: Tier, part: Part| {
        let policy = rulebook.policy(tier)?;
        let words = part(policy);
        Some(lang.pick(&words.zh, &words.en).to_owned())
    };
    let official = rating.official.as_ref().map(|official| official.tier);
    let treatment = |(matter, part): (&'static str, Part)| Treatment {
        matter,
        official: official.and_then(|tier| words(tier, part)),
        computed: words(rating.tier, part),
    };
    matters.into_iter().map(treatment).collect()
}

fn state_word(state: State, lang: Lang) -> &'static str {
    match state {
        State::Pending => lang.pick("待生效", "pending"),
        State::Active => lang.pick("有效", "active"),
        State::Disputed => lang.pick("异议中", "disputed"),
        State::Expired => lang.pick("已到期", "expired"),
        State::Revoked => lang.pick("已撤销", "revoked"),
        State::Repaired => lang.pick("已修复", "repaired"),
    }
}

fn entry_row(
    entry: &Entry<'_>,
    (seq, hidden): (u64, bool),
    promptness: Option<Promptness>,
    rulebook: &Rulebook,
    lang: Lang,
) -> EntryRow {
    let span = entry.span.as_ref();
    let (what, document) = match &entry.event.body {
        EventBody::Record(record) => {
            let parts = [record.doc_no.as_deref(), record.authority.as_deref()];
            let mut document = record.doc_date.to_string();
            for part in parts.into_iter().flatten() {
                document.push(' ');
                document.push_str(part);
            }
            (
                format!(
                    "{} {}",
                    record.code,
                    meaning(rulebook, record.code.as_str(), lang)
                ),
                document,
            )
        }
        EventBody::Bonus(bonus) => {
            let what = format!(
                "{} {}",
                bonus.code,
                meaning(rulebook, bonus.code.as_str(), lang)
            );
            (what, bonus.date.to_string())
        }
        EventBody::Override(by_hand) => {
            let tier = shown(by_hand.tier).name(lang);
            let what = format!("{} {tier}", lang.pick("人工调整为", "set by hand to"));
            (what, by_hand.reason.clone())
        }
        _ => (entry.event.op().to_owned(), String::new()),
    };
    let late = promptness.and_then(|promptness| promptness.late) == Some(true);
    EntryRow {
        seq,
        state: state_word(entry.state, lang),
        shown: (!hidden).then(|| EntryShown {
            id: entry.event.own_id().unwrap_or_default().to_owned(),
            what,
            document,
            entered: entry.event.captured_at.date_naive().to_string(),
            late,
        }),
        points: span.map(|span| span.points),
        days: (span.map(|span| span.start), span.and_then(|span| span.end)),
    }
}

/// What would be if, when something is thought of.
fn thought(
    state: &WebState,
    asked: &Asked<'_>,
    params: &Params,
) -> Result<Option<Thought>, Problem> {
    let (lang, today) = (asked.lang, asked.rating.on);
    let now: DateTime<FixedOffset> = state.zone.local(state.now());
    let thoughts = thoughts(params, &asked.subject, now)?;
    if thoughts.is_empty() {
        return Ok(None);
    }
    let mut what = Vec::new();
    if let Some(code) = params.text("code") {
        let day = params.date("doc_date")?.unwrap_or(today);
        what.push(format!(
            "{} {code}, {day}",
            lang.pick("若有文书", "a document of")
        ));
    }
    if let Some(id) = params.text("repair") {
        let day = params.date("approved")?.unwrap_or(today);
        what.push(format!(
            "{} {id}, {day}",
            lang.pick("若修复", "a repair of")
        ));
    }
    let tried = state.tiering.tried(asked.book, thoughts)?;
    let schedule = state.tiering.schedule()?;
    let side = |ledger: &Ledger| -> Result<Vec<Ahead>, Problem> {
        let events = ledger.events_of(&asked.subject);
        let outlook = Outlook::new(events, &schedule, None).map_err(folded)?;
        Ok(aheads(&outlook, today))
    };
    Ok(Some(Thought {
        what: what.join("; "),
        stands: side(asked.book.ledger())?,
        would: side(&tried)?,
    }))
}
