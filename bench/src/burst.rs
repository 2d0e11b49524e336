//! What a burst of sign-ins meets in AWS, simulated: cold starts, Lambda's ramp and quotas, the gateway's limits. Times are
//! measured here; what only AWS could show is assumed, and said.

mod random;
mod simulation;

use std::time::Instant;

use auth::HashParameters;

use crate::bare_hash::{BareHash, Pages};
use crate::results::{Figure, Section};
use random::Random;
use simulation::{Limits, Load, Run, Service, simulate};

/// Seconds that are simulated; the first request meets nothing but what has to be started for it.
const SPAN: f64 = 60.0;
/// From the order to make an instance until its process runs: the microVM, and some megabytes of code. Assumed.
const SANDBOX: f64 = 0.120;
/// From then until it asks for its first event: 3.5 ms of `bench start`, and two connections over TLS. Assumed but for that.
const INIT: f64 = 0.015;
/// Of an instance's first sign-in beyond a later one: `bench start`, first answer less ready, less `bench login-cpu`.
const FIRST: f64 = 0.003;
/// Of a sign-in beyond its hash: `bench login-cpu`.
const BEYOND_HASH: f64 = 0.0025;
/// Serial ones to DynamoDB: docs/DATA-MODEL.md.
const CALLS: u32 = 2;
/// Of one, on average. Assumed.
const CALL: f64 = 0.005;
/// How long the pages wait for an answer: frontend/packages/client. The function's own time-out is as long.
const PATIENCE: f64 = 10.0;

/// Executions at the same time: the default quota of an account.
const QUOTA: f64 = 1_000.0;
/// `SignInsPerSecond` and `HashingConcurrency` of template.yaml: the one's default, and a choice of the other.
const SIGN_INS: f64 = 20.0;
const HASHING_CONCURRENCY: f64 = 50.0;

/// AWS's, each with the page that says so in docs/SCALE.md.
fn defaults() -> Limits {
    Limits { gateway: (10_000.0, 5_000.0), ramp: (100.0, 1_000.0), ..lambda(QUOTA) }
}

/// Ten invocations a second for each execution of the quota, or of what is reserved.
fn lambda(instances: f64) -> Limits {
    Limits { instances, invocations: 10.0 * instances, ..Limits::NONE }
}

fn raised() -> Limits {
    Limits { gateway: (100_000.0, 50_000.0), ramp: (100.0, 1_000.0), ..lambda(10.0 * QUOTA) }
}

pub fn measure() -> Result<Section, String> {
    let sign_in = SignIn { hashes: hash_times()?, call: CALL, outage: None };
    let median = sign_in.hashes[sign_in.hashes.len() / 2];
    let mut figures = vec![Figure::new("one hash, measured: the median", format!("{:.1} ms", median * 1e3))];
    let mut add = |name: String, sign_in: &SignIn, limits: &Limits, rate: &dyn Fn(f64) -> f64, most: f64| {
        let load = Load { span: SPAN, rate, most, seed: 1 };
        figures.push(Figure::new(name, shown(simulate(sign_in, limits, &load))));
    };

    let as_deployed = Limits { route: Some((SIGN_INS, SIGN_INS)), ..defaults() };
    for rate in [100.0, 1_000.0, 10_000.0] {
        add(format!("{rate}/s; as deployed: {SIGN_INS}/s"), &sign_in, &as_deployed, &|_| rate, rate);
        add(format!("{rate}/s; SignInsPerSecond raised"), &sign_in, &defaults(), &|_| rate, rate);
        add(format!("{rate}/s; quotas tenfold, too"), &sign_in, &raised(), &|_| rate, rate);
    }
    let step = |t: f64| if t < SPAN / 2.0 { 100.0 } else { 1_000.0 };
    add("a step, from 100/s to 1,000/s".to_owned(), &sign_in, &defaults(), &step, 1_000.0);
    let ramp = |t: f64| 1_000.0 * t / SPAN;
    add("a ramp, from 0 to 1,000/s in a minute".to_owned(), &sign_in, &defaults(), &ramp, 1_000.0);
    for call in [0.0, 0.002] {
        let quicker = SignIn { hashes: sign_in.hashes.clone(), call, outage: None };
        add(format!("1000/s; a call takes {} ms", call * 1e3), &quicker, &defaults(), &|_| 1_000.0, 1_000.0);
    }
    let reserved = Limits { ramp: (100.0, 1_000.0), ..lambda(HASHING_CONCURRENCY) };
    let name = format!("1000/s; HashingConcurrency={HASHING_CONCURRENCY}");
    add(name, &sign_in, &reserved, &|_| 1_000.0, 1_000.0);
    let slow = SignIn { hashes: sign_in.hashes.clone(), call: CALL, outage: Some((30.0, 40.0, 1.0)) };
    add("1000/s; a call takes 1 s for ten seconds".to_owned(), &slow, &defaults(), &|_| 1_000.0, 1_000.0);

    Ok(Section {
        title: "A burst, simulated",
        command: "bench burst",
        method: format!(
            "Sign-ins arrive at random for {SPAN} s where no instance is. An instance serves one at a time: one of {HASHES} \
             hashes measured here, {} ms of other work, and {CALLS} calls to DynamoDB in turn of {} ms on average (assumed; \
             half of it fixed, half exponential). A cold one first takes {} ms (assumed, likewise) and {} ms to start, and \
             {} ms more for its first. Limits are AWS's defaults ([SCALE](../docs/SCALE.md)), for an account that has no \
             other function at work: the gateway's 10,000 requests a second and 5,000 at once; Lambda's quota of 1,000 \
             instances, of which it makes 1,000 at once and 100 a second, and ten invocations a second for each of the \
             quota. A client waits {PATIENCE} s. Latency is without the network, and nobody who was refused comes \
             back. The simulator is tested against Erlang's, Little's and Poisson's formulas.",
            BEYOND_HASH * 1e3,
            CALL * 1e3,
            SANDBOX * 1e3,
            INIT * 1e3,
            FIRST * 1e3,
        ),
        figures,
    })
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn shown(mut run: Run) -> String {
    run.latencies.sort_by(f64::total_cmp);
    let at = |q: f64| {
        let index = ((run.latencies.len() as f64 * q) as usize).min(run.latencies.len().saturating_sub(1));
        run.latencies.get(index).copied().unwrap_or_default() * 1e3
    };
    let share = |count: usize| 100.0 * count as f64 / (run.offered() as f64).max(1.0);
    let times = format!("p50 {:.0} ms, p99 {:.0} ms", at(0.50), at(0.99));
    let mut parts = vec![times, format!("{} instances, {:.2} % cold", run.instances, share(run.cold))];
    for (count, what) in [
        (run.by_route, "429 by the route"),
        (run.by_gateway, "429 by the gateway's quota"),
        (run.by_invocations, "503 by Lambda's rate"),
        (run.by_instances, "503 by Lambda's quota"),
        (run.by_ramp, "503 by Lambda's ramp"),
        (run.given_up, "gone"),
    ] {
        if count > 0 {
            parts.push(format!("{:.2} % {what}", share(count)));
        }
    }
    parts.join("; ")
}

const HASHES: usize = 101;

/// Sorted.
fn hash_times() -> Result<Vec<f64>, String> {
    let mut hash = BareHash::new(HashParameters::DEFAULT, Pages::Huge)?;
    hash.run()?;
    let mut times = Vec::new();
    for _ in 0..HASHES {
        let begin = Instant::now();
        hash.run()?;
        times.push(begin.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

struct SignIn {
    /// Each as likely as the other.
    hashes: Vec<f64>,
    /// Of one call, on average.
    call: f64,
    /// From when to when a call takes how long.
    outage: Option<(f64, f64, f64)>,
}

impl Service for SignIn {
    fn start(&self, random: &mut Random) -> f64 {
        half_fixed(SANDBOX, random) + INIT
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    fn serve(&self, now: f64, is_first: bool, random: &mut Random) -> f64 {
        let call = self.outage.filter(|(from, to, _)| (*from..*to).contains(&now)).map_or(self.call, |(.., call)| call);
        let hash = self.hashes[(random.uniform() * self.hashes.len() as f64) as usize];
        let own = hash + BEYOND_HASH + if is_first { FIRST } else { 0.0 };
        (0..CALLS).fold(own, |time, _| time + half_fixed(call, random))
    }

    fn patience(&self) -> f64 {
        PATIENCE
    }
}

fn half_fixed(mean: f64, random: &mut Random) -> f64 {
    mean / 2.0 + if mean > 0.0 { random.exponential(2.0 / mean) } else { 0.0 }
}
