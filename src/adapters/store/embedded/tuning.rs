//! The store's limits, and the moments at which a test may look at the files.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A moment in the life of a commit, of a step of merging or of the log. Whatever ends the process there, nothing that was
/// acknowledged may be lost, and nothing half done may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// A commit's row is written, not committed.
    CommitWritten,
    /// A commit is on disk, its senders not told yet.
    Committed,
    /// A step's blocks are written, not committed; others of the round follow.
    StepWritten,
    /// The step is written, to be synced with the next commit; the commits' rows still stand.
    StepMerged,
    /// The last step's blocks are written and the commits' rows deleted, not committed.
    RoundWritten,
    /// The round is written, to be synced with the next commit.
    RoundMerged,
    /// The writer is about to wait until the log is moved into the database.
    CheckpointDue,
    /// All of the log is in the database, and both are synced.
    Checkpointed,
}

impl Moment {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::CommitWritten,
        Self::Committed,
        Self::StepWritten,
        Self::StepMerged,
        Self::RoundWritten,
        Self::RoundMerged,
        Self::CheckpointDue,
        Self::Checkpointed,
    ];
}

/// Told of every moment, on the writing thread.
type Watch = Arc<dyn Fn(Moment) + Send + Sync>;

/// When the embedded store merges and how much it holds in memory.
#[derive(Clone)]
pub struct Tuning {
    /// How long a commit waits for further batches to join it. Zero: it takes what waits already, and goes.
    pub commit_interval: Duration,
    /// Values in one commit after which no further batch joins it.
    pub commit_values_max: usize,
    /// Values that wait before an idle writer merges.
    pub idle_values_min: usize,
    /// Values that wait before a busy writer merges too.
    pub busy_values_min: usize,
    /// Values that may wait at most; beyond, commits wait for merging.
    pub waiting_values_max: usize,
    /// Seconds of receipt that may wait before an idle writer merges, however little there is.
    pub waiting_s_max: i64,
    /// Blocks written in one step at most.
    pub step_blocks_max: usize,
    /// Pages of the log from which on it is moved into the database, beside the writer.
    pub log_pages_min: u32,
    /// Pages of the log from which on the writer waits for that.
    pub log_pages_max: u32,
    watch: Option<Watch>,
}

impl fmt::Debug for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tuning")
            .field("idle_values_min", &self.idle_values_min)
            .field("waiting_values_max", &self.waiting_values_max)
            .field("step_blocks_max", &self.step_blocks_max)
            .finish_non_exhaustive()
    }
}

impl Default for Tuning {
    /// For use. A value that waits takes 16 bytes of memory, and each receipt counts as four of them; commits wait for one step of merging at most, unless too much waits.
    fn default() -> Self {
        Self {
            commit_interval: Duration::ZERO,
            commit_values_max: 50_000,
            idle_values_min: 500_000,
            busy_values_min: 2_000_000,
            waiting_values_max: 8_000_000,
            waiting_s_max: 6 * 3_600,
            step_blocks_max: 256,
            log_pages_min: 1_000,
            log_pages_max: 3_000,
            watch: None,
        }
    }
}

impl Tuning {
    /// For use, with commits that wait so long for others to join them.
    pub fn waiting(commit_interval: Duration) -> Self {
        Self {
            commit_interval,
            ..Self::default()
        }
    }

    /// Small limits, so that a test's few values pass all of them.
    pub fn for_testing() -> Self {
        Self {
            commit_interval: Duration::ZERO,
            commit_values_max: 8,
            idle_values_min: 6,
            busy_values_min: 10,
            waiting_values_max: 30,
            waiting_s_max: 1_000,
            step_blocks_max: 1,
            log_pages_min: 40,
            log_pages_max: 40,
            watch: None,
        }
    }

    /// With somebody to tell of every moment.
    #[must_use]
    pub fn watched(self, watch: impl Fn(Moment) + Send + Sync + 'static) -> Self {
        Self {
            watch: Some(Arc::new(watch)),
            ..self
        }
    }

    pub(super) fn reach(&self, moment: Moment) {
        if let Some(watch) = &self.watch {
            watch(moment);
        }
    }
}
