//! Blocks: the readings of one series over one span of time, as compressed columns.
//!
//! Format 2 of a block's data, `n` readings in time order:
//!
//! | part | content |
//! | --- | --- |
//! | times | column of seconds since the span's start, 1 and up |
//! | values | column of millionths; where there is no value, the one before it again |
//! | receipt | column of seconds from a reading's time to its receipt |
//! | remarks | nothing when all are plain; else the count of others, each once, then runs `(which, how many)` over all, 0 plain |
//!
//! How columns are coded stands in `column`; numbers are those of `bytes`. Format 1 knows fewer codings and no remarks
//! of readings taken out; it is read, and becomes format 2 when written anew. The row beside the data carries count,
//! sum, least, greatest, first and last time, format and a checksum over all of it and the series' key.

mod bare;
mod column;

use std::collections::BTreeSet;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::adapters::store::embedded::block::column::Nature;
use crate::adapters::store::embedded::block::column::column;
use crate::adapters::store::embedded::block::column::put_column;
use crate::adapters::store::embedded::bytes::Cursor;
use crate::adapters::store::embedded::bytes::Malformed;
use crate::adapters::store::embedded::bytes::Remark;
use crate::adapters::store::embedded::bytes::put;
use crate::domain::calendar::Instant;
use crate::domain::names::Flag;
use crate::domain::reading::Qc;
use crate::domain::reading::Reading;
use crate::domain::reading::Review;
use crate::domain::units::Amount;

pub(super) use crate::adapters::store::embedded::block::bare::Bare;

/// Format of a block's data as written; earlier ones are read too.
pub(super) const BLOCK_FORMAT: u32 = 2;
/// Spans begin at 00:00 in UTC+8, so that a day of the usual zone is one block of minute values.
const ORIGIN: i64 = -8 * 3_600;
/// Seconds of a day.
const DAY_S: i64 = 86_400;
/// Days in a block of a series that reports hourly or more seldom.
const SLOW_DAYS: i64 = 60;
/// Intervals from here on are slow.
const SLOW_INTERVAL_S: u32 = 3_600;

/// How a series' time is cut into spans: each excludes its start and includes its end, as periods do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    seconds: i64,
}

impl Cut {
    /// The cut for series of an interval.
    pub(super) fn of(interval_s: u32) -> Self {
        let days = if interval_s >= SLOW_INTERVAL_S {
            SLOW_DAYS
        } else {
            1
        };
        Self {
            seconds: days * DAY_S,
        }
    }

    /// Number of the span that holds a time.
    pub(super) fn span(self, time: i64) -> i64 {
        match time.checked_sub(ORIGIN + 1) {
            Some(since) => since.div_euclid(self.seconds),
            None => {
                let since = i128::from(time) - i128::from(ORIGIN + 1);
                let span = since.div_euclid(i128::from(self.seconds));
                i64::try_from(span).expect("a quotient of a 64-bit time fits")
            }
        }
    }

    /// Seconds from a span's start to a time in it.
    pub(super) fn offset(self, span: i64, time: i64) -> u32 {
        let offset = time.wrapping_sub(self.start(span));
        u32::try_from(offset).expect("a time of this span")
    }

    /// As [`Self::offset`], if the time is of that span.
    pub(super) fn within(self, span: i64, time: i64) -> Option<u32> {
        let offset = time.wrapping_sub(self.start(span));
        (1..=self.seconds)
            .contains(&offset)
            .then_some(offset as u32)
    }

    /// The time at an offset of a span.
    pub(super) fn time(self, span: i64, offset: u32) -> i64 {
        self.start(span).wrapping_add(i64::from(offset))
    }

    /// The end of the last span that is over at a time.
    pub(super) fn last_end(self, time: i64) -> i64 {
        let span = self.span(time);
        let end = self.time(span, self.readings_max());
        if end <= time { end } else { self.start(span) }
    }

    /// Most readings a span can hold: one a second.
    pub(super) fn readings_max(self) -> u32 {
        u32::try_from(self.seconds).expect("60 days of seconds")
    }

    /// Wraps at the ends of time, as sums and differences with it do.
    fn start(self, span: i64) -> i64 {
        span.wrapping_mul(self.seconds).wrapping_add(ORIGIN)
    }
}

/// One reading as it is kept, its time as seconds since the span's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) offset: u32,
    /// Any number when the remark says missing.
    pub(super) value: i64,
    pub(super) received_at: i64,
    /// `None` for the plain one.
    pub(super) remark: Option<Arc<Remark>>,
}

impl Cell {
    /// As a reading at its time.
    pub(super) fn reading(&self, time: i64, normal: &Flag) -> Reading {
        let time = Instant::from_unix(time);
        match &self.remark {
            None => Reading {
                time,
                value: Some(Amount::from_micros(self.value)),
                flag: normal.clone(),
                qc: Qc::Passed,
                review: Review::Raw,
            },
            Some(remark) => Reading {
                time,
                value: (!remark.missing).then_some(Amount::from_micros(self.value)),
                flag: remark.flag.clone(),
                qc: remark.qc,
                review: remark.review,
            },
        }
    }
}

impl Cell {
    /// Whether it was taken out.
    pub(super) fn is_deleted(&self) -> bool {
        self.remark.as_ref().is_some_and(|remark| remark.deleted)
    }

    /// The value, if there is one that counts.
    pub(super) fn counting_value(&self) -> Option<i64> {
        let has_value = self.remark.as_ref().is_none_or(|remark| remark.has_value());
        has_value.then_some(self.value)
    }
}

/// A block's readings, unpacked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    offsets: Vec<u32>,
    values: Vec<i64>,
    received: Vec<i64>,
    /// Remarks that are not plain, each once.
    remarks: Vec<Arc<Remark>>,
    /// Which remark belongs to which reading: 0 the plain one, 1 the first of `remarks`. Empty when all are plain.
    codes: Vec<u32>,
}

/// The row beside a block's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// Readings, with those taken out.
    pub(super) n: u32,
    /// Sum of the values in millionths; `None` without values or when it does not fit.
    pub(super) sum: Option<i64>,
    /// Least value.
    pub(super) min: Option<i64>,
    /// Greatest value.
    pub(super) max: Option<i64>,
    /// First time.
    pub(super) first: i64,
    /// Last time.
    pub(super) last: i64,
}

impl Block {
    /// Readings it holds.
    pub(super) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Offsets of all readings, ascending.
    pub(super) fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// The reading at a position.
    pub(super) fn cell(&self, at: usize) -> Cell {
        Cell {
            offset: self.offsets[at],
            value: self.values[at],
            received_at: self.received[at],
            remark: self.remark(at).cloned(),
        }
    }

    /// The reading of an offset.
    pub(super) fn find(&self, offset: u32) -> Option<Cell> {
        let at = self.offsets.binary_search(&offset).ok()?;
        Some(self.cell(at))
    }

    fn remark(&self, at: usize) -> Option<&Arc<Remark>> {
        let code = self.codes.get(at).copied().unwrap_or_default();
        (code > 0).then(|| &self.remarks[code as usize - 1])
    }

    /// Adds a reading after all others.
    ///
    /// # Panics
    /// When it does not come after them.
    pub(super) fn push(&mut self, cell: Cell) {
        let after = self.offsets.last().is_none_or(|last| *last < cell.offset);
        assert!(after, "readings of a block are added in order");
        let missing = cell.remark.as_ref().is_some_and(|remark| remark.missing);
        if cell.remark.is_some() || !self.codes.is_empty() {
            let code = cell.remark.map_or(0, |remark| self.code(remark));
            self.codes.resize(self.offsets.len(), 0);
            self.codes.push(code);
        }
        let before = self.values.last().copied().unwrap_or_default();
        self.values.push(if missing { before } else { cell.value });
        self.offsets.push(cell.offset);
        self.received.push(cell.received_at);
    }

    fn code(&mut self, remark: Arc<Remark>) -> u32 {
        let known = self.remarks.iter().position(|known| *known == remark);
        let code = known.unwrap_or_else(|| {
            self.remarks.push(remark);
            self.remarks.len() - 1
        });
        u32::try_from(code + 1).expect("no more remarks than readings")
    }

    /// Adds a part of a block with the same remarks.
    fn extend(&mut self, from: &Self, part: std::ops::Range<usize>) {
        if !from.codes.is_empty() || !self.codes.is_empty() {
            self.codes.resize(self.offsets.len(), 0);
            match from.codes.get(part.clone()) {
                Some(codes) => self.codes.extend_from_slice(codes),
                None => self.codes.resize(self.codes.len() + part.len(), 0),
            }
        }
        self.offsets.extend_from_slice(&from.offsets[part.clone()]);
        self.values.extend_from_slice(&from.values[part.clone()]);
        self.received.extend_from_slice(&from.received[part]);
    }

    /// These readings and newer ones in order of offset; a newer one of the same offset takes the place of the
    /// one before.
    pub(super) fn with(mut self, newer: impl Iterator<Item = Cell>) -> Self {
        let mut newer = newer.peekable();
        let apart = |first: &Cell| self.offsets.last().is_none_or(|last| *last < first.offset);
        let mut merged = if newer.peek().is_none_or(apart) {
            std::mem::take(&mut self)
        } else {
            Self {
                remarks: self.remarks.clone(),
                ..Self::default()
            }
        };
        let mut at = 0;
        while let Some(mut cell) = newer.next() {
            while let Some(later) = newer.next_if(|later| later.offset == cell.offset) {
                cell = later;
            }
            let end = at + self.offsets[at..].partition_point(|offset| *offset < cell.offset);
            merged.extend(&self, at..end);
            at = end + usize::from(self.offsets.get(end) == Some(&cell.offset));
            merged.push(cell);
        }
        merged.extend(&self, at..self.len());
        merged
    }

    /// Readings that count: those not taken out.
    pub(super) fn counting(&self) -> u32 {
        let deleted = |code: &&u32| **code > 0 && self.remarks[**code as usize - 1].deleted;
        let deleted = self.codes.iter().filter(deleted).count();
        u32::try_from(self.len() - deleted).expect("at most one reading a second")
    }

    /// What the row beside the data says.
    ///
    /// # Panics
    /// When the block is empty or not of this span.
    pub(super) fn summary(&self, cut: Cut, span: i64) -> Summary {
        let time = |offset: Option<&u32>| cut.time(span, *offset.expect("a block holds a reading"));
        let present = |at: &usize| self.remark(*at).is_none_or(|remark| remark.has_value());
        let values = || (0..self.len()).filter(present).map(|at| self.values[at]);
        let sum = values().try_fold(0i64, |sum, value| sum.checked_add(value));
        Summary {
            n: u32::try_from(self.len()).expect("at most one reading a second"),
            sum: sum.filter(|_| values().next().is_some()),
            min: values().min(),
            max: values().max(),
            first: time(self.offsets.first()),
            last: time(self.offsets.last()),
        }
    }

    /// The data of a block that starts at some span.
    pub(super) fn encode(&self, cut: Cut, span: i64) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len() + 64);
        let offsets: Vec<i64> = self
            .offsets
            .iter()
            .map(|offset| i64::from(*offset))
            .collect();
        put_column(&mut out, &offsets, Nature::Walk);
        put_column(&mut out, &self.values, Nature::Walk);
        let pairs = self.received.iter().zip(&self.offsets);
        let lags: Vec<i64> = pairs
            .map(|(received_at, offset)| received_at.wrapping_sub(cut.time(span, *offset)))
            .collect();
        put_column(&mut out, &lags, Nature::Few);
        self.put_remarks(&mut out);
        out
    }

    fn put_remarks(&self, out: &mut Vec<u8>) {
        if self.codes.iter().all(|code| *code == 0) {
            return;
        }
        let used: BTreeSet<u32> = self
            .codes
            .iter()
            .copied()
            .filter(|code| *code > 0)
            .collect();
        put(out, used.len() as u64);
        for code in &used {
            self.remarks[*code as usize - 1].put(out);
        }
        for run in self.codes.chunk_by(|a, b| a == b) {
            let code = used.range(..=run[0]).count();
            put(out, code as u64);
            put(out, run.len() as u64);
        }
    }

    /// Reads `n` readings back.
    ///
    /// # Errors
    /// What is wrong with the data.
    pub(super) fn decode(data: &[u8], n: u32, cut: Cut, span: i64) -> Result<Self, Malformed> {
        if n == 0 || n > cut.readings_max() {
            return Err(Malformed("an impossible count of readings"));
        }
        let n = n as usize;
        let mut cursor = Cursor::new(data);
        let offsets = offsets_of(column(&mut cursor, n)?, cut)?;
        let values = column(&mut cursor, n)?;
        let mut received = column(&mut cursor, n)?;
        for (received_at, offset) in received.iter_mut().zip(&offsets) {
            *received_at = received_at.wrapping_add(cut.time(span, *offset));
        }
        let mut block = Self {
            offsets,
            values,
            received,
            remarks: Vec::new(),
            codes: Vec::new(),
        };
        if cursor.left() > 0 {
            let (all, codes) = remarks(&mut cursor, n)?;
            block.remarks = all.into_iter().map(Arc::new).collect();
            block.codes = codes;
        }
        cursor.finish()?;
        Ok(block)
    }
}

/// The remarks of `n` readings: each once, then which one each reading has, 0 for the plain one.
fn remarks(cursor: &mut Cursor<'_>, n: usize) -> Result<(Vec<Remark>, Vec<u32>), Malformed> {
    let count = cursor.count()?;
    let remarks: Result<Vec<Remark>, Malformed> =
        (0..count).map(|_| Remark::read(cursor)).collect();
    let mut codes = Vec::with_capacity(n);
    while codes.len() < n {
        let code = cursor.number()?;
        let run = cursor.number()?;
        let left = (n - codes.len()) as u64;
        if code > count as u64 || run == 0 || run > left {
            return Err(Malformed("an impossible run of remarks"));
        }
        codes.resize(codes.len() + run as usize, code as u32);
    }
    Ok((remarks?, codes))
}

fn offsets_of(column: Vec<i64>, cut: Cut) -> Result<Vec<u32>, Malformed> {
    check_offsets(&column, cut)?;
    Ok(column.into_iter().map(|offset| offset as u32).collect())
}

/// Checks that offsets ascend within a span.
fn check_offsets(offsets: &[i64], cut: Cut) -> Result<(), Malformed> {
    let mut before = 0;
    for offset in offsets.iter().copied() {
        if u32::try_from(offset).is_err() {
            return Err(Malformed("a time outside its span"));
        }
        if offset <= before {
            return Err(Malformed("times out of order"));
        }
        before = offset;
    }
    if before > i64::from(cut.readings_max()) {
        return Err(Malformed("a time outside its span"));
    }
    Ok(())
}

/// The checksum of a row: over its series' key, its place, its summary and its data.
pub(super) fn checksum(
    key_hash: i64,
    span: i64,
    (format, summary): (u32, &Summary),
    data: &[u8],
) -> i64 {
    let mut hasher = Xxh3::new();
    let Summary {
        n,
        sum,
        min,
        max,
        first,
        last,
    } = *summary;
    for number in [key_hash, span, i64::from(format), i64::from(n), first, last] {
        hasher.update(&number.to_le_bytes());
    }
    for number in [sum, min, max] {
        hasher.update(&[u8::from(number.is_some())]);
        hasher.update(&number.unwrap_or_default().to_le_bytes());
    }
    hasher.update(data);
    hasher.digest().cast_signed()
}

#[cfg(test)]
mod tests;
