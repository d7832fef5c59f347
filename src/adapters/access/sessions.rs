//! Sessions: 256 random bits in a cookie, kept as their SHA-256 beside the person's name. A login always begins a new one.

use rusqlite::Connection;
use rusqlite::params;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use crate::adapters::access::Access;
use crate::adapters::access::AccessFault;
use crate::adapters::access::digest;
use crate::adapters::access::random;
use crate::adapters::store::embedded::Fault;
use crate::domain::access::Act;
use crate::domain::access::Caller;
use crate::domain::access::Via;
use crate::domain::calendar::Instant;
use crate::flow::locked::locked;

/// Seconds after the last request at which a session ends.
pub const IDLE_S: i64 = 1_800;
/// Seconds after its beginning at which a session ends.
pub const WHOLE_S: i64 = 43_200;
/// Sessions of one person; a further one ends the oldest.
const OF_PERSON_MAX: i64 = 20;
/// Bytes of what a cookie holds.
const COOKIE_BYTES: usize = 32;

/// A session that stands.
#[derive(Clone, Debug)]
pub(super) struct Session {
    name: String,
    form_key: String,
    began_at: i64,
    seen_at: i64,
}

/// A session that begins.
pub struct Begun {
    /// What the cookie holds.
    pub cookie: String,
    /// What forms of its pages carry.
    pub form_key: String,
}

/// All sessions by the digest of their cookie.
pub(super) fn all(connection: &Connection) -> Result<Vec<([u8; 32], Session)>, Fault> {
    let select = "SELECT sha256, name, form_key, began_at, seen_at FROM session";
    let mut statement = connection.prepare_cached(select)?;
    let rows = statement.query_map([], |row| {
        let session = Session {
            name: row.get(1)?,
            form_key: row.get(2)?,
            began_at: row.get(3)?,
            seen_at: row.get(4)?,
        };
        Ok((row.get(0)?, session))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether a form's key is the session's.
pub fn is_form_key(given: &str, own: &str) -> bool {
    digest(given).ct_eq(&digest(own)).into()
}

impl Access {
    /// Begins a session of a person; one that was shown with the request ends.
    ///
    /// # Errors
    /// Those of the file.
    pub fn begin_session(
        &self,
        name: &str,
        shown: Option<&str>,
        now: Instant,
        act: Act,
    ) -> Result<Begun, AccessFault> {
        let begun = Begun {
            cookie: URL_SAFE_NO_PAD.encode(random::<COOKIE_BYTES>()?),
            form_key: URL_SAFE_NO_PAD.encode(random::<COOKIE_BYTES>()?),
        };
        self.change(|connection| {
            let at = now.unix();
            let over = "DELETE FROM session WHERE seen_at <= ?1 - ?2 OR began_at <= ?1 - ?3";
            connection.execute(over, params![at, IDLE_S, WHOLE_S])?;
            if let Some(shown) = shown {
                let own = digest(shown);
                connection.execute("DELETE FROM session WHERE sha256 = ?1", [own])?;
            }
            let oldest = "DELETE FROM session WHERE name = ?1 AND sha256 NOT IN \
                 (SELECT sha256 FROM session WHERE name = ?1 ORDER BY began_at DESC LIMIT ?2)";
            connection.execute(oldest, params![name, OF_PERSON_MAX - 1])?;
            let insert = "INSERT INTO session (sha256, name, form_key, began_at, seen_at) VALUES (?1, ?2, ?3, ?4, ?4)";
            connection.execute(
                insert,
                params![digest(&begun.cookie), name, begun.form_key, at],
            )?;
            Ok(((), vec![act]))
        })?;
        Ok(begun)
    }

    /// Ends the session of a cookie.
    ///
    /// # Errors
    /// Those of the file.
    pub fn end_session(&self, cookie: &str, act: Act) -> Result<(), AccessFault> {
        self.change(|connection| {
            let own = digest(cookie);
            connection.execute("DELETE FROM session WHERE sha256 = ?1", [own])?;
            Ok(((), vec![act]))
        })
    }

    /// Who a cookie is of, and the key of the session's forms; `None` for one that stands no more.
    pub fn by_cookie(
        &self,
        cookie: &str,
        now: Instant,
        request_id: &str,
    ) -> Option<(Caller, String)> {
        let snapshot = self.now();
        let sha256 = digest(cookie);
        let session = snapshot.sessions.get(&sha256)?;
        let person = snapshot.persons.get(&session.name)?;
        let seen = locked(&self.seen_sessions).get(&sha256).copied();
        let idle = now.unix() - seen.unwrap_or(0).max(session.seen_at);
        let whole = now.unix() - session.began_at;
        if person.disabled_at.is_some() || idle >= IDLE_S || whole >= WHOLE_S {
            return None;
        }
        locked(&self.seen_sessions).insert(sha256, now.unix());
        let mandates = snapshot.mandates.get(&person.name).cloned();
        let caller = Caller {
            name: Some(person.name.clone()),
            role: person.role,
            subject: person.subject,
            mandates: mandates.unwrap_or_default(),
            via: Via::Session,
            request_id: request_id.to_owned(),
        };
        Some((caller, session.form_key.clone()))
    }

    /// Writes down when sessions were seen last.
    ///
    /// # Errors
    /// Those of the file; nothing is lost then.
    pub fn keep_seen(&self) -> Result<(), AccessFault> {
        let seen = locked(&self.seen_sessions).clone();
        if seen.is_empty() {
            return Ok(());
        }
        self.change(|connection| {
            let update = "UPDATE session SET seen_at = max(seen_at, ?2) WHERE sha256 = ?1";
            for (sha256, at) in &seen {
                connection.execute(update, params![sha256, at])?;
            }
            Ok(((), Vec::new()))
        })?;
        locked(&self.seen_sessions).retain(|sha256, at| seen.get(sha256) != Some(at));
        Ok(())
    }
}
