//! What stands beside a period's figures: the same with excluded days left out, the same on the stations that
//! were there all the time, and the documents that say which stations count.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::domain::area::AreaDay;
use crate::domain::assessment::Assessment;
use crate::domain::assessment::change::YearOnYear;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::exclusion::Exclusion;
use crate::domain::exclusion::Place;
use crate::domain::exclusion::Statistic;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::registry::Group;
use crate::domain::registry::Membership;
use crate::domain::registry::Registry;
use crate::domain::standards::Edition;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::assess::PeriodReport;
use crate::flow::reviewed::Seen;
use crate::flow::reviewed::SeenDays;
use crate::flow::rollup::StationDays;

/// Which figures are given where days are excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExclusionView {
    /// Excluded days left out.
    With,
    /// Every day as measured.
    Without,
    /// The main figures as the publication profile says, and both beside them.
    #[default]
    Both,
}

impl ExclusionView {
    /// The text used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::With => "with",
            Self::Without => "without",
            Self::Both => "both",
        }
    }

    /// From the interface text.
    ///
    /// # Errors
    /// In words, for any other text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let known = [Self::With, Self::Without, Self::Both];
        let found = known.into_iter().find(|view| view.key() == text);
        found.ok_or_else(|| "with, without or both is expected".to_owned())
    }

    /// Whether the main figures leave excluded days out.
    pub fn in_main(self, publication_deducts: bool) -> bool {
        match self {
            Self::With => true,
            Self::Without => false,
            Self::Both => publication_deducts,
        }
    }
}

/// An exclusion and the days of a period it takes something out of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The decision.
    pub exclusion: Exclusion,
    /// The days, of the period or of the year before it.
    pub days: Vec<NaiveDate>,
}

/// A period's figures and its change against the year before.
pub type BothSides = (Assessment, Option<YearOnYear>);

/// A period without and with its exclusions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excluded {
    /// The decisions.
    pub entries: Vec<Applied>,
    /// Every day as measured.
    pub before: BothSides,
    /// Excluded days left out.
    pub after: BothSides,
}

/// The same period on the stations that belong to the area on every day of all periods shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FixedSet {
    /// The area has no other stations.
    Same(Vec<SourceId>),
    /// There is no such station; says on which days.
    Empty(String),
    /// Its stations and their figures.
    Figures(Vec<SourceId>, Box<BothSides>),
}

/// What stands beside a period's figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Whether the main figures leave excluded days out.
    pub deducted: bool,
    /// Both sides of the exclusions; `None` when none concerns the period or they were not asked for.
    pub excluded: Option<Box<Excluded>>,
    /// The fixed set; `None` when it was not asked for.
    pub fixed_set: Option<FixedSet>,
    /// Documents that say which stations count within the period.
    pub documents: Vec<String>,
    /// How many of the period's values a reviewer has looked at; `None` for raw figures.
    pub seen: Option<Seen>,
}

/// An area's days by statistic, where something is taken out.
pub(super) type Left = [Option<Vec<AreaDay>>; Statistic::ALL.len()];

/// The pollutants that exclusions take out at a station of the area on a day.
fn taken(exclusions: &[&Applied], day: NaiveDate, source: &SourceId) -> [bool; 6] {
    let here = |applied: &&Applied| match &applied.exclusion.place {
        Place::Station(id) => id == source,
        Place::Group(_) | Place::All => true,
    };
    let own = exclusions.iter().copied().filter(here);
    Pollutant::ALL.map(|pollutant| {
        own.clone()
            .any(|applied| applied.exclusion.takes(pollutant, day))
    })
}

impl Assessor {
    /// The exclusions that take something out of the area's figures on days of the spans, by what is known on a
    /// day (`None`: every decision that was not revoked).
    pub(super) fn exclusions(
        &self,
        area: &Area,
        spans: &[Span],
        known_on: Option<NaiveDate>,
    ) -> Vec<Applied> {
        let known_on = known_on.unwrap_or(NaiveDate::MAX);
        let standing = self.registry.exclusions.iter();
        let standing = standing.filter(|exclusion| exclusion.stands_on(known_on));
        let mut all = Vec::new();
        for exclusion in standing {
            let touches = |day: &NaiveDate| match &exclusion.place {
                Place::All => true,
                Place::Group(id) => *area == Area::Group(id.clone()),
                Place::Station(id) => self.members(area, *day).contains(id),
            };
            let shared = spans.iter().map(|span| Span {
                from: span.from.max(exclusion.span.from),
                to: span.to.min(exclusion.span.to),
            });
            let days: BTreeSet<NaiveDate> = shared.flat_map(Span::days).filter(touches).collect();
            if !days.is_empty() {
                all.push(Applied {
                    exclusion: exclusion.clone(),
                    days: days.into_iter().collect(),
                });
            }
        }
        all
    }

    /// What is left of an area's days for each statistic.
    pub(super) fn left(
        &self,
        area: &Area,
        edition: &Edition,
        choices: Choices,
        measured: &[AreaDay],
        exclusions: &[Applied],
    ) -> Left {
        let options = choices.options(edition);
        Statistic::ALL.map(|statistic| {
            let about = |applied: &&Applied| applied.exclusion.concerns(choices.purpose, statistic);
            let own: Vec<&Applied> = exclusions.iter().filter(about).collect();
            let days = own.iter().flat_map(|own| own.days.iter().copied());
            let days: BTreeSet<NaiveDate> = days.collect();
            let rest = |day: &AreaDay| {
                if !days.contains(&day.day) {
                    return day.clone();
                }
                let mask = |source: &SourceId| taken(&own, day.day, source);
                self.day_without(area, day.day, edition, &options, &mask)
            };
            (!days.is_empty()).then(|| measured.iter().map(rest).collect())
        })
    }

    /// The documents behind the area's stations within the span.
    pub(super) fn documents(&self, area: &Area, span: Span) -> Vec<String> {
        let Area::Group(id) = area else {
            return Vec::new();
        };
        let Some(group) = self.registry.group(id) else {
            return Vec::new();
        };
        let within = |member: &&Membership| {
            member.from <= span.to && member.to.is_none_or(|to| span.from <= to)
        };
        let members = group.members.iter().filter(within);
        let own = members.filter_map(|member| member.document.clone());
        let own: BTreeSet<String> = own.filter(|own| *own != group.document).collect();
        std::iter::once(group.document.clone()).chain(own).collect()
    }

    /// How many hourly values of the area's stations within the span a reviewer has looked at.
    pub fn reviewed_values(&self, area: &Area, span: Span, seen: &SeenDays) -> Seen {
        let mut sum = Seen::default();
        for day in span.days() {
            for source in self.members(area, day) {
                let decided = seen.get(&source).and_then(|days| days.get(&day));
                let raw = || {
                    let day = self.days.get(&source).and_then(|days| days.get(&day));
                    Seen {
                        reviewed: 0,
                        of: day.map_or(0, |day| day.hours.iter().sum()),
                    }
                };
                let own = decided.copied().unwrap_or_else(raw);
                sum.reviewed += own.reviewed;
                sum.of += own.of;
            }
        }
        sum
    }

    /// Puts the fixed set beside every report: on the stations that belong to the area on every day of all
    /// periods, and of the years before where those are compared.
    pub(super) fn put_fixed_set(
        &self,
        area: &Area,
        kind: PeriodKind,
        edition: &EditionChoice,
        choices: Choices,
        reports: &mut [PeriodReport],
    ) {
        let own = |report: &PeriodReport| {
            let span = report.assessment.period.span;
            [Some(span), report.yoy.as_ref().map(|_| span.year_before())]
        };
        let spans: Vec<Span> = reports.iter().flat_map(own).flatten().collect();
        let days: BTreeSet<NaiveDate> = spans.iter().flat_map(|span| span.days()).collect();
        let ends = days.first().copied().zip(days.last().copied());
        let Some((from, to)) = ends else { return };
        let mut sets = days
            .iter()
            .map(|day| -> BTreeSet<SourceId> { self.members(area, *day).into_iter().collect() });
        let first = sets.next().unwrap_or_default();
        let (mut fixed, mut same) = (first.clone(), true);
        for set in sets {
            same &= set == first;
            fixed.retain(|source| set.contains(source));
        }
        let stations: Vec<SourceId> = fixed.into_iter().collect();
        let every = |fixed: FixedSet, reports: &mut [PeriodReport]| {
            for report in reports {
                report.beside.fixed_set = Some(fixed.clone());
            }
        };
        match (area, stations.is_empty(), same) {
            (_, true, _) => {
                let reason =
                    format!("no station belongs to the area on every day from {from} to {to}");
                every(FixedSet::Empty(reason), reports);
            }
            (Area::Group(id), false, false) => {
                let assessor = self.on_stations(id, &stations);
                let periods = reports.iter().map(|own| own.assessment.period.clone());
                let again = assessor.reports(area, kind, periods.collect(), edition, choices);
                for (report, again) in reports.iter_mut().zip(again) {
                    let sides = Box::new((again.assessment, again.yoy));
                    report.beside.fixed_set = Some(FixedSet::Figures(stations.clone(), sides));
                }
            }
            _ => every(FixedSet::Same(stations), reports),
        }
    }

    /// The same with a group's stations replaced for all time, and nothing aimed at.
    fn on_stations(&self, group: &str, stations: &[SourceId]) -> Assessor {
        let member = |station: &SourceId| Membership {
            station: station.clone(),
            from: NaiveDate::MIN,
            to: None,
            document: None,
        };
        let mut registry = Registry::clone(&self.registry);
        registry.targets.clear();
        let own = registry.groups.iter_mut().filter(|own| own.id == group);
        own.for_each(|own: &mut Group| own.members = stations.iter().map(member).collect());
        // Apart from what is kept of the registry as it is.
        let days = StationDays::apart(&self.days);
        Assessor {
            registry: Arc::new(registry),
            days: Arc::new(days),
            ..self.clone()
        }
    }
}
