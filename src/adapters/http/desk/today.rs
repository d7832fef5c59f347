//! Fills the first screen: the newest hour, the year so far, who needs a call, what is due.

use axum::http::HeaderMap;
use axum::http::header;
use chrono::NaiveDate;
use chrono::Timelike;

use crate::adapters::http::credit_view;
use crate::adapters::http::desk::Desk;
use crate::adapters::http::desk::Wish;
use crate::adapters::http::desk::level_of;
use crate::adapters::http::desk::name;
use crate::adapters::http::desk::signed;
use crate::adapters::http::error::Problem;
use crate::adapters::http::page::today::Call;
use crate::adapters::http::page::today::DailyReport;
use crate::adapters::http::page::today::HourItem;
use crate::adapters::http::page::today::MonthSoFar;
use crate::adapters::http::page::today::NowCard;
use crate::adapters::http::page::today::Steps;
use crate::adapters::http::page::today::TodayView;
use crate::adapters::http::phrases::fill;
use crate::adapters::http::phrases::phrases;
use crate::adapters::http::state::WebState;
use crate::adapters::http::targets::yesterday;
use crate::adapters::lang::Lang;
use crate::adapters::words;
use crate::domain::aqi::GOOD_MAX;
use crate::domain::assessment::change::Percent;
use crate::domain::assessment::change::Points;
use crate::domain::calendar::HOUR_S;
use crate::domain::calendar::PeriodKind;
use crate::domain::calendar::Span;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::publication::Issue;
use crate::domain::publication::IssueKind;
use crate::domain::registry::StationClass;
use crate::domain::registry::peer::RankItem;
use crate::flow::area::Area;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::hours::AreaHour;
use crate::flow::hours::HoursOf;
use crate::flow::ranking::RankQuestion;
use crate::ports::LetterState;

/// Data older than this are called old, in seconds: a missed hour and the time an hourly value takes to arrive.
const STALE_S: i64 = 3 * HOUR_S;
/// The hour of the day by which the report on the day before is due.
const REPORT_HOUR: u32 = 12;
/// Where the daemon is reached when the request does not say.
const HOST: &str = "127.0.0.1:8080";

/// The newest hour, of the area and of each of its stations.
struct Newest {
    area: AreaHour,
    stations: Vec<(SourceId, AreaHour)>,
}

/// Builds the view of the first screen.
///
/// # Errors
/// An area that does not exist, or those of the store.
pub async fn today(
    state: &WebState,
    wish: Wish,
    headers: &HeaderMap,
) -> Result<TodayView, Problem> {
    let desk = Desk::open(state, &wish).await?;
    let newest = desk.newest_hours().await?;
    let issues = state.publications.issues().await?;
    let counts = state.letters.letter_counts().await?;
    let waiting = counts.iter().filter_map(|(_, letter, count)| {
        matches!(letter, LetterState::Quarantined).then_some(*count)
    });
    let steps = desk.steps(waiting.sum(), host(headers));
    let view = || desk.today_view(newest.as_ref(), &issues, steps);
    state.compute(view).await
}

/// The address the request was sent to, as far as it is one.
fn host(headers: &HeaderMap) -> String {
    let given = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let plain = |host: &&str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || ".:-[]".contains(c);
        !host.is_empty() && host.len() <= 100 && host.chars().all(fits)
    };
    given.filter(plain).unwrap_or(HOST).to_owned()
}

impl Desk<'_> {
    async fn newest_hours(&self) -> Result<Option<Newest>, Problem> {
        let Some(day) = self.assessor.extent(&self.area).map(|span| span.to) else {
            return Ok(None);
        };
        let keys = self.recipe.series.keys().await?;
        let of = HoursOf {
            choices: Choices::default(),
            any_station: true,
            ..self.hours_of(&keys)
        };
        let span = Span { from: day, to: day };
        let loaded = of.load(&self.area, span).await?;
        let hours = of.of_loaded(&self.area, span, &loaded);
        let newest = hours.into_iter().rev().find(|hour| hour.reporting > 0);
        Ok(newest.map(|area| {
            let own = |id: &SourceId| {
                let hours = of.of_loaded(&Area::Station(id.clone()), span, &loaded);
                hours.into_iter().find(|hour| hour.time == area.time)
            };
            let members = self.assessor.members(&self.area, day).into_iter();
            let stations = members.filter_map(|id| Some((id.clone(), own(&id)?)));
            Newest {
                stations: stations.collect(),
                area,
            }
        }))
    }

    fn today_view(
        &self,
        newest: Option<&Newest>,
        issues: &[(u64, Issue)],
        steps: Steps,
    ) -> Result<TodayView, Problem> {
        let report = self.report();
        let other = self.other_paces();
        let edition = self.edition(&report.assessment.edition);
        let last = newest.map_or(self.span.to, |newest| {
            self.state.zone.day_of_ending(newest.area.time)
        });
        let shown = Span {
            from: self.span.from.min(last),
            to: last,
        };
        Ok(TodayView {
            lang: self.lang,
            area: self.choice(&self.area),
            areas: self.areas(),
            basis: self.basis(edition),
            simulated: self.assessor.simulated(&self.area, shown),
            year: self.year,
            now: newest.map(|newest| self.now_card(&newest.area)),
            pm25: self.pm25(&report, edition, other.as_ref()),
            ratio: self.ratio(&report, other.as_ref()),
            month: self.newest_of_year.map(|day| self.month_so_far(day)),
            silent: self.silent(),
            calls: newest.map(|newest| self.calls(newest)).unwrap_or_default(),
            report: self.daily_report(issues),
            tiers: credit_view::tier_changes(self.state, self.lang)?,
            steps,
        })
    }

    fn now_card(&self, hour: &AreaHour) -> NowCard {
        let age_s = self.state.now().unix() - hour.time.unix();
        let edition = self.edition(&hour.edition);
        let items = Pollutant::ALL.map(|pollutant| {
            let at = pollutant.index();
            HourItem {
                label: pollutant.label(),
                unit: pollutant.unit(),
                value: hour.values.hour[at]
                    .as_ref()
                    .map(|value| value.round(edition.decimals[at]).to_string()),
                iaqi: hour.index.iaqi[at],
            }
        });
        NowCard {
            time: self.state.zone.text(hour.time),
            age: age(age_s, self.lang),
            stale: age_s > STALE_S,
            edition: edition.title.clone(),
            aqi: level_of(hour),
            primary: labels(hour),
            void_reason: level_of(hour)
                .is_none()
                .then(|| words::void_day(&hour.void_reason, self.lang)),
            items: items.to_vec(),
            reporting: hour.reporting,
            stations: hour.stations,
        }
    }

    fn month_so_far(&self, day: NaiveDate) -> MonthSoFar {
        let kind = PeriodKind::MonthToDate;
        let period = kind.containing(day);
        // A month that is over is asked about as the month, under which other areas' figures are registered.
        let month = PeriodKind::Month.containing(day);
        let (kind, period) = match month.span == period.span {
            true => (PeriodKind::Month, month),
            false => (kind, period),
        };
        let auto = EditionChoice::Auto;
        let report =
            self.assessor
                .one_period(&self.area, kind, period.clone(), &auto, self.choices);
        let days = report.assessment.days;
        let pm25 = &report.assessment.pm25;
        let words_of = phrases(self.lang);
        let question = RankQuestion {
            kind,
            period: period.clone(),
            edition: auto,
            division_code: None,
        };
        let item = RankItem::CompositeIndex;
        let ranking = self
            .assessor
            .ranking(&self.area, &question, item, self.choices);
        let level = &ranking.main.level;
        let rank = match (&level.gap, level.own_place()) {
            (None, Some(place)) => {
                let (rank, all) = (place.rank.to_string(), level.entries.len().to_string());
                let template = match place.tied {
                    true => words_of.rank_tied,
                    false => words_of.rank_place,
                };
                fill(template, &[("rank", &rank), ("all", &all)])
            }
            (gap, _) => gap
                .as_ref()
                .map(|gap| words::rank_gap(gap, self.lang))
                .unwrap_or_else(|| words_of.void.to_owned()),
        };
        let yoy = report.yoy.as_ref();
        let percent = yoy.and_then(|yoy| yoy.pm25_pct).map(Percent::number);
        let points = yoy.and_then(|yoy| yoy.good_day_ratio_pp);
        let points = points.map(Points::number);
        let points_unit = self.lang.pick("个百分点", "percentage points");
        MonthSoFar {
            from: period.span.from,
            to: period.span.to,
            pm25: pm25.published.map(|value| value.to_string()),
            void_reason: pm25
                .void_reason
                .as_ref()
                .map(|reason| words::shortfall(reason, self.lang)),
            pm25_yoy: percent.map(|change| format!("{} %", signed(change))),
            ratio: days.ratio().map(|ratio| ratio.to_string()),
            ratio_yoy: points.map(|change| format!("{} {points_unit}", signed(change))),
            good_days: days.good,
            valid_days: days.valid,
            rank,
        }
    }

    /// Stations that are silent, lack items of the newest hour or have bad air; the worst first.
    fn calls(&self, newest: &Newest) -> Vec<Call> {
        let words_of = phrases(self.lang);
        let silent = self.state.watch.silent();
        let mut calls = Vec::new();
        for (id, hour) in &newest.stations {
            let mut why = Vec::new();
            let seen = silent.iter().find(|(silent, _)| silent == id);
            if let Some((_, last)) = seen {
                let time = self.state.zone.text(*last);
                why.push(fill(words_of.why_silent, &[("time", &time)]));
            }
            let missing = Pollutant::ALL.into_iter().filter(|pollutant| {
                let at = pollutant.index();
                hour.values.hour[at].is_none() && !hour.values.unmonitored[at]
            });
            let missing: Vec<&str> = missing.map(Pollutant::label).collect();
            if !missing.is_empty() {
                let items = missing.join(self.lang.pick("、", ", "));
                why.push(fill(words_of.why_missing, &[("items", &items)]));
            }
            let aqi = hour.index.aqi.unwrap_or(0);
            if let Some((aqi, level)) = level_of(hour).filter(|(aqi, _)| i64::from(*aqi) > GOOD_MAX)
            {
                let values = [
                    ("aqi", aqi.to_string()),
                    ("level", level.name(self.lang).to_owned()),
                ];
                let values: Vec<(&str, &str)> =
                    values.iter().map(|(k, v)| (*k, v.as_str())).collect();
                why.push(fill(words_of.why_bad, &values));
            }
            if why.is_empty() {
                continue;
            }
            let station = self.assessor.registry.station(id);
            let named = station.map(|station| name(&station.names, self.lang));
            calls.push((
                (seen.is_none(), -aqi, id.clone()),
                Call {
                    id: id.to_string(),
                    name: named.unwrap_or_else(|| id.to_string()),
                    class: station.map_or(StationClass::Micro, |station| station.class),
                    chief: self.chief(id),
                    why,
                    simulated: station.is_some_and(|station| station.simulated),
                },
            ));
        }
        calls.sort_by(|a, b| a.0.cmp(&b.0));
        calls.into_iter().map(|(_, call)| call).collect()
    }

    fn daily_report(&self, issues: &[(u64, Issue)]) -> DailyReport {
        let day = yesterday(self.state);
        let area = self.area.text();
        let label = PeriodKind::Day.containing(day).label;
        let own = |issue: &&Issue| {
            issue.kind == IssueKind::Bulletin && issue.area == area && issue.period.label == label
        };
        let issued = issues.iter().rev().map(|(_, issue)| issue).find(own);
        DailyReport {
            day,
            issued_at: issued.map(|issue| self.state.zone.text(issue.issued_at)),
            overdue: self.state.zone.local(self.state.now()).hour() >= REPORT_HOUR,
            has_data: self.assessor.newest_valid(&self.area, day) == Some(day),
        }
    }

    fn steps(&self, waiting: u64, http: String) -> Steps {
        let registry = &self.assessor.registry;
        Steps {
            hint: self.hint(),
            http,
            registered: !registry.stations.is_empty(),
            waiting,
        }
    }
}

fn labels(hour: &AreaHour) -> Vec<String> {
    let primary = hour.index.primary.iter();
    primary.map(|found| found.label().to_owned()).collect()
}

/// How long ago, in the largest unit that fits.
fn age(seconds: i64, lang: Lang) -> String {
    let words = phrases(lang);
    let (template, count) = match seconds {
        ..0 => return words.age_ahead.to_owned(),
        0..7_200 => (words.age_minutes, seconds / 60),
        7_200..172_800 => (words.age_hours, seconds / HOUR_S),
        _ => (words.age_days, seconds / (24 * HOUR_S)),
    };
    fill(template, &[("count", &count.to_string())])
}

#[cfg(test)]
mod tests {
    use super::age;
    use crate::adapters::lang::Lang;

    #[test]
    fn an_age_is_told_in_the_largest_unit_that_fits() {
        for (seconds, expected) in [
            (-1, "ahead of the clock"),
            (59, "0 minutes ago"),
            (7_199, "119 minutes ago"),
            (7_200, "2 hours ago"),
            (172_799, "47 hours ago"),
            (172_800, "2 days ago"),
        ] {
            assert_eq!(age(seconds, Lang::En), expected, "{seconds}");
        }
    }
}
