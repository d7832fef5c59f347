//! Seed tables to registry entries, strictly: exact columns, checked fields, every fault reported.

use chrono::NaiveDate;

use crate::app::seeds::Seed;
use crate::app::seeds::Table;
use crate::app::seeds::checks;
use crate::domain::names::SourceId;
use crate::domain::registry::GridUnit;
use crate::domain::registry::Group;
use crate::domain::registry::Item;
use crate::domain::registry::Membership;
use crate::domain::registry::Names;
use crate::domain::registry::PublishedFigure;
use crate::domain::registry::Registry;
use crate::domain::registry::Station;
use crate::domain::registry::StationClass;
use crate::domain::registry::Target;
use crate::domain::units::Amount;

/// Most rows a table may have.
const ROWS_MAX: usize = 10_000;
/// Longest field, in bytes.
const FIELD_BYTES_MAX: usize = 400;

const STATION_COLUMNS: [&str; 8] = [
    "id",
    "name_zh",
    "name_en",
    "class",
    "longitude",
    "latitude",
    "simulated",
    "source",
];
const GROUP_COLUMNS: [&str; 7] = [
    "id", "name_zh", "name_en", "document", "station", "from", "to",
];
const GRID_COLUMNS: [&str; 5] = ["id", "parent", "level", "name_zh", "name_en"];
const TARGET_COLUMNS: [&str; 7] = ["id", "group", "item", "year", "limit", "issuer", "document"];
const PUBLISHED_COLUMNS: [&str; 6] = ["group", "period", "item", "value", "change", "source"];

/// A registry entry and where it stands, for checks across entries.
pub(super) struct Entry<T> {
    /// `file:line`.
    pub(super) place: String,
    /// The entry.
    pub(super) value: T,
}

/// A group's line: its head and one member.
pub(super) struct GroupLine {
    /// The group, without members.
    pub(super) head: Group,
    /// The member.
    pub(super) member: Membership,
}

/// Takes every table apart. Faults go to `faults`, one text each; with any, the registry is of no use.
pub(super) fn read(seed: &Seed, faults: &mut Vec<String>) -> Registry {
    let stations = entries(&seed.stations, &STATION_COLUMNS, station, faults);
    checks::stations(&stations, faults);
    let lines = entries(&seed.groups, &GROUP_COLUMNS, group_line, faults);
    let groups = checks::groups(lines, &stations, faults);
    let grid = optional(seed.grid.as_ref(), &GRID_COLUMNS, grid_unit, faults);
    checks::grid(&grid, faults);
    let targets = optional(seed.targets.as_ref(), &TARGET_COLUMNS, target, faults);
    checks::targets(&targets, &groups, faults);
    let published = optional(seed.published.as_ref(), &PUBLISHED_COLUMNS, figure, faults);
    checks::published(&published, &groups, faults);
    Registry {
        stations: values(stations),
        groups,
        grid: values(grid),
        targets: values(targets),
        published: values(published),
        ..Registry::default()
    }
}

fn values<T>(entries: Vec<Entry<T>>) -> Vec<T> {
    entries.into_iter().map(|entry| entry.value).collect()
}

fn optional<T>(
    table: Option<&Table>,
    columns: &[&'static str],
    parse: impl Fn(&mut Line<'_>) -> Option<T>,
    faults: &mut Vec<String>,
) -> Vec<Entry<T>> {
    table.map_or_else(Vec::new, |table| entries(table, columns, parse, faults))
}

/// Every row that has no fault of its own.
fn entries<T>(
    table: &Table,
    columns: &[&'static str],
    parse: impl Fn(&mut Line<'_>) -> Option<T>,
    faults: &mut Vec<String>,
) -> Vec<Entry<T>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(table.text.as_bytes());
    let mut entries = Vec::new();
    if table.text.is_empty() {
        let (file, columns) = (table.file, columns.join(","));
        faults.push(format!("{file}:1: columns must be {columns}"));
    }
    for (index, record) in reader.records().enumerate() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                faults.push(format!("{}: {error}", table.file));
                break;
            }
        };
        let number = record.position().map_or(0, csv::Position::line);
        let place = format!("{}:{number}", table.file);
        if index == 0 {
            if record.iter().ne(columns.iter().copied()) {
                faults.push(format!("{place}: columns must be {}", columns.join(",")));
                break;
            }
        } else if index > ROWS_MAX {
            faults.push(format!("{place}: more than {ROWS_MAX} rows"));
            break;
        } else if record.len() == columns.len() {
            let mut line = Line {
                place: &place,
                columns,
                record: &record,
                faults,
            };
            if let Some(value) = parse(&mut line) {
                entries.push(Entry { place, value });
            }
        } else {
            let (got, due) = (record.len(), columns.len());
            faults.push(format!("{place}: {got} fields where {due} are due"));
        }
    }
    entries
}

/// One row under its columns.
struct Line<'a> {
    place: &'a str,
    columns: &'a [&'static str],
    record: &'a csv::StringRecord,
    faults: &'a mut Vec<String>,
}

impl Line<'_> {
    /// The field as `parse` reads it; what it refuses becomes a fault naming what would be right.
    fn field<T>(
        &mut self,
        column: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let at = self.columns.iter().position(|name| *name == column);
        let text = at.and_then(|at| self.record.get(at)).unwrap_or("");
        let value = (text.len() <= FIELD_BYTES_MAX)
            .then(|| parse(text))
            .flatten();
        if value.is_none() {
            let shown: String = text.chars().take(40).collect();
            let place = self.place;
            self.faults
                .push(format!("{place}: {column}: {shown:?} is not {expected}"));
        }
        value
    }

    fn text(&mut self, column: &str) -> Option<String> {
        let filled = |text: &str| !text.is_empty() && text.trim() == text;
        self.field(column, "a text without blanks around it", |text| {
            filled(text).then(|| text.to_owned())
        })
    }

    fn names(&mut self) -> Option<Names> {
        let (zh, en) = (self.text("name_zh"), self.text("name_en"));
        Some(Names { zh: zh?, en: en? })
    }

    fn source_id(&mut self, column: &str) -> Option<SourceId> {
        self.field(column, "a station's code", |text| SourceId::new(text).ok())
    }

    fn item(&mut self) -> Option<Item> {
        let expected = "pm25_mean, good_day_ratio, good_days or heavy_days";
        self.field("item", expected, Item::from_key)
    }

    fn degrees(&mut self, column: &str, most: i64) -> Option<Amount> {
        let within = |degrees: &Amount| degrees.micros().abs() <= Amount::from_units(most).micros();
        self.field(
            column,
            &format!("a number of degrees within {most}"),
            |text| Amount::parse(text).ok().filter(within),
        )
    }
}

fn date(text: &str) -> Option<NaiveDate> {
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

/// Nothing for an empty field, else what `parse` reads.
fn if_filled<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    if text.is_empty() {
        Some(None)
    } else {
        parse(text).map(Some)
    }
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
    Some(Station {
        id: id?,
        names: names?,
        class: class?,
        longitude: longitude?,
        latitude: latitude?,
        simulated: simulated?,
        source: source?,
    })
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
    Some(GroupLine {
        head: Group {
            id: id?,
            names: names?,
            document: document?,
            members: Vec::new(),
        },
        member: Membership {
            station: station?,
            from: from?,
            to: to?,
        },
    })
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

fn target(line: &mut Line<'_>) -> Option<Target> {
    let id = line.text("id");
    let group = line.text("group");
    let item = line.item();
    let year = line.field("year", "a year from 2000 to 2100", |text| {
        text.parse()
            .ok()
            .filter(|year| (2_000..=2_100).contains(year))
    });
    let limit = line.field("limit", "a number", |text| Amount::parse(text).ok());
    let issuer = line.text("issuer");
    let document = line.text("document");
    Some(Target {
        id: id?,
        group: group?,
        item: item?,
        year: year?,
        limit: limit?,
        issuer: issuer?,
        document: document?,
    })
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
