//! An operator at a terminal of their own.

use admin::{Cli, Console, Failure};
use auth::SecretSource;
use auth_testing::{PASSWORD, TestApp};
use serde_json::Value;

/// That of every [`TestApp`].
pub const PSEUDONYM_KEY: &str = "a key for the pseudonyms of the tests alone";

pub struct Session {
    pub result: Result<(), Failure>,
    pub output: String,
    pub notes: String,
}

pub async fn app() -> TestApp {
    TestApp::new(|test| {
        login::router(login::Login {
            app: test.app.clone(),
            hasher: test.hasher.clone(),
            signer: test.signer.clone(),
            throttle: test.throttle.clone(),
        })
    })
    .await
}

/// `admin --local --yes --json …`
pub async fn json(app: &TestApp, line: &str) -> Value {
    let session = run(app, &format!("--yes --json {line}"), "", false).await;
    session.result.unwrap_or_else(|failure| panic!("{line}: {failure}"));
    assert_eq!(session.output.lines().count(), 1, "one document: {}", session.output);
    serde_json::from_str(&session.output).unwrap()
}

pub async fn failure(app: &TestApp, line: &str) -> Failure {
    let session = run(app, &format!("--yes {line}"), "", false).await;
    assert_eq!(session.output, "", "{line}");
    assert_eq!(session.notes, "", "nothing was done, so nothing is audited: {line}");
    session.result.expect_err(line)
}

/// With words on standard input, at a terminal or not. Whatever the command, no secret may come out, and no name or
/// address in an audit line.
pub async fn run(app: &TestApp, line: &str, input: &str, can_ask: bool) -> Session {
    let cli = Cli::try_from_arguments(format!("admin --local {line}").split(' ')).expect(line);
    let (mut output, mut notes) = (Vec::new(), Vec::new());
    let mut console = Console {
        input: &mut input.as_bytes(),
        output: &mut output,
        notes: &mut notes,
        can_ask,
        json: cli.json,
        yes: cli.yes,
    };
    let result = admin::carry_out(&cli.command, &app.app, None, &mut console).await;
    let session =
        Session { result, output: String::from_utf8(output).unwrap(), notes: String::from_utf8(notes).unwrap() };
    session.keeps_secrets(app).await;
    session
}

/// What must be nowhere: the key material of a set.
pub fn private_keys(key_set: &str) -> Vec<String> {
    let set: Value = serde_json::from_str(key_set).unwrap();
    let keys = |list: &str, name: &str| -> Vec<String> {
        set[list].as_array().unwrap().iter().map(|key| key[name].as_str().unwrap().to_owned()).collect()
    };
    [keys("signing", "pkcs8"), keys("mac", "key")].concat()
}

impl Session {
    pub fn audit(&self) -> Vec<Value> {
        let lines = self.notes.lines().filter_map(|line| Some(&line[line.find('{')?..]));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn keeps_secrets(&self, app: &TestApp) {
        let said = format!("{}{}{:?}", self.output, self.notes, self.result);
        let mut secrets = vec!["$argon2".to_owned(), PASSWORD.to_owned(), PSEUDONYM_KEY.to_owned()];
        if let Some(SecretSource::File(path)) = &app.app.config.key_set {
            secrets.extend(private_keys(&std::fs::read_to_string(path).unwrap()));
        }
        let mut names = Vec::new();
        for item in app.items().await {
            let text = |name: &str| item[name].as_str().map(str::to_owned);
            secrets.extend(["password_hash", "lineage"].iter().filter_map(|name| text(name)));
            names.extend(["email", "email_key", "username"].iter().filter_map(|name| text(name)));
        }
        for secret in secrets {
            assert!(!said.contains(&secret), "{secret} in {said}");
        }
        for audit in self.audit() {
            for name in &names {
                assert!(!audit.to_string().contains(name), "{name} in {audit}");
            }
        }
    }
}
