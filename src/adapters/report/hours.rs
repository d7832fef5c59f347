//! Hours of an area as CSV, JSON and a table.

use serde_json::Value;

use crate::adapters::report::Context;
use crate::adapters::report::CsvForm;
use crate::adapters::report::UNROUNDED_DECIMALS;
use crate::adapters::report::optional;
use crate::adapters::report::table::table;
use crate::adapters::report::unrounded;
use crate::adapters::report::with_basis;
use crate::domain::aqi::HourKind;
use crate::domain::calendar::Zone;
use crate::domain::pollutant::Pollutant;
use crate::domain::units::Exact;
use crate::flow::area::Area;
use crate::flow::hours::AreaHour;

/// Header of the hourly CSV: that of the daily one with the hour's end in place of the date and the hour's own
/// ozone, then the settings and what else an index is made of.
pub const HOUR_COLUMNS: [&str; 26] = [
    "area",
    "time",
    "edition",
    "pm25",
    "pm10",
    "so2",
    "no2",
    "co",
    "o3",
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
    "realtime",
    "hour_missing",
    "pm25_24h",
    "pm10_24h",
    "o3_8h",
    "pm25_nowcast",
    "pm10_nowcast",
];

/// What stands in the last columns.
const FURTHER: [(Pollutant, HourKind); 5] = [
    (Pollutant::Pm25, HourKind::Moving24h),
    (Pollutant::Pm10, HourKind::Moving24h),
    (Pollutant::O3, HourKind::Moving8h),
    (Pollutant::Pm25, HourKind::Nowcast),
    (Pollutant::Pm10, HourKind::Nowcast),
];

fn primary(hour: &AreaHour) -> Vec<&'static str> {
    let primary = hour.index.primary.iter();
    primary.map(|pollutant| pollutant.label()).collect()
}

/// One hour as texts under [`HOUR_COLUMNS`]; an empty one is missing.
pub fn hour_fields(area: &Area, zone: Zone, hour: &AreaHour) -> Vec<String> {
    let concentration = |value: &Exact| value.round(UNROUNDED_DECIMALS).trimmed();
    let value = |pollutant: Pollutant, kind| {
        let value = hour.values.kind(kind)[pollutant.index()].as_ref();
        optional(value, concentration)
    };
    let index = |value: Option<i64>| optional(value, |value| value.to_string());
    let mut fields = vec![
        area.id().to_owned(),
        zone.text(hour.time),
        hour.edition.clone(),
    ];
    fields.extend(Pollutant::ALL.map(|pollutant| value(pollutant, HourKind::Hour)));
    fields.extend(hour.index.iaqi.map(index));
    fields.push(index(hour.index.aqi));
    fields.push(optional(hour.index.level(), |level| level.to_string()));
    fields.push(primary(hour).join("|"));
    fields.push(hour.void_reason.clone());
    let setting = |of: fn(&crate::domain::aqi::HourOptions) -> &'static str| {
        optional(hour.options.as_ref(), |options| of(options).to_owned())
    };
    fields.push(setting(|options| options.realtime.key()));
    fields.push(setting(|options| options.missing.key()));
    fields.extend(FURTHER.map(|(pollutant, kind)| value(pollutant, kind)));
    fields
}

/// Hours of several areas as CSV with a header.
///
/// # Errors
/// When writing fails.
pub fn hours_csv<'a>(
    zone: Zone,
    areas: impl IntoIterator<Item = (&'a Area, &'a [AreaHour])>,
    form: impl Into<CsvForm<'a, AreaHour>>,
    out: impl std::io::Write,
) -> csv::Result<()> {
    let form = form.into();
    let mut writer = form.writer(&HOUR_COLUMNS, out)?;
    for (area, hours) in areas {
        for hour in hours {
            writer.write_record(
                hour_fields(area, zone, hour)
                    .into_iter()
                    .chain(form.last(hour)),
            )?;
        }
    }
    writer.flush()?;
    Ok(())
}

/// Hours of several areas as an aligned table.
pub fn hours_table<'a>(
    zone: Zone,
    areas: impl IntoIterator<Item = (&'a Area, &'a [AreaHour])>,
) -> String {
    let rows = areas
        .into_iter()
        .flat_map(|(area, hours)| hours.iter().map(move |hour| hour_fields(area, zone, hour)));
    table(&HOUR_COLUMNS, rows.collect())
}

/// One hour as JSON: the CSV's columns by name, missing ones null, and the settings.
pub fn hour_json(context: Context<'_>, hour: &AreaHour) -> Value {
    let mut object = serde_json::Map::new();
    let mut put = |key: &str, value: Value| drop(object.insert(key.to_owned(), value));
    let value = |pollutant: Pollutant, kind| {
        let value = hour.values.kind(kind)[pollutant.index()].as_ref();
        value.map_or(Value::Null, unrounded)
    };
    put("area", context.area.id().into());
    put("time", context.zone.text(hour.time).into());
    put("edition", hour.edition.clone().into());
    for pollutant in Pollutant::ALL {
        put(pollutant.key(), value(pollutant, HourKind::Hour));
    }
    for (pollutant, key) in Pollutant::ALL.into_iter().zip(&HOUR_COLUMNS[9..15]) {
        put(key, hour.index.iaqi[pollutant.index()].into());
    }
    put("aqi", hour.index.aqi.into());
    put("level", hour.index.level().into());
    put("primary", primary(hour).into());
    let reason = (!hour.void_reason.is_empty()).then(|| hour.void_reason.clone());
    put("void_reason", reason.into());
    for ((pollutant, kind), key) in FURTHER.into_iter().zip(&HOUR_COLUMNS[21..]) {
        put(key, value(pollutant, kind));
    }
    put("stations_reporting", hour.reporting.into());
    put("stations", hour.stations.into());
    put("simulated", context.simulated.into());
    put("review", context.review.key().into());
    put("known_at", context.zone.text(context.known_at).into());
    put("settings", hour_settings(context, hour));
    Value::Object(object)
}

/// What an hour's figures rest on; null when the document has no hourly index.
pub fn hour_settings(context: Context<'_>, hour: &AreaHour) -> Value {
    let settings = hour.options.map(|options| {
        serde_json::json!({
            "realtime": options.realtime.key(),
            "hour_missing": options.missing.key(),
            "round_first": options.index.round_first,
            "lift_zero": options.index.lift_zero,
            "stations_needed": hour.needed,
        })
    });
    settings.map_or(Value::Null, |own| with_basis(own, context))
}

/// The newest hour as JSON with its age; every figure null when there is no hour at all.
pub fn newest_json(context: Context<'_>, hour: Option<&AreaHour>, age_s: Option<i64>) -> Value {
    let mut object = match hour.map(|hour| hour_json(context, hour)) {
        Some(Value::Object(object)) => object,
        _ => {
            let absent = |key: &&str| ((*key).to_owned(), Value::Null);
            HOUR_COLUMNS.iter().map(absent).collect()
        }
    };
    object.insert("area".to_owned(), context.area.id().into());
    object.insert("age_s".to_owned(), age_s.into());
    object.insert("simulated".to_owned(), context.simulated.into());
    object.insert("review".to_owned(), context.review.key().into());
    let known_at = context.zone.text(context.known_at);
    object.insert("known_at".to_owned(), known_at.into());
    Value::Object(object)
}
