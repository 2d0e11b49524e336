//! Makes, publishes and replaces the keys. No other function may write the secret or the `KEYSET` item.
//!
//! **CloudFormation** calls it on each deployment that changes issuer or origins (`deployment.rs`):
//! 1. Read the secret. If it holds no keys yet, make the first ones, in use at once.
//! 2. Publish their public half, with issuer and origins.
//! 3. Answer at the address that the event brings, whatever happened.
//!
//! **Secrets Manager** calls it four times a rotation (`rotation.rs`); every step may come again, after a crash too:
//! 1. `createSecret`: put the rotated set aside as `AWSPENDING`. Its new keys are in use hours later.
//! 2. `setSecret`: publish its public half, so that every verifier knows it by then.
//! 3. `testSecret`: sign with it, verify with what is published.
//! 4. `finishSecret`: make it `AWSCURRENT`, which functions read within five minutes.
//!
//! **An operator** calls it when keys are in other hands (`emergency.rs`): the same four steps at once, with keys that are
//! in use at once.

mod deployment;
mod emergency;
mod rotation;

use auth::{App, Error, KeySet, KeySetSecret, PublicKeySet};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What this function holds.
#[derive(Clone, Debug)]
pub struct RotateKeys {
    pub app: App,
    pub secret: KeySetSecret,
}

impl RotateKeys {
    /// Does what the event asks for. Returns what an operator may want to see.
    pub async fn handle(&self, event: Value) -> Result<Value, Error> {
        if event.get("RequestType").is_some() {
            deployment::answer(self, &event).await
        } else if event.get("Step").is_some() {
            rotation::step(self, read(event)?).await
        } else if event.get("Revoke").is_some() {
            emergency::replace(self, read(event)?).await
        } else {
            Err(Error::Internal("the event is neither a deployment's, nor a rotation's, nor an emergency's"))
        }
    }

    async fn published(&self) -> Result<Option<PublicKeySet>, Error> {
        match self.app.store.key_set().await {
            Ok(published) => Ok(Some(published)),
            Err(Error::NoKeySet) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The set with a version that nothing else was published under.
    async fn numbered(&self, set: KeySet) -> Result<KeySet, Error> {
        Ok(match self.published().await? {
            Some(published) => set.after(&published),
            None => set,
        })
    }
}

fn read<T: DeserializeOwned>(event: Value) -> Result<T, Error> {
    serde_json::from_value(event).map_err(|_| Error::Internal("the event lacks what it needs"))
}
