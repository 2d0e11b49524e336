//! `POST /auth/login`, HTTP in, HTTP out, against a real DynamoDB engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use auth_testing::{Answer, Fault, PASSWORD, TestApp};
use serde_json::{Value, json};

async fn app() -> TestApp {
    TestApp::new(router).await
}

fn router(t: &TestApp) -> axum::Router {
    login::router(held(t))
}

fn held(t: &TestApp) -> login::Login {
    login::Login {
        app: t.app.clone(),
        hasher: t.hasher.clone(),
        signer: t.signer.clone(),
        throttle: t.throttle.clone(),
    }
}

fn by_email() -> Value {
    json!({ "email": "Ada@Example.com", "password": PASSWORD })
}

/// Everything of an answer that a client sees, less what differs from request to request.
fn seen(answer: &Answer) -> (u16, Value, Vec<(String, String)>) {
    let mut body = answer.body.clone();
    body["request_id"] = Value::Null;
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "x-request-id")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (answer.status, body, headers)
}

#[tokio::test]
async fn a_right_password_opens_a_session() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let answer = app.post("/auth/login", by_email()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["expires_in"], 600);
    assert_eq!(answer.body["refresh_expires_in"], 14 * 86_400);
    assert_eq!(answer.body["user"]["id"], user.id.to_string());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let claims = app.app.verify(answer.body["access_token"].as_str().unwrap()).await.unwrap();
    assert_eq!(claims.sub, user.id.uuid());
    assert_eq!((claims.iss.as_str(), claims.aud.as_str()), ("http://127.0.0.1:3000", "vestibule"));
    assert_eq!(claims.exp - claims.iat, 600);
    let session = app.item(&format!("SESSION#{}", user.id), &claims.sid.to_string()).await;
    assert_eq!(session["generation"], json!(0));
}

#[tokio::test]
async fn a_username_does_as_well_in_any_case_or_width() {
    let app = app().await;
    app.seed_user("ada").await;
    for name in ["ada", "ADA", "ａｄａ"] {
        let answer = app.post("/auth/login", json!({ "username": name, "password": PASSWORD })).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    }
}

#[tokio::test]
async fn the_calls_and_their_cost_are_as_the_contract_says() {
    for (body, operations, reads) in [
        (by_email(), vec!["BatchGetItem", "GetItem", "PutItem", "UpdateItem"], 3.0),
        (
            json!({ "username": "ada", "password": PASSWORD }),
            vec!["BatchGetItem", "GetItem", "GetItem", "PutItem", "UpdateItem"],
            4.0,
        ),
    ] {
        let app = app().await;
        app.seed_user("ada").await;
        app.app.warm().await;
        app.wire.take_calls();
        assert_eq!(app.post("/auth/login", body).await.status, 200);
        let calls = app.wire.take_calls();
        // Sorted, since the try is counted beside the read.
        let mut made: Vec<_> = calls.iter().map(|call| call.operation.as_str()).collect();
        made.sort_unstable();
        assert_eq!(made, operations);
        let read: f64 = calls.iter().map(|call| call.read_units).sum();
        let written: f64 = calls.iter().map(|call| call.write_units + call.gsi_write_units).sum();
        assert!((read - reads).abs() < 0.01, "{read} RRU");
        assert!((written - 2.0).abs() < 0.01, "{written} WRU");
    }
}

#[tokio::test]
async fn unknown_wrong_and_disabled_are_the_same_answer_by_the_same_calls() {
    for identifier in ["email", "username"] {
        let mut answers = Vec::new();
        for case in ["unknown", "wrong", "disabled", "disabled on one item", "deleted user"] {
            let app = app().await;
            let user = app.seed_user("ada").await;
            app.app.warm().await;
            app.wire.take_calls();
            let (user_pk, email_pk) = (format!("USER#{}", user.id), format!("EMAIL#{}", user.email.key()));
            match case {
                "disabled" => {
                    app.update(&user_pk, "USER", "status", "disabled").await;
                    app.update(&email_pk, "CREDENTIAL", "status", "disabled").await;
                }
                "disabled on one item" => app.update(&user_pk, "USER", "status", "disabled").await,
                "deleted user" => app.delete(&user_pk, "USER").await,
                _ => {}
            }
            let name = if case == "unknown" { "bob" } else { "ada" };
            let name = if identifier == "email" { format!("{name}@example.com") } else { name.to_owned() };
            let password = if case == "wrong" { "wrong horse battery staple 42" } else { PASSWORD };
            let answer = app.post("/auth/login", json!({ identifier: name, "password": password })).await;
            let calls = app.wire.take_calls();
            let written: f64 = calls.iter().map(|call| call.write_units).sum();
            assert!((written - 1.0).abs() < 0.01, "the counted try alone");
            let shape = calls.into_iter().map(|call| (call.operation, call.read_units.to_string()));
            // The try is counted beside the first read, so these two come in either order.
            let (count, reads): (Vec<_>, Vec<_>) = shape.partition(|(operation, _)| operation == "UpdateItem");
            let shape = (count, reads);
            assert_eq!(app.hasher.count(), 2, "{case}: one hash to seed, one to refuse");
            answers.push((case, seen(&answer), shape));
        }
        for (case, answer, shape) in &answers {
            assert_eq!((answer.0, answer.1["code"].as_str()), (401, Some("invalid_credentials")), "{case}");
            assert_eq!((answer, shape), (&answers[0].1, &answers[0].2), "{identifier} {case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_sign_ins_of_one_account_at_once_all_succeed() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let tries: Vec<_> = (0..50)
        .map(|i| {
            let app = app.from(&format!("198.51.100.{i}"));
            tokio::spawn(async move { app.post("/auth/login", by_email()).await.status })
        })
        .collect();
    for one in tries {
        assert_eq!(one.await.unwrap(), 200);
    }
    let sessions = app.items().await.into_iter().filter(|item| item["pk"] == format!("SESSION#{}", user.id));
    assert_eq!(sessions.count(), 50);
}

#[tokio::test]
async fn sessions_beyond_fifty_end_the_longest_unused_first() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let (first, _) = app.seed_session(&user).await;
    let (void, _) = app.seed_session(&user).await;
    app.update(&format!("SESSION#{}", user.id), &void.id.to_string(), "session_epoch", 9).await;
    let mut most = 0;
    for _ in 0..150 {
        app.clock.advance(std::time::Duration::from_mins(1));
        assert_eq!(app.post("/auth/login", by_email()).await.status, 200);
        most = most.max(app.app.store.sessions_of(user.id).await.unwrap().len());
    }
    let left = app.app.store.sessions_of(user.id).await.unwrap();
    assert!((50..=120).contains(&most), "one sign-in in sixteen looks: {most}");
    assert!(left.iter().all(|session| session.id != first.id && session.id != void.id));
    let latest = left.iter().map(|session| session.created_at).max();
    assert_eq!(latest, Some(app.clock.now()), "the one that was just opened stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_meets_many_surplus_sessions_does_not_wait_for_each() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let mut seeded = Vec::new();
    for _ in 0..120 {
        app.clock.advance(std::time::Duration::from_secs(1));
        seeded.push(app.seed_session(&user).await.0.id);
    }
    app.wire.slow(std::time::Duration::from_millis(50));
    // One sign-in in sixteen looks; that none of so many does is a chance of one in millions of millions.
    let mut looked = None;
    for _ in 0..500 {
        app.wire.take_calls();
        app.clock.advance(std::time::Duration::from_secs(1));
        assert_eq!(app.post("/auth/login", by_email()).await.status, 200);
        let calls = app.wire.take_calls();
        if calls.iter().any(|call| call.operation == "Query") {
            looked = Some(calls);
            break;
        }
    }
    let calls = looked.expect("a sign-in that looks");
    // Three of any sign-in whose hash hides none, one now and then that forgets tries, the query, and four times eight.
    let in_turn = app.wire.serial_round_trips(&calls);
    assert!(in_turn <= 10, "{in_turn}");
    app.wire.slow(std::time::Duration::ZERO);
    let left: Vec<_> = app.app.store.sessions_of(user.id).await.unwrap().iter().map(|session| session.id).collect();
    let gone: Vec<_> = seeded.iter().take_while(|id| !left.contains(id)).collect();
    assert_eq!(gone.len(), 32);
    assert!(seeded[32..].iter().all(|id| left.contains(id)), "those that were used last stay");
}

#[tokio::test]
async fn the_session_that_was_just_opened_stays_though_fifty_others_were_used_by_a_clock_that_is_ahead() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    for _ in 0..60 {
        let (session, _) = app.seed_session(&user).await;
        app.update(&format!("SESSION#{}", user.id), &session.id.to_string(), "last_used_at", 4_102_444_800_000_u64)
            .await;
    }
    let mut looked = 0;
    for _ in 0..100 {
        app.wire.take_calls();
        let answer = app.post("/auth/login", by_email()).await;
        looked += app.wire.take_calls().iter().filter(|call| call.operation == "DeleteItem").count();
        let claims = app.app.verify(answer.body["access_token"].as_str().unwrap()).await.unwrap();
        let sessions = app.app.store.sessions_of(user.id).await.unwrap();
        assert!(sessions.iter().any(|session| session.id == auth::SessionId::new(claims.sid)));
    }
    assert!(looked > 0);
}

/// Holds the sign-in open between reading the credential and writing the session, changes the account meanwhile, and
/// says whether the session that comes of it is live.
async fn session_is_live_after(change: impl AsyncFnOnce(&TestApp, &auth::User)) -> bool {
    let app = app().await;
    let user = app.seed_user("ada").await;
    // The read of the user is beside the hash: once it has been answered, all that a sign-in reads has been read.
    let hold = app.wire.hold("PutItem");
    let login = tokio::spawn({
        let app = app.clone();
        async move { app.post("/auth/login", by_email()).await }
    });
    hold.reached().await;
    change(&app, &user).await;
    hold.release();
    let answer = login.await.unwrap();
    if answer.status != 200 {
        return false;
    }
    let claims = app.app.verify(answer.body["access_token"].as_str().unwrap()).await.unwrap();
    let id = auth::UserId::new(claims.sub);
    let (account, session) = app.app.store.account_and_session(id, auth::SessionId::new(claims.sid)).await.unwrap();
    session.is_some_and(|session| account.is_some_and(|account| account.honours(session.session_epoch)))
}

#[tokio::test]
async fn an_account_changed_during_the_sign_in_yields_no_live_session() {
    assert!(session_is_live_after(async |_, _| {}).await, "the control");
    assert!(!session_is_live_after(async |app, user| app.raise_epoch(user, 1).await).await, "password changed");
    assert!(
        !session_is_live_after(async |app, user| {
            app.update(&format!("USER#{}", user.id), "USER", "status", "disabled").await;
            app.raise_epoch(user, 1).await;
        })
        .await,
        "disabled"
    );
    assert!(
        !session_is_live_after(async |app, user| {
            app.delete(&format!("USER#{}", user.id), "USER").await;
            app.delete(&format!("EMAIL#{}", user.email.key()), "CREDENTIAL").await;
            app.delete(&format!("USERNAME#{}", user.username.key()), "CLAIM").await;
            app.seed_user("ada").await;
        })
        .await,
        "deleted and registered anew"
    );
}

#[tokio::test]
async fn an_account_that_changed_between_the_reads_is_refused() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let hold = app.wire.hold("BatchGetItem");
    let login = tokio::spawn({
        let app = app.clone();
        async move { app.post("/auth/login", by_email()).await.status }
    });
    hold.reached().await;
    app.raise_epoch(&user, 1).await;
    hold.release();
    assert_eq!(login.await.unwrap(), 401, "credential and user disagree on the epoch");
}

#[tokio::test]
async fn a_username_that_changed_hands_leads_nobody_to_another_s_account() {
    let app = app().await;
    app.seed_user("ada").await;
    let bob = app.seed_user("bob").await;
    // A claim that still leads to an address that somebody else has by now.
    app.update("USERNAME#ada", "CLAIM", "leads_to", bob.email.key()).await;
    let answer = app.post("/auth/login", json!({ "username": "ada", "password": PASSWORD })).await;
    assert_eq!((answer.status, answer.code()), (401, "invalid_credentials"));
}

#[tokio::test]
async fn a_weaker_hash_is_replaced_after_a_right_password() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let pk = format!("EMAIL#{}", user.email.key());
    let before = app.item(&pk, "CREDENTIAL").await["password_hash"].clone();
    let parameters = auth::HashParameters { memory_kib: 128, iterations: 1, parallelism: 1 };
    let hasher = auth::Hasher::new(parameters, 1, app.random.clone());
    let stronger = app.mount(login::router(login::Login { hasher, ..held(&app) }));

    let wrong = json!({ "email": "ada@example.com", "password": "wrong horse battery staple 42" });
    assert_eq!(stronger.post("/auth/login", wrong).await.status, 401);
    assert_eq!(app.item(&pk, "CREDENTIAL").await["password_hash"], before);

    for _ in 0..2 {
        assert_eq!(stronger.post("/auth/login", by_email()).await.status, 200);
    }
    let after = app.item(&pk, "CREDENTIAL").await["password_hash"].clone();
    assert!(after.as_str().unwrap().starts_with("$argon2id$v=19$m=128,t=1,p=1$"), "{after}");
    app.wire.take_calls();
    assert_eq!(stronger.post("/auth/login", by_email()).await.status, 200);
    let updates = app.operations().into_iter().filter(|operation| operation == "UpdateItem").count();
    assert_eq!(updates, 1, "once is enough: this one counts the try");
}

#[tokio::test]
async fn a_count_that_goes_wrong_at_first_is_made_good_by_the_retry() {
    for fault in [Fault::LoseAnswer, Fault::Conflict, Fault::Throttle, Fault::ServerError] {
        let app = app().await;
        app.seed_user("ada").await;
        app.wire.fail_next("UpdateItem", fault);
        assert_eq!(app.post("/auth/login", by_email()).await.status, 200, "{fault:?}");
    }
}

#[tokio::test]
async fn cookie_transport_keeps_the_refresh_token_out_of_the_body() {
    let app = app().await;
    app.seed_user("ada").await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD, "transport": "cookie" }).to_string();
    let json_type = ("content-type", "application/json");
    let origin = ("origin", "http://127.0.0.1:3000");
    let answer = app.request("POST", "/auth/login", &[json_type, origin], body.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.body.get("refresh_token").is_none());
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-refresh="), "{cookie}");
    for attribute in ["Secure", "HttpOnly", "Path=/", "SameSite=Strict", "Max-Age=1209600"] {
        assert!(cookie.contains(attribute), "{attribute} in {cookie}");
    }
    for headers in [
        vec![json_type],
        vec![json_type, ("origin", "https://evil.example")],
        vec![json_type, ("origin", "null")],
        vec![json_type, ("host", "evil.example"), ("origin", "http://evil.example")],
        vec![json_type, origin, ("sec-fetch-site", "cross-site")],
    ] {
        let answer = app.request("POST", "/auth/login", &headers, body.clone()).await;
        assert_eq!((answer.status, answer.code()), (403, "forbidden"), "{headers:?}");
        assert!(answer.header("set-cookie").is_none());
    }
}

#[tokio::test]
async fn a_password_does_not_expire() {
    let app = app().await;
    app.seed_user("ada").await;
    app.clock.advance(std::time::Duration::from_hours(10 * 365 * 24));
    let answer = app.post("/auth/login", by_email()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn cookies_are_small_enough_for_every_browser() {
    let app = app().await;
    app.seed_user("ada").await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD, "transport": "cookie" }).to_string();
    let headers = [("content-type", "application/json"), ("origin", "http://127.0.0.1:3000")];
    let answer = app.request("POST", "/auth/login", &headers, body).await;
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(cookies.len(), 2, "the session's and the device's, neither of which grows");
    for cookie in cookies {
        // Name and value may have 4096 bytes together (RFC 6265bis section 5.6); each of these is far below it.
        let pair = cookie.split(';').next().unwrap();
        assert!(pair.len() < 512, "{}", pair.len());
    }
}

#[tokio::test]
async fn the_body_is_checked() {
    let app = app().await;
    for (body, pointer) in [
        (json!({ "password": "x" }), "/email"),
        (json!({ "email": "ada@example.com", "username": "ada", "password": "x" }), "/username"),
        (json!({ "email": "ada@example.com" }), "/password"),
        (json!({ "email": "ada@example.com", "password": "x", "transport": "carrier pigeon" }), "/transport"),
        (json!({ "email": "ada@example.com", "password": "x".repeat(257) }), "/password"),
        (json!({ "email": "ada@example.com", "password": "x", "remember": true }), ""),
    ] {
        let answer = app.post("/auth/login", body).await;
        assert_eq!((answer.status, answer.code()), (422, "validation_failed"));
        assert_eq!(answer.body["errors"][0]["pointer"], pointer);
    }
    assert!(app.operations().is_empty());
}

#[tokio::test]
async fn a_short_password_is_compared_all_the_same() {
    let app = app().await;
    app.seed_user("ada").await;
    let answer = app.post("/auth/login", json!({ "email": "ada@example.com", "password": "" })).await;
    assert_eq!((answer.status, answer.code()), (401, "invalid_credentials"));
}

#[tokio::test]
async fn without_a_key_set_the_answer_is_to_come_back() {
    let app = Arc::new(app().await);
    app.seed_user("ada").await;
    let empty = auth::KeySet::from_json("{}").unwrap();
    let signer = auth::Signer::fixed(&app.app, empty);
    let unready = app.mount(login::router(login::Login { signer, ..held(&app) }));
    let answer = unready.post("/auth/login", by_email()).await;
    assert_eq!((answer.status, answer.code()), (503, "unavailable"));
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn the_fixtures_sign_in() {
    let app = app().await;
    app.seed_user("ada").await;
    for name in ["login", "login-username", "login-base64"] {
        let answer = app.event(name, |_| {}).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    }
}

#[tokio::test]
async fn nothing_secret_is_logged() {
    let app = app().await;
    app.seed_user("ada").await;
    let answer = app.post("/auth/login", by_email()).await;
    app.post("/auth/login", json!({ "email": "ada@example.com", "password": "wrong horse battery" })).await;
    let lines = app.log.lines();
    assert!(
        lines.iter().any(|line| line.contains("signed_in"))
            && lines.iter().any(|line| line.contains("sign_in_refused"))
    );
    let (access, refresh) =
        (answer.body["access_token"].as_str().unwrap(), answer.body["refresh_token"].as_str().unwrap());
    for line in lines {
        for secret in [access, refresh, "horse", "example.com", "\"ada\""] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}

/// Found by schemathesis, which took the document at its word: `null` was accepted and not documented.
#[tokio::test]
async fn a_member_that_is_null_counts_as_left_out() {
    let app = app().await;
    app.seed_user("ada").await;
    for (name, status) in [("username", 200), ("transport", 200), ("email", 422), ("password", 422)] {
        let mut body = by_email();
        body[name] = Value::Null;
        let answer = app.post("/auth/login", body).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
    }
}
