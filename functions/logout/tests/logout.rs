//! `POST /auth/logout`, HTTP in, HTTP out, against a real DynamoDB engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use auth::{RefreshToken, Session, User};
use auth_testing::{Answer, ISSUER, TestApp};
use serde_json::{Value, json};

async fn signed_in() -> (TestApp, User, Session, String) {
    let app = TestApp::new(|t| {
        let (app, signer) = (t.app.clone(), t.signer.clone());
        refresh::router(refresh::Refresh { app: app.clone(), signer: signer.clone() })
            .merge(logout::router(logout::Logout { app, signer }))
            .merge(profile::router(profile::Profile { app: t.app.clone() }))
    })
    .await;
    let user = app.seed_user("ada").await;
    let (session, tokens) = app.seed_session(&user).await;
    app.app.warm().await;
    app.wire.take_calls();
    (app, user, session, tokens.refresh_token.to_string())
}

async fn leave(app: &TestApp, token: &str) -> Answer {
    app.post("/auth/logout", json!({ "refresh_token": token })).await
}

async fn is_gone(app: &TestApp, session: &Session) -> bool {
    app.item(&format!("SESSION#{}", session.user_id), &session.id.to_string()).await == Value::Null
}

#[tokio::test]
async fn it_ends_the_session_in_one_round_trip_and_again_is_no_error() {
    let (app, _, session, token) = signed_in().await;
    let answer = leave(&app, &token).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let calls = app.wire.take_calls();
    assert_eq!(calls.iter().map(|call| call.operation.as_str()).collect::<Vec<_>>(), ["DeleteItem"]);
    assert!((calls[0].write_units - 1.0).abs() < 0.01);
    assert!(is_gone(&app, &session).await);
    assert_eq!(leave(&app, &token).await.status, 204);
    assert!(app.log.lines().iter().any(|line| line.contains("\"logged_out\"")));
}

#[tokio::test]
async fn neither_token_of_an_ended_session_opens_anything() {
    let (app, user, _, _) = signed_in().await;
    let (_, tokens) = app.seed_session(&user).await;
    let bearer = format!("Bearer {}", tokens.access_token.expose());
    assert_eq!(app.get("/auth/profile", &[("authorization", &bearer)]).await.status, 200);
    leave(&app, &tokens.refresh_token).await;
    assert_eq!(app.get("/auth/profile", &[("authorization", &bearer)]).await.code(), "invalid_token");
    let answer = app.post("/auth/refresh", json!({ "refresh_token": *tokens.refresh_token })).await;
    assert_eq!(answer.code(), "invalid_refresh_token");
}

#[tokio::test]
async fn a_superseded_token_ends_its_session_too() {
    let (app, _, session, token) = signed_in().await;
    assert_eq!(app.post("/auth/refresh", json!({ "refresh_token": token })).await.status, 200);
    app.clock.advance(std::time::Duration::from_hours(1));
    assert_eq!(leave(&app, &token).await.status, 204);
    assert!(is_gone(&app, &session).await);
}

#[tokio::test]
async fn a_forgery_ends_nothing_and_costs_nothing() {
    let (app, user, _, _) = signed_in().await;
    let (session, tokens) = app.seed_session(&user).await;
    let (token, access_token) = (&tokens.refresh_token, tokens.access_token.expose());
    assert!(app.app.verify(access_token).await.is_ok());
    for forged in ["", "x", &token[1..], &"A".repeat(119), access_token] {
        assert_eq!(leave(&app, forged).await.status, 204);
    }
    assert_eq!(app.request("POST", "/auth/logout", &[("origin", ISSUER)], ()).await.status, 204);
    assert!(app.operations().is_empty());
    assert!(!is_gone(&app, &session).await);
}

#[tokio::test]
async fn a_right_mac_on_another_lineage_ends_nothing_and_is_an_alarm() {
    let (app, user, session, _) = signed_in().await;
    let key = app.keys.mac_key(app.clock.now()).unwrap();
    let forged = RefreshToken::first(user.id, session.id, key, [9; 16]).seal(key);
    assert_eq!(leave(&app, &forged).await.status, 204);
    assert!(!is_gone(&app, &session).await);
    let lines = app.log.lines();
    assert!(lines.iter().any(|line| line.contains("foreign_lineage") && line.contains("\"warn\"")), "{lines:?}");
}

#[tokio::test]
async fn the_cookie_s_way_clears_the_cookie_and_asks_for_the_origin() {
    let (app, _, session, token) = signed_in().await;
    let cookie = format!("__Host-refresh={token}");
    let answer = app.request("POST", "/auth/logout", &[("cookie", &cookie)], ()).await;
    assert_eq!((answer.status, answer.code()), (403, "forbidden"));
    assert!(!is_gone(&app, &session).await);
    let answer = app.request("POST", "/auth/logout", &[("cookie", &cookie), ("origin", ISSUER)], ()).await;
    assert_eq!(answer.status, 204);
    assert!(answer.header("set-cookie").unwrap().starts_with("__Host-refresh=; Max-Age=0"));
    assert!(is_gone(&app, &session).await);
}

#[tokio::test]
async fn the_body_wins_over_the_cookie_and_does_not_clear_it() {
    let (app, user, session, token) = signed_in().await;
    let (other, tokens) = app.seed_session(&user).await;
    let cookie = format!("__Host-refresh={}", *tokens.refresh_token);
    let headers = [("cookie", cookie.as_str()), ("content-type", "application/json")];
    let answer = app.request("POST", "/auth/logout", &headers, json!({ "refresh_token": token }).to_string()).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (204, None));
    assert!(is_gone(&app, &session).await && !is_gone(&app, &other).await);
}

#[tokio::test]
async fn a_lost_answer_is_made_good_by_the_retry() {
    let (app, _, session, token) = signed_in().await;
    app.wire.fail_next("DeleteItem", auth_testing::Fault::LoseAnswer);
    assert_eq!(leave(&app, &token).await.status, 204);
    assert!(is_gone(&app, &session).await);
    let told = || app.log.lines().iter().filter(|line| line.contains("\"logged_out\"")).count();
    assert_eq!(told(), 1);
    // Where there was nothing to end, there is nothing to tell.
    assert_eq!(leave(&app, &token).await.status, 204);
    assert_eq!(told(), 1);
}

#[tokio::test]
async fn the_fixtures_log_out() {
    let (app, _, session, token) = signed_in().await;
    let answer = app
        .event("logout", |event| {
            event["body"] = json!(event["body"].as_str().unwrap().replace("REFRESH_TOKEN", &token));
        })
        .await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    assert!(is_gone(&app, &session).await);
}
