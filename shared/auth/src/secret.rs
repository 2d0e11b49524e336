//! Secrets, from Secrets Manager or a file: the private key set, and the key of pseudonyms. No SDK type leaves this
//! module.

use std::borrow::Cow;
use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use zeroize::Zeroizing;

use crate::config::{Config, SecretSource};
use crate::store::sdk;
use crate::{App, ConfigError, Error, KeySet, Result};

/// Reads one secret.
#[derive(Clone, Debug)]
pub(crate) enum Secrets {
    Remote {
        client: Client,
        id: String,
    },
    File(std::path::PathBuf),
    Given(Zeroizing<String>),
    /// Never reloads: the set that was given, for tests.
    Fixed(KeySet),
}

impl Secrets {
    pub fn new(config: &Config, source: &SecretSource) -> Self {
        match source {
            SecretSource::Secret(id) => {
                Self::Remote { client: Client::from_conf(sdk::secrets_manager(&config.aws)), id: id.clone() }
            }
            SecretSource::File(path) => Self::File(path.clone()),
            SecretSource::Given(text) => Self::Given(text.clone()),
        }
    }

    pub async fn load(&self) -> Result<KeySet> {
        if let Self::Fixed(set) = self {
            return Ok(set.clone());
        }
        KeySet::from_json(&self.text().await?).map_err(|_| Error::NoKeySet)
    }

    pub async fn text(&self) -> Result<Zeroizing<String>> {
        Ok(match self {
            Self::Fixed(set) => set.to_json(),
            Self::Given(text) => text.clone(),
            Self::File(path) => Zeroizing::new(std::fs::read_to_string(path).map_err(|_| Error::NoKeySet)?),
            Self::Remote { client, id } => {
                let answer = client.get_secret_value().secret_id(id).send().await;
                let answer = answer.map_err(|error| unavailable("GetSecretValue", &error))?;
                Zeroizing::new(answer.secret_string.unwrap_or_default())
            }
        })
    }
}

/// The power to change the private key set: the secret, with the versions and stages of Secrets Manager.
///
/// A version is written once, under a token that becomes its id. Stages are labels that move from version to version:
/// functions read what is `AWSCURRENT`.
#[derive(Clone, Debug)]
pub struct KeySetSecret {
    client: Client,
    id: String,
}

/// What stages the secret's versions have.
#[derive(Clone, Debug)]
pub struct Versions {
    pub rotation_is_on: bool,
    stages: HashMap<String, Vec<String>>,
}

impl Versions {
    /// The version that functions read.
    pub fn current(&self) -> Option<&str> {
        self.with(CURRENT)
    }

    /// The version that a rotation is about.
    pub fn pending(&self) -> Option<&str> {
        self.with(PENDING)
    }

    pub fn is_current(&self, version: &str) -> bool {
        self.has(version, CURRENT)
    }

    pub fn is_pending(&self, version: &str) -> bool {
        self.has(version, PENDING)
    }

    fn with(&self, stage: &str) -> Option<&str> {
        self.stages.keys().map(String::as_str).find(|version| self.has(version, stage))
    }

    fn has(&self, version: &str, stage: &str) -> bool {
        self.stages.get(version).is_some_and(|stages| stages.iter().any(|has| has == stage))
    }
}

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

impl KeySetSecret {
    /// # Errors
    /// [`ConfigError`] if this function was not told which secret it is.
    pub fn open(app: &App) -> Result<Self, ConfigError> {
        match &app.config.key_set {
            Some(SecretSource::Secret(id)) => {
                Ok(Self { client: Client::from_conf(sdk::secrets_manager(&app.config.aws)), id: id.clone() })
            }
            _ => Err(ConfigError(vec!["KEY_SET_SECRET_ID is missing".to_owned()])),
        }
    }

    /// Name or ARN, as configured.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub async fn versions(&self) -> Result<Versions> {
        let answer = self.client.describe_secret().secret_id(&self.id).send().await;
        let answer = answer.map_err(|error| unavailable("DescribeSecret", &error))?;
        Ok(Versions {
            rotation_is_on: answer.rotation_enabled.unwrap_or_default(),
            stages: answer.version_ids_to_stages.unwrap_or_default(),
        })
    }

    /// What functions read now, and the id of that version.
    pub async fn current(&self) -> Result<(KeySet, String)> {
        let answer = self.client.get_secret_value().secret_id(&self.id).version_stage(CURRENT).send().await;
        let answer = answer.map_err(|error| unavailable("GetSecretValue", &error))?;
        let text = Zeroizing::new(answer.secret_string.unwrap_or_default());
        // Never guessed at: a secret that does not read as a key set must not be replaced by an empty one.
        let set = KeySet::from_json(&text).map_err(|_| Error::Internal("the secret is not the JSON of a key set"))?;
        Ok((set, answer.version_id.unwrap_or_default()))
    }

    /// What was written under the token, if anything was, and if it still has the stage `AWSPENDING`.
    pub async fn pending(&self, token: &str) -> Result<Option<KeySet>> {
        let get = self.client.get_secret_value().secret_id(&self.id).version_id(token).version_stage(PENDING);
        match get.send().await {
            Ok(answer) => {
                let text = Zeroizing::new(answer.secret_string.unwrap_or_default());
                let set = KeySet::from_json(&text);
                set.map(Some).map_err(|_| Error::Internal("the pending version is not the JSON of a key set"))
            }
            Err(error)
                if error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(unavailable("GetSecretValue", &error)),
        }
    }

    /// Writes the set under the token, as what is to come.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another value was written under that token.
    pub async fn put_pending(&self, token: &str, set: &KeySet) -> Result<()> {
        self.put(token, set, PENDING).await
    }

    /// Writes the set as what functions read from now on, in place of version `former`.
    ///
    /// # Errors
    /// [`Error::Conflict`] if somebody else has put something in its place: the token of a version's successor is a
    /// function of that version, so there is one.
    pub async fn succeed(&self, former: &str, set: &KeySet) -> Result<()> {
        let digest = digest(&SHA256, format!("successor of {former}").as_bytes());
        let Some(&bytes) = digest.as_ref().first_chunk() else { return Err(Error::Internal("a digest is too short")) };
        let token = uuid::Builder::from_custom_bytes(bytes).into_uuid();
        self.put(&token.to_string(), set, CURRENT).await
    }

    /// Lets functions read version `token` in place of version `former`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] also if `former` is not the current version any more.
    pub async fn make_current(&self, token: &str, former: &str) -> Result<()> {
        let update = self.client.update_secret_version_stage().secret_id(&self.id).version_stage(CURRENT);
        let update = update.move_to_version_id(token).remove_from_version_id(former).send().await;
        update.map(drop).map_err(|error| unavailable("UpdateSecretVersionStage", &error))
    }

    /// Gives up version `token`: it is what is to come no more, and the next rotation starts afresh.
    pub async fn abandon(&self, token: &str) -> Result<()> {
        let update = self.client.update_secret_version_stage().secret_id(&self.id).version_stage(PENDING);
        let update = update.remove_from_version_id(token).send().await;
        update.map(drop).map_err(|error| unavailable("UpdateSecretVersionStage", &error))
    }

    async fn put(&self, token: &str, set: &KeySet, stage: &str) -> Result<()> {
        let put = self.client.put_secret_value().secret_id(&self.id).client_request_token(token);
        match put.secret_string(set.to_json().as_str()).version_stages(stage).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(PutSecretValueError::is_resource_exists_exception) => {
                Err(Error::Conflict)
            }
            Err(error) => Err(unavailable("PutSecretValue", &error)),
        }
    }
}

/// Only the error's code: a message may quote the request.
fn unavailable<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> Error {
    let code = error.code().map_or(Cow::Borrowed("no answer"), |code| Cow::Owned(code.to_owned()));
    Error::Unavailable { operation, code }
}
