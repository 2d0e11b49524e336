//! More than the local server can do: who is admitted is answered, the rest is told to come back, and nobody keeps what
//! others need. The limits are small here and the waits generous: no test depends on how quick the machine is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use auth::{HashParameters, Hasher};
use auth_testing::{Answer, PASSWORD, TestApp};
use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use devserver::admission::{bounded, whole};
use devserver::connections::{Limits, serve};
use devserver::{PLACES_PER_HASH, Powers, routers};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// What is to happen at all happens within this.
const SOON: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(200);
const LIMITS: Limits = Limits { connections: 4, headers: SHORT, stall: SHORT, parting: SHORT };

/// The whole service, whose hashes never come to an end.
async fn stalled() -> TestApp {
    TestApp::new(|t| {
        let hasher = Hasher::new(HashParameters::DEFAULT, 0, t.random.clone());
        let (signer, throttle) = (t.signer.clone(), t.throttle.clone());
        let breached = auth::BreachedPasswords::new(&t.app);
        routers(&t.app, Powers { hasher, signer, throttle, breached })
    })
    .await
}

#[tokio::test]
async fn a_flood_of_sign_ins_is_refused_unread_and_delays_nobody_else() {
    let app = stalled().await;
    let user = app.seed_user("ada").await;
    let (_, tokens) = app.seed_session(&user).await;
    let mut waiting = JoinSet::new();
    for number in 0..PLACES_PER_HASH {
        let app = app.clone();
        waiting.spawn(async move {
            app.post("/auth/login", json!({ "email": format!("{number}@example.com"), "password": PASSWORD })).await
        });
    }
    // All of them have their place when each has counted its try and read its credential and its user.
    let mut calls = 0;
    timeout(SOON, async {
        while calls < 3 * PLACES_PER_HASH {
            calls += app.operations().len();
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("so many are admitted");

    let new = json!({ "email": "bob@example.com", "username": "bob", "password": PASSWORD });
    for (path, body) in
        [("/auth/login", json!({ "email": "ada@example.com", "password": PASSWORD })), ("/auth/register", new)]
    {
        let answer = soon(app.post(path, body)).await;
        assert_eq!((answer.status, answer.code(), answer.header("retry-after")), (503, "unavailable", Some("1")));
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    assert_eq!(app.operations(), Vec::<String>::new(), "no try of theirs is counted, and nothing read");

    let refreshed = soon(app.post("/auth/refresh", json!({ "refresh_token": *tokens.refresh_token }))).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text);
    let bearer = format!("Bearer {}", tokens.access_token.expose());
    assert_eq!(soon(app.get("/auth/profile", &[("authorization", &bearer)])).await.status, 200);

    // Whoever gives up leaves the place to the next.
    waiting.shutdown().await;
    let next = app.post("/auth/login", json!({ "email": "ada@example.com", "password": PASSWORD }));
    assert!(timeout(SHORT, next).await.is_err(), "the next one is admitted, and waits for its hash");
}

async fn soon(answer: impl Future<Output = Answer>) -> Answer {
    timeout(SOON, answer).await.expect("an answer")
}

#[tokio::test]
async fn requests_beyond_the_bound_are_told_to_come_back() {
    let app = TestApp::new(|_| {
        bounded(Router::new().route("/never", get(std::future::pending::<()>)).route("/now", get(async || "")), 1)
    })
    .await;
    assert_eq!(app.get("/now", &[]).await.status, 200);
    let never = tokio::spawn({
        let app = app.clone();
        async move { app.get("/never", &[]).await }
    });
    let refused = timeout(SOON, async {
        loop {
            let answer = app.get("/now", &[]).await;
            if answer.status != 200 {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    });
    let refused = refused.await.expect("a refusal");
    assert_eq!((refused.status, refused.code(), refused.header("retry-after")), (503, "unavailable", Some("1")));
    never.abort();
    let _ = never.await;
    assert_eq!(app.get("/now", &[]).await.status, 200);
}

/// A server of its own, with these limits and one place for requests.
struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

async fn server(limits: Limits) -> Server {
    let app = TestApp::new(|_| {
        let router = Router::new()
            .route("/now", get(async || "now").post(async |body: Body| body))
            .route("/much", get(async || "x".repeat(1 << 20)))
            .route("/read", post(async |body: String| body));
        whole(bounded(router, 1), SHORT)
    })
    .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let router = app.router();
    let running = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        serve(listener, router, limits, stopped).await;
        drop(app);
    });
    Server { address, stop, running }
}

impl Server {
    /// Connects and sends this.
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn asks(&self) -> String {
        rest(&mut self.send("GET /now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await).await
    }
}

/// What arrives until the server ends the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // That it ends is what counts; a reset is an end.
    let _ = timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("an end of the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn half_open_connections_and_slow_headers_are_ended_and_keep_nobody_out() {
    let server = server(LIMITS).await;
    let mut slow = Vec::new();
    for beginning in ["", "G", "GET /now HTTP/1.1\r\n", "GET /now HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        slow.push(server.send(beginning).await);
    }
    // All places are taken, and one client goes on a byte at a time.
    let (mut reader, mut writer) = slow.pop().unwrap().into_split();
    let sender = tokio::spawn(async move {
        while writer.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(soon_text(server.asks()).await.starts_with("HTTP/1.1 200 "));
    for mut stream in slow {
        assert_eq!(rest(&mut stream).await, "");
    }
    let mut bytes = Vec::new();
    let _ = timeout(SOON, reader.read_to_end(&mut bytes)).await.expect("an end of the slow sender");
    sender.abort();
}

async fn soon_text(text: impl Future<Output = String>) -> String {
    timeout(SOON, text).await.expect("an answer")
}

#[tokio::test]
async fn a_connection_at_rest_is_ended() {
    let server = server(LIMITS).await;
    let mut stream = server.send("GET /now HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn where_places_are_few_a_connection_gets_one_answer() {
    let server = server(Limits { headers: Duration::from_hours(1), ..LIMITS }).await;
    let _others = (server.send("").await, server.send("").await);
    let mut stream = server.send("GET /now HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_slow_body_keeps_no_place_and_is_refused() {
    let server = server(LIMITS).await;
    let head = "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this";
    let mut slow = server.send(head).await;
    // There is one place for requests, and it is free meanwhile.
    assert!(soon_text(server.asks()).await.starts_with("HTTP/1.1 200 "));
    let answer = rest(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"request_timeout\""), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_announced_or_turns_out_as_too_large_is_refused() {
    let server = server(LIMITS).await;
    let large = "x".repeat(20_000);
    let chunked =
        format!("POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4e20\r\n{large}\r\n0\r\n\r\n");
    let answer = rest(&mut server.send(&chunked).await).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("\"body_too_large\""), "{answer}");
}

#[tokio::test]
async fn a_body_whose_chunks_are_none_is_malformed() {
    let server = server(LIMITS).await;
    let text = "POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n{}\r\n0\r\n\r\n";
    let answer = rest(&mut server.send(text).await).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("\"malformed_json\""), "{answer}");
}

#[tokio::test]
async fn oversized_headers_are_told_so() {
    let server = server(LIMITS).await;
    let text = format!("GET /now HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "x".repeat(100_000));
    assert!(rest(&mut server.send(&text).await).await.starts_with("HTTP/1.1 431 "));
    // 10,240 bytes are what API Gateway takes.
    let text = format!("GET /now HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Large: {}\r\n\r\n", "x".repeat(10_240));
    assert!(rest(&mut server.send(&text).await).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn who_takes_no_answers_is_let_go() {
    let server = server(LIMITS).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // More answers than the two kernels keep: 200 MiB. The server stops reading, and then gives up: the write fails.
    let requests = "GET /much HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200);
    let ended = timeout(SOON, async {
        while stream.write_all(requests.as_bytes()).await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    });
    ended.await.expect("an end of the connection");
}

#[tokio::test]
async fn a_client_that_is_half_through_does_not_keep_the_server_from_its_end() {
    let server = server(Limits { headers: Duration::from_hours(1), ..LIMITS }).await;
    let _half = server.send("GET /now HTTP/1.1\r\n").await;
    assert!(server.asks().await.starts_with("HTTP/1.1 200 "));
    server.stop.send(()).unwrap();
    timeout(SOON, server.running).await.expect("an end of the server").unwrap();
}
