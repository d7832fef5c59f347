//! Years of AQI days, and one day with its hours.

use maud::Markup;
use maud::PreEscaped;
use maud::html;

use crate::adapters::chart::Size;
use crate::adapters::chart::calendar as calendar_chart;
use crate::adapters::chart::calendar::CalendarChart;
use crate::adapters::chart::calendar::DayCell;
use crate::adapters::chart::calendar::DayLink;
use crate::adapters::chart::calendar::DayState;
use crate::adapters::chart::palette::AqiLevel;
use crate::adapters::chart::trend as trend_chart;
use crate::adapters::chart::trend::TrendChart;
use crate::adapters::chart::trend::TrendPoint;
use crate::adapters::chart::trend::TrendStyle;
use crate::adapters::chart::years as years_chart;
use crate::adapters::chart::years::YearsChart;
use crate::adapters::http::page::air::aqi_badge;
use crate::adapters::http::page::frame::Around;
use crate::adapters::http::page::frame::Place;
use crate::adapters::http::page::frame::around;
use crate::adapters::http::page::frame::basis_line;
use crate::adapters::http::page::frame::basis_short;
use crate::adapters::http::page::frame::both;
use crate::adapters::http::page::frame::chooser;
use crate::adapters::http::page::frame::csv_link;
use crate::adapters::http::page::frame::nothing_yet;
use crate::adapters::http::page::frame::query;
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

/// Years of AQI days.
#[derive(Clone, Debug, PartialEq)]
pub struct CalendarView {
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
    /// The year drawn large.
    pub year: i32,
    /// Every year with data, newest first.
    pub years: Vec<YearOfDays>,
}

/// One year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YearOfDays {
    /// Which.
    pub year: i32,
    /// Its days in order.
    pub days: Vec<DayCell>,
    /// Days with an AQI of 100 or less.
    pub good: u32,
    /// Days above 200.
    pub heavy: u32,
    /// Days that count.
    pub valid: u32,
    /// Days of the calendar, up to the newest in the year of that.
    pub calendar: u32,
    /// Good days of valid ones, in percent.
    pub ratio: Option<String>,
    /// The editions its days were judged under.
    pub editions: String,
}

/// One day of an area.
#[derive(Clone, Debug, PartialEq)]
pub struct DayView {
    /// Language of the page.
    pub lang: Lang,
    /// The area shown.
    pub area: Choice,
    /// What the figures rest on.
    pub basis: Basis,
    /// Whether any reading behind them is simulated.
    pub simulated: bool,
    /// The day.
    pub day: chrono::NaiveDate,
    /// Index and level; `None` when void.
    pub aqi: Option<(u16, AqiLevel)>,
    /// What set it.
    pub primary: Vec<String>,
    /// Why it is void, in words.
    pub void_reason: Option<String>,
    /// The day by pollutant.
    pub items: Vec<DayItem>,
    /// Its hours.
    pub hours: Vec<HourRow>,
    /// Its stations, for an area of several.
    pub stations: Vec<StationOfDay>,
}

/// A pollutant on the day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayItem {
    /// Its name, with the averaging of ozone.
    pub label: String,
    /// Its unit.
    pub unit: &'static str,
    /// As published.
    pub value: Option<String>,
    /// Its index.
    pub iaqi: Option<i64>,
}

/// An hour of the day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourRow {
    /// Its end, 01:00 to 24:00.
    pub ending: String,
    /// By pollutant in report order, with the decimals of the edition.
    pub values: [Option<String>; 6],
    /// Index and level; `None` when void.
    pub aqi: Option<(u16, AqiLevel)>,
    /// Why it is void, in words.
    pub void_reason: Option<String>,
}

/// A station on the day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StationOfDay {
    /// Its code.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Hours with a value, by pollutant in report order.
    pub hours: [u32; 6],
    /// Index and level; `None` when void.
    pub aqi: Option<(u16, AqiLevel)>,
    /// Why it is void, in words.
    pub void_reason: Option<String>,
}

/// What the address of a day says beside it.
fn day_query(area: &str, basis: &Basis, lang: Lang) -> String {
    let mut pairs = vec![("area", area), ("lang", lang.key())];
    pairs.extend(review_pair(basis.review));
    query(&pairs)
}

/// The chart of all years.
pub fn years_picture(view: &CalendarView) -> YearsChart {
    let words = phrases(view.lang);
    YearsChart {
        title: words.years_title.to_owned(),
        summary: fill(words.years_summary, &[("area", &view.area.name)]),
        years: view
            .years
            .iter()
            .map(|year| (year.year, year.days.clone()))
            .collect(),
        empty_note: words.no_data_yet.to_owned(),
        watermark: watermark(view.simulated, view.lang),
        lang: view.lang,
    }
}

fn year_picture(view: &CalendarView, year: &YearOfDays) -> CalendarChart {
    let words = phrases(view.lang);
    let assessed = year.valid.to_string();
    CalendarChart {
        year: year.year,
        title: format!("{} {}", words.calendar_title, year.year),
        summary: fill(
            words.calendar_summary,
            &[
                ("area", &view.area.name),
                ("year", &year.year.to_string()),
                ("count", &assessed),
            ],
        ),
        days: year.days.clone(),
        link: Some(DayLink {
            before: "/days/".to_owned(),
            after: format!("?{}", day_query(&view.area.id, &view.basis, view.lang)),
        }),
        watermark: watermark(view.simulated, view.lang),
        lang: view.lang,
    }
}

/// Years of AQI days, at `/calendar`. It understands `area`, `year`, `review` and `lang`.
pub fn calendar(view: &CalendarView) -> Markup {
    let words = phrases(view.lang);
    let year = view.year.to_string();
    let mut own = vec![("area", view.area.id.as_str()), ("year", &year)];
    own.extend(review_pair(view.basis.review));
    let shown = view.years.iter().find(|own| own.year == view.year);
    let body = html! {
        div.heading {
            h1 { (view.area.name) " " span.year { (words.place_calendar) } }
            (chooser("/calendar", &view.area, &view.areas, view.basis.review, view.lang))
        }
        (basis_line(&view.basis, view.lang))
        (nothing_yet(&view.basis, view.lang))
        @if view.simulated { (simulated_notice(view.lang)) }
        @match shown {
            None => { section.card.empty { p { (words.no_data_yet) } } }
            Some(shown) => { (large(view, shown)) }
        }
        @if !view.years.is_empty() { (all_years(view)) }
    };
    let title = format!("{} · {}", words.place_calendar, view.area.name);
    let around_it = Around {
        lang: view.lang,
        title: &title,
        here: Some(Place::Calendar),
        path: "/calendar",
        own: &own,
        live: false,
    };
    around(&around_it, &[], body)
}

fn large(view: &CalendarView, shown: &YearOfDays) -> Markup {
    let words = phrases(view.lang);
    let chart = year_picture(view, shown);
    let (from, to) = (
        shown.days.first().map(|cell| cell.day),
        shown.days.last().map(|cell| cell.day),
    );
    html! {
        section.card #calendar {
            h2 { (words.calendar_title) " " (view.year) (simulated_chip(view.simulated, view.lang)) }
            (year_links(view))
            (basis_short(&view.basis, view.lang))
            p.meta { (words.calendar_click) }
            (both(&calendar_chart::render(&chart, Size::Wide), &calendar_chart::render(&chart, Size::Narrow)))
            details {
                summary { (words.as_table) }
                div.scroll tabindex="0" { table {
                    thead { tr {
                        th scope="col" { (words.col_day) }
                        th.number scope="col" { "AQI" }
                        th scope="col" { (words.col_level) }
                        th scope="col" { (words.primary) }
                    } }
                    tbody { @for cell in &shown.days { (day_row(view, cell)) } }
                } }
            }
            @if let Some((from, to)) = from.zip(to) {
                (csv_link("/v1/air/days", &view.area.id, (from, to), view.basis.review, view.lang))
            }
        }
    }
}

fn day_row(view: &CalendarView, cell: &DayCell) -> Markup {
    let words = phrases(view.lang);
    let href = format!(
        "/days/{}?{}",
        cell.day,
        day_query(&view.area.id, &view.basis, view.lang)
    );
    html! {
        tr {
            th scope="row" { a href=(href) { (cell.day) } }
            @match &cell.state {
                DayState::Valid { aqi, level, primary } => {
                    td.number { (aqi) } td { (level.name(view.lang)) } td { (primary) }
                }
                DayState::Void { reason } => {
                    td.number { "–" } td { (words.void) } td { (reason) }
                }
            }
        }
    }
}

fn year_links(view: &CalendarView) -> Markup {
    let words = phrases(view.lang);
    let address = |year: &str| {
        let mut pairs = vec![
            ("area", view.area.id.as_str()),
            ("year", year),
            ("lang", view.lang.key()),
        ];
        pairs.extend(review_pair(view.basis.review));
        format!("/calendar?{}", query(&pairs))
    };
    html! {
        nav.years aria-label=(words.year) {
            @for own in &view.years {
                @let year = own.year.to_string();
                a href=(address(&year)) aria-current=[(own.year == view.year).then_some("true")] { (year) }
                " "
            }
        }
    }
}

fn all_years(view: &CalendarView) -> Markup {
    let words = phrases(view.lang);
    let chart = years_picture(view);
    html! {
        section.card #years {
            h2 { (words.years_title) (simulated_chip(view.simulated, view.lang)) }
            (basis_short(&view.basis, view.lang))
            (both(&years_chart::render(&chart, Size::Wide), &years_chart::render(&chart, Size::Narrow)))
            table.stack {
                thead { tr {
                    th scope="col" { (words.year) }
                    th.number scope="col" { (words.ratio_title_plain) " (%)" }
                    th.number scope="col" { (words.item_good_days) }
                    th.number scope="col" { (words.item_heavy_days) }
                    th.number scope="col" { (words.col_valid_days) }
                    th.number scope="col" { (words.col_void_days) }
                    th scope="col" { (words.edition) }
                } }
                tbody { @for own in &view.years { tr {
                    th scope="row" { (own.year) }
                    td.number data-label=(words.ratio_title_plain) { (own.ratio.as_deref().unwrap_or(words.void)) }
                    td.number data-label=(words.item_good_days) { (own.good) }
                    td.number data-label=(words.item_heavy_days) { (own.heavy) }
                    td.number data-label=(words.col_valid_days) { (own.valid) }
                    td.number data-label=(words.col_void_days) { (own.calendar - own.valid) }
                    td data-label=(words.edition) { (own.editions) }
                } } }
            }
        }
    }
}

/// One day, at `/days/{date}`. It understands `area`, `review` and `lang`.
pub fn day(view: &DayView) -> Markup {
    let words = phrases(view.lang);
    let mut own = vec![("area", view.area.id.as_str())];
    own.extend(review_pair(view.basis.review));
    let path = format!("/days/{}", view.day);
    let body = html! {
        div.heading { h1 { (view.area.name) " " span.year { (view.day) } } (neighbours(view)) }
        (basis_line(&view.basis, view.lang))
        @if view.simulated { (simulated_notice(view.lang)) }
        section.card.now #day data-watermark=[watermark(view.simulated, view.lang)] {
            h2 { (words.day_of) (simulated_chip(view.simulated, view.lang)) }
            div.split {
                div {
                    @match view.aqi {
                        Some((aqi, level)) => {
                            p class={ "today level-" (level.number()) } {
                                span { "AQI" } strong #aqi { (aqi) } span { (level.name(view.lang)) }
                            }
                        }
                        None => {
                            p.figure { "AQI " strong.void #aqi { (words.void) } }
                            @if let Some(reason) = &view.void_reason { p { strong { (words.void_why) } " " (reason) } }
                        }
                    }
                    dl.facts {
                        dt { (words.primary) }
                        dd {
                            @if view.primary.is_empty() { "–" } @else { (view.primary.join(view.lang.pick("、", ", "))) }
                        }
                    }
                }
                (day_items(view))
            }
        }
        (hours(view))
        @if !view.stations.is_empty() { (stations_of_day(view)) }
    };
    let title = format!("{} · {}", view.day, view.area.name);
    let around_it = Around {
        lang: view.lang,
        title: &title,
        here: Some(Place::Calendar),
        path: &path,
        own: &own,
        live: false,
    };
    around(&around_it, &[], body)
}

fn neighbours(view: &DayView) -> Markup {
    let words = phrases(view.lang);
    let query = day_query(&view.area.id, &view.basis, view.lang);
    html! {
        nav.years aria-label=(words.neighbours) {
            @if let Some(day) = view.day.pred_opt() { a rel="prev" href={ "/days/" (day) "?" (query) } { "← " (day) } " " }
            @if let Some(day) = view.day.succ_opt() { a rel="next" href={ "/days/" (day) "?" (query) } { (day) " →" } }
        }
    }
}

fn day_items(view: &DayView) -> Markup {
    let words = phrases(view.lang);
    html! {
        table {
            thead { tr {
                th scope="col" { (words.col_pollutant) }
                th.number scope="col" { (words.col_day_value) }
                th.number scope="col" { (words.col_iaqi) }
            } }
            tbody { @for item in &view.items { tr {
                th scope="row" { (item.label) }
                td.number {
                    @match &item.value {
                        Some(value) => { b { (value) } " " small { (item.unit) } }
                        None => { (words.void) }
                    }
                }
                td.number { @match item.iaqi { Some(iaqi) => { (iaqi) } None => { "–" } } }
            } } }
        }
    }
}

fn hours_picture(view: &DayView) -> TrendChart {
    let words = phrases(view.lang);
    let points = view.hours.iter().map(|hour| TrendPoint {
        name: format!("{} {}", view.day, hour.ending),
        tick: (hour.ending[..2].parse::<u32>().unwrap_or(1) % 3 == 0)
            .then(|| hour.ending[..2].to_owned()),
        value: hour.values[0].as_deref().and_then(position),
        text: hour.values[0].clone().unwrap_or_default(),
    });
    TrendChart {
        title: words.hours_title.to_owned(),
        summary: fill(
            words.hours_summary,
            &[("area", &view.area.name), ("day", &view.day.to_string())],
        ),
        name: "PM2.5".to_owned(),
        unit: PM25_UNIT.to_owned(),
        more: Vec::new(),
        fan: None,
        style: TrendStyle::Line,
        points: points.collect(),
        rules: Vec::new(),
        empty_note: words.no_data_yet.to_owned(),
        watermark: watermark(view.simulated, view.lang),
        lang: view.lang,
    }
}

fn hours(view: &DayView) -> Markup {
    let words = phrases(view.lang);
    let chart = hours_picture(view);
    html! {
        section.card #hours {
            h2 { (words.hours_title) (simulated_chip(view.simulated, view.lang)) }
            (basis_short(&view.basis, view.lang))
            div.chart.wide { (PreEscaped(trend_chart::render(&chart, Size::Wide))) }
            div.chart.narrow { (PreEscaped(trend_chart::render(&chart, Size::Narrow))) }
            div.scroll.tall tabindex="0" { table.dense {
                thead { tr {
                    th scope="col" { (words.col_hour_ending) }
                    @for label in ["PM2.5", "PM10", "SO2", "NO2", "CO", "O3"] { th.number scope="col" { (label) } }
                    th scope="col" { "AQI" }
                } }
                tbody { @for hour in &view.hours { tr {
                    th scope="row" { (hour.ending) }
                    @for value in &hour.values { td.number { (value.as_deref().unwrap_or("–")) } }
                    td {
                        @match hour.aqi {
                            Some(aqi) => { (aqi_badge(aqi, view.lang)) }
                            None => {
                                (words.void)
                                @if let Some(reason) = &hour.void_reason { " " small { (reason) } }
                            }
                        }
                    }
                } } }
            } }
            p.meta { (words.units_note) }
            (csv_link("/v1/air/hours", &view.area.id, (view.day, view.day), view.basis.review, view.lang))
        }
    }
}

fn stations_of_day(view: &DayView) -> Markup {
    let words = phrases(view.lang);
    html! {
        section.card #stations {
            h2 { (words.stations_title) }
            p.meta { (words.hours_of_24) }
            div.scroll tabindex="0" { table.dense {
                thead { tr {
                    th scope="col" { (words.col_station) }
                    @for label in ["PM2.5", "PM10", "SO2", "NO2", "CO", "O3"] { th.number scope="col" { (label) } }
                    th scope="col" { "AQI" }
                } }
                tbody { @for own in &view.stations { tr {
                    th scope="row" { (own.name) " " small { (own.id) } }
                    @for hours in own.hours { td.number { (hours) } }
                    td {
                        @match own.aqi {
                            Some(aqi) => { (aqi_badge(aqi, view.lang)) }
                            None => {
                                (words.void)
                                @if let Some(reason) = &own.void_reason { " " small { (reason) } }
                            }
                        }
                    }
                } } }
            } }
        }
    }
}
