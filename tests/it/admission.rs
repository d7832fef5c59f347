//! From a message nobody can use yet to figures: sources registered late, letters tried again.

mod letters;
mod qc;
mod quarantine;
mod retained;
