use auth::{App, Error, Role, SignedIn};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::{Problem, bearer};

/// The account and the session of a valid access token, as they are now: one round trip.
///
/// Put it before the body in a handler: who may not know an account does not learn what is wrong with their body either.
pub struct Authenticated(pub SignedIn);

/// [`Authenticated`], with the role `admin` at this moment, whatever the token says.
pub struct Admin(pub SignedIn);

impl<S: Send + Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let app = parts.extensions.get::<App>().ok_or(Error::Internal("a router without its edge"))?;
        Ok(Self(app.signed_in(bearer(&parts.headers)?).await?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Authenticated(signed_in) = Authenticated::from_request_parts(parts, state).await?;
        let is_admin = signed_in.account.roles.iter().any(|role| role.as_str() == Role::ADMIN);
        if is_admin { Ok(Self(signed_in)) } else { Err(Error::MissingRole.into()) }
    }
}
