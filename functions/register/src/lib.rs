//! `POST /auth/register`: opens an account.
//!
//! 1. Parse the body; report every fault at once.
//! 2. Count the try: a network has so many an hour.
//! 3. Refuse a password that is easily guessed, with the reason, or that is known from a breach, where a service that
//!    knows is configured. One that does not answer in a second refuses nobody.
//! 4. Hash the password. Before the transaction, so that 409 takes as long as 201.
//! 5. Create user, credential and username claim in one transaction, or nothing at all.
//! 6. Answer the user. No tokens: the client signs in next.
//!
//! A client whose answer was lost tries again and gets 409 `email_taken`; the account is whole by then, and signing in
//! with the same password opens it.

use auth::{
    App, Bio, BirthDate, BreachedPasswords, Bucket, Caller, Email, Error, Event, FullName, Hasher, Password, Throttle,
    User, UserId, Username,
};
use auth_http::{Answer, Body, Faults, Field, Json, Reply, Unknown, UserAnswer, UserBody};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Extension, Router};
use serde::Deserialize;

/// What this function holds.
#[derive(Clone)]
pub struct Register {
    pub app: App,
    pub hasher: Hasher,
    pub throttle: Throttle,
    pub breached: BreachedPasswords,
}

pub fn router(register: Register) -> Router {
    Router::new().route("/auth/register", post(handle)).with_state(register)
}

async fn handle(
    State(Register { app, hasher, throttle, breached }): State<Register>,
    Extension(caller): Extension<Caller>,
    Json(registration): Json<Request>,
) -> Answer {
    let now = app.clock.now();
    let per_hour = app.config.registrations_per_hour;
    for bucket in Bucket::registration(&caller, per_hour, &*app.pseudonyms().await?, now) {
        // Not given back: what is limited are the accounts.
        let taken = throttle.take(&bucket).await;
        if let Err(Error::TooManyRequests { .. }) = taken {
            app.log.write(&Event::of("registration_throttled", &caller));
        }
        let _ = taken?;
    }
    let id = UserId::new(app.random.uuid(now)?);
    let user = User {
        full_name: registration.full_name,
        bio: registration.bio,
        birth_date: registration.birth_date,
        ..User::new(id, registration.email, registration.username, now)
    };
    registration.password.judge(&user.own_words()).map_err(|weak| weak.at("/password"))?;
    breached.check(&registration.password, &caller).await.map_err(|known| known.at("/password"))?;
    let hash = hasher.hash(registration.password).await?;
    app.store.user_create(&user, &hash).await?;

    app.log.write(&Event::of("registered", &caller).user(id));
    Ok((StatusCode::CREATED, Reply(UserAnswer { user: UserBody::new(&user, &[]) })).into_response())
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
    full_name: Field,
    #[serde(default)]
    bio: Field,
    #[serde(default)]
    birth_date: Field,
    #[serde(flatten)]
    unknown: Unknown,
}

struct Registration {
    email: Email,
    username: Username,
    password: Password,
    full_name: Option<FullName>,
    bio: Option<Bio>,
    birth_date: Option<BirthDate>,
}

impl Body for Request {
    type Valid = Registration;

    fn check(self, app: &App, faults: &mut Faults) -> Option<Registration> {
        let new_password = |text: &str| Password::parse_new(text, app.config.password);
        let birth_date = |text: &str| BirthDate::parse(text)?.checked(app.clock.now());
        faults.unknown(self.unknown);
        let email = faults.required("/email", self.email, Email::parse);
        let username = faults.required("/username", self.username, Username::parse);
        let password = faults.required("/password", self.password, new_password);
        let full_name = faults.optional("/full_name", self.full_name, FullName::parse);
        let bio = faults.optional("/bio", self.bio, Bio::parse);
        let birth_date = faults.optional("/birth_date", self.birth_date, birth_date);
        Some(Registration {
            email: email?,
            username: username?,
            password: password?,
            full_name: full_name?,
            bio: bio?,
            birth_date: birth_date?,
        })
    }
}
