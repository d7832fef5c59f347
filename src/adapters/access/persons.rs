//! Persons: a name, a role and a password, which is kept as Argon2id makes it.

use std::sync::PoisonError;

use rusqlite::Connection;
use rusqlite::OptionalExtension as _;
use rusqlite::Row;
use rusqlite::params;

use crate::adapters::access::Access;
use crate::adapters::access::AccessFault;
use crate::adapters::access::Refusal;
use crate::adapters::access::standing;
use crate::adapters::access::tokens::check_free;
use crate::adapters::password;
use crate::adapters::store::embedded::Fault;
use crate::domain::access::Act;
use crate::domain::access::Role;
use crate::domain::access::check_name;
use crate::domain::calendar::Instant;
use crate::domain::credit::uscc::Uscc;
use crate::ports::StoreError;

/// Persons there may be.
const PERSONS_MAX: i64 = 10_000;

/// A person as listed; the password is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name, by which acts are signed.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Which unit an enterprise is.
    pub subject: Option<Uscc>,
    /// When the person was added.
    pub created_at: Instant,
    /// By whom; `None`: at the machine itself, without a name.
    pub created_by: Option<String>,
    /// When the password was set.
    pub changed_at: Instant,
    /// From when on the person is let in no more.
    pub disabled_at: Option<Instant>,
    pub(super) password: String,
}

/// A person to be added.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Which unit an enterprise is; for no other role.
    pub subject: Option<Uscc>,
}

fn person(row: &Row<'_>) -> rusqlite::Result<Result<Person, String>> {
    let (role, subject): (String, Option<String>) = (row.get(1)?, row.get(2)?);
    let (role, subject) = match standing(&role, subject.as_deref()) {
        Ok(read) => read,
        Err(fault) => return Ok(Err(fault)),
    };
    let disabled: Option<i64> = row.get(7)?;
    Ok(Ok(Person {
        name: row.get(0)?,
        role,
        subject,
        password: row.get(3)?,
        created_at: Instant::from_unix(row.get(4)?),
        created_by: row.get(5)?,
        changed_at: Instant::from_unix(row.get(6)?),
        disabled_at: disabled.map(Instant::from_unix),
    }))
}

/// All persons by name.
pub(super) fn all(connection: &Connection) -> Result<Vec<Person>, Fault> {
    let select = "SELECT name, role, subject, password, created_at, created_by, changed_at, disabled_at FROM person \
         ORDER BY name";
    let mut statement = connection.prepare_cached(select)?;
    let mut persons = Vec::new();
    for read in statement.query_map([], person)? {
        let read = read?.map_err(|fault| Fault::Row(format!("table person: {fault}")))?;
        persons.push(read);
    }
    Ok(persons)
}

fn kept(text: &str) -> Result<String, AccessFault> {
    password::kept(text).map_err(|fault| AccessFault::Refused(fault.to_string()))
}

fn end_sessions(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM session WHERE name = ?1", [name])?;
    Ok(())
}

fn check_there(connection: &Connection, name: &str) -> Result<(), Refusal> {
    let find = "SELECT 1 FROM person WHERE name = ?1";
    let found: Option<i64> = connection
        .query_row(find, [name], |row| row.get(0))
        .optional()?;
    found.map(|_| ()).ok_or_else(|| {
        let name: String = name.chars().take(80).collect();
        Refusal::Said(format!("no user {name}; `skytier users list` shows them"))
    })
}

impl Access {
    /// Adds the first person; the code that was given is worth nothing from then on.
    ///
    /// # Errors
    /// As [`Self::add_person`], and when somebody was given access meanwhile.
    pub fn add_first(
        &self,
        new: &NewPerson,
        password: &str,
        now: Instant,
        act: Act,
    ) -> Result<(), AccessFault> {
        let taken = self.door.code.lock();
        let mut code = taken.unwrap_or_else(PoisonError::into_inner);
        if code.is_none() || self.now().has_anybody() {
            let said = "somebody was given access already";
            return Err(AccessFault::Refused(said.to_owned()));
        }
        self.add_person(new, password, now, act)?;
        *code = None;
        Ok(())
    }

    /// Adds a person.
    ///
    /// # Errors
    /// A name that is taken or none, a password that is too short, or those of the file.
    pub fn add_person(
        &self,
        new: &NewPerson,
        password: &str,
        now: Instant,
        act: Act,
    ) -> Result<(), AccessFault> {
        let kept = kept(password)?;
        self.change(|connection| {
            check_name(&new.name).map_err(|fault| Refusal::Said(format!("name: {fault}")))?;
            if (new.role == Role::Enterprise) != new.subject.is_some() {
                let said = "subject: an enterprise's user has its code, and no other has one";
                return Err(Refusal::Said(said.to_owned()));
            }
            check_free(connection, &new.name, new.role, new.subject.as_ref())?;
            let count = "SELECT count(*) FROM person";
            let count: i64 = connection.query_row(count, [], |row| row.get(0))?;
            if count >= PERSONS_MAX {
                return Err(Refusal::Said(format!("at most {PERSONS_MAX} users")));
            }
            let insert = "INSERT INTO person (name, role, subject, password, created_at, created_by, changed_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5) ON CONFLICT DO NOTHING";
            let subject = new.subject.as_ref().map(Uscc::as_str);
            let at = now.unix();
            let row = params![new.name, new.role.key(), subject, kept, at, act.who];
            if connection.execute(insert, row)? == 0 {
                let said = format!("name: there is a user {:?} already", new.name);
                return Err(Refusal::Said(said));
            }
            Ok(((), vec![act]))
        })
    }

    /// Sets another password, which ends the person's sessions.
    ///
    /// # Errors
    /// No such person, a password that is too short, or those of the file.
    pub fn set_password(
        &self,
        name: &str,
        password: &str,
        now: Instant,
        act: Act,
    ) -> Result<(), AccessFault> {
        let kept = kept(password)?;
        self.change(|connection| {
            check_there(connection, name)?;
            let update = "UPDATE person SET password = ?2, changed_at = ?3 WHERE name = ?1";
            connection.execute(update, params![name, kept, now.unix()])?;
            end_sessions(connection, name)?;
            Ok(((), vec![act]))
        })
    }

    /// Lets a person in no more, which ends the sessions, or again.
    ///
    /// # Errors
    /// No such person, or those of the file.
    pub fn disable_person(
        &self,
        name: &str,
        disabled: bool,
        now: Instant,
        act: Act,
    ) -> Result<(), AccessFault> {
        self.change(|connection| {
            check_there(connection, name)?;
            let update = "UPDATE person SET disabled_at = ?2 WHERE name = ?1";
            let at = disabled.then(|| now.unix());
            connection.execute(update, params![name, at])?;
            end_sessions(connection, name)?;
            Ok(((), vec![act]))
        })
    }

    /// All persons by name.
    ///
    /// # Errors
    /// Those of the file.
    pub fn persons(&self) -> Result<Vec<Person>, StoreError> {
        self.read(all)
    }

    /// Whether a password is a person's, who is let in. It takes as long for a name that nobody has. Works a processor and
    /// 19 MiB for some time: the door lets few in at once.
    pub fn proves(&self, name: &str, password: &str) -> bool {
        let snapshot = self.now();
        let person = snapshot.persons.get(name);
        let kept = person.map(|person| person.password.as_str());
        let proved = password::prove(kept, password.as_bytes());
        proved && person.is_some_and(|person| person.disabled_at.is_none())
    }
}
