//! What a burst of sign-ins meets in AWS, simulated: cold starts, Lambda's ramp and quotas, the gateway's limits. Times of
//! service are of this machine and this run; what only AWS could show is assumed, and said.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use auth::HashParameters;

use crate::bare_hash::{BareHash, Pages};
use crate::results::{Figure, Section};

/// Seconds that are simulated; the burst begins with the first.
const SPAN: f64 = 60.0;
/// From the order to make an instance until its process runs: the microVM, and some megabytes of code. Assumed.
const SANDBOX: f64 = 0.120;
/// From then until it asks for its first event: 2.4 × hello of `bench start`, and two connections over TLS. Assumed but for that.
const INIT: f64 = 0.015;
/// Of a sign-in beyond its hash: `bench login-cpu`.
const BEYOND_HASH: f64 = 0.0025;
/// Of one serial call to DynamoDB, on average. Assumed.
const CALL: f64 = 0.005;
/// Instances that Lambda adds to a function, per second ("Lambda scaling behavior": 1,000 every 10 seconds).
const RAMP: f64 = 100.0;
const RAMP_AT_ONCE: f64 = 1000.0;
/// Invocations per second and concurrent execution of the quota ("Lambda quotas").
const RATE_PER_INSTANCE: f64 = 10.0;

pub fn measure() -> Result<Section, String> {
    let hash = hash_time()?;
    let login = Service { fixed: hash + BEYOND_HASH, calls: 2 };
    let mut figures = checks();
    figures.push(Figure::new("one hash, measured", format!("{:.1} ms", hash * 1e3)));
    for rate in [100.0, 1_000.0, 10_000.0] {
        let cases = [
            ("quota 1,000, routes as deployed (20/s)", Limits { gateway: Some((20.0, 40.0)), ..Limits::of(1_000.0) }),
            ("quota 1,000, route limit raised", Limits::of(1_000.0)),
            ("quota 10,000, route limit raised", Limits::of(10_000.0)),
        ];
        for (name, limits) in cases {
            let run = simulate(&login, &limits, &|_| rate, rate, 1);
            figures.push(Figure::new(format!("{rate} sign-ins/s from nothing; {name}"), run.shown()));
        }
    }
    let ramp = simulate(&login, &Limits::of(1_000.0), &|t| 1_000.0 * (t / SPAN), 1_000.0, 1);
    figures.push(Figure::new("0 to 1,000 sign-ins/s within a minute; quota 1,000", ramp.shown()));
    let step = |t: f64| if t < SPAN / 2.0 { 100.0 } else { 1_000.0 };
    let step = simulate(&login, &Limits::of(1_000.0), &step, 1_000.0, 1);
    figures.push(Figure::new("100, then at once 1,000 sign-ins/s; quota 1,000", step.shown()));
    Ok(Section {
        title: "A burst, simulated",
        command: "bench burst",
        method: format!(
            "Sign-ins arrive at random for {SPAN} s and meet nothing but cold instances. An instance serves one at a time: \
             the hash as measured here, {} ms of other work, and two calls to DynamoDB in turn of {} ms on average \
             (assumed). A cold one first takes {} ms (assumed) and {} ms to start. Lambda adds 1,000 instances at once and 100 \
             a second, up to the quota, and takes ten invocations a second for each instance of the quota. *Refused*: by the \
             gateway's limit (429) / by Lambda (503). The simulator is checked against formulas in the same run.",
            BEYOND_HASH * 1e3,
            CALL * 1e3,
            SANDBOX * 1e3,
            INIT * 1e3,
        ),
        figures,
    })
}

fn hash_time() -> Result<f64, String> {
    let mut hash = BareHash::new(HashParameters::DEFAULT, Pages::Huge)?;
    hash.run()?;
    let mut times = Vec::new();
    for _ in 0..21 {
        let begin = Instant::now();
        hash.run()?;
        times.push(begin.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// How long an instance is busy with a request.
struct Service {
    fixed: f64,
    calls: u32,
}

impl Service {
    fn draw(&self, random: &mut Random) -> f64 {
        // Half of a call is always there, half is exponential.
        (0..self.calls).fold(self.fixed, |time, _| time + CALL / 2.0 + random.exponential(2.0 / CALL))
    }
}

#[derive(Clone, Copy)]
struct Limits {
    /// Requests per second and at once, of a route.
    gateway: Option<(f64, f64)>,
    /// The account's quota of concurrent executions, or what is reserved for the function.
    instances: f64,
    /// Invocations per second.
    invocations: f64,
    /// Seconds until a cold instance begins to serve.
    start: f64,
}

impl Limits {
    /// Lambda's, with that quota, and none of the gateway's.
    fn of(instances: f64) -> Self {
        Self { gateway: None, instances, invocations: RATE_PER_INSTANCE * instances, start: SANDBOX + INIT }
    }
}

#[derive(Default)]
struct Run {
    latencies: Vec<f64>,
    cold: usize,
    by_gateway: usize,
    by_lambda: usize,
    instances: usize,
    /// Seconds of service, over all instances.
    busy: f64,
}

impl Run {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    fn shown(mut self) -> String {
        self.latencies.sort_by(f64::total_cmp);
        let at = |q: f64| {
            let index = ((self.latencies.len() as f64 * q) as usize).min(self.latencies.len().saturating_sub(1));
            self.latencies.get(index).copied().unwrap_or_default() * 1e3
        };
        let offered = (self.latencies.len() + self.by_gateway + self.by_lambda) as f64;
        let share = |count: usize| 100.0 * count as f64 / offered.max(1.0);
        format!(
            "p50 {:.0} ms, p99 {:.0} ms; refused {:.1} % / {:.1} %; {} instances, {:.2} % cold",
            at(0.50),
            at(0.99),
            share(self.by_gateway),
            share(self.by_lambda),
            self.instances,
            share(self.cold),
        )
    }
}

/// Arrivals by thinning: drawn at the highest rate `most`, and each kept with the chance `rate(t) / most`.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn simulate(service: &Service, limits: &Limits, rate: &dyn Fn(f64) -> f64, most: f64, seed: u64) -> Run {
    let mut random = Random(seed);
    let mut run = Run::default();
    // When each busy instance is free again. Whole nanoseconds, which have an order.
    let mut busy = BinaryHeap::<Reverse<u64>>::new();
    let mut idle = 0usize;
    let mut route = limits.gateway.map(|(per_second, at_once)| Bucket::new(per_second, at_once));
    let mut ramp = Bucket::new(RAMP, RAMP_AT_ONCE);
    let mut invocations = Bucket::new(limits.invocations, limits.invocations);
    let mut now = 0.0;
    loop {
        now += random.exponential(most);
        if now > SPAN {
            return run;
        }
        if random.uniform() * most > rate(now) {
            continue;
        }
        let nanos = |time: f64| (time * 1e9) as u64;
        while busy.peek().is_some_and(|&Reverse(free_at)| free_at <= nanos(now)) {
            busy.pop();
            idle += 1;
        }
        if route.as_mut().is_some_and(|bucket| !bucket.take(now)) {
            run.by_gateway += 1;
            continue;
        }
        let is_cold = idle == 0;
        let has_room = !is_cold || ((busy.len() as f64) < limits.instances && ramp.take(now));
        if !has_room || !invocations.take(now) {
            run.by_lambda += 1;
            continue;
        }
        let serving = service.draw(&mut random);
        let mut latency = serving;
        if is_cold {
            run.cold += 1;
            run.instances += 1;
            latency += limits.start;
        } else {
            idle -= 1;
        }
        run.busy += serving;
        run.latencies.push(latency);
        busy.push(Reverse(nanos(now + latency)));
    }
}

/// A token bucket that is full at first.
struct Bucket {
    per_second: f64,
    at_once: f64,
    tokens: f64,
    at: f64,
}

impl Bucket {
    fn new(per_second: f64, at_once: f64) -> Self {
        Self { per_second, at_once, tokens: at_once, at: 0.0 }
    }

    fn take(&mut self, now: f64) -> bool {
        self.tokens = (self.tokens + (now - self.at) * self.per_second).min(self.at_once);
        self.at = now;
        let is_there = self.tokens >= 1.0;
        if is_there {
            self.tokens -= 1.0;
        }
        is_there
    }
}

/// `SplitMix64`: a stream for a seed. For a simulation, and nothing else.
struct Random(u64);

impl Random {
    #[allow(clippy::cast_precision_loss)]
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// With `rate` per second.
    fn exponential(&mut self, rate: f64) -> f64 {
        -(1.0 - self.uniform()).ln() / rate
    }
}

/// The simulator in cases that have a formula.
#[allow(clippy::cast_precision_loss)]
fn checks() -> Vec<Figure> {
    // Twenty instances and no start: a loss system, which Erlang's first formula describes.
    let service = Service { fixed: 0.020, calls: 0 };
    let (rate, instances) = (1_000.0, 20.0);
    let limits = Limits { gateway: None, instances, invocations: f64::INFINITY, start: 0.0 };
    let loss = (1..=20)
        .map(|seed| {
            let run = simulate(&service, &limits, &|_| rate, rate, seed);
            run.by_lambda as f64 / (run.by_lambda + run.latencies.len()) as f64
        })
        .sum::<f64>()
        / 20.0;
    let expected = erlang_b(rate * service.fixed, 20);
    let erlang = (loss / expected - 1.0).abs();
    // As many in service as arrive in the time of a service (Little), where nobody is refused.
    let service = Service { fixed: 0.020, calls: 2 };
    let run = simulate(&service, &Limits::of(10_000.0), &|_| rate, rate, 1);
    let little = (run.busy / SPAN / (rate * (service.fixed + 2.0 * CALL)) - 1.0).abs();
    // A bucket lets through what it holds, and then its rate.
    let gateway = Limits { gateway: Some((20.0, 40.0)), ..Limits::of(10_000.0) };
    let run = simulate(&service, &gateway, &|_| rate, rate, 1);
    let bucket = (run.latencies.len() as f64 / (40.0 + 20.0 * SPAN) - 1.0).abs();
    [
        ("lost calls against Erlang B", erlang),
        ("busy instances against Little's law", little),
        ("admitted against the bucket", bucket),
    ]
    .into_iter()
    .map(|(name, off)| {
        Figure::new(format!("check: {name}"), format!("{:.2} % off", off * 100.0)).bar("≤ 2 %", off <= 0.02)
    })
    .collect()
}

/// The share of lost calls of a load in Erlang at so many servers.
fn erlang_b(load: f64, servers: u32) -> f64 {
    (1..=servers).fold(1.0, |loss, n| load * loss / (f64::from(n) + load * loss))
}
