//! Clients that keep connections and use them badly.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What these clients have seen.
#[derive(Clone, Default)]
pub struct Seen {
    /// By client: how long the server kept each connection that it ended.
    pub kept: Arc<Mutex<Vec<(usize, Duration)>>>,
    /// By client: since when it has kept one.
    pub open: Arc<Mutex<HashMap<usize, Instant>>>,
    /// Requests with oversized headers: sent, and answered 431.
    pub oversized: Arc<AtomicUsize>,
    pub told: Arc<AtomicUsize>,
}

const HALF_OPEN: usize = 24;
const SLOW_SENDERS: usize = 24;
const SLOW_READERS: usize = 4;
/// How many there are that keep a connection.
pub const COUNT: usize = HALF_OPEN + SLOW_SENDERS + SLOW_READERS;

/// They come again and again until the set is dropped.
pub fn clients(address: &str, seen: &Seen) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    let kinds = [Kind::HalfOpen; HALF_OPEN].into_iter().chain([Kind::SlowSender; SLOW_SENDERS]);
    for (client, kind) in kinds.chain([Kind::SlowReader; SLOW_READERS]).enumerate() {
        let (address, seen) = (address.to_owned(), seen.clone());
        clients.spawn(async move {
            loop {
                let begin = Instant::now();
                seen.open.lock().await.insert(client, begin);
                let was_open = hold(&address, kind).await.is_some();
                seen.open.lock().await.remove(&client);
                if was_open {
                    seen.kept.lock().await.push((client, begin.elapsed()));
                }
                sleep(Duration::from_millis(100)).await;
            }
        });
    }
    let (address, seen) = (address.to_owned(), seen.clone());
    clients.spawn(async move {
        loop {
            if let Ok(mut stream) = TcpStream::connect(&address).await {
                seen.oversized.fetch_add(1, Ordering::Relaxed);
                if is_told(&mut stream).await {
                    seen.told.fetch_add(1, Ordering::Relaxed);
                }
            }
            sleep(Duration::from_millis(250)).await;
        }
    });
    clients
}

#[derive(Clone, Copy)]
enum Kind {
    /// Connects and says nothing.
    HalfOpen,
    /// A byte of its headers every half a second.
    SlowSender,
    /// Many requests at once, and reads no answer.
    SlowReader,
}

/// Returns when the server has ended the connection, or nothing if there was none.
async fn hold(address: &str, kind: Kind) -> Option<()> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    match kind {
        Kind::HalfOpen => {
            let _ = stream.read(&mut [0; 64]).await;
        }
        Kind::SlowSender => {
            let (mut reader, mut writer) = stream.split();
            let head = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".iter().copied().chain([b'x'; 4096]);
            let send = async {
                for byte in head {
                    if writer.write_all(&[byte]).await.is_err() {
                        return;
                    }
                    sleep(Duration::from_millis(500)).await;
                }
            };
            let mut buffer = [0; 64];
            tokio::select! {
                () = send => {}
                _ = reader.read(&mut buffer) => {}
            }
        }
        Kind::SlowReader => {
            // Enough for the answers to fill what both kernels keep for them.
            let request = b"GET /auth/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(300);
            while stream.write_all(&request).await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
    Some(())
}

/// Whether a request whose headers are far too large is told so.
async fn is_told(stream: &mut TcpStream) -> bool {
    let request = format!("GET /health HTTP/1.1\r\nHost: localhost\r\nX-Large: {}\r\n\r\n", "x".repeat(256 * 1024));
    // The server need not take all of it.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = [0; 12];
    let read = timeout(Duration::from_secs(10), stream.read_exact(&mut answer)).await;
    matches!(read, Ok(Ok(_))) && answer.ends_with(b" 431")
}
