use std::error::Error;
use std::path::Path;

use auth::{App, Config, Log, SecretSource};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::service_config::ServiceConfigKey;
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::{Failure, Stack, Target};

/// An application on the table that the arguments name, and the stack if they name one.
pub async fn connect(target: &Target) -> Result<(App, Option<Stack>), Failure> {
    let (config, stack) = match (&target.stack, &target.table) {
        (None, None) => (local(&target.data).await?, None),
        (None, Some(table)) => (aws(target).await?.config(table), None),
        (Some(name), _) => {
            let aws = aws(target).await?;
            let stack = Stack::find(&aws.sdk, name).await?;
            let mut config = aws.config(&stack.table);
            config.pseudonym_key = stack.pseudonym_secret.clone().map(SecretSource::Secret);
            (config, Some(stack))
        }
    };
    // Nothing here writes to the application's log: standard output is the command's result.
    Ok((App::connect(config, Log::memory()), stack))
}

/// What `make run` leaves in its data folder while it runs.
#[derive(Deserialize)]
struct Running {
    dynamodb: String,
    table: String,
}

async fn local(data: &Path) -> Result<Config, Failure> {
    let data_shown = data.display();
    let not_running =
        || Failure::NotConnected(format!("make run is not running on {data_shown}: start it, or name its --data"));
    let text = std::fs::read_to_string(data.join("running.json")).map_err(|_| not_running())?;
    let running: Running = serde_json::from_str(&text).map_err(|_| not_running())?;
    // A server that was killed leaves its file behind.
    let address = running.dynamodb.strip_prefix("http://").ok_or_else(not_running)?;
    TcpStream::connect(address).await.map_err(|_| not_running())?;

    let mut config = Config::local(&running.dynamodb, &running.table);
    config.key_set = Some(SecretSource::File(data.join("keys.json")));
    config.pseudonym_key = Some(SecretSource::File(data.join("pseudonyms.key")));
    Ok(config)
}

/// What the AWS configuration says.
struct Aws {
    sdk: SdkConfig,
    region: Region,
    credentials: SharedCredentialsProvider,
}

async fn aws(target: &Target) -> Result<Aws, Failure> {
    let https = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(https);
    if let Some(profile) = &target.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &target.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let aws = loader.load().await;
    let failure = |line: &str| Failure::NotConnected(line.to_owned());
    let region = aws.region().cloned();
    let region = region.ok_or_else(|| failure("no AWS region is set: give --region, or a --profile with one"))?;
    let provider = aws.credentials_provider().ok_or_else(|| failure("no AWS credentials are set: give --profile"))?;
    // Asked once, here: a fault is told as such, and a credential process or a browser comes up once.
    let credentials = provider.provide_credentials().await.map_err(|error| {
        Failure::NotConnected(format!("no AWS credentials ({}): sign in, or give another --profile", chain(&error)))
    })?;
    let credentials = SharedCredentialsProvider::new(credentials);
    let sdk = aws.into_builder().credentials_provider(credentials.clone()).build();
    Ok(Aws { sdk, region, credentials })
}

impl Aws {
    fn config(&self, table: &str) -> Config {
        let [dynamodb, secrets_manager] = ["DynamoDB", "Secrets Manager"].map(|service| self.endpoint(service));
        Config::operator(table, self.region.as_ref(), self.credentials.clone(), dynamodb, secrets_manager)
    }

    /// Another endpoint, as the SDK's own clients find it: for this service, or for all of them.
    fn endpoint(&self, service: &str) -> Option<String> {
        let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        let services = self.sdk.service_config().zip(key.build().ok());
        let own = services.and_then(|(services, key)| services.load_config(key));
        own.or_else(|| self.sdk.endpoint_url().map(str::to_owned))
    }
}

/// An error and its causes on one line.
fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line.replace('\n', " ")
}
