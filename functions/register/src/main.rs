//! Holds: the hasher and the throttle. No key of the key set, so it can open no session.

use std::process::ExitCode;

use auth::{Hasher, Throttle};

fn main() -> ExitCode {
    auth_http::run(|app| async move {
        let hasher = Hasher::new(app.config.hash, app.config.hashes_at_once, app.random.clone());
        let throttle = Throttle::new(&app);
        Ok(register::router(register::Register { app, hasher, throttle }))
    })
}
