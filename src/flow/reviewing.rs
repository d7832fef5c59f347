//! Decisions of reviewers: entered durably, and laid over the readings when those are read.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;

use crate::domain::calendar::Instant;
use crate::domain::deletion::Deletion;
use crate::domain::reading::Reading;
use crate::domain::reading::Replaced;
use crate::domain::reading::SeriesKey;
use crate::domain::review::Decision;
use crate::domain::review::Decisions;
use crate::domain::review::Verdict;
use crate::domain::review::over;
use crate::domain::strip::Numbers;
use crate::domain::strip::Strip;
use crate::ports::Answer;
use crate::ports::Appended;
use crate::ports::Batch;
use crate::ports::Deleted;
use crate::ports::Range;
use crate::ports::ReplacedQuery;
use crate::ports::Reviews;
use crate::ports::Series;
use crate::ports::StoreError;
use crate::ports::Visit;

/// Longest range of one decision, in seconds: ten years.
const RANGE_MAX_S: i64 = 3_653 * 86_400;

/// Readings with what was decided laid over them, behind the port of the readings themselves.
pub struct Overlay {
    /// The readings as received.
    pub series: Arc<dyn Series>,
    /// What was decided.
    pub decisions: Arc<Decisions>,
    /// Whether values are as decided; otherwise they are as received and only marked.
    pub apply: bool,
}

impl Series for Overlay {
    fn append(&self, batch: Batch) -> Answer<'_, Appended> {
        self.series.append(batch)
    }

    fn delete(&self, order: Deletion) -> Answer<'_, Deleted> {
        self.series.delete(order)
    }

    fn deletions(&self) -> Answer<'_, Vec<Deletion>> {
        self.series.deletions()
    }

    fn keys(&self) -> Answer<'_, Vec<SeriesKey>> {
        self.series.keys()
    }

    fn column<'a>(&'a self, key: &'a SeriesKey, range: Range) -> Answer<'a, Vec<Reading>> {
        if self.decisions.of(key, range.known_at).next().is_none() {
            return self.series.column(key, range);
        }
        Box::pin(async move {
            let received = self.received(key, range).await?.into_iter();
            Ok(received.map(|(_, reading)| reading).collect())
        })
    }

    fn received<'a>(
        &'a self,
        key: &'a SeriesKey,
        range: Range,
    ) -> Answer<'a, Vec<(Instant, Reading)>> {
        Box::pin(async move {
            let readings = self.series.received(key, range).await?;
            let own: Vec<&Decision> = self.decisions.of(key, range.known_at).collect();
            Ok(over(readings, &own, self.apply))
        })
    }

    fn replaced(&self, query: ReplacedQuery) -> Answer<'_, Vec<Replaced>> {
        self.series.replaced(query)
    }

    fn scan<'a>(&'a self, keys: &'a [SeriesKey], range: Range, visit: Visit) -> Answer<'a, ()> {
        let decided =
            move |key: &SeriesKey| self.decisions.of(key, range.known_at).next().is_some();
        if !keys.iter().any(decided) {
            return self.series.scan(keys, range, visit);
        }
        Box::pin(async move {
            let visit = Arc::new(Mutex::new(visit));
            let mut first = 0;
            for run in keys.chunk_by(|a, b| decided(a) == decided(b)) {
                self.scan_run(run, decided(&run[0]), range, first, &visit)
                    .await?;
                first += run.len();
            }
            Ok(())
        })
    }
}

impl Overlay {
    /// Scans neighbouring columns, all of them decided about or none; the first is at a position of those asked for.
    async fn scan_run(
        &self,
        keys: &[SeriesKey],
        decided: bool,
        range: Range,
        first: usize,
        visit: &Arc<Mutex<Visit>>,
    ) -> Result<(), StoreError> {
        if decided {
            for (at, key) in (first..).zip(keys) {
                let numbers = Numbers::of(&self.column(key, range).await?);
                visit.lock().unwrap_or_else(PoisonError::into_inner)(at, numbers.strip());
            }
            return Ok(());
        }
        let visit = Arc::clone(visit);
        let shifted = move |at: usize, strip: Strip<'_>| {
            visit.lock().unwrap_or_else(PoisonError::into_inner)(first + at, strip);
        };
        self.series.scan(keys, range, Box::new(shifted)).await
    }
}

/// Why decisions were not entered; then none of them was.
#[derive(Debug, thiserror::Error)]
pub enum ReviewFault {
    /// Decisions that cannot stand, by their position in what was given.
    #[error("{} decisions cannot be entered", .0.len())]
    Refused(Vec<(usize, String)>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What entering did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entered {
    /// Decisions that are new.
    pub new: usize,
    /// Decisions that stood already.
    pub repeated: usize,
}

/// The decisions of one store.
pub struct Reviewing {
    reviews: Arc<dyn Reviews>,
    series: Arc<dyn Series>,
    current: RwLock<Arc<Decisions>>,
    /// Held while decisions are entered, so that each is checked against all before it.
    entering: tokio::sync::Mutex<()>,
}

impl Reviewing {
    /// Loads what was decided.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(
        reviews: Arc<dyn Reviews>,
        series: Arc<dyn Series>,
    ) -> Result<Self, StoreError> {
        let decisions = Decisions::new(reviews.decisions().await?);
        Ok(Self {
            reviews,
            series,
            current: RwLock::new(Arc::new(decisions)),
            entering: tokio::sync::Mutex::default(),
        })
    }

    /// What is decided as of now.
    pub fn now(&self) -> Arc<Decisions> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The readings as received, marked where a decision stands.
    pub fn marked(&self) -> Arc<dyn Series> {
        self.overlay(false)
    }

    /// The readings as decided.
    pub fn decided(&self) -> Arc<dyn Series> {
        self.overlay(true)
    }

    fn overlay(&self, apply: bool) -> Arc<dyn Series> {
        let decisions = self.now();
        if decisions.all().is_empty() {
            return Arc::clone(&self.series);
        }
        Arc::new(Overlay {
            series: Arc::clone(&self.series),
            decisions,
            apply,
        })
    }

    /// Enters decisions as one unit. One that stands already is passed over, so entering a file twice changes
    /// nothing.
    ///
    /// # Errors
    /// [`ReviewFault`]; then nothing was entered.
    pub async fn enter(&self, given: Vec<Decision>) -> Result<Entered, ReviewFault> {
        let _alone = self.entering.lock().await;
        let mut decisions = Decisions::clone(&self.now());
        let (mut fresh, mut faults) = (Vec::new(), Vec::new());
        for (index, decision) in given.iter().enumerate() {
            if let Some(fault) = self.fault(decision).await? {
                faults.push((index, fault));
            } else if !self.repeats(&decisions, decision, &given[index..]).await? {
                decisions.extend(vec![decision.clone()]);
                fresh.push(decision.clone());
            }
        }
        if !faults.is_empty() {
            return Err(ReviewFault::Refused(faults));
        }
        let entered = Entered {
            new: fresh.len(),
            repeated: given.len() - fresh.len(),
        };
        if !fresh.is_empty() {
            self.reviews.decide(fresh).await?;
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(decisions);
        }
        Ok(entered)
    }

    async fn fault(&self, decision: &Decision) -> Result<Option<String>, StoreError> {
        if decision.upto > decision.decided_at {
            return Ok(Some("its time lies in the future".to_owned()));
        }
        if decision.upto.unix() - decision.after.unix() > RANGE_MAX_S {
            return Ok(Some("covers more than ten years".to_owned()));
        }
        let range = Range {
            limit: 1,
            ..range_of(decision)
        };
        let stored = self.series.column(&decision.key, range).await?;
        let key = &decision.key;
        Ok(stored.is_empty().then(|| {
            format!(
                "no stored reading of {} {} {}, {} s, lies there",
                key.source, key.factor, key.stat, key.interval_s
            )
        }))
    }

    /// Whether this was decided before and nothing came between: no decision about any of these readings other
    /// than the `rest` of what is given now and, for a confirmation, no value.
    async fn repeats(
        &self,
        decisions: &Decisions,
        decision: &Decision,
        rest: &[Decision],
    ) -> Result<bool, StoreError> {
        let meets = |other: &&Decision| other.after < decision.upto && decision.after < other.upto;
        let mut newest_first = decisions.of(&decision.key, None).rev().filter(meets);
        let again = newest_first.find(|other| !rest[1..].iter().any(|later| same(later, other)));
        let Some(again) = again.filter(|again| same(again, decision)) else {
            return Ok(false);
        };
        if decision.verdict != Verdict::Confirm {
            return Ok(true);
        }
        let readings = self
            .series
            .received(&decision.key, range_of(decision))
            .await?;
        let stands = |(received_at, _): &(Instant, Reading)| *received_at <= again.decided_at;
        Ok(readings.iter().all(stands))
    }
}

/// Whether two decisions differ at most in when they were made.
fn same(one: &Decision, other: &Decision) -> bool {
    let at_once = Decision {
        decided_at: other.decided_at,
        ..one.clone()
    };
    at_once == *other
}

fn range_of(decision: &Decision) -> Range {
    Range {
        after: decision.after,
        upto: decision.upto,
        ..Range::ALL
    }
}
