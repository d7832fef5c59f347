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
use crate::adapters::mapping::Map;
use crate::adapters::mapping::table;
use crate::adapters::store::Stores;
use crate::app::cli::now;
use crate::app::config;
use crate::app::dead_letters::admission;
use crate::app::fault::bad_input;
use crate::app::observations;
use crate::app::open;
use crate::app::qc_rules;
use crate::domain::names::Source;
use crate::domain::names::SourceKind;
use crate::domain::qc::Rules;
use crate::domain::reading::Observation;
use crate::domain::registry::senders::Senders;
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
  skytier import --input seeds/beijing/*Dongsi*.csv.gz --layout beijing-uci --data var/city
  skytier import --input hours.csv --map config/devices/hourly-table.toml --data var/city")]
pub struct ImportArgs {
    /// Files, .csv or .csv.gz.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<PathBuf>,
    /// How they are laid out: beijing-uci, cnemc or canonical.
    #[arg(long, required_unless_present = "map")]
    layout: Option<Layout>,
    /// A mapping file that says which column is what, in place of a layout.
    #[arg(long, value_name = "FILE", conflicts_with = "layout")]
    map: Option<PathBuf>,
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The daemon's settings, for mqtt.prefix: what waits in quarantine is admitted first.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// How rows are read.
enum Plan {
    Layout(Layout),
    Map(Box<Map>),
}

/// A table that is being read.
enum Table<'a> {
    Layout(layout::Rows),
    Map(table::Rows<'a>),
}

impl Plan {
    fn of(args: &ImportArgs) -> anyhow::Result<Self> {
        match (&args.map, args.layout) {
            (Some(path), _) => Ok(Self::Map(Box::new(Map::open(path).map_err(bad_input)?))),
            (None, Some(layout)) => Ok(Self::Layout(layout)),
            (None, None) => Err(bad_input("--layout: missing; or give --map")),
        }
    }

    fn open(&self, path: &Path) -> anyhow::Result<Table<'_>> {
        Ok(match self {
            Self::Layout(layout) => Table::Layout(layout::open(path, *layout)?),
            Self::Map(map) => Table::Map(table::open(path, map).map_err(bad_input)?),
        })
    }

    /// Its name in the list of imports.
    fn name(&self) -> String {
        match self {
            Self::Layout(layout) => layout.key().to_owned(),
            Self::Map(map) => format!("map {}", file_name(Path::new(&map.name))),
        }
    }
}

impl Table<'_> {
    /// The next row's source; nothing at the end. Rows of a layout are sound once they are read; those of a map are so
    /// once their readings are.
    fn next_source(&mut self, senders: &Senders, rules: &Rules) -> Option<anyhow::Result<Source>> {
        match self {
            Self::Layout(rows) => {
                let row = rows.next()?;
                Some(row.map(|row| station(&row)).map_err(anyhow::Error::from))
            }
            Self::Map(_) => {
                let row = self.next_row(senders, rules)?;
                Some(row.map(|(source, _)| source))
            }
        }
    }

    /// The next row's source and readings; nothing at the end.
    fn next_row(
        &mut self,
        senders: &Senders,
        rules: &Rules,
    ) -> Option<anyhow::Result<(Source, Vec<Observation>)>> {
        match self {
            Self::Layout(rows) => {
                let row = rows.next()?;
                let read =
                    |row: layout::Row| (station(&row), observations::of_row(&row, rules, now()));
                Some(row.map(read).map_err(anyhow::Error::from))
            }
            Self::Map(rows) => {
                let row = rows.next_row(|source| senders.zone(source), rules, now())?;
                Some(row.map_err(bad_input))
            }
        }
    }
}

/// Whose row it is.
fn station(row: &layout::Row) -> Source {
    Source {
        kind: SourceKind::Station,
        id: row.station.clone(),
    }
}

/// Refuses stations of which messages wait under another prefix: they came before what is imported, and would replace it
/// later.
async fn refuse_astray(
    stores: &Stores,
    sources: &BTreeSet<Source>,
    prefix: &str,
) -> anyhow::Result<()> {
    let counts = stores.letters.letter_counts().await?;
    let waiting = counts.into_iter().filter(|(source, state, _)| {
        *state == LetterState::Quarantined && sources.contains(source)
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

/// Reads all files to their end: how many rows there are, and whose.
fn look(
    args: &ImportArgs,
    plan: &Plan,
    senders: &Senders,
    rules: &Rules,
) -> anyhow::Result<(u64, BTreeSet<Source>)> {
    let mut rows = 0u64;
    let (mut known, mut strangers) = (BTreeSet::new(), BTreeSet::new());
    for path in &args.input {
        let mut table = plan.open(path)?;
        while let Some(source) = table.next_source(senders, rules) {
            let source = source?;
            rows += 1;
            match senders.knows(&source) {
                true => known.insert(source),
                false => strangers.insert(source),
            };
        }
    }
    if !strangers.is_empty() {
        let names: Vec<&str> = strangers
            .iter()
            .take(20)
            .map(|one| one.id.as_str())
            .collect();
        let kind = strangers.first().map_or("sources", |one| one.kind.level());
        return Err(bad_input(format!(
            "--input: {} {kind} are not registered ({}); enter them with `skytier register` first",
            strangers.len(),
            names.join(", ")
        )));
    }
    Ok((rows, known))
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
    let plan = Plan::of(args)?;
    let (senders, rules) = (Senders::of(&registry), qc_rules::rules()?);
    let (rows, known) = look(args, &plan, &senders, &rules)?;
    // What came before this in quarantine counts first.
    admission(&stores, &settings).await?.readmit(now).await?;
    refuse_astray(&stores, &known, &settings.mqtt_prefix).await?;
    let style = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} rows, {eta} left")
        .expect("the template is sound");
    let bar = ProgressBar::new(rows).with_style(style);
    let mut batch = Batch::new(now());
    let (mut new, mut repeated, mut corrected) = (0, 0, 0);
    for path in &args.input {
        let mut table = plan.open(path)?;
        loop {
            let row = table.next_row(&senders, &rules);
            let more = row.is_some();
            if let Some(row) = row {
                batch.observations.extend(row?.1);
                bar.inc(1);
            }
            if more && batch.observations.len() < CHUNK_VALUES {
                continue;
            }
            let full = std::mem::replace(&mut batch, Batch::new(now()));
            let appended = stores.series.append(full).await?;
            new += appended.new;
            repeated += appended.repeated;
            corrected += appended.corrected;
            if !more {
                break;
            }
        }
    }
    bar.finish_and_clear();
    let note = stores.registrar.mark(imports::NOTE).await?;
    let import = Import {
        at: now().unix(),
        files: args.input.iter().map(|path| file_name(path)).collect(),
        layout: plan.name(),
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
