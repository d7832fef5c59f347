//! Addresses of brokers: `mqtt://HOST[:PORT]`.

use std::fmt;
use std::str::FromStr;

/// The port where none is given.
pub const PORT: u16 = 1883;

/// Where a broker listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Name or IP address; IPv6 in brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// The text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address {text:?}; give mqtt://HOST or mqtt://HOST:PORT")]
pub struct AddressFault {
    /// What was given.
    pub text: String,
}

impl FromStr for Address {
    type Err = AddressFault;

    fn from_str(text: &str) -> Result<Self, AddressFault> {
        parse(text).ok_or_else(|| AddressFault {
            text: text.chars().take(80).collect(),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mqtt://{}:{}", self.host, self.port)
    }
}

fn parse(text: &str) -> Option<Address> {
    let rest = text.strip_prefix("mqtt://")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let bracket = rest.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match rest[bracket..].rfind(':') {
        Some(at) => (
            &rest[..bracket + at],
            rest[bracket + at + 1..].parse().ok()?,
        ),
        None => (rest, PORT),
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(host);
    let is_ipv6 = bare.len() < host.len();
    let allowed = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') || (is_ipv6 && c == ':')
    };
    (port > 0 && !bare.is_empty() && bare.chars().all(allowed)).then(|| Address {
        host: host.to_owned(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_host_and_a_port() {
        for (text, expected) in [
            ("mqtt://localhost", Some("mqtt://localhost:1883")),
            ("mqtt://10.0.0.1:1884/", Some("mqtt://10.0.0.1:1884")),
            ("mqtt://[::1]:1884", Some("mqtt://[::1]:1884")),
            ("mqtt://[::1]", Some("mqtt://[::1]:1883")),
            ("localhost:1883", None),
            ("http://localhost", None),
            ("mqtt://", None),
            ("mqtt://:1883", None),
            ("mqtt://host:0", None),
            ("mqtt://host:65536", None),
            ("mqtt://user:secret@host", None),
            ("mqtt://::1", None),
        ] {
            let found = text
                .parse::<Address>()
                .ok()
                .map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
