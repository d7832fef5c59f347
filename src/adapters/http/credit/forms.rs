//! Acts by a form of an enterprise's page: the same acts as over `/v1/enterprises/{uscc}/`, by the same roles.

use axum::Extension;
use axum::extract::Path;
use axum::extract::State;
use axum::http::Method;
use axum::response::IntoResponse;
use axum::response::Redirect;
use axum::response::Response;
use serde_json::Map;
use serde_json::Value;

use crate::adapters::credit_events::from_fields;
use crate::adapters::http::credit::acts::ACTS;
use crate::adapters::http::credit::acts::enter;
use crate::adapters::http::credit::acts::own_alone;
use crate::adapters::http::credit::uscc;
use crate::adapters::http::error::Problem;
use crate::adapters::http::form::Fields;
use crate::adapters::http::form::FormKey;
use crate::adapters::http::guard::noting::Audited;
use crate::adapters::http::guard::noting::record;
use crate::adapters::http::guard::table::Rule;
use crate::adapters::http::guard::table::rule;
use crate::adapters::http::page::process::Process;
use crate::adapters::http::page::process::ProcessForm;
use crate::adapters::http::state::WebState;
use crate::adapters::lang::Lang;
use crate::domain::access::Act;
use crate::domain::access::Caller;
use crate::domain::access::Role;
use crate::domain::credit::EventBody;
use crate::domain::credit::dossier;
use crate::domain::credit::dossier::State as Standing;
use crate::domain::credit::tier::Outlook;
use crate::domain::credit::uscc::Uscc;
use crate::flow::tiering::TieringError;

/// The acts that have a form, each with the fields of its own.
const FORMS: [(&str, &[&str]); 4] = [
    ("notifications", &["id", "date", "how"]),
    ("objections", &["id", "date", "reason"]),
    ("applications", &["id", "date", "dossier"]),
    ("bonuses", &["id", "date", "code"]),
];

/// Whether a caller may do an act: as the table says of its path.
fn may(caller: &Caller, act: &str) -> bool {
    let path = format!("/v1/enterprises/{{uscc}}/{act}");
    let by_role = matches!(rule(&Method::POST, &path), Rule::For(who) if who.has(caller.role));
    caller.is_open() || by_role
}

/// `POST /enterprises/{uscc}/acts`: one act by a form; `act` says which. Back to the page when it is entered.
///
/// # Errors
/// A problem document; nothing is entered then.
pub async fn act(
    State(state): State<WebState>,
    Path(code): Path<String>,
    caller: Caller,
    fields: Fields,
) -> Result<Response, Problem> {
    let subject = uscc(&code)?;
    let form = FORMS.iter().find(|(act, _)| *act == fields.text("act"));
    let known = || FORMS.map(|(act, _)| act).join(", ");
    let (act, names) =
        form.ok_or_else(|| Problem::bad("act", format!("one of {} is expected", known())))?;
    if !may(&caller, act) {
        let role = caller.role.key();
        return Err(Problem::Forbidden(format!("{act} are not for role {role}")));
    }
    let op = ACTS.iter().find(|(path, _)| path == act);
    let (_, op) = op.ok_or(Problem::Internal)?;
    let given = names.iter().filter_map(|name| {
        let text = fields.given(name)?;
        Some(((*name).to_owned(), Value::from(text)))
    });
    let body = Value::Object(given.collect::<Map<_, _>>()).to_string();
    let event = from_fields(op, &body, &subject, state.moment());
    let mut event = event.map_err(|fault| Problem::bad("body", fault))?;
    event.entered_by = caller
        .actor(fields.given("entered_by"))
        .map_err(|fault| Problem::bad("entered_by", fault))?;
    own_alone(&state, &caller, &event)?;
    drop(enter(&state, &subject, event).await?);
    let path = format!("/v1/enterprises/{subject}/{act}");
    let what = format!("POST /v1/enterprises/{{uscc}}/{act}");
    let done = Act::by(&caller, state.now(), &what, &path).with("by a form");
    record(&state.access, vec![done]).await?;
    let lang = Lang::from_key(fields.text("lang")).unwrap_or_default();
    let back = format!("/enterprises/{subject}?lang={}#process", lang.key());
    Ok((Extension(Audited), Redirect::to(&back)).into_response())
}

/// What the page of a unit offers a caller to do.
///
/// # Errors
/// A ledger that cannot be folded.
pub fn process(
    state: &WebState,
    subject: &Uscc,
    caller: &Caller,
    key: Option<FormKey>,
) -> Result<Process, Problem> {
    let (book, schedule) = (state.tiering.now(), state.tiering.schedule()?);
    let events = book.ledger().events_of(subject);
    let outlook = Outlook::new(events, &schedule, None);
    let outlook = outlook.map_err(|fault| TieringError::Entries(fault.to_string()))?;
    let today = state.zone.local(state.now()).date_naive();
    let entries = dossier::entries(events, &outlook, today, None);
    let records = entries.iter().filter(|entry| {
        matches!(entry.event.body, EventBody::Record(_))
            && [Standing::Pending, Standing::Active, Standing::Disputed].contains(&entry.state)
    });
    let records: Vec<_> = records.collect();
    let ids = |fits: &dyn Fn(&dossier::Entry<'_>) -> bool| -> Vec<String> {
        let fitting = records.iter().filter(|entry| fits(entry));
        fitting
            .filter_map(|entry| Some(entry.event.own_id()?.to_owned()))
            .collect()
    };
    let rows = schedule.on(today).parts().bonuses.iter();
    let own = rows.filter(|row| row.by_unit && row.enabled);
    let forms = [
        ("notifications", ids(&|entry| entry.notified.is_none())),
        ("objections", ids(&|entry| entry.objection.is_none())),
        ("applications", ids(&|entry| entry.applied.is_none())),
        ("bonuses", own.map(|row| row.code.to_string()).collect()),
    ];
    let forms = forms.into_iter().filter(|(act, choices)| {
        let by_unit = *act != "bonuses" || caller.role == Role::Enterprise || caller.is_open();
        may(caller, act) && by_unit && !choices.is_empty()
    });
    let forms = forms.map(|(act, choices)| ProcessForm { act, choices });
    Ok(Process {
        key: key.map(|FormKey(key)| key),
        asks_name: caller.name.is_none(),
        today,
        forms: forms.collect(),
    })
}
