//! Reads the editions in `config/standards/` and the publication profile, compiled into the program.

use chrono::NaiveDate;
use serde::Deserialize;

use crate::domain::assessment::Publication;
use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Above;
use crate::domain::standards::Composite;
use crate::domain::standards::Edition;
use crate::domain::standards::Editions;
use crate::domain::standards::Limit;
use crate::domain::standards::Missing;
use crate::domain::standards::Scale;
use crate::domain::standards::StationShare;
use crate::domain::standards::Validity;
use crate::domain::units::Amount;

const FILES: [(&str, &str); 3] = [
    (
        "config/standards/2012.toml",
        include_str!("../../config/standards/2012.toml"),
    ),
    (
        "config/standards/2026.toml",
        include_str!("../../config/standards/2026.toml"),
    ),
    (
        "config/standards/2031.toml",
        include_str!("../../config/standards/2031.toml"),
    ),
];
const PUBLICATION: &str = include_str!("../../config/publication.toml");

/// Why an edition's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StandardsFault {
    /// Not the expected shape.
    #[error("{file}: {fault}")]
    Shape {
        /// Which file.
        file: String,
        /// What is wrong, with line and key.
        fault: String,
    },
    /// The numbers contradict one another.
    #[error("config/standards: {0}")]
    Numbers(#[from] crate::domain::standards::EditionsFault),
}

/// Every edition shipped.
///
/// # Errors
/// [`StandardsFault`] naming file and key.
pub fn editions() -> Result<Editions, StandardsFault> {
    let read = FILES.into_iter().map(|(file, text)| edition(file, text));
    Ok(Editions::new(read.collect::<Result<_, _>>()?)?)
}

/// How figures are printed.
///
/// # Errors
/// [`StandardsFault`] naming the key.
pub fn publication() -> Result<Publication, StandardsFault> {
    let fault = |fault: toml::de::Error| shape("config/publication.toml", fault.to_string());
    let file: PublicationFile = toml::from_str(PUBLICATION).map_err(fault)?;
    Ok(Publication {
        decimals: file.decimals.by_pollutant(),
    })
}

/// One edition from its file's text.
///
/// # Errors
/// [`StandardsFault::Shape`] for an unknown key, a missing one or a value that is no number.
pub fn edition(file: &str, text: &str) -> Result<Edition, StandardsFault> {
    let parsed: EditionFile =
        toml::from_str(text).map_err(|fault| shape(file, fault.to_string()))?;
    parsed.edition().map_err(|fault| shape(file, fault))
}

fn shape(file: &str, fault: String) -> StandardsFault {
    StandardsFault::Shape {
        file: file.to_owned(),
        fault,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicationFile {
    decimals: ByPollutant<Option<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByPollutant<T> {
    pm25: T,
    pm10: T,
    so2: T,
    no2: T,
    co: T,
    o3: T,
}

impl<T> ByPollutant<T> {
    fn by_pollutant(self) -> [T; 6] {
        [self.pm25, self.pm10, self.so2, self.no2, self.co, self.o3]
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditionFile {
    id: String,
    title: String,
    from: NaiveDate,
    to: Option<NaiveDate>,
    documents: Vec<String>,
    validity: ValidityTable,
    o3_exception: ExceptionTable,
    stations: StationsTable,
    rounding: RoundingTable,
    index: IndexTable,
    scale: Vec<ScaleTable>,
    limit: Vec<LimitTable>,
    percentiles: PercentilesTable,
    composite: CompositeTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValidityTable {
    clause: String,
    confidence: String,
    hour_minutes_min: u32,
    day_hours_min: u32,
    window_hours_min: u32,
    windows_min: u32,
    month_days_min: u32,
    february_days_min: u32,
    year_days_min: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionTable {
    clause: String,
    confidence: String,
    default: bool,
    limit: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StationsTable {
    clause: String,
    confidence: String,
    share_pct_min: u32,
    few_stations: u32,
    few_share_pct_min: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoundingTable {
    clause: String,
    confidence: String,
    before_index: bool,
    decimals: ByPollutant<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexTable {
    clause: String,
    confidence: String,
    levels: Vec<i64>,
    missing: String,
    o3_1h_item: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScaleTable {
    pollutant: String,
    averaging: String,
    breakpoints: Vec<String>,
    above: AboveValue,
    clause: String,
    confidence: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AboveValue {
    Index(i64),
    Other(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitTable {
    pollutant: String,
    averaging: String,
    class_1: String,
    class_2: String,
    clause: String,
    confidence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PercentilesTable {
    clause: String,
    confidence: String,
    so2: u32,
    no2: u32,
    pm10: u32,
    pm25: u32,
    co: u32,
    o3: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompositeTable {
    clause: String,
    confidence: String,
    decimals: u32,
    weights: ByPollutant<i64>,
}

fn amount(text: &str) -> Result<Amount, String> {
    Amount::parse(text).map_err(|fault| format!("{text:?}: {fault}"))
}

fn pollutant(key: &str) -> Result<Pollutant, String> {
    Pollutant::from_key(key).ok_or_else(|| format!("unknown pollutant {key:?}"))
}

fn averaging(key: &str) -> Result<Averaging, String> {
    Averaging::from_key(key).ok_or_else(|| format!("unknown averaging {key:?}"))
}

impl ScaleTable {
    fn scale(&self) -> Result<Scale, String> {
        let breakpoints = self.breakpoints.iter().map(|text| amount(text));
        Ok(Scale {
            pollutant: pollutant(&self.pollutant)?,
            averaging: averaging(&self.averaging)?,
            breakpoints: breakpoints.collect::<Result<_, _>>()?,
            above: match &self.above {
                AboveValue::Index(index) => Above::Index(*index),
                AboveValue::Other(key) => Above::Other(averaging(key)?),
            },
        })
    }
}

impl LimitTable {
    fn limit(&self) -> Result<Limit, String> {
        Ok(Limit {
            pollutant: pollutant(&self.pollutant)?,
            averaging: averaging(&self.averaging)?,
            class_1: amount(&self.class_1)?,
            class_2: amount(&self.class_2)?,
        })
    }
}

impl EditionFile {
    fn edition(self) -> Result<Edition, String> {
        let missing = match self.index.missing.as_str() {
            "void" => Missing::Void,
            "publish-above-100" => Missing::PublishAbove100,
            other => {
                return Err(format!(
                    "index.missing {other:?} is not void or publish-above-100"
                ));
            }
        };
        let citations = self.citations();
        let p = &self.percentiles;
        Ok(Edition {
            id: self.id,
            title: self.title,
            from: self.from,
            to: self.to,
            validity: Validity {
                hour_minutes_min: self.validity.hour_minutes_min,
                day_hours_min: self.validity.day_hours_min,
                window_hours_min: self.validity.window_hours_min,
                windows_min: self.validity.windows_min,
                month_days_min: self.validity.month_days_min,
                february_days_min: self.validity.february_days_min,
                year_days_min: self.validity.year_days_min,
            },
            o3_exception: self.o3_exception.default,
            o3_exception_limit: amount(&self.o3_exception.limit)?,
            stations: StationShare {
                share_pct_min: self.stations.share_pct_min,
                few_stations: self.stations.few_stations,
                few_share_pct_min: self.stations.few_share_pct_min,
            },
            round_first: self.rounding.before_index,
            levels: self.index.levels,
            missing,
            o3_1h_item: self.index.o3_1h_item,
            scales: self
                .scale
                .iter()
                .map(ScaleTable::scale)
                .collect::<Result<_, _>>()?,
            limits: self
                .limit
                .iter()
                .map(LimitTable::limit)
                .collect::<Result<_, _>>()?,
            percentiles: [p.pm25, p.pm10, p.so2, p.no2, p.co, p.o3],
            composite: Composite {
                decimals: self.composite.decimals,
                weights: self.composite.weights.by_pollutant(),
            },
            decimals: self.rounding.decimals.by_pollutant(),
            citations,
        })
    }

    fn citations(&self) -> Vec<(String, String, String)> {
        let cite = |what: &str, clause: &str, confidence: &str| {
            (what.to_owned(), clause.to_owned(), confidence.to_owned())
        };
        let mut all = vec![
            cite("documents", &self.documents.join(", "), "text"),
            cite("validity", &self.validity.clause, &self.validity.confidence),
            cite(
                "o3_exception",
                &self.o3_exception.clause,
                &self.o3_exception.confidence,
            ),
            cite("stations", &self.stations.clause, &self.stations.confidence),
            cite("rounding", &self.rounding.clause, &self.rounding.confidence),
            cite("index", &self.index.clause, &self.index.confidence),
            cite(
                "percentiles",
                &self.percentiles.clause,
                &self.percentiles.confidence,
            ),
            cite(
                "composite",
                &self.composite.clause,
                &self.composite.confidence,
            ),
        ];
        for scale in &self.scale {
            let what = format!("scale {} {}", scale.pollutant, scale.averaging);
            all.push(cite(&what, &scale.clause, &scale.confidence));
        }
        for limit in &self.limit {
            let what = format!("limit {} {}", limit.pollutant, limit.averaging);
            all.push(cite(&what, &limit.clause, &limit.confidence));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_editions_are_sound_and_follow_one_another() {
        let editions = editions().expect("shipped files are sound");
        let on = |day: &str| editions.on(day.parse().expect("a date")).id.clone();
        assert_eq!(on("1999-01-01"), "2012");
        assert_eq!(on("2026-02-28"), "2012");
        assert_eq!(on("2026-03-01"), "2026");
        assert_eq!(on("2030-12-31"), "2026");
        assert_eq!(on("2031-01-01"), "2031");
        assert!(publication().is_ok());
    }

    #[test]
    fn a_faulty_file_names_its_key() {
        let good = FILES[0].1;
        for (from, to, expected) in [
            ("id = \"2012\"", "id = \"2012\"\nextra = 1", "extra"),
            ("pollutant = \"so2\"", "pollutant = \"so3\"", "so3"),
            ("missing = \"void\"", "missing = \"skip\"", "skip"),
            ("limit = \"160\"", "limit = \"much\"", "much"),
        ] {
            let fault = edition("x.toml", &good.replacen(from, to, 1))
                .expect_err(to)
                .to_string();
            assert!(
                fault.contains("x.toml") && fault.contains(expected),
                "{fault}"
            );
        }
    }
}
