//! What every page has around its content, and the small parts sections share.

use std::fmt::Write;

use chrono::NaiveDate;
use maud::DOCTYPE;
use maud::Markup;
use maud::PreEscaped;
use maud::html;

use crate::adapters::http::assets::live_script;
use crate::adapters::http::assets::style_sheet;
use crate::adapters::http::form::KEY_FIELD;
use crate::adapters::http::page::door;
use crate::adapters::http::page::rows::with_links;
use crate::adapters::http::page::view::Basis;
use crate::adapters::http::page::view::Choice;
use crate::adapters::http::phrases::fill;
use crate::adapters::http::phrases::phrases;
use crate::adapters::http::typeface::SHEET;
use crate::adapters::http::typeface::named;
use crate::adapters::lang::Lang;
use crate::domain::access::Caller;
use crate::domain::access::Role;
use crate::domain::reading::Review;

/// A part of the page that can be jumped to.
pub(super) struct Section {
    anchor: &'static str,
    name: &'static str,
}

impl Section {
    pub(super) const fn new(anchor: &'static str, name: &'static str) -> Self {
        Self { anchor, name }
    }
}

/// The pages every page leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first screen.
    Today,
    /// Years of AQI days.
    Calendar,
    /// Targets.
    Targets,
    /// Trends.
    Trends,
    /// Stations.
    Stations,
    /// Enterprises, which belong to no area.
    Enterprises,
    /// Bulletins and restatements.
    Bulletins,
    /// What came in.
    Data,
    /// A year at a glance.
    Year,
}

impl Place {
    const ALL: [Self; 9] = [
        Self::Today,
        Self::Calendar,
        Self::Targets,
        Self::Trends,
        Self::Stations,
        Self::Enterprises,
        Self::Bulletins,
        Self::Data,
        Self::Year,
    ];

    const fn path(self) -> &'static str {
        match self {
            Self::Today => "/",
            Self::Calendar => "/calendar",
            Self::Targets => "/targets",
            Self::Trends => "/trends",
            Self::Stations => "/stations",
            Self::Enterprises => "/enterprises",
            Self::Bulletins => "/bulletins",
            Self::Data => "/data",
            Self::Year => "/year",
        }
    }

    const fn name(self, lang: Lang) -> &'static str {
        let words = phrases(lang);
        match self {
            Self::Today => words.place_today,
            Self::Calendar => words.place_calendar,
            Self::Targets => words.place_targets,
            Self::Trends => words.place_trends,
            Self::Stations => words.place_stations,
            Self::Enterprises => words.place_enterprises,
            Self::Bulletins => words.place_bulletins,
            Self::Data => words.place_data,
            Self::Year => words.place_year,
        }
    }
}

/// What a page has around its content.
pub(super) struct Around<'a> {
    /// Its language.
    pub(super) lang: Lang,
    /// Its title, without the product's name.
    pub(super) title: &'a str,
    /// Which of the pages it is.
    pub(super) here: Option<Place>,
    /// Its own path.
    pub(super) path: &'a str,
    /// What its address says beside the language. Area and readings are carried on to the other pages.
    pub(super) own: &'a [(&'a str, &'a str)],
    /// Whether it follows what comes in.
    pub(super) live: bool,
}

/// The whole document.
pub(super) fn page(
    lang: Lang,
    title: &str,
    other_language: &str,
    sections: &[Section],
    body: Markup,
) -> Markup {
    let (path, _) = other_language
        .split_once('?')
        .unwrap_or((other_language, ""));
    let whole = Around {
        lang,
        title,
        here: None,
        path,
        own: &[],
        live: false,
    };
    document(&whole, other_language, sections, body)
}

/// The same with the rows of its tables as CSV beside them.
pub(super) fn page_with_rows(
    lang: Lang,
    title: &str,
    other_language: &str,
    body: Markup,
) -> Markup {
    let said = |lang: Lang| format!("lang={}", lang.key());
    let own = other_language.replacen(&said(lang.other()), &said(lang), 1);
    let body = PreEscaped(with_links(&body.0, &own, phrases(lang).as_csv));
    page(lang, title, other_language, &[], body)
}

/// The whole document of one of the [`Place`]s.
pub(super) fn around(page: &Around<'_>, sections: &[Section], body: Markup) -> Markup {
    let address = |lang: Lang| {
        let mut pairs = page.own.to_vec();
        pairs.push(("lang", lang.key()));
        format!("{}?{}", page.path, query(&pairs))
    };
    let other = address(page.lang.other());
    let words = phrases(page.lang).as_csv;
    let body = PreEscaped(with_links(&body.0, &address(page.lang), words));
    let title = format!("{} · {}", page.title, phrases(page.lang).product);
    let whole = Around {
        title: &title,
        ..*page
    };
    document(&whole, &other, sections, body)
}

/// The address of a page, with what is carried on to it.
fn address(place: Place, page: &Around<'_>) -> String {
    let of_air = place != Place::Enterprises;
    let carried = |pair: &&(&str, &str)| of_air && ["area", "review"].contains(&pair.0);
    let mut pairs: Vec<(&str, &str)> = page.own.iter().filter(carried).copied().collect();
    pairs.push(("lang", page.lang.key()));
    format!("{}?{}", place.path(), query(&pairs))
}

fn document(page: &Around<'_>, other_language: &str, sections: &[Section], body: Markup) -> Markup {
    let (lang, words) = (page.lang, phrases(page.lang));
    let whole = html! {
        (DOCTYPE)
        html lang=(lang.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="same-origin";
                title { (page.title) }
                link rel="icon" href="/assets/favicon.svg" type="image/svg+xml";
                link rel="stylesheet" href=(style_sheet());
                link rel="stylesheet" href=(SHEET);
                @if page.live { script src=(live_script()) defer {} }
            }
            body {
                a.skip href="#content" { (words.skip) }
                header.top {
                    div.inner {
                        a.brand href=(address(Place::Today, page)) { span.mark aria-hidden="true" {} (words.product) }
                        span.tagline { (words.tagline) }
                        nav aria-label=(words.language) {
                            a href=(other_language) lang=(lang.other().tag()) hreflang=(lang.other().tag()) {
                                (words.other_language)
                            }
                        }
                    }
                    nav.places aria-label=(words.places) {
                        div.inner {
                            @for place in Place::ALL {
                                a href=(address(place, page)) aria-current=[(page.here == Some(place)).then_some("page")] {
                                    (place.name(lang))
                                }
                            }
                        }
                    }
                }
                @if !sections.is_empty() {
                    nav.sections aria-label=(words.sections) {
                        div.inner {
                            @for section in sections {
                                a href={ "#" (section.anchor) } { (section.name) }
                            }
                        }
                    }
                }
                (PreEscaped(WHO))
                main #content { (body) }
                footer { div.inner { (words.footer) } }
            }
        }
    };
    // Known only now: which characters the page has.
    let address = format!("{SHEET}{}", named(&whole.0));
    PreEscaped(whole.0.replacen(SHEET, &address, 1))
}

/// Where a page has who is signed in; whoever knows it puts it there.
pub const WHO: &str = "<!--who-->";
/// The pages of whoever gives access.
const OFFICE: [(&str, &str, &str); 6] = [
    ("/tokens", "访问令牌", "Tokens"),
    ("/users", "用户", "Users"),
    ("/devices", "设备", "Devices"),
    ("/mandates", "银行授权", "Mandates"),
    ("/webhooks", "变化推送", "Webhooks"),
    ("/audit", "审计日志", "Audit log"),
];

/// Who is signed in, how to leave, and the pages that are for those alone who may see them.
pub fn who(caller: &Caller, key: Option<&str>, lang: Lang) -> Markup {
    let office = matches!(caller.role, Role::Administrator | Role::Auditor);
    let query = query(&[("lang", lang.key())]);
    html! {
        @match &caller.name {
            None if caller.is_open() => {}
            None => { div.who { div.inner { a href={ "/login?" (query) } { (lang.pick("登录", "Log in")) } } } }
            Some(name) => { div.who { div.inner {
                @if office { nav aria-label=(lang.pick("权限管理", "Access")) {
                    @for (path, zh, en) in OFFICE { a href={ (path) "?" (query) } { (lang.pick(zh, en)) } }
                } }
                span.name { (name) " · " (door::role(caller.role, lang)) }
                @if let Some(key) = key {
                    form method="post" action="/logout" {
                        input type="hidden" name=(KEY_FIELD) value=(key);
                        button type="submit" { (lang.pick("退出登录", "Log out")) }
                    }
                }
            } } }
        }
    }
}

/// The form that chooses area and readings.
pub(super) fn chooser(
    path: &str,
    area: &Choice,
    areas: &[Choice],
    readings: Review,
    lang: Lang,
) -> Markup {
    let words = phrases(lang);
    html! {
        form.choose method="get" action=(path) {
            input type="hidden" name="lang" value=(lang.key());
            label { span { (words.area) }
                select name="area" {
                    @for own in areas {
                        option value=(own.id) selected[own.id == area.id] { (own.name) }
                    }
                }
            }
            label { span { (words.values) }
                select name="review" {
                    @for own in [Review::Raw, Review::Reviewed] {
                        option value=(own.key()) selected[own == readings] { (review(own, lang)) }
                    }
                }
            }
            button type="submit" { (words.show) }
        }
    }
}

/// A link to the same figures as CSV.
pub(super) fn csv_link(
    path: &str,
    area: &str,
    (from, to): (NaiveDate, NaiveDate),
    readings: Review,
    lang: Lang,
) -> Markup {
    let (from, to) = (from.to_string(), to.to_string());
    let mut pairs = vec![
        ("area", area),
        ("from", &from),
        ("to", &to),
        ("format", "csv"),
    ];
    pairs.extend(review_pair(readings));
    html! { p.csv { a href={ (path) "?" (query(&pairs)) } download { (phrases(lang).as_csv) } } }
}

/// The sentence above a page that rests on simulated readings.
pub(super) fn simulated_notice(lang: Lang) -> Markup {
    let words = phrases(lang);
    html! {
        p.notice.warning role="note" {
            strong.chip.simulated { (words.simulated) } " " (words.simulated_note)
        }
    }
}

/// Edition, zone, review state and time of knowledge, as stands beside every figure.
pub(super) fn basis_line(basis: &Basis, lang: Lang) -> Markup {
    let words = phrases(lang);
    html! {
        p.basis {
            span title=(basis.edition_id) { (words.edition) " " (basis.edition_name) }
            " " span { (words.zone) " " (basis.zone) }
            " " span { (review(basis.review, lang)) }
            " " (PreEscaped(MADE.0)) (words.known_at) " " (spaced(&basis.known_at)) (PreEscaped(MADE.1))
        }
    }
}

/// Where to begin, on a page of an area without any valid day.
pub(super) fn nothing_yet(basis: &Basis, lang: Lang) -> Markup {
    let words = phrases(lang);
    html! {
        @if basis.newest.is_none() {
            p.notice role="note" {
                (words.no_valid_day) " "
                a href={ "/?" (query(&[("lang", lang.key())])) } { (words.begin_here) }
            }
        }
    }
}

/// What surrounds the moment a page was made, which is no part of what it shows.
pub(in crate::adapters::http) const MADE: (&str, &str) = ("<span class=\"made\">", "</span>");

/// The short form inside a card: edition, review state, newest day.
pub(super) fn basis_short(basis: &Basis, lang: Lang) -> Markup {
    let words = phrases(lang);
    html! {
        p.basis {
            span { (basis.edition_name) }
            " " span { (review(basis.review, lang)) }
            " " span { "UTC" (basis.zone) }
            @if let Some(day) = basis.newest {
                " " span { (fill(words.through, &[("day", &day.to_string())])) }
            }
        }
    }
}

/// Which readings, in words.
pub(super) fn review(review: Review, lang: Lang) -> &'static str {
    match review {
        Review::Raw => phrases(lang).raw,
        Review::Reviewed => phrases(lang).reviewed,
    }
}

/// What an address says of the readings; nothing for those as received, which is what comes without.
pub(super) fn review_pair(review: Review) -> Option<(&'static str, &'static str)> {
    (review == Review::Reviewed).then(|| ("review", review.key()))
}

/// A picture in both sizes; the style sheet shows the one that fits.
pub(super) fn both(wide: &str, narrow: &str) -> Markup {
    html! {
        div.chart.wide { (PreEscaped(wide)) }
        div.chart.narrow { (PreEscaped(narrow)) }
    }
}

/// A chip that says the figures beside it are simulated.
pub(super) fn simulated_chip(simulated: bool, lang: Lang) -> Markup {
    html! {
        @if simulated { " " span.chip.simulated { (phrases(lang).simulated) } }
    }
}

/// The words laid over simulated figures; `None` for real ones.
pub(in crate::adapters::http) fn watermark(simulated: bool, lang: Lang) -> Option<String> {
    simulated.then(|| phrases(lang).simulated.to_owned())
}

/// A time with a space between date and clock, so that a narrow line breaks there.
pub(in crate::adapters::http) fn spaced(time: &str) -> String {
    time.replacen('T', " ", 1)
}

/// A query string, every value percent-encoded.
pub(in crate::adapters::http) fn query(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        text.push_str(&encoded(value));
    }
    text
}

/// A text as it may stand in an address.
pub(super) fn encoded(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            safe.push(char::from(byte));
        } else {
            write!(safe, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::query;

    #[test]
    fn a_query_survives_what_a_name_may_hold() {
        let got = query(&[("area", "group:江阴&x=1"), ("lang", "en")]);
        assert_eq!(got, "area=group%3A%E6%B1%9F%E9%98%B4%26x%3D1&lang=en");
    }
}
