//! Keys that are replaced on this machine: the file of `make run`, and what is published of it. The server is another
//! instance on the same file, with a clock that the test moves.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use crate::binary::Data;
use crate::operator::{app, failure, json, run};
use admin::Failure;
use auth::{App, KeySet, SecretSource, Signer};
use auth_testing::{Answer, Fault, ISSUER, PASSWORD, TestApp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A running server: its application, and the folder of its data.
struct Server {
    app: TestApp,
    data: Data,
}

impl Server {
    async fn new(name: &str) -> Self {
        let mut app = app().await;
        let data = Data::of(&app, name);
        let mut config = (*app.app.config).clone();
        config.key_set = Some(SecretSource::File(data.path().join("keys.json")));
        app.app = App::with(config, app.clock.clone(), app.random.clone(), app.log.clone());
        app.app.warm().await;
        app.signer = Signer::load(&app.app).await.unwrap();
        let (of_login, signer) = (app.clone(), app.signer.clone());
        let router = login::router(login::Login {
            app: of_login.app.clone(),
            hasher: of_login.hasher,
            signer: signer.clone(),
            throttle: of_login.throttle,
        });
        let router = router.merge(refresh::router(refresh::Refresh { app: app.app.clone(), signer }));
        let router = router.merge(profile::router(profile::Profile { app: app.app.clone() }));
        Self { app: app.mount(router), data }
    }

    /// Access and refresh token.
    async fn sign_in(&self) -> [String; 2] {
        tokens(&self.app.post("/auth/login", json!({ "username": "ada", "password": PASSWORD })).await)
    }

    async fn refresh(&self, token: &str) -> Answer {
        self.app.post("/auth/refresh", json!({ "refresh_token": token })).await
    }

    async fn profile(&self, token: &str) -> u16 {
        self.app.get("/auth/profile", &[("authorization", &format!("Bearer {token}"))]).await.status
    }

    fn file(&self) -> String {
        std::fs::read_to_string(self.data.path().join("keys.json")).unwrap()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.data.path()).unwrap().count()
    }

    fn signing_key(&self) -> String {
        KeySet::from_json(&self.file()).unwrap().signing_key_id(self.app.clock.now()).unwrap().to_owned()
    }

    async fn published(&self) -> auth::PublicKeySet {
        self.app.app.store.key_set().await.unwrap()
    }

    /// More than the age at which everything is read again.
    fn reloads(&self) {
        self.app.clock.advance(Duration::from_secs(301));
    }
}

fn tokens(answer: &Answer) -> [String; 2] {
    assert_eq!(answer.status, 200, "{}", answer.text);
    ["access_token", "refresh_token"].map(|name| answer.body[name].as_str().unwrap().to_owned())
}

fn kid(access_token: &str) -> Value {
    let header = URL_SAFE_NO_PAD.decode(access_token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].clone()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_rotation_is_published_at_once_in_use_hours_later_and_noticed_by_nobody() {
    let server = Server::new("rotate").await;
    server.app.seed_user("ada").await;
    let [access, refresh] = server.sign_in().await;
    let old = server.signing_key();

    let rotated = json(&server.app, "keys rotate").await;
    let new = rotated["next_signing_key"].as_str().unwrap().to_owned();
    assert_eq!(
        rotated,
        json!({ "state": "rotated", "version": 2, "next_signing_key": new, "sign_from": "2026-11-24T12:45:00Z" })
    );
    assert_ne!(new, old);
    assert_eq!((mode(&server.data.path().join("keys.json")), server.files()), (0o600, 2));
    let published = server.published().await;
    assert_eq!(
        (published.version, published.issuer.as_str(), published.origins.as_slice()),
        (2, ISSUER, [ISSUER.to_owned()].as_slice())
    );
    assert!(published.jwks.contains(&old) && published.jwks.contains(&new));

    assert_eq!(server.profile(&access).await, 200);
    server.reloads();
    let [access, refresh] = tokens(&server.refresh(&refresh).await);
    assert_eq!((kid(&access), server.profile(&access).await), (json!(old), 200));
    server.app.clock.advance(Duration::from_mins(190));
    let [access, _] = tokens(&server.refresh(&refresh).await);
    assert_eq!((kid(&access), server.profile(&access).await), (json!(new), 200));
}

#[tokio::test]
async fn a_rotation_before_the_last_ones_keys_are_in_use_does_nothing_and_says_so() {
    let server = Server::new("again").await;
    let session = run(&server.app, "keys rotate", "", false).await;
    session.result.as_ref().unwrap();
    assert!(session.output.contains("signs from 2026-11-24T12:45:00Z; until then"), "{}", session.output);
    assert_eq!(
        session.audit(),
        [json!({ "level": "info", "message": "event", "event": "admin_keys_rotated", "actor": "operator" })]
    );
    let before = (server.file(), server.app.items().await);
    let again = run(&server.app, "keys rotate", "", false).await;
    assert!(again.output.starts_with("Nothing was done: "), "{}", again.output);
    assert_eq!(again.audit()[0]["event"], "admin_keys_shown");
    assert_eq!(json(&server.app, "keys rotate").await["state"], "waiting");
    assert_eq!((server.file(), server.app.items().await), before);
}

#[tokio::test]
async fn a_revoked_signing_key_is_refused_and_nobody_is_signed_out() {
    for line in ["keys revoke", "keys revoke KID"] {
        let server = Server::new(&format!("revoke-{}", line.len())).await;
        server.app.seed_user("ada").await;
        let [access, refresh] = server.sign_in().await;
        let old = server.signing_key();
        let revoked = json(&server.app, &line.replace("KID", &old)).await;
        let new = server.signing_key();
        let named = if line.ends_with("KID") { json!({ "signing_key": old }) } else { json!("signing") };
        assert_eq!(revoked, json!({ "revoked": named, "version": 2, "signing_key": new }));
        assert!(!server.file().contains(&old) && !server.published().await.jwks.contains(&old));

        assert_eq!(server.profile(&access).await, 200, "the server goes by the old keys until it reads the new ones");
        server.reloads();
        assert_eq!(server.profile(&access).await, 401);
        let [access, _] = tokens(&server.refresh(&refresh).await);
        assert_eq!((kid(&access), server.profile(&access).await), (json!(new), 200));
    }
}

#[tokio::test]
async fn after_everyone_signed_out_no_refresh_token_opens_anything_and_access_tokens_live_on_as_it_says() {
    let server = Server::new("everyone").await;
    let user = server.app.seed_user("ada").await;
    let [_, first] = server.sign_in().await;
    let [access, refresh] = server.sign_in().await;
    let session = run(&server.app, "--yes everyone sign-out", "", false).await;
    session.result.as_ref().unwrap();
    assert!(session.output.contains("access tokens, until they expire (10 minutes by default), here as at other"));
    assert_eq!(session.audit()[0]["event"], "admin_everyone_signed_out");

    let [_, under_the_old_key] = tokens(&server.refresh(&first).await);
    server.reloads();
    for dead in [&refresh, &under_the_old_key] {
        assert_eq!(server.refresh(dead).await.code(), "invalid_refresh_token");
    }
    assert_eq!(server.profile(&access).await, 200, "sessions stay in the table");
    let listed = json(&server.app, &format!("users sessions {}", user.id)).await;
    assert_eq!(listed["sessions"][0]["state"], "live");
    let [_, new] = server.sign_in().await;
    tokens(&server.refresh(&new).await);
}

#[tokio::test]
async fn with_all_keys_replaced_no_token_of_before_is_good() {
    let server = Server::new("all").await;
    server.app.seed_user("ada").await;
    let [access, refresh] = server.sign_in().await;
    let revoked = json(&server.app, "keys revoke --all").await;
    assert_eq!(revoked, json!({ "revoked": "all", "version": 2, "signing_key": server.signing_key() }));
    server.reloads();
    assert_eq!(server.profile(&access).await, 401);
    assert_eq!(server.refresh(&refresh).await.status, 401);
    let [access, _] = server.sign_in().await;
    assert_eq!(server.profile(&access).await, 200);
}

#[tokio::test]
async fn an_emergency_is_asked_about_first() {
    let server = Server::new("confirm").await;
    let key = format!("keys revoke {}", server.signing_key());
    let lines = ["keys revoke", "keys revoke --all", "everyone sign-out", &key];
    let before = (server.file(), server.app.items().await);
    for line in lines {
        let asked = run(&server.app, line, "n\n", true).await;
        assert!(matches!(asked.result, Err(Failure::NotConfirmed)), "{line}");
        assert!(asked.notes.ends_with(" [y/N] "), "{}", asked.notes);
        let unasked = run(&server.app, line, "y\n", false).await;
        assert!(matches!(unasked.result, Err(Failure::NobodyToAsk)), "{line}");
    }
    assert!(matches!(failure(&server.app, "keys revoke nonsense").await, Failure::NoSuchKey));
    assert_eq!((server.file(), server.app.items().await), before);
    run(&server.app, "keys revoke", "yes\n", true).await.result.unwrap();
    assert_eq!(server.published().await.version, 2);
}

#[tokio::test]
async fn what_could_not_be_published_is_not_put_in_the_file() {
    let server = Server::new("fault").await;
    let before = server.file();
    for line in ["keys rotate", "keys revoke"] {
        for _ in 0..4 {
            server.app.wire.fail_next("UpdateItem", Fault::ServerError);
        }
        let failed = failure(&server.app, line).await.to_string();
        assert!(failed.starts_with("UpdateItem: "), "{failed}");
        assert_eq!((server.file(), server.files()), (before.clone(), 2), "{line}");
    }
    // Published, and then killed: the next one goes above it.
    let lost = KeySet::from_json(&before).unwrap().revoked(
        &auth::Revocation::Signing,
        server.app.clock.now(),
        &server.app.random,
    );
    let lost = lost.unwrap().published(ISSUER, &[]);
    server.app.app.store.publish_keys(&lost).await.unwrap();
    assert_eq!(json(&server.app, "keys rotate").await["version"], 3);

    std::fs::write(server.data.path().join("keys.json"), "{").unwrap();
    assert!(
        matches!(failure_of(&server.app, "keys rotate").await, Failure::KeyFile(line) if line.contains("keys.json"))
    );
    std::fs::remove_file(server.data.path().join("keys.json")).unwrap();
}

/// Where there is no key set to look for in what was said.
async fn failure_of(app: &TestApp, line: &str) -> Failure {
    let mut input: &[u8] = b"";
    let (mut output, mut notes) = (Vec::new(), Vec::new());
    let cli = admin::Cli::try_from_arguments(format!("admin --local {line}").split(' ')).unwrap();
    let mut console = admin::Console {
        input: &mut input,
        output: &mut output,
        notes: &mut notes,
        can_ask: false,
        json: false,
        yes: true,
    };
    let result = admin::carry_out(&cli.command, &app.app, None, &mut console).await;
    assert!(output.is_empty() && notes.is_empty());
    result.unwrap_err()
}
