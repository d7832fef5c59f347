//! Admission: every message becomes readings or a kept letter, durably, before anybody acknowledges it.
//!
//! A message of a source that is not registered goes into quarantine and is admitted once the source is. Until
//! the last of them is, whatever else the source sends goes there too, so that its messages count in the order
//! they came. What a broker had kept for whoever asks counts only where nothing is stored.

mod retained;
mod retry;
mod series;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::sync::Notify;

use crate::domain::calendar::Instant;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::domain::reading::Observation;
use crate::domain::reading::Qc;
use crate::domain::registry::senders::Senders;
use crate::flow::directory::Directory;
use crate::flow::ingest::retained::Ahead;
use crate::flow::ingest::series::Known;
use crate::flow::ingest::series::TOO_MANY;
use crate::flow::locked::locked;
use crate::flow::measure::AGE;
use crate::flow::measure::Histogram;
use crate::flow::measure::SECOND;
use crate::flow::measure::Tally;
use crate::flow::measure::WORK;
use crate::ports::Appended;
use crate::ports::Batch;
use crate::ports::DeadLetter;
use crate::ports::LetterState;
use crate::ports::Letters;
use crate::ports::Retried;
use crate::ports::Series;
use crate::ports::StoreError;

pub use crate::flow::ingest::retry::Choice;
pub use crate::flow::ingest::retry::Tried;

/// The word for times without offset.
const NO_ZONE: &str = "no_zone";
/// The word for messages that a broker had kept and that wait to be compared with what is stored.
const RETAINED: &str = "retained";
/// The word for messages of which a part could not be read.
const PARTLY: &str = "partly";

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Values.
    Readings(Vec<Observation>),
    /// Values, and beside them something that could not be read, in words: the message is kept too.
    Partly(Vec<Observation>, String),
    /// Times without offset, and no zone is registered for the source; the text says where.
    NoZone(String),
    /// Nothing that can be used: in a word for counts, and why.
    Unusable(&'static str, String),
}

/// A topic and bytes, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// The topic takes no readings.
    Astray,
    /// The source says that it is connected, or gone.
    Status(Source, bool),
    /// Readings, or what should have been some.
    Message(Source, Content),
}

/// Reads a topic and bytes against what is registered; stamps are judged against the time of receipt.
pub type Reader = Box<dyn Fn(&str, &[u8], &Senders, Instant) -> Read + Send + Sync>;

/// Hears of values that are new or corrected.
pub type Touch = Box<dyn Fn(&[(SourceId, Instant)]) + Send + Sync>;

/// A message after reading.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Who handed it in.
    pub origin: String,
    /// Its topic.
    pub topic: String,
    /// Its bytes, for the case that they must be kept.
    pub payload: Bytes,
    /// Whose topic it is.
    pub source: Source,
    /// What it says.
    pub content: Content,
    /// Whether a broker had kept it for whoever asks, so that it may be older than what came before it.
    pub retained: bool,
}

/// Verdicts on readings, in the order of [`IngestCounters::judged`].
pub const VERDICTS: [Qc; 4] = [Qc::Passed, Qc::Clock, Qc::Negative, Qc::Range];

/// Counts since the start.
#[derive(Debug)]
pub struct IngestCounters {
    /// Values of a new identity.
    pub new: AtomicU64,
    /// Values seen before.
    pub repeated: AtomicU64,
    /// Values that replaced another.
    pub corrected: AtomicU64,
    /// Values that a broker had kept, left out as others stand in their place.
    pub left_out: AtomicU64,
    /// Messages kept as dead letters.
    pub dead_letters: AtomicU64,
    /// Messages kept until their source is registered.
    pub quarantined: AtomicU64,
    /// Messages kept earlier whose readings were stored in the end.
    pub admitted: AtomicU64,
    /// Commits.
    pub commits: AtomicU64,
    /// Values handed in and kept, repeated ones too, by verdict as in [`VERDICTS`].
    pub judged: [AtomicU64; VERDICTS.len()],
    /// Messages kept as letters, by state and reason.
    pub letters: Tally,
    /// How old new and corrected values were when they were stored, one for each source and time of a commit.
    pub age: Histogram,
    /// How long commits took, with waiting for room.
    pub latency: Histogram,
}

impl Default for IngestCounters {
    fn default() -> Self {
        Self {
            new: AtomicU64::default(),
            repeated: AtomicU64::default(),
            corrected: AtomicU64::default(),
            left_out: AtomicU64::default(),
            dead_letters: AtomicU64::default(),
            quarantined: AtomicU64::default(),
            admitted: AtomicU64::default(),
            commits: AtomicU64::default(),
            judged: Default::default(),
            letters: Tally::default(),
            age: Histogram::new(AGE),
            latency: Histogram::new(WORK),
        }
    }
}

impl IngestCounters {
    fn judge(&self, counts: [u64; VERDICTS.len()]) {
        for (counter, by) in self.judged.iter().zip(counts) {
            counter.fetch_add(by, Ordering::Relaxed);
        }
    }

    fn grow_old(&self, touched: &[(SourceId, Instant)], now: Instant) {
        for (_, time) in touched {
            let seconds = u64::try_from(now.unix().saturating_sub(time.unix())).unwrap_or(0);
            self.age.note(seconds.saturating_mul(SECOND));
        }
    }
}

/// What admission works with.
pub struct Stage {
    /// Where readings go.
    pub series: Arc<dyn Series>,
    /// Where kept messages are.
    pub letters: Arc<dyn Letters>,
    /// What is registered.
    pub directory: Arc<Directory>,
    /// Told source and time of every value that is new or corrected.
    pub touch: Touch,
    /// Reads messages.
    pub reader: Reader,
}

/// Sources with messages in quarantine.
struct Waiting {
    /// Those whose further messages wait behind them, as they count in the order they came.
    ahead: HashSet<Source>,
    /// Those whose messages only fill what is absent, in whatever order.
    filling: HashSet<Source>,
}

impl Waiting {
    fn all(&self) -> impl Iterator<Item = &Source> {
        self.ahead.union(&self.filling)
    }

    fn end(&mut self, source: &Source) {
        self.ahead.remove(source);
        self.filling.remove(source);
    }
}

/// The way in to the store.
pub struct Ingest {
    stage: Stage,
    /// Sources with messages in quarantine. Locked while readings are admitted.
    waiting: Mutex<Waiting>,
    known: std::sync::Mutex<Known>,
    wake: Notify,
    counters: IngestCounters,
}

/// Where a message goes.
enum Place<'a> {
    /// Stored; with a text, the message is kept as a dead letter too.
    Store(&'a [Observation], Option<&'a str>),
    Keep(LetterState, &'static str, String),
}

impl Ingest {
    /// Looks up which sources have messages in quarantine, and which series there are.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(stage: Stage) -> Result<Self, StoreError> {
        let counts = stage.letters.letter_counts().await?;
        let quarantined = counts
            .into_iter()
            .filter(|(_, state, _)| *state == LetterState::Quarantined);
        Ok(Self {
            waiting: Mutex::new(Waiting {
                ahead: quarantined.map(|(source, ..)| source).collect(),
                filling: HashSet::new(),
            }),
            known: std::sync::Mutex::new(Known::of(&stage.series.keys().await?)),
            stage,
            wake: Notify::new(),
            counters: IngestCounters::default(),
        })
    }

    /// Counts since the start.
    pub fn counters(&self) -> &IngestCounters {
        &self.counters
    }

    /// Reads a topic and bytes received at `now`.
    pub fn read(&self, topic: &str, payload: &[u8], now: Instant) -> Read {
        (self.stage.reader)(topic, payload, &self.stage.directory.senders(), now)
    }

    /// Makes the submissions durable as one commit. When this returns `Ok` each of them may be acknowledged.
    ///
    /// # Errors
    /// Those of the store; then nothing was kept and nothing may be acknowledged.
    pub async fn admit(&self, submissions: &[Submission], now: Instant) -> Result<(), StoreError> {
        let mut waiting = self.waiting.lock().await;
        let senders = self.stage.directory.senders();
        let mut batch = Batch::new(now);
        let mut reasons = Vec::new();
        let (mut ahead, mut left_out) = (Ahead::default(), 0);
        for submission in submissions {
            let (source, retained) = (&submission.source, submission.retained);
            let place = self.room(place(&senders, &waiting.ahead, source, &submission.content));
            let (state, word, reason) = match place {
                Place::Store(observations, left) => {
                    match self
                        .put(&mut batch, &mut ahead, observations, retained)
                        .await
                    {
                        Ok(more) => {
                            left_out += more;
                            let Some(left) = left else { continue };
                            (LetterState::Dead, PARTLY, left.to_owned())
                        }
                        // What comes live need not wait for it.
                        Err(StoreError::Unavailable { .. }) => {
                            let reason = "a broker had kept it, and what is stored cannot be read now to compare";
                            (LetterState::Quarantined, RETAINED, reason.to_owned())
                        }
                        Err(error) => return Err(error),
                    }
                }
                Place::Keep(state, word, reason) => (state, word, reason),
            };
            reasons.push((state.key(), word));
            if state == LetterState::Quarantined {
                let own = match word {
                    RETAINED => &mut waiting.filling,
                    _ => &mut waiting.ahead,
                };
                own.insert(source.clone());
            }
            batch.dead_letters.push(DeadLetter {
                received_at: now,
                origin: retained::origin(&submission.origin, retained),
                topic: submission.topic.clone(),
                source: source.clone(),
                payload: submission.payload.to_vec(),
                state,
                reason,
            });
        }
        self.append(batch).await?;
        self.counters.letters.note(reasons);
        self.leave_out(left_out);
        if waiting.all().any(|source| senders.knows(source)) {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// The place, unless the source would have too many series.
    fn room<'a>(&self, place: Place<'a>) -> Place<'a> {
        let Place::Store(observations, left) = place else {
            return place;
        };
        let mut known = locked(&self.known);
        match known.take_up(observations) {
            Ok(()) => Place::Store(observations, left),
            Err(said) => Place::Keep(LetterState::Dead, TOO_MANY, said),
        }
    }

    /// Puts the values of a message into a batch, those that a broker had kept only where nothing else stands; how many of them
    /// are left out.
    async fn put(
        &self,
        batch: &mut Batch,
        ahead: &mut Ahead,
        observations: &[Observation],
        retained: bool,
    ) -> Result<usize, StoreError> {
        if !retained {
            batch.observations.extend_from_slice(observations);
            return Ok(0);
        }
        let series = &*self.stage.series;
        let filling = ahead.fill(series, batch, observations).await?;
        let left_out = observations.len() - filling.len();
        batch.observations.extend(filling);
        Ok(left_out)
    }

    fn leave_out(&self, values: usize) {
        let counter = &self.counters.left_out;
        counter.fetch_add(values as u64, Ordering::Relaxed);
    }

    /// Appends, counts and tells which days are touched.
    async fn append(&self, batch: Batch) -> Result<Appended, StoreError> {
        let kept = |state| batch.dead_letters.iter().filter(move |l| l.state == state);
        let quarantined = kept(LetterState::Quarantined).count() as u64;
        let dead = kept(LetterState::Dead).count() as u64;
        let stored = |retried: &&Retried| retried.state == LetterState::Admitted;
        let admitted = batch.retried.iter().filter(stored).count() as u64;
        let now = batch.received_at;
        let judged = verdicts(&batch.observations);
        let appended = self.stage.series.append(batch).await?;
        let counters = &self.counters;
        counters.judge(judged);
        counters.grow_old(&appended.touched, now);
        for (counter, by) in [
            (&counters.new, appended.new),
            (&counters.repeated, appended.repeated),
            (&counters.corrected, appended.corrected),
            (&counters.dead_letters, dead),
            (&counters.quarantined, quarantined),
            (&counters.admitted, admitted),
            (&counters.commits, 1),
        ] {
            counter.fetch_add(by, Ordering::Relaxed);
        }
        (self.stage.touch)(&appended.touched);
        Ok(appended)
    }
}

/// How many there are of each verdict.
fn verdicts(observations: &[Observation]) -> [u64; VERDICTS.len()] {
    let mut counts = [0; VERDICTS.len()];
    for one in observations {
        let place = VERDICTS.iter().position(|qc| *qc == one.reading.qc);
        counts[place.expect("every verdict is listed")] += 1;
    }
    counts
}

/// Where a message of the source goes, given what is registered and who has messages in quarantine.
fn place<'a>(
    senders: &Senders,
    waiting: &HashSet<Source>,
    source: &Source,
    content: &'a Content,
) -> Place<'a> {
    if let Content::Unusable(word, fault) = content {
        return Place::Keep(LetterState::Dead, word, fault.clone());
    }
    if !senders.knows(source) {
        let (kind, id) = match source.kind {
            SourceKind::Station => ("station", source.id.as_str()),
            SourceKind::Logger => ("logger", source.id.as_str()),
        };
        let reason = format!("{kind} {id:?} is not registered");
        return Place::Keep(LetterState::Quarantined, "not_registered", reason);
    }
    match content {
        Content::Readings(_) | Content::Partly(..) | Content::NoZone(_)
            if waiting.contains(source) =>
        {
            let reason = "earlier messages of this source are admitted first".to_owned();
            Place::Keep(LetterState::Quarantined, "earlier_ones_first", reason)
        }
        Content::Readings(observations) => Place::Store(observations, None),
        Content::Partly(observations, left) => Place::Store(observations, Some(left)),
        // Read before the zone was registered: it is read again with it.
        Content::NoZone(fault) if senders.zone(source).is_some() => {
            Place::Keep(LetterState::Quarantined, NO_ZONE, fault.clone())
        }
        Content::NoZone(fault) => Place::Keep(LetterState::Dead, NO_ZONE, fault.clone()),
        Content::Unusable(word, fault) => Place::Keep(LetterState::Dead, word, fault.clone()),
    }
}
