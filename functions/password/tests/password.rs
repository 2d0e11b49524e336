//! `POST /auth/password/change`, HTTP in, HTTP out, against a real DynamoDB engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use auth::{BreachedPasswords, Session, Tokens, User};
use auth_testing::{Answer, Fault, ISSUER, PASSWORD, TestApp};
use serde_json::{Value, json};

const NEW: &str = "wooden lantern over quiet harbour";

async fn signed_in() -> (TestApp, User, Session, Tokens) {
    let app = TestApp::new(|t| {
        let (app, hasher, signer, throttle) = (t.app.clone(), t.hasher.clone(), t.signer.clone(), t.throttle.clone());
        let breached = BreachedPasswords::new(&app);
        let holder = password::PasswordChange { app: app.clone(), hasher, signer, throttle, breached };
        password::router(holder).merge(profile::router(profile::Profile { app }))
    })
    .await;
    let user = app.seed_user("ada").await;
    let (session, tokens) = app.seed_session(&user).await;
    app.app.warm().await;
    app.wire.take_calls();
    (app, user, session, tokens)
}

async fn change(app: &TestApp, tokens: &Tokens, body: Value) -> Answer {
    let bearer = format!("Bearer {}", tokens.access_token.expose());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    app.request("POST", "/auth/password/change", &headers, body.to_string()).await
}

fn wish(current: &str, new: &str) -> Value {
    json!({ "current_password": current, "new_password": new })
}

async fn opens_a_profile(app: &TestApp, access_token: &str) -> bool {
    app.get("/auth/profile", &[("authorization", &format!("Bearer {access_token}"))]).await.status == 200
}

async fn password_is(app: &TestApp, user: &User, text: &str) -> bool {
    let credential = app.app.store.credential_by_email(&user.email).await.unwrap().unwrap();
    app.hasher.verify(auth::Password::parse(text).unwrap(), Some(&credential.hash)).await.unwrap()
}

#[tokio::test]
async fn every_session_ends_and_the_answer_carries_a_new_one() {
    let (app, user, _, tokens) = signed_in().await;
    let (_, others) = app.seed_session(&user).await;
    let answer = change(&app, &tokens, wish(PASSWORD, NEW)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["user"]["id"], user.id.to_string());
    for old in [&tokens, &others] {
        assert!(!opens_a_profile(&app, old.access_token.expose()).await);
    }
    assert!(opens_a_profile(&app, answer.body["access_token"].as_str().unwrap()).await);
    assert!(answer.body["refresh_token"].is_string());
    assert!(password_is(&app, &user, NEW).await && !password_is(&app, &user, PASSWORD).await);
    assert!(app.log.lines().iter().any(|line| line.contains("\"password_changed\"")));
}

#[tokio::test]
async fn the_calls_and_their_cost_are_as_the_contract_says() {
    let (app, _, _, tokens) = signed_in().await;
    let hashes = app.hasher.count();
    app.wire.slow(Duration::from_millis(50));
    assert_eq!(change(&app, &tokens, wish(PASSWORD, NEW)).await.status, 200);
    let calls = app.wire.take_calls();
    let mut operations: Vec<_> = calls.iter().map(|call| call.operation.as_str()).collect();
    operations.sort_unstable();
    assert_eq!(operations, ["BatchGetItem", "GetItem", "TransactWriteItems", "UpdateItem"]);
    assert_eq!(app.wire.serial_round_trips(&calls), 3);
    let read: f64 = calls.iter().map(|call| call.read_units).sum();
    let written: f64 = calls.iter().map(|call| call.write_units + call.gsi_write_units).sum();
    assert!((read - 4.0).abs() < 0.01 && (written - 7.0).abs() < 0.01, "{read} RRU, {written} WRU");
    assert_eq!(app.hasher.count() - hashes, 2, "one to compare, one to set");
}

#[tokio::test]
async fn a_wrong_current_password_changes_nothing() {
    let (app, user, _, tokens) = signed_in().await;
    let answer = change(&app, &tokens, wish("wrong horse battery staple 42", NEW)).await;
    assert_eq!((answer.status, answer.code()), (401, "invalid_credentials"));
    assert!(password_is(&app, &user, PASSWORD).await);
    assert!(opens_a_profile(&app, tokens.access_token.expose()).await);
}

#[tokio::test]
async fn a_stolen_session_has_ten_tries_and_the_owner_s_own_is_not_touched() {
    let (app, user, _, tokens) = signed_in().await;
    let hashes = app.hasher.count();
    for _ in 0..10 {
        assert_eq!(change(&app, &tokens, wish("wrong horse battery staple 42", NEW)).await.status, 401);
    }
    let answer = change(&app, &tokens, wish(PASSWORD, NEW)).await;
    assert_eq!((answer.status, answer.code()), (429, "too_many_requests"));
    assert!(answer.header("retry-after").is_some());
    assert_eq!(throttled(&app), 1);
    assert_eq!(app.hasher.count() - hashes, 10);
    let (_, others) = app.seed_session(&user).await;
    assert_eq!(change(&app, &others, wish(PASSWORD, NEW)).await.status, 200);
}

fn throttled(app: &TestApp) -> usize {
    app.log.lines().iter().filter(|line| line.contains("\"password_change_throttled\"")).count()
}

#[tokio::test]
async fn an_outage_is_not_told_as_a_throttle() {
    let (app, _, _, tokens) = signed_in().await;
    // As often as the SDK tries.
    for _ in 0..4 {
        app.wire.fail_next("UpdateItem", Fault::ServerError);
    }
    assert_eq!(change(&app, &tokens, wish(PASSWORD, NEW)).await.status, 503);
    assert_eq!(throttled(&app), 0);
}

#[tokio::test]
async fn the_body_is_checked_and_a_weak_password_is_refused_with_the_reason() {
    let (app, user, _, tokens) = signed_in().await;
    for (body, pointer, code) in [
        (json!({ "new_password": NEW }), "/current_password", "required"),
        (json!({ "current_password": PASSWORD }), "/new_password", "required"),
        (wish(PASSWORD, "short"), "/new_password", "too_short"),
        (wish(PASSWORD, PASSWORD), "/new_password", "unchanged"),
        (wish(PASSWORD, "aaaaaaaaaaaaaaaaaaaa"), "/new_password", "too_weak"),
        (wish(PASSWORD, "ada@example.com ada"), "/new_password", "too_weak"),
        (json!({ "current_password": PASSWORD, "new_password": NEW, "keep": true }), "", "unknown_member"),
    ] {
        let answer = change(&app, &tokens, body).await;
        assert_eq!((answer.status, answer.code()), (422, "validation_failed"), "{}", answer.text);
        let fault = &answer.body["errors"][0];
        assert_eq!((fault["pointer"].as_str(), fault["code"].as_str()), (Some(pointer), Some(code)));
    }
    assert!(password_is(&app, &user, PASSWORD).await);
    let (composed, decomposed) = ("caf\u{e9} with a long counter", "cafe\u{301} with a long counter");
    let answer = change(&app, &tokens, wish(composed, decomposed)).await;
    assert_eq!(answer.body["errors"][0]["code"], "unchanged", "in NFC they are one: {}", answer.text);
}

#[tokio::test]
async fn cookie_transport_hands_out_both_cookies_and_asks_for_the_origin() {
    let (app, _, _, tokens) = signed_in().await;
    let bearer = format!("Bearer {}", tokens.access_token.expose());
    let body = json!({ "current_password": PASSWORD, "new_password": NEW, "transport": "cookie" }).to_string();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let answer = app.request("POST", "/auth/password/change", &headers, body.clone()).await;
    assert_eq!((answer.status, answer.code()), (403, "forbidden"));
    let headers = [headers[0], headers[1], ("origin", ISSUER)];
    let answer = app.request("POST", "/auth/password/change", &headers, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.body.get("refresh_token").is_none());
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(cookies.iter().any(|cookie| cookie.starts_with("__Host-refresh=")), "{cookies:?}");
    assert!(cookies.iter().any(|cookie| cookie.starts_with("__Host-device=")), "{cookies:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_changes_at_once_one_wins_whole() {
    let (app, user, _, tokens) = signed_in().await;
    let (_, others) = app.seed_session(&user).await;
    let second = "copper violin beneath the stairs";
    let (one, two) =
        tokio::join!(change(&app, &tokens, wish(PASSWORD, NEW)), change(&app, &others, wish(PASSWORD, second)));
    let winners = [(&one, NEW), (&two, second)].into_iter().filter(|(answer, _)| answer.status == 200);
    let winners: Vec<_> = winners.collect();
    assert_eq!(winners.len(), 1, "{} {}", one.text, two.text);
    assert!(password_is(&app, &user, winners[0].1).await);
    assert!(opens_a_profile(&app, winners[0].0.body["access_token"].as_str().unwrap()).await);
}

#[tokio::test]
async fn an_account_that_changed_meanwhile_is_not_changed_by_this() {
    let (app, user, _, tokens) = signed_in().await;
    let hold = app.wire.hold("TransactWriteItems");
    let task = tokio::spawn({
        let app = app.clone();
        async move { change(&app, &tokens, wish(PASSWORD, NEW)).await }
    });
    hold.reached().await;
    app.raise_epoch(&user, 5).await;
    hold.release();
    let answer = task.await.unwrap();
    assert_eq!((answer.status, answer.code()), (409, "conflict"));
    assert!(password_is(&app, &user, PASSWORD).await);
    assert_eq!(app.item(&format!("USER#{}", user.id), "USER").await["session_epoch"], 5);
}

#[tokio::test]
async fn a_lost_answer_is_made_good_by_the_retry() {
    for fault in [Fault::LoseAnswer, Fault::Conflict, Fault::ServerError] {
        let (app, user, _, tokens) = signed_in().await;
        app.wire.fail_next("TransactWriteItems", fault);
        assert_eq!(change(&app, &tokens, wish(PASSWORD, NEW)).await.status, 200, "{fault:?}");
        assert!(password_is(&app, &user, NEW).await);
    }
}

#[tokio::test]
async fn the_fixture_changes_the_password() {
    let (app, user, _, tokens) = signed_in().await;
    let answer = app
        .event("password-change", |event| {
            event["headers"]["authorization"] = json!(format!("Bearer {}", tokens.access_token.expose()));
        })
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(password_is(&app, &user, NEW).await);
}

#[tokio::test]
async fn nothing_secret_is_logged() {
    let (app, _, _, tokens) = signed_in().await;
    change(&app, &tokens, wish("wrong horse battery staple 42", NEW)).await;
    let answer = change(&app, &tokens, wish(PASSWORD, NEW)).await;
    for line in app.log.lines() {
        let tokens = [answer.body["access_token"].as_str().unwrap(), tokens.access_token.expose()];
        for secret in tokens.into_iter().chain(["horse", "lantern", "example.com", "192.0.2"]) {
            assert!(!line.contains(secret), "{line}");
        }
    }
}
