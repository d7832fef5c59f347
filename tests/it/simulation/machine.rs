//! The software under test: the embedded store, admission and the pump over it, days kept up. Only the clock and
//! the network are not the real ones, and between admission and store stands somebody who says that the disk is full.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use skytier::adapters::inbound::Inlet;
use skytier::adapters::inbound::Link;
use skytier::adapters::inbound::Message;
use skytier::adapters::inbound::Verdict;
use skytier::adapters::mapping::Maps;
use skytier::adapters::payload::Decoder;
use skytier::adapters::payload::hj212;
use skytier::adapters::payload::topic::Topics;
use skytier::adapters::store::Stores;
use skytier::adapters::store::embedded::Access;
use skytier::adapters::store::embedded::Embedded;
use skytier::adapters::store::embedded::tuning::Tuning;
use skytier::app::frames::Frames;
use skytier::app::pump::Pump;
use skytier::app::pump::reader;
use skytier::app::qc_rules;
use skytier::app::standards;
use skytier::domain::calendar::Instant;
use skytier::domain::calendar::Zone;
use skytier::domain::deletion::Deletion;
use skytier::domain::reading::Reading;
use skytier::domain::reading::Replaced;
use skytier::domain::reading::SeriesKey;
use skytier::flow::directory::Directory;
use skytier::flow::health::Health;
use skytier::flow::ingest::Ingest;
use skytier::flow::ingest::Stage;
use skytier::flow::patience::Patience;
use skytier::flow::rollup::Recipe;
use skytier::flow::rollup::Rollup;
use skytier::flow::watch::Watch;
use skytier::flow::watch::WatchSettings;
use skytier::ports::Answer;
use skytier::ports::Appended;
use skytier::ports::Batch;
use skytier::ports::Deleted;
use skytier::ports::Range;
use skytier::ports::ReplacedQuery;
use skytier::ports::Series;
use skytier::ports::StoreError;
use skytier::ports::Visit;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::simulation::disk::Fate;

/// Messages handed in at once at most.
pub(crate) const MESSAGES_MAX: usize = 512;
/// Blocks written in one step of merging.
const STEP_BLOCKS_MAX: usize = 16;

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
}

/// Sets the clock of this thread's machine.
pub(crate) fn set_clock(now: i64) {
    NOW.set(now);
}

/// What the machine's clock shows.
pub(crate) fn clock() -> Instant {
    Instant::from_unix(NOW.get())
}

/// A store that at times has no room, and at times lies.
pub(crate) struct Faulty {
    inner: Arc<dyn Series>,
    /// Appends that will be refused.
    full: AtomicU64,
    /// Appends that will be acknowledged and forgotten.
    forgets: AtomicU64,
}

/// Takes one off a count; whether there was one.
fn taken(count: &AtomicU64) -> bool {
    let less = |left: u64| left.checked_sub(1);
    count
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        .is_ok()
}

impl Series for Faulty {
    fn append(&self, batch: Batch) -> Answer<'_, Appended> {
        if taken(&self.full) {
            let place = "the simulated disk".to_owned();
            return Box::pin(std::future::ready(Err(StoreError::Full { place })));
        }
        if taken(&self.forgets) {
            return Box::pin(std::future::ready(Ok(Appended::default())));
        }
        self.inner.append(batch)
    }

    fn delete(&self, order: Deletion) -> Answer<'_, Deleted> {
        self.inner.delete(order)
    }

    fn deletions(&self) -> Answer<'_, Vec<Deletion>> {
        self.inner.deletions()
    }

    fn keys(&self) -> Answer<'_, Vec<SeriesKey>> {
        self.inner.keys()
    }

    fn column<'a>(&'a self, key: &'a SeriesKey, range: Range) -> Answer<'a, Vec<Reading>> {
        self.inner.column(key, range)
    }

    fn received<'a>(
        &'a self,
        key: &'a SeriesKey,
        range: Range,
    ) -> Answer<'a, Vec<(Instant, Reading)>> {
        self.inner.received(key, range)
    }

    fn replaced(&self, query: ReplacedQuery) -> Answer<'_, Vec<Replaced>> {
        self.inner.replaced(query)
    }

    fn scan<'a>(&'a self, keys: &'a [SeriesKey], range: Range, visit: Visit) -> Answer<'a, ()> {
        self.inner.scan(keys, range, visit)
    }
}

/// A running machine over one directory.
pub(crate) struct Machine {
    pub(crate) home: TempDir,
    pub(crate) stores: Stores,
    pub(crate) store: Arc<Embedded>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) rollup: Arc<Rollup>,
    faulty: Arc<Faulty>,
    inlet: Inlet,
    pump: JoinHandle<Result<(), StoreError>>,
    /// Kept: a switch that is gone says stop.
    _stop: watch::Sender<bool>,
}

fn tuning(fate: &Fate, path: &Path) -> Tuning {
    // Merging on request alone: a run must not depend on how quick this computer is.
    let mut tuning = Tuning::for_testing();
    tuning.commit_values_max = usize::MAX;
    tuning.idle_values_min = usize::MAX;
    tuning.busy_values_min = usize::MAX;
    tuning.waiting_s_max = i64::MAX;
    tuning.waiting_values_max = usize::MAX;
    tuning.step_blocks_max = STEP_BLOCKS_MAX;
    let (fate, path) = (fate.clone(), path.to_owned());
    tuning.watched(move |moment| fate.reach(moment, &path))
}

impl Machine {
    /// Starts it over what a directory holds.
    pub(crate) async fn start(home: TempDir, fate: &Fate) -> Self {
        let tuning = tuning(fate, home.path());
        let store = Embedded::open_tuned(home.path(), Access::Write, tuning);
        let store = Arc::new(store.expect("what a death left can be opened"));
        let series = Arc::clone(&store) as Arc<dyn Series>;
        let stores = Stores {
            series: Arc::clone(&series),
            letters: Arc::clone(&store) as _,
            registrar: Arc::clone(&store) as _,
            verify: Arc::clone(&store) as _,
            ..Stores::memory()
        };
        let faulty = Arc::new(Faulty {
            inner: series,
            full: AtomicU64::new(0),
            forgets: AtomicU64::new(0),
        });
        let recipe = Recipe {
            series: Arc::clone(&stores.series),
            zone: Zone::beijing(),
            editions: Arc::new(standards::editions().expect("sound editions")),
        };
        let rollup = Arc::new(Rollup::open(recipe).await.expect("days"));
        let directory = Directory::open(Arc::clone(&stores.registrar)).await;
        let directory = Arc::new(directory.expect("the registry"));
        let touched = Arc::clone(&rollup);
        let rules = qc_rules::rules().expect("sound rules");
        let stage = Stage {
            series: Arc::clone(&faulty) as _,
            letters: Arc::clone(&stores.letters),
            directory: Arc::clone(&directory),
            touch: Box::new(move |touch| touched.touch(touch)),
            reader: reader(
                Topics::default(),
                Decoder::new(1 << 18, rules),
                Maps::default(),
            ),
        };
        let ingest = Arc::new(Ingest::open(stage).await.expect("admission"));
        let (inlet, deliveries) = Inlet::new(MESSAGES_MAX);
        let (stop, stopped) = watch::channel(false);
        let (attendance, settings) = (Arc::clone(&stores.attendance), WatchSettings::default());
        let watching = Watch::open(attendance, Arc::clone(&directory), settings, &[], clock());
        let pump = Pump {
            ingest: Arc::clone(&ingest),
            recent: Arc::default(),
            frames: Frames::new(hj212::Reading::default(), Arc::clone(&directory)),
            watch: Arc::new(watching.await.expect("nothing kept yet")),
            patience: Patience {
                health: Arc::new(Health::default()),
                part: "store",
                meanwhile: "acknowledgements withheld",
                stop: stopped,
                pause: Duration::ZERO,
            },
            clock,
        };
        Self {
            home,
            stores,
            store,
            directory,
            ingest,
            rollup,
            faulty,
            inlet,
            pump: tokio::spawn(async move { pump.run(deliveries).await }),
            _stop: stop,
        }
    }

    /// Lets the next appends find no room.
    pub(crate) fn fill(&self, times: u64) {
        self.faulty.full.store(times, Ordering::Relaxed);
    }

    /// Lets the next append be acknowledged and forgotten.
    pub(crate) fn forget_one(&self) {
        self.faulty.forgets.store(1, Ordering::Relaxed);
    }

    /// Hands messages in, which become one commit; the verdicts, `None` for those that got none.
    pub(crate) async fn offer(&self, messages: Vec<(String, Vec<u8>)>) -> Vec<Option<Verdict>> {
        let submit = |(topic, payload)| {
            let message = Message {
                origin: "mqtt:simulation".to_owned(),
                link: Link::Embedded,
                topic,
                payload: Bytes::from(payload),
                told: true,
            };
            self.inlet.try_submit(message).expect("room for one commit")
        };
        let answers: Vec<oneshot::Receiver<Verdict>> = messages.into_iter().map(submit).collect();
        let mut verdicts = Vec::with_capacity(answers.len());
        for answer in answers {
            verdicts.push(answer.await.ok());
        }
        verdicts
    }

    /// Ends it, well or not; the directory it leaves.
    pub(crate) async fn end(self) -> TempDir {
        let Self {
            home, inlet, pump, ..
        } = self;
        drop(inlet);
        // A pump that failed has told its senders nothing, which is what they were checked for.
        drop(pump.await.expect("the pump does not panic"));
        home
    }
}
