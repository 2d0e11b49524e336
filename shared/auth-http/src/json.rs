use auth::{App, Change, Error, Fault, Invalid};
use axum::body::Body as HttpBody;
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::Problem;

mod field;
mod strict;

pub use field::{Field, Unknown};

/// Larger bodies are refused while they are read, whatever `Content-Length` says.
pub const BODY_LIMIT: usize = 16 * 1024;

/// A request body as it is written; [`Body::check`] makes of it what the domain takes, or says all that is wrong.
///
/// Its members are [`Field`]s under `#[serde(default)]` and one `#[serde(flatten)] unknown: Unknown`, so that reading
/// it cannot fail and every fault is reported at once.
pub trait Body: DeserializeOwned {
    type Valid;

    fn check(self, app: &App, faults: &mut Faults) -> Option<Self::Valid>;
}

/// The body of a request, valid. `Option<Json<B>>` is for bodies that may be left out: `None` if there are no bytes.
pub struct Json<B: Body>(pub B::Valid);

impl<B: Body, S: Send + Sync> FromRequest<S> for Json<B> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Err(Problem::unsupported_media_type());
        }
        parse::<B>(app(&parts)?, &read(body).await?).map(Self)
    }
}

impl<B: Body, S: Send + Sync> OptionalFromRequest<S> for Json<B> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Option<Self>, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(body).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if !is_json(&parts.headers) {
            return Err(Problem::unsupported_media_type());
        }
        parse::<B>(app(&parts)?, &bytes).map(|valid| Some(Self(valid)))
    }
}

/// The faults found in one body so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

/// What is said of a member that is not there.
pub const REQUIRED: Invalid = Invalid { code: "required", detail: "This member is required." };
const NOT_TEXT: Invalid = Invalid { code: "wrong_type", detail: "A string is expected here." };
const NOT_AN_OBJECT: Invalid = Invalid { code: "wrong_type", detail: "A JSON object is expected." };
const UNKNOWN_MEMBER: Invalid = Invalid { code: "unknown_member", detail: "The body has members not known here." };

impl Faults {
    /// A member that must be there.
    pub fn required<T>(
        &mut self,
        pointer: &'static str,
        field: Field,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        match field {
            Field::Missing | Field::Null => self.refuse(pointer, REQUIRED),
            Field::WrongType => self.refuse(pointer, NOT_TEXT),
            Field::Text(text) => self.keep(pointer, parse(&text)),
        }
    }

    /// A member that may be left out, or be null: `Some(None)`.
    #[allow(clippy::option_option, reason = "the outer one is the validity that every method here answers with")]
    pub fn optional<T>(
        &mut self,
        pointer: &'static str,
        field: Field,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<Option<T>> {
        match field {
            Field::Missing | Field::Null => Some(None),
            Field::WrongType => self.refuse(pointer, NOT_TEXT),
            Field::Text(text) => self.keep(pointer, parse(&text)).map(Some),
        }
    }

    /// A member that may be left out, but not be null.
    #[allow(clippy::option_option, reason = "as above")]
    pub fn present<T>(
        &mut self,
        pointer: &'static str,
        field: Field,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<Option<T>> {
        match field {
            Field::Missing => Some(None),
            present => self.required(pointer, present, parse).map(Some),
        }
    }

    /// A member of a merge patch (RFC 7396 §2): left out keeps, null clears.
    pub fn change<T>(
        &mut self,
        pointer: &'static str,
        field: Field,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<Change<T>> {
        match field {
            Field::Missing => Some(Change::Keep),
            Field::Null => Some(Change::Clear),
            Field::WrongType => self.refuse(pointer, NOT_TEXT),
            Field::Text(text) => self.keep(pointer, parse(&text)).map(Change::Set),
        }
    }

    /// Refuses members that the body's type does not name. Their names are the client's text: not repeated.
    pub fn unknown(&mut self, unknown: Unknown) {
        if unknown.count > 0 {
            self.add("", UNKNOWN_MEMBER);
        }
    }

    pub fn add(&mut self, pointer: &'static str, invalid: Invalid) {
        self.0.push(Fault { pointer, invalid });
    }

    fn keep<T>(&mut self, pointer: &'static str, result: Result<T, Invalid>) -> Option<T> {
        result.map_err(|invalid| self.add(pointer, invalid)).ok()
    }

    fn refuse<T>(&mut self, pointer: &'static str, invalid: Invalid) -> Option<T> {
        self.add(pointer, invalid);
        None
    }
}

/// RFC 9110 §8.3: type and subtype in any case, parameters allowed and, for JSON, without meaning (RFC 8259 §11).
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let essence = value.as_bytes().split(|&b| b == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// Reads into one block of the largest size, which is wiped afterwards: a password leaves no copies behind as it grows.
async fn read(mut body: HttpBody) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(BODY_LIMIT));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::malformed_json())?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > BODY_LIMIT {
            return Err(Problem::body_too_large());
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

/// Put there by [`crate::edge`]: rules that are parameters, or that ask for the time, need it.
fn app(parts: &Parts) -> Result<&App, Problem> {
    Ok(parts.extensions.get().ok_or(Error::Internal("a router without its edge"))?)
}

fn parse<B: Body>(app: &App, bytes: &[u8]) -> Result<B::Valid, Problem> {
    let strict::Root { is_object } = serde_json::from_slice(bytes).map_err(|_| Problem::malformed_json())?;
    let mut faults = Faults::default();
    if !is_object {
        faults.add("", NOT_AN_OBJECT);
        return Err(Error::Invalid(faults.0).into());
    }
    // Well-formed by now, and no member's type can be wrong: what fails here is a `Body` that holds more than `Field`s.
    let body: B = serde_json::from_slice(bytes).map_err(|_| Error::Internal("a body type is too strict"))?;
    match body.check(app, &mut faults) {
        Some(valid) if faults.0.is_empty() => Ok(valid),
        None if faults.0.is_empty() => Err(Error::Internal("a body was refused for no reason").into()),
        _ => Err(Error::Invalid(faults.0).into()),
    }
}

#[cfg(test)]
mod tests;
