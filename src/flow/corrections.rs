//! Values that were replaced, each beside what came in its place.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::domain::calendar::Instant;
use crate::domain::names::SourceId;
use crate::domain::reading::Reading;
use crate::domain::reading::Replaced;
use crate::domain::reading::SeriesKey;
use crate::ports::Range;
use crate::ports::Series;
use crate::ports::StoreError;

/// A value with what replaced it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// What counted, and until when.
    pub old: Replaced,
    /// What counted from then on; `None` when an order took the value out.
    pub new: Option<Reading>,
}

/// Corrections of a source's readings in a range of their times, by time and series; those of one time stay together.
///
/// # Errors
/// Those of the store.
pub async fn corrections(
    series: &dyn Series,
    source: &SourceId,
    range: Range,
) -> Result<Vec<Correction>, StoreError> {
    let replaced = series.replaced(source, range).await?;
    let (Some(first), Some(last)) = (replaced.first(), replaced.last()) else {
        return Ok(Vec::new());
    };
    let now = Range {
        after: first.reading.time.plus_s(-1),
        upto: last.reading.time,
        ..Range::ALL
    };
    let keys: BTreeSet<&SeriesKey> = replaced.iter().map(|own| &own.key).collect();
    let mut standing: BTreeMap<(&SeriesKey, Instant), (Instant, Reading)> = BTreeMap::new();
    for key in keys {
        let times: BTreeSet<Instant> = replaced
            .iter()
            .filter(|own| own.key == *key)
            .map(|own| own.reading.time)
            .collect();
        let column = series.received(key, now).await?.into_iter();
        let wanted = column.filter(|(_, reading)| times.contains(&reading.time));
        standing.extend(wanted.map(|(from, reading)| ((key, reading.time), (from, reading))));
    }
    let next = |at: usize, old: &Replaced| {
        let same = |own: &&Replaced| own.key == old.key && own.reading.time == old.reading.time;
        let after = replaced.get(at + 1).filter(same);
        let after = after.map(|own| (own.received_at, own.reading.clone()));
        let after = after.or_else(|| standing.get(&(&old.key, old.reading.time)).cloned());
        // Between an order and a value that came later nothing counted.
        let after = after.filter(|(from, _)| *from == old.replaced_at);
        after.map(|(_, reading)| reading)
    };
    let pairs = replaced.iter().enumerate();
    Ok(pairs
        .map(|(at, old)| Correction {
            old: old.clone(),
            new: next(at, old),
        })
        .collect())
}
