//! Whether the table holds whole accounts alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Panics unless every user has one credential and one claim that lead to each other, and nothing is without its user.
/// The items are DynamoDB's JSON.
pub fn check_whole(items: &[Value], context: &str) {
    let text = |item: &Value, name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    let of = |sk: &'static str| items.iter().filter(move |item| item["sk"]["S"] == sk);
    let users: BTreeMap<_, _> = of("USER").map(|user| (text(user, "pk"), user)).collect();
    let mut owners = [BTreeSet::new(), BTreeSet::new()];
    for credential in of("CREDENTIAL") {
        let owner = format!("USER#{}", text(credential, "user_id"));
        let user = users.get(&owner).unwrap_or_else(|| panic!("a credential without its user, {context}"));
        let key = text(credential, "pk");
        assert_eq!(key, format!("EMAIL#{}", text(user, "email_key")), "{context}");
        assert_eq!(credential["session_epoch"], user["session_epoch"], "{context}");
        assert_eq!(credential["status"], user["status"], "{context}");
        assert!(owners[0].insert(owner), "two credentials of one user, {context}");
    }
    for claim in of("CLAIM") {
        let owner = format!("USER#{}", text(claim, "user_id"));
        let user = users.get(&owner).unwrap_or_else(|| panic!("a claim without its user, {context}"));
        assert_eq!(text(claim, "pk"), format!("USERNAME#{}", text(user, "username_key")), "{context}");
        assert_eq!(text(claim, "leads_to"), text(user, "email_key"), "{context}");
        assert!(owners[1].insert(owner), "two claims of one user, {context}");
    }
    for (what, owners) in ["credential", "claim"].iter().zip(&owners) {
        assert_eq!(owners.len(), users.len(), "a user without {what}, {context}");
    }
    for session in items.iter().filter(|item| text(item, "pk").starts_with("SESSION#")) {
        let owner = text(session, "pk").replace("SESSION#", "USER#");
        assert!(users.contains_key(&owner), "a session without its user, {context}");
    }
}
