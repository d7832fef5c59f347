//! The outside: what comes in, what goes out, where it is kept.

pub mod inbound;
pub mod layout;
pub mod mqtt;
pub mod payload;
