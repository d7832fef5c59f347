//! Messages to subscribers over HTTP, signed by the scheme of Standard Webhooks 1.0 (symmetric, `v1`): the heads
//! `webhook-id`, `webhook-timestamp` and `webhook-signature`, HMAC-SHA256 over `id.timestamp.body`.
//!
//! Whoever enters an address must not be able to make the daemon speak to what only the daemon can reach: addresses of the host
//! itself and of private networks are refused, also when a name leads there at the moment of connecting. Redirects are not
//! followed, and of an answer no more is read than tells that it is one.

pub mod address;

pub mod files;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use hyper014::client::connect::dns::Name;
use reqwest011::Client;
use reqwest011::dns::Resolve;
use reqwest011::dns::Resolving;
use reqwest011::redirect::Policy;
use sha2::Sha256;

use crate::adapters::unreached::met;
use crate::adapters::webhooks::address::HookAddress;
use crate::adapters::webhooks::address::is_public;
use crate::domain::calendar::Instant;

/// What a secret begins with.
const SECRET_PREFIX: &str = "whsec_";
/// Bytes of a secret, at least and at most.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Bytes of an answer that are read, so that the connection can be used again.
const ANSWER_BYTES_MAX: usize = 4_096;
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What both sides sign and check with.
#[derive(Clone, PartialEq, Eq)]
pub struct HookSecret(Vec<u8>);

impl std::fmt::Debug for HookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HookSecret(..)")
    }
}

impl HookSecret {
    /// From random bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> HookSecret {
        HookSecret(bytes.to_vec())
    }

    /// One that nobody can foresee.
    ///
    /// # Errors
    /// A system without randomness.
    pub fn random() -> Result<HookSecret, String> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|cause| format!("no randomness: {cause}"))?;
        Ok(HookSecret::new(bytes))
    }

    /// Reads `whsec_` and base64.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<HookSecret, String> {
        let bytes = text.strip_prefix(SECRET_PREFIX);
        let bytes = bytes.and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.filter(|bytes| SECRET_BYTES.contains(&bytes.len()));
        bytes
            .map(HookSecret)
            .ok_or_else(|| "a secret is whsec_ and 24 to 64 bytes in base64".to_owned())
    }

    /// As it is handed to the subscriber.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{SECRET_PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// The signature of a message.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key may have any length");
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// Names into addresses that may be spoken to.
struct Guarded {
    allow_private: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await?;
            let fits = |at: &SocketAddr| allow_private || is_public(at.ip());
            let found: Vec<SocketAddr> = found.filter(fits).collect();
            if found.is_empty() {
                let said = format!("{host} leads to private addresses alone");
                return Err(said.into());
            }
            Ok(Box::new(found.into_iter()) as reqwest011::dns::Addrs)
        })
    }
}

/// One message.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Its identifier, the same in every try.
    pub id: &'a str,
    /// When it is sent.
    pub at: Instant,
    /// JSON.
    pub body: &'a str,
}

/// What sends messages.
#[derive(Clone)]
pub struct Sender {
    client: Client,
    allow_private: bool,
}

impl Sender {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// What keeps a client from being made.
    pub fn new(timeout: Duration, allow_private: bool) -> Result<Sender, String> {
        let client = Client::builder()
            .timeout(timeout)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Guarded { allow_private }))
            .user_agent(concat!("skytier/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|fault| fault.to_string())?;
        Ok(Sender {
            client,
            allow_private,
        })
    }

    /// Sends a message; it arrived when the answer is 2xx.
    ///
    /// # Errors
    /// What was met instead, in a few words that hold nothing of the answer's text.
    pub async fn send(
        &self,
        to: &str,
        secret: &HookSecret,
        message: Message<'_>,
    ) -> Result<(), String> {
        // The setting may have changed since the address was entered.
        let address = HookAddress::parse(to, self.allow_private)?;
        let timestamp = message.at.unix();
        let request = self.client.post(address.url());
        let request = request
            .header("content-type", "application/json")
            .header("webhook-id", message.id)
            .header("webhook-timestamp", timestamp)
            .header(
                "webhook-signature",
                secret.sign(message.id, timestamp, message.body),
            )
            .body(message.body.to_owned());
        let mut answer = request.send().await.map_err(|fault| met(&fault))?;
        let status = answer.status();
        let mut read = 0;
        while read < ANSWER_BYTES_MAX
            && let Ok(Some(part)) = answer.chunk().await
        {
            read += part.len();
        }
        if status.is_success() {
            return Ok(());
        }
        Err(match status.as_u16() {
            300..=399 => {
                format!("HTTP {status}; redirects are not followed, enter the address it leads to")
            }
            410 => format!("HTTP {status}; the subscriber wants no more, remove the hook"),
            _ => format!("HTTP {status}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the scheme's own libraries check themselves with.
    #[test]
    fn signs_as_the_published_example() {
        let secret = HookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(secret.reveal(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert_eq!(format!("{secret:?}"), "HookSecret(..)");
    }

    #[test]
    fn a_secret_has_its_form() {
        for text in [
            "",
            "whsec_",
            "whsec_%%%",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_c2hvcnQ=",
        ] {
            assert!(HookSecret::parse(text).is_err(), "{text}");
        }
    }
}
