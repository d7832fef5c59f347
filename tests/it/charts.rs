//! One reference picture of each chart kind, in `charts/`. A test compares; with `SKYTIER_BLESS=1` in the
//! environment it accepts what is drawn now.

use std::fs;
use std::path::PathBuf;

use chrono::Datelike;
use chrono::NaiveDate;
use skytier::adapters::chart::RuleKind;
use skytier::adapters::chart::Size;
use skytier::adapters::chart::calendar;
use skytier::adapters::chart::calendar::CalendarChart;
use skytier::adapters::chart::calendar::DayCell;
use skytier::adapters::chart::calendar::DayState;
use skytier::adapters::chart::empty;
use skytier::adapters::chart::heat;
use skytier::adapters::chart::heat::HeatChart;
use skytier::adapters::chart::map;
use skytier::adapters::chart::map::MapChart;
use skytier::adapters::chart::map::MapPoint;
use skytier::adapters::chart::missing_glyphs;
use skytier::adapters::chart::palette::AqiLevel;
use skytier::adapters::chart::palette::CreditTier;
use skytier::adapters::chart::png;
use skytier::adapters::chart::progress;
use skytier::adapters::chart::progress::ProgressChart;
use skytier::adapters::chart::progress::ProgressMark;
use skytier::adapters::chart::rose;
use skytier::adapters::chart::rose::RoseChart;
use skytier::adapters::chart::rose::RoseField;
use skytier::adapters::chart::tiers;
use skytier::adapters::chart::tiers::TiersChart;
use skytier::adapters::chart::trend;
use skytier::adapters::chart::trend::TrendChart;
use skytier::adapters::chart::trend::TrendFan;
use skytier::adapters::chart::trend::TrendLine;
use skytier::adapters::chart::trend::TrendPoint;
use skytier::adapters::chart::trend::TrendRule;
use skytier::adapters::chart::trend::TrendStyle;
use skytier::adapters::chart::years;
use skytier::adapters::chart::years::YearsChart;
use skytier::adapters::lang::Lang;

/// A made-up index of a day: high in winter, with a pattern that repeats every 37 days.
pub(crate) fn made_up_aqi(day: NaiveDate) -> u16 {
    let ordinal = i64::from(day.ordinal0());
    let winter = (ordinal - 200).unsigned_abs();
    let wave = (ordinal * 7919 % 37).unsigned_abs();
    let spike = if ordinal % 61 == 0 { 170 } else { 0 };
    u16::try_from(18 + winter / 3 + wave * 2 + spike).unwrap()
}

pub(crate) fn level(aqi: u16) -> AqiLevel {
    let number = match aqi {
        0..=50 => 1,
        51..=100 => 2,
        101..=150 => 3,
        151..=200 => 4,
        201..=300 => 5,
        _ => 6,
    };
    AqiLevel::from_number(number).unwrap()
}

pub(crate) fn days_of(year: i32) -> Vec<NaiveDate> {
    let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
    first
        .iter_days()
        .take_while(|day| day.year() == year)
        .collect()
}

fn calendar_sample(lang: Lang, watermark: Option<&str>) -> CalendarChart {
    let until = NaiveDate::from_ymd_opt(2024, 11, 20).unwrap();
    let cell = |day: NaiveDate| {
        let aqi = made_up_aqi(day);
        let state = if day.ordinal() % 53 == 9 {
            DayState::Void {
                reason: lang
                    .pick("有效小时不足20个", "fewer than 20 valid hours")
                    .to_owned(),
            }
        } else {
            DayState::Valid {
                aqi,
                level: level(aqi),
                primary: if aqi > 50 { "PM2.5" } else { "" }.to_owned(),
            }
        };
        DayCell { day, state }
    };
    CalendarChart {
        year: 2024,
        title: lang
            .pick("2024年空气质量日历", "AQI calendar 2024")
            .to_owned(),
        summary: lang
            .pick("每日一格，示例数据", "one cell a day, sample figures")
            .to_owned(),
        days: days_of(2024)
            .into_iter()
            .filter(|day| *day <= until)
            .map(cell)
            .collect(),
        link: None,
        watermark: watermark.map(str::to_owned),
        lang,
    }
}

fn rules(lang: Lang) -> Vec<TrendRule> {
    vec![
        TrendRule {
            kind: RuleKind::Limit,
            value: 35.0,
            label: lang
                .pick("二级标准年均限值 35", "class II annual limit 35")
                .to_owned(),
        },
        TrendRule {
            kind: RuleKind::Target,
            value: 29.0,
            label: lang.pick("年度目标 29", "target of the year 29").to_owned(),
        },
    ]
}

fn monthly_sample(lang: Lang) -> TrendChart {
    let values = [
        62.1, 48.7, 41.0, 33.4, 27.9, 21.6, 18.2, 0.0, 24.5, 35.8, 44.3,
    ];
    let point = |month: usize| {
        let value = values.get(month).copied().filter(|value| *value > 0.0);
        TrendPoint {
            name: format!("2024-{:02}", month + 1),
            tick: Some(format!("{}", month + 1)),
            value,
            text: value.map(|v| format!("{v:.1}")).unwrap_or_default(),
        }
    };
    TrendChart {
        name: "PM2.5".to_owned(),
        more: Vec::new(),
        fan: None,
        title: lang.pick("PM2.5 月均值", "PM2.5 by month").to_owned(),
        summary: lang.pick("八月无效", "August is void").to_owned(),
        unit: "µg/m³".to_owned(),
        style: TrendStyle::Bars,
        points: (0..12).map(point).collect(),
        rules: rules(lang),
        empty_note: String::new(),
        watermark: None,
        lang,
    }
}

fn daily_sample(lang: Lang) -> TrendChart {
    let point = |day: NaiveDate| {
        let gap = day.ordinal() % 53 == 9 || (120..131).contains(&day.ordinal());
        let value = (!gap).then(|| f64::from(made_up_aqi(day)) * 0.7);
        TrendPoint {
            name: day.to_string(),
            tick: (day.day() == 1).then(|| day.month().to_string()),
            value,
            text: value.map(|v| format!("{v:.1}")).unwrap_or_default(),
        }
    };
    TrendChart {
        name: "PM2.5".to_owned(),
        more: Vec::new(),
        fan: None,
        title: lang.pick("PM2.5 日均值", "PM2.5 by day").to_owned(),
        summary: lang
            .pick("缺日断线", "missing days break the line")
            .to_owned(),
        style: TrendStyle::Line,
        points: days_of(2024).into_iter().map(point).collect(),
        ..monthly_sample(lang)
    }
}

/// Two further series, of which one has a gap.
fn several_sample(lang: Lang) -> TrendChart {
    let shifted = |share: f64, gap: usize| {
        let own = monthly_sample(lang).points.into_iter().enumerate();
        let value = own.map(move |(at, point)| {
            let value = point.value.filter(|_| at != gap)? * share;
            Some((value, format!("{value:.1}")))
        });
        value.collect()
    };
    let further = [
        (lang.pick("东站", "East"), 1.3, 2),
        (lang.pick("西站", "West"), 0.7, 20),
    ];
    TrendChart {
        title: lang.pick("站点对比", "Stations compared").to_owned(),
        style: TrendStyle::Line,
        more: further
            .into_iter()
            .map(|(name, share, gap)| TrendLine {
                name: name.to_owned(),
                values: shifted(share, gap),
            })
            .collect(),
        ..monthly_sample(lang)
    }
}

/// A year so far with the wedge to its end.
fn fan_sample(lang: Lang) -> TrendChart {
    let points = daily_sample(lang).points.into_iter().enumerate();
    let points = points.map(|(at, point)| TrendPoint {
        value: (at < 200).then(|| 60.0 - at as f64 / 10.0),
        ..point
    });
    TrendChart {
        title: lang.pick("累计均值", "Mean so far").to_owned(),
        points: points.collect(),
        fan: Some(TrendFan {
            p10: 34.1,
            p50: 36.0,
            p90: 39.2,
        }),
        ..daily_sample(lang)
    }
}

fn years_sample(lang: Lang) -> YearsChart {
    let own = calendar_sample(lang, None);
    let moved = |by: i32| {
        let day = move |cell: &DayCell| DayCell {
            day: cell.day.with_year(2024 - by).unwrap_or(cell.day),
            state: cell.state.clone(),
        };
        (2024 - by, own.days.iter().map(day).collect())
    };
    YearsChart {
        title: lang.pick("历年对照", "All years").to_owned(),
        summary: lang.pick("示例数据", "sample figures").to_owned(),
        years: (0..3).map(moved).collect(),
        empty_note: String::new(),
        watermark: None,
        lang,
    }
}

fn progress_sample(lang: Lang) -> ProgressChart {
    ProgressChart {
        title: lang.pick("优良天数比例", "Good-day ratio").to_owned(),
        summary: lang.pick("低于目标", "below target").to_owned(),
        value: Some(80.4),
        text: "80.4%".to_owned(),
        bounds: Some((78.2, 82.1)),
        highest: Some(100.0),
        marks: vec![ProgressMark {
            kind: RuleKind::Target,
            value: 82.6,
            label: lang.pick("目标 ≥ 82.6%", "target ≥ 82.6%").to_owned(),
        }],
        empty_note: String::new(),
        watermark: None,
        lang,
    }
}

fn tiers_sample(lang: Lang) -> TiersChart {
    TiersChart {
        title: lang.pick("信用等级分布", "Credit tiers").to_owned(),
        summary: lang.pick("示例企业", "example enterprises").to_owned(),
        counts: vec![
            (CreditTier::Green, 112),
            (CreditTier::Blue, 431),
            (CreditTier::Yellow, 57),
            (CreditTier::Red, 12),
            (CreditTier::Black, 3),
            (CreditTier::Unrated, 24),
        ],
        empty_note: String::new(),
        watermark: None,
        lang,
    }
}

/// Eleven months, of which one lacks its mornings.
fn heat_sample(lang: Lang) -> HeatChart {
    let cell = |month: usize, hour: usize| {
        let value = 20 + month.abs_diff(6) * 8 + hour.abs_diff(14);
        (month != 3 || hour > 8).then(|| (value as f64, value.to_string()))
    };
    HeatChart {
        title: lang
            .pick("逐月逐时 PM2.5", "PM2.5 by month and hour")
            .to_owned(),
        summary: lang
            .pick("四月上午缺数", "mornings of April are missing")
            .to_owned(),
        unit: "PM2.5 µg/m³".to_owned(),
        cells: (0..11)
            .map(|month| std::array::from_fn(|hour| cell(month, hour)))
            .collect(),
        empty_note: String::new(),
        watermark: None,
        lang,
    }
}

/// Seven stations, two of them in one place and one without an index.
fn map_sample(lang: Lang) -> MapChart {
    let places = [
        (120.27, 31.92, 42),
        (120.30, 31.90, 88),
        (120.301, 31.9001, 120),
        (120.41, 31.85, 0),
        (120.22, 31.80, 160),
        (120.36, 31.95, 210),
        (120.48, 31.93, 330),
    ];
    let point = |(at, (longitude, latitude, aqi)): (usize, (f64, f64, u16))| MapPoint {
        longitude,
        latitude,
        number: at + 1,
        aqi: (aqi > 0).then(|| (aqi, level(aqi))),
        text: format!("{}: AQI {aqi}", at + 1),
    };
    MapChart {
        title: lang.pick("站点位置", "Where the stations lie").to_owned(),
        summary: lang
            .pick("七个示例站点", "seven sample stations")
            .to_owned(),
        points: places.into_iter().enumerate().map(point).collect(),
        empty_note: String::new(),
        watermark: None,
        lang,
    }
}

/// Dirtiest from the south-west, too few hours from the east.
fn rose_sample(lang: Lang) -> RoseChart {
    let field = |value: usize, enough: bool| RoseField {
        mean: enough.then(|| (value as f64, value.to_string())),
        share: format!("{}.{}", 1 + value % 9, value % 10),
    };
    let at = |sector: usize, class: usize| 25 + 6 * (8 - sector.abs_diff(10).min(8)) - 4 * class;
    RoseChart {
        title: lang.pick("PM2.5 污染玫瑰图", "PM2.5 by wind").to_owned(),
        summary: lang
            .pick("西南风时最高", "highest with wind from the south-west")
            .to_owned(),
        unit: "µg/m³".to_owned(),
        names: skytier::domain::rose::SECTOR_NAMES,
        rings: skytier::domain::rose::CLASS_NAMES,
        calm: field(61, true),
        sectors: (0..16)
            .map(|sector| field(at(sector, 1), sector != 4))
            .collect(),
        fields: (0..16)
            .map(|sector| {
                std::array::from_fn(|class| {
                    field(at(sector, class), sector != 4 && class + sector % 3 < 5)
                })
            })
            .collect(),
        empty_note: String::new(),
        watermark: None,
        lang,
    }
}

/// Every reference picture: file name and the text drawn now.
fn pictures() -> Vec<(&'static str, String)> {
    let (zh, en) = (Lang::Zh, Lang::En);
    let (wide, narrow) = (Size::Wide, Size::Narrow);
    let simulated = calendar_sample(zh, Some("模拟数据"));
    vec![
        (
            "calendar.svg",
            calendar::render(&calendar_sample(zh, None), wide),
        ),
        (
            "calendar-narrow-en.svg",
            calendar::render(&calendar_sample(en, None), narrow),
        ),
        ("calendar-simulated.svg", calendar::render(&simulated, wide)),
        (
            "trend-monthly.svg",
            trend::render(&monthly_sample(zh), wide),
        ),
        (
            "trend-monthly-narrow-en.svg",
            trend::render(&monthly_sample(en), narrow),
        ),
        ("trend-daily.svg", trend::render(&daily_sample(zh), wide)),
        (
            "trend-daily-narrow-en.svg",
            trend::render(&daily_sample(en), narrow),
        ),
        (
            "trend-several.svg",
            trend::render(&several_sample(zh), wide),
        ),
        (
            "trend-several-narrow-en.svg",
            trend::render(&several_sample(en), narrow),
        ),
        ("trend-fan.svg", trend::render(&fan_sample(zh), wide)),
        (
            "trend-fan-narrow-en.svg",
            trend::render(&fan_sample(en), narrow),
        ),
        ("years.svg", years::render(&years_sample(zh), wide)),
        (
            "years-narrow-en.svg",
            years::render(&years_sample(en), narrow),
        ),
        (
            "progress.svg",
            progress::render(&progress_sample(zh), narrow),
        ),
        (
            "progress-wide-en.svg",
            progress::render(&progress_sample(en), wide),
        ),
        ("tiers.svg", tiers::render(&tiers_sample(zh), wide)),
        (
            "tiers-narrow-en.svg",
            tiers::render(&tiers_sample(en), narrow),
        ),
        ("heat.svg", heat::render(&heat_sample(zh), wide)),
        ("heat-narrow-en.svg", heat::render(&heat_sample(en), narrow)),
        ("map.svg", map::render(&map_sample(zh), wide)),
        ("map-narrow-en.svg", map::render(&map_sample(en), narrow)),
        ("rose.svg", rose::render(&rose_sample(zh), wide)),
        ("rose-narrow-en.svg", rose::render(&rose_sample(en), narrow)),
        ("empty.svg", empty(narrow, "PM2.5", "这一年还没有数据", zh)),
    ]
}

#[test]
fn pictures_are_as_accepted() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("charts");
    let bless = std::env::var_os("SKYTIER_BLESS").is_some();
    for (name, drawn) in pictures() {
        let path = folder.join(name);
        if bless {
            fs::write(&path, &drawn).unwrap();
            continue;
        }
        let accepted = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            accepted == drawn,
            "charts/{name} is no longer what is drawn; look at it and accept with SKYTIER_BLESS=1"
        );
    }
}

/// Width and height of a PNG file.
fn size_of(file: &[u8]) -> (u32, u32) {
    assert!(file.starts_with(b"\x89PNG\r\n\x1a\n"), "a PNG file");
    let number = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes"));
    (number(16), number(20))
}

/// Every picture as pixels, under its name and description; kept in a folder to look at with `SKYTIER_SHOTS`.
#[test]
fn every_picture_is_drawn_as_pixels_too() {
    for (name, drawn) in pictures() {
        let file = png(&drawn);
        let viewed = drawn.split_once("viewBox=\"0 0 ").expect("a size").1;
        let (viewed, _) = viewed.split_once('"').expect("a size");
        let (width, height) = viewed.split_once(' ').expect("two numbers");
        let (wide, tall) = size_of(&file);
        assert_eq!(wide, 2 * width.parse::<u32>().expect("a number"), "{name}");
        assert!(
            tall > 2 * height.parse::<u32>().expect("a number"),
            "{name}"
        );
        if let Some(folder) = std::env::var_os("SKYTIER_SHOTS") {
            let path = PathBuf::from(folder).join(name).with_extension("png");
            fs::write(path, file).expect("room on the disk");
        }
    }
}

/// What a picture says to those who cannot see it, and that limits and targets carry their names.
#[test]
fn every_picture_says_what_it_shows() {
    for (name, drawn) in pictures() {
        for part in ["<title>", "<desc>", "aria-label=\""] {
            assert!(drawn.contains(part), "{name}: {part}");
        }
        if drawn.contains("class=\"s-limit\"") || drawn.contains("class=\"s-target\"") {
            let named = ["限值", "目标", "limit", "target"];
            assert!(named.iter().any(|word| drawn.contains(word)), "{name}");
        }
    }
}

#[test]
fn drawing_twice_gives_the_same_bytes() {
    assert_eq!(pictures(), pictures());
}

#[test]
fn no_picture_needs_a_character_the_font_lacks() {
    for (name, drawn) in pictures() {
        assert_eq!(missing_glyphs(&drawn), Vec::<char>::new(), "{name}");
    }
}

#[test]
fn simulated_air_says_so_in_the_picture() {
    for (lang, word) in [(Lang::Zh, "模拟数据"), (Lang::En, "SIMULATED")] {
        let svg = calendar::render(&calendar_sample(lang, Some(word)), Size::Wide);
        assert!(svg.contains("class=\"watermark\"") && svg.contains(word));
    }
}
