//! `GET` and `PATCH /auth/profile`: the signed-in user.
//!
//! 1. Verify the access token locally.
//! 2. Read user, session and roles in one round trip; refuse unless the session is live and of the user's epoch.
//! 3. `GET`: answer the user, with the version as `ETag`.
//! 4. `PATCH`: compare `If-Match`; apply the changes; write only if something is different, on condition that nobody
//!    wrote in between. Without `If-Match`, a lost race is read and applied again.

use auth::{Account, App, Bio, BirthDate, Error, FullName, ProfileChange, Username};
use auth_http::{Answer, Authenticated, Body, Faults, Field, Json, Reply, Unknown, UserAnswer, UserBody};
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ETAG, IF_MATCH};
use axum::response::IntoResponse;
use axum::routing::get;
use serde::Deserialize;

/// What this function holds. No key of the private set: it can verify, not sign.
#[derive(Clone)]
pub struct Profile {
    pub app: App,
}

pub fn router(profile: Profile) -> Router {
    Router::new().route("/auth/profile", get(show).patch(change)).with_state(profile)
}

async fn show(Authenticated(signed_in): Authenticated) -> Answer {
    Ok(answer(&signed_in.account))
}

async fn change(
    State(Profile { app }): State<Profile>,
    Authenticated(signed_in): Authenticated,
    headers: HeaderMap,
    Json(change): Json<Request>,
) -> Answer {
    let mut account = signed_in.account;
    for _ in 0..TRIES {
        if !matches(&headers, account.user.version) {
            return Err(Error::PreconditionFailed.into());
        }
        let now = app.clock.now();
        let Some(next) = account.user.changed(&change, now, app.random.uuid(now)?) else {
            return Ok(answer(&account));
        };
        match app.store.user_update(&account.user, &next).await {
            Ok(()) => return Ok(answer(&Account { user: next, ..account })),
            Err(Error::Conflict) => account = app.signed_in(auth_http::bearer(&headers)?).await?.account,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Conflict.into())
}

/// RFC 9110 §13.1.1. A weak tag counts too: compressing proxies weaken ours, and it still names the version.
fn matches(headers: &HeaderMap, version: u64) -> bool {
    let mut values = headers.get_all(IF_MATCH).iter().peekable();
    let current = format!("\"{version}\"");
    values.peek().is_none()
        || values.any(|value| {
            let tags = value.to_str().unwrap_or_default().split(',').map(str::trim);
            tags.map(|tag| tag.strip_prefix("W/").unwrap_or(tag)).any(|tag| tag == current || tag == "*")
        })
}

/// How often a lost race is run again before the client is told.
const TRIES: usize = 4;

fn answer(account: &Account) -> axum::response::Response {
    let etag = [(ETAG, format!("\"{}\"", account.user.version))];
    (etag, Reply(UserAnswer { user: UserBody::new(&account.user, &account.roles) })).into_response()
}

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    username: Field,
    #[serde(default)]
    full_name: Field,
    #[serde(default)]
    bio: Field,
    #[serde(default)]
    birth_date: Field,
    #[serde(flatten)]
    unknown: Unknown,
}

impl Body for Request {
    type Valid = ProfileChange;

    fn check(self, app: &App, faults: &mut Faults) -> Option<ProfileChange> {
        let birth_date = |text: &str| BirthDate::parse(text)?.checked(app.clock.now());
        faults.unknown(self.unknown);
        let username = faults.present("/username", self.username, Username::parse);
        let full_name = faults.change("/full_name", self.full_name, FullName::parse);
        let bio = faults.change("/bio", self.bio, Bio::parse);
        let birth_date = faults.change("/birth_date", self.birth_date, birth_date);
        Some(ProfileChange { username: username?, full_name: full_name?, bio: bio?, birth_date: birth_date? })
    }
}
