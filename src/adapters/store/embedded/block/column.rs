//! Columns of numbers as bytes.
//!
//! A column begins with a byte: its low half says how it is coded, its high half `s` that all is divided by 10^s.
//!
//! | code | numbers |
//! | --- | --- |
//! | 0 | the first and the step, of which all others follow |
//! | 1 | pco over 64 bits, its length before it |
//! | 2 | the first, then differences |
//! | 3 | pco over 16 bits, its length before it; from block format 2 on, as 4 |
//! | 4 | a pattern that repeats, and where it does not hold; its length before it |
//!
//! Code 4: the pattern's length, its numbers, how many exceptions, then each: numbers since the one before times
//! two, plus one when the pattern is changed by it; the number minus that of the pattern.

use pco::ChunkConfig;
use pco::DeltaSpec;
use pco::ModeSpec;
use pco::data_types::Number;
use pco::standalone::simple_compress;
use pco::standalone::simple_decompress_into;

use crate::adapters::store::embedded::bytes::Cursor;
use crate::adapters::store::embedded::bytes::MAX_SCALE;
use crate::adapters::store::embedded::bytes::Malformed;
use crate::adapters::store::embedded::bytes::common_scale;
use crate::adapters::store::embedded::bytes::divided;
use crate::adapters::store::embedded::bytes::power;
use crate::adapters::store::embedded::bytes::put;
use crate::adapters::store::embedded::bytes::put_signed;

/// Columns shorter than this are kept as differences: less overhead, and faster.
const PCO_MIN: usize = 64;
/// Compression level of pco: beyond it blocks hardly shrink.
const PCO_LEVEL: usize = 4;
/// Lengths of patterns that are tried: of messages that bring several readings at once.
const PATTERNS: [usize; 10] = [1, 2, 3, 4, 5, 6, 10, 15, 30, 60];
/// A pattern holds for all numbers but one in this many, or is none.
const PATTERN_HOLDS: usize = 10;

const REGULAR: u8 = 0;
const PCO: u8 = 1;
const DIFFERENCES: u8 = 2;
const NARROW: u8 = 3;
const PATTERN: u8 = 4;

/// What the numbers of a column are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
    /// Each is near the one before.
    Walk,
    /// Few different ones, in whatever order.
    Few,
}

/// Appends a column.
pub(super) fn put_column(out: &mut Vec<u8>, numbers: &[i64], nature: Nature) {
    let scale = common_scale(numbers.iter().copied());
    let scaled: Vec<i64>;
    let numbers = if scale == 0 {
        numbers
    } else {
        scaled = numbers
            .iter()
            .map(|number| divided(*number, scale))
            .collect();
        &scaled
    };
    let mut head = |code: u8| out.push(scale << 4 | code);
    if let Some((first, step)) = progression(numbers) {
        head(REGULAR);
        put_signed(out, first);
        put_signed(out, step);
    } else if numbers.len() < PCO_MIN {
        head(DIFFERENCES);
        let mut before = 0i64;
        for number in numbers {
            put_signed(out, number.wrapping_sub(before));
            before = *number;
        }
    } else if let Some(length) = pattern(numbers).filter(|_| nature == Nature::Few) {
        head(PATTERN);
        put_sized(out, &patterned(numbers, length));
    } else if let Some(narrow) = narrowed(numbers) {
        head(NARROW);
        put_sized(out, &packed(&narrow, nature));
    } else {
        head(PCO);
        put_sized(out, &packed(numbers, nature));
    }
}

fn put_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn packed<T: Number>(numbers: &[T], nature: Nature) -> Vec<u8> {
    let delta = match nature {
        Nature::Walk => DeltaSpec::TryConsecutive(1),
        // Hours that come a day at a time, or all at once, lie a step apart; others do not.
        Nature::Few => DeltaSpec::Auto,
    };
    let config = ChunkConfig::default()
        .with_compression_level(PCO_LEVEL)
        .with_mode_spec(ModeSpec::Classic)
        .with_delta_spec(delta);
    simple_compress(numbers, &config).expect("the settings are sound")
}

/// All numbers in 16 bits, if they fit.
fn narrowed(numbers: &[i64]) -> Option<Vec<i16>> {
    let narrow = numbers.iter().map(|number| i16::try_from(*number).ok());
    narrow.collect()
}

/// First number and step when all follow from them.
fn progression(numbers: &[i64]) -> Option<(i64, i64)> {
    let (first, second) = (*numbers.first()?, *numbers.get(1).unwrap_or(&numbers[0]));
    let step = second.wrapping_sub(first);
    let regular = numbers
        .windows(2)
        .all(|pair| pair[1].wrapping_sub(pair[0]) == step);
    regular.then_some((first, step))
}

/// The length of the pattern that holds best, if one does.
fn pattern(numbers: &[i64]) -> Option<usize> {
    let breaks = |length: usize| {
        let before = numbers.iter().zip(&numbers[length.min(numbers.len())..]);
        before.filter(|(before, number)| before != number).count()
    };
    let tried = PATTERNS.map(|length| (breaks(length), length));
    let (breaks, length) = tried.into_iter().min()?;
    // What breaks a pattern breaks it twice in this count: it comes, and it does not come again.
    (breaks <= numbers.len() * 2 / PATTERN_HOLDS && length < numbers.len()).then_some(length)
}

fn patterned(numbers: &[i64], length: usize) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, length as u64);
    let mut now = numbers[..length].to_vec();
    now.iter().for_each(|number| put_signed(&mut out, *number));
    let mut exceptions = Vec::new();
    let (mut count, mut last) = (0u64, length);
    for (at, number) in numbers.iter().enumerate().skip(length) {
        let expected = now[at % length];
        if *number != expected {
            let changes = numbers.get(at + length) == Some(number);
            put(
                &mut exceptions,
                ((at - last) as u64) << 1 | u64::from(changes),
            );
            put_signed(&mut exceptions, number.wrapping_sub(expected));
            if changes {
                now[at % length] = *number;
            }
            (count, last) = (count + 1, at);
        }
    }
    put(&mut out, count);
    out.append(&mut exceptions);
    out
}

/// How the numbers of a column are coded, its head read.
pub(super) enum Coding<'a> {
    Regular {
        first: i64,
        step: i64,
    },
    Packed(&'a [u8]),
    Narrow(&'a [u8]),
    Pattern(&'a [u8]),
    /// The numbers themselves come next.
    Differences,
}

/// Reads a column's head: how it is coded, and what its numbers are divided by.
pub(super) fn coding<'a>(cursor: &mut Cursor<'a>) -> Result<(Coding<'a>, i64), Malformed> {
    let head = cursor.byte()?;
    let (code, scale) = (head & 0xf, head >> 4);
    if scale > MAX_SCALE {
        return Err(Malformed("an unknown scale"));
    }
    let mut sized = || {
        let length = cursor.count()?;
        cursor.take(length)
    };
    let coding = match code {
        PCO => Coding::Packed(sized()?),
        NARROW => Coding::Narrow(sized()?),
        PATTERN => Coding::Pattern(sized()?),
        REGULAR => Coding::Regular {
            first: cursor.signed()?,
            step: cursor.signed()?,
        },
        DIFFERENCES => Coding::Differences,
        _ => return Err(Malformed("an unknown coding")),
    };
    Ok((coding, power(scale)))
}

/// Reads a column of `n` numbers.
pub(super) fn column(cursor: &mut Cursor<'_>, n: usize) -> Result<Vec<i64>, Malformed> {
    let mut numbers = Vec::new();
    let coding = coding(cursor)?;
    unpack(coding, cursor, n, (&mut numbers, &mut Vec::new()))?;
    Ok(numbers)
}

/// Puts the `n` numbers of a column in the place of those in `numbers`; `narrow` is memory for a while.
pub(super) fn unpack(
    (coding, power): (Coding<'_>, i64),
    cursor: &mut Cursor<'_>,
    n: usize,
    (numbers, narrow): (&mut Vec<i64>, &mut Vec<i16>),
) -> Result<(), Malformed> {
    match coding {
        Coding::Regular { first, step } => {
            let follow = |before: &i64| Some(before.wrapping_add(step));
            numbers.clear();
            numbers.extend(std::iter::successors(Some(first), follow).take(n));
        }
        Coding::Differences => {
            if n > cursor.left() {
                return Err(Malformed("ends early"));
            }
            numbers.clear();
            let mut before = 0i64;
            for _ in 0..n {
                before = before.wrapping_add(cursor.signed()?);
                numbers.push(before);
            }
        }
        Coding::Packed(packed) => {
            numbers.resize(n, 0);
            unpacked(packed, numbers)?;
        }
        Coding::Narrow(packed) => {
            narrow.resize(n, 0);
            unpacked(packed, narrow)?;
            numbers.clear();
            let whole = |number: &i16| i64::from(*number).wrapping_mul(power);
            numbers.extend(narrow.iter().map(whole));
            return Ok(());
        }
        Coding::Pattern(bytes) => unpattern(bytes, n, numbers)?,
    }
    if power > 1 {
        numbers
            .iter_mut()
            .for_each(|number| *number = number.wrapping_mul(power));
    }
    Ok(())
}

fn unpacked<T: Number>(packed: &[u8], numbers: &mut [T]) -> Result<(), Malformed> {
    let done = simple_decompress_into(packed, numbers);
    let done = done.map_err(|_| Malformed("columns that do not unpack"))?;
    if done.n_processed != numbers.len() || !done.finished {
        return Err(Malformed("another count of readings than the row says"));
    }
    Ok(())
}

fn unpattern(bytes: &[u8], n: usize, numbers: &mut Vec<i64>) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(bytes);
    let length = cursor.count()?;
    if length == 0 || length > n {
        return Err(Malformed("an impossible pattern"));
    }
    numbers.clear();
    for _ in 0..length {
        numbers.push(cursor.signed()?);
    }
    let mut now = numbers.clone();
    let exceptions = cursor.count()?;
    let mut last = length;
    for _ in 0..exceptions {
        let head = cursor.number()?;
        let at = usize::try_from(head >> 1)
            .ok()
            .and_then(|gap| last.checked_add(gap));
        let at = at.filter(|at| (numbers.len()..n).contains(at));
        let at = at.ok_or(Malformed("an exception outside its column"))?;
        follow(&now, at, numbers);
        let number = now[at % length].wrapping_add(cursor.signed()?);
        numbers.push(number);
        if head & 1 == 1 {
            now[at % length] = number;
        }
        last = at;
    }
    follow(&now, n, numbers);
    cursor.finish()
}

/// Goes on as a pattern says, up to a count.
fn follow(pattern: &[i64], upto: usize, numbers: &mut Vec<i64>) {
    for at in numbers.len()..upto {
        numbers.push(pattern[at % pattern.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(numbers: &[i64], nature: Nature) -> Vec<u8> {
        let mut out = Vec::new();
        put_column(&mut out, numbers, nature);
        let mut cursor = Cursor::new(&out);
        assert_eq!(column(&mut cursor, numbers.len()).as_deref(), Ok(numbers));
        assert_eq!(cursor.finish(), Ok(()));
        out
    }

    /// Columns of all kinds: walks, patterns with exceptions, few or any numbers.
    fn numbers() -> impl Strategy<Value = Vec<i64>> {
        let pattern = prop::collection::vec(-20i64..20, 1..62);
        let exceptions = prop::collection::vec((any::<prop::sample::Index>(), any::<i16>()), 0..9);
        let patterned = (pattern, 1..400usize, exceptions).prop_map(|(pattern, n, exceptions)| {
            let mut numbers: Vec<i64> = pattern.iter().copied().cycle().take(n).collect();
            for (at, number) in exceptions {
                numbers[at.index(n)] = number.into();
            }
            numbers
        });
        prop_oneof![
            patterned,
            prop::collection::vec(-40_000i64..40_000, 1..300),
            prop::collection::vec(0i64..3, 1..300),
            prop::collection::vec(any::<i64>(), 1..100),
        ]
    }

    proptest! {
        #[test]
        fn every_column_comes_back(numbers in numbers()) {
            kept(&numbers, Nature::Walk);
            kept(&numbers, Nature::Few);
        }

        #[test]
        fn no_bytes_make_it_stumble(
            numbers in numbers(),
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            n in 1..500usize,
        ) {
            let mut bytes = kept(&numbers, Nature::Few);
            for (at, byte) in edits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(read) = column(&mut Cursor::new(&bytes), n) {
                prop_assert_eq!(read.len(), n);
            }
        }
    }

    #[test]
    fn what_repeats_takes_next_to_nothing() {
        // Two minutes a message, one reading in a hundred late by an hour; then messages come otherwise.
        let lag = |at: i64| match at % 100 {
            57 => 3_600,
            _ if at < 900 => 64 - at % 2 * 60,
            _ => 7,
        };
        let lags: Vec<i64> = (0..1_440).map(lag).collect();
        let length = kept(&lags, Nature::Few).len();
        assert!(length < 70, "{length} bytes for 1,440 lags");
        let walk: Vec<i64> = (0..1_440i64).map(|at| 400 + at * at % 21).collect();
        let (narrow, wide) = (kept(&walk, Nature::Walk), packed(&walk, Nature::Walk));
        assert!(
            narrow.len() < wide.len(),
            "{} and {}",
            narrow.len(),
            wide.len()
        );
    }

    #[test]
    fn lags_of_what_comes_together_take_little() {
        for (what, lag, most) in [
            (
                "a day at a time",
                (|at| (23 - at % 24) * 3_600 + 4) as fn(i64) -> i64,
                300,
            ),
            ("25 hours at a time", |at| (24 - at % 25) * 3_600 + 4, 300),
            (
                "all at once, in some seconds",
                |at| (9_000 - at) * 3_600 + at * 7 % 3,
                700,
            ),
            (
                "as they are, with delays of up to 16 s",
                |at| 2 + at * at % 17 % 15,
                800,
            ),
        ] {
            let lags: Vec<i64> = (0..1_440).map(lag).collect();
            let length = kept(&lags, Nature::Few).len();
            assert!(length < most, "{what}: {length} bytes for 1,440 lags");
        }
    }

    #[test]
    fn impossible_patterns_are_named() {
        let check = |bytes: &[u8], expected: &'static str| {
            let found = unpattern(bytes, 4, &mut Vec::new());
            assert_eq!(found, Err(Malformed(expected)), "{bytes:?}");
        };
        check(&[0, 0], "an impossible pattern");
        check(&[5, 0, 0, 0, 0, 0, 0], "an impossible pattern");
        check(&[1, 0], "ends early");
        check(&[1, 0, 1, 6, 2], "an exception outside its column");
        check(&[1, 0, 2, 0, 2, 0, 2], "an exception outside its column");
        check(&[1, 0, 0, 0], "bytes left over");
    }
}
