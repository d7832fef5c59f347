//! A disk that loses power. The files of a store are copied at the moments of a commit, and what a dead machine
//! would find is put together from the copies.
//!
//! With `synchronous=FULL` everything is synced when a transaction has ended. A power cut within the next one
//! leaves, sector by sector, what was there or what was being written: first the head of the log, which is
//! synced by itself, then its frames, then, once all of them are synced, pages of the database.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use skytier::adapters::store::embedded::tuning::Moment;
use tempfile::TempDir;

use crate::simulation::chance::Chance;

const DATABASE: &str = "skytier.db";
const LOG: &str = "skytier.db-wal";
/// Bytes that reach the disk as one.
const SECTOR_BYTES: usize = 512;
/// The head of the log.
const LOG_HEAD_BYTES: usize = 32;

/// Moments at which everything written so far is synced.
const SYNCED: [Moment; 3] = [Moment::Committed, Moment::StepMerged, Moment::RoundMerged];

/// The contents of a store's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Image {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Image {
    fn of(directory: &Path) -> Self {
        let read = |name: &str| fs::read(directory.join(name)).unwrap_or_default();
        Self {
            database: read(DATABASE),
            log: read(LOG),
        }
    }

    fn write(&self, directory: &Path) {
        fs::write(directory.join(DATABASE), &self.database).expect("room for a copy");
        fs::write(directory.join(LOG), &self.log).expect("room for a copy");
    }
}

/// How the machine is to die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// The process ends at a moment; what it wrote stays.
    Killed,
    /// The power goes within a transaction; what is not synced stays or goes, sector by sector.
    Unpowered,
}

#[derive(Debug, Default)]
struct Plan {
    death: Option<(Death, u64)>,
    /// Files when everything was synced last.
    synced: Image,
    /// What is left after the death.
    left: Option<Image>,
    moments: u64,
}

/// Hears of every moment and kills the writing thread when its time has come.
#[derive(Clone, Debug)]
pub(crate) struct Fate(Arc<Mutex<(Plan, Chance)>>);

impl Fate {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new((Plan::default(), Chance::new(seed)))))
    }

    /// Lets the machine die at the `count`th moment from now that fits.
    pub(crate) fn plan(&self, death: Death, count: u64, directory: &Path) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.0.synced = Image::of(directory);
        held.0.death = Some((death, count));
    }

    /// Whether a death is planned.
    pub(crate) fn is_planned(&self) -> bool {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.0.death.is_some()
    }

    /// Calls a planned death off.
    pub(crate) fn spare(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.0.death = None;
    }

    /// Moments heard of.
    pub(crate) fn moments(&self) -> u64 {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.0.moments
    }

    /// The disk after a death, in a directory of its own.
    pub(crate) fn left(&self, within: &Path) -> TempDir {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let image = held.0.left.take().expect("the machine has died");
        let directory = TempDir::new_in(within).expect("a directory");
        image.write(directory.path());
        directory
    }

    /// To be called on the writing thread at every moment.
    pub(crate) fn reach(&self, moment: Moment, directory: &Path) {
        let dies = {
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let (plan, chance) = &mut *held;
            plan.reach(moment, directory, chance)
        };
        if dies {
            // Ends the writing thread without a word.
            std::panic::resume_unwind(Box::new("the machine died"));
        }
    }
}

impl Plan {
    fn reach(&mut self, moment: Moment, directory: &Path, chance: &mut Chance) -> bool {
        self.moments += 1;
        let Some((death, count)) = &mut self.death else {
            return false;
        };
        let death = *death;
        if death == Death::Unpowered && !SYNCED.contains(&moment) {
            return false;
        }
        *count -= 1;
        match (*count, death) {
            (0, Death::Killed) => self.left = Some(Image::of(directory)),
            (0, Death::Unpowered) => {
                self.left = Some(torn(&self.synced, &Image::of(directory), chance));
            }
            (1, Death::Unpowered) => self.synced = Image::of(directory),
            _ => {}
        }
        let dies = *count == 0;
        if dies {
            self.death = None;
        }
        dies
    }
}

/// What a power cut between two synced images leaves.
fn torn(before: &Image, after: &Image, chance: &mut Chance) -> Image {
    let restarted = before.log.get(..LOG_HEAD_BYTES) != after.log.get(..LOG_HEAD_BYTES);
    let mut headed = before.log.clone();
    if restarted && after.log.len() >= LOG_HEAD_BYTES {
        headed.resize(headed.len().max(LOG_HEAD_BYTES), 0);
        headed[..LOG_HEAD_BYTES].copy_from_slice(&after.log[..LOG_HEAD_BYTES]);
    }
    let checkpointed = before.database != after.database;
    match chance.below(8) {
        0 => before.clone(),
        1 => Image {
            database: before.database.clone(),
            log: headed,
        },
        2 if !checkpointed => after.clone(),
        2..=4 if checkpointed => Image {
            database: sectors(&before.database, &after.database, chance),
            log: after.log.clone(),
        },
        _ => Image {
            database: before.database.clone(),
            log: sectors(&headed, &after.log, chance),
        },
    }
}

/// Each sector as it was or as it was to be; a longer file may be cut short, and what was not written is zero.
fn sectors(before: &[u8], after: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut left = before.to_vec();
    left.resize(before.len().max(after.len()), 0);
    // Sometimes nearly all reached the disk, sometimes hardly any.
    let share = chance.below(1_001);
    for at in (0..after.len()).step_by(SECTOR_BYTES) {
        let end = (at + SECTOR_BYTES).min(after.len());
        if before.get(at..end) != Some(&after[at..end]) && chance.of_thousand(share) {
            left[at..end].copy_from_slice(&after[at..end]);
        }
    }
    if left.len() > before.len() && chance.of_thousand(300) {
        let end = before.len() + chance.index(left.len() - before.len());
        left.truncate(end);
    }
    left
}

#[test]
fn a_torn_file_holds_old_and_new_sectors_only() {
    let (before, after) = (vec![1; 4 * SECTOR_BYTES], vec![2; 6 * SECTOR_BYTES]);
    let mut chance = Chance::new(1);
    let mut met = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let left = sectors(&before, &after, &mut chance);
        assert!((before.len()..=after.len()).contains(&left.len()));
        for (at, sector) in left.chunks(SECTOR_BYTES).enumerate() {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "one piece");
            met.insert((at < 4, sector[0]));
        }
    }
    let expected = [(false, 0), (false, 2), (true, 1), (true, 2)];
    assert_eq!(met.into_iter().collect::<Vec<_>>(), expected);
}
