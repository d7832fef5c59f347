//! Exceptional events: which days of a place are left out of which statistics, by which document.
//!
//! 环办监测〔2016〕120号 takes particles of dust weather out of assessment and ranking, while the daily AQI shown to
//! the public keeps them; HJ 663-2026 speaks of exceptional events (例外事件) in general. So an exclusion is a
//! dated decision **per statistic**: nothing is deleted, and every figure stands with and without it. What a
//! reason takes out unless told otherwise is data, in `config/exclusions.toml`.

use std::fmt;

use chrono::NaiveDate;

use crate::domain::calendar::Span;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;

/// A kind of figure that an exclusion may take a day out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Statistic {
    /// Means of the period.
    Mean,
    /// Percentiles of the period.
    Percentile,
    /// The composite index.
    Composite,
    /// Places among other areas.
    Ranking,
    /// Counts of days by AQI: valid, good, heavy and their ratio.
    GoodDays,
}

impl Statistic {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Mean,
        Self::Percentile,
        Self::Composite,
        Self::Ranking,
        Self::GoodDays,
    ];

    /// The text used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Percentile => "percentile",
            Self::Composite => "composite",
            Self::Ranking => "ranking",
            Self::GoodDays => "good_days",
        }
    }

    /// From the interface text.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|statistic| statistic.key() == key)
    }
}

/// What figures are made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To be told as they are.
    #[default]
    Report,
    /// To be ranked with those of other areas.
    Ranking,
}

/// Where an exclusion holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The figures of a group, whatever its stations.
    Group(String),
    /// One station, in its own figures and in those of every area it belongs to.
    Station(SourceId),
    /// Everywhere.
    All,
}

impl Place {
    /// Reads `group:ID`, `station:ID` or `all`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("group", id)) if !id.is_empty() => Some(Self::Group(id.to_owned())),
            Some(("station", id)) => SourceId::new(id).ok().map(Self::Station),
            None if text == "all" => Some(Self::All),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(id) => write!(f, "group:{id}"),
            Self::Station(id) => write!(f, "station:{id}"),
            Self::All => f.write_str("all"),
        }
    }
}

/// One decision to leave days out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// Short id.
    pub id: String,
    /// Where.
    pub place: Place,
    /// The days.
    pub span: Span,
    /// Which pollutants, in report order.
    pub pollutants: Vec<Pollutant>,
    /// Out of which statistics, in the order of [`Statistic::ALL`].
    pub statistics: Vec<Statistic>,
    /// The reason's key, as in [`Reasons`].
    pub reason: String,
    /// The document that says so.
    pub document: String,
    /// From which day on it is known.
    pub decided_on: NaiveDate,
    /// From which day on it no longer stands.
    pub revoked_on: Option<NaiveDate>,
}

impl Exclusion {
    /// Whether it stands by what is known on a day.
    pub fn stands_on(&self, known_on: NaiveDate) -> bool {
        self.decided_on <= known_on && self.revoked_on.is_none_or(|day| known_on < day)
    }

    /// Whether it is about a statistic made for a purpose. Figures for a ranking go by [`Statistic::Ranking`]; counts
    /// of days among them only where the decision takes the days out of those too, so that dust stays in good days.
    pub fn concerns(&self, purpose: Purpose, statistic: Statistic) -> bool {
        let named = |statistic| self.statistics.contains(&statistic);
        match (purpose, statistic) {
            (Purpose::Report, Statistic::Ranking) => false,
            (Purpose::Report, own) => named(own),
            (Purpose::Ranking, Statistic::GoodDays) => {
                named(Statistic::Ranking) && named(Statistic::GoodDays)
            }
            (Purpose::Ranking, _) => named(Statistic::Ranking),
        }
    }

    /// Whether it is about any statistic made for a purpose.
    pub fn concerns_any(&self, purpose: Purpose) -> bool {
        Statistic::ALL
            .into_iter()
            .any(|statistic| self.concerns(purpose, statistic))
    }

    /// Whether it takes the pollutant's day out.
    pub fn takes(&self, pollutant: Pollutant, day: NaiveDate) -> bool {
        self.span.contains(day) && self.pollutants.contains(&pollutant)
    }
}

/// What a reason takes out unless the decision says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Its key.
    pub key: String,
    /// Pollutants; empty when each decision must name them.
    pub pollutants: Vec<Pollutant>,
    /// Statistics; empty when each decision must name them.
    pub statistics: Vec<Statistic>,
}

/// The reasons there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons(pub Vec<Reason>);

impl Reasons {
    /// The reason of that key.
    pub fn named(&self, key: &str) -> Option<&Reason> {
        self.0.iter().find(|reason| reason.key == key)
    }

    /// All keys, for faults.
    pub fn keys(&self) -> String {
        let keys: Vec<&str> = self.0.iter().map(|reason| reason.key.as_str()).collect();
        keys.join(" or ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a test's date")
    }

    fn dust() -> Exclusion {
        Exclusion {
            id: "d1".to_owned(),
            place: Place::All,
            span: Span {
                from: day("2023-04-10"),
                to: day("2023-04-12"),
            },
            pollutants: vec![Pollutant::Pm10],
            statistics: vec![Statistic::Mean],
            reason: "dust".to_owned(),
            document: "x".to_owned(),
            decided_on: day("2023-05-01"),
            revoked_on: Some(day("2023-06-01")),
        }
    }

    #[test]
    fn a_decision_stands_from_its_day_until_it_is_revoked() {
        let decision = dust();
        let known = [
            ("2023-04-30", false),
            ("2023-05-01", true),
            ("2023-05-31", true),
            ("2023-06-01", false),
        ];
        for (known_on, stands) in known {
            assert_eq!(decision.stands_on(day(known_on)), stands, "{known_on}");
        }
        let takes = [
            (Pollutant::Pm10, "2023-04-10", true),
            (Pollutant::Pm10, "2023-04-12", true),
            (Pollutant::Pm10, "2023-04-13", false),
            (Pollutant::Pm25, "2023-04-10", false),
        ];
        for (pollutant, at, expected) in takes {
            assert_eq!(decision.takes(pollutant, day(at)), expected, "{at}");
        }
    }

    #[test]
    fn ranks_go_by_their_own_statistic_and_good_days_by_both() {
        let check = |statistics: &[Statistic], report: &str, ranking: &str| {
            let decision = Exclusion {
                statistics: statistics.to_vec(),
                ..dust()
            };
            let about = |purpose| {
                let all = Statistic::ALL.into_iter();
                let own = all.filter(|own| decision.concerns(purpose, *own));
                own.map(Statistic::key).collect::<Vec<_>>().join(" ")
            };
            assert_eq!(about(Purpose::Report), report);
            assert_eq!(about(Purpose::Ranking), ranking);
            assert_eq!(decision.concerns_any(Purpose::Ranking), !ranking.is_empty());
        };
        let [mean, _, _, ranking, good_days] = Statistic::ALL;
        check(&[mean], "mean", "");
        check(
            &[mean, ranking],
            "mean",
            "mean percentile composite ranking",
        );
        check(&[good_days], "good_days", "");
        check(
            &[ranking, good_days],
            "good_days",
            "mean percentile composite ranking good_days",
        );
    }

    #[test]
    fn places_print_as_they_are_read() {
        for text in ["group:city", "station:1999A", "all"] {
            let place = Place::parse(text).map(|place| place.to_string());
            assert_eq!(place.as_deref(), Some(text));
        }
        for bad in ["", "city", "group:", "station:a b", "mean", "all:x"] {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }
}
