//! HJ 212 frames: `##`, length, data segment, CRC. Bytes become a frame, a head and items; items become readings.
//!
//! Read as HJ 212-2017 says and as its loggers do (standards: HJ/T 212-2005, HJ 212-2017, HJ 212-2025): fields in any
//! order, old and new factor codes, `,` for `;`. What cannot be told from the frame itself is set or registered, never
//! guessed: the length of minute records, another CRC, a label that names the end. No packet of a split record waits for
//! the others: each repeats its time and has factors of its own. Encrypted regions (HJ 212-2025) are read with the key of their source.

pub mod crc;
pub mod frame;
pub mod framer;
pub mod head;
mod items;
mod readings;
pub mod sealed;

use std::collections::HashMap;

use crate::adapters::payload::hj212::crc::Variant;
use crate::adapters::payload::hj212::sealed::Key;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::NameFault;
use crate::domain::names::Source;

/// Largest data segment that is read unless configured, in bytes. The standard says 1,024; loggers send more.
pub const SEGMENT_BYTES_MAX: usize = 4_096;
/// Lengths of minute records that the standard knows (MinInterval), in seconds.
pub const MINUTES_S: [u32; 11] = [60, 120, 180, 240, 300, 360, 600, 720, 900, 1_200, 1_800];

/// Which end of its period a record's DataTime names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Label {
    /// The start, as the standard says.
    #[default]
    Start,
    /// The end, as some loggers do.
    End,
}

/// How frames of one source are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ways {
    /// The CRCs that are taken; none of its own: those of all.
    pub crc: Vec<Variant>,
    /// What DataTime names.
    pub label: Label,
    /// Length of its minute records, where it is not what is registered.
    pub minute_interval_s: Option<u32>,
    /// The key of its encrypted regions.
    pub key: Option<Key>,
}

impl Default for Ways {
    fn default() -> Self {
        Self {
            crc: vec![Variant::Hj],
            label: Label::Start,
            minute_interval_s: None,
            key: None,
        }
    }
}

/// How frames are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Largest data segment, in bytes.
    pub segment_bytes_max: usize,
    /// Those of sources that have none of their own.
    pub common: Ways,
    /// Those of single sources.
    pub own: HashMap<Source, Ways>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            segment_bytes_max: SEGMENT_BYTES_MAX,
            common: Ways::default(),
            own: HashMap::new(),
        }
    }
}

impl Reading {
    /// The CRCs that are taken from a source.
    pub fn crc(&self, source: &Source) -> &[Variant] {
        let own = self.own.get(source).map(|own| own.crc.as_slice());
        own.filter(|own| !own.is_empty())
            .unwrap_or(&self.common.crc)
    }

    /// The key of a source's encrypted regions.
    pub fn key(&self, source: &Source) -> Option<&Key> {
        self.own.get(source)?.key.as_ref()
    }

    /// What DataTime names in frames of a source.
    pub fn label(&self, source: &Source) -> Label {
        self.own.get(source).unwrap_or(&self.common).label
    }
}

/// Why a frame cannot be used. The text is kept beside the dead letter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// It does not begin as a frame.
    #[error("HJ 212: begins with {begins:?}; a frame begins with ## and four digits")]
    NotAFrame {
        /// Its first characters.
        begins: String,
    },
    /// The length is no number.
    #[error("HJ 212: length {text:?}; give four digits, the bytes of the data segment")]
    LengthField {
        /// What stands there.
        text: String,
    },
    /// The length is not that of the data segment.
    #[error("HJ 212: length says {said} bytes, the data segment has {has}")]
    Length {
        /// As written.
        said: usize,
        /// As it is.
        has: usize,
    },
    /// The frame ends before its length says.
    #[error("HJ 212: cut off, {has} bytes of {expected}")]
    Cut {
        /// Bytes there are.
        has: usize,
        /// Bytes there should be.
        expected: usize,
    },
    /// More than the limit.
    #[error(
        "HJ 212: data segment of {size_bytes} bytes; at most {limit_bytes} are read (hj212.segment_bytes_max)"
    )]
    TooLong {
        /// Its size.
        size_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// Bytes behind the frame.
    #[error("HJ 212: {bytes} bytes behind the frame; one frame a message is expected")]
    Behind {
        /// How many.
        bytes: usize,
    },
    /// The check does not fit.
    #[error("HJ 212: CRC {given:?}, the data segment's is {own}{hint}")]
    Crc {
        /// As sent.
        given: String,
        /// As it would be right.
        own: String,
        /// What else it fits, and what to do about it.
        hint: String,
    },
    /// No data region.
    #[error("HJ 212: no data region; give CP=&&...&&")]
    NoRegion,
    /// Encrypted.
    #[error(
        "HJ 212: the data region is encrypted (SM4 of HJ 212-2025); give the source's key by sm4_key_file in hj212.sources"
    )]
    Encrypted,
    /// Encrypted, and not as the standard has it.
    #[error("HJ 212: the encrypted data region is not {{0x..,0x..}} of whole blocks of 16 bytes")]
    Sealed,
    /// A field of the head is missing.
    #[error("HJ 212: {name} is missing")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// A field of the head is not what it has to be.
    #[error("HJ 212: {name}={text}; {expected}")]
    Field {
        /// Its name.
        name: &'static str,
        /// What stands there, shortened.
        text: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A field of the head is given twice with different contents.
    #[error("HJ 212: {name} is given twice")]
    Twice {
        /// Its name.
        name: &'static str,
    },
    /// The frame is of another logger than its topic.
    #[error("HJ 212: MN={frame}, while the topic is that of {topic}")]
    Mn {
        /// As the frame says.
        frame: String,
        /// As the topic says.
        topic: String,
    },
    /// The MN is no identifier.
    #[error("HJ 212: MN: {0}")]
    Name(#[from] NameFault),
    /// A command that carries no values.
    #[error("HJ 212: CN={cn} carries no values that are kept")]
    Command {
        /// The command.
        cn: u16,
    },
    /// A time that is none.
    #[error("HJ 212: {name}={text}; give 14 digits such as 20260312080000")]
    Time {
        /// DataTime or SampleTime.
        name: &'static str,
        /// What stands there, shortened.
        text: String,
    },
    /// A record whose time is not where its periods begin.
    #[error("HJ 212: DataTime={text} is not where a period of {interval_s} s begins (CN={cn})")]
    Grid {
        /// The time.
        text: String,
        /// The length of the period.
        interval_s: u32,
        /// The command.
        cn: u16,
    },
    /// Minute records of a length nobody told.
    #[error(
        "HJ 212: the length of minute records (CN=2051) is not in the frame: register interval_s of the source as one of \
         60 to 1800 s, or set hj212.minute_interval_s"
    )]
    MinuteInterval,
}

impl FrameFault {
    /// The kind of fault in a word, for counts.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotAFrame { .. }
            | Self::LengthField { .. }
            | Self::Length { .. }
            | Self::Cut { .. }
            | Self::Behind { .. } => "hj212_frame",
            Self::TooLong { .. } => "too_large",
            Self::Crc { .. } => "hj212_crc",
            Self::NoRegion
            | Self::Missing { .. }
            | Self::Field { .. }
            | Self::Twice { .. }
            | Self::Name(_) => "hj212_field",
            Self::Encrypted | Self::Sealed => "hj212_encrypted",
            Self::Mn { .. } => "hj212_mn",
            Self::Command { .. } => "hj212_command",
            Self::Time { .. } | Self::Grid { .. } => "time",
            Self::MinuteInterval => "interval",
        }
    }
}

/// DataTime of a data region, in `zone`.
pub fn data_time(region: &str, zone: Zone) -> Option<Instant> {
    let items = items::Items::read(region, zone).ok()?;
    items.time.map(|(time, _)| time)
}

/// When a frame says that it was sent: its QN, in `zone`, where that is a time.
pub fn sent(head: &head::Head, zone: Zone) -> Option<Instant> {
    let qn = head.qn.as_deref()?;
    items::time("QN", qn, zone).ok()
}

/// The first characters of bytes from outside, for messages.
fn begins(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(24)]);
    text.chars().take(12).collect()
}

#[cfg(test)]
mod tests;
