//! The operators' commands, against a real DynamoDB engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod binary;
mod keys;
mod operator;
mod replacement;
mod stack;
mod unlock;
mod users;
