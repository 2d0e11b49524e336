//! Items as each released version has written them, read and used by this one. `items/<version>.json` is written once, when
//! that version is released, and never changed:
//!
//! ```sh
//! cargo test -p devserver --test released_items -- --ignored write_the_items_of_this_version
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs::{read_dir, read_to_string, write};
use std::time::Duration;

use auth::{RefreshToken, Role, Session, SessionId, UserId};
use auth_testing::{NOW, PASSWORD, TestApp};
use common::service;
use serde_json::{Value, json};

const ITEMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/items");
/// Of the written session, so that its token can be made again under any key. It opens nothing but a test's table.
const LINEAGE: [u8; 16] = [7; 16];

#[tokio::test]
async fn what_every_released_version_has_written_is_good_today() {
    let mut versions = 0;
    for entry in read_dir(ITEMS).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        let written: Value = serde_json::from_str(&read_to_string(&path).unwrap()).unwrap();
        check(&written).await;
        versions += 1;
    }
    assert!(versions > 0, "there is nothing to read");
}

async fn check(written: &Value) {
    let app = service().await;
    // Ids of this test must not be those of that one, which had the same random numbers.
    app.clock.advance(Duration::from_hours(1));
    for item in written["items"].as_array().unwrap() {
        app.put_raw(item).await;
    }
    let published = app.app.store.key_set().await.unwrap();
    assert!(published.jwks.contains("\"kid\"") && !published.issuer.is_empty() && !published.origins.is_empty());
    app.app.store.publish_key_set(&app.keys.published(&published.issuer, &published.origins)).await.unwrap();
    let ada = &written["ada"];

    let by_name = app.post("/auth/login", json!({ "username": ada["username"], "password": PASSWORD })).await;
    assert_eq!(by_name.status, 200, "{}", by_name.text);
    let by_email = app.post("/auth/login", json!({ "email": ada["email"], "password": PASSWORD })).await;
    assert_eq!((by_email.status, &by_email.body["user"]), (200, ada), "{}", by_email.text);
    let closed = app.post("/auth/login", json!({ "username": "grace", "password": PASSWORD })).await;
    assert_eq!(closed.status, 401, "an account that was closed stays closed");

    let old = app.post("/auth/refresh", json!({ "refresh_token": token(&app, written) })).await;
    assert_eq!(old.status, 200, "{}", old.text);
    let bearer = format!("Bearer {}", old.body["access_token"].as_str().unwrap());
    let bearer = [("authorization", bearer.as_str())];
    let sessions = app.get("/auth/sessions", &bearer).await;
    let current: Vec<_> =
        sessions.body["sessions"].as_array().unwrap().iter().filter(|session| session["current"] == true).collect();
    assert_eq!((current.len(), &current[0]["id"]), (1, &written["session"]));
    assert_eq!(current[0]["client"], "an old client");

    let changed = app.patch("/auth/profile", &bearer, json!({ "username": "countess", "bio": null })).await;
    assert_eq!((changed.status, &changed.body["user"]["username"]), (200, &"countess".into()), "{}", changed.text);
    let next = "another horse battery staple 43";
    let body = json!({ "current_password": PASSWORD, "new_password": next }).to_string();
    let json = ("content-type", "application/json");
    let answer = app.request("POST", "/auth/password/change", &[bearer[0], json], body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let late = app.get("/auth/profile", &bearer).await;
    assert_eq!(late.status, 401, "the old session has ended with the old password");
}

/// The token that the written session expects next: two refreshes lie behind it.
fn token(app: &TestApp, written: &Value) -> String {
    let id = |name: &str| written[name].as_str().unwrap();
    let key = app.keys.mac_key(app.clock.now()).unwrap();
    let user = UserId::parse(written["ada"]["id"].as_str().unwrap()).unwrap();
    let first = RefreshToken::first(user, SessionId::parse(id("session")).unwrap(), key, LINEAGE);
    first.successor(key.id).successor(key.id).seal(key)
}

#[tokio::test]
#[ignore = "writes the file of this version, when it is released"]
async fn write_the_items_of_this_version() {
    let app = service().await;
    let ada = json!({
        "email": "Ada@Example.com", "username": "Ada", "password": PASSWORD,
        "full_name": "Ada Lovelace", "bio": "Wrote the first program.", "birth_date": "1985-12-10",
    });
    assert_eq!(app.post("/auth/register", ada).await.status, 201);
    let grace = json!({ "email": "grace@example.com", "username": "grace", "password": PASSWORD });
    assert_eq!(app.post("/auth/register", grace).await.status, 201);
    let store = &app.app.store;
    let id = |account: Option<auth::Account>| account.unwrap().user;
    let ada = id(store.account_by_username(&auth::Username::parse("ada").unwrap()).await.unwrap());
    let grace = id(store.account_by_username(&auth::Username::parse("grace").unwrap()).await.unwrap());
    store.roles_set(ada.id, &[Role::parse("admin").unwrap(), Role::parse("editor").unwrap()]).await.unwrap();
    store.user_set_status(&grace, auth::Status::Disabled, NOW, app.random.uuid(NOW).unwrap()).await.unwrap();
    // A failure in a row, and one that is counted by its network.
    assert_eq!(app.post("/auth/login", json!({ "username": "ada", "password": "wrong horse" })).await.status, 401);

    let key = app.keys.mac_key(NOW).unwrap();
    let session = SessionId::new(app.random.uuid(NOW).unwrap());
    let token = RefreshToken::first(ada.id, session, key, LINEAGE);
    let mut opened = Session::open(session, ada.id, ada.session_epoch, &token, NOW, app.app.config.lifetimes);
    opened.client = Some("an old client".to_owned());
    store.session_create(&opened).await.unwrap();
    for token in [&token, &token.successor(key.id)] {
        let answer = app.post("/auth/refresh", json!({ "refresh_token": token.seal(key) })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let user = app.post("/auth/login", json!({ "username": "ada", "password": PASSWORD })).await.body["user"].clone();
    let items: Value = serde_json::from_str(&app.whole_table().await).unwrap();
    let written = json!({ "ada": user, "session": session.to_string(), "items": items });
    let path = format!("{ITEMS}/{}.json", env!("CARGO_PKG_VERSION"));
    write(path, serde_json::to_string_pretty(&written).unwrap() + "\n").unwrap();
}
