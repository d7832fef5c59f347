//! What the daemon should hold, told as plainly as possible: every identity with its values in the order they
//! counted, and the letters that were kept.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use skytier::domain::calendar::Instant;
use skytier::domain::calendar::Zone;
use skytier::domain::means::StationDay;
use skytier::domain::names::Factor;
use skytier::domain::names::Flag;
use skytier::domain::names::Stat;
use skytier::domain::pollutant::Pollutant;
use skytier::domain::reading::Qc;
use skytier::domain::reading::Reading;
use skytier::domain::reading::Review;
use skytier::domain::reading::SeriesKey;
use skytier::domain::units::Amount;
use skytier::domain::units::Exact;
use skytier::flow::rollup::StationDays;

use crate::simulation::chance::mixed;
use crate::simulation::world::HOUR;
use crate::simulation::world::Pace;
use crate::simulation::world::Row;
use crate::simulation::world::Sender;

/// Stamps may be ahead of the clock by this many seconds.
const AHEAD_S: i64 = 600;
/// Most that can be a measurement, in the order of the pollutants; `config/qc.toml`.
const MOST: [i64; 6] = [10_000, 20_000, 5_000, 5_000, 150, 2_000];

/// A value under an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    micros: Option<i64>,
    flagged: bool,
    qc: Qc,
    /// When it began to count.
    from: i64,
}

impl Version {
    /// A row received at `now`.
    pub(crate) fn new(row: &Row, now: i64) -> Self {
        let most = MOST[row.series % 6] * 1_000_000;
        let qc = match row.micros {
            _ if row.time > now + AHEAD_S => Qc::Clock,
            Some(micros) if micros < 0 => Qc::Negative,
            Some(micros) if micros > most => Qc::Range,
            _ => Qc::Passed,
        };
        Self {
            micros: row.micros,
            flagged: row.flagged,
            qc,
            from: now,
        }
    }

    /// As the store gives it.
    pub(crate) fn received(&self, time: i64) -> Received {
        let flag = if self.flagged { "M" } else { "N" };
        let reading = Reading {
            time: Instant::from_unix(time),
            value: self.micros.map(Amount::from_micros),
            flag: Flag::new(flag).expect("a flag"),
            qc: self.qc,
            review: Review::Raw,
        };
        (Instant::from_unix(self.from), reading)
    }

    /// The same beginning to count at another time.
    pub(crate) fn counting_from(self, from: i64) -> Self {
        Self { from, ..self }
    }

    fn usable(&self) -> Option<Exact> {
        let usable = self.qc == Qc::Passed && !self.flagged;
        self.micros
            .filter(|_| usable)
            .map(|micros| Exact::amount(Amount::from_micros(micros)))
    }
}

/// A place of the model that a change touched: series and time.
pub(crate) type Change = (usize, i64);

/// A reading after when it began to count.
pub(crate) type Received = (Instant, Reading);

/// A message kept because it could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) received_at: i64,
    /// Its values, where they wait for the sender to be registered.
    pub(crate) waiting: Option<Vec<Row>>,
}

/// The naive model.
#[derive(Debug, Default)]
pub(crate) struct Model {
    values: HashMap<(usize, i64), (Version, Vec<Version>)>,
    pub(crate) letters: Vec<Letter>,
    pub(crate) corrected: u64,
}

impl Model {
    /// Takes values up at `now`, in order. Returns what to take back should they never have been stored.
    pub(crate) fn take(&mut self, rows: impl Iterator<Item = (Row, Version)>) -> Vec<Change> {
        let mut changes = Vec::new();
        for (row, mut version) in rows {
            let place = (row.series, row.time);
            match self.values.get_mut(&place) {
                None => {
                    self.values.insert(place, (version, Vec::new()));
                }
                Some((last, older)) => {
                    if (last.micros, last.flagged) == (version.micros, version.flagged) {
                        continue;
                    }
                    version.from = version.from.max(last.from);
                    older.push(std::mem::replace(last, version));
                    self.corrected += 1;
                }
            }
            changes.push(place);
        }
        changes
    }

    /// Takes changes back, the last first.
    pub(crate) fn undo(&mut self, changes: &[Change]) {
        for place in changes.iter().rev() {
            let (last, older) = self.values.get_mut(place).expect("it was set");
            match older.pop() {
                Some(before) => {
                    *last = before;
                    self.corrected -= 1;
                }
                None => drop(self.values.remove(place)),
            }
        }
    }

    /// Identities.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// What counts at one time of a series.
    pub(crate) fn at(&self, place: Change) -> Option<Received> {
        self.values
            .get(&place)
            .map(|(last, _)| last.received(place.1))
    }

    /// Every series' column; as known at a moment, if one is given.
    pub(crate) fn columns(&self, known_at: Option<i64>) -> BTreeMap<usize, Vec<Received>> {
        let mut columns: BTreeMap<usize, Vec<Received>> = BTreeMap::new();
        for ((series, time), (last, older)) in &self.values {
            let newest_first = std::iter::once(last).chain(older.iter().rev());
            let mut known = newest_first.filter(|own| known_at.is_none_or(|at| own.from <= at));
            if let Some(version) = known.next() {
                columns
                    .entry(*series)
                    .or_default()
                    .push(version.received(*time));
            }
        }
        for column in columns.values_mut() {
            column.sort_by_key(|(_, reading)| reading.time);
        }
        columns
    }

    /// A number that depends on everything held, and on no order.
    pub(crate) fn digest(&self) -> u64 {
        let one = |(&(series, time), (last, older)): (&Change, &(Version, Vec<Version>))| {
            let place = i64::try_from(series).expect("a few");
            let value = last
                .micros
                .map_or(i64::MAX, |micros| micros * 2 + i64::from(last.flagged));
            let count = i64::try_from(older.len()).expect("a few");
            mixed([place, time, value, last.from, count])
        };
        self.values.iter().map(one).fold(0, u64::wrapping_add)
    }

    /// Compares days with those computed by the letter from what counts.
    pub(crate) fn check_days(&self, senders: &[Sender], days: &StationDays) {
        let naive = self.days(senders);
        let found: usize = days.values().map(|own| own.len()).sum();
        let mut expected = std::collections::BTreeSet::new();
        for ((series, date), hours) in &naive {
            let sender = &senders[series / 6];
            let own = days.get(&sender.id).and_then(|days| days.get(date));
            let count = hours.iter().flatten().count();
            if count > 0 {
                expected.insert((series / 6, *date));
            }
            let place = format!("{} {date} {:?}", sender.id, Pollutant::ALL[series % 6]);
            check_day(own.map(Arc::as_ref), series % 6, hours, &place);
        }
        assert_eq!(found, expected.len(), "days of stations");
    }

    /// Hours of each series by day.
    fn days(&self, senders: &[Sender]) -> BTreeMap<(usize, NaiveDate), [Option<Exact>; 24]> {
        let zone = Zone::beijing();
        let midnight = zone
            .day_start(NaiveDate::from_ymd_opt(2020, 1, 1).expect("a day"))
            .unix();
        let mut parts: BTreeMap<(usize, i64), Vec<Exact>> = BTreeMap::new();
        for ((series, time), (last, _)) in &self.values {
            if senders[series / 6].pace != Pace::Momentary {
                let hour = (time - midnight - 1).div_euclid(HOUR);
                parts
                    .entry((*series, hour))
                    .or_default()
                    .extend(last.usable());
            }
        }
        let mut days = BTreeMap::new();
        for ((series, hour), parts) in parts {
            let enough = match senders[series / 6].pace {
                Pace::Hourly => 1,
                Pace::Minutes | Pace::Momentary => 45,
            };
            let date = zone.day_of_ending(Instant::from_unix(midnight + (hour + 1) * HOUR));
            let hours = days.entry((series, date)).or_insert([const { None }; 24]);
            let mean = Exact::mean(&parts).filter(|_| parts.len() >= enough);
            hours[usize::try_from(hour.rem_euclid(24)).expect("of a day")] = mean;
        }
        days
    }
}

fn check_day(own: Option<&StationDay>, pollutant: usize, hours: &[Option<Exact>; 24], place: &str) {
    let empty = StationDay::default();
    let own = own.unwrap_or(&empty);
    let valid: Vec<&Exact> = hours.iter().flatten().collect();
    assert_eq!(own.hours[pollutant] as usize, valid.len(), "{place}: hours");
    assert_eq!(own.mean[pollutant], Exact::mean(valid), "{place}: mean");
    if pollutant == Pollutant::O3.index() {
        let window = |eight: &[Option<Exact>]| {
            let valid: Vec<&Exact> = eight.iter().flatten().collect();
            (valid.len() >= 6).then(|| Exact::mean(valid))?
        };
        let largest = hours.windows(8).filter_map(window).max();
        assert_eq!(own.o3_8h_max, largest, "{place}: eight hours");
    }
}

/// The key of a series.
pub(crate) fn key(senders: &[Sender], series: usize) -> SeriesKey {
    let sender = &senders[series / 6];
    let (stat, interval_s) = sender.pace.series();
    SeriesKey {
        source: sender.id.clone(),
        factor: Factor::new(Pollutant::ALL[series % 6].key()).expect("a factor"),
        stat: Stat::new(stat).expect("a statistic"),
        interval_s,
    }
}
