//! The integration tests: one binary, a module a concern.

mod browser;
mod charts;
mod pages;
mod sample;
