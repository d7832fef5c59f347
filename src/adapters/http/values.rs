//! Which values a request's figures rest on: as received or as reviewers left them, as known at a time.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::adapters::http::air::chosen;
use crate::adapters::http::air::known;
use crate::adapters::http::error::Problem;
use crate::adapters::http::params::Params;
use crate::adapters::http::state::WebState;
use crate::adapters::report::Context;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::reading::Review;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::reviewed::SeenDays;

/// An area and the values its figures are made of: the parameters `area`, `review` and `known_at`.
pub(super) struct Values {
    pub(super) area: Area,
    pub(super) assessor: Assessor,
    pub(super) known_at: Option<Instant>,
    pub(super) review: Review,
    /// What reviewers looked at; `None` for raw figures.
    pub(super) seen: Option<Arc<SeenDays>>,
}

impl Values {
    /// Reads the parameters and gets the days.
    ///
    /// # Errors
    /// A parameter that is wrong, or those of the store.
    pub(super) async fn read(state: &WebState, params: &Params) -> Result<Self, Problem> {
        let known_at = params.known_at(state.zone, state.now())?;
        let review = params.review()?;
        let now = state.assessor();
        let area = chosen(params, &now)?;
        let (assessor, seen) = known(state, now, &area, known_at, review).await?;
        Ok(Self {
            area,
            assessor,
            known_at,
            review,
            seen,
        })
    }

    /// The moment up to which what was known counts.
    pub(super) fn moment(&self, state: &WebState) -> Instant {
        self.known_at.unwrap_or_else(|| state.now())
    }

    /// The day of that moment, on which exclusions are known.
    pub(super) fn known_on(&self, state: &WebState) -> NaiveDate {
        state.zone.local(self.moment(state)).date_naive()
    }

    /// What an answer about the days says of itself.
    pub(super) fn context<'a>(&'a self, state: &WebState, span: Span) -> Context<'a> {
        Context {
            area: &self.area,
            zone: state.zone,
            known_at: self.moment(state),
            simulated: self.assessor.simulated(&self.area, span),
            review: self.review,
        }
    }
}
