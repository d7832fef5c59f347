//! Look-ups of tiers, noted for ever. A record is handed over before the answer goes out and is on disk with the next
//! commit, many at a time: an answer does not wait for the disk, but it does wait for a place in the queue.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::domain::credit::lookup::Lookup;
use crate::ports::Lookups;
use crate::ports::StoreError;

/// Records that may wait for the store.
const WAITING_MAX: usize = 4_096;
/// Records of one commit.
const COMMIT_MAX: usize = 1_024;
/// Pause before a full disk is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

type Waiting = Arc<Mutex<BTreeMap<String, Lookup>>>;

fn locked(waiting: &Waiting) -> MutexGuard<'_, BTreeMap<String, Lookup>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where records are handed over and found again.
pub struct Noting {
    port: Arc<dyn Lookups>,
    queue: mpsc::Sender<Lookup>,
    waiting: Waiting,
}

/// What writes them.
pub struct Noter {
    port: Arc<dyn Lookups>,
    pending: mpsc::Receiver<Lookup>,
    waiting: Waiting,
}

/// Both sides over a store.
#[must_use]
pub fn noting(port: Arc<dyn Lookups>) -> (Noting, Noter) {
    let (queue, pending) = mpsc::channel(WAITING_MAX);
    let waiting = Waiting::default();
    let noter = Noter {
        port: Arc::clone(&port),
        pending,
        waiting: Arc::clone(&waiting),
    };
    let noting = Noting {
        port,
        queue,
        waiting,
    };
    (noting, noter)
}

impl Noting {
    /// Hands a record over, once there is a place for it.
    ///
    /// # Errors
    /// When nothing is written any more.
    pub async fn note(&self, lookup: Lookup) -> Result<(), StoreError> {
        let place = self.queue.reserve().await;
        let place = place.map_err(|_| StoreError::Unavailable {
            place: "look-ups".to_owned(),
            cause: "nothing is written any more".to_owned(),
        })?;
        locked(&self.waiting).insert(lookup.id.clone(), lookup.clone());
        place.send(lookup);
        Ok(())
    }

    /// A record by its identifier, and its number once it is written.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn find(&self, id: &str) -> Result<Option<(Option<u64>, Lookup)>, StoreError> {
        let waits = locked(&self.waiting).get(id).cloned();
        let written = self.port.lookup(id).await?;
        let written = written.map(|(seq, lookup)| (Some(seq), lookup));
        Ok(written.or(waits.map(|lookup| (None, lookup))))
    }
}

impl Noter {
    /// Writes what is handed over. Once asked to end it takes nothing more, writes what it has, and ends. A full disk is
    /// tried again.
    ///
    /// # Errors
    /// Any other failure of the store.
    pub async fn run(mut self, asked: impl Future<Output = ()>) -> Result<(), StoreError> {
        let mut asked = pin!(asked);
        let mut ending = false;
        loop {
            let mut lookups = Vec::new();
            let count = tokio::select! {
                () = &mut asked, if !ending => {
                    ending = true;
                    self.pending.close();
                    continue;
                }
                count = self.pending.recv_many(&mut lookups, COMMIT_MAX) => count,
            };
            if count == 0 {
                return Ok(());
            }
            self.write(&lookups).await?;
        }
    }

    async fn write(&self, lookups: &[Lookup]) -> Result<(), StoreError> {
        while let Err(error) = self.port.note(lookups.to_vec()).await {
            if !matches!(error, StoreError::Full { .. }) {
                return Err(error);
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        let mut waiting = locked(&self.waiting);
        for lookup in lookups {
            waiting.remove(&lookup.id);
        }
        Ok(())
    }
}
