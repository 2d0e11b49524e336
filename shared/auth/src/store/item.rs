//! Items as the table holds them, and back.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use crate::session::REMEMBERED;
use crate::{
    Bio, BirthDate, Credential, Email, Error, FullName, PasswordHash, PublicKeySet, Result, Role, Session, SessionId,
    Status, Timestamp, User, UserId, Username,
};

pub type Attributes = HashMap<String, AttributeValue>;

/// The schema version that every item carries as `v`.
pub const SCHEMA: u64 = 1;

/// An item being written.
pub struct Item(Attributes);

impl Item {
    pub fn new(pk: String, sk: impl Into<String>) -> Self {
        Self(key(pk, sk)).n("v", SCHEMA)
    }

    pub fn s(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::S(value.into()));
        self
    }

    #[allow(clippy::needless_pass_by_value, reason = "numbers are copied")]
    pub fn n(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::N(value.to_string()));
        self
    }

    pub fn flag(mut self, name: &str, value: bool) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::Bool(value));
        self
    }

    pub fn bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::B(value.to_vec().into()));
        self
    }

    pub fn optional(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.s(name, value),
            None => self,
        }
    }

    pub fn build(self) -> Attributes {
        self.0
    }
}

pub fn key(pk: String, sk: impl Into<String>) -> Attributes {
    HashMap::from([("pk".to_owned(), AttributeValue::S(pk)), ("sk".to_owned(), AttributeValue::S(sk.into()))])
}

/// An item being read. What does not read as it was written is a fault of ours, and says which attribute.
pub struct Reader<'a>(pub &'a Attributes);

impl<'a> Reader<'a> {
    pub fn s(&self, name: &'static str) -> Result<&'a str> {
        self.optional(name).ok_or(Error::Internal(name))
    }

    pub fn optional(&self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }

    pub fn n<T: std::str::FromStr>(&self, name: &'static str) -> Result<T> {
        self.0.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).ok_or(Error::Internal(name))
    }

    pub fn time(&self, name: &'static str) -> Result<Timestamp> {
        Ok(Timestamp::from_millis(self.n(name)?))
    }

    fn parsed<T>(&self, name: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        self.optional(name).and_then(parse).ok_or(Error::Internal(name))
    }

    fn status(&self) -> Result<Status> {
        match self.s("status")? {
            "active" => Ok(Status::Active),
            "disabled" => Ok(Status::Disabled),
            _ => Err(Error::Internal("status")),
        }
    }
}

pub fn status_text(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Disabled => "disabled",
    }
}

pub fn user_item(user: &User) -> Attributes {
    Item::new(super::user_pk(user.id), "USER")
        .s("email", user.email.as_str())
        .s("email_key", user.email.key())
        .flag("email_verified", user.email_verified)
        .s("username", user.username.as_str())
        .s("username_key", user.username.key())
        .optional("full_name", user.full_name.as_ref().map(FullName::as_str))
        .optional("bio", user.bio.as_ref().map(Bio::as_str))
        .optional("birth_date", user.birth_date.map(|date| date.to_string()))
        .s("status", status_text(user.status))
        .n("session_epoch", user.session_epoch)
        .n("version", user.version)
        .n("created_at", user.created_at.millis())
        .n("updated_at", user.updated_at.millis())
        .s("write_id", user.write_id.to_string())
        .build()
}

pub fn read_user(attributes: &Attributes) -> Result<User> {
    let item = Reader(attributes);
    Ok(User {
        id: item.parsed("pk", |pk| UserId::parse(pk.strip_prefix("USER#")?))?,
        email: item.parsed("email", |text| Email::parse(text).ok())?,
        email_verified: matches!(attributes.get("email_verified"), Some(AttributeValue::Bool(true))),
        username: item.parsed("username", |text| Username::parse(text).ok())?,
        full_name: item
            .optional("full_name")
            .map(FullName::parse)
            .transpose()
            .map_err(|_| Error::Internal("full_name"))?,
        bio: item.optional("bio").map(Bio::parse).transpose().map_err(|_| Error::Internal("bio"))?,
        birth_date: item
            .optional("birth_date")
            .map(BirthDate::parse)
            .transpose()
            .map_err(|_| Error::Internal("birth_date"))?,
        status: item.status()?,
        session_epoch: item.n("session_epoch")?,
        version: item.n("version")?,
        created_at: item.time("created_at")?,
        updated_at: item.time("updated_at")?,
        write_id: item.parsed("write_id", |text| Uuid::try_parse(text).ok())?,
    })
}

pub fn read_roles(attributes: &Attributes) -> Result<Vec<Role>> {
    let Some(AttributeValue::L(values)) = attributes.get("roles") else { return Ok(Vec::new()) };
    let role = |value: &AttributeValue| Role::parse(value.as_s().ok()?).ok();
    values.iter().map(|value| role(value).ok_or(Error::Internal("roles"))).collect()
}

pub fn roles_item(id: UserId, roles: &[Role]) -> Attributes {
    let roles = roles.iter().map(|role| AttributeValue::S(role.as_str().to_owned())).collect();
    let mut item = Item::new(super::roles_pk(id), "ROLES").build();
    item.insert("roles".to_owned(), AttributeValue::L(roles));
    item
}

pub fn credential_item(user: &User, hash: &PasswordHash) -> Attributes {
    Item::new(super::email_pk(user.email.key()), "CREDENTIAL")
        .s("user_id", user.id.to_string())
        .s("password_hash", hash.as_stored())
        .s("status", status_text(user.status))
        .n("session_epoch", user.session_epoch)
        .build()
}

pub fn read_credential(attributes: &Attributes) -> Result<Credential> {
    let item = Reader(attributes);
    Ok(Credential {
        user_id: item.parsed("user_id", UserId::parse)?,
        hash: PasswordHash::from_stored(item.s("password_hash")?.to_owned()),
        status: item.status()?,
        session_epoch: item.n("session_epoch")?,
        email_key: item.parsed("pk", |pk| Some(pk.strip_prefix("EMAIL#")?.to_owned()))?,
    })
}

pub fn username_item(user: &User) -> Attributes {
    Item::new(super::username_pk(user.username.key()), "CLAIM")
        .s("user_id", user.id.to_string())
        // Not `email_key`: an item with that attribute would be in the index.
        .s("leads_to", user.email.key())
        .build()
}

pub fn session_item(session: &Session) -> Attributes {
    let mut item = Item::new(super::session_pk(session.user_id), session.id.to_string())
        .n("generation", session.generation)
        .bytes("lineage", &session.lineage)
        .n("mac_key_id", session.mac_key_id)
        .n("session_epoch", session.session_epoch)
        .n("created_at", session.created_at.millis())
        .n("last_used_at", session.last_used_at.millis())
        .n("idle_expires_at", session.idle_expires_at.millis())
        .n("absolute_expires_at", session.absolute_expires_at.millis())
        .n("expires_at", ttl(session.absolute_expires_at))
        .optional("client", session.client.as_deref())
        .optional("network", session.network.as_deref());
    for (name, at) in ROTATED.iter().zip(session.rotated_at) {
        item = item.n(name, at.millis());
    }
    item.build()
}

pub fn read_session(attributes: &Attributes) -> Result<Session> {
    let item = Reader(attributes);
    let mut rotated_at = [Timestamp::from_millis(0); REMEMBERED];
    for (at, name) in rotated_at.iter_mut().zip(ROTATED) {
        *at = item.time(name)?;
    }
    let lineage = attributes.get("lineage").and_then(|value| value.as_b().ok()?.as_ref().try_into().ok());
    Ok(Session {
        id: item.parsed("sk", SessionId::parse)?,
        user_id: item.parsed("pk", |pk| UserId::parse(pk.strip_prefix("SESSION#")?))?,
        generation: item.n("generation")?,
        rotated_at,
        lineage: lineage.ok_or(Error::Internal("lineage"))?,
        mac_key_id: item.n("mac_key_id")?,
        session_epoch: item.n("session_epoch")?,
        created_at: item.time("created_at")?,
        last_used_at: item.time("last_used_at")?,
        idle_expires_at: item.time("idle_expires_at")?,
        absolute_expires_at: item.time("absolute_expires_at")?,
        client: item.optional("client").map(str::to_owned),
        network: item.optional("network").map(str::to_owned),
    })
}

pub fn read_key_set(attributes: &Attributes) -> Result<PublicKeySet> {
    let item = Reader(attributes);
    let origins = match attributes.get("origins") {
        Some(AttributeValue::L(values)) => values.iter().filter_map(|value| value.as_s().ok().cloned()).collect(),
        _ => Vec::new(),
    };
    Ok(PublicKeySet {
        version: item.n("version")?,
        issuer: item.s("issuer")?.to_owned(),
        origins,
        jwks: item.s("jwks")?.to_owned(),
        origin_proof_sha256: attributes
            .get("origin_proof_sha256")
            .and_then(|value| value.as_b().ok()?.as_ref().try_into().ok()),
    })
}

/// When the last four generations were superseded, latest first: attributes of their own, since an `UpdateItem` can
/// shift attributes but not a list.
pub const ROTATED: [&str; REMEMBERED] = ["rotated_1", "rotated_2", "rotated_3", "rotated_4"];

/// DynamoDB's TTL is in seconds; a day more, since it sweeps what nobody asks for and decides nothing.
fn ttl(at: Timestamp) -> i64 {
    at.seconds().saturating_add(86_400)
}
