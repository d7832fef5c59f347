//! The pages where people log in and out, and where the first administrator is made.

use maud::Markup;
use maud::html;

use crate::adapters::http::form::KEY_FIELD;
use crate::adapters::http::page::frame::page;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;
use crate::domain::access::Role;

/// What a page says above its form.
pub enum Said {
    /// Name or password are wrong.
    Wrong,
    /// The code is wrong.
    WrongCode,
    /// So many seconds are to be waited.
    Wait(u64),
    /// Why it was not done.
    Refused(String),
}

impl Said {
    fn words(&self, lang: Lang) -> String {
        match self {
            Self::Wrong => lang
                .pick("姓名或密码不对。", "Name or password are wrong.")
                .to_owned(),
            Self::WrongCode => lang.pick("验证码不对。", "The code is wrong.").to_owned(),
            Self::Wait(seconds) => match lang {
                Lang::Zh => format!("尝试次数过多，请 {seconds} 秒后再试。"),
                Lang::En => format!("Too many tries; wait {seconds} seconds."),
            },
            Self::Refused(said) => said.clone(),
        }
    }
}

/// A role in words.
pub(super) fn role(role: Role, lang: Lang) -> &'static str {
    match role {
        Role::Public => lang.pick("公众", "public"),
        Role::Station => lang.pick("监测站", "station"),
        Role::Enterprise => lang.pick("企业", "enterprise"),
        Role::Bank => lang.pick("银行", "bank"),
        Role::Auditor => lang.pick("审计", "auditor"),
        Role::Town => lang.pick("镇街", "town office"),
        Role::County => lang.pick("分局", "county branch"),
        Role::Bureau => lang.pick("市局", "city bureau"),
        Role::Province => lang.pick("省厅", "province"),
        Role::Operator => lang.pick("运维", "operator"),
        Role::Administrator => lang.pick("管理员", "administrator"),
    }
}

/// A whole page of one section.
pub(super) fn sheet(lang: Lang, path: &str, title: &str, body: Markup) -> Markup {
    let whole = format!("{title} · {}", phrases(lang).product);
    let other = format!("{path}?lang={}", lang.other().key());
    let body = html! { section.sheet { h1 { (title) } (body) } };
    page(lang, &whole, &other, &[], body)
}

fn notice(said: Option<&Said>, lang: Lang) -> Markup {
    html! {
        @if let Some(said) = said { p.notice.warning role="alert" { (said.words(lang)) } }
    }
}

/// `/login` for whoever is outside.
pub fn login(lang: Lang, said: Option<Said>) -> Markup {
    let body = html! {
        (notice(said.as_ref(), lang))
        form.stack method="post" action="/login" {
            input type="hidden" name="lang" value=(lang.key());
            label { span { (lang.pick("姓名", "Name")) }
                input name="name" autocomplete="username" required maxlength="64"; }
            label { span { (lang.pick("密码", "Password")) }
                input name="password" type="password" autocomplete="current-password" required maxlength="1024"; }
            button type="submit" { (lang.pick("登录", "Log in")) }
        }
    };
    sheet(lang, "/login", lang.pick("登录", "Log in"), body)
}

/// `/login` for whoever is inside.
pub fn inside(lang: Lang, name: &str, own: Role, key: &str) -> Markup {
    let body = html! {
        p { (name) " · " (role(own, lang)) }
        p { a href={ "/?lang=" (lang.key()) } { (lang.pick("进入首页", "To the dashboard")) } }
        form.stack method="post" action="/logout" {
            input type="hidden" name=(KEY_FIELD) value=(key);
            button type="submit" { (lang.pick("退出登录", "Log out")) }
        }
    };
    sheet(lang, "/login", lang.pick("已登录", "Logged in"), body)
}

/// `/setup`.
pub fn first(lang: Lang, said: Option<Said>) -> Markup {
    let body = html! {
        (notice(said.as_ref(), lang))
        p { (lang.pick(
            "程序启动时打印了一次性验证码。用它建立第一位管理员，验证码随即失效。",
            "The program printed a code when it started. With it the first administrator is made, once.",
        )) }
        form.stack method="post" action="/setup" {
            input type="hidden" name="lang" value=(lang.key());
            label { span { (lang.pick("验证码", "Code")) } input name="code" autocomplete="off" required maxlength="64"; }
            label { span { (lang.pick("姓名", "Name")) }
                input name="name" autocomplete="username" required maxlength="64"; }
            label { span { (lang.pick("密码（至少 12 个字符）", "Password (12 characters at least)")) }
                input name="password" type="password" autocomplete="new-password" required minlength="12" maxlength="1024"; }
            button type="submit" { (lang.pick("建立管理员", "Make the administrator")) }
        }
    };
    sheet(
        lang,
        "/setup",
        lang.pick("第一位管理员", "First administrator"),
        body,
    )
}
