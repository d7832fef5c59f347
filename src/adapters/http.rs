//! The web side: pages, charts and the JSON interface.

pub mod error;

pub mod params;

mod parts;

pub mod guard;

pub mod body;

pub mod form;

pub mod state;

pub mod live;

pub mod assets;

mod typeface;

pub(crate) mod phrases;

pub mod page;

pub mod kept_years;

pub mod credit_view;

mod unit_view;

pub mod standing;

pub mod desk;

pub mod charts;

pub mod openapi;

pub mod air;

mod values;

pub mod hours;

pub mod rose;

pub mod bulletins;

pub mod targets;

pub mod stations;

pub mod ranking;

pub mod registry;

pub mod reviews;

pub mod deletions;

pub mod letters;

pub mod publications;

/// Replaced values.
pub mod corrections;
pub mod qc;

pub mod gaps;

pub mod credit;

pub mod health;

pub mod observe;

pub mod metrics;
pub mod tagged;

pub mod pages;

pub mod proxies;

pub mod listener;

pub mod login;

pub mod audit;

pub mod office;

pub mod hooks;

pub mod signed;

pub mod server;
