//! Names of unusual characters: tables that are written are read back as they were, and every picture of them can be read and
//! is drawn.

use resvg::usvg::Options;
use resvg::usvg::Tree;
use serde_json::Value;

use crate::hostile::ATTRIBUTE;
use crate::hostile::ELEMENT;
use crate::hostile::quoted;
use crate::hostile::write;
use crate::register::post_json;
use crate::support::Daemon;
use crate::support::run;
use crate::support::station::Station;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;

/// Combining marks on nothing, from right to left, beyond the first plane, unassigned, nobody's, and what XML forbids.
const UNUSUAL: &str = "\u{301}\u{202e}שלום\u{200b}😀👩‍👧\u{e000}\u{fffe}\u{ffff}\u{10ffff}龘";
/// Every kind of drawing that is made of one area.
const KINDS: [&str; 12] = [
    "pm25", "ratio", "calendar", "years", "months", "days", "hours", "rose", "both", "compared",
    "map", "outlook",
];

/// Tables with such names: the kind, its lines.
fn tables() -> Vec<(&'static str, String)> {
    let (unusual, element, attribute) = (quoted(UNUSUAL), quoted(ELEMENT), quoted(ATTRIBUTE));
    let signs = [
        "+1",
        "-x",
        "'=1",
        "''@",
        "a\nb",
        "a,b",
        "\"",
        "=cmd|' /C calc'!A0",
    ];
    let mut stations = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n".to_owned();
    stations += &format!("1999A,{unusual},{unusual},national,120.268,31.92,false,{attribute}\n");
    stations += &format!("b,{element},{attribute},national,120.3,31.9,false,{unusual}\n");
    for (at, sign) in signs.iter().enumerate() {
        let name = quoted(sign);
        stations += &format!("s{at},{name},{name},town,120,31,false,{name}\n");
    }
    let groups = format!(
        "id,name_zh,name_en,document,station,from,to,member_document\n\
         odd,{unusual},{attribute},{element},1999A,2020-01-01,,{unusual}\n\
         odd,{unusual},{attribute},{element},b,2020-01-01,,{element}\n"
    );
    let targets = format!(
        "id,group,item,year,limit,issuer,document,edition\nx1,odd,pm25_mean,2020,30.5,{unusual},{element},2012\n"
    );
    let exclusions = format!(
        "id,place,from,to,pollutants,statistics,reason,document,decided_on,revoked_on\n\
         x1,group:odd,2020-07-27,2020-07-27,pm25,mean,dust,{unusual},2020-08-04,\n"
    );
    vec![
        ("stations", stations),
        ("groups", groups),
        ("targets", targets),
        ("exclusions", exclusions),
    ]
}

#[test]
fn hostile_names_come_back_from_a_table_as_they_were() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (first, second) = (folder.path().join("data"), folder.path().join("again"));
    for (kind, lines) in tables() {
        let file = write(folder.path(), &format!("{kind}.csv"), &lines);
        run(&["register", "--data", text(&first), &file]);
        let listed = run(&["register", "--data", text(&first), "--list", kind]);
        // As a spreadsheet gets it: no cell is a formula.
        let mut reader = csv::Reader::from_reader(listed.as_bytes());
        for row in reader.records() {
            for cell in &row.expect("a row") {
                assert!(!cell.starts_with(['=', '@', '\t', '\r']), "{cell}");
            }
        }
        let file = write(folder.path(), &format!("again-{kind}.csv"), &listed);
        run(&[
            "register",
            "--data",
            text(&second),
            &format!("{kind}={file}"),
        ]);
        let again = run(&["register", "--data", text(&second), "--list", kind]);
        assert_eq!(again, listed, "{kind}");
    }
    // And over HTTP, from one daemon to another.
    let third = folder.path().join("third");
    let (from, to) = (Daemon::start(&first, &[]), Daemon::start(&third, &[]));
    for (kind, _) in tables() {
        let path = format!("/v1/registry/{kind}");
        let csv = from.fetch(&path).text;
        let got = post_json(
            &format!("{}{path}", to.http),
            &serde_json::json!({"csv": csv}),
        );
        assert_eq!(got.status, 200, "{kind}: {}", got.text);
        assert_eq!(to.fetch(&path).text, csv, "{kind}");
    }
    let names = |daemon: &Daemon| -> Vec<Value> {
        let listed = daemon.json("/v1/stations");
        let stations = listed["stations"].as_array().expect("a list");
        stations.iter().map(|one| one["name_zh"].clone()).collect()
    };
    assert_eq!(names(&from), names(&to));
    let told = names(&from);
    // A table that a person wrote has one apostrophe taken away, as those that are written have it added.
    for name in [UNUSUAL, ELEMENT, "+1", "-x", "=1", "'@", "a\nb"] {
        assert!(told.iter().any(|own| own == name), "{name:?}: {told:?}");
    }
}

#[test]
fn pictures_of_unusual_names_are_read_and_drawn() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    for (kind, lines) in tables() {
        let file = write(folder.path(), &format!("{kind}.csv"), &lines);
        run(&["register", "--data", text(&data), &file]);
    }
    let daemon = Daemon::start(&data, &[]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut station = Station::connect(&daemon, "gate").await;
        for (id, value) in [("1999A", "40.5"), ("b", "12")] {
            let time = "2020-07-27T13:00:00+08:00";
            station
                .send(&readings_topic(id), &hourly(time, value))
                .await;
        }
    });
    daemon.settle();
    let mut named = 0;
    for kind in KINDS {
        let query = "area=group:odd&year=2020&lang=zh&size=narrow";
        let path = format!("/v1/charts/{kind}");
        let svg = daemon.fetch(&format!("{path}.svg?{query}"));
        assert_eq!(svg.status, 200, "{kind}: {}", svg.text);
        let read = Tree::from_str(&svg.text, &Options::default());
        assert!(read.is_ok(), "{kind}: {read:?}");
        named += usize::from(svg.text.contains("שלום"));
        let png = ureq::get(format!("{}{path}.png?{query}", daemon.http)).call();
        let png = png.expect("an answer").body_mut().read_to_vec();
        assert!(png.expect("a body").starts_with(b"\x89PNG"), "{kind}");
    }
    assert!(named >= 3, "{named} pictures have the name in them");
    // The pages around them too.
    for path in [
        "/?area=group:odd",
        "/stations",
        "/stations/1999A",
        "/targets?area=group:odd",
    ] {
        let page = daemon.fetch(path);
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        assert!(page.text.contains("שלום"), "{path}");
    }
    daemon.stop("TERM");
}
