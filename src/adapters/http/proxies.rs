//! Who asks, where a proxy of ours stands in between: its header says so, and is believed of that proxy alone.
//!
//! Only one header is read, the one the proxy is known to set: whoever could choose between two would choose what stands in
//! it. Entries are read from the last, which the proxy itself wrote; what clients wrote stands before it.

use std::net::IpAddr;
use std::net::SocketAddr;

use axum::http::HeaderMap;

/// The header that says by what a request came to the proxy, beside `x-forwarded-for`.
const PROTO: &str = "x-forwarded-proto";
/// Proxies that may stand in a row.
const HOPS_MAX: usize = 8;
/// Proxies that may be named.
pub const PROXIES_MAX: usize = 64;

/// Which header a proxy sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    /// `x-forwarded-for`, and `x-forwarded-proto` beside it.
    #[default]
    ForwardedFor,
    /// `forwarded` (RFC 7239).
    Forwarded,
}

impl ProxyHeader {
    /// From its name.
    ///
    /// # Errors
    /// In words, with those there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => Ok(Self::ForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err(format!("{name:?} is not x-forwarded-for or forwarded")),
        }
    }
}

/// The proxies that are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Their addresses.
    pub trusted: Vec<IpAddr>,
    /// What they say it in.
    pub header: ProxyHeader,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The address.
    pub address: IpAddr,
    /// Whether many may stand behind it: this machine's own, or a proxy that did not say for whom it asks.
    pub shared: bool,
    /// Whether it came to the proxy by TLS.
    pub secured: bool,
}

/// An entry of a header: for whom, and whether by TLS where that is said.
type Entry = (Option<IpAddr>, bool);

impl Proxies {
    /// Whether an address is one of theirs.
    pub fn has(&self, address: IpAddr) -> bool {
        self.trusted.contains(&address.to_canonical())
    }

    /// Where a request of a connection comes from.
    pub fn origin(&self, peer: IpAddr, head: &HeaderMap) -> Origin {
        let mut origin = Origin {
            address: peer,
            shared: false,
            secured: false,
        };
        if self.has(peer) {
            for (at, (address, secured)) in
                self.entries(head).into_iter().take(HOPS_MAX).enumerate()
            {
                // What the proxy nearest to us wrote says how its client came.
                origin.secured = if at == 0 { secured } else { origin.secured };
                let Some(address) = address else { break };
                origin.address = address;
                if !self.has(address) {
                    break;
                }
            }
        }
        origin.shared = origin.address.to_canonical().is_loopback() || self.has(origin.address);
        origin
    }

    /// The entries of the header, the last first.
    fn entries(&self, head: &HeaderMap) -> Vec<Entry> {
        let texts = |name: &str| -> Vec<String> {
            let given = head.get_all(name).into_iter();
            let texts = given.map(|given| given.to_str().unwrap_or("").to_owned());
            let parts = texts.flat_map(|text| {
                let parts: Vec<String> =
                    text.split(',').map(|part| part.trim().to_owned()).collect();
                parts
            });
            let mut parts: Vec<String> = parts.collect();
            parts.reverse();
            parts
        };
        match self.header {
            ProxyHeader::ForwardedFor => {
                let secured = texts(PROTO)
                    .first()
                    .is_some_and(|by| by.eq_ignore_ascii_case("https"));
                let entry = |text: &String| (address(text), secured);
                texts("x-forwarded-for").iter().map(entry).collect()
            }
            ProxyHeader::Forwarded => texts("forwarded")
                .iter()
                .map(|text| forwarded(text))
                .collect(),
        }
    }
}

/// One element of `forwarded`: pairs such as `for="[2001:db8::1]:4711";proto=https`.
fn forwarded(element: &str) -> Entry {
    let (mut from, mut secured) = (None, false);
    for pair in element.split(';') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => from = address(value),
            "proto" => secured = value.eq_ignore_ascii_case("https"),
            _ => {}
        }
    }
    (from, secured)
}

/// An address with or without brackets and port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = bare.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    address
        .or_else(with_port)
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `header`, what stands in headers, and what is found for a connection from `10.0.0.1`, which is trusted as `10.0.0.2` is.
    fn check(header: &str, given: &[(&'static str, &str)], expected: (&str, bool, bool)) {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let proxies = Proxies {
            trusted: vec![ip("10.0.0.1"), ip("10.0.0.2"), ip("127.0.0.1")],
            header: ProxyHeader::parse(header).expect("a header"),
        };
        let mut head = HeaderMap::new();
        for (name, value) in given {
            head.append(*name, value.parse().expect("a value"));
        }
        let found = proxies.origin(ip("10.0.0.1"), &head);
        let (address, shared, secured) = expected;
        let expected = Origin {
            address: ip(address),
            shared,
            secured,
        };
        assert_eq!(found, expected, "{given:?}");
        let stranger = proxies.origin(ip("192.0.2.9"), &head);
        assert_eq!(
            stranger.address,
            ip("192.0.2.9"),
            "no proxy of ours: {given:?}"
        );
        assert!(!stranger.secured && !stranger.shared);
        assert!(
            proxies
                .origin(ip("::ffff:127.0.0.1"), &HeaderMap::new())
                .shared
        );
    }

    #[test]
    fn the_last_that_is_no_proxy_of_ours_asks() {
        const FOR: &str = "x-forwarded-for";
        check(FOR, &[], ("10.0.0.1", true, false));
        check(FOR, &[(FOR, "192.0.2.7")], ("192.0.2.7", false, false));
        check(
            FOR,
            &[(FOR, "192.0.2.7"), (PROTO, "https")],
            ("192.0.2.7", false, true),
        );
        // What a client wrote stands before what the proxy wrote, in one line or two.
        check(
            FOR,
            &[(FOR, "1.2.3.4, 192.0.2.7")],
            ("192.0.2.7", false, false),
        );
        check(
            FOR,
            &[(FOR, "1.2.3.4"), (FOR, "192.0.2.7")],
            ("192.0.2.7", false, false),
        );
        check(
            FOR,
            &[(FOR, "1.2.3.4, 192.0.2.7, 10.0.0.2")],
            ("192.0.2.7", false, false),
        );
        check(
            FOR,
            &[(FOR, "127.0.0.1, 192.0.2.7:4711")],
            ("192.0.2.7", false, false),
        );
        check(FOR, &[(FOR, "2001:db8::7")], ("2001:db8::7", false, false));
        check(
            FOR,
            &[(FOR, "[2001:db8::7]:80")],
            ("2001:db8::7", false, false),
        );
        check(FOR, &[(FOR, "1.2.3.4, unknown")], ("10.0.0.1", true, false));
        check(
            FOR,
            &[(FOR, "1.2.3.4, unknown, 10.0.0.2")],
            ("10.0.0.2", true, false),
        );
        check(
            FOR,
            &[("forwarded", "for=1.2.3.4")],
            ("10.0.0.1", true, false),
        );
        let forwarded = |text| [("forwarded", text)];
        for (text, expected) in [
            ("for=192.0.2.7", ("192.0.2.7", false, false)),
            (
                "for=1.2.3.4;proto=https, For=\"[2001:db8::7]:47\";by=x;proto=http",
                ("2001:db8::7", false, false),
            ),
            (
                "for=\"1.2.3.4, for=192.0.2.7;proto=https",
                ("192.0.2.7", false, true),
            ),
            ("for=_hidden", ("10.0.0.1", true, false)),
            ("proto=https", ("10.0.0.1", true, true)),
        ] {
            check("Forwarded", &forwarded(text), expected);
        }
        check("forwarded", &[(FOR, "1.2.3.4")], ("10.0.0.1", true, false));
        assert!(ProxyHeader::parse("x-real-ip").is_err());
    }
}
