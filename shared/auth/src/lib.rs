//! The domain of Vestibule: users, passwords, sessions, tokens, and the one table that holds them.
//!
//! This crate knows neither HTTP nor Lambda. It offers nouns with verbs on them; the sequence of what happens on a
//! login is told by the function (`functions/login/src/lib.rs`).
//!
//! Not offered: password reset and e-mail verification (later issues), and a pluggable store: [`Store`] speaks DynamoDB
//! and nothing else, because what guards the accounts *is* its condition expressions.

mod access_token;
mod app;
#[cfg(feature = "strength")]
mod breach;
#[cfg(feature = "bus")]
mod bus;
mod cached;
mod callback;
mod clock;
mod config;
mod credentials;
mod device;
mod email;
mod error;
mod key_set;
mod log;
mod network;
mod password;
mod pending_file;
mod profile;
mod pseudonym;
mod random;
mod refresh_token;
mod secret;
mod session;
mod store;
#[cfg(feature = "strength")]
mod strength;
mod tally;
mod throttle;
mod user;
mod username;

pub use access_token::{AccessToken, Claims, Verifier};
pub use app::{App, Published, SignedIn, Signer, Tokens};
#[cfg(feature = "strength")]
pub use breach::BreachedPasswords;
#[cfg(feature = "bus")]
pub use bus::{AuditRecord, Bus, Refused};
pub use callback::CallbackUrl;
pub use clock::{Clock, Timestamp};
pub use config::{Config, ConfigError, Lifetimes, PasswordPolicy, SecretSource};
pub use credentials::{Credential, HashUpgrade};
pub use device::Device;
pub use email::Email;
pub use error::{Error, Fault, Invalid, Result};
pub use key_set::{Algorithm, KeySet, KeySetError, PublicKeySet, Revocation, Schedule};
pub use log::{Caller, Event, Log};
pub use network::Network;
pub use password::{HashParameters, Hasher, Password, PasswordHash};
pub use pending_file::PendingFile;
pub use profile::{Bio, BirthDate, FullName};
pub use pseudonym::Pseudonyms;
pub use random::Random;
pub use refresh_token::{MacKey, RefreshToken};
pub use secret::{KeySetSecret, Versions};
pub use session::{Presentation, Session, SessionId};
pub use store::{Account, Ended, Rotation, Store, UserPage};
pub use tally::Tally;
pub use throttle::{Bucket, Failures, Identifier, Pass, Throttle};
pub use user::{Change, ProfileChange, Role, Status, User, UserId};
pub use username::Username;
