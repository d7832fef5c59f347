//! A body that is read while it is written.

use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use axum::body::Bytes;
use http_body::Body;
use http_body::Frame;
use tokio::sync::mpsc;

/// How long a reader may take nothing.
pub(super) const READER_WAIT: Duration = Duration::from_secs(10);

/// What is handed on at a time; a fault breaks the body off.
pub(super) type Part = Result<Bytes, std::io::Error>;

/// Parts in the order they are handed over.
pub(super) struct Parts(pub(super) mpsc::Receiver<Part>);

impl Body for Parts {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let part = self.0.poll_recv(context);
        part.map(|part| part.map(|part| part.map(Frame::data)))
    }
}
