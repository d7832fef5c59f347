//! What a bulletin says where days are left out of statistics: each decision with its document, and the figures
//! without and with them side by side, so that neither can be taken for the other.

use crate::adapters::bulletin::period::number;
use crate::adapters::bulletin::period::short_statistic;
use crate::adapters::bulletin::sheet::Section;
use crate::adapters::bulletin::sheet::Table;
use crate::adapters::bulletin::words::Change;
use crate::adapters::bulletin::words::NONE;
use crate::adapters::lang::Lang;
use crate::adapters::words::exclusion;
use crate::adapters::words::rank_item;
use crate::domain::assessment::Assessment;
use crate::domain::assessment::change::Percent;
use crate::domain::pollutant::Pollutant;
use crate::flow::beside::BothSides;
use crate::flow::beside::Excluded;
use crate::flow::bulletin::Bulletin;
use crate::flow::ranking::ItemRanking;
use crate::flow::ranking::Ranking;

/// A row of the table.
#[derive(Clone, Copy)]
enum Row {
    Figure(Pollutant),
    Composite,
    GoodDays,
    Ratio,
    HeavyDays,
}

/// Both sides of the exclusions; nothing when no decision concerns any figure of the bulletin.
pub(super) fn section(bulletin: &Bulletin, lang: Lang) -> Option<Section> {
    let widest = bulletin.year_so_far().report.beside.excluded.as_deref()?;
    let mut paragraphs: Vec<String> = widest
        .entries
        .iter()
        .map(|own| {
            let stop = lang.pick("。", ".");
            format!("{}{stop}", exclusion(&own.exclusion, &own.days, lang))
        })
        .collect();
    paragraphs.push(main_figures(bulletin, lang).to_owned());
    paragraphs.extend(bulletin.ranks.iter().filter_map(|own| ranks(own, lang)));
    let runs = runs(bulletin, lang);
    let mut table = Table::new(&[
        lang.pick("指标", "figure"),
        lang.pick("未扣除", "as measured"),
        lang.pick("扣除后", "left out"),
    ]);
    let period_alone = runs.len() == 1 && bulletin.covered.length() > 1;
    for (run, excluded) in runs {
        let run = (!period_alone).then_some(run);
        let rows = rows(widest).into_iter();
        table
            .rows
            .extend(rows.map(|row| cells(bulletin, row, run, excluded, lang)));
    }
    let heading = lang.pick("例外日扣除前后对比", "Without and with excluded days");
    Some(Section::new(heading, paragraphs).with(table))
}

/// Which side the figures elsewhere in the bulletin are.
fn main_figures(bulletin: &Bulletin, lang: Lang) -> &'static str {
    match bulletin.side.report.beside.deducted {
        true => lang.pick(
            "其余各节为扣除后的数字；日AQI始终未扣除。",
            "All other sections give figures with the days left out; a day's AQI always stands as measured.",
        ),
        false => lang.pick(
            "其余各节为未扣除的数字。",
            "All other sections give figures as measured.",
        ),
    }
}

/// The runs of days that have both sides, each once: the period itself, but not a single day, and those to date.
fn runs(bulletin: &Bulletin, lang: Lang) -> Vec<(&'static str, &Excluded)> {
    let period = (bulletin.covered.length() > 1).then_some(&bulletin.side);
    let named = [
        (lang.pick("本期", "period"), period),
        (
            lang.pick("本月以来", "month to date"),
            bulletin.month_to_date.as_ref(),
        ),
        (
            lang.pick("今年以来", "year to date"),
            bulletin.year_to_date.as_ref(),
        ),
    ];
    let mut runs: Vec<(&'static str, &Excluded)> = Vec::new();
    for (name, side) in named {
        let Some(excluded) = side.and_then(|side| side.report.beside.excluded.as_deref()) else {
            continue;
        };
        let span = excluded.before.0.period.span;
        if runs
            .iter()
            .all(|(_, other)| other.before.0.period.span != span)
        {
            runs.push((name, excluded));
        }
    }
    runs
}

/// The rows: what is always looked at, and every other pollutant a decision names.
fn rows(excluded: &Excluded) -> Vec<Row> {
    let always = |own: &Pollutant| matches!(own, Pollutant::Pm25 | Pollutant::Pm10);
    let named = |own: &Pollutant| {
        let mut entries = excluded.entries.iter();
        entries.any(|entry| entry.exclusion.pollutants.contains(own))
    };
    let pollutants = Pollutant::ALL.into_iter();
    let pollutants = pollutants.filter(|own| always(own) || named(own));
    let counts = [Row::Composite, Row::GoodDays, Row::Ratio, Row::HeavyDays];
    pollutants.map(Row::Figure).chain(counts).collect()
}

/// A row; the run is named unless it is the bulletin's own period alone.
fn cells(
    bulletin: &Bulletin,
    row: Row,
    run: Option<&str>,
    excluded: &Excluded,
    lang: Lang,
) -> Vec<String> {
    let name = match row {
        Row::Figure(own) => short_statistic(bulletin, own, lang),
        Row::Composite => lang.pick("综合指数", "composite index").to_owned(),
        Row::GoodDays => lang.pick("优良天数", "good days").to_owned(),
        Row::Ratio => lang
            .pick("优良天数比率（%）", "good-day ratio (%)")
            .to_owned(),
        Row::HeavyDays => lang
            .pick("重度及以上污染（天）", "heavily polluted days")
            .to_owned(),
    };
    let name = match (run, lang) {
        (None, _) => name,
        (Some(run), Lang::Zh) => format!("{run}{name}"),
        (Some(run), Lang::En) => format!("{run}: {name}"),
    };
    let [before, after] = [&excluded.before, &excluded.after].map(|sides| cell(row, sides, lang));
    vec![name, before, after]
}

/// A figure with its change against the year before in brackets, where there is one.
fn cell(row: Row, (now, yoy): &BothSides, lang: Lang) -> String {
    let percent = |change: Option<Percent>| change.map(Change::Percent);
    let points = yoy.as_ref().and_then(|yoy| yoy.good_day_ratio_pp);
    let points = points.map(Change::Points);
    let (value, change) = match row {
        Row::Figure(own) => {
            let figure = now.pollutants[own.index()].headline(own);
            let change = yoy.as_ref().and_then(|yoy| yoy.pollutants[own.index()]);
            (number(figure.map(|own| own.published)), percent(change))
        }
        Row::Composite => {
            let change = yoy.as_ref().and_then(|yoy| yoy.composite_pct);
            (number(now.composite.value), percent(change))
        }
        Row::GoodDays => (counted(now, now.days.good), None),
        Row::Ratio => (number(now.days.ratio()), points),
        Row::HeavyDays => (counted(now, now.days.heavy), None),
    };
    match (change, lang) {
        (None, _) => value,
        (Some(change), Lang::Zh) => format!("{value}（{}）", change.cell(lang)),
        (Some(change), Lang::En) => format!("{value} ({})", change.cell(lang)),
    }
}

fn counted(assessment: &Assessment, days: u32) -> String {
    match assessment.days.valid {
        0 => NONE.to_owned(),
        _ => days.to_string(),
    }
}

/// The area's places by both sides.
fn ranks(ranking: &Ranking, lang: Lang) -> Option<String> {
    let excluded = ranking.excluded.as_deref()?;
    let both = |before: &ItemRanking, after: &ItemRanking| {
        let (before, after) = (before.own_place()?, after.own_place()?);
        Some((before.rank, after.rank))
    };
    let (before, after) = both(&excluded.before.level, &excluded.after.level)?;
    let item = rank_item(ranking.main.level.item, lang);
    Some(match lang {
        Lang::Zh => format!("{item}排名：未扣除第{before}，扣除后第{after}。"),
        Lang::En => {
            format!("Rank by {item}: {before} as measured, {after} with the days left out.")
        }
    })
}
