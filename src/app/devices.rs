//! `skytier devices`: who may publish at the MQTT endpoint or send frames of HJ 212; and what the endpoint of a running daemon is told of it.

use std::io::Read as _;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;

use crate::adapters::access::Access;
use crate::adapters::access::devices::Devices as Kept;
use crate::adapters::access::devices::Listed;
use crate::adapters::access::devices::Proof;
use crate::adapters::limits::Area;
use crate::adapters::mapping::Maps;
use crate::adapters::mqtt::devices::Credentials;
use crate::adapters::mqtt::devices::Device;
use crate::adapters::mqtt::devices::Devices;
use crate::adapters::mqtt::devices::Incident;
use crate::adapters::password;
use crate::adapters::payload::topic::Topics;
use crate::adapters::report::table::table;
use crate::app::config::Settings;
use crate::app::fault::bad_input;
use crate::app::identity::open;
use crate::app::identity::told;
use crate::app::tokens::Format;
use crate::app::tokens::named;
use crate::domain::access::Act;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::names::Source;
use crate::domain::names::SourceId;
use crate::domain::names::SourceKind;

/// Pause between two looks at what changed.
const PAUSE: Duration = Duration::from_millis(250);
/// Refusals that may wait to be written into the audit log.
const INCIDENTS_MAX: usize = 256;

/// Let stations and loggers publish: add, list, disable and remove devices.
///
/// A device shows its name and password, or a client certificate, and publishes on the topics of its own stations and
/// loggers alone. Before the first one the endpoint takes messages from whoever reaches it, on loopback alone; from then on
/// every connection is asked. Works beside a running daemon, which takes changes up within a second and closes connections
/// of devices that are disabled, removed or given another password.
///
/// A data logger that sends frames of HJ 212 over TCP is a device named by its MN, with the password (PW) its frames carry: --hj212.
/// Such a short password counts there alone, not at the MQTT endpoint.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  skytier devices add dongsi-1 --data var/city --station Dongsi
  skytier devices add gateway --data var/city --station 1999A --station 2000A --cert-name gateway.example
  printf %s \"$PASSWORD\" | skytier devices add logger-7 --data var/city --logger 010000A8900016F000169DC0 --password-stdin
  printf 123456 | skytier devices add 88888880000031 --data var/city --hj212 --logger 88888880000031 --password-stdin
  skytier devices list --data var/city
  skytier devices passwd dongsi-1 --data var/city
  skytier devices disable dongsi-1 --data var/city")]
pub struct DevicesArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Add a device and print its password, which nobody can print again.
    Add(AddArgs),
    /// List all devices.
    List {
        /// The data directory.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// How to print them.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Give a device another password and print it.
    Passwd {
        #[command(flatten)]
        one: One,
        /// Take the password from standard input instead of making one up.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Let a device connect no more, for now.
    Disable(One),
    /// Let a disabled device connect again.
    Enable(One),
    /// Remove a device for good.
    Remove(One),
}

#[derive(clap::Args, Debug)]
struct One {
    /// Its user name.
    id: String,
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Who does it, for the audit log.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

#[derive(clap::Args, Debug)]
struct AddArgs {
    #[command(flatten)]
    one: One,
    /// A station it publishes for; may be given again.
    #[arg(long, value_name = "ID", value_parser = SourceId::new, required_unless_present = "logger")]
    station: Vec<SourceId>,
    /// A logger it publishes for, by its MN; may be given again.
    #[arg(long, value_name = "MN", value_parser = SourceId::new)]
    logger: Vec<SourceId>,
    /// Take the password from standard input instead of making one up.
    #[arg(long)]
    password_stdin: bool,
    /// It sends frames of HJ 212 over TCP: its name is the MN in them, its password their PW, given by --password-stdin.
    #[arg(long, requires = "password_stdin")]
    hj212: bool,
    /// The name in its client certificate, in place of a password.
    #[arg(long, value_name = "NAME", conflicts_with = "password_stdin")]
    cert_name: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// What cannot be done, or those of the file.
pub fn run(args: DevicesArgs, now: Instant, out: &mut impl Write) -> anyhow::Result<()> {
    let act = |one: &One, what: &str| {
        named(one.by.as_deref())?;
        Ok::<_, anyhow::Error>(Act::at_machine(one.by.as_deref(), now, what, &one.id))
    };
    match args.what {
        What::Add(args) => add(&args, now, act(&args.one, "device.add")?, out),
        What::List { data, format } => list(&open(&data)?.devices()?, format, out),
        What::Passwd {
            one,
            password_stdin,
        } => {
            let access = open(&one.data)?;
            let listed = access.devices()?.listed;
            let frames =
                |device: &Listed| device.id == one.id && matches!(device.proof, Proof::Frames(_));
            let (kept, made) = match listed.iter().any(frames) {
                true if !password_stdin => {
                    return Err(bad_input(format!(
                        "{}: give the PW of its frames by --password-stdin",
                        one.id
                    )));
                }
                true => (of_frames()?, None),
                false => password(password_stdin)?,
            };
            let act = act(&one, "device.passwd")?;
            let set = access.set_device_password(&one.id, &kept, now, act);
            set.map_err(told)?;
            say(&one.id, made, out)
        }
        What::Disable(one) => {
            let act = act(&one, "device.disable")?;
            let done = open(&one.data)?.disable_device(&one.id, Some(now), act);
            done.map_err(told)?;
            Ok(writeln!(out, "{} is disabled", one.id)?)
        }
        What::Enable(one) => {
            let act = act(&one, "device.enable")?;
            let done = open(&one.data)?.disable_device(&one.id, None, act);
            done.map_err(told)?;
            Ok(writeln!(out, "{} is enabled", one.id)?)
        }
        What::Remove(one) => {
            let act = act(&one, "device.remove")?;
            let done = open(&one.data)?.remove_device(&one.id, now, act);
            done.map_err(told)?;
            Ok(writeln!(out, "{} is removed", one.id)?)
        }
    }
}

fn add(args: &AddArgs, now: Instant, act: Act, out: &mut impl Write) -> anyhow::Result<()> {
    let of = |kind: SourceKind, ids: &[SourceId]| -> Vec<Source> {
        let source = |id: &SourceId| Source {
            kind,
            id: id.clone(),
        };
        ids.iter().map(source).collect()
    };
    let mut sources = of(SourceKind::Station, &args.station);
    sources.extend(of(SourceKind::Logger, &args.logger));
    let (proof, made) = match &args.cert_name {
        Some(name) => (Proof::Certificate(name.clone()), None),
        None if args.hj212 => (Proof::Frames(of_frames()?), None),
        None => {
            let (kept, made) = password(args.password_stdin)?;
            (Proof::Password(kept), made)
        }
    };
    let topics: Vec<String> = sources.iter().map(ToString::to_string).collect();
    let act = act.with(topics.join(" "));
    let access = open(&args.one.data)?;
    let added = access.add_device(&args.one.id, &sources, &proof, now, act);
    added.map_err(told)?;
    say(&args.one.id, made, out)
}

/// Prints a password that was made up, alone on its line; else that it is done.
fn say(id: &str, made: Option<String>, out: &mut impl Write) -> anyhow::Result<()> {
    match made {
        Some(password) => writeln!(out, "{password}")?,
        None => writeln!(out, "{id}: done")?,
    }
    Ok(())
}

/// What is kept of a password, and the password where it was made up.
fn password(from_stdin: bool) -> anyhow::Result<(String, Option<String>)> {
    if !from_stdin {
        let made = password::made_up()?;
        return Ok((password::kept(&made)?, Some(made)));
    }
    Ok((password::kept(&typed()?).map_err(bad_input)?, None))
}

/// What is kept of the password of frames, given on standard input.
fn of_frames() -> anyhow::Result<String> {
    password::kept_of_frames(&typed()?).map_err(bad_input)
}

/// The line on standard input.
fn typed() -> anyhow::Result<String> {
    let mut text = String::new();
    let limit = password::BYTES_MAX as u64 + 2;
    std::io::stdin().take(limit).read_to_string(&mut text)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

const HEADER: [&str; 6] = [
    "device",
    "publishes for",
    "by",
    "state",
    "added",
    "password set",
];

fn state(device: &Listed) -> &'static str {
    match device.disabled_at {
        Some(_) => "disabled",
        None => "enabled",
    }
}

fn list(kept: &Kept, format: Format, out: &mut impl Write) -> anyhow::Result<()> {
    let text = |at: Instant| Zone::beijing().text(at);
    let sources = |device: &Listed| -> Vec<String> {
        device.sources.iter().map(ToString::to_string).collect()
    };
    match format {
        Format::Table => {
            let row = |device: &Listed| {
                let (by, set) = match &device.proof {
                    Proof::Password(_) => ("password".to_owned(), text(device.changed_at)),
                    Proof::Frames(_) => ("PW of HJ 212".to_owned(), text(device.changed_at)),
                    Proof::Certificate(name) => (format!("certificate {name}"), String::new()),
                };
                let added = text(device.created_at);
                vec![
                    device.id.clone(),
                    sources(device).join(" "),
                    by,
                    state(device).to_owned(),
                    added,
                    set,
                ]
            };
            write!(
                out,
                "{}",
                table(&HEADER, kept.listed.iter().map(row).collect())
            )?;
        }
        Format::Json => {
            for device in &kept.listed {
                let certificate = match &device.proof {
                    Proof::Password(_) | Proof::Frames(_) => None,
                    Proof::Certificate(name) => Some(name),
                };
                let line = json!({
                    "id": device.id,
                    "sources": sources(device),
                    "certificate": certificate,
                    "hj212": matches!(device.proof, Proof::Frames(_)),
                    "state": state(device),
                    "created_at": text(device.created_at),
                    "created_by": device.created_by,
                    "changed_at": text(device.changed_at),
                    "disabled_at": device.disabled_at.map(text),
                });
                writeln!(out, "{line}")?;
            }
        }
    }
    Ok(())
}

/// When loggers must show who they are by MN and PW.
fn credentials_of_frames(settings: &Settings) -> Credentials {
    let exposed = settings.loggers.listen;
    match exposed.is_some_and(|listen| !listen.ip().is_loopback()) {
        true => Credentials::Required,
        false => settings.endpoint.credentials,
    }
}

/// When devices must show who they are: always where others than this machine can reach a listener.
fn credentials(settings: &Settings) -> Credentials {
    let endpoint = &settings.endpoint;
    let listens = [Some(endpoint.listen), endpoint.tls.listen];
    let exposed = listens
        .into_iter()
        .flatten()
        .any(|listen| !listen.ip().is_loopback());
    match endpoint.credentials {
        Credentials::Auto if exposed => Credentials::Required,
        given => given,
    }
}

/// What the endpoint is told, and what keeps it up to date.
pub(super) struct Gate {
    pub(super) devices: Arc<Devices>,
    /// Those of frames of HJ 212.
    pub(super) loggers: Arc<Devices>,
    access: Arc<Access>,
    topics: Topics,
    maps: Maps,
    taken: Arc<Kept>,
    incidents: mpsc::Receiver<Incident>,
    clock: fn() -> Instant,
}

impl Gate {
    /// The devices of now.
    pub(super) fn open(
        settings: &Settings,
        access: &Arc<Access>,
        clock: fn() -> Instant,
    ) -> anyhow::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|cause| anyhow::anyhow!("no randomness: {cause}"))?;
        let (tell, incidents) = mpsc::channel(INCIDENTS_MAX);
        let made =
            |credentials| Devices::new(credentials, key, password::prove).telling(tell.clone());
        let mut gate = Self {
            devices: Arc::new(made(credentials(settings))),
            loggers: Arc::new(made(credentials_of_frames(settings))),
            access: Arc::clone(access),
            topics: Topics::new(&settings.mqtt_prefix)?,
            maps: settings.maps.clone(),
            taken: Arc::default(),
            incidents,
            clock,
        };
        gate.follow();
        Ok(gate)
    }

    /// Takes up what changed.
    fn follow(&mut self) {
        let now = Arc::clone(&self.access.now().devices);
        if Arc::ptr_eq(&now, &self.taken) {
            return;
        }
        if *now != *self.taken {
            let enabled = now
                .listed
                .iter()
                .filter(|device| device.disabled_at.is_none());
            let (loggers, devices): (Vec<&Listed>, Vec<&Listed>) =
                enabled.partition(|device| matches!(device.proof, Proof::Frames(_)));
            let of =
                |listed: Vec<&Listed>| listed.into_iter().map(|one| self.device(one)).collect();
            self.devices.replace(of(devices), now.any);
            self.loggers.replace(of(loggers), now.any);
        }
        self.taken = now;
    }

    fn device(&self, listed: &Listed) -> Device {
        let (password, certificate) = match &listed.proof {
            Proof::Password(kept) | Proof::Frames(kept) => (Some(kept.clone()), None),
            Proof::Certificate(name) => (None, Some(name.clone())),
        };
        Device {
            id: listed.id.clone(),
            topics: listed
                .sources
                .iter()
                .map(|source| self.topics.start(source))
                .chain(
                    listed
                        .sources
                        .iter()
                        .flat_map(|source| self.maps.topics_of(source)),
                )
                .collect(),
            password,
            certificate,
        }
    }

    /// Follows changes, and counts refusals towards the audit log, for ever.
    pub(super) async fn run(mut self) {
        // One clock for both: refusals that keep coming put no look off.
        let mut looks = tokio::time::interval(PAUSE);
        loop {
            tokio::select! {
                biased;
                _ = looks.tick() => self.follow(),
                Some(incident) = self.incidents.recv() => self.count(incident),
            }
        }
    }

    fn count(&self, incident: Incident) {
        let mut act = Act::at_machine(None, (self.clock)(), incident.what, &incident.about);
        act.who = incident.device;
        let via = incident.what.split('.').next().unwrap_or_default();
        act.via = via.to_owned();
        act.address = Some(Area::of(incident.address).to_string());
        self.access.count(act);
    }
}
