//! How targets stand: each with what the rest of the year must be, where the year may end, and what every edition of the
//! standard makes of the same air.

use chrono::Datelike;
use chrono::NaiveDate;
use maud::Markup;
use maud::html;

use crate::adapters::chart::RuleKind;
use crate::adapters::chart::Size;
use crate::adapters::chart::calendar::month_name;
use crate::adapters::chart::trend as trend_chart;
use crate::adapters::chart::trend::TrendChart;
use crate::adapters::chart::trend::TrendFan;
use crate::adapters::chart::trend::TrendPoint;
use crate::adapters::chart::trend::TrendRule;
use crate::adapters::chart::trend::TrendStyle;
use crate::adapters::http::page::frame::Around;
use crate::adapters::http::page::frame::Place;
use crate::adapters::http::page::frame::around;
use crate::adapters::http::page::frame::basis_line;
use crate::adapters::http::page::frame::basis_short;
use crate::adapters::http::page::frame::both;
use crate::adapters::http::page::frame::chooser;
use crate::adapters::http::page::frame::csv_link;
use crate::adapters::http::page::frame::nothing_yet;
use crate::adapters::http::page::frame::review_pair;
use crate::adapters::http::page::frame::simulated_chip;
use crate::adapters::http::page::frame::simulated_notice;
use crate::adapters::http::page::frame::watermark;
use crate::adapters::http::page::pictures::PM25_UNIT;
use crate::adapters::http::page::pictures::position;
use crate::adapters::http::page::view::Basis;
use crate::adapters::http::page::view::Choice;
use crate::adapters::http::phrases::fill;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;

/// How targets stand at the end of a day.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetsView {
    /// Language of the page.
    pub lang: Lang,
    /// The area shown.
    pub area: Choice,
    /// Every area that can be chosen.
    pub areas: Vec<Choice>,
    /// What the figures rest on.
    pub basis: Basis,
    /// Whether any reading behind them is simulated.
    pub simulated: bool,
    /// The day.
    pub on: NaiveDate,
    /// Days of its year left.
    pub days_left: u32,
    /// Each target.
    pub cards: Vec<TargetCard>,
    /// Mean PM2.5 day by day.
    pub pm25: SoFar,
    /// Good-day ratio day by day.
    pub ratio: SoFar,
    /// The past years drawn from, and how often.
    pub method: Option<(String, usize)>,
    /// Why nothing is projected.
    pub gap: Option<String>,
    /// What every edition makes of it.
    pub editions: Vec<EditionRow>,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetCard {
    /// Its id.
    pub id: String,
    /// What about.
    pub item: String,
    /// Unit of its figures.
    pub unit: String,
    /// Its year.
    pub year: i32,
    /// Whether less is better.
    pub at_most: bool,
    /// The value aimed at.
    pub limit: String,
    /// The figure so far.
    pub value: Option<String>,
    /// Whether that meets it.
    pub met: Option<bool>,
    /// Whether the year will, going on like this.
    pub on_track: Option<bool>,
    /// Whether it can still be met.
    pub reachable: Option<bool>,
    /// Whether its year is over.
    pub expired: bool,
    /// Whether this year has no target of the item.
    pub next_missing: bool,
    /// Who set it.
    pub issuer: String,
    /// In which document.
    pub document: String,
    /// The edition it is judged under.
    pub edition: String,
    /// What the rest of the year must be.
    pub facts: Vec<Fact>,
    /// Where the year may end.
    pub outlook: Option<Fan>,
    /// How likely it is met, in percent.
    pub chance: Option<u32>,
}

/// One figure of the rest of the year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its name.
    pub name: &'static str,
    /// Its value with its unit.
    pub value: Option<String>,
    /// Why there is none.
    pub why: Option<String>,
}

/// Where a year may end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fan {
    /// A tenth ends below.
    pub p10: String,
    /// Half.
    pub p50: String,
    /// Nine tenths.
    pub p90: String,
}

/// A figure day by day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoFar {
    /// Days of the year.
    pub days: u32,
    /// Each day so far with the figure at its end, as published.
    pub points: Vec<(NaiveDate, Option<String>)>,
    /// Where it may end.
    pub fan: Option<Fan>,
    /// Targets by year.
    pub targets: Vec<(i32, String)>,
    /// The annual limit of class II.
    pub limit: Option<String>,
}

/// The year so far under an edition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditionRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is in force on the day.
    pub in_force: bool,
    /// Mean PM2.5 as published.
    pub pm25: Option<String>,
    /// Its class II annual limit.
    pub limit: Option<String>,
    /// Whether the mean keeps it.
    pub met: Option<bool>,
    /// Good-day ratio in percent.
    pub ratio: Option<String>,
    /// Good days.
    pub good: u32,
    /// Heavy days.
    pub heavy: u32,
    /// Days that count.
    pub valid: u32,
    /// Days that do not.
    pub void: u32,
}

/// How targets stand, at `/targets`. It understands `area`, `on`, `review` and `lang`.
pub fn targets(view: &TargetsView) -> Markup {
    let words = phrases(view.lang);
    let on = view.on.to_string();
    let mut own = vec![("area", view.area.id.as_str()), ("on", &on)];
    own.extend(review_pair(view.basis.review));
    let said = [("day", on.as_str()), ("left", &view.days_left.to_string())];
    let body = html! {
        div.heading {
            div {
                h1 { (view.area.name) " " span.year { (words.targets_title) } }
                p.through { strong { (fill(words.targets_on, &said)) } }
            }
            (chooser("/targets", &view.area, &view.areas, view.basis.review, view.lang))
        }
        (basis_line(&view.basis, view.lang))
        (nothing_yet(&view.basis, view.lang))
        @if view.simulated { (simulated_notice(view.lang)) }
        @if view.cards.is_empty() { p.notice { (words.no_targets) } }
        section.cards.two #targets aria-label=(words.targets_title) {
            @for card in &view.cards { (target(card, view)) }
        }
        (fans(view))
        (editions(view))
    };
    let title = format!("{} · {}", words.place_targets, view.area.name);
    let around_it = Around {
        lang: view.lang,
        title: &title,
        here: Some(Place::Targets),
        path: "/targets",
        own: &own,
        live: false,
    };
    around(&around_it, &[], body)
}

fn chip(answer: Option<bool>, yes: &str, no: &str, unknown: &str) -> Markup {
    html! {
        @match answer {
            Some(true) => { span.chip.met { "✓ " (yes) } }
            Some(false) => { span.chip.missed { "× " (no) } }
            None => { span.chip { (unknown) } }
        }
    }
}

fn target(card: &TargetCard, view: &TargetsView) -> Markup {
    let words = phrases(view.lang);
    let sign = if card.at_most { "≤" } else { "≥" };
    html! {
        article.card data-target=(card.id) {
            h2 {
                (card.item) " " span.year { (card.year) } " " (sign) " " (card.limit) " " (card.unit)
                (simulated_chip(view.simulated, view.lang))
            }
            @if card.expired {
                p.meta { em.warn { @if card.next_missing { (words.target_expired) } @else { (words.met_expired) } } }
            }
            p.figure {
                @match &card.value {
                    Some(value) => { strong { (value) } " " span.unit { (card.unit) } }
                    None => { strong.void { (words.void) } }
                }
                " " (chip(card.met, words.met, words.not_met, words.met_unknown))
            }
            dl.facts {
                dt { (words.on_track) } dd { (chip(card.on_track, words.will_meet, words.will_miss, words.unknown)) }
                dt { (words.reachable) } dd { (chip(card.reachable, words.yes, words.no, words.unknown)) }
                @for fact in &card.facts {
                    dt { (fact.name) }
                    dd {
                        @match (&fact.value, &fact.why) {
                            (Some(value), _) => { b { (value) } }
                            (None, Some(why)) => { "– " small { (why) } }
                            (None, None) => { "–" }
                        }
                    }
                }
                @if let Some(fan) = &card.outlook {
                    dt { (words.year_end) } dd { (fan.p10) " – " b { (fan.p50) } " – " (fan.p90) " " (card.unit) }
                }
                @if let Some(chance) = card.chance { dt { (words.chance) } dd { (chance) " %" } }
                dt { (words.judged_under) } dd { (card.edition) }
                dt { (words.col_source) } dd { (fill(words.target_source, &[("issuer", &card.issuer), ("document", &card.document)])) }
            }
            (basis_short(&view.basis, view.lang))
        }
    }
}

/// A figure day by day, with the wedge to the year's end.
fn fan_picture(view: &TargetsView, own: &SoFar, title: &str, name: &str, unit: &str) -> TrendChart {
    let words = phrases(view.lang);
    let year = view.on.year();
    let first = NaiveDate::from_yo_opt(year, 1);
    let all = first.into_iter().flat_map(|first| first.iter_days());
    let points = all.take(own.days as usize).enumerate().map(|(at, day)| {
        let text = own.points.get(at).and_then(|(_, text)| text.clone());
        TrendPoint {
            name: day.to_string(),
            tick: (day.day() == 1).then(|| month_name(day.month(), view.lang)),
            value: text.as_deref().and_then(position),
            text: text.unwrap_or_default(),
        }
    });
    let year = year.to_string();
    let rule = |kind, value: &str, name: String| {
        Some(TrendRule {
            kind,
            value: position(value)?,
            label: format!("{name} {value}"),
        })
    };
    let targets = own.targets.iter().filter_map(|(year, value)| {
        let name = fill(words.target, &[("year", &year.to_string())]);
        rule(RuleKind::Target, value, name)
    });
    let limit = own.limit.iter();
    let limit =
        limit.filter_map(|value| rule(RuleKind::Limit, value, words.class_limit.to_owned()));
    let fan = own.fan.as_ref();
    let summary = match fan {
        Some(fan) => fill(
            words.fan_summary,
            &[
                ("area", &view.area.name),
                ("year", &year),
                ("low", &fan.p10),
                ("mid", &fan.p50),
                ("high", &fan.p90),
            ],
        ),
        None => fill(
            words.fan_summary_plain,
            &[("area", &view.area.name), ("year", &year)],
        ),
    };
    TrendChart {
        title: title.to_owned(),
        summary,
        name: format!("{name} {}", words.legend_so_far),
        unit: unit.to_owned(),
        style: TrendStyle::Line,
        points: points.collect(),
        more: Vec::new(),
        fan: fan.and_then(|fan| {
            Some(TrendFan {
                p10: position(&fan.p10)?,
                p50: position(&fan.p50)?,
                p90: position(&fan.p90)?,
            })
        }),
        rules: targets.chain(limit).collect(),
        empty_note: words.no_data_yet.to_owned(),
        watermark: watermark(view.simulated, view.lang),
        lang: view.lang,
    }
}

/// Mean PM2.5 so far and where the year may end.
pub fn pm25_fan(view: &TargetsView) -> TrendChart {
    let words = phrases(view.lang);
    fan_picture(view, &view.pm25, words.fan_pm25, "PM2.5", PM25_UNIT)
}

/// The good-day ratio so far and where the year may end.
pub fn good_day_fan(view: &TargetsView) -> TrendChart {
    let words = phrases(view.lang);
    let name = words.ratio_title_plain;
    fan_picture(view, &view.ratio, words.fan_ratio, name, "%")
}

fn fans(view: &TargetsView) -> Markup {
    let words = phrases(view.lang);
    let charts = [
        (pm25_fan(view), &view.pm25),
        (good_day_fan(view), &view.ratio),
    ];
    let first = NaiveDate::from_yo_opt(view.on.year(), 1).unwrap_or(view.on);
    html! {
        section.card #projection {
            @for (chart, own) in &charts {
                h2 { (chart.title) (simulated_chip(view.simulated, view.lang)) }
                (basis_short(&view.basis, view.lang))
                (both(&trend_chart::render(chart, Size::Wide), &trend_chart::render(chart, Size::Narrow)))
                details {
                    summary { (words.as_table) }
                    div.scroll tabindex="0" { table {
                        thead { tr { th scope="col" { (words.col_day) } th.number scope="col" { (chart.name) " (" (chart.unit) ")" } } }
                        tbody { @for (day, text) in &own.points { tr {
                            th scope="row" { (day) }
                            td.number { (text.as_deref().unwrap_or(words.void)) }
                        } } }
                    } }
                }
            }
            @if let Some((years, draws)) = &view.method {
                p.meta { (fill(words.projection_how, &[("years", years), ("draws", &draws.to_string())])) }
            }
            @if let Some(gap) = &view.gap { p.meta { (fill(words.projection_none, &[("reason", gap)])) } }
            (csv_link("/v1/air/days", &view.area.id, (first, view.on), view.basis.review, view.lang))
        }
    }
}

fn editions(view: &TargetsView) -> Markup {
    let words = phrases(view.lang);
    html! {
        section.card #editions {
            h2 { (words.editions_title) (simulated_chip(view.simulated, view.lang)) }
            p.meta { (words.editions_note) }
            table.stack {
                thead { tr {
                    th scope="col" { (words.edition) }
                    th.number scope="col" { (words.col_pm25_mean) " (" (PM25_UNIT) ")" }
                    th.number scope="col" { (words.col_limit) " (" (PM25_UNIT) ")" }
                    th scope="col" { (words.met) }
                    th.number scope="col" { (words.ratio_title_plain) " (%)" }
                    th.number scope="col" { (words.item_good_days) }
                    th.number scope="col" { (words.item_heavy_days) }
                    th.number scope="col" { (words.col_valid_days) }
                    th.number scope="col" { (words.col_void_days) }
                } }
                tbody { @for own in &view.editions { tr data-edition=(own.id) {
                    th scope="row" { (own.name) @if own.in_force { " " span.chip { (words.in_force) } } }
                    td.number data-label=(words.col_pm25_mean) { (own.pm25.as_deref().unwrap_or(words.void)) }
                    td.number data-label=(words.col_limit) { (own.limit.as_deref().unwrap_or("–")) }
                    td data-label=(words.met) { (chip(own.met, words.met, words.not_met, words.met_unknown)) }
                    td.number data-label=(words.ratio_title_plain) { (own.ratio.as_deref().unwrap_or(words.void)) }
                    td.number data-label=(words.item_good_days) { (own.good) }
                    td.number data-label=(words.item_heavy_days) { (own.heavy) }
                    td.number data-label=(words.col_valid_days) { (own.valid) }
                    td.number data-label=(words.col_void_days) { (own.void) }
                } } }
            }
        }
    }
}
