//! `skytier lookups`: the records that look-ups of tiers leave.

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use chrono::NaiveDate;
use clap::ValueEnum;

use crate::adapters::credit_events::instant_text;
use crate::adapters::credit_events::lookups::lookup_json;
use crate::adapters::credit_events::stamps::stamp_json;
use crate::adapters::receipt::key::PublicKey;
use crate::adapters::receipt::verify;
use crate::adapters::report::table::table;
use crate::adapters::store::Stores;
use crate::app::fault::AnswerIsNo;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::receipt;
use crate::app::tokens::day;
use crate::domain::calendar::Zone;
use crate::domain::credit::lookup::Lookup;
use crate::domain::credit::lookup::Wanted;
use crate::domain::credit::uscc::Uscc;

/// Records asked for at a time while all of them are printed.
const PAGE_ROWS: usize = 1_000;

/// Who looked tiers up, when, about whom, and what was signed then.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Every answer of tier, certificate, lookup and snapshots leaves a record; nothing removes one, so it is there for the ten years that
an auditor may ask for it, and longer. Rows are chained; `skytier verify` walks the chain. Works beside a running daemon.

Examples:
  skytier lookups list --data var/city
  skytier lookups list --data var/city --client bank-7 --from 2026-11-01 --to 2026-11-30 --format json
  skytier lookups list --data var/city --subject 91999999MA1X00076E
  skytier lookups show 0f3d9c1c7a6d4f0b8a5e2d1c0b9a8f7e --data var/city
  skytier lookups timestamp 0f3d9c1c7a6d4f0b8a5e2d1c0b9a8f7e --data var/city --out stamp")]
pub struct LookupsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Print records in the order they were kept.
    List(Listed),
    /// Print one record with what its receipt signs; exit code 1 when the receipt does not fit a key of the directory.
    Show {
        /// Its id: the head `skytier-lookup` of the answer.
        id: String,
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Write the receipt of a record and its time stamp into files, FILE.receipt and FILE.tsr, for `openssl ts -verify`.
    Timestamp {
        /// Its id.
        id: String,
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// What the files are called, without their ends.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(clap::Args, Debug)]
struct Listed {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The first day.
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Option<NaiveDate>,
    /// The last day.
    #[arg(long, value_name = "DATE", value_parser = day)]
    to: Option<NaiveDate>,
    /// By whoever showed a token of this name.
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// About this unit alone.
    #[arg(long, value_name = "CODE")]
    subject: Option<String>,
    /// How to print them.
    #[arg(long, value_enum, default_value = "table")]
    format: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// Aligned columns.
    Table,
    /// A line of JSON each.
    Json,
}

const HEADER: [&str; 7] = [
    "seq", "asked_at", "client", "checked", "subject", "items", "id",
];

/// Runs the command.
///
/// # Errors
/// A record that is not there or proves nothing, or a directory that cannot be read.
pub async fn run(args: &LookupsArgs, out: &mut impl Write) -> anyhow::Result<()> {
    match &args.what {
        What::List(listed) => list(listed, out).await,
        What::Show { id, data } => show(id, data, out).await,
        What::Timestamp {
            id,
            data,
            out: files,
        } => timestamp(id, data, files, out).await,
    }
}

async fn list(args: &Listed, out: &mut impl Write) -> anyhow::Result<()> {
    let (stores, zone) = (open::for_reading(&args.data)?, Zone::beijing());
    let subject = args.subject.as_deref().map(Uscc::new).transpose();
    let mut wanted = Wanted {
        after: 0,
        limit: PAGE_ROWS,
        client: args.client.clone(),
        subject: subject.map_err(bad_input)?,
        from: args.from.map(|day| zone.local(zone.day_start(day))),
        before: args.to.map(|day| zone.local(zone.day_end(day))),
    };
    let mut rows = Vec::new();
    loop {
        let page = stores.lookups.lookups(wanted.clone()).await?;
        let Some((last, _)) = page.last() else { break };
        wanted.after = *last;
        for (seq, lookup) in &page {
            match args.format {
                Form::Table => rows.push(cells(*seq, lookup)),
                Form::Json => writeln!(out, "{}", lookup_json(Some(*seq), lookup))?,
            }
        }
    }
    match args.format {
        Form::Table => Ok(write!(out, "{}", table(&HEADER, rows))?),
        Form::Json => Ok(()),
    }
}

fn cells(seq: u64, lookup: &Lookup) -> Vec<String> {
    vec![
        seq.to_string(),
        instant_text(lookup.asked_at),
        lookup.client.clone().unwrap_or_default(),
        if lookup.checked { "yes" } else { "no" }.to_owned(),
        lookup
            .subject
            .map(|subject| subject.to_string())
            .unwrap_or_default(),
        lookup.items.to_string(),
        lookup.id.clone(),
    ]
}

/// A record with its number.
async fn found(stores: &Stores, id: &str) -> anyhow::Result<(u64, Lookup)> {
    let said = format!("no look-up {id:?}; `skytier lookups list` tells which there are");
    let found = stores.lookups.lookup(id).await?;
    found.ok_or_else(|| bad_input(said))
}

async fn timestamp(
    id: &str,
    data: &Path,
    files: &Path,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let stores = open::for_reading(data)?;
    let (_, lookup) = found(&stores, id).await?;
    let Some(stamp) = stores.lookups.stamp(id).await? else {
        let said = "has no time stamp; POST /v1/lookups/ID/timestamp asks for one";
        return Err(anyhow::Error::new(AnswerIsNo(format!(
            "look-up {id} {said}"
        ))));
    };
    for (end, content) in [
        ("receipt", lookup.receipt.as_bytes()),
        ("tsr", &stamp.reply),
    ] {
        let path = files.with_added_extension(end);
        std::fs::write(&path, content).with_context(|| path.display().to_string())?;
    }
    Ok(writeln!(out, "{}", stamp_json(&stamp))?)
}

async fn show(id: &str, data: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let stores = open::for_reading(data)?;
    let (seq, lookup) = found(&stores, id).await?;
    let keys =
        receipt::load(data)?.map(|keys| keys.public().into_iter().map(|(key, _)| key).collect());
    let keys: Vec<PublicKey> = keys.unwrap_or_default();
    let mut shown = lookup_json(Some(seq), &lookup);
    let signed = verify(&lookup.receipt, &keys);
    shown["signed"] = signed.as_ref().ok().cloned().into();
    shown["receipt"] = lookup.receipt.into();
    let stamp = stores.lookups.stamp(id).await?;
    shown["timestamp"] = stamp.as_ref().map(stamp_json).into();
    writeln!(out, "{shown}")?;
    match signed {
        Ok(_) => Ok(()),
        Err(fault) => Err(anyhow::Error::new(AnswerIsNo(format!(
            "look-up {id}: {fault}"
        )))),
    }
}
