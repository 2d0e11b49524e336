use std::sync::{Arc, OnceLock};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Error, Result};

/// What a signing key signs with (RFC 7518 §3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits. The default: an HTTP API JWT authorizer takes RSA alone.
    RS256,
    ES256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

#[derive(Clone)]
pub(crate) struct SigningKey {
    pub kid: String,
    pub algorithm: Algorithm,
    /// Seconds since the epoch. Published earlier than that, so that every verifier knows it by then.
    pub sign_from: i64,
    pub pkcs8: Zeroizing<Vec<u8>>,
    pub jwk: Jwk,
    pair: Arc<OnceLock<Option<Pair>>>,
}

impl SigningKey {
    pub fn generate(algorithm: Algorithm, sign_from: i64) -> Result<Self> {
        let key = generate_pkcs8(algorithm).and_then(|pkcs8| Self::new(algorithm, sign_from, pkcs8, None));
        key.ok_or(Error::Internal("key generation failed"))
    }

    /// With its public half as it was written beside it, or worked out.
    pub fn new(algorithm: Algorithm, sign_from: i64, pkcs8: Zeroizing<Vec<u8>>, jwk: Option<Jwk>) -> Option<Self> {
        let jwk = match jwk {
            Some(jwk) => jwk,
            None => public_jwk(&encoding_key(algorithm, &pkcs8)?, algorithm)?,
        };
        let kid = jwk.common.key_id.clone()?;
        Some(Self { kid, algorithm, sign_from, pkcs8, jwk, pair: Arc::default() })
    }

    /// Whether it can sign. Reads the key, a quarter of a millisecond for RSA, unless that was done before.
    pub fn is_sound(&self) -> bool {
        self.pair().is_some()
    }

    fn pair(&self) -> Option<&Pair> {
        self.pair.get_or_init(|| Pair::read(self.algorithm, &self.pkcs8)).as_ref()
    }

    /// The JWS signature of `message` (RFC 7518 §3.3, §3.4; RFC 8037 §3.1).
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self.pair()? {
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

/// A key ready to sign. Read when it is to sign, since of a set's keys one does; and kept, since an RSA key that is read
/// for each signature takes 2.5 times as long.
enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Pair {
    fn read(algorithm: Algorithm, pkcs8: &[u8]) -> Option<Self> {
        Some(match algorithm {
            Algorithm::RS256 => Self::Rsa(RsaKeyPair::from_pkcs8(pkcs8).ok()?),
            Algorithm::ES256 => Self::Ec(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).ok()?),
            Algorithm::EdDsa => Self::Ed(Ed25519KeyPair::from_pkcs8(pkcs8).ok()?),
        })
    }
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
