//! The sections of a daily bulletin: index, level, primary pollutant, concentrations, PM2.5 to date, stations.

use crate::adapters::bulletin::excluded;
use crate::adapters::bulletin::period::figure;
use crate::adapters::bulletin::period::good_days_said;
use crate::adapters::bulletin::period::run_name;
use crate::adapters::bulletin::sheet::Section;
use crate::adapters::bulletin::sheet::Table;
use crate::adapters::bulletin::words;
use crate::adapters::bulletin::words::NONE;
use crate::adapters::chart::palette::AqiLevel;
use crate::adapters::lang::Lang;
use crate::adapters::words::void_day;
use crate::domain::area::AreaDay;
use crate::domain::pollutant::Pollutant;
use crate::flow::bulletin::Bulletin;
use crate::flow::bulletin::Member;
use crate::flow::bulletin::Side;

/// The sections of a day.
pub(super) fn sections(bulletin: &Bulletin, lang: Lang) -> Vec<Section> {
    let mut sections = Vec::new();
    if let [day] = bulletin.days.as_slice() {
        sections.push(index(bulletin, day, lang));
        sections.push(concentrations(bulletin, day, lang));
    }
    sections.push(to_date(bulletin, lang));
    sections.push(stations(bulletin, lang));
    sections.extend(excluded::section(bulletin, lang));
    sections
}

/// The name of a station in the language.
pub(super) fn station_name(member: &Member, lang: Lang) -> String {
    let names = member.names.as_ref();
    names.map_or_else(
        || member.id.to_string(),
        |names| words::name(names, lang).to_owned(),
    )
}

fn level(day: &AreaDay) -> Option<AqiLevel> {
    day.index.level().and_then(AqiLevel::from_number)
}

/// The primary pollutants; none below an AQI of 51.
fn primary(day: &AreaDay, lang: Lang) -> String {
    let labels: Vec<&str> = day.index.primary.iter().map(|own| own.label()).collect();
    if labels.is_empty() {
        return lang.pick("无", "none").to_owned();
    }
    labels.join(lang.pick("、", ", "))
}

fn index(bulletin: &Bulletin, day: &AreaDay, lang: Lang) -> Section {
    let on = words::date(day.day, lang);
    let said = match (day.index.aqi, level(day)) {
        (Some(aqi), Some(level)) => {
            let (name, number) = (level.name(lang), level.number());
            let primary = primary(day, lang);
            match lang {
                Lang::Zh => {
                    format!("{on}AQI为{aqi}，{number}级（{name}），首要污染物：{primary}。")
                }
                Lang::En => format!(
                    "{on}: AQI {aqi}, level {number} ({name}); primary pollutant: {primary}."
                ),
            }
        }
        _ => {
            let reason = void_day(&day.void_reason, lang);
            match lang {
                Lang::Zh => format!(
                    "{on}无有效AQI，级别和首要污染物不予发布（{reason}）。该日为无效天，不计入优良天。"
                ),
                Lang::En => format!(
                    "{on}: no valid AQI, so neither level nor primary pollutant is given ({reason}). The day is void \
                     and does not count as good."
                ),
            }
        }
    };
    let mut paragraphs = vec![said];
    if day.index.aqi.is_some() && !day.void_reason.is_empty() {
        paragraphs.push(missing(&void_day(&day.void_reason, lang), lang));
    }
    paragraphs.extend(due(bulletin, lang));
    Section::new(lang.pick("空气质量指数", "Air quality index"), paragraphs)
}

fn missing(reason: &str, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("缺测项目：{reason}。"),
        Lang::En => format!("Missing: {reason}."),
    }
}

/// By when it is to be published, where the document says so.
fn due(bulletin: &Bulletin, lang: Lang) -> Option<String> {
    let due = bulletin.due_at()?;
    let at = words::time(bulletin.zone, due);
    let late = bulletin.generated_at > due;
    Some(match (lang, late) {
        (Lang::Zh, false) => format!("日报应于次日12时前发布（HJ 633-2026 5.2），即{at}前。"),
        (Lang::Zh, true) => {
            format!("日报应于次日12时前发布（HJ 633-2026 5.2），即{at}前；本文本晚于该时刻生成。")
        }
        (Lang::En, false) => {
            format!("Due by 12:00 of the next day (HJ 633-2026 5.2): {at}.")
        }
        (Lang::En, true) => {
            format!("Due by 12:00 of the next day (HJ 633-2026 5.2): {at}; this text came later.")
        }
    })
}

fn rounded(bulletin: &Bulletin, day: &AreaDay, pollutant: Pollutant) -> String {
    let value = day.values.values[pollutant.index()].as_ref();
    value.map_or_else(
        || NONE.to_owned(),
        |value| value.round(bulletin.decimals(pollutant)).to_string(),
    )
}

fn daily_label(pollutant: Pollutant) -> &'static str {
    match pollutant {
        Pollutant::O3 => "O3-8h",
        own => own.label(),
    }
}

fn concentrations(bulletin: &Bulletin, day: &AreaDay, lang: Lang) -> Section {
    let mut table = Table::new(&match lang {
        Lang::Zh => ["污染物", "浓度", "单位", "IAQI"],
        Lang::En => ["pollutant", "value", "unit", "IAQI"],
    });
    for pollutant in Pollutant::ALL {
        let iaqi = day.index.iaqi[pollutant.index()];
        table.rows.push(vec![
            daily_label(pollutant).to_owned(),
            rounded(bulletin, day, pollutant),
            words::unit(pollutant, lang).to_owned(),
            iaqi.map_or_else(|| NONE.to_owned(), |iaqi| iaqi.to_string()),
        ]);
    }
    let said = lang.pick(
        "24小时平均浓度，O3为日最大8小时平均。",
        "Means of 24 hours; O3 is the daily maximum 8-hour mean.",
    );
    let heading = lang.pick("六项污染物", "Six pollutants");
    Section::new(heading, vec![said.to_owned()]).with(table)
}

fn to_date(bulletin: &Bulletin, lang: Lang) -> Section {
    let said = |side: &Side| {
        let name = run_name(bulletin, side, lang);
        let days = words::span(side.now().period.span, lang);
        let pm25 = figure(bulletin, side, Pollutant::Pm25, lang);
        let good = good_days_said(side, lang);
        match lang {
            Lang::Zh => format!("{name}（{days}）：{pm25}{good}"),
            Lang::En => format!("{name} ({days}): {pm25} {good}"),
        }
    };
    let runs = bulletin.month_to_date.iter().chain(&bulletin.year_to_date);
    let heading = lang.pick("累计情况", "Month and year to date");
    Section::new(heading, runs.map(said).collect())
}

fn stations(bulletin: &Bulletin, lang: Lang) -> Section {
    let heading = lang.pick("各站点", "Stations");
    if bulletin.stations.is_empty() {
        let said = lang.pick(
            "当日没有站点属于本区域。",
            "No station belongs to the area on this day.",
        );
        return Section::new(heading, vec![said.to_owned()]);
    }
    let mut table = Table::new(&match lang {
        Lang::Zh => ["站点", "AQI", "级别", "首要污染物"],
        Lang::En => ["station", "AQI", "level", "primary"],
    });
    let labels = Pollutant::ALL.map(|own| daily_label(own).to_owned());
    table.columns.extend(labels);
    for row in &bulletin.stations {
        let day = &row.day;
        let known = day.index.aqi.is_some();
        let aqi = day.index.aqi.map(|aqi| aqi.to_string());
        let level = level(day).map(|level| level.short_name(lang).to_owned());
        let primary = known.then(|| primary(day, lang));
        let mut cells = vec![station_name(&row.station, lang)];
        let cell = |cell: Option<String>| cell.unwrap_or_else(|| NONE.to_owned());
        cells.extend([aqi, level, primary].map(cell));
        cells.extend(Pollutant::ALL.map(|own| rounded(bulletin, day, own)));
        table.rows.push(cells);
    }
    Section::new(heading, Vec::new()).with(table)
}
