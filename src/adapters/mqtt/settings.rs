//! Limits of the endpoint, who may connect, and what it counts.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::adapters::limits::DoorSettings;
use crate::adapters::tls::TlsSettings;

/// A text that must not show in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text itself, for handing on.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not depend on where the texts differ.
    pub fn matches(&self, offered: &[u8]) -> bool {
        let differing = self
            .0
            .bytes()
            .zip(offered)
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        self.0.len() == offered.len() && differing == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What one user name may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its password.
    pub password: Secret,
    /// Topics it may publish on start with this text, such as `skytier/v1/stations/Dongsi/`; empty: any.
    pub topics: String,
}

/// Settings of the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSettings {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Connections held at once; further ones are closed at once.
    pub connections_max: usize,
    /// Messages of one connection that may wait for their acknowledgement. Announced to MQTT 5 clients.
    pub receive_maximum: u16,
    /// Largest packet, in bytes. Announced to MQTT 5 clients.
    pub packet_bytes_max: u32,
    /// Topic aliases of one connection (MQTT 5).
    pub topic_alias_max: u16,
    /// Time from connecting to a whole CONNECT packet.
    pub connect_timeout: Duration,
    /// Longest keep-alive granted. A client that asks for more, or for none, is closed after one and a half
    /// times this without a packet.
    pub keep_alive_max: Duration,
    /// Time given to what is still waiting for its verdict when the endpoint stops.
    pub drain_timeout: Duration,
    /// TLS, beside the plain address.
    pub tls: TlsSettings,
    /// What one address may take.
    pub door: DoorSettings,
    /// User names that may connect; empty: everyone may.
    pub users: BTreeMap<String, Credential>,
}

impl Default for EndpointSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 1883)),
            connections_max: 10_000,
            receive_maximum: 1_024,
            packet_bytes_max: 260 * 1024,
            topic_alias_max: 64,
            connect_timeout: Duration::from_secs(10),
            keep_alive_max: Duration::from_secs(7_200),
            drain_timeout: Duration::from_secs(5),
            tls: TlsSettings::default(),
            door: DoorSettings::default(),
            users: BTreeMap::new(),
        }
    }
}

impl EndpointSettings {
    /// A free loopback port and small limits.
    pub fn for_testing() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            connections_max: 64,
            receive_maximum: 16,
            packet_bytes_max: 4_096,
            topic_alias_max: 4,
            connect_timeout: Duration::from_millis(400),
            keep_alive_max: Duration::from_secs(60),
            drain_timeout: Duration::from_millis(500),
            tls: TlsSettings::default(),
            door: DoorSettings::default(),
            users: BTreeMap::new(),
        }
    }
}

/// What happened since the start, for metrics.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections open now, after their CONNECT was accepted.
    pub connections_open: AtomicU64,
    /// Connections accepted by the listener.
    pub connections_total: AtomicU64,
    /// Connections turned away: too many, wrong password, no valid CONNECT in time.
    pub connections_refused: AtomicU64,
    /// Connections that said nothing, closed to make room for newer ones.
    pub crowded_out: AtomicU64,
    /// TLS handshakes that came to nothing.
    pub handshakes_failed: AtomicU64,
    /// Messages received, repeats included.
    pub received: AtomicU64,
    /// Messages acknowledged after they were durable; with QoS 0, found durable.
    pub acked: AtomicU64,
    /// Messages refused.
    pub refused: AtomicU64,
    /// Last wills handed in.
    pub wills: AtomicU64,
    /// Messages that the broker had kept from before for whoever asks.
    pub retained: AtomicU64,
}

impl Counters {
    /// Adds one.
    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// All of them by name, for metrics.
    pub fn all(&self) -> [(&'static str, u64); 10] {
        [
            ("connections_open", Self::read(&self.connections_open)),
            ("connections", Self::read(&self.connections_total)),
            ("connections_refused", Self::read(&self.connections_refused)),
            ("crowded_out", Self::read(&self.crowded_out)),
            ("handshakes_failed", Self::read(&self.handshakes_failed)),
            ("received", Self::read(&self.received)),
            ("acked", Self::read(&self.acked)),
            ("refused", Self::read(&self.refused)),
            ("wills", Self::read(&self.wills)),
            ("retained", Self::read(&self.retained)),
        ]
    }

    /// Reads one.
    pub fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_compare_and_do_not_show() {
        let secret = Secret::new("rain");
        assert!(secret.matches(b"rain"));
        for wrong in ["", "rai", "rainy", "RAIN"] {
            assert!(!secret.matches(wrong.as_bytes()), "{wrong}");
        }
        let settings = Credential {
            password: secret,
            topics: String::new(),
        };
        assert!(!format!("{settings:?}").contains("rain"));
    }
}
