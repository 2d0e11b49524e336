//! `POST /auth/register` and passwords that are known from a breach, with a stand-in for who knows them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use auth::BreachedPasswords;
use auth_testing::{Answer, Breaches, PASSWORD, Says, TestApp, sha1};
use serde_json::{Value, json};

async fn app(breached: impl FnOnce(&auth::App) -> BreachedPasswords) -> TestApp {
    TestApp::new(|t| {
        let (app, hasher, throttle) = (t.app.clone(), t.hasher.clone(), t.throttle.clone());
        let breached = breached(&app);
        register::router(register::Register { app, hasher, throttle, breached })
    })
    .await
}

async fn asking(service: &Breaches) -> TestApp {
    app(|app| service.power(app)).await
}

async fn register(app: &TestApp) -> Answer {
    app.post("/auth/register", json!({ "email": "ada@example.com", "username": "ada", "password": PASSWORD })).await
}

/// The reasons of all failed checks that were logged.
fn failures(app: &TestApp) -> Vec<String> {
    let lines = app.log.lines().into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
    let events: Vec<_> = lines.filter(|line| line["event"] == "breach_check_failed").collect();
    assert!(events.iter().all(|event| event["level"] == "warn" && event["request_id"].is_string()));
    events.iter().map(|event| event["reason"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_breached_password_is_refused_and_opens_no_account() {
    let service = Breaches::of(&[PASSWORD]).await;
    let app = asking(&service).await;
    let hashes = app.hasher.count();
    let answer = register(&app).await;
    assert_eq!((answer.status, answer.code()), (422, "validation_failed"), "{}", answer.text);
    let fault = &answer.body["errors"][0];
    assert_eq!((&fault["pointer"], &fault["code"]), (&json!("/password"), &json!("breached")));
    assert!(fault["detail"].as_str().unwrap().starts_with("This password is known from a data breach."));
    assert_eq!(app.hasher.count(), hashes);
    assert_eq!(app.items().await.len(), 1, "the key set alone");
    assert!(failures(&app).is_empty());
}

#[tokio::test]
async fn only_five_digits_of_the_digest_are_sent_and_padding_is_asked_for() {
    let service = Breaches::of(&["another password that is known"]).await;
    let app = asking(&service).await;
    assert_eq!(register(&app).await.status, 201);
    let requests = service.take_requests();
    assert_eq!(requests.len(), 1);
    let (digest, head) = (sha1(PASSWORD), requests[0].to_ascii_lowercase());
    assert!(requests[0].starts_with(&format!("GET /range/{} HTTP/1.1\r\n", &digest[..5])), "{head}");
    assert!(head.contains("\r\nadd-padding: true\r\n"), "{head}");
    assert!(head.contains("\r\nuser-agent: vestibule\r\n"), "{head}");
    assert!(!head.contains(&digest[..6].to_ascii_lowercase()), "{head}");
    for secret in [PASSWORD, "correct", "ada", "example"] {
        assert!(!head.contains(secret), "{head}");
    }
    assert!(failures(&app).is_empty());
}

#[tokio::test]
async fn a_password_that_is_easily_guessed_is_not_even_asked_about() {
    let service = Breaches::of(&[]).await;
    let app = asking(&service).await;
    let weak = json!({ "email": "ada@example.com", "username": "ada", "password": "aaaaaaaaaaaaaaaaaaaa" });
    assert_eq!(app.post("/auth/register", weak).await.body["errors"][0]["code"], "too_weak");
    assert!(service.take_requests().is_empty());
}

#[tokio::test]
async fn it_is_off_unless_an_address_is_configured() {
    let app = app(BreachedPasswords::new).await;
    assert!(app.app.config.breached_passwords_url.is_none());
    assert_eq!(format!("{:?}", BreachedPasswords::new(&app.app)), "BreachedPasswords(off)");
    assert_eq!(register(&app).await.status, 201);
    assert!(failures(&app).is_empty());
}

#[tokio::test]
async fn a_service_that_answers_nonsense_refuses_nobody_and_the_audit_trail_says_so() {
    let list = |text: &str| Says::List(text.to_owned());
    let huge = format!("{}\r\n", "0018A45C4D1DEF81644B54AB7F969B88D65:1").repeat(20_000);
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n0018A45C4D1DEF81644B54AB7F969B88D65:1";
    let hit = format!("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{}:7\r\n", &sha1(PASSWORD)[5..]);
    let endless = [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(), b"fffff\r\n".to_vec(), {
        vec![b'0'; 1 << 20]
    }];
    for (says, reason) in [
        (list(&huge), "too_long"),
        (list(""), "malformed"),
        (list("<html>Sign in to this network</html>"), "malformed"),
        (list("0018A45C4D1DEF81644B54AB7F969B88D6:1\r\n"), "malformed"),
        (Says::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n\xff\xfe\x00\x80".to_vec()), "malformed"),
        (Says::Bytes(cut.into()), "cut_off"),
        (Says::Bytes(hit.into()), "cut_off"),
        (Says::Bytes(endless.concat()), "too_long"),
        (Says::Bytes(b"\x16\x03\x01 this is no HTTP\r\n\r\n".to_vec()), "no_answer"),
        (Says::Bytes(Vec::new()), "no_answer"),
        (Says::Status(500, "x: y"), "status"),
        (Says::Status(404, "x: y"), "status"),
        (Says::Status(204, "x: y"), "status"),
        (Says::Status(429, "retry-after: 2"), "throttled"),
        (Says::Status(302, "location: http://127.0.0.1:1/"), "status"),
    ] {
        let shown = format!("{says:?}").chars().take(80).collect::<String>();
        let service = Breaches::open(says).await;
        let app = asking(&service).await;
        assert_eq!(register(&app).await.status, 201, "{shown}");
        assert_eq!(failures(&app), [reason], "{shown}");
        assert_eq!(service.take_requests().len(), 1, "one request, and no redirect is followed: {shown}");
    }
}

#[tokio::test]
async fn a_service_that_takes_its_time_has_a_second() {
    for says in [Says::Nothing, Says::Drips] {
        let service = Breaches::open(says).await;
        let app = asking(&service).await;
        let started = Instant::now();
        assert_eq!(register(&app).await.status, 201);
        let spent = started.elapsed();
        assert!(spent >= Duration::from_secs(1) && spent < Duration::from_secs(4), "{spent:?}");
        assert_eq!(failures(&app), ["timeout"]);
    }
}

#[tokio::test]
async fn a_service_that_is_down_refuses_nobody() {
    let app = app(|app| Breaches::power_at("http://127.0.0.1:1", app)).await;
    assert_eq!(register(&app).await.status, 201);
    assert_eq!(failures(&app), ["no_answer"]);
}

#[tokio::test]
async fn nothing_about_the_password_is_logged() {
    for service in [Breaches::of(&[PASSWORD]).await, Breaches::open(Says::Status(500, "x: y")).await] {
        let app = asking(&service).await;
        register(&app).await;
        let digest = sha1(PASSWORD);
        for line in app.log.lines() {
            let lower = line.to_lowercase();
            for secret in [PASSWORD, &digest.to_lowercase()[..5], "ada@", "127.0.0.1", "/range"] {
                assert!(!lower.contains(secret), "{line}");
            }
        }
    }
}
