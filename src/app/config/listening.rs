//! The keys of our listeners: TLS, what an address may take, and who may reach them.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::adapters::http::proxies::PROXIES_MAX;
use crate::adapters::http::proxies::ProxyHeader;
use crate::adapters::limits::DoorSettings;
use crate::adapters::mqtt::devices::Credentials;
use crate::adapters::tls::TlsSettings;
use crate::app::config::Settings;
use crate::app::config::Value;
use crate::app::config::apply::address;
use crate::app::config::apply::file;
use crate::app::config::apply::flag;
use crate::app::config::apply::number;
use crate::app::config::apply::text;

/// Most of anything that is counted.
const COUNT_MAX: i64 = 1_000_000;

/// Sets one key of ours.
///
/// # Errors
/// The value, when the key is none of ours.
pub(super) fn set(
    settings: &mut Settings,
    key: &str,
    value: Value,
) -> Result<Result<(), String>, Value> {
    let (web, endpoint) = (&mut settings.web, &mut settings.endpoint);
    let speed = &mut endpoint.speed;
    Ok(match key {
        "http.allow_plain" => put(&mut web.allow_plain, flag(value)),
        "http.limits.connections_max" => put(&mut web.connections_max, number(value, 1, COUNT_MAX)),
        "http.limits.requests_per_s" => put(&mut web.requests.per_s, number(value, 1, COUNT_MAX)),
        "http.limits.caller_requests_per_s" => {
            put(&mut web.caller_requests.per_s, number(value, 1, COUNT_MAX))
        }
        "http.trusted_proxies" => {
            let given = text(value).and_then(|text| proxies(&text));
            put(&mut web.proxies.trusted, given)
        }
        "http.proxy_header" => {
            let given = text(value).and_then(|text| ProxyHeader::parse(&text));
            put(&mut web.proxies.header, given)
        }
        "mqtt.embedded.allow_plain" => put(&mut endpoint.allow_plain, flag(value)),
        "mqtt.embedded.credentials" => {
            let given = text(value).and_then(|text| credentials(&text));
            put(&mut endpoint.credentials, given)
        }
        "mqtt.embedded.limits.messages_per_s" => {
            put(&mut speed.messages.per_s, number(value, 1, COUNT_MAX))
        }
        "mqtt.embedded.limits.bytes_per_s" => {
            put(&mut speed.bytes.per_s, number(value, 1_024, 1 << 30))
        }
        _ => {
            let table = |start: &str| key.strip_prefix(start);
            if let Some(name) = table("http.tls.") {
                return set_tls(&mut web.tls, name, value);
            } else if let Some(name) = table("mqtt.embedded.tls.") {
                return set_tls(&mut endpoint.tls, name, value);
            } else if let Some(name) = table("http.limits.") {
                return set_door(&mut web.door, name, value);
            } else if let Some(name) = table("mqtt.embedded.limits.") {
                return set_door(&mut endpoint.door, name, value);
            }
            return Err(value);
        }
    })
}

fn put<T>(place: &mut T, given: Result<T, String>) -> Result<(), String> {
    *place = given?;
    Ok(())
}

/// Addresses with commas between them.
fn proxies(text: &str) -> Result<Vec<IpAddr>, String> {
    let parts = text.split(',').map(str::trim);
    let read = |part: &str| {
        let address = part.parse::<IpAddr>();
        address.map_err(|_| format!("{part:?}: addresses such as 127.0.0.1, 10.0.0.5 are expected"))
    };
    let found: Vec<IpAddr> = parts
        .filter(|part| !part.is_empty())
        .map(|part| read(part).map(|address| address.to_canonical()))
        .collect::<Result<_, _>>()?;
    match found.len() > PROXIES_MAX {
        true => Err(format!("at most {PROXIES_MAX} proxies")),
        false => Ok(found),
    }
}

fn credentials(text: &str) -> Result<Credentials, String> {
    match text {
        "auto" => Ok(Credentials::Auto),
        "required" => Ok(Credentials::Required),
        "off" => Ok(Credentials::Off),
        _ => Err(format!("{text:?} is not auto, required or off")),
    }
}

fn set_tls(tls: &mut TlsSettings, name: &str, value: Value) -> Result<Result<(), String>, Value> {
    Ok(match name {
        "listen" => {
            let given = text(value).and_then(|text| {
                let given = (!text.is_empty()).then(|| address(&text));
                given.transpose()
            });
            put(&mut tls.listen, given)
        }
        "cert" => put(&mut tls.cert, text(value).map(PathBuf::from)),
        "key" => put(&mut tls.key, text(value).map(PathBuf::from)),
        "client_ca" => put(&mut tls.client_ca, text(value).map(|text| file(&text))),
        _ => return Err(value),
    })
}

fn set_door(
    door: &mut DoorSettings,
    name: &str,
    value: Value,
) -> Result<Result<(), String>, Value> {
    Ok(match name {
        "address_connections_max" => put(
            &mut door.address_connections_max,
            number(value, 1, COUNT_MAX),
        ),
        "connects_per_s" => put(&mut door.connects.per_s, number(value, 1, COUNT_MAX)),
        "half_open_max" => put(&mut door.half_open_max, number(value, 1, COUNT_MAX)),
        "loopback" => put(&mut door.loopback, flag(value)),
        _ => return Err(value),
    })
}

/// What must hold between them.
pub(super) fn check(settings: &Settings, faults: &mut Vec<String>) {
    let (web, endpoint) = (&settings.web, &settings.endpoint);
    check_tls("http.tls", "127.0.0.1:8443", &web.tls, faults);
    check_tls("mqtt.embedded.tls", "127.0.0.1:8883", &endpoint.tls, faults);
    let exposed = |listen: &SocketAddr| !listen.ip().is_loopback();
    let plain = [
        ("http", settings.http_listen, web.allow_plain),
        ("mqtt.embedded", endpoint.listen, endpoint.allow_plain),
    ];
    for (table, listen, allowed) in plain {
        if exposed(&listen) && !allowed {
            faults.push(format!(
                "{table}.listen: {listen} is not a loopback address, and without TLS passwords and tokens can be read on the \
                 way: give that address to {table}.tls.listen, or say {table}.allow_plain = true"
            ));
        }
    }
    let open = endpoint.credentials == Credentials::Off;
    let listens = [
        ("mqtt.embedded.listen", Some(endpoint.listen)),
        ("mqtt.embedded.tls.listen", endpoint.tls.listen),
    ];
    for (key, listen) in listens {
        if let Some(listen) = listen.filter(|listen| open && exposed(listen)) {
            faults.push(format!(
                "{key}: {listen} is not a loopback address, and mqtt.embedded.credentials = \"off\" would let everybody \
                 publish: leave that out, and add devices by `skytier devices add`"
            ));
        }
    }
}

fn check_tls(table: &str, such_as: &str, tls: &TlsSettings, faults: &mut Vec<String>) {
    let files = [("cert", &tls.cert), ("key", &tls.key)];
    for (name, path) in files {
        if tls.listen.is_some() && path.as_os_str().is_empty() {
            faults.push(format!(
                "{table}.{name}: missing; {table}.listen needs a file in PEM"
            ));
        }
    }
    let given = files.iter().any(|(_, path)| !path.as_os_str().is_empty());
    if tls.listen.is_none() && (given || tls.client_ca.is_some()) {
        faults.push(format!(
            "{table}.listen: missing, yet files are given; such as {such_as}"
        ));
    }
}
