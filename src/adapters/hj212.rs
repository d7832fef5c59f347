//! Hop 1 for data loggers: frames of HJ 212 over TCP to the one way in, and answers back.
//!
//! The logger is the client and keeps its connection. Each frame shows its MN and PW, which are those of a device
//! (`skytier devices add MN --hj212`); one connection may carry several. An answer (9014, or 9013 to a notification) leaves only
//! after the frame's readings are on disk, so a logger that got one may forget them. Whoever shows another PW gets no answer and
//! is cut off. No command is ever sent to a logger.

mod answer;
pub mod listener;
mod session;
pub mod settings;
