//! Fills the page of targets: how each stands, where the year may end, what other editions make of it.

use chrono::Datelike;
use chrono::NaiveDate;

use crate::adapters::http::desk::Desk;
use crate::adapters::http::desk::Wish;
use crate::adapters::http::desk::unit;
use crate::adapters::http::error::Problem;
use crate::adapters::http::page::targets::EditionRow;
use crate::adapters::http::page::targets::Fact;
use crate::adapters::http::page::targets::Fan;
use crate::adapters::http::page::targets::SoFar;
use crate::adapters::http::page::targets::TargetCard;
use crate::adapters::http::page::targets::TargetsView;
use crate::adapters::http::phrases::phrases;
use crate::adapters::http::state::WebState;
use crate::adapters::words;
use crate::domain::aqi::GOOD_MAX;
use crate::domain::assessment::Assessment;
use crate::domain::assessment::DayCounts;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::pollutant::Averaging;
use crate::domain::pollutant::Pollutant;
use crate::domain::projection;
use crate::domain::registry::Item;
use crate::domain::standards::Edition;
use crate::domain::target::Figure;
use crate::domain::target::Standing;
use crate::domain::units::Exact;
use crate::flow::assess::EditionChoice;
use crate::flow::pacing::Pacing;

/// Builds the view of the targets at the end of a day, of the newest valid one if none is named.
///
/// # Errors
/// An area that does not exist, or those of the store.
pub async fn targets(
    state: &WebState,
    wish: Wish,
    on: Option<NaiveDate>,
) -> Result<TargetsView, Problem> {
    let desk = Desk::open(state, &wish).await?;
    let on = on
        .or(desk.newest)
        .unwrap_or_else(|| crate::adapters::http::targets::yesterday(state));
    Ok(state.compute(|| desk.targets_view(on)).await)
}

impl Desk<'_> {
    fn targets_view(&self, on: NaiveDate) -> TargetsView {
        let pacing = self.assessor.pacing(&self.area, on, self.choices);
        let edition = self.assessor.editions.on(on);
        let span = Span {
            from: PeriodKind::Year.containing(on).span.from,
            to: on,
        };
        let standings = &pacing.main.standings;
        let this_year = self.state.zone.local(self.state.now()).date_naive().year();
        let (method, gap) = match &pacing.main.projection {
            Ok(found) => {
                let years = found.measured.years.iter();
                let years: Vec<String> = years.map(i32::to_string).collect();
                (Some((years.join(", "), projection::DRAWS)), None)
            }
            Err(gap) => (None, Some(words::gap(gap, self.lang))),
        };
        TargetsView {
            lang: self.lang,
            area: self.choice(&self.area),
            areas: self.areas(),
            basis: self.basis(edition),
            simulated: self.assessor.simulated(&self.area, span),
            on,
            days_left: pacing.days_left,
            cards: standings
                .iter()
                .map(|own| self.target_card(own, this_year))
                .collect(),
            pm25: self.so_far(&pacing, span, Item::Pm25Mean, edition),
            ratio: self.so_far(&pacing, span, Item::GoodDayRatio, edition),
            method,
            gap,
            editions: self.edition_rows(span),
        }
    }

    fn target_card(&self, own: &Standing, this_year: i32) -> TargetCard {
        let edition = self.edition(&own.edition);
        let outlook = own.outlook.as_ref();
        TargetCard {
            id: own.id.clone(),
            item: words::item(own.item, self.lang).to_owned(),
            unit: unit(own.item, self.lang),
            year: own.year,
            at_most: own.item.at_most(),
            limit: own.limit.to_string(),
            value: own.value.map(|value| value.to_string()),
            met: own.met,
            on_track: own.on_track,
            reachable: own.reachable,
            expired: own.expired(this_year),
            next_missing: own.next_target_missing(this_year),
            issuer: words::side(&own.issuer, self.lang),
            document: words::side(&own.document, self.lang),
            edition: edition.title.clone(),
            facts: self.facts(own),
            outlook: outlook.map(|outlook| Fan {
                p10: outlook.spread.p10.trimmed(),
                p50: outlook.spread.p50.trimmed(),
                p90: outlook.spread.p90.trimmed(),
            }),
            chance: outlook.map(|outlook| outlook.chance),
        }
    }

    /// The figures that belong to the item, each with its value or why there is none.
    fn facts(&self, own: &Standing) -> Vec<Fact> {
        let words_of = phrases(self.lang);
        let unit = unit(own.item, self.lang);
        let days = self.lang.pick("天", "days");
        let count = |value: Option<i64>| value.map(|value| format!("{value} {days}"));
        let control = own.remaining_days_control;
        let figures = [
            (
                Figure::RemainingDaysControl,
                words_of.control_value,
                control.map(|value| format!("{value} {unit}")),
            ),
            (
                Figure::DaysShort,
                words_of.days_short,
                count(own.days_short),
            ),
            (
                Figure::BadDaysLeft,
                words_of.bad_left,
                count(own.bad_days_left),
            ),
            (
                Figure::HeavyDaysLeft,
                words_of.heavy_left,
                count(own.heavy_days_left),
            ),
        ];
        let gap = |figure: Figure| {
            let found = own.gaps.iter().find(|(own, _)| *own == figure);
            found.map(|(_, gap)| words::gap(gap, self.lang))
        };
        let of_item = |(figure, name, value): (Figure, &'static str, Option<String>)| {
            let why = value.is_none().then(|| gap(figure)).flatten();
            (value.is_some() || why.is_some()).then_some(Fact { name, value, why })
        };
        figures.into_iter().filter_map(of_item).collect()
    }

    /// The item's figure at the end of every day of the year so far.
    fn so_far(&self, pacing: &Pacing, span: Span, item: Item, edition: &Edition) -> SoFar {
        let fixed = EditionChoice::Fixed(edition.id.clone());
        let days = self.assessor.days(&self.area, span, &fixed, self.choices);
        let at = Pollutant::Pm25.index();
        let decimals = self.assessor.publication.decimals[at].unwrap_or(edition.decimals[at]);
        let (mut sum, mut count) = (Exact::zero(), 0_i64);
        let mut counts = DayCounts::default();
        let mut points = Vec::with_capacity(days.len());
        for day in &days {
            counts.calendar += 1;
            if let Some(value) = &day.values.values[at] {
                sum = sum.plus(value);
                count += 1;
            }
            if let Some(aqi) = day.index.aqi {
                counts.valid += 1;
                counts.good += u32::from(aqi <= GOOD_MAX);
            }
            let figure = match item {
                Item::GoodDayRatio => counts.ratio().map(|ratio| ratio.to_string()),
                _ => sum
                    .over(&Exact::whole(count))
                    .map(|mean| mean.round(decimals).to_string()),
            };
            points.push((day.day, figure));
        }
        let projections = pacing.main.projection.as_ref().ok();
        let spread = projections.and_then(|found| found.of(item).spread(item));
        let targets = pacing.main.standings.iter();
        let targets = targets.filter(|own| own.item == item);
        SoFar {
            days: PeriodKind::Year.containing(span.from).span.length(),
            points,
            fan: spread.map(|spread| Fan {
                p10: spread.p10.trimmed(),
                p50: spread.p50.trimmed(),
                p90: spread.p90.trimmed(),
            }),
            targets: targets
                .map(|own| (own.year, own.limit.to_string()))
                .collect(),
            limit: match item {
                Item::GoodDayRatio => None,
                _ => edition
                    .class_2(Pollutant::Pm25, Averaging::Annual)
                    .map(|limit| limit.to_string()),
            },
        }
    }

    /// The year so far under every edition in force at some time, oldest first.
    fn edition_rows(&self, span: Span) -> Vec<EditionRow> {
        let all = self.assessor.editions.all();
        let ids: Vec<String> = all.iter().map(|edition| edition.id.clone()).collect();
        let several = EditionChoice::Several(ids);
        let kind = PeriodKind::Whole;
        let mut reports = self
            .assessor
            .periods(&self.area, span, kind, &several, self.choices);
        let report = reports.pop().expect("a range of days is one period");
        let in_force = &self.assessor.editions.on(span.to).id;
        let row = |own: &Assessment| {
            let edition = self.edition(&own.edition);
            let limit = edition.class_2(Pollutant::Pm25, Averaging::Annual);
            let judged = own.pm25.judged.map(|judged| judged.exact());
            EditionRow {
                id: own.edition.clone(),
                name: edition.title.clone(),
                in_force: own.edition == *in_force,
                pm25: own.pm25.published.map(|value| value.to_string()),
                limit: limit.map(|limit| limit.to_string()),
                met: limit
                    .zip(judged)
                    .map(|(limit, judged)| judged <= Exact::amount(limit)),
                ratio: own.days.ratio().map(|ratio| ratio.to_string()),
                good: own.days.good,
                heavy: own.days.heavy,
                valid: own.days.valid,
                void: own.days.void(),
            }
        };
        let others = report.others.iter().map(|other| &other.assessment);
        std::iter::once(&report.assessment)
            .chain(others)
            .map(row)
            .collect()
    }
}
