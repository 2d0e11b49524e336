//! All functions behind one router, and the front end around it: what `make run` serves, and what the tests of the whole
//! service drive.

pub mod admission;
pub mod connections;
mod frontend;
mod page_headers;

use auth::{App, BreachedPasswords, Hasher, Signer, Throttle};
use axum::Router;
pub use frontend::FrontEnd;
pub use page_headers::page_headers;

/// What the functions hold beyond `App`, each its own part of it in AWS.
#[derive(Clone)]
pub struct Powers {
    pub hasher: Hasher,
    pub signer: Signer,
    pub throttle: Throttle,
    pub breached: BreachedPasswords,
}

/// The routers of all functions that have a route.
pub fn routers(app: &App, powers: Powers) -> Router {
    let (app, Powers { hasher, signer, throttle, breached }) = (app.clone(), powers);
    let hashing = Router::new()
        .merge(register::router(register::Register {
            app: app.clone(),
            hasher: hasher.clone(),
            throttle: throttle.clone(),
            breached: breached.clone(),
        }))
        .merge(login::router(login::Login {
            app: app.clone(),
            hasher: hasher.clone(),
            signer: signer.clone(),
            throttle: throttle.clone(),
        }))
        .merge(password::router(password::PasswordChange {
            app: app.clone(),
            hasher,
            signer: signer.clone(),
            throttle,
            breached,
        }));
    let others = Router::new()
        .merge(refresh::router(refresh::Refresh { app: app.clone(), signer: signer.clone() }))
        .merge(logout::router(logout::Logout { app: app.clone(), signer }))
        .merge(sessions::router(sessions::Sessions { app: app.clone() }))
        .merge(profile::router(profile::Profile { app: app.clone() }))
        .merge(discovery::router(discovery::Discovery { app: app.clone() }));
    // Each its own places: those who wait for a hash take none from the others.
    admission::bounded(hashing, app.config.hashes_at_once * PLACES_PER_HASH)
        .merge(admission::bounded(others, OTHER_PLACES))
}

/// Requests that need a hash, for each hash that can be made at a time: the last of them waits for that many, a third of
/// a second. Who comes when all places are taken is refused before the try is counted or anything is read.
pub const PLACES_PER_HASH: usize = 16;
/// Requests that need none: what waits for the engine waits a fraction of the time that the SDK gives a call.
const OTHER_PLACES: usize = 64;
