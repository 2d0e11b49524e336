//! `POST /auth/refresh`: every row of the rule (docs/API.md, "Refresh tokens"), with the clock fixed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashSet;
use std::time::Duration;

use auth_testing::{Answer, Fault, TestApp};
use serde_json::{Value, json};

async fn app() -> TestApp {
    TestApp::new(|t| refresh::router(refresh::Refresh { app: t.app.clone(), signer: t.signer.clone() })).await
}

/// An app with one session, and its first refresh token.
async fn signed_in() -> (TestApp, auth::User, auth::Session, String) {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let (session, tokens) = app.seed_session(&user).await;
    app.app.warm().await;
    app.wire.take_calls();
    (app, user, session, tokens.refresh_token.to_string())
}

async fn present(app: &TestApp, token: &str) -> Answer {
    app.post("/auth/refresh", json!({ "refresh_token": token })).await
}

async fn rotate(app: &TestApp, token: &str) -> String {
    let answer = present(app, token).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["refresh_token"].as_str().unwrap().to_owned()
}

async fn is_gone(app: &TestApp, session: &auth::Session) -> bool {
    app.item(&format!("SESSION#{}", session.user_id), &session.id.to_string()).await == Value::Null
}

fn wait(app: &TestApp, seconds: u64) {
    app.clock.advance(Duration::from_secs(seconds));
}

fn events(app: &TestApp, event: &str) -> usize {
    app.log.lines().iter().filter(|line| line.contains(&format!("\"event\":\"{event}\""))).count()
}

#[tokio::test]
async fn a_current_token_is_traded_for_its_successor_in_one_round_trip() {
    let (app, user, session, token) = signed_in().await;
    app.wire.slow(Duration::from_millis(20));
    wait(&app, 60);
    let answer = present(&app, &token).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_ne!(answer.body["refresh_token"], token);
    assert_eq!(answer.body["expires_in"], 600);
    assert_eq!(answer.body["refresh_expires_in"], 14 * 86_400);
    let calls = app.wire.take_calls();
    assert_eq!(app.wire.serial_round_trips(&calls), 1);
    let mut names: Vec<_> = calls.iter().map(|call| call.operation.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["BatchGetItem", "UpdateItem"]);
    let read: f64 = calls.iter().map(|call| call.read_units).sum();
    let written: f64 = calls.iter().map(|call| call.write_units + call.gsi_write_units).sum();
    assert!((read - 2.0).abs() < 0.01, "{read} RRU");
    assert!((written - 1.0).abs() < 0.01, "{written} WRU");
    let claims = app.app.verify(answer.body["access_token"].as_str().unwrap()).await.unwrap();
    assert_eq!((claims.sub, claims.sid), (user.id.uuid(), session.id.uuid()));
    assert_eq!(claims.auth_time, session.created_at.seconds(), "the sign-in's time, not the refresh's");
}

#[tokio::test]
async fn a_retry_within_thirty_seconds_gets_the_same_successor_without_a_write() {
    let (app, _, session, token) = signed_in().await;
    let successor = rotate(&app, &token).await;
    let item = app.item(&format!("SESSION#{}", session.user_id), &session.id.to_string()).await;
    wait(&app, 30);
    assert_eq!(rotate(&app, &token).await, successor, "byte for byte");
    assert_eq!(app.item(&format!("SESSION#{}", session.user_id), &session.id.to_string()).await, item);
    assert_eq!(events(&app, "refresh_retried"), 1);
    rotate(&app, &successor).await;
}

#[tokio::test]
async fn a_retry_after_thirty_seconds_is_reuse_and_ends_the_session() {
    let (app, _, session, token) = signed_in().await;
    let successor = rotate(&app, &token).await;
    app.clock.advance(Duration::from_millis(30_001));
    let answer = present(&app, &token).await;
    assert_eq!((answer.status, answer.code()), (401, "invalid_refresh_token"));
    assert!(is_gone(&app, &session).await);
    assert_eq!(events(&app, "reuse_detected"), 1);
    assert_eq!(present(&app, &successor).await.status, 401, "the thief's, or the owner's: both are out");
}

#[tokio::test]
async fn further_behind_but_fresh_is_refused_and_nothing_is_revoked() {
    let (app, _, session, token) = signed_in().await;
    let mut current = rotate(&app, &token).await;
    for _ in 0..3 {
        wait(&app, 5);
        current = rotate(&app, &current).await;
    }
    wait(&app, 15);
    let answer = present(&app, &token).await;
    assert_eq!((answer.status, answer.code()), (401, "invalid_refresh_token"));
    assert!(!is_gone(&app, &session).await);
    assert_eq!(events(&app, "refresh_late"), 1);
    rotate(&app, &current).await;
}

#[tokio::test]
async fn five_generations_behind_is_reuse_even_when_fresh() {
    let (app, _, session, token) = signed_in().await;
    let mut current = token.clone();
    for _ in 0..5 {
        current = rotate(&app, &current).await;
    }
    assert_eq!(present(&app, &token).await.status, 401);
    assert!(is_gone(&app, &session).await);
}

#[tokio::test]
async fn a_future_generation_is_reuse() {
    let (app, user, session, token) = signed_in().await;
    let successor = rotate(&app, &token).await;
    // The table as it was before: the successor comes from the future.
    app.update(&format!("SESSION#{}", user.id), &session.id.to_string(), "generation", 0).await;
    assert_eq!(present(&app, &successor).await.status, 401);
    assert!(is_gone(&app, &session).await);
}

#[tokio::test]
async fn a_right_mac_with_a_wrong_lineage_is_an_alarm_and_ends_nothing() {
    let (app, user, session, token) = signed_in().await;
    // Whoever stole a MAC key can mint a token for any session, but knows no lineage secret.
    let key = app.keys.mac_key(app.clock.now()).unwrap();
    let forged = auth::RefreshToken::first(user.id, session.id, key, [7; 16]).seal(key);
    let answer = present(&app, &forged).await;
    assert_eq!((answer.status, answer.code()), (401, "invalid_refresh_token"));
    assert_eq!(events(&app, "foreign_lineage"), 1);
    assert!(!is_gone(&app, &session).await);
    rotate(&app, &token).await;
}

#[tokio::test]
async fn a_live_access_token_is_no_refresh_token() {
    let (app, user, _, _) = signed_in().await;
    let (session, tokens) = app.seed_session(&user).await;
    let access_token = tokens.access_token.expose();
    assert!(app.app.verify(access_token).await.is_ok());
    let answer = present(&app, access_token).await;
    assert_eq!((answer.status, answer.code()), (401, "invalid_refresh_token"));
    assert!(app.operations().is_empty());
    assert!(!is_gone(&app, &session).await);
    rotate(&app, &tokens.refresh_token).await;
}

#[tokio::test]
async fn idle_and_absolute_expiry_are_checked_though_nothing_was_swept() {
    let day = 86_400;
    let (app, _, _, token) = signed_in().await;
    wait(&app, 14 * day);
    assert_eq!(present(&app, &token).await.status, 401);

    let (app, _, _, token) = signed_in().await;
    let mut current = token;
    for _ in 0..2 {
        wait(&app, 13 * day);
        current = rotate(&app, &current).await;
    }
    wait(&app, 4 * day - 1);
    let answer = present(&app, &current).await;
    assert_eq!(answer.body["refresh_expires_in"], 1, "{}", answer.text);
    wait(&app, 1);
    assert_eq!(present(&app, answer.body["refresh_token"].as_str().unwrap()).await.status, 401);
}

#[tokio::test]
async fn a_forgery_costs_no_read() {
    let (app, _, _, token) = signed_in().await;
    let mut flipped = token.clone().into_bytes();
    flipped[40] = if flipped[40] == b'A' { b'B' } else { b'A' };
    for forged in [
        String::from_utf8(flipped).unwrap(),
        String::new(),
        "x".repeat(119),
        token[1..].to_owned(),
        format!("{token}="),
    ] {
        let answer = present(&app, &forged).await;
        assert_eq!((answer.status, answer.code()), (401, "invalid_refresh_token"));
    }
    assert!(app.operations().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_presentations_of_one_token_give_one_lineage_and_identical_successors() {
    let (app, user, session, token) = signed_in().await;
    let tries: Vec<_> = (0..50)
        .map(|_| {
            let (app, token) = (app.clone(), token.clone());
            tokio::spawn(async move { rotate(&app, &token).await })
        })
        .collect();
    let mut successors = HashSet::new();
    for one in tries {
        successors.insert(one.await.unwrap());
    }
    assert_eq!(successors.len(), 1);
    let item = app.item(&format!("SESSION#{}", user.id), &session.id.to_string()).await;
    assert_eq!(item["generation"], json!(1));
}

#[tokio::test]
async fn reuse_is_told_although_the_end_of_the_session_has_no_answer() {
    let (app, _, session, token) = signed_in().await;
    rotate(&app, &token).await;
    wait(&app, 31);
    // As often as the SDK tries.
    for _ in 0..4 {
        app.wire.fail_next("DeleteItem", Fault::LoseAnswer);
    }
    assert_eq!(present(&app, &token).await.status, 503);
    assert!(is_gone(&app, &session).await);
    assert_eq!(events(&app, "reuse_detected"), 1);
}

#[tokio::test]
async fn a_thief_who_refreshes_every_29_seconds_is_out_at_the_owner_s_first_visit() {
    let (app, _, session, owners) = signed_in().await;
    let mut thiefs = owners.clone();
    for _ in 0..(3600 / 29) {
        wait(&app, 29);
        thiefs = rotate(&app, &thiefs).await;
    }
    wait(&app, 3600 % 29);
    assert_eq!(present(&app, &owners).await.status, 401);
    assert!(is_gone(&app, &session).await);
    assert_eq!(present(&app, &thiefs).await.status, 401);
    assert_eq!(events(&app, "reuse_detected"), 1);
}

#[tokio::test]
async fn after_the_epoch_rises_none_of_500_sessions_refreshes_though_none_was_swept() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let mut tokens = Vec::new();
    for _ in 0..500 {
        tokens.push(app.seed_session(&user).await.1.refresh_token.to_string());
    }
    app.raise_epoch(&user, 1).await;
    for token in &tokens {
        let answer = present(&app, token).await;
        assert_eq!((answer.status, answer.code()), (401, "invalid_refresh_token"));
    }
}

#[tokio::test]
async fn a_disabled_or_deleted_user_does_not_refresh() {
    let (app, user, session, token) = signed_in().await;
    app.update(&format!("USER#{}", user.id), "USER", "status", "disabled").await;
    assert_eq!(present(&app, &token).await.status, 401);
    assert!(is_gone(&app, &session).await);

    let (app, user, session, token) = signed_in().await;
    app.delete(&format!("USER#{}", user.id), "USER").await;
    assert_eq!(present(&app, &token).await.status, 401);
    assert!(is_gone(&app, &session).await);
}

#[tokio::test]
async fn a_lost_answer_is_made_good_by_the_retry() {
    for fault in [Fault::LoseAnswer, Fault::Conflict, Fault::Throttle, Fault::ServerError] {
        let (app, _, _, token) = signed_in().await;
        app.wire.fail_next("UpdateItem", fault);
        let successor = rotate(&app, &token).await;
        rotate(&app, &successor).await;
    }
}

#[tokio::test]
async fn roles_come_into_the_next_token() {
    let (app, user, _, token) = signed_in().await;
    app.put_item(json!({ "pk": format!("ROLES#{}", user.id), "sk": "ROLES", "roles": ["admin"], "v": 1 })).await;
    let answer = present(&app, &token).await;
    let claims = app.app.verify(answer.body["access_token"].as_str().unwrap()).await.unwrap();
    assert_eq!(claims.roles, ["admin"]);
}

#[tokio::test]
async fn the_cookie_s_way() {
    let (app, _, _, token) = signed_in().await;
    let cookie = format!("a=b; __Host-refresh={token}");
    let origin = ("origin", "http://127.0.0.1:3000");
    let answer = app.request("POST", "/auth/refresh", &[("cookie", &cookie)], ()).await;
    assert_eq!((answer.status, answer.code()), (403, "forbidden"), "no Origin, no cookie transport");

    let answer = app.request("POST", "/auth/refresh", &[("cookie", &cookie), origin], ()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.body.get("refresh_token").is_none());
    let set = answer.header("set-cookie").unwrap().to_owned();
    assert!(set.starts_with("__Host-refresh=") && !set.contains(&token), "{set}");

    // A late or wrong one leaves the cookie alone; a dead session's clears it.
    wait(&app, 31);
    let answer = app.request("POST", "/auth/refresh", &[("cookie", &cookie), origin], ()).await;
    assert_eq!(answer.status, 401);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn the_body_wins_over_the_cookie_and_does_not_clear_it() {
    let (app, user, _, token) = signed_in().await;
    let (_, other) = app.seed_session(&user).await;
    let cookie = format!("__Host-refresh={}", *other.refresh_token);
    let headers = [("cookie", cookie.as_str()), ("content-type", "application/json")];
    let body = json!({ "refresh_token": token }).to_string();
    let answer = app.request("POST", "/auth/refresh", &headers, body.clone()).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body["refresh_token"].is_string() && answer.header("set-cookie").is_none());
    wait(&app, 31);
    let answer = app.request("POST", "/auth/refresh", &headers, body).await;
    assert_eq!(answer.status, 401);
    assert!(answer.header("set-cookie").is_none(), "the cookie's session is another");
}

#[tokio::test]
async fn the_fixtures_refresh() {
    let (app, _, _, token) = signed_in().await;
    let answer = app
        .event("refresh", |event| {
            event["body"] = json!(event["body"].as_str().unwrap().replace("REFRESH_TOKEN", &token));
        })
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let next = answer.body["refresh_token"].as_str().unwrap().to_owned();
    let answer = app
        .event("refresh-cookie", |event| {
            let cookies = event["cookies"].as_array_mut().unwrap();
            for cookie in cookies.iter_mut() {
                *cookie = json!(cookie.as_str().unwrap().replace("REFRESH_TOKEN", &next));
            }
            // lambda_http alone would drop every cookie for this one.
            cookies.push(json!("name=Zoë"));
        })
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.header("set-cookie").unwrap().starts_with("__Host-refresh="));
    let answer = app.event("refresh", |_| {}).await;
    assert_eq!(answer.status, 401, "a placeholder is no token");
}

#[tokio::test]
async fn a_token_under_a_key_that_could_not_be_looked_up_is_no_dead_one() {
    let (app, user, _, _) = signed_in().await;
    let keys = || auth::KeySet::generate(auth::Algorithm::ES256, app.clock.now(), &auth::Random::System).unwrap();
    let file = std::env::temp_dir().join(format!("vestibule-refresh-{}.json", std::process::id()));
    std::fs::write(&file, keys().to_json().as_bytes()).unwrap();
    let mut here = app.app.clone();
    std::sync::Arc::make_mut(&mut here.config).key_set = Some(auth::SecretSource::File(file.clone()));
    let signer = auth::Signer::load(&here).await.unwrap();
    std::fs::remove_file(&file).unwrap();
    wait(&app, 60);

    // Another instance knows the newer keys already.
    let newer = keys().to_json().replace("\"id\":1", "\"id\":2");
    assert!(newer.contains("\"id\":2"));
    let ahead = auth::Signer::fixed(&here, auth::KeySet::from_json(&newer).unwrap());
    let (_, token) = ahead.session(user.id, user.session_epoch).await.unwrap();
    let account = auth::Account { user, roles: Vec::new() };
    let (session, _) = ahead.session(account.user.id, account.user.session_epoch).await.unwrap();
    let text = ahead.tokens(&account, &session, &token).await.unwrap().refresh_token;
    let app = app.mount(refresh::router(refresh::Refresh { app: here, signer }));
    for _ in 0..2 {
        let answer = present(&app, &text).await;
        assert_eq!((answer.status, answer.code()), (503, "unavailable"), "{}", answer.text);
    }
    assert_eq!(events(&app, "keys_not_read"), 1);
}
