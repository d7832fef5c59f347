//! Opens the configured stores.

use std::path::Path;

use anyhow::Context as _;

use crate::adapters::store::Stores;
use crate::adapters::store::embedded::Access;
use crate::adapters::store::embedded::Embedded;
use crate::app::config::Settings;
use crate::app::config::StoreKind;

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

fn place(directory: &Path) -> String {
    format!("data directory {}", directory.display())
}
