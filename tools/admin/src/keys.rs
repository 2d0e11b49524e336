use std::collections::HashMap;
use std::fmt;

use auth::{App, Event, KeySet, SecretSource, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::view::cell;
use crate::{Console, Failure};

/// The published key set. When each key begins to sign is known to the private set alone, so it is told where that is a
/// file beside the table; an operator's machine is no place for the secret of a stack.
pub async fn show(app: &App, console: &mut Console<'_>) -> Result<(), Failure> {
    let published = app.store.key_set().await?;
    let jwks: Value = serde_json::from_str(&published.jwks).map_err(|_| Failure::Internal("jwks".to_owned()))?;
    let sign_from = match &app.config.key_set {
        Some(SecretSource::File(path)) => {
            let private = std::fs::read_to_string(path).ok().and_then(|text| KeySet::from_json(&text).ok());
            private.map(|set| set.signing_times().map(|(kid, from)| (kid.to_owned(), from)).collect())
        }
        _ => None,
    };
    let sign_from: HashMap<String, Timestamp> = sign_from.unwrap_or_default();
    let keys = jwks["keys"].as_array().into_iter().flatten();
    let keys = keys.map(|key| {
        let text = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
        let kid = text("kid");
        Key { algorithm: text("alg"), sign_from: sign_from.get(&kid).map(|from| from.rfc3339()), kid }
    });
    let view = KeySetView {
        version: published.version,
        issuer: published.issuer,
        origins: published.origins,
        keys: keys.collect(),
    };
    console.audit(Event::new("admin_keys_shown"))?;
    console.show(&view)
}

#[derive(Serialize)]
struct KeySetView {
    version: u64,
    issuer: String,
    origins: Vec<String>,
    keys: Vec<Key>,
}

#[derive(Serialize)]
struct Key {
    kid: String,
    algorithm: String,
    /// `None` where the private set is out of reach.
    sign_from: Option<String>,
}

impl fmt::Display for KeySetView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version  {}\nissuer   {}", self.version, cell(&self.issuer))?;
        for origin in &self.origins {
            write!(f, "\norigin   {}", cell(origin))?;
        }
        for Key { kid, algorithm, sign_from } in &self.keys {
            write!(f, "\nkey      {}  {}", cell(kid), cell(algorithm))?;
            if let Some(from) = sign_from {
                write!(f, "  signs from {from}")?;
            }
        }
        Ok(())
    }
}
