//! How much the local server takes on at once, and what it says to the rest (docs/adr/0015-overload.md). In AWS the
//! gateway does this, and a function serves one request at a time.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use auth_http::{BODY_LIMIT, Problem};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Takes on `at_once` requests; one more is refused with 503 before anything is done for it.
pub fn bounded(router: Router, at_once: usize) -> Router {
    router.layer(from_fn_with_state(Arc::new(Semaphore::new(at_once)), admit))
}

/// Reads a request whole before it is taken on, as the gateway does: who sends slowly must not keep a place meanwhile.
pub fn whole(router: Router, patience: Duration) -> Router {
    router.layer(from_fn_with_state(patience, read))
}

async fn admit(State(places): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let Ok(_place) = places.try_acquire() else {
        let error = auth::Error::Unavailable { operation: "admission", code: "all places are taken".into() };
        return Problem::from(error).into_response();
    };
    next.run(request).await
}

async fn read(State(patience): State<Duration>, request: Request, next: Next) -> Response {
    // What is announced as too large is refused by its handler, unread.
    if announced(request.headers()).is_some_and(|length| length > BODY_LIMIT) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match timeout(patience, to_bytes(body, BODY_LIMIT)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(error)) if error.source().is_some_and(<dyn Error>::is::<LengthLimitError>) => {
            Problem::body_too_large().into_response()
        }
        // Its chunks are no chunks, or the client has gone.
        Ok(Err(_)) => Problem::malformed_json().into_response(),
        Err(_) => Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "The body did not arrive in time.")
            .with_header(CONNECTION, HeaderValue::from_static("close"))
            .into_response(),
    }
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
