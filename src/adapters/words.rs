//! Reasons and units of the core, in the language of the page.

use chrono::NaiveDate;

use crate::adapters::lang::Lang;
use crate::domain::exclusion::Exclusion;
use crate::domain::exclusion::Statistic;
use crate::domain::pollutant::Pollutant;
use crate::domain::presence::Cause;
use crate::domain::projection::Spread;
use crate::domain::registry::Item;
use crate::domain::registry::peer::RankItem;
use crate::domain::retention::Kind;
use crate::domain::retention::Stays;
use crate::domain::target::Gap;
use crate::domain::target::Standing;
use crate::flow::gaps::Void;
use crate::flow::ranking::RankGap;

/// Why a day is void, from the reasons the core joins by `|`.
pub fn void_day(reasons: &str, lang: Lang) -> String {
    let part = |reason: &str| {
        let words: Vec<&str> = reason.split(' ').collect();
        let [key, what, share] = words[..] else {
            return match reason {
                "no station" => lang.pick("当日无站点", "no station on this day").to_owned(),
                other => other.to_owned(),
            };
        };
        let label = Pollutant::from_key(key)
            .map(Pollutant::label)
            .unwrap_or(key);
        let what = match what {
            "hours" => lang.pick("有效小时", "valid hours"),
            "windows" => lang.pick("有效 8 小时滑动均值", "valid 8 h windows"),
            "stations" => lang.pick("有效站点", "valid stations"),
            other => other,
        };
        format!("{label} {what} {share}")
    };
    let parts: Vec<String> = reasons.split('|').map(part).collect();
    parts.join(lang.pick("；", "; "))
}

/// Why a reading is missing.
pub const fn cause(cause: Cause, lang: Lang) -> &'static str {
    match cause {
        Cause::Retention => lang.pick("已按保留期限清除", "removed by age"),
        Cause::NotRecorded => lang.pick("当时无运行记录", "no record kept then"),
        Cause::DaemonDown => lang.pick("本程序未运行", "daemon down"),
        Cause::BrokerDown => lang.pick("消息代理中断", "broker down"),
        Cause::StationOffline => lang.pick("站点离线", "station offline"),
        Cause::StationSilent => lang.pick("站点静默", "station silent"),
    }
}

/// What can be removed by age.
pub const fn kept_kind(kind: Kind, lang: Lang) -> &'static str {
    match kind {
        Kind::Fine => lang.pick("小时以下数据", "readings finer than an hour"),
        Kind::Hourly => lang.pick("不参与评价的小时数据", "hourly readings outside figures"),
        Kind::Revisions => lang.pick("被更正的旧值", "replaced values"),
        Kind::DeadLetters => lang.pick("无法使用的报文", "dead letters"),
    }
}

/// Why readings that are old enough stay.
pub const fn stays(stays: Stays, lang: Lang) -> &'static str {
    match stays {
        Stays::Hours => lang.pick("小时值依赖于此", "their hours rest on them"),
        Stays::Reviewed => lang.pick("经人工审核", "reviewed"),
        Stays::Deleted => lang.pick(
            "含按令剔除的原始记录",
            "hold the record of what was deleted",
        ),
        Stays::Newest => lang.pick("该序列最新数据", "newest of their series"),
        Stays::Waiting => lang.pick("尚未归并", "not merged yet"),
    }
}

/// Heads of the columns of a removal by age.
pub fn retention_column(column: &'static str, lang: Lang) -> &'static str {
    let zh = match column {
        "kind" => "类别",
        "days" => "保留天数",
        "upto" => "截至",
        "removed" => "清除数",
        "stays" => "保留不清除",
        _ => column,
    };
    lang.pick(zh, column)
}

/// Why there are no figures of a station's reports.
pub const fn no_reports(void: Void, lang: Lang) -> &'static str {
    match void {
        Void::NeverReported => lang.pick("该站从未上报", void.reason()),
        Void::NoInterval => lang.pick("上报间隔未登记，数据中亦无法判定", void.reason()),
    }
}

/// Heads of the columns of gaps and of completeness; others stand as they are.
pub fn gap_column(column: &'static str, lang: Lang) -> &'static str {
    let zh = match column {
        "station" => "站点",
        "from" => "起",
        "to" => "止",
        "interval_s" => "间隔（秒）",
        "missing" => "缺测数",
        "cause" => "原因",
        "date" => "日期",
        "expected" => "应报",
        "reported" => "实报",
        "completeness" => "完整率（%）",
        "void_reason" => "无结果原因",
        _ => column,
    };
    lang.pick(zh, column)
}

/// Why a period's statistic is short of data.
pub fn shortfall(reason: &str, lang: Lang) -> String {
    if lang == Lang::En {
        return reason.to_owned();
    }
    if reason == "no valid day" {
        return "无有效天".to_owned();
    }
    let (month, days) = reason
        .split_once(": ")
        .map_or(("", reason), |(month, days)| (month, days));
    match days.trim_end_matches(" days").split_once(" of ") {
        Some((have, need)) => format!("{month} 有效天数 {have}，需 {need}")
            .trim()
            .to_owned(),
        None => reason.to_owned(),
    }
}

/// One language's side of a text kept as `Chinese / English`; a text without two sides is shown whole.
pub fn side(text: &str, lang: Lang) -> String {
    match text.split_once(" / ") {
        Some((zh, en)) => lang.pick(zh, en).to_owned(),
        None => text.to_owned(),
    }
}

/// The name of an AQI level, 1 to 6 (HJ 633, Table 2).
pub fn level(level: u8, lang: Lang) -> &'static str {
    let (zh, en) = match level {
        1 => ("一级 优", "1 excellent"),
        2 => ("二级 良", "2 good"),
        3 => ("三级 轻度污染", "3 lightly polluted"),
        4 => ("四级 中度污染", "4 moderately polluted"),
        5 => ("五级 重度污染", "5 heavily polluted"),
        _ => ("六级 严重污染", "6 severely polluted"),
    };
    lang.pick(zh, en)
}

/// The unit of an item's figures.
pub fn unit(item: Item, lang: Lang) -> &'static str {
    match item {
        Item::Pm25Mean | Item::Pm10Mean | Item::O3P90 => "ug/m3",
        Item::CompositeIndex => "",
        Item::GoodDayRatio => "%",
        Item::GoodDays | Item::HeavyDays => lang.pick("天", "days"),
    }
}

/// The name of an item.
pub fn item(item: Item, lang: Lang) -> &'static str {
    match item {
        Item::Pm25Mean => lang.pick("PM2.5 均值", "PM2.5 mean"),
        Item::GoodDayRatio => lang.pick("优良天数比例", "good-day ratio"),
        Item::GoodDays => lang.pick("优良天数", "good days"),
        Item::HeavyDays => lang.pick("重度及以上污染天数", "heavy days"),
        Item::Pm10Mean => lang.pick("PM10 均值", "PM10 mean"),
        Item::O3P90 => lang.pick("臭氧第 90 百分位数", "ozone, 90th percentile"),
        Item::CompositeIndex => lang.pick("综合指数", "composite index"),
    }
}

/// A reason for leaving days out, by its key.
pub fn reason(key: &str, lang: Lang) -> &str {
    match key {
        "dust" => lang.pick("沙尘天气", "dust"),
        "exceptional" => lang.pick("例外事件", "exceptional event"),
        other => other,
    }
}

/// A statistic that days are left out of.
pub fn statistic(statistic: Statistic, lang: Lang) -> &'static str {
    match statistic {
        Statistic::Mean => lang.pick("均值", "means"),
        Statistic::Percentile => lang.pick("百分位数", "percentiles"),
        Statistic::Composite => lang.pick("综合指数", "composite index"),
        Statistic::Ranking => lang.pick("排名", "ranks"),
        Statistic::GoodDays => lang.pick("优良天数", "good days"),
    }
}

/// A decision to leave days out: its days, what of them, out of which statistics, by which document.
pub fn exclusion(exclusion: &Exclusion, days: &[NaiveDate], lang: Lang) -> String {
    let join = |parts: Vec<&str>| parts.join(lang.pick("、", ", "));
    let pollutants = join(exclusion.pollutants.iter().map(|own| own.label()).collect());
    let statistics = exclusion.statistics.iter();
    let statistics = join(statistics.map(|own| statistic(*own, lang)).collect());
    let next = |a: &NaiveDate, b: &NaiveDate| a.succ_opt() == Some(*b);
    let run = |run: &[NaiveDate]| match run {
        [day] => day.to_string(),
        _ => format!(
            "{}{}{}",
            run[0],
            lang.pick("至", " to "),
            run[run.len() - 1]
        ),
    };
    let runs: Vec<String> = days.chunk_by(next).map(run).collect();
    let runs = join(runs.iter().map(String::as_str).collect());
    let (reason, id) = (reason(&exclusion.reason, lang), &exclusion.id);
    let document = side(&exclusion.document, lang);
    let decided = exclusion.decided_on;
    match lang {
        Lang::Zh => format!(
            "{id}（{reason}）：{runs}，{pollutants}不计入{statistics}；依据：{document}，{decided}决定"
        ),
        Lang::En => format!(
            "{id} ({reason}): {runs}, {pollutants} left out of {statistics}; by: {document}, decided {decided}"
        ),
    }
}

/// What stands above and below when figures are given by both sides of exclusions, the main ones above.
pub fn sides(deducted: bool, lang: Lang) -> (&'static str, &'static str) {
    match deducted {
        true => (
            lang.pick("以上已扣除例外日：", "above: excluded days left out:"),
            lang.pick("以下未扣除：", "below: every day as measured:"),
        ),
        false => (
            lang.pick(
                "以上未扣除例外日；例外日：",
                "above: every day as measured; excluded days:",
            ),
            lang.pick("以下已扣除：", "below: excluded days left out:"),
        ),
    }
}

/// What areas are ranked by.
pub fn rank_item(item: RankItem, lang: Lang) -> &'static str {
    match item {
        RankItem::CompositeIndex => lang.pick("综合指数", "composite index"),
        RankItem::CompositeChangePct => {
            lang.pick("综合指数同比变幅", "change of the composite index")
        }
        RankItem::Pm25Mean => lang.pick("PM2.5 均值", "PM2.5 mean"),
        RankItem::Pm25ChangePct => lang.pick("PM2.5 均值同比变幅", "change of the PM2.5 mean"),
        RankItem::Pm10Mean => lang.pick("PM10 均值", "PM10 mean"),
        RankItem::So2Mean => lang.pick("SO2 均值", "SO2 mean"),
        RankItem::No2Mean => lang.pick("NO2 均值", "NO2 mean"),
        RankItem::CoP95 => lang.pick("CO 第 95 百分位数", "CO, 95th percentile"),
        RankItem::O3P90 => lang.pick("臭氧第 90 百分位数", "ozone, 90th percentile"),
        RankItem::GoodDayRatio => lang.pick("优良天数比例", "good-day ratio"),
        RankItem::GoodDayRatioChangePp => {
            lang.pick("优良天数比例同比变幅", "change of the good-day ratio")
        }
        RankItem::GoodDays => lang.pick("优良天数", "good days"),
        RankItem::HeavyDays => lang.pick("重度及以上污染天数", "heavy days"),
    }
}

/// Why an area has no rank.
pub fn rank_gap(gap: &RankGap, lang: Lang) -> String {
    match gap {
        RankGap::NoFigure(item) => {
            let item = rank_item(*item, lang);
            match lang {
                Lang::Zh => format!("本地区没有{item}"),
                Lang::En => format!("the area has no {item} of its own"),
            }
        }
        RankGap::NoPeers {
            item,
            period,
            edition,
            others,
        } => {
            let item = rank_item(*item, lang);
            let none = match lang {
                Lang::Zh => format!("未登记其他地区 {period} 版本 {edition} 的{item}"),
                Lang::En => format!(
                    "no other area's {item} of {period} under edition {edition} is registered"
                ),
            };
            match (others.as_slice(), lang) {
                ([], _) => none,
                (others, Lang::Zh) => format!("{none}；有版本 {} 的", others.join("、")),
                (others, Lang::En) => format!("{none}; there are some under {}", others.join(", ")),
            }
        }
    }
}

/// Why a figure of a target is missing.
pub fn gap(gap: &Gap, lang: Lang) -> String {
    if lang == Lang::En {
        return gap.to_string();
    }
    match gap {
        Gap::Data(reason) if reason == "too few valid days" => "有效天数不足".to_owned(),
        Gap::Data(reason) => shortfall(reason, lang),
        Gap::UnknownEdition(id) => format!("没有标准版本 {id}"),
        Gap::YearOver => "该年度已结束".to_owned(),
        Gap::NotBegun => "该年度尚未开始".to_owned(),
        Gap::OutOfReach => "已无法达到：现有各天已超出目标".to_owned(),
        Gap::RoundingOnly => "现有各天已超出目标值，修约后仍可达到".to_owned(),
        Gap::NoPastYear { need } => format!("没有有效天数达到 {need} 天的往年"),
        Gap::NotDrawn => "往年同期没有此项统计值".to_owned(),
        Gap::NotOfEdition => "该标准版本没有此项统计值".to_owned(),
    }
}

/// What the rest of the year must be for a target to be met, and what it may bring: a sentence a line.
pub fn pacing(standing: &Standing, lang: Lang) -> Vec<String> {
    let left = standing.days_left;
    let own_unit = unit(standing.item, lang);
    let mut lines = Vec::new();
    if let Some(control) = standing.remaining_days_control {
        lines.push(match lang {
            Lang::Zh => format!("剩余 {left} 天均值需控制在 {control} {own_unit} 以内"),
            Lang::En => format!("the {left} days left may average {control} {own_unit}"),
        });
    }
    if let Some((short, bad)) = standing.days_short.zip(standing.bad_days_left) {
        lines.push(match lang {
            Lang::Zh => format!("距年目标值差 {short} 天"),
            Lang::En => format!("{short} good days short of the target"),
        });
        if bad >= 0 {
            lines.push(match lang {
                Lang::Zh => format!("剩余 {left} 天中超标天数需控制在 {bad} 天内"),
                Lang::En => format!("of the {left} days left {bad} may be bad"),
            });
        }
    }
    match (standing.heavy_days_left, lang) {
        (None, _) => {}
        (Some(over @ ..0), Lang::Zh) => lines.push(format!("已超出控制目标 {} 天", -over)),
        (Some(over @ ..0), Lang::En) => lines.push(format!("{} heavy days too many", -over)),
        (Some(heavy), Lang::Zh) => lines.push(format!("剩余天数需控制在 {heavy} 天内")),
        (Some(heavy), Lang::En) => lines.push(format!("{heavy} heavy days may still come")),
    }
    if standing.reachable == Some(false) {
        lines.push(lang.pick("已无法达到", "out of reach").to_owned());
    }
    if let Some(outlook) = &standing.outlook {
        let Spread { p10, p50, p90 } = outlook.spread;
        let (p10, p50, p90) = (p10.trimmed(), p50.trimmed(), p90.trimmed());
        let chance = outlook.chance;
        lines.push(match lang {
            Lang::Zh => format!("年末预测 {p50}（{p10} 至 {p90}），达标概率 {chance} %"),
            Lang::En => format!("year's end {p50} ({p10} to {p90}), chance {chance} %"),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_in_both_languages() {
        let reasons = "pm25 hours 18/20|o3 windows 12/14";
        assert_eq!(
            void_day(reasons, Lang::Zh),
            "PM2.5 有效小时 18/20；O3 有效 8 小时滑动均值 12/14"
        );
        assert_eq!(
            void_day(reasons, Lang::En),
            "PM2.5 valid hours 18/20; O3 valid 8 h windows 12/14"
        );
        assert_eq!(shortfall("58 of 324 days", Lang::Zh), "有效天数 58，需 324");
        assert_eq!(
            shortfall("2014-12: 15 of 27 days", Lang::Zh),
            "2014-12 有效天数 15，需 27"
        );
    }
}
