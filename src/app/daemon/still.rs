//! What pages are filled from, without any way in: a data directory is read and nothing in it is changed. For commands that
//! print what the daemon shows, also beside a running one.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use crate::adapters::access::Access;
use crate::adapters::http::live::Live;
use crate::adapters::http::state::WebState;
use crate::adapters::inbound::Inlet;
use crate::adapters::store::Stores;
use crate::app::config::Settings;
use crate::app::config::StoreKind;
use crate::app::daemon::Parts;
use crate::app::daemon::flows;
use crate::app::daemon::reviewing;
use crate::app::open;
use crate::domain::calendar::Instant;
use crate::flow::health::Health;
use crate::flow::noting::noting;

/// Opens a data directory for reading.
///
/// # Errors
/// Those of the store.
pub async fn still(directory: &Path, clock: fn() -> Instant) -> anyhow::Result<WebState> {
    // What a look would leave behind is kept in memory and goes with the process.
    let (kept, passing) = (open::for_reading(directory)?, Stores::memory());
    let stores = Stores {
        attendance: passing.attendance,
        lookups: passing.lookups,
        ..kept
    };
    let settings = Settings {
        store: StoreKind::Memory,
        zone: open::zone(&stores).await?,
        ..Settings::default()
    };
    let flows = flows(&stores, &settings, clock()).await?;
    let (inlet, _) = Inlet::new(settings.queue_messages_max);
    let (_, stop) = watch::channel(false);
    let (lookups, _) = noting(Arc::clone(&stores.lookups));
    let parts = Parts {
        access: Arc::new(Access::in_memory(false)?),
        lookups: Arc::new(lookups),
        reviewing: reviewing(&stores).await?,
        health: Arc::new(Health::default()),
        queue: inlet.queue(),
        live: Live::new(stop),
        mqtt: None,
        counters: Vec::new(),
        loggers: None,
        clock,
    };
    parts.with(&stores, &settings, &flows)
}
