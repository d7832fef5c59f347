//! Line protocol: one point to one line, or a refusal that says why.
//!
//! The rules are those a server of 2.7 was seen to have. What it would refuse, or would read as something else,
//! never leaves here: a line break in a name begins another line, and an empty tag value spoils a whole batch.

use std::fmt::Write as _;

use crate::domain::units::Amount;

/// First and last second a server keeps, a day inside what its nanoseconds can count.
pub(super) const TIMES: std::ops::RangeInclusive<i64> = -9_223_286_400..=9_223_286_400;
/// Tag keys a server keeps for itself.
const RESERVED_TAGS: [&str; 3] = ["time", "_field", "_measurement"];

/// What a field holds. A field keeps the type it was first written with for ever, so numbers that may have
/// decimals are always written as decimal numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FieldValue<'a> {
    /// A decimal number.
    Number(Amount),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(&'a str),
}

/// One line: what it says of whom, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Point<'a> {
    /// The measurement.
    pub(super) measurement: &'a str,
    /// Tags in the order of their keys; one with an empty value is left out.
    pub(super) tags: &'a [(&'a str, &'a str)],
    /// Fields.
    pub(super) fields: &'a [(&'a str, FieldValue<'a>)],
    /// Seconds since 1970-01-01T00:00:00Z.
    pub(super) time: i64,
}

/// Why a point cannot be a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LineFault {
    /// A name that would end the line, or escape what follows.
    #[error(
        "{what} {name:?}: neither control characters nor a backslash at its end can be written"
    )]
    Name {
        /// Which kind of name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A name the server keeps for itself, or one that is there twice.
    #[error("{what} {name:?} is reserved or there twice")]
    Taken {
        /// Which kind of name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Nothing to write.
    #[error("a point without fields")]
    NoField,
    /// A time the server cannot hold.
    #[error("time {0} lies outside 1677-09-22 to 2262-04-10, which is all InfluxDB can hold")]
    Time(i64),
}

/// Appends the point as one line with its line break; on a refusal `out` is as it was.
///
/// # Errors
/// [`LineFault`] when the server would not read back what the point says.
pub(super) fn encode(point: &Point<'_>, out: &mut String) -> Result<(), LineFault> {
    let before = out.len();
    let written = write(point, out);
    if written.is_err() {
        out.truncate(before);
    }
    written
}

fn write(point: &Point<'_>, out: &mut String) -> Result<(), LineFault> {
    if !TIMES.contains(&point.time) {
        return Err(LineFault::Time(point.time));
    }
    if point.fields.is_empty() {
        return Err(LineFault::NoField);
    }
    name("measurement", point.measurement, &[',', ' '], out)?;
    let mut last = "";
    for (key, value) in point.tags {
        if RESERVED_TAGS.contains(key) || *key <= last {
            return Err(taken("tag", key));
        }
        last = key;
        if value.is_empty() {
            continue;
        }
        out.push(',');
        name("tag", key, &[',', '=', ' '], out)?;
        out.push('=');
        name("tag value", value, &[',', '=', ' '], out)?;
    }
    for (number, (key, value)) in point.fields.iter().enumerate() {
        let earlier = point.fields[..number].iter().map(|(key, _)| key);
        let twice = earlier.chain(point.tags.iter().map(|(key, _)| key));
        if *key == "time" || twice.into_iter().any(|other| other == key) {
            return Err(taken("field", key));
        }
        out.push(if number == 0 { ' ' } else { ',' });
        name("field", key, &[',', '=', ' '], out)?;
        out.push('=');
        field(value, out)?;
    }
    push(out, format_args!(" {}\n", point.time));
    Ok(())
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes all");
}

fn taken(what: &'static str, name: &str) -> LineFault {
    LineFault::Taken {
        what,
        name: name.to_owned(),
    }
}

fn name(
    what: &'static str,
    name: &str,
    special: &[char],
    out: &mut String,
) -> Result<(), LineFault> {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b':' | b'-');
    if !name.is_empty() && name.bytes().all(plain) {
        out.push_str(name);
        return Ok(());
    }
    if name.is_empty() || name.ends_with('\\') || name.contains(char::is_control) {
        return Err(LineFault::Name {
            what,
            name: name.to_owned(),
        });
    }
    // A measurement that begins like a comment would be none.
    if what == "measurement" && name.starts_with('#') {
        return Err(taken(what, name));
    }
    for c in name.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(())
}

/// Writes a value without a detour through a text of its own.
fn number(amount: Amount, out: &mut String) {
    const SCALE: u64 = 1_000_000;
    let micros = amount.micros();
    let (whole, fraction) = (micros.unsigned_abs() / SCALE, micros.unsigned_abs() % SCALE);
    let sign = if micros < 0 { "-" } else { "" };
    push(out, format_args!("{sign}{whole}"));
    if fraction > 0 {
        push(out, format_args!(".{fraction:06}"));
        out.truncate(out.trim_end_matches('0').len());
    }
}

fn field(value: &FieldValue<'_>, out: &mut String) -> Result<(), LineFault> {
    match value {
        FieldValue::Number(amount) => number(*amount, out),
        FieldValue::Integer(integer) => push(out, format_args!("{integer}i")),
        FieldValue::Text(text) => {
            if text.contains(char::is_control) {
                return Err(LineFault::Name {
                    what: "text",
                    name: (*text).to_owned(),
                });
            }
            out.push('"');
            for c in text.chars() {
                if matches!(c, '"' | '\\') {
                    out.push('\\');
                }
                out.push(c);
            }
            out.push('"');
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
