//! Opens the configured stores, and what computes figures from them.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::DateTime;
use chrono::FixedOffset;

use crate::adapters::store::Stores;
use crate::adapters::store::embedded::Access;
use crate::adapters::store::embedded::Embedded;
use crate::adapters::store::embedded::tuning::Tuning;
use crate::adapters::store::influxdb2::Influx;
use crate::adapters::store::influxdb2::settings::InfluxSettings;
use crate::app::config;
use crate::app::config::ENV_PREFIX;
use crate::app::config::Settings;
use crate::app::config::StoreKind;
use crate::app::fault::bad_input;
use crate::app::standards;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::reading::Review;
use crate::domain::review::Decisions;
use crate::domain::standards::Editions;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::reviewed::SeenDays;
use crate::flow::reviewed::over;
use crate::flow::reviewed::seen_of;
use crate::flow::rollup::Recipe;

/// The stores of a daemon or of a command that writes.
///
/// # Errors
/// Those of the store.
pub fn configured(settings: &Settings) -> anyhow::Result<Stores> {
    match settings.store {
        StoreKind::Memory => Ok(Stores::memory()),
        StoreKind::Embedded => {
            refuse_elsewhere(&settings.data_dir)?;
            let tuning = Tuning::waiting(settings.commit_interval);
            let store = Embedded::open_tuned(&settings.data_dir, Access::Write, tuning);
            Ok(Stores::embedded(
                store.with_context(|| place(&settings.data_dir))?,
            ))
        }
        StoreKind::Influxdb2 => influxdb2(&settings.influxdb2, &settings.data_dir, Access::Write),
    }
}

/// The stores of a directory for a command that has no file of settings: the environment says where readings are.
fn named(directory: &Path, access: Access) -> anyhow::Result<Stores> {
    let kind = format!("{ENV_PREFIX}STORE__KIND");
    if std::env::var(kind).is_ok_and(|kind| kind == "influxdb2") {
        let settings = config::load(None, std::env::vars()).map_err(bad_input)?;
        return influxdb2(&settings.influxdb2, directory, access);
    }
    embedded(directory, access)
}

/// Refuses a directory whose readings are in an InfluxDB.
fn refuse_elsewhere(directory: &Path) -> anyhow::Result<()> {
    if Influx::keeps_readings_of(directory) {
        anyhow::bail!(
            "{}: its readings are in an InfluxDB 2; set SKYTIER__STORE__KIND=influxdb2 and \
             SKYTIER__STORE__INFLUXDB2__URL, __ORG, __BUCKET and __TOKEN, or use another directory",
            place(directory)
        );
    }
    Ok(())
}

fn embedded(directory: &Path, access: Access) -> anyhow::Result<Stores> {
    refuse_elsewhere(directory)?;
    let store = Embedded::open(directory, access);
    Ok(Stores::embedded(store.with_context(|| place(directory))?))
}

fn influxdb2(
    settings: &InfluxSettings,
    directory: &Path,
    access: Access,
) -> anyhow::Result<Stores> {
    let rest = Embedded::open(directory, access).with_context(|| place(directory))?;
    let rest = Arc::new(rest);
    let readings = Influx::new(settings.clone(), Arc::clone(&rest), directory, access)?;
    Ok(Stores::influxdb2(readings, rest))
}

/// The stores of a data directory, locked for writing.
///
/// # Errors
/// Those of the store, such as a running daemon's lock.
pub fn for_writing(directory: &Path) -> anyhow::Result<Stores> {
    named(directory, Access::Write)
}

/// The stores of a data directory, beside a running daemon.
///
/// # Errors
/// Those of the store, such as a directory that holds none.
pub fn for_reading(directory: &Path) -> anyhow::Result<Stores> {
    named(directory, Access::Read)
}

/// Name of the mark that keeps the zone a daemon served a directory in.
const ZONE_MARK: &str = "zone";
/// The setting's name in the environment.
const ZONE_VARIABLE: &str = "SKYTIER__ZONE";

/// The zone whose days count: that of the environment's setting, else the one a daemon last served the directory in,
/// else `+08:00`.
///
/// # Errors
/// A setting that is no offset, or those of the store.
pub async fn zone(stores: &Stores) -> anyhow::Result<Zone> {
    let given = std::env::var(ZONE_VARIABLE).ok();
    let (place, text) = match given {
        Some(text) => (format!("environment {ZONE_VARIABLE}"), Some(text)),
        None => {
            let mark = stores.registrar.mark(ZONE_MARK).await?;
            (format!("mark {ZONE_MARK}"), mark)
        }
    };
    let Some(text) = text else {
        return Ok(Zone::beijing());
    };
    let fault = || bad_input(format!("{place}: {text:?} is no offset such as +08:00"));
    Zone::parse(&text).ok_or_else(fault)
}

/// Keeps the zone a daemon serves a directory in, for the commands that look at it.
///
/// # Errors
/// Those of the store.
pub async fn keep_zone(stores: &Stores, zone: Zone) -> anyhow::Result<()> {
    let (now, default) = (zone.to_string(), Zone::beijing().to_string());
    let before = stores.registrar.mark(ZONE_MARK).await?;
    if before.as_ref().unwrap_or(&default) != &now {
        stores.registrar.set_mark(ZONE_MARK, &now).await?;
    }
    Ok(())
}

/// The recipe of a store's days, and an assessor that has none of them yet.
///
/// # Errors
/// Those of the store.
pub async fn tools(stores: &Stores, editions: Arc<Editions>) -> anyhow::Result<(Recipe, Assessor)> {
    let recipe = Recipe {
        series: Arc::clone(&stores.series),
        zone: zone(stores).await?,
        editions: Arc::clone(&editions),
    };
    let assessor = Assessor {
        registry: Arc::new(stores.registrar.registry().await?),
        days: Arc::default(),
        publication: standards::publication()?,
        editions,
    };
    Ok((recipe, assessor))
}

/// An assessor of the days of an area's stations, as known at a time, of values as received or as reviewers left them.
///
/// # Errors
/// Those of the store.
pub async fn assessor_of(
    stores: &Stores,
    editions: Arc<Editions>,
    area: &Area,
    known_at: Option<Instant>,
    review: Review,
) -> anyhow::Result<Assessor> {
    let (recipe, assessor) = tools(stores, editions).await?;
    let recipe = match review {
        Review::Raw => recipe,
        Review::Reviewed => over(&recipe, &decisions(stores).await?, true),
    };
    let days = area.days(&recipe, &assessor.registry, known_at).await?;
    Ok(Assessor {
        days: Arc::new(days),
        ..assessor
    })
}

/// Readings as received or as reviewers left them, and what those looked at.
///
/// # Errors
/// Those of the store.
pub async fn viewed(
    review: Review,
    stores: &Stores,
    recipe: Recipe,
    known_at: Option<Instant>,
) -> anyhow::Result<(Recipe, Option<SeenDays>)> {
    if review == Review::Raw {
        return Ok((recipe, None));
    }
    let decisions = decisions(stores).await?;
    let seen = seen_of(&recipe, &decisions, known_at).await?;
    Ok((over(&recipe, &decisions, true), Some(seen)))
}

/// Every decision of reviewers.
///
/// # Errors
/// Those of the store.
pub async fn decisions(stores: &Stores) -> anyhow::Result<Arc<Decisions>> {
    Ok(Arc::new(Decisions::new(stores.reviews.decisions().await?)))
}

/// Figures as they were asked for: of readings as received or as reviewers left them.
pub struct Viewed {
    /// Assesses the days of the area's stations.
    pub assessor: Assessor,
    /// What reviewers looked at; `None` for readings as received.
    pub seen: Option<SeenDays>,
}

/// An assessor of the days of an area's stations, as known at a time, as received or as reviewers left them, and what
/// those looked at.
///
/// # Errors
/// Those of the store.
pub async fn view(
    stores: &Stores,
    editions: Arc<Editions>,
    area: &Area,
    known_at: Option<Instant>,
    review: Review,
) -> anyhow::Result<Viewed> {
    let (recipe, assessor) = tools(stores, editions).await?;
    let (recipe, seen) = viewed(review, stores, recipe, known_at).await?;
    let days = area.days(&recipe, &assessor.registry, known_at).await?;
    Ok(Viewed {
        assessor: Assessor {
            days: Arc::new(days),
            ..assessor
        },
        seen,
    })
}

/// The moment as known at which figures are asked for, which is over.
///
/// # Errors
/// One that lies ahead of now.
pub fn known_at(
    given: Option<DateTime<FixedOffset>>,
    now: Instant,
) -> anyhow::Result<Option<Instant>> {
    let known_at = given.map(|at| Instant::from_unix(at.timestamp()));
    if known_at.is_some_and(|at| at > now) {
        let now = Zone::beijing().text(now);
        let said = format!("--known-at lies ahead of now, {now}; give a moment that is over");
        return Err(bad_input(said));
    }
    Ok(known_at)
}

fn place(directory: &Path) -> String {
    format!("data directory {}", directory.display())
}
