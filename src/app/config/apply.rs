//! The keys: one place that knows each by its name.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::adapters::mqtt::address::Address;
use crate::adapters::mqtt::broker::BrokerSettings;
use crate::adapters::mqtt::settings::EndpointSettings;
use crate::adapters::mqtt::settings::Secret;
use crate::adapters::payload::topic::Topics;
use crate::adapters::store::influxdb2::settings::Token;
use crate::adapters::timestamps;
use crate::app::config::ReceiptSettings;
use crate::app::config::Settings;
use crate::app::config::StoreKind;
use crate::app::config::Value;
use crate::app::config::hj212;
use crate::app::config::listening;
use crate::app::receipt;
use crate::domain::calendar::Zone;
use crate::domain::presence::BEAT_S_MAX;
use crate::domain::retention::DAYS_MAX;
use crate::domain::retention::Kind;

/// Every key, for the message about one that is unknown.
pub(super) const KEYS: [&str; 87] = [
    "data_dir",
    "zone",
    "store.kind",
    "store.commit_interval_ms",
    "store.influxdb2.url",
    "store.influxdb2.org",
    "store.influxdb2.bucket",
    "store.influxdb2.token",
    "store.influxdb2.ca_file",
    "store.influxdb2.spool",
    "store.influxdb2.spool_bytes_max",
    "mirror.url",
    "mirror.org",
    "mirror.bucket",
    "mirror.token",
    "mirror.ca_file",
    "http.listen",
    "http.allow_plain",
    "http.trusted_proxies",
    "http.proxy_header",
    "http.tls.listen",
    "http.tls.cert",
    "http.tls.key",
    "http.tls.client_ca",
    "http.limits.connections_max",
    "http.limits.address_connections_max",
    "http.limits.connects_per_s",
    "http.limits.half_open_max",
    "http.limits.requests_per_s",
    "http.limits.caller_requests_per_s",
    "http.limits.loopback",
    "access.required",
    "mqtt.prefix",
    "mqtt.payload_bytes_max",
    "mqtt.queue_messages_max",
    "mqtt.devices_dir",
    "mqtt.embedded.enabled",
    "mqtt.embedded.listen",
    "mqtt.embedded.connections_max",
    "mqtt.embedded.receive_maximum",
    "mqtt.embedded.packet_bytes_max",
    "mqtt.embedded.connect_timeout_s",
    "mqtt.embedded.keep_alive_s_max",
    "mqtt.embedded.allow_plain",
    "mqtt.embedded.credentials",
    "mqtt.embedded.tls.listen",
    "mqtt.embedded.tls.cert",
    "mqtt.embedded.tls.key",
    "mqtt.embedded.tls.client_ca",
    "mqtt.embedded.limits.address_connections_max",
    "mqtt.embedded.limits.connects_per_s",
    "mqtt.embedded.limits.half_open_max",
    "mqtt.embedded.limits.messages_per_s",
    "mqtt.embedded.limits.bytes_per_s",
    "mqtt.embedded.limits.loopback",
    "hj212.listen",
    "hj212.allow_plain",
    "hj212.connections_max",
    "hj212.idle_s_max",
    "hj212.crc",
    "hj212.minute_interval_s",
    "hj212.segment_bytes_max",
    "hj212.sources",
    "mqtt.brokers[].url",
    "mqtt.brokers[].ca_file",
    "mqtt.brokers[].client_cert_file",
    "mqtt.brokers[].client_key_file",
    "mqtt.brokers[].client_id",
    "mqtt.brokers[].group",
    "mqtt.brokers[].username",
    "mqtt.brokers[].password",
    "mqtt.brokers[].window",
    "mqtt.brokers[].session_expiry_s",
    "health.heartbeat_s",
    "health.silent_after",
    "health.silent_grace_s",
    "retention.fine_days",
    "retention.hourly_days",
    "retention.revisions_days",
    "retention.dead_letters_days",
    "webhooks.allow_private",
    "webhooks.give_up_after_days",
    "webhooks.timeout_s",
    "webhooks.at_once",
    "receipts.algorithm",
    "receipts.timestamp.url",
    "receipts.timestamp.timeout_s",
];
/// Most external brokers.
const BROKERS_MAX: usize = 16;

/// Sets one key.
pub(super) fn set(settings: &mut Settings, key: &str, value: Value) -> Result<(), String> {
    let value = match listening::set(settings, key, value) {
        Ok(done) => return done,
        Err(value) => value,
    };
    match key {
        "data_dir" => settings.data_dir = PathBuf::from(text(value)?),
        "zone" => settings.zone = zone(&text(value)?)?,
        "store.kind" => settings.store = store(&text(value)?)?,
        "store.commit_interval_ms" => {
            settings.commit_interval = Duration::from_millis(number(value, 0, 1_000)?)
        }
        "store.influxdb2.url" => settings.influxdb2.url = text(value)?,
        "store.influxdb2.org" => settings.influxdb2.org = text(value)?,
        "store.influxdb2.bucket" => settings.influxdb2.bucket = text(value)?,
        "store.influxdb2.token" => settings.influxdb2.token = Token::new(&text(value)?),
        "store.influxdb2.ca_file" => settings.influxdb2.ca_file = file(&text(value)?),
        "store.influxdb2.spool" => settings.influxdb2.spool = switch(&text(value)?)?,
        "store.influxdb2.spool_bytes_max" => {
            settings.influxdb2.spool_bytes_max = number(value, 1 << 20, 1 << 40)?
        }
        "mirror.url" => settings.mirror.url = text(value)?,
        "mirror.org" => settings.mirror.org = text(value)?,
        "mirror.bucket" => settings.mirror.bucket = text(value)?,
        "mirror.token" => settings.mirror.token = Token::new(&text(value)?),
        "mirror.ca_file" => settings.mirror.ca_file = file(&text(value)?),
        "http.listen" => settings.http_listen = address(&text(value)?)?,
        "access.required" => settings.access_required = flag(value)?,
        "mqtt.prefix" => settings.mqtt_prefix = text(value)?,
        "mqtt.payload_bytes_max" => settings.payload_bytes_max = number(value, 64, 16 << 20)?,
        "mqtt.queue_messages_max" => settings.queue_messages_max = number(value, 1, 1_000_000)?,
        "mqtt.devices_dir" => settings.devices_dir = file(&text(value)?),
        "mqtt.embedded.enabled" => settings.mqtt_embedded = flag(value)?,
        "health.heartbeat_s" => settings.watch.heartbeat_s = number(value, 1, BEAT_S_MAX)?,
        "health.silent_after" => settings.watch.silent_after = number(value, 1, 1_000)?,
        "health.silent_grace_s" => settings.watch.silent_grace_s = number(value, 0, 86_400)?,
        "retention.fine_days" => keep(settings, Kind::Fine, value)?,
        "retention.hourly_days" => keep(settings, Kind::Hourly, value)?,
        "retention.revisions_days" => keep(settings, Kind::Revisions, value)?,
        "retention.dead_letters_days" => keep(settings, Kind::DeadLetters, value)?,
        "webhooks.allow_private" => settings.webhooks.allow_private = flag(value)?,
        "webhooks.give_up_after_days" => {
            settings.webhooks.give_up_after_days = number(value, 0, 3_650)?
        }
        "webhooks.timeout_s" => settings.webhooks.timeout = seconds(value, 60)?,
        "webhooks.at_once" => settings.webhooks.at_once = number(value, 1, 64)?,
        _ if key.starts_with("hj212.") => {
            return hj212::set(settings, &key["hj212.".len()..], value);
        }
        _ if key.starts_with("receipts.") => {
            return set_receipts(&mut settings.receipts, &key["receipts.".len()..], value);
        }
        _ if key.starts_with("mqtt.embedded.") => {
            let name = &key["mqtt.embedded.".len()..];
            return set_endpoint(&mut settings.endpoint, name, value);
        }
        _ => match key
            .strip_prefix("mqtt.brokers.")
            .and_then(|rest| rest.split_once('.'))
        {
            Some((position, name)) => return set_broker(settings, position, name, value),
            None => return Err(unknown()),
        },
    }
    Ok(())
}

/// Sets one key of receipts.
fn set_receipts(receipts: &mut ReceiptSettings, name: &str, value: Value) -> Result<(), String> {
    match name {
        "algorithm" => {
            let name = Some(text(value)?).filter(|name| !name.is_empty());
            let algorithm = name.map(|name| receipt::algorithm(&name)).transpose();
            receipts.algorithm = algorithm?;
        }
        "timestamp.url" => {
            let url = text(value)?;
            if !url.is_empty() {
                timestamps::address(&url)?;
            }
            receipts.timestamp.url = url;
        }
        "timestamp.timeout_s" => receipts.timestamp.timeout = seconds(value, 30)?,
        _ => return Err(unknown()),
    }
    Ok(())
}

/// Sets one key of the embedded endpoint.
fn set_endpoint(endpoint: &mut EndpointSettings, name: &str, value: Value) -> Result<(), String> {
    match name {
        "listen" => endpoint.listen = address(&text(value)?)?,
        "connections_max" => endpoint.connections_max = number(value, 1, 1_000_000)?,
        "receive_maximum" => endpoint.receive_maximum = number(value, 1, 65_535)?,
        "packet_bytes_max" => endpoint.packet_bytes_max = number(value, 64, 16 << 20)?,
        "connect_timeout_s" => endpoint.connect_timeout = seconds(value, 3_600)?,
        "keep_alive_s_max" => endpoint.keep_alive_max = seconds(value, 65_535)?,
        _ => return Err(unknown()),
    }
    Ok(())
}

/// For how many days a kind is kept; 0: for ever.
fn keep(settings: &mut Settings, kind: Kind, value: Value) -> Result<(), String> {
    let days: u32 = number(value, 0, i64::from(DAYS_MAX))?;
    settings.retention = settings
        .retention
        .with(kind, Some(days).filter(|days| *days > 0));
    Ok(())
}

fn unknown() -> String {
    format!("unknown key; there are {}", KEYS.join(", "))
}

fn set_broker(
    settings: &mut Settings,
    position: &str,
    name: &str,
    value: Value,
) -> Result<(), String> {
    let position: usize = position.parse().map_err(|_| unknown())?;
    if position >= BROKERS_MAX {
        return Err(format!("at most {BROKERS_MAX} brokers"));
    }
    while settings.brokers.len() <= position {
        settings.brokers.push(BrokerSettings {
            url: String::new(),
            ..BrokerSettings::default()
        });
    }
    let broker = &mut settings.brokers[position];
    match name {
        "url" => broker.url = text(value)?,
        "ca_file" => broker.tls.ca_file = file(&text(value)?),
        "client_cert_file" => broker.tls.client_cert_file = file(&text(value)?),
        "client_key_file" => broker.tls.client_key_file = file(&text(value)?),
        "client_id" => broker.client_id = text(value)?,
        "group" => broker.group = Some(text(value)?),
        "username" => broker.username = Some(text(value)?),
        "password" => broker.password = Some(Secret::new(&text(value)?)),
        "window" => broker.window = number(value, 1, 65_535)?,
        "session_expiry_s" => broker.session_expiry_s = number(value, 0, 31_536_000)?,
        _ => return Err(unknown()),
    }
    Ok(())
}

/// What must hold between the settings.
pub(super) fn check(settings: &Settings, faults: &mut Vec<String>) {
    listening::check(settings, faults);
    hj212::check(settings, faults);
    if settings.store == StoreKind::Influxdb2 {
        let named = settings.influxdb2.faults().into_iter();
        faults.extend(named.map(|(name, fault)| format!("store.influxdb2.{name}: {fault}")));
    }
    let (store, mirror) = (&settings.influxdb2, &settings.mirror);
    let same = |a: &str, b: &str| a.trim_end_matches('/') == b.trim_end_matches('/');
    if settings.store == StoreKind::Influxdb2
        && same(&store.url, &mirror.url)
        && (&store.org, &store.bucket) == (&mirror.org, &mirror.bucket)
    {
        faults.push(format!(
            "mirror.bucket: {:?} is the store itself; give the copy a bucket of its own",
            mirror.bucket
        ));
    }
    if !settings.mirror.url.is_empty()
        && let Err(fault) = settings.mirror.check_url()
    {
        faults.push(format!("mirror.url: {fault}"));
    }
    if let Err(fault) = Topics::new(&settings.mqtt_prefix) {
        faults.push(format!("mqtt.prefix: {fault}"));
    }
    for (position, broker) in settings.brokers.iter().enumerate() {
        if broker.url.is_empty() {
            faults.push(format!(
                "mqtt.brokers.{position}.url: missing; such as mqtt://broker.example:1883"
            ));
        } else if let Ok(address) = Address::of_broker(&broker.url)
            && let Err(fault) = broker.tls.check(&address)
        {
            faults.push(format!("mqtt.brokers.{position}: {fault}"));
        }
        let same = |other: &BrokerSettings| {
            other.client_id == broker.client_id && address_of(&other.url) == address_of(&broker.url)
        };
        if let Some(first) = settings.brokers[..position].iter().position(same) {
            faults.push(format!(
                "mqtt.brokers.{position}.client_id: {:?} at {} is mqtt.brokers.{first} already, and a broker keeps one \
                 session of a name; give another",
                broker.client_id, broker.url
            ));
        }
    }
}

/// The address with its port, or the text where it is none.
fn address_of(url: &str) -> String {
    let address = Address::of_broker(url);
    address.map_or_else(|_| url.to_owned(), |address| address.to_string())
}

pub(super) fn text(value: Value) -> Result<String, String> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Integer(_) => Err("text in quotes is expected, not a number".to_owned()),
        Value::Flag(_) => Err("text in quotes is expected, not true or false".to_owned()),
        Value::Other(what) => Err(format!("text in quotes is expected, not {what}")),
    }
}

/// A file's name; an empty one is none.
pub(super) fn file(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}

pub(super) fn flag(value: Value) -> Result<bool, String> {
    match value {
        Value::Flag(flag) => Ok(flag),
        Value::Text(text) if text == "true" => Ok(true),
        Value::Text(text) if text == "false" => Ok(false),
        _ => Err("true or false is expected".to_owned()),
    }
}

pub(super) fn number<T: TryFrom<i64>>(value: Value, least: i64, most: i64) -> Result<T, String> {
    let number = match value {
        Value::Integer(number) => Some(number),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    };
    let within = number.filter(|number| (least..=most).contains(number));
    let fits = within.and_then(|number| T::try_from(number).ok());
    fits.ok_or_else(|| format!("a whole number from {least} to {most} is expected"))
}

fn seconds(value: Value, most: i64) -> Result<Duration, String> {
    number::<u64>(value, 1, most).map(Duration::from_secs)
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?}: an address such as 127.0.0.1:8080 is expected"))
}

fn zone(text: &str) -> Result<Zone, String> {
    Zone::parse(text).ok_or_else(|| format!("{text:?}: an offset such as +08:00 is expected"))
}

fn store(text: &str) -> Result<StoreKind, String> {
    match text {
        "embedded" => Ok(StoreKind::Embedded),
        "memory" => Ok(StoreKind::Memory),
        "influxdb2" => Ok(StoreKind::Influxdb2),
        _ => Err(format!("{text:?} is not embedded, influxdb2 or memory")),
    }
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("{text:?} is not on or off")),
    }
}
