//! `skytier snapshot`: every unit's public tiers on a day, signed as a whole.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;

use crate::adapters::snapshot::Shape;
use crate::adapters::snapshot::Snapshot;
use crate::app::draft::Draft;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::rate::parse_day;
use crate::app::rate::parse_known_at;
use crate::app::receipt;
use crate::app::rulebooks;
use crate::app::signals::unless_stopped;
use crate::domain::calendar::Instant;
use crate::flow::tiering::Tiering;
use crate::flow::tiering::TieringError;

/// Write every unit's public tiers on a day, official and computed, as one signed file.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A line or row has subject, name_zh, official_tier, official_as_of, official_source, official_captured_at, official_worst_of_sites,
computed_score, computed_tier, computed_confidence, next_change, next_score, next_tier, tariff_tier, tariff_snapshot,
tariff_from, tariff_to, tariff_red_repeated; in JSON null where there is nothing to say. A .jsonl has the day, what was known
and the rulebook in its first line, count and receipt in its last; a .parquet has them in its footer. One receipt is good for both.
A running daemon gives the same at GET /v1/snapshots/DATE.jsonl and DATE.parquet.

Examples:
  skytier snapshot --data var/demo --on 2026-06-30 --out tiers.jsonl
  skytier snapshot --data var/demo --on 2026-06-30 --known-at 2026-07-01 --out tiers.parquet
  skytier receipt verify tiers.jsonl --key d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")]
pub struct SnapshotArgs {
    /// The data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The day, to its end [default: today].
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    on: Option<NaiveDate>,
    /// Leave out entries captured after this time; a date alone means its end in UTC+8.
    #[arg(long, value_name = "TIME", value_parser = parse_known_at)]
    known_at: Option<DateTime<FixedOffset>>,
    /// Where to; its end says how: .jsonl or .parquet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// A day or time still to come, those of the store, or a file that cannot be written.
pub async fn run(
    args: &SnapshotArgs,
    now: Instant,
    moment: DateTime<FixedOffset>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let end = args.out.extension().and_then(std::ffi::OsStr::to_str);
    let shape = end.and_then(Shape::of);
    let place = || args.out.display().to_string();
    let shape = shape.ok_or_else(|| {
        bad_input(format!(
            "--out {}: a name that ends in .jsonl or .parquet is expected",
            place()
        ))
    })?;
    let stores = open::for_reading(&args.data)?;
    let today = open::zone(&stores).await?.local(now).date_naive();
    let on = args.on.unwrap_or(today);
    if on > today {
        return Err(bad_input(format!(
            "--on {on} lies ahead of today, {today}; give a day that has begun"
        )));
    }
    let tiering = Tiering::open(Arc::clone(&stores.ledger), rulebooks::named("auto")?).await?;
    let view = tiering.known(args.known_at, moment).await;
    let view = view.map_err(|error| match error {
        TieringError::Ahead { .. } => bad_input(format!("--known-at: {error}")),
        other => other.into(),
    })?;
    let keys = receipt::load_or_make(&args.data, None, now)?;
    let snapshot = Snapshot {
        tiering: &tiering,
        view: &view,
        registry: &stores.registrar.registry().await?,
        on,
    };
    let units = unless_stopped(async {
        let draft = Draft::beside(&args.out);
        let file = std::fs::File::create(draft.path()).with_context(place)?;
        let writer = std::io::BufWriter::new(&file);
        let units = snapshot.write(&keys, shape, writer, |_, _| Ok(()));
        let units = units.with_context(place)?;
        file.sync_all().with_context(place)?;
        std::fs::rename(draft.path(), &args.out).with_context(place)?;
        Ok(units)
    })
    .await?;
    Ok(writeln!(out, "{units} units on {on} in {}", place())?)
}
