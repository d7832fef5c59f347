//! From when a unit is rated, and what a time asked for stands for.

use serde_json::json;

use crate::tiers::answers;
use crate::tiers::check;
use crate::tiers::lines;

#[test]
fn a_unit_is_not_rated_before_it_is_listed() {
    check("list 2026-01-05", "2026-01-04 9 unrated; 2026-01-05 9 blue");
    check(
        "list 2026-01-05; D03 2025-12-01 c",
        "2026-01-04 6 unrated; 2026-01-05 6 blue",
    );
    check("D03 2026-05-06 c", "2026-01-01 9 blue; 2026-05-21 6 blue");
}

#[test]
fn a_time_stands_for_the_day_it_lies_in() {
    let history = lines("D03 2026-05-06 c");
    for (on, day, score) in [
        ("2026-05-21T00:00:00+08:00", "2026-05-20", 9),
        ("2026-05-21T00:00:01+08:00", "2026-05-21", 6),
        ("2026-05-20T16:30:00Z", "2026-05-21", 6),
    ] {
        let answer = answers(&history, &["--on", on]).remove(0);
        assert_eq!(
            (&answer["on"], &answer["score"]),
            (&json!(day), &json!(score)),
            "{on}"
        );
    }
}
