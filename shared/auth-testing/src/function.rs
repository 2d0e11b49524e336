//! A function's process, and the Lambda Runtime API on loopback that it asks for work.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use auth::Clock;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Dropping it kills the process with SIGKILL.
pub struct Function {
    child: Child,
    /// Just before the process was made.
    pub started: Instant,
    events: UnboundedSender<String>,
    calls: UnboundedReceiver<Call>,
    server: JoinHandle<()>,
}

impl Drop for Function {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What the function called.
enum Call {
    Next(Instant),
    Answered(Instant, String),
    Failed(String),
}

impl Function {
    /// Starts the binary with `environment` and what Lambda itself sets, and nothing else.
    pub async fn start(binary: &Path, environment: &[(&str, String)]) -> Result<Self, String> {
        Self::start_as(Command::new(binary), environment, Stdio::null()).await
    }

    /// The same of a program that may have arguments, such as an interpreter, with its log where the caller wants it.
    pub async fn start_as(mut command: Command, environment: &[(&str, String)], log: Stdio) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let (events, queued) = unbounded_channel();
        let (called, calls) = unbounded_channel();
        let api = Api { queued: Arc::new(Mutex::new(queued)), called };
        let server = tokio::spawn(async move {
            // Ends when it is aborted.
            let _ = axum::serve(listener, api.router()).await;
        });

        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "test")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "test")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "test")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "local")
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .env("AWS_SESSION_TOKEN", "local")
            .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .stdout(log)
            .kill_on_drop(true);
        let started = Instant::now();
        let child = command.spawn();
        let child = child.map_err(|error| format!("{}: {error}", command.as_std().get_program().display()))?;
        Ok(Self { child, started, events, calls, server })
    }

    pub fn pid(&self) -> Result<u32, String> {
        self.child.id().ok_or_else(|| "the function has ended".to_owned())
    }

    /// Queues an event for the function to fetch.
    pub fn send(&self, event: &str) -> Result<(), String> {
        self.events.send(event.to_owned()).map_err(|_| "the runtime API has ended".to_owned())
    }

    /// When the function asked for its first event: the end of its INIT phase.
    pub async fn ready(&mut self) -> Result<Instant, String> {
        match self.call().await? {
            Call::Next(at) => Ok(at),
            Call::Answered(_, body) | Call::Failed(body) => Err(format!("the function began with {body}")),
        }
    }

    /// When the next answer had arrived, if it has this status.
    pub async fn answered(&mut self, status: u16) -> Result<Instant, String> {
        let (at, answer) = self.answer().await?;
        if answer["statusCode"] == status { Ok(at) } else { Err(format!("answered {answer}")) }
    }

    /// The next answer, and when it had arrived.
    pub async fn answer(&mut self) -> Result<(Instant, Value), String> {
        loop {
            match self.call().await? {
                Call::Next(_) => {}
                Call::Answered(at, body) => {
                    return serde_json::from_str(&body).map(|answer| (at, answer)).map_err(|error| error.to_string());
                }
                Call::Failed(body) => return Err(format!("the function failed: {body}")),
            }
        }
    }

    /// Kills the process and waits for its end.
    pub async fn stop(mut self) -> Result<(), String> {
        self.child.kill().await.map_err(|error| error.to_string())
    }

    async fn call(&mut self) -> Result<Call, String> {
        let call = timeout(Duration::from_secs(20), self.calls.recv()).await;
        call.ok().flatten().ok_or_else(|| "the function was silent for 20 s".to_owned())
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
#[derive(Clone)]
struct Api {
    queued: Arc<Mutex<UnboundedReceiver<String>>>,
    called: UnboundedSender<Call>,
}

impl Api {
    fn router(self) -> Router {
        Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(error))
            .with_state(self)
    }

    fn tell(&self, call: Call) {
        // Nobody listens any more once the function is to end.
        let _ = self.called.send(call);
    }
}

async fn next(State(api): State<Api>) -> Response {
    api.tell(Call::Next(Instant::now()));
    let Some(event) = api.queued.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let deadline = Clock::System.now().plus(Duration::from_secs(10)).millis().to_string();
    let headers = [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-deadline-ms", &deadline),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:test"),
        ("lambda-runtime-trace-id", "Root=1-6a9d2f40-0123456789abcdef01234567;Sampled=0"),
    ];
    (headers, event).into_response()
}

async fn response(State(api): State<Api>, body: String) -> StatusCode {
    api.tell(Call::Answered(Instant::now(), body));
    StatusCode::ACCEPTED
}

async fn error(State(api): State<Api>, body: String) -> StatusCode {
    api.tell(Call::Failed(body));
    StatusCode::ACCEPTED
}
