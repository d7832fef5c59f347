//! Days and periods as people and programs read them: CSV, JSON, a table for the terminal.
//!
//! The one place that fixes these shapes; the command line and the HTTP interface print the same.

use serde::Serialize;
use serde_json::Number;
use serde_json::Value;

use crate::domain::area::AreaDay;
use crate::domain::area::AreaOptions;
use crate::domain::area::MinStations;
use crate::domain::assessment::Assessment;
use crate::domain::assessment::MeanFigure;
use crate::domain::assessment::YearOnYear;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;
use crate::domain::standards::Editions;
use crate::domain::target::Standing;
use crate::domain::units::AMOUNT_DECIMALS;
use crate::domain::units::Amount;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;
use crate::flow::assess::Area;
use crate::flow::assess::PeriodReport;
use crate::flow::now::AreaHour;

/// Decimals unrounded figures are printed with.
const UNROUNDED_DECIMALS: u32 = 6;

/// Header of the daily CSV.
pub const DAY_COLUMNS: [&str; 19] = [
    "area",
    "date",
    "edition",
    "pm25",
    "pm10",
    "so2",
    "no2",
    "co",
    "o3_8h",
    "iaqi_pm25",
    "iaqi_pm10",
    "iaqi_so2",
    "iaqi_no2",
    "iaqi_co",
    "iaqi_o3",
    "aqi",
    "level",
    "primary",
    "void_reason",
];

/// What every figure of one answer shares.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The area.
    pub area: &'a Area,
    /// The zone times are printed in.
    pub zone: Zone,
    /// As of when.
    pub known_at: Instant,
    /// Whether simulated readings take part.
    pub simulated: bool,
}

/// A decimal number as a JSON number of the same digits.
pub fn number(decimal: Decimal) -> Value {
    let text = decimal.trimmed();
    let whole = text.parse::<i64>().ok().map(Number::from);
    whole
        .or_else(|| text.parse().ok().and_then(Number::from_f64))
        .map_or(Value::Null, Value::Number)
}

/// A received value as a JSON number of the same digits.
pub fn amount(value: Amount) -> Value {
    number(Exact::amount(value).round(AMOUNT_DECIMALS))
}

/// An unrounded figure to six decimals.
pub fn unrounded(value: &Exact) -> Value {
    number(value.round(UNROUNDED_DECIMALS))
}

fn optional<T>(value: Option<T>, print: impl Fn(T) -> String) -> String {
    value.map(print).unwrap_or_default()
}

fn primary(day: &AreaDay) -> String {
    let labels: Vec<&str> = day
        .index
        .primary
        .iter()
        .map(|pollutant| pollutant.label())
        .collect();
    labels.join("|")
}

fn day_fields(area: &Area, day: &AreaDay) -> Vec<String> {
    let mut fields = vec![
        area.id().to_owned(),
        day.day.to_string(),
        day.edition.clone(),
    ];
    let concentration = |value: &Exact| value.round(UNROUNDED_DECIMALS).trimmed();
    fields.extend(
        day.values
            .values
            .iter()
            .map(|value| optional(value.as_ref(), concentration)),
    );
    fields.extend(
        day.index
            .iaqi
            .iter()
            .map(|iaqi| optional(*iaqi, |iaqi| iaqi.to_string())),
    );
    fields.push(optional(day.index.aqi, |aqi| aqi.to_string()));
    fields.push(optional(day.index.level(), |level| level.to_string()));
    fields.push(primary(day));
    fields.push(day.void_reason.clone());
    fields
}

/// Days as CSV with a header.
///
/// # Errors
/// When writing fails.
pub fn days_csv(area: &Area, days: &[AreaDay], out: impl std::io::Write) -> csv::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(DAY_COLUMNS)?;
    for day in days {
        writer.write_record(day_fields(area, day))?;
    }
    writer.flush()?;
    Ok(())
}

/// Readings as CSV with a header, in the order given.
///
/// # Errors
/// When writing fails.
pub fn readings_csv(
    zone: Zone,
    readings: impl Iterator<Item = (SeriesKey, Reading)>,
    out: impl std::io::Write,
) -> csv::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(READING_COLUMNS)?;
    for (key, reading) in readings {
        reading_row(&mut writer, zone, &key, &reading)?;
    }
    writer.flush()?;
    Ok(())
}

/// Header of exported readings.
pub const READING_COLUMNS: [&str; 8] = [
    "source",
    "factor",
    "stat",
    "time",
    "interval_s",
    "value",
    "flag",
    "review",
];

/// One reading as a CSV row under [`READING_COLUMNS`].
///
/// # Errors
/// When writing fails.
pub fn reading_row(
    writer: &mut csv::Writer<impl std::io::Write>,
    zone: Zone,
    key: &SeriesKey,
    reading: &Reading,
) -> csv::Result<()> {
    writer.write_record([
        key.source.as_str(),
        key.factor.as_str(),
        key.stat.as_str(),
        &zone.text(reading.time),
        &key.interval_s.to_string(),
        &optional(reading.value, |value| value.to_string()),
        reading.flag.as_str(),
        reading.review.key(),
    ])
}

/// One day as JSON: the CSV's columns by name, missing ones null.
pub fn day_json(context: Context<'_>, day: &AreaDay) -> Value {
    let mut object = serde_json::Map::new();
    let mut put = |key: &str, value: Value| drop(object.insert(key.to_owned(), value));
    put("area", context.area.id().into());
    put("date", day.day.to_string().into());
    put("edition", day.edition.clone().into());
    for (pollutant, key) in Pollutant::ALL.into_iter().zip(&DAY_COLUMNS[3..9]) {
        let value = day.values.values[pollutant.index()].as_ref();
        put(key, value.map_or(Value::Null, unrounded));
    }
    for (pollutant, key) in Pollutant::ALL.into_iter().zip(&DAY_COLUMNS[9..15]) {
        put(key, day.index.iaqi[pollutant.index()].into());
    }
    put("aqi", day.index.aqi.into());
    put("level", day.index.level().into());
    let labels = day.index.primary.iter().map(|pollutant| pollutant.label());
    put("primary", labels.collect::<Vec<_>>().into());
    let reason = (!day.void_reason.is_empty()).then(|| day.void_reason.clone());
    put("void_reason", reason.into());
    put("stations", day.stations.into());
    put("simulated", context.simulated.into());
    Value::Object(object)
}

/// An hour of an area as JSON; every figure null when there is no hour at all.
pub fn hour_json(
    area: &Area,
    zone: Zone,
    hour: Option<&AreaHour>,
    age_s: Option<i64>,
    simulated: bool,
) -> Value {
    let mut object = serde_json::Map::new();
    let mut put = |key: &str, value: Value| drop(object.insert(key.to_owned(), value));
    put("area", area.id().into());
    put("time", hour.map(|hour| zone.text(hour.time)).into());
    put("age_s", age_s.into());
    put("edition", hour.map(|hour| hour.edition.clone()).into());
    for pollutant in Pollutant::ALL {
        let value = hour.and_then(|hour| hour.values[pollutant.index()].as_ref());
        put(pollutant.key(), value.map_or(Value::Null, unrounded));
    }
    put("aqi", hour.and_then(|hour| hour.index.aqi).into());
    put("level", hour.and_then(|hour| hour.index.level()).into());
    let primary = hour
        .map(|hour| hour.index.primary.as_slice())
        .unwrap_or_default();
    put(
        "primary",
        primary
            .iter()
            .map(|pollutant| pollutant.label())
            .collect::<Vec<_>>()
            .into(),
    );
    put("stations_reporting", hour.map(|hour| hour.reporting).into());
    put("stations", hour.map(|hour| hour.stations).into());
    put("simulated", simulated.into());
    Value::Object(object)
}

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
        if let Some(percentiles) = percentiles {
            let key = format!("p{}", percentiles[pollutant.index()]);
            shape.insert(
                key,
                figure.percentile.as_ref().map_or(Value::Null, unrounded),
            );
        }
        object.insert(pollutant.key().to_owned(), Value::Object(shape));
    }
    Value::Object(object)
}

fn standing_json(standing: &Standing) -> Value {
    serde_json::json!({
        "id": standing.id,
        "item": standing.item.key(),
        "value": standing.value.map(number),
        "limit": number(standing.limit),
        "met": standing.met,
        "remaining_days_control": standing.remaining_days_control.map(number),
        "bad_days_left": standing.bad_days_left,
    })
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
        "min_stations": min_stations,
    })
}

/// One period as JSON.
pub fn period_json(context: Context<'_>, editions: &Editions, report: &PeriodReport) -> Value {
    let assessment = &report.assessment;
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
        targets: report.standings.iter().map(standing_json).collect(),
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

/// Days as an aligned table.
pub fn days_table(area: &Area, days: &[AreaDay]) -> String {
    let rows = days.iter().map(|day| day_fields(area, day)).collect();
    table(&DAY_COLUMNS, rows)
}

/// Periods as an aligned table.
pub fn periods_table(area: &Area, reports: &[PeriodReport]) -> String {
    let rows = reports
        .iter()
        .map(|report| period_fields(area, report))
        .collect();
    table(&PERIOD_COLUMNS, rows)
}

/// An aligned table; an empty cell prints as `-`.
fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let cell = |text: &str| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text.to_owned()
        }
    };
    let mut lines = vec![
        header
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>(),
    ];
    lines.extend(
        rows.into_iter()
            .map(|row| row.iter().map(|text| cell(text)).collect()),
    );
    let width = |at: usize| {
        lines
            .iter()
            .map(|line| line[at].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
