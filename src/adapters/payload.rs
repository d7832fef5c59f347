//! Hop 2 of the route: a topic and bytes become observations, or a fault that says what is wrong where.
//!
//! Format `v1` is the JSON of the public interface: one object or an array of objects, each with a time, an
//! interval and its values. Reading is strict: an unknown field, a key given twice or a number that is not
//! plain decimal is a fault of the whole message, so that half a message is never kept. Numbers are taken
//! from their literal text, never through a binary float. Nothing here reads a clock; `now` is an argument.
//! Period stamps are kept as sent: the end of the averaging period. Fractions of a second are dropped.

pub mod hj212;
pub mod json;
pub mod topic;

use std::str;

use chrono::DateTime;
use chrono::NaiveDateTime;
use chrono::TimeZone;

use crate::adapters::payload::hj212::FrameFault;
use crate::adapters::payload::json::Literal;
use crate::adapters::payload::json::Record;
use crate::adapters::payload::topic::Channel;
use crate::adapters::payload::topic::Target;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::flag::is_plausible;
use crate::domain::names::Factor;
use crate::domain::names::Flag;
use crate::domain::names::NameFault;
use crate::domain::names::SourceKind;
use crate::domain::names::Stat;
use crate::domain::pollutant::Pollutant;
use crate::domain::qc::Rules;
use crate::domain::reading::Observation;
use crate::domain::reading::Reading;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;
use crate::domain::units::Amount;
use crate::domain::units::AmountFault;

/// Largest payload that is looked at, in bytes, unless configured.
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;
/// Most readings one message may carry.
pub const READINGS_MAX: usize = 10_000;
/// Most keys one JSON object may have.
pub const KEYS_MAX: usize = 256;
/// Longest averaging interval, in seconds: a leap year.
pub const INTERVAL_S_MAX: u32 = 366 * 86_400;

/// What a message said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// The values, in the order of the message.
    pub readings: Vec<Observation>,
    /// The source's state, when the message was one about it.
    pub status: Option<Status>,
    /// What of a frame could not be read, beside the readings that could: then the frame is kept too.
    pub left: Option<String>,
}

/// What is registered of a source and bears on how its messages are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// The zone of its times that come without an offset.
    pub zone: Option<Zone>,
    /// Seconds between two of its reports.
    pub interval_s: Option<u32>,
}

impl From<Option<Zone>> for Registered {
    fn from(zone: Option<Zone>) -> Self {
        Self {
            zone,
            interval_s: None,
        }
    }
}

/// Whether a source says it is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Connected.
    Online,
    /// Gone, usually said by its last will.
    Offline,
}

/// Why a payload cannot be used. The text is kept beside the dead letter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadFault {
    /// Larger than the limit.
    #[error("payload of {size_bytes} bytes; at most {limit_bytes} are read")]
    TooLarge {
        /// Its size.
        size_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// Not UTF-8.
    #[error("invalid UTF-8 after byte {at_byte}")]
    NotUtf8 {
        /// Bytes that were still fine.
        at_byte: usize,
    },
    /// Not JSON, or not of the shape asked for.
    #[error("JSON: {cause}")]
    Json {
        /// What the parser said, with line and column.
        cause: String,
    },
    /// Neither an object nor an array of objects.
    #[error("payload is neither a JSON object nor an array of objects")]
    NotARecord,
    /// No value and no flag in it.
    #[error("no values")]
    Empty,
    /// More readings than the limit.
    #[error("more than {READINGS_MAX} readings in one message")]
    TooMany,
    /// The time is not RFC 3339.
    #[error("time {text:?}; give RFC 3339 such as 2020-01-01T13:00:00+08:00")]
    Time {
        /// What was sent, shortened.
        text: String,
    },
    /// The year cannot be written everywhere.
    #[error("time {text:?}; its year leaves 0 to 9999 in some zone")]
    Year {
        /// What was sent, shortened.
        text: String,
    },
    /// The time has no offset and the source has no zone.
    #[error("time {text:?} has no offset and the source has no registered zone")]
    NoZone {
        /// What was sent.
        text: String,
    },
    /// The interval is not a whole number of seconds in range.
    #[error("interval_s {text}; give whole seconds, 0 to {INTERVAL_S_MAX}")]
    Interval {
        /// What was sent, shortened.
        text: String,
    },
    /// A key, statistic or flag is not a valid code.
    #[error("{0}")]
    Name(#[from] NameFault),
    /// A statistic that HJ 212 does not have.
    #[error("statistic {stat:?} of {key:?}; give one of {}", Stat::KNOWN.join(" "))]
    Stat {
        /// Its key.
        key: String,
        /// What was sent, shortened.
        stat: String,
    },
    /// A word that is no flag.
    #[error(
        "flag {flag:?} of {key:?}; give a letter of HJ 212 or a mark of the national platform, as /v1/flags lists them"
    )]
    Flag {
        /// Its key.
        key: String,
        /// What was sent, shortened.
        flag: String,
    },
    /// Two keys stand for the same factor.
    #[error("{key:?} names factor {factor}, which is already given")]
    Twice {
        /// The second key.
        key: String,
        /// The factor.
        factor: String,
    },
    /// A value is neither number nor null nor an object of numbers.
    #[error("value of {key:?} is {found}; give a number, null or an object of numbers")]
    Value {
        /// Its key.
        key: String,
        /// What it is instead.
        found: &'static str,
    },
    /// A number that cannot be kept exactly.
    #[error("value of {key:?}, {text}: {cause}")]
    Number {
        /// Its key.
        key: String,
        /// The literal, shortened.
        text: String,
        /// Why.
        cause: AmountFault,
    },
    /// A frame none of whose values could be read.
    #[error("{left}")]
    Nothing {
        /// What could not be read.
        left: String,
    },
    /// A frame of HJ 212 that is none.
    #[error("{0}")]
    Hj212(#[from] FrameFault),
    /// A status other than the two words.
    #[error("status is neither `online` nor `offline`")]
    Status,
}

impl PayloadFault {
    /// The kind of fault in a word, for counts.
    pub fn word(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::NotUtf8 { .. } => "not_utf8",
            Self::Json { .. } | Self::NotARecord => "not_json",
            Self::Empty => "empty",
            Self::TooMany => "too_many",
            Self::Time { .. } | Self::Year { .. } => "time",
            Self::NoZone { .. } => "no_zone",
            Self::Interval { .. } => "interval",
            Self::Name(_) | Self::Twice { .. } => "name",
            Self::Stat { .. } => "stat",
            Self::Flag { .. } => "flag",
            Self::Value { .. } | Self::Number { .. } => "value",
            Self::Status => "status",
            Self::Nothing { .. } => "value",
            Self::Hj212(fault) => fault.word(),
        }
    }
}

/// Reads payloads. Holds the names that every message needs, so that a value costs no allocation for them.
#[derive(Clone, Debug)]
pub struct Decoder {
    payload_bytes_max: usize,
    rules: Rules,
    hj212: hj212::Reading,
    pollutants: [Factor; 6],
    avg: Stat,
    rtd: Stat,
    normal: Flag,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(PAYLOAD_BYTES_MAX, Rules::default())
    }
}

impl Decoder {
    /// A decoder that looks at payloads of up to `payload_bytes_max` bytes and judges values by the rules.
    pub fn new(payload_bytes_max: usize, rules: Rules) -> Self {
        Self {
            payload_bytes_max,
            rules,
            hj212: hj212::Reading::default(),
            pollutants: Pollutant::ALL.map(Pollutant::factor),
            avg: Stat::avg(),
            rtd: Stat::rtd(),
            normal: Flag::normal(),
        }
    }

    /// Has frames of HJ 212 read as set.
    #[must_use]
    pub fn with_hj212(self, hj212: hj212::Reading) -> Self {
        Self { hj212, ..self }
    }

    /// The rules values are judged by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Largest payload that is looked at, in bytes.
    pub fn payload_bytes_max(&self) -> usize {
        self.payload_bytes_max
    }

    /// Reads one payload, given what is registered of its source; `now` is what stamps are judged against.
    ///
    /// # Errors
    /// [`PayloadFault`] for the whole message, whatever part of it is at fault.
    pub fn decode(
        &self,
        target: &Target,
        payload: &[u8],
        registered: impl Into<Registered>,
        now: Instant,
    ) -> Result<Decoded, PayloadFault> {
        let registered = registered.into();
        if payload.len() > self.payload_bytes_max {
            return Err(PayloadFault::TooLarge {
                size_bytes: payload.len(),
                limit_bytes: self.payload_bytes_max,
            });
        }
        if target.channel == Channel::Hj212 {
            return self.frame(target, payload, registered, now);
        }
        let text = str::from_utf8(payload).map_err(|fault| PayloadFault::NotUtf8 {
            at_byte: fault.valid_up_to(),
        })?;
        match target.channel {
            Channel::Status => Ok(Decoded {
                status: Some(status(text)?),
                ..Decoded::default()
            }),
            Channel::Readings | Channel::Hj212 => {
                let mut readings = Vec::new();
                for record in json::records(text)? {
                    self.record(target, &record, registered.zone, now, &mut readings)?;
                }
                if readings.is_empty() {
                    return Err(PayloadFault::Empty);
                }
                Ok(Decoded {
                    readings,
                    ..Decoded::default()
                })
            }
        }
    }

    fn record(
        &self,
        target: &Target,
        record: &Record<'_>,
        zone: Option<Zone>,
        now: Instant,
        readings: &mut Vec<Observation>,
    ) -> Result<(), PayloadFault> {
        let interval_s = interval(record.interval())?;
        let time = time(record.time(), zone)?;
        let mut flags = self.flags(target.kind, record)?;
        let mut seen: Vec<Factor> = Vec::with_capacity(record.values().len());
        let mut keep = |factor: &Factor, stat: Stat, value: Option<Amount>, flag: &Flag| {
            if readings.len() == READINGS_MAX {
                return Err(PayloadFault::TooMany);
            }
            readings.push(Observation {
                key: SeriesKey {
                    source: target.source.clone(),
                    factor: factor.clone(),
                    stat,
                    interval_s,
                },
                reading: Reading {
                    time,
                    value,
                    flag: flag.clone(),
                    qc: self.rules.verdict(factor, time, value, now),
                    review: Review::Raw,
                },
            });
            Ok(())
        };
        for (key, literal) in record.values() {
            let factor = self.factor(target.kind, key, &seen)?;
            let flag = match flags.iter().position(|(flagged, _)| *flagged == factor) {
                Some(at) => flags.swap_remove(at).1,
                None => self.normal.clone(),
            };
            match json::literal(literal) {
                Literal::Null => keep(&factor, self.plain(interval_s), None, &flag)?,
                Literal::Number(text) => {
                    let value = amount(key, text)?;
                    keep(&factor, self.plain(interval_s), Some(value), &flag)?;
                }
                Literal::Object => {
                    for (stat, value) in stats(key, literal)? {
                        keep(&factor, stat, value, &flag)?;
                    }
                }
                Literal::Other(found) => {
                    return Err(PayloadFault::Value {
                        key: shortened(key),
                        found,
                    });
                }
            }
            seen.push(factor);
        }
        for (factor, flag) in flags {
            keep(&factor, self.plain(interval_s), None, &flag)?;
        }
        Ok(())
    }

    /// The statistic of a bare number.
    fn plain(&self, interval_s: u32) -> Stat {
        if interval_s == 0 {
            self.rtd.clone()
        } else {
            self.avg.clone()
        }
    }

    fn flags(
        &self,
        kind: SourceKind,
        record: &Record<'_>,
    ) -> Result<Vec<(Factor, Flag)>, PayloadFault> {
        let mut seen = Vec::new();
        let mut flags = Vec::new();
        for (key, text) in record.flags() {
            let factor = self.factor(kind, key, &seen)?;
            seen.push(factor.clone());
            let flag = Flag::new(text)?;
            if !is_plausible(&flag) {
                return Err(PayloadFault::Flag {
                    key: shortened(key),
                    flag: flag.to_string(),
                });
            }
            flags.push((factor, flag));
        }
        Ok(flags)
    }

    /// The factor a key stands for; stations may use the ambient codes of HJ 212 for the six pollutants.
    fn factor(&self, kind: SourceKind, key: &str, seen: &[Factor]) -> Result<Factor, PayloadFault> {
        let pollutant = match kind {
            SourceKind::Station => {
                Pollutant::from_key(key).or_else(|| Pollutant::from_hj_code(key))
            }
            SourceKind::Logger => Pollutant::from_key(key),
        };
        let factor = match pollutant {
            Some(pollutant) => self.pollutants[pollutant.index()].clone(),
            None => Factor::new(key)?,
        };
        if seen.contains(&factor) {
            return Err(PayloadFault::Twice {
                key: shortened(key),
                factor: factor.to_string(),
            });
        }
        Ok(factor)
    }
}

/// The first characters of a text from outside, for messages.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

fn status(text: &str) -> Result<Status, PayloadFault> {
    match text.trim() {
        "online" => Ok(Status::Online),
        "offline" => Ok(Status::Offline),
        _ => Err(PayloadFault::Status),
    }
}

/// A stamp; the second counts in which it lies.
fn time(text: &str, zone: Option<Zone>) -> Result<Instant, PayloadFault> {
    let short = || shortened(text);
    let time = match DateTime::parse_from_rfc3339(text) {
        Ok(time) => time,
        Err(_) => {
            let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f");
            let local = local.map_err(|_| PayloadFault::Time { text: short() })?;
            let zone = zone.ok_or_else(|| PayloadFault::NoZone { text: short() })?;
            let time = zone.offset().from_local_datetime(&local).single();
            time.ok_or_else(|| PayloadFault::Time { text: short() })?
        }
    };
    let whole = Instant::from_unix(time.timestamp());
    let writable = whole.is_writable().then_some(whole);
    writable.ok_or_else(|| PayloadFault::Year { text: short() })
}

fn interval(literal: Option<&str>) -> Result<u32, PayloadFault> {
    let Some(text) = literal else {
        return Ok(0);
    };
    text.parse()
        .ok()
        .filter(|seconds| *seconds <= INTERVAL_S_MAX)
        .ok_or_else(|| PayloadFault::Interval {
            text: shortened(text),
        })
}

fn amount(key: &str, text: &str) -> Result<Amount, PayloadFault> {
    Amount::parse(text).map_err(|cause| PayloadFault::Number {
        key: shortened(key),
        text: shortened(text),
        cause,
    })
}

/// A statistic of HJ 212: any other word would begin a column that nothing reads.
fn known(key: &str, text: &str) -> Result<Stat, PayloadFault> {
    let stat = Stat::new(text).ok().filter(Stat::is_known);
    stat.ok_or_else(|| PayloadFault::Stat {
        key: shortened(key),
        stat: shortened(text),
    })
}

/// The statistics of one factor given as an object.
fn stats(key: &str, literal: &str) -> Result<Vec<(Stat, Option<Amount>)>, PayloadFault> {
    let pairs = json::pairs(literal)?;
    if pairs.is_empty() {
        return Err(PayloadFault::Value {
            key: shortened(key),
            found: "an empty object",
        });
    }
    pairs
        .into_iter()
        .map(|(stat, value)| {
            let found = match json::literal(value) {
                Literal::Null => return Ok((known(key, &stat)?, None)),
                Literal::Number(text) => {
                    return Ok((known(key, &stat)?, Some(amount(key, text)?)));
                }
                Literal::Object => "an object within an object",
                Literal::Other(found) => found,
            };
            Err(PayloadFault::Value {
                key: shortened(key),
                found,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
