//! `skytier verify`: reads everything stored and compares it with its checksums and links.

use std::io::Write;
use std::path::PathBuf;

use crate::adapters::store::Stores;
use crate::app::audit;
use crate::app::fault::AnswerIsNo;
use crate::app::open;
use crate::app::rulebooks;
use crate::flow::tiering::Tiering;
use crate::flow::tiering::TieringError;

/// Check every stored checksum, key order and ledger link; exit 1 at the first fault.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  skytier verify --data var/demo")]
pub struct VerifyArgs {
    /// The data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// [`AnswerIsNo`] naming the first fault; those of the store.
pub async fn run(args: VerifyArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let stores = open::for_reading(&args.data)?;
    let verified = stores.verify.verify().await?;
    for (what, count) in &verified.counted {
        writeln!(out, "{what}: {count} checked")?;
    }
    let mut fault = match verified.fault {
        None => contradiction(&stores).await?,
        fault => fault,
    };
    if let Some((count, own)) = audit::checked(&args.data)? {
        writeln!(out, "audit log: {count} checked")?;
        fault = fault.or(own);
    }
    match fault {
        None => Ok(writeln!(out, "all is well")?),
        Some(fault) => {
            out.flush()?;
            Err(anyhow::Error::new(AnswerIsNo(fault)))
        }
    }
}

/// What keeps the ledger's entries from being read, though every row is as it was written: two that contradict each other,
/// or one that no rulebook knows.
async fn contradiction(stores: &Stores) -> anyhow::Result<Option<String>> {
    let ledger = std::sync::Arc::clone(&stores.ledger);
    match Tiering::open(ledger, rulebooks::named("auto")?).await {
        Err(TieringError::Entries(said)) => Ok(Some(format!("table ledger: {said}"))),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(None),
    }
}
