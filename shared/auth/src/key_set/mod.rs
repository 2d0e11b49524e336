//! The private key set, and what the world may know of it.

mod rotation;
mod signing_key;

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

pub use rotation::{Revocation, Schedule};
pub use signing_key::Algorithm;
pub(crate) use signing_key::SigningKey;

use crate::access_token::{AccessToken, Claims, sign};
use crate::{Error, MacKey, Random, Result, Timestamp};

/// The private key set: one JSON document in Secrets Manager, or in a file of mode 0600 locally. By default without keys,
/// as a secret is before its first rotation.
#[derive(Clone, Default)]
pub struct KeySet {
    /// Counts the changes: of two sets the one with the higher version is the newer.
    pub version: u64,
    pub(crate) signing: Vec<SigningKey>,
    pub(crate) mac: Vec<MacKey>,
    /// Members of the document that are not keys, such as `origin_proof`: kept when it is written again.
    rest: Map<String, Value>,
}

/// The key set as the world may know it: public members only.
#[derive(Clone, Debug)]
pub struct PublicKeySet {
    pub version: u64,
    /// The `iss` of our tokens: an absolute URL without a trailing slash.
    pub issuer: String,
    /// The web origins whose pages may use cookie transport.
    pub origins: Vec<String>,
    /// RFC 7517, as served.
    pub jwks: String,
    /// By which a request proves that it came through the distribution. Never served.
    pub origin_proof_sha256: Option<[u8; 32]>,
}

impl PublicKeySet {
    /// Whether the text is an origin as browsers write it (RFC 6454 §6.2): no path, no slash at the end, and no `*`, which
    /// with credentials would hand every page the cookies.
    pub fn is_origin(text: &str) -> bool {
        let rest = text.strip_prefix("https://").or(text.strip_prefix("http://"));
        rest.is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b))
        })
    }
}

/// Why a key set could not be read. Says nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    #[error("it is not the JSON of a key set")]
    Malformed,
    #[error("it holds a key that does not parse")]
    BadKey,
}

#[derive(Serialize, Deserialize)]
struct Document {
    #[serde(default)]
    version: u64,
    #[serde(default)]
    signing: Vec<SigningDocument>,
    #[serde(default)]
    mac: Vec<MacDocument>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct SigningDocument {
    alg: Algorithm,
    sign_from: i64,
    pkcs8: Zeroizing<String>,
    /// The public half, so that whoever signs need not work it out at each start.
    #[serde(default)]
    jwk: Option<Jwk>,
}

#[derive(Serialize, Deserialize)]
struct MacDocument {
    id: u32,
    #[serde(default)]
    mint_from: i64,
    key: Zeroizing<String>,
}

impl KeySet {
    /// A first key set: one signing key, in use at once, and one MAC key.
    pub fn generate(algorithm: Algorithm, now: Timestamp, random: &Random) -> Result<Self> {
        let signing = vec![SigningKey::generate(algorithm, now.seconds())?];
        let mac = vec![MacKey::new(1, now.seconds(), random.bytes()?)];
        Ok(Self { version: 1, signing, mac, rest: Map::new() })
    }

    /// Reads the document. A secret that was never filled reads as an empty set.
    pub fn from_json(text: &str) -> Result<Self, KeySetError> {
        let document: Document = serde_json::from_str(text).map_err(|_| KeySetError::Malformed)?;
        let signing = document.signing.into_iter().map(|key| {
            let pkcs8 = Zeroizing::new(URL_SAFE_NO_PAD.decode(key.pkcs8.as_bytes()).ok()?);
            SigningKey::new(key.alg, key.sign_from, pkcs8, key.jwk)
        });
        let mac = document.mac.into_iter().map(|key| {
            let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(key.key.as_bytes()).ok()?);
            Some(MacKey::new(key.id, key.mint_from, bytes.as_slice().try_into().ok()?))
        });
        Ok(Self {
            version: document.version,
            signing: signing.collect::<Option<_>>().ok_or(KeySetError::BadKey)?,
            mac: mac.collect::<Option<_>>().ok_or(KeySetError::BadKey)?,
            rest: document.rest,
        })
    }

    pub fn to_json(&self) -> Zeroizing<String> {
        let document = Document {
            version: self.version,
            signing: (self.signing.iter())
                .map(|key| SigningDocument {
                    alg: key.algorithm,
                    sign_from: key.sign_from,
                    pkcs8: Zeroizing::new(URL_SAFE_NO_PAD.encode(key.pkcs8.as_slice())),
                    jwk: Some(key.jwk.clone()),
                })
                .collect(),
            mac: (self.mac.iter())
                .map(|key| MacDocument {
                    id: key.id,
                    mint_from: key.mint_from,
                    key: Zeroizing::new(URL_SAFE_NO_PAD.encode(key.bytes.as_slice())),
                })
                .collect(),
            rest: self.rest.clone(),
        };
        Zeroizing::new(serde_json::to_string(&document).unwrap_or_default())
    }

    pub fn is_empty(&self) -> bool {
        self.signing.is_empty() || self.mac.is_empty()
    }

    /// Whether there are a key that signs now and one that mints, and the first is sound. Reads that one, so that the first
    /// request need not.
    pub fn is_ready(&self, now: Timestamp) -> bool {
        self.signing_key(now).is_some_and(SigningKey::is_sound) && self.mac_key(now).is_some()
    }

    /// The signing keys' ids, and when each begins to sign.
    pub fn signing_times(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        self.signing.iter().map(|key| (key.kid.as_str(), Timestamp::from_millis(key.sign_from.saturating_mul(1000))))
    }

    /// The public part, for the `KEYSET` item.
    pub fn published(&self, issuer: &str, origins: &[String]) -> PublicKeySet {
        PublicKeySet {
            version: self.version,
            issuer: issuer.to_owned(),
            origins: origins.to_vec(),
            jwks: self.jwks(),
            origin_proof_sha256: self.origin_proof_sha256(),
        }
    }

    /// The set with a version above the published one's, unless it is the published one.
    ///
    /// A rotation that was given up may have published keys under the version that comes next.
    #[must_use]
    pub fn after(mut self, published: &PublicKeySet) -> Self {
        let is_published = self.version == published.version && self.jwks() == published.jwks;
        if !is_published {
            self.version = self.version.max(published.version.saturating_add(1));
        }
        self
    }

    /// The newest key whose time to sign has come.
    pub(crate) fn signing_key(&self, now: Timestamp) -> Option<&SigningKey> {
        self.signing.iter().filter(|key| key.sign_from <= now.seconds()).max_by_key(|key| key.sign_from)
    }

    /// The id of the key that signs at `now`.
    pub fn signing_key_id(&self, now: Timestamp) -> Option<&str> {
        self.signing_key(now).map(|key| key.kid.as_str())
    }

    /// An access token that says these claims, by the key that signs at `now`.
    ///
    /// # Errors
    /// [`Error::NoKeySet`] if there is none.
    pub fn sign(&self, claims: &Claims, now: Timestamp) -> Result<AccessToken> {
        sign(claims, self.signing_key(now).ok_or(Error::NoKeySet)?)
    }

    /// The newest MAC key whose time to mint has come.
    pub fn mac_key(&self, now: Timestamp) -> Option<&MacKey> {
        self.mac.iter().filter(|key| key.mint_from <= now.seconds()).max_by_key(|key| (key.mint_from, key.id))
    }

    pub(crate) fn mac_key_by_id(&self, id: u32) -> Option<&MacKey> {
        self.mac.iter().find(|key| key.id == id)
    }

    fn jwks(&self) -> String {
        let keys = self.signing.iter().map(|key| key.jwk.clone()).collect();
        serde_json::to_string(&JwkSet { keys }).unwrap_or_default()
    }

    fn origin_proof_sha256(&self) -> Option<[u8; 32]> {
        let proof = self.rest.get("origin_proof")?.as_str()?;
        digest(&SHA256, proof.as_bytes()).as_ref().try_into().ok()
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("version", &self.version).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDsa];

    #[test]
    fn a_set_comes_back_as_it_went() {
        for algorithm in ALL {
            let set = KeySet::generate(algorithm, Timestamp::from_millis(5000), &Random::System).unwrap();
            let back = KeySet::from_json(&set.to_json()).unwrap();
            assert_eq!(back.to_json().as_str(), set.to_json().as_str());
            assert_eq!(back.signing_key(Timestamp::from_millis(5000)).unwrap().kid, set.signing[0].kid);
            assert!(back.signing_key(Timestamp::from_millis(4999)).is_none(), "not before its time");
        }
    }

    #[test]
    fn a_set_from_before_the_public_halves_were_written_reads_the_same() {
        let set = KeySet::generate(Algorithm::RS256, Timestamp::from_millis(0), &Random::System).unwrap();
        let mut document: Value = serde_json::from_str(&set.to_json()).unwrap();
        document["signing"][0].as_object_mut().unwrap().remove("jwk");
        let old = KeySet::from_json(&document.to_string()).unwrap();
        assert_eq!(old.published("https://x", &[]).jwks, set.published("https://x", &[]).jwks);
    }

    #[test]
    fn a_key_that_does_not_sign_is_noticed_before_it_is_to() {
        let now = Timestamp::from_millis(5000);
        let set = KeySet::generate(Algorithm::RS256, now, &Random::System).unwrap();
        assert!(set.is_ready(now) && !set.is_ready(Timestamp::from_millis(4000)));
        let mut document: Value = serde_json::from_str(&set.to_json()).unwrap();
        document["signing"][0]["pkcs8"] = "AAAA".into();
        assert!(!KeySet::from_json(&document.to_string()).unwrap().is_ready(now));
    }

    #[test]
    fn nothing_private_is_published() {
        for algorithm in ALL {
            let set = KeySet::generate(algorithm, Timestamp::from_millis(0), &Random::System).unwrap();
            let jwks: Value = serde_json::from_str(&set.published("https://x", &[]).jwks).unwrap();
            let members: Vec<_> = jwks["keys"][0].as_object().unwrap().keys().map(String::as_str).collect();
            for member in members {
                assert!(["alg", "crv", "e", "kid", "kty", "n", "use", "x", "y"].contains(&member), "{member}");
            }
        }
    }

    #[test]
    fn an_unfilled_secret_is_empty_and_damage_is_an_error() {
        assert!(KeySet::from_json(r#"{"keys":[],"origin_proof":"x"}"#).unwrap().is_empty());
        assert_eq!(KeySet::from_json("").unwrap_err(), KeySetError::Malformed);
        assert_eq!(KeySet::from_json(r#"{"mac":[{"id":1,"key":"AAAA"}]}"#).unwrap_err(), KeySetError::BadKey);
        let bad = r#"{"signing":[{"alg":"RS256","sign_from":0,"pkcs8":"AAAA"}]}"#;
        assert_eq!(KeySet::from_json(bad).unwrap_err(), KeySetError::BadKey);
    }

    #[test]
    fn a_set_of_the_first_version_is_read_and_its_mac_key_mints() {
        let text = r#"{"version":1,"signing":[],"mac":[{"id":1,"key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#;
        let set = KeySet::from_json(text).unwrap();
        assert_eq!(set.mac_key(Timestamp::from_millis(0)).unwrap().id, 1);
    }

    #[test]
    fn debug_shows_no_key() {
        let set = KeySet::generate(Algorithm::ES256, Timestamp::from_millis(0), &Random::System).unwrap();
        assert_eq!(format!("{set:?}"), "KeySet { version: 1, .. }");
    }
}
