//! The one way in: a message and a promise of its verdict.
//!
//! Every source of messages (the embedded endpoint, external brokers, later others) hands a [`Message`] to the
//! [`Inlet`] and waits for its [`Verdict`]. `Durable` comes only after the readings are on disk; anything
//! else must never be acknowledged to the sender.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

/// One message from outside.
#[derive(Clone, Debug)]
pub struct Message {
    /// Who handed it in, for logs and dead letters: `mqtt:CLIENT` or the broker's address.
    pub origin: String,
    /// The topic.
    pub topic: String,
    /// The bytes.
    pub payload: Bytes,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// On disk: acknowledge.
    Durable,
    /// Not kept: never acknowledge.
    Refused(Refusal),
}

/// Why a message was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The topic is not one that takes readings.
    Topic,
    /// The daemon is stopping.
    Stopping,
}

/// A message with the place to answer.
#[derive(Debug)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// Where the verdict goes.
    pub answer: oneshot::Sender<Verdict>,
}

/// Where messages are handed in. Bounded: when the store is slow, [`Inlet::submit`] waits.
#[derive(Clone, Debug)]
pub struct Inlet {
    queue: mpsc::Sender<Delivery>,
}

impl Inlet {
    /// An inlet holding at most `capacity` messages, and the end that takes them out.
    pub fn new(capacity: usize) -> (Self, mpsc::Receiver<Delivery>) {
        let (queue, taken) = mpsc::channel(capacity);
        (Self { queue }, taken)
    }

    /// Hands a message in once there is room. The returned receiver resolves to the verdict; it fails when
    /// the daemon stopped before one was reached, which counts as a refusal.
    pub async fn submit(&self, message: Message) -> oneshot::Receiver<Verdict> {
        let (answer, verdict) = oneshot::channel();
        if let Err(mpsc::error::SendError(refused)) =
            self.queue.send(Delivery { message, answer }).await
        {
            drop(refused.answer.send(Verdict::Refused(Refusal::Stopping)));
        }
        verdict
    }
}
