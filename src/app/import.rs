//! `skytier import`: recorded readings into a data directory, without a broker.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::str::FromStr;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::adapters::imports;
use crate::adapters::imports::Import;
use crate::adapters::layout;
use crate::adapters::layout::Layout;
use crate::adapters::layout::UnknownLayout;
use crate::adapters::layout::readings;
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
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::domain::qc::Rules;
use crate::domain::reading::Observation;
use crate::domain::reading::Review;
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

--layout readings takes what `skytier export --what readings` wrote, so that readings can move into another directory or
store. Values come as they were received; decisions of reviewers, and when a value came, are not in such a file.

Examples:
  skytier seed beijing --data var/city
  skytier import --input seeds/beijing/*Dongsi*.csv.gz --layout beijing-uci --data var/city
  skytier import --input hours.csv --map config/devices/hourly-table.toml --data var/city
  skytier export --data var/demo --what readings --out readings.csv
  skytier import --input readings.csv --layout readings --data var/city")]
pub struct ImportArgs {
    /// Files, .csv or .csv.gz.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<PathBuf>,
    /// How they are laid out: beijing-uci, cnemc, canonical or readings.
    #[arg(long, required_unless_present = "map")]
    layout: Option<Form>,
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

/// How files are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// An hour of a station a row.
    Hours(Layout),
    /// A value a row, as they are exported.
    Readings,
}

impl FromStr for Form {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == readings::KEY {
            return Ok(Self::Readings);
        }
        let layout = text.parse().map(Self::Hours);
        layout.map_err(|fault: UnknownLayout| format!("{fault}, or `{}`", readings::KEY))
    }
}

/// How rows are read.
enum Plan {
    Form(Form),
    Map(Box<Map>),
}

/// A table that is being read.
enum Table<'a> {
    Hours(layout::Rows),
    Readings(readings::Rows),
    Map(table::Rows<'a>),
}

/// A row of a table.
struct Read {
    source: Source,
    observations: Vec<Observation>,
    /// Whether a reviewer had decided about it where it comes from.
    reviewed: bool,
}

impl Plan {
    fn of(args: &ImportArgs) -> anyhow::Result<Self> {
        match (&args.map, args.layout) {
            (Some(path), _) => Ok(Self::Map(Box::new(Map::open(path).map_err(bad_input)?))),
            (None, Some(form)) => Ok(Self::Form(form)),
            (None, None) => Err(bad_input("--layout: missing; or give --map")),
        }
    }

    fn open(&self, path: &Path) -> anyhow::Result<Table<'_>> {
        Ok(match self {
            Self::Form(Form::Hours(layout)) => Table::Hours(layout::open(path, *layout)?),
            Self::Form(Form::Readings) => Table::Readings(readings::open(path)?),
            Self::Map(map) => Table::Map(table::open(path, map).map_err(bad_input)?),
        })
    }

    /// Its name in the list of imports.
    fn name(&self) -> String {
        match self {
            Self::Form(Form::Hours(layout)) => layout.key().to_owned(),
            Self::Form(Form::Readings) => readings::KEY.to_owned(),
            Self::Map(map) => format!("map {}", file_name(Path::new(&map.name))),
        }
    }
}

impl Table<'_> {
    /// The next row's source; nothing at the end. Rows of a layout are sound once they are read; those of a map are so
    /// once their readings are.
    fn next_source(&mut self, senders: &Senders, rules: &Rules) -> Option<anyhow::Result<Source>> {
        match self {
            Self::Hours(rows) => {
                let row = rows.next()?;
                Some(
                    row.map(|row| station(row.station))
                        .map_err(anyhow::Error::from),
                )
            }
            Self::Readings(_) | Self::Map(_) => {
                let row = self.next_row(senders, rules)?;
                Some(row.map(|read| read.source))
            }
        }
    }

    /// The next row; nothing at the end.
    fn next_row(&mut self, senders: &Senders, rules: &Rules) -> Option<anyhow::Result<Read>> {
        match self {
            Self::Hours(rows) => {
                let row = rows.next()?;
                let read = |row: layout::Row| Read {
                    observations: observations::of_row(&row, rules, now()),
                    source: station(row.station),
                    reviewed: false,
                };
                Some(row.map(read).map_err(anyhow::Error::from))
            }
            Self::Readings(rows) => {
                let row = rows.next()?;
                let read = |row: readings::Row| Read {
                    source: sender(senders, row.key.source.clone()),
                    reviewed: row.review == Review::Reviewed,
                    observations: vec![observations::of_reading(row, rules, now())],
                };
                Some(row.map(read).map_err(anyhow::Error::from))
            }
            Self::Map(rows) => {
                let row = rows.next_row(|source| senders.zone(source), rules, now())?;
                let read = |(source, observations)| Read {
                    source,
                    observations,
                    reviewed: false,
                };
                Some(row.map(read).map_err(bad_input))
            }
        }
    }
}

fn station(id: SourceId) -> Source {
    Source {
        kind: SourceKind::Station,
        id,
    }
}

/// Whose a reading is: the logger's of that identifier if there is one and no such station.
fn sender(senders: &Senders, id: SourceId) -> Source {
    let kind = SourceKind::Logger;
    let logger = Source { kind, id };
    let station = station(logger.id.clone());
    match senders.knows(&logger) && !senders.knows(&station) {
        true => logger,
        false => station,
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
    let (mut new, mut repeated, mut corrected, mut reviewed) = (0, 0, 0, 0u64);
    for path in &args.input {
        let mut table = plan.open(path)?;
        loop {
            let row = table.next_row(&senders, &rules);
            let more = row.is_some();
            if let Some(row) = row.transpose()? {
                batch.observations.extend(row.observations);
                reviewed += u64::from(row.reviewed);
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
    if reviewed > 0 {
        writeln!(
            out,
            "{reviewed} rows are marked as reviewed; decisions do not come with them: enter these anew with `skytier review`"
        )?;
    }
    Ok(())
}
