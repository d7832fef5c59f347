//! The texts of identifiers, held in place. Equal, ordered and hashed as the texts are.

use std::cmp::Ordering;
use std::fmt;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

use crate::domain::names::CODE_BYTES_MAX;

/// Longest text held in place; station codes and the 24 characters of an MN are shorter.
const SHORT_BYTES_MAX: usize = 30;

/// A short code without NUL, filled up with NUL.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Code([u8; CODE_BYTES_MAX]);

impl Code {
    /// Holds a text.
    ///
    /// # Panics
    /// When it is too long; whoever made it has checked that.
    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; CODE_BYTES_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Self(bytes)
    }

    /// The text.
    pub(super) fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0);
        let bytes = &self.0[..end.unwrap_or(CODE_BYTES_MAX)];
        std::str::from_utf8(bytes).expect("made from a text")
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Hash for Code {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from_le_bytes(self.0));
    }
}

/// A text of any length. One that fits in place always stands there, so equal texts look alike.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Text {
    Short {
        length: u8,
        bytes: [u8; SHORT_BYTES_MAX],
    },
    Long(Arc<str>),
}

impl Text {
    /// Holds a text.
    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; SHORT_BYTES_MAX];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(text.as_bytes());
                Self::Short { length, bytes }
            }
            _ => Self::Long(Arc::from(text)),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => &bytes[..usize::from(*length)],
            Self::Long(text) => text.as_bytes(),
        }
    }

    /// The text.
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("made from a text")
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.as_bytes());
        state.write_u8(0xff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Short or long, they read, compare and are equal as their texts are.
        #[test]
        fn texts_are_what_they_hold(
            a in "[0-9a-z虹桥]{0,8}([A-C]{20,40})?",
            b in "[0-9a-z虹桥]{0,8}([A-C]{20,40})?",
        ) {
            let (one, other) = (Text::new(&a), Text::new(&b));
            prop_assert_eq!(one.as_str(), &a);
            prop_assert_eq!(one.cmp(&other), a.cmp(&b));
            prop_assert_eq!(one == other, a == b);
            prop_assert_eq!(Text::new(&a), one);
        }

        #[test]
        fn codes_are_what_they_hold(a in "[0-9a-z_]{0,16}", b in "[0-9a-z_]{0,16}") {
            let (one, other) = (Code::new(&a), Code::new(&b));
            prop_assert_eq!(one.as_str(), &a);
            prop_assert_eq!(one.cmp(&other), a.cmp(&b));
            prop_assert_eq!(one == other, a == b);
        }
    }

    #[test]
    fn an_identifier_takes_little_more_than_its_text() {
        assert_eq!(size_of::<Code>(), 16);
        assert_eq!(size_of::<Text>(), 32);
    }
}
