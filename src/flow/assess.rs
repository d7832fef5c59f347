//! From station days to the figures of an area: days, periods, year on year, targets.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::domain::area::AreaOptions;
use crate::domain::area::MinStations;
use crate::domain::assessment::Assessment;
use crate::domain::assessment::Publication;
use crate::domain::assessment::Rules;
use crate::domain::assessment::change::EditionEffect;
use crate::domain::assessment::change::YearOnYear;
use crate::domain::assessment::change::edition_effect;
use crate::domain::assessment::composite::CompositeOptions;
use crate::domain::assessment::composite::Singles;
use crate::domain::assessment::composite::Weights;
use crate::domain::calendar::Period;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::comparison::GoalStanding;
use crate::domain::exclusion::Purpose;
use crate::domain::names::SourceId;
use crate::domain::registry::Membership;
use crate::domain::registry::Registry;
use crate::domain::standards::AreaClass;
use crate::domain::standards::Edition;
use crate::domain::standards::Editions;
use crate::domain::standards::Missing;
use crate::domain::standards::Realtime;
use crate::domain::target::Standing;
use crate::flow::area::Area;
use crate::flow::beside::Beside;
use crate::flow::beside::ExclusionView;
use crate::flow::pacing::Pacer;
use crate::flow::rollup::StationDays;
use crate::flow::sheets::Sheets;

/// Which edition judges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EditionChoice {
    /// The one in force: on the day; for a longer period on its last day.
    #[default]
    Auto,
    /// This one, whatever the dates.
    Fixed(String),
    /// The first of these, with the results of the others beside it.
    Several(Vec<String>),
}

impl EditionChoice {
    /// Reads `auto`, an edition's id, or several ids joined by commas.
    ///
    /// # Errors
    /// In words, naming the editions there are.
    pub fn parse(text: &str, editions: &Editions) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let known: Vec<&str> = editions
            .named()
            .map(|edition| edition.id.as_str())
            .collect();
        let mut ids: Vec<String> = Vec::new();
        for id in text.split(',') {
            if !known.contains(&id) {
                let known = known.join(", ");
                return Err(match id {
                    "auto" => format!("auto stands alone; {known} are joined by commas"),
                    _ => format!(
                        "{id:?} is not auto, {known}; several of these are joined by commas"
                    ),
                });
            }
            if ids.iter().any(|other| other == id) {
                return Err(format!("{id} is given twice"));
            }
            ids.push(id.to_owned());
        }
        match ids.as_slice() {
            [single] => Ok(Self::Fixed(single.clone())),
            _ => Ok(Self::Several(ids)),
        }
    }

    /// The edition of the first result.
    pub fn on<'e>(&self, editions: &'e Editions, day: NaiveDate) -> &'e Edition {
        let chosen = match self {
            Self::Fixed(id) => Some(id),
            Self::Several(ids) => ids.first(),
            Self::Auto => None,
        };
        let chosen = chosen.and_then(|id| editions.by_id(id));
        chosen.unwrap_or_else(|| editions.on(day))
    }

    /// Every edition a day is given under.
    pub(super) fn all_on<'e>(
        &self,
        editions: &'e Editions,
        day: NaiveDate,
    ) -> impl Iterator<Item = &'e Edition> {
        let (several, single): (&[String], _) = match self {
            Self::Several(ids) => (ids, None),
            _ => (&[], Some(self.on(editions, day))),
        };
        let several = several.iter().filter_map(|id| editions.by_id(id));
        single.into_iter().chain(several)
    }
}

/// Choices that differ from the edition's own; `None` keeps those.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Round concentrations before the index.
    pub round_first: Option<bool>,
    /// Keep an ozone day of too few windows when it exceeds the limit.
    pub o3_exception: Option<bool>,
    /// Count the ozone one-hour maximum as a seventh item.
    pub o3_1h_item: Option<bool>,
    /// Print an index of 0 as 1.
    pub lift_zero: Option<bool>,
    /// Class of the area, whose limit the ozone exception speaks of.
    pub area_class: Option<AreaClass>,
    /// Stations an area's day needs.
    pub min_stations: Option<MinStations>,
    /// Rounding of the composite index's single indices.
    pub composite: Option<Singles>,
    /// Weights of the composite index.
    pub composite_weights: Option<Weights>,
    /// What the hourly index is made of.
    pub realtime: Option<Realtime>,
    /// What to do with an hour in which a pollutant is missing.
    pub hour_missing: Option<Missing>,
    /// Which figures are given where days are excluded.
    pub exclusions: ExclusionView,
    /// On which day exclusions are known; `None` takes every one that was not revoked.
    pub known_on: Option<NaiveDate>,
    /// What the figures are made for.
    pub purpose: Purpose,
    /// Whether the figures of the fixed set of stations are put beside.
    pub fixed_set: bool,
}

impl Choices {
    /// The options in force under an edition.
    pub fn options(self, edition: &Edition) -> AreaOptions {
        let mut options = AreaOptions::of(edition);
        options.index.round_first = self.round_first.unwrap_or(options.index.round_first);
        options.index.o3_1h_item = self.o3_1h_item.unwrap_or(options.index.o3_1h_item);
        options.o3_exception = self.o3_exception.unwrap_or(options.o3_exception);
        options.index.lift_zero = self.lift_zero.unwrap_or(options.index.lift_zero);
        options.area_class = self.area_class.unwrap_or(options.area_class);
        options.min_stations = self.min_stations.unwrap_or(options.min_stations);
        options
    }

    /// Every choice spelt out, so that the edition's own do not matter.
    pub fn exactly(options: &AreaOptions, composite: CompositeOptions) -> Self {
        Self {
            round_first: Some(options.index.round_first),
            o3_exception: Some(options.o3_exception),
            o3_1h_item: Some(options.index.o3_1h_item),
            lift_zero: Some(options.index.lift_zero),
            area_class: Some(options.area_class),
            min_stations: Some(options.min_stations),
            composite: Some(composite.singles),
            composite_weights: Some(composite.weights),
            realtime: None,
            hour_missing: None,
            exclusions: ExclusionView::Without,
            ..Self::default()
        }
    }

    /// Checks that the choices mean something under the edition: another authority's profile cuts digits off
    /// and has neither an ozone exception nor a seventh item.
    ///
    /// # Errors
    /// In words, naming the choice.
    pub fn fit(self, choice: &EditionChoice, editions: &Editions) -> Result<(), String> {
        let chosen = match choice {
            EditionChoice::Auto => &[][..],
            EditionChoice::Fixed(id) => std::slice::from_ref(id),
            EditionChoice::Several(ids) => ids,
        };
        let comparison = |id: &&String| editions.by_id(id).is_some_and(|own| own.comparison);
        let Some(id) = chosen.iter().find(comparison) else {
            return Ok(());
        };
        let given = [
            ("round_first", self.round_first.is_some()),
            ("o3_exception", self.o3_exception.is_some()),
            ("o3_1h_item", self.o3_1h_item.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((name, _)) => Err(format!(
                "{name} has no meaning under edition {id}; leave it out"
            )),
        }
    }

    /// How the composite index is computed.
    pub fn composite_options(self) -> CompositeOptions {
        CompositeOptions {
            singles: self.composite.unwrap_or_default(),
            weights: self.composite_weights.unwrap_or_default(),
        }
    }
}

/// A period's figures with everything that belongs beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodReport {
    /// The figures.
    pub assessment: Assessment,
    /// Against the same period a year before; `None` when that has no valid day.
    pub yoy: Option<YearOnYear>,
    /// Targets of the area for the period's year.
    pub standings: Vec<Standing>,
    /// How the span stands against a comparison profile's goals; none under a national edition.
    pub goals: Vec<GoalStanding>,
    /// The same period under the other editions: those asked for, else those in force within it.
    pub others: Vec<OtherEdition>,
    /// The options used.
    pub options: AreaOptions,
    /// What stands beside the figures.
    pub beside: Beside,
}

/// A period's figures under a further edition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherEdition {
    /// The figures.
    pub assessment: Assessment,
    /// Against the year before under this edition.
    pub yoy: Option<YearOnYear>,
    /// As in the report's first result.
    pub goals: Vec<GoalStanding>,
    /// How it differs from the first result.
    pub effect: EditionEffect,
    /// The options used.
    pub options: AreaOptions,
}

/// Everything needed to assess an area.
#[derive(Clone)]
pub struct Assessor {
    /// Standards.
    pub editions: Arc<Editions>,
    /// How figures are printed.
    pub publication: Publication,
    /// Stations, groups, targets.
    pub registry: Arc<Registry>,
    /// Station days.
    pub days: Arc<StationDays>,
}

impl Assessor {
    /// The area's periods.
    pub fn periods(
        &self,
        area: &Area,
        span: Span,
        kind: PeriodKind,
        edition: &EditionChoice,
        choices: Choices,
    ) -> Vec<PeriodReport> {
        let mut reports = self.reports(area, kind, kind.cut(span), edition, choices);
        if choices.fixed_set {
            self.put_fixed_set(area, kind, edition, choices, &mut reports);
        }
        reports
    }

    /// One period, whole.
    pub fn one_period(
        &self,
        area: &Area,
        kind: PeriodKind,
        period: Period,
        edition: &EditionChoice,
        choices: Choices,
    ) -> PeriodReport {
        let mut reports = self.reports(area, kind, vec![period], edition, choices);
        reports.pop().expect("one report a period")
    }

    /// Reports on periods, with all but the fixed set beside.
    pub(super) fn reports(
        &self,
        area: &Area,
        kind: PeriodKind,
        periods: Vec<Period>,
        edition: &EditionChoice,
        choices: Choices,
    ) -> Vec<PeriodReport> {
        let spans = periods.iter().map(|period| period.span);
        let all = spans.flat_map(|span| [span, span.year_before()]);
        let all = all.reduce(|a, b| Span {
            from: a.from.min(b.from),
            to: a.to.max(b.to),
        });
        let Some(all) = all else { return Vec::new() };
        let mut exclusions = self.exclusions(area, &[all], choices.known_on);
        exclusions.retain(|applied| applied.exclusion.concerns_any(choices.purpose));
        let mut sheets = Sheets {
            assessor: self,
            area,
            choices,
            span: all,
            exclusions,
            by_edition: Vec::new(),
            pacer: Pacer::new(self, area, choices),
        };
        let report = |period| self.period(&mut sheets, kind, period, edition);
        periods.into_iter().map(report).collect()
    }

    /// What an edition's figures are made by.
    pub fn rules<'e>(&'e self, edition: &'e Edition, choices: Choices) -> Rules<'e> {
        Rules {
            edition,
            publication: &self.publication,
            composite: choices.composite_options(),
        }
    }

    /// First and last day the area has data of.
    pub fn extent(&self, area: &Area) -> Option<Span> {
        let all = self.stations();
        let mut extent: Option<Span> = None;
        for (source, days) in self.days.iter() {
            let counts = |day: &&NaiveDate| match area {
                Area::Station(id) => id == source,
                _ => area.members(&self.registry, &all, **day).contains(source),
            };
            let (first, last) = (days.keys().find(counts), days.keys().rev().find(counts));
            let Some((from, to)) = first.copied().zip(last.copied()) else {
                continue;
            };
            let known = extent.unwrap_or(Span { from, to });
            extent = Some(Span {
                from: known.from.min(from),
                to: known.to.max(to),
            });
        }
        extent
    }

    /// The newest day on which the area has a valid value of any pollutant, up to and including a day.
    pub fn newest_valid(&self, area: &Area, upto: NaiveDate) -> Option<NaiveDate> {
        let all = self.stations();
        let counts = |source: &SourceId| match area {
            Area::Station(id) => id == source,
            Area::Group(id) => {
                let group = self.registry.group(id);
                group.is_some_and(|group| group.members.iter().any(|own| own.station == *source))
            }
            Area::Mean => true,
        };
        let own = self.days.iter().filter(|(source, _)| counts(source));
        let own: Vec<_> = own.map(|(_, days)| days).collect();
        let valid = |day: NaiveDate| {
            let edition = self.editions.on(day);
            let found = self.day(area, &all, day, edition, &AreaOptions::of(edition));
            found.values.values.iter().any(Option::is_some)
        };
        let mut upto = upto;
        loop {
            let last = own
                .iter()
                .filter_map(|days| days.range(..=upto).next_back());
            let day = last.map(|(day, _)| *day).max()?;
            if valid(day) {
                return Some(day);
            }
            upto = day.pred_opt()?;
        }
    }

    /// The area shown when none is chosen: the group of real stations with the newest valid day, without one a
    /// simulated group, else all stations.
    pub fn default_area(&self) -> Area {
        let groups = self
            .registry
            .groups
            .iter()
            .map(|group| Area::Group(group.id.clone()));
        let with_data = groups.filter_map(|area| {
            let newest = self.newest_valid(&area, NaiveDate::MAX)?;
            let real = !self.simulated(
                &area,
                Span {
                    from: newest,
                    to: newest,
                },
            );
            Some((real, newest, area))
        });
        let best = with_data.max_by_key(|(real, newest, _)| (*real, *newest));
        best.map_or(Area::Mean, |(_, _, area)| area)
    }

    /// The stations of the area on a day.
    pub fn members(&self, area: &Area, day: NaiveDate) -> Vec<SourceId> {
        area.members(&self.registry, &self.stations_for(area), day)
    }

    /// Whether any station that belongs to the area within the span is simulated.
    pub fn simulated(&self, area: &Area, span: Span) -> bool {
        let simulated = |id: &SourceId| {
            self.registry
                .station(id)
                .is_some_and(|station| station.simulated)
        };
        match area {
            Area::Station(id) => simulated(id),
            Area::Mean => self.days.keys().any(simulated),
            Area::Group(id) => {
                let members = self
                    .registry
                    .group(id)
                    .into_iter()
                    .flat_map(|group| &group.members);
                let overlaps = |member: &&Membership| {
                    member.from <= span.to && member.to.is_none_or(|to| span.from <= to)
                };
                members
                    .filter(overlaps)
                    .any(|member| simulated(&member.station))
            }
        }
    }

    /// The stations that an area's members are found among: only all of them are looked for in a list.
    pub(super) fn stations_for(&self, area: &Area) -> Vec<SourceId> {
        match area {
            Area::Mean => self.stations(),
            Area::Station(_) | Area::Group(_) => Vec::new(),
        }
    }

    /// Every station there are days of, in order.
    pub(super) fn stations(&self) -> Vec<SourceId> {
        let mut all: Vec<SourceId> = self.days.keys().cloned().collect();
        all.sort();
        all
    }

    fn period(
        &self,
        sheets: &mut Sheets<'_>,
        kind: PeriodKind,
        period: Period,
        choice: &EditionChoice,
    ) -> PeriodReport {
        let edition = choice.on(&self.editions, period.span.to);
        let deducted = sheets.choices.exclusions.in_main(self.publication.deduct);
        let (assessment, yoy) = sheets.both_sides(edition, kind, &period, deducted);
        let beside = Beside {
            deducted,
            excluded: sheets.excluded(edition, kind, &period),
            documents: self.documents(sheets.area, period.span),
            ..Beside::default()
        };
        let other = |other: &Edition| {
            let (own, yoy) = sheets.both_sides(other, kind, &period, deducted);
            OtherEdition {
                goals: sheets.goals(other, period.span),
                effect: edition_effect(&assessment, &own),
                assessment: own,
                yoy,
                options: sheets.choices.options(other),
            }
        };
        let others = self.others(choice, edition, period.span);
        PeriodReport {
            others: others.into_iter().map(other).collect(),
            goals: sheets.goals(edition, period.span),
            standings: sheets.pacer.standings(kind, period.span, edition),
            options: sheets.choices.options(edition),
            assessment,
            yoy,
            beside,
        }
    }

    /// The editions beside `edition`: those chosen with it; under `auto` those in force within the span.
    fn others(&self, choice: &EditionChoice, edition: &Edition, span: Span) -> Vec<&Edition> {
        let first = self.editions.on(span.from).from;
        let within = |other: &&Edition| {
            other.id != edition.id && first <= other.from && other.from <= span.to
        };
        match choice {
            EditionChoice::Fixed(_) => Vec::new(),
            EditionChoice::Several(ids) => {
                let rest = ids.iter().skip(1);
                rest.filter_map(|id| self.editions.by_id(id)).collect()
            }
            EditionChoice::Auto => self.editions.all().iter().filter(within).collect(),
        }
    }
}
