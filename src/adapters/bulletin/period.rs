//! The sections of a bulletin of ten days and more, in the order county bulletins have: composite index, PM2.5, ozone,
//! good days, heavy days, runs to date, all pollutants, primary pollutants.

use crate::adapters::bulletin::excluded;
use crate::adapters::bulletin::ranks;
use crate::adapters::bulletin::sheet::Section;
use crate::adapters::bulletin::sheet::Table;
use crate::adapters::bulletin::targets;
use crate::adapters::bulletin::words;
use crate::adapters::bulletin::words::Change;
use crate::adapters::bulletin::words::NONE;
use crate::adapters::lang::Lang;
use crate::adapters::words::shortfall;
use crate::domain::assessment::DayCounts;
use crate::domain::assessment::change::DayDifference;
use crate::domain::assessment::composite::by_percentile;
use crate::domain::calendar::PeriodKind;
use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::registry::Item;
use crate::domain::registry::peer::RankItem;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;
use crate::flow::bulletin::Bulletin;
use crate::flow::bulletin::Headline;
use crate::flow::bulletin::Side;

/// The sections of a period.
pub(super) fn sections(bulletin: &Bulletin, lang: Lang) -> Vec<Section> {
    let mut sections = vec![
        composite(bulletin, lang),
        pm25(bulletin, lang),
        ozone(bulletin, lang),
        good_days(bulletin, lang),
        heavy_days(bulletin, lang),
    ];
    sections.extend(to_date(bulletin, lang));
    sections.push(pollutants(bulletin, lang));
    sections.push(primaries(bulletin, lang));
    sections.extend(excluded::section(bulletin, lang));
    sections
}

/// Parts of a paragraph, set apart by more than a comma.
pub(super) fn stop(parts: Vec<String>, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("{}。", parts.join("；")),
        Lang::En => format!("{}.", parts.join("; ")),
    }
}

/// A whole sentence in the language, from its parts.
pub(super) fn sentence(parts: &[String], lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("{}。", parts.join("，")),
        Lang::En => format!("{}.", parts.join(", ")),
    }
}

fn composite(bulletin: &Bulletin, lang: Lang) -> Section {
    let index = bulletin.composite(&bulletin.side);
    let said = match index.value {
        Some(value) => {
            let named = match lang {
                Lang::Zh => format!("环境空气质量综合指数{value}"),
                Lang::En => format!("Composite index {value}"),
            };
            let change = words::said(index.change.map(Change::Percent), lang);
            sentence(&[named, change], lang)
        }
        None => no_composite(bulletin, lang),
    };
    let mut paragraphs = vec![said];
    paragraphs.extend(ranks::said(bulletin, RankItem::CompositeIndex, lang));
    paragraphs.extend(ranks::unranked(bulletin, lang));
    paragraphs.extend(main_pollutants(bulletin, lang));
    paragraphs.extend(targets::any(bulletin, &[Item::CompositeIndex], lang));
    let heading = lang.pick("环境空气质量综合指数", "Composite index");
    Section::new(heading, paragraphs)
}

fn no_composite(bulletin: &Bulletin, lang: Lang) -> String {
    let short = lacking(bulletin);
    let named: Vec<&str> = short.iter().map(|own| own.label()).collect();
    match (lang, short.is_empty()) {
        (Lang::Zh, true) => "该版本没有综合指数。".to_owned(),
        (Lang::En, true) => "This edition has no composite index.".to_owned(),
        (Lang::Zh, false) => format!("综合指数无法计算：{}有效天数不足。", named.join("、")),
        (Lang::En, false) => format!(
            "No composite index: too few valid days of {}.",
            named.join(", ")
        ),
    }
}

/// The pollutants with the largest single index.
fn main_pollutants(bulletin: &Bulletin, lang: Lang) -> Option<String> {
    let composite = &bulletin.side.now().composite;
    let first = composite.main.first()?;
    let single = composite.singles[first.index()]?;
    let named: Vec<&str> = composite.main.iter().map(|own| own.label()).collect();
    Some(match lang {
        Lang::Zh => format!("主要污染物：{}（单项指数{single}）。", named.join("、")),
        Lang::En => format!(
            "Main pollutant: {} (single index {single}).",
            named.join(", ")
        ),
    })
}

/// Whether the year keeps the limits of class II.
fn attains(bulletin: &Bulletin, lang: Lang) -> Option<String> {
    if bulletin.issue.kind != PeriodKind::Year {
        return None;
    }
    let attainment = bulletin.side.now().attainment.as_ref()?;
    let named = |attain: Option<bool>| {
        let items = attainment.items_that(attain);
        let items: Vec<&str> = items.iter().map(|own| own.label()).collect();
        items.join(lang.pick("、", ", "))
    };
    let (bad, unknown) = (named(Some(false)), named(None));
    Some(match (attainment.attains, lang) {
        (Some(true), Lang::Zh) => "六项污染物均达到二级标准。".to_owned(),
        (Some(true), Lang::En) => "All six pollutants attain class II.".to_owned(),
        (Some(false), Lang::Zh) => format!("未达到二级标准的污染物：{bad}。"),
        (Some(false), Lang::En) => format!("Class II is not attained by {bad}."),
        (None, Lang::Zh) => format!("是否达到二级标准无法判定，缺少：{unknown}。"),
        (None, Lang::En) => {
            format!("Whether class II is attained cannot be told without {unknown}.")
        }
    })
}

/// The pollutants without the figure the period speaks of.
fn lacking(bulletin: &Bulletin) -> Vec<Pollutant> {
    let missing = |own: &Pollutant| bulletin.headline(&bulletin.side, *own).value.is_none();
    Pollutant::ALL.into_iter().filter(missing).collect()
}

/// A pollutant's figure over a run of days as a sentence.
pub(super) fn figure(bulletin: &Bulletin, side: &Side, pollutant: Pollutant, lang: Lang) -> String {
    let headline = bulletin.headline(side, pollutant);
    let named = match (by_percentile(pollutant), lang) {
        (false, Lang::Zh) => format!("{}平均浓度", pollutant.label()),
        (false, Lang::En) => format!("{} mean", pollutant.label()),
        (true, _) => statistic(bulletin, pollutant, lang),
    };
    let Some(value) = headline.value else {
        let have = side.now().pm25.void_reason.as_deref();
        let have = have.filter(|_| pollutant == Pollutant::Pm25);
        let reason = have.map_or_else(
            || lang.pick("有效天数不足", "too few valid days").to_owned(),
            |reason| shortfall(reason, lang),
        );
        return match lang {
            Lang::Zh => format!("{named}无法给出（{reason}）。"),
            Lang::En => format!("{named}: not given ({reason})."),
        };
    };
    let value = words::concentration(pollutant, value, lang);
    let change = words::said(headline.change.map(Change::Percent), lang);
    let before = headline
        .before
        .map(|before| words::concentration(pollutant, before, lang));
    match (lang, before) {
        (Lang::Zh, Some(before)) => format!("{named}{value}，{change}（上年同期{before}）。"),
        (Lang::Zh, None) => format!("{named}{value}，{change}。"),
        (Lang::En, Some(before)) => format!("{named} {value}, {change} (then {before})."),
        (Lang::En, None) => format!("{named} {value}, {change}."),
    }
}

/// The statistic a pollutant is spoken of by.
fn statistic(bulletin: &Bulletin, pollutant: Pollutant, lang: Lang) -> String {
    let label = pollutant.label();
    let Some(percent) = bulletin.edition.percentiles[pollutant.index()] else {
        return lang.pick("平均浓度", "mean").to_owned();
    };
    match (pollutant, lang) {
        (Pollutant::O3, Lang::Zh) => format!("{label}日最大8小时平均第{percent}百分位数浓度"),
        (Pollutant::O3, Lang::En) => {
            format!("{percent}th percentile of {label} daily maximum 8-hour means")
        }
        (Pollutant::Co, Lang::Zh) => format!("{label}日均值第{percent}百分位数浓度"),
        (Pollutant::Co, Lang::En) => format!("{percent}th percentile of {label} daily means"),
        (_, _) => lang.pick("平均浓度", "mean").to_owned(),
    }
}

fn pm25(bulletin: &Bulletin, lang: Lang) -> Section {
    let own = Pollutant::Pm25;
    let mut paragraphs = vec![figure(bulletin, &bulletin.side, own, lang)];
    paragraphs.extend(ranks::said(bulletin, RankItem::Pm25Mean, lang));
    paragraphs.extend(targets::said(bulletin, &[Item::Pm25Mean], lang));
    Section::new(words::pollutant(own, lang), paragraphs)
}

fn ozone(bulletin: &Bulletin, lang: Lang) -> Section {
    let own = Pollutant::O3;
    let mut paragraphs = vec![figure(bulletin, &bulletin.side, own, lang)];
    paragraphs.extend(targets::any(bulletin, &[Item::O3P90], lang));
    Section::new(words::pollutant(own, lang), paragraphs)
}

/// The change of the good-day ratio in points, from published ratios.
pub(super) fn ratio_change(side: &Side) -> Option<Change> {
    let yoy = side.report.yoy.as_ref()?;
    let points = yoy.good_day_ratio_pp?;
    Some(Change::Points(points))
}

/// Good days and their ratio as a sentence.
pub(super) fn good_days_said(side: &Side, lang: Lang) -> String {
    let days = side.now().days;
    let Some(ratio) = days.ratio() else {
        return lang
            .pick(
                "没有一天有AQI，优良天数无法统计。",
                "No day has an AQI, so good days cannot be counted.",
            )
            .to_owned();
    };
    let good = words::days(i64::from(days.good), lang);
    let change = words::said(ratio_change(side), lang);
    match lang {
        Lang::Zh => format!("优良天数{good}，优良天数比率{ratio}%，{change}。"),
        Lang::En => format!(
            "Good days {}, good-day ratio {ratio}%, {change}.",
            days.good
        ),
    }
}

fn good_days(bulletin: &Bulletin, lang: Lang) -> Section {
    let days = bulletin.side.now().days;
    let mut paragraphs = vec![good_days_said(&bulletin.side, lang)];
    paragraphs.extend(bounds(days, lang));
    paragraphs.extend(ranks::said(bulletin, RankItem::GoodDayRatio, lang));
    let items = [Item::GoodDayRatio, Item::GoodDays];
    paragraphs.extend(targets::said(bulletin, &items, lang));
    Section::new(
        lang.pick("优良天数与优良天数比率", "Good days and good-day ratio"),
        paragraphs,
    )
}

/// What the ratio would be if the void days had been all bad or all good.
fn bounds(days: DayCounts, lang: Lang) -> Option<String> {
    if days.void() == 0 || days.valid == 0 {
        return None;
    }
    let (low, high) = (days.ratio_if_voids_bad()?, days.ratio_if_voids_good()?);
    let void = words::days(i64::from(days.void()), lang);
    Some(match lang {
        Lang::Zh => format!("无效{void}不计入；若全为污染天为{low}%，若全为优良天为{high}%。"),
        Lang::En => format!(
            "{void} void are not counted; the ratio would be {low}% were they all bad, {high}% all good."
        ),
    })
}

/// The change of a count of days; none without a valid day in either year.
fn count_change(side: &Side, count: impl Fn(DayCounts) -> u32) -> Option<Change> {
    let (now, before) = (side.now().days, side.before.as_ref()?.days);
    let both = now.valid > 0 && before.valid > 0;
    both.then(|| Change::Days(DayDifference::of(count(now), count(before))))
}

fn heavy_days(bulletin: &Bulletin, lang: Lang) -> Section {
    let days = bulletin.side.now().days;
    let heading = lang.pick("重度及以上污染天数", "Heavily polluted days");
    if days.valid == 0 {
        let said = lang.pick(
            "没有一天有AQI，重度及以上污染天数无法统计。",
            "No day has an AQI, so heavily polluted days cannot be counted.",
        );
        return Section::new(heading, vec![said.to_owned()]);
    }
    let change = words::said(count_change(&bulletin.side, |days| days.heavy), lang);
    let said = match lang {
        Lang::Zh => format!("重度及以上污染{}天，{change}。", days.heavy),
        Lang::En => format!("Days with an AQI above 200: {}, {change}.", days.heavy),
    };
    let mut paragraphs = vec![said];
    paragraphs.extend(targets::said(bulletin, &[Item::HeavyDays], lang));
    Section::new(heading, paragraphs)
}

/// The runs from the first of the month and of the year, side by side.
fn to_date(bulletin: &Bulletin, lang: Lang) -> Option<Section> {
    let month = bulletin.month_to_date.as_ref();
    let runs: Vec<&Side> = month.into_iter().chain(&bulletin.year_to_date).collect();
    if runs.is_empty() {
        return None;
    }
    let mut table = Table::new(&[lang.pick("指标", "figure")]);
    let mut spans = Vec::new();
    for run in &runs {
        let named = run_name(bulletin, run, lang);
        let days = words::span(run.now().period.span, lang);
        spans.push(match lang {
            Lang::Zh => format!("{named}：{days}"),
            Lang::En => format!("{named}: {days}"),
        });
        table.columns.push(named.to_owned());
        table.columns.push(lang.pick("同比", "change").to_owned());
    }
    table.rows = RUN_ROWS
        .iter()
        .map(|row| run_row(bulletin, *row, &runs, lang))
        .collect();
    let heading = lang.pick("累计情况", "Month and year to date");
    Some(Section::new(heading, vec![stop(spans, lang)]).with(table))
}

/// A row of the runs to date.
#[derive(Clone, Copy)]
enum RunRow {
    Figure(Pollutant),
    GoodDays,
    Ratio,
    HeavyDays,
    Composite,
}

/// The rows in their order.
const RUN_ROWS: [RunRow; 6] = [
    RunRow::Figure(Pollutant::Pm25),
    RunRow::Figure(Pollutant::O3),
    RunRow::GoodDays,
    RunRow::Ratio,
    RunRow::HeavyDays,
    RunRow::Composite,
];

fn run_row(bulletin: &Bulletin, row: RunRow, runs: &[&Side], lang: Lang) -> Vec<String> {
    let name = match row {
        RunRow::Figure(own) => format!(
            "{}{}",
            short_statistic(bulletin, own, lang),
            in_brackets(words::unit(own, lang), lang)
        ),
        RunRow::GoodDays => lang.pick("优良天数（天）", "good days").to_owned(),
        RunRow::Ratio => lang
            .pick("优良天数比率（%）", "good-day ratio (%)")
            .to_owned(),
        RunRow::HeavyDays => lang
            .pick("重度及以上污染（天）", "heavily polluted days")
            .to_owned(),
        RunRow::Composite => lang.pick("综合指数", "composite index").to_owned(),
    };
    let headline = |found: Headline| (number(found.value), found.change.map(Change::Percent));
    let cells = |side: &&Side| {
        let (value, change) = match row {
            RunRow::Figure(own) => headline(bulletin.headline(side, own)),
            RunRow::Composite => headline(bulletin.composite(side)),
            RunRow::Ratio => (number(side.now().days.ratio()), ratio_change(side)),
            RunRow::GoodDays => (
                count(side, |days| days.good),
                count_change(side, |days| days.good),
            ),
            RunRow::HeavyDays => (
                count(side, |days| days.heavy),
                count_change(side, |days| days.heavy),
            ),
        };
        [value, words::cell(change, lang)]
    };
    std::iter::once(name)
        .chain(runs.iter().flat_map(cells))
        .collect()
}

/// Whether the run began with the month or with the year.
pub(super) fn run_name(bulletin: &Bulletin, run: &Side, lang: Lang) -> &'static str {
    let month = bulletin.month_to_date.as_ref();
    if month.is_some_and(|month| std::ptr::eq(month, run)) {
        return lang.pick("本月以来", "Month to date");
    }
    lang.pick("今年以来", "Year to date")
}

fn in_brackets(text: &str, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("（{text}）"),
        Lang::En => format!(" ({text})"),
    }
}

/// A figure, or that there is none.
pub(super) fn number(value: Option<Decimal>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

fn count(side: &Side, count: impl Fn(DayCounts) -> u32) -> String {
    let days = side.now().days;
    match days.valid {
        0 => NONE.to_owned(),
        _ => count(days).to_string(),
    }
}

/// Label and statistic, short enough for a table.
pub(super) fn short_statistic(bulletin: &Bulletin, pollutant: Pollutant, lang: Lang) -> String {
    match (pollutant, bulletin.edition.percentiles[pollutant.index()]) {
        (Pollutant::O3, Some(percent)) => format!("O3-8h P{percent}"),
        (Pollutant::Co, Some(percent)) => format!("CO P{percent}"),
        (own, _) => format!("{} {}", own.label(), lang.pick("平均", "mean")),
    }
}

/// The yearly limit of a mean, the daily one of a percentile.
fn limit(bulletin: &Bulletin, pollutant: Pollutant) -> Option<Decimal> {
    let averaging = match pollutant {
        Pollutant::Co => Averaging::Hour24,
        Pollutant::O3 => Averaging::Hour8,
        _ => Averaging::Annual,
    };
    let limit = bulletin.edition.class_2(pollutant, averaging)?;
    Some(Exact::amount(limit).round(bulletin.edition.decimals[pollutant.index()]))
}

fn pollutants(bulletin: &Bulletin, lang: Lang) -> Section {
    let mut table = Table::new(&match lang {
        Lang::Zh => [
            "污染物",
            "浓度",
            "上年同期",
            "同比",
            "二级限值",
            "单项指数",
            "有效天数",
        ],
        Lang::En => [
            "pollutant",
            "now",
            "year before",
            "change",
            "class II",
            "single",
            "valid days",
        ],
    });
    for pollutant in Pollutant::ALL {
        let found = bulletin.headline(&bulletin.side, pollutant);
        table.rows.push(vec![
            short_statistic(bulletin, pollutant, lang),
            number(found.value),
            number(found.before),
            words::cell(found.change.map(Change::Percent), lang),
            number(limit(bulletin, pollutant)),
            number(bulletin.side.now().composite.singles[pollutant.index()]),
            bulletin.valid_days(pollutant).to_string(),
        ]);
    }
    let said = lang.pick(
        "单位：微克/立方米，CO为毫克/立方米。限值：平均浓度对应年均限值，CO对应24小时、O3对应8小时限值；单项指数为浓度与限值之比。",
        "In ug/m3, CO in mg/m3. Limits: of the year for means, of 24 hours for CO, of 8 hours for O3. \
         Single: index of the pollutant, its figure over the limit.",
    );
    let mut paragraphs = targets::any(bulletin, &[Item::Pm10Mean], lang);
    paragraphs.extend(attains(bulletin, lang));
    paragraphs.push(said.to_owned());
    let heading = lang.pick("各项污染物", "All pollutants");
    Section::new(heading, paragraphs).with(table)
}

fn primaries(bulletin: &Bulletin, lang: Lang) -> Section {
    let days = bulletin.side.now().days;
    let bad = days.valid - days.good;
    let counts = bulletin.bad_day_primaries();
    let named: Vec<String> = counts
        .iter()
        .map(|(pollutant, count)| match lang {
            Lang::Zh => format!("{} {count}天", pollutant.label()),
            Lang::En => format!(
                "{} on {}",
                pollutant.label(),
                words::days(*count as i64, lang)
            ),
        })
        .collect();
    let said = match (days.valid, bad, lang) {
        (0, ..) => lang
            .pick("没有一天有AQI。", "No day has an AQI.")
            .to_owned(),
        (_, 0, _) => lang
            .pick("没有一天的AQI超过100。", "No day had an AQI above 100.")
            .to_owned(),
        (_, _, Lang::Zh) => format!(
            "AQI超过100的共{bad}天，首要污染物：{}（并列时分别计数）。",
            named.join("、")
        ),
        (_, _, Lang::En) => format!(
            "AQI above 100 on {}; primary pollutants: {} (each counted where several tie).",
            words::days(i64::from(bad), lang),
            named.join(", ")
        ),
    };
    let heading = lang.pick("污染天的首要污染物", "Primary pollutants of bad days");
    Section::new(heading, vec![said])
}
