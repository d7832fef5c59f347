//! What a bulletin says of the year's targets: what the rest of the year may bring, and how likely that is enough.

use chrono::Datelike;

use crate::adapters::bulletin::words;
use crate::adapters::lang::Lang;
use crate::adapters::words as shared;
use crate::domain::registry::Item;
use crate::domain::target::Figure;
use crate::domain::target::Standing;
use crate::flow::bulletin::Bulletin;

/// What is said of the targets of these items; that there is none, when there is none.
pub(super) fn said(bulletin: &Bulletin, items: &[Item], lang: Lang) -> Vec<String> {
    let said = any(bulletin, items, lang);
    if said.is_empty() {
        return vec![none(bulletin, items[0], lang)];
    }
    said
}

/// What is said of the targets of these items, if there are any.
pub(super) fn any(bulletin: &Bulletin, items: &[Item], lang: Lang) -> Vec<String> {
    let standings = bulletin.standings.iter();
    let own = standings.filter(|standing| items.contains(&standing.item));
    own.map(|standing| target(standing, lang)).collect()
}

fn none(bulletin: &Bulletin, item: Item, lang: Lang) -> String {
    let year = bulletin.covered.to.year();
    let what = shared::item(item, lang);
    let lost = match item {
        Item::Pm25Mean => lang.pick("剩余天数控制值", "the control value"),
        Item::HeavyDays => lang.pick("剩余天数", "the days left"),
        _ => lang.pick("距年目标值天数", "the days short"),
    };
    match lang {
        Lang::Zh => format!("未登记{year}年{what}目标，{lost}无从计算。"),
        Lang::En => format!("No {year} target for {what} is registered; {lost} cannot be said."),
    }
}

fn target(standing: &Standing, lang: Lang) -> String {
    let limit = limit(standing, lang);
    let mut parts = vec![pace(standing, lang)];
    if let Some(outlook) = &standing.outlook {
        let (chance, years) = (outlook.chance, years(&outlook.years, lang));
        parts.push(match lang {
            Lang::Zh => format!("按{years}年同期推演，达标可能性{chance}%"),
            Lang::En => format!("judging by {years} the chance is {chance}%"),
        });
    }
    match lang {
        Lang::Zh => format!("年目标{limit}：{}。", parts.join("；")),
        Lang::En => format!("Target for the year {limit}: {}.", parts.join("; ")),
    }
}

fn years(years: &[i32], lang: Lang) -> String {
    let mut years: Vec<i32> = years.to_vec();
    years.sort_unstable();
    let years: Vec<String> = years.iter().map(i32::to_string).collect();
    years.join(lang.pick("、", ", "))
}

/// The value aimed at, with its direction and unit.
fn limit(standing: &Standing, lang: Lang) -> String {
    let limit = standing.limit;
    let unit = match standing.item {
        Item::Pm25Mean | Item::Pm10Mean | Item::O3P90 => lang.pick("微克/立方米", " ug/m3"),
        Item::GoodDayRatio => "%",
        Item::GoodDays | Item::HeavyDays => lang.pick("天", " days"),
        Item::CompositeIndex => "",
    };
    let side = match standing.item.at_most() {
        true => lang.pick("不高于", "at most "),
        false => lang.pick("不低于", "at least "),
    };
    format!("{side}{limit}{unit}")
}

/// What the days left must be, or whether the year met the target.
fn pace(standing: &Standing, lang: Lang) -> String {
    let left = standing.days_left;
    let days = |count: i64| words::days(count, lang);
    if left == 0 {
        return over(standing, lang);
    }
    if let Some(control) = standing.remaining_days_control {
        return match lang {
            Lang::Zh => format!("剩余{left}天平均浓度需控制在{control}微克/立方米以内"),
            Lang::En => format!("the {left} days left may average at most {control} ug/m3"),
        };
    }
    if let (Some(short), Some(bad)) = (standing.days_short, standing.bad_days_left) {
        return match (lang, bad < 0, short) {
            (Lang::Zh, true, _) => format!("距年目标值差{}，已多于剩余的{left}天", days(short)),
            (Lang::En, true, _) => format!("{} short, more than the {left} left", days(short)),
            (Lang::Zh, _, 0) => "优良天数已够，距年目标值差0天".to_owned(),
            (Lang::En, _, 0) => "0 days short, the good days are enough already".to_owned(),
            (Lang::Zh, ..) => format!(
                "距年目标值差{}，剩余{left}天中污染天需控制在{}内",
                days(short),
                days(bad)
            ),
            (Lang::En, ..) => format!(
                "{} short, at most {} of the {left} left may be bad",
                days(short),
                bad
            ),
        };
    }
    if let Some(heavy) = standing.heavy_days_left {
        return match (lang, heavy < 0) {
            (Lang::Zh, true) => format!("已超出{}", days(-heavy)),
            (Lang::En, true) => format!("exceeded by {}", days(-heavy)),
            (Lang::Zh, false) => format!("剩余天数需控制在{}内", days(heavy)),
            (Lang::En, false) => format!("at most {} more may come", days(heavy)),
        };
    }
    over(standing, lang)
}

/// Whether the figure as it is meets the target; why that cannot be said.
fn over(standing: &Standing, lang: Lang) -> String {
    let own = [
        Figure::RemainingDaysControl,
        Figure::Reachable,
        Figure::Met,
        Figure::Value,
    ];
    let gaps = standing.gaps.iter();
    let mut gaps = gaps.filter(|(figure, _)| own.contains(figure));
    match (standing.value, standing.met) {
        (Some(value), Some(met)) => {
            let met = match met {
                true => lang.pick("达到", "meets it"),
                false => lang.pick("未达到", "does not meet it"),
            };
            match lang {
                Lang::Zh => format!("现为{value}，{met}"),
                Lang::En => format!("{value} {met}"),
            }
        }
        _ => match gaps.next() {
            Some((_, gap)) => shared::gap(gap, lang),
            None => lang.pick("无法判定", "cannot be told").to_owned(),
        },
    }
}
