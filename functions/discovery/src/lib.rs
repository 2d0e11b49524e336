//! `GET /.well-known/jwks.json`, `/auth/openapi.json`, `/health`: what anyone may know. Also the API's `$default`
//! route, so that unknown paths get our 404.
//!
//! The key set is served as it was published: public members only, by construction of the `KEYSET` item.

use auth::App;
use auth_http::{Answer, Reply};
use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;

/// What this function holds.
#[derive(Clone)]
pub struct Discovery {
    pub app: App,
}

pub fn router(discovery: Discovery) -> Router {
    Router::new()
        .route("/.well-known/jwks.json", get(jwks))
        .route("/auth/openapi.json", get(openapi))
        .route("/health", get(health))
        .with_state(discovery)
}

async fn jwks(State(Discovery { app }): State<Discovery>) -> Answer {
    let published = app.published().await?;
    let headers = [(CACHE_CONTROL, PUBLIC), (CONTENT_TYPE, "application/jwk-set+json")];
    Ok((headers, published.keys.jwks.clone()).into_response())
}

async fn openapi() -> Answer {
    let headers = [(CACHE_CONTROL, PUBLIC), (CONTENT_TYPE, "application/json")];
    Ok((headers, OPENAPI).into_response())
}

/// Answers when this function does: it reads nothing, so that a probe costs nothing.
async fn health() -> Answer {
    Ok(Reply(serde_json::json!({ "status": "ok" })).into_response())
}

/// `docs/openapi.yaml`, as JSON.
const OPENAPI: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// Five minutes: what a rotation counts on (docs/ARCHITECTURE.md, "Keys").
const PUBLIC: &str = "public, max-age=300";
