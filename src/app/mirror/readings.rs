//! Readings for the mirror: a line has all that a source says of one time, so that few lines are sent.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

use chrono::NaiveDate;

use crate::adapters::store::influxdb2::mirror::Lines;
use crate::app::mirror::Mirroring;
use crate::app::mirror::Touched;
use crate::domain::calendar::Instant;
use crate::domain::names::SourceId;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;
use crate::ports::Range;
use crate::ports::Series;
use crate::ports::StoreError;

/// Readings of a column read at once.
const PAGE_READINGS: usize = 5_000;

/// A column, read a page at a time.
struct Pages<'a> {
    key: &'a SeriesKey,
    range: Range,
    page: VecDeque<(Instant, Reading)>,
    over: bool,
}

impl<'a> Pages<'a> {
    fn of(key: &'a SeriesKey) -> Self {
        Self {
            key,
            range: Range {
                limit: PAGE_READINGS,
                ..Range::ALL
            },
            page: VecDeque::new(),
            over: false,
        }
    }

    /// Reads on when the page is used up.
    async fn fill(&mut self, series: &dyn Series) -> Result<(), StoreError> {
        if self.over || !self.page.is_empty() {
            return Ok(());
        }
        self.page = series.received(self.key, self.range).await?.into();
        self.over = self.page.len() < PAGE_READINGS;
        if let Some((_, last)) = self.page.back() {
            self.range.after = last.time;
        }
        Ok(())
    }

    /// Up to when everything is in the page.
    fn upto(&self) -> Option<Instant> {
        let last = self.page.back().filter(|_| !self.over);
        last.map(|(_, reading)| reading.time)
    }

    /// The next one up to a time.
    fn next(&mut self, upto: Option<Instant>) -> Option<(Instant, Reading)> {
        let (_, first) = self.page.front()?;
        if upto.is_some_and(|upto| first.time > upto) {
            return None;
        }
        self.page.pop_front()
    }
}

impl Mirroring {
    /// Sends every value received since a moment.
    pub(super) async fn since(&self, since: Instant) -> Result<Touched, StoreError> {
        let mut touched = Touched::new();
        let keys = self.series.keys().await?;
        for own in keys.chunk_by(|a, b| a.source == b.source) {
            self.source_since(own, since, &mut touched).await?;
        }
        Ok(touched)
    }

    /// The same of the columns of one source.
    async fn source_since(
        &self,
        own: &[SeriesKey],
        since: Instant,
        touched: &mut Touched,
    ) -> Result<(), StoreError> {
        let mut columns: Vec<Pages<'_>> = own.iter().map(Pages::of).collect();
        let mut lines = Lines::default();
        loop {
            for column in &mut columns {
                column.fill(self.series.as_ref()).await?;
            }
            // Beyond the shortest page other columns may have more to say of a time.
            let upto = columns.iter().filter_map(Pages::upto).min();
            for column in &mut columns {
                while let Some((received_at, reading)) = column.next(upto) {
                    if received_at >= since {
                        lines.reading(column.key, &reading);
                        self.touched(touched, &column.key.source, reading.time);
                    }
                }
            }
            self.full(&mut lines).await?;
            if upto.is_none() {
                return self.send(&mut lines).await;
            }
        }
    }

    fn touched(&self, touched: &mut Touched, source: &SourceId, time: Instant) {
        let day = self.zone.day_of_ending(time);
        match touched.get_mut(source) {
            Some(days) => drop(days.insert(day)),
            None => drop(touched.insert(source.clone(), BTreeSet::from([day]))),
        }
    }

    /// Sends the values at some times, read a source and day at a time.
    pub(super) async fn values(
        &self,
        values: BTreeSet<(SourceId, Instant)>,
    ) -> Result<Touched, StoreError> {
        let mut touched = Touched::new();
        let mut by_day: BTreeMap<(SourceId, NaiveDate), BTreeSet<Instant>> = BTreeMap::new();
        for (source, time) in values {
            self.touched(&mut touched, &source, time);
            let day = self.zone.day_of_ending(time);
            by_day.entry((source, day)).or_default().insert(time);
        }
        if by_day.is_empty() {
            return Ok(touched);
        }
        let keys = self.series.keys().await?;
        let mut lines = Lines::default();
        for ((source, day), times) in by_day {
            let own = |key: &&SeriesKey| key.source == source;
            let range = Range {
                after: self.zone.day_start(day),
                upto: self.zone.day_end(day),
                ..Range::ALL
            };
            for key in keys.iter().filter(own) {
                let column = self.series.column(key, range).await?;
                for reading in column
                    .iter()
                    .filter(|reading| times.contains(&reading.time))
                {
                    lines.reading(key, reading);
                }
            }
            self.full(&mut lines).await?;
        }
        self.send(&mut lines).await?;
        Ok(touched)
    }
}
