//! Holds: the signer.

use std::process::ExitCode;

use auth::Signer;

fn main() -> ExitCode {
    auth_http::run(|app| async move {
        let signer = Signer::load(&app).await?;
        Ok(refresh::router(refresh::Refresh { app, signer }))
    })
}
