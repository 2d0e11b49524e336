//! What must be true of the service after what it has acknowledged, and what may be after what it has not.

use std::collections::BTreeMap;

use auth_testing::{Answer, ISSUER};
use serde_json::{Value, json};

/// Something that was asked for, from when until when, by the world's count.
#[derive(Clone, Copy)]
pub struct Span {
    pub start: u64,
    /// `None` while there is no answer.
    pub end: Option<u64>,
    /// Answered 2xx. If not, it may have happened, or may happen until the wire has settled.
    pub is_acknowledged: bool,
}

impl Span {
    pub fn begin(start: u64) -> Self {
        Self { start, end: None, is_acknowledged: false }
    }

    fn is_acknowledged_by(&self, now: u64) -> bool {
        self.is_acknowledged && self.end.is_some_and(|end| end <= now)
    }
}

/// An end of all sessions: a new password, or a sign-out everywhere.
pub struct Raise {
    pub id: u64,
    pub span: Span,
    /// The session that asked for it and was to stay.
    pub kept: Option<usize>,
}

pub struct Account {
    pub email: String,
    /// Those that may be right. More than one only while an answer is missing.
    pub passwords: Vec<String>,
    /// Asked for, and not answered yet.
    pub pending: Vec<String>,
    /// They were right once.
    pub old: Vec<String>,
    pub raises: Vec<Raise>,
    /// For each of [`FIELDS`] the values that it may have.
    pub values: [Vec<String>; 3],
}

/// Members of the profile. Each is changed by one client alone, so that it is known what was written last.
pub const FIELDS: [&str; 3] = ["bio", "full_name", "username"];

pub struct Session {
    pub account: usize,
    /// Its client's `User-Agent`.
    pub tag: String,
    /// Whether the client has the refresh token in a cookie.
    pub by_cookie: bool,
    pub refresh_token: Value,
    /// One that was used more than 30 s ago.
    pub superseded: Option<Value>,
    pub access_token: String,
    pub opened: Span,
    /// Sign-outs of this one.
    pub ends: Vec<(u64, Span)>,
    /// Known to be over: it has to stay so.
    pub is_over: bool,
}

impl Session {
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.access_token)
    }

    /// Takes the tokens of an answer.
    pub fn hold(&mut self, answer: &Answer) {
        self.refresh_token = refresh_token(answer);
        answer.body["access_token"].as_str().unwrap().clone_into(&mut self.access_token);
    }
}

/// As a browser on a page of the front end has it, or in the body.
pub struct Presented {
    pub cookie: Option<String>,
    pub body: Value,
}

impl Presented {
    pub fn new(token: &Value, by_cookie: bool) -> Self {
        if !by_cookie {
            return Self { cookie: None, body: json!({ "refresh_token": token }) };
        }
        Self { cookie: Some(format!("{COOKIE}={}", token.as_str().unwrap())), body: Value::Null }
    }

    pub fn headers(&self) -> Vec<(&str, &str)> {
        self.cookie.iter().flat_map(|cookie| [("cookie", cookie.as_str()), ("origin", ISSUER)]).collect()
    }
}

/// That of the body, or of the cookie.
pub fn refresh_token(answer: &Answer) -> Value {
    let in_body = &answer.body["refresh_token"];
    match (in_body.is_null(), cookie(answer)) {
        (false, None) => in_body.clone(),
        (true, Some(token)) if !token.is_empty() => json!(token),
        (_, cookie) => panic!("{}, and a cookie: {}", answer.text, cookie.is_some()),
    }
}

/// What the answer makes of the refresh cookie: an empty one is to go.
pub fn cookie(answer: &Answer) -> Option<&str> {
    cookies(answer).find_map(|cookie| cookie.strip_prefix(COOKIE)?.strip_prefix('='))
}

/// The device cookie that the answer sets, with its name.
pub fn device_cookie(answer: &Answer) -> Option<&str> {
    cookies(answer).find(|cookie| cookie.starts_with(DEVICE_COOKIE))
}

/// What it sets, `NAME=VALUE`.
fn cookies(answer: &Answer) -> impl Iterator<Item = &str> {
    let cookies = answer.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
    cookies.filter_map(|cookie| cookie.split(';').next())
}

const COOKIE: &str = "__Host-refresh";
const DEVICE_COOKIE: &str = "__Host-device=";

#[derive(Default)]
pub struct Model {
    pub accounts: Vec<Account>,
    pub sessions: Vec<Session>,
    pub registrations: Vec<Registration>,
    /// Clients of requests that were refused: none of them may have a session.
    pub refused: Vec<String>,
    /// The device cookies of the clients' browsers, `NAME=VALUE`.
    pub devices: BTreeMap<usize, String>,
}

pub struct Registration {
    pub email: String,
    pub username: String,
    pub password: String,
    pub status: u16,
}

impl Model {
    /// An end of this session was acknowledged by then.
    pub fn is_dead(&self, session: usize, by: u64) -> bool {
        let it = &self.sessions[session];
        it.is_over
            || it.ends.iter().any(|(_, span)| span.is_acknowledged_by(by))
            || self.accounts[it.account].raises.iter().any(|raise| {
                let is_older = it.opened.end.is_some_and(|end| end < raise.span.start);
                is_older && raise.kept != Some(session) && raise.span.is_acknowledged_by(by)
            })
    }

    /// Something may have ended this session: whatever was asked for and was not refused.
    pub fn may_be_dead(&self, session: usize) -> bool {
        let it = &self.sessions[session];
        it.is_over
            || !it.ends.is_empty()
            || self.accounts[it.account]
                .raises
                .iter()
                .any(|raise| raise.kept != Some(session) && !raise.span.is_acknowledged_by(it.opened.start))
    }

    /// Nothing was asked for, but this, that would end the session.
    pub fn ends_by_nothing_but(&self, session: usize, id: u64) -> bool {
        let it = &self.sessions[session];
        let is_other = |raise: &Raise| raise.kept != Some(session) && !raise.span.is_acknowledged_by(it.opened.start);
        !it.is_over
            && it.ends.iter().all(|(end, _)| *end == id)
            && !self.accounts[it.account].raises.iter().any(is_other)
    }

    /// Whether the account's password is one, for sure, and no epoch was raised since `start`.
    pub fn is_certain(&self, account: usize, start: u64) -> bool {
        let it = &self.accounts[account];
        it.passwords.len() == 1
            && it.pending.is_empty()
            && it.raises.iter().all(|raise| raise.span.is_acknowledged_by(start))
    }

    /// A used token came back, which ends its session with a 401, or perhaps, if there was no such answer.
    pub fn replayed(&mut self, session: usize, id: u64, now: u64, answer: &Answer) {
        if let Some((_, span)) = self.sessions[session].ends.iter_mut().find(|(end, _)| *end == id) {
            *span = Span { end: Some(now), is_acknowledged: answer.status == 401, ..*span };
        }
    }

    /// Writes the answer to an end of all sessions down. A refusal says that nothing happened.
    pub fn raised(&mut self, account: usize, id: u64, now: u64, answer: &Answer) {
        let raises = &mut self.accounts[account].raises;
        if is_refusal(answer) {
            raises.retain(|raise| raise.id != id);
        } else if let Some(raise) = raises.iter_mut().find(|raise| raise.id == id) {
            raise.span = Span { end: Some(now), is_acknowledged: answer.status < 300, ..raise.span };
        }
    }

    /// The same of the end of one session.
    pub fn ended(&mut self, session: usize, id: u64, now: u64, answer: &Answer) {
        let ends = &mut self.sessions[session].ends;
        if is_refusal(answer) {
            ends.retain(|(end, _)| *end != id);
        } else if let Some((_, span)) = ends.iter_mut().find(|(end, _)| *end == id) {
            *span = Span { end: Some(now), is_acknowledged: answer.status < 300, ..*span };
        }
    }
}

/// An answer that promises that nothing was changed.
pub fn is_refusal(answer: &Answer) -> bool {
    (400..500).contains(&answer.status)
}
