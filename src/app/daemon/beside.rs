//! What stands beside the flows: looks at how parts are, for health and metrics, and what follows the store in its own
//! time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use tokio::sync::watch;

use crate::adapters::store::Stores;
use crate::adapters::store::embedded::cut;
use crate::adapters::store::influxdb2::Influx;
use crate::adapters::store::inspect;
use crate::app::cli;
use crate::app::config::Settings;
use crate::app::config::StoreKind;
use crate::app::daemon::Flows;
use crate::app::identity::Identity;
use crate::app::mirror::Feed;
use crate::app::mirror::Lag;
use crate::app::mirror::Mirroring;
use crate::app::retention::Keeper;
use crate::app::webhooks::deliver::Deliverer;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::credit::uscc::Uscc;
use crate::domain::retention::Policy;
use crate::flow::health::Health;
use crate::flow::rollup::Rollup;
use crate::flow::watch::Watch;

/// Pause between two looks at how a part is.
const WATCH_PAUSE: Duration = Duration::from_millis(500);

/// The health page of a daemon that starts: it tells of damaged logs that were kept.
pub(super) fn health(settings: &Settings) -> Arc<Health> {
    let health = Health::default();
    let kept = match settings.store {
        StoreKind::Memory => Vec::new(),
        StoreKind::Embedded | StoreKind::Influxdb2 => {
            cut::kept(&settings.data_dir).unwrap_or_default()
        }
    };
    let said = kept.first();
    health.note(
        "log",
        said.map(|name| format!("{}; {}", cut::told(name), cut::REMEDY)),
    );
    Arc::new(health)
}

/// Tells the health page of an InfluxDB that is away, and of what waits for it.
async fn look(influx: Arc<Influx>, health: Arc<Health>) {
    const PART: &str = "influxdb2";
    loop {
        let standing = influx.standing();
        let (batches, bytes) = (standing.spooled_batches, standing.spooled_bytes);
        health.gauge((
            "influxdb2_spool_batches",
            "Batches acknowledged that wait for the InfluxDB.",
            batches,
        ));
        health.gauge(("influxdb2_spool_bytes", "Bytes they take.", bytes));
        match standing.words() {
            Some(words) => health.trouble(PART, words),
            None => health.well(PART),
        }
        tokio::time::sleep(WATCH_PAUSE).await;
    }
}

/// Tells the health page how the copy in another server stands.
async fn look_at_copy(feed: Arc<Feed>, health: Arc<Health>, clock: fn() -> Instant) {
    loop {
        let Lag {
            seconds,
            waiting,
            trouble,
        } = feed.lag(clock());
        health.gauge((
            "mirror_lag_seconds",
            "Seconds since everything was in the mirror; 0 when it is.",
            seconds,
        ));
        health.gauge((
            "mirror_waiting",
            "Sources and times noted for the mirror.",
            waiting,
        ));
        let told = trouble.map(|what| format!("{what}; {seconds} s behind"));
        health.note("mirror", told);
        tokio::time::sleep(WATCH_PAUSE).await;
    }
}

/// What is looked at for metrics.
struct LookedAt {
    rollup: Arc<Rollup>,
    watch: Arc<Watch>,
    /// The data directory, if anything is kept.
    directory: Option<PathBuf>,
}

impl LookedAt {
    /// Tells the metrics since when days wait to be computed again, and how much room is left; and whether the clock went
    /// back.
    async fn look(self, health: Arc<Health>, clock: fn() -> Instant) {
        let mut settled = cli::elapsed();
        let mut behind = false;
        loop {
            let now = cli::elapsed();
            if self.rollup.waiting() == 0 {
                settled = now;
            }
            health.gauge((
                "rollup_lag_seconds",
                "Seconds since every station day was computed; 0 when none waits.",
                now.saturating_sub(settled).as_secs(),
            ));
            behind = self.look_at_clock(&health, clock(), behind);
            // A directory that cannot be looked at is told of by whoever writes there.
            if let Some(Ok(free)) = self.directory.as_deref().map(inspect::free_bytes) {
                health.gauge((
                    "disk_free_bytes",
                    "Bytes free where the data directory is.",
                    free,
                ));
            }
            tokio::time::sleep(WATCH_PAUSE).await;
        }
    }

    /// Tells of a clock that stands before what was noted by it; whether it does. The log hears of it once.
    fn look_at_clock(&self, health: &Health, now: Instant, told: bool) -> bool {
        let Some(before) = self.watch.noted_ahead_of(now) else {
            health.well("clock");
            return false;
        };
        let utc = Zone::parse("+00:00").expect("UTC is an offset");
        let said = format!(
            "the clock says {}, and this directory was written until {}: it went back, or was ahead then. What comes is \
             judged by it, and times of receipt are kept. If it is wrong, set it by NTP (chrony or systemd-timesyncd) and restart \
             skytier; if it is right, it was ahead then, and this is told until that moment, or in a directory that is restored \
             from a backup of before no more",
            utc.text(now),
            utc.text(before)
        );
        if !told {
            tracing::error!("{said}");
        }
        health.trouble("clock", said);
        true
    }
}

/// What follows the store in its own time: the copy elsewhere, removal by age, who is told of changes.
pub(super) struct Followers {
    mirroring: Option<Mirroring>,
    keeping: Option<(Keeper, watch::Receiver<Policy>)>,
    /// A store that is not kept has no subscribers.
    telling: Option<Arc<Deliverer>>,
    looked_at: LookedAt,
    clock: fn() -> Instant,
}

impl Followers {
    pub(super) fn new(
        stores: &Stores,
        flows: &Flows,
        settings: &Settings,
        (health, identity, policies): (&Arc<Health>, &Identity, watch::Receiver<Policy>),
        clock: fn() -> Instant,
    ) -> anyhow::Result<Self> {
        let kept = settings.store != StoreKind::Memory;
        let access = Arc::clone(&identity.access);
        let sees = move |bank: Option<&str>, subject: &Uscc, day: NaiveDate| {
            access.now().subscriber_sees(bank, subject, day)
        };
        let deliverer = || {
            let tiering = Arc::clone(&flows.tiering);
            Deliverer::new(settings, tiering, Arc::clone(health), Box::new(sees))
        };
        Ok(Self {
            mirroring: flows.mirroring(stores, settings, clock)?,
            keeping: Keeper::of_daemon(stores, settings.retention, settings.zone)
                .zip(Some(policies)),
            telling: kept.then(deliverer).transpose()?,
            looked_at: LookedAt {
                rollup: Arc::clone(&flows.rollup),
                watch: Arc::clone(&flows.watch),
                directory: kept.then(|| settings.data_dir.clone()),
            },
            clock,
        })
    }
}

/// What stands beside the flows: a look at the InfluxDB that keeps readings, the copy in another, removal by age, who is
/// told of changes, a look at the files of TLS.
pub(super) async fn beside(
    influx: Option<Arc<Influx>>,
    health: Arc<Health>,
    followers: Followers,
    served: impl Future<Output = ()>,
) {
    let clock = followers.clock;
    let looked = followers.looked_at.look(Arc::clone(&health), clock);
    let kept = async {
        if let Some(influx) = influx {
            look(influx, Arc::clone(&health)).await;
        }
    };
    let copy = async {
        if let Some(mirroring) = followers.mirroring {
            let (feed, clock) = (Arc::clone(&mirroring.feed), mirroring.clock);
            tokio::join!(
                mirroring.run(),
                look_at_copy(feed, Arc::clone(&health), clock)
            );
        }
    };
    let keep = async {
        if let Some((keeper, policies)) = followers.keeping {
            keeper.run(clock, policies).await;
        }
    };
    let told = async {
        if let Some(deliverer) = followers.telling {
            deliverer.run(clock).await;
        }
    };
    tokio::join!(looked, kept, copy, keep, told, served);
}
