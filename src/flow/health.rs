//! Whether the daemon can do its work just now, and if not why.

use std::sync::Mutex;
use std::sync::PoisonError;

/// A number for metrics: its name, what it says, and how much.
pub type Gauge = (&'static str, &'static str, u64);

/// What stands in the way of work, by part, and what is told beside.
#[derive(Debug, Default)]
pub struct Health {
    troubles: Mutex<Vec<(&'static str, String)>>,
    notes: Mutex<Vec<(&'static str, String)>>,
    gauges: Mutex<Vec<Gauge>>,
}

impl Health {
    /// Notes that a part is in trouble, replacing what was noted of it before.
    pub fn trouble(&self, part: &'static str, what: String) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.retain(|(known, _)| *known != part);
        troubles.push((part, what));
    }

    /// Notes that a part works again.
    pub fn well(&self, part: &'static str) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.retain(|(known, _)| *known != part);
    }

    /// Every part in trouble; empty when all is well.
    pub fn troubles(&self) -> Vec<(&'static str, String)> {
        self.troubles
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
    /// Notes what hinders no work and should be known all the same, replacing what was noted of the part before.
    pub fn note(&self, part: &'static str, what: Option<String>) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.retain(|(known, _)| *known != part);
        notes.extend(what.map(|what| (part, what)));
    }

    /// What was noted of every part.
    pub fn notes(&self) -> Vec<(&'static str, String)> {
        self.notes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sets a number for metrics.
    pub fn gauge(&self, gauge: Gauge) {
        let mut gauges = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        match gauges.iter_mut().find(|(known, ..)| *known == gauge.0) {
            Some(known) => *known = gauge,
            None => gauges.push(gauge),
        }
    }

    /// All numbers, in the order they were first set.
    pub fn gauges(&self) -> Vec<Gauge> {
        self.gauges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
