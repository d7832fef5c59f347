//! Mandates: whose details a bank may see, by which document, from which day until which.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use rusqlite::Connection;
use rusqlite::OptionalExtension as _;
use rusqlite::Row;
use rusqlite::params;

use crate::adapters::access::Access;
use crate::adapters::access::AccessFault;
use crate::adapters::access::Refusal;
use crate::adapters::access::tokens::check_free;
use crate::adapters::store::embedded::Fault;
use crate::domain::access::Act;
use crate::domain::access::Mandates;
use crate::domain::access::Role;
use crate::domain::access::Term;
use crate::domain::access::check_document;
use crate::domain::access::check_name;
use crate::domain::calendar::Instant;
use crate::domain::credit::uscc::Uscc;
use crate::ports::StoreError;

/// A mandate as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mandate {
    /// Its number.
    pub id: u64,
    /// The bank, by the name of its tokens.
    pub bank: String,
    /// The unit.
    pub subject: Uscc,
    /// The document that says so.
    pub document: String,
    /// From when until when.
    pub term: Term,
    /// Who entered it; `None`: at the machine itself, without a name.
    pub entered_by: Option<String>,
    /// When.
    pub entered_at: Instant,
}

/// A mandate to be entered.
#[derive(Clone, Debug)]
pub struct NewMandate {
    /// The bank.
    pub bank: String,
    /// The unit.
    pub subject: Uscc,
    /// The document.
    pub document: String,
    /// From when until when.
    pub term: Term,
}

fn mandate(row: &Row<'_>) -> rusqlite::Result<Result<Mandate, String>> {
    let texts: (String, String, Option<String>) = (row.get(2)?, row.get(4)?, row.get(5)?);
    let read = || -> Result<(Uscc, Term), String> {
        let (subject, from, until) = texts;
        let day = |text: &str| text.parse::<NaiveDate>().map_err(|fault| fault.to_string());
        let until = until.as_deref().map(day).transpose()?;
        let subject = Uscc::new(&subject).map_err(|fault| fault.to_string())?;
        let from = day(&from)?;
        Ok((subject, Term { from, until }))
    };
    let (subject, term) = match read() {
        Ok(read) => read,
        Err(fault) => return Ok(Err(fault)),
    };
    let id: i64 = row.get(0)?;
    Ok(Ok(Mandate {
        id: id.cast_unsigned(),
        bank: row.get(1)?,
        subject,
        document: row.get(3)?,
        term,
        entered_at: Instant::from_unix(row.get(6)?),
        entered_by: row.get(7)?,
    }))
}

fn all(connection: &Connection) -> Result<Vec<Mandate>, Fault> {
    let select = "SELECT id, bank, subject, document, from_day, until_day, entered_at, entered_by FROM mandate ORDER BY id";
    let mut statement = connection.prepare_cached(select)?;
    let mut mandates = Vec::new();
    for read in statement.query_map([], mandate)? {
        let read = read?.map_err(|fault| Fault::Row(format!("table mandate: {fault}")))?;
        mandates.push(read);
    }
    Ok(mandates)
}

/// The mandates of each bank.
pub(super) fn by_bank(connection: &Connection) -> Result<BTreeMap<String, Arc<Mandates>>, Fault> {
    let mut banks: BTreeMap<String, Mandates> = BTreeMap::new();
    for mandate in all(connection)? {
        let bank = banks.entry(mandate.bank).or_default();
        bank.add(mandate.subject, mandate.term);
    }
    let shared = banks.into_iter();
    Ok(shared.map(|(bank, own)| (bank, Arc::new(own))).collect())
}

fn check(new: &NewMandate) -> Result<(), Refusal> {
    check_name(&new.bank).map_err(|fault| Refusal::Said(format!("bank: {fault}")))?;
    check_document(&new.document).map_err(|fault| Refusal::Said(format!("document: {fault}")))?;
    if new.term.until.is_some_and(|until| until < new.term.from) {
        return Err(Refusal::Said("until: is before from".to_owned()));
    }
    Ok(())
}

impl Access {
    /// Enters mandates, all or none; their numbers.
    ///
    /// # Errors
    /// One that is none, told by its place in the list, or those of the file.
    pub fn add_mandates(
        &self,
        new: &[NewMandate],
        now: Instant,
        act: impl Fn(&NewMandate, u64) -> Act,
    ) -> Result<Vec<u64>, AccessFault> {
        self.change(|connection| {
            let insert = "INSERT INTO mandate (bank, subject, document, from_day, until_day, entered_at, entered_by) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let mut insert = connection.prepare_cached(insert)?;
            let (mut numbers, mut acts) = (Vec::new(), Vec::new());
            for mandate in new {
                check(mandate)?;
                check_free(connection, &mandate.bank, Role::Bank, None)?;
                let by = act(mandate, 0).who;
                insert.execute(params![
                    mandate.bank,
                    mandate.subject.as_str(),
                    mandate.document,
                    mandate.term.from.to_string(),
                    mandate.term.until.map(|day| day.to_string()),
                    now.unix(),
                    by,
                ])?;
                let number = connection.last_insert_rowid().cast_unsigned();
                numbers.push(number);
                acts.push(act(mandate, number));
            }
            Ok((numbers, acts))
        })
    }

    /// Ends a mandate with a day, which is its last.
    ///
    /// # Errors
    /// When there is none of that number, it ends sooner already, or those of the file.
    pub fn end_mandate(&self, id: u64, on: NaiveDate, act: Act) -> Result<(), AccessFault> {
        self.change(|connection| {
            let find = "SELECT until_day FROM mandate WHERE id = ?1";
            let number = id.cast_signed();
            let found = connection
                .query_row(find, [number], |row| row.get(0))
                .optional()?;
            let until: Option<String> = found.ok_or_else(|| {
                Refusal::Said(format!(
                    "no mandate {id}; `skytier mandates list` shows them"
                ))
            })?;
            let until: Option<NaiveDate> = until.and_then(|text| text.parse().ok());
            if let Some(until) = until.filter(|until| *until <= on) {
                return Err(Refusal::Said(format!(
                    "mandate {id} ends on {until} already"
                )));
            }
            let update = "UPDATE mandate SET until_day = ?2 WHERE id = ?1";
            connection.execute(update, params![number, on.to_string()])?;
            Ok(((), vec![act]))
        })
    }

    /// All mandates, in the order they were entered.
    ///
    /// # Errors
    /// Those of the file.
    pub fn mandates(&self) -> Result<Vec<Mandate>, StoreError> {
        self.read(all)
    }
}
