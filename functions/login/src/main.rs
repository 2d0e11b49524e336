//! Holds: the hasher and the signer.

use std::process::ExitCode;

use auth::{Hasher, Signer};

fn main() -> ExitCode {
    auth_http::run(|app| async move {
        let hasher = Hasher::new(app.config.hash, app.config.hashes_at_once, app.random.clone());
        let signer = Signer::load(&app).await?;
        Ok(login::router(login::Login { app, hasher, signer }))
    })
}
