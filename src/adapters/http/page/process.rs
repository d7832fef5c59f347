//! What may be done on the page of an enterprise: notices, objections, applications for repair, commitments, each a form.

use chrono::NaiveDate;
use maud::Markup;
use maud::html;

use crate::adapters::http::form::KEY_FIELD;
use crate::adapters::http::page::credit::path;
use crate::adapters::lang::Lang;

/// One form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessForm {
    /// The act, as the path of it is called.
    pub act: &'static str,
    /// What it may be about: records, or for a commitment its codes.
    pub choices: Vec<String>,
}

/// What a caller is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The key of the session's forms; `None` without a session.
    pub key: Option<String>,
    /// Whether the form asks who signs, as nobody showed who that is.
    pub asks_name: bool,
    /// Today, which the forms offer.
    pub today: NaiveDate,
    /// The forms.
    pub forms: Vec<ProcessForm>,
}

/// The heading of a form, what its choice is called, and its own field with what that is called.
fn words(act: &str, lang: Lang) -> [&'static str; 4] {
    let record = lang.pick("记录", "Record");
    match act {
        "notifications" => [
            lang.pick("告知企业", "Tell the unit"),
            record,
            "how",
            lang.pick(
                "告知方式（系统、短信、函件）",
                "By system, message or letter",
            ),
        ],
        "objections" => [
            lang.pick("提出异议", "Object"),
            record,
            "reason",
            lang.pick("理由", "Reason"),
        ],
        "applications" => [
            lang.pick("申请信用修复", "Apply for a repair"),
            record,
            "dossier",
            lang.pick(
                "提交材料（承诺书、履行证明等）",
                "Handed in: commitment, proof of performance",
            ),
        ],
        _ => [
            lang.pick("作出信用承诺", "Sign a commitment"),
            lang.pick("项目", "Item"),
            "id",
            lang.pick("承诺书编号", "Number of the commitment"),
        ],
    }
}

/// The section; nothing where there is nothing to do.
pub(super) fn section(process: &Process, uscc: &str, lang: Lang) -> Markup {
    html! {
        @if !process.forms.is_empty() {
            section.card #process {
                h2 { (lang.pick("办理", "What may be done")) }
                p.meta { (lang.pick(
                    "异议期间记录照常计分；提交后即记入台账，注明办理人。",
                    "A record counts while it is disputed. What is sent is entered into the ledger under the name of whoever sends it.",
                )) }
                @for form in &process.forms { (one(form, process, uscc, lang)) }
            }
        }
    }
}

fn one(form: &ProcessForm, process: &Process, uscc: &str, lang: Lang) -> Markup {
    let [title, about, field, label] = words(form.act, lang);
    let choice = if form.act == "bonuses" { "code" } else { "id" };
    html! {
        h3 { (title) }
        form.choose method="post" action={ (path(uscc)) "/acts" } {
            @if let Some(key) = &process.key { input type="hidden" name=(KEY_FIELD) value=(key); }
            input type="hidden" name="lang" value=(lang.key());
            input type="hidden" name="act" value=(form.act);
            label { span { (about) }
                select name=(choice) { @for id in &form.choices { option value=(id) { (id) } } }
            }
            label { span { (lang.pick("日期", "Day")) }
                input type="date" name="date" value=(process.today) required;
            }
            label { span { (label) } input type="text" name=(field) maxlength="200" required; }
            @if process.asks_name {
                label { span { (lang.pick("办理人", "Who signs")) } input type="text" name="entered_by" maxlength="64" required; }
            }
            button type="submit" { (title) }
        }
    }
}
