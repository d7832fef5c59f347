//! Made-up views of the pages about enterprises: all parts filled, long names and many rows among them.

use chrono::NaiveDate;
use skytier::adapters::chart::palette::CreditTier;
use skytier::adapters::chart::timeline::Stretch;
use skytier::adapters::chart::timeline::TimelineChart;
use skytier::adapters::http::page::certificate::CertificateView;
use skytier::adapters::http::page::process::Process;
use skytier::adapters::http::page::process::ProcessForm;
use skytier::adapters::http::page::standing::ChangesView;
use skytier::adapters::http::page::standing::Made;
use skytier::adapters::http::page::standing::SearchView;
use skytier::adapters::http::page::standing::TierChange;
use skytier::adapters::http::page::standing::Tile;
use skytier::adapters::http::page::standing::WallTier;
use skytier::adapters::http::page::standing::WallView;
use skytier::adapters::http::page::unit::Ahead;
use skytier::adapters::http::page::unit::EntryRow;
use skytier::adapters::http::page::unit::EntryShown;
use skytier::adapters::http::page::unit::Surcharge;
use skytier::adapters::http::page::unit::Tariff;
use skytier::adapters::http::page::unit::Thought;
use skytier::adapters::http::page::unit::Treatment;
use skytier::adapters::http::page::unit::UnitView;
use skytier::adapters::lang::Lang;

use crate::sample::date;
use crate::sample::enterprise_row;

fn stretch(from: &str, to: &str, tier: CreditTier) -> Stretch {
    Stretch {
        from: date(from),
        to: date(to),
        tier,
        note: format!("{from} – {to}"),
    }
}

fn timeline(lang: Lang) -> TimelineChart {
    TimelineChart {
        title: lang.pick("等级变化", "Course of the tiers").to_owned(),
        summary: String::new(),
        from: date("2023-11-21"),
        to: date("2027-02-21"),
        today: date("2025-11-21"),
        official: vec![
            stretch("2024-06-30", "2024-12-30", CreditTier::Blue),
            stretch("2024-12-31", "2025-11-21", CreditTier::Yellow),
        ],
        computed: vec![
            stretch("2023-11-21", "2025-05-22", CreditTier::Blue),
            stretch("2025-05-23", "2025-06-02", CreditTier::Yellow),
            stretch("2025-06-03", "2025-11-21", CreditTier::Black),
            stretch("2025-11-22", "2026-01-18", CreditTier::Black),
            stretch("2026-01-19", "2027-02-21", CreditTier::Green),
        ],
        watermark: Some(lang.pick("示例", "Example").to_owned()),
        lang,
    }
}

fn aheads() -> Vec<Ahead> {
    let ahead = |from: &str, score, tier| Ahead {
        from: date(from),
        score,
        tier,
    };
    vec![
        ahead("2025-11-21", Some(-3), CreditTier::Black),
        ahead("2026-01-19", Some(9), CreditTier::Blue),
        ahead("2026-08-01", None, CreditTier::Unrated),
    ]
}

fn entry(seq: u64, late: bool, lang: Lang) -> EntryRow {
    let document = "2025-05-08 澄环罚字〔2025〕示例17号 江阴市生态环境局";
    EntryRow {
        seq,
        state: lang.pick("有效", "active"),
        shown: (seq != 2).then(|| EntryShown {
            id: format!("record-2025-05-08-{seq}"),
            what: format!("D03 {}", lang.pick("行政处罚：罚款", "administrative fine")),
            document: document.to_owned(),
            entered: "2025-05-19".to_owned(),
            late,
        }),
        points: Some(-3),
        days: (
            Some(date("2025-05-23")),
            (seq != 3).then(|| date("2025-11-23")),
        ),
    }
}

/// The lower part of an enterprise's page.
pub(crate) fn unit(lang: Lang) -> UnitView {
    let both = |zh: &str, en: &str| Some(lang.pick(zh, en).to_owned());
    UnitView {
        timeline: timeline(lang),
        ahead: aheads(),
        tariff: Some(Tariff {
            tier: CreditTier::Red,
            snapshot: date("2025-06-30"),
            days: (date("2025-07-01"), date("2025-12-31")),
            forecast: true,
            surcharges: vec![Surcharge {
                name: lang.pick("电价", "electricity").to_owned(),
                rate: "0.05 yuan/kWh".to_owned(),
                in_force: lang.pick("不详，不计金额", "unknown, so no amount"),
            }],
        }),
        treatments: vec![Treatment {
            matter: lang.pick("流动资金贷款", "New working capital"),
            official: None,
            computed: both("停止新增，逐步收回", "nothing new, recalled step by step"),
        }],
        entries: (1..=4).map(|seq| entry(seq, seq == 1, lang)).collect(),
        codes: vec![(
            "D03".to_owned(),
            lang.pick("行政处罚：罚款", "administrative fine")
                .to_owned(),
        )],
        repairable: vec!["record-2025-05-08-1".to_owned()],
        today: date("2025-11-21"),
        thought: Some(Thought {
            what: "D03, 2025-11-21".to_owned(),
            stands: aheads(),
            would: aheads(),
        }),
        refused: both("与台账不符", "it contradicts the ledger"),
        process: process(),
    }
}

fn process() -> Process {
    let acts = ["notifications", "objections", "applications", "bonuses"];
    let form = |act| ProcessForm {
        act,
        choices: vec!["record-2025-05-08-1".to_owned(), "record-2".to_owned()],
    };
    Process {
        key: Some("key-of-a-session".to_owned()),
        asks_name: true,
        today: date("2025-11-21"),
        forms: acts.map(form).into(),
    }
}

pub(crate) fn search(lang: Lang) -> SearchView {
    SearchView {
        lang,
        wanted: "示例 <b>".to_owned(),
        computed: Some(CreditTier::Blue),
        official: None,
        rows: (0..6).map(|n| enterprise_row(lang, n)).collect(),
        found: 731,
        next: Some("91999999MA1ABC198G".to_owned()),
    }
}

fn tile(n: usize, lang: Lang) -> Tile {
    let row = enterprise_row(lang, n);
    Tile {
        uscc: row.uscc,
        name: row.name,
    }
}

pub(crate) fn wall(lang: Lang) -> WallView {
    let group = |tier: CreditTier| WallTier {
        tier,
        count: if tier == CreditTier::Blue { 8_657 } else { 3 },
        tiles: (0..3).map(|n| tile(n, lang)).collect(),
    };
    WallView {
        lang,
        official: lang == Lang::Zh,
        on: date("2025-11-21"),
        rulebook: "JS2020".to_owned(),
        tiers: CreditTier::ALL.map(group).into(),
        unlisted: 12,
    }
}

pub(crate) fn changes(lang: Lang) -> ChangesView {
    let day: NaiveDate = date("2025-11-19");
    ChangesView {
        lang,
        week: (date("2025-11-17"), date("2025-11-23")),
        tiers: vec![TierChange {
            day,
            tile: tile(4, lang),
            before: (6, CreditTier::Blue),
            after: (-3, CreditTier::Black),
        }],
        tiers_more: 7,
        made: vec![Made {
            at: "2025-11-19 09:30".to_owned(),
            tile: tile(4, lang),
            seq: 1_204,
            what: lang.pick("扣分记录", "record"),
        }],
        made_more: 0,
    }
}

pub(crate) fn certificate(lang: Lang) -> CertificateView {
    CertificateView {
        lang,
        uscc: "91999999MA1ABCDE8G".to_owned(),
        names: (
            "江阴示例高新特种印染整理有限责任公司".to_owned(),
            "Example Dyeing and Finishing Works of Jiangyin, Limited".to_owned(),
        ),
        example: true,
        on: date("2025-11-21"),
        known_at: "2025-11-21T08:00:00.123456+08:00".to_owned(),
        official: None,
        computed: CreditTier::Yellow,
        score: Some(5),
        confidence: "S".to_owned(),
        rulebook: ("JS2020".to_owned(), "ab".repeat(32)),
        receipt: format!("skr1.0123456789abcdef.{}", "Q".repeat(1_980)),
        record: "0123456789abcdef0123456789abcdef".to_owned(),
        asked: vec![("on", "2025-11-21".to_owned())],
    }
}
