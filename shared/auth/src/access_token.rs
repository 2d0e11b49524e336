use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm};
use jsonwebtoken::{DecodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::key_set::SigningKey;
use crate::{Error, PublicKeySet, Result, Timestamp, UserId};

/// A signed access token (RFC 9068, `at+jwt`). Has no `Debug` text: whoever holds it may act for its user.
#[derive(Clone)]
pub struct AccessToken(String);

impl AccessToken {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

/// The claims of an access token (RFC 9068 §2.2). Times are seconds since the epoch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub sub: Uuid,
    pub aud: String,
    pub client_id: String,
    pub exp: i64,
    pub iat: i64,
    pub jti: Uuid,
    pub sid: Uuid,
    pub roles: Vec<String>,
    pub email_verified: bool,
    pub auth_time: i64,
}

impl Claims {
    /// `sub`.
    pub fn user_id(&self) -> UserId {
        UserId::new(self.sub)
    }
}

/// RFC 7515 §7.1, compact serialisation. Put together here, since the JWT crate parses the key for each signature.
pub(crate) fn sign(claims: &Claims, key: &SigningKey) -> Result<AccessToken> {
    const FAILED: Error = Error::Internal("signing failed");
    let header = Header { typ: Some(TYPE.to_owned()), kid: Some(key.kid.clone()), ..Header::new(key.algorithm.jws()) };
    let mut token = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).map_err(|_| FAILED)?);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims).map_err(|_| FAILED)?, &mut token);
    let signature = key.sign(token.as_bytes()).ok_or(FAILED)?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(AccessToken(token))
}

/// Verifies access tokens against a published key set, as RFC 8725 advises.
///
/// The algorithm belongs to the key; `kid` only selects among ours. A header that brings or points to a key (`jwk`,
/// `jku`, `x5u`, `x5c`) or that demands an extension (`crit`) is refused. `typ`, `iss` and `aud` must match exactly.
#[derive(Clone)]
pub struct Verifier {
    issuer: String,
    keys: Vec<VerifyingKey>,
}

#[derive(Clone)]
struct VerifyingKey {
    kid: String,
    algorithm: &'static str,
    validation: Validation,
    decoding: DecodingKey,
}

impl Verifier {
    /// # Errors
    /// [`Error::NoKeySet`] if the set is no JWKS or holds no key that we can use.
    pub fn new(published: &PublicKeySet) -> Result<Self> {
        let jwks: JwkSet = serde_json::from_str(&published.jwks).map_err(|_| Error::NoKeySet)?;
        let keys: Vec<_> = jwks.keys.iter().filter_map(VerifyingKey::new).collect();
        if keys.is_empty() || published.issuer.is_empty() {
            return Err(Error::NoKeySet);
        }
        Ok(Self { issuer: published.issuer.clone(), keys })
    }

    /// The names of the algorithms of its keys (RFC 7518 §3.1, RFC 8037 §3.1), each once.
    pub fn algorithms(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.keys.iter().map(|key| key.algorithm).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether the token names a key that this verifier does not have: a reason to look for a newer set.
    pub fn is_missing_key_of(&self, token: &str) -> bool {
        token.len() <= MAX_CHARS
            && jsonwebtoken::decode_header(token)
                .ok()
                .and_then(|header| header.kid)
                .is_some_and(|kid| !self.keys.iter().any(|key| key.kid == kid))
    }

    /// The claims of a token that is ours and valid now, with 60 s of leeway either way for clocks that differ.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], whatever is wrong with it.
    pub fn verify(&self, token: &str, audience: &str, now: Timestamp) -> Result<Claims> {
        self.claims(token)
            .filter(|claims| {
                claims.iss == self.issuer
                    && claims.aud == audience
                    && now.seconds() < claims.exp.saturating_add(LEEWAY)
                    && claims.iat <= now.seconds().saturating_add(LEEWAY)
            })
            .ok_or(Error::InvalidToken)
    }

    fn claims(&self, token: &str) -> Option<Claims> {
        if token.len() > MAX_CHARS {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        let brings_its_own_key =
            header.jwk.is_some() || header.jku.is_some() || header.x5u.is_some() || header.x5c.is_some();
        let asks_for_more =
            header.crit.is_some() || header.enc.is_some() || header.zip.is_some() || header.cty.is_some();
        if brings_its_own_key || asks_for_more || header.typ.as_deref() != Some(TYPE) {
            return None;
        }
        let key = self.keys.iter().find(|key| Some(&key.kid) == header.kid.as_ref())?;
        let data = jsonwebtoken::decode::<Claims>(token, &key.decoding, &key.validation).ok()?;
        Some(data.claims)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl VerifyingKey {
    fn new(jwk: &Jwk) -> Option<Self> {
        let (algorithm, jws) = match jwk.common.key_algorithm? {
            KeyAlgorithm::RS256 => ("RS256", jsonwebtoken::Algorithm::RS256),
            KeyAlgorithm::ES256 => ("ES256", jsonwebtoken::Algorithm::ES256),
            KeyAlgorithm::EdDSA => ("EdDSA", jsonwebtoken::Algorithm::EdDSA),
            _ => return None,
        };
        let mut validation = Validation::new(jws);
        // Times are compared above, against the clock that is a parameter; issuer and audience there too, exactly.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let (kid, decoding) = (jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?);
        Some(Self { kid, algorithm, validation, decoding })
    }
}

/// RFC 9068 §2.1.
const TYPE: &str = "at+jwt";
/// Seconds.
const LEEWAY: i64 = 60;
/// Ours have about 900; what is far longer is not worth a signature check.
const MAX_CHARS: usize = 8192;

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::signature::{KeyPair, RsaKeyPair};
    use base64::engine::general_purpose::STANDARD;
    use serde_json::{Value, json};

    use super::*;
    use crate::{Algorithm, KeySet, Random};

    const NOW: Timestamp = Timestamp::from_millis(1_795_512_600_000);

    fn claims() -> Claims {
        Claims {
            iss: "https://auth.example.com".into(),
            sub: Uuid::from_u128(1),
            aud: "vestibule".into(),
            client_id: "vestibule".into(),
            exp: NOW.seconds() + 600,
            iat: NOW.seconds(),
            jti: Uuid::from_u128(2),
            sid: Uuid::from_u128(3),
            roles: vec!["admin".into()],
            email_verified: true,
            auth_time: NOW.seconds(),
        }
    }

    fn set(algorithm: Algorithm) -> (KeySet, Verifier) {
        let set = KeySet::generate(algorithm, Timestamp::from_millis(0), &Random::System).unwrap();
        let verifier = Verifier::new(&set.published("https://auth.example.com", &[])).unwrap();
        (set, verifier)
    }

    fn signed(set: &KeySet, header: &Header, claims: &impl Serialize) -> String {
        jsonwebtoken::encode(header, claims, &set.signing[0].encoding()).unwrap()
    }

    fn header(set: &KeySet) -> Header {
        let key = &set.signing[0];
        Header { typ: Some(TYPE.into()), kid: Some(key.kid.clone()), ..Header::new(key.algorithm.jws()) }
    }

    #[test]
    fn our_tokens_verify_under_all_three_algorithms() {
        for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDsa] {
            let (set, verifier) = set(algorithm);
            let token = sign(&claims(), set.signing_key(NOW).unwrap()).unwrap();
            let back = verifier.verify(token.expose(), "vestibule", NOW).unwrap();
            assert_eq!((back.sub, back.roles), (claims().sub, claims().roles));
        }
    }

    #[test]
    fn times_have_a_minute_of_leeway_and_no_more() {
        let (set, verifier) = set(Algorithm::EdDsa);
        let token = signed(&set, &header(&set), &claims());
        let at = |seconds: i64| Timestamp::from_millis(NOW.millis() + seconds * 1000);
        assert!(verifier.verify(&token, "vestibule", at(659)).is_ok());
        assert!(verifier.verify(&token, "vestibule", at(660)).is_err());
        assert!(verifier.verify(&token, "vestibule", at(-60)).is_ok());
        assert!(verifier.verify(&token, "vestibule", at(-61)).is_err());
    }

    #[test]
    fn claims_must_be_ours() {
        let (set, verifier) = set(Algorithm::EdDsa);
        let verify = |claims: &Value| verifier.verify(&signed(&set, &header(&set), claims), "vestibule", NOW);
        let good = serde_json::to_value(claims()).unwrap();
        assert!(verify(&good).is_ok());
        for (claim, value) in [
            ("iss", json!("https://evil.example.com")),
            ("iss", json!("https://auth.example.com/")),
            ("aud", json!("other")),
            ("aud", json!(["vestibule"])),
            ("exp", json!("soon")),
            ("exp", json!(1e300)),
            ("sub", json!("ada")),
            ("sid", json!(null)),
        ] {
            let mut bad = good.clone();
            bad[claim] = value;
            assert!(verify(&bad).is_err(), "{claim}");
            bad.as_object_mut().unwrap().remove(claim);
            assert!(verify(&bad).is_err(), "without {claim}");
        }
    }

    #[test]
    fn headers_that_bring_or_choose_keys_are_refused() {
        let (set, verifier) = set(Algorithm::EdDsa);
        let jwk: JwkSet = serde_json::from_str(&set.published("x", &[]).jwks).unwrap();
        let good = header(&set);
        for bad in [
            Header { jwk: Some(jwk.keys[0].clone()), ..good.clone() },
            Header { jku: Some("https://evil.example.com".into()), ..good.clone() },
            Header { x5u: Some("https://evil.example.com".into()), ..good.clone() },
            Header { x5c: Some(vec![]), ..good.clone() },
            Header { crit: Some(vec!["exp".into()]), ..good.clone() },
            Header { typ: Some("JWT".into()), ..good.clone() },
            Header { typ: None, ..good.clone() },
            Header { kid: None, ..good.clone() },
            Header { kid: Some("../../dev/null".into()), ..good.clone() },
        ] {
            assert!(verifier.verify(&signed(&set, &bad, &claims()), "vestibule", NOW).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_key_decides_the_algorithm() {
        let (rsa, verifier) = set(Algorithm::RS256);
        let kid = rsa.signing[0].kid.clone();
        let token = signed(&rsa, &header(&rsa), &claims());
        let (head, rest) = token.split_once('.').unwrap();
        let payload = rest.split_once('.').unwrap().0;
        assert!(verifier.verify(&token, "vestibule", NOW).is_ok());
        // No signature, under every spelling of "none".
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let head = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "typ": TYPE, "kid": kid}).to_string());
            assert!(verifier.verify(&format!("{head}.{payload}."), "vestibule", NOW).is_err());
        }
        // HMAC with the public key as secret, in every form that a verifier might have it: JWKS, modulus, DER, PEM.
        let public = rsa.published("x", &[]).jwks;
        let pair = RsaKeyPair::from_pkcs8(&rsa.signing[0].pkcs8).unwrap();
        let pkcs1 = pair.public_key().as_ref();
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let (spki_pem, pkcs1_pem) = (pem("PUBLIC KEY", spki.as_ref()), pem("RSA PUBLIC KEY", pkcs1));
        for secret in [
            public.as_bytes(),
            serde_json::from_str::<Value>(&public).unwrap()["keys"][0]["n"].as_str().unwrap().as_bytes(),
            pkcs1,
            spki.as_ref(),
            spki_pem.as_bytes(),
            spki_pem.trim_end().as_bytes(),
            pkcs1_pem.as_bytes(),
            pkcs1_pem.trim_end().as_bytes(),
        ] {
            let header = Header {
                typ: Some(TYPE.into()),
                kid: Some(kid.clone()),
                ..Header::new(jsonwebtoken::Algorithm::HS256)
            };
            let forged =
                jsonwebtoken::encode(&header, &claims(), &jsonwebtoken::EncodingKey::from_secret(secret)).unwrap();
            assert!(verifier.verify(&forged, "vestibule", NOW).is_err());
        }
        // The right key with another RSA algorithm.
        for alg in [jsonwebtoken::Algorithm::RS512, jsonwebtoken::Algorithm::PS256] {
            let forged = signed(&rsa, &Header { alg, ..header(&rsa) }, &claims());
            assert!(verifier.verify(&forged, "vestibule", NOW).is_err());
        }
        // Malformed shapes.
        for bad in [
            "",
            ".",
            "..",
            "...",
            &format!("{head}.{payload}"),
            &format!("{head}.{payload}."),
            &format!("{token}."),
            &format!("{token}="),
            &format!(" {token}"),
            &token[1..],
        ] {
            assert!(verifier.verify(bad, "vestibule", NOW).is_err());
        }
    }

    /// As `openssl` writes it (RFC 7468).
    fn pem(label: &str, der: &[u8]) -> String {
        let text = STANDARD.encode(der);
        let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    }

    #[test]
    fn what_is_too_long_is_not_read_whoever_has_signed_it() {
        let (ours, verifier) = set(Algorithm::EdDsa);
        let (theirs, _) = set(Algorithm::EdDsa);
        let of = |set: &KeySet, length: usize| {
            signed(set, &header(set), &Claims { roles: vec!["a".repeat(length)], ..claims() })
        };
        let most = (5_000..9_000).take_while(|&length| of(&ours, length).len() <= 8192).last().unwrap();
        assert!(verifier.verify(&of(&ours, most), "vestibule", NOW).is_ok());
        assert!(verifier.verify(&of(&ours, most + 1), "vestibule", NOW).is_err());
        assert!(verifier.is_missing_key_of(&of(&theirs, most)));
        assert!(!verifier.is_missing_key_of(&of(&theirs, most + 1)));
    }

    #[test]
    fn a_stranger_s_key_under_our_kid_does_not_verify() {
        let (ours, verifier) = set(Algorithm::ES256);
        let (theirs, _) = set(Algorithm::ES256);
        assert!(verifier.verify(&signed(&theirs, &header(&ours), &claims()), "vestibule", NOW).is_err());
        let unknown = signed(&theirs, &header(&theirs), &claims());
        assert!(verifier.is_missing_key_of(&unknown));
        assert!(!verifier.is_missing_key_of(&signed(&ours, &header(&ours), &claims())));
    }
}
