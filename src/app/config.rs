//! Settings: defaults in code, a TOML file over them, the environment over both.
//!
//! Every fault is reported at once with file, line and key; nothing starts before all of them are mended.

mod apply;

mod hj212;

mod listening;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeTable;
use toml::de::DeValue;

use crate::adapters::hj212::settings::LoggerSettings;
use crate::adapters::http::listener::WebSettings;
use crate::adapters::mapping::Maps;
use crate::adapters::mqtt::broker::BrokerSettings;
use crate::adapters::mqtt::settings::EndpointSettings;
use crate::adapters::payload::PAYLOAD_BYTES_MAX;
use crate::adapters::payload::hj212 as hj212_frames;
use crate::adapters::receipt::key::Algorithm;
use crate::adapters::store::influxdb2::settings::InfluxSettings;
use crate::adapters::timestamps::StampSettings;
use crate::domain::calendar::Zone;
use crate::domain::credit::hook;
use crate::domain::retention::Policy;
use crate::flow::watch::WatchSettings;

/// What the environment variables that override keys begin with.
pub const ENV_PREFIX: &str = "SKYTIER__";

/// Which store keeps the readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// The SQLite file in the data directory.
    Embedded,
    /// Readings in an InfluxDB 2, everything else as with [`Self::Embedded`].
    Influxdb2,
    /// Nothing is kept.
    Memory,
}

/// Settings of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// The zone whose hours and days count.
    pub zone: Zone,
    /// Which store.
    pub store: StoreKind,
    /// Where readings go when they go to an InfluxDB 2.
    pub influxdb2: InfluxSettings,
    /// Where a copy for dashboards goes; without an address there is none.
    pub mirror: InfluxSettings,
    /// How long a commit waits for further readings to join it.
    pub commit_interval: Duration,
    /// Where the pages and the API are served.
    pub http_listen: SocketAddr,
    /// Whether everybody must show who that is even before anybody was given access.
    pub access_required: bool,
    /// TLS of those, and what an address may take.
    pub web: WebSettings,
    /// Whether the embedded MQTT endpoint runs.
    pub mqtt_embedded: bool,
    /// The endpoint.
    pub endpoint: EndpointSettings,
    /// What topics begin with.
    pub mqtt_prefix: String,
    /// Largest payload, in bytes.
    pub payload_bytes_max: usize,
    /// Messages that may wait for the store.
    pub queue_messages_max: usize,
    /// How frames of HJ 212 are read.
    pub hj212: hj212_frames::Reading,
    /// Where data loggers connect.
    pub loggers: LoggerSettings,
    /// Where mapping files are; none: there are none.
    pub devices_dir: Option<PathBuf>,
    /// The mapping files, read.
    pub maps: Maps,
    /// External brokers.
    pub brokers: Vec<BrokerSettings>,
    /// Beats, and what counts as silence.
    pub watch: WatchSettings,
    /// What is removed by age.
    pub retention: Policy,
    /// How subscribers are told of changes.
    pub webhooks: HookSettings,
    /// How receipts are signed, and by whom stamped.
    pub receipts: ReceiptSettings,
}

/// How receipts are signed, and by whom stamped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiptSettings {
    /// As by the newest key when nothing is said.
    pub algorithm: Option<Algorithm>,
    /// The authority that stamps them.
    pub timestamp: StampSettings,
}

/// How subscribers are told of the ledger's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookSettings {
    /// Whether messages may go to this host and to private networks, and without TLS.
    pub allow_private: bool,
    /// Days of vain tries after which a message is laid aside; 0 is never.
    pub give_up_after_days: u32,
    /// How long one try may take.
    pub timeout: Duration,
    /// Subscribers sent to at the same time.
    pub at_once: usize,
}

impl Default for HookSettings {
    fn default() -> Self {
        Self {
            allow_private: false,
            give_up_after_days: 7,
            timeout: Duration::from_secs(10),
            at_once: 8,
        }
    }
}

impl HookSettings {
    /// How long a subscriber is waited for.
    #[must_use]
    pub fn patience(&self) -> hook::Patience {
        let days = Some(self.give_up_after_days).filter(|days| *days > 0);
        hook::Patience {
            give_up_after_s: days.map(|days| i64::from(days) * 86_400),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("var/skytier"),
            zone: Zone::beijing(),
            store: StoreKind::Embedded,
            influxdb2: InfluxSettings::default(),
            mirror: InfluxSettings {
                section: "mirror",
                url: String::new(),
                ..InfluxSettings::default()
            },
            commit_interval: Duration::ZERO,
            http_listen: SocketAddr::from(([127, 0, 0, 1], 8_080)),
            access_required: false,
            web: WebSettings::default(),
            mqtt_embedded: true,
            endpoint: EndpointSettings::default(),
            mqtt_prefix: "skytier/v1".to_owned(),
            payload_bytes_max: PAYLOAD_BYTES_MAX,
            queue_messages_max: 2_048,
            hj212: hj212_frames::Reading::default(),
            loggers: LoggerSettings::default(),
            devices_dir: None,
            maps: Maps::default(),
            brokers: Vec::new(),
            watch: WatchSettings::default(),
            retention: Policy::default(),
            webhooks: HookSettings::default(),
            receipts: ReceiptSettings::default(),
        }
    }
}

/// Everything wrong with the settings, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFaults(pub Vec<String>);

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigFaults {}

/// One given setting: where it stands and what it says.
struct Found {
    place: String,
    key: String,
    value: Value,
}

/// A plain value; text also stands for what the environment gives.
enum Value {
    Text(String),
    Integer(i64),
    Flag(bool),
    Other(&'static str),
}

/// Settings from an optional file and the environment's variables.
///
/// # Errors
/// [`ConfigFaults`] with every fault.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, ConfigFaults> {
    let (given, mut faults) = found(file, environment);
    let mut settings = Settings::default();
    for Found { place, key, value } in given {
        if let Err(fault) = apply::set(&mut settings, &key, value) {
            faults.push(format!("{place}: {key}: {fault}"));
        }
    }
    settings.loggers.take(&settings.hj212);
    if let Some(directory) = &settings.devices_dir {
        match Maps::of(directory) {
            Ok(maps) => settings.maps = maps,
            Err(told) => faults.extend(
                told.iter()
                    .map(|fault| format!("mqtt.devices_dir: {fault}")),
            ),
        }
    }
    apply::check(&settings, &mut faults);
    if faults.is_empty() {
        Ok(settings)
    } else {
        Err(ConfigFaults(faults))
    }
}

/// Keys that are given with their values as texts, the environment's over the file's.
pub type Given = BTreeMap<String, String>;

/// What an optional file and the environment's variables give.
///
/// # Errors
/// [`ConfigFaults`] for a file that cannot be read.
pub fn given(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Given, ConfigFaults> {
    let (found, faults) = found(file, environment);
    if !faults.is_empty() {
        return Err(ConfigFaults(faults));
    }
    let text = |value| match value {
        Value::Text(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Other(what) => what.to_owned(),
    };
    let pairs = found.into_iter().map(|one| (one.key, text(one.value)));
    Ok(pairs.collect())
}

/// What is given, in the order in which it counts, and what cannot be read.
fn found(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> (Vec<Found>, Vec<String>) {
    let (mut given, mut faults) = (Vec::new(), Vec::new());
    if let Some(path) = file {
        let place = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => from_file(&place, &text, &mut given, &mut faults),
            Err(cause) => faults.push(format!("{place}: {cause}")),
        }
    }
    from_environment(environment, &mut given);
    (given, faults)
}

fn from_file(place: &str, text: &str, given: &mut Vec<Found>, faults: &mut Vec<String>) {
    match DeTable::parse(text) {
        Ok(table) => walk(place, text, "", table.get_ref(), given),
        Err(fault) => {
            let at = fault.span().map_or(0, |span| span.start);
            faults.push(format!("{place}:{}: {}", line(text, at), fault.message()));
        }
    }
}

fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn walk(place: &str, text: &str, prefix: &str, table: &DeTable<'_>, given: &mut Vec<Found>) {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        leaf(place, text, key, value, given);
    }
}

fn leaf(
    place: &str,
    text: &str,
    key: String,
    value: &toml::Spanned<DeValue<'_>>,
    given: &mut Vec<Found>,
) {
    let at = format!("{place}:{}", line(text, value.span().start));
    let plain = match value.get_ref() {
        DeValue::Table(table) => return walk(place, text, &format!("{key}."), table, given),
        DeValue::Array(array) => {
            for (position, value) in array.iter().enumerate() {
                leaf(place, text, format!("{key}.{position}"), value, given);
            }
            return;
        }
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(integer) => Value::Integer(integer),
            Err(_) => Value::Other("an integer out of range"),
        },
        DeValue::Float(_) => Value::Other("a float"),
        DeValue::Datetime(_) => Value::Other("a date"),
    };
    given.push(Found {
        place: at,
        key,
        value: plain,
    });
}

fn from_environment(
    environment: impl IntoIterator<Item = (String, String)>,
    given: &mut Vec<Found>,
) {
    let sorted: BTreeMap<String, String> = environment.into_iter().collect();
    for (name, text) in sorted {
        let Some(rest) = name.strip_prefix(ENV_PREFIX) else {
            continue;
        };
        let key = rest.to_lowercase().replace("__", ".");
        given.push(Found {
            place: format!("environment {name}"),
            key,
            value: Value::Text(text),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let mut file = tempfile::NamedTempFile::with_suffix(".toml").expect("a temporary file");
        std::io::Write::write_all(&mut file, text.as_bytes()).expect("written");
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let place = file.path().display().to_string();
        load(Some(file.path()), environment).map_err(|faults| {
            faults
                .0
                .iter()
                .map(|fault| fault.replace(&place, "c.toml"))
                .collect()
        })
    }

    #[test]
    fn file_over_defaults_and_environment_over_both() {
        let text = "data_dir = \"d\"\n[http]\nlisten = \"127.0.0.1:1\"\n[mqtt.embedded]\nenabled = false\n";
        let settings = parse(
            text,
            &[("SKYTIER__HTTP__LISTEN", "127.0.0.1:2"), ("HOME", "x")],
        );
        let settings = settings.expect("sound");
        assert_eq!(settings.http_listen.port(), 2);
        assert_eq!(settings.data_dir, Path::new("d"));
        assert!(!settings.mqtt_embedded);
        assert_eq!(parse("", &[]), Ok(Settings::default()));
    }

    const SHIPPED: &str = include_str!("../../config/skytier.toml");

    /// The tables and keys of a text, as `table.key`; a table of an array reads `table[].key`.
    fn keys_of(text: &str) -> Vec<String> {
        let (mut table, mut keys) = (String::new(), Vec::new());
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("[[") {
                table = format!("{}[].", name.trim_end_matches(']'));
            } else if let Some(name) = line.strip_prefix('[') {
                table = format!("{}.", name.trim_end_matches(']'));
            } else if let Some((name, _)) = line.split_once(" = ") {
                keys.push(format!("{table}{name}"));
            }
        }
        keys
    }

    /// The shipped text with its example of a broker brought in.
    fn with_broker() -> String {
        let (head, broker) = SHIPPED
            .split_once("# [[mqtt.brokers]]")
            .expect("a broker is shown");
        let broker: Vec<&str> = broker
            .lines()
            .map(|line| line.trim_matches(['#', ' ']))
            .collect();
        let keys = broker.into_iter().filter(|line| line.contains(" = "));
        format!(
            "{head}[[mqtt.brokers]]\n{}\n",
            keys.collect::<Vec<_>>().join("\n")
        )
    }

    #[test]
    fn the_shipped_file_says_the_defaults() {
        assert_eq!(parse(SHIPPED, &[]), Ok(Settings::default()));
    }

    #[test]
    fn the_shipped_file_names_every_key_once() {
        let text = with_broker();
        let mut named = keys_of(&text);
        named.sort();
        let mut known: Vec<String> = apply::KEYS.map(str::to_owned).to_vec();
        known.sort();
        assert_eq!(named, known);
        let broker = parse(&text, &[]).expect("sound").brokers.remove(0);
        let defaults = BrokerSettings::default();
        assert_eq!(broker.client_id, defaults.client_id);
        assert_eq!(broker.window, defaults.window);
        assert_eq!(broker.session_expiry_s, defaults.session_expiry_s);
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        let text = "zone = \"Asia/Shanghai\"\nextra = 1\n[http]\nlisten = \"nowhere\"\n[store]\nkind = \"tape\"\n";
        let faults =
            parse(text, &[("SKYTIER__MQTT__EMBEDDED__ENABLED", "maybe")]).expect_err("faulty");
        for expected in [
            "c.toml:1: zone:",
            "c.toml:2: extra: unknown key",
            "c.toml:4: http.listen:",
            "c.toml:6: store.kind:",
            "SKYTIER__MQTT__EMBEDDED__ENABLED",
        ] {
            assert!(
                faults.iter().any(|fault| fault.contains(expected)),
                "{expected}: {faults:#?}"
            );
        }
        assert_eq!(faults.len(), 5);
        assert!(parse("a = [", &[]).expect_err("faulty")[0].starts_with("c.toml:1:"));
    }

    #[test]
    fn what_others_can_reach_needs_tls_and_credentials() {
        let told = |text: &str| {
            let told = parse(text, &[]);
            told.err()
                .map_or_else(String::new, |faults| faults.join("\n"))
        };
        let tls = |table: &str| {
            format!("[{table}.tls]\nlisten = \"0.0.0.0:9\"\ncert = \"c\"\nkey = \"k\"\n")
        };
        for (text, expected) in [
            ("http.listen = \"0.0.0.0:9\"", "say http.allow_plain = true"),
            (
                "mqtt.embedded.listen = \"[::]:9\"",
                "say mqtt.embedded.allow_plain = true",
            ),
            ("http.listen = \"0.0.0.0:9\"\nhttp.allow_plain = true", ""),
            (
                "mqtt.embedded.listen = \"0.0.0.0:9\"\nmqtt.embedded.allow_plain = true",
                "",
            ),
            (
                "mqtt.embedded.listen = \"0.0.0.0:9\"\nmqtt.embedded.allow_plain = true\nmqtt.embedded.credentials = \"off\"",
                "would let everybody publish",
            ),
            (&tls("http"), ""),
            (&tls("mqtt.embedded"), ""),
            (
                &format!(
                    "mqtt.embedded.credentials = \"off\"\n{}",
                    tls("mqtt.embedded")
                ),
                "mqtt.embedded.tls.listen: 0.0.0.0:9 is not a loopback address",
            ),
            ("mqtt.embedded.credentials = \"off\"", ""),
            (
                "mqtt.embedded.credentials = \"maybe\"",
                "is not auto, required or off",
            ),
            ("http.limits.requests_per_s = 0", "1 to 1000000"),
        ] {
            let told = told(text);
            assert!(
                told.contains(expected) && told.is_empty() == expected.is_empty(),
                "{text}: {told}"
            );
        }
    }

    #[test]
    fn brokers_are_numbered_tables() {
        let text =
            "[[mqtt.brokers]]\nurl = \"mqtt://localhost:1884\"\nclient_id = \"a\"\ngroup = \"g\"\n";
        let settings =
            parse(text, &[("SKYTIER__MQTT__BROKERS__0__PASSWORD", "hunter2")]).expect("sound");
        assert_eq!(settings.brokers[0].group.as_deref(), Some("g"));
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert!(
            parse("[[mqtt.brokers]]\nclient_id = \"a\"\n", &[]).expect_err("no url")[0]
                .contains("url")
        );
        let two = |second: &str| {
            let first = "[[mqtt.brokers]]\nurl = \"mqtt://localhost\"\n";
            parse(&format!("{first}[[mqtt.brokers]]\n{second}\n"), &[])
        };
        assert!(two("url = \"mqtt://localhost:1884\"").is_ok());
        assert!(two("url = \"mqtt://localhost\"\nclient_id = \"b\"").is_ok());
        let faults = two("url = \"mqtt://localhost:1883\"").expect_err("one session");
        assert!(
            faults[0].starts_with("mqtt.brokers.1.client_id: \"skytier\""),
            "{faults:?}"
        );
    }
}
