//! What the page of one enterprise tells beside its tiers: the course of both, what comes, what it costs and allows, every entry
//! behind it, and what would be if.

use chrono::NaiveDate;
use maud::Markup;
use maud::html;

use crate::adapters::chart::Size;
use crate::adapters::chart::palette::CreditTier;
use crate::adapters::chart::timeline;
use crate::adapters::chart::timeline::TimelineChart;
use crate::adapters::http::page::credit::computed_badge;
use crate::adapters::http::page::credit::path;
use crate::adapters::http::page::frame::both;
use crate::adapters::http::page::frame::query;
use crate::adapters::http::page::process::Process;
use crate::adapters::http::page::process::section;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;

/// Score and tier from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// First day.
    pub from: NaiveDate,
    /// Score; `None` when unrated.
    pub score: Option<i32>,
    /// Tier.
    pub tier: CreditTier,
}

/// A surcharge on something bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surcharge {
    /// On what.
    pub name: String,
    /// The rate with its unit.
    pub rate: String,
    /// Whether it is in force, in words.
    pub in_force: &'static str,
}

/// The tier that decides tariffs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// The tier.
    pub tier: CreditTier,
    /// The day it was taken.
    pub snapshot: NaiveDate,
    /// First and last day the tariffs apply.
    pub days: (NaiveDate, NaiveDate),
    /// Whether that day is still to come.
    pub forecast: bool,
    /// Surcharges.
    pub surcharges: Vec<Surcharge>,
}

/// One matter in which tiers are treated differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Treatment {
    /// Which.
    pub matter: &'static str,
    /// By the official tier; `None` without one.
    pub official: Option<String>,
    /// By the computed tier.
    pub computed: Option<String>,
}

/// An entry behind the tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    /// Number of its row in the ledger.
    pub seq: u64,
    /// How it stands, in words.
    pub state: &'static str,
    /// What is told of it; nothing since its repair.
    pub shown: Option<EntryShown>,
    /// Points it takes or gives.
    pub points: Option<i32>,
    /// First day it counts, and the first it no longer does.
    pub days: (Option<NaiveDate>, Option<NaiveDate>),
}

/// An entry as the authority and the unit may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryShown {
    /// Its identifier.
    pub id: String,
    /// What it is.
    pub what: String,
    /// Number, day and author of its document.
    pub document: String,
    /// The day it was entered, and whether that was late; in words.
    pub entered: String,
    /// Whether it was late.
    pub late: bool,
}

/// What would be if.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thought {
    /// What was thought of, in words.
    pub what: String,
    /// As it stands, today and from then on.
    pub stands: Vec<Ahead>,
    /// As it would be.
    pub would: Vec<Ahead>,
}

/// The rest of an enterprise's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitView {
    /// The course of both tiers.
    pub timeline: TimelineChart,
    /// Today and the changes ahead, if nothing further is entered.
    pub ahead: Vec<Ahead>,
    /// What decides tariffs.
    pub tariff: Option<Tariff>,
    /// How both tiers are treated.
    pub treatments: Vec<Treatment>,
    /// Every entry.
    pub entries: Vec<EntryRow>,
    /// Codes that may be thought of, with their meaning.
    pub codes: Vec<(String, String)>,
    /// Records whose repair may be thought of.
    pub repairable: Vec<String>,
    /// Today, which the form offers.
    pub today: NaiveDate,
    /// What was thought of.
    pub thought: Option<Thought>,
    /// Why it cannot be.
    pub refused: Option<String>,
    /// What whoever reads it may do.
    pub process: Process,
}

/// The sections under the two tiers.
pub(super) fn sections(view: &UnitView, uscc: &str, lang: Lang) -> Markup {
    html! {
        (course(view, lang))
        section.cards.two {
            article.card #ahead {
                h2 { (lang.pick("今后走势", "What comes")) }
                p.meta { (lang.pick("若此后再无新的记录。", "If nothing further is entered.")) }
                (aheads(&view.ahead, lang))
            }
            (tariff(view.tariff.as_ref(), lang))
        }
        (treatments(&view.treatments, lang))
        (section(&view.process, uscc, lang))
        (what_if(view, uscc, lang))
        (entries(&view.entries, lang))
    }
}

/// The link to the certificate, and to what stands behind the tier as JSON.
pub(super) fn links(uscc: &str, lang: Lang) -> Markup {
    let own = path(uscc);
    let query = query(&[("lang", lang.key())]);
    let json = own.replacen("/enterprises", "/v1/enterprises", 1);
    html! {
        p.bulletins {
            a href={ (own) "/certificate?" (query) } { (lang.pick("打印信用证明", "Certificate to print")) }
            " " a href={ (json) "/tier" } { (lang.pick("带回执的查询结果", "Answer with its receipt")) }
            " " a href={ (json) "/history" } { (lang.pick("等级变化", "History")) }
        }
    }
}

fn course(view: &UnitView, lang: Lang) -> Markup {
    let chart = &view.timeline;
    html! {
        section.card #course {
            h2 { (lang.pick("等级变化", "Course of the tiers")) }
            (both(&timeline::render(chart, Size::Wide), &timeline::render(chart, Size::Narrow)))
            (stretches(chart, lang))
            p.meta {
                (lang.pick("两条分别画出，互不替代；今天以后为推算。", "Two bands, neither in place of the other; beyond today it is a forecast."))
            }
        }
    }
}

/// The bands of the course, day by day where they change.
fn stretches(chart: &TimelineChart, lang: Lang) -> Markup {
    let bands = [
        (lang.pick("官方等级", "Official tier"), &chart.official),
        (lang.pick("推算等级", "Computed tier"), &chart.computed),
    ];
    html! {
        details {
            summary { (phrases(lang).as_table) }
            table {
                thead { tr {
                    th scope="col" { (lang.pick("哪一种", "Which")) }
                    th scope="col" { (lang.pick("起", "From")) }
                    th scope="col" { (lang.pick("止", "To")) }
                    th scope="col" { (lang.pick("等级", "Tier")) }
                } }
                tbody { @for (which, own) in bands { @for stretch in own { tr {
                    th scope="row" { (which) }
                    td { (stretch.from) }
                    td { (stretch.to) }
                    td { (stretch.tier.name(lang)) }
                } } } }
            }
        }
    }
}

fn score(score: Option<i32>) -> String {
    score.map_or_else(|| "–".to_owned(), |score| score.to_string())
}

fn aheads(rows: &[Ahead], lang: Lang) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { (lang.pick("起", "From")) }
                th.number scope="col" { (lang.pick("分值", "Score")) }
                th scope="col" { (lang.pick("推算等级", "Computed tier")) }
            } }
            tbody { @for row in rows { tr {
                th scope="row" { (row.from) }
                td.number { (score(row.score)) }
                td { (computed_badge(row.tier, lang)) }
            } } }
        }
    }
}

fn tariff(tariff: Option<&Tariff>, lang: Lang) -> Markup {
    let (rate, in_force) = (lang.pick("标准", "Rate"), lang.pick("是否施行", "In force"));
    html! {
        article.card #tariff {
            h2 { (lang.pick("电价水价等级", "Tier of the tariffs")) }
            @match tariff {
                None => p.meta { (lang.pick("暂无", "None")) },
                Some(tariff) => {
                    p.big { (computed_badge(tariff.tier, lang)) }
                    p.meta {
                        (lang.pick("取自", "Taken on ")) (tariff.snapshot)
                        (lang.pick("，适用于", ", for ")) (tariff.days.0) "–" (tariff.days.1)
                        @if tariff.forecast { strong { (lang.pick("；该日未到，为推算", "; that day is still to come: a forecast")) } }
                    }
                    table.stack {
                        thead { tr {
                            th scope="col" { (lang.pick("加价", "Surcharge")) }
                            th.number scope="col" { (rate) }
                            th scope="col" { (in_force) }
                        } }
                        tbody { @for row in &tariff.surcharges { tr {
                            th scope="row" { (row.name) }
                            td.number data-label=(rate) { (row.rate) }
                            td data-label=(in_force) { (row.in_force) }
                        } } }
                    }
                }
            }
        }
    }
}

fn treatments(rows: &[Treatment], lang: Lang) -> Markup {
    let none = lang.pick("名单上没有", "Not on a list");
    html! {
        section.card #treatment {
            h2 { (lang.pick("等级带来的后果", "What follows from the tier")) }
            table.stack {
                thead { tr {
                    th scope="col" { (lang.pick("事项", "Matter")) }
                    th scope="col" { (lang.pick("按官方等级", "By the official tier")) }
                    th scope="col" { (lang.pick("按推算等级（仅供参考）", "By the computed tier, for information")) }
                } }
                tbody { @for row in rows { tr {
                    th scope="row" { (row.matter) }
                    td data-label=(lang.pick("按官方等级", "By the official tier")) { (row.official.as_deref().unwrap_or(none)) }
                    td data-label=(lang.pick("按推算等级", "By the computed tier")) { (row.computed.as_deref().unwrap_or("–")) }
                } } }
            }
        }
    }
}

fn what_if(view: &UnitView, uscc: &str, lang: Lang) -> Markup {
    html! {
        section.card #what-if {
            h2 { (lang.pick("如果……", "What if")) }
            p.meta { (lang.pick("只作设想，不记入任何内容，银行看不到。", "Only thought of: nothing is entered, and banks do not see it.")) }
            form.choose method="get" action={ (path(uscc)) "#what-if" } {
                input type="hidden" name="lang" value=(lang.key());
                label { span { (lang.pick("若有一份文书", "A document of")) }
                    select name="code" {
                        option value="" { "–" }
                        @for (code, meaning) in &view.codes { option value=(code) { (code) " " (meaning) } }
                    }
                }
                label { span { (lang.pick("文书日期", "dated")) }
                    input type="date" name="doc_date" value=(view.today);
                }
                @if !view.repairable.is_empty() {
                    label { span { (lang.pick("若修复记录", "A repair of")) }
                        select name="repair" {
                            option value="" { "–" }
                            @for id in &view.repairable { option value=(id) { (id) } }
                        }
                    }
                    label { span { (lang.pick("批准日期", "approved")) }
                        input type="date" name="approved" value=(view.today);
                    }
                }
                button type="submit" { (lang.pick("推算", "Work it out")) }
            }
            @if let Some(refused) = &view.refused { p.notice.warning role="status" { (refused) } }
            @if let Some(thought) = &view.thought {
                p { strong { (thought.what) } }
                div.cards.two {
                    div { h3 { (lang.pick("现状", "As it stands")) } (aheads(&thought.stands, lang)) }
                    div { h3 { (lang.pick("设想", "As it would be")) } (aheads(&thought.would, lang)) }
                }
            }
        }
    }
}

fn entries(rows: &[EntryRow], lang: Lang) -> Markup {
    let [
        col_what,
        col_document,
        col_entered,
        col_points,
        col_days,
        col_state,
    ] = [
        lang.pick("内容", "What"),
        lang.pick("文书", "Document"),
        lang.pick("录入", "Entered"),
        lang.pick("分值", "Points"),
        lang.pick("起止", "Counts"),
        lang.pick("状态", "State"),
    ];
    html! {
        section.card #entries {
            h2 { (lang.pick("全部条目", "Every entry")) }
            @if rows.is_empty() {
                p.meta { (lang.pick("台账中没有该企业的条目。", "The ledger has no entry of this enterprise.")) }
            } @else {
                table.stack {
                    thead { tr {
                        th scope="col" { (col_what) } th scope="col" { (col_document) } th scope="col" { (col_entered) }
                        th.number scope="col" { (col_points) } th scope="col" { (col_days) } th scope="col" { (col_state) }
                    } }
                    tbody { @for row in rows { (entry(row, [col_document, col_entered, col_points, col_days, col_state], lang)) } }
                }
            }
        }
    }
}

fn entry(row: &EntryRow, names: [&str; 5], lang: Lang) -> Markup {
    let day = |day: Option<NaiveDate>| day.map_or_else(|| "…".to_owned(), |day| day.to_string());
    let (from, to) = row.days;
    let days = from.map_or_else(|| "–".to_owned(), |from| format!("{from} – {}", day(to)));
    html! {
        tr {
            @match &row.shown {
                Some(shown) => {
                    th scope="row" { (shown.what) " " small { (shown.id) } }
                    td data-label=(names[0]) { (shown.document) }
                    td data-label=(names[1]) {
                        (shown.entered)
                        @if shown.late { " " span.chip.late { (lang.pick("迟录", "late")) } }
                    }
                }
                None => {
                    th scope="row" { (lang.pick("已修复，不再公示", "repaired, no longer shown")) " " small { "#" (row.seq) } }
                    td data-label=(names[0]) { "–" }
                    td data-label=(names[1]) { "–" }
                }
            }
            td.number data-label=(names[2]) { (row.points.map_or_else(|| "–".to_owned(), |points| format!("{points:+}"))) }
            td data-label=(names[3]) { @if row.shown.is_some() { (days) } @else { "–" } }
            td data-label=(names[4]) { (row.state) }
        }
    }
}
