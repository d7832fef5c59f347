//! Addresses of brokers: `mqtt://HOST[:PORT]`, and `mqtts://HOST[:PORT]` of those that are spoken to by TLS.

use std::fmt;
use std::str::FromStr;

/// The port where none is given.
pub const PORT: u16 = 1883;
/// The port of TLS where none is given.
pub const PORT_TLS: u16 = 8883;

/// Where a broker listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Name or IP address, as it is looked up and as a certificate has it: IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether TLS is spoken there.
    pub tls: bool,
}

impl Address {
    /// The address of a broker that readings are taken from, with or without TLS.
    ///
    /// # Errors
    /// [`AddressFault`] for a text that is none.
    pub fn of_broker(text: &str) -> Result<Self, AddressFault> {
        let tls = text
            .strip_prefix("mqtts://")
            .and_then(|rest| parse(rest, true));
        tls.map_or_else(|| text.parse(), Ok)
    }
}

/// The text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "address {text:?}; give mqtt://HOST or mqtt://HOST:PORT, and name and password by themselves"
)]
pub struct AddressFault {
    /// What was given, without a name and a password in it.
    pub text: String,
}

impl FromStr for Address {
    type Err = AddressFault;

    fn from_str(text: &str) -> Result<Self, AddressFault> {
        let plain = text.strip_prefix("mqtt://");
        plain
            .and_then(|rest| parse(rest, false))
            .ok_or_else(|| AddressFault {
                text: without_credentials(text),
            })
    }
}

/// What was given as an address, short enough for a line, and without what may be a password.
fn without_credentials(text: &str) -> String {
    let bare = match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://...@{host}"),
        (None, Some((_, host))) => format!("...@{host}"),
        (_, None) => text.to_owned(),
    };
    bare.chars().take(80).collect()
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        let (host, port) = (&self.host, self.port);
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

fn parse(rest: &str, tls: bool) -> Option<Address> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let bracket = rest.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match rest[bracket..].rfind(':') {
        Some(at) => (
            &rest[..bracket + at],
            rest[bracket + at + 1..].parse().ok()?,
        ),
        None => (rest, if tls { PORT_TLS } else { PORT }),
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
        host: bare.to_owned(),
        port,
        tls,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_what_certificates_have_in_them() {
        for (text, expected) in [
            ("mqtts://[::1]:8884", "::1"),
            ("mqtt://[2001:db8::7]", "2001:db8::7"),
            ("mqtts://broker.example", "broker.example"),
        ] {
            let address = Address::of_broker(text).expect(text);
            assert_eq!(address.host, expected);
            let again = Address::of_broker(&address.to_string());
            assert_eq!(again, Ok(address), "as it is printed");
        }
    }

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
            ("mqtts://localhost", None),
        ] {
            let found = text
                .parse::<Address>()
                .ok()
                .map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        for (text, expected) in [
            ("mqtt://user:secret@host", "\"mqtt://...@host\""),
            ("mqtts://user:s:e@cret@host:x", "\"mqtts://...@host:x\""),
            ("user:secret@host", "\"...@host\""),
            ("http://localhost", "\"http://localhost\""),
        ] {
            let fault = Address::of_broker(text).expect_err(text).to_string();
            assert!(fault.contains(expected), "{fault}");
            assert!(
                !fault.contains("secret") && !fault.contains("cret@"),
                "{fault}"
            );
        }
    }

    #[test]
    fn brokers_may_be_spoken_to_by_tls() {
        for (text, expected) in [
            (
                "mqtts://broker.example",
                Some("mqtts://broker.example:8883"),
            ),
            ("mqtts://[::1]:1884/", Some("mqtts://[::1]:1884")),
            ("mqtt://broker.example", Some("mqtt://broker.example:1883")),
            ("mqtts://", None),
            ("tls://broker.example", None),
        ] {
            let found = Address::of_broker(text);
            let found = found.ok().map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
