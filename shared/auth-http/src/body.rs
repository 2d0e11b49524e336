use auth::{Account, App, Error, Invalid, Role, Tokens, User};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Body, Faults, Field, Problem, Unknown, set_refresh};

/// A JSON answer; with a status or headers as axum has it: `(StatusCode::CREATED, Reply(body))`.
pub struct Reply<T>(pub T);

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response(),
            Err(_) => Problem::from(Error::Internal("an answer cannot be written as JSON")).into_response(),
        }
    }
}

/// A user as clients see it (docs/API.md): what is absent is `null`, times are RFC 3339.
#[derive(Serialize)]
pub struct UserBody<'a> {
    id: String,
    email: &'a str,
    email_verified: bool,
    username: &'a str,
    full_name: Option<&'a str>,
    bio: Option<&'a str>,
    birth_date: Option<String>,
    roles: &'a [Role],
    created_at: String,
    updated_at: String,
}

impl<'a> UserBody<'a> {
    pub fn new(user: &'a User, roles: &'a [Role]) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.as_str(),
            email_verified: user.email_verified,
            username: user.username.as_str(),
            full_name: user.full_name.as_ref().map(auth::FullName::as_str),
            bio: user.bio.as_ref().map(auth::Bio::as_str),
            birth_date: user.birth_date.map(|date| date.to_string()),
            roles,
            created_at: user.created_at.rfc3339(),
            updated_at: user.updated_at.rfc3339(),
        }
    }
}

/// `{user}`.
#[derive(Serialize)]
pub struct UserAnswer<'a> {
    pub user: UserBody<'a>,
}

/// The refresh token that a body brings, if it brings one.
#[derive(Deserialize)]
pub struct PresentedToken {
    #[serde(default)]
    refresh_token: Field,
    #[serde(flatten)]
    unknown: Unknown,
}

impl Body for PresentedToken {
    type Valid = Option<Zeroizing<String>>;

    #[allow(clippy::option_option, reason = "the outer one is the validity")]
    fn check(self, _: &App, faults: &mut Faults) -> Option<Option<Zeroizing<String>>> {
        faults.unknown(self.unknown);
        faults.optional("/refresh_token", self.refresh_token, |text| Ok(Zeroizing::new(text.to_owned())))
    }
}

/// How a refresh token travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// In the JSON, for clients that keep it themselves.
    #[default]
    Body,
    /// In an HTTP-only cookie, for browsers on our own site.
    Cookie,
}

impl Transport {
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "body" => Ok(Self::Body),
            "cookie" => Ok(Self::Cookie),
            _ => Err(Invalid { code: "not_an_option", detail: "Either \"body\" or \"cookie\"." }),
        }
    }
}

/// The tokens of a session (RFC 6749 §5.1), lifetimes in whole seconds; with the user where a sign-in answers.
#[derive(Serialize)]
struct TokensBody<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    refresh_expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<UserBody<'a>>,
}

/// Answers tokens: the refresh token in the body or in the cookie, never in both.
pub fn tokens_answer(
    app: &App,
    tokens: &Tokens,
    transport: Transport,
    account: Option<&Account>,
) -> Result<Response, Problem> {
    let body = Reply(TokensBody {
        access_token: tokens.access_token.expose(),
        token_type: "Bearer",
        expires_in: tokens.expires_in.as_secs(),
        refresh_token: (transport == Transport::Body).then_some(tokens.refresh_token.as_str()),
        refresh_expires_in: tokens.refresh_expires_in.as_secs(),
        user: account.map(|account| UserBody::new(&account.user, &account.roles)),
    });
    Ok(match transport {
        Transport::Body => body.into_response(),
        Transport::Cookie => {
            let cookie = set_refresh(&app.config.refresh_cookie, &tokens.refresh_token, tokens.refresh_expires_in)?;
            ([(SET_COOKIE, cookie)], body).into_response()
        }
    })
}
