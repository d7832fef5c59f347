//! One connected client: packets in, messages to the inlet, acknowledgements out in the order of receipt.
//!
//! Acknowledgements wait for their verdicts in a queue while further packets are read, up to the receive
//! maximum; then reading stops and the socket holds the client back. A 3.1.1 client cannot be told why a
//! message is refused and is disconnected without an acknowledgement. No session outlives its connection:
//! what was not acknowledged is sent again, and a repeat changes nothing in the store.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use bytes::Buf;
use bytes::BytesMut;
use bytestring::ByteString;
use rmqtt_codec::types::Publish;
use rmqtt_codec::types::QoS;
use rmqtt_codec::v5::DisconnectReasonCode;
use rmqtt_codec::v5::PublishAckReason;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::adapters::inbound::Inlet;
use crate::adapters::inbound::Link;
use crate::adapters::inbound::Message;
use crate::adapters::inbound::Refusal;
use crate::adapters::inbound::Verdict;
use crate::adapters::limits::Meter;
use crate::adapters::mqtt::devices::Device;
use crate::adapters::mqtt::devices::Devices;
use crate::adapters::mqtt::settings::Counters;
use crate::adapters::mqtt::settings::EndpointSettings;
use crate::adapters::mqtt::wire::Received;
use crate::adapters::mqtt::wire::Wire;
use crate::adapters::mqtt::wire::WireFault;

/// No topic of ours is longer: a prefix, a source and what it says.
const TOPIC_BYTES_MAX: usize = 512;
/// Answers that may wait for a client that does not read, in bytes; then it is not read from either.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// Bytes asked of the socket at once: least and most.
const READ_BYTES: (usize, usize) = (4 * 1024, 64 * 1024);

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The client said goodbye; its will is dropped, or, if it asked so, handed in.
    Goodbye { with_will: bool },
    /// The socket closed or failed.
    Lost,
    /// Closed by us, with the reason.
    Closed {
        reason: DisconnectReasonCode,
        cause: String,
    },
    /// Another connection took the client id, or the endpoint stops: the token was cancelled.
    Stopped,
}

impl Ending {
    fn closed(reason: DisconnectReasonCode, cause: &str) -> Self {
        Self::Closed {
            reason,
            cause: cause.to_owned(),
        }
    }
}

impl From<WireFault> for Ending {
    fn from(fault: WireFault) -> Self {
        Self::Closed {
            reason: fault.reason,
            cause: fault.cause,
        }
    }
}

/// What a session works with and does not own.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) settings: &'a EndpointSettings,
    pub(super) inlet: &'a Inlet,
    pub(super) counters: &'a Counters,
    pub(super) devices: &'a Devices,
}

/// Who the client is and what it may do.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// `mqtt:CLIENT`.
    pub(super) origin: String,
    /// Which device it is; none: it may publish on every topic.
    pub(super) device: Option<Arc<Device>>,
    /// From where it comes.
    pub(super) address: IpAddr,
    /// How fast it may be; none: as fast as it likes.
    pub(super) meter: Option<Arc<Meter>>,
    /// Longest silence.
    pub(super) silence_max: Duration,
}

/// The answer a message is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    Ack(NonZeroU16),
    Receipt(NonZeroU16),
}

struct Pending {
    due: Due,
    verdict: oneshot::Receiver<Verdict>,
}

/// A QoS 2 packet id between PUBLISH and PUBREL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exactly {
    AwaitsVerdict,
    AwaitsRelease,
}

/// One connected client.
pub(super) struct Session<'a> {
    around: Around<'a>,
    client: Client,
    wire: Wire,
    input: BytesMut,
    output: BytesMut,
    /// Whether something written may still be on its way to the socket, as with TLS.
    unflushed: bool,
    read_bytes: usize,
    pending: VecDeque<Pending>,
    held: Option<(Message, Due)>,
    exactly: HashMap<NonZeroU16, Exactly>,
    in_flight: usize,
    /// Set while it is held back for being too fast: until when.
    resume: Option<Instant>,
    aliases: HashMap<NonZeroU16, ByteString>,
    heard: Instant,
}

impl<'a> Session<'a> {
    /// A session of an accepted client; `input` holds what it already sent, `output` our CONNACK.
    pub(super) fn new(
        around: Around<'a>,
        client: Client,
        wire: Wire,
        input: BytesMut,
        output: BytesMut,
    ) -> Self {
        Self {
            around,
            client,
            wire,
            input,
            output,
            unflushed: false,
            read_bytes: READ_BYTES.0,
            pending: VecDeque::new(),
            held: None,
            exactly: HashMap::new(),
            in_flight: 0,
            resume: None,
            aliases: HashMap::new(),
            heard: Instant::now(),
        }
    }

    /// Serves the client until it or we have enough.
    pub(super) async fn run(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
        stop: &CancellationToken,
    ) -> Ending {
        let mut stopped = pin!(stop.cancelled());
        let mut alarm = pin!(tokio::time::sleep_until(
            self.heard + self.client.silence_max
        ));
        loop {
            if let Err(ending) = self.work().and_then(|()| self.write(writer)) {
                return ending;
            }
            let room = self.has_room();
            self.input.reserve(if room { self.read_bytes } else { 0 });
            let mut limited = (&mut *reader).take(self.read_bytes as u64);
            tokio::select! {
                biased;
                () = &mut stopped => return Ending::Stopped,
                (due, verdict) = front(&mut self.pending), if !self.pending.is_empty() => {
                    if let Err(ending) = self.settle(due, verdict) {
                        return ending;
                    }
                    // Verdicts of one commit come one after the other: let the rest arrive, answer them in one go.
                    if !self.pending.is_empty() {
                        tokio::task::yield_now().await;
                    }
                }
                pushed = push(writer, &self.output), if !self.output.is_empty() || self.unflushed => {
                    if let Err(ending) = self.pushed(pushed) {
                        return ending;
                    }
                }
                slot = self.around.inlet.room(), if self.held.is_some() => {
                    if let Some((message, due)) = self.held.take() {
                        let verdict = slot.submit(message);
                        self.pending.push_back(Pending { due, verdict });
                    }
                }
                read = limited.read_buf(&mut self.input), if room => match read {
                    Ok(bytes) if bytes > 0 => self.heard(bytes),
                    _ => return Ending::Lost,
                },
                () = until(self.resume), if self.resume.is_some() => self.resume = None,
                () = &mut alarm => {
                    if let Err(ending) = self.alarm() {
                        return ending;
                    }
                    alarm.as_mut().reset(self.heard + self.client.silence_max);
                }
            }
        }
    }

    /// Waits for the verdicts still due and answers them: the last act when the endpoint stops.
    pub(super) async fn drain(&mut self, writer: &mut (impl AsyncWrite + Unpin)) {
        while !self.pending.is_empty() {
            let (due, verdict) = front(&mut self.pending).await;
            if self.settle(due, verdict).is_err() || self.write(writer).is_err() {
                return;
            }
        }
    }

    /// What is still to be written, with the reason of the end appended.
    pub(super) fn farewell(&mut self, reason: Option<DisconnectReasonCode>) -> BytesMut {
        if let Some(reason) = reason {
            self.wire.farewell(reason, &mut self.output);
        }
        self.output.split()
    }

    fn heard(&mut self, bytes: usize) {
        self.heard = Instant::now();
        let (least, most) = READ_BYTES;
        self.read_bytes = if bytes >= self.read_bytes {
            (self.read_bytes * 2).min(most)
        } else if bytes < self.read_bytes / 4 {
            (self.read_bytes / 2).max(least)
        } else {
            self.read_bytes
        };
    }

    /// Silence counts against the client only while we listen.
    fn alarm(&mut self) -> Result<(), Ending> {
        let listening =
            self.held.is_none() && self.resume.is_none() && self.pending.len() < self.window();
        if !listening {
            self.heard = Instant::now();
        } else if self.heard + self.client.silence_max <= Instant::now() {
            let reason = DisconnectReasonCode::KeepAliveTimeout;
            return Err(Ending::closed(reason, "no packet within the keep-alive"));
        }
        Ok(())
    }

    /// Messages that may wait at once. An MQTT 5 client was told the receive maximum and is read on, so that
    /// its pings are answered and a breach is seen; its QoS 0 messages fill the rest.
    fn window(&self) -> usize {
        let receive_maximum = usize::from(self.around.settings.receive_maximum);
        if self.wire.has_reasons() {
            2 * receive_maximum
        } else {
            receive_maximum
        }
    }

    fn has_room(&self) -> bool {
        self.held.is_none()
            && self.resume.is_none()
            && self.pending.len() < self.window()
            && self.output.len() < OUTPUT_BYTES_MAX
    }

    /// Answers the verdicts that are there and takes the packets that are there.
    fn work(&mut self) -> Result<(), Ending> {
        while let Some(first) = self.pending.front_mut() {
            let verdict = match first.verdict.try_recv() {
                Ok(verdict) => verdict,
                Err(oneshot::error::TryRecvError::Empty) => break,
                Err(oneshot::error::TryRecvError::Closed) => Verdict::Refused(Refusal::Stopping),
            };
            let due = first.due;
            self.pending.pop_front();
            self.settle(due, verdict)?;
        }
        while self.has_room() {
            match self.wire.next(&mut self.input)? {
                Some(packet) => self.take(packet)?,
                None => break,
            }
        }
        Ok(())
    }

    /// Writes what the other side takes at once; the rest is pushed when it takes more.
    fn write(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> Result<(), Ending> {
        let mut context = Context::from_waker(Waker::noop());
        while !self.output.is_empty() {
            match Pin::new(&mut *writer).poll_write(&mut context, &self.output) {
                Poll::Ready(written) => self.pushed(written)?,
                Poll::Pending => return Ok(()),
            }
        }
        if self.unflushed {
            match Pin::new(writer).poll_flush(&mut context) {
                Poll::Ready(flushed) => self.pushed(flushed.map(|()| 0))?,
                Poll::Pending => {}
            }
        }
        Ok(())
    }

    /// Takes note of so many bytes written, or, when there were none to write, of a flush.
    fn pushed(&mut self, pushed: io::Result<usize>) -> Result<(), Ending> {
        let bytes = pushed.map_err(|_| Ending::Lost)?;
        if bytes == 0 && !self.output.is_empty() {
            return Err(Ending::Lost);
        }
        self.unflushed = bytes > 0;
        self.output.advance(bytes);
        Ok(())
    }

    fn take(&mut self, packet: Received) -> Result<(), Ending> {
        match packet {
            Received::Publish(publish) => return self.publish(*publish),
            Received::Release(packet_id) => {
                let known = self.exactly.get(&packet_id) == Some(&Exactly::AwaitsRelease);
                if known {
                    self.exactly.remove(&packet_id);
                    self.in_flight -= 1;
                }
                self.wire.complete(packet_id, known, &mut self.output);
            }
            Received::Subscribe { packet_id, filters } => {
                self.wire
                    .no_subscription(packet_id, filters, &mut self.output);
            }
            Received::Unsubscribe { packet_id, filters } => {
                self.wire
                    .not_subscribed(packet_id, filters, &mut self.output);
            }
            Received::Ping => self.wire.pong(&mut self.output),
            Received::Goodbye { with_will } => return Err(Ending::Goodbye { with_will }),
            Received::OutOfPlace => {
                let reason = DisconnectReasonCode::ProtocolError;
                return Err(Ending::closed(
                    reason,
                    "a packet that a publisher does not send",
                ));
            }
        }
        Ok(())
    }

    fn publish(&mut self, publish: Publish) -> Result<(), Ending> {
        Counters::count(&self.around.counters.received);
        let topic = self.topic(&publish)?;
        self.meter(topic.len() + publish.payload.len());
        let due = match (publish.qos, publish.packet_id) {
            (QoS::AtLeastOnce, Some(packet_id)) => Due::Ack(packet_id),
            (QoS::ExactlyOnce, Some(packet_id)) => Due::Receipt(packet_id),
            _ => Due::Nothing,
        };
        if let Due::Receipt(packet_id) = due {
            match self.exactly.get(&packet_id) {
                Some(Exactly::AwaitsVerdict) => return Ok(()),
                Some(Exactly::AwaitsRelease) => {
                    let done = PublishAckReason::Success;
                    self.wire.receipt(packet_id, done, &mut self.output);
                    return Ok(());
                }
                None => {}
            }
        }
        if due != Due::Nothing {
            let receive_maximum = usize::from(self.around.settings.receive_maximum);
            if self.wire.has_reasons() && self.in_flight >= receive_maximum {
                let reason = DisconnectReasonCode::ReceiveMaximumExceeded;
                return Err(Ending::closed(
                    reason,
                    "more messages in flight than announced",
                ));
            }
            self.in_flight += 1;
        }
        if let Due::Receipt(packet_id) = due {
            self.exactly.insert(packet_id, Exactly::AwaitsVerdict);
        }
        self.submit(&topic, publish.payload, due);
        Ok(())
    }

    /// Counts a message; one that comes too fast is taken, and the next waits.
    fn meter(&mut self, bytes: usize) {
        let Some(meter) = &self.client.meter else {
            return;
        };
        let wait = meter.take(bytes as u64);
        if !wait.is_zero() {
            Counters::count(&self.around.counters.held_back);
            self.resume = Some(Instant::now() + wait);
        }
    }

    fn not_permitted(&self, topic: &str) {
        Counters::count(&self.around.counters.not_permitted);
        let device = self.client.device.as_ref().map(|device| device.id.as_str());
        let Client { address, .. } = self.client;
        self.around
            .devices
            .refused("mqtt.publish", device, topic, address);
    }

    fn submit(&mut self, topic: &str, payload: bytes::Bytes, due: Due) {
        if self
            .client
            .device
            .as_ref()
            .is_some_and(|device| !device.owns(topic))
        {
            self.not_permitted(topic);
            let (answer, verdict) = oneshot::channel();
            drop(answer.send(Verdict::Refused(Refusal::NotPermitted)));
            self.pending.push_back(Pending { due, verdict });
            return;
        }
        let message = Message {
            origin: self.client.origin.clone(),
            link: Link::Embedded,
            topic: topic.to_owned(),
            payload,
            told: due != Due::Nothing && self.wire.has_reasons(),
        };
        match self.around.inlet.try_submit(message) {
            Ok(verdict) => self.pending.push_back(Pending { due, verdict }),
            Err(message) => self.held = Some((message, due)),
        }
    }

    /// The topic of a message, through its alias where it has one.
    fn topic(&mut self, publish: &Publish) -> Result<ByteString, Ending> {
        let alias = publish
            .properties
            .as_ref()
            .and_then(|properties| properties.topic_alias);
        if publish.topic.contains(['+', '#', '\0']) {
            let reason = DisconnectReasonCode::TopicNameInvalid;
            return Err(Ending::closed(
                reason,
                "a topic to publish on has no wildcards",
            ));
        }
        // Before an alias keeps it.
        if publish.topic.len() > TOPIC_BYTES_MAX {
            let reason = DisconnectReasonCode::TopicNameInvalid;
            return Err(Ending::closed(reason, "a topic longer than any of ours"));
        }
        let Some(alias) = alias else {
            if publish.topic.is_empty() {
                let reason = DisconnectReasonCode::ProtocolError;
                return Err(Ending::closed(reason, "neither topic nor alias"));
            }
            return Ok(publish.topic.clone());
        };
        if alias.get() > self.around.settings.topic_alias_max {
            let reason = DisconnectReasonCode::TopicAliasInvalid;
            return Err(Ending::closed(
                reason,
                "topic alias above the announced maximum",
            ));
        }
        if !publish.topic.is_empty() {
            // A slice of the packet would keep its whole buffer alive.
            let own = ByteString::from(publish.topic.to_string());
            self.aliases.insert(alias, own);
            return Ok(publish.topic.clone());
        }
        self.aliases.get(&alias).cloned().ok_or_else(|| {
            let reason = DisconnectReasonCode::ProtocolError;
            Ending::closed(reason, "topic alias that stands for nothing")
        })
    }

    fn settle(&mut self, due: Due, verdict: Verdict) -> Result<(), Ending> {
        match verdict {
            Verdict::Durable => {
                Counters::count(&self.around.counters.acked);
                self.answer(due, PublishAckReason::Success);
                Ok(())
            }
            Verdict::Refused(refusal) => {
                Counters::count(&self.around.counters.refused);
                self.refuse(due, refusal)
            }
        }
    }

    fn refuse(&mut self, due: Due, refusal: Refusal) -> Result<(), Ending> {
        let (reason, close, cause) = match refusal {
            Refusal::Topic => (
                PublishAckReason::TopicNameInvalid,
                DisconnectReasonCode::TopicNameInvalid,
                "published on a topic that takes no readings",
            ),
            Refusal::NotPermitted => (
                PublishAckReason::NotAuthorized,
                DisconnectReasonCode::NotAuthorized,
                "published on a topic that is not its own",
            ),
            Refusal::Stopping => {
                let reason = DisconnectReasonCode::ServerShuttingDown;
                return Err(Ending::closed(reason, "the daemon is stopping"));
            }
        };
        if due == Due::Nothing || !self.wire.has_reasons() {
            return Err(Ending::closed(close, cause));
        }
        if refusal != Refusal::NotPermitted {
            tracing::info!(client.origin = %self.client.origin, "mqtt message refused: {cause}");
        }
        self.answer(due, reason);
        Ok(())
    }

    fn answer(&mut self, due: Due, reason: PublishAckReason) {
        match due {
            Due::Nothing => {}
            Due::Ack(packet_id) => {
                self.in_flight -= 1;
                self.wire.ack(packet_id, reason, &mut self.output);
            }
            Due::Receipt(packet_id) => {
                if reason == PublishAckReason::Success {
                    self.exactly.insert(packet_id, Exactly::AwaitsRelease);
                } else {
                    self.exactly.remove(&packet_id);
                    self.in_flight -= 1;
                }
                self.wire.receipt(packet_id, reason, &mut self.output);
            }
        }
    }
}

/// Waits until then; with no time, for ever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Writes some of the output, or, when there is none, flushes what was written.
async fn push(writer: &mut (impl AsyncWrite + Unpin), output: &[u8]) -> io::Result<usize> {
    if output.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    writer.write(output).await
}

/// Takes the oldest message out once its verdict is there.
async fn front(pending: &mut VecDeque<Pending>) -> (Due, Verdict) {
    let Some(first) = pending.front_mut() else {
        return std::future::pending().await;
    };
    let verdict = (&mut first.verdict).await;
    let due = first.due;
    pending.pop_front();
    (due, verdict.unwrap_or(Verdict::Refused(Refusal::Stopping)))
}
