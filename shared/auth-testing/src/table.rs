//! The table behind the application's back: straight at the engine, neither counted nor failed by the wire.

use serde_json::{Map, Value, json};

use crate::TestApp;

impl TestApp {
    /// All items but the throttles' buckets as plain values, `{"S": "x"}` being `"x"`, in the order of `pk` and `sk`.
    pub async fn items(&self) -> Vec<Value> {
        let answer = self.wire.direct("Scan", json!({ "ConsistentRead": true })).await;
        assert!(answer["LastEvaluatedKey"].is_null(), "more items than one page holds");
        let mut items: Vec<Value> = answer["Items"].as_array().unwrap().iter().map(plain_members).collect();
        items.retain(|item: &Value| !item["pk"].as_str().is_some_and(|pk| pk.starts_with("THROTTLE#")));
        items.sort_by_key(|item| [item["pk"].to_string(), item["sk"].to_string()]);
        items
    }

    /// Every item as DynamoDB's JSON, to look for what must be nowhere.
    pub async fn whole_table(&self) -> String {
        self.wire.direct("Scan", json!({ "ConsistentRead": true })).await["Items"].to_string()
    }

    /// The item, or `Null`.
    pub async fn item(&self, pk: &str, sk: &str) -> Value {
        let request = json!({ "Key": { "pk": { "S": pk }, "sk": { "S": sk } }, "ConsistentRead": true });
        let answer = self.wire.direct("GetItem", request).await;
        answer.get("Item").map_or(Value::Null, plain_members)
    }

    /// Writes an item, given as plain values, over whatever was there.
    pub async fn put_item(&self, item: Value) {
        self.wire.direct("PutItem", json!({ "Item": attributes(&item) })).await;
    }

    /// Writes an item, given as DynamoDB's JSON, over whatever was there.
    pub async fn put_raw(&self, item: &Value) {
        self.wire.direct("PutItem", json!({ "Item": item })).await;
    }

    /// Sets one attribute of an item, which must exist; `Null` removes the attribute.
    pub async fn update(&self, pk: &str, sk: &str, attribute: &str, value: impl Into<Value>) {
        let mut request = json!({
            "Key": { "pk": { "S": pk }, "sk": { "S": sk } },
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeNames": { "#a": attribute },
        });
        match value.into() {
            Value::Null => request["UpdateExpression"] = json!("REMOVE #a"),
            value => {
                request["UpdateExpression"] = json!("SET #a = :v");
                request["ExpressionAttributeValues"] = json!({ ":v": attribute_value(&value) });
            }
        }
        self.wire.direct("UpdateItem", request).await;
    }

    /// Deletes an item, which must exist.
    pub async fn delete(&self, pk: &str, sk: &str) {
        let key = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        let request = json!({ "Key": key, "ConditionExpression": "attribute_exists(pk)" });
        self.wire.direct("DeleteItem", request).await;
    }
}

fn plain_members(attributes: &Value) -> Value {
    let members = attributes.as_object().unwrap().iter();
    Value::Object(members.map(|(name, value)| (name.clone(), plain(value))).collect())
}

/// Sets become arrays; bytes stay base64.
fn plain(value: &Value) -> Value {
    let (kind, value) = value.as_object().and_then(|members| members.iter().next()).expect("an attribute value");
    let number = |text: &Value| serde_json::from_str(text.as_str().unwrap()).unwrap();
    match kind.as_str() {
        "NULL" => Value::Null,
        "N" => number(value),
        "NS" => value.as_array().unwrap().iter().map(number).collect(),
        "L" => value.as_array().unwrap().iter().map(plain).collect(),
        "M" => plain_members(value),
        _ => value.clone(),
    }
}

fn attributes(item: &Value) -> Value {
    let members = item.as_object().expect("an item is an object").iter();
    Value::Object(members.map(|(name, value)| (name.clone(), attribute_value(value))).collect::<Map<_, _>>())
}

fn attribute_value(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(value) => json!({ "BOOL": value }),
        Value::Number(value) => json!({ "N": value.to_string() }),
        Value::String(value) => json!({ "S": value }),
        Value::Array(values) => json!({ "L": values.iter().map(attribute_value).collect::<Vec<_>>() }),
        Value::Object(_) => json!({ "M": attributes(value) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_as_it_went() {
        let value = json!({ "a": null, "b": true, "c": -12, "d": "x", "e": ["y", { "f": 1.5 }] });
        assert_eq!(plain_members(&attributes(&value)), value);
    }
}
