//! The endpoint against real clients, raw sockets and Debian's tools; the broker client against Mosquitto.

mod attacks;
mod broker;
mod endpoint;
mod interop;
pub(crate) mod limits;
mod load;
pub(crate) mod raw;
mod replay;
pub(crate) mod support;
mod tls;
mod who;
