//! From the start of a process to its first answer, beside a `lambda_http` that does nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use auth::HashParameters;
use serde_json::Value;

use crate::bare_hash::{BareHash, Pages, in_fresh_process};
use crate::binary;
use crate::function::Function;
use crate::results::{Figure, Section, ms, quantile};
use crate::stage::Stage;

const ROUNDS: usize = 31;
const MAX_RATIO: f64 = 3.0;
const MAX_BYTES: u64 = 8_000_000;

pub async fn measure() -> Result<Section, String> {
    let stage = Stage::set().await?;
    let mut refused = stage.event("login")?;
    refused["body"] = Value::from("{}");
    let mut hello = Candidate::new("hello", "release/hello", &stage.event("profile")?, 200)?;
    let mut profile = Candidate::new("profile", "release/profile", &stage.event("profile")?, 200)?;
    let mut login = Candidate::new("login", "release/login", &stage.event("login")?, 200)?;
    let mut refusal = Candidate::new("login, refusing an empty body", "release/login", &refused, 422)?;
    let mut bare_hash = BareHash::new(HashParameters::DEFAULT, Pages::Ordinary)?;
    let (mut hashes, mut fresh_hashes, mut huge_hashes) = (Vec::new(), Vec::new(), Vec::new());

    for round in 0..=ROUNDS {
        for candidate in [&mut hello, &mut profile, &mut login, &mut refusal] {
            candidate.start(&stage).await.map_err(|error| format!("{}: {error}", candidate.name))?;
        }
        let begin = Instant::now();
        bare_hash.run()?;
        hashes.push(begin.elapsed());
        fresh_hashes.push(in_fresh_process(Pages::Ordinary)?);
        huge_hashes.push(in_fresh_process(Pages::Huge)?);
        if round == 0 {
            // The first one fills the caches of the disk.
            hashes.clear();
            fresh_hashes.clear();
            huge_hashes.clear();
            for candidate in [&mut hello, &mut profile, &mut login, &mut refusal] {
                candidate.ready.clear();
                candidate.answered.clear();
            }
        }
    }

    let (hash, fresh_hash) = (quantile(&mut hashes, 0.5), quantile(&mut fresh_hashes, 0.5));
    let huge_hash = quantile(&mut huge_hashes, 0.5);
    let (hello_ready, hello_answered) = hello.medians();
    let mut figures = vec![
        Figure::new("hello: ready / first answer", format!("{} / {}", ms(hello_ready), ms(hello_answered))),
        Figure::new(
            "one bare Argon2id hash: memory reused / fresh process / the same in huge pages",
            format!("{} / {} / {}", ms(hash), ms(fresh_hash), ms(huge_hash)),
        ),
    ];
    for candidate in [&mut profile, &mut login, &mut refusal] {
        let (ready, answered) = candidate.medians();
        figures.push(against(format!("{}: ready", candidate.name), ready, hello_ready));
        if candidate.name == "login" {
            figures.push(Figure::new("login: first answer, its one hash included", ms(answered)));
            for (memory, hash) in [("reused memory", hash), ("huge pages of a fresh process", huge_hash)] {
                let name = format!("login: first answer, less one bare hash in {memory}");
                figures.push(against(name, answered.saturating_sub(hash), hello_answered));
            }
        } else {
            figures.push(against(format!("{}: first answer", candidate.name), answered, hello_answered));
        }
    }
    for name in ["hello", "register", "login", "refresh", "profile", "discovery"] {
        // Those that were not started need not have been built.
        let Ok(path) = binary(&format!("release/{name}")) else { continue };
        let bytes = path.metadata().map_err(|error| error.to_string())?.len();
        #[allow(clippy::cast_precision_loss)]
        let size = bytes as f64;
        let value = format!("{:.2} MB ({:.2} MiB)", size / 1e6, size / 1024.0 / 1024.0);
        let figure = Figure::new(format!("{name}: stripped binary"), value);
        figures.push(figure.bar("≤ 8 MB", bytes <= MAX_BYTES));
    }
    Ok(Section {
        title: "Start and size",
        command: "bench start",
        method: format!(
            "Release builds, one package at a time, started in turn {ROUNDS} times against a fake Lambda Runtime API \
             and the embedded engine, both over plain HTTP on loopback in one process; medians. *Ready*: from before \
             the process is made until it asks for its first event. *First answer*: until the answer to that event has \
             arrived, with the event waiting. Ratios are to hello's, by the same mark."
        ),
        figures,
    })
}

fn against(name: String, duration: Duration, hello: Duration) -> Figure {
    let ratio = duration.as_secs_f64() / hello.as_secs_f64();
    Figure::new(name, format!("{ratio:.2} × hello ({})", ms(duration))).bar("≤ 3 × hello", ratio <= MAX_RATIO)
}

struct Candidate {
    name: &'static str,
    binary: PathBuf,
    event: String,
    status: u16,
    ready: Vec<Duration>,
    answered: Vec<Duration>,
}

impl Candidate {
    fn new(name: &'static str, path: &str, event: &Value, status: u16) -> Result<Self, String> {
        let binary = binary(path)?;
        Ok(Self { name, binary, event: event.to_string(), status, ready: Vec::new(), answered: Vec::new() })
    }

    async fn start(&mut self, stage: &Stage) -> Result<(), String> {
        let mut function = Function::start(&self.binary, &stage.environment()).await?;
        function.send(&self.event)?;
        self.ready.push(function.ready().await?.duration_since(function.started));
        self.answered.push(function.answered(self.status).await?.duration_since(function.started));
        function.stop().await
    }

    fn medians(&mut self) -> (Duration, Duration) {
        (quantile(&mut self.ready, 0.5), quantile(&mut self.answered, 0.5))
    }
}
