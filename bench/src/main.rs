//! `make bench`: what the service must show of start-up, size, CPU, load and pages, measured on this machine.
//!
//! `bench TASK` prints its figures, for each of [`TASKS`]; `bench all` also rewrites RESULTS.md. `scale` takes a number of users at
//! most. The binaries must be built already, functions with no others than those of their group (tools/function-groups.sh): cargo
//! unifies features over what is built together. Ends with 1 if a bar is missed.

mod bare_hash;
mod burst;
mod cost;
mod endpoint;
mod enumeration;
mod frontend;
mod hashes;
mod load;
mod login_cpu;
mod micro;
mod overload;
mod peers;
mod process;
mod results;
mod scale;
mod sdk_call;
mod stage;
mod start;
mod tls;
mod warm;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use bare_hash::Pages;
use results::Section;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    let ended = tokio::select! {
        ended = run(&task) => ended,
        // What runs is dropped, and with it every process and folder of this one.
        signal = interrupted() => Err(signal),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("bench: a bar is missed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn interrupted() -> String {
    let Ok(mut ended) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => "interrupted".to_owned(),
        _ = ended.recv() => "told to end".to_owned(),
    }
}

/// Whether all bars are held.
async fn run(task: &str) -> Result<bool, String> {
    let begin = Instant::now();
    let sections = match task {
        bare_hash::FRESH => return bare_hash::print_fresh(Pages::Ordinary).map(|()| true),
        bare_hash::FRESH_HUGE => return bare_hash::print_fresh(Pages::Huge).map(|()| true),
        "start" => vec![start::measure().await?],
        "login-cpu" => vec![login_cpu::measure().await?],
        "hashes" => vec![hashes::measure().await?],
        "micro" => vec![micro::measure().await?],
        "warm" => vec![warm::measure().await?.0],
        "cost" => Vec::from(warm_and_cost().await?),
        "scale" => vec![scale::measure(std::env::args().nth(2)).await?],
        "burst" => vec![burst::measure()?],
        "load" => vec![load::measure().await?],
        "overload" => vec![overload::measure().await?],
        "enumeration" => vec![enumeration::measure().await?],
        "peers" => vec![peers::measure().await?],
        "frontend" => vec![frontend::measure().await?],
        "all" => all().await,
        _ => return Err(format!("say what: {TASKS}")),
    };
    for section in &sections {
        println!("{section}");
    }
    if task == "all" {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/RESULTS.md");
        std::fs::write(path, results::page(&sections, begin.elapsed())).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(sections.iter().all(Section::is_held))
}

const TASKS: &str =
    "start, login-cpu, hashes, micro, warm, cost, scale, enumeration, load, overload, burst, peers, frontend or all";

/// What fails to be measured is said on the page as well, so that the rest is there.
async fn all() -> Vec<Section> {
    let (begin, mut sections) = (Instant::now(), Vec::new());
    let mut done = |title, command, section: Result<Section, String>| {
        let seconds = begin.elapsed().as_secs();
        match &section {
            Ok(_) => eprintln!("bench: {command} is done after {seconds} s"),
            Err(error) => eprintln!("bench: {command} failed after {seconds} s: {error}"),
        }
        sections.push(section.unwrap_or_else(|error| results::not_measured(title, command, &error)));
    };
    done("Start and size", "bench start", start::measure().await);
    done("CPU of a login", "bench login-cpu", login_cpu::measure().await);
    done("Argon2id by library", "bench hashes", hashes::measure().await);
    done("Pieces of a request", "bench micro", micro::measure().await);
    match warm_and_cost().await {
        Ok([warm, cost]) => {
            done("Warm calls", "bench warm", Ok(warm));
            done("Cost", "bench cost", Ok(cost));
        }
        Err(error) => done("Warm calls, and cost", "bench cost", Err(error)),
    }
    done("Scale", "bench scale", scale::measure(None).await);
    done("Enumeration", "bench enumeration", enumeration::measure().await);
    done("Load", "bench load", load::measure().await);
    done("Load at fixed rates, and overload", "bench overload", overload::measure().await);
    done("Burst", "bench burst", burst::measure());
    done("Peers", "bench peers", peers::measure().await);
    done("Pages", "bench frontend", frontend::measure().await);
    sections
}

/// The costs are of the very calls that were measured.
async fn warm_and_cost() -> Result<[Section; 2], String> {
    let (warm, measured) = warm::measure().await?;
    Ok([warm, cost::compute(&measured)?])
}

/// A binary of the target folder that this one is in, say `release/login`.
fn binary(name: &str) -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let path = own.ancestors().nth(2).unwrap_or(&own).join(name);
    if path.is_file() { Ok(path) } else { Err(format!("{} is not built; `make bench` does it", path.display())) }
}
