//! Checked identifiers: sources, factors, statistics and flags. Cheap to clone, impossible to hold unchecked.
//!
//! Their texts stand in the identifiers themselves, not behind a counted pointer: one comes with every value, and
//! counting it up on one core and down on another costs more than all the rest that is done to the value.

use std::fmt;

mod text;

use crate::domain::names::text::Code;
use crate::domain::names::text::Text;

/// Longest identifier of a source, in bytes.
pub const SOURCE_BYTES_MAX: usize = 64;
/// Longest factor code, statistic or flag, in bytes.
pub const CODE_BYTES_MAX: usize = 16;

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is not {expected}")]
pub struct NameFault {
    /// Which kind of identifier.
    pub what: &'static str,
    /// The offending text, shortened.
    pub text: String,
    /// What would be right.
    pub expected: &'static str,
}

fn fault(what: &'static str, text: &str, expected: &'static str) -> NameFault {
    NameFault {
        what,
        text: text.chars().take(40).collect(),
        expected,
    }
}

/// Whether a character prints nothing by itself: controls, marks of no width, and those that turn the direction of a text,
/// by which one name can look like another.
#[must_use]
pub fn is_unseen(letter: char) -> bool {
    let mark = matches!(
        letter,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    );
    mark || letter.is_control()
}

/// What `factor` and `stat` codes look like.
const CODE_FORM: &str = "1 to 16 lower-case letters, digits or '_'";

fn is_code(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (1..=CODE_BYTES_MAX).contains(&text.len()) && text.chars().all(allowed)
}

/// A station or a data logger (MN): who measured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(Text);

impl SourceId {
    /// Checks the text and wraps it.
    ///
    /// # Errors
    /// [`NameFault`] when the text is empty, too long or has a character that is not allowed.
    pub fn new(text: &str) -> Result<Self, NameFault> {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.is_empty() || text.len() > SOURCE_BYTES_MAX || !text.chars().all(allowed) {
            return Err(fault(
                "source",
                text,
                "1 to 64 bytes of letters, digits, '-', '_' or '.'",
            ));
        }
        Ok(Self(Text::new(text)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What kind of source publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// An air station, city or micro.
    Station,
    /// An enterprise's data logger.
    Logger,
}

impl SourceKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Station, Self::Logger];

    /// The topic level, also the text stored and printed.
    pub const fn level(self) -> &'static str {
        match self {
            Self::Station => "stations",
            Self::Logger => "loggers",
        }
    }

    /// From the topic level.
    pub fn from_level(level: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.level() == level)
    }
}

/// Who publishes: a logger is no station, even under a station's identifier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// Station or logger.
    pub kind: SourceKind,
    /// Its identifier.
    pub id: SourceId,
}

impl Source {
    /// Reads `stations/ID` or `loggers/MN`.
    ///
    /// # Errors
    /// [`NameFault`] when it is neither.
    pub fn parse(text: &str) -> Result<Self, NameFault> {
        let parts = text.split_once('/');
        let read = parts.and_then(|(level, id)| Some((SourceKind::from_level(level)?, id)));
        let (kind, id) =
            read.ok_or_else(|| fault("source", text, "`stations/ID` or `loggers/MN`"))?;
        Ok(Self {
            kind,
            id: SourceId::new(id)?,
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.level(), self.id)
    }
}

/// What was measured: `pm25 pm10 so2 no2 co o3`, or an HJ factor code such as `a34004`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Factor(Code);

impl Factor {
    /// Checks the text and wraps it.
    ///
    /// # Errors
    /// [`NameFault`] when the text is empty, too long or has a character that is not allowed.
    pub fn new(text: &str) -> Result<Self, NameFault> {
        if is_code(text) {
            Ok(Self(Code::new(text)))
        } else {
            Err(fault("factor", text, CODE_FORM))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which statistic of the period: `avg rtd min max cou zs_avg ...` as HJ 212 names them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stat(Code);

impl Stat {
    /// The statistics of HJ 212 and those its loggers add: `zs_` is converted to reference oxygen, `data` of noise, `rs` and
    /// `rt` the state and running hours of a treatment plant, the numbers those of values behind a mean.
    pub const KNOWN: [&str; 18] = [
        "avg",
        "rtd",
        "min",
        "max",
        "cou",
        "zs_avg",
        "zs_rtd",
        "zs_min",
        "zs_max",
        "zs_cou",
        "ori",
        "valid_num",
        "total_num",
        "data",
        "day_data",
        "night_data",
        "rs",
        "rt",
    ];

    /// Whether it is one of HJ 212. Others may be stored from before they were refused.
    pub fn is_known(&self) -> bool {
        Self::KNOWN.contains(&self.as_str())
    }

    /// Checks the text and wraps it.
    ///
    /// # Errors
    /// [`NameFault`] when the text is empty, too long or has a character that is not allowed.
    pub fn new(text: &str) -> Result<Self, NameFault> {
        if is_code(text) {
            Ok(Self(Code::new(text)))
        } else {
            Err(fault("stat", text, CODE_FORM))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Stat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The data flag as sent: a letter of HJ 212 or a mark of the national platform; `N` is normal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flag(Code);

impl Flag {
    /// Checks the text and wraps it.
    ///
    /// # Errors
    /// [`NameFault`] when the text is empty, too long or has a character that is not allowed.
    pub fn new(text: &str) -> Result<Self, NameFault> {
        if text.is_empty()
            || text.len() > CODE_BYTES_MAX
            || !text.chars().all(|c| c.is_ascii_alphanumeric())
        {
            return Err(fault("flag", text, "1 to 16 letters or digits"));
        }
        Ok(Self(Code::new(text)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Stat {
    /// The mean over the interval.
    pub fn avg() -> Self {
        Self(Code::new("avg"))
    }

    /// A momentary value.
    pub fn rtd() -> Self {
        Self(Code::new("rtd"))
    }
}

impl Flag {
    /// Normal: the value may be used.
    pub fn normal() -> Self {
        Self(Code::new("N"))
    }

    /// Whether the instrument vouches for the value. Every other flag, known or not, keeps the value out of
    /// means until a reviewer says otherwise.
    pub fn is_normal(&self) -> bool {
        *self == Self::normal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_refuse_what_could_break_a_topic_or_a_line() {
        for bad in ["", "a b", "a/b", "a\n", "#", "+", &"x".repeat(65)] {
            assert!(SourceId::new(bad).is_err(), "{bad:?}");
        }
        for good in [
            "Dongsi",
            "sim-1999A",
            "010000A8900016F000169DC0",
            "虹桥邮政",
        ] {
            assert!(SourceId::new(good).is_ok(), "{good:?}");
        }
        assert!(Factor::new("PM25").is_err());
        assert!(Factor::new("a34004").is_ok());
        assert!(Flag::new("HSp").is_ok_and(|flag| !flag.is_normal()));
    }
}
