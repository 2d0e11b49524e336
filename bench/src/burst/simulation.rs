//! Requests, instances and limits, event by event. It knows nothing of sign-ins; its tests compare it with formulas.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::random::Random;

/// What arrives, and for how long.
pub struct Load<'a> {
    /// Seconds.
    pub span: f64,
    /// Requests per second at a time.
    pub rate: &'a dyn Fn(f64) -> f64,
    /// The most that `rate` answers.
    pub most: f64,
    pub seed: u64,
}

/// Lambda's limits of one function, and the gateway's of its route.
#[derive(Clone, Copy)]
pub struct Limits {
    /// The template's, of the route: requests per second and at once.
    pub route: Option<(f64, f64)>,
    /// The account's, of all its APIs.
    pub gateway: (f64, f64),
    /// Executions at the same time: the account's quota, or what is reserved for the function.
    pub instances: f64,
    /// Invocations per second.
    pub invocations: f64,
    /// Instances that the function gets per second and at once.
    pub ramp: (f64, f64),
}

impl Limits {
    pub const NONE: Self = Self {
        route: None,
        gateway: (f64::INFINITY, f64::INFINITY),
        instances: f64::INFINITY,
        invocations: f64::INFINITY,
        ramp: (f64::INFINITY, f64::INFINITY),
    };
}

/// Seconds that a request takes; drawn anew for each.
pub trait Service {
    /// From the order to make an instance until it begins to serve.
    fn start(&self, random: &mut Random) -> f64;

    /// The request itself, arriving at `now`; `is_first` of its instance.
    fn serve(&self, now: f64, is_first: bool, random: &mut Random) -> f64;

    /// How long a client waits before it goes away. The instance goes on.
    fn patience(&self) -> f64 {
        f64::INFINITY
    }
}

#[derive(Default, PartialEq, Debug)]
pub struct Run {
    /// Seconds from the gateway to the answer, of all that were served.
    pub latencies: Vec<f64>,
    pub cold: usize,
    /// Served, but to nobody any more.
    pub given_up: usize,
    pub by_route: usize,
    pub by_gateway: usize,
    pub by_invocations: usize,
    pub by_instances: usize,
    pub by_ramp: usize,
    /// Instances made; none ends within a run.
    pub instances: usize,
    /// How often an arrival found so many of them at work.
    pub found_busy: Vec<usize>,
}

impl Run {
    pub fn refused(&self) -> usize {
        self.by_route + self.by_gateway + self.by_invocations + self.by_instances + self.by_ramp
    }

    pub fn offered(&self) -> usize {
        self.latencies.len() + self.refused()
    }
}

/// An instance serves one request at a time, and an idle one is taken before another is made. Where there is none, the
/// request waits for its own to start: whichever comes free meanwhile is left to the next.
///
/// Arrivals are Poisson, by thinning: drawn at the highest rate, and each kept with the chance `rate(t) / most`.
#[allow(clippy::cast_precision_loss)]
pub fn simulate(service: &impl Service, limits: &Limits, load: &Load<'_>) -> Run {
    let mut random = Random::new(load.seed);
    let mut run = Run::default();
    let mut busy = BinaryHeap::<Reverse<Moment>>::new();
    let mut idle = 0usize;
    let mut route = limits.route.map(Bucket::new);
    let mut gateway = Bucket::new(limits.gateway);
    let mut invocations = Bucket::new((limits.invocations, limits.invocations));
    let mut ramp = Bucket::new(limits.ramp);
    let mut now = 0.0;
    loop {
        now += random.exponential(load.most);
        if now > load.span {
            return run;
        }
        if random.uniform() * load.most > (load.rate)(now) {
            continue;
        }
        while busy.peek().is_some_and(|Reverse(free)| free.0 <= now) {
            busy.pop();
            idle += 1;
        }
        if run.found_busy.len() <= busy.len() {
            run.found_busy.resize(busy.len() + 1, 0);
        }
        run.found_busy[busy.len()] += 1;

        let is_cold = idle == 0;
        // Each in its turn: who is refused by one takes nothing from those behind it.
        let refused = if route.as_mut().is_some_and(|bucket| !bucket.take(now)) {
            Some(&mut run.by_route)
        } else if !gateway.take(now) {
            Some(&mut run.by_gateway)
        } else if !invocations.take(now) {
            Some(&mut run.by_invocations)
        } else if is_cold && busy.len() as f64 >= limits.instances {
            Some(&mut run.by_instances)
        } else if is_cold && !ramp.take(now) {
            Some(&mut run.by_ramp)
        } else {
            None
        };
        if let Some(counter) = refused {
            *counter += 1;
            continue;
        }

        let start = if is_cold { service.start(&mut random) } else { 0.0 };
        let latency = start + service.serve(now, is_cold, &mut random);
        if is_cold {
            run.cold += 1;
            run.instances += 1;
        } else {
            idle -= 1;
        }
        if latency > service.patience() {
            run.given_up += 1;
        }
        run.latencies.push(latency);
        busy.push(Reverse(Moment(now + latency)));
    }
}

/// A time with an order; none is NaN.
#[derive(PartialEq)]
struct Moment(f64);

impl Eq for Moment {}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A token bucket, full at first.
struct Bucket {
    per_second: f64,
    at_once: f64,
    tokens: f64,
    at: f64,
}

impl Bucket {
    fn new((per_second, at_once): (f64, f64)) -> Self {
        Self { per_second, at_once, tokens: at_once, at: 0.0 }
    }

    fn take(&mut self, now: f64) -> bool {
        if self.at_once.is_infinite() {
            return true;
        }
        self.tokens = (self.tokens + (now - self.at) * self.per_second).min(self.at_once);
        self.at = now;
        let is_there = self.tokens >= 1.0;
        if is_there {
            self.tokens -= 1.0;
        }
        is_there
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss)]
mod tests {
    use super::*;

    /// No start, and a service that is always as long or exponential.
    struct Plain {
        mean: f64,
        is_exponential: bool,
        patience: f64,
    }

    impl Plain {
        fn fixed(mean: f64) -> Self {
            Self { mean, is_exponential: false, patience: f64::INFINITY }
        }

        fn exponential(mean: f64) -> Self {
            Self { is_exponential: true, ..Self::fixed(mean) }
        }
    }

    impl Service for Plain {
        fn start(&self, _: &mut Random) -> f64 {
            0.0
        }

        fn serve(&self, _: f64, _: bool, random: &mut Random) -> f64 {
            if self.is_exponential { random.exponential(1.0 / self.mean) } else { self.mean }
        }

        fn patience(&self) -> f64 {
            self.patience
        }
    }

    fn steady(service: &impl Service, limits: Limits, rate: f64, span: f64) -> Run {
        simulate(service, &limits, &Load { span, rate: &|_| rate, most: rate, seed: 7 })
    }

    #[track_caller]
    fn assert_near(found: f64, expected: f64, share: f64) {
        assert!((found / expected - 1.0).abs() <= share, "{found} is not within {share} of {expected}");
    }

    /// The share of lost calls of a load in Erlang at so many servers.
    fn erlang_b(load: f64, servers: u32) -> f64 {
        (1..=servers).fold(1.0, |loss, n| load * loss / (f64::from(n) + load * loss))
    }

    #[test]
    fn erlangs_formula_gives_the_values_of_its_tables() {
        assert_near(erlang_b(1.0, 1), 0.5, 1e-9);
        assert_near(erlang_b(2.0, 2), 0.4, 1e-9);
        assert_near(erlang_b(20.0, 20), 0.158_9, 1e-3);
    }

    #[test]
    fn a_quota_of_instances_loses_what_erlang_b_says_whatever_the_service() {
        for (load, instances) in [(2.0, 2), (20.0, 20), (150.0, 160)] {
            for service in [Plain::fixed(0.02), Plain::exponential(0.02)] {
                let limits = Limits { instances: f64::from(instances), ..Limits::NONE };
                let run = steady(&service, limits, load / 0.02, 12_000.0 / load);
                assert_eq!(run.by_instances, run.refused());
                assert_near(run.by_instances as f64 / run.offered() as f64, erlang_b(load, instances), 0.04);
                assert!(run.instances <= instances as usize);
            }
        }
    }

    #[test]
    fn as_many_are_busy_as_little_says_and_as_poisson_spreads() {
        // Without limits the number at work is Poisson, and an arrival finds it as it is on average.
        let run = steady(&Plain::fixed(0.026), Limits::NONE, 100.0, 2_000.0);
        let (arrivals, mean) = (run.offered() as f64, 2.6);
        let found = run.found_busy.iter().enumerate().map(|(busy, &times)| busy as f64 * times as f64).sum::<f64>();
        assert_near(found / arrivals, mean, 0.01);
        let mut chance = f64::exp(-mean);
        for (busy, &times) in run.found_busy.iter().enumerate().take(6) {
            assert_near(times as f64 / arrivals, chance, 0.03);
            chance *= mean / (busy as f64 + 1.0);
        }
        assert_eq!(run.instances, run.found_busy.len(), "one for each of the most that were ever busy at once");
    }

    #[test]
    fn a_route_lets_through_what_its_bucket_holds_and_then_its_rate() {
        let limits = Limits { route: Some((20.0, 40.0)), ..Limits::NONE };
        let run = steady(&Plain::fixed(0.001), limits, 1_000.0, 60.0);
        assert_near(run.latencies.len() as f64, 40.0 + 20.0 * 60.0, 0.002);
        assert_eq!(run.by_route, run.refused());
        // A tenth of the rate: at Poisson's mercy, but a bucket of forty is never empty.
        assert_eq!(steady(&Plain::fixed(0.001), limits, 2.0, 600.0).refused(), 0);
    }

    #[test]
    fn the_ramp_makes_a_thousand_at_once_and_then_a_hundred_a_second() {
        let limits = Limits { ramp: (100.0, 1_000.0), ..Limits::NONE };
        // Nobody is ever done.
        let run = steady(&Plain::fixed(1e6), limits, 5_000.0, 10.0);
        assert_near(run.instances as f64, 2_000.0, 0.002);
        assert_eq!(run.by_ramp, run.refused());
        assert_eq!(run.cold, run.latencies.len());
    }

    #[test]
    fn the_ramp_counts_instances_and_not_requests() {
        let limits = Limits { ramp: (0.001, 10.0), ..Limits::NONE };
        let run = steady(&Plain::fixed(0.001), limits, 1_000.0, 60.0);
        assert!(
            run.refused() == 0 && run.latencies.len() > 59_000 && run.instances <= 10,
            "{} instances",
            run.instances
        );
    }

    #[test]
    fn a_bucket_never_holds_more_than_it_can() {
        let mut bucket = Bucket::new((1.0, 3.0));
        let mut taken = |now| (0..9).filter(|_| bucket.take(now)).count();
        assert_eq!([taken(0.0), taken(0.5), taken(1.0), taken(100.0)], [3, 0, 1, 3]);
    }

    #[test]
    fn invocations_are_limited_however_short_they_are() {
        let limits = Limits { instances: 50.0, invocations: 500.0, ..Limits::NONE };
        let run = steady(&Plain::fixed(0.001), limits, 2_000.0, 20.0);
        assert_near(run.latencies.len() as f64, 500.0 + 500.0 * 20.0, 0.01);
        assert_eq!(run.by_invocations, run.refused());
    }

    #[test]
    fn the_account_is_limited_after_the_route() {
        let limits = Limits { route: Some((100.0, 100.0)), gateway: (50.0, 10.0), ..Limits::NONE };
        let run = steady(&Plain::fixed(0.001), limits, 1_000.0, 30.0);
        assert_near(run.latencies.len() as f64, 10.0 + 50.0 * 30.0, 0.01);
        assert_near((run.latencies.len() + run.by_gateway) as f64, 100.0 + 100.0 * 30.0, 0.01);
    }

    #[test]
    fn an_idle_instance_is_used_before_another_is_made() {
        // Ten seconds apart on average, and served in a microsecond.
        let run = steady(&Plain::fixed(1e-6), Limits::NONE, 0.1, 10_000.0);
        assert_eq!((run.instances, run.cold), (1, 1));
        assert!(run.latencies.len() > 900);
    }

    #[test]
    fn clients_give_up_as_often_as_a_service_is_longer_than_their_patience() {
        let service = Plain { patience: 0.2, ..Plain::exponential(0.1) };
        let run = steady(&service, Limits::NONE, 500.0, 200.0);
        assert_near(run.given_up as f64 / run.offered() as f64, f64::exp(-2.0), 0.02);
    }

    #[test]
    fn arrivals_follow_the_rate() {
        let load = Load { span: 100.0, rate: &|t| 10.0 * t, most: 1_000.0, seed: 7 };
        let run = simulate(&Plain::fixed(0.001), &Limits::NONE, &load);
        // The integral; three standard deviations are 1.3 %.
        assert_near(run.offered() as f64, 50_000.0, 0.014);
    }

    #[test]
    fn a_seed_gives_the_same_run_again_and_another_gives_another() {
        let run = |seed| {
            let load = Load { span: 10.0, rate: &|_| 100.0, most: 100.0, seed };
            simulate(&Plain::exponential(0.02), &Limits { instances: 3.0, ..Limits::NONE }, &load)
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }
}
