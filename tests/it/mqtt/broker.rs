//! The broker client.
