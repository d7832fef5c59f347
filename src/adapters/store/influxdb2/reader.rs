//! Columns out of the bucket, a bounded part at a time.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::adapters::store::influxdb2::cells::Cell;
use crate::adapters::store::influxdb2::cells::Column;
use crate::adapters::store::influxdb2::cells::Part;
use crate::adapters::store::influxdb2::cells::READING;
use crate::adapters::store::influxdb2::cells::REVISION;
use crate::adapters::store::influxdb2::cells::amount;
use crate::adapters::store::influxdb2::cells::field;
use crate::adapters::store::influxdb2::cells::read_field;
use crate::adapters::store::influxdb2::client::Client;
use crate::adapters::store::influxdb2::client::Failure;
use crate::adapters::store::influxdb2::client::FieldRead;
use crate::adapters::store::influxdb2::client::Row;
use crate::adapters::store::influxdb2::flux::Ask;
use crate::adapters::store::influxdb2::flux::ends;
use crate::adapters::store::influxdb2::flux::gather;
use crate::adapters::store::influxdb2::flux::owner;
use crate::adapters::store::influxdb2::windows::ANSWER_READINGS_MAX;
use crate::adapters::store::influxdb2::windows::WINDOW_READINGS;
use crate::adapters::store::influxdb2::windows::Windows;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::calendar::Zone;
use crate::domain::deletion::Deletion;
use crate::domain::names::SourceId;
use crate::domain::reading::Pick;
use crate::domain::reading::Picked;
use crate::domain::reading::Reading;
use crate::domain::reading::Replaced;
use crate::domain::reading::SeriesKey;
use crate::domain::units::Amount;
use crate::ports::Range;
use crate::ports::ReplacedQuery;

/// First and last time of every series.
pub(super) type Ends = BTreeMap<SeriesKey, (i64, i64)>;

/// Asks for the ends of every series.
///
/// # Errors
/// A [`Failure`]; rows that are not ours are one of settings.
pub(super) async fn read_ends(client: &Client, bucket: &str) -> Result<Ends, Failure> {
    let mut found = Ends::new();
    for end in ["first", "last"] {
        for row in client.query(ends(bucket, end)).await? {
            let (source, interval_s) = owner(&row).map_err(Failure::Settings)?;
            let Some(((factor, stat), Part::At)) = read_field(&row.field) else {
                let foreign = format!(
                    "field {:?} of measurement {READING} is not skytier's",
                    row.field
                );
                return Err(Failure::Settings(foreign));
            };
            let key = SeriesKey {
                source,
                factor,
                stat,
                interval_s,
            };
            let (first, last) = found.entry(key).or_insert((row.time, row.time));
            *first = row.time.min(*first);
            *last = row.time.max(*last);
        }
    }
    Ok(found)
}

/// One column of a bucket.
pub(super) struct ColumnOf<'a> {
    pub(super) client: &'a Client,
    pub(super) bucket: &'a str,
    pub(super) key: &'a SeriesKey,
    /// First and last time it has.
    pub(super) ends: (i64, i64),
}

impl ColumnOf<'_> {
    /// Readings in time order, each after when it was received. When `receipts` are not asked for, that is the
    /// beginning of time.
    ///
    /// # Errors
    /// A [`Failure`]; what cannot be read is one of settings.
    pub(super) async fn read(
        &self,
        range: Range,
        receipts: bool,
    ) -> Result<Vec<(Instant, Reading)>, Failure> {
        let first = range.after.plus_s(1).unix().max(self.ends.0);
        let last = range.upto.unix().min(self.ends.1);
        let receipts = receipts || range.known_at.is_some();
        let mut windows = Windows::new((first, last), self.key.interval_s, range.limit);
        let mut readings = Vec::new();
        while let Some(window) = windows.next() {
            if readings.len() >= range.limit || range.after >= range.upto {
                break;
            }
            let (rows, upto) = self
                .window(window, range.known_at, receipts, &mut readings)
                .await?;
            windows.found(rows, upto);
        }
        readings.truncate(range.limit);
        Ok(readings)
    }

    /// What an order means of it: times and what stands there, as far as these are not too many.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) async fn meant(
        &self,
        order: &Deletion,
        most: usize,
    ) -> Result<Vec<(i64, Cell)>, Failure> {
        let first = order.after.plus_s(1).unix().max(self.ends.0);
        let last = order.upto.unix().min(self.ends.1);
        let mut windows = Windows::new((first, last), self.key.interval_s, WINDOW_READINGS);
        let parts = [Part::Value, Part::Note, Part::At];
        let mut found = Vec::new();
        while let Some(window) = windows.next() {
            if found.len() > most {
                break;
            }
            let (cells, upto) = self.standing(&parts, window).await?;
            windows.found(cells.len(), upto);
            let standing = cells.into_iter().filter(|(_, cell)| !cell.deleted);
            found.extend(standing);
        }
        Ok(found)
    }

    /// The server's own means of days, to compare with ours; by the day, to six decimals. `None` where a reading was
    /// taken out by order, which the server does not know.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) async fn day_means(
        &self,
        span: Span,
        zone: Zone,
    ) -> Result<BTreeMap<NaiveDate, Option<Amount>>, Failure> {
        let column: Column = (self.key.factor.clone(), self.key.stat.clone());
        let ask = Ask {
            bucket: self.bucket,
            measurement: READING,
            sources: std::slice::from_ref(&self.key.source),
            interval_s: self.key.interval_s,
            first: zone.day_start(span.from).plus_s(1).unix(),
            last: zone.day_end(span.to).unix(),
            fields: &[field(&column, Part::Value)],
            rows_max: None,
        };
        let mut means = BTreeMap::new();
        for row in self.client.query(ask.day_means(zone)).await? {
            let Some(FieldRead::Number(mean)) = row.value else {
                return Err(Failure::Settings(format!(
                    "a mean is {:?}, not a number",
                    row.value
                )));
            };
            let mean = amount(mean).map_err(Failure::Settings)?;
            let day = zone.local(Instant::from_unix(row.time)).date_naive();
            means.insert(day, Some(mean));
        }
        let parts = [Part::Value, Part::Note, Part::At];
        let within = (ask.first.max(self.ends.0), ask.last.min(self.ends.1));
        let mut windows = Windows::new(within, self.key.interval_s, WINDOW_READINGS);
        while let Some(window) = windows.next() {
            let (cells, upto) = self.standing(&parts, window).await?;
            windows.found(cells.len(), upto);
            for (time, _) in cells.into_iter().filter(|(_, cell)| cell.deleted) {
                means.insert(zone.day_of_ending(Instant::from_unix(time)), None);
            }
        }
        Ok(means)
    }

    /// Adds readings of a window; gives how many there are or were, and up to when they were read.
    async fn window(
        &self,
        (first, last): (i64, i64),
        known_at: Option<Instant>,
        receipts: bool,
        readings: &mut Vec<(Instant, Reading)>,
    ) -> Result<(usize, i64), Failure> {
        let parts = if receipts {
            &[Part::Value, Part::Note, Part::At][..]
        } else {
            &[Part::Value, Part::Note]
        };
        let (counting, upto) = self.standing(parts, (first, last)).await?;
        let found = counting.len();
        let mut by_time: BTreeMap<i64, Cell> = BTreeMap::new();
        let known_at = known_at.map(Instant::unix);
        let mut unknown = false;
        for (time, cell) in counting {
            if known_at.is_none_or(|known_at| cell.at <= known_at) {
                if !cell.deleted {
                    by_time.insert(time, cell);
                }
            } else {
                unknown = true;
            }
        }
        if let Some(known_at) = known_at.filter(|_| unknown) {
            let parts = [Part::Value, Part::Note, Part::At, Part::Until];
            let asked = self.rows(REVISION, &parts, (first, upto), None).await?;
            for (time, cell, until) in cells(asked)? {
                let counted = cell.at <= known_at && until.is_some_and(|until| known_at < until);
                if counted && !cell.deleted {
                    by_time.insert(time, cell);
                }
            }
        }
        let cells = by_time.into_iter();
        readings
            .extend(cells.map(|(time, cell)| (Instant::from_unix(cell.at), cell.reading(time))));
        Ok((found, upto))
    }

    /// What counts now in a window, and up to when it was read: not to its end when there is too much for one answer.
    async fn standing(
        &self,
        parts: &[Part],
        (first, last): (i64, i64),
    ) -> Result<(Vec<(i64, Cell)>, i64), Failure> {
        let asked = self.rows(READING, parts, (first, last), Some(ANSWER_READINGS_MAX));
        let mut rows = asked.await?;
        let upto = whole_upto(&rows, ANSWER_READINGS_MAX).unwrap_or(last);
        rows.retain(|row| row.time <= upto);
        let standing = cells(rows)?.into_iter();
        Ok((standing.map(|(time, cell, _)| (time, cell)).collect(), upto))
    }

    async fn rows(
        &self,
        measurement: &str,
        parts: &[Part],
        (first, last): (i64, i64),
        rows_max: Option<usize>,
    ) -> Result<Vec<Row>, Failure> {
        let column: Column = (self.key.factor.clone(), self.key.stat.clone());
        let fields: Vec<String> = parts.iter().map(|part| field(&column, *part)).collect();
        let source: [SourceId; 1] = [self.key.source.clone()];
        let ask = Ask {
            bucket: self.bucket,
            measurement,
            sources: &source,
            interval_s: self.key.interval_s,
            first,
            last,
            fields: &fields,
            rows_max,
        };
        self.client.query(ask.flux()).await
    }
}

/// What was replaced of a source.
///
/// # Errors
/// A [`Failure`]; what cannot be read is one of settings.
pub(super) async fn read_replaced(
    client: &Client,
    bucket: &str,
    query: &ReplacedQuery,
    ends: &Ends,
) -> Result<Vec<Replaced>, Failure> {
    let ReplacedQuery {
        source,
        range,
        pick,
    } = query;
    let mut intervals: BTreeMap<u32, (i64, i64)> = BTreeMap::new();
    for (key, (first, last)) in ends.iter().filter(|(key, _)| key.source == *source) {
        let own = intervals.entry(key.interval_s).or_insert((*first, *last));
        *own = (own.0.min(*first), own.1.max(*last));
    }
    let mut found = Picked::new(*pick, range.limit);
    for (interval_s, (first, last)) in intervals {
        let within = (
            range.after.plus_s(1).unix().max(first),
            range.upto.unix().min(last),
        );
        let mut windows = Windows::new(within, interval_s, range.limit);
        let mut count = 0;
        while let Some((first, last)) = windows.next() {
            if *pick == Pick::First && count >= range.limit {
                break;
            }
            let ask = Ask {
                bucket,
                measurement: REVISION,
                sources: std::slice::from_ref(source),
                interval_s,
                first,
                last,
                fields: &[],
                rows_max: Some(ANSWER_READINGS_MAX),
            };
            let mut rows = client.query(ask.flux()).await?;
            let upto = whole_upto(&rows, ANSWER_READINGS_MAX).unwrap_or(last);
            rows.retain(|row| row.time <= upto);
            let before = count;
            for ((_, time, _), cells) in gather(rows).map_err(Failure::Settings)? {
                for ((factor, stat), (cell, until)) in cells {
                    // A mark of what an order took out is none of the values.
                    let Some(until) = until.filter(|_| !cell.deleted) else {
                        continue;
                    };
                    count += 1;
                    found.push(Replaced {
                        key: SeriesKey {
                            source: source.clone(),
                            factor,
                            stat,
                            interval_s,
                        },
                        received_at: Instant::from_unix(cell.at),
                        replaced_at: Instant::from_unix(until),
                        reading: cell.reading(time),
                    });
                }
            }
            windows.found(count - before, upto);
        }
    }
    Ok(found.into_rows())
}

/// Up to when rows are whole, where a field has as many as were asked for; there may be more of it later.
fn whole_upto(rows: &[Row], rows_max: usize) -> Option<i64> {
    let mut fields: BTreeMap<(&str, &str), (usize, i64)> = BTreeMap::new();
    for row in rows {
        let own = (row.field.as_str(), row.number.as_str());
        let (count, last) = fields.entry(own).or_insert((0, row.time));
        *count += 1;
        *last = row.time.max(*last);
    }
    let cut = fields.into_values().filter(|(count, _)| *count >= rows_max);
    cut.map(|(_, last)| last).min()
}

/// Cells with their times and until when they counted.
fn cells(rows: Vec<Row>) -> Result<Vec<(i64, Cell, Option<i64>)>, Failure> {
    let gathered = gather(rows).map_err(Failure::Settings)?;
    let mut found = Vec::with_capacity(gathered.len());
    for ((_, time, _), cells) in gathered {
        found.extend(cells.into_values().map(|(cell, until)| (time, cell, until)));
    }
    Ok(found)
}
