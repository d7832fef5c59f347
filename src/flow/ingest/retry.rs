//! Kept messages tried again: by themselves once their source is registered, or when somebody asks.
//!
//! A message is read again as of the time it came. Its readings count from now on, as nobody could know them
//! before. A value that came later than a dead letter stays: the letter's is older. Times of receipt are whole seconds
//! and the order within one is not kept, so a value of the letter's own second counts as later.

use std::collections::HashSet;

use crate::domain::calendar::Instant;
use crate::domain::names::Source;
use crate::domain::reading::Observation;
use crate::domain::reading::SeriesKey;
use crate::flow::ingest::Content;
use crate::flow::ingest::Ingest;
use crate::flow::ingest::Place;
use crate::flow::ingest::Read;
use crate::flow::ingest::place;
use crate::flow::ingest::retained::Ahead;
use crate::flow::ingest::retained::was_retained;
use crate::ports::Batch;
use crate::ports::DeadLetter;
use crate::ports::Kept;
use crate::ports::LetterQuery;
use crate::ports::LetterState;
use crate::ports::Range;
use crate::ports::Retried;
use crate::ports::StoreError;

/// Letters tried in one commit.
const CHUNK_LETTERS: usize = 256;
/// Pause before the store is tried again.
const RETRY_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// Which dead letters to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// All of them, or those of one source.
    All(Option<Source>),
    /// These, by number.
    Numbers(Vec<u64>),
}

/// What trying again did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Messages looked at.
    pub tried: u64,
    /// Of them, stored.
    pub admitted: u64,
    /// Of them, waiting for their source to be registered.
    pub quarantined: u64,
    /// Of them, still unusable.
    pub dead: u64,
    /// Numbers that are no dead letter: there is none, or it was admitted already.
    pub passed_over: Vec<u64>,
}

/// Values applied by a run, so that a later letter of the same run may replace an earlier one's.
type Applied = HashSet<(SeriesKey, Instant)>;

impl Ingest {
    /// Admits what is in quarantine and registered, for ever: at the start, and whenever the registry changes.
    ///
    /// # Errors
    /// Those of the store, which end it.
    pub async fn run(&self, clock: fn() -> Instant) -> Result<(), StoreError> {
        let mut changes = self.stage.directory.changes();
        loop {
            changes.borrow_and_update();
            match self.readmit(clock).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "messages admitted from quarantine"),
                Err(error @ (StoreError::Full { .. } | StoreError::Unavailable { .. })) => {
                    tracing::warn!(%error, "quarantine waits to be admitted");
                    tokio::time::sleep(RETRY_PAUSE).await;
                    continue;
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                changed = changes.changed() => changed.expect("the directory outlives its flows"),
                () = self.wake.notified() => {}
            }
        }
    }

    /// Admits what is in quarantine and registered; how many messages that were.
    ///
    /// # Errors
    /// Those of the store; what was admitted until then stays.
    pub async fn readmit(&self, clock: fn() -> Instant) -> Result<u64, StoreError> {
        let senders = self.stage.directory.senders();
        let mut sources: Vec<Source> = self.waiting.lock().await.all().cloned().collect();
        sources.retain(|source| senders.knows(source));
        sources.sort();
        let mut count = 0;
        for source in sources {
            let mut after = 0;
            loop {
                let kept = {
                    let mut waiting = self.waiting.lock().await;
                    let query = LetterQuery {
                        limit: CHUNK_LETTERS,
                        state: Some(LetterState::Quarantined),
                        source: Some(source.clone()),
                        after,
                    };
                    let kept = self.stage.letters.letters(query).await?;
                    let Some(last) = kept.last() else {
                        waiting.end(&source);
                        break;
                    };
                    after = last.id;
                    kept
                };
                count += self.again(kept, None, clock()).await?.tried;
            }
        }
        Ok(count)
    }

    /// Tries dead letters again, after admitting what is in quarantine.
    ///
    /// # Errors
    /// Those of the store; what was tried until then stays so.
    pub async fn retry(
        &self,
        choice: &Choice,
        clock: fn() -> Instant,
    ) -> Result<Tried, StoreError> {
        self.readmit(clock).await?;
        let mut tried = Tried::default();
        let mut applied = Applied::new();
        match choice {
            Choice::All(source) => {
                let mut query = LetterQuery {
                    limit: CHUNK_LETTERS,
                    state: Some(LetterState::Dead),
                    source: source.clone(),
                    after: 0,
                };
                loop {
                    let kept = self.stage.letters.letters(query.clone()).await?;
                    let Some(last) = kept.last() else { break };
                    query.after = last.id;
                    tried.add(self.again(kept, Some(&mut applied), clock()).await?);
                }
            }
            Choice::Numbers(numbers) => {
                let mut numbers = numbers.clone();
                numbers.sort_unstable();
                numbers.dedup();
                for number in numbers {
                    let query = LetterQuery {
                        after: number.saturating_sub(1),
                        limit: 1,
                        ..LetterQuery::default()
                    };
                    let mut kept = self.stage.letters.letters(query).await?;
                    kept.retain(|kept| kept.id == number && kept.state() == LetterState::Dead);
                    if kept.is_empty() {
                        tried.passed_over.push(number);
                        continue;
                    }
                    tried.add(self.again(kept, Some(&mut applied), clock()).await?);
                }
            }
        }
        Ok(tried)
    }

    /// Reads letters again and stores what came of it. With `applied`, values that came later are kept.
    async fn again(
        &self,
        kept: Vec<Kept>,
        mut applied: Option<&mut Applied>,
        now: Instant,
    ) -> Result<Tried, StoreError> {
        let mut tried = Tried::default();
        let mut waiting = self.waiting.lock().await;
        let senders = self.stage.directory.senders();
        let mut batch = Batch::new(now);
        let (mut ahead, mut left_out) = (Ahead::default(), 0);
        for Kept { id, letter, .. } in kept {
            let read =
                (self.stage.reader)(&letter.topic, &letter.payload, &senders, letter.received_at);
            // Sent under another mqtt.prefix; it waits for a program that has that one.
            if read == Read::Astray && applied.is_none() {
                continue;
            }
            let content = content(read, &letter.topic);
            // What is in quarantine is admitted in order, one chunk after the other.
            let nobody = HashSet::new();
            let behind = if applied.is_none() {
                &nobody
            } else {
                &waiting.ahead
            };
            let (state, reason) = match self.room(place(&senders, behind, &letter.source, &content))
            {
                Place::Keep(state, _, reason) => (state, reason),
                Place::Store(observations, left) => {
                    let held = (&mut batch, &mut ahead);
                    let (more, reason) = self
                        .put_again(held, &letter, observations, applied.as_deref_mut())
                        .await?;
                    left_out += more;
                    match left {
                        Some(left) => (LetterState::Dead, left.to_owned()),
                        None => (LetterState::Admitted, reason),
                    }
                }
            };
            if state == LetterState::Quarantined {
                waiting.ahead.insert(letter.source.clone());
            }
            tried.count(state);
            batch.retried.push(Retried {
                letter: id,
                at: now,
                state,
                reason,
            });
        }
        if !batch.retried.is_empty() {
            self.append(batch).await?;
            self.leave_out(left_out);
        }
        Ok(tried)
    }

    /// Puts those of a letter's values that still count into a batch; how many were left out because a broker had kept
    /// them, and in words what became of all.
    async fn put_again(
        &self,
        (batch, ahead): (&mut Batch, &mut Ahead),
        letter: &DeadLetter,
        observations: &[Observation],
        applied: Option<&mut Applied>,
    ) -> Result<(usize, String), StoreError> {
        let fresh = match applied {
            Some(applied) => {
                self.still_fresh(observations, letter.received_at, applied)
                    .await?
            }
            None => observations.to_vec(),
        };
        let retained = was_retained(&letter.origin);
        let left_out = self.put(batch, ahead, &fresh, retained).await?;
        let (given, admitted) = (observations.len(), fresh.len() - left_out);
        let why = if retained {
            "were there or came later"
        } else {
            "came later or in the same second"
        };
        let reason = match given - admitted {
            0 => format!("{given} values admitted"),
            older => format!("{admitted} values admitted, {older} left out as others {why}"),
        };
        Ok((left_out, reason))
    }

    /// Those of a letter's values beside which nothing was received after the letter or within its second.
    async fn still_fresh(
        &self,
        observations: &[Observation],
        received_at: Instant,
        applied: &mut Applied,
    ) -> Result<Vec<Observation>, StoreError> {
        let mut fresh = Vec::with_capacity(observations.len());
        for observation in observations {
            let identity = (observation.key.clone(), observation.reading.time);
            let range = Range {
                after: observation.reading.time.plus_s(-1),
                upto: observation.reading.time,
                known_at: None,
                limit: 1,
            };
            let then = Range {
                known_at: Some(received_at.plus_s(-1)),
                ..range
            };
            let series = &self.stage.series;
            let untouched = series.column(&observation.key, range).await?
                == series.column(&observation.key, then).await?;
            if untouched || applied.contains(&identity) {
                applied.insert(identity);
                fresh.push(observation.clone());
            }
        }
        Ok(fresh)
    }
}

impl Tried {
    fn count(&mut self, state: LetterState) {
        self.tried += 1;
        match state {
            LetterState::Admitted => self.admitted += 1,
            LetterState::Quarantined => self.quarantined += 1,
            LetterState::Dead => self.dead += 1,
        }
    }

    fn add(&mut self, other: Self) {
        self.tried += other.tried;
        self.admitted += other.admitted;
        self.quarantined += other.quarantined;
        self.dead += other.dead;
    }
}

/// What a letter says, read again.
fn content(read: Read, topic: &str) -> Content {
    match read {
        Read::Message(_, content) => content,
        Read::Status(..) => Content::Unusable("status", "a status, not readings".to_owned()),
        Read::Astray => Content::Unusable(
            "topic",
            format!("topic {topic:?} takes no readings under the present mqtt.prefix"),
        ),
    }
}
