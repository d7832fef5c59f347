//! Which stations an area means, and whether it can be assessed.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::domain::calendar::Instant;
use crate::domain::names::NameFault;
use crate::domain::names::SourceId;
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
        let micro = |id: &&SourceId| {
            registry
                .station(id)
                .is_some_and(|station| station.class == StationClass::Micro)
        };
        match self {
            Self::Station(id) => vec![id.clone()],
            Self::Mean => all.to_vec(),
            Self::Group(id) => {
                let members = registry
                    .group(id)
                    .into_iter()
                    .flat_map(|group| group.members_on(day));
                // A station in the group twice on a day counts once.
                let once: BTreeSet<SourceId> = members.filter(|id| !micro(id)).cloned().collect();
                once.into_iter().collect()
            }
        }
    }

    /// Whether the station ever belongs to the area. Micro-stations are not told apart here.
    fn may_include(&self, registry: &Registry, source: &SourceId) -> bool {
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
