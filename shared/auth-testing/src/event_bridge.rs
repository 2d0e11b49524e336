use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// EventBridge with one bus, on loopback: `PutEvents`, as AWS documents it. It takes or refuses each entry by itself, and
/// refuses calls that AWS refuses as a whole.
#[derive(Clone)]
pub struct EventBridge {
    endpoint: String,
    state: Arc<Mutex<Buses>>,
}

#[derive(Default)]
struct Buses {
    /// How many entries each call had.
    calls: Vec<usize>,
    taken: Vec<Value>,
    faults: VecDeque<BusFault>,
    never: Option<String>,
}

/// What goes wrong with the next call.
#[derive(Clone, Debug)]
pub enum BusFault {
    /// The entries at these places are refused with the code.
    Entries(Vec<usize>, &'static str),
    /// A 500; nothing is taken.
    Call,
    /// All entries are taken, and the answer is a 500.
    LoseAnswer,
    /// The call as a whole is refused, for good.
    Denied,
}

impl EventBridge {
    pub const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/audit";

    pub async fn open() -> Self {
        Self::serve(TcpListener::bind("127.0.0.1:0").await.expect("a port"))
    }

    /// The same, where somebody else has chosen the address.
    pub fn serve(listener: TcpListener) -> Self {
        let state = Arc::<Mutex<Buses>>::default();
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(state.clone());
        // Ends with the test's runtime.
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, state }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub fn fail_next(&self, fault: BusFault) {
        self.state.lock().unwrap().faults.push_back(fault);
    }

    /// Refuses the entry about this resource whenever it comes.
    pub fn never_take(&self, resource: &str) {
        self.state.lock().unwrap().never = Some(resource.to_owned());
    }

    /// How many entries each call since the last look had.
    pub fn take_calls(&self) -> Vec<usize> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }

    /// The entries that are on the bus, in the order of their coming.
    pub fn entries(&self) -> Vec<Value> {
        self.state.lock().unwrap().taken.clone()
    }
}

/// The code of an entry that AWS would refuse.
fn fault(entry: &Value) -> Option<&'static str> {
    let has = |name: &str| entry[name].as_str().is_some_and(|text| !text.is_empty());
    let detail = entry["Detail"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    if !has("Source") || !has("DetailType") || !has("Detail") {
        Some("InvalidArgument")
    } else if !detail.is_some_and(|detail| detail.is_object()) {
        Some("MalformedDetail")
    } else if entry["EventBusName"] != EventBridge::BUS {
        Some("ResourceNotFoundException")
    } else {
        None
    }
}

async fn answer(State(state): State<Arc<Mutex<Buses>>>, headers: HeaderMap, body: Bytes) -> Response {
    let refused = |status: StatusCode, name: &str| (status, json!({ "__type": name }).to_string()).into_response();
    let server_error = || refused(StatusCode::INTERNAL_SERVER_ERROR, "InternalException");
    assert_eq!(headers["x-amz-target"], "AWSEvents.PutEvents");
    let request: Value = serde_json::from_slice(&body).expect("the request is JSON");
    let entries = request["Entries"].as_array().expect("entries");
    let mut state = state.lock().unwrap();
    state.calls.push(entries.len());
    if !(1..=10).contains(&entries.len()) || body.len() > 256 * 1024 {
        return refused(StatusCode::BAD_REQUEST, "ValidationException");
    }
    let injected = state.faults.pop_front();
    match injected {
        Some(BusFault::Call) => return server_error(),
        Some(BusFault::Denied) => return refused(StatusCode::BAD_REQUEST, "AccessDeniedException"),
        _ => {}
    }
    let mut answers = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let code = match &injected {
            Some(BusFault::Entries(places, code)) if places.contains(&place) => Some(*code),
            _ if state.never.is_some() && entry["Resources"][0].as_str() == state.never.as_deref() => {
                Some("InternalFailure")
            }
            _ => fault(entry),
        };
        answers.push(if let Some(code) = code {
            json!({ "ErrorCode": code, "ErrorMessage": "quotes the request" })
        } else {
            state.taken.push(entry.clone());
            json!({ "EventId": format!("event-{}", state.taken.len()) })
        });
    }
    if matches!(injected, Some(BusFault::LoseAnswer)) {
        return server_error();
    }
    let failed = answers.iter().filter(|answer| answer.get("ErrorCode").is_some()).count();
    (StatusCode::OK, json!({ "FailedEntryCount": failed, "Entries": answers }).to_string()).into_response()
}
