//! `POST /auth/login`: opens a session.
//!
//! 1. Parse the body. For cookie transport the page must be of a configured origin.
//! 2. Count the try, and beside it read the credential: under the e-mail address, or through the username's claim. Tries
//!    of a browser that this account knows are counted apart from those of strangers.
//! 3. Hash the password, and beside it read the user and their roles.
//! 4. Refuse, always with the same answer, unless the password is right, the account is active, and credential and
//!    user agree on the epoch. An unknown account takes the same calls, in the same order, and one hash.
//! 5. Write the session, under the epoch that was read before the hash: whoever changed the password, disabled the
//!    account or deleted it meanwhile has made this session void.
//! 6. Forget the failed tries, and beside it end the session that the browser had before; replace a hash that is weaker
//!    than today's parameters; now and then end the sessions that are too many.
//! 7. Answer the tokens; with cookie transport the refresh token is in the cookie alone, and the browser is known.

use auth::{
    Account, App, Bucket, Caller, Credential, Device, Email, Ended, Error, Event, HashUpgrade, Hasher, Identifier,
    Pass, Password, Session, Signer, Status, Throttle, UserId, Username,
};
use auth_http::{Answer, Body, Faults, Field, Json, REQUIRED, Transport, Unknown, tokens_answer};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use axum::routing::post;
use axum::{Extension, Router};
use futures_util::future::join_all;
use serde::Deserialize;

/// What this function holds.
#[derive(Clone)]
pub struct Login {
    pub app: App,
    pub hasher: Hasher,
    pub signer: Signer,
    pub throttle: Throttle,
}

pub fn router(login: Login) -> Router {
    Router::new().route("/auth/login", post(handle)).with_state(login)
}

async fn handle(
    State(login): State<Login>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Json(attempt): Json<Request>,
) -> Answer {
    let Login { app, hasher, signer, throttle } = &login;
    if attempt.transport == Transport::Cookie {
        auth_http::check_origin(&headers, &app.published().await?.keys.origins)?;
    }
    let device = auth_http::device(app, &headers).await?;
    let (pass, credential) = counted(&login, &caller, &attempt.identifier, device.as_ref()).await?;
    // Nobody's id, for the read that an unknown account costs too.
    let user_id = match &credential {
        Some(credential) => credential.user_id,
        None => UserId::new(app.random.uuid(app.clock.now())?),
    };
    let stored = credential.as_ref().map(|credential| &credential.hash);
    let (is_right, account) = tokio::join!(hasher.verify(attempt.password.clone(), stored), app.store.account(user_id));
    let Some((credential, account)) = admitted(is_right?, credential, account?) else {
        app.log.write(&Event::of("sign_in_refused", &caller));
        return Err(Error::InvalidCredentials.into());
    };

    let (session, refresh_token) = signer.session(credential.user_id, credential.session_epoch).await?;
    let client = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let session = session.with_client(client, caller.network);
    let tokens = signer.tokens(&account, &session, &refresh_token).await?;
    app.store.session_create(&session).await?;
    app.log.write(&Event::of("signed_in", &caller).user(account.user.id).session(session.id));

    // Only now: a sign-in that failed leaves the browser as it was. And what fails here has not failed it.
    tokio::join!(throttle.give_back(pass), end_previous(app, signer, &caller, &headers));
    if hasher.is_outdated(&credential.hash)
        && let Ok(to) = hasher.hash(attempt.password).await
    {
        app.store.credential_upgrade(&credential, &HashUpgrade { from: credential.hash.clone(), to }).await;
    }
    end_surplus(app, &account, &session).await;
    let answer = tokens_answer(app, &tokens, attempt.transport, Some(&account))?;
    match attempt.transport {
        Transport::Cookie => {
            auth_http::remember_device(app, answer, device, credential.user_id, credential.session_epoch).await
        }
        Transport::Body => Ok(answer),
    }
}

/// Counts the try and reads the credential, side by side. A browser that turns out to be a stranger to the account is
/// counted among the strangers as well.
async fn counted(
    Login { app, throttle, .. }: &Login,
    caller: &Caller,
    identifier: &Identifier,
    device: Option<&Device>,
) -> Result<(Pass, Option<Credential>), Error> {
    let (pseudonyms, now) = (app.pseudonyms().await?, app.clock.now());
    let strangers = Bucket::sign_in(identifier, caller, &pseudonyms, now);
    let own = device.map(|device| Bucket::device(device, &pseudonyms, now));
    let tried = async {
        if own.is_none() {
            throttle.precheck(&strangers)?;
        }
        let credential = async {
            match identifier {
                Identifier::Email(email) => app.store.credential_by_email(email).await,
                Identifier::Username(username) => app.store.credential_by_username(username).await,
            }
        };
        let (pass, credential) = tokio::join!(throttle.take(own.as_ref().unwrap_or(&strangers)), credential);
        let credential = credential?;
        let is_known = |device: &Device| {
            credential.as_ref().is_some_and(|found| device.is_known_to(found.user_id, found.session_epoch))
        };
        if device.is_none_or(is_known) {
            return Ok((pass?, credential));
        }
        // Somebody else's cookie, or one from before all sessions ended: its own tries are not this account's affair.
        if let Ok(pass) = pass {
            throttle.put_back(pass).await;
        }
        throttle.precheck(&strangers)?;
        Ok((throttle.take(&strangers).await?, credential))
    };
    let tried = tried.await;
    if let Err(Error::TooManyRequests { .. }) = tried {
        app.log.write(&Event::of("sign_in_throttled", caller));
    }
    tried
}

/// The one place that decides whether a sign-in is good.
fn admitted(
    password_is_right: bool,
    credential: Option<Credential>,
    account: Option<Account>,
) -> Option<(Credential, Account)> {
    let (credential, account) = (credential?, account?);
    let is_active = credential.status == Status::Active && account.honours(credential.session_epoch);
    (password_is_right && is_active).then_some((credential, account))
}

/// Whoever signs in again in the same browser leaves the session behind that they had. Whatever goes wrong with that is
/// no reason to refuse a sign-in: the old session expires.
async fn end_previous(app: &App, signer: &Signer, caller: &Caller, headers: &HeaderMap) {
    let Some(text) = auth_http::cookie(headers, &app.config.refresh_cookie) else { return };
    let Ok(Some(token)) = signer.open(text).await else { return };
    let event = |name| Event::of(name, caller).user(token.user_id).session(token.session_id);
    match app.store.session_end(&token).await {
        Ok(Ended::Ended) => app.log.write(&event("session_revoked")),
        // Whoever has a MAC key need not be the user.
        Ok(Ended::ForeignLineage) => app.log.write(&Event { actor: None, ..event("foreign_lineage") }.alarming()),
        Ok(Ended::Gone) | Err(_) => {}
    }
}

/// Ends what goes beyond [`MAX_SESSIONS`], those first that were not used for longest, and what is over anyway. One
/// sign-in in sixteen looks: counting them at each would cost a read for every session there is. Since somebody waits, it
/// ends twice as many as have come since the last look, on average, and no more. Failing, it leaves them to expire.
async fn end_surplus(app: &App, account: &Account, session: &Session) {
    if !session.id.uuid().as_bytes()[15].is_multiple_of(16) {
        return;
    }
    let (now, user_id) = (app.clock.now(), account.user.id);
    let Ok(mut sessions) = app.store.sessions_of(user_id).await else { return };
    // An epoch above the account's is one that was raised since it was read, and carried along with the session.
    let is_good = |session: &Session| session.is_live(now) && session.session_epoch >= account.user.session_epoch;
    sessions.sort_by_key(|session| std::cmp::Reverse((is_good(session), session.last_used_at)));
    let good = sessions.iter().filter(|session| is_good(session)).count();
    let surplus = sessions.iter().skip(good.min(MAX_SESSIONS)).filter(|other| other.id != session.id);
    let surplus: Vec<_> = surplus.rev().take(MAX_ENDED).collect();
    for some in surplus.chunks(ENDED_AT_ONCE) {
        // In this task, whose tally counts the retries.
        let ended = join_all(some.iter().map(|session| app.store.session_delete(user_id, session.id))).await;
        if ended.iter().any(Result::is_err) {
            return;
        }
    }
}

const MAX_SESSIONS: usize = 50;
const MAX_ENDED: usize = 32;
/// A connection each.
const ENDED_AT_ONCE: usize = 8;

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    email: Field,
    #[serde(default)]
    username: Field,
    #[serde(default)]
    password: Field,
    #[serde(default)]
    transport: Field,
    #[serde(flatten)]
    unknown: Unknown,
}

struct Attempt {
    identifier: Identifier,
    password: Password,
    transport: Transport,
}

impl Body for Request {
    type Valid = Attempt;

    fn check(self, _: &App, faults: &mut Faults) -> Option<Attempt> {
        faults.unknown(self.unknown);
        let password = faults.required("/password", self.password, Password::parse);
        let transport = faults.optional("/transport", self.transport, Transport::parse);
        let email = faults.optional("/email", self.email, Email::parse);
        let username = faults.optional("/username", self.username, Username::parse);
        let identifier = match (email?, username?) {
            (Some(email), None) => Identifier::Email(email),
            (None, Some(username)) => Identifier::Username(username),
            (None, None) => {
                faults.add("/email", REQUIRED);
                return None;
            }
            (Some(_), Some(_)) => {
                faults.add("/username", EITHER_OR);
                return None;
            }
        };
        Some(Attempt { identifier, password: password?, transport: transport?.unwrap_or_default() })
    }
}

const EITHER_OR: auth::Invalid =
    auth::Invalid { code: "either_or", detail: "Give an e-mail address or a username, not both." };
