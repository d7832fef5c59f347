//! The hours of an area: its stations' hours out of the store, their moving means, and the hourly index.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::domain::aqi::HourOptions;
use crate::domain::aqi::HourValues;
use crate::domain::aqi::Index;
use crate::domain::area::MinStations;
use crate::domain::calendar::HOUR_S;
use crate::domain::calendar::HOURS_PER_DAY;
use crate::domain::calendar::Instant;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::hours::TwoDays;
use crate::domain::hours::area_hour;
use crate::domain::hours::area_value;
use crate::domain::hours::station_hour;
use crate::domain::means::HourMean;
use crate::domain::means::Hours;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::SeriesKey;
use crate::domain::standards::Edition;
use crate::domain::standards::Editions;
use crate::domain::standards::Realtime;
use crate::domain::units::Exact;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::rollup::Recipe;
use crate::flow::unmonitored::Plans;
use crate::ports::StoreError;

/// Most days of hours at once: a year.
pub const HOURS_DAYS_MAX: u32 = 366;

/// Why hours cannot be given as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoursFault {
    /// More days than are given at once.
    #[error("{days} days of hours; at most {HOURS_DAYS_MAX} at once")]
    TooLong {
        /// How many were asked for.
        days: u32,
    },
    /// More than one edition.
    #[error("hours are given under one edition at a time")]
    SeveralEditions,
    /// A definition of the hourly index that the edition does not have.
    #[error("{asked} is no definition of the hourly index of edition {edition}, which has {known}")]
    Realtime {
        /// The definition.
        asked: &'static str,
        /// The edition.
        edition: String,
        /// Those it has.
        known: String,
    },
}

impl HoursFault {
    /// The name of what was asked wrongly, as parameters and options have it.
    #[must_use]
    pub const fn parameter(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "to",
            Self::SeveralEditions => "edition",
            Self::Realtime { .. } => "realtime",
        }
    }
}

/// An area's hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AreaHour {
    /// End of the hour.
    pub time: Instant,
    /// The edition's id.
    pub edition: String,
    /// Concentrations by pollutant in report order.
    pub values: HourValues,
    /// Indices.
    pub index: Index,
    /// Missing items; empty when none is.
    pub void_reason: String,
    /// The settings used; `None` when the document has no hourly index.
    pub options: Option<HourOptions>,
    /// Stations an item needed.
    pub needed: u32,
    /// Stations with any value in the hour.
    pub reporting: u32,
    /// Stations of the area.
    pub stations: u32,
}

/// What hours are asked for, but for the area and the days.
#[derive(Clone, Copy)]
pub struct HoursOf<'a> {
    /// Where the readings are.
    pub recipe: &'a Recipe,
    /// Days of the same readings, by which the rule on pollutants that are not monitored asks, stations and groups.
    pub assessor: &'a Assessor,
    /// Every series, in key order.
    pub keys: &'a [SeriesKey],
    /// Which edition judges.
    pub edition: &'a EditionChoice,
    /// What differs from the edition's own settings.
    pub choices: Choices,
    /// Whether one station with a value is enough for an area.
    pub any_station: bool,
    /// As known at this moment; `None` is now.
    pub known_at: Option<Instant>,
}

impl Choices {
    /// The hourly options in force under an edition; `None` when the document has no hourly index.
    pub fn hour_options(self, edition: &Edition) -> Option<HourOptions> {
        let own = HourOptions::of(edition)?;
        Some(HourOptions {
            index: self.options(edition).index,
            realtime: self.realtime.unwrap_or(own.realtime),
            missing: self.hour_missing.unwrap_or(own.missing),
        })
    }

    /// Checks that every edition that judges an hour of the span knows the definition asked for.
    ///
    /// # Errors
    /// Naming the edition and its definitions.
    pub fn fit_hours(
        self,
        choice: &EditionChoice,
        editions: &Editions,
        span: Span,
    ) -> Result<(), HoursFault> {
        if span.length() > HOURS_DAYS_MAX {
            return Err(HoursFault::TooLong {
                days: span.length(),
            });
        }
        if matches!(choice, EditionChoice::Several(_)) {
            return Err(HoursFault::SeveralEditions);
        }
        let Some(realtime) = self.realtime else {
            return Ok(());
        };
        for day in [span.from, span.to] {
            let edition = choice.on(editions, day);
            if !edition.realtime.contains(&realtime) {
                let known = edition.realtime.iter().map(|own| own.key());
                let known = match known.collect::<Vec<_>>() {
                    none if none.is_empty() => "none".to_owned(),
                    some => some.join(", "),
                };
                return Err(HoursFault::Realtime {
                    asked: realtime.key(),
                    edition: edition.id.clone(),
                    known,
                });
            }
        }
        Ok(())
    }
}

/// A station's hours, by day.
type StationHours = BTreeMap<NaiveDate, [Hours; 6]>;

/// Hours of stations out of the store.
pub struct Loaded(BTreeMap<SourceId, StationHours>);

/// Hours of one pollutant out of the store, by station and day.
pub struct LoadedOf {
    pollutant: Pollutant,
    hours: BTreeMap<SourceId, BTreeMap<NaiveDate, Hours>>,
}

impl HoursOf<'_> {
    /// The area's hours, 24 a day. A month is loaded at a time.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn hours(&self, area: &Area, span: Span) -> Result<Vec<AreaHour>, StoreError> {
        let mut hours = Vec::new();
        for month in PeriodKind::Month.cut(span) {
            let loaded = self.load(area, month.span).await?;
            hours.extend(self.of_loaded(area, month.span, &loaded));
        }
        Ok(hours)
    }

    /// The hours of the area's stations within the days and the day before them.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn load(&self, area: &Area, span: Span) -> Result<Loaded, StoreError> {
        let members = |day| self.assessor.members(area, day);
        let stations: BTreeSet<SourceId> = span.days().flat_map(members).collect();
        let mut loaded = BTreeMap::new();
        for station in stations {
            let hours = self.load_station(&station, span).await?;
            loaded.insert(station, hours);
        }
        Ok(Loaded(loaded))
    }

    /// The area's hours from what was loaded for these days.
    pub fn of_loaded(&self, area: &Area, span: Span, loaded: &Loaded) -> Vec<AreaHour> {
        let mut plans = Plans::of(&self.assessor.registry);
        let of_day = |day| self.day(area, day, &mut plans, loaded);
        span.days().flat_map(of_day).collect()
    }

    /// The area's hourly values of one pollutant, 24 a day: those of [`Self::hours`] without moving means and indices, which
    /// take most of its time. All stations are read in one go; whoever asks for long loads a month at a time.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn loaded_of(
        &self,
        area: &Area,
        span: Span,
        pollutant: Pollutant,
    ) -> Result<LoadedOf, StoreError> {
        let all = self.assessor.stations_for(area);
        let seats = area.seats(&self.assessor.registry, &all);
        let stations: Vec<SourceId> = seats.iter().map(|seat| seat.station.clone()).collect();
        let hours = self
            .recipe
            .hours_of(self.keys, &stations, pollutant, span, self.known_at)
            .await?;
        Ok(LoadedOf {
            pollutant,
            hours: stations.into_iter().zip(hours).collect(),
        })
    }

    /// The area's values from what was loaded for these days, each with the end of its hour.
    pub fn values_of(
        &self,
        area: &Area,
        span: Span,
        loaded: &LoadedOf,
    ) -> Vec<(Instant, Option<Exact>)> {
        let all = self.assessor.stations_for(area);
        let seats = area.seats(&self.assessor.registry, &all);
        let plans = Plans::of(&self.assessor.registry);
        let mut values = Vec::with_capacity(span.length() as usize * HOURS_PER_DAY);
        for day in span.days() {
            let members = seats.iter().filter(|seat| seat.counts_on(day));
            let members: Vec<SourceId> = members.map(|seat| seat.station.clone()).collect();
            let edition = self.edition.on(&self.recipe.editions, day);
            let needs = self.needs(area, edition, &members, plans.unplanned(&members, day));
            let own = members
                .iter()
                .filter_map(|id| loaded.hours.get(id)?.get(&day));
            let own: Vec<&Hours> = own.collect();
            for at in 0..HOURS_PER_DAY {
                let present: Vec<Exact> = own
                    .iter()
                    .filter_map(|hours| hours[at].map(HourMean::exact))
                    .collect();
                let value = area_value(edition, &present, needs[loaded.pollutant.index()]);
                values.push((self.ending(day, at), value));
            }
        }
        values
    }

    /// How many stations each pollutant needs.
    fn needs(
        &self,
        area: &Area,
        edition: &Edition,
        members: &[SourceId],
        unplanned: [u32; 6],
    ) -> [u32; 6] {
        let total = u32::try_from(members.len()).expect("fewer stations than that");
        self.least(area).needs(edition, total, unplanned)
    }

    fn least(&self, area: &Area) -> MinStations {
        match area {
            _ if self.any_station => MinStations::Count(1),
            Area::Station(_) => MinStations::Count(1),
            _ => self.choices.min_stations.unwrap_or(MinStations::Standard),
        }
    }

    /// The end of the hour that begins so many after the day does.
    fn ending(&self, day: NaiveDate, at: usize) -> Instant {
        let ending = i64::try_from(at + 1).expect("at most 24") * HOUR_S;
        self.recipe.zone.day_start(day).plus_s(ending)
    }

    /// The newest hour of `day` in which any of the area's stations has a value.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn newest(
        &self,
        area: &Area,
        day: NaiveDate,
    ) -> Result<Option<AreaHour>, StoreError> {
        let hours = self.hours(area, Span { from: day, to: day }).await?;
        Ok(hours.into_iter().rev().find(|hour| hour.reporting > 0))
    }

    async fn load_station(
        &self,
        station: &SourceId,
        span: Span,
    ) -> Result<StationHours, StoreError> {
        let first = self.keys.partition_point(|key| key.source < *station);
        let own = self.keys[first..]
            .iter()
            .take_while(|key| key.source == *station);
        let own: Vec<SeriesKey> = own.cloned().collect();
        let from = span.from.pred_opt().unwrap_or(span.from);
        let span = Some(Span { from, to: span.to });
        self.recipe.hours(&own, station, span, self.known_at).await
    }

    fn day(
        &self,
        area: &Area,
        day: NaiveDate,
        plans: &mut Plans<'_>,
        loaded: &Loaded,
    ) -> Vec<AreaHour> {
        let members = self.assessor.members(area, day);
        let edition = self.edition.on(&self.recipe.editions, day);
        let options = self.choices.hour_options(edition);
        let realtime = options.map_or(Realtime::HourlyPm, |options| options.realtime);
        let total = u32::try_from(members.len()).expect("fewer stations than that");
        let needs = self.needs(area, edition, &members, plans.unplanned(&members, day));
        let judged = self.choices.options(edition);
        let unmonitored = self
            .assessor
            .unmonitored(plans, area, day, edition, &judged);
        let lines: Vec<[TwoDays; 6]> = members
            .iter()
            .filter_map(|id| loaded.0.get(id))
            .map(|hours| two_days(hours, day))
            .collect();
        let hour = |at: usize| {
            let stations: Vec<HourValues> = lines
                .iter()
                .map(|line| station_hour(edition, realtime, line, at))
                .collect();
            let any = |hour: &&HourValues| hour.hour.iter().any(Option::is_some);
            let reporting = stations.iter().filter(any).count();
            let found = area_hour(edition, options, &stations, needs, &unmonitored);
            AreaHour {
                time: self.ending(day, at),
                edition: edition.id.clone(),
                values: found.values,
                index: found.index,
                void_reason: found.void_reason,
                options,
                needed: self.least(area).needed(edition, total),
                reporting: u32::try_from(reporting).expect("fewer stations than that"),
                stations: total,
            }
        };
        (0..HOURS_PER_DAY).map(hour).collect()
    }
}

/// A day's hours with those of the day before in front.
fn two_days(hours: &StationHours, day: NaiveDate) -> [TwoDays; 6] {
    let mut lines = [[None; 2 * HOURS_PER_DAY]; 6];
    let before = day.pred_opt().and_then(|day| hours.get(&day));
    for (part, own) in [before, hours.get(&day)].into_iter().enumerate() {
        let Some(own) = own else { continue };
        for (line, hours) in lines.iter_mut().zip(own) {
            let start = part * HOURS_PER_DAY;
            line[start..start + HOURS_PER_DAY].copy_from_slice(hours);
        }
    }
    lines
}
