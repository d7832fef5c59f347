//! An endpoint on a free port and the pump behind it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use skytier::adapters::inbound::Delivery;
use skytier::adapters::inbound::Inlet;
use skytier::adapters::inbound::Refusal;
use skytier::adapters::inbound::Verdict;
use skytier::adapters::mqtt::devices::Credentials;
use skytier::adapters::mqtt::devices::Device;
use skytier::adapters::mqtt::devices::Devices;
use skytier::adapters::mqtt::devices::Prove;
use skytier::adapters::mqtt::endpoint::Endpoint;
use skytier::adapters::mqtt::settings::Counters;
use skytier::adapters::mqtt::settings::EndpointSettings;
use skytier::adapters::payload::topic::Topics;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Long enough for anything that should happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough to believe that something does not happen.
pub(crate) const QUIET: Duration = Duration::from_millis(250);

/// A running endpoint.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    pub(crate) counters: Arc<Counters>,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// An endpoint whose messages the test answers itself.
    pub(crate) async fn held(settings: EndpointSettings) -> (Self, mpsc::Receiver<Delivery>) {
        Self::guarded(settings, Arc::new(Devices::open())).await
    }

    /// The same for devices.
    pub(crate) async fn guarded(
        settings: EndpointSettings,
        devices: Arc<Devices>,
    ) -> (Self, mpsc::Receiver<Delivery>) {
        let (inlet, taken) = Inlet::new(256);
        let endpoint = Endpoint::bind(settings, inlet, devices).await;
        let endpoint = endpoint.expect("a free port");
        let addr = endpoint.local_addr().expect("a bound address");
        let counters = endpoint.counters();
        let (shutdown, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(endpoint.run(async move {
            drop(stopped.await);
        }));
        let running = Self {
            addr,
            counters,
            shutdown,
            task,
        };
        (running, taken)
    }

    /// An endpoint whose messages are durable at once.
    pub(crate) async fn durable(settings: EndpointSettings) -> (Self, Kept) {
        let (running, taken) = Self::held(settings).await;
        let kept = Kept::default();
        tokio::spawn(pump(taken, kept.clone()));
        (running, kept)
    }

    /// An endpoint for devices whose messages are durable at once.
    pub(crate) async fn durable_for(
        settings: EndpointSettings,
        devices: Arc<Devices>,
    ) -> (Self, Kept) {
        let (running, taken) = Self::guarded(settings, devices).await;
        let kept = Kept::default();
        tokio::spawn(pump(taken, kept.clone()));
        (running, kept)
    }

    /// Stops the endpoint and waits until it has.
    pub(crate) async fn stop(self) {
        self.shutdown.send(()).expect("the endpoint runs");
        within(self.task).await.expect("the endpoint ends well");
    }
}

/// Topics and payloads in the order they were kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<(String, String)>>>);

impl Kept {
    pub(crate) fn all(&self) -> Vec<(String, String)> {
        self.0.lock().expect("no test panicked here").clone()
    }

    pub(crate) fn payloads(&self) -> Vec<String> {
        self.all().into_iter().map(|(_, payload)| payload).collect()
    }
}

/// Devices with passwords, each with the topics of the station of its name.
pub(crate) fn listed(known: &[(&str, &str)]) -> Vec<Device> {
    let device = |(id, password): &(&str, &str)| Device {
        id: (*id).to_owned(),
        topics: vec![format!("skytier/v1/stations/{id}/")],
        password: Some((*password).to_owned()),
        certificate: None,
    };
    known.iter().map(device).collect()
}

/// The same for an endpoint. Argon2id has no part in it: what is kept of a password is the password.
pub(crate) fn devices(known: &[(&str, &str)]) -> Arc<Devices> {
    let prove: Prove = |kept, password| kept.is_some_and(|kept| kept.as_bytes() == password);
    let devices = Devices::new(Credentials::Auto, [7; 32], prove);
    devices.replace(listed(known), true);
    Arc::new(devices)
}

/// Answers every message at once: durable under the prefix, refused elsewhere.
pub(crate) async fn pump(mut taken: mpsc::Receiver<Delivery>, kept: Kept) {
    let topics = Topics::default();
    while let Some(delivery) = taken.recv().await {
        let message = delivery.message;
        let verdict = if topics.target(&message.topic).is_some() {
            let payload = String::from_utf8_lossy(&message.payload).into_owned();
            kept.0
                .lock()
                .expect("no test panicked here")
                .push((message.topic, payload));
            Verdict::Durable
        } else {
            Verdict::Refused(Refusal::Topic)
        };
        drop(delivery.answer.send(verdict));
    }
}

/// The next message, which must come.
pub(crate) async fn next(taken: &mut mpsc::Receiver<Delivery>) -> Delivery {
    within(taken.recv()).await.expect("a message")
}

/// Waits for what must happen.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("this should not take so long")
}

/// Waits until the condition holds.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(waiting).await;
}

pub(crate) const TOPIC: &str = "skytier/v1/stations/s1/readings";
pub(crate) const STATUS: &str = "skytier/v1/stations/s1/status";
