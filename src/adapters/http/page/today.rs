//! The first screen, in the order in which a bureau asks: how old are the data, how is the air, where does the year
//! stand, who needs a call, what is due, which tiers change.

use chrono::NaiveDate;
use maud::Markup;
use maud::html;

use crate::adapters::chart::palette::AqiLevel;
use crate::adapters::chart::palette::CreditTier;
use crate::adapters::http::page::air;
use crate::adapters::http::page::credit;
use crate::adapters::http::page::frame::Around;
use crate::adapters::http::page::frame::Place;
use crate::adapters::http::page::frame::around;
use crate::adapters::http::page::frame::basis_line;
use crate::adapters::http::page::frame::basis_short;
use crate::adapters::http::page::frame::chooser;
use crate::adapters::http::page::frame::query;
use crate::adapters::http::page::frame::review_pair;
use crate::adapters::http::page::frame::simulated_chip;
use crate::adapters::http::page::frame::simulated_notice;
use crate::adapters::http::page::frame::spaced;
use crate::adapters::http::page::frame::watermark;
use crate::adapters::http::page::pictures::PM25_UNIT;
use crate::adapters::http::page::silence;
use crate::adapters::http::page::tables::class_name;
use crate::adapters::http::page::view::Basis;
use crate::adapters::http::page::view::Choice;
use crate::adapters::http::page::view::Progress;
use crate::adapters::http::page::view::PublishHint;
use crate::adapters::http::page::view::Ratio;
use crate::adapters::http::phrases::fill;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;
use crate::domain::registry::StationClass;

/// Everything the first screen shows.
#[derive(Clone, Debug, PartialEq)]
pub struct TodayView {
    /// Language of the page.
    pub lang: Lang,
    /// The area shown.
    pub area: Choice,
    /// Every area that can be chosen.
    pub areas: Vec<Choice>,
    /// What the figures of the year rest on.
    pub basis: Basis,
    /// Whether any reading behind the air figures is simulated.
    pub simulated: bool,
    /// The year of the newest valid day.
    pub year: i32,
    /// The newest hour; `None` before the first reading.
    pub now: Option<NowCard>,
    /// Mean PM2.5 of the year so far.
    pub pm25: Progress,
    /// Good-day ratio of the year so far.
    pub ratio: Ratio,
    /// The month so far; `None` without a valid day.
    pub month: Option<MonthSoFar>,
    /// Stations that are silent, by name, each with when it was last seen.
    pub silent: Vec<(String, String)>,
    /// Stations of the area that need a call.
    pub calls: Vec<Call>,
    /// The report on the day before.
    pub report: DailyReport,
    /// Tiers that changed or will.
    pub tiers: TierChanges,
    /// What leads to the first reading.
    pub steps: Steps,
}

/// The newest hour of the area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NowCard {
    /// Its end, with offset.
    pub time: String,
    /// How long ago that is, in words.
    pub age: String,
    /// Whether that is too long.
    pub stale: bool,
    /// The edition of its index.
    pub edition: String,
    /// Index and level; `None` when void.
    pub aqi: Option<(u16, AqiLevel)>,
    /// What set it.
    pub primary: Vec<String>,
    /// Why it is void, in words.
    pub void_reason: Option<String>,
    /// The six pollutants.
    pub items: Vec<HourItem>,
    /// Stations with a value in the hour.
    pub reporting: u32,
    /// Stations of the area.
    pub stations: u32,
}

/// A pollutant in the hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourItem {
    /// Its name.
    pub label: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// The hour's mean, with the decimals of the edition.
    pub value: Option<String>,
    /// Its index.
    pub iaqi: Option<i64>,
}

/// The month so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthSoFar {
    /// First day.
    pub from: NaiveDate,
    /// Last day with data.
    pub to: NaiveDate,
    /// Mean PM2.5 as published.
    pub pm25: Option<String>,
    /// Why that is void, in words.
    pub void_reason: Option<String>,
    /// Its change against the year before.
    pub pm25_yoy: Option<String>,
    /// Good-day ratio in percent.
    pub ratio: Option<String>,
    /// Its change against the year before.
    pub ratio_yoy: Option<String>,
    /// Good days.
    pub good_days: u32,
    /// Days that count.
    pub valid_days: u32,
    /// The place among other areas, or why there is none.
    pub rank: String,
}

/// A station somebody should call about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its code.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Kind of point.
    pub class: StationClass,
    /// Who answers for it, in words.
    pub chief: Option<String>,
    /// The reasons, in words.
    pub why: Vec<String>,
    /// Whether its readings are simulated.
    pub simulated: bool,
}

/// How the report on the day before stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyReport {
    /// The day.
    pub day: NaiveDate,
    /// When it was issued, with offset.
    pub issued_at: Option<String>,
    /// Whether the hour by which it is due is past.
    pub overdue: bool,
    /// Whether the area has data of that day.
    pub has_data: bool,
}

/// Computed tiers that changed lately or will soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierChanges {
    /// The day compared with.
    pub from: NaiveDate,
    /// Today.
    pub on: NaiveDate,
    /// The changes, past ones first.
    pub rows: Vec<TierChange>,
    /// How many enterprises are compared at most, where there are more.
    pub most: Option<usize>,
}

/// One change of a computed tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierChange {
    /// Unified social credit code.
    pub uscc: String,
    /// The enterprise's name.
    pub name: String,
    /// The tier before.
    pub from: CreditTier,
    /// The tier after.
    pub to: CreditTier,
    /// The day it will change; `None` when it has.
    pub when: Option<NaiveDate>,
    /// Whether the enterprise is invented.
    pub example: bool,
}

/// What leads to the first reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Where a reading can be sent.
    pub hint: PublishHint,
    /// Host and port of the pages.
    pub http: String,
    /// Whether any station is registered.
    pub registered: bool,
    /// Messages of sources that are not registered.
    pub waiting: u64,
}

/// The first screen, at `/`. It understands `area`, `review` and `lang`.
pub fn today(view: &TodayView) -> Markup {
    let words = phrases(view.lang);
    let mut own = vec![("area", view.area.id.as_str())];
    own.extend(review_pair(view.basis.review));
    let title = format!("{} · {}", words.today_title, view.area.name);
    let body = html! {
        div.heading {
            h1 { (view.area.name) " " span.year { (words.today_title) } }
            (chooser("/", &view.area, &view.areas, view.basis.review, view.lang))
        }
        (basis_line(&view.basis, view.lang))
        @if view.simulated { (simulated_notice(view.lang)) }
        (silence(&view.silent, view.lang))
        @match &view.now {
            None => { (first_steps(view)) }
            Some(now) => { (hour(view, now)) }
        }
        @if view.now.is_some() {
            section.cards #year aria-label=(words.so_far_title) {
                (pm25(view))
                (counts(view))
                (month(view))
            }
            (calls(view))
        }
        section.cards.two aria-label=(words.report_title) {
            (report(view))
            (tiers(view))
        }
    };
    let around_it = Around {
        lang: view.lang,
        title: &title,
        here: Some(Place::Today),
        path: "/",
        own: &own,
        live: true,
    };
    around(&around_it, &[], body)
}

/// The newest hour: its age, the index, the six pollutants.
fn hour(view: &TodayView, now: &NowCard) -> Markup {
    let words = phrases(view.lang);
    let counts = [
        ("count", now.reporting.to_string()),
        ("all", now.stations.to_string()),
    ];
    let counts: Vec<(&str, &str)> = counts.iter().map(|(k, v)| (*k, v.as_str())).collect();
    html! {
        section.card.now #now data-watermark=[watermark(view.simulated, view.lang)] {
            h2 { (words.now_title) (simulated_chip(view.simulated, view.lang)) }
            p.age {
                strong { (now.age) } " · "
                time datetime=(now.time) { (fill(words.now_hour, &[("time", &spaced(&now.time))])) } " · "
                (fill(words.reporting, &counts))
                " " span.live data-on=(words.live_on) data-off=(words.live_off) {}
            }
            @if now.stale { p.notice.warning role="status" { (fill(words.stale, &[("age", &now.age)])) } }
            div.split {
                div {
                    @match now.aqi {
                        Some((aqi, level)) => {
                            p class={ "today level-" (level.number()) } {
                                span { "AQI" } strong #aqi { (aqi) } span { (level.name(view.lang)) }
                            }
                        }
                        None => {
                            p.figure { "AQI " strong.void #aqi { (words.void) } }
                            @if let Some(reason) = &now.void_reason { p.meta { (reason) } }
                        }
                    }
                    dl.facts {
                        dt { (words.primary) }
                        dd {
                            @if now.primary.is_empty() { (words.primary_none) }
                            @else { (now.primary.join(view.lang.pick("、", ", "))) }
                        }
                        dt { (words.edition) } dd { (now.edition) }
                        dt { (words.zone) } dd { "UTC" (view.basis.zone) }
                    }
                }
                (items(view, now))
            }
        }
    }
}

fn items(view: &TodayView, now: &NowCard) -> Markup {
    let words = phrases(view.lang);
    html! {
        table {
            thead { tr {
                th scope="col" { (words.col_pollutant) }
                th.number scope="col" { (words.col_hour) }
                th.number scope="col" { (words.col_iaqi) }
            } }
            tbody { @for item in &now.items { tr {
                th scope="row" { (item.label) }
                td.number {
                    @match &item.value {
                        Some(value) => { b id={ "now-" (item.label) } { (value) } " " small { (unit(item.unit)) } }
                        None => { (words.void) }
                    }
                }
                td.number { @match item.iaqi { Some(iaqi) => { (iaqi) } None => { "–" } } }
            } } }
        }
    }
}

/// A unit as pages write it.
fn unit(text: &str) -> String {
    text.replace("ug/", "µg/").replace("m3", "m³")
}

fn pm25(view: &TodayView) -> Markup {
    let words = phrases(view.lang);
    html! {
        article.card {
            h2 { "PM2.5 · " (words.so_far_title) " " span.year { (view.year) } (simulated_chip(view.simulated, view.lang)) }
            (air::figure(&view.pm25, PM25_UNIT, view.lang))
            (air::against(&view.pm25, "≤", PM25_UNIT, view.lang))
            (air::counted(&view.pm25, view.lang))
            (basis_short(&view.basis, view.lang))
        }
    }
}

fn counts(view: &TodayView) -> Markup {
    let words = phrases(view.lang);
    let ratio = &view.ratio;
    html! {
        article.card {
            h2 { (words.counts_title) " " span.year { (view.year) } (simulated_chip(view.simulated, view.lang)) }
            (air::figure(&ratio.progress, "%", view.lang))
            p.meta { (air::day_counts(ratio, view.lang)) }
            (air::against(&ratio.progress, "≥", "%", view.lang))
            (air::counted(&ratio.progress, view.lang))
            (basis_short(&view.basis, view.lang))
        }
    }
}

fn month(view: &TodayView) -> Markup {
    let words = phrases(view.lang);
    html! {
        article.card {
            h2 { (words.month_title) (simulated_chip(view.simulated, view.lang)) }
            @match &view.month {
                None => { p.figure { strong.void { (words.no_data_yet) } } }
                Some(month) => {
                    p.date { (fill(words.month_span, &[("from", &month.from.to_string()), ("to", &month.to.to_string())])) }
                    dl.facts {
                        dt { "PM2.5" }
                        dd {
                            @match &month.pm25 {
                                Some(value) => { b #month-pm25 { (value) } " " (PM25_UNIT) }
                                None => { (words.void) " " (month.void_reason.as_deref().unwrap_or("")) }
                            }
                            " · " (words.yoy) " " (month.pm25_yoy.as_deref().unwrap_or(words.yoy_none))
                        }
                        dt { (words.ratio_short) }
                        dd {
                            @match &month.ratio { Some(ratio) => { b { (ratio) } "%" } None => { (words.void) } }
                            " · " (words.yoy) " " (month.ratio_yoy.as_deref().unwrap_or(words.yoy_none))
                            br;
                            (fill(words.good_of_valid, &[("good", &month.good_days.to_string()), ("valid", &month.valid_days.to_string())]))
                        }
                        dt { (words.rank_title) }
                        dd { (month.rank) }
                    }
                }
            }
            (basis_short(&view.basis, view.lang))
        }
    }
}

fn calls(view: &TodayView) -> Markup {
    let words = phrases(view.lang);
    html! {
        section.card #calls {
            h2 { (words.call_title) }
            @if view.calls.is_empty() { p.meta { (words.call_none) } }
            @else {
                table.stack {
                    thead { tr {
                        th scope="col" { (words.col_station) }
                        th scope="col" { (words.col_class) }
                        th scope="col" { (words.chief) }
                        th scope="col" { (words.col_why) }
                    } }
                    tbody { @for call in &view.calls { tr {
                        th scope="row" {
                            a href={ "/stations/" (call.id) "?lang=" (view.lang.key()) } { (call.name) }
                            " " small { (call.id) } (simulated_chip(call.simulated, view.lang))
                        }
                        td data-label=(words.col_class) { (class_name(call.class, view.lang)) }
                        td data-label=(words.chief) { (call.chief.as_deref().unwrap_or(words.chief_none)) }
                        td data-label=(words.col_why) { (call.why.join(view.lang.pick("；", "; "))) }
                    } } }
                }
            }
        }
    }
}

fn report(view: &TodayView) -> Markup {
    let words = phrases(view.lang);
    let report = &view.report;
    let day = report.day.to_string();
    let said = match (&report.issued_at, report.overdue) {
        (Some(time), _) => fill(
            words.report_issued,
            &[("day", &day), ("time", &spaced(time))],
        ),
        (None, true) => fill(words.report_overdue, &[("day", &day)]),
        (None, false) => fill(words.report_due, &[("day", &day)]),
    };
    let mut pairs = vec![("area", view.area.id.as_str()), ("lang", view.lang.key())];
    pairs.extend(review_pair(view.basis.review));
    html! {
        article.card #report {
            h2 { (words.report_title) }
            p { (said) }
            @if report.has_data {
                p { a href={ "/v1/bulletins/" (day) "?" (query(&pairs)) } { (words.report_open) } }
            } @else { p.meta { (words.report_no_data) } }
        }
    }
}

fn tiers(view: &TodayView) -> Markup {
    let words = phrases(view.lang);
    let tiers = &view.tiers;
    let (from, on) = (tiers.from.to_string(), tiers.on.to_string());
    html! {
        article.card #tier-changes {
            h2 { (words.tier_changes_title) }
            @if let Some(most) = tiers.most {
                p.meta { (fill(words.tier_changes_many, &[("most", &most.to_string())])) }
            } @else {
                p.meta { (fill(words.tier_changes_note, &[("from", &from), ("on", &on)])) }
                @if tiers.rows.is_empty() { p { (words.tier_changes_none) } }
                @else { (changes(view)) }
            }
        }
    }
}

fn changes(view: &TodayView) -> Markup {
    let words = phrases(view.lang);
    html! {
        ul.against {
            @for row in &view.tiers.rows {
                li {
                    span.what {
                        a href={ (credit::path(&row.uscc)) "?lang=" (view.lang.key()) } { (row.name) }
                        (credit::example_chip(row.example, view.lang))
                        br;
                        (fill(words.change_from_to, &[("from", row.from.name(view.lang)), ("to", row.to.name(view.lang))]))
                    }
                    span {
                        @match row.when {
                            Some(day) => { (day) }
                            None => { (words.change_within) }
                        }
                    }
                }
            }
        }
    }
}

/// What to do when nothing has come in.
fn first_steps(view: &TodayView) -> Markup {
    let words = phrases(view.lang);
    let steps = &view.steps;
    let table = "id,name_zh,name_en,class,longitude,latitude,simulated,source\\n\
                 S1,Station 1,Station 1,national,120.268,31.920,false,own";
    let register = format!(
        "curl -H 'content-type: application/json' http://{}/v1/registry/stations -d '{{\"csv\":\"{table}\"}}'",
        steps.http
    );
    let hint = &steps.hint;
    html! {
        section.card.empty #first {
            h2 { (words.first_title) }
            ol.steps {
                li {
                    strong { (words.first_register) }
                    @if steps.registered { " " span.chip.met { "✓ " (words.first_done) } }
                    p { (words.first_register_how) }
                    pre tabindex="0" { code { (register) } }
                }
                li {
                    strong { (words.first_send) }
                    p { (words.first_send_how) }
                    pre tabindex="0" { code { (air::command(hint)) } }
                }
                li {
                    strong { (words.first_see) }
                    p { (words.first_see_how) " " span.live data-on=(words.live_on) data-off=(words.live_off) {} }
                    @if steps.waiting > 0 {
                        p.notice { (fill(words.first_waiting, &[("count", &steps.waiting.to_string())])) }
                    }
                }
            }
        }
    }
}
