//! `skytier credit official`: the province's list into the ledger; `disagreements`: where ours differs from it.

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use serde_json::Value;
use serde_json::json;

use crate::adapters::credit_events;
use crate::adapters::credit_events::official_list;
use crate::adapters::credit_events::official_list::List;
use crate::adapters::credit_events::official_list::ListRow;
use crate::adapters::credit_events::views::disagreement_json;
use crate::adapters::credit_events::views::official_json;
use crate::adapters::names::folded;
use crate::app::credit::refused;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::rate::parse_day;
use crate::app::register;
use crate::app::rulebooks;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::OfficialTier;
use crate::domain::credit::official::standing;
use crate::domain::credit::tier::Rating;
use crate::domain::registry::Enterprise;
use crate::domain::registry::Names;
use crate::domain::registry::Registry;
use crate::flow::tiering::Tiering;
use crate::ports::Registrar;

/// What `skytier credit official` is asked.
#[derive(clap::Args, Debug)]
pub(super) struct OfficialArgs {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The list as CSV in UTF-8 or as a workbook (.xlsx); - reads standard input.
    file: String,
    /// The day the list speaks of.
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    as_of: NaiveDate,
    /// The list and its document.
    #[arg(long, value_name = "TEXT")]
    source: String,
    /// Who enters it.
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Only show what would be entered.
    #[arg(long)]
    preview: bool,
}

/// What `skytier credit disagreements` is asked.
#[derive(clap::Args, Debug)]
pub(super) struct DisagreementsArgs {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The day, to its end [default: today].
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    on: Option<NaiveDate>,
}

/// Tells which sheets of a workbook do not count.
fn left_out(list: &List, out: &mut impl Write) -> std::io::Result<()> {
    for sheet in &list.hidden {
        writeln!(out, "sheet {sheet} is hidden and is left out")?;
    }
    for sheet in &list.left_out {
        writeln!(
            out,
            "sheet {sheet} has no heading with code and tier and is left out"
        )?;
    }
    Ok(())
}

/// Enters a list, or shows what that would do.
pub(super) async fn list(
    args: &OfficialArgs,
    now: DateTime<FixedOffset>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let list = read(args, now)?;
    let (tiering, registrar) = opened(&args.data, !args.preview).await?;
    let registry = registrar.registry().await?;
    let book = tiering.now();
    let mut fresh = Vec::new();
    let mut differing = 0;
    for row in &list.rows {
        let known = registry.enterprise(row.subject.as_str());
        let listed = OfficialTier {
            subject: row.subject,
            site: row.site.clone(),
            tier: row.tier,
            as_of: args.as_of,
            source: args.source.clone(),
        };
        let events = book.ledger().events_of(&row.subject);
        let stands = standing(events, &listed) == Some(&listed);
        let rating = tiering.rate(book.ledger(), &row.subject, args.as_of, None)?;
        differing += u64::from(rating.tier != row.tier);
        if args.preview {
            let line = preview(row, known, &rating, stands);
            writeln!(out, "{line}")?;
        }
        let event = CreditEvent {
            captured_at: now,
            body: EventBody::Official(listed),
            entered_by: Some(args.by.clone()),
        };
        credit_events::check(&event).map_err(|fault| {
            bad_input(format!("line {}: {fault}; nothing was entered", row.line))
        })?;
        if !stands {
            fresh.push(event);
        }
    }
    let (new, old) = (fresh.len(), list.rows.len() - fresh.len());
    let names = unregistered(&list, &registry);
    let registered = names.enterprises.len();
    if !args.preview && new > 0 {
        tiering.enter_now(fresh).await.map_err(refused)?;
    }
    if !args.preview && registered > 0 {
        registrar.register(names).await?;
    }
    left_out(&list, out)?;
    let done = if args.preview {
        "would be entered"
    } else {
        "entered"
    };
    writeln!(
        out,
        "{new} official tiers {done}, {old} stood already, {differing} differ from the computed ones"
    )?;
    if registered > 0 {
        writeln!(out, "{registered} names of unregistered units {done}")?;
    }
    Ok(())
}

/// A row of the list beside what stands.
fn preview(row: &ListRow, known: Option<&Enterprise>, rating: &Rating, stands: bool) -> Value {
    json!({
        "sheet": row.sheet, "line": row.line, "subject": row.subject.as_str(), "name": row.name,
        "name_registered": known.map(|known| &known.names.zh),
        "name_agrees": known.zip(row.name.as_ref()).map(|(known, name)| folded(&known.names.zh) == folded(name)),
        "site": row.site,
        "tier": row.tier.as_str(), "before": official_json(rating.official.as_ref()),
        "computed": {"tier": rating.tier.as_str(), "score": rating.score},
        "agree": rating.tier == row.tier, "stands": stands,
    })
}

/// Reads the list and checks what was said of it.
fn read(args: &OfficialArgs, now: DateTime<FixedOffset>) -> anyhow::Result<List> {
    if args.as_of > now.date_naive() {
        return Err(bad_input(format!(
            "--as-of {} lies ahead of today",
            args.as_of
        )));
    }
    if args.source.trim().is_empty() || args.by.trim().is_empty() {
        return Err(bad_input("--source and --by must not be blank"));
    }
    let list = official_list::read(&register::bytes(&args.file)?);
    list.map_err(|faults| {
        let told = faults.iter().map(|fault| format!("{}: {fault}", args.file));
        bad_input(told.collect::<Vec<_>>().join("\n"))
    })
}

/// The units that nobody registered, by the names the list gives them.
fn unregistered(list: &List, registry: &Registry) -> Registry {
    let mut named = Registry::default();
    for row in &list.rows {
        let known = registry.enterprise(row.subject.as_str());
        if let (None, Some(name)) = (known, &row.name) {
            named.enterprises.push(Enterprise {
                uscc: row.subject.as_str().to_owned(),
                names: Names {
                    zh: name.clone(),
                    en: name.clone(),
                },
                industry: String::new(),
                town: String::new(),
                example: false,
            });
        }
    }
    // A unit with several sites stands there once.
    let mut names = Registry::default();
    names.merge(named);
    names
}

/// Every unit whose official tier is another than the computed one, as a list to work through.
pub(super) async fn disagreements(
    args: &DisagreementsArgs,
    now: DateTime<FixedOffset>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let (tiering, registrar) = opened(&args.data, false).await?;
    let book = tiering.now();
    let on = args.on.unwrap_or(now.date_naive());
    let registry = registrar.registry().await?;
    for (subject, _) in book.ledger().subjects() {
        if let Some(differs) = tiering.disagreement(&book, subject, on, None)? {
            let enterprise = registry.enterprise(subject.as_str());
            let rulebook = tiering.schedule()?.on(on);
            writeln!(
                out,
                "{}",
                disagreement_json(subject, enterprise, on, &differs, rulebook)
            )?;
        }
    }
    Ok(())
}

async fn opened(data: &Path, write: bool) -> anyhow::Result<(Tiering, Arc<dyn Registrar>)> {
    let stores = if write {
        open::for_writing(data)?
    } else {
        open::for_reading(data)?
    };
    let tiering = Tiering::open(Arc::clone(&stores.ledger), rulebooks::named("auto")?).await?;
    Ok((tiering, stores.registrar))
}
