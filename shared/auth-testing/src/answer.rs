use axum::body::to_bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// What a client gets.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// `Null` if the text is not JSON.
    pub body: Value,
    pub text: String,
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Self {
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("the answer's body");
        Self::new(head.status.as_u16(), head.headers, &body)
    }

    /// What API Gateway makes of a function's answer: it reads these members and no others.
    pub(crate) fn of_lambda(answer: &Value) -> Self {
        let value = |text: &Value| HeaderValue::from_str(text.as_str().unwrap()).expect("a header's value");
        let mut headers = HeaderMap::new();
        for (name, text) in answer["headers"].as_object().into_iter().flatten() {
            headers.insert(HeaderName::try_from(name).expect("a header's name"), value(text));
        }
        for cookie in answer["cookies"].as_array().into_iter().flatten() {
            headers.append(header::SET_COOKIE, value(cookie));
        }
        let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status");
        let text = answer["body"].as_str().unwrap_or_default();
        if answer["isBase64Encoded"] == true {
            return Self::new(status, headers, &STANDARD.decode(text).expect("the body is base64"));
        }
        Self::new(status, headers, text.as_bytes())
    }

    fn new(status: u16, headers: HeaderMap, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body).into_owned();
        Self { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
    }

    /// The header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header of visible ASCII"))
    }

    /// The `code` of a problem document, or nothing.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}
