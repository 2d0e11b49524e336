//! The list of audit events is the one that the code writes, and each function that writes any is listened to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use auth::{Event, SessionId, UserId};
use common::events;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

/// The names that stand where an event is made.
fn names(source: &str) -> BTreeSet<String> {
    let calls = ["Event::new(\"", "Event::of(\"", "event(\""];
    let after = calls.iter().flat_map(|call| source.split(call).skip(1));
    after.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// By folder: what each function writes by itself.
fn written_by_functions() -> BTreeMap<String, BTreeSet<String>> {
    let mut written = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("functions")).unwrap() {
        let (folder, mut source) = (entry.unwrap().path(), String::new());
        sources(&folder.join("src"), &mut source);
        // The forwarder's tests are about records, and it writes none.
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        written.insert(name, if source.contains("Event::") { names(&source) } else { BTreeSet::new() });
    }
    written
}

#[test]
fn the_tables_and_the_schema_list_what_the_code_writes() {
    let mut written: BTreeSet<String> = written_by_functions().into_values().flatten().collect();
    let mut source = String::new();
    sources(&root().join("shared/auth/src"), &mut source);
    sources(&root().join("tools/admin/src"), &mut source);
    written.extend(names(&source));
    let listed: BTreeSet<String> = events::table().into_keys().collect();
    assert_eq!(listed, written, "docs/LOGGING.md against the sources");
    let schema = events::schema();
    let known = schema["properties"]["event"]["enum"].as_array().unwrap();
    let known: BTreeSet<String> = known.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    assert_eq!(known, written, "docs/audit-event.schema.json against the sources");
}

#[test]
fn a_record_has_the_schema_s_members_and_no_others() {
    let id = || UserId::parse("01a5e0c4-0000-7000-8000-000000000001").unwrap();
    let session = SessionId::parse("01a5e0c5-0000-7000-8000-000000000002").unwrap();
    let full = Event::new("all_sessions_revoked").user(id()).session(session).because("kept_current");
    let full = Event { request_id: Some("r"), network: Some("tV4p0a2rQ8mXyQ3cT1vB6g"), ..full };
    let full = serde_json::to_value(&full).unwrap();
    events::check(&full);
    let members: BTreeSet<_> = full.as_object().unwrap().keys().cloned().collect();
    let known: BTreeSet<_> = events::schema()["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, known);
    events::check(&serde_json::to_value(Event::new("admin_user_shown").by("operator").subject(id())).unwrap());
    events::check(&serde_json::to_value(Event::new("keys_revoked").alarming()).unwrap());
}

#[test]
fn every_function_that_writes_events_has_a_filter_and_the_forwarder_has_none() {
    let template: Value = serde_saphyr::from_str(include_str!("../../../template.yaml")).unwrap();
    let resources = template["Resources"].as_object().unwrap();
    let filters = resources.values().filter(|resource| resource["Type"] == "AWS::Logs::SubscriptionFilter");
    let mut listened = BTreeSet::new();
    for filter in filters {
        assert_eq!(filter["Condition"], "HasAuditEventBus");
        assert_eq!(filter["Properties"]["FilterPattern"], "{ $.message = \"event\" }");
        listened.insert(filter["Properties"]["LogGroupName"].as_str().unwrap().to_owned());
    }
    let writing = written_by_functions().into_iter().filter(|(_, names)| !names.is_empty());
    let groups: BTreeSet<_> = writing.map(|(folder, _)| format!("{}Logs", pascal(&folder))).collect();
    assert_eq!(listened, groups);
    assert!(!listened.contains("AuditForwarderLogs"), "it would feed itself");
    for (name, resource) in resources.iter().filter(|(name, _)| name.starts_with("AuditForwarder")) {
        let expected = if name.ends_with("Alarm") { "HasForwarderAlarm" } else { "HasAuditEventBus" };
        assert_eq!(resource["Condition"], expected, "{name}");
    }
}

fn pascal(folder: &str) -> String {
    folder.split('-').map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..])).collect::<Vec<_>>().concat()
}
