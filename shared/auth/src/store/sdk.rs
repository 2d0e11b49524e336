//! The AWS SDK, lean: one HTTPS client, with Amazon's roots for AWS, and what is worth a retry.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector, tls};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{BeforeTransmitInterceptorContextRef, InterceptorContext};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use crate::Tally;
use crate::config::Aws;

pub fn dynamodb(aws: &Aws) -> aws_sdk_dynamodb::Config {
    let mut config =
        aws_sdk_dynamodb::config::Builder::from(&shared(aws)).retry_classifier(Conflicts).interceptor(Retries);
    config.set_endpoint_url(aws.dynamodb_endpoint.clone());
    config.build()
}

pub fn secrets_manager(aws: &Aws) -> aws_sdk_secretsmanager::Config {
    let mut config = aws_sdk_secretsmanager::config::Builder::from(&shared(aws));
    config.set_endpoint_url(aws.secrets_endpoint.clone());
    config.build()
}

#[cfg(feature = "bus")]
pub fn eventbridge(aws: &Aws) -> aws_sdk_eventbridge::Config {
    let mut config = aws_sdk_eventbridge::config::Builder::from(&shared(aws));
    config.set_endpoint_url(aws.events_endpoint.clone());
    config.build()
}

/// What all clients have in common.
fn shared(aws: &Aws) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(aws.region.clone()))
        .credentials_provider(aws.credentials.clone())
        .http_client(aws.https.clone())
        .retry_config(retries())
        .timeout_config(timeouts())
        .build()
}

/// The five roots that every AWS endpoint chains to (Amazon Trust Services). Reading the system's store instead costs
/// 1 to 3 ms at start.
const AMAZON_ROOTS: &str = include_str!("../../amazon-roots.crt");

/// One for all of a function's clients, and so one pool of connections, one TLS configuration and one trust store.
/// Another authority, in PEM, is trusted beside Amazon's.
pub fn https_client(authority: Option<&str>) -> SharedHttpClient {
    let builder = Builder::new().tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc));
    let roots = [AMAZON_ROOTS].into_iter().chain(authority);
    SharedHttpClient::new(OnDemand(builder.tls_context(context(roots)).build_https()))
}

/// Left to itself, a client of the SDK's builds a connector for each service before the one that it uses, trust store and
/// all, only to see whether that works.
#[derive(Debug)]
struct OnDemand(SharedHttpClient);

impl HttpClient for OnDemand {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

/// The same, for a request that is not an operation of the SDK's. It keeps no connection for a next request: such
/// requests are rare, and what a frozen Lambda has kept is mostly dead.
pub fn https_connector(roots: Roots) -> Connector {
    let builder = Connector::builder().pool_max_idle_per_host(0);
    let builder = builder.tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc));
    match roots {
        Roots::Amazon => builder.tls_context(context([AMAZON_ROOTS])).build(),
        #[cfg(feature = "strength")]
        Roots::System => builder.build(),
    }
}

/// Whom to trust to say whose a server's key is.
#[derive(Clone, Copy, Debug)]
pub enum Roots {
    Amazon,
    /// Those of the system, read when a connector is built: for what is not AWS's.
    #[cfg(feature = "strength")]
    System,
}

/// Trusts these, each text one or more certificates in PEM, and nobody else.
#[allow(clippy::expect_used, reason = "going on without it would trust the system's roots")]
fn context<'a>(roots: impl IntoIterator<Item = &'a str>) -> tls::TlsContext {
    let roots = roots.into_iter().fold(tls::TrustStore::empty(), tls::TrustStore::with_pem_certificate);
    tls::TlsContext::builder().with_trust_store(roots).build().expect("building a context cannot fail")
}

/// Up to four tries with full jitter.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(4)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_millis(500))
}

/// The longest chain of calls, a sign-in by username whose every call just misses its time, ends inside a function's
/// 10 s: then the client hears 503 from us and not a bare answer from the gateway.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(700))
        .operation_attempt_timeout(Duration::from_millis(900))
        .operation_timeout(Duration::from_millis(2200))
        .build()
}

/// Counts every try but the first: the SDK's own and those that [`Conflicts`] asks for.
#[derive(Debug)]
struct Retries;

impl Intercept for Retries {
    fn name(&self) -> &'static str {
        "retries"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if config.load::<RequestAttempts>().is_some_and(|tries| tries.attempts() > 1) {
            Tally::retry();
        }
        Ok(())
    }
}

/// Counts the attempts of the one operation that it is given to.
#[derive(Clone, Debug, Default)]
pub struct Attempts(Arc<AtomicU32>);

impl Attempts {
    pub fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "attempts"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Makes no second attempt when the first had no answer: that may still be on its way, and take effect after whatever
/// the second one's answer has led to. For a write that neither has a condition nor a token of its own.
#[derive(Debug)]
pub struct Unanswered;

impl ClassifyRetry for Unanswered {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.output_or_error() {
            Some(Err(error)) if error.is_timeout_error() || error.is_connector_error() => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "unanswered writes"
    }
}

/// A conflict with another transaction is over in milliseconds: worth a retry, which the SDK does not do by itself.
/// The retry carries the same `ClientRequestToken`, so a write whose answer was lost is not made twice.
#[derive(Debug)]
struct Conflicts;

impl ClassifyRetry for Conflicts {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let Some(error) = error.as_operation_error() else { return RetryAction::NoActionIndicated };
        let conflicts = match error.downcast_ref::<TransactWriteItemsError>() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                let passing = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
                let mut codes = canceled.cancellation_reasons().iter().filter_map(|reason| reason.code());
                let any = codes.clone().any(|code| passing.contains(&code));
                any && codes.all(|code| code == "None" || passing.contains(&code))
            }
            Some(other) => other.code() == Some("TransactionInProgressException"),
            None => {
                let update = error.downcast_ref::<aws_sdk_dynamodb::operation::update_item::UpdateItemError>();
                update.is_some_and(|error| error.code() == Some("TransactionConflictException"))
                    || (error.downcast_ref::<aws_sdk_dynamodb::operation::put_item::PutItemError>())
                        .is_some_and(|error| error.code() == Some("TransactionConflictException"))
                    || (error.downcast_ref::<aws_sdk_dynamodb::operation::delete_item::DeleteItemError>())
                        .is_some_and(|error| error.code() == Some("TransactionConflictException"))
            }
        };
        if conflicts { RetryAction::throttling_error() } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "transaction conflicts"
    }
}
