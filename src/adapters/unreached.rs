//! Why an HTTP server was not reached, in words.

use std::error::Error;

/// The cause behind all others, for the first says only that sending failed.
pub fn root(fault: &dyn Error) -> &dyn Error {
    let mut root = fault;
    while let Some(cause) = root.source() {
        root = cause;
    }
    root
}

/// A failure by the cause behind it.
pub fn met(fault: &reqwest011::Error) -> String {
    if fault.is_timeout() {
        return "no answer in time".to_owned();
    }
    format!("not reached: {}", root(fault))
}
