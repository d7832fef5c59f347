//! The one thread that writes. Everything that waits goes into one transaction; the answers follow its commit.

use rusqlite::Connection;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use crate::adapters::store::embedded::Fault;
use crate::adapters::store::embedded::ledger;
use crate::adapters::store::embedded::publications;
use crate::adapters::store::embedded::readings;
use crate::adapters::store::embedded::readings::SeriesIds;
use crate::adapters::store::embedded::registry;
use crate::domain::credit::CreditEvent;
use crate::domain::publication::Issue;
use crate::domain::registry::Registry;
use crate::ports::Appended;
use crate::ports::Batch;
use crate::ports::StoreError;

/// Tasks taken into one commit at most.
const COMMIT_TASKS_MAX: usize = 64;

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
    Ledger {
        events: Vec<CreditEvent>,
        answer: Reply<u64>,
    },
    Publish {
        issues: Vec<Issue>,
        answer: Reply<u64>,
    },
}

/// A task's result, held back until the commit.
enum Done {
    Append(Reply<Appended>, Appended),
    Unit(Reply<()>),
    Count(Reply<u64>, u64),
}

impl Task {
    fn fail(self, error: StoreError) {
        // A caller that no longer waits has lost interest in its answer; nothing is left to tell.
        match self {
            Self::Append { answer, .. } => drop(answer.send(Err(error))),
            Self::Register { answer, .. } | Self::Mark { answer, .. } => {
                drop(answer.send(Err(error)))
            }
            Self::Ledger { answer, .. } | Self::Publish { answer, .. } => {
                drop(answer.send(Err(error)))
            }
        }
    }

    fn apply(&self, connection: &Connection, ids: &mut SeriesIds) -> Result<Applied, Fault> {
        match self {
            Self::Append { batch, .. } => {
                readings::append(connection, ids, batch).map(Applied::Append)
            }
            Self::Register { entries, .. } => {
                registry::save(connection, entries).map(|()| Applied::Unit)
            }
            Self::Mark { name, value, .. } => {
                registry::set_mark(connection, name, value).map(|()| Applied::Unit)
            }
            Self::Ledger { events, .. } => ledger::append(connection, events).map(Applied::Count),
            Self::Publish { issues, .. } => {
                publications::remember(connection, issues).map(Applied::Count)
            }
        }
    }

    fn done(self, applied: Applied) -> Done {
        match (self, applied) {
            (Self::Append { answer, .. }, Applied::Append(appended)) => {
                Done::Append(answer, appended)
            }
            (Self::Ledger { answer, .. } | Self::Publish { answer, .. }, Applied::Count(count)) => {
                Done::Count(answer, count)
            }
            (Self::Register { answer, .. } | Self::Mark { answer, .. }, _) => Done::Unit(answer),
            (Self::Append { .. } | Self::Ledger { .. } | Self::Publish { .. }, _) => {
                unreachable!("a task is applied as what it is")
            }
        }
    }
}

enum Applied {
    Append(Appended),
    Unit,
    Count(u64),
}

impl Done {
    fn tell(self) {
        match self {
            Self::Append(answer, appended) => drop(answer.send(Ok(appended))),
            Self::Unit(answer) => drop(answer.send(Ok(()))),
            Self::Count(answer, count) => drop(answer.send(Ok(count))),
        }
    }
}

/// Runs until the queue is closed and empty. After a failure that poisons, every further task fails with it.
pub(super) fn run(connection: Connection, place: String, mut queue: mpsc::Receiver<Task>) {
    let mut ids = SeriesIds::default();
    let mut poison: Option<StoreError> = None;
    while let Some(first) = queue.blocking_recv() {
        let mut tasks = vec![first];
        while tasks.len() < COMMIT_TASKS_MAX {
            let Ok(next) = queue.try_recv() else { break };
            tasks.push(next);
        }
        if let Some(error) = &poison {
            tasks.into_iter().for_each(|task| task.fail(error.clone()));
            continue;
        }
        match commit(&connection, &mut ids, &tasks) {
            Ok(applied) => {
                tasks
                    .into_iter()
                    .zip(applied)
                    .for_each(|(task, applied)| task.done(applied).tell());
            }
            Err(fault) => {
                ids = SeriesIds::default();
                let error = fault.store_error(&place, true);
                if !matches!(
                    error,
                    StoreError::Full { .. } | StoreError::Unavailable { .. }
                ) {
                    poison = Some(error.clone());
                }
                tasks.into_iter().for_each(|task| task.fail(error.clone()));
            }
        }
    }
}

fn commit(
    connection: &Connection,
    ids: &mut SeriesIds,
    tasks: &[Task],
) -> Result<Vec<Applied>, Fault> {
    let transaction = connection.unchecked_transaction()?;
    let applied = tasks
        .iter()
        .map(|task| task.apply(&transaction, ids))
        .collect::<Result<_, _>>()?;
    transaction.commit()?;
    Ok(applied)
}
