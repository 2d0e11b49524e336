//! `users unlock`: strangers may try again. Against a real DynamoDB engine, and the login that locks.

use std::time::Duration;

use crate::operator::{app, failure, json, run};
use admin::Failure;
use auth_testing::{PASSWORD, TestApp};
use serde_json::{Value, json};

/// 50 failures in a row, from as many networks.
async fn lock(app: &TestApp, name: &str, value: &str) {
    for i in 0..50 {
        let guess = json!({ name: value, "password": "wrong horse battery staple 42" });
        let answer = app.from(&format!("198.51.100.{i}")).post("/auth/login", guess).await;
        assert_eq!(answer.code(), "invalid_credentials");
    }
}

async fn sign_in(app: &TestApp, name: &str, value: &str) -> u16 {
    app.from("203.0.113.7").post("/auth/login", json!({ name: value, "password": PASSWORD })).await.status
}

/// Another instance of login, which has not seen that the account is locked.
fn instance(app: &TestApp) -> TestApp {
    let other = app.instance();
    other.mount(login::router(login::Login {
        app: other.app.clone(),
        hasher: other.hasher.clone(),
        signer: other.signer.clone(),
        throttle: other.throttle.clone(),
    }))
}

#[tokio::test]
async fn an_account_that_is_locked_to_strangers_opens_for_its_owner_again() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let names = [("email", "ada@example.com"), ("username", "ADA")];
    for (name, value) in names {
        lock(&app, name, value).await;
        assert_eq!(sign_in(&instance(&app), name, value).await, 429);
    }
    let locked = json!({ "failures": 50, "locked_until": "2026-12-24T09:30:00Z" });
    let expected = json!({ "by_email": locked, "by_username": locked });
    assert_eq!(json(&app, "users show ada").await["sign_in"], expected);
    let shown = run(&app, "users show ada", "", false).await.output;
    let line =
        "sign-in        by e-mail address locked to strangers until 2026-12-24T09:30:00Z (50 tries in a row), by";
    assert!(shown.contains(line), "{shown}");

    let session = run(&app, "--json users unlock ada", "", false).await;
    let unlocked: Value = serde_json::from_str(&session.output).unwrap();
    assert_eq!(unlocked, json!({ "user_id": user.id.to_string(), "forgotten": expected }));
    assert_eq!(session.audit()[0]["event"], "admin_user_unlocked");
    assert_eq!(session.audit()[0]["subject"], user.id.to_string());
    assert!(!app.whole_table().await.contains("THROTTLE#"));
    for (name, value) in names {
        assert_eq!(sign_in(&instance(&app), name, value).await, 200);
    }
    let open = json!({ "failures": 1, "locked_until": null });
    assert_eq!(json(&app, "users show ada").await["sign_in"], json!({ "by_email": open, "by_username": open }));
}

#[tokio::test]
async fn an_instance_that_has_refused_goes_on_for_a_minute_as_it_says() {
    let app = app().await;
    app.seed_user("ada").await;
    lock(&app, "username", "ada").await;
    assert_eq!(sign_in(&app, "username", "ada").await, 429);
    let said = run(&app, "users unlock ada@example.com", "", false).await.output;
    assert!(said.contains(": 0 tries in a row by e-mail address, 50 by username. "), "{said}");
    assert_eq!(sign_in(&app, "username", "ada").await, 429);
    app.clock.advance(Duration::from_secs(61));
    assert_eq!(sign_in(&app, "username", "ada").await, 200);
}

#[tokio::test]
async fn what_has_expired_locks_nobody_and_others_stay_locked() {
    let app = app().await;
    app.seed_user("ada").await;
    app.seed_user("bob").await;
    lock(&app, "username", "ada").await;
    lock(&app, "username", "bob").await;
    json(&app, "users unlock ada").await;
    assert_eq!(sign_in(&instance(&app), "username", "bob").await, 429);
    app.clock.advance(Duration::from_hours(721));
    let open = json!({ "failures": 0, "locked_until": null });
    assert_eq!(json(&app, "users show bob").await["sign_in"]["by_username"], open);
}

#[tokio::test]
async fn without_the_key_of_pseudonyms_nothing_is_unlocked_and_nothing_is_said() {
    let app = app().await.without_pseudonyms();
    app.seed_user("ada").await;
    assert!(matches!(failure(&app, "users unlock ada").await, Failure::NoPseudonyms));
    assert_eq!(json(&app, "users show ada").await["sign_in"], Value::Null);
    assert!(!run(&app, "users show ada", "", false).await.output.contains("sign-in"));
}
