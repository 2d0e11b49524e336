//! Audit events, as docs/audit-event.schema.json and the tables of docs/LOGGING.md have them.

use std::collections::BTreeMap;

use serde_json::Value;

/// One row of the tables.
#[derive(Debug)]
pub struct Row {
    /// In the table of the operators' command line.
    pub is_operators: bool,
    pub is_alarming: bool,
    /// The members that it always has, besides those that every record has.
    pub carries: Vec<String>,
}

pub fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../docs/audit-event.schema.json")).unwrap()
}

/// The events of the two tables, by name. A row may be about several.
pub fn table() -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for line in include_str!("../../../../docs/LOGGING.md").lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let is_operators = cells[0].starts_with("`admin_");
        let is_event = if is_operators { cells.len() == 3 } else { ["info", "**warn**"].contains(&cells[1]) };
        if !is_event {
            continue;
        }
        for name in quoted(cells[0]) {
            let carries = quoted(cells.last().unwrap()).map(str::to_owned).collect();
            let row = Row { is_operators, is_alarming: cells[1] == "**warn**", carries };
            assert!(rows.insert(name.to_owned(), row).is_none(), "{name} is twice in the tables");
        }
    }
    rows
}

fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Panics unless a record is as the schema and the table say.
pub fn check(record: &Value) {
    let (schema, members) = (schema(), record.as_object().expect("an object"));
    let properties = schema["properties"].as_object().unwrap();
    for required in schema["required"].as_array().unwrap() {
        assert!(members.contains_key(required.as_str().unwrap()), "{required} is missing: {record}");
    }
    assert_eq!(schema["additionalProperties"], false);
    for (name, value) in members {
        let rule = properties.get(name).unwrap_or_else(|| panic!("{name} is not in the schema: {record}"));
        let text = value.as_str().unwrap_or_else(|| panic!("{name} is no text: {record}"));
        assert!(rule.get("const").is_none_or(|constant| constant == value), "{name}: {record}");
        let is_listed = |list: &Value| list.as_array().unwrap().contains(value);
        assert!(rule.get("enum").is_none_or(is_listed), "{name} is none of the list: {record}");
        let longest = rule["maxLength"].as_u64().unwrap_or(64);
        assert!((1..=longest).contains(&(text.len() as u64)), "{name} is too long: {record}");
        match name.as_str() {
            "session_id" | "subject" => assert!(is_uuid(text), "{record}"),
            "actor" => assert!(is_uuid(text) || text == "operator", "{record}"),
            "network" => assert_eq!(text.len(), 22, "{record}"),
            _ => {}
        }
    }
    let row = &table()[record["event"].as_str().unwrap()];
    assert_eq!(record["level"] == "warn", row.is_alarming, "{record}");
    for member in ["actor", "subject", "session_id", "reason"] {
        let is_told = row.carries.iter().any(|carried| carried == member);
        // One event has two members now and then: its row says when.
        let may_differ = record["event"] == "all_sessions_revoked" && member != "actor" && member != "subject";
        let is_operators = row.is_operators && member == "actor";
        assert!(may_differ || members.contains_key(member) == (is_told || is_operators), "{member}: {record}");
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
