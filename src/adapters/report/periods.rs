//! Periods of an area as CSV, JSON and a table.

use chrono::Datelike;
use serde::Serialize;
use serde_json::Value;

use crate::adapters::report::Context;
use crate::adapters::report::number;
use crate::adapters::report::optional;
use crate::adapters::report::table::table;
use crate::adapters::report::targets::standing_json;
use crate::adapters::report::unrounded;
use crate::domain::area::AreaOptions;
use crate::domain::area::MinStations;
use crate::domain::assessment::Assessment;
use crate::domain::assessment::MeanFigure;
use crate::domain::assessment::YearOnYear;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Editions;
use crate::domain::units::Decimal;
use crate::flow::area::Area;
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
    pm25: MeanShape,
    aqi: CountsShape,
    yoy: Option<YearOnYearShape>,
    pollutants: Value,
    composite_index: Option<Value>,
    targets: Vec<Value>,
    other_editions: Vec<Value>,
    settings: Value,
}

#[derive(Serialize)]
struct MeanShape {
    mean: Option<Value>,
    judged: Option<Value>,
    published: Option<Value>,
    valid_days: u32,
    complete: bool,
    void_reason: Option<String>,
}

#[derive(Serialize)]
struct CountsShape {
    valid_days: u32,
    good_days: u32,
    heavy_days: u32,
    void_days: u32,
    good_day_ratio: Option<Value>,
    good_day_ratio_if_voids_bad: Option<Value>,
    good_day_ratio_if_voids_good: Option<Value>,
}

#[derive(Serialize)]
struct YearOnYearShape {
    pm25_pct: Option<Value>,
    good_day_ratio_pp: Option<Value>,
    comparable: bool,
}

fn mean_shape(figure: &MeanFigure) -> MeanShape {
    MeanShape {
        mean: figure.mean.as_ref().map(unrounded),
        judged: figure.judged.map(number),
        published: figure.published.map(number),
        valid_days: figure.valid_days,
        complete: figure.complete,
        void_reason: figure.void_reason.clone(),
    }
}

fn counts_shape(assessment: &Assessment) -> CountsShape {
    let days = assessment.days;
    CountsShape {
        valid_days: days.valid,
        good_days: days.good,
        heavy_days: days.heavy,
        void_days: days.void(),
        good_day_ratio: days.ratio().map(number),
        good_day_ratio_if_voids_bad: days.ratio_if_voids_bad().map(number),
        good_day_ratio_if_voids_good: days.ratio_if_voids_good().map(number),
    }
}

fn yoy_shape(yoy: &YearOnYear) -> YearOnYearShape {
    YearOnYearShape {
        pm25_pct: yoy.pm25_pct.map(number),
        good_day_ratio_pp: yoy.good_day_ratio_pp.map(number),
        comparable: yoy.comparable,
    }
}

/// Every pollutant's mean and percentile. CO and O3 are judged by their percentile alone.
fn pollutants(assessment: &Assessment, editions: &Editions) -> Value {
    let mut object = serde_json::Map::new();
    let percentiles = editions
        .by_id(&assessment.edition)
        .map(|edition| edition.percentiles);
    for pollutant in Pollutant::ALL {
        let figure = &assessment.pollutants[pollutant.index()];
        let mut shape = serde_json::Map::new();
        if !matches!(pollutant, Pollutant::Co | Pollutant::O3) {
            shape.insert(
                "mean".to_owned(),
                figure.mean.as_ref().map_or(Value::Null, unrounded),
            );
        }
        if let Some(percent) = percentiles.and_then(|all| all[pollutant.index()]) {
            let key = format!("p{percent}");
            shape.insert(
                key,
                figure.percentile.as_ref().map_or(Value::Null, unrounded),
            );
        }
        object.insert(pollutant.key().to_owned(), Value::Object(shape));
    }
    Value::Object(object)
}

fn other_json(assessment: &Assessment) -> Value {
    serde_json::json!({
        "edition": assessment.edition,
        "pm25": mean_shape(&assessment.pm25),
        "aqi": counts_shape(assessment),
        "composite_index": assessment.composite.map(number),
    })
}

fn settings(options: &AreaOptions) -> Value {
    let min_stations = match options.min_stations {
        MinStations::Count(count) => count.into(),
        other => Value::String(other.to_string()),
    };
    serde_json::json!({
        "round_first": options.index.round_first,
        "o3_exception": options.o3_exception,
        "o3_1h_item": options.index.o3_1h_item,
        "lift_zero": options.index.lift_zero,
        "area_class": options.area_class.key(),
        "min_stations": min_stations,
    })
}

/// One period as JSON.
pub fn period_json(context: Context<'_>, editions: &Editions, report: &PeriodReport) -> Value {
    let assessment = &report.assessment;
    let this_year = context.zone.local(context.known_at).year();
    let target = |standing| standing_json(standing, this_year);
    let shape = PeriodShape {
        area: context.area.id().to_owned(),
        period: assessment.period.label.clone(),
        from: assessment.period.span.from.to_string(),
        to: assessment.period.span.to.to_string(),
        edition: assessment.edition.clone(),
        review: "raw",
        known_at: context.zone.text(context.known_at),
        calendar_days: assessment.days.calendar,
        simulated: context.simulated,
        pm25: mean_shape(&assessment.pm25),
        aqi: counts_shape(assessment),
        yoy: report.yoy.as_ref().map(yoy_shape),
        pollutants: pollutants(assessment, editions),
        composite_index: assessment.composite.map(number),
        targets: report.standings.iter().map(target).collect(),
        other_editions: report.others.iter().map(other_json).collect(),
        settings: settings(&report.options),
    };
    serde_json::to_value(shape).expect("plain structs serialise")
}

/// Columns of the period CSV and table.
const PERIOD_COLUMNS: [&str; 13] = [
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

fn period_fields(area: &Area, report: &PeriodReport) -> Vec<String> {
    let assessment = &report.assessment;
    let days = assessment.days;
    let decimal = |value: Option<Decimal>| optional(value, |value| value.to_string());
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
        decimal(assessment.composite),
    ]
}

/// Periods as CSV with a header.
///
/// # Errors
/// When writing fails.
pub fn periods_csv(
    area: &Area,
    reports: &[PeriodReport],
    out: impl std::io::Write,
) -> csv::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(PERIOD_COLUMNS)?;
    for report in reports {
        writer.write_record(period_fields(area, report))?;
    }
    writer.flush()?;
    Ok(())
}

/// Periods as an aligned table.
pub fn periods_table(area: &Area, reports: &[PeriodReport]) -> String {
    let rows = reports
        .iter()
        .map(|report| period_fields(area, report))
        .collect();
    table(&PERIOD_COLUMNS, rows)
}
