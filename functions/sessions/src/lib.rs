//! `GET`, `DELETE /auth/sessions` and `DELETE /auth/sessions/{id}`: where the user is signed in.
//!
//! 1. Verify the access token; read user and session as every authorised request does.
//! 2. `GET`: read all sessions beside that, and answer those that are live, the latest used first.
//! 3. `DELETE …/{id}`: delete that session, whether it was there or not. Its refresh token is dead at once, and so is its
//!    access token at our own endpoints.
//! 4. `DELETE`: raise the epoch, which voids every session at once; with `?keep=current` this one goes along.

use auth::{App, Caller, Event, Session, SessionId, SignedIn};
use auth_http::{Answer, Authenticated, Problem, Reply};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{delete, get};
use axum::{Extension, Router};
use serde::Serialize;

/// What this function holds. No key of the private set: it can end sessions, not open them.
#[derive(Clone)]
pub struct Sessions {
    pub app: App,
}

pub fn router(sessions: Sessions) -> Router {
    Router::new()
        .route("/auth/sessions", get(list).delete(revoke_all))
        .route("/auth/sessions/{id}", delete(revoke))
        .with_state(sessions)
}

async fn list(State(Sessions { app }): State<Sessions>, headers: HeaderMap) -> Answer {
    let claims = app.verify(auth_http::bearer(&headers)?).await?;
    let (signed_in, sessions) = tokio::join!(app.signed_in_by(&claims), app.store.sessions_of(claims.user_id()));
    let SignedIn { account, session: current } = signed_in?;
    let now = app.clock.now();
    let mut live = sessions?;
    live.retain(|session| session.is_live(now) && account.honours(session.session_epoch));
    live.sort_by_key(|session| std::cmp::Reverse((session.last_used_at, session.id.uuid())));
    let sessions = live.iter().map(|session| SessionBody::new(session, session.id == current.id)).collect();
    Ok(Reply(SessionsBody { sessions }).into_response())
}

async fn revoke(
    State(Sessions { app }): State<Sessions>,
    Extension(caller): Extension<Caller>,
    Authenticated(SignedIn { account, .. }): Authenticated,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    // What is no text, or no id, names nothing.
    let id = id.ok().and_then(|Path(id)| SessionId::parse(&id)).ok_or_else(Problem::not_found)?;
    // The partition is the user's own, so no id leads to anybody else's session.
    if app.store.session_delete(account.user.id, id).await? {
        app.log.write(&Event::of("session_revoked", &caller).user(account.user.id).session(id));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn revoke_all(
    State(Sessions { app }): State<Sessions>,
    Extension(caller): Extension<Caller>,
    Authenticated(SignedIn { account, session }): Authenticated,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let keep = match query.as_deref() {
        None | Some("") => None,
        Some("keep=current") => Some(&session),
        Some(_) => return Err(KEEP.at("").into()),
    };
    let epoch = app.store.sessions_revoke_all(&account.user, keep).await?;
    let event = Event::of("all_sessions_revoked", &caller).user(account.user.id);
    app.log.write(&match keep {
        Some(session) => event.session(session.id).because("kept_current"),
        None => event,
    });
    let answer = StatusCode::NO_CONTENT.into_response();
    // The browser that stays signed in stays known.
    let device = auth_http::device(&app, &headers).await?;
    match device.filter(|device| device.is_known_to(account.user.id, account.user.session_epoch)) {
        Some(_) if keep.is_some() => auth_http::remember_device(&app, answer, None, account.user.id, epoch).await,
        _ => Ok(answer),
    }
}

const KEEP: auth::Invalid =
    auth::Invalid { code: "not_an_option", detail: "The query is either empty or \"keep=current\"." };

#[derive(Serialize)]
struct SessionsBody<'a> {
    sessions: Vec<SessionBody<'a>>,
}

#[derive(Serialize)]
struct SessionBody<'a> {
    id: String,
    created_at: String,
    last_used_at: String,
    expires_at: String,
    client: Option<&'a str>,
    network: Option<&'a str>,
    current: bool,
}

impl<'a> SessionBody<'a> {
    fn new(session: &'a Session, current: bool) -> Self {
        Self {
            id: session.id.to_string(),
            created_at: session.created_at.rfc3339(),
            last_used_at: session.last_used_at.rfc3339(),
            expires_at: session.expires_at().rfc3339(),
            client: session.client.as_deref(),
            network: session.network.as_deref(),
            current,
        }
    }
}
