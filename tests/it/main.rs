//! The one integration test binary.

mod tier_laws;
mod tiers;
