//! A DynamoDB in this process, with the table of template.yaml: for `make run` and the tests.
//!
//! What the engine gets wrong: it never throttles, never answers `TransactionConflict`, its indexes are never behind,
//! it knows no IAM, it expires nothing unless [`Engine::sweep_ttl`] is called, and its table has no stream: it would keep
//! every record for ever, and look through all of them at each write.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::OnceLock;

use dynoxide::Database;
use dynoxide::server::serve_with_shutdown;
use dynoxide::{ImportOptions, Item};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

/// The definition of the resource `Table` in template.yaml, as a `CreateTable` request without `TableName` and the stream,
/// and `TimeToLiveSpecification`, which DynamoDB takes in a request of its own.
///
/// # Errors
/// One line that names what template.yaml lacks.
pub fn table_definition() -> Result<Value, String> {
    // Tests make tables by the hundred.
    static DEFINITION: OnceLock<Result<Value, String>> = OnceLock::new();
    DEFINITION.get_or_init(read_definition).clone()
}

fn read_definition() -> Result<Value, String> {
    const REQUIRED: [&str; 5] =
        ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode", "TimeToLiveSpecification"];
    // CloudFormation's tags (`!Ref`, `!If`) are read as the plain values behind them: the table uses none of them here.
    let template: Value =
        serde_saphyr::from_str(TEMPLATE).map_err(|error| format!("template.yaml: {}", line(&error)))?;
    let properties = &template["Resources"]["Table"]["Properties"];
    let mut definition = Map::new();
    for name in REQUIRED {
        let value = properties.get(name).ok_or_else(|| format!("template.yaml: the resource Table has no {name}"))?;
        definition.insert(name.to_owned(), value.clone());
    }
    Ok(Value::Object(definition))
}

/// A running database. Clones share it.
#[derive(Clone)]
pub struct Engine {
    database: Database,
}

impl Engine {
    /// Opens the file, of mode 0600, or a database in memory, and creates `table` if it is not there yet.
    ///
    /// # Errors
    /// One line for the operator: a file that can't be opened, or a template that defines no table.
    pub fn open(path: Option<&Path>, table: &str) -> Result<Self, String> {
        let database = match path {
            Some(path) => {
                keep_private(path).map_err(|error| format!("{}: {error}", path.display()))?;
                let name = path.to_str().ok_or_else(|| format!("{}: the path is not UTF-8", path.display()))?;
                Database::new(name).map_err(|error| format!("{name}: {}", line(&error)))?
            }
            None => Database::memory().map_err(|error| line(&error))?,
        };
        let engine = Self { database };
        engine.create_table(table)?;
        Ok(engine)
    }

    /// Creates a table of template.yaml's definition, unless one of that name exists, which loses its stream if it has one.
    ///
    /// # Errors
    /// One line that names the table.
    pub fn create_table(&self, name: &str) -> Result<(), String> {
        let mut definition = table_definition()?;
        let time_to_live = definition["TimeToLiveSpecification"].take();
        definition["TableName"] = json!(name);
        let create = || -> Result<(), String> {
            match self.database.get_table_metadata(name).map_err(|error| line(&error))? {
                None => {
                    let request = serde_json::from_value(definition).map_err(|error| line(&error))?;
                    self.database.create_table(request).map_err(|error| line(&error))?;
                }
                Some(table) if table.stream_enabled => {
                    let request = json!({ "TableName": name, "StreamSpecification": { "StreamEnabled": false } });
                    let request = serde_json::from_value(request).map_err(|error| line(&error))?;
                    self.database.update_table(request).map_err(|error| line(&error))?;
                }
                Some(_) => {}
            }
            let request = json!({ "TableName": name, "TimeToLiveSpecification": time_to_live });
            let request = serde_json::from_value(request).map_err(|error| line(&error))?;
            self.database.update_time_to_live(request).map(drop).map_err(|error| line(&error))
        };
        create().map_err(|error| format!("table {name}: {error}"))
    }

    /// The item of this key, as DynamoDB's JSON.
    ///
    /// # Errors
    /// One line that names the key, if there is no such item.
    pub fn item(&self, table: &str, pk: &str, sk: &str) -> Result<Value, String> {
        let request = json!({ "TableName": table, "Key": { "pk": { "S": pk }, "sk": { "S": sk } } });
        let request = serde_json::from_value(request).map_err(|error| line(&error))?;
        let item = self.database.get_item(request).map_err(|error| line(&error))?.item;
        let item = item.ok_or_else(|| format!("there is no item {pk} {sk}"))?;
        serde_json::to_value(item).map_err(|error| line(&error))
    }

    /// Writes items, given as DynamoDB's JSON, in one transaction, indexes included: many accounts for a
    /// measurement.
    ///
    /// # Errors
    /// One line that names the table; nothing is written then.
    pub fn import(&self, table: &str, items: impl IntoIterator<Item = Value>) -> Result<(), String> {
        let fail = |error: &dyn std::fmt::Display| format!("table {table}: {}", line(error));
        let items: Result<Vec<Item>, _> = items.into_iter().map(serde_json::from_value).collect();
        let items = items.map_err(|error| fail(&error))?;
        self.database.enable_bulk_loading().map_err(|error| fail(&error))?;
        let imported = self.database.import_items(table, items, ImportOptions::default());
        self.database.disable_bulk_loading().map_err(|error| fail(&error))?;
        imported.map(drop).map_err(|error| fail(&error))
    }

    /// Speaks DynamoDB's JSON protocol on `listener` until `shutdown` resolves. Any credentials will do.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), String> {
        serve_with_shutdown(listener, self.database.clone(), shutdown).await
    }

    /// Deletes the items whose `expires_at` has passed by the system's clock; says how many.
    pub fn sweep_ttl(&self) -> Result<usize, String> {
        self.database.sweep_ttl().map_err(|error| line(&error))
    }
}

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// Makes the file before `SQLite` does, which would ask the umask; its journal files take over the mode.
fn keep_private(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

/// The first line of an error: parsers add excerpts and hints.
fn line(error: &dyn std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_defines_the_table() {
        let definition = table_definition().unwrap();
        let indexes: Vec<_> = (definition["GlobalSecondaryIndexes"].as_array().unwrap().iter())
            .map(|index| index["IndexName"].as_str().unwrap())
            .collect();
        assert_eq!(indexes, ["email-index", "username-index"]);
        assert_eq!(definition["TimeToLiveSpecification"], json!({ "AttributeName": "expires_at", "Enabled": true }));
        assert_eq!(definition["KeySchema"][0], json!({ "AttributeName": "pk", "KeyType": "HASH" }));
    }

    #[test]
    fn a_table_has_both_indexes_and_no_stream() {
        let engine = Engine::open(None, "users").unwrap();
        let table = describe(&engine);
        assert_eq!(table["GlobalSecondaryIndexes"].as_array().unwrap().len(), 2);
        assert_eq!(table["StreamSpecification"], Value::Null);
    }

    #[test]
    fn a_table_with_a_stream_loses_it() {
        let engine = Engine::open(None, "others").unwrap();
        let mut definition = table_definition().unwrap();
        definition.as_object_mut().unwrap().remove("TimeToLiveSpecification");
        definition["TableName"] = json!("users");
        definition["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" });
        engine.database.create_table(serde_json::from_value(definition).unwrap()).unwrap();
        put(&engine, json!({ "pk": { "S": "A" }, "sk": { "S": "A" } }));
        assert_eq!(describe(&engine)["StreamSpecification"]["StreamEnabled"], true);

        engine.create_table("users").unwrap();
        assert_eq!(describe(&engine)["StreamSpecification"]["StreamEnabled"], Value::Null);
        assert_eq!(count(&engine), 1);
    }

    #[test]
    fn expired_items_are_swept() {
        let engine = Engine::open(None, "users").unwrap();
        put(&engine, json!({ "pk": { "S": "A" }, "sk": { "S": "OLD" }, "expires_at": { "N": "1000" } }));
        put(&engine, json!({ "pk": { "S": "A" }, "sk": { "S": "KEPT" } }));
        assert_eq!(engine.sweep_ttl(), Ok(1));
        assert_eq!(count(&engine), 1);
    }

    #[test]
    fn a_file_keeps_its_items_and_is_the_owners_alone() {
        let directory = std::env::temp_dir().join(format!("vestibule-engine-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("test.db");
        put(&Engine::open(Some(&path), "users").unwrap(), json!({ "pk": { "S": "A" }, "sk": { "S": "A" } }));

        let again = Engine::open(Some(&path), "users").unwrap();
        assert_eq!(count(&again), 1);
        for entry in std::fs::read_dir(&directory).unwrap() {
            assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        drop(again);
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn many_items_are_written_at_once_and_found_by_the_index() {
        let engine = Engine::open(None, "users").unwrap();
        let item = |n: usize| json!({ "pk": { "S": format!("USER#{n}") }, "sk": { "S": "USER" }, "email_key": { "S": n.to_string() } });
        engine.import("users", (0..100).map(item)).unwrap();
        assert_eq!((count(&engine), engine.item("users", "USER#42", "USER")), (100, Ok(item(42))));
        let request = json!({
            "TableName": "users", "IndexName": "email-index", "KeyConditionExpression": "email_key = :key",
            "ExpressionAttributeValues": { ":key": { "S": "42" } },
        });
        assert_eq!(engine.database.query(serde_json::from_value(request).unwrap()).unwrap().count, 1);
    }

    #[test]
    fn a_missing_directory_is_one_line() {
        let error = Engine::open(Some(Path::new("/nowhere/test.db")), "users").err().unwrap();
        assert!(error.starts_with("/nowhere/test.db: ") && error.lines().count() == 1, "{error}");
    }

    #[allow(clippy::needless_pass_by_value)]
    fn put(engine: &Engine, item: Value) {
        let request = json!({ "TableName": "users", "Item": item });
        engine.database.put_item(serde_json::from_value(request).unwrap()).unwrap();
    }

    fn describe(engine: &Engine) -> Value {
        let request = serde_json::from_value(json!({ "TableName": "users" })).unwrap();
        serde_json::to_value(engine.database.describe_table(request).unwrap()).unwrap()["Table"].take()
    }

    fn count(engine: &Engine) -> usize {
        let request = serde_json::from_value(json!({ "TableName": "users" })).unwrap();
        engine.database.scan(request).unwrap().count
    }
}
