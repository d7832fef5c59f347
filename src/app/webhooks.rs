//! `skytier webhooks`: who is told of the ledger's changes, and how far.

pub mod deliver;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;

use crate::adapters::webhooks::HookSecret;
use crate::adapters::webhooks::Message;
use crate::adapters::webhooks::Sender;
use crate::adapters::webhooks::address::HookAddress;
use crate::adapters::webhooks::files::Folder;
use crate::adapters::webhooks::files::Hook;
use crate::app::config;
use crate::app::config::Settings;
use crate::app::fault::AnswerIsNo;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::rulebooks;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::credit::hook::Progress;
use crate::domain::credit::uscc::Uscc;
use crate::flow::tiering::Tiering;

/// Subscribers to changes: each is posted to them, signed, in order, until it arrives.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A message is an entry of GET /v1/changes, posted as JSON with the heads webhook-id, webhook-timestamp and webhook-signature of
the Standard Webhooks scheme; `add` prints the secret, once. It arrived when the answer is 2xx. Until then it is sent
again, after 1 s to 5 min, and all later ones wait, so that a subscriber that was away gets everything in order. A message may
come twice, with the same webhook-id. After webhooks.give_up_after_days it is laid aside; `retry` sends such again, and
does not wait for the pause to be over. The commands work beside a running daemon, which delivers.

Examples:
  skytier webhooks add https://bank.example/hooks/skytier --name bank-7 --bank bank-7 --data var/city
  skytier webhooks add https://bank.example/hooks/mine --name mine --data var/city --subjects codes.txt --after 0
  skytier webhooks list --data var/city
  skytier webhooks test bank-7 --data var/city
  skytier webhooks retry bank-7 --data var/city
  skytier webhooks remove bank-7 --data var/city")]
pub struct WebhooksArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Tell a subscriber of every change from now on; prints the secret to check messages with.
    Add {
        /// Where messages are posted; https, and no address of a private network unless webhooks.allow_private is set.
        url: String,
        /// A name of a-z, 0-9 and -.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        place: Place,
        /// Only changes of these units: a file with a code a line.
        #[arg(long, value_name = "FILE")]
        subjects: Option<PathBuf>,
        /// The bank it is of, by the name of its tokens: details go only of units it holds a mandate for on the day. Without a
        /// bank they go while the daemon asks nobody for a token, and no longer.
        #[arg(long, value_name = "NAME")]
        bank: Option<String>,
        /// Begin after this row of the ledger, 0 being its beginning [default: its end].
        #[arg(long, value_name = "CURSOR")]
        after: Option<u64>,
    },
    /// Every subscriber: how far it has been told, what stands in the way, what was laid aside.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Send a subscriber a message that says nothing, now; exit code 1 when it does not arrive.
    Test {
        /// Its name.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Try a subscriber at once, and send again what was laid aside.
    Retry {
        /// Its name.
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Tell a subscriber of nothing more, and forget it.
    Remove {
        /// Its name.
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(clap::Args, Debug)]
struct Place {
    /// The data directory; may be in use by a running daemon.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The daemon's settings, for webhooks.allow_private and webhooks.timeout_s.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Place {
    fn settings(&self) -> anyhow::Result<Settings> {
        config::load(self.config.as_deref(), std::env::vars()).map_err(bad_input)
    }

    fn folder(&self) -> Folder {
        Folder::of(&self.data)
    }

    fn hook(&self, name: &str) -> anyhow::Result<Hook> {
        Folder::check_name(name)?;
        let found = self.folder().hook(name)?;
        found.ok_or_else(|| self.none(name))
    }

    fn none(&self, name: &str) -> anyhow::Error {
        bad_input(format!(
            "{}: there is no hook {name:?}; `skytier webhooks list` tells which",
            self.data.display()
        ))
    }

    /// How many changes there are to tell of, which is the place of the last.
    async fn head(&self, now: Instant) -> anyhow::Result<u64> {
        let stores = open::for_reading(&self.data)?;
        let tiering = Tiering::open(stores.ledger, rulebooks::named("auto")?).await?;
        let told = tiering.now();
        let now = Zone::beijing().local(now);
        Ok(tiering.told(&told, now)?.count())
    }
}

/// Runs the command.
///
/// # Errors
/// Input that is wrong, a test that does not arrive, or files that cannot be read or written.
pub async fn run(args: &WebhooksArgs, now: Instant, out: &mut impl Write) -> anyhow::Result<()> {
    match &args.what {
        What::Add {
            url,
            name,
            place,
            subjects,
            bank,
            after,
        } => {
            Folder::check_name(name)?;
            let settings = place.settings()?;
            HookAddress::parse(url, settings.webhooks.allow_private).map_err(bad_input)?;
            let subjects = subjects.as_deref().map(codes).transpose()?;
            let head = place.head(now).await?;
            if let Some(after) = after.filter(|after| *after > head) {
                return Err(bad_input(format!(
                    "--after {after} is beyond the last change, {head}"
                )));
            }
            let hook = Hook {
                name: name.clone(),
                url: url.clone(),
                secret: HookSecret::random().map_err(|fault| anyhow::anyhow!(fault))?,
                created: Zone::beijing().text(now),
                after: after.unwrap_or(head),
                subjects,
                bank: bank.clone(),
            };
            place.folder().add(&hook)?;
            let mut line = shown(&hook, &Progress::from(hook.after), head);
            line["secret"] = hook.secret.reveal().into();
            Ok(writeln!(out, "{line}")?)
        }
        What::List { place } => {
            let head = place.head(now).await?;
            let folder = place.folder();
            for hook in folder.hooks()? {
                let line = shown(&hook, &folder.progress(&hook)?, head);
                writeln!(out, "{line}")?;
            }
            Ok(())
        }
        What::Test { name, place } => test(&place.hook(name)?, &place.settings()?, now, out).await,
        What::Retry { name, place } => {
            let hook = place.hook(name)?;
            place.folder().ask_retry(&hook.name)?;
            Ok(writeln!(
                out,
                "{name} is tried again, within a second by a running daemon"
            )?)
        }
        What::Remove { name, place } => {
            // One whose file is damaged goes too.
            Folder::check_name(name)?;
            if !place.folder().remove(name)? {
                return Err(place.none(name));
            }
            Ok(writeln!(out, "{name} is told of nothing more")?)
        }
    }
}

async fn test(
    hook: &Hook,
    settings: &Settings,
    now: Instant,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let sender = Sender::new(settings.webhooks.timeout, settings.webhooks.allow_private);
    let sender = sender.map_err(|fault| anyhow::anyhow!("webhooks: {fault}"))?;
    let id = format!("test_{}", now.unix());
    let body = json!({"op": "test", "sent_at": Zone::beijing().text(now)}).to_string();
    let message = Message {
        id: &id,
        at: now,
        body: &body,
    };
    match sender.send(&hook.url, &hook.secret, message).await {
        Ok(()) => Ok(writeln!(out, "{id} arrived")?),
        Err(cause) => Err(anyhow::Error::new(AnswerIsNo(format!(
            "{}: {cause}",
            hook.name
        )))),
    }
}

/// A subscriber as it is listed; its secret is shown when it is entered, and never again.
fn shown(hook: &Hook, progress: &Progress, head: u64) -> Value {
    let text = |at| Zone::beijing().text(at);
    let url = HookAddress::parse(&hook.url, true);
    let failing = progress.failing.as_ref().map(|failing| {
        json!({
            "since": text(failing.since), "tries": failing.tries, "next_try": text(failing.next_at), "cause": failing.cause,
        })
    });
    json!({
        "name": hook.name,
        "url": url.map_or_else(|_| hook.url.clone(), |url| url.shown()),
        "created": hook.created,
        "subjects": hook.subjects.as_ref().map(BTreeSet::len),
        "bank": hook.bank,
        "cursor": progress.done,
        "arrived_at": progress.arrived_at.map(text),
        "waiting": head.saturating_sub(progress.done),
        "failing": failing,
        "laid_aside": progress.laid_aside,
    })
}

/// Codes of a file, one a line; empty lines are passed over.
fn codes(path: &Path) -> anyhow::Result<BTreeSet<Uscc>> {
    let place = path.display().to_string();
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|cause| bad_input(format!("{place}: cannot be read: {cause}")))?;
    let mut codes = BTreeSet::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if !line.is_empty() {
            let code = Uscc::new(line);
            codes.insert(code.map_err(|fault| bad_input(format!("{place}:{number}: {fault}")))?);
        }
    }
    if codes.is_empty() {
        return Err(bad_input(format!(
            "{place}: there is no code in it; write one a line"
        )));
    }
    Ok(codes)
}
