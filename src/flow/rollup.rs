//! Hours and days of every station, derived from the readings and kept up as readings come.
//!
//! Nothing derived is stored: days are computed from the readings at start and, for a day that a new or
//! corrected reading touches, again. Computing a day twice gives the same day, so the order of arrival does
//! not matter.

mod gather;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fmt;
use std::iter::Peekable;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::ops::DerefMut;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::Datelike;
use chrono::NaiveDate;
use tokio::sync::Notify;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::domain::calendar::HOURS_PER_DAY;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::calendar::Zone;
use crate::domain::means::Hours;
use crate::domain::means::Offer;
use crate::domain::means::StationDay;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::SeriesKey;
use crate::domain::standards::Editions;
use crate::domain::strip::Strip;
use crate::flow::kept_months::KeptMonths;
use crate::flow::rollup::gather::Column;
use crate::flow::rollup::gather::Gather;
use crate::ports::Range;
use crate::ports::Series;
use crate::ports::StoreError;

/// Pause before days are computed again when the store could not be read.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Sources scanned in one go.
const SOURCES_AT_ONCE: usize = 8;
/// Scans under way at once, at most; never more than the machine has cores.
const WORKERS_MAX: usize = 8;
/// Seconds of an hourly report.
pub const HOURLY_S: u32 = 3_600;

/// Days of one station, by date.
pub type Days = BTreeMap<NaiveDate, Arc<StationDay>>;

/// Days of many stations. Each station's are shared, so that replacing one station's leaves the others alone. What areas made of
/// them is kept beside them, as long as they are the same.
#[derive(Clone, Default)]
pub struct StationDays {
    stations: HashMap<SourceId, Arc<Days>>,
    kept: KeptMonths,
}

impl StationDays {
    /// Of no station.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same days, and nothing that was made of them.
    pub(super) fn apart(of: &Self) -> Self {
        Self {
            stations: of.stations.clone(),
            kept: KeptMonths::default(),
        }
    }

    /// Months that areas made of these days.
    pub(super) fn kept(&self) -> &KeptMonths {
        &self.kept
    }

    /// Puts a station's days in the place of those of a span.
    fn replace(&mut self, source: SourceId, span: Span, days: Days) {
        let known = self.stations.contains_key(&source);
        let own = Arc::make_mut(self.stations.entry(source.clone()).or_default());
        for day in span.days() {
            own.remove(&day);
        }
        own.extend(days);
        // A source without any value is no station there are data of.
        let empty = own.is_empty();
        if empty {
            self.stations.remove(&source);
        }
        if known && !empty {
            self.kept.forget(span);
        } else {
            // A station more or less is one on every day of an area of all stations.
            self.kept.forget_all();
        }
    }
}

impl Deref for StationDays {
    type Target = HashMap<SourceId, Arc<Days>>;

    fn deref(&self) -> &Self::Target {
        &self.stations
    }
}

impl DerefMut for StationDays {
    /// Whatever is done to the stations, what was made of them may be another now.
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.kept.forget_all();
        &mut self.stations
    }
}

impl FromIterator<(SourceId, Arc<Days>)> for StationDays {
    fn from_iter<I: IntoIterator<Item = (SourceId, Arc<Days>)>>(stations: I) -> Self {
        Self {
            stations: stations.into_iter().collect(),
            kept: KeptMonths::default(),
        }
    }
}

impl IntoIterator for StationDays {
    type Item = (SourceId, Arc<Days>);
    type IntoIter = std::collections::hash_map::IntoIter<SourceId, Arc<Days>>;

    fn into_iter(self) -> Self::IntoIter {
        self.stations.into_iter()
    }
}

impl PartialEq for StationDays {
    fn eq(&self, other: &Self) -> bool {
        self.stations == other.stations
    }
}

impl Eq for StationDays {}

impl fmt::Debug for StationDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stations.fmt(f)
    }
}

/// How readings become days: zone, standards and store.
#[derive(Clone)]
pub struct Recipe {
    /// Where the readings are.
    pub series: Arc<dyn Series>,
    /// The zone whose days count.
    pub zone: Zone,
    /// The standards' minima.
    pub editions: Arc<Editions>,
}

/// One pollutant's hours, by day.
type HoursByDay = BTreeMap<NaiveDate, [Hours; 6]>;

/// What a source's days offer, by pollutant and in order of day.
type Offers = [Vec<(NaiveDate, Offer)>; 6];

/// Columns to scan, and what each of them is.
#[derive(Default)]
struct Plan {
    keys: Vec<SeriesKey>,
    columns: Vec<Column>,
}

impl Recipe {
    /// Hours of a station by day and pollutant; `span` `None` takes all there is.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn hours(
        &self,
        keys: &[SeriesKey],
        source: &SourceId,
        span: Option<Span>,
        known_at: Option<Instant>,
    ) -> Result<HoursByDay, StoreError> {
        let plan = self.plan(keys, std::slice::from_ref(source));
        let add = |all: &mut HoursByDay, _, pollutant: Pollutant, day, hours: &Hours| {
            let own = all.entry(day).or_insert([[None; HOURS_PER_DAY]; 6]);
            own[pollutant.index()] = *hours;
        };
        self.gather(plan, self.range(span, known_at), HoursByDay::new(), add)
            .await
    }

    /// Hours of one pollutant of several stations by day, in the order of the stations; all of them in one scan.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn hours_of(
        &self,
        keys: &[SeriesKey],
        sources: &[SourceId],
        pollutant: Pollutant,
        span: Span,
        known_at: Option<Instant>,
    ) -> Result<Vec<BTreeMap<NaiveDate, Hours>>, StoreError> {
        let plan = self.plan_of(keys, sources, &[pollutant]);
        let add =
            |all: &mut Vec<BTreeMap<NaiveDate, Hours>>, source: usize, _, day, own: &Hours| {
                all[source].insert(day, *own);
            };
        let none = vec![BTreeMap::new(); sources.len()];
        self.gather(plan, self.range(Some(span), known_at), none, add)
            .await
    }

    fn range(&self, span: Option<Span>, known_at: Option<Instant>) -> Range {
        let mut range = Range {
            known_at,
            ..Range::ALL
        };
        if let Some(span) = span {
            range.after = self.zone.day_start(span.from);
            range.upto = self.zone.day_end(span.to);
        }
        range
    }

    /// What to scan of some sources.
    fn plan(&self, keys: &[SeriesKey], sources: &[SourceId]) -> Plan {
        self.plan_of(keys, sources, &Pollutant::ALL)
    }

    fn plan_of(&self, keys: &[SeriesKey], sources: &[SourceId], of: &[Pollutant]) -> Plan {
        let mut plan = Plan::default();
        for (number, source) in sources.iter().enumerate() {
            for pollutant in of.iter().copied() {
                let own = self.columns(keys, source, pollutant);
                let alone = own.len() == 1;
                for key in own {
                    plan.keys.push(key.clone());
                    plan.columns.push(Column {
                        source: number,
                        pollutant,
                        interval_s: key.interval_s,
                        alone,
                    });
                }
            }
        }
        plan
    }

    /// Adds the hours of every day of the columns planned to `into`.
    async fn gather<T: Send + 'static>(
        &self,
        plan: Plan,
        range: Range,
        into: T,
        add: impl Fn(&mut T, usize, Pollutant, NaiveDate, &Hours) + Send + 'static,
    ) -> Result<T, StoreError> {
        let gather = Gather::new(self, plan.columns, into, add);
        let gather = Arc::new(Mutex::new(Some(gather)));
        let visited = Arc::clone(&gather);
        let visit = move |at: usize, strip: Strip<'_>| {
            let mut gather = visited.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(gather) = gather.as_mut() {
                gather.strip(at, strip);
            }
        };
        self.series.scan(&plan.keys, range, Box::new(visit)).await?;
        let gather = gather.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(gather.expect("only taken here").finish())
    }

    /// The columns that make a pollutant's hours, hourly reports first: they win over finer ones. `keys` are in
    /// their order.
    pub fn columns<'k>(
        &self,
        keys: &'k [SeriesKey],
        source: &SourceId,
        pollutant: Pollutant,
    ) -> Vec<&'k SeriesKey> {
        let of_hour = |key: &&SeriesKey| (1..=HOURLY_S).contains(&key.interval_s);
        let mean =
            |key: &&SeriesKey| key.stat.as_str() == "avg" && key.factor.as_str() == pollutant.key();
        let first = keys.partition_point(|key| key.source < *source);
        let own = keys[first..].iter().take_while(|key| key.source == *source);
        let mut columns: Vec<&SeriesKey> = own.filter(mean).filter(of_hour).collect();
        columns.sort_by_key(|key| std::cmp::Reverse(key.interval_s));
        columns
    }

    /// Days of a station; `span` `None` takes all there is.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn days(
        &self,
        keys: &[SeriesKey],
        source: &SourceId,
        span: Option<Span>,
        known_at: Option<Instant>,
    ) -> Result<Days, StoreError> {
        let sources = std::slice::from_ref(source);
        let plan = self.plan(keys, sources);
        let mut days = self.planned(plan, 1, self.range(span, known_at)).await?;
        Ok(days.pop().unwrap_or_default())
    }

    /// Days of the sources planned, one after the other.
    async fn planned(
        &self,
        plan: Plan,
        sources: usize,
        range: Range,
    ) -> Result<Vec<Days>, StoreError> {
        let editions = Arc::clone(&self.editions);
        let add = move |all: &mut Vec<Offers>,
                        source: usize,
                        pollutant: Pollutant,
                        day: NaiveDate,
                        hours: &Hours| {
            let window_hours_min = editions.on(day).validity.window_hours_min;
            let offer = Offer::of(pollutant, hours, window_hours_min);
            if !offer.is_empty() {
                all[source][pollutant.index()].push((day, offer));
            }
        };
        let none = vec![Offers::default(); sources];
        let found = self.gather(plan, range, none, add).await?;
        Ok(found.into_iter().map(joined).collect())
    }

    /// Days of every source there is, as known at a time.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn all_days(&self, known_at: Option<Instant>) -> Result<StationDays, StoreError> {
        let keys = self.series.keys().await?;
        let sources: BTreeSet<&SourceId> = keys.iter().map(|key| &key.source).collect();
        self.days_of(&keys, sources, None, known_at).await
    }

    /// Days of some sources, as known at a time; `span` `None` takes all there is.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn days_of(
        &self,
        keys: &[SeriesKey],
        sources: impl IntoIterator<Item = &SourceId>,
        span: Option<Span>,
        known_at: Option<Instant>,
    ) -> Result<StationDays, StoreError> {
        let range = self.range(span, known_at);
        let sources: Vec<SourceId> = sources.into_iter().cloned().collect();
        let workers = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut waiting = sources.chunks(SOURCES_AT_ONCE);
        let mut running = JoinSet::new();
        let mut all = StationDays::new();
        loop {
            while running.len() < workers.min(WORKERS_MAX)
                && let Some(chunk) = waiting.next()
            {
                let (recipe, plan, chunk) = (self.clone(), self.plan(keys, chunk), chunk.to_vec());
                running.spawn(async move {
                    let days = recipe.planned(plan, chunk.len(), range).await?;
                    Ok(chunk.into_iter().zip(days))
                });
            }
            let Some(done) = running.join_next().await else {
                return Ok(all);
            };
            let found = done.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()));
            for (source, days) in found? {
                if !days.is_empty() {
                    all.insert(source, Arc::new(days));
                }
            }
        }
    }
}

/// Days kept up to date while readings come in.
pub struct Rollup {
    recipe: Recipe,
    days: RwLock<Arc<StationDays>>,
    dirty: Mutex<BTreeSet<(SourceId, NaiveDate)>>,
    /// Days taken out of `dirty` whose new figures are not shown yet.
    in_hand: AtomicUsize,
    /// Held while days are computed: a slower one must not put older figures over newer ones.
    settling: tokio::sync::Mutex<()>,
    wake: Notify,
    /// How often the days shown were replaced.
    shown: watch::Sender<u64>,
    /// The same by the years of those days.
    changes: Mutex<BTreeMap<i32, u64>>,
}

impl Rollup {
    /// Computes every day from what is stored.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(recipe: Recipe) -> Result<Self, StoreError> {
        let days = RwLock::new(Arc::new(recipe.all_days(None).await?));
        Ok(Self {
            recipe,
            days,
            dirty: Mutex::default(),
            in_hand: AtomicUsize::new(0),
            settling: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            shown: watch::Sender::new(0),
            changes: Mutex::default(),
        })
    }

    /// How days are computed.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The days as of now.
    pub fn now(&self) -> Arc<StationDays> {
        Arc::clone(&self.days.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells whenever other days are shown than before, by a number that only grows.
    pub fn shown(&self) -> watch::Receiver<u64> {
        self.shown.subscribe()
    }

    /// How often days of each year were replaced since the start. Whoever keeps what it made of a year's days asks before
    /// it takes the days: what it keeps is then never older than what it is kept under.
    pub fn changes(&self) -> BTreeMap<i32, u64> {
        self.changes_by_year().clone()
    }

    fn changes_by_year(&self) -> MutexGuard<'_, BTreeMap<i32, u64>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the days that new or corrected readings touch; [`Self::run`] computes them again.
    pub fn touch(&self, touched: &[(SourceId, Instant)]) {
        if touched.is_empty() {
            return;
        }
        let day = |(source, time): &(SourceId, Instant)| {
            (source.clone(), self.recipe.zone.day_of_ending(*time))
        };
        self.waiting_days().extend(touched.iter().map(day));
        self.wake.notify_one();
    }

    /// Days whose figures do not show yet what was touched; 0 means that [`Self::now`] is up to date.
    pub fn waiting(&self) -> usize {
        let dirty = self.waiting_days();
        dirty.len() + self.in_hand.load(Ordering::Acquire)
    }

    /// Computes touched days again, for ever; what was touched meanwhile is taken together.
    ///
    /// # Errors
    /// Those of the store, which end it.
    pub async fn run(&self) -> Result<(), StoreError> {
        loop {
            self.wake.notified().await;
            while let Err(error) = self.settle().await {
                if !matches!(error, StoreError::Unavailable { .. }) {
                    return Err(error);
                }
                tracing::warn!(%error, "days wait to be computed again");
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
    }

    /// Computes every day that is waiting.
    ///
    /// # Errors
    /// Those of the store; the days then wait on.
    pub async fn settle(&self) -> Result<(), StoreError> {
        let _alone = self.settling.lock().await;
        let dirty = {
            let mut waiting = self.waiting_days();
            self.in_hand.store(waiting.len(), Ordering::Release);
            std::mem::take(&mut *waiting)
        };
        if dirty.is_empty() {
            return Ok(());
        }
        let computed = self.compute(&dirty).await;
        let kept = match computed {
            Ok(fresh) => {
                let spans = fresh.iter().map(|(_, span, _)| *span);
                let years = spans.flat_map(|span| span.from.year()..=span.to.year());
                let years: BTreeSet<i32> = years.collect();
                self.show(fresh);
                for year in years {
                    *self.changes_by_year().entry(year).or_default() += 1;
                }
                self.shown.send_modify(|times| *times += 1);
                Ok(())
            }
            Err(error) => {
                self.waiting_days().extend(dirty);
                Err(error)
            }
        };
        self.in_hand.store(0, Ordering::Release);
        kept
    }

    fn waiting_days(&self) -> MutexGuard<'_, BTreeSet<(SourceId, NaiveDate)>> {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts computed days in the place of those shown. A reader that holds the days shares all but the stations
    /// that change.
    fn show(&self, fresh: Vec<(SourceId, Span, Days)>) {
        let mut shared = self.days.write().unwrap_or_else(PoisonError::into_inner);
        let all = Arc::make_mut(&mut shared);
        for (source, span, days) in fresh {
            all.replace(source, span, days);
        }
    }
}

impl Rollup {
    async fn compute(
        &self,
        dirty: &BTreeSet<(SourceId, NaiveDate)>,
    ) -> Result<Vec<(SourceId, Span, Days)>, StoreError> {
        let keys = self.recipe.series.keys().await?;
        let mut fresh = Vec::new();
        let dirty: Vec<_> = dirty.iter().collect();
        for own in dirty.chunk_by(|a, b| a.0 == b.0) {
            let source = &own[0].0;
            for span in Span::runs(own.iter().map(|(_, day)| *day)) {
                let days = self.recipe.days(&keys, source, Some(span), None).await?;
                fresh.push((source.clone(), span, days));
            }
        }
        Ok(fresh)
    }
}

/// Days of what they offer by pollutant.
fn joined(offers: Offers) -> Days {
    let mut offers = offers.map(|own| own.into_iter().peekable());
    let mut days = Vec::new();
    loop {
        let next = offers.iter_mut().filter_map(Peekable::peek);
        let Some(day) = next.map(|(day, _)| *day).min() else {
            return days.into_iter().collect();
        };
        let mut own = StationDay::default();
        for (pollutant, offers) in Pollutant::ALL.into_iter().zip(&mut offers) {
            if let Some((_, offer)) = offers.next_if(|(of, _)| *of == day) {
                own.take(pollutant, offer);
            }
        }
        days.push((day, Arc::new(own)));
    }
}
