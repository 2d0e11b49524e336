use std::convert::Infallible;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use auth::{App, Config, ConfigError, Error, Log};
use axum::Router;
use axum::http::header::HOST;
use axum::response::Response;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, LambdaEvent};
use lambda_runtime::{Context, Diagnostic, service_fn};
use serde::Serialize;
use tower::{Service, ServiceExt};

use crate::edge;
use crate::metrics::InvocationMetrics;

/// What a function answers to API Gateway. `lambda_http` does not export its name.
pub type LambdaResponse = <Adapter<'static, Response, Router> as Service<LambdaEvent<LambdaRequest>>>::Response;

/// Serves one event of API Gateway (HTTP API, payload 2.0) with `router`: in production, and in the tests of `events/`.
pub async fn handle(router: Router, mut event: LambdaRequest, context: Context) -> LambdaResponse {
    tame(&mut event);
    let Ok(response) = Adapter::from(router).oneshot(LambdaEvent::new(event, context)).await;
    response
}

/// Runs a function: configuration, powers and routes once, then events for as long as Lambda sends any.
///
/// `build` makes the function's plain router, from the powers that its `main` names.
pub fn run<F, Fut>(build: F) -> ExitCode
where
    F: FnOnce(App) -> Fut,
    Fut: Future<Output = Result<Router, ConfigError>>,
{
    let build = |app: App| async move {
        // Side by side: what a start waits for is the slowest of these, not their sum.
        let (router, ()) = tokio::join!(build(app.clone()), app.warm());
        router
    };
    start(build, async |app, router| {
        let router = edge(router, &app);
        lambda_runtime::run(service_fn(move |event: LambdaEvent<LambdaRequest>| {
            let router = router.clone();
            async move { Ok::<_, Infallible>(handle(router, event.payload, event.context).await) }
        }))
        .await
    })
}

/// Runs a function that nobody calls over HTTP: `build` makes what answers an event. One log line per event. Nothing is
/// read beforehand: nobody waits for the answer, and not every such function may read the table.
pub fn run_events<F, Fut, H, HFut>(build: F) -> ExitCode
where
    F: FnOnce(App) -> Fut,
    Fut: Future<Output = Result<H, ConfigError>>,
    H: Fn(serde_json::Value) -> HFut,
    HFut: Future<Output = Result<serde_json::Value, Error>>,
{
    start(build, async |app, handler| {
        let (app, handler) = (&app, &handler);
        lambda_runtime::run(service_fn(async move |event: LambdaEvent<serde_json::Value>| {
            let started = Instant::now();
            let answer = handler(event.payload).await;
            app.log.write(&Invocation::new(app, &event.context, started, answer.as_ref().err()));
            // Reported to whoever invoked; like the log line it names operations and codes, and no data.
            answer.map_err(|error| Diagnostic { error_type: "Error".to_owned(), error_message: error.to_string() })
        }))
        .await
    })
}

fn start<F, Fut, P>(build: F, serve: impl AsyncFnOnce(App, P) -> Result<(), lambda_runtime::Error>) -> ExitCode
where
    F: FnOnce(App) -> Fut,
    Fut: Future<Output = Result<P, ConfigError>>,
{
    let log = Log::Stdout;
    log_panics(&log);
    // One event at a time, so one thread: more would only cost memory and start-up.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&log, "runtime", &error),
    };
    runtime.block_on(async {
        let config = match Config::from_env() {
            Ok(config) => config,
            Err(error) => return refuse(&log, "config", &error),
        };
        let app = App::connect(config, log.clone());
        let held = match build(app.clone()).await {
            Ok(held) => held,
            Err(error) => return refuse(&log, "config", &error),
        };
        match serve(app, held).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => refuse(&log, "runtime", &error),
        }
    })
}

/// Of a panic, writes where it was and not what it says: a library's message may hold what it was given, a password.
pub fn log_panics(log: &Log) {
    let log = log.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let location = panic.location().map(|at| format!("{}:{}", at.file(), at.line()));
        log.write(&Panic { level: "error", message: "panic", location });
    }));
}

#[derive(Serialize)]
struct Panic {
    level: &'static str,
    message: &'static str,
    location: Option<String>,
}

#[derive(Serialize)]
struct Invocation<'a> {
    level: &'static str,
    message: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    duration_ms: u128,
    #[serde(flatten)]
    metrics: Option<InvocationMetrics<'a>>,
}

impl<'a> Invocation<'a> {
    fn new(app: &'a App, context: &'a Context, started: Instant, error: Option<&Error>) -> Self {
        let (at, function) = (app.clock.now().millis(), &context.env_config.function_name);
        Self {
            level: if error.is_some() { "error" } else { "info" },
            message: "invocation",
            request_id: &context.request_id,
            error: error.map(Error::to_string),
            duration_ms: started.elapsed().as_millis(),
            metrics: (app.config.metrics_stack.as_deref())
                .map(|stack| InvocationMetrics::new(stack, at, function, error.is_none())),
        }
    }
}

/// Keeps a client's text from crashing, or confusing, `lambda_http` 1.3. What the gateway itself writes is trusted.
fn tame(event: &mut LambdaRequest) {
    let LambdaRequest::ApiGatewayV2(event) = event else { return };
    // One cookie beyond ASCII, and it drops the Cookie header with all of them.
    if let Some(cookies) = &mut event.cookies {
        cookies.retain(|cookie| cookie.bytes().all(|b| b == b' ' || b.is_ascii_graphic()));
    }
    // It builds an absolute URL from these two and panics if that is none. Nothing of ours may depend on them.
    event.headers.remove(HOST);
    event.headers.remove("x-forwarded-proto");
    // It pastes the path in behind the host, of which it would become a part.
    if let Some(path) = &mut event.raw_path
        && !path.starts_with('/')
    {
        path.insert(0, '/');
    }
    // It pastes the query in as it came, and panics on what `http::Uri` does not take.
    if let Some(query) = &mut event.raw_query_string
        && !query.bytes().all(fits_query)
    {
        *query = query.bytes().fold(String::new(), |mut text, byte| {
            if fits_query(byte) {
                text.push(char::from(byte));
            } else {
                // A String takes everything.
                let _ = write!(text, "%{byte:02X}");
            }
            text
        });
    }
}

/// RFC 3986 §3.4, and the square brackets that everybody sends.
fn fits_query(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%[]".contains(&byte)
}

fn refuse(log: &Log, message: &'static str, error: &dyn std::fmt::Display) -> ExitCode {
    #[derive(Serialize)]
    struct Line {
        level: &'static str,
        message: &'static str,
        error: String,
    }
    log.write(&Line { level: "error", message, error: error.to_string() });
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use auth::{Clock, Random, Timestamp};
    use axum::body::Bytes;
    use axum::http::{HeaderMap, Uri};
    use axum::routing::any;
    use serde_json::{Value, json};

    async fn echoed(change: impl FnOnce(&mut Value)) -> Value {
        let router = Router::new().route(
            "/auth/login",
            any(async |uri: Uri, headers: HeaderMap, body: Bytes| {
                let cookie = headers.get("cookie").map(|value| value.to_str().unwrap().to_owned());
                let body = String::from_utf8(body.to_vec()).unwrap();
                json!({"query": uri.query(), "cookie": cookie, "body": body}).to_string()
            }),
        );
        let text = include_str!("../../../events/login.json");
        let mut event: Value = serde_json::from_str(text).unwrap();
        change(&mut event);
        let event: LambdaRequest = serde_json::from_value(event).unwrap();
        let answer = serde_json::to_value(handle(router, event, Context::default()).await).unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
        serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_foreign_cookie_beyond_ascii_takes_no_other_with_it() {
        let answer = echoed(|event| event["cookies"] = json!(["a=b", "theme=\u{e9}", "__Host-refresh=t.1"])).await;
        assert_eq!(answer["cookie"], "a=b; __Host-refresh=t.1");
    }

    #[tokio::test]
    async fn base64_bodies_are_decoded() {
        let answer = echoed(|event| {
            event["isBase64Encoded"] = json!(true);
            event["body"] = json!("eyJhIjoxfQ==");
        });
        assert_eq!(answer.await["body"], "{\"a\":1}");
    }

    /// The log line of one event, less its time.
    fn line(metrics_stack: Option<&str>, error: Option<&Error>) -> Value {
        let clock = Clock::fixed(Timestamp::from_millis(1_795_512_600_000));
        let mut app = App::for_tests("http://127.0.0.1:9", "none", clock, Random::seeded(1), Log::memory());
        Arc::make_mut(&mut app.config).metrics_stack = metrics_stack.map(str::to_owned);
        let mut context = Context::default();
        context.request_id = "r1".to_owned();
        let variables = lambda_runtime::Config { function_name: "rotate".to_owned(), ..Default::default() };
        context.env_config = Arc::new(variables);
        app.log.write(&Invocation::new(&app, &context, Instant::now(), error));
        let mut line: Value = serde_json::from_str(&app.log.lines()[0]).unwrap();
        assert!(line.as_object_mut().unwrap().remove("duration_ms").unwrap().is_u64());
        line
    }

    #[tokio::test]
    async fn an_event_is_one_line_which_counts_it_where_metrics_are_on() {
        assert_eq!(line(None, None), json!({"level": "info", "message": "invocation", "request_id": "r1"}));
        let directive = json!({
            "Namespace": "Vestibule",
            "Dimensions": [["Stack", "Function", "Outcome"]],
            "Metrics": [{"Name": "Invocations", "Unit": "Count"}],
        });
        let failed = Error::Unavailable { operation: "PutEvents", code: "timeout".into() };
        for (error, level, outcome) in [(None, "info", "ok"), (Some(&failed), "error", "error")] {
            let mut expected = json!({
                "level": level, "message": "invocation", "request_id": "r1",
                "_aws": {"Timestamp": 1_795_512_600_000_i64, "CloudWatchMetrics": [directive]},
                "Stack": "s", "Function": "rotate", "Outcome": outcome, "Invocations": 1,
            });
            if let Some(error) = error {
                expected["error"] = error.to_string().into();
            }
            assert_eq!(line(Some("s"), error), expected);
        }
    }

    #[tokio::test]
    async fn no_header_or_query_of_the_clients_ends_the_process() {
        let answer = echoed(|event| {
            event["headers"]["host"] = json!("a b:99999");
            event["headers"]["x-forwarded-proto"] = json!("no scheme");
            event["rawQueryString"] = json!("a=<b> \u{e9}&c=%20");
        });
        assert_eq!(answer.await["query"], "a=%3Cb%3E%20%C3%A9&c=%20");
    }
}
