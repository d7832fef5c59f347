//! Fills the page for whoever connects a station or logger: what of it was kept last, decoded and as it came, how its clock
//! stands against ours, and values that look like another unit.

use serde_json::Value;

use crate::adapters::http::desk::Desk;
use crate::adapters::http::desk::Wish;
use crate::adapters::http::desk::station_tables::columns;
use crate::adapters::http::desk::station_tables::in_unit;
use crate::adapters::http::desk::station_tables::moment;
use crate::adapters::http::desk::station_tables::shown;
use crate::adapters::http::desk::station_tables::with_unit;
use crate::adapters::http::error::Problem;
use crate::adapters::http::page::frame::Place;
use crate::adapters::http::page::frame::spaced;
use crate::adapters::http::page::sheet::Block;
use crate::adapters::http::page::sheet::Cell;
use crate::adapters::http::page::sheet::Part;
use crate::adapters::http::page::sheet::Sheet;
use crate::adapters::http::page::sheet::Table;
use crate::adapters::http::phrases::fill;
use crate::adapters::http::phrases::phrases;
use crate::adapters::http::state::WebState;
use crate::adapters::report::letters;
use crate::domain::calendar::HOUR_S;
use crate::domain::calendar::Instant;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::domain::pollutant::Pollutant;
use crate::domain::reading::Reading;
use crate::domain::reading::SeriesKey;
use crate::ports::Kept;
use crate::ports::LetterQuery;
use crate::ports::Range;

/// Messages of the source that are shown whole.
const LETTERS_MAX: usize = 5;
/// Readings that are shown, by time.
const READINGS_MAX: usize = 48;
/// How far back readings are looked for, from the newest stored one.
const BACK_S: i64 = 6 * HOUR_S;
/// A value this many times over what an instrument shows, and sensible when divided by it, looks like another unit.
const UNIT_FACTOR: i64 = 1_000;

/// Half a unit, in the millionths that values are kept in.
const SMALL_MICROS: i64 = 500_000;

/// A reading with its column and when it was received.
struct Came {
    key: SeriesKey,
    received: Instant,
    reading: Reading,
}

/// Builds the page of a source's coming in.
///
/// # Errors
/// An id that is none, or those of the store.
pub async fn commissioning(state: &WebState, wish: Wish, id: &str) -> Result<Sheet, Problem> {
    let id = SourceId::new(id).map_err(|fault| Problem::bad("id", fault))?;
    let registry = state.directory.now();
    let station = registry.station(&id).is_some();
    let kind = match registry.logger(&id) {
        Some(_) if !station => SourceKind::Logger,
        _ => SourceKind::Station,
    };
    let source = Source {
        kind,
        id: id.clone(),
    };
    let kept = newest_letters(state, &source).await?;
    let came = newest_readings(state, &id).await?;
    let last = state.recent.of(&source);
    let known = station || registry.logger(&id).is_some();
    if !known && kept.is_empty() && came.is_empty() && last.is_empty() {
        return Err(Problem::NotFound(format!(
            "nothing is registered as {id}, and nothing came from it"
        )));
    }
    let desk = Desk::open(state, &wish).await?;
    let words_of = phrases(desk.lang);
    let interval = registry.interval_s(&source);
    let facts = vec![
        (
            words_of.col_standing.to_owned(),
            Cell::verdict(
                known,
                match known {
                    true => words_of.is_registered,
                    false => words_of.not_registered,
                },
            ),
        ),
        (
            words_of.interval.to_owned(),
            Cell::text(interval.map_or_else(|| "–".to_owned(), |own| format!("{own} s"))),
        ),
        (
            words_of.clock_offset.to_owned(),
            Cell::text(offset_words(&came, &desk)),
        ),
        (words_of.label_side.to_owned(), desk.label_side(&last)),
        (words_of.crc.to_owned(), desk.checks(&last)),
    ];
    Ok(Sheet {
        lang: desk.lang,
        place: Place::Data,
        path: format!("/commissioning/{id}"),
        own: Vec::new(),
        heading: source.to_string(),
        subject: words_of.commissioning_title.to_owned(),
        choose: None,
        basis: None,
        simulated: registry.station(&id).is_some_and(|own| own.simulated),
        blocks: vec![
            Block {
                anchor: "facts",
                title: words_of.commissioning_title.to_owned(),
                notes: Vec::new(),
                parts: desk.with_gaps(facts, station.then_some(&id)),
            },
            desk.last_block(&last),
            desk.came_block(&came),
            desk.kept_block(&kept),
        ],
    })
}

/// The newest messages of the source that could not be used at once, the newest first.
async fn newest_letters(state: &WebState, source: &Source) -> Result<Vec<Kept>, Problem> {
    let counts = state.letters.letter_counts().await?;
    let own = counts.iter().filter(|(of, ..)| of == source);
    let all: u64 = own.map(|(_, _, count)| count).sum();
    let mut kept = Vec::new();
    let (mut after, mut left) = (0, usize::try_from(all).unwrap_or(usize::MAX));
    while left > 0 {
        let query = LetterQuery {
            after,
            limit: left.min(1_000),
            state: None,
            source: Some(source.clone()),
        };
        let found = state.letters.letters(query).await?;
        let Some(last) = found.last() else { break };
        after = last.id;
        left = left.saturating_sub(found.len());
        kept = found;
    }
    kept.reverse();
    kept.truncate(LETTERS_MAX);
    Ok(kept)
}

/// The newest readings of all the source's columns, the newest first.
async fn newest_readings(state: &WebState, id: &SourceId) -> Result<Vec<Came>, Problem> {
    let days = state.rollup.now();
    let newest = days.get(id).and_then(|days| days.keys().next_back());
    let now = state.now();
    let upto = newest.map_or(now, |day| state.zone.day_end(*day));
    let keys = state.series.keys().await?;
    let own = keys.iter().filter(|key| key.source == *id);
    let mut came = Vec::new();
    for key in own {
        let range = Range {
            after: upto.plus_s(-24 * HOUR_S - BACK_S),
            upto: Instant::from_unix(i64::MAX),
            ..Range::ALL
        };
        let found = state.series.received(key, range).await?;
        came.extend(found.into_iter().map(|(received, reading)| Came {
            key: key.clone(),
            received,
            reading,
        }));
    }
    came.sort_by(|a, b| {
        let newest_first = b.reading.time.cmp(&a.reading.time);
        newest_first.then_with(|| a.key.factor.as_str().cmp(b.key.factor.as_str()))
    });
    came.truncate(READINGS_MAX);
    Ok(came)
}

/// Receipt less stamp of the newest readings: their least and greatest, in seconds.
fn offset_words(came: &[Came], desk: &Desk<'_>) -> String {
    let words_of = phrases(desk.lang);
    let offsets = came.iter();
    let offsets: Vec<i64> = offsets
        .map(|own| own.received.unix() - own.reading.time.unix())
        .collect();
    match (offsets.iter().min(), offsets.iter().max()) {
        (Some(least), Some(most)) => fill(
            words_of.clock_offset_is,
            &[("least", &least.to_string()), ("most", &most.to_string())],
        ),
        _ => words_of.no_data_yet.to_owned(),
    }
}

impl Desk<'_> {
    /// What is known of a source, and where its gaps are if it is a station.
    fn with_gaps(&self, facts: Vec<(String, Cell)>, station: Option<&SourceId>) -> Vec<Part> {
        let links = station.map(|id| {
            let address = format!("/stations/{id}?lang={}#gaps", self.lang.key());
            Part::Links(vec![(address, phrases(self.lang).gaps_title.to_owned())])
        });
        std::iter::once(Part::Facts(facts)).chain(links).collect()
    }

    /// Whether a value looks like micrograms where milligrams are meant, or the other way round.
    fn looks_like_other_unit(&self, own: &Came) -> bool {
        let pollutant = Pollutant::ALL
            .into_iter()
            .find(|pollutant| pollutant.factor() == own.key.factor);
        let limits = pollutant.map(|pollutant| self.state.rules.range[pollutant.index()].micros());
        let value = own.reading.value.map(|value| value.micros());
        limits.zip(value).is_some_and(|(limit, value)| {
            let large = value > limit && value / UNIT_FACTOR <= limit && value / UNIT_FACTOR > 0;
            // Below half a microgram: rather milligrams, which only CO is in.
            let small = pollutant != Some(Pollutant::Co) && (1..SMALL_MICROS).contains(&value);
            large || small
        })
    }

    fn came_block(&self, came: &[Came]) -> Block {
        let words_of = phrases(self.lang);
        let zone = self.state.zone;
        let row = |own: &Came| {
            let delay = own.received.unix() - own.reading.time.unix();
            let value = own.reading.value.map(|value| value.to_string());
            vec![
                Cell::text(spaced(&zone.text(own.reading.time))),
                Cell::text(own.key.factor.as_str()),
                Cell::text(own.key.stat.as_str()),
                Cell::text(own.key.interval_s.to_string()),
                Cell::text(value.map_or_else(
                    || "–".to_owned(),
                    |value| with_unit(&value, own.key.factor.as_str()),
                )),
                Cell::text(own.reading.flag.as_str()),
                Cell::text(spaced(&zone.text(own.received))),
                Cell::text(delay.to_string()),
                match self.looks_like_other_unit(own) {
                    true => Cell::verdict(false, words_of.unit_suspicion),
                    false => Cell::text("–"),
                },
            ]
        };
        Block {
            anchor: "decoded",
            title: words_of.decoded_title.to_owned(),
            notes: vec![fill(
                words_of.decoded_note,
                &[("most", &READINGS_MAX.to_string())],
            )],
            parts: vec![Part::Table(Table {
                columns: columns(&[
                    (words_of.col_when, false),
                    (words_of.col_pollutant, false),
                    (words_of.col_stat, false),
                    (&in_unit(words_of.interval, "s"), true),
                    (words_of.col_value, true),
                    (words_of.col_flag, false),
                    (words_of.col_received, false),
                    (words_of.col_delay, true),
                    (words_of.col_unit, false),
                ]),
                rows: came.iter().map(row).collect(),
                empty: words_of.no_data_yet.to_owned(),
                csv: None,
                folded: false,
            })],
        }
    }

    fn kept_block(&self, kept: &[Kept]) -> Block {
        let words_of = phrases(self.lang);
        let mut parts = Vec::new();
        for own in kept {
            let shape = letters::whole(self.state.zone, own);
            let fact = |name: &str, value: Cell| (name.to_owned(), value);
            parts.push(Part::Facts(vec![
                fact(words_of.col_number, shown(&shape["id"])),
                fact(words_of.col_received, moment(&shape["received_at"])),
                fact(words_of.col_topic, shown(&shape["topic"])),
                fact(words_of.col_standing, shown(&shape["state"])),
                fact(words_of.col_why, shown(&shape["reason"])),
            ]));
            let raw = [&shape["payload"], &shape["payload_hex"]];
            let raw = raw.into_iter().find_map(Value::as_str);
            parts.push(Part::Verbatim(raw.unwrap_or_default().to_owned()));
        }
        Block {
            anchor: "raw",
            title: words_of.raw_title.to_owned(),
            notes: vec![match kept.is_empty() {
                true => words_of.raw_none.to_owned(),
                false => words_of.raw_note.to_owned(),
            }],
            parts,
        }
    }
}
