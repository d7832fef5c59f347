//! Who may send, looked up for every message.

use std::collections::HashMap;

use crate::domain::calendar::Zone;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::domain::registry::Logger;
use crate::domain::registry::Registry;
use crate::domain::registry::Station;

/// What is registered of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sender {
    zone: Option<Zone>,
    interval_s: Option<u32>,
}

/// The registered sources, each with the zone of its times that come without an offset, and its interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Senders(HashMap<Source, Sender>);

impl Senders {
    /// Those of a registry.
    pub fn of(registry: &Registry) -> Self {
        let own = |kind, id: &SourceId| Source {
            kind,
            id: id.clone(),
        };
        let stations = registry.stations.iter();
        let stations = stations.map(|one| {
            let Station {
                zone, interval_s, ..
            } = *one;
            (
                own(SourceKind::Station, &one.id),
                Sender { zone, interval_s },
            )
        });
        let loggers = registry.loggers.iter();
        let loggers = loggers.map(|one| {
            let Logger {
                zone, interval_s, ..
            } = *one;
            (
                own(SourceKind::Logger, &one.id),
                Sender { zone, interval_s },
            )
        });
        Self(stations.chain(loggers).collect())
    }

    /// Whether readings of the source may be stored.
    pub fn knows(&self, source: &Source) -> bool {
        self.0.contains_key(source)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The zone of the source's times that come without an offset.
    pub fn zone(&self, source: &Source) -> Option<Zone> {
        self.0.get(source)?.zone
    }

    /// Seconds between two reports of the source, as registered.
    pub fn interval_s(&self, source: &Source) -> Option<u32> {
        self.0.get(source)?.interval_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::parse(text).expect("a source")
    }

    #[test]
    fn a_logger_is_no_station_and_zones_are_those_registered() {
        let logger = |id: &str, zone| Logger {
            id: SourceId::new(id).expect("an identifier"),
            uscc: String::new(),
            outlets: Vec::new(),
            source: String::new(),
            zone,
            interval_s: zone.map(|_| 60),
        };
        let registry = Registry {
            loggers: vec![logger("M1", Some(Zone::beijing())), logger("M2", None)],
            ..Registry::default()
        };
        let senders = Senders::of(&registry);
        let check = |text: &str, known: bool, zone: Option<Zone>| {
            let source = source(text);
            assert_eq!(
                (senders.knows(&source), senders.zone(&source)),
                (known, zone),
                "{text}"
            );
            let interval_s = senders.interval_s(&source);
            assert_eq!(interval_s, zone.map(|_| 60), "{text}");
        };
        check("loggers/M1", true, Some(Zone::beijing()));
        check("loggers/M2", true, None);
        check("loggers/M3", false, None);
        check("stations/M1", false, None);
    }
}
