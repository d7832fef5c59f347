//! Cells of every CSV that is written: none is taken for a formula by a spreadsheet.
//!
//! A text that begins with `=`, `+`, `-`, `@`, a tabulator or a carriage return gets an apostrophe before it, and so does one
//! that has apostrophes and then such a sign, so that reading takes exactly one away again. Numbers and offsets from UTC stay.

use std::borrow::Cow;
use std::io::Write;

/// What a formula begins with.
const SIGNS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A writer of CSV.
pub struct Cells<W: Write>(csv::Writer<W>);

impl<W: Write> Cells<W> {
    /// Writes there.
    pub fn new(out: W) -> Self {
        Self(csv::Writer::from_writer(out))
    }

    /// Writes a row.
    ///
    /// # Errors
    /// When writing fails, or a row has another number of cells than the one before.
    pub fn write_record(
        &mut self,
        row: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> csv::Result<()> {
        for cell in row {
            self.0.write_field(written(cell.as_ref()).as_bytes())?;
        }
        self.0.write_record(None::<&[u8]>)
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// When writing fails.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }

    /// What it wrote into.
    ///
    /// # Errors
    /// When writing what is left fails.
    pub fn into_inner(self) -> std::io::Result<W> {
        self.0.into_inner().map_err(|fault| fault.into_error())
    }
}

/// Whether a spreadsheet might take a text for a formula, apostrophes before it left aside.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(SIGNS) && !is_number(text)
}

/// Whether this is a number such as `-12.5` or an offset such as `+08:00`.
fn is_number(text: &str) -> bool {
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let decimal = |text: &str| match text.split_once('.') {
        Some((whole, rest)) => digits(whole) && digits(rest),
        None => digits(text),
    };
    let offset = || {
        bare.split_once(':')
            .is_some_and(|(hour, minute)| digits(hour) && digits(minute))
    };
    decimal(bare) || offset()
}

/// A cell as it is written.
pub fn written(text: &str) -> Cow<'_, str> {
    match is_formula(text) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// The text of a cell that was written so.
pub fn read(cell: &str) -> &str {
    let bare = cell.strip_prefix('\'');
    bare.filter(|_| is_formula(cell)).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_text_and_numbers_stay_numbers() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-1+2", "'-1+2"),
            ("-A1", "'-A1"),
            ("\tx", "'\tx"),
            ("\r=1", "'\r=1"),
            ("'=1", "''=1"),
            ("-", "'-"),
            ("-1", "-1"),
            ("-12.50", "-12.50"),
            ("+3", "+3"),
            ("+08:00", "+08:00"),
            ("'t Hof", "'t Hof"),
            ("Li Na", "Li Na"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(written(text), expected);
            assert_eq!(read(&written(text)), text);
        }
        // What somebody typed by hand with an apostrophe means the text behind it.
        assert_eq!(read("'=x"), "=x");
        assert_eq!(read("'t Hof"), "'t Hof");
    }

    proptest! {
        /// Whatever is written is read back, and nothing that is written begins a formula.
        #[test]
        fn what_is_written_is_read_back(text in "['=+@\\-\t\r0-9a.:]{0,6}") {
            let cell = written(&text);
            prop_assert_eq!(read(&cell), text.as_str());
            prop_assert!(!cell.starts_with(SIGNS) || is_number(&cell), "{cell}");
        }

        #[test]
        fn rows_survive_the_way_through_a_file(row in proptest::collection::vec("\\PC{0,12}", 1..5)) {
            let mut cells = Cells::new(Vec::new());
            cells.write_record(&row).expect("written");
            let file = cells.into_inner().expect("written");
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file.as_slice());
            let record = reader.records().next().expect("a row").expect("sound");
            let found: Vec<&str> = record.iter().map(read).collect();
            prop_assert_eq!(found, row);
        }
    }
}
