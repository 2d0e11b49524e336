//! `docs/openapi.yaml` and the routers say the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;

use common::service;
use serde_json::{Value, json};

fn document() -> Value {
    serde_saphyr::from_str(include_str!("../../../docs/openapi.yaml")).unwrap()
}

fn methods(path: &Value) -> BTreeSet<String> {
    const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
    let members = path.as_object().unwrap().keys();
    members.filter(|name| METHODS.contains(&name.as_str())).map(|name| name.to_uppercase()).collect()
}

#[tokio::test]
async fn every_documented_path_takes_just_the_documented_methods() {
    let service = service().await;
    for (path, item) in document()["paths"].as_object().unwrap() {
        let answer = service.request("PURGE", path, &[], ()).await;
        assert_eq!((answer.status, answer.code()), (405, "method_not_allowed"), "{path}");
        let allowed = answer.header("allow").unwrap().split(',').filter(|&method| method != "HEAD");
        let allowed: BTreeSet<_> = allowed.map(str::to_owned).collect();
        assert_eq!(allowed, methods(item), "{path}");
    }
}

#[tokio::test]
async fn a_get_writes_nothing() {
    let service = service().await;
    let user = service.seed_user("ada").await;
    let (_, tokens) = service.seed_session(&user).await;
    let authorization = format!("Bearer {}", tokens.access_token.expose());
    let before = service.whole_table().await;
    for (path, item) in document()["paths"].as_object().unwrap() {
        let path = path.replace("{id}", &user.id.to_string());
        for method in ["GET", "HEAD", "OPTIONS"] {
            let answer = service.request(method, &path, &[("authorization", &authorization)], ()).await;
            let is_read = methods(item).contains("GET") && method != "OPTIONS";
            assert_eq!(answer.status, if is_read { 200 } else { 405 }, "{method} {path}");
        }
    }
    let reads = ["GetItem", "BatchGetItem", "Query"];
    let operations = service.operations();
    assert!(!operations.is_empty() && operations.iter().all(|name| reads.contains(&name.as_str())), "{operations:?}");
    assert_eq!(service.whole_table().await, before);
}

#[tokio::test]
async fn every_route_of_the_api_is_documented() {
    // The routes that the gateway has are those that the routers serve.
    let template: Value = serde_saphyr::from_str(include_str!("../../../template.yaml")).unwrap();
    let mut routed = BTreeSet::new();
    for resource in template["Resources"].as_object().unwrap().values() {
        for event in resource["Properties"]["Events"].as_object().into_iter().flat_map(|events| events.values()) {
            if let Some(path) = event["Properties"]["Path"].as_str().filter(|path| *path != "$default") {
                routed.insert(path.to_owned());
            }
        }
    }
    let documented: BTreeSet<_> = document()["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(routed, documented);
}

/// Method, path, headers and body.
type Try<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], String);

/// Answers of every kind that can be had without breaking anything: each must be a documented status and code.
#[tokio::test]
async fn what_is_answered_is_documented() {
    let service = service().await;
    let user = service.seed_user("ada").await;
    let (_, tokens) = service.seed_session(&user).await;
    let authorization = format!("Bearer {}", tokens.access_token.expose());
    let json_type = ("content-type", "application/json");
    let plain = [json_type];
    let signed_in = [json_type, ("authorization", authorization.as_str())];
    let stale = [json_type, ("authorization", authorization.as_str()), ("if-match", "\"9\"")];
    let good = json!({ "email": "ada@example.com", "password": auth_testing::PASSWORD }).to_string();
    let new = |name: &str| {
        json!({ "email": format!("{name}@example.com"), "username": name, "password": auth_testing::PASSWORD })
            .to_string()
    };
    let change = |current: &str, new: &str| json!({ "current_password": current, "new_password": new }).to_string();
    let refresh = json!({ "refresh_token": *tokens.refresh_token }).to_string();
    let big = "x".repeat(20_000);
    let cookie_login = json!({ "email": "ada@example.com", "password": "x", "transport": "cookie" }).to_string();
    let tries: Vec<Try> = vec![
        ("POST", "/auth/register", &plain, new("bob")),
        ("POST", "/auth/register", &plain, new("ada")),
        ("POST", "/auth/register", &plain, json!({}).to_string()),
        ("POST", "/auth/register", &plain, "{".to_owned()),
        ("POST", "/auth/register", &plain, big.clone()),
        ("POST", "/auth/register", &[], good.clone()),
        ("POST", "/auth/login", &plain, good.clone()),
        ("POST", "/auth/login", &plain, good.replace("ada@", "eve@")),
        ("POST", "/auth/login", &plain, cookie_login),
        ("POST", "/auth/login", &plain, json!({}).to_string()),
        ("POST", "/auth/login", &plain, "[".to_owned()),
        ("POST", "/auth/login", &plain, big.clone()),
        ("POST", "/auth/login", &[], good),
        ("POST", "/auth/refresh", &plain, refresh),
        ("POST", "/auth/refresh", &plain, json!({ "refresh_token": "x" }).to_string()),
        ("POST", "/auth/refresh", &plain, json!({ "refresh_token": 1 }).to_string()),
        ("POST", "/auth/refresh", &[], String::new()),
        ("POST", "/auth/refresh", &plain, big.clone()),
        ("POST", "/auth/refresh", &plain, "{".to_owned()),
        ("POST", "/auth/refresh", &[], "{}".to_owned()),
        ("GET", "/auth/profile", &signed_in, String::new()),
        ("GET", "/auth/profile", &[], String::new()),
        ("PATCH", "/auth/profile", &signed_in, json!({ "bio": "x" }).to_string()),
        ("PATCH", "/auth/profile", &signed_in, json!({ "username": "bob" }).to_string()),
        ("PATCH", "/auth/profile", &signed_in, json!({ "username": null }).to_string()),
        ("PATCH", "/auth/profile", &stale, json!({ "bio": "y" }).to_string()),
        ("PATCH", "/auth/profile", &signed_in, "{".to_owned()),
        ("PATCH", "/auth/profile", &signed_in, big),
        ("PATCH", "/auth/profile", &signed_in[1..], "{}".to_owned()),
        ("PATCH", "/auth/profile", &plain, "{}".to_owned()),
        ("GET", "/auth/sessions", &signed_in, String::new()),
        ("GET", "/auth/sessions", &[], String::new()),
        ("DELETE", "/auth/sessions/{id}", &signed_in, String::new()),
        ("DELETE", "/auth/sessions/{id}", &[], String::new()),
        ("POST", "/auth/password/change", &signed_in, change("wrong horse", "wooden lantern over quiet harbour")),
        ("POST", "/auth/password/change", &signed_in, change("wrong horse", "x")),
        ("POST", "/auth/password/change", &plain, "{}".to_owned()),
        (
            "POST",
            "/auth/password/change",
            &signed_in,
            change(auth_testing::PASSWORD, "wooden lantern over quiet harbour"),
        ),
        ("DELETE", "/auth/sessions", &signed_in, String::new()),
        ("POST", "/auth/logout", &plain, json!({ "refresh_token": "x" }).to_string()),
        ("POST", "/auth/logout", &plain, "{".to_owned()),
        ("POST", "/auth/logout", &[], String::new()),
        ("GET", "/.well-known/jwks.json", &[], String::new()),
        ("GET", "/.well-known/openid-configuration", &[], String::new()),
        ("GET", "/auth/openapi.json", &[], String::new()),
        ("GET", "/health", &[], String::new()),
    ];
    let document = document();
    let codes = document.to_string();
    let mut statuses = BTreeSet::new();
    for (method, path, headers, body) in tries {
        let answer = service.request(method, path, headers, body).await;
        let responses = &document["paths"][path][method.to_lowercase()]["responses"];
        assert!(
            responses.get(answer.status.to_string()).is_some(),
            "{method} {path} {}: {}",
            answer.status,
            answer.text
        );
        if answer.status >= 400 {
            assert!(codes.contains(&format!("\"{}\"", answer.code())), "{} is not documented", answer.code());
        }
        statuses.insert(answer.status);
    }
    assert!(
        statuses.is_superset(&BTreeSet::from([200, 201, 204, 400, 401, 403, 404, 409, 412, 413, 415, 422])),
        "{statuses:?}"
    );
}
