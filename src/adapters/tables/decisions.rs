//! Reviewers' decisions as rows of a CSV or as JSON objects with the same names.

use chrono::DateTime;
use serde_json::Map;
use serde_json::Value;

use crate::adapters::tables::sheet::Entry;
use crate::adapters::tables::sheet::Line;
use crate::adapters::tables::sheet::Text;
use crate::domain::calendar::Instant;
use crate::domain::names::Factor;
use crate::domain::names::Stat;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::SeriesKey;
use crate::domain::review::Decision;
use crate::domain::review::Verdict;
use crate::domain::review::reason_fault;
use crate::domain::units::Amount;

/// The columns of a file of decisions.
pub const DECISION_COLUMNS: [&str; 10] = [
    "source",
    "factor",
    "stat",
    "interval_s",
    "time",
    "from",
    "to",
    "decision",
    "value",
    "reason",
];
/// Longest interval, in seconds: a day.
const INTERVAL_MAX_S: u32 = 86_400;
/// The interval of a row that names none.
const HOURLY_S: u32 = 3_600;
const TIME: &str = "a time such as 2020-06-30T13:00:00+08:00";

/// Who decides and when.
#[derive(Clone, Copy, Debug)]
pub struct Signature<'a> {
    /// The reviewer.
    pub reviewer: &'a str,
    /// The moment.
    pub decided_at: Instant,
}

/// A decision and where it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// `file:line`, or which object.
    pub place: String,
    /// The decision.
    pub decision: Decision,
}

/// Reads a CSV of decisions.
///
/// # Errors
/// Every fault with its place.
pub fn decisions_of_csv(
    file: &str,
    text: &str,
    signature: Signature<'_>,
) -> Result<Vec<Draft>, Vec<String>> {
    let text = Text {
        file,
        text,
        columns: &DECISION_COLUMNS,
        optional: 0,
    };
    let mut faults = Vec::new();
    let entries = text.entries(&mut faults, |line| decision(line, signature));
    finish(entries, faults)
}

/// Reads decisions given as objects whose names are the columns.
///
/// # Errors
/// Every fault with its place.
pub fn decisions_of_objects(
    objects: &[Map<String, Value>],
    signature: Signature<'_>,
) -> Result<Vec<Draft>, Vec<String>> {
    let mut faults = Vec::new();
    let mut entries = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        let place = format!("decisions[{index}]");
        let stranger = object
            .keys()
            .find(|name| !DECISION_COLUMNS.contains(&name.as_str()));
        if let Some(stranger) = stranger {
            let stranger: String = stranger.chars().take(40).collect();
            faults.push(format!(
                "{place}: {stranger:?} is none of {}",
                DECISION_COLUMNS.join(", ")
            ));
            continue;
        }
        let text = |name: &&str| match object.get(*name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let record: csv::StringRecord = DECISION_COLUMNS.iter().map(text).collect();
        let mut line = Line::new(&place, &DECISION_COLUMNS, &record, &mut faults);
        if let Some(value) = decision(&mut line, signature) {
            entries.push(Entry { place, value });
        }
    }
    finish(entries, faults)
}

fn finish(
    entries: Vec<Entry<Decision>>,
    mut faults: Vec<String>,
) -> Result<Vec<Draft>, Vec<String>> {
    if entries.is_empty() && faults.is_empty() {
        faults.push("no decision is given".to_owned());
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let draft = |Entry { place, value }| Draft {
        place,
        decision: value,
    };
    Ok(entries.into_iter().map(draft).collect())
}

fn decision(line: &mut Line<'_>, signature: Signature<'_>) -> Option<Decision> {
    let source = line.source_id("source");
    let factor = line.field("factor", "a pollutant or a factor's code", factor);
    let stat = line.field(
        "stat",
        "a statistic's name, or empty for avg",
        |text| match text {
            "" => Some(Stat::avg()),
            text => Stat::new(text).ok(),
        },
    );
    let interval = format!("a number of seconds up to {INTERVAL_MAX_S}, or empty for {HOURLY_S}");
    let interval_s = line.field("interval_s", &interval, |text| match text {
        "" => Some(HOURLY_S),
        text => text
            .parse()
            .ok()
            .filter(|interval| *interval <= INTERVAL_MAX_S),
    });
    let times = times(line);
    let verdict = verdict(line);
    let confirms = verdict == Some(Verdict::Confirm);
    let given = line.field("reason", "a text", |text| Some(text.to_owned()));
    let reason = given.and_then(|reason| match reason_fault(confirms, &reason) {
        Some(expected) => line.field("reason", expected, |_| None),
        None => Some(reason),
    });
    let (after, upto) = times?;
    Some(Decision {
        key: SeriesKey {
            source: source?,
            factor: factor?,
            stat: stat?,
            interval_s: interval_s?,
        },
        after,
        upto,
        verdict: verdict?,
        reason: reason?,
        reviewer: signature.reviewer.to_owned(),
        decided_at: signature.decided_at,
    })
}

/// A factor under the key its readings are stored with.
fn factor(text: &str) -> Option<Factor> {
    match Pollutant::from_hj_code(text) {
        Some(pollutant) => Some(pollutant.factor()),
        None => Factor::new(text).ok(),
    }
}

fn instant(text: &str) -> Option<Instant> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(Instant::from_unix(time.timestamp()))
}

/// A single time, or a range that is half-open at the front as everywhere.
fn times(line: &mut Line<'_>) -> Option<(Instant, Instant)> {
    let given = |line: &mut Line<'_>, column| {
        line.field(column, "a text", |text| Some(!text.is_empty())) == Some(true)
    };
    let ranged = given(line, "from") || given(line, "to");
    if !ranged {
        let time = line.field("time", &format!("{TIME}; or give from and to"), instant)?;
        return Some((time.plus_s(-1), time));
    }
    if given(line, "time") {
        return line.field("time", "empty beside from and to", |_| None);
    }
    let from = line.field("from", TIME, instant);
    let to = line.field("to", TIME, instant);
    let (from, to) = (from?, to?);
    line.field("to", "after from", |_| (from < to).then_some((from, to)))
}

fn verdict(line: &mut Line<'_>) -> Option<Verdict> {
    let expected = "confirm, void or correct";
    let word = line.field("decision", expected, |text| {
        ["confirm", "void", "correct"]
            .into_iter()
            .find(|word| *word == text)
    })?;
    if word == "correct" {
        let sound = |value: &Amount| value.micros() >= 0;
        let value = line.field("value", "a number, not below 0", |text| {
            Amount::parse(text).ok().filter(sound)
        })?;
        return Some(Verdict::Correct(value));
    }
    line.field("value", "empty: only correct takes one", |text| {
        text.is_empty().then_some(())
    })?;
    Some(if word == "void" {
        Verdict::Void
    } else {
        Verdict::Confirm
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str) -> Result<Vec<Draft>, Vec<String>> {
        let text = format!("{}\n{rows}", DECISION_COLUMNS.join(","));
        let signature = Signature {
            reviewer: "Li",
            decided_at: Instant::from_unix(9),
        };
        decisions_of_csv("f", &text, signature)
    }

    fn check(row: &str, expected: &[&str]) {
        assert_eq!(read(row).unwrap_err(), expected, "{row}");
    }

    fn covers(decision: &Decision, unix: i64) -> bool {
        let time = Instant::from_unix(unix);
        decision.after < time && time <= decision.upto
    }

    #[test]
    fn a_row_is_a_decision() {
        let time = "1970-01-01T08:00:05+08:00";
        let drafts = read(&format!("a,a34004,,,{time},,,correct,7.5,span drift\n"));
        let drafts = drafts.unwrap();
        let decision = &drafts[0].decision;
        assert!(decision.is_single() && covers(decision, 5));
        assert_eq!(decision.key.factor, Pollutant::Pm25.factor());
        assert_eq!(
            (decision.key.stat.as_str(), decision.key.interval_s),
            ("avg", 3600)
        );
        let value = decision.verdict.value().map(|value| value.to_string());
        assert_eq!(
            (value.as_deref(), drafts[0].place.as_str()),
            (Some("7.5"), "f:2")
        );
        let range = read(&format!(
            "a,co,max,60,,{time},1970-01-02T08:00:00+08:00,confirm,,\n"
        ));
        let range = &range.unwrap()[0].decision;
        assert!(!covers(range, 5) && covers(range, 86_400));
    }

    #[test]
    fn faults_say_what_would_be_right() {
        let time = "2020-01-01T01:00:00+08:00";
        check("", &["no decision is given"]);
        check(
            &format!("a b,PM2.5,a b,x,{time},{time},,keep,,\n"),
            &[
                "f:2: source: \"a b\" is not a station's code",
                "f:2: factor: \"PM2.5\" is not a pollutant or a factor's code",
                "f:2: stat: \"a b\" is not a statistic's name, or empty for avg",
                "f:2: interval_s: \"x\" is not a number of seconds up to 86400, or empty for 3600",
                "f:2: time: \"2020-01-01T01:00:00+08:00\" is not empty beside from and to",
                "f:2: decision: \"keep\" is not confirm, void or correct",
                "f:2: reason: \"\" is not a reason: what the instrument's state, neighbours or finer data show",
            ],
        );
        check(
            &format!("a,pm25,,,,{time},{time},void,3,abnormal\n"),
            &[
                "f:2: to: \"2020-01-01T01:00:00+08:00\" is not after from",
                "f:2: value: \"3\" is not empty: only correct takes one",
                "f:2: reason: \"abnormal\" is not a ground; say what shows it (instrument, calibration, neighbours)",
            ],
        );
        check(
            "a,pm25,,,noon,,,correct,-1,drift\n",
            &[
                "f:2: time: \"noon\" is not a time such as 2020-06-30T13:00:00+08:00; or give from and to",
                "f:2: value: \"-1\" is not a number, not below 0",
            ],
        );
    }

    #[test]
    fn objects_are_read_as_rows_are() {
        let signature = Signature {
            reviewer: "Li",
            decided_at: Instant::from_unix(9),
        };
        let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let good = object(
            r#"{"source":"a","factor":"pm25","time":"1970-01-01T08:00:05+08:00","decision":"correct","value":7.5,"reason":"span drift"}"#,
        );
        let row = read("a,pm25,avg,3600,1970-01-01T08:00:05+08:00,,,correct,7.5,span drift\n");
        let given = decisions_of_objects(&[good], signature).unwrap();
        assert_eq!(given[0].decision, row.unwrap()[0].decision);
        let faults = decisions_of_objects(&[object(r#"{"verdict":"void"}"#)], signature);
        assert!(faults.unwrap_err()[0].starts_with("decisions[0]: \"verdict\" is none of source,"));
    }
}
