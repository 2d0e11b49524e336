//! A stack in AWS: the names of what it consists of, and what an operator alone does with its keys.

use std::time::Duration;

use auth::Revocation;
use aws_config::SdkConfig;
use aws_sdk_cloudformation::types::Output;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Failure;
use crate::view::cell;

/// What a stack's outputs say.
#[derive(Clone, Debug)]
pub struct Stack {
    pub(crate) table: String,
    /// `None` in a stack of an older template.
    pub(crate) pseudonym_secret: Option<String>,
    key_set_secret: String,
    rotate_keys: String,
    aws: SdkConfig,
}

/// What rotate-keys answers in an emergency.
#[derive(Debug, Deserialize)]
pub struct Replaced {
    pub version: u64,
    /// The id of the key that signs now.
    pub signing_key: Option<String>,
}

impl Stack {
    pub async fn find(aws: &SdkConfig, name: &str) -> Result<Self, Failure> {
        let client = aws_sdk_cloudformation::Client::new(aws);
        let answer = client.describe_stacks().stack_name(name).send().await.map_err(|error| match error.code() {
            // CloudFormation has no code of its own for it.
            Some("ValidationError") => no_stack(name),
            _ => failed("DescribeStacks", &error),
        })?;
        let outputs = answer.stacks().first().ok_or_else(|| no_stack(name))?.outputs();
        let output = |key: &str| outputs.iter().find(|output| output.output_key() == Some(key)).and_then(value);
        let required = |key: &str| {
            output(key).ok_or_else(|| Failure::NotConnected(format!("the stack {} has no output {key}", cell(name))))
        };
        Ok(Self {
            table: required("TableName")?,
            pseudonym_secret: output("PseudonymSecretArn"),
            key_set_secret: required("KeySetSecretArn")?,
            rotate_keys: required("RotateKeysFunctionName")?,
            aws: aws.clone(),
        })
    }

    /// Starts a rotation, which Secrets Manager then carries out by itself.
    pub async fn rotate(&self) -> Result<(), Failure> {
        let client = aws_sdk_secretsmanager::Client::new(&self.aws);
        let answer = client.rotate_secret().secret_id(&self.key_set_secret).send().await;
        answer.map(drop).map_err(|error| match error.code() {
            Some("ResourceNotFoundException") => Failure::NoSuchSecret,
            _ => failed("RotateSecret", &error),
        })
    }

    /// Has rotate-keys replace keys, and waits for its answer.
    pub async fn revoke(&self, what: &Revocation) -> Result<Replaced, Failure> {
        let event = json!({ "Revoke": named(what) });
        let invoke = self.lambda().invoke().function_name(&self.rotate_keys);
        let invoke = invoke.invocation_type(InvocationType::RequestResponse).payload(Blob::new(event.to_string()));
        let answer = invoke.send().await.map_err(|error| match error.code() {
            Some("ResourceNotFoundException") => Failure::Function("there is no such function".to_owned()),
            _ => failed("Invoke", &error),
        })?;
        let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
        let payload: Value = serde_json::from_slice(payload).unwrap_or_default();
        if answer.function_error().is_some() {
            return Err(refused(payload["errorMessage"].as_str().unwrap_or("it failed, see its log")));
        }
        Replaced::deserialize(payload).map_err(|_| Failure::Function("its answer can't be read".to_owned()))
    }

    /// As long as the function may take, and a little more. Never by itself a second time: each time makes new keys.
    fn lambda(&self) -> aws_sdk_lambda::Client {
        let timeouts =
            TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).operation_timeout(Duration::from_secs(75));
        let config = aws_sdk_lambda::config::Builder::from(&self.aws)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.build());
        aws_sdk_lambda::Client::from_conf(config.build())
    }
}

/// As rotate-keys calls it.
pub fn named(what: &Revocation) -> Value {
    match what {
        Revocation::Signing => json!("signing"),
        Revocation::SigningKey(kid) => json!({ "signing_key": kid }),
        Revocation::Mac => json!("mac"),
        Revocation::All => json!("all"),
    }
}

fn value(output: &Output) -> Option<String> {
    output.output_value().map(str::to_owned)
}

fn no_stack(name: &str) -> Failure {
    Failure::NotConnected(format!("there is no stack {} in this account and region", cell(name)))
}

fn refused(message: &str) -> Failure {
    match message {
        "there is no signing key of that id" => Failure::NoSuchKey,
        message => Failure::Function(cell(message).chars().take(LINE).collect()),
    }
}

/// Characters of a foreign message that are enough.
const LINE: usize = 300;

fn failed<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> Failure {
    match error {
        SdkError::TimeoutError(_) => Failure::Unavailable(format!("{operation}: timeout")),
        SdkError::DispatchFailure(_) => Failure::Unavailable(format!("{operation}: no connection")),
        _ => match (error.code(), error.message()) {
            (Some("AccessDenied" | "AccessDeniedException"), _) => Failure::NotPermitted(operation),
            (Some(code), message) => {
                let message = cell(message.unwrap_or("no reason was given")).chars().take(LINE).collect::<String>();
                Failure::Unavailable(format!("{operation}: {code} ({message})"))
            }
            (None, _) => Failure::Unavailable(format!("{operation}: no answer")),
        },
    }
}
