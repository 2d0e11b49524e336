//! `keys show`, against a real DynamoDB engine.

use crate::operator::{app, failure, json, run};
use admin::Failure;
use auth_testing::ISSUER;
use serde_json::{Value, json};

#[tokio::test]
async fn the_published_key_set_is_shown_and_nothing_private() {
    let app = app().await;
    let jwks: Value = serde_json::from_str(&app.keys.published(ISSUER, &[]).jwks).unwrap();
    let shown = json(&app, "keys show").await;
    let expected = json!({
        "version": 1, "issuer": ISSUER, "origins": [ISSUER],
        "keys": [{ "kid": jwks["keys"][0]["kid"], "algorithm": "ES256", "sign_from": null }],
    });
    assert_eq!(shown, expected);
    let text = run(&app, "keys show", "", false).await;
    assert!(text.output.starts_with("version  1\nissuer   http://127.0.0.1:3000\n"), "{}", text.output);
    assert_eq!(
        text.audit(),
        [json!({ "level": "info", "message": "event", "event": "admin_keys_shown", "actor": "operator" })]
    );
}

#[tokio::test]
async fn no_key_set_is_said_to_be_none() {
    let app = app().await;
    app.delete("KEYSET", "PUBLIC").await;
    assert!(matches!(failure(&app, "keys show").await, Failure::NoKeySet));
}

#[tokio::test]
async fn keys_that_are_out_of_reach_are_not_changed() {
    let app = app().await;
    for line in ["keys rotate", "keys revoke", "everyone sign-out"] {
        assert!(matches!(failure(&app, line).await, Failure::KeysOutOfReach), "{line}");
    }
}
