//! What operators alone do: look people up by the indexes, list them, change status and roles. No function calls this.

use aws_sdk_dynamodb::types::builders::TransactWriteItemBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Put};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::accounts::write;
use super::item::{Attributes, Reader, key, read_user, roles_item, status_text};
use super::{Account, Store, n, s, unavailable, user_pk};
use crate::{Email, Error, PasswordHash, Result, Role, Status, Timestamp, User, UserId, Username};

/// Some of the users, in no order that means anything.
#[derive(Clone, Debug)]
pub struct UserPage {
    pub users: Vec<User>,
    /// Where the next page begins; opaque. `None` after the last user.
    pub next: Option<String>,
}

impl Store {
    /// The account under an e-mail address, found by the index: one that was registered or changed a moment ago may be
    /// missing.
    pub async fn account_by_email(&self, email: &Email) -> Result<Option<Account>> {
        self.indexed(EMAIL_INDEX, "email_key", email.key(), |user| user.email.key()).await
    }

    /// The account under a username, found by the index, as [`Store::account_by_email`] is.
    pub async fn account_by_username(&self, username: &Username) -> Result<Option<Account>> {
        self.indexed("username-index", "username_key", username.key(), |user| user.username.key()).await
    }

    async fn indexed(
        &self,
        index: &str,
        attribute: &str,
        value: &str,
        of_user: fn(&User) -> &str,
    ) -> Result<Option<Account>> {
        let query = self.client.query().table_name(&self.table).index_name(index);
        let query = query
            .key_condition_expression("#key = :value")
            .expression_attribute_names("#key", attribute)
            .expression_attribute_values(":value", s(value));
        let answer = query.send().await.map_err(|error| unavailable("Query", &error))?;
        // The index is behind the table: while an address changes hands it may name two users, and only one still fits.
        for item in answer.items() {
            if let Some(account) = self.account(user_id(item)?).await?
                && of_user(&account.user) == value
            {
                return Ok(Some(account));
            }
        }
        Ok(None)
    }

    /// At most `limit` users, 1 to 100, after those of an earlier page.
    ///
    /// Scans the index, where there is nothing but the keys of users, and reads each user it names: the table itself,
    /// with its hashes and sessions, is never scanned.
    ///
    /// # Errors
    /// [`Error::Invalid`] if `after` is no page's `next`.
    pub async fn users_page(&self, limit: u16, after: Option<&str>) -> Result<UserPage> {
        let limit = limit.clamp(1, BATCH_KEYS);
        let scan = self.client.scan().table_name(&self.table).index_name(EMAIL_INDEX).limit(limit.into());
        let scan = scan.set_exclusive_start_key(after.map(start_key).transpose()?);
        let page = scan.send().await.map_err(|error| unavailable("Scan", &error))?;
        let ids = page.items().iter().map(user_id).collect::<Result<Vec<_>>>()?;
        let next = page.last_evaluated_key().filter(|key| !key.is_empty()).map(page_token).transpose()?;
        if ids.is_empty() {
            return Ok(UserPage { users: Vec::new(), next });
        }
        let mut items = self.batch_get(ids.iter().map(|&id| key(user_pk(id), "USER")).collect()).await?;
        // A user who was deleted meanwhile is not there.
        let users = ids.into_iter().filter_map(|id| items.remove(&user_pk(id)));
        Ok(UserPage { users: users.map(|item| read_user(&item)).collect::<Result<_>>()?, next })
    }

    /// Creates an account that has roles from its first moment, or nothing at all.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::UsernameTaken`].
    pub async fn user_create_with_roles(&self, user: &User, hash: &PasswordHash, roles: &[Role]) -> Result<()> {
        let mut writes = self.creation(user, hash)?;
        let put = Put::builder().table_name(&self.table).set_item(Some(roles_item(user.id, roles)));
        let put = put.condition_expression("attribute_not_exists(pk)");
        writes.push((write(TransactWriteItemBuilder::put, put.build())?, Error::Internal("user id collision")));
        self.transact(writes).await
    }

    /// Opens or closes an account, and voids every session of it, in one transaction on user and credential. Answers
    /// the new epoch.
    ///
    /// A change of the profile meanwhile is no obstacle, so a busy account can be closed at once; `write_id` keeps that
    /// change's retry from taking the version back.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the epoch is not the one in `user` any more, the e-mail address was changed, or the
    /// account was deleted.
    pub async fn user_set_status(&self, user: &User, status: Status, now: Timestamp, write_id: Uuid) -> Result<u64> {
        let [of_user, of_credential] = self.epoch_raises(user);
        let of_user = of_user
            .update_expression(
                "SET #status = :status, session_epoch = :next_epoch, version = version + :one, \
                 updated_at = :now, write_id = :write_id",
            )
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":now", n(now.millis()))
            .expression_attribute_values(":write_id", s(write_id.to_string()));
        let of_credential = of_credential.update_expression("SET #status = :status, session_epoch = :next_epoch");
        let mut writes = Vec::new();
        for update in [of_user, of_credential] {
            // STATUS is a reserved word of DynamoDB's.
            let update = update.expression_attribute_names("#status", "status");
            let update = update.expression_attribute_values(":status", s(status_text(status)));
            writes.push((write(TransactWriteItemBuilder::update, update.build())?, Error::Conflict));
        }
        self.transact(writes).await.map(|()| user.session_epoch.saturating_add(1))
    }

    /// Replaces a user's roles. The next access token carries them; nothing is revoked.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the user was deleted meanwhile.
    pub async fn roles_set(&self, id: UserId, roles: &[Role]) -> Result<()> {
        let is_there = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(key(user_pk(id), "USER")))
            .condition_expression("attribute_exists(pk)");
        let put = Put::builder().table_name(&self.table).set_item(Some(roles_item(id, roles)));
        self.transact(vec![
            (write(TransactWriteItemBuilder::condition_check, is_there.build())?, Error::Conflict),
            (write(TransactWriteItemBuilder::put, put.build())?, Error::Internal("an unconditional write failed")),
        ])
        .await
    }
}

const EMAIL_INDEX: &str = "email-index";
/// The most keys that `BatchGetItem` takes.
const BATCH_KEYS: u16 = 100;

fn user_id(item: &Attributes) -> Result<UserId> {
    let pk = Reader(item).s("pk")?;
    pk.strip_prefix("USER#").and_then(UserId::parse).ok_or(Error::Internal("pk"))
}

// The index's own key and the user's: both are part of where a scan of it stands.
fn page_token(key: &Attributes) -> Result<String> {
    let place = (user_id(key)?, Reader(key).s("email_key")?);
    serde_json::to_vec(&place).map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|_| Error::Internal("page token"))
}

fn start_key(token: &str) -> Result<Attributes> {
    let place = URL_SAFE_NO_PAD.decode(token).ok();
    let place = place.and_then(|json| serde_json::from_slice::<(String, String)>(&json).ok());
    let place = place.and_then(|(id, email_key)| Some((UserId::parse(&id)?, email_key)));
    let (id, email_key) = place.ok_or_else(|| Error::Invalid(vec![NO_PAGE]))?;
    let mut key = key(user_pk(id), "USER");
    key.insert("email_key".to_owned(), AttributeValue::S(email_key));
    Ok(key)
}

const NO_PAGE: crate::Fault = crate::Fault {
    pointer: "/after",
    invalid: crate::Invalid { code: "malformed", detail: "This is not where a page of users ended." },
};
