//! A message of a mapped topic: JSON, looked into by pointers without giving up the text of a number.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use chrono::DateTime;
use chrono::NaiveDateTime;
use chrono::TimeZone;
use serde_json::value::RawValue;

use crate::adapters::mapping::Format;
use crate::adapters::mapping::List;
use crate::adapters::mapping::Map;
use crate::adapters::mapping::MapFault;
use crate::adapters::mapping::Names;
use crate::adapters::mapping::Time;
use crate::adapters::mapping::Value;
use crate::adapters::mapping::number;
use crate::adapters::payload::json;
use crate::adapters::payload::json::Literal;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::flag::is_plausible;
use crate::domain::names::Flag;
use crate::domain::names::Source;
use crate::domain::qc::Rules;
use crate::domain::reading::Observation;
use crate::domain::units::Amount;
use crate::domain::units::Exact;

/// Most entries of a list that are looked at.
const ENTRIES_MAX: usize = 1_024;
/// Seconds since 1970 that no time has.
const EPOCH_S_MAX: i64 = 1_000_000_000_000;

/// What a message of a mapped topic says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// Readings of a source, and in words what could not be read beside them.
    Readings(Source, Vec<Observation>, Option<String>),
    /// Nothing that can be used, and why; of whom, where that is known.
    Unusable(Option<Source>, String),
}

impl Map {
    /// Checks that messages can be read by it, where it has topics.
    ///
    /// # Errors
    /// [`MapFault`] for places that are no pointers.
    pub(super) fn for_messages(self) -> Result<Self, MapFault> {
        match self.no_pointer().map(str::to_owned) {
            Some(at) if !self.topics.is_empty() => Err(MapFault {
                place: self.name,
                what: format!("at {at:?}; give a JSON Pointer such as /pm/pm25"),
            }),
            _ => Ok(self),
        }
    }

    /// The first place that is no JSON Pointer.
    fn no_pointer(&self) -> Option<&str> {
        let values = self.values.iter();
        let values = values.flat_map(|value| [Some(&value.at), value.flag.as_ref()]);
        // With a list, a value's place is a name in it.
        let values = values.flatten().filter(|_| self.list.is_none());
        let list = self.list.iter();
        let list = list.flat_map(|list| [&list.at, &list.name, &list.value]);
        let all = values.chain(list).chain(&self.id).chain(&self.time.at);
        let mut all = all.map(String::as_str);
        all.find(|at| !at.is_empty() && !at.starts_with('/'))
    }

    /// Reads a message of one of its topics; `sent` is the identifier in the topic.
    pub(super) fn message(
        &self,
        (sent, payload): (&str, &[u8]),
        zone_of: impl Fn(&Source) -> Option<Zone>,
        now: Instant,
        rules: &Rules,
    ) -> Mapped {
        let told = |source: Option<&Source>, fault: String| {
            Mapped::Unusable(source.cloned(), format!("{}: {fault}", self.name))
        };
        let text = match std::str::from_utf8(payload) {
            Ok(text) => text,
            Err(fault) => return told(None, fault.to_string()),
        };
        let mut document = Document::new(text);
        let source = match self.whose(sent, &mut document) {
            Ok(source) => source,
            Err(fault) => return told(None, fault),
        };
        let zone = self.zone.or_else(|| zone_of(&source));
        match self.readings(&mut document, &source, (zone, now), rules) {
            Ok((readings, left)) => Mapped::Readings(source, readings, left),
            Err(fault) => told(Some(&source), fault),
        }
    }

    fn whose<'p>(&'p self, sent: &str, document: &mut Document<'_, 'p>) -> Result<Source, String> {
        let id = match &self.id {
            None => Cow::Borrowed(sent),
            Some(at) => {
                let found = document.find(at)?.and_then(plain);
                found.ok_or_else(|| format!("no identifier at {at}"))?
            }
        };
        Ok(Source {
            kind: self.kind,
            id: self.source(&id)?,
        })
    }

    fn readings<'p>(
        &'p self,
        document: &mut Document<'_, 'p>,
        source: &Source,
        (zone, now): (Option<Zone>, Instant),
        rules: &Rules,
    ) -> Result<(Vec<Observation>, Option<String>), String> {
        let time = match &self.time.at {
            None => now,
            Some(at) => {
                let stamp = document.find(at)?.and_then(plain);
                let stamp = stamp.ok_or_else(|| format!("no time at {at}"))?;
                self.time.read(&stamp, zone)?
            }
        };
        let entries = match &self.list {
            Some(list) => Some(entries(document, list)?),
            None => None,
        };
        // With a list, the places are names in it.
        let mut find = |at: &'p str| match &entries {
            Some(entries) => {
                let found = entries.iter().find(|(name, _)| name == at);
                Ok(found.map(|(_, raw)| *raw))
            }
            None => document.find(at),
        };
        let (mut readings, mut left) = (Vec::new(), Vec::new());
        for value in &self.values {
            let Some(found) = find(&value.at)? else {
                continue;
            };
            let flag = match &value.flag {
                Some(at) => find(at)?,
                None => None,
            };
            match read(value, plain(found), flag.map(plain)) {
                Ok(read) => {
                    readings.push(self.observation(value, &source.id, (time, now), read, rules))
                }
                Err(fault) => left.push(fault),
            }
        }
        match (readings.is_empty(), left.is_empty()) {
            (true, true) => Err("none of its values".to_owned()),
            (true, false) => Err(left.join("; ")),
            (false, true) => Ok((readings, None)),
            (false, false) => Ok((
                readings,
                Some(format!(
                    "{}: left out: {}; the rest is stored",
                    self.name,
                    left.join("; ")
                )),
            )),
        }
    }
}

/// A value and its flag, where there is one, by their texts; none for what is no text.
pub(super) fn read(
    value: &Value,
    text: Option<Cow<'_, str>>,
    flag: Option<Option<Cow<'_, str>>>,
) -> Result<(Option<Amount>, Flag), String> {
    let text = text.ok_or_else(|| format!("{}, which is neither a number nor a text", value.at))?;
    let text = text.trim();
    let flag = match flag {
        Some(None) => return Err(format!("{}, whose flag is no text", value.at)),
        Some(flag) => flag,
        None => None,
    };
    let flag = flag.as_deref().map(str::trim);
    let flag = match flag.filter(|flag| !flag.is_empty()) {
        None => Flag::normal(),
        Some(word) => {
            let flag = Flag::new(word).ok().filter(is_plausible);
            flag.ok_or_else(|| format!("{}, whose flag {:?} is none", value.at, short(word)))?
        }
    };
    if number::is_missing(text) {
        return Ok((None, flag));
    }
    let amount = number::scaled(text, &value.times, &value.plus);
    let amount = amount.map_err(|fault| format!("{} {:?}: {fault}", value.at, short(text)))?;
    Ok((Some(amount), flag))
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

impl Time {
    /// The end of the interval that a time names.
    pub(super) fn read(&self, text: &str, zone: Option<Zone>) -> Result<Instant, String> {
        let text = text.trim();
        let seconds = match &self.format {
            Format::EpochSeconds => epoch(text, 1),
            Format::EpochMillis => epoch(text, 1_000),
            Format::Rfc3339 => match DateTime::parse_from_rfc3339(text) {
                Ok(time) => Some(time.timestamp()),
                Err(_) => local(text, "%Y-%m-%dT%H:%M:%S%.f", zone),
            },
            Format::Pattern(pattern) => match DateTime::parse_from_str(text, pattern) {
                Ok(time) => Some(time.timestamp()),
                Err(_) => local(text, pattern, zone),
            },
        };
        let seconds = seconds.map(|seconds| match self.names {
            Names::End => seconds,
            Names::Start => seconds.saturating_add(i64::from(self.interval_s)),
        });
        let time = seconds
            .map(Instant::from_unix)
            .filter(|time| time.is_writable());
        time.ok_or_else(|| {
            let no_zone = match zone {
                Some(_) => "",
                None => ", or no zone is registered or set for it",
            };
            format!("time {:?} is not of its format{no_zone}", short(text))
        })
    }
}

/// Seconds of a number that counts so many of them to a second; fractions of a second are dropped.
fn epoch(text: &str, a_second: i64) -> Option<i64> {
    let seconds = Exact::parse(text).ok()?.over(&Exact::whole(a_second))?;
    let within = !seconds.is_negative() && seconds < Exact::whole(EPOCH_S_MAX);
    within.then(|| seconds.floor())
}

fn local(text: &str, pattern: &str, zone: Option<Zone>) -> Option<i64> {
    let local = NaiveDateTime::parse_from_str(text, pattern).ok()?;
    let time = zone?.offset().from_local_datetime(&local).single()?;
    Some(time.timestamp())
}

/// A text of JSON that pointers lead into: each object and list in it is parsed once, however many lead through it.
struct Document<'a, 'p> {
    text: &'a str,
    /// What was parsed, by the pointer to it.
    opened: HashMap<&'p str, Inside<'a>>,
}

/// What stands in a value of JSON.
enum Inside<'a> {
    Object(Vec<(Cow<'a, str>, &'a str)>),
    List(Vec<&'a RawValue>),
    /// Nothing: it is a plain value.
    Nothing,
}

impl<'a> Inside<'a> {
    fn of(text: &'a str) -> Result<Self, String> {
        match text.trim_start().as_bytes().first() {
            Some(b'{') => match json::pairs(text) {
                Ok(pairs) => Ok(Self::Object(pairs)),
                Err(fault) => Err(fault.to_string()),
            },
            Some(b'[') => list(text).map(Self::List),
            // A text that is no JSON at all is a fault, a plain value has nothing in it.
            _ => match serde_json::from_str::<&RawValue>(text) {
                Ok(_) => Ok(Self::Nothing),
                Err(fault) => Err(format!("JSON: {fault}")),
            },
        }
    }

    fn at(&self, step: &str) -> Option<&'a str> {
        match self {
            Self::Object(pairs) => {
                let found = pairs.iter().find(|(key, _)| *key == step);
                found.map(|(_, value)| *value)
            }
            Self::List(all) => all
                .get(step.parse::<usize>().ok()?)
                .map(|value| value.get()),
            Self::Nothing => None,
        }
    }
}

impl<'a, 'p> Document<'a, 'p> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            opened: HashMap::new(),
        }
    }

    /// What a pointer leads to; nothing where there is nothing.
    fn find(&mut self, pointer: &'p str) -> Result<Option<&'a str>, String> {
        let mut here = self.text;
        for (start, _) in pointer.match_indices('/') {
            let inside = match self.opened.entry(&pointer[..start]) {
                Entry::Occupied(opened) => opened.into_mut(),
                Entry::Vacant(place) => place.insert(Inside::of(here)?),
            };
            let step = pointer[start + 1..].split('/').next().unwrap_or_default();
            match inside.at(&step.replace("~1", "/").replace("~0", "~")) {
                Some(value) => here = value,
                None => return Ok(None),
            }
        }
        Ok(Some(here))
    }
}

fn list(text: &str) -> Result<Vec<&RawValue>, String> {
    let all: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|fault| format!("JSON: {fault}"))?;
    match all.len() > ENTRIES_MAX {
        true => Err(format!("a list of more than {ENTRIES_MAX} entries")),
        false => Ok(all),
    }
}

/// The text of a number or text; an empty one of null.
fn plain(raw: &str) -> Option<Cow<'_, str>> {
    match json::literal(raw) {
        Literal::Null => Some(Cow::Borrowed("")),
        Literal::Number(text) => Some(Cow::Borrowed(text)),
        Literal::Object => None,
        Literal::Other(_) => serde_json::from_str::<String>(raw).ok().map(Cow::Owned),
    }
}

/// Names and values of a list.
fn entries<'a, 'p>(
    document: &mut Document<'a, 'p>,
    own: &'p List,
) -> Result<Vec<(String, &'a str)>, String> {
    let at = document.find(&own.at)?;
    let at = at.ok_or_else(|| format!("no list at {}", own.at))?;
    let mut found = Vec::new();
    for entry in list(at)? {
        let mut entry = Document::new(entry.get());
        let name = entry.find(&own.name)?.and_then(plain);
        if let (Some(name), Some(value)) = (name, entry.find(&own.value)?) {
            found.push((name.into_owned(), value));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_pointers_lead_through_is_parsed_once() {
        let mut document = Document::new(r#" {"a":{"b":[1,{"c/d":"x"}],"e":2.50},"f":null}"#);
        for (pointer, expected) in [
            ("/a/b/0", Some("1")),
            ("/a/b/1/c~1d", Some("\"x\"")),
            ("/a/b/2", None),
            ("/a/e", Some("2.50")),
            ("/a/e/g", None),
            ("/a/e", Some("2.50")),
            ("/f", Some("null")),
            ("/g/h", None),
        ] {
            assert_eq!(document.find(pointer), Ok(expected), "{pointer}");
        }
        let mut opened: Vec<&str> = document.opened.into_keys().collect();
        opened.sort_unstable();
        assert_eq!(opened, ["", "/a", "/a/b", "/a/b/1", "/a/e"]);
    }
}
