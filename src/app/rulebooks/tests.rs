//! Rulebook files: the shipped ones, and every kind of fault.

use crate::app::rulebooks;
use crate::domain::credit::Code;
use crate::domain::credit::Confidence;
use crate::domain::credit::Tier;
use crate::domain::credit::rulebook::Rulebook;

const TEXT: &str = include_str!("../../../config/rulebooks/JS2020.toml");

fn js2020() -> Rulebook {
    rulebooks::built_in("JS2020").expect("the file is right")
}

#[test]
fn every_edition_reads_under_its_own_name() {
    for id in rulebooks::ids() {
        let text = rulebooks::text_of(id).expect(id);
        assert_eq!(rulebooks::parse_edition(text).expect(id).id(), id);
    }
    let auto = rulebooks::named("auto").expect("compiled in");
    let auto: Vec<&str> = auto.iter().map(Rulebook::id).collect();
    assert_eq!(auto, ["JS2020", "JS2020+N2026"]);
    let error = rulebooks::named("JS1999").expect_err("unknown").to_string();
    assert_eq!(
        error,
        "rulebook \"JS1999\" is not known; use auto or one of JS2013, JS2019, JS2020, JS2020+N2026, or a file that \
         ends in .toml"
    );
}

#[test]
fn band_edges_fall_where_the_rule_puts_them() {
    let rulebook = js2020();
    let edges = [
        (12, Tier::Green),
        (11, Tier::Green),
        (10, Tier::Blue),
        (6, Tier::Blue),
        (5, Tier::Yellow),
        (3, Tier::Yellow),
        (2, Tier::Red),
        (1, Tier::Red),
        (0, Tier::Black),
        (-1, Tier::Black),
    ];
    for (score, tier) in edges {
        assert_eq!(rulebook.band(score), (tier, Confidence::S), "{score}");
    }
}

#[test]
fn the_table_is_whole() {
    let rulebook = js2020();
    let parts = rulebook.parts();
    assert_eq!(
        (
            parts.deductions.len(),
            parts.bonuses.len(),
            parts.vetoes.len()
        ),
        (27, 4, 3)
    );
    let off: Vec<&str> = parts
        .deductions
        .iter()
        .filter(|row| !row.enabled)
        .map(|row| row.code.as_str())
        .chain(
            parts
                .bonuses
                .iter()
                .filter(|row| !row.enabled)
                .map(|row| row.code.as_str()),
        )
        .collect();
    assert_eq!(off, ["D03a", "B04"]);
    let fine = rulebook
        .deduction(&Code::new("D03").expect("a code"))
        .expect("the fine");
    assert_eq!((fine.points.value, fine.term.months), (3, 6));
    assert_eq!(
        (fine.points.mark, fine.term.mark),
        (Confidence::S, Confidence::V)
    );
}

#[test]
fn the_digest_is_that_of_the_bytes() {
    let rulebook = js2020();
    assert_eq!(rulebook.sha256().len(), 64);
    let other = rulebooks::parse(&format!("{TEXT}\n")).expect("a line more is still right");
    assert_ne!(rulebook.sha256(), other.sha256());
}

fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(TEXT.contains(from), "{from} is not in the file");
    let error = rulebooks::parse(&TEXT.replacen(from, to, 1))
        .expect_err(to)
        .to_string();
    for part in expected {
        assert!(error.contains(part), "{to}: {error}");
    }
}

#[test]
fn faults_name_their_key_and_come_together() {
    check("id = ", "ident = ", &["id: missing", "ident: unknown key"]);
    check(
        "format = 1",
        "format = 2",
        &["format: this program reads format 1"],
    );
    check(
        "\"2020-01-01\"",
        "\"2020-13-01\"",
        &["in_force_from: \"2020-13-01\" is no date"],
    );
    check(
        "mark = \"V3\"",
        "mark = \"V1\"",
        &["scale.max.mark: \"V1\" is no mark"],
    );
    check(
        "value = 9,",
        "value = 9.5,",
        &["scale.initial.value: expected a whole number"],
    );
    check(
        "value = 9,",
        "value = 90,",
        &["scale.initial: 90 is above scale.max"],
    );
    check(
        "tier = \"red\"",
        "tier = \"pink\"",
        &["band[3].tier: \"pink\"", "green, blue, yellow"],
    );
    check(
        "code = \"D02\"",
        "code = \"D01\"",
        &["deduction.D01: the code is given twice"],
    );
    check(
        "code = \"D26\"",
        "code = \"26\"",
        &["deduction[25].code: \"26\" is no code"],
    );
    check(
        "points = { value = 5, mark",
        "points = { value = 13, mark",
        &["deduction.D06.points: 13 is outside 1 to 12"],
    );
    check(
        "months = 6, days = 180, mark = \"V2\"",
        "months = 0, days = 180, mark = \"V2\"",
        &["deduction.D03.term: must last"],
    );
    check(
        "follows = [\"D15\"]",
        "follows = [\"D99\"]",
        &["veto.V01.follows: D99 is no deduction"],
    );
    check("[scale]", "[scale", &["the rulebook is not TOML"]);
}
