//! What a function needs around it: the table in this process, a key set in a file, an account and its session.

use std::path::{Path, PathBuf};
use std::time::Duration;

use auth::{
    Account, Algorithm, App, Clock, Config, Email, HashParameters, Hasher, KeySet, Log, Password, PasswordHash,
    Pseudonyms, Random, SecretSource, Signer, User, UserId, Username,
};
use engine::Engine;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::process::own_thread_cpu_time;
use crate::tls::Tls;

pub struct Stage {
    folder: Folder,
    endpoint: String,
    tls: Tls,
    access_token: String,
    app: App,
}

impl Stage {
    /// The account is the one of events/login.json.
    pub async fn set() -> Result<Self, String> {
        Self::signing(Algorithm::RS256).await
    }

    /// The same, with access tokens of this algorithm.
    pub async fn signing(algorithm: Algorithm) -> Result<Self, String> {
        let folder = Folder::new(&format!("stage-{algorithm:?}"))?;
        let engine = Engine::open(None, TABLE)?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let (endpoint, tls) = (format!("http://{address}"), Tls::before(address, folder.path()).await?);
        // For as long as this process runs.
        tokio::spawn(async move { engine.serve(listener, std::future::pending()).await });

        let keys = KeySet::generate(algorithm, Clock::System.now(), &Random::System).map_err(text)?;
        let key_file = folder.path().join("keys.json");
        std::fs::write(&key_file, keys.to_json().as_bytes()).map_err(|error| error.to_string())?;
        let pseudonyms = Pseudonyms::generate(&Random::System).map_err(text)?;
        std::fs::write(folder.path().join("pseudonyms.key"), pseudonyms.as_bytes())
            .map_err(|error| error.to_string())?;
        let mut config = Config::local(&endpoint, TABLE);
        config.key_set = Some(SecretSource::File(key_file));
        let app = App::connect(config, Log::memory());
        app.store.publish_key_set(&keys.published("https://bench.example", &[])).await.map_err(text)?;
        let access_token = sign_in(&app).await?;
        Ok(Self { folder, endpoint, tls, access_token, app })
    }

    /// Opens further accounts: `<name>@example.com`.
    pub async fn open_accounts(&self, names: impl Iterator<Item = String>) -> Result<(), String> {
        let hash = hash(&self.app).await?;
        for name in names {
            open_account(&self.app, &name, &hash).await?;
        }
        Ok(())
    }

    /// How much CPU time it takes this thread to make the tokens of a session; nothing of it waits once the keys are read.
    pub async fn token_cpu_time(&self) -> Result<Duration, String> {
        const TIMES: u32 = 500;
        let hash = hash(&self.app).await?;
        let account = Account { user: open_account(&self.app, "token", &hash).await?, roles: Vec::new() };
        let signer = Signer::load(&self.app).await.map_err(|error| error.to_string())?;
        let (session, refresh) = signer.session(account.user.id, account.user.session_epoch).await.map_err(text)?;
        signer.tokens(&account, &session, &refresh).await.map_err(text)?;
        let before = own_thread_cpu_time()?;
        for _ in 0..TIMES {
            signer.tokens(&account, &session, &refresh).await.map_err(text)?;
        }
        Ok(own_thread_cpu_time()?.saturating_sub(before) / TIMES)
    }

    /// What template.yaml gives to a function, pointed at this stage.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        let file = |name| self.folder.path().join(name).display().to_string();
        [
            ("TABLE_NAME", TABLE.to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.endpoint.clone()),
            ("KEY_SET_FILE", file("keys.json")),
            ("PSEUDONYM_FILE", file("pseudonyms.key")),
        ]
    }

    /// The same, with the engine over TLS.
    pub fn tls_environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = Vec::from(self.environment());
        environment.retain(|(name, _)| *name != "AWS_ENDPOINT_URL_DYNAMODB");
        environment.push(("AWS_ENDPOINT_URL_DYNAMODB", self.tls.endpoint.clone()));
        environment.push(("LOCAL_AUTHORITY_FILE", self.tls.root.display().to_string()));
        environment
    }

    /// `events/<name>.json`, with the session's access token where the event has a place for one.
    pub fn event(&self, name: &str) -> Result<Value, String> {
        let path = format!("{}/../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        serde_json::from_str(&text.replace("ACCESS_TOKEN", &self.access_token)).map_err(|error| error.to_string())
    }
}

const TABLE: &str = "vestibule";
const PASSWORD: &str = "correct horse battery staple 42";

/// The access token is of an account of its own: whoever signs in too often loses their oldest sessions.
async fn sign_in(app: &App) -> Result<String, String> {
    let hash = hash(app).await?;
    open_account(app, "ada", &hash).await?;
    let user = open_account(app, "signed-in", &hash).await?;
    let signer = Signer::load(app).await.map_err(|error| error.to_string())?;
    let (session, refresh) = signer.session(user.id, user.session_epoch).await.map_err(text)?;
    let account = Account { user, roles: Vec::new() };
    let tokens = signer.tokens(&account, &session, &refresh).await.map_err(text)?;
    app.store.session_create(&session).await.map_err(text)?;
    Ok(tokens.access_token.expose().to_owned())
}

async fn hash(app: &App) -> Result<PasswordHash, String> {
    let password = Password::parse(PASSWORD).map_err(|error| error.detail)?;
    Hasher::new(HashParameters::DEFAULT, 1, app.random.clone()).hash(password).await.map_err(text)
}

async fn open_account(app: &App, name: &str, hash: &PasswordHash) -> Result<User, String> {
    let now = app.clock.now();
    let email = Email::parse(&format!("{name}@example.com")).map_err(|error| error.detail)?;
    let username = Username::parse(name).map_err(|error| error.detail)?;
    let user = User::new(UserId::new(app.random.uuid(now).map_err(text)?), email, username, now);
    app.store.user_create(&user, hash).await.map_err(text)?;
    Ok(user)
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
