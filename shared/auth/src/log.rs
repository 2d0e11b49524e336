use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::{Network, Pseudonyms, SessionId, UserId};

/// Where log lines go: one JSON object a line (docs/LOGGING.md).
#[derive(Clone, Debug)]
pub enum Log {
    Stdout,
    /// Kept, for tests to read.
    Memory(Arc<Mutex<Vec<String>>>),
}

/// Who makes a request, as far as that is known before any credential is looked at.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Names the request in its answer, in the log, and in the audit records it causes.
    pub request_id: String,
    pub network: Network,
    /// The keyed hash of the network, for the audit trail; `None` in a function that was given no key for it.
    pub(crate) pseudonym: Option<String>,
}

impl Caller {
    pub fn new(request_id: String, network: Network, pseudonyms: Option<&Pseudonyms>) -> Self {
        let pseudonym = pseudonyms.map(|pseudonyms| pseudonyms.of("network", &network.client()));
        Self { request_id, network, pseudonym }
    }
}

/// An audit record: a security event with ids and constants alone. Never a token, a password, an address or an e-mail
/// address. Who did it (`actor`), to whose account (`subject`), in which session, and from where as a keyed hash.
#[derive(Clone, Debug, Serialize)]
pub struct Event<'a> {
    pub level: &'static str,
    pub message: &'static str,
    pub event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

impl<'a> Event<'a> {
    /// An event without a request: of an operator, or of the service itself.
    pub fn new(event: &'static str) -> Self {
        Self {
            level: "info",
            message: "event",
            event,
            request_id: None,
            network: None,
            actor: None,
            subject: None,
            session_id: None,
            reason: None,
        }
    }

    pub fn of(event: &'static str, caller: &'a Caller) -> Self {
        Self { request_id: Some(&caller.request_id), network: caller.pseudonym.as_deref(), ..Self::new(event) }
    }

    /// An event that somebody should look at.
    #[must_use]
    pub fn alarming(mut self) -> Self {
        self.level = "warn";
        self
    }

    /// Somebody other than a user: `operator`, `service`.
    #[must_use]
    pub fn by(mut self, actor: &'static str) -> Self {
        self.actor = Some(actor.to_owned());
        self
    }

    /// A user who acts on their own account.
    #[must_use]
    pub fn user(mut self, id: UserId) -> Self {
        self.actor = Some(id.to_string());
        self.subject(id)
    }

    /// The account that it happens to, where whoever acts has not proved to be its user.
    #[must_use]
    pub fn subject(mut self, id: UserId) -> Self {
        self.subject = Some(id.to_string());
        self
    }

    #[must_use]
    pub fn session(mut self, id: SessionId) -> Self {
        self.session_id = Some(id.to_string());
        self
    }

    #[must_use]
    pub fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }
}

impl Log {
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
