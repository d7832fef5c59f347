//! Brokers, the InfluxDB that keeps readings, and the server of the copy: asked as the daemon asks them.

use std::time::Duration;

use crate::adapters::mqtt::probe::probe;
use crate::adapters::store::influxdb2::examine;
use crate::adapters::store::influxdb2::mirror::Mirror;
use crate::app::config::Settings;
use crate::app::config::StoreKind;
use crate::app::doctor::Finding;
use crate::app::doctor::Part;
use crate::domain::calendar::Instant;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether each broker lets us in.
pub(super) async fn brokers(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for broker in &settings.brokers {
        let url = &broker.url;
        findings.push(match probe(broker, PATIENCE).await {
            Ok(()) => Finding::fine(Part::Brokers, format!("{url}: lets us in")),
            Err(cause) => Finding::wrong(
                Part::Brokers,
                format!("{url}: {cause}"),
                "start the broker, or mend its url, username, password or certificates under [[mqtt.brokers]]; skytier goes on \
                 trying meanwhile",
            ),
        });
    }
    findings
}

/// Whether readings can be kept, and the copy brought where it goes.
pub(super) async fn stores(settings: &Settings, now: Instant) -> Vec<Finding> {
    let mut findings = vec![match settings.store {
        StoreKind::Embedded => Finding::fine(Part::Store, "in the data directory"),
        StoreKind::Memory => Finding::odd(
            Part::Store,
            "in memory: everything is gone when the daemon ends",
            "set store.kind = \"embedded\" to keep it",
        ),
        StoreKind::Influxdb2 => {
            let place = settings.influxdb2.place();
            let remedy =
                "do as it says; readings wait in the spool meanwhile, as far as there is room";
            match examine(&settings.influxdb2, now).await {
                Ok(None) => Finding::fine(Part::Store, format!("{place}: can be relied on")),
                Ok(Some(odd)) => Finding::odd(Part::Store, odd, "do as it says"),
                Err(cause) => Finding::wrong(Part::Store, format!("{place}: {cause}"), remedy),
            }
        }
    }];
    if !settings.mirror.url.is_empty() {
        let place = settings.mirror.place();
        let asked = match Mirror::new(&settings.mirror) {
            Ok(mirror) => mirror.reachable(PATIENCE).await,
            Err(fault) => Err(fault),
        };
        findings.push(match asked {
            Ok(()) => Finding::fine(Part::Mirror, format!("{place}: answers")),
            Err(cause) => Finding::wrong(
                Part::Mirror,
                format!("{place}: {cause}"),
                "start that server, or mend mirror.url; the copy catches up by itself",
            ),
        });
    }
    findings
}
