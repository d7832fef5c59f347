//! Columns for a terminal, where a Chinese character takes two places.

use unicode_width::UnicodeWidthStr;

/// An aligned table; an empty cell prints as `-`.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let cell = |text: &str| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text.to_owned()
        }
    };
    let mut lines = vec![
        header
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>(),
    ];
    lines.extend(
        rows.into_iter()
            .map(|row| row.iter().map(|text| cell(text)).collect()),
    );
    let width = |at: usize| lines.iter().map(|line| line[at].width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{:pad$}", "", pad = width - cell.width()))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_in_both_languages() {
        let rows = vec![
            vec!["优良天数".to_owned(), "145".to_owned(), String::new()],
            vec!["PM2.5".to_owned(), "40.7".to_owned(), "x".to_owned()],
        ];
        let expected = "项目      值    z\n优良天数  145   -\nPM2.5     40.7  x\n";
        assert_eq!(table(&["项目", "值", "z"], rows), expected);
    }
}
