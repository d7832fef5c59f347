//! From a fresh socket to an admitted client: CONNECT in time, in order and by someone who may.

use std::hash::BuildHasher;
use std::hash::RandomState;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rmqtt_codec::version::ProtocolVersion;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;

use crate::adapters::mqtt::devices::Claim;
use crate::adapters::mqtt::devices::Device;
use crate::adapters::mqtt::settings::EndpointSettings;
use crate::adapters::mqtt::wire;
use crate::adapters::mqtt::wire::Denial;
use crate::adapters::mqtt::wire::Hello;
use crate::adapters::mqtt::wire::Welcome;
use crate::adapters::mqtt::wire::Will;
use crate::adapters::mqtt::wire::Wire;

/// Largest CONNECT, in bytes: a will and a password of 64 KiB each.
const CONNECT_BYTES_MAX: u32 = 132 * 1024;
/// Longest client id, in bytes.
const CLIENT_ID_BYTES_MAX: usize = 256;
/// Bytes asked of a socket before its CONNECT is whole.
const READ_BYTES: usize = 1_024;

/// Why there is no CONNECT to look at.
pub(super) enum NoHello {
    /// Closed, failed or not MQTT at all: nothing can be said to it.
    Silent(&'static str),
    /// Say why, then close.
    Denied(Wire, Denial),
}

/// Reads until the CONNECT packet is whole. The caller limits the time.
pub(super) async fn hello(
    stream: &mut (impl AsyncRead + Unpin),
    input: &mut BytesMut,
) -> Result<(Wire, Hello), NoHello> {
    let version = loop {
        match wire::version(input) {
            Ok(Some(version)) => break version,
            Ok(None) => more(stream, input).await?,
            // A CONNECT of a version of another century: 3.1.1 has the code to say so.
            Err(_) if input.first() == Some(&0x10) => {
                let wire = Wire::new(ProtocolVersion::MQTT3, CONNECT_BYTES_MAX);
                return Err(NoHello::Denied(wire, Denial::Version));
            }
            Err(_) => return Err(NoHello::Silent("not an MQTT CONNECT")),
        }
    };
    let mut wire = Wire::new(version, CONNECT_BYTES_MAX);
    loop {
        match wire.hello(input) {
            Ok(Some(hello)) => return Ok((wire, hello)),
            Ok(None) => more(stream, input).await?,
            Err(denial) => return Err(NoHello::Denied(wire, denial)),
        }
    }
}

async fn more(stream: &mut (impl AsyncRead + Unpin), input: &mut BytesMut) -> Result<(), NoHello> {
    input.reserve(READ_BYTES);
    match stream.read_buf(input).await {
        Ok(bytes) if bytes > 0 => Ok(()),
        _ => Err(NoHello::Silent("closed before its CONNECT")),
    }
}

/// What an admitted client was granted.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) client_id: String,
    pub(super) device: Option<Arc<Device>>,
    pub(super) silence_max: Duration,
    pub(super) will: Option<Will>,
    pub(super) welcome: Welcome,
}

/// What a CONNECT says about who it is, unless it cannot be taken whoever it is.
pub(super) fn claim(hello: &Hello, names: &[String]) -> Result<Claim, Denial> {
    if hello.exchange {
        return Err(Denial::Exchange);
    }
    let sound = hello.client_id.len() <= CLIENT_ID_BYTES_MAX
        && !hello.client_id.chars().any(char::is_control);
    if !sound {
        return Err(Denial::ClientId);
    }
    let malformed = |will: &Will| will.topic.is_empty() || will.topic.contains(['+', '#', '\0']);
    if hello.will.as_ref().is_some_and(malformed) {
        return Err(Denial::Malformed);
    }
    Ok(Claim {
        name: hello.username.as_ref().map(ToString::to_string),
        password: hello.password.clone(),
        names: names.to_vec(),
    })
}

/// What a client is granted, once it is known who it is.
pub(super) fn admit(
    hello: Hello,
    device: Option<Arc<Device>>,
    settings: &EndpointSettings,
) -> Result<Admitted, Denial> {
    if let (Some(will), Some(device)) = (&hello.will, &device)
        && !device.owns(&will.topic)
    {
        return Err(Denial::NotPermitted);
    }
    let asked = Duration::from_secs(hello.keep_alive_s.into());
    let granted = if asked.is_zero() {
        settings.keep_alive_max
    } else {
        asked.min(settings.keep_alive_max)
    };
    let assigned = hello.client_id.is_empty().then(assigned_client_id);
    let receive_maximum = NonZeroU16::new(settings.receive_maximum).unwrap_or(NonZeroU16::MIN);
    Ok(Admitted {
        client_id: assigned
            .clone()
            .unwrap_or_else(|| hello.client_id.to_string()),
        device,
        silence_max: granted + granted / 2,
        will: hello.will,
        welcome: Welcome {
            receive_maximum,
            packet_bytes_max: settings.packet_bytes_max,
            topic_alias_max: settings.topic_alias_max,
            assigned_client_id: assigned,
            server_keep_alive_s: (granted != asked)
                .then(|| u16::try_from(granted.as_secs()).unwrap_or(u16::MAX)),
        },
    })
}

/// A client id that nobody else has.
fn assigned_client_id() -> String {
    let random = || RandomState::new().hash_one(0);
    format!("auto-{:016x}{:016x}", random(), random())
}
