//! A table of a rulebook read key by key, so that every fault is told with its path, not only the first.
//!
//! A getter that finds a fault notes it and answers with a stand-in; the caller throws the result away when
//! any fault was noted.

use crate::domain::credit::rulebook::RulebookFault;
use chrono::NaiveDate;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

/// What reading a file brought to light: faults and where keys stand, by their offset in bytes.
#[derive(Default)]
pub struct Notes {
    faults: RefCell<Vec<(usize, RulebookFault)>>,
    places: RefCell<BTreeMap<String, usize>>,
}

impl Notes {
    /// The faults noted so far.
    #[must_use]
    pub fn take(&self) -> Vec<(usize, RulebookFault)> {
        self.faults.take()
    }

    /// Where a key stands, or the nearest one around it that is there.
    #[must_use]
    pub fn place(&self, key: &str) -> usize {
        let places = self.places.borrow();
        let mut path = key;
        loop {
            if let Some(offset) = places.get(path) {
                return *offset;
            }
            match path.rfind(['.', '[']) {
                Some(at) => path = &path[..at],
                None => return 0,
            }
        }
    }
}

/// Reads one table and remembers which keys were asked for.
pub struct Reader<'a> {
    path: String,
    table: Option<&'a DeTable<'a>>,
    begins: usize,
    asked: RefCell<BTreeSet<String>>,
    notes: &'a Notes,
}

impl<'a> Reader<'a> {
    /// Reads the whole file.
    #[must_use]
    pub fn root(table: &'a Spanned<DeTable<'a>>, notes: &'a Notes) -> Reader<'a> {
        Reader {
            path: String::new(),
            table: Some(table.get_ref()),
            begins: 0,
            asked: RefCell::default(),
            notes,
        }
    }

    fn inner(&self, path: String, found: Option<(usize, &'a DeTable<'a>)>) -> Reader<'a> {
        if let Some((begins, _)) = found {
            self.notes.places.borrow_mut().insert(path.clone(), begins);
        }
        Reader {
            path,
            table: found.map(|(_, table)| table),
            begins: found.map_or(self.begins, |(begins, _)| begins),
            asked: RefCell::default(),
            notes: self.notes,
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
        if let Some(table) = self.table {
            let found = table.get_key_value(key);
            let offset = found.map_or(self.begins, |(key, _)| key.span().start);
            let key = self.path_of(key);
            let fault = RulebookFault { key, what };
            self.notes.faults.borrow_mut().push((offset, fault));
        }
    }

    fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().insert(key.to_owned());
        let found = self.table?.get_key_value(key);
        if found.is_none() {
            self.fault(key, "missing; this table must give it".to_owned());
        }
        let (written, value) = found?;
        let place = (self.path_of(key), written.span().start);
        self.notes.places.borrow_mut().insert(place.0, place.1);
        Some(value)
    }

    fn typed<T>(
        &self,
        key: &str,
        kind: &str,
        read: impl Fn(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key)?.get_ref();
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
        let read = |value: &DeValue<'_>| {
            let number = value.as_integer()?;
            i64::from_str_radix(number.as_str(), number.radix()).ok()
        };
        self.typed(key, "a whole number", read).unwrap_or_default()
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
        self.typed(key, "true or false", DeValue::as_bool)
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
        let read = |value: &DeValue<'_>| {
            let texts = value
                .as_array()?
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned));
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
        let table = self.typed(key, "a table", DeValue::as_table);
        let path = self.path_of(key);
        let begins = self.notes.place(&path);
        self.inner(path, table.map(|table| (begins, table)))
    }

    /// A list of tables inside.
    #[must_use]
    pub fn list(&self, key: &str) -> Vec<Reader<'a>> {
        let rows = self.typed(key, "a list of tables", |value| {
            let rows = value.as_array()?.iter();
            let row =
                |row: &'a Spanned<DeValue<'a>>| Some((row.span().start, row.get_ref().as_table()?));
            rows.map(row).collect::<Option<Vec<_>>>()
        });
        let rows = rows.unwrap_or_default().into_iter().enumerate();
        rows.map(|(at, row)| self.inner(format!("{}[{at}]", self.path_of(key)), Some(row)))
            .collect()
    }

    /// Notes every key nobody asked for.
    pub fn finish(&self) {
        let asked = self.asked.borrow();
        let keys = self.table.into_iter().flat_map(DeTable::keys);
        let keys = keys.map(|key| key.get_ref().as_ref());
        for key in keys.filter(|key| !asked.contains(*key)) {
            let known: Vec<&str> = asked.iter().map(String::as_str).collect();
            self.fault(
                key,
                format!("unknown key; known here: {}", known.join(", ")),
            );
        }
    }
}
