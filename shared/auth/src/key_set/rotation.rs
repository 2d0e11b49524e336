//! When keys come and go: pure rules on a set and a moment.
//!
//! The times inside the set decide who signs, so it does not matter which function has read which version of it when.

use std::time::Duration;

use uuid::Uuid;

use super::{Algorithm, KeySet, PublicKeySet, SigningKey};
use crate::access_token::{Claims, Verifier, sign};
use crate::{Error, Lifetimes, MacKey, Random, RefreshToken, Result, SessionId, Timestamp, UserId};

/// How long a key must be known before it is used, and kept after.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    refresh_idle: Duration,
}

/// What an emergency takes out of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// Every signing key: access tokens of theirs are refused by everybody who has seen the new set.
    Signing,
    /// The signing key of this id.
    SigningKey(String),
    /// Every MAC key: everybody is signed out.
    Mac,
    /// All of them.
    All,
}

impl Schedule {
    /// From the publication of a key to its first signature: authorizers keep a JWKS for two hours, and theirs may have
    /// come from caches that each were five minutes old: a client's or a proxy's (`max-age`), the CDN's, the function's.
    pub const KNOWN_FOR: Duration = Duration::from_mins(120 + 5 + 5 + 5);
    /// How long a rotation may take from making a key to publishing it. One that takes longer is given up.
    pub const PUBLISHED_WITHIN: Duration = Duration::from_hours(1);
    /// How old a function's set may be: a new set has to be current for that long before its keys are used.
    pub const RELOAD: Duration = Duration::from_mins(5);
    /// The longest life of an access token, a verifier's leeway, and as much again as a function's set may be old.
    const VERIFIED_FOR: Duration = Duration::from_mins(60 + 1 + 5);

    pub fn new(lifetimes: Lifetimes) -> Self {
        Self { refresh_idle: lifetimes.refresh_idle }
    }
}

impl KeySet {
    /// The set after a rotation: with a new signing key and a new MAC key, in use only when everybody knows them, and
    /// without the keys of which no token is alive.
    ///
    /// A set without keys gets its first ones, in use at once. A set whose new keys are not in use yet stays as it is,
    /// so a rotation that is run again changes nothing.
    pub fn rotated(&self, now: Timestamp, schedule: &Schedule, random: &Random) -> Result<Self> {
        if self.is_empty() {
            return self.filled(now, random);
        }
        if self.signing.iter().any(|key| key.sign_from > now.seconds()) {
            return Ok(self.clone());
        }
        let mut next = self.clone();
        next.version = self.version.saturating_add(1);
        next.signing.retain(|key| !self.is_spent(key, now));
        next.mac.retain(|key| !self.is_mac_spent(key, now, schedule));
        let from = now.plus(Schedule::PUBLISHED_WITHIN).plus(Schedule::KNOWN_FOR).seconds();
        next.signing.push(SigningKey::generate(self.algorithm(), from)?);
        next.mac.push(MacKey::new(self.next_mac_id()?, from, random.bytes()?));
        Ok(next)
    }

    /// The set after an emergency: without what is revoked, and with new keys in its place that are in use at once.
    /// Verifiers that keep a JWKS refuse the new key's tokens until they fetch it again: safety comes first here.
    ///
    /// # Errors
    /// [`Error::Internal`] if it holds no key of the id that is to be revoked.
    pub fn revoked(&self, what: &Revocation, now: Timestamp, random: &Random) -> Result<Self> {
        let mut next = self.clone();
        if matches!(what, Revocation::Signing | Revocation::All) {
            next.signing.clear();
        }
        if let Revocation::SigningKey(kid) = what {
            if !self.signing.iter().any(|key| key.kid == *kid) {
                return Err(Error::Internal("there is no signing key of that id"));
            }
            next.signing.retain(|key| key.kid != *kid);
        }
        // A key that was superseded is no replacement, even where it is still published: it is the older secret.
        if next.signing_key_id(now) != self.signing_key_id(now) || next.signing.is_empty() {
            next.signing.push(SigningKey::generate(self.algorithm(), now.seconds())?);
        }
        if matches!(what, Revocation::Mac | Revocation::All) {
            next.mac = vec![MacKey::new(self.next_mac_id()?, now.seconds(), random.bytes()?)];
        }
        next.version = self.version.saturating_add(1);
        Ok(next)
    }

    /// When the first of the keys comes into use that `current` does not have; `None` if it has them all, or none.
    pub fn first_use(&self, current: &Self) -> Option<Timestamp> {
        if current.is_empty() {
            return None;
        }
        let signing = self.signing.iter().filter(|key| !current.signing.iter().any(|known| known.kid == key.kid));
        let mac = self.mac.iter().filter(|key| current.mac_key_by_id(key.id).is_none());
        let times = signing.map(|key| key.sign_from).chain(mac.map(|key| key.mint_from));
        times.min().map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000)))
    }

    /// Signs with every key that signs now or will, and verifies with what is published; seals with every MAC key and
    /// opens. A key that was superseded signs nothing, and what is published may be a rotation ahead.
    ///
    /// # Errors
    /// [`Error::Internal`] if the two don't belong together.
    pub fn prove(&self, published: &PublicKeySet, now: Timestamp) -> Result<()> {
        let verifier = Verifier::new(published)?;
        let claims = probe(&published.issuer, now);
        let first = self.signing_key(now).ok_or(Error::NoKeySet)?.sign_from;
        for key in self.signing.iter().filter(|key| key.sign_from >= first) {
            let token = sign(&claims, key)?;
            let outcome = verifier.verify(token.expose(), &claims.aud, now);
            outcome.map_err(|_| Error::Internal("what is published does not verify what the set signs"))?;
        }
        for key in &self.mac {
            let token = RefreshToken::first(UserId(Uuid::nil()), SessionId(Uuid::nil()), key, [0; 16]);
            let opened = RefreshToken::open(&token.seal(key), &self.mac);
            opened.ok_or(Error::Internal("the set does not open what it mints"))?;
        }
        self.mac_key(now).map(drop).ok_or(Error::NoKeySet)
    }

    fn filled(&self, now: Timestamp, random: &Random) -> Result<Self> {
        let mut next = self.clone();
        next.version = self.version.saturating_add(1);
        if next.signing.is_empty() {
            next.signing.push(SigningKey::generate(self.algorithm(), now.seconds())?);
        }
        if next.mac.is_empty() {
            next.mac.push(MacKey::new(self.next_mac_id()?, now.seconds(), random.bytes()?));
        }
        Ok(next)
    }

    /// Whether the last token under this key has expired.
    fn is_spent(&self, key: &SigningKey, now: Timestamp) -> bool {
        let newer = self.signing.iter().map(|other| other.sign_from).filter(|&from| from > key.sign_from);
        newer.min().is_some_and(|from| is_past(from, Schedule::VERIFIED_FOR, now))
    }

    /// Whether the last token under this key has been idle for too long to be used.
    fn is_mac_spent(&self, key: &MacKey, now: Timestamp, schedule: &Schedule) -> bool {
        let newer = self.mac.iter().map(|other| other.mint_from).filter(|&from| from > key.mint_from);
        newer.min().is_some_and(|from| is_past(from, Schedule::RELOAD + schedule.refresh_idle, now))
    }

    /// New keys are of the newest one's kind.
    fn algorithm(&self) -> Algorithm {
        self.signing.iter().max_by_key(|key| key.sign_from).map_or(Algorithm::RS256, |key| key.algorithm)
    }

    /// An id is never given again: a token would be taken for another key's.
    fn next_mac_id(&self) -> Result<u32> {
        let last = self.mac.iter().map(|key| key.id).max().unwrap_or(0);
        last.checked_add(1).ok_or(Error::Internal("no more MAC key ids"))
    }
}

fn is_past(from: i64, duration: Duration, now: Timestamp) -> bool {
    Timestamp::from_millis(from.saturating_mul(1000)).plus(duration) < now
}

/// Claims of nobody, which never leave this process.
fn probe(issuer: &str, now: Timestamp) -> Claims {
    Claims {
        iss: issuer.to_owned(),
        sub: Uuid::nil(),
        aud: "probe".to_owned(),
        client_id: "probe".to_owned(),
        exp: now.seconds().saturating_add(1),
        iat: now.seconds(),
        jti: Uuid::nil(),
        sid: Uuid::nil(),
        roles: Vec::new(),
        email_verified: false,
        auth_time: now.seconds(),
    }
}

#[cfg(test)]
mod tests;
