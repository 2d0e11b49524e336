//! The program itself: which table it finds, what goes to which stream, and its exit codes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::operator::{PSEUDONYM_KEY, app};
use auth_testing::TestApp;
use serde_json::{Value, json};

/// A data folder as `make run` leaves it while it runs.
pub struct Data(PathBuf);

impl Data {
    pub fn of(app: &TestApp, name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("vestibule-admin-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let running = json!({ "dynamodb": app.wire.endpoint(), "table": app.wire.table() });
        std::fs::write(path.join("running.json"), running.to_string()).unwrap();
        std::fs::write(path.join("keys.json"), app.keys.to_json().as_bytes()).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Away from the test's thread, which answers for the table meanwhile. No variable of this machine's comes along.
pub async fn admin(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_admin"));
    command.args(arguments).env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn the_local_table_is_found_with_nothing_set_but_the_folder() {
    let app = app().await;
    let user = app.seed_user("ada").await;
    let data = Data::of(&app, "local");
    let folder = data.path().to_str().unwrap();
    let output = admin(&["--local", "--data", folder, "--json", "users", "show", "ada"], &[]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["user"]["id"], user.id.to_string());
    let audit: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((&audit["event"], &audit["actor"]), (&json!("admin_user_shown"), &json!("operator")));
    assert_eq!(shown["sign_in"], Value::Null, "without the key of pseudonyms nobody can tell");

    std::fs::write(data.path().join("pseudonyms.key"), format!("{PSEUDONYM_KEY}\n")).unwrap();
    let output = admin(&["--local", "--data", folder, "users", "unlock", "ada"], &[]).await;
    assert!(text(&output.stdout).contains(": 0 tries in a row"), "{}", text(&output.stderr));

    let output = admin(&["--local", "keys", "show"], &[("VESTIBULE_DATA", folder)]).await;
    assert!(text(&output.stdout).contains("ES256  signs from 2026-11-24T09:30:00Z\n"), "{}", text(&output.stdout));
    let private = app.keys.to_json();
    let private: Value = serde_json::from_str(&private).unwrap();
    assert!(!text(&output.stdout).contains(private["signing"][0]["pkcs8"].as_str().unwrap()));
}

#[tokio::test]
async fn a_server_that_is_not_running_is_one_clear_line() {
    let app = app().await;
    let data = Data::of(&app, "stale");
    let running = json!({ "dynamodb": "http://127.0.0.1:1", "table": "vestibule" });
    std::fs::write(data.path().join("running.json"), running.to_string()).unwrap();
    for folder in [data.path(), Path::new("/nowhere")] {
        let folder = folder.to_str().unwrap();
        let output = admin(&["--local", "--data", folder, "users", "list"], &[]).await;
        assert_eq!(output.status.code(), Some(1));
        let expected = format!("admin: make run is not running on {folder}: start it, or name its --data\n");
        assert_eq!((text(&output.stderr), output.stdout.len()), (expected.as_str(), 0));
    }
}

#[tokio::test]
async fn a_table_in_aws_is_reached_with_what_the_aws_configuration_says() {
    let app = app().await;
    app.seed_user("ada").await;
    let data = Data::of(&app, "aws");
    let config = data.path().join("config");
    let (endpoint, config_path) = (app.wire.endpoint().to_owned(), config.to_str().unwrap().to_owned());
    let credentials = data.path().join("credentials.json");
    let found = json!({ "Version": 1, "AccessKeyId": "operator", "SecretAccessKey": "s3cret" });
    std::fs::write(&credentials, found.to_string()).unwrap();
    let process = format!("credential_process = /bin/cat {}", credentials.display());
    let profile = format!("[profile ops]\nregion = eu-central-1\nendpoint_url = {endpoint}\n{process}\n");
    std::fs::write(&config, profile).unwrap();
    let variables = [("AWS_CONFIG_FILE", config_path.as_str()), ("AWS_EC2_METADATA_DISABLED", "true")];
    let table = app.wire.table();
    let output = admin(&["--table", table, "--profile", "ops", "--json", "users", "show", "ada"], &variables).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("s3cret"));

    for (arguments, expected) in [
        (vec!["--table", table, "users", "list"], "admin: no AWS region is set"),
        (
            vec!["--table", "nowhere", "--profile", "ops", "users", "list"],
            "admin: there is no such table in this account",
        ),
        (vec!["--table", table, "--region", "eu-central-1", "users", "list"], "admin: no AWS credentials ("),
        (
            vec!["--table", table, "--profile", "nobody", "--region", "r", "users", "list"],
            "admin: no AWS credentials (",
        ),
    ] {
        let output = admin(&arguments, &variables).await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let line = text(&output.stderr);
        assert!(line.starts_with(expected) && line.lines().count() == 1, "{line}");
    }
}

#[tokio::test]
async fn wrong_usage_is_code_2() {
    for arguments in [vec!["users", "list"], vec!["--local", "users", "frobnicate"], vec![]] {
        let output = admin(&arguments, &[]).await;
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
    }
    assert_eq!(admin(&["--help"], &[]).await.status.code(), Some(0));
}
