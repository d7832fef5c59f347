//! Opens the configured stores, and what computes figures from them.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use crate::adapters::store::Stores;
use crate::adapters::store::embedded::Access;
use crate::adapters::store::embedded::Embedded;
use crate::app::config::Settings;
use crate::app::config::StoreKind;
use crate::app::standards;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::standards::Editions;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::rollup::Recipe;

/// The stores of a daemon or of a command that writes.
///
/// # Errors
/// Those of the store.
pub fn configured(settings: &Settings) -> anyhow::Result<Stores> {
    match settings.store {
        StoreKind::Memory => Ok(Stores::memory()),
        StoreKind::Embedded => for_writing(&settings.data_dir),
    }
}

/// The stores of a data directory, locked for writing.
///
/// # Errors
/// Those of the store, such as a running daemon's lock.
pub fn for_writing(directory: &Path) -> anyhow::Result<Stores> {
    let store = Embedded::open(directory, Access::Write);
    Ok(Stores::embedded(store.with_context(|| place(directory))?))
}

/// The stores of a data directory, beside a running daemon.
///
/// # Errors
/// Those of the store, such as a directory that holds none.
pub fn for_reading(directory: &Path) -> anyhow::Result<Stores> {
    let store = Embedded::open(directory, Access::Read);
    Ok(Stores::embedded(store.with_context(|| place(directory))?))
}

/// The recipe of a store's days, and an assessor that has none of them yet.
///
/// # Errors
/// Those of the store.
pub async fn tools(stores: &Stores, editions: Arc<Editions>) -> anyhow::Result<(Recipe, Assessor)> {
    let recipe = Recipe {
        series: Arc::clone(&stores.series),
        zone: Zone::beijing(),
        editions: Arc::clone(&editions),
    };
    let assessor = Assessor {
        registry: Arc::new(stores.registrar.registry().await?),
        days: Arc::default(),
        publication: standards::publication()?,
        editions,
    };
    Ok((recipe, assessor))
}

/// An assessor of the days of an area's stations, as known at a time.
///
/// # Errors
/// Those of the store.
pub async fn assessor(
    stores: &Stores,
    editions: Arc<Editions>,
    area: &Area,
    known_at: Option<Instant>,
) -> anyhow::Result<Assessor> {
    let (recipe, assessor) = tools(stores, editions).await?;
    let days = area.days(&recipe, &assessor.registry, known_at).await?;
    Ok(Assessor {
        days: Arc::new(days),
        ..assessor
    })
}

fn place(directory: &Path) -> String {
    format!("data directory {}", directory.display())
}
