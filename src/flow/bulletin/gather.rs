//! Gathers what a bulletin says: asks the assessment for the period, the runs to date and the stations' days.

use crate::domain::calendar::DAY_S;
use crate::domain::calendar::Instant;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::names::SourceId;
use crate::domain::registry::Names;
use crate::domain::registry::StationClass;
use crate::domain::registry::Target;
use crate::domain::target::Standing;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::bulletin::Bulletin;
use crate::flow::bulletin::BulletinFault;
use crate::flow::bulletin::BulletinWish;
use crate::flow::bulletin::Member;
use crate::flow::bulletin::Place;
use crate::flow::bulletin::RANKED;
use crate::flow::bulletin::Side;
use crate::flow::bulletin::StationRow;
use crate::flow::ranking::RankQuestion;
use crate::flow::ranking::Ranking;

/// Gathers a bulletin.
///
/// # Errors
/// [`BulletinFault::Early`] when no day of the period is over, [`BulletinFault::Ahead`] when it is to be as known at a
/// moment to come.
pub fn gather(assessor: &Assessor, wish: BulletinWish) -> Result<Bulletin, BulletinFault> {
    let known_at = wish.known_at.unwrap_or(wish.now);
    if known_at > wish.now {
        let as_of = wish.zone.text(known_at);
        return Err(BulletinFault::Ahead { as_of });
    }
    let covered = covered(&wish, known_at)?;
    let whole = covered == wish.issue.period.span;
    let kind = if whole {
        wish.issue.kind
    } else {
        PeriodKind::Whole
    };
    let choices = Choices {
        known_on: Some(wish.zone.local(known_at).date_naive()),
        ..Choices::default()
    };
    let desk = Desk {
        choices,
        assessor,
        area: &wish.area,
        edition: &wish.edition,
    };
    let side = desk.side(kind, covered);
    let edition = assessor.editions.by_id(&side.now().edition);
    let edition = edition.expect("an assessment names its edition").clone();
    let fixed = EditionChoice::Fixed(edition.id.clone());
    let area = &wish.area;
    let last = Span {
        from: covered.to,
        to: covered.to,
    };
    let short = matches!(wish.issue.kind, PeriodKind::Day | PeriodKind::Xun);
    let runs = |kind: PeriodKind| kind.containing(covered.to).span.from < covered.from || short;
    let run = |kind: PeriodKind| desk.side(kind, last);
    let members = desk.members(covered);
    let month_to_date = short.then(|| run(PeriodKind::MonthToDate));
    let year_to_date = runs(PeriodKind::YearToDate).then(|| run(PeriodKind::YearToDate));
    let standings = match (&year_to_date, kind) {
        // A month or a quarter that begins with the year is judged by no target; the year so far is.
        (None, PeriodKind::Month | PeriodKind::Quarter) => desk.standings(last),
        (so_far, _) => so_far.as_ref().unwrap_or(&side).report.standings.clone(),
    };
    let stations = match wish.issue.kind {
        PeriodKind::Day => desk.stations(&members, covered, &fixed),
        _ => Vec::new(),
    };
    let seen = wish.seen.as_deref();
    Ok(Bulletin {
        place: desk.place(members),
        publication: assessor.publication,
        days: assessor.days(area, covered, &fixed, choices),
        stations,
        month_to_date,
        year_to_date,
        ranks: desk.ranks(&wish, whole, &fixed),
        standings,
        targets: desk.targets(),
        simulated: assessor.simulated(area, covered),
        seen: seen.map(|seen| assessor.reviewed_values(area, covered, seen)),
        choices,
        known_at,
        generated_at: wish.now,
        zone: wish.zone,
        issue: wish.issue,
        covered,
        edition,
        side,
    })
}

/// The days of the period that were over at that moment.
fn covered(wish: &BulletinWish, known_at: Instant) -> Result<Span, BulletinFault> {
    let span = wish.issue.period.span;
    // A day is over at its 24:00, which belongs to it.
    let newest = wish.zone.day_of_ending(known_at.plus_s(1 - DAY_S));
    if newest < span.from {
        return Err(BulletinFault::Early {
            label: wish.issue.period.label.clone(),
            as_of: wish.zone.text(known_at),
            newest,
        });
    }
    Ok(Span {
        from: span.from,
        to: span.to.min(newest),
    })
}

struct Desk<'a> {
    choices: Choices,
    assessor: &'a Assessor,
    area: &'a Area,
    edition: &'a EditionChoice,
}

impl Desk<'_> {
    fn side(&self, kind: PeriodKind, span: Span) -> Side {
        let periods = |span: Span, edition: &EditionChoice| {
            let mut reports = self
                .assessor
                .periods(self.area, span, kind, edition, self.choices);
            reports.pop().expect("a range of days holds a period")
        };
        let report = periods(span, self.edition);
        let edition = EditionChoice::Fixed(report.assessment.edition.clone());
        let earlier = match kind {
            PeriodKind::MonthToDate | PeriodKind::YearToDate => {
                let to = report.assessment.period.span.year_before().to;
                Span { from: to, to }
            }
            _ => span.year_before(),
        };
        let before = periods(earlier, &edition).assessment;
        let has_data = before.days.valid > 0 || before.pm25.valid_days > 0;
        Side {
            report,
            before: has_data.then_some(before),
        }
    }

    /// How the targets of the year stand on a day.
    fn standings(&self, on: Span) -> Vec<Standing> {
        let (area, kind) = (self.area, PeriodKind::YearToDate);
        let mut reports = self
            .assessor
            .periods(area, on, kind, self.edition, self.choices);
        let report = reports.pop().expect("a day is the end of a run");
        report.standings
    }

    fn member(&self, id: &SourceId, span: Span) -> Member {
        let station = self.assessor.registry.station(id);
        Member {
            id: id.clone(),
            names: station.map(|station| station.names.clone()),
            simulated: station.is_some_and(|station| station.simulated),
            span,
        }
    }

    fn members(&self, covered: Span) -> Vec<Member> {
        let registry = &self.assessor.registry;
        match self.area {
            Area::Station(id) => vec![self.member(id, covered)],
            Area::Mean => {
                let mut all: Vec<&SourceId> = self.assessor.days.keys().collect();
                all.sort();
                all.into_iter().map(|id| self.member(id, covered)).collect()
            }
            Area::Group(id) => {
                let micro = |id: &SourceId| {
                    let station = registry.station(id);
                    station.is_some_and(|station| station.class == StationClass::Micro)
                };
                let dated = registry
                    .group(id)
                    .into_iter()
                    .flat_map(|group| &group.members);
                let within = dated.filter_map(|member| {
                    let from = member.from.max(covered.from);
                    let to = member.to.map_or(covered.to, |to| to.min(covered.to));
                    let counts = from <= to && !micro(&member.station);
                    counts.then(|| self.member(&member.station, Span { from, to }))
                });
                within.collect()
            }
        }
    }

    fn stations(
        &self,
        members: &[Member],
        covered: Span,
        edition: &EditionChoice,
    ) -> Vec<StationRow> {
        let row = |station: &Member| {
            let area = Area::Station(station.id.clone());
            let mut days = self.assessor.days(&area, covered, edition, self.choices);
            let day = days.pop().expect("a span of one day");
            let station = station.clone();
            StationRow { station, day }
        };
        members.iter().map(row).collect()
    }

    fn place(&self, members: Vec<Member>) -> Place {
        let registry = &self.assessor.registry;
        let plain = |text: &str| Names {
            zh: text.to_owned(),
            en: text.to_owned(),
        };
        let (names, document) = match self.area {
            Area::Station(id) => {
                let names = registry.station(id).map(|station| station.names.clone());
                (names.unwrap_or_else(|| plain(id.as_str())), None)
            }
            Area::Group(id) => {
                let group = registry.group(id);
                let names = group.map(|group| group.names.clone());
                let document = group.map(|group| group.document.clone());
                (names.unwrap_or_else(|| plain(id)), document)
            }
            Area::Mean => {
                let names = Names {
                    zh: "全部站点".to_owned(),
                    en: "All stations".to_owned(),
                };
                (names, None)
            }
        };
        Place {
            area: self.area.clone(),
            names,
            document,
            members,
        }
    }

    /// The place among other areas; a day has none, and neither has a period that is not over.
    fn ranks(&self, wish: &BulletinWish, whole: bool, edition: &EditionChoice) -> Vec<Ranking> {
        if wish.issue.kind == PeriodKind::Day || !whole {
            return Vec::new();
        }
        let question = RankQuestion {
            kind: wish.issue.kind,
            period: wish.issue.period.clone(),
            edition: edition.clone(),
            division_code: wish.division_code.clone(),
        };
        self.assessor
            .rankings(self.area, &question, &RANKED, self.choices)
    }

    fn targets(&self) -> Vec<Target> {
        let own = |target: &&Target| matches!(self.area, Area::Group(id) if *id == target.group);
        let targets = self.assessor.registry.targets.iter();
        targets.filter(own).cloned().collect()
    }
}
