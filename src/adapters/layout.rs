//! Recorded readings as files: rows of a station-hour, streamed from `.csv` or `.csv.gz`; [`readings`] are single values.
//!
//! `beijing-uci` is read as published: the hour is the start of the hour in +08:00, `NA` is missing, CO is in
//! ug/m3 and divided by 1000 exactly, wind is read where `WSPM` (m/s) and `wd` (one of sixteen directions) both are
//! columns, and other columns are passed over. `cnemc` is the national hourly feed as
//! collectors keep it: the hour's end in +08:00, and as hourly ozone the column `o3_24h`, since the feed has swapped
//! that and `o3`, the largest hour of the last 24; other columns are passed over. `canonical` is ours: RFC 3339
//! stamps of the end of the interval, empty is missing, no column more or less. A byte-order mark and blanks
//! around a field are passed over. A fault ends the reading and
//! says file, line, field and what would be right.

mod lines;

pub mod readings;

use std::io;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use chrono::DateTime;
use chrono::NaiveDate;
use chrono::NaiveDateTime;
use chrono::Timelike;
use csv::StringRecord;

use crate::adapters::cells;
use crate::adapters::cells::Cells;
use crate::adapters::layout::lines::Lines;
use crate::domain::calendar::HOUR_S;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::Factor;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::rose;
use crate::domain::units::Amount;

/// Micrograms in a milligram.
const UG_PER_MG: i64 = 1_000;
/// The columns of the wind's speed and direction in the UCI files.
const WIND_COLUMNS: [&str; 2] = ["WSPM", "wd"];
/// Longest averaging interval of a row, in seconds: a day.
const INTERVAL_S_MAX: u32 = 86_400;

/// How a file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The hourly files of the UCI "Beijing Multi-Site Air-Quality Data".
    BeijingUci,
    /// The national hourly feed of the China National Environmental Monitoring Centre.
    Cnemc,
    /// Our own.
    Canonical,
}

/// The text is no layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("layout {text:?}; give `beijing-uci`, `cnemc` or `canonical`")]
pub struct UnknownLayout {
    /// What was given.
    pub text: String,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 3] = [Self::BeijingUci, Self::Cnemc, Self::Canonical];

    /// The name on the command line.
    pub const fn key(self) -> &'static str {
        match self {
            Self::BeijingUci => "beijing-uci",
            Self::Cnemc => "cnemc",
            Self::Canonical => "canonical",
        }
    }

    /// The headers of time and place, then of the six pollutants in report order.
    const fn columns(self) -> (&'static [&'static str], [&'static str; 6]) {
        match self {
            Self::BeijingUci => (
                &["year", "month", "day", "hour", "station"],
                ["PM2.5", "PM10", "SO2", "NO2", "CO", "O3"],
            ),
            Self::Cnemc => (
                &["stationcode", "timepoint"],
                ["pm2_5", "pm10", "so2", "no2", "co", "o3_24h"],
            ),
            Self::Canonical => (
                &["station", "time", "interval_s"],
                ["pm25", "pm10", "so2", "no2", "co", "o3"],
            ),
        }
    }
}

impl FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(text: &str) -> Result<Self, UnknownLayout> {
        Self::ALL
            .into_iter()
            .find(|layout| layout.key() == text)
            .ok_or_else(|| UnknownLayout {
                text: text.to_owned(),
            })
    }
}

/// What one station measured over one interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The station.
    pub station: SourceId,
    /// End of the interval.
    pub time: Instant,
    /// Its length in seconds.
    pub interval_s: u32,
    /// In the order of [`Pollutant::ALL`]; `None` is missing.
    pub values: [Option<Amount>; 6],
    /// Speed and direction of the wind, in the order of [`rose::WIND`]; `None` where the file has no such columns.
    pub wind: Option<[Option<Amount>; 2]>,
}

impl Row {
    /// Each value with its factor; a missing one too.
    pub fn measured(&self) -> impl Iterator<Item = (Factor, Option<Amount>)> + '_ {
        let pollutants = Pollutant::ALL.iter().map(|own| own.factor());
        let wind = self.wind.iter().flatten().copied();
        pollutants
            .zip(self.values)
            .chain(rose::WIND.iter().map(rose::factor).zip(wind))
    }
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LayoutFault {
    /// It cannot be opened or read.
    #[error("read {path}: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        cause: io::Error,
    },
    /// A line is not CSV, or has more or fewer fields than the header.
    #[error("{place}: {cause}")]
    Csv {
        /// File and line.
        place: String,
        /// What is wrong.
        cause: String,
    },
    /// The header lacks a column.
    #[error("{place}: no column {column:?}; layout {layout} has {expected}")]
    Missing {
        /// File and line.
        place: String,
        /// The column.
        column: &'static str,
        /// The layout.
        layout: &'static str,
        /// Its columns.
        expected: String,
    },
    /// The header has a column twice, or one that the layout does not know.
    #[error("{place}: column {column:?} is unknown or given twice; layout {layout} has {expected}")]
    Unknown {
        /// File and line.
        place: String,
        /// The column.
        column: String,
        /// The layout.
        layout: &'static str,
        /// Its columns.
        expected: String,
    },
    /// A field cannot be read.
    #[error("{place}: {field} {text:?}; give {expected}")]
    Field {
        /// File and line.
        place: String,
        /// The column.
        field: &'static str,
        /// What stands there, shortened.
        text: String,
        /// What would be right.
        expected: &'static str,
    },
}

impl LayoutFault {
    /// A column that is not of the layout, or stands there twice.
    fn unknown(place: &str, column: &str, layout: &'static str, known: &[&str]) -> Self {
        Self::Unknown {
            place: place.to_owned(),
            column: shortened(column),
            layout,
            expected: known.join(","),
        }
    }

    /// A column of the layout that is not there.
    fn missing(place: &str, column: &'static str, layout: &'static str, known: &[&str]) -> Self {
        Self::Missing {
            place: place.to_owned(),
            column,
            layout,
            expected: known.join(","),
        }
    }
}

/// The rows of a file, read as they are asked for. After a fault there are no more.
pub struct Rows {
    lines: Lines,
    layout: Layout,
    frame: Vec<usize>,
    pollutants: [usize; 6],
    /// Where speed and direction of the wind stand.
    wind: Option<[usize; 2]>,
    station: Option<SourceId>,
}

/// Opens a file and reads its header.
///
/// # Errors
/// [`LayoutFault`] when it cannot be opened or its header is not of the layout.
pub fn open(path: &Path, layout: Layout) -> Result<Rows, LayoutFault> {
    Rows::new(Lines::open(path)?, layout)
}

impl Rows {
    fn new(mut lines: Lines, layout: Layout) -> Result<Self, LayoutFault> {
        let header = lines.header()?;
        let (frame, pollutants) = columns(&header, layout, &lines.top())?;
        let at = |name: &str| header.iter().position(|own| own == name);
        let wind = match layout {
            Layout::BeijingUci => at(WIND_COLUMNS[0]).zip(at(WIND_COLUMNS[1])),
            Layout::Cnemc | Layout::Canonical => None,
        };
        Ok(Self {
            wind: wind.map(|(speed, direction)| [speed, direction]),
            lines,
            layout,
            frame,
            pollutants,
            station: None,
        })
    }

    fn row(&mut self) -> Result<Row, LayoutFault> {
        let (names, pollutants) = self.layout.columns();
        let (place, record) = (self.lines.place(), self.lines.record());
        let field = |at: usize| Field {
            place: &place,
            name: names[at],
            text: cells::read(&record[self.frame[at]]),
        };
        let (station, time, interval_s) = match self.layout {
            Layout::BeijingUci => (field(4), hour_start(&field)?, 3_600),
            Layout::Cnemc => (field(0), field(1).beijing_time()?, 3_600),
            Layout::Canonical => (field(0), field(1).time()?, field(2).interval()?),
        };
        let mut values = [None; 6];
        for pollutant in Pollutant::ALL {
            let at = pollutant.index();
            let field = Field {
                place: &place,
                name: pollutants[at],
                text: &record[self.pollutants[at]],
            };
            values[at] = match self.layout {
                Layout::BeijingUci if pollutant == Pollutant::Co => {
                    field.thousandth(self.layout)?
                }
                _ => field.amount(self.layout)?,
            };
        }
        let wind = match self.wind {
            None => None,
            Some(columns) => {
                let [speed, direction] = [0, 1].map(|at| Field {
                    place: &place,
                    name: WIND_COLUMNS[at],
                    text: &record[columns[at]],
                });
                Some([
                    speed.amount(self.layout)?,
                    direction.direction(self.layout)?,
                ])
            }
        };
        let station = match self.station.take() {
            Some(known) if known.as_str() == station.text => known,
            _ => station.station()?,
        };
        self.station = Some(station.clone());
        Ok(Row {
            station,
            time,
            interval_s,
            values,
            wind,
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

/// Where the columns of a layout stand in a header.
fn columns(
    header: &StringRecord,
    layout: Layout,
    place: &str,
) -> Result<(Vec<usize>, [usize; 6]), LayoutFault> {
    let (frame, pollutants) = layout.columns();
    let known: Vec<&str> = frame.iter().chain(&pollutants).copied().collect();
    let mut seen = Vec::new();
    for column in header {
        let foreign = !known.contains(&column);
        if seen.contains(&column) || (foreign && layout == Layout::Canonical) {
            return Err(LayoutFault::unknown(place, column, layout.key(), &known));
        }
        seen.push(column);
    }
    let find = |column: &'static str| {
        header
            .iter()
            .position(|name| name == column)
            .ok_or_else(|| LayoutFault::missing(place, column, layout.key(), &known))
    };
    let frame = frame
        .iter()
        .map(|name| find(name))
        .collect::<Result<_, _>>()?;
    let mut positions = [0; 6];
    for (at, name) in pollutants.into_iter().enumerate() {
        positions[at] = find(name)?;
    }
    Ok((frame, positions))
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// One field, with all that a fault has to say.
#[derive(Clone, Copy)]
struct Field<'a> {
    place: &'a str,
    name: &'static str,
    text: &'a str,
}

impl Field<'_> {
    fn fault(self, expected: &'static str) -> LayoutFault {
        LayoutFault::Field {
            place: self.place.to_owned(),
            field: self.name,
            text: shortened(self.text),
            expected,
        }
    }

    fn station(self) -> Result<SourceId, LayoutFault> {
        SourceId::new(self.text)
            .map_err(|_| self.fault("1 to 64 bytes of letters, digits, '-', '_' or '.'"))
    }

    fn number<T: FromStr>(self, expected: &'static str) -> Result<T, LayoutFault> {
        self.text.parse().map_err(|_| self.fault(expected))
    }

    fn time(self) -> Result<Instant, LayoutFault> {
        DateTime::parse_from_rfc3339(self.text)
            .ok()
            .filter(|time| time.nanosecond() == 0)
            .map(|time| Instant::from_unix(time.timestamp()))
            .ok_or_else(|| {
                self.fault("RFC 3339 in whole seconds, such as 2020-01-01T13:00:00+08:00")
            })
            .and_then(|time| self.writable(time))
    }

    /// A stamp that can be written again in every zone.
    fn writable(self, time: Instant) -> Result<Instant, LayoutFault> {
        match time.is_writable() {
            true => Ok(time),
            false => Err(self.fault("a time whose year stays within 0 to 9999 in every zone")),
        }
    }

    /// A time of Beijing without its offset.
    fn beijing_time(self) -> Result<Instant, LayoutFault> {
        let time: NaiveDateTime = self
            .text
            .parse()
            .map_err(|_| self.fault("a full hour of Beijing, such as 2017-07-07T16:00:00"))?;
        let offset = i64::from(Zone::beijing().offset().local_minus_utc());
        self.writable(Instant::from_unix(time.and_utc().timestamp() - offset))
    }

    fn interval(self) -> Result<u32, LayoutFault> {
        let expected = "whole seconds up to a day, such as 3600";
        let seconds = self.number(expected)?;
        if seconds > INTERVAL_S_MAX {
            return Err(self.fault(expected));
        }
        Ok(seconds)
    }

    fn is_missing(self, layout: Layout) -> bool {
        let said = match layout {
            Layout::BeijingUci => self.text == "NA",
            Layout::Cnemc => matches!(self.text, "NA" | "—"),
            Layout::Canonical => false,
        };
        said || self.text.is_empty()
    }

    /// Where the wind comes from, in degrees.
    fn direction(self, layout: Layout) -> Result<Option<Amount>, LayoutFault> {
        if self.is_missing(layout) {
            return Ok(None);
        }
        rose::direction(self.text)
            .map(Some)
            .ok_or_else(|| self.fault("one of sixteen directions, such as N or WSW"))
    }

    fn amount(self, layout: Layout) -> Result<Option<Amount>, LayoutFault> {
        if self.is_missing(layout) {
            return Ok(None);
        }
        self.decimal()
    }

    /// A number; an empty one is missing.
    fn decimal(self) -> Result<Option<Amount>, LayoutFault> {
        if self.text.is_empty() {
            return Ok(None);
        }
        let amount = Amount::parse(self.text);
        amount
            .map(Some)
            .map_err(|_| self.fault("a decimal number, or nothing where it is missing"))
    }

    /// A value in ug/m3 as mg/m3.
    fn thousandth(self, layout: Layout) -> Result<Option<Amount>, LayoutFault> {
        let Some(amount) = self.amount(layout)? else {
            return Ok(None);
        };
        if amount.micros() % UG_PER_MG != 0 {
            return Err(self.fault("a number of at most three decimals"));
        }
        Ok(Some(Amount::from_micros(amount.micros() / UG_PER_MG)))
    }
}

/// The end of the hour whose start the columns year, month, day and hour give.
fn hour_start<'a>(field: &impl Fn(usize) -> Field<'a>) -> Result<Instant, LayoutFault> {
    let (year, month, day) = (field(0), field(1), field(2));
    let date = NaiveDate::from_ymd_opt(
        year.number("a year")?,
        month.number("a month")?,
        day.number("a day")?,
    )
    .ok_or_else(|| day.fault("a day of that month"))?;
    let hour: i64 = field(3).number("an hour, 0 to 23")?;
    if !(0..24).contains(&hour) {
        return Err(field(3).fault("an hour, 0 to 23"));
    }
    let start = Zone::beijing().day_start(date);
    year.writable(start.plus_s((hour + 1) * HOUR_S))
}

/// Writes rows as `canonical`, with times in the zone; returns how many.
///
/// # Errors
/// When writing fails.
pub fn write_canonical(
    out: impl Write,
    rows: impl IntoIterator<Item = Row>,
    zone: Zone,
) -> io::Result<u64> {
    let mut writer = Cells::new(out);
    let (frame, pollutants) = Layout::Canonical.columns();
    writer.write_record(frame.iter().chain(&pollutants))?;
    let mut count = 0;
    for row in rows {
        let values = row
            .values
            .iter()
            .map(|value| value.map_or(String::new(), |v| v.to_string()));
        let frame = [
            row.station.to_string(),
            zone.text(row.time),
            row.interval_s.to_string(),
        ];
        writer.write_record(frame.into_iter().chain(values))?;
        count += 1;
    }
    writer.flush()?;
    Ok(count)
}

#[cfg(test)]
mod tests;
