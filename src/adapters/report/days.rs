//! Days of an area as CSV, JSON and a table.

use serde_json::Value;

use crate::adapters::report::Context;
use crate::adapters::report::CsvForm;
use crate::adapters::report::UNROUNDED_DECIMALS;
use crate::adapters::report::figures;
use crate::adapters::report::optional;
use crate::adapters::report::table::table;
use crate::adapters::report::unrounded;
use crate::adapters::report::with_basis;
use crate::domain::area::AreaDay;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Edition;
use crate::domain::standards::Editions;
use crate::domain::units::Exact;
use crate::flow::area::Area;
use crate::flow::assess::Choices;

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

fn primary(day: &AreaDay) -> String {
    let labels: Vec<&str> = day
        .index
        .primary
        .iter()
        .map(|pollutant| pollutant.label())
        .collect();
    labels.join("|")
}

/// One day as texts under [`DAY_COLUMNS`]; an empty one is missing.
pub fn day_fields(area: &Area, day: &AreaDay) -> Vec<String> {
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

/// What a day's figures rest on, by the choices they were made under.
pub fn day_settings(
    context: Context<'_>,
    editions: &Editions,
    choices: Choices,
    day: &AreaDay,
) -> Value {
    let edition = editions.by_id(&day.edition);
    let own = edition.map(|edition| figures::day_settings(&choices.options(edition)));
    own.map_or(Value::Null, |own| with_basis(own, context))
}

/// Days as CSV with a header.
///
/// # Errors
/// When writing fails.
pub fn days_csv<'a>(
    area: &Area,
    days: &[AreaDay],
    form: impl Into<CsvForm<'a, AreaDay>>,
    out: impl std::io::Write,
) -> csv::Result<()> {
    let form = form.into();
    let mut writer = form.writer(&DAY_COLUMNS, out)?;
    for day in days {
        writer.write_record(day_fields(area, day).into_iter().chain(form.last(day)))?;
    }
    writer.flush()?;
    Ok(())
}

/// One day as JSON: the CSV's columns by name, missing ones null, and the settings.
pub fn day_json(
    context: Context<'_>,
    editions: &Editions,
    choices: Choices,
    day: &AreaDay,
) -> Value {
    let edition = editions.by_id(&day.edition);
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
    put("review", context.review.key().into());
    put("known_at", context.zone.text(context.known_at).into());
    put("settings", day_settings(context, editions, choices, day));
    let converted = edition.filter(|edition| edition.has_index() && edition.comparison);
    if let Some(edition) = converted {
        put("index_values", index_values(edition, day));
    }
    Value::Object(object)
}

/// What a profile of other averaging times or units made its index of: by pollutant and averaging time the value
/// in the unit and to the digits of its scale.
fn index_values(edition: &Edition, day: &AreaDay) -> Value {
    let values = day.highest.as_deref().unwrap_or(&day.values);
    let mut object = serde_json::Map::new();
    for scale in &edition.scales {
        let key = format!("{}_{}", scale.pollutant.key(), scale.averaging.key());
        let value = values.of(scale.pollutant, scale.averaging);
        let scaled = value.map(|value| unrounded(&scale.scaled(value)));
        let shape = serde_json::json!({"value": scaled, "unit": scale.unit.name});
        object.insert(key, shape);
    }
    Value::Object(object)
}

/// Days as an aligned table.
pub fn days_table(area: &Area, days: &[AreaDay]) -> String {
    let rows = days.iter().map(|day| day_fields(area, day)).collect();
    table(&DAY_COLUMNS, rows)
}
