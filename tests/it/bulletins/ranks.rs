//! Ranks in bulletins, among invented counties; what is said when there are none.

use std::fs;
use std::path::Path;

use crate::bulletins::bulletin;
use crate::bulletins::check_accepted;
use crate::bulletins::check_same;
use crate::bulletins::unwrapped;
use crate::support;
use crate::support::Daemon;
use crate::support::fails;
use crate::support::run;
use crate::support::text;

/// Figures of counties that do not exist.
const PEERS: &str = "tests/it/data/peers-invented.csv";

fn enter_peers(data: &Path) {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join(PEERS);
    let table = format!("peers={}", text(&peers));
    run(&["register", "--data", text(data), &table]);
}

/// A bulletin of the half-year holds the sentences, in Chinese and in English.
fn check(data: &Path, more: &[&str], zh: &[&str], en: &[&str]) {
    for (lang, sentences) in [("zh", zh), ("en", en)] {
        let args = ["--area", "city", "--period", "2020-H1", "--lang", lang];
        let said = bulletin(data, &[&args[..], more].concat());
        // A line may break anywhere that the language allows.
        let bare = |text: &str| text.split_whitespace().collect::<String>();
        let said = bare(&said);
        for sentence in sentences {
            assert!(said.contains(&bare(sentence)), "{sentence}: {said}");
        }
    }
}

#[test]
fn a_bulletin_ranks_among_registered_figures_and_names_ties() {
    let (_folder, data) = support::seeded(&["jiangyin"]);
    check(
        &data,
        &[],
        &["未登记其他地区2020-H1（版本2012）的综合指数、PM2.5 均值、优良天数比例，不列名次"],
        &[
            "No ranks: no other area's composite index, PM2.5 mean, good-day ratio of 2020-H1 under edition 2012 is registered",
        ],
    );
    enter_peers(&data);
    // The city's own imported figure is left out by the code of its group.
    check(
        &data,
        &[],
        &[
            "综合指数在5个地区中排名第2（与示例乙县、示例丁区并列）；同比改善幅度在4个地区中排名第2。",
            "PM2.5 均值在3个地区中排名第2；PM2.5 均值同比变幅不列名次（未登记其他地区 2020-H1 版本 2012 的PM2.5 均值同比变幅）。",
            "优良天数比例不列名次（未登记其他地区 2020-H1 版本 2012 的优良天数比例；有版本 2026 的）",
            "名次：其他地区数据来源：虚构数据，仅供测试；数值相同并列，其后名次空缺。",
        ],
        &[
            "Rank 2 of 5 by composite index (tied with Example B, Example D); rank 2 of 4 by improvement year on year.",
            "Rank 2 of 3 by PM2.5 mean;",
            "Ranks: Other areas' figures from: invented for tests;",
        ],
    );
    check(
        &data,
        &["--division", "999904"],
        &["综合指数在5个地区中排名第2（与示例乙县并列）"],
        &["Rank 2 of 5 by composite index (tied with Example B)"],
    );
    let (code, said) = fails(&[
        "bulletin",
        "--data",
        text(&data),
        "--area",
        "city",
        "--period",
        "2020",
        "--division",
        "32",
    ]);
    assert!(code == 2 && said.contains("six to twelve digits"), "{said}");
    for lang in ["zh", "en"] {
        let args = ["--area", "city", "--period", "2020-H1", "--lang", lang];
        let name = format!("ranks-2020-H1-{lang}.txt");
        check_accepted(&name, &bulletin(&data, &args));
    }
    let daemon = Daemon::start(&data, &[]);
    for format in ["text", "html"] {
        check_same(&daemon, "city", "2020-H1", "zh", format);
    }
    let path = "/v1/bulletins/2020-H1?area=city&format=text&division=";
    let other = daemon.fetch(&format!("{path}999904")).text;
    assert!(unwrapped(&other).contains("（与示例乙县并列）"), "{other}");
    let (status, problem) = daemon.get(&format!("{path}x"));
    assert!(status == 400 && problem.to_string().contains("six to twelve digits"));
}

#[test]
fn a_period_that_is_not_over_has_no_rank() {
    let (folder, data) = support::seeded(&["jiangyin"]);
    let peers = fs::read_to_string(PEERS).unwrap();
    let table = folder.path().join("peers.csv");
    fs::write(&table, peers.replace("2020-H1", "2020")).unwrap();
    run(&["register", "--data", text(&data), text(&table)]);
    let args = ["--area", "city", "--period"];
    let at = ["--known-at", "2020-07-10T00:00:00+08:00"];
    let said = bulletin(&data, &[&args[..], &["2020"], &at].concat());
    assert!(
        unwrapped(&said).contains("本期尚未结束，不列名次"),
        "{said}"
    );
}
