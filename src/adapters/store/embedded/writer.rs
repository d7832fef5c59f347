//! The one thread that writes. Everything that waits goes into one transaction; the answers follow its commit.
//! Between commits, and while nobody waits, it merges what was committed into blocks, a step at a time.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::oneshot;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::append::Appender;
use crate::adapters::store::embedded::chain::DELETIONS;
use crate::adapters::store::embedded::chain::LEDGER;
use crate::adapters::store::embedded::chain::LOOKUPS;
use crate::adapters::store::embedded::chain::PUBLICATIONS;
use crate::adapters::store::embedded::chain::REVIEWS;
use crate::adapters::store::embedded::chain::STAMPS;
use crate::adapters::store::embedded::checkpoint::Checkpoints;
use crate::adapters::store::embedded::delete;
use crate::adapters::store::embedded::merge;
use crate::adapters::store::embedded::merge::Round;
use crate::adapters::store::embedded::merge::Step;
use crate::adapters::store::embedded::pack::Packer;
use crate::adapters::store::embedded::presence;
use crate::adapters::store::embedded::readings::Waiting;
use crate::adapters::store::embedded::registry;
use crate::adapters::store::embedded::retention::Step as Removing;
use crate::adapters::store::embedded::retention::removing;
use crate::adapters::store::embedded::rows;
use crate::adapters::store::embedded::schema;
use crate::adapters::store::embedded::schema::Synced;
use crate::adapters::store::embedded::tuning::Moment;
use crate::adapters::store::embedded::tuning::Tuning;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::lookup::Lookup;
use crate::domain::credit::lookup::Stamp;
use crate::domain::deletion::Deletion;
use crate::domain::publication::Issue;
use crate::domain::registry::Registry;
use crate::domain::retention::Removal;
use crate::domain::review::Decision;
use crate::ports::Appended;
use crate::ports::Attended;
use crate::ports::Batch;
use crate::ports::Deleted;
use crate::ports::StoreError;

/// Tasks taken into one commit at most.
const COMMIT_TASKS_MAX: usize = 64;
/// How often a commit that waits for further batches looks for them.
const NAP: Duration = Duration::from_millis(1);
/// Merged rows of `wal` deleted with a commit: more than it adds, so that they become fewer.
const SWEPT_WITH_COMMIT: i64 = 4;
/// Merged rows of `wal` deleted at once by a writer with nothing else to do.
const SWEPT_IDLE: i64 = 32;
/// What is said when merging rests.
const WAITING: &str = "readings wait to be merged into blocks";

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// One thing to write, and where its answer goes.
pub(super) enum Task {
    Append {
        batch: Batch,
        answer: Reply<Appended>,
    },
    Register {
        entries: Box<Registry>,
        answer: Reply<()>,
    },
    Mark {
        name: String,
        value: String,
        answer: Reply<()>,
    },
    Attend {
        attended: Attended,
        answer: Reply<()>,
    },
    Ledger {
        events: Vec<CreditEvent>,
        answer: Reply<u64>,
    },
    Publish {
        issues: Vec<Issue>,
        answer: Reply<u64>,
    },
    Delete {
        order: Deletion,
        answer: Reply<Deleted>,
    },
    /// Keeps an order about readings that are elsewhere.
    Order { order: Deletion, answer: Reply<u64> },
    Remove {
        step: Removing,
        answer: Reply<Removal>,
    },
    /// Merges all that waits before it is answered.
    Merge { answer: Reply<()> },
    Review {
        decisions: Vec<Decision>,
        answer: Reply<u64>,
    },
    Lookup {
        lookups: Vec<Lookup>,
        answer: Reply<u64>,
    },
    Stamp {
        stamps: Vec<Stamp>,
        answer: Reply<u64>,
    },
}

/// A task's result, held back until the commit.
enum Done {
    Append(Reply<Appended>, Appended),
    Delete(Reply<Deleted>, Deleted),
    Remove(Reply<Removal>, Removal),
    Unit(Reply<()>),
    Count(Reply<u64>, u64),
}

impl Task {
    fn fail(self, error: StoreError) {
        // A caller that no longer waits has lost interest in its answer; nothing is left to tell.
        match self {
            Self::Append { answer, .. } => drop(answer.send(Err(error))),
            Self::Delete { answer, .. } => drop(answer.send(Err(error))),
            Self::Register { answer, .. }
            | Self::Mark { answer, .. }
            | Self::Attend { answer, .. }
            | Self::Merge { answer } => drop(answer.send(Err(error))),
            Self::Ledger { answer, .. }
            | Self::Publish { answer, .. }
            | Self::Order { answer, .. }
            | Self::Lookup { answer, .. }
            | Self::Stamp { answer, .. }
            | Self::Review { answer, .. } => drop(answer.send(Err(error))),
            Self::Remove { answer, .. } => drop(answer.send(Err(error))),
        }
    }

    fn values(&self) -> usize {
        match self {
            Self::Append { batch, .. } => batch.observations.len(),
            _ => 0,
        }
    }

    fn done(self, applied: Applied) -> Done {
        match (self, applied) {
            (Self::Append { answer, .. }, Applied::Append(appended)) => {
                Done::Append(answer, appended)
            }
            (Self::Remove { answer, .. }, Applied::Remove(removal)) => {
                Done::Remove(answer, removal)
            }
            (Self::Delete { answer, .. }, Applied::Delete(deleted)) => {
                Done::Delete(answer, deleted)
            }
            (
                Self::Ledger { answer, .. }
                | Self::Publish { answer, .. }
                | Self::Order { answer, .. }
                | Self::Lookup { answer, .. }
                | Self::Stamp { answer, .. }
                | Self::Review { answer, .. },
                Applied::Count(count),
            ) => Done::Count(answer, count),
            (
                Self::Register { answer, .. }
                | Self::Mark { answer, .. }
                | Self::Attend { answer, .. }
                | Self::Merge { answer },
                _,
            ) => Done::Unit(answer),
            (_, _) => unreachable!("a task is applied as what it is"),
        }
    }
}

enum Applied {
    Append(Appended),
    Delete(Deleted),
    Remove(Removal),
    Unit,
    Count(u64),
}

impl Done {
    fn tell(self) {
        match self {
            Self::Append(answer, appended) => drop(answer.send(Ok(appended))),
            Self::Delete(answer, deleted) => drop(answer.send(Ok(deleted))),
            Self::Remove(answer, removal) => drop(answer.send(Ok(removal))),
            Self::Unit(answer) => drop(answer.send(Ok(()))),
            Self::Count(answer, count) => drop(answer.send(Ok(count))),
        }
    }
}

/// What the writing thread works with.
pub(super) struct Writer {
    connection: Connection,
    place: String,
    waiting: Arc<Waiting>,
    tuning: Tuning,
    appender: Appender,
    packer: Packer,
    checkpoints: Checkpoints,
    round: Option<Round>,
    /// The oldest row that is still in `wal`, or the next one.
    oldest: i64,
    /// Why merging found no room: it rests until a commit has found some.
    rests: Option<StoreError>,
    poison: Option<StoreError>,
}

impl Writer {
    /// Reads what waits to be merged.
    ///
    /// # Errors
    /// Those of the database; a damaged row.
    pub(super) fn open(
        connection: Connection,
        place: String,
        (waiting, packer, checkpoints): (Arc<Waiting>, Packer, Checkpoints),
        tuning: Tuning,
    ) -> Result<Self, Fault> {
        let mut index = merge::writing(&waiting.index);
        let appender = Appender::open(&connection, &mut index)?;
        let oldest = rows::oldest_commit(&connection)?.unwrap_or(index.progress.last + 1);
        drop(index);
        Ok(Self {
            connection,
            place,
            waiting,
            tuning,
            appender,
            packer,
            checkpoints,
            round: None,
            oldest,
            rests: None,
            poison: None,
        })
    }

    /// Runs until the queue is closed and empty, then merges what is left. After a failure that poisons, every
    /// further task fails with it.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Task>) {
        loop {
            let first = match queue.try_recv() {
                Ok(task) => task,
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) if self.idle_work() => {
                    self.work();
                    continue;
                }
                Err(TryRecvError::Empty) => match queue.blocking_recv() {
                    Some(task) => task,
                    None => break,
                },
            };
            let (tasks, values) = self.gather(first, &mut queue);
            self.take(tasks, values);
        }
        while self.works() && (self.values() > 0 || self.unswept()) {
            self.work();
        }
    }

    /// What goes into one commit: what waits, and after a first batch what comes within the interval, up to the
    /// limits. Also says how many values that is.
    fn gather(&self, first: Task, queue: &mut mpsc::Receiver<Task>) -> (Vec<Task>, usize) {
        let patient = matches!(first, Task::Append { .. });
        let mut left = self.tuning.commit_interval;
        let mut values = first.values();
        let mut tasks = vec![first];
        while tasks.len() < COMMIT_TASKS_MAX && values < self.tuning.commit_values_max {
            match queue.try_recv() {
                Ok(next) => {
                    values += next.values();
                    tasks.push(next);
                }
                Err(TryRecvError::Empty) if patient && !left.is_zero() => {
                    let nap = left.min(NAP);
                    std::thread::sleep(nap);
                    left -= nap;
                }
                Err(_) => break,
            }
        }
        (tasks, values)
    }

    /// Some work of a writer that nobody waits for.
    fn work(&mut self) {
        if self.unswept() {
            self.sweep();
        } else {
            self.merge(true);
        }
    }

    fn values(&self) -> usize {
        merge::reading(&self.waiting.index).values()
    }

    /// What waits, by the memory it takes.
    fn load(&self) -> usize {
        merge::reading(&self.waiting.index).load()
    }

    fn works(&self) -> bool {
        self.poison.is_none() && self.rests.is_none()
    }

    /// Whether there is something to merge for a writer with nothing else to do.
    fn idle_work(&self) -> bool {
        let due = || {
            let index = merge::reading(&self.waiting.index);
            let waited = self.appender.clock().zip(index.waits_since());
            let waited = waited.map_or(0, |(now, since)| now.saturating_sub(since));
            index.load() >= self.tuning.idle_values_min || waited >= self.tuning.waiting_s_max
        };
        self.works() && (self.round.is_some() || self.unswept() || due())
    }

    /// Commits tasks and tells them.
    fn take(&mut self, tasks: Vec<Task>, values: usize) {
        let all = tasks.iter().any(|task| matches!(task, Task::Merge { .. }));
        let room = if all {
            0
        } else {
            self.tuning.waiting_values_max.saturating_sub(values)
        };
        if self.load() > room {
            // No more may wait: what failed is tried again, and decides on these tasks.
            self.rests = None;
        }
        while self.works() && (self.load() > room || (all && self.unswept())) {
            if self.load() > room {
                self.merge(true);
            } else {
                self.sweep();
            }
        }
        let crowded = all || self.load() > room;
        let refusal = self.poison.as_ref();
        let refusal = refusal.or(self.rests.as_ref().filter(|_| crowded));
        if let Some(error) = refusal {
            tasks.into_iter().for_each(|task| task.fail(error.clone()));
            return;
        }
        match self.commit(&tasks) {
            Ok(applied) => {
                self.rests = None;
                let pairs = tasks.into_iter().zip(applied);
                pairs.for_each(|(task, applied)| task.done(applied).tell());
                self.tend_log();
                let merges = self.round.is_some() || self.load() >= self.tuning.busy_values_min;
                if merges && self.works() {
                    self.merge(false);
                }
            }
            Err(fault) => {
                let error = self.failed(fault);
                tasks.into_iter().for_each(|task| task.fail(error.clone()));
            }
        }
    }

    fn commit(&mut self, tasks: &[Task]) -> Result<Vec<Applied>, Fault> {
        schema::sync(&self.connection, Synced::AtOnce)?;
        let rows_before = self.connection.total_changes();
        let transaction = self.connection.unchecked_transaction()?;
        let (appender, waiting) = (&mut self.appender, &self.waiting);
        let mut apply = |task: &Task| match task {
            Task::Append { batch, .. } => {
                let mut index = merge::writing(&waiting.index);
                let appended = appender.append(&transaction, &mut index, batch);
                appended.map(Applied::Append)
            }
            Task::Delete { order, .. } => {
                let mut index = merge::writing(&waiting.index);
                let deleted = delete::delete(&transaction, (&mut *appender, &mut index), order);
                deleted.map(Applied::Delete)
            }
            Task::Order { order, .. } => {
                let one = std::slice::from_ref(order);
                DELETIONS.append(&transaction, one).map(Applied::Count)
            }
            Task::Remove { step, .. } => {
                let index = merge::reading(&waiting.index);
                let removed = removing::remove(&transaction, (&mut *appender, &index), step);
                removed.map(Applied::Remove)
            }
            Task::Register { entries, .. } => {
                registry::save(&transaction, entries).map(|()| Applied::Unit)
            }
            Task::Mark { name, value, .. } => {
                registry::set_mark(&transaction, name, value).map(|()| Applied::Unit)
            }
            Task::Attend { attended, .. } => {
                presence::save(&transaction, attended).map(|()| Applied::Unit)
            }
            Task::Ledger { events, .. } => LEDGER.append(&transaction, events).map(Applied::Count),
            Task::Publish { issues, .. } => PUBLICATIONS
                .append(&transaction, issues)
                .map(Applied::Count),
            Task::Review { decisions, .. } => {
                REVIEWS.append(&transaction, decisions).map(Applied::Count)
            }
            Task::Lookup { lookups, .. } => {
                LOOKUPS.append(&transaction, lookups).map(Applied::Count)
            }
            Task::Stamp { stamps, .. } => STAMPS.append(&transaction, stamps).map(Applied::Count),
            Task::Merge { .. } => Ok(Applied::Unit),
        };
        let applied = tasks.iter().map(&mut apply).collect::<Result<_, _>>()?;
        self.appender
            .write(&transaction, &merge::reading(&self.waiting.index))?;
        let swept = self.swept(SWEPT_WITH_COMMIT);
        if let Some(upto) = swept {
            rows::delete_commits(&transaction, upto)?;
        }
        // A commit that changes nothing is none: there is nothing to sync.
        let writes = transaction.total_changes() > rows_before;
        if writes {
            self.tuning.reach(Moment::CommitWritten);
        }
        transaction.commit()?;
        self.oldest = swept.map_or(self.oldest, |upto| upto + 1);
        if writes {
            self.tuning.reach(Moment::Committed);
        }
        self.appender
            .committed(&mut merge::writing(&self.waiting.index));
        Ok(applied)
    }

    /// The last of the merged rows of `wal` that may go now, at most some.
    fn swept(&self, count: i64) -> Option<i64> {
        let merged = merge::reading(&self.waiting.index).progress.merged;
        (self.oldest <= merged).then(|| merged.min(self.oldest + count - 1))
    }

    /// Whether merged rows are still there.
    fn unswept(&self) -> bool {
        self.swept(1).is_some()
    }

    fn sweep(&mut self) {
        let Some(upto) = self.swept(SWEPT_IDLE) else {
            return;
        };
        let swept = schema::sync(&self.connection, Synced::Later)
            .and_then(|()| rows::delete_commits(&self.connection, upto));
        match swept {
            Ok(()) => self.oldest = upto + 1,
            Err(fault) => self.rest(fault, WAITING),
        }
        self.tend_log();
    }

    /// Does a step of merging. `wait` is for one that nothing can go on without.
    fn merge(&mut self, wait: bool) {
        if self.round.is_none() {
            self.round = Round::begin(&merge::reading(&self.waiting.index));
        }
        let Some(round) = &mut self.round else { return };
        let appender = &mut self.appender;
        let rewritten = |slot, span| appender.rewritten(slot, span);
        let index = &self.waiting.index;
        let packer = (&self.packer, wait);
        match round.step(&self.connection, packer, index, &self.tuning, rewritten) {
            Ok(Step::Over) => self.round = None,
            Ok(Step::Awaited | Step::Written) => {}
            Err(fault) => {
                self.give_up_round();
                self.rest(fault, WAITING);
            }
        }
        self.tend_log();
    }

    /// Ends a round as it is: what an order of it took up is not packed, so it must not end as if all were. The next
    /// one begins with what waits still.
    fn give_up_round(&mut self) {
        if let Some(round) = self.round.take() {
            round.give_up(&self.packer);
        }
    }

    /// Has the log moved into the database when it is long.
    fn tend_log(&mut self) {
        if self.works()
            && let Err(fault) = self.checkpoints.tend(&self.connection, &self.tuning)
        {
            self.rest(fault, "the log waits to be moved into the database");
        }
    }

    /// Merging or moving the log failed: it is tried again when a commit has found room.
    fn rest(&mut self, fault: Fault, what: &str) {
        let error = fault.store_error(&self.place, true);
        tracing::warn!(%error, "{what}");
        self.rests = Some(error.clone());
        self.heed(error);
    }

    /// A commit has failed: what the index took up of it goes. Returns what to tell.
    fn failed(&mut self, fault: Fault) -> StoreError {
        let error = fault.store_error(&self.place, true);
        self.heed(error.clone());
        self.give_up_round();
        let opened = Appender::open(&self.connection, &mut merge::writing(&self.waiting.index));
        match opened {
            Ok(appender) => self.appender = appender,
            Err(fault) => self.poison = Some(fault.store_error(&self.place, true)),
        }
        error
    }

    /// Closes the store for good, unless the failure is one that passes.
    fn heed(&mut self, error: StoreError) {
        let passes = matches!(
            error,
            StoreError::Full { .. } | StoreError::Unavailable { .. }
        );
        if !passes {
            self.poison = Some(error);
        }
    }
}
