//! Who may do what, kept in `access.db` of the data directory: tokens, mandates, persons and the audit log.
//!
//! A file of its own, since the store has one writer and commands must be able to change it while a daemon runs. Each
//! change is one transaction with its row in the audit log. Requests are judged from a copy in memory, which is made anew
//! when somebody else changed the file ([`Access::follow`]) and at once after a change of one's own. Secrets are kept as
//! digests alone.

pub mod copy;

pub mod counted;

pub mod devices;

pub mod door;

pub mod line;

pub mod mandates;

pub mod pending;

pub mod persons;

pub mod search;

pub mod sessions;

pub mod tokens;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;

use chrono::NaiveDate;
use rusqlite::Connection;
use rusqlite::OpenFlags;
use rusqlite::TransactionBehavior;
use sha2::Digest;
use sha2::Sha256;

use crate::adapters::access::counted::Counted;
use crate::adapters::access::door::Door;
use crate::adapters::access::line::AUDIT;
use crate::adapters::access::persons::Person;
use crate::adapters::access::sessions::Session;
use crate::adapters::access::tokens::Token;
use crate::adapters::store::embedded::Fault;
use crate::adapters::store::reading;
use crate::domain::access::Act;
use crate::domain::access::Mandates;
use crate::domain::access::Role;
use crate::domain::credit::uscc::Uscc;
use crate::flow::locked::locked;
use crate::ports::StoreError;

/// The file inside the data directory.
const DATABASE: &str = "access.db";
/// Marks the file as ours: "skya".
const APPLICATION_ID: u32 = 0x736b_7961;
/// The format this program writes and reads.
const FORMAT: u32 = 1;
/// The file's name and format, for whoever looks at a directory without opening it.
pub const FILE_FORMAT: (&str, u32) = (DATABASE, FORMAT);
/// All tables.
const SCHEMA: &str = include_str!("access/schema.sql");
/// How long a change waits for one of another process.
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum AccessFault {
    /// It contradicts what stands, or is none.
    #[error("{0}")]
    Refused(String),
    /// The file could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no random bytes.
    #[error("no randomness: {0}")]
    Random(String),
}

/// What requests are judged by.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Whether anybody was ever given access, so that everybody must show who that is.
    pub closed: bool,
    tokens: HashMap<String, Token>,
    mandates: BTreeMap<String, Arc<Mandates>>,
    /// Who may publish.
    pub devices: Arc<devices::Devices>,
    persons: HashMap<String, Person>,
    sessions: HashMap<[u8; 32], Session>,
}

impl Snapshot {
    /// Whether there is a person of that name.
    pub fn is_person(&self, name: &str) -> bool {
        self.persons.contains_key(name)
    }

    /// Whether there are persons, who log in.
    pub fn has_persons(&self) -> bool {
        !self.persons.is_empty()
    }

    /// Whether anybody was ever given access.
    pub fn has_anybody(&self) -> bool {
        !self.tokens.is_empty() || self.has_persons()
    }
}

impl Snapshot {
    /// Whether a subscriber to changes is shown the details of a unit on a day: a bank, those it holds a mandate for; one that
    /// is no bank's, all of them while nobody has to show who that is.
    pub fn subscriber_sees(&self, bank: Option<&str>, subject: &Uscc, day: NaiveDate) -> bool {
        match bank {
            None => !self.closed,
            Some(bank) => {
                let own = self.mandates.get(bank);
                own.is_some_and(|own| own.cover(subject, day))
            }
        }
    }
}

/// The file, and the copy of it.
pub struct Access {
    place: String,
    required: bool,
    connection: Mutex<Connection>,
    /// SQLite's number of the last change by another connection that the copy holds.
    seen: Mutex<Option<i64>>,
    snapshot: RwLock<Arc<Snapshot>>,
    used: Mutex<HashMap<String, i64>>,
    counted: Mutex<Counted>,
    seen_sessions: Mutex<HashMap<[u8; 32], i64>>,
    /// Where passwords are shown.
    pub door: Door,
}

/// Role and unit as they are kept, of tokens and of persons.
fn standing(role: &str, subject: Option<&str>) -> Result<(Role, Option<Uscc>), String> {
    let subject = subject.map(Uscc::new).transpose();
    Ok((
        Role::parse(role)?,
        subject.map_err(|fault| fault.to_string())?,
    ))
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], AccessFault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|cause| AccessFault::Random(cause.to_string()))?;
    Ok(bytes)
}

/// The digest that stands for a secret.
pub(crate) fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl Access {
    /// Opens the file of a data directory; makes both if need be. With `required`, everybody must show who that is even
    /// before anybody was given access.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], or that it is no such file or of a newer program.
    pub fn open(directory: &Path, required: bool) -> Result<Self, StoreError> {
        let path = directory.join(DATABASE);
        let cannot = |cause: std::io::Error| StoreError::Unavailable {
            place: path.display().to_string(),
            cause: cause.to_string(),
        };
        std::fs::create_dir_all(directory).map_err(cannot)?;
        if !path.exists() {
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create(true).truncate(false);
            // Nobody else may read digests, names and the log.
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(&path).map_err(cannot)?;
        }
        let place = path.display().to_string();
        let connection = Connection::open(&path);
        let connection =
            connection.map_err(|error| Fault::Sql(error).store_error(&place, false))?;
        Self::on(connection, place, required)
    }

    /// Opens the file of a data directory for reading; `None` when it has none.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn existing(directory: &Path) -> Result<Option<Self>, StoreError> {
        let path: PathBuf = directory.join(DATABASE);
        if !path.is_file() {
            return Ok(None);
        }
        let place = path.display().to_string();
        let told = |error: rusqlite::Error| Fault::Sql(error).store_error(&place, false);
        if reading::is_closed(&path) {
            let connection = reading::connect(&path).map_err(told)?;
            ours(&connection, &place).map_err(|unready| unready.told(&place))?;
            return Self::ready(connection, place, false).map(Some);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags).map_err(told)?;
        Self::on(connection, place, false).map(Some)
    }

    /// One that is kept no longer than the process, for a store that is not kept either.
    ///
    /// # Errors
    /// Those of the database.
    pub fn in_memory(required: bool) -> Result<Self, StoreError> {
        let place = "memory".to_owned();
        let connection = Connection::open_in_memory();
        let connection =
            connection.map_err(|error| Fault::Sql(error).store_error(&place, false))?;
        Self::on(connection, place, required)
    }

    fn on(mut connection: Connection, place: String, required: bool) -> Result<Self, StoreError> {
        let ready = prepare(&mut connection, &place);
        ready.map_err(|unready| unready.told(&place))?;
        Self::ready(connection, place, required)
    }

    fn ready(connection: Connection, place: String, required: bool) -> Result<Self, StoreError> {
        let access = Self {
            place,
            required,
            connection: Mutex::new(connection),
            seen: Mutex::new(None),
            snapshot: RwLock::default(),
            used: Mutex::default(),
            counted: Mutex::default(),
            seen_sessions: Mutex::default(),
            door: Door::default(),
        };
        access.follow()?;
        Ok(access)
    }

    fn told(&self, fault: Fault) -> StoreError {
        fault.store_error(&self.place, false)
    }

    /// What requests are judged by now.
    pub fn now(&self) -> Arc<Snapshot> {
        let snapshot = self.snapshot.read();
        Arc::clone(&snapshot.unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes up what another process changed; whether there was anything.
    ///
    /// # Errors
    /// Those of reading.
    pub fn follow(&self) -> Result<bool, StoreError> {
        let connection = locked(&self.connection);
        let version = connection.pragma_query_value(None, "data_version", |row| row.get(0));
        let version: i64 = version.map_err(|error| self.told(error.into()))?;
        let changed = locked(&self.seen).replace(version) != Some(version);
        if changed {
            self.reload(&connection).map_err(|fault| self.told(fault))?;
        }
        Ok(changed)
    }

    fn reload(&self, connection: &Connection) -> Result<(), Fault> {
        let tokens = tokens::all(connection)?.into_iter();
        let persons = persons::all(connection)?.into_iter();
        let mut snapshot = Snapshot {
            closed: false,
            tokens: tokens.map(|token| (token.id.clone(), token)).collect(),
            mandates: mandates::by_bank(connection)?,
            devices: Arc::new(devices::all(connection)?),
            persons: persons
                .map(|person| (person.name.clone(), person))
                .collect(),
            sessions: sessions::all(connection)?.into_iter().collect(),
        };
        snapshot.closed = self.required || snapshot.has_anybody();
        let mut now = self
            .snapshot
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *now = Arc::new(snapshot);
        Ok(())
    }

    /// Makes a change with its rows in the audit log, as one, and takes it up.
    fn change<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<(T, Vec<Act>), Refusal>,
    ) -> Result<T, AccessFault> {
        let mut connection = locked(&self.connection);
        let done = self.commit(&mut connection, work)?;
        let taken = self.reload(&connection);
        taken.map_err(|fault| self.told(fault))?;
        Ok(done)
    }

    /// As [`Self::change`], for what no request is judged by.
    fn note<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<(T, Vec<Act>), Refusal>,
    ) -> Result<T, AccessFault> {
        self.commit(&mut locked(&self.connection), work)
    }

    fn commit<T>(
        &self,
        connection: &mut Connection,
        work: impl FnOnce(&Connection) -> Result<(T, Vec<Act>), Refusal>,
    ) -> Result<T, AccessFault> {
        let run = || -> Result<T, Refusal> {
            let immediate = TransactionBehavior::Immediate;
            let transaction = connection.transaction_with_behavior(immediate)?;
            let (done, acts) = work(&transaction)?;
            AUDIT.append(&transaction, &acts)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|refusal| match refusal {
            Refusal::Said(said) => AccessFault::Refused(said),
            Refusal::Fault(fault) => AccessFault::Store(self.told(fault)),
        })
    }

    fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        query(&locked(&self.connection)).map_err(|fault| self.told(fault))
    }

    /// Writes acts into the audit log.
    ///
    /// # Errors
    /// Those of the file.
    pub fn record(&self, acts: Vec<Act>) -> Result<(), AccessFault> {
        if acts.is_empty() {
            return Ok(());
        }
        self.note(|_| Ok(((), acts)))
    }

    /// The rows of the audit log behind a number, in order.
    ///
    /// # Errors
    /// Those of the file, naming a row that cannot be read.
    pub fn acts(&self, after: u64) -> Result<Vec<(u64, Act)>, StoreError> {
        let rows = self.read(|connection| AUDIT.after(connection, after))?;
        Ok(rows.into_iter().map(|(seq, _, act)| (seq, act)).collect())
    }

    /// Walks the audit log; the count of rows, and the first that does not fit.
    ///
    /// # Errors
    /// Those of the file.
    pub fn verify(&self) -> Result<(u64, Option<String>), StoreError> {
        let (count, fault) = self.read(|connection| AUDIT.check(connection))?;
        Ok((count, fault.map(|fault| format!("{}: {fault}", self.place))))
    }
}

/// Why a change is not made.
enum Refusal {
    Said(String),
    Fault(Fault),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Fault(Fault::Sql(error))
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Why the file cannot be used.
enum Unready {
    Store(StoreError),
    Sql(rusqlite::Error),
}

impl Unready {
    fn told(self, place: &str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Sql(error) => Fault::Sql(error).store_error(place, false),
        }
    }
}

impl From<rusqlite::Error> for Unready {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Refuses another's file, and one of a later format; whether the file has tables.
fn ours(connection: &Connection, place: &str) -> Result<bool, Unready> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get(0));
    let (application, version): (u32, u32) = (pragma("application_id")?, pragma("user_version")?);
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: u32 = connection.query_row(tables, [], |row| row.get(0))?;
    match (application, version, tables) {
        (0, 0, 0) => Ok(false),
        (APPLICATION_ID, FORMAT, _) => Ok(true),
        (APPLICATION_ID, found, _) => Err(Unready::Store(StoreError::Newer {
            place: place.to_owned(),
            found,
            known: FORMAT,
        })),
        _ => Err(Unready::Store(StoreError::Damaged {
            place: place.to_owned(),
            fault: "not a skytier database".to_owned(),
        })),
    }
}

/// Makes the tables of an empty file, and refuses another's.
fn prepare(connection: &mut Connection, place: &str) -> Result<(), Unready> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !ours(&transaction, place)? {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
    }
    // A table that a file of before has not.
    transaction.execute_batch(devices::SCHEMA)?;
    Ok(transaction.commit()?)
}
