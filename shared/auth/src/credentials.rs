use crate::{PasswordHash, Status, UserId};

/// What a sign-in is decided on: the item under the e-mail address.
#[derive(Clone, Debug)]
pub struct Credential {
    pub user_id: UserId,
    pub hash: PasswordHash,
    pub status: Status,
    pub session_epoch: u64,
    /// The key of the e-mail address it stands under.
    pub(crate) email_key: String,
}

/// A weaker stored hash, to be replaced after its password was right.
#[derive(Debug)]
pub struct HashUpgrade {
    pub from: PasswordHash,
    pub to: PasswordHash,
}
