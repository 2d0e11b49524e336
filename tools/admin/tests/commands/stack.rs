//! `--stack`, by the program itself: a stand-in for CloudFormation and Lambda on loopback, the stand-in for Secrets
//! Manager, the real rotate-keys behind the invocation, and a real DynamoDB engine.

use std::process::Output;
use std::sync::{Arc, Mutex};

use crate::binary::{admin, text};
use crate::operator::{PSEUDONYM_KEY, app, private_keys};
use auth::{App, Config, KeySet, KeySetSecret};
use auth_testing::{SecretsManager, TestApp};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use rotate_keys::RotateKeys;
use serde_json::{Value, json};
use tokio::net::TcpListener;

struct Stack {
    app: TestApp,
    secrets: SecretsManager,
    account: Account,
    endpoint: String,
}

/// What CloudFormation and Lambda know.
#[derive(Clone)]
struct Account {
    outputs: Arc<Mutex<Vec<(&'static str, String)>>>,
    rotate_keys: Arc<RotateKeys>,
    /// The next invocation's answer, in place of the function's.
    instead: Arc<Mutex<Option<Answer>>>,
    invocations: Arc<Mutex<Vec<Value>>>,
}

/// A status, and the error's name: of Lambda, or of a function whose invocation succeeded.
#[derive(Clone, Copy)]
enum Answer {
    Lambda(u16, &'static str),
    Function(&'static str),
}

impl Stack {
    async fn new() -> Self {
        let app = app().await;
        let secret = app.keys.to_json().to_string();
        Self::with_secret(app, &secret).await
    }

    /// Secrets Manager's one secret is the key set, or else the key of pseudonyms.
    async fn with_secret(app: TestApp, secret: &str) -> Self {
        let secrets = SecretsManager::open(secret).await;
        secrets.turn_rotation_on();
        let config = Config::local(app.wire.endpoint(), app.wire.table());
        let config = config.with_secret(secrets.endpoint(), SecretsManager::SECRET_ID);
        let function = App::with(config, app.clock.clone(), app.random.clone(), app.log.clone());
        let secret = KeySetSecret::open(&function).unwrap();
        let account = Account {
            outputs: Arc::new(Mutex::new(vec![
                ("ApiUrl", "https://api.example.com".to_owned()),
                ("TableName", app.wire.table().to_owned()),
                ("RotateKeysFunctionName", "vestibule-RotateKeysFunction-1".to_owned()),
                ("KeySetSecretArn", SecretsManager::SECRET_ID.to_owned()),
                ("PseudonymSecretArn", SecretsManager::SECRET_ID.to_owned()),
            ])),
            rotate_keys: Arc::new(RotateKeys { app: function, secret }),
            instead: Arc::default(),
            invocations: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/", post(describe))
            .route("/2015-03-31/functions/{name}/invocations", post(invoke))
            .with_state(account.clone());
        // Ends with the test's runtime.
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { app, secrets, account, endpoint }
    }

    async fn admin(&self, name: &str, line: &str) -> Output {
        let secrets = self.secrets.endpoint().to_owned();
        let variables = [
            ("AWS_ACCESS_KEY_ID", "operator"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.app.wire.endpoint()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &secrets),
            ("AWS_ENDPOINT_URL", &self.endpoint),
        ];
        let arguments: Vec<_> = format!("--stack {name} {line}").split(' ').map(str::to_owned).collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let output = admin(&arguments, &variables).await;
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        let mut secrets = vec!["s3cret".to_owned(), PSEUDONYM_KEY.to_owned()];
        secrets.extend(
            self.secrets
                .value("AWSCURRENT")
                .filter(|text| text.starts_with('{'))
                .iter()
                .flat_map(|set| private_keys(set)),
        );
        for secret in secrets {
            assert!(!said.contains(&secret), "{said}");
        }
        output
    }

    /// What `--json` prints, and the event of the audit line.
    async fn json(&self, line: &str) -> (Value, Value) {
        let output = self.admin("vestibule", &format!("--yes --json {line}")).await;
        assert!(output.status.success(), "{}", text(&output.stderr));
        let audit: Value = serde_json::from_slice(&output.stderr).expect("one audit line");
        assert_eq!(audit["actor"], "operator");
        (serde_json::from_slice(&output.stdout).expect("one document"), audit["event"].clone())
    }

    /// The one line of a command that was not carried out.
    async fn failure(&self, line: &str) -> String {
        self.failure_of("vestibule", line).await
    }

    async fn failure_of(&self, name: &str, line: &str) -> String {
        let output = self.admin(name, line).await;
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{line}");
        let said = text(&output.stderr);
        assert_eq!(said.lines().count(), 1, "{said}");
        said.trim_end().strip_prefix("admin: ").unwrap().to_owned()
    }

    fn current(&self) -> KeySet {
        KeySet::from_json(&self.secrets.value("AWSCURRENT").unwrap()).unwrap()
    }

    fn invocations(&self) -> Vec<Value> {
        std::mem::take(&mut self.account.invocations.lock().unwrap())
    }
}

async fn describe(State(account): State<Account>, body: String) -> Response {
    assert!(body.starts_with("Action=DescribeStacks&"), "{body}");
    let fault = |code: &str, message: &str| {
        let xml =
            format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>");
        (StatusCode::BAD_REQUEST, xml).into_response()
    };
    let name = body.rsplit("StackName=").next().unwrap();
    match name {
        "forbidden" => return fault("AccessDenied", "User is not authorized"),
        "vestibule" => {}
        _ => return fault("ValidationError", "Stack with that id does not exist"),
    }
    let outputs = account.outputs.lock().unwrap();
    let member = |(key, value): &(&str, String)| {
        format!("<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>")
    };
    let outputs: String = outputs.iter().map(member).collect();
    format!(
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>vestibule</StackName>\
         <CreationTime>2026-11-24T09:30:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>\
         <Outputs>{outputs}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    )
    .into_response()
}

async fn invoke(State(account): State<Account>, Path(name): Path<String>, body: Bytes) -> Response {
    assert_eq!(name, "vestibule-RotateKeysFunction-1");
    let event: Value = serde_json::from_slice(&body).unwrap();
    account.invocations.lock().unwrap().push(event.clone());
    let failed = |message: &str| {
        let payload = json!({ "errorType": "Error", "errorMessage": message });
        ([("x-amz-function-error", "Unhandled")], payload.to_string()).into_response()
    };
    let instead = account.instead.lock().unwrap().take();
    match instead {
        Some(Answer::Lambda(status, name)) => {
            let headers = [("x-amzn-errortype", name)];
            (StatusCode::from_u16(status).unwrap(), headers, json!({ "Message": "no" }).to_string()).into_response()
        }
        Some(Answer::Function(message)) => failed(message),
        None => match account.rotate_keys.handle(event).await {
            Ok(answer) => answer.to_string().into_response(),
            Err(error) => failed(&error.to_string()),
        },
    }
}

#[tokio::test]
async fn a_stack_says_where_its_table_is() {
    let stack = Stack::new().await;
    let user = stack.app.seed_user("ada").await;
    let (shown, event) = stack.json("users show ada").await;
    assert_eq!((&shown["user"]["id"], event), (&json!(user.id.to_string()), json!("admin_user_shown")));

    stack.account.outputs.lock().unwrap().retain(|(key, _)| *key != "PseudonymSecretArn");
    assert_eq!(stack.json("users show ada").await.0["sign_in"], Value::Null, "a stack of an older template");
    assert!(stack.failure("users unlock ada").await.starts_with("the key of pseudonyms is not at hand"));
    stack.account.outputs.lock().unwrap().retain(|(key, _)| *key != "TableName");
    assert_eq!(stack.failure("users list").await, "the stack vestibule has no output TableName");
    assert_eq!(stack.failure_of("nowhere", "users list").await, "there is no stack nowhere in this account and region");
    assert!(stack.failure_of("forbidden", "users list").await.contains("no permission for DescribeStacks"));
}

#[tokio::test]
async fn a_rotation_is_started_and_left_to_secrets_manager() {
    let stack = Stack::new().await;
    stack.secrets.take_calls();
    let (started, event) = stack.json("keys rotate").await;
    assert_eq!(event, "admin_keys_rotated");
    let from = started["sign_from"].as_str().unwrap();
    assert!(from.ends_with(":00Z"), "{from}");
    assert_eq!(started, json!({ "state": "started", "version": null, "next_signing_key": null, "sign_from": from }));
    assert_eq!(stack.secrets.take_calls(), ["RotateSecret"], "the secret itself is not read");
    let under_way = stack.failure("keys rotate").await;
    let expected = "RotateSecret: InvalidRequestException (a previous rotation isn't complete); ";
    assert!(under_way.starts_with(expected), "{under_way}");
    assert_eq!(stack.app.app.store.key_set().await.unwrap().version, 1);
}

#[tokio::test]
async fn an_emergency_is_the_functions_work() {
    let stack = Stack::new().await;
    let now = stack.app.clock.now();
    let first = stack.current().signing_key_id(now).unwrap().to_owned();
    let steps = [
        (format!("keys revoke {first}"), json!({ "signing_key": first }), "admin_keys_revoked"),
        ("keys revoke".to_owned(), json!("signing"), "admin_keys_revoked"),
        ("everyone sign-out".to_owned(), json!("mac"), "admin_everyone_signed_out"),
        ("keys revoke --all".to_owned(), json!("all"), "admin_keys_revoked"),
    ];
    for (version, (line, named, expected)) in (2..).zip(steps) {
        let mac = stack.current().mac_key(now).unwrap().id;
        let (revoked, event) = stack.json(&line).await;
        let (current, published) = (stack.current(), stack.app.app.store.key_set().await.unwrap());
        assert_eq!(event, expected, "{line}");
        assert_eq!(
            revoked,
            json!({ "revoked": named, "version": version, "signing_key": current.signing_key_id(now) })
        );
        assert_eq!(stack.invocations(), [json!({ "Revoke": named })]);
        assert_eq!((current.version, published.version), (version, version));
        current.prove(&published, now).unwrap();
        let signs_out = named == "mac" || named == "all";
        assert_eq!(current.mac_key(now).unwrap().id != mac, signs_out, "{line}");
    }
    assert!(!stack.app.app.store.key_set().await.unwrap().jwks.contains(&first));
}

#[tokio::test]
async fn nothing_is_invoked_unless_confirmed_and_nothing_twice() {
    let stack = Stack::new().await;
    for line in ["keys revoke", "keys revoke --all", "everyone sign-out"] {
        assert!(stack.failure(line).await.ends_with("repeat it with --yes"));
    }
    assert!(stack.failure("--yes keys revoke nonsense").await.starts_with("there is no signing key of that id"));
    assert!(stack.invocations().is_empty());
    for (answer, expected) in [
        (
            Answer::Function("PutSecretValue: no answer\nat last"),
            r"rotate-keys: PutSecretValue: no answer\nat last; run it",
        ),
        (Answer::Function("there is no signing key of that id"), "there is no signing key of that id; keys show"),
        (Answer::Lambda(404, "ResourceNotFoundException"), "rotate-keys: there is no such function; run it"),
        (Answer::Lambda(403, "AccessDeniedException"), "these credentials have no permission for Invoke; "),
        (Answer::Lambda(429, "TooManyRequestsException"), "Invoke: TooManyRequestsException (no); if this"),
        (Answer::Lambda(500, "ServiceException"), "Invoke: ServiceException (no); if this"),
    ] {
        *stack.account.instead.lock().unwrap() = Some(answer);
        let said = stack.failure("--yes keys revoke").await;
        assert!(said.starts_with(expected), "{said}");
        assert_eq!(stack.invocations().len(), 1, "{said}");
    }
    assert_eq!(stack.current().version, 1);
}

#[tokio::test]
async fn an_account_of_a_stack_is_unlocked_with_the_stacks_key_of_pseudonyms() {
    let stack = Stack::with_secret(app().await, PSEUDONYM_KEY).await;
    // The program's clock is the machine's: a bucket of the test's own time may have expired by it.
    let user = stack.app.seed_user("ada").await;
    stack.app.post("/auth/login", json!({ "username": "ada", "password": "wrong horse battery staple" })).await;
    assert!(stack.app.whole_table().await.contains("THROTTLE#login#"));
    let (unlocked, event) = stack.json("users unlock ada").await;
    assert_eq!((&unlocked["user_id"], event), (&json!(user.id.to_string()), json!("admin_user_unlocked")));
    assert!(!stack.app.whole_table().await.contains("THROTTLE#login#"));
    assert_eq!(stack.json("users show ada").await.0["sign_in"]["by_email"]["failures"], 0);

    stack.account.outputs.lock().unwrap().last_mut().unwrap().1 = "gone".to_owned();
    assert_eq!(stack.failure("users unlock ada").await, "there is no such secret in this account and region");
    assert_eq!(stack.json("users show ada").await.0["sign_in"], Value::Null, "a user can be shown without it");
}
