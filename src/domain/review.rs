//! What reviewers decided about readings, and a column of readings as they left it.
//!
//! HJ 633-2012 5.1.5: what is shown first is unreviewed and corrected after review. GB 3095-2026 6.3: every value
//! taken out has a stated reason and the raw record is kept. So a reading is never touched: decisions are a list
//! of their own that only grows, and lie over the readings when those are read. Flagged values of a working
//! instrument may be confirmed valid; "abnormal" alone is no ground for taking a value out (training material of
//! the national network).

use std::collections::HashMap;

use crate::domain::calendar::Instant;
use crate::domain::names::Flag;
use crate::domain::reading::Qc;
use crate::domain::reading::Reading;
use crate::domain::reading::Review;
use crate::domain::reading::SeriesKey;
use crate::domain::units::Amount;

/// Longest reason and reviewer's name, in characters.
const WORDS_MAX: usize = 200;
/// Reasons that say nothing, in small letters.
const EMPTY_REASONS: [&str; 16] = [
    "abnormal",
    "abnormal value",
    "abnormal data",
    "outlier",
    "anomaly",
    "anomalous",
    "bad",
    "invalid",
    "异常",
    "异常值",
    "数据异常",
    "异常数据",
    "离群",
    "离群值",
    "无效",
    "无效数据",
];

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Valid as received, whatever its flag; until the sender corrects it.
    Confirm,
    /// Not valid; until decided again.
    Void,
    /// This is the value; until decided again.
    Correct(Amount),
}

impl Verdict {
    /// The text used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Void => "void",
            Self::Correct(_) => "correct",
        }
    }

    /// The value of a correction.
    pub const fn value(self) -> Option<Amount> {
        match self {
            Self::Correct(value) => Some(value),
            _ => None,
        }
    }
}

/// One decision about the readings of a series in a range of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The series.
    pub key: SeriesKey,
    /// Readings after this time.
    pub after: Instant,
    /// Up to and including this one.
    pub upto: Instant,
    /// What was decided.
    pub verdict: Verdict,
    /// Why; may be empty for a confirmation.
    pub reason: String,
    /// Who decided.
    pub reviewer: String,
    /// When.
    pub decided_at: Instant,
}

impl Decision {
    /// Whether it is about a single time, not a range.
    pub fn is_single(&self) -> bool {
        self.after.plus_s(1) == self.upto
    }
}

/// What is wrong with a reason; `None` when it will do.
pub fn reason_fault(confirms: bool, reason: &str) -> Option<&'static str> {
    let words: String = reason
        .trim()
        .trim_matches(|c: char| c.is_ascii_punctuation() || "。，！？；：".contains(c))
        .to_lowercase();
    let too_long = reason.chars().count() > WORDS_MAX;
    let empty = words.is_empty() && !confirms;
    let says_nothing = EMPTY_REASONS.contains(&words.as_str());
    match (too_long, empty, says_nothing) {
        (true, _, _) => Some("at most 200 characters"),
        (_, true, _) => {
            Some("a reason: what the instrument's state, neighbours or finer data show")
        }
        (_, _, true) => Some("a ground; say what shows it (instrument, calibration, neighbours)"),
        _ => None,
    }
}

/// Whether this can be a reviewer's name.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && text.chars().count() <= WORDS_MAX
}

/// All decisions in their order, found by series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    all: Vec<Decision>,
    by_series: HashMap<SeriesKey, Vec<usize>>,
}

impl Decisions {
    /// The decisions, oldest first.
    pub fn new(all: Vec<Decision>) -> Self {
        let mut decisions = Self::default();
        decisions.extend(all);
        decisions
    }

    /// Adds later ones.
    pub fn extend(&mut self, later: Vec<Decision>) {
        for decision in later {
            let own = self.by_series.entry(decision.key.clone()).or_default();
            own.push(self.all.len());
            self.all.push(decision);
        }
    }

    /// Every decision, oldest first.
    pub fn all(&self) -> &[Decision] {
        &self.all
    }

    /// Those about a series that were known at a time, oldest first.
    pub fn of(
        &self,
        key: &SeriesKey,
        known_at: Option<Instant>,
    ) -> impl DoubleEndedIterator<Item = &Decision> {
        let own = self.by_series.get(key).map(Vec::as_slice);
        let own = own.unwrap_or_default().iter().map(|at| &self.all[*at]);
        own.filter(move |decision| known_at.is_none_or(|at| decision.decided_at <= at))
    }
}

/// A column with what was decided over it. `readings` stand in time order and come with when they were received;
/// the last decision about a reading counts. With `apply` values are as decided, without it they stay as received
/// and only the mark says that a decision stands.
pub fn over(
    readings: Vec<(Instant, Reading)>,
    decisions: &[&Decision],
    apply: bool,
) -> Vec<(Instant, Reading)> {
    let standing = standing(&readings, decisions);
    let decided =
        |((received_at, reading), stands): ((Instant, Reading), Option<&Decision>)| match stands {
            None => (received_at, reading),
            Some(decision) if apply => (
                received_at.max(decision.decided_at),
                as_decided(reading, decision.verdict),
            ),
            Some(_) => (
                received_at,
                Reading {
                    review: Review::Reviewed,
                    ..reading
                },
            ),
        };
    readings.into_iter().zip(standing).map(decided).collect()
}

/// The decision that stands about each of the readings, which are in time order and come with when they were
/// received.
pub fn standing<'d>(
    readings: &[(Instant, Reading)],
    decisions: &[&'d Decision],
) -> Vec<Option<&'d Decision>> {
    let mut last: Vec<Option<&Decision>> = vec![None; readings.len()];
    let upto = |time: Instant| readings.partition_point(|(_, reading)| reading.time <= time);
    for decision in decisions {
        let to = upto(decision.upto);
        last[upto(decision.after).min(to)..to].fill(Some(decision));
    }
    for (last, (received_at, _)) in last.iter_mut().zip(readings) {
        let stands = |decision: &&Decision| {
            // What the sender corrected since was not what was confirmed.
            decision.verdict != Verdict::Confirm || *received_at <= decision.decided_at
        };
        *last = last.filter(stands);
    }
    last
}

fn as_decided(reading: Reading, verdict: Verdict) -> Reading {
    let value = match verdict {
        Verdict::Confirm => reading.value,
        Verdict::Void => None,
        Verdict::Correct(value) => Some(value),
    };
    Reading {
        time: reading.time,
        value,
        flag: Flag::normal(),
        qc: Qc::Passed,
        review: Review::Reviewed,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::names::Factor;
    use crate::domain::names::SourceId;
    use crate::domain::names::Stat;

    fn decision(after: i64, upto: i64, verdict: Verdict, decided_at: i64) -> Decision {
        Decision {
            key: SeriesKey {
                source: SourceId::new("a").expect("an id"),
                factor: Factor::new("pm25").expect("a factor"),
                stat: Stat::avg(),
                interval_s: 1,
            },
            after: Instant::from_unix(after),
            upto: Instant::from_unix(upto),
            verdict,
            reason: String::new(),
            reviewer: "r".to_owned(),
            decided_at: Instant::from_unix(decided_at),
        }
    }

    /// Three readings of times 1, 2 and 3, received at 100 and flagged `M`, under decisions.
    fn check(decisions: &[Decision], expected: &str) {
        let reading = |time: i64| Reading {
            time: Instant::from_unix(time),
            value: Some(Amount::from_units(time * 10)),
            flag: Flag::new("M").expect("a flag"),
            qc: Qc::Negative,
            review: Review::Raw,
        };
        let readings: Vec<_> = (1..=3)
            .map(|time| (Instant::from_unix(100), reading(time)))
            .collect();
        let own: Vec<&Decision> = decisions.iter().collect();
        let applied = over(readings.clone(), &own, true);
        let text = applied.iter().map(|(received_at, reading)| {
            let value = reading
                .usable()
                .map_or("-".to_owned(), |own| own.to_string());
            format!("{value} {} {}", reading.review.key(), received_at.unix())
        });
        assert_eq!(text.collect::<Vec<_>>().join("; "), expected);
        let marked = over(readings.clone(), &own, false);
        for ((raw, marked), applied) in readings.iter().zip(&marked).zip(&applied) {
            assert_eq!(marked.1.review, applied.1.review);
            let unmarked = Reading {
                review: Review::Raw,
                ..marked.1.clone()
            };
            assert_eq!(
                (marked.0, &unmarked),
                (raw.0, &raw.1),
                "raw stays untouched"
            );
        }
    }

    #[test]
    fn the_last_decision_counts_and_a_confirmation_yields_to_the_sender() {
        let correct = Verdict::Correct(Amount::from_units(7));
        check(&[], "- raw 100; - raw 100; - raw 100");
        check(
            &[decision(0, 2, Verdict::Confirm, 100)],
            "10 reviewed 100; 20 reviewed 100; - raw 100",
        );
        check(
            &[decision(0, 3, Verdict::Confirm, 99)],
            "- raw 100; - raw 100; - raw 100",
        );
        check(
            &[
                decision(0, 3, Verdict::Void, 50),
                decision(1, 2, correct, 60),
            ],
            "- reviewed 100; 7 reviewed 100; - reviewed 100",
        );
        check(
            &[
                decision(1, 2, correct, 200),
                decision(0, 2, Verdict::Confirm, 300),
            ],
            "10 reviewed 300; 20 reviewed 300; - raw 100",
        );
        // A confirmation that no longer stands leaves nothing standing: the reading is raw again.
        check(
            &[
                decision(1, 2, correct, 50),
                decision(0, 2, Verdict::Confirm, 60),
            ],
            "- raw 100; - raw 100; - raw 100",
        );
    }

    proptest! {
        #[test]
        fn of_many_decisions_the_last_one_about_a_reading_counts(
            spans in prop::collection::vec((0i64..30, 0i64..12), 0..20),
            times in prop::collection::btree_set(0i64..40, 0..30),
        ) {
            let at = |(number, (after, length)): (usize, &(i64, i64))| {
                let value = Verdict::Correct(Amount::from_units(number as i64));
                decision(*after, after + length, value, 0)
            };
            let decisions: Vec<Decision> = spans.iter().enumerate().map(at).collect();
            let received = |time: &i64| {
                let reading = Reading {
                    time: Instant::from_unix(*time),
                    value: Some(Amount::from_units(-1)),
                    flag: Flag::normal(),
                    qc: Qc::Passed,
                    review: Review::Raw,
                };
                (Instant::from_unix(0), reading)
            };
            let readings = times.iter().map(received).collect();
            let own: Vec<&Decision> = decisions.iter().collect();
            for (_, reading) in over(readings, &own, true) {
                let about = |own: &&Decision| own.after < reading.time && reading.time <= own.upto;
                let last = decisions.iter().rev().find(about);
                let value = last.map_or(Amount::from_units(-1), |own| {
                    own.verdict.value().expect("a correction")
                });
                prop_assert_eq!(reading.value, Some(value));
            }
        }
    }

    #[test]
    fn a_reason_says_something() {
        for reason in [
            "",
            " ",
            "abnormal",
            "Outlier!",
            "异常",
            "数据异常。",
            "无效",
        ] {
            assert!(reason_fault(false, reason).is_some(), "{reason:?}");
        }
        for reason in [
            "instrument abnormal after power failure",
            "零点检查期间",
            "span drift 12 %",
        ] {
            assert_eq!(reason_fault(false, reason), None, "{reason:?}");
        }
        assert_eq!(reason_fault(true, ""), None);
        assert!(reason_fault(true, "abnormal").is_some());
        assert!(reason_fault(true, &"x".repeat(201)).is_some());
    }

    #[test]
    fn decisions_are_found_by_series_as_known_at_a_time() {
        let all = vec![
            decision(0, 1, Verdict::Confirm, 10),
            decision(0, 1, Verdict::Void, 20),
        ];
        let key = all[0].key.clone();
        let other = SeriesKey {
            interval_s: 3600,
            ..key.clone()
        };
        let decisions = Decisions::new(all);
        let count = |key, at: Option<i64>| decisions.of(key, at.map(Instant::from_unix)).count();
        assert_eq!(
            [
                count(&key, None),
                count(&key, Some(19)),
                count(&key, Some(20)),
                count(&key, Some(9))
            ],
            [2, 1, 2, 0]
        );
        assert_eq!(count(&other, None), 0);
        assert_eq!(decisions.all().len(), 2);
    }
}
