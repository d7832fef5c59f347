//! skytier: readings in over MQTT; averages, good-day ratios, targets and credit tiers out.

pub mod domain;

pub mod ports;

pub mod flow;

pub mod adapters;

pub mod app;
