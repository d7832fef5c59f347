//! Brings a copy of readings and days to an InfluxDB, or whatever takes its line protocol, for dashboards.
//!
//! The store is the truth and the mirror follows. What is admitted is noted in memory and sent soon after; a mark in the
//! data directory says up to which receipt everything is there. After a start, or when more was noted than memory
//! should hold, everything received since the mark is sent again: a point sent twice is one point. Admission never
//! waits for any of this.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use chrono::NaiveDate;
use tokio::sync::Notify;

use crate::adapters::store::influxdb2::mirror::Lines;
use crate::adapters::store::influxdb2::mirror::Mirror;
use crate::domain::assessment::Publication;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::calendar::Zone;
use crate::domain::names::SourceId;
use crate::domain::reading::SeriesKey;
use crate::domain::standards::Editions;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::directory::Directory;
use crate::flow::rollup::Rollup;
use crate::ports::Range;
use crate::ports::Registrar;
use crate::ports::Series;
use crate::ports::StoreError;

/// Sources and times noted at most; beyond, everything since the mark is read again.
const NOTED_MAX: usize = 200_000;
/// Lines of one body.
const LINES_MAX: usize = 5_000;
/// Readings of a column read at once.
const PAGE_READINGS: usize = 20_000;
/// Seconds before now whose receipts may not be noted yet: a commit takes time.
const MARGIN_S: i64 = 60;
/// Pause between two looks, and after a failure, when it doubles up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The mark's name, followed by which server it is.
const MARK: &str = "mirror";

/// What was admitted and is not sent yet.
#[derive(Default)]
struct Noted {
    values: BTreeSet<(SourceId, Instant)>,
    /// Whether there was more than could be noted.
    more: bool,
}

/// Where admission notes what it touches.
#[derive(Default)]
pub struct Feed {
    noted: Mutex<Noted>,
    wake: Notify,
}

impl Feed {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes new and corrected values.
    pub fn touch(&self, touched: &[(SourceId, Instant)]) {
        if touched.is_empty() {
            return;
        }
        let mut noted = self.noted();
        if noted.values.len() + touched.len() > NOTED_MAX {
            noted.values.clear();
            noted.more = true;
        } else if !noted.more {
            noted.values.extend(touched.iter().cloned());
        }
        drop(noted);
        self.wake.notify_one();
    }
}

/// What the mirror is made from.
pub struct Mirroring {
    /// Where the copy goes.
    pub mirror: Mirror,
    /// What was admitted.
    pub feed: Arc<Feed>,
    /// Readings.
    pub series: Arc<dyn Series>,
    /// Where the mark is kept.
    pub registrar: Arc<dyn Registrar>,
    /// Days.
    pub rollup: Arc<Rollup>,
    /// What is registered.
    pub directory: Arc<Directory>,
    /// Standards.
    pub editions: Arc<Editions>,
    /// How figures are printed.
    pub publication: Publication,
    /// The zone whose days count.
    pub zone: Zone,
    /// The clock.
    pub clock: fn() -> Instant,
}

/// Days of which values were sent.
type Touched = BTreeMap<SourceId, BTreeSet<NaiveDate>>;

impl Mirroring {
    /// Follows the store for ever.
    pub async fn run(self) {
        self.feed.noted().more = true;
        loop {
            let mut pause = PAUSE;
            while let Err(error) = self.follow().await {
                tracing::warn!(%error, place = self.mirror.place(), "the mirror waits");
                // What was taken and not sent is received after the mark.
                self.feed.noted().more = true;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
            self.feed.wake.notified().await;
            // What comes in together goes out together.
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends what is noted, or everything since the mark.
    async fn follow(&self) -> Result<(), StoreError> {
        let begun = (self.clock)();
        let noted = std::mem::take(&mut *self.feed.noted());
        let touched = if noted.more {
            let since = self.mark().await?;
            self.since(since).await?
        } else {
            self.values(noted.values).await?
        };
        self.days(touched).await?;
        let name = self.mark_name();
        let upto = begun.plus_s(-MARGIN_S).unix().to_string();
        self.registrar.set_mark(&name, &upto).await
    }

    fn mark_name(&self) -> String {
        format!("{MARK} {}", self.mirror.place())
    }

    async fn mark(&self) -> Result<Instant, StoreError> {
        let mark = self.registrar.mark(&self.mark_name()).await?;
        let since = mark.and_then(|mark| mark.parse().ok());
        Ok(Instant::from_unix(since.unwrap_or(i64::MIN)))
    }

    async fn send(&self, lines: &mut Lines) -> Result<(), StoreError> {
        let sent = self.mirror.write(lines).await;
        for refused in lines.refused.drain(..) {
            tracing::error!(
                refused,
                place = self.mirror.place(),
                "the mirror never takes a line"
            );
        }
        sent.map_err(|cause| StoreError::Unavailable {
            place: self.mirror.place().to_owned(),
            cause,
        })
    }

    /// Sends every value received since a moment.
    async fn since(&self, since: Instant) -> Result<Touched, StoreError> {
        let mut touched = Touched::new();
        for key in self.series.keys().await? {
            let mut range = Range {
                limit: PAGE_READINGS,
                ..Range::ALL
            };
            loop {
                let page = self.series.received(&key, range).await?;
                let mut lines = Lines::default();
                for (received_at, reading) in &page {
                    if *received_at >= since {
                        lines.reading(&key, reading);
                        self.touched(&mut touched, &key.source, reading.time);
                        self.full(&mut lines).await?;
                    }
                }
                self.send(&mut lines).await?;
                match page.last() {
                    Some((_, last)) if page.len() == PAGE_READINGS => range.after = last.time,
                    _ => break,
                }
            }
        }
        Ok(touched)
    }

    fn touched(&self, touched: &mut Touched, source: &SourceId, time: Instant) {
        let day = self.zone.day_of_ending(time);
        match touched.get_mut(source) {
            Some(days) => drop(days.insert(day)),
            None => drop(touched.insert(source.clone(), BTreeSet::from([day]))),
        }
    }

    async fn full(&self, lines: &mut Lines) -> Result<(), StoreError> {
        if lines.len() < LINES_MAX {
            return Ok(());
        }
        self.send(lines).await
    }

    /// Sends the values at some times, read a source and day at a time.
    async fn values(&self, values: BTreeSet<(SourceId, Instant)>) -> Result<Touched, StoreError> {
        let mut touched = Touched::new();
        let mut by_day: BTreeMap<(SourceId, NaiveDate), BTreeSet<Instant>> = BTreeMap::new();
        for (source, time) in values {
            self.touched(&mut touched, &source, time);
            let day = self.zone.day_of_ending(time);
            by_day.entry((source, day)).or_default().insert(time);
        }
        let keys = self.series.keys().await?;
        let mut lines = Lines::default();
        for ((source, day), times) in by_day {
            let own = |key: &&SeriesKey| key.source == source;
            let range = Range {
                after: self.zone.day_start(day),
                upto: self.zone.day_end(day),
                ..Range::ALL
            };
            for key in keys.iter().filter(own) {
                let column = self.series.column(key, range).await?;
                for reading in column
                    .iter()
                    .filter(|reading| times.contains(&reading.time))
                {
                    lines.reading(key, reading);
                }
                self.full(&mut lines).await?;
            }
        }
        self.send(&mut lines).await?;
        Ok(touched)
    }

    /// Sends days, once they are computed from what was sent.
    async fn days(&self, touched: Touched) -> Result<(), StoreError> {
        self.rollup.settle().await?;
        let mut lines = Lines::default();
        for (source, days) in touched {
            let assessor = Assessor {
                editions: Arc::clone(&self.editions),
                publication: self.publication,
                registry: self.directory.now(),
                days: self.rollup.now(),
            };
            let area = Area::Station(source.clone());
            let compute = move || {
                let span = |day: NaiveDate| Span { from: day, to: day };
                let of =
                    |day| assessor.days(&area, span(day), &EditionChoice::Auto, Choices::default());
                days.into_iter().flat_map(of).collect::<Vec<_>>()
            };
            // Off the threads that serve connections.
            let computed = tokio::task::spawn_blocking(compute).await;
            for day in &computed.expect("figures of stored readings can be computed") {
                lines.day(&source, self.zone, day);
                self.full(&mut lines).await?;
            }
        }
        self.send(&mut lines).await
    }
}
