//! The custom resource of the template: a stack is complete when its keys are there and published.

use std::time::Duration;

use auth::{App, CallbackUrl, Error, Event, KeySet, PublicKeySet, Schedule};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::RotateKeys;

/// Does what the stack needs and says how that went, to CloudFormation, which waits for an answer.
///
/// # Errors
/// Only if the answer could not be given: Lambda then delivers the event again, and everything here can be repeated.
pub async fn answer(function: &RotateKeys, event: &Value) -> Result<Value, Error> {
    let url = event["ResponseURL"].as_str().and_then(|text| CallbackUrl::parse(&function.app, text));
    let url = url.ok_or(Error::Internal("the event brings no address for an answer"))?;
    let outcome = tokio::time::timeout(PATIENCE, persistently(function, event)).await;
    let outcome = outcome.unwrap_or(Err(Error::Internal("the keys took too long")));
    let mut answer = json!({
        "Status": "SUCCESS",
        // The same for ever: another id would make CloudFormation delete the resource of the old one.
        "PhysicalResourceId": event["PhysicalResourceId"].as_str().unwrap_or("key-set"),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    });
    if let Err(error) = outcome {
        answer["Status"] = json!("FAILED");
        answer["Reason"] = json!(error.to_string());
    }
    url.put(&answer.to_string()).await?;
    Ok(Value::Null)
}

/// Less than the function's own time by what the answer may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// In a first deployment the role is seconds old, and AWS may not know it everywhere yet.
async fn persistently(function: &RotateKeys, event: &Value) -> Result<(), Error> {
    for pause in PAUSES {
        match deploy(function, event).await {
            Err(Error::Unavailable { .. }) => tokio::time::sleep(pause).await,
            outcome => return outcome,
        }
    }
    deploy(function, event).await
}

/// Before each further try.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(10)];

async fn deploy(function: &RotateKeys, event: &Value) -> Result<(), Error> {
    match event["RequestType"].as_str() {
        // The secret and the table decide for themselves whether they outlive the stack.
        Some("Delete") => return Ok(()),
        Some("Create" | "Update") => {}
        _ => return Err(Error::Internal("the event is neither Create, nor Update, nor Delete")),
    }
    let RotateKeys { app, .. } = function;
    let properties = Properties::read(app, &event["ResourceProperties"])?;
    let keys = with_keys(function).await?;
    app.store.publish_key_set(&keys.published(&properties.issuer, &properties.origins)).await?;
    // The deployment fails here, and not at the first sign-in after it.
    keys.prove(&app.store.key_set().await?, app.clock.now())
}

/// What functions read, with its first keys if it had none.
async fn with_keys(function: &RotateKeys) -> Result<KeySet, Error> {
    let RotateKeys { app, secret } = function;
    let (set, version) = secret.current().await?;
    if !set.is_empty() {
        return Ok(set);
    }
    let schedule = Schedule::new(app.config.lifetimes);
    let first = function.numbered(set.rotated(app.clock.now(), &schedule, &app.random)?).await?;
    match secret.succeed(&version, &first).await {
        Ok(()) => app.log.write(&Event::new("keys_created")),
        // The same event, delivered twice, was quicker elsewhere: its keys are the first ones.
        Err(Error::Conflict) => {}
        Err(error) => return Err(error),
    }
    Ok(secret.current().await?.0)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    issuer: String,
    #[serde(default)]
    origins: Vec<String>,
}

impl Properties {
    fn read(app: &App, value: &Value) -> Result<Self, Error> {
        let properties = Self::deserialize(value).map_err(|_| Error::Internal("Issuer or Origins is missing"))?;
        // An empty list parameter is a list of one empty text.
        let origins: Vec<_> = properties.origins.into_iter().filter(|origin| !origin.is_empty()).collect();
        if !is_base(app, &properties.issuer) {
            return Err(Error::Internal("Issuer must be an https URL without query, fragment or a slash at its end"));
        }
        if !origins.iter().all(|origin| PublicKeySet::is_origin(origin)) {
            return Err(Error::Internal("Origins must be like https://app.example.com, without a path"));
        }
        Ok(Self { issuer: properties.issuer, origins })
    }
}

/// OpenID Connect Discovery 1.0 §3; the slash because `iss` is compared as text.
fn is_base(app: &App, text: &str) -> bool {
    let rest = text.strip_prefix("https://").or(text.strip_prefix("http://").filter(|_| app.config.is_local()));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.ends_with('/') && !rest.contains(|c: char| "?#@".contains(c) || !c.is_ascii_graphic())
    })
}
