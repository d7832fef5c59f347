//! A station as the daemon sees it: a connection that sends readings and waits for the acknowledgement.

use std::net::SocketAddr;

use crate::mqtt::raw;
use crate::mqtt::raw::Packet;
use crate::mqtt::raw::Raw;
use crate::mqtt::raw::V5;
use crate::support::Site;

/// A connected MQTT 5 publisher.
pub(crate) struct Station {
    raw: Raw,
    id: u16,
}

impl Station {
    /// Connects to the embedded endpoint.
    pub(crate) async fn connect(site: &Site, client: &str) -> Self {
        let addr = SocketAddr::from(([127, 0, 0, 1], site.mqtt));
        let raw = Raw::hello(addr, V5, client).await;
        Self { raw, id: 0 }
    }

    /// Sends one message with QoS 1; gives what came back, nothing when the connection was closed.
    pub(crate) async fn offer(
        &mut self,
        topic: &str,
        payload: &(impl AsRef<[u8]> + ?Sized),
    ) -> Option<Packet> {
        self.id += 1;
        let bytes = raw::publish(V5, 1, self.id, topic, payload);
        self.raw.exchange(&bytes, 1).await.pop()
    }

    /// Sends one message with QoS 1, which must be acknowledged as kept.
    pub(crate) async fn send(&mut self, topic: &str, payload: &(impl AsRef<[u8]> + ?Sized)) {
        let answer = self.offer(topic, payload).await;
        assert_eq!(answer, Some(raw::answer(V5, raw::PUBACK, self.id)));
    }

    /// Ends without a word.
    pub(crate) fn vanish(self) {
        self.raw.vanish();
    }

    /// Sends messages at once and reads acknowledgements; gives how many of the first were acknowledged.
    pub(crate) async fn burst(&mut self, messages: &[(String, impl AsRef<[u8]>)]) -> usize {
        let mut bytes = Vec::new();
        let first = self.id;
        for (topic, payload) in messages {
            self.id += 1;
            bytes.extend(raw::publish(V5, 1, self.id, topic, payload));
        }
        let answers = self.raw.exchange(&bytes, messages.len()).await;
        for (id, answer) in (first + 1..).zip(&answers) {
            assert_eq!(*answer, raw::answer(V5, raw::PUBACK, id));
        }
        answers.len()
    }
}

/// The topic of a station's readings.
pub(crate) fn readings_topic(station: &str) -> String {
    format!("skytier/v1/stations/{station}/readings")
}

/// One hourly PM2.5 value.
pub(crate) fn hourly(time: &str, pm25: &str) -> String {
    format!("{{\"time\":\"{time}\",\"interval_s\":3600,\"values\":{{\"pm25\":{pm25}}}}}")
}
