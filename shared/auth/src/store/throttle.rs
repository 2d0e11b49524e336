//! Throttles: counters that only go up, and whole items that are forgotten.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::item::{Attributes, Reader, key};
use super::{Store, n, unavailable};
use crate::{Result, Timestamp};

/// Something counted in a bucket, how high it may go, and when it will have room again once it is there.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    pub name: String,
    pub max: u32,
    pub until: Timestamp,
}

impl Counter {
    pub fn new(name: &str, max: u32, until: Timestamp) -> Self {
        Self { name: name.to_owned(), max, until }
    }
}

/// What became of a try.
#[derive(Debug)]
pub(crate) enum Taken {
    Counted {
        /// The highest of its counters now.
        count: u32,
        /// The names of the bucket's other counters.
        others: Vec<String>,
    },
    Refused {
        until: Timestamp,
        expires_at: Timestamp,
    },
}

impl Store {
    /// Counts one in every counter, if none of them is full. Makes the item where there is none: the one update that
    /// does.
    pub(crate) async fn throttle_take(
        &self,
        bucket: &str,
        counters: &[Counter],
        expires_at: Timestamp,
    ) -> Result<Taken> {
        let mut names = HashMap::new();
        let mut values =
            HashMap::from([(":one".to_owned(), n(1)), (":expires_at".to_owned(), n(expires_at.seconds()))]);
        let (mut conditions, mut additions) = (Vec::new(), Vec::new());
        for (index, counter) in counters.iter().enumerate() {
            names.insert(format!("#c{index}"), counter.name.clone());
            values.insert(format!(":m{index}"), n(counter.max));
            conditions.push(format!("(attribute_not_exists(#c{index}) OR #c{index} < :m{index})"));
            additions.push(format!("#c{index} :one"));
        }
        let update = self.client.update_item().table_name(&self.table).set_key(Some(key(pk(bucket), "BUCKET")));
        let update = update
            .condition_expression(conditions.join(" AND "))
            .update_expression(format!("SET expires_at = :expires_at ADD {}", additions.join(", ")))
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match update.send().await {
            Ok(answer) => {
                let now = answer.attributes.unwrap_or_default();
                let count = counters.iter().map(|counter| count(&now, &counter.name)).max().unwrap_or(0);
                let is_other = |name: &String| name.contains('#') && !counters.iter().any(|own| own.name == *name);
                Ok(Taken::Counted { count, others: now.into_keys().filter(is_other).collect() })
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(refused(failed.item().unwrap_or(&Attributes::new()), counters, expires_at))
                }
                _ => Err(unavailable("UpdateItem", &error)),
            },
        }
    }

    /// How high a counter is, and when its bucket expires, which may be over; `None` where there is no bucket.
    pub(crate) async fn throttle_count(&self, bucket: &str, counter: &str) -> Result<Option<(u32, Timestamp)>> {
        let item = self.get(key(pk(bucket), "BUCKET")).await?;
        item.map(|item| Ok((count(&item, counter), expiry(&item)?))).transpose()
    }

    /// Takes one off each of the counters.
    pub(crate) async fn throttle_undo(&self, bucket: &str, counters: &[String]) -> Result<()> {
        let update = self.client.update_item().table_name(&self.table).set_key(Some(key(pk(bucket), "BUCKET")));
        let names = counters.iter().enumerate().map(|(index, name)| (format!("#c{index}"), name.clone()));
        let (conditions, additions): (Vec<_>, Vec<_>) =
            (0..counters.len()).map(|index| (format!("#c{index} > :none"), format!("#c{index} :less"))).unzip();
        let update = update
            .condition_expression(conditions.join(" AND "))
            .update_expression(format!("ADD {}", additions.join(", ")))
            .set_expression_attribute_names(Some(names.collect()))
            .expression_attribute_values(":none", n(0))
            .expression_attribute_values(":less", n(-1));
        update.send().await.map(drop).map_err(|error| unavailable("UpdateItem", &error))
    }

    /// Forgets some of a bucket's counters.
    pub(crate) async fn throttle_reset(&self, bucket: &str, counters: &[String]) -> Result<()> {
        let update = self.client.update_item().table_name(&self.table).set_key(Some(key(pk(bucket), "BUCKET")));
        let names = counters.iter().enumerate().map(|(index, name)| (format!("#c{index}"), name.clone()));
        let removals: Vec<_> = (0..counters.len()).map(|index| format!("#c{index}")).collect();
        let update = update
            .condition_expression("attribute_exists(pk)")
            .update_expression(format!("REMOVE {}", removals.join(", ")))
            .set_expression_attribute_names(Some(names.collect()));
        update.send().await.map(drop).map_err(|error| unavailable("UpdateItem", &error))
    }

    pub(crate) async fn throttle_clear(&self, bucket: &str) -> Result<()> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key(pk(bucket), "BUCKET")));
        delete.send().await.map(drop).map_err(|error| unavailable("DeleteItem", &error))
    }

    /// Deletes a bucket that has expired, unless somebody has used it since.
    pub(crate) async fn throttle_clear_expired(&self, bucket: &str, expires_at: Timestamp) -> Result<()> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key(pk(bucket), "BUCKET")));
        let delete = delete
            .condition_expression("expires_at = :expires_at")
            .expression_attribute_values(":expires_at", n(expires_at.seconds()));
        match delete.send().await {
            Err(error)
                if !error.as_service_error().is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Err(unavailable("DeleteItem", &error))
            }
            _ => Ok(()),
        }
    }
}

fn pk(bucket: &str) -> String {
    format!("THROTTLE#{bucket}")
}

fn expiry(item: &Attributes) -> Result<Timestamp> {
    Ok(Timestamp::from_millis(Reader(item).n::<i64>("expires_at")?.saturating_mul(1000)))
}

fn count(item: &Attributes, counter: &str) -> u32 {
    item.get(counter).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or(0)
}

/// Room is there again when the last of the full counters has it. What is counted in a row lasts as long as the item.
fn refused(item: &Attributes, counters: &[Counter], expires_at: Timestamp) -> Taken {
    let stored = expiry(item).unwrap_or(Timestamp::from_millis(expires_at.seconds().saturating_mul(1000)));
    let full = counters.iter().filter(|counter| count(item, &counter.name) >= counter.max);
    let until = full.map(|counter| if counter.until >= expires_at { stored } else { counter.until }).max();
    Taken::Refused { until: until.unwrap_or(stored), expires_at: stored }
}
