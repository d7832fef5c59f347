//! TLS of the listeners: opened at the start, read again when its files change, told of where it needs somebody.

use std::sync::Arc;
use std::time::Duration;

use crate::adapters::tls::Tls;
use crate::adapters::tls::TlsSettings;
use crate::app::fault::bad_input;
use crate::domain::calendar::Instant;
use crate::flow::health::Health;

/// Pause between two looks at the files.
const PAUSE: Duration = Duration::from_secs(1);
/// Seconds before a certificate expires from which on that is told.
const EXPIRY_NOTE_S: i64 = 14 * 86_400;

/// The TLS of one listener, and what it is called.
#[derive(Clone)]
pub struct Served {
    /// The table of its settings.
    pub part: &'static str,
    /// The gauge of its certificate's end.
    gauge: &'static str,
    /// What serves it.
    pub tls: Arc<Tls>,
}

/// TLS of the MQTT endpoint, if it is asked for.
///
/// # Errors
/// Files that cannot be used.
pub fn mqtt(settings: &TlsSettings) -> anyhow::Result<Option<Served>> {
    open(
        settings,
        "mqtt.embedded.tls",
        "mqtt_tls_expires_timestamp_seconds",
        &[],
    )
}

/// TLS of the web, if it is asked for.
///
/// # Errors
/// Files that cannot be used.
pub fn web(settings: &TlsSettings) -> anyhow::Result<Option<Served>> {
    open(
        settings,
        "http.tls",
        "http_tls_expires_timestamp_seconds",
        &["http/1.1"],
    )
}

fn open(
    settings: &TlsSettings,
    part: &'static str,
    gauge: &'static str,
    protocols: &[&str],
) -> anyhow::Result<Option<Served>> {
    if settings.listen.is_none() {
        return Ok(None);
    }
    let tls = Tls::open(settings, protocols);
    let tls = Arc::new(tls.map_err(|fault| bad_input(format_args!("{part}.{fault}")))?);
    Ok(Some(Served { part, gauge, tls }))
}

/// Looks at the files for ever.
pub async fn watch(served: Vec<Served>, health: Arc<Health>, clock: fn() -> Instant) {
    let mut faults: Vec<Option<String>> = vec![None; served.len()];
    loop {
        for (served, fault) in served.iter().zip(&mut faults) {
            look(served, fault, &health, clock());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn look(served: &Served, fault: &mut Option<String>, health: &Health, now: Instant) {
    let part = served.part;
    match served.tls.refresh() {
        None => {}
        Some(Ok(())) => {
            tracing::info!(part, "certificate read again; new connections get it");
            *fault = None;
        }
        Some(Err(found)) => {
            let told = format!("{part}.{found}; the certificate from before is served on");
            tracing::warn!(part, "{told}");
            *fault = Some(told);
        }
    }
    let expires = served.tls.expires();
    health.gauge((
        served.gauge,
        "When the certificate being served expires, in seconds since 1970.",
        u64::try_from(expires).unwrap_or(0),
    ));
    let left_s = expires - now.unix();
    if left_s <= 0 {
        health.trouble(part, "the certificate has expired".to_owned());
    } else {
        health.well(part);
    }
    let days = left_s / 86_400;
    let soon = (left_s <= EXPIRY_NOTE_S).then(|| format!("the certificate expires in {days} days"));
    health.note(part, fault.clone().or(soon));
}
