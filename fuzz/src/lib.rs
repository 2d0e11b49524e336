//! What must hold for any bytes that come from outside. Each function takes some and panics if something does not hold;
//! `cargo fuzz run NAME --features engine` drives it (tools/fuzz.sh), and the tests replay `corpus/NAME` and, of each entry,
//! a hundred mutations or more.

// A fuzz target says by a panic what it has found.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use auth::{
    BreachedPasswords, Claims, Email, HashParameters, Hasher, KeySet, Password, PasswordHash, Random, RefreshToken,
    SessionId, Timestamp, User, UserId, Username, Verifier,
};
use auth_testing::{Answer, ISSUER, NOW, TestApp};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use devserver::Powers;
use lambda_http::Context;
use lambda_http::request::LambdaRequest;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// An address that is taken has one key, which is an address with that key.
pub fn email(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(email) = Email::parse(text) else { return };
    assert_eq!(email.as_str(), text, "shown as typed");
    assert!(email.key().len() <= 254 && !email.key().contains(char::is_whitespace));
    let again = Email::parse(email.key()).expect("the key is an address");
    assert_eq!(again.key(), email.key(), "the key of the key");
    for other in [text.to_lowercase(), text.to_uppercase()] {
        // Some upper case is no address any more (ß); what is one is the same one, but for letters that come back from
        // upper case as others (ı, ſ), which are other letters.
        let is_plain = text.is_ascii();
        if let Ok(other) = Email::parse(&other) {
            assert!(!is_plain || other.key() == email.key());
        } else {
            assert!(!is_plain, "{text} is an address, and {other} is none");
        }
    }
}

/// A name that is taken has one key, which is a name with that key; case makes no other name.
pub fn username(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(name) = Username::parse(text) else { return };
    assert_eq!(name.as_str(), text, "shown as typed");
    assert!(!name.key().contains(['@', '#', ' ']), "{}", name.key());
    // Folding may lengthen a name beyond what may be typed; what may be typed has the same key.
    if let Ok(again) = Username::parse(name.key()) {
        assert_eq!(again.key(), name.key(), "the key of the key");
    }
    for other in [text.to_lowercase(), text.to_uppercase()] {
        if let Ok(other) = Username::parse(&other) {
            assert!(!text.is_ascii() || other.key() == name.key());
        }
    }
}

/// RFC 8410 §10.3. A key that is the same in every process: an entry of the corpus names it, and a token in it is good.
const PKCS8: &str = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp-K06_nwoy_HU--CXqI9EdVhC";
const AUDIENCE: &str = "vestibule";

struct Keys {
    set: KeySet,
    verifier: Verifier,
    pair: Ed25519KeyPair,
    refresh_token: String,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let document = json!({
        "signing": [{ "alg": "EdDSA", "sign_from": 0, "pkcs8": PKCS8 }],
        "mac": [{ "id": 1, "key": URL_SAFE_NO_PAD.encode([7; 32]) }],
    });
    let set = KeySet::from_json(&document.to_string()).unwrap();
    let verifier = Verifier::new(&set.published(ISSUER, &[])).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(&URL_SAFE_NO_PAD.decode(PKCS8).unwrap()).unwrap();
    let id = Random::seeded(8);
    let (user, session) = (UserId::new(id.uuid(NOW).unwrap()), SessionId::new(id.uuid(NOW).unwrap()));
    let key = set.mac_key(NOW).unwrap();
    let refresh_token = RefreshToken::first(user, session, key, [7; 16]).seal(key);
    Keys { set, verifier, pair, refresh_token }
});

/// Nothing opens but what we have minted. The first byte says whether the rest is the text, or changes a good token.
pub fn refresh_token(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    let keys = [KEYS.set.mac_key(NOW).unwrap().clone()];
    let mut text = KEYS.refresh_token.clone().into_bytes();
    if how % 2 == 0 {
        text = rest.to_vec();
    } else {
        for pair in rest.chunks_exact(2) {
            let place = usize::from(pair[0]) % text.len();
            text[place] ^= pair[1];
        }
    }
    let Ok(text) = std::str::from_utf8(&text) else { return };
    assert_eq!(RefreshToken::open(text, &keys).is_some(), text == KEYS.refresh_token, "{text}");
}

/// No text verifies but the one token that we have given away. Of two lines, a header and claims which are signed here, what
/// is taken is ours and valid now; after an empty first line, the second changes the token that was given away.
pub fn access_token(data: &[u8]) {
    static GIVEN_AWAY: LazyLock<String> =
        LazyLock::new(|| signed(include_bytes!("../corpus/access_token/signed-accepted")).expect("two lines"));
    let mut text = data.to_vec();
    if let Some(changes) = data.strip_prefix(b"\n") {
        text = GIVEN_AWAY.clone().into_bytes();
        for change in changes.chunks_exact(3) {
            let place = usize::from(u16::from_be_bytes([change[0], change[1]])) % text.len();
            text[place] ^= change[2];
        }
    } else {
        let _ = accepted(data);
    }
    let Ok(text) = std::str::from_utf8(&text) else { return };
    assert_eq!(takes(text), text == *GIVEN_AWAY, "{text}");
    let _ = KEYS.verifier.is_missing_key_of(text);
}

fn takes(token: &str) -> bool {
    KEYS.verifier.verify(token, AUDIENCE, NOW).is_ok()
}

/// The two lines as a token.
fn signed(lines: &[u8]) -> Option<String> {
    let (header, claims) = lines.split_at(lines.iter().position(|&byte| byte == b'\n')?);
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(&claims[1..]));
    let signature = KEYS.pair.sign(message.as_bytes());
    Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The claims of a token of these two lines, if it is taken.
fn accepted(lines: &[u8]) -> Option<Claims> {
    let (token, verifier) = (signed(lines)?, &KEYS.verifier);
    let claims = verifier.verify(&token, AUDIENCE, NOW).ok()?;
    assert!(token.len() <= 8192 && !verifier.is_missing_key_of(&token), "{token}");

    let header: Value =
        serde_json::from_slice(lines.split(|&byte| byte == b'\n').next()?).expect("a header that was read");
    let kid = KEYS.set.signing_key_id(NOW).expect("a key");
    for (member, value) in [("alg", "EdDSA"), ("typ", "at+jwt"), ("kid", kid)] {
        assert_eq!(header[member], value, "{member}");
    }
    for member in ["jwk", "jku", "x5u", "x5c", "crit", "enc", "zip", "cty"] {
        assert!(header[member].is_null(), "{member}");
    }

    assert_eq!((claims.iss.as_str(), claims.aud.as_str()), (ISSUER, AUDIENCE));
    assert!(claims.exp > NOW.seconds() - 60 && claims.iat <= NOW.seconds() + 60, "{claims:?}");
    assert!(verifier.verify(&token, "other", NOW).is_err());
    // The first moment after the leeway, if there is such a moment.
    if let Some(end) = claims.exp.checked_add(60).and_then(|seconds| seconds.checked_mul(1000)) {
        assert!(verifier.verify(&token, AUDIENCE, Timestamp::from_millis(end)).is_err());
    }

    // One bit, another one of each input.
    let place =
        lines.iter().fold(0, |sum: usize, &byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % (token.len() * 8);
    let mut other = token.into_bytes();
    other[place / 8] ^= 1 << (place % 8);
    assert!(!std::str::from_utf8(&other).is_ok_and(takes), "bit {place}");
    Some(claims)
}

struct Service {
    runtime: Runtime,
    app: TestApp,
    signed_in: Mutex<SignedIn>,
}

/// Whose password and profile are changed.
struct SignedIn {
    user: User,
    bearer: String,
}

impl SignedIn {
    async fn new(app: &TestApp) -> Self {
        // A name that no input has.
        let user = app.seed_user(&app.random.uuid(NOW).unwrap().simple().to_string()).await;
        Self::again(app, user).await
    }

    /// A new session, whose tries are not used up.
    async fn again(app: &TestApp, user: User) -> Self {
        let (_, tokens) = app.seed_session(&user).await;
        Self { user, bearer: format!("Bearer {}", tokens.access_token.expose()) }
    }
}

static SERVICE: LazyLock<Service> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (app, signed_in) = runtime.block_on(async {
        let mut app = TestApp::new(|t| {
            let (hasher, signer, throttle) = (t.hasher.clone(), t.signer.clone(), t.throttle.clone());
            let breached = BreachedPasswords::new(&t.app);
            devserver::routers(&t.app, Powers { hasher, signer, throttle, breached })
        })
        .await;
        // Otherwise it would be its limits that answer, after a while.
        Arc::make_mut(&mut app.app.config).registrations_per_hour = 1_000_000;
        app.app.warm().await;
        let signed_in = Mutex::new(SignedIn::new(&app).await);
        (app, signed_in)
    });
    Service { runtime, app, signed_in }
});

const DOCUMENTED: [u64; 16] = [200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 429, 503];

/// A body of any bytes gets a documented answer, which is JSON or nothing. The first byte picks the endpoint.
pub fn json_body(data: &[u8]) {
    let _ = answer_to_body(data);
}

fn answer_to_body(data: &[u8]) -> Option<Answer> {
    const ENDPOINTS: [(&str, &str); 6] = [
        ("POST", "/auth/register"),
        ("POST", "/auth/login"),
        ("POST", "/auth/refresh"),
        ("POST", "/auth/logout"),
        ("POST", CHANGE),
        ("PATCH", "/auth/profile"),
    ];
    const CHANGE: &str = "/auth/password/change";
    let (&which, body) = data.split_first()?;
    let (method, path) = ENDPOINTS[usize::from(which) % ENDPOINTS.len()];
    let Service { runtime, app, signed_in } = &*SERVICE;
    let mut signed_in = signed_in.lock().unwrap_or_else(PoisonError::into_inner);
    let bearer = signed_in.bearer.clone();
    let headers = [("content-type", "application/json"), ("origin", ISSUER), ("authorization", &bearer)];
    let answer = runtime.block_on(app.request(method, path, &headers, body.to_vec()));
    assert!(DOCUMENTED.contains(&u64::from(answer.status)), "{method} {path}: {} {}", answer.status, answer.text);
    assert!(answer.status == 204 || answer.body.is_object(), "{}", answer.text);
    // Nothing that was sent comes back, but in a user that has been made of it.
    if answer.status == 422 {
        assert!(answer.body["errors"].as_array().is_some_and(|errors| !errors.is_empty()), "{}", answer.text);
    }
    assert_ne!(answer.code(), "invalid_token", "or no body is read at all");
    // The next input finds what this one did: the password that all seeded accounts have, and all tries.
    match (path, answer.status) {
        (CHANGE, 200) => {
            let old = runtime.block_on(app.get("/auth/profile", &[("authorization", &bearer)]));
            assert_eq!(old.code(), "invalid_token", "a change ends every session");
            *signed_in = runtime.block_on(SignedIn::new(app));
        }
        (CHANGE, 401 | 429) => *signed_in = runtime.block_on(SignedIn::again(app, signed_in.user.clone())),
        _ => {}
    }
    Some(answer)
}

/// Whatever API Gateway might hand over gets a documented answer.
pub fn gateway_event(data: &[u8]) {
    let _ = status_of_event(data);
}

fn status_of_event(data: &[u8]) -> Option<u64> {
    let event: Value = serde_json::from_slice(data).ok()?;
    // What the gateway itself writes is trusted; what the client has a say in comes out of the fuzzer.
    let mut whole = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/auth/login", "rawQueryString": "", "headers": {},
        "requestContext": {
            "accountId": "a", "apiId": "b", "domainName": "api.example.com", "domainPrefix": "api", "stage": "$default",
            "http": { "method": "POST", "path": "/auth/login", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x" },
            "requestId": "r", "routeKey": "$default", "time": "06/Sep/2026:12:00:00 +0000", "timeEpoch": 1_788_696_000_000_i64,
        },
        "isBase64Encoded": false,
    });
    for name in ["rawQueryString", "headers", "cookies", "body"] {
        if let Some(value) = event.get(name) {
            whole[name] = value.clone();
        }
    }
    for (from, to) in [("path", "path"), ("method", "method"), ("sourceIp", "sourceIp")] {
        if let Some(value) = event.get(from) {
            whole["requestContext"]["http"][to] = value.clone();
        }
    }
    if let Some(path) = event.get("path") {
        whole["rawPath"] = path.clone();
    }
    // It is the gateway that encodes, so what it says is base64 is that: `lambda_http` panics at anything else.
    if event["isBase64Encoded"] == true {
        whole["isBase64Encoded"] = json!(true);
        if let Some(text) = event["body"].as_str().filter(|text| STANDARD.decode(text).is_err()) {
            whole["body"] = json!(STANDARD.encode(text));
        }
    }
    let event = serde_json::from_value::<LambdaRequest>(whole).ok()?;
    let Service { runtime, app, .. } = &*SERVICE;
    let answer = runtime.block_on(auth_http::handle(app.router(), event, Context::default()));
    let answer = serde_json::to_value(answer).expect("an answer");
    let status = answer["statusCode"].as_u64().expect("a status");
    assert!(DOCUMENTED.contains(&status), "{answer}");
    Some(status)
}

static HASHER: LazyLock<(Runtime, Hasher)> = LazyLock::new(|| {
    let cheap = HashParameters { memory_kib: 64, iterations: 1, parallelism: 1 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    (runtime, Hasher::new(cheap, 1, Random::seeded(1)))
});

/// A stored hash of any text verifies no password that it was not made of, and asks for no more than it may.
pub fn phc_string(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let stored = PasswordHash::from_stored(text.to_owned());
    let asked = stored.parameters();
    if let Some(HashParameters { memory_kib, iterations, .. }) = asked {
        assert!(memory_kib <= 1 << 20 && iterations <= 64, "{text}");
        // All that is allowed; here nobody has the time.
        if memory_kib > 256 || iterations > 4 {
            return;
        }
    }
    let (runtime, hasher) = &*HASHER;
    assert!(asked.is_some() || hasher.is_outdated(&stored), "{text}");
    let password = Password::parse("none that anybody has hashed here").unwrap();
    let verified = runtime.block_on(hasher.verify(password, Some(&stored)));
    assert!(!verified.unwrap_or(false), "{text}");
}

#[cfg(test)]
mod tests;
