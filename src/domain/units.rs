//! Quantities as exact numbers.
//!
//! A value as received is an [`Amount`]: a whole number of millionths of its factor's unit (ug/m3 for the
//! ambient pollutants, mg/m3 for CO and stack gas, m3/h for flow). A value computed from others is an
//! [`Exact`] fraction. Nothing here is a binary float; rounding happens once, by [`Exact::round`], to the
//! even digit at a tie as GB/T 8170 asks.

use std::borrow::Borrow;
use std::fmt;

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::Pow;
use num_traits::Signed;
use num_traits::ToPrimitive;
use num_traits::Zero;

/// Decimal places an [`Amount`] keeps.
pub const AMOUNT_DECIMALS: u32 = 6;
/// Millionths in one unit.
const SCALE: i64 = 1_000_000;
/// Denominators that a mean adds up apart from each other.
const DENOMINATORS_MAX: usize = 8;
/// The powers of ten in 64 bits.
const POWERS: [i64; 19] = powers();
/// Longest number text that is looked at, in bytes.
const NUMBER_BYTES_MAX: usize = 64;
/// Powers of ten beyond which the last digit of a number is not looked at as a fraction.
const EXPONENT_MAX: i64 = 200;

/// A received value: millionths of the factor's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i64);

/// Why a text is not an [`Amount`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountFault {
    /// Not a plain decimal number.
    #[error("not a decimal number")]
    NotANumber,
    /// Beyond what millionths in 64 bits hold (about 9.2e12 units).
    #[error("number too large")]
    TooLarge,
}

impl Amount {
    /// From millionths of the unit.
    #[inline]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole units.
    ///
    /// # Panics
    /// When the value does not fit, which no limit or breakpoint of a standard comes near.
    pub const fn from_units(units: i64) -> Self {
        Self(units * SCALE)
    }

    /// Millionths of the unit.
    #[inline]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whether the value is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Reads a decimal number with optional sign, fraction and exponent. Digits beyond the sixth decimal
    /// are rounded half to even.
    ///
    /// # Errors
    /// [`AmountFault`] when the text is no number or too large.
    ///
    /// ```
    /// use skytier::domain::units::Amount;
    /// assert_eq!(Amount::parse("40.7").unwrap().micros(), 40_700_000);
    /// assert_eq!(Amount::parse("4.07e1").unwrap(), Amount::parse("40.7").unwrap());
    /// ```
    pub fn parse(text: &str) -> Result<Self, AmountFault> {
        let (digits, exponent) = decimal_parts(text)?;
        let shift = exponent + i64::from(AMOUNT_DECIMALS);
        if digits.is_zero() {
            return Ok(Self(0));
        }
        if shift > 40 {
            return Err(AmountFault::TooLarge);
        }
        let scaled = if shift >= 0 {
            digits * BigInt::from(10).pow(shift.unsigned_abs())
        } else if shift < -100 {
            BigInt::zero()
        } else {
            half_even(&digits, &BigInt::from(10).pow(shift.unsigned_abs()))
        };
        scaled.to_i64().map(Self).ok_or(AmountFault::TooLarge)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Decimal {
            scaled: i128::from(self.0),
            decimals: AMOUNT_DECIMALS,
        }
        .trimmed();
        f.write_str(&text)
    }
}

/// Splits a number text into its digits as an integer and the power of ten they stand at.
fn decimal_parts(text: &str) -> Result<(BigInt, i64), AmountFault> {
    if text.is_empty() || text.len() > NUMBER_BYTES_MAX {
        return Err(AmountFault::NotANumber);
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let exponent: i64 = exponent.parse().map_err(|_| AmountFault::NotANumber)?;
            (mantissa, exponent.clamp(-10_000, 10_000))
        }
        None => (text, 0),
    };
    let (negative, unsigned) = match mantissa.as_bytes().first() {
        Some(b'-') => (true, &mantissa[1..]),
        Some(b'+') => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(AmountFault::NotANumber);
    }
    let value = BigInt::parse_bytes(digits.as_bytes(), 10).ok_or(AmountFault::NotANumber)?;
    let fraction_digits = i64::try_from(fraction.len()).map_err(|_| AmountFault::NotANumber)?;
    Ok((
        if negative { -value } else { value },
        exponent - fraction_digits,
    ))
}

/// `numerator / denominator` to the nearest whole number, a tie to the even one.
fn half_even(numerator: &BigInt, denominator: &BigInt) -> BigInt {
    let (floor, rest) = numerator.div_mod_floor(denominator);
    let twice: BigInt = rest * 2;
    let up = match twice.cmp(denominator) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => floor.is_odd(),
    };
    if up { floor + 1 } else { floor }
}

/// A decimal number with a fixed count of decimals: the result of rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    scaled: i128,
    decimals: u32,
}

impl Decimal {
    /// The number scaled by `10^decimals`.
    #[inline]
    pub fn scaled(self) -> i128 {
        self.scaled
    }

    /// How many decimals it carries.
    pub fn decimals(self) -> u32 {
        self.decimals
    }

    /// As an exact fraction again.
    pub fn exact(self) -> Exact {
        Exact::of(self.scaled, 10i128.pow(self.decimals))
    }

    /// Text without trailing zeros.
    pub fn trimmed(self) -> String {
        let text = self.to_string();
        if !text.contains('.') {
            return text;
        }
        let text = text.trim_end_matches('0').trim_end_matches('.');
        text.to_owned()
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10u128.pow(self.decimals);
        let magnitude = self.scaled.unsigned_abs();
        let sign = if self.scaled < 0 { "-" } else { "" };
        if self.decimals == 0 {
            return write!(f, "{sign}{magnitude}");
        }
        let width = self.decimals as usize;
        write!(f, "{sign}{}.{:0width$}", magnitude / unit, magnitude % unit)
    }
}

/// An exact fraction, in the unit of what it was computed from.
///
/// Nearly every figure of air readings fits two 64-bit numbers; what does not is kept as a wide fraction. A fraction
/// is reduced only when it does not fit otherwise: most are rounded or compared soon, and finding a common factor
/// takes longer than either. Equal values are equal in whatever terms.
#[derive(Clone, Debug)]
pub struct Exact(Form);

#[derive(Clone, Debug)]
enum Form {
    /// Numerator and positive denominator, in any terms.
    Small(i64, i64),
    /// What does not fit in lowest terms either. In a box: nearly all are small, and millions are kept.
    Wide(Box<BigRational>),
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Exact {}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (&self.0, &other.0) {
            (Form::Small(a, b), Form::Small(c, d)) if b == d => a.cmp(c),
            (Form::Small(a, b), Form::Small(c, d)) => {
                (i128::from(*a) * i128::from(*d)).cmp(&(i128::from(*c) * i128::from(*b)))
            }
            _ => self.wide().cmp(&other.wide()),
        }
    }
}

impl Exact {
    /// Zero.
    pub fn zero() -> Self {
        Self::whole(0)
    }

    /// A whole number.
    pub fn whole(value: i64) -> Self {
        Self(Form::Small(value, 1))
    }

    /// `numerator / denominator`.
    ///
    /// # Panics
    /// When the denominator is zero.
    pub fn ratio(numerator: i64, denominator: i64) -> Self {
        Self::of(i128::from(numerator), i128::from(denominator))
    }

    /// Reads a number as [`Amount::parse`] does, and rounds nothing; what is nearer to zero than all that is computed
    /// with is zero.
    ///
    /// # Errors
    /// [`AmountFault`] when the text is no number or too large.
    ///
    /// ```
    /// use skytier::domain::units::Exact;
    /// assert_eq!(Exact::parse("-1.25e-7").unwrap(), Exact::ratio(-1, 8_000_000));
    /// ```
    pub fn parse(text: &str) -> Result<Self, AmountFault> {
        let (digits, exponent) = decimal_parts(text)?;
        if digits.is_zero() || exponent < -EXPONENT_MAX {
            return Ok(Self::zero());
        }
        if exponent > EXPONENT_MAX {
            return Err(AmountFault::TooLarge);
        }
        let power = BigInt::from(10).pow(exponent.unsigned_abs());
        let value = match exponent < 0 {
            true => BigRational::new(digits, power),
            false => BigRational::from_integer(digits * power),
        };
        Ok(Self::fitted(value))
    }

    /// An amount as a fraction of its unit.
    pub fn amount(value: Amount) -> Self {
        Self(Form::Small(value.0, SCALE))
    }

    /// The arithmetic mean of `count` amounts whose millionths add up to `sum_micros`.
    ///
    /// # Panics
    /// When `count` is zero: a mean of nothing is a caller's error.
    #[inline]
    pub fn mean_of_micros(sum_micros: i128, count: i64) -> Self {
        assert!(count > 0, "a mean needs at least one value");
        if let (Ok(sum), Some(of)) = (i64::try_from(sum_micros), SCALE.checked_mul(count)) {
            return Self(Form::Small(sum, of));
        }
        Self::of(sum_micros, i128::from(SCALE) * i128::from(count))
    }

    /// The arithmetic mean of some fractions; `None` when there are none.
    pub fn mean<V: Borrow<Exact>>(values: impl IntoIterator<Item = V>) -> Option<Self> {
        let (mut sum, mut count) = (Self::zero(), 0);
        // Values of few denominators, as those of means are, are first added up one denominator at a time.
        let mut sums: Vec<(i64, i128)> = Vec::new();
        for value in values {
            let value = value.borrow();
            count += 1;
            let Form::Small(numerator, denominator) = value.0 else {
                sum = sum.plus(value);
                continue;
            };
            let room = sums.len() < DENOMINATORS_MAX;
            match sums.iter_mut().find(|(of, _)| *of == denominator) {
                Some((_, sum)) => *sum += i128::from(numerator),
                None if room => sums.push((denominator, i128::from(numerator))),
                None => sum = sum.plus(value),
            }
        }
        let part = |(of, numerator)| Self::of(numerator, i128::from(of));
        let sum = sums
            .into_iter()
            .map(part)
            .fold(sum, |sum, own| sum.plus(&own));
        sum.over(&Self::whole(count))
    }

    /// This and `numerator / denominator` as one fraction; `None` when that does not fit.
    #[inline]
    fn over_common(&self, numerator: i128, denominator: i64) -> Option<(i128, i64)> {
        let Form::Small(own, of) = self.0 else {
            return None;
        };
        let own = i128::from(own);
        if denominator == of {
            return Some((numerator.checked_add(own)?, denominator));
        }
        if denominator % of == 0 {
            let own = own * i128::from(denominator / of);
            return Some((numerator.checked_add(own)?, denominator));
        }
        let common = denominator.checked_mul(of / denominator.gcd(&of))?;
        let numerator = numerator.checked_mul(i128::from(common / denominator))?;
        let own = own * i128::from(common / of);
        Some((numerator.checked_add(own)?, common))
    }

    /// Sum.
    pub fn plus(&self, other: &Exact) -> Self {
        if let Form::Small(a, b) = self.0
            && let Some((numerator, denominator)) = other.over_common(i128::from(a), b)
        {
            return Self::of(numerator, i128::from(denominator));
        }
        Self::fitted(self.wide() + other.wide())
    }

    /// Difference.
    pub fn minus(&self, other: &Exact) -> Self {
        match other.0 {
            Form::Small(numerator, denominator) if numerator > i64::MIN => {
                self.plus(&Self(Form::Small(-numerator, denominator)))
            }
            _ => self.plus(&other.times(&Self::whole(-1))),
        }
    }

    /// Product.
    pub fn times(&self, other: &Exact) -> Self {
        match (&self.0, &other.0) {
            (Form::Small(a, b), Form::Small(c, d)) => {
                let (a, b, c, d) = (
                    i128::from(*a),
                    i128::from(*b),
                    i128::from(*c),
                    i128::from(*d),
                );
                Self::of(a * c, b * d)
            }
            _ => Self::fitted(self.wide() * other.wide()),
        }
    }

    /// Quotient; `None` when dividing by zero.
    pub fn over(&self, other: &Exact) -> Option<Self> {
        match (&self.0, &other.0) {
            (_, Form::Small(0, _)) => None,
            (Form::Small(a, b), Form::Small(c, d)) => {
                let (a, b, c, d) = (
                    i128::from(*a),
                    i128::from(*b),
                    i128::from(*c),
                    i128::from(*d),
                );
                Some(Self::of(a * d, b * c))
            }
            _ => Some(Self::fitted(self.wide() / other.wide())),
        }
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Form::Small(numerator, _) => *numerator < 0,
            Form::Wide(value) => value.is_negative(),
        }
    }

    /// Rounded to `decimals` places, a tie to the even digit (GB/T 8170). Rounded once, from the exact value.
    pub fn round(&self, decimals: u32) -> Decimal {
        if let Some((scaled, denominator)) = self.scaled(decimals) {
            let (floor, rest) = floor_and_rest(scaled, denominator);
            let up = match (rest * 2).cmp(&i128::from(denominator)) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Greater => true,
                std::cmp::Ordering::Equal => floor.is_odd(),
            };
            let scaled = floor + i128::from(up);
            return Decimal { scaled, decimals };
        }
        let value = self.wide();
        let scaled = value.numer() * BigInt::from(10).pow(decimals);
        let rounded = half_even(&scaled, value.denom());
        let scaled = rounded
            .to_i128()
            .expect("values of a standard fit 128 bits after scaling");
        Decimal { scaled, decimals }
    }

    /// Numerator times `10^decimals`, and denominator, where both fit.
    fn scaled(&self, decimals: u32) -> Option<(i128, i64)> {
        match &self.0 {
            Form::Small(numerator, denominator) => {
                let power = POWERS.get(decimals as usize)?;
                let scaled = i128::from(*numerator) * i128::from(*power);
                Some((scaled, *denominator))
            }
            Form::Wide(_) => None,
        }
    }

    /// Numerator and positive denominator, where they fit.
    #[inline]
    pub(super) fn parts(&self) -> Option<(i64, i64)> {
        match self.0 {
            Form::Small(numerator, denominator) => Some((numerator, denominator)),
            Form::Wide(_) => None,
        }
    }

    /// The least whole number that is not below the value.
    pub fn ceil(&self) -> i64 {
        match &self.0 {
            Form::Small(numerator, denominator) => Integer::div_ceil(numerator, denominator),
            Form::Wide(value) => value
                .ceil()
                .to_integer()
                .to_i64()
                .expect("an index fits 64 bits"),
        }
    }

    /// The greatest whole number that is not above the value.
    pub fn floor(&self) -> i64 {
        -self.times(&Self::whole(-1)).ceil()
    }

    /// The value with its digits beyond `decimals` cut off, towards zero.
    ///
    /// ```
    /// use skytier::domain::units::Exact;
    /// assert_eq!(Exact::ratio(3549, 100).truncate(1), Exact::ratio(354, 10));
    /// ```
    pub fn truncate(&self, decimals: u32) -> Self {
        if let Some((scaled, denominator)) = self.scaled(decimals) {
            return Self::of(scaled / i128::from(denominator), 10i128.pow(decimals));
        }
        let unit = BigRational::from_integer(BigInt::from(10).pow(decimals));
        Self::fitted((self.wide() * &unit).trunc() / unit)
    }

    /// `numerator / denominator`, in lowest terms only where it does not fit otherwise.
    ///
    /// # Panics
    /// When the denominator is zero.
    #[inline]
    fn of(numerator: i128, denominator: i128) -> Self {
        assert!(denominator != 0, "a fraction's denominator is not zero");
        let (numerator, denominator) = if denominator < 0 {
            (-numerator, -denominator)
        } else {
            (numerator, denominator)
        };
        if let Some(small) = Self::small(numerator, denominator) {
            return small;
        }
        let common = numerator.gcd(&denominator);
        let (numerator, denominator) = (numerator / common, denominator / common);
        Self::small(numerator, denominator).unwrap_or_else(|| {
            let wide = BigRational::new_raw(numerator.into(), denominator.into());
            Self(Form::Wide(Box::new(wide)))
        })
    }

    #[inline]
    fn small(numerator: i128, denominator: i128) -> Option<Self> {
        let (numerator, denominator) = (numerator.try_into().ok()?, denominator.try_into().ok()?);
        Some(Self(Form::Small(numerator, denominator)))
    }

    /// A wide value, small where it fits.
    fn fitted(value: BigRational) -> Self {
        match (value.numer().to_i64(), value.denom().to_i64()) {
            (Some(numerator), Some(denominator)) => Self(Form::Small(numerator, denominator)),
            _ => Self(Form::Wide(Box::new(value))),
        }
    }

    fn wide(&self) -> BigRational {
        match &self.0 {
            Form::Small(numerator, denominator) => {
                BigRational::new((*numerator).into(), (*denominator).into())
            }
            Form::Wide(value) => BigRational::clone(value),
        }
    }
}

const fn powers() -> [i64; 19] {
    let mut powers = [1; 19];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
}

/// The greatest whole number that is not above `scaled / denominator`, and what is left of the numerator; one short
/// division where that is enough.
fn floor_and_rest(scaled: i128, denominator: i64) -> (i128, i128) {
    match i64::try_from(scaled) {
        Ok(scaled) => {
            let (floor, rest) = scaled.div_mod_floor(&denominator);
            (i128::from(floor), i128::from(rest))
        }
        Err(_) => scaled.div_mod_floor(&i128::from(denominator)),
    }
}

#[cfg(test)]
mod tests;
