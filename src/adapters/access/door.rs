//! What stands between guessers and passwords: waits that grow, and few places for the work a password takes.
//!
//! Waits are kept for an account, for an address, and for an account from an address it was let in from before. The last
//! one goes before both others: whoever guesses at a name from elsewhere, or at other names from the same address, cannot
//! keep its owner out. Nor can he where its owner was never before: from an address nobody guesses from, an account is
//! waited for half a minute at most, while whoever guesses waits for his own address too. An address that many share, as
//! behind a proxy of this machine, is not waited for: one of them would make all others wait. Nothing is kept over a restart.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use tokio::sync::SemaphorePermit;

use crate::adapters::access::AccessFault;
use crate::adapters::access::digest;
use crate::adapters::access::random;
use crate::domain::calendar::Instant;
use crate::flow::locked::locked;

/// Failures that cost nothing.
const FREE: u32 = 3;
/// Longest wait, and the longest where the account was let in from before or that nobody guesses from, in seconds.
const WAIT_S_MAX: i64 = 900;
const SHORT_WAIT_S_MAX: i64 = 30;
/// Seconds without a failure after which it is forgotten.
const FORGET_S: i64 = 3_600;
/// Accounts, addresses and pairs that are remembered; beyond, the oldest failures are forgotten.
const KEPT_MAX: usize = 10_000;
/// Letters and digits of codes that are not taken for one another; how many a code has, and a group of it.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const CODE_LETTERS: usize = 20;
const CODE_GROUP: usize = 5;
/// Passwords worked on at once: 19 MiB and a core each.
const PLACES: usize = 2;
/// How long a password waits for a place.
const PLACE_WAIT: Duration = Duration::from_secs(5);

/// A try: at which account, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Try<'a> {
    /// The account; `None` where it is about none, as with the first code.
    pub account: Option<&'a str>,
    /// The address, or the network its sender may choose addresses in.
    pub address: &'a str,
    /// Whether many share that address.
    pub shared: bool,
}

/// Whose failures are counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Account(String),
    Address(String),
    Known(String, String),
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: i64,
}

/// Failures so far, and who was let in from where.
#[derive(Default)]
struct Waits {
    failures: BTreeMap<Whose, Failures>,
    known: BTreeSet<(String, String)>,
}

fn wait_s(count: u32, most: i64) -> i64 {
    match count.checked_sub(FREE) {
        None => 0,
        Some(over) => (1i64 << over.min(20)).min(most),
    }
}

impl Waits {
    fn whose(&self, of: Try<'_>) -> Vec<Whose> {
        let address = of.address.to_owned();
        let known = of.account.map(|name| (name.to_owned(), address.clone()));
        if let Some((name, address)) = known.filter(|pair| self.known.contains(pair)) {
            return vec![Whose::Known(name, address)];
        }
        let account = of.account.map(|name| Whose::Account(name.to_owned()));
        let address = (!of.shared).then_some(Whose::Address(address));
        account.into_iter().chain(address).collect()
    }

    /// Whether somebody guesses from an address, or may, as many share it.
    fn is_suspect(&self, of: Try<'_>, now: i64) -> bool {
        let own = self.failures.get(&Whose::Address(of.address.to_owned()));
        let guesses = |own: &Failures| own.count > FREE && now - own.last < FORGET_S;
        of.shared || own.is_some_and(guesses)
    }

    /// Seconds to wait before a try is looked at.
    fn wait(&self, of: Try<'_>, now: i64) -> i64 {
        let suspect = self.is_suspect(of, now);
        let left = |whose: &Whose| {
            let failures = self.failures.get(whose)?;
            let most = match whose {
                Whose::Account(_) if !suspect => SHORT_WAIT_S_MAX,
                Whose::Known(..) => SHORT_WAIT_S_MAX,
                Whose::Account(_) | Whose::Address(_) => WAIT_S_MAX,
            };
            Some(failures.last + wait_s(failures.count, most) - now)
        };
        let waits = self.whose(of);
        waits.iter().filter_map(left).max().unwrap_or(0).max(0)
    }

    fn failed(&mut self, of: Try<'_>, now: i64) {
        for whose in self.whose(of) {
            if self.failures.len() >= KEPT_MAX && !self.failures.contains_key(&whose) {
                self.make_room(now);
            }
            let none = Failures {
                count: 0,
                last: now,
            };
            let kept = self.failures.entry(whose).or_insert(none);
            if now - kept.last >= FORGET_S {
                kept.count = 0;
            }
            (kept.count, kept.last) = (kept.count.saturating_add(1), now);
        }
    }

    /// Forgets what is over, or else the oldest tenth, so that a flood does not look through all of them each time.
    fn make_room(&mut self, now: i64) {
        self.failures.retain(|_, kept| now - kept.last < FORGET_S);
        if self.failures.len() < KEPT_MAX {
            return;
        }
        let mut times: Vec<i64> = self.failures.values().map(|kept| kept.last).collect();
        times.sort_unstable();
        let (oldest, mut left) = (times[KEPT_MAX / 10], KEPT_MAX / 10);
        self.failures.retain(|_, kept| {
            let goes = left > 0 && kept.last <= oldest;
            left -= usize::from(goes);
            !goes
        });
    }

    fn let_in(&mut self, name: &str, address: &str) {
        let pair = (name.to_owned(), address.to_owned());
        self.failures
            .remove(&Whose::Known(pair.0.clone(), pair.1.clone()));
        self.failures.remove(&Whose::Account(pair.0.clone()));
        // Of those from the address, only this try was none.
        if let Some(kept) = self.failures.get_mut(&Whose::Address(pair.1.clone())) {
            kept.count = kept.count.saturating_sub(1);
        }
        if self.known.len() >= KEPT_MAX {
            self.known.pop_first();
        }
        self.known.insert(pair);
    }
}

/// Where passwords and the first code are shown.
pub struct Door {
    waits: Mutex<Waits>,
    places: Semaphore,
    /// The digest of the code by which the first administrator is made.
    pub(super) code: Mutex<Option<[u8; 32]>>,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            waits: Mutex::default(),
            places: Semaphore::new(PLACES),
            code: Mutex::default(),
        }
    }
}

impl Door {
    /// How long a try must wait; `None`: it is looked at now.
    pub fn wait(&self, of: Try<'_>, now: Instant) -> Option<Duration> {
        let seconds = locked(&self.waits).wait(of, now.unix());
        let seconds = u64::try_from(seconds).unwrap_or(0);
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    /// Notes a try that failed.
    pub fn failed(&self, of: Try<'_>, now: Instant) {
        locked(&self.waits).failed(of, now.unix());
    }

    /// Notes that somebody was let in.
    pub fn let_in(&self, name: &str, address: &str) {
        locked(&self.waits).let_in(name, address);
    }

    /// Makes the code by which the first administrator is made: twenty letters and digits in groups of five.
    ///
    /// # Errors
    /// A system without randomness.
    pub fn make_code(&self) -> Result<String, AccessFault> {
        let bytes = random::<CODE_LETTERS>()?;
        let letter = |byte: &u8| char::from(LETTERS[usize::from(byte & 31)]);
        let groups = bytes.chunks(CODE_GROUP);
        let groups: Vec<String> = groups
            .map(|group| group.iter().map(letter).collect())
            .collect();
        let code = groups.join("-");
        *locked(&self.code) = Some(digest(&code));
        Ok(code)
    }

    /// Whether there is a code.
    pub fn has_code(&self) -> bool {
        locked(&self.code).is_some()
    }

    /// Whether this is the code.
    pub fn is_code(&self, given: &str) -> bool {
        let code = *locked(&self.code);
        code.is_some_and(|code| digest(given.trim()).ct_eq(&code).into())
    }

    /// A place to work on a password; `None` when too many wait for one.
    pub async fn place(&self) -> Option<SemaphorePermit<'_>> {
        let place = tokio::time::timeout(PLACE_WAIT, self.places.acquire()).await;
        place.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(account: &'a str, address: &'a str) -> Try<'a> {
        Try {
            account: Some(account),
            address,
            shared: false,
        }
    }

    fn shared(account: &str) -> Try<'_> {
        Try {
            shared: true,
            ..of(account, "proxy")
        }
    }

    #[test]
    fn waits_grow_and_are_forgotten() {
        let mut waits = Waits::default();
        for (failures, expected) in [(1, 0), (2, 0), (3, 1), (4, 2), (5, 4), (13, 900), (40, 900)] {
            waits.failures.clear();
            (0..failures).for_each(|_| waits.failed(of("li", "a"), 100));
            assert_eq!(
                waits.wait(of("li", "b"), 100),
                expected.min(SHORT_WAIT_S_MAX),
                "{failures} at one account"
            );
            assert_eq!(
                waits.wait(of("wu", "a"), 100),
                expected,
                "{failures} from one address"
            );
            assert_eq!(waits.wait(of("wu", "b"), 100), 0);
            assert_eq!(waits.wait(of("li", "b"), 100 + expected), 0);
        }
        waits.failed(of("li", "a"), 100 + FORGET_S);
        assert_eq!(waits.wait(of("li", "b"), 100 + FORGET_S), 0);
    }

    #[test]
    fn nobody_is_kept_out_by_others_where_he_was_let_in_before() {
        let mut waits = Waits::default();
        waits.let_in("li", "office");
        (0..50).for_each(|_| waits.failed(of("li", "elsewhere"), 100));
        (0..50).for_each(|_| waits.failed(of("wu", "office"), 100));
        assert_eq!(waits.wait(of("li", "office"), 100), 0);
        assert_eq!(waits.wait(of("li", "elsewhere"), 100), WAIT_S_MAX);
        assert_eq!(waits.wait(of("wu", "office"), 100), WAIT_S_MAX);
        (0..50).for_each(|_| waits.failed(of("li", "office"), 100));
        assert_eq!(waits.wait(of("li", "office"), 100), SHORT_WAIT_S_MAX);
    }

    /// Also after a restart, which forgets who was let in from where.
    #[test]
    fn whoever_comes_from_elsewhere_than_the_guesser_waits_half_a_minute_at_most() {
        let (mut waits, mut now) = (Waits::default(), 100);
        // The guesser tries again the moment he may, for two days.
        let mut longest = 0;
        while now < 100 + 2 * 86_400 {
            waits.failed(of("li", "guesser"), now);
            longest = longest.max(waits.wait(of("li", "home"), now));
            now += waits.wait(of("li", "guesser"), now).max(1);
        }
        assert_eq!(longest, SHORT_WAIT_S_MAX);
        assert_eq!(waits.wait(of("li", "guesser"), now - 1), 1, "he waits on");
        // A slip of one's own there makes no guesser of one.
        for _ in 0..FREE {
            waits.failed(of("li", "home"), now);
            assert!(waits.wait(of("li", "home"), now) <= SHORT_WAIT_S_MAX);
        }
        // And with his own names he cannot use up the addresses of others.
        assert_eq!(waits.wait(of("wu", "home"), now), 1);
    }

    #[test]
    fn what_is_forgotten_is_not_held_against_an_address() {
        let mut waits = Waits::default();
        (0..=FREE).for_each(|_| waits.failed(of("zhao", "home"), 100));
        let later = 100 + 2 * FORGET_S;
        (0..50).for_each(|_| waits.failed(of("li", "guesser"), later));
        assert_eq!(waits.wait(of("li", "home"), later), SHORT_WAIT_S_MAX);
    }

    #[test]
    fn behind_a_shared_address_only_the_account_waits() {
        let mut waits = Waits::default();
        (0..50).for_each(|_| waits.failed(shared("li"), 100));
        assert_eq!(waits.wait(shared("li"), 100), WAIT_S_MAX);
        assert_eq!(waits.wait(shared("wu"), 100), 0, "another person");
        let code = Try {
            account: None,
            ..shared("")
        };
        (0..50).for_each(|_| waits.failed(code, 100));
        assert_eq!(waits.wait(code, 100), 0, "whoever has the code gets in");
        let code = Try {
            shared: false,
            ..code
        };
        (0..50).for_each(|_| waits.failed(code, 100));
        assert_eq!(waits.wait(code, 100), WAIT_S_MAX);
        let other = Try {
            address: "office",
            ..code
        };
        assert_eq!(waits.wait(other, 100), 0, "the code from another address");
    }

    #[test]
    fn an_office_of_many_is_let_in() {
        let mut waits = Waits::default();
        for one in 0..50 {
            let name = format!("n{one}");
            assert_eq!(waits.wait(of(&name, "office"), 100), 0);
            waits.failed(of(&name, "office"), 100);
            waits.let_in(&name, "office");
        }
    }

    #[test]
    fn a_flood_of_names_and_addresses_is_bounded() {
        let mut waits = Waits::default();
        for one in 0..2 * KEPT_MAX {
            waits.failed(of(&format!("n{one}"), &format!("a{one}")), 100);
        }
        assert!(waits.failures.len() <= KEPT_MAX);
    }
}
