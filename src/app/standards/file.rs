//! The shape of an edition's file: what may stand in it, and nothing else.

use chrono::NaiveDate;
use serde::Deserialize;

use crate::domain::pollutant::Pollutant;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PublicationFile {
    pub(super) exclusions: String,
    pub(super) decimals: ByPollutant<Option<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByPollutant<T> {
    pub(super) pm25: T,
    pub(super) pm10: T,
    pub(super) so2: T,
    pub(super) no2: T,
    pub(super) co: T,
    pub(super) o3: T,
}

impl<T> ByPollutant<T> {
    pub(super) fn by_pollutant(self) -> [T; 6] {
        [self.pm25, self.pm10, self.so2, self.no2, self.co, self.o3]
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EditionFile {
    pub(super) id: String,
    pub(super) title: String,
    /// Another authority's profile, never chosen by date.
    #[serde(default)]
    pub(super) comparison: bool,
    pub(super) from: NaiveDate,
    pub(super) to: Option<NaiveDate>,
    pub(super) documents: Vec<String>,
    #[serde(default)]
    pub(super) reference_state: Vec<ReferenceTable>,
    pub(super) conversion: Option<ConversionTable>,
    pub(super) validity: ValidityTable,
    pub(super) o3_exception: ExceptionTable,
    pub(super) stations: StationsTable,
    pub(super) rounding: RoundingTable,
    pub(super) index: Option<IndexTable>,
    pub(super) hour: Option<HourTable>,
    #[serde(default)]
    pub(super) scale: Vec<ScaleTable>,
    #[serde(default)]
    pub(super) limit: Vec<LimitTable>,
    pub(super) percentiles: Option<PercentilesTable>,
    pub(super) composite: Option<CompositeTable>,
    #[serde(default)]
    pub(super) goal: Vec<GoalTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReferenceTable {
    pub(super) from: NaiveDate,
    pub(super) to: Option<NaiveDate>,
    pub(super) gases: String,
    pub(super) particles: String,
    pub(super) clause: String,
    pub(super) confidence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConversionTable {
    pub(super) clause: String,
    pub(super) confidence: String,
    so2: String,
    no2: String,
    o3: String,
    co: String,
}

impl ConversionTable {
    /// Mass of one ppb (of CO one ppm).
    pub(super) fn of(&self, pollutant: Pollutant) -> Option<&str> {
        match pollutant {
            Pollutant::So2 => Some(&self.so2),
            Pollutant::No2 => Some(&self.no2),
            Pollutant::O3 => Some(&self.o3),
            Pollutant::Co => Some(&self.co),
            Pollutant::Pm25 | Pollutant::Pm10 => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValidityTable {
    pub(super) clause: String,
    pub(super) confidence: String,
    pub(super) hour_minutes_min: u32,
    pub(super) day_hours_min: u32,
    pub(super) window_hours_min: u32,
    pub(super) windows_min: u32,
    pub(super) month_days_min: u32,
    pub(super) february_days_min: u32,
    pub(super) year_days_min: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExceptionTable {
    pub(super) clause: String,
    pub(super) confidence: String,
    pub(super) default: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StationsTable {
    pub(super) clause: String,
    pub(super) confidence: String,
    pub(super) share_pct_min: u32,
    pub(super) few_stations: u32,
    pub(super) few_share_pct_min: u32,
    pub(super) rule: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoundingTable {
    pub(super) clause: String,
    pub(super) confidence: String,
    pub(super) before_index: bool,
    pub(super) decimals: ByPollutant<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IndexTable {
    pub(super) clause: String,
    pub(super) confidence: String,
    /// Index of each breakpoint, for scales given as breakpoints.
    #[serde(default)]
    pub(super) levels: Vec<i64>,
    pub(super) whole: Option<String>,
    pub(super) daily: Option<ByPollutant<String>>,
    #[serde(default)]
    pub(super) larger: Vec<String>,
    pub(super) missing: String,
    pub(super) o3_1h_item: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HourTable {
    pub(super) clause: String,
    pub(super) confidence: String,
    pub(super) realtime: Vec<String>,
    pub(super) missing: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScaleTable {
    pub(super) pollutant: String,
    pub(super) averaging: String,
    pub(super) unit: Option<String>,
    pub(super) truncate: Option<u32>,
    /// Concentrations at the index levels.
    #[serde(default)]
    pub(super) breakpoints: Vec<String>,
    /// Lowest and highest concentration, lowest and highest index.
    #[serde(default)]
    pub(super) runs: Vec<(String, String, i64, i64)>,
    pub(super) below: Option<i64>,
    pub(super) above: AboveValue,
    pub(super) clause: String,
    pub(super) confidence: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum AboveValue {
    Index(i64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitTable {
    pub(super) pollutant: String,
    pub(super) averaging: String,
    pub(super) class_1: String,
    pub(super) class_2: String,
    pub(super) clause: String,
    pub(super) confidence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PercentilesTable {
    pub(super) clause: String,
    pub(super) confidence: String,
    pub(super) so2: u32,
    pub(super) no2: u32,
    pub(super) pm10: u32,
    pub(super) pm25: u32,
    pub(super) co: u32,
    pub(super) o3: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CompositeTable {
    pub(super) clause: String,
    pub(super) confidence: String,
    pub(super) decimals: u32,
    pub(super) weights: ByPollutant<i64>,
    pub(super) weighted: Option<WeightedTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WeightedTable {
    pub(super) clause: String,
    pub(super) confidence: String,
    pub(super) decimals: u32,
    pub(super) weights: ByPollutant<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GoalTable {
    pub(super) stage: String,
    pub(super) pollutant: String,
    pub(super) averaging: String,
    pub(super) value: String,
    pub(super) judged: String,
    pub(super) clause: String,
    pub(super) confidence: String,
}

impl EditionFile {
    /// Every number's source: what, clause, confidence.
    pub(super) fn citations(&self) -> Vec<(String, String, String)> {
        let mut all = vec![("documents", self.documents.join(", "), "text".to_owned())];
        let mut cite = |what: &'static str, clause: &str, confidence: &str| {
            all.push((what, clause.to_owned(), confidence.to_owned()));
        };
        for table in &self.reference_state {
            cite("reference_state", &table.clause, &table.confidence);
        }
        if let Some(table) = &self.conversion {
            cite("conversion", &table.clause, &table.confidence);
        }
        cite("validity", &self.validity.clause, &self.validity.confidence);
        let exception = &self.o3_exception;
        cite("o3_exception", &exception.clause, &exception.confidence);
        cite("stations", &self.stations.clause, &self.stations.confidence);
        cite("rounding", &self.rounding.clause, &self.rounding.confidence);
        if let Some(table) = &self.index {
            cite("index", &table.clause, &table.confidence);
        }
        if let Some(table) = &self.hour {
            cite("hour", &table.clause, &table.confidence);
        }
        if let Some(table) = &self.percentiles {
            cite("percentiles", &table.clause, &table.confidence);
        }
        if let Some(table) = &self.composite {
            cite("composite", &table.clause, &table.confidence);
            if let Some(own) = &table.weighted {
                cite("composite.weighted", &own.clause, &own.confidence);
            }
        }
        let owned = |(what, clause, confidence): (&str, String, String)| {
            (what.to_owned(), clause, confidence)
        };
        let mut all: Vec<(String, String, String)> = all.into_iter().map(owned).collect();
        let mut cite = |what: String, clause: &str, confidence: &str| {
            all.push((what, clause.to_owned(), confidence.to_owned()));
        };
        for own in &self.scale {
            let what = format!("scale {} {}", own.pollutant, own.averaging);
            cite(what, &own.clause, &own.confidence);
        }
        for own in &self.limit {
            let what = format!("limit {} {}", own.pollutant, own.averaging);
            cite(what, &own.clause, &own.confidence);
        }
        for own in &self.goal {
            let what = format!("goal {} {} {}", own.stage, own.pollutant, own.averaging);
            cite(what, &own.clause, &own.confidence);
        }
        all
    }
}
