//! A pollution rose out of the store: an area's hours of one pollutant, each with the wind its own station reported.
//!
//! Wind is taken from hourly reports alone, HJ 212's `a01007` (speed) and `a01008` (direction): directions within an hour
//! have no plain mean, and a station's own averaging is not guessed.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::domain::calendar::HOUR_S;
use crate::domain::calendar::HOURS_PER_DAY;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::SeriesKey;
use crate::domain::rose::Rose;
use crate::domain::rose::WIND;
use crate::domain::rose::Wind;
use crate::domain::units::Amount;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::rollup::Recipe;
use crate::ports::Range;
use crate::ports::StoreError;

/// What a rose is asked of.
#[derive(Clone, Copy)]
pub struct RoseOf<'a> {
    /// Where the readings are.
    pub recipe: &'a Recipe,
    /// Who belongs to the area.
    pub assessor: &'a Assessor,
    /// Every series, in key order.
    pub keys: &'a [SeriesKey],
    /// Of what.
    pub pollutant: Pollutant,
    /// As known at this moment; `None` is now.
    pub known_at: Option<Instant>,
}

/// Values of a column by the end of their hour.
type Column = HashMap<Instant, Amount>;

impl RoseOf<'_> {
    /// The rose of an area's days; why there is none as the error within.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn rose(
        &self,
        area: &Area,
        span: Span,
    ) -> Result<Result<Rose, &'static str>, StoreError> {
        let members = |day| self.assessor.members(area, day);
        let stations: BTreeSet<SourceId> = span.days().flat_map(members).collect();
        let (mut rose, mut reported) = (Rose::default(), false);
        for station in &stations {
            let speeds = self.column(station, WIND[0], span).await?;
            let directions = self.column(station, WIND[1], span).await?;
            reported |= !speeds.is_empty();
            let own = (&speeds, &directions);
            self.add(&mut rose, area, station, span, own).await?;
        }
        Ok(match rose.both.hours {
            _ if !reported => Err("no hourly wind speed (a01007) is reported"),
            0 => Err("no hour with both a concentration and a wind (a01007, a01008)"),
            _ => Ok(rose),
        })
    }

    async fn add(
        &self,
        rose: &mut Rose,
        area: &Area,
        station: &SourceId,
        span: Span,
        (speeds, directions): (&Column, &Column),
    ) -> Result<(), StoreError> {
        let hours = match speeds.is_empty() {
            true => BTreeMap::new(),
            false => {
                let own = |key: &&SeriesKey| {
                    key.source == *station && key.factor.as_str() == self.pollutant.key()
                };
                let keys: Vec<SeriesKey> = self.keys.iter().filter(own).cloned().collect();
                let hours = self.recipe.hours(&keys, station, Some(span), self.known_at);
                hours.await?
            }
        };
        let alone = matches!(area, Area::Station(_));
        for day in span.days() {
            if !alone && !self.assessor.members(area, day).contains(station) {
                continue;
            }
            rose.possible += u32::try_from(HOURS_PER_DAY).expect("24");
            let Some(own) = hours.get(&day) else { continue };
            let mut ending = self.recipe.zone.day_start(day);
            for value in own[self.pollutant.index()] {
                ending = ending.plus_s(HOUR_S);
                let (Some(value), Some(speed)) = (value, speeds.get(&ending)) else {
                    continue;
                };
                if let Some(wind) = Wind::of(*speed, directions.get(&ending).copied()) {
                    rose.add(wind, &value.exact());
                }
            }
        }
        Ok(())
    }

    /// Usable hourly means of a factor.
    async fn column(
        &self,
        station: &SourceId,
        factor: &str,
        span: Span,
    ) -> Result<Column, StoreError> {
        let own = |key: &&SeriesKey| {
            key.source == *station
                && key.factor.as_str() == factor
                && key.stat.as_str() == "avg"
                && i64::from(key.interval_s) == HOUR_S
        };
        let Some(key) = self.keys.iter().find(own) else {
            return Ok(Column::new());
        };
        let range = Range {
            after: self.recipe.zone.day_start(span.from),
            upto: self.recipe.zone.day_end(span.to),
            known_at: self.known_at,
            ..Range::ALL
        };
        let readings = self.recipe.series.column(key, range).await?;
        let usable =
            |reading: &crate::domain::reading::Reading| Some((reading.time, reading.usable()?));
        Ok(readings.iter().filter_map(usable).collect())
    }
}
