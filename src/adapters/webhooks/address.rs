//! Where messages may go: addresses of the world, unless the settings allow those of a private network.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use reqwest011::Url;

/// Longest address, in bytes.
const ADDRESS_BYTES_MAX: usize = 2_048;

/// A checked address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookAddress(Url);

impl HookAddress {
    /// Reads an address. A name is checked again whenever it is connected to.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str, allow_private: bool) -> Result<HookAddress, String> {
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(format!("longer than {ADDRESS_BYTES_MAX} bytes"));
        }
        // What may hold a password is not repeated.
        let url = Url::parse(text).map_err(|fault| {
            let given = if text.contains('@') { "it" } else { text };
            format!("{given:?} is no address such as https://bank.example/hooks: {fault}")
        })?;
        match url.scheme() {
            "https" if cfg!(feature = "native-tls") => {}
            "https" => {
                return Err(
                    "this skytier was built without TLS; build it with `make install`".to_owned(),
                );
            }
            "http" if allow_private => {}
            _ => {
                let said = "an address with https:// is expected; http:// goes with webhooks.allow_private = true alone";
                return Err(said.to_owned());
            }
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an address without user name and password is expected".to_owned());
        }
        if url.fragment().is_some() {
            return Err("an address without # is expected".to_owned());
        }
        let host = url.host_str().unwrap_or_default();
        let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        if ip.is_some_and(|ip| !allow_private && !is_public(ip)) {
            return Err(format!(
                "{host} is an address of this host or of a private network; such are refused unless webhooks.allow_private = true"
            ));
        }
        Ok(HookAddress(url))
    }

    /// The address as the client takes it.
    pub(super) fn url(&self) -> Url {
        self.0.clone()
    }

    /// The address as it is shown: what follows `?` may be a secret.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut url = self.0.clone();
        if url.query().is_some() {
            url.set_query(Some("..."));
        }
        url.to_string()
    }
}

/// Whether an address belongs to the world: none of this host, of a private or local network, of several, or set apart.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let apart = a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !(apart
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation())
}

/// Global unicast alone (2000::/3), without what wraps an address of version 4 that is not public.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(inner) = ip.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let parts = ip.segments();
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        // Translated by a gateway.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        // 6to4.
        [0x2002, high, low, ..] => inner(high, low),
        // Teredo, benchmarks, ORCHID and the like; documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_world_are_public() {
        let check = |text: &str, expected: bool| {
            let ip: IpAddr = text.parse().expect("an address");
            assert_eq!(is_public(ip), expected, "{text}");
        };
        for text in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "2400:3200::1",
            "64:ff9b::101:101",
        ] {
            check(text, true);
        }
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn an_address_is_checked_as_it_will_be_dialled() {
        let check = |text: &str, allow_private: bool, expected: &str| {
            let said = HookAddress::parse(text, allow_private).map(|address| address.shown());
            let said = said.unwrap_or_else(|fault| fault);
            assert!(said.contains(expected), "{text}: {said}");
        };
        check("nowhere", false, "no address such as");
        check("ftp://bank.example/", true, "https:// is expected");
        check("http://bank.example/", false, "https:// is expected");
        check("http://127.0.0.1:9/hook", true, "http://127.0.0.1:9/hook");
        check("https://user:word@bank.example/", true, "without user name");
        check("https://bank.example/#part", true, "without #");
        if cfg!(feature = "native-tls") {
            check(
                "https://bank.example/hook?key=1",
                false,
                "https://bank.example/hook?...",
            );
            check("https://93.184.216.34/", false, "https://93.184.216.34/");
            for host in [
                "127.0.0.1",
                "2130706433",
                "0x7f.1",
                "[::1]",
                "[::ffff:10.0.0.1]",
                "169.254.169.254",
            ] {
                check(&format!("https://{host}/"), false, "private network");
            }
        } else {
            check("https://bank.example/hook", false, "built without TLS");
        }
    }
}
