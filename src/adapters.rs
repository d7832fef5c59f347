//! The outside: what comes in, what goes out, where it is kept.

pub mod inbound;

pub mod cells;

pub mod hex;

pub mod limits;

pub mod unreached;

pub mod tls;

pub mod password;

pub mod payload;

pub mod mapping;

pub mod mqtt;

pub mod hj212;

pub mod layout;

pub mod credit_events;

pub mod receipt;

pub mod timestamps;

pub mod webhooks;

pub mod tables;

pub mod reviews;

pub mod deletions;

pub mod removals;

pub mod imports;

pub mod report;

pub mod export;

pub mod snapshot;

pub mod publications;

pub mod store;

pub mod access;

pub mod lang;

pub mod names;

pub mod words;

pub mod chart;

pub mod bulletin;

pub mod http;
