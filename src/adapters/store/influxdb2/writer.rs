//! Batches into bodies: every value is compared with what counts at its time; what is new or different is written,
//! and its predecessor as a revision in the same body, whose lines lie in the same part of the server's disk.
//!
//! What counts is known from lines written or read lately; a line later than any of its source needs no look.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use tokio::task::JoinError;
use tokio::task::JoinSet;

use crate::adapters::store::influxdb2::cells::Cell;
use crate::adapters::store::influxdb2::cells::Column;
use crate::adapters::store::influxdb2::cells::Part;
use crate::adapters::store::influxdb2::cells::READING;
use crate::adapters::store::influxdb2::cells::REVISION;
use crate::adapters::store::influxdb2::cells::field;
use crate::adapters::store::influxdb2::client::Client;
use crate::adapters::store::influxdb2::client::Failure;
use crate::adapters::store::influxdb2::flux::Ask;
use crate::adapters::store::influxdb2::flux::Owner;
use crate::adapters::store::influxdb2::flux::gather;
use crate::adapters::store::influxdb2::line::FieldValue;
use crate::adapters::store::influxdb2::line::LineFault;
use crate::adapters::store::influxdb2::line::Point;
use crate::adapters::store::influxdb2::line::TIMES;
use crate::adapters::store::influxdb2::line::encode;
use crate::adapters::store::influxdb2::spans::Spans;
use crate::domain::calendar::Instant;
use crate::domain::names::SourceId;
use crate::domain::reading::Observation;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;
use crate::ports::Appended;

/// Lines of one body; more gained nothing when it was measured.
const BODY_LINES_MAX: usize = 5_000;
/// In how many bodies a batch goes that has the lines for it, so that one is made while the one before is on its way.
const PARTS: usize = 4;
/// Lines that a body of such a batch has at least: a server syncs once a body.
const PART_LINES_MIN: usize = 500;
/// Cells kept to compare with.
const KNOWN_CELLS_MAX: usize = 500_000;
/// Sources asked about in one look.
const LOOK_SOURCES_MAX: usize = 8;
/// Lines of one source that a look may span.
const LOOK_LINES: i64 = 1_440;

/// Room for a line, and for each value with its receipt, so that few grow while they are written.
const LINE_BYTES: usize = 80;
const FIELD_BYTES: usize = 40;

/// A line of readings: whose, and when.
pub(super) type LineId = (Owner, i64);

/// Values of a line by column.
type Cells = BTreeMap<Column, Cell>;

/// A cell to write, with until when it counted.
type Said<'a> = (&'a Column, &'a Cell, Option<i64>);

/// Looked into at every value stored.
type FastMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// What is known of lines without asking.
#[derive(Default)]
pub(super) struct Known {
    lines: FastMap<LineId, Cells>,
    cells: usize,
    newest: FastMap<Owner, i64>,
    names: Names,
}

/// Names of the fields of a column: value, receipt, note and end.
type FieldNames = [String; 4];

/// Names of fields, which are the same from line to line.
#[derive(Default)]
struct Names(FastMap<Column, FieldNames>);

impl Names {
    /// Makes the names of columns that are new.
    fn add<'a>(&mut self, columns: impl Iterator<Item = &'a Column>) {
        for column in columns {
            if !self.0.contains_key(column) {
                let names = [Part::Value, Part::At, Part::Note, Part::Until];
                let names = names.map(|part| field(column, part));
                self.0.insert(column.clone(), names);
            }
        }
    }

    fn of(&self, column: &Column) -> &FieldNames {
        self.0
            .get(column)
            .expect("every column of a change was added")
    }
}

/// What a line of a batch changes.
#[derive(Default)]
struct Change {
    cells: Cells,
    /// Replaced values, each with its column, number, and from when on another counts.
    replaced: Vec<(Column, Cell, i64)>,
    new: u64,
    repeated: u64,
    corrected: u64,
}

/// Lines that go to the server together.
#[derive(Default)]
struct Load {
    changes: Vec<(LineId, Change)>,
    /// The lines of each change.
    units: Vec<String>,
    /// Which of them the server refuses for ever, and why.
    refused: Vec<(usize, String)>,
}

impl Load {
    async fn sent(mut self, client: Arc<Client>) -> Result<Self, Failure> {
        self.refused = post(&client, &self.units).await?;
        Ok(self)
    }
}

/// What a part came back with.
fn arrived(flown: Result<Result<Load, Failure>, JoinError>) -> Result<Load, Failure> {
    flown.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()))
}

/// What became of a batch.
#[derive(Default)]
pub(super) struct Stored {
    /// The answer to whoever appended.
    pub(super) appended: Appended,
    /// Every series written, with the first and last of its times.
    pub(super) written: Vec<(SeriesKey, (i64, i64))>,
    /// Lines the server will never take: source, text, reason.
    pub(super) refused: Vec<(SourceId, String, String)>,
}

impl Known {
    /// Knows the newest time of every source and interval.
    pub(super) fn of<'a>(ends: impl IntoIterator<Item = (&'a SeriesKey, i64)>) -> Self {
        let mut known = Self::default();
        for (key, last) in ends {
            known.saw(&(key.source.clone(), key.interval_s), last);
        }
        known
    }

    fn saw(&mut self, owner: &Owner, time: i64) {
        match self.newest.get_mut(owner) {
            Some(newest) => *newest = time.max(*newest),
            None => drop(self.newest.insert(owner.clone(), time)),
        }
    }

    fn keep(&mut self, id: LineId, cells: Cells) {
        self.cells += cells.len() + 1;
        match self.lines.entry(id) {
            Entry::Vacant(place) => drop(place.insert(cells)),
            Entry::Occupied(mut place) => place.get_mut().extend(cells),
        }
    }

    /// Writes what a batch changes; when it returns, the server has it.
    ///
    /// # Errors
    /// A [`Failure`] that is not about single lines; what is known must then be learned anew.
    pub(super) async fn store(
        &mut self,
        (client, bucket): (&Arc<Client>, &str),
        received_at: Instant,
        observations: &[Observation],
    ) -> Result<Stored, Failure> {
        if self.cells > KNOWN_CELLS_MAX {
            self.lines.clear();
            self.cells = 0;
        }
        let runs = observations.chunk_by(same_line).map(|run| &run[0]);
        let wanted: BTreeSet<LineId> = runs
            .filter(|one| TIMES.contains(&one.reading.time.unix()))
            .map(line_of)
            .filter(|id| self.may_be_there(id))
            .collect();
        for look in Self::looks(&wanted) {
            self.look(client, bucket, &look).await?;
        }
        let mut stored = Stored::default();
        let changes = self.changes(received_at, observations, &mut stored);
        let lines = changes.len().div_ceil(PARTS);
        let lines = lines.clamp(PART_LINES_MIN, BODY_LINES_MAX);
        let mut changes = changes.into_iter();
        let mut spans = Spans::default();
        // Given up with this one: what is on its way then must not arrive after what is written next.
        let mut flight: JoinSet<Result<Load, Failure>> = JoinSet::new();
        loop {
            let part = self.part(changes.by_ref().take(lines), &mut stored);
            let landed = flight.join_next().await.map(arrived).transpose()?;
            let last = part.changes.is_empty();
            if !last {
                flight.spawn(part.sent(Arc::clone(client)));
            }
            if let Some(landed) = landed {
                self.landed(landed, &mut stored, &mut spans);
            }
            if last && changes.len() == 0 {
                break;
            }
        }
        spans.end(&mut stored.written);
        stored.appended.touched.sort_unstable();
        stored.appended.touched.dedup();
        Ok(stored)
    }

    /// The lines of some changes.
    fn part(
        &mut self,
        changes: impl Iterator<Item = (LineId, Change)>,
        stored: &mut Stored,
    ) -> Load {
        let mut part = Load::default();
        for (id, change) in changes {
            stored.appended.repeated += change.repeated;
            if change.cells.is_empty() {
                continue;
            }
            self.names.add(change.cells.keys());
            match unit(&id, &change, &self.names) {
                Ok(unit) => {
                    part.units.push(unit);
                    part.changes.push((id, change));
                }
                Err((line, fault)) => stored.refused.push((id.0.0, line, fault.to_string())),
            }
        }
        part
    }

    /// Takes in that a part is written, but for what the server refused of it.
    fn landed(&mut self, mut part: Load, stored: &mut Stored, spans: &mut Spans) {
        let mut refused: BTreeMap<usize, String> = part.refused.into_iter().collect();
        for (number, (id, change)) in part.changes.into_iter().enumerate() {
            if let Some(reason) = refused.remove(&number) {
                let unit = std::mem::take(&mut part.units[number]);
                stored.refused.push((id.0.0.clone(), unit, reason));
                continue;
            }
            self.written(id, change, stored, spans);
        }
    }

    /// Puts marks in the place of readings that an order takes out; when it returns, the server has them.
    ///
    /// # Errors
    /// As [`Self::store`]; some may have been taken out, and giving the order again takes out the others.
    pub(super) async fn take_out(
        &mut self,
        client: &Client,
        ordered_at: Instant,
        meant: Vec<(SeriesKey, i64, Cell)>,
    ) -> Result<(), Failure> {
        let mut changes: BTreeMap<LineId, Change> = BTreeMap::new();
        for (key, time, cell) in meant {
            let change = changes
                .entry(((key.source, key.interval_s), time))
                .or_default();
            let column = (key.factor, key.stat);
            let mark = cell.gone(ordered_at.unix());
            change.replaced.push((column.clone(), cell, mark.at));
            change.cells.insert(column, mark);
        }
        for change in changes.values() {
            self.names.add(change.cells.keys());
        }
        let names = &self.names;
        let units = changes.iter().map(|(id, change)| unit(id, change, names));
        let units: Result<Vec<String>, _> = units.collect();
        let units = units.map_err(|(_, fault)| Failure::Settings(fault.to_string()))?;
        if let Some((_, reason)) = post(client, &units).await?.into_iter().next() {
            return Err(Failure::Settings(reason));
        }
        for (id, change) in changes {
            self.keep(id, change.cells);
        }
        Ok(())
    }

    fn written(&mut self, id: LineId, change: Change, stored: &mut Stored, spans: &mut Spans) {
        let ((source, _), time) = &id;
        stored.appended.new += change.new;
        stored.appended.corrected += change.corrected;
        stored
            .appended
            .touched
            .push((source.clone(), Instant::from_unix(*time)));
        spans.add(&id, change.cells.keys(), &mut stored.written);
        self.saw(&id.0, *time);
        self.keep(id, change.cells);
    }

    /// Whether the server may hold a line of which nothing is known.
    fn may_be_there(&self, id: &LineId) -> bool {
        let (owner, time) = id;
        let newest = self.newest.get(owner);
        newest.is_some_and(|newest| time <= newest) && !self.lines.contains_key(id)
    }

    /// The lines of which nothing is known, in few looks of bounded size.
    fn looks(wanted: &BTreeSet<LineId>) -> Vec<Look> {
        let mut spans: BTreeMap<(u32, i64), BTreeMap<SourceId, Vec<i64>>> = BTreeMap::new();
        for id in wanted {
            let ((source, interval_s), time) = id;
            let span = time.div_euclid(LOOK_LINES * i64::from(*interval_s).max(1));
            let sources = spans.entry((*interval_s, span)).or_default();
            sources.entry(source.clone()).or_default().push(*time);
        }
        let mut looks = Vec::new();
        for ((interval_s, _), sources) in spans {
            let sources: Vec<_> = sources.into_iter().collect();
            looks.extend(sources.chunks(LOOK_SOURCES_MAX).map(|some| Look {
                interval_s,
                lines: some.to_vec(),
            }));
        }
        looks
    }

    /// Reads lines as they stand on the server; what is not there is known to be missing.
    async fn look(&mut self, client: &Client, bucket: &str, look: &Look) -> Result<(), Failure> {
        let sources: Vec<SourceId> = look
            .lines
            .iter()
            .map(|(source, _)| source.clone())
            .collect();
        let times = || look.lines.iter().flat_map(|(_, times)| times).copied();
        let ask = Ask {
            bucket,
            measurement: READING,
            sources: &sources,
            interval_s: look.interval_s,
            first: times().min().unwrap_or_default(),
            last: times().max().unwrap_or_default(),
            fields: &[],
            rows_max: None,
        };
        let gathered = gather(client.query(ask.flux()).await?).map_err(Failure::Settings)?;
        for (source, times) in &look.lines {
            for time in times {
                self.keep(((source.clone(), look.interval_s), *time), Cells::new());
            }
        }
        for ((owner, time, _), cells) in gathered {
            let cells = cells.into_iter().map(|(column, (cell, _))| (column, cell));
            self.keep((owner, time), cells.collect());
        }
        Ok(())
    }

    fn changes(
        &self,
        received_at: Instant,
        observations: &[Observation],
        stored: &mut Stored,
    ) -> BTreeMap<LineId, Change> {
        let mut changes: BTreeMap<LineId, Change> = BTreeMap::new();
        let last = OnceCell::new();
        for run in observations.chunk_by(same_line) {
            let id = line_of(&run[0]);
            if !TIMES.contains(&id.1) {
                stored.refused.extend(run.iter().map(outside));
                continue;
            }
            let known = self.lines.get(&id);
            let change = changes.entry(id).or_default();
            for one in run {
                let counting = known.and_then(|cells| cells.get(&column_of(one)));
                // What the batch says in the end already counts: it was applied, and its answer got lost.
                let settled = counting.is_some_and(|cell| {
                    let last = last.get_or_init(|| last_values(observations));
                    let said = last.get(&(&one.key, one.reading.time.unix()));
                    said.is_some_and(|said| said.repeats(&cell.reading(one.reading.time.unix())))
                });
                if settled {
                    change.repeated += 1;
                } else {
                    change.say(one, counting, received_at.unix());
                }
            }
        }
        changes
    }
}

impl Change {
    /// Takes in a value, after what counts at the server.
    fn say(&mut self, one: &Observation, counting: Option<&Cell>, received_at: i64) {
        let (column, reading) = (column_of(one), &one.reading);
        let before = self.cells.get(&column).or(counting).cloned();
        let cell = match before {
            None => {
                self.new += 1;
                Cell::of(reading, received_at, 0)
            }
            Some(before) if reading.repeats(&before.reading(reading.time.unix())) => {
                self.repeated += 1;
                return;
            }
            Some(before) => {
                if before.deleted {
                    self.new += 1;
                } else {
                    self.corrected += 1;
                }
                let counts_from = received_at.max(before.at);
                let cell = Cell::of(reading, counts_from, before.revisions + 1);
                self.replaced.push((column.clone(), before, counts_from));
                cell
            }
        };
        self.cells.insert(column, cell);
    }
}

/// A value whose time no server can hold: its source, what it says, and why.
fn outside(one: &Observation) -> (SourceId, String, String) {
    let (key, reading) = (&one.key, &one.reading);
    let time = reading.time.unix();
    let value = reading
        .value
        .map_or_else(|| "null".to_owned(), |value| value.to_string());
    let line = format!(
        "{} {} {} {} {time} {value}",
        key.source, key.factor, key.stat, key.interval_s
    );
    (key.source.clone(), line, LineFault::Time(time).to_string())
}

/// The last value of every identity.
fn last_values(observations: &[Observation]) -> HashMap<(&SeriesKey, i64), &Reading> {
    let pairs = observations
        .iter()
        .map(|one| ((&one.key, one.reading.time.unix()), &one.reading));
    pairs.collect()
}

/// One look at lines of some sources, close to one another in time.
struct Look {
    interval_s: u32,
    lines: Vec<(SourceId, Vec<i64>)>,
}

fn same_line(a: &Observation, b: &Observation) -> bool {
    a.reading.time == b.reading.time
        && a.key.interval_s == b.key.interval_s
        && a.key.source == b.key.source
}

fn column_of(observation: &Observation) -> Column {
    let key = &observation.key;
    (key.factor.clone(), key.stat.clone())
}

fn line_of(observation: &Observation) -> LineId {
    let key = &observation.key;
    (
        (key.source.clone(), key.interval_s),
        observation.reading.time.unix(),
    )
}

/// The lines of a change; revisions go before what replaced them, and are never sent without.
fn unit(id: &LineId, change: &Change, names: &Names) -> Result<String, (String, LineFault)> {
    let fields = change.cells.len() + 2 * change.replaced.len();
    let mut out = String::with_capacity(LINE_BYTES + fields * FIELD_BYTES);
    let mut add = |measurement: &str, number: &str, cells: &[Said<'_>]| {
        line(measurement, id, (number, cells), names, &mut out)
            .map_err(|fault| (format!("{id:?}"), fault))
    };
    // A number of revisions has one line, whichever columns have that many.
    let mut by_number: BTreeMap<u32, Vec<Said<'_>>> = BTreeMap::new();
    for (column, cell, until) in &change.replaced {
        let one = by_number.entry(cell.revisions).or_default();
        one.push((column, cell, Some(*until)));
    }
    for (number, cells) in by_number {
        add(REVISION, &number.to_string(), &cells)?;
    }
    let cells = change
        .cells
        .iter()
        .map(|(column, cell)| (column, cell, None));
    add(READING, "", &cells.collect::<Vec<_>>())?;
    Ok(out)
}

fn line(
    measurement: &str,
    ((source, interval_s), time): &LineId,
    (number, cells): (&str, &[Said<'_>]),
    names: &Names,
    out: &mut String,
) -> Result<(), LineFault> {
    let notes: Vec<_> = cells.iter().map(|(_, cell, _)| cell.note()).collect();
    let mut fields = Vec::with_capacity(cells.len() * 2);
    for (note, (column, cell, until)) in notes.iter().zip(cells) {
        let [value, at, noted, end] = names.of(column);
        if let Some(number) = cell.value {
            fields.push((value.as_str(), FieldValue::Number(number)));
        }
        fields.push((at.as_str(), FieldValue::Integer(cell.at)));
        if let Some(note) = note {
            fields.push((noted.as_str(), FieldValue::Text(note)));
        }
        if let Some(until) = until {
            fields.push((end.as_str(), FieldValue::Integer(*until)));
        }
    }
    let interval = interval_s.to_string();
    let tags = [
        ("interval_s", interval.as_str()),
        ("n", number),
        ("source", source.as_str()),
    ];
    let point = Point {
        measurement,
        tags: &tags,
        fields: &fields,
        time: *time,
    };
    encode(&point, out)
}

/// Posts units of lines; gives those the server refuses, found by halving what it refuses as a whole.
pub(super) async fn post(
    client: &Client,
    units: &[String],
) -> Result<Vec<(usize, String)>, Failure> {
    let mut refused = Vec::new();
    let starts = (0..units.len()).step_by(BODY_LINES_MAX);
    let mut open: Vec<Range<usize>> = starts
        .map(|start| start..units.len().min(start + BODY_LINES_MAX))
        .rev()
        .collect();
    while let Some(range) = open.pop() {
        match client.write(units[range.clone()].concat()).await {
            Ok(()) => {}
            Err(Failure::Refused(reason)) if range.len() == 1 => {
                refused.push((range.start, reason))
            }
            Err(Failure::Refused(_)) => {
                let middle = range.start + range.len() / 2;
                open.push(middle..range.end);
                open.push(range.start..middle);
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(refused)
}
