//! Quantities as exact numbers.
//!
//! A value as received is an [`Amount`]: a whole number of millionths of its factor's unit (ug/m3 for the
//! ambient pollutants, mg/m3 for CO and stack gas, m3/h for flow). A value computed from others is an
//! [`Exact`] fraction. Nothing here is a binary float; rounding happens once, by [`Exact::round`], to the
//! even digit at a tie as GB/T 8170 asks.

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
/// Longest number text that is looked at, in bytes.
const NUMBER_BYTES_MAX: usize = 64;

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
    pub fn scaled(self) -> i128 {
        self.scaled
    }

    /// How many decimals it carries.
    pub fn decimals(self) -> u32 {
        self.decimals
    }

    /// As an exact fraction again.
    pub fn exact(self) -> Exact {
        Exact::reduced(self.scaled, 10i128.pow(self.decimals))
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
/// Nearly every figure of air readings fits two 64-bit numbers; what does not is kept as a wide fraction.
/// A value has one form only: the small one whenever it fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exact(Form);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// Numerator and positive denominator without a common factor.
    Small(i64, i64),
    /// In a box: nearly all are small, and millions are kept.
    Wide(Box<BigRational>),
}

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
        Self::reduced(i128::from(numerator), i128::from(denominator))
    }

    /// An amount as a fraction of its unit.
    pub fn amount(value: Amount) -> Self {
        Self::ratio(value.0, SCALE)
    }

    /// The arithmetic mean of `count` amounts whose millionths add up to `sum_micros`.
    ///
    /// # Panics
    /// When `count` is zero: a mean of nothing is a caller's error.
    pub fn mean_of_micros(sum_micros: i128, count: u32) -> Self {
        assert!(count > 0, "a mean needs at least one value");
        Self::reduced(sum_micros, i128::from(SCALE) * i128::from(count))
    }

    /// The arithmetic mean of some fractions; `None` when there are none.
    pub fn mean<'a>(values: impl IntoIterator<Item = &'a Exact>) -> Option<Self> {
        let mut sum = Self::zero();
        let mut count = 0;
        // What fits is added up over one denominator and reduced once.
        let (mut numerator, mut denominator) = (0i128, 1i64);
        for value in values {
            count += 1;
            match value.over_common(numerator, denominator) {
                Some(both) => (numerator, denominator) = both,
                None => sum = sum.plus(value),
            }
        }
        let rest = Self::reduced(numerator, i128::from(denominator));
        sum.plus(&rest).over(&Self::whole(count))
    }

    /// This and `numerator / denominator` as one fraction, not reduced; `None` when that does not fit.
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
        let common = denominator.checked_mul(of / common_factor(denominator, of))?;
        let numerator = numerator.checked_mul(i128::from(common / denominator))?;
        let own = own * i128::from(common / of);
        Some((numerator.checked_add(own)?, common))
    }

    /// Sum.
    pub fn plus(&self, other: &Exact) -> Self {
        if let (Form::Small(a, b), Form::Small(c, d)) = (&self.0, &other.0) {
            let (a, b, c, d) = (
                i128::from(*a),
                i128::from(*b),
                i128::from(*c),
                i128::from(*d),
            );
            if let Some(numerator) = (a * d).checked_add(c * b) {
                return Self::reduced(numerator, b * d);
            }
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
                Self::reduced(a * c, b * d)
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
                Some(Self::reduced(a * d, b * c))
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
            let (floor, rest) = scaled.div_mod_floor(&denominator);
            let up = match (rest * 2).cmp(&denominator) {
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
    fn scaled(&self, decimals: u32) -> Option<(i128, i128)> {
        match &self.0 {
            Form::Small(numerator, denominator) => {
                let scaled = i128::from(*numerator).checked_mul(10i128.checked_pow(decimals)?)?;
                Some((scaled, i128::from(*denominator)))
            }
            Form::Wide(_) => None,
        }
    }

    /// Numerator and positive denominator, where they fit.
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
            return Self::reduced(scaled / denominator, 10i128.pow(decimals));
        }
        let unit = BigRational::from_integer(BigInt::from(10).pow(decimals));
        Self::fitted((self.wide() * &unit).trunc() / unit)
    }

    /// `numerator / denominator` in its one form.
    ///
    /// # Panics
    /// When the denominator is zero.
    fn reduced(numerator: i128, denominator: i128) -> Self {
        assert!(denominator != 0, "a fraction's denominator is not zero");
        let common = match (i64::try_from(numerator), i64::try_from(denominator)) {
            (Ok(numerator), Ok(denominator)) if denominator > i64::MIN => {
                i128::from(common_factor(numerator, denominator))
            }
            _ => numerator.gcd(&denominator),
        };
        if common == 1 && denominator > 0 {
            return Self::fitting(numerator, denominator);
        }
        let common = if denominator < 0 { -common } else { common };
        Self::fitting(numerator / common, denominator / common)
    }

    /// A fraction without a common factor in its one form.
    fn fitting(numerator: i128, denominator: i128) -> Self {
        match (i64::try_from(numerator), i64::try_from(denominator)) {
            (Ok(numerator), Ok(denominator)) => Self(Form::Small(numerator, denominator)),
            _ => Self(Form::Wide(Box::new(BigRational::new(
                numerator.into(),
                denominator.into(),
            )))),
        }
    }

    /// A wide value in its one form.
    fn fitted(value: BigRational) -> Self {
        match (value.numer().to_i64(), value.denom().to_i64()) {
            (Some(numerator), Some(denominator)) => Self(Form::Small(numerator, denominator)),
            _ => Self(Form::Wide(Box::new(value))),
        }
    }

    fn wide(&self) -> BigRational {
        match &self.0 {
            Form::Small(numerator, denominator) => {
                BigRational::new_raw((*numerator).into(), (*denominator).into())
            }
            Form::Wide(value) => BigRational::clone(value),
        }
    }
}

/// The greatest common factor of a number and another that is not zero. One division first: denominators are much
/// smaller than numerators, and the rest of the way is as long as the smaller one.
fn common_factor(numerator: i64, denominator: i64) -> i64 {
    match denominator {
        SCALE => factor_of_scale(numerator),
        _ => denominator.gcd(&numerator.wrapping_rem(denominator)),
    }
}

/// The greatest common factor with a million, which is 2^6 times 5^6.
fn factor_of_scale(number: i64) -> i64 {
    let twos = number.trailing_zeros().min(AMOUNT_DECIMALS);
    let mut fives = 1;
    while fives < 15_625 && number % (fives * 5) == 0 {
        fives *= 5;
    }
    fives << twos
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_parse(text: &str, expected: Result<i64, AmountFault>) {
        assert_eq!(Amount::parse(text).map(Amount::micros), expected, "{text}");
    }

    #[test]
    fn amounts_read_decimal_text_exactly() {
        check_parse("40.7", Ok(40_700_000));
        check_parse("-0.5", Ok(-500_000));
        check_parse("1e3", Ok(1_000_000_000));
        check_parse("0.0000005", Ok(0));
        check_parse("0.0000015", Ok(2));
        check_parse("0.30000000000000004", Ok(300_000));
        check_parse("0e999999999999", Ok(0));
        check_parse("1e-400", Ok(0));
        check_parse("1e14", Err(AmountFault::TooLarge));
        check_parse("1e400", Err(AmountFault::TooLarge));
        check_parse("", Err(AmountFault::NotANumber));
        check_parse("NaN", Err(AmountFault::NotANumber));
        check_parse("1.2.3", Err(AmountFault::NotANumber));
        check_parse("--1", Err(AmountFault::NotANumber));
        check_parse(".", Err(AmountFault::NotANumber));
    }

    #[test]
    fn rounding_takes_ties_to_the_even_digit() {
        for (numerator, denominator, decimals, expected) in [
            (5, 2, 0, "2"),
            (7, 2, 0, "4"),
            (-5, 2, 0, "-2"),
            (255, 1000, 2, "0.26"),
            (265, 1000, 2, "0.26"),
            (325, 1000, 2, "0.32"),
            (1, 3, 6, "0.333333"),
            (2, 3, 6, "0.666667"),
        ] {
            let rounded = Exact::ratio(numerator, denominator).round(decimals);
            assert_eq!(rounded.to_string(), expected, "{numerator}/{denominator}");
        }
    }

    #[test]
    fn text_keeps_sign_and_drops_trailing_zeros() {
        assert_eq!(Amount::from_micros(-500_000).to_string(), "-0.5");
        assert_eq!(Amount::from_units(12).to_string(), "12");
        assert_eq!(Exact::ratio(1, 4).round(6).trimmed(), "0.25");
        assert_eq!(Exact::whole(100).round(0).trimmed(), "100");
    }

    proptest! {
        #[test]
        fn display_and_parse_are_inverse(micros in any::<i64>()) {
            let amount = Amount::from_micros(micros);
            prop_assert_eq!(Amount::parse(&amount.to_string()), Ok(amount));
        }

        #[test]
        fn small_and_wide_arithmetic_agree(
            a in any::<i64>(), b in 1i64.., c in any::<i64>(), d in 1i64..,
        ) {
            let wide = |n: i64, d: i64| BigRational::new(n.into(), d.into());
            let (x, y) = (Exact::ratio(a, b), Exact::ratio(c, d));
            prop_assert_eq!(x.plus(&y).wide(), wide(a, b) + wide(c, d));
            prop_assert_eq!(x.minus(&y).wide(), wide(a, b) - wide(c, d));
            prop_assert_eq!(x.times(&y).wide(), wide(a, b) * wide(c, d));
            prop_assert_eq!(x.over(&y).map(|q| q.wide()), (c != 0).then(|| wide(a, b) / wide(c, d)));
            prop_assert_eq!(x.cmp(&y), wide(a, b).cmp(&wide(c, d)));
            prop_assert_eq!(x.plus(&y).minus(&y), x.clone());
            let small = Exact::ratio(a >> 40, 1 + (b >> 40));
            prop_assert_eq!(small.ceil(), small.wide().ceil().to_integer().to_i64().unwrap());
        }

        #[test]
        fn factors_are_the_common_ones(a in any::<i64>(), b in 1i64.., small in 1i64..100_000_000, zeros in 0u32..8) {
            let round = (a >> 30) * 10i64.pow(zeros);
            for (a, b) in [(a, b), (a, small), (a, SCALE), (round, SCALE), (round, small), (0, b)] {
                prop_assert_eq!(i128::from(common_factor(a, b)), i128::from(a).gcd(&i128::from(b)));
            }
        }

        #[test]
        fn rounding_and_cutting_agree_with_wide_numbers(a in any::<i64>(), b in 1i64.., decimals in 0u32..25) {
            // Both the value, a tie and their like of few digits.
            let tie = Exact::ratio(a >> 24, 2).times(&Exact::ratio(1, 10i64.pow(decimals.min(9))));
            for value in [Exact::ratio(a, b), Exact::ratio(a >> 40, 1 + (b >> 40)), tie] {
                let wide = value.wide();
                let power = BigInt::from(10).pow(decimals);
                let rounded = half_even(&(wide.numer() * &power), wide.denom());
                prop_assume!(rounded.to_i128().is_some());
                prop_assert_eq!(BigInt::from(value.round(decimals).scaled), rounded);
                let unit = BigRational::from_integer(power);
                let cut = (&wide * &unit).trunc() / unit;
                prop_assert_eq!(value.truncate(decimals).wide(), cut);
            }
        }

        #[test]
        fn a_mean_is_the_sum_over_the_count(values in prop::collection::vec((any::<i64>(), 1i64.., 0u32..60), 0..12)) {
            let value = |(a, b, shift): &(i64, i64, u32)| Exact::ratio(a >> shift, 1 + (b >> shift));
            let exact: Vec<Exact> = values.iter().map(value).collect();
            let zero = BigRational::from_integer(0.into());
            let sum = exact.iter().fold(zero, |sum, value| sum + value.wide());
            let count = BigRational::from_integer(exact.len().into());
            let expected = (!exact.is_empty()).then(|| Exact::fitted(sum / count));
            prop_assert_eq!(Exact::mean(&exact), expected);
        }

        #[test]
        fn a_mean_lies_between_least_and_greatest(values in prop::collection::vec(-1_000_000i64..1_000_000_000, 1..50)) {
            let exact: Vec<Exact> = values.iter().map(|v| Exact::amount(Amount::from_micros(*v))).collect();
            let mean = Exact::mean(&exact).expect("not empty");
            prop_assert!(&mean >= exact.iter().min().expect("not empty"));
            prop_assert!(&mean <= exact.iter().max().expect("not empty"));
        }
    }
}
