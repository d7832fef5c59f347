//! The integration tests: one binary, a module a concern.

mod browser;
mod charts;
mod mqtt;
mod pages;
mod reference;
mod sample;
mod standards;
mod store_contract;
mod tidy;
mod tier_laws;
mod tiers;
