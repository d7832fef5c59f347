//! A block's times and values alone: what a scan unpacks of it, in place and without a reading made.

use crate::adapters::store::embedded::block::Cut;
use crate::adapters::store::embedded::block::check_offsets;
use crate::adapters::store::embedded::block::column::Coding;
use crate::adapters::store::embedded::block::column::coding;
use crate::adapters::store::embedded::block::column::unpack;
use crate::adapters::store::embedded::block::remarks;
use crate::adapters::store::embedded::bytes::Cursor;
use crate::adapters::store::embedded::bytes::Malformed;
use crate::adapters::store::embedded::bytes::Remark;
use crate::domain::strip::Strip;
use crate::domain::strip::Times;

/// Times and values of one block after another, in memory that is used again.
#[derive(Debug, Default)]
pub(in crate::adapters::store::embedded) struct Bare {
    /// First time and step where the times are even.
    even: Option<(i64, i64)>,
    /// The times where they are not.
    times: Vec<i64>,
    values: Vec<i64>,
    /// Empty when every value is usable.
    usable: Vec<bool>,
    /// From a reading's time to its receipt; only unpacked when asked for.
    lags: Vec<i64>,
    /// What a column is unpacked to before it becomes wide.
    narrow: Vec<i16>,
}

impl Bare {
    /// Unpacks `n` readings in the place of those held. Says whether they are what counts: none was taken out, and
    /// with `known_at` all of them were received by then.
    ///
    /// # Errors
    /// What is wrong with the data.
    pub(in crate::adapters::store::embedded) fn unpack(
        &mut self,
        data: &[u8],
        n: u32,
        (cut, span): (Cut, i64),
        known_at: Option<i64>,
    ) -> Result<bool, Malformed> {
        if n == 0 || n > cut.readings_max() {
            return Err(Malformed("an impossible count of readings"));
        }
        let n = n as usize;
        let mut cursor = Cursor::new(data);
        self.unpack_times(&mut cursor, n, (cut, span))?;
        let values = coding(&mut cursor)?;
        let into = (&mut self.values, &mut self.narrow);
        unpack(values, &mut cursor, n, into)?;
        let lags = coding(&mut cursor)?;
        // A packed column is passed over by its length.
        if known_at.is_some() || matches!(lags.0, Coding::Differences) {
            unpack(lags, &mut cursor, n, (&mut self.lags, &mut self.narrow))?;
        }
        self.usable.clear();
        if cursor.left() > 0 {
            let (all, codes) = remarks(&mut cursor, n)?;
            if all.iter().any(|remark| remark.deleted) {
                return Ok(false);
            }
            let usable: Vec<bool> = all.iter().map(Remark::usable).collect();
            let of = |code: &u32| *code == 0 || usable[*code as usize - 1];
            self.usable.extend(codes.iter().map(of));
        }
        cursor.finish()?;
        let by = |known_at: i64| {
            let received = |at: usize| self.strip().time(at).wrapping_add(self.lags[at]);
            (0..n).all(|at| received(at) <= known_at)
        };
        Ok(known_at.is_none_or(by))
    }

    fn unpack_times(
        &mut self,
        cursor: &mut Cursor<'_>,
        n: usize,
        (cut, span): (Cut, i64),
    ) -> Result<(), Malformed> {
        let (times, power) = coding(cursor)?;
        self.even = match times {
            Coding::Regular { first, step } => even(first, step, power, n, cut)
                .map(|(offset, step)| (cut.time(span, offset), step)),
            _ => None,
        };
        if self.even.is_some() {
            return Ok(());
        }
        let into = (&mut self.times, &mut self.narrow);
        unpack((times, power), cursor, n, into)?;
        check_offsets(&self.times, cut)?;
        for time in &mut self.times {
            let offset = u32::try_from(*time).expect("just checked");
            *time = cut.time(span, offset);
        }
        Ok(())
    }

    /// What it holds.
    pub(in crate::adapters::store::embedded) fn strip(&self) -> Strip<'_> {
        let times = match self.even {
            Some((first, step)) => Times::Even { first, step },
            None => Times::Listed(&self.times),
        };
        let usable = (!self.usable.is_empty()).then_some(self.usable.as_slice());
        Strip::new(times, &self.values, usable)
    }
}

/// First offset and step of offsets that ascend within a span; `None` when they do not.
fn even(first: i64, step: i64, power: i64, n: usize, cut: Cut) -> Option<(u32, i64)> {
    let (first, step) = (first.checked_mul(power)?, step.checked_mul(power)?);
    let steps = i64::try_from(n - 1).ok()?;
    let last = step.checked_mul(steps)?.checked_add(first)?;
    let ascends = first > 0 && (step > 0 || steps == 0);
    let within = last <= i64::from(cut.readings_max());
    (ascends && within).then_some((u32::try_from(first).ok()?, step))
}
