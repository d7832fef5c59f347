//! Stations and the network between them and the daemon: what is sent, when it arrives, and in what shape.
//!
//! A value follows from the seed, its place and the number of its correction, so a packet under way is a few
//! numbers, and its text is made when it arrives.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;

use skytier::app::seeds;
use skytier::domain::calendar::Instant;
use skytier::domain::calendar::Zone;
use skytier::domain::names::SourceId;
use skytier::domain::pollutant::Pollutant;
use skytier::domain::registry::Registry;
use skytier::domain::units::Amount;

use crate::simulation::chance::Chance;
use crate::simulation::chance::mixed;

const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
/// 2020-01-01T00:00:00+08:00.
pub(crate) const BEGIN: i64 = 1_577_808_000;

/// How a station reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Means of an hour.
    Hourly,
    /// Means of a minute.
    Minutes,
    /// A momentary value each minute.
    Momentary,
}

impl Pace {
    /// Seconds between values.
    const fn step(self) -> i64 {
        match self {
            Self::Hourly => HOUR,
            Self::Minutes | Self::Momentary => MINUTE,
        }
    }

    /// Statistic and interval of its series.
    pub(crate) const fn series(self) -> (&'static str, u32) {
        match self {
            Self::Hourly => ("avg", 3_600),
            Self::Minutes => ("avg", 60),
            Self::Momentary => ("rtd", 0),
        }
    }
}

/// A sender.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) id: SourceId,
    pub(crate) pace: Pace,
    /// Whether its times come without an offset.
    bare: bool,
    /// Records in one message.
    records: i64,
    /// Registered from the start.
    pub(crate) known: bool,
}

/// What happened to a packet's bytes on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Damage {
    None,
    /// Ends too early.
    Cut,
    /// Holds a byte that no text has.
    Foreign,
    /// Says something twice.
    Twice,
    /// Names a topic that takes no readings.
    Astray,
}

/// A message under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Packet {
    pub(crate) sender: usize,
    /// Time of the first record.
    first: i64,
    /// Number of the correction, 0 for the first sending.
    version: i64,
    damage: Damage,
}

/// One value as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Number of the series: sender times six plus pollutant.
    pub(crate) series: usize,
    pub(crate) time: i64,
    pub(crate) micros: Option<i64>,
    pub(crate) flagged: bool,
}

/// How bad the network is, in thousandths.
#[derive(Clone, Copy, Debug)]
struct Weather {
    repeated: u64,
    corrected: u64,
    damaged: u64,
    late: u64,
}

/// Senders and network.
#[derive(Debug)]
pub(crate) struct World {
    seed: i64,
    chance: Chance,
    pub(crate) senders: Vec<Sender>,
    weather: Weather,
    /// Packets by when they arrive and the order they were sent in.
    way: BinaryHeap<Reverse<(i64, u64, Packet)>>,
    sent: u64,
    hour: i64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut senders = Vec::new();
        let mut add = |name: &str, count: i64, pace, records: &[i64], chance: &mut Chance| {
            for number in 0..count {
                senders.push(Sender {
                    id: SourceId::new(&format!("{name}{number}")).expect("an identifier"),
                    pace,
                    bare: chance.of_thousand(400),
                    records: records[chance.index(records.len())],
                    known: true,
                });
            }
        };
        let counts = [(2, 10), (1, 8), (0, 3)].map(|(least, most)| chance.between(least, most));
        add("hourly", counts[0], Pace::Hourly, &[1], &mut chance);
        add(
            "minutes",
            counts[1],
            Pace::Minutes,
            &[1, 5, 20, 60],
            &mut chance,
        );
        add(
            "momentary",
            counts[2],
            Pace::Momentary,
            &[1, 10],
            &mut chance,
        );
        add("stranger", 1, Pace::Hourly, &[1], &mut chance);
        if let Some(stranger) = senders.last_mut() {
            stranger.known = false;
        }
        let weather = Weather {
            repeated: 5 + chance.below(300),
            corrected: 2 + chance.below(60),
            damaged: 1 + chance.below(20),
            late: 5 + chance.below(120),
        };
        Self {
            seed: i64::try_from(seed % (1 << 62)).expect("a small number"),
            chance,
            senders,
            weather,
            way: BinaryHeap::new(),
            sent: 0,
            hour: 0,
        }
    }

    /// What is registered: the senders that are known.
    pub(crate) fn registry(&self) -> Registry {
        let seed = seeds::registry("jiangyin").expect("a sound seed");
        let pattern = seed.stations.first().expect("a station");
        let known = self.senders.iter().filter(|sender| sender.known);
        let station = |sender: &Sender| {
            let mut station = pattern.clone();
            station.id = sender.id.clone();
            station.zone = Some(Zone::beijing());
            station
        };
        Registry {
            stations: known.map(station).collect(),
            ..Registry::default()
        }
    }

    /// Seconds since the epoch, by a right clock.
    pub(crate) fn now(&self) -> i64 {
        BEGIN + self.hour * HOUR
    }

    /// Lets an hour pass in which everybody sends.
    pub(crate) fn pass(&mut self) {
        let begin = self.now();
        self.hour += 1;
        for sender in 0..self.senders.len() {
            let Sender { pace, records, .. } = self.senders[sender];
            let step = pace.step();
            for first in (0..HOUR).step_by(usize::try_from(step * records).expect("positive")) {
                let first = begin + first + step;
                let ready = first + (records - 1) * step;
                self.send(sender, first, 0, ready);
            }
        }
    }

    fn send(&mut self, sender: usize, first: i64, version: i64, at: i64) {
        let packet = Packet {
            sender,
            first,
            version,
            damage: Damage::None,
        };
        let damaged = self.chance.of_thousand(self.weather.damaged);
        if damaged {
            let kinds = [Damage::Cut, Damage::Foreign, Damage::Twice, Damage::Astray];
            let damage = kinds[self.chance.index(kinds.len())];
            let arrives = at + self.delay();
            self.put(arrives, Packet { damage, ..packet });
        }
        let arrives = at + self.delay();
        self.put(arrives, packet);
        if self.chance.of_thousand(self.weather.repeated) {
            let arrives = at + self.delay();
            self.put(arrives, packet);
        }
        if version < 3 && self.chance.of_thousand(self.weather.corrected) {
            let later = at + self.chance.between(1, 3 * DAY);
            self.send(sender, first, version + 1, later);
        }
    }

    /// Mostly seconds, sometimes hours, now and then days.
    fn delay(&mut self) -> i64 {
        let late = self.chance.of_thousand(self.weather.late);
        let most = match (late, self.chance.below(8)) {
            (false, _) => 5,
            (true, 0) => 4 * DAY,
            (true, _) => 5 * HOUR,
        };
        self.chance.between(0, most)
    }

    fn put(&mut self, arrives: i64, packet: Packet) {
        self.sent += 1;
        self.way.push(Reverse((arrives, self.sent, packet)));
    }

    /// The next packet that has arrived by now; at the end, all the others too.
    pub(crate) fn arrived(&mut self, at_the_end: bool) -> Option<Packet> {
        let due = self
            .way
            .peek()
            .is_some_and(|Reverse((at, ..))| *at <= self.now());
        (due || at_the_end)
            .then(|| self.way.pop())?
            .map(|Reverse((.., packet))| packet)
    }

    /// Sends a packet that was not acknowledged once more.
    pub(crate) fn again(&mut self, packet: Packet) {
        let arrives = self.now() + self.delay();
        self.put(arrives, packet);
    }

    /// The values of a packet, in its order; none of one whose readings nobody can read.
    pub(crate) fn rows(&self, packet: Packet) -> Vec<Row> {
        let readable = packet.damage == Damage::None;
        let records = if readable {
            self.senders[packet.sender].records
        } else {
            0
        };
        let step = self.senders[packet.sender].pace.step();
        let times = (0..records).map(|number| packet.first + number * step);
        times
            .flat_map(|time| (0..6).map(move |pollutant| (time, pollutant)))
            .map(|(time, pollutant)| self.row(packet, time, pollutant))
            .collect()
    }

    fn row(&self, packet: Packet, time: i64, pollutant: usize) -> Row {
        let series = packet.sender * 6 + pollutant;
        let place = i64::try_from(series).expect("a few");
        let number = mixed([self.seed, place, time, packet.version, 0]);
        let tenths = i64::try_from(number % 5_000).expect("below");
        let micros = match number >> 32 & 0xff {
            0..=5 => None,
            6 => Some(-tenths * 100_000),
            7 => Some(30_000_000_000 + tenths),
            8..=40 => Some(tenths * 100_000 + 1),
            _ => Some(tenths * 100_000),
        };
        Row {
            series,
            time,
            micros,
            flagged: (number >> 40).is_multiple_of(50),
        }
    }

    /// Whether nobody can make anything of the packet's bytes.
    pub(crate) fn is_unreadable(packet: Packet) -> bool {
        matches!(packet.damage, Damage::Cut | Damage::Foreign | Damage::Twice)
    }

    /// Whether its topic takes no readings.
    pub(crate) fn is_astray(packet: Packet) -> bool {
        packet.damage == Damage::Astray
    }

    /// Topic and bytes of a packet.
    pub(crate) fn message(&self, packet: Packet) -> (String, Vec<u8>) {
        let sender = &self.senders[packet.sender];
        let id = &sender.id;
        let channel = if Self::is_astray(packet) {
            "secrets"
        } else {
            "readings"
        };
        let topic = format!("skytier/v1/stations/{id}/{channel}");
        let sound = Packet {
            damage: Damage::None,
            ..packet
        };
        let rows = self.rows(sound);
        let records: Vec<String> = rows.chunks(6).map(|rows| record(sender, rows)).collect();
        let text = match records.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(",")),
        };
        let mut bytes = text.into_bytes();
        let place = mixed([self.seed, packet.first, packet.version, 1, 0]);
        let at = usize::try_from(place % bytes.len() as u64).expect("an index");
        match packet.damage {
            Damage::None | Damage::Astray => {}
            Damage::Cut => bytes.truncate(at),
            Damage::Foreign => bytes[at] = 0xff,
            Damage::Twice => {
                let open = bytes
                    .iter()
                    .position(|byte| *byte == b'{')
                    .expect("an object");
                bytes.splice(open + 1..open + 1, *b"\"interval_s\":0,\"interval_s\":0,");
            }
        }
        (topic, bytes)
    }
}

fn record(sender: &Sender, rows: &[Row]) -> String {
    let time = Zone::beijing().text(Instant::from_unix(rows[0].time));
    let time = if sender.bare { &time[..19] } else { &time };
    let mut text = format!("{{\"time\":\"{time}\"");
    let (_, interval_s) = sender.pace.series();
    if interval_s > 0 {
        write!(text, ",\"interval_s\":{interval_s}").expect("memory");
    }
    text.push_str(",\"values\":{");
    for (at, (row, pollutant)) in rows.iter().zip(Pollutant::ALL).enumerate() {
        let comma = if at == 0 { "" } else { "," };
        write!(text, "{comma}\"{}\":", pollutant.key()).expect("memory");
        match row.micros {
            Some(micros) => write!(text, "{}", Amount::from_micros(micros)).expect("memory"),
            None => text.push_str("null"),
        }
    }
    text.push('}');
    let flagged = rows
        .iter()
        .zip(Pollutant::ALL)
        .filter(|(row, _)| row.flagged);
    let flags: Vec<String> = flagged
        .map(|(_, own)| format!("\"{}\":\"M\"", own.key()))
        .collect();
    if !flags.is_empty() {
        write!(text, ",\"flags\":{{{}}}", flags.join(",")).expect("memory");
    }
    text.push('}');
    text
}
