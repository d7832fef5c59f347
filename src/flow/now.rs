//! The newest hour of an area: the mean of its stations' hours, and the hourly index.

use chrono::NaiveDate;

use crate::domain::aqi::HourOptions;
use crate::domain::aqi::HourValues;
use crate::domain::aqi::Index;
use crate::domain::aqi::IndexOptions;
use crate::domain::aqi::hour_index;
use crate::domain::calendar::HOUR_S;
use crate::domain::calendar::HOURS_PER_DAY;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::means::HourMean;
use crate::domain::names::SourceId;
use crate::domain::standards::Missing;
use crate::domain::standards::Realtime;
use crate::domain::units::Exact;
use crate::flow::rollup::Recipe;
use crate::ports::StoreError;

/// An area's hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AreaHour {
    /// End of the hour.
    pub time: Instant,
    /// The edition's id.
    pub edition: String,
    /// Concentrations by pollutant in report order.
    pub values: [Option<Exact>; 6],
    /// Indices.
    pub index: Index,
    /// Stations with any value in the hour.
    pub reporting: u32,
    /// Stations of the area.
    pub stations: u32,
}

/// The newest hour of `day` in which any of the stations has a value.
///
/// # Errors
/// Those of the store.
pub async fn hour_of_area(
    recipe: &Recipe,
    stations: &[SourceId],
    day: NaiveDate,
) -> Result<Option<AreaHour>, StoreError> {
    let keys = recipe.series.keys().await?;
    let span = Some(Span { from: day, to: day });
    let mut hours = Vec::new();
    for station in stations {
        hours.extend(recipe.hours(&keys, station, span, None).await?.remove(&day));
    }
    let has_value = |at: &usize| {
        hours
            .iter()
            .any(|own| own.iter().any(|column| column[*at].is_some()))
    };
    let Some(at) = (0..HOURS_PER_DAY).rev().find(has_value) else {
        return Ok(None);
    };
    let value = |pollutant: usize| {
        let present = hours
            .iter()
            .filter_map(|own| own[pollutant][at])
            .map(HourMean::exact);
        Exact::mean(&present.collect::<Vec<_>>())
    };
    let values = std::array::from_fn(value);
    let edition = recipe.editions.on(day);
    let options = HourOptions {
        index: IndexOptions::of(edition),
        realtime: Realtime::HourlyPm,
        missing: Missing::PublishWithParticles,
    };
    let hour = HourValues {
        hour: values.clone(),
        ..HourValues::default()
    };
    let index = hour_index(edition, options, &hour);
    let reporting = hours
        .iter()
        .filter(|own| own.iter().any(|column| column[at].is_some()))
        .count();
    let ending = i64::try_from(at + 1).expect("at most 24") * HOUR_S;
    Ok(Some(AreaHour {
        time: recipe.zone.day_start(day).plus_s(ending),
        edition: edition.id.clone(),
        values,
        index,
        reporting: u32::try_from(reporting).expect("fewer stations than that"),
        stations: u32::try_from(stations.len()).expect("fewer stations than that"),
    }))
}
