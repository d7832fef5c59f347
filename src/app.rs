//! Puts the parts together: configuration, seeds, commands, the daemon.

pub mod fault;

pub mod standards;

pub mod rulebooks;

pub mod observations;

pub mod seeds;

pub mod seed_ledger;

pub mod assess;

pub mod replay;

pub mod rate;

pub mod cli;
