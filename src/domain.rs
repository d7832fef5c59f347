//! The core: what a figure or a tier is. No I/O, no clock, no async, no serialisation; time is an argument.
//!
//! A file uses only files above it in this list.

pub mod calendar;
pub mod credit;
pub mod names;
pub mod pollutant;
pub mod qc;
pub mod reading;
pub mod registry;
pub mod units;
