//! The store that forgets: everything in maps, for tests, for `assess` on files and for trying things out.
//! It keeps the same promises as the durable one, except durability.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::adapters::credit_events::to_line;
use crate::adapters::store::embedded::chain::GENESIS;
use crate::adapters::store::embedded::chain::link;
use crate::adapters::store::legible;
use crate::domain::calendar::Instant;
use crate::domain::credit::CreditEvent;
use crate::domain::credit::lookup::Lookup;
use crate::domain::credit::lookup::Stamp;
use crate::domain::credit::lookup::Wanted;
use crate::domain::deletion::Deletion;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::presence::Party;
use crate::domain::presence::Spell;
use crate::domain::presence::Way;
use crate::domain::publication::Issue;
use crate::domain::reading::Observation;
use crate::domain::reading::Picked;
use crate::domain::reading::Reading;
use crate::domain::reading::Replaced;
use crate::domain::reading::SeriesKey;
use crate::domain::registry::Registry;
use crate::domain::retention::Gone;
use crate::domain::review::Decision;
use crate::domain::strip::Numbers;
use crate::ports::Answer;
use crate::ports::Appended;
use crate::ports::Attendance;
use crate::ports::Attended;
use crate::ports::Batch;
use crate::ports::DELETED_MAX;
use crate::ports::Deleted;
use crate::ports::Kept;
use crate::ports::Ledger;
use crate::ports::LedgerRow;
use crate::ports::LetterQuery;
use crate::ports::LetterState;
use crate::ports::Letters;
use crate::ports::Lookups;
use crate::ports::Publications;
use crate::ports::Range;
use crate::ports::Registrar;
use crate::ports::ReplacedQuery;
use crate::ports::Reviews;
use crate::ports::Series;
use crate::ports::StoreError;
use crate::ports::Verified;
use crate::ports::Verify;
use crate::ports::Visit;

/// What counted at a time, from some moment on.
struct Version {
    from: Instant,
    reading: Reading,
    /// Taken out by order.
    deleted: bool,
}

/// One identity's versions in the order they counted.
type Versions = Vec<Version>;

#[derive(Default)]
struct State {
    columns: BTreeMap<SeriesKey, BTreeMap<Instant, Versions>>,
    /// In the order of their numbers, which begin at 1 and leave none out.
    letters: Vec<Kept>,
    registry: Registry,
    marks: BTreeMap<String, String>,
    ledger: Vec<CreditEvent>,
    issues: Vec<Issue>,
    decisions: Vec<Decision>,
    lookups: Vec<Lookup>,
    stamps: Vec<Stamp>,
    /// By party as text, and beginning.
    spells: BTreeMap<(String, Instant), Spell>,
    /// By source as text, and link.
    ways: BTreeMap<(String, String), Way>,
    deletions: Vec<Deletion>,
}

/// Everything in memory.
#[derive(Default)]
pub struct Memory {
    state: Mutex<State>,
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> Answer<'a, T> {
    Box::pin(std::future::ready(Ok::<T, StoreError>(value)))
}

impl State {
    fn append(&mut self, batch: Batch) -> Appended {
        let mut appended = Appended::default();
        for Observation { key, reading } in batch.observations {
            let source = key.source.clone();
            let time = reading.time;
            let versions = self
                .columns
                .entry(key)
                .or_default()
                .entry(time)
                .or_default();
            let mut from = batch.received_at;
            match versions.last() {
                Some(last) if reading.repeats(&last.reading) => {
                    appended.repeated += 1;
                    continue;
                }
                Some(last) => {
                    let count = if last.deleted {
                        &mut appended.new
                    } else {
                        &mut appended.corrected
                    };
                    *count += 1;
                    from = from.max(last.from);
                }
                None => appended.new += 1,
            }
            versions.push(Version {
                from,
                reading,
                deleted: false,
            });
            appended.touched.push((source, time));
        }
        for letter in batch.dead_letters {
            let id = self.letters.len() as u64 + 1;
            let tries = Vec::new();
            self.letters.push(Kept { id, letter, tries });
        }
        for retried in batch.retried {
            let known = self
                .letters
                .iter_mut()
                .find(|kept| kept.id == retried.letter);
            if let Some(kept) = known {
                kept.tries.push(retried);
            }
        }
        appended.touched.sort_unstable();
        appended.touched.dedup();
        appended
    }

    fn delete(&mut self, order: Deletion) -> Deleted {
        let columns = self.columns.iter_mut();
        let columns = columns.filter(|(key, _)| order.concerns(key));
        let versions = columns.flat_map(|(_, column)| column.iter_mut());
        let meant = |(time, versions): &(&Instant, &mut Versions)| {
            order.covers(**time) && versions.last().is_some_and(|last| !last.deleted)
        };
        let mut found: Vec<(&Instant, &mut Versions)> = versions.filter(meant).collect();
        if found.len() > DELETED_MAX {
            return Deleted::TooMany;
        }
        if found.is_empty() {
            return Deleted::Nothing;
        }
        let mut touched = Vec::new();
        for (time, versions) in &mut found {
            touched.push((order.source.clone(), **time));
            let gone = versions.last().map(|last| Version {
                from: order.ordered_at.max(last.from),
                reading: last.reading.clone(),
                deleted: true,
            });
            versions.extend(gone);
        }
        let readings = found.len() as u64;
        touched.sort_unstable();
        touched.dedup();
        self.deletions.push(order);
        Deleted::Done {
            number: self.deletions.len() as u64,
            readings,
            touched,
        }
    }

    fn replaced(&self, query: &ReplacedQuery) -> Vec<Replaced> {
        let ReplacedQuery { source, range, .. } = query;
        let own = self.columns.iter().filter(|(key, _)| key.source == *source);
        let mut rows = Picked::new(query.pick, range.limit);
        for (key, column) in own {
            let within = |time: &Instant| range.after < *time && *time <= range.upto;
            let meant = column.iter().filter(|(time, _)| within(time));
            for pair in meant.flat_map(|(_, versions)| versions.windows(2)) {
                if !pair[0].deleted {
                    rows.push(Replaced {
                        key: key.clone(),
                        reading: pair[0].reading.clone(),
                        received_at: pair[0].from,
                        replaced_at: pair[1].from,
                    });
                }
            }
        }
        rows.into_rows()
    }

    fn received(&self, key: &SeriesKey, range: Range) -> Vec<(Instant, Reading)> {
        let Some(column) = self.columns.get(key).filter(|_| range.after < range.upto) else {
            return Vec::new();
        };
        let bounds = (
            std::ops::Bound::Excluded(range.after),
            std::ops::Bound::Included(range.upto),
        );
        let versions = column.range(bounds).map(|(_, versions)| versions);
        let readings = versions.filter_map(|versions| known(versions, range.known_at));
        readings.take(range.limit).collect()
    }
}

fn known(versions: &Versions, known_at: Option<Instant>) -> Option<(Instant, Reading)> {
    let at = known_at.unwrap_or(Instant::from_unix(i64::MAX));
    let found = versions.iter().rev().find(|version| version.from <= at)?;
    (!found.deleted).then(|| (found.from, found.reading.clone()))
}

impl Series for Memory {
    fn append(&self, batch: Batch) -> Answer<'_, Appended> {
        ready(self.state().append(batch))
    }

    fn delete(&self, order: Deletion) -> Answer<'_, Deleted> {
        ready(self.state().delete(order))
    }

    fn deletions(&self) -> Answer<'_, Vec<Deletion>> {
        ready(self.state().deletions.clone())
    }

    fn keys(&self) -> Answer<'_, Vec<SeriesKey>> {
        ready(self.state().columns.keys().cloned().collect())
    }

    fn column<'a>(&'a self, key: &'a SeriesKey, range: Range) -> Answer<'a, Vec<Reading>> {
        let readings = self.state().received(key, range).into_iter();
        ready(readings.map(|(_, reading)| reading).collect())
    }

    fn received<'a>(
        &'a self,
        key: &'a SeriesKey,
        range: Range,
    ) -> Answer<'a, Vec<(Instant, Reading)>> {
        ready(self.state().received(key, range))
    }

    fn replaced(&self, query: ReplacedQuery) -> Answer<'_, Vec<Replaced>> {
        ready(self.state().replaced(&query))
    }

    fn scan<'a>(&'a self, keys: &'a [SeriesKey], range: Range, mut visit: Visit) -> Answer<'a, ()> {
        for (at, key) in keys.iter().enumerate() {
            let readings = self.state().received(key, range);
            let numbers = Numbers::of(readings.iter().map(|(_, reading)| reading));
            visit(at, numbers.strip());
        }
        ready(())
    }
}

impl Letters for Memory {
    fn letters(&self, query: LetterQuery) -> Answer<'_, Vec<Kept>> {
        let state = self.state();
        let of_state = |kept: &&Kept| query.state.is_none_or(|state| kept.state() == state);
        let of_source = |kept: &&Kept| {
            let source = query.source.as_ref();
            source.is_none_or(|source| kept.letter.source == *source)
        };
        let asked = state.letters.iter().filter(|kept| kept.id > query.after);
        let asked = asked.filter(of_state).filter(of_source);
        ready(asked.take(query.limit).cloned().collect())
    }

    fn letter_counts(&self) -> Answer<'_, Vec<(Source, LetterState, u64)>> {
        let mut counts = BTreeMap::new();
        for kept in &self.state().letters {
            let key = (kept.letter.source.clone(), kept.state().key());
            counts.entry(key).or_insert((kept.state(), 0)).1 += 1;
        }
        let counts = counts.into_iter();
        ready(
            counts
                .map(|((source, _), (state, count))| (source, state, count))
                .collect(),
        )
    }

    fn letter_count(&self, state: LetterState) -> Answer<'_, u64> {
        let own = self.state();
        let own = own.letters.iter().filter(|kept| kept.state() == state);
        ready(own.count() as u64)
    }
}

impl Registrar for Memory {
    fn registry(&self) -> Answer<'_, Registry> {
        ready(self.state().registry.clone())
    }

    fn register(&self, entries: Registry) -> Answer<'_, ()> {
        self.state().registry.merge(entries);
        ready(())
    }

    fn mark<'a>(&'a self, name: &'a str) -> Answer<'a, Option<String>> {
        ready(self.state().marks.get(name).cloned())
    }

    fn set_mark<'a>(&'a self, name: &'a str, value: &'a str) -> Answer<'a, ()> {
        self.state().marks.insert(name.to_owned(), value.to_owned());
        ready(())
    }
}

impl Ledger for Memory {
    fn append_events(&self, events: Vec<CreditEvent>) -> Answer<'_, u64> {
        if let Err(refused) = legible(&events) {
            return Box::pin(async { Err(refused) });
        }
        let mut state = self.state();
        state.ledger.extend(events);
        ready(state.ledger.len() as u64)
    }

    fn events(&self) -> Answer<'_, Vec<CreditEvent>> {
        ready(self.state().ledger.clone())
    }

    fn rows(&self, after: u64) -> Answer<'_, Vec<LedgerRow>> {
        let mut hash = GENESIS;
        let linked = (1u64..)
            .zip(self.state().ledger.clone())
            .map(|(seq, event)| {
                hash = link(&hash, seq.cast_signed(), &to_line(&event));
                LedgerRow { seq, hash, event }
            });
        ready(linked.filter(|row| row.seq > after).collect())
    }
}

impl Publications for Memory {
    fn remember(&self, issues: Vec<Issue>) -> Answer<'_, u64> {
        let mut state = self.state();
        state.issues.extend(issues);
        ready(state.issues.len() as u64)
    }

    fn issues(&self) -> Answer<'_, Vec<(u64, Issue)>> {
        ready((1..).zip(self.state().issues.iter().cloned()).collect())
    }
}

impl Reviews for Memory {
    fn decide(&self, decisions: Vec<Decision>) -> Answer<'_, u64> {
        let mut state = self.state();
        state.decisions.extend(decisions);
        ready(state.decisions.len() as u64)
    }

    fn decisions(&self) -> Answer<'_, Vec<Decision>> {
        ready(self.state().decisions.clone())
    }
}

impl Lookups for Memory {
    fn note(&self, lookups: Vec<Lookup>) -> Answer<'_, u64> {
        let mut state = self.state();
        state.lookups.extend(lookups);
        ready(state.lookups.len() as u64)
    }

    fn lookup<'a>(&'a self, id: &'a str) -> Answer<'a, Option<(u64, Lookup)>> {
        let state = self.state();
        let mut numbered = (1..).zip(&state.lookups);
        let found = numbered.find(|(_, lookup)| lookup.id == id);
        ready(found.map(|(seq, lookup)| (seq, lookup.clone())))
    }

    fn lookups(&self, wanted: Wanted) -> Answer<'_, Vec<(u64, Lookup)>> {
        let state = self.state();
        let later = (1..)
            .zip(&state.lookups)
            .skip_while(|(seq, _)| *seq <= wanted.after);
        let found = later
            .filter(|(_, lookup)| wanted.has(lookup))
            .take(wanted.limit);
        ready(found.map(|(seq, lookup)| (seq, lookup.clone())).collect())
    }

    fn keep_stamp(&self, stamp: Stamp) -> Answer<'_, u64> {
        let mut state = self.state();
        state.stamps.push(stamp);
        ready(state.stamps.len() as u64)
    }

    fn stamp<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Stamp>> {
        let state = self.state();
        ready(state.stamps.iter().find(|stamp| stamp.id == id).cloned())
    }
}

impl Attendance for Memory {
    fn attend(&self, attended: Attended) -> Answer<'_, ()> {
        let mut state = self.state();
        let spells = attended.spells.into_iter();
        let keyed = spells.map(|spell| ((spell.party.to_string(), spell.from), spell));
        state.spells.extend(keyed);
        let ways = attended.ways.into_iter();
        let keyed = ways.map(|way| ((way.source.to_string(), way.link.clone()), way));
        state.ways.extend(keyed);
        ready(())
    }

    fn spells<'a>(&'a self, source: &'a Source) -> Answer<'a, Vec<Spell>> {
        let own = |spell: &&Spell| match &spell.party {
            Party::Daemon | Party::Link(_) => true,
            Party::Source(party) => party == source,
        };
        ready(self.state().spells.values().filter(own).cloned().collect())
    }

    fn open_spells(&self) -> Answer<'_, Vec<Spell>> {
        let state = self.state();
        let open = state.spells.values().filter(|spell| spell.open);
        ready(open.cloned().collect())
    }

    fn ways(&self) -> Answer<'_, Vec<Way>> {
        ready(self.state().ways.values().cloned().collect())
    }

    fn gone<'a>(&'a self, _source: &'a SourceId) -> Answer<'a, Vec<Gone>> {
        ready(Vec::new())
    }
}

impl Verify for Memory {
    fn verify(&self) -> Answer<'_, Verified> {
        let state = self.state();
        let readings = state
            .columns
            .values()
            .flat_map(BTreeMap::values)
            .filter(|versions| versions.last().is_some_and(|last| !last.deleted))
            .count() as u64;
        let counted = vec![
            ("readings", readings),
            ("dead letters", state.letters.len() as u64),
            ("ledger entries", state.ledger.len() as u64),
            ("publications", state.issues.len() as u64),
            ("review decisions", state.decisions.len() as u64),
            (
                "presence entries",
                (state.spells.len() + state.ways.len()) as u64,
            ),
            ("deletions", state.deletions.len() as u64),
            ("look-ups", state.lookups.len() as u64),
            ("time stamps", state.stamps.len() as u64),
        ];
        ready(Verified {
            counted,
            fault: None,
        })
    }
}
