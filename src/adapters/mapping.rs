//! Mapping files: how messages on other topics, and tables of other makers, become readings.
//!
//! A file says where source, time and values stand, by JSON Pointer (RFC 6901) or by column, and what each value is. Numbers are
//! taken from their text and scaled as exact fractions; they are rounded once, to the six decimals that are kept. What a file
//! does not say is not guessed: a value it does not name is passed over, one that is no number is told.

mod file;
mod message;
mod number;
mod pattern;
pub mod table;

use std::collections::BTreeMap;
use std::path::Path;

use crate::adapters::mapping::pattern::Pattern;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::Factor;
use crate::domain::names::Flag;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::domain::names::Stat;
use crate::domain::qc::Rules;
use crate::domain::reading::Observation;
use crate::domain::reading::Reading;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;
use crate::domain::units::Amount;
use crate::domain::units::Exact;

pub use crate::adapters::mapping::message::Mapped;

/// Mapping files of one directory.
const FILES_MAX: usize = 256;
/// Bytes of one.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Values that one file may name.
pub const VALUES_MAX: usize = 256;

/// What is wrong with a mapping file, or with something read by it: file, line, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct MapFault {
    /// File and line.
    pub place: String,
    /// What, and what would be right.
    pub what: String,
}

/// Which moment a time names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// The start of the interval.
    Start,
    /// Its end.
    End,
}

/// How a time is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// RFC 3339; without an offset in the zone.
    Rfc3339,
    /// Seconds since 1970.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMillis,
    /// By a pattern of strftime, in the zone unless it has an offset.
    Pattern(String),
}

/// Where the time stands and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Time {
    /// Where; nowhere: the time of receipt.
    pub(super) at: Option<String>,
    pub(super) format: Format,
    pub(super) names: Names,
    pub(super) interval_s: u32,
}

/// A list of names and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List {
    pub(super) at: String,
    pub(super) name: String,
    pub(super) value: String,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) at: String,
    pub(super) factor: Factor,
    pub(super) stat: Stat,
    pub(super) times: Exact,
    pub(super) plus: Exact,
    pub(super) flag: Option<String>,
}

/// One mapping file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// Where it was read from.
    pub name: String,
    topics: Vec<Pattern>,
    kind: SourceKind,
    id: Option<String>,
    ids: BTreeMap<String, SourceId>,
    zone: Option<Zone>,
    time: Time,
    list: Option<List>,
    values: Vec<Value>,
}

impl Map {
    /// Reads a file.
    ///
    /// # Errors
    /// [`MapFault`] with file and line.
    pub fn open(path: &Path) -> Result<Self, MapFault> {
        let name = path.display().to_string();
        let unreadable = |what: String| MapFault {
            place: name.clone(),
            what,
        };
        let data = std::fs::metadata(path).map_err(|cause| unreadable(cause.to_string()))?;
        if data.len() > FILE_BYTES_MAX {
            return Err(unreadable(format!("more than {FILE_BYTES_MAX} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|cause| unreadable(cause.to_string()))?;
        Self::parse(&name, &text)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`MapFault`] with file and line.
    pub fn parse(name: &str, text: &str) -> Result<Self, MapFault> {
        file::read(name, text)
    }

    /// The kind of source it is for.
    pub fn kind(&self) -> SourceKind {
        self.kind
    }

    /// The topics on which messages of a source come, where its identifier stands in them.
    pub fn topics_of(&self, source: &Source) -> Vec<String> {
        if source.kind != self.kind || self.id.is_some() {
            return Vec::new();
        }
        let sent = self.ids.iter().filter(|(_, id)| **id == source.id);
        let mut sent: Vec<&str> = sent.map(|(sent, _)| sent.as_str()).collect();
        if !self.ids.contains_key(source.id.as_str()) {
            sent.push(source.id.as_str());
        }
        let topics = self.topics.iter();
        let topics = topics.flat_map(|topic| sent.iter().filter_map(|id| topic.with(id)));
        topics.collect()
    }

    /// The registered identifier behind one that was sent.
    fn source(&self, sent: &str) -> Result<SourceId, String> {
        match self.ids.get(sent) {
            Some(id) => Ok(id.clone()),
            None => SourceId::new(sent).map_err(|fault| format!("{fault}; name it under [ids]")),
        }
    }

    /// A reading of one of its values.
    fn observation(
        &self,
        value: &Value,
        source: &SourceId,
        (time, now): (Instant, Instant),
        (amount, flag): (Option<Amount>, Flag),
        rules: &Rules,
    ) -> Observation {
        Observation {
            key: SeriesKey {
                source: source.clone(),
                factor: value.factor.clone(),
                stat: value.stat.clone(),
                interval_s: self.time.interval_s,
            },
            reading: Reading {
                time,
                value: amount,
                flag,
                qc: rules.verdict(&value.factor, time, amount, now),
                review: Review::Raw,
            },
        }
    }
}

/// All mapping files of a directory, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maps(Vec<Map>);

impl Maps {
    /// Those of a directory: its files ending in `.toml`.
    ///
    /// # Errors
    /// Every [`MapFault`], one a file.
    pub fn of(directory: &Path) -> Result<Self, Vec<MapFault>> {
        let unreadable = |what: String| {
            vec![MapFault {
                place: directory.display().to_string(),
                what,
            }]
        };
        let listed = std::fs::read_dir(directory).map_err(|cause| unreadable(cause.to_string()))?;
        let mut paths: Vec<_> = listed.filter_map(|one| Some(one.ok()?.path())).collect();
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        });
        paths.sort();
        if paths.len() > FILES_MAX {
            return Err(unreadable(format!("more than {FILES_MAX} mapping files")));
        }
        let (mut maps, mut faults) = (Vec::new(), Vec::new());
        for path in paths {
            match Map::open(&path).and_then(Map::for_messages) {
                // One for tables has none.
                Ok(map) if map.topics.is_empty() => {}
                Ok(map) => maps.push(map),
                Err(fault) => faults.push(fault),
            }
        }
        match faults.is_empty() {
            true => Ok(Self(maps)),
            false => Err(faults),
        }
    }

    /// The filters under which a broker has the messages.
    pub fn filters(&self) -> Vec<String> {
        let topics = self.0.iter().flat_map(|map| &map.topics);
        let mut filters: Vec<String> = topics.map(Pattern::filter).collect();
        filters.sort();
        filters.dedup();
        filters
    }

    /// The topics on which a source publishes by any of them.
    pub fn topics_of(&self, source: &Source) -> Vec<String> {
        self.0
            .iter()
            .flat_map(|map| map.topics_of(source))
            .collect()
    }

    /// Reads a message by the first file that has its topic; none: no file has it.
    pub fn read(
        &self,
        (topic, payload): (&str, &[u8]),
        payload_bytes_max: usize,
        zone_of: impl Fn(&Source) -> Option<Zone>,
        now: Instant,
        rules: &Rules,
    ) -> Option<Mapped> {
        let mut found = self
            .0
            .iter()
            .flat_map(|map| map.topics.iter().map(move |own| (map, own)));
        let (map, id) = found.find_map(|(map, own)| Some((map, own.id_in(topic)?)))?;
        if payload.len() > payload_bytes_max {
            let size_bytes = payload.len();
            let why =
                format!("payload of {size_bytes} bytes; at most {payload_bytes_max} are read");
            return Some(Mapped::Unusable(None, why));
        }
        Some(map.message((id, payload), zone_of, now, rules))
    }
}

#[cfg(test)]
mod tests;
