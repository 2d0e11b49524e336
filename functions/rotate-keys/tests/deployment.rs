//! What CloudFormation asks for, and the answer that it gets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use common::{Deployed, TOKEN};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const ISSUER: &str = "https://api.example.com";

/// Where CloudFormation waits: keeps what it is told, after refusing that often.
#[derive(Clone, Default)]
struct Callback {
    told: Arc<Mutex<Vec<Told>>>,
    refusals: Arc<Mutex<usize>>,
}

/// Method, path and query, headers and body.
type Told = (Method, String, HeaderMap, Value);

impl Callback {
    async fn open(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/answer?X-Amz-Signature=a%2Fb", listener.local_addr().unwrap());
        let callback = self.clone();
        let router = Router::new().fallback(async move |method: Method, uri: Uri, headers: HeaderMap, body: String| {
            let mut refusals = callback.refusals.lock().unwrap();
            if let Some(left) = refusals.checked_sub(1) {
                *refusals = left;
                return StatusCode::INTERNAL_SERVER_ERROR;
            }
            let body = serde_json::from_str(&body).unwrap();
            callback.told.lock().unwrap().push((method, uri.to_string(), headers, body));
            StatusCode::OK
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn only_answer(&self) -> Value {
        let told = self.told.lock().unwrap();
        assert_eq!(told.len(), 1);
        let (method, uri, headers, body) = &told[0];
        assert_eq!((method, uri.as_str()), (&Method::PUT, "/answer?X-Amz-Signature=a%2Fb"));
        // The address is signed for these: S3 refuses any other type, and a body of unknown length.
        assert_eq!(headers["content-type"], "");
        assert_eq!(headers["content-length"], body.to_string().len().to_string().as_str());
        body.clone()
    }
}

fn event(request: &str, url: &str) -> Value {
    let mut event = common::event("deployment");
    (event["RequestType"], event["ResponseURL"]) = (json!(request), json!(url));
    if request != "Create" {
        event["PhysicalResourceId"] = json!("key-set");
    }
    event
}

/// Sends the event after a change to it; returns the one answer.
async fn answered(deployed: &Deployed, request: &str, change: impl FnOnce(&mut Value)) -> Value {
    let callback = Callback::default();
    let mut event = event(request, &callback.open().await);
    change(&mut event);
    deployed.function.handle(event).await.unwrap();
    callback.only_answer()
}

#[tokio::test]
async fn a_first_deploy_makes_the_keys_publishes_them_and_can_rotate_afterwards() {
    let deployed = Deployed::fresh().await;
    let answer = answered(&deployed, "Create", |_| {}).await;
    assert_eq!(
        answer,
        json!({
            "Status": "SUCCESS", "PhysicalResourceId": "key-set", "RequestId": "unique", "LogicalResourceId": "KeySet",
            "StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/vestibule-dev/guid",
        })
    );
    let (current, published) = (deployed.current(), deployed.published().await);
    let now = deployed.test.clock.now();
    assert!(current.signing_key_id(now).is_some() && current.mac_key(now).is_some(), "in use at once");
    current.prove(&published, now).unwrap();
    assert_eq!((published.issuer.as_str(), published.origins), (ISSUER, vec!["https://app.example.com".to_owned()]));
    assert!(deployed.secrets.value("AWSCURRENT").unwrap().contains(r#""origin_proof":"proof""#));
    // SHA-256 of "proof".
    let digest = published.origin_proof_sha256.unwrap();
    assert_eq!(digest[..4], [193, 205, 162, 99]);

    // Then the schedule, with its trial, and one day its first rotation.
    deployed.secrets.turn_rotation_on();
    deployed.secrets.rotate(TOKEN).unwrap();
    deployed.steps(TOKEN).await.unwrap();
    assert_eq!(deployed.published().await.version, 2);
    assert_eq!(deployed.published().await.origin_proof_sha256, Some(digest));
}

#[tokio::test]
async fn a_create_that_comes_twice_makes_one_set_of_keys() {
    for _ in 0..4 {
        let deployed = Deployed::fresh().await;
        tokio::join!(answered(&deployed, "Create", |_| {}), answered(&deployed, "Create", |_| {}));
        answered(&deployed, "Create", |_| {}).await;
        assert_eq!(deployed.events("keys_created"), 1);
        deployed.current().prove(&deployed.published().await, deployed.test.clock.now()).unwrap();
    }
}

#[tokio::test]
async fn a_create_that_was_killed_anywhere_is_good_when_it_comes_again() {
    for takes_effect in [false, true] {
        for calls_before in 0.. {
            let deployed = Deployed::fresh().await;
            let event = event("Create", &Callback::default().open().await);
            let was_killed =
                deployed.secrets.kill_at(calls_before, takes_effect, deployed.function.handle(event)).await;
            assert_eq!(answered(&deployed, "Create", |_| {}).await["Status"], "SUCCESS");
            deployed.current().prove(&deployed.published().await, deployed.test.clock.now()).unwrap();
            if !was_killed {
                assert!(calls_before >= 3);
                break;
            }
        }
    }
}

#[tokio::test]
async fn an_update_changes_issuer_and_origins_and_no_key_also_during_a_rotation() {
    let deployed = Deployed::new().await;
    let keys = deployed.current().to_json();
    let answer = answered(&deployed, "Update", |event| event["ResourceProperties"]["Origins"] = json!([""])).await;
    assert_eq!((answer["Status"].as_str(), answer["PhysicalResourceId"].as_str()), (Some("SUCCESS"), Some("key-set")));
    let published = deployed.published().await;
    assert_eq!((published.issuer.as_str(), published.origins.len(), published.version), (ISSUER, 0, 1));
    assert_eq!(deployed.current().to_json().as_str(), keys.as_str());

    deployed.secrets.rotate(TOKEN).unwrap();
    deployed.step(TOKEN, "createSecret").await.unwrap();
    deployed.step(TOKEN, "setSecret").await.unwrap();
    answered(&deployed, "Update", |_| {}).await;
    let published = deployed.published().await;
    assert_eq!((published.origins.len(), published.version), (1, 2), "what the rotation has published stays");
    deployed.steps(TOKEN).await.unwrap();
}

#[tokio::test]
async fn a_delete_does_nothing_and_succeeds() {
    let deployed = Deployed::new().await;
    let before = deployed.secrets.value("AWSCURRENT");
    let answer = answered(&deployed, "Delete", |event| event["ResourceProperties"] = json!({})).await;
    assert_eq!(answer["Status"], "SUCCESS");
    assert_eq!(deployed.secrets.value("AWSCURRENT"), before);
    assert_eq!(deployed.published().await.version, 1);
}

#[tokio::test]
async fn what_fails_is_answered_with_a_reason_and_without_a_secret() {
    let properties = |value: Value| move |event: &mut Value| event["ResourceProperties"] = value;
    let deployed = Deployed::fresh().await;
    for (change, reason) in [
        (json!({}), "Issuer or Origins is missing"),
        (json!({ "Issuer": "https://api.example.com/" }), "Issuer must be"),
        (json!({ "Issuer": "ftp://api.example.com" }), "Issuer must be"),
        (json!({ "Issuer": "https://api.example.com?a" }), "Issuer must be"),
        (json!({ "Issuer": ISSUER, "Origins": ["https://app.example.com/"] }), "Origins must be"),
        (json!({ "Issuer": ISSUER, "Origins": ["*"] }), "Origins must be"),
    ] {
        let answer = answered(&deployed, "Create", properties(change)).await;
        assert_eq!(answer["Status"], "FAILED");
        assert!(answer["Reason"].as_str().unwrap().starts_with(reason), "{answer}");
        assert_eq!(answer["PhysicalResourceId"], "key-set");
    }
    let answer = answered(&deployed, "Rename", |_| {}).await;
    assert_eq!(answer["Status"], "FAILED");
    assert!(deployed.current().is_empty() && deployed.test.item("KEYSET", "PUBLIC").await.is_null());
}

#[tokio::test]
async fn a_service_that_refuses_at_first_is_asked_again() {
    let deployed = Deployed::fresh().await;
    // As many tries as the SDK makes for one call.
    for _ in 0..4 {
        deployed.test.wire.fail_next("UpdateItem", auth_testing::Fault::ServerError);
    }
    assert_eq!(answered(&deployed, "Create", |_| {}).await["Status"], "SUCCESS");
    assert_eq!(deployed.events("keys_created"), 1);
}

#[tokio::test]
async fn an_answer_that_is_refused_is_given_again() {
    let deployed = Deployed::new().await;
    let callback = Callback::default();
    let url = callback.open().await;
    *callback.refusals.lock().unwrap() = 2;
    deployed.function.handle(event("Delete", &url)).await.unwrap();
    assert_eq!(callback.only_answer()["Status"], "SUCCESS");

    *callback.refusals.lock().unwrap() = 9;
    let error = deployed.function.handle(event("Delete", &url)).await.unwrap_err();
    assert_eq!(error.to_string(), "callback: 500", "the address is a secret");
}

#[tokio::test]
async fn only_an_https_address_is_answered() {
    let deployed = Deployed::new().await;
    for url in ["http://example.com/", "ftp://127.0.0.1:1/", "", "https://"] {
        assert!(deployed.function.handle(event("Delete", url)).await.is_err(), "{url}");
    }
}
