//! A deployed function: the secret in a stand-in for Secrets Manager, the table in a real engine.

// Each test file is a crate of its own, and none uses all of it.
#![allow(dead_code)]

use auth::{App, Config, KeySet, KeySetSecret};
use auth_testing::{SecretsManager, TestApp};
use axum::Router;
use rotate_keys::RotateKeys;
use serde_json::{Value, json};

pub const TOKEN: &str = "11111111-1111-4111-8111-111111111111";
pub const OTHER_TOKEN: &str = "22222222-2222-4222-8222-222222222222";
pub const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// `events/rotate-keys-<name>.json`.
pub fn event(name: &str) -> Value {
    let path = format!("{}/../../events/rotate-keys-{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub struct Deployed {
    pub test: TestApp,
    pub secrets: SecretsManager,
    pub function: RotateKeys,
}

impl Deployed {
    /// A stack whose keys are there and published.
    pub async fn new() -> Self {
        let test = TestApp::new(|_| Router::new()).await;
        let mut secret: Value = serde_json::from_str(&test.keys.to_json()).unwrap();
        secret["origin_proof"] = json!("proof");
        let deployed = Self::with(test, &secret.to_string()).await;
        deployed.secrets.turn_rotation_on();
        deployed
    }

    /// A stack whose secret is as the template has generated it, and whose table is empty.
    pub async fn fresh() -> Self {
        let test = TestApp::new(|_| Router::new()).await;
        test.delete("KEYSET", "PUBLIC").await;
        Self::with(test, r#"{"keys":[],"origin_proof":"proof"}"#).await
    }

    async fn with(test: TestApp, secret: &str) -> Self {
        let secrets = SecretsManager::open(secret).await;
        let config = Config::local(test.wire.endpoint(), test.wire.table());
        let config = config.with_secret(secrets.endpoint(), SecretsManager::SECRET_ID);
        let app = App::with(config, test.clock.clone(), test.random.clone(), test.log.clone());
        let secret = KeySetSecret::open(&app).unwrap();
        Self { test, secrets, function: RotateKeys { app, secret } }
    }

    pub async fn step(&self, token: &str, step: &str) -> Result<Value, auth::Error> {
        let mut event = event("rotation");
        (event["ClientRequestToken"], event["Step"]) = (json!(token), json!(step));
        self.function.handle(event).await
    }

    /// All four steps, as Secrets Manager makes them: the first that fails ends the rotation.
    pub async fn steps(&self, token: &str) -> Result<(), auth::Error> {
        for step in STEPS {
            self.step(token, step).await?;
        }
        Ok(())
    }

    /// What functions read.
    pub fn current(&self) -> KeySet {
        self.set("AWSCURRENT").unwrap()
    }

    pub fn set(&self, stage: &str) -> Option<KeySet> {
        self.secrets.value(stage).map(|text| KeySet::from_json(&text).unwrap())
    }

    pub async fn published(&self) -> auth::PublicKeySet {
        self.function.app.store.key_set().await.unwrap()
    }

    /// How often this event was logged.
    pub fn events(&self, name: &str) -> usize {
        self.test.log.lines().iter().filter(|line| line.contains(&format!("\"{name}\""))).count()
    }
}
