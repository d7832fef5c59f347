//! Which stations an area means, and whether it can be assessed.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::domain::calendar::Instant;
use crate::domain::names::NameFault;
use crate::domain::names::SourceId;
use crate::domain::registry::Membership;
use crate::domain::registry::Registry;
use crate::domain::registry::StationClass;
use crate::flow::rollup::Recipe;
use crate::flow::rollup::StationDays;
use crate::ports::StoreError;

/// Which place a figure is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Area {
    /// One station.
    Station(SourceId),
    /// A registered group.
    Group(String),
    /// All stations there are data of.
    Mean,
}

/// A station of an area, and when it counts there.
#[derive(Clone, Debug)]
pub struct Seat<'r> {
    /// Which.
    pub station: &'r SourceId,
    /// `None`: on every day.
    terms: Option<Vec<&'r Membership>>,
}

impl Seat<'_> {
    /// Whether it counts on the day.
    pub fn counts_on(&self, day: NaiveDate) -> bool {
        let terms = self.terms.as_deref();
        terms.is_none_or(|terms| terms.iter().any(|term| term.covers(day)))
    }
}

/// Why an area's name cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AreaFault {
    /// Not one of the forms.
    #[error("area {0:?} is not station:ID, group:ID, city or mean")]
    Form(String),
    /// The station's id is not one.
    #[error(transparent)]
    Station(#[from] NameFault),
    /// No such group.
    #[error("group {group:?} is not registered; there are: {known}")]
    UnknownGroup {
        /// What was asked for.
        group: String,
        /// What there is.
        known: String,
    },
    /// No such station.
    #[error("station {0:?} is not known; `GET /v1/stations` lists them")]
    UnknownStation(String),
}

impl Area {
    /// Reads `station:ID`, `group:ID`, `city` or `mean`.
    ///
    /// # Errors
    /// [`AreaFault`] for any other text.
    pub fn parse(text: &str) -> Result<Self, AreaFault> {
        match text.split_once(':') {
            Some(("station", id)) => Ok(Self::Station(SourceId::new(id)?)),
            Some(("group", id)) if !id.is_empty() => Ok(Self::Group(id.to_owned())),
            None if text == "mean" => Ok(Self::Mean),
            None if text == "city" => Ok(Self::Group("city".to_owned())),
            _ => Err(AreaFault::Form(text.chars().take(60).collect())),
        }
    }

    /// `mean` or the id alone.
    pub fn id(&self) -> &str {
        match self {
            Self::Station(id) => id.as_str(),
            Self::Group(id) => id,
            Self::Mean => "mean",
        }
    }

    /// The text [`Self::parse`] reads.
    pub fn text(&self) -> String {
        match self {
            Self::Station(id) => format!("station:{id}"),
            Self::Group(id) => format!("group:{id}"),
            Self::Mean => "mean".to_owned(),
        }
    }

    /// Whether the area can be assessed.
    ///
    /// # Errors
    /// [`AreaFault::UnknownGroup`] or [`AreaFault::UnknownStation`].
    pub fn check(&self, registry: &Registry, days: &StationDays) -> Result<(), AreaFault> {
        match self {
            Self::Group(id) if registry.group(id).is_none() => {
                let known: Vec<&str> = registry
                    .groups
                    .iter()
                    .map(|group| group.id.as_str())
                    .collect();
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                Err(AreaFault::UnknownGroup {
                    group: id.clone(),
                    known,
                })
            }
            Self::Station(id) if registry.station(id).is_none() && !days.contains_key(id) => {
                Err(AreaFault::UnknownStation(id.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// The stations that count on the day. Micro-stations never enter a group.
    pub fn members(&self, registry: &Registry, all: &[SourceId], day: NaiveDate) -> Vec<SourceId> {
        let seats = self.seats(registry, all).into_iter();
        let on = seats.filter(|seat| seat.counts_on(day));
        on.map(|seat| seat.station.clone()).collect()
    }

    /// The stations that count on any day, in order; one that is in a group twice has one seat.
    pub fn seats<'r>(&'r self, registry: &'r Registry, all: &'r [SourceId]) -> Vec<Seat<'r>> {
        let always = |station| Seat {
            station,
            terms: None,
        };
        let micro = |id: &SourceId| {
            registry
                .station(id)
                .is_some_and(|station| station.class == StationClass::Micro)
        };
        match self {
            Self::Station(id) => vec![always(id)],
            Self::Mean => all.iter().map(always).collect(),
            Self::Group(id) => {
                let mut terms: BTreeMap<&SourceId, Vec<&Membership>> = BTreeMap::new();
                let group = registry.group(id);
                for member in group.into_iter().flat_map(|group| &group.members) {
                    terms.entry(&member.station).or_default().push(member);
                }
                let seat = |(station, terms)| Seat {
                    station,
                    terms: Some(terms),
                };
                let own = terms.into_iter().filter(|(station, _)| !micro(station));
                own.map(seat).collect()
            }
        }
    }

    /// Whether the station ever belongs to the area. Micro-stations are not told apart here.
    pub(super) fn may_include(&self, registry: &Registry, source: &SourceId) -> bool {
        match self {
            Self::Station(id) => id == source,
            Self::Mean => true,
            Self::Group(id) => {
                let group = registry.group(id);
                group.is_some_and(|group| group.members.iter().any(|own| own.station == *source))
            }
        }
    }

    /// The days the area's figures rest on, as known at a time: those of its own stations.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn days(
        &self,
        recipe: &Recipe,
        registry: &Registry,
        known_at: Option<Instant>,
    ) -> Result<StationDays, StoreError> {
        let keys = recipe.series.keys().await?;
        let sources = keys.iter().map(|key| &key.source);
        let own: BTreeSet<&SourceId> = sources
            .filter(|source| self.may_include(registry, source))
            .collect();
        recipe.days_of(&keys, own, None, known_at).await
    }
}
