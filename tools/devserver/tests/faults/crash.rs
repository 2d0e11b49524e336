//! `make run` killed with SIGKILL while clients work, and started again on its data.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::accounts::check_whole;
use crate::dice::Dice;
use crate::number;

const CLIENTS: usize = 4;
const PASSWORD: &str = "correct horse battery staple 42";
const NEW_PASSWORD: &str = "wooden lantern over quiet harbour";

/// `VESTIBULE_FAULTS_KILLS` times, 3 by default; when, follows from `VESTIBULE_FAULTS_SEED`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_kill_at_any_moment() {
    let kills = number("VESTIBULE_FAULTS_KILLS").unwrap_or(3);
    let seed = number("VESTIBULE_FAULTS_SEED").unwrap_or(1);
    let mut dice = Dice::new(seed);
    let folder = Folder::new("crash");
    let (mut all, mut cut_off) = (Vec::new(), 0);
    let mut server = Server::start(&folder.0).await;
    for kill in 0..kills {
        let clients: Vec<_> =
            (0..CLIENTS).map(|client| tokio::spawn(work(server.site.clone(), format!("k{kill}c{client}")))).collect();
        sleep(Duration::from_millis(100 + dice.below(900))).await;
        server.kill();
        let mut known = Vec::new();
        for client in clients {
            known.extend(client.await.unwrap());
        }
        cut_off += known.iter().filter(|one| one.is_in_doubt()).count();
        let killed_at = Instant::now();
        server = Server::start(&folder.0).await;
        for one in &mut known {
            let context = format!("{}, kill {kill}, seed {seed}", one.name);
            one.check(&server.site, killed_at, &context).await;
        }
        check_table(&server.site, &folder.0, &format!("kill {kill}, seed {seed}")).await;
        all.extend(known);
    }
    // What outlived one kill outlives those that follow.
    for one in &all {
        one.check_again(&server.site, &format!("{} in the end, seed {seed}", one.name)).await;
    }
    println!("crash: {kills} kills, {} accounts, {cut_off} requests cut off", all.len());
    assert!(cut_off > 0 && all.len() as u64 > kills, "the kills hit nobody");
}

/// An account, and what is known of it. What was asked for and not answered is in doubt.
struct Known {
    name: String,
    is_registered: bool,
    /// Those that may be right.
    passwords: Vec<&'static str>,
    bios: Vec<String>,
    /// The token of a session that goes on, unless something was asked for that would end it.
    live: Option<Value>,
    live_is_in_doubt: bool,
    /// Tokens of sessions whose end was acknowledged.
    ended: Vec<Value>,
    is_rotating: bool,
}

/// Opens accounts and uses them, until there is no server any more.
async fn work(site: Site, prefix: String) -> Vec<Known> {
    let mut all = Vec::new();
    for round in 0.. {
        let mut known = Known {
            name: format!("{prefix}r{round}"),
            is_registered: false,
            passwords: vec![PASSWORD],
            bios: vec![String::new()],
            live: None,
            live_is_in_doubt: false,
            ended: Vec::new(),
            is_rotating: false,
        };
        let finished = known.live_a_life(&site, round).await;
        all.push(known);
        if finished.is_none() {
            break;
        }
    }
    all
}

impl Known {
    /// `None` when a request was cut off. Whatever is in doubt then has been written down before it was asked for.
    async fn live_a_life(&mut self, site: &Site, round: usize) -> Option<()> {
        site.expect(201, "POST", "/auth/register", "", self.registration()).await?;
        self.is_registered = true;
        let mut wrong = self.credentials(PASSWORD);
        wrong["password"] = json!("brass candle under loud mountain");
        site.expect_of("refused", 401, "POST", "/auth/login", "", wrong).await?;

        // A second session, to end it.
        let tokens = site.expect(200, "POST", "/auth/login", "", self.credentials(PASSWORD)).await?;
        let body = json!({ "refresh_token": tokens["refresh_token"] });
        site.expect(204, "POST", "/auth/logout", "", body).await?;
        self.ended.push(tokens["refresh_token"].clone());

        let mut tokens = site.expect(200, "POST", "/auth/login", "", self.credentials(PASSWORD)).await?;
        self.live = Some(tokens["refresh_token"].clone());
        for _ in 0..2 {
            self.is_rotating = true;
            let body = json!({ "refresh_token": tokens["refresh_token"] });
            tokens = site.expect(200, "POST", "/auth/refresh", "", body).await?;
            self.live = Some(tokens["refresh_token"].clone());
            self.is_rotating = false;
        }
        let access = tokens["access_token"].as_str().unwrap();
        let bio = format!("bio {round}");
        self.bios.push(bio.clone());
        site.expect(200, "PATCH", "/auth/profile", access, json!({ "bio": bio })).await?;
        self.bios = vec![bio];
        if round.is_multiple_of(2) {
            self.passwords.push(NEW_PASSWORD);
            self.live_is_in_doubt = true;
            let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
            let tokens = site.expect(200, "POST", "/auth/password/change", access, body).await?;
            self.passwords = vec![NEW_PASSWORD];
            self.live_is_in_doubt = false;
            self.ended.extend(self.live.replace(tokens["refresh_token"].clone()));
        }
        Some(())
    }

    fn is_in_doubt(&self) -> bool {
        !self.is_registered || self.is_rotating || self.passwords.len() > 1 || self.bios.len() > 1
    }

    /// Compares with what is true now, which is what is known from here on.
    async fn check(&mut self, site: &Site, killed_at: Instant, context: &str) {
        let mut right = Vec::new();
        for password in &self.passwords {
            let (status, body) = site.ask("POST", "/auth/login", "", self.credentials(password)).await.unwrap();
            match status {
                200 => right.push((*password, body)),
                401 => {}
                _ => panic!("{status} {body}, {context}"),
            }
        }
        if right.is_empty() && !self.is_registered {
            // Then there is nothing of it.
            let ask = || site.ask_as("client", "POST", "/auth/register", "", self.registration());
            let (mut status, mut body) = ask().await.unwrap();
            let was_busy = status == 503;
            if was_busy {
                (status, body) = site.ask("POST", "/auth/register", "", self.registration()).await.unwrap();
            }
            // 409 of a repetition alone, whose first try had no answer in time.
            assert!(status == 201 || was_busy && status == 409, "{status} {body}, {context}");
            let (status, body) = site.ask("POST", "/auth/login", "", self.credentials(PASSWORD)).await.unwrap();
            assert_eq!(status, 200, "{body}, {context}");
            self.is_registered = true;
            return;
        }
        let [(password, tokens)] = right.as_slice() else { panic!("{} passwords are right, {context}", right.len()) };
        let was_changed = self.passwords.len() > 1 && *password == NEW_PASSWORD;
        self.is_registered = true;
        self.passwords = vec![*password];
        let bio = tokens["user"]["bio"].as_str().unwrap_or_default();
        assert!(self.bios.iter().any(|known| known == bio), "the bio is {bio}, {context}");
        self.bios = vec![bio.to_owned()];
        if let Some(token) = self.live.take() {
            let (status, body) = site.refresh(&token).await;
            if self.live_is_in_doubt && was_changed {
                assert_eq!(status, 401, "a session outlives its password, {context}");
                self.ended.push(token);
            } else if status == 200 {
                self.live = Some(body["refresh_token"].clone());
            } else {
                // A token that was used up may come again for 30 s.
                let is_late = self.is_rotating && killed_at.elapsed() > Duration::from_secs(25);
                assert!(is_late, "a session is lost: {status} {body}, {context}");
            }
        }
        (self.is_rotating, self.live_is_in_doubt) = (false, false);
        self.check_ended(site, context).await;
    }

    async fn check_again(&self, site: &Site, context: &str) {
        let (status, body) = site.ask("POST", "/auth/login", "", self.credentials(self.passwords[0])).await.unwrap();
        assert_eq!(status, 200, "{body}, {context}");
        assert_eq!(body["user"]["bio"].as_str().unwrap_or_default(), self.bios[0], "{context}");
        if let Some(token) = &self.live {
            assert_eq!(site.refresh(token).await.0, 200, "a session is lost, {context}");
        }
        self.check_ended(site, context).await;
    }

    async fn check_ended(&self, site: &Site, context: &str) {
        for token in &self.ended {
            assert_eq!(site.refresh(token).await.0, 401, "an ended session goes on, {context}");
        }
    }

    fn credentials(&self, password: &str) -> Value {
        json!({ "username": self.name, "password": password })
    }

    fn registration(&self) -> Value {
        let mut body = self.credentials(PASSWORD);
        body["email"] = json!(format!("{}@example.com", self.name));
        body
    }
}

/// Whole accounts alone, and no session of a sign-in that was refused.
async fn check_table(site: &Site, data: &Path, context: &str) {
    let running: Value = serde_json::from_str(&std::fs::read_to_string(data.join("running.json")).unwrap()).unwrap();
    let mut items = Vec::new();
    let mut scan = json!({ "TableName": running["table"], "ConsistentRead": true });
    loop {
        let request = Request::post(format!("{}/", running["dynamodb"].as_str().unwrap()))
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
            .header("x-amz-target", "DynamoDB_20120810.Scan")
            .header("x-amz-date", "20261124T093000Z")
            .header(
                header::AUTHORIZATION,
                "AWS4-HMAC-SHA256 Credential=test/20261124/eu-central-1/dynamodb/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature=0",
            );
        let (status, page) = site.send(request.body(Body::from(scan.to_string())).unwrap()).await.unwrap();
        assert_eq!(status, 200, "{page}");
        items.extend(page["Items"].as_array().unwrap().iter().cloned());
        if page["LastEvaluatedKey"].is_null() {
            break;
        }
        scan["ExclusiveStartKey"] = page["LastEvaluatedKey"].clone();
    }
    assert!(!items.is_empty());
    check_whole(&items, context);
    assert!(items.iter().all(|item| item["client"]["S"] != "refused"), "a refused sign-in has a session, {context}");
}

/// The process of the local server. Dropping it kills it.
struct Server {
    child: Child,
    site: Site,
}

impl Server {
    async fn start(data: &Path) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_devserver"))
            .env("PORT", free.port().to_string())
            .env("VESTIBULE_DATA", data)
            // All clients are one network here.
            .env("REGISTRATIONS_PER_HOUR", "1000000")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let http = Client::builder(TokioExecutor::new()).build_http();
        let server = Self { child, site: Site { http, url: format!("http://{free}") } };
        let healthy = async {
            while !matches!(server.site.ask("GET", "/health", "", Value::Null).await, Some((200, _))) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_mins(1), healthy).await.expect("the server starts on what is there");
        server
    }

    /// With SIGKILL.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone)]
struct Site {
    http: Client<HttpConnector, Body>,
    url: String,
}

impl Site {
    /// The body of an answer that must have this status; `None` if there was none.
    async fn expect(&self, status: u16, method: &str, path: &str, access: &str, body: Value) -> Option<Value> {
        self.expect_of("client", status, method, path, access, body).await
    }

    async fn expect_of(
        &self,
        client: &str,
        status: u16,
        method: &str,
        path: &str,
        access: &str,
        body: Value,
    ) -> Option<Value> {
        let mut tries = 0;
        let (is, answer) = loop {
            let (is, answer) = self.ask_as(client, method, path, access, body.clone()).await?;
            if is != 503 {
                break (is, answer);
            }
            // On a busy machine the engine answers later than the SDK waits. What can't be asked again is in doubt then, as
            // if it had been cut off.
            tries += 1;
            if tries > 4 || ["/auth/register", "/auth/password/change"].contains(&path) {
                return None;
            }
            sleep(Duration::from_millis(200)).await;
        };
        assert_eq!(is, status, "{method} {path}: {answer}");
        Some(answer)
    }

    async fn refresh(&self, token: &Value) -> (u16, Value) {
        self.ask("POST", "/auth/refresh", "", json!({ "refresh_token": token })).await.unwrap()
    }

    /// Again, if the table was too slow: on a busy machine the engine answers later than the SDK waits. Of what is asked
    /// in this way a second time does no harm.
    async fn ask(&self, method: &str, path: &str, access: &str, body: Value) -> Option<(u16, Value)> {
        for _ in 0..4 {
            let answer = self.ask_as("client", method, path, access, body.clone()).await;
            if !matches!(answer, Some((503, _))) {
                return answer;
            }
            sleep(Duration::from_millis(200)).await;
        }
        self.ask_as("client", method, path, access, body).await
    }

    async fn ask_as(&self, client: &str, method: &str, path: &str, access: &str, body: Value) -> Option<(u16, Value)> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = request.header(header::CONTENT_TYPE, "application/json").header(header::USER_AGENT, client);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {access}"));
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// `None` if there was no answer, or half of one.
    async fn send(&self, request: Request<Body>) -> Option<(u16, Value)> {
        let response = self.http.request(request).await.ok()?;
        let status = response.status().as_u16();
        let body = to_bytes(Body::new(response.into_body()), usize::MAX).await.ok()?;
        Some((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

/// A temporary folder, deleted with this value.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("vestibule-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
