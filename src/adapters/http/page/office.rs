//! The pages of whoever gives access: tokens, users, devices, mandates, and the audit log. An auditor reads them; forms are
//! for administrators, each with the key of the session. A secret is shown in the answer that made it, and never again.

use maud::Markup;
use maud::html;

use crate::adapters::access::devices::Listed;
use crate::adapters::access::devices::Proof;
use crate::adapters::access::mandates::Mandate;
use crate::adapters::access::persons::Person;
use crate::adapters::access::tokens::Token;
use crate::adapters::http::form::KEY_FIELD;
use crate::adapters::http::page::door::role;
use crate::adapters::http::page::frame::page;
use crate::adapters::http::page::frame::query;
use crate::adapters::http::page::frame::spaced;
use crate::adapters::http::phrases::phrases;
use crate::adapters::lang::Lang;
use crate::domain::access::Act;
use crate::domain::access::NAME_CHARS_MAX;
use crate::domain::access::Role;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::credit::uscc::Uscc;

/// The field that says what a form does.
pub const DO: &str = "do";

/// What a page says above its table.
pub enum Said {
    /// Why it was not done.
    Refused(String),
    /// A secret that was made, and whose it is.
    Secret(String, String),
}

/// What all these pages have.
pub struct Office {
    /// The language.
    pub lang: Lang,
    /// The key of the session's forms.
    pub key: Option<String>,
    /// Whether whoever looks at it may change something.
    pub may: bool,
    /// What is said above.
    pub said: Option<Said>,
    /// The zone of times.
    pub zone: Zone,
    /// The time of the look.
    pub now: Instant,
}

/// A field of a form: its name, its words, and what stands in it.
pub(super) type Field<'a> = (&'a str, &'a str, Input);

/// What a field takes.
pub(super) enum Input {
    Text { required: bool },
    Password,
    Day { required: bool },
    Number(u32),
    Role,
}

impl Office {
    pub(super) fn pick<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        self.lang.pick(zh, en)
    }

    pub(super) fn time(&self, at: Option<Instant>) -> String {
        at.map_or_else(String::new, |at| spaced(&self.zone.text(at)))
    }

    /// The page: what is said, a form to add one where that may be, the table.
    pub(super) fn page(
        &self,
        path: &str,
        title: &str,
        add: Option<Markup>,
        table: &Markup,
    ) -> Markup {
        let body = html! {
            h1 { (title) }
            @match &self.said {
                None => {}
                Some(Said::Refused(said)) => { p.notice.warning role="alert" { (said) } }
                Some(Said::Secret(of, secret)) => {
                    div.notice role="status" {
                        p { strong { (of) } " " (self.pick("只显示这一次，请立即抄存：", "Shown this once; keep it now:")) }
                        pre.verbatim tabindex="0" { code { (secret) } }
                    }
                }
            }
            section.card { (table) }
            @match add {
                Some(add) if self.may => { (add) }
                Some(_) => { p.meta { (self.pick("登录的管理员可在此修改，也可用命令：", "An administrator who is signed in changes this here, or by the command ")) code { "skytier " (path.trim_start_matches('/')) } } }
                None => {}
            }
        };
        let whole = format!("{title} · {}", phrases(self.lang).product);
        let other = format!("{path}?lang={}", self.lang.other().key());
        page(self.lang, &whole, &other, &[], body)
    }

    /// What every form carries.
    fn carried(&self, what: &str) -> Markup {
        html! {
            input type="hidden" name=(DO) value=(what);
            input type="hidden" name="lang" value=(self.lang.key());
            @if let Some(key) = &self.key { input type="hidden" name=(KEY_FIELD) value=(key); }
        }
    }

    fn field(&self, (name, words, input): &Field<'_>) -> Markup {
        html! {
            label { span { (words) }
                @match input {
                    Input::Text { required } => { input name=(name) autocomplete="off" required[*required] maxlength="1000"; }
                    Input::Password => { input name=(name) type="password" autocomplete="new-password" required minlength="12" maxlength="1024"; }
                    Input::Day { required } => { input name=(name) type="date" required[*required]; }
                    Input::Number(value) => { input name=(name) type="number" min="1" required value=(value); }
                    Input::Role => {
                        select name=(name) { @for own in Role::ALL { option value=(own.key()) { (role(own, self.lang)) } } }
                    }
                }
            }
        }
    }

    /// A form that adds something.
    pub(super) fn adding(&self, path: &str, title: &str, fields: &[Field<'_>]) -> Markup {
        html! {
            section.card #add {
                h2 { (title) }
                form.stack method="post" action=(path) {
                    (self.carried("add"))
                    @for field in fields { (self.field(field)) }
                    button type="submit" { (self.pick("添加", "Add")) }
                }
            }
        }
    }

    /// A button of a row, which asks once more; nothing for whoever may not.
    pub(super) fn button(
        &self,
        path: &str,
        (what, words): (&str, &str),
        id: &str,
        more: &[Field<'_>],
    ) -> Markup {
        html! {
            @if self.may {
                details { summary { (words) }
                    form.stack method="post" action=(path) {
                        (self.carried(what))
                        input type="hidden" name="id" value=(id);
                        @for field in more { (self.field(field)) }
                        button type="submit" { (self.pick("确认", "Confirm")) (self.pick("", " ")) (words) }
                    }
                }
            }
        }
    }

    pub(super) fn table(&self, columns: &[&str], rows: &[Vec<Markup>]) -> Markup {
        html! {
            @if rows.is_empty() { p.meta { (self.pick("没有。", "None.")) } }
            @else {
                div.across tabindex="0" { table.stack.given {
                    thead { tr { @for name in columns { th scope="col" { (name) } } } }
                    tbody { @for row in rows { tr {
                        @for (at, (cell, name)) in row.iter().zip(columns).enumerate() {
                            @if at == 0 { th scope="row" { (cell) } } @else { td data-label=(name) { (cell) } }
                        }
                    } } }
                } }
            }
        }
    }
}

pub(super) fn cell(text: impl AsRef<str>) -> Markup {
    html! { (text.as_ref()) }
}

/// Who somebody is to us, in one piece: a narrow column would break words of two characters.
fn role_cell(of: Option<Role>, lang: Lang) -> Markup {
    html! { @if let Some(of) = of { span.whole { (role(of, lang)) } } }
}

fn subject(of: Option<&Uscc>) -> Markup {
    cell(of.map_or("", Uscc::as_str))
}

/// Whether something stands, in words.
fn state(key: &str, lang: Lang) -> Markup {
    let words = match key {
        "valid" => lang.pick("有效", "valid"),
        "expired" => lang.pick("已过期", "expired"),
        "revoked" => lang.pick("已吊销", "revoked"),
        _ => lang.pick("已停用", "disabled"),
    };
    html! { @if key == "valid" { span.chip.met { "✓ " (words) } } @else { span.chip.missed { "× " (words) } } }
}

/// `/tokens`.
pub fn tokens(office: &Office, tokens: &[Token]) -> Markup {
    const PATH: &str = "/tokens";
    let row = |token: &Token| {
        let standing = token.state(office.now);
        let last = office.time(token.last_used_at);
        vec![
            cell(&token.name),
            role_cell(Some(token.role), office.lang),
            subject(token.subject.as_ref()),
            state(standing, office.lang),
            cell(office.time(Some(token.expires_at))),
            cell(if last.is_empty() {
                office.pick("从未", "never")
            } else {
                &last
            }),
            html! { span { code { (token.id) } @if let Some(name) = &token.certificate { " " (office.pick("证书", "certificate")) " " (name) } } },
            html! { @if standing == "valid" {
                (office.button(PATH, ("revoke", office.pick("吊销", "Revoke")), &token.id, &[]))
            } },
        ]
    };
    let columns = [
        office.pick("名称", "Name"),
        office.pick("角色", "Role"),
        office.pick("企业代码", "Unit"),
        office.pick("状态", "State"),
        office.pick("到期", "Expires"),
        office.pick("最近使用", "Last used"),
        office.pick("标识", "Identifier"),
        office.pick("操作", "Acts"),
    ];
    let rows: Vec<_> = tokens.iter().map(row).collect();
    let fields = [
        (
            "name",
            office.pick("名称（谁使用）", "Name (who shows it)"),
            Input::Text { required: true },
        ),
        ("role", office.pick("角色", "Role"), Input::Role),
        (
            "subject",
            office.pick("企业代码（仅企业角色）", "Unit's code (for an enterprise)"),
            Input::Text { required: false },
        ),
        (
            "days",
            office.pick("有效天数", "Days it stands"),
            Input::Number(365),
        ),
        (
            "certificate",
            office.pick(
                "客户端证书中的名称（代替令牌）",
                "Name in a client certificate, instead of a text",
            ),
            Input::Text { required: false },
        ),
    ];
    let title = office.pick("新令牌", "A new token");
    let add = office.adding(PATH, title, &fields);
    let table = office.table(&columns, &rows);
    office.page(PATH, office.pick("访问令牌", "Tokens"), Some(add), &table)
}

/// `/users`.
pub fn users(office: &Office, persons: &[Person]) -> Markup {
    const PATH: &str = "/users";
    let row = |person: &Person| {
        let valid = person.disabled_at.is_none();
        let (what, words) = match valid {
            true => ("disable", office.pick("停用", "Disable")),
            false => ("enable", office.pick("启用", "Enable")),
        };
        let password = [(
            "password",
            office.pick(
                "新密码（至少 12 个字符）",
                "New password (12 characters at least)",
            ),
            Input::Password,
        )];
        vec![
            cell(&person.name),
            role_cell(Some(person.role), office.lang),
            subject(person.subject.as_ref()),
            state(if valid { "valid" } else { "disabled" }, office.lang),
            cell(office.time(Some(person.created_at))),
            cell(office.time(Some(person.changed_at))),
            html! { @if office.may { div {
                (office.button(PATH, (what, words), &person.name, &[]))
                (office.button(PATH, ("password", office.pick("设置密码", "Set password")), &person.name, &password))
            } } },
        ]
    };
    let columns = [
        office.pick("姓名", "Name"),
        office.pick("角色", "Role"),
        office.pick("企业代码", "Unit"),
        office.pick("状态", "State"),
        office.pick("建立", "Added"),
        office.pick("密码设置", "Password set"),
        office.pick("操作", "Acts"),
    ];
    let rows: Vec<_> = persons.iter().map(row).collect();
    let fields = [
        (
            "name",
            office.pick("姓名", "Name"),
            Input::Text { required: true },
        ),
        ("role", office.pick("角色", "Role"), Input::Role),
        (
            "subject",
            office.pick("企业代码（仅企业角色）", "Unit's code (for an enterprise)"),
            Input::Text { required: false },
        ),
        (
            "password",
            office.pick(
                "密码（至少 12 个字符）",
                "Password (12 characters at least)",
            ),
            Input::Password,
        ),
    ];
    let add = office.adding(PATH, office.pick("新用户", "A new user"), &fields);
    let table = office.table(&columns, &rows);
    office.page(PATH, office.pick("用户", "Users"), Some(add), &table)
}

/// `/devices`: each with when its stations last sent something current.
pub fn devices(office: &Office, devices: &[(Listed, Option<Instant>)]) -> Markup {
    const PATH: &str = "/devices";
    let row = |(device, seen): &(Listed, Option<Instant>)| {
        let valid = device.disabled_at.is_none();
        let (what, words) = match valid {
            true => ("disable", office.pick("停用", "Disable")),
            false => ("enable", office.pick("启用", "Enable")),
        };
        let sources: Vec<String> = device.sources.iter().map(ToString::to_string).collect();
        let last = office.time(*seen);
        vec![
            cell(&device.id),
            cell(sources.join(" ")),
            match &device.proof {
                Proof::Password(_) => cell(office.pick("密码", "password")),
                Proof::Frames(_) => cell(office.pick("HJ 212 报文密码", "PW of HJ 212")),
                Proof::Certificate(name) => {
                    html! { (office.pick("证书", "certificate")) " " (name) }
                }
            },
            state(if valid { "valid" } else { "disabled" }, office.lang),
            cell(if last.is_empty() {
                office.pick("尚无", "not yet")
            } else {
                &last
            }),
            office.button(PATH, (what, words), &device.id, &[]),
        ]
    };
    let columns = [
        office.pick("设备", "Device"),
        office.pick("可发布", "Publishes for"),
        office.pick("凭据", "Shows"),
        office.pick("状态", "State"),
        office.pick("其站点最近来数", "Its stations last seen"),
        office.pick("操作", "Acts"),
    ];
    let rows: Vec<_> = devices.iter().map(row).collect();
    let fields = [
        (
            "id",
            office.pick("设备用户名", "User name of the device"),
            Input::Text { required: true },
        ),
        (
            "stations",
            office.pick(
                "站点编号，空格分隔",
                "Identifiers of stations, blanks between",
            ),
            Input::Text { required: false },
        ),
        (
            "loggers",
            office.pick("数采仪 MN，空格分隔", "MNs of loggers, blanks between"),
            Input::Text { required: false },
        ),
        (
            "certificate",
            office.pick(
                "客户端证书中的名称（代替密码）",
                "Name in its client certificate, instead of a password",
            ),
            Input::Text { required: false },
        ),
    ];
    let add = office.adding(PATH, office.pick("新设备", "A new device"), &fields);
    let table = office.table(&columns, &rows);
    office.page(PATH, office.pick("设备", "Devices"), Some(add), &table)
}

/// `/mandates`.
pub fn mandates(office: &Office, mandates: &[Mandate]) -> Markup {
    const PATH: &str = "/mandates";
    let row = |mandate: &Mandate| {
        let until = mandate.term.until.map(|until| until.to_string());
        let last = [(
            "on",
            office.pick("最后一日", "Its last day"),
            Input::Day { required: true },
        )];
        let id = mandate.id.to_string();
        vec![
            cell(&id),
            cell(&mandate.bank),
            subject(Some(&mandate.subject)),
            cell(&mandate.document),
            cell(mandate.term.from.to_string()),
            cell(until.as_deref().unwrap_or(office.pick("未定", "open"))),
            cell(mandate.entered_by.as_deref().unwrap_or("")),
            office.button(PATH, ("end", office.pick("终止", "End")), &id, &last),
        ]
    };
    let columns = [
        office.pick("编号", "Number"),
        office.pick("银行", "Bank"),
        office.pick("企业代码", "Unit"),
        office.pick("文件", "Document"),
        office.pick("起", "From"),
        office.pick("止", "Until"),
        office.pick("录入人", "Entered by"),
        office.pick("操作", "Acts"),
    ];
    let rows: Vec<_> = mandates.iter().map(row).collect();
    let fields = [
        (
            "bank",
            office.pick("银行（令牌名称）", "Bank (the name of its tokens)"),
            Input::Text { required: true },
        ),
        (
            "subjects",
            office.pick("企业代码，空格分隔", "Codes of units, blanks between"),
            Input::Text { required: true },
        ),
        (
            "document",
            office.pick("依据文件", "The document"),
            Input::Text { required: true },
        ),
        (
            "from",
            office.pick("起", "From"),
            Input::Day { required: true },
        ),
        (
            "until",
            office.pick("止（可空）", "Until (may be empty)"),
            Input::Day { required: false },
        ),
    ];
    let add = office.adding(PATH, office.pick("新授权", "A new mandate"), &fields);
    let table = office.table(&columns, &rows);
    office.page(PATH, office.pick("银行授权", "Mandates"), Some(add), &table)
}

/// Rows of the audit log, newest first.
pub struct Audit {
    /// The rows with their numbers.
    pub rows: Vec<(u64, Act)>,
    /// The number below which there are more.
    pub below: Option<u64>,
    /// What was searched for: `from`, `to`, `who`, `what`.
    pub asked: [String; 4],
    /// What walking the chain came to: its rows, and the first that does not fit.
    pub verified: Option<(u64, Option<String>)>,
}

/// `/audit`.
pub fn audit(office: &Office, audit: &Audit) -> Markup {
    const PATH: &str = "/audit";
    let names = ["from", "to", "who", "what"];
    let row = |(seq, act): &(u64, Act)| {
        vec![
            cell(seq.to_string()),
            cell(office.time(Some(act.at))),
            cell(act.who.as_deref().unwrap_or("")),
            role_cell(act.role, office.lang),
            cell(&act.via),
            cell(&act.what),
            cell(&act.about),
            cell(&act.detail),
            cell(act.address.as_deref().unwrap_or("")),
            cell(act.count.to_string()),
        ]
    };
    let columns = [
        office.pick("序号", "Row"),
        office.pick("时间", "Time"),
        office.pick("何人", "Who"),
        office.pick("角色", "Role"),
        office.pick("凭据", "By"),
        office.pick("何事", "What"),
        office.pick("对象", "About"),
        office.pick("说明", "Detail"),
        office.pick("来源", "From where"),
        office.pick("次数", "Times"),
    ];
    let rows: Vec<_> = audit.rows.iter().map(row).collect();
    let below = audit.below.map(|below| below.to_string());
    let mut further: Vec<(&str, &str)> = names
        .into_iter()
        .zip(audit.asked.iter().map(String::as_str))
        .collect();
    further.retain(|(_, value)| !value.is_empty());
    further.extend(below.as_deref().map(|below| ("below", below)));
    further.push(("lang", office.lang.key()));
    let body = html! {
        (verified(office, audit.verified.as_ref()))
        (searching(office, audit))
        (office.table(&columns, &rows))
        @if below.is_some() {
            p.paging { a href={ (PATH) "?" (query(&further)) } { (office.pick("更早", "Earlier")) } }
        }
    };
    office.page(PATH, office.pick("审计日志", "Audit log"), None, &body)
}

fn verified(office: &Office, verified: Option<&(u64, Option<String>)>) -> Markup {
    html! {
        @match verified {
            None => {
                p { a href={ "/audit?verify=yes&lang=" (office.lang.key()) } { (office.pick("核验哈希链", "Verify the chain")) } }
            }
            Some((count, None)) => {
                p.notice role="status" { "✓ " (count) (office.pick(" 条，哈希链完整。", " rows; the chain is whole.")) }
            }
            Some((count, Some(fault))) => {
                p.notice.warning role="alert" { "× " (count) (office.pick(" 条中有不符：", " rows; one does not fit: ")) (fault) }
            }
        }
    }
}

fn searching(office: &Office, audit: &Audit) -> Markup {
    let [from, to, who, what] = &audit.asked;
    let most = NAME_CHARS_MAX.to_string();
    html! {
        form.choose method="get" action="/audit" {
            input type="hidden" name="lang" value=(office.lang.key());
            label { span { (office.pick("从", "From")) } input type="date" name="from" value=(from); }
            label { span { (office.pick("到", "To")) } input type="date" name="to" value=(to); }
            label { span { (office.pick("何人", "Who")) } input name="who" value=(who) maxlength=(most); }
            label { span { (office.pick("何事或对象", "What or about")) } input name="what" value=(what) maxlength="200"; }
            button type="submit" { (office.pick("查询", "Search")) }
        }
    }
}
