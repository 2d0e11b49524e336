//! The four steps of a rotation, as Secrets Manager asks for them.

use std::time::Duration;

use auth::{Error, Event, KeySet, Schedule, Versions};
use serde::Deserialize;
use serde_json::Value;

use crate::RotateKeys;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    secret_id: String,
    client_request_token: String,
    step: Step,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum Step {
    #[serde(rename = "createSecret")]
    Create,
    #[serde(rename = "setSecret")]
    Set,
    #[serde(rename = "testSecret")]
    Test,
    #[serde(rename = "finishSecret")]
    Finish,
}

pub async fn step(function: &RotateKeys, request: Request) -> Result<Value, Error> {
    let token = request.client_request_token.as_str();
    if request.secret_id != function.secret.id() {
        return Err(Error::Internal("the event is about another secret"));
    }
    let versions = function.secret.versions().await?;
    if versions.is_current(token) {
        // A step that came again, after the rotation was over.
        return Ok(Value::Null);
    }
    if !versions.is_pending(token) {
        return Err(Error::Internal("the version is not pending"));
    }
    // When a schedule is set up, Secrets Manager tries `testSecret` alone.
    if !versions.rotation_is_on && request.step != Step::Test {
        return Err(Error::Internal("rotation is not turned on"));
    }
    match request.step {
        Step::Create => create(function, token).await,
        Step::Set => set(function, token).await,
        Step::Test => test(function, token).await,
        Step::Finish => finish(function, token, &versions).await,
    }?;
    Ok(Value::Null)
}

async fn create(function: &RotateKeys, token: &str) -> Result<(), Error> {
    let RotateKeys { app, secret } = function;
    if secret.pending(token).await?.is_some() {
        return Ok(());
    }
    let (current, _) = secret.current().await?;
    let schedule = Schedule::new(app.config.lifetimes);
    let rotated = function.numbered(current.rotated(app.clock.now(), &schedule, &app.random)?).await?;
    match secret.put_pending(token, &rotated).await {
        // The same step, delivered twice, was quicker elsewhere.
        Err(Error::Conflict) => Ok(()),
        put => put,
    }
}

async fn set(function: &RotateKeys, token: &str) -> Result<(), Error> {
    let RotateKeys { app, secret } = function;
    let pending = secret.pending(token).await?.ok_or(NOT_CREATED)?;
    let published = app.store.key_set().await?;
    let ours = pending.published(&published.issuer, &published.origins);
    if (ours.version, &ours.jwks) == (published.version, &published.jwks) {
        return Ok(());
    }
    in_time(function, token, &pending, Schedule::KNOWN_FOR).await?;
    match app.store.publish_keys(&ours).await {
        Err(Error::Conflict) => give_up(function, token, "newer keys than the pending ones are published").await,
        Ok(()) => {
            app.log.write(&Event::new("keys_published"));
            Ok(())
        }
        failed => failed,
    }
}

async fn test(function: &RotateKeys, token: &str) -> Result<(), Error> {
    let RotateKeys { app, secret } = function;
    // The trial of a new schedule is about a version that `createSecret` has not filled.
    let set = match secret.pending(token).await? {
        Some(pending) => pending,
        None => secret.current().await?.0,
    };
    set.prove(&app.store.key_set().await?, app.clock.now())
}

async fn finish(function: &RotateKeys, token: &str, versions: &Versions) -> Result<(), Error> {
    let RotateKeys { app, secret } = function;
    let pending = secret.pending(token).await?.ok_or(NOT_CREATED)?;
    // Again, since nothing may sign before it can be verified, whatever steps went before.
    pending.prove(&app.store.key_set().await?, app.clock.now())?;
    in_time(function, token, &pending, Schedule::RELOAD).await?;
    secret.make_current(token, versions.current().ok_or(Error::NoKeySet)?).await?;
    app.log.write(&Event::new("keys_rotated"));
    Ok(())
}

/// Gives the rotation up if its keys would be in use before they have been known for `known_for`.
async fn in_time(function: &RotateKeys, token: &str, pending: &KeySet, known_for: Duration) -> Result<(), Error> {
    let (current, _) = function.secret.current().await?;
    let must_be_known = function.app.clock.now().plus(known_for);
    match pending.first_use(&current) {
        Some(first_use) if first_use < must_be_known => {
            give_up(function, token, "the rotation took too long; start another one").await
        }
        _ => Ok(()),
    }
}

/// A version can't be written anew, so one that can't be used must make room: no other rotation could start.
async fn give_up(function: &RotateKeys, token: &str, why: &'static str) -> Result<(), Error> {
    function.secret.abandon(token).await?;
    function.app.log.write(&Event::new("rotation_given_up").alarming());
    Err(Error::Internal(why))
}

const NOT_CREATED: Error = Error::Internal("nothing was created under that token");
