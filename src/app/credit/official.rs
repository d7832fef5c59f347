//! `skytier credit official`: the province's list into the ledger; `disagreements`: where ours differs from it.

use std::io::Write;
use std::path::PathBuf;

use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use serde_json::json;

use crate::adapters::credit_events::official_list;
use crate::adapters::credit_events::views::official_json;
use crate::app::credit::refused;
use crate::app::credit::tiering;
use crate::app::fault::bad_input;
use crate::app::rate::parse_day;
use crate::app::register;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::OfficialTier;

/// What `skytier credit official` is asked.
#[derive(clap::Args, Debug)]
pub(super) struct OfficialArgs {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The list as CSV in UTF-8; - reads standard input.
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

/// Enters a list, or shows what that would do.
pub(super) async fn list(
    args: &OfficialArgs,
    now: DateTime<FixedOffset>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    if args.as_of > now.date_naive() {
        return Err(bad_input(format!(
            "--as-of {} lies ahead of today",
            args.as_of
        )));
    }
    if args.source.trim().is_empty() || args.by.trim().is_empty() {
        return Err(bad_input("--source and --by must not be blank"));
    }
    let rows = official_list::read(&register::text(&args.file)?);
    let rows = rows.map_err(|faults| {
        let told = faults.iter().map(|fault| format!("{}: {fault}", args.file));
        bad_input(told.collect::<Vec<_>>().join("\n"))
    })?;
    let tiering = tiering(&args.data, !args.preview).await?;
    let book = tiering.now();
    let mut fresh = Vec::new();
    let mut differing = 0;
    for row in &rows {
        let listed = OfficialTier {
            subject: row.subject,
            site: row.site.clone(),
            tier: row.tier,
            as_of: args.as_of,
            source: args.source.clone(),
        };
        let events = book.ledger().events_of(&row.subject);
        let stands = current(events, &listed) == Some(&listed);
        let rating = tiering.rate(book.ledger(), &row.subject, args.as_of, None)?;
        let agree = rating.tier == row.tier;
        differing += u64::from(!agree);
        if args.preview {
            let line = json!({
                "line": row.line, "subject": row.subject.as_str(), "name": row.name, "site": row.site,
                "tier": row.tier.as_str(), "before": official_json(rating.official.as_ref()),
                "computed": {"tier": rating.tier.as_str(), "score": rating.score}, "agree": agree,
                "stands": stands,
            });
            writeln!(out, "{line}")?;
        }
        if !stands {
            fresh.push(CreditEvent {
                captured_at: now,
                body: EventBody::Official(listed),
                entered_by: Some(args.by.clone()),
            });
        }
    }
    let (new, old) = (fresh.len(), rows.len() - fresh.len());
    if !args.preview && new > 0 {
        tiering.enter_now(fresh).await.map_err(refused)?;
    }
    let done = if args.preview {
        "would be entered"
    } else {
        "entered"
    };
    writeln!(
        out,
        "{new} official tiers {done}, {old} stood already, {differing} differ from the computed ones"
    )?;
    Ok(())
}

/// What was entered last for the same unit, site and day: a list may be corrected, and the correction taken back.
fn current<'a>(events: &'a [CreditEvent], listed: &OfficialTier) -> Option<&'a OfficialTier> {
    let entered = events.iter().filter_map(|event| match &event.body {
        EventBody::Official(official) => Some((event.captured_at, official)),
        _ => None,
    });
    let same =
        |official: &OfficialTier| official.site == listed.site && official.as_of == listed.as_of;
    let of_same = entered.filter(|(_, official)| same(official));
    let last = of_same
        .max_by_key(|(captured_at, official)| (*captured_at, official.tier, &official.source));
    last.map(|(_, official)| official)
}

/// Every unit whose official tier is another than the computed one, as a list to work through.
pub(super) async fn disagreements(
    args: &DisagreementsArgs,
    now: DateTime<FixedOffset>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let tiering = tiering(&args.data, false).await?;
    let book = tiering.now();
    let on = args.on.unwrap_or(now.date_naive());
    for (subject, _) in book.ledger().subjects() {
        let rating = tiering.rate(book.ledger(), subject, on, None)?;
        let Some(official) = rating
            .official
            .as_ref()
            .filter(|official| official.tier != rating.tier)
        else {
            continue;
        };
        let line = json!({
            "subject": subject.as_str(),
            "on": on.to_string(),
            "official": official_json(Some(official)),
            "computed": {
                "tier": rating.tier.as_str(), "score": rating.score, "confidence": rating.confidence.as_str(),
                "rulebook": rating.rulebook, "rulebook_sha256": rating.rulebook_sha256,
            },
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}
