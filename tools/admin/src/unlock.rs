//! What locks an account to strangers, and how an operator opens it.

use std::fmt;
use std::sync::Arc;

use auth::{App, Error, Event, Failures, Identifier, Pseudonyms, Throttle, Timestamp, User, UserId};
use serde::Serialize;

use crate::{Console, Failure};

/// Strangers' failures in a row, under both names of the account.
pub async fn sign_in(app: &App, user: &User) -> Result<SignIn, Failure> {
    let pseudonyms = pseudonyms(app).await?;
    let (throttle, [email, username]) = (Throttle::new(app), Identifier::both_of(user));
    let (email, username) =
        tokio::join!(throttle.failures(&email, &pseudonyms), throttle.failures(&username, &pseudonyms));
    Ok(SignIn::new(email?, username?))
}

pub async fn unlock(app: &App, console: &mut Console<'_>, user: &User) -> Result<(), Failure> {
    let before = sign_in(app, user).await?;
    let (throttle, pseudonyms) = (Throttle::new(app), pseudonyms(app).await?);
    for identifier in Identifier::both_of(user) {
        throttle.forget(&identifier, &pseudonyms).await?;
    }
    console.audit(Event::new("admin_user_unlocked").subject(user.id))?;
    console.show(&Unlocked { user_id: user.id, forgotten: before })
}

async fn pseudonyms(app: &App) -> Result<Arc<Pseudonyms>, Failure> {
    app.pseudonyms().await.map_err(|error| match error {
        Error::NoKeySet => Failure::NoPseudonyms,
        error => error.into(),
    })
}

/// Whether strangers can still sign in, under either name of an account.
#[derive(Serialize)]
pub struct SignIn {
    by_email: FailuresView,
    by_username: FailuresView,
}

#[derive(Serialize)]
struct FailuresView {
    failures: u32,
    /// `None` while it is not locked.
    locked_until: Option<String>,
}

/// What was forgotten.
#[derive(Serialize)]
pub struct Unlocked {
    user_id: UserId,
    forgotten: SignIn,
}

impl SignIn {
    pub fn new(by_email: Failures, by_username: Failures) -> Self {
        let view = |Failures { in_a_row, locked_until }| FailuresView {
            failures: in_a_row,
            locked_until: locked_until.map(Timestamp::rfc3339),
        };
        Self { by_email: view(by_email), by_username: view(by_username) }
    }
}

impl fmt::Display for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by e-mail address {}, by username {}", self.by_email, self.by_username)
    }
}

impl fmt::Display for FailuresView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.locked_until {
            Some(until) => write!(f, "locked to strangers until {until} ({} tries in a row)", self.failures),
            None => write!(f, "open ({} tries in a row)", self.failures),
        }
    }
}

impl fmt::Display for Unlocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SignIn { by_email, by_username } = &self.forgotten;
        write!(
            f,
            "Forgotten of {}: {} tries in a row by e-mail address, {} by username. Browsers that the account does not know \
             may try again; what has just refused one may go on for a minute.",
            self.user_id, by_email.failures, by_username.failures
        )
    }
}
