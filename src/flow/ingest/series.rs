//! How many series a source may have. Each takes memory for as long as the store is open, so a device that names ever
//! new intervals, factors or statistics must not make them without end.

use std::collections::HashMap;
use std::collections::HashSet;
use std::hash::BuildHasher;
use std::hash::RandomState;

use crate::domain::names::SourceId;
use crate::domain::reading::Observation;
use crate::domain::reading::SeriesKey;

/// Series of one source. A stack's logger with every statistic of a hundred factors over four intervals has 2,000.
const SERIES_PER_SOURCE_MAX: usize = 5_000;
/// The word for messages that would make more.
pub(super) const TOO_MANY: &str = "too_many_series";
/// Values of a message that are remembered as a source's usual ones.
const USUAL_MAX: usize = 64;

/// The series of every source.
#[derive(Debug, Default)]
pub(super) struct Known {
    hasher: RandomState,
    sources: HashMap<SourceId, Own>,
}

#[derive(Debug, Default)]
struct Own {
    hashes: HashSet<u64>,
    /// The series of its last message: mostly the next one has the same.
    usual: Vec<SeriesKey>,
}

impl Known {
    /// Those there are already.
    pub(super) fn of(keys: &[SeriesKey]) -> Self {
        let mut known = Self::default();
        for key in keys {
            let hash = known.hasher.hash_one(key);
            let own = known.sources.entry(key.source.clone()).or_default();
            own.hashes.insert(hash);
        }
        known
    }

    /// Takes up the series of a message, whose values are of one source.
    ///
    /// # Errors
    /// In words, when the source would have too many; then none is taken up.
    pub(super) fn take_up(&mut self, observations: &[Observation]) -> Result<(), String> {
        let Some(first) = observations.first() else {
            return Ok(());
        };
        let source = &first.key.source;
        if !self.sources.contains_key(source) {
            self.sources.insert(source.clone(), Own::default());
        }
        let own = self.sources.get_mut(source).expect("just put there");
        let keys = || observations.iter().map(|one| &one.key);
        if own.usual.iter().eq(keys()) {
            return Ok(());
        }
        let hashes = keys().map(|key| self.hasher.hash_one(key));
        let new: HashSet<u64> = hashes.filter(|hash| !own.hashes.contains(hash)).collect();
        let (there, more) = (own.hashes.len(), new.len());
        if more > 0 && there + more > SERIES_PER_SOURCE_MAX {
            return Err(format!(
                "{more} series more than the {there} of the source (factor, statistic and interval make one); it may have \
                 {SERIES_PER_SOURCE_MAX}, so see whether its interval_s or its keys change from message to message"
            ));
        }
        own.hashes.extend(new);
        if observations.len() <= USUAL_MAX {
            own.usual = keys().cloned().collect();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Instant;
    use crate::domain::names::Factor;
    use crate::domain::names::Flag;
    use crate::domain::names::Stat;
    use crate::domain::reading::Qc;
    use crate::domain::reading::Reading;
    use crate::domain::reading::Review;

    fn of(source: &str, intervals: std::ops::Range<usize>) -> Vec<Observation> {
        let one = |interval| Observation {
            key: SeriesKey {
                source: SourceId::new(source).expect("sound"),
                factor: Factor::new("pm25").expect("sound"),
                stat: Stat::avg(),
                interval_s: u32::try_from(interval).expect("small"),
            },
            reading: Reading {
                time: Instant::from_unix(0),
                value: None,
                flag: Flag::normal(),
                qc: Qc::Passed,
                review: Review::Raw,
            },
        };
        intervals.map(one).collect()
    }

    #[test]
    fn a_source_has_room_for_so_many_and_keeps_those_it_has() {
        let there: Vec<SeriesKey> = of("a", 0..10).into_iter().map(|one| one.key).collect();
        let mut known = Known::of(&there);
        assert_eq!(known.take_up(&of("a", 5..SERIES_PER_SOURCE_MAX)), Ok(()));
        let refused = known.take_up(&of("a", 7..SERIES_PER_SOURCE_MAX + 1));
        assert!(refused.is_err_and(|said| said.starts_with("1 series more than the 5000")));
        // None of a refused message is taken up; what is there goes on, and so do others.
        assert_eq!(known.take_up(&of("a", 0..SERIES_PER_SOURCE_MAX)), Ok(()));
        assert_eq!(known.take_up(&of("b", 0..SERIES_PER_SOURCE_MAX)), Ok(()));
        assert_eq!(known.take_up(&of("a", 3..4)), Ok(()));
        assert_eq!(known.take_up(&[]), Ok(()));
    }
}
