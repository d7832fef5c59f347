//! The web side: pages and what they need.

pub mod air;
pub mod assets;
pub mod error;
pub mod page;
pub mod params;
pub(crate) mod phrases;
pub mod state;
