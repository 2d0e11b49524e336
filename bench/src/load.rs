//! The local server under many clients that register, sign in and read their profile.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};

use crate::binary;
use crate::process::{peak_kib, resident_kib};
use crate::results::{Figure, Section, ms, quantile};
use crate::stage::Folder;

const CLIENTS: usize = 16;
const DURATION: Duration = Duration::from_secs(30);
const MEMORY_MARK: Duration = Duration::from_secs(5);
/// What the allocator's and the engine's caches may still gain after the first mark.
const MAX_GROWTH: f64 = 1.25;
/// A client that has seen so many gives up.
const MAX_FAULTS: usize = 100;
pub const PASSWORD: &str = "correct horse battery staple 42";
const STEPS: [&str; 3] = ["register", "login", "profile"];

pub async fn measure() -> Result<Section, String> {
    let folder = Folder::new("load")?;
    let server = Server::start(folder.path()).await?;
    let begin = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(visit(server.site.clone(), client, begin + DURATION));
    }
    sleep_until((begin + MEMORY_MARK).into()).await;
    let early_kib = server.resident_kib()?;
    sleep_until((begin + DURATION).into()).await;
    let late_kib = server.resident_kib()?;
    let mut all = Visits::default();
    while let Some(visits) = clients.join_next().await {
        all.add(visits.map_err(|error| error.to_string())?);
    }
    let elapsed = begin.elapsed();
    // Killed, so that what was acknowledged must have been on the disk.
    server.stop().await?;

    let server = Server::start(folder.path()).await?;
    let lost = missing(&server.site, &all.registered).await?;
    server.stop().await?;

    for fault in all.faults.iter().take(5) {
        eprintln!("load: {fault}");
    }
    Ok(Section {
        title: "Load",
        command: "bench load",
        method: format!(
            "{CLIENTS} clients for {} s against the server of `make run` (its build profile, its engine on a file, and \
             the clients on the same {} cores), each registering, signing in and reading the profile over and over. \
             Then the server is killed with SIGKILL and started anew on its data, and everyone who got a 201 signs in.",
            DURATION.as_secs(),
            std::thread::available_parallelism().map_or(0, usize::from),
        ),
        figures: figures(&mut all, elapsed, &lost, early_kib, late_kib),
    })
}

#[allow(clippy::cast_precision_loss)]
fn figures(all: &mut Visits, elapsed: Duration, lost: &[String], early_kib: u64, late_kib: u64) -> Vec<Figure> {
    let requests: usize = all.times.iter().map(Vec::len).sum();
    let growth = late_kib as f64 / early_kib as f64;
    let mut figures = vec![
        Figure::new("requests", format!("{requests}, {:.0}/s", requests as f64 / elapsed.as_secs_f64())),
        Figure::new("answers that are not 201, 200, 200", all.faults.len().to_string())
            .bar("none, and so no 5xx", all.faults.is_empty()),
        Figure::new("accounts acknowledged / lost", format!("{} / {}", all.registered.len(), lost.len()))
            .bar("none lost", lost.is_empty() && !all.registered.is_empty()),
        Figure::new(
            "memory at 30 s against 5 s",
            format!("{growth:.2} × ({:.1} to {:.1} MB)", early_kib as f64 / 1e3, late_kib as f64 / 1e3),
        )
        .bar("≤ 1.25 ×", growth <= MAX_GROWTH),
    ];
    for (step, times) in STEPS.iter().zip(&mut all.times) {
        let (half, most) = (quantile(times, 0.5), quantile(times, 0.99));
        figures.push(Figure::new(format!("{step}: p50 / p99"), format!("{} / {}", ms(half), ms(most))));
    }
    figures
}

/// What clients saw.
#[derive(Default)]
struct Visits {
    times: [Vec<Duration>; 3],
    registered: Vec<String>,
    faults: Vec<String>,
}

impl Visits {
    fn add(&mut self, other: Self) {
        for (times, more) in self.times.iter_mut().zip(other.times) {
            times.extend(more);
        }
        self.registered.extend(other.registered);
        self.faults.extend(other.faults);
    }

    /// The body, if the answer has the status.
    fn take(
        &mut self,
        step: usize,
        request: Result<(u16, Value), String>,
        begin: Instant,
        status: u16,
    ) -> Option<Value> {
        self.times[step].push(begin.elapsed());
        match request {
            Ok((got, body)) if got == status => Some(body),
            Ok((got, body)) => {
                self.faults.push(format!("{}: {got} {body}", STEPS[step]));
                None
            }
            Err(error) => {
                self.faults.push(format!("{}: {error}", STEPS[step]));
                None
            }
        }
    }
}

/// Comes and goes until the time is over.
async fn visit(site: Site, client: usize, end: Instant) -> Visits {
    let mut visits = Visits::default();
    for round in 0.. {
        if Instant::now() >= end || visits.faults.len() >= MAX_FAULTS {
            break;
        }
        let name = format!("c{client}r{round}");
        let begin = Instant::now();
        let body = json!({"email": email(&name), "username": name, "password": PASSWORD});
        let answer = site.post("/auth/register", &body).await;
        if visits.take(0, answer, begin, 201).is_none() {
            continue;
        }
        visits.registered.push(name.clone());
        let begin = Instant::now();
        let answer = site.login(&name).await;
        let Some(tokens) = visits.take(1, answer, begin, 200) else { continue };
        let begin = Instant::now();
        let answer = site.profile(tokens["access_token"].as_str().unwrap_or_default()).await;
        visits.take(2, answer, begin, 200);
    }
    visits
}

/// Those who can't sign in.
async fn missing(site: &Site, registered: &[String]) -> Result<Vec<String>, String> {
    let (names, next) = (Arc::new(registered.to_vec()), Arc::new(AtomicUsize::new(0)));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (site, names, next) = (site.clone(), names.clone(), next.clone());
        clients.spawn(async move {
            let mut lost = Vec::new();
            while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                if !matches!(site.login(name).await, Ok((200, _))) {
                    lost.push(name.clone());
                }
            }
            lost
        });
    }
    let mut lost = Vec::new();
    while let Some(some) = clients.join_next().await {
        lost.extend(some.map_err(|error| error.to_string())?);
    }
    Ok(lost)
}

pub fn email(name: &str) -> String {
    format!("{name}@example.com")
}

/// The local server's process.
pub struct Server {
    child: Child,
    pub site: Site,
}

impl Server {
    pub async fn start(data: &Path) -> Result<Self, String> {
        let path: PathBuf = binary("local/devserver")?;
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.map_err(|error| error.to_string())?.port();
        let mut command = Command::new(&path);
        command.env("PORT", port.to_string()).env("VESTIBULE_DATA", data);
        // All clients are one network here.
        command.env("REGISTRATIONS_PER_HOUR", "1000000");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn();
        let child = child.map_err(|error| format!("{}: {error}", path.display()))?;
        let http = Client::builder(TokioExecutor::new()).build_http();
        let server = Self { child, site: Site { http, url: format!("http://127.0.0.1:{port}") } };
        let healthy = async {
            while !matches!(server.site.get("/health", "").await, Ok((200, _))) {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(20), healthy).await.map_err(|_| "the server does not answer".to_owned())?;
        Ok(server)
    }

    pub fn resident_kib(&self) -> Result<u64, String> {
        resident_kib(self.child.id().ok_or("the server has ended")?)
    }

    /// The most that it ever had.
    pub fn peak_kib(&self) -> Result<u64, String> {
        peak_kib(self.child.id().ok_or("the server has ended")?)
    }

    /// With SIGKILL.
    pub async fn stop(mut self) -> Result<(), String> {
        self.child.kill().await.map_err(|error| error.to_string())
    }
}

/// Where the clients go.
#[derive(Clone)]
pub struct Site {
    pub http: Client<HttpConnector, Body>,
    pub url: String,
}

impl Site {
    async fn login(&self, name: &str) -> Result<(u16, Value), String> {
        self.post("/auth/login", &json!({"email": email(name), "password": PASSWORD})).await
    }

    async fn profile(&self, token: &str) -> Result<(u16, Value), String> {
        self.get("/auth/profile", &format!("Bearer {token}")).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value), String> {
        let request = Request::post(format!("{}{path}", self.url)).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string()))).await
    }

    async fn get(&self, path: &str, authorization: &str) -> Result<(u16, Value), String> {
        let request = Request::get(format!("{}{path}", self.url)).header(header::AUTHORIZATION, authorization);
        self.send(request.body(Body::empty())).await
    }

    async fn send(&self, request: Result<Request<Body>, axum::http::Error>) -> Result<(u16, Value), String> {
        let request = request.map_err(|error| error.to_string())?;
        let response = timeout(Duration::from_secs(20), self.http.request(request)).await;
        let response = response.map_err(|_| "no answer in 20 s".to_owned())?.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let body: Bytes = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}
