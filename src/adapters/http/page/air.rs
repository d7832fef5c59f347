//! The air sections: figures against limits and targets, the newest day, the calendar, the trend.

use maud::Markup;
use maud::PreEscaped;
use maud::html;

use crate::adapters::chart::Size;
use crate::adapters::chart::calendar as calendar_chart;
use crate::adapters::chart::calendar::DayState;
use crate::adapters::chart::calendar::month_name;
use crate::adapters::chart::palette::AqiLevel;
use crate::adapters::chart::progress as progress_chart;
use crate::adapters::chart::progress::ProgressChart;
use crate::adapters::chart::trend as trend_chart;
use crate::adapters::http::page::frame::basis_short;
use crate::adapters::http::page::frame::both;
use crate::adapters::http::page::frame::simulated_chip;
use crate::adapters::http::page::frame::watermark;
use crate::adapters::http::page::pictures;
use crate::adapters::http::page::pictures::PM25_UNIT;
use crate::adapters::http::page::view::Against;
use crate::adapters::http::page::view::AgainstKind;
use crate::adapters::http::page::view::DashboardView;
use crate::adapters::http::page::view::Progress;
use crate::adapters::http::page::view::PublishHint;
use crate::adapters::http::page::view::Ratio;
use crate::adapters::http::phrases::fill;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;

/// What to do when nothing has come in: a command line to copy.
pub(super) fn nothing_yet(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    let hint = &view.publish;
    let command = command(hint);
    html! {
        section.card.empty {
            p { strong { (words.empty_air) } }
            p { (words.empty_send) }
            pre tabindex="0" { code { (command) } }
        }
    }
}

/// The command line that sends a reading.
pub(super) fn command(hint: &PublishHint) -> String {
    let payload = format!(
        "{{\"time\":\"{}\",\"interval_s\":3600,\"values\":{{\"pm25\":40.7}}}}",
        hint.time
    );
    format!(
        "mosquitto_pub -h {} -p {} -q 1 -t '{}' -m '{payload}'",
        hint.host, hint.port, hint.topic
    )
}

/// Good, heavy and void days in words.
pub(super) fn day_counts(ratio: &Ratio, lang: Lang) -> String {
    let counts = [
        ("good", ratio.good_days.to_string()),
        ("heavy", ratio.heavy_days.to_string()),
        ("void", ratio.void_days.to_string()),
    ];
    let counts: Vec<(&str, &str)> = counts.iter().map(|(k, v)| (*k, v.as_str())).collect();
    fill(phrases(lang).day_counts, &counts)
}

/// Mean PM2.5 so far.
pub(super) fn pm25(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    html! {
        article.card data-watermark=[watermark(view.simulated, view.lang)] {
            h2 { (words.pm25_title) (simulated_chip(view.simulated, view.lang)) }
            (figure(&view.pm25, PM25_UNIT, view.lang))
            (picture(pictures::pm25(view)))
            (against(&view.pm25, "≤", PM25_UNIT, view.lang))
            (counted(&view.pm25, view.lang))
            (excluded(&view.pm25))
            (basis_short(&view.basis, view.lang))
        }
    }
}

/// Good-day ratio so far.
pub(super) fn ratio(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    let ratio = &view.ratio;
    html! {
        article.card data-watermark=[watermark(view.simulated, view.lang)] {
            h2 { (words.ratio_title) (simulated_chip(view.simulated, view.lang)) }
            (figure(&ratio.progress, "%", view.lang))
            (picture(pictures::ratio(view)))
            (against(&ratio.progress, "≥", "%", view.lang))
            p.meta { (day_counts(ratio, view.lang)) }
            @if let Some((low, high)) = &ratio.bounds {
                p.meta { (fill(words.bounds, &[("low", low), ("high", high)])) }
            }
            (counted(&ratio.progress, view.lang))
            (excluded(&ratio.progress))
            (basis_short(&view.basis, view.lang))
        }
    }
}

/// A small picture inside a card. The card carries the watermark, which would cover the picture's labels.
fn picture(chart: ProgressChart) -> Markup {
    let chart = ProgressChart {
        watermark: None,
        ..chart
    };
    html! {
        @if chart.value.is_some() {
            div.chart { (PreEscaped(progress_chart::render(&chart, Size::Narrow))) }
        }
    }
}

/// A figure with its unit, or why it is void.
pub(super) fn figure(progress: &Progress, unit: &str, lang: Lang) -> Markup {
    let words = phrases(lang);
    html! {
        p.figure {
            @match &progress.value {
                Some(value) => { strong { (value) } (gap(unit)) span.unit { (unit) } }
                None => {
                    strong.void { (words.void) }
                    @if let Some(reason) = &progress.void_reason { " " span.unit { (reason) } }
                }
            }
        }
    }
}

/// What a figure is measured against, with verdicts.
pub(super) fn against(progress: &Progress, sign: &str, unit: &str, lang: Lang) -> Markup {
    let words = phrases(lang);
    html! {
        @if progress.against.is_empty() { p.meta { (words.no_target) } }
        ul.against {
            @for against in &progress.against {
                li {
                    span.what {
                        (pictures::against_name(against, lang)) " "
                        b { (sign) " " (against.value) (gap(unit)) (unit) }
                    }
                    (verdict(against, lang))
                    @if let AgainstKind::Target { id, issuer, document, expired, pacing, .. } = &against.kind {
                        small title=(id) {
                            (fill(words.target_source, &[("issuer", issuer), ("document", document)]))
                            @if *expired { br; em { (words.target_expired) } }
                            @for line in pacing { br; (line) }
                        }
                    }
                }
            }
        }
    }
}

/// What stands between a figure and its unit.
fn gap(unit: &str) -> &'static str {
    if unit == "%" { "" } else { " " }
}

fn verdict(against: &Against, lang: Lang) -> Markup {
    let words = phrases(lang);
    html! {
        @match against.met {
            Some(true) => { span.chip.met { "✓ " (words.met) } }
            Some(false) => { span.chip.missed { "× " (words.not_met) } }
            None => { span.chip { (words.met_unknown) } }
        }
    }
}

/// Both sides of the exclusions.
fn excluded(progress: &Progress) -> Markup {
    html! {
        @for line in &progress.excluded { p.meta { (line) } }
    }
}

/// Valid days and the change against the year before.
pub(super) fn counted(progress: &Progress, lang: Lang) -> Markup {
    let words = phrases(lang);
    let (valid, all) = (
        progress.valid_days.to_string(),
        progress.calendar_days.to_string(),
    );
    html! {
        p.meta {
            span { (fill(words.valid_of, &[("valid", &valid), ("all", &all)])) }
            " · "
            span { (words.yoy) " " (progress.yoy.as_deref().unwrap_or(words.yoy_none)) }
        }
    }
}

/// An index with its level, in the prescribed colour and in words.
pub(super) fn aqi_badge((aqi, level): (u16, AqiLevel), lang: Lang) -> Markup {
    html! {
        span class={ "aqi level-" (level.number()) } { (aqi) " " (level.name(lang)) }
    }
}

/// The newest day with data.
pub(super) fn day(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    html! {
        article.card data-watermark=[watermark(view.simulated, view.lang)] {
            h2 { (words.day_title) (simulated_chip(view.simulated, view.lang)) }
            @match &view.day {
                None => { p.figure { strong.void { (words.no_data_yet) } } }
                Some(day) => {
                    p.date { time datetime=(day.day) { (day.day) } }
                    @match day.aqi {
                        Some((aqi, level)) => {
                            p class={ "today level-" (level.number()) } {
                                strong { (aqi) }
                                span { (level.name(view.lang)) }
                            }
                        }
                        None => {
                            p.figure { strong.void { (words.void) } }
                            @if let Some(reason) = &day.void_reason { p.meta { (reason) } }
                        }
                    }
                    dl.facts {
                        dt { (words.primary) }
                        dd {
                            @if day.primary.is_empty() { (words.primary_none) }
                            @else { (day.primary.join(view.lang.pick("、", ", "))) }
                        }
                        dt { "PM2.5" }
                        dd {
                            @match &day.pm25 {
                                Some(value) => { (value) " " (PM25_UNIT) }
                                None => { (words.void) }
                            }
                        }
                    }
                }
            }
            (basis_short(&view.basis, view.lang))
        }
    }
}

/// The year of days.
pub(super) fn calendar(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    let chart = pictures::calendar(view);
    html! {
        section.card #calendar {
            h2 { (words.calendar_title) " " (view.year) (simulated_chip(view.simulated, view.lang)) }
            (basis_short(&view.basis, view.lang))
            (both(&calendar_chart::render(&chart, Size::Wide), &calendar_chart::render(&chart, Size::Narrow)))
            @if !view.calendar.is_empty() { (calendar_table(view)) }
        }
    }
}

/// A table folded away behind its picture.
fn folded(view: &DashboardView, rows: Markup) -> Markup {
    html! {
        details {
            summary { (phrases(view.lang).as_table) }
            div.scroll tabindex="0" { table { (rows) } }
        }
    }
}

fn calendar_table(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    let rows = html! {
        thead { tr {
            th scope="col" { (words.col_day) }
            th.number scope="col" { "AQI" }
            th scope="col" { (words.col_level) }
            th scope="col" { (words.primary) }
        } }
        tbody { @for cell in &view.calendar { tr {
            th scope="row" { (cell.day) }
            @match &cell.state {
                DayState::Valid { aqi, level, primary } => {
                    td.number { (aqi) } td { (level.name(view.lang)) } td { (primary) }
                }
                DayState::Void { reason } => {
                    td.number { "–" } td { (words.void) } td { (reason) }
                }
            }
        } } }
    };
    folded(view, rows)
}

/// PM2.5 by month and by day.
pub(super) fn trend(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    let (months, days) = (pictures::months(view), pictures::days(view));
    html! {
        section.card #trend {
            h2 { (words.trend_title) (simulated_chip(view.simulated, view.lang)) }
            (basis_short(&view.basis, view.lang))
            h3 { (words.months_title) }
            (both(&trend_chart::render(&months, Size::Wide), &trend_chart::render(&months, Size::Narrow)))
            @if !view.months.is_empty() { (months_table(view)) }
            h3 { (words.days_title) }
            (both(&trend_chart::render(&days, Size::Wide), &trend_chart::render(&days, Size::Narrow)))
            @if !view.days.is_empty() { (days_table(view)) }
        }
    }
}

fn months_table(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    let rows = html! {
        thead { tr {
            th scope="col" { (words.col_month) }
            th.number scope="col" { "PM2.5 (" (PM25_UNIT) ")" }
            th.number scope="col" { (words.col_valid_days) }
        } }
        tbody { @for value in &view.months { tr {
            th scope="row" { (month_name(value.month, view.lang)) }
            td.number { (value.value.as_deref().unwrap_or(words.void)) }
            td.number { (value.valid_days) }
        } } }
    };
    folded(view, rows)
}

fn days_table(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    let rows = html! {
        thead { tr {
            th scope="col" { (words.col_day) }
            th.number scope="col" { "PM2.5 (" (PM25_UNIT) ")" }
        } }
        tbody { @for value in &view.days { tr {
            th scope="row" { (value.day) }
            td.number { (value.value.as_deref().unwrap_or(words.void)) }
        } } }
    };
    folded(view, rows)
}
