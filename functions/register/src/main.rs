//! Holds: the hasher. No key, so it can open no session.

use std::process::ExitCode;

use auth::Hasher;

fn main() -> ExitCode {
    auth_http::run(|app| async move {
        let hasher = Hasher::new(app.config.hash, app.config.hashes_at_once, app.random.clone());
        Ok(register::router(register::Register { app, hasher }))
    })
}
