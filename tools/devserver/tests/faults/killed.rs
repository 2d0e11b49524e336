//! A function's process killed with SIGKILL at any of its calls to the table, those of its start included, before the
//! call takes effect and after. The Runtime API and the engine live on.
//!
//! rotate-keys, whose calls are to Secrets Manager too, is killed at each in its own tests. The processes are the binaries beside this test's own, which `cargo test --workspace` has built. They go by the
//! machine's clock, which the application that looks after them is set to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use auth::{Clock, SecretSource};
use auth_testing::{Answer, Function, ISSUER, PASSWORD, TestApp};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::accounts::check_whole;
use crate::common::service;
use crate::crash::Folder;

const WRONG: &str = "brass candle under loud mountain";
const NEW_PASSWORD: &str = "wooden lantern over quiet harbour";

/// What became of a function.
enum End {
    Killed,
    Answered,
    /// The engine was slower than the SDK waits.
    Busy,
}

/// A user with two sessions, and what they ask for.
struct Case {
    app: TestApp,
    own: Value,
    other: Value,
    function: &'static str,
    method: &'static str,
    path: String,
    body: Value,
    /// Those of a browser.
    cookie: String,
}

impl Case {
    async fn new(name: &str) -> Self {
        let app = service().await;
        keep_time(&app);
        app.seed_user("ada").await;
        let (own, other) = (signed_in(&app, PASSWORD).await, signed_in(&app, PASSWORD).await);
        let listed = app.get("/auth/sessions", &[("authorization", &bearer(&other))]).await;
        let sessions = listed.body["sessions"].as_array().unwrap();
        let id = sessions.iter().find(|session| session["current"] == true).unwrap()["id"].as_str().unwrap();
        let eve = json!({ "email": "eve@example.com", "username": "eve", "password": PASSWORD });
        let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
        let token = json!({ "refresh_token": own["refresh_token"] });
        let mut cookie = String::new();
        let (function, method, path, body) = match name {
            "register" => ("register", "POST", "/auth/register", eve),
            "login by address" => {
                ("login", "POST", "/auth/login", json!({ "email": "ada@example.com", "password": PASSWORD }))
            }
            "login in the same browser" => {
                // From the event's address, and more than a success leaves counted.
                for _ in 0..4 {
                    let wrong = json!({ "email": "ada@example.com", "password": WRONG });
                    assert_eq!(app.from("127.0.0.1").post("/auth/login", wrong).await.status, 401);
                }
                cookie = format!("__Host-refresh={}", own["refresh_token"].as_str().unwrap());
                let body = json!({ "email": "ada@example.com", "password": PASSWORD, "transport": "cookie" });
                ("login", "POST", "/auth/login", body)
            }
            "refused login" => {
                ("login", "POST", "/auth/login", json!({ "email": "ada@example.com", "password": WRONG }))
            }
            "login by name" => ("login", "POST", "/auth/login", json!({ "username": "ada", "password": PASSWORD })),
            "refresh" => ("refresh", "POST", "/auth/refresh", token),
            "logout" => ("logout", "POST", "/auth/logout", token),
            "revoke" => ("sessions", "DELETE", &*format!("/auth/sessions/{id}"), Value::Null),
            "revoke all" => ("sessions", "DELETE", "/auth/sessions", Value::Null),
            "revoke the others" => ("sessions", "DELETE", "/auth/sessions?keep=current", Value::Null),
            "password" => ("password", "POST", "/auth/password/change", change),
            "profile" => ("profile", "PATCH", "/auth/profile", json!({ "bio": "first programmer" })),
            "rename" => ("profile", "PATCH", "/auth/profile", json!({ "username": "countess" })),
            _ => panic!("{name} is no case"),
        };
        let path = path.to_owned();
        Self { app, own, other, function, method, path, body, cookie }
    }

    /// Starts the function, lets it serve the request, and kills it at its call number `calls_before`. Says whether it
    /// came to that.
    async fn killed_at(&self, calls_before: usize, takes_effect: bool, keys: &Path, context: &str) -> End {
        let file = |name| keys.join(name).display().to_string();
        let environment = [
            ("TABLE_NAME", self.app.wire.table().to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.app.wire.endpoint().to_owned()),
            ("KEY_SET_FILE", file(KEYS)),
            ("PSEUDONYM_FILE", file(PSEUDONYMS)),
        ];
        let was_busy = AtomicBool::new(false);
        // Dropped at that call, it drops the process, which kills it.
        let life = async {
            let mut function = Function::start(&binary(self.function), &environment).await.unwrap();
            function.ready().await.unwrap_or_else(|error| panic!("{error}, {context}"));
            function.send(&self.event()).unwrap();
            let (_, answer) = function.answer().await.unwrap_or_else(|error| panic!("{error}, {context}"));
            let status = answer["statusCode"].as_u64().unwrap();
            was_busy.store(status == 503, Ordering::SeqCst);
            let is_refused = status == 401 && self.body.to_string().contains(WRONG);
            assert!(status < 300 || is_refused || status == 503, "{answer}, {context}");
            function.stop().await.unwrap();
        };
        let was_killed = self.app.wire.kill_at(calls_before, takes_effect, life).await;
        keep_time(&self.app);
        match was_busy.load(Ordering::SeqCst) {
            _ if was_killed => End::Killed,
            true => End::Busy,
            false => End::Answered,
        }
    }

    /// The request as API Gateway hands it over.
    fn event(&self) -> String {
        let mut event: Value = serde_json::from_str(include_str!("../../../../events/login.json")).unwrap();
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        event["routeKey"] = json!(format!("ANY {path}"));
        event["rawPath"] = json!(path);
        event["rawQueryString"] = json!(query);
        event["requestContext"]["http"]["method"] = json!(self.method);
        event["requestContext"]["http"]["path"] = json!(path);
        event["headers"]["authorization"] = json!(bearer(&self.own));
        event["headers"]["origin"] = json!(ISSUER);
        event["cookies"] = json!([self.cookie]);
        event["body"] = if self.body.is_null() { Value::Null } else { json!(self.body.to_string()) };
        event.to_string()
    }

    async fn ask(&self) -> Answer {
        let bearer = bearer(&self.own);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("origin", ISSUER),
            ("cookie", &self.cookie),
        ];
        let body = if self.body.is_null() { String::new() } else { self.body.to_string() };
        settled(|| self.app.request(self.method, &self.path, &headers, body.clone())).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        settled(|| self.app.post(path, body.clone())).await
    }

    /// Whether the two sessions go on.
    async fn go_on(&self) -> [bool; 2] {
        let mut go_on = [false; 2];
        for (goes_on, tokens) in go_on.iter_mut().zip([&self.own, &self.other]) {
            let body = json!({ "refresh_token": tokens["refresh_token"] });
            let answer = self.post("/auth/refresh", body).await;
            assert!([200, 401].contains(&answer.status), "{}", answer.text);
            *goes_on = answer.status == 200;
        }
        go_on
    }

    async fn login(&self, username: &str, password: &str) -> u16 {
        self.post("/auth/login", json!({ "username": username, "password": password })).await.status
    }
}

/// Asks again if the engine was slower than the SDK waits, as on a busy machine.
async fn settled<F: Future<Output = Answer>>(ask: impl Fn() -> F) -> Answer {
    for _ in 0..4 {
        let answer = ask().await;
        if answer.status != 503 {
            return answer;
        }
    }
    ask().await
}

async fn signed_in(app: &TestApp, password: &str) -> Value {
    let body = json!({ "username": "ada", "password": password });
    let answer = settled(|| app.post("/auth/login", body.clone())).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

fn bearer(tokens: &Value) -> String {
    format!("Bearer {}", tokens["access_token"].as_str().unwrap())
}

/// The client, who heard nothing, asks again; that and all that follows is as if the first time had been the only one, or
/// had never been.
async fn check(name: &str, case: &Case, context: &str) {
    let items: Value = serde_json::from_str(&case.app.whole_table().await).unwrap();
    check_whole(items.as_array().unwrap(), context);

    let again = case.ask().await;
    let go_on = case.go_on().await;
    let is = |status: u16, sessions: [bool; 2]| assert_eq!((again.status, go_on), (status, sessions), "{context}");
    match name {
        "register" => {
            assert!([201, 409].contains(&again.status), "{}, {context}", again.text);
            assert_eq!(case.login("eve", PASSWORD).await, 200, "{context}");
        }
        "login by address" | "login by name" => is(200, [true; 2]),
        "login in the same browser" => is(200, [false, true]),
        "refused login" => {
            is(401, [true; 2]);
            assert_eq!(case.login("ada", PASSWORD).await, 200, "{context}");
        }
        "refresh" => {
            is(200, [true; 2]);
            let body = json!({ "refresh_token": again.body["refresh_token"] });
            assert_eq!(case.post("/auth/refresh", body).await.status, 200, "{context}");
        }
        "logout" => is(204, [false, true]),
        "revoke" | "revoke the others" => is(204, [true, false]),
        // Once it is done, whoever asks again is not signed in any more.
        "revoke all" => is(if again.status == 401 { 401 } else { 204 }, [false; 2]),
        "password" => {
            is(if again.status == 401 { 401 } else { 200 }, [false; 2]);
            assert_eq!(case.login("ada", NEW_PASSWORD).await, 200, "{context}");
            assert_eq!(case.login("ada", PASSWORD).await, 401, "{context}");
        }
        "profile" => {
            is(200, [true; 2]);
            assert_eq!(again.body["user"]["bio"], "first programmer", "{context}");
        }
        "rename" => {
            is(200, [true; 2]);
            assert_eq!(case.login("countess", PASSWORD).await, 200, "{context}");
            assert_eq!(case.login("ada", PASSWORD).await, 401, "{context}");
        }
        _ => panic!("{name} is no case"),
    }
    let items: Value = serde_json::from_str(&case.app.whole_table().await).unwrap();
    check_whole(items.as_array().unwrap(), context);
}

const KEYS: &str = "keys.json";
const PSEUDONYMS: &str = "pseudonyms.key";

/// The functions' files.
async fn keys(folder: &Path) {
    let app = service().await;
    std::fs::write(folder.join(KEYS), app.keys.to_json().as_bytes()).unwrap();
    let Some(SecretSource::Given(key)) = &app.app.config.pseudonym_key else { panic!("the tests' key is given") };
    std::fs::write(folder.join(PSEUDONYMS), key.as_bytes()).unwrap();
}

fn binary(name: &str) -> PathBuf {
    let path = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join(name);
    let built = path.metadata().and_then(|file| file.modified());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sources =
        [&*format!("functions/{name}/src"), "shared/auth/src", "shared/auth-http/src", "shared/huge-pages/src"];
    let is_new = built.is_ok_and(|built| sources.iter().all(|folder| newest(&root.join(folder)) <= built));
    assert!(is_new, "{} is missing, or older than its sources: cargo test --workspace builds it", path.display());
    path
}

/// When the newest source in a folder was changed, but for those that tests alone are made of.
fn newest(folder: &Path) -> SystemTime {
    let changed = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            newest(&path)
        } else if path.extension().is_some_and(|kind| kind == "rs") && !["tests.rs", "vectors.rs"].contains(&&*name) {
            path.metadata().unwrap().modified().unwrap()
        } else {
            SystemTime::UNIX_EPOCH
        }
    };
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(changed).max().unwrap_or(SystemTime::UNIX_EPOCH)
}

fn keep_time(app: &TestApp) {
    let behind = Clock::System.now().millis() - app.clock.now().millis();
    app.clock.advance(Duration::from_millis(behind.try_into().unwrap_or(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_is_killed_at_any_call_leaves_all_or_nothing() {
    let folder = Folder::new("killed");
    keys(&folder.0).await;
    let mut cases = JoinSet::new();
    // For two cores, each with a process and a hash.
    let turns = Arc::new(Semaphore::new(3));
    for (name, least) in [
        ("register", 3),
        ("login by address", 5),
        ("login by name", 6),
        ("login in the same browser", 7),
        ("refused login", 4),
        ("refresh", 3),
        ("logout", 2),
        ("revoke", 3),
        ("revoke all", 3),
        ("revoke the others", 3),
        ("password", 5),
        ("profile", 3),
        ("rename", 3),
    ] {
        let (keys, turns) = (folder.0.clone(), turns.clone());
        cases.spawn(async move {
            let mut calls = 0;
            'calls: loop {
                for takes_effect in [false, true] {
                    let context = format!("{name} killed at call {calls}, which took effect: {takes_effect}");
                    let _turn = turns.acquire().await.unwrap();
                    let case = loop {
                        let case = Case::new(name).await;
                        match case.killed_at(calls, takes_effect, &keys, &context).await {
                            End::Killed => break case,
                            End::Answered => break 'calls,
                            End::Busy => {}
                        }
                    };
                    check(name, &case, &context).await;
                }
                calls += 1;
            }
            assert!(calls >= least, "{name} was killed at {calls} calls");
            2 * calls
        });
    }
    let mut kills = 0;
    while let Some(killed) = cases.join_next().await {
        kills += killed.unwrap_or_else(|_| panic!("see above"));
    }
    println!("killed: {kills} processes");
}
