//! The web side: pages and what they need.

pub mod assets;
pub mod page;
pub(crate) mod phrases;
