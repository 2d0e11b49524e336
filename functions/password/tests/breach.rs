//! `POST /auth/password/change` and passwords that are known from a breach.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use auth_testing::{Answer, Breaches, PASSWORD, Says, TestApp};
use serde_json::json;

const NEW: &str = "wooden lantern over quiet harbour";

/// Changes the password of a fresh account, with the service to ask; `current` is what the user takes for the old one.
async fn changed(service: &Breaches, current: &str) -> (TestApp, Answer) {
    let app = TestApp::new(|t| {
        let (app, hasher, signer, throttle) = (t.app.clone(), t.hasher.clone(), t.signer.clone(), t.throttle.clone());
        let breached = service.power(&app);
        password::router(password::PasswordChange { app, hasher, signer, throttle, breached })
    })
    .await;
    let user = app.seed_user("ada").await;
    let (_, tokens) = app.seed_session(&user).await;
    let bearer = format!("Bearer {}", tokens.access_token.expose());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = json!({ "current_password": current, "new_password": NEW }).to_string();
    let answer = app.request("POST", "/auth/password/change", &headers, body).await;
    (app, answer)
}

#[tokio::test]
async fn a_breached_new_password_is_refused_and_changes_nothing() {
    let service = Breaches::of(&[NEW]).await;
    let (app, answer) = changed(&service, PASSWORD).await;
    assert_eq!((answer.status, answer.code()), (422, "validation_failed"), "{}", answer.text);
    let fault = &answer.body["errors"][0];
    assert_eq!((fault["pointer"].as_str(), fault["code"].as_str()), (Some("/new_password"), Some("breached")));
    assert!(!app.operations().contains(&"TransactWriteItems".to_owned()));
}

#[tokio::test]
async fn the_new_password_is_asked_about_and_the_old_one_is_not() {
    let service = Breaches::of(&[PASSWORD]).await;
    let (_, answer) = changed(&service, PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let requests = service.take_requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with(&format!("GET /range/{} ", &auth_testing::sha1(NEW)[..5])));
}

#[tokio::test]
async fn who_does_not_know_the_current_password_asks_nobody() {
    let service = Breaches::of(&[NEW]).await;
    let (_, answer) = changed(&service, "wrong horse battery staple 42").await;
    assert_eq!((answer.status, answer.code()), (401, "invalid_credentials"));
    assert!(service.take_requests().is_empty());
}

#[tokio::test]
async fn a_service_that_fails_refuses_nobody_and_the_audit_trail_says_so() {
    let service = Breaches::open(Says::Status(503, "x: y")).await;
    let (app, answer) = changed(&service, PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let events = app.log.lines().into_iter().filter(|line| line.contains("breach_check_failed"));
    assert_eq!(events.filter(|line| line.contains("\"warn\"") && line.contains("\"status\"")).count(), 1);
}
