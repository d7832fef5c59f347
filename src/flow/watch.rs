//! Who is there: beats of the daemon, its links, what stations say of themselves, and which of them fell silent.
//!
//! What happens is noted in memory at once and kept durably with the next beat, so that readings never wait for it;
//! only what a source says of itself is kept before it is acknowledged. A process that ends without a word leaves
//! spells behind that ended with their last beat.
//!
//! A station is silent when no current reading came for longer than its interval allows, counting the time in which it
//! could be heard: it is not held against a station that the daemon or its link was down. Of several links the one
//! counts that was open longest, and none that is not configured any more. A station whose readings were only ever
//! replayed or imported is not expected to go on.

mod line;
mod roll;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;

use crate::domain::calendar::Instant;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::domain::presence::BEAT_S_MAX;
use crate::domain::reading::SeriesKey;
use crate::domain::registry::senders::Senders;
use crate::flow::directory::Directory;
use crate::flow::watch::roll::Earlier;
use crate::flow::watch::roll::Roll;
use crate::ports::Attendance;
use crate::ports::StoreError;

/// Sources that are not registered of which the state is kept, at most.
pub const STRANGERS_MAX: usize = 10_000;
/// Allowance for a station of which no interval is known, in seconds.
const INTERVAL_S_UNKNOWN: u32 = 3_600;

/// Seconds a clock may stand before what was noted by it: it is set right now and then.
const CLOCK_BEHIND_S_MAX: i64 = 300;

/// What counts as silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchSettings {
    /// Seconds between two beats, at most [`BEAT_S_MAX`].
    pub heartbeat_s: u32,
    /// Intervals without a current reading that are still allowed.
    pub silent_after: u32,
    /// Seconds allowed beside.
    pub silent_grace_s: u32,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self {
            heartbeat_s: 10,
            silent_after: 2,
            silent_grace_s: 300,
        }
    }
}

impl WatchSettings {
    /// Seconds without a current reading before a station of this interval is silent.
    fn allowance_s(&self, interval_s: u32) -> i64 {
        i64::from(self.silent_after) * i64::from(interval_s) + i64::from(self.silent_grace_s)
    }
}

/// A message of readings that has become durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who sent it.
    pub source: Source,
    /// By which link.
    pub link: Arc<str>,
    /// Its newest stamp.
    pub newest: Instant,
    /// The interval it names; 0 for none.
    pub interval_s: u32,
    /// Whether a broker had kept it for whoever asks, rather than just got it.
    pub retained: bool,
}

/// What a message tells beside its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Readings.
    Heard(Heard),
    /// The source says that it is there, or gone.
    Said(Source, bool),
}

/// How a station stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// When its last current reading came.
    pub last_seen: Option<Instant>,
    /// What it last said of itself, and when: there, or gone.
    pub said: Option<(bool, Instant)>,
    /// Whether it is silent; `None` for one that was never heard live.
    pub silent: Option<bool>,
}

/// Keeps watch.
pub struct Watch {
    store: Arc<dyn Attendance>,
    directory: Arc<Directory>,
    settings: RwLock<WatchSettings>,
    roll: Mutex<Roll>,
    /// Held while what changed is written, so that nothing older is written over it.
    writing: tokio::sync::Mutex<()>,
    wake: Notify,
    retained_stale: AtomicU64,
    /// The last moment that was noted before this run.
    before: Option<Instant>,
}

impl Watch {
    /// Takes up what was kept, ends the spells of a daemon that left without a word, and begins this one's. `keys` tell
    /// in which intervals sources have reported.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(
        store: Arc<dyn Attendance>,
        directory: Arc<Directory>,
        settings: WatchSettings,
        keys: &[SeriesKey],
        now: Instant,
    ) -> Result<Self, StoreError> {
        assert!(
            (1..=BEAT_S_MAX).contains(&i64::from(settings.heartbeat_s)),
            "a beat comes within the longest pause"
        );
        let mut intervals: HashMap<SourceId, u32> = HashMap::new();
        for key in keys.iter().filter(|key| key.interval_s > 0) {
            let shortest = intervals.entry(key.source.clone()).or_insert(u32::MAX);
            *shortest = (*shortest).min(key.interval_s);
        }
        let ways = store.ways().await?;
        let nobody = || Source {
            kind: SourceKind::Station,
            id: SourceId::new("nobody").expect("a sound identifier"),
        };
        let source = ways.first().map_or_else(nobody, |way| way.source.clone());
        let spells = store.spells(&source).await?;
        let earlier = Earlier {
            open: store.open_spells().await?,
            spells,
            ways,
        };
        let spells = earlier.open.iter().chain(&earlier.spells);
        let heard = earlier.ways.iter().map(|way| way.last);
        let before = spells.map(|spell| spell.upto).chain(heard).max();
        let roll = Roll::begin(earlier, &intervals, &settings, now);
        let watch = Self {
            store,
            directory,
            settings: RwLock::new(settings),
            roll: Mutex::new(roll),
            writing: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            retained_stale: AtomicU64::new(0),
            before,
        };
        match watch.keep().await {
            // A full disk keeps nobody from reading; the first beat tries again.
            Ok(()) | Err(StoreError::Full { .. } | StoreError::Unavailable { .. }) => Ok(watch),
            Err(error) => Err(error),
        }
    }

    /// The last moment that was noted before this run, when a clock stands well before it: one of them is wrong.
    pub fn noted_ahead_of(&self, now: Instant) -> Option<Instant> {
        self.before
            .filter(|before| now.plus_s(CLOCK_BEHIND_S_MAX) < *before)
    }

    fn roll(&self) -> MutexGuard<'_, Roll> {
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is room for what the source says of itself: always for a registered one, else for as many as are
    /// registered and [`STRANGERS_MAX`] more.
    pub fn takes(&self, source: &Source) -> bool {
        let senders = self.directory.senders();
        senders.knows(source) || self.roll().may_say(source, senders.count() + STRANGERS_MAX)
    }

    /// A link is configured, and to open soon.
    pub fn expect(&self, name: &str, now: Instant) {
        self.roll().expect(name, now);
    }

    /// A link opened or closed.
    pub fn link(&self, name: &str, open: bool, now: Instant) {
        self.roll().link(name, open, now);
        self.wake.notify_one();
    }

    /// Takes notes of messages in the order they came, once each. Whether what sources said of themselves is among them,
    /// which [`Self::keep`] makes durable.
    pub fn note(&self, notes: Vec<Note>, now: Instant) -> bool {
        let mut said = false;
        if !notes.is_empty() {
            let senders = self.directory.senders();
            let mut roll = self.roll();
            for note in notes {
                match note {
                    Note::Heard(heard) => self.heard(&mut roll, &senders, heard, now),
                    Note::Said(source, online) => {
                        roll.said(&source, online, now);
                        said = true;
                    }
                }
            }
        }
        said
    }

    fn settings(&self) -> WatchSettings {
        let settings = self.settings.read();
        settings.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets how long a station may report nothing; judged so from the next beat on.
    pub fn allow(&self, silent_after: u32, silent_grace_s: u32) {
        let settings = self.settings.write();
        let mut settings = settings.unwrap_or_else(PoisonError::into_inner);
        (settings.silent_after, settings.silent_grace_s) = (silent_after, silent_grace_s);
    }

    fn heard(&self, roll: &mut Roll, senders: &Senders, heard: Heard, now: Instant) {
        if !roll.has(&heard.source) && !senders.knows(&heard.source) {
            return;
        }
        let declared = Some(heard.interval_s).filter(|interval_s| *interval_s > 0);
        let registered = senders.interval_s(&heard.source);
        let interval_s = registered.or(declared).unwrap_or(INTERVAL_S_UNKNOWN);
        let allowance_s = self.settings().allowance_s(interval_s);
        let current =
            heard.newest.plus_s(allowance_s) >= now && heard.newest <= now.plus_s(allowance_s);
        if current {
            roll.heard(&heard, now);
        } else if heard.retained {
            self.retained_stale.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Readings that brokers had kept longer than a station may be silent: they say nothing of now.
    pub fn retained_stale(&self) -> u64 {
        self.retained_stale.load(Ordering::Relaxed)
    }

    /// How a station stands.
    pub fn standing(&self, station: &SourceId) -> Standing {
        self.roll().standing(&Source {
            kind: SourceKind::Station,
            id: station.clone(),
        })
    }

    /// The stations that are silent, each with when it was last seen; in the order of their names.
    pub fn silent(&self) -> Vec<(SourceId, Instant)> {
        self.roll().silent()
    }

    /// Every station that was ever heard live, and whether it is silent; in the order of their names.
    pub fn watched(&self) -> Vec<(SourceId, bool)> {
        let registry = self.directory.now();
        let roll = self.roll();
        let standing = |id: &SourceId| {
            let station = Source {
                kind: SourceKind::Station,
                id: id.clone(),
            };
            Some((id.clone(), roll.standing(&station).silent?))
        };
        let stations = registry.stations.iter();
        let mut watched: Vec<_> = stations
            .filter_map(|station| standing(&station.id))
            .collect();
        watched.sort();
        watched
    }

    /// Beats, judges who is silent, and keeps what changed, until a failure that does not pass.
    ///
    /// # Errors
    /// Those of the store, save the ones that pass.
    pub async fn run(&self, clock: fn() -> Instant) -> Result<(), StoreError> {
        let pause = Duration::from_secs(u64::from(self.settings().heartbeat_s));
        let mut beats = tokio::time::interval(pause);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beats.tick() => self.beat(clock()),
                () = self.wake.notified() => {}
            }
            match self.keep().await {
                Ok(()) => {}
                Err(error @ (StoreError::Full { .. } | StoreError::Unavailable { .. })) => {
                    tracing::warn!(%error, "the beat waits to be kept");
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One beat: everything that is there is there still.
    pub fn beat(&self, now: Instant) {
        let registry = self.directory.now();
        let mut roll = self.roll();
        roll.beat(now);
        roll.judge(&registry, &self.settings(), now);
    }

    /// The daemon stops: every spell of its own ends now.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn close(&self, now: Instant) -> Result<(), StoreError> {
        self.roll().close(now);
        self.keep().await
    }

    /// Writes what changed since the last time.
    ///
    /// # Errors
    /// Those of the store; then it is written the next time.
    pub async fn keep(&self) -> Result<(), StoreError> {
        let _alone = self.writing.lock().await;
        let attended = self.roll().changes();
        if attended.spells.is_empty() && attended.ways.is_empty() {
            return Ok(());
        }
        let kept = self.store.attend(attended.clone()).await;
        if kept.is_err() {
            self.roll().put_back(attended);
        }
        kept
    }
}

#[cfg(test)]
mod tests;
