//! Handlers of the page of subscribers to the ledger's changes: the same folder that `skytier webhooks` writes, and the same rows
//! in the audit log.

use std::collections::BTreeSet;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Redirect;
use axum::response::Response;

use crate::adapters::http::error::Problem;
use crate::adapters::http::form::Fields;
use crate::adapters::http::guard::noting::Audited;
use crate::adapters::http::guard::noting::record;
use crate::adapters::http::office::Key;
use crate::adapters::http::office::answer;
use crate::adapters::http::office::office;
use crate::adapters::http::office::only_signed_in;
use crate::adapters::http::page::hooks::HookRow;
use crate::adapters::http::page::hooks::hooks;
use crate::adapters::http::page::office::DO;
use crate::adapters::http::page::office::Office;
use crate::adapters::http::page::office::Said;
use crate::adapters::http::pages::lang;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::lang::Lang;
use crate::adapters::webhooks::HookSecret;
use crate::adapters::webhooks::address::HookAddress;
use crate::adapters::webhooks::files::Folder;
use crate::adapters::webhooks::files::Hook;
use crate::adapters::webhooks::files::HookFault;
use crate::domain::access::Act;
use crate::domain::access::Caller;
use crate::domain::access::check_name;
use crate::domain::calendar::Zone;
use crate::domain::credit::uscc::Uscc;

/// The page.
const PATH: &str = "/webhooks";

/// Where subscribers are kept, and what is set about them.
#[derive(Debug, Clone)]
pub struct Hooks {
    /// Their folder.
    pub folder: Folder,
    /// Whether messages may go to this host and to private networks.
    pub allow_private: bool,
}

impl From<HookFault> for Problem {
    fn from(fault: HookFault) -> Self {
        tracing::error!(%fault, "a subscriber's files");
        Self::Internal
    }
}

/// Work with files, off the threads that serve connections.
async fn work<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HookFault> + Send + 'static,
) -> Result<Result<T, HookFault>, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Problem::Unavailable)
}

/// How many changes there are to tell of.
async fn head(state: &WebState) -> Result<u64, Problem> {
    let view = state.tiering.known(None, state.moment()).await?;
    let told = state.tiering.told(&view.book, view.known_at)?;
    Ok(told.count())
}

async fn shown(state: &WebState, kept: &Hooks, office: &Office) -> Result<Response, Problem> {
    let (head, folder) = (head(state).await?, kept.folder.clone());
    let read = work(move || {
        let rows = folder.hooks()?.into_iter().map(|hook| {
            let progress = folder.progress(&hook)?;
            let url = HookAddress::parse(&hook.url, true);
            Ok(HookRow {
                url: url.map_or_else(|_| hook.url.clone(), |url| url.shown()),
                units: hook.subjects.as_ref().map(BTreeSet::len),
                waiting: head.saturating_sub(progress.done),
                name: hook.name,
                bank: hook.bank,
                created: hook.created,
                progress,
            })
        });
        rows.collect::<Result<Vec<_>, HookFault>>()
    });
    let status = match office.said {
        Some(Said::Refused(_)) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    Ok(answer(status, hooks(office, &read.await??)))
}

/// `GET /webhooks`: who is told of changes, and how far.
///
/// # Errors
/// A problem document.
pub async fn page(
    State(state): State<WebState>,
    caller: Caller,
    key: Key,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["lang"])?;
    let office = office(&state, &caller, key, lang(&params)?, None);
    shown(&state, kept(&state)?, &office).await
}

fn kept(state: &WebState) -> Result<&Hooks, Problem> {
    let none =
        || Problem::NotFound("nothing is kept here, so nobody is told of changes".to_owned());
    state.hooks.as_ref().ok_or_else(none)
}

fn refused(field: &str, fault: impl std::fmt::Display) -> HookFault {
    HookFault::Refused(format!("{field}: {fault}"))
}

/// A subscriber of a form's fields, told of what comes after the last change, or after the one it names.
fn new_hook(state: &WebState, kept: &Hooks, fields: &Fields, head: u64) -> Result<Hook, HookFault> {
    let name = fields.text("name");
    Folder::check_name(name)?;
    let url = fields.text("url").trim();
    HookAddress::parse(url, kept.allow_private).map_err(|fault| refused("url", fault))?;
    let codes = fields.text("subjects").split_whitespace().map(Uscc::new);
    let codes: Result<BTreeSet<Uscc>, _> = codes.collect();
    let codes = codes.map_err(|fault| refused("subjects", fault))?;
    let after = fields.given("after").map(|after| {
        let read = after.trim().parse().ok().filter(|after| *after <= head);
        read.ok_or_else(|| {
            refused(
                "after",
                format_args!("a number from 0 to {head} is expected"),
            )
        })
    });
    let bank = fields.given("bank").map(str::to_owned);
    if let Some(bank) = &bank {
        check_name(bank).map_err(|fault| refused("bank", fault))?;
    }
    Ok(Hook {
        name: name.to_owned(),
        url: url.to_owned(),
        secret: HookSecret::random().map_err(HookFault::Refused)?,
        created: Zone::beijing().text(state.now()),
        after: after.transpose()?.unwrap_or(head),
        subjects: Some(codes).filter(|codes| !codes.is_empty()),
        bank,
    })
}

/// What a form came to: the act, whom it is about, and a secret that was made.
type Done = Result<(&'static str, Option<String>), HookFault>;

/// Does what a form says about the subscriber of this name.
fn done(folder: &Folder, what: &str, name: &str, new: Option<Hook>) -> Done {
    if let Some(new) = new {
        folder.add(&new)?;
        return Ok(("webhooks add", Some(new.secret.reveal())));
    }
    Folder::check_name(name)?;
    // One whose file is damaged is removed too.
    let there = match what {
        "retry" => folder.hook(name)?.is_some(),
        _ => folder.remove(name)?,
    };
    if !there {
        return Err(refused("id", format_args!("there is no hook {name:?}")));
    }
    if what == "retry" {
        folder.ask_retry(name)?;
        return Ok(("webhooks retry", None));
    }
    Ok(("webhooks remove", None))
}

/// `POST /webhooks`: enters a subscriber, sends again what was laid aside, or removes one.
///
/// # Errors
/// A problem document.
pub async fn change(
    State(state): State<WebState>,
    caller: Caller,
    key: Key,
    fields: Fields,
) -> Result<Response, Problem> {
    only_signed_in(&caller)?;
    let kept = kept(&state)?;
    let lang = fields.given("lang").and_then(Lang::from_key);
    let lang = lang.unwrap_or_default();
    let what = fields.text(DO).to_owned();
    let (name, new) = match what.as_str() {
        "add" => {
            let new = new_hook(&state, kept, &fields, head(&state).await?);
            (fields.text("name").to_owned(), new.map(Some))
        }
        "retry" | "remove" => (fields.text("id").to_owned(), Ok(None)),
        other => {
            let other: String = other.chars().take(40).collect();
            let said = format_args!("{other:?} is none of this page's acts").to_string();
            (String::new(), Err(refused(DO, said)))
        }
    };
    let (folder, about) = (kept.folder.clone(), name.clone());
    let ended = work(move || done(&folder, &what, &about, new?)).await?;
    let said = match ended {
        Ok((act, secret)) => {
            let act = Act::by(&caller, state.now(), act, &name);
            record(&state.access, vec![act]).await?;
            let Some(secret) = secret else {
                let back = format!("{PATH}?lang={}", lang.key());
                return Ok((Extension(Audited), Redirect::to(&back)).into_response());
            };
            Said::Secret(name, secret)
        }
        Err(HookFault::Refused(said)) => Said::Refused(said),
        Err(fault) => return Err(fault.into()),
    };
    let office = office(&state, &caller, key, lang, Some(said));
    let page = shown(&state, kept, &office).await?;
    Ok((Extension(Audited), page).into_response())
}
