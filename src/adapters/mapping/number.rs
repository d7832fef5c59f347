//! Numbers of files and messages, exactly.

use crate::domain::units::AMOUNT_DECIMALS;
use crate::domain::units::Amount;
use crate::domain::units::AmountFault;
use crate::domain::units::Exact;

/// Most digits of a number in a mapping file.
const DIGITS_MAX: usize = 18;
/// More than an amount holds.
const BEYOND: i64 = 10_000_000_000_000;
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

/// A plain decimal of at most so many digits, without an exponent.
fn decimal(text: &str) -> Option<Exact> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain = (1..=DIGITS_MAX).contains(&digits) && !text.contains(['e', 'E']);
    Exact::parse(text).ok().filter(|_| plain)
}

/// A number, times one thing and plus another, rounded once.
pub(super) fn scaled(text: &str, times: &Exact, plus: &Exact) -> Result<Amount, AmountFault> {
    if *times == Exact::whole(1) && *plus == Exact::zero() {
        return Amount::parse(text);
    }
    let value = Exact::parse(text)?.times(times).plus(plus);
    let beyond = Exact::whole(BEYOND);
    if value > beyond || value < beyond.times(&Exact::whole(-1)) {
        return Err(AmountFault::TooLarge);
    }
    let rounded = value.round(AMOUNT_DECIMALS);
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
        // With an exponent, or longer than 64 bits: exactly as well.
        check("1.234567e-05", "1000000", "0", Ok("12.34567"));
        check("1.25E-18", "1000000000000", "0", Ok("0.000001"));
        check(
            "0.0000000000000000125",
            "100000000000000",
            "0",
            Ok("0.00125"),
        );
        check(
            "12345678901234567890",
            "0.000000000001",
            "0",
            Ok("12345678.901235"),
        );
        check("1e-300", "999999999999999999", "1", Ok("1"));
        for large in ["1e13", "-1e13", "1e30", "1e99", "1e300", "9e9999999"] {
            check(large, "999999999999999999", "0", Err(AmountFault::TooLarge));
        }
        check("x", "1", "0", Err(AmountFault::NotANumber));
        // One sign, and before the dot.
        for bad in [
            ".-5",
            "-.-5",
            ".-123456789012345678",
            "+-1",
            "1-",
            "1e",
            ".",
        ] {
            check(bad, "0.1", "0", Err(AmountFault::NotANumber));
        }
        check("-.5", "0.1", "0", Ok("-0.05"));
        check("1.2.3", "2", "0", Err(AmountFault::NotANumber));
        check(
            "999999999999999999",
            "1000",
            "0",
            Err(AmountFault::TooLarge),
        );
        for bad in [
            "", "x", "1/0", "1/", "--1", "1e3", "0x1", ".-5", "-.-5", "+-1", ".", "1e",
        ] {
            assert_eq!(factor(bad), None, "{bad}");
        }
    }

    proptest! {
        /// Whatever stands there is a number or a fault.
        #[test]
        fn any_text_is_a_number_or_a_fault(
            text in prop_oneof!["[-+.0-9eE]{0,70}", "[-+]?[.][-+0-9]{0,25}", "[-+]?[0-9.]{1,20}[eE][-+]?[0-9]{1,21}", ".*"],
            times in prop::sample::select(vec!["1", "0.1", "5/9", "999999999999999999", "0.00000000000000001"]),
            plus in prop::sample::select(vec!["0", "-160/9", "999999999999999999"]),
        ) {
            let (times, plus) = (factor(times).expect("a factor"), factor(plus).expect("a factor"));
            let found = scaled(&text, &times, &plus);
            prop_assert!(Amount::parse(&text) != Err(AmountFault::NotANumber) || found == Err(AmountFault::NotANumber));
            prop_assert!(factor(&text).is_none_or(|found| Exact::parse(&text) == Ok(found) || text.contains('/')));
        }

        /// Scaling by a whole number is that many times the number.
        #[test]
        fn a_whole_factor_repeats(value in -1_000_000_i64..1_000_000, times in 1_i64..1_000) {
            let text = Amount::from_micros(value).to_string();
            let found = scaled(&text, &Exact::whole(times), &Exact::zero());
            prop_assert_eq!(found, Ok(Amount::from_micros(value * times)));
        }
    }
}
