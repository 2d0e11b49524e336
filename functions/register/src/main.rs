//! Holds: the hasher, the throttle, and whom to ask about breached passwords. No key of the key set, so it can open no session.

use std::process::ExitCode;

use auth::{BreachedPasswords, Hasher, Throttle};

fn main() -> ExitCode {
    auth_http::run(|app| async move {
        let hasher = Hasher::new(app.config.hash, app.config.hashes_at_once, app.random.clone());
        let throttle = Throttle::new(&app);
        let breached = BreachedPasswords::new(&app);
        Ok(register::router(register::Register { app, hasher, throttle, breached }))
    })
}
