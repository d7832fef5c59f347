//! The web's listeners, plain and TLS: one loop that accepts for both, with limits on who may wait and how long.
//!
//! Only HTTP/1.1 is spoken. A client has so long for its handshake, for the head of a request, for each piece of a body
//! and for taking each piece of an answer; a connection that has not asked anything yet can be crowded out by newer ones.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Sleep;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;

use crate::adapters::http::proxies::Proxies;
use crate::adapters::http::server::TooOften;
use crate::adapters::http::server::too_often;
use crate::adapters::limits::Area;
use crate::adapters::limits::Door;
use crate::adapters::limits::DoorSettings;
use crate::adapters::limits::Paces;
use crate::adapters::limits::Rate;
use crate::adapters::limits::Visitor;
use crate::adapters::tls::Tls;
use crate::adapters::tls::TlsSettings;

/// Time for a TLS handshake, and for the head of a request, counted from the answer before.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a client to take anything at all of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Pause after the system could not give us a connection, such as when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Settings of the web's listeners, beside the plain address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSettings {
    /// TLS.
    pub tls: TlsSettings,
    /// Whether others than this machine may be listened to without TLS.
    pub allow_plain: bool,
    /// Requests of one address.
    pub requests: Rate,
    /// Requests of one caller who shows who that is.
    pub caller_requests: Rate,
    /// Proxies that are believed.
    pub proxies: Proxies,
    /// What one address may take.
    pub door: DoorSettings,
    /// Connections at once.
    pub connections_max: usize,
}

impl Default for WebSettings {
    fn default() -> Self {
        Self {
            tls: TlsSettings::default(),
            allow_plain: false,
            requests: Rate {
                per_s: 50,
                burst_s: 10,
            },
            caller_requests: Rate {
                per_s: 100,
                burst_s: 10,
            },
            proxies: Proxies::default(),
            door: DoorSettings::default(),
            connections_max: 2_048,
        }
    }
}

/// Who sent a request; every request carries it among its extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where it comes from.
    pub address: SocketAddr,
    /// Whether many may stand behind that address, as behind a proxy that does not say for whom it asks.
    pub shared: bool,
    /// Whether by TLS, to us or to a proxy that is believed.
    pub secured: bool,
    /// Names in the certificate it showed, which an authority of ours vouches for; mostly none.
    pub names: Arc<[String]>,
}

/// The listeners and what answers.
pub struct Web {
    /// Without TLS.
    pub plain: TcpListener,
    /// With TLS.
    pub secured: Option<(TcpListener, Arc<Tls>)>,
    /// Who is let in.
    pub door: Arc<Door>,
    /// How often they may ask.
    pub requests: Arc<Paces<Area>>,
    /// Proxies that are believed.
    pub proxies: Arc<Proxies>,
    /// Connections at once; further ones are closed.
    pub connections_max: usize,
}

impl Web {
    /// Where the listener with TLS is, if there is one.
    pub fn secured_addr(&self) -> Option<SocketAddr> {
        let (listener, _) = self.secured.as_ref()?;
        listener.local_addr().ok()
    }

    /// Accepts until `stop` resolves; then takes no more, lets open requests end, and closes.
    pub async fn serve(self, router: Router, stop: impl Future<Output = ()>) {
        let Self {
            plain,
            secured,
            door,
            requests,
            proxies,
            connections_max,
        } = self;
        let refusals = too_often();
        let stopping = CancellationToken::new();
        let mut stop = pin!(stop);
        let mut open = JoinSet::new();
        loop {
            let (accepted, tls) = tokio::select! {
                () = &mut stop => break,
                accepted = plain.accept() => (accepted, None),
                accepted = secure(secured.as_ref()) => accepted,
                Some(_) = open.join_next(), if !open.is_empty() => continue,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(fault) => {
                    tracing::warn!(%fault, "web listener cannot accept for now");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if open.len() >= connections_max {
                tracing::debug!(%address, "web connection dropped: all places taken");
                continue;
            }
            let counted = door.holds(address.ip()) && !proxies.has(address.ip());
            match door.enter_as(address.ip(), counted) {
                Err(turned) => tracing::debug!(%address, ?turned, "web connection dropped"),
                Ok(visitor) => {
                    let desk = Desk {
                        router: router.clone(),
                        refusals: refusals.clone(),
                        door: Arc::clone(&door),
                        requests: Arc::clone(&requests),
                        proxies: Arc::clone(&proxies),
                        stopping: stopping.clone(),
                    };
                    open.spawn(welcome(stream, address, tls, visitor, desk));
                }
            }
        }
        drop((plain, secured));
        stopping.cancel();
        while open.join_next().await.is_some() {}
    }
}

/// What answers one connection.
struct Desk {
    router: Router,
    /// What answers those who ask too often.
    refusals: Router,
    door: Arc<Door>,
    requests: Arc<Paces<Area>>,
    proxies: Arc<Proxies>,
    stopping: CancellationToken,
}

type Accepted = io::Result<(TcpStream, SocketAddr)>;

/// The next connection of the listener with TLS; without one, none ever.
async fn secure(secured: Option<&(TcpListener, Arc<Tls>)>) -> (Accepted, Option<Arc<Tls>>) {
    match secured {
        Some((listener, tls)) => (listener.accept().await, Some(Arc::clone(tls))),
        None => std::future::pending().await,
    }
}

/// One connection from first to last.
async fn welcome(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    visitor: Visitor,
    desk: Desk,
) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut peer = Peer {
        address,
        shared: false,
        secured: tls.is_some(),
        names: Arc::from([]),
    };
    let Some(tls) = tls else {
        return attend(stream, peer, visitor, desk).await;
    };
    let shaken = tokio::select! {
        shaken = timeout(HEAD_TIMEOUT, tls.accept(stream)) => shaken,
        () = visitor.crowded_out() => return,
        () = desk.stopping.cancelled() => return,
    };
    match shaken {
        Ok(Ok((stream, names))) => {
            peer.names = Arc::from(names);
            attend(stream, peer, visitor, desk).await;
        }
        Ok(Err(fault)) => {
            tracing::debug!(%address, %fault, "web connection dropped in its handshake")
        }
        Err(_) => tracing::debug!(%address, "web connection dropped: no handshake in time"),
    }
}

/// Answers the requests of one connection.
async fn attend(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    visitor: Visitor,
    desk: Desk,
) {
    let address = peer.address;
    let visitor = &visitor;
    let answer = |request: Request<Incoming>| {
        visitor.known();
        let mut request = request.map(Body::new);
        let origin = desk.proxies.origin(peer.address.ip(), request.headers());
        let from = origin.address;
        let mut peer = peer.clone();
        peer.address.set_ip(from);
        peer.shared = origin.shared;
        peer.secured |= origin.secured;
        let own = request.extensions_mut();
        own.insert(peer);
        let asked = match desk.door.holds(from) {
            true => desk.requests.ask(Area::of(from)),
            false => Ok(()),
        };
        let mut router = match asked {
            Ok(()) => desk.router.clone(),
            Err(wait) => {
                own.insert(TooOften(wait));
                desk.refusals.clone()
            }
        };
        async move { Ok::<Response, Infallible>(into_answer(router.call(request).await)) }
    };
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(Paced::new(stream)), service_fn(answer))
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = visitor.crowded_out() => return,
        () = desk.stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(fault) = ended {
        tracing::debug!(%address, %fault, "web connection ended");
    }
}

/// A router answers everything.
fn into_answer(answered: Result<Response, Infallible>) -> Response {
    match answered {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

/// A stream whose other side must take something of what we write within [`WRITE_TIMEOUT`].
struct Paced<S> {
    stream: S,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S: Unpin> Paced<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            stalled: None,
        }
    }

    /// Passes on what a write came to, unless it has waited too long.
    fn paced<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.paced(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.paced(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.paced(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.paced(shut, context)
    }
}
