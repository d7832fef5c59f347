//! Takes messages out of the inlet, decodes and admits them in batches, and answers each with its verdict.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::adapters::inbound::Delivery;
use crate::adapters::inbound::Refusal;
use crate::adapters::inbound::Verdict;
use crate::adapters::payload::Decoder;
use crate::adapters::payload::topic::Channel;
use crate::adapters::payload::topic::Topics;
use crate::domain::calendar::Instant;
use crate::flow::health::Health;
use crate::flow::ingest::Ingest;
use crate::flow::ingest::Submission;
use crate::ports::StoreError;

/// Messages taken into one commit at most.
const COMMIT_MESSAGES_MAX: usize = 4_096;
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
    /// The clock.
    pub clock: fn() -> Instant,
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
            let now = (self.clock)();
            let mut submissions = Vec::with_capacity(taken.len());
            let mut waiting = Vec::with_capacity(taken.len());
            for delivery in taken.drain(..) {
                match self.decode(&delivery, now) {
                    Decoded::Submission(submission) => {
                        submissions.push(*submission);
                        waiting.push(delivery.answer);
                    }
                    Decoded::Verdict(verdict) => drop(delivery.answer.send(verdict)),
                }
            }
            if !submissions.is_empty() {
                self.admit(submissions, now).await?;
            }
            // A sender that hung up meanwhile will send again; its answer is of no use to anybody.
            waiting
                .into_iter()
                .for_each(|answer| drop(answer.send(Verdict::Durable)));
        }
        Ok(())
    }

    async fn admit(&self, submissions: Vec<Submission>, now: Instant) -> Result<(), StoreError> {
        loop {
            match self.ingest.admit(submissions.clone(), now).await {
                Ok(()) => {
                    self.health.well(PART);
                    return Ok(());
                }
                Err(error @ (StoreError::Full { .. } | StoreError::Unavailable { .. })) => {
                    tracing::error!(%error, "acknowledgements withheld");
                    self.health.trouble(PART, error.to_string());
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
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
            payload: message.payload.to_vec(),
            decoded: match decoded {
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
