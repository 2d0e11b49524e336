//! The answer to CloudFormation, at an address that it gives.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use crate::store::sdk::{self, Roots};
use crate::{App, Error, Result};

/// A presigned address, good for one answer: whoever holds it may give that answer, so it has no `Debug` text.
#[derive(Clone)]
pub struct CallbackUrl(String);

impl fmt::Debug for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackUrl(..)")
    }
}

impl CallbackUrl {
    /// `https`, except for an app on a local engine.
    pub fn parse(app: &App, text: &str) -> Option<Self> {
        let is_allowed = text.starts_with("https://") || app.config.is_local() && text.starts_with("http://127.0.0.1:");
        (is_allowed && HttpRequest::get(text).is_ok()).then(|| Self(text.to_owned()))
    }

    /// Puts the answer there, in three tries: nobody asks again for one that was lost.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the last status.
    pub async fn put(&self, json: &str) -> Result<()> {
        let connector = sdk::https_connector(Roots::Amazon);
        let mut failure = Cow::Borrowed("no answer");
        for pause in PAUSES {
            tokio::time::sleep(pause).await;
            let call = tokio::time::timeout(PATIENCE, connector.call(self.request(json)?));
            match call.await {
                Ok(Ok(answer)) if answer.status().is_success() => return Ok(()),
                Ok(Ok(answer)) => failure = Cow::Owned(answer.status().as_u16().to_string()),
                Ok(Err(_)) => failure = Cow::Borrowed("no connection"),
                Err(_) => failure = Cow::Borrowed("timeout"),
            }
        }
        Err(Error::Unavailable { operation: "callback", code: failure })
    }

    fn request(&self, json: &str) -> Result<HttpRequest> {
        const FAILED: Error = Error::Internal("the callback address is no URL");
        let mut request = HttpRequest::new(SdkBody::from(json));
        request.set_method("PUT").map_err(|_| FAILED)?;
        request.set_uri(self.0.as_str()).map_err(|_| FAILED)?;
        // The address is signed for an answer without a content type.
        request.headers_mut().insert("content-type", "");
        Ok(request)
    }
}

/// Before each try.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(300), Duration::from_secs(1)];
/// For one try.
const PATIENCE: Duration = Duration::from_secs(3);
