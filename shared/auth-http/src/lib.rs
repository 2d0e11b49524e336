//! Every HTTP concern of Vestibule, so that `auth` knows none and a function's handler reads as the story it tells.
//!
//! A handler takes its body as [`Json`], answers [`Reply`] or a [`Problem`], and lives in a plain `axum::Router`;
//! [`edge`] puts around that router what every answer has in common, [`run`] serves it on Lambda.
//!
//! Not offered: content negotiation, forms, multipart, compression (`CloudFront`'s), CORS in AWS (API Gateway's).

mod bearer;
mod body;
mod cookie;
mod cors;
mod device;
mod edge;
mod json;
mod lambda;
mod metrics;
mod origin;
mod problem;
mod signed_in;

pub use bearer::bearer;
pub use body::{PresentedToken, Reply, Transport, UserAnswer, UserBody, tokens_answer};
pub use cookie::{clear_refresh, cookie, set_device, set_refresh};
pub use cors::cors;
pub use device::{device, remember_device};
pub use edge::{Peer, edge};
pub use json::{BODY_LIMIT, Body, Faults, Field, Json, REQUIRED, Unknown};
pub use lambda::{LambdaResponse, handle, log_panics, run, run_events};
pub use origin::check as check_origin;
pub use problem::Problem;
pub use signed_in::{Admin, Authenticated};

/// What a handler returns.
pub type Answer = Result<axum::response::Response, Problem>;
