//! What a broker had kept for whoever asks may be older than what is stored: it comes again at every connection, also long
//! after a correction that the broker did not keep. So it fills what is absent and replaces nothing.

use std::collections::HashMap;

use crate::domain::calendar::Instant;
use crate::domain::reading::Observation;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;
use crate::ports::Batch;
use crate::ports::Range;
use crate::ports::Series;
use crate::ports::StoreError;

/// Ends the origin of a kept message that a broker had kept before, so that it is known when it is tried again.
const MARK: &str = " (retained)";

/// Who handed a message in, for keeping.
pub(super) fn origin(name: &str, retained: bool) -> String {
    let mark = if retained { MARK } else { "" };
    format!("{name}{mark}")
}

/// Whether a kept message had been kept by a broker before.
pub(super) fn was_retained(origin: &str) -> bool {
    origin.ends_with(MARK)
}

/// What stands in a batch before a message.
#[derive(Default)]
pub(super) struct Ahead {
    readings: HashMap<(SeriesKey, Instant), Reading>,
    looked_at: usize,
}

impl Ahead {
    /// Those of retained values in whose place nothing else is stored or stands in the batch.
    pub(super) async fn fill(
        &mut self,
        series: &dyn Series,
        batch: &Batch,
        retained: &[Observation],
    ) -> Result<Vec<Observation>, StoreError> {
        let ahead = batch.observations.get(self.looked_at..).unwrap_or(&[]);
        let identified = |one: &Observation| (one.key.clone(), one.reading.time);
        let ahead = ahead
            .iter()
            .map(|one| (identified(one), one.reading.clone()));
        self.readings.extend(ahead);
        self.looked_at = batch.observations.len();
        let mut filling = Vec::with_capacity(retained.len());
        for one in retained {
            let there = match self.readings.get(&identified(one)) {
                Some(reading) => There::Reading(reading.clone()),
                None => stored(series, one).await?,
            };
            // One that says the same is counted as a repetition like any other.
            let fills = match there {
                There::Nothing => true,
                There::Reading(there) => one.reading.repeats(&there),
                There::Forgotten => false,
            };
            if fills {
                filling.push(one.clone());
            }
        }
        Ok(filling)
    }
}

/// What stands in the place of a value.
enum There {
    Nothing,
    Reading(Reading),
    /// It was taken out, and what it was is forgotten by age.
    Forgotten,
}

/// What is stored in the place of a value, or was until somebody ordered it to be taken out.
async fn stored(series: &dyn Series, one: &Observation) -> Result<There, StoreError> {
    let time = one.reading.time;
    let range = Range {
        after: time.plus_s(-1),
        upto: time,
        known_at: None,
        limit: 1,
    };
    if let Some(reading) = series.column(&one.key, range).await?.pop() {
        return Ok(There::Reading(reading));
    }
    for order in series.deletions().await?.iter().rev() {
        if order.concerns(&one.key) && order.covers(time) {
            let before = Range {
                known_at: Some(order.ordered_at.plus_s(-1)),
                ..range
            };
            match series.column(&one.key, before).await {
                Err(StoreError::Forgotten { .. }) => return Ok(There::Forgotten),
                found => {
                    if let Some(reading) = found?.pop() {
                        return Ok(There::Reading(reading));
                    }
                }
            }
        }
    }
    Ok(There::Nothing)
}
