//! The outside: what comes in, what goes out, where it is kept.

pub mod credit_events;
pub mod inbound;
