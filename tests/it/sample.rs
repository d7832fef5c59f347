//! Made-up views to look at pages with: a full one, an empty one, an enterprise.

pub(crate) mod standing;

use chrono::Datelike;
use chrono::NaiveDate;
use skytier::adapters::chart::calendar::DayCell;
use skytier::adapters::chart::calendar::DayState;
use skytier::adapters::chart::palette::CreditTier;
use skytier::adapters::http::page::view::Against;
use skytier::adapters::http::page::view::AgainstKind;
use skytier::adapters::http::page::view::Basis;
use skytier::adapters::http::page::view::Choice;
use skytier::adapters::http::page::view::DashboardView;
use skytier::adapters::http::page::view::DayCard;
use skytier::adapters::http::page::view::DayValue;
use skytier::adapters::http::page::view::EnterpriseRow;
use skytier::adapters::http::page::view::EnterpriseView;
use skytier::adapters::http::page::view::MonthValue;
use skytier::adapters::http::page::view::NextChange;
use skytier::adapters::http::page::view::OfficialTier;
use skytier::adapters::http::page::view::Progress;
use skytier::adapters::http::page::view::PublishHint;
use skytier::adapters::http::page::view::PublishedRow;
use skytier::adapters::http::page::view::Ratio;
use skytier::adapters::http::page::view::ReasonRow;
use skytier::adapters::http::page::view::ReasonShown;
use skytier::adapters::http::page::view::StationRow;
use skytier::adapters::http::page::view::TierSpread;
use skytier::adapters::lang::Lang;
use skytier::domain::reading::Review;
use skytier::domain::registry::Item;
use skytier::domain::registry::StationClass;

use crate::charts::days_of;
use crate::charts::level;
use crate::charts::made_up_aqi;

const YEAR: i32 = 2025;

pub(crate) fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn newest() -> NaiveDate {
    date("2025-11-20")
}

fn target(lang: Lang, id: &str, value: &str, met: Option<bool>) -> Against {
    let zh = lang == Lang::Zh;
    Against {
        value: value.to_owned(),
        met,
        kind: AgainstKind::Target {
            id: id.to_owned(),
            year: 2025,
            expired: true,
            issuer: if zh {
                "市生态环境局"
            } else {
                "City bureau"
            }
            .to_owned(),
            document: if zh {
                "2025 年大气污染防治工作要点"
            } else {
                "Air work plan 2025"
            }
            .to_owned(),
            pacing: if zh {
                vec!["剩余 41 天均值需控制在 18 ug/m3 以内".to_owned()]
            } else {
                vec!["the 41 days left may average 18 ug/m3".to_owned()]
            },
        },
    }
}

fn pm25(lang: Lang) -> Progress {
    Progress {
        value: Some("30.4".to_owned()),
        void_reason: None,
        against: vec![
            target(lang, "pm25-2025", "29", Some(false)),
            Against {
                value: "35".to_owned(),
                met: Some(true),
                kind: AgainstKind::ClassLimit,
            },
        ],
        valid_days: 312,
        calendar_days: 324,
        yoy: Some("-6.5%".to_owned()),
        excluded: match lang {
            Lang::Zh => vec![
                "未扣除例外日；扣除后：29.8 ug/m3，同比 -8.3 %".to_owned(),
                "d1（沙尘天气）：2025-04-10至2025-04-12，PM2.5、PM10不计入均值、百分位数、综合指数、排名；\
                 依据：沙尘通报一，2025-05-04决定"
                    .to_owned(),
            ],
            Lang::En => vec![
                "every day as measured; excluded days left out: 29.8 ug/m3, year on year -8.3 %".to_owned(),
                "d1 (dust): 2025-04-10 to 2025-04-12, PM2.5, PM10 left out of means, percentiles, composite \
                 index, ranks; by: dust notice 1, decided 2025-05-04"
                    .to_owned(),
            ],
        },
    }
}

fn ratio(lang: Lang) -> Ratio {
    Ratio {
        progress: Progress {
            value: Some("80.4".to_owned()),
            against: vec![target(lang, "ratio-2025", "82.6", Some(false))],
            yoy: Some(
                lang.pick("+2.1 个百分点", "+2.1 percentage points")
                    .to_owned(),
            ),
            ..pm25(lang)
        },
        bounds: Some(("77.5".to_owned(), "81.2".to_owned())),
        good_days: 251,
        heavy_days: 4,
        void_days: 12,
    }
}

fn calendar(lang: Lang) -> Vec<DayCell> {
    let cell = |day: NaiveDate| {
        let aqi = made_up_aqi(day);
        let state = if day.ordinal() % 53 == 9 {
            DayState::Void {
                reason: lang
                    .pick("有效小时不足 20 个", "fewer than 20 valid hours")
                    .to_owned(),
            }
        } else {
            let primary = match aqi {
                0..=50 => "",
                51..=90 => "O3",
                _ => "PM2.5",
            };
            DayState::Valid {
                aqi,
                level: level(aqi),
                primary: primary.to_owned(),
            }
        };
        DayCell { day, state }
    };
    days_of(YEAR)
        .into_iter()
        .filter(|day| *day <= newest())
        .map(cell)
        .collect()
}

fn days() -> Vec<DayValue> {
    let value = |day: NaiveDate| DayValue {
        day,
        value: (day.ordinal() % 53 != 9)
            .then(|| format!("{:.1}", f64::from(made_up_aqi(day)) * 0.62)),
    };
    days_of(YEAR)
        .into_iter()
        .filter(|day| *day <= newest())
        .map(value)
        .collect()
}

fn months() -> Vec<MonthValue> {
    let values = [
        "52.1", "44.7", "38.0", "31.4", "26.9", "20.6", "17.2", "", "22.5", "33.8", "40.3",
    ];
    (1..)
        .zip(values)
        .map(|(month, value)| MonthValue {
            month,
            value: (!value.is_empty()).then(|| value.to_owned()),
            valid_days: if value.is_empty() { 11 } else { 29 },
        })
        .collect()
}

fn stations(lang: Lang) -> Vec<StationRow> {
    let names = [
        (
            "sim-1999A",
            lang.pick("虹桥邮政", "Hongqiao Post Office"),
            StationClass::National,
        ),
        (
            "sim-2000A",
            lang.pick("五星公园", "Wuxing Park"),
            StationClass::National,
        ),
        (
            "sim-2001A",
            lang.pick("第二实验小学", "No. 2 Experimental Primary School"),
            StationClass::Provincial,
        ),
        (
            "sim-t01",
            lang.pick("璜土镇", "Huangtu town"),
            StationClass::Town,
        ),
    ];
    (0u16..)
        .zip(names)
        .map(|(n, (id, name, class))| StationRow {
            id: id.to_owned(),
            name: name.to_owned(),
            class,
            last_time: (n != 3).then(|| "2025-11-20T23:00:00+08:00".to_owned()),
            pm25: (n != 3).then(|| format!("{}.5", 30 + n)),
            day_aqi: (n != 3).then(|| (88 + 9 * n, level(88 + 9 * n))),
            valid_days: 312 - u32::from(n) * 40,
            simulated: true,
        })
        .collect()
}

fn published(lang: Lang) -> Vec<PublishedRow> {
    let source = lang.pick(
        "市空气质量公报，2020 年 7 月",
        "City air bulletin, July 2020",
    );
    let row = |period: &str, item, figure: &str, ours: Option<&str>, matches| PublishedRow {
        period: period.to_owned(),
        item,
        published: figure.to_owned(),
        published_yoy: Some("-16.6%".to_owned()),
        ours: ours.map(str::to_owned),
        matches,
        source: source.to_owned(),
    };
    vec![
        row(
            "2020-H1",
            Item::Pm25Mean,
            "40.7 µg/m³",
            Some("40.7 µg/m³"),
            Some(true),
        ),
        row(
            "2020-H1",
            Item::GoodDayRatio,
            "80.2%",
            Some("79.7%"),
            Some(false),
        ),
        row("2019", Item::GoodDays, "278", None, None),
    ]
}

pub(crate) fn enterprise_row(lang: Lang, n: usize) -> EnterpriseRow {
    let tiers = CreditTier::ALL;
    let computed = tiers[n % tiers.len()];
    let scores = [11, 9, 4, 1, -2, 0];
    EnterpriseRow {
        uscc: format!("91999999MA1ABC{n:02}8G"),
        name: match lang {
            Lang::Zh => format!("示例第{}精密印染与表面处理有限公司", n + 1),
            Lang::En => format!(
                "Example Dyeing and Surface Treatment Co., Ltd. No. {}",
                n + 1
            ),
        },
        computed,
        score: (computed != CreditTier::Unrated).then(|| scores[n % scores.len()]),
        next_change: (n % 3 == 2).then(|| NextChange {
            on: date("2026-01-19"),
            score: 9,
            tier: CreditTier::Blue,
        }),
        official: n.is_multiple_of(2).then(|| OfficialTier {
            tier: tiers[(n / 2) % 5],
            as_of: date("2025-11-01"),
            source: lang.pick("省公布名单", "provincial list").to_owned(),
            site: None,
        }),
        example: true,
    }
}

fn basis(lang: Lang) -> Basis {
    Basis {
        edition_id: "2012".to_owned(),
        edition_name: lang
            .pick(
                "GB 3095-2012 及 2018 年修改单",
                "GB 3095-2012 with the 2018 amendment",
            )
            .to_owned(),
        zone: "+08:00".to_owned(),
        review: Review::Raw,
        known_at: "2025-11-21T08:00:00+08:00".to_owned(),
        newest: Some(newest()),
    }
}

/// A dashboard with something in every section.
pub(crate) fn dashboard(lang: Lang) -> DashboardView {
    let choice = |id: &str, name: &str| Choice {
        id: id.to_owned(),
        name: name.to_owned(),
    };
    let jiangyin = choice("group:jiangyin", lang.pick("江阴市", "Jiangyin"));
    DashboardView {
        lang,
        area: jiangyin.clone(),
        areas: vec![
            jiangyin,
            choice(
                "group:beijing",
                lang.pick("北京市（12 站）", "Beijing (12 stations)"),
            ),
            choice("station:Dongsi", lang.pick("东四", "Dongsi")),
        ],
        year: YEAR,
        years: vec![2025, 2024, 2015],
        basis: basis(lang),
        simulated: true,
        default_note: true,
        pm25: pm25(lang),
        ratio: ratio(lang),
        day: Some(DayCard {
            day: newest(),
            aqi: Some((115, level(115))),
            primary: vec!["PM2.5".to_owned(), "O3".to_owned()],
            pm25: Some("86.3".to_owned()),
            void_reason: None,
        }),
        calendar: calendar(lang),
        months: months(),
        days: days(),
        silent: Vec::new(),
        stations: stations(lang),
        published: published(lang),
        tiers: TierSpread {
            counts: CreditTier::ALL
                .into_iter()
                .zip([112, 431, 57, 12, 3, 24])
                .collect(),
            on: newest(),
            rulebook: "JS2020".to_owned(),
            examples: true,
        },
        enterprises: (0..20).map(|n| enterprise_row(lang, n)).collect(),
        enterprises_next: Some("91999999MA1ABC198G".to_owned()),
        enterprises_later: false,
        publish: PublishHint {
            host: "127.0.0.1".to_owned(),
            port: 1883,
            topic: "skytier/v1/stations/sim-1999A/readings".to_owned(),
            time: "2025-11-20T23:00:00+08:00".to_owned(),
        },
    }
}

/// A dashboard of a daemon that has received nothing.
pub(crate) fn empty(lang: Lang) -> DashboardView {
    let full = dashboard(lang);
    let nothing = Progress {
        value: None,
        void_reason: Some(lang.pick("没有读数", "no reading").to_owned()),
        against: Vec::new(),
        valid_days: 0,
        calendar_days: 0,
        yoy: None,
        excluded: Vec::new(),
    };
    DashboardView {
        simulated: false,
        basis: Basis {
            newest: None,
            ..full.basis
        },
        pm25: nothing.clone(),
        ratio: Ratio {
            progress: nothing,
            bounds: None,
            good_days: 0,
            heavy_days: 0,
            void_days: 0,
        },
        day: None,
        calendar: Vec::new(),
        months: Vec::new(),
        days: Vec::new(),
        silent: Vec::new(),
        stations: Vec::new(),
        published: Vec::new(),
        tiers: TierSpread {
            counts: Vec::new(),
            ..full.tiers
        },
        enterprises: Vec::new(),
        enterprises_next: None,
        ..full
    }
}

/// An enterprise with reasons, its official and computed tiers apart.
pub(crate) fn enterprise(lang: Lang) -> EnterpriseView {
    let reason = |id: &str, code: &str, meaning: &str, points, end| ReasonRow {
        shown: Some(ReasonShown {
            id: id.to_owned(),
            code: code.to_owned(),
            meaning: meaning.to_owned(),
            start: date("2025-05-23"),
            end,
        }),
        points,
        confidence: "V2".to_owned(),
    };
    EnterpriseView {
        unit: standing::unit(lang),
        lang,
        row: enterprise_row(lang, 2),
        industry: lang.pick("纺织印染", "textile dyeing").to_owned(),
        town: lang.pick("徐霞客镇", "Xuxiake town").to_owned(),
        on: newest(),
        known_at: "2025-11-21T08:00:00+08:00".to_owned(),
        rulebook: "JS2020".to_owned(),
        confidence: "V2".to_owned(),
        reasons: vec![
            reason(
                "r1",
                "D03",
                lang.pick("行政处罚：罚款", "administrative fine"),
                -6,
                Some(date("2026-01-19")),
            ),
            reason(
                "b1",
                "B01",
                lang.pick("签署环保信用承诺", "commitment signed"),
                1,
                None,
            ),
        ],
    }
}
