//! A VictoriaMetrics of the benchmark's own.

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

use crate::readings;
use crate::support::PATIENCE;

/// Where Debian puts it.
const VICTORIA_METRICS: &str = "/usr/bin/victoria-metrics";

/// A server; killed when dropped.
pub(crate) struct Victoria {
    child: Child,
    pub(crate) url: String,
    _folder: TempDir,
}

impl Victoria {
    /// Starts one; `None` where it is not installed.
    pub(crate) fn start() -> anyhow::Result<Option<Self>> {
        if !Path::new(VICTORIA_METRICS).is_file() {
            return Ok(None);
        }
        let folder = TempDir::new()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new(VICTORIA_METRICS)
            .arg(format!("-storageDataPath={}", folder.path().display()))
            .arg(format!("-httpListenAddr={address}"))
            .arg("-retentionPeriod=100y")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start victoria-metrics")?;
        let started = Self {
            child,
            url: format!("http://{address}"),
            _folder: folder,
        };
        let since = Instant::now();
        while ureq::get(format!("{}/health", started.url)).call().is_err() {
            ensure!(
                since.elapsed() < PATIENCE,
                "{} does not answer",
                started.url
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(started))
    }

    /// Readings it has, once it shows them.
    pub(crate) fn values(&self) -> anyhow::Result<usize> {
        let since = Instant::now();
        loop {
            let export = format!(
                "{}/api/v1/export?reduce_mem_usage=1&start=2024-12-01T00:00:00Z&end=2026-02-01T00:00:00Z&match[]=%7Bsource%21%3D%22%22%7D",
                self.url
            );
            let mut answer = ureq::get(export).call()?;
            let text = answer
                .body_mut()
                .with_config()
                .limit(1 << 30)
                .read_to_string()?;
            let times = text.lines().map(|line| {
                let series: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
                series["timestamps"].as_array().map_or(0, Vec::len)
            });
            let found = times.sum();
            if found >= readings::VALUES || since.elapsed() > PATIENCE {
                return Ok(found);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
