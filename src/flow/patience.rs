//! Writes that are tried again while their failure may pass, such as that of a full disk, with everybody told.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::flow::health::Health;
use crate::ports::StoreError;

/// Pause before a write that found no room is tried again.
pub const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How a part of the daemon waits for the store.
pub struct Patience {
    /// Told while the store takes nothing.
    pub health: Arc<Health>,
    /// The part, for the health.
    pub part: &'static str,
    /// What waits meanwhile, for the log.
    pub meanwhile: &'static str,
    /// Says stop, so that a full disk does not keep the daemon from ending.
    pub stop: watch::Receiver<bool>,
    /// Pause between two tries; [`RETRY_PAUSE`] in use.
    pub pause: Duration,
}

impl Patience {
    /// Tries a write until it succeeds, the failure is one that does not pass, or the daemon stops.
    ///
    /// # Errors
    /// The last failure.
    pub async fn until_kept<T, F>(&self, write: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            match write().await {
                Ok(kept) => {
                    self.health.well(self.part);
                    return Ok(kept);
                }
                Err(error @ (StoreError::Full { .. } | StoreError::Unavailable { .. })) => {
                    tracing::error!(%error, "{}", self.meanwhile);
                    self.health.trouble(self.part, error.to_string());
                    let mut stop = self.stop.clone();
                    tokio::select! {
                        () = tokio::time::sleep(self.pause) => {}
                        // Nobody was told that it was kept, so nothing is lost that was promised.
                        _ = stop.wait_for(|stop| *stop) => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}
