//! The commands, put together from flows and adapters.

pub mod replay;
