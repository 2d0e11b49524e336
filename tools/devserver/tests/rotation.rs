//! Nobody notices a rotation: clients on several instances of every function while the keys rotate twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth::{
    App, BreachedPasswords, Config, KeySetSecret, PublicKeySet, Schedule, Signer, Throttle, Timestamp, Verifier,
};
use auth_testing::{PASSWORD, SecretsManager, TestApp};
use axum::Router;
use devserver::Powers;
use rotate_keys::RotateKeys;
use serde_json::{Value, json};
use tokio::sync::RwLock;

/// What was published from when on.
type History = Mutex<Vec<(Timestamp, PublicKeySet)>>;

struct Fleet {
    test: TestApp,
    secrets: SecretsManager,
    rotate_keys: RotateKeys,
    instances: Vec<TestApp>,
    history: History,
    /// Held to read while tokens are on their way, and to write while the clock moves: a token may expire then.
    time: RwLock<()>,
    is_over: AtomicBool,
    /// Tokens signed by a key that is not the first.
    under_new_keys: AtomicUsize,
}

impl Fleet {
    async fn new(instances: usize) -> Self {
        let test = TestApp::new(|_| Router::new()).await;
        let secrets = SecretsManager::open(&test.keys.to_json()).await;
        secrets.turn_rotation_on();
        let rotating = app(&test, &secrets);
        let secret = KeySetSecret::open(&rotating).unwrap();
        let history = Mutex::new(vec![(test.clock.now(), test.app.store.key_set().await.unwrap())]);
        let mut fleet = Self {
            test,
            secrets,
            rotate_keys: RotateKeys { app: rotating, secret },
            instances: Vec::new(),
            history,
            time: RwLock::default(),
            is_over: AtomicBool::new(false),
            under_new_keys: AtomicUsize::new(0),
        };
        for _ in 0..instances {
            fleet.instances.push(fleet.instance().await);
        }
        fleet
    }

    /// One of each function, with key sets of its own that it reads now.
    async fn instance(&self) -> TestApp {
        let app = app(&self.test, &self.secrets);
        let (signer, hasher) = (Signer::load(&app).await.unwrap(), self.test.hasher.clone());
        let (throttle, breached) = (Throttle::new(&app), BreachedPasswords::new(&app));
        let router = devserver::routers(&app, Powers { hasher, signer: signer.clone(), throttle, breached });
        let mut instance = self.test.clone();
        (instance.app, instance.signer) = (app, signer);
        instance.mount(router)
    }

    /// Signs in, then refreshes and reads the profile, each time somewhere else, until it is over.
    async fn client(&self, number: usize) -> usize {
        let mut turn = number;
        let mut next = || {
            turn += 1;
            &self.instances[turn % self.instances.len()]
        };
        let guard = self.time.read().await;
        let credentials = json!({ "username": format!("user{number}"), "password": PASSWORD });
        let answer = next().post("/auth/login", credentials).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let mut tokens = answer.body;
        drop(guard);
        let mut rounds = 0;
        while !self.is_over.load(Ordering::SeqCst) {
            let _guard = self.time.read().await;
            let answer = next().post("/auth/refresh", json!({ "refresh_token": tokens["refresh_token"] })).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            tokens = answer.body;
            let access = tokens["access_token"].as_str().unwrap();
            self.verify_elsewhere(access);
            let authorization = format!("Bearer {access}");
            let answer = next().get("/auth/profile", &[("authorization", &authorization)]).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            rounds += 1;
        }
        rounds
    }

    /// As another service does, with a key set that it fetched as long ago as caches may keep one.
    fn verify_elsewhere(&self, token: &str) {
        let now = self.test.clock.now();
        let history = self.history.lock().unwrap();
        let known_at = |at: Timestamp| history.iter().rfind(|(from, _)| *from <= at).unwrap_or(&history[0]).1.clone();
        let fetched_at = Timestamp::from_millis(now.millis() - millis(Schedule::KNOWN_FOR));
        let verifier = Verifier::new(&known_at(fetched_at)).unwrap();
        verifier.verify(token, &self.test.app.config.audience, now).unwrap();
        if Verifier::new(&history[0].1).unwrap().is_missing_key_of(token) {
            self.under_new_keys.fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn rotate(&self, token: &str) {
        self.secrets.rotate(token).unwrap();
        for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
            let event = json!({ "SecretId": SecretsManager::SECRET_ID, "ClientRequestToken": token, "Step": step });
            self.rotate_keys.handle(event).await.unwrap();
            let published = self.test.app.store.key_set().await.unwrap();
            let mut history = self.history.lock().unwrap();
            if history.last().unwrap().1.version != published.version {
                history.push((self.test.clock.now(), published));
            }
        }
    }

    async fn advance(&self, by: Duration) {
        let _guard = self.time.write().await;
        self.test.clock.advance(by);
    }
}

fn app(test: &TestApp, secrets: &SecretsManager) -> App {
    let mut config = Config::local(test.wire.endpoint(), test.wire.table());
    config.pseudonym_key.clone_from(&test.app.config.pseudonym_key);
    let config = config.with_secret(secrets.endpoint(), SecretsManager::SECRET_ID);
    App::with(config, test.clock.clone(), test.random.clone(), test.log.clone())
}

/// Signs in there; the refresh token.
async fn sign_in(instance: &TestApp) -> Value {
    let answer = instance.post("/auth/login", json!({ "username": "ada", "password": PASSWORD })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["refresh_token"].clone()
}

async fn refresh(instance: &TestApp, token: &Value) -> Value {
    let answer = instance.post("/auth/refresh", json!({ "refresh_token": token })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["refresh_token"].clone()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_clients_notice_nothing_of_two_rotations() {
    let fleet = Arc::new(Fleet::new(3).await);
    for number in 0..8 {
        fleet.test.seed_user(&format!("user{number}")).await;
    }
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let fleet = fleet.clone();
            tokio::spawn(async move { fleet.client(number).await })
        })
        .collect();
    // Enough for every client to have been everywhere, with what is true at that moment.
    let breathe = || tokio::time::sleep(Duration::from_millis(250));

    breathe().await;
    for token in ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"] {
        fleet.rotate(token).await;
        breathe().await;
        // Some instances read the new set now, some do not; then its keys come into use; then all is old again.
        for minutes in [4, 2, 176, 12, 2, 60] {
            fleet.advance(Duration::from_mins(minutes)).await;
            breathe().await;
        }
    }
    fleet.is_over.store(true, Ordering::SeqCst);
    for client in clients {
        assert!(client.await.unwrap() > 5, "a client had no turn");
    }
    assert_eq!(fleet.history.lock().unwrap().len(), 3);
    assert!(fleet.under_new_keys.load(Ordering::SeqCst) > 8);
    let lines = fleet.test.log.lines().join("\n");
    for alarm in ["reuse_detected", "foreign_lineage", "\"level\":\"error\""] {
        assert!(!lines.contains(alarm), "{alarm}");
    }
}

#[tokio::test]
async fn a_token_under_a_mac_key_that_an_instance_has_not_read_makes_it_read_again() {
    let fleet = Fleet::new(1).await;
    fleet.test.seed_user("ada").await;
    let old = sign_in(&fleet.instances[0]).await;
    fleet.rotate_keys.handle(json!({ "Revoke": "mac" })).await.unwrap();
    let newer = fleet.instance().await;
    let token = sign_in(&newer).await;
    fleet.advance(Duration::from_secs(11)).await;
    refresh(&fleet.instances[0], &token).await;
    // And what was revoked is revoked there too, from then on.
    let answer = fleet.instances[0].post("/auth/refresh", json!({ "refresh_token": old })).await;
    assert_eq!((answer.status, answer.code()), (401, "invalid_refresh_token"));
}

#[tokio::test]
async fn a_retry_at_an_instance_that_could_not_read_the_new_set_gets_the_same_successor() {
    let fleet = Fleet::new(1).await;
    fleet.test.seed_user("ada").await;
    let token = sign_in(&fleet.instances[0]).await;
    fleet.rotate("11111111-1111-4111-8111-111111111111").await;
    fleet.advance(Duration::from_hours(4)).await;
    // Secrets Manager does not answer: the instance goes on with what it has.
    fleet.secrets.stop_at(0, false);
    sign_in(&fleet.instances[0]).await;
    assert!(fleet.secrets.was_stopped());
    let successor = refresh(&fleet.instance().await, &token).await;
    fleet.advance(Duration::from_secs(11)).await;
    assert_eq!(refresh(&fleet.instances[0], &token).await, successor);
}
