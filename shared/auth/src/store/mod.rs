//! The one table, and every access pattern on it (docs/DATA-MODEL.md). No SDK type leaves this module.
//!
//! Conditions are where the rules are kept: a failed condition becomes a domain error in the method that wrote it. All
//! other failures are [`Error::Unavailable`], after the retries of [`sdk`].

mod accounts;
mod item;
mod key_set;
mod operators;
pub(crate) mod sdk;
mod sessions;
mod throttle;

use std::borrow::Cow;
use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

pub use accounts::Account;
use item::Attributes;
pub use operators::UserPage;
pub use sessions::{Ended, Rotation};
pub(crate) use throttle::{Counter, Taken};

use crate::{Config, Error, Result, Tally, UserId};

/// The table.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: String,
}

impl Store {
    pub(crate) fn new(config: &Config) -> Self {
        Self { client: Client::from_conf(sdk::dynamodb(&config.aws)), table: config.table.clone() }
    }

    /// One consistent read.
    async fn get(&self, key: Attributes) -> Result<Option<Attributes>> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true);
        Ok(get.send().await.map_err(|error| unavailable("GetItem", &error))?.item)
    }

    /// One consistent read of several items, by `pk`. A key that DynamoDB put off is asked for again, never read as
    /// absent.
    async fn batch_get(&self, keys: Vec<Attributes>) -> Result<HashMap<String, Attributes>> {
        let mut found = HashMap::new();
        let mut pending = Some(keys);
        for round in 0..BATCH_ROUNDS {
            let Some(keys) = pending.take() else { break };
            if round > 0 {
                Tally::retry();
            }
            let request = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let request = request.map_err(|_| Error::Internal("batch without keys"))?;
            let answer = self.client.batch_get_item().request_items(&self.table, request).send().await;
            let answer = answer.map_err(|error| unavailable("BatchGetItem", &error))?;
            for item in answer.responses.into_iter().filter_map(|mut tables| tables.remove(&self.table)).flatten() {
                if let Some(AttributeValue::S(pk)) = item.get("pk") {
                    found.insert(pk.clone(), item);
                }
            }
            let unprocessed = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&self.table));
            pending = unprocessed.map(|keys| keys.keys).filter(|keys| !keys.is_empty());
        }
        match pending {
            None => Ok(found),
            Some(_) => Err(Error::Unavailable { operation: "BatchGetItem", code: Cow::Borrowed("UnprocessedKeys") }),
        }
    }
}

/// How often put-off keys are asked for.
const BATCH_ROUNDS: usize = 4;

fn user_pk(id: UserId) -> String {
    format!("USER#{id}")
}

fn roles_pk(id: UserId) -> String {
    format!("ROLES#{id}")
}

fn email_pk(key: &str) -> String {
    format!("EMAIL#{key}")
}

fn username_pk(key: &str) -> String {
    format!("USERNAME#{key}")
}

fn session_pk(user_id: UserId) -> String {
    format!("SESSION#{user_id}")
}

/// Only the error's code: a message of DynamoDB's may quote the item.
fn unavailable<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> Error {
    let code = match error {
        SdkError::TimeoutError(_) => Cow::Borrowed("timeout"),
        SdkError::DispatchFailure(_) => Cow::Borrowed("no connection"),
        _ => error.code().map_or(Cow::Borrowed("no answer"), |code| Cow::Owned(code.to_owned())),
    };
    Error::Unavailable { operation, code }
}

fn s(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

#[allow(clippy::needless_pass_by_value, reason = "numbers are copied")]
fn n(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
