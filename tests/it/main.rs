//! The integration tests: one binary, a module a concern.

mod charts;
