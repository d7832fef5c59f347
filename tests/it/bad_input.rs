//! What bad input gets: a dead letter, a flag, a refusal or a problem document; never an end to the stream.

mod commands;
mod messages;
mod requests;
pub(crate) mod space;
