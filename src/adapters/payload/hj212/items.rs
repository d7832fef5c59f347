//! The items of a data region: `w01018-Avg=40.1,w01018-Flag=N;...`, grouped by what was measured.
//!
//! Loggers mix `,` and `;`, so both part items. A value is a number or missing; whatever else stands there is named, so
//! that the frame is kept beside the values that could be read.

use crate::adapters::payload::hj212::FrameFault;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::Stat;
use crate::domain::units::Amount;
use chrono::NaiveDateTime;
use chrono::TimeZone;

/// Factor codes of 2005 and what they are called since 2017.
const OLD_CODES: [(&str, &str); 16] = [
    ("01", "a34013"),
    ("02", "a21026"),
    ("03", "a21002"),
    ("04", "a21005"),
    ("s01", "a19001"),
    ("s02", "a01011"),
    ("s03", "a01012"),
    ("s05", "a01014"),
    ("s08", "a01013"),
    ("b01", "w00000"),
    ("b02", "a00000"),
    ("001", "w01001"),
    ("011", "w01018"),
    ("060", "w21003"),
    ("065", "w21001"),
    ("101", "w21011"),
];

/// Attributes that are values, and the statistic each is.
const STATS: [(&str, &str); 18] = [
    ("RTD", "rtd"),
    ("MIN", "min"),
    ("AVG", "avg"),
    ("MAX", "max"),
    ("COU", "cou"),
    ("ZSRTD", "zs_rtd"),
    ("ZSMIN", "zs_min"),
    ("ZSAVG", "zs_avg"),
    ("ZSMAX", "zs_max"),
    ("ZSCOU", "zs_cou"),
    ("ORI", "ori"),
    ("VALIDNUM", "valid_num"),
    ("TOTALNUM", "total_num"),
    ("DATA", "data"),
    ("DAYDATA", "day_data"),
    ("NIGHTDATA", "night_data"),
    ("RS", "rs"),
    ("RT", "rt"),
];

/// Attributes and names that carry no value: they are not kept.
const NO_VALUES: [&str; 9] = [
    "EFLAG",
    "INFO",
    "SN",
    "POLID",
    "INFOID",
    "VASENO",
    "RESTARTTIME",
    "SYSTEMTIME",
    "RTDINTERVAL",
];

/// What loggers write for a value they do not have, besides stars.
const MISSING: [&str; 9] = ["", "-", "--", "---", "nan", "null", "na", "n/a", "—"];
/// Things that could not be read that are named.
const LEFT_MAX: usize = 4;

/// Everything a frame says of one factor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Item {
    /// Its code of 2017, in lower case.
    pub code: String,
    /// Its values.
    pub values: Vec<(Stat, Option<Amount>)>,
    /// Its flag.
    pub flag: Option<String>,
    /// When the sample was taken.
    pub sampled: Option<Instant>,
}

/// A data region, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Items {
    /// DataTime and its text.
    pub time: Option<(Instant, String)>,
    /// By factor, in the order of the frame.
    pub items: Vec<Item>,
    /// What could not be read.
    pub left: Left,
}

/// What of a frame could not be read, in words; only the first few are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    told: Vec<String>,
    more: usize,
}

impl Left {
    pub(super) fn add(&mut self, what: impl FnOnce() -> String) {
        match self.told.len() < LEFT_MAX {
            true => self.told.push(what()),
            false => self.more += 1,
        }
    }

    /// All of it as one text; nothing when everything was read.
    pub(super) fn text(self) -> Option<String> {
        if self.told.is_empty() {
            return None;
        }
        let more = match self.more {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let told = self.told.join("; ");
        Some(format!(
            "HJ 212: left out: {told}{more}; the rest is stored"
        ))
    }
}

/// A time of 14 digits, or 17 with milliseconds, which are dropped.
pub(super) fn time(name: &'static str, text: &str, zone: Zone) -> Result<Instant, FrameFault> {
    let fault = || FrameFault::Time {
        name,
        text: shortened(text),
    };
    if !matches!(text.len(), 14 | 17) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fault());
    }
    let local = NaiveDateTime::parse_from_str(&text[..14], "%Y%m%d%H%M%S").map_err(|_| fault())?;
    let at = zone.offset().from_local_datetime(&local).single();
    let at = at.map(|at| Instant::from_unix(at.timestamp()));
    at.filter(|at| at.is_writable()).ok_or_else(fault)
}

pub(super) fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The code of 2017 that a code stands for.
fn code(text: &str) -> String {
    let lower = text.trim().to_ascii_lowercase();
    let known = OLD_CODES.iter().find(|(old, _)| *old == lower);
    known.map_or(lower, |(_, new)| (*new).to_owned())
}

impl Items {
    /// Reads a data region; times are in `zone`.
    ///
    /// # Errors
    /// [`FrameFault::Time`], when DataTime is none.
    pub(super) fn read(region: &str, zone: Zone) -> Result<Self, FrameFault> {
        let mut items = Self::default();
        let parts = region.split([';', ',']).map(str::trim);
        for part in parts.filter(|part| !part.is_empty()) {
            let Some((name, text)) = part.split_once('=') else {
                items
                    .left
                    .add(|| format!("{:?}, which is no NAME=VALUE", shortened(part)));
                continue;
            };
            let (name, text) = (name.trim(), text.trim());
            if name.eq_ignore_ascii_case("DataTime") {
                items.time = Some((time("DataTime", text, zone)?, shortened(text)));
            } else if !is_no_value(name) {
                items.take(name, text, zone);
            }
        }
        Ok(items)
    }

    fn take(&mut self, name: &str, text: &str, zone: Zone) {
        let Some((factor, attribute)) = name.rsplit_once('-') else {
            self.left
                .add(|| format!("{:?}, which names no factor", shortened(name)));
            return;
        };
        let code = code(factor);
        let at = self.items.iter().position(|item| item.code == code);
        let at = at.unwrap_or_else(|| {
            self.items.push(Item {
                code,
                ..Item::default()
            });
            self.items.len() - 1
        });
        let item = &mut self.items[at];
        let left = &mut self.left;
        match attribute.trim().to_ascii_uppercase().as_str() {
            "FLAG" => match &item.flag {
                Some(flag) if flag != text => {
                    left.add(|| format!("a second flag of {:?}", shortened(factor)));
                }
                _ => item.flag = Some(text.to_owned()),
            },
            "SAMPLETIME" => match time("SampleTime", text, zone) {
                Ok(sampled) => item.sampled = Some(sampled),
                Err(fault) => left.add(|| fault.to_string()),
            },
            upper => match STATS.iter().find(|(word, _)| *word == upper) {
                None => left.add(|| format!("{:?}, which is no statistic", shortened(name))),
                Some((_, stat)) => item.value(stat, (name, text), left),
            },
        }
    }
}

/// Whether a name or the attribute at its end carries no value.
fn is_no_value(name: &str) -> bool {
    let attribute = name.rsplit('-').next().unwrap_or(name).trim();
    NO_VALUES
        .iter()
        .any(|word| attribute.eq_ignore_ascii_case(word))
}

impl Item {
    fn value(&mut self, stat: &str, (name, text): (&str, &str), left: &mut Left) {
        let stat = Stat::new(stat).expect("every statistic of ours is one");
        let bare = text.to_lowercase();
        let missing = MISSING.contains(&bare.as_str()) || text.bytes().all(|byte| byte == b'*');
        let value = match missing {
            true => None,
            false => match Amount::parse(text) {
                Ok(value) => Some(value),
                Err(cause) => {
                    left.add(|| format!("{name}={}: {cause}", shortened(text)));
                    None
                }
            },
        };
        match self.values.iter().position(|(known, _)| *known == stat) {
            None => self.values.push((stat, value)),
            Some(at) if self.values[at].1 == value => {}
            // Nobody knows which of the two it is.
            Some(at) => {
                self.values[at].1 = None;
                left.add(|| format!("{name}, which is given twice with different values"));
            }
        }
    }
}
