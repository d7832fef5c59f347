//! Settings read again on SIGHUP: what can change while the daemon runs is applied, what else changed is told, and faulty
//! ones change nothing.
//!
//! Standards, rulebooks and rules for readings are compiled in; targets and exclusions are in the registry, tokens and
//! mandates in their own file, and a daemon follows those by itself.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::watch;

use crate::app::config;
use crate::app::config::ConfigFaults;
use crate::app::config::Given;
use crate::app::config::Settings;
use crate::domain::retention::Policy;
use crate::flow::health::Health;
use crate::flow::watch::Watch;

/// Keys, or what they begin with, that are applied at once.
const AT_ONCE: [&str; 3] = ["health.silent_after", "health.silent_grace_s", "retention."];
/// The part, for the health.
const PART: &str = "settings";

/// What of a running daemon can be set anew.
pub struct Reloadable {
    /// Who counts as silent.
    pub watch: Arc<Watch>,
    /// What is removed by age.
    pub policy: watch::Sender<Policy>,
    /// Told of what waits for a restart.
    pub health: Arc<Health>,
}

/// Where settings come from, and what they said.
pub struct Reload {
    config: Option<PathBuf>,
    /// As the daemon works by now.
    given: Given,
    daemon: Reloadable,
}

impl Reload {
    /// Remembers what the settings say now.
    ///
    /// # Errors
    /// Faults that were not there when the daemon started.
    pub fn new(config: Option<PathBuf>, daemon: Reloadable) -> Result<Self, ConfigFaults> {
        let given = config::given(config.as_deref(), std::env::vars())?;
        Ok(Self {
            config,
            given,
            daemon,
        })
    }

    /// Reads them at every signal, for ever.
    pub async fn run(mut self, mut hangups: Signal) {
        while hangups.recv().await.is_some() {
            self.once();
        }
    }

    fn once(&mut self) {
        let file = self.config.as_deref();
        let read = config::load(file, std::env::vars());
        let read = read.and_then(|settings| Ok((settings, config::given(file, std::env::vars())?)));
        let (settings, given) = match read {
            Ok(read) => read,
            Err(ConfigFaults(faults)) => {
                for fault in faults {
                    tracing::error!(
                        fault,
                        "settings are faulty; the daemon goes on by those before"
                    );
                }
                let told =
                    "the file of settings is faulty; the daemon goes on by those before".to_owned();
                self.daemon.health.note(PART, Some(told));
                return;
            }
        };
        let (applied, later) = self.changes(&given);
        self.apply(&settings);
        for key in &applied {
            match given.get(key) {
                Some(value) => drop(self.given.insert(key.clone(), value.clone())),
                None => drop(self.given.remove(key)),
            }
        }
        let applied = applied.join(", ");
        tracing::info!(applied, "settings read again");
        for key in &later {
            tracing::warn!(key, "changed, and needs a restart of the daemon");
        }
        let told = (!later.is_empty())
            .then(|| format!("changed, and waits for a restart: {}", later.join(", ")));
        self.daemon.health.note(PART, told);
    }

    /// Keys whose values are others now: those that are applied, and those that need a restart.
    fn changes(&self, given: &Given) -> (Vec<String>, Vec<String>) {
        let mut keys: Vec<&String> = self.given.keys().chain(given.keys()).collect();
        keys.sort();
        keys.dedup();
        keys.retain(|key| self.given.get(*key) != given.get(*key));
        let at_once = |key: &&String| AT_ONCE.iter().any(|begin| key.starts_with(begin));
        let (applied, later): (Vec<&String>, Vec<&String>) = keys.into_iter().partition(at_once);
        let owned = |keys: Vec<&String>| keys.into_iter().cloned().collect();
        (owned(applied), owned(later))
    }

    fn apply(&self, settings: &Settings) {
        let allowed = &settings.watch;
        self.daemon
            .watch
            .allow(allowed.silent_after, allowed.silent_grace_s);
        self.daemon.policy.send_replace(settings.retention);
    }
}
