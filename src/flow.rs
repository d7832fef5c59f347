//! What happens in between: a flow loads through a port, calls the core, saves through a port.

pub mod directory;

mod kept_months;

pub mod rollup;

pub mod reviewing;

pub mod reviewed;

pub mod measure;

pub mod locked;

pub mod ingest;

pub mod qc;

pub mod area;

mod unmonitored;

pub mod assess;

mod days;

pub mod beside;

mod sheets;

pub mod publishing;

pub mod pacing;

pub mod restatement;

pub mod ranking;

pub mod hours;

pub mod rose;

pub mod bulletin;

pub mod tiering;

pub mod noting;

pub mod health;

pub mod patience;

/// Values that were replaced, and by what.
pub mod corrections;
pub mod watch;

pub mod gaps;
