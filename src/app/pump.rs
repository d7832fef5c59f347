//! Takes messages out of the inlet, has them read and admitted in batches, and answers each with its verdict.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::sync::oneshot;

use crate::adapters::inbound::Delivery;
use crate::adapters::inbound::Link;
use crate::adapters::inbound::Message;
use crate::adapters::inbound::Refusal;
use crate::adapters::inbound::Verdict;
use crate::adapters::inbound::recent::BYTES_MAX;
use crate::adapters::inbound::recent::Came;
use crate::adapters::inbound::recent::Outcome;
use crate::adapters::inbound::recent::Recent;
use crate::adapters::mapping::Mapped;
use crate::adapters::mapping::Maps;
use crate::adapters::payload::Decoder;
use crate::adapters::payload::PayloadFault;
use crate::adapters::payload::Registered;
use crate::adapters::payload::Status;
use crate::adapters::payload::topic::Topics;
use crate::app::frames::Frames;
use crate::domain::calendar::Instant;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::domain::reading::Qc;
use crate::flow::ingest::Content;
use crate::flow::ingest::Ingest;
use crate::flow::ingest::Read;
use crate::flow::ingest::Reader;
use crate::flow::ingest::Submission;
use crate::flow::patience::Patience;
use crate::flow::watch::Heard;
use crate::flow::watch::Note;
use crate::flow::watch::STRANGERS_MAX;
use crate::flow::watch::Watch;
use crate::ports::StoreError;

/// Under which name messages on topics that take no readings are kept.
const NOBODY: &str = "no-source";
/// Why they are.
const NO_TOPIC: &str = "the topic takes no readings; give PREFIX/stations/STATION/readings, PREFIX/loggers/MN/readings, \
                        .../hj212 or .../status, PREFIX being mqtt.prefix";
/// Messages read at a time, before a look at whether the commit under way is done.
const TURN_MESSAGES_MAX: usize = 64;
/// A commit that holds this many messages takes no further ones.
const COMMIT_MESSAGES_MAX: usize = 1_024;
/// A commit that holds this many readings takes no further messages.
const COMMIT_READINGS_MAX: usize = 20_000;

/// Everything the pump works with.
pub struct Pump {
    /// Where decoded messages go.
    pub ingest: Arc<Ingest>,
    /// Told who was heard, and what sources say of themselves.
    pub watch: Arc<Watch>,
    /// What came last.
    pub recent: Arc<Recent>,
    /// What of it are frames of HJ 212.
    pub frames: Frames,
    /// How commits wait for room.
    pub patience: Patience,
    /// The clock.
    pub clock: fn() -> Instant,
}

/// Messages that become durable together.
#[derive(Default)]
struct Commit {
    submissions: Vec<Submission>,
    notes: Vec<Note>,
    waiting: Vec<oneshot::Sender<Verdict>>,
    readings: usize,
}

impl Commit {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn has_room(&self) -> bool {
        self.waiting.len() < COMMIT_MESSAGES_MAX && self.readings < COMMIT_READINGS_MAX
    }
}

impl Pump {
    /// Runs until every sender is gone and the queue is empty. While one commit is written, messages are read for the
    /// next. While the store has no room, they wait unanswered, so that nobody acknowledges them.
    ///
    /// # Errors
    /// A store that must not be used further; what was not answered counts as refused.
    pub async fn run(&self, mut deliveries: mpsc::Receiver<Delivery>) -> Result<(), StoreError> {
        let mut next = Commit::default();
        let mut more = true;
        loop {
            while more && next.is_empty() {
                let all = COMMIT_MESSAGES_MAX;
                more = self.gather(&mut deliveries, &mut next, all).await;
            }
            if next.is_empty() {
                return Ok(());
            }
            let mut finishing = pin!(self.finish(std::mem::take(&mut next)));
            loop {
                tokio::select! {
                    biased;
                    done = &mut finishing => break done?,
                    got = self.gather(&mut deliveries, &mut next, TURN_MESSAGES_MAX), if more && next.has_room() => {
                        more = got;
                    }
                }
            }
        }
    }

    /// Waits for a message and takes it into a commit, with what waits behind it, up to `turn` messages; `false` when
    /// none will come any more. Nothing is lost when it is dropped.
    async fn gather(
        &self,
        deliveries: &mut mpsc::Receiver<Delivery>,
        commit: &mut Commit,
        turn: usize,
    ) -> bool {
        let Some(first) = deliveries.recv().await else {
            return false;
        };
        self.take(first, commit);
        for _ in 1..turn {
            if !commit.has_room() {
                break;
            }
            match deliveries.try_recv() {
                Ok(delivery) => self.take(delivery, commit),
                Err(_) => break,
            }
        }
        true
    }

    fn take(&self, Delivery { message, answer }: Delivery, commit: &mut Commit) {
        let link = message.link.clone();
        match self.decode(message, (self.clock)()) {
            Decoded::Submission(submission) => {
                commit.readings += match &submission.content {
                    Content::Readings(readings) | Content::Partly(readings, _) => readings.len(),
                    Content::NoZone(_) | Content::Unusable(..) => 1,
                };
                commit.notes.extend(heard(&link, &submission));
                commit.submissions.push(submission);
                commit.waiting.push(answer);
            }
            Decoded::Status(source, online) => {
                commit.notes.push(Note::Said(source, online));
                commit.waiting.push(answer);
            }
            Decoded::Verdict(verdict) => drop(answer.send(verdict)),
        }
    }

    /// Makes a commit durable and answers its senders.
    async fn finish(&self, commit: Commit) -> Result<(), StoreError> {
        if !commit.submissions.is_empty() {
            let begun = std::time::Instant::now();
            let admit = || self.ingest.admit(&commit.submissions, (self.clock)());
            self.patience.until_kept(admit).await?;
            let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.ingest.counters().latency.note(took);
        }
        if self.watch.note(commit.notes, (self.clock)()) {
            self.patience.until_kept(|| self.watch.keep()).await?;
        }
        for answer in commit.waiting {
            // A sender that hung up meanwhile will send again; its answer is of no use to anybody.
            drop(answer.send(Verdict::Durable));
        }
        Ok(())
    }

    /// Keeps a message for whoever looks at what a source sends.
    fn show(&self, message: &Message, read: &Read, now: Instant) {
        let source = match read {
            Read::Astray => return,
            Read::Status(source, _) | Read::Message(source, _) => source,
        };
        self.recent.note(source, now, || Came {
            at: now,
            link: message.link.name(),
            origin: message.origin.clone(),
            topic: message.topic.clone(),
            bytes: message.payload[..message.payload.len().min(BYTES_MAX)].to_vec(),
            size_bytes: message.payload.len(),
            said: self.frames.said(source, &message.payload),
            outcome: match read {
                Read::Message(_, Content::Readings(all)) => Outcome::Read(all.len()),
                Read::Message(_, Content::Partly(all, left)) => {
                    Outcome::Partly(all.len(), left.clone())
                }
                Read::Message(_, Content::NoZone(why) | Content::Unusable(_, why)) => {
                    Outcome::Unusable(why.clone())
                }
                Read::Status(..) | Read::Astray => Outcome::Life,
            },
        });
    }

    fn decode(&self, message: Message, now: Instant) -> Decoded {
        let read = self.ingest.read(&message.topic, &message.payload, now);
        self.show(&message, &read, now);
        let Message {
            origin,
            link,
            topic,
            payload,
            told,
        } = message;
        let (source, content) = match read {
            Read::Astray if told => return Decoded::Verdict(Verdict::Refused(Refusal::Topic)),
            Read::Astray => (stray(), Content::Unusable("topic", NO_TOPIC.to_owned())),
            Read::Status(source, online) if self.watch.takes(&source) => {
                return Decoded::Status(source, online);
            }
            Read::Status(source, _) => {
                let kept =
                    format!("those of {STRANGERS_MAX} unregistered sources are kept already");
                (
                    source,
                    Content::Unusable("strangers", format!("a status, and {kept}")),
                )
            }
            Read::Message(source, content) => (source, content),
        };
        Decoded::Submission(Submission {
            origin,
            topic,
            payload,
            source,
            content,
            retained: link.retained(),
        })
    }
}

/// Whose messages on topics that take no readings are said to be.
fn stray() -> Source {
    Source {
        kind: SourceKind::Station,
        id: SourceId::new(NOBODY).expect("a sound code"),
    }
}

/// What a message of readings tells of its sender.
fn heard(link: &Link, submission: &Submission) -> Option<Note> {
    let (Content::Readings(readings) | Content::Partly(readings, _)) = &submission.content else {
        return None;
    };
    // One stamp that is ahead of our clock does not hide those that are not.
    let sound = readings.iter().filter(|one| one.reading.qc != Qc::Clock);
    let newest = sound.max_by_key(|one| one.reading.time);
    let newest = newest.or_else(|| readings.iter().min_by_key(|one| one.reading.time))?;
    Some(Note::Heard(Heard {
        source: submission.source.clone(),
        link: link.name(),
        newest: newest.reading.time,
        interval_s: newest.key.interval_s,
        retained: link.retained(),
    }))
}

enum Decoded {
    Submission(Submission),
    Status(Source, bool),
    Verdict(Verdict),
}

/// Reads messages by their topics, with the zone registered for their source; those on other topics by mapping files.
pub fn reader(topics: Topics, decoder: Decoder, maps: Maps) -> Reader {
    Box::new(move |topic, payload, senders, now| {
        let Some(target) = topics.target(topic) else {
            let zone_of = |source: &Source| senders.zone(source);
            let limit = decoder.payload_bytes_max();
            return match maps.read((topic, payload), limit, zone_of, now, decoder.rules()) {
                None => Read::Astray,
                Some(Mapped::Readings(source, readings, None)) => {
                    Read::Message(source, Content::Readings(readings))
                }
                Some(Mapped::Readings(source, readings, Some(left))) => {
                    Read::Message(source, Content::Partly(readings, left))
                }
                Some(Mapped::Unusable(source, why)) => {
                    let source = source.unwrap_or_else(stray);
                    Read::Message(source, Content::Unusable("mapping", why))
                }
            };
        };
        let source = target.sender();
        let registered = Registered {
            zone: senders.zone(&source),
            interval_s: senders.interval_s(&source),
        };
        match decoder.decode(&target, payload, registered, now) {
            Ok(decoded) => match (decoded.status, decoded.left) {
                (Some(status), _) => Read::Status(source, status == Status::Online),
                (None, None) => Read::Message(source, Content::Readings(decoded.readings)),
                (None, Some(left)) => {
                    Read::Message(source, Content::Partly(decoded.readings, left))
                }
            },
            Err(fault @ PayloadFault::NoZone { .. }) => {
                Read::Message(source, Content::NoZone(fault.to_string()))
            }
            Err(fault) => Read::Message(source, Content::Unusable(fault.word(), fault.to_string())),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::inbound::Inlet;
    use crate::adapters::payload::hj212::Reading;
    use crate::adapters::store::Stores;
    use crate::app::seeds;
    use crate::flow::directory::Directory;
    use crate::flow::ingest::Stage;
    use crate::flow::patience::RETRY_PAUSE;
    use crate::flow::watch::WatchSettings;
    use crate::ports::LetterQuery;
    use tokio::sync::watch;

    async fn pump(stores: &Stores) -> Pump {
        let registry = seeds::registry("jiangyin").expect("a sound seed");
        let registered = stores.registrar.register(registry).await;
        registered.expect("room in memory");
        let directory = Directory::open(Arc::clone(&stores.registrar)).await;
        let directory = Arc::new(directory.expect("the registry"));
        let stage = Stage {
            series: Arc::clone(&stores.series),
            letters: Arc::clone(&stores.letters),
            directory: Arc::clone(&directory),
            touch: Box::new(|_| {}),
            reader: reader(Topics::default(), Decoder::default(), Maps::default()),
        };
        let ingest = Ingest::open(stage).await.expect("an empty store");
        let (attendance, begun) = (Arc::clone(&stores.attendance), Instant::from_unix(0));
        let frames = Frames::new(Reading::default(), Arc::clone(&directory));
        let watch = Watch::open(attendance, directory, WatchSettings::default(), &[], begun);
        Pump {
            recent: Arc::default(),
            frames,
            patience: Patience {
                health: Arc::default(),
                part: "store",
                meanwhile: "acknowledgements withheld",
                stop: watch::channel(false).1,
                pause: RETRY_PAUSE,
            },
            ingest: Arc::new(ingest),
            watch: Arc::new(watch.await.expect("an empty store")),
            clock: || Instant::from_unix(1_600_000_000),
        }
    }

    /// Where one message ends: its verdict, the series stored, the reasons of dead letters.
    async fn check(
        topic: &str,
        payload: &'static str,
        verdict: Verdict,
        kept: usize,
        dead: &[&str],
    ) {
        check_from("test", topic, payload, verdict, kept, dead).await;
    }

    /// As [`check`], from a sender that cannot be told why a message is refused when it is `mqtt:3.1.1`.
    async fn check_from(
        origin: &str,
        topic: &str,
        payload: &'static str,
        verdict: Verdict,
        kept: usize,
        dead: &[&str],
    ) {
        let stores = Stores::memory();
        let pump = pump(&stores).await;
        let (inlet, deliveries) = Inlet::new(4);
        let message = Message {
            origin: origin.to_owned(),
            link: Link::Embedded,
            topic: topic.to_owned(),
            payload: bytes::Bytes::from_static(payload.as_bytes()),
            told: origin != "mqtt:3.1.1",
        };
        let answer = inlet.submit(message).await;
        drop(inlet);
        pump.run(deliveries).await.expect("memory does not fail");
        assert_eq!(answer.await, Ok(verdict), "{topic}");
        let keys = stores.series.keys().await.expect("keys");
        assert_eq!(keys.len(), kept, "{topic}");
        let all = LetterQuery {
            limit: 10,
            ..LetterQuery::default()
        };
        let letters = stores.letters.letters(all).await.expect("letters");
        let reasons: Vec<_> = letters.iter().map(|kept| kept.reason()).collect();
        assert_eq!(reasons, dead, "{topic}");
    }

    #[tokio::test]
    async fn a_message_ends_as_readings_a_dead_letter_or_a_refusal() {
        const ONE: &str =
            r#"{"time":"2020-01-01T13:00:00+08:00","interval_s":3600,"values":{"pm25":1}}"#;
        const NO_OFFSET: &str = r#"{"time":"2020-01-01T13:00:00","values":{"pm25":1}}"#;
        use Verdict::Durable;
        let refused = Verdict::Refused(Refusal::Topic);
        let no_zone =
            r#"time "2020-01-01T13:00:00" has no offset and the source has no registered zone"#;
        check("skytier/v1/stations/1999A/readings", ONE, Durable, 1, &[]).await;
        check(
            "skytier/v1/stations/1999A/readings",
            NO_OFFSET,
            Durable,
            0,
            &[no_zone],
        )
        .await;
        check(
            "skytier/v1/stations/1999A/status",
            "online",
            Durable,
            0,
            &[],
        )
        .await;
        check("skytier/v1/outlets/1999A/readings", ONE, refused, 0, &[]).await;
        // Whoever cannot be told would send it again for ever.
        for topic in ["skytier/v1/outlets/1999A/readings", "elsewhere"] {
            check_from("mqtt:3.1.1", topic, ONE, Durable, 0, &[NO_TOPIC]).await;
        }
        let stranger = r#"station "9999A" is not registered"#;
        check(
            "skytier/v1/stations/9999A/readings",
            ONE,
            Durable,
            0,
            &[stranger],
        )
        .await;
        // A logger is no station, even under a station's identifier.
        let logger = r#"logger "1999A" is not registered"#;
        check(
            "skytier/v1/loggers/1999A/readings",
            ONE,
            Durable,
            0,
            &[logger],
        )
        .await;
    }
}
