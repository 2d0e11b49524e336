//! Request lines as CloudWatch's embedded metric format: what is counted, by what, and that nothing is without the variable.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use auth::BreachedPasswords;
use auth_testing::{Fault, NOW, PASSWORD, TestApp};
use common::service;
use devserver::Powers;
use serde_json::{Value, json};

const STACK: &str = "vestibule-test";

/// All functions, with metrics on.
async fn measured() -> TestApp {
    let mut app = service().await;
    Arc::make_mut(&mut app.app.config).metrics_stack = Some(STACK.to_owned());
    let powers = Powers {
        hasher: app.hasher.clone(),
        signer: app.signer.clone(),
        throttle: app.throttle.clone(),
        breached: BreachedPasswords::new(&app.app),
    };
    app.mount(devserver::routers(&app.app, powers))
}

/// The metrics of the last request, `name by dimensions` → value, after a check of the line against the specification
/// ("Specification: Embedded metric format", Amazon CloudWatch User Guide).
fn metrics(app: &TestApp) -> BTreeMap<String, f64> {
    let lines = app.log.lines();
    let text = lines.iter().rev().find(|line| line.contains("\"message\":\"request\"")).unwrap();
    let line: Value = serde_json::from_str(text).unwrap();
    // A member that comes twice is lost here, and would be an error there.
    assert_eq!(line.to_string().len(), text.len(), "{text}");
    let aws = &line["_aws"];
    assert_eq!(members(aws), ["CloudWatchMetrics", "Timestamp"]);
    assert_eq!(aws["Timestamp"], NOW.millis(), "milliseconds since 1970");
    let mut found = BTreeMap::new();
    for directive in aws["CloudWatchMetrics"].as_array().unwrap() {
        assert_eq!(members(directive), ["Dimensions", "Metrics", "Namespace"]);
        assert_eq!(directive["Namespace"], "Vestibule");
        let sets = directive["Dimensions"].as_array().unwrap();
        assert_eq!(sets.len(), 1, "each more would be paid");
        let names: Vec<_> = sets[0].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let by: Vec<_> = names
            .iter()
            .map(|name| {
                let value = line[name].as_str().unwrap_or_else(|| panic!("{name} is no text at the top: {line}"));
                assert!(!value.is_empty() && value.is_ascii() && value.len() <= 250 && !value.starts_with(':'));
                value
            })
            .collect();
        assert!(names.len() <= 30);
        let list = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&list.len()));
        for metric in list {
            assert_eq!(members(metric), ["Name", "Unit"]);
            let name = metric["Name"].as_str().unwrap();
            assert!(["Count", "Milliseconds"].contains(&metric["Unit"].as_str().unwrap()));
            let value = line[name].as_f64().unwrap_or_else(|| panic!("{name} is no number at the top: {line}"));
            assert!(found.insert(format!("{name} by {}", by.join(" ")), value).is_none());
        }
    }
    found
}

fn members(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn outcome(app: &TestApp) -> String {
    let found = metrics(app);
    let counted: Vec<_> = found.iter().filter(|(name, _)| name.starts_with("Requests by ")).collect();
    assert_eq!((counted.len(), *counted[0].1), (1, 1.0));
    counted[0].0.strip_prefix(&format!("Requests by {STACK} ")).unwrap().to_owned()
}

#[tokio::test]
async fn nothing_is_added_without_the_variable() {
    let app = service().await;
    app.get("/health", &[]).await;
    let line: Value = serde_json::from_str(app.log.lines().last().unwrap()).unwrap();
    assert_eq!(members(&line), ["duration_ms", "level", "message", "method", "request_id", "route", "status"]);
}

#[tokio::test]
async fn every_request_counts_by_route_and_outcome_and_no_text_of_a_client_does() {
    let app = measured().await;
    app.seed_user("ada").await;
    let wrong = json!({ "email": "ada@example.com", "password": "wrong horse" });
    for (method, path, body, expected) in [
        ("GET", "/health", Value::Null, "/health ok"),
        ("POST", "/auth/login", json!({ "email": "ada@example.com", "password": PASSWORD }), "/auth/login ok"),
        ("POST", "/auth/login", wrong, "/auth/login invalid_credentials"),
        ("POST", "/auth/login", json!({}), "/auth/login validation_failed"),
        ("POST", "/auth/refresh", json!({ "refresh_token": "nonsense" }), "/auth/refresh invalid_refresh_token"),
        ("DELETE", "/auth/login", Value::Null, "/auth/login method_not_allowed"),
        ("BREW", "/auth/login", Value::Null, "/auth/login method_not_allowed"),
        ("DELETE", "/auth/sessions/a-text-of-mine", Value::Null, "/auth/sessions/{id} invalid_token"),
        ("GET", "/a-text-of-mine?a=b", Value::Null, "unmatched not_found"),
        ("GET", "/auth/profile", Value::Null, "/auth/profile invalid_token"),
    ] {
        app.request(method, path, &[("content-type", "application/json")], body.to_string()).await;
        assert_eq!(outcome(&app), expected, "{method} {path}");
        assert!(metrics(&app).keys().any(|name| name.starts_with("Latency by ")));
    }
}

#[tokio::test]
async fn what_the_edge_and_the_table_refuse_counts_by_its_code_too() {
    let app = measured().await;
    app.seed_user("ada").await;
    let (json, attempt) = ("application/json", json!({ "email": "ada@example.com", "password": "wrong horse" }));
    for (content_type, body, code) in [
        ("text/plain", attempt.to_string(), "unsupported_media_type"),
        (json, "{".to_owned(), "malformed_json"),
        (json, " ".repeat(auth_http::BODY_LIMIT + 1), "body_too_large"),
    ] {
        app.request("POST", "/auth/login", &[("content-type", content_type)], body).await;
        assert_eq!(outcome(&app), format!("/auth/login {code}"));
    }
    // As often as the SDK tries.
    for _ in 0..4 {
        app.wire.fail_next("GetItem", Fault::ServerError);
    }
    app.post("/auth/login", attempt.clone()).await;
    assert_eq!(outcome(&app), "/auth/login unavailable");
    assert_eq!(metrics(&app).get(&format!("DynamoDbRetries by {STACK} /auth/login")), Some(&3.0));
    let mut tries = 0;
    while outcome(&app) != "/auth/login too_many_requests" {
        tries += 1;
        assert!(tries < 100, "{}", outcome(&app));
        app.post("/auth/login", attempt.clone()).await;
    }
}

#[tokio::test]
async fn a_hash_is_timed_where_there_was_one() {
    let app = measured().await;
    app.seed_user("ada").await;
    let hash_time = async |body: Value| {
        app.post("/auth/login", body).await;
        metrics(&app).get(&format!("HashTime by {STACK} /auth/login")).copied()
    };
    let took = hash_time(json!({ "email": "ada@example.com", "password": PASSWORD })).await.unwrap();
    assert!(took > 0.0 && took < 10_000.0, "{took}");
    assert!(hash_time(json!({ "email": "nobody@example.com", "password": PASSWORD })).await.is_some());
    assert_eq!(hash_time(json!({ "email": "ada@example.com" })).await, None);
}

#[tokio::test]
async fn a_used_refresh_token_that_comes_back_counts_once() {
    let app = measured().await;
    let user = app.seed_user("ada").await;
    let (session, tokens) = app.seed_session(&user).await;
    let refresh = async |token: &str| {
        app.post("/auth/refresh", json!({ "refresh_token": token })).await;
        metrics(&app).get(&format!("ReuseDetected by {STACK}")).copied()
    };
    assert_eq!(refresh(&tokens.refresh_token).await, None);
    // Longer ago than a retry is answered for.
    let long_ago = NOW.millis() - 31_000;
    app.update(&format!("SESSION#{}", user.id), &session.id.to_string(), "rotated_1", long_ago).await;
    assert_eq!(refresh(&tokens.refresh_token).await, Some(1.0));
    assert_eq!(refresh(&tokens.refresh_token).await, None, "the session is gone, and there is nothing to reuse");
}

#[tokio::test]
async fn each_further_try_of_dynamodb_is_counted_with_the_request_that_made_it() {
    let app = measured().await;
    let user = app.seed_user("ada").await;
    let (_, tokens) = app.seed_session(&user).await;
    let bearer = format!("Bearer {}", tokens.access_token.expose());
    let retries = async || {
        let answer = app.get("/auth/profile", &[("authorization", &bearer)]).await;
        assert_eq!(answer.status, 200);
        metrics(&app).get(&format!("DynamoDbRetries by {STACK} /auth/profile")).copied()
    };
    assert_eq!(retries().await, None);
    app.wire.fail_next("BatchGetItem", Fault::Throttle);
    app.wire.fail_next("BatchGetItem", Fault::ServerError);
    assert_eq!(retries().await, Some(2.0));
    app.wire.fail_next("BatchGetItem", Fault::PutOff);
    assert_eq!(retries().await, Some(1.0), "keys that were put off are asked for again");
    assert_eq!(retries().await, None);
}

#[tokio::test]
async fn requests_that_run_side_by_side_do_not_count_for_each_other() {
    let app = measured().await;
    app.seed_user("ada").await;
    app.wire.slow(Duration::from_millis(50));
    let sign_in = app.post("/auth/login", json!({ "email": "ada@example.com", "password": PASSWORD }));
    let (_, ()) = tokio::join!(sign_in, async {
        for _ in 0..20 {
            app.get("/health", &[]).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let lines = app.log.lines();
    let with_hash: Vec<_> = lines.iter().filter(|line| line.contains("HashTime")).collect();
    assert_eq!(with_hash.len(), 1);
    assert!(with_hash[0].contains("\"route\":\"/auth/login\""));
}

#[tokio::test]
async fn what_alarms_are_about_is_counted_for_the_stack() {
    let app = measured().await;
    app.seed_user("ada").await;
    let count = |name: &str| metrics(&app).get(&format!("{name} by {STACK}")).copied();
    let guess = async |password: &str| {
        app.post("/auth/login", json!({ "email": "ada@example.com", "password": password })).await.status
    };
    assert_eq!((guess(PASSWORD).await, count("RefusedSignIns"), count("Faults")), (200, None, None));
    let mut seen = Vec::new();
    while !seen.contains(&429) {
        seen.push(guess("wrong horse").await);
        assert_eq!((count("RefusedSignIns"), count("Faults")), (Some(1.0), None));
    }
    assert_eq!(seen[0], 401);
    for _ in 0..4 {
        app.wire.fail_next("TransactWriteItems", Fault::ServerError);
    }
    let grace = json!({ "email": "grace@example.com", "username": "grace", "password": PASSWORD });
    let answer = app.post("/auth/register", grace).await;
    assert_eq!((answer.status, count("RefusedSignIns"), count("Faults")), (503, None, Some(1.0)));
    app.post("/auth/refresh", json!({ "refresh_token": "nonsense" })).await;
    assert_eq!((count("RefusedSignIns"), count("Faults")), (None, None));
}
