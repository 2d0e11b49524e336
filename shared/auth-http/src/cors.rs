use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, RETRY_AFTER};
use axum::http::{HeaderValue, Method};
use tower_http::cors::CorsLayer;

/// CORS (Fetch §3.3) for the local server; in AWS it is API Gateway's. Goes around [`crate::edge`].
///
/// `*` and what is no header value are left out: with credentials, only an origin named in full is allowed.
pub fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> =
        origins.iter().filter(|origin| *origin != "*").filter_map(|origin| origin.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, IF_MATCH])
        .expose_headers([ETAG, RETRY_AFTER, HeaderName::from_static("x-request-id")])
        .allow_credentials(true)
        .max_age(Duration::from_mins(10))
}
