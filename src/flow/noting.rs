//! Look-ups of tiers, noted for ever. A record is handed over before the answer goes out and is on disk with the next
//! commit, many at a time: an answer does not wait for the disk, but it does wait for a place in the queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::domain::credit::lookup::Lookup;
use crate::domain::credit::lookup::Stamp;
use crate::domain::credit::lookup::Wanted;
use crate::flow::locked::locked;
use crate::flow::patience::Patience;
use crate::ports::Lookups;
use crate::ports::StoreError;

/// Records that may wait for the store.
const WAITING_MAX: usize = 4_096;
/// Records of one commit.
const COMMIT_MAX: usize = 1_024;
/// How long records gather before they are written. At thousands of look-ups a second each commit takes a processor from
/// answers that are under way, so there are few.
const GATHER: Duration = Duration::from_millis(25);
/// How long an answer waits for a place.
const PLACE_WAIT: Duration = Duration::from_secs(5);

type Waiting = Arc<Mutex<BTreeMap<String, Lookup>>>;

/// Where records are handed over and found again.
pub struct Noting {
    port: Arc<dyn Lookups>,
    queue: mpsc::Sender<Lookup>,
    waiting: Waiting,
    place_wait: Duration,
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
        place_wait: PLACE_WAIT,
    };
    (noting, noter)
}

impl Noting {
    /// Hands a record over, once there is a place for it.
    ///
    /// # Errors
    /// When no place comes free for long, or nothing is written any more.
    pub async fn note(&self, lookup: Lookup) -> Result<(), StoreError> {
        let refused = |cause: &str| StoreError::Unavailable {
            place: "look-ups".to_owned(),
            cause: cause.to_owned(),
        };
        let place = tokio::time::timeout(self.place_wait, self.queue.reserve()).await;
        let place = place.map_err(|_| refused("too many records wait to be written"))?;
        let place = place.map_err(|_| refused("nothing is written any more"))?;
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

    /// Keeps a time stamp of a record.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn keep_stamp(&self, stamp: Stamp) -> Result<(), StoreError> {
        self.port.keep_stamp(stamp).await?;
        Ok(())
    }

    /// The stamp of a record, if it has one.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn stamp(&self, id: &str) -> Result<Option<Stamp>, StoreError> {
        self.port.stamp(id).await
    }

    /// Records that are written, with their numbers.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self, wanted: Wanted) -> Result<Vec<(u64, Lookup)>, StoreError> {
        self.port.lookups(wanted).await
    }
}

impl Noter {
    /// Writes what is handed over. Once asked to end it takes nothing more, writes what it has, and ends. A failure
    /// that passes is tried again until then.
    ///
    /// # Errors
    /// Any other failure of the store, or one while it ends; how many records are lost by that is logged.
    pub async fn run(mut self, patience: Patience) -> Result<(), StoreError> {
        let ended = self.serve(&patience).await;
        let lost = locked(&self.waiting).len();
        if lost > 0 {
            tracing::error!(lost, "records of look-ups were not written");
        }
        ended
    }

    async fn serve(&mut self, patience: &Patience) -> Result<(), StoreError> {
        let mut stop = patience.stop.clone();
        let mut ending = false;
        loop {
            let mut lookups = Vec::new();
            let count = tokio::select! {
                _ = stop.wait_for(|stop| *stop), if !ending => {
                    ending = true;
                    self.pending.close();
                    continue;
                }
                count = self.pending.recv_many(&mut lookups, COMMIT_MAX) => count,
            };
            if count == 0 {
                return Ok(());
            }
            if !ending {
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => {}
                    () = tokio::time::sleep(GATHER) => {}
                }
            }
            while lookups.len() < COMMIT_MAX
                && let Ok(next) = self.pending.try_recv()
            {
                lookups.push(next);
            }
            let note = || self.port.note(lookups.clone());
            patience.until_kept(note).await?;
            let mut waiting = locked(&self.waiting);
            for lookup in &lookups {
                waiting.remove(&lookup.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::health::Health;
    use crate::ports::Answer;
    use chrono::DateTime;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering;
    use tokio::sync::watch;

    /// Takes records while there is room.
    #[derive(Default)]
    struct Port {
        full: AtomicBool,
        kept: Mutex<Vec<String>>,
    }

    impl Lookups for Port {
        fn note(&self, lookups: Vec<Lookup>) -> Answer<'_, u64> {
            Box::pin(async move {
                if self.full.load(Ordering::SeqCst) {
                    let place = "a disk".to_owned();
                    return Err(StoreError::Full { place });
                }
                let mut kept = self.kept.lock().expect("no panic");
                kept.extend(lookups.into_iter().map(|lookup| lookup.id));
                Ok(kept.len() as u64)
            })
        }

        fn lookup<'a>(&'a self, _: &'a str) -> Answer<'a, Option<(u64, Lookup)>> {
            Box::pin(async { Ok(None) })
        }

        fn lookups(&self, _: Wanted) -> Answer<'_, Vec<(u64, Lookup)>> {
            Box::pin(async { Ok(Vec::new()) })
        }

        fn keep_stamp(&self, _: Stamp) -> Answer<'_, u64> {
            Box::pin(async { Ok(1) })
        }

        fn stamp<'a>(&'a self, _: &'a str) -> Answer<'a, Option<Stamp>> {
            Box::pin(async { Ok(None) })
        }
    }

    fn lookup(number: usize) -> Lookup {
        Lookup {
            id: number.to_string(),
            asked_at: DateTime::from_timestamp(0, 0)
                .expect("a time")
                .fixed_offset(),
            client: None,
            checked: false,
            subject: None,
            items: 1,
            receipt: String::new(),
        }
    }

    async fn until(holds: impl Fn() -> bool) {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn a_full_disk_is_told_and_what_it_delayed_is_kept_in_order() {
        let port = Arc::new(Port::default());
        port.full.store(true, Ordering::SeqCst);
        let (mut noting, noter) = noting(Arc::clone(&port) as Arc<dyn Lookups>);
        // The first commit is tried within it.
        noting.place_wait = 4 * GATHER;
        let health = Arc::new(Health::default());
        let (stop, switch) = watch::channel(false);
        let patience = Patience {
            health: Arc::clone(&health),
            part: "lookups",
            meanwhile: "records wait",
            stop: switch,
            pause: Duration::from_millis(1),
        };
        let running = tokio::spawn(noter.run(patience));
        // One commit is under way with some of them; places are left for no more than these.
        let mut taken = 0;
        while noting.note(lookup(taken)).await.is_ok() {
            taken += 1;
        }
        assert!((WAITING_MAX..=WAITING_MAX + COMMIT_MAX).contains(&taken));
        assert_eq!(health.troubles().len(), 1);
        let found = noting.find("7").await.expect("it is there");
        assert_eq!(found, Some((None, lookup(7))));
        port.full.store(false, Ordering::SeqCst);
        until(|| locked(&noting.waiting).is_empty()).await;
        assert!(health.troubles().is_empty());
        let expected: Vec<String> = (0..taken).map(|number| number.to_string()).collect();
        assert_eq!(*port.kept.lock().expect("no panic"), expected);
        // Full again: the end does not wait for ever.
        port.full.store(true, Ordering::SeqCst);
        noting.note(lookup(taken)).await.expect("a place");
        until(|| !health.troubles().is_empty()).await;
        stop.send_replace(true);
        let ended = running.await.expect("no panic");
        assert!(matches!(ended, Err(StoreError::Full { .. })), "{ended:?}");
    }
}
