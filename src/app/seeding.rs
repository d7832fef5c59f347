//! `skytier seed`: loads stations, groups, targets, example enterprises and simulated readings.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::adapters::store::Stores;
use crate::app::fault::bad_input;
use crate::app::observations;
use crate::app::open;
use crate::app::qc_rules;
use crate::app::rulebooks;
use crate::app::seed_ledger;
use crate::app::seeds;
use crate::domain::calendar::Instant;
use crate::domain::credit::CreditEvent;
use crate::domain::registry::Registry;
use crate::domain::scenario;
use crate::flow::tiering::Tiering;
use crate::ports::Batch;

/// Simulated station-hours appended at a time.
const CHUNK_HOURS: usize = 5_000;
/// The mark that says on which day a seed's ledger was loaded.
const LEDGER_MARK: &str = "seed.jiangyin.ledger";
/// The seed with a ledger and simulated readings.
const JIANGYIN: &str = "jiangyin";

/// Load seeds into a data directory; loading one again changes nothing.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Seeds:
  beijing   six stations and their group (their readings: skytier replay, or skytier demo)
  jiangyin  three stations, the supervision network, targets, published figures, example enterprises
            with a ledger, and simulated readings calibrated on published figures

Examples:
  skytier seed beijing jiangyin --data var/skytier")]
pub struct SeedArgs {
    /// Which seeds: beijing, jiangyin.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// The data directory; created if need be.
    #[arg(long, value_name = "DIR", default_value = "var/skytier")]
    data: PathBuf,
}

/// What loading a seed did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// Entries of the registry.
    pub entries: usize,
    /// Ledger events appended; 0 when they stood already.
    pub events: usize,
    /// Simulated values that were new.
    pub readings: u64,
}

/// Runs the command.
///
/// # Errors
/// An unknown seed, or those of the store.
pub async fn run(args: SeedArgs, today: NaiveDate, now: Instant) -> anyhow::Result<()> {
    for name in &args.names {
        if !seeds::NAMES.contains(&name.as_str()) {
            let known = seeds::NAMES.join(", ");
            return Err(bad_input(format!("seed {name:?} is not one of {known}")));
        }
    }
    let stores = open::for_writing(&args.data)?;
    for name in &args.names {
        let seeded = seed(&stores, name, today, now).await?;
        let Seeded {
            entries,
            events,
            readings,
        } = seeded;
        println!(
            "{name}: {entries} entries, {events} new ledger events, {readings} new simulated values"
        );
    }
    Ok(())
}

/// Loads one seed.
///
/// # Errors
/// A faulty seed, or those of the store.
pub async fn seed(
    stores: &Stores,
    name: &str,
    today: NaiveDate,
    now: Instant,
) -> anyhow::Result<Seeded> {
    let mut registry = seeds::registry(name)?;
    let mut seeded = Seeded::default();
    if name == JIANGYIN {
        seeded.events = credit(stores, &mut registry, today).await?;
        seeded.readings = simulated(stores, now).await?;
    }
    seeded.entries = registry.entries();
    stores.registrar.register(registry).await?;
    Ok(seeded)
}

/// Adds the example enterprises to the registry and appends their ledger, once for ever: dates are offsets
/// from the day of the first loading.
async fn credit(
    stores: &Stores,
    registry: &mut Registry,
    today: NaiveDate,
) -> anyhow::Result<usize> {
    let day = match stores.registrar.mark(LEDGER_MARK).await? {
        Some(marked) => marked.parse()?,
        None => {
            // Kept before the entries: whatever interrupts us, the next loading means the same days.
            stores
                .registrar
                .set_mark(LEDGER_MARK, &today.to_string())
                .await?;
            today
        }
    };
    let examples = seed_ledger::read(seed_ledger::JIANGYIN, day)?;
    registry.enterprises = examples.enterprises;
    registry.outlets = examples.outlets;
    registry.permits = examples.permits;
    let tiering = Tiering::open(Arc::clone(&stores.ledger), rulebooks::named("auto")?).await?;
    let known = tiering.now();
    let standing = |event: &CreditEvent| {
        known
            .ledger()
            .subjects()
            .any(|(_, events)| events.contains(event))
    };
    let events: Vec<_> = examples
        .events
        .into_iter()
        .filter(|event| !standing(event))
        .collect();
    let appended = events.len();
    if appended > 0 {
        tiering.enter(events).await?;
    }
    Ok(appended)
}

async fn simulated(stores: &Stores, now: Instant) -> anyhow::Result<u64> {
    let mut new = 0;
    let mut batch = Batch::new(now);
    let rules = qc_rules::rules()?;
    for hour in scenario::readings() {
        batch
            .observations
            .extend(observations::of_hour(&hour, &rules, now));
        if batch.observations.len() >= CHUNK_HOURS * 6 {
            new += stores
                .series
                .append(std::mem::replace(&mut batch, Batch::new(now)))
                .await?
                .new;
        }
    }
    Ok(new + stores.series.append(batch).await?.new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a test's date")
    }

    #[tokio::test]
    async fn a_loading_that_was_interrupted_goes_on_with_its_own_day() {
        let stores = Stores::memory();
        let marked = stores.registrar.set_mark(LEDGER_MARK, "2026-11-21").await;
        marked.expect("room in memory");
        let all =
            seed_ledger::read(seed_ledger::JIANGYIN, day("2026-11-21")).expect("a sound seed");
        let some = all.events[..5].to_vec();
        stores
            .ledger
            .append_events(some)
            .await
            .expect("room in memory");
        let mut registry = Registry::default();
        let later = day("2026-12-24");
        let appended = credit(&stores, &mut registry, later).await.expect("loaded");
        assert_eq!(appended, all.events.len() - 5);
        assert_eq!(stores.ledger.events().await, Ok(all.events));
        let again = credit(&stores, &mut registry, later).await.expect("loaded");
        assert_eq!(again, 0);
    }
}
