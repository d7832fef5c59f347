//! `skytier credit tariff`: what the snapshot tier of each unit costs in a half-year.

use std::io::Write;
use std::path::PathBuf;

use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;

use crate::adapters::credit_events::money::tariff_view;
use crate::app::credit::not_ahead;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::rate;
use crate::app::rate::parse_day;
use crate::app::rate::parse_known_at;
use crate::app::rulebooks;
use crate::domain::credit::ledger::Ledger;
use crate::domain::credit::prepared::Unit;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::tariff::tariff_tier;
use crate::domain::credit::tier::Schedule;
use crate::domain::units::Amount;

/// What `skytier credit tariff` is asked.
#[derive(clap::Args, Debug)]
pub(super) struct TariffArgs {
    /// A data directory, also beside a running daemon.
    #[arg(long, value_name = "DIR", required_unless_present = "events")]
    data: Option<PathBuf>,
    /// Ledger entries, one JSON object a line.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    events: Option<PathBuf>,
    /// Rulebook by its id or as a .toml file, which may say that a tariff is in force.
    #[arg(long, value_name = "ID|FILE|auto", default_value = "auto")]
    rulebook: String,
    /// A day of the half-year [default: today].
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    on: Option<NaiveDate>,
    /// Leave out entries captured after this time; none captured after the snapshot day counts anyway.
    #[arg(long, value_name = "TIME", value_parser = parse_known_at)]
    known_at: Option<DateTime<FixedOffset>>,
    /// Electricity to compute the surcharge for.
    #[arg(long, value_name = "KWH", value_parser = quantity)]
    kwh: Option<Amount>,
    /// Sewage to compute the surcharge for.
    #[arg(long, value_name = "M3", value_parser = quantity)]
    m3: Option<Amount>,
}

fn quantity(text: &str) -> Result<Amount, String> {
    let amount = Amount::parse(text).map_err(|fault| fault.to_string())?;
    if amount.is_negative() {
        return Err("a quantity of 0 or more is expected".to_owned());
    }
    Ok(amount)
}

pub(super) async fn run(
    args: &TariffArgs,
    now: DateTime<FixedOffset>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let rulebooks = rulebooks::named(&args.rulebook)?;
    let books: Vec<&Rulebook> = rulebooks.iter().collect();
    let events = match (&args.data, &args.events) {
        (Some(data), _) => {
            not_ahead(args.known_at, now)?;
            open::for_reading(data)?.ledger.events().await?
        }
        (None, Some(file)) => rate::entries(file)?,
        (None, None) => return Err(bad_input("--data or --events is needed")),
    };
    // Nothing is known of later days; a file may have been written by another clock.
    let latest = events.iter().map(|event| event.captured_at).max();
    let newest = latest.map_or(now, |latest| latest.max(now));
    let known_at = args.known_at.unwrap_or(newest);
    let ledger = Ledger::from_events(events, &books).map_err(|faults| {
        let told = faults.iter().take(5);
        let told = told.map(|fault| format!("entry {}: {fault}", fault.index + 1));
        bad_input(told.collect::<Vec<_>>().join("; "))
    })?;
    let schedule = Schedule::by_date(&books).ok_or_else(|| bad_input("no rulebook"))?;
    let electricity = args.kwh.map(|quantity| ("electricity", quantity));
    let sewage = args.m3.map(|quantity| ("sewage", quantity));
    let quantities: Vec<_> = electricity.into_iter().chain(sewage).collect();
    let on = args.on.unwrap_or(now.date_naive());
    for (subject, events) in ledger.subjects() {
        let tariff = tariff_tier(Unit::of(events), &schedule, on, Some(known_at))?;
        let mut line = serde_json::json!(tariff_view(&tariff, &quantities, known_at));
        line["subject"] = subject.as_str().into();
        writeln!(out, "{line}")?;
    }
    Ok(())
}
