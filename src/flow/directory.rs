//! The registry as every flow sees it: one shared snapshot, replaced whole when entries change.

use std::sync::Arc;

use tokio::sync::watch;

use crate::domain::registry::Registry;
use crate::ports::Registrar;
use crate::ports::StoreError;

/// The current registry.
pub struct Directory {
    registrar: Arc<dyn Registrar>,
    current: watch::Sender<Arc<Registry>>,
}

impl Directory {
    /// Loads the registry.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(registrar: Arc<dyn Registrar>) -> Result<Self, StoreError> {
        let current = watch::Sender::new(Arc::new(registrar.registry().await?));
        Ok(Self { registrar, current })
    }

    /// The registry as of now.
    pub fn now(&self) -> Arc<Registry> {
        Arc::clone(&self.current.borrow())
    }

    /// Hears of every later change.
    pub fn changes(&self) -> watch::Receiver<Arc<Registry>> {
        self.current.subscribe()
    }

    /// Merges entries in, durably, and shows them to everybody.
    ///
    /// # Errors
    /// Those of the store; then nothing changed.
    pub async fn register(&self, entries: Registry) -> Result<(), StoreError> {
        self.registrar.register(entries).await?;
        let fresh = Arc::new(self.registrar.registry().await?);
        self.current.send_replace(fresh);
        Ok(())
    }
}
