//! Replaced values beside what came in their place, as JSON and CSV.

use std::io::Write;

use serde_json::Value;
use serde_json::json;

use crate::adapters::cells::Cells;
use crate::adapters::report;
use crate::domain::calendar::Zone;
use crate::domain::reading::Reading;
use crate::flow::corrections::Correction;

/// The columns of the CSV.
const COLUMNS: [&str; 10] = [
    "factor",
    "stat",
    "time",
    "interval_s",
    "old",
    "old_flag",
    "new",
    "new_flag",
    "received_at",
    "replaced_at",
];

/// One correction; `new` is null where an order took the value out.
pub fn correction_json(zone: Zone, own: &Correction) -> Value {
    let side = |reading: &Reading| json!({"value": reading.value.map(report::amount), "flag": reading.flag.as_str()});
    let old = &own.old;
    json!({
        "factor": old.key.factor.as_str(),
        "stat": old.key.stat.as_str(),
        "time": zone.text(old.reading.time),
        "interval_s": old.key.interval_s,
        "old": side(&old.reading),
        "new": own.new.as_ref().map(side),
        "received_at": zone.text(old.received_at),
        "replaced_at": zone.text(old.replaced_at),
    })
}

/// The header of the CSV.
///
/// # Errors
/// When writing fails.
pub fn csv_head(out: impl Write) -> csv::Result<()> {
    let mut writer = Cells::new(out);
    writer.write_record(COLUMNS)?;
    Ok(writer.flush()?)
}

/// Rows of the CSV.
///
/// # Errors
/// When writing fails.
pub fn csv_rows(zone: Zone, found: &[Correction], out: impl Write) -> csv::Result<()> {
    let mut writer = Cells::new(out);
    for own in found {
        let value = |reading: Option<&Reading>| {
            let value = reading.and_then(|reading| reading.value);
            value.map_or_else(String::new, |value| value.to_string())
        };
        let flag = |reading: Option<&Reading>| {
            reading.map_or_else(String::new, |reading| reading.flag.to_string())
        };
        let (old, new) = (Some(&own.old.reading), own.new.as_ref());
        writer.write_record([
            own.old.key.factor.as_str(),
            own.old.key.stat.as_str(),
            &zone.text(own.old.reading.time),
            &own.old.key.interval_s.to_string(),
            &value(old),
            &flag(old),
            &value(new),
            &flag(new),
            &zone.text(own.old.received_at),
            &zone.text(own.old.replaced_at),
        ])?;
    }
    writer.flush()?;
    Ok(())
}
