//! All functions behind one router, on one table; and the list of audit events.

// Each test file is a crate of its own, and none uses all of it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod events;

use auth::{App, BreachedPasswords};
use auth_testing::TestApp;
use devserver::Powers;

pub async fn service() -> TestApp {
    service_asking(BreachedPasswords::new).await
}

pub async fn service_asking(breached: impl FnOnce(&App) -> BreachedPasswords) -> TestApp {
    TestApp::new(|t| {
        let (hasher, signer, throttle) = (t.hasher.clone(), t.signer.clone(), t.throttle.clone());
        devserver::routers(&t.app, Powers { hasher, signer, throttle, breached: breached(&t.app) })
    })
    .await
}
