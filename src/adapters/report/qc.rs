//! What the rules for single readings found, as JSON and CSV.

use std::io::Write;

use serde_json::Value;
use serde_json::json;

use crate::adapters::cells::Cells;
use crate::adapters::report;
use crate::domain::calendar::Zone;
use crate::domain::flag::MARKS;
use crate::domain::flag::meanings;
use crate::flow::qc::Found;

/// The columns of the CSV.
const COLUMNS: [&str; 8] = [
    "factor",
    "time",
    "interval_s",
    "value",
    "flag",
    "rule",
    "effect",
    "reason",
];

fn effect(found: &Found) -> &'static str {
    if found.finding.rule.excludes() {
        "excluded"
    } else {
        "warning"
    }
}

/// What the rule says; of a flag, what it may mean. Chinese and English.
fn words(found: &Found) -> (String, String) {
    let (zh, en) = found.finding.rule.words();
    if found.finding.rule != crate::domain::qc::Rule::Flag {
        return (zh.to_owned(), en.to_owned());
    }
    let flag = &found.finding.reading.flag;
    let marks = meanings(flag);
    if marks.is_empty() {
        return (
            format!("标记 {flag} 含义不明，待审核"),
            format!("flag {flag} is not known; it needs review"),
        );
    }
    let join = |texts: Vec<&str>, by: &str| texts.join(by);
    let zh = join(marks.iter().map(|mark| mark.zh).collect(), "或");
    let en = join(marks.iter().map(|mark| mark.en).collect(), " or ");
    (format!("标记 {flag}：{zh}"), format!("flag {flag}: {en}"))
}

/// One finding.
pub fn finding(zone: Zone, found: &Found) -> Value {
    let reading = &found.finding.reading;
    let (zh, en) = words(found);
    json!({
        "factor": found.factor.as_str(),
        "time": zone.text(reading.time),
        "interval_s": found.interval_s,
        "value": reading.value.map(report::amount),
        "flag": reading.flag.as_str(),
        "rule": found.finding.rule.key(),
        "effect": effect(found),
        "reason_zh": zh,
        "reason_en": en,
    })
}

/// All findings as CSV with a header.
///
/// # Errors
/// When writing fails.
pub fn csv(zone: Zone, found: &[Found], out: impl Write) -> csv::Result<()> {
    let mut writer = Cells::new(out);
    writer.write_record(COLUMNS)?;
    for found in found {
        let reading = &found.finding.reading;
        let value = reading.value.map(|value| value.to_string());
        writer.write_record([
            found.factor.as_str(),
            &zone.text(reading.time),
            &found.interval_s.to_string(),
            &value.unwrap_or_default(),
            reading.flag.as_str(),
            found.finding.rule.key(),
            effect(found),
            &words(found).1,
        ])?;
    }
    writer.flush()?;
    Ok(())
}

/// Every mark whose meaning is known.
pub fn flags() -> Value {
    let marks = MARKS.iter().map(|mark| {
        json!({
            "code": mark.code,
            "system": mark.system.key(),
            "meaning_zh": mark.zh,
            "meaning_en": mark.en,
            "confidence": mark.confidence.to_string(),
            "enters_means": mark.code == "N",
        })
    });
    json!({"flags": marks.collect::<Vec<_>>(), "unknown_flags_enter_means": false})
}
