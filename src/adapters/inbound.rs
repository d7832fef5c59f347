//! The one way in: a message and a promise of its verdict.
//!
//! Every source of messages (the embedded endpoint, external brokers, later others) hands a [`Message`] to the
//! [`Inlet`] and waits for its [`Verdict`]. `Durable` comes only after the readings are on disk; anything
//! else must never be acknowledged to the sender.

pub mod recent;

use std::sync::Arc;
use std::sync::LazyLock;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

/// The name of our own listener among the links.
pub const EMBEDDED: &str = "embedded";
/// The name of the listener for data loggers among the links.
pub const HJ212: &str = "hj212";
/// The same, shared: every message of ours carries it.
static HJ212_NAME: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(HJ212));
/// The same, shared: every message of ours carries it.
static EMBEDDED_NAME: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(EMBEDDED));

/// By which way a message came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Our own listener.
    #[default]
    Embedded,
    /// Our listener for data loggers.
    Hj212,
    /// A broker, by its address; whether it had kept the message for whoever asks.
    Broker {
        /// `mqtt://HOST:PORT`.
        address: Arc<str>,
        /// Kept by the broker from before, rather than just published.
        retained: bool,
    },
}

impl Link {
    /// Its name in what is kept of presence.
    pub fn name(&self) -> Arc<str> {
        match self {
            Self::Embedded => Arc::clone(&EMBEDDED_NAME),
            Self::Hj212 => Arc::clone(&HJ212_NAME),
            Self::Broker { address, .. } => Arc::clone(address),
        }
    }

    /// Whether a broker had kept the message from before.
    pub fn retained(&self) -> bool {
        matches!(self, Self::Broker { retained: true, .. })
    }
}

/// One message from outside.
#[derive(Clone, Debug)]
pub struct Message {
    /// Who handed it in, for logs and dead letters: `mqtt:CLIENT` or the broker's address.
    pub origin: String,
    /// The way it came.
    pub link: Link,
    /// The topic.
    pub topic: String,
    /// The bytes.
    pub payload: Bytes,
    /// Whether its sender can be told why it is refused. One that cannot would send it again for ever.
    pub told: bool,
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
    /// The sender may not publish on this topic.
    NotPermitted,
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

/// Looks at what waits in an inlet.
#[derive(Clone, Debug)]
pub struct Queue(mpsc::WeakSender<Delivery>);

impl Queue {
    /// Messages that wait, and how many may; both 0 when the inlet is closed.
    pub fn waiting(&self) -> (u64, u64) {
        let queue = self.0.upgrade();
        queue.map_or((0, 0), |queue| {
            let room = queue.max_capacity();
            ((room - queue.capacity()) as u64, room as u64)
        })
    }
}

impl Inlet {
    /// An inlet holding at most `capacity` messages, and the end that takes them out.
    pub fn new(capacity: usize) -> (Self, mpsc::Receiver<Delivery>) {
        let (queue, taken) = mpsc::channel(capacity);
        (Self { queue }, taken)
    }

    /// What waits in it, without keeping it open.
    pub fn queue(&self) -> Queue {
        Queue(self.queue.downgrade())
    }

    /// Hands a message in once there is room. The returned receiver resolves to the verdict; it fails when
    /// the daemon stopped before one was reached, which counts as a refusal.
    pub async fn submit(&self, message: Message) -> oneshot::Receiver<Verdict> {
        self.room().await.submit(message)
    }

    /// Hands a message in if there is room now, else gives it back.
    ///
    /// # Errors
    /// The message, when the inlet is full.
    pub fn try_submit(&self, message: Message) -> Result<oneshot::Receiver<Verdict>, Message> {
        match self.queue.try_reserve() {
            Ok(permit) => Ok(Slot(Some(permit)).submit(message)),
            Err(mpsc::error::TrySendError::Closed(())) => Ok(Slot(None).submit(message)),
            Err(mpsc::error::TrySendError::Full(())) => Err(message),
        }
    }

    /// Waits for room, so that a caller can do other things meanwhile. Dropping the future gives up the
    /// place in the queue and nothing else.
    pub async fn room(&self) -> Slot<'_> {
        Slot(self.queue.reserve().await.ok())
    }
}

/// Room for one message; `None` once nobody takes messages out any more.
#[derive(Debug)]
pub struct Slot<'a>(Option<mpsc::Permit<'a, Delivery>>);

impl Slot<'_> {
    /// Hands the message in.
    pub fn submit(self, message: Message) -> oneshot::Receiver<Verdict> {
        let (answer, verdict) = oneshot::channel();
        match self.0 {
            Some(permit) => permit.send(Delivery { message, answer }),
            None => drop(answer.send(Verdict::Refused(Refusal::Stopping))),
        }
        verdict
    }
}
