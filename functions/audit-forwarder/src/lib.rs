//! Puts audit records on a bus of EventBridge. CloudWatch Logs calls it with what the other functions have logged.
//!
//! 1. Unpack the batch: base64, gzip, JSON (`batch.rs`). With a control message CloudWatch only tries whether we answer.
//! 2. Keep the audit records, each unchanged, with the id and the time of its line. What looks like one and is none is
//!    counted in the log.
//! 3. Put them on the bus, ten a call.
//! 4. Put those again that the bus has refused, after a pause, three times.
//! 5. Fail if any are left: Lambda calls again with the whole batch, twice. What the bus has taken before comes again then,
//!    under the same id.

mod batch;

use std::time::Duration;

use auth::{App, AuditRecord, Bus, Error};
use serde::Serialize;
use serde_json::{Value, json};

use crate::batch::Batch;

/// What this function holds.
#[derive(Clone, Debug)]
pub struct AuditForwarder {
    pub app: App,
    pub bus: Bus,
}

impl AuditForwarder {
    /// Forwards one batch. Returns how many records it had.
    ///
    /// # Errors
    /// [`Error::Internal`] if the event is no batch of log lines; [`Error::Unavailable`] if the bus did not take all.
    pub async fn handle(&self, event: Value) -> Result<Value, Error> {
        let batch = Batch::unpack(event)?;
        let (records, strange) = batch.records();
        if strange > 0 {
            self.app.log.write(&Strange { level: "error", message: "not_forwarded", records: strange });
        }
        let count = records.len();
        self.put(records).await?;
        Ok(json!({ "records": count }))
    }

    async fn put(&self, mut records: Vec<AuditRecord>) -> Result<(), Error> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let (mut left, mut why) = (Vec::new(), None);
            while !records.is_empty() {
                let rest = records.split_off(records.len().min(Bus::MOST));
                let refused = self.bus.put(std::mem::replace(&mut records, rest)).await?;
                if !refused.records.is_empty() {
                    left.extend(refused.records);
                    why = Some(refused.code);
                }
            }
            let Some(code) = why else { return Ok(()) };
            let Some(pause) = pauses.next() else { return Err(Error::Unavailable { operation: "PutEvents", code }) };
            tokio::time::sleep(pause).await;
            records = left;
        }
    }
}

/// Before each further try at what was refused. A bus refuses single records when it is throttled or has a fault of its own.
const PAUSES: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];

/// Lines that say they are audit records, and can't be put on a bus.
#[derive(Serialize)]
struct Strange {
    level: &'static str,
    message: &'static str,
    records: usize,
}
