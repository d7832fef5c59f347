//! The kinds of tables: how a row of each is read and written.

use crate::adapters::tables::Kind;
use crate::adapters::tables::checks;
use crate::adapters::tables::chiefs;
use crate::adapters::tables::exclusions;
use crate::adapters::tables::peers;
use crate::adapters::tables::sheet::Line;
use crate::adapters::tables::sheet::date;
use crate::adapters::tables::sheet::if_filled;
use crate::adapters::tables::sheet::values;
use crate::domain::calendar::Zone;
use crate::domain::credit::uscc::Uscc;
use crate::domain::pollutant::Pollutant;
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
use crate::domain::registry::peer::is_division_code;
use crate::domain::units::Amount;

/// Every table there is; one comes after those its rows refer to.
pub static KINDS: [Kind; 10] = [
    Kind {
        name: "stations",
        columns: &[
            "id",
            "name_zh",
            "name_en",
            "class",
            "longitude",
            "latitude",
            "simulated",
            "source",
            "zone",
            "interval_s",
        ],
        optional: 2,
        read: |sheet| {
            let entries = sheet.entries(station);
            checks::stations(&entries, sheet.known, sheet.faults);
            let stations = values(entries);
            Registry {
                stations,
                ..Registry::default()
            }
        },
        rows: |registry| registry.stations.iter().map(station_row).collect(),
    },
    Kind {
        name: "groups",
        columns: &[
            "id",
            "name_zh",
            "name_en",
            "document",
            "station",
            "from",
            "to",
            "member_document",
            "division_code",
        ],
        optional: 2,
        read: |sheet| {
            let lines = sheet.entries(group_line);
            let groups = checks::groups(lines, sheet.known, sheet.faults);
            Registry {
                groups,
                ..Registry::default()
            }
        },
        rows: |registry| registry.groups.iter().flat_map(group_rows).collect(),
    },
    Kind {
        name: "exclusions",
        columns: &exclusions::COLUMNS,
        optional: 1,
        read: |sheet| {
            let reasons = sheet.rules.reasons;
            let entries = sheet.entries(|line| exclusions::exclusion(line, reasons));
            checks::exclusions(&entries, sheet.known, sheet.faults);
            let exclusions = values(entries);
            Registry {
                exclusions,
                ..Registry::default()
            }
        },
        rows: |registry| registry.exclusions.iter().map(exclusions::row).collect(),
    },
    Kind {
        name: "unmonitored",
        columns: &["station", "pollutant", "from", "to", "document"],
        optional: 0,
        read: |sheet| {
            let entries = sheet.entries(unmonitored);
            checks::unmonitored(&entries, sheet.known, sheet.faults);
            let unmonitored = values(entries);
            Registry {
                unmonitored,
                ..Registry::default()
            }
        },
        rows: |registry| registry.unmonitored.iter().map(unmonitored_row).collect(),
    },
    Kind {
        name: "chiefs",
        columns: &chiefs::COLUMNS,
        optional: 0,
        read: |sheet| {
            let entries = sheet.entries(chiefs::chief);
            chiefs::check(&entries, sheet.known, sheet.faults);
            let chiefs = values(entries);
            Registry {
                chiefs,
                ..Registry::default()
            }
        },
        rows: |registry| registry.chiefs.iter().map(chiefs::row).collect(),
    },
    Kind {
        name: "grid",
        columns: &["id", "parent", "level", "name_zh", "name_en"],
        optional: 0,
        read: |sheet| {
            let entries = sheet.entries(grid_unit);
            checks::grid(&entries, sheet.known, sheet.faults);
            let grid = values(entries);
            Registry {
                grid,
                ..Registry::default()
            }
        },
        rows: |registry| registry.grid.iter().map(grid_row).collect(),
    },
    Kind {
        name: "targets",
        columns: &[
            "id", "group", "item", "year", "limit", "issuer", "document", "edition",
        ],
        optional: 1,
        read: |sheet| {
            let entries = sheet.entries(target);
            checks::targets(&entries, sheet.known, sheet.rules.editions, sheet.faults);
            let targets = values(entries);
            Registry {
                targets,
                ..Registry::default()
            }
        },
        rows: |registry| registry.targets.iter().map(target_row).collect(),
    },
    Kind {
        name: "published",
        columns: &["group", "period", "item", "value", "change", "source"],
        optional: 0,
        read: |sheet| {
            let entries = sheet.entries(figure);
            checks::published(&entries, sheet.known, sheet.faults);
            let published = values(entries);
            Registry {
                published,
                ..Registry::default()
            }
        },
        rows: |registry| registry.published.iter().map(figure_row).collect(),
    },
    Kind {
        name: "peers",
        columns: &peers::COLUMNS,
        optional: 0,
        read: |sheet| {
            let entries = sheet.entries(peers::peer);
            peers::check(&entries, sheet.rules.editions, sheet.faults);
            let peers = values(entries);
            Registry {
                peers,
                ..Registry::default()
            }
        },
        rows: |registry| registry.peers.iter().map(peers::row).collect(),
    },
    Kind {
        name: "loggers",
        columns: &["mn", "uscc", "outlets", "source", "zone", "interval_s"],
        optional: 2,
        read: |sheet| {
            let entries = sheet.entries(logger);
            checks::loggers(&entries, sheet.known, sheet.faults);
            let loggers = values(entries);
            Registry {
                loggers,
                ..Registry::default()
            }
        },
        rows: |registry| registry.loggers.iter().map(logger_row).collect(),
    },
];

/// A group's line: its head and one member.
pub(super) struct GroupLine {
    /// The group, without members.
    pub(super) head: Group,
    /// The member.
    pub(super) member: Membership,
}

/// The value's text, or nothing.
pub(super) fn or_empty<T: ToString>(value: Option<&T>) -> String {
    value.map(T::to_string).unwrap_or_default()
}

fn station(line: &mut Line<'_>) -> Option<Station> {
    let id = line.source_id("id");
    let names = line.names();
    let class = line.field(
        "class",
        "national, provincial, town or micro",
        StationClass::from_key,
    );
    let longitude = line.degrees("longitude", 180);
    let latitude = line.degrees("latitude", 90);
    let simulated = line.field("simulated", "true or false", |text| text.parse().ok());
    let source = line.text("source");
    let (zone, interval_s) = timing(line);
    Some(Station {
        id: id?,
        names: names?,
        class: class?,
        longitude: longitude?,
        latitude: latitude?,
        simulated: simulated?,
        source: source?,
        zone: zone?,
        interval_s: interval_s?,
    })
}

/// Zone and interval, either of which may be left open.
fn timing(line: &mut Line<'_>) -> (Option<Option<Zone>>, Option<Option<u32>>) {
    let zone = line.field("zone", "an offset such as +08:00, or empty", |text| {
        if_filled(text, Zone::parse)
    });
    let seconds = |text: &str| text.parse().ok().filter(|s| (1..=86_400).contains(s));
    let expected = "whole seconds from 1 to 86400, or empty";
    let interval_s = line.field("interval_s", expected, |text| if_filled(text, seconds));
    (zone, interval_s)
}

fn logger(line: &mut Line<'_>) -> Option<Logger> {
    let id = line.source_id("mn");
    let uscc = line.field("uscc", "a unified social credit code", |text| {
        Uscc::new(text).ok().map(|uscc| uscc.as_str().to_owned())
    });
    let outlets = line.field("outlets", "codes joined by |, or empty", |text| {
        let codes: Vec<String> = text.split('|').map(str::to_owned).collect();
        let filled = codes
            .iter()
            .all(|code| !code.is_empty() && code.trim() == code);
        (filled || text.is_empty()).then(|| codes.into_iter().filter(|c| !c.is_empty()).collect())
    });
    let source = line.text("source");
    let (zone, interval_s) = timing(line);
    Some(Logger {
        id: id?,
        uscc: uscc?,
        outlets: outlets?,
        source: source?,
        zone: zone?,
        interval_s: interval_s?,
    })
}

fn logger_row(logger: &Logger) -> Vec<String> {
    vec![
        logger.id.to_string(),
        logger.uscc.clone(),
        logger.outlets.join("|"),
        logger.source.clone(),
        or_empty(logger.zone.as_ref()),
        or_empty(logger.interval_s.as_ref()),
    ]
}

fn station_row(station: &Station) -> Vec<String> {
    vec![
        station.id.to_string(),
        station.names.zh.clone(),
        station.names.en.clone(),
        station.class.key().to_owned(),
        station.longitude.to_string(),
        station.latitude.to_string(),
        station.simulated.to_string(),
        station.source.clone(),
        or_empty(station.zone.as_ref()),
        or_empty(station.interval_s.as_ref()),
    ]
}

fn group_line(line: &mut Line<'_>) -> Option<GroupLine> {
    let id = line.text("id");
    let names = line.names();
    let document = line.text("document");
    let station = line.source_id("station");
    let from = line.field("from", "a date such as 2020-01-31", date);
    let to = line.field("to", "a date such as 2020-01-31, or empty", |text| {
        if_filled(text, date)
    });
    let own_document = line.field("member_document", "a text, or empty", |text| {
        if_filled(text, |text| Some(text.to_owned()))
    });
    let division_code = line.field("division_code", "six to twelve digits, or empty", |text| {
        if_filled(text, |text| is_division_code(text).then(|| text.to_owned()))
    });
    Some(GroupLine {
        head: Group {
            id: id?,
            names: names?,
            document: document?,
            division_code: division_code?,
            members: Vec::new(),
        },
        member: Membership {
            station: station?,
            from: from?,
            to: to?,
            document: own_document?,
        },
    })
}

fn group_rows(group: &Group) -> Vec<Vec<String>> {
    let row = |member: &Membership| {
        vec![
            group.id.clone(),
            group.names.zh.clone(),
            group.names.en.clone(),
            group.document.clone(),
            member.station.to_string(),
            member.from.to_string(),
            or_empty(member.to.as_ref()),
            or_empty(member.document.as_ref()),
            or_empty(group.division_code.as_ref()),
        ]
    };
    group.members.iter().map(row).collect()
}

fn unmonitored(line: &mut Line<'_>) -> Option<Unmonitored> {
    let station = line.source_id("station");
    let pollutant = line.field("pollutant", "pm25, pm10, so2, no2, co or o3", |text| {
        Pollutant::from_key(text)
    });
    let from = line.field("from", "a date such as 2026-03-01", date);
    let to = line.field("to", "a date such as 2026-12-31, or empty", |text| {
        if_filled(text, date)
    });
    let document = line.text("document");
    Some(Unmonitored {
        station: station?,
        pollutant: pollutant?,
        from: from?,
        to: to?,
        document: document?,
    })
}

fn unmonitored_row(plan: &Unmonitored) -> Vec<String> {
    vec![
        plan.station.to_string(),
        plan.pollutant.key().to_owned(),
        plan.from.to_string(),
        or_empty(plan.to.as_ref()),
        plan.document.clone(),
    ]
}

fn grid_unit(line: &mut Line<'_>) -> Option<GridUnit> {
    let id = line.text("id");
    let parent = line.field("parent", "the id of the unit above, or empty", |text| {
        if_filled(text, |text| Some(text.to_owned()))
    });
    let level = line.field("level", "1 to 5", |text| {
        text.parse().ok().filter(|level| (1..=5).contains(level))
    });
    let names = line.names();
    Some(GridUnit {
        id: id?,
        parent: parent?,
        level: level?,
        names: names?,
    })
}

fn grid_row(unit: &GridUnit) -> Vec<String> {
    vec![
        unit.id.clone(),
        or_empty(unit.parent.as_ref()),
        unit.level.to_string(),
        unit.names.zh.clone(),
        unit.names.en.clone(),
    ]
}

fn target(line: &mut Line<'_>) -> Option<Target> {
    let id = line.text("id");
    let group = line.text("group");
    let item = line.item();
    let year = line.field("year", "a year from 2000 to 2100", |text| {
        text.parse()
            .ok()
            .filter(|year| (2_000..=2_100).contains(year))
    });
    let limit = line.field("limit", "a number of at least 0", |text| {
        Amount::parse(text)
            .ok()
            .filter(|limit| !limit.is_negative())
    });
    let issuer = line.text("issuer");
    let document = line.text("document");
    let edition = line.field("edition", "an edition's id, or empty", |text| {
        if_filled(text, |text| Some(text.to_owned()))
    });
    Some(Target {
        id: id?,
        group: group?,
        item: item?,
        year: year?,
        limit: limit?,
        issuer: issuer?,
        document: document?,
        edition: edition?,
    })
}

fn target_row(target: &Target) -> Vec<String> {
    vec![
        target.id.clone(),
        target.group.clone(),
        target.item.key().to_owned(),
        target.year.to_string(),
        target.limit.to_string(),
        target.issuer.clone(),
        target.document.clone(),
        or_empty(target.edition.as_ref()),
    ]
}

fn figure(line: &mut Line<'_>) -> Option<PublishedFigure> {
    let group = line.text("group");
    let period = line.text("period");
    let item = line.item();
    let value = line.field("value", "a number", |text| Amount::parse(text).ok());
    let change = line.field("change", "a number, or empty", |text| {
        if_filled(text, |text| Amount::parse(text).ok())
    });
    let source = line.text("source");
    Some(PublishedFigure {
        group: group?,
        period: period?,
        item: item?,
        value: value?,
        change: change?,
        source: source?,
    })
}

fn figure_row(figure: &PublishedFigure) -> Vec<String> {
    vec![
        figure.group.clone(),
        figure.period.clone(),
        figure.item.key().to_owned(),
        figure.value.to_string(),
        or_empty(figure.change.as_ref()),
        figure.source.clone(),
    ]
}
