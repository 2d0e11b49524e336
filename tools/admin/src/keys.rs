use std::collections::HashMap;
use std::fmt;

use auth::{App, Event, KeySet, Revocation, Schedule, SecretSource, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::key_file::KeyFile;
use crate::stack::{Stack, named};
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

/// New keys for later. In a stack, Secrets Manager makes them after this has answered.
pub async fn rotate(app: &App, stack: Option<&Stack>, console: &mut Console<'_>) -> Result<(), Failure> {
    let view = match Keys::of(app, stack)? {
        Keys::File(file) => {
            let rotated = file.rotate().await?;
            let (kid, from) = rotated.next_key().ok_or(Failure::NoKeySet)?;
            Rotation {
                state: if rotated.is_new { "rotated" } else { "waiting" },
                version: Some(rotated.set.version),
                next_signing_key: Some(kid.to_owned()),
                sign_from: from.rfc3339(),
            }
        }
        Keys::Stack(stack) => {
            stack.rotate().await?;
            // To the minute: the function makes the keys a moment later.
            let from = app.clock.now().plus(Schedule::PUBLISHED_WITHIN).plus(Schedule::KNOWN_FOR);
            let sign_from = Timestamp::from_millis(from.seconds().div_euclid(60).saturating_mul(60_000)).rfc3339();
            Rotation { state: "started", version: None, next_signing_key: None, sign_from }
        }
    };
    console.audit(match view.state {
        "waiting" => Event::new("admin_keys_shown"),
        _ => Event::new("admin_keys_rotated"),
    })?;
    console.show(&view)
}

/// Keys that are in other hands are out, at once.
pub async fn revoke(
    app: &App,
    stack: Option<&Stack>,
    console: &mut Console<'_>,
    what: &Revocation,
) -> Result<(), Failure> {
    let keys = Keys::of(app, stack)?;
    if let Revocation::SigningKey(kid) = what
        && !published_kids(&app.store.key_set().await?.jwks).contains(kid)
    {
        return Err(Failure::NoSuchKey);
    }
    console.confirm(question(what))?;
    let (version, signing_key) = match keys {
        Keys::File(file) => {
            let set = file.revoke(what).await?;
            (set.version, set.signing_key_id(app.clock.now()).map(str::to_owned))
        }
        Keys::Stack(stack) => {
            let replaced = stack.revoke(what).await?;
            (replaced.version, replaced.signing_key)
        }
    };
    console.audit(match what {
        Revocation::Mac => Event::new("admin_everyone_signed_out"),
        _ => Event::new("admin_keys_revoked"),
    })?;
    console.show(&Replacement { revoked: named(what), version, signing_key, what })
}

/// What changes the private set.
enum Keys<'a> {
    File(KeyFile<'a>),
    Stack(&'a Stack),
}

impl<'a> Keys<'a> {
    fn of(app: &'a App, stack: Option<&'a Stack>) -> Result<Self, Failure> {
        match (stack, &app.config.key_set) {
            (Some(stack), _) => Ok(Self::Stack(stack)),
            (None, Some(SecretSource::File(path))) => Ok(Self::File(KeyFile::new(app, path))),
            _ => Err(Failure::KeysOutOfReach),
        }
    }
}

fn published_kids(jwks: &str) -> Vec<String> {
    let jwks: Value = serde_json::from_str(jwks).unwrap_or_default();
    let keys = jwks["keys"].as_array().into_iter().flatten();
    keys.filter_map(|key| key["kid"].as_str().map(str::to_owned)).collect()
}

fn question(what: &Revocation) -> &'static str {
    match what {
        Revocation::Signing => "Replace every signing key? Access tokens are refused until clients refresh.",
        Revocation::SigningKey(_) => "Replace this signing key? Its access tokens are refused until clients refresh.",
        Revocation::Mac => "Sign everybody out? No refresh token of before opens anything again.",
        Revocation::All => "Replace every key? Access tokens are refused, and everybody has to sign in again.",
    }
}

#[derive(Serialize)]
struct Rotation {
    /// `rotated`; `waiting` if the keys of the rotation before are not in use yet, and nothing was done; `started` where
    /// Secrets Manager goes on with it.
    state: &'static str,
    version: Option<u64>,
    next_signing_key: Option<String>,
    sign_from: String,
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = &self.sign_from;
        match (&self.next_signing_key, self.version) {
            (Some(kid), Some(version)) if self.state == "rotated" => {
                write!(
                    f,
                    "Version {version} is published. The new key {kid} signs from {from}; until then the one before does.\n\
                     A running server reads it within five minutes; there is nothing to restart."
                )
            }
            (Some(kid), _) => {
                write!(f, "Nothing was done: {kid}, of the rotation before, is published and signs from {from}.")
            }
            (None, _) => write!(
                f,
                "Secrets Manager has started a rotation, which takes seconds; keys show has one key more then. The new \
                 keys are in use from about {from}.\nIf those of a rotation before are not in use yet, nothing changes."
            ),
        }
    }
}

#[derive(Serialize)]
struct Replacement<'a> {
    revoked: Value,
    version: u64,
    signing_key: Option<String>,
    #[serde(skip)]
    what: &'a Revocation,
}

impl fmt::Display for Replacement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signing_key = self.signing_key.as_deref().unwrap_or("no key");
        let (version, signing_key) = (self.version, cell(signing_key));
        let then = match self.what {
            Revocation::Signing | Revocation::SigningKey(_) => {
                "From then on they refuse access tokens under a revoked key. Clients refresh, and nobody is signed out. Other \
                 verifiers accept such tokens, and refuse those of the new key, until they fetch the key set again."
            }
            Revocation::Mac => {
                "From then on they refuse every refresh token of before: everybody signs in again. What lives on: access \
                 tokens, until they expire (10 minutes by default), here as at other verifiers, since sessions stay in the \
                 table and are still listed. To end these too: keys revoke --all."
            }
            Revocation::All => {
                "From then on they refuse every access token and every refresh token of before: everybody signs in again. \
                 Other verifiers accept such access tokens, and refuse those of the new key, until they fetch the key set \
                 again. Sessions stay in the table, and nothing opens them."
            }
        };
        write!(
            f,
            "Version {version} is published, and {signing_key} signs.\nFunctions, or a running server, read it within five \
             minutes and go by the old keys until then; new instances, or a restart, read it at once.\n{then}"
        )
    }
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
