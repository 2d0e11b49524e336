//! The four steps of Secrets Manager, killed anywhere, delivered twice, in any order.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use auth::{Error, Schedule};
use common::{Deployed, OTHER_TOKEN, STEPS, TOKEN};

/// Longer than from the making of a key to its use.
const LATER: Duration = Duration::from_hours(4);

/// One rotation has taken place under [`TOKEN`], whatever happened on the way.
async fn assert_rotated(deployed: &Deployed, former_key: &str) {
    let (now, current, published) = (deployed.test.clock.now(), deployed.current(), deployed.published().await);
    assert_eq!(deployed.secrets.stages(TOKEN), ["AWSCURRENT", "AWSPENDING"]);
    assert_eq!((current.version, published.version), (2, 2));
    current.prove(&published, now).unwrap();
    assert_eq!(current.signing_key_id(now), Some(former_key), "the new key waits until everybody knows it");
    let next = current.signing_key_id(now.plus(LATER)).unwrap();
    assert!(next != former_key && published.jwks.contains(next) && published.jwks.contains(former_key));
    assert_eq!((published.issuer.as_str(), published.origins.len()), (auth_testing::ISSUER, 1));
}

#[tokio::test]
async fn a_rotation_publishes_a_key_before_it_signs() {
    let deployed = Deployed::new().await;
    let former = deployed.test.keys.signing_key_id(deployed.test.clock.now()).unwrap();
    deployed.secrets.rotate(TOKEN).unwrap();
    deployed.steps(TOKEN).await.unwrap();
    assert_rotated(&deployed, former).await;
    assert_eq!((deployed.events("keys_published"), deployed.events("keys_rotated")), (1, 1));
    assert!(deployed.secrets.value("AWSCURRENT").unwrap().contains(r#""origin_proof":"proof""#));
}

#[tokio::test]
async fn a_rotation_that_was_killed_between_any_two_calls_ends_in_one_good_state_when_it_is_run_again() {
    for takes_effect in [false, true] {
        for calls_before in 0.. {
            let deployed = Deployed::new().await;
            let former = deployed.test.keys.signing_key_id(deployed.test.clock.now()).unwrap();
            deployed.secrets.rotate(TOKEN).unwrap();
            let was_killed =
                deployed.secrets.kill_at(calls_before, takes_effect, Box::pin(deployed.steps(TOKEN))).await;
            deployed.steps(TOKEN).await.unwrap();
            assert_rotated(&deployed, former).await;
            if !was_killed {
                assert!(calls_before > 10, "a rotation makes more calls than that");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_publication_whose_answer_was_lost_is_not_made_twice() {
    let deployed = Deployed::new().await;
    deployed.secrets.rotate(TOKEN).unwrap();
    deployed.step(TOKEN, "createSecret").await.unwrap();
    deployed.test.wire.fail_next("UpdateItem", auth_testing::Fault::LoseAnswer);
    deployed.step(TOKEN, "setSecret").await.unwrap();
    deployed.steps(TOKEN).await.unwrap();
    assert_eq!(deployed.published().await.version, 2);
}

#[tokio::test]
async fn steps_may_be_delivered_twice_at_the_same_time_and_after_the_end() {
    let deployed = Deployed::new().await;
    let former = deployed.test.keys.signing_key_id(deployed.test.clock.now()).unwrap();
    deployed.secrets.rotate(TOKEN).unwrap();
    for step in STEPS {
        let (one, two) = tokio::join!(deployed.step(TOKEN, step), deployed.step(TOKEN, step));
        // Of two that finish, the second may find the stage moved: Secrets Manager hears that and asks again.
        let both = step != "finishSecret";
        assert!(one.is_ok() && two.is_ok() || !both && (one.is_ok() || two.is_ok()), "{step}: {one:?} {two:?}");
    }
    deployed.secrets.take_calls();
    deployed.steps(TOKEN).await.unwrap();
    assert_eq!(deployed.secrets.take_calls(), ["DescribeSecret"; 4]);
    assert_rotated(&deployed, former).await;
}

#[tokio::test]
async fn a_step_that_is_done_is_not_done_again() {
    let deployed = Deployed::new().await;
    deployed.secrets.rotate(TOKEN).unwrap();
    for step in &STEPS[..3] {
        deployed.step(TOKEN, step).await.unwrap();
        deployed.secrets.take_calls();
        deployed.test.wire.take_calls();
        deployed.step(TOKEN, step).await.unwrap();
        let calls = [deployed.secrets.take_calls(), deployed.test.operations()].concat();
        assert!(calls.iter().all(|call| call.starts_with("Get") || call == "DescribeSecret"), "{step}: {calls:?}");
    }
}

#[tokio::test]
async fn a_second_rotation_before_the_first_took_effect_changes_nothing() {
    let deployed = Deployed::new().await;
    deployed.secrets.rotate(TOKEN).unwrap();
    deployed.steps(TOKEN).await.unwrap();
    let (set, published) = (deployed.current().to_json(), deployed.published().await.jwks);
    deployed.secrets.rotate(OTHER_TOKEN).unwrap();
    deployed.steps(OTHER_TOKEN).await.unwrap();
    assert_eq!(deployed.current().to_json().as_str(), set.as_str());
    assert_eq!(deployed.published().await.jwks, published);
}

#[tokio::test]
async fn tokens_that_the_contract_does_not_allow_are_refused_and_nothing_changes() {
    let deployed = Deployed::new().await;
    let before = deployed.secrets.value("AWSCURRENT");
    for step in STEPS {
        let refused = deployed.step(TOKEN, step).await;
        assert!(matches!(refused, Err(Error::Internal("the version is not pending"))), "{step}");
    }
    deployed.secrets.rotate(TOKEN).unwrap();
    assert!(deployed.step(TOKEN, "setSecret").await.is_err(), "nothing was created yet");
    assert!(deployed.step(TOKEN, "finishSecret").await.is_err());
    deployed.step(TOKEN, "createSecret").await.unwrap();
    assert!(deployed.step(TOKEN, "finishSecret").await.is_err(), "nothing was published yet");
    assert!(deployed.step(TOKEN, "dropSecret").await.is_err());
    let event = serde_json::json!({ "SecretId": "other", "ClientRequestToken": TOKEN, "Step": "createSecret" });
    assert!(deployed.function.handle(event).await.is_err());
    assert!(deployed.function.handle(serde_json::json!({})).await.is_err());
    assert_eq!(deployed.secrets.value("AWSCURRENT"), before);
    assert_eq!(deployed.published().await.version, 1);
}

#[tokio::test]
async fn rotation_that_is_not_turned_on_is_tried_and_not_done() {
    let deployed = Deployed::fresh().await;
    deployed.test.put_item(published_item(&deployed)).await;
    deployed.secrets.rotate(TOKEN).unwrap();
    assert!(deployed.step(TOKEN, "createSecret").await.is_err());
}

#[tokio::test]
async fn the_trial_of_a_schedule_tests_what_is_current() {
    let deployed = Deployed::new().await;
    deployed.secrets.rotate(TOKEN).unwrap();
    deployed.step(TOKEN, "testSecret").await.unwrap();
}

#[tokio::test]
async fn a_rotation_that_took_too_long_makes_room_for_another() {
    // Not published in time, or not finished in time.
    for (steps, pause) in [(1, Schedule::PUBLISHED_WITHIN + Duration::from_mins(1)), (3, LATER)] {
        let deployed = Deployed::new().await;
        let key = deployed.test.keys.signing_key_id(deployed.test.clock.now()).unwrap();
        deployed.secrets.rotate(TOKEN).unwrap();
        for step in &STEPS[..steps] {
            deployed.step(TOKEN, step).await.unwrap();
        }
        deployed.test.clock.advance(pause);
        assert!(deployed.steps(TOKEN).await.is_err());
        assert_eq!(deployed.events("rotation_given_up"), 1);
        assert!(deployed.secrets.stages(TOKEN).is_empty());
        assert_eq!(deployed.current().signing_key_id(deployed.test.clock.now()), Some(key));

        deployed.secrets.rotate(OTHER_TOKEN).unwrap();
        deployed.steps(OTHER_TOKEN).await.unwrap();
        let (current, published) = (deployed.current(), deployed.published().await);
        current.prove(&published, deployed.test.clock.now()).unwrap();
        assert_eq!(current.version, published.version);
        assert_eq!(published.version, if steps == 1 { 2 } else { 3 }, "no version was published with two contents");
    }
}

#[tokio::test]
async fn an_older_set_never_replaces_a_newer_one() {
    let deployed = Deployed::new().await;
    let old = deployed.published().await;
    deployed.secrets.rotate(TOKEN).unwrap();
    deployed.steps(TOKEN).await.unwrap();
    let store = &deployed.function.app.store;
    assert!(matches!(store.publish_keys(&old).await, Err(Error::Conflict)));
    // A deployment that read the secret before may still say what is the deployment's to say.
    store.publish_key_set(&auth::PublicKeySet { issuer: "https://new.example.com".into(), ..old }).await.unwrap();
    let published = deployed.published().await;
    assert_eq!((published.version, published.issuer.as_str()), (2, "https://new.example.com"));
    deployed.current().prove(&published, deployed.test.clock.now()).unwrap();
}

fn published_item(deployed: &Deployed) -> serde_json::Value {
    let published = deployed.test.keys.published(auth_testing::ISSUER, &[]);
    serde_json::json!({
        "pk": "KEYSET", "sk": "PUBLIC", "version": 1, "issuer": published.issuer, "jwks": published.jwks, "origins": [],
    })
}
