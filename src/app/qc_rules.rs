//! Reads the numbers of the rules for single readings in `config/qc.toml`, compiled into the program.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::app::standards::StandardsFault;
use crate::domain::pollutant::Pollutant;
use crate::domain::qc::PerPollutant;
use crate::domain::qc::Rules;
use crate::domain::units::Amount;

const FILE: &str = "config/qc.toml";
const TEXT: &str = include_str!("../../config/qc.toml");

/// The rules.
///
/// # Errors
/// [`StandardsFault`] naming file and key.
pub fn rules() -> Result<Rules, StandardsFault> {
    static RULES: LazyLock<Result<Rules, String>> = LazyLock::new(|| read(TEXT));
    RULES.clone().map_err(|fault| StandardsFault::Shape {
        file: FILE.to_owned(),
        fault,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    range: Numbers,
    step: Numbers,
    stuck: Stuck,
    inversion: Inversion,
    spike: Spike,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbers {
    pm25: String,
    pm10: String,
    so2: String,
    no2: String,
    co: String,
    o3: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stuck {
    hours: u32,
    above: Numbers,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inversion {
    tolerance: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spike {
    times: u32,
    neighbours_least: usize,
    degrees: String,
    above: Numbers,
}

fn amount(key: &str, text: &str) -> Result<Amount, String> {
    let read = Amount::parse(text).ok();
    let positive = read.filter(|amount| amount.micros() > 0);
    positive.ok_or_else(|| format!("{key}: {text:?} is not a number above 0"))
}

impl Numbers {
    fn read(&self, key: &str) -> Result<PerPollutant, String> {
        let mut numbers = [Amount::from_units(0); 6];
        for pollutant in Pollutant::ALL {
            let text = match pollutant {
                Pollutant::Pm25 => &self.pm25,
                Pollutant::Pm10 => &self.pm10,
                Pollutant::So2 => &self.so2,
                Pollutant::No2 => &self.no2,
                Pollutant::Co => &self.co,
                Pollutant::O3 => &self.o3,
            };
            let key = format!("{key}.{}", pollutant.key());
            numbers[pollutant.index()] = amount(&key, text)?;
        }
        Ok(numbers)
    }
}

fn read(text: &str) -> Result<Rules, String> {
    let shape: Shape = toml::from_str(text).map_err(|fault| fault.to_string())?;
    let Shape { stuck, spike, .. } = &shape;
    for (key, number) in [
        ("stuck.hours", stuck.hours as usize),
        ("spike.times", spike.times as usize),
        ("spike.neighbours_least", spike.neighbours_least),
    ] {
        if !(1..=1_000).contains(&number) {
            return Err(format!("{key}: {number} is not from 1 to 1000"));
        }
    }
    Ok(Rules {
        range: shape.range.read("range")?,
        step: shape.step.read("step")?,
        stuck_hours: stuck.hours,
        stuck_above: stuck.above.read("stuck.above")?,
        inversion_tolerance: amount("inversion.tolerance", &shape.inversion.tolerance)?,
        spike_times: spike.times,
        spike_above: spike.above.read("spike.above")?,
        neighbours_least: spike.neighbours_least,
        neighbour_degrees: amount("spike.degrees", &spike.degrees)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, to: &str, expected: &str) {
        assert!(TEXT.contains(from), "{from}");
        let fault = read(&TEXT.replacen(from, to, 1)).expect_err(to);
        assert!(fault.contains(expected), "{to}: {fault}");
    }

    #[test]
    fn the_shipped_numbers_are_sound_and_faulty_ones_are_named() {
        let rules = rules().expect("sound");
        assert_eq!(rules.range[Pollutant::Co.index()], Amount::from_units(150));
        check("hours = 8", "hours = 0", "stuck.hours: 0");
        check("co = \"150\"", "co = \"-1\"", "range.co: \"-1\"");
        check(
            "tolerance = \"10\"",
            "tolerance = \"ten\"",
            "inversion.tolerance",
        );
        check("[step]", "[steps]", "steps");
    }
}
