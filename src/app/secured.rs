//! The web's listeners and all TLS: opened at the start, files read again when they change, told of where somebody is needed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::adapters::http::listener::Web;
use crate::adapters::limits::Door;
use crate::adapters::limits::Paces;
use crate::adapters::tls::Tls;
use crate::adapters::tls::TlsSettings;
use crate::app::config::Settings;
use crate::app::devices::Gate;
use crate::app::fault::bad_input;
use crate::domain::calendar::Instant;
use crate::flow::health::Health;

/// Pause between two looks at the files.
const PAUSE: Duration = Duration::from_secs(1);
/// Seconds before a certificate expires from which on that is told.
pub(super) const EXPIRY_NOTE_S: i64 = 14 * 86_400;

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

/// Takes an address for the pages.
async fn bind(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("listen on {key} = {address}"))
}

/// The web's listeners, and all TLS there is.
///
/// # Errors
/// Files that cannot be used, or a port that is taken.
pub(super) async fn listen(
    settings: &Settings,
    of_mqtt: Option<Served>,
) -> anyhow::Result<(Web, Vec<Served>)> {
    let served = web(&settings.web.tls)?;
    let mut secured = None;
    if let (Some(served), Some(address)) = (&served, settings.web.tls.listen) {
        let listener = bind("http.tls.listen", address).await?;
        secured = Some((listener, Arc::clone(&served.tls)));
    }
    let web = Web {
        plain: bind("http.listen", settings.http_listen).await?,
        secured,
        door: Arc::new(Door::new(settings.web.door)),
        requests: Arc::new(Paces::new(settings.web.requests)),
        proxies: Arc::new(settings.web.proxies.clone()),
        connections_max: settings.web.connections_max,
    };
    Ok((web, of_mqtt.into_iter().chain(served).collect()))
}

/// Follows the files of TLS and the devices, and tells of refusals.
pub(super) async fn guarded(
    served: Vec<Served>,
    gate: Gate,
    health: Arc<Health>,
    clock: fn() -> Instant,
) {
    tokio::join!(watch(served, health, clock), gate.run());
}

/// Looks at the files for ever.
async fn watch(served: Vec<Served>, health: Arc<Health>, clock: fn() -> Instant) {
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
