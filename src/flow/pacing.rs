//! How an area's targets stand on a day: gathers the year so far and the past years a projection draws from.

use chrono::Datelike;
use chrono::NaiveDate;

use crate::domain::area::AreaDay;
use crate::domain::assessment::Assessment;
use crate::domain::assessment::assess;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::projection::PastYear;
use crate::domain::projection::Projection;
use crate::domain::projection::YEARS_MAX;
use crate::domain::projection::seed;
use crate::domain::registry::Target;
use crate::domain::standards::Edition;
use crate::domain::target::Basis;
use crate::domain::target::Gap;
use crate::domain::target::Standing;
use crate::domain::target::blank;
use crate::domain::target::days_left;
use crate::domain::target::standing;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;

/// An area's targets on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pacing {
    /// The last day looked at.
    pub on: NaiveDate,
    /// Calendar days left of its year.
    pub days_left: u32,
    /// The edition of what is not a target's own.
    pub edition: String,
    /// Where the year may end, or why that cannot be said.
    pub projection: Result<Projection, Gap>,
    /// Targets of the year, later ones, and of every other item the newest that expired.
    pub standings: Vec<Standing>,
}

/// One year of the area under one edition, up to a day.
struct YearSoFar {
    edition: String,
    to: NaiveDate,
    days: Vec<AreaDay>,
    assessment: Assessment,
    projection: Result<Projection, Gap>,
}

/// Keeps the years of an area while several standings are asked for.
pub(super) struct Pacer<'a> {
    assessor: &'a Assessor,
    area: &'a Area,
    choices: Choices,
    /// Edition, year, its days.
    years: Vec<(String, i32, Vec<AreaDay>)>,
    /// Edition, year, the past years to draw from.
    past: Vec<(String, i32, Vec<PastYear>)>,
    /// The newest year looked at under each edition.
    so_far: Vec<YearSoFar>,
}

impl<'a> Pacer<'a> {
    pub(super) fn new(assessor: &'a Assessor, area: &'a Area, choices: Choices) -> Self {
        Self {
            assessor,
            area,
            choices,
            years: Vec::new(),
            past: Vec::new(),
            so_far: Vec::new(),
        }
    }

    /// Targets of the period's year. A year's target judges the year, its first half and what runs from its
    /// first day, not single months.
    pub(super) fn standings(
        &mut self,
        kind: PeriodKind,
        span: Span,
        edition: &Edition,
    ) -> Vec<Standing> {
        let of_year = matches!(
            kind,
            PeriodKind::Year | PeriodKind::YearToDate | PeriodKind::Half | PeriodKind::Whole
        );
        let year = span.from.year();
        if !of_year || span.from.ordinal() != 1 || span.to.year() != year {
            return Vec::new();
        }
        let targets = self.targets().into_iter();
        let targets: Vec<&Target> = targets.filter(|target| target.year == year).collect();
        let stand = |target| self.standing(target, span.to, edition);
        targets.into_iter().map(stand).collect()
    }

    /// What is aimed at for the area; targets bind groups.
    fn targets(&self) -> Vec<&'a Target> {
        let Area::Group(group) = self.area else {
            return Vec::new();
        };
        let all = self.assessor.registry.targets.iter();
        all.filter(|target| target.group == *group).collect()
    }

    /// The years the area has a target of the same item for.
    fn item_years(&self, target: &Target) -> Vec<i32> {
        let all = self.targets().into_iter();
        all.filter(|other| other.item == target.item)
            .map(|other| other.year)
            .collect()
    }

    fn standing(&mut self, target: &Target, on: NaiveDate, edition: &Edition) -> Standing {
        let item_years = self.item_years(target);
        let assessor = self.assessor;
        let edition = match &target.edition {
            None => edition,
            Some(id) => match assessor.editions.by_id(id) {
                Some(own) => own,
                None => return blank(target, item_years, on, &Gap::UnknownEdition(id.clone())),
            },
        };
        let so_far = self.so_far(edition, on);
        let basis = Basis {
            edition,
            assessment: &so_far.assessment,
            days: &so_far.days,
            days_left: days_left(so_far.assessment.period.span).map_or(0, Span::length),
        };
        standing(target, item_years, &basis, so_far.projection.as_ref().ok())
    }

    fn so_far(&mut self, edition: &Edition, on: NaiveDate) -> &YearSoFar {
        let known = |found: &YearSoFar| found.edition == edition.id;
        let at = self.so_far.iter().position(known);
        if let Some(at) = at.filter(|at| self.so_far[*at].to == on) {
            return &self.so_far[at];
        }
        let year = on.year();
        let so_far = self.year(edition, year);
        let days: Vec<AreaDay> = so_far.iter().filter(|day| day.day <= on).cloned().collect();
        let period = PeriodKind::YearToDate.containing(on);
        let left = days_left(period.span);
        let kind = match left {
            Some(_) => PeriodKind::YearToDate,
            None => PeriodKind::Year,
        };
        let rules = self.assessor.rules(edition, self.choices);
        let assessment = assess(&rules, kind, period, &days);
        let need = edition.validity.year_days_min;
        let seed = seed(&self.area.text(), on);
        let projection = match left {
            None => Err(Gap::YearOver),
            Some(left) => Projection::of(&rules, seed, &days, left, self.past(edition, year))
                .ok_or(Gap::NoPastYear { need }),
        };
        let found = YearSoFar {
            edition: edition.id.clone(),
            to: on,
            days,
            assessment,
            projection,
        };
        self.so_far.retain(|other| other.edition != edition.id);
        self.so_far.push(found);
        &self.so_far[self.so_far.len() - 1]
    }

    /// All days of a year, as far as there are data of them.
    fn year(&mut self, edition: &Edition, year: i32) -> &[AreaDay] {
        let known = |(id, known, _): &(String, i32, _)| *id == edition.id && *known == year;
        let at = self.years.iter().position(known).unwrap_or_else(|| {
            let days = self.all_days(edition, year);
            self.years.push((edition.id.clone(), year, days));
            self.years.len() - 1
        });
        &self.years[at].2
    }

    fn all_days(&self, edition: &Edition, year: i32) -> Vec<AreaDay> {
        let first = NaiveDate::from_yo_opt(year, 1).expect("a year of the calendar");
        let span = PeriodKind::Year.containing(first).span;
        let fixed = EditionChoice::Fixed(edition.id.clone());
        self.assessor.days(self.area, span, &fixed, self.choices)
    }

    /// The newest years before `year` that can be drawn from.
    fn past(&mut self, edition: &Edition, year: i32) -> &[PastYear] {
        let known = |(id, known, _): &(String, i32, _)| *id == edition.id && *known == year;
        let at = self.past.iter().position(known).unwrap_or_else(|| {
            let extent = self.assessor.extent(self.area);
            let first = extent.map_or(year, |span| span.from.year());
            let last = extent.map_or(year, |span| span.to.year() + 1).min(year);
            let years = (first..last).rev();
            let usable =
                years.filter_map(|year| PastYear::of(edition, &self.all_days(edition, year)));
            let usable = usable.take(YEARS_MAX).collect();
            self.past.push((edition.id.clone(), year, usable));
            self.past.len() - 1
        });
        &self.past[at].2
    }
}

impl Assessor {
    /// The area's targets as they stand at the end of `on`, from data up to and including that day.
    pub fn pacing(&self, area: &Area, on: NaiveDate, choices: Choices) -> Pacing {
        let mut pacer = Pacer::new(self, area, choices);
        let edition = self.editions.on(on);
        let year = on.year();
        let mut standings = Vec::new();
        for target in pacer.targets() {
            let years = pacer.item_years(target);
            if target.year > year {
                standings.push(blank(target, years, on, &Gap::NotBegun));
            } else if target.year == year {
                standings.push(pacer.standing(target, on, edition));
            } else if years.into_iter().filter(|other| *other <= year).max() == Some(target.year) {
                let last = NaiveDate::from_ymd_opt(target.year, 12, 31);
                let last = last.expect("every year has a last day");
                standings.push(pacer.standing(target, last, self.editions.on(last)));
            }
        }
        standings.sort_by_key(|standing| (-standing.year, standing.id.clone()));
        let so_far = pacer.so_far(edition, on);
        Pacing {
            on,
            days_left: days_left(so_far.assessment.period.span).map_or(0, Span::length),
            edition: edition.id.clone(),
            projection: so_far.projection.clone(),
            standings,
        }
    }
}
