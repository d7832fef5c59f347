//! The one integration test binary.

mod mqtt;
mod tier_laws;
mod tiers;
