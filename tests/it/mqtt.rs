//! The endpoint against real clients, raw sockets and Debian's tools; the broker client against Mosquitto.

mod broker;
mod endpoint;
mod limits;
mod raw;
mod replay;
mod support;
