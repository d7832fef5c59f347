//! Days as reviewers left them, kept beside the raw ones without a second copy of all: only days that a
//! decision is about are computed a second time, and again when their raw day or a decision changes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::domain::calendar::HOURS_PER_DAY;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::means::StationDay;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;
use crate::domain::review::Decision;
use crate::domain::review::Decisions;
use crate::flow::reviewing::Overlay;
use crate::flow::rollup::Days;
use crate::flow::rollup::Recipe;
use crate::flow::rollup::StationDays;
use crate::ports::Range;
use crate::ports::Series;
use crate::ports::StoreError;

/// How many hourly values of a day there are, and how many of them a reviewer has looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Values a decision stands about.
    pub reviewed: u32,
    /// Values that are usable as received or were decided about.
    pub of: u32,
}

/// The days of each station that a decision is about.
pub type SeenDays = HashMap<SourceId, Arc<BTreeMap<NaiveDate, Seen>>>;

/// Days as decided, and what was looked at.
#[derive(Clone, Debug, Default)]
pub struct Reviewed {
    /// The days.
    pub days: Arc<StationDays>,
    /// Days not listed here are as received.
    pub seen: Arc<SeenDays>,
}

/// A day as it was when its reviewed side was computed.
#[derive(Clone)]
struct Sides {
    raw: Option<Arc<StationDay>>,
    reviewed: Option<Arc<StationDay>>,
    seen: Seen,
}

/// What is kept of one station.
struct Kept {
    raw: Arc<Days>,
    decisions: usize,
    sides: BTreeMap<NaiveDate, Sides>,
    days: Arc<Days>,
    seen: Arc<BTreeMap<NaiveDate, Seen>>,
}

/// The reviewed days as last computed.
#[derive(Default)]
pub struct ReviewedDays {
    kept: tokio::sync::Mutex<HashMap<SourceId, Kept>>,
}

impl ReviewedDays {
    /// The reviewed days beside the raw ones of `recipe`'s readings.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn beside(
        &self,
        recipe: &Recipe,
        raw: &Arc<StationDays>,
        decisions: &Arc<Decisions>,
    ) -> Result<Reviewed, StoreError> {
        let mut reviewed = Reviewed {
            days: Arc::clone(raw),
            ..Reviewed::default()
        };
        let own = by_source(decisions.all());
        if own.is_empty() {
            return Ok(reviewed);
        }
        let work = Work {
            keys: recipe.series.keys().await?,
            marked: over(recipe, decisions, false),
            decided: over(recipe, decisions, true),
        };
        let mut kept = self.kept.lock().await;
        let mut days = StationDays::apart(raw);
        let mut seen = SeenDays::new();
        for (source, own) in own {
            let before = kept.remove(source);
            let raw = raw.get(source).cloned().unwrap_or_default();
            let now = work.refresh(source, raw, &own, before).await?;
            if now.days.is_empty() {
                days.remove(source);
            } else {
                days.insert(source.clone(), Arc::clone(&now.days));
            }
            seen.insert(source.clone(), Arc::clone(&now.seen));
            kept.insert(source.clone(), now);
        }
        reviewed.days = Arc::new(days);
        reviewed.seen = Arc::new(seen);
        Ok(reviewed)
    }
}

/// What reviewers looked at, as known at a time, of the stations in `days`.
///
/// # Errors
/// Those of the store.
pub async fn seen_of(
    recipe: &Recipe,
    decisions: &Arc<Decisions>,
    known_at: Option<Instant>,
) -> Result<SeenDays, StoreError> {
    let known = |decision: &&Decision| known_at.is_none_or(|at| decision.decided_at <= at);
    let known: Vec<Decision> = decisions.all().iter().filter(known).cloned().collect();
    let marked = over(recipe, decisions, false);
    let keys = recipe.series.keys().await?;
    let mut all = SeenDays::new();
    for (source, own) in by_source(&known) {
        let mut seen = BTreeMap::new();
        for span in Span::runs(days_of(recipe, &own)) {
            seen.extend(seen_in(&marked, &keys, source, span, known_at).await?);
        }
        all.insert(source.clone(), Arc::new(seen));
    }
    Ok(all)
}

/// The recipe over readings with decisions laid over them.
pub fn over(recipe: &Recipe, decisions: &Arc<Decisions>, apply: bool) -> Recipe {
    let series = Overlay {
        series: Arc::clone(&recipe.series),
        decisions: Arc::clone(decisions),
        apply,
    };
    Recipe {
        series: Arc::new(series) as Arc<dyn Series>,
        ..recipe.clone()
    }
}

fn by_source(decisions: &[Decision]) -> BTreeMap<&SourceId, Vec<&Decision>> {
    let mut own: BTreeMap<&SourceId, Vec<&Decision>> = BTreeMap::new();
    for decision in decisions {
        own.entry(&decision.key.source).or_default().push(decision);
    }
    own
}

/// The days that decisions are about.
fn days_of(recipe: &Recipe, decisions: &[&Decision]) -> BTreeSet<NaiveDate> {
    let span = |decision: &&Decision| Span {
        from: recipe.zone.day_of_ending(decision.after.plus_s(1)),
        to: recipe.zone.day_of_ending(decision.upto),
    };
    decisions.iter().map(span).flat_map(Span::days).collect()
}

/// One refreshing of the reviewed days.
struct Work {
    keys: Vec<SeriesKey>,
    marked: Recipe,
    decided: Recipe,
}

impl Work {
    async fn refresh(
        &self,
        source: &SourceId,
        raw: Arc<Days>,
        own: &[&Decision],
        before: Option<Kept>,
    ) -> Result<Kept, StoreError> {
        let mut sides = BTreeMap::new();
        let mut fresh = 0;
        if let Some(before) = before {
            if Arc::ptr_eq(&before.raw, &raw) && before.decisions == own.len() {
                return Ok(before);
            }
            (sides, fresh) = (before.sides, before.decisions);
        }
        let mut dirty = days_of(&self.decided, &own[fresh..]);
        for (day, known) in &sides {
            let same = match (raw.get(day), &known.raw) {
                (Some(now), Some(then)) => Arc::ptr_eq(now, then),
                // A day without any usable value tells nothing of its readings.
                _ => false,
            };
            if !same {
                dirty.insert(*day);
            }
        }
        for span in Span::runs(dirty) {
            let days = self
                .decided
                .days(&self.keys, source, Some(span), None)
                .await?;
            let mut seen = seen_in(&self.marked, &self.keys, source, span, None).await?;
            for day in span.days() {
                let now = Sides {
                    raw: raw.get(&day).cloned(),
                    reviewed: days.get(&day).cloned(),
                    seen: seen.remove(&day).unwrap_or_default(),
                };
                sides.insert(day, now);
            }
        }
        let mut days = Days::clone(&raw);
        for (day, sides) in &sides {
            match &sides.reviewed {
                Some(reviewed) => drop(days.insert(*day, Arc::clone(reviewed))),
                None => drop(days.remove(day)),
            }
        }
        let seen = sides.iter().map(|(day, sides)| (*day, sides.seen));
        Ok(Kept {
            seen: Arc::new(seen.collect()),
            days: Arc::new(days),
            decisions: own.len(),
            raw,
            sides,
        })
    }
}

/// Counts the hourly values of a station's days that a reviewer has looked at.
async fn seen_in(
    marked: &Recipe,
    keys: &[SeriesKey],
    source: &SourceId,
    span: Span,
    known_at: Option<Instant>,
) -> Result<BTreeMap<NaiveDate, Seen>, StoreError> {
    let range = Range {
        after: marked.zone.day_start(span.from),
        upto: marked.zone.day_end(span.to),
        known_at,
        ..Range::ALL
    };
    let mut days: BTreeMap<NaiveDate, Seen> = BTreeMap::new();
    for pollutant in Pollutant::ALL {
        let mut hours: BTreeMap<NaiveDate, [[bool; 2]; HOURS_PER_DAY]> = BTreeMap::new();
        for key in marked.columns(keys, source, pollutant) {
            for reading in marked.series.column(key, range).await? {
                let day = marked.zone.day_of_ending(reading.time);
                let at = marked.zone.hour_of_ending(reading.time);
                let [reviewed, counts] = &mut hours.entry(day).or_default()[at];
                *reviewed |= reading.review == Review::Reviewed;
                *counts |= *reviewed || reading.usable().is_some();
            }
        }
        for (day, hours) in hours {
            let seen = days.entry(day).or_default();
            for [reviewed, counts] in hours {
                seen.reviewed += u32::from(reviewed);
                seen.of += u32::from(counts);
            }
        }
    }
    Ok(days)
}
