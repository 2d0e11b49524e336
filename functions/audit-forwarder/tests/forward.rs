//! A batch of CloudWatch Logs in, entries of EventBridge out, by the real SDK against a stand-in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write as _;
use std::time::{Duration, Instant};

use audit_forwarder::AuditForwarder;
use auth::{App, Bus, Clock, Config, Error, Log, Random};
use auth_testing::{BusFault, EventBridge, NOW};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

async fn forwarder() -> (AuditForwarder, EventBridge) {
    let events = EventBridge::open().await;
    // No table answers there: this function asks none.
    let config = Config::local("http://127.0.0.1:1", "none").with_event_bus(events.endpoint(), EventBridge::BUS);
    let app = App::with(config, Clock::fixed(NOW), Random::seeded(1), Log::memory());
    let bus = Bus::open(&app).unwrap();
    (AuditForwarder { app, bus }, events)
}

fn fixture(name: &str) -> Value {
    let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn packed(batch: &Value) -> Value {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(batch.to_string().as_bytes()).unwrap();
    json!({ "awslogs": { "data": STANDARD.encode(encoder.finish().unwrap()) } })
}

fn record(i: usize) -> String {
    json!({ "level": "info", "message": "event", "event": "signed_in", "request_id": format!("r{i}") }).to_string()
}

/// So many records, each between two lines that are none.
fn batch(records: usize) -> Value {
    let line = |i: usize, text: String| json!({ "id": format!("id-{i}"), "timestamp": NOW.millis(), "message": text });
    let other = json!({ "level": "info", "message": "request", "status": 200 }).to_string();
    let lines = (0..records).flat_map(|i| [line(i, other.clone()), line(i, record(i))]);
    packed(&json!({ "messageType": "DATA_MESSAGE", "logEvents": lines.collect::<Vec<_>>() }))
}

fn ids(events: &EventBridge) -> Vec<String> {
    events.entries().iter().map(|entry| entry["Resources"][0].as_str().unwrap().to_owned()).collect()
}

fn expected(records: usize) -> Vec<String> {
    (0..records).map(|i| format!("id-{i}")).collect()
}

#[tokio::test]
async fn the_fixture_s_records_are_on_the_bus_as_they_were_logged() {
    let (forwarder, events) = forwarder().await;
    assert_eq!(forwarder.handle(fixture("audit-forwarder")).await.unwrap(), json!({ "records": 2 }));
    let entries = events.entries();
    let entry = &entries[0];
    assert_eq!(entry["Source"], "vestibule");
    assert_eq!(entry["DetailType"], "signed_in");
    assert_eq!(entry["EventBusName"], EventBridge::BUS);
    assert!((entry["Time"].as_f64().unwrap() - 1_795_512_600.123).abs() < 0.0005, "{}", entry["Time"]);
    assert_eq!(entry["Resources"], json!(["39555555555555555555555555555555555555555555555555555550"]));
    let detail = entry["Detail"].as_str().unwrap();
    assert!(
        detail.starts_with(r#"{"level":"info","message":"event","event":"signed_in","request_id":"JKJaXm"#),
        "{detail}"
    );
    assert_eq!(entries[1]["DetailType"], "reuse_detected");
    assert_eq!(entries.len(), 2);
    assert!(forwarder.app.log.lines().is_empty());
}

#[tokio::test]
async fn a_control_message_and_a_batch_without_records_make_no_call() {
    let (forwarder, events) = forwarder().await;
    assert_eq!(forwarder.handle(fixture("audit-forwarder-control")).await.unwrap(), json!({ "records": 0 }));
    assert_eq!(forwarder.handle(batch(0)).await.unwrap(), json!({ "records": 0 }));
    assert!(events.take_calls().is_empty());
}

#[tokio::test]
async fn ten_entries_go_in_a_call() {
    for (records, calls) in [(1, vec![1]), (10, vec![10]), (11, vec![10, 1]), (35, vec![10, 10, 10, 5])] {
        let (forwarder, events) = forwarder().await;
        forwarder.handle(batch(records)).await.unwrap();
        assert_eq!((events.take_calls(), ids(&events)), (calls, expected(records)));
        assert_eq!(events.entries()[0]["Detail"], record(0));
    }
}

#[tokio::test]
async fn entries_that_are_refused_are_put_again_and_no_others() {
    let (forwarder, events) = forwarder().await;
    events.fail_next(BusFault::Entries(vec![1, 7], "ThrottlingException"));
    events.fail_next(BusFault::Entries(vec![0], "InternalFailure"));
    events.fail_next(BusFault::Entries(vec![2], "ThrottlingException"));
    let started = Instant::now();
    forwarder.handle(batch(15)).await.unwrap();
    // Ten and five; then the three that were refused, then the one that was refused again.
    assert_eq!(events.take_calls(), [10, 5, 3, 1]);
    let mut ids = ids(&events);
    assert_eq!(ids[..8], ["id-0", "id-2", "id-3", "id-4", "id-5", "id-6", "id-8", "id-9"]);
    ids.sort_by_key(|id| id[3..].parse::<usize>().unwrap());
    assert_eq!(ids, expected(15), "each once");
    assert!(started.elapsed() >= Duration::from_millis(1200), "after a pause");
}

#[tokio::test]
async fn what_is_refused_to_the_end_fails_the_invocation_and_comes_again_under_the_same_id() {
    let (forwarder, events) = forwarder().await;
    for _ in 0..4 {
        events.fail_next(BusFault::Entries(vec![0], "ThrottlingException"));
    }
    let error = forwarder.handle(batch(3)).await.unwrap_err();
    assert_eq!(error.to_string(), "PutEvents: ThrottlingException", "the code alone: a message may quote the request");
    assert_eq!((events.take_calls(), ids(&events)), (vec![3, 1, 1, 1], vec!["id-1".to_owned(), "id-2".to_owned()]));
    // Lambda's retry.
    forwarder.handle(batch(3)).await.unwrap();
    assert_eq!(ids(&events), ["id-1", "id-2", "id-0", "id-1", "id-2"]);
}

#[tokio::test]
async fn one_refused_entry_does_not_keep_the_others_from_the_bus() {
    let (forwarder, events) = forwarder().await;
    events.never_take("id-3");
    let error = forwarder.handle(batch(25)).await.unwrap_err();
    assert_eq!(error.to_string(), "PutEvents: InternalFailure");
    assert_eq!(events.take_calls(), [10, 10, 5, 1, 1, 1]);
    assert_eq!(ids(&events), expected(25).into_iter().filter(|id| id != "id-3").collect::<Vec<_>>());
}

#[tokio::test]
async fn a_call_that_fails_is_tried_again_and_then_fails_the_invocation() {
    let (forwarder, events) = forwarder().await;
    events.fail_next(BusFault::Call);
    events.fail_next(BusFault::LoseAnswer);
    forwarder.handle(batch(2)).await.unwrap();
    assert_eq!(events.take_calls(), [2, 2, 2]);
    assert_eq!(ids(&events), ["id-0", "id-1", "id-0", "id-1"], "a lost answer makes duplicates, with the same ids");

    for _ in 0..4 {
        events.fail_next(BusFault::Call);
    }
    assert!(matches!(forwarder.handle(batch(2)).await, Err(Error::Unavailable { .. })));
    assert_eq!(events.take_calls(), [2, 2, 2, 2]);

    events.fail_next(BusFault::Denied);
    let error = forwarder.handle(batch(2)).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), events.take_calls()), ("PutEvents: AccessDeniedException", vec![2]));
}

#[tokio::test]
async fn what_looks_like_a_record_and_is_none_is_counted_in_the_log_and_holds_nobody_up() {
    let (forwarder, events) = forwarder().await;
    let line = |text: &str| json!({ "id": "x", "timestamp": 1, "message": text });
    let lines = [line(r#"{"message":"event","event":"No Name, n4ughty"}"#), line(&record(0))];
    forwarder.handle(packed(&json!({ "messageType": "DATA_MESSAGE", "logEvents": lines }))).await.unwrap();
    assert_eq!(events.entries().len(), 1);
    assert_eq!(forwarder.app.log.lines(), [r#"{"level":"error","message":"not_forwarded","records":1}"#]);
}

#[tokio::test]
async fn a_function_that_was_not_told_its_bus_does_not_start() {
    let app = App::with(Config::local("http://127.0.0.1:1", "t"), Clock::fixed(NOW), Random::seeded(1), Log::memory());
    assert_eq!(Bus::open(&app).unwrap_err().to_string(), "AUDIT_EVENT_BUS is missing");
}
