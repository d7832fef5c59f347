//! The province's list of tiers as a table: CSV or XLSX with Chinese headings, titles above them, headings over two rows.
//!
//! Spreadsheets put a title over the table and merge heading cells, and a CSV of one keeps a merged text in its first cell
//! alone. So the heading is looked for: the first row, or two rows taken together, that names a code and a tier. Cells
//! merged downwards, as the code of a unit with several sites, count for every row they cover. Of a workbook every sheet
//! with such a heading is read.

mod workbook;

use crate::adapters::names::folded;
use crate::adapters::names::narrow;
use crate::domain::credit::Tier;
use crate::domain::credit::uscc::Uscc;
use crate::domain::names::is_unseen;
use std::collections::BTreeMap;

/// Rows looked through for the heading.
const HEADING_ROWS_MAX: usize = 10;
/// Most rows of one list.
pub const ROWS_MAX: usize = 100_000;
/// Columns that are looked at.
const COLUMNS_MAX: usize = 64;
/// Longest cell that is looked at, in characters.
const CELL_CHARS_MAX: usize = 200;
/// What a workbook begins with, and what one of the old or an encrypted kind does.
const WORKBOOK: &[u8] = b"PK\x03\x04";
const OLD_WORKBOOK: &[u8] = b"\xd0\xcf\x11\xe0";
/// Headings of the columns, without blanks.
const CODES: [&str; 4] = ["统一社会信用代码", "社会信用代码", "信用代码", "uscc"];
const NAMES: [&str; 5] = ["企业名称", "单位名称", "企事业单位名称", "名称", "name"];
const TIERS: [&str; 7] = [
    "评价结果",
    "评价等级",
    "信用等级",
    "环保信用等级",
    "信用评价等级",
    "等级",
    "tier",
];
const SITES: [&str; 4] = ["厂区", "场所名称", "生产经营场所", "site"];
/// What a tier's colour is called.
const COLOURS: [(char, Tier); 5] = [
    ('绿', Tier::Green),
    ('蓝', Tier::Blue),
    ('黄', Tier::Yellow),
    ('红', Tier::Red),
    ('黑', Tier::Black),
];
/// What may follow the colour, as in 蓝色等级. Other words are others: 红名单 lists those in good standing.
const ENDINGS: [&str; 13] = [
    "",
    "色",
    "牌",
    "标",
    "级",
    "等级",
    "色等级",
    "色级",
    "牌等级",
    "企业",
    "色企业",
    "牌企业",
    "色单位",
];
/// Other words of the tier column.
const WORDS: [(&str, Tier); 8] = [
    ("不评级", Tier::Unrated),
    ("未评级", Tier::Unrated),
    ("green", Tier::Green),
    ("blue", Tier::Blue),
    ("yellow", Tier::Yellow),
    ("red", Tier::Red),
    ("black", Tier::Black),
    ("unrated", Tier::Unrated),
];

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRow {
    /// Sheet of the workbook.
    pub sheet: Option<String>,
    /// Line of the file or the sheet, from 1.
    pub line: u64,
    /// The unit.
    pub subject: Uscc,
    /// Its name, where the list has one.
    pub name: Option<String>,
    /// The site, where the list tells sites apart.
    pub site: Option<String>,
    /// The tier.
    pub tier: Tier,
}

/// A list, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List {
    /// Its rows, in their order.
    pub rows: Vec<ListRow>,
    /// Sheets that have no heading and were left out.
    pub left_out: Vec<String>,
    /// Sheets that are hidden and were left out.
    pub hidden: Vec<String>,
}

/// Rows with their lines, of a file or of one sheet.
struct Sheet {
    name: Option<String>,
    table: Vec<(u64, Vec<String>)>,
    hidden: bool,
}

/// Reads a list: a workbook, or else CSV in UTF-8.
///
/// # Errors
/// Every fault with its line.
pub fn read(bytes: &[u8]) -> Result<List, Vec<String>> {
    if bytes.starts_with(OLD_WORKBOOK) {
        let said = "a workbook of the old kind, or one with a password; save it as .xlsx without one, or as CSV";
        return Err(vec![said.to_owned()]);
    }
    let sheets = if bytes.starts_with(WORKBOOK) {
        workbook::sheets(bytes)?
    } else {
        vec![csv_sheet(bytes)?]
    };
    let mut seen = Seen::new();
    let (mut list, mut faults) = (List::default(), Vec::new());
    let mut headings = 0;
    let unseen = sheets.iter().filter(|sheet| sheet.hidden);
    list.hidden = unseen.filter_map(|sheet| sheet.name.clone()).collect();
    for sheet in sheets.iter().filter(|sheet| !sheet.table.is_empty()) {
        match heading(&sheet.table) {
            Err(fault) => faults.push(match &sheet.name {
                Some(name) => format!("sheet {name}, {fault}"),
                None => fault,
            }),
            Ok(Some((columns, begins))) => {
                headings += 1;
                rows(
                    sheet,
                    begins,
                    &columns,
                    &mut seen,
                    &mut list.rows,
                    &mut faults,
                );
            }
            Ok(None) => list.left_out.extend(sheet.name.clone()),
        }
    }
    if headings == 0 && faults.is_empty() {
        return Err(vec![format!(
            "no heading in the first {HEADING_ROWS_MAX} rows; one column must be 统一社会信用代码 and one 评价结果 or 信用等级"
        )]);
    }
    if list.rows.is_empty() && faults.is_empty() {
        faults.push("the list has a heading and no rows".to_owned());
    }
    if faults.is_empty() {
        Ok(list)
    } else {
        Err(faults)
    }
}

fn csv_sheet(bytes: &[u8]) -> Result<Sheet, Vec<String>> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| vec!["not UTF-8; save the list as \"CSV UTF-8\" or as .xlsx".to_owned()])?;
    // The line of a row is counted by its line feeds, which with carriage returns come too late.
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut table: Vec<(u64, Vec<String>)> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|fault| vec![fault.to_string()])?;
        let line = record.position().map_or(0, csv::Position::line);
        table.push((line, record.iter().take(COLUMNS_MAX).map(plain).collect()));
        if table.len() > ROWS_MAX + HEADING_ROWS_MAX {
            return Err(vec![format!("more than {ROWS_MAX} rows; split the list")]);
        }
    }
    Ok(Sheet {
        name: None,
        table,
        hidden: false,
    })
}

/// A cell on one line without blanks around it, and without the mark spreadsheets keep numbers as text with. Of one that is
/// too long no more is kept than shows it.
fn plain(cell: &str) -> String {
    let cell = cell.trim().trim_start_matches('\'');
    let mut plain = String::new();
    for word in cell.split(char::is_control).map(str::trim) {
        if !word.is_empty() && !plain.is_empty() {
            plain.push(' ');
        }
        plain.push_str(word);
    }
    plain.chars().take(CELL_CHARS_MAX + 1).collect()
}

/// Which column is what.
struct Columns {
    code: usize,
    tier: usize,
    name: Option<usize>,
    site: Option<usize>,
    /// How many there are.
    width: usize,
}

/// A column with one of some names.
///
/// # Errors
/// The columns, where there are several: nobody says which of them counts.
fn column(cells: &[String], names: &[&str]) -> Result<Option<usize>, String> {
    let named = |(_, cell): &(usize, &String)| names.contains(&cell.as_str());
    let mut found = (1..).zip(cells).filter(named);
    match (found.next(), found.next()) {
        (Some((first, one)), Some((second, other))) => Err(format!(
            "columns {first} ({one}) and {second} ({other}) may both be meant; leave one of them in the list"
        )),
        (first, _) => Ok(first.map(|(number, _)| number - 1)),
    }
}

/// Whether a row below a heading goes on with it: it names columns itself and no unit.
fn goes_on(row: &[String], code: usize) -> bool {
    let names = [&CODES[..], &NAMES[..], &TIERS[..], &SITES[..]].concat();
    let named = row
        .iter()
        .any(|cell| names.contains(&folded(cell).as_str()));
    let unit = row
        .get(code)
        .is_some_and(|cell| Uscc::new(&narrow(cell)).is_ok());
    named && !unit
}

/// The columns, and the row behind the heading.
///
/// # Errors
/// A heading that names a column twice.
fn heading(table: &[(u64, Vec<String>)]) -> Result<Option<(Columns, usize)>, String> {
    for at in 0..table.len().min(HEADING_ROWS_MAX) {
        for depth in [1, 2] {
            let Some(rows) = table.get(at..at + depth) else {
                continue;
            };
            let width = rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
            let cell = |column: usize| {
                let cells = rows.iter().rev().filter_map(|(_, cells)| cells.get(column));
                let mut named = cells.map(|cell| folded(cell));
                named.find(|cell| !cell.is_empty()).unwrap_or_default()
            };
            let cells: Vec<String> = (0..width).map(cell).collect();
            let is = |names: &[&str]| cells.iter().any(|cell| names.contains(&cell.as_str()));
            if !is(&CODES) || !is(&TIERS) {
                continue;
            }
            let told = |what: String| format!("line {}: {what}", table[at + depth - 1].0);
            let find = |names: &[&str]| column(&cells, names).map_err(told);
            let code = find(&CODES)?;
            let below = table.get(at + 1).filter(|_| depth == 1);
            if let (Some((_, below)), Some(code)) = (below, code)
                && goes_on(below, code)
            {
                continue;
            }
            if let (Some(code), Some(tier)) = (code, find(&TIERS)?) {
                let columns = Columns {
                    code,
                    tier,
                    name: find(&NAMES)?,
                    site: find(&SITES)?,
                    width,
                };
                return Ok(Some((columns, at + depth)));
            }
        }
    }
    Ok(None)
}

/// Where each unit and site stands already.
type Seen = BTreeMap<(Uscc, Option<String>), String>;

fn rows(
    sheet: &Sheet,
    begins: usize,
    columns: &Columns,
    seen: &mut Seen,
    rows: &mut Vec<ListRow>,
    faults: &mut Vec<String>,
) {
    for (line, cells) in &sheet.table[begins..] {
        if cells.iter().all(String::is_empty) {
            continue;
        }
        let place = match &sheet.name {
            Some(name) => format!("sheet {name}, line {line}"),
            None => format!("line {line}"),
        };
        let cell = |column: usize| cells.get(column).map_or("", String::as_str);
        let given = |column: Option<usize>| {
            let text = column.map_or("", cell);
            (!text.is_empty()).then(|| text.to_owned())
        };
        let site = given(columns.site);
        if cells
            .iter()
            .skip(columns.width)
            .any(|cell| !cell.is_empty())
        {
            let (own, width) = (cells.len(), columns.width);
            faults.push(format!(
                "{place}: {own} cells, and {width} columns in the heading"
            ));
        }
        for text in [given(columns.name), site.clone()].iter().flatten() {
            if text.chars().count() > CELL_CHARS_MAX {
                let begin: String = text.chars().take(20).collect();
                faults.push(format!(
                    "{place}: {begin:?}... is longer than {CELL_CHARS_MAX} characters"
                ));
            }
            if text.chars().any(is_unseen) {
                faults.push(format!(
                    "{place}: {text:?} holds characters that are not seen"
                ));
            }
        }
        match (
            Uscc::new(&narrow(cell(columns.code))),
            tier(cell(columns.tier)),
        ) {
            (Err(fault), _) => faults.push(format!("{place}: {fault}")),
            (_, None) => faults.push(format!(
                "{place}: {:?} is no tier; write 绿, 蓝, 黄, 红, 黑 or 不评级",
                cell(columns.tier)
            )),
            (Ok(subject), Some(tier)) => {
                if let Some(first) = seen.insert((subject, site.clone()), place.clone()) {
                    faults.push(format!("{place}: {subject} stands in {first} already"));
                }
                rows.push(ListRow {
                    sheet: sheet.name.clone(),
                    line: *line,
                    subject,
                    name: given(columns.name),
                    site,
                    tier,
                });
            }
        }
    }
}

/// The tier that the whole of a text means.
fn tier(text: &str) -> Option<Tier> {
    let text = folded(text);
    let word = WORDS.iter().find(|(word, _)| *word == text);
    let colour = || {
        let ends = |(colour, _): &&(char, Tier)| {
            let rest = text.strip_prefix(*colour);
            rest.is_some_and(|rest| ENDINGS.contains(&rest))
        };
        COLOURS.iter().find(ends).map(|(_, tier)| *tier)
    };
    word.map(|(_, tier)| *tier).or_else(colour)
}

#[cfg(test)]
mod tests {
    use crate::adapters::credit_events::official_list::read;

    fn check(text: &str, expected: &str) {
        let said = match read(text.as_bytes()) {
            Ok(list) => {
                let row = |row: &super::ListRow| {
                    let site = row.site.clone().unwrap_or_default();
                    format!("{} {} {} {site}", row.line, row.subject, row.tier)
                };
                list.rows.iter().map(row).collect::<Vec<_>>().join("; ")
            }
            Err(faults) => faults.join("; "),
        };
        assert!(said.contains(expected), "{expected:?} is not in {said:?}");
    }

    #[test]
    fn the_heading_is_found_under_titles_and_over_two_rows() {
        let rows = "91999999MA1ABCDE8G,示例一厂,蓝色\n91330100799655058B,示例二厂,黑\n";
        let both = "91999999MA1ABCDE8G blue";
        check(&format!("统一社会信用代码,企业名称,评价结果\n{rows}"), both);
        check(
            &format!(
                "\u{feff}江苏省企事业环保信用评价结果,,\n,,\n统一社会信用代码,企业名称,信用等级\n{rows}"
            ),
            both,
        );
        check(
            &format!("单位信息,,评价结果\n统一社会信用代码,单位名称,\n{rows}"),
            both,
        );
        check(
            &format!("统一社会 信用代码,名称,等级\n{rows}"),
            "3 91330100799655058B black",
        );
    }

    #[test]
    fn what_may_mean_two_columns_is_refused_and_two_rows_are_read_as_one_heading() {
        let code = "统一社会信用代码";
        let row = "91999999MA1ABCDE8G,示例厂,绿色,黑色\n";
        for heading in [
            format!(",,2025年,2026年\n{code},企业名称,信用等级,信用等级\n"),
            format!("{code},企业名称,信用等级,信用等级\n"),
            format!("{code},企业名称,等级,评价结果\n"),
        ] {
            check(&format!("{heading}{row}"), "columns 3 (");
        }
        check(
            &format!("{code},{code},等级\n91999999MA1ABCDE8G,,绿\n"),
            "columns 1 (统一社会信用代码) and 2",
        );
        check(
            &format!("{code},企业名称,信用等级\n{row}"),
            "line 2: 4 cells, and 3 columns in the heading",
        );
        for below in [",,信用等级,得分", &format!("{code},企业名称,信用等级,得分")]
        {
            let list =
                format!("{code},企业名称,评价结果,\n{below}\n91999999MA1ABCDE8G,示例厂,绿色,12\n");
            check(&list, "3 91999999MA1ABCDE8G green");
        }
        check(
            &format!(
                "{code},等级,厂区\n91999999MA1ABCDE8G,绿,{}\n",
                "厂".repeat(201)
            ),
            "is longer than 200 characters",
        );
        check(
            &format!("{code},等级,厂区\n91999999MA1ABCDE8G,绿,东\u{202e}厂\n"),
            "characters that are not seen",
        );
    }

    #[test]
    fn a_tier_is_read_as_a_whole_word() {
        for (text, expected) in [
            ("绿", "green"),
            ("绿色等级", "green"),
            ("绿 牌", "green"),
            ("蓝色企业", "blue"),
            ("黄牌", "yellow"),
            ("红色", "red"),
            ("黑级", "black"),
            ("不评级", "unrated"),
            ("Green", "green"),
            ("红名单", "\"红名单\" is no tier"),
            ("黑名单", "\"黑名单\" is no tier"),
            ("蓝绿", "\"蓝绿\" is no tier"),
            ("绿转蓝", "is no tier"),
            ("红黑", "is no tier"),
            ("greenish", "is no tier"),
            ("不评级企业名单", "is no tier"),
        ] {
            let list = format!("统一社会信用代码,评价结果\n91999999MA1ABCDE8G,{text}\n");
            check(&list, expected);
        }
    }

    #[test]
    fn faults_are_told_row_by_row() {
        let heading = "统一社会信用代码,评价结果,厂区\n";
        check("名称,结果\na,b\n", "no heading in the first 10 rows");
        check(heading, "a heading and no rows");
        check(
            &format!("{heading}91999999MA1ABCDE8H,蓝,\n91999999MA1ABCDE8G,紫,\n"),
            "line 3: \"紫\" is no tier",
        );
        check(
            &format!("{heading}91999999MA1ABCDE8H,蓝,\n91999999MA1ABCDE8G,紫,\n"),
            "line 2: \"91999999MA1ABCDE8H\" ends in 'H'",
        );
        check(
            &format!("{heading}91999999MA1ABCDE8G,蓝,\n,,\n91999999MA1ABCDE8G,黄,\n"),
            "line 4: 91999999MA1ABCDE8G stands in line 2 already",
        );
        check(
            &format!("{heading}91999999MA1ABCDE8G,蓝,东厂\n91999999MA1ABCDE8G,黄,西厂\n"),
            "yellow 西厂",
        );
    }
}
