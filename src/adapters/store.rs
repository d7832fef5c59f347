//! Where things are kept: the embedded store, and the one in memory behind the same ports.

pub mod embedded;

pub mod influxdb2;

pub mod inspect;

pub mod memory;

pub mod reading;

use std::sync::Arc;

use crate::adapters::credit_events;
use crate::adapters::store::embedded::Embedded;
use crate::adapters::store::influxdb2::Influx;
use crate::adapters::store::memory::Memory;
use crate::domain::credit::CreditEvent;
use crate::ports::Attendance;
use crate::ports::Ledger;
use crate::ports::Letters;
use crate::ports::Lookups;
use crate::ports::Publications;
use crate::ports::Registrar;
use crate::ports::Reviews;
use crate::ports::Series;
use crate::ports::StoreError;
use crate::ports::Verify;

/// The opened stores, by port.
#[derive(Clone)]
pub struct Stores {
    /// Readings.
    pub series: Arc<dyn Series>,
    /// Messages that could not be used when they came.
    pub letters: Arc<dyn Letters>,
    /// What is registered.
    pub registrar: Arc<dyn Registrar>,
    /// Legal documents.
    pub ledger: Arc<dyn Ledger>,
    /// Figures that were published.
    pub publications: Arc<dyn Publications>,
    /// Look-ups of tiers.
    pub lookups: Arc<dyn Lookups>,
    /// What reviewers decided.
    pub reviews: Arc<dyn Reviews>,
    /// Who was there, and when.
    pub attendance: Arc<dyn Attendance>,
    /// The check over all of it.
    pub verify: Arc<dyn Verify>,
    /// The store of readings in InfluxDB, when it is that one.
    pub influxdb2: Option<Arc<Influx>>,
    /// The embedded store, when one is there: alone, or beside an InfluxDB.
    pub embedded: Option<Arc<Embedded>>,
}

impl Stores {
    /// All ports on one embedded store.
    pub fn embedded(store: Embedded) -> Self {
        Self::on(Arc::new(store))
    }

    fn on(store: Arc<Embedded>) -> Self {
        Self {
            series: Arc::clone(&store) as Arc<dyn Series>,
            letters: Arc::clone(&store) as Arc<dyn Letters>,
            registrar: Arc::clone(&store) as Arc<dyn Registrar>,
            ledger: Arc::clone(&store) as Arc<dyn Ledger>,
            lookups: Arc::clone(&store) as Arc<dyn Lookups>,
            publications: Arc::clone(&store) as Arc<dyn Publications>,
            reviews: Arc::clone(&store) as Arc<dyn Reviews>,
            attendance: Arc::clone(&store) as Arc<dyn Attendance>,
            verify: Arc::clone(&store) as Arc<dyn Verify>,
            influxdb2: None,
            embedded: Some(store),
        }
    }

    /// Readings in InfluxDB, everything else in the embedded store that it was given.
    pub fn influxdb2(readings: Influx, rest: Arc<Embedded>) -> Self {
        let readings = Arc::new(readings);
        Self {
            series: Arc::clone(&readings) as Arc<dyn Series>,
            verify: Arc::clone(&readings) as Arc<dyn Verify>,
            influxdb2: Some(readings),
            ..Self::on(rest)
        }
    }

    /// All ports in memory.
    pub fn memory() -> Self {
        let store = Arc::new(Memory::default());
        Self {
            series: Arc::clone(&store) as Arc<dyn Series>,
            letters: Arc::clone(&store) as Arc<dyn Letters>,
            registrar: Arc::clone(&store) as Arc<dyn Registrar>,
            ledger: Arc::clone(&store) as Arc<dyn Ledger>,
            lookups: Arc::clone(&store) as Arc<dyn Lookups>,
            publications: Arc::clone(&store) as Arc<dyn Publications>,
            reviews: Arc::clone(&store) as Arc<dyn Reviews>,
            attendance: Arc::clone(&store) as Arc<dyn Attendance>,
            verify: store,
            influxdb2: None,
            embedded: None,
        }
    }
}

/// Whether every entry could be read back once it is written: a ledger only grows, so one that cannot would end it.
///
/// # Errors
/// [`StoreError::Unreadable`] of the first.
fn legible(events: &[CreditEvent]) -> Result<(), StoreError> {
    let mut numbered = (1..).zip(events);
    let unreadable = numbered.find_map(|(number, event)| {
        let fault = credit_events::check(event).err()?.to_string();
        Some(StoreError::Unreadable { number, fault })
    });
    unreadable.map_or(Ok(()), Err)
}
