//! Debian's Mosquitto on a free port: a real broker and its command-line publisher.

use std::net::TcpListener;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use rumqttc::v5;

use crate::mqtt::support::TOPIC;
use crate::mqtt::support::until;
use crate::mqtt::support::within;
use crate::support::require;

const BROKER: &str = "/usr/sbin/mosquitto";
/// Publishes from the command line.
pub(crate) const PUBLISHER: &str = "/usr/bin/mosquitto_pub";

/// QoS 1.
pub(crate) const ONCE: v5::mqttbytes::QoS = v5::mqttbytes::QoS::AtLeastOnce;

/// Publishes one message with QoS 1 as an operator would; returns when it was acknowledged.
pub(crate) fn mosquitto_pub(port: u16, topic: &str, payload: &str) {
    require(PUBLISHER);
    let sent = Command::new(PUBLISHER)
        .args(["-h", "127.0.0.1", "-q", "1", "-p", &port.to_string()])
        .args(["-t", topic, "-m", payload])
        .output()
        .expect("mosquitto_pub runs");
    let said = String::from_utf8_lossy(&sent.stderr);
    assert!(sent.status.success(), "mosquitto_pub: {said}");
}

/// A Mosquitto that ends with the test.
pub(crate) struct Mosquitto {
    child: Child,
    pub(crate) port: u16,
    pub(crate) folder: tempfile::TempDir,
}

impl Mosquitto {
    /// Starts it with persistence in a folder of its own.
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// The same with further lines about its listener.
    pub(crate) async fn start_with(more: &str) -> Self {
        require(BROKER);
        // Another process may take the port between looking and starting; then look again.
        for _ in 0..5 {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let port = listener.local_addr().expect("a bound address").port();
            drop(listener);
            let folder = tempfile::tempdir().expect("a temporary folder");
            // Without a limit of its own: else it drops what comes for a client that is behind by a thousand.
            let config = format!(
                "listener {port} 127.0.0.1\n{more}user root\nallow_anonymous true\npersistence true\n\
                 max_queued_messages 0\n\
                 persistence_location {}/\nautosave_interval 1\nmax_inflight_messages 0\n",
                folder.path().display()
            );
            std::fs::write(folder.path().join("conf"), config).expect("room on the disk");
            let mut broker = Self {
                child: Self::spawn(folder.path()),
                port,
                folder,
            };
            if broker.is_up().await {
                return broker;
            }
        }
        panic!("mosquitto does not start");
    }

    fn spawn(folder: &std::path::Path) -> Child {
        Command::new(BROKER)
            .arg("-c")
            .arg(folder.join("conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto is installed")
    }

    async fn is_up(&mut self) -> bool {
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port))
                .await
                .is_ok()
            {
                return true;
            }
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    /// Asks it to save and end, and starts it again on the same port.
    pub(crate) async fn restart(&mut self) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(asked.is_ok_and(|status| status.success()));
        until(|| self.child.try_wait().is_ok_and(|status| status.is_some())).await;
        self.revive().await;
    }

    /// Ends it without warning.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Starts it again on the same port after its end.
    pub(crate) async fn revive(&mut self) {
        self.child = Self::spawn(self.folder.path());
        assert!(self.is_up().await);
    }

    /// A publisher that has room for so many messages.
    pub(crate) fn client(&self, room: usize) -> (v5::AsyncClient, v5::EventLoop) {
        self.client_named("station", room)
    }

    /// The same by another name.
    pub(crate) fn client_named(&self, name: &str, room: usize) -> (v5::AsyncClient, v5::EventLoop) {
        let options = v5::MqttOptions::new(name, "127.0.0.1", self.port);
        v5::AsyncClient::new(options, room)
    }

    /// Publishes, with QoS 1 waits for the broker's acknowledgements, and goes once the broker has read all of it.
    pub(crate) async fn publish(&self, qos: v5::mqttbytes::QoS, payloads: &[String]) {
        self.publish_on(TOPIC, qos, payloads).await;
    }

    /// The same on another topic.
    pub(crate) async fn publish_on(
        &self,
        topic: &str,
        qos: v5::mqttbytes::QoS,
        payloads: &[String],
    ) {
        let (client, mut events) = self.client(payloads.len() + 8);
        for payload in payloads {
            client
                .publish(topic, qos, false, payload.clone())
                .await
                .expect("room");
        }
        let mut unacknowledged = if qos == ONCE { payloads.len() } else { 0 };
        let done = async {
            while unacknowledged > 0 {
                let event = events.poll().await.expect("a running broker");
                if matches!(event, v5::Event::Incoming(v5::Incoming::PubAck(_))) {
                    unacknowledged -= 1;
                }
            }
            client.disconnect().await.expect("room");
            // The broker ends the connection once it came to the farewell; one of the same name before that would cut off
            // what it has not read yet.
            while events.poll().await.is_ok() {}
        };
        within(done).await;
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
