//! Holds: the secret of the key set, to read and to write.

use std::process::ExitCode;
use std::sync::Arc;

use auth::KeySetSecret;
use rotate_keys::RotateKeys;

fn main() -> ExitCode {
    auth_http::run_events(|app| async move {
        let secret = KeySetSecret::open(&app)?;
        let rotate_keys = Arc::new(RotateKeys { app, secret });
        Ok(move |event| {
            let rotate_keys = rotate_keys.clone();
            async move { rotate_keys.handle(event).await }
        })
    })
}
