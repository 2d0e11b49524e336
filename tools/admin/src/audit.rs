use auth::{SessionId, UserId};
use serde::Serialize;

/// The record of something that an operator did (docs/LOGGING.md): ids only.
#[derive(Debug, Serialize)]
pub struct Audit {
    level: &'static str,
    message: &'static str,
    event: &'static str,
    actor: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
}

impl Audit {
    pub fn new(event: &'static str) -> Self {
        Self { level: "info", message: "event", event, actor: "operator", subject: None, session_id: None }
    }

    /// The user whom it happened to.
    #[must_use]
    pub fn subject(mut self, id: UserId) -> Self {
        self.subject = Some(id);
        self
    }

    #[must_use]
    pub fn session(mut self, id: SessionId) -> Self {
        self.session_id = Some(id.to_string());
        self
    }
}
