//! What one address may take of us: connections in all and its own, connections of which nothing is known yet, and how
//! often. Shared by the listeners of MQTT and of the web.
//!
//! Connections that have not said who they are can be had for nothing, so their number is bounded. When there are too
//! many, the address that has the most of them loses its oldest: whoever says who he is in time is not kept out by those who
//! do not. Clients of this machine are not counted by address unless asked for: a proxy or a replay speaks for many.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

/// Paces kept; when there are more, those that have rested go first.
const PACES_MAX: usize = 20_000;
/// How seldom something is told of one of them.
const SELDOM: Duration = Duration::from_secs(60);

/// How fast something may go: so many a second, and for how long at once what it saved up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// A second.
    pub per_s: u32,
    /// Seconds' worth that may come at once.
    pub burst_s: u32,
}

impl Rate {
    /// The time `count` of them take.
    fn cost(self, count: u64) -> Duration {
        let nanos = u128::from(count) * 1_000_000_000 / u128::from(self.per_s.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn burst(self) -> Duration {
        Duration::from_secs(self.burst_s.into())
    }
}

/// How far ahead of its rate one of them is: all it took is paid off by this time.
#[derive(Clone, Copy, Debug)]
pub struct Pace(Instant);

impl Pace {
    /// One that took nothing yet.
    pub fn new(now: Instant) -> Self {
        Self(now)
    }

    /// Takes `count` in any case; gives how long to wait before taking more.
    pub fn take(&mut self, rate: Rate, count: u64, now: Instant) -> Duration {
        self.0 = self.0.max(now) + rate.cost(count);
        self.0.duration_since(now).saturating_sub(rate.burst())
    }

    /// Takes `count` if there is room for it.
    ///
    /// # Errors
    /// How long until there is.
    pub fn ask(&mut self, rate: Rate, count: u64, now: Instant) -> Result<(), Duration> {
        let paid = self.0.max(now) + rate.cost(count);
        let over = paid.duration_since(now).saturating_sub(rate.burst());
        if over.is_zero() {
            self.0 = paid;
            return Ok(());
        }
        Err(over)
    }
}

/// The paces of many, by name.
#[derive(Debug)]
pub struct Paces<K> {
    rate: Rate,
    kept: Mutex<HashMap<K, Pace>>,
}

impl<K: std::hash::Hash + Eq> Paces<K> {
    /// All at one rate.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            kept: Mutex::new(HashMap::new()),
        }
    }

    /// Takes `count` in any case; gives how long to wait before taking more.
    pub fn take(&self, who: K, count: u64) -> Duration {
        let now = Instant::now();
        let rate = self.rate;
        self.with(who, now, |pace| pace.take(rate, count, now))
    }

    /// Takes one if there is room for it.
    ///
    /// # Errors
    /// How long until there is.
    pub fn ask(&self, who: K) -> Result<(), Duration> {
        let now = Instant::now();
        let rate = self.rate;
        self.with(who, now, |pace| pace.ask(rate, 1, now))
    }

    fn with<T>(&self, who: K, now: Instant, act: impl FnOnce(&mut Pace) -> T) -> T {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= PACES_MAX {
            kept.retain(|_, pace| pace.0 > now);
        }
        if kept.len() >= PACES_MAX {
            // So many at once: memory counts more than what they took until now.
            kept.clear();
        }
        act(kept.entry(who).or_insert_with(|| Pace::new(now)))
    }
}

/// Whose connections count together: an IPv4 address, or the network an IPv6 client may choose its addresses in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Area(IpAddr);

impl std::fmt::Display for Area {
    /// The address, or the network as `2001:db8::/64`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(network) => write!(f, "{network}/64"),
        }
    }
}

impl Area {
    /// That of an address.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64 << 64;
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            v4 => v4,
        })
    }
}

/// How fast one of them may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed {
    /// Messages.
    pub messages: Rate,
    /// Bytes.
    pub bytes: Rate,
}

impl Default for Speed {
    fn default() -> Self {
        let burst_s = 10;
        Self {
            messages: Rate {
                per_s: 500,
                burst_s,
            },
            bytes: Rate {
                per_s: 1 << 20,
                burst_s,
            },
        }
    }
}

/// What one of them sent, whatever its connections.
#[derive(Debug)]
pub struct Meter {
    speed: Speed,
    paces: Mutex<(Pace, Pace)>,
}

impl Meter {
    /// Counts a message of so many bytes; how long to wait before taking another.
    pub fn take(&self, bytes: u64) -> Duration {
        let now = Instant::now();
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let (messages, weight) = &mut *paces;
        let by_count = messages.take(self.speed.messages, 1, now);
        by_count.max(weight.take(self.speed.bytes, bytes, now))
    }
}

/// The meters of all who send.
#[derive(Debug)]
pub struct Meters {
    speed: Speed,
    kept: Mutex<HashMap<String, Arc<Meter>>>,
}

impl Meters {
    /// All at one speed.
    pub fn new(speed: Speed) -> Self {
        Self {
            speed,
            kept: Mutex::default(),
        }
    }

    /// The meter of a sender, the same for all its connections and for those after them.
    pub fn of(&self, who: &str) -> Arc<Meter> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(meter) = kept.get(who) {
            return Arc::clone(meter);
        }
        if kept.len() >= PACES_MAX {
            kept.retain(|_, meter| Arc::strong_count(meter) > 1);
        }
        let now = Instant::now();
        let meter = Arc::new(Meter {
            speed: self.speed,
            paces: Mutex::new((Pace::new(now), Pace::new(now))),
        });
        kept.insert(who.to_owned(), Arc::clone(&meter));
        meter
    }
}

/// Lets something be told of each of them once a minute at most.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<HashMap<String, Instant>>);

impl Seldom {
    /// Whether it is time to tell of this one again.
    pub fn due(&self, who: &str) -> bool {
        let now = Instant::now();
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |at: &Instant| now.duration_since(*at) < SELDOM;
        if told.get(who).is_some_and(recent) {
            return false;
        }
        if told.len() >= PACES_MAX {
            told.retain(|_, at| recent(at));
        }
        if told.len() >= PACES_MAX {
            return false;
        }
        told.insert(who.to_owned(), now);
        true
    }
}

/// What a listener grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorSettings {
    /// Connections of one address.
    pub address_connections_max: usize,
    /// Connections a second of one address, and how many seconds' worth at once.
    pub connects: Rate,
    /// Connections of which nothing is known yet, of all addresses.
    pub half_open_max: usize,
    /// Whether the limits by address hold for clients of this machine too.
    pub loopback: bool,
}

impl Default for DoorSettings {
    fn default() -> Self {
        Self {
            address_connections_max: 256,
            connects: Rate {
                per_s: 20,
                burst_s: 30,
            },
            half_open_max: 1_024,
            loopback: false,
        }
    }
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// The address has as many connections as it may.
    TooMany,
    /// The address connects too often.
    TooOften,
}

#[derive(Default)]
struct Hall {
    count: u64,
    open: HashMap<Area, usize>,
    unknown: HashMap<Area, BTreeMap<u64, CancellationToken>>,
    half_open: usize,
}

/// The door of a listener.
pub struct Door {
    settings: DoorSettings,
    connects: Paces<Area>,
    hall: Mutex<Hall>,
}

/// Somebody who was let in; leaves when dropped.
pub struct Visitor {
    door: Arc<Door>,
    area: Area,
    number: u64,
    counted: bool,
    out: CancellationToken,
}

impl Door {
    /// A door nobody passed yet.
    pub fn new(settings: DoorSettings) -> Self {
        Self {
            settings,
            connects: Paces::new(settings.connects),
            hall: Mutex::default(),
        }
    }

    fn hall(&self) -> MutexGuard<'_, Hall> {
        self.hall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the limits by address hold for this one.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.settings.loopback || !address.to_canonical().is_loopback()
    }

    /// Lets somebody in, of whom nothing is known yet.
    ///
    /// # Errors
    /// [`Turned`] for an address that has or asks for too much.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Visitor, Turned> {
        self.enter_as(address, self.holds(address))
    }

    /// The same; `counted`: whether the limits by address hold.
    ///
    /// # Errors
    /// As [`Self::enter`].
    pub fn enter_as(self: &Arc<Self>, address: IpAddr, counted: bool) -> Result<Visitor, Turned> {
        let area = Area::of(address);
        if counted && self.connects.ask(area).is_err() {
            return Err(Turned::TooOften);
        }
        let mut hall = self.hall();
        if counted {
            let open = hall.open.entry(area).or_default();
            if *open >= self.settings.address_connections_max {
                return Err(Turned::TooMany);
            }
            *open += 1;
        }
        hall.count += 1;
        let (number, out) = (hall.count, CancellationToken::new());
        hall.unknown
            .entry(area)
            .or_default()
            .insert(number, out.clone());
        hall.half_open += 1;
        if hall.half_open > self.settings.half_open_max {
            hall.crowd_out();
        }
        drop(hall);
        Ok(Visitor {
            door: Arc::clone(self),
            area,
            number,
            counted,
            out,
        })
    }
}

impl Hall {
    /// The oldest of the address that has the most goes.
    fn crowd_out(&mut self) {
        let most = self.unknown.iter().max_by_key(|(_, own)| own.len());
        let Some(area) = most.map(|(area, _)| *area) else {
            return;
        };
        let own = self.unknown.get_mut(&area);
        if let Some((number, out)) = own.and_then(BTreeMap::pop_first) {
            out.cancel();
            self.half_open -= 1;
            self.forget(area, number);
        }
    }

    /// Nothing is unknown of this one any more.
    fn forget(&mut self, area: Area, number: u64) {
        if let Some(own) = self.unknown.get_mut(&area) {
            if own.remove(&number).is_some() {
                self.half_open -= 1;
            }
            if own.is_empty() {
                self.unknown.remove(&area);
            }
        }
    }
}

impl Visitor {
    /// It said who it is.
    pub fn known(&self) {
        self.door.hall().forget(self.area, self.number);
    }

    /// Resolves when it must leave to make room.
    pub async fn crowded_out(&self) {
        self.out.cancelled().await;
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let mut hall = self.door.hall();
        hall.forget(self.area, self.number);
        if self.counted
            && let Some(open) = hall.open.get_mut(&self.area)
        {
            *open -= 1;
            if *open == 0 {
                hall.open.remove(&self.area);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    const RATE: Rate = Rate {
        per_s: 10,
        burst_s: 2,
    };

    proptest! {
        /// Over any time no more goes through than the rate times the time, and the burst once.
        #[test]
        fn no_more_goes_through_than_the_rate(steps in proptest::collection::vec(0_u64..500, 1..200)) {
            let begun = Instant::now();
            let (mut pace, mut now, mut granted) = (Pace::new(begun), begun, 0_u64);
            for step_ms in steps {
                now += Duration::from_millis(step_ms);
                if pace.ask(RATE, 1, now).is_ok() {
                    granted += 1;
                }
                let elapsed_ms = u64::try_from(now.duration_since(begun).as_millis()).expect("short");
                prop_assert!(granted * 1_000 <= 10 * elapsed_ms + 20_000 , "{granted} in {elapsed_ms} ms");
            }
        }
    }

    #[test]
    fn whoever_waits_as_told_is_served() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 0..20 {
            assert_eq!(pace.ask(RATE, 1, now), Ok(()));
        }
        let wait = pace.ask(RATE, 1, now).expect_err("the burst is used up");
        assert_eq!(wait, Duration::from_millis(100));
        assert_eq!(pace.ask(RATE, 1, now + wait), Ok(()));
        assert_eq!(
            Pace::new(now).take(RATE, 25, now),
            Duration::from_millis(500)
        );
    }

    #[test]
    fn all_connections_of_one_sender_share_a_meter() {
        let meters = Meters::new(Speed {
            messages: RATE,
            bytes: Rate {
                per_s: 1_000,
                burst_s: 1,
            },
        });
        let (one, other) = (meters.of("s1"), meters.of("s2"));
        assert!(one.take(1).is_zero() && other.take(1).is_zero());
        assert!(!one.take(5_000).is_zero(), "too many bytes");
        assert!(!meters.of("s1").take(1).is_zero(), "by another connection");
        assert!(other.take(1).is_zero());
        for _ in 0..30 {
            other.take(1);
        }
        assert!(!other.take(1).is_zero(), "too many messages");
    }

    #[test]
    fn what_recurs_is_told_once() {
        let seldom = Seldom::default();
        assert!(seldom.due("a") && !seldom.due("a") && seldom.due("b"));
    }

    #[test]
    fn addresses_count_together_by_what_one_client_may_choose() {
        for (a, b, together) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let area = |text: &str| Area::of(text.parse().expect("an address"));
            assert_eq!(area(a) == area(b), together, "{a} {b}");
        }
        let told = |text: &str| Area::of(text.parse().expect("an address")).to_string();
        assert_eq!(told("::ffff:10.0.0.1"), "10.0.0.1");
        assert_eq!(told("2001:db8::ffff:1"), "2001:db8::/64");
    }

    fn door(half_open_max: usize, address_connections_max: usize) -> Arc<Door> {
        Arc::new(Door::new(DoorSettings {
            half_open_max,
            address_connections_max,
            ..DoorSettings::default()
        }))
    }

    fn enter(door: &Arc<Door>, address: &str) -> Result<Visitor, Turned> {
        door.enter(address.parse().expect("an address"))
    }

    #[test]
    fn the_greediest_address_loses_its_oldest_unknown_connection() {
        let door = door(3, 100);
        let quiet = enter(&door, "10.0.0.1").expect("in");
        let greedy: Vec<Visitor> = (0..3)
            .map(|_| enter(&door, "10.0.0.2").expect("in"))
            .collect();
        let gone = |visitor: &Visitor| visitor.out.is_cancelled();
        assert!(!gone(&quiet) && gone(&greedy[0]) && !gone(&greedy[1]));
        greedy[1].known();
        let further = enter(&door, "10.0.0.2").expect("in");
        assert!(!gone(&greedy[1]) && !gone(&greedy[2]) && !gone(&further));
        assert_eq!(door.hall().half_open, 3);
        drop((quiet, greedy, further));
        let hall = door.hall();
        assert!(hall.half_open == 0 && hall.unknown.is_empty() && hall.open.is_empty());
    }

    #[test]
    fn an_address_has_so_many_connections_and_no_more() {
        let door = door(100, 2);
        let first = enter(&door, "10.0.0.1").expect("in");
        let _second = enter(&door, "10.0.0.1").expect("in");
        assert_eq!(enter(&door, "10.0.0.1").err(), Some(Turned::TooMany));
        assert!(enter(&door, "10.0.0.9").is_ok(), "another address");
        drop(first);
        assert!(enter(&door, "10.0.0.1").is_ok(), "one has left");
        let own: Vec<_> = (0..9).map(|_| enter(&door, "127.0.0.1")).collect();
        assert!(own.iter().all(Result::is_ok), "clients of this machine");
    }
}
