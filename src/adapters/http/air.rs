//! Air figures: by day, by period.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;

use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::report;
use crate::adapters::report::Context;
use crate::adapters::report::CsvForm;
use crate::adapters::report::RowSettings;
use crate::adapters::report::periods::PeriodRow;
use crate::domain::area::MinStations;
use crate::domain::assessment::composite::Singles;
use crate::domain::assessment::composite::Weights;
use crate::domain::calendar::Instant;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::RANGE_DAYS_MAX;
use crate::domain::calendar::Span;
use crate::domain::reading::Review;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::assess::PeriodReport;
use crate::flow::beside::ExclusionView;
use crate::flow::reviewed::SeenDays;
use crate::flow::reviewed::over;
use crate::flow::reviewed::seen_of;
use crate::flow::rollup::Recipe;

pub(super) const PARAMS: [&str; 19] = [
    "area",
    "from",
    "to",
    "by",
    "edition",
    "known_at",
    "round_first",
    "o3_exception",
    "o3_1h_item",
    "lift_zero",
    "area_class",
    "min_stations",
    "composite",
    "composite_weights",
    "exclusions",
    "review",
    "format",
    "bom",
    "settings",
];

/// Most periods that each run from the first of a month or year in one answer: two years.
const TO_DATE_DAYS_MAX: u32 = 732;
/// Most days of twelve-month periods in one answer: twenty years.
const ROLLING_DAYS_MAX: u32 = 7_305;

/// What an air request asks for.
pub(super) struct Asked {
    pub(super) area: Area,
    pub(super) span: Span,
    pub(super) edition: EditionChoice,
    pub(super) choices: Choices,
    pub(super) known_at: Option<Instant>,
    pub(super) assessor: Assessor,
    pub(super) review: Review,
    /// What reviewers looked at; `None` for raw figures.
    pub(super) seen: Option<Arc<SeenDays>>,
}

impl Asked {
    pub(super) async fn read(state: &WebState, params: &Params) -> Result<Self, Problem> {
        let span = params.span()?;
        let edition =
            EditionChoice::parse(params.text("edition").unwrap_or("auto"), &state.editions)
                .map_err(|fault| Problem::bad("edition", fault))?;
        let min_stations = params
            .text("min_stations")
            .map(MinStations::parse)
            .transpose();
        let known_at = params.known_at(state.zone, state.now())?;
        let moment = known_at.unwrap_or_else(|| state.now());
        let exclusions = chosen_word(params, "exclusions", ExclusionView::parse)?;
        let review = params.review()?;
        let choices = Choices {
            round_first: params.yes_no("round_first")?,
            o3_exception: params.yes_no("o3_exception")?,
            o3_1h_item: params.yes_no("o3_1h_item")?,
            lift_zero: params.yes_no("lift_zero")?,
            area_class: params.area_class()?,
            min_stations: min_stations.map_err(|fault| Problem::bad("min_stations", fault))?,
            composite: chosen_word(params, "composite", Singles::parse)?,
            composite_weights: chosen_word(params, "composite_weights", Weights::parse)?,
            realtime: params.realtime()?,
            hour_missing: params.hour_missing()?,
            exclusions: exclusions.unwrap_or_default(),
            known_on: Some(state.zone.local(moment).date_naive()),
            fixed_set: true,
            ..Choices::default()
        };
        choices
            .fit(&edition, &state.editions)
            .map_err(|fault| Problem::bad("edition", fault))?;
        let now = state.assessor();
        let area = chosen(params, &now)?;
        let (assessor, seen) = known(state, now, &area, known_at, review).await?;
        Ok(Self {
            area,
            span,
            edition,
            choices,
            known_at,
            assessor,
            review,
            seen,
        })
    }

    fn reports(&self, kind: PeriodKind) -> Vec<PeriodReport> {
        let (assessor, area) = (&self.assessor, &self.area);
        let mut reports = assessor.periods(area, self.span, kind, &self.edition, self.choices);
        for report in &mut reports {
            let span = report.assessment.period.span;
            let seen = self.seen.as_ref();
            report.beside.seen = seen.map(|seen| assessor.reviewed_values(area, span, seen));
        }
        reports
    }

    pub(super) fn context<'a>(&'a self, state: &WebState) -> Context<'a> {
        Context {
            area: &self.area,
            zone: state.zone,
            known_at: self.known_at.unwrap_or_else(|| state.now()),
            simulated: self.assessor.simulated(&self.area, self.span),
            review: self.review,
        }
    }
}

/// The days of an area as known at a time, of values as received or as reviewers left them, and what those looked at.
pub(super) async fn known(
    state: &WebState,
    now: Assessor,
    area: &Area,
    known_at: Option<Instant>,
    review: Review,
) -> Result<(Assessor, Option<Arc<SeenDays>>), Problem> {
    let (recipe, decisions) = (state.rollup.recipe(), state.reviewing.now());
    Ok(match (known_at, review) {
        (None, Review::Raw) => (now, None),
        (None, Review::Reviewed) => {
            let beside = state.reviewed.beside(recipe, &now.days, &decisions).await?;
            (state.assessor_of(beside.days), Some(beside.seen))
        }
        (Some(_), Review::Raw) => {
            let days = area.days(recipe, &now.registry, known_at).await?;
            (state.assessor_of(Arc::new(days)), None)
        }
        (Some(_), Review::Reviewed) => {
            let decided = over(recipe, &decisions, true);
            let days = area.days(&decided, &now.registry, known_at).await?;
            let seen = seen_of(recipe, &decisions, known_at).await?;
            (state.assessor_of(Arc::new(days)), Some(Arc::new(seen)))
        }
    })
}

/// The readings as received or as reviewers left them.
pub(super) fn recipe_of(state: &WebState, review: Review) -> Recipe {
    match review {
        Review::Raw => state.rollup.recipe().clone(),
        Review::Reviewed => over(state.rollup.recipe(), &state.reviewing.now(), true),
    }
}

/// A parameter of few words.
pub(super) fn chosen_word<T>(
    params: &Params,
    name: &'static str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Problem> {
    let word = params.text(name).map(read).transpose();
    word.map_err(|fault| Problem::bad(name, fault))
}

/// The area asked for, or the one shown when none is.
pub(super) fn chosen(params: &Params, assessor: &Assessor) -> Result<Area, Problem> {
    let named = params.text("area").map(Area::parse).transpose()?;
    let area = named.unwrap_or_else(|| assessor.default_area());
    area.check(&assessor.registry, &assessor.days)?;
    Ok(area)
}

pub(super) fn csv(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], body).into_response()
}

/// How CSV is asked for.
#[derive(Clone, Copy)]
pub(super) struct WantedCsv {
    bom: bool,
    settings: bool,
}

impl WantedCsv {
    /// The form, with what rows rest on as `settings` tells.
    pub(super) fn form<'a, T>(
        self,
        context: Context<'_>,
        settings: impl Fn(&T) -> Value + 'a,
    ) -> CsvForm<'a, T> {
        CsvForm {
            known_at: context.zone.text(context.known_at),
            bom: self.bom,
            settings: self
                .settings
                .then(|| Box::new(settings) as RowSettings<'a, T>),
        }
    }
}

/// Whether CSV is asked for, and then whether a byte order mark belongs before it and settings behind its rows.
pub(super) fn wants_csv(params: &Params) -> Result<Option<WantedCsv>, Problem> {
    let (bom, settings) = (params.yes_no("bom")?, params.yes_no("settings")?);
    match params.text("format") {
        None | Some("json") if bom.is_some() => Err(Problem::bad("bom", "only format=csv has one")),
        None | Some("json") if settings.is_some() => Err(Problem::bad(
            "settings",
            "a column of format=csv; JSON has them anyway",
        )),
        None | Some("json") => Ok(None),
        Some("csv") => Ok(Some(WantedCsv {
            bom: bom.unwrap_or(false),
            settings: settings.unwrap_or(false),
        })),
        Some(_) => Err(Problem::bad("format", "json or csv is expected")),
    }
}

/// `GET /v1/air/days`: one object or row a day.
///
/// # Errors
/// A problem document.
pub async fn days(State(state): State<WebState>, params: Params) -> Result<Response, Problem> {
    let params = params.only(&PARAMS)?;
    let as_csv = wants_csv(&params)?;
    let asked = Asked::read(&state, &params).await?;
    if asked.choices.exclusions == ExclusionView::With {
        let fault = "days stand as measured; excluded days are left out of periods only";
        return Err(Problem::bad("exclusions", fault));
    }
    let days = || {
        asked
            .assessor
            .days(&asked.area, asked.span, &asked.edition, asked.choices)
    };
    let days = state.compute(days).await;
    let context = asked.context(&state);
    let (editions, choices) = (&state.editions, asked.choices);
    if let Some(wanted) = as_csv {
        let mut body = Vec::new();
        let form = wanted.form(context, |day| {
            report::days::day_settings(context, editions, choices, day)
        });
        report::days::days_csv(&asked.area, &days, form, &mut body)
            .map_err(|_| Problem::Internal)?;
        return Ok(csv(body));
    }
    let rows: Vec<Value> = days
        .iter()
        .map(|day| report::days::day_json(context, editions, choices, day))
        .collect();
    Ok(Json(rows).into_response())
}

fn period_kind(params: &Params) -> Result<PeriodKind, Problem> {
    let kinds = || {
        let kinds = PeriodKind::ALL.into_iter();
        kinds.filter(|kind| *kind != PeriodKind::Day)
    };
    let word = params.text("by").unwrap_or("period");
    kinds().find(|kind| kind.key() == word).ok_or_else(|| {
        let known: Vec<&str> = kinds().map(PeriodKind::key).collect();
        let known = known.join(", ");
        Problem::bad(
            "by",
            format!("expected one of {known}; days are at /v1/air/days"),
        )
    })
}

/// Overlapping periods multiply the work, so a range of them is shorter than others; rolling ones need a range
/// in which one ends.
fn check_length(kind: PeriodKind, span: Span) -> Result<(), Problem> {
    let most = match kind {
        PeriodKind::MonthToDate | PeriodKind::YearToDate => TO_DATE_DAYS_MAX,
        PeriodKind::TwelveMonths => ROLLING_DAYS_MAX,
        _ => RANGE_DAYS_MAX,
    };
    let key = kind.key();
    if kind.cut(span).is_empty() {
        let (from, to) = (span.from, span.to);
        return Err(Problem::bad(
            "by",
            format!("no {key} ends within {from} to {to}"),
        ));
    }
    if span.length() <= most {
        return Ok(());
    }
    Err(Problem::bad(
        "by",
        format!("{key} takes at most {most} days at once"),
    ))
}

/// `GET /v1/air/assessment`: one object a period, as `assess` prints it.
///
/// # Errors
/// A problem document.
pub async fn assessment(
    State(state): State<WebState>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&PARAMS)?;
    let as_csv = wants_csv(&params)?;
    let kind = period_kind(&params)?;
    let asked = Asked::read(&state, &params).await?;
    check_length(kind, asked.span)?;
    let reports = || asked.reports(kind);
    let reports = state.compute(reports).await;
    let context = asked.context(&state);
    if let Some(wanted) = as_csv {
        let mut body = Vec::new();
        let form = wanted.form(context, |row: &PeriodRow<'_>| row.settings(context));
        report::periods::periods_csv(&asked.area, &asked.edition, &reports, form, &mut body)
            .map_err(|_| Problem::Internal)?;
        return Ok(csv(body));
    }
    let json = |found| report::periods::period_json(context, &state.editions, found);
    Ok(Json(reports.iter().map(json).collect::<Vec<Value>>()).into_response())
}
