//! `skytier stats`: what a data directory holds, and what it takes.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use crate::adapters::store::embedded::copy;
use crate::app::cli::now;
use crate::app::open;
use crate::domain::calendar::DAY_S;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::SourceId;
use crate::domain::units::Exact;
use crate::ports::LetterState;
use crate::ports::Range;

/// Readings fetched at a time.
const CHUNK_READINGS: usize = 100_000;

/// Print how much a data directory holds: series, values, bytes a value, first and last, source by source.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The rate of what comes in is of the values that count now, by when they were received.

Examples:
  skytier stats --data var/demo")]
pub struct StatsArgs {
    /// The data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Days over which the rate of what comes in is told.
const RATE_DAYS: [i64; 2] = [1, 7];

/// What some series hold.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    series: u64,
    values: u64,
    missing: u64,
    extent: Option<(Instant, Instant)>,
    /// Received within each of [`RATE_DAYS`].
    recent: [u64; 2],
}

impl Held {
    fn add(&mut self, other: Self) {
        self.series += other.series;
        self.values += other.values;
        self.missing += other.missing;
        for (own, others) in self.recent.iter_mut().zip(other.recent) {
            *own += others;
        }
        self.extent = match (self.extent, other.extent) {
            (Some((from, to)), Some((first, last))) => Some((from.min(first), to.max(last))),
            (own, others) => own.or(others),
        };
    }

    fn line(&self, zone: Zone, name: &str) -> String {
        let ends = self
            .extent
            .map_or(("-".to_owned(), "-".to_owned()), |(from, to)| {
                (zone.text(from), zone.text(to))
            });
        format!(
            "{name}\t{}\t{}\t{}\t{}\t{}",
            self.series, self.values, self.missing, ends.0, ends.1
        )
    }
}

/// Runs the command.
///
/// # Errors
/// Those of the store.
pub async fn run(args: &StatsArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let now = now();
    let stores = open::for_reading(&args.data)?;
    let zone = open::zone(&stores).await?;
    let mut sources: BTreeMap<SourceId, Held> = BTreeMap::new();
    for key in stores.series.keys().await? {
        let mut held = Held {
            series: 1,
            ..Held::default()
        };
        let mut range = Range {
            limit: CHUNK_READINGS,
            ..Range::ALL
        };
        loop {
            let chunk = stores.series.received(&key, range).await?;
            let (Some((_, first)), Some((_, last))) = (chunk.first(), chunk.last()) else {
                break;
            };
            let missing = chunk
                .iter()
                .filter(|(_, reading)| reading.value.is_none())
                .count() as u64;
            let since = |days: i64| {
                let since = now.plus_s(-days * DAY_S);
                chunk.iter().filter(|(at, _)| *at > since).count() as u64
            };
            held.add(Held {
                series: 0,
                values: chunk.len() as u64 - missing,
                missing,
                extent: Some((first.time, last.time)),
                recent: RATE_DAYS.map(since),
            });
            range.after = last.time;
        }
        sources.entry(key.source).or_default().add(held);
    }
    let mut all = Held::default();
    writeln!(out, "source\tseries\tvalues\twithout_value\tfirst\tlast")?;
    for (source, held) in &sources {
        all.add(*held);
        writeln!(out, "{}", held.line(zone, source.as_str()))?;
    }
    writeln!(out, "{}", all.line(zone, "all"))?;
    let bytes = copy::size_bytes(&args.data)?;
    let rows = all.values + all.missing;
    // Hundredths of a byte, in whole numbers.
    let each = (bytes * 100).checked_div(rows);
    let each = each.map_or("-".to_owned(), |each| {
        format!("{}.{:02}", each / 100, each % 100)
    });
    writeln!(out, "bytes\t{bytes}\nbytes_a_reading\t{each}")?;
    for (days, received) in RATE_DAYS.into_iter().zip(all.recent) {
        let hourly = Exact::ratio(i64::try_from(received).unwrap_or(i64::MAX), days * 24);
        writeln!(
            out,
            "received_in_{days}_days\t{received}\nreceived_an_hour_in_{days}_days\t{}",
            hourly.round(2)
        )?;
    }
    let counts = stores.letters.letter_counts().await?;
    for state in LetterState::ALL {
        let own = counts.iter().filter(|(_, found, _)| *found == state);
        let count: u64 = own.map(|(.., count)| count).sum();
        writeln!(out, "letters_{}\t{count}", state.key())?;
    }
    Ok(())
}
