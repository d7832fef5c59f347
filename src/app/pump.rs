//! Takes messages out of the inlet, decodes and admits them in batches, and answers each with its verdict.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::sync::watch;

use crate::adapters::inbound::Delivery;
use crate::adapters::inbound::Refusal;
use crate::adapters::inbound::Verdict;
use crate::adapters::payload::Decoder;
use crate::adapters::payload::topic::Channel;
use crate::adapters::payload::topic::SourceKind;
use crate::adapters::payload::topic::Topics;
use crate::domain::calendar::Instant;
use crate::flow::health::Health;
use crate::flow::ingest::Ingest;
use crate::flow::ingest::Submission;
use crate::ports::StoreError;

/// Messages taken into one commit at most.
const COMMIT_MESSAGES_MAX: usize = 1_024;
/// A commit that holds this many readings takes no further message.
const COMMIT_READINGS_MAX: usize = 20_000;
/// Pause before a commit that found no room is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// The part of the daemon this is, for its health.
const PART: &str = "store";

/// Everything the pump works with.
pub struct Pump {
    /// Where decoded messages go.
    pub ingest: Arc<Ingest>,
    /// Which topics take readings.
    pub topics: Topics,
    /// Reads payloads.
    pub decoder: Decoder,
    /// Told while the store takes nothing.
    pub health: Arc<Health>,
    /// Says stop, so that a full disk does not keep the daemon from ending.
    pub stop: watch::Receiver<bool>,
    /// The clock.
    pub clock: fn() -> Instant,
}

/// Messages that become durable together.
#[derive(Default)]
struct Commit {
    submissions: Vec<Submission>,
    waiting: Vec<oneshot::Sender<Verdict>>,
    readings: usize,
}

impl Pump {
    /// Runs until every sender is gone and the queue is empty. While the store has no room, messages wait
    /// unanswered, so that nobody acknowledges them.
    ///
    /// # Errors
    /// A store that must not be used further; what was not answered counts as refused.
    pub async fn run(&self, mut deliveries: mpsc::Receiver<Delivery>) -> Result<(), StoreError> {
        let mut taken = Vec::with_capacity(COMMIT_MESSAGES_MAX);
        while deliveries.recv_many(&mut taken, COMMIT_MESSAGES_MAX).await > 0 {
            let mut commit = Commit::default();
            for delivery in taken.drain(..) {
                let now = (self.clock)();
                match self.decode(&delivery, now) {
                    Decoded::Submission(submission) => {
                        commit.readings +=
                            submission.decoded.as_ref().map_or(1, |(_, own)| own.len());
                        commit.submissions.push(*submission);
                        commit.waiting.push(delivery.answer);
                    }
                    Decoded::Verdict(verdict) => drop(delivery.answer.send(verdict)),
                }
                if commit.readings >= COMMIT_READINGS_MAX {
                    self.finish(std::mem::take(&mut commit)).await?;
                }
            }
            self.finish(commit).await?;
        }
        Ok(())
    }

    /// Makes a commit durable and answers its senders.
    async fn finish(&self, commit: Commit) -> Result<(), StoreError> {
        if commit.submissions.is_empty() {
            return Ok(());
        }
        loop {
            match self
                .ingest
                .admit(commit.submissions.clone(), (self.clock)())
                .await
            {
                Ok(()) => break,
                Err(error @ (StoreError::Full { .. } | StoreError::Unavailable { .. })) => {
                    tracing::error!(%error, "acknowledgements withheld");
                    self.health.trouble(PART, error.to_string());
                    let mut stop = self.stop.clone();
                    tokio::select! {
                        () = tokio::time::sleep(RETRY_PAUSE) => {}
                        // Nothing of this was acknowledged, so nothing is lost by going.
                        _ = stop.wait_for(|stop| *stop) => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.health.well(PART);
        for answer in commit.waiting {
            // A sender that hung up meanwhile will send again; its answer is of no use to anybody.
            drop(answer.send(Verdict::Durable));
        }
        Ok(())
    }

    fn decode(&self, delivery: &Delivery, now: Instant) -> Decoded {
        let message = &delivery.message;
        let Some(target) = self.topics.target(&message.topic) else {
            return Decoded::Verdict(Verdict::Refused(Refusal::Topic));
        };
        let decoded = self.decoder.decode(&target, &message.payload, None, now);
        if target.channel == Channel::Status && decoded.is_ok() {
            tracing::info!(source.id = %target.source, state = ?message.payload, "source state");
            return Decoded::Verdict(Verdict::Durable);
        }
        Decoded::Submission(Box::new(Submission {
            origin: message.origin.clone(),
            topic: message.topic.clone(),
            payload: message.payload.clone(),
            decoded: match decoded {
                // Its number may be a station's identifier; it is nevertheless no station.
                Ok(_) if target.kind == SourceKind::Logger => Err(format!(
                    "logger {:?} is not registered",
                    target.source.as_str()
                )),
                Ok(decoded) => Ok((target.source, decoded.readings)),
                Err(fault) => Err(fault.to_string()),
            },
        }))
    }
}

enum Decoded {
    Submission(Box<Submission>),
    Verdict(Verdict),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::inbound::Inlet;
    use crate::adapters::inbound::Message;
    use crate::adapters::store::Stores;
    use crate::app::seeds;
    use crate::app::standards;
    use crate::domain::calendar::Zone;
    use crate::flow::directory::Directory;
    use crate::flow::rollup::Recipe;
    use crate::flow::rollup::Rollup;

    async fn pump(stores: &Stores) -> Pump {
        let registry = seeds::registry("jiangyin").expect("a sound seed");
        let registered = stores.registrar.register(registry).await;
        registered.expect("room in memory");
        let directory = Directory::open(Arc::clone(&stores.registrar)).await;
        let recipe = Recipe {
            series: Arc::clone(&stores.series),
            zone: Zone::beijing(),
            editions: Arc::new(standards::editions().expect("sound editions")),
        };
        let rollup = Rollup::open(recipe).await.expect("an empty store");
        let directory = Arc::new(directory.expect("the registry"));
        Pump {
            stop: watch::channel(false).1,
            ingest: Arc::new(Ingest::new(
                Arc::clone(&stores.series),
                directory,
                Arc::new(rollup),
            )),
            topics: Topics::default(),
            decoder: Decoder::default(),
            health: Arc::new(Health::default()),
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
        let stores = Stores::memory();
        let pump = pump(&stores).await;
        let (inlet, deliveries) = Inlet::new(4);
        let message = Message {
            origin: "test".to_owned(),
            topic: topic.to_owned(),
            payload: bytes::Bytes::from_static(payload.as_bytes()),
        };
        let answer = inlet.submit(message).await;
        drop(inlet);
        pump.run(deliveries).await.expect("memory does not fail");
        assert_eq!(answer.await, Ok(verdict), "{topic}");
        let keys = stores.series.keys().await.expect("keys");
        assert_eq!(keys.len(), kept, "{topic}");
        let letters = stores.series.dead_letters(0, 10).await.expect("letters");
        let reasons: Vec<_> = letters.iter().map(|(_, letter)| &*letter.reason).collect();
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
        let stranger = r#"source "9999A" is not registered"#;
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
