//! `skytier stats`: what a data directory holds, and what it takes.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::Value;
use serde_json::json;

use crate::adapters::report;
use crate::adapters::store::Stores;
use crate::adapters::store::embedded::copy;
use crate::adapters::store::embedded::counts::Counts;
use crate::app::cli::now;
use crate::app::open;
use crate::app::retention;
use crate::domain::calendar::DAY_S;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::SourceId;
use crate::domain::retention::Kind;
use crate::domain::retention::Removal;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;
use crate::ports::LetterState;
use crate::ports::Range;

/// Readings fetched at a time.
const CHUNK_READINGS: usize = 100_000;

/// Print how much a data directory holds: series, values, bytes a value, what came in lately, what waits, what was removed.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
What came in within the last minute, hour, day and seven days is of the values that count now, by when they were received.
What waits is committed and not merged into blocks yet; nothing is lost with it.

Examples:
  skytier stats --data var/demo
  skytier stats --data var/demo --format json")]
pub struct StatsArgs {
    /// The data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// text: a table of the sources, then a name and a number a line; json: one object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Stretches of time up to now over which the rate of what comes in is told: name, seconds, what the rate is per, seconds.
const STRETCHES: [(&str, i64, &str, i64); 4] = [
    ("last_minute", 60, "a_second", 1),
    ("last_hour", 3_600, "a_second", 1),
    ("1_days", DAY_S, "an_hour", 3_600),
    ("7_days", 7 * DAY_S, "an_hour", 3_600),
];

/// What some series hold.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    series: u64,
    values: u64,
    missing: u64,
    extent: Option<(Instant, Instant)>,
    /// Received within each of [`STRETCHES`].
    recent: [u64; 4],
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

    fn json(&self, zone: Zone) -> Value {
        json!({
            "series": self.series,
            "values": self.values,
            "without_value": self.missing,
            "first": self.extent.map(|(from, _)| zone.text(from)),
            "last": self.extent.map(|(_, to)| zone.text(to)),
        })
    }
}

/// What was counted.
struct Found {
    zone: Zone,
    sources: BTreeMap<SourceId, Held>,
    all: Held,
    bytes: u64,
    counts: Option<Counts>,
    removed: Vec<(Kind, u64)>,
    letters: Vec<(LetterState, u64)>,
}

impl Found {
    /// Bytes of the directory for each reading, `None` without any.
    fn bytes_a_reading(&self) -> Option<Decimal> {
        let rows = i64::try_from(self.all.values + self.all.missing).ok()?;
        let bytes = i64::try_from(self.bytes).ok()?;
        (rows > 0).then(|| Exact::ratio(bytes, rows).round(2))
    }

    /// What came in, stretch by stretch: name, readings, what the rate is per, rate.
    fn received(&self) -> impl Iterator<Item = (&'static str, u64, &'static str, Decimal)> {
        let stretches = STRETCHES.into_iter().zip(self.all.recent);
        stretches.map(|((name, seconds, per, unit_s), received)| {
            let count = i64::try_from(received).unwrap_or(i64::MAX);
            (
                name,
                received,
                per,
                Exact::ratio(count, seconds / unit_s).round(2),
            )
        })
    }

    fn text(&self, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(out, "source\tseries\tvalues\twithout_value\tfirst\tlast")?;
        for (source, held) in &self.sources {
            writeln!(out, "{}", held.line(self.zone, source.as_str()))?;
        }
        writeln!(out, "{}", self.all.line(self.zone, "all"))?;
        let each = self.bytes_a_reading();
        let each = each.map_or("-".to_owned(), |each| each.to_string());
        writeln!(out, "bytes\t{}\nbytes_a_reading\t{each}", self.bytes)?;
        for (name, received, per, rate) in self.received() {
            writeln!(
                out,
                "received_in_{name}\t{received}\nreceived_{per}_in_{name}\t{rate}"
            )?;
        }
        if let Some(counts) = &self.counts {
            writeln!(out, "waiting_to_be_merged\t{}", counts.waiting)?;
            writeln!(out, "replaced_values\t{}", counts.revisions)?;
            writeln!(out, "deletion_orders\t{}", counts.orders)?;
            writeln!(out, "removed_by_order\t{}", counts.taken_out)?;
        }
        for (kind, count) in &self.removed {
            writeln!(out, "removed_by_age_{}\t{count}", kind.key())?;
        }
        for (state, count) in &self.letters {
            writeln!(out, "letters_{}\t{count}", state.key())?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let sources = self.sources.iter();
        let sources = sources.map(|(source, held)| (source.to_string(), held.json(self.zone)));
        let received = self.received().map(|(name, received, per, rate)| {
            (
                name,
                json!({"readings": received, per: report::number(rate)}),
            )
        });
        let removed = self
            .removed
            .iter()
            .map(|(kind, count)| (kind.key(), *count));
        let letters = self
            .letters
            .iter()
            .map(|(state, count)| (state.key(), *count));
        json!({
            "sources": sources.collect::<BTreeMap<_, _>>(),
            "all": self.all.json(self.zone),
            "bytes": self.bytes,
            "bytes_a_reading": self.bytes_a_reading().map(report::number),
            "received": received.collect::<BTreeMap<_, _>>(),
            "waiting_to_be_merged": self.counts.map(|counts| counts.waiting),
            "replaced_values": self.counts.map(|counts| counts.revisions),
            "deletion_orders": self.counts.map(|counts| counts.orders),
            "removed_by_order": self.counts.map(|counts| counts.taken_out),
            "removed_by_age": removed.collect::<BTreeMap<_, _>>(),
            "letters": letters.collect::<BTreeMap<_, _>>(),
        })
    }
}

/// Runs the command.
///
/// # Errors
/// Those of the store.
pub async fn run(args: &StatsArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let stores = open::for_reading(&args.data)?;
    let sources = held(&stores, now()).await?;
    let mut all = Held::default();
    sources.values().for_each(|own| all.add(*own));
    let removals = retention::removals_of(&stores).await?;
    let removed = |kind: Kind| {
        let counted = |one: &Removal| match kind {
            Kind::Revisions => one.revisions,
            _ if one.kind == kind => one.count(),
            _ => 0,
        };
        (kind, removals.iter().map(counted).sum())
    };
    let counts = stores.letters.letter_counts().await?;
    let letters = |state: LetterState| {
        let own = counts.iter().filter(|(_, found, _)| *found == state);
        (state, own.map(|(.., count)| count).sum())
    };
    let found = Found {
        zone: open::zone(&stores).await?,
        all,
        sources,
        bytes: copy::size_bytes(&args.data)?,
        // Of readings in an InfluxDB nothing waits here, and none can be taken out.
        counts: match (&stores.embedded, &stores.influxdb2) {
            (Some(store), None) => Some(store.counts().await?),
            _ => None,
        },
        removed: Kind::ALL.map(removed).to_vec(),
        letters: LetterState::ALL.map(letters).to_vec(),
    };
    match args.format {
        Format::Text => found.text(out)?,
        Format::Json => writeln!(out, "{}", found.json())?,
    }
    Ok(())
}

/// What the series of each source hold.
async fn held(stores: &Stores, now: Instant) -> anyhow::Result<BTreeMap<SourceId, Held>> {
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
            let within = |(_, seconds, ..): (&str, i64, &str, i64)| {
                let since = now.plus_s(-seconds);
                chunk.iter().filter(|(at, _)| *at > since).count() as u64
            };
            held.add(Held {
                series: 0,
                values: chunk.len() as u64 - missing,
                missing,
                extent: Some((first.time, last.time)),
                recent: STRETCHES.map(within),
            });
            range.after = last.time;
        }
        sources.entry(key.source).or_default().add(held);
    }
    Ok(sources)
}
