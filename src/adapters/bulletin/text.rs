//! A sheet as plain text of at most 80 columns, a Chinese character taking two.

use unicode_linebreak::linebreaks;
use unicode_width::UnicodeWidthStr;

use crate::adapters::bulletin::sheet::Section;
use crate::adapters::bulletin::sheet::Sheet;
use crate::adapters::bulletin::sheet::Table;
use crate::adapters::lang::Lang;

/// Columns of a line.
const COLUMNS: usize = 80;
/// Columns between two cells of a table.
const GAP: usize = 2;

/// The sheet as text.
pub(super) fn render(sheet: &Sheet) -> String {
    let mut lines = vec![centred(&sheet.title), centred(&sheet.subtitle)];
    lines.push("=".repeat(COLUMNS));
    for notice in &sheet.notices {
        lines.extend(wrapped(notice, "", ""));
    }
    for section in &sheet.sections {
        lines.push(String::new());
        lines.extend(self::section(section));
    }
    lines.push(String::new());
    lines.push("-".repeat(COLUMNS));
    for (name, text) in &sheet.notes {
        let lead = match sheet.lang {
            Lang::Zh => format!("{name}："),
            Lang::En => format!("{name}: "),
        };
        lines.extend(wrapped(text, &lead, "  "));
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn section(section: &Section) -> Vec<String> {
    let mut lines = vec![section.heading.clone()];
    for paragraph in &section.paragraphs {
        lines.extend(wrapped(paragraph, "  ", "  "));
    }
    lines.extend(section.table.iter().flat_map(table));
    lines
}

fn centred(text: &str) -> String {
    let room = COLUMNS.saturating_sub(text.width());
    format!("{}{text}", " ".repeat(room / 2))
}

/// The text in lines, the first after `lead`, the others after `indent`; broken where Unicode allows it.
fn wrapped(text: &str, lead: &str, indent: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = lead.to_owned();
    let (mut at, mut empty) = (0, true);
    for (end, _) in linebreaks(text) {
        let piece = &text[at..end];
        at = end;
        if !empty && line.width() + piece.trim_end().width() > COLUMNS {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
        }
        line.push_str(piece);
        empty = false;
    }
    lines.push(line);
    lines
}

/// Rows with the first column at the left and the others at the right. Where that is too wide, the first column gets a
/// line of its own.
fn table(table: &Table) -> Vec<String> {
    let lines = aligned(table, 0);
    if lines.iter().all(|line| line.width() <= COLUMNS) {
        return lines;
    }
    let rows = std::iter::once(&table.columns).chain(&table.rows);
    let others = aligned(table, 1);
    rows.zip(others)
        .flat_map(|(row, line)| wrapped(&row[0], "  ", "  ").into_iter().chain([line]))
        .collect()
}

/// The rows from a column on.
fn aligned(table: &Table, first: usize) -> Vec<String> {
    let rows = std::iter::once(&table.columns).chain(&table.rows);
    let widths: Vec<usize> = (0..table.columns.len())
        .map(|column| {
            let cells = rows.clone().map(|row| row[column].width());
            cells.max().unwrap_or(0)
        })
        .collect();
    let gap = " ".repeat(GAP);
    let line = |row: &Vec<String>| {
        let cell = |(at, text): (usize, &String)| {
            let space = " ".repeat(widths[at] - text.width());
            match at {
                0 => format!("{text}{space}"),
                _ => format!("{space}{text}"),
            }
        };
        let cells: Vec<String> = row.iter().enumerate().skip(first).map(cell).collect();
        format!("  {}", cells.join(&gap))
    };
    rows.clone().map(line).collect()
}
