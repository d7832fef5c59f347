//! Devices: who may publish at the MQTT endpoint, and for which sources. One that is removed leaves its row, so that the
//! endpoint does not open again to everybody when the last one goes.

use rusqlite::Connection;
use rusqlite::OptionalExtension as _;
use rusqlite::Row;
use rusqlite::params;

use crate::adapters::access::Access;
use crate::adapters::access::AccessFault;
use crate::adapters::access::Refusal;
use crate::adapters::password;
use crate::adapters::store::embedded::Fault;
use crate::domain::access::Act;
use crate::domain::access::check_name;
use crate::domain::calendar::Instant;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::ports::StoreError;

/// The table; sources are lines such as `stations/Dongsi`.
pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS device (
    id          TEXT PRIMARY KEY,
    sources     TEXT NOT NULL,
    password    TEXT,
    certificate TEXT UNIQUE,
    created_at  INTEGER NOT NULL,
    created_by  TEXT,
    changed_at  INTEGER NOT NULL,
    disabled_at INTEGER,
    removed_at  INTEGER
) STRICT;
";
/// Devices that may be listed at once.
const DEVICES_MAX: i64 = 100_000;
/// Sources of one device.
const SOURCES_MAX: usize = 1_000;

/// How a device shows who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By a password, of which this is kept.
    Password(String),
    /// By a client certificate with this name.
    Certificate(String),
    /// By the password in its frames of HJ 212, of which this is kept. It is too short to be one anywhere else.
    Frames(String),
}

/// What stands before the kept password of frames.
const FRAMES: &str = "hj212 ";

impl Proof {
    /// A password that nobody chose, and what is kept of it.
    ///
    /// # Errors
    /// A system without randomness or memory.
    pub fn made_up() -> Result<(Self, String), AccessFault> {
        let told = |fault: password::PasswordFault| AccessFault::Random(fault.to_string());
        let made = password::made_up().map_err(told)?;
        let kept = password::kept(&made).map_err(told)?;
        Ok((Self::Password(kept), made))
    }
}

/// A device as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its user name.
    pub id: String,
    /// Whose readings it may publish.
    pub sources: Vec<Source>,
    /// How it shows who it is.
    pub proof: Proof,
    /// When it was added.
    pub created_at: Instant,
    /// By whom, where that was told.
    pub created_by: Option<String>,
    /// When its password was set last.
    pub changed_at: Instant,
    /// Since when it may not connect.
    pub disabled_at: Option<Instant>,
}

/// All devices, and whether there were ever any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    /// Those not removed, by identifier.
    pub listed: Vec<Listed>,
    /// Whether there were ever any.
    pub any: bool,
}

const COLUMNS: &str =
    "id, sources, password, certificate, created_at, created_by, changed_at, disabled_at";

fn device(row: &Row<'_>) -> rusqlite::Result<Result<Listed, String>> {
    let (id, sources): (String, String) = (row.get(0)?, row.get(1)?);
    let (password, certificate) = (row.get(2)?, row.get(3)?);
    let proof = match (password, certificate) {
        (Some(password), None) => {
            let password: String = password;
            match password.strip_prefix(FRAMES) {
                Some(kept) => Proof::Frames(kept.to_owned()),
                None => Proof::Password(password),
            }
        }
        (None, Some(certificate)) => Proof::Certificate(certificate),
        _ => {
            return Ok(Err(format!(
                "{id}: either a password or a certificate is expected"
            )));
        }
    };
    let sources: Result<Vec<Source>, _> = sources.lines().map(Source::parse).collect();
    let sources = match sources {
        Ok(sources) => sources,
        Err(fault) => return Ok(Err(format!("{id}: {fault}"))),
    };
    let disabled: Option<i64> = row.get(7)?;
    Ok(Ok(Listed {
        id,
        sources,
        proof,
        created_at: Instant::from_unix(row.get(4)?),
        created_by: row.get(5)?,
        changed_at: Instant::from_unix(row.get(6)?),
        disabled_at: disabled.map(Instant::from_unix),
    }))
}

/// All devices.
pub(super) fn all(connection: &Connection) -> Result<Devices, Fault> {
    let any: i64 = connection.query_row("SELECT count(*) FROM device", [], |row| row.get(0))?;
    let select = format!("SELECT {COLUMNS} FROM device WHERE removed_at IS NULL ORDER BY id");
    let mut statement = connection.prepare_cached(&select)?;
    let mut listed = Vec::new();
    for read in statement.query_map([], device)? {
        listed.push(read?.map_err(|fault| Fault::Row(format!("table device: {fault}")))?);
    }
    Ok(Devices {
        listed,
        any: any > 0,
    })
}

fn said<T>(said: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Said(said.into()))
}

/// Refuses an identifier that no device has.
fn known(connection: &Connection, id: &str) -> Result<(), Refusal> {
    let find = "SELECT 1 FROM device WHERE id = ?1 AND removed_at IS NULL";
    let found: Option<i64> = connection
        .query_row(find, [id], |row| row.get(0))
        .optional()?;
    if found.is_none() {
        let id: String = id.chars().take(64).collect();
        return said(format!("no device {id}; `skytier devices list` shows them"));
    }
    Ok(())
}

/// Refuses a certificate that another device has.
fn free(connection: &Connection, id: &str, certificate: &str) -> Result<(), Refusal> {
    let find = "SELECT id FROM device WHERE certificate = ?1 AND removed_at IS NULL AND id <> ?2";
    let other: Option<String> = connection
        .query_row(find, [certificate, id], |row| row.get(0))
        .optional()?;
    match other {
        Some(other) => said(format!(
            "cert-name: device {other} has that name; give another"
        )),
        None => Ok(()),
    }
}

fn halves(proof: &Proof) -> (Option<String>, Option<&str>) {
    match proof {
        Proof::Password(kept) => (Some(kept.clone()), None),
        Proof::Frames(kept) => (Some(format!("{FRAMES}{kept}")), None),
        Proof::Certificate(name) => (None, Some(name)),
    }
}

impl Access {
    /// Adds a device.
    ///
    /// # Errors
    /// An identifier or certificate that is taken or none, too many, or those of the file.
    pub fn add_device(
        &self,
        id: &str,
        sources: &[Source],
        proof: &Proof,
        now: Instant,
        act: Act,
    ) -> Result<(), AccessFault> {
        self.change(|connection| {
            SourceId::new(id).map_err(|fault| Refusal::Said(format!("device: {fault}")))?;
            if sources.is_empty() || sources.len() > SOURCES_MAX {
                return said(format!("device: 1 to {SOURCES_MAX} stations and loggers are expected"));
            }
            let standing = "SELECT count(*) FROM device WHERE removed_at IS NULL";
            let standing: i64 = connection.query_row(standing, [], |row| row.get(0))?;
            if standing >= DEVICES_MAX {
                return said(format!("at most {DEVICES_MAX} devices; remove some"));
            }
            let (password, certificate) = halves(proof);
            if matches!(proof, Proof::Frames(_)) && sources.len() != 1 {
                return said("hj212: one station or logger is expected, the one whose frames carry that MN");
            }
            if let Some(name) = certificate {
                check_name(name).map_err(|fault| Refusal::Said(format!("cert-name: {fault}")))?;
                free(connection, id, name)?;
            }
            let insert = "INSERT INTO device (id, sources, password, certificate, created_at, created_by, changed_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5) \
                 ON CONFLICT (id) DO UPDATE SET sources = ?2, password = ?3, certificate = ?4, created_at = ?5, \
                 created_by = ?6, changed_at = ?5, disabled_at = NULL, removed_at = NULL WHERE removed_at IS NOT NULL";
            let sources: Vec<String> = sources.iter().map(ToString::to_string).collect();
            let row = params![id, sources.join("\n"), password, certificate, now.unix(), act.who];
            if connection.execute(insert, row)? == 0 {
                return said(format!("device: {id} is there already; `skytier devices passwd` changes its password"));
            }
            Ok(((), vec![act]))
        })
    }

    /// Sets a device's password; a certificate it had no longer counts. That of frames stays one of frames.
    ///
    /// # Errors
    /// When there is none of that identifier, or those of the file.
    pub fn set_device_password(
        &self,
        id: &str,
        kept: &str,
        now: Instant,
        act: Act,
    ) -> Result<(), AccessFault> {
        self.change(|connection| {
            known(connection, id)?;
            let update = "UPDATE device SET password = CASE WHEN substr(password, 1, 6) = ?4 THEN ?4 ELSE '' END || ?2, \
                 certificate = NULL, changed_at = ?3 WHERE id = ?1";
            connection.execute(update, params![id, kept, now.unix(), FRAMES])?;
            Ok(((), vec![act]))
        })
    }

    /// Lets a device connect no more, or again.
    ///
    /// # Errors
    /// When there is none of that identifier, or those of the file.
    pub fn disable_device(
        &self,
        id: &str,
        since: Option<Instant>,
        act: Act,
    ) -> Result<(), AccessFault> {
        self.change(|connection| {
            known(connection, id)?;
            let update = "UPDATE device SET disabled_at = ?2 WHERE id = ?1";
            connection.execute(update, params![id, since.map(Instant::unix)])?;
            Ok(((), vec![act]))
        })
    }

    /// Removes a device; its identifier may be given anew.
    ///
    /// # Errors
    /// When there is none of that identifier, or those of the file.
    pub fn remove_device(&self, id: &str, now: Instant, act: Act) -> Result<(), AccessFault> {
        self.change(|connection| {
            known(connection, id)?;
            let update = "UPDATE device SET removed_at = ?2, password = NULL, certificate = NULL WHERE id = ?1";
            connection.execute(update, params![id, now.unix()])?;
            Ok(((), vec![act]))
        })
    }

    /// All devices.
    ///
    /// # Errors
    /// Those of the file.
    pub fn devices(&self) -> Result<Devices, StoreError> {
        self.read(all)
    }
}
