//! What must hold between the entries of tables: identities once, references that lead somewhere, simulated
//! stations that say so.

use crate::adapters::tables::kinds::GroupLine;
use crate::adapters::tables::sheet::Entry;
use crate::domain::exclusion::Exclusion;
use crate::domain::exclusion::Place;
use crate::domain::registry::GridUnit;
use crate::domain::registry::Group;
use crate::domain::registry::Logger;
use crate::domain::registry::Membership;
use crate::domain::registry::PublishedFigure;
use crate::domain::registry::Registry;
use crate::domain::registry::Station;
use crate::domain::registry::StationClass;
use crate::domain::registry::Target;
use crate::domain::registry::Unmonitored;
use crate::domain::standards::Editions;

/// What the code of a simulated station begins with.
const SIMULATED_PREFIX: &str = "sim-";

/// No identity twice.
fn once<T, K: PartialEq>(
    entries: &[Entry<T>],
    identity: impl Fn(&T) -> K,
    field: &str,
    faults: &mut Vec<String>,
) {
    for (index, entry) in entries.iter().enumerate() {
        let same = |other: &&Entry<T>| identity(&other.value) == identity(&entry.value);
        if let Some(first) = entries[..index].iter().find(same) {
            faults.push(format!(
                "{}: {field}: stands already at {}",
                entry.place, first.place
            ));
        }
    }
}

/// Codes once; `sim-` exactly on those that are simulated.
pub(super) fn stations(entries: &[Entry<Station>], known: &Registry, faults: &mut Vec<String>) {
    once(entries, |station| station.id.clone(), "id", faults);
    for Entry { place, value } in entries {
        if known.logger(&value.id).is_some() {
            faults.push(format!(
                "{place}: id: a logger has this identifier as its MN"
            ));
        }
        if value.id.as_str().starts_with(SIMULATED_PREFIX) != value.simulated {
            faults.push(format!(
                "{place}: simulated: must be true for codes that begin with {SIMULATED_PREFIX}, and only for them"
            ));
        }
    }
}

/// MNs once, and none that is a station's code: readings are kept by identifier.
pub(super) fn loggers(entries: &[Entry<Logger>], known: &Registry, faults: &mut Vec<String>) {
    once(entries, |logger| logger.id.clone(), "mn", faults);
    for Entry { place, value } in entries {
        if known.station(&value.id).is_some() {
            faults.push(format!("{place}: mn: a station has this identifier"));
        }
    }
}

/// Lines to groups: known stations that may be assessed, sound dates, no station twice on a day, no simulated
/// station beside a real one, one head a group.
pub(super) fn groups(
    lines: Vec<Entry<GroupLine>>,
    known: &Registry,
    faults: &mut Vec<String>,
) -> Vec<Group> {
    let known = |member: &Membership| known.station(&member.station);
    let mut groups: Vec<Group> = Vec::new();
    for Entry { place, value } in lines {
        let GroupLine { head, member } = value;
        let found = groups.iter().position(|group| group.id == head.id);
        let at = found.unwrap_or_else(|| {
            groups.push(head.clone());
            groups.len() - 1
        });
        let group = &mut groups[at];
        let head_of = |group: &Group| Group {
            members: Vec::new(),
            ..group.clone()
        };
        if head_of(group) != head {
            faults.push(format!(
                "{place}: id: names, document and division code differ from the group's first line"
            ));
        }
        if member.to.is_some_and(|to| to < member.from) {
            faults.push(format!("{place}: to: lies before from"));
        }
        match known(&member) {
            None => faults.push(format!("{place}: station: is not in the stations' table")),
            Some(station) if station.class == StationClass::Micro => {
                faults.push(format!(
                    "{place}: station: a micro-station never counts in a group"
                ));
            }
            Some(station) => {
                let meet = |other: &Membership| overlap(other, &member);
                let kind = |other: &Membership| known(other).map(|other| other.simulated);
                let mut together = group.members.iter().filter(|other| meet(other));
                if together
                    .clone()
                    .any(|other| other.station == member.station)
                {
                    faults.push(format!("{place}: station: counts twice on a day"));
                } else if together.any(|other| kind(other) == Some(!station.simulated)) {
                    faults.push(format!(
                        "{place}: station: simulated and real ones on one day"
                    ));
                }
            }
        }
        group.members.push(member);
    }
    groups
}

/// Ids once, for places that exist; revoked after they were decided.
pub(super) fn exclusions(entries: &[Entry<Exclusion>], known: &Registry, faults: &mut Vec<String>) {
    once(entries, |exclusion| exclusion.id.clone(), "id", faults);
    for Entry { place, value } in entries {
        let there = match &value.place {
            Place::Group(id) => known.group(id).is_some(),
            Place::Station(id) => known.station(id).is_some(),
            Place::All => true,
        };
        if !there {
            let what = &value.place;
            faults.push(format!("{place}: place: {what} is not registered"));
        }
        if value.revoked_on.is_some_and(|day| day < value.decided_on) {
            faults.push(format!("{place}: revoked_on: lies before decided_on"));
        }
    }
}

/// Known stations, days in order, a station's pollutant and first day once.
pub(super) fn unmonitored(
    entries: &[Entry<Unmonitored>],
    known: &Registry,
    faults: &mut Vec<String>,
) {
    let identity = |plan: &Unmonitored| (plan.station.clone(), plan.pollutant, plan.from);
    once(entries, identity, "station", faults);
    for Entry { place, value } in entries {
        if known.station(&value.station).is_none() {
            let station = &value.station;
            faults.push(format!("{place}: station: {station} is not registered"));
        }
        if value.to.is_some_and(|to| to < value.from) {
            faults.push(format!("{place}: to: lies before from"));
        }
    }
}

fn overlap(one: &Membership, other: &Membership) -> bool {
    let begins_in_time = |a: &Membership, b: &Membership| b.to.is_none_or(|to| a.from <= to);
    begins_in_time(one, other) && begins_in_time(other, one)
}

/// One level below the parent each, the top alone without one.
pub(super) fn grid(entries: &[Entry<GridUnit>], known: &Registry, faults: &mut Vec<String>) {
    once(entries, |unit| unit.id.clone(), "id", faults);
    for Entry { place, value } in entries {
        let above = value.parent.as_ref().map(|parent| {
            let own = entries.iter().map(|entry| &entry.value);
            let mut units = own.chain(&known.grid);
            units.find(|unit| unit.id == *parent).map(|unit| unit.level)
        });
        match above {
            None if value.level == 1 => {}
            None => faults.push(format!("{place}: parent: only level 1 has none")),
            Some(None) => faults.push(format!("{place}: parent: is not in this table")),
            Some(Some(level)) if level + 1 == value.level => {}
            Some(Some(level)) => {
                faults.push(format!("{place}: level: the parent has level {level}"))
            }
        }
    }
}

fn known_group(place: &str, group: &str, known: &Registry, faults: &mut Vec<String>) {
    if known.group(group).is_none() {
        faults.push(format!("{place}: group: is not in the groups' table"));
    }
}

/// Ids once, for groups and editions that exist.
pub(super) fn targets(
    entries: &[Entry<Target>],
    known: &Registry,
    editions: &Editions,
    faults: &mut Vec<String>,
) {
    once(entries, |target| target.id.clone(), "id", faults);
    for Entry { place, value } in entries {
        known_group(place, &value.group, known, faults);
        if let Some(edition) = &value.edition {
            known_edition(place, edition, editions, faults);
        }
    }
}

pub(super) fn known_edition(
    place: &str,
    edition: &str,
    editions: &Editions,
    faults: &mut Vec<String>,
) {
    if editions.by_id(edition).is_none() {
        let known = editions.named().map(|known| known.id.as_str());
        let known = known.collect::<Vec<_>>().join(", ");
        faults.push(format!(
            "{place}: edition: {edition:?} is not one of {known}"
        ));
    }
}

/// One figure a group, period and item, for groups that exist.
pub(super) fn published(
    entries: &[Entry<PublishedFigure>],
    known: &Registry,
    faults: &mut Vec<String>,
) {
    let identity = |f: &PublishedFigure| (f.group.clone(), f.period.clone(), f.item);
    once(entries, identity, "item", faults);
    for Entry { place, value } in entries {
        known_group(place, &value.group, known, faults);
    }
}
