//! What is registered: stations, their groups, the supervision network, enterprises, outlets, permits,
//! targets and figures published earlier.

pub mod peer;
pub mod senders;

use std::cmp::Ordering;

use chrono::NaiveDate;

use crate::domain::calendar::Zone;
use crate::domain::exclusion::Exclusion;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::domain::pollutant::Pollutant;
use crate::domain::registry::peer::Peer;
use crate::domain::units::Amount;
use crate::domain::units::Exact;

/// A name in both languages of the product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// What kind of point a station is; micro-stations never enter an assessment group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StationClass {
    /// 国控.
    National,
    /// 省控.
    Provincial,
    /// 镇街.
    Town,
    /// 微站.
    Micro,
}

impl StationClass {
    /// The text used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::National => "national",
            Self::Provincial => "provincial",
            Self::Town => "town",
            Self::Micro => "micro",
        }
    }

    /// From the interface text.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::National, Self::Provincial, Self::Town, Self::Micro]
            .into_iter()
            .find(|class| class.key() == key)
    }
}

/// An air station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    /// Its code, also the last part of its topic.
    pub id: SourceId,
    /// Display names.
    pub names: Names,
    /// Kind of point.
    pub class: StationClass,
    /// East longitude in degrees, as published.
    pub longitude: Amount,
    /// North latitude in degrees, as published.
    pub latitude: Amount,
    /// Whether its readings are generated, not measured.
    pub simulated: bool,
    /// Where the entry comes from.
    pub source: String,
    /// The zone of its times that come without an offset; such times cannot be read when `None`.
    pub zone: Option<Zone>,
    /// The interval it is to report in, in seconds, when it is known.
    pub interval_s: Option<u32>,
}

/// An enterprise's data logger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logger {
    /// Its MN, also the last part of its topic. No station has the same identifier.
    pub id: SourceId,
    /// The enterprise.
    pub uscc: String,
    /// The outlets it reports on, by code.
    pub outlets: Vec<String>,
    /// Where the entry comes from.
    pub source: String,
    /// The zone of its times that come without an offset.
    pub zone: Option<Zone>,
    /// The interval it is to report in, in seconds, when it is known.
    pub interval_s: Option<u32>,
}

/// One station's time in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The station.
    pub station: SourceId,
    /// First day it counts.
    pub from: NaiveDate,
    /// Last day it counts; open when `None`.
    pub to: Option<NaiveDate>,
    /// The document of this membership, where it is another than the group's.
    pub document: Option<String>,
}

/// A pollutant that a station does not monitor, by plan (HJ 633-2026 5.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmonitored {
    /// The station.
    pub station: SourceId,
    /// The pollutant.
    pub pollutant: Pollutant,
    /// First day without it.
    pub from: NaiveDate,
    /// Last day without it; open when `None`.
    pub to: Option<NaiveDate>,
    /// The plan.
    pub document: String,
}

/// Who answers for a station (点位长), and for what: who is called when it is silent or its air is bad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chief {
    /// The station.
    pub station: SourceId,
    /// The person's name; `None` when only the unit is to be named.
    pub name: Option<String>,
    /// The unit the person is of.
    pub unit: String,
}

/// A named set of stations whose mean is an area's figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Short id, as in `group:ID`.
    pub id: String,
    /// Display names.
    pub names: Names,
    /// The document that says which points count.
    pub document: String,
    /// Division code of the area it stands for, where that has one; its place among others it is ranked with.
    pub division_code: Option<String>,
    /// Dated members.
    pub members: Vec<Membership>,
}

impl Membership {
    /// Whether it holds on the day.
    pub fn covers(&self, day: NaiveDate) -> bool {
        self.from <= day && self.to.is_none_or(|to| day <= to)
    }
}

/// A unit of the five-level supervision network (bureau, sub-bureau, town, village, enterprise officer).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridUnit {
    /// Short id.
    pub id: String,
    /// The unit above; `None` at the top.
    pub parent: Option<String>,
    /// 1 bureau to 5 enterprise officer.
    pub level: u8,
    /// Display names.
    pub names: Names,
}

/// What a target or a published figure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// Mean PM2.5, ug/m3; to be at most the value.
    Pm25Mean,
    /// Good-day ratio, percent; to be at least the value.
    GoodDayRatio,
    /// Good days; to be at least the value.
    GoodDays,
    /// Heavily polluted days; to be at most the value.
    HeavyDays,
    /// Mean PM10, ug/m3; to be at most the value.
    Pm10Mean,
    /// 90th percentile of the daily ozone 8 h maxima, ug/m3; to be at most the value.
    O3P90,
    /// Composite index; to be at most the value.
    CompositeIndex,
}

impl Item {
    /// Every item.
    pub const ALL: [Self; 7] = [
        Self::Pm25Mean,
        Self::GoodDayRatio,
        Self::GoodDays,
        Self::HeavyDays,
        Self::Pm10Mean,
        Self::O3P90,
        Self::CompositeIndex,
    ];

    /// The text used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Pm25Mean => "pm25_mean",
            Self::GoodDayRatio => "good_day_ratio",
            Self::GoodDays => "good_days",
            Self::HeavyDays => "heavy_days",
            Self::Pm10Mean => "pm10_mean",
            Self::O3P90 => "o3_p90",
            Self::CompositeIndex => "composite_index",
        }
    }

    /// From the interface text.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|item| item.key() == key)
    }

    /// Whether less is better.
    pub const fn at_most(self) -> bool {
        !matches!(self, Self::GoodDayRatio | Self::GoodDays)
    }

    /// The pollutant of a concentration.
    pub const fn pollutant(self) -> Option<Pollutant> {
        match self {
            Self::Pm25Mean => Some(Pollutant::Pm25),
            Self::Pm10Mean => Some(Pollutant::Pm10),
            Self::O3P90 => Some(Pollutant::O3),
            _ => None,
        }
    }

    /// Whether a figure is on the right side of a limit; one equal to it is.
    pub fn meets(self, figure: &Exact, limit: &Exact) -> bool {
        if self.at_most() {
            figure <= limit
        } else {
            figure >= limit
        }
    }
}

/// What a plan aims at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Short id.
    pub id: String,
    /// The group it binds.
    pub group: String,
    /// What about.
    pub item: Item,
    /// The calendar year it is set for.
    pub year: i32,
    /// The value aimed at.
    pub limit: Amount,
    /// Who set it.
    pub issuer: String,
    /// In which document.
    pub document: String,
    /// The edition it is judged under; `None` leaves that to the figure it is compared with.
    pub edition: Option<String>,
}

/// A figure published in the past, kept to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedFigure {
    /// The group it speaks of.
    pub group: String,
    /// Period label, such as `2020-H1`.
    pub period: String,
    /// What about.
    pub item: Item,
    /// The printed value.
    pub value: Amount,
    /// The printed change against the year before (percent, or percentage points for a ratio).
    pub change: Option<Amount>,
    /// Where it was printed.
    pub source: String,
}

/// An enterprise in the credit scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enterprise {
    /// Unified social credit code.
    pub uscc: String,
    /// Display names.
    pub names: Names,
    /// Line of business.
    pub industry: String,
    /// Town or sub-district.
    pub town: String,
    /// Whether it is an invented example.
    pub example: bool,
}

/// A permitted emission point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlet {
    /// Outlet code, such as `DA001`.
    pub id: String,
    /// The enterprise.
    pub uscc: String,
    /// `gas` or `water`.
    pub kind: String,
    /// Display name.
    pub name: String,
}

/// A permit's line for one factor of one outlet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    /// Permit number.
    pub number: String,
    /// The enterprise.
    pub uscc: String,
    /// The outlet.
    pub outlet: String,
    /// The factor.
    pub factor: String,
    /// Concentration limit.
    pub limit: Amount,
    /// Unit of the limit.
    pub unit: String,
    /// Permitted tonnes a year, if the permit names them.
    pub annual_t: Option<Amount>,
    /// First day in force.
    pub from: NaiveDate,
    /// Last day in force.
    pub to: NaiveDate,
}

/// Everything registered, as one value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    /// Air stations, by id.
    pub stations: Vec<Station>,
    /// Data loggers, by MN.
    pub loggers: Vec<Logger>,
    /// Station groups, by id.
    pub groups: Vec<Group>,
    /// Days left out of statistics.
    pub exclusions: Vec<Exclusion>,
    /// Pollutants not monitored by plan.
    pub unmonitored: Vec<Unmonitored>,
    /// Who answers for a station.
    pub chiefs: Vec<Chief>,
    /// The supervision network.
    pub grid: Vec<GridUnit>,
    /// Targets.
    pub targets: Vec<Target>,
    /// Figures published earlier.
    pub published: Vec<PublishedFigure>,
    /// Figures of other areas.
    pub peers: Vec<Peer>,
    /// Enterprises, in the order of their codes.
    pub enterprises: Vec<Enterprise>,
    /// Outlets.
    pub outlets: Vec<Outlet>,
    /// Permits.
    pub permits: Vec<Permit>,
}

impl Registry {
    /// The station of that id.
    pub fn station(&self, id: &SourceId) -> Option<&Station> {
        self.stations.iter().find(|station| station.id == *id)
    }

    /// Who answers for the station.
    pub fn chief(&self, station: &SourceId) -> Option<&Chief> {
        self.chiefs.iter().find(|chief| chief.station == *station)
    }

    /// The interval the source is to report in, in seconds.
    pub fn interval_s(&self, source: &Source) -> Option<u32> {
        match source.kind {
            SourceKind::Station => self.station(&source.id)?.interval_s,
            SourceKind::Logger => self.logger(&source.id)?.interval_s,
        }
    }

    /// The logger of that MN.
    pub fn logger(&self, id: &SourceId) -> Option<&Logger> {
        self.loggers.iter().find(|logger| logger.id == *id)
    }

    /// The group of that id.
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    /// The enterprise of that code.
    pub fn enterprise(&self, uscc: &str) -> Option<&Enterprise> {
        let found = self
            .enterprises
            .binary_search_by(|enterprise| enterprise.uscc.as_str().cmp(uscc));
        found.ok().map(|at| &self.enterprises[at])
    }

    /// How many entries of all kinds there are.
    pub fn entries(&self) -> usize {
        self.stations.len()
            + self.loggers.len()
            + self.groups.len()
            + self.exclusions.len()
            + self.unmonitored.len()
            + self.chiefs.len()
            + self.grid.len()
            + self.targets.len()
            + self.published.len()
            + self.peers.len()
            + self.enterprises.len()
            + self.outlets.len()
            + self.permits.len()
    }

    /// Takes over every entry of `other`; an entry of the same identity is replaced, so a second merge of the
    /// same registry changes nothing. Entries stand in the order of their identities afterwards.
    pub fn merge(&mut self, other: Registry) {
        replace(&mut self.stations, other.stations, |a, b| a.id.cmp(&b.id));
        replace(&mut self.loggers, other.loggers, |a, b| a.id.cmp(&b.id));
        replace(&mut self.groups, other.groups, |a, b| a.id.cmp(&b.id));
        replace(&mut self.exclusions, other.exclusions, |a, b| {
            a.id.cmp(&b.id)
        });
        replace(&mut self.unmonitored, other.unmonitored, |a, b| {
            (&a.station, a.pollutant.key(), a.from).cmp(&(&b.station, b.pollutant.key(), b.from))
        });
        replace(&mut self.chiefs, other.chiefs, |a, b| {
            a.station.cmp(&b.station)
        });
        replace(&mut self.grid, other.grid, |a, b| a.id.cmp(&b.id));
        replace(&mut self.targets, other.targets, |a, b| a.id.cmp(&b.id));
        replace(&mut self.published, other.published, |a, b| {
            let (own, theirs) = (a.item.key(), b.item.key());
            (&a.group, &a.period, own).cmp(&(&b.group, &b.period, theirs))
        });
        replace(&mut self.peers, other.peers, |a, b| {
            a.identity().cmp(&b.identity())
        });
        replace(&mut self.enterprises, other.enterprises, |a, b| {
            a.uscc.cmp(&b.uscc)
        });
        replace(&mut self.outlets, other.outlets, |a, b| {
            (&a.uscc, &a.id).cmp(&(&b.uscc, &b.id))
        });
        replace(&mut self.permits, other.permits, |a, b| {
            (&a.number, &a.outlet, &a.factor).cmp(&(&b.number, &b.outlet, &b.factor))
        });
    }
}

fn replace<T>(into: &mut Vec<T>, from: Vec<T>, order: impl Fn(&T, &T) -> Ordering) {
    into.sort_by(&order);
    for entry in from {
        match into.binary_search_by(|existing| order(existing, &entry)) {
            Ok(at) => into[at] = entry,
            Err(at) => into.insert(at, entry),
        }
    }
}
