//! Line protocol: one point to one line, or a refusal that says why.
//!
//! The rules are those a server of 2.7 was seen to have. What it would refuse, or would read as something else,
//! never leaves here: a line break in a name begins another line, and an empty tag value spoils a whole batch.

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
    // While names only rise, none of them was there before; one that falls is looked for among them.
    let mut highest = "";
    for (number, (key, value)) in point.fields.iter().enumerate() {
        let among = |names: &[(&str, FieldValue<'_>)]| names.iter().any(|(name, _)| name == key);
        let twice = *key <= highest && among(&point.fields[..number]);
        if *key == "time" || twice || point.tags.iter().any(|(tag, _)| tag == key) {
            return Err(taken("field", key));
        }
        highest = highest.max(key);
        out.push(if number == 0 { ' ' } else { ',' });
        name("field", key, &[',', '=', ' '], out)?;
        out.push('=');
        field(value, out)?;
    }
    out.push(' ');
    integer(point.time, out);
    out.push('\n');
    Ok(())
}

/// Writes a whole number. Several stand beside every value, so none takes the way through the formatting machinery.
fn integer(number: i64, out: &mut String) {
    if number < 0 {
        out.push('-');
    }
    let mut rest = number.unsigned_abs();
    let mut digits = ['0'; 20];
    let mut first = digits.len();
    while rest > 0 || first == digits.len() {
        first -= 1;
        digits[first] = digit(rest % 10);
        rest /= 10;
    }
    out.extend(&digits[first..]);
}

fn digit(number: u64) -> char {
    const DIGITS: [char; 10] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
    DIGITS[usize::try_from(number).unwrap_or(usize::MAX)]
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
    const SCALE: i64 = 1_000_000;
    let micros = amount.micros();
    let (whole, mut fraction) = (micros / SCALE, (micros % SCALE).unsigned_abs());
    if micros < 0 && whole == 0 {
        out.push('-');
    }
    integer(whole, out);
    if fraction > 0 {
        out.push('.');
    }
    let mut place = SCALE.unsigned_abs();
    while fraction > 0 {
        place /= 10;
        out.push(digit(fraction / place));
        fraction %= place;
    }
}

fn field(value: &FieldValue<'_>, out: &mut String) -> Result<(), LineFault> {
    match value {
        FieldValue::Number(amount) => number(*amount, out),
        FieldValue::Integer(number) => {
            integer(*number, out);
            out.push('i');
        }
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
