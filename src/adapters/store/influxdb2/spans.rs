//! First and last times of what was written, by series.

use std::collections::BTreeMap;

use crate::adapters::store::influxdb2::cells::Column;
use crate::adapters::store::influxdb2::flux::Owner;
use crate::adapters::store::influxdb2::writer::LineId;
use crate::domain::reading::SeriesKey;

/// First and last times of the columns of one owner after the other.
#[derive(Default)]
pub(super) struct Spans {
    owner: Option<Owner>,
    columns: BTreeMap<Column, (i64, i64)>,
}

impl Spans {
    /// Adds a line; lines of an owner follow one another.
    pub(super) fn add<'a>(
        &mut self,
        (owner, time): &LineId,
        columns: impl Iterator<Item = &'a Column>,
        ended: &mut Vec<(SeriesKey, (i64, i64))>,
    ) {
        if self.owner.as_ref() != Some(owner) {
            self.end(ended);
            self.owner = Some(owner.clone());
        }
        for column in columns {
            match self.columns.get_mut(column) {
                Some((first, last)) => (*first, *last) = (*time.min(first), *time.max(last)),
                None => drop(self.columns.insert(column.clone(), (*time, *time))),
            }
        }
    }

    /// Hands on what was added of the last owner.
    pub(super) fn end(&mut self, ended: &mut Vec<(SeriesKey, (i64, i64))>) {
        let Some((source, interval_s)) = self.owner.take() else {
            return;
        };
        for ((factor, stat), span) in std::mem::take(&mut self.columns) {
            let key = SeriesKey {
                source: source.clone(),
                factor,
                stat,
                interval_s,
            };
            ended.push((key, span));
        }
    }
}
