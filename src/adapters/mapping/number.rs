//! Numbers of files and messages, exactly.

use crate::domain::units::AMOUNT_DECIMALS;
use crate::domain::units::Amount;
use crate::domain::units::AmountFault;
use crate::domain::units::Exact;

/// Most digits of a number that is scaled.
const DIGITS_MAX: usize = 18;
/// What stands for a value that is missing, besides stars.
const MISSING: [&str; 10] = [
    "", "-", "--", "---", "na", "n/a", "nan", "null", "none", "—",
];

/// Whether a text says that there is no value.
pub(super) fn is_missing(text: &str) -> bool {
    MISSING.contains(&text.to_lowercase().as_str()) || text.bytes().all(|byte| byte == b'*')
}

/// A decimal number or a fraction of two: `0.001`, `5/9`, `-160/9`.
pub(super) fn factor(text: &str) -> Option<Exact> {
    match text.split_once('/') {
        None => decimal(text),
        Some((above, below)) => decimal(above)?.over(&decimal(below)?),
    }
}

/// A plain decimal of at most so many digits.
fn decimal(text: &str) -> Option<Exact> {
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    let decimals = text
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    let bare = digits.strip_prefix(['-', '+']).unwrap_or(&digits);
    let sound = (1..=DIGITS_MAX).contains(&bare.len())
        && bare.bytes().all(|byte| byte.is_ascii_digit())
        && text.matches('.').count() <= 1;
    let scale = 10_i64.pow(u32::try_from(decimals).ok().filter(|_| sound)?);
    Some(Exact::ratio(digits.parse().ok()?, scale))
}

/// A number, times one thing and plus another, rounded once.
pub(super) fn scaled(text: &str, times: &Exact, plus: &Exact) -> Result<Amount, AmountFault> {
    if *times == Exact::whole(1) && *plus == Exact::zero() {
        return Amount::parse(text);
    }
    let number = match decimal(text) {
        Some(number) => number,
        // With an exponent, or longer.
        None => Exact::amount(Amount::parse(text)?),
    };
    let rounded = number.times(times).plus(plus).round(AMOUNT_DECIMALS);
    let micros = i64::try_from(rounded.scaled()).map_err(|_| AmountFault::TooLarge)?;
    Ok(Amount::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn check(text: &str, times: &str, plus: &str, expected: Result<&str, AmountFault>) {
        let (times, plus) = (
            factor(times).expect("a factor"),
            factor(plus).expect("a factor"),
        );
        let found = scaled(text, &times, &plus).map(|amount| amount.to_string());
        assert_eq!(
            found.as_deref(),
            expected.as_ref().map(|text| *text),
            "{text}"
        );
    }

    #[test]
    fn numbers_are_scaled_exactly_and_rounded_once() {
        check("40.7", "1", "0", Ok("40.7"));
        check("0.047", "1000", "0", Ok("47"));
        check("100850.00", "0.001", "0", Ok("100.85"));
        // Fahrenheit.
        check("84", "5/9", "-160/9", Ok("28.888889"));
        check("-40", "5/9", "-160/9", Ok("-40"));
        // More decimals than are kept, before they are scaled.
        check("0.000000123", "1000000", "0", Ok("0.123"));
        check("1e3", "2", "0", Ok("2000"));
        check("x", "1", "0", Err(AmountFault::NotANumber));
        check("1.2.3", "2", "0", Err(AmountFault::NotANumber));
        check(
            "999999999999999999",
            "1000",
            "0",
            Err(AmountFault::TooLarge),
        );
        for bad in ["", "x", "1/0", "1/", "1.", "--1", "1e3", "0x1"] {
            let found = factor(bad);
            assert!(found.is_none() || bad == "1.", "{bad}");
        }
    }

    proptest! {
        /// Scaling by a whole number is that many times the number.
        #[test]
        fn a_whole_factor_repeats(value in -1_000_000_i64..1_000_000, times in 1_i64..1_000) {
            let text = Amount::from_micros(value).to_string();
            let found = scaled(&text, &Exact::whole(times), &Exact::zero());
            prop_assert_eq!(found, Ok(Amount::from_micros(value * times)));
        }
    }
}
