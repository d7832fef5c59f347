//! What a station reported, what of it is missing, and why.
//!
//! A report is a reading of any factor, with or without a value: a station that says it has no value is there. A gap
//! that is filled later vanishes, since everything is derived from the readings as they are now.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::calendar::Zone;
use crate::domain::gaps;
use crate::domain::gaps::DayReports;
use crate::domain::gaps::Gap;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::domain::pollutant::Pollutant;
use crate::domain::presence::Cause;
use crate::domain::presence::Presence;
use crate::domain::qc::EARLIEST;
use crate::domain::reading::Qc;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;
use crate::domain::registry::Registry;
use crate::domain::retention::Gone;
use crate::ports::Attendance;
use crate::ports::Range;
use crate::ports::Series;
use crate::ports::StoreError;

/// Reports that one question may expect at most: nearly four years of minutes.
pub const REPORTS_MAX: i64 = 2_000_000;
/// Readings fetched at a time.
const CHUNK_READINGS: usize = 100_000;

/// Where the interval of a station's reports was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalBasis {
    /// The registry.
    Registered,
    /// The shortest that its readings name.
    Declared,
    /// The commonest distance between two reports.
    Observed,
}

impl IntervalBasis {
    /// The text printed on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Declared => "declared",
            Self::Observed => "observed",
        }
    }
}

/// Why nothing can be said of a station's gaps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GapFault {
    /// Nothing of that name.
    #[error("station {0} is not registered")]
    Unknown(SourceId),
    /// More reports than are looked at in one go.
    #[error(
        "{reports} reports of {interval_s} s are too many at once; at most {REPORTS_MAX}, ask for fewer days"
    )]
    TooMany {
        /// Reports that the range should hold.
        reports: i64,
        /// Seconds between two.
        interval_s: u32,
    },
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a station has no figures, which are then null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// Nothing of it was ever stored.
    NeverReported,
    /// Neither registry nor readings tell how often it reports.
    NoInterval,
}

impl Void {
    /// The reason in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NeverReported => "the station has never reported",
            Self::NoInterval => {
                "the interval is neither registered nor named nor to be seen in the range"
            }
        }
    }
}

/// What a station reported within some days.
#[derive(Clone, Debug)]
pub struct Reports {
    /// The station.
    pub station: SourceId,
    /// Seconds between two reports.
    pub interval_s: u32,
    /// Where that is from.
    pub basis: IntervalBasis,
    /// Reports count after this moment: the range's beginning, or the first report ever.
    pub after: Instant,
    /// Reports count up to this moment: the range's end, or what was due by now.
    pub upto: Instant,
    times: Vec<Instant>,
    missing: Vec<Instant>,
    /// Stretches whose reports were removed by age.
    gone: Vec<Gone>,
    presence: Presence,
    /// Usable values of each pollutant, by day.
    pub usable: [BTreeMap<NaiveDate, u64>; 6],
}

impl Reports {
    /// What is missing, in runs of one cause.
    pub fn gaps(&self) -> Vec<Gap> {
        gaps::runs(&self.missing, self.interval_s, |ending| {
            let gone = |gone: &Gone| gone.after < ending && ending <= gone.upto;
            if self.gone.iter().any(gone) {
                Cause::Retention
            } else {
                self.presence.cause(ending, self.interval_s)
            }
        })
    }

    /// Whether reports of a day were removed by age, so that nobody knows how complete it was.
    pub fn is_gone(&self, zone: Zone, day: NaiveDate) -> bool {
        let (from, to) = (zone.day_start(day), zone.day_end(day));
        self.gone
            .iter()
            .any(|gone| gone.after < to && from < gone.upto)
    }

    /// Reports by day.
    pub fn days(&self, zone: Zone) -> BTreeMap<NaiveDate, DayReports> {
        let came = gaps::Came {
            times: &self.times,
            missing: &self.missing,
        };
        gaps::by_day(came, self.after, self.upto, self.interval_s, zone)
    }
}

/// Reads reports out of the stores.
pub struct Reporting<'a> {
    /// Readings.
    pub series: &'a dyn Series,
    /// Who was there.
    pub attendance: &'a dyn Attendance,
    /// What is registered.
    pub registry: &'a Registry,
    /// The zone whose days count.
    pub zone: Zone,
    /// The present moment: nothing later is missing yet.
    pub now: Instant,
}

/// What was read of one station's columns.
#[derive(Default)]
struct Found {
    times: Vec<Instant>,
    usable: [BTreeMap<NaiveDate, u64>; 6],
}

impl Reporting<'_> {
    /// What a station reported within the days; `Err` within `Ok` says why there are no figures.
    ///
    /// # Errors
    /// [`GapFault`].
    pub async fn of(
        &self,
        keys: &[SeriesKey],
        station: &SourceId,
        span: Span,
    ) -> Result<Result<Reports, Void>, GapFault> {
        let registered = self.registry.station(station);
        let registered = registered.ok_or_else(|| GapFault::Unknown(station.clone()))?;
        let own: Vec<&SeriesKey> = keys.iter().filter(|key| key.source == *station).collect();
        let Some(first) = self.first(&own).await? else {
            return Ok(Err(Void::NeverReported));
        };
        let after = self.zone.day_start(span.from);
        let upto = self.zone.day_end(span.to).min(self.now);
        let declared = own
            .iter()
            .map(|key| key.interval_s)
            .filter(|s| *s > 0)
            .min();
        let known = match (registered.interval_s, declared) {
            (Some(interval_s), _) => Some((interval_s, IntervalBasis::Registered)),
            (None, Some(interval_s)) => Some((interval_s, IntervalBasis::Declared)),
            (None, None) => None,
        };
        let longest_s = known.map_or(u32::MAX, |(interval_s, _)| interval_s);
        if let Some((interval_s, _)) = known {
            enough(after, upto, interval_s)?;
        }
        let found = self.found(&own, after, upto, longest_s).await?;
        let observed = || {
            let interval_s = gaps::observed_interval_s(&found.times)?;
            Some((interval_s, IntervalBasis::Observed))
        };
        let Some((interval_s, basis)) = known.or_else(observed) else {
            return Ok(Err(Void::NoInterval));
        };
        enough(after, upto, interval_s)?;
        let window_s = Presence::due_window_s(interval_s);
        let mut gone = self.attendance.gone(station).await?;
        gone.retain(|gone| gone.interval_s <= longest_s);
        let first = gone
            .iter()
            .map(|gone| gone.after)
            .fold(first.plus_s(-i64::from(interval_s)), Instant::min);
        let after = after.max(first);
        let upto = upto.min(self.now.plus_s(-window_s)).max(after);
        let source = Source {
            kind: SourceKind::Station,
            id: station.clone(),
        };
        let spells = self.attendance.spells(&source).await?;
        let ways = self.attendance.ways().await?;
        Ok(Ok(Reports {
            station: station.clone(),
            interval_s,
            basis,
            after,
            upto,
            missing: gaps::missing(&found.times, after, upto, interval_s),
            times: found.times,
            gone,
            presence: Presence::of(&source, &spells, &ways, self.now),
            usable: found.usable,
        }))
    }

    /// The first reading there is whose stamp is no clock fault.
    async fn first(&self, own: &[&SeriesKey]) -> Result<Option<Instant>, StoreError> {
        let mut first: Option<Instant> = None;
        for key in own {
            let mut range = Range {
                after: EARLIEST.plus_s(-1),
                limit: 1,
                ..Range::ALL
            };
            // What was stamped ahead when it came is passed over, a growing number at a time.
            let begin = loop {
                let chunk = self.series.column(key, range).await?;
                let sound = chunk.iter().find(|reading| reading.qc != Qc::Clock);
                match (sound, chunk.last()) {
                    (Some(reading), _) => break Some(reading.time),
                    (None, None) => break None,
                    (None, Some(last)) => range.after = last.time,
                }
                range.limit = (range.limit * 16).min(CHUNK_READINGS);
            };
            first = match (first, begin) {
                (Some(first), Some(begin)) => Some(begin.min(first)),
                (first, begin) => first.or(begin),
            };
        }
        Ok(first)
    }

    /// The times of all reports that come at least as often as `longest_s`, and usable values by day.
    async fn found(
        &self,
        own: &[&SeriesKey],
        after: Instant,
        upto: Instant,
        longest_s: u32,
    ) -> Result<Found, StoreError> {
        let mut found = Found::default();
        for key in own.iter().filter(|key| key.interval_s <= longest_s) {
            let pollutant = Pollutant::from_key(key.factor.as_str())
                .filter(|_| ["avg", "rtd"].contains(&key.stat.as_str()));
            let mut range = Range {
                after,
                // One more interval tells whether the last report merely runs late.
                upto: upto.plus_s(i64::from(key.interval_s)),
                limit: CHUNK_READINGS,
                known_at: None,
            };
            loop {
                let chunk = self.series.column(key, range).await?;
                let Some(last) = chunk.last() else { break };
                range.after = last.time;
                found.times.extend(chunk.iter().map(|reading| reading.time));
                if let Some(pollutant) = pollutant {
                    self.count(&mut found.usable[pollutant.index()], &chunk, upto);
                }
            }
            found.times.sort_unstable();
            found.times.dedup();
        }
        Ok(found)
    }

    fn count(&self, days: &mut BTreeMap<NaiveDate, u64>, chunk: &[Reading], upto: Instant) {
        let usable = chunk.iter().filter(|reading| reading.usable().is_some());
        for reading in usable.filter(|reading| reading.time <= upto) {
            let day = self.zone.day_of_ending(reading.time);
            *days.entry(day).or_default() += 1;
        }
    }
}

fn enough(after: Instant, upto: Instant, interval_s: u32) -> Result<(), GapFault> {
    let reports = (upto.unix() - after.unix()) / i64::from(interval_s);
    if reports > REPORTS_MAX {
        return Err(GapFault::TooMany {
            reports,
            interval_s,
        });
    }
    Ok(())
}
