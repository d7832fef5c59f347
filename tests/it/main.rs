//! The integration tests: one binary, a module a concern.

mod admission;
mod bad_input;
mod browser;
mod bulletins;
mod charts;
mod dashboard;
mod figures;
mod hours;
mod mqtt;
mod pacing;
mod pages;
mod periods;
mod ranking;
mod reference;
mod register;
mod restatements;
mod reviews;
mod route;
mod sample;
mod standards;
mod store_contract;
mod support;
mod targets;
mod tidy;
mod tier_laws;
mod tiers;
