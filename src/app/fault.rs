//! What went wrong, as an exit code: 1 the answer is "no", 2 bad input or usage, 3 the environment failed.

use crate::adapters::export::ExportFault;
use crate::adapters::layout::LayoutFault;
use crate::adapters::webhooks::files::HookFault;
use crate::app::rate::RateError;
use crate::app::rulebooks::RulebookError;
use crate::ports::StoreError;

/// Bad input or usage.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);

/// The answer of a check is "no".
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AnswerIsNo(pub String);

/// Wraps a fault in what the user gave us.
pub fn bad_input(fault: impl std::fmt::Display) -> anyhow::Error {
    anyhow::Error::new(BadInput(fault.to_string()))
}

/// The exit code of an error.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if cause.is::<AnswerIsNo>() {
            return 1;
        }
        let credit = cause.is::<RateError>() || cause.is::<RulebookError>();
        if cause.is::<BadInput>() || cause.is::<LayoutFault>() || credit {
            return 2;
        }
        if let Some(HookFault::Refused(_)) = cause.downcast_ref() {
            return 2;
        }
        if let Some(ExportFault::TooManyRows) = cause.downcast_ref() {
            return 2;
        }
        if let Some(StoreError::Forgotten { .. }) = cause.downcast_ref() {
            return 2;
        }
        if cause.is::<StoreError>() || cause.is::<std::io::Error>() {
            return 3;
        }
    }
    3
}
