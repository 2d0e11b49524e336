//! The environment, and nothing else reads it.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider, SharedHttpClient};
use zeroize::Zeroizing;

use crate::HashParameters;
use crate::store::sdk;

/// Everything that a function may be told, read once at start. What a function does not use has its default.
#[derive(Clone, Debug)]
pub struct Config {
    pub table: String,
    /// `aud` and `client_id` of access tokens.
    pub audience: String,
    pub lifetimes: Lifetimes,
    pub password: PasswordPolicy,
    pub hash: HashParameters,
    /// How many hashes run at once.
    pub hashes_at_once: usize,
    /// Where the private key set is; only functions that sign have one.
    pub key_set: Option<SecretSource>,
    /// Where the key of pseudonyms and device cookies is; functions that throttle or write an audit trail have it.
    pub pseudonym_key: Option<SecretSource>,
    /// How often one network may try to open an account in an hour.
    pub registrations_per_hour: u32,
    /// Where to ask whether a password is known from a breach, without a slash at its end; `None` is nowhere.
    pub breached_passwords_url: Option<String>,
    /// Where audit records are put, by name or ARN; the function that forwards them has it.
    pub audit_event_bus: Option<String>,
    /// The stack's name among the metrics in the log; `None` is no metrics.
    pub metrics_stack: Option<String>,
    /// Whether a request has to prove that it came through the distribution.
    pub requires_origin_proof: bool,
    /// The name of the refresh cookie: `__Host-refresh`, except on a loopback server for browsers that refuse it there.
    pub refresh_cookie: String,
    /// The name of the device cookie, `__Host-device`, with the same exception.
    pub device_cookie: String,
    pub(crate) aws: Aws,
}

/// How long tokens live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    pub access: Duration,
    pub refresh_idle: Duration,
    pub refresh_absolute: Duration,
}

/// What a new password must be.
#[derive(Clone, Copy, Debug)]
pub struct PasswordPolicy {
    /// In code points, after NFC; never below 8 (NIST SP 800-63B-4 §3.1.1.2).
    pub min_chars: usize,
}

/// Where the private key set is kept.
#[derive(Clone)]
pub enum SecretSource {
    /// A Secrets Manager secret, by name or ARN.
    Secret(String),
    /// A file, locally.
    File(PathBuf),
    /// The secret itself, in tests.
    Given(Zeroizing<String>),
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret(..)",
            Self::File(_) => "File(..)",
            Self::Given(_) => "Given(..)",
        })
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Aws {
    pub region: String,
    pub dynamodb_endpoint: Option<String>,
    pub secrets_endpoint: Option<String>,
    #[cfg_attr(not(feature = "bus"), expect(dead_code, reason = "one function speaks to EventBridge"))]
    pub events_endpoint: Option<String>,
    pub credentials: SharedCredentialsProvider,
    /// Connections to AWS, which all clients share.
    pub https: SharedHttpClient,
    /// Made by [`Config::local`], never by the environment.
    pub is_local: bool,
}

/// Every fault of a configuration, one a line. Names variables, never their values.
#[derive(Debug)]
pub struct ConfigError(pub Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for ConfigError {}

impl Lifetimes {
    pub const DEFAULT: Self = Self {
        access: Duration::from_mins(10),
        refresh_idle: Duration::from_hours(336),
        refresh_absolute: Duration::from_hours(720),
    };
}

impl Config {
    /// # Errors
    /// All faults together: what is missing, unreadable, out of range or unsafe.
    // The one place that reads the environment.
    #[allow(clippy::disallowed_methods)]
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(&std::env::vars().collect())
    }

    /// A configuration for an operator's tool, which finds region, credentials and endpoint by means of its own. No
    /// endpoint is AWS's own.
    pub fn operator(
        table: &str,
        region: &str,
        credentials: SharedCredentialsProvider,
        dynamodb_endpoint: Option<String>,
        secrets_endpoint: Option<String>,
    ) -> Self {
        let region = region.to_owned();
        let local = Self::local("", table);
        let aws = Aws { region, dynamodb_endpoint, secrets_endpoint, credentials, is_local: false, ..local.aws };
        Self { aws, ..local }
    }

    /// A configuration for an engine on this machine, with credentials that open nothing.
    pub fn local(dynamodb_endpoint: &str, table: &str) -> Self {
        Self {
            table: table.to_owned(),
            audience: DEFAULT_AUDIENCE.to_owned(),
            lifetimes: Lifetimes::DEFAULT,
            password: PasswordPolicy { min_chars: 15 },
            hash: HashParameters::DEFAULT,
            hashes_at_once: 1,
            key_set: None,
            pseudonym_key: None,
            registrations_per_hour: DEFAULT_REGISTRATIONS,
            breached_passwords_url: None,
            audit_event_bus: None,
            metrics_stack: None,
            requires_origin_proof: false,
            refresh_cookie: REFRESH_COOKIE.to_owned(),
            device_cookie: DEVICE_COOKIE.to_owned(),
            aws: Aws {
                region: "us-east-1".to_owned(),
                dynamodb_endpoint: Some(dynamodb_endpoint.to_owned()),
                secrets_endpoint: None,
                events_endpoint: None,
                credentials: SharedCredentialsProvider::new(
                    Credentials::builder()
                        .access_key_id("local")
                        .secret_access_key("local")
                        .provider_name("local")
                        .build(),
                ),
                https: sdk::https_client(None),
                is_local: true,
            },
        }
    }

    /// The same, with the key set in a stand-in for Secrets Manager.
    #[must_use]
    pub fn with_secret(mut self, secrets_endpoint: &str, id: &str) -> Self {
        self.key_set = Some(SecretSource::Secret(id.to_owned()));
        self.aws.secrets_endpoint = Some(secrets_endpoint.to_owned());
        self
    }

    /// The same, with a bus in a stand-in for EventBridge.
    #[cfg(feature = "bus")]
    #[must_use]
    pub fn with_event_bus(mut self, events_endpoint: &str, bus: &str) -> Self {
        self.audit_event_bus = Some(bus.to_owned());
        self.aws.events_endpoint = Some(events_endpoint.to_owned());
        self
    }

    /// Whether this is no configuration of a deployed function's.
    pub fn is_local(&self) -> bool {
        self.aws.is_local
    }

    fn read(variables: &HashMap<String, String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { variables, faults: Vec::new() };
        let lifetimes = Lifetimes {
            access: Duration::from_secs(reader.number("ACCESS_TOKEN_SECONDS", 600, 60..=3600)),
            refresh_idle: Duration::from_secs(reader.number("REFRESH_IDLE_SECONDS", 1_209_600, 600..=31_536_000)),
            refresh_absolute: Duration::from_secs(reader.number(
                "REFRESH_ABSOLUTE_SECONDS",
                2_592_000,
                600..=31_536_000,
            )),
        };
        if lifetimes.refresh_idle > lifetimes.refresh_absolute {
            reader.faults.push("REFRESH_IDLE_SECONDS is more than REFRESH_ABSOLUTE_SECONDS".to_owned());
        }
        let hash = HashParameters {
            memory_kib: reader.number("ARGON2_MEMORY_KIB", 19_456, 7_168..=1_048_576),
            iterations: reader.number("ARGON2_ITERATIONS", 2, 1..=64),
            parallelism: reader.number("ARGON2_PARALLELISM", 1, 1..=16),
        };
        if !hash.is_strong_enough() {
            reader
                .faults
                .push("ARGON2_MEMORY_KIB and ARGON2_ITERATIONS are below every set that OWASP allows".to_owned());
        }
        let (key_set, pseudonym_key) = (
            reader.secret("KEY_SET_SECRET_ID", "KEY_SET_FILE"),
            reader.secret("PSEUDONYM_SECRET_ID", "PSEUDONYM_FILE"),
        );
        let audit_event_bus = reader.text("AUDIT_EVENT_BUS");
        let in_secret = |source: &Option<SecretSource>| matches!(source, Some(SecretSource::Secret(_)));
        let authority = reader.local_authority(
            "LOCAL_AUTHORITY_FILE",
            &[
                ("AWS_ENDPOINT_URL_DYNAMODB", true),
                ("AWS_ENDPOINT_URL_SECRETS_MANAGER", in_secret(&key_set) || in_secret(&pseudonym_key)),
                ("AWS_ENDPOINT_URL_EVENTBRIDGE", audit_event_bus.is_some()),
            ],
        );
        let config = Self {
            table: reader.required("TABLE_NAME"),
            audience: reader.text("AUDIENCE").unwrap_or_else(|| DEFAULT_AUDIENCE.to_owned()),
            lifetimes,
            password: PasswordPolicy { min_chars: reader.number("PASSWORD_MIN_LENGTH", 15, 8..=64) },
            hash,
            hashes_at_once: 1,
            key_set,
            pseudonym_key,
            registrations_per_hour: reader.number("REGISTRATIONS_PER_HOUR", DEFAULT_REGISTRATIONS, 1..=1_000_000),
            breached_passwords_url: reader.base_url("BREACHED_PASSWORDS_URL"),
            audit_event_bus,
            metrics_stack: reader.stack("METRICS_STACK"),
            requires_origin_proof: reader.flag("REQUIRE_ORIGIN_PROOF"),
            refresh_cookie: REFRESH_COOKIE.to_owned(),
            device_cookie: DEVICE_COOKIE.to_owned(),
            aws: Aws {
                region: reader.required("AWS_REGION"),
                dynamodb_endpoint: reader.text("AWS_ENDPOINT_URL_DYNAMODB"),
                secrets_endpoint: reader.text("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
                events_endpoint: reader.text("AWS_ENDPOINT_URL_EVENTBRIDGE"),
                credentials: SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()),
                https: sdk::https_client(authority.as_deref()),
                is_local: false,
            },
        };
        if reader.faults.is_empty() { Ok(config) } else { Err(ConfigError(reader.faults)) }
    }
}

const DEFAULT_AUDIENCE: &str = "vestibule";
const REFRESH_COOKIE: &str = "__Host-refresh";
const DEVICE_COOKIE: &str = "__Host-device";
/// A school or a company may share one IPv4 address.
const DEFAULT_REGISTRATIONS: u32 = 30;

struct Reader<'a> {
    variables: &'a HashMap<String, String>,
    faults: Vec<String>,
}

impl Reader<'_> {
    /// An empty variable counts as absent: `sam local` passes undeclared overrides that way.
    fn text(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// A file, which is set locally alone, comes before a secret's name, which the template always sets.
    fn secret(&self, id: &str, file: &str) -> Option<SecretSource> {
        let file = self.text(file).map(|path| SecretSource::File(path.into()));
        file.or_else(|| self.text(id).map(SecretSource::Secret))
    }

    /// An address that a path can be put after: `https`, or `http` for loopback.
    fn base_url(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        if is_base_url(&text) {
            return Some(text.trim_end_matches('/').to_owned());
        }
        self.faults.push(format!("{name} is not an https URL (http for loopback) without query, fragment or user"));
        None
    }

    /// A stack's name: what CloudFormation takes, which CloudWatch takes as a dimension too.
    fn stack(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        if text.len() <= 128 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_alphanumeric()) {
            return Some(text);
        }
        self.faults.push(format!("{name} is not up to 128 letters, digits and hyphens"));
        None
    }

    /// The certificate in a file, if each endpoint that is in use is on this machine: in AWS nobody but Amazon is trusted.
    fn local_authority(&mut self, name: &str, endpoints: &[(&str, bool)]) -> Option<String> {
        let path = self.text(name)?;
        for (endpoint, _) in endpoints.iter().filter(|(_, is_in_use)| *is_in_use) {
            if !self.text(endpoint).unwrap_or_default().strip_prefix("https://").is_some_and(is_loopback) {
                self.faults.push(format!("{name} needs {endpoint} to be https on loopback"));
                return None;
            }
        }
        let text = std::fs::read_to_string(path);
        text.map_err(|error| self.faults.push(format!("{name} is not readable: {}", error.kind()))).ok()
    }

    fn flag(&mut self, name: &str) -> bool {
        match self.text(name).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.faults.push(format!("{name} is neither true nor false"));
                false
            }
        }
    }

    fn required(&mut self, name: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            self.faults.push(format!("{name} is missing"));
            String::new()
        })
    }

    fn number<T>(&mut self, name: &str, default: T, range: std::ops::RangeInclusive<T>) -> T
    where
        T: std::str::FromStr + PartialOrd + Copy + fmt::Display,
    {
        let Some(text) = self.text(name) else { return default };
        match text.parse() {
            Ok(value) if range.contains(&value) => value,
            _ => {
                self.faults.push(format!("{name} is not a whole number from {} to {}", range.start(), range.end()));
                default
            }
        }
    }
}

fn is_base_url(text: &str) -> bool {
    let is_plain = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@\\".contains(&byte));
    let host = |rest: &str| rest.split('/').next().map(str::to_owned).unwrap_or_default();
    if let Some(rest) = text.strip_prefix("https://") {
        return is_plain(rest) && host(rest).starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    }
    text.strip_prefix("http://").is_some_and(|rest| is_plain(rest) && is_loopback(rest))
}

/// Whether a URL's authority, which a path may follow, is this machine, with a port or without.
fn is_loopback(rest: &str) -> bool {
    let host = rest.split('/').next().unwrap_or_default();
    ["127.0.0.1", "localhost", "[::1]"].into_iter().any(|loopback| {
        let port = host.strip_prefix(loopback);
        port.is_some_and(|port| port.is_empty() || port.strip_prefix(':').is_some_and(|n| n.parse::<u16>().is_ok()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(&variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    #[test]
    fn a_table_and_a_region_are_enough() {
        let config = read(&[("TABLE_NAME", "t"), ("AWS_REGION", "eu-central-1")]).unwrap();
        assert_eq!((config.password.min_chars, config.hash), (15, HashParameters::DEFAULT));
        assert!(config.key_set.is_none());
    }

    #[test]
    fn all_faults_are_reported_together_without_their_values() {
        let text = read(&[
            ("ACCESS_TOKEN_SECONDS", "1h"),
            ("PASSWORD_MIN_LENGTH", "7"),
            ("ARGON2_MEMORY_KIB", "8000"),
            ("ARGON2_ITERATIONS", "1"),
            ("REFRESH_IDLE_SECONDS", "2592001"),
        ])
        .unwrap_err()
        .to_string();
        for name in
            ["TABLE_NAME", "AWS_REGION", "ACCESS_TOKEN_SECONDS", "PASSWORD_MIN_LENGTH", "OWASP", "REFRESH_IDLE_SECONDS"]
        {
            assert!(text.contains(name), "{name} in {text}");
        }
        assert!(!text.contains("1h"));
    }

    #[test]
    fn breached_passwords_are_asked_for_over_https_or_on_this_machine() {
        let url = |text| {
            let variables = [("TABLE_NAME", "t"), ("AWS_REGION", "r"), ("BREACHED_PASSWORDS_URL", text)];
            read(&variables).map(|config| config.breached_passwords_url)
        };
        assert_eq!(url("").unwrap(), None);
        for good in ["https://api.example.com", "https://example.com:8443/a/b", "http://127.0.0.1:80", "http://[::1]"] {
            assert_eq!(url(good).unwrap().as_deref(), Some(good));
        }
        assert_eq!(url("https://api.example.com/").unwrap().as_deref(), Some("https://api.example.com"));
        for bad in [
            "http://api.example.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1:80@example.com",
            "http://localhost:example.com",
            "https://",
            "https:///range",
            "https://example.com?a",
            "https://example.com#a",
            "https://user@example.com",
            "https://exa mple.com",
            "ftp://example.com",
            "example.com",
        ] {
            let text = url(bad).unwrap_err().to_string();
            assert!(text.starts_with("BREACHED_PASSWORDS_URL is not") && !text.contains(bad), "{bad}: {text}");
        }
    }

    #[test]
    fn another_authority_is_trusted_for_services_of_this_machine_alone() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/amazon-roots.crt");
        let authority = |endpoint, file| {
            let variables = [
                ("TABLE_NAME", "t"),
                ("AWS_REGION", "r"),
                ("AWS_ENDPOINT_URL_DYNAMODB", endpoint),
                ("LOCAL_AUTHORITY_FILE", file),
            ];
            read(&variables).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(authority("", ""), Ok(()));
        for endpoint in ["https://localhost:8000", "https://127.0.0.1", "https://[::1]:1/"] {
            assert_eq!(authority(endpoint, file), Ok(()), "{endpoint}");
        }
        for endpoint in [
            "",
            "http://localhost:8000",
            "https://dynamodb.us-east-1.amazonaws.com",
            "https://localhost.example.com",
            "https://localhost:8000@example.com",
            "https://localhost:8000?@example.com",
            "https://localhost#@example.com",
        ] {
            let fault = "LOCAL_AUTHORITY_FILE needs AWS_ENDPOINT_URL_DYNAMODB to be https on loopback";
            assert_eq!(authority(endpoint, file), Err(fault.to_owned()), "{endpoint}");
        }
        for (name, endpoint) in [
            ("KEY_SET_SECRET_ID", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            ("PSEUDONYM_SECRET_ID", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            ("AUDIT_EVENT_BUS", "AWS_ENDPOINT_URL_EVENTBRIDGE"),
        ] {
            let with = |value| {
                let mut variables = vec![("TABLE_NAME", "t"), ("AWS_REGION", "r"), ("LOCAL_AUTHORITY_FILE", file)];
                variables.extend([
                    ("AWS_ENDPOINT_URL_DYNAMODB", "https://localhost:1"),
                    (name, "x"),
                    (endpoint, value),
                ]);
                read(&variables).map(drop).map_err(|error| error.to_string())
            };
            let fault = format!("LOCAL_AUTHORITY_FILE needs {endpoint} to be https on loopback");
            for elsewhere in ["", "http://localhost:1", "https://amazonaws.com"] {
                assert_eq!(with(elsewhere), Err(fault.clone()), "{name}");
            }
            assert_eq!(with("https://localhost:2"), Ok(()), "{name}");
        }
        let fault = "LOCAL_AUTHORITY_FILE is not readable: entity not found";
        assert_eq!(authority("https://localhost:8000", "/nowhere"), Err(fault.to_owned()));
    }

    #[test]
    fn a_flag_that_is_misspelt_is_a_fault_and_not_off() {
        let flag = |text| {
            let variables = [("TABLE_NAME", "t"), ("AWS_REGION", "r"), ("REQUIRE_ORIGIN_PROOF", text)];
            read(&variables).map(|config| config.requires_origin_proof).map_err(|error| error.to_string())
        };
        assert_eq!((flag("true"), flag("false"), flag("")), (Ok(true), Ok(false), Ok(false)));
        assert_eq!(flag("yes"), Err("REQUIRE_ORIGIN_PROOF is neither true nor false".to_owned()));
    }

    #[test]
    fn metrics_bear_the_name_of_a_stack_or_are_refused() {
        let stack = |text| {
            let variables = [("TABLE_NAME", "t"), ("AWS_REGION", "r"), ("METRICS_STACK", text)];
            read(&variables).map(|config| config.metrics_stack).map_err(|error| error.to_string())
        };
        let longest = "a".repeat(128);
        assert_eq!(stack("vestibule-dev-2"), Ok(Some("vestibule-dev-2".to_owned())));
        assert_eq!((stack(&longest), stack("")), (Ok(Some(longest.clone())), Ok(None)));
        for bad in ["a b", "a/b", "\u{e4}", &format!("{longest}a")] {
            assert_eq!(
                stack(bad),
                Err("METRICS_STACK is not up to 128 letters, digits and hyphens".to_owned()),
                "{bad}"
            );
        }
    }

    #[test]
    fn an_empty_variable_is_an_absent_one() {
        let config = read(&[("TABLE_NAME", "t"), ("AWS_REGION", "r"), ("AWS_ENDPOINT_URL_DYNAMODB", "")]).unwrap();
        assert!(config.aws.dynamodb_endpoint.is_none());
    }
}
