//! Orders to take readings out: who decided it, why, when, and which readings.
//!
//! GB 3095-2026 6.3: every value taken out has a stated reason and the raw record is kept. So a deletion hides what
//! was stored from the moment it was ordered; a question about an earlier moment still finds it. For readings that
//! should never have been stored (a bench test under a station's name, a doubled device); a reading that is merely
//! not valid is a reviewer's to void.

use crate::domain::calendar::Instant;
use crate::domain::names::Factor;
use crate::domain::names::SourceId;
use crate::domain::reading::SeriesKey;
use crate::domain::review::is_name;
use crate::domain::review::reason_fault;

/// One order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Whose readings.
    pub source: SourceId,
    /// Of one factor; `None`: of all.
    pub factor: Option<Factor>,
    /// Readings after this time.
    pub after: Instant,
    /// Up to and including this one.
    pub upto: Instant,
    /// Why.
    pub reason: String,
    /// Who ordered it.
    pub ordered_by: String,
    /// When; the moment from which the readings are gone.
    pub ordered_at: Instant,
}

impl Deletion {
    /// Whether readings of a series may be among those meant.
    pub fn concerns(&self, key: &SeriesKey) -> bool {
        let factor = self.factor.as_ref();
        key.source == self.source && factor.is_none_or(|factor| *factor == key.factor)
    }

    /// Whether a time is one of those meant.
    pub fn covers(&self, time: Instant) -> bool {
        self.after < time && time <= self.upto
    }

    /// What is wrong with the order: which part of it, and what is expected there.
    pub fn fault(&self) -> Option<(&'static str, &'static str)> {
        if self.after >= self.upto {
            return Some(("to", "a time after from is expected"));
        }
        if !is_name(&self.ordered_by) {
            return Some(("by", "a name without blanks around it is expected"));
        }
        reason_fault(false, &self.reason).map(|fault| ("reason", fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_without_ground_name_or_time_is_none() {
        let order = Deletion {
            source: SourceId::new("S1").expect("a source"),
            factor: None,
            after: Instant::from_unix(0),
            upto: Instant::from_unix(60),
            reason: "bench test under this name".to_owned(),
            ordered_by: "Li Na".to_owned(),
            ordered_at: Instant::from_unix(100),
        };
        let check = |changed: Deletion, part: Option<&str>| {
            assert_eq!(changed.fault().map(|fault| fault.0), part, "{changed:?}");
        };
        check(order.clone(), None);
        let upto = order.after;
        check(
            Deletion {
                upto,
                ..order.clone()
            },
            Some("to"),
        );
        let reason = "abnormal".to_owned();
        check(
            Deletion {
                reason,
                ..order.clone()
            },
            Some("reason"),
        );
        let ordered_by = " ".to_owned();
        check(
            Deletion {
                ordered_by,
                ..order
            },
            Some("by"),
        );
    }
}
