//! One publisher among many, to find out what a listener bears: a socket and a codec, so that thousands of them
//! cost little. It keeps a number of messages in flight and measures each until its acknowledgement.

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;
use bytes::BytesMut;
use bytestring::ByteString;
use rmqtt_codec::types::Publish;
use rmqtt_codec::types::QoS;
use rmqtt_codec::v3;
use rmqtt_codec::v3::Codec;
use rmqtt_codec::v3::ConnectAckReason;
use rmqtt_codec::v3::Packet;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use tokio_util::codec::Decoder;
use tokio_util::codec::Encoder;

use crate::adapters::mqtt::way::Way;

/// Bytes asked of the socket at once.
const READ_BYTES: usize = 4 * 1_024;
/// Largest packet that may come back; an acknowledgement has four bytes.
const PACKET_BYTES_MAX: u32 = 64 * 1_024;
/// How long the last acknowledgements are waited for.
const DRAIN: Duration = Duration::from_secs(10);

/// What one publisher is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where to, and as whom.
    pub to: Way,
    /// Under which name.
    pub client_id: String,
    /// Messages in flight at most.
    pub in_flight: u16,
    /// Pause from one message to the next; as soon as there is room when `None`.
    pub pace: Option<Duration>,
    /// How long to send.
    pub lasts: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Messages acknowledged, the first ones of those sent.
    pub acked: u64,
    /// Messages sent.
    pub sent: u64,
    /// Time from each message's sending to its acknowledgement.
    pub latencies: Vec<Duration>,
    /// Why it ended early, if it did.
    pub fault: Option<String>,
}

/// An open connection.
struct Line {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    codec: Codec,
    input: BytesMut,
    output: BytesMut,
}

impl Line {
    async fn open(plan: &Plan) -> Result<Self, String> {
        let (reader, writer) = plan.to.open().await?;
        let mut line = Self {
            reader,
            writer,
            codec: Codec::new(PACKET_BYTES_MAX),
            input: BytesMut::new(),
            output: BytesMut::new(),
        };
        let login = plan.to.login.as_ref();
        let connect = v3::Connect {
            username: login.map(|(user, _)| ByteString::from(user.as_str())),
            password: login
                .map(|(_, password)| Bytes::copy_from_slice(password.reveal().as_bytes())),
            clean_session: true,
            client_id: ByteString::from(plan.client_id.as_str()),
            ..v3::Connect::default()
        };
        line.put(Packet::Connect(Box::new(connect)))?;
        line.flush().await?;
        match line.packet().await? {
            Packet::ConnectAck(ack) if ack.return_code == ConnectAckReason::ConnectionAccepted => {
                Ok(line)
            }
            Packet::ConnectAck(ack) => Err(format!("not let in: refused ({:?})", ack.return_code)),
            other => Err(format!("not let in: {other:?}")),
        }
    }

    fn put(&mut self, packet: Packet) -> Result<(), String> {
        let put = self.codec.encode(packet, &mut self.output);
        put.map_err(|fault| fault.to_string())
    }

    async fn flush(&mut self) -> Result<(), String> {
        let sent = self.writer.write_all_buf(&mut self.output).await;
        sent.map_err(|cause| cause.to_string())?;
        // TLS keeps what it has until it is told.
        let flushed = self.writer.flush().await;
        flushed.map_err(|cause| cause.to_string())
    }

    /// The next packet. Nothing of it is lost when the future is dropped.
    async fn packet(&mut self) -> Result<Packet, String> {
        loop {
            let read = self.codec.decode(&mut self.input);
            if let Some((packet, _)) = read.map_err(|fault| fault.to_string())? {
                return Ok(packet);
            }
            self.input.reserve(READ_BYTES);
            let read = self.reader.read_buf(&mut self.input).await;
            if read.map_err(|cause| cause.to_string())? == 0 {
                return Err("closed by the other side".to_owned());
            }
        }
    }
}

/// Publishes what `message` gives for each number, from 0 on, to its topic, until the plan's end; then waits for the
/// acknowledgements that are missing.
pub async fn publish(plan: &Plan, message: impl Fn(u64) -> (String, Vec<u8>)) -> Outcome {
    let mut outcome = Outcome::default();
    if let Err(fault) = run(plan, message, &mut outcome).await {
        outcome.fault = Some(fault);
    }
    outcome
}

async fn run(
    plan: &Plan,
    message: impl Fn(u64) -> (String, Vec<u8>),
    outcome: &mut Outcome,
) -> Result<(), String> {
    let mut line = Line::open(plan).await?;
    let begun = Instant::now();
    let (end, mut due) = (begun + plan.lasts, begun);
    let mut waiting: VecDeque<Instant> = VecDeque::new();
    loop {
        while Instant::now() < end && waiting.len() < usize::from(plan.in_flight) {
            if plan.pace.is_some() && Instant::now() < due {
                break;
            }
            due += plan.pace.unwrap_or_default();
            let (topic, payload) = message(outcome.sent);
            line.put(Packet::Publish(Box::new(packet(
                outcome.sent,
                topic,
                payload,
            ))))?;
            outcome.sent += 1;
            waiting.push_back(Instant::now());
        }
        line.flush().await?;
        let sending = Instant::now() < end;
        if waiting.is_empty() && !sending {
            return Ok(());
        }
        let until = match (sending, plan.pace) {
            (false, _) => end + DRAIN,
            (true, Some(_)) if waiting.len() < usize::from(plan.in_flight) => due.min(end),
            (true, _) => end,
        };
        let read = tokio::select! {
            read = line.packet() => read?,
            () = tokio::time::sleep_until(until) => {
                if !sending {
                    return Err(format!("{} messages without an answer", waiting.len()));
                }
                continue;
            }
        };
        match (read, waiting.pop_front()) {
            (Packet::PublishAck { .. }, Some(sent)) => {
                outcome.acked += 1;
                outcome.latencies.push(sent.elapsed());
            }
            (other, _) => return Err(format!("not an acknowledgement: {other:?}")),
        }
    }
}

fn packet(number: u64, topic: String, payload: Vec<u8>) -> Publish {
    // Numbers of packets go round; far fewer are in flight than there are.
    let id = u16::try_from(number % u64::from(u16::MAX)).expect("a remainder below 65,535") + 1;
    Publish {
        dup: false,
        retain: false,
        qos: QoS::AtLeastOnce,
        topic: ByteString::from(topic),
        packet_id: NonZeroU16::new(id),
        payload: Bytes::from(payload),
        properties: None,
    }
}
