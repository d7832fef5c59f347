//! `skytier import`: recorded readings into a data directory, without a broker.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::adapters::imports;
use crate::adapters::imports::Import;
use crate::adapters::layout;
use crate::adapters::layout::Layout;
use crate::adapters::store::Stores;
use crate::app::cli::now;
use crate::app::config;
use crate::app::dead_letters::admission;
use crate::app::fault::bad_input;
use crate::app::observations;
use crate::app::open;
use crate::app::qc_rules;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::ports::Batch;
use crate::ports::LetterState;

/// Values appended at a time.
const CHUNK_VALUES: usize = 50_000;

/// Load recorded readings into a data directory that no daemon has open; loading a file again changes nothing.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
All files are read to their end before anything is stored: a faulty row or a station that is not registered stops the
import with nothing kept. An import that is interrupted is simply started again.

Examples:
  skytier seed beijing --data var/city
  skytier import --input seeds/beijing/*Dongsi*.csv.gz --layout beijing-uci --data var/city")]
pub struct ImportArgs {
    /// Files, .csv or .csv.gz.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<PathBuf>,
    /// How they are laid out: beijing-uci, cnemc or canonical.
    #[arg(long)]
    layout: Layout,
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The daemon's settings, for mqtt.prefix: what waits in quarantine is admitted first.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Refuses stations of which messages wait under another prefix: they came before what is imported, and would replace it
/// later.
async fn refuse_astray(
    stores: &Stores,
    stations: &BTreeSet<SourceId>,
    prefix: &str,
) -> anyhow::Result<()> {
    let counts = stores.letters.letter_counts().await?;
    let waiting = counts.into_iter().filter(|(source, state, _)| {
        *state == LetterState::Quarantined
            && source.kind == SourceKind::Station
            && stations.contains(&source.id)
    });
    let names: Vec<String> = waiting.map(|(source, ..)| source.id.to_string()).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(bad_input(format!(
        "--config: messages of {} wait in quarantine under another mqtt.prefix than {prefix:?}; give the settings of the \
         daemon that took them, so that they count before the files",
        names.join(", ")
    )))
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Runs the command with a progress bar on standard error.
///
/// # Errors
/// Faulty files, stations that are not registered, or those of the store.
pub async fn run(args: &ImportArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let settings = config::load(args.config.as_deref(), std::env::vars()).map_err(bad_input)?;
    open::for_reading(&args.data)?;
    let stores = open::for_writing(&args.data)?;
    let registry = stores.registrar.registry().await?;
    let mut rows = 0u64;
    let (mut known, mut strangers) = (BTreeSet::new(), BTreeSet::new());
    for path in &args.input {
        for row in layout::open(path, args.layout)? {
            let row = row?;
            rows += 1;
            match registry.station(&row.station) {
                Some(_) => known.insert(row.station),
                None => strangers.insert(row.station),
            };
        }
    }
    if !strangers.is_empty() {
        let names: Vec<&str> = strangers.iter().map(|id| id.as_str()).take(20).collect();
        return Err(bad_input(format!(
            "--input: {} stations are not registered ({}); enter them with `skytier register` first",
            strangers.len(),
            names.join(", ")
        )));
    }
    // What came before this in quarantine counts first.
    admission(&stores, &settings).await?.readmit(now).await?;
    refuse_astray(&stores, &known, &settings.mqtt_prefix).await?;
    let rules = qc_rules::rules()?;
    let style = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} rows, {eta} left")
        .expect("the template is sound");
    let bar = ProgressBar::new(rows).with_style(style);
    let mut batch = Batch::new(now());
    let (mut new, mut repeated, mut corrected) = (0, 0, 0);
    for path in &args.input {
        let mut rows = layout::open(path, args.layout)?.peekable();
        while let Some(row) = rows.next() {
            batch
                .observations
                .extend(observations::of_row(&row?, &rules, now()));
            bar.inc(1);
            if batch.observations.len() < CHUNK_VALUES && rows.peek().is_some() {
                continue;
            }
            let full = std::mem::replace(&mut batch, Batch::new(now()));
            let appended = stores.series.append(full).await?;
            new += appended.new;
            repeated += appended.repeated;
            corrected += appended.corrected;
        }
    }
    bar.finish_and_clear();
    let note = stores.registrar.mark(imports::NOTE).await?;
    let import = Import {
        at: now().unix(),
        files: args.input.iter().map(|path| file_name(path)).collect(),
        layout: args.layout.key().to_owned(),
        rows,
        new,
        repeated,
        corrected,
    };
    let note = imports::with(note.as_deref(), &import);
    stores.registrar.set_mark(imports::NOTE, &note).await?;
    writeln!(
        out,
        "{rows} rows: {new} readings new, {repeated} known already, {corrected} corrected"
    )?;
    Ok(())
}
