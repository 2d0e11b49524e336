//! A peer that is a server: its process, with all that it starts.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::catalogue::Peer;
use super::client::{Known, fill};

pub struct Server {
    child: Child,
    pub pid: u32,
    pub url: String,
    /// From just before the process was made to its first answer.
    pub start: Duration,
}

impl Server {
    /// `data` is the peer's folder, `known` what its commands may name, in addition to `$PORT`.
    pub async fn start(peer: &Peer, data: &Path, known: &[Known]) -> Result<Self, String> {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.map_err(|error| error.to_string())?.port();
        let known: Vec<_> = known.iter().cloned().chain([("$PORT", port.to_string())]).collect();
        let begin = Instant::now();
        let child = command(peer, peer.run, data, &known)?.spawn();
        let child = child.map_err(|error| format!("{}: {error}", peer.run[0]))?;
        let pid = child.id().ok_or("the server has ended")?;
        let mut server = Self { child, pid, url: format!("http://127.0.0.1:{port}"), start: Duration::ZERO };
        let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let (path, status) = peer.health;
        let health: Uri = format!("{}{path}", server.url).parse().map_err(|_| format!("{path} is no path"))?;
        while http.get(health.clone()).await.map_or(0, |response| response.status().as_u16()) != status {
            if begin.elapsed() > PATIENCE || server.child.try_wait().is_ok_and(|end| end.is_some()) {
                return Err(format!("it does not answer: {}", last_words(data)));
            }
            sleep(Duration::from_millis(2)).await;
        }
        server.start = begin.elapsed();
        Ok(server)
    }

    /// Runs what a new folder needs before the server's first start.
    pub async fn prepare(peer: &Peer, data: &Path, known: &[Known]) -> Result<(), String> {
        if peer.prepare.is_empty() {
            return Ok(());
        }
        let status = command(peer, peer.prepare, data, known)?.status().await.map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("{} failed: {}", peer.prepare[0], last_words(data))) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The workers too, who would outlive it.
        if let Some(group) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

fn command(peer: &Peer, words: &[&str], data: &Path, known: &[Known]) -> Result<Command, String> {
    let log = std::fs::File::create(data.join(LOG)).map_err(|error| format!("{}: {error}", data.display()))?;
    let errors = log.try_clone().map_err(|error| error.to_string())?;
    let mut words = words.iter().map(|word| fill(word, known));
    let mut command = Command::new(words.next().unwrap_or_default());
    command
        .args(words)
        .current_dir(data)
        // Some keep files of their own there.
        .env("HOME", data)
        // What the applications are told, each taking what it needs.
        .envs(known.iter().map(|(name, value)| (name.trim_start_matches('$'), value)))
        .env("NODE_ENV", "production")
        .envs(peer.environment.iter().map(|(name, value)| (*name, fill(value, known))))
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .kill_on_drop(true);
    Ok(command)
}

const LOG: &str = "log";

/// The end of its log, for whoever has to find out.
pub fn last_words(data: &Path) -> String {
    let log = std::fs::read_to_string(data.join(LOG)).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}
