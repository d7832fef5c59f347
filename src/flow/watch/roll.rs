//! The roll: present spells, who was heard when and by which link, and what of it is not written yet.

use std::collections::BTreeMap;
use std::collections::HashMap;

use crate::domain::calendar::Instant;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;
use crate::domain::presence::Party;
use crate::domain::presence::Spell;
use crate::domain::presence::Way;
use crate::domain::registry::Registry;
use crate::flow::watch::Heard;
use crate::flow::watch::Standing;
use crate::flow::watch::WatchSettings;
use crate::ports::Attended;

/// What is known of one source that was heard.
#[derive(Default)]
struct Known {
    ways: BTreeMap<String, Way>,
    /// When its last current reading came.
    last: Option<Instant>,
    /// Its newest stamp of this run.
    newest: Option<Instant>,
    /// The shortest interval its readings name, else the last distance between two.
    interval_s: Option<u32>,
    declared: bool,
    silent: bool,
}

/// Everything that is known of presence just now.
pub(super) struct Roll {
    /// Since when this daemon listens.
    began: Instant,
    /// Open spells of the daemon and its links.
    running: BTreeMap<Party, Spell>,
    /// What each source last said of itself.
    told: HashMap<Source, Spell>,
    known: HashMap<Source, Known>,
    /// Not written yet.
    spells: BTreeMap<(Party, Instant), Spell>,
    ways: BTreeMap<(Source, String), Way>,
}

impl Roll {
    /// Takes up what was kept.
    pub(super) fn begin(
        open: Vec<Spell>,
        ways: Vec<Way>,
        intervals: &HashMap<SourceId, u32>,
        now: Instant,
    ) -> Self {
        let mut roll = Self {
            began: now,
            running: BTreeMap::new(),
            told: HashMap::new(),
            known: HashMap::new(),
            spells: BTreeMap::new(),
            ways: BTreeMap::new(),
        };
        for spell in open {
            match &spell.party {
                Party::Source(source) => {
                    roll.told.insert(source.clone(), spell);
                }
                Party::Daemon | Party::Link(_) => roll.change(Spell {
                    open: false,
                    ..spell
                }),
            }
        }
        for way in ways {
            let known = roll.known.entry(way.source.clone()).or_default();
            known.last = known.last.max(Some(way.last));
            known.interval_s = intervals.get(&way.source.id).copied();
            known.declared = known.interval_s.is_some();
            known.ways.insert(way.link.clone(), way);
        }
        roll.open(Party::Daemon, now);
        roll
    }

    fn change(&mut self, spell: Spell) {
        self.spells.insert((spell.party.clone(), spell.from), spell);
    }

    fn open(&mut self, party: Party, now: Instant) {
        let spell = Spell {
            party: party.clone(),
            online: true,
            from: now,
            upto: now,
            open: true,
        };
        self.change(spell.clone());
        self.running.insert(party, spell);
    }

    fn end(&mut self, party: &Party, now: Instant) {
        if let Some(spell) = self.running.remove(party) {
            let upto = now.max(spell.upto);
            self.change(Spell {
                upto,
                open: false,
                ..spell
            });
        }
    }

    pub(super) fn link(&mut self, name: &str, open: bool, now: Instant) {
        let party = Party::Link(name.to_owned());
        match (open, self.running.contains_key(&party)) {
            (true, false) => self.open(party, now),
            (false, true) => self.end(&party, now),
            (true, true) | (false, false) => {}
        }
    }

    pub(super) fn beat(&mut self, now: Instant) {
        for spell in self.running.values_mut() {
            spell.upto = spell.upto.max(now);
        }
        let running: Vec<Spell> = self.running.values().cloned().collect();
        running.into_iter().for_each(|spell| self.change(spell));
    }

    pub(super) fn close(&mut self, now: Instant) {
        let parties: Vec<Party> = self.running.keys().cloned().collect();
        parties.iter().for_each(|party| self.end(party, now));
    }

    /// The source says that it is there, or gone; saying the same again changes nothing.
    pub(super) fn said(&mut self, source: &Source, online: bool, now: Instant) {
        let before = self.told.get(source);
        if before.is_some_and(|before| before.online == online) {
            return;
        }
        if let Some(before) = before.cloned() {
            let upto = now.max(before.from);
            self.change(Spell {
                upto,
                open: false,
                ..before
            });
        }
        tracing::info!(%source, online, "source state");
        let spell = Spell {
            party: Party::Source(source.clone()),
            online,
            from: now,
            upto: now,
            open: true,
        };
        self.change(spell.clone());
        self.told.insert(source.clone(), spell);
    }

    pub(super) fn has(&self, source: &Source) -> bool {
        self.known.contains_key(source)
    }

    /// A current reading came. One that a broker had kept tells of its own time, not of now.
    pub(super) fn heard(&mut self, heard: &Heard, now: Instant) {
        let seen = if heard.retained {
            heard.newest.min(now)
        } else {
            now
        };
        let known = self.known.entry(heard.source.clone()).or_default();
        known.last = known.last.max(Some(seen));
        if heard.interval_s > 0 {
            let shortest = known.interval_s.filter(|_| known.declared);
            known.interval_s = Some(shortest.map_or(heard.interval_s, |s| s.min(heard.interval_s)));
            known.declared = true;
        } else if let Some(before) = known.newest.filter(|_| !known.declared) {
            let apart = u32::try_from(heard.newest.unix() - before.unix()).ok();
            known.interval_s = apart.filter(|apart| *apart > 0).or(known.interval_s);
        }
        known.newest = known.newest.max(Some(heard.newest));
        let new = || Way {
            source: heard.source.clone(),
            link: heard.link.to_string(),
            first: seen,
            last: seen,
        };
        let way = known.ways.entry(heard.link.to_string()).or_insert_with(new);
        way.last = way.last.max(seen);
        self.ways
            .insert((way.source.clone(), way.link.clone()), way.clone());
        let gone = self
            .told
            .get(&heard.source)
            .is_some_and(|told| !told.online);
        if gone && !heard.retained {
            self.said(&heard.source, true, now);
        }
    }

    /// Judges every station that was heard live.
    pub(super) fn judge(&mut self, registry: &Registry, settings: &WatchSettings, now: Instant) {
        let (running, began) = (&self.running, self.began);
        let links = running.values().filter_map(|spell| match &spell.party {
            Party::Link(link) => Some((link.as_str(), spell.from)),
            Party::Daemon | Party::Source(_) => None,
        });
        let links: BTreeMap<&str, Instant> = links.collect();
        for station in &registry.stations {
            let source = Source {
                kind: SourceKind::Station,
                id: station.id.clone(),
            };
            let Some(known) = self.known.get_mut(&source) else {
                continue;
            };
            let (Some(last), Some(interval_s)) =
                (known.last, station.interval_s.or(known.interval_s))
            else {
                continue;
            };
            let opened = known
                .ways
                .keys()
                .filter_map(|link| links.get(link.as_str()));
            let heard_since = opened.min().map(|opened| last.max(began).max(*opened));
            let allowance_s = settings.allowance_s(interval_s);
            let late = heard_since.map(|since| since.plus_s(allowance_s) < now);
            let in_time = last.plus_s(allowance_s) >= now;
            match (known.silent, late) {
                (false, Some(true)) => {
                    known.silent = true;
                    let silent_s = now.unix() - last.unix();
                    tracing::warn!(station.id = %station.id, silent_s, interval_s, "station silent");
                }
                (true, _) if in_time => {
                    known.silent = false;
                    tracing::info!(station.id = %station.id, "station heard again");
                }
                _ => {}
            }
        }
    }

    pub(super) fn standing(&self, source: &Source) -> Standing {
        let known = self.known.get(source);
        let told = self.told.get(source);
        Standing {
            last_seen: known.and_then(|known| known.last),
            said: told.map(|spell| (spell.online, spell.from)),
            silent: known.map(|known| known.silent),
        }
    }

    pub(super) fn silent(&self) -> Vec<(SourceId, Instant)> {
        let silent = self.known.iter().filter(|(_, known)| known.silent);
        let mut silent: Vec<_> = silent
            .filter_map(|(source, known)| Some((source.id.clone(), known.last?)))
            .collect();
        silent.sort();
        silent
    }

    /// What is not written yet; from now on it counts as written.
    pub(super) fn changes(&mut self) -> Attended {
        Attended {
            spells: std::mem::take(&mut self.spells).into_values().collect(),
            ways: std::mem::take(&mut self.ways).into_values().collect(),
        }
    }

    /// What could not be written is to be written again, unless it changed meanwhile.
    pub(super) fn put_back(&mut self, attended: Attended) {
        for spell in attended.spells {
            let key = (spell.party.clone(), spell.from);
            self.spells.entry(key).or_insert(spell);
        }
        for way in attended.ways {
            let key = (way.source.clone(), way.link.clone());
            self.ways.entry(key).or_insert(way);
        }
    }
}
