//! MQTT: our own listener for publishers, the client of external brokers, and a publisher for replays.
//!
//! What comes in goes to the inlet of `inbound`; an acknowledgement leaves only after the verdict `Durable`.
//! Nothing here looks into payloads or knows a store. `rmqtt-codec` (in `wire`) and `rumqttc` have their
//! home below this file.

pub mod address;
pub mod broker;
mod connection;
pub mod devices;
pub mod endpoint;
mod handshake;
pub mod load;
pub mod probe;
pub mod publisher;
mod session;
pub mod settings;
pub mod standing;
pub mod tls;
pub mod way;
mod wire;
