//! `skytier delete`: readings taken out by order, or the orders so far.

use std::io::Write;
use std::path::PathBuf;

use chrono::DateTime;
use chrono::FixedOffset;

use crate::adapters::deletions;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::domain::calendar::Instant;
use crate::domain::deletion::Deletion;
use crate::domain::names::Factor;
use crate::domain::names::SourceId;
use crate::ports::DELETED_MAX;
use crate::ports::Deleted;

/// Take readings out by order, or print the orders so far.
///
/// For readings that should never have been stored; what is merely not valid is voided by `skytier review`. The
/// readings are gone from the moment of the order on; as known before it (--known-at), they are still there, and
/// figures published with them show as restatements. Order, reason and name are kept for good. The same value sent
/// again stays out, another value counts. The directory must not be in use by a daemon: a running one takes orders
/// at POST /v1/deletions.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  skytier delete --data var/city --source Dongsi --factor pm25 --from 2016-12-01T04:00:00+08:00 \\
    --to 2016-12-01T06:00:00+08:00 --by 'Li Na' --reason 'span gas test sent as readings'
  skytier delete --data var/city --list")]
pub struct DeleteArgs {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Whose readings.
    #[arg(long, value_name = "ID", required_unless_present = "list")]
    source: Option<String>,
    /// Of one factor only, such as pm25.
    #[arg(long, value_name = "CODE")]
    factor: Option<String>,
    /// Readings after this time, as RFC 3339.
    #[arg(long, value_name = "TIME", required_unless_present = "list")]
    from: Option<DateTime<FixedOffset>>,
    /// Up to and including this one.
    #[arg(long, value_name = "TIME", required_unless_present = "list")]
    to: Option<DateTime<FixedOffset>>,
    /// Why, in words that say what shows it.
    #[arg(long, value_name = "TEXT", required_unless_present = "list")]
    reason: Option<String>,
    /// Who orders it.
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    by: Option<String>,
    /// Print every order as a line of JSON instead; works beside a running daemon.
    #[arg(long, conflicts_with_all = ["source", "factor", "from", "to", "reason", "by"])]
    list: bool,
}

impl DeleteArgs {
    fn order(&self, now: Instant) -> anyhow::Result<Option<Deletion>> {
        let given = (&self.source, self.from, self.to, &self.reason, &self.by);
        let (Some(source), Some(from), Some(to), Some(reason), Some(by)) = given else {
            return Ok(None);
        };
        let bad =
            |option: &str, fault: &dyn std::fmt::Display| bad_input(format!("--{option}: {fault}"));
        let factor = self.factor.as_deref().map(Factor::new).transpose();
        let order = Deletion {
            source: SourceId::new(source).map_err(|fault| bad("source", &fault))?,
            factor: factor.map_err(|fault| bad("factor", &fault))?,
            after: Instant::from_unix(from.timestamp()),
            upto: Instant::from_unix(to.timestamp()),
            reason: reason.clone(),
            ordered_by: by.clone(),
            ordered_at: now,
        };
        match order.fault() {
            None => Ok(Some(order)),
            Some((part, fault)) => Err(bad(part, &fault)),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// An order that is none or means no reading, or those of the store.
pub async fn run(args: &DeleteArgs, now: Instant, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(order) = args.order(now)? else {
        let stores = open::for_reading(&args.data)?;
        let zone = open::zone(&stores).await?;
        for (id, order) in (1..).zip(&stores.series.deletions().await?) {
            let line = deletions::deletion_json(zone, id, order);
            writeln!(out, "{line}")?;
        }
        return Ok(());
    };
    let stores = open::for_writing(&args.data)?;
    match stores.series.delete(order).await? {
        Deleted::Done {
            number, readings, ..
        } => writeln!(out, "order {number}: {readings} readings taken out")?,
        Deleted::Nothing => {
            return Err(bad_input(
                "no reading of that source, factor and time is stored".to_owned(),
            ));
        }
        Deleted::TooMany => {
            return Err(bad_input(format!(
                "the order means more than {DELETED_MAX} readings; split it by time or factor"
            )));
        }
    }
    Ok(())
}
