//! From the view's texts to what charts take. Pages place these pictures; whoever serves one alone draws it from the
//! same view.

use chrono::Datelike;

use crate::adapters::chart::RuleKind;
use crate::adapters::chart::calendar::CalendarChart;
use crate::adapters::chart::calendar::DayState;
use crate::adapters::chart::calendar::month_name;
use crate::adapters::chart::progress::ProgressChart;
use crate::adapters::chart::progress::ProgressMark;
use crate::adapters::chart::tiers::TiersChart;
use crate::adapters::chart::trend::TrendChart;
use crate::adapters::chart::trend::TrendPoint;
use crate::adapters::chart::trend::TrendRule;
use crate::adapters::chart::trend::TrendStyle;
use crate::adapters::http::page::frame::watermark;
use crate::adapters::http::page::view::Against;
use crate::adapters::http::page::view::AgainstKind;
use crate::adapters::http::page::view::DashboardView;
use crate::adapters::http::page::view::Progress;
use crate::adapters::http::phrases::fill;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;

/// The unit of PM2.5 everywhere on the pages.
pub(in crate::adapters::http) const PM25_UNIT: &str = "µg/m³";

/// Where a printed figure lies; `None` when the text is no finite number.
pub(in crate::adapters::http) fn position(text: &str) -> Option<f64> {
    text.trim()
        .parse()
        .ok()
        .filter(|value: &f64| value.is_finite())
}

/// The name of a limit or target, without its value.
pub(super) fn against_name(against: &Against, lang: Lang) -> String {
    let words = phrases(lang);
    match &against.kind {
        AgainstKind::ClassLimit => words.class_limit.to_owned(),
        AgainstKind::Target { year, expired, .. } => {
            let name = fill(words.target, &[("year", &year.to_string())]);
            match (expired, lang) {
                (false, _) => name,
                (true, Lang::Zh) => format!("{name}（{}）", words.met_expired),
                (true, Lang::En) => format!("{name} ({})", words.met_expired.to_lowercase()),
            }
        }
    }
}

fn rule_kind(against: &Against) -> RuleKind {
    match against.kind {
        AgainstKind::ClassLimit => RuleKind::Limit,
        AgainstKind::Target { .. } => RuleKind::Target,
    }
}

/// A value against its marks. `unit` follows the figure; `sign` (`≤` or `≥`) goes before each mark.
fn progress(
    view: &DashboardView,
    progress: &Progress,
    title: &str,
    unit: &str,
    sign: &str,
) -> ProgressChart {
    let words = phrases(view.lang);
    let text = match &progress.value {
        Some(value) => format!("{value}{unit}"),
        None => words.void.to_owned(),
    };
    let marks = progress.against.iter().filter_map(|against| {
        let name = against_name(against, view.lang);
        Some(ProgressMark {
            kind: rule_kind(against),
            value: position(&against.value)?,
            label: format!("{name} {sign} {}{}", against.value, percent_only(unit)),
        })
    });
    ProgressChart {
        title: title.to_owned(),
        summary: fill(
            words.progress_summary,
            &[
                ("area", &view.area.name),
                ("year", &view.year.to_string()),
                ("value", &text),
            ],
        ),
        value: progress.value.as_deref().and_then(position),
        text,
        bounds: None,
        highest: None,
        marks: marks.collect(),
        empty_note: words.no_data_yet.to_owned(),
        watermark: watermark(view.simulated, view.lang),
        lang: view.lang,
    }
}

/// Mean PM2.5 so far.
pub fn pm25(view: &DashboardView) -> ProgressChart {
    let title = phrases(view.lang).pm25_title;
    progress(view, &view.pm25, title, &format!(" {PM25_UNIT}"), "≤")
}

/// The unit where it is short enough for a mark's label.
fn percent_only(unit: &str) -> &str {
    if unit == "%" { unit } else { "" }
}

/// The good-day ratio, with the bounds its void days leave.
pub fn ratio(view: &DashboardView) -> ProgressChart {
    let bounds = view.ratio.bounds.as_ref();
    let title = phrases(view.lang).ratio_title;
    ProgressChart {
        bounds: bounds.and_then(|(low, high)| Some((position(low)?, position(high)?))),
        highest: Some(100.0),
        ..progress(view, &view.ratio.progress, title, "%", "≥")
    }
}

/// The year of days.
pub fn calendar(view: &DashboardView) -> CalendarChart {
    let words = phrases(view.lang);
    let assessed = view
        .calendar
        .iter()
        .filter(|cell| matches!(cell.state, DayState::Valid { .. }))
        .count();
    CalendarChart {
        year: view.year,
        title: words.calendar_title.to_owned(),
        summary: fill(
            words.calendar_summary,
            &[
                ("area", &view.area.name),
                ("year", &view.year.to_string()),
                ("count", &assessed.to_string()),
            ],
        ),
        days: view.calendar.clone(),
        link: None,
        watermark: watermark(view.simulated, view.lang),
        lang: view.lang,
    }
}

/// PM2.5 by month.
pub fn months(view: &DashboardView) -> TrendChart {
    let points = (1..=12).map(|month| {
        let known = view.months.iter().find(|value| value.month == month);
        let text = known.and_then(|value| value.value.clone());
        TrendPoint {
            name: format!("{}-{month:02}", view.year),
            tick: Some(month_name(month, view.lang)),
            value: text.as_deref().and_then(position),
            text: text.unwrap_or_default(),
        }
    });
    trend(view, TrendStyle::Bars, points.collect())
}

/// PM2.5 by day.
pub fn days(view: &DashboardView) -> TrendChart {
    let first = chrono::NaiveDate::from_ymd_opt(view.year, 1, 1);
    let year = first.into_iter().flat_map(|first| {
        first
            .iter_days()
            .take_while(move |day| day.year() == first.year())
    });
    let mut known = view
        .days
        .iter()
        .filter(|value| value.day.year() == view.year)
        .peekable();
    let points = year.map(|day| {
        while known.peek().is_some_and(|value| value.day < day) {
            known.next();
        }
        let text = known
            .peek()
            .filter(|value| value.day == day)
            .and_then(|value| value.value.clone());
        TrendPoint {
            name: day.to_string(),
            tick: (day.day() == 1).then(|| month_name(day.month(), view.lang)),
            value: text.as_deref().and_then(position),
            text: text.unwrap_or_default(),
        }
    });
    trend(view, TrendStyle::Line, points.collect())
}

fn trend(view: &DashboardView, style: TrendStyle, points: Vec<TrendPoint>) -> TrendChart {
    let words = phrases(view.lang);
    let rules = view.pm25.against.iter().filter_map(|against| {
        let name = against_name(against, view.lang);
        Some(TrendRule {
            kind: rule_kind(against),
            value: position(&against.value)?,
            label: format!("{name} {}", against.value),
        })
    });
    let count = points.iter().filter(|point| point.value.is_some()).count();
    TrendChart {
        title: match style {
            TrendStyle::Bars => words.months_title.to_owned(),
            TrendStyle::Line => words.days_title.to_owned(),
        },
        summary: fill(
            words.trend_summary,
            &[
                ("area", &view.area.name),
                ("year", &view.year.to_string()),
                ("count", &count.to_string()),
            ],
        ),
        name: "PM2.5".to_owned(),
        unit: PM25_UNIT.to_owned(),
        more: Vec::new(),
        fan: None,
        style,
        points,
        rules: rules.collect(),
        empty_note: words.no_data_yet.to_owned(),
        watermark: watermark(view.simulated, view.lang),
        lang: view.lang,
    }
}

/// The spread over the tiers.
pub fn tiers(view: &DashboardView) -> TiersChart {
    let words = phrases(view.lang);
    let total: u64 = view.tiers.counts.iter().map(|(_, n)| u64::from(*n)).sum();
    TiersChart {
        title: words.tiers_title.to_owned(),
        summary: fill(
            words.tiers_summary,
            &[
                ("count", &total.to_string()),
                ("on", &view.tiers.on.to_string()),
            ],
        ),
        counts: view.tiers.counts.clone(),
        empty_note: words.no_data_yet.to_owned(),
        watermark: view.tiers.examples.then(|| words.example.to_owned()),
        lang: view.lang,
    }
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn a_figure_lies_where_its_text_says_and_junk_nowhere() {
        assert_eq!(position("40.7"), Some(40.7));
        assert_eq!(position(" 29 "), Some(29.0));
        for junk in ["", "void", "NaN", "inf", "1,2"] {
            assert_eq!(position(junk), None, "{junk:?}");
        }
    }
}
