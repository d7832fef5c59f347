//! The registry as every flow sees it: one shared snapshot, replaced whole when entries change, and beside it the
//! senders as admission looks them up.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

use tokio::sync::Mutex;
use tokio::sync::watch;

use crate::domain::registry::Registry;
use crate::domain::registry::senders::Senders;
use crate::ports::Registrar;
use crate::ports::StoreError;

/// The current registry.
pub struct Directory {
    registrar: Arc<dyn Registrar>,
    current: watch::Sender<Arc<Registry>>,
    senders: RwLock<Arc<Senders>>,
    /// Held while entries are merged in, so that what is shown last is what was stored last.
    registering: Mutex<()>,
}

impl Directory {
    /// Loads the registry.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(registrar: Arc<dyn Registrar>) -> Result<Self, StoreError> {
        let registry = registrar.registry().await?;
        Ok(Self {
            registrar,
            senders: RwLock::new(Arc::new(Senders::of(&registry))),
            registering: Mutex::new(()),
            current: watch::Sender::new(Arc::new(registry)),
        })
    }

    /// Who may send, as of now.
    pub fn senders(&self) -> Arc<Senders> {
        Arc::clone(&self.senders.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The registry as of now.
    pub fn now(&self) -> Arc<Registry> {
        Arc::clone(&self.current.borrow())
    }

    /// Hears of every later change.
    pub fn changes(&self) -> watch::Receiver<Arc<Registry>> {
        self.current.subscribe()
    }

    /// A note kept under a name.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.registrar.mark(name).await
    }

    /// Merges entries in, durably, and shows them to everybody.
    ///
    /// # Errors
    /// Those of the store; then nothing changed.
    pub async fn register(&self, entries: Registry) -> Result<(), StoreError> {
        let _alone = self.registering.lock().await;
        self.registrar.register(entries).await?;
        let fresh = Arc::new(self.registrar.registry().await?);
        let mut senders = self.senders.write().unwrap_or_else(PoisonError::into_inner);
        *senders = Arc::new(Senders::of(&fresh));
        drop(senders);
        // Whoever hears of the change finds the senders changed.
        self.current.send_replace(fresh);
        Ok(())
    }
}
