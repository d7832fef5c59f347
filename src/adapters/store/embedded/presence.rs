//! Who was there, and when, as rows. A row is replaced as its spell lasts on, and carries the hash of what it holds.

use rusqlite::Connection;
use rusqlite::Params;
use rusqlite::Row;
use rusqlite::params;
use xxhash_rust::xxh3::xxh3_64;

use crate::adapters::store::embedded::Fault;
use crate::domain::calendar::Instant;
use crate::domain::names::Source;
use crate::domain::presence::Party;
use crate::domain::presence::Spell;
use crate::domain::presence::Way;
use crate::ports::Attended;

const SPELL_COLUMNS: &str = "party, from_at, upto_at, online, open, hash";

/// The hash of names and numbers; a name holds no line break.
fn hash_of(names: &[&str], numbers: &[i64]) -> i64 {
    let mut bytes = names.join("\n").into_bytes();
    bytes.push(0);
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    xxh3_64(&bytes).cast_signed()
}

fn spell_hash(spell: &Spell) -> i64 {
    let (from, upto) = (spell.from.unix(), spell.upto.unix());
    let numbers = [from, upto, i64::from(spell.online), i64::from(spell.open)];
    hash_of(&[&spell.party.to_string()], &numbers)
}

fn way_hash(way: &Way) -> i64 {
    let names = [&*way.source.to_string(), &way.link];
    hash_of(&names, &[way.first.unix(), way.last.unix()])
}

/// Writes spells and ways inside the caller's transaction.
pub(super) fn save(connection: &Connection, attended: &Attended) -> Result<(), Fault> {
    let replace =
        format!("INSERT OR REPLACE INTO spell ({SPELL_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    for spell in &attended.spells {
        connection.prepare_cached(&replace)?.execute(params![
            spell.party.to_string(),
            spell.from.unix(),
            spell.upto.unix(),
            spell.online,
            spell.open,
            spell_hash(spell)
        ])?;
    }
    for way in &attended.ways {
        let replace = "INSERT OR REPLACE INTO way (source, link, first_at, last_at, hash)
                       VALUES (?1, ?2, ?3, ?4, ?5)";
        connection.prepare_cached(replace)?.execute(params![
            way.source.to_string(),
            way.link,
            way.first.unix(),
            way.last.unix(),
            way_hash(way)
        ])?;
    }
    Ok(())
}

/// The last moment that was noted.
pub(super) fn newest(connection: &Connection) -> Result<Option<Instant>, Fault> {
    let select = "SELECT max(at) FROM (SELECT max(upto_at) AS at FROM spell UNION ALL SELECT max(last_at) FROM way)";
    let newest: Option<i64> = connection.query_row(select, [], |row| row.get(0))?;
    Ok(newest.map(Instant::from_unix))
}

/// A row of [`SPELL_COLUMNS`] and its hash.
fn spell(row: &Row<'_>) -> Result<(Spell, i64), Fault> {
    let party: String = row.get(0)?;
    let parsed = Party::parse(&party);
    let spell = Spell {
        party: parsed.map_err(|fault| Fault::Row(format!("table spell, {party:?}: {fault}")))?,
        from: Instant::from_unix(row.get(1)?),
        upto: Instant::from_unix(row.get(2)?),
        online: row.get(3)?,
        open: row.get(4)?,
    };
    Ok((spell, row.get(5)?))
}

fn way(row: &Row<'_>) -> Result<(Way, i64), Fault> {
    let source: String = row.get(0)?;
    let parsed = Source::parse(&source);
    let way = Way {
        source: parsed.map_err(|fault| Fault::Row(format!("table way, {source:?}: {fault}")))?,
        link: row.get(1)?,
        first: Instant::from_unix(row.get(2)?),
        last: Instant::from_unix(row.get(3)?),
    };
    Ok((way, row.get(4)?))
}

fn all<T>(
    connection: &Connection,
    select: &str,
    values: impl Params,
    read: fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn selected(connection: &Connection, rest: &str, values: impl Params) -> Result<Vec<Spell>, Fault> {
    let select = format!("SELECT {SPELL_COLUMNS} FROM spell WHERE {rest} ORDER BY party, from_at");
    let rows = all(connection, &select, values, spell)?;
    Ok(rows.into_iter().map(|(spell, _)| spell).collect())
}

/// The spells of the daemon, its links and one source.
pub(super) fn spells(connection: &Connection, source: &str) -> Result<Vec<Spell>, Fault> {
    // The links' names stand between `link/` and `link0`, the next text after the slash.
    let rest = "party = 'daemon' OR (party > 'link/' AND party < 'link0') OR party = ?1";
    selected(connection, rest, [source])
}

/// The spells that last on.
pub(super) fn open_spells(connection: &Connection) -> Result<Vec<Spell>, Fault> {
    selected(connection, "open = 1", [])
}

const WAYS: &str = "SELECT source, link, first_at, last_at, hash FROM way ORDER BY source, link";

/// Every way.
pub(super) fn ways(connection: &Connection) -> Result<Vec<Way>, Fault> {
    let rows = all(connection, WAYS, [], way)?;
    Ok(rows.into_iter().map(|(way, _)| way).collect())
}

/// Compares every row with its hash; how many there are, and the first that differs.
pub(super) fn check(connection: &Connection) -> Result<(u64, Option<String>), Fault> {
    let select = format!("SELECT {SPELL_COLUMNS} FROM spell ORDER BY party, from_at");
    let mut count = 0;
    for (spell, hash) in all(connection, &select, [], spell)? {
        count += 1;
        if spell_hash(&spell) != hash {
            let (party, from) = (spell.party, spell.from.unix());
            let fault = format!("table spell, {party} from {from}: does not match its checksum");
            return Ok((count, Some(fault)));
        }
    }
    for (way, hash) in all(connection, WAYS, [], way)? {
        count += 1;
        if way_hash(&way) != hash {
            let (source, link) = (way.source, way.link);
            let fault = format!("table way, {source} by {link}: does not match its checksum");
            return Ok((count, Some(fault)));
        }
    }
    Ok((count, None))
}
