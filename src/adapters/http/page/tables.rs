//! The tables of the air side: stations, and figures published earlier beside ours.

use maud::Markup;
use maud::html;

use crate::adapters::http::page::air::aqi_badge;
use crate::adapters::http::page::frame::basis_short;
use crate::adapters::http::page::frame::simulated_chip;
use crate::adapters::http::page::frame::spaced;
use crate::adapters::http::page::pictures::PM25_UNIT;
use crate::adapters::http::page::view::DashboardView;
use crate::adapters::http::page::view::PublishedRow;
use crate::adapters::http::page::view::StationRow;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;
use crate::domain::registry::Item;
use crate::domain::registry::StationClass;

pub(in crate::adapters::http) fn class_name(class: StationClass, lang: Lang) -> &'static str {
    let words = phrases(lang);
    match class {
        StationClass::National => words.class_national,
        StationClass::Provincial => words.class_provincial,
        StationClass::Town => words.class_town,
        StationClass::Micro => words.class_micro,
    }
}

fn item_name(item: Item, lang: Lang) -> &'static str {
    let words = phrases(lang);
    match item {
        Item::Pm25Mean => words.item_pm25,
        Item::GoodDayRatio => words.item_ratio,
        Item::GoodDays => words.item_good_days,
        Item::HeavyDays => words.item_heavy_days,
        Item::Pm10Mean => words.item_pm10,
        Item::O3P90 => words.item_o3,
        Item::CompositeIndex => words.item_composite,
    }
}

/// The stations of the area.
pub(super) fn stations(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    html! {
        section.card #stations {
            h2 { (words.stations_title) }
            (basis_short(&view.basis, view.lang))
            @if view.stations.is_empty() {
                p.meta { (words.empty_stations) }
            } @else {
                table.stack {
                    thead { tr {
                        th scope="col" { (words.col_station) }
                        th scope="col" { (words.col_class) }
                        th scope="col" { (words.col_last_time) }
                        th.number scope="col" { (words.col_pm25_latest) " (" (PM25_UNIT) ")" }
                        th scope="col" { (words.col_day_aqi) }
                        th.number scope="col" { (words.col_valid_days) }
                    } }
                    tbody { @for row in &view.stations { (station(row, view.lang)) } }
                }
            }
        }
    }
}

fn station(row: &StationRow, lang: Lang) -> Markup {
    let words = phrases(lang);
    html! {
        tr {
            th scope="row" {
                (row.name) " " small { (row.id) } (simulated_chip(row.simulated, lang))
            }
            td data-label=(words.col_class) { (class_name(row.class, lang)) }
            td data-label=(words.col_last_time) { (row.last_time.as_deref().map_or_else(|| "–".to_owned(), spaced)) }
            td.number data-label=(words.col_pm25_latest) { (row.pm25.as_deref().unwrap_or("–")) }
            td data-label=(words.col_day_aqi) {
                @match row.day_aqi {
                    Some(aqi) => { (aqi_badge(aqi, lang)) }
                    None => { (words.void) }
                }
            }
            td.number data-label=(words.col_valid_days) { (row.valid_days) }
        }
    }
}

/// Figures published earlier beside ours.
pub(super) fn published(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    html! {
        section.card #published {
            h2 { (words.published_title) (simulated_chip(view.simulated, view.lang)) }
            (basis_short(&view.basis, view.lang))
            @if view.published.is_empty() {
                p.meta { (words.empty_published) }
            } @else {
                table.stack {
                    thead { tr {
                        th scope="col" { (words.col_period) }
                        th scope="col" { (words.col_item) }
                        th.number scope="col" { (words.col_published) }
                        th.number scope="col" { (words.col_published_yoy) }
                        th.number scope="col" { (words.col_ours) }
                        th scope="col" { (words.col_matches) }
                        th scope="col" { (words.col_source) }
                    } }
                    tbody { @for row in &view.published { (figure(row, view.lang)) } }
                }
            }
        }
    }
}

fn figure(row: &PublishedRow, lang: Lang) -> Markup {
    let words = phrases(lang);
    html! {
        tr {
            th scope="row" { (row.period) }
            td data-label=(words.col_item) { (item_name(row.item, lang)) }
            td.number data-label=(words.col_published) { (row.published) }
            td.number data-label=(words.col_published_yoy) { (row.published_yoy.as_deref().unwrap_or("–")) }
            td.number data-label=(words.col_ours) { (row.ours.as_deref().unwrap_or("–")) }
            td data-label=(words.col_matches) {
                @match row.matches {
                    Some(true) => { span.chip.met { "✓ " (words.matches) } }
                    Some(false) => { span.chip.missed { "× " (words.differs) } }
                    None => { span.chip { (words.ours_missing) } }
                }
            }
            td data-label=(words.col_source) { (row.source) }
        }
    }
}
