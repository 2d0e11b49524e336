//! Holds: the bus, to put on. No key, and no item of the table.

use std::process::ExitCode;
use std::sync::Arc;

use audit_forwarder::AuditForwarder;
use auth::Bus;

fn main() -> ExitCode {
    auth_http::run_events(|app| async move {
        let bus = Bus::open(&app)?;
        let forwarder = Arc::new(AuditForwarder { app, bus });
        Ok(move |event| {
            let forwarder = forwarder.clone();
            async move { forwarder.handle(event).await }
        })
    })
}
