//! Where the InfluxDB is and how it is spoken to.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest011::Url;

/// Time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a write, answer included.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for a query, answer included.
const QUERY_TIMEOUT: Duration = Duration::from_secs(120);
/// First pause after a failure; it doubles up to the longest.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// Bytes the spool may take.
const SPOOL_BYTES_MAX: u64 = 1 << 30;

/// What lets us in. Printed as `(secret)`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Wraps the text.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Settings of the InfluxDB 2 store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InfluxSettings {
    /// Where they stand among the settings, for messages: `store.influxdb2` or `mirror`.
    pub section: &'static str,
    /// Scheme, host and port; no path.
    pub url: String,
    /// The organization.
    pub org: String,
    /// The bucket.
    pub bucket: String,
    /// A token that may read and write the bucket.
    pub token: Token,
    /// Certificates in PEM of the authorities that may vouch for an https server; without it, those the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Whether readings go to a file while the server is away. Otherwise nothing is acknowledged meanwhile.
    pub spool: bool,
    /// Bytes the spool may take; a full one takes nothing more.
    pub spool_bytes_max: u64,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time for a write, answer included.
    pub write_timeout: Duration,
    /// Time for a query, answer included.
    pub query_timeout: Duration,
    /// First pause after a failure, and the longest.
    pub backoff: (Duration, Duration),
}

impl Default for InfluxSettings {
    fn default() -> Self {
        Self {
            section: "store.influxdb2",
            url: "http://127.0.0.1:8086".to_owned(),
            org: String::new(),
            bucket: "skytier".to_owned(),
            token: Token::default(),
            ca_file: None,
            spool: true,
            spool_bytes_max: SPOOL_BYTES_MAX,
            connect_timeout: CONNECT_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            query_timeout: QUERY_TIMEOUT,
            backoff: (BACKOFF_MIN, BACKOFF_MAX),
        }
    }
}

impl InfluxSettings {
    /// What is wrong with them: the name of the setting and what would be right.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if let Err(fault) = check_url(&self.url) {
            faults.push(("url", fault));
        }
        for (name, text) in [("org", &self.org), ("bucket", &self.bucket)] {
            if text.is_empty() || text.contains(char::is_control) {
                let like = "its name as in the InfluxDB is needed";
                faults.push((name, format!("{text:?}: {like}")));
            }
        }
        if self.token.is_empty()
            || self
                .token
                .reveal()
                .contains(|c: char| !c.is_ascii_graphic())
        {
            let needed = "a token that may read and write the bucket is needed; better kept in the environment";
            faults.push(("token", needed.to_owned()));
        }
        faults
    }

    /// Whether the address can work.
    ///
    /// # Errors
    /// In words, with what would be right.
    pub fn check_url(&self) -> Result<(), String> {
        check_url(&self.url)
    }

    /// Server, organization and bucket, for messages and notes.
    pub fn place(&self) -> String {
        format!("{} (org {}, bucket {})", self.url, self.org, self.bucket)
    }
}

/// The client would panic on a bad address, drop a path, and fail at the first request without TLS.
fn check_url(text: &str) -> Result<(), String> {
    let expected = "such as http://127.0.0.1:8086 is expected";
    // Said before anything repeats what was given.
    if text.contains('@') {
        return Err("user and password do not belong into the address; a token is used".to_owned());
    }
    let url =
        Url::parse(text).map_err(|fault| format!("{text:?}: {fault}; an address {expected}"))?;
    match url.scheme() {
        "http" => {}
        "https" if cfg!(feature = "native-tls") => {}
        "https" => {
            return Err(format!(
                "{text:?}: this skytier was built without TLS; build it with `make install`, or with the feature \
                 native-tls"
            ));
        }
        other => return Err(format!("{text:?}: scheme {other:?}; an address {expected}")),
    }
    let plain =
        ["", "/"].contains(&url.path()) && url.query().is_none() && url.fragment().is_none();
    if url.host_str().is_none() || !plain {
        return Err(format!("{text:?}: a server without a path, {expected}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cannot_work_are_refused_before_anything_starts() {
        let check = |url: &str, expected: &str| {
            let settings = InfluxSettings {
                url: url.to_owned(),
                org: "o".to_owned(),
                token: Token::new("t"),
                ..InfluxSettings::default()
            };
            let faults = settings.faults();
            let text = faults.first().map_or("", |(_, fault)| fault.as_str());
            assert!(
                text.contains(expected) && text.is_empty() == expected.is_empty(),
                "{url}: {text}"
            );
        };
        check("http://127.0.0.1:8086", "");
        check("http://influx.example/", "");
        check("127.0.0.1:8086", "is expected");
        check("nowhere", "is expected");
        check("ftp://influx.example", "scheme \"ftp\"");
        check("http://influx.example/prefix", "without a path");
        check("http://influx.example?org=a", "without a path");
        for url in [
            "http://me:pw@influx.example",
            "http://me:pw@influx.example/prefix",
            "http://me:pw@influx.example:99999",
            "ftp://me:pw@influx.example",
        ] {
            check(url, "a token is used");
        }
        let tls = if cfg!(feature = "native-tls") {
            ""
        } else {
            "built without TLS"
        };
        check("https://influx.example", tls);
    }

    #[test]
    fn names_are_needed_and_the_token_is_not_printed() {
        let settings = InfluxSettings::default();
        let names: Vec<_> = settings
            .faults()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["org", "token"]);
        let token = Token::new("hunter2");
        assert!(!format!("{token:?}").contains("hunter2"));
    }
}
