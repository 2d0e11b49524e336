//! `GET /.well-known/jwks.json`, `/.well-known/openid-configuration`, `/auth/openapi.json`, `/health`: what anyone may
//! know. Also the API's `$default` route, so that unknown paths get our 404.
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
        .route("/.well-known/openid-configuration", get(configuration))
        .route("/auth/openapi.json", get(openapi))
        .route("/health", get(health))
        .with_state(discovery)
}

async fn jwks(State(Discovery { app }): State<Discovery>) -> Answer {
    let published = app.published().await?;
    let headers = [(CACHE_CONTROL, PUBLIC), (CONTENT_TYPE, "application/jwk-set+json")];
    Ok((headers, published.keys.jwks.clone()).into_response())
}

/// OpenID Connect Discovery 1.0 §3, RFC 8414 §2: what a verifier needs to find the keys, such as a JWT authorizer of API
/// Gateway. There is no authorization endpoint and no ID token, so what would speak of them is left out where it may be.
async fn configuration(State(Discovery { app }): State<Discovery>) -> Answer {
    let published = app.published().await?;
    let issuer = &published.keys.issuer;
    let document = serde_json::json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        // Required, and must not be empty: the registered name for "nothing is returned from an authorization endpoint".
        "response_types_supported": ["none"],
        "subject_types_supported": ["public"],
        // Required. Of access tokens here: libraries take from it what they accept.
        "id_token_signing_alg_values_supported": published.verifier.algorithms(),
        // No client has a secret.
        "token_endpoint_auth_methods_supported": ["none"],
        "claims_supported": CLAIMS,
    });
    let headers = [(CACHE_CONTROL, PUBLIC), (CONTENT_TYPE, "application/json")];
    Ok((headers, document.to_string()).into_response())
}

async fn openapi() -> Answer {
    let headers = [(CACHE_CONTROL, PUBLIC), (CONTENT_TYPE, "application/json")];
    Ok((headers, OPENAPI).into_response())
}

/// Answers when this function does: it reads nothing, so that a probe costs nothing.
async fn health() -> Answer {
    Ok(Reply(serde_json::json!({ "status": "ok" })).into_response())
}

/// Those of [`auth::Claims`].
const CLAIMS: [&str; 11] =
    ["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "sid", "roles", "email_verified", "auth_time"];

/// `docs/openapi.yaml`, as JSON.
const OPENAPI: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// Five minutes: what a rotation counts on (docs/ARCHITECTURE.md, "Keys").
const PUBLIC: &str = "public, max-age=300";
