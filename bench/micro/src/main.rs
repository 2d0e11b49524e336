//! What a request is made of, piece by piece. `bench micro` runs this, and reads the estimates that criterion leaves in
//! the folder `CRITERION_HOME`.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use auth::{
    Algorithm, App, Claims, Clock, Config, Email, HashParameters, Hasher, KeySet, Log, Password, Random, RefreshToken,
    SessionId, UserId, Verifier,
};
use auth_http::{Body, Faults, Field, Json, Unknown};
use axum::extract::{FromRequest, Request};
use criterion::{BatchSize, Criterion};
use serde::Deserialize;
use serde_json::json;

fn main() -> ExitCode {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    match all(&mut criterion) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("micro: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The names are those that bench/src/micro.rs looks for.
fn all(criterion: &mut Criterion) -> Result<(), String> {
    hash(criterion)?;
    access_token(criterion)?;
    refresh_token(criterion)?;
    json(criterion)
}

fn hash(criterion: &mut Criterion) -> Result<(), String> {
    let runtime = runtime()?;
    let hasher = Hasher::new(HashParameters::DEFAULT, 1, Random::System);
    let password = Password::parse("correct horse battery staple 42").map_err(|error| error.detail)?;
    let stored = runtime.block_on(hasher.hash(password.clone())).map_err(text)?;
    criterion.bench_function("password verify", |bencher| {
        bencher.iter(|| runtime.block_on(hasher.verify(password.clone(), Some(&stored))));
    });
    Ok(())
}

fn access_token(criterion: &mut Criterion) -> Result<(), String> {
    let now = Clock::System.now();
    let claims: Claims = serde_json::from_value(json!({
        "iss": "https://bench.example",
        "sub": USER,
        "aud": "vestibule",
        "client_id": "vestibule",
        "exp": now.seconds() + 600,
        "iat": now.seconds(),
        "jti": SESSION,
        "sid": SESSION,
        "roles": ["admin"],
        "email_verified": true,
        "auth_time": now.seconds(),
    }))
    .map_err(|error| error.to_string())?;
    for (name, algorithm) in [("RS256", Algorithm::RS256), ("ES256", Algorithm::ES256), ("EdDSA", Algorithm::EdDsa)] {
        let keys = KeySet::generate(algorithm, now, &Random::System).map_err(text)?;
        let verifier = Verifier::new(&keys.published(&claims.iss, &[])).map_err(text)?;
        let token = keys.sign(&claims, now).map_err(text)?;
        verifier.verify(token.expose(), &claims.aud, now).map_err(text)?;
        criterion.bench_function(&format!("access token sign {name}"), |bencher| {
            bencher.iter(|| keys.sign(black_box(&claims), now));
        });
        criterion.bench_function(&format!("access token check {name}"), |bencher| {
            bencher.iter(|| verifier.verify(black_box(token.expose()), &claims.aud, now));
        });
    }
    Ok(())
}

fn refresh_token(criterion: &mut Criterion) -> Result<(), String> {
    let now = Clock::System.now();
    let keys = KeySet::generate(Algorithm::EdDsa, now, &Random::System).map_err(text)?;
    let key = keys.mac_key(now).ok_or("no MAC key")?;
    let (user, session) = (UserId::parse(USER).ok_or("no user")?, SessionId::parse(SESSION).ok_or("no session")?);
    criterion.bench_function("refresh token make", |bencher| {
        bencher.iter(|| RefreshToken::first(black_box(user), session, key, [7; 16]).seal(key));
    });
    let token = RefreshToken::first(user, session, key, [7; 16]).seal(key);
    let known = [key.clone()];
    RefreshToken::open(&token, &known).ok_or("a token does not open")?;
    criterion.bench_function("refresh token open", |bencher| {
        bencher.iter(|| RefreshToken::open(black_box(&token), &known));
    });
    Ok(())
}

fn json(criterion: &mut Criterion) -> Result<(), String> {
    let event = include_str!("../../../events/login.json");
    lambda_http::request::from_str(event).map_err(|error| error.to_string())?;
    criterion.bench_function("event decode", |bencher| {
        bencher.iter(|| lambda_http::request::from_str(black_box(event)));
    });

    let runtime = runtime()?;
    let guard = runtime.enter();
    // Nobody calls anything here.
    let app = App::connect(Config::local("http://127.0.0.1:1", "none"), Log::memory());
    drop(guard);
    let request = || {
        let mut request = Request::new(axum::body::Body::from(SIGN_IN));
        request.headers_mut().insert("content-type", axum::http::HeaderValue::from_static("application/json"));
        request.extensions_mut().insert(app.clone());
        request
    };
    let parse = |request| runtime.block_on(Json::<SignIn>::from_request(request, &()));
    parse(request()).map_err(|_| "a body is refused")?;
    criterion.bench_function("body parse", |bencher| bencher.iter_batched(request, parse, BatchSize::SmallInput));
    Ok(())
}

const USER: &str = "01990000-0000-7000-8000-000000000001";
const SESSION: &str = "01990000-0000-7000-8000-000000000002";
const SIGN_IN: &str = r#"{"email": "ada@example.com", "password": "correct horse battery staple 42"}"#;

/// As the function's own, which is private to it.
#[derive(Deserialize)]
struct SignIn {
    #[serde(default)]
    email: Field,
    #[serde(default)]
    password: Field,
    #[serde(flatten)]
    unknown: Unknown,
}

impl Body for SignIn {
    type Valid = (Email, Password);

    fn check(self, _: &App, faults: &mut Faults) -> Option<Self::Valid> {
        faults.unknown(self.unknown);
        let password = faults.required("/password", self.password, Password::parse);
        let email = faults.required("/email", self.email, Email::parse);
        email.zip(password)
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())
}

// A function pointer's worth of `to_string`, for the domain's errors by value.
#[allow(clippy::needless_pass_by_value)]
fn text(error: auth::Error) -> String {
    error.to_string()
}
