//! What demands a role: the extractor that operators' endpoints will use.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use auth_http::{Admin, Answer, Authenticated, Reply};
use auth_testing::TestApp;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;

async fn app() -> TestApp {
    let admin = async |Admin(signed_in): Admin| -> Answer {
        Ok(Reply(json!({ "id": signed_in.account.user.id.to_string() })).into_response())
    };
    let anybody = async |Authenticated(_): Authenticated| -> Answer { Ok(Reply(json!({})).into_response()) };
    TestApp::new(|_| Router::new().route("/admin", get(admin)).route("/anybody", get(anybody))).await
}

#[tokio::test]
async fn who_has_not_the_role_is_forbidden_and_who_has_is_not() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let (session, tokens) = app.seed_session(&user).await;
    let bearer = format!("Bearer {}", tokens.access_token.expose());
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(app.get("/anybody", &headers).await.status, 200);

    let answer = app.get("/admin", &headers).await;
    assert_eq!((answer.status, answer.code()), (403, "forbidden"));
    assert!(answer.header("www-authenticate").unwrap().contains("insufficient_scope"));

    for (roles, status) in [(json!(["editor", "administrator"]), 403), (json!(["editor", "admin"]), 200)] {
        app.put_item(json!({ "pk": format!("ROLES#{}", user.id), "sk": "ROLES", "roles": roles, "v": 1 })).await;
        assert_eq!(app.get("/admin", &headers).await.status, status, "as it is now, whatever the token says: {roles}");
    }

    app.delete(&format!("SESSION#{}", user.id), &session.id.to_string()).await;
    assert_eq!(app.get("/admin", &headers).await.code(), "invalid_token");
    assert_eq!(app.get("/admin", &[]).await.code(), "invalid_token");
}
