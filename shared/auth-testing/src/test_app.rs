use std::net::IpAddr;
use std::sync::OnceLock;

use auth::{Algorithm, App, Clock, HashParameters, Hasher, KeySet, Log, Random, Signer, Throttle, Timestamp};
use auth_http::Peer;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use lambda_http::Context;
use lambda_http::request::LambdaRequest;
use serde_json::Value;
use tower::ServiceExt;

use crate::{Answer, Wire};

/// When tests take place: 2026-11-24T09:30:00Z, until they advance the clock.
pub const NOW: Timestamp = Timestamp::from_millis(1_795_512_600_000);

/// The issuer of the tokens, and the one origin whose pages may use cookies.
pub const ISSUER: &str = "http://127.0.0.1:3000";

/// An application on a table of its own.
#[derive(Clone)]
pub struct TestApp {
    pub app: App,
    /// The application's clock: `clock.advance(…)` moves its time.
    pub clock: Clock,
    pub random: Random,
    pub log: Log,
    pub wire: Wire,
    pub keys: KeySet,
    pub signer: Signer,
    /// Hashes in microseconds: 64 KiB, one pass.
    pub hasher: Hasher,
    pub throttle: Throttle,
    /// Where requests come from: 192.0.2.1, unless [`TestApp::from`] says otherwise.
    address: IpAddr,
    router: Router,
}

impl TestApp {
    /// With an ES256 key set, which all tests of a process share.
    ///
    /// ```ignore
    /// let app = TestApp::new(|test| login::router(test.app.clone(), test.hasher.clone(), test.signer.clone())).await;
    /// ```
    pub async fn new(build: impl FnOnce(&Self) -> Router) -> Self {
        Self::with_keys(shared_keys(), build).await
    }

    /// With a key set of the caller's. It is published already; the wire has counted nothing yet.
    pub async fn with_keys(keys: KeySet, build: impl FnOnce(&Self) -> Router) -> Self {
        let wire = Wire::open().await;
        let (clock, random, log) = (Clock::fixed(NOW), Random::seeded(1), Log::memory());
        let app = App::for_tests(wire.endpoint(), wire.table(), clock.clone(), random.clone(), log.clone());
        let published = keys.published(ISSUER, &[ISSUER.to_owned()]);
        app.store.publish_key_set(&published).await.expect("the key set is published");
        app.pseudonyms().await.expect("a key of pseudonyms");
        wire.take_calls();
        let test = Self {
            signer: Signer::fixed(&app, keys.clone()),
            hasher: Hasher::new(CHEAP, 4, random.clone()),
            throttle: Throttle::new(&app),
            address: IpAddr::from([192, 0, 2, 1]),
            router: Router::new(),
            app,
            clock,
            random,
            log,
            wire,
            keys,
        };
        let router = build(&test);
        test.mount(router)
    }

    /// The same application, table and wire under another function's router.
    #[must_use]
    pub fn mount(&self, router: Router) -> Self {
        Self { router: auth_http::edge(router, &self.app), ..self.clone() }
    }

    /// The router as it is served.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The same application, asked from another address.
    #[must_use]
    pub fn from(&self, address: &str) -> Self {
        Self { address: address.parse().expect("an address"), ..self.clone() }
    }

    /// The same table, in a function that was not told where the key of pseudonyms is.
    #[must_use]
    pub fn without_pseudonyms(&self) -> Self {
        Self { app: self.app.without_pseudonyms(), ..self.clone() }
    }

    /// The same application and table, as another instance, which has seen nothing yet. Mount a router on it.
    #[must_use]
    pub fn instance(&self) -> Self {
        Self { throttle: Throttle::new(&self.app), ..self.clone() }
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.request("GET", path, headers, ()).await
    }

    /// A JSON body, and no header but its `Content-Type`.
    pub async fn post(&self, path: &str, json: Value) -> Answer {
        self.request("POST", path, &[JSON], json.to_string()).await
    }

    /// A JSON body, its `Content-Type`, and the given headers.
    pub async fn patch(&self, path: &str, headers: &[(&str, &str)], json: Value) -> Answer {
        self.request("PATCH", path, &[headers, &[JSON]].concat(), json.to_string()).await
    }

    /// Any request; a header may come twice.
    pub async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for &(name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.extension(Peer(self.address)).body(body.into()).expect("a request");
        let response = self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        Answer::read(response).await
    }

    /// Sends `events/<name>.json`, after `edit`, the way the Lambda runtime would.
    pub async fn event(&self, name: &str, edit: impl FnOnce(&mut Value)) -> Answer {
        let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut event = serde_json::from_str(&text).expect("the event is JSON");
        edit(&mut event);
        let event: LambdaRequest = serde_json::from_str(&event.to_string()).expect("an API Gateway v2 event");
        let answer = auth_http::handle(self.router.clone(), event, Context::default()).await;
        Answer::of_lambda(&serde_json::to_value(&answer).expect("the answer is JSON"))
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");
const CHEAP: HashParameters = HashParameters { memory_kib: 64, iterations: 1, parallelism: 1 };

/// The document of a key set as a deployment behind a distribution has it.
pub fn with_origin_proof(proof: &str) -> String {
    let mut document: Value = serde_json::from_str(&shared_keys().to_json()).expect("JSON");
    document["origin_proof"] = Value::from(proof);
    document.to_string()
}

fn shared_keys() -> KeySet {
    static KEYS: OnceLock<KeySet> = OnceLock::new();
    KEYS.get_or_init(|| KeySet::generate(Algorithm::ES256, NOW, &Random::seeded(0)).expect("a key set")).clone()
}
