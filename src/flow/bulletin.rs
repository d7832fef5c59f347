//! What a bulletin says, gathered as plain figures: the period, the runs to date, the stations, what it all rests on.
//!
//! HJ 633-2026 5.2 asks for the daily index by 12:00 of the next day; the other bulletins follow the calendar. Nothing
//! is computed here that the assessment does not compute; what is missing stays missing, for the words to say so.

mod gather;

use std::sync::Arc;

use chrono::Datelike;
use chrono::NaiveDate;

use crate::domain::area::AreaDay;
use crate::domain::assessment::Assessment;
use crate::domain::assessment::Publication;
use crate::domain::assessment::change::Percent;
use crate::domain::calendar::HOUR_S;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Period;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::calendar::YEARS;
use crate::domain::calendar::Zone;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::publication::IssueKind;
use crate::domain::reading::Review;
use crate::domain::registry::Names;
use crate::domain::registry::Target;
use crate::domain::registry::peer::RankItem;
use crate::domain::standards::Edition;
use crate::domain::target::Standing;
use crate::domain::units::Decimal;
use crate::flow::area::Area;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::assess::PeriodReport;
use crate::flow::publishing::Release;
use crate::flow::ranking::Ranking;
use crate::flow::reviewed::Seen;
use crate::flow::reviewed::SeenDays;

pub use crate::flow::bulletin::gather::gather;

/// Hour of the next day by which a daily bulletin is due (HJ 633-2026 5.2).
pub const DUE_HOUR: i64 = 12;
/// First day with such an hour: from when that document is in force. The one before it names none.
const DUE_SINCE: Option<NaiveDate> = NaiveDate::from_ymd_opt(2026, 3, 1);
/// Kinds of period a bulletin is made for.
pub const KINDS: [PeriodKind; 6] = [
    PeriodKind::Day,
    PeriodKind::Xun,
    PeriodKind::Month,
    PeriodKind::Quarter,
    PeriodKind::Half,
    PeriodKind::Year,
];
/// What a bulletin gives ranks by, each with the rank of its change.
pub const RANKED: [RankItem; 3] = [
    RankItem::CompositeIndex,
    RankItem::Pm25Mean,
    RankItem::GoodDayRatio,
];
/// What a period's name looks like.
const PERIOD_FORMS: &str =
    "2020, 2020-H1, 2020-Q3, 2020-07, 2020-07-xun2 or 2020-07-27 is expected";

/// Why there is no such bulletin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BulletinFault {
    /// The name is that of no period.
    #[error("{0:?}: {PERIOD_FORMS}")]
    Form(String),
    /// Not one day of the period was over.
    #[error("{label}: no day of it is over as of {as_of}; the newest whole day is {newest}")]
    Early {
        /// The period.
        label: String,
        /// The moment the bulletin speaks of.
        as_of: String,
        /// The newest day that was over then.
        newest: NaiveDate,
    },
    /// Nobody knows what will be known.
    #[error("{as_of}: known-at lies ahead")]
    Ahead {
        /// The moment the bulletin was to speak of.
        as_of: String,
    },
    /// A bulletin is issued of a whole period only.
    #[error("{label}: the period is not over; it can be issued from the end of {last} on")]
    NotOver {
        /// The period.
        label: String,
        /// Its last day.
        last: NaiveDate,
    },
}

/// A period that bulletins are made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Its kind: day, ten days, month, quarter, half-year or year.
    pub kind: PeriodKind,
    /// The whole calendar period.
    pub period: Period,
}

impl Issue {
    /// Reads the name of a period; ten-day periods are `2020-07-xun2` or `2020-07-X2`.
    ///
    /// # Errors
    /// [`BulletinFault::Form`] for any other text.
    pub fn parse(text: &str) -> Result<Self, BulletinFault> {
        let fault = || BulletinFault::Form(text.chars().take(40).collect());
        let period = Period::parse(&text.replace("xun", "X")).ok_or_else(fault)?;
        let first = period.span.from;
        let kind = KINDS
            .into_iter()
            .find(|kind| kind.containing(first) == period)
            .filter(|_| YEARS.contains(&first.year()))
            .ok_or_else(fault)?;
        Ok(Self { kind, period })
    }
}

/// What a bulletin is asked to be about.
#[derive(Clone, Debug)]
pub struct BulletinWish {
    /// The place.
    pub area: Area,
    /// The period.
    pub issue: Issue,
    /// Which edition judges.
    pub edition: EditionChoice,
    /// The place's division code where it is not that of its group.
    pub division_code: Option<String>,
    /// What reviewers looked at, when the assessor's days are as they left them; `None` for days as received.
    pub seen: Option<Arc<SeenDays>>,
    /// As known at this moment; `None` for all that is known.
    pub known_at: Option<Instant>,
    /// The present moment.
    pub now: Instant,
    /// The zone whose days count.
    pub zone: Zone,
}

/// A station and the days of the bulletin it counts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: SourceId,
    /// Its names, when it is registered.
    pub names: Option<Names>,
    /// Whether its readings are generated.
    pub simulated: bool,
    /// First and last day it counts within the bulletin's.
    pub span: Span,
}

/// The place a bulletin is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The area.
    pub area: Area,
    /// Its names.
    pub names: Names,
    /// The document that says which stations make it; `None` when none does.
    pub document: Option<String>,
    /// The stations.
    pub members: Vec<Member>,
}

/// Figures of a run of days beside those of the same run a year before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The figures with their year on year and targets.
    pub report: PeriodReport,
    /// The year before, under the same edition; `None` when that has no valid day.
    pub before: Option<Assessment>,
}

impl Side {
    /// The run's own figures.
    pub fn now(&self) -> &Assessment {
        &self.report.assessment
    }
}

/// One station's day, for the table of a daily bulletin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StationRow {
    /// The station.
    pub station: Member,
    /// Its day.
    pub day: AreaDay,
}

/// Everything a bulletin says.
#[derive(Clone, Debug)]
pub struct Bulletin {
    /// The period asked for.
    pub issue: Issue,
    /// The days the figures cover: the period, or what was over of it.
    pub covered: Span,
    /// The place.
    pub place: Place,
    /// The edition that judges.
    pub edition: Edition,
    /// How figures are printed.
    pub publication: Publication,
    /// The period's figures.
    pub side: Side,
    /// The days covered, in order.
    pub days: Vec<AreaDay>,
    /// The stations' days; only in a daily bulletin.
    pub stations: Vec<StationRow>,
    /// From the first of the month, in bulletins of a day or ten days.
    pub month_to_date: Option<Side>,
    /// From the first of January. `None` where it is the period itself.
    pub year_to_date: Option<Side>,
    /// Its places among other areas by each of [`RANKED`]; none in a daily bulletin and of a period that is not over.
    pub ranks: Vec<Ranking>,
    /// How the targets of the year stand at the end of the days covered.
    pub standings: Vec<Standing>,
    /// Every target registered for the place, whatever its year.
    pub targets: Vec<Target>,
    /// Whether generated readings take part.
    pub simulated: bool,
    /// How many of the period's values a reviewer has looked at; `None` for readings as received.
    pub seen: Option<Seen>,
    /// The choices its figures were made by.
    pub choices: Choices,
    /// Up to when what was known counts.
    pub known_at: Instant,
    /// When the bulletin was made.
    pub generated_at: Instant,
    /// The zone of days and times.
    pub zone: Zone,
}

/// The figure a pollutant is spoken of by: CO and O3 by their percentile, the others by their mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headline {
    /// As published.
    pub value: Option<Decimal>,
    /// The same a year before.
    pub before: Option<Decimal>,
    /// The change, from both as published.
    pub change: Option<Percent>,
}

impl Headline {
    fn of(value: Option<Decimal>, before: Option<Decimal>) -> Self {
        let change = value.zip(before);
        Self {
            value,
            before,
            change: change.and_then(|(now, before)| Percent::of(now, before)),
        }
    }
}

impl Bulletin {
    /// Decimals a pollutant is printed with.
    pub fn decimals(&self, pollutant: Pollutant) -> u32 {
        let own = self.publication.decimals[pollutant.index()];
        own.unwrap_or(self.edition.decimals[pollutant.index()])
    }

    /// A pollutant's figure over a run of days.
    pub fn headline(&self, side: &Side, pollutant: Pollutant) -> Headline {
        let published = |assessment: &Assessment| {
            let figure = &assessment.pollutants[pollutant.index()];
            figure.headline(pollutant).map(|own| own.published)
        };
        Headline::of(
            published(side.now()),
            side.before.as_ref().and_then(published),
        )
    }

    /// The composite index over a run of days.
    pub fn composite(&self, side: &Side) -> Headline {
        let before = side.before.as_ref();
        Headline::of(
            side.now().composite.value,
            before.and_then(|before| before.composite.value),
        )
    }

    /// What is remembered of the bulletin when it is issued: the figures of its period and the digest of its text.
    ///
    /// # Errors
    /// [`BulletinFault::NotOver`] before the period's end.
    pub fn release(
        &self,
        edition: EditionChoice,
        text_sha256: String,
    ) -> Result<Release, BulletinFault> {
        if !self.whole() {
            return Err(BulletinFault::NotOver {
                label: self.issue.period.label.clone(),
                last: self.issue.period.span.to,
            });
        }
        Ok(Release {
            kind: IssueKind::Bulletin,
            area: self.place.area.clone(),
            span: self.covered,
            by: self.issue.kind,
            edition,
            choices: self.choices,
            review: match self.seen {
                Some(_) => Review::Reviewed,
                None => Review::Raw,
            },
            zone: self.zone,
            issued_at: self.generated_at,
            known_at: self.known_at,
            text_sha256: Some(text_sha256),
        })
    }

    /// Whether the figures cover the whole period.
    pub fn whole(&self) -> bool {
        self.covered == self.issue.period.span
    }

    /// The run from the first of January to the last day covered.
    pub fn year_so_far(&self) -> &Side {
        self.year_to_date.as_ref().unwrap_or(&self.side)
    }

    /// Days with a valid value of the pollutant.
    pub fn valid_days(&self, pollutant: Pollutant) -> u32 {
        self.side.now().pollutants[pollutant.index()].valid_days
    }

    /// Days without an AQI.
    pub fn void_days(&self) -> impl Iterator<Item = &AreaDay> {
        self.days.iter().filter(|day| day.index.aqi.is_none())
    }

    /// How often each pollutant was a primary one on days with an AQI above 100, most often first.
    pub fn bad_day_primaries(&self) -> Vec<(Pollutant, usize)> {
        let bad = |day: &&AreaDay| day.index.aqi.is_some() && !day.index.is_good();
        let bad: Vec<&AreaDay> = self.days.iter().filter(bad).collect();
        let count = |pollutant: Pollutant| {
            let primary = |day: &&&AreaDay| day.index.primary.contains(&pollutant);
            (pollutant, bad.iter().filter(primary).count())
        };
        let mut counts: Vec<(Pollutant, usize)> = Pollutant::ALL.map(count).to_vec();
        counts.retain(|(_, count)| *count > 0);
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts
    }

    /// When a daily bulletin is due; `None` for the others, and for days of a document that names no hour.
    pub fn due_at(&self) -> Option<Instant> {
        let hours = DUE_HOUR * HOUR_S;
        let day = self.issue.period.span.to;
        let is_due = self.issue.kind == PeriodKind::Day && Some(day) >= DUE_SINCE;
        is_due.then(|| self.zone.day_end(day).plus_s(hours))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(PeriodKind, &str, &str)>) {
        let found = Issue::parse(text).ok().map(|issue| {
            let Span { from, to } = issue.period.span;
            (issue.kind, from.to_string(), to.to_string())
        });
        let expected = expected.map(|(kind, from, to)| (kind, from.to_owned(), to.to_owned()));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_period_is_named_as_the_calendar_names_it() {
        check("2020", Some((PeriodKind::Year, "2020-01-01", "2020-12-31")));
        check(
            "2020-H1",
            Some((PeriodKind::Half, "2020-01-01", "2020-06-30")),
        );
        check(
            "2020-Q3",
            Some((PeriodKind::Quarter, "2020-07-01", "2020-09-30")),
        );
        check(
            "2020-02",
            Some((PeriodKind::Month, "2020-02-01", "2020-02-29")),
        );
        check(
            "2020-07-xun2",
            Some((PeriodKind::Xun, "2020-07-11", "2020-07-20")),
        );
        check(
            "2021-02-X3",
            Some((PeriodKind::Xun, "2021-02-21", "2021-02-28")),
        );
        check(
            "2020-07-27",
            Some((PeriodKind::Day, "2020-07-27", "2020-07-27")),
        );
        for bad in [
            "",
            "20",
            "2020-",
            "2020-H3",
            "2020-Q0",
            "2020-13",
            "2020-7",
            "2020-02-30",
            "2020-07-xun4",
            "2020-07-27T00:00",
            "1899",
            "今年",
            "2020-07-01..2020-07-03",
        ] {
            check(bad, None);
        }
    }
}
