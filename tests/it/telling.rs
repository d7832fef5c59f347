//! What pages say when they cannot be, whom they name, what they are told while they are open, and their tables as CSV.

use std::io::BufRead;
use std::io::BufReader;

use chrono::NaiveDate;
use chrono::NaiveTime;
use chrono::TimeDelta;
use serde_json::json;

use crate::register::post_json;
use crate::reviews::day;
use crate::support::Daemon;
use crate::support::Reply;
use crate::support::run;
use crate::support::text;

const STATIONS: &str = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n\
    a,甲,A,national,120.5,31.25,false,feed\n\
    b,乙,B,town,120.5,31.25,false,feed\n";
const CHIEFS: &str = "station,name,unit\na,王某,虹桥街道\nb,,璜土镇\n";

/// A daemon with two stations, a day of one of them, and nobody who answers for them.
fn daemon(folder: &std::path::Path) -> Daemon {
    let data = folder.join("data");
    let stations = folder.join("stations.csv");
    std::fs::write(&stations, STATIONS).expect("room on the disk");
    run(&["register", "--data", text(&data), text(&stations)]);
    let file = folder.join("day.csv");
    std::fs::write(&file, day(|hour| format!("{}", hour * 10))).expect("room on the disk");
    let import = [
        "import",
        "--layout",
        "canonical",
        "--data",
        text(&data),
        "--input",
        text(&file),
    ];
    for _ in 0..2 {
        run(&import);
    }
    Daemon::start(&data, &[])
}

/// What a browser gets, or with `accept` somebody else.
fn asked(daemon: &Daemon, path: &str, accept: &str) -> Reply {
    let url = format!("{}{path}", daemon.http);
    let request = ureq::get(&url).config().http_status_as_error(false).build();
    let answer = request.header("accept", accept).call();
    Reply::of(answer.expect("an answer"))
}

const PAGE: &str = "text/html,application/xhtml+xml";

/// Addresses that lead nowhere: status, and what the page says in each language.
const WRONG: [(&str, u16, &str, &str); 12] = [
    (
        "/?area=group:nowhere",
        404,
        "没有找到",
        "There is nothing of that name",
    ),
    (
        "/trends?area=here",
        400,
        "区域写作 group:编号",
        "An area is written group:ID",
    ),
    (
        "/stations/nobody",
        404,
        "没有找到",
        "There is nothing of that name",
    ),
    (
        "/commissioning/nobody",
        404,
        "没有找到",
        "There is nothing of that name",
    ),
    (
        "/days/2026-02-30",
        400,
        "日期写作 2026-01-31",
        "A date is written 2026-01-31",
    ),
    (
        "/days/soon",
        400,
        "日期写作 2026-01-31",
        "A date is written 2026-01-31",
    ),
    (
        "/targets?on=x",
        400,
        "日期写作 2026-01-31",
        "A date is written 2026-01-31",
    ),
    (
        "/bulletins?period=2026-13",
        400,
        "时段写作 2026-H1",
        "A period is written 2026-H1",
    ),
    (
        "/trends?year=1",
        400,
        "年份写作四位数字",
        "A year is written with four digits",
    ),
    ("/data?csv=none", 400, "参数 csv", "The parameter csv"),
    (
        "/enterprises/91999999MA1X00017B",
        404,
        "没有找到",
        "There is nothing of that name",
    ),
    ("/nowhere", 404, "没有找到", "There is nothing of that name"),
];

#[test]
fn a_browser_gets_a_page_that_says_what_is_wrong_and_others_a_document() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = daemon(folder.path());
    for (path, status, zh, en) in WRONG {
        let joint = if path.contains('?') { '&' } else { '?' };
        for (lang, tag, expected) in [("zh", "zh-CN", zh), ("en", "en", en)] {
            let path = format!("{path}{joint}lang={lang}");
            let page = asked(&daemon, &path, PAGE);
            assert_eq!(page.status, status, "{path}: {}", page.text);
            assert!(page.kind.starts_with("text/html"), "{path}: {}", page.kind);
            assert!(page.text.contains(expected), "{path}: {}", page.text);
            assert!(
                page.text.contains(&format!("<html lang=\"{tag}\"")),
                "{path}"
            );
        }
        for accept in ["*/*", "application/json"] {
            let document = asked(&daemon, path, accept);
            assert_eq!(document.status, status, "{path}");
            assert_eq!(document.kind, "application/problem+json", "{path}");
        }
    }
    // The interface answers a browser too as the interface does.
    let document = asked(&daemon, "/v1/air/days?area=here", PAGE);
    assert_eq!(document.kind, "application/problem+json");
}

/// Waits for the next event `figures` of an open page.
fn next_event(events: &mut impl BufRead) {
    let mut line = String::new();
    while line.trim_end() != "event: figures" {
        line.clear();
        assert!(
            events.read_line(&mut line).expect("text") > 0,
            "the stream goes on"
        );
    }
}

#[test]
fn who_answers_for_a_station_is_named_and_open_pages_are_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = daemon(folder.path());
    let unnamed = daemon.fetch("/stations/a?lang=en").text;
    assert!(
        unnamed.contains("<dt>Site chief</dt><dd>not registered</dd>"),
        "{unnamed}"
    );
    let live = ureq::get(format!("{}/live", daemon.http))
        .call()
        .expect("a stream");
    let mut events = BufReader::new(live.into_body().into_reader());
    let url = format!("{}/v1/registry/chiefs", daemon.http);
    let entered = post_json(&url, &json!({"csv": CHIEFS}));
    assert_eq!(entered.status, 200, "{}", entered.text);
    next_event(&mut events);
    for (path, expected) in [
        ("/stations/a?lang=zh", "王某（虹桥街道）"),
        ("/stations/a?lang=en", "王某 (虹桥街道)"),
        ("/stations/b?lang=zh", "<dd>璜土镇</dd>"),
        // The newest hour of a has bad air.
        ("/?area=station:a&lang=zh", "王某（虹桥街道）"),
    ] {
        let page = daemon.fetch(path).text;
        assert!(page.contains(expected), "{path}: {page}");
    }
    let decision = json!({"reviewer": "Li Na", "csv": "source,factor,stat,interval_s,time,from,to,decision,value,reason\n\
        a,pm25,avg,3600,2020-01-01T01:00:00+08:00,,,void,,a stuck pump\n"});
    let entered = post_json(&format!("{}/v1/reviews", daemon.http), &decision);
    assert_eq!(entered.status, 200, "{}", entered.text);
    next_event(&mut events);
    assert_eq!(daemon.fetch("/v1/registry/chiefs").text, CHIEFS);
    for (table, fault) in [
        ("station,name,unit\nc,王某,x\n", "c is not registered"),
        ("station,name,unit\na,王某,x\na,李某,y\n", "stands already"),
        ("station,name,unit\na,王某 13800000000,x\n", "name"),
        ("station,name,unit\na,王某,\n", "unit"),
    ] {
        let refused = post_json(&url, &json!({"csv": table}));
        assert_eq!(refused.status, 400, "{table}");
        assert!(refused.text.contains(fault), "{table}: {}", refused.text);
    }
    // A row without the name takes it out.
    let entered = post_json(&url, &json!({"csv": "station,name,unit\na,,虹桥街道\n"}));
    assert_eq!(entered.status, 200, "{}", entered.text);
    assert!(!daemon.fetch("/stations/a").text.contains("王某"));
}

#[test]
fn every_table_has_its_rows_as_csv() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = daemon(folder.path());
    let mut looked = 0;
    for path in [
        "/trends?area=mean&year=2020",
        "/trends/hours?area=mean&year=2020",
        "/trends/rose?area=mean&year=2020",
        "/stations?area=mean",
        "/stations/a",
        "/data",
        "/commissioning/a",
        "/bulletins?area=mean",
        "/restatements?area=mean",
    ] {
        let page = daemon.fetch(path).text;
        for block in page.split("<section class=\"card\"").skip(1) {
            let table = block.contains("<table");
            let links: Vec<&str> = block.split("<p class=\"csv\"><a href=\"").skip(1).collect();
            assert!(!table || !links.is_empty(), "{path}: {block}");
            for link in links {
                let (href, _) = link.split_once('"').expect("an address");
                let rows = daemon.fetch(&href.replace("&amp;", "&"));
                assert_eq!(rows.status, 200, "{href}: {}", rows.text);
                assert!(rows.kind.starts_with("text/csv"), "{href}: {}", rows.kind);
                looked += 1;
            }
        }
    }
    assert!(looked >= 10, "{looked}");
    let runs = daemon.fetch("/data?lang=en&csv=imports").text;
    let runs: Vec<&str> = runs
        .lines()
        .skip(1)
        .filter_map(|row| Some(row.split_once(',')?.1))
        .collect();
    assert_eq!(
        runs,
        [
            "day.csv,canonical,24,0,144,0",
            "day.csv,canonical,24,144,0,0"
        ]
    );
    let rows = daemon
        .fetch("/trends/hours?area=mean&year=2020&lang=en&csv=table")
        .text;
    assert!(rows.starts_with("Month,01,02"), "{rows}");
    assert_eq!(rows.lines().count(), 2, "{rows}");
}

/// A value that another replaced stands on its station's page and on that of data, with what came and when.
#[test]
fn corrections_are_told_with_the_old_value_the_new_one_and_when() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let daemon = daemon(folder.path());
    let rows = daemon.json("/v1/stations/a/corrections");
    assert_eq!(rows["corrections"], json!([]), "nothing was replaced yet");
    let none = daemon.fetch("/stations/a?lang=en").text;
    assert!(none.contains("No reading was replaced."), "{none}");
    daemon.stop("TERM");
    let data = folder.path().join("data");
    let file = folder.path().join("again.csv");
    let again = day(|hour| match hour {
        1 | 2 => format!("{}", hour * 10 + 1),
        _ => format!("{}", hour * 10),
    });
    std::fs::write(&file, again).expect("room on the disk");
    let (data, file) = (text(&data), text(&file));
    let said = run(&[
        "import",
        "--layout",
        "canonical",
        "--data",
        data,
        "--input",
        file,
    ]);
    assert!(said.contains("2 corrected"), "{said}");
    let daemon = Daemon::start(&folder.path().join("data"), &[]);
    let rows = daemon.json("/v1/stations/a/corrections?limit=1");
    let own = &rows["corrections"][0];
    assert_eq!(
        (&own["factor"], &own["old"]["value"], &own["new"]["value"]),
        (&json!("pm25"), &json!(10), &json!(11)),
        "{rows}"
    );
    let next = rows["next_from"].as_str().expect("there is more");
    let next = next.replace('+', "%2B");
    let rest = daemon.json(&format!("/v1/stations/a/corrections?from={next}"));
    assert_eq!(
        rest["corrections"].as_array().map(Vec::len),
        Some(1),
        "{rest}"
    );
    assert_eq!(rest["next_from"], json!(null));
    let csv = daemon.fetch("/v1/stations/a/corrections?format=csv").text;
    assert!(
        csv.starts_with("factor,stat,time,interval_s,old,old_flag,new,new_flag,"),
        "{csv}"
    );
    assert!(csv.contains(",20,N,21,N,"), "{csv}");
    for page in ["/stations/a?lang=en", "/data?lang=en"] {
        let page = daemon.fetch(page).text;
        let (_, block) = page.split_once("id=\"corrections\"").expect("the block");
        let (block, _) = block.split_once("</section>").expect("its end");
        for expected in ["10 µg/m³", "11 µg/m³", "20 µg/m³", "21 µg/m³"] {
            assert!(block.contains(expected), "{expected}: {block}");
        }
    }
    assert_eq!(daemon.get("/v1/stations/nobody/corrections").0, 404);
    assert_eq!(daemon.get("/v1/stations/a/corrections?limit=0").0, 400);
}

/// So many hours from the first of a year, 24 of them a day, each of a value.
fn hours(count: u32, value: u32) -> String {
    let mut rows = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n".to_owned();
    let first = NaiveDate::from_ymd_opt(2020, 1, 1).expect("a date");
    for hour in 0..count {
        let time = first.and_time(NaiveTime::MIN) + TimeDelta::hours(hour.into());
        let time = time.format("%FT%T+08:00");
        rows.push_str(&format!("a,{time},3600,{value},50,5,20,0.5,60\n"));
    }
    rows
}

/// More than a page of corrections: pages of JSON one after the other have what the CSV has at once.
#[test]
fn all_corrections_are_in_the_csv_page_by_page() {
    const HOURS: u32 = 2_500;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (data, stations) = (
        folder.path().join("data"),
        folder.path().join("stations.csv"),
    );
    std::fs::write(&stations, STATIONS).expect("room on the disk");
    run(&["register", "--data", text(&data), text(&stations)]);
    for value in [10, 11] {
        let file = folder.path().join("hours.csv");
        std::fs::write(&file, hours(HOURS, value)).expect("room on the disk");
        let import = ["import", "--layout", "canonical", "--data", text(&data)];
        run(&[&import[..], &["--input", text(&file)]].concat());
    }
    let daemon = Daemon::start(&data, &[]);
    let mut listed = Vec::new();
    let mut from = String::new();
    loop {
        let page = daemon.json(&format!("/v1/stations/a/corrections?{from}"));
        let rows = page["corrections"].as_array().expect("a list");
        listed.extend(rows.iter().map(|own| {
            let text = |key: &str| own[key].as_str().expect("a text").to_owned();
            let [factor, stat, time] = ["factor", "stat", "time"].map(text);
            format!("{factor},{stat},{time},3600,10,N,11,N,")
        }));
        let Some(next) = page["next_from"].as_str() else {
            break;
        };
        assert_eq!(rows.len(), 1_000, "a page");
        from = format!("from={}", next.replace('+', "%2B"));
    }
    assert_eq!(listed.len(), HOURS as usize);
    let csv = daemon.fetch("/v1/stations/a/corrections?format=csv");
    assert!(csv.kind.starts_with("text/csv"), "{}", csv.kind);
    let rows: Vec<&str> = csv.text.lines().skip(1).collect();
    assert_eq!(rows.len(), listed.len());
    for (row, expected) in rows.iter().zip(&listed) {
        assert!(row.starts_with(expected), "{row}: {expected}");
    }
    let some = daemon.fetch("/v1/stations/a/corrections?format=csv&limit=1200");
    assert_eq!(some.text.lines().skip(1).collect::<Vec<_>>(), rows[..1_200]);
    daemon.stop("TERM");
}
