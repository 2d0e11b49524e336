//! For tests alone: a router on a fresh table of a real DynamoDB engine, with a clock that stands still, seeded
//! randomness, a log in memory, and a wire to the table that counts, delays and fails.
//!
//! There is no mock of the store: what the tests must test *is* the condition expression.

// A test double that can't do its work ends the test there and then; its callers want values, not results.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]
// `app.post(path, json!({ … }))` reads better than with a reference.
#![allow(clippy::needless_pass_by_value)]

mod accounts;
mod answer;
mod breaches;
mod event_bridge;
mod function;
mod secrets;
mod table;
mod test_app;
mod wire;

pub use accounts::PASSWORD;
pub use answer::Answer;
pub use breaches::{Breaches, Says, sha1};
pub use event_bridge::{BusFault, EventBridge};
pub use function::Function;
pub use secrets::SecretsManager;
pub use test_app::{ISSUER, NOW, TestApp, with_origin_proof};
pub use wire::{Call, Fault, Hold, LATE, Wire};
