//! The page of look-ups: who asked when about whom, for auditors.

use chrono::NaiveDate;
use maud::Markup;
use maud::html;

use crate::adapters::http::page::credit::path;
use crate::adapters::http::page::frame::page;
use crate::adapters::http::page::frame::query;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;

/// One look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupRow {
    /// Its number.
    pub seq: u64,
    /// When it was asked.
    pub at: String,
    /// Who asked.
    pub client: Option<String>,
    /// Whether that was shown.
    pub checked: bool,
    /// The unit, by code and name; `None` for many at once.
    pub subject: Option<(String, Option<String>)>,
    /// How many units.
    pub items: u32,
    /// The record, which is the receipt's identifier too.
    pub id: String,
    /// Until when it is kept at least.
    pub kept_until: NaiveDate,
}

/// A page of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupsView {
    /// Language of the page.
    pub lang: Lang,
    /// What was asked for: the form's fields.
    pub asked: Vec<(&'static str, String)>,
    /// In order.
    pub rows: Vec<LookupRow>,
    /// The last number of this page, when there are more.
    pub next: Option<u64>,
}

fn field(view: &LookupsView, name: &str) -> String {
    let found = view.asked.iter().find(|(own, _)| *own == name);
    found.map(|(_, text)| text.clone()).unwrap_or_default()
}

/// The page, at `/lookups`.
pub fn lookups(view: &LookupsView) -> Markup {
    let lang = view.lang;
    let title = lang.pick("查询留痕", "Records of look-ups");
    let with = |lang: Lang, after: Option<u64>| {
        let asked = view.asked.iter().filter(|(_, text)| !text.is_empty());
        let mut pairs: Vec<(&str, &str)> =
            asked.map(|(name, text)| (*name, text.as_str())).collect();
        let after = after.map(|after| after.to_string());
        pairs.extend(after.as_deref().map(|after| ("after", after)));
        pairs.push(("lang", lang.key()));
        format!("/lookups?{}", query(&pairs))
    };
    let input = |name: &'static str, kind: &str, label: &str| {
        html! { label { span { (label) } input type=(kind) name=(name) value=(field(view, name)) maxlength="128"; } }
    };
    let body = html! {
        h1 { (title) }
        p.meta { (lang.pick(
            "每次查询留一条记录，链式保存，只增不改，至少保存十年。签发内容凭编号见",
            "Every look-up leaves a record, chained, never changed, kept for ten years at least. What was signed is shown by its id at",
        )) " " code { "/v1/lookups/ID" } }
        form.choose method="get" action="/lookups" role="search" {
            input type="hidden" name="lang" value=(lang.key());
            (input("client", "search", lang.pick("查询方", "Who asked")))
            (input("subject", "search", lang.pick("统一社会信用代码", "Code of the unit")))
            (input("from", "date", lang.pick("自", "From")))
            (input("to", "date", lang.pick("至", "To")))
            button type="submit" { (lang.pick("查询", "Search")) }
        }
        section.card #lookups { (rows(view)) }
        @if let Some(next) = view.next {
            nav.paging aria-label=(title) {
                a rel="next" href=(with(lang, Some(next))) { (phrases(lang).next_page) " →" }
            }
        }
    };
    let whole = format!("{title} · {}", phrases(lang).product);
    page(lang, &whole, &with(lang.other(), None), &[], body)
}

fn rows(view: &LookupsView) -> Markup {
    let lang = view.lang;
    let at = lang.pick("时间", "Asked");
    let who = lang.pick("查询方", "Who asked");
    let about = lang.pick("对象", "About");
    let record = lang.pick("记录编号", "Record");
    let kept = lang.pick("至少保存至", "Kept at least until");
    html! {
        @if view.rows.is_empty() {
            p.meta { (lang.pick("没有符合的记录。", "No record is like that.")) }
        } @else {
            table.stack {
                thead { tr {
                    th.number scope="col" { "#" }
                    th scope="col" { (at) } th scope="col" { (who) } th scope="col" { (about) }
                    th scope="col" { (record) } th scope="col" { (kept) }
                } }
                tbody { @for row in &view.rows { tr {
                    th.number scope="row" { (row.seq) }
                    td data-label=(at) { (row.at) }
                    td data-label=(who) { (client(row, lang)) }
                    td data-label=(about) {
                        @if let Some((code, name)) = &row.subject {
                            a href={ (path(code)) "?" (query(&[("lang", lang.key())])) } { (name.as_deref().unwrap_or(code)) }
                        } @else {
                            (row.items) (lang.pick(" 家（批量）", " units at once"))
                        }
                    }
                    td data-label=(record) { a href={ "/v1/lookups/" (row.id) } { code { (row.id) } } }
                    td data-label=(kept) { (row.kept_until) }
                } } }
            }
        }
    }
}

fn client(row: &LookupRow, lang: Lang) -> Markup {
    html! {
        @match &row.client {
            Some(name) => { (name) @if !row.checked { small { (lang.pick("（自称）", " (as it says)")) } } }
            None => { (lang.pick("未说明", "not said")) }
        }
    }
}
