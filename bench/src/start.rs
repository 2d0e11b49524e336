//! From the start of a process to its first answer, beside a `lambda_http` that does nothing, and beside `std` alone.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use auth::HashParameters;
use auth_testing::Function;
use rustix::fs::{Advice, fadvise};
use serde_json::Value;

use crate::bare_hash::{BareHash, Pages, in_fresh_process};
use crate::binary;
use crate::results::{Figure, Section, ms, quantile};
use crate::stage::Stage;

const ROUNDS: usize = 31;
/// Of which in so many the binary comes from the disk.
const FROM_DISK_EVERY: usize = 3;
const MAX_BYTES: u64 = 7_000_000;

pub async fn measure() -> Result<Section, String> {
    let stage = Stage::set().await?;
    let (event, sign_in) = (stage.event("profile")?, stage.event("login")?);
    let mut refused = sign_in.clone();
    refused["body"] = Value::from("{}");
    let (plain, tls) = (Vec::from(stage.environment()), stage.tls_environment());
    let mut candidates = [
        Candidate::new("std alone", "floor", &plain, &event, 200)?,
        Candidate::new("hello", "hello", &plain, &event, 200)?,
        Candidate::new("profile", "profile", &plain, &event, 200)?,
        Candidate::new("profile over TLS", "profile", &tls, &event, 200)?,
        Candidate::new("login", "login", &plain, &sign_in, 200)?,
        Candidate::new("login over TLS", "login", &tls, &sign_in, 200)?,
        Candidate::new("login as deployed", "login", &stage.deployed_environment(), &sign_in, 200)?,
        Candidate::new("login, refusing an empty body", "login", &plain, &refused, 422)?,
    ];
    let mut bare_hash = BareHash::new(HashParameters::DEFAULT, Pages::Ordinary)?;
    let (mut hashes, mut fresh_hashes, mut huge_hashes) = (Vec::new(), Vec::new(), Vec::new());

    for candidate in &mut candidates {
        // Fills the caches of the disk.
        candidate.start().await?;
    }
    for round in 0..ROUNDS {
        for candidate in &mut candidates {
            if round.is_multiple_of(FROM_DISK_EVERY) {
                evict(&candidate.binary)?;
                let times = candidate.start().await?;
                candidate.from_disk.push(times);
            }
            let times = candidate.start().await?;
            candidate.cached.push(times);
        }
        let begin = Instant::now();
        bare_hash.run()?;
        hashes.push(begin.elapsed());
        fresh_hashes.push(in_fresh_process(Pages::Ordinary)?);
        huge_hashes.push(in_fresh_process(Pages::Huge)?);
    }

    let (hash, fresh_hash) = (quantile(&mut hashes, 0.5), quantile(&mut fresh_hashes, 0.5));
    let huge_hash = quantile(&mut huge_hashes, 0.5);
    let mut figures = vec![Figure::new(
        "one bare Argon2id hash: memory reused / fresh process / the same in huge pages",
        format!("{} / {} / {}", ms(hash), ms(fresh_hash), ms(huge_hash)),
    )];
    let hello = candidates.iter().find(|candidate| candidate.name == "hello").ok_or("hello was not started")?;
    let (yardstick, yardstick_from_disk) = (medians(&hello.cached), medians(&hello.from_disk));
    for candidate in &candidates {
        let cached = medians(&candidate.cached);
        let ready = against(format!("{}: ready", candidate.name), cached.ready, yardstick.ready);
        figures.push(if candidate.name == "login" { ready.at_most(1.5).because(LATE_READY) } else { ready.figure });
        let answered = against(format!("{}: first answer", candidate.name), cached.answered, yardstick.answered);
        figures.push(if candidate.name == "profile over TLS" {
            answered.at_most(2.5).because(TLS)
        } else {
            answered.figure
        });
        if candidate.name == "login" {
            for (memory, hash) in [("reused memory", hash), ("huge pages of a fresh process", huge_hash)] {
                let name = format!("login: first answer, less one bare hash in {memory}");
                figures.push(against(name, cached.answered.saturating_sub(hash), yardstick.answered).figure);
            }
        }
        let (name, from_disk) = (format!("{}: first answer, from disk", candidate.name), medians(&candidate.from_disk));
        figures.push(against(name, from_disk.answered, yardstick_from_disk.answered).figure);
    }
    for name in FUNCTIONS {
        let path = binary(&format!("release/{name}"))?;
        let bytes = path.metadata().map_err(|error| error.to_string())?.len();
        #[allow(clippy::cast_precision_loss)]
        let size = bytes as f64;
        let value = format!("{:.2} MB ({:.2} MiB)", size / 1e6, size / 1024.0 / 1024.0);
        figures.push(
            Figure::new(format!("{name}: stripped binary"), value).bar("≤ 7 MB", bytes <= MAX_BYTES).because(LARGE),
        );
    }
    Ok(Section {
        title: "Start and size",
        command: "bench start",
        method: format!(
            "Release builds, as they are deployed, started in turn {ROUNDS} times against a fake Lambda Runtime API \
             and the embedded engine, both on loopback in one process; medians. *Ready*: from before the process is made \
             until it asks for its first event. *First answer*: until the answer to that event has arrived, with the event \
             waiting. Ratios are to hello's, by the same mark: a `lambda_http` without an SDK. *Over TLS*: the table is behind \
             TLS, by name, with an authority of this run's beside Amazon's in the function's own trust store. *As deployed*: its two secrets, too, come over TLS, \
             from a stand-in for Secrets Manager; elsewhere they are in files. *From disk*: \
             the binary was taken out of the page cache before (`posix_fadvise`; not the C library), hello's as well, in \
             {} rounds.",
            ROUNDS.div_ceil(FROM_DISK_EVERY),
        ),
        figures,
    })
}

const TLS: &str = "a handshake, a client of the SDK's and two calls to DynamoDB, the key set's and then the answer's, are in it, and in hello's \
     none of them. Tried, and taken: one connector for all clients, Amazon's roots in the binary, no jitter entropy, AWS-LC whole, the keys \
     read beside the connection. Tried, and not: `opt-level = 3`, another allocator, fewer relocations \
     ([ADR 17](../docs/adr/0017-build.md)).";
const LATE_READY: &str = "login asks for its first event when it has its connection and its keys, while Lambda gives it a whole processor. To ask \
     sooner would move that into somebody's sign-in, and an environment that Lambda prepares would be frozen with half of a \
     connection ([ADR 17](../docs/adr/0017-build.md)).";
const LARGE: &str = "the three functions that hash are optimised for speed when they are linked, or Argon2 would have no vectors and a sign-in take half \
     as long again: 0.55 MB. AWS-LC as a whole, and not its small form, is 1.25 MB of each function; it makes an RS256 signature in a third of the \
     time and checks an ES256 one in a quarter. register and password have zxcvbn's words and regular expressions besides, 2.15 MB. What \
     else the bytes are, and what was tried: [ADR 17](../docs/adr/0017-build.md).";

const FUNCTIONS: [&str; 10] = [
    "register",
    "login",
    "refresh",
    "logout",
    "profile",
    "password",
    "sessions",
    "discovery",
    "rotate-keys",
    "audit-forwarder",
];

struct Compared {
    figure: Figure,
    ratio: f64,
}

fn against(name: String, duration: Duration, hello: Duration) -> Compared {
    let ratio = duration.as_secs_f64() / hello.as_secs_f64();
    Compared { figure: Figure::new(name, format!("{ratio:.2} × hello ({})", ms(duration))), ratio }
}

impl Compared {
    fn at_most(self, ratio: f64) -> Figure {
        self.figure.bar(format!("≤ {ratio} × hello"), self.ratio <= ratio)
    }
}

/// Takes a file out of the page cache, once what was written to it has reached the disk: nothing else can be taken out.
fn evict(path: &Path) -> Result<(), String> {
    let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| fault(&error))?;
    file.sync_all().map_err(|error| fault(&error))?;
    fadvise(&file, 0, None, Advice::DontNeed).map_err(|error| fault(&error))
}

/// From before the process was made.
#[derive(Clone, Copy)]
struct Times {
    ready: Duration,
    answered: Duration,
}

fn medians(times: &[Times]) -> Times {
    let median = |mark: fn(&Times) -> Duration| quantile(&mut times.iter().map(mark).collect::<Vec<_>>(), 0.5);
    Times { ready: median(|times| times.ready), answered: median(|times| times.answered) }
}

struct Candidate {
    name: &'static str,
    binary: PathBuf,
    environment: Vec<(&'static str, String)>,
    event: String,
    status: u16,
    cached: Vec<Times>,
    from_disk: Vec<Times>,
}

impl Candidate {
    fn new(
        name: &'static str,
        file: &str,
        environment: &[(&'static str, String)],
        event: &Value,
        status: u16,
    ) -> Result<Self, String> {
        let (binary, event) = (binary(&format!("release/{file}"))?, event.to_string());
        let environment = environment.to_vec();
        Ok(Self { name, binary, environment, event, status, cached: Vec::new(), from_disk: Vec::new() })
    }

    async fn start(&self) -> Result<Times, String> {
        self.started().await.map_err(|error| format!("{}: {error}", self.name))
    }

    async fn started(&self) -> Result<Times, String> {
        let mut function = Function::start(&self.binary, &self.environment).await?;
        function.send(&self.event)?;
        let ready = function.ready().await?.duration_since(function.started);
        let answered = function.answered(self.status).await?.duration_since(function.started);
        function.stop().await?;
        Ok(Times { ready, answered })
    }
}
