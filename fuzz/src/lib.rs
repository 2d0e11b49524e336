//! What must hold for any bytes that come from outside. Each function takes some and panics if something does not hold;
//! `cargo fuzz run NAME --features engine` drives it (tools/fuzz.sh), and the tests replay `corpus/NAME` and, of each entry,
//! a few hundred mutations.

// A fuzz target says by a panic what it has found.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

use std::sync::{Arc, LazyLock};

use auth::{
    Algorithm, BreachedPasswords, Email, HashParameters, Hasher, KeySet, Password, PasswordHash, Random, RefreshToken,
    SessionId, UserId, Username, Verifier,
};
use auth_testing::{ISSUER, NOW, TestApp};
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

struct Keys {
    set: KeySet,
    verifier: Verifier,
    token: String,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let set = KeySet::generate(Algorithm::ES256, NOW, &Random::seeded(7)).unwrap();
    let verifier = Verifier::new(&set.published(ISSUER, &[])).unwrap();
    let id = Random::seeded(8);
    let (user, session) = (UserId::new(id.uuid(NOW).unwrap()), SessionId::new(id.uuid(NOW).unwrap()));
    let key = set.mac_key(NOW).unwrap();
    let token = RefreshToken::first(user, session, key, [7; 16]).seal(key);
    Keys { set, verifier, token }
});

/// Nothing opens but what we have minted. The first byte says whether the rest is the text, or changes a good token.
pub fn refresh_token(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    let keys = [KEYS.set.mac_key(NOW).unwrap().clone()];
    let mut text = KEYS.token.clone().into_bytes();
    if how % 2 == 0 {
        text = rest.to_vec();
    } else {
        for pair in rest.chunks_exact(2) {
            let place = usize::from(pair[0]) % text.len();
            text[place] ^= pair[1];
        }
    }
    let Ok(text) = std::str::from_utf8(&text) else { return };
    assert_eq!(RefreshToken::open(text, &keys).is_some(), text == KEYS.token, "{text}");
}

/// No token verifies that we have not signed: here, none at all.
pub fn access_token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert!(KEYS.verifier.verify(text, "vestibule", NOW).is_err(), "{text}");
    let _ = KEYS.verifier.is_missing_key_of(text);
}

struct Service {
    runtime: Runtime,
    app: TestApp,
}

static SERVICE: LazyLock<Service> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let app = runtime.block_on(async {
        let mut app = TestApp::new(|t| {
            let (hasher, signer, throttle) = (t.hasher.clone(), t.signer.clone(), t.throttle.clone());
            let breached = BreachedPasswords::new(&t.app);
            devserver::routers(&t.app, Powers { hasher, signer, throttle, breached })
        })
        .await;
        // Otherwise it would be its limits that answer, after a while.
        Arc::make_mut(&mut app.app.config).registrations_per_hour = 1_000_000;
        app.app.warm().await;
        app
    });
    Service { runtime, app }
});

const DOCUMENTED: [u64; 16] = [200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 429, 503];

/// A body of any bytes gets a documented answer, which is JSON or nothing. The first byte picks the endpoint.
pub fn json_body(data: &[u8]) {
    const ENDPOINTS: [(&str, &str); 6] = [
        ("POST", "/auth/register"),
        ("POST", "/auth/login"),
        ("POST", "/auth/refresh"),
        ("POST", "/auth/logout"),
        ("POST", "/auth/password/change"),
        ("PATCH", "/auth/profile"),
    ];
    let Some((&which, body)) = data.split_first() else { return };
    let (method, path) = ENDPOINTS[usize::from(which) % ENDPOINTS.len()];
    let Service { runtime, app } = &*SERVICE;
    let headers = [("content-type", "application/json")];
    let answer = runtime.block_on(app.request(method, path, &headers, body.to_vec()));
    assert!(DOCUMENTED.contains(&u64::from(answer.status)), "{method} {path}: {} {}", answer.status, answer.text);
    assert!(answer.status == 204 || answer.body.is_object(), "{}", answer.text);
    // Nothing that was sent comes back, but in a user that has been made of it.
    if answer.status == 422 {
        assert!(answer.body["errors"].as_array().is_some_and(|errors| !errors.is_empty()), "{}", answer.text);
    }
}

/// Whatever API Gateway might hand over gets a documented answer.
pub fn gateway_event(data: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Value>(data) else { return };
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
    let Ok(event) = serde_json::from_value::<LambdaRequest>(whole) else { return };
    let Service { runtime, app } = &*SERVICE;
    let answer = runtime.block_on(auth_http::handle(app.router(), event, Context::default()));
    let answer = serde_json::to_value(answer).expect("an answer");
    let status = answer["statusCode"].as_u64().expect("a status");
    assert!(DOCUMENTED.contains(&status), "{answer}");
}

static HASHER: LazyLock<(Runtime, Hasher)> = LazyLock::new(|| {
    let cheap = HashParameters { memory_kib: 64, iterations: 1, parallelism: 1 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    (runtime, Hasher::new(cheap, 1, Random::seeded(1)))
});

/// A stored hash of any text verifies no password that it was not made of, and asks for no more than it may.
pub fn phc_string(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // A gibibyte is allowed; here nobody has the time.
    let is_dear = text.split(['$', ',']).any(|part| {
        let number = |name| part.strip_prefix(name).and_then(|digits| digits.parse::<u64>().ok());
        number("m=").is_some_and(|kib| kib > 4_096) || number("t=").is_some_and(|passes| passes > 8)
    });
    if is_dear {
        return;
    }
    let stored = PasswordHash::from_stored(text.to_owned());
    let (runtime, hasher) = &*HASHER;
    let _ = hasher.is_outdated(&stored);
    let password = Password::parse("none that anybody has hashed here").unwrap();
    let verified = runtime.block_on(hasher.verify(password, Some(&stored)));
    assert!(!verified.unwrap_or(false), "{text}");
}

#[cfg(test)]
mod tests;
