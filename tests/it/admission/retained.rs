//! What a broker had kept for whoever asks: it fills what is absent and replaces nothing, however often it comes, in whatever
//! commit, before its source is registered and after.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use proptest::prelude::ProptestConfig;
use proptest::prelude::prop_assert_eq;
use proptest::proptest;
use skytier::adapters::mapping::Maps;
use skytier::adapters::payload::Decoder;
use skytier::adapters::payload::topic::Topics;
use skytier::adapters::store::Stores;
use skytier::app::pump::reader;
use skytier::app::seeds;
use skytier::domain::calendar::Instant;
use skytier::domain::deletion::Deletion;
use skytier::domain::names::SourceId;
use skytier::domain::reading::Reading;
use skytier::domain::reading::Replaced;
use skytier::domain::reading::SeriesKey;
use skytier::domain::registry::Registry;
use skytier::flow::directory::Directory;
use skytier::flow::ingest::Ingest;
use skytier::flow::ingest::Read;
use skytier::flow::ingest::Stage;
use skytier::flow::ingest::Submission;
use skytier::ports::Answer;
use skytier::ports::Appended;
use skytier::ports::Batch;
use skytier::ports::Deleted;
use skytier::ports::Range;
use skytier::ports::ReplacedQuery;
use skytier::ports::Series;
use skytier::ports::StoreError;
use skytier::ports::Visit;

use crate::support::station::hourly;
use crate::support::station::readings_topic;

const TIME: &str = "2020-07-27T13:00:00+08:00";

fn clock() -> Instant {
    Instant::from_unix(1_700_000_000)
}

/// A store that takes readings and, while it is away, shows none: as one does whose server is away.
struct Spooling {
    inner: Arc<dyn Series>,
    away: AtomicBool,
    /// Whether it was asked to remember nothing of before.
    forgets: AtomicBool,
}

impl Series for Spooling {
    fn append(&self, batch: Batch) -> Answer<'_, Appended> {
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
        if self.away.load(Ordering::Relaxed) {
            let away = StoreError::Unavailable {
                place: "http://127.0.0.1:8086".to_owned(),
                cause: "away".to_owned(),
            };
            return Box::pin(async { Err(away) });
        }
        if range.known_at.is_some() && self.forgets.load(Ordering::Relaxed) {
            let from = "2030-01-01T00:00:00+08:00".to_owned();
            return Box::pin(async { Err(StoreError::Forgotten { from }) });
        }
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

/// A store, the flow over it and when it is for both.
struct Desk {
    stores: Stores,
    series: Arc<Spooling>,
    flow: Ingest,
    now: Instant,
}

impl Desk {
    async fn new() -> Self {
        let stores = Stores::memory();
        let series = Arc::new(Spooling {
            inner: Arc::clone(&stores.series),
            away: AtomicBool::new(false),
            forgets: AtomicBool::new(false),
        });
        let flow = Self::flow(&stores, &series).await;
        let now = clock();
        Self {
            stores,
            series,
            flow,
            now,
        }
    }

    async fn flow(stores: &Stores, series: &Arc<Spooling>) -> Ingest {
        let directory = Directory::open(stores.registrar.clone()).await;
        let stage = Stage {
            series: Arc::clone(series) as Arc<dyn Series>,
            letters: stores.letters.clone(),
            directory: directory.expect("a registry").into(),
            touch: Box::new(|_| {}),
            reader: reader(Topics::default(), Decoder::default(), Maps::default()),
        };
        Ingest::open(stage).await.expect("an empty store")
    }

    async fn register(&mut self) {
        let mut registry = seeds::registry("jiangyin").expect("a sound seed");
        let mut station = registry.stations.remove(0);
        station.id = SourceId::new("a").expect("a code");
        let entries = Registry {
            stations: vec![station],
            ..Registry::default()
        };
        let done = self.stores.registrar.register(entries).await;
        done.expect("room in memory");
        // As a daemon that starts again would see it.
        self.flow = Self::flow(&self.stores, &self.series).await;
        self.readmit().await;
    }

    async fn readmit(&mut self) {
        self.flow.readmit(clock).await.expect("admitted");
    }

    fn message(&self, value: &str, retained: bool) -> Submission {
        let (topic, payload) = (readings_topic("a"), hourly(TIME, value));
        let Read::Message(source, content) = self.flow.read(&topic, payload.as_bytes(), self.now)
        else {
            panic!("a message of ours");
        };
        Submission {
            origin: "mqtt://broker".to_owned(),
            topic,
            payload: payload.into_bytes().into(),
            source,
            content,
            retained,
        }
    }

    async fn admit(&mut self, commit: &mut Vec<Submission>) {
        if commit.is_empty() {
            return;
        }
        self.flow.admit(commit, self.now).await.expect("kept");
        commit.clear();
        self.now = self.now.plus_s(10);
    }

    async fn take_out(&mut self) {
        let time = Instant::from_unix(1_595_826_000);
        let order = Deletion {
            source: SourceId::new("a").expect("a code"),
            factor: None,
            after: time.plus_s(-1),
            upto: time,
            reason: "bench test under this name".to_owned(),
            ordered_by: "Li Na".to_owned(),
            ordered_at: self.now,
        };
        let done = self.stores.series.delete(order).await;
        assert!(matches!(done, Ok(Deleted::Done { .. })), "{done:?}");
        self.now = self.now.plus_s(10);
    }

    /// What is stored, and how many values were left out.
    async fn stored(&self) -> (String, u64) {
        let mut values = Vec::new();
        for key in self.stores.series.keys().await.expect("keys") {
            let column = self.stores.series.column(&key, Range::ALL).await;
            let column = column.expect("a column").into_iter();
            values.extend(column.map(|reading| reading.value.expect("a value").to_string()));
        }
        let left_out = &self.flow.counters().left_out;
        (values.join(" "), left_out.load(Ordering::Relaxed))
    }
}

/// Runs a story: `7` comes live, `r7` had been kept by a broker, `|` ends a commit, `-` takes the reading out, `away` and
/// `back` are the store's server, `forget` is what was removed by age, `+` registers the station, which is otherwise registered from the start.
async fn told(story: &str) -> (String, u64) {
    let mut desk = Desk::new().await;
    if !story.contains('+') {
        desk.register().await;
    }
    let mut commit = Vec::new();
    for word in story.split(' ') {
        match word {
            "|" => desk.admit(&mut commit).await,
            "+" => desk.register().await,
            "-" => desk.take_out().await,
            "away" => desk.series.away.store(true, Ordering::Relaxed),
            "forget" => desk.series.forgets.store(true, Ordering::Relaxed),
            "back" => {
                desk.series.away.store(false, Ordering::Relaxed);
                desk.readmit().await;
            }
            value => {
                let live = value.trim_start_matches('r');
                commit.push(desk.message(live, live != value));
            }
        }
    }
    desk.admit(&mut commit).await;
    desk.stored().await
}

async fn check(story: &str, stored: &str, left_out: u64) {
    assert_eq!(told(story).await, (stored.to_owned(), left_out), "{story}");
}

#[tokio::test]
async fn what_a_broker_had_kept_fills_and_replaces_nothing() {
    check("7 | 9", "9", 0).await;
    check("r7", "7", 0).await;
    check("r7 | r7", "7", 0).await;
    check("r7 | 9", "9", 0).await;
    check("r7 9", "9", 0).await;
    check("7 | 9 | r7", "9", 1).await;
    check("7 9 r7", "9", 1).await;
    check("7 9 r9", "9", 0).await;
    check("7 | 9 r7 | r7 r9", "9", 2).await;
    // Two brokers that had kept different ones.
    check("r7 r9", "7", 1).await;
    check("r7 | r9", "7", 1).await;
    // What a person took out does not come back by a broker that never heard of it.
    check("7 | 9 | - r7", "", 1).await;
    check("7 | - r7", "", 0).await;
    check("7 | - 8", "8", 0).await;
    // Nor when what was taken out is remembered no more.
    check("7 | - forget r7", "", 1).await;
    check("7 | - forget 8 | r7", "8", 1).await;
}

#[tokio::test]
async fn it_is_remembered_of_messages_that_wait() {
    check("7 | 9 | r7 | +", "9", 1).await;
    check("9 | r7 | +", "9", 1).await;
    check("r7 | 9 | +", "9", 0).await;
    check("r7 | +", "7", 0).await;
    check("r7 | + | r8", "7", 1).await;
}

#[tokio::test]
async fn it_waits_for_a_store_that_cannot_be_read_and_what_comes_live_does_not() {
    check("7 | 9 | away r7 | back", "9", 1).await;
    check("away r7 | back", "7", 0).await;
    check("9 | away r7 | 8 | back", "8", 1).await;
    check("7 | away 9 |", "9", 0).await;
    // Live ones are stored while the others wait, those after them too.
    check("9 | away r7 | 8 |", "8", 0).await;
    check("9 | away r7 | 8 | r6 5 |", "5", 0).await;
    check("9 | away r7 | 8 | r6 5 | back", "5", 2).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_came_live_last_stands_whatever_was_kept(
        messages in proptest::collection::vec((0u8..4, proptest::bool::ANY, 0u8..3), 1..20),
        registered in 0usize..20,
    ) {
        let mut story = String::new();
        for (at, (value, kept, then)) in messages.iter().enumerate() {
            if at == registered.min(messages.len() - 1) {
                story.push_str("| + ");
            }
            let kept = if *kept { "r" } else { "" };
            let end = if *then == 0 { "| " } else { "" };
            story.push_str(&format!("{kept}{value} {end}"));
        }
        let live = messages.iter().rev().find(|(_, kept, _)| !kept);
        let expected = live.unwrap_or(&messages[0]).0.to_string();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (stored, _) = runtime.block_on(told(story.trim_end()));
        prop_assert_eq!(stored, expected, "{}", story);
    }
}
