//! The province's list as a workbook, the sites of one legal person, and the list of disagreements.

use std::io::Write;
use std::path::Path;

use serde_json::Value;

use crate::credit::OTHER;
use crate::credit::UNIT;
use crate::support::Daemon;
use crate::support::fails;
use crate::support::output;
use crate::support::run;
use crate::support::text;
use crate::support::verify;

/// A cell of a sheet; `None` is left out.
type Cells<'a> = &'a [&'a [Option<&'a str>]];

/// A file of a ZIP archive, stored as it is.
fn entry(archive: &mut Vec<u8>, index: &mut Vec<u8>, name: &str, content: &str) {
    let mut crc = flate2::Crc::new();
    crc.update(content.as_bytes());
    let size = u32::try_from(content.len()).expect("small");
    let at = u32::try_from(archive.len()).expect("small");
    let mut common = Vec::new();
    common.extend([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]);
    for number in [crc.sum(), size, size] {
        common.extend(number.to_le_bytes());
    }
    common.extend(u16::try_from(name.len()).expect("short").to_le_bytes());
    common.extend([0, 0]);
    archive.extend(b"PK\x03\x04");
    archive.extend(&common);
    archive.extend(name.as_bytes());
    archive.extend(content.as_bytes());
    index.extend(b"PK\x01\x02\x14\x00");
    index.extend(&common);
    index.extend([0; 10]);
    index.extend(at.to_le_bytes());
    index.extend(name.as_bytes());
}

/// A workbook of sheets, each with its cells and merged regions, as spreadsheets write it.
fn workbook(sheets: &[(&str, Cells<'_>, &str)]) -> Vec<u8> {
    let (mut archive, mut index) = (Vec::new(), Vec::new());
    let mut names = (String::new(), String::new());
    for (at, (name, rows, merged)) in sheets.iter().enumerate() {
        let number = at + 1;
        names.0 += &format!("<sheet name=\"{name}\" sheetId=\"{number}\" r:id=\"r{number}\"/>");
        names.1 += &format!(
            "<Relationship Id=\"r{number}\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet{number}.xml\"/>"
        );
        let mut data = String::new();
        for (row, cells) in (1..).zip(rows.iter()) {
            data += &format!("<row r=\"{row}\">");
            for (column, cell) in ('A'..).zip(cells.iter()) {
                if let Some(text) = cell {
                    data += &format!(
                        "<c r=\"{column}{row}\" t=\"inlineStr\"><is><t>{text}</t></is></c>"
                    );
                }
            }
            data += "</row>";
        }
        let merges: String = merged
            .split_whitespace()
            .map(|region| format!("<mergeCell ref=\"{region}\"/>"))
            .collect();
        let sheet = format!(
            "<?xml version=\"1.0\"?><worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{data}</sheetData><mergeCells>{merges}</mergeCells></worksheet>"
        );
        let name = format!("xl/worksheets/sheet{number}.xml");
        entry(&mut archive, &mut index, &name, &sheet);
    }
    let book = format!(
        "<?xml version=\"1.0\"?><workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>{}</sheets></workbook>",
        names.0
    );
    entry(&mut archive, &mut index, "xl/workbook.xml", &book);
    let rels = format!(
        "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{}</Relationships>",
        names.1
    );
    entry(
        &mut archive,
        &mut index,
        "xl/_rels/workbook.xml.rels",
        &rels,
    );
    let start = "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";
    entry(&mut archive, &mut index, "_rels/.rels", start);
    let (at, size) = (archive.len(), index.len());
    let count = u16::try_from(sheets.len() + 3).expect("few").to_le_bytes();
    archive.extend(index);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([count, count].concat());
    for number in [size, at] {
        archive.extend(u32::try_from(number).expect("small").to_le_bytes());
    }
    archive.extend([0, 0]);
    archive
}

/// Enters a list; exit code and what was said.
fn official(data: &Path, bytes: &[u8], as_of: &str, preview: bool) -> (i32, String) {
    let path = data.with_extension("list");
    let mut file = std::fs::File::create(&path).expect("a file");
    file.write_all(bytes).expect("written");
    let mut args = vec!["credit", "official", "--data", text(data), text(&path)];
    args.extend(["--as-of", as_of, "--source", "list 2020/1", "--by", "Li Na"]);
    if preview {
        args.push("--preview");
    }
    let ended = output(&args);
    let said = [ended.stdout, ended.stderr].concat();
    (
        ended.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

const HEADING: [Option<&str>; 4] = [
    Some("统一社会信用代码"),
    Some("企业名称"),
    Some("厂区"),
    Some("评价结果"),
];

/// A list as the province lays it out: a title, headings in two rows, cells merged over sites.
const LISTED: Cells<'_> = &[
    &[Some("江苏省企事业环保信用评价结果")],
    &[Some("单位信息"), None, None, Some("评价结果")],
    &[
        Some("统一社会信用代码"),
        Some("企业名称"),
        Some("厂区"),
        None,
    ],
    &[Some(UNIT), Some("示例一厂"), Some("东厂"), Some("蓝色")],
    &[None, None, Some("西厂"), Some("黄色")],
    &[Some(OTHER), Some("示例二厂"), None, Some("黑")],
];

#[test]
fn a_workbook_with_merged_cells_names_sites_and_disagreements() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let note: Cells<'_> = &[&[Some("本表由省厅印发")]];
    let book = workbook(&[
        ("名单", LISTED, "A1:D1 A2:C2 D2:D3 A4:A5 B4:B5"),
        ("说明", note, ""),
    ]);
    let mut listed = vec!["credit", "act", "list", "--data", text(&data)];
    listed.extend(["--subject", UNIT, "--by", "Li Na", "date=2020-01-05"]);
    run(&listed);
    let (code, said) = official(&data, &book, "2020-06-30", true);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("\"line\":5") && said.contains("\"site\":\"西厂\""),
        "{said}"
    );
    assert!(said.contains("sheet 说明 has no heading"), "{said}");
    let (code, said) = official(&data, &book, "2020-06-30", false);
    assert!(
        code == 0 && said.contains("3 official tiers entered"),
        "{said}"
    );
    assert!(
        said.contains("2 names of unregistered units entered"),
        "{said}"
    );
    let (_, said) = official(&data, &book, "2020-06-30", false);
    assert!(
        said.contains("0 official tiers entered, 3 stood already"),
        "{said}"
    );
    let site = Daemon::start(&data, &[]);
    let answer = site.json(&format!("/v1/enterprises/{UNIT}/tier?on=2020-07-15"));
    let sites = answer["sites"].as_array().expect("a list");
    let told: Vec<String> = sites
        .iter()
        .map(|site| format!("{} {}", site["site"], site["tier"]))
        .collect();
    assert_eq!(told, ["\"东厂\" \"blue\"", "\"西厂\" \"yellow\""]);
    assert_eq!(answer["worst"], "yellow");
    assert_eq!(answer["official"]["tier"], "yellow");
    let found = site.json("/v1/enterprises?q=%E7%A4%BA%E4%BE%8B%E4%BA%8C");
    assert_eq!(found["enterprises"][0]["subject"], OTHER);
    let work = site.json("/v1/disagreements?on=2020-07-15&limit=1");
    let row = &work["disagreements"][0];
    assert_eq!(
        (&row["subject"], &row["official"]["tier"]),
        (&OTHER.into(), &"black".into())
    );
    assert_eq!(
        (&row["name_zh"], &row["computed"]["tier"]),
        (&"示例二厂".into(), &"blue".into())
    );
    let next = work["next"].as_str().expect("another page");
    let rest = site.json(&format!("/v1/disagreements?on=2020-07-15&after={next}"));
    assert_eq!(rest["disagreements"][0]["subject"], UNIT);
    assert_eq!(rest["next"], Value::Null);
}

#[test]
fn faults_of_a_workbook_are_told_by_sheet_and_line_and_nothing_is_entered() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let bad: Cells<'_> = &[
        &HEADING,
        &[Some("91999999MA1ABCDE8H"), None, None, Some("蓝")],
        &[Some(UNIT), None, None, Some("紫")],
        &[Some(OTHER), None, None, Some("绿")],
    ];
    let whole = workbook(&[("一季度", bad, "")]);
    let many: Vec<(String, &str)> = (0..33).map(|at| (format!("s{at}"), "")).collect();
    let sheets: Vec<(&str, Cells<'_>, &str)> = many
        .iter()
        .map(|(name, _)| (name.as_str(), bad, ""))
        .collect();
    let check = |bytes: &[u8], hints: &[&str]| {
        let (code, said) = official(&data, bytes, "2020-06-30", false);
        assert_eq!(code, 2, "{said}");
        for hint in hints {
            assert!(said.contains(hint), "{hint:?} is not in {said:?}");
        }
    };
    check(
        &whole,
        &[
            "sheet 一季度, line 2",
            "ends in 'H'",
            "sheet 一季度, line 3: \"紫\" is no tier",
        ],
    );
    check(&workbook(&sheets), &["33 sheets; at most 32"]);
    let over = "D1:D4 ".repeat(1_000);
    let overlapping = workbook(&[("一季度", bad, &over)]);
    check(&overlapping, &["sheet 一季度: merged cells overlap"]);
    check(&whole[..whole.len() / 2], &["the workbook cannot be read"]);
    check(b"\xd0\xcf\x11\xe0\xa1\xb1", &["of the old kind"]);
    check(b"\xb4\xfa\xc2\xeb,\xb5\xc8\xbc\xb6", &["not UTF-8"]);
    check(&vec![b','; (16 << 20) + 1], &["more than 16777216 bytes"]);
    let many_rows = format!("统一社会信用代码,等级\n{}", ",\n".repeat(100_020));
    check(
        many_rows.as_bytes(),
        &["more than 100000 rows; split the list"],
    );
    assert!(!data.join("skytier.db").exists(), "nothing was made");
}

#[test]
fn the_line_of_a_fault_is_the_files_own_whatever_ends_its_lines() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let list = format!("统一社会信用代码,评价结果\n{UNIT},蓝色\n{OTHER},紫色\n");
    for list in [list.clone(), list.replace('\n', "\r\n")] {
        let (code, said) = official(&data, list.as_bytes(), "2020-06-30", true);
        assert!(code == 2 && said.contains("line 3"), "{code} {said}");
    }
}

/// Every command and every start reads the whole ledger, so an entry that cannot be read would be the end of it.
#[test]
fn what_could_not_be_read_back_is_not_entered() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let mut listed = vec!["credit", "act", "list", "--data", text(&data)];
    listed.extend(["--subject", UNIT, "--by", "Li Na", "date=2020-01-05"]);
    run(&listed);
    let before = run(&["credit", "head", "--data", text(&data)]);
    let file = folder.path().join("list.csv");
    let list = format!("统一社会信用代码,评价结果\n{UNIT},蓝色\n");
    std::fs::write(&file, list).expect("room on the disk");
    let long = "x".repeat(70_000);
    for (as_of, source, by, field) in [
        ("1975-06-30", "list", "Li Na", "as_of"),
        ("2020-06-30", "list\n1", "Li Na", "source"),
        ("2020-06-30", "list", "Li\tNa", "entered_by"),
        ("2020-06-30", &long, "Li Na", "too long"),
    ] {
        for preview in [true, false] {
            let mut args = vec!["credit", "official", "--data", text(&data), text(&file)];
            args.extend(["--as-of", as_of, "--source", source, "--by", by]);
            args.extend(preview.then_some("--preview"));
            let (code, said) = fails(&args);
            assert!(code == 2 && said.contains(field), "{field}: {code} {said}");
        }
    }
    assert_eq!(run(&["credit", "head", "--data", text(&data)]), before);
    let broken = format!(
        "统一社会信用代码,企业名称,厂区,评价结果\n{UNIT},示例\u{0}厂,\"东厂\r\n（一期）\",蓝色\n"
    );
    let (code, said) = official(&data, broken.as_bytes(), "2020-06-30", false);
    assert_eq!(code, 0, "{said}");
    let site = Daemon::start(&data, &[]);
    let answer = site.json(&format!("/v1/enterprises/{UNIT}/tier?on=2020-07-15"));
    assert_eq!(
        (&answer["sites"][0]["site"], &answer["name_zh"]),
        (&"东厂 （一期）".into(), &"示例 厂".into())
    );
    site.stop("TERM");
    verify(&data);
}

#[test]
fn a_hidden_sheet_is_left_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let seen: Cells<'_> = &[&HEADING, &[Some(UNIT), None, None, Some("蓝")]];
    let unseen: Cells<'_> = &[&HEADING, &[Some(OTHER), None, None, Some("黑")]];
    // As spreadsheets mark one.
    let book = workbook(&[("名单", seen, ""), ("旧表\" state=\"hidden", unseen, "")]);
    let (code, said) = official(&data, &book, "2020-06-30", false);
    assert_eq!(code, 0, "{said}");
    for hint in ["sheet 旧表 is hidden", "1 official tiers entered"] {
        assert!(said.contains(hint), "{said}");
    }
}
