//! A table of a rulebook read key by key, so that every fault is told with its path, not only the first.
//!
//! A getter that finds a fault notes it and answers with a stand-in; the caller throws the result away when
//! any fault was noted.

use crate::domain::credit::rulebook::RulebookFault;
use chrono::NaiveDate;
use std::cell::RefCell;
use std::collections::BTreeSet;
use toml::Table;
use toml::Value;

/// Reads one table and remembers which keys were asked for.
pub struct Reader<'a> {
    path: String,
    table: Option<&'a Table>,
    asked: RefCell<BTreeSet<String>>,
    faults: &'a RefCell<Vec<RulebookFault>>,
}

impl<'a> Reader<'a> {
    /// Reads the whole file.
    #[must_use]
    pub fn root(table: &'a Table, faults: &'a RefCell<Vec<RulebookFault>>) -> Reader<'a> {
        Reader {
            path: String::new(),
            table: Some(table),
            asked: RefCell::default(),
            faults,
        }
    }

    fn inner(&self, path: String, table: Option<&'a Table>) -> Reader<'a> {
        Reader {
            path,
            table,
            asked: RefCell::default(),
            faults: self.faults,
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Notes a fault at a key.
    pub fn fault(&self, key: &str, what: String) {
        // Below a table that is itself missing, everything is: one fault is enough.
        if self.table.is_some() {
            let key = self.path_of(key);
            self.faults.borrow_mut().push(RulebookFault { key, what });
        }
    }

    fn value(&self, key: &str) -> Option<&'a Value> {
        self.asked.borrow_mut().insert(key.to_owned());
        let value = self.table?.get(key);
        if value.is_none() {
            self.fault(key, "missing".to_owned());
        }
        value
    }

    fn typed<T>(&self, key: &str, kind: &str, read: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        let value = self.value(key)?;
        let read = read(value);
        if read.is_none() {
            self.fault(key, format!("expected {kind}, found {}", value.type_str()));
        }
        read
    }

    /// Whether the key is there.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// A text that is not blank.
    #[must_use]
    pub fn text(&self, key: &str) -> String {
        let kind = "a text that is not blank";
        let text = self.typed(key, kind, |value| {
            value.as_str().filter(|text| !text.trim().is_empty())
        });
        text.unwrap_or_default().to_owned()
    }

    /// A whole number.
    #[must_use]
    pub fn integer(&self, key: &str) -> i64 {
        self.typed(key, "a whole number", Value::as_integer)
            .unwrap_or_default()
    }

    /// A whole number from 0 to 9999, which every count and score of a rulebook is.
    #[must_use]
    pub fn number(&self, key: &str) -> i16 {
        let number = self.integer(key);
        match i16::try_from(number) {
            Ok(number @ 0..=9999) => number,
            _ => {
                self.fault(key, format!("{number} is outside 0 to 9999"));
                0
            }
        }
    }

    /// `true` or `false`.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        self.typed(key, "true or false", Value::as_bool)
            .unwrap_or_default()
    }

    /// A date as text, `YYYY-MM-DD`.
    #[must_use]
    pub fn date(&self, key: &str) -> NaiveDate {
        let text = self.text(key);
        let date = NaiveDate::parse_from_str(&text, "%Y-%m-%d");
        if date.is_err() && !text.is_empty() {
            self.fault(key, format!("{text:?} is no date; write YYYY-MM-DD"));
        }
        date.unwrap_or_default()
    }

    /// A list of texts.
    #[must_use]
    pub fn texts(&self, key: &str) -> Vec<String> {
        let read = |value: &Value| {
            let texts = value
                .as_array()?
                .iter()
                .map(|item| item.as_str().map(str::to_owned));
            texts.collect::<Option<Vec<String>>>()
        };
        self.typed(key, "a list of texts", read).unwrap_or_default()
    }

    /// One of some words, each standing for something.
    ///
    /// # Panics
    ///
    /// When no words are given.
    #[must_use]
    pub fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> T {
        let text = self.text(key);
        if let Some((_, meant)) = words.iter().find(|(word, _)| *word == text) {
            return *meant;
        }
        if !text.is_empty() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(
                key,
                format!("{text:?} is unknown; use one of {}", words.join(", ")),
            );
        }
        words.first().expect("a choice of at least one word").1
    }

    /// A table inside.
    #[must_use]
    pub fn table(&self, key: &str) -> Reader<'a> {
        let table = self.typed(key, "a table", Value::as_table);
        self.inner(self.path_of(key), table)
    }

    /// A list of tables inside.
    #[must_use]
    pub fn list(&self, key: &str) -> Vec<Reader<'a>> {
        let rows = self.typed(key, "a list of tables", |value| {
            value
                .as_array()?
                .iter()
                .map(Value::as_table)
                .collect::<Option<Vec<&Table>>>()
        });
        let rows = rows.unwrap_or_default().into_iter().enumerate();
        rows.map(|(at, row)| self.inner(format!("{}[{at}]", self.path_of(key)), Some(row)))
            .collect()
    }

    /// Notes every key nobody asked for.
    pub fn finish(&self) {
        let asked = self.asked.borrow();
        let keys = self.table.into_iter().flat_map(Table::keys);
        for key in keys.filter(|key| !asked.contains(*key)) {
            let known: Vec<&str> = asked.iter().map(String::as_str).collect();
            self.fault(
                key,
                format!("unknown key; known here: {}", known.join(", ")),
            );
        }
    }
}
