//! Sheets of a workbook (XLSX) as rows of texts.
//!
//! Cells are read one after the other and only so many kept: a single cell far to the right or below must not become a
//! table of millions.

use crate::adapters::credit_events::official_list::COLUMNS_MAX;
use crate::adapters::credit_events::official_list::HEADING_ROWS_MAX;
use crate::adapters::credit_events::official_list::ROWS_MAX;
use crate::adapters::credit_events::official_list::Sheet;
use crate::adapters::credit_events::official_list::plain;
use calamine::DataRef;
use calamine::Dimensions;
use calamine::Reader;
use calamine::SheetVisible;
use calamine::Xlsx;
use calamine::XlsxError;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::io::Read as _;
use zip::ZipArchive;

/// Sheets of one workbook at most.
const SHEETS_MAX: usize = 32;
/// Bytes of a workbook at most, unpacked.
const UNPACKED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Every sheet of a workbook, in order.
///
/// # Errors
/// A workbook that cannot be read, or one with too many sheets or rows.
pub(super) fn sheets(bytes: &[u8]) -> Result<Vec<Sheet>, Vec<String>> {
    bounded(bytes, UNPACKED_BYTES_MAX)?;
    let unreadable = |fault: XlsxError| vec![format!("the workbook cannot be read: {fault}")];
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(unreadable)?;
    let names = workbook.sheet_names();
    if names.len() > SHEETS_MAX {
        return Err(vec![format!(
            "{} sheets; at most {SHEETS_MAX}",
            names.len()
        )]);
    }
    let hidden = |name: &str| {
        let mut known = workbook.sheets_metadata().iter();
        known.any(|sheet| sheet.name == name && sheet.visible != SheetVisible::Visible)
    };
    let (hidden, names): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| hidden(name));
    let mut sheets = Vec::new();
    // Nobody who looks at the list sees what stands there.
    sheets.extend(hidden.into_iter().map(|name| Sheet {
        name: Some(name),
        table: Vec::new(),
        hidden: true,
    }));
    let mut rows = 0;
    for name in names {
        let mut cells = cells(&mut workbook, &name).map_err(unreadable)?;
        let merged = workbook
            .merge_cells_by_sheet_name(&name)
            .map_err(unreadable)?;
        rows += cells.len();
        if rows > ROWS_MAX + HEADING_ROWS_MAX {
            return Err(vec![format!(
                "sheet {name}: more than {ROWS_MAX} rows by now; split the list"
            )]);
        }
        // Regions that do not overlap fill each cell once at most.
        let mut left = cells.len() * COLUMNS_MAX;
        for region in merged {
            let filled = fill(&mut cells, &region, left);
            left = filled.map_err(|()| vec![format!("sheet {name}: merged cells overlap")])?;
        }
        let table = cells
            .into_iter()
            .map(|(row, cells)| (u64::from(row) + 1, cells));
        sheets.push(Sheet {
            name: Some(name),
            table: table.collect(),
            hidden: false,
        });
    }
    Ok(sheets)
}

/// Whether a packed file stays in bounds when it is unpacked, whatever it says of itself.
fn bounded(bytes: &[u8], most: u64) -> Result<(), Vec<String>> {
    let unreadable =
        |fault: &dyn std::fmt::Display| vec![format!("the workbook cannot be read: {fault}")];
    let archive = ZipArchive::new(Cursor::new(bytes));
    let mut archive = archive.map_err(|fault| unreadable(&fault))?;
    let mut left = most;
    for number in 0..archive.len() {
        let file = archive
            .by_index(number)
            .map_err(|fault| unreadable(&fault))?;
        let unpacked = std::io::copy(&mut file.take(left + 1), &mut std::io::sink());
        let unpacked = unpacked.map_err(|fault| unreadable(&fault))?;
        left = left.checked_sub(unpacked).ok_or_else(|| {
            vec![format!(
                "the workbook has more than {most} bytes unpacked; split the list"
            )]
        })?;
    }
    Ok(())
}

type Cells = BTreeMap<u32, Vec<String>>;

/// The rows that hold something, up to one more than are allowed.
fn cells(workbook: &mut Xlsx<Cursor<&[u8]>>, name: &str) -> Result<Cells, XlsxError> {
    let mut reader = workbook.worksheet_cells_reader(name)?;
    let mut rows = Cells::new();
    while let Some(cell) = reader.next_cell()? {
        let (row, column) = cell.get_position();
        let text = plain(&text(cell.get_value()));
        let column = column as usize;
        if text.is_empty() || column >= COLUMNS_MAX {
            continue;
        }
        if !rows.contains_key(&row) && rows.len() > ROWS_MAX + HEADING_ROWS_MAX {
            break;
        }
        put(rows.entry(row).or_default(), column, text);
    }
    Ok(rows)
}

fn put(row: &mut Vec<String>, column: usize, text: String) {
    if row.len() <= column {
        row.resize(column + 1, String::new());
    }
    row[column] = text;
}

/// Gives a text merged downwards over one column to every row that holds something; how many of `left` cells may still
/// be filled after that.
fn fill(cells: &mut Cells, region: &Dimensions, left: usize) -> Result<usize, ()> {
    let ((first, column), (last, right)) = (region.start, region.end);
    let column = column as usize;
    if right as usize != column || column >= COLUMNS_MAX || first >= last {
        return Ok(left);
    }
    let Some(text) = cells.get(&first).and_then(|row| row.get(column)).cloned() else {
        return Ok(left);
    };
    let mut left = left;
    for (_, row) in cells.range_mut(first + 1..=last) {
        left = left.checked_sub(1).ok_or(())?;
        put(row, column, text.clone());
    }
    Ok(left)
}

fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(flag) => flag.to_string(),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::DateTime(time) => time.to_string(),
        DataRef::Error(fault) => fault.to_string(),
        DataRef::Empty => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    #[test]
    fn what_a_workbook_unpacks_to_is_bounded_whatever_it_says() {
        let mut packed = ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["a", "b"] {
            let started = packed.start_file(name, SimpleFileOptions::default());
            started.expect("a name");
            packed.write_all(&[0; 100_000]).expect("memory");
        }
        let packed = packed.finish().expect("memory").into_inner();
        assert!(packed.len() < 2_000, "it is packed");
        assert_eq!(bounded(&packed, 200_000), Ok(()));
        let told = bounded(&packed, 199_999).expect_err("too large");
        assert!(told[0].contains("199999 bytes unpacked"), "{told:?}");
        assert!(bounded(b"PK, but not really", 200_000).is_err());
    }
}
