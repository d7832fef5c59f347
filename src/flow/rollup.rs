//! Hours and days of every station, derived from the readings and kept up as readings come.
//!
//! Nothing derived is stored: days are computed from the readings at start and, for a day that a new or
//! corrected reading touches, again. Computing a day twice gives the same day, so the order of arrival does
//! not matter.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::NaiveDate;
use tokio::sync::Notify;

use crate::domain::calendar::HOURS_PER_DAY;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::calendar::Zone;
use crate::domain::means::HourMean;
use crate::domain::means::Hours;
use crate::domain::means::StationDay;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;
use crate::domain::standards::Editions;
use crate::domain::units::Amount;
use crate::ports::Range;
use crate::ports::Series;
use crate::ports::StoreError;

/// Pause before days are computed again when the store could not be read.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Seconds of an hourly report.
pub const HOURLY_S: u32 = 3_600;

/// Days of one station, by date.
pub type Days = BTreeMap<NaiveDate, Arc<StationDay>>;

/// Days of many stations. Each station's are shared, so that replacing one station's leaves the others alone.
pub type StationDays = HashMap<SourceId, Arc<Days>>;

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
        let mut range = Range {
            known_at,
            ..Range::ALL
        };
        if let Some(span) = span {
            range.after = self.zone.day_start(span.from);
            range.upto = self.zone.day_end(span.to);
        }
        let mut days = HoursByDay::new();
        for pollutant in Pollutant::ALL {
            for key in self.columns(keys, source, pollutant) {
                let readings = self.series.column(key, range).await?;
                self.fill(&mut days, pollutant, key.interval_s, &readings);
            }
        }
        Ok(days)
    }

    /// The columns that make a pollutant's hours, hourly reports first: they win over finer ones.
    pub fn columns<'k>(
        &self,
        keys: &'k [SeriesKey],
        source: &SourceId,
        pollutant: Pollutant,
    ) -> Vec<&'k SeriesKey> {
        let of_hour = |key: &&SeriesKey| (1..=HOURLY_S).contains(&key.interval_s);
        let mean =
            |key: &&SeriesKey| key.stat.as_str() == "avg" && key.factor.as_str() == pollutant.key();
        let own = keys.iter().filter(|key| key.source == *source);
        let mut columns: Vec<&SeriesKey> = own.filter(mean).filter(of_hour).collect();
        columns.sort_by_key(|key| std::cmp::Reverse(key.interval_s));
        columns
    }

    fn fill(
        &self,
        days: &mut HoursByDay,
        pollutant: Pollutant,
        interval_s: u32,
        readings: &[Reading],
    ) {
        let index = pollutant.index();
        let place = |time: Instant| {
            (
                self.zone.day_of_ending(time),
                self.zone.hour_of_ending(time),
            )
        };
        let same_hour = |a: &Reading, b: &Reading| place(a.time) == place(b.time);
        for hour in readings.chunk_by(same_hour) {
            let (day, at) = place(hour[0].time);
            let values: Vec<Amount> = hour.iter().filter_map(Reading::usable).collect();
            let mean = if interval_s == HOURLY_S {
                values.last().copied().map(HourMean::reported)
            } else {
                let minutes = self.editions.on(day).validity.hour_minutes_min;
                HourMean::of_parts(&values, interval_s, minutes)
            };
            let hours = days.entry(day).or_insert([[None; HOURS_PER_DAY]; 6]);
            hours[index][at] = hours[index][at].or(mean);
        }
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
        let hours = self.hours(keys, source, span, known_at).await?;
        let day = |(day, hours): (NaiveDate, [Hours; 6])| {
            let window_hours = self.editions.on(day).validity.window_hours_min;
            (day, Arc::new(StationDay::of_hours(&hours, window_hours)))
        };
        Ok(hours
            .into_iter()
            .map(day)
            .filter(|(_, day)| !day.is_empty())
            .collect())
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
        let mut all = StationDays::new();
        for source in sources {
            let days = self.days(keys, source, span, known_at).await?;
            if !days.is_empty() {
                all.insert(source.clone(), Arc::new(days));
            }
        }
        Ok(all)
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
                self.show(fresh);
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
            let own = Arc::make_mut(all.entry(source.clone()).or_default());
            for day in span.days() {
                own.remove(&day);
            }
            own.extend(days);
            // A source without any value is no station there are data of.
            if own.is_empty() {
                all.remove(&source);
            }
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
        for (source, span) in runs(dirty) {
            let days = self.recipe.days(&keys, &source, Some(span), None).await?;
            fresh.push((source, span, days));
        }
        Ok(fresh)
    }
}

/// Joins neighbouring days of a source into spans.
fn runs(dirty: &BTreeSet<(SourceId, NaiveDate)>) -> Vec<(SourceId, Span)> {
    let mut runs: Vec<(SourceId, Span)> = Vec::new();
    for (source, day) in dirty.iter().cloned() {
        match runs.last_mut() {
            Some((last, span)) if *last == source && span.to.succ_opt() == Some(day) => {
                span.to = day
            }
            _ => runs.push((source, Span { from: day, to: day })),
        }
    }
    runs
}
