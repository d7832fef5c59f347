//! Which published figures would be said otherwise now, and why.
//!
//! An issue is computed again under its own edition and settings, from values as received or as reviewers left them,
//! with or without excluded days, as it was. Where an item differs, the readings and decisions as known at the issue
//! are compared with those of now, the stations that count with those that counted, the exclusions in force with
//! those that were; and the figure is computed once more from what was known then, which tells whether anything but
//! readings and decisions changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::domain::assessment::Publication;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::exclusion::Exclusion;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::publication::Difference;
use crate::domain::publication::Figure;
use crate::domain::publication::Issue;
use crate::domain::publication::Stretch;
use crate::domain::publication::differences;
use crate::domain::publication::is_excluded_from;
use crate::domain::publication::is_year_on_year;
use crate::domain::publication::latest;
use crate::domain::publication::pollutant_of;
use crate::domain::reading::Reading;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;
use crate::domain::registry::Registry;
use crate::domain::restatement::Cause;
use crate::domain::restatement::counted;
use crate::domain::restatement::exclusions;
use crate::domain::restatement::memberships;
use crate::domain::restatement::turns;
use crate::domain::review::Decision;
use crate::domain::review::Decisions;
use crate::domain::review::over;
use crate::domain::review::standing;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::beside::ExclusionView;
use crate::flow::publishing;
use crate::flow::publishing::Wanted;
use crate::flow::publishing::figures;
use crate::flow::publishing::stations;
use crate::flow::reviewed;
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

/// What issues are held against: all that is known now.
pub struct Present {
    /// The readings as received.
    pub recipe: Recipe,
    /// What reviewers decided.
    pub decisions: Arc<Decisions>,
    /// Days of values as received.
    pub raw: Assessor,
    /// Days of values as reviewers left them; not looked at unless an issue rests on those.
    pub reviewed: Assessor,
    /// The day as of which exclusions are known.
    pub known_on: NaiveDate,
}

impl Present {
    fn assessor(&self, issue: &Issue) -> &Assessor {
        match issue.review {
            Review::Raw => &self.raw,
            Review::Reviewed => &self.reviewed,
        }
    }

    /// The decisions that lie over an issue's readings.
    fn decisions_of(&self, issue: &Issue, key: &SeriesKey) -> Vec<&Decision> {
        match issue.review {
            Review::Raw => Vec::new(),
            Review::Reviewed => self.decisions.of(key, None).collect(),
        }
    }
}

/// Of the issues that count, those of which anything differs now.
pub fn differing<'i>(
    present: &Present,
    issues: impl IntoIterator<Item = &'i (u64, Issue)>,
) -> Vec<Differing> {
    let check = |(number, issue): &(u64, Issue)| {
        let now = again(present.assessor(issue), issue, present.known_on);
        let found = differences(&issue.figures, &now);
        (!found.is_empty()).then(|| (*number, issue.clone(), found))
    };
    issues.into_iter().filter_map(check).collect()
}

/// Every issue that counts and would be said otherwise now, with the causes.
///
/// # Errors
/// Those of the store.
pub async fn restatements(
    present: &Present,
    issues: &[(u64, Issue)],
) -> Result<Vec<Restatement>, StoreError> {
    explained(present, differing(present, latest(issues))).await
}

/// Adds the causes to what differs.
///
/// # Errors
/// Those of the store.
pub async fn explained(
    present: &Present,
    differing: Vec<Differing>,
) -> Result<Vec<Restatement>, StoreError> {
    let keys = present.recipe.series.keys().await?;
    let mut restatements = Vec::new();
    for (number, issue, found) in differing {
        let inquiry = Inquiry::open(present, &keys, &issue).await?;
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

/// An issue's own way of computing: its area and choices, with exclusions as known on a day. `None` when the program
/// no longer knows its area or edition.
fn way(assessor: &Assessor, issue: &Issue, known_on: NaiveDate) -> Option<(Area, Choices)> {
    let area = Area::parse(&issue.area).ok()?;
    assessor.editions.by_id(&issue.edition)?;
    let settings = &issue.settings;
    let exclusions = match settings.deducted {
        true => ExclusionView::With,
        false => ExclusionView::Without,
    };
    let choices = Choices {
        exclusions,
        known_on: Some(known_on),
        ..Choices::exactly(&settings.options, settings.composite)
    };
    Some((area, choices))
}

/// The issue's figures as the assessor would print them, under the issue's edition and settings.
fn again(assessor: &Assessor, issue: &Issue, known_on: NaiveDate) -> Vec<Figure> {
    let Some((area, choices)) = way(assessor, issue, known_on) else {
        return Vec::new();
    };
    let settings = &issue.settings;
    let assessor = Assessor {
        publication: Publication {
            decimals: settings.decimals,
            deduct: settings.deducted,
        },
        ..assessor.clone()
    };
    let wanted = Wanted {
        area: &area,
        span: range_of(issue.by, issue.period.span),
        by: issue.by,
        edition: &EditionChoice::Fixed(issue.edition.clone()),
        choices,
        zone: settings.zone,
    };
    let said = figures(&assessor, &wanted);
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
    /// What concerns every item alike.
    zone: Option<Cause>,
    /// Exclusions that came, went or changed.
    exclusions: Vec<Cause>,
    /// Changed readings of the period, and of the year before.
    readings: Vec<Cause>,
    readings_before: Vec<Cause>,
    members: Vec<Cause>,
    members_before: Vec<Cause>,
    /// The figures from what was known then.
    then: Vec<Figure>,
}

impl<'a> Inquiry<'a> {
    async fn open(
        present: &Present,
        keys: &[SeriesKey],
        issue: &'a Issue,
    ) -> Result<Self, StoreError> {
        let span = issue.period.span;
        let before = earlier(span);
        let now = match Area::parse(&issue.area) {
            Ok(area) => stations(present.assessor(issue), &area, span),
            Err(_) => Vec::new(),
        };
        let members = |span| memberships(&issue.stations, &now, span);
        let readings = async |span| changed(present, keys, issue, &now, span).await;
        let (then, own) = (issue.settings.zone, present.recipe.zone);
        Ok(Self {
            issue,
            zone: (then != own).then_some(Cause::Zone { then, now: own }),
            exclusions: excluded(present, issue),
            readings: readings(span).await?,
            readings_before: readings(before).await?,
            members: members(span),
            members_before: members(before),
            then: known_then(present, keys, issue, &now).await?,
        })
    }

    fn causes(&self, difference: &Difference) -> Vec<Cause> {
        let (item, span) = (difference.item, self.issue.period.span);
        let pollutant = pollutant_of(item);
        let compared = is_year_on_year(item);
        let of_item = |cause: &&Cause| match cause {
            Cause::Readings(own) => pollutant.is_none_or(|wanted| wanted == own.pollutant),
            Cause::Exclusion(own) => {
                let touches = |own: &Exclusion| {
                    let within = own.span.from <= span.to && span.from <= own.span.to;
                    is_excluded_from(item, own) && (within || compared)
                };
                touches(&own.exclusion) || own.before.as_ref().is_some_and(touches)
            }
            _ => true,
        };
        let mut causes: Vec<Cause> = self.zone.iter().chain(&self.members).cloned().collect();
        causes.extend(self.exclusions.iter().filter(of_item).cloned());
        causes.extend(self.readings.iter().filter(of_item).cloned());
        if compared {
            causes.extend(self.members_before.iter().cloned());
            causes.extend(self.readings_before.iter().filter(of_item).cloned());
        }
        let members_stand = self.members.is_empty() && self.members_before.is_empty();
        let then = differences(&self.issue.figures, &self.then);
        let otherwise = then.iter().any(|own| own.item == item);
        if causes.is_empty() || (members_stand && self.zone.is_none() && otherwise) {
            causes.push(Cause::Rules);
        }
        causes
    }
}

/// Exclusions that came, went or changed since; none when the issue leaves no day out.
fn excluded(present: &Present, issue: &Issue) -> Vec<Cause> {
    let assessor = present.assessor(issue);
    let way = way(assessor, issue, present.known_on);
    let Some((area, choices)) = way.filter(|_| issue.settings.deducted) else {
        return Vec::new();
    };
    let wanted = Wanted {
        area: &area,
        span: issue.period.span,
        by: issue.by,
        edition: &EditionChoice::Fixed(issue.edition.clone()),
        choices,
        zone: issue.settings.zone,
    };
    let now = publishing::exclusions(assessor, &wanted, issue.period.span);
    let listed = &assessor.registry.exclusions;
    let known = |id: &str| listed.iter().find(|own| own.id == id).cloned();
    exclusions(&issue.exclusions, &now, known)
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
    present: &Present,
    keys: &[SeriesKey],
    issue: &Issue,
    now: &[Stretch],
    span: Span,
) -> Result<Vec<Cause>, StoreError> {
    let recipe = &present.recipe;
    let stations: BTreeSet<&SourceId> = now.iter().map(|own| &own.station).collect();
    let known = Range {
        after: recipe.zone.day_start(span.from),
        upto: recipe.zone.day_end(span.to),
        known_at: Some(issue.known_at),
        ..Range::ALL
    };
    let range = Range {
        known_at: None,
        ..known
    };
    let since = |decision: &&Decision| decision.decided_at > issue.known_at;
    let mut causes = Vec::new();
    for station in stations {
        let counts = |day| counted(&issue.stations, station, day) && counted(now, station, day);
        for pollutant in Pollutant::ALL {
            for key in recipe.columns(keys, station, pollutant) {
                let decisions = present.decisions_of(issue, key);
                let known_then = decisions.iter().copied().filter(|own| !since(own));
                let known_then: Vec<&Decision> = known_then.collect();
                let before = recipe.series.received(key, known).await?;
                let before: Vec<Reading> = over(before, &known_then, true)
                    .into_iter()
                    .map(|(_, reading)| reading)
                    .collect();
                let after = recipe.series.received(key, range).await?;
                let stand = standing(&after, &decisions).into_iter();
                let fresh: Vec<Option<&Decision>> = stand.map(|own| own.filter(since)).collect();
                let after = over(after, &decisions, true);
                let found = turns(
                    recipe.zone,
                    station,
                    pollutant,
                    &before,
                    &after,
                    &fresh,
                    counts,
                );
                causes.extend(found.into_iter().map(Cause::Readings));
            }
        }
    }
    Ok(causes)
}

/// The issue's figures from the readings, decisions and exclusions as known when it was made.
async fn known_then(
    present: &Present,
    keys: &[SeriesKey],
    issue: &Issue,
    now: &[Stretch],
) -> Result<Vec<Figure>, StoreError> {
    let members = issue.stations.iter().chain(now);
    let stations: BTreeSet<&SourceId> = members.map(|own| &own.station).collect();
    let span = Span {
        from: issue.period.span.year_before().from,
        to: issue.period.span.to,
    };
    let recipe = match issue.review {
        Review::Raw => present.recipe.clone(),
        Review::Reviewed => reviewed::over(&present.recipe, &present.decisions, true),
    };
    let known_at = Some(issue.known_at);
    let days = recipe.days_of(keys, stations, Some(span), known_at).await?;
    let assessor = present.assessor(issue);
    let registry = Registry {
        exclusions: issue.exclusions.clone(),
        ..Registry::clone(&assessor.registry)
    };
    let then = Assessor {
        days: Arc::new(days),
        registry: Arc::new(registry),
        ..assessor.clone()
    };
    let known_on = issue.settings.zone.local(issue.known_at).date_naive();
    Ok(again(&then, issue, known_on))
}
