//! `POST /auth/password/change`: another password for the signed-in user.
//!
//! 1. Verify the access token; read user and session. Parse the body.
//! 2. Count the try, by session, and beside it read the credential.
//! 3. Compare the current password. Whoever has stolen a session still does not know it.
//! 4. Refuse a new password that is easily guessed, with the reason, or that is known from a breach, where a service that
//!    knows is configured. One that does not answer in a second refuses nobody.
//! 5. Hash it; replace the hash, raise the epoch and open a new session under it, in one transaction: every session ends,
//!    and no moment has neither password.
//! 6. Answer the tokens of the new session, by the transport that was asked for.

use auth::{
    App, BreachedPasswords, Bucket, Caller, Credential, Error, Event, Hasher, Invalid, Password, SignedIn, Signer,
    Throttle,
};
use auth_http::{Answer, Authenticated, Body, Faults, Field, Json, Transport, Unknown, tokens_answer};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use axum::routing::post;
use axum::{Extension, Router};
use serde::Deserialize;

/// What this function holds.
#[derive(Clone)]
pub struct PasswordChange {
    pub app: App,
    pub hasher: Hasher,
    pub signer: Signer,
    pub throttle: Throttle,
    pub breached: BreachedPasswords,
}

pub fn router(change: PasswordChange) -> Router {
    Router::new().route("/auth/password/change", post(handle)).with_state(change)
}

async fn handle(
    State(change): State<PasswordChange>,
    Extension(caller): Extension<Caller>,
    Authenticated(signed_in): Authenticated,
    headers: HeaderMap,
    Json(wish): Json<Request>,
) -> Answer {
    let PasswordChange { app, hasher, signer, .. } = &change;
    if wish.transport == Transport::Cookie {
        auth_http::check_origin(&headers, &app.published().await?.keys.origins)?;
    }
    let credential = confirmed(&change, &caller, &signed_in, wish.current).await?;
    let SignedIn { account, .. } = signed_in;
    wish.new.judge(&account.user.own_words()).map_err(|weak| weak.at("/new_password"))?;
    change.breached.check(&wish.new, &caller).await.map_err(|known| known.at("/new_password"))?;

    let hash = hasher.hash(wish.new).await?;
    let epoch = account.user.session_epoch.saturating_add(1);
    let (session, refresh_token) = signer.session(account.user.id, epoch).await?;
    let client = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let session = session.with_client(client, caller.network);
    let tokens = signer.tokens(&account, &session, &refresh_token).await?;
    let credential = app.store.password_change(credential, &account.user, hash, &session).await?;

    app.log.write(&Event::of("password_changed", &caller).user(account.user.id).session(session.id));
    let answer = tokens_answer(app, &tokens, wish.transport, Some(&account))?;
    match wish.transport {
        Transport::Cookie => {
            auth_http::remember_device(app, answer, None, credential.user_id, credential.session_epoch).await
        }
        Transport::Body => Ok(answer),
    }
}

/// The credential of the signed-in user, if `current` is its password.
async fn confirmed(
    PasswordChange { app, hasher, throttle, .. }: &PasswordChange,
    caller: &Caller,
    SignedIn { account, session }: &SignedIn,
    current: Password,
) -> Result<Credential, Error> {
    let event = |name| Event::of(name, caller).user(account.user.id).session(session.id);
    let bucket = Bucket::confirmation(session.id, app.clock.now());
    let (pass, credential) = tokio::join!(throttle.take(&bucket), app.store.credential_by_email(&account.user.email));
    if let Err(Error::TooManyRequests { .. }) = pass {
        app.log.write(&event("password_change_throttled"));
    }
    let pass = pass?;
    // It changed since the session was read: the session is void by now.
    let is_theirs =
        |credential: &Credential| credential.user_id == account.user.id && account.honours(credential.session_epoch);
    let credential = credential?.filter(is_theirs).ok_or(Error::InvalidToken)?;
    if !hasher.verify(current, Some(&credential.hash)).await? {
        app.log.write(&event("password_change_refused"));
        return Err(Error::InvalidCredentials);
    }
    throttle.give_back(pass).await;
    Ok(credential)
}

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    current_password: Field,
    #[serde(default)]
    new_password: Field,
    #[serde(default)]
    transport: Field,
    #[serde(flatten)]
    unknown: Unknown,
}

struct Wish {
    current: Password,
    new: Password,
    transport: Transport,
}

impl Body for Request {
    type Valid = Wish;

    fn check(self, app: &App, faults: &mut Faults) -> Option<Wish> {
        faults.unknown(self.unknown);
        let new_password = |text: &str| Password::parse_new(text, app.config.password);
        let current = faults.required("/current_password", self.current_password, Password::parse);
        let new = faults.required("/new_password", self.new_password, new_password);
        let transport = faults.optional("/transport", self.transport, Transport::parse);
        if current.as_ref().zip(new.as_ref()).is_some_and(|(current, new)| current.is(new)) {
            faults.add("/new_password", UNCHANGED);
        }
        Some(Wish { current: current?, new: new?, transport: transport?.unwrap_or_default() })
    }
}

const UNCHANGED: Invalid = Invalid { code: "unchanged", detail: "This is the current password." };
