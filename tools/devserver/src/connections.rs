//! The connections of the local server: so many, and none for longer than it is used (docs/adr/0015-overload.md).
//! `axum::serve` sets no limit, and waits for ever for what a client does not send or take.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use auth_http::Peer;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};
use tower::Layer as _;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections are served; the next ones wait in the kernel until one of these ends. While more than half
    /// are, a new one gets one answer.
    pub connections: usize,
    /// How long a client may take for a request's headers, and so how long a connection may rest between two requests.
    pub headers: Duration,
    /// How long a client may take nothing of an answer.
    pub stall: Duration,
    /// How long the requests under way are waited for at the end.
    pub parting: Duration,
}

impl Limits {
    /// The waits are those of Node's server for what rests (5 s) and of common proxies for what stalls.
    pub const DEFAULT: Self = Self {
        connections: 256,
        headers: Duration::from_secs(5),
        stall: Duration::from_secs(10),
        parting: Duration::from_secs(5),
    };
}

/// Bytes of a request's headers; API Gateway takes 10,240. More is answered 431.
const MAX_HEADERS: usize = 16 * 1024;

/// Serves `router` until `stop` resolves.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: impl Future<Output = ()>) {
    let seats = Arc::new(Semaphore::new(limits.connections));
    let (parting, parted) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer, seat) = tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &seats) => accepted,
        };
        // While many are there, nobody rests between two requests where others wait.
        let may_rest = seats.available_permits() >= limits.connections / 2;
        let connection = connection(stream, peer, router.clone(), limits, may_rest, parted.clone());
        connections.spawn(async move {
            connection.await;
            drop(seat);
        });
    }
    drop((listener, parting));
    // Whoever is still there then is cut off as the set is dropped.
    let _ = timeout(limits.parting, async { while connections.join_next().await.is_some() {} }).await;
}

async fn accept(listener: &TcpListener, seats: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        // The semaphore is never closed.
        let Ok(seat) = seats.clone().acquire_owned().await else { continue };
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, seat),
            // Files have run out, say: that passes, and asking at once would only keep a processor busy.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
    may_rest: bool,
    mut parted: watch::Receiver<()>,
) {
    // The throttles count by the other end of the connection; no header changes it.
    let service = TowerToHyperService::new(Extension(Peer(peer.ip())).layer(router));
    // Without this the first bytes are awaited, without a limit, to tell HTTP/1 from HTTP/2.
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_buf_size(MAX_HEADERS)
        .keep_alive(may_rest);
    let io = TokioIo::new(Patient { stream, patience: limits.stall, stall: None });
    let mut serving = pin!(builder.serve_connection(io, service));
    // A connection that fails is its client's affair.
    tokio::select! {
        _ = serving.as_mut() => return,
        // Fails when the sender is dropped, which is the signal.
        _ = parted.changed() => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

/// A stream that gives up a peer which takes nothing for a while.
struct Patient {
    stream: TcpStream,
    patience: Duration,
    stall: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn watched<T>(&mut self, context: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.stall = None;
            return write;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        stall.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(context, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watched(context, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
