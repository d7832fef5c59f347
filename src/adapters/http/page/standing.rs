//! Pages over all enterprises: the search, the wall of tiers, the changes of a week.

use chrono::NaiveDate;
use maud::Markup;
use maud::html;

use crate::adapters::chart::palette::CreditTier;
use crate::adapters::http::page::credit::computed_badge;
use crate::adapters::http::page::credit::enterprise_table;
use crate::adapters::http::page::credit::path;
use crate::adapters::http::page::frame::page_with_rows;
use crate::adapters::http::page::frame::query;
use crate::adapters::http::page::view::EnterpriseRow;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;

/// What was looked for, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchView {
    /// Language of the page.
    pub lang: Lang,
    /// Part of a code or name.
    pub wanted: String,
    /// Only this computed tier.
    pub computed: Option<CreditTier>,
    /// Only this official tier.
    pub official: Option<CreditTier>,
    /// One page of what was found.
    pub rows: Vec<EnterpriseRow>,
    /// How many were found.
    pub found: usize,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// One enterprise on the wall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Its code.
    pub uscc: String,
    /// Its name, or its code where it has none.
    pub name: String,
}

/// All enterprises of one tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WallTier {
    /// The tier.
    pub tier: CreditTier,
    /// How many there are.
    pub count: usize,
    /// The first of them.
    pub tiles: Vec<Tile>,
}

/// The wall, by one of the two kinds of tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WallView {
    /// Language of the page.
    pub lang: Lang,
    /// By the official tier, or by the computed one.
    pub official: bool,
    /// The day.
    pub on: NaiveDate,
    /// The rulebook of the day.
    pub rulebook: String,
    /// Every tier, best first.
    pub tiers: Vec<WallTier>,
    /// Enterprises on no list, when it is by the official tier.
    pub unlisted: usize,
}

/// A computed tier that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierChange {
    /// The first day of the new one.
    pub day: NaiveDate,
    /// Who.
    pub tile: Tile,
    /// Score and tier before, and after.
    pub before: (i32, CreditTier),
    /// As before.
    pub after: (i32, CreditTier),
}

/// An entry that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// When.
    pub at: String,
    /// About whom.
    pub tile: Tile,
    /// Number of its row in the ledger.
    pub seq: u64,
    /// What kind.
    pub what: &'static str,
}

/// The changes of a week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangesView {
    /// Language of the page.
    pub lang: Lang,
    /// Monday and Sunday.
    pub week: (NaiveDate, NaiveDate),
    /// Computed tiers that changed.
    pub tiers: Vec<TierChange>,
    /// How many more there are.
    pub tiers_more: usize,
    /// Entries that were made.
    pub made: Vec<Made>,
    /// How many more there are.
    pub made_more: usize,
}

/// The ways between the pages over all enterprises.
fn ways(lang: Lang) -> Markup {
    let query = query(&[("lang", lang.key())]);
    html! {
        p.bulletins {
            a href={ "/?" (query) } { "← " (phrases(lang).back) }
            " " a href={ "/enterprises?" (query) } { (lang.pick("企业查询", "Search")) }
            " " a href={ "/tiers?" (query) } { (lang.pick("等级总览", "Wall of tiers")) }
            " " a href={ "/changes?" (query) } { (lang.pick("本周变化", "Changes of the week")) }
        }
    }
}

fn whole(lang: Lang, title: &str, other: &str, body: Markup) -> Markup {
    let title = format!("{title} · {}", phrases(lang).product);
    page_with_rows(lang, &title, other, html! { (ways(lang)) (body) })
}

fn choice(name: &str, label: &str, chosen: Option<CreditTier>, lang: Lang) -> Markup {
    html! {
        label { span { (label) }
            select name=(name) {
                option value="" { (lang.pick("全部", "all")) }
                @for tier in CreditTier::ALL {
                    option value=(tier.key()) selected[chosen == Some(tier)] { (tier.name(lang)) }
                }
            }
        }
    }
}

/// The search, at `/enterprises`.
pub fn search(view: &SearchView) -> Markup {
    let (lang, words) = (view.lang, phrases(view.lang));
    let title = lang.pick("企业查询", "Enterprises");
    let key = |tier: Option<CreditTier>| tier.map_or("", CreditTier::key);
    let mut pairs = vec![
        ("q", view.wanted.as_str()),
        ("computed", key(view.computed)),
        ("official", key(view.official)),
    ];
    pairs.retain(|(_, value)| !value.is_empty());
    let with = |lang: Lang, after: Option<&str>| {
        let mut pairs = pairs.clone();
        pairs.push(("lang", lang.key()));
        pairs.extend(after.map(|after| ("after", after)));
        format!("/enterprises?{}", query(&pairs))
    };
    let body = html! {
        h1 { (title) }
        form.choose method="get" action="/enterprises" role="search" {
            input type="hidden" name="lang" value=(lang.key());
            label { span { (lang.pick("代码或名称", "Code or name")) }
                input type="search" name="q" value=(view.wanted) maxlength="100";
            }
            (choice("official", words.col_official, view.official, lang))
            (choice("computed", words.col_computed, view.computed, lang))
            button type="submit" { (lang.pick("查询", "Search")) }
        }
        section.card #found {
            h2 { (view.found) (lang.pick(" 家", " found")) }
            p.meta { (words.official_note) }
            @if view.rows.is_empty() {
                p.meta {
                    @if pairs.is_empty() { (words.empty_enterprises) }
                    @else { (lang.pick("没有符合的企业。", "No enterprise is like that.")) }
                }
            } @else {
                (enterprise_table(&view.rows, lang))
            }
            @if let Some(next) = &view.next {
                nav.paging aria-label=(title) {
                    a rel="next" href=(with(lang, Some(next))) { (words.next_page) " →" }
                }
            }
        }
    };
    whole(lang, title, &with(lang.other(), None), body)
}

fn linked(tile: &Tile, lang: Lang) -> Markup {
    let link = format!("{}?{}", path(&tile.uscc), query(&[("lang", lang.key())]));
    html! { a href=(link) { (tile.name) } }
}

/// The wall, at `/tiers`.
pub fn wall(view: &WallView) -> Markup {
    let (lang, words) = (view.lang, phrases(view.lang));
    let title = lang.pick("等级总览", "Wall of tiers");
    let with = |official: bool, lang: Lang| {
        let by = if official { "official" } else { "computed" };
        format!("/tiers?{}", query(&[("by", by), ("lang", lang.key())]))
    };
    let (own, by) = match view.official {
        true => (words.official_title, "official"),
        false => (words.computed_title, "computed"),
    };
    let body = html! {
        h1 { (title) " " span.year { (own) } }
        p.basis { span { (view.on) } " " span { (words.rulebook) " " (view.rulebook) } }
        p.bulletins {
            @if view.official {
                a href=(with(false, lang)) { (words.computed_title) }
            } @else {
                a href=(with(true, lang)) { (words.official_title) }
            }
        }
        p.meta { @if view.official { (words.official_note) } @else { (words.computed_note) } }
        @for group in &view.tiers {
            section.card.wall {
                h2 {
                    span class={ "tier " (by) " tier-" (group.tier.key()) } { (group.tier.name(lang)) }
                    " " (group.count)
                }
                @if group.tiles.is_empty() {
                    p.meta { (lang.pick("没有", "None")) }
                } @else {
                    ul.tiles { @for tile in &group.tiles { li { (linked(tile, lang)) } } }
                }
                @if group.count > group.tiles.len() {
                    p.meta {
                        a href={ "/enterprises?" (query(&[(by, group.tier.key()), ("lang", lang.key())])) } {
                            (lang.pick("全部 ", "All ")) (group.count) " →"
                        }
                    }
                }
            }
        }
        @if view.official {
            p.meta { (lang.pick("名单上没有的企业：", "Enterprises on no list: ")) (view.unlisted) }
        }
    };
    whole(lang, title, &with(view.official, lang.other()), body)
}

/// The changes of a week, at `/changes`.
pub fn changes(view: &ChangesView) -> Markup {
    let lang = view.lang;
    let title = lang.pick("一周变化", "Changes of the week");
    let (monday, sunday) = view.week;
    let of = |day: NaiveDate, lang: Lang| {
        format!(
            "/changes?{}",
            query(&[("week", &day.to_string()), ("lang", lang.key())])
        )
    };
    let before = monday.pred_opt().unwrap_or(monday);
    let after = sunday.succ_opt().unwrap_or(sunday);
    let body = html! {
        h1 { (title) " " span.year { (monday) " – " (sunday) } }
        nav.paging aria-label=(title) {
            a rel="prev" href=(of(before, lang)) { "← " (lang.pick("前一周", "Week before")) }
            a rel="next" href=(of(after, lang)) { (lang.pick("后一周", "Week after")) " →" }
        }
        (changed(view))
        (made(view))
    };
    whole(lang, title, &of(monday, lang.other()), body)
}

fn more(count: usize, lang: Lang) -> Markup {
    html! {
        @if count > 0 {
            p.meta { (lang.pick("另有 ", "and ")) (count) (lang.pick(" 条，见 ", " more, in ")) code { "/v1/changes" } }
        }
    }
}

fn changed(view: &ChangesView) -> Markup {
    let lang = view.lang;
    let [col_before, col_after] = [
        lang.pick("原推算等级", "Computed before"),
        lang.pick("新推算等级", "Computed since"),
    ];
    html! {
        section.card #tiers {
            h2 { (lang.pick("推算等级变化", "Computed tiers that changed")) }
            p.meta { (lang.pick("按现有条目推算，含到期自动变化；官方等级见名单。", "By the entries known now, those by the calendar alone too; official tiers are in the lists.")) }
            @if view.tiers.is_empty() {
                p.meta { (lang.pick("本周没有。", "None in this week.")) }
            } @else {
                table.stack {
                    thead { tr {
                        th scope="col" { (lang.pick("企业", "Enterprise")) }
                        th scope="col" { (lang.pick("日期", "Day")) }
                        th scope="col" { (col_before) } th scope="col" { (col_after) }
                    } }
                    tbody { @for change in &view.tiers { tr {
                        th scope="row" { (linked(&change.tile, lang)) }
                        td data-label=(lang.pick("日期", "Day")) { (change.day) }
                        td data-label=(col_before) { (stood(change.before, lang)) }
                        td data-label=(col_after) { (stood(change.after, lang)) }
                    } } }
                }
            }
            (more(view.tiers_more, lang))
        }
    }
}

fn stood((score, tier): (i32, CreditTier), lang: Lang) -> Markup {
    html! { (computed_badge(tier, lang)) " " @if tier != CreditTier::Unrated { small { (score) } } }
}

fn made(view: &ChangesView) -> Markup {
    let lang = view.lang;
    html! {
        section.card #entries {
            h2 { (lang.pick("本周录入", "Entries made")) }
            @if view.made.is_empty() {
                p.meta { (lang.pick("本周没有。", "None in this week.")) }
            } @else {
                table.stack {
                    thead { tr {
                        th scope="col" { (lang.pick("企业", "Enterprise")) }
                        th scope="col" { (lang.pick("条目", "Entry")) }
                        th scope="col" { (lang.pick("录入", "Entered")) }
                        th.number scope="col" { "#" }
                    } }
                    tbody { @for row in &view.made { tr {
                        th scope="row" { (linked(&row.tile, lang)) }
                        td data-label=(lang.pick("条目", "Entry")) { (row.what) }
                        td data-label=(lang.pick("录入", "Entered")) { (row.at) }
                        td.number data-label="#" { (row.seq) }
                    } } }
                }
            }
            (more(view.made_more, lang))
        }
    }
}
