//! A function killed between any two of its calls to the table.
//!
//! Not as a process under a Runtime API: dropping the handler's future at a call, before the call takes effect and
//! after, is the same cut, since a handler keeps nothing beyond its calls. It is also one that can be put at every call
//! in turn. What a killed process itself leaves behind is `crash.rs`'s.

use auth_testing::{Answer, PASSWORD, TestApp};
use serde_json::{Value, json};

use crate::accounts::check_whole;
use crate::common::service;

const NEW_PASSWORD: &str = "wooden lantern over quiet harbour";

/// A user with two sessions, and what they ask for.
struct Case {
    app: TestApp,
    own: Value,
    other: Value,
    method: &'static str,
    path: String,
    body: Value,
}

impl Case {
    async fn new(name: &str) -> Self {
        let app = service().await;
        app.seed_user("ada").await;
        let (own, other) = (signed_in(&app, PASSWORD).await, signed_in(&app, PASSWORD).await);
        let listed = app.get("/auth/sessions", &[("authorization", &bearer(&other))]).await;
        let sessions = listed.body["sessions"].as_array().unwrap();
        let id = sessions.iter().find(|session| session["current"] == true).unwrap()["id"].as_str().unwrap();
        let eve = json!({ "email": "eve@example.com", "username": "eve", "password": PASSWORD });
        let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
        let (method, path, body) = match name {
            "register" => ("POST", "/auth/register", eve),
            "login by address" => ("POST", "/auth/login", json!({ "email": "ada@example.com", "password": PASSWORD })),
            "login by name" => ("POST", "/auth/login", json!({ "username": "ada", "password": PASSWORD })),
            "refresh" => ("POST", "/auth/refresh", json!({ "refresh_token": own["refresh_token"] })),
            "logout" => ("POST", "/auth/logout", json!({ "refresh_token": own["refresh_token"] })),
            "revoke" => ("DELETE", &*format!("/auth/sessions/{id}"), Value::Null),
            "revoke all" => ("DELETE", "/auth/sessions", Value::Null),
            "revoke the others" => ("DELETE", "/auth/sessions?keep=current", Value::Null),
            "password" => ("POST", "/auth/password/change", change),
            "profile" => ("PATCH", "/auth/profile", json!({ "bio": "first programmer" })),
            "rename" => ("PATCH", "/auth/profile", json!({ "username": "countess" })),
            _ => panic!("{name} is no case"),
        };
        let path = path.to_owned();
        Self { app, own, other, method, path, body }
    }

    async fn ask(&self) -> Answer {
        let headers = [("authorization", &*bearer(&self.own)), ("content-type", "application/json")];
        let body = if self.body.is_null() { String::new() } else { self.body.to_string() };
        self.app.request(self.method, &self.path, &headers, body).await
    }

    /// Whether the two sessions go on.
    async fn go_on(&self) -> [bool; 2] {
        let mut go_on = [false; 2];
        for (goes_on, tokens) in go_on.iter_mut().zip([&self.own, &self.other]) {
            let body = json!({ "refresh_token": tokens["refresh_token"] });
            let answer = self.app.post("/auth/refresh", body).await;
            assert!([200, 401].contains(&answer.status), "{}", answer.text);
            *goes_on = answer.status == 200;
        }
        go_on
    }

    async fn login(&self, username: &str, password: &str) -> u16 {
        self.app.post("/auth/login", json!({ "username": username, "password": password })).await.status
    }
}

async fn signed_in(app: &TestApp, password: &str) -> Value {
    let answer = app.post("/auth/login", json!({ "username": "ada", "password": password })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

fn bearer(tokens: &Value) -> String {
    format!("Bearer {}", tokens["access_token"].as_str().unwrap())
}

/// The client, who heard nothing, asks again; that and all that follows is as if the first time had been the only one, or
/// had never been.
async fn check(name: &str, case: &Case, context: &str) {
    let items: Value = serde_json::from_str(&case.app.whole_table().await).unwrap();
    check_whole(items.as_array().unwrap(), context);

    let again = case.ask().await;
    let go_on = case.go_on().await;
    let is = |status: u16, sessions: [bool; 2]| assert_eq!((again.status, go_on), (status, sessions), "{context}");
    match name {
        "register" => {
            assert!([201, 409].contains(&again.status), "{}, {context}", again.text);
            assert_eq!(case.login("eve", PASSWORD).await, 200, "{context}");
        }
        "login by address" | "login by name" => is(200, [true; 2]),
        "refresh" => {
            is(200, [true; 2]);
            let body = json!({ "refresh_token": again.body["refresh_token"] });
            assert_eq!(case.app.post("/auth/refresh", body).await.status, 200, "{context}");
        }
        "logout" => is(204, [false, true]),
        "revoke" | "revoke the others" => is(204, [true, false]),
        // Once it is done, whoever asks again is not signed in any more.
        "revoke all" => is(if again.status == 401 { 401 } else { 204 }, [false; 2]),
        "password" => {
            is(if again.status == 401 { 401 } else { 200 }, [false; 2]);
            assert_eq!(case.login("ada", NEW_PASSWORD).await, 200, "{context}");
            assert_eq!(case.login("ada", PASSWORD).await, 401, "{context}");
        }
        "profile" => {
            is(200, [true; 2]);
            assert_eq!(again.body["user"]["bio"], "first programmer", "{context}");
        }
        "rename" => {
            is(200, [true; 2]);
            assert_eq!(case.login("countess", PASSWORD).await, 200, "{context}");
            assert_eq!(case.login("ada", PASSWORD).await, 401, "{context}");
        }
        _ => panic!("{name} is no case"),
    }
    let items: Value = serde_json::from_str(&case.app.whole_table().await).unwrap();
    check_whole(items.as_array().unwrap(), context);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_is_killed_at_any_call_leaves_all_or_nothing() {
    for (name, least) in [
        ("register", 2),
        ("login by address", 4),
        ("login by name", 5),
        ("refresh", 2),
        ("logout", 1),
        ("revoke", 2),
        ("revoke all", 2),
        ("revoke the others", 2),
        ("password", 4),
        ("profile", 2),
        ("rename", 2),
    ] {
        let mut calls = 0;
        'calls: loop {
            for takes_effect in [false, true] {
                let case = Case::new(name).await;
                if !case.app.wire.kill_at(calls, takes_effect, case.ask()).await {
                    break 'calls;
                }
                check(name, &case, &format!("{name} killed at call {calls}, which took effect: {takes_effect}")).await;
            }
            calls += 1;
        }
        assert!(calls >= least, "{name} was killed at {calls} calls");
    }
}
