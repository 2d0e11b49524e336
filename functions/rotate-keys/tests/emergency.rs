//! Keys in other hands.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Deployed, TOKEN};
use serde_json::json;

#[tokio::test]
async fn revoked_keys_are_gone_at_once_and_a_rotation_under_way_does_not_bring_them_back() {
    let deployed = Deployed::new().await;
    let now = deployed.test.clock.now();
    let stolen = deployed.current().signing_key_id(now).unwrap().to_owned();
    deployed.secrets.rotate(TOKEN).unwrap();
    deployed.step(TOKEN, "createSecret").await.unwrap();
    deployed.step(TOKEN, "setSecret").await.unwrap();

    let answer = deployed.function.handle(common::event("emergency")).await.unwrap();
    let (current, published) = (deployed.current(), deployed.published().await);
    assert_eq!(answer, json!({ "version": 3, "signing_key": current.signing_key_id(now) }));
    assert!(!published.jwks.contains(&stolen));
    assert_eq!(published.version, 3);
    current.prove(&published, now).unwrap();
    assert_eq!((deployed.events("keys_revoked"), deployed.events("rotation_given_up")), (1, 1));
    assert!(deployed.step(TOKEN, "finishSecret").await.is_err());
}

#[tokio::test]
async fn signing_keys_and_mac_keys_are_revoked_apart() {
    let deployed = Deployed::new().await;
    let now = deployed.test.clock.now();
    let (kid, mac) =
        (deployed.current().signing_key_id(now).unwrap().to_owned(), deployed.current().mac_key(now).unwrap().id);
    deployed.function.handle(json!({ "Revoke": "mac" })).await.unwrap();
    assert_eq!(deployed.current().signing_key_id(now), Some(kid.as_str()));
    assert_ne!(deployed.current().mac_key(now).unwrap().id, mac);
    let mac = deployed.current().mac_key(now).unwrap().id;
    deployed.function.handle(json!({ "Revoke": { "signing_key": kid } })).await.unwrap();
    assert_ne!(deployed.current().signing_key_id(now), Some(kid.as_str()));
    assert_eq!(deployed.current().mac_key(now).unwrap().id, mac);
    deployed.function.handle(json!({ "Revoke": "signing" })).await.unwrap();
    deployed.secrets.rotate(TOKEN).unwrap();
    for unknown in [json!("everything"), json!({ "signing_key": "?" }), json!(1)] {
        assert!(deployed.function.handle(json!({ "Revoke": unknown })).await.is_err());
    }
    assert_eq!(deployed.secrets.stages(TOKEN), ["AWSPENDING"], "no rotation is given up for a slip of the hand");
    deployed.current().prove(&deployed.published().await, now).unwrap();
}

#[tokio::test]
async fn a_replacement_that_was_killed_anywhere_is_good_when_it_is_run_again() {
    for takes_effect in [false, true] {
        for calls_before in 0.. {
            let deployed = Deployed::new().await;
            let stolen = deployed.current().signing_key_id(deployed.test.clock.now()).unwrap().to_owned();
            let replacement = deployed.function.handle(json!({ "Revoke": "signing" }));
            let was_killed = deployed.secrets.kill_at(calls_before, takes_effect, replacement).await;
            deployed.function.handle(json!({ "Revoke": "signing" })).await.unwrap();
            let published = deployed.published().await;
            deployed.current().prove(&published, deployed.test.clock.now()).unwrap();
            assert!(!published.jwks.contains(&stolen));
            if !was_killed {
                assert!(calls_before >= 4);
                break;
            }
        }
    }
}
