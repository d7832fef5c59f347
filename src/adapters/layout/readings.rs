//! Readings as `skytier export --what readings` writes them, read back: one value a row, of any factor, statistic and interval.
//!
//! What an export does not carry is gone: when a value was received, what it replaced, and who decided what about it. A row
//! marked `reviewed` is told apart, so that whoever reads it can say how many there are.

use std::path::Path;

use crate::adapters::cells;
use crate::adapters::layout::Field;
use crate::adapters::layout::LayoutFault;
use crate::adapters::layout::lines::Lines;
use crate::adapters::report::readings::READING_COLUMNS;
use crate::domain::calendar::Instant;
use crate::domain::names::Factor;
use crate::domain::names::Flag;
use crate::domain::names::Stat;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;
use crate::domain::units::Amount;

/// The layout's name on the command line.
pub const KEY: &str = "readings";

/// One reading of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its series.
    pub key: SeriesKey,
    /// End of the interval.
    pub time: Instant,
    /// The value; `None` is missing.
    pub value: Option<Amount>,
    /// The sender's flag.
    pub flag: Flag,
    /// Whether a decision of a reviewer stood.
    pub review: Review,
}

/// The rows of a file, read as they are asked for. After a fault there are no more.
pub struct Rows {
    lines: Lines,
    /// Where the columns stand.
    places: [usize; READING_COLUMNS.len()],
    /// The series of the row before, which most rows share.
    key: Option<SeriesKey>,
}

/// Opens a file and reads its header.
///
/// # Errors
/// [`LayoutFault`] when it cannot be opened, or its columns are not those of an export.
pub fn open(path: &Path) -> Result<Rows, LayoutFault> {
    Rows::new(Lines::open(path)?)
}

impl Rows {
    fn new(mut lines: Lines) -> Result<Self, LayoutFault> {
        let header = lines.header()?;
        let place = lines.top();
        for (at, column) in header.iter().enumerate() {
            let twice = header.iter().take(at).any(|before| before == column);
            if twice || !READING_COLUMNS.contains(&column) {
                return Err(LayoutFault::unknown(&place, column, KEY, &READING_COLUMNS));
            }
        }
        let mut places = [0; READING_COLUMNS.len()];
        for (own, column) in places.iter_mut().zip(READING_COLUMNS) {
            let found = header.iter().position(|name| name == column);
            *own =
                found.ok_or_else(|| LayoutFault::missing(&place, column, KEY, &READING_COLUMNS))?;
        }
        Ok(Self {
            lines,
            places,
            key: None,
        })
    }

    fn row(&mut self) -> Result<Row, LayoutFault> {
        let (place, record) = (self.lines.place(), self.lines.record());
        let [source, factor, stat, time, interval_s, value, flag, review] =
            std::array::from_fn(|at| Field {
                place: &place,
                name: READING_COLUMNS[at],
                text: cells::read(&record[self.places[at]]),
            });
        let interval = interval_s.interval()?;
        let same = self.key.take().filter(|key| {
            key.source.as_str() == source.text
                && key.factor.as_str() == factor.text
                && key.stat.as_str() == stat.text
                && key.interval_s == interval
        });
        let key = match same {
            Some(key) => key,
            None => SeriesKey {
                source: source.station()?,
                factor: Factor::new(factor.text).map_err(|fault| factor.fault(fault.expected))?,
                stat: Stat::new(stat.text).map_err(|fault| stat.fault(fault.expected))?,
                interval_s: interval,
            },
        };
        self.key = Some(key.clone());
        Ok(Row {
            key,
            time: time.time()?,
            value: value.decimal()?,
            flag: Flag::new(flag.text).map_err(|fault| flag.fault(fault.expected))?,
            review: [Review::Raw, Review::Reviewed]
                .into_iter()
                .find(|own| own.key() == review.text)
                .ok_or_else(|| review.fault("`raw` or `reviewed`"))?,
        })
    }
}

impl Iterator for Rows {
    type Item = Result<Row, LayoutFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.lines.advance()?.and_then(|()| self.row());
        if row.is_err() {
            self.lines.end();
        }
        Some(row)
    }
}
