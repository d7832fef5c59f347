//! The rows of stations, and where a reading can be sent.

use chrono::NaiveDate;

use crate::adapters::http::desk::Desk;
use crate::adapters::http::desk::aqi_of;
use crate::adapters::http::desk::name;
use crate::adapters::http::error::Problem;
use crate::adapters::http::page::view::PublishHint;
use crate::adapters::http::page::view::StationRow;
use crate::domain::area::AreaDay;
use crate::domain::calendar::HOUR_S;
use crate::domain::calendar::Span;
use crate::domain::means::HourMean;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::registry::StationClass;
use crate::flow::area::Area;
use crate::flow::assess::EditionChoice;

impl Desk<'_> {
    pub(super) async fn stations(&self) -> Result<Vec<StationRow>, Problem> {
        let Some(newest) = self.newest_of_year else {
            return Ok(Vec::new());
        };
        let keys = self.state.series.keys().await?;
        let mut rows = Vec::new();
        for id in self.assessor.members(&self.area, newest) {
            let own = Area::Station(id.clone());
            let year = self
                .assessor
                .days(&own, self.span, &EditionChoice::Auto, self.choices);
            let last = self
                .assessor
                .days
                .get(&id)
                .and_then(|days| days.keys().next_back().copied());
            let last = last.unwrap_or(newest).min(self.span.to);
            let span = Some(Span {
                from: last,
                to: last,
            });
            let hours = self
                .recipe
                .hours(&keys, &id, span, None)
                .await?
                .remove(&last);
            let newest_hour = hours.and_then(|hours| {
                let of_any = |at: &usize| hours.iter().any(|column| column[*at].is_some());
                let at = (0..hours[0].len()).rev().find(of_any)?;
                Some((at, hours[Pollutant::Pm25.index()][at]))
            });
            rows.push(self.station_row(&id, last, newest_hour, &year));
        }
        Ok(rows)
    }

    fn station_row(
        &self,
        id: &SourceId,
        last: NaiveDate,
        newest_hour: Option<(usize, Option<HourMean>)>,
        year: &[AreaDay],
    ) -> StationRow {
        let station = self.assessor.registry.station(id);
        let time = newest_hour.map(|(at, _)| {
            let ending = i64::try_from(at + 1).expect("at most 24") * HOUR_S;
            self.state
                .zone
                .text(self.state.zone.day_start(last).plus_s(ending))
        });
        let valid = year.iter().filter(|day| day.index.aqi.is_some()).count();
        StationRow {
            id: id.to_string(),
            name: station.map_or_else(|| id.to_string(), |station| name(&station.names, self.lang)),
            class: station.map_or(StationClass::Micro, |station| station.class),
            last_time: time,
            pm25: newest_hour
                .and_then(|(_, value)| value)
                .map(|value| value.exact().round(0).to_string()),
            day_aqi: year
                .iter()
                .rev()
                .find(|day| day.day == last)
                .and_then(aqi_of),
            valid_days: u32::try_from(valid).expect("days of a year"),
            simulated: station.is_some_and(|station| station.simulated),
        }
    }

    pub(super) fn hint(&self) -> PublishHint {
        let (host, port) = self
            .state
            .mqtt_address
            .clone()
            .unwrap_or_else(|| ("127.0.0.1".to_owned(), 1_883));
        let newest = self.newest_of_year.unwrap_or(self.span.to);
        let member = self.assessor.members(&self.area, newest).into_iter().next();
        let station = member.or_else(|| {
            self.assessor
                .registry
                .stations
                .first()
                .map(|station| station.id.clone())
        });
        let station = station.map_or_else(|| "S1".to_owned(), |id| id.to_string());
        let now = self.state.now();
        let hour = now.plus_s(-now.unix().rem_euclid(HOUR_S));
        PublishHint {
            host,
            port,
            topic: format!("{}/stations/{station}/readings", self.state.mqtt_prefix),
            time: self.state.zone.text(hour),
        }
    }
}
