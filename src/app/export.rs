//! `skytier export`: readings out of a data directory, beside a running daemon if need be.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::ValueEnum;

use crate::adapters::report;
use crate::adapters::store::Stores;
use crate::app::open;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;
use crate::flow::reviewing::Reviewing;
use crate::ports::Range;

/// Readings fetched at a time.
const CHUNK_READINGS: usize = 50_000;

/// Write readings as CSV: source,factor,stat,time,interval_s,value,flag,review.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  skytier export --data var/demo --what readings --format csv --out readings.csv
  skytier export --data var/demo --what readings --format csv --out - | head
  skytier export --data var/demo --what readings --review reviewed --out - | head")]
pub struct ExportArgs {
    /// The data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// What to write.
    #[arg(long, value_enum)]
    what: What,
    /// How to write it.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// raw: values as received, marked where a decision stands; reviewed: as decided.
    #[arg(long, value_enum, default_value_t = View::Raw)]
    review: View,
    /// Where to; - is standard output.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    Readings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum View {
    Raw,
    Reviewed,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Csv,
}

/// Runs the command.
///
/// # Errors
/// Those of the store, or a file that cannot be written.
pub async fn run(args: ExportArgs, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let mut stores = open::for_reading(&args.data)?;
    let reviewing =
        Reviewing::open(Arc::clone(&stores.reviews), Arc::clone(&stores.series)).await?;
    stores.series = match args.review {
        View::Raw => reviewing.marked(),
        View::Reviewed => reviewing.decided(),
    };
    let (What::Readings, Format::Csv) = (args.what, args.format);
    if args.out.as_os_str() == "-" {
        return readings(&stores, stdout).await;
    }
    let place = || args.out.display().to_string();
    let file = std::fs::File::create(&args.out).with_context(place)?;
    readings(&stores, std::io::BufWriter::new(&file)).await?;
    file.sync_all().with_context(place)
}

/// All readings in the order source, factor, stat, time; intervals of one series stand together in time.
async fn readings(stores: &Stores, out: impl Write) -> anyhow::Result<()> {
    let zone = open::zone(stores).await?;
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(report::readings::READING_COLUMNS)?;
    let keys = stores.series.keys().await?;
    let same = |a: &SeriesKey, b: &SeriesKey| {
        (&a.source, &a.factor, &a.stat) == (&b.source, &b.factor, &b.stat)
    };
    for columns in keys.chunk_by(same) {
        match columns {
            [single] => {
                let mut range = Range {
                    limit: CHUNK_READINGS,
                    ..Range::ALL
                };
                loop {
                    let chunk = stores.series.column(single, range).await?;
                    for reading in &chunk {
                        report::readings::reading_row(&mut writer, zone, single, reading)?;
                    }
                    match chunk.last() {
                        Some(last) if chunk.len() == CHUNK_READINGS => range.after = last.time,
                        _ => break,
                    }
                }
            }
            several => {
                for (key, reading) in merged(stores, several).await? {
                    report::readings::reading_row(&mut writer, zone, key, &reading)?;
                }
            }
        }
    }
    writer.flush()?;
    Ok(())
}

async fn merged<'k>(
    stores: &Stores,
    columns: &'k [SeriesKey],
) -> anyhow::Result<Vec<(&'k SeriesKey, Reading)>> {
    let mut rows = Vec::new();
    for key in columns {
        let column = stores.series.column(key, Range::ALL).await?;
        rows.extend(column.into_iter().map(|reading| (key, reading)));
    }
    rows.sort_by_key(|(key, reading)| (reading.time, key.interval_s));
    Ok(rows)
}
