//! Recorded readings as files: rows of a station and an hour, streamed from `.csv` or `.csv.gz`.
//!
//! `beijing-uci` is the layout of the UCI Beijing multi-site files: local start-of-hour columns, CO in ug/m3,
//! `NA` for missing. `canonical` is ours: `station,time,interval_s,pm25,pm10,so2,no2,co,o3` with hour-ending
//! RFC 3339 times. Columns are found by their names; hours become hour-ending here, once.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use chrono::DateTime;
use chrono::NaiveDate;
use csv::StringRecord;
use flate2::read::MultiGzDecoder;

use crate::domain::calendar::HOUR_S;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::units::Amount;

/// Columns of the UCI files, pollutants in report order.
const UCI_POLLUTANTS: [&str; 6] = ["PM2.5", "PM10", "SO2", "NO2", "CO", "O3"];
/// Longest averaging interval a row may have: a day.
const INTERVAL_S_MAX: u32 = 86_400;

/// How a file's columns are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The UCI Beijing multi-site files.
    BeijingUci,
    /// Ours.
    Canonical,
}

impl Layout {
    /// From the command line's word.
    pub fn from_key(key: &str) -> Option<Self> {
        match key {
            "beijing-uci" => Some(Self::BeijingUci),
            "canonical" => Some(Self::Canonical),
            _ => None,
        }
    }

    fn columns(self) -> Vec<&'static str> {
        match self {
            Self::BeijingUci => {
                let mut columns = vec!["year", "month", "day", "hour", "station"];
                columns.extend(UCI_POLLUTANTS);
                columns
            }
            Self::Canonical => {
                let mut columns = vec!["station", "time", "interval_s"];
                columns.extend(Pollutant::ALL.map(Pollutant::key));
                columns
            }
        }
    }
}

/// One station's values of one interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The station.
    pub station: SourceId,
    /// End of the interval.
    pub time: Instant,
    /// Its length in seconds.
    pub interval_s: u32,
    /// By pollutant in report order.
    pub values: [Option<Amount>; 6],
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutFault {
    /// The file could not be opened or read.
    #[error("{file}: {cause}")]
    File {
        /// Which.
        file: String,
        /// What the system said.
        cause: String,
    },
    /// A column is missing.
    #[error("{file}:1: no column {column:?}; is this the right --layout?")]
    Column {
        /// Which file.
        file: String,
        /// The column looked for.
        column: &'static str,
    },
    /// A field does not hold what it must.
    #[error("{file}:{line}: {column} {text:?}: {expected}")]
    Field {
        /// Which file.
        file: String,
        /// Its line, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What stands there.
        text: String,
        /// What would be right.
        expected: String,
    },
}

/// Opens a file and checks its columns.
///
/// # Errors
/// [`LayoutFault`] when it cannot be opened or a column is missing. The rows yield their own.
pub fn open(
    path: &Path,
    layout: Layout,
) -> Result<impl Iterator<Item = Result<Row, LayoutFault>> + use<>, LayoutFault> {
    let file = path.display().to_string();
    let fault = |cause: String| LayoutFault::File {
        file: file.clone(),
        cause,
    };
    let raw = File::open(path).map_err(|cause| fault(cause.to_string()))?;
    let reader: Box<dyn Read> = match path.extension().is_some_and(|extension| extension == "gz") {
        true => Box::new(MultiGzDecoder::new(raw)),
        false => Box::new(raw),
    };
    let mut reader = csv::Reader::from_reader(reader);
    let header = reader
        .headers()
        .map_err(|cause| fault(cause.to_string()))?
        .clone();
    let find = |column: &'static str| {
        let at = header
            .iter()
            .position(|name| name.trim_start_matches('\u{feff}') == column);
        at.map(|at| (column, at))
            .ok_or_else(|| LayoutFault::Column {
                file: file.clone(),
                column,
            })
    };
    let columns = layout
        .columns()
        .into_iter()
        .map(find)
        .collect::<Result<Vec<_>, _>>()?;
    let table = Table {
        file: file.clone(),
        columns,
    };
    Ok(reader.into_records().map(move |record| match record {
        Ok(record) => match layout {
            Layout::BeijingUci => table.uci(&record),
            Layout::Canonical => table.canonical(&record),
        },
        Err(cause) => Err(LayoutFault::File {
            file: table.file.clone(),
            cause: cause.to_string(),
        }),
    }))
}

struct Table {
    file: String,
    columns: Vec<(&'static str, usize)>,
}

impl Table {
    fn text<'r>(&self, record: &'r StringRecord, column: &str) -> &'r str {
        let at = self
            .columns
            .iter()
            .find(|(name, _)| *name == column)
            .map(|(_, at)| *at);
        at.and_then(|at| record.get(at)).unwrap_or("").trim()
    }

    fn field(
        &self,
        record: &StringRecord,
        column: &'static str,
        expected: impl Into<String>,
    ) -> LayoutFault {
        LayoutFault::Field {
            file: self.file.clone(),
            line: record.position().map_or(0, csv::Position::line),
            column,
            text: self.text(record, column).chars().take(40).collect(),
            expected: expected.into(),
        }
    }

    fn number<T: std::str::FromStr>(
        &self,
        record: &StringRecord,
        column: &'static str,
    ) -> Result<T, LayoutFault> {
        let number = self.text(record, column).parse();
        number.map_err(|_| self.field(record, column, "a whole number is expected"))
    }

    fn station(&self, record: &StringRecord) -> Result<SourceId, LayoutFault> {
        SourceId::new(self.text(record, "station"))
            .map_err(|fault| self.field(record, "station", fault.to_string()))
    }

    fn value(
        &self,
        record: &StringRecord,
        column: &'static str,
        missing: &str,
    ) -> Result<Option<Amount>, LayoutFault> {
        match self.text(record, column) {
            text if text == missing => Ok(None),
            text => match Amount::parse(text) {
                Ok(amount) => Ok(Some(amount)),
                Err(fault) => Err(self.field(record, column, fault.to_string())),
            },
        }
    }

    fn uci(&self, record: &StringRecord) -> Result<Row, LayoutFault> {
        let (year, month) = (self.number(record, "year")?, self.number(record, "month")?);
        let date = NaiveDate::from_ymd_opt(year, month, self.number(record, "day")?);
        let date = date.ok_or_else(|| self.field(record, "day", "no such date"))?;
        let hour: i64 = self.number(record, "hour")?;
        if !(0..24).contains(&hour) {
            return Err(self.field(record, "hour", "0 to 23 is expected"));
        }
        let mut values = [None; 6];
        for (pollutant, column) in Pollutant::ALL.into_iter().zip(UCI_POLLUTANTS) {
            let value = self.value(record, column, "NA")?;
            values[pollutant.index()] = match pollutant {
                Pollutant::Co => value
                    .map(|ug| thousandth(ug).ok_or(ug))
                    .transpose()
                    .map_err(|_| {
                        self.field(
                            record,
                            column,
                            "at most three decimals of a ug/m3 can be kept",
                        )
                    })?,
                _ => value,
            };
        }
        Ok(Row {
            station: self.station(record)?,
            time: Zone::beijing().day_start(date).plus_s((hour + 1) * HOUR_S),
            interval_s: 3_600,
            values,
        })
    }

    fn canonical(&self, record: &StringRecord) -> Result<Row, LayoutFault> {
        let time = DateTime::parse_from_rfc3339(self.text(record, "time"))
            .map_err(|_| self.field(record, "time", "RFC 3339 with an offset is expected"))?;
        let interval_s = self.number(record, "interval_s")?;
        if interval_s > INTERVAL_S_MAX {
            return Err(self.field(record, "interval_s", "at most a day is expected"));
        }
        let mut values = [None; 6];
        for pollutant in Pollutant::ALL {
            values[pollutant.index()] = self.value(record, pollutant.key(), "")?;
        }
        let time = Instant::from_unix(time.timestamp());
        Ok(Row {
            station: self.station(record)?,
            time,
            interval_s,
            values,
        })
    }
}

/// ug/m3 to mg/m3, exactly; `None` when millionths do not hold the result.
fn thousandth(value: Amount) -> Option<Amount> {
    (value.micros() % 1_000 == 0).then(|| Amount::from_micros(value.micros() / 1_000))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const UCI: &str = "No,year,month,day,hour,PM2.5,PM10,SO2,NO2,CO,O3,TEMP,station";
    const CANONICAL: &str = "station,time,interval_s,pm25,pm10,so2,no2,co,o3";

    fn rows(layout: Layout, text: &str) -> Result<Vec<Row>, LayoutFault> {
        let mut file = tempfile::NamedTempFile::with_suffix(".csv").expect("a temporary file");
        file.write_all(text.as_bytes()).expect("written");
        open(file.path(), layout)?.collect()
    }

    #[test]
    fn a_starting_hour_becomes_its_end_and_co_milligrams() {
        let text = format!("{UCI}\n1,2013,3,1,23,9,NA,3,17.5,300,89,-0.5,Dongsi\n");
        let rows = rows(Layout::BeijingUci, &text).expect("sound");
        assert_eq!(
            Zone::beijing().text(rows[0].time),
            "2013-03-02T00:00:00+08:00"
        );
        let values = rows[0]
            .values
            .map(|value| value.map(|v| v.to_string()).unwrap_or_default());
        assert_eq!(values, ["9", "", "3", "17.5", "0.3", "89"]);
    }

    #[test]
    fn canonical_rows_keep_their_interval() {
        let text = format!("{CANONICAL}\nA-1,2020-01-01T13:00:00+08:00,60,40.7,,1,2,0.6,\n");
        let rows = rows(Layout::Canonical, &text).expect("sound");
        assert_eq!(
            (rows[0].interval_s, rows[0].time.unix()),
            (60, 1_577_854_800)
        );
        assert_eq!(rows[0].values[1], None);
    }

    fn check_fault(layout: Layout, text: String, expected: &str) {
        let fault = rows(layout, &text).expect_err(expected).to_string();
        assert!(fault.contains(expected), "{fault}");
    }

    #[test]
    fn faults_name_line_and_column() {
        check_fault(
            Layout::BeijingUci,
            format!("{CANONICAL}\n"),
            "no column \"year\"",
        );
        check_fault(
            Layout::BeijingUci,
            format!("{UCI}\n1,2013,2,30,0,1,1,1,1,1,1,1,A\n"),
            ":2: day \"30\"",
        );
        check_fault(
            Layout::BeijingUci,
            format!("{UCI}\n1,2013,2,3,24,1,1,1,1,1,1,1,A\n"),
            "hour \"24\"",
        );
        check_fault(
            Layout::BeijingUci,
            format!("{UCI}\n1,2013,2,3,1,x,1,1,1,1,1,1,A\n"),
            "PM2.5 \"x\"",
        );
        check_fault(
            Layout::Canonical,
            format!("{CANONICAL}\nA,2020-01-01,0,,,,,,\n"),
            "RFC 3339",
        );
        check_fault(
            Layout::Canonical,
            format!("{CANONICAL}\nA b,2020-01-01T00:00:00Z,0,,,,,,\n"),
            "station",
        );
        check_fault(
            Layout::Canonical,
            format!("{CANONICAL}\nA,2020\n"),
            "found record with 2 fields",
        );
    }
}
