//! How an area's targets stand on a day: gathers the year so far and the past years a projection draws from, as
//! measured or with excluded days left out of both alike.

use std::collections::BTreeSet;

use chrono::Datelike;
use chrono::NaiveDate;

use crate::domain::area::AreaDay;
use crate::domain::assessment::Assessment;
use crate::domain::assessment::Rules;
use crate::domain::assessment::assess;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::deduction::Sided;
use crate::domain::exclusion::Purpose;
use crate::domain::exclusion::Statistic;
use crate::domain::projection::PastYear;
use crate::domain::projection::Projection;
use crate::domain::projection::YEARS_MAX;
use crate::domain::projection::seed;
use crate::domain::registry::Item;
use crate::domain::registry::Target;
use crate::domain::standards::Edition;
use crate::domain::target::Basis;
use crate::domain::target::Gap;
use crate::domain::target::Standing;
use crate::domain::target::blank;
use crate::domain::target::days_left;
use crate::domain::target::standing;
use crate::domain::target::statistic;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::beside::Applied;
use crate::flow::beside::ExclusionView;
use crate::flow::beside::Left;

/// An area's targets on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pacing {
    /// The last day looked at.
    pub on: NaiveDate,
    /// Calendar days left of its year.
    pub days_left: u32,
    /// The edition of what is not a target's own.
    pub edition: String,
    /// Whether the main paces leave excluded days out.
    pub deducted: bool,
    /// The paces.
    pub main: Paces,
    /// Both sides of the exclusions; `None` when none concerns the years used or they were not asked for.
    pub excluded: Option<Box<PacesBeside>>,
}

/// How targets stand, and where the year may end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paces {
    /// Where the year may end, or why that cannot be said.
    pub projection: Result<Projections, Gap>,
    /// Targets of the year, later ones, and of every other item the newest that expired.
    pub standings: Vec<Standing>,
}

/// Paces without and with exclusions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacesBeside {
    /// The decisions, with their days of the years that are used.
    pub entries: Vec<Applied>,
    /// By every day as measured, so far and in past years.
    pub before: Paces,
    /// With excluded days left out of both.
    pub after: Paces,
}

/// Where a year may end, by the days each statistic is over; all draws are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projections {
    /// From all days as measured.
    pub measured: Projection,
    left: [Option<Box<Projection>>; Statistic::ALL.len()],
}

impl Projections {
    /// The one an item is projected by.
    pub fn of(&self, item: Item) -> &Projection {
        let left = self.left[statistic(item) as usize].as_deref();
        left.unwrap_or(&self.measured)
    }
}

/// Days in order, and what is left of them by statistic.
struct YearDays {
    measured: Vec<AreaDay>,
    left: Left,
}

impl YearDays {
    fn of(&self, statistic: Statistic) -> &[AreaDay] {
        let left = self.left[statistic as usize].as_deref();
        left.unwrap_or(&self.measured)
    }

    fn sided(&self) -> Sided<'_> {
        let left = std::array::from_fn(|at| self.left[at].as_deref());
        Sided::new(&self.measured, left)
    }

    fn up_to(&self, on: NaiveDate) -> Self {
        let own = |days: &Vec<AreaDay>| -> Vec<AreaDay> {
            days.iter().filter(|day| day.day <= on).cloned().collect()
        };
        Self {
            measured: own(&self.measured),
            left: std::array::from_fn(|at| self.left[at].as_ref().map(own)),
        }
    }
}

/// The past years that can be drawn from, newest first.
#[derive(Default)]
struct Past {
    measured: Vec<PastYear>,
    left: [Option<Vec<PastYear>>; Statistic::ALL.len()],
}

impl Past {
    fn of(edition: &Edition, years: &[YearDays]) -> Self {
        let past = |days: &dyn Fn(&YearDays) -> Vec<AreaDay>| -> Vec<PastYear> {
            let own = |year: &YearDays| PastYear::left_of(edition, &year.measured, &days(year));
            years.iter().filter_map(own).take(YEARS_MAX).collect()
        };
        Self {
            measured: past(&|year| year.measured.clone()),
            left: Statistic::ALL.map(|statistic| {
                let touched = years
                    .iter()
                    .any(|year| year.left[statistic as usize].is_some());
                touched.then(|| past(&|year| year.of(statistic).to_vec()))
            }),
        }
    }

    fn by(&self, statistic: Statistic) -> &[PastYear] {
        self.left[statistic as usize]
            .as_ref()
            .unwrap_or(&self.measured)
    }
}

/// One year of the area under one edition, up to a day.
struct YearSoFar {
    edition: String,
    to: NaiveDate,
    days: YearDays,
    assessment: Assessment,
    projections: Result<Projections, Gap>,
}

/// Keeps the years of an area while several standings are asked for.
pub(super) struct Pacer<'a> {
    assessor: &'a Assessor,
    area: &'a Area,
    choices: Choices,
    /// Whether excluded days are left out.
    deducted: bool,
    /// Edition, year, its days.
    years: Vec<(String, i32, YearDays)>,
    /// Edition, year, the past years to draw from.
    past: Vec<(String, i32, Past)>,
    /// The newest year looked at under each edition.
    so_far: Vec<YearSoFar>,
}

impl<'a> Pacer<'a> {
    /// By the main side of the exclusions.
    pub(super) fn new(assessor: &'a Assessor, area: &'a Area, choices: Choices) -> Self {
        let deducted = choices.exclusions.in_main(assessor.publication.deduct);
        Self::on_side(assessor, area, choices, deducted)
    }

    fn on_side(assessor: &'a Assessor, area: &'a Area, choices: Choices, deducted: bool) -> Self {
        Self {
            assessor,
            area,
            choices,
            deducted,
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
            days: so_far.days.of(statistic(target.item)),
            days_left: days_left(so_far.assessment.period.span).map_or(0, Span::length),
        };
        let projections = so_far.projections.as_ref().ok();
        let projection = projections.map(|projections| projections.of(target.item));
        standing(target, item_years, &basis, projection)
    }

    fn so_far(&mut self, edition: &Edition, on: NaiveDate) -> &YearSoFar {
        let known = |found: &YearSoFar| found.edition == edition.id;
        let at = self.so_far.iter().position(known);
        if let Some(at) = at.filter(|at| self.so_far[*at].to == on) {
            return &self.so_far[at];
        }
        let days = self.year(edition, on.year()).up_to(on);
        let period = PeriodKind::YearToDate.containing(on);
        let left = days_left(period.span);
        let kind = match left {
            Some(_) => PeriodKind::YearToDate,
            None => PeriodKind::Year,
        };
        let rules = self.assessor.rules(edition, self.choices);
        let found = YearSoFar {
            edition: edition.id.clone(),
            to: on,
            assessment: assess(&rules, kind, period, days.sided()),
            projections: match left {
                None => Err(Gap::YearOver),
                Some(left) => self.projections(&rules, on, &days, left),
            },
            days,
        };
        self.so_far.retain(|other| other.edition != edition.id);
        self.so_far.push(found);
        &self.so_far[self.so_far.len() - 1]
    }

    fn projections(
        &mut self,
        rules: &Rules<'_>,
        on: NaiveDate,
        so_far: &YearDays,
        left: Span,
    ) -> Result<Projections, Gap> {
        let seed = seed(&self.area.text(), on);
        let past = self.past(rules.edition, on.year());
        let measured = Projection::of(rules, seed, &so_far.measured, left, &past.measured);
        let need = rules.edition.validity.year_days_min;
        let measured = measured.ok_or(Gap::NoPastYear { need })?;
        let left_of = |statistic: Statistic| {
            let at = statistic as usize;
            let touched = so_far.left[at].is_some() || past.left[at].is_some();
            let days = so_far.of(statistic);
            let own = || Projection::of(rules, seed, days, left, past.by(statistic));
            touched.then(own).flatten().map(Box::new)
        };
        Ok(Projections {
            measured,
            left: Statistic::ALL.map(left_of),
        })
    }

    /// All days of a year, as far as there are data of them.
    fn year(&mut self, edition: &Edition, year: i32) -> &YearDays {
        let known = |(id, known, _): &(String, i32, _)| *id == edition.id && *known == year;
        let at = self.years.iter().position(known).unwrap_or_else(|| {
            let days = self.all_days(edition, year);
            self.years.push((edition.id.clone(), year, days));
            self.years.len() - 1
        });
        &self.years[at].2
    }

    fn all_days(&self, edition: &Edition, year: i32) -> YearDays {
        let (assessor, area) = (self.assessor, self.area);
        let span = year_span(year);
        let fixed = EditionChoice::Fixed(edition.id.clone());
        let measured = assessor.days(area, span, &fixed, self.choices);
        let left = match self.deducted {
            false => Left::default(),
            true => {
                let exclusions = assessor.exclusions(area, &[span], self.choices.known_on);
                assessor.left(area, edition, self.choices, &measured, &exclusions)
            }
        };
        YearDays { measured, left }
    }

    /// The newest years before `year` that can be drawn from.
    fn past(&mut self, edition: &Edition, year: i32) -> &Past {
        let known = |(id, known, _): &(String, i32, _)| *id == edition.id && *known == year;
        let at = self.past.iter().position(known).unwrap_or_else(|| {
            let extent = self.assessor.extent(self.area);
            let first = extent.map_or(year, |span| span.from.year());
            let last = extent.map_or(year, |span| span.to.year() + 1).min(year);
            let years = (first..last).rev().map(|year| self.all_days(edition, year));
            let usable = years.filter(|year| PastYear::of(edition, &year.measured).is_some());
            let usable: Vec<YearDays> = usable.take(YEARS_MAX).collect();
            self.past
                .push((edition.id.clone(), year, Past::of(edition, &usable)));
            self.past.len() - 1
        });
        &self.past[at].2
    }

    /// The years whose days were used, as spans up to a day.
    fn used(&self, on: NaiveDate) -> Vec<Span> {
        let own = self.years.iter().map(|(_, year, _)| *year);
        let past = self.past.iter().flat_map(|(_, _, past)| &past.measured);
        let years: BTreeSet<i32> = own.chain(past.map(PastYear::year)).collect();
        let spans = years.into_iter().map(year_span);
        let within = spans.filter(|span| span.from <= on);
        let within = within.map(|span| Span {
            to: span.to.min(on),
            ..span
        });
        within.collect()
    }
}

fn year_span(year: i32) -> Span {
    let first = NaiveDate::from_yo_opt(year, 1).expect("a year of the calendar");
    PeriodKind::Year.containing(first).span
}

impl Assessor {
    /// The area's targets as they stand at the end of `on`, from data up to and including that day; by all days as
    /// measured, with excluded ones left out, or both.
    pub fn pacing(&self, area: &Area, on: NaiveDate, choices: Choices) -> Pacing {
        let deducted = choices.exclusions.in_main(self.publication.deduct);
        let mut pacer = Pacer::on_side(self, area, choices, deducted);
        let main = pacer.paces(on);
        let period = PeriodKind::YearToDate.containing(on);
        let entries = match choices.exclusions {
            ExclusionView::Both => self.exclusions(area, &pacer.used(on), choices.known_on),
            ExclusionView::With | ExclusionView::Without => Vec::new(),
        };
        let about = |own: &Applied| own.exclusion.concerns_any(Purpose::Report);
        let entries: Vec<Applied> = entries.into_iter().filter(about).collect();
        let excluded = (!entries.is_empty()).then(|| {
            let other = Pacer::on_side(self, area, choices, !deducted).paces(on);
            let (before, after) = match deducted {
                true => (other, main.clone()),
                false => (main.clone(), other),
            };
            Box::new(PacesBeside {
                entries,
                before,
                after,
            })
        });
        Pacing {
            on,
            days_left: days_left(period.span).map_or(0, Span::length),
            edition: self.editions.on(on).id.clone(),
            deducted,
            main,
            excluded,
        }
    }
}

impl Pacer<'_> {
    fn paces(&mut self, on: NaiveDate) -> Paces {
        let editions = &self.assessor.editions;
        let edition = editions.on(on);
        let year = on.year();
        let mut standings = Vec::new();
        for target in self.targets() {
            let years = self.item_years(target);
            if target.year > year {
                standings.push(blank(target, years, on, &Gap::NotBegun));
            } else if target.year == year {
                standings.push(self.standing(target, on, edition));
            } else if years.into_iter().filter(|other| *other <= year).max() == Some(target.year) {
                let last = year_span(target.year).to;
                standings.push(self.standing(target, last, editions.on(last)));
            }
        }
        standings.sort_by_key(|standing| (-standing.year, standing.id.clone()));
        Paces {
            projection: self.so_far(edition, on).projections.clone(),
            standings,
        }
    }
}
