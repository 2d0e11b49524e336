use std::borrow::Cow;
use std::time::Duration;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, in the domain's words. `auth-http` turns each into an answer by one exhaustive match.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input breaks rules; every fault found is listed.
    #[error("the input breaks {} rule(s)", .0.len())]
    Invalid(Vec<Fault>),
    /// Unknown account, wrong password or disabled account: indistinguishable on purpose.
    #[error("the credentials are not valid")]
    InvalidCredentials,
    /// The access token is not ours, has expired, or its session is gone or void.
    #[error("the access token is not valid")]
    InvalidToken,
    /// The refresh token opens nothing. `session_is_dead` tells whether a later try could still succeed with the
    /// cookie that the client holds by then.
    #[error("the refresh token is not valid")]
    InvalidRefreshToken { session_is_dead: bool },
    /// The account lacks the role that this demands.
    #[error("the account has not the role that this needs")]
    MissingRole,
    /// Tried too often.
    #[error("too many tries")]
    TooManyRequests { retry_after: Duration },
    #[error("the request's origin is not allowed")]
    ForeignOrigin,
    #[error("the e-mail address has an account")]
    EmailTaken,
    #[error("the username has an account")]
    UsernameTaken,
    /// Somebody else changed the item first, again and again.
    #[error("the item was changed by somebody else")]
    Conflict,
    /// The caller's `If-Match` names another version.
    #[error("the version is not the current one")]
    PreconditionFailed,
    /// No key set has been published yet, or the one that was is unreadable.
    #[error("there is no usable key set")]
    NoKeySet,
    /// DynamoDB or Secrets Manager did not answer in time, or refused. The code is theirs and holds no data.
    #[error("{operation}: {code}")]
    Unavailable { operation: &'static str, code: Cow<'static, str> },
    /// A fault of ours.
    #[error("{0}")]
    Internal(&'static str),
}

/// Why one value was refused. Both texts are constants: input is never echoed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Stable, `snake_case`, for programs.
    pub code: &'static str,
    /// A sentence, for people.
    pub detail: &'static str,
}

impl Invalid {
    /// As an error, of the value at `pointer`.
    pub fn at(self, pointer: &'static str) -> Error {
        Error::Invalid(vec![Fault { pointer, invalid: self }])
    }
}

/// One rule broken at one place of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// JSON Pointer (RFC 6901) into the body; empty for the body as a whole.
    pub pointer: &'static str,
    pub invalid: Invalid,
}
