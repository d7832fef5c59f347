//! `skytier dead-letters`: messages that could not be used when they came, listed, taken out, tried again.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;

use crate::adapters::payload::Decoder;
use crate::adapters::payload::topic::Topics;
use crate::adapters::report::letters;
use crate::adapters::store::Stores;
use crate::app::cli::now;
use crate::app::config;
use crate::app::config::Settings;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::pump::reader;
use crate::app::qc_rules;
use crate::domain::names::Source;
use crate::flow::directory::Directory;
use crate::flow::ingest::Choice;
use crate::flow::ingest::Ingest;
use crate::flow::ingest::Stage;
use crate::ports::Kept;
use crate::ports::LetterQuery;
use crate::ports::LetterState;

/// Letters fetched at a time.
const CHUNK_LETTERS: usize = 500;

/// Messages that could not be used when they came: list them, take them out whole, try them again.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
States: quarantined (the source is not registered; admitted by itself once it is), dead, admitted.
`retry` needs the directory for itself; beside a running daemon use POST /v1/dead-letters/retry.

Examples:
  skytier dead-letters list --data var/city --state dead
  skytier dead-letters export --data var/city --source stations/1999A > letters.jsonl
  skytier dead-letters retry --data var/city")]
pub struct DeadLettersArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// A line each: number, when, state, topic, reason.
    List(Which),
    /// A JSON object each, with payload and every try.
    Export(Which),
    /// Read dead letters again; store what can be used now, keep the rest with the new reason.
    Retry {
        #[command(flatten)]
        which: Place,
        /// Only the letter of this number; may be given several times.
        #[arg(long = "id", value_name = "NUMBER", conflicts_with = "source")]
        ids: Vec<u64>,
        /// The daemon's settings, for mqtt.prefix.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(clap::Args, Debug)]
struct Which {
    #[command(flatten)]
    which: Place,
    /// Only those that stand so: quarantined, dead or admitted.
    #[arg(long)]
    state: Option<String>,
}

#[derive(clap::Args, Debug)]
struct Place {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Only those of one source: stations/ID or loggers/MN.
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
}

impl Place {
    fn source(&self) -> anyhow::Result<Option<Source>> {
        let source = self.source.as_deref().map(Source::parse).transpose();
        source.map_err(|fault| bad_input(format!("--source: {fault}")))
    }
}

/// Admission on opened stores without a daemon: nobody waits for figures.
///
/// # Errors
/// A faulty prefix, or those of the store.
pub async fn admission(stores: &Stores, settings: &Settings) -> anyhow::Result<Ingest> {
    let directory = Directory::open(Arc::clone(&stores.registrar)).await?;
    let topics = Topics::new(&settings.mqtt_prefix).map_err(bad_input)?;
    let stage = Stage {
        series: Arc::clone(&stores.series),
        letters: Arc::clone(&stores.letters),
        directory: Arc::new(directory),
        touch: Box::new(|_| {}),
        reader: reader(
            topics,
            Decoder::new(settings.payload_bytes_max, qc_rules::rules()?)
                .with_hj212(settings.hj212.clone()),
            settings.maps.clone(),
        ),
    };
    Ok(Ingest::open(stage).await?)
}

/// Runs the command.
///
/// # Errors
/// Faulty arguments, or those of the store.
pub async fn run(args: &DeadLettersArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let zone_of = async |which: &Which| open::zone(&open::for_reading(&which.which.data)?).await;
    match &args.action {
        Action::List(which) => {
            let zone = zone_of(which).await?;
            each(which, |kept| {
                let (letter, state) = (&kept.letter, kept.state().key());
                let received = zone.text(letter.received_at);
                let (id, topic, reason) = (kept.id, &letter.topic, kept.reason());
                writeln!(out, "{id}\t{received}\t{state}\t{topic}\t{reason}")
            })
            .await
        }
        Action::Export(which) => {
            let zone = zone_of(which).await?;
            each(which, |kept| {
                writeln!(out, "{}", letters::whole(zone, kept))
            })
            .await
        }
        Action::Retry { which, ids, config } => {
            let source = which.source()?;
            let settings = config::load(config.as_deref(), std::env::vars()).map_err(bad_input)?;
            open::for_reading(&which.data)?;
            let stores = open::for_writing(&which.data)
                .context("beside a daemon: POST /v1/dead-letters/retry")?;
            let ingest = admission(&stores, &settings).await?;
            let released = ingest.readmit(now).await?;
            let choice = match ids.as_slice() {
                [] => Choice::All(source),
                ids => Choice::Numbers(ids.to_vec()),
            };
            let tried = ingest.retry(&choice, now).await?;
            writeln!(
                out,
                "quarantine: {released} admitted or found dead\n\
                 dead letters: {} tried, {} admitted, {} quarantined, {} still dead",
                tried.tried, tried.admitted, tried.quarantined, tried.dead
            )?;
            if tried.passed_over.is_empty() {
                return Ok(());
            }
            let numbers: Vec<String> = tried.passed_over.iter().map(u64::to_string).collect();
            Err(bad_input(format!(
                "--id {}: no dead letter; `skytier dead-letters list --state dead` shows them",
                numbers.join(", ")
            )))
        }
    }
}

/// Every letter asked for, oldest first.
async fn each(
    which: &Which,
    mut line: impl FnMut(&Kept) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let state = match which.state.as_deref() {
        None => None,
        Some(key) => Some(LetterState::from_key(key).ok_or_else(|| {
            bad_input(format!(
                "--state {key:?}: quarantined, dead or admitted is expected"
            ))
        })?),
    };
    let mut query = LetterQuery {
        after: 0,
        limit: CHUNK_LETTERS,
        state,
        source: which.which.source()?,
    };
    let stores = open::for_reading(&which.which.data)?;
    loop {
        let kept = stores.letters.letters(query.clone()).await?;
        let Some(last) = kept.last() else {
            return Ok(());
        };
        query.after = last.id;
        for kept in &kept {
            line(kept)?;
        }
    }
}
