//! `POST /auth/logout`: ends the session of a refresh token (RFC 7009, in spirit: it succeeds whatever the token is worth).
//!
//! 1. Take the token from the body or the cookie; the body wins. For the cookie the page must be of a configured origin.
//! 2. Check its MAC: a forgery costs nothing, and there is nothing to end.
//! 3. Delete the session, on condition that the token descends from its sign-in; any generation will do.
//! 4. Answer 204, also when it was gone already; clear the cookie that the token came in.

use auth::{App, Caller, Ended, Event, Signer};
use auth_http::{Answer, Json, PresentedToken, Problem};
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Extension, Router};

/// What this function holds.
#[derive(Clone)]
pub struct Logout {
    pub app: App,
    pub signer: Signer,
}

pub fn router(logout: Logout) -> Router {
    Router::new().route("/auth/logout", post(handle)).with_state(logout)
}

async fn handle(
    State(logout): State<Logout>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    presented: Option<Json<PresentedToken>>,
) -> Answer {
    let cookie = &logout.app.config.refresh_cookie;
    if let Some(text) = presented.and_then(|Json(text)| text) {
        end(&logout, &caller, &text).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    auth_http::check_origin(&headers, &logout.app.published().await?.keys.origins)?;
    if let Some(text) = auth_http::cookie(&headers, cookie) {
        end(&logout, &caller, text).await?;
    }
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, auth_http::clear_refresh(cookie)?)]).into_response())
}

async fn end(Logout { app, signer }: &Logout, caller: &Caller, text: &str) -> Result<(), Problem> {
    let Some(token) = signer.open(text).await? else { return Ok(()) };
    let event = |name| Event::of(name, caller).user(token.user_id).session(token.session_id);
    match app.store.session_end(&token).await? {
        Ended::Ended => app.log.write(&event("logged_out")),
        Ended::Gone => {}
        // Whoever has a MAC key need not be the user.
        Ended::ForeignLineage => app.log.write(&Event { actor: None, ..event("foreign_lineage") }.alarming()),
    }
    Ok(())
}
