//! The pages of the bureau, rendered whole on the server; each can be read without scripts. Chinese first; `?lang=en`
//! asks for English.
//!
//! A page places what its view holds. It computes nothing, and says with every figure which edition, zone and
//! review state it rests on.

mod air;
pub mod calendar;
pub mod certificate;
mod credit;
pub mod docs;
pub mod door;
pub mod frame;
pub mod hooks;
pub mod lookups;

pub mod mishap;

pub mod office;
pub mod pictures;
pub mod process;
pub mod rows;
pub mod sheet;
pub mod standing;
pub(in crate::adapters::http) mod tables;
pub mod targets;
pub mod today;
pub mod unit;
pub mod view;

use maud::Markup;
use maud::html;

use crate::adapters::http::page::frame::Around;
use crate::adapters::http::page::frame::Place;
use crate::adapters::http::page::frame::Section;
use crate::adapters::http::page::frame::around;
use crate::adapters::http::page::frame::basis_line;
use crate::adapters::http::page::frame::page_with_rows;
use crate::adapters::http::page::frame::query;
use crate::adapters::http::page::frame::review;
use crate::adapters::http::page::frame::review_pair;
use crate::adapters::http::page::frame::simulated_notice;
use crate::adapters::http::page::view::DashboardView;
use crate::adapters::http::page::view::EnterpriseView;
use crate::adapters::http::phrases::fill;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;
use crate::domain::reading::Review;
use crate::flow::bulletin::KINDS;

/// Silent stations that are named; the rest are counted.
const SILENT_NAMED: usize = 10;

/// The year at a glance, at `/year`. It understands `area`, `year`, `review`, `lang` and `after` (a key of the enterprise
/// list).
pub fn dashboard(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    let sections = [
        Section::new("progress", words.pm25_title),
        Section::new("calendar", words.calendar_title),
        Section::new("trend", words.trend_title),
        Section::new("stations", words.stations_title),
        Section::new("published", words.published_title),
        Section::new("tiers", words.tiers_title),
        Section::new("enterprises", words.enterprises_title),
    ];
    let title = format!("{} {}", view.area.name, view.year);
    let year = view.year.to_string();
    let mut own = vec![("area", view.area.id.as_str()), ("year", &year)];
    own.extend(review_pair(view.basis.review));
    let body = html! {
        (heading(view))
        (notices(view))
        @if is_empty(view) { (air::nothing_yet(view)) }
        section.cards #progress aria-label=(words.pm25_title) {
            (air::pm25(view))
            (air::ratio(view))
            (air::day(view))
        }
        (air::calendar(view))
        (air::trend(view))
        (tables::stations(view))
        (tables::published(view))
        (credit::spread(view))
        (credit::list(view))
    };
    let around_it = Around {
        lang: view.lang,
        title: &title,
        here: Some(Place::Year),
        path: "/year",
        own: &own,
        live: false,
    };
    around(&around_it, &sections, body)
}

/// An enterprise and the reasons of its tier, at `/enterprises/{uscc}`.
pub fn enterprise(view: &EnterpriseView) -> Markup {
    let words = phrases(view.lang);
    let title = format!("{} · {}", view.row.name, words.product);
    let other = query(&[("lang", view.lang.other().key())]);
    let path = credit::path(&view.row.uscc);
    let other = format!("{path}?{other}");
    page_with_rows(view.lang, &title, &other, credit::enterprise(view))
}

fn is_empty(view: &DashboardView) -> bool {
    view.calendar.is_empty() && view.days.is_empty()
}

fn heading(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    let through = match view.basis.newest {
        Some(day) => fill(words.through, &[("day", &day.to_string())]),
        None => words.no_data_yet.to_owned(),
    };
    html! {
        div.heading {
            div {
                h1 { (view.area.name) " " span.year { (view.year) } }
                p.through { strong { (through) } }
            }
            form.choose method="get" action="/year" {
                input type="hidden" name="lang" value=(view.lang.key());
                label { span { (words.area) }
                    select name="area" {
                        @for area in &view.areas {
                            option value=(area.id) selected[area.id == view.area.id] { (area.name) }
                        }
                    }
                }
                label { span { (words.year) }
                    select name="year" {
                        @for year in &view.years {
                            option value=(year) selected[*year == view.year] { (year) }
                        }
                    }
                }
                label { span { (words.values) }
                    select name="review" {
                        @for own in [Review::Raw, Review::Reviewed] {
                            option value=(own.key()) selected[own == view.basis.review] { (review(own, view.lang)) }
                        }
                    }
                }
                button type="submit" { (words.show) }
            }
        }
        (basis_line(&view.basis, view.lang))
        (bulletins(view))
    }
}

/// Links to the bulletins of the newest day shown.
fn bulletins(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    let mut pairs = vec![("area", view.area.id.as_str()), ("lang", view.lang.key())];
    pairs.extend(review_pair(view.basis.review));
    let query = query(&pairs);
    html! {
        @if let Some(newest) = view.days.last() {
            p.bulletins {
                (words.bulletins)
                @for (kind, name) in KINDS.into_iter().zip(words.bulletin_kinds) {
                    " " a href={ "/v1/bulletins/" (kind.containing(newest.day).label) "?" (query) } { (name) }
                }
            }
        }
    }
}

/// The stations that have fallen silent, in one line.
fn silence(silent: &[(String, String)], lang: Lang) -> Markup {
    let words = phrases(lang);
    let lead = match silent.len() {
        0 => return html! {},
        1 => words.silent_one.to_owned(),
        count => fill(words.silent_some, &[("count", &count.to_string())]),
    };
    let named = silent.iter().take(SILENT_NAMED);
    let mut parts: Vec<String> = named
        .map(|(name, time)| fill(words.silent_last, &[("name", name), ("time", time)]))
        .collect();
    if let Some(more) = silent.len().checked_sub(SILENT_NAMED + 1) {
        parts.push(fill(
            words.silent_more,
            &[("count", &(more + 1).to_string())],
        ));
    }
    let list = parts.join(lang.pick("；", "; "));
    html! { p.notice.warning role="status" { strong { (lead) } (list) } }
}

fn notices(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    html! {
        @if view.simulated {
            (simulated_notice(view.lang))
        }
        (silence(&view.silent, view.lang))
        @if view.default_note { p.notice role="note" { (words.default_note) } }
    }
}
