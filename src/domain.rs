//! The core: what a figure or a tier is. No I/O, no clock, no async, no serialisation; time is an argument.
//!
//! The list is in reading order: a file uses only files above it.

pub mod units;

pub mod calendar;

pub mod names;

pub mod pollutant;

pub mod exclusion;

pub mod registry;

pub mod flag;

pub mod reading;

pub mod strip;

pub mod presence;

pub mod gaps;

pub mod review;

pub mod deletion;

pub mod retention;

pub mod qc;

pub mod standards;

pub mod means;

pub mod aqi;

pub mod area;

pub mod hours;

pub mod rose;

pub mod deduction;

pub mod assessment;

pub mod comparison;

pub mod projection;

pub mod target;

pub mod ranking;

pub mod publication;

pub mod restatement;

pub mod credit;

pub mod access;

pub mod scenario;
