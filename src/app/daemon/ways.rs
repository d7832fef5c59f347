//! What takes messages in, and where: the embedded endpoint, data loggers, external brokers. And which of the brokers give
//! nothing, for readiness.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::adapters::hj212::listener::Listener;
use crate::adapters::hj212::settings::Counters as LoggerCounters;
use crate::adapters::inbound::EMBEDDED;
use crate::adapters::inbound::HJ212;
use crate::adapters::inbound::Inlet;
use crate::adapters::mqtt::broker::Broker;
use crate::adapters::mqtt::endpoint::Endpoint;
use crate::adapters::mqtt::settings::Counters;
use crate::adapters::mqtt::standing::Standing;
use crate::adapters::payload::topic::Channel;
use crate::adapters::payload::topic::Target;
use crate::adapters::payload::topic::Topics;
use crate::app::config::Settings;
use crate::app::daemon::Flows;
use crate::app::daemon::stopped;
use crate::app::devices::Gate;
use crate::app::secured;
use crate::app::secured::Served;
use crate::domain::calendar::Instant;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::flow::health::Health;
use crate::flow::watch::Watch;

/// Pause between two looks at how brokers stand.
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// What takes messages in, and where.
#[derive(Default)]
pub(super) struct WaysIn {
    pub(super) mqtt: Option<SocketAddr>,
    pub(super) mqtts: Option<SocketAddr>,
    pub(super) tasks: Vec<JoinHandle<()>>,
    pub(super) counters: Vec<(String, Arc<Counters>)>,
    pub(super) hj212: Option<SocketAddr>,
    pub(super) loggers: Option<Arc<LoggerCounters>>,
    pub(super) served: Option<Served>,
}

/// Starts the embedded endpoint and the clients of external brokers.
pub(super) async fn ways_in(
    settings: &Settings,
    inlet: Inlet,
    gate: &Gate,
    switch: &watch::Receiver<bool>,
    (flows, health): (&Flows, &Arc<Health>),
    clock: fn() -> Instant,
) -> anyhow::Result<WaysIn> {
    let (mut ways, watch) = (WaysIn::default(), &flows.watch);
    frames(settings, &inlet, gate, switch, (flows, clock), &mut ways).await?;
    if settings.mqtt_embedded {
        let listen = settings.endpoint.listen;
        let endpoint = Endpoint::bind(
            settings.endpoint.clone(),
            inlet.clone(),
            Arc::clone(&gate.devices),
        )
        .await;
        let endpoint =
            endpoint.with_context(|| format!("listen on mqtt.embedded.listen = {listen}"))?;
        let endpoint = secure(endpoint, settings, &mut ways)?;
        ways.mqtt = Some(endpoint.local_addr()?);
        ways.mqtts = endpoint.secured_addr();
        ways.counters
            .push((EMBEDDED.to_owned(), endpoint.counters()));
        watch.link(EMBEDDED, true, clock());
        ways.tasks
            .push(tokio::spawn(endpoint.run(stopped(switch.clone()))));
    }
    brokers(settings, &inlet, (watch, health), switch, clock, &mut ways)?;
    // With nobody to hand anything in, the pump waits all the same.
    let stop = stopped(switch.clone());
    ways.tasks.push(tokio::spawn(async move {
        stop.await;
        drop(inlet);
    }));
    Ok(ways)
}

/// Starts the clients of external brokers, and the look at how these stand.
fn brokers(
    settings: &Settings,
    inlet: &Inlet,
    (watch, health): (&Arc<Watch>, &Arc<Health>),
    switch: &watch::Receiver<bool>,
    clock: fn() -> Instant,
    ways: &mut WaysIn,
) -> anyhow::Result<()> {
    let mut standings = Vec::new();
    for broker in &settings.brokers {
        let mut broker = broker.clone();
        broker.prefix.clone_from(&settings.mqtt_prefix);
        broker.mapped = settings.maps.filters();
        let url = broker.url.clone();
        let client = Broker::new(broker, inlet.clone())?;
        ways.counters.push((url, client.counters()));
        let (watch, link) = (Arc::clone(watch), client.link());
        standings.push((link.clone(), client.standing()));
        watch.expect(&link, clock());
        let client = client.telling(Box::new(move |open| watch.link(&link, open, clock())));
        ways.tasks
            .push(tokio::spawn(client.run(stopped(switch.clone()))));
    }
    if !standings.is_empty() {
        let listening = ways.mqtt.is_some() || ways.hj212.is_some();
        let (health, stop) = (Arc::clone(health), stopped(switch.clone()));
        ways.tasks.push(tokio::spawn(async move {
            tokio::select! {
                () = stop => {}
                () = look_at(standings, listening, health) => {}
            }
        }));
    }
    Ok(())
}

/// Tells the health page of brokers that give nothing. While there is another way in it is a note; with none, nothing can
/// come, and the daemon is not ready.
async fn look_at(brokers: Vec<(String, Standing)>, listening: bool, health: Arc<Health>) {
    const PART: &str = "mqtt.brokers";
    loop {
        let stand: Vec<_> = brokers
            .iter()
            .map(|(link, one)| (link, one.now()))
            .collect();
        let open = listening || stand.iter().any(|(_, stands)| stands.open);
        let wrong = stand.iter().filter_map(|(link, stands)| {
            let trouble = stands.trouble.as_ref()?;
            Some(format!("{link}: {trouble}"))
        });
        let wrong: Vec<String> = wrong.collect();
        health.gauge((
            "mqtt_brokers_in_trouble",
            "Brokers that are not connected, or refuse a subscription; /readyz tells why.",
            wrong.len() as u64,
        ));
        let words = (!wrong.is_empty()).then(|| wrong.join("; "));
        match words {
            Some(words) if !open => {
                health.note(PART, None);
                health.trouble(PART, words);
            }
            words => {
                health.well(PART);
                health.note(PART, words);
            }
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// Starts the listener for data loggers, if it is asked for.
async fn frames(
    settings: &Settings,
    inlet: &Inlet,
    gate: &Gate,
    switch: &watch::Receiver<bool>,
    (flows, clock): (&Flows, fn() -> Instant),
    ways: &mut WaysIn,
) -> anyhow::Result<()> {
    let Some(listen) = settings.loggers.listen else {
        return Ok(());
    };
    let mut own = settings.loggers.clone();
    (own.door, own.speed) = (settings.endpoint.door, settings.endpoint.speed);
    let (topics, directory) = (
        Topics::new(&settings.mqtt_prefix)?,
        Arc::clone(&flows.directory),
    );
    let topic_of = move |mn: &SourceId| {
        // A logger, unless only a station goes by that name.
        let of = |kind| Source {
            kind,
            id: mn.clone(),
        };
        let station = of(SourceKind::Station);
        let senders = directory.senders();
        let known = !senders.knows(&of(SourceKind::Logger)) && senders.knows(&station);
        topics.topic(&Target {
            kind: if known {
                station.kind
            } else {
                SourceKind::Logger
            },
            source: station.id,
            channel: Channel::Hj212,
        })
    };
    let (inlet, devices) = (inlet.clone(), Arc::clone(&gate.loggers));
    let listener = Listener::bind(listen, own, inlet, devices, Box::new(topic_of)).await;
    let listener = listener.with_context(|| format!("listen on hj212.listen = {listen}"))?;
    ways.hj212 = Some(listener.local_addr()?);
    ways.loggers = Some(listener.counters());
    flows.watch.link(HJ212, true, clock());
    ways.tasks
        .push(tokio::spawn(listener.run(stopped(switch.clone()))));
    Ok(())
}

/// Lets the endpoint listen by TLS too, if it is asked for.
fn secure(endpoint: Endpoint, settings: &Settings, ways: &mut WaysIn) -> anyhow::Result<Endpoint> {
    let settings = &settings.endpoint.tls;
    ways.served = secured::mqtt(settings)?;
    let (Some(served), Some(listen)) = (&ways.served, settings.listen) else {
        return Ok(endpoint);
    };
    let endpoint = endpoint.secured(listen, Arc::clone(&served.tls));
    endpoint.with_context(|| format!("listen on mqtt.embedded.tls.listen = {listen}"))
}
