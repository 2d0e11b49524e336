//! EventBridge, where audit records go. Behind the feature `bus`. No SDK type leaves this module.

use std::borrow::Cow;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::ProvideErrorMetadata as _;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_types::DateTime;

use crate::store::sdk;
use crate::{App, ConfigError, Error, Result, Timestamp};

/// The power to put audit records on a bus.
#[derive(Clone, Debug)]
pub struct Bus {
    client: Client,
    name: String,
}

/// An audit record as it was logged (docs/audit-event.schema.json).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Of the log line, and so the same whenever the record comes again.
    pub id: String,
    /// What happened, say `signed_in`.
    pub event: String,
    pub logged_at: Timestamp,
    /// The JSON object, unchanged.
    pub json: String,
}

/// The records that a bus did not take, and the code that it gave for the last of them.
#[derive(Clone, Debug)]
pub struct Refused {
    pub records: Vec<AuditRecord>,
    pub code: Cow<'static, str>,
}

impl Bus {
    /// In one call (`PutEvents`, API reference).
    pub const MOST: usize = 10;

    /// # Errors
    /// [`ConfigError`] if this function was not told which bus it is.
    pub fn open(app: &App) -> Result<Self, ConfigError> {
        let name = app.config.audit_event_bus.clone();
        let name = name.ok_or_else(|| ConfigError(vec!["AUDIT_EVENT_BUS is missing".to_owned()]))?;
        Ok(Self { client: Client::from_conf(sdk::eventbridge(&app.config.aws)), name })
    }

    /// Puts [`Bus::MOST`] records at most, and tells which of them the bus refused: it takes or refuses each by itself.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the call as a whole failed, again and again. The bus may have taken records all the same.
    pub async fn put(&self, records: Vec<AuditRecord>) -> Result<Refused> {
        let entries = records.iter().map(|record| self.entry(record)).collect();
        let answer = self.client.put_events().set_entries(Some(entries)).send().await.map_err(|error| {
            // Only the error's code: a message may quote the request.
            let code = error.code().map_or(Cow::Borrowed("no answer"), |code| Cow::Owned(code.to_owned()));
            Error::Unavailable { operation: "PutEvents", code }
        })?;
        let mut refused = Refused { records: Vec::new(), code: Cow::Borrowed("no code") };
        if answer.failed_entry_count() == 0 {
            return Ok(refused);
        }
        // In the order of the request. What the answer says nothing about was not taken.
        let mut answers = answer.entries.unwrap_or_default().into_iter();
        for record in records {
            let answer = answers.next();
            if answer.as_ref().is_some_and(|answer| answer.event_id.is_some()) {
                continue;
            }
            if let Some(code) = answer.and_then(|answer| answer.error_code) {
                refused.code = Cow::Owned(code);
            }
            refused.records.push(record);
        }
        Ok(refused)
    }

    fn entry(&self, record: &AuditRecord) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source("vestibule")
            .detail_type(&record.event)
            .time(DateTime::from_millis(record.logged_at.millis()))
            .resources(&record.id)
            .detail(&record.json)
            .build()
    }
}
