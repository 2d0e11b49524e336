//! What anyone may know, HTTP in, HTTP out, against a real DynamoDB engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use auth_testing::TestApp;

async fn app() -> TestApp {
    TestApp::new(|t| discovery::router(discovery::Discovery { app: t.app.clone() })).await
}

#[tokio::test]
async fn the_key_set_is_served_with_public_members_only_and_may_be_cached() {
    for algorithm in [auth::Algorithm::RS256, auth::Algorithm::ES256, auth::Algorithm::EdDsa] {
        let keys = auth::KeySet::generate(algorithm, auth_testing::NOW, &auth::Random::System).unwrap();
        let app = TestApp::with_keys(keys, |t| discovery::router(discovery::Discovery { app: t.app.clone() })).await;
        let answer = app.get("/.well-known/jwks.json", &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        let keys = answer.body["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 1);
        for member in keys[0].as_object().unwrap().keys() {
            let public = ["alg", "crv", "e", "kid", "kty", "n", "use", "x", "y"];
            assert!(public.contains(&member.as_str()), "{member}");
        }
    }
}

#[tokio::test]
async fn the_configuration_leads_a_verifier_to_the_keys_and_may_be_cached() {
    for (algorithm, name) in
        [(auth::Algorithm::RS256, "RS256"), (auth::Algorithm::ES256, "ES256"), (auth::Algorithm::EdDsa, "EdDSA")]
    {
        let keys = auth::KeySet::generate(algorithm, auth_testing::NOW, &auth::Random::System).unwrap();
        let app = TestApp::with_keys(keys, |t| discovery::router(discovery::Discovery { app: t.app.clone() })).await;
        let answer = app.get("/.well-known/openid-configuration", &[]).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        assert_eq!(answer.body["issuer"], auth_testing::ISSUER);
        assert_eq!(answer.body["jwks_uri"], format!("{}/.well-known/jwks.json", auth_testing::ISSUER));
        assert_eq!(answer.body["id_token_signing_alg_values_supported"], serde_json::json!([name]));
        // RFC 8414 §3.2: what has no elements is left out.
        let mut members = answer.body.as_object().unwrap().values();
        assert!(members.all(|value| value.as_array().is_none_or(|values| !values.is_empty())), "{}", answer.text);
    }
}

#[tokio::test]
async fn what_only_the_functions_may_know_is_served_nowhere() {
    let app = app().await;
    app.update("KEYSET", "PUBLIC", "origin_proof_sha256", "the-digest").await;
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration"] {
        let answer = app.get(path, &[]).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.text.contains("proof") && !answer.text.contains("the-digest"), "{path}");
    }
}

#[tokio::test]
async fn the_key_set_is_read_once_and_again_after_five_minutes() {
    let app = app().await;
    for _ in 0..3 {
        assert_eq!(app.get("/.well-known/jwks.json", &[]).await.status, 200);
    }
    assert_eq!(app.operations(), ["GetItem"]);
    app.clock.advance(std::time::Duration::from_secs(301));
    assert_eq!(app.get("/.well-known/jwks.json", &[]).await.status, 200);
    assert_eq!(app.operations(), ["GetItem"]);
}

#[tokio::test]
async fn an_empty_table_answers_503_until_a_key_set_is_published() {
    let app = app().await;
    let item = app.item("KEYSET", "PUBLIC").await;
    app.delete("KEYSET", "PUBLIC").await;
    let answer = app.get("/.well-known/jwks.json", &[]).await;
    assert_eq!((answer.status, answer.code()), (503, "unavailable"));
    assert!(answer.header("retry-after").is_some());
    assert_eq!(app.get("/health", &[]).await.status, 200);
    app.put_item(item).await;
    assert_eq!(app.get("/.well-known/jwks.json", &[]).await.status, 200);
}

#[tokio::test]
async fn the_api_describes_itself() {
    let answer = app().await.get("/auth/openapi.json", &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.body["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[tokio::test]
async fn the_fixtures_are_answered() {
    let app = app().await;
    for (name, status) in [
        ("discovery", 200),
        ("discovery-openid", 200),
        ("discovery-openapi", 200),
        ("discovery-health", 200),
        ("discovery-not-found", 404),
    ] {
        let answer = app.event(name, |_| {}).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_wrong_method_says_which_are_right() {
    let answer = app().await.post("/health", serde_json::json!({})).await;
    assert_eq!((answer.status, answer.code()), (405, "method_not_allowed"));
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
}
