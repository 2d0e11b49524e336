use super::*;

const FIRST: &str = "11111111-1111-4111-8111-111111111111";
const SECOND: &str = "22222222-2222-4222-8222-222222222222";

fn put(secret: &mut Secret, token: &str, value: &str, stages: &Value) -> Result<Value, Refusal> {
    let request = json!({ "ClientRequestToken": token, "SecretString": value, "VersionStages": stages });
    secret.call("PutSecretValue", &request)
}

fn name<T>(answer: Result<T, Refusal>) -> &'static str {
    answer.err().map_or("", |(name, _)| name)
}

#[test]
fn a_token_takes_one_value_and_one_rotation_goes_on_at_a_time() {
    let mut secret = Secret::default();
    put(&mut secret, FIRST, "a", &Value::Null).unwrap();
    put(&mut secret, FIRST, "a", &Value::Null).unwrap();
    assert_eq!(name(put(&mut secret, FIRST, "b", &Value::Null)), "ResourceExistsException");
    assert_eq!(name(put(&mut secret, "short", "b", &Value::Null)), "InvalidParameterException");

    let rotate = |token: &str| json!({ "ClientRequestToken": token });
    secret.rotate(&rotate(SECOND)).unwrap();
    secret.rotate(&rotate(SECOND)).unwrap();
    assert_eq!(name(secret.rotate(&rotate("33333333-3333-4333-8333-333333333333"))), "InvalidRequestException");
    let pending = json!({ "VersionId": SECOND, "VersionStage": "AWSPENDING" });
    assert_eq!(name(secret.get(&pending)), "ResourceNotFoundException");
    put(&mut secret, SECOND, "b", &json!(["AWSPENDING"])).unwrap();
    assert_eq!(secret.get(&pending).unwrap()["SecretString"], "b");
    assert_eq!(secret.get(&json!({})).unwrap()["SecretString"], "a");
}

#[test]
fn a_stage_moves_only_from_where_it_is() {
    let mut secret = Secret::default();
    put(&mut secret, FIRST, "a", &Value::Null).unwrap();
    put(&mut secret, SECOND, "b", &json!(["AWSPENDING"])).unwrap();
    let mut request = json!({ "VersionStage": "AWSCURRENT", "MoveToVersionId": SECOND });
    assert_eq!(name(secret.update_stage(&request)), "InvalidParameterException");
    request["RemoveFromVersionId"] = json!(FIRST);
    secret.update_stage(&request).unwrap();
    assert_eq!(name(secret.update_stage(&request)), "InvalidParameterException");
    assert_eq!(secret.get(&json!({})).unwrap()["SecretString"], "b");
    assert_eq!(secret.get(&json!({ "VersionStage": "AWSPREVIOUS" })).unwrap()["SecretString"], "a");
}
