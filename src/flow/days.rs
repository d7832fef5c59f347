//! An area's days out of those of its stations.

use std::collections::btree_map::Range;
use std::iter::Peekable;
use std::sync::Arc;

use chrono::Datelike;
use chrono::NaiveDate;

use crate::domain::area::AreaDay;
use crate::domain::area::AreaOptions;
use crate::domain::area::MinStations;
use crate::domain::area::area_day;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::deduction::without;
use crate::domain::means::StationDay;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::standards::Edition;
use crate::flow::area::Area;
use crate::flow::area::Seat;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::kept_months::Month;
use crate::flow::kept_months::Origin;
use crate::flow::unmonitored::Plans;

/// Fewer days than this are worked out by themselves: most of a month would be for nothing.
const KEPT_DAYS_MIN: u32 = 16;

/// A station of an area with its days, which are asked for in order: each is found next to the one before.
struct Course<'a> {
    seat: Seat<'a>,
    days: Option<Peekable<Range<'a, NaiveDate, Arc<StationDay>>>>,
}

impl<'a> Course<'a> {
    /// The station's day, if there is any data of it.
    fn on(&mut self, day: NaiveDate) -> Option<&'a StationDay> {
        let days = self.days.as_mut()?;
        while days.next_if(|(own, _)| **own < day).is_some() {}
        let (_, own) = days.next_if(|(own, _)| **own == day)?;
        Some(own)
    }
}

impl Assessor {
    /// The area's days in order, each under every edition chosen.
    pub fn days(
        &self,
        area: &Area,
        span: Span,
        edition: &EditionChoice,
        choices: Choices,
    ) -> Vec<AreaDay> {
        // One station's days are found as quickly as worked out, and by plans a day may rest on days of other months.
        let one = matches!(area, Area::Station(_));
        if one || span.length() < KEPT_DAYS_MIN || !self.registry.unmonitored.is_empty() {
            return self.worked_out(area, span, edition, choices);
        }
        let mut months: Vec<(&str, Arc<[AreaDay]>)> = Vec::new();
        let mut days = Vec::with_capacity(span.length() as usize);
        for day in span.days() {
            if day.day() == 1 {
                months.clear();
            }
            for edition in edition.all_on(&self.editions, day) {
                let known = months.iter().position(|(id, _)| *id == edition.id);
                let at = known.unwrap_or_else(|| {
                    months.push((&edition.id, self.month(area, day, edition, choices)));
                    months.len() - 1
                });
                days.push(months[at].1[day.day0() as usize].clone());
            }
        }
        days
    }

    /// The whole month of a day under one edition, worked out once.
    fn month(
        &self,
        area: &Area,
        day: NaiveDate,
        edition: &Edition,
        choices: Choices,
    ) -> Arc<[AreaDay]> {
        let whole = PeriodKind::Month.containing(day).span;
        let month = Month {
            first: whole.from,
            area: area.text(),
            edition: edition.id.clone(),
            options: choices.options(edition),
        };
        let origin = Origin {
            registry: Arc::clone(&self.registry),
            editions: Arc::downgrade(&self.editions),
        };
        let fixed = EditionChoice::Fixed(edition.id.clone());
        let make = || self.worked_out(area, whole, &fixed, choices);
        self.days.kept().month(month, &origin, make)
    }

    fn worked_out(
        &self,
        area: &Area,
        span: Span,
        edition: &EditionChoice,
        choices: Choices,
    ) -> Vec<AreaDay> {
        let all = self.stations_for(area);
        let mut plans = Plans::of(&self.registry);
        let mut courses = self.courses(area, &all, span);
        let editions = edition.all_on(&self.editions, span.to).count();
        let mut days = Vec::with_capacity(span.length() as usize * editions);
        let mut stations = Vec::new();
        for day in span.days() {
            stations.clear();
            let own = courses.iter_mut().filter(|own| own.seat.counts_on(day));
            stations.extend(own.map(|own| own.on(day)));
            let unplanned = self.unplanned(&plans, area, &all, day);
            for edition in edition.all_on(&self.editions, day) {
                let options = choices.options(edition);
                let own = own_options(area, &options);
                let found = area_day(edition, &own, day, &stations, unplanned);
                let unmonitored = self.unmonitored(&mut plans, area, day, edition, &options);
                days.push(found.with_plan(edition, &options, &unmonitored));
            }
        }
        days
    }

    /// The area's stations, each with its days of the span.
    fn courses<'a>(&'a self, area: &'a Area, all: &'a [SourceId], span: Span) -> Vec<Course<'a>> {
        if span.from > span.to {
            return Vec::new();
        }
        let course = |seat: Seat<'a>| Course {
            days: self
                .days
                .get(seat.station)
                .map(|days| days.range(span.from..=span.to).peekable()),
            seat,
        };
        let seats = area.seats(&self.registry, all).into_iter();
        seats.map(course).collect()
    }

    /// By pollutant, how many of the area's stations do not monitor it on the day by plan.
    fn unplanned(
        &self,
        plans: &Plans<'_>,
        area: &Area,
        all: &[SourceId],
        day: NaiveDate,
    ) -> [u32; 6] {
        if self.registry.unmonitored.is_empty() {
            return [0; 6];
        }
        plans.unplanned(&area.members(&self.registry, all, day), day)
    }

    /// The pollutants none of the area's stations monitors on the day by plan, and whether the past shows that their
    /// absence does not count.
    pub(super) fn unmonitored(
        &self,
        plans: &mut Plans<'_>,
        area: &Area,
        day: NaiveDate,
        edition: &Edition,
        options: &AreaOptions,
    ) -> Vec<(Pollutant, bool)> {
        if self.registry.unmonitored.is_empty() {
            return Vec::new();
        }
        let all = self.stations();
        let own = |day| self.day(area, &all, day, edition, options);
        let past = |span: Span| span.days().map(own).collect();
        plans.on(edition, &area.members(&self.registry, &all, day), day, past)
    }

    /// One day of the area.
    pub(super) fn day(
        &self,
        area: &Area,
        all: &[SourceId],
        day: NaiveDate,
        edition: &Edition,
        options: &AreaOptions,
    ) -> AreaDay {
        let mut courses = self.courses(area, all, Span { from: day, to: day });
        let own = courses.iter_mut().filter(|own| own.seat.counts_on(day));
        let stations: Vec<Option<&StationDay>> = own.map(|own| own.on(day)).collect();
        let unplanned = self.unplanned(&Plans::of(&self.registry), area, all, day);
        let own = own_options(area, options);
        area_day(edition, &own, day, &stations, unplanned)
    }

    /// A day of the area without the pollutants that `taken` marks at each station.
    pub(super) fn day_without(
        &self,
        area: &Area,
        day: NaiveDate,
        edition: &Edition,
        options: &AreaOptions,
        taken: &dyn Fn(&SourceId) -> [bool; 6],
    ) -> AreaDay {
        let of = |id: &SourceId| {
            let own = self.days.get(id)?.get(&day)?;
            Some(without(own, taken(id)))
        };
        let members = self.members(area, day);
        let stations: Vec<Option<StationDay>> = members.iter().map(of).collect();
        let stations: Vec<Option<&StationDay>> = stations.iter().map(Option::as_ref).collect();
        let unplanned = Plans::of(&self.registry).unplanned(&members, day);
        let own = own_options(area, options);
        area_day(edition, &own, day, &stations, unplanned)
    }
}

/// An area of one station has as many as it can have.
fn own_options(area: &Area, options: &AreaOptions) -> AreaOptions {
    let mut options = *options;
    if matches!(area, Area::Station(_)) {
        options.min_stations = MinStations::Count(1);
    }
    options
}
