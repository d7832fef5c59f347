//! The outside: what comes in, what goes out, where it is kept.

pub mod chart;
pub mod http;
pub mod inbound;
pub mod lang;
