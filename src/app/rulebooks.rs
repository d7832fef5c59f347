//! Rulebook files: TOML text to a checked [`Rulebook`], and the editions compiled in.
//!
//! Reading is strict and tells everything at once: a key that is unknown, missing or of the wrong kind is a
//! fault with its line and path, and all faults of a file come back together. The digest of the exact bytes goes
//! with the rulebook into every answer.

mod file;

pub mod reader;

use crate::adapters::hex::hex;
use crate::app::rulebooks::file::Model;
use crate::app::rulebooks::reader::Notes;
use crate::app::rulebooks::reader::Reader;
use crate::domain::credit::Code;
use crate::domain::credit::rulebook::Rulebook;
use crate::domain::credit::rulebook::RulebookFault;
use crate::domain::credit::rulebook::RulebookParts;
use crate::domain::credit::rulebook::yearly::YearlyBook;
use chrono::NaiveDate;
use sha2::Digest;
use sha2::Sha256;
use toml::de::DeTable;

/// The files compiled in, oldest first: identifier and text.
const BUILT_IN: [(&str, &str); 4] = [
    ("JS2013", include_str!("../../config/rulebooks/JS2013.toml")),
    ("JS2019", include_str!("../../config/rulebooks/JS2019.toml")),
    ("JS2020", include_str!("../../config/rulebooks/JS2020.toml")),
    (
        "JS2020+N2026",
        include_str!("../../config/rulebooks/JS2020+N2026.toml"),
    ),
];
/// The editions `auto` takes by date. It starts with JS2020, for days before 2020 too; earlier ones are named.
const AUTO: [&str; 2] = ["JS2020", "JS2020+N2026"];
/// Largest rulebook file read, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// A rulebook as its file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edition {
    /// Counts points day by day; the ledger is rated under it.
    Points(Box<Rulebook>),
    /// Scored by the year; only its bands are known.
    Yearly(YearlyBook),
}

impl Edition {
    /// Identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Edition::Points(book) => book.id(),
            Edition::Yearly(book) => &book.parts().id,
        }
    }

    /// First day in force.
    #[must_use]
    pub fn in_force_from(&self) -> NaiveDate {
        match self {
            Edition::Points(book) => book.parts().in_force_from,
            Edition::Yearly(book) => book.parts().in_force_from,
        }
    }
}

/// A fault of a rulebook's file with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {key}: {what}")]
pub struct FileFault {
    /// Line of the file, from 1; of the table where the key is missing.
    pub line: usize,
    /// Key path.
    pub key: String,
    /// What is wrong and what would be right.
    pub what: String,
}

/// What is wrong with a rulebook, or with asking for one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulebookError {
    /// No such edition.
    #[error(
        "rulebook {id:?} is not known; use auto or one of {known}, or a file that ends in .toml"
    )]
    Unknown {
        /// What was asked for.
        id: String,
        /// What there is.
        known: String,
    },
    /// An edition without a table of points.
    #[error(
        "rulebook {id} is scored by the year and its table of points is unpublished, so a ledger cannot be rated \
         under it; `skytier rulebook show {id} --score N` tells the tier of a score"
    )]
    NoPoints {
        /// Which.
        id: String,
    },
    /// A file that cannot be read.
    #[error("{path}: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        cause: String,
    },
    /// The text is not TOML.
    #[error("the rulebook is not TOML: {0}")]
    Syntax(String),
    /// Faults with their keys, all of them, in the order of their lines.
    #[error("the rulebook is wrong: {}", joined(.0))]
    Faults(Vec<FileFault>),
}

fn joined(faults: &[FileFault]) -> String {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    faults.join("; ")
}

/// Identifiers of the editions compiled in, oldest first.
#[must_use]
pub fn ids() -> Vec<&'static str> {
    BUILT_IN.iter().map(|(id, _)| *id).collect()
}

/// The text of an edition compiled in.
///
/// # Errors
///
/// An identifier nobody knows.
pub fn text_of(id: &str) -> Result<&'static str, RulebookError> {
    let found = BUILT_IN.iter().find(|(known, _)| *known == id);
    let unknown = || RulebookError::Unknown {
        id: id.to_owned(),
        known: ids().join(", "),
    };
    found.map(|(_, text)| *text).ok_or_else(unknown)
}

/// An edition compiled in that counts points.
///
/// # Errors
///
/// An identifier nobody knows, or an edition that is scored by the year.
pub fn built_in(id: &str) -> Result<Rulebook, RulebookError> {
    parse(text_of(id)?)
}

/// The text of a rulebook named by its identifier or by a file that ends in `.toml`.
///
/// # Errors
///
/// An identifier nobody knows, or a file that cannot be read.
pub fn text_named(name: &str) -> Result<String, RulebookError> {
    if !name.ends_with(".toml") {
        return text_of(name).map(str::to_owned);
    }
    let unreadable = |cause: String| RulebookError::Unreadable {
        path: name.to_owned(),
        cause,
    };
    let bytes = std::fs::read(name).map_err(|cause| {
        unreadable(format!(
            "cannot be read: {cause}; name a readable TOML file"
        ))
    })?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(unreadable(format!("more than {FILE_BYTES_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| unreadable("not UTF-8; save it as UTF-8".to_owned()))
}

/// The editions named by `rulebook`: one by its identifier or file, or with `auto` those taken by date.
///
/// # Errors
///
/// An identifier nobody knows, a file with faults, or an edition that is scored by the year.
pub fn named(rulebook: &str) -> Result<Vec<Rulebook>, RulebookError> {
    if rulebook == "auto" {
        return AUTO.into_iter().map(built_in).collect();
    }
    Ok(vec![parse(&text_named(rulebook)?)?])
}

/// Reads a rulebook that counts points from its text.
///
/// # Errors
///
/// Text that is not TOML, every fault with its line, or an edition that is scored by the year.
pub fn parse(text: &str) -> Result<Rulebook, RulebookError> {
    match parse_edition(text)? {
        Edition::Points(book) => Ok(*book),
        Edition::Yearly(book) => Err(RulebookError::NoPoints {
            id: book.parts().id.clone(),
        }),
    }
}

/// Reads a rulebook of either model from its text.
///
/// # Errors
///
/// Text that is not TOML, or every fault with its line and key.
pub fn parse_edition(text: &str) -> Result<Edition, RulebookError> {
    let table = DeTable::parse(text).map_err(|error| syntax(text, &error))?;
    let notes = Notes::default();
    let root = Reader::root(&table, &notes);
    let model = file::model(&root);
    let mut faults: Vec<(usize, RulebookFault)>;
    let edition = match model {
        Model::Points => {
            let parts = file::parts(&root, sha256(text));
            root.finish();
            faults = notes.take();
            let places = Places::new(&notes, &parts);
            checked(&mut faults, &places, Rulebook::new(parts))
                .map(|book| Edition::Points(Box::new(book)))
        }
        Model::Yearly => {
            let parts = file::yearly(&root, sha256(text));
            root.finish();
            faults = notes.take();
            let places = Places::of(&notes);
            checked(&mut faults, &places, YearlyBook::new(parts)).map(Edition::Yearly)
        }
    };
    match edition {
        Some(edition) => Ok(edition),
        None => Err(RulebookError::Faults(with_lines(text, faults))),
    }
}

/// The rulebook unless anything was found; contradictions are only looked for in a file whose shape is right.
fn checked<T>(
    faults: &mut Vec<(usize, RulebookFault)>,
    places: &Places,
    book: Result<T, Vec<RulebookFault>>,
) -> Option<T> {
    if !faults.is_empty() {
        return None;
    }
    let placed = |fault: RulebookFault| (places.offset(&fault.key), fault);
    match book {
        Ok(book) => Some(book),
        Err(found) => {
            faults.extend(found.into_iter().map(placed));
            None
        }
    }
}

fn with_lines(text: &str, mut faults: Vec<(usize, RulebookFault)>) -> Vec<FileFault> {
    faults.sort_by_key(|(offset, _)| *offset);
    let line = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let faults = faults.into_iter().map(|(offset, fault)| FileFault {
        line: line(offset),
        key: fault.key,
        what: fault.what,
    });
    faults.collect()
}

/// Where the keys of a file stand. A contradiction names a row by its code, the file's keys by its position.
struct Places<'a> {
    notes: &'a Notes,
    rows: Vec<(String, String)>,
}

impl<'a> Places<'a> {
    fn of(notes: &'a Notes) -> Places<'a> {
        Places {
            notes,
            rows: Vec::new(),
        }
    }

    fn new(notes: &'a Notes, parts: &RulebookParts) -> Places<'a> {
        let rows = |table: &'static str, codes: Vec<&Code>| {
            let rows = codes.into_iter().enumerate();
            rows.map(move |(at, code)| (format!("{table}.{code}"), format!("{table}[{at}]")))
                .collect::<Vec<_>>()
        };
        let deductions = parts.deductions.iter().map(|row| &row.code).collect();
        let bonuses = parts.bonuses.iter().map(|row| &row.code).collect();
        let vetoes = parts.vetoes.iter().map(|row| &row.code).collect();
        let mut all = rows("deduction", deductions);
        all.extend(rows("bonus", bonuses));
        all.extend(rows("veto", vetoes));
        Places { notes, rows: all }
    }

    /// Of a code that stands twice the second row is meant.
    fn offset(&self, key: &str) -> usize {
        let row = self.rows.iter().rev().find_map(|(coded, placed)| {
            let rest = key.strip_prefix(coded.as_str())?;
            let whole = rest.is_empty() || rest.starts_with('.');
            let rest = if rest.is_empty() { ".code" } else { rest };
            whole.then(|| format!("{placed}{rest}"))
        });
        self.notes.place(&row.unwrap_or_else(|| key.to_owned()))
    }
}

fn syntax(text: &str, error: &toml::de::Error) -> RulebookError {
    let line = error.span().map_or(1, |span| {
        text[..span.start.min(text.len())].matches('\n').count() + 1
    });
    let message: Vec<&str> = error.message().split_whitespace().collect();
    RulebookError::Syntax(format!("line {line}: {}", message.join(" ")))
}

fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests;
