//! Stored readings as CSV.

use crate::adapters::cells::Cells;
use crate::adapters::report::optional;
use crate::domain::calendar::Zone;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;

/// Readings as CSV with a header, in the order given.
///
/// # Errors
/// When writing fails.
pub fn readings_csv(
    zone: Zone,
    readings: impl Iterator<Item = (SeriesKey, Reading)>,
    out: impl std::io::Write,
) -> csv::Result<()> {
    let mut writer = Cells::new(out);
    writer.write_record(READING_COLUMNS)?;
    for (key, reading) in readings {
        reading_row(&mut writer, zone, &key, &reading)?;
    }
    writer.flush()?;
    Ok(())
}

/// Header of exported readings.
pub const READING_COLUMNS: [&str; 8] = [
    "source",
    "factor",
    "stat",
    "time",
    "interval_s",
    "value",
    "flag",
    "review",
];

/// One reading as a CSV row under [`READING_COLUMNS`].
///
/// # Errors
/// When writing fails.
pub fn reading_row(
    writer: &mut Cells<impl std::io::Write>,
    zone: Zone,
    key: &SeriesKey,
    reading: &Reading,
) -> csv::Result<()> {
    writer.write_record(reading_fields(zone, key, reading))
}

/// One reading as texts under [`READING_COLUMNS`]; an empty one is missing.
pub fn reading_fields(zone: Zone, key: &SeriesKey, reading: &Reading) -> [String; 8] {
    [
        key.source.to_string(),
        key.factor.to_string(),
        key.stat.to_string(),
        zone.text(reading.time),
        key.interval_s.to_string(),
        optional(reading.value, |value| value.to_string()),
        reading.flag.as_str().to_owned(),
        reading.review.key().to_owned(),
    ]
}
