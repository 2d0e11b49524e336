//! `POST /auth/refresh`: trades a refresh token for its successor (RFC 9700 §4.14.2).
//!
//! 1. Take the token from the body or the cookie; the body wins. For the cookie the page must be of a configured origin.
//! 2. Check its MAC: a forgery costs no read.
//! 3. Rotate the session in one conditional write, and beside it read the user and their roles.
//! 4. If the condition failed, judge: a retry gets the very same successor again; a late tab is refused; anything
//!    else ends the session, since a copy of the token is in other hands.
//! 5. A session whose epoch is not its user's is void: delete it and refuse.
//! 6. Answer the tokens by the way they came.

use auth::{App, Caller, Error, Event, Presentation, RefreshToken, Rotation, Session, Signer, Tally, Timestamp};
use auth_http::{Answer, Json, PresentedToken, Transport, tokens_answer};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Extension, Router};

/// What this function holds.
#[derive(Clone)]
pub struct Refresh {
    pub app: App,
    pub signer: Signer,
}

pub fn router(refresh: Refresh) -> Router {
    Router::new().route("/auth/refresh", post(handle)).with_state(refresh)
}

async fn handle(
    State(refresh): State<Refresh>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    presented: Option<Json<PresentedToken>>,
) -> Answer {
    let cookie = &refresh.app.config.refresh_cookie;
    if let Some(text) = presented.and_then(|Json(text)| text) {
        return continued(&refresh, &caller, &text, Transport::Body).await;
    }
    auth_http::check_origin(&headers, &refresh.app.published().await?.keys.origins)?;
    let text = auth_http::cookie(&headers, cookie).unwrap_or_default();
    // Only a token that came in the cookie says anything about the cookie.
    let answer = continued(&refresh, &caller, text, Transport::Cookie).await;
    answer.map_err(|problem| problem.clearing_refresh(cookie))
}

async fn continued(Refresh { app, signer }: &Refresh, caller: &Caller, text: &str, transport: Transport) -> Answer {
    let token = signer.open(text).await?.ok_or(DEAD)?;
    let successor = signer.successor(&token).await?;
    let now = app.clock.now();
    let (rotation, account) = tokio::join!(
        app.store.session_rotate(&token, successor.mac_key_id(), now, app.config.lifetimes),
        app.store.account(token.user_id),
    );
    let event = |name| Event::of(name, caller).user(token.user_id).session(token.session_id);
    let (session, successor, done) = match rotation? {
        Rotation::Done(session) => (session, successor, event("refreshed")),
        Rotation::Gone => return Err(DEAD.into()),
        Rotation::Refused(session) => judged(app, session, &token, now, event).await?,
    };
    let mut account = account?;
    if account.as_ref().is_some_and(|account| account.user.session_epoch < session.session_epoch) {
        // The epoch was raised between the two, and this session carried along: the user that was read is the old one.
        account = app.store.account(token.user_id).await?;
    }
    let Some(account) = account.filter(|account| account.honours(session.session_epoch)) else {
        app.log.write(&event("void_session_ended"));
        app.store.session_delete(session.user_id, session.id).await?;
        return Err(DEAD.into());
    };
    let tokens = signer.tokens(&account, &session, &successor).await?;
    app.log.write(&done);
    tokens_answer(app, &tokens, transport, None)
}

/// The answer to a token that is not the session's current one.
async fn judged<'a>(
    app: &App,
    session: Session,
    token: &RefreshToken,
    now: Timestamp,
    event: impl Fn(&'static str) -> Event<'a>,
) -> Result<(Session, RefreshToken, Event<'a>), Error> {
    match session.judge(token, now) {
        Presentation::Retry => {
            let successor = token.successor(session.mac_key_id());
            Ok((session, successor, event("refresh_retried")))
        }
        Presentation::Late => {
            app.log.write(&event("refresh_late"));
            Err(Error::InvalidRefreshToken { session_is_dead: false })
        }
        Presentation::Reuse => {
            // Told first: the deletion may take effect and have no answer, and then nobody would see the token again.
            app.log.write(&Event { actor: None, ..event("reuse_detected") }.alarming());
            Tally::reuse();
            app.store.session_delete(session.user_id, session.id).await?;
            Err(DEAD)
        }
        Presentation::ForeignLineage => {
            app.log.write(&Event { actor: None, ..event("foreign_lineage") }.alarming());
            Err(Error::InvalidRefreshToken { session_is_dead: false })
        }
        Presentation::Expired => Err(DEAD),
        // The condition is this very judgement, so it cannot fail on a current token.
        Presentation::Current => Err(Error::Internal("a current token was refused")),
    }
}

const DEAD: Error = Error::InvalidRefreshToken { session_is_dead: true };
