//! The shape of payload format `v1`, read by serde without giving up the literal text of a number.
//!
//! Objects become lists of pairs, in order, so that a key given twice is seen instead of overwritten. Values
//! stay slices of the payload; nesting below them is skipped over without recursion.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde::de::value::MapAccessDeserializer;
use serde_json::value::RawValue;

use crate::adapters::payload::KEYS_MAX;
use crate::adapters::payload::PayloadFault;

/// One record of a message, still as text: an object, never a list in the order of its fields.
#[derive(Debug)]
pub struct Record<'a>(Fields<'a>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow, default)]
    interval_s: Option<&'a RawValue>,
    #[serde(borrow)]
    values: Values<'a>,
    #[serde(borrow, default)]
    flags: Option<Flags<'a>>,
}

impl Record<'_> {
    /// The stamp.
    pub fn time(&self) -> &str {
        &self.0.time
    }

    /// The literal of `interval_s`; `None` when absent or null.
    pub fn interval(&self) -> Option<&str> {
        self.0.interval_s.map(RawValue::get)
    }

    /// Keys and the literals of their values.
    pub fn values(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0
            .values
            .0
            .iter()
            .map(|(key, value)| (&**key, value.get()))
    }

    /// Keys and flags.
    pub fn flags(&self) -> impl Iterator<Item = (&str, &str)> {
        let flags = self.0.flags.as_ref().map_or(&[][..], |flags| &flags.0);
        flags.iter().map(|(key, flag)| (&**key, &**flag))
    }
}

/// What a literal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Literal<'a> {
    /// `null`.
    Null,
    /// A number, as written.
    Number(&'a str),
    /// An object.
    Object,
    /// Something that is no value here.
    Other(&'static str),
}

/// Tells what a literal is by its first character; that it is well-formed was checked when it was cut out.
pub fn literal(text: &str) -> Literal<'_> {
    match text.as_bytes().first() {
        Some(b'n') => Literal::Null,
        Some(b'-' | b'0'..=b'9') => Literal::Number(text),
        Some(b'{') => Literal::Object,
        Some(b'[') => Literal::Other("a list"),
        Some(b'"') => Literal::Other("a text"),
        _ => Literal::Other("a boolean"),
    }
}

/// The records of a message.
///
/// # Errors
/// [`PayloadFault`] when the text is not an object or array of objects of this format.
pub fn records(text: &str) -> Result<Vec<Record<'_>>, PayloadFault> {
    match text.trim_ascii_start().as_bytes().first() {
        Some(b'{') => Ok(vec![serde_json::from_str(text).map_err(fault)?]),
        Some(b'[') => serde_json::from_str(text).map_err(fault),
        _ => Err(PayloadFault::NotARecord),
    }
}

/// The keys of an object and the literals of their values.
///
/// # Errors
/// [`PayloadFault`] when a key is given twice or there are too many.
pub fn pairs(text: &str) -> Result<Vec<(Cow<'_, str>, &str)>, PayloadFault> {
    let values: Values<'_> = serde_json::from_str(text).map_err(fault)?;
    let pairs = values.0.into_iter();
    Ok(pairs.map(|(key, value)| (key, value.get())).collect())
}

fn fault(cause: serde_json::Error) -> PayloadFault {
    PayloadFault::Json {
        cause: cause.to_string().chars().take(200).collect(),
    }
}

#[derive(Debug)]
struct Values<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

#[derive(Debug)]
struct Flags<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// A text, borrowed from the payload where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Values<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ValuesVisitor).map(Values)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Flags<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FlagsVisitor).map(Flags)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Record<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor).map(Record)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `time` and `values`")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Fields::deserialize(MapAccessDeserializer::new(map))
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs: Self::Value = Vec::new();
        while let Some(Text(key)) = map.next_key()? {
            admit_key(&key, pairs.iter().map(|(known, _)| &**known), pairs.len())?;
            pairs.push((key, map.next_value()?));
        }
        Ok(pairs)
    }
}

struct FlagsVisitor;

impl<'de> Visitor<'de> for FlagsVisitor {
    type Value = Vec<(Cow<'de, str>, Cow<'de, str>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of flag letters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs: Self::Value = Vec::new();
        while let Some(Text(key)) = map.next_key()? {
            admit_key(&key, pairs.iter().map(|(known, _)| &**known), pairs.len())?;
            let Text(flag) = map.next_value()?;
            pairs.push((key, flag));
        }
        Ok(pairs)
    }
}

/// Refuses a key given twice, and more keys than the limit.
fn admit_key<'k, E: Error>(
    key: &str,
    mut known: impl Iterator<Item = &'k str>,
    count: usize,
) -> Result<(), E> {
    if count == KEYS_MAX {
        return Err(E::custom(format_args!(
            "more than {KEYS_MAX} keys in one object"
        )));
    }
    if known.any(|known| known == key) {
        let key: String = key.chars().take(40).collect();
        return Err(E::custom(format_args!("key {key:?} is given twice")));
    }
    Ok(())
}
