//! Holds: nothing beyond the table.

use std::process::ExitCode;

fn main() -> ExitCode {
    auth_http::run(|app| async move { Ok(sessions::router(sessions::Sessions { app })) })
}
