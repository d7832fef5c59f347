//! The interface described for people: every path with what it is for, takes and answers, and who may ask.

use maud::Markup;
use maud::html;

use crate::adapters::http::error::Problem;
use crate::adapters::http::openapi::GROUPS;
use crate::adapters::http::openapi::KNOWN;
use crate::adapters::http::openapi::Operation;
use crate::adapters::http::openapi::operations;
use crate::adapters::http::openapi::roles;
use crate::adapters::http::page::frame::Around;
use crate::adapters::http::page::frame::around;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;

/// The interface to read, at `/docs`. It understands `lang`.
pub fn docs(lang: Lang) -> Markup {
    let words = phrases(lang);
    let body = html! {
        div.heading { h1 { (words.docs_title) } }
        p.meta { (words.docs_note) " " a href="/openapi.json" { "openapi.json" } }
        @for (group, zh, en) in GROUPS {
            section.card id=(group) {
                h2 { (lang.pick(zh, en)) }
                div.across tabindex="0" { table.stack {
                    thead { tr {
                        th scope="col" { (words.docs_path) }
                        th scope="col" { (words.docs_what) }
                        th scope="col" { (words.docs_query) }
                        th scope="col" { (words.docs_answers) }
                        th scope="col" { (words.docs_roles) }
                    } }
                    tbody { @for own in operations().iter().filter(|own| own.group == *group) { (line(own, lang)) } }
                } }
            }
        }
        section.card #parameters {
            h2 { (words.docs_query) }
            dl.facts { @for own in KNOWN.iter() {
                dt { code { (own.name) } }
                dd { (lang.pick(own.zh.as_str(), own.en.as_str())) " (" (own.form) ")" }
            } }
        }
        section.card #problems {
            h2 { (words.docs_problems) }
            ul { @for kind in Problem::KINDS { li { code { (Problem::urn(kind)) } } } }
        }
    };
    let around_it = Around {
        lang,
        title: words.docs_title,
        here: None,
        path: "/docs",
        own: &[],
        live: false,
    };
    around(&around_it, &[], body)
}

fn line(own: &Operation, lang: Lang) -> Markup {
    let words = phrases(lang);
    let roles = roles(own).map_or_else(|| words.docs_anyone.to_owned(), |roles| roles.join(", "));
    html! {
        tr {
            th scope="row" { code { (own.method) " " (own.path) } }
            td data-label=(words.docs_what) { (lang.pick(own.zh.as_str(), own.en.as_str())) }
            td data-label=(words.docs_query) { @if own.query.is_empty() { "–" } @else { code { (own.query.join(" ")) } } }
            td data-label=(words.docs_answers) { (own.answers.join(", ")) }
            td data-label=(words.docs_roles) { (roles) }
        }
    }
}
