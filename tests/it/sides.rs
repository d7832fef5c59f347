//! Both sides of exclusions, and raw and reviewed values, in bulletins, ranks and targets: one invented county with
//! one day of dust, so that every expected figure can be checked by hand.

use std::fmt::Write as _;
use std::path::Path;
use std::path::PathBuf;

use chrono::Duration;
use chrono::NaiveDate;
use serde_json::Value;
use serde_json::json;

use crate::bulletins::bulletin;
use crate::bulletins::check_accepted;
use crate::register::post_json;
use crate::support;
use crate::support::Daemon;
use crate::support::fails;
use crate::support::run;
use crate::support::text;

const STATIONS: &str = "id,name_zh,name_en,class,longitude,latitude,simulated,source\n\
    a,示例站,Example station,national,120.5,31.25,false,a test\n";
const GROUPS: &str = "id,name_zh,name_en,document,station,from,to,member_document,division_code\n\
    city,示例丙县,Example C,a test,a,2019-01-01,,,999903\n";
const PEERS: &str = "division_code,name_zh,name_en,period,item,value,edition,source\n\
    999901,示例甲县,Example A,2020-01,pm25_mean,29,2012,invented\n\
    999902,示例乙县,Example B,2020-01,pm25_mean,35,2012,invented\n\
    999901,示例甲县,Example A,2020-01,pm25_change_pct,-30,2012,invented\n\
    999901,示例甲县,Example A,2020-01,good_day_ratio,98,2012,invented\n";
const TARGETS: &str = "id,group,item,year,limit,issuer,document,edition\n\
    t1,city,pm25_mean,2020,32,bureau,a test,2012\n";
const EXCLUSIONS: &str =
    "id,place,from,to,pollutants,statistics,reason,document,decided_on,revoked_on\n";
/// The dust of January 2020, and of a day in the past year that a projection draws from.
const DUST: &str = "d1,group:city,2020-01-10,2020-01-10,,,dust,沙尘通报一 / dust notice 1,2020-02-03,\n\
    d2,group:city,2019-03-15,2019-03-15,,,dust,沙尘通报二 / dust notice 2,2019-04-03,\n";

/// PM2.5 is 50 in 2019 and 30 in January 2020, but 500 on 15 March 2019 and 340 on 10 January 2020; PM10 is 40, but
/// 600 and 350 on those days. Nothing else ever changes.
fn hours() -> String {
    let mut lines = "station,time,interval_s,pm25,pm10,so2,no2,co,o3\n".to_owned();
    let first = NaiveDate::from_ymd_opt(2019, 1, 1).expect("a date");
    for day in first.iter_days().take(365 + 31) {
        let (pm25, pm10) = match day.to_string().as_str() {
            "2019-03-15" => (500, 600),
            "2020-01-10" => (340, 350),
            text if text < "2020" => (50, 40),
            _ => (30, 40),
        };
        for hour in 1..=24 {
            let time = day.and_hms_opt(0, 0, 0).expect("a time") + Duration::hours(hour);
            let time = time.format("%Y-%m-%dT%H:%M:%S");
            writeln!(lines, "a,{time}+08:00,3600,{pm25},{pm10},6,20,1.0,60").expect("text");
        }
    }
    lines
}

/// The dust day's PM2.5 voided, hour by hour.
fn voided() -> String {
    let mut lines = "source,factor,stat,interval_s,time,from,to,decision,value,reason\n".to_owned();
    let day = NaiveDate::from_ymd_opt(2020, 1, 10).expect("a date");
    for hour in 1..=24 {
        let time = day.and_hms_opt(0, 0, 0).expect("a time") + Duration::hours(hour);
        let time = time.format("%Y-%m-%dT%H:%M:%S");
        writeln!(
            lines,
            "a,pm25,,,{time}+08:00,,,void,,sampling head in the dust"
        )
        .expect("text");
    }
    lines
}

fn county(folder: &Path, exclusions: &str) -> PathBuf {
    let data = folder.join("data");
    let write = |name: &str, lines: &str| {
        let path = folder.join(name);
        std::fs::write(&path, lines).expect("room on the disk");
        text(&path).to_owned()
    };
    let exclusions = format!("{EXCLUSIONS}{exclusions}");
    let tables = [
        ("stations.csv", STATIONS),
        ("groups.csv", GROUPS),
        ("peers.csv", PEERS),
        ("targets.csv", TARGETS),
        ("exclusions.csv", &exclusions),
    ];
    let tables = tables.map(|(name, lines)| write(name, lines));
    let mut args = vec!["register", "--data", text(&data)];
    args.extend(tables.iter().map(String::as_str));
    run(&args);
    let hours = write("hours.csv", &hours());
    let from = ["import", "--data", text(&data), "--layout", "canonical"];
    run(&[&from[..], &["--input", &hours]].concat());
    data
}

fn review(folder: &Path, data: &Path) {
    let path = folder.join("review.csv");
    std::fs::write(&path, voided()).expect("room on the disk");
    let by = ["review", "--data", text(data), "--reviewer", "Li Na"];
    run(&[&by[..], &[text(&path)]].concat());
}

fn asked(data: &Path, command: &str, more: &[&str]) -> Value {
    let args = [command, "--data", text(data), "--area", "city"];
    let said = run(&[&args[..], more, &["--format", "json"]].concat());
    serde_json::from_str(&said).expect("a line of JSON")
}

/// What lies under each of these pointers.
fn picked(value: &Value, pointers: &[&str]) -> Value {
    let found = |pointer: &&str| value.pointer(pointer).cloned().unwrap_or(json!("nothing"));
    pointers.iter().map(found).collect()
}

const RANK: [&str; 4] = ["--period", "2020-01", "--item", "pm25_mean"];

#[test]
fn ranks_go_by_their_own_exclusions_with_both_sides() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = county(folder.path(), DUST);
    let check = |more: &[&str], pointers: &[&str], expected: Value| {
        let found = asked(&data, "rank", &[&RANK[..], more].concat());
        assert_eq!(picked(&found, pointers), expected, "{more:?}: {found}");
    };
    // (30 * 30 + 340) / 31 = 40, and 30 without the dust; 50 a year before.
    check(
        &[],
        &[
            "/level/value",
            "/level/rank",
            "/change/value",
            "/change/rank",
            "/exclusions",
            "/review",
        ],
        json!([40, 3, -20, 2, "without", "raw"]),
    );
    check(
        &[],
        &[
            "/excluded/main_figures",
            "/excluded/without/level/rank",
            "/excluded/with/level/value",
            "/excluded/with/level/rank",
            "/excluded/with/change/value",
            "/excluded/with/change/rank",
            "/excluded/entries/0/id",
            "/excluded/entries/0/document",
            "/excluded/entries/1",
        ],
        json!([
            "without",
            3,
            30,
            2,
            -40,
            1,
            "d1",
            "沙尘通报一 / dust notice 1",
            "nothing"
        ]),
    );
    check(
        &["--exclusions", "with"],
        &["/level/value", "/exclusions", "/excluded"],
        json!([30, "with", null]),
    );
    // Nothing was received yet.
    check(
        &["--known-at", "2020-02-02T12:00:00+08:00"],
        &["/level/value", "/excluded"],
        json!([null, null]),
    );
    review(folder.path(), &data);
    check(
        &["--review", "reviewed"],
        &["/level/value", "/review", "/excluded/with/level/value"],
        json!([30, "reviewed", 30]),
    );
    check(&[], &["/level/value"], json!([40]));
    ranks_over_http(&data);
}

#[test]
fn ranks_of_good_days_keep_the_dust_and_tables_say_both_sides() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = county(folder.path(), DUST);
    // 30 of 31, on both sides.
    let ratio = ["--period", "2020-01", "--item", "good_day_ratio"];
    let found = asked(&data, "rank", &ratio);
    let pointers = ["/level/value", "/excluded/with/level/value"];
    assert_eq!(picked(&found, &pointers), json!([96.8, 96.8]), "{found}");
    let table = run(&[&["rank", "--data", text(&data), "--lang", "zh"], &RANK[..]].concat());
    for part in [
        "以上未扣除例外日；例外日：\n  d1（沙尘天气）：2020-01-10，PM2.5、PM10不计入均值、百分位数、综合指数、排名；依据：沙尘通报一，2020-02-03决定\n",
        "以下已扣除：",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
}

fn ranks_over_http(data: &Path) {
    let daemon = Daemon::start(data, &[]);
    let query = "/v1/air/ranking?area=city&period=2020-01&item=pm25_mean";
    let reviewed = daemon.json(&format!("{query}&review=reviewed&exclusions=with"));
    let pointers = [
        "/level/value",
        "/level/rank",
        "/exclusions",
        "/excluded",
        "/review",
    ];
    let expected = json!([30, 2, "with", null, "reviewed"]);
    assert_eq!(picked(&reviewed, &pointers), expected);
    let printed = asked(data, "rank", &RANK);
    let mut answered = daemon.json(query);
    answered["known_at"] = printed["known_at"].clone();
    assert_eq!(answered, printed);
    for (wrong, part) in [
        ("review=seen", "raw or reviewed is expected"),
        ("exclusions=some", "with, without or both is expected"),
    ] {
        let (status, fault) = daemon.get(&format!("{query}&{wrong}"));
        assert!(status == 400 && fault.to_string().contains(part), "{fault}");
    }
}

#[test]
fn a_decision_that_is_not_about_rankings_leaves_ranks_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mean = "d1,group:city,2020-01-10,2020-01-10,pm25,mean,exceptional,notice,2020-02-03,\n";
    let data = county(folder.path(), mean);
    let found = asked(
        &data,
        "rank",
        &[&RANK[..], &["--exclusions", "with"]].concat(),
    );
    assert_eq!(picked(&found, &["/level/value"]), json!([40]));
    let found = asked(&data, "rank", &RANK);
    assert_eq!(
        picked(&found, &["/level/value", "/excluded"]),
        json!([40, null])
    );
}

#[test]
fn targets_are_paced_by_either_side_and_say_which() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = county(folder.path(), DUST);
    let on = ["--on", "2020-01-31"];
    let paced = |more: &[&str]| asked(&data, "targets", &[&on[..], more].concat());
    let of = |side: &str| {
        ["value", "valid_days", "met", "remaining_days_control"]
            .map(|key| format!("{side}/targets/0/{key}"))
    };
    let check = |found: &Value, side: &str, expected: Value| {
        let pointers = of(side);
        let pointers: Vec<&str> = pointers.iter().map(String::as_str).collect();
        assert_eq!(picked(found, &pointers), expected, "{side}: {found}");
    };
    let both = paced(&[]);
    // (32 * 366 - 1240) / 335 = 31.3 and (32 * 365 - 900) / 335 = 32.2.
    check(&both, "", json!([40, 31, false, 31]));
    check(&both, "/excluded/without", json!([40, 31, false, 31]));
    check(&both, "/excluded/with", json!([30, 30, true, 32]));
    let ids = picked(
        &both,
        &[
            "/excluded/entries/0/id",
            "/excluded/entries/1/id",
            "/review",
        ],
    );
    assert_eq!(ids, json!(["d1", "d2", "raw"]));
    // All that may come is 50 a day, but for the dust of the past year.
    let range = ["/projection/p10", "/projection/p90"];
    let range = |side: &str| {
        let pointers = range.map(|own| format!("{side}/targets/0{own}"));
        picked(&both, &[&pointers[0], &pointers[1]])
    };
    let (measured, left) = (range(""), range("/excluded/with"));
    assert_ne!(measured[0], measured[1], "some draws hit the dust: {both}");
    // (900 + 335 * 50) / 365 = 48.36; without the dust day up to three of those 50 are missing.
    assert_eq!(left, json!([48.3, 48.4]), "{both}");
    let alone = paced(&["--exclusions", "with"]);
    check(&alone, "", json!([30, 30, true, 32]));
    assert_eq!(
        picked(&alone, &["/exclusions", "/excluded"]),
        json!(["with", null])
    );
}

#[test]
fn targets_by_reviewed_values_say_so_everywhere() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = county(folder.path(), DUST);
    review(folder.path(), &data);
    let on = ["--on", "2020-01-31"];
    let more = [&on[..], &["--review", "reviewed"]].concat();
    let reviewed = asked(&data, "targets", &more);
    let own = [
        "/targets/0/value",
        "/targets/0/valid_days",
        "/targets/0/remaining_days_control",
    ];
    assert_eq!(picked(&reviewed, &own), json!([30, 30, 32]), "{reviewed}");
    assert_eq!(reviewed["review"], "reviewed");
    let table = [
        "targets",
        "--data",
        text(&data),
        "--lang",
        "en",
        "--review",
        "reviewed",
    ];
    let table = run(&[&table[..], &on].concat());
    for part in [
        "by values as reviewed\n",
        "above: every day as measured; excluded days:\n  d1 (dust)",
        "below: excluded days left out:\nid ",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let daemon = Daemon::start(&data, &[]);
    let query = "/v1/air/targets?area=city&on=2020-01-31";
    let mut answered = daemon.json(&format!("{query}&review=reviewed"));
    answered["known_at"] = reviewed["known_at"].clone();
    assert_eq!(answered, reviewed);
    let with = daemon.json(&format!("{query}&exclusions=with"));
    assert_eq!(picked(&with, &own), json!([30, 30, 32]), "{with}");
}

#[test]
fn bulletins_give_both_sides_with_the_documents() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = county(folder.path(), DUST);
    review(folder.path(), &data);
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    let check = |more: &[&str], sentences: &[&str]| {
        let args = ["--area", "city", "--period"];
        let said = bulletin(&data, &[&args[..], more].concat());
        for sentence in sentences {
            assert!(bare(&said).contains(&bare(sentence)), "{sentence}: {said}");
        }
    };
    check(
        &["2020-01"],
        &[
            "PM2.5平均浓度40.0微克/立方米，同比下降20.0%",
            "d1（沙尘天气）：2020-01-10，PM2.5、PM10不计入均值、百分位数、综合指数、排名；依据：沙尘通报一，2020-02-03决定。",
            "其余各节为未扣除的数字。",
            "PM2.5 均值排名：未扣除第3，扣除后第2。",
            // 1.14 + 0.71 + 0.10 + 0.50 + 0.25 + 0.38, and 0.86 + 0.57 in place of the first two.
            "综合指数 3.08",
            "优良天数 30 30",
            // A month that begins with the year speaks of the year's targets all the same.
            "年目标不高于32微克/立方米：剩余335天平均浓度需控制在31微克/立方米以内",
            "原始数据，未经审核。",
        ],
    );
    check(
        &["2020-01", "--lang", "en", "--review", "reviewed"],
        &[
            "PM2.5 mean 30.0 ug/m3, down 40.0% year on year",
            "a reviewer looked at 24 of the period's 4464 hourly values",
        ],
    );
    check(
        &["2020-01-10", "--lang", "en"],
        &[
            "10 January 2020: AQI 390",
            "d1 (dust): 2020-01-10, PM2.5, PM10 left out of",
            "Without and with excluded days",
        ],
    );
}

#[test]
fn bulletins_with_both_sides_are_as_accepted_and_the_same_everywhere() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = county(folder.path(), DUST);
    review(folder.path(), &data);
    for (name, more) in [
        ("month-zh", vec!["2020-01"]),
        (
            "month-en",
            vec!["2020-01", "--lang", "en", "--review", "reviewed"],
        ),
        ("xun-zh", vec!["2020-01-xun1"]),
        ("xun2-en", vec!["2020-01-xun2", "--lang", "en"]),
        ("day-zh", vec!["2020-01-10"]),
    ] {
        let args = ["--area", "city", "--period"];
        let said = bulletin(&data, &[&args[..], &more].concat());
        check_accepted(&format!("sides-{name}.txt"), &said);
    }
    let issue = [
        "bulletin",
        "--data",
        text(&data),
        "--area",
        "city",
        "--period",
        "2020-01",
        "--issue",
    ];
    let daemon = Daemon::start(&data, &[]);
    for (format, review) in [("text", "raw"), ("html", "reviewed")] {
        let query = format!("area=city&format={format}&review={review}");
        let answered = daemon.fetch(&format!("/v1/bulletins/2020-01?{query}")).text;
        let args = [
            "--area", "city", "--period", "2020-01", "--format", format, "--review", review,
        ];
        let (printed, answered) = (bulletin(&data, &args), answered);
        let masked = crate::bulletins::masked;
        assert_eq!(masked(&printed), masked(&answered));
    }
    let (status, fault) = daemon.get("/v1/bulletins/2020-01?area=city&review=seen");
    assert!(
        status == 400 && fault.to_string().contains("raw or reviewed"),
        "{fault}"
    );
    daemon.stop("INT");
    let (code, said) = fails(&[&issue[..], &["--review", "seen"]].concat());
    assert!(code == 2 && said.contains("raw or reviewed"), "{said}");
    let ended = support::output(&[&issue[..], &["--review", "reviewed"]].concat());
    assert!(ended.status.success(), "{ended:?}");
    let daemon = Daemon::start(&data, &[]);
    let wish = json!({"area": "city", "review": "reviewed", "format": "text"});
    let posted = post_json(&format!("{}/v1/bulletins/2019", daemon.http), &wish);
    assert_eq!(posted.status, 201, "{}", posted.text);
    let listed = daemon.json("/v1/publications");
    for row in [0, 1] {
        assert_eq!(
            listed["publications"][row]["review"], "reviewed",
            "{listed}"
        );
    }
}

#[test]
fn the_dashboard_shows_both_sides_and_the_readings_chosen() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = county(folder.path(), DUST);
    review(folder.path(), &data);
    let daemon = Daemon::start(&data, &[]);
    let check = |query: &str, parts: &[&str]| {
        let page = daemon
            .fetch(&format!("/?area=group:city&year=2020{query}"))
            .text;
        for part in parts {
            assert!(page.contains(part), "{part}: {page}");
        }
    };
    check(
        "",
        &[
            "<strong>40.0</strong>",
            "未扣除例外日；扣除后：30.0 µg/m³，同比 -40.0 %",
            "d1（沙尘天气）：2020-01-10，PM2.5、PM10不计入",
            "剩余 335 天均值需控制在 31 µg/m³ 以内",
            "扣除例外日后：剩余 335 天均值需控制在 32 µg/m³ 以内；",
            "<option value=\"raw\" selected>",
            "/v1/bulletins/2020-01?area=group%3Acity&amp;lang=zh\"",
        ],
    );
    check(
        "&review=reviewed&lang=en",
        &[
            "<strong>30.0</strong>",
            "<option value=\"reviewed\" selected>",
            "/v1/bulletins/2020-01?area=group%3Acity&amp;lang=en&amp;review=reviewed",
            "/year?area=group%3Acity&amp;year=2020&amp;review=reviewed&amp;lang=zh",
            "the 335 days left may average 32 µg/m³",
        ],
    );
    let chart = |query: &str| {
        let path = format!("/v1/charts/pm25.svg?area=group:city&year=2020{query}");
        daemon.fetch(&path).text
    };
    assert_ne!(chart(""), chart("&review=reviewed"));
    let (status, fault) = daemon.get("/?review=seen");
    assert!(
        status == 400 && fault.to_string().contains("raw or reviewed"),
        "{fault}"
    );
}
