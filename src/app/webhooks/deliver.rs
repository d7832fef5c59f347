//! Brings the ledger's rows to subscribers: each in their order, several subscribers at once, as far as they have come.
//!
//! How far a subscriber has been told is on disk after each message. A kill between a message and that leads to the same
//! message once more, with the same identifier.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use chrono::NaiveDate;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::adapters::credit_events::views::change_of;
use crate::adapters::credit_events::views::hex;
use crate::adapters::credit_events::views::only_that;
use crate::adapters::credit_events::views::sealed_rows;
use crate::adapters::webhooks::Message;
use crate::adapters::webhooks::Sender;
use crate::adapters::webhooks::files::Folder;
use crate::adapters::webhooks::files::Hook;
use crate::app::config::Settings;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::credit::hook::Outcome;
use crate::domain::credit::hook::Patience;
use crate::domain::credit::hook::Progress;
use crate::domain::credit::uscc::Uscc;
use crate::flow::health::Health;
use crate::flow::locked::locked;
use crate::flow::tiering::Tiering;
use crate::flow::tiering::book::Row;
use crate::flow::tiering::told::Change;
use crate::flow::tiering::told::Told;

/// Pause between two looks at the ledger and the folder.
const PAUSE: Duration = Duration::from_millis(500);
/// Rows of one turn of a subscriber, sent or passed over; then others have theirs.
const TURN_ROWS: usize = 1_000;
/// Digits of a row's hash in a message's identifier.
const ID_DIGITS: usize = 16;
/// The part, for the health.
const PART: &str = "webhooks";

/// Whether the subscriber of a bank, or of none, is shown the details of a unit on a day.
pub type Sees = Box<dyn Fn(Option<&str>, &Uscc, NaiveDate) -> bool + Send + Sync>;

/// What deliveries are made from.
pub struct Deliverer {
    folder: Folder,
    tiering: Arc<Tiering>,
    sender: Sender,
    patience: Patience,
    places: Semaphore,
    health: Arc<Health>,
    sees: Sees,
    zone: Zone,
    /// What stands in the way of each subscriber that waits.
    troubles: Mutex<BTreeMap<String, String>>,
}

impl Deliverer {
    /// Delivers the changes of a ledger to the subscribers of a data directory.
    ///
    /// # Errors
    /// A client that cannot be made.
    pub fn new(
        settings: &Settings,
        tiering: Arc<Tiering>,
        health: Arc<Health>,
        sees: Sees,
    ) -> anyhow::Result<Arc<Deliverer>> {
        let hooks = &settings.webhooks;
        let sender = Sender::new(hooks.timeout, hooks.allow_private);
        Ok(Arc::new(Deliverer {
            folder: Folder::of(&settings.data_dir),
            tiering,
            sender: sender.map_err(|fault| anyhow::anyhow!("webhooks: {fault}"))?,
            patience: hooks.patience(),
            places: Semaphore::new(hooks.at_once),
            health,
            sees,
            zone: settings.zone,
            troubles: Mutex::default(),
        }))
    }

    /// Delivers for ever. A slow subscriber keeps no other waiting.
    pub async fn run(self: Arc<Self>, clock: fn() -> Instant) {
        let mut turns: JoinSet<String> = JoinSet::new();
        let mut busy = BTreeSet::new();
        loop {
            while let Some(ended) = turns.try_join_next() {
                match ended {
                    Ok(name) => {
                        busy.remove(&name);
                    }
                    // Which one it was is not told; those still under way are passed over while they are.
                    Err(_) => busy.clear(),
                }
            }
            for hook in self.hooks() {
                if busy.insert(hook.name.clone()) {
                    let own = Arc::clone(&self);
                    turns.spawn(async move {
                        own.turn(&hook, clock).await;
                        hook.name
                    });
                }
            }
            self.tell();
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// One turn of every subscriber, to its end.
    pub async fn round(self: &Arc<Self>, clock: fn() -> Instant) {
        let mut turns = JoinSet::new();
        for hook in self.hooks() {
            let own = Arc::clone(self);
            turns.spawn(async move { own.turn(&hook, clock).await });
        }
        turns.join_all().await;
        self.tell();
    }

    fn hooks(&self) -> Vec<Hook> {
        match self.folder.hooks() {
            Ok(hooks) => {
                let mut troubles = self.troubles();
                troubles.retain(|name, _| hooks.iter().any(|hook| hook.name == *name));
                hooks
            }
            Err(error) => {
                self.troubles().insert(String::new(), format!("{error:#}"));
                Vec::new()
            }
        }
    }

    fn troubles(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        locked(&self.troubles)
    }

    /// Tells the health page who waits.
    fn tell(&self) {
        let troubles = self.troubles();
        let waiting = troubles.len() as u64;
        let told: Vec<String> = troubles
            .iter()
            .map(|(name, what)| format!("{name}: {what}"))
            .collect();
        self.health
            .note(PART, (!told.is_empty()).then(|| told.join("; ")));
        self.health.gauge((
            "webhooks_waiting",
            "Subscribers that cannot be told of changes just now.",
            waiting,
        ));
    }

    /// Sends what a subscriber has not been told yet, until it has, or a message does not arrive.
    async fn turn(&self, hook: &Hook, clock: fn() -> Instant) {
        let place = self.places.acquire().await;
        let ended = self.send_all(hook, clock).await;
        drop(place);
        let mut troubles = self.troubles();
        match ended {
            Ok(None) => {
                troubles.remove(&hook.name);
            }
            Ok(Some(what)) => {
                troubles.insert(hook.name.clone(), what);
            }
            Err(error) => {
                tracing::error!(
                    hook.name,
                    error = format!("{error:#}"),
                    "a subscriber's files"
                );
                troubles.insert(hook.name.clone(), format!("{error:#}"));
            }
        }
    }

    /// What stands in the way, if something does.
    async fn send_all(
        &self,
        hook: &Hook,
        clock: fn() -> Instant,
    ) -> anyhow::Result<Option<String>> {
        let mut progress = self.folder.progress(hook)?;
        if self.folder.take_retry(&hook.name) {
            progress.retry();
            self.folder.keep(hook, &progress)?;
        }
        let now = self.zone.local(clock());
        let view = self.tiering.known(None, now).await?;
        let told = self.tiering.told(&view.book, view.known_at)?;
        let head = told.count();
        let mut passed = 0;
        let mut kept = progress.done;
        while progress.is_due(clock()) && passed < TURN_ROWS {
            let change = progress.next(head).and_then(|place| told.change(place));
            let Some(change) = change else { break };
            passed += 1;
            if hook
                .subjects
                .as_ref()
                .is_some_and(|all| !all.contains(change.row.subject))
            {
                progress.arrived(change.cursor);
                continue;
            }
            let arrived = self.send(hook, &told, &change, &mut progress, clock).await;
            // A subscriber that was removed meanwhile leaves nothing behind.
            if self.folder.hook(&hook.name)?.is_none() {
                return Ok(None);
            }
            self.folder.keep(hook, &progress)?;
            kept = progress.done;
            if !arrived {
                break;
            }
        }
        if kept != progress.done {
            self.folder.keep(hook, &progress)?;
        }
        Ok(progress.failing.as_ref().map(|failing| {
            let since = Zone::beijing().text(failing.since);
            format!(
                "waits since {since}, {} tries: {}",
                failing.tries, failing.cause
            )
        }))
    }

    async fn send(
        &self,
        hook: &Hook,
        told: &Told<'_>,
        change: &Change<'_>,
        progress: &mut Progress,
        clock: fn() -> Instant,
    ) -> bool {
        let (id, at) = (message_id(change), clock());
        let today = self.zone.local(at).date_naive();
        let subject = change.row.subject;
        let mut shown = change_of(change, &sealed_rows(told, subject, today));
        if !(self.sees)(hook.bank.as_deref(), subject, today) {
            only_that(&mut shown);
        }
        let body = shown.to_string();
        let message = Message {
            id: &id,
            at,
            body: &body,
        };
        let Err(cause) = self.sender.send(&hook.url, &hook.secret, message).await else {
            progress.arrived(change.cursor);
            progress.arrived_at = Some(at);
            return true;
        };
        let first = progress.failing.is_none();
        if first {
            tracing::warn!(
                hook.name,
                change = change.cursor,
                cause,
                "a change did not arrive; those after it wait"
            );
        }
        let seed = seed(&hook.name, &change.row);
        if progress.failed(change.cursor, clock(), self.patience, seed, cause) == Outcome::LaidAside
        {
            tracing::error!(
                hook.name,
                change = change.cursor,
                "a change was laid aside; `skytier webhooks retry` sends it again"
            );
        }
        false
    }
}

/// A message's identifier: the change's place, and the beginning of its row's hash, so that a restored ledger that went on in
/// another way has others.
#[must_use]
pub fn message_id(change: &Change<'_>) -> String {
    let mut hash = hex(&change.row.hash);
    hash.truncate(ID_DIGITS);
    format!("change_{}_{hash}", change.cursor)
}

/// Spreads the pauses of many subscribers to one place.
fn seed(name: &str, row: &Row<'_>) -> u64 {
    let bytes = name.bytes().chain(row.hash);
    bytes.fold(row.seq, |seed, byte| {
        seed.wrapping_mul(31).wrapping_add(u64::from(byte))
    })
}
