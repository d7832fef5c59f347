//! Reads the editions in `config/standards/` and the publication profile, compiled into the program.

mod file;

use crate::app::standards::file::AboveValue;
use crate::app::standards::file::ByPollutant;
use crate::app::standards::file::CompositeTable;
use crate::app::standards::file::ConversionTable;
use crate::app::standards::file::EditionFile;
use crate::app::standards::file::GoalTable;
use crate::app::standards::file::LimitTable;
use crate::app::standards::file::PublicationFile;
use crate::app::standards::file::ScaleTable;
use crate::domain::assessment::Publication;
use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::AreaRule;
use crate::domain::standards::Composite;
use crate::domain::standards::Edition;
use crate::domain::standards::Editions;
use crate::domain::standards::Limit;
use crate::domain::standards::Missing;
use crate::domain::standards::Realtime;
use crate::domain::standards::ReferenceState;
use crate::domain::standards::StationShare;
use crate::domain::standards::Validity;
use crate::domain::standards::Weighting;
use crate::domain::standards::daily_averaging;
use crate::domain::standards::goal::Goal;
use crate::domain::standards::goal::Judged;
use crate::domain::standards::scale::Above;
use crate::domain::standards::scale::Run;
use crate::domain::standards::scale::Scale;
use crate::domain::standards::scale::ScaleUnit;
use crate::domain::standards::scale::Whole;
use crate::domain::units::Amount;

const FILES: [(&str, &str); 6] = [
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
    (
        "config/standards/epa-2024.toml",
        include_str!("../../config/standards/epa-2024.toml"),
    ),
    (
        "config/standards/who-2021.toml",
        include_str!("../../config/standards/who-2021.toml"),
    ),
    (
        "config/standards/eu-2024.toml",
        include_str!("../../config/standards/eu-2024.toml"),
    ),
];
/// Parts per billion in a part per million.
const PPB_PER_PPM: i64 = 1_000;
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
    let deduct = match file.exclusions.as_str() {
        "with" => true,
        "without" => false,
        _ => {
            let fault = "exclusions: with or without is expected".to_owned();
            return Err(shape("config/publication.toml", fault));
        }
    };
    Ok(Publication {
        decimals: file.decimals.by_pollutant(),
        deduct,
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
    fn scale(&self, levels: &[i64], conversion: Option<&ConversionTable>) -> Result<Scale, String> {
        let own = pollutant(&self.pollutant)?;
        Ok(Scale {
            pollutant: own,
            averaging: averaging(&self.averaging)?,
            unit: self.unit(own, conversion)?,
            truncate: self.truncate,
            runs: self.runs(levels)?,
            below: self.below,
            above: match &self.above {
                AboveValue::Index(index) => Above::Index(*index),
                AboveValue::Text(text) if text == "extrapolate" => Above::Extrapolate,
                AboveValue::Text(key) => Above::Other(averaging(key)?),
            },
        })
    }

    fn unit(
        &self,
        own: Pollutant,
        conversion: Option<&ConversionTable>,
    ) -> Result<ScaleUnit, String> {
        let name = self.unit.clone().unwrap_or_else(|| own.unit().to_owned());
        let one = Amount::from_units(1);
        let mass = match (name.as_str(), conversion) {
            (unit, _) if unit == own.unit() => one,
            (unit @ ("ppb" | "ppm"), Some(table)) => {
                let text = table.of(own).ok_or("particles have no mixing ratio")?;
                let mass = amount(text)?;
                match (unit, own) {
                    ("ppb", Pollutant::Co) => return Err("CO is converted from ppm".to_owned()),
                    ("ppb", _) | (_, Pollutant::Co) => mass,
                    _ => Amount::from_micros(mass.micros() * PPB_PER_PPM),
                }
            }
            (unit, _) => return Err(format!("scale unit {unit:?} has no [conversion]")),
        };
        Ok(ScaleUnit { name, mass })
    }

    fn runs(&self, levels: &[i64]) -> Result<Vec<Run>, String> {
        let what = format!("scale {} {}", self.pollutant, self.averaging);
        if let ([], rows) = (self.breakpoints.as_slice(), &self.runs) {
            let run = |(from, to, low, high): &(String, String, i64, i64)| {
                let (from, to, low, high) = (amount(from)?, amount(to)?, *low, *high);
                Ok(Run {
                    from,
                    to,
                    low,
                    high,
                })
            };
            return rows.iter().map(run).collect();
        }
        if !self.runs.is_empty() {
            return Err(format!("{what}: breakpoints or runs, not both"));
        }
        if self.breakpoints.len() > levels.len() {
            let (count, due) = (self.breakpoints.len(), levels.len());
            return Err(format!("{what}: {count} breakpoints for {due} levels"));
        }
        let points: Vec<Amount> = self
            .breakpoints
            .iter()
            .map(|text| amount(text))
            .collect::<Result<_, _>>()?;
        let rises = points.windows(2).all(|pair| pair[0] < pair[1]);
        if !rises || points.first() != Some(&Amount::from_units(0)) {
            return Err(format!("{what}: breakpoints must rise from 0"));
        }
        let run = |(ends, index): (&[Amount], &[i64])| Run {
            from: ends[0],
            to: ends[1],
            low: index[0],
            high: index[1],
        };
        Ok(points.windows(2).zip(levels.windows(2)).map(run).collect())
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

impl GoalTable {
    fn goal(&self) -> Result<Goal, String> {
        Ok(Goal {
            stage: self.stage.clone(),
            pollutant: pollutant(&self.pollutant)?,
            averaging: averaging(&self.averaging)?,
            value: amount(&self.value)?,
            judged: judged(&self.judged)?,
            clause: self.clause.clone(),
            confidence: self.confidence.clone(),
        })
    }
}

fn judged(text: &str) -> Result<Judged, String> {
    let number = |text: &str| text.parse().ok();
    let read = match text.split(' ').collect::<Vec<_>>().as_slice() {
        ["mean"] => Some(Judged::Mean),
        ["peak-season"] => Some(Judged::PeakSeason),
        ["exceedances", count] => number(count).map(Judged::Exceedances),
        ["exceedances", count, "of-3-years"] => number(count).map(Judged::ExceedancesOf3Years),
        [one] => one
            .strip_prefix('p')
            .and_then(number)
            .map(Judged::Percentile),
        _ => None,
    };
    read.ok_or_else(|| {
        let expected = "mean, peak-season, p99, exceedances 18 or exceedances 18 of-3-years";
        format!("goal.judged {text:?} is not {expected}")
    })
}

fn missing(key: &str, text: &str) -> Result<Missing, String> {
    Missing::from_key(text).ok_or_else(|| {
        let expected = "void, publish-above-100, publish-with-particles or publish";
        format!("{key} {text:?} is not {expected}")
    })
}

/// An item such as `o3 1h`.
fn item(text: &str) -> Result<(Pollutant, Averaging), String> {
    let (own, time) = text.split_once(' ').unwrap_or((text, ""));
    Ok((pollutant(own)?, averaging(time)?))
}

impl CompositeTable {
    fn composite(self) -> Composite {
        Composite {
            equal: Weighting {
                decimals: self.decimals,
                weights: self.weights.by_pollutant(),
            },
            weighted: self.weighted.map(|own| Weighting {
                decimals: own.decimals,
                weights: own.weights.by_pollutant(),
            }),
        }
    }
}

impl EditionFile {
    fn edition(self) -> Result<Edition, String> {
        let citations = self.citations();
        let scales = self.scales()?;
        let index = self.index.as_ref();
        let daily = index.and_then(|index| index.daily.as_ref());
        let daily = match daily {
            None => Pollutant::ALL.map(daily_averaging),
            Some(table) => table.averagings()?,
        };
        let larger = index.map_or(&[][..], |index| &index.larger);
        let hour = self.hour.as_ref();
        let realtime = hour
            .map_or(&[][..], |hour| &hour.realtime)
            .iter()
            .map(|text| {
                let expected = "standard, hourly-pm or nowcast";
                Realtime::from_key(text).ok_or(format!("hour.realtime {text:?} is not {expected}"))
            });
        let limits = self.limit.iter().map(LimitTable::limit);
        let goals = self.goal.iter().map(GoalTable::goal);
        let percentiles = self
            .percentiles
            .as_ref()
            .map(|p| [p.pm25, p.pm10, p.so2, p.no2, p.co, p.o3].map(Some));
        Ok(Edition {
            comparison: self.comparison,
            reference_states: self.reference_states(),
            validity: self.validity.validity(),
            o3_exception: self.o3_exception.default,
            stations: StationShare {
                share_pct_min: self.stations.share_pct_min,
                few_stations: self.stations.few_stations,
                few_share_pct_min: self.stations.few_share_pct_min,
            },
            area_rule: self.area_rule()?,
            round_first: self.rounding.before_index,
            whole: self.whole()?,
            daily,
            larger: larger
                .iter()
                .map(|text| item(text))
                .collect::<Result<_, _>>()?,
            missing: index.map_or(Ok(Missing::Void), |index| {
                missing("index.missing", &index.missing)
            })?,
            realtime: realtime.collect::<Result<_, _>>()?,
            hour_missing: hour.map_or(Ok(Missing::Void), |hour| {
                missing("hour.missing", &hour.missing)
            })?,
            o3_1h_item: index.is_some_and(|index| index.o3_1h_item),
            scales,
            limits: limits.collect::<Result<_, _>>()?,
            percentiles: percentiles.unwrap_or_default(),
            composite: self.composite.map(CompositeTable::composite),
            goals: goals.collect::<Result<_, _>>()?,
            decimals: self.rounding.decimals.by_pollutant(),
            citations,
            id: self.id,
            title: self.title,
            from: self.from,
            to: self.to,
        })
    }

    fn whole(&self) -> Result<Whole, String> {
        let index = self.index.as_ref();
        match index.and_then(|index| index.whole.as_deref()) {
            None | Some("up") => Ok(Whole::Up),
            Some("half-up") => Ok(Whole::HalfUp),
            Some(other) => Err(format!("index.whole {other:?} is not up or half-up")),
        }
    }

    fn area_rule(&self) -> Result<AreaRule, String> {
        match self.stations.rule.as_deref() {
            None | Some("mean") => Ok(AreaRule::Mean),
            Some("highest") => Ok(AreaRule::Highest),
            Some(other) => Err(format!("stations.rule {other:?} is not mean or highest")),
        }
    }

    fn scales(&self) -> Result<Vec<Scale>, String> {
        let levels = self.index.as_ref().map_or(&[][..], |index| &index.levels);
        let conversion = self.conversion.as_ref();
        self.scale
            .iter()
            .map(|scale| scale.scale(levels, conversion))
            .collect()
    }

    fn reference_states(&self) -> Vec<ReferenceState> {
        let state = |table: &file::ReferenceTable| ReferenceState {
            from: table.from,
            to: table.to,
            gases: table.gases.clone(),
            particles: table.particles.clone(),
            clause: table.clause.clone(),
        };
        self.reference_state.iter().map(state).collect()
    }
}

impl file::ValidityTable {
    fn validity(&self) -> Validity {
        Validity {
            hour_minutes_min: self.hour_minutes_min,
            day_hours_min: self.day_hours_min,
            window_hours_min: self.window_hours_min,
            windows_min: self.windows_min,
            month_days_min: self.month_days_min,
            february_days_min: self.february_days_min,
            year_days_min: self.year_days_min,
        }
    }
}

impl ByPollutant<String> {
    fn averagings(&self) -> Result<[Averaging; 6], String> {
        let texts = [
            &self.pm25, &self.pm10, &self.so2, &self.no2, &self.co, &self.o3,
        ];
        let mut found = [Averaging::Hour24; 6];
        for (own, text) in found.iter_mut().zip(texts) {
            *own = averaging(text)?;
        }
        Ok(found)
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
            ("class_2 = \"160\"", "class_2 = \"much\"", "much"),
            ("realtime = [\"standard\"", "realtime = [\"often\"", "often"),
            ("\"2100\", \"2620\"", "\"2620\", \"2100\"", "must rise"),
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
