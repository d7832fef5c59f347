//! An area's days for all the periods of one answer, measured and with what is left out.

use chrono::NaiveDate;

use crate::domain::area::AreaDay;
use crate::domain::assessment::Assessment;
use crate::domain::assessment::assess;
use crate::domain::assessment::change::year_on_year;
use crate::domain::calendar::Period;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::comparison::GoalStanding;
use crate::domain::comparison::goal_standings;
use crate::domain::deduction::Sided;
use crate::domain::standards::Edition;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::beside::Applied;
use crate::flow::beside::BothSides;
use crate::flow::beside::Excluded;
use crate::flow::beside::ExclusionView;
use crate::flow::beside::Left;
use crate::flow::pacing::Pacer;

/// An area's days under each edition asked for, computed once however many periods use them.
pub(super) struct Sheets<'a> {
    /// Whose days.
    pub(super) assessor: &'a Assessor,
    /// Of which area.
    pub(super) area: &'a Area,
    /// By which choices.
    pub(super) choices: Choices,
    /// Every day any period covers.
    pub(super) span: Span,
    /// What may be left out of them.
    pub(super) exclusions: Vec<Applied>,
    /// The days, by edition.
    pub(super) by_edition: Vec<(String, Sheet)>,
    /// Its targets.
    pub(super) pacer: Pacer<'a>,
}

/// An area's days, and what is left of them once somebody asks.
pub(super) struct Sheet {
    measured: Vec<AreaDay>,
    left: Option<Left>,
}

impl Sheets<'_> {
    /// A period, and its change against the year before under the same edition when both have data.
    pub(super) fn both_sides(
        &mut self,
        edition: &Edition,
        kind: PeriodKind,
        period: &Period,
        deducted: bool,
    ) -> BothSides {
        let rules = self.assessor.rules(edition, self.choices);
        let mut side = |period: Period| {
            let days = self.days(edition, period.span, deducted);
            assess(&rules, kind, period, days)
        };
        let earlier = Period {
            label: String::new(),
            span: period.span.year_before(),
        };
        let (now, before) = (side(period.clone()), side(earlier));
        let has_data = |side: &Assessment| side.days.valid > 0 || side.pm25.valid_days > 0;
        let comparable = has_data(&now) && has_data(&before);
        let yoy = comparable.then(|| year_on_year(&now, &before));
        (now, yoy)
    }

    /// The period as measured and with its exclusions, when both were asked for and there are any.
    pub(super) fn excluded(
        &mut self,
        edition: &Edition,
        kind: PeriodKind,
        period: &Period,
    ) -> Option<Box<Excluded>> {
        if self.choices.exclusions != ExclusionView::Both {
            return None;
        }
        let spans = [period.span, period.span.year_before()];
        let within = |day: &NaiveDate| spans.iter().any(|span| span.contains(*day));
        let own = self.exclusions.iter().filter_map(|applied| {
            let days = applied.days.iter().copied().filter(within);
            let days: Vec<NaiveDate> = days.collect();
            let exclusion = applied.exclusion.clone();
            (!days.is_empty()).then_some(Applied { exclusion, days })
        });
        let entries: Vec<Applied> = own.collect();
        if entries.is_empty() {
            return None;
        }
        Some(Box::new(Excluded {
            before: self.both_sides(edition, kind, period, false),
            after: self.both_sides(edition, kind, period, true),
            entries,
        }))
    }

    /// How a span stands against the edition's goals, by all that was measured.
    pub(super) fn goals(&mut self, edition: &Edition, span: Span) -> Vec<GoalStanding> {
        if edition.goals.is_empty() {
            return Vec::new();
        }
        let days = self.days(edition, span, false);
        goal_standings(edition, span, days.measured())
    }

    fn days(&mut self, edition: &Edition, span: Span, deducted: bool) -> Sided<'_> {
        let known = self.by_edition.iter().position(|(id, _)| *id == edition.id);
        let at = known.unwrap_or_else(|| {
            let fixed = EditionChoice::Fixed(edition.id.clone());
            let days = self
                .assessor
                .days(self.area, self.span, &fixed, self.choices);
            let sheet = Sheet {
                measured: days,
                left: None,
            };
            self.by_edition.push((edition.id.clone(), sheet));
            self.by_edition.len() - 1
        });
        let sheet = &mut self.by_edition[at].1;
        if deducted && sheet.left.is_none() {
            let (area, choices) = (self.area, self.choices);
            let assessor = self.assessor;
            let left = assessor.left(area, edition, choices, &sheet.measured, &self.exclusions);
            sheet.left = Some(left);
        }
        let place = |day: NaiveDate| {
            usize::try_from((day - self.span.from).num_days()).expect("a day of the span")
        };
        let within = place(span.from)..=place(span.to);
        let left = sheet.left.as_ref().filter(|_| deducted);
        let left = std::array::from_fn(|at| {
            let days = left?[at].as_ref()?;
            Some(&days[within.clone()])
        });
        Sided::new(&sheet.measured[within], left)
    }
}
