//! Puts the parts together: configuration, seeds, commands, the daemon.

pub mod rulebooks;
pub mod standards;
