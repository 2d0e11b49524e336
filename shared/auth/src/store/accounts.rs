//! Users, their credentials, and the claims that make addresses and names unique.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::TransactWriteItemBuilder;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};

use super::item::{
    Attributes, credential_item, key, read_credential, read_roles, read_session, read_user, session_item, user_item,
    username_item,
};
use super::{Store, email_pk, n, roles_pk, s, session_pk, unavailable, user_pk, username_pk};
use crate::{
    Bio, Credential, Email, Error, FullName, HashUpgrade, PasswordHash, Result, Role, Session, SessionId, Status, User,
    UserId, Username,
};

/// A user and their roles, as read together.
#[derive(Clone, Debug)]
pub struct Account {
    pub user: User,
    pub roles: Vec<Role>,
}

impl Account {
    /// Whether sessions opened under `session_epoch` are still good for this account.
    pub fn honours(&self, session_epoch: u64) -> bool {
        self.user.status == Status::Active && self.user.session_epoch == session_epoch
    }
}

impl Store {
    /// Creates user, credential and username claim, or nothing at all.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::UsernameTaken`].
    pub async fn user_create(&self, user: &User, hash: &PasswordHash) -> Result<()> {
        self.transact(self.creation(user, hash)?).await
    }

    /// The writes of a new account.
    pub(super) fn creation(&self, user: &User, hash: &PasswordHash) -> Result<Vec<(TransactWriteItem, Error)>> {
        let put = |item: Attributes| {
            Put::builder().table_name(&self.table).set_item(Some(item)).condition_expression("attribute_not_exists(pk)")
        };
        Ok(vec![
            (write(TransactWriteItemBuilder::put, put(user_item(user)).build())?, Error::Internal("user id collision")),
            (write(TransactWriteItemBuilder::put, put(credential_item(user, hash)).build())?, Error::EmailTaken),
            (write(TransactWriteItemBuilder::put, put(username_item(user)).build())?, Error::UsernameTaken),
        ])
    }

    pub async fn credential_by_email(&self, email: &Email) -> Result<Option<Credential>> {
        self.credential(email.key()).await
    }

    /// The credential that a username leads to: the claim first, then the credential it names.
    ///
    /// Between the two reads the address may have changed hands, so the credential must be of the claim's user; if not,
    /// the claim is read once more. An unknown name costs the same two reads.
    pub async fn credential_by_username(&self, username: &Username) -> Result<Option<Credential>> {
        for _ in 0..2 {
            let claim = self.get(key(username_pk(username.key()), "CLAIM")).await?;
            let read = |name| claim.as_ref().and_then(|claim| claim.get(name)?.as_s().ok()).map(String::as_str);
            let (owner, email_key) = (read("user_id").and_then(UserId::parse), read("leads_to"));
            // No address begins with a dot: nothing is ever found under the decoy.
            let credential = self.credential(email_key.unwrap_or(".")).await?;
            if credential.as_ref().map(|credential| credential.user_id) == owner {
                return Ok(credential);
            }
        }
        Ok(None)
    }

    async fn credential(&self, email_key: &str) -> Result<Option<Credential>> {
        self.get(key(email_pk(email_key), "CREDENTIAL")).await?.as_ref().map(read_credential).transpose()
    }

    /// User and roles in one consistent read; `None` if there is no such user.
    pub async fn account(&self, id: UserId) -> Result<Option<Account>> {
        let mut items = self.batch_get(vec![key(user_pk(id), "USER"), key(roles_pk(id), "ROLES")]).await?;
        account(&mut items, id)
    }

    /// User, roles and session in one consistent read: all that an authorised request needs.
    pub async fn account_and_session(
        &self,
        id: UserId,
        session: SessionId,
    ) -> Result<(Option<Account>, Option<Session>)> {
        let keys = vec![key(user_pk(id), "USER"), key(session_pk(id), session.to_string()), key(roles_pk(id), "ROLES")];
        let mut items = self.batch_get(keys).await?;
        let session = items.get(&session_pk(id)).map(read_session).transpose()?;
        Ok((account(&mut items, id)?, session))
    }

    /// Replaces a hash by a stronger one, unless it was changed meanwhile. Failure is of no consequence: the next
    /// sign-in tries again.
    pub async fn credential_upgrade(&self, credential: &Credential, upgrade: &HashUpgrade) {
        let update = self.client.update_item().table_name(&self.table);
        let update = update
            .set_key(Some(key(email_pk(&credential.email_key), "CREDENTIAL")))
            .condition_expression("attribute_exists(pk) AND password_hash = :old")
            .update_expression("SET password_hash = :new")
            .expression_attribute_values(":old", s(upgrade.from.as_stored()))
            .expression_attribute_values(":new", s(upgrade.to.as_stored()));
        let _ = update.send().await;
    }

    /// Another password, the next epoch on user and credential, and the first session under it, or nothing at all. The
    /// credential as it is then.
    ///
    /// # Errors
    /// [`Error::Conflict`] if credential or user changed meanwhile, or the user was deleted.
    pub async fn password_change(
        &self,
        credential: Credential,
        user: &User,
        hash: PasswordHash,
        session: &Session,
    ) -> Result<Credential> {
        let next = Credential { session_epoch: session.session_epoch, hash, ..credential.clone() };
        let [of_user, of_credential] = self.epoch_raises(user);
        let of_user = of_user.update_expression("SET session_epoch = :next_epoch");
        let of_credential = of_credential
            .condition_expression("attribute_exists(pk) AND user_id = :owner AND password_hash = :old")
            .update_expression("SET session_epoch = :next_epoch, password_hash = :new")
            .expression_attribute_values(":old", s(credential.hash.as_stored()))
            .expression_attribute_values(":new", s(next.hash.as_stored()));
        let opened = Put::builder().table_name(&self.table).set_item(Some(session_item(session)));
        self.transact(vec![
            (write(TransactWriteItemBuilder::update, of_user.build())?, Error::Conflict),
            (write(TransactWriteItemBuilder::update, of_credential.build())?, Error::Conflict),
            (write(TransactWriteItemBuilder::put, opened.build())?, Error::Internal("session id collision")),
        ])
        .await?;
        Ok(next)
    }

    /// Writes `next`, which was made from `current`, if nobody wrote in between. A retry of our own recognises its
    /// write by its id, so a lost answer is not reported as somebody else's change.
    ///
    /// # Errors
    /// [`Error::UsernameTaken`]; [`Error::Conflict`] if the user changed, was disabled, signed out everywhere or
    /// deleted meanwhile.
    pub async fn user_update(&self, current: &User, next: &User) -> Result<()> {
        if current.username.key() != next.username.key() {
            return self.user_rename(current, next).await;
        }
        let update = self.client.update_item().table_name(&self.table);
        let (expression, condition, values) = changes(current, next);
        let update = update
            .set_key(Some(key(user_pk(current.id), "USER")))
            .update_expression(expression)
            .condition_expression(format!("{condition} OR write_id = :write_id"))
            .set_expression_attribute_values(Some(values));
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(
                    aws_sdk_dynamodb::operation::update_item::UpdateItemError::is_conditional_check_failed_exception,
                ) =>
            {
                Err(Error::Conflict)
            }
            Err(error) => Err(unavailable("UpdateItem", &error)),
        }
    }

    // The new claim is taken, the old one given up and the user changed in one transaction.
    async fn user_rename(&self, current: &User, next: &User) -> Result<()> {
        let claim = Put::builder()
            .table_name(&self.table)
            .set_item(Some(username_item(next)))
            .condition_expression("attribute_not_exists(pk)");
        let old = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key(username_pk(current.username.key()), "CLAIM")))
            .condition_expression("user_id = :owner")
            .expression_attribute_values(":owner", s(current.id.to_string()));
        let (expression, condition, values) = changes(current, next);
        let user = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(user_pk(current.id), "USER")))
            .update_expression(expression)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values));
        self.transact(vec![
            (write(TransactWriteItemBuilder::put, claim.build())?, Error::UsernameTaken),
            (write(TransactWriteItemBuilder::delete, old.build())?, Error::Conflict),
            (write(TransactWriteItemBuilder::update, user.build())?, Error::Conflict),
        ])
        .await
    }

    /// All writes or none. Each is paired with the error that its failed condition means.
    pub(super) async fn transact(&self, writes: Vec<(TransactWriteItem, Error)>) -> Result<()> {
        let (items, meanings): (Vec<_>, Vec<_>) = writes.into_iter().unzip();
        // The SDK draws a ClientRequestToken once per call and repeats it in its retries.
        let Err(error) = self.client.transact_write_items().set_transact_items(Some(items)).send().await else {
            return Ok(());
        };
        if let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error() {
            // Reasons come in the order of the items.
            let failed =
                canceled.cancellation_reasons().iter().map(|reason| reason.code() == Some("ConditionalCheckFailed"));
            if let Some(meaning) =
                meanings.into_iter().zip(failed).find_map(|(meaning, failed)| failed.then_some(meaning))
            {
                return Err(meaning);
            }
        }
        Err(unavailable("TransactWriteItems", &error))
    }
}

pub(super) fn write<T, E>(
    place: impl FnOnce(TransactWriteItemBuilder, T) -> TransactWriteItemBuilder,
    built: std::result::Result<T, E>,
) -> Result<TransactWriteItem> {
    let built = built.map_err(|_| Error::Internal("incomplete transaction"))?;
    Ok(place(TransactWriteItem::builder(), built).build())
}

fn account(items: &mut std::collections::HashMap<String, Attributes>, id: UserId) -> Result<Option<Account>> {
    let Some(user) = items.remove(&user_pk(id)) else { return Ok(None) };
    let roles = items.remove(&roles_pk(id)).as_ref().map(read_roles).transpose()?.unwrap_or_default();
    Ok(Some(Account { user: read_user(&user)?, roles }))
}

/// The update of what a profile holds, on condition that the user is the one that was read. Nothing else of the item is
/// touched: status, epoch and verification belong to other functions.
fn changes(current: &User, next: &User) -> (String, &'static str, Attributes) {
    let mut set = vec![
        "username = :username",
        "username_key = :username_key",
        "version = :version",
        "updated_at = :updated_at",
        "write_id = :write_id",
    ];
    let mut remove = Vec::new();
    let mut values = Attributes::from([
        (":username".to_owned(), s(next.username.as_str())),
        (":username_key".to_owned(), s(next.username.key())),
        (":version".to_owned(), n(next.version)),
        (":updated_at".to_owned(), n(next.updated_at.millis())),
        (":write_id".to_owned(), s(next.write_id.to_string())),
        (":read_version".to_owned(), n(current.version)),
        (":epoch".to_owned(), n(current.session_epoch)),
    ]);
    let birth_date = next.birth_date.map(|date| date.to_string());
    for (name, assignment, placeholder, value) in [
        ("full_name", "full_name = :full_name", ":full_name", next.full_name.as_ref().map(FullName::as_str)),
        ("bio", "bio = :bio", ":bio", next.bio.as_ref().map(Bio::as_str)),
        ("birth_date", "birth_date = :birth_date", ":birth_date", birth_date.as_deref()),
    ] {
        match value {
            Some(value) => {
                set.push(assignment);
                values.insert(placeholder.to_owned(), s(value));
            }
            None => remove.push(name),
        }
    }
    let mut expression = format!("SET {}", set.join(", "));
    if !remove.is_empty() {
        expression = format!("{expression} REMOVE {}", remove.join(", "));
    }
    (expression, "attribute_exists(pk) AND version = :read_version AND session_epoch = :epoch", values)
}
