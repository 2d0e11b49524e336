use axum::http::StatusCode;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Sample {
    #[serde(default)]
    name: Field,
    #[serde(default)]
    nick: Field,
    #[serde(default)]
    bio: Field,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Debug)]
struct Valid {
    name: String,
    nick: Option<String>,
    bio: Change<String>,
}

fn short(text: &str) -> Result<String, Invalid> {
    if text.len() < 5 { Ok(text.to_owned()) } else { Err(Invalid { code: "too_long", detail: "Too long." }) }
}

impl Body for Sample {
    type Valid = Valid;

    fn check(self, _: &App, faults: &mut Faults) -> Option<Valid> {
        faults.unknown(self.unknown);
        let name = faults.required("/name", self.name, short);
        let nick = faults.optional("/nick", self.nick, short);
        let bio = faults.change("/bio", self.bio, short);
        Some(Valid { name: name?, nick: nick?, bio: bio? })
    }
}

fn app_for_tests() -> App {
    let clock = auth::Clock::fixed(auth::Timestamp::from_millis(0));
    App::for_tests("http://127.0.0.1:1", "none", clock, auth::Random::seeded(1), auth::Log::memory())
}

fn request(content_type: Option<&str>, body: impl Into<HttpBody>) -> Request {
    let mut request = Request::new(body.into());
    request.extensions_mut().insert(app_for_tests());
    if let Some(value) = content_type {
        request.headers_mut().insert(CONTENT_TYPE, value.parse().unwrap());
    }
    request
}

async fn read_sample(body: impl Into<HttpBody>) -> Result<Valid, Problem> {
    let request = request(Some("application/json"), body);
    let json = <Json<Sample> as FromRequest<()>>::from_request(request, &()).await;
    json.map(|Json(valid)| valid)
}

async fn faults_of(body: &'static str) -> Vec<(&'static str, &'static str)> {
    let problem = read_sample(body).await.unwrap_err();
    assert_eq!(problem.code, "validation_failed");
    problem.errors.iter().map(|fault| (fault.pointer, fault.invalid.code)).collect()
}

#[tokio::test]
async fn a_valid_body_arrives_as_the_domains_types() {
    let valid = read_sample(r#"{"name": "ada", "nick": null, "bio": null}"#).await.unwrap();
    assert_eq!(valid.name, "ada");
    assert_eq!(valid.nick, None);
    assert!(matches!(valid.bio, Change::Clear));
    let valid = read_sample(r#"{"name": "a\u0064a", "nick": "x"}"#).await.unwrap();
    assert_eq!((valid.name.as_str(), valid.nick.as_deref()), ("ada", Some("x")));
    assert!(matches!(valid.bio, Change::Keep));
}

#[tokio::test]
async fn all_faults_are_reported_at_once() {
    let body = r#"{"nick": 5, "bio": "far too long", "is_admin": {"a": [true]}, "x": null}"#;
    let expected = [("", "unknown_member"), ("/name", "required"), ("/nick", "wrong_type"), ("/bio", "too_long")];
    assert_eq!(faults_of(body).await, expected);
}

#[tokio::test]
async fn any_json_type_is_a_fault_and_not_a_crash() {
    for value in ["true", "-1", "1", "18446744073709551615", "1.5", "[]", "{}", "[1, {\"a\": []}]"] {
        let problem = read_sample(format!("{{\"name\": {value}}}")).await.unwrap_err();
        assert_eq!(problem.errors[0].invalid.code, "wrong_type", "{value}");
    }
}

#[tokio::test]
async fn a_root_that_is_no_object_is_a_fault() {
    for root in ["null", "[]", "\"text\"", "1", "true"] {
        let problem = read_sample(root).await.unwrap_err();
        assert_eq!((problem.code, problem.errors[0].pointer), ("validation_failed", ""), "{root}");
    }
}

#[tokio::test]
async fn what_is_not_well_formed_is_malformed() {
    let deep = format!("{{\"name\": {}{}}}", "[".repeat(200), "]".repeat(200));
    let bodies = [
        "",
        " ",
        "{",
        "{} {}",
        "{'name': 1}",
        "{\"name\": \"a\",}",
        "{\"name\": \"a\", \"name\": \"a\"}",
        "{\"name\": \"a\", \"n\\u0061me\": \"b\"}",
        "{\"name\": \"a\", \"x\": 1, \"x\": 2}",
        "{\"name\": {\"x\": 1, \"x\": 2}}",
        "{\"name\": \"\\ud800\"}",
        "{\"x\": [\"\\udc00\"]}",
        "{\"name\": NaN}",
        "{\"name\": 1e999}",
        "\u{feff}{}",
        &deep,
    ];
    for body in bodies {
        let problem = read_sample(body.to_owned()).await.unwrap_err();
        assert_eq!((problem.status, problem.code), (StatusCode::BAD_REQUEST, "malformed_json"), "{body}");
    }
    let problem = read_sample(b"{\"name\": \"\xff\"}".to_vec()).await.unwrap_err();
    assert_eq!(problem.code, "malformed_json");
}

#[tokio::test]
async fn sixteen_kibibytes_are_the_limit() {
    let padded = |length: usize| format!("{:length$}", "{\"name\": \"ada\"}");
    assert!(read_sample(padded(BODY_LIMIT)).await.is_ok());
    assert_eq!(read_sample(padded(BODY_LIMIT + 1)).await.unwrap_err().code, "body_too_large");
}

#[tokio::test]
async fn only_json_is_taken() {
    let body = "{\"name\": \"ada\"}";
    for good in ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json ;x=1"] {
        assert!(
            <Json<Sample> as FromRequest<()>>::from_request(request(Some(good), body), &()).await.is_ok(),
            "{good}"
        );
    }
    for bad in [None, Some("text/plain"), Some("application/jsonx"), Some("application/problem+json"), Some("")] {
        let result = <Json<Sample> as FromRequest<()>>::from_request(request(bad, body), &()).await;
        assert_eq!(result.err().unwrap().code, "unsupported_media_type", "{bad:?}");
    }
}

#[tokio::test]
async fn a_body_may_be_left_out_where_the_handler_says_so() {
    let optional = async |content_type, body: &'static str| {
        <Json<Sample> as OptionalFromRequest<()>>::from_request(request(content_type, body), &()).await
    };
    assert!(optional(None, "").await.is_ok_and(|json| json.is_none()));
    assert!(optional(Some("application/json"), "{\"name\": \"ada\"}").await.is_ok_and(|json| json.is_some()));
    assert_eq!(optional(None, "{\"name\": \"ada\"}").await.err().unwrap().code, "unsupported_media_type");
}

#[test]
fn a_fields_text_is_not_shown() {
    let field: Field = serde_json::from_str("\"secret\"").unwrap();
    assert_eq!(format!("{field:?}"), "Text(..)");
}
