//! Admission: every message becomes readings or a dead letter, durably, before anybody acknowledges it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::domain::calendar::Instant;
use crate::domain::names::SourceId;
use crate::domain::reading::Observation;
use crate::domain::registry::Registry;
use crate::flow::directory::Directory;
use crate::flow::rollup::Rollup;
use crate::ports::Batch;
use crate::ports::DeadLetter;
use crate::ports::Series;
use crate::ports::StoreError;

/// A message after decoding.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Who handed it in.
    pub origin: String,
    /// Its topic.
    pub topic: String,
    /// Its bytes, for the dead-letter table.
    pub payload: Bytes,
    /// Its source and readings, or why it could not be decoded.
    pub decoded: Result<(SourceId, Vec<Observation>), String>,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub struct IngestCounters {
    /// Values of a new identity.
    pub new: AtomicU64,
    /// Values seen before.
    pub repeated: AtomicU64,
    /// Values that replaced another.
    pub corrected: AtomicU64,
    /// Messages kept as dead letters.
    pub dead_letters: AtomicU64,
    /// Commits.
    pub commits: AtomicU64,
}

/// The way in to the store.
pub struct Ingest {
    series: Arc<dyn Series>,
    directory: Arc<Directory>,
    rollup: Arc<Rollup>,
    counters: IngestCounters,
}

impl Ingest {
    /// Admits against `directory`, stores in `series`, tells `rollup` what was touched.
    pub fn new(series: Arc<dyn Series>, directory: Arc<Directory>, rollup: Arc<Rollup>) -> Self {
        Self {
            series,
            directory,
            rollup,
            counters: IngestCounters::default(),
        }
    }

    /// Counts since the start.
    pub fn counters(&self) -> &IngestCounters {
        &self.counters
    }

    /// Makes the submissions durable as one commit. When this returns `Ok` each of them may be acknowledged.
    ///
    /// # Errors
    /// Those of the store; then nothing was kept and nothing may be acknowledged.
    pub async fn admit(
        &self,
        submissions: Vec<Submission>,
        now: Instant,
    ) -> Result<(), StoreError> {
        let registry = self.directory.now();
        let mut batch = Batch::new(now);
        for submission in submissions {
            match admissible(&registry, &submission) {
                Ok(()) => batch
                    .observations
                    .extend(submission.decoded.into_iter().flat_map(|(_, r)| r)),
                Err(reason) => batch.dead_letters.push(DeadLetter {
                    received_at: now,
                    origin: submission.origin,
                    topic: submission.topic,
                    payload: submission.payload.to_vec(),
                    reason,
                }),
            }
        }
        let dead_letters = batch.dead_letters.len() as u64;
        let appended = self.series.append(batch).await?;
        let counters = &self.counters;
        for (counter, by) in [
            (&counters.new, appended.new),
            (&counters.repeated, appended.repeated),
            (&counters.corrected, appended.corrected),
            (&counters.dead_letters, dead_letters),
            (&counters.commits, 1),
        ] {
            counter.fetch_add(by, Ordering::Relaxed);
        }
        self.rollup.touch(&appended.touched);
        Ok(())
    }
}

/// Whether the submission's readings may be stored under their source.
fn admissible(registry: &Registry, submission: &Submission) -> Result<(), String> {
    let (source, _) = submission.decoded.as_ref().map_err(String::clone)?;
    match registry.station(source) {
        Some(_) => Ok(()),
        None => Err(format!(
            "source {source:?} is not registered",
            source = source.as_str()
        )),
    }
}
