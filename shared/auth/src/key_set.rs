use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{MacKey, Random, Result, Timestamp};

/// What a signing key signs with (RFC 7518 §3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits. The default: an HTTP API JWT authorizer takes RSA alone.
    RS256,
    ES256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// The private key set: one JSON document in Secrets Manager, or in a file of mode 0600 locally.
#[derive(Clone)]
pub struct KeySet {
    pub version: u64,
    pub(crate) signing: Vec<SigningKey>,
    pub(crate) mac: Vec<MacKey>,
}

#[derive(Clone)]
pub(crate) struct SigningKey {
    pub kid: String,
    pub algorithm: Algorithm,
    /// Seconds since the epoch. Published earlier than that, so that every verifier knows it by then.
    pub sign_from: i64,
    pkcs8: Zeroizing<Vec<u8>>,
    jwk: Jwk,
    pair: Pair,
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
}

#[derive(Serialize, Deserialize)]
struct SigningDocument {
    alg: Algorithm,
    sign_from: i64,
    pkcs8: Zeroizing<String>,
}

#[derive(Serialize, Deserialize)]
struct MacDocument {
    id: u32,
    key: Zeroizing<String>,
}

impl KeySet {
    /// A first key set: one signing key, in use at once, and one MAC key.
    pub fn generate(algorithm: Algorithm, now: Timestamp, random: &Random) -> Result<Self> {
        let key = generate_pkcs8(algorithm).and_then(|pkcs8| SigningKey::new(algorithm, now.seconds(), pkcs8));
        let signing = key.ok_or(crate::Error::Internal("key generation failed"))?;
        Ok(Self { version: 1, signing: vec![signing], mac: vec![MacKey::new(1, random.bytes()?)] })
    }

    /// Reads the document. A secret that was never filled reads as an empty set.
    pub fn from_json(text: &str) -> Result<Self, KeySetError> {
        let document: Document = serde_json::from_str(text).map_err(|_| KeySetError::Malformed)?;
        let signing = document.signing.into_iter().map(|key| {
            let pkcs8 = Zeroizing::new(URL_SAFE_NO_PAD.decode(key.pkcs8.as_bytes()).ok()?);
            SigningKey::new(key.alg, key.sign_from, pkcs8)
        });
        let mac = document.mac.into_iter().map(|key| {
            let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(key.key.as_bytes()).ok()?);
            Some(MacKey::new(key.id, bytes.as_slice().try_into().ok()?))
        });
        Ok(Self {
            version: document.version,
            signing: signing.collect::<Option<_>>().ok_or(KeySetError::BadKey)?,
            mac: mac.collect::<Option<_>>().ok_or(KeySetError::BadKey)?,
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
                })
                .collect(),
            mac: (self.mac.iter())
                .map(|key| MacDocument {
                    id: key.id,
                    key: Zeroizing::new(URL_SAFE_NO_PAD.encode(key.bytes.as_slice())),
                })
                .collect(),
        };
        Zeroizing::new(serde_json::to_string(&document).unwrap_or_default())
    }

    pub fn is_empty(&self) -> bool {
        self.signing.is_empty() || self.mac.is_empty()
    }

    /// The signing keys' ids, and when each begins to sign.
    pub fn signing_times(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        self.signing.iter().map(|key| (key.kid.as_str(), Timestamp::from_millis(key.sign_from.saturating_mul(1000))))
    }

    /// The public part, for the `KEYSET` item.
    pub fn published(&self, issuer: &str, origins: &[String]) -> PublicKeySet {
        let keys = self.signing.iter().map(|key| key.jwk.clone()).collect();
        PublicKeySet {
            version: self.version,
            issuer: issuer.to_owned(),
            origins: origins.to_vec(),
            jwks: serde_json::to_string(&JwkSet { keys }).unwrap_or_default(),
        }
    }

    /// The newest key whose time to sign has come.
    pub(crate) fn signing_key(&self, now: Timestamp) -> Option<&SigningKey> {
        self.signing.iter().filter(|key| key.sign_from <= now.seconds()).max_by_key(|key| key.sign_from)
    }

    /// The MAC key for new tokens.
    pub fn mac_key(&self) -> Option<&MacKey> {
        self.mac.iter().max_by_key(|key| key.id)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("version", &self.version).finish_non_exhaustive()
    }
}

impl SigningKey {
    fn new(algorithm: Algorithm, sign_from: i64, pkcs8: Zeroizing<Vec<u8>>) -> Option<Self> {
        let jwk = public_jwk(&encoding_key(algorithm, &pkcs8)?, algorithm)?;
        let kid = jwk.common.key_id.clone()?;
        let pair = match algorithm {
            Algorithm::RS256 => Pair::Rsa(Arc::new(RsaKeyPair::from_pkcs8(&pkcs8).ok()?)),
            Algorithm::ES256 => {
                Pair::Ec(Arc::new(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).ok()?))
            }
            Algorithm::EdDsa => Pair::Ed(Arc::new(Ed25519KeyPair::from_pkcs8(&pkcs8).ok()?)),
        };
        Some(Self { kid, algorithm, sign_from, pkcs8, jwk, pair })
    }

    /// The JWS signature of `message` (RFC 7518 §3.3, §3.4; RFC 8037 §3.1).
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Pair::Ec(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Pair::Ed(pair) => Some(pair.try_sign(message).ok()?.as_ref().to_vec()),
        }
    }

    #[cfg(test)]
    pub fn encoding(&self) -> EncodingKey {
        encoding_key(self.algorithm, &self.pkcs8).expect("a key that was read")
    }
}

/// A key ready to sign. Kept, since an RSA key that is parsed for each signature takes 2.5 times as long.
#[derive(Clone)]
enum Pair {
    Rsa(Arc<RsaKeyPair>),
    Ec(Arc<EcdsaKeyPair>),
    Ed(Arc<Ed25519KeyPair>),
}

fn encoding_key(algorithm: Algorithm, pkcs8: &[u8]) -> Option<EncodingKey> {
    Some(match algorithm {
        Algorithm::RS256 => EncodingKey::from_rsa_der(pkcs1(pkcs8)?),
        Algorithm::ES256 => EncodingKey::from_ec_der(pkcs8),
        Algorithm::EdDsa => EncodingKey::from_ed_der(pkcs8),
    })
}

impl Algorithm {
    pub(crate) fn jws(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::RS256 => jsonwebtoken::Algorithm::RS256,
            Self::ES256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// The key id is the key's RFC 7638 thumbprint: it can't be chosen, so it can't collide or mislead.
fn public_jwk(key: &EncodingKey, algorithm: Algorithm) -> Option<Jwk> {
    let mut jwk = Jwk::from_encoding_key(key, algorithm.jws()).ok()?;
    jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).ok()?);
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Some(jwk)
}

fn generate_pkcs8(algorithm: Algorithm) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = match algorithm {
        Algorithm::RS256 => {
            let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(KeySize::Rsa2048).ok()?.as_der().ok()?;
            der.as_ref().to_vec()
        }
        Algorithm::ES256 => {
            let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
            document.ok()?.as_ref().to_vec()
        }
        Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).ok()?.as_ref().to_vec(),
    };
    Some(Zeroizing::new(bytes))
}

// The JWT crate wants the RSAPrivateKey (RFC 8017) that a PKCS #8 document (RFC 5208) wraps: for keys of 2048 bits and
// more the wrapping is 26 bytes of fixed shape.
fn pkcs1(pkcs8: &[u8]) -> Option<&[u8]> {
    const RSA: &[u8] = &[2, 1, 0, 0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0, 4, 0x82];
    let is_wrapped = pkcs8.starts_with(&[0x30, 0x82]) && pkcs8.get(4..24) == Some(RSA);
    is_wrapped.then(|| pkcs8.get(26..)).flatten()
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
    fn nothing_private_is_published() {
        for algorithm in ALL {
            let set = KeySet::generate(algorithm, Timestamp::from_millis(0), &Random::System).unwrap();
            let jwks: serde_json::Value = serde_json::from_str(&set.published("https://x", &[]).jwks).unwrap();
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
    fn debug_shows_no_key() {
        let set = KeySet::generate(Algorithm::ES256, Timestamp::from_millis(0), &Random::System).unwrap();
        assert_eq!(format!("{set:?}"), "KeySet { version: 1, .. }");
    }
}
