//! `skytier retention`, and what the daemon does every day: removal by age, under the policy of the settings.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::json;
use tokio::sync::watch;

use crate::adapters::lang::Lang;
use crate::adapters::removals;
use crate::adapters::report::table::table;
use crate::adapters::store::Stores;
use crate::adapters::store::embedded::Embedded;
use crate::adapters::store::embedded::retention::Doomed;
use crate::adapters::store::embedded::retention::STEP_MAX;
use crate::adapters::store::embedded::retention::Step;
use crate::adapters::words;
use crate::app::config;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::retention::Kind;
use crate::domain::retention::Policy;
use crate::domain::retention::Removal;
use crate::domain::retention::Stays;
use crate::domain::review::Decision;
use crate::ports::Publications;
use crate::ports::Reviews;
use crate::ports::StoreError;

/// Pause between two removals of a daemon.
const DAILY: Duration = Duration::from_secs(24 * 3_600);
/// Pause of a daemon between two steps, in which commits go on.
const STEP_PAUSE: Duration = Duration::from_millis(20);

/// Remove what is older than the settings keep, or show what would go.
///
/// Nothing is removed unless a number of days is set: retention.fine_days, hourly_days, revisions_days and
/// dead_letters_days, in the file of settings or as SKYTIER__RETENTION__FINE_DAYS and so on. A daemon does the same
/// once a day. No figure changes: what a mean, an index or a published figure rests on stays, and so does all of this
/// year and the last. --dry-run and --list work beside a running daemon; without them the directory must not be in
/// use.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  SKYTIER__RETENTION__FINE_DAYS=730 skytier retention --data var/city --dry-run
  SKYTIER__RETENTION__FINE_DAYS=730 skytier retention --data var/city
  skytier retention --config config/skytier.toml --data var/city --dry-run --lang en
  skytier retention --data var/city --list")]
pub struct RetentionArgs {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Settings; without a file those of the environment.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Show what would go and what stays, and remove nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print every removal so far as a line of JSON instead.
    #[arg(long, conflicts_with_all = ["dry_run", "config", "format", "lang"])]
    list: bool,
    /// json: a line a kind.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Language of the table.
    #[arg(long, value_parser = lang, default_value = "zh", value_name = "zh|en")]
    lang: Lang,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    Json,
}

fn lang(text: &str) -> Result<Lang, String> {
    Lang::from_key(text).ok_or_else(|| "zh or en is expected".to_owned())
}

/// What became of one kind.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What went, or would go.
    pub removal: Removal,
    /// Readings that are old enough and stay, by reason.
    pub stays: BTreeMap<Stays, u64>,
}

/// Removes what is old, or looks what would go.
pub struct Keeper {
    store: Arc<Embedded>,
    reviews: Arc<dyn Reviews>,
    publications: Arc<dyn Publications>,
    policy: Policy,
    zone: Zone,
    /// Whether anything is removed, and how long to wait between two steps.
    pause: Option<Duration>,
}

impl Keeper {
    /// A keeper of a store that keeps files; the one in memory forgets by itself.
    pub fn new(
        stores: &Stores,
        policy: Policy,
        zone: Zone,
        pause: Option<Duration>,
    ) -> Option<Self> {
        Some(Self {
            store: Arc::clone(stores.embedded.as_ref()?),
            reviews: Arc::clone(&stores.reviews),
            publications: Arc::clone(&stores.publications),
            policy,
            zone,
            pause,
        })
    }

    /// A daemon's keeper.
    pub fn of_daemon(stores: &Stores, policy: Policy, zone: Zone) -> Option<Self> {
        Self::new(stores, policy, zone, Some(STEP_PAUSE))
    }

    /// Removes now, once a day and when the policy becomes another, for ever.
    pub async fn run(mut self, clock: fn() -> Instant, mut policies: watch::Receiver<Policy>) {
        loop {
            self.policy = *policies.borrow_and_update();
            match self.sweep(clock()).await {
                Ok(outcomes) => {
                    for Outcome { removal, .. } in &outcomes {
                        let (kind, count) = (removal.kind.key(), removal.count());
                        tracing::info!(retention.kind = kind, count, "removed by age");
                    }
                }
                // A failure that does not pass is the writer's, which tells everybody.
                Err(error) => tracing::warn!(%error, "removal by age waits a day"),
            }
            let day = tokio::time::sleep(DAILY);
            tokio::select! {
                () = day => {}
                // Without anybody to change it, the policy stays.
                Ok(()) = policies.changed() => {}
            }
        }
    }

    /// What goes, or would go, of each kind that the policy names.
    ///
    /// # Errors
    /// Those of the store; what was removed before stays removed, and a row says so.
    pub async fn sweep(&self, now: Instant) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = Vec::new();
        for kind in Kind::ALL {
            let cut = self.policy.cut(kind, now, self.zone);
            let (Some(days), Some(upto)) = (self.policy.days(kind), cut) else {
                continue;
            };
            let upto = match kind {
                Kind::Revisions => self.published(upto).await?,
                _ => upto,
            };
            let mut outcome = Outcome {
                removal: Removal::none(now, kind, days, upto),
                stays: BTreeMap::new(),
            };
            match kind {
                Kind::Fine | Kind::Hourly => self.readings(&mut outcome).await?,
                Kind::Revisions | Kind::DeadLetters => self.rows(&mut outcome).await?,
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// No later than the first moment as of which a figure was published.
    async fn published(&self, upto: Instant) -> Result<Instant, StoreError> {
        let issues = self.publications.issues().await?;
        let known = issues.iter().map(|(_, issue)| issue.known_at);
        Ok(known.fold(upto, Instant::min))
    }

    async fn readings(&self, outcome: &mut Outcome) -> Result<(), StoreError> {
        let removal = outcome.removal.clone();
        let columns = self.store.concerned(self.policy).await?;
        let decisions = self.reviews.decisions().await?;
        // Blocks of many columns go in one step, so that few rows tell of much.
        let mut waiting: Vec<Doomed> = Vec::new();
        for column in columns.iter().filter(|one| one.kind == removal.kind) {
            let own = |decision: &&Decision| decision.key.source == column.key.source;
            let own: Vec<Decision> = decisions.iter().filter(own).cloned().collect();
            let cut = (removal.upto, self.zone);
            let known = (own, decisions.len());
            let found = self.store.old_blocks(column, cut, known).await?;
            for (stays, readings) in found.stays {
                *outcome.stays.entry(stays).or_default() += readings;
            }
            waiting.extend(found.doomed);
            while waiting.len() >= STEP_MAX {
                let later = waiting.split_off(STEP_MAX);
                let doomed = std::mem::replace(&mut waiting, later);
                self.step(&mut outcome.removal, &removal, doomed).await?;
            }
        }
        self.step(&mut outcome.removal, &removal, waiting).await
    }

    async fn rows(&self, outcome: &mut Outcome) -> Result<(), StoreError> {
        let removal = outcome.removal.clone();
        let mut after = 0;
        loop {
            let (doomed, last) = match removal.kind {
                Kind::DeadLetters => self.store.old_letters(removal.upto, after).await?,
                _ => self.store.old_revisions(removal.upto, after).await?,
            };
            let Some(last) = last else { return Ok(()) };
            after = last;
            self.step(&mut outcome.removal, &removal, doomed).await?;
        }
    }

    async fn step(
        &self,
        total: &mut Removal,
        none: &Removal,
        doomed: Vec<Doomed>,
    ) -> Result<(), StoreError> {
        if doomed.is_empty() {
            return Ok(());
        }
        if let Some(pause) = self.pause {
            let removal = none.clone();
            total.add(&self.store.remove(Step { removal, doomed }).await?);
            tokio::time::sleep(pause).await;
            return Ok(());
        }
        for one in &doomed {
            match one {
                Doomed::Block { readings, .. } => {
                    total.blocks += 1;
                    total.readings += readings;
                }
                Doomed::Revision(_) => total.revisions += 1,
                Doomed::Letter(_) => total.letters += 1,
            }
        }
        Ok(())
    }
}

/// Runs the command.
///
/// # Errors
/// Settings that remove nothing or are faulty, or those of the store.
pub async fn run(args: &RetentionArgs, now: Instant, out: &mut impl Write) -> anyhow::Result<()> {
    if args.list {
        let stores = open::for_reading(&args.data)?;
        let zone = open::zone(&stores).await?;
        for removal in removals_of(&stores).await? {
            writeln!(out, "{}", removals::removal_json(zone, &removal))?;
        }
        return Ok(());
    }
    let settings = config::load(args.config.as_deref(), std::env::vars()).map_err(bad_input)?;
    if !settings.retention.removes() {
        return Err(bad_input(
            "everything is kept: none of retention.fine_days, hourly_days, revisions_days and dead_letters_days is set",
        ));
    }
    let stores = if args.dry_run {
        open::for_reading(&args.data)?
    } else {
        open::for_writing(&args.data)?
    };
    let zone = open::zone(&stores).await?;
    let pause = (!args.dry_run).then_some(Duration::ZERO);
    let keeper = Keeper::new(&stores, settings.retention, zone, pause);
    let outcomes = match keeper {
        Some(keeper) => keeper.sweep(now).await?,
        None => Vec::new(),
    };
    match args.format {
        Format::Json => {
            for outcome in &outcomes {
                let mut line = removals::removal_json(zone, &outcome.removal);
                let stays = outcome
                    .stays
                    .iter()
                    .map(|(stays, count)| (stays.key(), *count));
                line["stays"] = json!(stays.collect::<BTreeMap<_, _>>());
                line["dry_run"] = json!(args.dry_run);
                if args.dry_run
                    && let Some(line) = line.as_object_mut()
                    && outcome.removal.kind != Kind::Revisions
                {
                    // Those of readings go with them and are counted then.
                    line.remove("revisions");
                }
                writeln!(out, "{line}")?;
            }
        }
        Format::Table => write!(out, "{}", as_table(zone, args.lang, &outcomes))?,
    }
    Ok(())
}

/// Every removal so far.
///
/// # Errors
/// Those of the store.
pub async fn removals_of(stores: &Stores) -> Result<Vec<Removal>, StoreError> {
    match &stores.embedded {
        Some(store) => store.removals().await,
        None => Ok(Vec::new()),
    }
}

fn as_table(zone: Zone, lang: Lang, outcomes: &[Outcome]) -> String {
    let heads = ["kind", "days", "upto", "removed", "stays"];
    let heads = heads.map(|head| words::retention_column(head, lang));
    let row = |Outcome { removal, stays }: &Outcome| {
        let stays = stays.iter();
        let stays = stays.map(|(why, count)| format!("{count} {}", words::stays(*why, lang)));
        vec![
            words::kept_kind(removal.kind, lang).to_owned(),
            removal.days.to_string(),
            zone.text(removal.upto),
            removal.count().to_string(),
            stays.collect::<Vec<_>>().join(lang.pick("；", "; ")),
        ]
    };
    table(&heads, outcomes.iter().map(row).collect())
}
