//! A sheet as one file of HTML: its own style, no script, nothing loaded from elsewhere, A4 when printed.

use maud::DOCTYPE;
use maud::Markup;
use maud::PreEscaped;
use maud::html;

use crate::adapters::bulletin::sheet::Section;
use crate::adapters::bulletin::sheet::Sheet;
use crate::adapters::bulletin::sheet::Table;
use crate::adapters::bulletin::typeface;
use crate::adapters::chart::palette::AqiLevel;

/// The style of the page.
const STYLE: &str = include_str!("bulletin.css");

/// The sheet as a page.
pub(super) fn render(sheet: &Sheet) -> String {
    let body = body(sheet);
    let typeface = typeface::rule(&body.0);
    let page = html! {
        (DOCTYPE)
        html lang=(sheet.lang.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (sheet.title) " " (sheet.subtitle) }
                style { (PreEscaped(typeface)) (PreEscaped(STYLE)) }
            }
            (body)
        }
    };
    page.into_string() + "\n"
}

fn body(sheet: &Sheet) -> Markup {
    html! {
            body {
                @if let Some(watermark) = sheet.watermark {
                    div.overlay aria-hidden="true" { span.watermark { (watermark) } }
                }
                header {
                    h1 { (sheet.title) }
                    p.period { (sheet.subtitle) @if let Some(level) = sheet.level { (badge(level, sheet)) } }
                }
                @for notice in &sheet.notices { p.notice role="note" { (notice) } }
                main { @for part in &sheet.sections { (section(part)) } }
                footer {
                    dl { @for (name, text) in &sheet.notes { div { dt { (name) } dd { (text) } } } }
                }
            }
    }
}

fn badge(level: AqiLevel, sheet: &Sheet) -> Markup {
    html! { " " span class={ "level level-" (level.number()) } { (level.name(sheet.lang)) } }
}

fn section(section: &Section) -> Markup {
    html! {
        section {
            h2 { (section.heading) }
            @for paragraph in &section.paragraphs { p { (paragraph) } }
            @if let Some(part) = &section.table { (table(part)) }
        }
    }
}

fn table(table: &Table) -> Markup {
    html! {
        table {
            thead { tr { @for name in &table.columns { th scope="col" { (name) } } } }
            tbody {
                @for row in &table.rows {
                    tr {
                        @for (at, cell) in row.iter().enumerate() {
                            @if at == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                        }
                    }
                }
            }
        }
    }
}
