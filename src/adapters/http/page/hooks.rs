//! The page of subscribers: who is told of the ledger's changes, how far, what stands in the way, and what was laid aside.

use maud::Markup;
use maud::html;

use crate::adapters::http::page::office::Input;
use crate::adapters::http::page::office::Office;
use crate::adapters::http::page::office::cell;
use crate::domain::credit::hook::Progress;

/// The page's path.
const PATH: &str = "/webhooks";
/// Numbers of changes laid aside that are named one by one.
const NAMED_MAX: usize = 10;

/// A subscriber.
#[derive(Debug, Clone)]
pub struct HookRow {
    /// Its name.
    pub name: String,
    /// Where messages go, as it may be shown.
    pub url: String,
    /// The bank it is of.
    pub bank: Option<String>,
    /// Of how many units it is told; `None` is all.
    pub units: Option<usize>,
    /// When it was entered.
    pub created: String,
    /// How far it was told.
    pub progress: Progress,
    /// Changes it was not told of yet.
    pub waiting: u64,
}

/// The page, at `/webhooks`.
pub fn hooks(office: &Office, rows: &[HookRow]) -> Markup {
    let columns = [
        office.pick("名称", "Name"),
        office.pick("地址", "Address"),
        office.pick("银行", "Bank"),
        office.pick("范围", "Units"),
        office.pick("最近送达", "Last delivered"),
        office.pick("待送", "Waiting"),
        office.pick("状态", "State"),
        office.pick("已搁置", "Laid aside"),
        office.pick("操作", "Acts"),
    ];
    let rows: Vec<Vec<Markup>> = rows.iter().map(|row| cells(office, row)).collect();
    let text = |required| Input::Text { required };
    let fields = [
        (
            "name",
            office.pick("名称（a-z、0-9、-）", "Name (a-z, 0-9, -)"),
            text(true),
        ),
        (
            "url",
            office.pick("接收地址（https）", "Address messages go to (https)"),
            text(true),
        ),
        (
            "bank",
            office.pick(
                "所属银行（令牌名称；留空只送公开内容）",
                "Bank it is of, by the name of its tokens; empty: no details",
            ),
            text(false),
        ),
        (
            "subjects",
            office.pick(
                "企业代码，空格分隔（留空为全部）",
                "Codes of units, blanks between; empty: all",
            ),
            text(false),
        ),
        (
            "after",
            office.pick(
                "自此编号之后的变化起（留空为今后）",
                "Begin after this change; empty: with the next",
            ),
            text(false),
        ),
    ];
    let title = office.pick("变化推送", "Subscribers to changes");
    let add = office.adding(PATH, office.pick("新订阅", "A new subscriber"), &fields);
    let table = html! {
        p.meta { (office.pick(
            "账本的每一变化按次序推送，签名依 Standard Webhooks；未送达则重试，后续等候；久不送达则搁置，可重发。编号即 /v1/changes 的游标。",
            "Every change of the ledger is posted in order, signed by Standard Webhooks. One that does not arrive is tried again and holds the later ones; after days of that it is laid aside and can be sent again. Numbers are cursors of /v1/changes.",
        )) }
        (office.table(&columns, &rows))
    };
    office.page(PATH, title, Some(add), &table)
}

fn cells(office: &Office, row: &HookRow) -> Vec<Markup> {
    let progress = &row.progress;
    let units = row.units.map_or_else(
        || office.pick("全部", "all").to_owned(),
        |units| units.to_string(),
    );
    let last = office.time(progress.arrived_at);
    let held = progress.failing.is_some() || !progress.laid_aside.is_empty();
    let retry = office.pick("重试并重发", "Try now, and what was laid aside");
    vec![
        cell(&row.name),
        html! { code { (row.url) } br; small { (office.pick("订阅于 ", "since ")) (row.created) } },
        cell(row.bank.as_deref().unwrap_or("")),
        cell(units),
        html! {
            @if last.is_empty() { (office.pick("从未", "never")) } @else { (last) }
            br; small { "#" (progress.done) }
        },
        cell(row.waiting.to_string()),
        standing(office, progress),
        laid_aside(office, progress),
        html! {
            @if held { (office.button(PATH, ("retry", retry), &row.name, &[])) }
            (office.button(PATH, ("remove", office.pick("移除", "Remove")), &row.name, &[]))
        },
    ]
}

fn standing(office: &Office, progress: &Progress) -> Markup {
    let Some(failing) = &progress.failing else {
        return html! { span.chip.met { "✓ " (office.pick("正常", "well")) } };
    };
    let (since, next) = (
        office.time(Some(failing.since)),
        office.time(Some(failing.next_at)),
    );
    html! {
        span.chip.missed { "× " (office.pick("未送达", "held up")) } " "
        (failing.cause) br;
        small {
            (office.pick("自 ", "since ")) (since)
            (office.pick(" 起已试 ", ", tries: ")) (failing.tries)
            (office.pick(" 次，下次 ", ", next ")) (next)
        }
    }
}

fn laid_aside(office: &Office, progress: &Progress) -> Markup {
    let count = progress.laid_aside.len();
    let named = progress.laid_aside.iter().take(NAMED_MAX);
    let named: Vec<String> = named.map(|number| format!("#{number}")).collect();
    html! {
        @if count == 0 { "0" } @else {
            (named.join(" "))
            @if count > NAMED_MAX { " … " (office.pick("共 ", "in all ")) (count) }
        }
    }
}
