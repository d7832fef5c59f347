//! A workbook of one sheet, written a row at a time in bounded memory.
//!
//! Texts are text cells, whatever they begin with, so that none is ever read as a formula. Figures are numbers as they are
//! printed: Excel's binary numbers hold fifteen digits, ours have at most six decimals, and one with more than fifteen
//! digits stays text. Dates are dates; times stay texts with their offset, since Excel knows no zones. A sheet has no
//! more than 1,048,576 rows.

use std::io::Write;

use chrono::Datelike;
use chrono::NaiveDate;
use rust_xlsxwriter::ExcelDateTime;
use rust_xlsxwriter::Format;
use rust_xlsxwriter::Workbook;
use rust_xlsxwriter::XlsxError;

use crate::adapters::export::Column;
use crate::adapters::export::ExportFault;
use crate::adapters::export::Kind;

/// Rows of a sheet, the header among them.
pub(super) const ROWS_MAX: u32 = 1_048_576;
/// Digits that a binary number of 64 bits always holds.
const DIGITS_MAX: usize = 15;

/// A workbook being written.
pub struct Book<W> {
    workbook: Workbook,
    columns: Vec<Column>,
    day: Format,
    next: u32,
    out: W,
}

fn column(at: usize) -> u16 {
    u16::try_from(at).expect("a table has few columns")
}

/// The number that a printed figure is, where a binary one prints the same.
fn number(text: &str) -> Option<f64> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let plain = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '-' | '.'));
    if !plain || digits > DIGITS_MAX {
        return None;
    }
    text.parse().ok()
}

fn day(text: &str) -> Option<ExcelDateTime> {
    let day: NaiveDate = text.parse().ok()?;
    let year = u16::try_from(day.year()).ok()?;
    let (month, own) = (
        u8::try_from(day.month()).ok()?,
        u8::try_from(day.day()).ok()?,
    );
    ExcelDateTime::from_ymd(year, month, own).ok()
}

impl<W: Write + Send> Book<W> {
    /// Begins a sheet of these columns, its header bold and staying in sight.
    pub(super) fn begin(columns: &[Column], out: W) -> Result<Self, XlsxError> {
        let mut workbook = Workbook::new();
        let head = Format::new().set_bold();
        let sheet = workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name("skytier")?;
        sheet.set_freeze_panes(1, 0)?;
        for (at, own) in columns.iter().enumerate() {
            sheet.set_column_width(column(at), f64::from(width(own)))?;
        }
        for (at, own) in columns.iter().enumerate() {
            sheet.write_string_with_format(0, column(at), own.name, &head)?;
        }
        Ok(Self {
            workbook,
            columns: columns.to_vec(),
            day: Format::new().set_num_format("yyyy-mm-dd"),
            next: 1,
            out,
        })
    }

    /// Writes one row, a text for each column; an empty one leaves its cell empty.
    pub(super) fn row<T: AsRef<str>>(&mut self, cells: &[T]) -> Result<(), ExportFault> {
        if self.next >= ROWS_MAX {
            return Err(ExportFault::TooManyRows);
        }
        let sheet = self.workbook.worksheet_from_index(0)?;
        for (at, (own, cell)) in self.columns.iter().zip(cells).enumerate() {
            let (row, at, text) = (self.next, column(at), cell.as_ref());
            if text.is_empty() {
                continue;
            }
            match own.kind {
                Kind::Whole | Kind::Decimal if number(text).is_some() => {
                    sheet.write_number(row, at, number(text).unwrap_or_default())?;
                }
                Kind::Date if day(text).is_some() => {
                    let day = day(text).unwrap_or_default();
                    sheet.write_datetime_with_format(row, at, day, &self.day)?;
                }
                _ => {
                    sheet.write_string(row, at, text)?;
                }
            }
        }
        self.next += 1;
        Ok(())
    }

    /// Writes the file.
    pub(super) fn finish(mut self) -> Result<(), ExportFault> {
        self.workbook.save_to_writer(&mut self.out)?;
        Ok(self.out.flush()?)
    }
}

/// Characters that a column's cells take.
fn width(column: &Column) -> u32 {
    match column.kind {
        Kind::Time => 26,
        Kind::Date => 12,
        Kind::Text => 20,
        Kind::Whole | Kind::Decimal => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::Book;
    use super::ROWS_MAX;
    use super::number;
    use crate::adapters::export::Column;
    use crate::adapters::export::ExportFault;
    use crate::adapters::export::Kind;

    #[test]
    fn a_figure_is_a_number_only_where_it_prints_the_same() {
        for (text, expected) in [
            ("40.7", Some(40.7)),
            ("-0.000001", Some(-0.000_001)),
            ("123456789012345", Some(123_456_789_012_345.0)),
            ("1234567890123456", None),
            ("=1+1", None),
            ("1e9", None),
            ("", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn a_row_too_many_is_told_and_not_left_out() {
        let columns = [Column {
            name: "a",
            kind: Kind::Whole,
        }];
        let mut book = Book::begin(&columns, Vec::new()).expect("begun");
        book.next = ROWS_MAX - 1;
        book.row(&["1"]).expect("the last that fits");
        let fault = book.row(&["2"]).expect_err("one too many");
        assert!(matches!(fault, ExportFault::TooManyRows), "{fault}");
        assert!(fault.to_string().contains("1048576"), "{fault}");
    }
}
