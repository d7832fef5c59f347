//! Tables of other makers: CSV with a header, read by a mapping file whose places are columns.
//!
//! Reading is strict: a field that is no number or time ends it with file and line, and nothing of the import is kept.

use std::borrow::Cow;
use std::fs::File;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;

use csv::StringRecord;
use flate2::read::MultiGzDecoder;

use crate::adapters::mapping::Map;
use crate::adapters::mapping::MapFault;
use crate::adapters::mapping::Value;
use crate::adapters::mapping::message;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::Source;
use crate::domain::qc::Rules;
use crate::domain::reading::Observation;

/// A table's rows, read as they are asked for. After a fault there are no more.
pub struct Rows<'a> {
    map: &'a Map,
    path: String,
    reader: csv::Reader<Box<dyn Read + Send>>,
    record: StringRecord,
    time: usize,
    id: usize,
    values: Vec<(&'a Value, usize, Option<usize>)>,
    rows: u64,
    ended: bool,
}

/// Opens a table, `.csv` or `.csv.gz`, and finds the columns.
///
/// # Errors
/// [`MapFault`] when it cannot be opened or a column is missing.
pub fn open<'a>(path: &Path, map: &'a Map) -> Result<Rows<'a>, MapFault> {
    let name = path.display().to_string();
    let at = |place: String, what: String| MapFault { place, what };
    let file = File::open(path).map_err(|cause| at(name.clone(), cause.to_string()))?;
    let file = BufReader::new(file);
    let source: Box<dyn Read + Send> = match path.extension().is_some_and(|own| own == "gz") {
        true => Box::new(MultiGzDecoder::new(file)),
        false => Box::new(file),
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(source);
    let header = reader
        .headers()
        .map_err(|cause| at(format!("{name}:1"), cause.to_string()))?;
    let header: Vec<String> = header
        .iter()
        .map(|own| own.trim_start_matches('\u{feff}').to_owned())
        .collect();
    let column = |own: &str| {
        let mut found = (0..).zip(&header).filter(|(_, name)| *name == own);
        match (found.next(), found.next()) {
            (Some((place, _)), None) => Ok(place),
            _ => Err(at(
                format!("{name}:1"),
                format!(
                    "no column {own:?}, or two; {} asks for it, and there are {}",
                    map.name,
                    header.join(", ")
                ),
            )),
        }
    };
    let missing = |what: &str| {
        at(
            map.name.clone(),
            format!("{what}: missing; a table needs the column"),
        )
    };
    if map.list.is_some() {
        return Err(at(
            map.name.clone(),
            "list: a table has none; name its columns under [[values]]".to_owned(),
        ));
    }
    let values = map.values.iter().map(|value| {
        let flag = value.flag.as_deref().map(column).transpose()?;
        Ok((value, column(&value.at)?, flag))
    });
    Ok(Rows {
        time: column(map.time.at.as_deref().ok_or_else(|| missing("time.at"))?)?,
        id: column(map.id.as_deref().ok_or_else(|| missing("id"))?)?,
        values: values.collect::<Result<_, MapFault>>()?,
        map,
        path: name,
        reader,
        record: StringRecord::new(),
        rows: 0,
        ended: false,
    })
}

impl Rows<'_> {
    /// The source of the next row and its readings, with the zone of times that come without one; nothing at the end.
    ///
    /// # Errors
    /// [`MapFault`] with file and line.
    pub fn next_row(
        &mut self,
        zone_of: impl Fn(&Source) -> Option<Zone>,
        rules: &Rules,
        now: Instant,
    ) -> Option<Result<(Source, Vec<Observation>), MapFault>> {
        if self.ended {
            return None;
        }
        self.rows += 1;
        let read = match self.reader.read_record(&mut self.record) {
            Ok(true) => self.row(zone_of, rules, now),
            Ok(false) => {
                self.ended = true;
                return None;
            }
            Err(cause) => Err(cause.to_string()),
        };
        let line = self
            .record
            .position()
            .map_or(1, csv::Position::line)
            .max(self.rows + 1);
        self.ended = read.is_err();
        Some(read.map_err(|what| MapFault {
            place: format!("{}:{line}", self.path),
            what,
        }))
    }

    fn row(
        &self,
        zone_of: impl Fn(&Source) -> Option<Zone>,
        rules: &Rules,
        now: Instant,
    ) -> Result<(Source, Vec<Observation>), String> {
        let source = Source {
            kind: self.map.kind,
            id: self.map.source(&self.record[self.id])?,
        };
        let zone = self.map.zone.or_else(|| zone_of(&source));
        let time = self.map.time.read(&self.record[self.time], zone)?;
        let values = self.values.iter().map(|(value, place, flag)| {
            let flag = flag.map(|place| Some(Cow::Borrowed(&self.record[place])));
            let read = message::read(value, Some(Cow::Borrowed(&self.record[*place])), flag)?;
            Ok(self
                .map
                .observation(value, &source.id, (time, now), read, rules))
        });
        let observations = values.collect::<Result<_, String>>()?;
        Ok((source, observations))
    }
}
