//! Clients of a service whose wire fails, and the model that watches them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use auth::Log;
use auth_testing::{Answer, PASSWORD, TestApp};
use serde_json::{Value, json};

use crate::accounts::check_whole;
use crate::common::events::check;
use crate::common::service;
use crate::dice::{Dice, weather};
use crate::model::{Account, FIELDS, Model, Session, Span, cookie};

pub struct World {
    pub seed: u64,
    pub service: TestApp,
    model: Mutex<Model>,
    /// Counts starts and answers.
    time: AtomicU64,
    /// Answers by status.
    pub answers: Mutex<BTreeMap<u16, usize>>,
    /// Audit records by name.
    pub records: Mutex<BTreeMap<String, usize>>,
    /// By the id of the request.
    audited: Mutex<Vec<(String, Audited)>>,
    pub operations: AtomicUsize,
}

const ACCOUNTS: usize = 2;
/// Of each account: one for each of [`FIELDS`].
const CLIENTS: usize = FIELDS.len();

impl World {
    /// Two accounts with three clients each, `operations` in all. Faults end now and then, and all that is true is
    /// compared with all that must be.
    pub async fn run(seed: u64, operations: usize) -> Arc<Self> {
        const BETWEEN_CHECKS: usize = 60;
        println!("faults: seed {seed}");
        let world = Arc::new(Self::new(seed).await);
        for round in 0..operations.div_ceil(BETWEEN_CHECKS) as u64 {
            world.service.wire.draw_faults(weather(seed ^ (round << 32)));
            let mut clients = Vec::new();
            for client in 0..ACCOUNTS * CLIENTS {
                let dice = Dice::new(seed ^ (round << 32) ^ (1 + client as u64) << 48);
                let it = Client { world: world.clone(), number: client, account: client / CLIENTS, dice };
                clients.push(tokio::spawn(it.run(BETWEEN_CHECKS / (ACCOUNTS * CLIENTS))));
            }
            for client in clients {
                client.await.unwrap_or_else(|_| panic!("seed {seed}, round {round}: see above"));
            }
            world.service.wire.settle().await;
            world.check().await;
            // Beyond the 30 s in which a refresh token may come again.
            world.service.clock.advance(Duration::from_mins(1));
        }
        world
    }

    async fn new(seed: u64) -> Self {
        let service = service().await;
        let mut model = Model::default();
        for name in ["ada", "bob"] {
            service.seed_user(name).await;
            model.accounts.push(Account {
                email: format!("{name}@example.com"),
                passwords: vec![PASSWORD.to_owned()],
                pending: Vec::new(),
                old: Vec::new(),
                raises: Vec::new(),
                values: [vec![String::new()], vec![String::new()], vec![name.to_owned()]],
            });
        }
        let (time, operations) = (AtomicU64::new(1), AtomicUsize::new(0));
        Self {
            seed,
            service,
            model: Mutex::new(model),
            time,
            answers: Mutex::default(),
            records: Mutex::default(),
            audited: Mutex::default(),
            operations,
        }
    }

    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }

    pub fn tick(&self) -> u64 {
        self.time.fetch_add(1, Ordering::SeqCst)
    }

    pub fn context(&self) -> String {
        format!("seed {}", self.seed)
    }

    /// Sends a request, and demands that the answer is a documented one and no 500.
    pub async fn ask(&self, from: &TestApp, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let mut headers = headers.to_vec();
        let mut text = String::new();
        if !body.is_null() {
            headers.push(("content-type", "application/json"));
            text = body.to_string();
        }
        let answer = from.request(method, path, &headers, text).await;
        let bare = path.split('?').next().unwrap();
        let documented = if bare.starts_with("/auth/sessions/") { "/auth/sessions/{id}" } else { bare };
        let response = &document()["paths"][documented][method.to_lowercase()]["responses"][answer.status.to_string()];
        let context = format!("{method} {path}: {} {}, {}", answer.status, answer.text, self.context());
        assert!(response.is_object() && answer.status != 500, "{context}");
        if answer.status >= 400 {
            static TEXT: OnceLock<String> = OnceLock::new();
            let documents = TEXT.get_or_init(|| document().to_string());
            assert!(documents.contains(&format!("\"{}\"", answer.code())), "{context}");
        }
        assert!(answer.status != 503 || answer.header("retry-after").is_some(), "{context}");
        assert!(answer.status != 503 || cookie(&answer).is_none(), "an outage changes the cookie, {context}");
        *self.answers.lock().unwrap().entry(answer.status).or_default() += 1;
        let request_id = answer.header("x-request-id").unwrap().to_owned();
        self.audited.lock().unwrap().push((request_id, Audited::of(method, documented, &answer)));
        answer
    }

    /// Without faults: what is true now is all that the model allows, and is what it knows from here on.
    async fn check(&self) {
        self.check_accounts().await;
        self.check_sessions().await;
        self.check_registrations().await;
        self.check_records();
        let items: Value = serde_json::from_str(&self.service.whole_table().await).unwrap();
        let items = items.as_array().unwrap();
        check_whole(items, &self.context());
        let refused = std::mem::take(&mut self.model().refused);
        for item in items {
            let client = item["client"]["S"].as_str().unwrap_or_default();
            assert!(!refused.iter().any(|refused| refused == client), "{client} was refused, {}", self.context());
        }
    }

    /// Demands this record of the request that was answered so.
    pub fn demand(&self, answer: &Answer, record: &'static [&'static str]) {
        let mut audited = self.audited.lock().unwrap();
        let id = answer.header("x-request-id").unwrap();
        audited.iter_mut().find(|(request_id, _)| request_id == id).unwrap().1.one_of = record;
    }

    /// The audit trail says of each request what its answer says, once, and nothing else; and every record is as documented.
    fn check_records(&self) {
        let mut records: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let Log::Memory(lines) = &self.service.log else { panic!("the tests' log is in memory") };
        for line in std::mem::take(&mut *lines.lock().unwrap()) {
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["message"] == "event" {
                check(&line);
                let event = line["event"].as_str().unwrap().to_owned();
                *self.records.lock().unwrap().entry(event.clone()).or_default() += 1;
                match line["request_id"].as_str() {
                    Some(request_id) => records.entry(request_id.to_owned()).or_default().push(event),
                    None => assert_eq!(event, "keys_not_read", "{}", self.context()),
                }
            }
        }
        for (request_id, Audited { request, one_of, perhaps }) in std::mem::take(&mut *self.audited.lock().unwrap()) {
            let found = records.remove(&request_id).unwrap_or_default();
            let (main, rest): (Vec<_>, Vec<_>) =
                found.iter().map(String::as_str).partition(|name| one_of.contains(name));
            let context = format!("{request}: {found:?}, {}", self.context());
            assert_eq!(main.len(), usize::from(!one_of.is_empty()), "not one of {one_of:?}, {context}");
            assert!(rest.iter().all(|name| perhaps.contains(name)) && rest.len() <= 1, "not of {perhaps:?}, {context}");
        }
        assert!(records.is_empty(), "records of no request: {records:?}, {}", self.context());
    }

    /// Exactly one password opens an account, and each field has a value that was written last.
    async fn check_accounts(&self) {
        for account in 0..ACCOUNTS {
            let (email, passwords, old) = {
                let it = &self.model().accounts[account];
                (it.email.clone(), it.passwords.clone(), it.old.clone())
            };
            let mut right = Vec::new();
            for password in passwords.iter().chain(&old) {
                let answer = self.sign_in("198.18.1.", &email, password).await;
                match answer.status {
                    200 => right.push((password.clone(), answer)),
                    401 => {}
                    _ => panic!("{} {}, {}", answer.status, answer.text, self.context()),
                }
            }
            let [(password, answer)] = right.as_slice() else {
                panic!("{} of {} passwords are right, {}", right.len(), passwords.len(), self.context())
            };
            assert!(passwords.contains(password), "an old password is right again, {}", self.context());
            let mut model = self.model();
            let it = &mut model.accounts[account];
            it.old.extend(passwords.into_iter().filter(|candidate| candidate != password));
            // Each costs a hash and a failure a check.
            let surplus = it.old.len().saturating_sub(6);
            it.old.drain(..surplus);
            it.passwords = vec![password.clone()];
            for (field, values) in FIELDS.iter().zip(&mut it.values) {
                let is = answer.body["user"][*field].as_str().unwrap_or_default().to_owned();
                assert!(values.contains(&is), "{field} is {is} and none of {values:?}, {}", self.context());
                *values = vec![is];
            }
        }
    }

    /// What was ended does not go on; what nobody asked to end does.
    async fn check_sessions(&self) {
        let sessions = self.model().sessions.len();
        for session in 0..sessions {
            let now = self.tick();
            let (token, is_dead, may_be_dead, tag) = {
                let model = self.model();
                let it = &model.sessions[session];
                let (is_dead, may_be_dead) = (model.is_dead(session, now), model.may_be_dead(session));
                (it.refresh_token.clone(), is_dead, may_be_dead, it.tag.clone())
            };
            let answer = self.settled(&self.service, "/auth/refresh", json!({ "refresh_token": &token })).await;
            let mut model = self.model();
            let it = &mut model.sessions[session];
            let context = format!("{tag}: {} {}, {}", answer.status, answer.code(), self.context());
            match answer.status {
                200 => {
                    assert!(!is_dead, "an ended session goes on, {context}");
                    it.superseded = Some(token);
                    it.hold(&answer);
                    it.ends.clear();
                }
                401 => {
                    assert!(may_be_dead, "a session is lost, {context}");
                    it.is_over = true;
                }
                _ => panic!("{context}"),
            }
        }
        for account in &mut self.model().accounts {
            account.raises.clear();
        }
    }

    /// An address or a name was given to one at most; whoever was told that it is theirs can sign in; whoever was told
    /// that it is not cannot; whoever was told nothing has an account, or can open it now.
    async fn check_registrations(&self) {
        let tried = std::mem::take(&mut self.model().registrations);
        for one in &tried {
            let rivals = || tried.iter().filter(|other| other.email == one.email || other.username == one.username);
            let context = format!("{} {}: {}, {}", one.email, one.username, one.status, self.context());
            assert!(rivals().filter(|rival| rival.status == 201).count() <= 1, "{context}");
            assert!(rivals().any(|rival| rival.status != 409), "taken by nobody, {context}");
            let opens = self.sign_in("198.18.2.", &one.email, &one.password).await.status;
            match (one.status, opens) {
                (201 | 503, 200) | (409 | 429, 401) => {}
                (503, 401) => {
                    let again = self.register("198.18.3.", &one.email, &one.username, &one.password).await;
                    let may_be_taken = rivals().count() > 1;
                    assert!(
                        [201, 503].contains(&again.status) || may_be_taken && again.status == 409,
                        "{}, {context}",
                        again.text
                    );
                }
                _ => panic!("signing in: {opens}, {context}"),
            }
        }
    }

    async fn sign_in(&self, from: &str, email: &str, password: &str) -> Answer {
        let body = json!({ "email": email, "password": password });
        // A network has 10 tries in 15 minutes.
        let from = self.service.from(&format!("{from}{}", self.tick() % 250));
        self.settled(&from, "/auth/login", body).await
    }

    /// The answer of a service that is there, which it may be only at the next try on a busy machine: the SDK gives an
    /// attempt up after 0.9 s, and its quota of retries may be used up.
    async fn settled(&self, from: &TestApp, path: &str, body: Value) -> Answer {
        for _ in 0..4 {
            let answer = self.ask(from, "POST", path, &[("user-agent", "check")], body.clone()).await;
            if answer.status != 503 {
                return answer;
            }
        }
        panic!("{path} is unavailable without faults, {}", self.context())
    }

    async fn register(&self, from: &str, email: &str, username: &str, password: &str) -> Answer {
        let body = json!({ "email": email, "username": username, "password": password });
        let from = self.service.from(&format!("{from}{}", self.tick() % 250));
        self.ask(&from, "POST", "/auth/register", &[], body).await
    }
}

/// One of an account's clients.
pub struct Client {
    pub world: Arc<World>,
    pub number: usize,
    pub account: usize,
    pub dice: Dice,
}

impl Client {
    pub fn service(&self) -> TestApp {
        self.world.service.from(&format!("192.0.2.{}", 10 + self.number))
    }

    /// Which of [`FIELDS`] is this client's.
    pub fn field(&self) -> usize {
        self.number % CLIENTS
    }

    pub fn add_session(&self, tag: String, opened: Span, answer: &Answer) -> usize {
        let mut session = Session {
            account: self.account,
            tag,
            by_cookie: cookie(answer).is_some(),
            refresh_token: Value::Null,
            superseded: None,
            access_token: String::new(),
            opened,
            ends: Vec::new(),
            is_over: false,
        };
        session.hold(answer);
        let mut model = self.world.model();
        model.sessions.push(session);
        model.sessions.len() - 1
    }
}

/// The audit records that a request must have left, and may have.
struct Audited {
    request: String,
    /// Exactly one of these, if there are any.
    one_of: &'static [&'static str],
    /// One of these at most.
    perhaps: &'static [&'static str],
}

impl Audited {
    fn of(method: &str, path: &str, answer: &Answer) -> Self {
        let (one_of, perhaps): (&[_], &[_]) = match (method, path, answer.status) {
            ("POST", "/auth/register", 201) => (&["registered"], &[]),
            ("POST", "/auth/register", 429) => (&["registration_throttled"], &[]),
            // The session that the browser had.
            ("POST", "/auth/login", 200) => (&["signed_in"], &["session_revoked"]),
            ("POST", "/auth/login", 401) => (&["sign_in_refused"], &[]),
            ("POST", "/auth/login", 429) => (&["sign_in_throttled"], &[]),
            ("POST", "/auth/refresh", 200) => (&["refreshed", "refresh_retried"], &[]),
            // The token was used, or of an older epoch. The end of a session is told before it is made.
            ("POST", "/auth/refresh", 401 | 503) => (&[], &["reuse_detected", "void_session_ended", "refresh_late"]),
            ("POST", "/auth/logout", 204) => (&[], &["logged_out"]),
            ("POST", "/auth/password/change", 200) => (&["password_changed"], &[]),
            ("POST", "/auth/password/change", 401) => (&[], &["password_change_refused"]),
            ("POST", "/auth/password/change", 429) => (&["password_change_throttled"], &[]),
            ("DELETE", "/auth/sessions", 204) => (&["all_sessions_revoked"], &[]),
            ("DELETE", "/auth/sessions/{id}", 204) => (&[], &["session_revoked"]),
            _ => (&[], &[]),
        };
        Self { request: format!("{method} {path} {} {}", answer.status, answer.code()), one_of, perhaps }
    }
}

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_saphyr::from_str(include_str!("../../../../docs/openapi.yaml")).unwrap())
}
