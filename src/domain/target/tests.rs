//! Control values, days short and what is still in reach.

use super::*;

fn check_control(target: i64, mean: &Exact, valid_days: u32, left: u32, expected: &str) {
    let sum = mean.times(&Exact::whole(i64::from(valid_days)));
    let control = control_value(&Exact::whole(target), &sum, valid_days, left);
    assert_eq!(
        control.map(|value| value.round(0).to_string()).as_deref(),
        Some(expected)
    );
}

#[test]
fn the_control_value_is_what_the_rest_may_average() {
    check_control(57, &Exact::whole(58), 209, 157, "56");
    check_control(57, &Exact::whole(55), 348, 18, "96");
    check_control(57, &Exact::ratio(5_501, 100), 348, 18, "95");
    check_control(57, &Exact::ratio(5_506, 100), 348, 18, "95");
    check_control(35, &Exact::whole(35), 100, 10, "35");
}
