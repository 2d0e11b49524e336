use serde::Serialize;
use uuid::Uuid;

use crate::{Bio, BirthDate, Email, FullName, Invalid, Timestamp, Username};

/// A user's id: a version 7 UUID, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct UserId(pub(crate) Uuid);

impl UserId {
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl std::fmt::Display for UserId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Active,
    /// By an operator: no sign-in, no refresh, no profile.
    Disabled,
}

/// The name of a role: 1 to 64 of `a-z 0-9 _ - : .`; what it allows is the affair of whoever reads the token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Role(String);

impl Role {
    /// What an operator's endpoints demand.
    pub const ADMIN: &str = "admin";

    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let fits = (1..=64).contains(&text.len());
        if fits && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-:.".contains(&b)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid { code: "malformed", detail: "A role is 1 to 64 of a-z, 0-9, '_', '-', ':' and '.'." })
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person with an account. The password is not here: see [`crate::Credential`].
#[derive(Clone, Debug)]
pub struct User {
    pub id: UserId,
    pub email: Email,
    pub email_verified: bool,
    pub username: Username,
    pub full_name: Option<FullName>,
    pub bio: Option<Bio>,
    pub birth_date: Option<BirthDate>,
    pub status: Status,
    /// Raised to void every session opened before: the whole of revocation (DATA-MODEL, "Revocation").
    pub session_epoch: u64,
    /// Raised by every change: the `ETag`.
    pub version: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Names the write that made this version, so that a retried write recognises itself.
    pub write_id: Uuid,
}

/// What a PATCH does to one value that may be absent.
#[derive(Clone, Debug, Default)]
pub enum Change<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

/// What a PATCH does to a user.
#[derive(Clone, Debug, Default)]
pub struct ProfileChange {
    pub username: Option<Username>,
    pub full_name: Change<FullName>,
    pub bio: Change<Bio>,
    pub birth_date: Change<BirthDate>,
}

impl User {
    pub fn new(id: UserId, email: Email, username: Username, now: Timestamp) -> Self {
        Self {
            id,
            email,
            email_verified: false,
            username,
            full_name: None,
            bio: None,
            birth_date: None,
            status: Status::Active,
            session_epoch: 0,
            version: 1,
            created_at: now,
            updated_at: now,
            write_id: Uuid::nil(),
        }
    }

    /// The user as it will be after `change`, one version on; `None` if nothing would be different.
    #[must_use]
    pub fn changed(&self, change: &ProfileChange, now: Timestamp, write_id: Uuid) -> Option<Self> {
        let mut next = self.clone();
        if let Some(username) = &change.username {
            next.username = username.clone();
        }
        apply(&mut next.full_name, &change.full_name);
        apply(&mut next.bio, &change.bio);
        apply(&mut next.birth_date, &change.birth_date);
        let same = next.username == self.username
            && next.full_name == self.full_name
            && next.bio == self.bio
            && next.birth_date == self.birth_date;
        next.version += 1;
        next.updated_at = now;
        next.write_id = write_id;
        (!same).then_some(next)
    }
}

fn apply<T: Clone>(value: &mut Option<T>, change: &Change<T>) {
    match change {
        Change::Keep => {}
        Change::Clear => *value = None,
        Change::Set(new) => *value = Some(new.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_plain_words() {
        assert!(Role::parse("admin").is_ok());
        assert!(Role::parse("billing:read").is_ok());
        for bad in ["", "Admin", "a b", "ad\u{0}min", &"x".repeat(65)] {
            assert!(Role::parse(bad).is_err());
        }
    }
}
