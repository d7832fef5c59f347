//! Indices of given concentrations as JSON, CSV and a table.

use serde_json::Value;
use serde_json::json;

use crate::adapters::cells::Cells;
use crate::adapters::lang::Lang;
use crate::adapters::report::amount;
use crate::adapters::report::optional;
use crate::adapters::report::table::table;
use crate::adapters::words;
use crate::domain::aqi::Index;
use crate::domain::aqi::IndexOptions;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Missing;
use crate::domain::standards::Realtime;
use crate::domain::units::Amount;

/// Columns of the CSV.
const COLUMNS: [&str; 12] = [
    "edition",
    "iaqi_pm25",
    "iaqi_pm10",
    "iaqi_so2",
    "iaqi_no2",
    "iaqi_co",
    "iaqi_o3",
    "aqi",
    "level",
    "primary",
    "missing",
    "given",
];

/// The indices of one set of concentrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calculated {
    /// The edition's id.
    pub edition: String,
    /// Choices of the index.
    pub options: IndexOptions,
    /// What a missing item does to the AQI.
    pub missing: Missing,
    /// What the hourly index is made of; `None` for a day.
    pub realtime: Option<Realtime>,
    /// What was given.
    pub given: Vec<(String, Amount)>,
    /// The indices.
    pub index: Index,
    /// Items that were not given.
    pub absent: Vec<String>,
}

impl Calculated {
    fn primary(&self) -> Vec<&'static str> {
        let primary = self.index.primary.iter();
        primary.map(|pollutant| pollutant.label()).collect()
    }

    fn given(&self) -> String {
        let pairs = self.given.iter();
        let pairs: Vec<String> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
        pairs.join(" ")
    }

    /// Sub-indices, AQI.
    fn numbers(&self) -> impl Iterator<Item = String> {
        let all = self.index.iaqi.into_iter().chain([self.index.aqi]);
        all.map(|index| optional(index, |index| index.to_string()))
    }
}

/// One set as JSON.
pub fn index_json(calculated: &Calculated) -> Value {
    let mut object = json!({
        "edition": calculated.edition,
        "by": match calculated.realtime { Some(_) => "hour", None => "day" },
    });
    let given = calculated.given.iter();
    object["given"] = given
        .map(|(key, value)| (key.clone(), amount(*value)))
        .collect();
    for (pollutant, name) in Pollutant::ALL.into_iter().zip(&COLUMNS[1..7]) {
        object[*name] = calculated.index.iaqi[pollutant.index()].into();
    }
    object["aqi"] = calculated.index.aqi.into();
    object["level"] = calculated.index.level().into();
    object["primary"] = calculated.primary().into();
    object["missing"] = calculated.absent.clone().into();
    object["settings"] = json!({
        "round_first": calculated.options.round_first,
        "o3_1h_item": calculated.options.o3_1h_item,
        "lift_zero": calculated.options.lift_zero,
        "missing": calculated.missing.key(),
        "realtime": calculated.realtime.map(Realtime::key),
    });
    object
}

/// A row a set, with a header.
///
/// # Errors
/// When writing fails.
pub fn indices_csv(all: &[Calculated], out: impl std::io::Write) -> csv::Result<()> {
    let mut writer = Cells::new(out);
    writer.write_record(COLUMNS)?;
    for calculated in all {
        let mut fields = vec![calculated.edition.clone()];
        fields.extend(calculated.numbers());
        fields.push(optional(calculated.index.level(), |level| {
            level.to_string()
        }));
        fields.push(calculated.primary().join("|"));
        fields.push(calculated.absent.join("|"));
        fields.push(calculated.given());
        writer.write_record(fields)?;
    }
    writer.flush()?;
    Ok(())
}

/// What a person reads: sub-indices, AQI, level in words, primary pollutants, what is missing.
pub fn indices_table(all: &[Calculated], lang: Lang) -> String {
    let labels = Pollutant::ALL.map(|pollutant| pollutant.label());
    let last = [
        "AQI",
        lang.pick("级别", "level"),
        lang.pick("首要污染物", "primary pollutant"),
        lang.pick("缺项", "missing"),
    ];
    let header: Vec<&str> = labels.into_iter().chain(last).collect();
    let row = |calculated: &Calculated| {
        let mut fields: Vec<String> = calculated.numbers().collect();
        let level = calculated.index.level();
        fields.push(optional(level, |level| {
            words::level(level, lang).to_owned()
        }));
        fields.push(calculated.primary().join(" "));
        fields.push(calculated.absent.join(", "));
        fields
    };
    table(&header, all.iter().map(row).collect())
}
