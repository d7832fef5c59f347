//! What a VictoriaMetrics keeps.

use std::time::Duration;
use std::time::Instant;

use crate::readings;
use crate::servers::Server;
use crate::support::PATIENCE;

/// Readings that a VictoriaMetrics has, once it shows them.
pub(crate) fn kept(server: &Server) -> anyhow::Result<usize> {
    let since = Instant::now();
    loop {
        let export = format!(
            "{}/api/v1/export?reduce_mem_usage=1&start=2024-12-01T00:00:00Z&end=2026-02-01T00:00:00Z&match[]=%7Bsource%21%3D%22%22%7D",
            server.url
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
