//! The durable default: one SQLite file, one writer thread, any number of readers.
//!
//! Commits use `synchronous=FULL` in WAL mode, so a resolved future means the data were synced. Steps of merging are
//! synced with the commit after them, and a thread of its own moves the log into the database (module `checkpoint`). What waits
//! while one commit is under way goes into the next together (natural batching). A failed write other than a
//! full disk poisons the store: nothing is tried again on the same file.
//!
//! Readings are first one row a commit in table `wal`, and in memory (module `index`); later, in steps between
//! commits, they are merged into compressed blocks (module `block`) of a series and a day, or 60 days. A reader takes
//! blocks and what waits from one snapshot, so it sees every commit at once and whole.

mod append;
mod beside;
mod block;
mod bytes;
pub(crate) mod chain;
mod checkpoint;
pub mod copy;
pub mod counts;
pub mod cut;
mod delete;
mod index;
mod letters;
pub mod lock;
mod merge;
mod pack;
mod presence;
mod readings;
mod registry;
pub mod retention;
mod rows;
mod scan;
mod schema;
pub mod tuning;
mod verify;
mod wal;
mod writer;

use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use crate::adapters::store::embedded::chain::DELETIONS;
use crate::adapters::store::embedded::chain::LEDGER;
use crate::adapters::store::embedded::chain::LOOKUPS;
use crate::adapters::store::embedded::chain::PUBLICATIONS;
use crate::adapters::store::embedded::chain::REVIEWS;
use crate::adapters::store::embedded::chain::STAMPS;
use crate::adapters::store::embedded::checkpoint::Checkpoints;
use crate::adapters::store::embedded::lock::lock;
use crate::adapters::store::embedded::readings::Waiting;
use crate::adapters::store::embedded::scan::Scan;
use crate::adapters::store::embedded::tuning::Tuning;
use crate::adapters::store::embedded::writer::Task;
use crate::adapters::store::embedded::writer::Writer;
use crate::adapters::store::legible;
use crate::adapters::store::reading;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::lookup::Lookup;
use crate::domain::credit::lookup::Stamp;
use crate::domain::credit::lookup::Wanted;
use crate::domain::deletion::Deletion;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::presence::Spell;
use crate::domain::presence::Way;
use crate::domain::publication::Issue;
use crate::domain::reading::Reading;
use crate::domain::reading::Replaced;
use crate::domain::reading::SeriesKey;
use crate::domain::registry::Registry;
use crate::domain::retention::Gone;
use crate::domain::review::Decision;
use crate::ports::Answer;
use crate::ports::Appended;
use crate::ports::Attendance;
use crate::ports::Attended;
use crate::ports::Batch;
use crate::ports::Deleted;
use crate::ports::Kept;
use crate::ports::Ledger;
use crate::ports::LedgerRow;
use crate::ports::LetterQuery;
use crate::ports::LetterState;
use crate::ports::Letters;
use crate::ports::Lookups;
use crate::ports::Publications;
use crate::ports::Range;
use crate::ports::Registrar;
use crate::ports::ReplacedQuery;
use crate::ports::Reviews;
use crate::ports::Series;
use crate::ports::StoreError;
use crate::ports::Verified;
use crate::ports::Verify;
use crate::ports::Visit;

/// The database inside the data directory.
const DATABASE: &str = "skytier.db";
/// The database's name and format.
pub const FILE_FORMAT: (&str, u32) = (DATABASE, schema::FORMAT);
/// Tasks that may wait for the writer.
const TASKS_MAX: usize = 64;

/// Whether the store may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Creates the directory if need be and holds its lock.
    Write,
    /// Reads beside a running daemon.
    Read,
}

/// The embedded store of one data directory.
pub struct Embedded {
    tasks: Option<mpsc::Sender<Task>>,
    writer: Option<JoinHandle<()>>,
    readers: Arc<Readers>,
    /// Held for its lock; released when the store is dropped.
    _lock: Option<File>,
}

impl Embedded {
    /// Opens the data directory.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be opened, is missing (for reading) or another process
    /// writes it; [`StoreError::Newer`] and [`StoreError::Damaged`] as they say.
    pub fn open(directory: &Path, access: Access) -> Result<Self, StoreError> {
        Self::open_tuned(directory, access, Tuning::default())
    }

    /// Opens the data directory with limits of one's own.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_tuned(
        directory: &Path,
        access: Access,
        tuning: Tuning,
    ) -> Result<Self, StoreError> {
        let path = directory.join(DATABASE);
        let readers = Arc::new(Readers {
            path: path.clone(),
            waiting: Arc::new(Waiting {
                index: RwLock::default(),
                follows: access == Access::Read,
            }),
            idle: Mutex::new(Vec::new()),
        });
        if access == Access::Read {
            if !path.is_file() {
                let cause = "no such data directory; run `skytier seed` or `skytier demo` first";
                return Err(unavailable(&path, cause));
            }
            cut::keep(directory)?;
            let connection = readers.connect()?;
            schema::check_for_reading(&connection, &path)?;
            return Ok(Self {
                tasks: None,
                writer: None,
                readers,
                _lock: None,
            });
        }
        std::fs::create_dir_all(directory).map_err(|cause| unavailable(directory, cause))?;
        let cut = cut::keep(directory)?;
        let lock = lock(directory)?;
        let connection = schema::open_for_writing(&path)?;
        if cut {
            // What is behind the cut must not be met again once the log has grown beyond it.
            let begun = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            begun.map_err(|cause| unavailable(&path, cause))?;
        }
        let (tasks, queue) = mpsc::channel(TASKS_MAX);
        let place = path.display().to_string();
        let waiting = Arc::clone(&readers.waiting);
        let own = reading::connect(&path).map_err(|cause| unavailable(&path, cause))?;
        let packer = pack::start(own, Arc::clone(&waiting));
        let packer = packer.map_err(|cause| unavailable(&path, cause))?;
        let own = schema::connect_for_checkpoints(&path);
        let checkpoints = Checkpoints::start(own.map_err(|cause| unavailable(&path, cause))?);
        let checkpoints = checkpoints.map_err(|cause| unavailable(&path, cause))?;
        let beside = (waiting, packer, checkpoints);
        let writer = Writer::open(connection, place.clone(), beside, tuning)
            .map_err(|fault| fault.store_error(&place, false))?;
        let writer = std::thread::Builder::new()
            .name("skytier-store".to_owned())
            .spawn(move || writer.run(queue))
            .map_err(|cause| unavailable(&path, cause))?;
        Ok(Self {
            tasks: Some(tasks),
            writer: Some(writer),
            readers,
            _lock: Some(lock),
        })
    }

    /// Merges everything that waits into blocks, rather than in its own time.
    ///
    /// # Errors
    /// Those of a write.
    pub async fn merge(&self) -> Result<(), StoreError> {
        self.submit(|answer| Task::Merge { answer }).await
    }

    /// Whether a reading was ever kept in it.
    ///
    /// # Errors
    /// Those of the store.
    pub fn holds_readings(&self) -> Result<bool, StoreError> {
        Ok(!self.readers.with(readings::keys)?.is_empty())
    }

    /// A note kept under a name, read at once.
    ///
    /// # Errors
    /// Those of the store.
    pub fn mark_now(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.readers
            .with(|connection| registry::mark(connection, name))
    }

    /// The last moment at which a daemon noted who was there.
    ///
    /// # Errors
    /// Those of the store.
    pub fn newest_beat(&self) -> Result<Option<Instant>, StoreError> {
        self.readers.with(presence::newest)
    }

    async fn submit<T>(
        &self,
        task: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Task,
    ) -> Result<T, StoreError> {
        let Some(tasks) = &self.tasks else {
            return Err(unavailable(&self.readers.path, "opened for reading only"));
        };
        let (answer, result) = oneshot::channel();
        let stopped = || StoreError::Poisoned {
            place: self.readers.path.display().to_string(),
            cause: "the writer has stopped".to_owned(),
        };
        tasks.send(task(answer)).await.map_err(|_| stopped())?;
        result.await.map_err(|_| stopped())?
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        let job = tokio::task::spawn_blocking(move || readers.with(query));
        job.await
            .map_err(|cause| unavailable(&self.readers.path, cause))?
    }
}

impl Drop for Embedded {
    /// Waits until what was taken is written and merged, so that whoever opens the directory next is alone.
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has told whoever waited; there is nobody else to tell.
            drop(writer.join());
        }
    }
}

/// What can go wrong inside a query.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database said so.
    Sql(rusqlite::Error),
    /// A row does not hold what it must.
    Row(String),
    /// What counted before that moment is no longer known.
    Forgotten(Instant),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Fault {
    /// As the port's error. `writing` decides what an unexpected failure means: on a write it poisons.
    pub(crate) fn store_error(self, place: &str, writing: bool) -> StoreError {
        let place = place.to_owned();
        let error = match self {
            Self::Row(fault) => return StoreError::Damaged { place, fault },
            Self::Forgotten(from) => {
                let from = Zone::beijing().text(from);
                return StoreError::Forgotten { from };
            }
            Self::Sql(error) => error,
        };
        let cause = error.to_string();
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => StoreError::Full { place },
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                StoreError::Damaged {
                    place,
                    fault: cause,
                }
            }
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::CannotOpen) => {
                StoreError::Unavailable { place, cause }
            }
            _ if writing => StoreError::Poisoned { place, cause },
            _ => StoreError::Unavailable { place, cause },
        }
    }
}

fn unavailable(place: &Path, cause: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable {
        place: place.display().to_string(),
        cause: cause.to_string(),
    }
}

/// Connections for reading, opened as needed and kept.
struct Readers {
    path: PathBuf,
    waiting: Arc<Waiting>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    fn connect(&self) -> Result<Connection, StoreError> {
        let place = self.path.display().to_string();
        let connection = reading::connect(&self.path);
        connection.map_err(|error| Fault::Sql(error).store_error(&place, false))
    }

    fn with<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let place = self.path.display().to_string();
        let result = query(&connection).map_err(|fault| fault.store_error(&place, false));
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
        result
    }
}

impl Series for Embedded {
    fn append(&self, batch: Batch) -> Answer<'_, Appended> {
        Box::pin(self.submit(|answer| Task::Append { batch, answer }))
    }

    fn delete(&self, order: Deletion) -> Answer<'_, Deleted> {
        Box::pin(self.submit(|answer| Task::Delete { order, answer }))
    }

    fn deletions(&self) -> Answer<'_, Vec<Deletion>> {
        Box::pin(self.read(|connection| DELETIONS.all(connection)))
    }

    fn keys(&self) -> Answer<'_, Vec<SeriesKey>> {
        Box::pin(self.read(readings::keys))
    }

    fn column<'a>(&'a self, key: &'a SeriesKey, range: Range) -> Answer<'a, Vec<Reading>> {
        let key = key.clone();
        let waiting = Arc::clone(&self.readers.waiting);
        Box::pin(self.read(move |connection| {
            readings::column(connection, &waiting, &key, range, |_, reading| reading)
        }))
    }

    fn received<'a>(
        &'a self,
        key: &'a SeriesKey,
        range: Range,
    ) -> Answer<'a, Vec<(Instant, Reading)>> {
        let key = key.clone();
        let waiting = Arc::clone(&self.readers.waiting);
        Box::pin(self.read(move |connection| {
            readings::column(connection, &waiting, &key, range, |at, reading| {
                (at, reading)
            })
        }))
    }

    fn replaced(&self, query: ReplacedQuery) -> Answer<'_, Vec<Replaced>> {
        Box::pin(self.read(move |connection| readings::replaced_of(connection, &query)))
    }

    fn scan<'a>(&'a self, keys: &'a [SeriesKey], range: Range, mut visit: Visit) -> Answer<'a, ()> {
        let keys = keys.to_vec();
        let waiting = Arc::clone(&self.readers.waiting);
        Box::pin(self.read(move |connection| {
            let mut scan = Scan::new(connection, &waiting, range);
            for (at, key) in keys.iter().enumerate() {
                scan.column(key, &mut |strip| visit(at, strip))?;
            }
            Ok(())
        }))
    }
}

impl Letters for Embedded {
    fn letters(&self, query: LetterQuery) -> Answer<'_, Vec<Kept>> {
        Box::pin(self.read(move |connection| letters::letters(connection, &query)))
    }

    fn letter_counts(&self) -> Answer<'_, Vec<(Source, LetterState, u64)>> {
        Box::pin(self.read(letters::counts))
    }

    fn letter_count(&self, state: LetterState) -> Answer<'_, u64> {
        Box::pin(self.read(move |connection| letters::count(connection, state)))
    }
}

impl Registrar for Embedded {
    fn registry(&self) -> Answer<'_, Registry> {
        Box::pin(self.read(registry::load))
    }

    fn register(&self, entries: Registry) -> Answer<'_, ()> {
        let entries = Box::new(entries);
        Box::pin(self.submit(|answer| Task::Register { entries, answer }))
    }

    fn mark<'a>(&'a self, name: &'a str) -> Answer<'a, Option<String>> {
        let name = name.to_owned();
        Box::pin(self.read(move |connection| registry::mark(connection, &name)))
    }

    fn set_mark<'a>(&'a self, name: &'a str, value: &'a str) -> Answer<'a, ()> {
        let (name, value) = (name.to_owned(), value.to_owned());
        Box::pin(self.submit(|answer| Task::Mark {
            name,
            value,
            answer,
        }))
    }
}

impl Ledger for Embedded {
    fn append_events(&self, events: Vec<CreditEvent>) -> Answer<'_, u64> {
        Box::pin(async {
            legible(&events)?;
            self.submit(|answer| Task::Ledger { events, answer }).await
        })
    }

    fn events(&self) -> Answer<'_, Vec<CreditEvent>> {
        Box::pin(self.read(|connection| LEDGER.all(connection)))
    }

    fn rows(&self, after: u64) -> Answer<'_, Vec<LedgerRow>> {
        let row = |(seq, hash, event)| LedgerRow { seq, hash, event };
        Box::pin(self.read(move |connection| {
            let rows = LEDGER.after(connection, after)?;
            Ok(rows.into_iter().map(row).collect())
        }))
    }
}

impl Publications for Embedded {
    fn remember(&self, issues: Vec<Issue>) -> Answer<'_, u64> {
        Box::pin(self.submit(|answer| Task::Publish { issues, answer }))
    }

    fn issues(&self) -> Answer<'_, Vec<(u64, Issue)>> {
        Box::pin(self.read(|connection| PUBLICATIONS.entries(connection)))
    }
}

impl Reviews for Embedded {
    fn decide(&self, decisions: Vec<Decision>) -> Answer<'_, u64> {
        Box::pin(self.submit(|answer| Task::Review { decisions, answer }))
    }

    fn decisions(&self) -> Answer<'_, Vec<Decision>> {
        Box::pin(self.read(|connection| REVIEWS.all(connection)))
    }
}

impl Lookups for Embedded {
    fn note(&self, lookups: Vec<Lookup>) -> Answer<'_, u64> {
        Box::pin(self.submit(|answer| Task::Lookup { lookups, answer }))
    }

    fn lookup<'a>(&'a self, id: &'a str) -> Answer<'a, Option<(u64, Lookup)>> {
        let id = id.to_owned();
        Box::pin(self.read(move |connection| LOOKUPS.find(connection, &id)))
    }

    fn lookups(&self, wanted: Wanted) -> Answer<'_, Vec<(u64, Lookup)>> {
        Box::pin(self.read(move |connection| {
            LOOKUPS.some(connection, wanted.after, wanted.limit, |lookup| {
                wanted.has(lookup)
            })
        }))
    }

    fn keep_stamp(&self, stamp: Stamp) -> Answer<'_, u64> {
        let stamps = vec![stamp];
        Box::pin(self.submit(|answer| Task::Stamp { stamps, answer }))
    }

    fn stamp<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Stamp>> {
        let id = id.to_owned();
        Box::pin(
            self.read(move |connection| Ok(STAMPS.find(connection, &id)?.map(|(_, stamp)| stamp))),
        )
    }
}

impl Attendance for Embedded {
    fn attend(&self, attended: Attended) -> Answer<'_, ()> {
        Box::pin(self.submit(|answer| Task::Attend { attended, answer }))
    }

    fn spells<'a>(&'a self, source: &'a Source) -> Answer<'a, Vec<Spell>> {
        let source = source.to_string();
        Box::pin(self.read(move |connection| presence::spells(connection, &source)))
    }

    fn open_spells(&self) -> Answer<'_, Vec<Spell>> {
        Box::pin(self.read(presence::open_spells))
    }

    fn ways(&self) -> Answer<'_, Vec<Way>> {
        Box::pin(self.read(presence::ways))
    }

    fn gone<'a>(&'a self, source: &'a SourceId) -> Answer<'a, Vec<Gone>> {
        let source = source.clone();
        Box::pin(self.read(move |connection| retention::gone(connection, &source)))
    }
}

impl Verify for Embedded {
    fn verify(&self) -> Answer<'_, Verified> {
        let place = self.readers.path.display().to_string();
        Box::pin(self.read(move |connection| verify::verify(connection, &place)))
    }
}
