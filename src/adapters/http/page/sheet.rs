//! Pages made of blocks: facts, tables, pictures, links, as they are filled in. A table folds into cards on a telephone.

use maud::Markup;
use maud::PreEscaped;
use maud::html;

use crate::adapters::chart::ON_PAGE;
use crate::adapters::http::page::frame::Around;
use crate::adapters::http::page::frame::Place;
use crate::adapters::http::page::frame::around;
use crate::adapters::http::page::frame::basis_line;
use crate::adapters::http::page::frame::chooser;
use crate::adapters::http::page::frame::nothing_yet;
use crate::adapters::http::page::frame::query;
use crate::adapters::http::page::frame::simulated_chip;
use crate::adapters::http::page::frame::simulated_notice;
use crate::adapters::http::page::view::Basis;
use crate::adapters::http::page::view::Choice;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;

/// A page of blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// Language of the page.
    pub lang: Lang,
    /// Which of the pages it belongs to.
    pub place: Place,
    /// Its path.
    pub path: String,
    /// What its address says beside the language.
    pub own: Vec<(&'static str, String)>,
    /// Its heading.
    pub heading: String,
    /// What stands behind the heading, smaller.
    pub subject: String,
    /// The area and every other that can be chosen; `None` where there is nothing to choose.
    pub choose: Option<(Choice, Vec<Choice>)>,
    /// What its figures rest on.
    pub basis: Option<Basis>,
    /// Whether any reading behind them is simulated.
    pub simulated: bool,
    /// What it shows.
    pub blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Where it can be jumped to.
    pub anchor: &'static str,
    /// What it is about.
    pub title: String,
    /// Sentences above it.
    pub notes: Vec<String>,
    /// What it shows, in order.
    pub parts: Vec<Part>,
}

/// What a block shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Names and values.
    Facts(Vec<(String, Cell)>),
    /// A table.
    Table(Table),
    /// A picture in both sizes, drawn.
    Picture {
        /// For desks.
        wide: String,
        /// For telephones.
        narrow: String,
    },
    /// A picture that is asked for when it is looked at, with the words for those who cannot see it.
    Later {
        /// Its address, without the size.
        address: String,
        /// What it shows.
        words: String,
    },
    /// A text letter by letter.
    Verbatim(String),
    /// Addresses with their names.
    Links(Vec<(String, String)>),
    /// A form that asks for a text and a choice.
    Form(Form),
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns, and whether they hold numbers. The first names the row.
    pub columns: Vec<(String, bool)>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// What to say when there is none.
    pub empty: String,
    /// Where a path of the interface has the same rows as CSV; `None` lets the page give them itself.
    pub csv: Option<String>,
    /// Whether it is folded away behind a picture.
    pub folded: bool,
}

/// A cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Its text.
    pub text: String,
    /// Where it leads.
    pub href: Option<String>,
    /// A verdict it stands for, shown as a chip.
    pub good: Option<bool>,
}

impl Cell {
    /// A cell of a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// A cell that leads somewhere.
    pub fn link(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            href: Some(href.into()),
            good: None,
        }
    }

    /// A verdict.
    pub fn verdict(good: bool, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            href: None,
            good: Some(good),
        }
    }
}

/// A field of a form: its name, what it is called, and its choices as value and words.
pub type Field = (&'static str, String, Vec<(String, String)>);

/// A form that leads to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Where to.
    pub action: String,
    /// What is sent along unseen.
    pub hidden: Vec<(&'static str, String)>,
    /// Fields by name, label and choices, the first of which is chosen; a field without choices takes a text.
    pub fields: Vec<Field>,
}

/// The page.
pub fn sheet(view: &Sheet) -> Markup {
    let own: Vec<(&str, &str)> = view.own.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let body = html! {
        div.heading {
            h1 { (view.heading) " " span.year { (view.subject) } }
            @if let (Some((area, areas)), Some(basis)) = (&view.choose, &view.basis) {
                (chooser(&view.path, area, areas, basis.review, view.lang))
            }
        }
        @if let Some(basis) = &view.basis {
            (basis_line(basis, view.lang))
            (nothing_yet(basis, view.lang))
        }
        @if view.simulated { (simulated_notice(view.lang)) }
        @for block in &view.blocks { (self::block(block, view)) }
    };
    let title = format!("{} · {}", view.subject, view.heading);
    let around_it = Around {
        lang: view.lang,
        title: title.trim_start_matches(" · "),
        here: Some(view.place),
        path: &view.path,
        own: &own,
        live: false,
    };
    around(&around_it, &[], body)
}

fn block(block: &Block, view: &Sheet) -> Markup {
    html! {
        section.card id=(block.anchor) {
            h2 { (block.title) (simulated_chip(view.simulated, view.lang)) }
            @for note in &block.notes { p.meta { (note) } }
            @for part in &block.parts { (self::part(part, block.anchor, view)) }
        }
    }
}

/// Where a block's rows are as CSV when no path of the interface has them.
fn own_csv(anchor: &str, view: &Sheet) -> String {
    let mut pairs: Vec<(&str, &str)> = view.own.iter().map(|(k, v)| (*k, v.as_str())).collect();
    pairs.extend([("lang", view.lang.key()), ("csv", anchor)]);
    format!("{}?{}", view.path, query(&pairs))
}

fn part(part: &Part, anchor: &str, view: &Sheet) -> Markup {
    let lang = view.lang;
    html! {
        @match part {
            Part::Facts(rows) => {
                dl.facts { @for (name, value) in rows { dt { (name) } dd { (cell(value)) } } }
            }
            Part::Table(own) => { (table(own, &own_csv(anchor, view), lang)) }
            Part::Picture { wide, narrow } => {
                div.chart.wide { (PreEscaped(wide)) }
                div.chart.narrow { (PreEscaped(narrow)) }
            }
            Part::Later { address, words } => {
                div.chart.wide { img loading="lazy" alt=(words) src={ (address) "#" (ON_PAGE) }; }
                div.chart.narrow { img loading="lazy" alt=(words) src={ (address) "&size=narrow#" (ON_PAGE) }; }
            }
            Part::Verbatim(text) => { pre.verbatim tabindex="0" { code { (text) } } }
            Part::Links(links) => {
                ul.links { @for (href, name) in links { li { a href=(href) { (name) } } } }
            }
            Part::Form(form) => { (self::form(form, lang)) }
        }
    }
}

fn cell(cell: &Cell) -> Markup {
    html! {
        @match (&cell.href, cell.good) {
            (Some(href), _) => { a href=(href) { (cell.text) } }
            (None, Some(true)) => { span.chip.met { "✓ " (cell.text) } }
            (None, Some(false)) => { span.chip.missed { "× " (cell.text) } }
            (None, None) => { (cell.text) }
        }
    }
}

fn table(table: &Table, own_csv: &str, lang: Lang) -> Markup {
    let words = phrases(lang);
    let rows = html! {
        table.stack {
            thead { tr { @for (name, number) in &table.columns { th.number[*number] scope="col" { (name) } } } }
            tbody { @for row in &table.rows { tr {
                @for (at, (own, (name, number))) in row.iter().zip(&table.columns).enumerate() {
                    @if at == 0 { th scope="row" { (cell(own)) } }
                    @else { td.number[*number] data-label=(name) { (cell(own)) } }
                }
            } } }
        }
    };
    html! {
        @if table.rows.is_empty() { p.meta { (table.empty) } }
        @else if table.folded {
            details { summary { (words.as_table) } div.scroll tabindex="0" { (rows) } }
        } @else { div.across tabindex="0" { (rows) } }
        @if table.csv.is_some() || !table.rows.is_empty() {
            p.csv { a href=(table.csv.as_deref().unwrap_or(own_csv)) download { (words.as_csv) } }
        }
    }
}

fn form(form: &Form, lang: Lang) -> Markup {
    html! {
        form.choose method="get" action=(form.action) {
            @for (name, value) in &form.hidden { input type="hidden" name=(name) value=(value); }
            @for (name, label, choices) in &form.fields {
                label { span { (label) }
                    @if choices.is_empty() { input type="text" name=(name); }
                    @else {
                        select name=(name) { @for (value, text) in choices { option value=(value) { (text) } } }
                    }
                }
            }
            button type="submit" { (phrases(lang).show) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Block;
    use super::Cell;
    use super::Part;
    use super::Sheet;
    use super::Table;
    use super::sheet;
    use crate::adapters::http::page::frame::Place;
    use crate::adapters::http::page::rows::csv;
    use crate::adapters::lang::Lang;

    #[test]
    fn cells_stay_text_and_an_empty_table_says_so() {
        let table = |rows| {
            Part::Table(Table {
                columns: vec![("a".to_owned(), false), ("b".to_owned(), true)],
                rows,
                empty: "nothing here".to_owned(),
                ..Table::default()
            })
        };
        let view = |rows| Sheet {
            lang: Lang::En,
            place: Place::Stations,
            path: "/stations".to_owned(),
            own: Vec::new(),
            heading: "h".to_owned(),
            subject: String::new(),
            choose: None,
            basis: None,
            simulated: false,
            blocks: vec![Block {
                anchor: "x",
                title: "t".to_owned(),
                notes: Vec::new(),
                parts: vec![table(rows)],
            }],
        };
        let hostile = Cell::link("<script>", "\"><script>");
        let page = sheet(&view(vec![vec![hostile, Cell::text("1")]])).into_string();
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("data-label=\"b\""), "{page}");
        assert!(page.contains("/stations?lang=en&amp;csv=x"), "{page}");
        let rows = sheet(&view(vec![vec![Cell::text("1,5"), Cell::text("=2")]]));
        let rows = csv(&rows.into_string(), "x");
        assert_eq!(rows.as_deref(), Some("a,b\n\"1,5\",'=2\n".as_bytes()));
        assert!(
            sheet(&view(Vec::new()))
                .into_string()
                .contains("nothing here")
        );
    }
}
