//! One connection: frames in, messages to the inlet, answers out in the order of receipt.
//!
//! Answers wait for their verdicts in a queue while further frames are read, up to a number; then reading stops and the
//! socket holds the logger back. A frame whose check fits nothing gets no answer: the logger sends it again.

use std::collections::HashSet;
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::adapters::hj212::answer;
use crate::adapters::hj212::listener::Seat;
use crate::adapters::hj212::listener::Shared;
use crate::adapters::hj212::settings::Counters;
use crate::adapters::inbound::Link;
use crate::adapters::inbound::Message;
use crate::adapters::inbound::Refusal;
use crate::adapters::inbound::Verdict;
use crate::adapters::limits::Area;
use crate::adapters::limits::Visitor;
use crate::adapters::mqtt::devices::Claim;
use crate::adapters::mqtt::devices::Device;
use crate::adapters::payload::hj212::FrameFault;
use crate::adapters::payload::hj212::crc::Variant;
use crate::adapters::payload::hj212::frame::BEFORE;
use crate::adapters::payload::hj212::frame::CHECK;
use crate::adapters::payload::hj212::framer::Framer;
use crate::adapters::payload::hj212::framer::Step;
use crate::adapters::payload::hj212::head::Head;
use crate::adapters::payload::topic;
use crate::domain::names::SourceId;

/// Frames of one connection that may wait for their verdict.
const PENDING_MAX: usize = 64;
/// Bytes that are no frame of a device, before the first one that is.
const STRANGE_BYTES_MAX: usize = 8 * 1024;
/// The same after one, until the next.
const BETWEEN_BYTES_MAX: usize = 64 * 1024;
/// Bytes asked of the socket at once.
const READ_BYTES: usize = 4 * 1024;
/// How long a logger may take to read an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Loggers that one connection may speak for.
const LOGGERS_MAX: usize = 256;
/// Bytes of a frame that counts for its number alone.
const ONE: usize = 1;

/// A frame that was handed in.
struct Pending {
    answer: Option<Vec<u8>>,
    verdict: oneshot::Receiver<Verdict>,
}

/// One connection.
pub(super) struct Session<'a> {
    shared: &'a Shared,
    address: IpAddr,
    visitor: Visitor,
    framer: Framer,
    pending: VecDeque<Pending>,
    /// Loggers that spoke here, by their topics; and the one that spoke last.
    seated: HashSet<String>,
    last: Option<Speaker>,
    seat: Seat,
    strange_bytes: usize,
    heard: Instant,
    /// Since when a frame is not whole.
    partial: Option<Instant>,
    /// Until when it is held back for being too fast.
    resume: Option<Instant>,
}

/// A logger that showed who it is.
#[derive(Clone)]
struct Speaker {
    topic: String,
    /// None: nobody was asked.
    device: Option<Arc<Device>>,
}

/// Why a connection ends.
type Ending = String;

impl<'a> Session<'a> {
    pub(super) fn new(shared: &'a Shared, address: IpAddr, visitor: Visitor) -> Self {
        Self {
            shared,
            address,
            visitor,
            framer: Framer::new(shared.settings.segment_bytes_max),
            pending: VecDeque::new(),
            seated: HashSet::new(),
            last: None,
            seat: shared.newcomer(),
            strange_bytes: 0,
            heard: Instant::now(),
            partial: None,
            resume: None,
        }
    }

    /// Whether a device spoke here.
    pub(super) fn is_known(&self) -> bool {
        self.last.is_some()
    }

    /// Gives up its seats.
    pub(super) fn leave(self) {
        self.shared.unseat(self.seated.into_iter(), &self.seat);
    }

    /// Serves the connection until either side has enough.
    pub(super) async fn run(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> Ending {
        let mut bytes = vec![0; READ_BYTES];
        let (stop, leave) = (self.shared.stop.clone(), self.seat.leave.clone());
        loop {
            let room = match self.work().await {
                Ok(room) => room,
                Err(ending) => return ending,
            };
            let deadline = self.deadline();
            tokio::select! {
                () = stop.cancelled() => return self.drain(writer).await,
                () = leave.cancelled() => return "the logger came by another connection".to_owned(),
                () = self.visitor.crowded_out(), if self.last.is_none() => return "too many that said nothing".to_owned(),
                done = front(&mut self.pending) => {
                    if let Err(ending) = self.settle(done, writer).await {
                        return ending;
                    }
                }
                () = tokio::time::sleep_until(deadline) => match self.resume.take() {
                    Some(_) => {}
                    None => return "nothing whole in time".to_owned(),
                },
                read = reader.read(&mut bytes), if room => match read {
                    Ok(0) => return self.drain(writer).await,
                    Ok(count) => self.framer.push(&bytes[..count]),
                    Err(cause) => return cause.to_string(),
                },
            }
        }
    }

    /// When it must have gone on.
    fn deadline(&self) -> Instant {
        let settings = &self.shared.settings;
        if let Some(resume) = self.resume {
            return resume;
        }
        let silent = match self.last.is_some() {
            true => self.heard + settings.idle_max,
            false => self.heard + settings.frame_timeout,
        };
        match self.partial {
            Some(since) => silent.min(since + settings.frame_timeout),
            None => silent,
        }
    }

    /// Takes what is there; whether more may be read.
    async fn work(&mut self) -> Result<bool, Ending> {
        let counters = &self.shared.counters;
        let unchecked = self.shared.settings.unchecked.any();
        while self.pending.len() < PENDING_MAX && self.resume.is_none() {
            let checked = self.framer.checked_bytes();
            match self.framer.step(unchecked) {
                Step::Wait => {
                    let since = self.partial.unwrap_or_else(Instant::now);
                    self.partial = (self.framer.held() > 0).then_some(since);
                    return Ok(true);
                }
                Step::Noise(count) => {
                    Counters::add(&counters.noise_bytes, count as u64);
                    self.strange(count)?;
                    self.meter(count as u64);
                }
                Step::Bad(fault) => {
                    let crc = matches!(fault, FrameFault::Crc { .. });
                    Counters::count(if crc {
                        &counters.bad_crc
                    } else {
                        &counters.bad_frames
                    });
                    tracing::debug!(address = %self.address, %fault, "hj212: no frame");
                    self.strange(ONE)?;
                    self.meter(self.framer.checked_bytes() - checked);
                    // Many of them may stand in what was read at once: others have their turn.
                    tokio::task::yield_now().await;
                }
                Step::Frame(bytes, crc) => {
                    self.partial = None;
                    self.frame(bytes, crc).await?;
                }
            }
        }
        Ok(false)
    }

    /// Counts bytes that are no frame of a device, since the last one that was.
    fn strange(&mut self, count: usize) -> Result<(), Ending> {
        self.strange_bytes += count;
        match &self.last {
            None if self.strange_bytes > STRANGE_BYTES_MAX => {
                Err("no frame in the first bytes".to_owned())
            }
            Some(_) if self.strange_bytes > BETWEEN_BYTES_MAX => {
                Err("no frame for too long".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Counts what the logger that spoke last costs, and holds it back for being too fast. Of whoever has not spoken yet, so few bytes
    /// are read that there is nothing to hold back.
    fn meter(&mut self, bytes: u64) {
        let Some(last) = &self.last else { return };
        if !self.shared.door.holds(self.address) {
            return;
        }
        let wait = self.shared.meters.of(&last.topic).take(bytes);
        if !wait.is_zero() {
            Counters::count(&self.shared.counters.held_back);
            self.resume = Some(Instant::now() + wait);
        }
    }

    /// Whether a frame is damaged, for all that is known of its logger: its check fits nothing, and that logger's must.
    fn is_damaged(&self, crc: Option<Variant>, topic: &str) -> bool {
        let unchecked = &self.shared.settings.unchecked;
        crc == Some(Variant::Unchecked)
            && !topic::sender(topic).is_some_and(|source| unchecked.takes(&source))
    }

    /// Takes one frame.
    async fn frame(&mut self, bytes: Vec<u8>, crc: Option<Variant>) -> Result<(), Ending> {
        let head = match Head::read(&bytes[BEFORE..bytes.len() - CHECK]) {
            Ok(head) => head,
            Err(fault) => return self.headless(bytes, crc, &fault).await,
        };
        let speaker = self.identify(&head).await?;
        if self.is_damaged(crc, &speaker.topic) {
            return self.damaged(&bytes);
        }
        self.heard = Instant::now();
        self.strange_bytes = 0;
        let topic = speaker.topic.clone();
        self.arrive(speaker)?;
        Counters::count(&self.shared.counters.received);
        self.meter(bytes.len() as u64);
        if !answer::is_answer(&head) {
            let answer = answer::to(&head);
            self.submit(topic, bytes, answer).await;
        }
        Ok(())
    }

    /// Takes a frame of which cannot be told, or not relied on, whose it is: it is kept with what the logger that spoke here sends, as
    /// long as that one may.
    async fn headless(
        &mut self,
        bytes: Vec<u8>,
        crc: Option<Variant>,
        fault: &FrameFault,
    ) -> Result<(), Ending> {
        let Some(Speaker { topic, device }) = self.last.clone() else {
            Counters::count(&self.shared.counters.bad_frames);
            if crc == Some(Variant::Unchecked) {
                self.framer.put_back(&bytes);
                return self.strange(ONE);
            }
            return self.strange(bytes.len());
        };
        if self.is_damaged(crc, &topic) {
            return self.damaged(&bytes);
        }
        Counters::count(&self.shared.counters.bad_frames);
        tracing::debug!(address = %self.address, %fault, "hj212: no head");
        let devices = &self.shared.devices;
        if devices.required() && !device.is_some_and(|device| devices.stands(&device)) {
            Counters::count(&self.shared.counters.unproved);
            return Err("the device that spoke here is one no more".to_owned());
        }
        self.strange(bytes.len())?;
        self.meter(bytes.len() as u64);
        self.submit(topic, bytes, None).await;
        Ok(())
    }

    /// Passes over what began a damaged frame: the logger sends it again.
    fn damaged(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        Counters::count(&self.shared.counters.bad_crc);
        self.meter(bytes.len() as u64);
        self.framer.put_back(bytes);
        self.strange(ONE)
    }

    /// The device that the frame shows by MN and PW, and its topic.
    async fn identify(&mut self, head: &Head) -> Result<Speaker, Ending> {
        let claim = Claim {
            name: Some(head.mn.clone()),
            password: Some(Bytes::copy_from_slice(head.pw.as_bytes())),
            names: Vec::new(),
        };
        let area = Area::of(self.address);
        match self.shared.devices.admit(claim, area).await {
            Ok(Some(device)) => match device.topics.first() {
                Some(start) => Ok(Speaker {
                    topic: format!("{start}hj212"),
                    device: Some(device),
                }),
                None => Err("a device without a source".to_owned()),
            },
            Ok(None) => match SourceId::new(&head.mn) {
                Ok(mn) => Ok(Speaker {
                    topic: (self.shared.topic_of)(&mn),
                    device: None,
                }),
                Err(fault) => Err(fault.to_string()),
            },
            Err(unproved) => {
                Counters::count(&self.shared.counters.unproved);
                let devices = &self.shared.devices;
                devices.refused("hj212.login", None, &head.mn, self.address);
                tokio::select! {
                    () = tokio::time::sleep(unproved.delay) => {}
                    () = self.shared.stop.cancelled() => {}
                    () = self.visitor.crowded_out(), if self.last.is_none() => {}
                }
                Err("an MN or PW of no device".to_owned())
            }
        }
    }

    /// A logger speaks here, perhaps one that did not speak before.
    fn arrive(&mut self, speaker: Speaker) -> Result<(), Ending> {
        if self.last.is_none() {
            self.visitor.known();
        }
        let topic = speaker.topic.clone();
        self.last = Some(speaker);
        if self.seated.contains(&topic) {
            return Ok(());
        }
        if self.seated.len() == LOGGERS_MAX {
            return Err("more loggers than one connection may speak for".to_owned());
        }
        self.shared.seat(&topic, &self.seat);
        self.seated.insert(topic);
        Ok(())
    }

    async fn submit(&mut self, topic: String, bytes: Vec<u8>, answer: Option<Vec<u8>>) {
        let message = Message {
            origin: format!("hj212:{}", self.address),
            link: Link::Hj212,
            topic,
            payload: Bytes::from(bytes),
            told: false,
        };
        let verdict = self.shared.inlet.submit(message).await;
        self.pending.push_back(Pending { answer, verdict });
    }

    /// Answers the oldest frame.
    async fn settle(
        &mut self,
        (answer, verdict): (Option<Vec<u8>>, Verdict),
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), Ending> {
        if verdict != Verdict::Durable {
            return Err("a frame was not kept".to_owned());
        }
        let counters = &self.shared.counters;
        Counters::count(&counters.durable);
        let Some(answer) = answer else {
            return Ok(());
        };
        let written = tokio::time::timeout(WRITE_TIMEOUT, whole(writer, &answer)).await;
        match written {
            Ok(Ok(())) => {
                Counters::count(&counters.answered);
                Ok(())
            }
            Ok(Err(cause)) => Err(cause.to_string()),
            Err(_) => Err("answers are not read".to_owned()),
        }
    }

    /// Answers what waits, for a while.
    async fn drain(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> Ending {
        let until = Instant::now() + self.shared.settings.drain_timeout;
        while !self.pending.is_empty() {
            let done = tokio::time::timeout_at(until, front(&mut self.pending)).await;
            let Ok(done) = done else { break };
            if let Err(ending) = self.settle(done, writer).await {
                return ending;
            }
        }
        "closed".to_owned()
    }
}

async fn whole(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}

/// Takes the oldest frame out once its verdict is there.
async fn front(pending: &mut VecDeque<Pending>) -> (Option<Vec<u8>>, Verdict) {
    let Some(first) = pending.front_mut() else {
        return std::future::pending().await;
    };
    let verdict = (&mut first.verdict).await;
    let answer = first.answer.take();
    pending.pop_front();
    (
        answer,
        verdict.unwrap_or(Verdict::Refused(Refusal::Stopping)),
    )
}
