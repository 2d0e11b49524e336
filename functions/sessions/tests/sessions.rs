//! `/auth/sessions`, HTTP in, HTTP out, against a real DynamoDB engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use auth::{Session, Tokens, User};
use auth_testing::{Answer, Fault, TestApp};
use serde_json::{Value, json};

async fn signed_in() -> (TestApp, User, Session, Tokens) {
    let app = TestApp::new(|t| {
        refresh::router(refresh::Refresh { app: t.app.clone(), signer: t.signer.clone() })
            .merge(sessions::router(sessions::Sessions { app: t.app.clone() }))
            .merge(profile::router(profile::Profile { app: t.app.clone() }))
    })
    .await;
    let user = app.seed_user("ada").await;
    let (session, tokens) = app.seed_session(&user).await;
    app.app.warm().await;
    app.wire.take_calls();
    (app, user, session, tokens)
}

fn bearer(tokens: &Tokens) -> String {
    format!("Bearer {}", tokens.access_token.expose())
}

async fn ask(app: &TestApp, method: &str, path: &str, tokens: &Tokens) -> Answer {
    app.request(method, path, &[("authorization", &bearer(tokens))], ()).await
}

async fn opens_a_profile(app: &TestApp, tokens: &Tokens) -> bool {
    ask(app, "GET", "/auth/profile", tokens).await.status == 200
}

async fn refreshes(app: &TestApp, tokens: &Tokens) -> bool {
    app.post("/auth/refresh", json!({ "refresh_token": *tokens.refresh_token })).await.status == 200
}

fn ids(answer: &Answer) -> Vec<String> {
    let sessions = answer.body["sessions"].as_array().unwrap();
    sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_list_shows_where_one_is_signed_in_the_latest_used_first() {
    let (app, user, session, tokens) = signed_in().await;
    app.clock.advance(Duration::from_mins(5));
    let (later, _) = app.seed_session(&user).await;
    let pk = format!("SESSION#{}", user.id);
    app.update(&pk, &later.id.to_string(), "client", "Mozilla/5.0").await;
    app.update(&pk, &later.id.to_string(), "network", "203.0.113.0/24").await;
    let stranger = app.seed_user("bob").await;
    app.seed_session(&stranger).await;

    let answer = ask(&app, "GET", "/auth/sessions", &tokens).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(
        answer.body,
        json!({ "sessions": [
            {
                "id": later.id.to_string(), "created_at": "2026-11-24T09:35:00Z",
                "last_used_at": "2026-11-24T09:35:00Z", "expires_at": "2026-12-08T09:35:00Z",
                "client": "Mozilla/5.0", "network": "203.0.113.0/24", "current": false,
            },
            {
                "id": session.id.to_string(), "created_at": "2026-11-24T09:30:00Z",
                "last_used_at": "2026-11-24T09:30:00Z", "expires_at": "2026-12-08T09:30:00Z",
                "client": null, "network": null, "current": true,
            },
        ] })
    );
}

#[tokio::test]
async fn the_list_is_one_round_trip() {
    let (app, _, _, tokens) = signed_in().await;
    app.wire.slow(Duration::from_millis(50));
    assert_eq!(ask(&app, "GET", "/auth/sessions", &tokens).await.status, 200);
    let calls = app.wire.take_calls();
    assert_eq!((calls.len(), app.wire.serial_round_trips(&calls)), (2, 1));
    let read: f64 = calls.iter().map(|call| call.read_units).sum();
    assert!((read - 4.0).abs() < 0.01, "{read} RRU");
}

#[tokio::test]
async fn expired_and_void_sessions_are_not_listed() {
    let (app, user, session, tokens) = signed_in().await;
    let (old, _) = app.seed_session(&user).await;
    let pk = format!("SESSION#{}", user.id);
    app.update(&pk, &old.id.to_string(), "idle_expires_at", 1).await;
    let (void, _) = app.seed_session(&user).await;
    app.update(&pk, &void.id.to_string(), "session_epoch", 7).await;
    assert_eq!(ids(&ask(&app, "GET", "/auth/sessions", &tokens).await), [session.id.to_string()]);
}

#[tokio::test]
async fn a_revoked_session_is_dead_at_once() {
    let (app, user, _, tokens) = signed_in().await;
    let (other, others) = app.seed_session(&user).await;
    let path = format!("/auth/sessions/{}", other.id);
    assert_eq!(ask(&app, "DELETE", &path, &tokens).await.status, 204);
    assert_eq!(app.operations(), ["BatchGetItem", "DeleteItem"]);
    assert!(!opens_a_profile(&app, &others).await && !refreshes(&app, &others).await);
    assert!(opens_a_profile(&app, &tokens).await && refreshes(&app, &tokens).await);
    assert_eq!(ask(&app, "DELETE", &path, &tokens).await.status, 204, "again is no error");
}

#[tokio::test]
async fn nobody_revokes_a_stranger_s_session() {
    let (app, _, _, tokens) = signed_in().await;
    let stranger = app.seed_user("bob").await;
    let (theirs, their_tokens) = app.seed_session(&stranger).await;
    assert_eq!(ask(&app, "DELETE", &format!("/auth/sessions/{}", theirs.id), &tokens).await.status, 204);
    assert!(opens_a_profile(&app, &their_tokens).await);
    assert!(!app.log.lines().iter().any(|line| line.contains("session_revoked")), "nothing was ended");
    for malformed in ["x", "..", "%00", "00000000-0000-0000-0000-00000000000g"] {
        let answer = ask(&app, "DELETE", &format!("/auth/sessions/{malformed}"), &tokens).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{malformed}");
    }
}

#[tokio::test]
async fn revoking_all_ends_every_session_in_one_transaction() {
    let (app, user, _, tokens) = signed_in().await;
    let (_, others) = app.seed_session(&user).await;
    assert_eq!(ask(&app, "DELETE", "/auth/sessions", &tokens).await.status, 204);
    let calls = app.wire.take_calls();
    let operations: Vec<_> = calls.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(operations, ["BatchGetItem", "TransactWriteItems"]);
    assert!((calls[1].write_units - 4.0).abs() < 0.01, "{}", calls[1].write_units);
    for tokens in [&tokens, &others] {
        assert!(!opens_a_profile(&app, tokens).await && !refreshes(&app, tokens).await);
    }
    assert_eq!(app.item(&format!("EMAIL#{}", user.email.key()), "CREDENTIAL").await["session_epoch"], 1);
}

#[tokio::test]
async fn keep_current_keeps_this_one_alone() {
    let (app, user, session, tokens) = signed_in().await;
    let (_, others) = app.seed_session(&user).await;
    assert_eq!(ask(&app, "DELETE", "/auth/sessions?keep=current", &tokens).await.status, 204);
    assert!(!opens_a_profile(&app, &others).await && !refreshes(&app, &others).await);
    assert!(opens_a_profile(&app, &tokens).await && refreshes(&app, &tokens).await);
    assert_eq!(ids(&ask(&app, "GET", "/auth/sessions", &tokens).await), [session.id.to_string()]);
}

#[tokio::test]
async fn another_query_revokes_nothing() {
    let (app, _, _, tokens) = signed_in().await;
    for query in ["keep=others", "keep", "keep=current&keep=current", "all=1"] {
        let answer = ask(&app, "DELETE", &format!("/auth/sessions?{query}"), &tokens).await;
        assert_eq!((answer.status, answer.code()), (422, "validation_failed"), "{query}");
    }
    assert!(opens_a_profile(&app, &tokens).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_revoke_all_at_once_are_not_in_each_other_s_way() {
    let (app, user, _, tokens) = signed_in().await;
    let (_, others) = app.seed_session(&user).await;
    let (one, two) = tokio::join!(
        ask(&app, "DELETE", "/auth/sessions?keep=current", &tokens),
        ask(&app, "DELETE", "/auth/sessions?keep=current", &others),
    );
    // Whoever was later is told that somebody was faster, or finds their own session void.
    for answer in [&one, &two] {
        assert!([204, 401, 409].contains(&answer.status), "{}", answer.text);
    }
    assert_eq!([&one, &two].iter().filter(|answer| answer.status == 204).count(), 1);
    assert_eq!(
        [opens_a_profile(&app, &tokens).await, opens_a_profile(&app, &others).await].iter().filter(|is| **is).count(),
        1
    );
}

#[tokio::test]
async fn a_lost_answer_is_not_taken_for_somebody_else_s_change() {
    let (app, _, _, tokens) = signed_in().await;
    app.wire.fail_next("TransactWriteItems", Fault::LoseAnswer);
    app.wire.fail_next("TransactWriteItems", Fault::Conflict);
    assert_eq!(ask(&app, "DELETE", "/auth/sessions?keep=current", &tokens).await.status, 204);
    assert!(opens_a_profile(&app, &tokens).await);
}

#[tokio::test]
async fn without_a_good_token_there_is_nothing_to_see() {
    let (app, user, session, tokens) = signed_in().await;
    app.delete(&format!("SESSION#{}", user.id), &session.id.to_string()).await;
    for (method, path) in
        [("GET", "/auth/sessions"), ("DELETE", "/auth/sessions"), ("DELETE", &format!("/auth/sessions/{}", session.id))]
    {
        assert_eq!(app.request(method, path, &[], ()).await.code(), "invalid_token");
        assert_eq!(ask(&app, method, path, &tokens).await.code(), "invalid_token");
    }
}

#[tokio::test]
async fn the_fixtures_list_and_revoke() {
    let (app, user, _, tokens) = signed_in().await;
    let (other, _) = app.seed_session(&user).await;
    let authorize = |event: &mut Value| event["headers"]["authorization"] = json!(bearer(&tokens));
    assert_eq!(app.event("sessions", authorize).await.body["sessions"].as_array().unwrap().len(), 2);
    let answer = app
        .event("sessions-revoke", |event| {
            authorize(event);
            let text = event.to_string().replace("SESSION_ID", &other.id.to_string());
            *event = serde_json::from_str(&text).unwrap();
        })
        .await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    assert_eq!(app.event("sessions-revoke-all", authorize).await.status, 204);
    assert!(opens_a_profile(&app, &tokens).await);
}

#[tokio::test]
async fn a_refresh_beside_the_end_of_the_others_does_not_end_the_kept_session() {
    let (app, user, session, tokens) = signed_in().await;
    let hold = app.wire.hold("UpdateItem");
    let refreshing = tokio::spawn({
        let (app, token) = (app.clone(), tokens.refresh_token.to_string());
        async move { app.post("/auth/refresh", json!({ "refresh_token": token })).await }
    });
    hold.reached().await;
    // The read beside it is done by then.
    tokio::time::sleep(Duration::from_millis(200)).await;
    app.app.store.sessions_revoke_all(&user, Some(&session)).await.unwrap();
    hold.release();
    let answer = refreshing.await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(app.app.store.sessions_of(user.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_id_that_is_no_text_is_answered_by_a_problem_document() {
    let (app, _, _, tokens) = signed_in().await;
    let answer = ask(&app, "DELETE", "/auth/sessions/%ff", &tokens).await;
    assert_eq!((answer.status, answer.code()), (404, "not_found"), "{}", answer.text);
}

#[tokio::test]
async fn the_browser_that_stays_signed_in_stays_known() {
    let (app, user, _, tokens) = signed_in().await;
    let pseudonyms = app.app.pseudonyms().await.unwrap();
    let device = auth::Device::new(user.id, 0, app.random.uuid(app.clock.now()).unwrap()).seal(&pseudonyms);
    let cookie = format!("__Host-device={}", *device);
    let headers = [("authorization", bearer(&tokens)), ("cookie", cookie)];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = app.request("DELETE", "/auth/sessions?keep=current", &headers, ()).await;
    let set = answer.header("set-cookie").expect("a new device cookie");
    let set = set.strip_prefix("__Host-device=").unwrap().split(';').next().unwrap();
    let device = auth::Device::open(set, &pseudonyms).unwrap();
    assert!(device.is_known_to(user.id, 1) && !device.is_known_to(user.id, 0));
    let answer = app.request("DELETE", "/auth/sessions", &headers, ()).await;
    assert!(answer.header("set-cookie").is_none(), "signed out everywhere is unknown everywhere");
}
