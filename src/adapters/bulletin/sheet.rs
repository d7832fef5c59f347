//! A bulletin in words, before it is laid out.

use crate::adapters::chart::palette::AqiLevel;
use crate::adapters::lang::Lang;

/// The whole bulletin.
pub(super) struct Sheet {
    pub(super) lang: Lang,
    /// What it is.
    pub(super) title: String,
    /// Which days it covers.
    pub(super) subtitle: String,
    /// The words laid over simulated figures.
    pub(super) watermark: Option<&'static str>,
    /// What must be read first: simulated, or not the whole period.
    pub(super) notices: Vec<String>,
    /// The day's level, in a daily bulletin.
    pub(super) level: Option<AqiLevel>,
    pub(super) sections: Vec<Section>,
    /// What the figures rest on: a word and its text.
    pub(super) notes: Vec<(String, String)>,
}

/// A numbered part.
pub(super) struct Section {
    pub(super) heading: String,
    pub(super) paragraphs: Vec<String>,
    pub(super) table: Option<Table>,
}

impl Section {
    pub(super) fn new(heading: impl Into<String>, paragraphs: Vec<String>) -> Self {
        Self {
            heading: heading.into(),
            paragraphs,
            table: None,
        }
    }

    pub(super) fn with(mut self, table: Table) -> Self {
        self.table = Some(table);
        self
    }
}

/// Rows under a header; the first column names the row.
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            rows: Vec::new(),
        }
    }
}
