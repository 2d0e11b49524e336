//! What one call of each endpoint takes once the function is warm: CPU, time, memory, and calls to DynamoDB.

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

use auth::Algorithm;
use auth_testing::Function;
use tokio::process::Command;

use crate::binary;
use crate::endpoint::{Documented, Endpoint};
use crate::process::{ThreadTimes, peak_kib, resident_kib};
use crate::results::{Figure, Section, ms, quantile};
use crate::sdk_call::SdkCall;
use crate::stage::{Folder, Stage};

/// Calls of an endpoint, in blocks that take turns with the yardstick's.
const BLOCKS: usize = 10;
const CALLS: usize = 1000;
const HASHING_CALLS: usize = 150;
const WARM_UP: usize = 20;
/// What the wire adds to each call to DynamoDB.
const DELAYS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(2), Duration::from_millis(5)];
/// Calls with each of these.
const DELAYED_CALLS: usize = 60;
const DELAYED_HASHING_CALLS: usize = 80;
/// Calls take their critical path when nothing else the machine does is in their way.
const UNDISTURBED: f64 = 0.25;
/// How far the slope may be from a whole number.
const MAX_OFF: f64 = 0.2;
const STARTS: usize = 31;
const CALLS_A_START: usize = 30;
const MAX_FIRST: f64 = 1.5;
const MAX_BEYOND_SDK: Duration = Duration::from_micros(150);
const MAX_RESIDENT_KB: u64 = 10_000;

const BEYOND: &str = "the yardstick is a loop of nothing else. Made one at a time, as a function makes them, the same calls take more \
     (the row below): whoever has waited finds the caches with others. A read of the profile is 1.7 million instructions \
     (callgrind, off the record): 0.77 of them check the ES256 signature, 0.53 are the SDK's, 0.15 the runtime's, and less than 0.1 \
     ours. Tried: `opt-level = 3`, and mimalloc, which saves 0.03 ms and costs 6 MB and 0.2 ms of each start \
     ([ADR 17](../docs/adr/0017-build.md)).";

/// What was measured of an endpoint, with RS256 keys, as a deployment has them, where it signs.
pub struct Warm {
    pub endpoint: Endpoint,
    /// CPU of one call.
    pub cpu: Duration,
    /// Bytes that one call writes to the log.
    pub log_bytes: f64,
    /// Capacity units of one call, on average.
    pub writes: f64,
    pub reads: f64,
}

pub async fn measure() -> Result<(Section, Vec<Warm>), String> {
    let stage = Stage::of(Algorithm::ES256, None).await?;
    let mut warm = Vec::new();
    let (runtime, figure) = hello(&stage).await?;
    let mut figures = vec![figure];
    for endpoint in Endpoint::ALL {
        let named = |error| format!("{}: {error}", endpoint.name());
        let mut sdk = Yardstick::of(&stage, endpoint).await?;
        let direct = Direct::measure(&stage, endpoint, sdk.as_mut()).await.map_err(named)?;
        figures.push(direct.figure(""));
        figures.extend(sdk.into_iter().flat_map(|sdk| sdk.figures(endpoint, direct.cpu, runtime)));
        let wired = Wired::measure(&stage, endpoint).await.map_err(named)?;
        figures.push(wired.figure(endpoint)?);
        let (writes, reads) = (mean(&wired.writes), mean(&wired.reads));
        warm.push(Warm { endpoint, cpu: direct.cpu, log_bytes: direct.log_bytes, writes, reads });
    }
    let rs256 = Stage::of(Algorithm::RS256, None).await?;
    for warm in warm.iter_mut().filter(|warm| warm.endpoint.signs()) {
        let direct = Direct::measure(&rs256, warm.endpoint, None).await?;
        figures.push(direct.figure(", RS256"));
        warm.cpu = direct.cpu;
    }
    figures.push(first(&stage).await?);
    Ok((Section { title: "Warm calls", command: "bench warm", method: method(), figures }, warm))
}

fn method() -> String {
    format!(
        "Release builds against a fake Lambda Runtime API and the embedded engine, one call at a time, each with an input of \
         its own where it can be made only once; ES256 keys, unless it says RS256. *CPU*: user and system time of the \
         function's process, by its threads' nanoseconds (`schedstat`), over {CALLS} calls, {HASHING_CALLS} of those that \
         hash; the median and the 99th percentile of the time from the event to its answer, engine included; memory after \
         that, and at most. *The SDK's own calls*: the same requests by the same client in a process that does nothing else, \
         in {BLOCKS} blocks that take turns with the function's; *one at a time*: one after each call of the function. *Round trips*: a wire before the engine (the tests', no stub) \
         lets each call to DynamoDB take {} ms longer; in brackets is how long the function waited (its time less its CPU, for a \
         hash differs by more than a delay), the lower quartile; how much more that is with the longest delay than with the one before, over the difference of \
         both, is how many calls wait for each other. (A wire that delays takes a little longer than it is asked, so nothing is compared with no delay.) \
         What is made beside a hash is over before it, and only its units tell of it. Units are medians of what the engine reports, index included, and in brackets means, where they differ; the bars are \
         the numbers of [DATA-MODEL](../docs/DATA-MODEL.md#access-patterns), which says what is done now and then.",
        DELAYS.map(|delay| delay.as_millis().to_string()).join(", "),
    )
}

/// The SDK's own calls of an endpoint, in a loop and one at a time.
struct Yardstick {
    loops: SdkCall,
    singles: SdkCall,
}

impl Yardstick {
    async fn of(stage: &Stage, endpoint: Endpoint) -> Result<Option<Self>, String> {
        let kind = match endpoint {
            Endpoint::ProfileRead => "profile",
            Endpoint::Refresh => "refresh",
            _ => return Ok(None),
        };
        Ok(Some(Self { loops: SdkCall::start(kind, stage).await?, singles: SdkCall::start(kind, stage).await? }))
    }

    fn figures(&self, endpoint: Endpoint, cpu: Duration, of_runtime: Duration) -> [Figure; 2] {
        let beyond = |of_sdk: Duration| cpu.saturating_sub(of_sdk);
        let (of_loop, of_single) = (self.loops.cpu(), self.singles.cpu());
        let value = |of_sdk| format!("{} ({} less {})", ms(beyond(of_sdk)), ms(cpu), ms(of_sdk));
        let name = format!("{}: CPU beyond the SDK's own calls", endpoint.name());
        [
            Figure::new(&name, format!("{}; the runtime alone is {}", value(of_loop), ms(of_runtime)))
                .bar("≤ 0.15 ms", beyond(of_loop) <= MAX_BEYOND_SDK)
                .because(BEYOND),
            Figure::new(format!("{name}, made one at a time"), value(of_single)),
        ]
    }
}

/// Straight at the engine.
struct Direct {
    endpoint: Endpoint,
    cpu: Duration,
    median: Duration,
    p99: Duration,
    resident_kib: u64,
    peak_kib: u64,
    log_bytes: f64,
}

impl Direct {
    async fn measure(stage: &Stage, endpoint: Endpoint, mut sdk: Option<&mut Yardstick>) -> Result<Self, String> {
        let count = if endpoint.hashes() { HASHING_CALLS } else { CALLS };
        let events = endpoint.events(stage, WARM_UP + count).await?;
        let (first, events) = events.split_at(WARM_UP);
        let folder = Folder::new("log")?;
        let path = folder.path().join("log");
        let log = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let logged = || path.metadata().map(|file| file.len()).map_err(|error| error.to_string());
        let environment = with_registrations(stage.environment());
        let mut function = Function::start_as(Command::new(release(endpoint)?), &environment, Stdio::from(log)).await?;
        function.ready().await?;
        let (pid, status) = (function.pid()?, endpoint.status());
        for event in first {
            call(&mut function, event, status).await?;
        }
        let logged_before = logged()?;
        let (mut times, mut cpu) = (Vec::with_capacity(count), Duration::ZERO);
        for block in events.chunks(count / BLOCKS) {
            let before = ThreadTimes::of(pid)?;
            for event in block {
                times.push(call(&mut function, event, status).await?);
                if let Some(sdk) = &mut sdk {
                    sdk.singles.run(1).await?;
                }
            }
            cpu += ThreadTimes::of(pid)?.since(&before);
            if let Some(sdk) = &mut sdk {
                sdk.loops.run(u32::try_from(block.len()).unwrap_or(u32::MAX)).await?;
            }
        }
        #[allow(clippy::cast_precision_loss, reason = "bytes of a log")]
        let log_bytes = (logged()? - logged_before) as f64 / count as f64;
        let (resident_kib, peak_kib) = (resident_kib(pid)?, peak_kib(pid)?);
        function.stop().await?;
        Ok(Self {
            endpoint,
            cpu: cpu / u32::try_from(count).unwrap_or(u32::MAX),
            median: quantile(&mut times, 0.5),
            p99: quantile(&mut times, 0.99),
            resident_kib,
            peak_kib,
            log_bytes,
        })
    }

    #[allow(clippy::cast_precision_loss, reason = "kibibytes of a process")]
    fn figure(&self, keys: &str) -> Figure {
        let megabytes = |kib: u64| kib as f64 * 1024.0 / 1e6;
        let figure = Figure::new(
            format!("{}{keys}: CPU; p50 / p99; memory / peak", self.endpoint.name()),
            format!(
                "{}; {} / {}; {:.1} / {:.1} MB",
                ms(self.cpu),
                ms(self.median),
                ms(self.p99),
                megabytes(self.resident_kib),
                megabytes(self.peak_kib),
            ),
        );
        match self.endpoint {
            Endpoint::ProfileRead => figure.bar("memory ≤ 10 MB", self.resident_kib * 1024 <= MAX_RESIDENT_KB * 1000),
            _ => figure,
        }
    }
}

/// Through the wire.
struct Wired {
    /// How long the function waited, the quartile of the quicker calls, by delay.
    waited: [Duration; DELAYS.len()],
    /// Of each call.
    calls: Vec<f64>,
    writes: Vec<f64>,
    reads: Vec<f64>,
}

impl Wired {
    async fn measure(stage: &Stage, endpoint: Endpoint) -> Result<Self, String> {
        let of_each = if endpoint.hashes() { DELAYED_HASHING_CALLS } else { DELAYED_CALLS };
        let events = endpoint.events(stage, WARM_UP + DELAYS.len() * of_each).await?;
        let (first, events) = events.split_at(WARM_UP);
        let wire = stage.wire().await;
        let environment = with_registrations(stage.environment_at(wire.endpoint()));
        let mut function = Function::start(&release(endpoint)?, &environment).await?;
        for event in first {
            call(&mut function, event, endpoint.status()).await?;
        }
        wire.take_calls();
        let pid = function.pid()?;
        let mut times = DELAYS.map(|_| Vec::new());
        let (mut calls, mut writes, mut reads) = (Vec::new(), Vec::new(), Vec::new());
        // In turn, so that what else the machine does meets every delay.
        for (event, delay) in events.iter().zip((0..DELAYS.len()).cycle()) {
            wire.slow(DELAYS[delay]);
            let before = ThreadTimes::of(pid)?;
            let time = call(&mut function, event, endpoint.status()).await?;
            times[delay].push(time.saturating_sub(ThreadTimes::of(pid)?.since(&before)));
            let made = wire.take_calls();
            calls.push(f64::from(u32::try_from(made.len()).unwrap_or(u32::MAX)));
            // A sum of none is a negative zero.
            writes.push(made.iter().fold(0.0, |sum, call| sum + call.write_units + call.gsi_write_units));
            reads.push(made.iter().fold(0.0, |sum, call| sum + call.read_units));
        }
        function.stop().await?;
        Ok(Self { waited: times.map(|mut times| quantile(&mut times, UNDISTURBED)), calls, writes, reads })
    }

    fn figure(&self, endpoint: Endpoint) -> Result<Figure, String> {
        let Documented { round_trips, writes, reads } = endpoint.documented()?;
        let [_, some, more] = self.waited.map(|time| time.as_secs_f64());
        // To two digits, and none of them a negative zero. They are compared as they are shown: 2.20 is 0.2 off 2.
        let slope = (100.0 * (more - some) / DELAYS[2].saturating_sub(DELAYS[1]).as_secs_f64()).round() / 100.0 + 0.0;
        let is = |measured: &[f64], documented: f64| (median(&mut measured.to_vec()) - documented).abs() < 0.01;
        let held = (slope - round_trips).abs() < MAX_OFF + 0.005 && is(&self.writes, writes) && is(&self.reads, reads);
        let waited = self.waited.map(|time| format!("{:.1}", time.as_secs_f64() * 1e3)).join(" · ");
        let name = format!("{}: round trips (waited … ms); calls, WRU, RRU", endpoint.name());
        let [calls, writes_taken, reads_taken] = [&self.calls, &self.writes, &self.reads].map(|taken| typical(taken));
        let value = format!("{slope:.2} ({waited}); {calls}, {writes_taken}, {reads_taken}");
        Ok(Figure::new(name, value).bar(format!("{round_trips} ± {MAX_OFF}; {writes}, {reads}"), held))
    }
}

/// What a function of `lambda_http` costs that does nothing.
async fn hello(stage: &Stage) -> Result<(Duration, Figure), String> {
    let event = stage.event("profile")?.to_string();
    let mut function = Function::start(&binary("release/hello")?, &stage.environment()).await?;
    for _ in 0..WARM_UP {
        call(&mut function, &event, 200).await?;
    }
    let (pid, mut times) = (function.pid()?, Vec::new());
    let before = ThreadTimes::of(pid)?;
    for _ in 0..CALLS {
        times.push(call(&mut function, &event, 200).await?);
    }
    let cpu = ThreadTimes::of(pid)?.since(&before) / u32::try_from(CALLS).unwrap_or(u32::MAX);
    function.stop().await?;
    let median = quantile(&mut times, 0.5);
    Ok((cpu, Figure::new("hello, the runtime alone: CPU; p50", format!("{}; {}", ms(cpu), ms(median)))))
}

/// The first call after INIT beside those that follow.
async fn first(stage: &Stage) -> Result<Figure, String> {
    let event = Endpoint::ProfileRead.events(stage, 1).await?.remove(0);
    let (mut first, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let mut function = Function::start(&release(Endpoint::ProfileRead)?, &stage.environment()).await?;
        function.ready().await?;
        first.push(call(&mut function, &event, 200).await?);
        for number in 1..CALLS_A_START {
            let time = call(&mut function, &event, 200).await?;
            if number >= CALLS_A_START / 2 {
                warm.push(time);
            }
        }
        function.stop().await?;
    }
    let (first, warm) = (quantile(&mut first, 0.5), quantile(&mut warm, 0.5));
    let ratio = first.as_secs_f64() / warm.as_secs_f64();
    let name = format!("profile, read: first call after INIT, medians of {STARTS} starts");
    Ok(Figure::new(name, format!("{ratio:.2} × warm ({} to {})", ms(first), ms(warm)))
        .bar("≤ 1.5 × warm", ratio <= MAX_FIRST))
}

/// The time from the event to its answer.
pub async fn call(function: &mut Function, event: &str, status: u16) -> Result<Duration, String> {
    let begin = Instant::now();
    function.send(event)?;
    Ok(function.answered(status).await?.duration_since(begin))
}

pub fn release(endpoint: Endpoint) -> Result<std::path::PathBuf, String> {
    binary(&format!("release/{}", endpoint.function()))
}

/// All callers have one address here.
fn with_registrations(environment: [(&'static str, String); 4]) -> Vec<(&'static str, String)> {
    environment.into_iter().chain([("REGISTRATIONS_PER_HOUR", "1000000".to_owned())]).collect()
}

/// The median, and the mean if it is another.
fn typical(values: &[f64]) -> String {
    let (median, mean) = (median(&mut values.to_vec()), mean(values));
    if (median - mean).abs() < 0.005 { median.to_string() } else { format!("{median} ({mean:.2})") }
}

fn mean(values: &[f64]) -> f64 {
    let count = f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX));
    // A sum of none is a negative zero.
    values.iter().fold(0.0, |sum, value| sum + value) / count.max(1.0)
}

pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
    }
}
