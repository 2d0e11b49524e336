//! Sessions.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::builders::{TransactWriteItemBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, Update};

use super::accounts::write;
use super::item::{ROTATED, key, read_session, session_item};
use super::{Store, email_pk, n, s, sdk, session_pk, unavailable, user_pk};
use crate::{Error, Lifetimes, RefreshToken, Result, Session, SessionId, Timestamp, User, UserId};

/// What the end of a session came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Ended,
    Gone,
    /// A right MAC on a lineage that is not this session's: somebody has a MAC key.
    ForeignLineage,
}

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
    /// Writes a new session.
    ///
    /// A refused write is made again, but one that had no answer is not: should it come late, it would bring a session
    /// back that was ended meanwhile, or set one back that was rotated. Nobody has the tokens of what it may open.
    pub async fn session_create(&self, session: &Session) -> Result<()> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(session_item(session)));
        let once = aws_sdk_dynamodb::Config::builder().retry_classifier(sdk::Unanswered);
        // An override takes kilobytes, and a sign-in's future is large as it is.
        let sent = Box::pin(put.customize().config_override(once).send()).await;
        sent.map(drop).map_err(|error| unavailable("PutItem", &error))
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
            .expression_attribute_values(":lineage", AttributeValue::B(token.lineage_digest().to_vec().into()))
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

    /// Ends the session of `token`, any generation of it, if the token descends from its sign-in. One that is gone when the
    /// SDK asks a second time counts as ended by the first, whose answer may have been lost.
    pub async fn session_end(&self, token: &RefreshToken) -> Result<Ended> {
        let lineage = AttributeValue::B(token.lineage_digest().to_vec().into());
        let delete = self.client.delete_item().table_name(&self.table);
        let delete = delete
            .set_key(Some(key(session_pk(token.user_id), token.session_id.to_string())))
            .condition_expression("lineage = :lineage")
            .expression_attribute_values(":lineage", lineage)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let attempts = sdk::Attempts::default();
        match delete.customize().interceptor(attempts.clone()).send().await {
            Ok(_) => Ok(Ended::Ended),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(failed)) => Ok(match failed.item() {
                    Some(_) => Ended::ForeignLineage,
                    None if attempts.count() > 1 => Ended::Ended,
                    None => Ended::Gone,
                }),
                _ => Err(unavailable("DeleteItem", &error)),
            },
        }
    }

    /// Ends a session. One that is already gone is no error; says whether there was one, which is unknown, and so yes, if the
    /// SDK had to ask again.
    pub async fn session_delete(&self, user_id: UserId, id: SessionId) -> Result<bool> {
        let delete = self.client.delete_item().table_name(&self.table);
        let delete = delete.set_key(Some(key(session_pk(user_id), id.to_string()))).return_values(ReturnValue::AllOld);
        let attempts = sdk::Attempts::default();
        let answer = delete.customize().interceptor(attempts.clone()).send().await;
        let answer = answer.map_err(|error| unavailable("DeleteItem", &error))?;
        Ok(answer.attributes.is_some_and(|item| !item.is_empty()) || attempts.count() > 1)
    }

    /// Every session of a user, the oldest first, expired and void ones that nobody has swept yet included.
    pub async fn sessions_of(&self, user_id: UserId) -> Result<Vec<Session>> {
        let mut sessions = Vec::new();
        let mut after = None;
        loop {
            let query = self.client.query().table_name(&self.table).consistent_read(true);
            let query = query
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", s(session_pk(user_id)))
                .set_exclusive_start_key(after);
            let page = query.send().await.map_err(|error| unavailable("Query", &error))?;
            for item in page.items.unwrap_or_default() {
                sessions.push(read_session(&item)?);
            }
            after = page.last_evaluated_key.filter(|key| !key.is_empty());
            if after.is_none() {
                return Ok(sessions);
            }
        }
    }

    /// Voids every session of `user` but `keep`, however many there are, in one transaction: raises the epoch on user
    /// and credential, and carries the kept session along. Answers the new epoch.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the epoch is not the one in `user` any more, the e-mail address was changed, the account
    /// was deleted, or the kept session is gone or void.
    pub async fn sessions_revoke_all(&self, user: &User, keep: Option<&Session>) -> Result<u64> {
        let epoch = user.session_epoch.saturating_add(1);
        let [of_user, of_credential] = self.epoch_raises(user);
        let raise = |update: UpdateBuilder| update.update_expression("SET session_epoch = :next_epoch").build();
        let mut writes = vec![
            (write(TransactWriteItemBuilder::update, raise(of_user))?, Error::Conflict),
            (write(TransactWriteItemBuilder::update, raise(of_credential))?, Error::Conflict),
        ];
        if let Some(session) = keep {
            let of_session = Update::builder()
                .table_name(&self.table)
                .set_key(Some(key(session_pk(user.id), session.id.to_string())))
                .condition_expression("attribute_exists(pk) AND session_epoch = :epoch")
                .expression_attribute_values(":epoch", n(user.session_epoch))
                .expression_attribute_values(":next_epoch", n(epoch));
            writes.push((write(TransactWriteItemBuilder::update, raise(of_session))?, Error::Conflict));
        }
        self.transact(writes).await.map(|()| epoch)
    }

    /// The updates of user and credential that take the account from the epoch of `user` to the next, `:next_epoch`;
    /// what they set is the caller's to say.
    ///
    /// The user's epoch decides between two who raise it at once. The credential's own is not asked, so that raising
    /// also mends an account whose two items were made to disagree by hand.
    pub(super) fn epoch_raises(&self, user: &User) -> [UpdateBuilder; 2] {
        let update = |pk: String, sk: &str| {
            let update = Update::builder().table_name(&self.table).set_key(Some(key(pk, sk)));
            update.expression_attribute_values(":next_epoch", n(user.session_epoch.saturating_add(1)))
        };
        [
            update(user_pk(user.id), "USER")
                .condition_expression("attribute_exists(pk) AND session_epoch = :epoch")
                .expression_attribute_values(":epoch", n(user.session_epoch)),
            update(email_pk(user.email.key()), "CREDENTIAL")
                .condition_expression("attribute_exists(pk) AND user_id = :owner")
                .expression_attribute_values(":owner", s(user.id.to_string())),
        ]
    }
}
