//! `POST /auth/login`: opens a session.
//!
//! 1. Parse the body. For cookie transport the page must be of a configured origin.
//! 2. Read the credential: under the e-mail address, or through the username's claim.
//! 3. Hash the password, and beside it read the user and their roles.
//! 4. Refuse, always with the same answer, unless the password is right, the account is active, and credential and
//!    user agree on the epoch. An unknown account takes the same calls, in the same order, and one hash.
//! 5. Write the session, under the epoch that was read before the hash: whoever changed the password, disabled the
//!    account or deleted it meanwhile has made this session void.
//! 6. Replace a hash that is weaker than today's parameters.
//! 7. Answer the tokens; with cookie transport the refresh token is in the cookie alone.

use auth::{
    Account, App, Credential, Email, Error, Event, HashUpgrade, Hasher, Password, Signer, Status, UserId, Username,
};
use auth_http::{Answer, Body, Faults, Field, Json, REQUIRED, RequestId, Transport, Unknown, tokens_answer};
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use axum::routing::post;
use serde::Deserialize;

/// What this function holds.
#[derive(Clone)]
pub struct Login {
    pub app: App,
    pub hasher: Hasher,
    pub signer: Signer,
}

pub fn router(login: Login) -> Router {
    Router::new().route("/auth/login", post(handle)).with_state(login)
}

async fn handle(
    State(Login { app, hasher, signer }): State<Login>,
    request_id: RequestId,
    headers: HeaderMap,
    Json(attempt): Json<Request>,
) -> Answer {
    if attempt.transport == Transport::Cookie {
        auth_http::check_origin(&headers, &app.published().await?.keys.origins)?;
    }
    let credential = match &attempt.identifier {
        Identifier::Email(email) => app.store.credential_by_email(email).await?,
        Identifier::Username(username) => app.store.credential_by_username(username).await?,
    };
    // Nobody's id, for the read that an unknown account costs too.
    let user_id = match &credential {
        Some(credential) => credential.user_id,
        None => UserId::new(app.random.uuid(app.clock.now())?),
    };
    let stored = credential.as_ref().map(|credential| &credential.hash);
    let (is_right, account) = tokio::join!(hasher.verify(attempt.password.clone(), stored), app.store.account(user_id));
    let Some((credential, account)) = admitted(is_right?, credential, account?) else {
        app.log.write(&Event::new("sign_in_refused").request(request_id.as_str()));
        return Err(Error::InvalidCredentials.into());
    };

    let (session, refresh_token) = signer.session(credential.user_id, credential.session_epoch).await?;
    let session = session.with_client(headers.get(USER_AGENT).and_then(|value| value.to_str().ok()));
    let tokens = signer.tokens(&account, &session, &refresh_token).await?;
    app.store.session_create(&session).await?;

    if hasher.is_outdated(&credential.hash) {
        let to = hasher.hash(attempt.password).await?;
        app.store.credential_upgrade(&credential, &HashUpgrade { from: credential.hash.clone(), to }).await;
    }
    app.log.write(&Event::new("signed_in").request(request_id.as_str()).user(account.user.id).session(session.id));
    tokens_answer(&app, &tokens, attempt.transport, Some(&account))
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

enum Identifier {
    Email(Email),
    Username(Username),
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
