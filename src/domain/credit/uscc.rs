//! The unified social credit code of a unit: GB 32100-2015, with the organisation code of GB 11714-1997 inside.
//!
//! Eighteen characters: registering authority (1), kind of unit (1), six digits of the administrative region,
//! nine of the organisation code whose last is its check character, and one check character over all before it.
//! A code that fails either check is refused, and the refusal says which character would have been right:
//! a mistyped digit must not put one unit's fine on another.
//!
//! Letters I, O, S, V and Z are not used. Region 999999 does not exist; examples stand under it.

use std::fmt;

const LENGTH: usize = 18;
const CHARSET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
const WEIGHTS: [u32; 17] = [
    1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28,
];
const MODULUS: u32 = 31;
const ORGANISATION_FROM: usize = 8;
const ORGANISATION_CHECK: usize = 16;
const ORGANISATION_WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
const ORGANISATION_MODULUS: u32 = 11;
const REGION_DIGITS: std::ops::Range<usize> = 2..8;

/// A checked code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uscc([u8; LENGTH]);

/// What is wrong with a code, as a fragment that names the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsccError {
    /// Not eighteen characters long.
    #[error("{code:?} has {found} characters; a unified social credit code has 18")]
    Length {
        /// What was written.
        code: String,
        /// Its length in characters.
        found: usize,
    },
    /// A character the code does not use.
    #[error(
        "{code:?} has {found:?} at place {place}; use digits and capitals without I, O, S, V and Z"
    )]
    Character {
        /// What was written.
        code: String,
        /// The character.
        found: char,
        /// Its place, counted from 1.
        place: usize,
    },
    /// A letter in the region.
    #[error(
        "{code:?} has {found:?} at place {place}; the region, places 3 to 8, is written in digits"
    )]
    Region {
        /// What was written.
        code: String,
        /// The character.
        found: char,
        /// Its place, counted from 1.
        place: usize,
    },
    /// The organisation code's check character is wrong.
    #[error(
        "{code:?} has {found:?} at place 17; the organisation code before it asks for {right:?} (GB 11714)"
    )]
    OrganisationCheck {
        /// What was written.
        code: String,
        /// The character found.
        found: char,
        /// The character that would fit.
        right: char,
    },
    /// The last check character is wrong.
    #[error("{code:?} ends in {found:?}; the 17 characters before it ask for {right:?} (GB 32100)")]
    Check {
        /// What was written.
        code: String,
        /// The character found.
        found: char,
        /// The character that would fit.
        right: char,
    },
}

impl Uscc {
    /// Checks a code as written; blanks and small letters are refused rather than mended.
    ///
    /// # Errors
    ///
    /// The first fault from the left, the organisation code before the whole.
    ///
    /// ```
    /// use skytier::domain::credit::uscc::Uscc;
    /// assert!(Uscc::new("91999999MA1ABCDE8G").is_ok());
    /// assert!(Uscc::new("91999999MA1ABCDE8H").is_err());
    /// ```
    pub fn new(code: &str) -> Result<Uscc, UsccError> {
        let found = code.chars().count();
        if found != LENGTH {
            return Err(UsccError::Length {
                code: code.to_owned(),
                found,
            });
        }
        for (at, found) in code.chars().enumerate() {
            let place = at + 1;
            let code = || code.to_owned();
            if value(found).is_none() {
                return Err(UsccError::Character {
                    code: code(),
                    found,
                    place,
                });
            }
            if REGION_DIGITS.contains(&at) && !found.is_ascii_digit() {
                return Err(UsccError::Region {
                    code: code(),
                    found,
                    place,
                });
            }
        }
        let written = code.as_bytes();
        let right = organisation_check(&written[ORGANISATION_FROM..ORGANISATION_CHECK]);
        let found = char::from(written[ORGANISATION_CHECK]);
        if found != right {
            return Err(UsccError::OrganisationCheck {
                code: code.to_owned(),
                found,
                right,
            });
        }
        let right = check(&written[..LENGTH - 1]);
        let found = char::from(written[LENGTH - 1]);
        if found != right {
            return Err(UsccError::Check {
                code: code.to_owned(),
                found,
                right,
            });
        }
        let mut bytes = [0; LENGTH];
        bytes.copy_from_slice(written);
        Ok(Uscc(bytes))
    }

    /// The eighteen characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a checked code is written in ASCII")
    }

    /// The six digits of the administrative region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.as_str()[REGION_DIGITS]
    }
}

impl fmt::Debug for Uscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Uscc").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Uscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The number a character stands for in GB 32100.
fn value(found: char) -> Option<u32> {
    let found = u8::try_from(found).ok()?;
    let at = CHARSET.iter().position(|&known| known == found)?;
    u32::try_from(at).ok()
}

/// The check character over the first seventeen.
fn check(written: &[u8]) -> char {
    let sum: u32 = written
        .iter()
        .zip(WEIGHTS)
        .map(|(&found, weight)| value(char::from(found)).unwrap_or(0) * weight)
        .sum();
    let at = (MODULUS - sum % MODULUS) % MODULUS;
    char::from(CHARSET[at as usize])
}

/// The check character over the eight of the organisation code, where letters count from A = 10.
fn organisation_check(written: &[u8]) -> char {
    let sum: u32 = written
        .iter()
        .zip(ORGANISATION_WEIGHTS)
        .map(|(&found, weight)| char::from(found).to_digit(36).unwrap_or(0) * weight)
        .sum();
    match ORGANISATION_MODULUS - sum % ORGANISATION_MODULUS {
        10 => 'X',
        11 => '0',
        digit => char::from(b'0' + u8::try_from(digit).unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::credit::uscc::Uscc;
    use proptest::prelude::*;

    fn check(code: &str, expected: &str) {
        let answer = match Uscc::new(code) {
            Ok(uscc) => format!("region {}", uscc.region()),
            Err(error) => error.to_string(),
        };
        assert!(answer.contains(expected), "{code}: {answer}");
    }

    #[test]
    fn codes_of_well_known_companies_pass() {
        check("91330100799655058B", "region 330100");
        check("914403001922038216", "region 440300");
        check("9144030071526726XG", "region 440300");
        check("91110000802100433B", "region 110000");
        check("91999999MA1ABCDE8G", "region 999999");
    }

    #[test]
    fn a_fault_names_its_place_and_the_remedy() {
        check("", "has 0 characters");
        check("91999999MA1ABCDE8", "has 17 characters");
        check("91999999MA1ABCDE8G ", "has 19 characters");
        check(
            "91999999ma1ABCDE8G",
            "'m' at place 9; use digits and capitals",
        );
        check("91999999MA1ABCDE8I", "'I' at place 18");
        check("9199999AMA1ABCDE8G", "'A' at place 8; the region");
        check(
            "91999999MA1ABCDE9G",
            "'9' at place 17; the organisation code before it asks for '8'",
        );
        check(
            "91999999MA1ABCDE8H",
            "ends in 'H'; the 17 characters before it ask for 'G'",
        );
        check("92999999MA1ABCDE8G", "ends in 'G'");
        check("绿绿绿绿绿绿绿绿绿绿绿绿绿绿绿绿绿绿", "'绿' at place 1");
    }

    proptest! {
        #[test]
        fn one_wrong_character_is_always_seen(place in 0usize..18, other in 0usize..31) {
            let right = "91330100799655058B";
            let mut wrong: Vec<char> = right.chars().collect();
            wrong[place] = char::from(super::CHARSET[other]);
            let wrong: String = wrong.into_iter().collect();
            prop_assert_eq!(Uscc::new(&wrong).is_ok(), wrong == right);
        }

        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            let _ = Uscc::new(&text);
        }
    }
}
