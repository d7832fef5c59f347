//! Fills the dashboard's view: asks the flows, prints figures as published, translates reasons.

mod calendar;
mod commissioning;
mod frames;
mod heat;
mod plots;
mod published;
mod records;
mod rose;
mod rows;
mod sides;
mod station_tables;
mod stations_page;
mod targets;
mod targets_page;
mod today;
mod trends;

pub use calendar::calendar;
pub use calendar::day;
pub use commissioning::commissioning;
pub use plots::Kind;
pub use plots::plot;
pub use records::bulletins;
pub use records::data;
pub use records::restatements;
pub use stations_page::station;
pub use stations_page::stations;
pub use targets_page::targets;
pub use today::today;
pub use trends::trend_table;
pub use trends::trends;

use std::collections::BTreeMap;

use chrono::Datelike;
use chrono::NaiveDate;

use crate::adapters::chart::calendar::DayCell;
use crate::adapters::chart::calendar::DayState;
use crate::adapters::chart::palette::AqiLevel;
use crate::adapters::http::credit_view;
use crate::adapters::http::desk::sides::Shown;
use crate::adapters::http::desk::station_tables::printed;
use crate::adapters::http::error::Problem;
use crate::adapters::http::page::view::Against;
use crate::adapters::http::page::view::AgainstKind;
use crate::adapters::http::page::view::Basis;
use crate::adapters::http::page::view::Choice;
use crate::adapters::http::page::view::DashboardView;
use crate::adapters::http::page::view::DayCard;
use crate::adapters::http::page::view::DayValue;
use crate::adapters::http::page::view::MonthValue;
use crate::adapters::http::page::view::Progress;
use crate::adapters::http::page::view::Ratio;
use crate::adapters::http::page::view::StationRow;
use crate::adapters::http::state::WebState;
use crate::adapters::lang::Lang;
use crate::adapters::words;
use crate::domain::area::AreaDay;
use crate::domain::assessment::change::Percent;
use crate::domain::assessment::change::Points;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;
use crate::domain::registry::Item;
use crate::domain::registry::Names;
use crate::domain::standards::Edition;
use crate::domain::units::Decimal;
use crate::domain::units::Exact;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::assess::PeriodReport;
use crate::flow::hours::AreaHour;
use crate::flow::hours::HoursOf;
use crate::flow::pacing::Paces;
use crate::flow::reviewed::over;
use crate::flow::rollup::Recipe;

/// What the page was asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Language.
    pub lang: Lang,
    /// Area, if one was chosen.
    pub area: Option<Area>,
    /// Year, if one was chosen.
    pub year: Option<i32>,
    /// Which readings.
    pub review: Review,
    /// Key after which the list of enterprises begins.
    pub after: Option<String>,
}

/// The name in the page's language.
pub fn name(names: &Names, lang: Lang) -> String {
    lang.pick(names.zh.as_str(), names.en.as_str()).to_owned()
}

/// The unit of an item's figures as pages write it.
fn unit(item: Item, lang: Lang) -> String {
    printed(words::unit(item, lang))
}

struct Desk<'a> {
    state: &'a WebState,
    /// How often days of each year had been replaced before they were taken.
    changes: BTreeMap<i32, u64>,
    assessor: Assessor,
    lang: Lang,
    area: Area,
    /// Which readings, and whence.
    review: Review,
    recipe: Recipe,
    choices: Choices,
    /// Newest valid day of all.
    newest: Option<NaiveDate>,
    /// Newest valid day of the year shown.
    newest_of_year: Option<NaiveDate>,
    year: i32,
    /// The year's days up to its newest valid one.
    span: Span,
}

/// Builds the view of the dashboard.
///
/// # Errors
/// An area that does not exist, or those of the store.
pub async fn dashboard(state: &WebState, wish: Wish) -> Result<DashboardView, Problem> {
    let default_note = wish.area.is_none() && wish.year.is_none();
    let desk = Desk::open(state, &wish).await?;
    let stations = desk.stations().await?;
    let after = wish.after.as_deref();
    state
        .compute(|| desk.view(default_note, after, stations))
        .await
}

/// An assessor of the readings asked for, and what made its days.
async fn values(state: &WebState, review: Review) -> Result<(Assessor, Recipe), Problem> {
    let (raw, recipe) = (state.assessor(), state.rollup.recipe());
    if review == Review::Raw {
        return Ok((raw, recipe.clone()));
    }
    let decisions = state.reviewing.now();
    let beside = state.reviewed.beside(recipe, &raw.days, &decisions).await?;
    let recipe = over(recipe, &decisions, true);
    Ok((state.assessor_of(beside.days), recipe))
}

fn signed(change: Decimal) -> String {
    let text = change.to_string();
    if text.starts_with('-') || change.scaled() == 0 {
        text
    } else {
        format!("+{text}")
    }
}

fn primary(day: &AreaDay) -> Vec<String> {
    day.index
        .primary
        .iter()
        .map(|found| found.label().to_owned())
        .collect()
}

/// The index of an hour with its level.
fn level_of(hour: &AreaHour) -> Option<(u16, AqiLevel)> {
    let aqi = u16::try_from(hour.index.aqi?).ok()?;
    Some((aqi, AqiLevel::from_number(hour.index.level()?)?))
}

fn aqi_of(day: &AreaDay) -> Option<(u16, AqiLevel)> {
    let aqi = u16::try_from(day.index.aqi?).ok()?;
    Some((aqi, AqiLevel::from_number(day.index.level()?)?))
}

impl<'a> Desk<'a> {
    /// Everything of one area and year up to its newest valid day.
    ///
    /// # Errors
    /// An area that does not exist, or those of the store.
    async fn open(state: &'a WebState, wish: &Wish) -> Result<Self, Problem> {
        let changes = state.rollup.changes();
        let (assessor, recipe) = values(state, wish.review).await?;
        let area = wish.area.clone();
        let area = area.unwrap_or_else(|| assessor.default_area());
        area.check(&assessor.registry, &assessor.days)?;
        let today = state.zone.local(state.now()).date_naive();
        let newest = assessor.newest_valid(&area, NaiveDate::MAX);
        let year = wish.year.unwrap_or_else(|| newest.unwrap_or(today).year());
        let day = |month, day| {
            NaiveDate::from_ymd_opt(year, month, day)
                .ok_or_else(|| Problem::bad("year", "a year within the calendar is expected"))
        };
        let (first, last) = (day(1, 1)?, day(12, 31)?);
        let newest_of_year = assessor
            .newest_valid(&area, last)
            .filter(|day| *day >= first);
        let span = Span {
            from: first,
            to: newest_of_year.unwrap_or(last),
        };
        Ok(Self {
            review: wish.review,
            recipe,
            choices: Choices {
                known_on: Some(today),
                ..Choices::default()
            },
            state,
            changes,
            assessor,
            lang: wish.lang,
            area,
            newest,
            newest_of_year,
            year,
            span,
        })
    }
}

impl Desk<'_> {
    fn view(
        &self,
        default_note: bool,
        after: Option<&str>,
        stations: Vec<StationRow>,
    ) -> Result<DashboardView, Problem> {
        let report = self.report();
        let other = self.other_paces();
        let days = self.year_days();
        let edition = self.edition(&report.assessment.edition);
        let credit = credit_view::list(self.state, self.lang, after)?;
        Ok(DashboardView {
            lang: self.lang,
            area: self.choice(&self.area),
            areas: self.areas(),
            year: self.year,
            years: self.years(),
            basis: self.basis(edition),
            simulated: self.assessor.simulated(&self.area, self.span),
            default_note,
            pm25: self.pm25(&report, edition, other.as_ref()),
            ratio: self.ratio(&report, other.as_ref()),
            day: self
                .newest_of_year
                .and_then(|newest| self.card(days.iter().find(|day| day.day == newest)?)),
            calendar: days.iter().map(|day| self.cell(day)).collect(),
            months: self.months(),
            days: days.iter().map(|day| self.day_value(day)).collect(),
            silent: self.silent(),
            stations,
            published: self.published(),
            tiers: credit.spread,
            enterprises: credit.rows,
            enterprises_next: credit.next,
            enterprises_later: after.is_some(),
            publish: self.hint(),
        })
    }

    /// The days of the year; one without any valid day has nothing to draw.
    fn year_days(&self) -> Vec<AreaDay> {
        let auto = EditionChoice::Auto;
        match self.newest_of_year {
            None => Vec::new(),
            Some(_) => self
                .assessor
                .days(&self.area, self.span, &auto, self.choices),
        }
    }

    fn year_values(&self) -> Vec<DayValue> {
        let days = self.year_days();
        days.iter().map(|day| self.day_value(day)).collect()
    }

    fn basis(&self, edition: &Edition) -> Basis {
        Basis {
            edition_id: edition.id.clone(),
            edition_name: edition.title.clone(),
            zone: self.state.zone.to_string(),
            review: self.review,
            known_at: self.state.zone.text(self.state.now()),
            newest: self.newest,
        }
    }

    fn edition(&self, id: &str) -> &Edition {
        self.assessor
            .editions
            .by_id(id)
            .unwrap_or(self.assessor.editions.on(self.span.to))
    }

    /// Figures of the year so far; a whole year counts as the year.
    fn report(&self) -> PeriodReport {
        let whole = PeriodKind::Year.containing(self.span.from).span == self.span;
        let kind = if whole {
            PeriodKind::Year
        } else {
            PeriodKind::Whole
        };
        let auto = EditionChoice::Auto;
        let mut reports = self
            .assessor
            .periods(&self.area, self.span, kind, &auto, self.choices);
        reports
            .pop()
            .expect("a range of days is at least one period")
    }

    fn choice(&self, area: &Area) -> Choice {
        let registry = &self.assessor.registry;
        let name = match area {
            Area::Group(id) => registry
                .group(id)
                .map(|group| name(&group.names, self.lang)),
            Area::Station(id) => registry
                .station(id)
                .map(|station| name(&station.names, self.lang)),
            Area::Mean => Some(
                self.lang
                    .pick("全部站点平均", "Mean of all stations")
                    .to_owned(),
            ),
        };
        Choice {
            id: area.text(),
            name: name.unwrap_or_else(|| area.id().to_owned()),
        }
    }

    /// Groups first, then single stations with data.
    fn areas(&self) -> Vec<Choice> {
        let registry = &self.assessor.registry;
        let groups = registry
            .groups
            .iter()
            .map(|group| Area::Group(group.id.clone()));
        let with_data = |id: &&SourceId| self.assessor.days.contains_key(id);
        let stations = registry
            .stations
            .iter()
            .map(|station| &station.id)
            .filter(with_data);
        let stations = stations.map(|id| Area::Station(id.clone()));
        let mut areas: Vec<Choice> = groups
            .chain(stations)
            .map(|area| self.choice(&area))
            .collect();
        if !areas.iter().any(|choice| choice.id == self.area.text()) {
            areas.insert(0, self.choice(&self.area));
        }
        areas
    }

    /// Silent stations by name, and when each was last seen.
    fn silent(&self) -> Vec<(String, String)> {
        let registry = &self.assessor.registry;
        let silent = self.state.watch.silent().into_iter();
        let told = silent.filter_map(|(id, last)| {
            let named = name(&registry.station(&id)?.names, self.lang);
            Some((named, self.state.zone.text(last)))
        });
        told.collect()
    }

    /// The area's hours as the page is asked about them, from these columns.
    fn hours_of<'d>(&'d self, keys: &'d [SeriesKey]) -> HoursOf<'d> {
        HoursOf {
            recipe: &self.recipe,
            assessor: &self.assessor,
            keys,
            edition: &EditionChoice::Auto,
            choices: self.choices,
            any_station: false,
            known_at: None,
        }
    }

    /// Who answers for a station, with the unit.
    fn chief(&self, id: &SourceId) -> Option<String> {
        let chief = self.assessor.registry.chief(id)?;
        Some(match (&chief.name, self.lang) {
            (None, _) => chief.unit.clone(),
            (Some(name), Lang::Zh) => format!("{name}（{}）", chief.unit),
            (Some(name), Lang::En) => format!("{name} ({})", chief.unit),
        })
    }

    fn years(&self) -> Vec<i32> {
        let extent = self.assessor.extent(&self.area);
        let mut years: Vec<i32> = extent
            .map(|span| (span.from.year()..=span.to.year()).collect())
            .unwrap_or_default();
        if !years.contains(&self.year) {
            years.push(self.year);
        }
        years.sort_unstable();
        years
    }

    fn pm25(&self, report: &PeriodReport, edition: &Edition, other: Option<&Paces>) -> Progress {
        let figure = &report.assessment.pm25;
        let mut against = self.targets(Item::Pm25Mean, report, other);
        if let Some(limit) = edition.class_2(Pollutant::Pm25, Averaging::Annual) {
            let exact = Exact::amount(limit);
            let met = figure.judged.map(|judged| judged.exact() <= exact);
            against.push(Against {
                value: limit.to_string(),
                met,
                kind: AgainstKind::ClassLimit,
            });
        }
        let change = report.yoy.and_then(|yoy| yoy.pm25_pct).map(Percent::number);
        Progress {
            value: figure.published.map(|value| value.to_string()),
            void_reason: figure
                .void_reason
                .as_ref()
                .map(|reason| words::shortfall(reason, self.lang)),
            against,
            valid_days: figure.valid_days,
            calendar_days: report.assessment.days.calendar,
            yoy: change.map(|change| format!("{} %", signed(change))),
            excluded: self.excluded(report, Shown::Pm25),
        }
    }

    fn ratio(&self, report: &PeriodReport, other: Option<&Paces>) -> Ratio {
        let days = report.assessment.days;
        let ratio = days.ratio();
        let change = report
            .yoy
            .and_then(|yoy| yoy.good_day_ratio_pp)
            .map(Points::number);
        let points = self.lang.pick("个百分点", "percentage points");
        let none = words::shortfall("no valid day", self.lang);
        Ratio {
            progress: Progress {
                value: ratio.map(|ratio| ratio.to_string()),
                void_reason: ratio.is_none().then_some(none),
                against: self.targets(Item::GoodDayRatio, report, other),
                valid_days: days.valid,
                calendar_days: days.calendar,
                yoy: change.map(|change| format!("{} {points}", signed(change))),
                excluded: self.excluded(report, Shown::Ratio),
            },
            bounds: ratio
                .and(days.ratio_if_voids_bad())
                .zip(days.ratio_if_voids_good())
                .map(|(bad, good)| (bad.to_string(), good.to_string())),
            good_days: days.good,
            heavy_days: days.heavy,
            void_days: days.void(),
        }
    }

    fn printed(&self, day: &AreaDay) -> Option<String> {
        let index = Pollutant::Pm25.index();
        let own = self.edition(&day.edition).decimals[index];
        let decimals = self.assessor.publication.decimals[index].unwrap_or(own);
        day.values.values[index]
            .as_ref()
            .map(|value| value.round(decimals).to_string())
    }

    fn reason(&self, day: &AreaDay) -> Option<String> {
        let void = day.index.aqi.is_none();
        void.then(|| words::void_day(&day.void_reason, self.lang))
    }

    fn card(&self, day: &AreaDay) -> Option<DayCard> {
        Some(DayCard {
            day: day.day,
            aqi: aqi_of(day),
            primary: day
                .index
                .primary
                .iter()
                .map(|found| found.label().to_owned())
                .collect(),
            pm25: self.printed(day),
            void_reason: self.reason(day),
        })
    }

    fn cell(&self, day: &AreaDay) -> DayCell {
        let state = match aqi_of(day) {
            Some((aqi, level)) => DayState::Valid {
                aqi,
                level,
                primary: primary(day).join(", "),
            },
            None => DayState::Void {
                reason: self.reason(day).unwrap_or_default(),
            },
        };
        DayCell {
            day: day.day,
            state,
        }
    }

    fn day_value(&self, day: &AreaDay) -> DayValue {
        DayValue {
            day: day.day,
            value: self.printed(day),
        }
    }

    fn months(&self) -> Vec<MonthValue> {
        let auto = EditionChoice::Auto;
        let reports = self.assessor.periods(
            &self.area,
            self.span,
            PeriodKind::Month,
            &auto,
            self.choices,
        );
        let month = |report: &PeriodReport| MonthValue {
            month: report.assessment.period.span.from.month(),
            value: report
                .assessment
                .pm25
                .published
                .map(|value| value.to_string()),
            valid_days: report.assessment.pm25.valid_days,
        };
        reports.iter().map(month).collect()
    }
}
