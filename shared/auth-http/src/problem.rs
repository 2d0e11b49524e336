use std::borrow::Cow;

use auth::{Error, Fault};
use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::clear_refresh;

/// An answer that says what went wrong (RFC 9457). Its texts are constants, since input is never echoed.
///
/// As a response it is still without a body: it travels in the response's extensions to [`crate::edge`], which knows
/// the request's id and writes the document.
#[derive(Clone, Debug)]
pub struct Problem {
    pub status: StatusCode,
    /// Stable, `snake_case`, for programs; listed in docs/API.md.
    pub code: &'static str,
    /// A sentence, for people.
    pub detail: &'static str,
    /// The rules broken, for `validation_failed` alone.
    pub errors: Vec<Fault>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The session is dead, so the cookie that carried its token has no future: see [`Problem::clearing_refresh`].
    pub clear_refresh_cookie: bool,
    /// What happened inside, for the log line of a 5xx; never part of the answer. It holds no data.
    pub cause: Option<Cow<'static, str>>,
}

/// RFC 6750 §3: nothing was wrong with a token, since none was asked for.
const CHALLENGE: &str = "Bearer realm=\"vestibule\"";
/// RFC 6750 §3.1.
const INVALID_TOKEN: &str = "Bearer realm=\"vestibule\", error=\"invalid_token\"";
const INSUFFICIENT_SCOPE: &str = "Bearer realm=\"vestibule\", error=\"insufficient_scope\"";

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: &'static str) -> Self {
        let (errors, headers) = (Vec::new(), Vec::new());
        Self { status, code, detail, errors, headers, clear_refresh_cookie: false, cause: None }
    }

    pub fn malformed_json() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_json", "The body is not one well-formed JSON text.")
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address.")
    }

    /// The `Allow` header (RFC 9110 §15.5.6) is added by axum, which knows the route's methods.
    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This address does not take that method.")
    }

    pub fn body_too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is larger than 16 KiB.")
    }

    pub fn unsupported_media_type() -> Self {
        let detail = "The body must be declared as application/json.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    /// Somebody calls the API's own address, where it is to be reached through the distribution.
    pub(crate) fn direct_access() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "This API is not reached by this address.")
    }

    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Clears the cookie `name` if the session is dead. For the branch of a handler that took the token *from* the
    /// cookie: a token from the body says nothing about the one that the browser holds.
    #[must_use]
    pub fn clearing_refresh(self, name: &str) -> Self {
        if !self.clear_refresh_cookie {
            return self;
        }
        match clear_refresh(name) {
            Ok(cookie) => self.with_header(SET_COOKIE, cookie),
            Err(error) => error.into(),
        }
    }

    fn challenging(self, challenge: &'static str) -> Self {
        self.with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    fn retry_after(self, seconds: u16) -> Self {
        self.with_header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    fn caused_by(mut self, cause: impl Into<Cow<'static, str>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Writes the document. `headers` are what the handler has put on the answer besides.
    pub(crate) fn render(self, request: &RequestFacts, mut headers: HeaderMap) -> Response {
        let document = Document {
            r#type: "about:blank",
            title: title(self.status),
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code,
            request_id: &request.id,
            errors: self.errors.iter().map(Entry::from).collect(),
        };
        headers.remove(CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.code == "invalid_token" && !request.has_authorization {
            // RFC 6750 §3.1: who sent no credentials is told of no error.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        // Strings and numbers alone: this cannot fail.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

/// What a problem document has to know of the request it answers.
pub(crate) struct RequestFacts {
    pub id: String,
    pub has_authorization: bool,
}

/// The whole of "what can this service answer, and when": a new error does not compile until it has its line here.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let new = Self::new;
        match error {
            Error::Invalid(faults) => Self {
                errors: faults,
                ..new(StatusCode::UNPROCESSABLE_ENTITY, "validation_failed", "The input breaks the rules in `errors`.")
            },
            Error::InvalidCredentials => {
                new(StatusCode::UNAUTHORIZED, "invalid_credentials", "There is no account with these credentials.")
                    .challenging(CHALLENGE)
            }
            Error::InvalidToken => {
                new(StatusCode::UNAUTHORIZED, "invalid_token", "A valid access token is needed here.")
                    .challenging(INVALID_TOKEN)
            }
            Error::InvalidRefreshToken { session_is_dead } => Self {
                clear_refresh_cookie: session_is_dead,
                ..new(StatusCode::UNAUTHORIZED, "invalid_refresh_token", "The refresh token is not valid (any more).")
                    .challenging(INVALID_TOKEN)
            },
            Error::MissingRole => {
                new(StatusCode::FORBIDDEN, "forbidden", "This account has not the role that this needs.")
                    .challenging(INSUFFICIENT_SCOPE)
            }
            Error::TooManyRequests { retry_after } => {
                // Rounded up, so that who comes back then is not too early.
                let seconds = u32::try_from(retry_after.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
                new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "Too many tries. Come back later.")
                    .with_header(RETRY_AFTER, HeaderValue::from(seconds))
            }
            Error::ForeignOrigin => {
                new(StatusCode::FORBIDDEN, "forbidden", "Cookies are not taken from, or given to, this origin.")
            }
            Error::EmailTaken => new(StatusCode::CONFLICT, "email_taken", "This e-mail address has an account."),
            Error::UsernameTaken => new(StatusCode::CONFLICT, "username_taken", "This username has an account."),
            Error::Conflict => {
                new(StatusCode::CONFLICT, "conflict", "Somebody else changed this at the same time. Read it again.")
            }
            Error::PreconditionFailed => {
                let detail = "It has changed since the version that `If-Match` names.";
                new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail)
            }
            Error::NoKeySet => unavailable().retry_after(5).caused_by(error.to_string()),
            Error::Unavailable { .. } => unavailable().retry_after(1).caused_by(error.to_string()),
            Error::Internal(cause) => {
                new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "A fault of ours. Its report carries `request_id`.")
                    .caused_by(cause)
            }
        }
    }
}

fn unavailable() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The service cannot answer just now. Try again.")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// RFC 9457 §3.1. Clients tell problems apart by `code`; with `about:blank` the title is the status (§4.2.1).
#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'static str,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    pointer: &'static str,
    code: &'static str,
    detail: &'static str,
}

impl From<&Fault> for Entry {
    fn from(fault: &Fault) -> Self {
        Self { pointer: fault.pointer, code: fault.invalid.code, detail: fault.invalid.detail }
    }
}

/// The names of RFC 9110, two of which the `http` crate has from its predecessor.
fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Content Too Large",
        StatusCode::UNPROCESSABLE_ENTITY => "Unprocessable Content",
        other => other.canonical_reason().unwrap_or("Error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    async fn rendered(problem: Problem, has_authorization: bool) -> (HeaderMap, serde_json::Value) {
        let facts = RequestFacts { id: "r1".to_owned(), has_authorization };
        let (parts, _) = problem.clone().into_response().into_parts();
        let (parts, body) = problem.render(&facts, parts.headers).into_parts();
        (parts.headers, serde_json::from_slice(&to_bytes(body, 10_000).await.unwrap()).unwrap())
    }

    #[tokio::test]
    async fn every_broken_rule_is_listed() {
        let invalid = auth::Invalid { code: "required", detail: "Missing." };
        let problem = Problem::from(Error::Invalid(vec![Fault { pointer: "/email", invalid }]));
        let (headers, document) = rendered(problem, false).await;
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            document,
            serde_json::json!({
                "type": "about:blank", "title": "Unprocessable Content", "status": 422, "code": "validation_failed",
                "detail": "The input breaks the rules in `errors`.", "request_id": "r1",
                "errors": [{"pointer": "/email", "code": "required", "detail": "Missing."}],
            })
        );
    }

    #[tokio::test]
    async fn what_failed_inside_stays_inside() {
        let error = Error::Unavailable { operation: "PutItem", code: "ThrottlingException".into() };
        let (headers, document) = rendered(error.into(), false).await;
        assert_eq!(headers[RETRY_AFTER], "1");
        assert!(!document.to_string().contains("PutItem") && !document.to_string().contains("Throttling"));
    }

    #[tokio::test]
    async fn a_missing_token_is_not_called_an_invalid_one() {
        let (headers, _) = rendered(Error::InvalidToken.into(), false).await;
        assert_eq!(headers.get_all(WWW_AUTHENTICATE).iter().collect::<Vec<_>>(), [CHALLENGE]);
        let (headers, _) = rendered(Error::InvalidToken.into(), true).await;
        assert_eq!(headers[WWW_AUTHENTICATE], INVALID_TOKEN);
    }

    #[tokio::test]
    async fn only_a_dead_session_clears_the_cookie() {
        for dead in [true, false] {
            let problem = Problem::from(Error::InvalidRefreshToken { session_is_dead: dead });
            let (headers, _) = rendered(problem.clearing_refresh("__Host-refresh"), false).await;
            assert_eq!(headers.contains_key(SET_COOKIE), dead);
        }
    }
}
