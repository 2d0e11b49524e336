//! The private key set of `make run`: a file, and what is published of it in the local table.

use std::path::{Path, PathBuf};

use auth::{App, KeySet, PendingFile, PublicKeySet, Revocation, Schedule, Timestamp};

use crate::Failure;

pub struct KeyFile<'a> {
    app: &'a App,
    path: PathBuf,
}

/// What a rotation has left.
pub struct Rotated {
    pub set: KeySet,
    /// Whether it made keys: those of the rotation before may still wait for their time.
    pub is_new: bool,
}

impl<'a> KeyFile<'a> {
    pub fn new(app: &'a App, path: &Path) -> Self {
        Self { app, path: path.to_owned() }
    }

    /// The four steps of a rotation in AWS, by the same rules.
    pub async fn rotate(&self) -> Result<Rotated, Failure> {
        let (app, set) = (self.app, self.read()?);
        let rotated = set.rotated(app.clock.now(), &Schedule::new(app.config.lifetimes), &app.random)?;
        if rotated.version == set.version {
            return Ok(Rotated { set, is_new: false });
        }
        let published = app.store.key_set().await?;
        let set = self.replace(rotated.after(&published), &published).await?;
        Ok(Rotated { set, is_new: true })
    }

    pub async fn revoke(&self, what: &Revocation) -> Result<KeySet, Failure> {
        let (app, set) = (self.app, self.read()?);
        if let Revocation::SigningKey(kid) = what
            && !set.signing_times().any(|(known, _)| known == kid)
        {
            return Err(Failure::NoSuchKey);
        }
        let published = app.store.key_set().await?;
        let next = set.revoked(what, app.clock.now(), &app.random)?.after(&published);
        self.replace(next, &published).await
    }

    /// Put aside, published, made current, in this order: a crash in between loses neither half.
    async fn replace(&self, next: KeySet, published: &PublicKeySet) -> Result<KeySet, Failure> {
        let (app, fault) = (self.app, |error| self.fault("can't be written", &error));
        let pending = PendingFile::write(&self.path, &next.to_json()).map_err(fault)?;
        app.store.publish_keys(&next.published(&published.issuer, &published.origins)).await?;
        next.prove(&app.store.key_set().await?, app.clock.now())?;
        pending.make_current().map_err(fault)?;
        Ok(next)
    }

    fn read(&self) -> Result<KeySet, Failure> {
        let text = std::fs::read_to_string(&self.path).map_err(|error| self.fault("can't be read", &error))?;
        match KeySet::from_json(&text) {
            Ok(set) if !set.is_empty() => Ok(set),
            _ => Err(Failure::KeyFile(format!("{} holds no key set", self.path.display()))),
        }
    }

    fn fault(&self, what: &str, error: &std::io::Error) -> Failure {
        Failure::KeyFile(format!("{} {what}: {error}", self.path.display()))
    }
}

impl Rotated {
    /// The key that signs last of all, and from when on.
    pub fn next_key(&self) -> Option<(&str, Timestamp)> {
        self.set.signing_times().max_by_key(|&(_, from)| from)
    }
}
