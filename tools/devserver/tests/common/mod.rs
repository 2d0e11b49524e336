//! All functions behind one router, on one table; and the list of audit events.

// Each test file is a crate of its own, and none uses all of it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod events;

use auth::{App, BreachedPasswords};
use auth_testing::TestApp;
use axum::Router;

pub async fn service() -> TestApp {
    service_asking(BreachedPasswords::new).await
}

pub async fn service_asking(breached: impl FnOnce(&App) -> BreachedPasswords) -> TestApp {
    TestApp::new(|t| {
        let (app, hasher, signer, throttle) = (t.app.clone(), t.hasher.clone(), t.signer.clone(), t.throttle.clone());
        let breached = breached(&app);
        Router::new()
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
            .merge(refresh::router(refresh::Refresh { app: app.clone(), signer: signer.clone() }))
            .merge(logout::router(logout::Logout { app: app.clone(), signer: signer.clone() }))
            .merge(sessions::router(sessions::Sessions { app: app.clone() }))
            .merge(password::router(password::PasswordChange { app: app.clone(), hasher, signer, throttle, breached }))
            .merge(profile::router(profile::Profile { app: app.clone() }))
            .merge(discovery::router(discovery::Discovery { app }))
    })
    .await
}
