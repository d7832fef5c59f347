//! One whole frame: its data segment, and by which check it is sound.

use crate::adapters::payload::hj212::FrameFault;
use crate::adapters::payload::hj212::begins;
use crate::adapters::payload::hj212::crc;
use crate::adapters::payload::hj212::crc::Sums;
use crate::adapters::payload::hj212::crc::Variant;

/// What a frame begins with.
pub const HEAD: &[u8] = b"##";
/// Bytes before the data segment: the head and four digits.
pub const BEFORE: usize = 6;
/// Bytes of the check.
pub const CHECK: usize = 4;
/// How far into a segment an encrypted region begins at the latest.
const ENCRYPTED_BY: usize = 512;
/// What a region begins with.
const REGION: &[u8] = b"CP=&&";

/// A sound frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The data segment.
    pub segment: &'a [u8],
    /// By which check; none, as long as its region is encrypted.
    pub crc: Option<Variant>,
    /// The check as sent.
    digits: &'a [u8],
}

/// Whether the check that was sent with an encrypted frame is that of its plain segment.
pub(super) fn opened(frame: &Frame<'_>, plain: &[u8], taken: &[Variant]) -> Result<(), FrameFault> {
    checked(plain, frame.digits, taken).map(drop)
}

/// The length as written.
pub(super) fn length(bytes: &[u8]) -> Result<usize, FrameFault> {
    let digits = &bytes[HEAD.len()..BEFORE];
    let number = digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| number);
    let parsed = text.and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| FrameFault::LengthField {
        text: String::from_utf8_lossy(digits).into_owned(),
    })
}

/// Where the data region stands behind its brace if it is encrypted: then neither length nor check need be those of the wire. Of
/// `rest`, what the frame says it has is looked at, and nothing behind it: that of the plain text covers the brace as well.
pub(super) fn encrypted_from(rest: &[u8], said: usize) -> Option<usize> {
    let first = &rest[..rest.len().min(said).min(ENCRYPTED_BY)];
    let mut parts = first.windows(REGION.len());
    let brace = parts.position(|part| part == REGION)? + REGION.len();
    (first.get(brace) == Some(&b'{')).then_some(brace + 1)
}

/// Checks a segment against the digits behind it.
pub(super) fn checked<'a>(
    segment: &'a [u8],
    digits: &'a [u8],
    taken: &[Variant],
) -> Result<Frame<'a>, FrameFault> {
    let (sent, sums) = (crc::parse(digits), Sums::of(segment));
    let fits = |variant: &&Variant| sent.is_some_and(|sent| sums.fits(**variant, sent));
    if let Some(variant) = taken.iter().find(fits) {
        return Ok(Frame {
            segment,
            crc: Some(*variant),
            digits,
        });
    }
    let other = sent.and_then(|sent| sums.found(sent));
    let hint = match other {
        Some(other) => format!(
            "; it fits {0}: accept that by hj212.crc = \"{0}\"",
            other.key()
        ),
        None => String::new(),
    };
    Err(FrameFault::Crc {
        given: String::from_utf8_lossy(digits).into_owned(),
        own: format!("{:04X}", sums.hj),
        hint,
    })
}

impl<'a> Frame<'a> {
    /// Reads bytes that are one frame, with or without its CR LF.
    ///
    /// # Errors
    /// [`FrameFault`] that says where they are none.
    pub fn whole(bytes: &'a [u8], limit: usize, taken: &[Variant]) -> Result<Self, FrameFault> {
        let end = bytes
            .iter()
            .rposition(|byte| !matches!(byte, b'\r' | b'\n'));
        let bytes = &bytes[..end.map_or(0, |end| end + 1)];
        if !bytes.starts_with(HEAD) || bytes.len() < BEFORE {
            return Err(FrameFault::NotAFrame {
                begins: begins(bytes),
            });
        }
        let said = length(bytes)?;
        let Some(has) = bytes.len().checked_sub(BEFORE + CHECK) else {
            return Err(cut(bytes, said));
        };
        let size_bytes = has.max(said);
        let encrypted = encrypted_from(&bytes[BEFORE..], said).is_some();
        if size_bytes > limit && !(encrypted && has <= 5 * limit) {
            return Err(FrameFault::TooLong {
                size_bytes,
                limit_bytes: limit,
            });
        }
        let (segment, digits) = bytes[BEFORE..].split_at(has);
        if encrypted && crc::parse(digits).is_some() {
            return Ok(Self {
                segment,
                crc: None,
                digits,
            });
        } else if said == has {
            return checked(segment, digits, taken);
        }
        let sent = crc::parse(digits);
        let sound = sent.is_some_and(|sent| Sums::of(segment).found(sent).is_some());
        if sound {
            return Err(FrameFault::Length { said, has });
        } else if said > has {
            return Err(cut(bytes, said));
        }
        let behind = &bytes[BEFORE + said..];
        checked(&bytes[BEFORE..BEFORE + said], &behind[..CHECK], taken)?;
        Err(FrameFault::Behind {
            bytes: behind.len() - CHECK,
        })
    }
}

fn cut(bytes: &[u8], said: usize) -> FrameFault {
    FrameFault::Cut {
        has: bytes.len(),
        expected: BEFORE + said + CHECK,
    }
}
