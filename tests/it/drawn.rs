//! Charts by themselves, as addresses and the command line hand them out, in both forms; the pollution rose from what
//! stations send.

use serde_json::Value;

use crate::support::Daemon;
use crate::support::fails;
use crate::support::full::full;
use crate::support::run;
use crate::support::seeded;
use crate::support::station::Station;
use crate::support::station::readings_topic;
use crate::support::text;

const KINDS: [&str; 14] = [
    "pm25",
    "ratio",
    "calendar",
    "years",
    "months",
    "days",
    "hours",
    "rose",
    "both",
    "compared",
    "map",
    "outlook",
    "outlook-ratio",
    "tiers",
];

/// Status, media type and body.
fn get(url: &str) -> (u16, String, Vec<u8>) {
    let request = ureq::get(url).config().http_status_as_error(false).build();
    let mut answer = request.call().expect("an answer");
    let kind = answer.headers().get("content-type");
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.to_owned();
    let body = answer.body_mut().read_to_vec().expect("a body");
    (answer.status().as_u16(), kind, body)
}

#[test]
fn every_kind_comes_as_svg_and_as_png() {
    let site = &full().site;
    for kind in KINDS {
        let path = format!("{}/v1/charts/{kind}", site.http);
        let query = "area=group:beijing6&year=2016&lang=en";
        let (status, media, svg) = get(&format!("{path}.svg?{query}"));
        assert_eq!((status, media.as_str()), (200, "image/svg+xml"), "{kind}");
        let svg = String::from_utf8(svg).expect("UTF-8");
        assert!(
            svg.starts_with("<svg ") && svg.contains("<title>"),
            "{kind}"
        );
        // It has its own characters, and its dark colours where a page asks for them.
        assert!(svg.contains("url(data:font/ttf;base64,"), "{kind}");
        assert!(
            svg.contains(" id=\"page\">") && svg.contains("#page:target .f-ink{"),
            "{kind}"
        );
        let (status, media, png) = get(&format!("{path}.png?{query}&size=narrow"));
        assert_eq!((status, media.as_str()), (200, "image/png"), "{kind}");
        let width = u32::from_be_bytes(png[16..20].try_into().expect("four bytes"));
        assert_eq!(width, 720, "{kind}");
    }
}

#[test]
fn what_is_no_chart_is_told() {
    let site = &full().site;
    let check = |path: &str, status: u16, part: &str| {
        let (got, _, body) = get(&format!("{}/v1/charts/{path}", site.http));
        let body = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(got, status, "{path}: {body}");
        assert!(body.contains(part), "{path}: {body}");
    };
    check("pie.svg", 404, "outlook-ratio");
    check("pm25.gif", 404, "KIND.svg or KIND.png");
    check("pm25", 404, "KIND.svg or KIND.png");
    check("pm25.png?size=huge", 400, "wide or narrow");
    check(
        "compared.svg?area=station:Dongsi",
        400,
        "a group is expected",
    );
    check("tiers.svg?year=9000", 400, "is ahead");
}

/// The year asked for counts for tiers too.
#[test]
fn tiers_are_counted_on_the_day_they_are_asked_for() {
    let site = &full().site;
    let says = |query: &str| {
        let (_, _, svg) = get(&format!("{}/v1/charts/tiers.svg?lang=en{query}", site.http));
        let svg = String::from_utf8(svg).expect("UTF-8");
        let (_, rest) = svg.split_once("<desc>").expect("a description");
        rest.split_once("</desc>").expect("its end").0.to_owned()
    };
    assert!(
        says("&year=2020").contains("2020-12-31"),
        "{}",
        says("&year=2020")
    );
    assert_ne!(says(""), says("&year=2020"));
}

#[test]
fn the_command_writes_what_the_address_serves() {
    let (folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let query = "area=group:city&year=2020&lang=en";
    for (kind, ending) in [("months", "svg"), ("calendar", "png")] {
        let out = folder.path().join(format!("{kind}.{ending}"));
        let args = [
            "chart",
            kind,
            "--data",
            text(&data),
            "--area",
            "group:city",
            "--year",
            "2020",
            "--lang",
            "en",
            "--out",
            text(&out),
        ];
        let said = run(&args);
        assert!(said.contains("bytes"), "{said}");
        let (status, _, served) = get(&format!(
            "{}/v1/charts/{kind}.{ending}?{query}",
            daemon.http
        ));
        assert_eq!(status, 200);
        assert!(std::fs::read(&out).expect("written") == served, "{kind}");
    }
    let check = |more: &[&str], part: &str| {
        let (code, said) = fails(&[&["chart"], more].concat());
        assert_eq!((code, said.lines().count()), (2, 1), "{said}");
        assert!(said.contains(part), "{part}: {said}");
    };
    let data = text(&data);
    check(
        &["months", "--data", data, "--out", "a.gif"],
        ".svg or .png",
    );
    check(
        &["pie", "--data", data, "--out", "a.svg"],
        "no such chart; there are pm25",
    );
    check(
        &[
            "months",
            "--data",
            data,
            "--area",
            "group:none",
            "--out",
            "a.svg",
        ],
        "none",
    );
    check(&["months", "--out", "a.svg"], "--data <DIR>");
    daemon.stop("INT");
}

/// The recorded wind of Beijing: dirty air comes with weak winds from the south and east, clean air from the north-west.
#[test]
fn the_recorded_wind_makes_a_rose() {
    let site = &full().site;
    let query = "area=group:beijing6&from=2016-01-01&to=2016-12-31";
    let found: Value = site.json(&format!("/v1/air/rose?{query}"));
    let all = |direction: &str| {
        let rows = found["rows"].as_array().expect("rows");
        let own = |row: &&Value| row["direction"] == direction && row["speed_ms"] == "all";
        rows.iter().find(own).expect("a row")["mean"]
            .as_f64()
            .expect("a mean")
    };
    assert!(
        found["coverage_pct"].as_f64().expect("a share") > 90.0,
        "{found}"
    );
    assert!(all("ESE") > 80.0 && all("NW") < 60.0, "{found}");
    let readings = site.json(
        "/v1/stations/Dongsi/readings?factor=a01008&from=2013-03-01T00:00:00%2B08:00&limit=2",
    );
    let first = &readings["readings"][0];
    assert_eq!(
        (&first["value"], &first["interval_s"]),
        (&Value::from(337.5), &Value::from(3600)),
        "{readings}"
    );
    let page = site.fetch("/stations/Dongsi?lang=en").text;
    assert!(
        page.contains("/v1/charts/rose.svg?area=station%3ADongsi"),
        "{page}"
    );
}

const HEADER: &str = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n";

/// The wind of those hours: a day from the north, then a calm night, the south-west, and nothing in the evening.
fn send_wind(daemon: &Daemon) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut station = Station::connect(daemon, "wind").await;
        for hour in 1..=44_u32 {
            let (day, of_day) = (27 + (hour - 1) / 24, (hour - 1) % 24 + 1);
            let time = match of_day {
                24 => format!("2020-07-{}T00:00:00+08:00", day + 1),
                _ => format!("2020-07-{day}T{of_day:02}:00:00+08:00"),
            };
            let (speed, direction) = match (day, of_day) {
                (27, _) => ("2.0", (349 + of_day / 2) % 360),
                (_, 1..=8) => ("0.1", 90),
                _ => ("4.0", 225),
            };
            let payload = format!(
                "{{\"time\":\"{time}\",\"interval_s\":3600,\"values\":{{\"a01007\":{speed},\"a01008\":{direction}}}}}"
            );
            station.send(&readings_topic("1999A"), &payload).await;
        }
    });
}

/// Two days of hours, the first clean and the second dirty.
fn hours() -> String {
    let mut rows = HEADER.to_owned();
    for hour in 1..=48_u32 {
        let (day, of_day) = (27 + (hour - 1) / 24, (hour - 1) % 24 + 1);
        let stamp = match of_day {
            24 => format!("2020-07-{}T00:00:00+08:00", day + 1),
            _ => format!("2020-07-{day}T{of_day:02}:00:00+08:00"),
        };
        rows.push_str(&format!(
            "1999A,{stamp},3600,{},,,,,\n",
            if day == 27 { 10 } else { 30 }
        ));
    }
    rows
}

/// Two days of hours with wind: a clean north and a dirty south-west, calm at night, no wind at the end.
#[test]
fn a_rose_rests_on_hours_with_both() {
    let (folder, data) = seeded(&["jiangyin"]);
    let file = folder.path().join("rows.csv");
    std::fs::write(&file, hours()).expect("room on the disk");
    run(&[
        "import",
        "--layout",
        "canonical",
        "--data",
        text(&data),
        "--input",
        text(&file),
    ]);
    let daemon = Daemon::start(&data, &[]);
    let query = "area=station:1999A&from=2020-07-27&to=2020-07-28";
    let none: Value = daemon.json(&format!("/v1/air/rose?{query}"));
    assert_eq!(none["hours"], Value::Null);
    assert!(
        none["void_reason"]
            .as_str()
            .is_some_and(|why| why.contains("a01007")),
        "{none}"
    );
    send_wind(&daemon);
    daemon.settle();
    let found: Value = daemon.json(&format!("/v1/air/rose?{query}"));
    let row = |direction: &str, speed: &str| {
        let rows = found["rows"].as_array().expect("rows");
        let own = |row: &&Value| row["direction"] == direction && row["speed_ms"] == speed;
        let row = rows.iter().find(own).expect("a row");
        (
            row["hours"].clone(),
            row["share_pct"].clone(),
            row["mean"].clone(),
        )
    };
    let told = |hours: u32, share: f64, mean: Option<u32>| {
        (
            Value::from(hours),
            Value::from(share),
            mean.map_or(Value::Null, Value::from),
        )
    };
    assert_eq!(found["possible_hours"], 48);
    assert_eq!(found["coverage_pct"], 91.7);
    assert_eq!(row("N", "1.6-3.3"), told(24, 54.5, Some(10)), "{found}");
    assert_eq!(row("SW", "all"), told(12, 27.3, Some(30)));
    assert_eq!(row("calm", "0.0-0.2"), told(8, 18.2, None));
    assert_eq!(row("all", "all").0, 44);
    let (status, _, svg) = get(&format!(
        "{}/v1/charts/rose.svg?area=station:1999A&year=2020&lang=en",
        daemon.http
    ));
    let svg = String::from_utf8(svg).expect("UTF-8");
    assert!(status == 200 && svg.contains("calm 18.2%"), "{svg}");
    let page = daemon
        .fetch("/trends/rose?area=station:1999A&year=2020&lang=en")
        .text;
    assert!(page.contains(">SW<") && page.contains("27.3%"), "{page}");
    let csv = daemon
        .fetch(&format!("/v1/air/rose?{query}&format=csv"))
        .text;
    assert!(csv.contains("N,1.6-3.3,24,54.5,10\n"), "{csv}");
    daemon.stop("INT");
}
