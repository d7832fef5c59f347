//! Puts the parts together: configuration, seeds, commands, the daemon.

pub mod seeds;

pub mod standards;
