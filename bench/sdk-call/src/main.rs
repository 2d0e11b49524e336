//! What login, profile and refresh ask of DynamoDB, by the client that they have, and nothing around it: no event, no hash, no
//! token, no type of ours.
//!
//!     sdk-call login|profile|refresh ENDPOINT TABLE USER_ID SESSION_ID
//!
//! For each line on standard input, a number, makes so many of the calls in turn and says `done`. One thread, as the
//! functions.

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead as _, Write as _, stdin, stdout};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue::{B, N, S};
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure,
};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider::Rustls;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode::AwsLc;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

type Fallible<T> = Result<T, Box<dyn Error>>;
type Key = HashMap<String, AttributeValue>;

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, endpoint, table, user, session] = arguments.as_slice() else {
        return Err("say: login, profile or refresh, endpoint, table, user, session".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut calls = runtime.block_on(Calls::new(endpoint, table, user, session))?;
    for line in stdin().lock().lines() {
        let count: u32 = line?.trim().parse()?;
        runtime.block_on(async {
            for _ in 0..count {
                match kind.as_str() {
                    "login" => calls.login().await?,
                    "profile" => calls.profile().await?,
                    _ => calls.refresh().await?,
                }
            }
            Fallible::Ok(())
        })?;
        writeln!(stdout(), "done")?;
    }
    Ok(())
}

struct Calls {
    client: Client,
    table: String,
    user: Key,
    roles: Key,
    credential: Key,
    session: Key,
    /// The session as it was at first.
    opened: Key,
    generation: u64,
    lineage: AttributeValue,
}

impl Calls {
    async fn new(endpoint: &str, table: &str, user: &str, session: &str) -> Fallible<Self> {
        // As in auth's `store/sdk.rs`, less what only acts on failures.
        let retries = RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(50));
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_millis(700))
            .operation_attempt_timeout(Duration::from_millis(900))
            .operation_timeout(Duration::from_millis(2200));
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", Some("local".to_owned()), None, "bench"))
            .endpoint_url(endpoint)
            .http_client(Builder::new().tls_provider(Rustls(AwsLc)).build_https())
            .retry_config(retries)
            .timeout_config(timeouts.build());
        let client = Client::from_conf(config.build());
        let key = |pk: String, sk: &str| Key::from([("pk".to_owned(), S(pk)), ("sk".to_owned(), S(sk.to_owned()))]);
        let session = key(format!("SESSION#{user}"), session);
        let read = client.get_item().table_name(table).set_key(Some(session.clone())).send().await?;
        let item = read.item.ok_or("there is no such session")?;
        let generation = item.get("generation").and_then(|value| value.as_n().ok()).ok_or("no generation")?.parse()?;
        let lineage = item.get("lineage").and_then(|value| value.as_b().ok()).ok_or("no lineage")?.clone();
        let user_key = key(format!("USER#{user}"), "USER");
        let read = client.get_item().table_name(table).set_key(Some(user_key.clone())).send().await?;
        let email = read.item.as_ref().and_then(|user| user.get("email_key")?.as_s().ok()).ok_or("no email_key")?;
        Ok(Self {
            client,
            table: table.to_owned(),
            credential: key(format!("EMAIL#{email}"), "CREDENTIAL"),
            user: user_key,
            roles: key(format!("ROLES#{user}"), "ROLES"),
            session,
            opened: item,
            generation,
            lineage: B(lineage),
        })
    }

    /// `UpdateItem` of a throttle beside `GetItem` of the credential; `BatchGetItem` of user and roles; `PutItem` of a session.
    async fn login(&mut self) -> Fallible<()> {
        self.generation += 1;
        let number = self.generation.to_string();
        let bucket =
            Key::from([("pk".to_owned(), S(format!("THROTTLE#{number}"))), ("sk".to_owned(), S("BUCKET".to_owned()))]);
        let counted = (self.client.update_item())
            .table_name(&self.table)
            .set_key(Some(bucket))
            .condition_expression(
                "(attribute_not_exists(#c0) OR #c0 < :m0) AND (attribute_not_exists(#c1) OR #c1 < :m1)",
            )
            .update_expression("SET expires_at = :expires_at ADD #c0 :one, #c1 :one")
            .expression_attribute_names("#c0", "row")
            .expression_attribute_names("#c1", "day#20000")
            .expression_attribute_values(":one", N("1".to_owned()))
            .expression_attribute_values(":m0", N("5".to_owned()))
            .expression_attribute_values(":m1", N("100".to_owned()))
            .expression_attribute_values(":expires_at", N("1795512600".to_owned()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        let credential = self.client.get_item().table_name(&self.table).set_key(Some(self.credential.clone()));
        let (counted, credential) = tokio::join!(counted.send(), credential.consistent_read(true).send());
        counted?;
        credential?.item.ok_or("there is no credential")?;
        self.read(vec![self.user.clone(), self.roles.clone()]).await?;
        let mut session = self.opened.clone();
        session.insert("sk".to_owned(), S(format!("{number:0>36}")));
        self.client.put_item().table_name(&self.table).set_item(Some(session)).send().await?;
        Ok(())
    }

    /// `BatchGetItem` of user, session and roles.
    async fn profile(&self) -> Fallible<()> {
        self.read(vec![self.user.clone(), self.session.clone(), self.roles.clone()]).await
    }

    /// `UpdateItem` of the session beside `BatchGetItem` of user and roles.
    async fn refresh(&mut self) -> Fallible<()> {
        const NOW: u64 = 1_795_512_600_000;
        const IDLE: u64 = NOW + 1_209_600_000;
        let update = (self.client.update_item())
            .table_name(&self.table)
            .set_key(Some(self.session.clone()))
            .condition_expression(
                "attribute_exists(pk) AND generation = :g AND lineage = :lineage \
                 AND idle_expires_at > :now AND absolute_expires_at > :now",
            )
            .update_expression(
                "SET generation = :next, mac_key_id = :key, last_used_at = :now, idle_expires_at = :idle, \
                 rotated_4 = rotated_3, rotated_3 = rotated_2, rotated_2 = rotated_1, rotated_1 = :now",
            )
            .expression_attribute_values(":g", N(self.generation.to_string()))
            .expression_attribute_values(":next", N((self.generation + 1).to_string()))
            .expression_attribute_values(":lineage", self.lineage.clone())
            .expression_attribute_values(":now", N(NOW.to_string()))
            .expression_attribute_values(":key", N("1".to_owned()))
            .expression_attribute_values(":idle", N(IDLE.to_string()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        let (updated, read) = tokio::join!(update.send(), self.read(vec![self.user.clone(), self.roles.clone()]));
        self.generation += 1;
        read?;
        updated?.attributes.map(drop).ok_or_else(|| "nothing was updated".into())
    }

    async fn read(&self, keys: Vec<Key>) -> Fallible<()> {
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build()?;
        let read = self.client.batch_get_item().request_items(&self.table, keys).send().await?;
        read.responses.map(drop).ok_or_else(|| "nothing was read".into())
    }
}
