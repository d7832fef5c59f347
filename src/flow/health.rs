//! Whether the daemon can do its work just now, and if not why.

use std::sync::Mutex;
use std::sync::PoisonError;

/// What stands in the way of work, by part.
#[derive(Debug, Default)]
pub struct Health {
    troubles: Mutex<Vec<(&'static str, String)>>,
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
}
