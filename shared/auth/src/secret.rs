//! The private key set, from Secrets Manager or a file.

use std::borrow::Cow;

use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use zeroize::Zeroizing;

use crate::config::{Config, SecretSource};
use crate::store::sdk;
use crate::{Error, KeySet, Result};

/// Reads the private key set.
#[derive(Clone, Debug)]
pub(crate) enum Secrets {
    Remote {
        client: aws_sdk_secretsmanager::Client,
        id: String,
    },
    File(std::path::PathBuf),
    /// Never reloads: the set that was given, for tests.
    Fixed(KeySet),
}

impl Secrets {
    pub fn new(config: &Config, source: &SecretSource) -> Self {
        match source {
            SecretSource::Secret(id) => {
                let client = aws_sdk_secretsmanager::Client::from_conf(sdk::secrets_manager(&config.aws));
                Self::Remote { client, id: id.clone() }
            }
            SecretSource::File(path) => Self::File(path.clone()),
        }
    }

    pub async fn load(&self) -> Result<KeySet> {
        let text = match self {
            Self::Fixed(set) => return Ok(set.clone()),
            Self::File(path) => Zeroizing::new(std::fs::read_to_string(path).map_err(|_| Error::NoKeySet)?),
            Self::Remote { client, id } => {
                let answer =
                    client.get_secret_value().secret_id(id).send().await.map_err(|error| Error::Unavailable {
                        operation: "GetSecretValue",
                        code: error.code().map_or(Cow::Borrowed("no answer"), |code| Cow::Owned(code.to_owned())),
                    })?;
                Zeroizing::new(answer.secret_string.unwrap_or_default())
            }
        };
        KeySet::from_json(&text).map_err(|_| Error::NoKeySet)
    }
}
