//! One daemon with everything in it, shared by the tests that only look: both seeds and six stations' readings
//! of four years, replayed through the real socket, stopped, and started again.
//!
//! Nothing drops a static, so a shell stands over the daemon: when this process ends, however it ends, the
//! shell's input closes, and it kills the daemon by its process id and removes the folder.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::support::Daemon;
use crate::support::Site;
use crate::support::beijing;
use crate::support::seeded;
use crate::support::serve;

/// The stations of the Beijing seed, in the order of their names.
pub(crate) const STATIONS: [&str; 6] = [
    "Aotizhongxin",
    "Changping",
    "Dongsi",
    "Guanyuan",
    "Huairou",
    "Wanliu",
];
/// The figures everybody compares: two whole years of the six stations.
pub(crate) const YEARS: &str = "/v1/air/assessment?area=group:beijing6&from=2015-01-01&to=2016-12-31\
                                &by=year&edition=2012&o3_exception=no&min_stations=1";
/// Starts the daemon, says what it says, and ends it with the end of the standard input.
const KEEPER: &str = r#"
exec 3<&0
"$@" </dev/null & pid=$!
cat <&3 >/dev/null
kill -9 $pid; wait $pid
rm -rf "$KEEPER_FOLDER"
"#;

/// The shared daemon.
pub(crate) struct Full {
    pub(crate) site: Site,
    /// [`YEARS`] as answered right after the replay, before the restart.
    pub(crate) before: Value,
    /// How long the second start took.
    pub(crate) second_start: Duration,
    /// The recorded files.
    pub(crate) files: Vec<PathBuf>,
    /// Holds the pipe the shell waits on.
    _keeper: Daemon,
}

/// The shared daemon, started by whoever asks first.
pub(crate) fn full() -> &'static Full {
    static FULL: OnceLock<Full> = OnceLock::new();
    FULL.get_or_init(|| {
        let (folder, data) = seeded(&["beijing", "jiangyin"]);
        let files: Vec<PathBuf> = STATIONS.iter().map(|name| beijing(name)).collect();
        let daemon = Daemon::start(&data, &[]);
        daemon.replay("beijing-uci", &files);
        let before = settled(&daemon);
        daemon.stop("INT");
        let served = serve(&data, &[]);
        let mut shell = Command::new("sh");
        shell.args(["-c", KEEPER, "keeper"]);
        shell.arg(served.get_program()).args(served.get_args());
        for (name, value) in served.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.env("KEEPER_FOLDER", folder.keep());
        shell.stdin(std::process::Stdio::piped());
        let begun = Instant::now();
        let keeper = Daemon::start_by(shell, &data);
        Full {
            site: keeper.site.clone(),
            before,
            second_start: begun.elapsed(),
            files,
            _keeper: keeper,
        }
    })
}

/// The figures of [`YEARS`] once every day is computed.
fn settled(daemon: &Daemon) -> Value {
    daemon.settle();
    daemon.json(YEARS)
}
