//! A disk that loses power. The files of a store are copied at the moments of a commit, and what a dead machine
//! would find is put together from the copies.
//!
//! With `synchronous=FULL` everything is synced when a commit has ended or the log has been moved; a step of merging is
//! synced with the next of them. A power cut leaves, sector by sector, what was synced last or what was written since:
//! first the head of the log, which is synced by itself, then its frames, then, once all of them are synced, pages of
//! the database, as while the log is moved.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use rusqlite::Connection;
use skytier::adapters::store::embedded::tuning::Moment;
use tempfile::TempDir;

use crate::simulation::chance::Chance;

const DATABASE: &str = "skytier.db";
const LOG: &str = "skytier.db-wal";
/// Bytes that reach the disk as one.
const SECTOR_BYTES: usize = 512;
/// The head of the log.
const LOG_HEAD_BYTES: usize = 32;

/// Moments at which the power may go: the ends of what is written in one piece.
const ENDS: [Moment; 3] = [Moment::Committed, Moment::StepMerged, Moment::RoundMerged];

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

    /// The database when all of the log has been moved into it.
    fn moved(&self) -> Vec<u8> {
        let directory = TempDir::new().expect("a directory");
        self.write(directory.path());
        let path = directory.path().join(DATABASE);
        let connection = Connection::open(&path).expect("a copy can be opened");
        let pass = "PRAGMA wal_checkpoint(PASSIVE)";
        let moved = connection.query_row(pass, [], |_| Ok(()));
        moved.expect("what was written can be moved");
        fs::read(path).expect("a database")
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
    /// The power goes; what is not synced stays or goes, sector by sector.
    Unpowered,
}

#[derive(Debug, Default)]
struct Plan {
    death: Option<(Death, u64)>,
    /// Whether something was written since all was synced.
    unsynced: bool,
    /// The files as they were synced last, once that was seen since the death was planned.
    synced: Option<Image>,
    deaths: u64,
    /// What is left after the death.
    left: Option<Image>,
    moments: u64,
}

/// Hears of every moment and kills the writing thread when its time has come.
#[derive(Clone, Debug)]
pub(crate) struct Fate(Arc<Mutex<(Plan, u64)>>);

impl Fate {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new((Plan::default(), seed))))
    }

    /// Lets the machine die at the `count`th moment from now that fits.
    pub(crate) fn plan(&self, death: Death, count: u64) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.0.death = Some((death, count));
        held.0.synced = None;
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
            let (plan, seed) = &mut *held;
            plan.reach(moment, directory, *seed)
        };
        if dies {
            // Ends the writing thread without a word.
            std::panic::resume_unwind(Box::new("the machine died"));
        }
    }
}

impl Plan {
    fn reach(&mut self, moment: Moment, directory: &Path, seed: u64) -> bool {
        // When the log is moved depends on who reads meanwhile, so nothing else may depend on that.
        if moment == Moment::CheckpointDue {
            return false;
        }
        if moment == Moment::Checkpointed {
            let seen = self.synced.is_some();
            self.synced = seen.then(|| Image::of(directory));
            return false;
        }
        self.moments += 1;
        let synced_before = !self.unsynced;
        self.unsynced = moment != Moment::Committed;
        let Some((death, count)) = &mut self.death else {
            return false;
        };
        let death = *death;
        if death == Death::Unpowered {
            if synced_before && self.unsynced {
                self.synced = Some(Image::of(directory));
            }
            if self.synced.is_none() || !ENDS.contains(&moment) {
                return false;
            }
        }
        *count -= 1;
        if *count > 0 {
            return false;
        }
        let left = Image::of(directory);
        self.deaths += 1;
        // Chance of its own, as what lies where in the files may differ from run to run.
        let mut chance = Chance::new(seed ^ self.deaths << 32);
        self.left = Some(match &self.synced {
            Some(synced) if death == Death::Unpowered => torn(synced, &left, &mut chance),
            _ => left,
        });
        self.death = None;
        // The next machine opens what is left, all of it on disk.
        self.unsynced = false;
        true
    }
}

/// What a power cut leaves between the images as synced last and as written since. Whether the last transaction is
/// durable follows from chance alone, not from what lies where.
fn torn(before: &Image, after: &Image, chance: &mut Chance) -> Image {
    let restarted = before.log.get(..LOG_HEAD_BYTES) != after.log.get(..LOG_HEAD_BYTES);
    let mut headed = before.log.clone();
    if restarted && after.log.len() >= LOG_HEAD_BYTES {
        headed.resize(headed.len().max(LOG_HEAD_BYTES), 0);
        headed[..LOG_HEAD_BYTES].copy_from_slice(&after.log[..LOG_HEAD_BYTES]);
    }
    let database = before.database.clone();
    match chance.below(8) {
        0 => before.clone(),
        1 => Image {
            database,
            log: headed,
        },
        2 => after.clone(),
        3..=4 => Image {
            database: sectors(&after.database, &after.moved(), true, chance),
            log: after.log.clone(),
        },
        _ => Image {
            database,
            log: sectors(&headed, &after.log, false, chance),
        },
    }
}

/// Each sector as it was or as it was to be, the last one that changes as it was unless it may be written; a longer
/// file may be cut short, and what was not written is zero.
fn sectors(before: &[u8], after: &[u8], last: bool, chance: &mut Chance) -> Vec<u8> {
    let mut left = before.to_vec();
    left.resize(before.len().max(after.len()), 0);
    let places = (0..after.len()).step_by(SECTOR_BYTES);
    let places = places.map(|at| at..(at + SECTOR_BYTES).min(after.len()));
    let mut changed: Vec<_> = places
        .filter(|place| before.get(place.clone()) != Some(&after[place.clone()]))
        .collect();
    if !last {
        changed.pop();
    }
    // Sometimes nearly all reached the disk, sometimes hardly any.
    let share = chance.below(1_001);
    for place in changed {
        if chance.of_thousand(share) {
            left[place.clone()].copy_from_slice(&after[place]);
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
        let left = sectors(&before, &after, true, &mut chance);
        assert!((before.len()..=after.len()).contains(&left.len()));
        for (at, sector) in left.chunks(SECTOR_BYTES).enumerate() {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "one piece");
            met.insert((at < 4, sector[0]));
        }
    }
    let left = sectors(&before, &after, false, &mut chance);
    assert!(
        left.get(5 * SECTOR_BYTES).is_none_or(|byte| *byte == 0),
        "the last one is never written"
    );
    let expected = [(false, 0), (false, 2), (true, 1), (true, 2)];
    assert_eq!(met.into_iter().collect::<Vec<_>>(), expected);
}
