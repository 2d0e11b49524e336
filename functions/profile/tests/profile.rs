//! `GET` and `PATCH /auth/profile`, HTTP in, HTTP out, against a real DynamoDB engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use auth_testing::{Fault, TestApp};
use serde_json::{Value, json};

async fn app() -> TestApp {
    TestApp::new(|t| profile::router(profile::Profile { app: t.app.clone() })).await
}

struct Ada {
    app: TestApp,
    user: auth::User,
    session: auth::Session,
    authorization: String,
    refresh_token: String,
}

async fn ada() -> Ada {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let (session, tokens) = app.seed_session(&user).await;
    app.app.warm().await;
    app.wire.take_calls();
    let authorization = format!("Bearer {}", tokens.access_token.expose());
    Ada { authorization, refresh_token: tokens.refresh_token.to_string(), app, user, session }
}

impl Ada {
    fn headers(&self) -> [(&str, &str); 1] {
        [("authorization", &self.authorization)]
    }

    async fn get(&self) -> auth_testing::Answer {
        self.app.get("/auth/profile", &self.headers()).await
    }

    async fn patch(&self, body: Value) -> auth_testing::Answer {
        self.app.patch("/auth/profile", &self.headers(), body).await
    }

    async fn patch_if(&self, if_match: &str, body: Value) -> auth_testing::Answer {
        let headers = [("authorization", self.authorization.as_str()), ("if-match", if_match)];
        self.app.patch("/auth/profile", &headers, body).await
    }
}

#[tokio::test]
async fn the_signed_in_user_is_read_in_one_round_trip() {
    let ada = ada().await;
    let answer = ada.get().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["user"]["email"], "ada@example.com");
    assert_eq!(answer.body["user"]["roles"], json!([]));
    assert_eq!(answer.header("etag"), Some("\"1\""));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let calls = ada.app.wire.take_calls();
    assert_eq!(calls.iter().map(|call| call.operation.as_str()).collect::<Vec<_>>(), ["BatchGetItem"]);
    assert!((calls[0].read_units - 3.0).abs() < 0.01, "{}", calls[0].read_units);
}

#[tokio::test]
async fn a_patch_changes_what_it_names_clears_what_is_null_and_keeps_the_rest() {
    let ada = ada().await;
    let answer = ada.patch(json!({ "full_name": "Ada Lovelace", "bio": "Notes", "birth_date": "1990-12-10" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("etag"), Some("\"2\""));
    ada.app.clock.advance(Duration::from_secs(1));
    let answer = ada.patch(json!({ "bio": null })).await;
    assert_eq!(answer.body["user"]["bio"], Value::Null);
    assert_eq!(answer.body["user"]["full_name"], "Ada Lovelace");
    assert_eq!(answer.body["user"]["birth_date"], "1990-12-10");
    assert_eq!(answer.body["user"]["updated_at"], "2026-11-24T09:30:01Z");
    assert_eq!(ada.get().await.body, answer.body);
}

#[tokio::test]
async fn a_patch_costs_two_round_trips_and_one_write_unit() {
    let ada = ada().await;
    assert_eq!(ada.patch(json!({ "bio": "x" })).await.status, 200);
    let calls = ada.app.wire.take_calls();
    assert_eq!(calls.iter().map(|call| call.operation.as_str()).collect::<Vec<_>>(), ["BatchGetItem", "UpdateItem"]);
    let written: f64 = calls.iter().map(|call| call.write_units + call.gsi_write_units).sum();
    assert!((written - 1.0).abs() < 0.01, "{written} WRU");
}

#[tokio::test]
async fn an_unchanged_patch_writes_nothing_and_is_fine() {
    let ada = ada().await;
    for body in [json!({}), json!({ "username": "ada", "bio": null })] {
        let answer = ada.patch(body).await;
        assert_eq!((answer.status, answer.header("etag")), (200, Some("\"1\"")), "{}", answer.text);
    }
    assert_eq!(ada.app.operations(), ["BatchGetItem", "BatchGetItem"]);
}

#[tokio::test]
async fn if_match_names_the_version() {
    let ada = ada().await;
    for (if_match, status) in [
        ("\"2\"", 412),
        ("W/\"7\"", 412),
        ("\"x\", \"1\"", 200),
        ("W/\"2\"", 200),
        ("*", 200),
        ("\"1\"", 412),
        ("4", 412),
    ] {
        let answer = ada.patch_if(if_match, json!({ "bio": format!("for {if_match}") })).await;
        assert_eq!(answer.status, status, "{if_match}: {}", answer.text);
        if status == 412 {
            assert_eq!(answer.code(), "precondition_failed");
        }
    }
}

#[tokio::test]
async fn a_retry_of_ours_never_answers_412_to_its_own_success() {
    for fault in [Fault::LoseAnswer, Fault::Conflict, Fault::Throttle, Fault::ServerError] {
        let ada = ada().await;
        ada.app.wire.fail_next("UpdateItem", fault);
        let answer = ada.patch_if("\"1\"", json!({ "bio": "once" })).await;
        assert_eq!((answer.status, answer.header("etag")), (200, Some("\"2\"")), "{fault:?}: {}", answer.text);
        assert_eq!(ada.get().await.header("etag"), Some("\"2\""), "{fault:?}: written once");
        ada.app.wire.fail_next("TransactWriteItems", fault);
        let answer = ada.patch_if("\"2\"", json!({ "username": "countess" })).await;
        assert_eq!((answer.status, answer.header("etag")), (200, Some("\"3\"")), "{fault:?}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_at_the_same_time_lose_nothing() {
    let ada = ada().await;
    let bodies = [json!({ "bio": "b" }), json!({ "full_name": "f" }), json!({ "birth_date": "1990-12-10" })];
    let tries: Vec<_> = bodies
        .into_iter()
        .map(|body| {
            let (app, authorization) = (ada.app.clone(), ada.authorization.clone());
            tokio::spawn(
                async move { app.patch("/auth/profile", &[("authorization", &authorization)], body).await.status },
            )
        })
        .collect();
    for one in tries {
        assert_eq!(one.await.unwrap(), 200);
    }
    let user = ada.get().await.body["user"].clone();
    assert_eq!(
        (user["bio"].as_str(), user["full_name"].as_str(), user["birth_date"].as_str()),
        (Some("b"), Some("f"), Some("1990-12-10"))
    );
}

#[tokio::test]
async fn a_new_username_moves_the_claim_in_one_transaction() {
    let ada = ada().await;
    let bob = ada.app.seed_user("bob").await;
    let answer = ada.patch(json!({ "username": "BOB" })).await;
    assert_eq!((answer.status, answer.code()), (409, "username_taken"));
    let answer = ada.patch(json!({ "username": "Countess" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["user"]["username"], "Countess");
    assert_eq!(ada.app.item("USERNAME#ada", "CLAIM").await, Value::Null);
    let claim = ada.app.item("USERNAME#countess", "CLAIM").await;
    assert_eq!(
        (claim["user_id"].as_str().unwrap(), claim["leads_to"].as_str().unwrap()),
        (ada.user.id.to_string().as_str(), "ada@example.com")
    );
    assert_eq!(ada.app.item("USERNAME#bob", "CLAIM").await["user_id"], bob.id.to_string());
}

#[tokio::test]
async fn the_same_username_in_another_case_stays_ours() {
    let ada = ada().await;
    let answer = ada.patch(json!({ "username": "ADA" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["user"]["username"], "ADA");
    assert_eq!(ada.app.item("USERNAME#ada", "CLAIM").await["user_id"], ada.user.id.to_string());
}

#[tokio::test]
async fn all_faults_are_reported_at_once() {
    let ada = ada().await;
    let answer = ada
        .patch(json!({ "username": null, "full_name": 1, "birth_date": "x", "email": "a@b.cd", "roles": ["admin"] }))
        .await;
    assert_eq!((answer.status, answer.code()), (422, "validation_failed"));
    let pointers: Vec<_> =
        answer.body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["", "/username", "/full_name", "/birth_date"]);
}

#[tokio::test]
async fn without_a_good_token_there_is_nothing_to_see() {
    let ada = ada().await;
    let answer = ada.app.get("/auth/profile", &[]).await;
    assert_eq!((answer.status, answer.code()), (401, "invalid_token"));
    assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
    let refresh_token = format!("Bearer {}", ada.refresh_token);
    for bad in ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer a.b.c", &refresh_token] {
        let answer = ada.app.get("/auth/profile", &[("authorization", bad)]).await;
        assert_eq!((answer.status, answer.code()), (401, "invalid_token"), "{bad}");
        let answer = ada.app.patch("/auth/profile", &[("authorization", bad)], json!({ "roles": 1 })).await;
        assert_eq!(answer.status, 401, "who may not know the profile is told nothing of the body");
    }
    assert!(ada.app.operations().is_empty());
    ada.app.clock.advance(Duration::from_secs(661));
    assert_eq!(ada.get().await.status, 401, "expired, leeway included");
    assert!(ada.app.operations().iter().all(|name| name == "GetItem"), "at most the key set");
}

/// What docs/API.md leaves open, under "Retries".
#[tokio::test]
async fn a_change_whose_session_ends_before_its_lost_answer_is_made_good_may_be_made_all_the_same() {
    let ada = ada().await;
    let (pk, first) = (format!("USER#{}", ada.user.id), ada.app.wire.hold("UpdateItem"));
    ada.app.wire.fail_next("UpdateItem", Fault::LoseAnswer);
    let overtaken = async {
        first.reached().await;
        let again = ada.app.wire.hold("UpdateItem");
        first.release();
        again.reached().await;
        // Another client's change, and then the end of all sessions.
        ada.app.update(&pk, "USER", "version", 3).await;
        ada.app.update(&pk, "USER", "write_id", "00000000-0000-0000-0000-000000000000").await;
        ada.app.raise_epoch(&ada.user, 1).await;
        again.release();
    };
    let (answer, ()) = tokio::join!(ada.patch(json!({ "bio": "first programmer" })), overtaken);
    assert_eq!(answer.code(), "invalid_token");
    assert_eq!(ada.app.item(&pk, "USER").await["bio"], "first programmer");
}

#[tokio::test]
async fn a_session_that_is_gone_void_or_expired_is_refused_at_once() {
    let gone = ada().await;
    gone.app.delete(&format!("SESSION#{}", gone.user.id), &gone.session.id.to_string()).await;
    assert_eq!(gone.get().await.code(), "invalid_token");

    let void = ada().await;
    void.app.raise_epoch(&void.user, 1).await;
    assert_eq!(void.get().await.code(), "invalid_token");
    assert_eq!(void.patch(json!({ "bio": "x" })).await.code(), "invalid_token");

    let disabled = ada().await;
    disabled.app.update(&format!("USER#{}", disabled.user.id), "USER", "status", "disabled").await;
    assert_eq!(disabled.get().await.code(), "invalid_token");

    let deleted = ada().await;
    deleted.app.delete(&format!("USER#{}", deleted.user.id), "USER").await;
    assert_eq!(deleted.get().await.code(), "invalid_token");

    let expired = ada().await;
    let at = auth_testing::NOW.millis();
    expired
        .app
        .update(&format!("SESSION#{}", expired.user.id), &expired.session.id.to_string(), "absolute_expires_at", at)
        .await;
    assert_eq!(expired.get().await.code(), "invalid_token");
}

#[tokio::test]
async fn a_patch_that_races_with_a_sign_out_everywhere_writes_nothing() {
    let ada = ada().await;
    let hold = ada.app.wire.hold("UpdateItem");
    let patch = tokio::spawn({
        let (app, authorization) = (ada.app.clone(), ada.authorization.clone());
        async move { app.patch("/auth/profile", &[("authorization", &authorization)], json!({ "bio": "x" })).await }
    });
    hold.reached().await;
    ada.app.raise_epoch(&ada.user, 1).await;
    hold.release();
    assert_eq!(patch.await.unwrap().code(), "invalid_token");
    assert_eq!(ada.app.item(&format!("USER#{}", ada.user.id), "USER").await["bio"], Value::Null);
}

#[tokio::test]
async fn a_deleted_user_is_not_written_back() {
    let ada = ada().await;
    let hold = ada.app.wire.hold("UpdateItem");
    let patch = tokio::spawn({
        let (app, authorization) = (ada.app.clone(), ada.authorization.clone());
        async move { app.patch("/auth/profile", &[("authorization", &authorization)], json!({ "bio": "x" })).await }
    });
    hold.reached().await;
    ada.app.delete(&format!("USER#{}", ada.user.id), "USER").await;
    hold.release();
    assert_eq!(patch.await.unwrap().code(), "invalid_token");
    assert_eq!(ada.app.item(&format!("USER#{}", ada.user.id), "USER").await, Value::Null, "no ghost");
}

#[tokio::test]
async fn the_fixtures_show_and_change() {
    let ada = ada().await;
    let token = ada.authorization.strip_prefix("Bearer ").unwrap();
    let authorize = |event: &mut Value| {
        let header = event["headers"]["authorization"].as_str().unwrap().replace("ACCESS_TOKEN", token);
        event["headers"]["authorization"] = json!(header);
    };
    let answer = ada.app.event("profile", authorize).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = ada.app.event("profile-patch", authorize).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(ada.app.event("profile", |_| {}).await.status, 401, "a placeholder is no token");
}
