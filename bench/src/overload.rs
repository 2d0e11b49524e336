//! The local server under what it can do, offered at a fixed rate, and under more.

mod hostile;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Method, Request};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};

use crate::load::{PASSWORD, Server, Site, email};
use crate::results::{Figure, Section, ms, quantile};
use crate::stage::Folder;

/// With a session each, which is refreshed and read with.
const ACCOUNTS: usize = 256;
/// Who sign in are others, and, for each hash at a time, so many that none has more than the fifty sessions that an account
/// keeps: to end one's surplus is work that few sign-ins have.
const VISITORS: usize = 512;
const CLIENTS: usize = 16;
const PHASE: Duration = Duration::from_secs(8);
/// Long enough for the rarest in a thousand profile reads.
const STEADY_PHASE: Duration = Duration::from_secs(20);
const SHARES: [f64; 3] = [0.25, 0.5, 0.75];
const TIMES: [u32; 4] = [1, 2, 5, 10];
/// Of four requests one is a sign-in, one a refresh, and two read the profile.
const MIX: [usize; 4] = [SIGN_IN, PROFILE, REFRESH, PROFILE];
const STEPS: [&str; 3] = ["sign-in", "refresh", "profile"];
const SIGN_IN: usize = 0;
const REFRESH: usize = 1;
const PROFILE: usize = 2;
/// Whoever has no answer by then was left hanging.
const HUNG: Duration = Duration::from_secs(10);
/// The server's places (docs/adr/0015-overload.md): for sign-ins, for each hash that it makes at a time, and for the rest.
const PLACES_PER_HASH: usize = 16;
const OTHER_PLACES: usize = 64;
/// How much longer than its places' average the slowest percent of a kind may be there.
const SLOWEST: f64 = 2.0;
const NARROW: &str = "Little's law speaks of the average over all that share the places. A refresh has more to do there than a read, so its \
     slowest percent is near twice that where those who offer leave the server little of the cores.";
/// Of what is sustained, what is still done of each kind, whatever is offered.
const MIN_DONE: f64 = 0.5;
/// A refusal is answered before anything is done for it, so its time is the busy machine's.
const MAX_REFUSAL: Duration = Duration::from_secs(1);
const MAX_RECOVERY: Duration = Duration::from_secs(5);
const MAX_GROWTH: f64 = 2.0;
/// Connections that are of no use are ended after 5 or 10 s; the rest is what a busy machine adds.
const MAX_KEPT: Duration = Duration::from_secs(20);

pub async fn measure() -> Result<Section, String> {
    let folder = Folder::new("overload")?;
    let server = Server::start(folder.path()).await?;
    let crowd = Crowd::gather(&server.site).await?;
    let sustained = crowd.sustained().await;
    let before_kib = server.resident_kib()?;
    let mut figures = vec![Figure::new("sustained by 16 clients", format!("{sustained:.0} requests/s"))];
    for share in SHARES {
        let mut phase = crowd.offer(sustained * share, STEADY_PHASE).await;
        figures.extend(phase.steady_figures(share, server.resident_kib()?));
    }

    let address = server.site.url.trim_start_matches("http://").to_owned();
    let seen = hostile::Seen::default();
    let hostile = hostile::clients(&address, &seen);
    for times in TIMES {
        let mut phase = crowd.offer(sustained * f64::from(times), PHASE).await;
        figures.extend(phase.figures(times, sustained));
        if times == TIMES[TIMES.len() - 1] {
            let recovery = crowd.recovery().await;
            let value = recovery.map_or("not in 20 s".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()));
            let held = recovery.is_some_and(|time| time <= MAX_RECOVERY);
            figures.push(Figure::new("after that, until one of each kind is answered", value).bar("≤ 5 s", held));
        }
    }
    let most_kib = server.peak_kib()?;
    let (kept, open) = (seen.kept.lock().await.clone(), seen.open.lock().await.clone());
    drop(hostile);

    #[allow(clippy::cast_precision_loss)]
    let growth = most_kib as f64 / before_kib as f64;
    let (told, oversized) = (seen.told.load(Ordering::Relaxed), seen.oversized.load(Ordering::Relaxed));
    let ages = kept.iter().map(|(_, kept)| *kept).chain(open.values().map(Instant::elapsed));
    let longest = ages.max().unwrap_or_default();
    let ended = kept.iter().map(|(client, _)| client).collect::<HashSet<_>>().len();
    figures.push(
        Figure::new("memory, at most, against before", format!("{growth:.2} × ({before_kib} to {most_kib} KiB)"))
            .bar("≤ 2 ×", growth <= MAX_GROWTH),
    );
    figures.push(
        Figure::new(
            format!(
                "connections of {} clients that use them badly: ended, of so many clients / longest kept",
                hostile::COUNT
            ),
            format!("{}, of {ended} / {:.1} s", kept.len(), longest.as_secs_f64()),
        )
        .bar("of each, ≤ 20 s", ended == hostile::COUNT && longest <= MAX_KEPT),
    );
    figures.push(
        Figure::new("oversized headers: sent / answered 431", format!("{oversized} / {told}"))
            .bar("all", oversized > 0 && told + 1 >= oversized),
    );
    server.stop().await?;
    Ok(Section {
        title: "Load at fixed rates, and overload",
        command: "bench overload",
        method: format!(
            "The server of `make run`. First {CLIENTS} clients, each with its next request as soon as the last is \
             answered, show what it sustains of one sign-in, one refresh and two profile reads. Then {SHARES:?} of that is \
             offered for {} s each, and {TIMES:?} times as much for {} s each, at fixed moments whatever became of those \
             before; latency counts from these moments, so that nothing is omitted while an answer is late (of fewer than a \
             thousand, p99.9 is the slowest). The latencies of overload are bounded by what the server's places allow, {PLACES_PER_HASH} for sign-ins for each hash at a time and {OTHER_PLACES} for \
             refreshes and reads together: by Little's law a request is there, on average over all that share the places, for as long as \
             these take to be emptied at the rate at which they were in that phase. The bar is twice that, and the time of a refusal, for which nothing is done but to wait for the cores; and half of what \
             was sustained has to be done of each kind. Beside overload are clients that connect and say nothing, send a byte of their headers every half a \
             second, read no answers, or send headers of 256 KiB. Those who offer share the cores with the server.",
            STEADY_PHASE.as_secs(),
            PHASE.as_secs(),
        ),
        figures,
    })
}

/// How many hashes the server makes at a time.
fn hashes() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}

fn visitors() -> usize {
    VISITORS * hashes()
}

/// Accounts, their sessions, and their client.
#[derive(Clone)]
struct Crowd {
    site: Site,
    next: Arc<AtomicUsize>,
    next_visitor: Arc<AtomicUsize>,
    access: Arc<Vec<String>>,
    /// Refresh tokens that nobody uses at the moment.
    refresh: Arc<Mutex<Vec<String>>>,
}

/// What became of one request.
enum Outcome {
    Done(Value),
    /// 429 or 503 with `Retry-After`.
    Refused,
    /// Any other answer.
    Wrong(String),
    /// None: reset, or nothing in time.
    Lost(String),
}

#[derive(Default)]
struct Phase {
    seconds: f64,
    times: [Vec<Duration>; 3],
    refusals: [Vec<Duration>; 3],
    wrong: Vec<String>,
    lost: Vec<String>,
}

impl Crowd {
    async fn gather(site: &Site) -> Result<Self, String> {
        // An idle connection is given up here before the server does it: a request must not meet its end.
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(2))
            .build_http();
        let site = Site { http, url: site.url.clone() };
        let (mut opening, mut all) = (JoinSet::new(), Vec::new());
        let visitors = (0..visitors()).map(|number| (format!("visitor{number}"), false));
        for (name, has_session) in (0..ACCOUNTS).map(|number| (format!("crowd{number}"), true)).chain(visitors) {
            let site = site.clone();
            opening.spawn(async move {
                let body = json!({"email": email(&name), "username": name, "password": PASSWORD});
                until(201, || site.post("/auth/register", &body)).await?;
                let body = json!({"username": name, "password": PASSWORD});
                let tokens =
                    if has_session { until(200, || site.post("/auth/login", &body)).await? } else { Value::Null };
                Ok::<_, String>(tokens)
            });
            if opening.len() == CLIENTS {
                all.extend(opening.join_next().await);
            }
        }
        all.extend(opening.join_all().await.into_iter().map(Ok));
        let (mut access, mut refresh) = (Vec::new(), Vec::new());
        for tokens in all {
            let tokens = tokens.map_err(|error| error.to_string())??;
            if tokens.is_null() {
                continue;
            }
            access.push(tokens["access_token"].as_str().unwrap_or_default().to_owned());
            refresh.push(tokens["refresh_token"].as_str().unwrap_or_default().to_owned());
        }
        Ok(Self {
            site,
            next: Arc::default(),
            next_visitor: Arc::default(),
            access: Arc::new(access),
            refresh: Arc::new(Mutex::new(refresh)),
        })
    }

    /// Requests a second, each client waiting for its answer.
    async fn sustained(&self) -> f64 {
        let begin = Instant::now();
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let crowd = self.clone();
            clients.spawn(async move {
                let mut done = 0_u32;
                while begin.elapsed() < PHASE {
                    for step in MIX {
                        done += u32::from(matches!(crowd.ask(step).await, Outcome::Done(_)));
                    }
                }
                done
            });
        }
        let done: u32 = clients.join_all().await.into_iter().sum();
        f64::from(done) / begin.elapsed().as_secs_f64()
    }

    /// So many a second, whatever becomes of them.
    async fn offer(&self, per_second: f64, time: Duration) -> Phase {
        let begin = Instant::now();
        let mut asked = JoinSet::new();
        for number in 0_u32.. {
            let due = begin + Duration::from_secs_f64(f64::from(number) / per_second);
            if due >= begin + time {
                break;
            }
            sleep_until(due.into()).await;
            let (crowd, step) = (self.clone(), MIX[number as usize % MIX.len()]);
            asked.spawn(async move {
                let outcome = crowd.ask(step).await;
                (step, outcome, due.elapsed())
            });
        }
        let mut phase = Phase::default();
        while let Some(asked) = asked.join_next().await {
            let Ok((step, outcome, time)) = asked else { continue };
            match outcome {
                Outcome::Done(_) => phase.times[step].push(time),
                Outcome::Refused => phase.refusals[step].push(time),
                Outcome::Wrong(what) => phase.wrong.push(format!("{}: {what}", STEPS[step])),
                Outcome::Lost(what) => phase.lost.push(format!("{}: {what}", STEPS[step])),
            }
        }
        phase.seconds = begin.elapsed().as_secs_f64();
        phase
    }

    /// How long it takes until a sign-in, a refresh and a profile read have each been answered.
    async fn recovery(&self) -> Option<Duration> {
        let begin = Instant::now();
        let all = async {
            for step in [SIGN_IN, REFRESH, PROFILE] {
                while !matches!(self.ask(step).await, Outcome::Done(_)) {
                    sleep(Duration::from_millis(100)).await;
                }
            }
        };
        timeout(Duration::from_secs(20), all).await.ok().map(|()| begin.elapsed())
    }

    async fn ask(&self, step: usize) -> Outcome {
        match step {
            SIGN_IN => {
                let visitor = self.next_visitor.fetch_add(1, Ordering::Relaxed) % visitors();
                let body = json!({"email": email(&format!("visitor{visitor}")), "password": PASSWORD});
                self.send(Method::POST, "/auth/login", None, Some(&body)).await
            }
            REFRESH => {
                let token = self.refresh.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(token) = token else { return Outcome::Lost("all sessions are waiting".to_owned()) };
                let outcome =
                    self.send(Method::POST, "/auth/refresh", None, Some(&json!({"refresh_token": token}))).await;
                let next = match &outcome {
                    Outcome::Done(tokens) => tokens["refresh_token"].as_str().map(str::to_owned),
                    // Whatever was written, the same token gets the same successor.
                    Outcome::Refused | Outcome::Lost(_) => Some(token),
                    Outcome::Wrong(_) => None,
                };
                self.refresh.lock().unwrap_or_else(PoisonError::into_inner).extend(next);
                outcome
            }
            _ => {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                let token = &self.access[number % self.access.len()];
                self.send(Method::GET, "/auth/profile", Some(token), None).await
            }
        }
    }

    async fn send(&self, method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> Outcome {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.site.url));
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = match request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))) {
            Ok(request) => request,
            Err(error) => return Outcome::Wrong(error.to_string()),
        };
        let answer = async {
            let response = self.site.http.request(request).await.map_err(|error| format!("{error:?}"))?;
            let (status, has_time) = (response.status().as_u16(), response.headers().contains_key(RETRY_AFTER));
            let body: Bytes = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
            Ok::<_, String>((status, has_time, serde_json::from_slice::<Value>(&body).unwrap_or_default()))
        };
        match timeout(HUNG, answer).await {
            Ok(Ok((200, _, body))) => Outcome::Done(body),
            Ok(Ok((429 | 503, true, _))) => Outcome::Refused,
            Ok(Ok((status, _, body))) => Outcome::Wrong(format!("{status} {}", body["code"])),
            Ok(Err(error)) => Outcome::Lost(error),
            Err(_) => Outcome::Lost(format!("no answer in {} s", HUNG.as_secs())),
        }
    }
}

impl Phase {
    /// Of a rate that is not too much: everyone is admitted, and it is the tail that tells.
    fn steady_figures(&mut self, share: f64, kib: u64) -> Vec<Figure> {
        self.report(&format!("{share} ×"));
        let done: usize = self.times.iter().map(Vec::len).sum();
        let refused: usize = self.refusals.iter().map(Vec::len).sum();
        let others = self.wrong.len() + self.lost.len();
        #[allow(clippy::cast_precision_loss)]
        let per_second = done as f64 / self.seconds;
        let mut figures = vec![
            Figure::new(
                format!("{share} ×: done / refused / others; memory at its end"),
                format!("{done} ({per_second:.0}/s) / {refused} / {others}; {kib} KiB"),
            )
            .bar("all done", done > 0 && refused + others == 0),
        ];
        for (name, times) in STEPS.iter().zip(&mut self.times) {
            let [half, tenth, most, rarest] = [0.5, 0.9, 0.99, 0.999].map(|q| ms(quantile(times, q)));
            figures.push(Figure::new(
                format!("{share} ×, {name}: p50 / p90 / p99 / p99.9 of {}", times.len()),
                format!("{half} / {tenth} / {most} / {rarest}"),
            ));
        }
        figures
    }

    /// Some of what went wrong.
    fn report(&self, rate: &str) {
        for fault in self.wrong.iter().take(3).chain(self.lost.iter().take(3)) {
            eprintln!("overload, {rate}: {fault}");
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn figures(&mut self, times: u32, sustained: f64) -> Vec<Figure> {
        self.report(&format!("{times} ×"));
        let done: usize = self.times.iter().map(Vec::len).sum();
        let refused: usize = self.refusals.iter().map(Vec::len).sum();
        let per_second = done as f64 / self.seconds;
        let (wrong, lost) = (self.wrong.len(), self.lost.len());
        let mut figures = vec![
            Figure::new(
                format!("{times} ×: admitted / refused with `Retry-After` / other answers / none"),
                format!("{done} ({per_second:.0}/s) / {refused} / {wrong} / {lost}"),
            )
            .bar("no other, each answered", done > 0 && wrong == 0 && lost == 0),
        ];
        for (step, name) in STEPS.iter().enumerate() {
            let (places, emptied) = if step == SIGN_IN {
                (PLACES_PER_HASH * hashes(), self.times[SIGN_IN].len())
            } else {
                (OTHER_PLACES, self.times[REFRESH].len() + self.times[PROFILE].len())
            };
            let (admitted, refused) = (&mut self.times[step], &mut self.refusals[step]);
            let per_second = admitted.len() as f64 / self.seconds;
            let least =
                MIN_DONE * sustained * MIX.iter().filter(|other| **other == step).count() as f64 / MIX.len() as f64;
            let (most, refusal) = (quantile(admitted, 0.99), quantile(refused, 0.99));
            let max = Duration::from_secs_f64(SLOWEST * places as f64 * self.seconds / emptied.max(1) as f64) + refusal;
            let figure = Figure::new(
                format!("{times} ×, {name}: admitted, p50 / p99; p99 of refusals"),
                format!(
                    "{} ({per_second:.0}/s), {} / {}; {}",
                    admitted.len(),
                    ms(quantile(admitted, 0.5)),
                    ms(most),
                    ms(refusal)
                ),
            )
            .bar(
                format!("≥ {least:.0}/s; p99 ≤ {}; ≤ 1 s", ms(max)),
                per_second >= least && most <= max && refusal <= MAX_REFUSAL,
            );
            figures.push(if step == REFRESH { figure.because(NARROW) } else { figure });
        }
        figures
    }
}

/// Asks until the answer is the one that is wanted.
async fn until<F: Future<Output = Result<(u16, Value), String>>>(
    status: u16,
    ask: impl Fn() -> F,
) -> Result<Value, String> {
    for _ in 0..100 {
        match ask().await? {
            (got, body) if got == status => return Ok(body),
            (429 | 503, _) => sleep(Duration::from_millis(200)).await,
            (got, body) => return Err(format!("{got} {body}")),
        }
    }
    Err("refused a hundred times".to_owned())
}
