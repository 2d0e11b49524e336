use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::Engine;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// One request to DynamoDB and what it cost.
///
/// Capacity is what the answer reports. A refused write reports none, although DynamoDB charges for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// For example `TransactWriteItems`.
    pub operation: String,
    /// When it arrived and when its answer left, by one count of all arrivals and departures on this wire.
    pub started_order: u64,
    /// `None` while there is no answer.
    pub finished_order: Option<u64>,
    pub read_units: f64,
    /// Of the table alone.
    pub write_units: f64,
    pub gsi_write_units: f64,
    pub request: Value,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another transaction holds the (first) item; nothing is written.
    Conflict,
    /// `ProvisionedThroughputExceededException`; nothing is written.
    Throttle,
    /// The call takes effect, and its answer is a 500.
    LoseAnswer,
    /// A 500; nothing is written.
    ServerError,
    /// No answer ever; nothing is written.
    Hang,
    /// The call takes effect, and there is no answer ever.
    HangAfter,
    /// The call takes effect when the SDK has given it up, [`LATE`] after its arrival.
    Late,
    /// The call takes effect, and its answer takes 300 ms longer.
    Slow,
    /// The connection ends without an answer; nothing is written.
    CutOff,
    /// The call takes effect, and the connection ends without an answer.
    CutOffAfter,
    /// A `BatchGetItem` reads nothing and names all its keys as unprocessed.
    PutOff,
}

/// Above the time of one attempt, and below that of an operation with all its attempts: see `store/sdk.rs`.
pub const LATE: Duration = Duration::from_millis(1500);

/// An HTTP proxy between the application and the engine. One a test, so that tests don't disturb each other.
#[derive(Clone)]
pub struct Wire {
    endpoint: String,
    table: String,
    state: Arc<WireState>,
}

/// A call that waits. Dropping it releases the call.
#[must_use = "dropping the hold releases the call"]
pub struct Hold(Arc<Gate>);

impl Wire {
    pub(crate) async fn open() -> Self {
        static TABLES: AtomicU64 = AtomicU64::new(0);
        let table = format!("test-{}", TABLES.fetch_add(1, Ordering::SeqCst));
        shared_engine().engine.create_table(&table).expect("a table");
        Self::before(&shared_engine().endpoint, &table).await
    }

    /// A wire to `table` of the engine that answers at this address.
    pub async fn before(engine: &str, table: &str) -> Self {
        let state = Arc::new(WireState::new(engine));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let proxy = Router::new().fallback(proxy).with_state(state.clone());
        // Ends with the test's runtime.
        tokio::spawn(async move { axum::serve(listener, proxy).await });
        Self { endpoint, table: table.to_owned(), state }
    }

    /// Where the application finds its table.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub fn table(&self) -> &str {
        &self.table
    }

    /// The calls since the last time, in the order of their arrival.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.state.calls.lock().unwrap())
    }

    /// The longest chain of calls of which each began after the one before had ended.
    ///
    /// Two calls that are made together overlap on the wire only if they last long enough: see [`Wire::slow`].
    pub fn serial_round_trips(&self, calls: &[Call]) -> usize {
        let mut chains: Vec<usize> = Vec::with_capacity(calls.len());
        for call in calls {
            let is_before = |earlier: &Call| earlier.finished_order.is_some_and(|end| end < call.started_order);
            let before = calls.iter().zip(&chains).filter(|(earlier, _)| is_before(earlier));
            chains.push(1 + before.map(|(_, length)| *length).max().unwrap_or(0));
        }
        chains.into_iter().max().unwrap_or(0)
    }

    /// Lets every call take this much longer. 50 ms make calls overlap that are made together.
    pub fn slow(&self, delay: Duration) {
        *self.state.delay.lock().unwrap() = delay;
    }

    /// Fails the next call of this operation for which no failure was asked before.
    pub fn fail_next(&self, operation: &str, fault: Fault) {
        self.state.faults.lock().unwrap().push_back((operation.to_owned(), fault));
    }

    /// Asks `draw` for the fault of every call, by its operation, for which no failure was asked otherwise.
    pub fn draw_faults(&self, draw: impl FnMut(&str) -> Option<Fault> + Send + 'static) {
        *self.state.draw.lock().unwrap() = Some(Box::new(draw));
    }

    /// No faults from here on, and a return when the calls on their way have taken effect, those included that the SDK
    /// has given up.
    pub async fn settle(&self) {
        *self.state.draw.lock().unwrap() = None;
        self.state.faults.lock().unwrap().clear();
        while self.state.under_way.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Runs the work until it is done, or dead at its call number `calls_before`, as if its process were killed. Says
    /// whether it died.
    ///
    /// What the work had sent takes effect, except that last call, which does if `takes_effect`.
    pub async fn kill_at(&self, calls_before: usize, takes_effect: bool, work: impl Future) -> bool {
        let (killed, reached) = (Arc::new(Notify::new()), AtomicUsize::new(0));
        let tell = killed.clone();
        self.draw_faults(move |_| {
            if reached.fetch_add(1, Ordering::SeqCst) != calls_before {
                return None;
            }
            tell.notify_one();
            Some(if takes_effect { Fault::HangAfter } else { Fault::Hang })
        });
        let died = tokio::select! {
            biased;
            () = killed.notified() => true,
            _ = work => false,
        };
        self.settle().await;
        died
    }

    /// Stops the next call of this operation before it takes effect, until [`Hold::release`].
    ///
    /// The SDK gives an attempt up after 0.9 s and sends another; the one that is held takes effect all the same.
    pub fn hold(&self, operation: &str) -> Hold {
        let gate = Arc::new(Gate::default());
        self.state.holds.lock().unwrap().push_back((operation.to_owned(), gate.clone()));
        Hold(gate)
    }

    /// A request on this test's table, straight to the engine.
    pub(crate) async fn direct(&self, operation: &str, mut request: Value) -> Value {
        request["TableName"] = json!(self.table);
        let head = Request::post(&self.state.engine)
            .header(header::CONTENT_TYPE, JSON)
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("x-amz-date", "20261124T093000Z")
            .header(header::AUTHORIZATION, SIGNATURE);
        let (status, _, body) = self.state.send(head.body(Body::from(request.to_string())).unwrap()).await;
        assert!(status.is_success(), "{operation}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }
}

impl Hold {
    /// Waits until the call is there.
    pub async fn reached(&self) {
        self.0.reached.notified().await;
    }

    /// Lets the call go on.
    pub fn release(self) {
        drop(self);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.released.notify_one();
    }
}

struct WireState {
    client: Client<HttpConnector, Body>,
    /// Its address.
    engine: String,
    order: AtomicU64,
    calls: Mutex<Vec<Call>>,
    delay: Mutex<Duration>,
    faults: Mutex<VecDeque<(String, Fault)>>,
    holds: Mutex<VecDeque<(String, Arc<Gate>)>>,
    draw: Mutex<Option<Draw>>,
    /// Calls that have arrived, and neither taken effect nor been refused.
    under_way: AtomicUsize,
}

type Draw = Box<dyn FnMut(&str) -> Option<Fault> + Send>;

#[derive(Default)]
struct Gate {
    reached: Notify,
    released: Notify,
}

impl WireState {
    fn new(engine: &str) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            engine: engine.to_owned(),
            order: AtomicU64::new(0),
            calls: Mutex::default(),
            delay: Mutex::default(),
            faults: Mutex::default(),
            holds: Mutex::default(),
            draw: Mutex::default(),
            under_way: AtomicUsize::new(0),
        }
    }

    fn start(&self, operation: &str, request: Value) -> u64 {
        let mut calls = self.calls.lock().unwrap();
        let started_order = self.order.fetch_add(1, Ordering::SeqCst);
        calls.push(Call {
            operation: operation.to_owned(),
            started_order,
            finished_order: None,
            read_units: 0.0,
            write_units: 0.0,
            gsi_write_units: 0.0,
            request,
        });
        started_order
    }

    /// A call that was taken meanwhile stays as it was taken.
    fn finish(&self, started_order: u64, answer: &[u8]) {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let mut calls = self.calls.lock().unwrap();
        let order = self.order.fetch_add(1, Ordering::SeqCst);
        if let Some(call) = calls.iter_mut().find(|call| call.started_order == started_order) {
            call.finished_order = Some(order);
            call.charge(&answer["ConsumedCapacity"]);
        }
    }

    async fn send(&self, request: Request) -> (StatusCode, axum::http::HeaderMap, Bytes) {
        let (head, body) = self.client.request(request).await.expect("the engine answers").into_parts();
        let body = to_bytes(Body::new(body), usize::MAX).await.expect("the engine's body");
        (head.status, head.headers, body)
    }
}

impl Call {
    /// A transaction and a batch report one capacity a table, everything else one.
    fn charge(&mut self, consumed: &Value) {
        for table in consumed.as_array().map_or(std::slice::from_ref(consumed), Vec::as_slice) {
            let units = |value: &Value| value["CapacityUnits"].as_f64().unwrap_or(0.0);
            // A transaction that DynamoDB recognises as done already costs reads.
            if self.is_read() || table["ReadCapacityUnits"].is_number() {
                self.read_units += units(table);
            } else {
                let indexes = table["GlobalSecondaryIndexes"].as_object();
                let of_indexes: f64 = indexes.map_or(0.0, |indexes| indexes.values().map(units).sum());
                self.gsi_write_units += of_indexes;
                self.write_units += units(table) - of_indexes;
            }
        }
    }

    fn is_read(&self) -> bool {
        ["GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan"].contains(&self.operation.as_str())
    }
}

struct SharedEngine {
    engine: Engine,
    endpoint: String,
}

const JSON: &str = "application/x-amz-json-1.0";

/// The engine wants credentials to be there and complete, and compares nothing.
const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=test/20261124/eu-central-1/dynamodb/aws4_request, \
                         SignedHeaders=host;x-amz-date, Signature=0";

/// One engine a process, on a thread and runtime of its own: a test's runtime ends with the test.
fn shared_engine() -> &'static SharedEngine {
    static ENGINE: OnceLock<SharedEngine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let engine = Engine::open(None, "unused").expect("an engine");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let endpoint = format!("http://{}/", listener.local_addr().expect("an address"));
        let served = engine.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                served.serve(listener, std::future::pending()).await
            })
        });
        SharedEngine { engine, endpoint }
    })
}

async fn proxy(State(wire): State<Arc<WireState>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("the request's body");
    // A call that has arrived takes its course, whether or not somebody still waits for the answer.
    let course = tokio::spawn(async move { wire.course(head, &body).await });
    match course.await.expect("an answer or none") {
        Outcome::Answer(answer) => answer,
        Outcome::Silence => std::future::pending().await,
        // Ends the task of this connection, and so the connection, without the message of a panic.
        Outcome::CutOff => resume_unwind(Box::new("cut off by the test")),
    }
}

/// What the caller is told.
enum Outcome {
    Answer(Response),
    Silence,
    CutOff,
}

impl WireState {
    async fn course(&self, mut head: Parts, body: &[u8]) -> Outcome {
        let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let mut request: Value = serde_json::from_slice(body).expect("the request is JSON");

        self.under_way.fetch_add(1, Ordering::SeqCst);
        let call = self.start(&operation, request.clone());
        if let Some(gate) = take(&self.holds, &operation) {
            gate.reached.notify_one();
            gate.released.notified().await;
        }
        let delay = *self.delay.lock().unwrap();
        if !delay.is_zero() {
            // The runtime's own timer goes by whole milliseconds.
            tokio::task::spawn_blocking(move || std::thread::sleep(delay)).await.expect("a thread that sleeps");
        }
        let fault = take(&self.faults, &operation).or_else(|| self.draw.lock().unwrap().as_mut()?(&operation));
        let refusal = match fault {
            None | Some(Fault::LoseAnswer | Fault::HangAfter | Fault::Slow | Fault::CutOffAfter) => None,
            Some(Fault::Late) => {
                tokio::time::sleep(LATE).await;
                None
            }
            Some(Fault::Hang) => Some(Outcome::Silence),
            Some(Fault::CutOff) => Some(Outcome::CutOff),
            Some(Fault::Conflict) => Some(Outcome::Answer(conflict(&request))),
            Some(Fault::Throttle) => {
                Some(Outcome::Answer(error(StatusCode::BAD_REQUEST, "ProvisionedThroughputExceededException")))
            }
            Some(Fault::ServerError) => Some(Outcome::Answer(server_error())),
            Some(Fault::PutOff) => Some(Outcome::Answer(put_off(&request))),
        };
        if let Some(refusal) = refusal {
            // What never answers never finishes.
            if !matches!(refusal, Outcome::Silence) {
                self.finish(call, b"");
            }
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            return refusal;
        }

        request["ReturnConsumedCapacity"] = json!("INDEXES");
        head.uri = self.engine.parse().expect("an address");
        head.headers.remove(header::CONTENT_LENGTH);
        head.headers.remove(header::HOST);
        let (status, headers, body) = self.send(Request::from_parts(head, Body::from(request.to_string()))).await;
        self.finish(call, &body);
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        match fault {
            Some(Fault::LoseAnswer) => Outcome::Answer(server_error()),
            Some(Fault::HangAfter | Fault::Late) => Outcome::Silence,
            Some(Fault::CutOffAfter) => Outcome::CutOff,
            Some(Fault::Slow) => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                Outcome::Answer((status, headers, body).into_response())
            }
            _ => Outcome::Answer((status, headers, body).into_response()),
        }
    }
}

/// The first entry that is meant for this operation.
fn take<T>(queue: &Mutex<VecDeque<(String, T)>>, operation: &str) -> Option<T> {
    let mut queue = queue.lock().unwrap();
    let index = queue.iter().position(|(name, _)| name == operation)?;
    queue.remove(index).map(|(_, entry)| entry)
}

fn conflict(request: &Value) -> Response {
    let Some(items) = request["TransactItems"].as_array() else {
        return error(StatusCode::BAD_REQUEST, "TransactionConflictException");
    };
    let mut reasons = vec![json!({ "Code": "None" }); items.len()];
    reasons[0] = json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" });
    let codes: Vec<_> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message = "Transaction cancelled, please refer cancellation reasons for specific reasons";
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!("{message} [{}]", codes.join(", ")),
        "CancellationReasons": reasons,
    });
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, JSON)], body.to_string()).into_response()
}

fn put_off(request: &Value) -> Response {
    let body = json!({ "Responses": {}, "UnprocessedKeys": request["RequestItems"] });
    ([(header::CONTENT_TYPE, JSON)], body.to_string()).into_response()
}

fn server_error() -> Response {
    error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError")
}

fn error(status: StatusCode, name: &str) -> Response {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{name}");
    let body = json!({ "__type": kind, "message": "injected by the test" });
    (status, [(header::CONTENT_TYPE, JSON)], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(pk: &str) -> Value {
        json!({ "pk": { "S": pk }, "sk": { "S": "USER" }, "email_key": { "S": pk } })
    }

    /// A request by way of the proxy, as the SDK would send it.
    async fn call(wire: &Wire, operation: &str, request: Value) -> (u16, Value) {
        let head = Request::post(format!("{}/", wire.endpoint()))
            .header(header::CONTENT_TYPE, JSON)
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("x-amz-date", "20261124T093000Z")
            .header(header::AUTHORIZATION, SIGNATURE);
        let (status, _, body) = wire.state.send(head.body(Body::from(request.to_string())).unwrap()).await;
        (status.as_u16(), serde_json::from_slice(&body).unwrap())
    }

    async fn put(wire: &Wire, pk: &str) -> (u16, Value) {
        call(wire, "PutItem", json!({ "TableName": wire.table(), "Item": item(pk) })).await
    }

    async fn is_there(wire: &Wire, pk: &str) -> bool {
        let key = json!({ "Key": { "pk": { "S": pk }, "sk": { "S": "USER" } } });
        wire.direct("GetItem", key).await.get("Item").is_some()
    }

    #[tokio::test]
    async fn capacity_is_counted_by_kind() {
        let wire = Wire::open().await;
        put(&wire, "a").await;
        let write = json!({ "Put": { "TableName": wire.table(), "Item": item("b") } });
        call(&wire, "TransactWriteItems", json!({ "TransactItems": [write] })).await;
        let keys = json!({ "Keys": [{ "pk": { "S": "a" }, "sk": { "S": "USER" } }], "ConsistentRead": true });
        call(&wire, "BatchGetItem", json!({ "RequestItems": { wire.table(): keys } })).await;
        let calls = wire.take_calls();
        let units = calls.iter().map(|call| [call.read_units, call.write_units, call.gsi_write_units]);
        let units: Vec<_> = units.collect();
        assert_eq!(units, [[0.0, 1.0, 1.0], [0.0, 2.0, 1.0], [1.0, 0.0, 0.0]]);
        assert_eq!(wire.serial_round_trips(&calls), 3);
        assert!(wire.take_calls().is_empty());
    }

    #[tokio::test]
    async fn calls_made_together_are_one_round_trip() {
        let wire = Wire::open().await;
        wire.slow(Duration::from_millis(50));
        tokio::join!(put(&wire, "a"), put(&wire, "b"), put(&wire, "c"));
        let calls = wire.take_calls();
        assert_eq!((calls.len(), wire.serial_round_trips(&calls)), (3, 1));
    }

    #[tokio::test]
    async fn a_fault_meets_the_next_call_of_its_operation() {
        let wire = Wire::open().await;
        for (fault, status, is_written) in [
            (Fault::Conflict, 400, false),
            (Fault::Throttle, 400, false),
            (Fault::ServerError, 500, false),
            (Fault::LoseAnswer, 500, true),
        ] {
            wire.fail_next("PutItem", fault);
            assert_eq!(put(&wire, "a").await.0, status, "{fault:?}");
            assert_eq!(is_there(&wire, "a").await, is_written, "{fault:?}");
        }
        assert_eq!(put(&wire, "b").await.0, 200);
        for (key, fault, is_written) in [("c", Fault::Hang, false), ("d", Fault::HangAfter, true)] {
            wire.fail_next("PutItem", fault);
            assert!(tokio::time::timeout(Duration::from_millis(50), put(&wire, key)).await.is_err());
            assert_eq!(is_there(&wire, key).await, is_written, "{fault:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_ends_before_or_after_the_write() {
        let wire = Wire::open().await;
        for (key, fault, is_written) in [("a", Fault::CutOff, false), ("b", Fault::CutOffAfter, true)] {
            wire.fail_next("PutItem", fault);
            let request = Request::post(format!("{}/", wire.endpoint()))
                .header("x-amz-target", "DynamoDB_20120810.PutItem")
                .header(header::CONTENT_TYPE, JSON)
                .header("x-amz-date", "20261124T093000Z")
                .header(header::AUTHORIZATION, SIGNATURE);
            let body = json!({ "TableName": wire.table(), "Item": item(key) });
            assert!(wire.state.client.request(request.body(Body::from(body.to_string())).unwrap()).await.is_err());
            assert_eq!(is_there(&wire, key).await, is_written, "{fault:?}");
        }
    }

    #[tokio::test]
    async fn a_late_call_takes_effect_although_nobody_waits() {
        let wire = Wire::open().await;
        wire.fail_next("PutItem", Fault::Late);
        assert!(tokio::time::timeout(Duration::from_millis(50), put(&wire, "a")).await.is_err());
        assert!(!is_there(&wire, "a").await);
        wire.settle().await;
        assert!(is_there(&wire, "a").await);
    }

    #[tokio::test]
    async fn faults_are_drawn_until_it_settles() {
        let wire = Wire::open().await;
        wire.draw_faults(|operation| (operation == "PutItem").then_some(Fault::ServerError));
        assert_eq!((put(&wire, "a").await.0, put(&wire, "b").await.0), (500, 500));
        wire.settle().await;
        assert_eq!(put(&wire, "a").await.0, 200);
    }

    #[tokio::test]
    async fn work_is_killed_at_the_call_that_is_asked_for() {
        let wire = Wire::open().await;
        let work = async || {
            put(&wire, "a").await;
            put(&wire, "b").await;
        };
        assert!(wire.kill_at(1, false, work()).await);
        assert!(is_there(&wire, "a").await && !is_there(&wire, "b").await);
        assert!(wire.kill_at(1, true, work()).await);
        assert!(is_there(&wire, "b").await);
        assert!(!wire.kill_at(2, true, work()).await);
    }

    #[tokio::test]
    async fn a_conflicting_transaction_names_a_reason_for_each_item() {
        let wire = Wire::open().await;
        wire.fail_next("TransactWriteItems", Fault::Conflict);
        let (status, answer) = call(&wire, "TransactWriteItems", json!({ "TransactItems": [{}, {}] })).await;
        assert_eq!(status, 400);
        let reasons = answer["CancellationReasons"].as_array().unwrap();
        let codes: Vec<_> = reasons.iter().map(|reason| reason["Code"].as_str().unwrap()).collect();
        assert_eq!(codes, ["TransactionConflict", "None"]);
    }

    #[tokio::test]
    async fn a_held_call_takes_effect_when_it_is_released() {
        let wire = Wire::open().await;
        let hold = wire.hold("PutItem");
        let write = put(&wire, "a");
        let other = async {
            hold.reached().await;
            assert!(!is_there(&wire, "a").await);
            hold.release();
        };
        assert_eq!(tokio::join!(write, other).0.0, 200);
        assert!(is_there(&wire, "a").await);
    }
}
