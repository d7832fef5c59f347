//! Bulletins as users get them: from the command line and over HTTP, in both languages and both forms.

use std::path::Path;

use crate::support;
use crate::support::Daemon;
use crate::support::fails;
use crate::support::run;

/// The text of a bulletin of a data directory.
fn bulletin(data: &Path, args: &[&str]) -> String {
    let mut all = vec!["bulletin", "--data", support::text(data)];
    all.extend(args);
    run(&all)
}

/// The text without line breaks, as it was before it was laid out.
fn unwrapped(text: &str) -> String {
    text.lines().map(str::trim).collect()
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
        "未登记2020年PM2.5目标",
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
    let daemon = Daemon::start(&data, &[]);
    let page = daemon.fetch("/v1/bulletins/2020-H1?area=city");
    assert_eq!(
        (page.status, page.kind.as_str()),
        (200, "text/html; charset=utf-8")
    );
    assert!(
        page.text
            .contains("PM2.5平均浓度40.7微克/立方米，同比下降16.3%")
    );
}

#[test]
fn a_period_that_is_none_is_refused_with_what_would_be_right() {
    let (_folder, data) = support::seeded(&["jiangyin"]);
    let check = |period: &str, area: &str, expected: &str| {
        let args = [
            "bulletin",
            "--data",
            support::text(&data),
            "--period",
            period,
            "--area",
            area,
        ];
        let (code, complaint) = fails(&args);
        assert_eq!(code, 2, "{period}: {complaint}");
        assert!(complaint.contains(expected), "{period}: {complaint}");
    };
    check(
        "2020-H3",
        "city",
        "2020-H1, 2020-Q3, 2020-07, 2020-07-xun2 or 2020-07-27 is expected",
    );
    check("2020-02-30", "city", "--period \"2020-02-30\"");
    check("9998", "city", "no day of it is over as of");
    check(
        "2020-H1",
        "group:nowhere",
        "group \"nowhere\" is not registered",
    );
    check(
        "2020-H1",
        "town",
        "is not station:ID, group:ID, city or mean",
    );
}
