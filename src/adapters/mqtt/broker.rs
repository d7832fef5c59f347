//! Readings from an external broker: a bounded window, acknowledged after the commit, reconnecting for ever.
//!
//! Three tasks, so that the event loop is always polled (it sends the pings) while messages wait: the poller
//! takes messages off the wire, the submitter hands them to the inlet, the acknowledger sends what is owed in
//! the order of receipt. The window is the MQTT 5 receive maximum, so the broker itself stops at that many
//! unacknowledged messages and the queue between poller and submitter cannot fill with QoS 1. Messages
//! published with QoS 0 carry no promise and no such bound, and a broker may overrun the window (Mosquitto 2.0 does after
//! a stall): when they fill the queue, polling pauses until there is room, and after one and a half keep-alives the broker
//! may close the connection. So messages held here are at most as many as the queue and the inlet take, while
//! acknowledgements, a few bytes each, wait for the wire without being forgotten: there are no more of them than packet ids.
//!
//! An acknowledgement is valid only for the connection its message came on: packet ids may mean something
//! else on the next one. Each connection has a number; at its end the number moves on and what is queued is
//! dropped, under one lock, so that a late acknowledgement can never hit a stranger's message. The session
//! persists at the broker, which sends again what was not acknowledged.
//!
//! Topic aliases are not granted to the broker, since the client shows a message before it resolves them. A
//! broker sends nothing larger than the packet size announced to it. There is no way to tell
//! the broker why a message is refused, so one on a topic that takes no readings is kept as a dead letter; one that is refused
//! as we stop stays unacknowledged.

use std::future::Future;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rumqttc::Transport;
use rumqttc::v5::AsyncClient;
use rumqttc::v5::ConnectionError;
use rumqttc::v5::Event;
use rumqttc::v5::EventLoop;
use rumqttc::v5::Incoming;
use rumqttc::v5::MqttOptions;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Filter;
use rumqttc::v5::mqttbytes::v5::Publish;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::adapters::inbound::Inlet;
use crate::adapters::inbound::Link;
use crate::adapters::inbound::Message;
use crate::adapters::inbound::Verdict;
use crate::adapters::mqtt::address::Address;
use crate::adapters::mqtt::address::AddressFault;
use crate::adapters::mqtt::settings::Counters;
use crate::adapters::mqtt::settings::Secret;
use crate::adapters::mqtt::standing::Standing;
use crate::adapters::mqtt::tls::TlsFault;
use crate::adapters::mqtt::tls::TlsFiles;
use crate::adapters::payload::topic::Channel;
use crate::adapters::payload::topic::PREFIX;
use crate::adapters::payload::topic::PrefixFault;
use crate::adapters::payload::topic::Topics;

/// Acknowledgements that can be owed on one connection: one for each packet id. Brokers are known that let more in flight
/// than the window says once they were held up, and one that is forgotten makes a message come again after its correction.
const ACKS_MAX: usize = u16::MAX as usize;
/// Requests of the client beside acknowledgements: subscribing and saying goodbye.
const REQUESTS_SPARE: usize = 16;
/// Longest group name, in bytes.
const GROUP_BYTES_MAX: usize = 64;

/// Settings of one external broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerSettings {
    /// `mqtt://HOST:PORT`, or `mqtts://HOST:PORT` with TLS.
    pub url: String,
    /// What TLS needs.
    pub tls: TlsFiles,
    /// Client id, by which the broker knows the session again. Two daemons must not share one.
    pub client_id: String,
    /// Name of the shared subscription to readings, when several daemons take from one broker. What sources say of
    /// themselves goes to each of them.
    pub group: Option<String>,
    /// Prefix of the topics.
    pub prefix: String,
    /// Filters of other topics, which mapping files have.
    pub mapped: Vec<String>,
    /// Messages that may wait for their acknowledgement.
    pub window: u16,
    /// User name at the broker.
    pub username: Option<String>,
    /// Password at the broker.
    pub password: Option<Secret>,
    /// Largest packet, in bytes; announced to the broker.
    pub packet_bytes_max: u32,
    /// Seconds the broker keeps the session, and what is not acknowledged, while we are away.
    pub session_expiry_s: u32,
    /// Interval of pings; at least five seconds.
    pub keep_alive: Duration,
    /// Pause before the first try to reconnect; it doubles with each further one, until a connection has lasted
    /// `backoff_max`.
    pub backoff_min: Duration,
    /// Longest pause between two tries.
    pub backoff_max: Duration,
    /// Time given to what is still waiting for its verdict when we stop.
    pub drain_timeout: Duration,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            url: "mqtt://127.0.0.1:1883".to_owned(),
            tls: TlsFiles::default(),
            client_id: "skytier".to_owned(),
            group: None,
            prefix: PREFIX.to_owned(),
            mapped: Vec::new(),
            window: 1_024,
            username: None,
            password: None,
            packet_bytes_max: 260 * 1024,
            session_expiry_s: 7 * 86_400,
            keep_alive: Duration::from_secs(30),
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(5),
        }
    }
}

impl BrokerSettings {
    /// A small window and short pauses.
    pub fn for_testing() -> Self {
        Self {
            window: 8,
            keep_alive: Duration::from_secs(5),
            backoff_min: Duration::from_millis(20),
            backoff_max: Duration::from_millis(200),
            drain_timeout: Duration::from_millis(500),
            ..Self::default()
        }
    }
}

/// Settings that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerFault {
    /// The address.
    #[error("{0}")]
    Address(#[from] AddressFault),
    /// TLS.
    #[error("{0}")]
    Tls(#[from] TlsFault),
    /// The prefix.
    #[error("{0}")]
    Prefix(#[from] PrefixFault),
    /// The group.
    #[error("group {group:?}; give 1 to 64 bytes without `/`, `+` and `#`")]
    Group {
        /// What was given.
        group: String,
    },
    /// The window.
    #[error("window 0; give 1 to 65535 messages")]
    Window,
    /// The client id.
    #[error("client_id is empty; give one that no other client of the broker has")]
    ClientId,
    /// The keep-alive.
    #[error("keep_alive of {seconds} s; give 5 to 65535 s")]
    KeepAlive {
        /// What was given.
        seconds: u64,
    },
}

/// Hears that the connection to a broker opened, or closed.
pub type Hear = Box<dyn Fn(bool) + Send + Sync>;

/// The client of one external broker.
pub struct Broker {
    settings: BrokerSettings,
    address: Address,
    transport: Transport,
    filters: Vec<String>,
    inlet: Inlet,
    counters: Arc<Counters>,
    standing: Standing,
    hear: Hear,
}

impl Broker {
    /// Checks the settings and reads the files of TLS; connects to nothing yet.
    ///
    /// # Errors
    /// [`BrokerFault`] for the first setting that cannot work.
    pub fn new(settings: BrokerSettings, inlet: Inlet) -> Result<Self, BrokerFault> {
        let address = Address::of_broker(&settings.url)?;
        let transport = settings.tls.transport(&address)?;
        let topics = Topics::new(&settings.prefix)?;
        if settings.window == 0 {
            return Err(BrokerFault::Window);
        }
        if settings.client_id.is_empty() {
            return Err(BrokerFault::ClientId);
        }
        let seconds = settings.keep_alive.as_secs();
        if !(5..=u64::from(u16::MAX)).contains(&seconds) {
            return Err(BrokerFault::KeepAlive { seconds });
        }
        let filters = match &settings.group {
            None => topics
                .filters()
                .into_iter()
                .map(|(_, filter)| filter)
                .chain(settings.mapped.iter().cloned())
                .collect(),
            Some(group) => {
                let sound = (1..=GROUP_BYTES_MAX).contains(&group.len())
                    && !group.contains(['/', '+', '#', '\0']);
                if !sound {
                    let group = group.chars().take(80).collect();
                    return Err(BrokerFault::Group { group });
                }
                // Every daemon of the group is to know who is there, and a broker keeps nothing for a group.
                let shared = |(channel, filter)| match channel {
                    Channel::Status => filter,
                    Channel::Readings | Channel::Hj212 => format!("$share/{group}/{filter}"),
                };
                let mapped = settings.mapped.iter();
                let mapped = mapped.map(|filter| format!("$share/{group}/{filter}"));
                let own = topics.filters().into_iter().map(shared);
                own.chain(mapped).collect()
            }
        };
        Ok(Self {
            settings,
            address,
            transport,
            filters,
            inlet,
            counters: Arc::new(Counters::default()),
            standing: Standing::default(),
            hear: Box::new(|_| {}),
        })
    }

    /// Has somebody told whenever the connection opens or closes.
    pub fn telling(self, hear: Hear) -> Self {
        Self { hear, ..self }
    }

    /// Its name among the links: the address.
    pub fn link(&self) -> String {
        self.address.to_string()
    }

    /// What it counts; `connections_open` is 1 while connected.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Whether readings come from it, and what is wrong.
    pub fn standing(&self) -> Standing {
        self.standing.clone()
    }

    /// Takes messages until `shutdown` resolves; then acknowledges what becomes durable in the drain time and
    /// says goodbye. The session stays at the broker.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let window = usize::from(self.settings.window);
        let (client, mut events) = AsyncClient::new(self.options(), ACKS_MAX + REQUESTS_SPARE);
        let current = Current::default();
        let (owed, owing) = mpsc::channel(window);
        let (arrived, arriving) = mpsc::channel(window);
        let origin = self.address.to_string();
        let submitter = tokio::spawn(submit(arriving, owed, self.inlet.clone(), origin));
        let acknowledging = acknowledge(
            owing,
            client.clone(),
            current.clone(),
            Arc::clone(&self.counters),
        );
        let acknowledger = tokio::spawn(acknowledging);
        let mut polling = Polling {
            broker: &self,
            client: &client,
            current: &current,
            pause: self.settings.backoff_min,
            since: None,
        };
        let mut shutdown = pin!(shutdown);
        while polling.step(&mut events, &arrived, shutdown.as_mut()).await {}
        drop(arrived);
        polling.drain(&mut events, acknowledger).await;
        submitter.abort();
        self.counters.connections_open.store(0, Ordering::Relaxed);
        (self.hear)(false);
    }

    fn options(&self) -> MqttOptions {
        let settings = &self.settings;
        let mut options =
            MqttOptions::new(&settings.client_id, &self.address.host, self.address.port);
        options.set_transport(self.transport.clone());
        options.set_keep_alive(settings.keep_alive);
        options.set_clean_start(false);
        options.set_session_expiry_interval(Some(settings.session_expiry_s));
        options.set_receive_maximum(Some(settings.window));
        options.set_max_packet_size(Some(settings.packet_bytes_max));
        options.set_manual_acks(true);
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        if let Some(username) = &settings.username {
            let password = settings.password.as_ref().map_or("", Secret::reveal);
            options.set_credentials(username, password);
        }
        options
    }
}

/// The number of the connection that is open now, or opens next.
#[derive(Clone, Default)]
struct Current(Arc<Mutex<u64>>);

impl Current {
    fn lock(&self) -> MutexGuard<'_, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message with the connection it came on.
struct Arrived {
    publish: Publish,
    connection: u64,
}

/// An acknowledgement that waits for its verdict.
struct Owed {
    arrived: Arrived,
    verdict: oneshot::Receiver<Verdict>,
}

struct Polling<'a> {
    broker: &'a Broker,
    client: &'a AsyncClient,
    current: &'a Current,
    pause: Duration,
    /// Since when the connection is open.
    since: Option<Instant>,
}

impl Polling<'_> {
    /// One event of the connection; `false` once it is time to stop.
    async fn step<F: Future<Output = ()>>(
        &mut self,
        events: &mut EventLoop,
        arrived: &mpsc::Sender<Arrived>,
        mut shutdown: Pin<&mut F>,
    ) -> bool {
        let event = tokio::select! {
            () = shutdown.as_mut() => return false,
            event = events.poll() => event,
        };
        match event {
            Ok(Event::Incoming(Incoming::Publish(publish))) => {
                Counters::count(&self.broker.counters.received);
                if publish.retain {
                    Counters::count(&self.broker.counters.retained);
                }
                let connection = *self.current.lock();
                let handed = arrived.send(Arrived {
                    publish,
                    connection,
                });
                tokio::select! {
                    () = shutdown => return false,
                    handed = handed => return handed.is_ok(),
                }
            }
            Ok(event) => self.noted(&event),
            Err(fault) => {
                self.lost(events, &fault);
                // One that is closed at once, as by another client of the same name, is no reason to hurry.
                let lasted = self.since.take().map(|since| since.elapsed());
                if lasted.is_some_and(|lasted| lasted >= self.broker.settings.backoff_max) {
                    self.pause = self.broker.settings.backoff_min;
                }
                tokio::select! {
                    () = shutdown => return false,
                    () = tokio::time::sleep(jittered(self.pause)) => {}
                }
                self.pause = (self.pause * 2).min(self.broker.settings.backoff_max);
            }
        }
        true
    }

    fn noted(&mut self, event: &Event) {
        let address = &self.broker.address;
        match event {
            Event::Incoming(Incoming::ConnAck(connack)) => {
                self.since = Some(Instant::now());
                let counters = &self.broker.counters;
                Counters::count(&counters.connections_total);
                counters.connections_open.store(1, Ordering::Relaxed);
                (self.broker.hear)(true);
                let resumed = connack.session_present;
                tracing::info!(broker = %address, session.resumed = resumed, "connected to the broker");
                let filters = self.broker.filters.iter();
                let filters = filters.map(|filter| Filter::new(filter, QoS::AtLeastOnce));
                if self.client.try_subscribe_many(filters).is_err() {
                    tracing::error!(broker = %address, "the request queue has no room to subscribe");
                }
            }
            Event::Incoming(Incoming::SubAck(suback)) => {
                let standing = &self.broker.standing;
                let refused = standing.subscribed(&self.broker.filters, &suback.return_codes);
                if let Some(refused) = refused {
                    tracing::error!(broker = %address, "{refused}");
                }
            }
            _ => {}
        }
    }

    /// The connection is gone: nothing that came on it may be acknowledged any more.
    fn lost(&self, events: &mut EventLoop, fault: &ConnectionError) {
        self.broker
            .counters
            .connections_open
            .store(0, Ordering::Relaxed);
        (self.broker.hear)(false);
        self.broker.standing.lost(&fault.to_string());
        let mut number = self.current.lock();
        *number += 1;
        events.clean();
        drop(number);
        tracing::warn!(broker = %self.broker.address, %fault, "no connection to the broker, trying again");
    }

    /// Polls on until what was handed in is acknowledged, then says goodbye.
    async fn drain(&self, events: &mut EventLoop, acknowledger: JoinHandle<()>) {
        let until = Instant::now() + self.broker.settings.drain_timeout;
        let abort = acknowledger.abort_handle();
        let mut acknowledger = pin!(acknowledger);
        let mut saying_goodbye = false;
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(until) => break,
                _ = &mut acknowledger, if !saying_goodbye => {
                    saying_goodbye = true;
                    if self.client.try_disconnect().is_err() {
                        break;
                    }
                }
                event = events.poll() => match event {
                    Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect)) | Err(_) => break,
                    Ok(_) => {}
                },
            }
        }
        abort.abort();
    }
}

/// Between half the pause and the whole of it, so that daemons do not come back in step.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 1_024;
    let half = pause / 2;
    half + half.mul_f64(random as f64 / 1_024.0)
}

/// Hands messages to the inlet in order.
async fn submit(
    mut arriving: mpsc::Receiver<Arrived>,
    owed: mpsc::Sender<Owed>,
    inlet: Inlet,
    origin: String,
) {
    let address: Arc<str> = Arc::from(origin.as_str());
    while let Some(mut arrived) = arriving.recv().await {
        let Ok(topic) = String::from_utf8(arrived.publish.topic.to_vec()) else {
            tracing::warn!(broker = %origin, "a topic that is not UTF-8 is passed over");
            continue;
        };
        let message = Message {
            origin: origin.clone(),
            link: Link::Broker {
                address: Arc::clone(&address),
                retained: arrived.publish.retain,
            },
            topic,
            // The acknowledgement does not need it, and may wait for long.
            payload: std::mem::take(&mut arrived.publish.payload),
            told: false,
        };
        let verdict = inlet.submit(message).await;
        if arrived.publish.qos == QoS::AtMostOnce {
            continue;
        }
        if owed.send(Owed { arrived, verdict }).await.is_err() {
            return;
        }
    }
}

/// Sends the acknowledgements in order, each when its message is durable and its connection still open.
async fn acknowledge(
    mut owing: mpsc::Receiver<Owed>,
    client: AsyncClient,
    current: Current,
    counters: Arc<Counters>,
) {
    while let Some(Owed { arrived, verdict }) = owing.recv().await {
        if verdict.await != Ok(Verdict::Durable) {
            Counters::count(&counters.refused);
            tracing::warn!(topic = ?arrived.publish.topic, "a message of the broker stays unacknowledged");
            continue;
        }
        let number = current.lock();
        if *number != arrived.connection {
            continue;
        }
        match client.try_ack(&arrived.publish) {
            Ok(()) => Counters::count(&counters.acked),
            // Only of a broker that has more open than there are packet ids.
            Err(_) => tracing::error!(
                "the broker will send a message again: it used a packet id twice at once"
            ),
        }
        drop(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut BrokerSettings), expected: Option<&str>) {
        let mut settings = BrokerSettings::for_testing();
        change(&mut settings);
        let fault = Broker::new(settings, Inlet::new(1).0).err();
        let fault = fault.map(|fault| fault.to_string());
        match expected {
            None => assert_eq!(fault, None),
            Some(part) => assert!(
                fault.as_ref().is_some_and(|fault| fault.contains(part)),
                "{fault:?}"
            ),
        }
    }

    #[test]
    fn settings_that_cannot_work_are_told() {
        check(|_| {}, None);
        check(|settings| settings.group = Some("g1".to_owned()), None);
        check(
            |settings| settings.url = "tcp://x".to_owned(),
            Some("give mqtt://HOST"),
        );
        check(
            |settings| settings.prefix = "a/#".to_owned(),
            Some("topic prefix"),
        );
        check(
            |settings| settings.group = Some("a/b".to_owned()),
            Some("group \"a/b\""),
        );
        check(|settings| settings.window = 0, Some("window 0"));
        check(
            |settings| settings.client_id.clear(),
            Some("client_id is empty"),
        );
        check(
            |settings| settings.keep_alive = Duration::from_secs(4),
            Some("keep_alive of 4 s"),
        );
    }

    #[test]
    fn passwords_do_not_show_and_pauses_stay_in_bounds() {
        let settings = BrokerSettings {
            password: Some(Secret::new("umbrella")),
            ..BrokerSettings::default()
        };
        assert!(!format!("{settings:?}").contains("umbrella"));
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(2));
            assert!((Duration::from_secs(1)..=Duration::from_secs(2)).contains(&pause));
        }
    }
}
