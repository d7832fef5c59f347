//! A body that is read while it is written: whole, or broken off so that its reader sees it.

use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use axum::body::Bytes;
use http_body::Body;
use http_body::Frame;
use tokio::sync::mpsc;

/// How long a reader may take nothing.
pub(super) const READER_WAIT: Duration = Duration::from_secs(10);

/// What is handed on at a time; a fault breaks the body off.
pub(super) type Part = Result<Bytes, std::io::Error>;

/// Behind the last part: a body whose writer ends without it, as one does that its reader keeps waiting, is broken off.
pub(super) fn end() -> Part {
    Ok(Bytes::new())
}

/// Parts in the order they are handed over.
pub(super) struct Parts {
    parts: mpsc::Receiver<Part>,
    ended: bool,
}

impl Parts {
    /// Those that come, up to [`end`].
    pub(super) fn new(parts: mpsc::Receiver<Part>) -> Self {
        let ended = false;
        Self { parts, ended }
    }
}

impl Body for Parts {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let part = ready!(self.parts.poll_recv(context));
        let broken = || Err(std::io::Error::other("the writer broke off"));
        let part = part.unwrap_or_else(broken);
        self.ended = part.as_ref().map_or(true, Bytes::is_empty);
        let part = part.map(Frame::data);
        Poll::Ready(Some(part).filter(|part| !self.ended || part.is_err()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body as Whole;
    use axum::body::to_bytes;

    async fn read(parts: Vec<Part>) -> Option<Bytes> {
        let (writer, reader) = mpsc::channel(parts.len().max(1));
        for part in parts {
            writer.send(part).await.expect("room");
        }
        drop(writer);
        let whole = Whole::new(Parts::new(reader));
        to_bytes(whole, 100).await.ok()
    }

    #[tokio::test]
    async fn what_is_not_ended_is_broken_off() {
        let part = |text: &'static str| Ok(Bytes::from_static(text.as_bytes()));
        let cut = || Err(std::io::Error::other("cut"));
        assert_eq!(
            read(vec![part("a"), part("b"), end()]).await,
            Some("ab".into())
        );
        assert_eq!(read(vec![end()]).await, Some(Bytes::new()));
        assert_eq!(read(vec![part("a"), part("b")]).await, None);
        assert_eq!(read(vec![part("a"), cut()]).await, None);
        assert_eq!(read(Vec::new()).await, None);
    }
}
