//! A whole life of the daemon from one seed: packets are repeated, reordered, late, corrected and damaged, the disk
//! is full at times, the clock jumps, the process is killed and the power cut at every kind of moment. In the end
//! everything stored and derived is what a naive model says.
//!
//! One thread drives all of it and nothing depends on this computer's speed, so a seed always gives the same run.
//! `SKYTIER_SIM_SEED` names the first seed, `SKYTIER_SIM_READINGS` how many readings to run in all; beyond a
//! million, further seeds follow. `make simulate` is the long form.

pub(crate) mod chance;
mod disk;
mod machine;
pub(crate) mod model;
pub(crate) mod world;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant as Stopwatch;

use skytier::adapters::inbound::Refusal;
use skytier::adapters::inbound::Verdict;
use skytier::domain::calendar::Instant;
use skytier::ports::LetterQuery;
use skytier::ports::LetterState;
use skytier::ports::Range;
use skytier::ports::StoreError;
use tempfile::TempDir;

use crate::simulation::chance::Chance;
use crate::simulation::disk::Death;
use crate::simulation::disk::Fate;
use crate::simulation::machine::MESSAGES_MAX;
use crate::simulation::machine::Machine;
use crate::simulation::machine::clock;
use crate::simulation::machine::set_clock;
use crate::simulation::model::Change;
use crate::simulation::model::Letter;
use crate::simulation::model::Model;
use crate::simulation::model::Received;
use crate::simulation::model::Version;
use crate::simulation::model::key;
use crate::simulation::world::HOUR;
use crate::simulation::world::Packet;
use crate::simulation::world::Row;
use crate::simulation::world::World;
use crate::support::number;

/// The first seed, unless named.
const SEED: u64 = 20_200_727;
/// Readings of one seed at most.
const READINGS: u64 = 1_000_000;
/// Readings of a commit after which no packet joins it; the pump would begin another at 20,000.
const COMMIT_ROWS: usize = 15_000;
/// Letters that admission tries in one commit.
const CHUNK_LETTERS: usize = 256;
/// Letters asked for at once.
const PAGE_LETTERS: usize = 1_000;

/// What happened in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    readings: u64,
    identities: usize,
    corrected: u64,
    letters: usize,
    commits: u64,
    killed: u64,
    unpowered: u64,
    /// Of the deaths within a commit, those that had made it durable.
    durable_unacknowledged: u64,
    restarts: u64,
    full: u64,
    jumps: u64,
    moments: u64,
    digest: u64,
}

/// A run under way.
struct Run {
    chance: Chance,
    world: World,
    model: Model,
    fate: Fate,
    within: std::path::PathBuf,
    machine: Option<Machine>,
    /// How far the machine's clock is off.
    jump: i64,
    jump_hours: u64,
    planned: Option<Death>,
    tally: Tally,
}

/// Memory, where there is a disk of it: the losses are simulated, so nothing need reach a real one.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let within = TempDir::new_in(memory).or_else(|_| TempDir::new());
    within.expect("a temporary folder")
}

impl Run {
    async fn start(seed: u64, within: &Path) -> Self {
        let world = World::new(seed);
        let fate = Fate::new(seed ^ 1);
        set_clock(world.now());
        let home = TempDir::new_in(within).expect("a directory");
        let machine = Machine::start(home, &fate).await;
        let registered = machine.directory.register(world.registry()).await;
        registered.expect("registered");
        Self {
            chance: Chance::new(seed ^ 2),
            world,
            model: Model::default(),
            fate,
            within: within.to_owned(),
            machine: Some(machine),
            jump: 0,
            jump_hours: 0,
            planned: None,
            tally: Tally::default(),
        }
    }

    fn machine(&self) -> &Machine {
        self.machine.as_ref().expect("it runs")
    }

    /// Everything, until so many readings have arrived and nothing is under way any more.
    async fn live(&mut self, readings: u64) {
        let registration = self.chance.between(5, 40);
        let mut hour = 0;
        while self.tally.readings < readings {
            self.world.pass();
            hour += 1;
            self.turn_clock();
            if hour == registration {
                self.register().await;
            }
            self.deliver(false).await;
        }
        if hour < registration {
            self.register().await;
        }
        self.deliver(true).await;
        self.fate.spare();
        self.check().await;
        self.check_derived().await;
        self.tally.identities = self.model.len();
        self.tally.corrected = self.model.corrected;
        self.tally.letters = self.model.letters.len();
        self.tally.moments = self.fate.moments();
        self.tally.digest = self.model.digest();
        let machine = self.machine.take().expect("it runs");
        drop(machine.end().await);
    }

    /// Now and then the clock is wrong for some hours.
    fn turn_clock(&mut self) {
        self.jump_hours = self.jump_hours.saturating_sub(1);
        if self.jump_hours == 0 {
            self.jump = 0;
            if self.chance.of_thousand(40) {
                self.jump = self.chance.between(-30 * HOUR, 30 * HOUR);
                self.jump_hours = 1 + self.chance.below(6);
                self.tally.jumps += 1;
            }
        }
        set_clock(self.world.now() + self.jump);
    }

    /// Hands in what has arrived, in commits of any size.
    async fn deliver(&mut self, at_the_end: bool) {
        loop {
            let wanted = 1 + self
                .chance
                .index(if at_the_end { MESSAGES_MAX } else { 160 });
            let (mut burst, mut rows) = (Vec::new(), 0);
            while burst.len() < wanted && rows < COMMIT_ROWS {
                let Some(packet) = self.world.arrived(at_the_end) else {
                    break;
                };
                rows += self.world.rows(packet).len();
                burst.push(packet);
            }
            if burst.is_empty() {
                return;
            }
            self.something_happens().await;
            self.commit(&burst).await;
        }
    }

    /// What goes on beside: faults are planned, blocks merged, days computed, the process restarted.
    async fn something_happens(&mut self) {
        let mut merges = self.chance.of_thousand(20);
        if !self.fate.is_planned() && self.chance.of_thousand(50) {
            // Every other death comes while blocks are merged, which is rare otherwise.
            merges = self.chance.of_thousand(500);
            let death = [Death::Killed, Death::Unpowered][self.chance.index(2)];
            let count = 1 + self.chance.below(if merges { 16 } else { 6 });
            self.fate.plan(death, count);
            self.planned = Some(death);
        }
        if self.chance.of_thousand(20) {
            let times = 1 + self.chance.below(3);
            self.machine().fill(times);
            self.tally.full += times;
        }
        if merges && let Err(error) = self.machine().store.merge().await {
            self.revive(error).await;
            if self.chance.of_thousand(250) {
                self.check().await;
            }
        }
        if self.chance.of_thousand(20) {
            self.machine().rollup.settle().await.expect("settled");
        }
        if self.chance.of_thousand(3) {
            self.fate.spare();
            let home = self.machine.take().expect("it runs").end().await;
            self.machine = Some(Machine::start(home, &self.fate).await);
            self.tally.restarts += 1;
        }
    }

    /// Starts again on what a death left.
    async fn revive(&mut self, error: StoreError) {
        assert!(matches!(error, StoreError::Poisoned { .. }), "{error}");
        let dead = self.machine.take().expect("it ran").end().await;
        let left = self.fate.left(&self.within);
        drop(dead);
        self.machine = Some(Machine::start(left, &self.fate).await);
        match self.planned.take().expect("it was planned") {
            Death::Killed => self.tally.killed += 1,
            Death::Unpowered => self.tally.unpowered += 1,
        }
    }

    async fn commit(&mut self, burst: &[Packet]) {
        let messages = burst.iter().map(|packet| self.world.message(*packet));
        let verdicts = self.machine().offer(messages.collect()).await;
        let astray = |at: usize| World::is_astray(burst[at]);
        for (at, verdict) in verdicts.iter().enumerate().filter(|(at, _)| astray(*at)) {
            let refused = Some(Verdict::Refused(Refusal::Topic));
            assert_eq!(*verdict, refused, "{:?}", burst[at]);
        }
        let owed: Vec<usize> = (0..burst.len()).filter(|at| !astray(*at)).collect();
        let kept = owed
            .iter()
            .filter(|at| verdicts[**at] == Some(Verdict::Durable))
            .count();
        let none = owed.iter().filter(|at| verdicts[**at].is_none()).count();
        assert!(
            kept == owed.len() || none == owed.len(),
            "one commit: {verdicts:?}"
        );
        let (rows, letters) = self.meant(burst);
        if kept == owed.len() {
            self.tally.readings += rows.len() as u64;
            self.tally.commits += 1;
            self.model.take(rows.into_iter());
            self.model.letters.extend(letters);
            return;
        }
        let cause = "the writer has stopped".to_owned();
        let place = String::new();
        self.revive(StoreError::Poisoned { place, cause }).await;
        if self.stored(&rows, &letters).await {
            self.model.take(rows.into_iter());
            self.model.letters.extend(letters);
            self.tally.durable_unacknowledged += 1;
        }
        self.readmit().await;
        // Nobody had an acknowledgement, so everybody sends again.
        for at in owed {
            self.world.again(burst[at]);
        }
        if self.chance.of_thousand(250) {
            self.check().await;
        }
    }

    /// The values and letters that a commit now should make of packets.
    fn meant(&self, burst: &[Packet]) -> (Vec<(Row, Version)>, Vec<Letter>) {
        let now = clock().unix();
        let (mut values, mut letters) = (Vec::new(), Vec::new());
        for packet in burst.iter().filter(|packet| !World::is_astray(**packet)) {
            let rows = self.world.rows(*packet);
            let known = self.world.senders[packet.sender].known;
            if known && !World::is_unreadable(*packet) {
                values.extend(rows.into_iter().map(|row| (row, Version::new(&row, now))));
                continue;
            }
            let (topic, payload) = self.world.message(*packet);
            letters.push(Letter {
                topic,
                payload,
                received_at: now,
                waiting: (!World::is_unreadable(*packet)).then_some(rows),
            });
        }
        (values, letters)
    }

    /// Whether a commit that nobody was told of is there: all of it or nothing.
    async fn stored(&mut self, rows: &[(Row, Version)], letters: &[Letter]) -> bool {
        let places: Vec<Change> = {
            let changes = self.model.take(rows.iter().copied());
            let distinct: BTreeSet<Change> = changes.iter().copied().collect();
            let with: Vec<_> = distinct.iter().map(|place| self.model.at(*place)).collect();
            self.model.undo(&changes);
            let places: Vec<Change> = distinct.into_iter().collect();
            let found = self.found(&places).await;
            let kept = self.letters_kept().await;
            if found == with && kept == self.model.letters.len() + letters.len() {
                return true;
            }
            places
        };
        let without: Vec<_> = places.iter().map(|place| self.model.at(*place)).collect();
        assert_eq!(self.found(&places).await, without, "a commit by half");
        assert_eq!(
            self.letters_kept().await,
            self.model.letters.len(),
            "a commit by half"
        );
        false
    }

    /// What the store holds at some places, which are in order.
    async fn found(&self, places: &[Change]) -> Vec<Option<Received>> {
        let mut found = Vec::new();
        for own in places.chunk_by(|a, b| a.0 == b.0) {
            let range = Range {
                after: Instant::from_unix(own[0].1 - 1),
                upto: Instant::from_unix(own[own.len() - 1].1),
                ..Range::ALL
            };
            let column = self.column(own[0].0, range).await;
            let by_time: BTreeMap<i64, Received> = column
                .into_iter()
                .map(|one| (one.1.time.unix(), one))
                .collect();
            found.extend(own.iter().map(|(_, time)| by_time.get(time).cloned()));
        }
        found
    }

    async fn column(&self, series: usize, range: Range) -> Vec<Received> {
        let key = key(&self.world.senders, series);
        let column = self.machine().stores.series.received(&key, range).await;
        column.expect("a column")
    }

    async fn letters_kept(&self) -> usize {
        let counts = self.machine().stores.letters.letter_counts().await;
        let counts = counts.expect("counts");
        let all: u64 = counts.iter().map(|(.., count)| *count).sum();
        usize::try_from(all).expect("a count")
    }

    /// The stranger becomes known, and what waited for it is admitted.
    async fn register(&mut self) {
        self.fate.spare();
        for sender in &mut self.world.senders {
            sender.known = true;
        }
        let registry = self.world.registry();
        let registered = self.machine().directory.register(registry).await;
        registered.expect("registered");
        if self.chance.of_thousand(500) {
            self.fate.plan(Death::Killed, 1);
            self.planned = Some(Death::Killed);
        }
        self.readmit().await;
    }

    /// Admits what waits and may be, through deaths and full disks.
    async fn readmit(&mut self) {
        if self.world.senders.iter().any(|sender| !sender.known) {
            return;
        }
        loop {
            let now = clock().unix();
            let waiting: Vec<usize> = (0..self.model.letters.len())
                .filter(|at| self.model.letters[*at].waiting.is_some())
                .collect();
            let done = self.machine().ingest.readmit(clock).await;
            let admitted = match &done {
                Ok(count) => {
                    assert_eq!(*count, waiting.len() as u64, "letters admitted");
                    waiting.len()
                }
                Err(error) => {
                    if !matches!(error, StoreError::Full { .. }) {
                        self.revive(error.clone()).await;
                    }
                    let left = self.letters_waiting().await;
                    let admitted = waiting.len() - left;
                    assert!(
                        admitted.is_multiple_of(CHUNK_LETTERS) || left == 0,
                        "a chunk by half"
                    );
                    admitted
                }
            };
            for at in &waiting[..admitted] {
                let letter = &mut self.model.letters[*at];
                let received_at = letter.received_at;
                let rows = letter.waiting.take().expect("it waits");
                self.tally.readings += rows.len() as u64;
                let version = |row: &Row| Version::new(row, received_at).counting_from(now);
                self.model
                    .take(rows.into_iter().map(|row| (row, version(&row))));
            }
            if done.is_ok() {
                return;
            }
        }
    }

    async fn letters_waiting(&self) -> usize {
        let counts = self.machine().stores.letters.letter_counts().await;
        let counts = counts.expect("counts").into_iter();
        let waiting = counts.filter(|(_, state, _)| *state == LetterState::Quarantined);
        usize::try_from(waiting.map(|(.., count)| count).sum::<u64>()).expect("a count")
    }

    /// Everything stored is what the model says, now and as known at some earlier time.
    async fn check(&mut self) {
        let known_at = self.world.now() - self.chance.between(0, 200) * HOUR;
        for known_at in [None, Some(known_at)] {
            let expected = self.model.columns(known_at);
            let range = Range {
                known_at: known_at.map(Instant::from_unix),
                ..Range::ALL
            };
            for series in 0..self.world.senders.len() * 6 {
                let found = self.column(series, range).await;
                let wanted = expected.get(&series).map_or(&[][..], Vec::as_slice);
                let same = found == wanted;
                assert!(same, "{}", difference(series, known_at, &found, wanted));
            }
        }
        let verified = self
            .machine()
            .stores
            .verify
            .verify()
            .await
            .expect("verified");
        assert_eq!(verified.fault, None);
        let revisions = verified
            .counted
            .iter()
            .find(|(what, _)| *what == "revisions");
        assert_eq!(revisions, Some(&("revisions", self.model.corrected)));
        let mut after = 0;
        let mut wanted = self.model.letters.iter();
        loop {
            let query = LetterQuery {
                after,
                limit: PAGE_LETTERS,
                ..LetterQuery::default()
            };
            let page = self
                .machine()
                .stores
                .letters
                .letters(query)
                .await
                .expect("letters");
            let Some(last) = page.last() else { break };
            after = last.id;
            for kept in page {
                let own = wanted.next().expect("no more letters than expected");
                let letter = &kept.letter;
                let found = (&letter.topic, &letter.payload, letter.received_at.unix());
                assert_eq!(found, (&own.topic, &own.payload, own.received_at));
                let waits = kept.state() == LetterState::Quarantined;
                assert_eq!(waits, own.waiting.is_some(), "{}", letter.topic);
            }
        }
        assert_eq!(wanted.next(), None, "letters lost");
    }

    /// Days kept up while readings came are those computed from all of them, and those of the model.
    async fn check_derived(&self) {
        let rollup = &self.machine().rollup;
        rollup.settle().await.expect("settled");
        let whole = rollup
            .recipe()
            .all_days(None)
            .await
            .expect("computed whole");
        assert_eq!(*rollup.now(), whole, "kept up and computed whole");
        self.model.check_days(&self.world.senders, &whole);
    }
}

/// Where two columns part.
fn difference(
    series: usize,
    known_at: Option<i64>,
    found: &[Received],
    wanted: &[Received],
) -> String {
    let apart = found.iter().zip(wanted).position(|(a, b)| a != b);
    let at = apart.unwrap_or(found.len().min(wanted.len()));
    format!(
        "series {series} as known at {known_at:?}: {} readings for {}; number {at} is {:?}, not {:?}",
        found.len(),
        wanted.len(),
        found.get(at),
        wanted.get(at)
    )
}

/// Runs a seed over some readings.
fn simulate(seed: u64, readings: u64, lies: bool) -> Tally {
    let within = scratch();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime").block_on(async {
        let mut run = Run::start(seed, within.path()).await;
        if lies {
            run.machine().forget_one();
        }
        run.live(readings).await;
        run.tally
    })
}

#[test]
fn in_the_end_everything_is_what_a_naive_model_says() {
    let first = number("SKYTIER_SIM_SEED", SEED);
    let wanted = number("SKYTIER_SIM_READINGS", READINGS);
    let (mut seed, mut all) = (first, Tally::default());
    let begun = Stopwatch::now();
    while all.readings < wanted {
        let readings = (wanted - all.readings).min(READINGS);
        println!("simulation: SKYTIER_SIM_SEED={seed} SKYTIER_SIM_READINGS={readings}");
        let since = Stopwatch::now();
        let tally = simulate(seed, readings, false);
        println!("  {:.1} s: {tally:?}", since.elapsed().as_secs_f64());
        all.readings += tally.readings;
        all.identities += tally.identities;
        all.corrected += tally.corrected;
        all.letters += tally.letters;
        all.commits += tally.commits;
        all.killed += tally.killed;
        all.unpowered += tally.unpowered;
        all.durable_unacknowledged += tally.durable_unacknowledged;
        all.restarts += tally.restarts;
        all.full += tally.full;
        all.jumps += tally.jumps;
        all.moments += tally.moments;
        seed += 1;
    }
    let seeds = seed - first;
    println!(
        "{seeds} seeds in {:.0} s: {all:?}",
        begun.elapsed().as_secs_f64()
    );
    assert!(
        all.killed + all.unpowered > 0 && all.corrected > 0 && all.letters > 0,
        "{all:?}"
    );
}

#[test]
fn a_seed_always_gives_the_same_run() {
    let runs = [(); 2].map(|()| simulate(3, 60_000, false));
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0].digest, simulate(4, 5_000, false).digest);
}

#[test]
#[should_panic(expected = "readings for")]
fn a_store_that_forgets_one_commit_is_found_out() {
    simulate(5, 5_000, true);
}
