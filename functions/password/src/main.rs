//! Holds: the hasher, the signer, the throttle, and whom to ask about breached passwords.

use std::process::ExitCode;

use auth::{BreachedPasswords, Hasher, Signer, Throttle};

fn main() -> ExitCode {
    auth_http::run(|app| async move {
        let hasher = Hasher::new(app.config.hash, app.config.hashes_at_once, app.random.clone());
        let signer = Signer::load(&app).await?;
        let throttle = Throttle::new(&app);
        let breached = BreachedPasswords::new(&app);
        Ok(password::router(password::PasswordChange { app, hasher, signer, throttle, breached }))
    })
}
