//! Sessions.

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::item::{ROTATED, key, read_session, session_item};
use super::{Store, n, session_pk, unavailable};
use crate::{Lifetimes, RefreshToken, Result, Session, SessionId, Timestamp, UserId};

/// What a rotation came to.
#[derive(Debug)]
pub enum Rotation {
    /// The token was the current one; this is the session after it.
    Done(Session),
    /// It was not; this is the session as it stands.
    Refused(Session),
    /// There is no such session.
    Gone,
}

impl Store {
    /// Writes a new session. The id is fresh, so a retried write is the same write.
    pub async fn session_create(&self, session: &Session) -> Result<()> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(session_item(session)));
        put.send().await.map(drop).map_err(|error| unavailable("PutItem", &error))
    }

    /// Uses up `token` in one conditional write: whoever comes first rotates, everybody else learns how it stands.
    pub async fn session_rotate(
        &self,
        token: &RefreshToken,
        mac_key_id: u32,
        now: Timestamp,
        lifetimes: Lifetimes,
    ) -> Result<Rotation> {
        // The right-hand sides are the values before the update, so the times move up by one.
        let [first, second, third, fourth] = ROTATED;
        let idle = now.plus(lifetimes.refresh_idle);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(session_pk(token.user_id), token.session_id.to_string())))
            .condition_expression(
                "attribute_exists(pk) AND generation = :g AND lineage = :lineage \
                 AND idle_expires_at > :now AND absolute_expires_at > :now",
            )
            .update_expression(format!(
                "SET generation = :next, mac_key_id = :key, last_used_at = :now, idle_expires_at = :idle, \
                 {fourth} = {third}, {third} = {second}, {second} = {first}, {first} = :now",
            ))
            .expression_attribute_values(":g", n(token.generation))
            .expression_attribute_values(":next", n(token.generation.saturating_add(1)))
            .expression_attribute_values(
                ":lineage",
                aws_sdk_dynamodb::types::AttributeValue::B(token.lineage_digest().to_vec().into()),
            )
            .expression_attribute_values(":now", n(now.millis()))
            .expression_attribute_values(":key", n(mac_key_id))
            .expression_attribute_values(":idle", n(idle.millis()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match update.send().await {
            Ok(answer) => read_session(&answer.attributes.unwrap_or_default()).map(Rotation::Done),
            Err(error) => match error.as_service_error() {
                Some(aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(
                    failed,
                )) => failed.item().map_or(Ok(Rotation::Gone), |item| read_session(item).map(Rotation::Refused)),
                _ => Err(unavailable("UpdateItem", &error)),
            },
        }
    }

    /// Ends a session. One that is already gone is no error.
    pub async fn session_delete(&self, user_id: UserId, id: SessionId) -> Result<()> {
        let delete = self.client.delete_item().table_name(&self.table);
        let delete = delete.set_key(Some(key(session_pk(user_id), id.to_string())));
        delete.send().await.map(drop).map_err(|error| unavailable("DeleteItem", &error))
    }
}
