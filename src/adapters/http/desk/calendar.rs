//! Fills the years of AQI days, and one day with its hours.

use std::sync::Arc;

use chrono::Datelike;
use chrono::NaiveDate;

use crate::adapters::chart::calendar::DayCell;
use crate::adapters::http::desk::Desk;
use crate::adapters::http::desk::Wish;
use crate::adapters::http::desk::aqi_of;
use crate::adapters::http::desk::level_of;
use crate::adapters::http::desk::name;
use crate::adapters::http::desk::primary;
use crate::adapters::http::error::Problem;
use crate::adapters::http::kept_years::Origin;
use crate::adapters::http::page::calendar::CalendarView;
use crate::adapters::http::page::calendar::DayItem;
use crate::adapters::http::page::calendar::DayView;
use crate::adapters::http::page::calendar::HourRow;
use crate::adapters::http::page::calendar::StationOfDay;
use crate::adapters::http::page::calendar::YearOfDays;
use crate::adapters::http::state::WebState;
use crate::adapters::words;
use crate::domain::aqi::GOOD_MAX;
use crate::domain::aqi::HEAVY_OVER;
use crate::domain::area::AreaDay;
use crate::domain::assessment::DayCounts;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::Review;
use crate::domain::standards::Edition;
use crate::flow::area::Area;
use crate::flow::assess::EditionChoice;
use crate::flow::hours::AreaHour;

/// Builds the view of the calendar.
///
/// # Errors
/// An area that does not exist, or those of the store.
pub async fn calendar(state: &WebState, wish: Wish) -> Result<CalendarView, Problem> {
    let desk = Desk::open(state, &wish).await?;
    Ok(state.compute(|| desk.calendar_view()).await)
}

/// Builds the view of a day.
///
/// # Errors
/// An area that does not exist, or those of the store.
pub async fn day(state: &WebState, wish: Wish, day: NaiveDate) -> Result<DayView, Problem> {
    let desk = Desk::open(state, &wish).await?;
    let keys = desk.recipe.series.keys().await?;
    let of = desk.hours_of(&keys);
    let span = Span { from: day, to: day };
    let hours = of.hours(&desk.area, span).await?;
    Ok(state.compute(|| desk.day_view(day, &hours)).await)
}

impl Desk<'_> {
    pub(super) fn calendar_view(&self) -> CalendarView {
        let extent = self.assessor.extent(&self.area);
        let last = extent.map_or(self.span.to, |extent| extent.to);
        let edition = self.assessor.editions.on(self.span.to);
        let mut years: Vec<YearOfDays> = match extent {
            None => Vec::new(),
            Some(extent) => PeriodKind::Year
                .cut(extent)
                .into_iter()
                .map(|period| self.kept_year(period.span))
                .collect(),
        };
        years.reverse();
        CalendarView {
            lang: self.lang,
            area: self.choice(&self.area),
            areas: self.areas(),
            basis: self.basis(edition),
            simulated: self.assessor.simulated(
                &self.area,
                Span {
                    from: extent.map_or(self.span.from, |extent| extent.from),
                    to: last,
                },
            ),
            year: self.year,
            years,
        }
    }

    /// A year of readings as they came may be kept; what reviewers change of it is not counted by year.
    pub(super) fn kept_year(&self, span: Span) -> YearOfDays {
        if self.review == Review::Reviewed {
            return self.year_of_days(span);
        }
        let year = span.from.year();
        let key = (self.area.text(), year, self.lang);
        let origin = Origin {
            changes: self.changes.get(&year).copied().unwrap_or(0),
            upto: span.to,
            registry: Arc::clone(&self.assessor.registry),
        };
        let make = || self.year_of_days(span);
        self.state.years.year(key, origin, make)
    }

    /// The days of a year as far as the span goes; a year's first days without data are days all the same.
    fn year_of_days(&self, span: Span) -> YearOfDays {
        let whole = PeriodKind::Year.containing(span.from).span;
        let span = Span {
            from: whole.from,
            to: span.to,
        };
        let days = self
            .assessor
            .days(&self.area, span, &EditionChoice::Auto, self.choices);
        let mut counts = DayCounts {
            calendar: span.length(),
            ..DayCounts::default()
        };
        let mut editions: Vec<&str> = Vec::new();
        for day in &days {
            let title = self.edition(&day.edition).title.as_str();
            if !editions.contains(&title) {
                editions.push(title);
            }
            let Some(aqi) = day.index.aqi else { continue };
            counts.valid += 1;
            counts.good += u32::from(aqi <= GOOD_MAX);
            counts.heavy += u32::from(aqi > HEAVY_OVER);
        }
        let cells: Vec<DayCell> = days.iter().map(|day| self.cell(day)).collect();
        YearOfDays {
            year: span.from.year(),
            days: cells,
            good: counts.good,
            heavy: counts.heavy,
            valid: counts.valid,
            calendar: counts.calendar,
            ratio: counts.ratio().map(|ratio| ratio.to_string()),
            editions: editions.join(self.lang.pick("；", "; ")),
        }
    }

    fn day_view(&self, day: NaiveDate, hours: &[AreaHour]) -> DayView {
        let span = Span { from: day, to: day };
        let of = |area: &Area| {
            let auto = EditionChoice::Auto;
            let mut days = self.assessor.days(area, span, &auto, self.choices);
            days.pop().expect("one day, one edition")
        };
        let own = of(&self.area);
        let edition = self.edition(&own.edition);
        let members = match &self.area {
            Area::Station(_) => Vec::new(),
            Area::Group(_) | Area::Mean => self.assessor.members(&self.area, day),
        };
        let stations = members.into_iter().map(|id| {
            let found = of(&Area::Station(id.clone()));
            self.station_of_day(&id, day, &found)
        });
        DayView {
            lang: self.lang,
            area: self.choice(&self.area),
            basis: self.basis(edition),
            simulated: self.assessor.simulated(&self.area, span),
            day,
            aqi: aqi_of(&own),
            primary: primary(&own),
            void_reason: self.reason(&own),
            items: self.day_items(&own, edition),
            hours: hours.iter().map(|hour| self.hour_row(hour)).collect(),
            stations: stations.collect(),
        }
    }

    fn day_items(&self, day: &AreaDay, edition: &Edition) -> Vec<DayItem> {
        let item = |pollutant: Pollutant| {
            let at = pollutant.index();
            let decimals = self.assessor.publication.decimals[at].unwrap_or(edition.decimals[at]);
            let label = match pollutant {
                Pollutant::O3 => self.lang.pick("O3 日最大 8 小时", "O3, daily maximum 8 h"),
                other => other.label(),
            };
            DayItem {
                label: label.to_owned(),
                unit: match pollutant {
                    Pollutant::Co => "mg/m³",
                    _ => "µg/m³",
                },
                value: day.values.values[at]
                    .as_ref()
                    .map(|value| value.round(decimals).to_string()),
                iaqi: day.index.iaqi[at],
            }
        };
        Pollutant::ALL.into_iter().map(item).collect()
    }

    fn hour_row(&self, hour: &AreaHour) -> HourRow {
        let edition = self.edition(&hour.edition);
        let at = self.state.zone.hour_of_ending(hour.time);
        HourRow {
            ending: format!("{:02}:00", at + 1),
            values: Pollutant::ALL.map(|pollutant| {
                let at = pollutant.index();
                let value = hour.values.hour[at].as_ref();
                value.map(|value| value.round(edition.decimals[at]).to_string())
            }),
            aqi: level_of(hour),
            void_reason: level_of(hour)
                .is_none()
                .then(|| words::void_day(&hour.void_reason, self.lang)),
        }
    }

    fn station_of_day(&self, id: &SourceId, day: NaiveDate, found: &AreaDay) -> StationOfDay {
        let station = self.assessor.registry.station(id);
        let named = station.map(|station| name(&station.names, self.lang));
        let days = self.assessor.days.get(id);
        let own = days.and_then(|days| days.get(&day));
        StationOfDay {
            id: id.to_string(),
            name: named.unwrap_or_else(|| id.to_string()),
            hours: own.map_or([0; 6], |own| own.hours),
            aqi: aqi_of(found),
            void_reason: self.reason(found),
        }
    }
}
