//! The rows of table `wal`: what one commit changed, small and quick to write. A commit is durable with its row;
//! `merge` moves the content to blocks later.
//!
//! Formats 1 and 2 of a row's data, numbers as in `bytes`; 2 may hold remarks of readings taken out:
//!
//! | part | content |
//! | --- | --- |
//! | format | one byte |
//! | stamps | their count; each: time of receipt minus that of the one before, remark |
//! | scale | one byte `s`: values are divided by 10^s |
//! | changes | their count; each: head, stamp if the head says so, time minus that of the one before, value if any |
//!
//! A change's head is the series' id minus that of the change before, sign folded in, times two, plus one when
//! the number of another stamp follows. Changes stand in the order they came; a later one of the same series and
//! time replaces an earlier one.

use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::adapters::store::embedded::bytes::Cursor;
use crate::adapters::store::embedded::bytes::MAX_SCALE;
use crate::adapters::store::embedded::bytes::Malformed;
use crate::adapters::store::embedded::bytes::Remark;
use crate::adapters::store::embedded::bytes::common_scale;
use crate::adapters::store::embedded::bytes::divided;
use crate::adapters::store::embedded::bytes::folded;
use crate::adapters::store::embedded::bytes::power;
use crate::adapters::store::embedded::bytes::put;
use crate::adapters::store::embedded::bytes::put_signed;
use crate::adapters::store::embedded::bytes::unfolded;

/// Newest format of a row's data.
const WAL_FORMAT: u8 = 2;
/// Format of rows that an older program reads too.
const PLAIN_FORMAT: u8 = 1;

/// What many changes share: when they were received and what is said of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) received_at: i64,
    /// `None` for the plain one.
    pub(super) remark: Option<Arc<Remark>>,
}

impl Receipt {
    /// Whether its changes have no value.
    pub(super) fn missing(&self) -> bool {
        self.remark.as_ref().is_some_and(|remark| remark.missing)
    }

    fn deleted(&self) -> bool {
        self.remark.as_ref().is_some_and(|remark| remark.deleted)
    }
}

/// One value that a commit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Id of its series.
    pub(super) series: i64,
    pub(super) time: i64,
    /// Any number when there is none.
    pub(super) value: i64,
    /// Which receipt of the commit.
    pub(super) receipt: u32,
}

/// What one commit set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) receipts: Vec<Receipt>,
    pub(super) changes: Vec<Change>,
}

impl Commit {
    fn missing(&self, change: &Change) -> bool {
        self.receipts[change.receipt as usize].missing()
    }

    /// The row's data.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.changes.len() * 6);
        let deletes = self.receipts.iter().any(Receipt::deleted);
        out.push(if deletes { WAL_FORMAT } else { PLAIN_FORMAT });
        put(&mut out, self.receipts.len() as u64);
        let mut before = 0i64;
        for receipt in &self.receipts {
            put_signed(&mut out, receipt.received_at.wrapping_sub(before));
            before = receipt.received_at;
            match &receipt.remark {
                None => Remark::plain().put(&mut out),
                Some(remark) => remark.put(&mut out),
            }
        }
        let present = self.changes.iter().filter(|change| !self.missing(change));
        let scale = common_scale(present.map(|change| change.value));
        out.push(scale);
        put(&mut out, self.changes.len() as u64);
        let mut last = Change {
            series: 0,
            time: 0,
            value: 0,
            receipt: 0,
        };
        for change in &self.changes {
            let series = folded(change.series.wrapping_sub(last.series));
            let other = change.receipt != last.receipt;
            put(&mut out, series << 1 | u64::from(other));
            if other {
                put(&mut out, u64::from(change.receipt));
            }
            put_signed(&mut out, change.time.wrapping_sub(last.time));
            if !self.missing(change) {
                put_signed(&mut out, divided(change.value, scale));
            }
            last = *change;
        }
        out
    }

    /// Reads a row's data.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn decode(data: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(data);
        if !(PLAIN_FORMAT..=WAL_FORMAT).contains(&cursor.byte()?) {
            return Err(Malformed("an unknown format"));
        }
        let mut commit = Self {
            receipts: receipts(&mut cursor)?,
            changes: Vec::new(),
        };
        let scale = cursor.byte()?;
        if scale > MAX_SCALE {
            return Err(Malformed("an unknown scale"));
        }
        let count = cursor.count()?;
        commit.changes.reserve_exact(count);
        let mut last = Change {
            series: 0,
            time: 0,
            value: 0,
            receipt: 0,
        };
        for _ in 0..count {
            let head = cursor.number()?;
            last.series = last.series.wrapping_add(unfolded(head >> 1));
            if head & 1 == 1 {
                let other = u32::try_from(cursor.number()?);
                last.receipt = other.map_err(|_| Malformed("an unknown receipt"))?;
            }
            last.time = last.time.wrapping_add(cursor.signed()?);
            let receipt = commit.receipts.get(last.receipt as usize);
            let receipt = receipt.ok_or(Malformed("an unknown receipt"))?;
            last.value = if receipt.missing() {
                0
            } else {
                cursor.signed()?.wrapping_mul(power(scale))
            };
            commit.changes.push(last);
        }
        cursor.finish()?;
        Ok(commit)
    }
}

fn receipts(cursor: &mut Cursor<'_>) -> Result<Vec<Receipt>, Malformed> {
    let count = cursor.count()?;
    let plain = Remark::plain();
    let mut received_at = 0i64;
    let mut next = || {
        received_at = received_at.wrapping_add(cursor.signed()?);
        let remark = Remark::read(cursor)?;
        Ok(Receipt {
            received_at,
            remark: (remark != plain).then(|| Arc::new(remark)),
        })
    };
    (0..count).map(|_| next()).collect()
}

/// The checksum of a row.
pub(super) fn checksum(id: i64, data: &[u8]) -> i64 {
    let mut hasher = Xxh3::new();
    hasher.update(&id.to_le_bytes());
    hasher.update(data);
    hasher.digest().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::names::Flag;
    use crate::domain::reading::Qc;
    use crate::domain::reading::Review;
    use proptest::prelude::*;

    fn receipt() -> impl Strategy<Value = Receipt> {
        let remark = (
            any::<bool>(),
            prop::sample::select(vec!["N", "M", "HSp"]),
            any::<bool>(),
        );
        (any::<i32>(), prop::option::of(remark)).prop_map(|(received_at, remark)| Receipt {
            received_at: received_at.into(),
            remark: remark.map(|(missing, flag, deleted)| {
                Arc::new(Remark {
                    missing,
                    flag: Flag::new(flag).expect("a flag"),
                    qc: Qc::Clock,
                    review: Review::Raw,
                    deleted,
                })
            }),
        })
    }

    fn commit() -> impl Strategy<Value = Commit> {
        let value = prop_oneof![
            (-9_000i64..9_000).prop_map(|tenth| tenth * 100_000),
            any::<i64>()
        ];
        let change = (
            0..1_000i64,
            any::<i64>(),
            value,
            any::<prop::sample::Index>(),
        );
        let changes = prop::collection::vec(change, 0..40);
        (prop::collection::vec(receipt(), 1..4), changes).prop_map(|(receipts, changes)| {
            let change = |(series, time, value, receipt): (_, _, _, prop::sample::Index)| {
                let receipt = receipt.index(receipts.len());
                let missing = receipts[receipt].missing();
                Change {
                    series,
                    time,
                    value: if missing { 0 } else { value },
                    receipt: receipt as u32,
                }
            };
            let changes = changes.into_iter().map(change).collect();
            Commit { receipts, changes }
        })
    }

    proptest! {
        #[test]
        fn a_commit_comes_back(commit in commit()) {
            prop_assert_eq!(Commit::decode(&commit.encode()), Ok(commit));
        }

        /// Cut, changed or invented bytes: an answer, never more changes than bytes.
        #[test]
        fn no_bytes_make_it_stumble(
            commit in commit(),
            cut in any::<prop::sample::Index>(),
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut data = commit.encode();
            data.truncate(cut.index(data.len() + 1));
            for (at, byte) in edits {
                if !data.is_empty() {
                    let at = at.index(data.len());
                    data[at] = byte;
                }
            }
            if let Ok(read) = Commit::decode(&data) {
                prop_assert!(read.changes.len() + read.receipts.len() <= data.len());
                prop_assert_eq!(Commit::decode(&read.encode()), Ok(read));
            }
        }
    }

    #[test]
    fn a_usual_change_takes_few_bytes() {
        let changes = (0..800).map(|number| Change {
            series: number + 1,
            time: 1_600_000_000 + number / 8 * 60,
            value: (number * 7 % 900) * 100_000,
            receipt: 0,
        });
        let commit = Commit {
            receipts: vec![Receipt {
                received_at: 1_600_000_003,
                remark: None,
            }],
            changes: changes.collect(),
        };
        let length = commit.encode().len();
        assert!(length < 800 * 5, "{length} bytes for 800 values");
    }
}
