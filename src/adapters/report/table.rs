//! Columns for a terminal: as wide as what is in them, figures to the right.

use unicode_width::UnicodeWidthStr;

/// An aligned table. Widths are those of a terminal, where a Chinese character takes two columns; a column of
/// numbers alone stands to the right; an empty cell prints as `-`.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let filled = |text: &String| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text.clone()
        }
    };
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(filled).collect())
        .collect();
    let columns: Vec<Column> = header
        .iter()
        .enumerate()
        .map(|(at, name)| Column::of(name, rows.iter().map(|row| row[at].as_str())))
        .collect();
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = columns
            .iter()
            .zip(cells)
            .map(|(column, cell)| column.cell(cell));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    };
    line(&mut header.iter().copied());
    for row in &rows {
        line(&mut row.iter().map(String::as_str));
    }
    text
}

struct Column {
    width: usize,
    right: bool,
}

impl Column {
    fn of<'a>(name: &str, cells: impl Iterator<Item = &'a str> + Clone) -> Self {
        let widest = cells.clone().map(UnicodeWidthStr::width).max();
        let numbers = cells.clone().any(|cell| cell != "-");
        Self {
            width: name.width().max(widest.unwrap_or(0)),
            right: numbers && cells.into_iter().all(|cell| cell == "-" || is_number(cell)),
        }
    }

    fn cell(&self, text: &str) -> String {
        let gap = " ".repeat(self.width - text.width());
        if self.right {
            gap + text
        } else {
            text.to_owned() + &gap
        }
    }
}

/// Digits with at most a sign and a point, so that neither dates nor codes of letters count.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_in_a_terminal() {
        let rows = [
            ["江阴市", "40.7", "2020-01-01", ""],
            ["A", "-9", "2020-01-02", "x"],
        ];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec()).to_vec();
        assert_eq!(
            table(&["area", "value", "day", "note"], rows),
            "area    value  day         note\n\
             江阴市   40.7  2020-01-01  -\n\
             A          -9  2020-01-02  x\n"
        );
        let rows = [["优良天数", "145", ""], ["PM2.5", "40.7", "x"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec()).to_vec();
        let expected = "项目        值  z\n优良天数   145  -\nPM2.5     40.7  x\n";
        assert_eq!(table(&["项目", "值", "z"], rows), expected);
        assert_eq!(table(&["only", "names"], Vec::new()), "only  names\n");
    }
}
