//! What a function needs around it: the table in this process, a key set in a file, an account and its session.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use auth::{
    Account, Algorithm, App, Clock, Config, Email, HashParameters, Hasher, KeySet, Log, Password, PasswordHash,
    Pseudonyms, Random, SecretSource, Session, Signer, Status, Tokens, User, UserId, Username,
};
use auth_testing::Wire;
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use engine::Engine;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::process::own_thread_cpu_time;
use crate::tls::Tls;

pub struct Stage {
    folder: Folder,
    engine: Engine,
    _serving: Ended,
    endpoint: String,
    tls: Tls,
    /// Of the engine and of Secrets Manager, over TLS.
    tls_endpoints: [String; 2],
    access_token: String,
    app: App,
    signer: Signer,
    /// Of every account's password, which is one and the same.
    hash: PasswordHash,
    accounts: AtomicU32,
}

impl Stage {
    /// The account is the one of events/login.json.
    pub async fn set() -> Result<Self, String> {
        Self::of(Algorithm::RS256, None).await
    }

    /// The same with keys of another algorithm, and the table in a file of this name in a temporary folder.
    pub async fn of(algorithm: Algorithm, file: Option<&str>) -> Result<Self, String> {
        static STAGES: AtomicU32 = AtomicU32::new(0);
        let folder = Folder::new(&format!("stage-{}", STAGES.fetch_add(1, Ordering::Relaxed)))?;
        let engine = Engine::open(file.map(|name| folder.path().join(name)).as_deref(), TABLE)?;
        let served = engine.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let (endpoint, tls) = (format!("http://{address}"), Tls::new(folder.path())?);
        let serving = tokio::spawn(async move { served.serve(listener, std::future::pending()).await });

        let keys = KeySet::generate(algorithm, Clock::System.now(), &Random::System).map_err(text)?;
        let key_file = folder.path().join("keys.json");
        std::fs::write(&key_file, keys.to_json().as_bytes()).map_err(|error| error.to_string())?;
        let pseudonyms = Pseudonyms::generate(&Random::System).map_err(text)?;
        std::fs::write(folder.path().join("pseudonyms.key"), pseudonyms.as_bytes())
            .map_err(|error| error.to_string())?;
        let secrets = [("keys", keys.to_json().to_string()), ("pseudonyms", pseudonyms.to_string())];
        let tls_endpoints = [tls.before(address).await?, tls.before(secrets_manager(secrets).await?).await?];
        let mut config = Config::local(&endpoint, TABLE);
        config.key_set = Some(SecretSource::File(key_file));
        let app = App::connect(config, Log::memory());
        app.store.publish_key_set(&keys.published("https://bench.example", &[])).await.map_err(text)?;
        let signer = Signer::load(&app).await.map_err(|error| error.to_string())?;
        let password = Password::parse(PASSWORD).map_err(|error| error.detail)?;
        let hash = Hasher::new(HashParameters::DEFAULT, 1, app.random.clone()).hash(password).await.map_err(text)?;
        let accounts = AtomicU32::new(0);
        let access_token = String::new();
        let stage = Self {
            folder,
            engine,
            _serving: Ended(serving.abort_handle()),
            endpoint,
            tls,
            tls_endpoints,
            access_token,
            app,
            signer,
            hash,
            accounts,
        };
        stage.open_account("ada").await?;
        // Whoever signs in too often loses their oldest sessions.
        let user = stage.open_account("signed-in").await?;
        let access_token = stage.open_session(&user).await?.1.access_token.expose().to_owned();
        Ok(Self { access_token, ..stage })
    }

    /// Opens further accounts: `<name>@example.com`.
    pub async fn open_accounts(&self, names: impl Iterator<Item = String>) -> Result<(), String> {
        for name in names {
            self.open_account(&name).await?;
        }
        Ok(())
    }

    /// An account that nobody has had yet.
    pub async fn new_account(&self) -> Result<User, String> {
        self.open_account(&self.new_name()).await
    }

    /// A username that nobody has had yet.
    pub fn new_name(&self) -> String {
        format!("user-{}", self.accounts.fetch_add(1, Ordering::Relaxed))
    }

    /// A session of the user's, opened as login does.
    pub async fn open_session(&self, user: &User) -> Result<(Session, Tokens), String> {
        let (session, refresh) = self.signer.session(user.id, user.session_epoch).await.map_err(text)?;
        let account = Account { user: user.clone(), roles: Vec::new() };
        let tokens = self.signer.tokens(&account, &session, &refresh).await.map_err(text)?;
        self.app.store.session_create(&session).await.map_err(text)?;
        Ok((session, tokens))
    }

    /// The user as the table has them.
    pub async fn user(&self, id: UserId) -> Result<User, String> {
        let account = self.app.store.account(id).await.map_err(text)?;
        account.map(|account| account.user).ok_or_else(|| format!("there is no user {id}"))
    }

    /// Closes the account, as an operator does.
    pub async fn disable(&self, user: &User) -> Result<(), String> {
        let App { clock, random, store, .. } = &self.app;
        let now = clock.now();
        let write_id = random.uuid(now).map_err(text)?;
        store.user_set_status(user, Status::Disabled, now, write_id).await.map(drop).map_err(text)
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Where the engine answers.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A wire to the table, which counts its calls and lets them take longer.
    pub async fn wire(&self) -> Wire {
        Wire::before(&self.endpoint, TABLE).await
    }

    /// `<name>@example.com`, `<name>`.
    pub async fn open_account(&self, name: &str) -> Result<User, String> {
        let App { clock, random, store, .. } = &self.app;
        let now = clock.now();
        let email = Email::parse(&format!("{name}@example.com")).map_err(|error| error.detail)?;
        let username = Username::parse(name).map_err(|error| error.detail)?;
        let user = User::new(UserId::new(random.uuid(now).map_err(text)?), email, username, now);
        store.user_create(&user, &self.hash).await.map_err(text)?;
        Ok(user)
    }

    /// How much CPU time it takes this thread to make the tokens of a session; nothing of it waits once the keys are read.
    pub async fn token_cpu_time(&self) -> Result<Duration, String> {
        const TIMES: u32 = 500;
        let account = Account { user: self.new_account().await?, roles: Vec::new() };
        let (session, refresh) =
            self.signer.session(account.user.id, account.user.session_epoch).await.map_err(text)?;
        self.signer.tokens(&account, &session, &refresh).await.map_err(text)?;
        let before = own_thread_cpu_time();
        for _ in 0..TIMES {
            self.signer.tokens(&account, &session, &refresh).await.map_err(text)?;
        }
        Ok(own_thread_cpu_time().saturating_sub(before) / TIMES)
    }

    /// What template.yaml gives to a function, pointed at this stage.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        self.environment_at(&self.endpoint)
    }

    /// The same, with the table behind another address.
    pub fn environment_at(&self, endpoint: &str) -> [(&'static str, String); 4] {
        let file = |name| self.folder.path().join(name).display().to_string();
        [
            ("TABLE_NAME", TABLE.to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", endpoint.to_owned()),
            ("KEY_SET_FILE", file("keys.json")),
            ("PSEUDONYM_FILE", file("pseudonyms.key")),
        ]
    }

    /// The same, with the engine over TLS.
    pub fn tls_environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = Vec::from(self.environment_at(&self.tls_endpoints[0]));
        environment.push(("LOCAL_AUTHORITY_FILE", self.tls.root.display().to_string()));
        environment
    }

    /// The same, with the secrets in a Secrets Manager over TLS, as in AWS.
    pub fn deployed_environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = self.tls_environment();
        environment.retain(|(name, _)| !name.ends_with("_FILE") || *name == "LOCAL_AUTHORITY_FILE");
        environment.extend([
            ("KEY_SET_SECRET_ID", "keys".to_owned()),
            ("PSEUDONYM_SECRET_ID", "pseudonyms".to_owned()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.tls_endpoints[1].clone()),
        ]);
        environment
    }

    /// `events/<name>.json`, with the session's access token where the event has a place for one.
    pub fn event(&self, name: &str) -> Result<Value, String> {
        let path = format!("{}/../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        serde_json::from_str(&text.replace("ACCESS_TOKEN", &self.access_token)).map_err(|error| error.to_string())
    }
}

/// Secrets Manager, for as long as this process runs: `GetSecretValue` of these and nothing else.
async fn secrets_manager(secrets: [(&'static str, String); 2]) -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let answer = async move |body: Bytes| {
        let request: Value = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
        let secret = secrets.iter().find(|(name, _)| request["SecretId"] == *name);
        let (_, value) = secret.ok_or(StatusCode::BAD_REQUEST)?;
        Ok::<_, StatusCode>(json!({ "SecretString": value, "VersionStages": ["AWSCURRENT"] }).to_string())
    };
    let router = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

pub const TABLE: &str = "vestibule";
/// Of every account.
pub const PASSWORD: &str = "correct horse battery staple 42";

/// A task that ends with this value: an engine that nobody asks any more would keep its file, up to gigabytes of it.
struct Ended(AbortHandle);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A temporary folder, deleted with this value.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("vestibule-bench-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

// A function pointer's worth of `to_string`, for the domain's errors by value.
#[allow(clippy::needless_pass_by_value)]
fn text(error: auth::Error) -> String {
    error.to_string()
}
