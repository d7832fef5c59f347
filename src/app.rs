//! Puts the parts together: configuration, seeds, commands, the daemon.

pub mod rate;
pub mod rulebooks;
pub mod seed_ledger;
pub mod standards;
