//! What the stub keeps, and its two languages: line protocol in, annotated CSV out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Status, code and message of an error.
pub(super) type Refusal = (u16, &'static str, String);

/// A field's value.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Float(f64),
    Integer(i64),
    Text(String),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Float(_) => "float",
            Self::Integer(_) => "integer",
            Self::Text(_) => "string",
        }
    }

    fn datatype(&self) -> &'static str {
        match self {
            Self::Float(_) => "double",
            Self::Integer(_) => "long",
            Self::Text(_) => "string",
        }
    }

    fn cell(&self) -> String {
        match self {
            Self::Float(number) => number.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Text(text) if text.contains([',', '"', '\n']) => {
                format!("\"{}\"", text.replace('"', "\"\""))
            }
            Self::Text(text) => text.clone(),
        }
    }
}

type Tags = BTreeMap<String, String>;

/// Measurement and tags, then field, then time.
type Series = BTreeMap<(String, Tags), BTreeMap<String, BTreeMap<i64, Value>>>;

/// Everything one bucket holds.
#[derive(Default)]
pub(super) struct Bucket {
    series: Series,
    types: BTreeMap<(String, String), &'static str>,
    pub(super) retained_from: Option<i64>,
    /// Lines with this text cannot be read.
    pub(super) unreadable: Option<String>,
    /// Added to every mean, as by a server that computes otherwise.
    pub(super) mean_skew: f64,
}

struct Line {
    measurement: String,
    tags: Tags,
    fields: Vec<(String, Value)>,
    time: i64,
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Reads up to one of `ends` that is not escaped.
fn word(rest: &mut Rest<'_>, ends: &[char]) -> Option<(String, char)> {
    let mut text = String::new();
    while let Some(c) = rest.next() {
        if c == '\\' && rest.peek().is_some_and(|next| ",= ".contains(*next)) {
            text.extend(rest.next());
        } else if ends.contains(&c) {
            return Some((text, c));
        } else {
            text.push(c);
        }
    }
    None
}

fn quoted(rest: &mut Rest<'_>) -> Option<String> {
    let mut text = String::new();
    rest.next();
    loop {
        match rest.next()? {
            '\\' if rest.peek().is_some_and(|next| "\"\\".contains(*next)) => {
                text.extend(rest.next())
            }
            '"' => return Some(text),
            c => text.push(c),
        }
    }
}

fn value(text: &str) -> Result<Value, &'static str> {
    if let Some(integer) = text.strip_suffix('i') {
        return integer
            .parse()
            .map(Value::Integer)
            .map_err(|_| "invalid number");
    }
    let plain = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let number: Result<f64, _> = text.parse();
    match number {
        Ok(number) if plain && number.is_finite() => Ok(Value::Float(number)),
        _ => Err("invalid number"),
    }
}

fn line(text: &str) -> Result<Line, &'static str> {
    let mut rest = text.chars().peekable();
    let (measurement, mut end) = word(&mut rest, &[',', ' ']).ok_or("missing fields")?;
    let (mut tags, mut fields) = (Tags::new(), Vec::new());
    while end == ',' {
        let (key, _) = word(&mut rest, &['=']).ok_or("missing tag value")?;
        let (value, next) = word(&mut rest, &[',', ' ']).ok_or("missing fields")?;
        if value.is_empty() {
            return Err("missing tag value");
        }
        if key == "time" {
            return Err("cannot use reserved tag key \"time\"");
        }
        if tags.insert(key, value).is_some() {
            return Err("duplicate tags");
        }
        end = next;
    }
    loop {
        let (key, _) = word(&mut rest, &['=']).ok_or("invalid field format")?;
        let found = if rest.peek() == Some(&'"') {
            let text = quoted(&mut rest).ok_or("unbalanced quotes")?;
            end = rest.next().ok_or("missing timestamp")?;
            Value::Text(text)
        } else {
            let (text, next) = word(&mut rest, &[',', ' ']).ok_or("missing timestamp")?;
            end = next;
            value(&text)?
        };
        fields.push((key, found));
        if end == ' ' {
            break;
        }
    }
    let time = rest
        .collect::<String>()
        .parse()
        .map_err(|_| "bad timestamp")?;
    if !(-9_223_372_036..=9_223_372_036).contains(&time) {
        return Err("time outside range");
    }
    Ok(Line {
        measurement,
        tags,
        fields,
        time,
    })
}

impl Bucket {
    /// Takes a body; nothing of one with a line that cannot be read, and all but the lines refused otherwise.
    pub(super) fn write(&mut self, body: &str) -> Result<(), Refusal> {
        let mut faults = Vec::new();
        let mut lines = Vec::new();
        for text in body.split('\n').filter(|text| !text.is_empty()) {
            let unreadable = self.unreadable.as_ref();
            let read = match unreadable.filter(|part| text.contains(part.as_str())) {
                Some(_) => Err("invalid field format"),
                None => line(text),
            };
            match read {
                Ok(line) => lines.push(line),
                Err(reason) => faults.push(format!("unable to parse '{text}': {reason}")),
            }
        }
        if !faults.is_empty() {
            return Err((400, "invalid", faults.join("\n")));
        }
        let (mut conflict, mut forgotten, mut dropped) = (None, None, 0);
        for line in lines {
            if self.retained_from.is_some_and(|from| line.time < from) {
                dropped += 1;
                forgotten = Some(line.time);
                continue;
            }
            match self.conflict(&line) {
                Some(told) => {
                    dropped += 1;
                    conflict = Some(told);
                }
                None => self.keep(line),
            }
        }
        let refused = |message: String| Err((422, "unprocessable entity", message));
        if let Some(told) = conflict {
            return refused(format!(
                "failure writing points to database: partial write: field type conflict: {told} dropped={dropped}"
            ));
        }
        match forgotten {
            None => Ok(()),
            Some(time) => refused(format!(
                "failure writing points to database: partial write: dropped {dropped} points outside retention policy of duration 1h0m0s - oldest point m at {time} dropped={dropped} for database: 0 for retention policy: autogen"
            )),
        }
    }

    fn conflict(&mut self, line: &Line) -> Option<String> {
        for (field, value) in &line.fields {
            let known = self.types.entry((line.measurement.clone(), field.clone()));
            let known = *known.or_insert(value.kind());
            if known != value.kind() {
                let (measurement, kind) = (&line.measurement, value.kind());
                return Some(format!(
                    "input field \"{field}\" on measurement \"{measurement}\" is type {kind}, already exists as type {known}"
                ));
            }
        }
        None
    }

    fn keep(&mut self, line: Line) {
        let series = self
            .series
            .entry((line.measurement, line.tags))
            .or_default();
        for (field, value) in line.fields {
            series.entry(field).or_default().insert(line.time, value);
        }
    }

    /// Field values in a measurement.
    pub(super) fn count(&self, measurement: &str) -> usize {
        let own = self
            .series
            .iter()
            .filter(|((name, _), _)| name == measurement);
        own.flat_map(|(_, fields)| fields.values())
            .map(BTreeMap::len)
            .sum()
    }

    /// The newest text of a field by the value of a tag, in its order.
    pub(super) fn texts(&self, measurement: &str, tag: &str, field: &str) -> Vec<(String, String)> {
        let own = self
            .series
            .iter()
            .filter(|((name, _), _)| name == measurement);
        let newest = own.filter_map(|((_, tags), fields)| {
            let (_, value) = fields.get(field)?.last_key_value()?;
            Some((tags.get(tag)?.clone(), value.cell()))
        });
        newest.collect()
    }

    /// Values of a field at a time, in the order of tag `n`.
    pub(super) fn numbered(&self, measurement: &str, field: &str, time: i64) -> Vec<String> {
        let own = self
            .series
            .iter()
            .filter(|((name, _), _)| name == measurement);
        let values = own.filter_map(|((_, tags), fields)| {
            let number: u32 = tags.get("n").map_or(0, |n| n.parse().expect("a number"));
            Some((number, fields.get(field)?.get(&time)?.cell()))
        });
        let sorted: BTreeMap<u32, String> = values.collect();
        sorted.into_values().collect()
    }

    /// Answers a query in annotated CSV.
    pub(super) fn query(&self, flux: &str) -> Result<String, Refusal> {
        let invalid = || (400, "invalid", format!("compilation failed: {flux}"));
        let bucket = texts(flux, "bucket: ").pop().ok_or_else(invalid)?;
        if bucket != super::BUCKET {
            return Err((
                404,
                "not found",
                format!("could not find bucket \"{bucket}\""),
            ));
        }
        let asked = Asked::read(flux).ok_or_else(invalid)?;
        let mut csv = String::new();
        let (mut schema, mut table) = (String::new(), 0);
        for ((measurement, tags), fields) in &self.series {
            if !asked.takes(measurement, tags) {
                continue;
            }
            for (field, column) in fields.iter().filter(|(field, _)| asked.takes_field(field)) {
                let rows: Vec<_> = column.range(asked.start..asked.stop).collect();
                let means = asked.means(&rows, self.mean_skew);
                let rows: Vec<_> = match &means {
                    Some(means) => means.iter().map(|(time, value)| (time, value)).collect(),
                    None => rows,
                };
                let rows = match asked.end {
                    End::First => &rows[..rows.len().min(1)],
                    End::Last => &rows[rows.len().saturating_sub(1)..],
                    End::None => &rows,
                };
                let rows = &rows[..rows.len().min(asked.rows_max)];
                let Some((_, first)) = rows.first() else {
                    continue;
                };
                let kept: Vec<(&String, &String)> = tags
                    .iter()
                    .filter(|(name, _)| asked.columns.contains(name))
                    .collect();
                let head = head(first, &kept);
                if head != schema {
                    if !schema.is_empty() {
                        csv.push_str("\r\n");
                    }
                    csv.push_str(&head);
                    schema = head;
                    table = 0;
                }
                for (time, value) in rows {
                    let time = chrono::DateTime::from_timestamp(**time, 0).expect("a time");
                    let time = time.format("%Y-%m-%dT%H:%M:%SZ");
                    write!(csv, ",,{table},{time},{},{field}", value.cell()).expect("a string");
                    for (_, value) in &kept {
                        write!(csv, ",{value}").expect("a string");
                    }
                    csv.push_str("\r\n");
                }
                table += 1;
            }
        }
        if !csv.is_empty() {
            csv.push_str("\r\n");
        }
        Ok(csv)
    }
}

fn head(value: &Value, kept: &[(&String, &String)]) -> String {
    let strings = ",string".repeat(kept.len());
    let grouped = ",true".repeat(kept.len());
    let commas = ",".repeat(kept.len());
    let names: String = kept.iter().map(|(name, _)| format!(",{name}")).collect();
    let datatype = value.datatype();
    format!(
        "#datatype,string,long,dateTime:RFC3339,{datatype},string{strings}\r\n#group,false,false,false,false,true{grouped}\r\n#default,_result,,,,{commas}\r\n,result,table,_time,_value,_field{names}\r\n"
    )
}

enum End {
    First,
    Last,
    None,
}

struct Asked {
    start: i64,
    stop: i64,
    measurement: String,
    interval: Vec<String>,
    sources: Vec<String>,
    fields: Vec<String>,
    suffix: Option<String>,
    end: End,
    columns: Vec<String>,
    /// Rows of each table.
    rows_max: usize,
    /// Offset in seconds of means of days, after times moved back by a second.
    mean_offset: Option<i64>,
}

/// Every quoted text that follows `lead`, without its escapes.
fn texts(flux: &str, lead: &str) -> Vec<String> {
    let after = flux
        .match_indices(lead)
        .map(|(at, _)| &flux[at + lead.len()..]);
    let text = |rest: &str| {
        let mut chars = rest.strip_prefix('"')?.chars();
        let mut text = String::new();
        loop {
            match chars.next()? {
                '"' => return Some(text),
                '\\' => text.extend(chars.next()),
                c => text.push(c),
            }
        }
    };
    after.filter_map(text).collect()
}

impl Asked {
    fn read(flux: &str) -> Option<Self> {
        let time = |lead: &str| {
            let rest = flux.split_once(lead)?.1;
            let text = rest.split([',', ')']).next()?;
            Some(chrono::DateTime::parse_from_rfc3339(text).ok()?.timestamp())
        };
        let columns = flux.split_once("keep(columns: [")?.1.split_once(']')?.0;
        let columns = columns
            .split(", ")
            .map(|name| name.trim_matches('"').to_owned());
        let regex = flux
            .split_once("r._field =~ /")
            .and_then(|(_, rest)| rest.split_once("$/"));
        let ends = [("first()", End::First), ("last()", End::Last)];
        let end = ends.into_iter().find(|(call, _)| flux.contains(call));
        Some(Self {
            start: time("start: ")?,
            stop: time("stop: ")?,
            measurement: texts(flux, "r._measurement == ").pop()?,
            interval: texts(flux, "r.interval_s == "),
            sources: texts(flux, "r.source == "),
            fields: texts(flux, "r._field == "),
            suffix: regex.map(|(suffix, _)| suffix.to_owned()),
            end: end.map_or(End::None, |(_, end)| end),
            columns: columns.collect(),
            rows_max: match flux.split_once("|> limit(n: ") {
                None => usize::MAX,
                Some((_, rest)) => rest.split_once(')')?.0.parse().ok()?,
            },
            mean_offset: Self::mean_offset(flux)?,
        })
    }

    /// `None` for means of another form than skytier asks.
    fn mean_offset(flux: &str) -> Option<Option<i64>> {
        let Some((before, rest)) = flux.split_once("aggregateWindow(every: 1d, offset: ") else {
            return Some(None);
        };
        let (offset, rest) = rest.split_once("s, ")?;
        let form = "fn: mean, createEmpty: false, timeSrc: \"_start\")";
        let whole = before.contains("timeShift(duration: -1s)") && rest.starts_with(form);
        whole.then(|| offset.parse().ok())
    }

    /// Means by window in binary numbers, as the server computes them.
    fn means(&self, rows: &[(&i64, &Value)], skew: f64) -> Option<Vec<(i64, Value)>> {
        let offset = self.mean_offset?;
        let mut windows: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
        for (time, value) in rows {
            let Value::Float(number) = value else {
                continue;
            };
            let start = (**time - 1 - offset).div_euclid(86_400) * 86_400 + offset;
            let (sum, count) = windows.entry(start).or_default();
            *sum += number;
            *count += 1.0;
        }
        let means = windows.into_iter();
        Some(
            means
                .map(|(start, (sum, count))| (start, Value::Float(sum / count + skew)))
                .collect(),
        )
    }

    fn takes(&self, measurement: &str, tags: &Tags) -> bool {
        let among = |wanted: &[String], tag: &str| {
            wanted.is_empty() || tags.get(tag).is_some_and(|value| wanted.contains(value))
        };
        measurement == self.measurement
            && among(&self.interval, "interval_s")
            && among(&self.sources, "source")
    }

    fn takes_field(&self, field: &str) -> bool {
        let named = self.fields.is_empty() || self.fields.iter().any(|name| name == field);
        named
            && self
                .suffix
                .as_ref()
                .is_none_or(|suffix| field.ends_with(suffix))
    }
}
