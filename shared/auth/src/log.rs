use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// Where log lines go: one JSON object a line (docs/LOGGING.md).
#[derive(Clone, Debug)]
pub enum Log {
    Stdout,
    /// Kept, for tests to read.
    Memory(Arc<Mutex<Vec<String>>>),
}

/// A security event: ids only. Never a token, a password, an address or an e-mail address.
#[derive(Clone, Debug, Serialize)]
pub struct Event<'a> {
    pub level: &'static str,
    pub message: &'static str,
    pub event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

impl<'a> Event<'a> {
    pub fn new(event: &'static str) -> Self {
        Self { level: "info", message: "event", event, request_id: None, user_id: None, session_id: None }
    }

    /// An event that somebody should look at.
    #[must_use]
    pub fn alarming(mut self) -> Self {
        self.level = "warn";
        self
    }

    #[must_use]
    pub fn request(mut self, request_id: &'a str) -> Self {
        self.request_id = Some(request_id);
        self
    }

    #[must_use]
    pub fn user(mut self, id: crate::UserId) -> Self {
        self.user_id = Some(id.to_string());
        self
    }

    #[must_use]
    pub fn session(mut self, id: crate::SessionId) -> Self {
        self.session_id = Some(id.to_string());
        self
    }
}

impl Log {
    pub fn stdout() -> Self {
        Self::Stdout
    }

    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// Writes one line. A log that can't be written to must not fail the request, so errors end here.
    pub fn write(&self, line: &impl Serialize) {
        let Ok(mut text) = serde_json::to_string(line) else { return };
        match self {
            Self::Stdout => {
                text.push('\n');
                let _ = std::io::stdout().lock().write_all(text.as_bytes());
            }
            Self::Memory(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).push(text),
        }
    }

    /// What was written so far; nothing for standard output.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Stdout => Vec::new(),
            Self::Memory(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
