//! Numbers as bytes: seven bits a byte, small ones first, signs folded in. Reading never goes past the end and
//! never believes a length that the bytes at hand cannot hold.

use crate::domain::names::Flag;
use crate::domain::reading::Qc;
use crate::domain::reading::Review;

/// Bits of a number in one byte.
const GROUP_BITS: u32 = 7;
/// Set on every byte but a number's last.
const MORE: u8 = 0x80;
/// Verdicts by their stored number.
const VERDICTS: [Qc; 4] = [Qc::Passed, Qc::Clock, Qc::Negative, Qc::Range];

/// Bit of a remark for a reading that was taken out.
const DELETED: u8 = 0x80;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// Appends a number.
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= u64::from(MORE) {
        out.push(number as u8 | MORE);
        number >>= GROUP_BITS;
    }
    out.push(number as u8);
}

/// Appends a number with its sign.
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, folded(number));
}

/// The sign moved to the lowest bit, so that numbers near zero are short.
pub(super) fn folded(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// The reverse of [`folded`].
pub(super) fn unfolded(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// Bytes read from the front.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// At the first byte.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not read yet.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next byte.
    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.rest.split_first().ok_or(Malformed("ends early"))?;
        self.rest = rest;
        Ok(*first)
    }

    /// The next number.
    #[inline]
    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0u64;
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            let group = u64::from(byte & !MORE);
            if shift == 63 && group > 1 {
                return Err(Malformed("a number too large"));
            }
            number |= group << shift;
            if byte & MORE == 0 {
                return Ok(number);
            }
            shift += GROUP_BITS;
            if shift > 63 {
                return Err(Malformed("a number too long"));
            }
        }
    }

    /// The next number with a sign.
    #[inline]
    pub(super) fn signed(&mut self) -> Result<i64, Malformed> {
        self.number().map(unfolded)
    }

    /// A count of things that take at least one byte each.
    pub(super) fn count(&mut self) -> Result<usize, Malformed> {
        let count = usize::try_from(self.number()?).map_err(|_| Malformed("a count too large"))?;
        if count > self.left() {
            return Err(Malformed("a count beyond the end"));
        }
        Ok(count)
    }

    /// The next bytes.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Malformed("ends early"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// Says so when something is left over.
    pub(super) fn finish(self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed("bytes left over"))
        }
    }
}

/// What is said about a value beside the value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Remark {
    /// There is no value.
    pub(super) missing: bool,
    /// The sender's flag.
    pub(super) flag: Flag,
    /// Our verdict.
    pub(super) qc: Qc,
    /// Raw or reviewed.
    pub(super) review: Review,
    /// It was taken out: what stands here is what the sender may say again without effect.
    pub(super) deleted: bool,
}

impl Remark {
    /// What is said of nearly every value: nothing.
    pub(super) fn plain() -> Self {
        Self {
            missing: false,
            flag: Flag::normal(),
            qc: Qc::Passed,
            review: Review::Raw,
            deleted: false,
        }
    }

    /// Whether there is a value that counts.
    pub(super) fn has_value(&self) -> bool {
        !self.missing && !self.deleted
    }

    /// Whether a value with it may enter means.
    pub(super) fn usable(&self) -> bool {
        self.has_value() && self.qc == Qc::Passed && self.flag.is_normal()
    }

    /// Appends it: a byte of bits, then the flag's text if it is not normal.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let verdict = VERDICTS.iter().position(|qc| *qc == self.qc);
        let verdict = verdict.expect("every verdict has a number") as u8;
        let reviewed = u8::from(self.review == Review::Reviewed);
        let flagged = u8::from(!self.flag.is_normal());
        let deleted = if self.deleted { DELETED } else { 0 };
        out.push(u8::from(self.missing) | reviewed << 1 | flagged << 2 | verdict << 3 | deleted);
        if flagged == 1 {
            put(out, self.flag.as_str().len() as u64);
            out.extend_from_slice(self.flag.as_str().as_bytes());
        }
    }

    /// Reads what [`Self::put`] wrote.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let bits = cursor.byte()?;
        let verdict = VERDICTS.get(usize::from((bits & !DELETED) >> 3));
        let flag = if bits & 4 == 0 {
            Flag::normal()
        } else {
            let length = cursor.count()?;
            let text = std::str::from_utf8(cursor.take(length)?);
            let text = text.map_err(|_| Malformed("a flag that is no text"))?;
            Flag::new(text).map_err(|_| Malformed("an impossible flag"))?
        };
        Ok(Self {
            missing: bits & 1 == 1,
            flag,
            qc: *verdict.ok_or(Malformed("an unknown verdict"))?,
            review: if bits & 2 == 0 {
                Review::Raw
            } else {
                Review::Reviewed
            },
            deleted: bits & DELETED != 0,
        })
    }
}

/// The greatest power of ten, up to a million, that divides every number: its exponent.
pub(super) fn common_scale(numbers: impl Iterator<Item = i64>) -> u8 {
    let mut scale = MAX_SCALE;
    for number in numbers {
        while scale > 0 && divided(number, scale).wrapping_mul(power(scale)) != number {
            scale -= 1;
        }
        if scale == 0 {
            break;
        }
    }
    scale
}

/// A number by ten to a scale, cut off. Each divisor stands here as itself, for that is several times as fast.
pub(super) const fn divided(number: i64, scale: u8) -> i64 {
    match scale {
        0 => number,
        1 => number / 10,
        2 => number / 100,
        3 => number / 1_000,
        4 => number / 10_000,
        5 => number / 100_000,
        _ => number / 1_000_000,
    }
}

/// Largest exponent that [`common_scale`] finds.
pub(super) const MAX_SCALE: u8 = 6;

const POWERS: [i64; MAX_SCALE as usize + 1] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

/// Ten to a scale.
pub(super) const fn power(scale: u8) -> i64 {
    POWERS[scale as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_number_comes_back(numbers in prop::collection::vec(any::<i64>(), 0..20), small in -70i64..70) {
            let mut out = Vec::new();
            for number in numbers.iter().chain([&small]) {
                put_signed(&mut out, *number);
                put(&mut out, number.cast_unsigned());
            }
            let mut cursor = Cursor::new(&out);
            for number in numbers.iter().chain([&small]) {
                prop_assert_eq!(cursor.signed(), Ok(*number));
                prop_assert_eq!(cursor.number(), Ok(number.cast_unsigned()));
            }
            prop_assert_eq!(cursor.finish(), Ok(()));
        }

        #[test]
        fn no_bytes_make_it_stumble(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut cursor = Cursor::new(&bytes);
            while cursor.left() > 0 && Remark::read(&mut cursor).is_ok() && cursor.number().is_ok() {}
        }

        #[test]
        fn a_scale_divides_all(numbers in prop::collection::vec(-1_000_000i64..1_000_000, 0..9)) {
            let scale = common_scale(numbers.iter().copied());
            let divides = |scale| numbers.iter().all(|number| number % power(scale) == 0);
            prop_assert!(divides(scale));
            prop_assert!(scale == MAX_SCALE || !divides(scale + 1));
        }
    }

    #[test]
    fn a_remark_comes_back_and_the_plain_one_is_one_byte() {
        for missing in [false, true] {
            for flag in ["N", "M", "HSp", "ABCDEFGHIJKLMNOP"] {
                for qc in VERDICTS {
                    for (review, deleted) in [
                        (Review::Raw, false),
                        (Review::Raw, true),
                        (Review::Reviewed, false),
                    ] {
                        let flag = Flag::new(flag).expect("a flag");
                        let remark = Remark {
                            missing,
                            flag,
                            qc,
                            review,
                            deleted,
                        };
                        let mut out = Vec::new();
                        remark.put(&mut out);
                        assert_eq!(Remark::read(&mut Cursor::new(&out)), Ok(remark));
                    }
                }
            }
        }
        let mut out = Vec::new();
        Remark::plain().put(&mut out);
        assert_eq!(out, [0]);
    }

    #[test]
    fn impossible_bytes_are_named() {
        let check = |bytes: &[u8], expected: &'static str| {
            let found = Cursor::new(bytes).number();
            assert_eq!(found, Err(Malformed(expected)), "{bytes:?}");
        };
        check(&[], "ends early");
        check(&[0x80], "ends early");
        check(&[0xff; 9], "ends early");
        check(&[0xff; 10], "a number too large");
        let check = |bytes: &[u8], expected: &'static str| {
            let found = Remark::read(&mut Cursor::new(bytes));
            assert_eq!(found, Err(Malformed(expected)), "{bytes:?}");
        };
        check(&[0x20], "an unknown verdict");
        check(&[4, 2, b'M'], "a count beyond the end");
        check(&[4, 1, 0xff], "a flag that is no text");
        check(&[4, 1, b' '], "an impossible flag");
    }
}
