//! Successive readings of one column as bare numbers: all that means are made from, at a fraction of the cost.
//!
//! A strip says of each reading its time, its value and whether the value may enter means, as
//! [`Reading::usable`] decides. Flags, receipt and review stay in the store; who needs them reads readings.

use crate::domain::calendar::Instant;
use crate::domain::reading::Reading;
use crate::domain::units::Amount;

/// Where the readings of a strip lie in time, in seconds since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times<'a> {
    /// Each a step after the one before.
    Even {
        /// Time of the first.
        first: i64,
        /// From one to the next.
        step: i64,
    },
    /// Each by itself, ascending.
    Listed(&'a [i64]),
}

/// Successive readings of one column, borrowed from whoever unpacked them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strip<'a> {
    times: Times<'a>,
    values: &'a [i64],
    usable: Option<&'a [bool]>,
}

impl<'a> Strip<'a> {
    /// From values in millionths, any number where there is none; `usable` `None` means that all are.
    ///
    /// # Panics
    /// When there are not as many of one as of the others.
    pub fn new(times: Times<'a>, values: &'a [i64], usable: Option<&'a [bool]>) -> Self {
        let fits = |length: usize| length == values.len();
        let listed = match times {
            Times::Listed(times) => fits(times.len()),
            Times::Even { .. } => true,
        };
        assert!(
            listed && usable.is_none_or(|usable| fits(usable.len())),
            "one time and one mark a value"
        );
        Self {
            times,
            values,
            usable,
        }
    }

    /// Readings it holds.
    #[inline]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it holds none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// When they were.
    #[inline]
    pub fn times(&self) -> Times<'a> {
        self.times
    }

    /// Their values in millionths; any number where [`Self::all_usable`] does not hold.
    #[inline]
    pub fn values(&self) -> &'a [i64] {
        self.values
    }

    /// Whether every value may enter means.
    #[inline]
    pub fn all_usable(&self) -> bool {
        self.usable.is_none()
    }

    /// Time of one reading, in seconds since 1970 UTC.
    ///
    /// # Panics
    /// Past the end of a listed strip.
    #[inline]
    pub fn time(&self, at: usize) -> i64 {
        match self.times {
            Times::Listed(times) => times[at],
            Times::Even { first, step } => first.wrapping_add(step.wrapping_mul(at as i64)),
        }
    }

    /// Value of one reading, if it may enter means.
    ///
    /// # Panics
    /// Past the end.
    #[inline]
    pub fn value(&self, at: usize) -> Option<Amount> {
        let usable = self.usable.is_none_or(|usable| usable[at]);
        usable.then(|| Amount::from_micros(self.values[at]))
    }

    /// Every reading: its time, and its value if that may enter means.
    pub fn readings(self) -> impl Iterator<Item = (Instant, Option<Amount>)> {
        (0..self.len()).map(move |at| (Instant::from_unix(self.time(at)), self.value(at)))
    }

    /// The readings after one time up to and including another, at most `limit` of them.
    pub fn within(&self, after: Instant, upto: Instant, limit: usize) -> Self {
        let from = self.until(after);
        let to = self.until(upto).max(from);
        self.part(from, to.min(from.saturating_add(limit)))
    }

    /// Its readings up to so many seconds after the first, and those after them.
    ///
    /// # Panics
    /// When it is empty.
    #[inline]
    pub fn split(self, seconds: i64) -> (Self, Self) {
        let within = match self.times {
            Times::Listed(times) => {
                let last = times[0].saturating_add(seconds);
                times.iter().take_while(|time| **time <= last).count()
            }
            Times::Even { step, .. } => {
                let more = usize::try_from(seconds / step.max(1));
                more.unwrap_or(usize::MAX).saturating_add(1)
            }
        };
        let to = within.min(self.len());
        (self.part(0, to), self.part(to, self.len()))
    }

    /// How many lie before or at a time.
    fn until(&self, time: Instant) -> usize {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from.midpoint(to);
            if self.time(middle) <= time.unix() {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from
    }

    #[inline]
    fn part(&self, from: usize, to: usize) -> Self {
        Self {
            times: match self.times {
                Times::Listed(times) => Times::Listed(&times[from..to]),
                Times::Even { step, .. } => Times::Even {
                    first: self.time(from),
                    step,
                },
            },
            values: &self.values[from..to],
            usable: self.usable.map(|usable| &usable[from..to]),
        }
    }
}

/// Readings as the numbers a [`Strip`] borrows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    times: Vec<i64>,
    values: Vec<i64>,
    usable: Vec<bool>,
}

impl Numbers {
    /// Of readings in time order.
    pub fn of<'r>(readings: impl IntoIterator<Item = &'r Reading>) -> Self {
        let mut numbers = Self::default();
        for reading in readings {
            let value = reading.usable();
            numbers.times.push(reading.time.unix());
            numbers.values.push(value.map_or(0, Amount::micros));
            numbers.usable.push(value.is_some());
        }
        numbers
    }

    /// Them as a strip.
    pub fn strip(&self) -> Strip<'_> {
        let marks = self.usable.contains(&false);
        Strip::new(
            Times::Listed(&self.times),
            &self.values,
            marks.then_some(self.usable.as_slice()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times of what lies within, `-` after one whose value is not usable.
    fn check_within(strip: Strip<'_>, (after, upto, limit): (i64, i64, usize), expected: &str) {
        let part = strip.within(Instant::from_unix(after), Instant::from_unix(upto), limit);
        let text = |(time, value): (Instant, Option<Amount>)| {
            let mark = if value.is_some() { "" } else { "-" };
            format!("{}{mark}", time.unix())
        };
        let texts: Vec<String> = part.readings().map(text).collect();
        assert_eq!(texts.join(" "), expected, "{after} {upto} {limit}");
    }

    #[test]
    fn a_part_is_after_one_time_up_to_another() {
        let all = usize::MAX;
        let (values, marks) = ([1, 2, 3, 4], [true, false, true, true]);
        let listed = [10, 20, 25, 40];
        for (asked, expected) in [
            ((i64::MIN, i64::MAX, all), "10 20- 25 40"),
            ((10, 40, all), "20- 25 40"),
            ((10, 39, 1), "20-"),
            ((9, 10, all), "10"),
            ((40, 50, all), ""),
            ((30, 20, all), ""),
            ((0, 99, 0), ""),
        ] {
            let strip = Strip::new(Times::Listed(&listed), &values, Some(&marks));
            check_within(strip, asked, expected);
        }
        let even = Times::Even { first: 5, step: 10 };
        let strip = Strip::new(even, &values, None);
        check_within(strip, (5, 25, all), "15 25");
        check_within(strip, (0, 4, all), "");
        assert!(strip.all_usable() && strip.len() == 4 && !strip.is_empty());
    }

    #[test]
    fn a_strip_is_split_by_seconds_after_its_first() {
        let (values, listed) = ([1, 2, 3, 4], [10, 20, 25, 40]);
        let even = Times::Even {
            first: 10,
            step: 10,
        };
        for (times, seconds, expected) in [
            (Times::Listed(&listed), 0, [1, 3]),
            (Times::Listed(&listed), 14, [2, 2]),
            (Times::Listed(&listed), 15, [3, 1]),
            (Times::Listed(&listed), i64::MAX, [4, 0]),
            (even, 0, [1, 3]),
            (even, 19, [2, 2]),
            (even, 20, [3, 1]),
            (even, i64::MAX, [4, 0]),
        ] {
            let strip = Strip::new(times, &values, None);
            let (part, rest) = strip.split(seconds);
            assert_eq!([part.len(), rest.len()], expected, "{times:?} {seconds}");
            let both: Vec<_> = part.readings().chain(rest.readings()).collect();
            assert_eq!(both, strip.readings().collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "one time and one mark a value")]
    fn a_strip_has_as_many_times_as_values() {
        Strip::new(Times::Listed(&[1, 2]), &[1], None);
    }
}
