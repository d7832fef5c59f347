//! Dates, names, units and changes in both languages.
//!
//! A change has its kind with it: concentrations and indices change by percent, ratios by percentage points, counts by
//! days. So none can be printed as another.

use chrono::Datelike;
use chrono::NaiveDate;

use crate::adapters::lang::Lang;
use crate::domain::assessment::change::DayDifference;
use crate::domain::assessment::change::Percent;
use crate::domain::assessment::change::Points;
use crate::domain::calendar::Instant;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::calendar::Zone;
use crate::domain::pollutant::Pollutant;
use crate::domain::registry::Names;
use crate::domain::units::Decimal;
use crate::flow::bulletin::Issue;

/// What stands where a figure is missing in a table.
pub(super) const NONE: &str = "—";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn month(day: NaiveDate) -> &'static str {
    MONTHS[day.month0() as usize]
}

/// `2020年6月30日`, `30 June 2020`.
pub(super) fn date(day: NaiveDate, lang: Lang) -> String {
    let (y, m, d) = (day.year(), day.month(), day.day());
    match lang {
        Lang::Zh => format!("{y}年{m}月{d}日"),
        Lang::En => format!("{d} {} {y}", month(day)),
    }
}

/// A run of days, without saying twice what both ends share.
pub(super) fn span(span: Span, lang: Lang) -> String {
    let (from, to) = (span.from, span.to);
    if from == to {
        return date(to, lang);
    }
    let same_year = from.year() == to.year();
    let same_month = same_year && from.month() == to.month();
    match (lang, same_month, same_year) {
        (Lang::Zh, true, _) => format!("{}至{}日", date(from, lang), to.day()),
        (Lang::Zh, _, true) => format!("{}至{}月{}日", date(from, lang), to.month(), to.day()),
        (Lang::Zh, ..) => format!("{}至{}", date(from, lang), date(to, lang)),
        (Lang::En, true, _) => format!("{} to {}", from.day(), date(to, lang)),
        (Lang::En, _, true) => format!("{} {} to {}", from.day(), month(from), date(to, lang)),
        (Lang::En, ..) => format!("{} to {}", date(from, lang), date(to, lang)),
    }
}

/// The period as a bulletin's title names it.
pub(super) fn period(issue: &Issue, lang: Lang) -> String {
    let first = issue.period.span.from;
    let (year, part) = (first.year(), |months: u32| first.month0() / months);
    let pick = |zh: &[&'static str], en: &[&'static str], at: u32| {
        let names = match lang {
            Lang::Zh => zh,
            Lang::En => en,
        };
        names[at as usize]
    };
    let third = pick(
        &["上旬", "中旬", "下旬"],
        &["first ten days", "second ten days", "last days"],
        ((first.day() - 1) / 10).min(2),
    );
    let half = pick(
        &["上半年", "下半年"],
        &["first half", "second half"],
        part(6),
    );
    let quarter = pick(
        &["第一季度", "第二季度", "第三季度", "第四季度"],
        &[
            "first quarter",
            "second quarter",
            "third quarter",
            "fourth quarter",
        ],
        part(3),
    );
    match (issue.kind, lang) {
        (PeriodKind::Xun, Lang::Zh) => format!("{year}年{}月{third}", first.month()),
        (PeriodKind::Xun, Lang::En) => format!("{third} of {} {year}", month(first)),
        (PeriodKind::Month, Lang::Zh) => format!("{year}年{}月", first.month()),
        (PeriodKind::Month, Lang::En) => format!("{} {year}", month(first)),
        (PeriodKind::Quarter, Lang::Zh) => format!("{year}年{quarter}"),
        (PeriodKind::Quarter, Lang::En) => format!("{quarter} of {year}"),
        (PeriodKind::Half, Lang::Zh) => format!("{year}年{half}"),
        (PeriodKind::Half, Lang::En) => format!("{half} of {year}"),
        (PeriodKind::Year, Lang::Zh) => format!("{year}年"),
        (PeriodKind::Year, Lang::En) => format!("the year {year}"),
        _ => date(first, lang),
    }
}

/// What a bulletin of that kind is called.
pub(super) fn kind(kind: PeriodKind, lang: Lang) -> &'static str {
    match kind {
        PeriodKind::Xun => lang.pick("旬报", "ten-day bulletin"),
        PeriodKind::Month => lang.pick("月报", "monthly bulletin"),
        PeriodKind::Quarter => lang.pick("季报", "quarterly bulletin"),
        PeriodKind::Half => lang.pick("半年报", "half-year bulletin"),
        PeriodKind::Year => lang.pick("年报", "annual bulletin"),
        _ => lang.pick("日报", "daily bulletin"),
    }
}

/// A moment with a space between date and clock.
pub(super) fn time(zone: Zone, at: Instant) -> String {
    zone.text(at).replacen('T', " ", 1)
}

/// The name in the language.
pub(super) fn name(names: &Names, lang: Lang) -> &str {
    lang.pick(&names.zh, &names.en)
}

/// A pollutant by name and label.
pub(super) fn pollutant(pollutant: Pollutant, lang: Lang) -> String {
    let (zh, en) = match pollutant {
        Pollutant::Pm25 => ("细颗粒物", "Fine particles"),
        Pollutant::Pm10 => ("可吸入颗粒物", "Inhalable particles"),
        Pollutant::So2 => ("二氧化硫", "Sulphur dioxide"),
        Pollutant::No2 => ("二氧化氮", "Nitrogen dioxide"),
        Pollutant::Co => ("一氧化碳", "Carbon monoxide"),
        Pollutant::O3 => ("臭氧", "Ozone"),
    };
    match lang {
        Lang::Zh => format!("{zh}（{}）", pollutant.label()),
        Lang::En => format!("{en} ({})", pollutant.label()),
    }
}

/// The unit of a pollutant's concentrations.
pub(super) const fn unit(pollutant: Pollutant, lang: Lang) -> &'static str {
    match pollutant {
        Pollutant::Co => lang.pick("毫克/立方米", "mg/m3"),
        _ => lang.pick("微克/立方米", "ug/m3"),
    }
}

/// A concentration with its unit.
pub(super) fn concentration(pollutant: Pollutant, value: Decimal, lang: Lang) -> String {
    let unit = unit(pollutant, lang);
    match lang {
        Lang::Zh => format!("{value}{unit}"),
        Lang::En => format!("{value} {unit}"),
    }
}

/// A number of days.
pub(super) fn days(count: i64, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("{count}天"),
        Lang::En if count == 1 => "1 day".to_owned(),
        Lang::En => format!("{count} days"),
    }
}

/// A change against the same days a year before.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// Of a concentration or an index.
    Percent(Percent),
    /// Of a ratio.
    Points(Points),
    /// Of a count of days.
    Days(DayDifference),
}

impl Change {
    fn sign(self) -> i128 {
        match self {
            Self::Percent(change) => change.number().scaled().signum(),
            Self::Points(change) => change.number().scaled().signum(),
            Self::Days(change) => i128::from(change.number().signum()),
        }
    }

    fn size(self, lang: Lang) -> String {
        let bare = |change: Decimal| change.to_string().trim_start_matches('-').to_owned();
        match self {
            Self::Percent(change) => format!("{}%", bare(change.number())),
            Self::Points(change) => {
                let unit = lang.pick("个百分点", " percentage points");
                format!("{}{unit}", bare(change.number()))
            }
            Self::Days(change) => days(change.number().abs(), lang),
        }
    }

    /// As a part of a sentence.
    pub(super) fn said(self, lang: Lang) -> String {
        let counted = matches!(self, Self::Days(_));
        let (zh, en) = match (self.sign(), counted) {
            (0, _) => return lang.pick("同比持平", "unchanged year on year").to_owned(),
            (1, false) => ("上升", "up"),
            (_, false) => ("下降", "down"),
            (1, true) => ("增加", "up"),
            (_, true) => ("减少", "down"),
        };
        let size = self.size(lang);
        match lang {
            Lang::Zh => format!("同比{zh}{size}"),
            Lang::En => format!("{en} {size} year on year"),
        }
    }

    /// As a cell of a table.
    pub(super) fn cell(self, lang: Lang) -> String {
        let zero = || lang.pick("持平", "unchanged").to_owned();
        let points = |text: String| match self {
            Self::Points(_) => text.replace(" percentage points", " pp"),
            _ => text,
        };
        match self.sign() {
            0 => zero(),
            1 => format!("+{}", points(self.size(lang))),
            _ => format!("-{}", points(self.size(lang))),
        }
    }
}

/// The change as a part of a sentence, or that there is nothing to compare with.
pub(super) fn said(change: Option<Change>, lang: Lang) -> String {
    let none = lang.pick(
        "上年同期无可比数据",
        "no figure of the year before to compare with",
    );
    change.map_or_else(|| none.to_owned(), |change| change.said(lang))
}

/// The change as a cell.
pub(super) fn cell(change: Option<Change>, lang: Lang) -> String {
    change.map_or_else(|| NONE.to_owned(), |change| change.cell(lang))
}

/// A document by its full title; one that is not known here by its code.
pub(super) fn document(code: &str, lang: Lang) -> String {
    let (zh, en) = match code {
        "GB 3095-2012" => ("环境空气质量标准", "Ambient air quality standards"),
        "GB 3095-2026" => ("环境空气质量标准", "Ambient air quality standards"),
        "HJ 633-2012" => (
            "环境空气质量指数（AQI）技术规定（试行）",
            "Technical regulation on ambient air quality index (on trial)",
        ),
        "HJ 633-2026" => (
            "环境空气质量指数（AQI）技术规定",
            "Technical regulation on ambient air quality index",
        ),
        "HJ 663-2013" => (
            "环境空气质量评价技术规范（试行）",
            "Technical regulation for ambient air quality assessment (on trial)",
        ),
        "HJ 663-2026" => (
            "环境空气质量评价技术规范",
            "Technical regulation for ambient air quality assessment",
        ),
        _ => return code.to_owned(),
    };
    match lang {
        Lang::Zh => format!("《{zh}》（{code}）"),
        Lang::En => format!("{en} ({code})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::assessment::DayCounts;
    use crate::domain::units::Exact;

    fn percent(now: i64, before: i64) -> Change {
        let tenths = |value| Exact::ratio(value, 10).round(1);
        Change::Percent(Percent::of(tenths(now), tenths(before)).expect("not from zero"))
    }

    fn points(good: u32, good_before: u32) -> Change {
        let of = |good| DayCounts {
            calendar: 1_000,
            valid: 1_000,
            good,
            heavy: 0,
        };
        Change::Points(Points::of(of(good), of(good_before)).expect("valid days"))
    }

    fn difference(now: u32, before: u32) -> Change {
        Change::Days(DayDifference::of(now, before))
    }

    #[test]
    fn a_change_keeps_its_kind_and_direction() {
        let check = |change: Change, zh: &str, en: &str, cell: &str| {
            assert_eq!(change.said(Lang::Zh), zh);
            assert_eq!(change.said(Lang::En), en);
            assert_eq!(change.cell(Lang::En), cell);
        };
        check(
            percent(407, 486),
            "同比下降16.3%",
            "down 16.3% year on year",
            "-16.3%",
        );
        check(
            points(797, 702),
            "同比上升9.5个百分点",
            "up 9.5 percentage points year on year",
            "+9.5 pp",
        );
        check(
            difference(3, 4),
            "同比减少1天",
            "down 1 day year on year",
            "-1 day",
        );
        check(
            difference(145, 127),
            "同比增加18天",
            "up 18 days year on year",
            "+18 days",
        );
        check(
            percent(10, 10),
            "同比持平",
            "unchanged year on year",
            "unchanged",
        );
    }

    #[test]
    fn a_run_of_days_says_nothing_twice() {
        let check = |from: &str, to: &str, zh: &str, en: &str| {
            let day = |text: &str| text.parse().expect("a test's date");
            let run = Span {
                from: day(from),
                to: day(to),
            };
            assert_eq!(
                (span(run, Lang::Zh), span(run, Lang::En)),
                (zh.to_owned(), en.to_owned())
            );
        };
        check("2020-06-30", "2020-06-30", "2020年6月30日", "30 June 2020");
        check(
            "2020-06-01",
            "2020-06-30",
            "2020年6月1日至30日",
            "1 to 30 June 2020",
        );
        check(
            "2020-01-01",
            "2020-06-30",
            "2020年1月1日至6月30日",
            "1 January to 30 June 2020",
        );
        check(
            "2019-12-31",
            "2020-01-01",
            "2019年12月31日至2020年1月1日",
            "31 December 2019 to 1 January 2020",
        );
    }
}
