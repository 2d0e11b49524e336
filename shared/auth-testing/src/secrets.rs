use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Secrets Manager with one secret, on loopback: the five operations that a rotation knows, as AWS documents them.
///
/// It refuses what AWS refuses: another value under a token that was used, a rotation during a pending one, a stage that
/// is not where the request says it is.
#[derive(Clone)]
pub struct SecretsManager {
    endpoint: String,
    state: Arc<Mutex<Secret>>,
    stopped: Arc<Notify>,
}

#[derive(Default)]
struct Secret {
    rotation_is_on: bool,
    versions: Vec<Version>,
    calls: Vec<String>,
    stop: Option<Stop>,
    was_stopped: bool,
}

struct Version {
    id: String,
    /// None between `RotateSecret` and the first `PutSecretValue`.
    value: Option<String>,
    stages: BTreeSet<String>,
}

#[derive(Clone, Copy)]
struct Stop {
    calls_before: usize,
    takes_effect: bool,
}

/// The name of an error, and what is wrong.
type Refusal = (&'static str, &'static str);

impl SecretsManager {
    pub const SECRET_ID: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:KeySet-a1b2c3";

    /// With the value that the template has generated.
    pub async fn open(value: &str) -> Self {
        Self::serve(TcpListener::bind("127.0.0.1:0").await.expect("a port"), value)
    }

    /// The same, where somebody else has chosen the address.
    pub fn serve(listener: TcpListener, value: &str) -> Self {
        let first = Version {
            id: "00000000-0000-4000-8000-000000000001".to_owned(),
            value: Some(value.to_owned()),
            stages: BTreeSet::from(["AWSCURRENT".to_owned()]),
        };
        let state = Arc::new(Mutex::new(Secret { versions: vec![first], ..Secret::default() }));
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let stopped = Arc::new(Notify::new());
        let router = Router::new().fallback(answer).with_state((state.clone(), stopped.clone()));
        // Ends with the test's runtime.
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, state, stopped }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Attaches a schedule, as the template's `RotationSchedule` does.
    pub fn turn_rotation_on(&self) {
        self.state.lock().unwrap().rotation_is_on = true;
    }

    /// `RotateSecret`: a version under the token, pending, without a value. The test calls the four steps.
    pub fn rotate(&self, token: &str) -> Result<(), Refusal> {
        self.state.lock().unwrap().rotate(&json!({ "ClientRequestToken": token })).map(drop)
    }

    /// The value of the version with this stage.
    pub fn value(&self, stage: &str) -> Option<String> {
        let secret = self.state.lock().unwrap();
        secret.versions.iter().find(|version| version.stages.contains(stage))?.value.clone()
    }

    pub fn stages(&self, version: &str) -> Vec<String> {
        let secret = self.state.lock().unwrap();
        let version = secret.versions.iter().find(|known| known.id == version);
        version.map(|version| version.stages.iter().cloned().collect()).unwrap_or_default()
    }

    /// The operations called since the last time.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }

    /// Lets one call hang, after that many others: before it takes effect, or after.
    pub fn stop_at(&self, calls_before: usize, takes_effect: bool) {
        let mut secret = self.state.lock().unwrap();
        secret.stop = Some(Stop { calls_before, takes_effect });
        secret.was_stopped = false;
    }

    /// Runs the work until it is done, or dead at that call, as if its process were killed. Says whether it died.
    pub async fn kill_at(&self, calls_before: usize, takes_effect: bool, work: impl Future) -> bool {
        self.stop_at(calls_before, takes_effect);
        tokio::select! {
            _ = work => {}
            () = self.stopped.notified() => {}
        }
        self.was_stopped()
    }

    /// Whether the call came at which it was to hang. None hangs from here on.
    pub fn was_stopped(&self) -> bool {
        let mut secret = self.state.lock().unwrap();
        secret.stop = None;
        secret.was_stopped
    }
}

impl Secret {
    fn call(&mut self, operation: &str, request: &Value) -> Result<Value, Refusal> {
        match operation {
            "GetSecretValue" => self.get(request),
            "PutSecretValue" => self.put(request),
            "DescribeSecret" => Ok(self.describe()),
            "UpdateSecretVersionStage" => self.update_stage(request),
            "RotateSecret" => self.rotate(request),
            _ => Err(("UnknownOperationException", "not one of the five")),
        }
    }

    fn get(&self, request: &Value) -> Result<Value, Refusal> {
        const NOT_FOUND: Refusal = ("ResourceNotFoundException", "can't find the specified secret value");
        let stage = match (&request["VersionStage"], &request["VersionId"]) {
            (Value::String(stage), _) => Some(stage.as_str()),
            (_, Value::String(_)) => None,
            _ => Some("AWSCURRENT"),
        };
        let version = self.versions.iter().find(|version| {
            request["VersionId"].as_str().is_none_or(|id| version.id == id)
                && stage.is_none_or(|stage| version.stages.contains(stage))
        });
        let version = version.ok_or(NOT_FOUND)?;
        let value = version.value.as_ref().ok_or(NOT_FOUND)?;
        Ok(json!({ "VersionId": version.id, "SecretString": value, "VersionStages": version.stages }))
    }

    fn put(&mut self, request: &Value) -> Result<Value, Refusal> {
        let token = token(request)?;
        let value = request["SecretString"].as_str().ok_or(("InvalidParameterException", "no value"))?;
        let stages: Vec<_> = match request["VersionStages"].as_array() {
            Some(stages) => stages.iter().map(|stage| stage.as_str().unwrap().to_owned()).collect(),
            None => vec!["AWSCURRENT".to_owned()],
        };
        match self.versions.iter_mut().find(|version| version.id == token) {
            Some(Version { value: Some(known), .. }) if known != value => {
                return Err(("ResourceExistsException", "another value exists under this token"));
            }
            Some(Version { value: Some(_), .. }) => return Ok(json!({ "VersionId": token })),
            Some(version) => version.value = Some(value.to_owned()),
            None => self.versions.push(Version {
                id: token.to_owned(),
                value: Some(value.to_owned()),
                stages: BTreeSet::new(),
            }),
        }
        for stage in stages {
            self.attach(&stage, token);
        }
        Ok(json!({ "VersionId": token }))
    }

    /// Versions without a stage are deprecated, and not listed.
    fn describe(&self) -> Value {
        let listed = self.versions.iter().filter(|version| !version.stages.is_empty());
        let stages: Map<_, _> = listed.map(|version| (version.id.clone(), json!(version.stages))).collect();
        json!({
            "ARN": SecretsManager::SECRET_ID,
            "RotationEnabled": self.rotation_is_on,
            "VersionIdsToStages": stages,
        })
    }

    fn update_stage(&mut self, request: &Value) -> Result<Value, Refusal> {
        let stage = request["VersionStage"].as_str().ok_or(("InvalidParameterException", "no stage"))?.to_owned();
        let holder = self.versions.iter().find(|version| version.stages.contains(&stage)).map(|v| v.id.clone());
        if holder.as_deref() != request["RemoveFromVersionId"].as_str() {
            return Err(("InvalidParameterException", "the stage is attached to another version"));
        }
        match request["MoveToVersionId"].as_str() {
            Some(to) if !self.versions.iter().any(|version| version.id == to) => {
                return Err(("ResourceNotFoundException", "no such version"));
            }
            Some(to) => self.attach(&stage, to),
            None => self.detach(&stage),
        }
        Ok(json!({ "ARN": SecretsManager::SECRET_ID }))
    }

    fn rotate(&mut self, request: &Value) -> Result<Value, Refusal> {
        let token = token(request)?;
        let is_under_way = |version: &Version| {
            version.stages.contains("AWSPENDING") && !version.stages.contains("AWSCURRENT") && version.id != token
        };
        if self.versions.iter().any(is_under_way) {
            return Err(("InvalidRequestException", "a previous rotation isn't complete"));
        }
        if !self.versions.iter().any(|version| version.id == token) {
            self.versions.push(Version { id: token.to_owned(), value: None, stages: BTreeSet::new() });
            self.attach("AWSPENDING", token);
        }
        Ok(json!({ "VersionId": token }))
    }

    fn attach(&mut self, stage: &str, to: &str) {
        let holder = self.versions.iter().find(|version| version.stages.contains(stage)).map(|v| v.id.clone());
        if holder.as_deref() == Some(to) {
            return;
        }
        self.detach(stage);
        if let Some(version) = self.versions.iter_mut().find(|version| version.id == to) {
            version.stages.insert(stage.to_owned());
        }
        if let (Some(former), "AWSCURRENT") = (holder, stage) {
            self.attach("AWSPREVIOUS", &former);
        }
    }

    fn detach(&mut self, stage: &str) {
        for version in &mut self.versions {
            version.stages.remove(stage);
        }
    }

    /// Whether the call that has just come is the one that hangs.
    fn stops(&mut self) -> Option<Stop> {
        let stop = self.stop.as_mut()?;
        if let Some(left) = stop.calls_before.checked_sub(1) {
            stop.calls_before = left;
            return None;
        }
        self.was_stopped = true;
        self.stop
    }
}

fn token(request: &Value) -> Result<&str, Refusal> {
    let token = request["ClientRequestToken"].as_str().filter(|token| (32..=64).contains(&token.len()));
    token.ok_or(("InvalidParameterException", "a token has 32 to 64 characters"))
}

async fn answer(
    State((secret, stopped)): State<(Arc<Mutex<Secret>>, Arc<Notify>)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let request: Value = serde_json::from_slice(&body).expect("the request is JSON");
    let (stop, answer) = {
        let mut secret = secret.lock().unwrap();
        secret.calls.push(operation.to_owned());
        let stop = secret.stops();
        let takes_effect = stop.is_none_or(|stop| stop.takes_effect);
        let is_ours = request["SecretId"] == SecretsManager::SECRET_ID;
        let answer = match (takes_effect, is_ours) {
            (true, true) => secret.call(operation, &request),
            (true, false) => Err(("ResourceNotFoundException", "no such secret")),
            (false, _) => Ok(Value::Null),
        };
        (stop, answer)
    };
    if stop.is_some() {
        stopped.notify_one();
        std::future::pending::<()>().await;
    }
    match answer {
        Ok(value) => (StatusCode::OK, value.to_string()).into_response(),
        Err((name, why)) => {
            (StatusCode::BAD_REQUEST, json!({ "__type": name, "message": why }).to_string()).into_response()
        }
    }
}

#[cfg(test)]
mod tests;
