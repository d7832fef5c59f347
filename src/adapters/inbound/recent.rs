//! The newest messages of each source as they came, in memory alone: for whoever connects a device and wants to see what it
//! sends. Nothing is decided by them. At most so many of a source are noted within a second, so that a replay costs nothing.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use crate::domain::calendar::Instant;
use crate::domain::names::Source;
use crate::flow::locked::locked;

/// Messages of one source that are kept, and that are noted within a second.
pub const KEPT: usize = 8;
/// Bytes of one that are kept.
pub const BYTES_MAX: usize = 2_048;
/// Sources of which messages are kept; beyond it the one that was silent longest is forgotten.
const SOURCES_MAX: usize = 2_000;

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// So many readings were read.
    Read(usize),
    /// The same, and what could not be read.
    Partly(usize, String),
    /// A sign of life.
    Life,
    /// It could not be used, and why.
    Unusable(String),
}

/// What a frame of HJ 212 says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The word of its check.
    pub check: &'static str,
    /// Whether that is the standard's.
    pub standard: bool,
    /// Command, system, flag, edition and packet.
    pub command: String,
    /// When it says that it was sent.
    pub sent: Option<Instant>,
    /// The DataTime of an hour's record.
    pub hour: Option<Instant>,
    /// Whether DataTime is set to name the end of the hour.
    pub label_end: bool,
}

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Came {
    /// When.
    pub at: Instant,
    /// By which way.
    pub link: Arc<str>,
    /// Who handed it in.
    pub origin: String,
    /// Its topic.
    pub topic: String,
    /// Its first bytes.
    pub bytes: Vec<u8>,
    /// How many it had.
    pub size_bytes: usize,
    /// What it says of itself, as a frame.
    pub said: Option<Said>,
    /// What became of it.
    pub outcome: Outcome,
}

#[derive(Default)]
struct Own {
    newest: VecDeque<Came>,
    noted: usize,
}

/// The newest messages of all sources.
#[derive(Default)]
pub struct Recent(Mutex<HashMap<Source, Own>>);

impl Recent {
    fn kept(&self) -> MutexGuard<'_, HashMap<Source, Own>> {
        locked(&self.0)
    }

    /// Notes a message received at `now`.
    pub fn note(&self, source: &Source, now: Instant, came: impl FnOnce() -> Came) {
        let mut kept = self.kept();
        let count = kept.len();
        if let Some(own) = kept.get_mut(source) {
            return own.note(now, came);
        }
        if count >= SOURCES_MAX {
            let silent = kept
                .iter()
                .min_by_key(|(_, own)| own.newest.back().map(|one| one.at));
            if let Some(silent) = silent.map(|(source, _)| source.clone()) {
                kept.remove(&silent);
            }
        }
        kept.entry(source.clone()).or_default().note(now, came);
    }

    /// Those of a source, the newest first.
    pub fn of(&self, source: &Source) -> Vec<Came> {
        let kept = self.kept();
        let own = kept.get(source);
        own.map_or_else(Vec::new, |own| own.newest.iter().rev().cloned().collect())
    }
}

impl Own {
    fn note(&mut self, now: Instant, came: impl FnOnce() -> Came) {
        if self.newest.back().is_none_or(|last| last.at != now) {
            self.noted = 0;
        }
        if self.noted == KEPT {
            return;
        }
        self.noted += 1;
        if self.newest.len() == KEPT {
            self.newest.pop_front();
        }
        let mut came = came();
        came.bytes.truncate(BYTES_MAX);
        self.newest.push_back(came);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str) -> Source {
        Source::parse(&format!("loggers/{name}")).expect("a source")
    }

    fn came(at: i64, byte: u8) -> Came {
        Came {
            at: Instant::from_unix(at),
            link: Arc::from("embedded"),
            origin: String::new(),
            topic: String::new(),
            bytes: vec![byte; 3_000],
            size_bytes: 3_000,
            said: None,
            outcome: Outcome::Life,
        }
    }

    #[test]
    fn the_newest_are_kept_and_a_storm_is_not() {
        let recent = Recent::default();
        let note = |name: &str, at: i64, byte: u8| {
            recent.note(&source(name), Instant::from_unix(at), || came(at, byte));
        };
        for n in 0..20 {
            note("a", i64::from(n), n);
        }
        let bytes = |name: &str| -> Vec<u8> {
            let all = recent.of(&source(name));
            assert!(
                all.iter()
                    .all(|one| one.bytes.len() == BYTES_MAX && one.size_bytes == 3_000)
            );
            all.iter().map(|one| one.bytes[0]).collect()
        };
        assert_eq!(bytes("a"), [19, 18, 17, 16, 15, 14, 13, 12]);
        for n in 0..20 {
            note("b", 7, n);
        }
        assert_eq!(bytes("b"), [7, 6, 5, 4, 3, 2, 1, 0]);
        // Beyond the limit whoever was silent longest goes.
        for n in 0..SOURCES_MAX {
            note(&format!("n{n}"), 100, 1);
        }
        assert_eq!(recent.kept().len(), SOURCES_MAX);
        assert!(recent.of(&source("a")).is_empty() && recent.of(&source("b")).is_empty());
    }
}
