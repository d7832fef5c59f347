//! The credit sections. The official tier and the computed one stand in their own columns, under their own
//! names, drawn differently, and neither is ever filled from the other.

use maud::Markup;
use maud::html;

use crate::adapters::chart::Size;
use crate::adapters::chart::palette::CreditTier;
use crate::adapters::chart::tiers as tiers_chart;
use crate::adapters::http::page::frame::both;
use crate::adapters::http::page::frame::encoded;
use crate::adapters::http::page::frame::query;
use crate::adapters::http::page::frame::review_pair;
use crate::adapters::http::page::frame::spaced;
use crate::adapters::http::page::pictures;
use crate::adapters::http::page::unit;
use crate::adapters::http::page::view::DashboardView;
use crate::adapters::http::page::view::EnterpriseRow;
use crate::adapters::http::page::view::EnterpriseView;
use crate::adapters::http::page::view::NextChange;
use crate::adapters::http::page::view::OfficialTier;
use crate::adapters::http::page::view::ReasonRow;
use crate::adapters::http::phrases::fill;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;

/// The address of an enterprise's page.
pub(super) fn path(uscc: &str) -> String {
    format!("/enterprises/{}", encoded(uscc))
}

/// How enterprises spread over the tiers.
pub(super) fn spread(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    let chart = pictures::tiers(view);
    let (on, rulebook) = (view.tiers.on.to_string(), view.tiers.rulebook.as_str());
    html! {
        section.card #tiers {
            h2 { (words.tiers_title) (example_chip(view.tiers.examples, view.lang)) }
            p.basis { span { (fill(words.tiers_on, &[("day", &on), ("rulebook", rulebook)])) } }
            (both(&tiers_chart::render(&chart, Size::Wide), &tiers_chart::render(&chart, Size::Narrow)))
            p.meta { (words.computed_note) }
            details {
                summary { (words.as_table) }
                table {
                    thead { tr {
                        th scope="col" { (words.col_computed) }
                        th.number scope="col" { (words.col_count) }
                    } }
                    tbody { @for (tier, count) in &view.tiers.counts { tr {
                        th scope="row" { (tier.name(view.lang)) }
                        td.number { (count) }
                    } } }
                }
            }
        }
    }
}

/// One page of enterprises.
pub(super) fn list(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    let rows = &view.enterprises;
    let (on, rulebook) = (view.tiers.on.to_string(), view.tiers.rulebook.as_str());
    html! {
        section.card #enterprises {
            h2 { (words.enterprises_title) }
            p.basis { span { (fill(words.tiers_on, &[("day", &on), ("rulebook", rulebook)])) } }
            p.meta { (words.official_note) }
            @if rows.iter().any(|row| row.example) { p.meta { (words.example_note) } }
            @if rows.is_empty() {
                p.meta { (words.empty_enterprises) }
            } @else {
                (enterprise_table(rows, view.lang))
            }
            (paging(view))
            p.bulletins {
                a href={ "/enterprises?" (lang_query(view.lang)) } { (view.lang.pick("企业查询", "Search")) }
                " " a href={ "/tiers?" (lang_query(view.lang)) } { (view.lang.pick("等级总览", "Wall of tiers")) }
                " " a href={ "/changes?" (lang_query(view.lang)) } { (view.lang.pick("一周变化", "Changes of the week")) }
            }
        }
    }
}

fn lang_query(lang: Lang) -> String {
    query(&[("lang", lang.key())])
}

fn paging(view: &DashboardView) -> Markup {
    let words = phrases(view.lang);
    let year = view.year.to_string();
    let mut base = vec![
        ("area", view.area.id.as_str()),
        ("year", year.as_str()),
        ("lang", view.lang.key()),
    ];
    base.extend(review_pair(view.basis.review));
    let first = format!("/?{}#enterprises", query(&base));
    html! {
        @if view.enterprises_later || view.enterprises_next.is_some() {
            nav.paging aria-label=(words.enterprises_title) {
                @if view.enterprises_later { a href=(first) { (words.first_page) } }
                @if let Some(key) = &view.enterprises_next {
                    a rel="next" href={ "/?" (query(&base)) "&" (query(&[("after", key)])) "#enterprises" } {
                        (words.next_page) " →"
                    }
                }
            }
        }
    }
}

/// Enterprises with their tiers.
pub(super) fn enterprise_table(rows: &[EnterpriseRow], lang: Lang) -> Markup {
    let words = phrases(lang);
    html! {
        table.stack {
            thead { tr {
                th scope="col" { (words.col_enterprise) }
                th scope="col" { (words.col_official) }
                th scope="col" { (words.col_computed) }
                th.number scope="col" { (words.col_score) }
                th scope="col" { (words.col_next) }
            } }
            tbody { @for row in rows { (enterprise_row(row, lang)) } }
        }
    }
}

fn enterprise_row(row: &EnterpriseRow, lang: Lang) -> Markup {
    let words = phrases(lang);
    let link = format!("{}?{}", path(&row.uscc), query(&[("lang", lang.key())]));
    html! {
        tr {
            th scope="row" {
                a href=(link) { (row.name) } (example_chip(row.example, lang))
                " " small { (row.uscc) }
            }
            td data-label=(words.col_official) { (official(row.official.as_ref(), lang)) }
            td data-label=(words.col_computed) { (computed_badge(row.computed, lang)) }
            td.number data-label=(words.col_score) { (score(row.score)) }
            td data-label=(words.col_next) { (next_change(row.next_change.as_ref(), lang)) }
        }
    }
}

fn score(score: Option<i32>) -> String {
    score.map_or_else(|| "–".to_owned(), |score| score.to_string())
}

pub(super) fn example_chip(example: bool, lang: Lang) -> Markup {
    html! {
        @if example { " " span.chip.example { (phrases(lang).example) } }
    }
}

/// A filled badge: the province's word.
pub(super) fn official(tier: Option<&OfficialTier>, lang: Lang) -> Markup {
    let words = phrases(lang);
    html! {
        @match tier {
            Some(official) => {
                span class={ "tier official tier-" (official.tier.key()) } { (official.tier.name(lang)) }
                " "
                small {
                    (fill(words.official_as_of, &[
                        ("day", &official.as_of.to_string()),
                        ("source", &official.source),
                    ]))
                    @if let Some(site) = &official.site {
                        (lang.pick("，厂区：", ", site ")) (site)
                    }
                }
            }
            None => { span.none { (words.official_none) } }
        }
    }
}

/// An outlined badge: our computation.
pub(super) fn computed_badge(tier: CreditTier, lang: Lang) -> Markup {
    html! {
        span class={ "tier computed tier-" (tier.key()) } { (tier.name(lang)) }
    }
}

fn next_change(change: Option<&NextChange>, lang: Lang) -> String {
    let words = phrases(lang);
    match change {
        Some(change) => fill(
            words.next_change,
            &[
                ("day", &change.on.to_string()),
                ("score", &change.score.to_string()),
                ("tier", change.tier.name(lang)),
            ],
        ),
        None => words.next_none.to_owned(),
    }
}

/// The page of one enterprise.
pub(super) fn enterprise(view: &EnterpriseView) -> Markup {
    let words = phrases(view.lang);
    let row = &view.row;
    let back = format!("/?{}#enterprises", query(&[("lang", view.lang.key())]));
    html! {
        p.back { a href=(back) { "← " (words.back) } }
        h1 { (row.name) (example_chip(row.example, view.lang)) }
        @if row.example { p.notice.warning role="note" { (words.example_note) } }
        dl.facts.wide-facts {
            dt { (words.uscc) } dd { code { (row.uscc) } }
            dt { (words.industry) } dd { (view.industry) }
            dt { (words.town) } dd { (view.town) }
        }
        (unit::links(&row.uscc, view.lang))
        section.cards.two {
            article.card {
                h2 { (words.official_title) }
                p.big { (official(row.official.as_ref(), view.lang)) }
                p.meta { (words.official_note) }
                @if let Some(official) = &row.official {
                    p.meta { strong {
                        @if official.tier == row.computed { (words.agree) } @else { (words.disagree) }
                    } }
                }
            }
            (computed_card(view))
        }
        (reasons(view))
        (unit::sections(&view.unit, &row.uscc, view.lang))
    }
}

fn computed_card(view: &EnterpriseView) -> Markup {
    let words = phrases(view.lang);
    let row = &view.row;
    html! {
        article.card {
            h2 { (words.computed_title) }
            p.big {
                (computed_badge(row.computed, view.lang)) " "
                @if row.score.is_some() {
                    span.unit { (fill(words.score_text, &[("score", &score(row.score))])) }
                }
            }
            dl.facts {
                dt { (words.col_next) } dd { (next_change(row.next_change.as_ref(), view.lang)) }
                dt { (words.rulebook) } dd { (view.rulebook) }
                dt { (words.col_confidence) } dd { (view.confidence) }
                dt { (words.col_day) } dd { (view.on) }
                dt { (words.known_at) } dd { (spaced(&view.known_at)) }
            }
            p.meta { (words.computed_note) }
        }
    }
}

fn reasons(view: &EnterpriseView) -> Markup {
    let words = phrases(view.lang);
    html! {
        section.card #reasons {
            h2 { (words.reasons_title) }
            @if view.reasons.is_empty() {
                p.meta { (words.empty_reasons) }
            } @else {
                table.stack {
                    thead { tr {
                        th scope="col" { (words.col_record) }
                        th scope="col" { (words.col_code) }
                        th.number scope="col" { (words.col_points) }
                        th scope="col" { (words.col_start) }
                        th scope="col" { (words.col_end) }
                        th scope="col" { (words.col_confidence) }
                    } }
                    tbody { @for reason in &view.reasons { (reason_row(reason, view.lang)) } }
                }
            }
        }
    }
}

fn reason_row(reason: &ReasonRow, lang: Lang) -> Markup {
    let words = phrases(lang);
    html! {
        tr {
            @match &reason.shown {
                Some(shown) => {
                    th scope="row" { (shown.id) }
                    td data-label=(words.col_code) { (shown.code) " " small { (shown.meaning) } }
                }
                None => {
                    th scope="row" { (words.sealed) }
                    td data-label=(words.col_code) { "–" }
                }
            }
            td.number data-label=(words.col_points) { (format!("{:+}", reason.points)) }
            @match &reason.shown {
                Some(shown) => {
                    td data-label=(words.col_start) { (shown.start) }
                    td data-label=(words.col_end) {
                        @match shown.end { Some(end) => { (end) } None => { (words.still_open) } }
                    }
                }
                None => {
                    td data-label=(words.col_start) { "–" }
                    td data-label=(words.col_end) { "–" }
                }
            }
            td data-label=(words.col_confidence) { (reason.confidence) }
        }
    }
}
