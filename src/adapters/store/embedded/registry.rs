//! What is registered, as rows: one table a kind, plain enough to read with any SQLite shell.

mod chiefs;
mod exclusions;
mod peers;
mod unmonitored;

use chrono::NaiveDate;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;

use crate::adapters::store::embedded::Fault;
use crate::domain::calendar::Zone;
use crate::domain::names::SourceId;
use crate::domain::registry::Enterprise;
use crate::domain::registry::GridUnit;
use crate::domain::registry::Group;
use crate::domain::registry::Item;
use crate::domain::registry::Logger;
use crate::domain::registry::Membership;
use crate::domain::registry::Names;
use crate::domain::registry::Outlet;
use crate::domain::registry::Permit;
use crate::domain::registry::PublishedFigure;
use crate::domain::registry::Registry;
use crate::domain::registry::Station;
use crate::domain::registry::StationClass;
use crate::domain::registry::Target;
use crate::domain::units::Amount;

/// Merges the entries in, replacing those of the same identity.
pub(super) fn save(connection: &Connection, entries: &Registry) -> Result<(), Fault> {
    entries
        .stations
        .iter()
        .try_for_each(|station| save_station(connection, station))?;
    entries
        .loggers
        .iter()
        .try_for_each(|logger| save_logger(connection, logger))?;
    entries
        .groups
        .iter()
        .try_for_each(|group| save_group(connection, group))?;
    entries
        .exclusions
        .iter()
        .try_for_each(|exclusion| exclusions::save(connection, exclusion))?;
    entries
        .unmonitored
        .iter()
        .try_for_each(|plan| unmonitored::save(connection, plan))?;
    entries
        .chiefs
        .iter()
        .try_for_each(|chief| chiefs::save(connection, chief))?;
    entries
        .grid
        .iter()
        .try_for_each(|unit| save_grid(connection, unit))?;
    entries
        .targets
        .iter()
        .try_for_each(|target| save_target(connection, target))?;
    entries
        .published
        .iter()
        .try_for_each(|figure| save_published(connection, figure))?;
    entries
        .peers
        .iter()
        .try_for_each(|peer| peers::save(connection, peer))?;
    entries
        .enterprises
        .iter()
        .try_for_each(|enterprise| save_enterprise(connection, enterprise))?;
    entries
        .outlets
        .iter()
        .try_for_each(|outlet| save_outlet(connection, outlet))?;
    entries
        .permits
        .iter()
        .try_for_each(|permit| save_permit(connection, permit))
}

fn replace(
    connection: &Connection,
    table: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<(), Fault> {
    let places: Vec<String> = (1..=values.len()).map(|at| format!("?{at}")).collect();
    let sql = format!(
        "INSERT OR REPLACE INTO {table} VALUES ({})",
        places.join(", ")
    );
    connection.prepare_cached(&sql)?.execute(values)?;
    Ok(())
}

fn save_station(connection: &Connection, station: &Station) -> Result<(), Fault> {
    let values = params![
        station.id.as_str(),
        station.names.zh,
        station.names.en,
        station.class.key(),
        station.longitude.micros(),
        station.latitude.micros(),
        station.simulated,
        station.source,
        station.zone.map(|zone| zone.to_string()),
        station.interval_s
    ];
    replace(connection, "station", values)
}

fn save_logger(connection: &Connection, logger: &Logger) -> Result<(), Fault> {
    let values = params![
        logger.id.as_str(),
        logger.uscc,
        logger.outlets.join("|"),
        logger.source,
        logger.zone.map(|zone| zone.to_string()),
        logger.interval_s
    ];
    replace(connection, "logger", values)
}

fn save_group(connection: &Connection, group: &Group) -> Result<(), Fault> {
    connection.execute(
        "DELETE FROM membership WHERE station_group = ?1",
        [&group.id],
    )?;
    let gone = "DELETE FROM group_division WHERE station_group = ?1";
    connection.execute(gone, [&group.id])?;
    let values = params![group.id, group.names.zh, group.names.en, group.document];
    replace(connection, "station_group", values)?;
    if let Some(code) = &group.division_code {
        replace(connection, "group_division", params![group.id, code])?;
    }
    for (position, member) in group.members.iter().enumerate() {
        let position = i64::try_from(position).expect("a position fits 64 bits");
        let to = member.to.map(|day| day.to_string());
        let station = member.station.as_str();
        let from = member.from.to_string();
        let values = params![group.id, position, station, from, to, member.document];
        replace(connection, "membership", values)?;
    }
    Ok(())
}

fn save_grid(connection: &Connection, unit: &GridUnit) -> Result<(), Fault> {
    let values = params![
        unit.id,
        unit.parent,
        unit.level,
        unit.names.zh,
        unit.names.en
    ];
    replace(connection, "grid_unit", values)
}

fn save_target(connection: &Connection, target: &Target) -> Result<(), Fault> {
    let values = params![
        target.id,
        target.group,
        target.item.key(),
        target.year,
        target.limit.micros(),
        target.issuer,
        target.document,
        target.edition
    ];
    replace(connection, "target", values)
}

fn save_published(connection: &Connection, figure: &PublishedFigure) -> Result<(), Fault> {
    let change = figure.change.map(Amount::micros);
    let (item, value) = (figure.item.key(), figure.value.micros());
    let values = params![
        figure.group,
        figure.period,
        item,
        value,
        change,
        figure.source
    ];
    replace(connection, "published_figure", values)
}

fn save_enterprise(connection: &Connection, enterprise: &Enterprise) -> Result<(), Fault> {
    let values = params![
        enterprise.uscc,
        enterprise.names.zh,
        enterprise.names.en,
        enterprise.industry,
        enterprise.town,
        enterprise.example
    ];
    replace(connection, "enterprise", values)
}

fn save_outlet(connection: &Connection, outlet: &Outlet) -> Result<(), Fault> {
    replace(
        connection,
        "outlet",
        params![outlet.uscc, outlet.id, outlet.kind, outlet.name],
    )
}

fn save_permit(connection: &Connection, permit: &Permit) -> Result<(), Fault> {
    let values = params![
        permit.number,
        permit.uscc,
        permit.outlet,
        permit.factor,
        permit.limit.micros(),
        permit.unit,
        permit.annual_t.map(Amount::micros),
        permit.from.to_string(),
        permit.to.to_string()
    ];
    replace(connection, "permit", values)
}

/// Everything registered, each kind in the order of its key.
pub(super) fn load(connection: &Connection) -> Result<Registry, Fault> {
    let mut groups = all(connection, "station_group", "id", group)?;
    for (id, member) in all(
        connection,
        "membership",
        "station_group, position",
        membership,
    )? {
        let group = groups.iter_mut().find(|group| group.id == id);
        group
            .ok_or_else(|| damaged("membership", &id))?
            .members
            .push(member);
    }
    for (id, code) in all(connection, "group_division", "station_group", division)? {
        let group = groups.iter_mut().find(|group| group.id == id);
        let group = group.ok_or_else(|| damaged("group_division", &id))?;
        group.division_code = Some(code);
    }
    Ok(Registry {
        stations: all(connection, "station", "id", station)?,
        loggers: all(connection, "logger", "id", logger)?,
        groups,
        exclusions: all(connection, "exclusion", "id", exclusions::load)?,
        unmonitored: all(
            connection,
            "unmonitored",
            "station, pollutant, from_day",
            unmonitored::load,
        )?,
        chiefs: all(connection, "chief", "station", chiefs::load)?,
        grid: all(connection, "grid_unit", "id", grid_unit)?,
        targets: all(connection, "target", "id", target)?,
        published: all(
            connection,
            "published_figure",
            "station_group, period, item",
            published,
        )?,
        peers: all(
            connection,
            "peer",
            "period, division_code, item, edition",
            peers::load,
        )?,
        enterprises: all(connection, "enterprise", "uscc", enterprise)?,
        outlets: all(connection, "outlet", "uscc, id", outlet)?,
        permits: all(connection, "permit", "number, outlet, factor", permit)?,
    })
}

fn all<T>(
    connection: &Connection,
    table: &str,
    order: &str,
    read: impl Fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT * FROM {table} ORDER BY {order}"))?;
    let mut rows = statement.query([])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(read(row)?);
    }
    Ok(entries)
}

fn damaged(table: &str, value: &str) -> Fault {
    Fault::Row(format!(
        "table {table}: {value:?} is not what belongs there"
    ))
}

fn micros(row: &Row<'_>, column: &str) -> Result<Amount, Fault> {
    Ok(Amount::from_micros(row.get(column)?))
}

fn names(row: &Row<'_>) -> Result<Names, Fault> {
    Ok(Names {
        zh: row.get("name_zh")?,
        en: row.get("name_en")?,
    })
}

fn source(row: &Row<'_>, table: &str, column: &str) -> Result<SourceId, Fault> {
    let id: String = row.get(column)?;
    SourceId::new(&id).map_err(|_| damaged(table, &id))
}

fn day(row: &Row<'_>, table: &str, column: &str) -> Result<NaiveDate, Fault> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| damaged(table, &text))
}

fn item(row: &Row<'_>, table: &str) -> Result<Item, Fault> {
    let key: String = row.get("item")?;
    Item::from_key(&key).ok_or_else(|| damaged(table, &key))
}

fn station(row: &Row<'_>) -> Result<Station, Fault> {
    let class: String = row.get("class")?;
    Ok(Station {
        id: source(row, "station", "id")?,
        names: names(row)?,
        class: StationClass::from_key(&class).ok_or_else(|| damaged("station", &class))?,
        longitude: micros(row, "longitude")?,
        latitude: micros(row, "latitude")?,
        simulated: row.get("simulated")?,
        source: row.get("source")?,
        zone: zone(row, "station")?,
        interval_s: row.get("interval_s")?,
    })
}

fn zone(row: &Row<'_>, table: &str) -> Result<Option<Zone>, Fault> {
    let text: Option<String> = row.get("zone")?;
    let zone = |text: String| Zone::parse(&text).ok_or_else(|| damaged(table, &text));
    text.map(zone).transpose()
}

fn logger(row: &Row<'_>) -> Result<Logger, Fault> {
    let outlets: String = row.get("outlets")?;
    let codes = outlets.split('|').filter(|code| !code.is_empty());
    Ok(Logger {
        id: source(row, "logger", "id")?,
        uscc: row.get("uscc")?,
        outlets: codes.map(str::to_owned).collect(),
        source: row.get("source")?,
        zone: zone(row, "logger")?,
        interval_s: row.get("interval_s")?,
    })
}

fn group(row: &Row<'_>) -> Result<Group, Fault> {
    let document = row.get("document")?;
    Ok(Group {
        id: row.get("id")?,
        names: names(row)?,
        document,
        division_code: None,
        members: Vec::new(),
    })
}

fn division(row: &Row<'_>) -> Result<(String, String), Fault> {
    Ok((row.get("station_group")?, row.get("division_code")?))
}

fn membership(row: &Row<'_>) -> Result<(String, Membership), Fault> {
    let open: Option<String> = row.get("to_day")?;
    let to = open.map(|_| day(row, "membership", "to_day")).transpose()?;
    let station = source(row, "membership", "station")?;
    let from = day(row, "membership", "from_day")?;
    let member = Membership {
        station,
        from,
        to,
        document: row.get("document")?,
    };
    Ok((row.get("station_group")?, member))
}

fn grid_unit(row: &Row<'_>) -> Result<GridUnit, Fault> {
    let (id, parent, level) = (row.get("id")?, row.get("parent")?, row.get("level")?);
    Ok(GridUnit {
        id,
        parent,
        level,
        names: names(row)?,
    })
}

fn target(row: &Row<'_>) -> Result<Target, Fault> {
    Ok(Target {
        id: row.get("id")?,
        group: row.get("station_group")?,
        item: item(row, "target")?,
        year: row.get("year")?,
        limit: micros(row, "target_limit")?,
        issuer: row.get("issuer")?,
        document: row.get("document")?,
        edition: row.get("edition")?,
    })
}

fn published(row: &Row<'_>) -> Result<PublishedFigure, Fault> {
    Ok(PublishedFigure {
        group: row.get("station_group")?,
        period: row.get("period")?,
        item: item(row, "published_figure")?,
        value: micros(row, "value")?,
        change: row
            .get::<_, Option<i64>>("change")?
            .map(Amount::from_micros),
        source: row.get("source")?,
    })
}

fn enterprise(row: &Row<'_>) -> Result<Enterprise, Fault> {
    Ok(Enterprise {
        uscc: row.get("uscc")?,
        names: names(row)?,
        industry: row.get("industry")?,
        town: row.get("town")?,
        example: row.get("example")?,
    })
}

fn outlet(row: &Row<'_>) -> Result<Outlet, Fault> {
    let (id, uscc) = (row.get("id")?, row.get("uscc")?);
    Ok(Outlet {
        id,
        uscc,
        kind: row.get("kind")?,
        name: row.get("name")?,
    })
}

fn permit(row: &Row<'_>) -> Result<Permit, Fault> {
    Ok(Permit {
        number: row.get("number")?,
        uscc: row.get("uscc")?,
        outlet: row.get("outlet")?,
        factor: row.get("factor")?,
        limit: micros(row, "permit_limit")?,
        unit: row.get("unit")?,
        annual_t: row
            .get::<_, Option<i64>>("annual_t")?
            .map(Amount::from_micros),
        from: day(row, "permit", "from_day")?,
        to: day(row, "permit", "to_day")?,
    })
}

/// A note kept under a name.
pub(super) fn mark(connection: &Connection, name: &str) -> Result<Option<String>, Fault> {
    let select = "SELECT value FROM mark WHERE name = ?1";
    Ok(connection
        .prepare_cached(select)?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

/// Keeps a note under a name.
pub(super) fn set_mark(connection: &Connection, name: &str, value: &str) -> Result<(), Fault> {
    replace(connection, "mark", params![name, value])
}
