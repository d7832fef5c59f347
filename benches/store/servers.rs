//! Servers that a benchmark starts for itself.

use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context as _;
use anyhow::ensure;
use tempfile::TempDir;

/// Longest wait for a server to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where Debian puts it.
const VICTORIA_METRICS: &str = "/usr/bin/victoria-metrics";

/// A server with its folder; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// `http://HOST:PORT`.
    pub(crate) url: String,
    _folder: TempDir,
}

impl Server {
    /// Starts one that will listen there, and waits until it answers a path.
    pub(crate) fn start(
        command: &mut Command,
        (address, path): (SocketAddr, &str),
        folder: TempDir,
    ) -> anyhow::Result<Self> {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command
            .spawn()
            .with_context(|| format!("start {}", command.get_program().display()))?;
        let server = Self {
            child,
            url: format!("http://{address}"),
            _folder: folder,
        };
        let (asked, since) = (format!("{}{path}", server.url), Instant::now());
        while ureq::get(&asked).call().is_err() {
            ensure!(since.elapsed() < PATIENCE, "{asked} does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An address nobody listens on.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A VictoriaMetrics; `None` where it is not installed.
pub(crate) fn victoria_metrics() -> anyhow::Result<Option<Server>> {
    if !Path::new(VICTORIA_METRICS).is_file() {
        return Ok(None);
    }
    let (folder, address) = (TempDir::new()?, free_address()?);
    let mut command = Command::new(VICTORIA_METRICS);
    command
        .arg(format!("-storageDataPath={}", folder.path().display()))
        .arg(format!("-httpListenAddr={address}"))
        .arg("-retentionPeriod=100y");
    Server::start(&mut command, (address, "/health"), folder).map(Some)
}
