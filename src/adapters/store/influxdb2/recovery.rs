//! The way back after the server failed: one task tries, with pauses that grow, until the server has all that waits.
//! Only what may pass is tried again. A spool that cannot be read or written ends it, and the store with it.

use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::adapters::store::embedded::Access;
use crate::adapters::store::influxdb2::Core;
use crate::adapters::store::influxdb2::client::Failure;
use crate::ports::StoreError;

impl Core {
    /// The server failed: what is known is in doubt, and a task tries until it is back.
    pub(super) fn fell(self: &Arc<Self>, failure: &Failure) -> StoreError {
        if self.access == Access::Read {
            return self.unavailable(failure.text());
        }
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut trouble = self.trouble();
        if trouble.is_none() {
            let place = self.settings.place();
            tracing::error!(%place, cause = failure.text(), "InfluxDB cannot be used; trying again");
            tokio::spawn(recover(Arc::downgrade(self)));
        }
        *trouble = Some(failure.text().to_owned());
        drop(trouble);
        self.unavailable(failure.text())
    }

    /// Between none and all of a pause that doubles, so that many daemons do not come back at once.
    fn pause(&self) -> Duration {
        let (least, most) = self.settings.backoff;
        let doublings = self
            .failures
            .load(Ordering::Relaxed)
            .saturating_sub(1)
            .min(16);
        let longest = least.saturating_mul(1 << doublings).min(most);
        let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), doublings);
        longest.mul_f64((random >> 11) as f64 / (1u64 << 53) as f64)
    }

    /// One try; whether it was the last: the server is back and has everything, or something failed that trying again
    /// does not mend.
    async fn come_back(&self) -> bool {
        loop {
            // Let go after each part, so that what comes in meanwhile can join the spool.
            let mut known = self.known.lock().await;
            let tried = match self.learn(&mut known).await {
                Ok(()) => self.drain(&mut known).await,
                Err(error) => Err(error),
            };
            match tried {
                Ok(()) if self.spool.load().batches == 0 => {
                    *self.trouble() = None;
                    tracing::info!(
                        place = self.settings.place(),
                        "InfluxDB is back and has everything"
                    );
                    return true;
                }
                Ok(()) => {}
                Err(StoreError::Unavailable { cause, .. }) => return self.again(cause),
                Err(full @ StoreError::Full { .. }) => return self.again(full.to_string()),
                Err(error) => {
                    tracing::error!(%error, "what waits for InfluxDB cannot be brought there");
                    *self.trouble() = Some(error.to_string());
                    self.broken.get_or_init(|| error);
                    return true;
                }
            }
        }
    }

    /// Notes why it failed; it is not the last try.
    fn again(&self, cause: String) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed);
        *self.trouble() = Some(cause);
        false
    }
}

/// Tries until the server is back and has what waits, or something is broken; ends with the store.
async fn recover(core: Weak<Core>) {
    loop {
        let Some(pause) = core.upgrade().map(|core| core.pause()) else {
            return;
        };
        tokio::time::sleep(pause).await;
        let Some(core) = core.upgrade() else { return };
        if core.come_back().await {
            return;
        }
    }
}
