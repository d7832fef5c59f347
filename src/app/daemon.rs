//! The daemon: opens the stores, starts the flows and the ways in, stops them in reverse order.

mod beside;
pub mod still;
mod ways;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::adapters::access::Access;
use crate::adapters::hj212::settings::Counters as LoggerCounters;
use crate::adapters::http::hooks::Hooks;
use crate::adapters::http::live::Live;
use crate::adapters::http::observe::Observed;
use crate::adapters::http::server::router;
use crate::adapters::http::state::WebParts;
use crate::adapters::http::state::WebState;
use crate::adapters::inbound::Inlet;
use crate::adapters::inbound::Queue;
use crate::adapters::inbound::recent::Recent;
use crate::adapters::limits::Paces;
use crate::adapters::mqtt::settings::Counters;
use crate::adapters::payload::Decoder;
use crate::adapters::payload::topic::Topics;
use crate::adapters::receipt::Keys;
use crate::adapters::store::Stores;
use crate::adapters::store::influxdb2::mirror::Mirror;
use crate::adapters::timestamps::Authority;
use crate::adapters::webhooks::files::Folder;
use crate::app::cli;
use crate::app::config::Settings;
use crate::app::config::StoreKind;
use crate::app::daemon::beside::Followers;
use crate::app::daemon::beside::beside;
use crate::app::daemon::ways::ways_in;
use crate::app::devices::Gate;
use crate::app::exclusions;
use crate::app::frames::Frames;
use crate::app::holidays;
use crate::app::identity::Identity;
use crate::app::mirror::Feed;
use crate::app::mirror::Mirroring;
use crate::app::open;
use crate::app::pump::Pump;
use crate::app::pump::reader;
use crate::app::qc_rules;
use crate::app::receipt;
use crate::app::reload::Reloadable;
use crate::app::rulebooks;
use crate::app::secured;
use crate::app::standards;
use crate::domain::calendar::Instant;
use crate::domain::retention::Policy;
use crate::flow::directory::Directory;
use crate::flow::health::Health;
use crate::flow::ingest::Ingest;
use crate::flow::ingest::Stage;
use crate::flow::noting::Noting;
use crate::flow::noting::noting;
use crate::flow::patience::Patience;
use crate::flow::patience::RETRY_PAUSE;
use crate::flow::reviewing::Reviewing;
use crate::flow::rollup::Recipe;
use crate::flow::rollup::Rollup;
use crate::flow::tiering::Tiering;
use crate::flow::watch::Watch;
use crate::ports::StoreError;

/// Requests computed at the same time; others wait.
const HEAVY_MAX: usize = 2;
/// How long open requests may take to end when stopping.
const HTTP_DRAIN: Duration = Duration::from_secs(5);

/// A running daemon.
pub struct Daemon {
    /// Where the pages are.
    pub http: SocketAddr,
    /// Where the pages are by TLS, if they are.
    pub https: Option<SocketAddr>,
    /// Where the embedded MQTT endpoint listens, if it runs.
    pub mqtt: Option<SocketAddr>,
    /// Where it listens by TLS, if it does.
    pub mqtts: Option<SocketAddr>,
    /// Where data loggers connect, if they do.
    pub hj212: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    http_task: JoinHandle<()>,
    mqtt_tasks: Vec<JoinHandle<()>>,
    pump_task: JoinHandle<Result<(), StoreError>>,
    rollup_task: JoinHandle<Result<(), StoreError>>,
    readmission_task: JoinHandle<Result<(), StoreError>>,
    beside_task: JoinHandle<()>,
    noted: Noted,
    identity: Identity,
    watch: Arc<Watch>,
    watch_task: JoinHandle<Result<(), StoreError>>,
    policy: watch::Sender<Policy>,
    health: Arc<Health>,
    clock: fn() -> Instant,
}

/// The flows over one set of stores.
struct Flows {
    directory: Arc<Directory>,
    rollup: Arc<Rollup>,
    ingest: Arc<Ingest>,
    tiering: Arc<Tiering>,
    editions: Arc<crate::domain::standards::Editions>,
    feed: Arc<Feed>,
    watch: Arc<Watch>,
    recent: Arc<Recent>,
}

impl Flows {
    /// What takes messages in.
    fn pump(
        &self,
        settings: &Settings,
        health: &Arc<Health>,
        switch: &watch::Receiver<bool>,
        clock: fn() -> Instant,
    ) -> Pump {
        Pump {
            frames: Frames::new(settings.hj212.clone(), Arc::clone(&self.directory)),
            ingest: Arc::clone(&self.ingest),
            watch: Arc::clone(&self.watch),
            recent: Arc::clone(&self.recent),
            patience: Patience {
                health: Arc::clone(health),
                part: "store",
                meanwhile: "acknowledgements withheld",
                stop: switch.clone(),
                pause: RETRY_PAUSE,
            },
            clock,
        }
    }

    /// Follows the store with a copy, if one is asked for.
    fn mirroring(
        &self,
        stores: &Stores,
        settings: &Settings,
        clock: fn() -> Instant,
    ) -> anyhow::Result<Option<Mirroring>> {
        if settings.mirror.url.is_empty() {
            return Ok(None);
        }
        let mirror =
            Mirror::new(&settings.mirror).map_err(|fault| anyhow::anyhow!("mirror: {fault}"))?;
        Ok(Some(Mirroring {
            mirror,
            feed: Arc::clone(&self.feed),
            series: Arc::clone(&stores.series),
            registrar: Arc::clone(&stores.registrar),
            rollup: Arc::clone(&self.rollup),
            directory: Arc::clone(&self.directory),
            tiering: Arc::clone(&self.tiering),
            editions: Arc::clone(&self.editions),
            publication: standards::publication()?,
            zone: settings.zone,
            clock,
        }))
    }
}

async fn flows(stores: &Stores, settings: &Settings, now: Instant) -> anyhow::Result<Flows> {
    let editions = Arc::new(standards::editions()?);
    let directory = Arc::new(Directory::open(Arc::clone(&stores.registrar)).await?);
    let recipe = Recipe {
        series: Arc::clone(&stores.series),
        zone: settings.zone,
        editions: Arc::clone(&editions),
    };
    let rollup = Arc::new(Rollup::open(recipe).await?);
    let topics = Topics::new(&settings.mqtt_prefix)?;
    let feed = Arc::new(Feed::default());
    let mirrored = (!settings.mirror.url.is_empty()).then(|| Arc::clone(&feed));
    let touched = Arc::clone(&rollup);
    let stage = Stage {
        series: Arc::clone(&stores.series),
        letters: Arc::clone(&stores.letters),
        directory: Arc::clone(&directory),
        touch: Box::new(move |touch| {
            touched.touch(touch);
            if let Some(feed) = &mirrored {
                feed.touch(touch);
            }
        }),
        reader: reader(
            topics,
            Decoder::new(settings.payload_bytes_max, qc_rules::rules()?)
                .with_hj212(settings.hj212.clone()),
            settings.maps.clone(),
        ),
    };
    let ingest = Arc::new(Ingest::open(stage).await?);
    let rulebooks = rulebooks::named("auto")?;
    let tiering = Arc::new(Tiering::open(Arc::clone(&stores.ledger), rulebooks).await?);
    let keys = stores.series.keys().await?;
    let watch = Watch::open(
        Arc::clone(&stores.attendance),
        Arc::clone(&directory),
        settings.watch.clone(),
        &keys,
        now,
    );
    let watch = Arc::new(watch.await?);
    Ok(Flows {
        recent: Arc::default(),
        watch,
        directory,
        rollup,
        ingest,
        tiering,
        editions,
        feed,
    })
}

/// Runs the watch in a task of its own.
fn watching(watch: &Arc<Watch>, clock: fn() -> Instant) -> JoinHandle<Result<(), StoreError>> {
    let watch = Arc::clone(watch);
    tokio::spawn(async move { watch.run(clock).await })
}

/// Waits until the switch says stop.
async fn stopped(mut stop: watch::Receiver<bool>) {
    // A switch that is gone says stop as well.
    drop(stop.wait_for(|stop| *stop).await);
}

impl Daemon {
    /// Opens the configured stores and starts.
    ///
    /// # Errors
    /// Those of the store, a port that is taken, or a broker's settings that cannot work.
    pub async fn start(settings: &Settings, clock: fn() -> Instant) -> anyhow::Result<Self> {
        Self::start_on(open::configured(settings)?, settings, clock).await
    }

    /// Starts on stores that are open already.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_on(
        stores: Stores,
        settings: &Settings,
        clock: fn() -> Instant,
    ) -> anyhow::Result<Self> {
        ask_server(&stores, clock()).await?;
        open::keep_zone(&stores, settings.zone).await?;
        let flows = flows(&stores, settings, clock()).await?;
        let health = beside::health(settings);
        let identity = Identity::start(settings, &health)?;
        let (policy, policies) = watch::channel(settings.retention);
        let followers = Followers::new(
            &stores,
            &flows,
            settings,
            (&health, &identity, policies),
            clock,
        )?;
        let (noting, noted) = Noted::start(&stores, &health);
        let (inlet, deliveries) = Inlet::new(settings.queue_messages_max);
        let queue = inlet.queue();
        let (stop, switch) = watch::channel(false);
        let gate = Gate::open(settings, &identity.access, clock)?;
        let ways = ways_in(settings, inlet, &gate, &switch, (&flows, &health), clock).await?;
        let pump = flows.pump(settings, &health, &switch, clock);
        let (web, served) = secured::listen(settings, ways.served).await?;
        let guarded = secured::guarded(served, gate, Arc::clone(&health), clock);
        let (http, https) = (web.plain.local_addr()?, web.secured_addr());
        let state = Parts {
            access: Arc::clone(&identity.access),
            lookups: noting,
            reviewing: reviewing(&stores).await?,
            health: Arc::clone(&health),
            queue,
            live: Live::new(switch.clone()),
            mqtt: ways.mqtt,
            counters: ways.counters,
            loggers: ways.loggers,
            clock,
        };
        let state = state.with(&stores, settings, &flows)?;
        let http_task = tokio::spawn(web.serve(router(state), stopped(switch)));
        let beside_task = tokio::spawn(beside(
            stores.influxdb2,
            Arc::clone(&health),
            followers,
            guarded,
        ));
        Ok(Self {
            http,
            https,
            mqtt: ways.mqtt,
            mqtts: ways.mqtts,
            hj212: ways.hj212,
            stop,
            http_task,
            mqtt_tasks: ways.tasks,
            pump_task: tokio::spawn(async move { pump.run(deliveries).await }),
            rollup_task: tokio::spawn(async move { flows.rollup.run().await }),
            readmission_task: tokio::spawn(async move { flows.ingest.run(clock).await }),
            beside_task,
            noted,
            identity,
            watch_task: watching(&flows.watch, clock),
            watch: flows.watch,
            policy,
            health,
            clock,
        })
    }

    /// The code by which the first administrator is made at `/setup`, while there is one.
    pub fn first_code(&self) -> Option<&str> {
        self.identity.first_code.as_deref()
    }

    /// Who is let in, in words.
    pub fn access_words(&self) -> &'static str {
        self.identity.words()
    }

    /// What can be set anew while it runs.
    pub fn reloadable(&self) -> Reloadable {
        Reloadable {
            watch: Arc::clone(&self.watch),
            policy: self.policy.clone(),
            health: Arc::clone(&self.health),
        }
    }

    /// Runs until `asked` resolves or a part fails, then stops the ways in, lets the pump finish what was
    /// taken, and closes the web side.
    ///
    /// # Errors
    /// What made a part fail.
    pub async fn run(mut self, asked: impl Future<Output = ()>) -> anyhow::Result<()> {
        let failed = tokio::select! {
            () = asked => None,
            ended = &mut self.pump_task => Some(ended?.map_err(anyhow::Error::from)),
            ended = &mut self.rollup_task => Some(ended?.map_err(anyhow::Error::from)),
            ended = &mut self.readmission_task => Some(ended?.map_err(anyhow::Error::from)),
            ended = &mut self.watch_task => Some(ended?.map_err(anyhow::Error::from)),
            ended = &mut self.noted.task => Some(ended?.map_err(anyhow::Error::from)),
            ended = &mut self.http_task => Some(ended.map_err(anyhow::Error::from)),
        };
        self.stop.send_replace(true);
        self.beside_task.abort();
        for task in self.mqtt_tasks {
            task.await?;
        }
        match failed {
            Some(result) => {
                return result.and_then(|()| anyhow::bail!("a part of the daemon ended"));
            }
            None => self.pump_task.await??,
        }
        self.rollup_task.abort();
        self.readmission_task.abort();
        self.watch_task.abort();
        let closed = self.watch.close((self.clock)()).await;
        match tokio::time::timeout(HTTP_DRAIN, &mut self.http_task).await {
            Ok(ended) => ended?,
            Err(_) => self.http_task.abort(),
        }
        let noted = self.noted.end().await;
        self.identity.end().await;
        closed?;
        noted
    }
}

/// What the web side gets beside the flows.
struct Parts {
    access: Arc<Access>,
    lookups: Arc<Noting>,
    reviewing: Reviewing,
    health: Arc<Health>,
    queue: Queue,
    live: Live,
    mqtt: Option<SocketAddr>,
    counters: Vec<(String, Arc<Counters>)>,
    loggers: Option<Arc<LoggerCounters>>,
    clock: fn() -> Instant,
}

impl Parts {
    /// What handlers work with.
    fn with(self, stores: &Stores, settings: &Settings, flows: &Flows) -> anyhow::Result<WebState> {
        Ok(WebState::from(WebParts {
            access: self.access,
            callers: Arc::new(Paces::new(settings.web.caller_requests)),
            reviewing: Arc::new(self.reviewing),
            series: Arc::clone(&stores.series),
            letters: Arc::clone(&stores.letters),
            rollup: Arc::clone(&flows.rollup),
            directory: Arc::clone(&flows.directory),
            publications: Arc::clone(&stores.publications),
            tiering: Arc::clone(&flows.tiering),
            lookups: self.lookups,
            ingest: Arc::clone(&flows.ingest),
            health: self.health,
            mqtt: self.counters,
            loggers: self.loggers,
            queue: self.queue,
            observed: Arc::new(Observed::new(cli::elapsed)),
            watch: Arc::clone(&flows.watch),
            recent: Arc::clone(&flows.recent),
            attendance: Arc::clone(&stores.attendance),
            editions: Arc::clone(&flows.editions),
            publication: standards::publication()?,
            reviewed: Arc::default(),
            reasons: Arc::new(exclusions::reasons()?),
            receipts: Arc::new(receipts(settings, (self.clock)())?),
            hooks: hooks(settings),
            authority: authority(settings)?,
            workdays: Arc::new(holidays::workdays()?),
            rules: qc_rules::rules()?,
            zone: settings.zone,
            mqtt_address: self.mqtt.map(|at| (at.ip().to_string(), at.port())),
            mqtt_prefix: settings.mqtt_prefix.clone(),
            heavy: Arc::new(Semaphore::new(HEAVY_MAX)),
            live: self.live,
            years: Arc::default(),
            clock: self.clock,
            moment: cli::moment,
        }))
    }
}

/// What reviewers decided.
async fn reviewing(stores: &Stores) -> anyhow::Result<Reviewing> {
    let (reviews, series) = (Arc::clone(&stores.reviews), Arc::clone(&stores.series));
    Ok(Reviewing::open(reviews, series).await?)
}

/// What writes the records of look-ups.
struct Noted {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), StoreError>>,
}

impl Noted {
    fn start(stores: &Stores, health: &Arc<Health>) -> (Arc<Noting>, Self) {
        let (noting, noter) = noting(Arc::clone(&stores.lookups));
        let (stop, switch) = watch::channel(false);
        let patience = Patience {
            health: Arc::clone(health),
            part: "lookups",
            meanwhile: "records of look-ups wait",
            stop: switch,
            pause: RETRY_PAUSE,
        };
        let task = tokio::spawn(noter.run(patience));
        (Arc::new(noting), Self { stop, task })
    }

    /// Writes what was handed over, and ends.
    async fn end(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        Ok(self.task.await??)
    }
}

/// Where subscribers are, unless nothing is kept.
fn hooks(settings: &Settings) -> Option<Hooks> {
    let kept = settings.store != StoreKind::Memory;
    kept.then(|| Hooks {
        folder: Folder::of(&settings.data_dir),
        allow_private: settings.webhooks.allow_private,
    })
}

/// Who stamps receipts.
fn authority(settings: &Settings) -> anyhow::Result<Option<Arc<Authority>>> {
    let authority = Authority::new(&settings.receipts.timestamp);
    let authority = authority.map_err(|fault| anyhow::anyhow!("receipts.timestamp.url: {fault}"));
    Ok(authority?.map(Arc::new))
}

/// The keys of the data directory, or passing ones for a store that is not kept either.
fn receipts(settings: &Settings, now: Instant) -> anyhow::Result<Keys> {
    match settings.store {
        StoreKind::Memory => receipt::passing(settings.receipts.algorithm, now),
        StoreKind::Embedded | StoreKind::Influxdb2 => {
            receipt::load_or_make(&settings.data_dir, settings.receipts.algorithm, now)
        }
    }
}

/// Asks an InfluxDB whether it can be relied on; what is odd but no hindrance goes to the log.
async fn ask_server(stores: &Stores, now: Instant) -> Result<(), StoreError> {
    if let Some(influx) = &stores.influxdb2
        && let Some(odd) = influx.start(now).await?
    {
        tracing::warn!(odd, "InfluxDB");
    }
    Ok(())
}
