//! Targets and their pacing as JSON and as a table in two languages.

use chrono::Datelike;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::adapters::lang::Lang;
use crate::adapters::report::Context;
use crate::adapters::report::beside::applied;
use crate::adapters::report::number;
use crate::adapters::report::table::table;
use crate::adapters::words;
use crate::domain::projection;
use crate::domain::projection::Spread;
use crate::domain::reading::Review;
use crate::domain::registry::Item;
use crate::domain::target::Gap;
use crate::domain::target::Standing;
use crate::domain::units::Decimal;
use crate::flow::pacing::Paces;
use crate::flow::pacing::Pacing;
use crate::flow::pacing::Projections;

/// What is projected of an area without any target.
const PROJECTED: [Item; 2] = [Item::Pm25Mean, Item::GoodDayRatio];

fn spread_json(spread: Spread) -> Map<String, Value> {
    let parts = [
        ("p10", spread.p10),
        ("p50", spread.p50),
        ("p90", spread.p90),
    ];
    parts
        .into_iter()
        .map(|(key, value)| (key.to_owned(), number(value)))
        .collect()
}

/// How a projection was made: the seed as 16 hexadecimal digits.
fn method(seed: u64, years: &[i32]) -> Map<String, Value> {
    let Value::Object(object) = json!({
        "method": projection::METHOD,
        "years": years,
        "draws": projection::DRAWS,
        "seed": format!("{seed:016x}"),
    }) else {
        unreachable!("an object was written")
    };
    object
}

/// A target and its pacing. `this_year` says which targets expired.
pub fn standing_json(standing: &Standing, this_year: i32) -> Value {
    let outlook = standing.outlook.as_ref();
    let projection = outlook.map(|outlook| {
        let mut object = spread_json(outlook.spread);
        object.extend(method(outlook.seed, &outlook.years));
        Value::Object(object)
    });
    let reasons = standing.gaps.iter();
    let reasons: Map<String, Value> = reasons
        .map(|(figure, gap)| (figure.key().to_owned(), gap.to_string().into()))
        .collect();
    json!({
        "id": standing.id,
        "item": standing.item.key(),
        "year": standing.year,
        "issuer": standing.issuer,
        "document": standing.document,
        "edition": standing.edition,
        "value": standing.value.map(number),
        "limit": number(standing.limit),
        "met": standing.met,
        "on_track": standing.on_track,
        "reachable": standing.reachable,
        "valid_days": standing.valid_days,
        "days_left": standing.days_left,
        "remaining_days_control": standing.remaining_days_control.map(number),
        "days_short": standing.days_short,
        "bad_days_left": standing.bad_days_left,
        "heavy_days_left": standing.heavy_days_left,
        "projection": projection,
        "chance": outlook.map(|outlook| outlook.chance),
        "reasons": reasons,
        "expired": standing.expired(this_year),
        "next_target_missing": standing.next_target_missing(this_year),
    })
}

fn projections_json(projections: &Projections) -> Value {
    let measured = &projections.measured;
    let mut object = method(measured.seed, &measured.years);
    object.insert("edition".to_owned(), measured.edition.id.clone().into());
    for item in PROJECTED {
        let spread = projections.of(item).spread(item).map(spread_json);
        object.insert(item.key().to_owned(), spread.map(Value::Object).into());
    }
    Value::Object(object)
}

fn paces_json(paces: &Paces, year: i32) -> Map<String, Value> {
    let projection = paces.projection.as_ref();
    let targets = paces.standings.iter();
    let targets: Vec<Value> = targets.map(|own| standing_json(own, year)).collect();
    let reason = projection.err().map(Gap::to_string);
    let parts: [(&str, Value); 3] = [
        ("projection", projection.ok().map(projections_json).into()),
        ("projection_reason", reason.into()),
        ("targets", targets.into()),
    ];
    let parts = parts.into_iter();
    parts.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// An area's targets on a day.
pub fn pacing_json(context: Context<'_>, pacing: &Pacing) -> Value {
    let year = pacing.on.year();
    let main_figures = if pacing.deducted { "with" } else { "without" };
    let excluded = pacing.excluded.as_deref().map(|own| {
        json!({
            "main_figures": main_figures,
            "entries": own.entries.iter().map(applied).collect::<Vec<_>>(),
            "without": paces_json(&own.before, year),
            "with": paces_json(&own.after, year),
        })
    });
    let mut shape = json!({
        "area": context.area.id(),
        "on": pacing.on.to_string(),
        "year": year,
        "edition": pacing.edition,
        "review": context.review.key(),
        "known_at": context.zone.text(context.known_at),
        "simulated": context.simulated,
        "days_left": pacing.days_left,
        "exclusions": main_figures,
        "excluded": excluded,
    });
    if let Some(shape) = shape.as_object_mut() {
        shape.extend(paces_json(&pacing.main, year));
    }
    shape
}

fn yes_no(answer: Option<bool>, lang: Lang) -> String {
    let said = answer.map(|yes| match yes {
        true => lang.pick("是", "yes"),
        false => lang.pick("否", "no"),
    });
    said.unwrap_or_default().to_owned()
}

fn row(standing: &Standing, lang: Lang) -> Vec<String> {
    let days = |days: Option<i64>| days.map(|days| days.to_string()).unwrap_or_default();
    let sign = if standing.item.at_most() { "<=" } else { ">=" };
    let outlook = standing.outlook.as_ref();
    let range = outlook.map(|outlook| {
        let Spread { p10, p50, p90 } = outlook.spread;
        format!("{} ({}..{})", p50.trimmed(), p10.trimmed(), p90.trimmed())
    });
    let decimal = |value: Decimal| value.to_string();
    vec![
        standing.id.clone(),
        words::item(standing.item, lang).to_owned(),
        standing.year.to_string(),
        format!("{sign} {}", standing.limit),
        standing.value.map(decimal).unwrap_or_default(),
        yes_no(standing.met, lang),
        yes_no(standing.on_track, lang),
        yes_no(standing.reachable, lang),
        standing
            .remaining_days_control
            .map(decimal)
            .unwrap_or_default(),
        days(standing.days_short),
        days(standing.bad_days_left),
        days(standing.heavy_days_left),
        range.unwrap_or_default(),
        outlook
            .map(|outlook| format!("{} %", outlook.chance))
            .unwrap_or_default(),
    ]
}

fn head(lang: Lang) -> [&'static str; 14] {
    [
        lang.pick("编号", "id"),
        lang.pick("项目", "item"),
        lang.pick("年度", "year"),
        lang.pick("目标", "target"),
        lang.pick("现值", "value"),
        lang.pick("现值达标", "met"),
        lang.pick("进度达标", "on track"),
        lang.pick("仍可达标", "reachable"),
        lang.pick("剩余天数控制值", "control value"),
        lang.pick("距目标差(天)", "good days short"),
        lang.pick("可超标(天)", "bad days left"),
        lang.pick("重污染控制(天)", "heavy days left"),
        lang.pick("年末预测 P50 (P10..P90)", "year's end P50 (P10..P90)"),
        lang.pick("达标概率", "chance"),
    ]
}

/// What stands below the table: reasons, once each, and prompts.
fn notes(standing: &Standing, this_year: i32, lang: Lang) -> Vec<String> {
    let mut said: Vec<&Gap> = Vec::new();
    for (_, gap) in &standing.gaps {
        if !said.contains(&gap) {
            said.push(gap);
        }
    }
    let id = &standing.id;
    let colon = lang.pick("：", ": ");
    let mut lines: Vec<String> = said
        .into_iter()
        .map(|gap| format!("{id}{colon}{}", words::gap(gap, lang)))
        .collect();
    if standing.next_target_missing(this_year) {
        let item = words::item(standing.item, lang);
        let prompt = match lang {
            Lang::Zh => format!("{item}目标已过期，请录入 {this_year} 年目标"),
            Lang::En => format!("the target for {item} expired; enter the one for {this_year}"),
        };
        lines.push(format!("{id}{colon}{prompt}"));
    }
    lines
}

/// How the projection was made, or why there is none.
fn projection_words(paces: &Paces, lang: Lang) -> String {
    match &paces.projection {
        Ok(projections) => {
            let years: Vec<String> = projections
                .measured
                .years
                .iter()
                .map(i32::to_string)
                .collect();
            let (years, draws) = (years.join(", "), projection::DRAWS);
            match lang {
                Lang::Zh => format!("预测：以 {years} 年同期前后 7 天按周抽样 {draws} 次"),
                Lang::En => format!(
                    "projection: {draws} draws of weeks of {years}, same dates within 7 days"
                ),
            }
        }
        Err(gap) => {
            lang.pick("预测：无，", "projection: none, ").to_owned() + &words::gap(gap, lang)
        }
    }
}

/// An area's targets on a day, for a terminal.
pub fn pacing_table(context: Context<'_>, pacing: &Pacing, lang: Lang) -> String {
    let (area, on, left) = (context.area.id(), pacing.on, pacing.days_left);
    let year = on.year();
    let mut text = match lang {
        Lang::Zh => format!("{area}，截至 {on}，{year} 年剩余 {left} 天\n"),
        Lang::En => format!("{area}, up to {on}, {left} days of {year} left\n"),
    };
    if context.simulated {
        text.push_str(lang.pick("含模拟数据\n", "simulated readings take part\n"));
    }
    if context.review == Review::Reviewed {
        text.push_str(lang.pick("按审核后的数值\n", "by values as reviewed\n"));
    }
    text.push_str(&paces_table(&pacing.main, year, lang));
    if let Some(beside) = &pacing.excluded {
        let (above, below) = words::sides(pacing.deducted, lang);
        text.push_str(&format!("\n{above}\n"));
        for entry in &beside.entries {
            let said = words::exclusion(&entry.exclusion, &entry.days, lang);
            text.push_str(&format!("  {said}\n"));
        }
        let other = if pacing.deducted {
            &beside.before
        } else {
            &beside.after
        };
        text.push_str(&format!("{below}\n{}", paces_table(other, year, lang)));
    }
    text
}

fn paces_table(paces: &Paces, year: i32, lang: Lang) -> String {
    let rows: Vec<Vec<String>> = paces.standings.iter().map(|own| row(own, lang)).collect();
    let mut text = match rows.is_empty() {
        true => lang
            .pick("没有录入目标\n", "no target is registered for this area\n")
            .to_owned(),
        false => table(&head(lang), rows),
    };
    let notes = paces
        .standings
        .iter()
        .flat_map(|own| notes(own, year, lang));
    for line in notes.chain([projection_words(paces, lang)]) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}
