//! Who was there, and when: the daemon, its ways in, and what sources said of themselves.
//!
//! Kept so that a missing reading can be explained. A spell is a stretch of time in one state; a party that ended
//! without a word was there until its last beat.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::calendar::DAY_S;
use crate::domain::calendar::Instant;
use crate::domain::names::NameFault;
use crate::domain::names::Source;

/// Longest pause between two beats of a daemon, in seconds. An end within it cannot be told from a pause.
pub const BEAT_S_MAX: i64 = 60;
/// A report is looked for during this many seconds after the end of its period, or one interval where that is less.
const DUE_WINDOW_S: i64 = 600;
/// The share of that time, one in so many, from which an absence explains a missing report.
const ABSENCE_SHARE: i64 = 10;

/// Whose presence is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// The daemon itself.
    Daemon,
    /// A way in: `embedded`, the daemon's own listener, or the address of a broker.
    Link(String),
    /// A source, by what it says on its status topic.
    Source(Source),
}

impl Party {
    /// Reads what [`fmt::Display`] writes.
    ///
    /// # Errors
    /// [`NameFault`] for a source that is none.
    pub fn parse(text: &str) -> Result<Self, NameFault> {
        match (text, text.strip_prefix("link/")) {
            ("daemon", _) => Ok(Self::Daemon),
            (_, Some(link)) => Ok(Self::Link(link.to_owned())),
            _ => Source::parse(text).map(Self::Source),
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daemon => f.write_str("daemon"),
            Self::Link(link) => write!(f, "link/{link}"),
            Self::Source(source) => write!(f, "{source}"),
        }
    }
}

/// A stretch of time in one state. Party and beginning identify it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spell {
    /// Whose.
    pub party: Party,
    /// There, or gone.
    pub online: bool,
    /// Since when.
    pub from: Instant,
    /// The last moment it is known to have lasted.
    pub upto: Instant,
    /// Whether it lasts on, as far as was known at that moment.
    pub open: bool,
}

/// By which link a source's current readings have come, from the first to the last of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The source.
    pub source: Source,
    /// The link.
    pub link: String,
    /// When the first came.
    pub first: Instant,
    /// When the last came.
    pub last: Instant,
}

/// Why a reading is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Whatever was there has been removed by age.
    Retention,
    /// No presence was kept yet at that time.
    NotRecorded,
    /// The daemon did not run.
    DaemonDown,
    /// None of the source's ways in was open.
    BrokerDown,
    /// The source had said, by itself or by its last will, that it is gone.
    StationOffline,
    /// Everything was there; the source sent nothing.
    StationSilent,
}

impl Cause {
    /// All of them, the first that applies being the cause.
    pub const ALL: [Self; 6] = [
        Self::Retention,
        Self::NotRecorded,
        Self::DaemonDown,
        Self::BrokerDown,
        Self::StationOffline,
        Self::StationSilent,
    ];

    /// The text printed on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::NotRecorded => "not_recorded",
            Self::DaemonDown => "daemon_down",
            Self::BrokerDown => "broker_down",
            Self::StationOffline => "station_offline",
            Self::StationSilent => "station_silent",
        }
    }
}

/// Stretches of time, in order and apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Cover(Vec<(i64, i64)>);

impl Cover {
    fn of(mut stretches: Vec<(i64, i64)>) -> Self {
        stretches.sort_unstable();
        let mut apart: Vec<(i64, i64)> = Vec::new();
        for (from, upto) in stretches {
            match apart.last_mut() {
                Some((_, end)) if from <= *end => *end = (*end).max(upto),
                _ => apart.push((from, upto)),
            }
        }
        Self(apart)
    }

    fn joined<'a>(covers: impl Iterator<Item = &'a Self>) -> Self {
        Self::of(covers.flat_map(|cover| cover.0.iter().copied()).collect())
    }

    /// Seconds of the stretch that lie within.
    fn within_s(&self, from: i64, upto: i64) -> i64 {
        let first = self.0.partition_point(|(_, end)| *end <= from);
        let near = self.0[first..]
            .iter()
            .take_while(|(begin, _)| *begin < upto);
        near.map(|(begin, end)| upto.min(*end) - from.max(*begin))
            .sum()
    }
}

/// What is known of one source and of everything between it and the store.
#[derive(Clone, Debug, Default)]
pub struct Presence {
    recorded_from: Option<i64>,
    /// Runs of the daemon, in order.
    runs: Vec<(i64, i64)>,
    daemon: Cover,
    links: BTreeMap<String, Cover>,
    /// When links were open or closed, as far as they were configured.
    configured: BTreeMap<String, Vec<(i64, i64)>>,
    offline: Cover,
    ways: Vec<Way>,
}

impl Presence {
    /// Sorts what was kept, as of `now`, for one source. An open spell of the daemon or a link that beat within the
    /// longest pause lasts on; so does the last state of the source.
    pub fn of(source: &Source, spells: &[Spell], ways: &[Way], now: Instant) -> Self {
        let mut daemon = Vec::new();
        let mut links: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
        let mut configured: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
        let mut offline = Vec::new();
        for spell in spells {
            let lasts = match spell.party {
                Party::Source(_) => spell.open,
                _ => spell.open && spell.upto.plus_s(BEAT_S_MAX) >= now,
            };
            let upto = if lasts { i64::MAX } else { spell.upto.unix() };
            let stretch = (spell.from.unix(), upto);
            match &spell.party {
                Party::Daemon if spell.online => daemon.push(stretch),
                Party::Link(link) => {
                    let all = configured.entry(link.clone()).or_default();
                    all.push(stretch);
                    if spell.online {
                        links.entry(link.clone()).or_default().push(stretch);
                    }
                }
                Party::Source(own) if own == source && !spell.online => offline.push(stretch),
                _ => {}
            }
        }
        daemon.sort_unstable();
        let links = links.into_iter();
        Self {
            recorded_from: daemon.first().map(|(from, _)| *from),
            runs: daemon.clone(),
            configured,
            daemon: Cover::of(daemon),
            links: links.map(|(link, all)| (link, Cover::of(all))).collect(),
            offline: Cover::of(offline),
            ways: ways
                .iter()
                .filter(|way| way.source == *source)
                .cloned()
                .collect(),
        }
    }

    /// How long after the end of its period a report of this interval is looked for, in seconds.
    pub fn due_window_s(interval_s: u32) -> i64 {
        i64::from(interval_s).min(DUE_WINDOW_S)
    }

    /// When the first daemon began to keep this, if ever.
    pub fn recorded_from(&self) -> Option<Instant> {
        self.recorded_from.map(Instant::from_unix)
    }

    /// Why no report came of the period that ended at `ending`.
    ///
    /// An absence explains it from a tenth of the time on in which the report was looked for.
    pub fn cause(&self, ending: Instant, interval_s: u32) -> Cause {
        let from = ending.unix();
        if self.recorded_from.is_none_or(|began| from < began) {
            return Cause::NotRecorded;
        }
        let window_s = Self::due_window_s(interval_s).max(1);
        let upto = from + window_s;
        let enough = |absent_s: i64| absent_s > 0 && absent_s * ABSENCE_SHARE >= window_s;
        let closed = |cover: &Cover| enough(window_s - cover.within_s(from, upto));
        if closed(&self.daemon) {
            Cause::DaemonDown
        } else if closed(&self.ways_in(ending)) {
            Cause::BrokerDown
        } else if enough(self.offline.within_s(from, upto)) {
            Cause::StationOffline
        } else {
            Cause::StationSilent
        }
    }

    /// Whether a run of the daemon knew the link at all.
    fn configured(&self, link: &str, (began, ended): (i64, i64)) -> bool {
        let within =
            |(from, upto): &(i64, i64)| *from <= ended && (*upto > began || *from >= began);
        let stretches = self.configured.get(link);
        stretches.is_some_and(|stretches| stretches.iter().any(within))
    }

    /// When any of the source's ways in was open: those that it used up to a day before it was last heard by then.
    /// Every link counts for a source that never came by any. Runs in which none of its ways was configured any more
    /// count as open: what nobody listens on is no excuse.
    fn ways_in(&self, at: Instant) -> Cover {
        let used: Vec<&Way> = self.ways.iter().filter(|way| way.first <= at).collect();
        let newest = used.iter().map(|way| way.last.min(at)).max();
        let recent = |way: &&&Way| newest.is_some_and(|newest| way.last.plus_s(DAY_S) >= newest);
        let names: Vec<&str> = used
            .iter()
            .filter(recent)
            .map(|way| way.link.as_str())
            .collect();
        let given_up = |run: &&(i64, i64)| {
            !names.is_empty() && !names.iter().any(|name| self.configured(name, **run))
        };
        let given_up = Cover::of(self.runs.iter().filter(given_up).copied().collect());
        let known = self
            .links
            .iter()
            .filter(|(link, _)| names.is_empty() || names.contains(&link.as_str()));
        let known = known.map(|(_, cover)| cover);
        Cover::joined(known.chain([&given_up]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_unix(seconds)
    }

    fn station() -> Source {
        Source::parse("stations/1999A").expect("a source")
    }

    /// A line: `daemon 0-7200; link/embedded 0-7200; stations/1999A off 3600-`, an open end lasting on.
    fn spells(text: &str) -> Vec<Spell> {
        let spell = |piece: &str| {
            let words: Vec<&str> = piece.split_whitespace().collect();
            let (from, upto) = words[words.len() - 1].split_once('-').expect("a stretch");
            let from: i64 = from.parse().expect(piece);
            Spell {
                party: Party::parse(words[0]).expect(piece),
                online: words.len() == 2,
                from: at(from),
                upto: at(upto.parse().unwrap_or(from)),
                open: upto.is_empty(),
            }
        };
        let pieces = text.split(';').map(str::trim);
        pieces
            .filter(|piece| !piece.is_empty())
            .map(spell)
            .collect()
    }

    fn way(link: &str, first: i64, last: i64) -> Way {
        Way {
            source: station(),
            link: link.to_owned(),
            first: at(first),
            last: at(last),
        }
    }

    /// The cause of a missing hour that ended at 36000, looked for until 36600.
    fn check(text: &str, ways: &[Way], expected: Cause) {
        let known = Presence::of(&station(), &spells(text), ways, at(100_000));
        assert_eq!(known.cause(at(36_000), 3_600), expected, "{text}");
    }

    #[test]
    fn the_first_cause_that_applies_is_told() {
        use Cause::*;
        check("", &[], NotRecorded);
        check("daemon 36001-90000", &[], NotRecorded);
        check("daemon 0-36000", &[], DaemonDown);
        check("daemon 0-35000; daemon 36060-90000", &[], DaemonDown);
        // A tenth of the ten minutes explains; less does not.
        let short = "daemon 0-35000; daemon 36059-90000; link/embedded 0-90000";
        check(short, &[], StationSilent);
        check("daemon 0-90000; link/embedded 0-90000", &[], StationSilent);
        check("daemon 0-90000", &[], BrokerDown);
        let gone = "daemon 0-90000; link/embedded 0-90000; stations/1999A off 30000-";
        check(gone, &[], StationOffline);
        let other = "daemon 0-90000; link/embedded 0-90000; stations/1996A off 30000-";
        check(other, &[], StationSilent);
        let back = "daemon 0-90000; link/embedded 0-90000; stations/1999A off 30000-36059; \
                    stations/1999A 36059-";
        check(back, &[], StationSilent);
        let down = "daemon 0-36100; link/embedded 0-90000; stations/1999A off 30000-";
        check(down, &[], DaemonDown);
    }

    #[test]
    fn only_the_ways_a_source_uses_count_for_it() {
        use Cause::*;
        let text = "daemon 0-90000; link/embedded 0-90000; link/mqtt://a:1883 0-36000";
        check(text, &[way("mqtt://a:1883", 0, 35_000)], BrokerDown);
        check(text, &[way("embedded", 0, 35_000)], StationSilent);
        let both = [way("embedded", 0, 35_000), way("mqtt://a:1883", 0, 35_000)];
        check(text, &both, StationSilent);
        // Long left behind, and not used yet.
        let text = "daemon 0-900000; link/a 0-900000; link/b 0-1";
        let moved = [way("a", 0, 10_000), way("b", 200_000, 300_000)];
        let known = Presence::of(&station(), &spells(text), &moved, at(900_000));
        assert_eq!(known.cause(at(36_000), 3_600), StationSilent);
        assert_eq!(known.cause(at(300_000), 3_600), BrokerDown);
    }

    #[test]
    fn a_link_that_is_not_configured_any_more_is_no_excuse() {
        use Cause::*;
        let used = [way("mqtt://a:1883", 0, 20_000)];
        let run = "daemon 0-30000; daemon 30010-90000; link/embedded 30010-90000; \
                   link/mqtt://a:1883 0-30000";
        check(run, &used, StationSilent);
        // Looked for at the end of a run, and for most of the time in the next.
        let turn = "daemon 0-36001; daemon 36002-90000; link/mqtt://a:1883 0-36001";
        check(turn, &used, StationSilent);
        // It was to be open in the second run too, and was not.
        check(
            &format!("{run}; link/mqtt://a:1883 off 30010-90000"),
            &used,
            BrokerDown,
        );
        check(
            &format!("{run}; link/mqtt://a:1883 off 30010-90000; stations/1999A off 30000-"),
            &used,
            BrokerDown,
        );
        check(
            &format!("{run}; stations/1999A off 30000-"),
            &used,
            StationOffline,
        );
    }

    #[test]
    fn an_end_without_a_word_is_that_of_the_last_beat() {
        let mut spell = spells("daemon 0-");
        spell[0].upto = at(36_000);
        let cause = |now: i64| Presence::of(&station(), &spell, &[], at(now)).cause(at(36_000), 60);
        // Within the longest pause it may still run; there is no link, so the next cause applies.
        assert_eq!(cause(36_060), Cause::BrokerDown);
        assert_eq!(cause(36_061), Cause::DaemonDown);
        spell[0].open = false;
        let closed = Presence::of(&station(), &spell, &[], at(36_001));
        assert_eq!(closed.cause(at(36_000), 60), Cause::DaemonDown);
    }

    #[test]
    fn parties_are_read_as_they_are_written() {
        for text in [
            "daemon",
            "link/embedded",
            "link/mqtt://h:1",
            "stations/A",
            "loggers/B",
        ] {
            assert_eq!(Party::parse(text).expect(text).to_string(), text);
        }
        assert!(Party::parse("nobody").is_err());
    }

    #[test]
    fn covers_join_and_measure() {
        let cover = Cover::of(vec![(50, 60), (0, 10), (5, 20), (20, 30)]);
        assert_eq!(cover, Cover(vec![(0, 30), (50, 60)]));
        for (from, upto, expected) in [(0, 60, 40), (25, 55, 10), (30, 50, 0), (-9, 1, 1)] {
            assert_eq!(cover.within_s(from, upto), expected, "{from}-{upto}");
        }
    }
}
