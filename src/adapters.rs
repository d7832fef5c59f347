//! The outside: what comes in, what goes out, where it is kept.

pub mod inbound;

pub mod layout;

pub mod payload;

pub mod mqtt;

pub mod credit_events;

pub mod report;

pub mod store;
