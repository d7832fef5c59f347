//! Readings in a bucket of an InfluxDB 2; everything else stays in the embedded store beside it, which can append in
//! order and as a whole.
//!
//! A batch is acknowledged when the server has answered that it is written. While the server is away, batches go
//! into a bounded file instead (the spool), synced before they are acknowledged, and from there to the server in
//! the order they came; or, with the spool off, nothing is acknowledged. Until the spool is empty again nothing is
//! read, so that no figure is made from part of what was acknowledged. One data directory writes a bucket; another one
//! is refused.

mod cells;
mod check;
mod claim;
mod client;
mod delete;
mod flux;
mod line;
pub mod mirror;
mod reader;
mod recovery;
pub mod settings;
mod spans;
mod spool;
pub mod standing;
mod windows;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use chrono::NaiveDate;

use crate::adapters::store::embedded::Access;
use crate::adapters::store::embedded::Embedded;
use crate::adapters::store::influxdb2::claim::Hold;
use crate::adapters::store::influxdb2::client::Client;
use crate::adapters::store::influxdb2::client::Failure;
use crate::adapters::store::influxdb2::reader::ColumnOf;
use crate::adapters::store::influxdb2::reader::Ends;
use crate::adapters::store::influxdb2::reader::read_ends;
use crate::adapters::store::influxdb2::reader::read_replaced;
use crate::adapters::store::influxdb2::settings::InfluxSettings;
use crate::adapters::store::influxdb2::spool::Spool;
use crate::adapters::store::influxdb2::standing::Standing;
use crate::adapters::store::influxdb2::writer::Known;
use crate::adapters::store::influxdb2::writer::Stored;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::calendar::Zone;
use crate::domain::deletion::Deletion;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::domain::reading::Observation;
use crate::domain::reading::Reading;
use crate::domain::reading::Replaced;
use crate::domain::reading::SeriesKey;
use crate::domain::strip::Numbers;
use crate::domain::units::Amount;
use crate::ports::Answer;
use crate::ports::Appended;
use crate::ports::Batch;
use crate::ports::DeadLetter;
use crate::ports::Deleted;
use crate::ports::LetterState;
use crate::ports::Range;
use crate::ports::Registrar as _;
use crate::ports::ReplacedQuery;
use crate::ports::Series;
use crate::ports::StoreError;
use crate::ports::Verified;
use crate::ports::Verify;
use crate::ports::Visit;

/// Values that go from the spool to the server as one batch, before others may write.
const DRAIN_VALUES: usize = 20_000;
/// What is said of a directory that is not to be used with an InfluxDB.
const OWN_READINGS: &str = "the data directory holds readings of its own, which would not be seen; go on \
    without store.kind = \"influxdb2\", or use another directory and have the readings sent there again";
/// What kept letters of refused lines are said to come from.
const ORIGIN: &str = "influxdb2";

/// The spool's name and format.
pub const SPOOL_FORMAT: (&str, u32) = (spool::FILE, spool::FORMAT);

/// Asks a server whether it can be relied on, as a start does; gives what is odd but no hindrance.
///
/// # Errors
/// In words, what must be mended first.
pub async fn examine(settings: &InfluxSettings, now: Instant) -> Result<Option<String>, String> {
    let client = Client::new(settings)?;
    let checked = check::check(settings, &client, now).await;
    checked.map_err(|failure| failure.text().to_owned())
}

/// The store of readings in one bucket.
pub struct Influx {
    core: Arc<Core>,
}

struct Core {
    settings: InfluxSettings,
    client: Arc<Client>,
    base: Arc<Embedded>,
    spool: Spool,
    access: Access,
    /// What the writer knows; `None` before it is learned, and after a failure, when it is in doubt.
    known: tokio::sync::Mutex<Option<Known>>,
    ends: RwLock<Arc<Ends>>,
    trouble: Mutex<Option<String>>,
    /// What ended the way back for good.
    broken: OnceLock<StoreError>,
    /// Whether the ends were read.
    learned: AtomicBool,
    /// Whether another skytier holds the bucket.
    foreign: AtomicBool,
    hold: Hold,
    /// Failures in a row.
    failures: AtomicU32,
}

impl Influx {
    /// Prepares to use the bucket; nothing is asked of the server yet. The spool lies in `directory`, everything
    /// but readings in `base`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] for settings that cannot work, a directory that holds readings of its own, or a spool
    /// that cannot be opened.
    pub fn new(
        settings: InfluxSettings,
        base: Arc<Embedded>,
        directory: &Path,
        access: Access,
    ) -> Result<Self, StoreError> {
        let unusable = |cause: String| StoreError::Unavailable {
            place: settings.place(),
            cause,
        };
        if let Some((name, fault)) = settings.faults().first() {
            return Err(unusable(format!("{name}: {fault}")));
        }
        let client = Arc::new(Client::new(&settings).map_err(unusable)?);
        // Before there is a spool, which says that the directory's readings are elsewhere.
        if base.holds_readings()? {
            return Err(StoreError::Unavailable {
                place: directory.display().to_string(),
                cause: OWN_READINGS.to_owned(),
            });
        }
        let spool = Spool::open(directory, settings.spool_bytes_max, access)?;
        Ok(Self {
            core: Arc::new(Core {
                client,
                base,
                spool,
                access,
                known: tokio::sync::Mutex::new(None),
                ends: RwLock::default(),
                trouble: Mutex::new(None),
                broken: OnceLock::new(),
                learned: AtomicBool::new(false),
                foreign: AtomicBool::new(false),
                hold: Hold::default(),
                failures: AtomicU32::new(0),
                settings,
            }),
        })
    }

    /// Whether the readings of a data directory are in an InfluxDB.
    pub fn keeps_readings_of(directory: &Path) -> bool {
        Spool::path(directory).is_file()
    }

    /// Asks the server whether it can be relied on, and brings it what waits; gives what is odd but no hindrance.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with what must be mended first.
    pub async fn start(&self, now: Instant) -> Result<Option<String>, StoreError> {
        let core = &self.core;
        let checked = check::check(&core.settings, &core.client, now).await;
        let odd = checked.map_err(|failure| core.unavailable(failure.text()))?;
        let mut known = core.known.lock().await;
        core.resume(&mut known).await?;
        Ok(odd)
    }

    /// The server's own means of a column's days, to compare with ours; `None` where an order took a reading out.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn day_means(
        &self,
        key: &SeriesKey,
        span: Span,
        zone: Zone,
    ) -> Result<BTreeMap<NaiveDate, Option<Amount>>, StoreError> {
        let core = &self.core;
        let held = core.readable().await?;
        let Some(ends) = held.get(key).copied() else {
            return Ok(BTreeMap::new());
        };
        let bucket = core.settings.bucket.as_str();
        let client = &core.client;
        let column = ColumnOf {
            client,
            bucket,
            key,
            ends,
        };
        let means = column.day_means(span, zone).await;
        means.map_err(|failure| core.unavailable(failure.text()))
    }

    /// How the spool and the server stand.
    pub fn standing(&self) -> Standing {
        let load = self.core.spool.load();
        Standing {
            trouble: self.core.trouble().clone(),
            spooled_batches: load.batches,
            spooled_bytes: load.bytes,
        }
    }
}

impl Core {
    fn unavailable(&self, cause: &str) -> StoreError {
        StoreError::Unavailable {
            place: self.settings.place(),
            cause: cause.to_owned(),
        }
    }

    /// Whether anything may still be done.
    fn sound(&self) -> Result<(), StoreError> {
        self.broken.get().cloned().map_or(Ok(()), Err)
    }

    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends(&self) -> Arc<Ends> {
        Arc::clone(&self.ends.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Learns what the bucket holds.
    async fn learn(&self, known: &mut Option<Known>) -> Result<(), StoreError> {
        if known.is_some() {
            return Ok(());
        }
        if self.access == Access::Write {
            self.claim().await?;
        }
        let ends = read_ends(&self.client, &self.settings.bucket).await;
        let ends = Arc::new(ends.map_err(|failure| self.unavailable(failure.text()))?);
        let mut learned = Some(Known::of(ends.iter().map(|(key, (_, last))| (key, *last))));
        if self.access == Access::Write {
            self.finish_orders(&mut learned, &ends).await?;
        }
        *known = learned;
        *self.ends.write().unwrap_or_else(PoisonError::into_inner) = ends;
        self.learned.store(true, Ordering::Release);
        Ok(())
    }

    /// Makes sure that nobody else writes the bucket.
    async fn claim(&self) -> Result<(), StoreError> {
        let own = match self.base.mark(claim::MARK).await? {
            Some(own) => own,
            None => {
                let own = claim::draw();
                self.base.set_mark(claim::MARK, &own).await?;
                own
            }
        };
        let (bucket, org) = (&self.settings.bucket, &self.settings.org);
        let claimed = claim::claim(&self.client, bucket, &own).await;
        let claimed = claimed.map_err(|failure| self.unavailable(failure.text()))?;
        self.foreign.store(claimed.is_err(), Ordering::Relaxed);
        claimed.map_err(|holder| self.unavailable(&claim::told(bucket, org, &holder)))?;
        let begun = self.hold.begin(&self.client, &own).await;
        begun.map_err(|failure| self.unavailable(failure.text()))
    }

    /// Learns what the bucket holds and brings it all that waits.
    async fn resume(&self, known: &mut Option<Known>) -> Result<(), StoreError> {
        self.learn(known).await?;
        while self.spool.load().batches > 0 && self.access == Access::Write {
            self.drain(known).await?;
        }
        Ok(())
    }

    /// Brings the server some of the batches that wait.
    async fn drain(&self, known: &mut Option<Known>) -> Result<(), StoreError> {
        let waiting = self.spool.oldest(DRAIN_VALUES)?;
        let Some(received_at) = waiting.first().map(|first| first.received_at) else {
            return Ok(());
        };
        let said = waiting.iter().flat_map(|one| &one.observations);
        let observations: Vec<Observation> = said.cloned().collect();
        let stored = self.store(known, received_at, &observations).await;
        let stored = stored.map_err(|failure| self.unavailable(failure.text()))?;
        let letters = self.letters(received_at, stored.refused).await?;
        self.keep(letters).await?;
        self.spool.forget(&waiting)
    }

    /// Writes to the server; after a failure what is known is forgotten.
    async fn store(
        &self,
        known: &mut Option<Known>,
        received_at: Instant,
        observations: &[Observation],
    ) -> Result<Stored, Failure> {
        let mut writer = known.take().unwrap_or_default();
        let bucket = self.settings.bucket.as_str();
        let stored = writer
            .store((&self.client, bucket), received_at, observations)
            .await?;
        self.failures.store(0, Ordering::Relaxed);
        *known = Some(writer);
        self.extend_ends(&stored.written);
        Ok(stored)
    }

    fn extend_ends(&self, written: &[(SeriesKey, (i64, i64))]) {
        let held = self.ends();
        let beyond = |(key, (from, upto)): &&(SeriesKey, (i64, i64))| {
            held.get(key)
                .is_none_or(|(first, last)| from < first || last < upto)
        };
        if !written.iter().any(|one| beyond(&one)) {
            return;
        }
        drop(held);
        let mut ends = self.ends.write().unwrap_or_else(PoisonError::into_inner);
        let ends = Arc::make_mut(&mut ends);
        for (key, (from, upto)) in written {
            match ends.get_mut(key) {
                Some((first, last)) => (*first, *last) = (*from.min(first), *upto.max(last)),
                None => drop(ends.insert(key.clone(), (*from, *upto))),
            }
        }
    }

    /// Kept letters of lines the server will never take.
    async fn letters(
        &self,
        received_at: Instant,
        refused: Vec<(SourceId, String, String)>,
    ) -> Result<Batch, StoreError> {
        let mut batch = Batch::new(received_at);
        if refused.is_empty() {
            return Ok(batch);
        }
        let registry = self.base.registry().await?;
        for (id, line, reason) in refused {
            tracing::error!(source = %id, reason, "InfluxDB refuses a line for ever; it is kept as a dead letter");
            let kind = if registry.logger(&id).is_some() {
                SourceKind::Logger
            } else {
                SourceKind::Station
            };
            batch.dead_letters.push(DeadLetter {
                received_at,
                origin: ORIGIN.to_owned(),
                topic: format!("{ORIGIN}/{}", self.settings.bucket),
                source: Source { kind, id },
                payload: line.into_bytes(),
                state: LetterState::Dead,
                reason: format!("refused by InfluxDB: {reason}"),
            });
        }
        Ok(batch)
    }

    async fn keep(&self, letters: Batch) -> Result<(), StoreError> {
        if letters.dead_letters.is_empty() && letters.retried.is_empty() {
            return Ok(());
        }
        self.base.append(letters).await.map(drop)
    }

    async fn append(self: &Arc<Self>, mut batch: Batch) -> Result<Appended, StoreError> {
        self.sound()?;
        let observations = std::mem::take(&mut batch.observations);
        let mut known = self.known.lock().await;
        if observations.is_empty() {
            self.keep(batch).await?;
            return Ok(Appended::default());
        }
        let away = self.trouble().clone();
        let stored = match away {
            Some(cause) => Err(self.unavailable(&cause)),
            None => {
                self.try_now(&mut known, batch.received_at, &observations)
                    .await
            }
        };
        let stored = match stored {
            // What another one's bucket will never get is not acknowledged.
            Err(StoreError::Unavailable { .. })
                if self.settings.spool
                    && self.access == Access::Write
                    && !self.foreign.load(Ordering::Relaxed) =>
            {
                self.spool.push(batch.received_at, &observations)?;
                spooled(&observations)
            }
            other => other?,
        };
        let letters = self.letters(batch.received_at, stored.refused).await?;
        batch.dead_letters.extend(letters.dead_letters);
        self.keep(batch).await?;
        Ok(stored.appended)
    }

    async fn try_now(
        self: &Arc<Self>,
        known: &mut Option<Known>,
        received_at: Instant,
        observations: &[Observation],
    ) -> Result<Stored, StoreError> {
        let resumed = self.resume(known).await;
        if let Err(StoreError::Unavailable { cause, .. }) = &resumed
            && !self.foreign.load(Ordering::Relaxed)
        {
            return Err(self.fell(&Failure::Passing(cause.clone())));
        }
        resumed?;
        let (client, bucket) = (&self.client, &self.settings.bucket);
        let stands = self.hold.stands(client, bucket, received_at.unix());
        if !stands.await.map_err(|failure| self.fell(&failure))? {
            self.foreign.store(true, Ordering::Relaxed);
            return Err(self.unavailable(claim::COPIED));
        }
        let stored = self.store(known, received_at, observations).await;
        stored.map_err(|failure| self.fell(&failure))
    }

    /// Makes sure that what is read is all there is.
    async fn readable(&self) -> Result<Arc<Ends>, StoreError> {
        self.sound()?;
        if let Some(cause) = self.trouble().clone() {
            return Err(self.unavailable(&cause));
        }
        let waiting = match self.access {
            Access::Write => self.spool.load(),
            Access::Read => self.spool.recount()?,
        };
        if waiting.batches > 0 && self.access == Access::Read {
            let cause = format!(
                "{} batches wait in the spool of the data directory; ask again when the daemon has brought them there",
                waiting.batches
            );
            return Err(self.unavailable(&cause));
        }
        if waiting.batches > 0 || !self.learned.load(Ordering::Acquire) {
            let mut known = self.known.lock().await;
            self.resume(&mut known).await?;
        }
        Ok(self.ends())
    }

    async fn column(
        &self,
        key: &SeriesKey,
        range: Range,
        receipts: bool,
    ) -> Result<Vec<(Instant, Reading)>, StoreError> {
        let ends = self.readable().await?;
        let Some(ends) = ends.get(key).copied() else {
            return Ok(Vec::new());
        };
        let bucket = self.settings.bucket.as_str();
        let column = ColumnOf {
            client: &self.client,
            bucket,
            key,
            ends,
        };
        let read = column.read(range, receipts).await;
        read.map_err(|failure| self.unavailable(failure.text()))
    }

    async fn replaced(&self, query: ReplacedQuery) -> Result<Vec<Replaced>, StoreError> {
        let ends = self.readable().await?;
        let read = read_replaced(&self.client, &self.settings.bucket, &query, &ends);
        let read = read.await;
        read.map_err(|failure| self.unavailable(failure.text()))
    }
}

/// What is told of a batch that waits: every value may change a figure, and none is counted yet.
fn spooled(observations: &[Observation]) -> Stored {
    let mut stored = Stored::default();
    let touched = observations
        .iter()
        .map(|one| (one.key.source.clone(), one.reading.time));
    stored.appended.touched = touched.collect();
    stored.appended.touched.sort_unstable();
    stored.appended.touched.dedup();
    stored
}

fn plain(column: Vec<(Instant, Reading)>) -> Vec<Reading> {
    column.into_iter().map(|(_, reading)| reading).collect()
}

impl Series for Influx {
    fn append(&self, batch: Batch) -> Answer<'_, Appended> {
        Box::pin(self.core.append(batch))
    }

    fn delete(&self, order: Deletion) -> Answer<'_, Deleted> {
        Box::pin(self.core.delete(order))
    }

    fn deletions(&self) -> Answer<'_, Vec<Deletion>> {
        self.core.base.deletions()
    }

    fn keys(&self) -> Answer<'_, Vec<SeriesKey>> {
        Box::pin(async {
            let ends = self.core.readable().await?;
            Ok(ends.keys().cloned().collect())
        })
    }

    fn column<'a>(&'a self, key: &'a SeriesKey, range: Range) -> Answer<'a, Vec<Reading>> {
        Box::pin(async move { Ok(plain(self.core.column(key, range, false).await?)) })
    }

    fn received<'a>(
        &'a self,
        key: &'a SeriesKey,
        range: Range,
    ) -> Answer<'a, Vec<(Instant, Reading)>> {
        Box::pin(self.core.column(key, range, true))
    }

    fn replaced(&self, query: ReplacedQuery) -> Answer<'_, Vec<Replaced>> {
        Box::pin(self.core.replaced(query))
    }

    fn scan<'a>(&'a self, keys: &'a [SeriesKey], range: Range, mut visit: Visit) -> Answer<'a, ()> {
        Box::pin(async move {
            for (at, key) in keys.iter().enumerate() {
                let readings = plain(self.core.column(key, range, false).await?);
                let numbers = Numbers::of(readings.iter());
                visit(at, numbers.strip());
            }
            Ok(())
        })
    }
}

impl Verify for Influx {
    /// Checks the embedded store and the spool, and reads every column of the bucket.
    fn verify(&self) -> Answer<'_, Verified> {
        Box::pin(async {
            let core = &self.core;
            let mut verified = core.base.verify().await?;
            if verified.fault.is_some() {
                return Ok(verified);
            }
            let spooled = match core.spool.verify() {
                Ok(spooled) => spooled,
                Err(error) => {
                    verified.fault = Some(error.to_string());
                    return Ok(verified);
                }
            };
            let mut readings = 0;
            for key in core.readable().await?.keys() {
                readings += core.column(key, Range::ALL, true).await?.len() as u64;
            }
            verified.counted.retain(|(what, _)| *what != "readings");
            verified.counted.insert(0, ("readings", readings));
            verified.counted.push(("batches in the spool", spooled));
            Ok(verified)
        })
    }
}
