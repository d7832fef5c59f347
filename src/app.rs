//! Puts the parts together: configuration, seeds, commands, the daemon.

pub mod fault;

pub mod usage;

pub mod signals;

pub mod draft;

pub mod standards;

pub mod exclusions;

pub mod rulebooks;

pub mod holidays;

pub mod qc_rules;

pub mod config;

pub mod observations;

pub mod frames;

pub mod pump;

pub mod seeds;

pub mod seed_ledger;

pub mod open;

pub mod secured;

pub mod seeding;

pub mod register;

pub mod retention;

pub mod review;

pub mod identity;

pub mod tokens;

pub mod mandates;

pub mod devices;

pub mod users;

pub mod audit;

pub mod acts;

pub mod lookups;

pub mod delete;

pub mod compact;

pub mod sender;

pub mod replay;

pub mod assess;

pub mod bulletin;

pub mod targets;

pub mod publish;

pub mod rank;

pub mod rate;

pub mod rulebook;

pub mod credit;

pub mod receipt;

pub mod webhooks;

pub mod snapshot;

pub mod export;

pub mod verify;

pub mod doctor;

pub mod dead_letters;

pub mod qc;

pub mod load;

pub mod import;

pub mod index;

pub mod stats;

pub mod gaps;

pub mod backup;

pub mod crosscheck;

pub mod mirror;

pub mod daemon;

pub mod chart;

pub mod reload;

pub mod serve;

pub mod cli;
