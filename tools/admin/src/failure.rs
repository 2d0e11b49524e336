use auth::Error;

/// Why a command did not do what it was asked. One line each; nothing was changed, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("there is no such user")]
    NoSuchUser,
    #[error("this user has no such session")]
    NoSuchSession,
    #[error("the user was changed by somebody else at the same time; nothing was done, look again")]
    Conflict,
    #[error("an account with this e-mail address exists")]
    EmailTaken,
    #[error("an account with this username exists")]
    UsernameTaken,
    #[error("{0}")]
    Refused(&'static str),
    #[error("no key set is published")]
    NoKeySet,
    #[error("there is no signing key of that id; keys show lists them")]
    NoSuchKey,
    #[error("where the keys are is not known: name the stack, or --local")]
    KeysOutOfReach,
    #[error("the key of pseudonyms is not at hand: without it nobody can tell which failures are whose")]
    NoPseudonyms,
    #[error("the key file {0}")]
    KeyFile(String),
    #[error("not confirmed; nothing was done")]
    NotConfirmed,
    #[error("this has to be confirmed, and nobody can be asked here: repeat it with --yes")]
    NobodyToAsk,
    #[error("no password was given; type it at the prompt, or pipe it in with --password-stdin")]
    NoPassword,
    #[error("the passwords differ; nothing was done")]
    PasswordsDiffer,
    #[error("can't write to the terminal or pipe")]
    Output,
    #[error("there is no such table in this account and region")]
    NoSuchTable,
    #[error("these credentials have no permission for {0}; tools/admin/README.md has the policy")]
    NotPermitted(&'static str),
    /// Before anything was asked of the table.
    #[error("{0}")]
    NotConnected(String),
    #[error("there is no such secret in this account and region")]
    NoSuchSecret,
    /// It may have failed halfway, which does no harm.
    #[error("rotate-keys: {0}; run it again, it starts afresh")]
    Function(String),
    /// A write may have taken effect.
    #[error("{0}; if this was to change something, look whether it did")]
    Unavailable(String),
    #[error("an item of the table can't be read, or a fault of ours: {0}")]
    Internal(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Conflict => Self::Conflict,
            Error::EmailTaken => Self::EmailTaken,
            Error::UsernameTaken => Self::UsernameTaken,
            Error::NoKeySet => Self::NoKeySet,
            Error::Invalid(faults) => match faults.first() {
                Some(fault) => Self::Refused(fault.invalid.detail),
                None => Self::Internal("a refusal without a reason".to_owned()),
            },
            Error::Unavailable { operation, code } => match (operation, code.as_ref()) {
                ("GetSecretValue", "ResourceNotFoundException") => Self::NoSuchSecret,
                (_, "ResourceNotFoundException") => Self::NoSuchTable,
                (_, "AccessDeniedException") => Self::NotPermitted(operation),
                (_, code) => Self::Unavailable(format!("{operation}: {code}")),
            },
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<auth::Invalid> for Failure {
    fn from(invalid: auth::Invalid) -> Self {
        Self::Refused(invalid.detail)
    }
}
