//! Writes that take effect after the SDK has given them up and made them again.

use auth_testing::{Answer, PASSWORD, TestApp};
use serde_json::{Value, json};

use crate::common::service;

/// Signs in while the first write of the session is held, as often as it takes.
async fn signed_in(app: &TestApp) -> Answer {
    for _ in 0..3 {
        let answer = app.post("/auth/login", json!({ "username": "ada", "password": PASSWORD })).await;
        if answer.status == 200 {
            return answer;
        }
        assert_eq!(answer.status, 503, "{}", answer.text);
    }
    panic!("three sign-ins were not answered");
}

async fn refresh(app: &TestApp, token: &Value) -> Answer {
    app.post("/auth/refresh", json!({ "refresh_token": token })).await
}

#[tokio::test]
async fn a_session_that_was_ended_is_not_brought_back_by_its_own_late_write() {
    let app = service().await;
    app.seed_user("ada").await;
    let hold = app.wire.hold("PutItem");
    let token = signed_in(&app).await.body["refresh_token"].clone();
    assert_eq!(app.post("/auth/logout", json!({ "refresh_token": token })).await.status, 204);
    hold.release();
    app.wire.settle().await;
    assert_eq!(refresh(&app, &token).await.status, 401);
}

#[tokio::test]
async fn a_session_that_was_rotated_is_not_set_back_by_its_own_late_write() {
    let app = service().await;
    app.seed_user("ada").await;
    let hold = app.wire.hold("PutItem");
    let first = signed_in(&app).await.body["refresh_token"].clone();
    let second = refresh(&app, &first).await.body["refresh_token"].clone();
    hold.release();
    app.wire.settle().await;
    let answer = refresh(&app, &second).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}
