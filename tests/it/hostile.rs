//! Names that mean harm, brought in by the real ways: tables, seeds, messages, acts. No element and no attribute of any page
//! or picture comes from them, in either language.

mod office;
mod written;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;
use skytier::adapters::http::guard::table::TABLE;

use crate::access::ask;
use crate::register::post_json;
use crate::support::Daemon;
use crate::support::Site;
use crate::support::run;
use crate::support::skytier;
use crate::support::station::Station;
use crate::support::station::hourly;
use crate::support::station::readings_topic;
use crate::support::text;

/// A unit of the seeds, whose names are hostile here.
const UNIT: &str = "91999999MA1X00017B";
/// What would be an element, break out of an attribute, and be a formula.
const ELEMENT: &str = "=1+<xssmark onxssmark=1>&lt;xssmark&gt;";
const ATTRIBUTE: &str = "@a\"' onxssmark=1 x='\"><xssmark>";
const TIME: &str = "2020-07-27T13:00:00+08:00";

/// Names of elements and of attributes, and values of those that lead somewhere.
#[derive(Default)]
struct Marks {
    elements: BTreeSet<String>,
    attributes: BTreeSet<String>,
    addresses: Vec<String>,
}

/// Reads the tags of a page as a browser does: quotes hold what stands in them, and text is no tag.
fn marks(page: &str) -> Marks {
    let mut marks = Marks::default();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let name = rest.strip_prefix('/').unwrap_or(rest);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let end = name
            .find(|c: char| c.is_whitespace() || "/>".contains(c))
            .unwrap_or(name.len());
        marks.elements.insert(name[..end].to_ascii_lowercase());
        rest = attributes(&name[end..], &mut marks);
    }
    marks
}

/// Reads the attributes of a tag; what comes behind it.
fn attributes<'a>(mut rest: &'a str, marks: &mut Marks) -> &'a str {
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() || rest.starts_with('>') {
            return rest;
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || "=/>".contains(c))
            .unwrap_or(rest.len());
        let name = rest[..end.max(1)].to_ascii_lowercase();
        rest = rest[end.max(1)..].trim_start();
        let mut value = "";
        if let Some(given) = rest.strip_prefix('=') {
            let given = given.trim_start();
            let quote = given.chars().next().filter(|c| ['"', '\''].contains(c));
            (value, rest) = match quote {
                Some(quote) => given[1..].split_once(quote).unwrap_or((&given[1..], "")),
                None => {
                    let end = given.find(|c: char| c.is_whitespace() || c == '>');
                    given.split_at(end.unwrap_or(given.len()))
                }
            };
        }
        if ["href", "src", "action", "xlink:href", "formaction"].contains(&name.as_str()) {
            marks.addresses.push(value.to_owned());
        }
        marks.attributes.insert(name);
    }
}

/// What of a page came from a name; nothing when all is well.
fn found(page: &str) -> Vec<String> {
    let marks = marks(page);
    let strange = |name: &&String| name.contains("xssmark") || name.contains(['"', '\'', '<']);
    let named = marks
        .elements
        .iter()
        .chain(&marks.attributes)
        .filter(strange);
    let script = |address: &&String| {
        address
            .trim_start()
            .to_ascii_lowercase()
            .starts_with("javascript:")
    };
    let led = marks.addresses.iter().filter(script);
    named.chain(led).cloned().collect()
}

#[test]
fn what_looks_for_marks_finds_them() {
    for (page, expected) in [
        ("<p>a</p>", 0),
        ("<p title=\"&quot; onxssmark=1\">&lt;xssmark&gt;</p>", 0),
        ("<p title=\"<xssmark>\">1 < 2</p>", 0),
        ("<p><xssmark onxssmark=1></p>", 2),
        ("<p title=\"a\" onxssmark=1 x=\"\">", 1),
        ("<p title=a onxssmark=1>", 1),
        ("<a href=\" JavaScript:alert(1)\">", 1),
        (&format!("<p title=\"{ATTRIBUTE}\">"), 2),
        (&format!("<p>{ELEMENT}</p>"), 2),
    ] {
        assert_eq!(found(page).len(), expected, "{page}: {:?}", found(page));
    }
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("room on the disk");
    crate::support::text(&path).to_owned()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// The seeds with hostile names for a unit and a town.
fn seeds(folder: &Path) -> std::path::PathBuf {
    let own = folder.join("seeds");
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    std::fs::create_dir_all(own.join("beijing")).expect("a folder");
    std::fs::create_dir_all(own.join("jiangyin")).expect("a folder");
    for entry in std::fs::read_dir(all.join("jiangyin")).expect("seeds") {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        let bytes = std::fs::read(entry.path()).expect("a file");
        let bytes = match name.to_str() {
            Some("enterprises.csv") => {
                let text = String::from_utf8(bytes).expect("UTF-8");
                let named = text.replacen("示例甲特钢有限公司", &quoted(ELEMENT), 1);
                let named = named.replacen(
                    "\"Example Jia Special Steel Co., Ltd.\"",
                    &quoted(ATTRIBUTE),
                    1,
                );
                assert_ne!(named, text, "the seeds name that unit");
                named.into_bytes()
            }
            _ => bytes,
        };
        std::fs::write(own.join("jiangyin").join(name), bytes).expect("room on the disk");
    }
    own
}

/// Tables with hostile names, as a user registers them.
fn register(folder: &Path, data: &Path) {
    let (element, attribute) = (quoted(ELEMENT), quoted(ATTRIBUTE));
    let tables = [
        (
            "stations",
            format!(
                "id,name_zh,name_en,class,longitude,latitude,simulated,source,zone\n1999A,{element},{attribute},national,120.268,31.92,false,{attribute},+08:00\n"
            ),
        ),
        (
            "groups",
            format!(
                "id,name_zh,name_en,document,station,from,to,member_document\nxss,{element},{attribute},{element},1999A,2020-01-01,,{attribute}\n"
            ),
        ),
        (
            "targets",
            format!(
                "id,group,item,year,limit,issuer,document\nx1,xss,pm25_mean,2020,30.5,{element},{attribute}\n"
            ),
        ),
        (
            "exclusions",
            format!(
                "id,place,from,to,pollutants,statistics,reason,document,decided_on,revoked_on\nx1,station:1999A,2020-07-27,2020-07-27,pm25,mean,dust,{element},2020-08-04,\n"
            ),
        ),
    ];
    for (name, lines) in &tables {
        let file = write(folder, &format!("{name}.csv"), lines);
        run(&["register", "--data", text(data), &file]);
    }
}

/// Acts, messages and decisions with hostile words in them.
fn enter(folder: &Path, site: &Site) {
    let post = |path: &str, body: serde_json::Value| {
        let got = post_json(&format!("{}{path}", site.http), &body);
        assert_eq!(got.status, 200, "{path}: {}", got.text);
    };
    let unit = format!("/v1/enterprises/{UNIT}");
    post(
        &format!("{unit}/records"),
        json!({"id": "x1", "code": "D03", "doc_date": "2020-05-06", "doc_no": ATTRIBUTE, "entered_by": ELEMENT}),
    );
    post(
        &format!("{unit}/officials"),
        json!({"tier": "yellow", "as_of": "2020-06-30", "source": ATTRIBUTE, "entered_by": ELEMENT}),
    );
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut station = Station::connect(site, "<xssmark onxssmark=1>").await;
        station.send(&readings_topic("1999A"), &hourly(TIME, "40.5")).await;
        // Kept letters: no JSON, a flag of signs, a source nobody knows, a fault that repeats what was sent.
        for payload in [
            ELEMENT.to_owned(),
            format!("{{\"time\":{:?},\"interval_s\":3600,\"values\":{{\"pm25\":1}}}}", ATTRIBUTE),
            format!("{{\"time\":\"{TIME}\",\"interval_s\":3600,\"values\":{{\"pm25\":{{\"value\":1,\"flag\":\"<xssmark>\"}}}}}}"),
            format!("{{\"time\":\"{TIME}\",\"interval_s\":3600,\"values\":{{\"<xssmark onxssmark=1>\":1}}}}"),
        ] {
            station.offer(&readings_topic("1999A"), &payload).await;
            station.offer(&readings_topic("stranger"), &payload).await;
        }
        station.offer("skytier/v1/stations/<xssmark>/readings", "{}").await;
    });
    let reason = quoted(ELEMENT);
    let lines = format!(
        "source,factor,stat,interval_s,time,from,to,decision,value,reason\nstations/1999A,pm25,mean,3600,{TIME},,,void,,{reason}\n"
    );
    let file = write(folder, "review.csv", &lines);
    let mut review = skytier(&[
        "review",
        "--data",
        text(&site.data),
        "--reviewer",
        ATTRIBUTE,
        &file,
    ]);
    drop(review.output());
}

/// Every `GET` of the table with what there is of it.
fn paths() -> Vec<String> {
    let mut paths = BTreeSet::new();
    for (method, template, _) in TABLE {
        if *method != "GET" || *template == "/live" {
            continue;
        }
        let files = match *template {
            "/v1/charts/{file}" => vec![
                "pm25.svg",
                "ratio.svg",
                "calendar.svg",
                "months.svg",
                "days.svg",
                "hours.svg",
                "tiers.svg",
            ],
            "/v1/snapshots/{file}" => vec!["2020-06-30.jsonl"],
            _ => vec!["none"],
        };
        for file in files {
            let parts = [
                ("{uscc}", UNIT),
                (
                    "{id}",
                    if template.contains("letters") {
                        "1"
                    } else {
                        "1999A"
                    },
                ),
                ("{table}", "stations"),
                ("{file}", file),
                ("{period}", "2020-07-27"),
                ("{date}", "2020-07-27"),
                ("{chart}", "hours"),
            ];
            let path = parts
                .iter()
                .fold((*template).to_owned(), |path, (name, value)| {
                    path.replace(name, value)
                });
            paths.insert(path);
        }
    }
    paths.into_iter().collect()
}

/// Looks at every path in both languages, plainly and with the hostile area; how many pages and pictures there were.
fn look(site: &Site, paths: &[String]) -> (usize, Vec<String>) {
    let (mut shown, mut named) = (0, Vec::new());
    for path in paths {
        for query in ["?lang=zh&area=group:xss", "?lang=en", "?lang=zh", ""] {
            let url = format!("{path}{query}");
            let got = ask(&site.http, "GET", &url, None, "");
            assert!(got.status < 500, "{url}: {}", got.text);
            let markup = ["text/html", "image/svg"]
                .iter()
                .any(|kind| got.kind.starts_with(kind));
            if got.status == 200 && !markup {
                break;
            }
            if got.status != 200 {
                continue;
            }
            let found = found(&got.text);
            assert!(found.is_empty(), "{url}: {found:?}");
            shown += 1;
            if got.text.contains("xssmark") && !named.contains(path) {
                named.push(path.clone());
            }
        }
    }
    (shown, named)
}

#[test]
fn no_name_becomes_an_element_or_an_attribute() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let seeded = skytier(&["seed", "jiangyin", "--data", text(&data)])
        .env("SKYTIER_SEEDS", seeds(folder.path()))
        .output()
        .expect("the program starts");
    assert!(seeded.status.success(), "{seeded:?}");
    register(folder.path(), &data);
    let daemon = Daemon::start(&data, &[]);
    enter(folder.path(), &daemon.site);
    daemon.settle();
    let (shown, named) = look(&daemon.site, &paths());
    assert!(shown >= 80, "{shown} pages and pictures");
    for path in ["/stations", "/stations/1999A", "/targets", "/data", "/"] {
        assert!(
            named.iter().any(|found| found == path),
            "{path} shows no hostile name: {named:?}"
        );
    }
    assert!(named.contains(&format!("/enterprises/{UNIT}")), "{named:?}");
    daemon.stop("TERM");
}
