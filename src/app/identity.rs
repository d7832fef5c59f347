//! Who may do what, as the daemon holds it: opened at its start, followed while it runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::adapters::access::Access;
use crate::adapters::access::AccessFault;
use crate::app::config::Settings;
use crate::app::config::StoreKind;
use crate::app::fault::bad_input;
use crate::flow::health::Health;

/// Pause between two looks at what other processes changed.
const FOLLOW_PAUSE: Duration = Duration::from_millis(500);
/// Looks after which is written down when tokens were used last.
const LOOKS_OF_USE: u32 = 20;
/// Looks after which is written down what was counted.
const LOOKS_OF_COUNT: u32 = 120;
/// What the health page calls it.
const PART: &str = "access";

/// Access control of a running daemon.
pub(super) struct Identity {
    /// The file.
    pub(super) access: Arc<Access>,
    /// The code by which the first administrator is made, while there is nobody and somebody must be.
    pub(super) first_code: Option<String>,
    task: JoinHandle<()>,
}

impl Identity {
    /// Opens the file of the data directory and follows it.
    pub(super) fn start(settings: &Settings, health: &Arc<Health>) -> anyhow::Result<Self> {
        let required = settings.access_required;
        let access = match settings.store {
            StoreKind::Memory => Access::in_memory(required)?,
            StoreKind::Embedded | StoreKind::Influxdb2 => {
                Access::open(&settings.data_dir, required)?
            }
        };
        let listens = [
            ("http.listen", Some(settings.http_listen)),
            ("http.tls.listen", settings.web.tls.listen),
        ];
        let exposed = listens.into_iter().find_map(|(key, listen)| {
            let listen = listen.filter(|listen| !listen.ip().is_loopback());
            Some((key, listen?))
        });
        if let Some((key, listen)) = exposed.filter(|_| !access.now().closed) {
            return Err(bad_input(format!(
                "{key}: {listen} is not a loopback address, and nobody was given access yet, so all would be open to \
                 everybody: run `skytier tokens add` for this data directory, or set access.required = true"
            )));
        }
        let wanted = required && !access.now().has_anybody();
        let code = wanted.then(|| access.door.make_code()).transpose();
        let first_code = code.map_err(told)?;
        let access = Arc::new(access);
        let task = tokio::spawn(follow(Arc::clone(&access), Arc::clone(health)));
        Ok(Self {
            access,
            first_code,
            task,
        })
    }

    /// Who is let in, in words.
    pub(super) fn words(&self) -> &'static str {
        match self.access.now().closed {
            true => "access by token or password",
            false => {
                "loopback only, and open to all who reach it, as nobody was given access yet (skytier tokens add)"
            }
        }
    }

    /// Writes down what waits, and ends.
    pub(super) async fn end(self) {
        self.task.abort();
        let access = self.access;
        let kept = tokio::task::spawn_blocking(move || {
            access.keep_counts()?;
            access.keep_seen()?;
            access.keep_uses()
        });
        if let Ok(Err(fault)) = kept.await {
            tracing::warn!(%fault, "not written down: counts of look-ups and refusals, last uses of tokens");
        }
    }
}

async fn follow(access: Arc<Access>, health: Arc<Health>) {
    for look in 1u32.. {
        tokio::time::sleep(FOLLOW_PAUSE).await;
        let own = Arc::clone(&access);
        let work = move || -> Result<(), AccessFault> {
            own.follow()?;
            if look % LOOKS_OF_COUNT == 0 {
                own.keep_counts()?;
            }
            if look % LOOKS_OF_USE == 0 {
                own.keep_uses()?;
                own.keep_seen()?;
            }
            Ok(())
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(())) => health.well(PART),
            // What was read last goes on counting.
            Ok(Err(fault)) => health.trouble(PART, fault.to_string()),
            // The program is ending.
            Err(_) => return,
        }
    }
}

/// Opens the file of a directory for a command.
///
/// # Errors
/// Those of the file.
pub(super) fn open(data: &Path) -> anyhow::Result<Access> {
    Ok(Access::open(data, false)?)
}

/// A refusal is what the user gave us; all else is the environment's.
pub(super) fn told(fault: AccessFault) -> anyhow::Error {
    match fault {
        AccessFault::Refused(said) => bad_input(said),
        AccessFault::Store(error) => error.into(),
        random @ AccessFault::Random(_) => random.into(),
    }
}
