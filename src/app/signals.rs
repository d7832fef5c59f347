//! Ctrl-C, the termination signal, and the one that has settings read again.

use anyhow::Context as _;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

/// A command was told to stop before it was done.
#[derive(Debug, thiserror::Error)]
#[error("stopped by a signal; what was begun is removed")]
pub struct Stopped;

/// Takes both signals from now on; resolves at the first of them.
///
/// # Errors
/// When the system does not let us.
pub fn first() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("take Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("take the termination signal")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Takes SIGHUP from now on, which would end the program else.
///
/// # Errors
/// When the system does not let us.
pub fn hangups() -> anyhow::Result<Signal> {
    signal(SignalKind::hangup()).context("take SIGHUP")
}

/// Works until it is done or a signal comes; the work is then dropped where it waits, and its drafts with it.
///
/// # Errors
/// [`Stopped`], or those of the work.
pub async fn unless_stopped<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let asked = first()?;
    tokio::select! {
        done = work => done,
        () = asked => Err(anyhow::Error::new(Stopped)),
    }
}
