//! Queries in Flux, and rows put together to cells. Two forms of query are enough; neither can yield a null, for
//! they hand on stored values and compute nothing: every derived figure comes from our own code.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::adapters::store::influxdb2::cells::Cell;
use crate::adapters::store::influxdb2::cells::Column;
use crate::adapters::store::influxdb2::cells::Part;
use crate::adapters::store::influxdb2::cells::Parts;
use crate::adapters::store::influxdb2::cells::READING;
use crate::adapters::store::influxdb2::cells::read_field;
use crate::adapters::store::influxdb2::client::FieldRead;
use crate::adapters::store::influxdb2::client::Row;
use crate::adapters::store::influxdb2::line::TIMES;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::SourceId;

/// A source and an interval: the tags of a line.
pub(super) type Owner = (SourceId, u32);

/// What is asked for: lines of some sources with one interval, between two times, both included.
pub(super) struct Ask<'a> {
    pub(super) bucket: &'a str,
    pub(super) measurement: &'a str,
    pub(super) sources: &'a [SourceId],
    pub(super) interval_s: u32,
    pub(super) first: i64,
    pub(super) last: i64,
    /// Names of fields; empty means all.
    pub(super) fields: &'a [String],
    /// Rows of each series of a field at most, the earliest ones.
    pub(super) rows_max: Option<usize>,
}

impl Ask<'_> {
    /// The lines.
    pub(super) fn flux(&self) -> String {
        let kept = r#"["_time", "_value", "_field", "source", "interval_s", "n"]"#;
        format!("{}    |> keep(columns: {kept})", self.filtered())
    }

    /// Means of days of a zone, stamped with the day's beginning. A day takes in its end, so times move by a second.
    pub(super) fn day_means(&self, zone: Zone) -> String {
        let offset = zone.offset().local_minus_utc();
        format!(
            "{}    |> timeShift(duration: -1s)\n    |> aggregateWindow(every: 1d, offset: {}s, fn: mean, createEmpty: \
             false, timeSrc: \"_start\")\n    |> filter(fn: (r) => exists r._value)\n    |> keep(columns: [\"_time\", \
             \"_value\", \"_field\", \"source\", \"interval_s\"])",
            self.filtered(),
            -offset
        )
    }

    fn filtered(&self) -> String {
        let mut text = from(self.bucket, self.first, self.last);
        let any = |column: &str, names: &mut dyn Iterator<Item = &str>| {
            let texts = names.map(|name| format!("r.{column} == {}", quoted(name)));
            texts.collect::<Vec<_>>().join(" or ")
        };
        let sources = any("source", &mut self.sources.iter().map(SourceId::as_str));
        let interval = quoted(&self.interval_s.to_string());
        writeln!(
            text,
            "    |> filter(fn: (r) => r._measurement == {} and r.interval_s == {interval} and ({sources}))",
            quoted(self.measurement)
        )
        .expect("a string takes all");
        if !self.fields.is_empty() {
            let fields = any("_field", &mut self.fields.iter().map(String::as_str));
            writeln!(text, "    |> filter(fn: (r) => {fields})").expect("a string takes all");
        }
        // Before columns are dropped, while each series is a table of its own, in the order of time.
        if let Some(rows_max) = self.rows_max {
            writeln!(text, "    |> limit(n: {rows_max})").expect("a string takes all");
        }
        text
    }
}

/// Asks for the first or last time of every series: each has a receipt at every time.
pub(super) fn ends(bucket: &str, end: &str) -> String {
    let mut text = from(bucket, *TIMES.start(), *TIMES.end());
    let measurement = quoted(READING);
    write!(
        text,
        "    |> filter(fn: (r) => r._measurement == {measurement} and r._field =~ /:at$/)\n    |> {end}()\n    |> \
         keep(columns: [\"_time\", \"_value\", \"_field\", \"source\", \"interval_s\"])"
    )
    .expect("a string takes all");
    text
}

/// The range takes in its start and leaves out its stop.
fn from(bucket: &str, first: i64, last: i64) -> String {
    let utc = Zone::parse("+00:00").expect("UTC is an offset");
    let time = |at: i64| {
        utc.text(Instant::from_unix(
            at.clamp(*TIMES.start(), TIMES.end() + 1),
        ))
    };
    let (start, stop) = (time(first), time(last.saturating_add(1)));
    format!(
        "from(bucket: {})\n    |> range(start: {start}, stop: {stop})\n",
        quoted(bucket)
    )
}

/// A text of Flux. `${` would begin a calculation.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '$' if rest.peek() == Some(&'{') => quoted.push_str("\\$"),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Source and interval of a row.
///
/// # Errors
/// A row that is none of ours.
pub(super) fn owner(row: &Row) -> Result<Owner, String> {
    let source = SourceId::new(&row.source).map_err(|fault| fault.to_string())?;
    let interval = row.interval_s.parse();
    let interval = interval.map_err(|_| format!("interval_s {:?} is no number", row.interval_s))?;
    Ok((source, interval))
}

/// Cells by line, then by column; `n` of revisions is part of the line.
pub(super) type Gathered = BTreeMap<(Owner, i64, String), BTreeMap<Column, (Cell, Option<i64>)>>;

/// Puts rows together; with each cell comes until when it counted.
///
/// # Errors
/// The first row or cell that cannot be read.
pub(super) fn gather(rows: Vec<Row>) -> Result<Gathered, String> {
    let mut lines: BTreeMap<(Owner, i64, String), BTreeMap<Column, Parts>> = BTreeMap::new();
    let mut last: Option<(String, String, Owner)> = None;
    for row in rows {
        let own = match &last {
            Some((source, interval, own))
                if *source == row.source && *interval == row.interval_s =>
            {
                own.clone()
            }
            _ => {
                let own = owner(&row)?;
                last = Some((row.source.clone(), row.interval_s.clone(), own.clone()));
                own
            }
        };
        let (column, part) =
            read_field(&row.field).ok_or_else(|| format!("field {:?} is not ours", row.field))?;
        let line = lines.entry((own, row.time, row.number)).or_default();
        let parts = line.entry(column).or_default();
        match (part, row.value) {
            (Part::Value, Some(FieldRead::Number(number))) => parts.value = Some(number),
            (Part::At, Some(FieldRead::Integer(at))) => parts.at = Some(at),
            (Part::Until, Some(FieldRead::Integer(until))) => parts.until = Some(until),
            (Part::Note, Some(FieldRead::Text(note))) => parts.note = Some(note),
            (_, value) => return Err(format!("field {:?} holds {value:?}", row.field)),
        }
    }
    let mut gathered = Gathered::new();
    for (line, columns) in lines {
        let mut cells = BTreeMap::new();
        for (column, parts) in columns {
            let cell = parts.cell().map_err(|fault| {
                let ((source, interval_s), time, _) = &line;
                let (factor, stat) = &column;
                format!("{source} {factor} {stat} at {time}, interval {interval_s}: {fault}")
            })?;
            cells.insert(column, (cell, parts.until));
        }
        gathered.insert(line, cells);
    }
    Ok(gathered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_asks_for_whole_lines_and_nothing_is_calculated_in_its_texts() {
        let sources = ["Dongsi", "虹桥"].map(|name| SourceId::new(name).expect("a source"));
        let ask = Ask {
            bucket: "a\"${1+1}\\",
            measurement: "reading",
            sources: &sources,
            interval_s: 3_600,
            first: 0,
            last: 3_600,
            fields: &["pm25".to_owned()],
            rows_max: Some(7),
        };
        let expected = r#"from(bucket: "a\"\${1+1}\\")
    |> range(start: 1970-01-01T00:00:00+00:00, stop: 1970-01-01T01:00:01+00:00)
    |> filter(fn: (r) => r._measurement == "reading" and r.interval_s == "3600" and (r.source == "Dongsi" or r.source == "虹桥"))
    |> filter(fn: (r) => r._field == "pm25")
    |> limit(n: 7)
    |> keep(columns: ["_time", "_value", "_field", "source", "interval_s", "n"])"#;
        assert_eq!(ask.flux(), expected);
        let all = ends("b", "last");
        assert!(
            all.contains(
                "range(start: 1677-09-22T00:00:00+00:00, stop: 2262-04-11T00:00:01+00:00)"
            ),
            "{all}"
        );
    }

    #[test]
    fn rows_that_are_not_ours_are_told() {
        let row = |field: &str, value: Option<FieldRead>| Row {
            field: field.to_owned(),
            value,
            source: "A".to_owned(),
            interval_s: "60".to_owned(),
            ..Row::default()
        };
        let check = |row: Row, expected: &str| {
            let fault = gather(vec![row]).expect_err("refused");
            assert!(fault.contains(expected), "{fault}");
        };
        check(row("PM25", None), "is not ours");
        check(row("pm25", None), "holds None");
        check(
            row("pm25", Some(FieldRead::Text("x".to_owned()))),
            "holds Some",
        );
        check(
            row("pm25:avg:at", Some(FieldRead::Integer(1))),
            "A pm25 avg at 0, interval 60: neither",
        );
        let foreign = Row {
            interval_s: "1h".to_owned(),
            ..row("pm25", None)
        };
        check(foreign, "interval_s \"1h\"");
    }
}
