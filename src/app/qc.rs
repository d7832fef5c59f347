//! `skytier qc`: what the rules for single readings find.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use chrono::NaiveDate;

use crate::adapters::report::qc as shapes;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::qc_rules;
use crate::domain::calendar::Span;
use crate::domain::names::SourceId;
use crate::domain::qc::Rule;
use crate::flow::qc::Judge;

/// Print what the rules for single readings find at a station, or count it.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Rules that keep a value out of means: flag, clock, negative, range. Rules that only warn, for a reviewer to decide:
interval, step, stuck, inversion, spike. Their numbers are in config/qc.toml.

Examples:
  skytier qc --data var/demo --station Dongsi --from 2016-12-01 --to 2016-12-31 --count
  skytier qc --data var/demo --station Dongsi --from 2016-12-01 --to 2016-12-31 > findings.csv")]
pub struct QcArgs {
    /// The data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The station.
    #[arg(long, value_name = "ID")]
    station: String,
    /// First day.
    #[arg(long, value_name = "DATE")]
    from: NaiveDate,
    /// Last day.
    #[arg(long, value_name = "DATE")]
    to: NaiveDate,
    /// Print a count for each rule instead of the findings.
    #[arg(long)]
    count: bool,
}

/// Runs the command.
///
/// # Errors
/// Faulty arguments, or those of the store.
pub async fn run(args: &QcArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let station = SourceId::new(&args.station).map_err(bad_input)?;
    let span = Span::checked(args.from, args.to).map_err(bad_input)?;
    let stores = open::for_reading(&args.data)?;
    let zone = open::zone(&stores).await?;
    let registry = stores.registrar.registry().await?;
    if registry.station(&station).is_none() {
        return Err(bad_input(format!("--station {station}: is not registered")));
    }
    let judge = Judge {
        series: stores.series,
        registry: registry.into(),
        rules: qc_rules::rules()?,
    };
    let (after, upto) = (zone.day_start(span.from), zone.day_end(span.to));
    let found = judge.station(&station, after, upto).await?;
    if !args.count {
        return Ok(shapes::csv(zone, &found, out)?);
    }
    let mut counts: BTreeMap<Rule, usize> = BTreeMap::new();
    for found in &found {
        *counts.entry(found.finding.rule).or_default() += 1;
    }
    for rule in Rule::ALL {
        let count = counts.get(&rule).copied().unwrap_or(0);
        let effect = if rule.excludes() {
            "excluded"
        } else {
            "warning"
        };
        writeln!(out, "{}\t{effect}\t{count}\t{}", rule.key(), rule.words().1)?;
    }
    Ok(())
}
