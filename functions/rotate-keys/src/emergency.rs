//! Keys in other hands: out they go, at once.

use auth::{Error, Event, Revocation};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::RotateKeys;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    revoke: Revoke,
}

/// `"signing"`, `"mac"`, `"all"` or `{"signing_key": "<kid>"}`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Revoke {
    Signing,
    SigningKey(String),
    Mac,
    All,
}

/// Replaces what is revoked. After a crash, run it again: it starts afresh.
pub async fn replace(function: &RotateKeys, request: Request) -> Result<Value, Error> {
    let RotateKeys { app, secret } = function;
    let what = match request.revoke {
        Revoke::Signing => Revocation::Signing,
        Revoke::SigningKey(kid) => Revocation::SigningKey(kid),
        Revoke::Mac => Revocation::Mac,
        Revoke::All => Revocation::All,
    };
    let now = app.clock.now();
    let published = app.store.key_set().await?;
    let (current, former) = secret.current().await?;
    if current.is_empty() {
        return Err(Error::NoKeySet);
    }
    let next = current.revoked(&what, now, &app.random)?.after(&published);
    let versions = secret.versions().await?;
    // A rotation under way would bring the revoked keys back.
    if let Some(pending) = versions.pending().filter(|&pending| !versions.is_current(pending)) {
        secret.abandon(pending).await?;
        app.log.write(&Event::new("rotation_given_up").alarming());
    }
    // Put aside, published, made current, in this order: a crash in between loses neither half.
    let token = app.random.uuid(now)?.to_string();
    secret.put_pending(&token, &next).await?;
    app.store.publish_keys(&next.published(&published.issuer, &published.origins)).await?;
    next.prove(&app.store.key_set().await?, now)?;
    secret.make_current(&token, &former).await?;
    app.log.write(&Event::new("keys_revoked").alarming());
    Ok(json!({ "version": next.version, "signing_key": next.signing_key_id(now) }))
}
