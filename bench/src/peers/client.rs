//! A client of a peer: it knows its account and its tokens, and takes new ones from the answers.

use std::time::{Duration, Instant};

use auth_testing::Function;
use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;
use tokio::time::timeout;

/// A request, and the answer to it that counts. `$NAME` and the like stand for what the client knows.
#[derive(Clone, Copy)]
pub struct Call {
    /// As a peer's documentation has it; a function is sent its event whatever this is.
    pub method: &'static str,
    pub path: &'static str,
    pub headers: &'static [(&'static str, &'static str)],
    pub body: &'static str,
    pub status: u16,
    /// A JSON pointer into the answer, and how the text there begins: a refusal that is quick must not pass for an answer.
    pub proof: (&'static str, &'static str),
}

/// Where an answer has what the next call needs: what it is called in calls, and a JSON pointer or [`SET_COOKIE`].
pub type Takes = &'static [(&'static str, &'static str)];

/// A name in calls, and what it stands for.
pub type Known = (&'static str, String);

pub const SET_COOKIE: &str = "set-cookie";

pub struct Client {
    known: Vec<Known>,
    takes: Takes,
    way: Way,
    /// Requests that had no answer at first.
    pub asked_again: u32,
}

enum Way {
    /// To a server, by a connection of its own.
    Server(Http<HttpConnector, Body>, String),
    /// To an instance of a function of its own, with the event that it is sent.
    Function(Function, String),
}

impl Client {
    pub fn of_server(url: &str, name: &str, password: &str, takes: Takes) -> Self {
        // An idle connection is given up here before the server does it: a request must not meet its end.
        let http = Http::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(1))
            .build_http();
        let known = vec![("$NAME", name.to_owned()), ("$PASSWORD", password.to_owned())];
        Self { known, takes, way: Way::Server(http, url.to_owned()), asked_again: 0 }
    }

    pub fn of_function(function: Function, event: String, known: Vec<Known>, takes: Takes) -> Self {
        Self { known, takes, way: Way::Function(function, event), asked_again: 0 }
    }

    /// What it was given, and what it has taken from answers.
    pub fn known(&self) -> &[Known] {
        &self.known
    }

    /// Asks over and over until the time has come; how long each answer took.
    pub async fn repeat(&mut self, call: &Call, end: Instant) -> Result<Vec<Duration>, String> {
        let mut times = Vec::new();
        while times.is_empty() || Instant::now() < end {
            times.push(self.ask(call).await?);
        }
        Ok(times)
    }

    /// How long the answer took, if it is the one that counts.
    pub async fn ask(&mut self, call: &Call) -> Result<Duration, String> {
        let (time, answer) = match &mut self.way {
            Way::Server(http, url) => {
                let url = format!("{url}{}", fill(call.path, &self.known));
                let begin = Instant::now();
                let mut answer = asked(http, call, &url, &self.known).await;
                // A server that restarts a worker, as uvicorn does with one that hashes for too long, ends its connections.
                if answer.is_err() {
                    self.asked_again += 1;
                    answer = asked(http, call, &url, &self.known).await;
                }
                let answer = answer?;
                (begin.elapsed(), answer)
            }
            Way::Function(function, event) => {
                let event = fill(event, &self.known);
                let begin = Instant::now();
                function.send(&event)?;
                let (at, answer) = function.answer().await?;
                (at.duration_since(begin), Answer::of_function(&answer))
            }
        };
        answer.check(call, &self.known)?;
        for &(name, place) in self.takes {
            let Some(value) = answer.at(place).filter(|value| !value.is_empty()) else { continue };
            match self.known.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => value.clone_into(known),
                None => self.known.push((name, value.to_owned())),
            }
        }
        Ok(time)
    }
}

/// One request, and its answer, whatever that is.
async fn asked(http: &Http<HttpConnector, Body>, call: &Call, url: &str, known: &[Known]) -> Result<Answer, String> {
    let mut request = Request::builder().method(call.method).uri(url);
    for (name, value) in call.headers {
        request = request.header(*name, fill(value, known));
    }
    let request = request.body(Body::from(fill(call.body, known))).map_err(|error| error.to_string())?;
    let answer = timeout(PATIENCE, Answer::of_server(http, request)).await;
    answer.map_err(|_| format!("no answer in {} s", PATIENCE.as_secs()))?
}

/// With what each name stands for.
pub fn fill(text: &str, known: &[Known]) -> String {
    known.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

const PATIENCE: Duration = Duration::from_secs(20);

struct Answer {
    status: u16,
    cookie: String,
    body: Value,
}

impl Answer {
    async fn of_server(http: &Http<HttpConnector, Body>, request: Request<Body>) -> Result<Self, String> {
        let response = http.request(request).await.map_err(|error| format!("{error:?}"))?;
        let status = response.status().as_u16();
        let cookie = response.headers().get(header::SET_COOKIE).and_then(|cookie| cookie.to_str().ok());
        // Without its attributes.
        let cookie = cookie.and_then(|cookie| cookie.split(';').next()).unwrap_or_default().to_owned();
        let body: Bytes = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(Self { status, cookie, body: serde_json::from_slice(&body).unwrap_or_default() })
    }

    fn of_function(answer: &Value) -> Self {
        let status = answer["statusCode"].as_u64().and_then(|status| status.try_into().ok()).unwrap_or(0);
        let body = answer["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
        Self { status, cookie: String::new(), body }
    }

    fn check(&self, call: &Call, known: &[Known]) -> Result<(), String> {
        let (place, beginning) = call.proof;
        let beginning = fill(beginning, known);
        let proves = |text: &str| !text.is_empty() && text.starts_with(&beginning);
        if self.status == call.status && self.at(place).is_some_and(proves) {
            return Ok(());
        }
        Err(format!("{} {} was answered {} {}", call.method, call.path, self.status, self.body))
    }

    fn at(&self, place: &str) -> Option<&str> {
        if place == SET_COOKIE { Some(&self.cookie) } else { self.body.pointer(place)?.as_str() }
    }
}
