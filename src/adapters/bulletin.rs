//! A bulletin as people read it: Chinese or English, as text for a terminal or as a page to print.
//!
//! `compose` turns gathered figures into sentences and tables, once for both forms; `text` and `html` lay them out.
//! Nothing is computed here. What is missing is said to be missing, never printed as 0.

mod compose;
mod daily;
mod excluded;
mod html;
mod notes;
mod period;
mod ranks;
mod sheet;
mod targets;
mod text;
pub mod typeface;
mod words;

use sha2::Digest;
use sha2::Sha256;

use crate::adapters::hex::hex;
use crate::adapters::lang::Lang;
use crate::flow::bulletin::Bulletin;

/// The form of a printed bulletin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Plain text, at most 80 columns wide.
    #[default]
    Text,
    /// One file of HTML that prints on A4 and needs nothing else.
    Html,
}

impl Form {
    /// Both forms.
    pub const ALL: [Self; 2] = [Self::Text, Self::Html];

    /// The name on the command line and in addresses.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Html => "html",
        }
    }

    /// From the name.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.key() == key)
    }
}

/// The bulletin in a language and a form; the last line ends with a line break.
pub fn render(bulletin: &Bulletin, lang: Lang, form: Form) -> String {
    let sheet = compose::sheet(bulletin, lang);
    match form {
        Form::Text => text::render(&sheet),
        Form::Html => html::render(&sheet),
    }
}

/// SHA-256 of a bulletin's text, in hexadecimal.
pub fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}
