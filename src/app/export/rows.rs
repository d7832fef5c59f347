//! The rows of an export. Nothing is held longer than it takes: readings a chunk of each column at a time, days and
//! hours one area at a time.

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;

use chrono::NaiveDate;
use indicatif::ProgressBar;

use crate::adapters::export::Column;
use crate::adapters::export::Kind;
use crate::adapters::export::Sheet;
use crate::adapters::report::days::DAY_COLUMNS;
use crate::adapters::report::days::day_fields;
use crate::adapters::report::hours::HOUR_COLUMNS;
use crate::adapters::report::hours::hour_fields;
use crate::adapters::report::readings::READING_COLUMNS;
use crate::adapters::report::readings::reading_fields;
use crate::adapters::store::Stores;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::rulebooks;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::credit::tier::Rating;
use crate::domain::credit::uscc::Uscc;
use crate::domain::names::SourceId;
use crate::domain::reading::Reading;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;
use crate::domain::standards::Editions;
use crate::flow::area::Area;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::hours::HoursOf;
use crate::flow::reviewing::Reviewing;
use crate::flow::tiering::Tiering;
use crate::ports::Range;
use crate::ports::Series;

/// Readings of one column fetched at a time.
const CHUNK_READINGS: usize = 50_000;
/// The column that says which values hours and days rest on.
const REVIEW: &str = "review";
const TIER_COLUMNS: [&str; 13] = [
    "subject",
    "on",
    "rulebook",
    "rulebook_sha256",
    "score",
    "tier",
    "confidence",
    "official_tier",
    "official_as_of",
    "official_source",
    "next_change",
    "next_score",
    "next_tier",
];

/// What a column of this name holds.
fn kind(name: &str) -> Kind {
    match name {
        "time" => Kind::Time,
        "date" | "on" | "official_as_of" | "next_change" => Kind::Date,
        "interval_s" | "aqi" | "level" | "score" | "next_score" => Kind::Whole,
        "value" | "pm25" | "pm10" | "so2" | "no2" | "co" | "o3" | "o3_8h" | "pm25_24h"
        | "pm10_24h" | "pm25_nowcast" | "pm10_nowcast" => Kind::Decimal,
        _ if name.starts_with("iaqi_") => Kind::Whole,
        _ => Kind::Text,
    }
}

fn columns(names: &[&'static str]) -> Vec<Column> {
    let column = |name: &&'static str| Column {
        name,
        kind: kind(name),
    };
    names.iter().map(column).collect()
}

/// Columns of readings.
pub(super) fn reading_columns() -> Vec<Column> {
    columns(&READING_COLUMNS)
}

/// Columns of hours.
pub(super) fn hour_columns() -> Vec<Column> {
    columns(&[&HOUR_COLUMNS[..], &[REVIEW]].concat())
}

/// Columns of days.
pub(super) fn day_columns() -> Vec<Column> {
    columns(&[&DAY_COLUMNS[..], &[REVIEW]].concat())
}

/// Columns of tiers.
pub(super) fn tier_columns() -> Vec<Column> {
    columns(&TIER_COLUMNS)
}

/// What is exported, and out of what.
pub(super) struct Export<'a> {
    pub(super) stores: &'a Stores,
    pub(super) editions: Arc<Editions>,
    pub(super) edition: EditionChoice,
    pub(super) review: Review,
    pub(super) area: Option<Area>,
    pub(super) from: Option<NaiveDate>,
    pub(super) to: Option<NaiveDate>,
    /// A step for each series, area or unit.
    pub(super) bar: &'a ProgressBar,
}

/// One column, read a chunk at a time.
struct Cursor<'k> {
    key: &'k SeriesKey,
    range: Range,
    chunk: VecDeque<Reading>,
    over: bool,
}

impl<'k> Cursor<'k> {
    async fn begin(key: &'k SeriesKey, range: Range, series: &dyn Series) -> anyhow::Result<Self> {
        let mut cursor = Self {
            key,
            range,
            chunk: VecDeque::new(),
            over: false,
        };
        cursor.fill(series).await?;
        Ok(cursor)
    }

    async fn fill(&mut self, series: &dyn Series) -> anyhow::Result<()> {
        if self.chunk.is_empty() && !self.over {
            let chunk = series.column(self.key, self.range).await?;
            self.over = chunk.len() < self.range.limit;
            if let Some(last) = chunk.last() {
                self.range.after = last.time;
            }
            self.chunk = chunk.into();
        }
        Ok(())
    }
}

impl Export<'_> {
    fn span_within(&self, extent: Span) -> Option<Span> {
        let from = self.from.map_or(extent.from, |from| from.max(extent.from));
        let to = self.to.map_or(extent.to, |to| to.min(extent.to));
        (from <= to).then_some(Span { from, to })
    }

    /// All readings in the order source, factor, stat, time; intervals of one series stand together in time.
    pub(super) async fn readings<W: Write + Send>(
        &self,
        sheet: &mut Sheet<W>,
    ) -> anyhow::Result<()> {
        let zone = open::zone(self.stores).await?;
        let (reviews, series) = (&self.stores.reviews, &self.stores.series);
        let reviewing = Reviewing::open(Arc::clone(reviews), Arc::clone(series)).await?;
        let series = match self.review {
            Review::Raw => reviewing.marked(),
            Review::Reviewed => reviewing.decided(),
        };
        let range = Range {
            after: self
                .from
                .map_or(Range::ALL.after, |from| zone.day_start(from)),
            upto: self.to.map_or(Range::ALL.upto, |to| zone.day_end(to)),
            limit: CHUNK_READINGS,
            known_at: None,
        };
        let keys = series.keys().await?;
        let same = |a: &SeriesKey, b: &SeriesKey| {
            (&a.source, &a.factor, &a.stat) == (&b.source, &b.factor, &b.stat)
        };
        self.bar.set_length(keys.len() as u64);
        for columns in keys.chunk_by(same) {
            let mut cursors = Vec::new();
            for key in columns {
                cursors.push(Cursor::begin(key, range, &*series).await?);
            }
            while let Some(next) = earliest(&mut cursors) {
                if let Some(reading) = next.chunk.pop_front() {
                    sheet.row(&reading_fields(zone, next.key, &reading))?;
                }
                next.fill(&*series).await?;
            }
            self.bar.inc(columns.len() as u64);
        }
        Ok(())
    }

    /// The area asked for, or each station that has readings.
    async fn areas(&self) -> anyhow::Result<Vec<Area>> {
        if let Some(area) = &self.area {
            return Ok(vec![area.clone()]);
        }
        let registry = self.stores.registrar.registry().await?;
        let keys = self.stores.series.keys().await?;
        let sources: BTreeSet<SourceId> = keys.into_iter().map(|key| key.source).collect();
        let stations = sources
            .into_iter()
            .filter(|id| registry.station(id).is_some());
        Ok(stations.map(Area::Station).collect())
    }

    /// Days of each area.
    pub(super) async fn days<W: Write + Send>(&self, sheet: &mut Sheet<W>) -> anyhow::Result<()> {
        let areas = self.areas().await?;
        self.bar.set_length(areas.len() as u64);
        for area in areas {
            let editions = Arc::clone(&self.editions);
            let assessor =
                open::assessor_of(self.stores, editions, &area, None, self.review).await?;
            if self.area.is_some() {
                area.check(&assessor.registry, &assessor.days)
                    .map_err(bad_input)?;
            }
            let extent = assessor.extent(&area);
            if let Some(span) = extent.and_then(|extent| self.span_within(extent)) {
                for day in assessor.days(&area, span, &self.edition, Choices::default()) {
                    let mut fields = day_fields(&area, &day);
                    fields.push(self.review.key().to_owned());
                    sheet.row(&fields)?;
                }
            }
            self.bar.inc(1);
        }
        Ok(())
    }

    /// Hours of each area, a month at a time.
    pub(super) async fn hours<W: Write + Send>(&self, sheet: &mut Sheet<W>) -> anyhow::Result<()> {
        let areas = self.areas().await?;
        let keys = self.stores.series.keys().await?;
        let (recipe, _) = open::tools(self.stores, Arc::clone(&self.editions)).await?;
        let (recipe, _) = open::viewed(self.review, self.stores, recipe, None).await?;
        self.bar.set_length(areas.len() as u64);
        for area in areas {
            let editions = Arc::clone(&self.editions);
            let assessor =
                open::assessor_of(self.stores, editions, &area, None, self.review).await?;
            if self.area.is_some() {
                area.check(&assessor.registry, &assessor.days)
                    .map_err(bad_input)?;
            }
            let of = HoursOf {
                recipe: &recipe,
                assessor: &assessor,
                keys: &keys,
                edition: &self.edition,
                choices: Choices::default(),
                any_station: false,
                known_at: None,
            };
            let extent = assessor.extent(&area);
            let span = extent.and_then(|extent| self.span_within(extent));
            for month in span
                .map(|span| PeriodKind::Month.cut(span))
                .unwrap_or_default()
            {
                for hour in of.hours(&area, month.span).await? {
                    let mut fields = hour_fields(&area, recipe.zone, &hour);
                    fields.push(self.review.key().to_owned());
                    sheet.row(&fields)?;
                }
            }
            self.bar.inc(1);
        }
        Ok(())
    }

    /// The tier of each unit of registry and ledger at the end of a day.
    pub(super) async fn tiers<W: Write + Send>(
        &self,
        sheet: &mut Sheet<W>,
        on: NaiveDate,
    ) -> anyhow::Result<()> {
        let port = Arc::clone(&self.stores.ledger);
        let tiering = Tiering::open(port, rulebooks::named("auto")?).await?;
        let registry = self.stores.registrar.registry().await?;
        let book = tiering.now();
        let ledger = book.ledger();
        let mut units: BTreeSet<String> = BTreeSet::new();
        units.extend(ledger.subjects().map(|(subject, _)| subject.to_string()));
        units.extend(registry.enterprises.iter().map(|unit| unit.uscc.clone()));
        self.bar.set_length(units.len() as u64);
        for unit in units {
            let subject = Uscc::new(&unit)?;
            let rating = tiering.rate(ledger, &subject, on, None)?;
            sheet.row(&tier_fields(&unit, &rating))?;
            self.bar.inc(1);
        }
        Ok(())
    }
}

/// The cursor whose next reading comes first, by time and interval.
fn earliest<'c, 'k>(cursors: &'c mut [Cursor<'k>]) -> Option<&'c mut Cursor<'k>> {
    let next = cursors.iter_mut().filter(|cursor| !cursor.chunk.is_empty());
    next.min_by_key(|cursor| (cursor.chunk[0].time, cursor.key.interval_s))
}

fn tier_fields(unit: &str, rating: &Rating) -> [String; 13] {
    let (official, next) = (rating.official.as_ref(), rating.next_change.as_ref());
    let text = |value: Option<String>| value.unwrap_or_default();
    [
        unit.to_owned(),
        rating.on.to_string(),
        rating.rulebook.clone(),
        rating.rulebook_sha256.clone(),
        rating.score.to_string(),
        rating.tier.to_string(),
        rating.confidence.to_string(),
        text(official.map(|official| official.tier.to_string())),
        text(official.map(|official| official.as_of.to_string())),
        text(official.map(|official| official.source.clone())),
        text(next.map(|next| next.date.to_string())),
        text(next.map(|next| next.score.to_string())),
        text(next.map(|next| next.tier.to_string())),
    ]
}
