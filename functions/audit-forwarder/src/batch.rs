//! What CloudWatch Logs sends to a subscriber: `{"awslogs": {"data": <base64 of gzip of JSON>}}` (CloudWatch Logs User
//! Guide, "Subscription filters").

use std::io::Read as _;

use auth::{AuditRecord, Error, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;

/// Log lines of one stream.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    message_type: MessageType,
    #[serde(default)]
    log_events: Vec<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum MessageType {
    DataMessage,
    /// Sent to see whether the destination can be reached.
    ControlMessage,
}

#[derive(Debug, Deserialize)]
struct Line {
    id: String,
    /// In milliseconds since 1970.
    timestamp: i64,
    message: String,
}

#[derive(Deserialize)]
struct Event {
    awslogs: Packed,
}

#[derive(Deserialize)]
struct Packed {
    data: String,
}

/// What is looked at in a line. The rest is not ours to judge.
#[derive(Deserialize)]
struct Record {
    message: String,
    event: Option<String>,
}

/// Of a batch, unpacked. An event of Lambda's has at most 1 MB, and log lines that shrink by more than this are none of ours.
const MAX_UNPACKED: u64 = 32 * 1024 * 1024;
/// Of one record, in bytes. Ours have some 400; ten of these fit into a call.
const MAX_RECORD: usize = 16 * 1024;
/// The last millisecond of the year 9999, which is as far as a time of EventBridge's goes.
const MAX_MILLIS: i64 = 253_402_300_799_999;

impl Batch {
    pub fn unpack(event: Value) -> Result<Self, Error> {
        let event: Event = serde_json::from_value(event).map_err(|_| Error::Internal("the event has no log lines"))?;
        let packed = STANDARD.decode(event.awslogs.data).map_err(|_| Error::Internal("the batch is not base64"))?;
        let (mut json, mut unpacked) = (Vec::new(), MultiGzDecoder::new(&*packed).take(MAX_UNPACKED + 1));
        let length = unpacked.read_to_end(&mut json).map_err(|_| Error::Internal("the batch is not gzip"))?;
        if length as u64 > MAX_UNPACKED {
            return Err(Error::Internal("the batch is too large"));
        }
        serde_json::from_slice(&json).map_err(|_| Error::Internal("the batch is not the JSON of log lines"))
    }

    /// The audit records, and how many lines say they are such and are none that could be forwarded.
    pub fn records(self) -> (Vec<AuditRecord>, usize) {
        let (mut records, mut strange) = (Vec::new(), 0);
        if self.message_type == MessageType::ControlMessage {
            return (records, strange);
        }
        for line in self.log_events {
            let json = line.message.trim();
            // An array would read as a record too.
            let record = if json.starts_with('{') { serde_json::from_str::<Record>(json).ok() } else { None };
            let Some(record) = record.filter(|record| record.message == "event") else { continue };
            match record.event.filter(|name| is_name(name)) {
                Some(event) if json.len() <= MAX_RECORD && (0..=MAX_MILLIS).contains(&line.timestamp) => {
                    let (logged_at, json) = (Timestamp::from_millis(line.timestamp), json.to_owned());
                    records.push(AuditRecord { id: line.id, event, logged_at, json });
                }
                _ => strange += 1,
            }
        }
        (records, strange)
    }
}

fn is_name(text: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(is_name)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::json;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn event(packed: &[u8]) -> Value {
        json!({ "awslogs": { "data": STANDARD.encode(packed) } })
    }

    fn unpack(batch: &Value) -> Result<Batch, Error> {
        Batch::unpack(event(&gzip(batch.to_string().as_bytes())))
    }

    fn lines(lines: &[(&str, i64)]) -> (Vec<AuditRecord>, usize) {
        let line = |&(message, timestamp): &_| json!({ "id": "37", "timestamp": timestamp, "message": message });
        let lines: Vec<_> = lines.iter().map(line).collect();
        unpack(&json!({ "messageType": "DATA_MESSAGE", "logEvents": lines })).unwrap().records()
    }

    fn refusal(event: Value) -> String {
        Batch::unpack(event).unwrap_err().to_string()
    }

    const RECORD: &str = r#"{"level":"info","message":"event","event":"signed_in","subject":"01a5"}"#;

    #[test]
    fn audit_records_are_kept_as_they_are_and_nothing_else_is() {
        let spaced = r#" {"event" : "refreshed", "message":"event", "later":{"than":[1.50]}} "#;
        let (records, strange) = lines(&[
            (RECORD, 1_795_512_600_123),
            (r#"{"level":"info","message":"request","status":200}"#, 1),
            ("START RequestId: 6f0c", 1),
            (r#"["event","signed_in"]"#, 1),
            (r#"{"message":"event"#, 1),
            (r#"{"message":{"event":1}}"#, 1),
            ("", 1),
            (spaced, 2),
        ]);
        assert_eq!(strange, 0);
        let shown: Vec<_> = records.iter().map(|r| (r.event.as_str(), r.logged_at.millis(), r.json.as_str())).collect();
        assert_eq!(shown, [("signed_in", 1_795_512_600_123, RECORD), ("refreshed", 2, spaced.trim())]);
        assert_eq!(records[0].id, "37");
    }

    #[test]
    fn what_says_it_is_a_record_and_can_t_be_forwarded_is_counted() {
        let long = format!(r#"{{"message":"event","event":"signed_in","pad":"{}"}}"#, "x".repeat(MAX_RECORD));
        let (records, strange) = lines(&[
            (r#"{"message":"event"}"#, 1),
            (r#"{"message":"event","event":null}"#, 1),
            (r#"{"message":"event","event":""}"#, 1),
            (r#"{"message":"event","event":"Signed In"}"#, 1),
            (&format!(r#"{{"message":"event","event":"{}"}}"#, "a".repeat(65)), 1),
            (&long, 1),
            (RECORD, -1),
            (RECORD, i64::MAX),
        ]);
        assert_eq!((records.len(), strange), (0, 8));
    }

    #[test]
    fn a_control_message_has_nothing_in_it() {
        let control = json!({
            "messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": "",
            "subscriptionFilters": [],
            "logEvents": [{ "id": "", "timestamp": 1, "message": "CWL CONTROL MESSAGE: Checking health of destination" }],
        });
        assert_eq!(unpack(&control).unwrap().records(), (Vec::new(), 0));
    }

    #[test]
    fn members_that_we_do_not_know_are_no_fault() {
        let batch = json!({
            "messageType": "DATA_MESSAGE", "owner": "1", "policyLevel": "ACCOUNT_LEVEL_POLICY", "new": { "a": [1] },
            "logEvents": [{ "id": "1", "timestamp": 3, "message": RECORD, "extractedFields": { "a": "b" } }],
        });
        assert_eq!(unpack(&batch).unwrap().records().0.len(), 1);
        assert_eq!(unpack(&json!({ "messageType": "DATA_MESSAGE" })).unwrap().records().0.len(), 0);
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        for no_event in
            [json!(null), json!([]), json!({}), json!({ "awslogs": {} }), json!({ "awslogs": { "data": 7 } })]
        {
            assert_eq!(refusal(no_event), "the event has no log lines");
        }
        assert_eq!(refusal(json!({ "awslogs": { "data": "not base64!" } })), "the batch is not base64");
        let packed = gzip(RECORD.as_bytes());
        let mut broken = packed.clone();
        broken[12] ^= 0x55;
        let mut wrong_sum = packed.clone();
        let end = wrong_sum.len() - 6;
        wrong_sum[end] ^= 1;
        for no_gzip in [b"plain".to_vec(), Vec::new(), packed[..packed.len() / 2].to_vec(), broken, wrong_sum] {
            assert_eq!(refusal(event(&no_gzip)), "the batch is not gzip");
        }
        let deep = "[".repeat(100_000);
        for no_json in [
            "",
            "{",
            "null",
            "[]",
            "{}",
            "\u{0}",
            &deep,
            r#"{"messageType":"OTHER_MESSAGE","logEvents":[]}"#,
            r#"{"messageType":"DATA_MESSAGE","logEvents":{}}"#,
            r#"{"messageType":"DATA_MESSAGE","logEvents":[{"id":1,"timestamp":"x","message":null}]}"#,
        ] {
            assert_eq!(refusal(event(&gzip(no_json.as_bytes()))), "the batch is not the JSON of log lines");
        }
        assert_eq!(refusal(event(&gzip(b"\xff\xfe"))), "the batch is not the JSON of log lines");
    }

    #[test]
    fn a_bomb_is_not_unpacked_to_its_end() {
        // A gigabyte of zeros, in some thousand members of one file.
        let bomb = gzip(&vec![0; 1 << 20]).repeat(1024);
        assert!(bomb.len() < 2 << 20);
        assert_eq!(refusal(event(&bomb)), "the batch is too large");
    }
}
