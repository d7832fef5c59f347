//! Reads the reasons for exclusions in `config/exclusions.toml`, compiled into the program.

use serde::Deserialize;

use crate::app::standards::StandardsFault;
use crate::domain::exclusion::Reason;
use crate::domain::exclusion::Reasons;
use crate::domain::exclusion::Statistic;
use crate::domain::pollutant::Pollutant;

const FILE: &str = "config/exclusions.toml";
const TEXT: &str = include_str!("../../config/exclusions.toml");

/// The reasons there are.
///
/// # Errors
/// [`StandardsFault`] naming file and key.
pub fn reasons() -> Result<Reasons, StandardsFault> {
    read(TEXT)
}

fn read(text: &str) -> Result<Reasons, StandardsFault> {
    let fault = |fault: String| StandardsFault::Shape {
        file: FILE.to_owned(),
        fault,
    };
    let shape: Shape = toml::from_str(text).map_err(|error| fault(error.to_string()))?;
    let reasons = shape.reason.into_iter().map(ReasonShape::reason);
    Ok(Reasons(reasons.collect::<Result<_, _>>().map_err(fault)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    reason: Vec<ReasonShape>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonShape {
    key: String,
    pollutants: Vec<String>,
    statistics: Vec<String>,
}

impl ReasonShape {
    fn reason(self) -> Result<Reason, String> {
        let key = &self.key;
        let pollutant = |text: &String| {
            Pollutant::from_key(text).ok_or_else(|| format!("{key}: {text:?} is no pollutant"))
        };
        let statistic = |text: &String| {
            Statistic::from_key(text).ok_or_else(|| format!("{key}: {text:?} is no statistic"))
        };
        Ok(Reason {
            pollutants: self
                .pollutants
                .iter()
                .map(pollutant)
                .collect::<Result<_, _>>()?,
            statistics: self
                .statistics
                .iter()
                .map(statistic)
                .collect::<Result<_, _>>()?,
            key: self.key,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dust_leaves_the_good_days_alone() {
        let reasons = reasons().unwrap();
        let dust = reasons.named("dust").unwrap();
        assert_eq!(dust.pollutants, [Pollutant::Pm25, Pollutant::Pm10]);
        assert!(dust.statistics.contains(&Statistic::Mean));
        assert!(!dust.statistics.contains(&Statistic::GoodDays));
        assert_eq!(reasons.keys(), "dust or exceptional");
    }

    #[test]
    fn faults_name_file_and_key() {
        let line = |pollutants: &str, statistics: &str| {
            format!(
                "[[reason]]\nkey = \"x\"\npollutants = [{pollutants}]\nstatistics = [{statistics}]\n"
            )
        };
        for (text, part) in [
            (line("\"pm1\"", ""), "x: \"pm1\" is no pollutant"),
            (line("", "\"median\""), "x: \"median\" is no statistic"),
            ("[[reason]]\nkey = \"x\"\n".to_owned(), "missing field"),
        ] {
            let fault = read(&text).unwrap_err().to_string();
            assert!(fault.starts_with(FILE) && fault.contains(part), "{fault}");
        }
    }
}
