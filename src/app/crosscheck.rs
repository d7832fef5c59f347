//! `skytier crosscheck`: our means of days beside those that an InfluxDB computes from the same readings.
//!
//! Figures never come from the server; this shows that its arithmetic, on the same readings, is ours. It knows neither
//! flags nor minima, so a day is compared when every reading of it may enter means, and by the plain mean of these.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use chrono::NaiveDate;

use crate::app::fault::AnswerIsNo;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::domain::calendar::Span;
use crate::domain::calendar::Zone;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;
use crate::domain::units::Amount;
use crate::domain::units::Exact;
use crate::ports::Range;

/// Decimals to which both means must agree: the server computes in binary numbers.
const DECIMALS: u32 = 6;

/// Compare our means of days with those that InfluxDB computes from the same readings.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The InfluxDB is that of the environment (SKYTIER__STORE__KIND=influxdb2 and SKYTIER__STORE__INFLUXDB2__URL, __ORG,
__BUCKET, __TOKEN). Days with a reading that may not enter means, or that an order took out, are left out, as InfluxDB
knows nothing of either.

Examples:
  skytier crosscheck --data var/influxdb2 --from 2016-01-01 --to 2016-12-31
  skytier crosscheck --data var/influxdb2 --from 2016-01-01 --to 2016-12-31 --source Dongsi --factor pm25")]
pub struct CrosscheckArgs {
    /// The data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// First day.
    #[arg(long, value_name = "DATE")]
    from: NaiveDate,
    /// Last day.
    #[arg(long, value_name = "DATE")]
    to: NaiveDate,
    /// Only this source.
    #[arg(long, value_name = "ID")]
    source: Option<String>,
    /// Only this factor.
    #[arg(long, value_name = "FACTOR")]
    factor: Option<String>,
}

/// Our plain mean of each day, `None` where a reading may not enter means.
fn means(zone: Zone, readings: &[Reading]) -> BTreeMap<NaiveDate, Option<Exact>> {
    let mut means = BTreeMap::new();
    let same_day =
        |a: &Reading, b: &Reading| zone.day_of_ending(a.time) == zone.day_of_ending(b.time);
    for day in readings.chunk_by(same_day) {
        let values: Option<Vec<Exact>> = day
            .iter()
            .map(|one| one.usable().map(Exact::amount))
            .collect();
        let mean = values.and_then(|values| Exact::mean(&values));
        means.insert(zone.day_of_ending(day[0].time), mean);
    }
    means
}

/// Whether the server's mean is ours, up to what binary numbers do to the last decimal.
fn agrees(ours: &Exact, theirs: Amount) -> bool {
    let most = Exact::ratio(1, 10i64.pow(DECIMALS));
    let difference = ours.minus(&Exact::amount(theirs));
    let size = if difference.is_negative() {
        Exact::zero().minus(&difference)
    } else {
        difference
    };
    size <= most
}

/// Days by what became of them.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    compared: u64,
    left_out: u64,
    differing: u64,
}

impl Counts {
    /// Compares the days of a column and names those that differ.
    fn add(
        &mut self,
        key: &SeriesKey,
        ours: &BTreeMap<NaiveDate, Option<Exact>>,
        theirs: &BTreeMap<NaiveDate, Option<Amount>>,
        out: &mut dyn Write,
    ) -> std::io::Result<()> {
        let SeriesKey {
            source,
            factor,
            stat,
            interval_s,
        } = key;
        let name = format!("{source} {factor} {stat} {interval_s} s");
        for (day, ours) in ours {
            let found = theirs.get(day).copied();
            let (Some(ours), false) = (ours, found == Some(None)) else {
                self.left_out += 1;
                continue;
            };
            self.compared += 1;
            let found = found.flatten();
            if found.is_some_and(|found| agrees(ours, found)) {
                continue;
            }
            self.differing += 1;
            let found = found.map_or_else(|| "none".to_owned(), |found| found.to_string());
            let own = ours.round(DECIMALS).trimmed();
            writeln!(out, "{name} {day}: ours {own}, InfluxDB's {found}")?;
        }
        for (day, found) in theirs.iter().filter(|(day, _)| !ours.contains_key(day)) {
            if found.is_none() {
                self.left_out += 1;
                continue;
            }
            self.differing += 1;
            writeln!(out, "{name} {day}: InfluxDB has a mean, skytier no reading")?;
        }
        Ok(())
    }
}

/// Runs the command.
///
/// # Errors
/// [`AnswerIsNo`] when a day differs; those of the store; a store that is no InfluxDB.
pub async fn run(args: &CrosscheckArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let span = Span::checked(args.from, args.to).map_err(bad_input)?;
    let stores = open::for_reading(&args.data)?;
    let influx = stores
        .influxdb2
        .as_ref()
        .context("the readings are not in an InfluxDB 2; see --help");
    let influx = influx.map_err(bad_input)?;
    let zone = Zone::beijing();
    let wanted = |key: &&SeriesKey| {
        let is =
            |asked: &Option<String>, own: &str| asked.as_ref().is_none_or(|asked| asked == own);
        is(&args.source, key.source.as_str()) && is(&args.factor, key.factor.as_str())
    };
    let keys = stores.series.keys().await?;
    let mut counts = Counts::default();
    for key in keys.iter().filter(wanted) {
        let range = Range {
            after: zone.day_start(span.from),
            upto: zone.day_end(span.to),
            ..Range::ALL
        };
        let ours = means(zone, &stores.series.column(key, range).await?);
        let theirs = influx.day_means(key, span, zone).await?;
        counts.add(key, &ours, &theirs, out)?;
    }
    let Counts {
        compared,
        left_out,
        differing,
    } = counts;
    writeln!(
        out,
        "{compared} days compared, {left_out} left out for flags and orders, {differing} differ"
    )?;
    if compared + left_out == 0 {
        return Err(bad_input(
            "there is no reading of such a series in these days; `skytier stats` lists what there is",
        ));
    }
    if differing > 0 {
        out.flush()?;
        return Err(anyhow::Error::new(AnswerIsNo(format!(
            "{differing} days differ"
        ))));
    }
    Ok(())
}
