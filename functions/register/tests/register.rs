//! `POST /auth/register`, HTTP in, HTTP out, against a real DynamoDB engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use auth_testing::{Answer, Fault, TestApp};
use serde_json::{Value, json};

async fn app() -> TestApp {
    TestApp::new(|t| {
        let (app, hasher, throttle) = (t.app.clone(), t.hasher.clone(), t.throttle.clone());
        let breached = auth::BreachedPasswords::new(&app);
        register::router(register::Register { app, hasher, throttle, breached })
    })
    .await
}

fn ada() -> Value {
    json!({ "email": "Ada@Example.com", "username": "Ada", "password": "correct horse battery staple 42" })
}

fn faults(answer: &Answer) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let errors = answer.body["errors"].as_array().expect("errors");
    errors.iter().map(|error| (text(&error["pointer"]), text(&error["code"]))).collect()
}

#[tokio::test]
async fn an_account_is_opened_and_shown_as_typed() {
    let app = app().await;
    let mut body = ada();
    body["full_name"] = json!("Ada Lovelace");
    body["birth_date"] = json!("1990-12-10");
    body["bio"] = json!(null);
    let answer = app.post("/auth/register", body.clone()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let user = &answer.body["user"];
    assert_eq!(user["email"], "Ada@Example.com");
    assert_eq!(user["username"], "Ada");
    assert_eq!(user["full_name"], "Ada Lovelace");
    assert_eq!(user["birth_date"], "1990-12-10");
    assert_eq!(user["bio"], Value::Null);
    assert_eq!(user["email_verified"], false);
    assert_eq!(user["roles"], json!([]));
    assert_eq!(user["created_at"], "2026-11-24T09:30:00Z");
    assert_eq!(user.as_object().unwrap().len(), 10);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("x-request-id").is_some());
}

#[tokio::test]
async fn it_costs_a_counted_try_and_one_transaction() {
    let app = app().await;
    assert_eq!(app.post("/auth/register", ada()).await.status, 201);
    let calls = app.wire.take_calls();
    let names: Vec<_> = calls.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(names, ["UpdateItem", "TransactWriteItems"]);
    assert!((calls[0].write_units - 1.0).abs() < 0.01, "{}", calls[0].write_units);
    assert!((calls[1].write_units - 6.0).abs() < 0.01, "{}", calls[1].write_units);
    assert!((calls[1].gsi_write_units - 2.0).abs() < 0.01, "{}", calls[1].gsi_write_units);
}

fn someone(i: usize) -> Value {
    json!({ "email": format!("ada{i}@example.com"), "username": format!("ada{i}"), "password": "correct horse battery staple 42" })
}

#[tokio::test]
async fn one_network_opens_thirty_accounts_an_hour() {
    let app = app().await;
    for i in 0..30 {
        assert_eq!(app.post("/auth/register", someone(i)).await.status, 201);
    }
    let hashes = app.hasher.count();
    app.wire.take_calls();
    let answer = app.post("/auth/register", someone(30)).await;
    assert_eq!((answer.status, answer.code()), (429, "too_many_requests"));
    assert_eq!(answer.header("retry-after"), Some("1800"), "the hour began at half past nine");
    assert_eq!((app.operations(), app.hasher.count() - hashes), (vec!["UpdateItem".to_owned()], 0));
    assert_eq!(app.post("/auth/register", someone(31)).await.status, 429);
    assert!(app.operations().is_empty(), "this instance knows by now");
    assert_eq!(throttled(&app), 2);

    assert_eq!(app.from("198.51.100.7").post("/auth/register", someone(32)).await.status, 201, "another network");
    app.clock.advance(std::time::Duration::from_mins(30));
    assert_eq!(app.post("/auth/register", someone(33)).await.status, 201, "another hour");
}

fn throttled(app: &TestApp) -> usize {
    app.log.lines().iter().filter(|line| line.contains("\"registration_throttled\"")).count()
}

#[tokio::test]
async fn an_outage_is_not_told_as_a_throttle() {
    let app = app().await;
    // As often as the SDK tries.
    for _ in 0..4 {
        app.wire.fail_next("UpdateItem", Fault::ServerError);
    }
    assert_eq!(app.post("/auth/register", ada()).await.status, 503);
    assert_eq!(throttled(&app), 0);
}

#[tokio::test]
async fn an_ipv6_site_does_not_get_thirty_for_each_of_its_networks() {
    let app = app().await;
    let mut opened = 0;
    for i in 0..130 {
        let from = app.from(&format!("2001:db8:1:{:x}::1", i / 26));
        opened += usize::from(from.post("/auth/register", someone(i)).await.status == 201);
    }
    assert_eq!(opened, 120, "four times thirty in a /48");
}

#[tokio::test]
async fn a_password_that_is_easily_guessed_is_refused_with_the_reason() {
    let app = app().await;
    for password in ["aaaaaaaaaaaaaaaaaaaa", "ada@example.com ada", "passwordpassword1"] {
        let answer = app
            .post("/auth/register", json!({ "email": "ada@example.com", "username": "ada", "password": password }))
            .await;
        assert_eq!((answer.status, answer.code()), (422, "validation_failed"), "{password}");
        let fault = &answer.body["errors"][0];
        assert_eq!((&fault["pointer"], &fault["code"]), (&json!("/password"), &json!("too_weak")));
        assert!(fault["detail"].as_str().is_some_and(|detail| !detail.contains(password)));
    }
    assert_eq!(app.items().await.len(), 1);
}

#[tokio::test]
async fn all_faults_are_reported_at_once() {
    let app = app().await;
    let body = json!({
        "email": "ada", "username": "a b", "password": "short", "full_name": "", "bio": 7,
        "birth_date": "2999-01-01", "admin": true,
    });
    let answer = app.post("/auth/register", body.clone()).await;
    assert_eq!((answer.status, answer.code()), (422, "validation_failed"));
    let mut pointers: Vec<_> = faults(&answer).into_iter().map(|(pointer, _)| pointer).collect();
    pointers.sort();
    assert_eq!(pointers, ["", "/bio", "/birth_date", "/email", "/full_name", "/password", "/username"]);
    assert!(app.items().await.iter().all(|item| item["pk"] == "KEYSET"));
}

#[tokio::test]
async fn what_is_missing_or_null_is_said() {
    let answer = app().await.post("/auth/register", json!({ "email": null })).await;
    let required = |pointer: &str| (pointer.to_owned(), "required".to_owned());
    assert_eq!(faults(&answer), [required("/email"), required("/username"), required("/password")]);
}

#[tokio::test]
async fn addresses_and_names_are_unique_whatever_their_case_or_width() {
    let app = app().await;
    assert_eq!(app.post("/auth/register", ada()).await.status, 201);
    let other = |email: &str, username: &str| json!({ "email": email, "username": username, "password": "correct horse battery staple 42" });
    let answer = app.post("/auth/register", other("ADA@EXAMPLE.COM", "else")).await;
    assert_eq!((answer.status, answer.code()), (409, "email_taken"));
    let answer = app.post("/auth/register", other("else@example.com", "ＡＤＡ")).await;
    assert_eq!((answer.status, answer.code()), (409, "username_taken"));
    assert_eq!(app.items().await.len(), 4, "three items of one account, and the key set");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_open_exactly_one_account() {
    for (name, email, username) in [
        (
            "one address",
            (|_| "ada@example.com".to_owned()) as fn(usize) -> String,
            (|i| format!("ada{i}")) as fn(usize) -> String,
        ),
        ("one name", |i| format!("ada{i}@example.com"), |_| "ada".to_owned()),
    ] {
        let app = std::sync::Arc::new(app().await);
        let tries = (0..50).map(|i| {
            let app = app.from(&format!("198.51.100.{i}"));
            let body =
                json!({ "email": email(i), "username": username(i), "password": "correct horse battery staple 42" });
            tokio::spawn(async move { app.post("/auth/register", body.clone()).await.status })
        });
        let mut statuses = Vec::new();
        for one in tries.collect::<Vec<_>>() {
            statuses.push(one.await.unwrap());
        }
        assert_eq!(statuses.iter().filter(|&&status| status == 201).count(), 1, "{name}: {statuses:?}");
        assert_eq!(statuses.iter().filter(|&&status| status == 409).count(), 49, "{name}");
        assert_eq!(app.items().await.len(), 4, "{name}: no orphan");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_crosswise_leave_no_orphan() {
    let app = std::sync::Arc::new(app().await);
    let tries = (0..50).map(|i| {
        let app = app.from(&format!("198.51.100.{i}"));
        let (email, username) = if i % 2 == 0 { ("a@example.com", "bbb") } else { ("b@example.com", "bbb") };
        let body = json!({ "email": email, "username": if i % 3 == 0 { "aaa" } else { username }, "password": "correct horse battery staple 42" });
        tokio::spawn(async move { app.post("/auth/register", body.clone()).await.status })
    });
    let mut created = 0;
    for one in tries.collect::<Vec<_>>() {
        created += usize::from(one.await.unwrap() == 201);
    }
    let items = app.items().await;
    assert_eq!(items.len(), 3 * created + 1, "whole accounts alone");
    let users: Vec<_> = items.iter().filter(|item| item["sk"] == "USER").collect();
    for user in &users {
        let id = user["pk"].as_str().unwrap().strip_prefix("USER#").unwrap();
        let claims = items.iter().filter(|item| item["user_id"] == id).count();
        assert_eq!(claims, 2);
    }
    assert!((1..=2).contains(&created));
}

#[tokio::test]
async fn a_lost_answer_or_a_conflict_is_retried_and_not_reported_as_our_own_conflict() {
    for fault in [Fault::LoseAnswer, Fault::Conflict, Fault::Throttle, Fault::ServerError] {
        let app = app().await;
        app.wire.fail_next("TransactWriteItems", fault);
        let answer = app.post("/auth/register", ada()).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(app.items().await.len(), 4);
    }
}

#[tokio::test]
async fn the_fixture_is_accepted() {
    let app = app().await;
    let answer = app.event("register", |_| {}).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let answer = app.event("register-invalid", |_| {}).await;
    assert_eq!((answer.status, answer.code()), (422, "validation_failed"));
    assert_eq!(faults(&answer).len(), 5);
}

#[tokio::test]
async fn naughty_bodies_get_4xx_and_are_never_logged() {
    let app = app().await;
    let marker = "n4ughty";
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let megabyte = format!("{{\"email\":\"{marker}{}\"}}", "x".repeat(1 << 20));
    let bodies: Vec<(Vec<u8>, u16)> = vec![
        (b"".to_vec(), 400),
        (b"{".to_vec(), 400),
        (b"{\"email\":\"n4ughty".to_vec(), 400),
        (deep.into_bytes(), 413),
        ("[".repeat(5_000).into_bytes(), 400),
        (b"{\"email\":\"n4ughty\",\"email\":\"n4ughty\"}".to_vec(), 400),
        (b"{\"email\":[\"n4ughty\"],\"username\":{\"n4ughty\":1},\"password\":1e400}".to_vec(), 400),
        (b"{\"email\":[\"n4ughty\"],\"username\":{\"n4ughty\":1},\"password\":1e300}".to_vec(), 422),
        (b"{\"email\":null,\"username\":null,\"password\":null}".to_vec(), 422),
        (b"{\"email\":\"\\ud800n4ughty\"}".to_vec(), 400),
        (b"{\"email\":\"n4ughty\\u0000@example.com\",\"username\":\"ada\\u0000\",\"password\":\"n4ughty\\u0000 long enough to be one\"}".to_vec(), 422),
        (b"\xff\xfe{\"n4ughty\":1}".to_vec(), 400),
        (b"{\"email\":\"\xc3\x28n4ughty\"}".to_vec(), 400),
        (b"[]".to_vec(), 422),
        (b"\"n4ughty\"".to_vec(), 422),
        (b"null".to_vec(), 422),
        (b"{\"n4ughty\":1}".to_vec(), 422),
        (b"{\"__proto__\":{\"n4ughty\":1},\"$where\":\"n4ughty\"}".to_vec(), 422),
        (b"{} {}".to_vec(), 400),
        (megabyte.into_bytes(), 413),
    ];
    for (body, expected) in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let answer = app.request("POST", "/auth/register", &[("content-type", "application/json")], body).await;
        assert_eq!(answer.status, expected, "{shown}: {}", answer.text);
        assert!(!answer.text.contains(marker), "echoed: {}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let answer = app.request("POST", "/auth/register", &[("content-type", content_type)], ada().to_string()).await;
        assert_eq!((answer.status, answer.code()), (415, "unsupported_media_type"), "{content_type}");
    }
    let accepted = app
        .request("POST", "/auth/register", &[("content-type", "application/json; charset=utf-8")], ada().to_string())
        .await;
    assert_eq!(accepted.status, 201);
    for line in app.log.lines() {
        assert!(!line.contains(marker) && !line.to_lowercase().contains("ada"), "{line}");
    }
}

#[tokio::test]
async fn other_methods_and_paths_are_problems_too() {
    let app = app().await;
    let answer = app.get("/auth/register", &[]).await;
    assert_eq!((answer.status, answer.code(), answer.header("allow")), (405, "method_not_allowed", Some("POST")));
    let answer = app.get("/auth/nothing?secret=n4ughty", &[]).await;
    assert_eq!((answer.status, answer.code()), (404, "not_found"));
    assert!(app.log.lines().iter().all(|line| !line.contains("n4ughty")));
}

#[tokio::test]
async fn an_engine_that_is_down_is_said_to_be_unavailable() {
    let app = app().await;
    for _ in 0..8 {
        app.wire.fail_next("TransactWriteItems", Fault::ServerError);
    }
    let answer = app.post("/auth/register", ada()).await;
    assert_eq!((answer.status, answer.code()), (503, "unavailable"));
    assert!(answer.header("retry-after").is_some());
}
