//! Remembers figures as published, so that later readings cannot change unseen what was said.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::NaiveDate;

use crate::domain::assessment::composite::CompositeOptions;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Period;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::calendar::Zone;
use crate::domain::exclusion::Exclusion;
use crate::domain::publication::Figure;
use crate::domain::publication::Issue;
use crate::domain::publication::IssueKind;
use crate::domain::publication::IssueSettings;
use crate::domain::publication::Stretch;
use crate::domain::publication::figures_of_day;
use crate::domain::publication::figures_of_period;
use crate::domain::publication::is_excluded_from;
use crate::domain::publication::items;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::beside::ExclusionView;
use crate::ports::Publications;
use crate::ports::Range;
use crate::ports::Series;
use crate::ports::StoreError;

/// Issues made at once at most: the days of a year.
pub const ISSUES_MAX: usize = 366;
/// Readings fetched at a time.
const CHUNK_READINGS: usize = 100_000;
/// Pause between two looks at the clock.
const STEP: Duration = Duration::from_millis(20);

/// What is to be published.
#[derive(Clone, Debug)]
pub struct Release {
    /// Bulletin or snapshot.
    pub kind: IssueKind,
    /// The area.
    pub area: Area,
    /// The days, cut into periods by `by`.
    pub span: Span,
    /// Kind of period.
    pub by: PeriodKind,
    /// Which edition judges.
    pub edition: EditionChoice,
    /// Choices that differ from the edition's. Their `exclusions` say whether excluded days are left out;
    /// [`ExclusionView::Both`] does as the publication profile says. Days are always as measured.
    pub choices: Choices,
    /// Whether the assessor's days are of values as received or as reviewers left them.
    pub review: Review,
    /// The zone of those days.
    pub zone: Zone,
    /// When it is issued.
    pub issued_at: Instant,
    /// As of when the assessor's days are known.
    pub known_at: Instant,
    /// SHA-256 of the bulletin's text.
    pub text_sha256: Option<String>,
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishFault {
    /// More issues at once than [`ISSUES_MAX`].
    #[error(
        "{asked} issues at once, at most {ISSUES_MAX}; choose a shorter range or longer periods"
    )]
    TooMany {
        /// How many were asked for.
        asked: usize,
    },
    /// There is nothing to say: no period has a valid day.
    #[error("no period of the range has a valid day; there is nothing to publish")]
    Nothing,
    /// Days are to be published with exclusions.
    #[error("a day is published as measured; excluded days are left out of longer periods only")]
    Measured,
    /// Readings were received while the clock was ahead: they count in every figure, but not in one as known now.
    #[error(
        "{count} readings of these days were received by a clock that was ahead, up to {until}, and now is {now}: what is \
         published as known now would leave them out; set the clock right and publish after {until}, or give a \
         known_at before they came"
    )]
    Ahead {
        /// Readings received later than now.
        count: usize,
        /// The latest time of receipt.
        until: String,
        /// The present moment.
        now: String,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Remembers the figures of every period asked for; the issues with their numbers. The assessor must hold the
/// days as known at `release.known_at`, as [`Area::days`] gives them.
///
/// # Errors
/// Too many periods, none with a valid day, or those of the store; then nothing is remembered.
pub async fn publish(
    publications: &dyn Publications,
    assessor: &Assessor,
    release: &Release,
) -> Result<Vec<(u64, Issue)>, PublishFault> {
    let issues = issues(assessor, release)?;
    Ok(remember(publications, issues).await?)
}

/// Remembers issues; gives them with their numbers.
///
/// # Errors
/// Those of the store; then nothing is remembered.
pub async fn remember(
    publications: &dyn Publications,
    issues: Vec<Issue>,
) -> Result<Vec<(u64, Issue)>, StoreError> {
    let last = publications.remember(issues.clone()).await?;
    let first = last + 1 - issues.len() as u64;
    Ok((first..).zip(issues).collect())
}

/// Checks that what is published as known now is all there is: that no reading of its days was received later.
///
/// # Errors
/// [`PublishFault::Ahead`], or those of the store.
pub async fn settled(
    series: &dyn Series,
    assessor: &Assessor,
    release: &Release,
    clock: impl Fn() -> Instant,
) -> Result<(), PublishFault> {
    if release.known_at < release.issued_at {
        return Ok(());
    }
    let mut later = Vec::new();
    let keys = series.keys().await?;
    let own = |key: &&SeriesKey| release.area.may_include(&assessor.registry, &key.source);
    for key in keys.iter().filter(own) {
        let mut range = Range {
            after: release.zone.day_start(release.span.from),
            upto: release.zone.day_end(release.span.to),
            known_at: None,
            limit: CHUNK_READINGS,
        };
        loop {
            let chunk = series.received(key, range).await?;
            let Some((_, last)) = chunk.last() else { break };
            range.after = last.time;
            let receipts = chunk.iter().map(|(at, _)| *at);
            later.extend(receipts.filter(|at| *at > release.known_at));
        }
    }
    // What came while we looked is no sign of a wrong clock.
    let now = clock();
    later.retain(|at| *at > now);
    match later.iter().max() {
        None => Ok(()),
        Some(until) => Err(PublishFault::Ahead {
            count: later.len(),
            until: release.zone.text(*until),
            now: release.zone.text(now),
        }),
    }
}

/// Waits until a moment is over. Receipts are kept to the second, so figures as known at a moment are settled only
/// when no more readings can be received within it.
pub async fn pass(clock: fn() -> Instant, moment: Instant) {
    while clock() <= moment {
        tokio::time::sleep(STEP).await;
    }
}

/// What would be remembered; periods without a valid day are left out.
///
/// # Errors
/// Too many periods, or none with a valid day.
pub fn issues(assessor: &Assessor, release: &Release) -> Result<Vec<Issue>, PublishFault> {
    let asked = release.by.cut(release.span).len();
    if asked > ISSUES_MAX {
        return Err(PublishFault::TooMany { asked });
    }
    let with = release.choices.exclusions == ExclusionView::With;
    if with && release.by == PeriodKind::Day {
        return Err(PublishFault::Measured);
    }
    let wanted = Wanted {
        area: &release.area,
        span: release.span,
        by: release.by,
        edition: &release.edition,
        choices: Choices {
            known_on: Some(release.zone.local(release.known_at).date_naive()),
            ..release.choices
        },
        zone: release.zone,
    };
    let said = figures(assessor, &wanted);
    let issue = |said: Said| Issue {
        kind: release.kind,
        issued_at: release.issued_at,
        known_at: release.known_at,
        area: release.area.text(),
        by: release.by,
        stations: stations(assessor, &release.area, said.period.span),
        exclusions: match said.settings.deducted {
            true => exclusions(assessor, &wanted, said.period.span),
            false => Vec::new(),
        },
        period: said.period,
        settings: said.settings,
        edition: said.edition,
        review: release.review,
        figures: said.figures,
        text_sha256: release.text_sha256.clone(),
    };
    let issues: Vec<Issue> = said_of_valid(said).map(issue).collect();
    if issues.is_empty() {
        return Err(PublishFault::Nothing);
    }
    Ok(issues)
}

fn said_of_valid(said: Vec<Said>) -> impl Iterator<Item = Said> {
    let counted = ["valid_days", "good_days", "heavy_days"];
    let tells = move |figure: &Figure| match &figure.value {
        Some(value) => !(counted.contains(&figure.item) && value == "0"),
        None => false,
    };
    said.into_iter()
        .filter(move |said| said.figures.iter().any(tells))
}

/// The figures of one period.
pub(crate) struct Said {
    pub(crate) period: Period,
    pub(crate) edition: String,
    pub(crate) settings: IssueSettings,
    pub(crate) figures: Vec<Figure>,
}

/// Which figures are wanted.
pub(crate) struct Wanted<'a> {
    pub(crate) area: &'a Area,
    pub(crate) span: Span,
    pub(crate) by: PeriodKind,
    pub(crate) edition: &'a EditionChoice,
    pub(crate) choices: Choices,
    pub(crate) zone: Zone,
}

/// The figures of an area's periods, as they would be published.
pub(crate) fn figures(assessor: &Assessor, wanted: &Wanted<'_>) -> Vec<Said> {
    let Wanted { area, span, by, .. } = *wanted;
    let (edition, zone) = (wanted.edition, wanted.zone);
    let editions = &assessor.editions;
    let publication = &assessor.publication;
    let deducted = deducted(assessor, wanted);
    let mut choices = wanted.choices;
    choices.exclusions = match deducted {
        true => ExclusionView::With,
        false => ExclusionView::Without,
    };
    let named = |id: &str| editions.by_id(id).expect("an edition in use is known");
    if by == PeriodKind::Day {
        let days = assessor.days(area, span, edition, choices).into_iter();
        return days
            .map(|day| {
                let edition = named(&day.edition);
                Said {
                    period: PeriodKind::Day.containing(day.day),
                    settings: IssueSettings {
                        options: choices.options(edition),
                        composite: CompositeOptions::default(),
                        decimals: publication.decimals,
                        deducted,
                        zone,
                    },
                    figures: figures_of_day(edition, publication, &day),
                    edition: day.edition,
                }
            })
            .collect();
    }
    let reports = assessor.periods(area, span, by, edition, choices);
    reports
        .into_iter()
        .map(|report| {
            let assessment = report.assessment;
            let edition = named(&assessment.edition);
            Said {
                settings: IssueSettings {
                    options: report.options,
                    composite: assessment.composite.options,
                    decimals: publication.decimals,
                    deducted,
                    zone,
                },
                figures: figures_of_period(edition, publication, &assessment, report.yoy.as_ref()),
                period: assessment.period,
                edition: assessment.edition,
            }
        })
        .collect()
}

/// Whether excluded days are left out. A day is no statistic: what is said of it stands as measured.
fn deducted(assessor: &Assessor, wanted: &Wanted<'_>) -> bool {
    let view = wanted.choices.exclusions;
    wanted.by != PeriodKind::Day && view.in_main(assessor.publication.deduct)
}

/// The exclusions that take something out of what is published of a span, by what is known on the day the choices
/// name, of the span itself and of the year before.
pub(crate) fn exclusions(assessor: &Assessor, wanted: &Wanted<'_>, span: Span) -> Vec<Exclusion> {
    let spans = [span, span.year_before()];
    let touching = assessor.exclusions(wanted.area, &spans, wanted.choices.known_on);
    let enters = |own: &Exclusion| items().any(|item| is_excluded_from(item, own));
    let decisions = touching.into_iter().map(|applied| applied.exclusion);
    decisions.filter(enters).collect()
}

/// Which stations count on which days of the span and of the year before: each stretch of days once.
pub(crate) fn stations(assessor: &Assessor, area: &Area, span: Span) -> Vec<Stretch> {
    let spans = [span.year_before(), span];
    let days: BTreeSet<NaiveDate> = spans.into_iter().flat_map(Span::days).collect();
    let mut stretches: Vec<Stretch> = Vec::new();
    for day in days {
        for station in assessor.members(area, day) {
            let goes_on =
                |own: &&mut Stretch| own.station == station && own.days.to.succ_opt() == Some(day);
            match stretches.iter_mut().find(goes_on) {
                Some(open) => open.days.to = day,
                None => stretches.push(Stretch {
                    station,
                    days: Span { from: day, to: day },
                }),
            }
        }
    }
    stretches.sort();
    stretches
}
