//! Histories at the edges of the rule, worked out by hand from section 4 of the source: one day, one case, year ends, leap days,
//! what is taken back or repaired before it acts, a tier set by hand over a unit off the list.

use crate::tiers::check;
use crate::tiers::check_with;

#[test]
fn several_documents_of_one_day() {
    // Two cases add up; in one case two fines do as well, and the case is capped at 12.
    let days = "2026-05-20 9 blue; 2026-05-21 3 yellow; 2026-11-20 3 yellow; 2026-11-21 9 blue";
    check("D03 2026-05-06 p; D03 2026-05-06 q", days);
    check("D03 2026-05-06 p; D03 2026-05-06 p", days);
    check("D03 2026-05-06; D03 2026-05-06", days);
    check(
        "D09 2026-05-06 p; D05 2026-05-06 p; D06 2026-05-06 p",
        "2026-05-21 -3 black; 2026-11-20 -3 black; 2026-11-21 -3 black; 2027-05-21 9 blue",
    );
    // Orders and warnings alone in a case count each; beside a fine of it they do not.
    check(
        "D01 2026-05-06 p; D02 2026-05-06 p",
        "2026-05-21 7 blue; 2026-08-20 7 blue; 2026-08-21 9 blue",
    );
    check(
        "D01 2026-05-06 p; D02 2026-05-06 p; D03 2026-05-06 p",
        "2026-05-21 6 blue; 2026-08-21 6 blue; 2026-11-21 9 blue",
    );
}

#[test]
fn year_ends_and_leap_days() {
    check(
        "D03 2025-12-17",
        "2025-12-31 9 blue; 2026-01-01 6 blue; 2026-06-30 6 blue; 2026-07-01 9 blue",
    );
    check("D01 2023-11-14", "2024-02-28 8 blue; 2024-02-29 9 blue");
    check("D01 2024-11-14", "2025-02-27 8 blue; 2025-02-28 9 blue");
    check(
        "D09 2024-02-14",
        "2024-02-28 9 blue; 2024-02-29 3 yellow; 2025-02-27 3 yellow; 2025-02-28 9 blue",
    );
    check("B01 2024-02-29", "2026-02-27 10 blue; 2026-02-28 9 blue");
    check("D12 2024-02-14", "2026-02-27 -3 black; 2026-02-28 9 blue");
}

#[test]
fn taken_back_before_it_acts_while_it_does_and_after() {
    for how in ["revoke", "void"] {
        let never = format!("D03 2026-05-06; {how} e1 2026-05-10");
        check(
            &never,
            "2026-05-20 9 blue; 2026-05-21 9 blue; 2026-11-20 9 blue",
        );
    }
    check(
        "D03 2026-05-06; revoke e1 2026-05-21",
        "2026-05-20 9 blue; 2026-05-21 9 blue",
    );
    check(
        "D03 2026-05-06; revoke e1 2026-05-22",
        "2026-05-21 6 blue; 2026-05-22 9 blue",
    );
    check(
        "D03 2026-01-05; revoke e1 2026-08-01",
        "2026-01-20 6 blue; 2026-07-19 6 blue; 2026-07-20 9 blue; 2026-08-01 9 blue",
    );
    // A grave record forces its tier from the document on, and as long as it stands.
    check(
        "D15 2026-05-06; revoke e1 2026-06-10",
        "2026-05-05 9 blue; 2026-05-06 9 black; 2026-05-21 -3 black; 2026-06-09 -3 black; 2026-06-10 9 blue",
    );
    check(
        "D15 2026-05-06; void e1 2026-06-10",
        "2026-05-06 9 blue; 2026-05-21 9 blue",
    );
}

#[test]
fn repaired_early_or_before_it_acts_and_voided_after() {
    let options = ["--rulebook", "JS2020+N2026"];
    // A warning is minor, and has no shortest time.
    check_with(
        &options,
        "D01 2026-05-06; repair e1 2026-05-12",
        "2026-05-20 9 blue; 2026-05-21 9 blue; 2026-08-20 9 blue",
    );
    check_with(
        &options,
        "D03 2026-05-06; repair e1 2026-05-12",
        "2026-05-20 9 blue; 2026-05-21 6 blue; 2026-08-05 6 blue; 2026-08-06 9 blue",
    );
    let history = "D03 2026-04-10; repair e1 2026-07-22; void e1 2026-08-10";
    for (known, expected) in [
        (
            "2026-07-01",
            "2026-04-25 6 blue; 2026-07-21 6 blue; 2026-07-22 6 blue",
        ),
        (
            "2026-08-01",
            "2026-04-25 6 blue; 2026-07-21 6 blue; 2026-07-22 9 blue",
        ),
        (
            "2026-08-11",
            "2026-04-25 9 blue; 2026-07-21 9 blue; 2026-07-22 9 blue",
        ),
    ] {
        let options = [&options[..], &["--known-at", known]].concat();
        check_with(&options, history, expected);
    }
}

#[test]
fn tiers_by_hand_lists_and_halts_over_one_another() {
    check(
        "list 2026-01-05; override red 2026-03-01 2026-06-01; delist 2026-04-01; list 2026-05-01",
        "2026-02-28 9 blue; 2026-03-01 9 red; 2026-04-01 9 unrated; 2026-04-30 9 unrated;
         2026-05-01 9 red; 2026-05-31 9 red; 2026-06-01 9 blue",
    );
    // Not rated goes before black; the points run on meanwhile.
    check(
        "D15 2026-01-15; halt 2026-02-01; resume 2026-10-01",
        "2026-01-15 9 black; 2026-01-30 -3 black; 2026-07-31 -3 black; 2026-08-01 -3 unrated;
         2026-09-30 -3 unrated; 2026-10-01 -3 black; 2028-01-29 -3 black; 2028-01-30 9 blue",
    );
    // A commitment that is renewed counts once.
    check(
        "B01 2024-03-01; B01 2025-03-01",
        "2025-02-28 10 blue; 2026-03-01 10 blue; 2027-02-28 10 blue; 2027-03-01 9 blue",
    );
}
