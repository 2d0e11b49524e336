//! Holds: the signer, whose MAC keys tell a refresh token from a forgery.

use std::process::ExitCode;

use auth::Signer;

fn main() -> ExitCode {
    auth_http::run(|app| async move {
        let signer = Signer::load(&app).await?;
        Ok(logout::router(logout::Logout { app, signer }))
    })
}
