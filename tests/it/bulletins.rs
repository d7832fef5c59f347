//! Bulletins as users get them: from the command line and over HTTP, in both languages and both forms.
//!
//! Accepted texts lie under `data/bulletins`; with `SKYTIER_BLESS=1` in the environment what is printed now is
//! accepted. Moments and the present year are masked, nothing else.

mod pages;
mod ranks;

use std::fs;
use std::path::Path;

use unicode_width::UnicodeWidthStr;

use crate::support;
use crate::support::Daemon;
use crate::support::Site;
use crate::support::fails;
use crate::support::full::full;
use crate::support::run;
use crate::support::text;

/// Widest line of the text form.
const COLUMNS: usize = 80;
/// What stands before a moment or a year that depends on the clock, and how many characters that is.
const CLOCKS: [(&str, usize); 6] = [
    ("数据截至", 25),
    ("生成于", 25),
    ("As known at ", 25),
    ("made at ", 25),
    ("请登记", 4),
    ("please register those of ", 4),
];

/// The text of a bulletin of a data directory.
pub(crate) fn bulletin(data: &Path, args: &[&str]) -> String {
    let mut all = vec!["bulletin", "--data", text(data)];
    all.extend(args);
    run(&all)
}

/// The text without line breaks, as it was before it was laid out.
fn unwrapped(text: &str) -> String {
    text.lines().map(str::trim).collect()
}

/// The text with what depends on the clock, and the embedded typeface, taken out.
pub(crate) fn masked(text: &str) -> String {
    let mut text = text.to_owned();
    for (lead, length) in CLOCKS {
        let mut parts = text.split(lead);
        let mut masked = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            // A line may break inside a moment.
            let mut rest = part.chars();
            let mut taken = 0;
            while taken < length {
                let Some(c) = rest.next() else { break };
                taken += usize::from(!c.is_whitespace() || length != 25);
                taken += usize::from(c == ' ' && length == 25 && taken == 10);
            }
            masked.push_str(lead);
            masked.push('*');
            masked.push_str(rest.as_str());
        }
        text = masked;
    }
    match (text.find("base64,"), text.find(")format")) {
        (Some(from), Some(to)) => format!("{}*{}", &text[..from + 7], &text[to..]),
        _ => text,
    }
}

/// Compares with the accepted text, or accepts.
pub(crate) fn check_accepted(name: &str, printed: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/bulletins");
    let path = path.join(name);
    let printed = masked(printed);
    if std::env::var_os("SKYTIER_BLESS").is_some() {
        fs::write(&path, &printed).unwrap();
        return;
    }
    let accepted = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        accepted == printed,
        "{name} is no longer what is printed; look at it and accept with SKYTIER_BLESS=1\n{printed}"
    );
}

/// Asks for bulletins in both languages and compares.
fn check_periods(site: &Site, name: &str, area: &str, periods: &[&str]) {
    for period in periods {
        for lang in ["zh", "en"] {
            let path = format!("/v1/bulletins/{period}?area={area}&lang={lang}&format=text");
            let reply = site.fetch(&path);
            assert_eq!(
                (reply.status, reply.kind.as_str()),
                (200, "text/plain; charset=utf-8")
            );
            let wide = reply.text.lines().find(|line| line.width() > COLUMNS);
            assert_eq!(wide, None, "{path}");
            check_accepted(&format!("{name}-{period}-{lang}.txt"), &reply.text);
        }
    }
}

/// What the command prints is what the daemon answers.
fn check_same(site: &Site, area: &str, period: &str, lang: &str, format: &str) {
    let args = [
        "--area", area, "--period", period, "--lang", lang, "--format", format,
    ];
    let path = format!("/v1/bulletins/{period}?area={area}&lang={lang}&format={format}");
    let answered = site.fetch(&path);
    assert_eq!(answered.status, 200, "{path}");
    assert_eq!(
        masked(&bulletin(&site.data, &args)),
        masked(&answered.text),
        "{path}"
    );
}

#[test]
fn bulletins_of_measured_days_are_as_accepted() {
    let site = &full().site;
    let periods = [
        "2016-12-21",
        "2016-12-xun2",
        "2016-12",
        "2016-Q4",
        "2016-H1",
        "2016",
        // Nothing to compare with, and months without data.
        "2013",
    ];
    check_periods(site, "beijing6", "group:beijing6", &periods);
    // A day that lacks ozone and CO.
    check_periods(site, "changping", "station:Changping", &["2016-12-21"]);
    check_same(site, "group:beijing6", "2016-12-21", "zh", "html");
    check_same(site, "group:beijing6", "2016-Q4", "en", "text");
}

#[test]
fn bulletins_of_simulated_days_are_as_accepted() {
    let (_folder, data) = support::seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let periods = [
        "2020-06-30",
        "2020-04-xun3",
        "2020-02",
        "2020-Q2",
        "2020-H1",
        // Half of it has no data.
        "2020",
        "2020-07",
    ];
    check_periods(&daemon, "jiangyin", "group:city", &periods);
    for lang in ["zh", "en"] {
        for period in ["2020-06-30", "2020-H1", "2020-07"] {
            check_same(&daemon, "city", period, lang, "text");
            check_same(&daemon, "city", period, lang, "html");
        }
        let page = daemon.fetch(&format!("/v1/bulletins/2020-H1?area=city&lang={lang}"));
        assert_eq!(page.kind, "text/html; charset=utf-8");
        check_accepted(&format!("jiangyin-2020-H1-{lang}.html"), &page.text);
    }
}

#[test]
fn the_half_year_of_the_city_comes_out_as_published() {
    let (_folder, data) = support::seeded(&["jiangyin"]);
    let zh = unwrapped(&bulletin(&data, &["--area", "city", "--period", "2020-H1"]));
    for sentence in [
        "PM2.5平均浓度40.7微克/立方米，同比下降16.3%",
        "优良天数145天，优良天数比率79.7%，同比上升9.5个百分点",
        "【模拟数据】",
        "日历182天，有效182天，无效0天",
        "《环境空气质量标准》（GB 3095-2012）",
        "未登记2020年PM2.5 均值目标，剩余天数控制值无从计算",
        "已登记的最新目标为2025年，已过期",
    ] {
        assert!(zh.contains(sentence), "{sentence}: {zh}");
    }
    let en = ["--area", "city", "--period", "2020-H1", "--lang", "en"];
    let en = bulletin(&data, &en);
    for sentence in [
        "PM2.5 mean 40.7 ug/m3, down 16.3% year on year",
        "Good days 145, good-day ratio 79.7%, up 9.5 percentage points year on year.",
    ] {
        assert!(en.contains(sentence), "{sentence}: {en}");
    }
}

#[test]
fn the_rest_of_the_year_is_held_against_its_targets() {
    let (folder, data) = support::seeded(&["jiangyin"]);
    let table = "id,group,item,year,limit,issuer,document\n\
        a,city,pm25_mean,2020,38,test,test\n\
        b,city,good_day_ratio,2020,82,test,test\n\
        c,city,good_days,2020,360,test,test\n\
        d,city,heavy_days,2020,2,test,test\n\
        e,city,heavy_days,2019,2,test,test\n";
    let targets = folder.path().join("targets.csv");
    fs::write(&targets, table).unwrap();
    run(&["register", "--data", text(&data), text(&targets)]);
    for lang in ["zh", "en"] {
        let args = ["--area", "city", "--period", "2020-H1", "--lang", lang];
        check_accepted(
            &format!("targets-2020-H1-{lang}.txt"),
            &bulletin(&data, &args),
        );
    }
    let zh = unwrapped(&bulletin(
        &data,
        &["--area", "city", "--period", "2020-06-xun3"],
    ));
    // 38 * 366 - 182 days of 40.7 leave 35.3 a day for 184 days; 82 % of 366 are 300.12 days.
    for sentence in [
        "年目标不高于38微克/立方米：剩余184天平均浓度需控制在35微克/立方米以内",
        "年目标不低于82%：距年目标值差155天，剩余184天中污染天需控制在29天内",
        "年目标不低于360天：距年目标值差215天，已多于剩余的184天",
        "年目标不高于2天：剩余天数需控制在2天内",
    ] {
        assert!(zh.contains(sentence), "{sentence}: {zh}");
    }
}

/// Issues a day of a directory that has one issue already, and nothing that cannot be issued.
fn check_issued_over_http(daemon: &Daemon, this_year: &str) {
    let ask = |path: &str, body: &str| {
        let request = ureq::post(format!("{}/v1/bulletins/{path}", daemon.http));
        let request = request.config().http_status_as_error(false).build();
        let mut reply = request.content_type("application/json").send(body).unwrap();
        let text = reply.body_mut().read_to_string().unwrap();
        (reply.status().as_u16(), text)
    };
    let wish = r#"{"area":"city","lang":"en","format":"text"}"#;
    let (status, issued) = ask("2020-06-30", wish);
    assert_eq!(status, 201, "{issued}");
    let issued: serde_json::Value = serde_json::from_str(&issued).unwrap();
    let row = &issued["publications"][0];
    assert_eq!((&row["id"], &row["kind"]), (&2.into(), &"bulletin".into()));
    let words = issued["text"].as_str().unwrap();
    assert_eq!(row["text_sha256"], digest(words.as_bytes()));
    assert!(
        words.contains("30 June 2020: AQI 82, level 2 (Good)"),
        "{words}"
    );
    let listed = daemon.json("/v1/publications");
    let count = listed["publications"].as_array().map(Vec::len);
    assert_eq!(count, Some(2), "{listed}");
    for (path, body, expected) in [
        (this_year, r#"{"area":"city"}"#, "the period is not over"),
        ("2020-H1", "{}", "an area is needed"),
        ("2020-H3", r#"{"area":"city"}"#, "2020-H1, 2020-Q3"),
        (
            "2020-07",
            r#"{"area":"city"}"#,
            "no period of the range has a valid day",
        ),
        (
            "2020-H1",
            r#"{"area":"city","known_at":"2999-01-01T00:00:00+08:00"}"#,
            "lies ahead of now",
        ),
    ] {
        let (status, problem) = ask(path, body);
        assert_eq!(status, 400, "{problem}");
        assert!(problem.contains(expected), "{problem}");
    }
    let unmarked = support::post(&format!("{}/v1/bulletins/2020-H1", daemon.http), b"{}");
    assert_eq!(unmarked.unwrap().status, 415);
}

fn digest(bytes: &[u8]) -> String {
    let digest = <sha2::Sha256 as sha2::Digest>::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn an_issued_bulletin_is_remembered_with_the_digest_of_its_text() {
    let (folder, data) = support::seeded(&["jiangyin"]);
    let out = folder.path().join("h1.txt");
    let args = [
        "bulletin",
        "--data",
        text(&data),
        "--area",
        "city",
        "--period",
    ];
    let ended =
        support::output(&[&args[..], &["2020-H1", "--issue", "--out", text(&out)]].concat());
    let (code, said) = support::failed(&ended);
    assert_eq!(code, 0, "{said}");
    let printed = fs::read(&out).unwrap();
    assert_eq!(said, format!("issue 1, sha256 {}\n", digest(&printed)));
    let verified = support::verify(&data);
    assert!(verified.contains("all is well"), "{verified}");
    let this_year = chrono::Utc::now().format("%Y").to_string();
    let (code, said) = fails(&[&args[..], &[this_year.as_str(), "--issue"]].concat());
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("the period is not over"), "{said}");
    let (code, said) = fails(&[&args[..], &["2020-07", "--issue"]].concat());
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("no period of the range has a valid day"),
        "{said}"
    );
    let daemon = Daemon::start(&data, &[]);
    let page = daemon.fetch("/?area=group:city&year=2020").text;
    let link = "href=\"/v1/bulletins/2020-H1?area=group%3Acity&amp;lang=zh\"";
    assert!(page.contains(link), "{page}");
    check_issued_over_http(&daemon, &this_year);
    let (code, said) = fails(&[&args[..], &["2020-H1", "--issue"]].concat());
    assert_eq!(code, 3, "{said}");
}

#[test]
fn a_period_that_is_none_is_refused_with_what_would_be_right() {
    let (_folder, data) = support::seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let check = |period: &str, area: &str, status: u16, expected: &str| {
        let args = [
            "bulletin",
            "--data",
            text(&data),
            "--period",
            period,
            "--area",
            area,
        ];
        let (code, complaint) = fails(&args);
        assert_eq!(code, 2, "{period}: {complaint}");
        assert!(complaint.contains(expected), "{period}: {complaint}");
        let (found, problem) = daemon.get(&format!("/v1/bulletins/{period}?area={area}"));
        assert_eq!(found, status, "{period}: {problem}");
        assert!(
            problem
                .to_string()
                .contains(expected.trim_start_matches("--period ")),
            "{problem}"
        );
    };
    let forms = "2020, 2020-H1, 2020-Q3, 2020-07, 2020-07-xun2 or 2020-07-27 is expected";
    for bad in ["2020-H3", "2020-02-30", "2020-7", "2020-07-xun4", "1899"] {
        check(bad, "city", 400, forms);
    }
    check("9998", "city", 400, "no day of it is over as of");
    check(
        "2020-H1",
        "group:nowhere",
        404,
        "is not registered; there are: city",
    );
    check(
        "2020-H1",
        "town",
        400,
        "is not station:ID, group:ID, city or mean",
    );
    for (query, expected) in [
        ("lang=fr", "zh or en is expected"),
        ("format=pdf", "html or text is expected"),
        ("edition=1996", "is not auto, 2012"),
        ("rank=yes", "unknown"),
    ] {
        let (found, problem) = daemon.get(&format!("/v1/bulletins/2020-H1?{query}"));
        assert_eq!(found, 400, "{query}");
        assert!(problem.to_string().contains(expected), "{query}: {problem}");
    }
}
