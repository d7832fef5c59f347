//! Exact numbers, at their edges and against wide ones.

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
    fn a_fraction_is_the_same_in_any_terms(
        a in any::<i64>(), b in 1i64.., shift in 0u32..62, times in 1i64..1_000_000, decimals in 0u32..9,
    ) {
        let (a, b) = (a >> shift, 1 + (b >> shift));
        let (value, same) = (Exact::ratio(a, b), Exact::of(i128::from(a) * i128::from(times), i128::from(b) * i128::from(times)));
        prop_assert_eq!(&value, &same);
        prop_assert_eq!(value.round(decimals), same.round(decimals));
        prop_assert_eq!((value.ceil(), value.floor()), (same.ceil(), same.floor()));
        prop_assert_eq!(value.truncate(decimals), same.truncate(decimals));
        prop_assert_eq!(Exact::of(-i128::from(a), -i128::from(b)), value.clone());
        prop_assert_eq!(value.minus(&same), Exact::zero());
        prop_assert!(value != same.plus(&Exact::ratio(1, b)));
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
    fn a_mean_is_the_sum_over_the_count(values in prop::collection::vec((any::<i64>(), 1i64.., 0u32..62), 0..24)) {
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
