//! Rows into a file, as CSV, Parquet or a workbook: one row at a time, in bounded memory.
//!
//! Rows are texts in all of them; an empty one is a missing value. Parquet has typed columns, all of which may be null:
//! figures are decimals of six places, exactly as printed, never binary floats; times are instants in UTC.

mod parquet;
mod xlsx;

use std::io::Write;

use crate::adapters::cells::Cells;
use crate::adapters::export::parquet::Table;
pub use crate::adapters::export::parquet::read as read_parquet;
use crate::adapters::export::xlsx::Book;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Comma-separated values with a header.
    Csv,
    /// Apache Parquet, compressed with Snappy.
    Parquet,
    /// A workbook for Excel and its like.
    Xlsx,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number of at most 32 bits.
    Whole,
    /// A number of at most six decimals.
    Decimal,
    /// A date such as 2020-01-31.
    Date,
    /// A time of RFC 3339.
    Time,
}

/// A column: its name and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// As in the header.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// Why a row or file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportFault {
    /// Writing CSV failed.
    #[error(transparent)]
    Csv(#[from] csv::Error),
    /// Writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Writing Parquet failed.
    #[error(transparent)]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// Writing a workbook failed.
    #[error(transparent)]
    Xlsx(#[from] rust_xlsxwriter::XlsxError),
    /// More rows than a sheet has.
    #[error(
        "more rows than the {} of a sheet, its header among them; a shorter range, csv or parquet would do",
        xlsx::ROWS_MAX
    )]
    TooManyRows,
    /// A text does not say what its column holds.
    #[error("column {column}: {text:?} is not {expected}")]
    Cell {
        /// The column.
        column: &'static str,
        /// The text.
        text: String,
        /// What would be right.
        expected: &'static str,
    },
}

impl ExportFault {
    /// The failure to write behind it, if it is one.
    pub fn io(&self) -> Option<&std::io::Error> {
        match self {
            Self::Io(cause) | Self::Xlsx(rust_xlsxwriter::XlsxError::IoError(cause)) => Some(cause),
            Self::Csv(cause) => match cause.kind() {
                csv::ErrorKind::Io(cause) => Some(cause),
                _ => None,
            },
            Self::Parquet(::parquet::errors::ParquetError::External(cause)) => cause.downcast_ref(),
            _ => None,
        }
    }
}

/// A file being written.
pub enum Sheet<W: Write + Send> {
    /// As CSV.
    Csv(Box<Cells<W>>),
    /// As Parquet.
    Parquet(Box<Table<W>>),
    /// As a workbook.
    Xlsx(Box<Book<W>>),
}

impl<W: Write + Send> Sheet<W> {
    /// Begins a file of these columns.
    ///
    /// # Errors
    /// When writing fails.
    pub fn begin(form: Form, columns: &[Column], out: W) -> Result<Self, ExportFault> {
        match form {
            Form::Csv => {
                let mut writer = Cells::new(out);
                writer.write_record(columns.iter().map(|column| column.name))?;
                Ok(Self::Csv(Box::new(writer)))
            }
            Form::Parquet => Ok(Self::Parquet(Box::new(Table::begin(columns, out)?))),
            Form::Xlsx => Ok(Self::Xlsx(Box::new(Book::begin(columns, out)?))),
        }
    }

    /// Writes one row, a text for each column.
    ///
    /// # Errors
    /// When writing fails, or a text does not fit its column.
    pub fn row<T: AsRef<str>>(&mut self, cells: &[T]) -> Result<(), ExportFault> {
        match self {
            Self::Csv(writer) => Ok(writer.write_record(cells)?),
            Self::Parquet(table) => table.row(cells),
            Self::Xlsx(book) => book.row(cells),
        }
    }

    /// Notes something beside the rows, by name; only Parquet has a place for it.
    pub fn remark(&mut self, name: &str, text: String) {
        if let Self::Parquet(table) = self {
            table.remark(name, text);
        }
    }

    /// Writes what is left, and the end.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(self) -> Result<(), ExportFault> {
        match self {
            Self::Csv(mut writer) => Ok(writer.flush()?),
            Self::Parquet(table) => table.finish(),
            Self::Xlsx(book) => book.finish(),
        }
    }
}
