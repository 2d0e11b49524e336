//! What must be nowhere: every endpoint is driven with secrets that are known here, and everything that was logged, and
//! every error that was answered, is searched for each of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use auth_testing::{Answer, Breaches, Fault, ISSUER, PASSWORD, TestApp};
use common::{events, service, service_asking};
use serde_json::{Value, json};

const EMAIL: &str = "Zoe.Quarterdeck@Example.Org";
const NAME: &str = "zoequarterdeck";
const FIRST: &str = "cobalt marmot juggling 81 teacups";
const SECOND: &str = "wooden lantern over quiet harbour";
const WRONG: &str = "gherkin orchestra in a biplane";
const BREACHED: &str = "velvet tractor beneath nine moons";
const WEAK: &str = "zoequarterdeckzoequarterdeck";
const ADDRESS: &str = "203.0.113.77";
const ADDRESS_6: &str = "2001:db8:7a7a:4242::1717";

/// What the tests know before anything has happened. Compared without regard to case.
const KNOWN: [&str; 17] = [
    EMAIL,
    NAME,
    FIRST,
    SECOND,
    WRONG,
    BREACHED,
    WEAK,
    ADDRESS,
    ADDRESS_6,
    PASSWORD,
    "203.0.113",
    "2001:db8:7a7a",
    "Quarterdeck",
    "keeps marmots",
    "1987-03-14",
    "Secretive-Browser",
    "n4ughty",
];

struct Drive {
    app: TestApp,
    secrets: BTreeSet<String>,
    answers: Vec<(String, Answer)>,
}

impl Drive {
    fn new(app: &TestApp) -> Self {
        let mut secrets: BTreeSet<String> = KNOWN.iter().map(|&text| text.to_owned()).collect();
        // The private keys, and the secret behind pseudonyms and device cookies (`App::for_tests`).
        strings(&serde_json::from_str(&app.keys.to_json()).unwrap(), &mut secrets);
        secrets.insert("a key for the pseudonyms of the tests alone".to_owned());
        Self { app: app.from(ADDRESS), secrets, answers: Vec::new() }
    }

    async fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let always = [("content-type", "application/json"), ("user-agent", "Secretive-Browser/7.7")];
        let answer = self.app.request(method, path, &[headers, &always].concat(), body).await;
        for token in ["access_token", "refresh_token"] {
            if let Some(text) = answer.body[token].as_str() {
                self.secrets.insert(text.to_owned());
                // What is in it, and what makes it good, by themselves.
                self.secrets.extend(text.split('.').skip(1).map(str::to_owned));
                self.secrets.insert(text[text.len() - 40..].to_owned());
            }
        }
        let cookies: Vec<_> = cookies(&answer).into_iter().filter(|(_, value)| !value.is_empty()).collect();
        self.secrets.extend(cookies.into_iter().map(|(_, value)| value));
        self.answers.push((format!("{method} {path}"), answer.clone()));
        answer
    }

    async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.request("POST", path, &[], body.to_string()).await
    }

    async fn signed_in(&mut self, method: &str, path: &str, tokens: &Answer, body: Value) -> Answer {
        let bearer = format!("Bearer {}", tokens.body["access_token"].as_str().unwrap());
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.request(method, path, &[("authorization", &bearer)], body).await
    }

    async fn register(&mut self, email: &str, username: &str, password: &str) -> Answer {
        let body = json!({
            "email": email, "username": username, "password": password,
            "full_name": "Zoe Quarterdeck", "bio": "keeps marmots", "birth_date": "1987-03-14",
        });
        self.post("/auth/register", body).await
    }

    async fn login(&mut self, password: &str) -> Answer {
        self.post("/auth/login", json!({ "email": EMAIL, "password": password })).await
    }

    async fn refresh(&mut self, token: &Value) -> Answer {
        self.post("/auth/refresh", json!({ "refresh_token": token })).await
    }

    async fn change(&mut self, tokens: &Answer, current: &str, new: &str) -> Answer {
        let body = json!({ "current_password": current, "new_password": new });
        self.signed_in("POST", "/auth/password/change", tokens, body).await
    }
}

/// All texts of a document that are long enough to be a key.
fn strings(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.len() >= 16 => {
            into.insert(text.clone());
        }
        Value::Array(values) => values.iter().for_each(|value| strings(value, into)),
        Value::Object(members) => members.values().for_each(|value| strings(value, into)),
        _ => {}
    }
}

fn cookies(answer: &Answer) -> Vec<(String, String)> {
    let cookies = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let pair =
        |cookie: &str| cookie.split(';').next().unwrap().split_once('=').map(|(a, b)| (a.to_owned(), b.to_owned()));
    cookies.map(|cookie| pair(cookie).unwrap()).collect()
}

fn expect(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.text);
}

async fn registering(drive: &mut Drive) {
    expect(&drive.register(EMAIL, NAME, FIRST).await, 201, "");
    expect(&drive.register(EMAIL, "another", FIRST).await, 409, "email_taken");
    expect(&drive.register("another@example.org", NAME, FIRST).await, 409, "username_taken");
    expect(&drive.register(EMAIL, NAME, WEAK).await, 422, "validation_failed");
    expect(&drive.register(EMAIL, NAME, BREACHED).await, 422, "validation_failed");
    expect(
        &drive.post("/auth/register", json!({ "email": WRONG, "n4ughty": FIRST, "bio": 7 })).await,
        422,
        "validation_failed",
    );
    // As many tries as the SDK makes for one call.
    for _ in 0..4 {
        drive.app.wire.fail_next("TransactWriteItems", Fault::ServerError);
    }
    expect(&drive.register("other@example.org", "other", SECOND).await, 503, "unavailable");
    drive.app = drive.app.from(ADDRESS_6);
    for _ in 0..30 {
        drive.register(EMAIL, NAME, WEAK).await;
    }
    expect(&drive.register(EMAIL, NAME, FIRST).await, 429, "too_many_requests");
    drive.app = drive.app.from(ADDRESS);
}

async fn signing_in(drive: &mut Drive) {
    expect(&drive.login(FIRST).await, 200, "");
    expect(&drive.login(WRONG).await, 401, "invalid_credentials");
    expect(&drive.post("/auth/login", json!({ "username": NAME, "password": FIRST })).await, 200, "");
    expect(&drive.post("/auth/login", json!({ "username": WRONG, "password": FIRST })).await, 422, "validation_failed");
    let unknown = json!({ "email": "n4ughty@example.org", "password": FIRST });
    expect(&drive.post("/auth/login", unknown).await, 401, "invalid_credentials");

    let body = json!({ "email": EMAIL, "password": FIRST, "transport": "cookie" }).to_string();
    let answer = drive.request("POST", "/auth/login", &[("origin", "https://n4ughty.example")], body.clone()).await;
    expect(&answer, 403, "forbidden");
    let answer = drive.request("POST", "/auth/login", &[("origin", ISSUER)], body.clone()).await;
    expect(&answer, 200, "");
    let set = cookies(&answer);
    assert_eq!(set.len(), 2, "the session's and the device's");
    // The same browser again, which leaves its session behind; then it refreshes and signs out.
    let cookie = set.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let again = drive.request("POST", "/auth/login", &[("origin", ISSUER), ("cookie", &cookie)], body).await;
    expect(&again, 200, "");
    for (path, status) in [("/auth/refresh", 200), ("/auth/logout", 204), ("/auth/refresh", 401)] {
        let cookie =
            cookies(&again).iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let headers = [("origin", ISSUER), ("cookie", cookie.as_str())];
        assert_eq!(drive.request("POST", path, &headers, String::new()).await.status, status, "{path}");
    }

    drive.app = drive.app.from(ADDRESS_6);
    for _ in 0..10 {
        expect(&drive.login(WRONG).await, 401, "invalid_credentials");
    }
    expect(&drive.login(FIRST).await, 429, "too_many_requests");
    drive.app = drive.app.from(ADDRESS);
}

async fn refreshing(drive: &mut Drive) {
    let zero = drive.login(FIRST).await.body["refresh_token"].clone();
    let one = drive.refresh(&zero).await.body["refresh_token"].clone();
    assert_eq!(drive.refresh(&zero).await.body["refresh_token"], one, "a retry");
    let two = drive.refresh(&one).await;
    expect(&two, 200, "");
    expect(&drive.refresh(&zero).await, 401, "invalid_refresh_token");
    drive.app.clock.advance(Duration::from_secs(31));
    expect(&drive.refresh(&zero).await, 401, "invalid_refresh_token");
    expect(&drive.refresh(&two.body["refresh_token"]).await, 401, "invalid_refresh_token");
    expect(&drive.refresh(&json!("n4ughty")).await, 401, "invalid_refresh_token");

    let user = drive.app.seed_user("bob").await;
    let (session, tokens) = drive.app.seed_session(&user).await;
    let key = drive.app.keys.mac_key(drive.app.clock.now()).unwrap();
    let forged = auth::RefreshToken::first(user.id, session.id, key, [7; 16]).seal(key);
    drive.secrets.extend([forged.clone(), tokens.refresh_token.to_string(), tokens.access_token.expose().to_owned()]);
    expect(&drive.refresh(&json!(forged)).await, 401, "invalid_refresh_token");
    drive.app.raise_epoch(&user, 9).await;
    expect(&drive.refresh(&json!(*tokens.refresh_token)).await, 401, "invalid_refresh_token");
}

async fn being_signed_in(drive: &mut Drive) {
    let tokens = drive.login(FIRST).await;
    for (body, status) in [
        (json!({ "bio": "keeps marmots" }), 200),
        (json!({ "username": "bob" }), 409),
        (json!({ "username": "n4ughty n4ughty" }), 422),
        (json!({ "password": FIRST }), 422),
    ] {
        assert_eq!(drive.signed_in("PATCH", "/auth/profile", &tokens, body).await.status, status);
    }
    expect(&drive.signed_in("GET", "/auth/profile", &tokens, Value::Null).await, 200, "");
    let other = drive.login(FIRST).await;
    let list = drive.signed_in("GET", "/auth/sessions", &other, Value::Null).await;
    let id = list.body["sessions"].as_array().unwrap().iter().find(|session| session["current"] == true).unwrap()["id"]
        .clone();
    let path = format!("/auth/sessions/{}", id.as_str().unwrap());
    expect(&drive.signed_in("DELETE", &path, &tokens, Value::Null).await, 204, "");
    expect(&drive.signed_in("DELETE", "/auth/sessions/n4ughty", &tokens, Value::Null).await, 404, "not_found");
    expect(&drive.signed_in("GET", "/auth/profile", &other, Value::Null).await, 401, "invalid_token");
    expect(
        &drive.signed_in("DELETE", "/auth/sessions?keep=n4ughty", &tokens, Value::Null).await,
        422,
        "validation_failed",
    );
    expect(&drive.signed_in("DELETE", "/auth/sessions?keep=current", &tokens, Value::Null).await, 204, "");

    expect(&drive.change(&tokens, WRONG, SECOND).await, 401, "invalid_credentials");
    expect(&drive.change(&tokens, FIRST, WEAK).await, 422, "validation_failed");
    expect(&drive.change(&tokens, FIRST, BREACHED).await, 422, "validation_failed");
    let tokens = drive.change(&tokens, FIRST, SECOND).await;
    expect(&tokens, 200, "");
    for _ in 0..10 {
        drive.change(&tokens, WRONG, FIRST).await;
    }
    expect(&drive.change(&tokens, SECOND, FIRST).await, 429, "too_many_requests");
    let token = tokens.body["refresh_token"].clone();
    expect(&drive.signed_in("DELETE", "/auth/sessions", &tokens, Value::Null).await, 204, "");
    let fresh = drive.login(SECOND).await.body["refresh_token"].clone();
    for token in [fresh.clone(), fresh, token, json!("n4ughty")] {
        expect(&drive.post("/auth/logout", json!({ "refresh_token": token })).await, 204, "");
    }
}

async fn sending_nonsense(drive: &mut Drive) {
    let broken = format!("{{\"email\":\"{EMAIL}\",\"password\":\"{FIRST}");
    let long = format!("{{\"password\":\"{}\"}}", FIRST.repeat(1000));
    for path in ["/auth/register", "/auth/login", "/auth/refresh", "/auth/logout", "/auth/password/change"] {
        for body in [broken.clone(), long.clone(), json!([FIRST, EMAIL]).to_string()] {
            assert!(
                drive.request("POST", path, &[("authorization", "Bearer n4ughty.n4ughty.n4ughty")], body).await.status
                    >= 400
            );
        }
        expect(&drive.request("GET", path, &[], String::new()).await, 405, "method_not_allowed");
    }
    for path in [
        "/auth/n4ughty",
        "/n4ughty?password=n4ughty",
        "/.well-known/jwks.json?n4ughty",
        "/health",
        "/auth/openapi.json",
    ] {
        drive.request("GET", path, &[("x-n4ughty", FIRST), ("authorization", "Basic n4ughty")], String::new()).await;
    }
    drive.request("N4UGHTY", "/auth/login", &[], String::new()).await;
}

#[tokio::test]
async fn no_secret_is_logged_or_answered_in_an_error() {
    let breaches = Breaches::of(&[BREACHED]).await;
    let mut drive = Drive::new(&service_asking(|app| breaches.power(app)).await);
    registering(&mut drive).await;
    signing_in(&mut drive).await;
    refreshing(&mut drive).await;
    being_signed_in(&mut drive).await;
    sending_nonsense(&mut drive).await;
    // Another service, whose helper is down.
    let mut other = Drive::new(&service_asking(|app| Breaches::power_at("http://127.0.0.1:1", app)).await);
    expect(&other.register(EMAIL, NAME, FIRST).await, 201, "");

    let lines = [drive.app.log.lines(), other.app.log.lines()].concat();
    let table = drive.app.whole_table().await;
    let hashes = table.split('"').filter(|text| text.starts_with("$argon2id$")).map(str::to_owned);
    drive.secrets.extend(hashes);
    drive.secrets.insert("argon2".to_owned());
    assert!(drive.secrets.len() > KNOWN.len() + 40, "tokens, cookies, hashes and keys: {}", drive.secrets.len());
    let secrets: Vec<String> = drive.secrets.iter().map(|secret| secret.to_lowercase()).collect();
    let search = |text: &str, place: &str| {
        let lower = text.to_lowercase();
        for secret in &secrets {
            assert!(!lower.contains(secret.as_str()), "{secret} in {place}: {text}");
        }
    };
    assert!(lines.len() > 150, "{}", lines.len());
    for line in &lines {
        search(line, "the log");
    }
    let errors = drive.answers.iter().filter(|(_, answer)| answer.status >= 400);
    let mut count = 0;
    for (what, answer) in errors {
        search(&answer.text, what);
        for (name, value) in &answer.headers {
            search(value.to_str().unwrap(), &format!("{what}, {name}"));
        }
        count += 1;
    }
    assert!(count > 60, "{count}");
    // What succeeds tells users about themselves, and never these.
    for (what, answer) in drive.answers.iter().filter(|(_, answer)| answer.status < 400) {
        for secret in [FIRST, SECOND, WRONG, BREACHED, "argon2", ADDRESS, ADDRESS_6, "lineage"] {
            // The API's description may speak of anything.
            assert!(what.contains("openapi") || !answer.text.contains(secret), "{secret} in {what}");
        }
    }
    every_event_was_written_as_described(&lines);
}

/// Also proves that the search above has seen the log of every branch.
fn every_event_was_written_as_described(lines: &[String]) {
    let mut seen = BTreeSet::new();
    for line in lines {
        let record: Value = serde_json::from_str(line).unwrap();
        if record["message"] == "event" {
            events::check(&record);
            assert!(record["request_id"].is_string() && record["network"].is_string(), "{record}");
            seen.insert(record["event"].as_str().unwrap().to_owned());
        }
    }
    let of_requests = events::table()
        .into_iter()
        .filter(|(name, row)| !row.is_operators && !name.starts_with("keys_") && name != "rotation_given_up");
    assert_eq!(seen, of_requests.map(|(name, _)| name).collect());
}

#[tokio::test]
async fn the_search_finds_what_it_is_meant_to_find() {
    let mut drive = Drive::new(&service().await);
    drive.register(EMAIL, NAME, FIRST).await;
    drive.login(FIRST).await;
    let text = drive.answers[1].1.text.to_lowercase();
    let found = drive.secrets.iter().filter(|secret| text.contains(&secret.to_lowercase())).count();
    assert!(found >= 8, "the tokens, their parts, and the user: {found}");
}
