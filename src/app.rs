//! Puts the parts together: configuration, seeds, commands, the daemon.

pub mod fault;

pub mod standards;

pub mod rulebooks;

pub mod config;

pub mod observations;

pub mod pump;

pub mod seeds;

pub mod seed_ledger;

pub mod replay;

pub mod assess;

pub mod rate;

pub mod cli;
