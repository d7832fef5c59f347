//! Brings a copy of readings, of figures of hours and days and of tiers to an InfluxDB, or whatever takes its line
//! protocol, for dashboards.
//!
//! The store is the truth and the mirror follows. What is admitted is noted in memory and sent soon after; a mark in the
//! data directory says up to which receipt everything is there. After a start, or when more was noted than memory
//! should hold, everything received since the mark is sent again: a point sent twice is one point. Admission never
//! waits for any of this. Tiers follow the ledger by a mark of their own.

mod figures;
mod readings;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use chrono::NaiveDate;
use tokio::sync::Notify;

use crate::adapters::store::influxdb2::mirror::Lines;
use crate::adapters::store::influxdb2::mirror::Mirror;
use crate::domain::assessment::Publication;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::SourceId;
use crate::domain::registry::Group;
use crate::domain::standards::Editions;
use crate::flow::directory::Directory;
use crate::flow::rollup::Rollup;
use crate::flow::tiering::Tiering;
use crate::ports::Registrar;
use crate::ports::Series;
use crate::ports::StoreError;

/// Sources and times noted at most; beyond, everything since the mark is read again.
const NOTED_MAX: usize = 200_000;
/// Lines of one body.
const LINES_MAX: usize = 5_000;
/// Seconds before now whose receipts may not be noted yet: a commit takes time.
const MARGIN_S: i64 = 60;
/// Pause between two looks, and after a failure, when it doubles up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long the ledger and the calendar are left alone when no reading comes.
const IDLE: Duration = Duration::from_secs(5);
/// The mark's name, followed by which server it is.
const MARK: &str = "mirror";

/// What was admitted and is not sent yet.
#[derive(Default)]
struct Noted {
    values: BTreeSet<(SourceId, Instant)>,
    /// Whether there was more than could be noted.
    more: bool,
    /// Whether something is on its way, or has to wait.
    sending: bool,
    /// When all was there last.
    caught_up: Option<Instant>,
    /// Why it has to wait.
    trouble: Option<String>,
}

/// How the copy stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Seconds since everything was there; 0 when it is.
    pub seconds: u64,
    /// Sources and times noted and not sent yet.
    pub waiting: u64,
    /// Why they wait.
    pub trouble: Option<String>,
}

/// Where admission notes what it touches.
#[derive(Default)]
pub struct Feed {
    noted: Mutex<Noted>,
    wake: Notify,
}

impl Feed {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the copy stands at a moment.
    pub fn lag(&self, now: Instant) -> Lag {
        let mut noted = self.noted();
        let behind = noted.sending || noted.more || !noted.values.is_empty();
        if !behind || noted.caught_up.is_none() {
            noted.caught_up = Some(now);
        }
        let since = noted.caught_up.unwrap_or(now).unix();
        Lag {
            seconds: u64::try_from(now.unix() - since).unwrap_or_default(),
            waiting: noted.values.len() as u64,
            trouble: noted.trouble.clone(),
        }
    }

    /// Takes what was noted: the values, and whether there were more.
    fn take(&self) -> (BTreeSet<(SourceId, Instant)>, bool) {
        let mut noted = self.noted();
        noted.sending = true;
        let more = std::mem::take(&mut noted.more);
        (std::mem::take(&mut noted.values), more)
    }

    /// Says that all that was taken is there, begun at a moment.
    fn sent(&self, begun: Instant) {
        let mut noted = self.noted();
        noted.sending = false;
        noted.caught_up = Some(begun);
        noted.trouble = None;
    }

    /// Says that what was taken has to be read again.
    fn wait(&self, trouble: String) {
        let mut noted = self.noted();
        noted.more = true;
        noted.trouble = Some(trouble);
    }

    /// Notes new and corrected values.
    pub fn touch(&self, touched: &[(SourceId, Instant)]) {
        if touched.is_empty() {
            return;
        }
        let mut noted = self.noted();
        if noted.values.len() + touched.len() > NOTED_MAX {
            noted.values.clear();
            noted.more = true;
        } else if !noted.more {
            noted.values.extend(touched.iter().cloned());
        }
        drop(noted);
        self.wake.notify_one();
    }
}

/// What the mirror is made from.
pub struct Mirroring {
    /// Where the copy goes.
    pub mirror: Mirror,
    /// What was admitted.
    pub feed: Arc<Feed>,
    /// Readings.
    pub series: Arc<dyn Series>,
    /// Where the mark is kept.
    pub registrar: Arc<dyn Registrar>,
    /// Days.
    pub rollup: Arc<Rollup>,
    /// What is registered.
    pub directory: Arc<Directory>,
    /// Tiers.
    pub tiering: Arc<Tiering>,
    /// Standards.
    pub editions: Arc<Editions>,
    /// How figures are printed.
    pub publication: Publication,
    /// The zone whose days count.
    pub zone: Zone,
    /// The clock.
    pub clock: fn() -> Instant,
}

/// Days of which values were sent.
type Touched = BTreeMap<SourceId, BTreeSet<NaiveDate>>;

impl Mirroring {
    /// Follows the store for ever.
    pub async fn run(self) {
        self.feed.noted().more = true;
        let mut groups = None;
        loop {
            let mut pause = PAUSE;
            while let Err(error) = self.follow(&mut groups).await {
                tracing::warn!(%error, place = self.mirror.place(), "the mirror waits");
                // What was taken and not sent is received after the mark.
                self.feed.wait(error.to_string());
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
            // Nothing may have come; the calendar and the ledger go on all the same.
            drop(tokio::time::timeout(IDLE, self.feed.wake.notified()).await);
            // What comes in together goes out together.
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends what is noted, or everything since the mark, and the tiers. `groups` are those that figures were sent of.
    async fn follow(&self, groups: &mut Option<Vec<Group>>) -> Result<(), StoreError> {
        let begun = (self.clock)();
        let (values, more) = self.feed.take();
        let idle = values.is_empty() && !more;
        let mut touched = if more {
            let since = self.mark().await?;
            self.since(since).await?
        } else {
            self.values(values).await?
        };
        let registered = self.directory.now().groups.clone();
        let regrouped = groups.as_ref().is_some_and(|before| *before != registered);
        if regrouped {
            self.everything(&mut touched);
        }
        self.figures(touched).await?;
        *groups = Some(registered);
        self.tiers().await?;
        self.arrive().await?;
        if !idle {
            let name = self.mark_name();
            let upto = begun.plus_s(-MARGIN_S).unix().to_string();
            self.registrar.set_mark(&name, &upto).await?;
        }
        self.feed.sent(begun);
        Ok(())
    }

    fn mark_name(&self) -> String {
        format!("{MARK} {}", self.mirror.place())
    }

    async fn mark(&self) -> Result<Instant, StoreError> {
        let mark = self.registrar.mark(&self.mark_name()).await?;
        let since = mark.and_then(|mark| mark.parse().ok());
        Ok(Instant::from_unix(since.unwrap_or(i64::MIN)))
    }

    async fn send(&self, lines: &mut Lines) -> Result<(), StoreError> {
        let sent = self.mirror.write(lines).await;
        self.told(sent, lines)
    }

    /// Waits until all that was sent is there.
    async fn arrive(&self) -> Result<(), StoreError> {
        let mut lines = Lines::default();
        let arrived = self.mirror.arrive(&mut lines).await;
        self.told(arrived, &mut lines)
    }

    fn told(&self, sent: Result<(), String>, lines: &mut Lines) -> Result<(), StoreError> {
        for refused in lines.refused.drain(..) {
            tracing::error!(
                refused,
                place = self.mirror.place(),
                "the mirror never takes a line"
            );
        }
        sent.map_err(|cause| StoreError::Unavailable {
            place: self.mirror.place().to_owned(),
            cause,
        })
    }

    async fn full(&self, lines: &mut Lines) -> Result<(), StoreError> {
        if lines.len() < LINES_MAX {
            return Ok(());
        }
        self.send(lines).await
    }
}
