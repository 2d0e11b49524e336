//! Other people's signatures: the examples of the RFCs, and Project Wycheproof's, which are signatures that some library
//! has once taken, or refused, by mistake.
//!
//! None of their messages is an access token, so they don't go through [`Verifier::verify`], but through what it consists
//! of: the key that it makes of a JWK, with that key's algorithm, and `jsonwebtoken`'s check of a signature. Wycheproof
//! has a set of whole JWS too, which its crate (0.7) leaves out.

use jsonwebtoken::crypto;
use serde_json::{Value, json};
use wycheproof::{ecdsa, eddsa, rsa_pkcs1_verify};

use super::*;

/// A key of a published set, as the verifier keeps it.
fn key(jwk: Value) -> VerifyingKey {
    let mut jwk = jwk;
    jwk["kid"] = json!("k");
    VerifyingKey::new(&serde_json::from_value(jwk).expect("a JWK")).expect("a key that we use")
}

fn verifies(key: &VerifyingKey, message: &[u8], signature: &str) -> bool {
    let algorithm = key.validation.algorithms[0];
    crypto::verify(signature, message, &key.decoding, algorithm).unwrap_or(false)
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// RFC 7518 §6.3.1: without leading zeros.
fn unsigned(bytes: &[u8]) -> String {
    b64(&bytes[bytes.iter().take_while(|&&byte| byte == 0).count()..])
}

#[test]
fn the_examples_of_the_rfcs_verify_and_nothing_near_them_does() {
    // RFC 7515 A.2 and A.3, RFC 8037 A.4.
    let rs256 = key(json!({
        "kty": "RSA", "alg": "RS256", "e": "AQAB",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT\
              -SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS\
              -UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    }));
    let es256 = key(json!({
        "kty": "EC", "alg": "ES256", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }));
    let eddsa = key(json!({
        "kty": "OKP", "alg": "EdDSA", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }));
    let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    for (key, message, signature) in [
        (
            &rs256,
            format!("eyJhbGciOiJSUzI1NiJ9.{payload}"),
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU\
             Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO\
             --xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ),
        (
            &es256,
            format!("eyJhbGciOiJFUzI1NiJ9.{payload}"),
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        (
            &eddsa,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ] {
        assert!(verifies(key, message.as_bytes(), signature), "{message}");
        assert!(!verifies(key, format!("{message}A").as_bytes(), signature));
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for place in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(!verifies(key, message.as_bytes(), &b64(&changed)));
        }
        assert!(!verifies(key, message.as_bytes(), &b64(&bytes[1..])));
        assert!(!verifies(key, message.as_bytes(), ""));
    }
}

/// RFC 7519 §3.1 (its key: RFC 7515 A.1) and §6.1: a JWT without a signature, and one whose key verifiers can forge with.
#[test]
fn the_examples_of_rfc_7519_are_no_tokens_of_ours_nor_is_their_key_one() {
    const NOW: Timestamp = Timestamp::from_millis(1_300_819_379_000);
    const K: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let hs256 = format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{payload}");
    let (signature, none) = ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", format!("eyJhbGciOiJub25lIn0.{payload}."));
    let secret = URL_SAFE_NO_PAD.decode(K).unwrap();
    let decoding = DecodingKey::from_secret(&secret);
    let is_right = crypto::verify(signature, hs256.as_bytes(), &decoding, jsonwebtoken::Algorithm::HS256);
    assert!(is_right.unwrap(), "copied wrongly");

    let oct = json!({ "kty": "oct", "alg": "HS256", "kid": "k", "k": K });
    let published = |keys: Value| PublicKeySet {
        version: 1,
        issuer: "joe".into(),
        origins: Vec::new(),
        jwks: json!({ "keys": keys }).to_string(),
        origin_proof_sha256: None,
    };
    assert!(matches!(Verifier::new(&published(json!([oct]))), Err(Error::NoKeySet)));

    // In a set beside one of ours, and with all else as we have it.
    let set =
        crate::KeySet::generate(crate::Algorithm::ES256, Timestamp::from_millis(0), &crate::Random::System).unwrap();
    let verifier = Verifier::new(&published(json!([oct, set.signing[0].jwk]))).unwrap();
    let header =
        Header { typ: Some(TYPE.into()), kid: Some("k".into()), ..Header::new(jsonwebtoken::Algorithm::HS256) };
    let claims = json!({
        "iss": "joe", "aud": "vestibule", "client_id": "vestibule", "iat": NOW.seconds(), "exp": NOW.seconds() + 1,
        "sub": Uuid::nil(), "jti": Uuid::nil(), "sid": Uuid::nil(), "roles": [], "email_verified": true, "auth_time": 0,
    });
    let ours = jsonwebtoken::encode(&header, &claims, &jsonwebtoken::EncodingKey::from_secret(&secret)).unwrap();
    for token in [format!("{hs256}.{signature}"), none, ours] {
        assert!(verifier.verify(&token, "vestibule", NOW).is_err(), "{token}");
    }
}

#[test]
fn the_thumbprint_is_that_of_rfc_7638() {
    let jwk: Jwk = serde_json::from_value(json!({
        "kty": "RSA", "alg": "RS256", "kid": "2011-04-29", "e": "AQAB",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj\
              hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvR\
              L5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    }))
    .unwrap();
    let thumbprint = jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap();
    assert_eq!(thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn wycheproof_rsa() {
    use rsa_pkcs1_verify::{TestName, TestSet};
    let mut count = 0;
    for name in [TestName::Rsa2048Sha256, TestName::Rsa3072Sha256, TestName::Rsa4096Sha256] {
        for group in TestSet::load(name).unwrap().test_groups {
            let n = unsigned(&group.key.n);
            let key = key(json!({ "kty": "RSA", "alg": "RS256", "n": n, "e": unsigned(&group.key.e) }));
            for test in group.tests {
                let is_taken = verifies(&key, &test.msg, &b64(&test.sig));
                // "Acceptable" are signatures without the NULL of the digest's algorithm, which RFC 8017 lets a verifier take.
                let is_right = if test.result == wycheproof::TestResult::Valid { is_taken } else { !is_taken };
                assert!(is_right, "{name:?} {}: {}", test.tc_id, test.comment);
                count += 1;
            }
        }
    }
    assert!(count > 500, "{count}");
}

#[test]
fn wycheproof_ecdsa() {
    use ecdsa::{TestName, TestSet};
    let mut count = 0;
    for group in TestSet::load(TestName::EcdsaSecp256r1Sha256P1363).unwrap().test_groups {
        // Uncompressed: 4, x, y.
        let (x, y) = group.key.key[1..].split_at(32);
        let key = key(json!({ "kty": "EC", "alg": "ES256", "crv": "P-256", "x": b64(x), "y": b64(y) }));
        for test in group.tests {
            let is_taken = verifies(&key, &test.msg, &b64(&test.sig));
            assert_eq!(is_taken, !test.result.must_fail(), "{}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    assert!(count > 200, "{count}");
}

#[test]
fn wycheproof_eddsa() {
    use eddsa::{TestName, TestSet};
    let mut count = 0;
    for group in TestSet::load(TestName::Ed25519).unwrap().test_groups {
        let key = key(json!({ "kty": "OKP", "alg": "EdDSA", "crv": "Ed25519", "x": b64(&group.key.pk) }));
        for test in group.tests {
            let is_taken = verifies(&key, &test.msg, &b64(&test.sig));
            assert_eq!(is_taken, !test.result.must_fail(), "{}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

/// What somebody may send instead of one of our tokens, signed by our own key where that helps them.
#[test]
fn what_is_signed_by_us_and_is_no_access_token_is_none() {
    const NOW: Timestamp = Timestamp::from_millis(1_795_512_600_000);
    let set =
        crate::KeySet::generate(crate::Algorithm::ES256, Timestamp::from_millis(0), &crate::Random::System).unwrap();
    let verifier = Verifier::new(&set.published("https://auth.example.com", &[])).unwrap();
    let signing = &set.signing[0];
    let sealed = |head: &str, payload: &str| {
        let message = format!("{}.{}", b64(head.as_bytes()), b64(payload.as_bytes()));
        format!("{message}.{}", b64(&signing.sign(message.as_bytes()).unwrap()))
    };
    let head = |typ: &str| json!({ "alg": "ES256", "typ": typ, "kid": signing.kid }).to_string();
    let claims = json!({
        "iss": "https://auth.example.com", "aud": "vestibule", "client_id": "vestibule", "iat": NOW.seconds(),
        "exp": NOW.seconds() + 600, "sub": Uuid::from_u128(1), "jti": Uuid::from_u128(2), "sid": Uuid::from_u128(3),
        "roles": [], "email_verified": true, "auth_time": NOW.seconds(),
    });
    let payload = claims.to_string();
    let good = sealed(&head("at+jwt"), &payload);
    let takes = |token: &str| verifier.verify(token, "vestibule", NOW).is_ok();
    assert!(takes(&good), "or all of this shows nothing");

    // ID tokens, logout tokens, refresh tokens and whatever else is signed: RFC 9068 §4 step 1.
    for typ in ["JWT", "jwt", "id+jwt", "logout+jwt", "rt+jwt", "at+jws", "dpop+jwt", "at+jwt ", ""] {
        assert!(!takes(&sealed(&head(typ), &payload)), "{typ}");
    }
    // A member that comes twice: two readers might take another one each.
    let twice = |name: &str| payload.replacen(&format!("\"{name}\":"), &format!("\"{name}\":null,\"{name}\":"), 1);
    for name in ["sub", "sid", "iss", "aud", "exp"] {
        assert!(!takes(&sealed(&head("at+jwt"), &twice(name))), "{name} twice");
    }
    let two_kids = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"x","kid":"{}"}}"#, signing.kid);
    assert!(!takes(&sealed(&two_kids, &payload)));
    let two_algs = format!(r#"{{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"{}"}}"#, signing.kid);
    assert!(!takes(&sealed(&two_algs, &payload)));
    // RFC 7797: an unencoded payload has to be demanded in `crit`, which we refuse; without it, b64 means nothing.
    let unencoded = json!({ "alg": "ES256", "typ": "at+jwt", "kid": signing.kid, "b64": false, "crit": ["b64"] });
    assert!(!takes(&sealed(&unencoded.to_string(), &payload)));
    // From the future.
    let mut early = claims.clone();
    early["iat"] = json!(NOW.seconds() + 61);
    assert!(!takes(&sealed(&head("at+jwt"), &early.to_string())));

    // Other ways to write the same bytes.
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (first, second) = message.split_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let flattened = json!({ "protected": first, "payload": second, "signature": signature }).to_string();
    let general =
        json!({ "payload": second, "signatures": [{ "protected": first, "signature": signature }] }).to_string();
    let der_like = [&[0x30, 0x44, 0x02, 0x20][..], &bytes[..32], &[0x02, 0x20], &bytes[32..]].concat();
    for other in [
        flattened,
        general,
        format!("{good}="),
        format!("{first}=.{second}.{signature}"),
        format!("{message}.{}", base64::engine::general_purpose::STANDARD.encode(&bytes)),
        format!("{message}.{}", b64(&der_like)),
        format!("{message}.{}", b64(&[0; 64])),
        format!("{message}.{signature}\n"),
        good.replace('.', ". "),
        good.to_uppercase(),
    ] {
        assert!(!takes(&other), "{other}");
    }
}
