//! Certificates: ours are ones a listener can serve, and no file that is relied on has expired or is about to.

use std::path::Path;

use crate::adapters::tls::earliest_end;
use crate::app::config::Settings;
use crate::app::config::StoreKind;
use crate::app::doctor::Finding;
use crate::app::doctor::Part;
use crate::app::secured;
use crate::app::secured::EXPIRY_NOTE_S;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;

/// What helps against one that ends.
const RENEW: &str =
    "renew it and put the new file in its place; our own listeners take it up by themselves";

/// Looks at every certificate that the settings name.
pub(super) fn examine(settings: &Settings, now: Instant) -> Vec<Finding> {
    let mut findings = Vec::new();
    let listeners = [
        (secured::web(&settings.web.tls), &settings.web.tls),
        (
            secured::mqtt(&settings.endpoint.tls),
            &settings.endpoint.tls,
        ),
    ];
    for (served, own) in listeners {
        match served {
            Ok(None) => {}
            Ok(Some(served)) => {
                let name = format!("{}.cert", served.part);
                findings.push(judge(&name, &own.cert, served.tls.expires(), now));
                let name = format!("{}.client_ca", served.part);
                findings.extend(own.client_ca.as_deref().map(|path| file(&name, path, now)));
            }
            Err(fault) => findings.push(Finding::wrong(
                Part::Certificates,
                fault.to_string(),
                "give a certificate and the key that belongs to it, in PEM, which skytier may read",
            )),
        }
    }
    for (name, path) in relied_on(settings) {
        findings.push(file(&name, path, now));
    }
    findings
}

/// Files by which we know others, or others know us.
fn relied_on(settings: &Settings) -> Vec<(String, &Path)> {
    let mut files = Vec::new();
    for (number, broker) in settings.brokers.iter().enumerate() {
        let own = [
            ("ca_file", &broker.tls.ca_file),
            ("client_cert_file", &broker.tls.client_cert_file),
        ];
        for (name, path) in own {
            let name = format!("mqtt.brokers.{number}.{name}");
            files.extend(path.as_deref().map(|path| (name, path)));
        }
    }
    let store = (settings.store == StoreKind::Influxdb2).then_some(&settings.influxdb2);
    for influx in store.into_iter().chain([&settings.mirror]) {
        let name = format!("{}.ca_file", influx.section);
        files.extend(influx.ca_file.as_deref().map(|path| (name, path)));
    }
    files
}

fn file(name: &str, path: &Path, now: Instant) -> Finding {
    match earliest_end(path) {
        Ok(ends) => judge(name, path, ends, now),
        Err(fault) => Finding::wrong(
            Part::Certificates,
            format!("{name}: {fault}"),
            "give a file of certificates in PEM which skytier may read",
        ),
    }
}

fn judge(name: &str, path: &Path, ends: i64, now: Instant) -> Finding {
    let utc = Zone::parse("+00:00").expect("UTC is an offset");
    let said = format!(
        "{name} {}: until {}",
        path.display(),
        utc.text(Instant::from_unix(ends))
    );
    match ends - now.unix() {
        left if left <= 0 => {
            Finding::wrong(Part::Certificates, format!("{said}, which is over"), RENEW)
        }
        left if left < EXPIRY_NOTE_S => Finding::odd(Part::Certificates, said, RENEW),
        _ => Finding::fine(Part::Certificates, said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::Verdict;

    #[test]
    fn an_end_is_told_two_weeks_before() {
        let now = Instant::from_unix(1_800_000_000);
        for (left, expected) in [
            (-1, Verdict::Wrong),
            (0, Verdict::Wrong),
            (1, Verdict::Odd),
            (EXPIRY_NOTE_S - 1, Verdict::Odd),
            (EXPIRY_NOTE_S, Verdict::Fine),
        ] {
            let found = judge("a", Path::new("b"), now.unix() + left, now);
            assert_eq!(found.verdict, expected, "{left}");
        }
    }
}
