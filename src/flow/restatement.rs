//! Which published figures would be said otherwise now, and why.
//!
//! An issue is computed again under its own edition and settings. Where an item differs, the readings as known at
//! the issue are compared with those of now, the stations that count with those that counted; and the figure is
//! computed once more from the readings as known then, which tells whether anything but readings changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::assessment::Publication;
use crate::domain::calendar::Instant;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::publication::Difference;
use crate::domain::publication::Figure;
use crate::domain::publication::Issue;
use crate::domain::publication::Stretch;
use crate::domain::publication::differences;
use crate::domain::publication::is_year_on_year;
use crate::domain::publication::latest;
use crate::domain::publication::pollutant_of;
use crate::domain::reading::SeriesKey;
use crate::domain::restatement::Cause;
use crate::domain::restatement::counted;
use crate::domain::restatement::memberships;
use crate::domain::restatement::turns;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::publishing::figures;
use crate::flow::publishing::stations;
use crate::flow::rollup::Recipe;
use crate::ports::Range;
use crate::ports::StoreError;

/// One item that would be said otherwise, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restated {
    /// What differs.
    pub difference: Difference,
    /// Why, stations in order.
    pub causes: Vec<Cause>,
}

/// An issue of which something would be said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restatement {
    /// The issue's number.
    pub number: u64,
    /// The issue.
    pub issue: Issue,
    /// Its items that differ, in the order they were published.
    pub items: Vec<Restated>,
}

/// An issue with what differs, not explained yet.
pub type Differing = (u64, Issue, Vec<Difference>);

/// Of the issues that count, those of which anything differs now.
pub fn differing<'i>(
    assessor: &Assessor,
    issues: impl IntoIterator<Item = &'i (u64, Issue)>,
) -> Vec<Differing> {
    let check = |(number, issue): &(u64, Issue)| {
        let found = differences(&issue.figures, &again(assessor, issue));
        (!found.is_empty()).then(|| (*number, issue.clone(), found))
    };
    issues.into_iter().filter_map(check).collect()
}

/// Every issue that counts and would be said otherwise now, with the causes. `assessor` holds the days as of now.
///
/// # Errors
/// Those of the store.
pub async fn restatements(
    recipe: &Recipe,
    assessor: &Assessor,
    issues: &[(u64, Issue)],
) -> Result<Vec<Restatement>, StoreError> {
    explained(recipe, assessor, differing(assessor, latest(issues))).await
}

/// Adds the causes to what differs.
///
/// # Errors
/// Those of the store.
pub async fn explained(
    recipe: &Recipe,
    assessor: &Assessor,
    differing: Vec<Differing>,
) -> Result<Vec<Restatement>, StoreError> {
    let keys = recipe.series.keys().await?;
    let mut restatements = Vec::new();
    for (number, issue, found) in differing {
        let inquiry = Inquiry::open(recipe, &keys, assessor, &issue).await?;
        let restated = |difference: Difference| Restated {
            causes: inquiry.causes(&difference),
            difference,
        };
        restatements.push(Restatement {
            number,
            items: found.into_iter().map(restated).collect(),
            issue,
        });
    }
    Ok(restatements)
}

/// The issue's figures as the assessor would print them, under the issue's edition and settings.
fn again(assessor: &Assessor, issue: &Issue) -> Vec<Figure> {
    let settings = &issue.settings;
    let Ok(area) = Area::parse(&issue.area) else {
        return Vec::new();
    };
    if assessor.editions.by_id(&issue.edition).is_none() {
        return Vec::new();
    }
    let choices = Choices::exactly(&settings.options, settings.composite);
    let assessor = Assessor {
        publication: Publication {
            decimals: settings.decimals,
            deduct: false,
        },
        ..assessor.clone()
    };
    let edition = EditionChoice::Fixed(issue.edition.clone());
    let span = range_of(issue.by, issue.period.span);
    let said = figures(&assessor, &area, span, issue.by, &edition, choices);
    let own = said
        .into_iter()
        .find(|said| said.period.span == issue.period.span);
    own.map(|said| said.figures).unwrap_or_default()
}

/// The range that is cut into just this period.
fn range_of(by: PeriodKind, span: Span) -> Span {
    match by.cut(span).as_slice() {
        [single] if single.span == span => span,
        // A period that runs up to a day is named by that day.
        _ => Span {
            from: span.to,
            to: span.to,
        },
    }
}

/// What is known about why one issue differs.
struct Inquiry<'a> {
    issue: &'a Issue,
    /// Changed readings of the period, and of the year before.
    readings: Vec<Cause>,
    readings_before: Vec<Cause>,
    members: Vec<Cause>,
    members_before: Vec<Cause>,
    /// The figures from the readings as known then.
    then: Vec<Figure>,
}

impl<'a> Inquiry<'a> {
    async fn open(
        recipe: &Recipe,
        keys: &[SeriesKey],
        assessor: &Assessor,
        issue: &'a Issue,
    ) -> Result<Self, StoreError> {
        let span = issue.period.span;
        let before = earlier(span);
        let now = match Area::parse(&issue.area) {
            Ok(area) => stations(assessor, &area, span),
            Err(_) => Vec::new(),
        };
        let members = |span| memberships(&issue.stations, &now, span);
        let readings = async |span| changed(recipe, keys, issue, &now, span).await;
        Ok(Self {
            issue,
            readings: readings(span).await?,
            readings_before: readings(before).await?,
            members: members(span),
            members_before: members(before),
            then: known_then(recipe, keys, assessor, issue, &now).await?,
        })
    }

    fn causes(&self, difference: &Difference) -> Vec<Cause> {
        let pollutant = pollutant_of(difference.item);
        let of_item = |cause: &&Cause| match cause {
            Cause::Readings(own) => pollutant.is_none_or(|wanted| wanted == own.pollutant),
            _ => true,
        };
        let mut causes: Vec<Cause> = self.members.clone();
        causes.extend(self.readings.iter().filter(of_item).cloned());
        if is_year_on_year(difference.item) {
            causes.extend(self.members_before.iter().cloned());
            causes.extend(self.readings_before.iter().filter(of_item).cloned());
        }
        let members_stand = self.members.is_empty() && self.members_before.is_empty();
        let then = differences(&self.issue.figures, &self.then);
        let otherwise = then.iter().any(|own| own.item == difference.item);
        if causes.is_empty() || (members_stand && otherwise) {
            causes.push(Cause::Rules);
        }
        causes
    }
}

/// The year before, without days that belong to the span itself.
fn earlier(span: Span) -> Span {
    let before = span.year_before();
    let last = span.from.pred_opt().unwrap_or(span.from);
    Span {
        from: before.from,
        to: before.to.min(last),
    }
}

/// Readings within the span that enter means otherwise than when the issue was made, of stations that counted and
/// still do; whoever joined or left is told by itself.
async fn changed(
    recipe: &Recipe,
    keys: &[SeriesKey],
    issue: &Issue,
    now: &[Stretch],
    span: Span,
) -> Result<Vec<Cause>, StoreError> {
    let stations: BTreeSet<&SourceId> = now.iter().map(|own| &own.station).collect();
    let known = Range {
        after: recipe.zone.day_start(span.from),
        upto: recipe.zone.day_end(span.to),
        known_at: Some(issue.known_at),
        ..Range::ALL
    };
    let mut causes = Vec::new();
    for station in stations {
        let counts = |day| counted(&issue.stations, station, day) && counted(now, station, day);
        for pollutant in Pollutant::ALL {
            for key in recipe.columns(keys, station, pollutant) {
                let before = recipe.series.column(key, known).await?;
                let range = Range {
                    known_at: None,
                    ..known
                };
                let after = recipe.series.received(key, range).await?;
                let found = turns(recipe.zone, station, pollutant, &before, &after, counts);
                causes.extend(found.into_iter().map(Cause::Readings));
            }
        }
    }
    Ok(causes)
}

/// The issue's figures from the readings as known when it was made.
async fn known_then(
    recipe: &Recipe,
    keys: &[SeriesKey],
    assessor: &Assessor,
    issue: &Issue,
    now: &[Stretch],
) -> Result<Vec<Figure>, StoreError> {
    let known_at: Option<Instant> = Some(issue.known_at);
    let members = issue.stations.iter().chain(now);
    let stations: BTreeSet<&SourceId> = members.map(|own| &own.station).collect();
    let span = Span {
        from: issue.period.span.year_before().from,
        to: issue.period.span.to,
    };
    let days = recipe.days_of(keys, stations, Some(span), known_at).await?;
    let then = Assessor {
        days: Arc::new(days),
        ..assessor.clone()
    };
    Ok(again(&then, issue))
}
