//! The headers of the front end's pages, from the resource `PageHeaders` in template.yaml: the distribution in front of a
//! deployment sends the same, so a page that works here works there.

use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// All of them but `Strict-Transport-Security`: over http a browser ignores it (RFC 6797 §8.1).
///
/// # Errors
/// One line that names what template.yaml lacks, or has and isn't known here.
pub fn page_headers(template: &str) -> Result<HeaderMap, String> {
    let template: Value = serde_saphyr::from_str(template)
        .map_err(|error| format!("template.yaml: {}", error.to_string().lines().next().unwrap_or_default()))?;
    let policy = &template["Resources"]["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"];
    let mut headers = HeaderMap::new();
    for (name, value) in policy["SecurityHeadersConfig"].as_object().into_iter().flatten() {
        let (name, value) = match name.as_str() {
            "ContentSecurityPolicy" => (CONTENT_SECURITY_POLICY, &value["ContentSecurityPolicy"]),
            "ContentTypeOptions" => (X_CONTENT_TYPE_OPTIONS, &Value::from("nosniff")),
            "FrameOptions" => (X_FRAME_OPTIONS, &value["FrameOption"]),
            "ReferrerPolicy" => (REFERRER_POLICY, &value["ReferrerPolicy"]),
            "StrictTransportSecurity" => continue,
            other => return Err(fault(other)),
        };
        headers.insert(name, text(value)?);
    }
    for item in policy["CustomHeadersConfig"]["Items"].as_array().into_iter().flatten() {
        let name = item["Header"].as_str().and_then(|name| HeaderName::try_from(name).ok());
        headers.insert(name.ok_or_else(|| fault("CustomHeadersConfig"))?, text(&item["Value"])?);
    }
    if headers.contains_key(CONTENT_SECURITY_POLICY) { Ok(headers) } else { Err(fault("ContentSecurityPolicy")) }
}

fn text(value: &Value) -> Result<HeaderValue, String> {
    value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| fault("a value"))
}

fn fault(what: &str) -> String {
    format!("template.yaml: the resource PageHeaders: {what} is missing, or not of a form that the local server knows")
}
