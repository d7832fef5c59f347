//! Time stamps of receipts (RFC 3161): an authority outside of this program vouches that a receipt was there at a time, so
//! that not even we can date one back.
//!
//! The authority is told the SHA-256 of a receipt and a number used once, nothing else. Its answer is kept as it came, for
//! `openssl ts -verify` and the like: whether its signature is that of an authority one trusts is for whoever relies on it to say.
//! What is looked at here is that it is the answer to our question ([`token`]). An authority that is away delays an answer
//! no longer than is set, and fails none.

pub mod token;

use std::time::Duration;

use reqwest011::Client;
use reqwest011::Url;
use reqwest011::redirect::Policy;
use tokio::sync::Semaphore;

use crate::adapters::timestamps::token::Question;
use crate::adapters::unreached::met;
use crate::domain::credit::lookup::Stamp;

/// Largest answer of an authority, in bytes.
pub const REPLY_BYTES_MAX: usize = 65_536;
/// Questions under way at the same time; more wait for their turn, within their time.
const AT_ONCE: usize = 16;
/// What is asked, and what is answered.
const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";

/// What is set about an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StampSettings {
    /// Where it is; empty: there is none.
    pub url: String,
    /// How long an answer may wait for it.
    pub timeout: Duration,
}

impl Default for StampSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            timeout: Duration::from_secs(3),
        }
    }
}

/// An authority that stamps.
pub struct Authority {
    client: Client,
    url: Url,
    timeout: Duration,
    places: Semaphore,
}

/// Reads the address of an authority.
///
/// # Errors
/// What would be right.
pub fn address(text: &str) -> Result<Url, String> {
    // What may hold a password is not repeated.
    let url = Url::parse(text).map_err(|fault| {
        let given = if text.contains(['@', '?']) {
            "it"
        } else {
            text
        };
        format!("{given:?} is no address such as http://tsa.example/stamps: {fault}")
    })?;
    match url.scheme() {
        "http" => Ok(url),
        "https" if cfg!(feature = "native-tls") => Ok(url),
        "https" => {
            Err("this skytier was built without TLS; build it with `make install`".to_owned())
        }
        _ => Err("an address with http:// or https:// is expected".to_owned()),
    }
}

impl Authority {
    /// The one that is set, if any. Nothing is asked yet.
    ///
    /// # Errors
    /// An address that is none, or a client that cannot be made.
    pub fn new(settings: &StampSettings) -> Result<Option<Authority>, String> {
        if settings.url.is_empty() {
            return Ok(None);
        }
        let client = Client::builder()
            .timeout(settings.timeout)
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(concat!("skytier/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Some(Authority {
            client: client.map_err(|fault| fault.to_string())?,
            url: address(&settings.url)?,
            timeout: settings.timeout,
            places: Semaphore::new(AT_ONCE),
        }))
    }

    /// Asks for a stamp of a receipt, which has this identifier.
    ///
    /// # Errors
    /// Why there is none, in a few words.
    pub async fn stamp(&self, id: &str, receipt: &str) -> Result<Stamp, String> {
        let asked = tokio::time::timeout(self.timeout, self.ask(receipt)).await;
        let (at, reply) = asked.map_err(|_| "no answer in time".to_owned())??;
        Ok(Stamp {
            id: id.to_owned(),
            at,
            authority: shown(&self.url),
            reply,
        })
    }

    async fn ask(&self, receipt: &str) -> Result<(token::Time, Vec<u8>), String> {
        let place = self.places.acquire().await;
        let place = place.map_err(|_| "nothing is asked any more".to_owned())?;
        let question = Question::about(receipt)?;
        let request = self.client.post(self.url.clone());
        let request = request
            .header("content-type", QUERY)
            .header("accept", REPLY)
            .body(question.to_der());
        let mut answer = request.send().await.map_err(|fault| met(&fault))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("HTTP {status}"));
        }
        let mut reply = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|fault| met(&fault))? {
            reply.extend_from_slice(&part);
            if reply.len() > REPLY_BYTES_MAX {
                return Err(format!("an answer of more than {REPLY_BYTES_MAX} bytes"));
            }
        }
        drop(place);
        let at = question.answered_by(&reply)?;
        Ok((at, reply))
    }
}

/// An address as it is told and kept: without what opens it.
fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // Refused of addresses without a host alone, which have neither.
    let _ = (shown.set_username(""), shown.set_password(None));
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_an_authority_is_not_told() {
        let url = address("http://li:hidden@tsa.example:81/stamps?key=hidden#hidden");
        assert_eq!(shown(&url.expect("sound")), "http://tsa.example:81/stamps");
        for wrong in [
            "http://li:hidden@tsa.example:99999/",
            "http://tsa:99999/?key=hidden",
        ] {
            let said = address(wrong).expect_err("no port");
            assert!(!said.contains("hidden"), "{said}");
        }
    }
}
