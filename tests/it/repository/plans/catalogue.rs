//! What we ask the catalogue of MariaDB, it answers from one database: a server of a hosting company has thousands, and
//! MariaDB reads the folder of each one that a statement does not rule out.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use sqlx::{AssertSqlSafe, MySqlPool, Row};
use tower_tokens::repository::{MySqlRepository, TokenRepository, UserTable};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::repository::mysql::fresh_pool;
use crate::trongate_site::TrongateSite;

/// The statements that this thread runs and whose text has more than four words, as sqlx logs them.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<Vec<String>>>);

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

impl Visit for Statements {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "db.statement" {
            self.0.lock().unwrap().push(value.trim().to_owned());
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn Debug) {}
}

/// What a statement reads from the catalogue: each table of it, and by what MariaDB looks up in it.
async fn look_ups(pool: &MySqlPool, statement: &str) -> Vec<(String, Option<String>)> {
    let explain = AssertSqlSafe(format!("EXPLAIN {statement}"));
    let parameters = statement.matches('?').count();
    let explain = (0..parameters).fold(sqlx::query(explain), |explain, _| explain.bind("users"));
    let rows = explain.fetch_all(pool).await.unwrap();
    rows.iter().map(|row| (row.get("table"), row.get("key"))).collect()
}

/// The first of the columns that MariaDB looks up by is the database. Source: MariaDB, "Information Schema", where
/// `EXPLAIN` names these columns as the key.
fn is_in_one_database(key: Option<&str>) -> bool {
    let first = key.and_then(|key| key.split(',').next());
    first.is_some_and(|first| ["TABLE_SCHEMA", "EVENT_OBJECT_SCHEMA"].contains(&first))
}

#[tokio::test]
async fn no_question_to_the_catalogue_of_mariadb_reads_every_database() {
    let pool = fresh_pool().await;
    let version: String = sqlx::query_scalar("SELECT VERSION()").fetch_one(&pool).await.unwrap();
    if !version.contains("MariaDB") {
        // MySQL keeps its catalogue in tables, which have indexes.
        return;
    }
    sqlx::raw_sql("CREATE TABLE users (id INT NOT NULL PRIMARY KEY, role VARCHAR(30))").execute(&pool).await.unwrap();
    let site = TrongateSite::new().await;
    let statements = Statements::default();
    let guard = tracing::subscriber::set_default(statements.clone());

    let store = MySqlRepository::with_pool(pool.clone());
    let with_users = store.clone().with_users(UserTable::new("users").level("role").announce_changes());
    for _ in 0..2 {
        store.migrate().await.unwrap();
        with_users.migrate().await.unwrap();
    }
    store.change_bus().unwrap().subscribe().await.unwrap();
    with_users.change_bus().unwrap().subscribe().await.unwrap();
    let trongate = site.repository().await;
    trongate.create_index().await.unwrap();
    trongate.announce_changes().await.unwrap();
    trongate.change_bus().unwrap().subscribe().await.unwrap();

    drop(guard);
    let mut asked = statements.0.lock().unwrap().clone();
    asked.retain(|statement| statement.contains("information_schema"));
    asked.sort();
    asked.dedup();
    for statement in &asked {
        for (table, key) in look_ups(&pool, statement).await {
            assert!(is_in_one_database(key.as_deref()), "{table} is looked up by {key:?}: {statement}");
        }
    }
    assert!(asked.len() >= 6, "{asked:#?}");

    let scan = look_ups(&pool, "SELECT 1 FROM information_schema.triggers WHERE trigger_schema = ?").await;
    assert!(scan.len() == 1 && !is_in_one_database(scan[0].1.as_deref()), "a scan would be seen: {scan:?}");
}
