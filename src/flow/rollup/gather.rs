//! Hours by day out of the strips of a scan, one column after the other.
//!
//! Of an hourly column the last usable value of an hour counts. Finer values make an hour when they stand for enough
//! minutes of it. Where several columns hold one pollutant of a source, the first that has an hour gives it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::domain::calendar::DAY_S;
use crate::domain::calendar::HOUR_S;
use crate::domain::calendar::HOURS_PER_DAY;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::means::HourMean;
use crate::domain::means::Hours;
use crate::domain::means::Parts;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Editions;
use crate::domain::strip::Strip;
use crate::domain::strip::Times;
use crate::domain::units::Amount;
use crate::flow::rollup::HOURLY_S;
use crate::flow::rollup::Recipe;

/// A column that is scanned; those of one source stand together, of these those of one pollutant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// Position of its source.
    pub(super) source: usize,
    /// Whose values it holds.
    pub(super) pollutant: Pollutant,
    /// Seconds of its interval.
    pub(super) interval_s: u32,
    /// Whether no other column holds that pollutant of that source.
    pub(super) alone: bool,
}

/// Puts hours together, strip after strip, and adds them to `T` day by day: source, pollutant, day, hours. A day with
/// readings of which none counts is added too.
pub(super) struct Gather<T, F> {
    zone: Zone,
    editions: Arc<Editions>,
    columns: Vec<Column>,
    /// The column under way.
    at: usize,
    /// Its day under way, counted from 1970-01-01 of the zone, and as a date.
    day: Option<(i64, NaiveDate)>,
    hours: Hours,
    /// The hour under way of a finer column, and what came of it.
    parts: (usize, Parts),
    /// Days of the pollutant under way where several columns hold it.
    merged: BTreeMap<NaiveDate, Hours>,
    into: T,
    add: F,
}

impl<T, F: Fn(&mut T, usize, Pollutant, NaiveDate, &Hours)> Gather<T, F> {
    /// Of columns, by their position in the scan.
    pub(super) fn new(recipe: &Recipe, columns: Vec<Column>, into: T, add: F) -> Self {
        Self {
            zone: recipe.zone,
            editions: Arc::clone(&recipe.editions),
            columns,
            at: 0,
            day: None,
            hours: [None; HOURS_PER_DAY],
            parts: (0, Parts::default()),
            merged: BTreeMap::new(),
            into,
            add,
        }
    }

    /// Takes the next strip of a column, which is that of the strip before or a later one.
    pub(super) fn strip(&mut self, at: usize, strip: Strip<'_>) {
        if at != self.at {
            let of = |at: usize| (self.columns[at].source, self.columns[at].pollutant);
            let same = of(at) == of(self.at);
            self.end_day();
            if !same {
                self.end_merged();
            }
            self.at = at;
        }
        // What lies within a day of an hourly column, within an hour of a finer one, is taken at once.
        let hourly = self.columns[at].interval_s == HOURLY_S;
        let period = if hourly { DAY_S } else { HOUR_S };
        let mut rest = strip;
        while !rest.is_empty() {
            let second = self.turn_to(rest.time(0));
            let (part, later) = rest.split(period - 1 - second % period);
            if hourly {
                self.take_hours(second, part);
            } else {
                self.take_parts(second, part);
            }
            rest = later;
        }
    }

    /// Adds what is left; all that came of it.
    pub(super) fn finish(mut self) -> T {
        self.end_day();
        self.end_merged();
        self.into
    }

    /// Seconds of the zone's clock before the end of the period.
    fn local(&self, ending: i64) -> i64 {
        let offset = i64::from(self.zone.offset().local_minus_utc());
        ending.saturating_sub(1).saturating_add(offset)
    }

    /// Makes the day of a time the one under way; how many of its seconds lie before the time.
    fn turn_to(&mut self, ending: i64) -> i64 {
        let local = self.local(ending);
        let day = local.div_euclid(DAY_S);
        if self.day.is_none_or(|(known, _)| known != day) {
            let next = self.day.filter(|(known, _)| known + 1 == day);
            let next = next.and_then(|(_, date)| date.succ_opt());
            self.end_day();
            let date = next.unwrap_or_else(|| self.zone.day_of_ending(Instant::from_unix(ending)));
            self.day = Some((day, date));
        }
        local - day * DAY_S
    }

    /// Takes hourly values of the day under way, the first of them at a second of it.
    fn take_hours(&mut self, second: i64, part: Strip<'_>) {
        let first = part.time(0);
        let hour = |time: i64| {
            let hour = (second + time - first) / HOUR_S;
            usize::try_from(hour).expect("within the day")
        };
        let reported = |micros: i64| Some(HourMean::reported(Amount::from_micros(micros)));
        match (part.times(), part.all_usable()) {
            (Times::Even { step: HOUR_S, .. }, true) => {
                let slots = self.hours[hour(first)..].iter_mut();
                for (slot, micros) in slots.zip(part.values()) {
                    *slot = reported(*micros);
                }
            }
            (Times::Listed(times), true) => {
                for (time, micros) in times.iter().zip(part.values()) {
                    self.hours[hour(*time)] = reported(*micros);
                }
            }
            _ => {
                for at in 0..part.len() {
                    if let Some(value) = part.value(at) {
                        self.hours[hour(part.time(at))] = Some(HourMean::reported(value));
                    }
                }
            }
        }
    }

    /// Takes finer values of one hour of the day under way, the first of them at a second of the day.
    fn take_parts(&mut self, second: i64, part: Strip<'_>) {
        let hour = usize::try_from(second / HOUR_S).expect("0 to 23");
        if self.parts.0 != hour {
            self.end_hour();
            self.parts.0 = hour;
        }
        if part.all_usable() {
            self.parts.1.add_all(part.values());
        } else {
            let values = (0..part.len()).filter_map(|at| part.value(at));
            values.for_each(|value| self.parts.1.add(value));
        }
    }

    fn end_hour(&mut self) {
        let (hour, parts) = std::mem::take(&mut self.parts);
        let Some((_, day)) = self.day else { return };
        let minutes_min = self.editions.on(day).validity.hour_minutes_min;
        let mean = parts.mean(self.columns[self.at].interval_s, minutes_min);
        self.hours[hour] = self.hours[hour].or(mean);
    }

    fn end_day(&mut self) {
        if self.day.is_some() && !self.parts.1.is_empty() {
            self.end_hour();
        }
        let Some((_, day)) = self.day.take() else {
            return;
        };
        let column = self.columns[self.at];
        if column.alone {
            let (source, pollutant) = (column.source, column.pollutant);
            (self.add)(&mut self.into, source, pollutant, day, &self.hours);
        } else {
            let known = self.merged.entry(day).or_insert([None; HOURS_PER_DAY]);
            for (known, own) in known.iter_mut().zip(self.hours) {
                *known = known.or(own);
            }
        }
        self.hours = [None; HOURS_PER_DAY];
    }

    fn end_merged(&mut self) {
        for (day, hours) in std::mem::take(&mut self.merged) {
            let column = self.columns[self.at];
            (self.add)(&mut self.into, column.source, column.pollutant, day, &hours);
        }
    }
}
