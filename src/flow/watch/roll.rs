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
use crate::flow::watch::line::Line;
use crate::ports::Attended;

/// A way by which a source was heard.
struct Route {
    way: Way,
    /// Seconds the link had been open in this run when the source was last heard by any; below 0 for what it was open
    /// since then in earlier runs.
    mark_s: i64,
}

/// What is known of one source that was heard.
#[derive(Default)]
struct Known {
    ways: BTreeMap<String, Route>,
    /// The same of the daemon, for a source none of whose links is configured any more.
    mark_s: i64,
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
    /// The daemon's own spell, until it stops.
    own: Option<Spell>,
    /// Links that are configured, or were open in this run.
    lines: BTreeMap<String, Line>,
    beat_s: i64,
    /// What each source last said of itself.
    told: HashMap<Source, Spell>,
    known: HashMap<Source, Known>,
    /// Not written yet.
    spells: BTreeMap<(Party, Instant), Spell>,
    ways: BTreeMap<(Source, String), Way>,
}

/// What was kept by earlier daemons.
pub(super) struct Earlier {
    /// Spells that last on.
    pub(super) open: Vec<Spell>,
    /// All spells of the daemon and its links, in order.
    pub(super) spells: Vec<Spell>,
    /// By which links sources were heard.
    pub(super) ways: Vec<Way>,
}

/// Seconds of online spells, in order, that lie after a moment.
fn seconds_after(spells: &[&Spell], after: Instant) -> i64 {
    let late = spells.iter().rev();
    let late = late.take_while(|spell| spell.upto > after);
    late.map(|spell| spell.upto.unix() - spell.from.max(after).unix())
        .sum()
}

impl Roll {
    /// Takes up what was kept.
    pub(super) fn begin(
        earlier: Earlier,
        intervals: &HashMap<SourceId, u32>,
        settings: &WatchSettings,
        now: Instant,
    ) -> Self {
        let mut roll = Self {
            began: now,
            own: None,
            lines: BTreeMap::new(),
            beat_s: i64::from(settings.heartbeat_s),
            told: HashMap::new(),
            known: HashMap::new(),
            spells: BTreeMap::new(),
            ways: BTreeMap::new(),
        };
        for spell in earlier.open {
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
        for way in earlier.ways {
            let known = roll.known.entry(way.source.clone()).or_default();
            known.last = known.last.max(Some(way.last));
            known.interval_s = intervals.get(&way.source.id).copied();
            known.declared = known.interval_s.is_some();
            let route = Route { way, mark_s: 0 };
            known.ways.insert(route.way.link.clone(), route);
        }
        roll.count_earlier(&earlier.spells);
        let own = Spell {
            party: Party::Daemon,
            online: true,
            from: now,
            upto: now,
            open: true,
        };
        roll.change(own.clone());
        roll.own = Some(own);
        roll
    }

    /// Counts, for every source, how long it could be heard by earlier daemons since it last was.
    fn count_earlier(&mut self, spells: &[Spell]) {
        let mut online: HashMap<&Party, Vec<&Spell>> = HashMap::new();
        for spell in spells.iter().filter(|spell| spell.online) {
            online.entry(&spell.party).or_default().push(spell);
        }
        let online: HashMap<Option<&str>, Vec<&Spell>> = online
            .into_iter()
            .filter_map(|(party, spells)| match party {
                Party::Daemon => Some((None, spells)),
                Party::Link(link) => Some((Some(link.as_str()), spells)),
                Party::Source(_) => None,
            })
            .collect();
        let since = |name: Option<&str>, last| {
            let spells = online.get(&name);
            spells.map_or(0, |spells| seconds_after(spells, last))
        };
        for known in self.known.values_mut() {
            let Some(last) = known.last else { continue };
            known.mark_s = -since(None, last);
            for (link, route) in &mut known.ways {
                route.mark_s = -since(Some(link), last);
            }
        }
    }

    fn change(&mut self, spell: Spell) {
        self.spells.insert((spell.party.clone(), spell.from), spell);
    }

    /// Seconds this daemon has run.
    fn ran_s(&self, upto: Instant) -> i64 {
        (upto.unix() - self.began.unix()).max(0)
    }

    /// A link that is to be open, though it may not be yet.
    pub(super) fn expect(&mut self, name: &str, now: Instant) {
        if !self.lines.contains_key(name) {
            let line = Line::begin(name, false, now);
            self.lines.insert(name.to_owned(), line);
        }
    }

    pub(super) fn link(&mut self, name: &str, open: bool, now: Instant) {
        if open || self.lines.contains_key(name) {
            let line = self.lines.entry(name.to_owned());
            let line = line.or_insert_with(|| Line::begin(name, open, now));
            let kept = line.turn(open, now, self.beat_s);
            kept.into_iter().for_each(|spell| self.change(spell));
        }
    }

    pub(super) fn beat(&mut self, now: Instant) {
        if let Some(own) = &mut self.own {
            own.upto = own.upto.max(now);
            let own = own.clone();
            self.change(own);
        }
        let beat_s = self.beat_s;
        let lines = self.lines.values_mut();
        let kept: Vec<Spell> = lines.flat_map(|line| line.beat(now, beat_s)).collect();
        kept.into_iter().for_each(|spell| self.change(spell));
    }

    pub(super) fn close(&mut self, now: Instant) {
        if let Some(own) = self.own.take() {
            self.change(Spell {
                upto: now.max(own.upto),
                open: false,
                ..own
            });
        }
        for line in std::mem::take(&mut self.lines).into_values() {
            let kept = line.end(now, self.beat_s);
            kept.into_iter().for_each(|spell| self.change(spell));
        }
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

    /// Whether the source has said something of itself, or fewer than `most` have.
    pub(super) fn may_say(&self, source: &Source, most: usize) -> bool {
        self.told.contains_key(source) || self.told.len() < most
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
        let ran_s = self.ran_s(seen);
        let known = self.known.entry(heard.source.clone()).or_default();
        let later = known.last.is_none_or(|last| last <= seen);
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
        let lines = &self.lines;
        let mark_s = |link: &str, at| lines.get(link).map_or(0, |line| line.open_upto(at));
        if later {
            known.mark_s = ran_s;
            for (link, route) in &mut known.ways {
                route.mark_s = mark_s(link, seen);
            }
        }
        let last = known.last.unwrap_or(seen);
        let new = || Route {
            way: Way {
                source: heard.source.clone(),
                link: heard.link.to_string(),
                first: seen,
                last: seen,
            },
            mark_s: mark_s(&heard.link, last),
        };
        let route = known.ways.entry(heard.link.to_string());
        let way = &mut route.or_insert_with(new).way;
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
        let ran_s = self.ran_s(now);
        let lines = &self.lines;
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
            let open_s = |route: &Route| {
                let line = lines.get(&route.way.link)?;
                Some(line.open_upto(now) - route.mark_s)
            };
            // A link that is not configured any more is no excuse.
            let longest = known.ways.values().filter_map(open_s).max();
            let heard_s = longest.unwrap_or(ran_s - known.mark_s);
            let allowance_s = settings.allowance_s(interval_s);
            let late = heard_s > allowance_s;
            let in_time = last.plus_s(allowance_s) >= now;
            match (known.silent, late) {
                (false, true) => {
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
