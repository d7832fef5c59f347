//! What the flows ask of a backend, and what every backend must promise.
//!
//! A store is durable when its future resolves: readings handed to [`Series::append`] are on disk by then.
//! Every backend passes the one suite in `tests/it/store_contract.rs`.

use std::future::Future;
use std::pin::Pin;

use crate::domain::calendar::Instant;
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
use crate::domain::reading::Observation;
use crate::domain::reading::Pick;
use crate::domain::reading::Reading;
use crate::domain::reading::Replaced;
use crate::domain::reading::SeriesKey;
use crate::domain::registry::Registry;
use crate::domain::retention::Gone;
use crate::domain::review::Decision;
use crate::domain::strip::Strip;

/// The answer of an object-safe asynchronous method.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why a store could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No space left. Nothing of the batch was kept; trying again later may succeed.
    #[error("write to {place}: no space left")]
    Full {
        /// File or address.
        place: String,
    },
    /// A write or sync failed. The store refuses all further work; the process must end.
    #[error("write to {place}: {cause}; the store is closed to protect what it holds")]
    Poisoned {
        /// File or address.
        place: String,
        /// What the system said.
        cause: String,
    },
    /// An entry that could not be read back once it was written. Nothing of the batch was kept.
    #[error("entry {number} of those to make: {fault}; nothing was entered")]
    Unreadable {
        /// Which of them, from 1.
        number: usize,
        /// What is wrong with it.
        fault: String,
    },
    /// What was read back is not what was written.
    #[error("read {place}: {fault}; restore a backup or run `skytier verify`")]
    Damaged {
        /// File, table and row.
        place: String,
        /// What is wrong there.
        fault: String,
    },
    /// The data were written by a newer version.
    #[error("open {place}: its format {found} is newer than {known}; use a newer skytier")]
    Newer {
        /// File.
        place: String,
        /// Format version found.
        found: u32,
        /// Newest version this program knows.
        known: u32,
    },
    /// The data were written by an older version whose format is no longer read.
    #[error(
        "open {place}: its format {found} is older than {known} and no longer read; export the readings with the \
         skytier that wrote it, or use a new data directory"
    )]
    Older {
        /// File.
        place: String,
        /// Format version found.
        found: u32,
        /// The format this program reads.
        known: u32,
    },
    /// Figures are asked as known at a time of which the replaced values were removed by age.
    #[error(
        "what counted before {from} is no longer known: values replaced by then were removed by age"
    )]
    Forgotten {
        /// From when on it is known.
        from: String,
    },
    /// The store cannot be reached or opened.
    #[error("open {place}: {cause}")]
    Unavailable {
        /// File or address.
        place: String,
        /// What the system said.
        cause: String,
    },
}

/// How things stand with a kept message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LetterState {
    /// Its source is not registered; it is admitted by itself as soon as it is.
    Quarantined,
    /// It cannot be used as it is; a person may look at it and have it tried again.
    Dead,
    /// Its readings were stored in the end.
    Admitted,
}

impl LetterState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Quarantined, Self::Dead, Self::Admitted];

    /// The text stored and printed.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::Dead => "dead",
            Self::Admitted => "admitted",
        }
    }

    /// From the text.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.key() == key)
    }
}

/// A message that could not be used when it came, kept whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// When it arrived.
    pub received_at: Instant,
    /// Who handed it in.
    pub origin: String,
    /// Its topic.
    pub topic: String,
    /// Whose topic that is.
    pub source: Source,
    /// Its bytes.
    pub payload: Vec<u8>,
    /// How it stood on arrival.
    pub state: LetterState,
    /// Why it could not be used.
    pub reason: String,
}

/// What a later try made of a kept message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retried {
    /// The message's number.
    pub letter: u64,
    /// When it was tried.
    pub at: Instant,
    /// How it stands from then on.
    pub state: LetterState,
    /// Why.
    pub reason: String,
}

/// A kept message with all that happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number, in the order of arrival, from 1.
    pub id: u64,
    /// The message.
    pub letter: DeadLetter,
    /// Later tries, in order.
    pub tries: Vec<Retried>,
}

impl Kept {
    /// How it stands now.
    pub fn state(&self) -> LetterState {
        self.tries
            .last()
            .map_or(self.letter.state, |last| last.state)
    }

    /// Why it stands as it does now.
    pub fn reason(&self) -> &str {
        self.tries
            .last()
            .map_or(&self.letter.reason, |last| &last.reason)
    }
}

/// Which kept messages are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterQuery {
    /// Those with greater numbers.
    pub after: u64,
    /// At most this many.
    pub limit: usize,
    /// Those that stand so now.
    pub state: Option<LetterState>,
    /// Those of one source.
    pub source: Option<Source>,
}

/// Which values that were replaced are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacedQuery {
    /// Those of this source.
    pub source: SourceId,
    /// Those of readings whose time lies in it, at most so many. Whatever was known when is passed over.
    pub range: Range,
    /// Which of them where there are more.
    pub pick: Pick,
}

/// What one commit makes durable.
#[derive(Clone, Debug)]
pub struct Batch {
    /// When it was received, by our clock; the time corrections are dated by.
    pub received_at: Instant,
    /// Values in the order they arrived; a later one of the same identity corrects an earlier one.
    pub observations: Vec<Observation>,
    /// Messages that cannot be used now.
    pub dead_letters: Vec<DeadLetter>,
    /// Messages kept earlier and tried again, whose readings, if any, are among the observations.
    pub retried: Vec<Retried>,
}

impl Batch {
    /// An empty batch.
    pub fn new(received_at: Instant) -> Self {
        Self {
            received_at,
            observations: Vec::new(),
            dead_letters: Vec::new(),
            retried: Vec::new(),
        }
    }
}

/// What an append did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Values of an identity not seen before.
    pub new: u64,
    /// Values equal to what was already there.
    pub repeated: u64,
    /// Values that replaced another; the old one is kept as a revision.
    pub corrected: u64,
    /// Source and time of every value that is new or corrected, each once.
    pub touched: Vec<(SourceId, Instant)>,
}

/// Readings that one order may take out.
pub const DELETED_MAX: usize = 200_000;

/// What an order to take readings out did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// They are gone, and the order is kept.
    Done {
        /// The order's number, counted from 1.
        number: u64,
        /// Readings taken out.
        readings: u64,
        /// Source and time of each of them, each once.
        touched: Vec<(SourceId, Instant)>,
    },
    /// It meant more than [`DELETED_MAX`] readings: nothing was done.
    TooMany,
    /// It meant no reading: nothing was done.
    Nothing,
}

/// Which part of a column is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Times after this one.
    pub after: Instant,
    /// Up to and including this one.
    pub upto: Instant,
    /// As known at this moment; `None` is now.
    pub known_at: Option<Instant>,
    /// At most this many readings.
    pub limit: usize,
}

impl Range {
    /// The whole column as known now.
    pub const ALL: Self = Self {
        after: Instant::from_unix(i64::MIN),
        upto: Instant::from_unix(i64::MAX),
        known_at: None,
        limit: usize::MAX,
    };
}

/// What a check of everything stored found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// What was counted: `(what, how many)`.
    pub counted: Vec<(&'static str, u64)>,
    /// The first fault, naming file, row and remedy; `None` when all is well.
    pub fault: Option<String>,
}

/// What a scan hands its strips to: the column's position among those asked for, and the strip.
pub type Visit = Box<dyn FnMut(usize, Strip<'_>) + Send>;

/// The time-series store.
pub trait Series: Send + Sync {
    /// Makes the batch durable as one unit. Applying it again changes nothing.
    fn append(&self, batch: Batch) -> Answer<'_, Appended>;
    /// Takes readings out as one unit and keeps the order. They count no longer from the moment it was given; as
    /// known before, they do. The same value again is a repetition of what was taken out and changes nothing;
    /// another value counts.
    fn delete(&self, order: Deletion) -> Answer<'_, Deleted>;
    /// All orders to take readings out, in the order they were given; the first has number 1.
    fn deletions(&self) -> Answer<'_, Vec<Deletion>>;
    /// Every series that holds a reading, in key order.
    fn keys(&self) -> Answer<'_, Vec<SeriesKey>>;
    /// Readings of one series in time order.
    fn column<'a>(&'a self, key: &'a SeriesKey, range: Range) -> Answer<'a, Vec<Reading>>;
    /// As [`Self::column`], each reading after the moment it was received.
    fn received<'a>(
        &'a self,
        key: &'a SeriesKey,
        range: Range,
    ) -> Answer<'a, Vec<(Instant, Reading)>>;
    /// Values of a source that others replaced or an order took out, in the order of [`Picked::into_rows`].
    ///
    /// [`Picked::into_rows`]: crate::domain::reading::Picked::into_rows
    fn replaced(&self, query: ReplacedQuery) -> Answer<'_, Vec<Replaced>>;
    /// Hands on whole columns as bare numbers: one column after the other in the order asked for, each strip after
    /// strip in time order, together what [`Self::column`] gives of it. The limit holds for each column. After an
    /// error part of it was handed on.
    fn scan<'a>(&'a self, keys: &'a [SeriesKey], range: Range, visit: Visit) -> Answer<'a, ()>;
}

/// The messages that could not be used when they came. [`Series::append`] adds to them.
pub trait Letters: Send + Sync {
    /// Kept messages, oldest first.
    fn letters(&self, query: LetterQuery) -> Answer<'_, Vec<Kept>>;
    /// How many stand in each state, by source; in the order of both.
    fn letter_counts(&self) -> Answer<'_, Vec<(Source, LetterState, u64)>>;
    /// How many stand so; of those that stand otherwise nothing is read.
    fn letter_count(&self, state: LetterState) -> Answer<'_, u64>;
}

/// The store of what is registered.
pub trait Registrar: Send + Sync {
    /// Everything registered.
    fn registry(&self) -> Answer<'_, Registry>;
    /// Merges entries in, replacing those of the same identity.
    fn register(&self, entries: Registry) -> Answer<'_, ()>;
    /// A note kept under a name, such as which seed was loaded.
    fn mark<'a>(&'a self, name: &'a str) -> Answer<'a, Option<String>>;
    /// Keeps a note under a name.
    fn set_mark<'a>(&'a self, name: &'a str, value: &'a str) -> Answer<'a, ()>;
}

/// An entry of the ledger where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// SHA-256 over the row before, the number and the line: it stands for all entries so far.
    pub hash: [u8; 32],
    /// The entry.
    pub event: CreditEvent,
}

/// The append-only ledger of legal documents.
pub trait Ledger: Send + Sync {
    /// Appends events in order as one unit; returns the count of entries the ledger holds after.
    fn append_events(&self, events: Vec<CreditEvent>) -> Answer<'_, u64>;
    /// All events, in the order they were appended.
    fn events(&self) -> Answer<'_, Vec<CreditEvent>>;
    /// The rows behind a number, in order.
    fn rows(&self, after: u64) -> Answer<'_, Vec<LedgerRow>>;
}

/// The append-only list of look-ups of tiers.
pub trait Lookups: Send + Sync {
    /// Appends look-ups in order as one unit; the number of the last, counted from 1.
    fn note(&self, lookups: Vec<Lookup>) -> Answer<'_, u64>;
    /// The look-up of that identifier with its number; of several the first.
    fn lookup<'a>(&'a self, id: &'a str) -> Answer<'a, Option<(u64, Lookup)>>;
    /// The look-ups that are wanted, in order with their numbers.
    fn lookups(&self, wanted: Wanted) -> Answer<'_, Vec<(u64, Lookup)>>;
    /// Appends a time stamp of a look-up; how many stamps there are then.
    fn keep_stamp(&self, stamp: Stamp) -> Answer<'_, u64>;
    /// The stamp of the look-up of that identifier; of several the first.
    fn stamp<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Stamp>>;
}

/// Figures that were published, each issue remembered for ever.
pub trait Publications: Send + Sync {
    /// Remembers issues in order as one unit; returns the number of the last, counted from 1.
    fn remember(&self, issues: Vec<Issue>) -> Answer<'_, u64>;
    /// All issues with their numbers, in the order they were remembered.
    fn issues(&self) -> Answer<'_, Vec<(u64, Issue)>>;
}

/// The append-only list of what reviewers decided about readings.
pub trait Reviews: Send + Sync {
    /// Appends decisions in order as one unit; the number of the last.
    fn decide(&self, decisions: Vec<Decision>) -> Answer<'_, u64>;
    /// All decisions in the order they were appended; the first has number 1.
    fn decisions(&self) -> Answer<'_, Vec<Decision>>;
}

/// What of presence is kept at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attended {
    /// Spells that began, lasted on or ended.
    pub spells: Vec<Spell>,
    /// Ways by which sources were heard.
    pub ways: Vec<Way>,
}

/// Who was there, and when.
pub trait Attendance: Send + Sync {
    /// Keeps spells and ways as one unit, in the place of those of the same party and beginning, or source and link.
    fn attend(&self, attended: Attended) -> Answer<'_, ()>;
    /// The spells of the daemon, of its links and of one source, in the order of party and beginning.
    fn spells<'a>(&'a self, source: &'a Source) -> Answer<'a, Vec<Spell>>;
    /// The spells that last on, in the same order.
    fn open_spells(&self) -> Answer<'_, Vec<Spell>>;
    /// Every way, in the order of source and link.
    fn ways(&self) -> Answer<'_, Vec<Way>>;
    /// Stretches of a source whose readings were removed by age; none where nothing is removed.
    fn gone<'a>(&'a self, source: &'a SourceId) -> Answer<'a, Vec<Gone>>;
}

/// Checks everything a store holds.
pub trait Verify: Send + Sync {
    /// Reads all of it and compares with the stored checksums and links.
    fn verify(&self) -> Answer<'_, Verified>;
}
