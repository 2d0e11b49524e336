use std::error::Error;
use std::path::Path;

use auth::{App, Config, Log, SecretSource};
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::{Failure, Target};

/// An application on the table that the arguments name.
pub async fn connect(target: &Target) -> Result<App, Failure> {
    let config = match &target.table {
        None => local(&target.data).await?,
        Some(table) => remote(table, target).await?,
    };
    // Nothing here writes to the application's log: standard output is the command's result.
    Ok(App::connect(config, Log::memory()))
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
    Ok(config)
}

async fn remote(table: &str, target: &Target) -> Result<Config, Failure> {
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
    let region = aws.region().ok_or_else(|| failure("no AWS region is set: give --region, or a --profile with one"))?;
    let provider = aws.credentials_provider().ok_or_else(|| failure("no AWS credentials are set: give --profile"))?;
    // Asked once, here: a fault is told as such, and a credential process or a browser comes up once.
    let credentials = provider.provide_credentials().await.map_err(|error| {
        Failure::NotConnected(format!("no AWS credentials ({}): sign in, or give another --profile", chain(&error)))
    })?;
    let credentials = SharedCredentialsProvider::new(credentials);
    Ok(Config::operator(table, region.as_ref(), credentials, aws.endpoint_url().map(str::to_owned)))
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
