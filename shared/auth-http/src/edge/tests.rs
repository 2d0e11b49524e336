use auth::{Clock, Log, Random, Timestamp};
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::Value;
use tower::ServiceExt;

use super::*;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
    line: Value,
}

async fn ask(method: &str, path: &str) -> Answer {
    let clock = Clock::fixed(Timestamp::from_millis(1_795_512_600_000));
    let app = App::for_tests("http://127.0.0.1:9", "none", clock, Random::seeded(1), Log::memory());
    let failing = async || -> Response {
        let error = Error::Unavailable { operation: "GetItem", code: "Timeout".into() };
        Problem::from(error).into_response()
    };
    let router = Router::new()
        .route("/ok/{id}", get(async |Extension(caller): Extension<auth::Caller>| caller.request_id))
        .route("/cached", get(async || ([(CACHE_CONTROL, "max-age=60")], "")))
        .route("/failing", get(failing))
        .route("/panicking", get(async || -> &'static str { panic!("on purpose") }));
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let (parts, body) = edge(router, &app).oneshot(request).await.unwrap().into_parts();
    let bytes = to_bytes(body, 100_000).await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into());
    let lines = app.log.lines();
    assert_eq!(lines.len(), 1, "one line per request");
    Answer { status: parts.status, headers: parts.headers, body, line: serde_json::from_str(&lines[0]).unwrap() }
}

#[tokio::test]
async fn a_request_has_one_id_everywhere() {
    let answer = ask("GET", "/ok/secret-id").await;
    let id = answer.headers["x-request-id"].to_str().unwrap();
    assert_eq!(id.len(), 36);
    assert_eq!((&answer.body, &answer.line["request_id"]), (&id.into(), &id.into()));
    assert_eq!(answer.line["route"], "/ok/{id}");
    assert!(!answer.line.to_string().contains("secret-id"));
}

#[tokio::test]
async fn browsers_are_left_nothing_to_guess() {
    for path in ["/ok/1", "/nowhere", "/failing"] {
        let headers = ask("GET", path).await.headers;
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["strict-transport-security"], "max-age=63072000; includeSubDomains");
        assert_eq!(headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(headers["cache-control"], "no-store");
    }
    assert_eq!(ask("GET", "/cached").await.headers["cache-control"], "max-age=60");
}

#[tokio::test]
async fn an_unknown_path_is_a_problem_and_is_not_logged() {
    let answer = ask("BREW", "/nowhere").await;
    assert_eq!((answer.status, &answer.body["code"]), (StatusCode::NOT_FOUND, &"not_found".into()));
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!((&answer.line["route"], &answer.line["method"]), (&"unmatched".into(), &"OTHER".into()));
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let answer = ask("POST", "/cached").await;
    assert_eq!((answer.status, &answer.body["code"]), (StatusCode::METHOD_NOT_ALLOWED, &"method_not_allowed".into()));
    assert_eq!(answer.headers["allow"], "GET,HEAD");
}

#[tokio::test]
async fn a_cause_is_logged_and_not_answered() {
    let answer = ask("GET", "/failing").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((&answer.line["level"], &answer.line["error"]), (&"error".into(), &"GetItem: Timeout".into()));
    assert!(!answer.body.to_string().contains("GetItem"));
}

#[tokio::test]
async fn a_panic_is_a_fault_of_ours() {
    let log = Log::memory();
    crate::log_panics(&log);
    let answer = ask("GET", "/panicking").await;
    drop(std::panic::take_hook());
    // Other tests may have panicked meanwhile.
    let told = log.lines().into_iter().find(|line| line.contains("edge/tests.rs")).expect("the place");
    assert!(told.starts_with(r#"{"level":"error","message":"panic","location":""#), "{told}");
    assert!(!told.contains("on purpose"), "{told}");
    assert_eq!((answer.status, &answer.body["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &"internal".into()));
    assert!(!answer.body.to_string().contains("on purpose"));
}
