//! `skytier register`: stations, groups, targets and the other tables of a user's own place, from CSV.

use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::adapters::tables;
use crate::adapters::tables::Kind;
use crate::adapters::tables::Rules;
use crate::adapters::tables::Table;
use crate::app::exclusions;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::standards;

/// Largest table, in bytes.
const TABLE_BYTES_MAX: u64 = 16 << 20;

/// Check tables of stations, groups, targets and the like and enter them; or print one that is entered.
///
/// All tables go in together or, with any fault, none of them. A row of an identity that is registered already
/// replaces it, so entering a table twice changes nothing. The directory must not be in use by a daemon: a
/// running one takes the same tables at POST /v1/registry/TABLE.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A table may refer to what is registered already or stands in another table of the same call. A group is replaced
with all its members. A file named after its table needs no TABLE=.

Tables and their columns:
  stations    id,name_zh,name_en,class,longitude,latitude,simulated,source[,zone,interval_s]
  groups      id,name_zh,name_en,document,station,from,to[,member_document[,division_code]]
              division_code: of the area the group stands for; its place in ranks
  exclusions  id,place,from,to,pollutants,statistics,reason,document,decided_on[,revoked_on]
              days left out of statistics: place is group:ID, station:ID or all; pollutants and statistics
              (mean|percentile|composite|ranking|good_days), empty for what the reason dust takes out
  unmonitored station,pollutant,from,to,document
              what a station does not monitor by plan, with the plan (HJ 633-2026 5.3.2)
  chiefs      station,name,unit
              who answers for a station, shown on Today and on the station's page; the name of a person, or
              empty, and the unit, no telephone numbers
  grid        id,parent,level,name_zh,name_en
  targets     id,group,item,year,limit,issuer,document[,edition]
  published   group,period,item,value,change,source
  peers       division_code,name_zh,name_en,period,item,value,edition,source
              figures of other areas, for skytier rank and bulletins
  loggers     mn,uscc,outlets,source[,zone,interval_s]

Examples:
  skytier register --data var/city seeds/jiangyin/stations.csv seeds/jiangyin/groups.csv
  skytier register --data var/city targets=seeds/jiangyin/targets.csv
  skytier register --data var/city --list groups")]
pub struct RegisterArgs {
    /// The data directory; created if need be.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Tables to enter; - reads standard input.
    #[arg(value_name = "TABLE=FILE", required_unless_present = "list")]
    tables: Vec<String>,
    /// Print this table as CSV instead; works beside a running daemon.
    #[arg(long, value_name = "TABLE", conflicts_with = "tables")]
    list: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// Faults of the tables, all of them with file and line, or those of the store.
pub async fn run(args: &RegisterArgs, out: &mut impl Write) -> anyhow::Result<()> {
    if let Some(name) = &args.list {
        let kind = Kind::named(name).map_err(|fault| bad_input(format!("--list {fault}")))?;
        let stores = open::for_reading(&args.data)?;
        kind.write(&stores.registrar.registry().await?, out)?;
        return Ok(());
    }
    let tables = args
        .tables
        .iter()
        .map(|given| table(given))
        .collect::<anyhow::Result<Vec<_>>>()?;
    for (index, table) in tables.iter().enumerate() {
        if tables[..index]
            .iter()
            .any(|other| other.kind.name == table.kind.name)
        {
            return Err(bad_input(format!(
                "table {} is given twice",
                table.kind.name
            )));
        }
    }
    let stores = open::for_writing(&args.data)?;
    let registered = stores.registrar.registry().await?;
    let rules = Rules {
        editions: &standards::editions()?,
        reasons: &exclusions::reasons()?,
    };
    let entries =
        tables::read(&tables, &registered, rules).map_err(|faults| bad_input(faults.join("\n")))?;
    let changes = tables::changes(&tables, &registered, &entries);
    stores.registrar.register(entries).await?;
    for (name, rows, fresh) in changes {
        writeln!(out, "{name}: {rows} rows, {fresh} new or changed")?;
    }
    Ok(())
}

/// `TABLE=FILE`, or a file whose name says which table it is.
fn table(given: &str) -> anyhow::Result<Table> {
    let (name, file) = match given.split_once('=') {
        Some((name, file)) => (name, file),
        None => {
            let stem = Path::new(given).file_stem().and_then(|stem| stem.to_str());
            (stem.unwrap_or_default(), given)
        }
    };
    let kind = Kind::named(name)
        .map_err(|fault| bad_input(format!("{given}: {fault}; give it as TABLE=FILE")))?;
    let text = text(file).with_context(|| format!("table {name}"))?;
    let file = if file == "-" { "standard input" } else { file };
    Ok(Table {
        kind,
        file: file.to_owned(),
        text,
    })
}

/// The text of a file; `-` is standard input.
///
/// # Errors
/// When it cannot be read, is too long or not UTF-8.
pub fn text(file: &str) -> anyhow::Result<String> {
    String::from_utf8(bytes(file)?).map_err(|_| bad_input(format!("{file}: is not UTF-8")))
}

/// The bytes of a file; `-` is standard input.
///
/// # Errors
/// When it cannot be read or is too long.
pub fn bytes(file: &str) -> anyhow::Result<Vec<u8>> {
    let source: Box<dyn Read> = if file == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).map_err(|cause| bad_input(format!("{file}: {cause}")))?)
    };
    let mut bytes = Vec::new();
    source.take(TABLE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > TABLE_BYTES_MAX {
        return Err(bad_input(format!(
            "{file}: more than {TABLE_BYTES_MAX} bytes"
        )));
    }
    Ok(bytes)
}
