//! Periods of an area as CSV, JSON and a table.

use chrono::Datelike;
use serde::Serialize;
use serde_json::Value;

use crate::adapters::report::Context;
use crate::adapters::report::CsvForm;
use crate::adapters::report::beside;
use crate::adapters::report::figures::FiguresShape;
use crate::adapters::report::figures::effect;
use crate::adapters::report::figures::figures;
use crate::adapters::report::figures::settings;
use crate::adapters::report::goals::goal_json;
use crate::adapters::report::goals::reference_states;
use crate::adapters::report::optional;
use crate::adapters::report::table::table;
use crate::adapters::report::targets::standing_json;
use crate::adapters::report::with_basis;
use crate::domain::area::AreaOptions;
use crate::domain::assessment::Assessment;
use crate::domain::assessment::change::Percent;
use crate::domain::assessment::change::Points;
use crate::domain::assessment::change::YearOnYear;
use crate::domain::assessment::composite::CompositeOptions;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Editions;
use crate::domain::units::Decimal;
use crate::flow::area::Area;
use crate::flow::assess::EditionChoice;
use crate::flow::assess::OtherEdition;
use crate::flow::assess::PeriodReport;

/// A period's figures in the order of the interface.
#[derive(Serialize)]
struct PeriodShape {
    area: String,
    period: String,
    from: String,
    to: String,
    edition: String,
    review: &'static str,
    known_at: String,
    calendar_days: u32,
    simulated: bool,
    #[serde(flatten)]
    figures: FiguresShape,
    targets: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    goals: Vec<Value>,
    reference_states: Vec<Value>,
    other_editions: Vec<OtherShape>,
    edition_effect: Vec<Value>,
    settings: Value,
}

/// The same period under another edition.
#[derive(Serialize)]
struct OtherShape {
    edition: String,
    #[serde(flatten)]
    figures: FiguresShape,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    goals: Vec<Value>,
    settings: Value,
}

fn other_shape(other: &OtherEdition, editions: &Editions) -> OtherShape {
    let assessment = &other.assessment;
    OtherShape {
        edition: assessment.edition.clone(),
        figures: figures(assessment, other.yoy.as_ref(), editions),
        goals: other.goals.iter().map(goal_json).collect(),
        settings: settings(&other.options, assessment.composite.options),
    }
}

/// One period as JSON.
pub fn period_json(context: Context<'_>, editions: &Editions, report: &PeriodReport) -> Value {
    let assessment = &report.assessment;
    let others = report.others.iter();
    let this_year = context.zone.local(context.known_at).year();
    let target = |standing| standing_json(standing, this_year);
    let shape = PeriodShape {
        area: context.area.id().to_owned(),
        period: assessment.period.label.clone(),
        from: assessment.period.span.from.to_string(),
        to: assessment.period.span.to.to_string(),
        edition: assessment.edition.clone(),
        review: context.review.key(),
        known_at: context.zone.text(context.known_at),
        calendar_days: assessment.days.calendar,
        simulated: context.simulated,
        figures: figures(assessment, report.yoy.as_ref(), editions),
        targets: report.standings.iter().map(target).collect(),
        goals: report.goals.iter().map(goal_json).collect(),
        reference_states: reference_states(editions, assessment),
        edition_effect: others.clone().map(|other| effect(&other.effect)).collect(),
        other_editions: others.map(|other| other_shape(other, editions)).collect(),
        settings: period_settings(context, report),
    };
    let mut object = serde_json::to_value(shape).expect("plain structs serialise");
    if let Some(object) = object.as_object_mut() {
        beside::put(object, &report.beside, editions);
    }
    object
}

/// What a period's figures rest on.
pub fn period_settings(context: Context<'_>, report: &PeriodReport) -> Value {
    let composite = report.assessment.composite.options;
    result_settings(context, report, &report.options, composite)
}

fn result_settings(
    context: Context<'_>,
    report: &PeriodReport,
    options: &AreaOptions,
    composite: CompositeOptions,
) -> Value {
    let mut settings = settings(options, composite);
    settings["exclusions"] = match report.beside.deducted {
        true => "with".into(),
        false => "without".into(),
    };
    with_basis(settings, context)
}

/// Columns of the period table, and the first ones of the CSV.
const TABLE_COLUMNS: [&str; 13] = [
    "area",
    "period",
    "from",
    "to",
    "edition",
    "pm25",
    "pm25_valid_days",
    "valid_days",
    "good_days",
    "heavy_days",
    "void_days",
    "good_day_ratio",
    "composite_index",
];
/// Further columns of the CSV: published figures (of CO and O3 the percentile), attainment, year on year.
const FURTHER_COLUMNS: [&str; 16] = [
    "pm10",
    "so2",
    "no2",
    "co_percentile",
    "o3_percentile",
    "main_pollutant",
    "attains",
    "exceeding",
    "attaining_days",
    "attainment_rate",
    "pm25_yoy_pct",
    "good_day_ratio_yoy_pp",
    "good_days_yoy",
    "heavy_days_yoy",
    "composite_yoy_pct",
    "comparable",
];

fn decimal(value: Option<Decimal>) -> String {
    optional(value, |value| value.to_string())
}

fn period_fields(area: &Area, assessment: &Assessment) -> Vec<String> {
    let days = assessment.days;
    vec![
        area.id().to_owned(),
        assessment.period.label.clone(),
        assessment.period.span.from.to_string(),
        assessment.period.span.to.to_string(),
        assessment.edition.clone(),
        decimal(assessment.pm25.published),
        assessment.pm25.valid_days.to_string(),
        days.valid.to_string(),
        days.good.to_string(),
        days.heavy.to_string(),
        days.void().to_string(),
        decimal(days.ratio()),
        decimal(assessment.composite.value),
    ]
}

fn joined(pollutants: &[Pollutant]) -> String {
    let labels: Vec<&str> = pollutants.iter().map(|own| own.label()).collect();
    labels.join("|")
}

fn further_fields(assessment: &Assessment, yoy: Option<&YearOnYear>) -> Vec<String> {
    let published = |pollutant: &Pollutant| {
        let figure = &assessment.pollutants[pollutant.index()];
        decimal(figure.headline(*pollutant).map(|own| own.published))
    };
    let attainment = assessment.attainment.as_ref();
    let mut fields: Vec<String> = Pollutant::ALL[1..].iter().map(published).collect();
    fields.push(joined(&assessment.composite.main));
    let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    fields.push(optional(attainment.and_then(|own| own.attains), yes_no));
    let exceeding = attainment.map(|own| own.items_that(Some(false)));
    fields.push(optional(exceeding, |own| joined(&own)));
    fields.push(optional(attainment, |own| own.days.attaining.to_string()));
    fields.push(decimal(attainment.and_then(|own| own.days.rate())));
    let Some(yoy) = yoy else {
        fields.resize(FURTHER_COLUMNS.len(), String::new());
        return fields;
    };
    fields.push(decimal(yoy.pm25_pct.map(Percent::number)));
    fields.push(decimal(yoy.good_day_ratio_pp.map(Points::number)));
    fields.push(yoy.good_days.number().to_string());
    fields.push(yoy.heavy_days.number().to_string());
    fields.push(decimal(yoy.composite_pct.map(Percent::number)));
    fields.push(yes_no(yoy.comparable));
    fields
}

/// A result that has a row.
pub struct PeriodRow<'a> {
    report: &'a PeriodReport,
    assessment: &'a Assessment,
    yoy: Option<&'a YearOnYear>,
    options: &'a AreaOptions,
}

impl PeriodRow<'_> {
    /// What the row's figures rest on.
    pub fn settings(&self, context: Context<'_>) -> Value {
        let composite = self.assessment.composite.options;
        result_settings(context, self.report, self.options, composite)
    }
}

/// Every result that has a row: one a period; with several editions chosen one a period and edition.
fn results<'a>(reports: &'a [PeriodReport], edition: &EditionChoice) -> Vec<PeriodRow<'a>> {
    let several = matches!(edition, EditionChoice::Several(_));
    let mut results = Vec::new();
    for report in reports {
        results.push(PeriodRow {
            report,
            assessment: &report.assessment,
            yoy: report.yoy.as_ref(),
            options: &report.options,
        });
        let others = report.others.iter().filter(|_| several);
        results.extend(others.map(|other| PeriodRow {
            report,
            assessment: &other.assessment,
            yoy: other.yoy.as_ref(),
            options: &other.options,
        }));
    }
    results
}

/// Periods as CSV with a header.
///
/// # Errors
/// When writing fails.
pub fn periods_csv<'a>(
    area: &Area,
    edition: &EditionChoice,
    reports: &'a [PeriodReport],
    form: impl Into<CsvForm<'a, PeriodRow<'a>>>,
    out: impl std::io::Write,
) -> csv::Result<()> {
    let form = form.into();
    let mut writer = form.writer(TABLE_COLUMNS.iter().chain(&FURTHER_COLUMNS), out)?;
    for row in results(reports, edition) {
        let mut fields = period_fields(area, row.assessment);
        fields.extend(further_fields(row.assessment, row.yoy));
        fields.extend(form.last(&row));
        writer.write_record(fields)?;
    }
    writer.flush()?;
    Ok(())
}

/// Periods as an aligned table.
pub fn periods_table(area: &Area, edition: &EditionChoice, reports: &[PeriodReport]) -> String {
    let rows = results(reports, edition)
        .into_iter()
        .map(|row| period_fields(area, row.assessment))
        .collect();
    table(&TABLE_COLUMNS, rows)
}
