//! The records of a table, `.csv` or `.csv.gz`, each with the file and line it stands on.

use std::fs::File;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;

use csv::StringRecord;
use flate2::read::MultiGzDecoder;

use crate::adapters::layout::LayoutFault;

/// Bytes of a file read at once.
const READ_BYTES: usize = 64 * 1024;

/// Records, read as they are asked for. After a fault there are no more.
pub(super) struct Lines {
    path: String,
    reader: csv::Reader<Box<dyn Read + Send>>,
    record: StringRecord,
    /// Records read, the one in hand included.
    read: u64,
    ended: bool,
}

impl Lines {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Self, LayoutFault> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|cause| LayoutFault::Unreadable {
            path: name.clone(),
            cause,
        })?;
        let file = BufReader::with_capacity(READ_BYTES, file);
        let packed = path.extension().is_some_and(|extension| extension == "gz");
        let source: Box<dyn Read + Send> = if packed {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        Ok(Self::new(name, source))
    }

    /// Over what is read from somewhere.
    pub(super) fn new(path: String, source: Box<dyn Read + Send>) -> Self {
        let reader = csv::ReaderBuilder::new()
            .buffer_capacity(READ_BYTES)
            .trim(csv::Trim::All)
            .from_reader(source);
        Self {
            path,
            reader,
            record: StringRecord::new(),
            read: 0,
            ended: false,
        }
    }

    /// The names of the columns.
    pub(super) fn header(&mut self) -> Result<StringRecord, LayoutFault> {
        let header = self.reader.headers();
        let header = header.map_err(|cause| unreadable(&self.path, 0, cause))?;
        let names = header.iter();
        Ok(names
            .map(|name| name.trim_start_matches('\u{feff}'))
            .collect())
    }

    /// Reads the next record; nothing at the end.
    pub(super) fn advance(&mut self) -> Option<Result<(), LayoutFault>> {
        if self.ended {
            return None;
        }
        self.read += 1;
        match self.reader.read_record(&mut self.record) {
            Ok(true) => Some(Ok(())),
            Ok(false) => {
                self.ended = true;
                None
            }
            Err(cause) => {
                self.ended = true;
                Some(Err(unreadable(&self.path, self.read, cause)))
            }
        }
    }

    /// Nothing more is read after a fault in a record.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// The record in hand.
    pub(super) fn record(&self) -> &StringRecord {
        &self.record
    }

    /// File and line of the record in hand.
    pub(super) fn place(&self) -> String {
        place(&self.path, self.read, self.record.position())
    }

    /// File and line of the header.
    pub(super) fn top(&self) -> String {
        format!("{}:1", self.path)
    }
}

/// File and line of a record. The parser's own count lags by one after a line that ends in a quotation mark, ours
/// after a blank line; the larger one is right.
fn place(path: &str, records: u64, position: Option<&csv::Position>) -> String {
    let line = position.map_or(1, csv::Position::line).max(records + 1);
    format!("{path}:{line}")
}

fn unreadable(path: &str, records: u64, cause: csv::Error) -> LayoutFault {
    let place = place(path, records, cause.position());
    match cause.into_kind() {
        csv::ErrorKind::Io(cause) => LayoutFault::Unreadable {
            path: path.to_owned(),
            cause,
        },
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => LayoutFault::Csv {
            place,
            cause: format!("{len} fields; give {expected_len}, as the header has"),
        },
        csv::ErrorKind::Utf8 { .. } => LayoutFault::Csv {
            place,
            cause: "not UTF-8; give the file in UTF-8".to_owned(),
        },
        other => LayoutFault::Csv {
            place,
            cause: format!("not readable as CSV ({other:?})"),
        },
    }
}
