//! What a browser shows when a page cannot be: what is wrong in the reader's language, what would be right, and where to go
//! on. The program's own sentence, which is English, stands below for whoever is asked for help.

use maud::Markup;
use maud::html;

use crate::adapters::http::error::Fault;
use crate::adapters::http::page::door::sheet;
use crate::adapters::http::page::frame::query;
use crate::adapters::http::phrases::fill;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;

/// The page of a fault. `path` is where it came up, `status` its number.
pub fn mishap(lang: Lang, path: &str, status: u16, fault: Option<&Fault>) -> Markup {
    let words = phrases(lang);
    let kind = fault.map_or("", |fault| fault.kind);
    let parameter = fault.and_then(|fault| fault.parameter);
    let (title, hint) = match (kind, parameter) {
        (_, Some(name)) => (
            fill(words.fault_parameter, &[("name", name)]),
            rule(name, lang),
        ),
        ("not-found", None) => (
            words.fault_missing.to_owned(),
            Some(words.fault_missing_hint),
        ),
        ("forbidden", None) => (
            words.fault_forbidden.to_owned(),
            Some(words.fault_forbidden_hint),
        ),
        ("unauthorized", None) => (words.fault_outside.to_owned(), None),
        ("removed", None) => (words.fault_removed.to_owned(), None),
        _ if status == 503 || status == 504 || status == 429 => {
            (words.fault_later.to_owned(), Some(words.fault_later_hint))
        }
        _ if status >= 500 => (words.fault_ours.to_owned(), Some(words.fault_ours_hint)),
        _ => (words.fault_request.to_owned(), None),
    };
    let pairs = query(&[("lang", lang.key())]);
    let ways = [
        ("/", words.place_today),
        ("/stations", words.place_stations),
        ("/enterprises", words.place_enterprises),
        ("/login", words.log_in),
    ];
    let body = html! {
        @if let Some(hint) = hint { p { (hint) } }
        @if let Some(detail) = fault.and_then(|fault| fault.detail.as_deref()) {
            p.meta { (words.fault_said) " " code lang="en" { (detail) } }
        }
        p.meta { (fill(words.fault_status, &[("status", &status.to_string())])) }
        ul.links { @for (to, name) in ways { li { a href={ (to) "?" (pairs) } { (name) } } } }
    };
    sheet(lang, path, &title, body)
}

/// What a parameter must say.
fn rule(name: &str, lang: Lang) -> Option<&'static str> {
    let words = phrases(lang);
    match name {
        "area" => Some(words.rule_area),
        "date" | "on" | "from" | "to" | "doc_date" | "approved" => Some(words.rule_date),
        "year" => Some(words.rule_year),
        "period" => Some(words.rule_period),
        "lang" => Some(words.rule_lang),
        "review" => Some(words.rule_review),
        "id" => Some(words.rule_id),
        "uscc" => Some(words.rule_uscc),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::mishap;
    use crate::adapters::http::error::Fault;
    use crate::adapters::lang::Lang;

    #[test]
    fn a_fault_is_told_in_both_languages_and_stays_text() {
        for (kind, parameter, status, zh, en) in [
            (
                "bad-parameter",
                Some("date"),
                400,
                "日期写作",
                "A date is written",
            ),
            (
                "bad-parameter",
                Some("shape"),
                400,
                "参数 shape",
                "parameter shape",
            ),
            ("not-found", None, 404, "没有找到", "nothing of that name"),
            ("forbidden", None, 403, "没有查看权限", "may not see"),
            ("store-unavailable", None, 503, "暂时", "just now"),
            ("internal", None, 500, "程序出错", "The program failed"),
        ] {
            let fault = Fault {
                kind,
                parameter,
                detail: Some("<script>".to_owned()),
            };
            for (lang, expected) in [(Lang::Zh, zh), (Lang::En, en)] {
                let page = mishap(lang, "/days/soon", status, Some(&fault)).into_string();
                assert!(page.contains(expected), "{kind} {lang:?}: {page}");
                assert!(!page.contains("<script>"), "{kind}");
            }
        }
    }
}
