//! `skytier gaps`: what stations failed to report, and why.

use std::io::Write;
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::ValueEnum;

use crate::adapters::lang::Lang;
use crate::adapters::report::gaps;
use crate::adapters::report::gaps::By;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::names::SourceId;
use crate::flow::gaps::GapFault;
use crate::flow::gaps::Reporting;

/// Days shown when no first day is given, today included.
const DAYS_DEFAULT: u64 = 7;

/// Print the reports that are missing and why, or how complete each day is.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A report is missing when nothing came of a period, by the station's registered interval, else the one its readings name,
else the commonest distance between two of them. Causes, the first that applies: retention (removed by age), not_recorded (no daemon kept this yet),
daemon_down, broker_down, station_offline (it had said so, or its last will did), station_silent. A gap that is filled
later is gone. Reports are counted from the first one ever whose stamp is no clock fault, and up to what is due by now.
A gap is one and a half intervals without a report; --by day counts reports, at most one an interval, so a sender slower
than registered shows there though it leaves no gap.

Examples:
  skytier gaps --data var/demo --station Dongsi --from 2016-12-01 --to 2016-12-31
  skytier gaps --data var/demo --by day --from 2016-12-01 --to 2016-12-31 --format csv
  skytier gaps --data var/city --format json")]
pub struct GapsArgs {
    /// The data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// One station; without it every registered one.
    #[arg(long, value_name = "ID")]
    station: Option<String>,
    /// First day; without it six days before the last.
    #[arg(long, value_name = "DATE")]
    from: Option<NaiveDate>,
    /// Last day; without it today.
    #[arg(long, value_name = "DATE")]
    to: Option<NaiveDate>,
    /// gap: runs of missing reports; day: expected and reported, with usable values of each pollutant.
    #[arg(long, value_enum, default_value_t = ByArg::Gap)]
    by: ByArg,
    /// json: one object a station.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Language of the table.
    #[arg(long, value_parser = lang, default_value = "zh", value_name = "zh|en")]
    lang: Lang,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ByArg {
    Gap,
    Day,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

fn lang(text: &str) -> Result<Lang, String> {
    Lang::from_key(text).ok_or_else(|| "zh or en is expected".to_owned())
}

/// Runs the command.
///
/// # Errors
/// Faulty arguments, or those of the store.
pub async fn run(args: &GapsArgs, now: Instant, out: &mut impl Write) -> anyhow::Result<()> {
    let stores = open::for_reading(&args.data)?;
    let zone = open::zone(&stores).await?;
    let to = args.to.unwrap_or_else(|| zone.local(now).date_naive());
    let before = chrono::Days::new(DAYS_DEFAULT - 1);
    let from = args.from.or_else(|| to.checked_sub_days(before));
    let span = Span::checked(from.unwrap_or(to), to).map_err(bad_input)?;
    let registry = stores.registrar.registry().await?;
    let stations = match &args.station {
        Some(id) => vec![SourceId::new(id).map_err(bad_input)?],
        None => {
            let stations = registry.stations.iter();
            let mut ids: Vec<SourceId> = stations.map(|station| station.id.clone()).collect();
            ids.sort();
            ids
        }
    };
    let reporting = Reporting {
        series: &*stores.series,
        attendance: &*stores.attendance,
        registry: &registry,
        zone,
        now,
    };
    let keys = stores.series.keys().await?;
    let mut answered = Vec::new();
    for station in stations {
        let answer = match reporting.of(&keys, &station, span).await {
            Ok(answer) => answer,
            Err(GapFault::Store(error)) => return Err(error.into()),
            Err(fault) => return Err(bad_input(format!("--station {station}: {fault}"))),
        };
        answered.push((station, answer));
    }
    let by = match args.by {
        ByArg::Gap => By::Gap,
        ByArg::Day => By::Day,
    };
    match args.format {
        Format::Csv => gaps::csv(by, zone, &answered, out)?,
        Format::Table => write!(out, "{}", gaps::text(by, zone, &answered, args.lang))?,
        Format::Json => {
            for one in &answered {
                writeln!(out, "{}", by.json(zone, one))?;
            }
        }
    }
    Ok(())
}
