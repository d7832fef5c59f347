//! How readings lie in a bucket, format 1.
//!
//! Measurement `reading` has one line per source, interval and time: tags `source` and `interval_s`, and for each
//! factor and statistic up to three fields. `pm25` is the mean of PM2.5, `pm25:max` its maximum: the value in its
//! unit. `pm25:avg:at` is when it was received, in seconds; it is always there. `pm25:avg:note` is there when
//! something else is to be said, as `REVISIONS FLAG QC REVIEW VALUE`: how many values it replaced, flag, verdict,
//! review, and `-` when the value field counts, `missing` when there is none, or the exact value where a binary
//! number cannot hold it; then ` deleted` where an order took the reading out.
//!
//! Measurement `revision` keeps what was replaced: the same tags and fields, tag `n` for its number among the
//! replaced ones of its identity, and `pm25:avg:until`, from when on another value counted.

use crate::domain::calendar::Instant;
use crate::domain::names::Factor;
use crate::domain::names::Flag;
use crate::domain::names::Stat;
use crate::domain::reading::Qc;
use crate::domain::reading::Reading;
use crate::domain::reading::Review;
use crate::domain::units::Amount;

/// The measurement of what counts now.
pub(super) const READING: &str = "reading";
/// The measurement of what counted once.
pub(super) const REVISION: &str = "revision";
/// Factors that cannot be a field by themselves: tags and names the server keeps.
const TAKEN: [&str; 4] = ["time", "source", "interval_s", "n"];
/// In a note: the value field counts.
const PLAIN: &str = "-";
/// In a note: there is no value.
const MISSING: &str = "missing";
/// In a note, at its end: the reading was taken out by order.
const DELETED: &str = "deleted";

/// A factor and a statistic: the part of an identity that is in a field's name.
pub(super) type Column = (Factor, Stat);

/// What a field says of its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The value.
    Value,
    /// When it was received.
    At,
    /// What else is to be said.
    Note,
    /// From when on another value counted.
    Until,
}

/// The field's name.
pub(super) fn field((factor, stat): &Column, part: Part) -> String {
    let suffix = match part {
        Part::Value if stat.as_str() == "avg" && !TAKEN.contains(&factor.as_str()) => {
            return factor.as_str().to_owned();
        }
        Part::Value => return format!("{factor}:{stat}"),
        Part::At => "at",
        Part::Note => "note",
        Part::Until => "until",
    };
    format!("{factor}:{stat}:{suffix}")
}

/// Reads a field's name; `None` when it is none of ours.
pub(super) fn read_field(name: &str) -> Option<(Column, Part)> {
    let mut words = name.split(':');
    let factor = Factor::new(words.next()?).ok()?;
    let stat = words.next().map_or(Ok(Stat::avg()), Stat::new).ok()?;
    let part = match words.next() {
        None => Part::Value,
        Some("at") => Part::At,
        Some("note") => Part::Note,
        Some("until") => Part::Until,
        Some(_) => return None,
    };
    words.next().is_none().then_some(((factor, stat), part))
}

/// A value with when it was received and how many it replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) at: i64,
    pub(super) value: Option<Amount>,
    pub(super) flag: Flag,
    pub(super) qc: Qc,
    pub(super) review: Review,
    pub(super) revisions: u32,
    /// Whether an order took it out; it is kept to know the same value again.
    pub(super) deleted: bool,
}

impl Cell {
    /// Of a reading received at a time.
    pub(super) fn of(reading: &Reading, at: i64, revisions: u32) -> Self {
        Self {
            at,
            value: reading.value,
            flag: reading.flag.clone(),
            qc: reading.qc,
            review: reading.review,
            revisions,
            deleted: false,
        }
    }

    /// The mark that stands in its place from a moment on.
    pub(super) fn gone(&self, from: i64) -> Self {
        Self {
            at: from.max(self.at),
            revisions: self.revisions + 1,
            deleted: true,
            ..self.clone()
        }
    }

    /// The reading it is.
    pub(super) fn reading(&self, time: i64) -> Reading {
        Reading {
            time: Instant::from_unix(time),
            value: self.value,
            flag: self.flag.clone(),
            qc: self.qc,
            review: self.review,
        }
    }

    /// The note; `None` when there is nothing to say that a fresh value does not say.
    pub(super) fn note(&self) -> Option<String> {
        let exact = self.value.is_none_or(survives);
        let plain = self.flag.is_normal() && self.qc == Qc::Passed && self.review == Review::Raw;
        if plain && exact && self.value.is_some() && self.revisions == 0 && !self.deleted {
            return None;
        }
        let value = match self.value {
            None => MISSING.to_owned(),
            Some(_) if exact => PLAIN.to_owned(),
            Some(value) => value.to_string(),
        };
        let (qc, review) = (self.qc.key(), self.review.key());
        let end = if self.deleted {
            format!(" {DELETED}")
        } else {
            String::new()
        };
        Some(format!(
            "{} {} {qc} {review} {value}{end}",
            self.revisions, self.flag
        ))
    }
}

/// Millionths below this have at most 15 digits: then no other decimal of 15 digits means the same binary number.
const FIRM: u64 = 1_000_000_000_000_000;

/// Whether the value comes back from a binary number as it went in.
fn survives(value: Amount) -> bool {
    if value.micros().unsigned_abs() < FIRM {
        return true;
    }
    let text = value.to_string();
    text.parse()
        .is_ok_and(|number: f64| number.to_string() == text)
}

/// Fields of one column at one time, as they are read back.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    pub(super) value: Option<f64>,
    pub(super) at: Option<i64>,
    pub(super) note: Option<String>,
    pub(super) until: Option<i64>,
}

impl Parts {
    /// The cell they make; without a receipt it counts as received at the beginning of time.
    ///
    /// # Errors
    /// What cannot be read, or is not there.
    pub(super) fn cell(&self) -> Result<Cell, String> {
        let mut cell = Cell {
            at: self.at.unwrap_or(i64::MIN),
            value: None,
            flag: Flag::normal(),
            qc: Qc::Passed,
            review: Review::Raw,
            revisions: 0,
            deleted: false,
        };
        let Some(note) = &self.note else {
            let number = self.value.ok_or("neither a value nor a note")?;
            cell.value = Some(amount(number)?);
            return Ok(cell);
        };
        let fault = || format!("note {note:?} is not `REVISIONS FLAG QC REVIEW VALUE`");
        let mut words: Vec<&str> = note.split(' ').collect();
        if words.len() > 5 && words.last() == Some(&DELETED) {
            words.pop();
            cell.deleted = true;
        }
        let [revisions, flag, qc, review, value] = words.as_slice() else {
            return Err(fault());
        };
        cell.revisions = revisions.parse().map_err(|_| fault())?;
        cell.flag = Flag::new(flag).map_err(|_| fault())?;
        cell.qc = Qc::from_key(qc).ok_or_else(fault)?;
        let reviews = [Review::Raw, Review::Reviewed];
        let found = reviews.into_iter().find(|known| known.key() == *review);
        cell.review = found.ok_or_else(fault)?;
        cell.value = match *value {
            MISSING => None,
            PLAIN => Some(amount(self.value.ok_or("a note, and no value")?)?),
            exact => Some(Amount::parse(exact).map_err(|_| fault())?),
        };
        Ok(cell)
    }
}

/// A binary number as the decimal it was written as.
///
/// # Errors
/// One that is no number or too large.
pub(super) fn amount(number: f64) -> Result<Amount, String> {
    let micros = (number * 1e6).round();
    if micros.abs() < FIRM as f64 && micros / 1e6 == number {
        return Ok(Amount::from_micros(micros as i64));
    }
    // The shortest text that means this number is the one it was written as.
    Amount::parse(&number.to_string()).map_err(|fault| format!("value {number}: {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cell() -> impl Strategy<Value = Cell> {
        let tenths = (-99_999i64..99_999).prop_map(|tenth| tenth * 100_000);
        let value = prop::option::of(prop_oneof![
            tenths,
            -9_000_000_000i64..9_000_000_000,
            any::<i64>()
        ]);
        let flag = prop::sample::select(vec!["N", "M", "HSp"]);
        let qc = prop::sample::select(vec![Qc::Passed, Qc::Clock, Qc::Negative, Qc::Range]);
        let review = prop::sample::select(vec![Review::Raw, Review::Reviewed]);
        (
            any::<i32>(),
            value,
            flag,
            qc,
            review,
            0..3u32,
            any::<bool>(),
        )
            .prop_map(|(at, value, flag, qc, review, revisions, deleted)| Cell {
                at: at.into(),
                value: value.map(Amount::from_micros),
                flag: Flag::new(flag).expect("a flag"),
                qc,
                review,
                revisions,
                deleted,
            })
    }

    proptest! {
        /// Through a binary number and back, every value is what it was to the last digit.
        #[test]
        fn a_cell_comes_back(cell in cell()) {
            let number = cell.value.map(|value| value.to_string().parse().expect("a number"));
            let parts = Parts { value: number, at: Some(cell.at), note: cell.note(), until: None };
            prop_assert_eq!(parts.cell(), Ok(cell));
        }

        /// The short way is the long one.
        #[test]
        fn a_short_number_is_the_decimal_it_was_written_as(micros in -2_000_000_000_000_000..2_000_000_000_000_000i64) {
            let value = Amount::from_micros(micros);
            let text = value.to_string();
            let number: f64 = text.parse().expect("a number");
            prop_assert_eq!(survives(value), number.to_string() == text);
            let long = Amount::parse(&number.to_string()).map_err(|fault| format!("value {number}: {fault}"));
            prop_assert_eq!(amount(number), long);
        }

        #[test]
        fn a_field_comes_back(factor in "[a-z0-9_]{1,16}", stat in "avg|max|[a-z0-9_]{1,16}") {
            let column = (Factor::new(&factor).expect("a factor"), Stat::new(&stat).expect("a stat"));
            for part in [Part::Value, Part::At, Part::Note, Part::Until] {
                let name = field(&column, part);
                prop_assert!(!TAKEN.contains(&name.as_str()));
                prop_assert_eq!(read_field(&name), Some((column.clone(), part)));
            }
        }
    }

    #[test]
    fn what_is_not_ours_is_told() {
        for name in ["", "PM25", "pm25:avg:at:x", "pm25:avg:of", "pm25:"] {
            assert_eq!(read_field(name), None, "{name:?}");
        }
        let check = |value: Option<f64>, note: Option<&str>, expected: &str| {
            let note = note.map(str::to_owned);
            let parts = Parts {
                value,
                note,
                ..Parts::default()
            };
            let fault = parts.cell().expect_err("no cell");
            assert!(fault.contains(expected), "{fault}");
        };
        check(None, None, "neither a value nor a note");
        check(None, Some("0 M passed raw -"), "a note, and no value");
        check(Some(1.0), Some("M passed raw -"), "is not `REVISIONS");
        check(Some(1.0), Some("0 M odd raw -"), "is not `REVISIONS");
        check(
            Some(1.0),
            Some("0 M passed raw - gone"),
            "is not `REVISIONS",
        );
        check(
            Some(1.0),
            Some("0 M passed raw deleted"),
            "is not `REVISIONS",
        );
        check(Some(1.0), Some("0 M passed raw high"), "is not `REVISIONS");
        check(Some(f64::NAN), None, "value NaN");
        check(Some(1e300), None, "value 1");
    }
}
