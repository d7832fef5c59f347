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
use calamine::Xlsx;
use calamine::XlsxError;
use std::collections::BTreeMap;
use std::io::Cursor;

/// Sheets of one workbook at most.
const SHEETS_MAX: usize = 32;

/// Every sheet of a workbook, in order.
///
/// # Errors
/// A workbook that cannot be read, or one with too many sheets or rows.
pub(super) fn sheets(bytes: &[u8]) -> Result<Vec<Sheet>, Vec<String>> {
    let unreadable = |fault: XlsxError| vec![format!("the workbook cannot be read: {fault}")];
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(unreadable)?;
    let names = workbook.sheet_names();
    if names.len() > SHEETS_MAX {
        return Err(vec![format!(
            "{} sheets; at most {SHEETS_MAX}",
            names.len()
        )]);
    }
    let mut sheets = Vec::new();
    for name in names {
        let mut cells = cells(&mut workbook, &name).map_err(unreadable)?;
        let merged = workbook
            .merge_cells_by_sheet_name(&name)
            .map_err(unreadable)?;
        for region in merged {
            fill(&mut cells, &region);
        }
        if cells.len() > ROWS_MAX + HEADING_ROWS_MAX {
            return Err(vec![format!(
                "sheet {name}: more than {ROWS_MAX} rows; split the list"
            )]);
        }
        let table = cells
            .into_iter()
            .map(|(row, cells)| (u64::from(row) + 1, cells));
        sheets.push(Sheet {
            name: Some(name),
            table: table.collect(),
        });
    }
    Ok(sheets)
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

/// Gives a text merged downwards over one column to every row that holds something.
fn fill(cells: &mut Cells, region: &Dimensions) {
    let ((first, column), (last, right)) = (region.start, region.end);
    let column = column as usize;
    if right as usize != column || column >= COLUMNS_MAX || first >= last {
        return;
    }
    let Some(text) = cells.get(&first).and_then(|row| row.get(column)).cloned() else {
        return;
    };
    for (_, row) in cells.range_mut(first + 1..=last) {
        put(row, column, text.clone());
    }
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
