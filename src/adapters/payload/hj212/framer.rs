//! Frames out of a stream: glued together, cut anywhere, with noise between them.
//!
//! After anything that is no frame the search goes on one byte behind its head, not behind the bytes it claimed, so that a
//! damaged frame never takes the next one with it. What is held is bounded by the largest frame.

use crate::adapters::payload::hj212::FrameFault;
use crate::adapters::payload::hj212::crc;
use crate::adapters::payload::hj212::crc::Variant;
use crate::adapters::payload::hj212::frame;
use crate::adapters::payload::hj212::frame::BEFORE;
use crate::adapters::payload::hj212::frame::CHECK;
use crate::adapters::payload::hj212::frame::HEAD;

/// What stands next in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A frame that is sound by some check or encrypted, from head to check, and by which check.
    Frame(Vec<u8>, Option<Variant>),
    /// Something that began as a frame and is none.
    Bad(FrameFault),
    /// So many bytes of noise.
    Noise(usize),
    /// Nothing until more bytes come.
    Wait,
}

/// Cuts a stream into frames.
#[derive(Debug)]
pub struct Framer {
    held: Vec<u8>,
    segment_bytes_max: usize,
    checked_bytes: u64,
}

impl Framer {
    /// One for segments of up to so many bytes.
    pub fn new(segment_bytes_max: usize) -> Self {
        Self {
            held: Vec::new(),
            segment_bytes_max,
            checked_bytes: 0,
        }
    }

    /// Bytes whose check was worked out so far: what is no frame costs them too, and each candidate once.
    pub fn checked_bytes(&self) -> u64 {
        self.checked_bytes
    }

    /// Takes bytes of the stream. Take all steps before the next ones, so that what is held stays bounded.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// Puts back a frame that turned out to be damaged, but for its first byte: its length may be what is wrong, and sound frames
    /// stand in what it claimed.
    pub fn put_back(&mut self, frame: &[u8]) {
        self.held.splice(..0, frame.iter().skip(1).copied());
    }

    /// Bytes of a frame that is not whole yet.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// The next step. Which checks are taken is the source's matter, known once the frame is read: here any that fits will
    /// do, and one that fits none is for `unchecked` alone.
    pub fn step(&mut self, unchecked: bool) -> Step {
        let ends = self.held.iter();
        let ends = ends
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        self.held.drain(..ends);
        let head = self.held.windows(HEAD.len()).position(|part| part == HEAD);
        let noise = match head {
            Some(at) => at,
            // The last byte may be half a head.
            None => self.held.len() - usize::from(self.held.last() == Some(&b'#')),
        };
        if noise > 0 {
            self.held.drain(..noise);
            return Step::Noise(noise);
        }
        if self.held.len() < BEFORE {
            return Step::Wait;
        }
        match self.frame(unchecked) {
            Ok(Some((end, crc))) => Step::Frame(self.held.drain(..end).collect(), crc),
            Ok(None) => Step::Wait,
            Err(fault) => {
                self.held.drain(..1);
                Step::Bad(fault)
            }
        }
    }

    /// Where the frame at the front ends, once it is there.
    fn frame(&mut self, unchecked: bool) -> Result<Option<(usize, Option<Variant>)>, FrameFault> {
        let said = frame::length(&self.held)?;
        if said > self.segment_bytes_max {
            return Err(FrameFault::TooLong {
                size_bytes: said,
                limit_bytes: self.segment_bytes_max,
            });
        }
        let rest = &self.held[BEFORE..];
        if let Some(from) = frame::encrypted_from(rest, said) {
            match encrypted(rest, from) {
                Ends::At(end) => return Ok(Some((BEFORE + end, None))),
                Ends::Nowhere => {}
                Ends::Later if rest.len() > 5 * self.segment_bytes_max => {
                    return Err(FrameFault::Encrypted);
                }
                Ends::Later => return Ok(None),
            }
        }
        if rest.len() < said + CHECK {
            return Ok(None);
        }
        let (segment, digits) = (&rest[..said], &rest[said..said + CHECK]);
        let end = BEFORE + said + CHECK;
        self.checked_bytes += said as u64;
        let all = [Variant::Hj, Variant::ModbusHigh, Variant::ModbusLow];
        match frame::checked(segment, digits, &all) {
            Ok(sound) => Ok(Some((end, sound.crc))),
            Err(FrameFault::Crc { .. }) if unchecked && crc::parse(digits).is_some() => {
                Ok(Some((end, Some(Variant::Unchecked))))
            }
            Err(fault) => Err(fault),
        }
    }
}

/// Where a frame with an encrypted region ends.
enum Ends {
    At(usize),
    Later,
    Nowhere,
}

/// Its length may be that of the plain text: it ends with the check behind the first `&&` after the `}` of the region that
/// begins at `from`. Each byte is five on the wire, and nothing else stands in the region: neither it nor what follows in the
/// clear reaches into the next frame.
fn encrypted(rest: &[u8], from: usize) -> Ends {
    let within = |byte: &u8| byte.is_ascii_hexdigit() || b"xX, \t\r\n".contains(byte);
    let close = rest[from..].iter().position(|byte| !within(byte));
    let close = close.map(|close| from + close);
    if close.is_some_and(|close| rest[close] != b'}') {
        return Ends::Nowhere;
    }
    let end = close.and_then(|close| {
        let mut parts = rest[close..].windows(2);
        let end = parts.position(|part| part == b"&&" || part == HEAD)?;
        Some(close + end + 2)
    });
    match end {
        None => Ends::Later,
        Some(end) if rest[..end].ends_with(HEAD) => Ends::Nowhere,
        Some(end) if rest.len() < end + CHECK => Ends::Later,
        Some(end) if crc::parse(&rest[end..end + CHECK]).is_some() => Ends::At(end + CHECK),
        Some(_) => Ends::Nowhere,
    }
}
