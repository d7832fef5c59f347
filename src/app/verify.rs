//! `skytier verify`: reads everything stored and compares it with its checksums and links.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

use crate::adapters::credit_events::instant_text;
use crate::adapters::credit_events::views::hex;
use crate::adapters::receipt::rows_named;
use crate::adapters::store::Stores;
use crate::adapters::store::embedded::cut;
use crate::adapters::webhooks::files::Folder;
use crate::app::audit;
use crate::app::fault::AnswerIsNo;
use crate::app::open;
use crate::app::receipt;
use crate::app::rulebooks;
use crate::domain::credit::lookup::Wanted;
use crate::flow::tiering::Tiering;
use crate::flow::tiering::TieringError;
use crate::ports::StoreError;

/// Look-ups read at once.
const PAGE_ROWS: usize = 1_000;

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
    check(args, out).await.map_err(answered)
}

/// Damage that keeps the store from being opened is what was asked about.
fn answered(error: anyhow::Error) -> anyhow::Error {
    let damage = error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(StoreError::Damaged { place, fault }) => Some(format!("{place}: {fault}")),
        _ => None,
    });
    match damage {
        Some(damage) => {
            anyhow::Error::new(AnswerIsNo(format!("{damage}; restore the last backup")))
        }
        None => error,
    }
}

async fn check(args: VerifyArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let stores = open::for_reading(&args.data)?;
    let verified = stores.verify.verify().await?;
    for (what, count) in &verified.counted {
        writeln!(out, "{what}: {count} checked")?;
    }
    let mut fault = match verified.fault {
        None => match contradiction(&stores).await? {
            None => disowned(&stores).await?,
            fault => fault,
        },
        fault => fault,
    };
    if let Some((count, own)) = audit::checked(&args.data)? {
        writeln!(out, "audit log: {count} checked")?;
        fault = fault.or(own);
    }
    let (keys, own) = receipt::checked(&args.data);
    writeln!(out, "receipt keys: {keys} checked")?;
    fault = fault.or(own);
    let (hooks, own) = Folder::of(&args.data).checked();
    writeln!(out, "webhooks: {hooks} checked")?;
    fault = fault.or(own);
    let logs = cut::kept(&args.data)?;
    fault = fault.or(logs
        .first()
        .map(|name| format!("{}; {}", cut::told(name), cut::REMEDY)));
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

/// A row of the ledger that a receipt names and that is gone or another now: a chain that was written anew from some row on
/// fits in itself, and not with what was signed over it.
async fn disowned(stores: &Stores) -> anyhow::Result<Option<String>> {
    let rows = stores.ledger.rows(0).await?;
    let hashes: HashMap<u64, String> = rows.iter().map(|row| (row.seq, hex(&row.hash))).collect();
    let mut wanted = Wanted {
        limit: PAGE_ROWS,
        ..Wanted::default()
    };
    loop {
        let page = stores.lookups.lookups(wanted.clone()).await?;
        let Some((last, _)) = page.last() else {
            return Ok(None);
        };
        wanted.after = *last;
        for (_, lookup) in &page {
            // Number 0 stands for a ledger without entries.
            let named = rows_named(&lookup.receipt)
                .into_iter()
                .filter(|(seq, _)| *seq > 0);
            let strange = named
                .into_iter()
                .find(|(seq, hash)| hashes.get(seq) != Some(hash));
            if let Some((seq, _)) = strange {
                let (id, when) = (&lookup.id, instant_text(lookup.asked_at));
                let fault = format!(
                    "table ledger, row {seq}: not the one that look-up {id} of {when} has signed"
                );
                return Ok(Some(fault));
            }
        }
    }
}
